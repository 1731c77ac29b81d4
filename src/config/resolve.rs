//! What a value means where it stands: references to other keys, variables, expressions, the environment.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::expression;
use super::ini::{Document, Property, shown};
use super::nearest::did_you_mean;

/// References and variables may lead to others this deep.
const DEEPEST: usize = 64;
/// No value leads through more of them than this.
const MOST: usize = 10_000;
/// No value grows beyond this many bytes.
const LONGEST: usize = 1 << 20;

/// The environment variables that paths may use.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process; those that are not Unicode are left out.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of `name`.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// Replaces references and variables by what they stand for.
#[derive(Debug)]
pub(crate) struct Resolver<'a> {
    document: &'a Document,
    environment: &'a Environment,
    /// Properties that come from building, such as `_EpochSize`, by section.
    computed: HashMap<(String, String), String>,
    /// Sections that a reference has led to.
    pub referenced: HashSet<usize>,
    /// Leaves what is not known yet as it is.
    is_partial: bool,
    /// References and variables followed for the current value.
    n_followed: usize,
}

/// A resolved text and, for paths, the environment variables that are not set.
pub(crate) struct Resolved {
    pub text: String,
    pub unset: Vec<String>,
}

type Stack<'s> = Vec<(&'s str, &'s str)>;

impl<'a> Resolver<'a> {
    pub fn new(document: &'a Document, environment: &'a Environment) -> Self {
        Self {
            document,
            environment,
            computed: HashMap::new(),
            referenced: HashSet::new(),
            is_partial: false,
            n_followed: 0,
        }
    }

    /// One that leaves references, variables and expressions as they are where they name what is not known yet.
    pub fn partial(document: &'a Document, environment: &'a Environment) -> Self {
        Self { is_partial: true, ..Self::new(document, environment) }
    }

    /// Makes `[section]name` mean `value` from now on.
    pub fn define(&mut self, section: &str, name: &str, value: impl ToString) {
        self.computed.insert((section.to_owned(), name.to_owned()), value.to_string());
    }

    /// The value of `property` read in the section of index `section`.
    ///
    /// Only a path sees the environment.
    pub fn resolve(&mut self, section: usize, property: &'a Property, is_path: bool) -> Result<Resolved, String> {
        self.n_followed = 0;
        let mut stack = vec![(&*property.origin, property.name.as_str())];
        let mut text = self.text(&property.value, section, &mut stack)?;
        let mut unset = Vec::new();
        if is_path {
            text = replace_variables(&text, |name| {
                let value = self.environment.var(name);
                if value.is_none() {
                    unset.push(name.to_owned());
                }
                Ok(Some(value.unwrap_or("").to_owned()))
            })?;
        }
        Ok(Resolved { text, unset })
    }

    fn text(&mut self, text: &'a str, section: usize, stack: &mut Stack<'a>) -> Result<String, String> {
        let text = self.references(text, stack)?;
        let document = self.document;
        let text = replace_variables(&text, |name| {
            match name {
                "SECTION_NAME" => return Ok(Some(document.sections()[section].name.to_string())),
                "PREV_SECTION_NAME" => {
                    return Ok(section.checked_sub(1).map(|before| document.sections()[before].name.to_string()));
                }
                _ => {}
            }
            let local = document.sections()[section].properties.iter();
            let global = document.sections()[0].properties.iter();
            let is_it = |property: &&Property| property.name.strip_prefix('$') == Some(name);
            let Some(variable) = local.chain(global).find(is_it) else { return Ok(None) };
            self.enter(&variable.origin, &variable.name, stack)?;
            let value = self.text(&variable.value, section, stack)?;
            stack.pop();
            Ok(Some(value))
        })?;
        expressions(&text, self.is_partial, 0)
    }

