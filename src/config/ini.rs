//! Lines, sections and properties of an INI text, each with its line number.
//!
//! The grammar is N2D2's: a line that ends in `\` is joined with the next one before anything else; `;` and `#` outside
//! double quotes start a comment; `[name] parent other` copies the properties of sections already declared, the first
//! one listed wins and the body overrides; properties before the first header belong to the section whose name is empty.

use std::collections::HashMap;
use std::sync::Arc;

use super::fault::Fault;
use super::nearest::did_you_mean;

/// A parsed text. The first section is the global one.
#[derive(Clone, Debug)]
pub struct Document {
    sections: Vec<Section>,
    by_name: HashMap<Arc<str>, usize>,
    /// Number of physical lines, at least 1.
    pub n_lines: u32,
}

/// A header and what follows it up to the next one.
#[derive(Clone, Debug)]
pub struct Section {
    /// Empty for the global section.
    pub name: Arc<str>,
    /// Line of the header; 1 for the global section.
    pub line: u32,
    /// Names of the sections it inherits from.
    pub parents: Vec<String>,
    /// Inherited ones first, then in file order.
    pub properties: Vec<Property>,
}

/// A key and its value as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The text before the first `=`, trimmed.
    pub name: String,
    /// The text after it, trimmed, without a pair of enclosing quotes.
    pub value: String,
    /// Line where it begins.
    pub line: u32,
    /// Section in whose body it stands, which is another one for an inherited property.
    pub origin: Arc<str>,
}

impl Document {
    /// All sections in file order; the global one is first.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Index of the section `name` in [`Document::sections`].
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

impl Section {
    /// The property `name`.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }
}

/// The outcome of [`parse`]: whatever could be read, with everything that was wrong.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What could be read.
    pub document: Document,
    /// Lines that are no INI.
    pub errors: Vec<Fault>,
    /// Keys written twice.
    pub warnings: Vec<Fault>,
}

/// Reads `text`. Does not stop at the first fault.
pub fn parse(text: &str) -> Parsed {
    let mut parser = Parser {
        sections: vec![Section { name: "".into(), line: 1, parents: Vec::new(), properties: Vec::new() }],
        by_name: HashMap::from([("".into(), 0)]),
        current: Some(0),
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    let mut n_lines = 0;
    for (line, joined) in joined_lines(text, &mut n_lines) {
        parser.line(line, &joined);
    }
    let Parser { sections, by_name, errors, warnings, .. } = parser;
    Parsed { document: Document { sections, by_name, n_lines: n_lines.max(1) }, errors, warnings }
}

/// Joins continued lines, each with the number of its first physical line.
fn joined_lines(text: &str, n_lines: &mut u32) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(u32, String)> = None;
    for physical in text.lines() {
        *n_lines = n_lines.saturating_add(1);
        let physical = physical.strip_prefix('\u{feff}').unwrap_or(physical);
        let (start, mut joined) = open.take().unwrap_or((*n_lines, String::new()));
        match physical.strip_suffix('\\') {
            Some(continued) => {
                joined.push_str(continued);
                open = Some((start, joined));
            }
            None => {
                joined.push_str(physical);
                lines.push((start, joined));
            }
        }
    }
    lines.extend(open);
    lines
}

/// The line without its comment; `None` when a quote is left open.
fn without_comment(line: &str) -> Option<&str> {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ';' | '#' if !quoted => return Some(&line[..at]),
            _ => {}
        }
    }
    (!quoted).then_some(line)
}

struct Parser {
    sections: Vec<Section>,
    by_name: HashMap<Arc<str>, usize>,
    /// `None` below a header that was refused: what follows is read for faults only.
    current: Option<usize>,
    errors: Vec<Fault>,
    warnings: Vec<Fault>,
}

impl Parser {
    fn line(&mut self, line: u32, joined: &str) {
        let Some(content) = without_comment(joined) else {
            let message = "malformed line: a double quote `\"` is opened and not closed";
            self.error(line, message);
            return;
        };
        let content = content.trim();
        if content.is_empty() {
        } else if let Some(header) = content.strip_prefix('[') {
            self.header(line, header);
        } else if let Some((name, value)) = content.split_once('=') {
            self.property(line, name.trim(), value.trim());
        } else {
            self.error(
                line,
                format!("malformed line: expected `[section]` or `key=value`, found `{}`", shown(content)),
            );
        }
    }

    fn error(&mut self, line: u32, message: impl Into<String>) {
        let section = self.current.map_or("".into(), |index| self.sections[index].name.clone());
        self.errors.push(Fault::new(line, &section, "", message));
    }

    fn header(&mut self, line: u32, header: &str) {
        self.current = None;
        let Some((name, rest)) = header.split_once(']') else {
            self.error(line, format!("malformed section header: expected `[name]`, found `[{}`", shown(header)));
            return;
        };
        let name = name.trim();
        if name.is_empty() {
            self.error(line, "malformed section header: expected a name between `[` and `]`");
            return;
        }
        if name.contains('@') {
            self.errors.push(Fault::new(line, name, "", "templates (`[name@file.tpl]`) are not supported yet"));
            return;
        }
        if let Some(&first) = self.by_name.get(name) {
            let message = format!("section declared twice, first at line {}", self.sections[first].line);
            self.errors.push(Fault::new(line, name, "", message));
            return;
        }
        let name: Arc<str> = name.into();
        let mut section = Section { name: name.clone(), line, parents: Vec::new(), properties: Vec::new() };
        for parent in rest.split_whitespace() {
            let Some(&index) = self.by_name.get(parent) else {
                let known = self.sections.iter().map(|section| &*section.name);
                let hint = did_you_mean(parent, known, |known| format!("`{known}`"));
                let message = format!("inherits from `{parent}`, which is not declared above{hint}");
                self.errors.push(Fault::new(line, &name, "", message));
                continue;
            };
            for property in &self.sections[index].properties {
                if section.property(&property.name).is_none() {
                    section.properties.push(property.clone());
                }
            }
            section.parents.push(parent.to_owned());
        }
        self.current = Some(self.sections.len());
        self.by_name.insert(name, self.sections.len());
        self.sections.push(section);
    }

    fn property(&mut self, line: u32, name: &str, value: &str) {
        if name.is_empty() {
            self.error(line, format!("malformed line: expected a key before `={}`", shown(value)));
            return;
        }
        let Some(section) = self.current.map(|index| &mut self.sections[index]) else { return };
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        let property = Property { name: name.to_owned(), value: value.to_owned(), line, origin: section.name.clone() };
        match section.properties.iter_mut().find(|other| other.name == name) {
            None => section.properties.push(property),
            Some(other) => {
                if other.origin == section.name {
                    let message = format!("written twice, first at line {}; the last one counts", other.line);
                    self.warnings.push(Fault::new(line, &section.name, name, message));
                }
                *other = property;
            }
        }
    }
}

/// At most a line's worth of what the user wrote.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        text.to_owned()
    } else {
        text.chars().take(LONGEST).chain("...".chars()).collect()
    }
}
