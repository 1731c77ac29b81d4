//! From lines to sections.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Document, Included, Parsed, Property, Section, shown};
use crate::config::fault::{Fault, Line};
use crate::config::nearest::did_you_mean;
use crate::config::resolve::{Environment, Resolver, with_environment};
use crate::config::template::{Files, Load, path_beside, render};

/// Templates may include each other this deep.
const DEEPEST: usize = 16;
/// All rendered templates of a model together are no longer than this.
const LONGEST: usize = 1 << 24;

/// Reads `text`, which includes no files.
#[cfg(test)]
pub(crate) fn parse(text: &str) -> Parsed {
    parse_with(text, &Environment::default(), &Files::default())
}

/// Reads `text` and what it includes. Does not stop at the first fault.
///
/// At `[name@path/file.tpl]` the keys of that section become the variables of the template, with `SECTION_NAME` (`name`) and
/// `SECTION_FILE_NAME` (the path of the template). The path may use the environment; it begins in the folder of the file that
/// includes. The rendered text is read where the section ends; each section in it gets the variable `$PARENT_SECTION_NAME`.
pub(crate) fn parse_with(text: &str, environment: &Environment, files: &Files) -> Parsed {
    let global = Section { name: "".into(), line: Line::from(1), parents: Vec::new(), properties: Vec::new() };
    let mut parser = Parser {
        document: Document {
            sections: vec![global],
            by_name: HashMap::from([("".into(), 0)]),
            included: Vec::new(),
            saved: HashMap::new(),
            used_by_templates: HashSet::new(),
        },
        environment,
        files,
        current: Some(0),
        filling: None,
        including: Vec::new(),
        awaits_section: false,
        n_rendered: 0,
        lacks_sections: false,
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    for (line, joined) in joined_lines(text) {
        parser.line(Line::from(line), &joined);
    }
    parser.fill();
    let Parser { document, lacks_sections, errors, warnings, .. } = parser;
    Parsed { document, lacks_sections, errors, warnings }
}

/// Joins continued lines, each with the number of its first physical line.
fn joined_lines(text: &str) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(u32, String)> = None;
    let mut number = 0_u32;
    for physical in text.lines() {
        number = number.saturating_add(1);
        let physical = physical.strip_prefix('\u{feff}').unwrap_or(physical);
        let (start, mut joined) = open.take().unwrap_or((number, String::new()));
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

/// The line and its comment, which begins with its sign; `None` when a quote is left open.
fn split_comment(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ';' | '#' if !quoted => return Some(line.split_at(at)),
            _ => {}
        }
    }
    (!quoted).then_some((line, ""))
}

/// A section whose keys fill a template: the last one of the document until it ends.
struct Filling {
    path: String,
    line: Line,
}

/// A template whose rendered text is being read.
struct Including {
    path: String,
    section: Arc<str>,
}

struct Parser<'s> {
    document: Document,
    environment: &'s Environment,
    files: &'s Files,
    /// `None` below a header that was refused: what follows is read for faults only.
    current: Option<usize>,
    filling: Option<Filling>,
    including: Vec<Including>,
    /// A rendered text has begun and has no section yet.
    awaits_section: bool,
    n_rendered: usize,
    lacks_sections: bool,
    errors: Vec<Fault>,
    warnings: Vec<Fault>,
}

struct Shelf<'s> {
    included: &'s mut Vec<Included>,
    files: &'s Files,
}

impl Load for Shelf<'_> {
    fn load(&mut self, path: &str) -> Result<(usize, Arc<str>), String> {
        if let Some(at) = self.included.iter().position(|file| &*file.name == path) {
            return Ok((at, self.included[at].text.clone()));
        }
        let text = match self.files.read(path) {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err("there is no such file".to_owned()),
            Err(why) => Err(why),
        };
        let text: Arc<str> = text.map_err(|why| format!("template `{path}`: {why}"))?.into();
        self.included.push(Included { name: path.into(), text: text.clone() });
        Ok((self.included.len() - 1, text))
    }
}