    /// Replaces each `[section]Property` whose section exists.
    fn references(&mut self, text: &'a str, stack: &mut Stack<'a>) -> Result<String, String> {
        let mut resolved = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('[') {
            let (before, from) = rest.split_at(open);
            resolved.push_str(before);
            let found =
                from[1..].split_once(']').and_then(|(name, after)| Some((self.document.find(name)?, name, after)));
            match found {
                None => {
                    resolved.push('[');
                    rest = &from[1..];
                }
                Some((index, name, after)) => {
                    let mut end = after.find(char::is_whitespace).unwrap_or(after.len());
                    let in_expression = is_in_expression(&text[..text.len() - rest.len() + open]);
                    if in_expression && !self.has(index, name, &after[..end]) {
                        let is_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
                        end = after.find(|c| !is_of_name(c)).unwrap_or(after.len());
                    }
                    let (key, remainder) = after.split_at(end);
                    if self.is_partial && !self.has(index, name, key) {
                        resolved.push('[');
                        rest = &from[1..];
                        continue;
                    }
                    resolved.push_str(&self.reference(index, name, key, stack)?);
                    rest = remainder;
                }
            }
            within_bounds(&resolved)?;
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    fn has(&self, index: usize, name: &str, key: &str) -> bool {
        self.computed.contains_key(&(name.to_owned(), key.to_owned()))
            || self.document.sections()[index].property(key).is_some()
    }

    fn reference(
        &mut self,
        index: usize,
        name: &'a str,
        key: &'a str,
        stack: &mut Stack<'a>,
    ) -> Result<String, String> {
        self.referenced.insert(index);
        let section = &self.document.sections()[index];
        if let Some(value) = self.computed.get(&(name.to_owned(), key.to_owned())) {
            return Ok(value.clone());
        }
        let Some(property) = section.property(key) else {
            if key.starts_with('_') {
                return Err(format!(
                    "`[{name}]{key}` is not known here: a computed key is there once its section has been built"
                ));
            }
            let known = section.properties.iter().map(|property| property.name.as_str());
            let hint = did_you_mean(key, known, |known| format!("`[{name}]{known}`"));
            return Err(format!("refers to `{}`, which `[{name}]` does not have{hint}", shown(key)));
        };
        self.enter(name, key, stack)?;
        let value = self.references(&property.value, stack)?;
        stack.pop();
        Ok(value)
    }

    fn enter(&mut self, section: &'a str, key: &'a str, stack: &mut Stack<'a>) -> Result<(), String> {
        if let Some(start) = stack.iter().position(|&entry| entry == (section, key)) {
            let mut steps: Vec<String> = stack[start..].iter().map(|(section, key)| step(section, key)).collect();
            steps.push(step(section, key));
            return Err(format!("refers to itself: {}", steps.join(" -> ")));
        }
        if stack.len() >= DEEPEST {
            return Err(format!("refers to others more than {DEEPEST} deep"));
        }
        self.n_followed += 1;
        if self.n_followed > MOST {
            return Err(format!("refers to more than {MOST} others"));
        }
        stack.push((section, key));
        Ok(())
    }
}

/// How a reference to `key` is written; a global key has no section to name.
fn step(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("[{section}]{key}") }
}

/// `text` with the variables of the environment in it; unset ones are a fault.
pub(crate) fn with_environment(text: &str, environment: &Environment) -> Result<String, String> {
    replace_variables(text, |name| match environment.var(name) {
        Some(value) => Ok(Some(value.to_owned())),
        None => Err(format!("the environment variable `{name}` is not set")),
    })
}

/// Replaces `${NAME}` (also written `\${NAME}`) where `value` knows the name.
fn replace_variables(
    text: &str,
    mut value: impl FnMut(&str) -> Result<Option<String>, String>,
) -> Result<String, String> {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let Some((name, after)) = from[2..].split_once('}') else { break };
        match value(name)? {
            Some(value) => {
                replaced.push_str(before.strip_suffix('\\').unwrap_or(before));
                replaced.push_str(&value);
            }
            None => {
                replaced.push_str(before);
                replaced.push_str(&from[..name.len() + 3]);
            }
        }
        within_bounds(&replaced)?;
        rest = after;
    }
    replaced.push_str(rest);
    within_bounds(&replaced)?;
    Ok(replaced)
}

