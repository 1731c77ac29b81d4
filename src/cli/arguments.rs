//! From the words typed to the form that the parser knows: the reference's single-dash options, its form without a
//! command, and options before or after the model.

use clap::{Command, CommandFactory};
use sim::SimDuration;

use super::Cli;
use crate::report::document::STANDARD_OUTPUT;

const COMMANDS: [&str; 20] = [
    "learn",
    "test",
    "curve",
    "stats",
    "audit",
    "find-lr",
    "tune",
    "check",
    "inspect",
    "demo",
    "faces",
    "report",
    "bench",
    "devices",
    "gpu-check",
    "keys",
    "weights",
    "completions",
    "man",
    "help",
];

/// Options of the reference that have no counterpart here.
const LACKING: [&str; 33] = [
    "act-clipping-mode",
    "act-quantile-value",
    "act-rescale-per-output",
    "act-rescaling-mode",
    "b-round-mode",
    "c-round-mode",
    "calib",
    "calib-reload",
    "calibOnly",
    "db-export",
    "dev",
    "dynamic-allocation",
    "export",
    "export-parameters",
    "finetuning",
    "fuse",
    "learn-stdp",
    "log-json",
    "multidev",
    "nbbits",
    "no-cle",
    "no-unsigned",
    "pruning",
    "pruning-threshold",
    "qat-sat",
    "save-test-set",
    "testAdv",
    "testQAT",
    "ts",
    "verbose",
    "w-ignore",
    "wt-clipping-mode",
    "wt-round-mode",
];

/// The words in the order and form that the parser expects.
///
/// # Errors
/// An option that does not exist, or a first word that is neither a command nor a model but nearly a command, with the remedy.
pub fn normalize(words: impl IntoIterator<Item = String>) -> Result<Vec<String>, String> {
    let known = Known::of(&Cli::command());
    let mut words = words.into_iter().peekable();
    let mut normalized: Vec<String> = words.next().into_iter().collect();
    let mut rest: Vec<String> = Vec::new();
    let (mut command, mut first) = (None, None);
    let mut present = Vec::new();
    while let Some(word) = words.next() {
        let Some(name) = option_name(&word) else {
            if command.is_none()
                && COMMANDS.contains(&word.as_str())
                && rest.iter().all(|w| w.starts_with('-') || w.parse::<f64>().is_ok())
            {
                command = Some(word);
            } else {
                first.get_or_insert(word.clone());
                rest.push(word);
            }
            continue;
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name.to_string(), Some(value.to_string())),
            None => (name.to_string(), None),
        };
        let name = match name.as_str() {
            "w" => "weights".to_string(),
            "l" => "load".to_string(),
            "h" => "help".to_string(),
            "v" | "V" => "version".to_string(),
            _ => name,
        };
        let Some(takes_value) = known.takes_value(&name) else { return Err(unknown(&word, &name, &known)) };
        present.push(name.clone());
        if name == "json" && value.is_none() {
            // Its file may be left out; a model is none.
            let is_file = |word: &String| {
                option_name(word).is_none() && !word.ends_with(".ini") && !COMMANDS.contains(&word.as_str())
            };
            match words.next_if(|word| command.as_deref() != Some("keys") && is_file(word)) {
                Some(file) => rest.extend(["--json".to_string(), file]),
                None => rest.push(format!("--json={STANDARD_OUTPUT}")),
            }
            continue;
        }
        rest.push(format!("--{name}"));
        match (takes_value, value) {
            (true, Some(value)) => rest.push(value),
            (true, None) => rest.extend(words.next()),
            (false, Some(value)) => return Err(format!("option `{word}`: expected no value, found `{value}`")),
            (false, None) => {}
        }
    }
    let has = |name: &str| present.iter().any(|p| p == name);
    let asks_for_itself = rest.is_empty() || (rest.len() == 1 && (has("help") || has("version")));
    if let (None, Some(word)) = (&command, &first) {
        not_misspelt(word)?;
    }
    if command.is_none() && !asks_for_itself {
        let implied = if has("cfg") {
            "inspect"
        } else if has("find-lr") {
            "find-lr"
        } else if has("learn") || has("learn-epoch") {
            "learn"
        } else if has("test") || has("test-index") || has("test-id") || has("nb-test") {
            "test"
        } else if has("check") {
            "check"
        } else {
            "inspect"
        };
        command = Some(implied.to_string());
    }
    if command.as_deref() == Some("keys") {
        // It has no file to name.
        rest.iter_mut().filter(|word| word.starts_with("--json=")).for_each(|word| *word = "--json".to_string());
    }
    normalized.extend(command);
    normalized.extend(rest);
    Ok(normalized)
}

