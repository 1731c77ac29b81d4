//! Which option has an effect where: one that was typed and has none is told in a note.

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::model::Description;
use crate::report::progress::note;
use crate::transcode::is_spiking;

/// What was typed, by the names that the parser has for it.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    command: String,
    options: Vec<String>,
}

/// Where an option has an effect: the commands on any model, and those on a model with a spiking half alone.
struct Effect {
    option: &'static str,
    on_all: &'static [&'static str],
    on_spiking: &'static [&'static str],
}

const ALL: &[&str] =
    &["learn", "test", "curve", "stats", "audit", "find-lr", "tune", "check", "inspect", "demo", "weights"];
const RUNS: &[&str] = &["learn", "test", "curve", "stats", "audit", "find-lr", "tune", "check", "demo"];
const LEARNS: &[&str] = &["learn", "demo"];
const TESTS: &[&str] = &["learn", "test", "demo"];
const TEST: &[&str] = &["test"];
const TAKES_WEIGHTS: &[&str] = &["learn", "test", "curve", "stats", "audit", "find-lr", "tune", "check", "weights"];
const CHOOSES: &[&str] = &["learn", "test", "curve", "stats", "demo"];
const SPIKES: &[&str] = &["learn", "test", "curve", "stats", "audit", "tune", "demo"];
const SHOWN: &[&str] = &["learn", "test", "curve", "stats", "audit", "tune", "inspect", "demo"];

const fn effect(option: &'static str, on_all: &'static [&'static str], on_spiking: &'static [&'static str]) -> Effect {
    Effect { option, on_all, on_spiking }
}

const EFFECTS: &[Effect] = &[
    effect("out", ALL, &[]),
    effect("weights", TAKES_WEIGHTS, &[]),
    effect("load", LEARNS, &[]),
    effect("strict", ALL, &[]),
    effect("json", ALL, &[]),
    effect("seed", RUNS, &[]),
    effect("resume", LEARNS, TEST),
    effect("threads", RUNS, &[]),
    effect("device", RUNS, &[]),
    effect("precision", RUNS, &[]),
    effect("log", LEARNS, TEST),
    effect("report", LEARNS, &[]),
    effect("learn", LEARNS, &[]),
    effect("learn_epoch", LEARNS, &[]),
    effect("check", &["learn", "check"], &[]),
    effect("bench", &["learn", "test"], &[]),
    effect("stop_valid", LEARNS, &[]),
    effect("valid_metric", LEARNS, &[]),
    effect("log_epoch", LEARNS, &[]),
    effect("ws", LEARNS, &[]),
    effect("find_lr", &["find-lr"], &[]),
    effect("test", TESTS, &[]),
    effect("skip_bad", RUNS, &[]),
    effect("log_db_stats", RUNS, &[]),
    effect("pre_samples", RUNS, &[]),
    effect("log_kernels", TESTS, &[]),
    effect("log_outputs", TESTS, &[]),
    effect("test_index", CHOOSES, &[]),
    effect("test_id", CHOOSES, &[]),
    effect("nb_test", CHOOSES, &[]),
    effect("page", TESTS, &[]),
    effect("present_time", &[], SPIKES),
    effect("continuous", &[], TESTS),
    effect("checkpoint_after", &[], TESTS),
    effect("normalization", &[], SHOWN),
    effect("pooling", &[], SHOWN),
    effect("encoder_seed", &[], SPIKES),
    effect("float", &[], SHOWN),
    effect("record", &[], TESTS),
    effect("trace", &[], TESTS),
    effect("record_to", &[], TESTS),
];

impl Typed {
    /// What the parser found on the command line.
    pub fn of(matches: &ArgMatches) -> Self {
        let Some((command, found)) = matches.subcommand() else { return Self::default() };
        let typed = |id: &&str| found.value_source(id) == Some(ValueSource::CommandLine);
        let options = EFFECTS.iter().map(|effect| effect.option);
        let options = options.filter(|option| found.try_contains_id(option).is_ok()).filter(typed);
        Self { command: command.to_string(), options: options.map(str::to_string).collect() }
    }

    /// The options that have no effect, as they are written.
    fn without_effect(&self, has_spikes: bool) -> Vec<String> {
        let is_typed = |option: &str| self.options.iter().any(|typed| typed == option);
        // The one stimulus is neither logged nor gone on with.
        let is_single = is_typed("test_index") || is_typed("test_id");
        let has_effect = |effect: &Effect| {
            let here = |commands: &[&str]| commands.contains(&self.command.as_str());
            let in_single = !(is_single && matches!(effect.option, "resume" | "log"));
            let on_all = here(effect.on_all) && !(is_single && effect.option == "page");
            on_all || (has_spikes && here(effect.on_spiking) && in_single)
        };
        let silent = EFFECTS.iter().filter(|effect| is_typed(effect.option) && !has_effect(effect));
        let name = |option: &str| match (self.command.as_str(), option) {
            ("audit", "nb_test") => "--nb-test (audit takes --stimuli N)".to_string(),
            _ => format!("--{}", option.replace('_', "-")),
        };
        silent.map(|effect| name(effect.option)).collect()
    }

    /// Tells in one line which of the options have no effect on this model, or without any.
    pub fn note_without_effect(&self, description: Option<&Description>) {
        // The demo's second model spikes.
        let has_spikes = self.command == "demo" || description.is_some_and(is_spiking);
        let silent = self.without_effect(has_spikes);
        if !silent.is_empty() {
            note(&format!("note: no effect here: {}", silent.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[track_caller]
    fn check(words: &str, has_spikes: bool, expected: &str) {
        let words = std::iter::once("femtospike").chain(words.split_whitespace());
        let typed = Typed::of(&Cli::command().try_get_matches_from(words).unwrap());
        assert_eq!(typed.without_effect(has_spikes).join(" "), expected);
    }

    #[test]
    fn every_option_says_where_it_has_an_effect() {
        let cli = Cli::command();
        let learn = cli.find_subcommand("learn").expect("a command");
        let options = learn.get_arguments().map(|arg| arg.get_id().as_str()).filter(|id| *id != "model");
        let (mut options, mut known): (Vec<&str>, Vec<&str>) =
            (options.collect(), EFFECTS.iter().map(|effect| effect.option).collect());
        options.sort_unstable();
        known.sort_unstable();
        assert_eq!(options, known);
    }

    #[test]
    fn an_option_of_another_command_or_model_has_no_effect() {
        check(
            "test m.ini --checkpoint-after 2 --continuous --resume",
            false,
            "--resume --continuous --checkpoint-after",
        );
        check("test m.ini --checkpoint-after 2 --continuous --resume", true, "");
        check("test m.ini --test-index 3 --resume --log 5", true, "--resume --log");
        check("test m.ini --learn 5 --stop-valid 3 --test", true, "--learn --stop-valid");
        check("find-lr m.ini --float f64 --find-lr 5", true, "--float");
        check("inspect m.ini --weights nowhere --float f64", true, "--weights");
        check("learn m.ini --learn 5 --test-index 3 --resume --seed 3", true, "");
        check("test m.ini", false, "");
        check(
            "audit m.ini --stimuli 5 --present-time 2 --float f64 --nb-test 5 --weights w",
            true,
            "--nb-test (audit takes --stimuli N)",
        );
    }
}
