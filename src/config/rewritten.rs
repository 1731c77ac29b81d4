//! A model written anew: its templates filled in, nothing inherited, and some values changed.

use std::fmt::Write as _;

use super::ini::{self, Document, Property, Section};
use super::{Options, fault};

/// What a model written anew says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Comment lines on top, without their signs.
    pub head: Vec<String>,
    /// Values before the first section.
    pub global: Vec<(&'static str, String)>,
    /// Parameters of sections (layers, `[env]`), stronger than those that they have.
    pub parameters: Vec<(String, Vec<(&'static str, String)>)>,
}

/// Writes the model `text` anew: what it includes stands in it, what sections inherit stands in them, and saved parameters
/// (`<layer>.cfg`) and the changes stand in sections `[<name>.tuned]`.
///
/// # Errors
///
/// A line that is no INI; a text that [`load`](super::load) accepts has none.
pub fn rewritten(path_shown: &str, text: &str, options: &Options, changes: &Changes) -> Result<String, fault::Faults> {
    let mut parsed = ini::parse_with(text, &options.environment, &options.files);
    super::saved::read(&mut parsed, &options.saved);
    if !parsed.errors.is_empty() {
        return Err(fault::Faults { path: path_shown.into(), faults: parsed.errors });
    }
    let mut out: String = changes.head.iter().map(|line| format!("{}\n", format!("; {line}").trim_end())).collect();
    let document = &parsed.document;
    for (index, section) in document.sections().iter().enumerate() {
        if is_only_inherited(document, section) {
            continue;
        }
        let saved = document.saved.get(&index).map_or(&[][..], Vec::as_slice);
        let changed = changes.parameters.iter().find(|(name, _)| **name == *section.name).map(|(_, values)| values);
        write_section(&mut out, section, saved, changed.map_or(&[][..], Vec::as_slice), &changes.global);
    }
    Ok(out)
}

/// Whether a section serves no other end than to be inherited from, which has been done.
fn is_only_inherited(document: &Document, section: &Section) -> bool {
    let is_inherited =
        document.sections().iter().any(|other| other.parents.iter().any(|parent| **parent == *section.name));
    let reference = format!("[{}]", section.name);
    let is_named = |property: &Property| {
        let of_parameters = property.name.starts_with("ConfigSection");
        property.value.contains(&reference)
            || (of_parameters && property.value.split(',').any(|name| *name.trim() == *section.name))
    };
    let mut properties = document.sections().iter().flat_map(|section| &section.properties);
    is_inherited && section.property("Input").is_none() && !properties.any(is_named)
}

fn write_section(
    out: &mut String,
    section: &Section,
    saved: &[Property],
    changed: &[(&'static str, String)],
    global: &[(&'static str, String)],
) {
    out.push('\n');
    let is_global = section.name.is_empty();
    if is_global {
        global.iter().for_each(|(name, value)| line(out, name, value));
    } else {
        let _ = writeln!(out, "[{}]", section.name);
    }
    let tuned = format!("{}.tuned", section.name);
    let has_tuned = !saved.is_empty() || !changed.is_empty();
    let mut has_parameters = false;
    for Property { name, value, .. } in &section.properties {
        if is_global && global.iter().any(|(changed, _)| changed == name) {
            continue;
        }
        let names_parameters = name == "ConfigSection" || name.starts_with("ConfigSection(");
        has_parameters |= name == "ConfigSection";
        if names_parameters && has_tuned {
            line(out, name, &format!("{value},{tuned}"));
        } else {
            line(out, name, value);
        }
    }
    if has_tuned {
        if !has_parameters {
            line(out, "ConfigSection", &tuned);
        }
        let _ = writeln!(out, "\n[{tuned}]");
        for Property { name, value, .. } in saved {
            if !changed.iter().any(|(changed, _)| changed == name) {
                line(out, name, value);
            }
        }
        changed.iter().for_each(|(name, value)| line(out, name, value));
    }
}

fn line(out: &mut String, name: &str, value: &str) {
    let needs_quotes = value.contains([';', '#']);
    let quote = if needs_quotes { "\"" } else { "" };
    let _ = writeln!(out, "{name}={quote}{value}{quote}");
}
