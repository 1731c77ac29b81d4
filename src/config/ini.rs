//! Lines, sections and properties of an INI text, each with its line number.
//!
//! The grammar is N2D2's: a line that ends in `\` is joined with the next one before anything else; `;` and `#` outside
//! double quotes start a comment; `[name] parent other` copies the properties of sections already declared, the first
//! one listed wins and the body overrides; properties before the first header belong to the section whose name is empty;
//! `[name@file.tpl]` is replaced by the template, filled from the properties of that section (`parse`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::fault::{Fault, Line};

mod parse;

#[cfg(test)]
pub(crate) use parse::parse;
pub(crate) use parse::parse_with;

/// A parsed text. The first section is the global one.
#[derive(Clone, Debug)]
pub struct Document {
    sections: Vec<Section>,
    by_name: HashMap<Arc<str>, usize>,
    /// Templates, those that another one includes as well, and files of saved parameters.
    pub included: Vec<Included>,
    /// Saved parameters of a section, by its index; stronger than all others.
    pub saved: HashMap<usize, Vec<Property>>,
    /// Indices of sections that the values of sections with a template refer to.
    pub used_by_templates: HashSet<usize>,
}

/// A file that was read beside the model.
#[derive(Clone, Debug)]
pub struct Included {
    /// Its path from the folder of the model.
    pub name: Arc<str>,
    /// As it was read.
    pub text: Arc<str>,
}

/// A header and what follows it up to the next one.
#[derive(Clone, Debug)]
pub struct Section {
    /// Empty for the global section.
    pub name: Arc<str>,
    /// Line of the header; 1 for the global section.
    pub line: Line,
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
    /// The comment behind it with its sign, or nothing.
    pub comment: String,
    /// Line where it begins.
    pub line: Line,
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

/// The outcome of reading a text: whatever could be read, with everything that was wrong.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What could be read.
    pub document: Document,
    /// A template could not be rendered: what it would have held is missing.
    pub lacks_sections: bool,
    /// Lines that are no INI.
    pub errors: Vec<Fault>,
    /// Keys written twice.
    pub warnings: Vec<Fault>,
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

#[cfg(test)]
mod tests;
