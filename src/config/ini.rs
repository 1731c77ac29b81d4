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
    /// The comment behind it with its sign, or nothing.
    pub comment: String,
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
        let Some((content, comment)) = split_comment(joined) else {
            let message = "malformed line: a double quote `\"` is opened and not closed";
            self.error(line, message);
            return;
        };
        let content = content.trim();
        if content.is_empty() {
        } else if let Some(header) = content.strip_prefix('[') {
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

    fn property(&mut self, line: u32, name: &str, value: &str, comment: &str) {
        if name.is_empty() {
            self.error(line, format!("malformed line: expected a key before `={}`", shown(value)));
            return;
        }
        let Some(section) = self.current.map(|index| &mut self.sections[index]) else { return };
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What was read, one line a section and one a property, then the faults.
    fn outline(parsed: &Parsed) -> String {
        let mut text = String::new();
        for section in parsed.document.sections() {
            if !section.name.is_empty() {
                text.push_str(&format!("{} [{}]\n", section.line, section.name));
            }
            for Property { name, value, line, .. } in &section.properties {
                text.push_str(&format!("{line} {name} = <{value}>\n"));
            }
        }
        for error in &parsed.errors {
            text.push_str(&format!("error: {error}\n"));
        }
        for warning in &parsed.warnings {
            text.push_str(&format!("warning: {warning}\n"));
        }
        text
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(outline(&parse(text)).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn sections_and_properties_carry_their_lines() {
        check("", &[]);
        check(
            "a=1\n\n[s]\n b = two words \n[s.t]\nc=",
            &["1 a = <1>", "3 [s]", "4 b = <two words>", "5 [s.t]", "6 c = <>"],
        );
        check("a=1\r\n[s]\r\nb=2\r\n", &["1 a = <1>", "2 [s]", "3 b = <2>"]);
        check("[ s ]\na(b).c[0]=x=y", &["1 [s]", "2 a(b).c[0] = <x=y>"]);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_line() {
        check("\u{feff}a=1\n\u{feff}b=2", &["1 a = <1>", "2 b = <2>"]);
    }

    #[test]
    fn a_backslash_at_the_end_joins_the_next_line() {
        check("a=1\\\n2\\\n3\nb=4", &["1 a = <123>", "4 b = <4>"]);
        check("a=1 \\\n 2", &["1 a = <1  2>"]);
        check("a=1\\ \nb=2", &["1 a = <1\\>", "2 b = <2>"]);
        check("a=1\\", &["1 a = <1>"]);
        check("a=1\\\r\n2\r\n", &["1 a = <12>"]);
    }

    #[test]
    fn a_comment_that_ends_in_a_backslash_swallows_the_next_line() {
        check("a=1 ; one \\\nb=2\nc=3", &["1 a = <1>", "3 c = <3>"]);
    }

    #[test]
    fn both_signs_start_a_comment_outside_quotes_only() {
        check("a=1;2\nb=1#2\n; c=3\n# d=4", &["1 a = <1>", "2 b = <1>"]);
        check("a=\"10.0; 1.0\" ; spread\nb=\"x#y\"", &["1 a = <10.0; 1.0>", "2 b = <x#y>"]);
        check("a=x \"y;z\" w", &["1 a = <x \"y;z\" w>"]);
        check("; it's \"open\na=1", &["2 a = <1>"]);
    }

    #[test]
    fn a_section_inherits_from_those_above_and_the_first_one_wins() {
        check(
            "[a]\nx=1\ny=1\n[b]\ny=2\nz=2\n[c] a b\nz=3",
            &[
                "1 [a]",
                "2 x = <1>",
                "3 y = <1>",
                "4 [b]",
                "5 y = <2>",
                "6 z = <2>",
                "7 [c]",
                "2 x = <1>",
                "3 y = <1>",
                "8 z = <3>",
            ],
        );
        check("[a]\nx=1\n[b] a\n[c] b", &["1 [a]", "2 x = <1>", "3 [b]", "2 x = <1>", "4 [c]", "2 x = <1>"]);
    }

    #[test]
    fn faults_of_the_grammar_are_gathered() {
        check(
            "[a]\nx\n[b\n[]\n[a]\n=1\ny=\"1\n[c] d a bb\n[e@f.tpl]\nz=1\n[b]\nx=1\nx=2",
            &[
                "1 [a]",
                "8 [c]",
                "11 [b]",
                "13 x = <2>",
                "error: line 2, [a]: malformed line: expected `[section]` or `key=value`, found `x`",
                "error: line 3: malformed section header: expected `[name]`, found `[b`",
                "error: line 4: malformed section header: expected a name between `[` and `]`",
                "error: line 5, [a]: section declared twice, first at line 1",
                "error: line 6: malformed line: expected a key before `=1`",
                "error: line 7: malformed line: a double quote `\"` is opened and not closed",
                "error: line 8, [c]: inherits from `d`, which is not declared above",
                "error: line 8, [c]: inherits from `bb`, which is not declared above",
                "error: line 9, [e@f.tpl]: templates (`[name@file.tpl]`) are not supported yet",
                "warning: line 13, [b] x: written twice, first at line 12; the last one counts",
            ],
        );
    }

    /// Sections as (name, properties), names unique.
    fn sections() -> impl Strategy<Value = Vec<(String, Vec<(String, String)>)>> {
        let name = "[A-Za-z][A-Za-z0-9._]{0,8}";
        let key = "[$A-Za-z][A-Za-z0-9._()]{0,8}";
        let value = "[!-~ ]{0,20}".prop_map(|text| text.replace('"', "").trim().to_owned());
        let properties = proptest::collection::btree_map(key, value, 0..5);
        proptest::collection::btree_map(name, properties.prop_map(|map| map.into_iter().collect()), 0..5)
            .prop_map(|map| map.into_iter().collect())
    }

    /// Prints a value so that neither its comment signs nor its last backslash mean anything.
    fn quoted(value: &str) -> String {
        format!("\"{value}\"")
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(sections in sections(), split in 0..40_usize) {
            let mut text = String::from("; generated\n");
            for (name, properties) in &sections {
                text.push_str(&format!("[{name}] ; a section\n\n"));
                for (key, value) in properties {
                    let line = format!("  {key} = {}", quoted(value));
                    let at = (0..=split.min(line.len())).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
                    text.push_str(&format!("{}\\\n{} # a comment\n", &line[..at], &line[at..]));
                }
            }
            let parsed = parse(&text);
            prop_assert!(parsed.errors.is_empty() && parsed.warnings.is_empty(), "{}", outline(&parsed));
            let read: Vec<(String, Vec<(String, String)>)> = parsed.document.sections()[1..]
                .iter()
                .map(|section| {
                    let properties = section.properties.iter();
                    (section.name.to_string(), properties.map(|p| (p.name.clone(), p.value.clone())).collect())
                })
                .collect();
            prop_assert_eq!(read, sections);
        }

        #[test]
        fn no_text_panics(text in "([\\[\\]\"\\\\=;#$(){}a-c@ \r\n\u{feff}é]|conv|sp|Input=){0,60}") {
            let _ = parse(&text);
            let _ = crate::config::load("m.ini", &text, &crate::config::Options::default());
        }
    }
}
