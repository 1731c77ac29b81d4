//! The key reference: every key of the table, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::{KEYS, Key, Presence, Scope};
use crate::config::nearest::did_you_mean;
use crate::config::value::Kind;

const INTRODUCTION: &str = "\
# Keys of the INI models

`femtospike keys` prints this page, `femtospike keys SECTION` the part on a section or a type such as `env` or `Conv`, `--json` the same for
programs.

- `; comment` and `# comment` outside double quotes; a line that ends in `\\` goes on in the next one. `[section] parent other` copies the keys of
  sections above. `[name@file.ini.tpl]` stands for a template filled with that section's keys.
- `[section]Key` in a value stands for the value of another key, `${NAME}` for the variable `$NAME` of the section or before the first one,
  `$(...)` for the result of an expression as in Python 3. In paths `${NAME}` is an environment variable, too.
- A section with `Input` is a layer; later keys of a layer may use `[layer]_NbOutputs`, `_OutputsWidth`, `_OutputsHeight`, `_NbChannels`,
  `_ChannelsWidth`, `_ChannelsHeight` of earlier ones, and `[sp]_EpochSize`, the stimuli of the Learn set.
- Parameters of a `ConfigSection` may stand in the layer's own section as well, where they are weaker; a later `ConfigSection` is stronger than an
  earlier one, and `Name = value` in the file `<layer>.cfg` of the output folder is strongest. `Key(<Model>)` stands in for `Key` in layers of that model.
- Whole numbers may be grouped, `1,000,000`. A time is a number of femtoseconds or has a unit, `10 ns`.
";

/// Whether `word` names `scope`: a word of its heading, or its name in the table.
fn is_named(scope: Scope, word: &str) -> bool {
    let word = word.trim_matches(['[', ']']);
    let is_it = |other: &str| other.eq_ignore_ascii_case(word);
    is_it(&format!("{scope:?}")) || words(scope).any(is_it)
}

/// The names of sections and types in the heading of `scope`; a name counts before the dot that ends it, too.
fn words(scope: Scope) -> impl Iterator<Item = &'static str> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let words = scope.title().split(move |c: char| !of_name(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| !word.is_empty())
}

/// The keys of the scopes that `section` names, or all of them.
fn chosen(section: Option<&str>) -> Result<Vec<&'static Key>, String> {
    let Some(section) = section else { return Ok(KEYS.iter().collect()) };
    let chosen: Vec<&Key> = KEYS.iter().filter(|key| is_named(key.scope, section)).collect();
    if chosen.is_empty() {
        let mut known: Vec<&str> = KEYS.iter().flat_map(|key| words(key.scope)).collect();
        known.sort_unstable();
        known.dedup();
        let hint = did_you_mean(section, known, |known| format!("`{known}`"));
        let known = "expected a section or a type such as `database`, `sp`, `env`, `Conv`, `Solvers` or `Target`";
        return Err(format!("{known}, found `{section}`{hint}"));
    }
    Ok(chosen)
}

/// The key reference in Markdown, one table a scope; of `section` alone, or of all.
///
/// # Errors
///
/// There is no such section.
pub fn markdown(section: Option<&str>) -> Result<String, String> {
    let mut text = if section.is_none() { INTRODUCTION.to_owned() } else { String::new() };
    let mut scope = None;
    for key in chosen(section)? {
        if scope != Some(key.scope) {
            scope = Some(key.scope);
            let _ =
                write!(text, "\n## {}\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n", key.scope.title());
        }
        let name = if key.name.is_empty() { "(the matrix)".to_owned() } else { format!("`{}`", key.name) };
        let default = match key.presence {
            Presence::Required => "required".to_owned(),
            Presence::Optional => String::new(),
            Presence::Ignored("") => "ignored".to_owned(),
            Presence::Refused("") => "not supported".to_owned(),
            Presence::Ignored(only) => format!("`{only}`, another value is ignored"),
            Presence::Refused(only) => format!("only `{only}`"),
            Presence::Text(_) | Presence::Computed(_) => match key.default_text().unwrap_or_default() {
                text if text.is_empty() => "none".to_owned(),
                text => format!("`{}`", as_written(text)),
            },
        };
        let cells = [&name, &key.kind.title(), &default, key.doc].map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    Ok(text.trim_start().to_owned())
}

/// Outside quotes a `;` would start a comment.
fn as_written(text: String) -> String {
    if text.contains(';') { format!("\"{text}\"") } else { text }
}

#[derive(Serialize)]
struct Entry {
    section: &'static str,
    prefixes: &'static [&'static str],
    key: &'static str,
    value: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    choices: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    choices_not_supported: &'static [&'static str],
    /// `required`, `optional`, `ignored` or `refused` (N2D2 has it, we do not).
    presence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    meaning: &'static str,
}