impl Parser<'_> {
    fn line(&mut self, line: Line, joined: &str) {
        let Some((content, comment)) = split_comment(joined) else {
            let message = "malformed line: a double quote `\"` is opened and not closed";
            self.error(line, message);
            return;
        };
        let content = content.trim();
        if content.is_empty() {
        } else if let Some(header) = content.strip_prefix('[') {
            self.fill();
            self.header(line, header);
        } else if let Some((name, value)) = content.split_once('=') {
            self.property(line, name.trim(), value.trim(), comment);
        } else {
            self.error(
                line,
                format!("malformed line: expected `[section]` or `key=value`, found `{}`", shown(content)),
            );
        }
    }

    fn error(&mut self, line: Line, message: impl Into<String>) {
        let section = self.current.map_or("".into(), |index| self.document.sections[index].name.clone());
        self.errors.push(Fault::new(line, &section, "", message));
    }

    fn header(&mut self, line: Line, header: &str) {
        self.current = None;
        self.awaits_section = false;
        let Some((name, rest)) = header.split_once(']') else {
            self.error(line, format!("malformed section header: expected `[name]`, found `[{}`", shown(header)));
            return;
        };
        let (name, path) = match name.split_once('@') {
            Some((name, path)) => (name.trim(), Some(path.trim())),
            None => (name.trim(), None),
        };
        if name.is_empty() {
            self.error(line, "malformed section header: expected a name between `[` and `]`");
            return;
        }
        match (path, self.document.by_name.get(name)) {
            (None, Some(&first)) => {
                let message = format!("section declared twice, first at {}", self.shown_line(first));
                self.errors.push(Fault::new(line, name, "", message));
                return;
            }
            (Some(path), _) => match self.template_path(path) {
                Ok(path) => self.filling = Some(Filling { path, line }),
                Err(message) => return self.refuse_template(line, name, message),
            },
            (None, None) => {}
        }
        let name: Arc<str> = name.into();
        let mut section = Section { name: name.clone(), line, parents: Vec::new(), properties: Vec::new() };
        if let Some(Including { section: parent, .. }) = self.including.last() {
            section.properties.push(Property {
                name: "$PARENT_SECTION_NAME".to_owned(),
                value: parent.to_string(),
                comment: String::new(),
                line,
                origin: name.clone(),
            });
        }
        for parent in rest.split_whitespace() {
            let Some(&index) = self.document.by_name.get(parent) else {
                let known = self.document.sections.iter().map(|section| &*section.name);
                let hint = did_you_mean(parent, known, |known| format!("`{known}`"));
                let message = format!("inherits from `{parent}`, which is not declared above{hint}");
                self.errors.push(Fault::new(line, &name, "", message));
                continue;
            };
            for property in &self.document.sections[index].properties {
                if section.property(&property.name).is_none() {
                    section.properties.push(property.clone());
                }
            }
            section.parents.push(parent.to_owned());
        }
        let index = self.document.sections.len();
        self.current = Some(index);
        if self.filling.is_none() {
            self.document.by_name.insert(name, index);
        }
        self.document.sections.push(section);
    }

    fn shown_line(&self, section: usize) -> String {
        let line = self.document.sections[section].line;
        match line.file().and_then(|file| self.document.included.get(file)) {
            Some(template) => format!("line {line} of `{}`", template.name),
            None => format!("line {line}"),
        }
    }

    /// The path of a template from the folder of the model.
    fn template_path(&self, written: &str) -> Result<String, String> {
        if written.is_empty() {
            return Err("malformed section header: expected the path of a template after `@`".to_owned());
        }
        if self.including.len() >= DEEPEST {
            return Err(format!("templates include each other more than {DEEPEST} deep"));
        }
        let path = with_environment(written, self.environment)?;
        Ok(match self.including.last() {
            Some(including) => path_beside(&including.path, &path),
            None => path,
        })
    }

    fn refuse_template(&mut self, line: Line, section: &str, message: String) {
        self.lacks_sections = true;
        self.errors.push(Fault::new(line, section, "", message));
    }

    /// Ends a section with a template: renders it and reads the result.
    fn fill(&mut self) {
        let Some(Filling { path, line }) = self.filling.take() else { return };
        let variables = self.variables(&path);
        let Some(section) = self.document.sections.pop() else { return };
        self.current = None;
        let mut shelf = Shelf { included: &mut self.document.included, files: self.files };
        let rendered = match render(&path, variables, &mut shelf) {
            Ok(rendered) => rendered,
            Err((at, message)) => {
                let line = at.map_or(line, |(template, number)| line.in_file(template, number));
                return self.refuse_template(line, &section.name, message);
            }
        };
        self.n_rendered += rendered.text.len();
        if self.n_rendered > LONGEST {
            let message = format!("the rendered templates grow beyond {LONGEST} bytes");
            return self.refuse_template(line, &section.name, message);
        }
        self.including.push(Including { path, section: section.name });
        self.awaits_section = true;
        for (number, joined) in joined_lines(&rendered.text) {
            let (template, number) = rendered.lines[number as usize - 1];
            self.line(line.in_file(template, number), &joined);
        }
        self.fill();
        self.including.pop();
        self.awaits_section = false;
        self.current = None;
    }

    /// What the keys of the last section are for its template, resolved as far as can be here.
    fn variables(&mut self, path: &str) -> BTreeMap<String, String> {
        let index = self.document.sections.len() - 1;
        let section = &self.document.sections[index];
        let mut resolver = Resolver::partial(&self.document, self.environment);
        let mut variables = BTreeMap::from([
            ("SECTION_NAME".to_owned(), section.name.to_string()),
            ("SECTION_FILE_NAME".to_owned(), path.to_owned()),
        ]);
        for property in section.properties.iter().filter(|property| !property.name.starts_with('$')) {
            match resolver.resolve(index, property, false) {
                Ok(resolved) => drop(variables.insert(property.name.clone(), resolved.text)),
                Err(message) => {
                    self.errors.push(Fault::new(property.line, &property.origin, &property.name, message));
                    // Stands in for what is faulty, so that the template has its variable.
                    variables.insert(property.name.clone(), property.value.clone());
                }
            }
        }
        let used: Vec<usize> = resolver.referenced.into_iter().collect();
        let parents = section.parents.iter().filter_map(|parent| self.document.find(parent));
        let used: Vec<usize> = used.into_iter().chain(parents).collect();
        self.document.used_by_templates.extend(used);
        variables
    }

    fn property(&mut self, line: Line, name: &str, value: &str, comment: &str) {
        if name.is_empty() {
            self.error(line, format!("malformed line: expected a key before `={}`", shown(value)));
            return;
        }
        if self.awaits_section {
            self.error(
                line,
                format!("expected a `[section]` before the first key of a template, found `{}`", shown(name)),
            );
            return;
        }
        let Some(section) = self.current.map(|index| &mut self.document.sections[index]) else { return };
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        let property = Property {
            name: name.to_owned(),
            value: value.to_owned(),
            comment: comment.to_owned(),
            line,
            origin: section.name.clone(),
        };
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
