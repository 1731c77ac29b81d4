//! What is wrong with a model file: every fault with its line, all of them at once.

use std::fmt;
use std::sync::Arc;

/// One thing that is wrong, or odd, at one line.
///
/// Prints as `line 41, [common.config] Refractory: expected a time such as ...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line number, from 1.
    pub line: u32,
    /// Section as written; empty before the first header.
    pub section: Arc<str>,
    /// Key as written; empty when the whole section is meant.
    pub key: String,
    /// What was expected, what was found, what to do.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(line: u32, section: &str, key: &str, message: impl Into<String>) -> Self {
        Self { line, section: section.into(), key: key.to_owned(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        match (self.section.is_empty(), self.key.is_empty()) {
            (true, true) => {}
            (true, false) => write!(f, ", {}", self.key)?,
            (false, true) => write!(f, ", [{}]", self.section)?,
            (false, false) => write!(f, ", [{}] {}", self.section, self.key)?,
        }
        write!(f, ": {}", self.message)
    }
}

/// All faults of one file, in the order of its lines.
///
/// Prints as a head such as `models/lenet.ini has 2 faults` and one indented line a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The file as the user named it.
    pub path: Arc<str>,
    /// At least one.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&listing(&self.path, "fault", &self.faults))
    }
}

impl std::error::Error for Faults {}

/// Warnings in the form in which [`Faults`] prints: `models/lenet.ini has 1 warning` and one indented line a warning.
///
/// Empty when there is none.
pub fn warnings_text(path: &str, warnings: &[Fault]) -> String {
    if warnings.is_empty() { String::new() } else { listing(path, "warning", warnings) }
}

fn listing(path: &str, noun: &str, faults: &[Fault]) -> String {
    let plural = if faults.len() == 1 { "" } else { "s" };
    let mut text = format!("{path} has {} {noun}{plural}", faults.len());
    for fault in faults {
        text.push_str(&format!("\n  {fault}"));
    }
    text
}

/// Sorts by line and drops repetitions: a section that several cells share is read once for each of them.
pub(crate) fn in_file_order(faults: &mut Vec<Fault>) {
    let mut seen = std::collections::HashSet::new();
    faults.retain(|fault| seen.insert(fault.to_string()));
    faults.sort_by_key(|fault| fault.line);
}
