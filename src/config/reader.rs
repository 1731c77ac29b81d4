//! Reads keys of a section through the registry, gathering faults instead of stopping at them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::fault::{Fault, Line};
use super::ini::{Document, Property, shown};
use super::nearest::did_you_mean;
use super::registry::{self, Presence, Scope};
use super::resolve::{Environment, Resolver, unknown_section};
use super::template::Files;
use super::value::{FromValue, Kind};
use crate::model::Span;

/// Sections named at most as those that an unknown key belongs to.
const MOST_OWNERS: usize = 3;

/// State of one reading: the document, what is known so far, what was wrong.
pub(crate) struct Reader<'a> {
    pub document: &'a Document,
    pub resolver: Resolver<'a>,
    pub errors: Vec<Fault>,
    pub warnings: Vec<Fault>,
    /// Other files that were read, each with its text, as the included ones are known: by the number after theirs.
    pub files: Vec<(Arc<str>, String)>,
    beside: Files,
    path: Arc<str>,
    strict: bool,
    used: HashSet<usize>,
}

/// The properties that hold for one object: those of its section for its model, or the sum of several sections.
#[derive(Clone, Debug)]
pub(crate) struct Bag<'a> {
    /// The section that faults about absent keys name.
    pub section: usize,
    /// Name without `(Model)`, section it is read in, property.
    entries: BTreeMap<String, (usize, &'a Property)>,
    /// Those of other models, to be checked and not read.
    of_other_models: Vec<(String, &'a Property)>,
}

/// Keys that may stand in a section: each scope with its prefix.
pub(crate) type Accepted = Vec<(String, Scope)>;

/// What becomes of an unknown key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// A warning, an error when strict.
    Warns,
    /// An error: it is a parameter of a `ConfigSection`.
    Fails,
}

impl<'a> Bag<'a> {
    pub fn empty(section: usize) -> Self {
        Self { section, entries: BTreeMap::new(), of_other_models: Vec::new() }
    }

    pub fn property(&self, name: &str) -> Option<&'a Property> {
        self.entries.get(name).map(|&(_, property)| property)
    }

    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub fn entries(&self) -> impl Iterator<Item = (&str, &'a Property)> {
        self.entries.iter().map(|(name, &(_, property))| (name.as_str(), property))
    }

    /// Lets the entries of `stronger` that `wanted` maps to a name hold from now on, under that name.
    pub fn overlay(&mut self, stronger: &Bag<'a>, wanted: impl Fn(&str) -> Option<String>) {
        for (name, entry) in &stronger.entries {
            if let Some(name) = wanted(name) {
                self.entries.insert(name, *entry);
            }
        }
    }
}

/// `Key(Model)` as `(Key, Model)`.
fn of_model(name: &str) -> Option<(&str, &str)> {
    let (base, model) = name.strip_suffix(')')?.split_once('(')?;
    let Kind::Choice(supported, lacking) = registry::find(Scope::Cell, "Model")?.kind else { return None };
    (base != "Mapping" && supported.iter().chain(lacking).any(|known| *known == model)).then_some((base, model))
}

fn without_cuda(model: &str) -> &str {
    model.strip_suffix("_CUDA").unwrap_or(model)
}

impl<'a> Reader<'a> {
    pub fn new(
        document: &'a Document,
        environment: &'a Environment,
        beside: Files,
        path: Arc<str>,
        strict: bool,
    ) -> Self {
        Self {
            document,
            resolver: Resolver::new(document, environment),
            errors: Vec::new(),
            warnings: Vec::new(),
            files: Vec::new(),
            beside,
            path,
            strict,
            used: HashSet::from([0]),
        }
    }

    pub fn name_of(&self, section: usize) -> Arc<str> {
        self.document.sections()[section].name.clone()
    }

    pub fn span(&self, line: Line) -> Span {
        let file = line.file().and_then(|file| self.document.included.get(file));
        Span { file: file.map_or(&self.path, |file| &file.name).clone(), line: line.number() }
    }

    pub fn span_of_section(&self, section: usize) -> Span {
        self.span(self.document.sections()[section].line)
    }