/// Replaces each `$(...)` by its value, inner ones first.
///
/// One with a reference or a variable inside stays as it is if `is_partial`.
fn expressions(text: &str, is_partial: bool, depth: usize) -> Result<String, String> {
    let mut evaluated = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("$(") {
        let (before, from) = rest.split_at(at);
        let Some(length) = expression::length(&from[2..]) else {
            return Err(format!("expected `)` at the end of the expression `{}`", shown(from)));
        };
        if depth >= DEEPEST {
            return Err(format!("has expressions more than {DEEPEST} deep"));
        }
        let inside = expressions(&from[2..2 + length], is_partial, depth + 1)?;
        if is_partial && (inside.contains('[') || inside.contains("${")) {
            let (whole, after) = from.split_at(length + 3);
            evaluated.extend([before, whole]);
            rest = after;
            continue;
        }
        let value = match unknown_variable(&inside) {
            Some(name) => {
                Err(format!("there is no variable `{name}`; expected a key `${name}` here or before the first section"))
            }
            None => match unknown_section(&inside) {
                Some(name) => Err(format!("there is no section `[{name}]`")),
                None => expression::evaluate(&inside),
            },
        };
        evaluated.push_str(before);
        evaluated.push_str(&value.map_err(|message| format!("expression `$({})`: {message}", shown(&inside)))?);
        within_bounds(&evaluated)?;
        rest = &from[length + 3..];
    }
    evaluated.push_str(rest);
    Ok(evaluated)
}

/// The name of a variable that has been left as it is.
fn unknown_variable(text: &str) -> Option<&str> {
    Some(text.split_once("${")?.1.split_once('}')?.0)
}

/// The section that a reference names which was left as it is because there is no such section.
pub(crate) fn unknown_section(text: &str) -> Option<&str> {
    let (name, key) = text.split_once('[')?.1.split_once(']')?;
    key.starts_with(|c: char| c.is_alphabetic() || c == '_').then_some(name)
}

/// Whether what follows `text` stands in an expression that `text` opens.
fn is_in_expression(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, inside)) = rest.split_once("$(") {
        match expression::length(inside) {
            None => return true,
            Some(length) => rest = &inside[length..],
        }
    }
    false
}