/// Refuses a word that is no model and nearly a command.
fn not_misspelt(word: &str) -> Result<(), String> {
    match crate::config::nearest(word, COMMANDS) {
        Some(near) if !crate::locate::has_model(word) => {
            Err(format!("`{word}`: no such command or model; did you mean the command `{near}`?"))
        }
        _ => Ok(()),
    }
}

/// The name of an option without its dashes; a number such as `-1` and the word `-` are no options.
fn option_name(word: &str) -> Option<&str> {
    let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    (name.starts_with(|c: char| c.is_alphabetic())).then_some(name)
}

struct Known(Vec<(String, bool)>);

impl Known {
    fn of(cli: &Command) -> Self {
        let mut options = vec![("help".to_string(), false), ("version".to_string(), false)];
        for command in cli.get_subcommands() {
            for arg in command.get_arguments() {
                if let Some(long) = arg.get_long() {
                    options.push((long.to_string(), arg.get_action().takes_values()));
                }
            }
        }
        options.sort();
        options.dedup();
        Self(options)
    }

    fn takes_value(&self, name: &str) -> Option<bool> {
        self.0.iter().find(|(long, _)| long == name).map(|(_, takes)| *takes)
    }
}

fn unknown(word: &str, name: &str, known: &Known) -> String {
    if LACKING.contains(&name) {
        return format!("option `{word}` exists in N2D2 and is not supported here; leave it out");
    }
    let nearest = crate::config::nearest(name, known.0.iter().map(|(long, _)| long.as_str()));
    let hint = nearest.map_or("see `femtospike --help`".to_string(), |near| format!("did you mean `--{near}`?"));
    format!("option `{word}`: unknown; {hint}")
}

/// A count: digits, with `,` between groups if liked, at least 1.
pub fn count(text: &str) -> Result<u64, String> {
    let digits: String = text.chars().filter(|&c| c != ',' && c != '_').collect();
    match digits.parse::<u64>() {
        Ok(0) => Err("expected at least 1".to_string()),
        Ok(value) => Ok(value),
        Err(_) => Err("expected a whole number such as `100000`".to_string()),
    }
}

/// A list of whole numbers, ascending, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers(pub Vec<u32>);

/// Numbers and ranges with commas between them, such as `1-8,12`.
pub fn numbers(text: &str) -> Result<Numbers, String> {
    /// More than anyone plots, few enough to be kept.
    const MOST: u32 = 1000;
    let number = |text: &str| match text.trim().parse::<u32>() {
        Ok(number) if (1..=MOST).contains(&number) => Ok(number),
        _ => Err(format!("expected numbers from 1 to {MOST} and ranges, such as `1-8,12`, found `{text}`")),
    };
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!("expected a range from the lesser number to the greater, found `{part}`"));
        }
        all.extend(first..=last);
    }
    all.sort_unstable();
    all.dedup();
    Ok(Numbers(all))
}

/// A metric, by its name.
pub fn metric(text: &str) -> Result<stats::Metric, String> {
    let names = || stats::Metric::ALL.map(|(name, _)| format!("`{name}`")).join(", ");
    stats::Metric::of_name(text).ok_or_else(|| format!("expected one of {}", names()))
}

