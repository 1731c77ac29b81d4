//! What is wrong with a model file: every fault with its line, all of them at once.

use std::fmt;
use std::sync::Arc;

use crate::model::Span;

/// A line of the model, or of a file that stands in for one; in the order in which they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// In the model: the line itself, or that of the section which the other file belongs to. From 1.
    model: u32,
    /// Which other file, and the line in it.
    file: Option<(usize, u32)>,
}

impl Line {
    /// The line `number` of the file of index `file`, which belongs to this line of the model.
    pub(crate) fn in_file(self, file: usize, number: u32) -> Self {
        Self { file: Some((file, number)), ..self }
    }

    /// The line number in its own file.
    pub fn number(self) -> u32 {
        self.file.map_or(self.model, |(_, number)| number)
    }

    /// Index of the other file, unless it is a line of the model itself.
    pub(crate) fn file(self) -> Option<usize> {
        self.file.map(|(file, _)| file)
    }
}

impl From<u32> for Line {
    fn from(model: u32) -> Self {
        Self { model, file: None }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// One thing that is wrong, or odd, at one line.
///
/// Prints as `line 41, [common.config] Refractory: expected a time such as ...`, and as `block.ini.tpl, line 4, [b1.conv] ...`
/// when it is about a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The template or the file of saved parameters, when the line is not one of the model itself.
    pub file: Option<Arc<str>>,
    /// Line number, from 1.
    pub line: u32,
    /// Section as written; empty before the first header.
    pub section: Arc<str>,
    /// Key as written; empty when the whole section is meant.
    pub key: String,
    /// What was expected, what was found, what to do.
    pub message: String,
    at: Line,
}

impl Fault {
    pub(crate) fn new(line: impl Into<Line>, section: &str, key: &str, message: impl Into<String>) -> Self {
        let at = line.into();
        let (section, key) = (section.into(), key.to_owned());
        Self { file: None, line: at.number(), section, key, message: message.into(), at }
    }

    /// A fault at `span` of a model known as `model`.
    pub(crate) fn at(span: &Span, model: &Arc<str>, section: &str, message: impl Into<String>) -> Self {
        let file = (span.file != *model).then(|| span.file.clone());
        Self { file, ..Self::new(span.line, section, "", message) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
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

/// Names the files that faults are about.
pub(crate) fn name_files(faults: &mut [Fault], names: &[Arc<str>]) {
    for fault in faults {
        fault.file = fault.at.file().and_then(|file| names.get(file).cloned());
    }
}

/// Sorts by line and drops repetitions: a section that several cells share is read once for each of them.
pub(crate) fn in_file_order(faults: &mut Vec<Fault>) {
    let mut seen = std::collections::HashSet::new();
    faults.retain(|fault| seen.insert(fault.to_string()));
    faults.sort_by_key(|fault| fault.at);
}