impl From<&'static Key> for Entry {
    fn from(key: &'static Key) -> Self {
        let (choices, choices_not_supported): (&[_], &[_]) = match key.kind {
            Kind::Choice(supported, lacking) => (supported, lacking),
            _ => (&[], &[]),
        };
        let (presence, default) = match key.presence {
            Presence::Required => ("required", None),
            Presence::Ignored(only) => ("ignored", Some(only.to_owned())),
            Presence::Refused(only) => ("refused", Some(only.to_owned())),
            Presence::Optional | Presence::Text(_) | Presence::Computed(_) => ("optional", key.default_text()),
        };
        Self {
            section: key.scope.title(),
            prefixes: key.scope.prefixes(),
            key: key.name,
            value: key.kind.title(),
            choices,
            choices_not_supported,
            presence,
            default: default.filter(|text| !text.is_empty()).map(as_written),
            meaning: key.doc,
        }
    }
}

/// The key reference as a JSON list, one object a key.
///
/// # Errors
///
/// There is no such section.
pub fn json(section: Option<&str>) -> Result<String, String> {
    let entries: Vec<Entry> = chosen(section)?.into_iter().map(Entry::from).collect();
    serde_json::to_string_pretty(&entries).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn headings(section: &str) -> Vec<String> {
        let text = markdown(Some(section)).unwrap();
        text.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect()
    }

    #[test]
    fn there_is_a_row_for_every_key() {
        let text = markdown(None).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Key")).count();
        assert_eq!(rows, KEYS.len());
        assert!(text.contains("| `PeriodMeanMin` | time (fs) | `50 ms` | "), "{text}");
        assert!(text.contains("| `\"1000 fs; 100 fs\"` |"), "{text}");
        let list: Vec<serde_json::Value> = serde_json::from_str(&json(None).unwrap()).unwrap();
        assert_eq!(list.len(), KEYS.len());
        let type_of_layer =
            list.iter().find(|entry| entry["section"] == "Every layer" && entry["key"] == "Type").unwrap();
        assert_eq!((&type_of_layer["choices"][0], &type_of_layer["presence"]), (&"Conv".into(), &"required".into()));
    }

    #[test]
    fn a_section_or_a_type_can_be_asked_for() {
        let database = headings("database");
        assert_eq!(database[0], "`[database]`");
        assert!(database.iter().all(|heading| heading.starts_with("`[database]`")), "{database:?}");
        assert_eq!(
            headings("[env]"),
            ["`[sp]`, `[env]`", "`[sp]`, `[env]`: `ConfigSection`", "`[env]`: `ConfigSection`"]
        );
        let conv = headings("conv");
        assert!(
            conv.iter().any(|heading| heading == "`Type=Conv`") && conv.iter().all(|heading| heading.contains("Conv"))
        );
        assert!(headings("HeFiller").len() == 1 && headings("Solvers").len() == 2 && headings("Global").len() == 1);
        assert_eq!(
            markdown(Some("databse")).unwrap_err(),
            "expected a section or a type such as `database`, `sp`, `env`, `Conv`, `Solvers` or `Target`, found `databse`; did you mean `database`?"
        );
    }

    #[test]
    fn every_scope_has_a_heading_of_its_own() {
        let scopes: BTreeSet<String> = KEYS.iter().map(|key| format!("{:?}", key.scope)).collect();
        let titles: BTreeSet<&str> = KEYS.iter().map(|key| key.scope.title()).collect();
        assert_eq!(scopes.len(), titles.len());
    }

    #[test]
    fn the_page_of_the_documentation_is_what_the_code_prints() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert!(
            page == markdown(None).unwrap(),
            "docs/keys.md is not what the code prints: cargo run --release -- keys > docs/keys.md"
        );
    }
}