    /// The properties of `section`, `Key(Model)` standing in for `Key` when the model is `model`.
    pub fn bag(&mut self, section: usize, model: Option<&str>) -> Bag<'a> {
        self.used.insert(section);
        let mut bag = Bag::empty(section);
        let mut of_this_model = Vec::new();
        for property in &self.document.sections()[section].properties {
            if property.name.starts_with('$') {
                continue;
            }
            match of_model(&property.name) {
                None => drop(bag.entries.insert(property.name.clone(), (section, property))),
                Some((base, other)) if model.is_some_and(|model| without_cuda(model) == without_cuda(other)) => {
                    of_this_model.push((base, property));
                }
                Some((base, _)) => bag.of_other_models.push((base.to_owned(), property)),
            }
        }
        for (base, property) in of_this_model {
            if let Some((_, replaced)) = bag.entries.insert(base.to_owned(), (section, property)) {
                bag.of_other_models.push((base.to_owned(), replaced));
            }
        }
        bag
    }

    /// The saved parameters of `section`.
    pub fn saved(&self, section: usize) -> Bag<'a> {
        let mut bag = Bag::empty(section);
        for property in self.document.saved.get(&section).into_iter().flatten() {
            bag.entries.insert(property.name.clone(), (section, property));
        }
        bag
    }

    /// The parameters of `scopes` with their values, or defaults, as they are saved.
    pub fn saved_parameters(&mut self, bag: &Bag<'a>, scopes: &[Scope]) -> Vec<(String, String)> {
        let mut parameters = Vec::new();
        for key in scopes.iter().flat_map(|&scope| registry::of_scope(scope)) {
            if matches!(key.presence, Presence::Ignored(_) | Presence::Refused(_)) {
                continue;
            }
            let text = match bag.entries.get(key.name) {
                Some(&(section, property)) => {
                    self.resolver.resolve(section, property, false).ok().map(|resolved| resolved.text)
                }
                None => key.default_text(),
            };
            if let Some(value) = text.and_then(|text| key.kind.parse(&text).ok()) {
                parameters.push((key.name.to_owned(), super::saved::saved(&value)));
            }
        }
        parameters
    }

    /// An error at a property.
    pub fn fault(&mut self, property: &Property, message: impl Into<String>) {
        self.errors.push(Fault::new(property.line, &property.origin, &property.name, message));
    }

    /// An error in the file of index `file` that the property names.
    pub fn fault_in_file(&mut self, property: &Property, file: usize, line: u32, message: String) {
        let line = property.line.in_file(file, line);
        self.errors.push(Fault::new(line, &property.origin, &property.name, message));
    }

    /// The text of the file at `path`, by the index and the name under which it is known: relative paths begin at the
    /// model; `${N2D2_MODELS}` in what was `written` is the model's own folder where it has no such file.
    pub fn file_beside(&mut self, path: &str, written: &str) -> Result<(usize, Arc<str>, String), String> {
        let bare = path.rsplit(['/', '\\']).next().filter(|_| written.contains("{N2D2_MODELS}"));
        for path in [Some(path), bare].into_iter().flatten() {
            let text = match self.files.iter().find(|(name, _)| **name == *path) {
                Some((_, text)) => text.clone(),
                None => match self.beside.read(path).map_err(|message| format!("`{path}`: {message}"))? {
                    Some(text) => {
                        self.files.push((path.into(), text.clone()));
                        text
                    }
                    None => continue,
                },
            };
            let number = self.files.iter().position(|(name, _)| **name == *path).unwrap_or_default();
            return Ok((self.document.included.len() + number, path.into(), text));
        }
        Err(format!("`{path}`: there is no such file; a relative path begins at the folder of the model"))
    }

    /// An error at a section, about `key` unless it is empty.
    pub fn section_fault(&mut self, section: usize, key: &str, message: impl Into<String>) {
        let section = &self.document.sections()[section];
        self.errors.push(Fault::new(section.line, &section.name, key, message));
    }

    /// An error at the property of `bag` called `key`, or at its section when it has none.
    pub fn fault_at(&mut self, bag: &Bag<'a>, key: &str, message: impl Into<String>) {
        match bag.property(key) {
            Some(property) => self.fault(property, message),
            None => self.section_fault(bag.section, key, message),
        }
    }

    /// A warning at a section.
    pub fn section_warning(&mut self, section: usize, key: &str, message: impl Into<String>) {
        let section = &self.document.sections()[section];
        self.warnings.push(Fault::new(section.line, &section.name, key, message));
    }

    /// The value of `prefix` + `name` in `bag`; its default, or after a fault the type's, when there is none.
    pub fn read<T: FromValue>(&mut self, bag: &Bag<'a>, prefix: &str, scope: Scope, name: &str) -> T {
        let key = registry::find(scope, name);
        debug_assert!(key.is_some(), "{scope:?} has no key `{name}`");
        let Some(key) = key else { return T::default() };
        if let Some(value) = self.read_optional(bag, prefix, scope, name) {
            return value;
        }
        if bag.has(&format!("{prefix}{name}")) {
            return T::default();
        }
        match key.default_text() {
            Some(text) => {
                let value = key.kind.parse(&text).and_then(T::from_value);
                debug_assert!(value.is_ok(), "{scope:?} {name}: default `{text}`: {:?}", value.err());
                value.unwrap_or_default()
            }
            None => {
                let message = format!("missing; expected {}", key.kind.expected());
                self.section_fault(bag.section, &format!("{prefix}{name}"), message);
                T::default()
            }
        }
    }

    /// The value of `prefix` + `name` in `bag` when it is written and readable.
    pub fn read_optional<T: FromValue>(&mut self, bag: &Bag<'a>, prefix: &str, scope: Scope, name: &str) -> Option<T> {
        let key = registry::find(scope, name);
        debug_assert!(key.is_some(), "{scope:?} has no key `{name}`");
        let kind = key?.kind;
        let &(section, property) = bag.entries.get(&format!("{prefix}{name}"))?;
        let text = self.resolved(section, property, kind)?;
        match kind.parse(&text).and_then(T::from_value) {
            Ok(value) => {
                self.warn_of_lost_time(property, kind);
                Some(value)
            }
            Err(mut message) => {
                if text != property.value {
                    message.push_str(&format!(" (from `{}`)", shown(&property.value)));
                    if property.value.contains("$(") && text.ends_with(".0") {
                        message.push_str("; a whole number comes of `//` or `int(...)`");
                    }
                } else if let Some(name) = unknown_section(&text) {
                    message.push_str(&format!("; there is no section `[{name}]`"));
                }
                self.fault(property, message);
                None
            }
        }
    }

    /// Warns where a time is followed by another one that its `;` makes a comment.
    fn warn_of_lost_time(&mut self, property: &Property, kind: Kind) {
        let (Kind::Time | Kind::TimeSpread, Some(lost)) = (kind, property.comment.strip_prefix(';')) else { return };
        let (value, lost) = (property.value.trim(), lost.trim());
        let whole = format!("{value}; {lost}");
        if Kind::TimeSpread.parse(&whole).is_err() {
            return;
        }
        let remedy = if kind == Kind::TimeSpread {
            format!("write `{}=\"{whole}\"` to have both", property.name)
        } else {
            "one time is expected here".to_owned()
        };
        let message = format!("`; {lost}` is a comment and has no effect; {remedy}");
        self.warnings.push(Fault::new(property.line, &property.origin, &property.name, message));
    }

    fn resolved(&mut self, section: usize, property: &'a Property, kind: Kind) -> Option<String> {
        match self.resolver.resolve(section, property, kind == Kind::Path) {
            Ok(resolved) => {
                for name in resolved.unset {
                    let message = format!("the environment variable `{name}` is not set, nothing stands in for it");
                    self.warnings.push(Fault::new(property.line, &property.origin, &property.name, message));
                }
                Some(resolved.text)
            }
            Err(message) => {
                self.fault(property, message);
                None
            }
        }
    }

    /// The sections that the key `ConfigSection` of `bag` names, weakest first.
    pub fn config_sections(&mut self, bag: &Bag<'a>, scope: Scope) -> Vec<usize> {
        for (base, property) in &bag.of_other_models {
            if base == "ConfigSection" {
                let named = property.value.split(',').filter_map(|name| self.document.find(name.trim()));
                self.used.extend(named);
            }
        }
        let names: Vec<String> = self.read_optional(bag, "", scope, "ConfigSection").unwrap_or_default();
        let mut sections = Vec::new();
        for name in names {
            match self.document.find(&name) {
                Some(section) => sections.push(section),
                None => {
                    let known = self.document.sections().iter().map(|section| &*section.name);
                    let hint = did_you_mean(&name, known, |known| format!("`[{known}]`"));
                    self.fault_at(bag, "ConfigSection", format!("there is no section `[{name}]`{hint}"));
                }
            }
        }
        self.used.extend(&sections);
        sections
    }

    /// Reports the keys of `bag` that `accepted` does not know or that we cannot follow.
    pub fn check(&mut self, bag: &Bag<'a>, accepted: &Accepted, unknown: Unknown) {
        let entries = bag.entries.iter().map(|(name, &(section, property))| (name, property, Some(section)));
        let others = bag.of_other_models.iter().map(|(name, property)| (name, *property, None));
        for (name, property, read_in) in entries.chain(others) {
            let key = accepted.iter().find_map(|(prefix, scope)| registry::find(*scope, name.strip_prefix(prefix)?));
            match key {
                None => self.unknown(name, property, accepted, unknown),
                Some(key) => {
                    let (Presence::Ignored(default) | Presence::Refused(default)) = key.presence else { continue };
                    let Some(section) = read_in else { continue };
                    let Some(text) = self.resolved(section, property, Kind::Text) else { continue };
                    let same = text.trim() == default
                        || (!default.is_empty()
                            && key.kind.parse(&text).is_ok_and(|v| Ok(v) == key.kind.parse(default)));
                    if same {
                        continue;
                    }
                    let remedy =
                        if default.is_empty() { "leave it out".into() } else { format!("only `{default}` is") };
                    if matches!(key.presence, Presence::Refused(_)) {
                        self.fault(property, format!("not supported yet, though N2D2 has it; {remedy}"));
                    } else {
                        let message = "N2D2 has this key, we do not yet; it has no effect".to_owned();
                        self.warn(property, message);
                    }
                }
            }
        }
    }

    fn unknown(&mut self, name: &str, property: &Property, accepted: &Accepted, unknown: Unknown) {
        let noun = if unknown == Unknown::Fails { "parameter" } else { "key" };
        let elsewhere = registry::KEYS.iter().filter(|key| {
            !key.name.is_empty()
                && name.strip_suffix(key.name).is_some_and(|prefix| key.scope.prefixes().contains(&prefix))
        });
        let titles: Vec<&str> = elsewhere.map(|key| key.scope.title()).take(MOST_OWNERS).collect();
        let message = if !titles.is_empty() {
            format!("unknown {noun} here; it belongs to: {}", titles.join(", or to: "))
        } else {
            let known: Vec<String> = accepted
                .iter()
                .flat_map(|(prefix, scope)| registry::of_scope(*scope).map(move |key| format!("{prefix}{}", key.name)))
                .collect();
            let hint = did_you_mean(name, known.iter().map(String::as_str), |known| format!("`{known}`"));
            format!("unknown {noun}{hint}")
        };
        if unknown == Unknown::Fails { self.fault(property, message) } else { self.warn(property, message) }
    }

    fn warn(&mut self, property: &Property, message: String) {
        let list = if self.strict { &mut self.errors } else { &mut self.warnings };
        list.push(Fault::new(property.line, &property.origin, &property.name, message));
    }

    /// Warns of sections that nothing read.
    pub fn report_unused(&mut self) {
        for (index, section) in self.document.sections().iter().enumerate() {
            for parent in &section.parents {
                self.used.extend(self.document.find(parent));
            }
            self.used.extend(self.resolver.referenced.contains(&index).then_some(index));
        }
        self.used.extend(&self.document.used_by_templates);
        for (index, section) in self.document.sections().iter().enumerate() {
            if self.used.contains(&index) {
                continue;
            }
            let hint = match section.name.split_once(".Target") {
                _ if section.property("Type").is_some_and(|of| is_cell_type(&of.value)) => {
                    "; a section becomes a layer by its key `Input`".to_owned()
                }
                Some((layer, _)) => format!("; there is no layer `{layer}`"),
                None => {
                    let used = self.used.iter().map(|&used| &*self.document.sections()[used].name);
                    let mut used: Vec<&str> = used.collect();
                    used.sort_unstable();
                    did_you_mean(&section.name, used, |known| format!("`[{known}]`"))
                }
            };
            let message = format!("unused section{hint}");
            self.warnings.push(Fault::new(section.line, &section.name, "", message));
        }
    }
}

fn is_cell_type(text: &str) -> bool {
    let kind = registry::find(Scope::Cell, "Type").map(|key| key.kind);
    matches!(kind, Some(Kind::Choice(supported, lacking)) if supported.iter().chain(lacking).any(|known| *known == text))
}