/// A presentation time: a bare number is in microseconds, as in the reference.
pub fn present_time(text: &str) -> Result<SimDuration, String> {
    const UNITS: [(&str, f64); 6] = [("fs", 1.0), ("ps", 1e3), ("ns", 1e6), ("us", 1e9), ("ms", 1e12), ("s", 1e15)];
    let wrong = || format!("expected microseconds such as `1` or a time such as `500 ns`, found `{text}`");
    let text = text.trim();
    let split = text.find(|c: char| c.is_alphabetic() && c != 'e').unwrap_or(text.len());
    let (number, unit) = (text[..split].trim(), text[split..].trim());
    let scale = match unit {
        "" => 1e9,
        unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1,
    };
    let femtoseconds = (number.parse::<f64>().map_err(|_| wrong())? * scale).round();
    if (1.0..=1.8e19).contains(&femtoseconds) {
        Ok(SimDuration(femtoseconds as u64))
    } else {
        Err(format!("expected a time between 1 fs and 18000 s, found `{text}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, expected: Result<&str, &str>) {
        let words = std::iter::once("femtospike".to_string()).chain(typed.split_whitespace().map(str::to_string));
        let found = normalize(words).map(|words| words[1..].join(" "));
        match expected {
            Ok(expected) => assert_eq!(found.as_deref(), Ok(expected)),
            Err(part) => {
                let message = found.unwrap_err();
                assert!(message.contains(part), "{message}");
            }
        }
    }

    #[test]
    fn the_reference_form_becomes_a_command() {
        check("m/LeNet.ini -learn 6000000 -log 100000", Ok("learn m/LeNet.ini --learn 6000000 --log 100000"));
        check("m/LeNet_Spike.ini -test", Ok("test m/LeNet_Spike.ini --test"));
        check("-test m/LeNet_Spike.ini -w /dev/null", Ok("test --test m/LeNet_Spike.ini --weights /dev/null"));
        check("-find-lr 10000 x.ini -learn 5", Ok("find-lr --find-lr 10000 x.ini --learn 5"));
        check("x.ini", Ok("inspect x.ini"));
        check("x.ini -check", Ok("check x.ini --check"));
        check("x.ini -check -learn 5", Ok("learn x.ini --check --learn 5"));
        check("x.ini -cfg -learn 5", Ok("inspect x.ini --cfg --learn 5"));
    }

    #[test]
    fn one_dash_and_two_mix_in_any_order() {
        check("--threads 2 learn x.ini -learn-epoch=3", Ok("learn --threads 2 x.ini --learn-epoch 3"));
        check("test -test-index -1 x.ini", Ok("test --test-index -1 x.ini"));
        check("-h", Ok("--help"));
        check("-v", Ok("--version"));
        check("test --help", Ok("test --help"));
        check("bench -json x.json -only leak", Ok("bench --json x.json --only leak"));
    }

    #[test]
    fn an_unknown_option_is_named() {
        check("x.ini -export CPP", Err("`-export` exists in N2D2"));
        check("x.ini -lern 5", Err("did you mean `--learn`"));
        check("x.ini -test=1", Err("expected no value"));
    }

    #[test]
    fn a_misspelt_command_is_no_model() {
        check("benhc", Err("`benhc`: no such command or model; did you mean the command `bench`?"));
        check("lern x.ini -learn 5", Err("the command `learn`?"));
        check("--threads 2 tset x.ini", Err("the command `test`?"));
        check("banana", Ok("inspect banana"));
        check("test lern", Ok("test lern"));
    }

    #[test]
    fn times_are_microseconds_or_carry_a_unit() {
        for (text, expected) in [("1.0", 1_000_000_000), ("500 ns", 500_000_000), ("2us", 2_000_000_000), ("7 fs", 7)] {
            assert_eq!(present_time(text), Ok(SimDuration(expected)));
        }
        for text in ["", "x", "-1", "0", "10 min", "1e30", "nan"] {
            assert!(present_time(text).is_err(), "{text}");
        }
        assert_eq!(count("6,000,000"), Ok(6_000_000));
        assert!(count("0").is_err() && count("-3").is_err());
    }

    #[test]
    fn a_list_has_numbers_and_ranges() {
        assert_eq!(numbers("1-3, 12,2"), Ok(Numbers(vec![1, 2, 3, 12])));
        for text in ["", "0", "3-1", "1-", "a", "1,,2", "-4", "1-2000"] {
            assert!(numbers(text).is_err(), "{text}");
        }
    }
}