fn within_bounds(text: &str) -> Result<(), String> {
    if text.len() > LONGEST { Err(format!("grows beyond {LONGEST} bytes")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ini::parse;

    /// Resolves the key `X` of the section `s`.
    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let parsed = parse(text);
        assert!(parsed.errors.is_empty(), "{:?}", parsed.errors);
        let environment =
            [("HOME", "/home/me"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = environment.into_iter().collect();
        let mut resolver = Resolver::new(&parsed.document, &environment);
        resolver.define("sp", "_EpochSize", 48_000);
        let section = parsed.document.find("s").unwrap();
        let (key, is_path) =
            if parsed.document.sections()[section].property("Path").is_some() { ("Path", true) } else { ("X", false) };
        let property = parsed.document.sections()[section].property(key).unwrap();
        let resolved = resolver.resolve(section, property, is_path).map(|resolved| resolved.text);
        assert_eq!(resolved.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn a_reference_stands_for_the_key_of_another_section() {
        check("[sp]\nSizeX=32\nSizeY=24\n[s]\nX=[sp]SizeX [sp]SizeY", Ok("32 24"));
        check("[sp]\n[s]\nX=[sp]_EpochSize", Ok("48000"));
        check("[a.b]\nY=1\n[t]\nZ=[a.b]Y\n[s]\nX=[t]Z", Ok("1"));
        check("[s]\nX=[later]Y\n[later]\nY=2", Ok("2"));
        check("[s]\nX=[nowhere]Y", Ok("[nowhere]Y"));
        check("[sp]\n[s]\nX=a [sp] [ ]", Err("refers to ``, which `[sp]` does not have"));
        check(
            "[sp]\nSizeX=1\n[s]\nX=[sp]SizeX/2",
            Err("refers to `SizeX/2`, which `[sp]` does not have; did you mean `[sp]SizeX`?"),
        );
        check(
            "[sp]\n[s]\nX=[s]_NbOutputs",
            Err("`[s]_NbOutputs` is not known here: a computed key is there once its section has been built"),
        );
    }

    #[test]
    fn a_variable_is_looked_up_in_the_section_then_globally() {
        check("$A=1\n[s]\nX=${A}", Ok("1"));
        check("$A=1\n[s]\n$A=2\nX=a${A}b", Ok("a2b"));
        check("$A=1\n[s]\nX=\\${A}", Ok("1"));
        check("$A=${B}\n$B=3\n[s]\nX=${A}", Ok("3"));
        check("[sp]\nSizeX=32\n[s]\n$A=[sp]SizeX\nX=${A}", Ok("32"));
        check("[t]\n$A=1\nY=${A}\n[s]\n$A=2\nX=[t]Y", Ok("2"));
        check("[t]\n[s]\nX=${SECTION_NAME} ${PREV_SECTION_NAME}", Ok("s t"));
        check("[s]\nX=${UNKNOWN} ${", Ok("${UNKNOWN} ${"));
    }

    #[test]
    fn the_environment_serves_paths_only() {
        check("[s]\nPath=${HOME}/data", Ok("/home/me/data"));
        check("[s]\nPath=\\${HOME}/data", Ok("/home/me/data"));
        check("$HOME=/other\n[s]\nPath=${HOME}/data", Ok("/other/data"));
        check("[s]\nPath=${NOT_SET}/data", Ok("/data"));
        check("[s]\nX=${HOME}", Ok("${HOME}"));
    }

    #[test]
    fn expressions_are_worked_out_after_references_and_variables() {
        check("[s]\nX=$(2 + 3)", Ok("5"));
        check("[s]\nX=a $(2 + 3)b $(1)", Ok("a 5b 1"));
        check("$SIZE=24\n[s]\nX=$((${SIZE} - 4) // 2 + 1)", Ok("11"));
        check("[sp]\nSizeX=32\n[s]\nX=$([sp]SizeX // 2) $(2*[sp]SizeX)", Ok("16 64"));
        check("[sp]\n[s]\nX=$(int([sp]_EpochSize*1.5/128))", Ok("562"));
        check("[t]\nY(a)=3\nZ=$(1)\n[s]\nX=$([t]Y(a) + [t]Z)", Ok("4"));
        check("$A=$(1 + 1)\n[s]\nX=$(${A} * $(2 + 1))", Ok("6"));
        check("$L=8\n[s]\nX=$(${L}**(-1/(2*2-2)) if ${L} > 0 else 1.0)", Ok("0.3535533905932738"));
        check("[s]\nX=$('a' if 1 else ')')", Ok("a"));
        check("[s]\nX=$(1 + )", Err("expression `$(1 + )`: expected a number, a string or `(`, found the end"));
        check("[s]\nX=$([t]Y + 1)", Err("expression `$([t]Y + 1)`: there is no section `[t]`"));
        check("[s]\nX=$(1", Err("expected `)` at the end of the expression `$(1`"));
        check(
            "[s]\nX=$(${A} + 1)",
            Err(
                "expression `$(${A} + 1)`: there is no variable `A`; expected a key `$A` here or before the first section",
            ),
        );
        check("[sp]\n[s]\nX=$([sp]Sizes/2)", Err("refers to `Sizes`, which `[sp]` does not have"));
        check(&format!("[s]\nX={}1{}", "$(".repeat(70), ")".repeat(70)), Err("has expressions more than 64 deep"));
    }

    #[test]
    fn circles_and_explosions_end() {
        check("[s]\nX=[s]Y\nY=[s]X", Err("refers to itself: [s]X -> [s]Y -> [s]X"));
        check("[s]\nX=[s]X", Err("refers to itself: [s]X -> [s]X"));
        check("$A=${B}\n$B=${A}\n[s]\nX=${A}", Err("refers to itself: $A -> $B -> $A"));
        let doubling = |last: &str| {
            let lines: String = (0..40).map(|i| format!("$A{i}=${{A{0}}}${{A{0}}}\n", i + 1)).collect();
            format!("{lines}$A40={last}\n[s]\nX=${{A0}}")
        };
        check(&doubling(""), Err("refers to more than 10000 others"));
        check(&doubling(&"x".repeat(1000)), Err("grows beyond 1048576 bytes"));
        let chain: String = (0..100).map(|i| format!("$A{i}=${{A{}}}\n", i + 1)).collect();
        check(&format!("{chain}$A100=1\n[s]\nX=${{A0}}"), Err("refers to others more than 64 deep"));
    }
}
