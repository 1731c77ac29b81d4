//! Templates: INI text with holes, filled from the keys of the section that includes it.
//!
//! | Directive | Meaning |
//! |---|---|
//! | `{{NAME}}` | the value of a variable |
//! | `{% block ARR %}` ... `{% endblock %}` | repeated `ARR` times; `{{.P}}` is the variable `ARR[i].P`, `{{#}}` is i |
//! | `{% for v in range(b) %}`, `range(a, b)` ... `{% endfor %}` | v from a (0) to below b |
//! | `{% if NAME == VAL %}`, `!=`, `NAME exists`, `NAME not_exists`, `{% else %}`, `{% endif %}` | compared as text |
//! | `{% set NAME %}` ... `{% endset %}` | makes a variable of what stands between |
//! | `{% include FILE %}` | another template, with the same variables |

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::ini::shown;
use super::nearest::did_you_mean;

/// Directives and includes may be nested this deep.
const DEEPEST: usize = 32;
/// No rendered text grows beyond this many bytes.
const LONGEST: usize = 1 << 22;
/// No rendering takes more repetitions than this.
const MOST: usize = 1 << 20;

type ReadFile = dyn Fn(&str) -> Result<Option<String>, String> + Send + Sync;

/// Reads files beside a model.
#[derive(Clone)]
pub struct Files(Arc<ReadFile>);

impl Files {
    /// `read` gives the text of a file, `None` when there is none of that name, or says why it cannot be read.
    pub fn new(read: impl Fn(&str) -> Result<Option<String>, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The text of the file at `path`, when there is one.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    pub fn read(&self, path: &str) -> Result<Option<String>, String> {
        self.0(path)
    }
}

impl Default for Files {
    /// No files.
    fn default() -> Self {
        Self::new(|_| Ok(None))
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Files")
    }
}

/// The path of `file`, which the file `beside` names.
pub(crate) fn path_beside(beside: &str, file: &str) -> String {
    match beside.rsplit_once('/') {
        Some((folder, _)) if !file.starts_with('/') => format!("{folder}/{file}"),
        _ => file.to_owned(),
    }
}

/// A line of a template: the index that its loader gave it and the number.
pub(crate) type TemplateLine = (usize, u32);

/// A fault of a template and where.
pub(crate) type TemplateFault = (TemplateLine, String);

/// A filled template.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub text: String,
    /// Where each line of `text` comes from.
    pub lines: Vec<TemplateLine>,
}

impl Rendered {
    /// Appends `text`, which began at `line`; the line of what follows it.
    fn push(&mut self, text: &str, (file, mut line): TemplateLine) -> Result<(), TemplateFault> {
        for piece in text.split_inclusive('\n') {
            if self.text.is_empty() || self.text.ends_with('\n') {
                self.lines.push((file, line));
            }
            self.text.push_str(piece);
            line += u32::from(piece.ends_with('\n'));
        }
        if self.text.len() > LONGEST {
            return Err(((file, line), format!("the rendered text grows beyond {LONGEST} bytes")));
        }
        Ok(())
    }
}

/// Gives the text of a template and an index by which its lines are known.
pub(crate) trait Load {
    /// The template at `path`, a path from the folder of the model.
    fn load(&mut self, path: &str) -> Result<(usize, Arc<str>), String>;
}

/// Fills the template at `path` with `variables`.
///
/// # Errors
///
/// A template that cannot be read has no line; every other fault has one.
pub(crate) fn render(
    path: &str,
    variables: BTreeMap<String, String>,
    load: &mut dyn Load,
) -> Result<Rendered, (Option<TemplateLine>, String)> {
    let (index, text) = load.load(path).map_err(|message| (None, message))?;
    let mut renderer =
        Renderer { variables, blocks: Vec::new(), rendered: Rendered::default(), n_repetitions: 0, depth: 0, load };
    let rendered = nodes(&text).map_err(|(line, message)| ((index, line), message)).and_then(|nodes| {
        renderer.nodes(&nodes, index, path)?;
        Ok(std::mem::take(&mut renderer.rendered))
    });
    rendered.map_err(|(line, message)| (Some(line), message))
}

#[derive(Debug)]
enum Node {
    Text(String),
    Value(String),
    Block { array: String, body: Vec<Located> },
    For { variable: String, from: String, to: String, body: Vec<Located> },
    If { condition: Condition, then: Vec<Located>, otherwise: Vec<Located> },
    Set { name: String, body: Vec<Located> },
    Include(String),
}

/// A node and the line where it begins.
type Located = (u32, Node);

#[derive(Debug)]
enum Condition {
    Equal(String, String),
    Unequal(String, String),
    Exists(String),
    Lacks(String),
}

enum Token<'t> {
    Text(&'t str),
    Value(&'t str),
    Directive(&'t str),
}

fn tokens(text: &str) -> Result<Vec<(u32, Token<'_>)>, (u32, String)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while !rest.is_empty() {
        let tags = [("{{", "}}"), ("{%", "%}")];
        let next = tags.iter().filter_map(|tag| Some((rest.find(tag.0)?, tag))).min_by_key(|(at, _)| *at);
        let Some((at, (open, close))) = next else {
            tokens.push((line, Token::Text(rest)));
            break;
        };
        let (before, from) = rest.split_at(at);
        if !before.is_empty() {
            tokens.push((line, Token::Text(before)));
            line += n_breaks(before);
        }
        let Some((inside, after)) = from[2..].split_once(close) else {
            return Err((line, format!("expected `{close}` after `{}`", shown(from.lines().next().unwrap_or(open)))));
        };
        let trimmed = inside.trim();
        tokens.push((line, if *open == "{{" { Token::Value(trimmed) } else { Token::Directive(trimmed) }));
        line += n_breaks(inside);
        rest = after;
    }
    Ok(tokens)
}

fn n_breaks(text: &str) -> u32 {
    text.bytes().filter(|&byte| byte == b'\n').count().try_into().unwrap_or(u32::MAX)
}

fn nodes(text: &str) -> Result<Vec<Located>, (u32, String)> {
    let mut reader = NodeReader { tokens: tokens(text)?.into_iter(), depth: 0 };
    Ok(reader.until(None)?.0)
}

struct NodeReader<'t> {
    tokens: std::vec::IntoIter<(u32, Token<'t>)>,
    depth: usize,
}

impl<'t> NodeReader<'t> {
    /// Reads up to the end of the directive that `opened` tells; the word that ended it.
    fn until(&mut self, opened: Option<(u32, &str)>) -> Result<(Vec<Located>, &'t str), (u32, String)> {
        let mut nodes = Vec::new();
        while let Some((line, token)) = self.tokens.next() {
            let node = match token {
                Token::Text(text) => Node::Text(text.to_owned()),
                Token::Value("") => return Err((line, "expected the name of a variable, found `{{}}`".to_owned())),
                Token::Value(name) => Node::Value(name.to_owned()),
                Token::Directive(text) => {
                    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
                    let ends = match (opened, word) {
                        (Some((_, opened)), _) if word.strip_prefix("end") == Some(opened) => true,
                        (Some((_, "if")), "else") => true,
                        _ => false,
                    };
                    if ends {
                        return Ok((nodes, word));
                    }
                    self.directive(line, word, rest.trim())?
                }
            };
            nodes.push((line, node));
        }
        match opened {
            None => Ok((nodes, "")),
            Some((line, word)) => Err((line, format!("expected `{{% end{word} %}}` for this `{{% {word} ... %}}`"))),
        }
    }

    fn directive(&mut self, line: u32, word: &str, rest: &str) -> Result<Node, (u32, String)> {
        let wrong = |expected: &str| {
            (line, format!("expected {expected}, found `{{% {} %}}`", shown(format!("{word} {rest}").trim_end())))
        };
        if self.depth >= DEEPEST {
            return Err((line, format!("directives are nested more than {DEEPEST} deep")));
        }
        self.depth += 1;
        let node = match word {
            "block" if !rest.is_empty() => {
                Node::Block { array: rest.to_owned(), body: self.until(Some((line, "block")))?.0 }
            }
            "set" if !rest.is_empty() => Node::Set { name: rest.to_owned(), body: self.until(Some((line, "set")))?.0 },
            "include" if !rest.is_empty() => Node::Include(unquoted(rest).to_owned()),
            "block" | "set" | "include" => return Err(wrong(&format!("a name after `{word}`"))),
            "for" => {
                let (variable, from, to) =
                    range(rest).ok_or_else(|| wrong("`for v in range(b)` or `for v in range(a, b)`"))?;
                let body = self.until(Some((line, "for")))?.0;
                Node::For { variable: variable.to_owned(), from: from.to_owned(), to: to.to_owned(), body }
            }
            "if" => {
                let condition = condition(rest).ok_or_else(|| {
                    wrong("`if NAME == VALUE`, `if NAME != VALUE`, `if NAME exists` or `if NAME not_exists`")
                })?;
                let (then, end) = self.until(Some((line, "if")))?;
                let otherwise = if end == "else" { self.until_endif(line)? } else { Vec::new() };
                Node::If { condition, then, otherwise }
            }
            _ => {
                let known = ["block", "for", "if", "set", "include", "endblock", "endfor", "endif", "endset", "else"];
                let hint = did_you_mean(word, known, |known| format!("`{known}`"));
                return Err((
                    line,
                    format!("expected `block`, `for`, `if`, `set` or `include`, found `{{% {} %}}`{hint}", shown(word)),
                ));
            }
        };
        self.depth -= 1;
        Ok(node)
    }

    fn until_endif(&mut self, line: u32) -> Result<Vec<Located>, (u32, String)> {
        match self.until(Some((line, "if")))? {
            (_, "else") => Err((line, "this `{% if ... %}` has a second `{% else %}`".to_owned())),
            (nodes, _) => Ok(nodes),
        }
    }
}

fn unquoted(text: &str) -> &str {
    let quoted = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(text)
}

/// `v in range(a, b)` as (v, a, b).
fn range(text: &str) -> Option<(&str, &str, &str)> {
    let (variable, rest) = text.split_once(char::is_whitespace)?;
    let bounds = rest.trim_start().strip_prefix("in")?.trim_start().strip_prefix("range")?.trim_start();
    let bounds = bounds.strip_prefix('(')?.strip_suffix(')')?;
    let (from, to) = bounds.split_once(',').unwrap_or(("0", bounds));
    let (from, to) = (from.trim(), to.trim());
    (!from.is_empty() && !to.is_empty() && !to.contains(',')).then_some((variable, from, to))
}

fn condition(text: &str) -> Option<Condition> {
    let of = |name: &str| (!name.trim().is_empty()).then(|| name.trim().to_owned());
    if let Some((name, value)) = text.split_once("==") {
        return Some(Condition::Equal(of(name)?, unquoted(value.trim()).to_owned()));
    }
    if let Some((name, value)) = text.split_once("!=") {
        return Some(Condition::Unequal(of(name)?, unquoted(value.trim()).to_owned()));
    }
    match text.rsplit_once(char::is_whitespace)? {
        (name, "exists") => Some(Condition::Exists(of(name)?)),
        (name, "not_exists") => Some(Condition::Lacks(of(name)?)),
        _ => None,
    }
}

struct Renderer<'l> {
    variables: BTreeMap<String, String>,
    /// Name and index of the blocks around, outermost first.
    blocks: Vec<(String, u64)>,
    rendered: Rendered,
    n_repetitions: usize,
    depth: usize,
    load: &'l mut dyn Load,
}

impl Renderer<'_> {
    fn nodes(&mut self, nodes: &[Located], file: usize, path: &str) -> Result<(), TemplateFault> {
        for (line, node) in nodes {
            self.node(node, (file, *line), path)?;
        }
        Ok(())
    }

    fn node(&mut self, node: &Node, at: TemplateLine, path: &str) -> Result<(), TemplateFault> {
        match node {
            Node::Text(text) => self.rendered.push(text, at),
            Node::Value(name) => {
                let value = self.value(name, at)?;
                self.rendered.push(&value, at)
            }
            Node::Block { array, body } => {
                let n = self.number(array, at)?;
                self.blocks.push((array.clone(), 0));
                for index in 0..n {
                    self.count_repetition(at)?;
                    if let Some(block) = self.blocks.last_mut() {
                        block.1 = index;
                    }
                    self.nodes(body, at.0, path)?;
                }
                self.blocks.pop();
                Ok(())
            }
            Node::For { variable, from, to, body } => {
                let outer = self.variables.remove(variable);
                let (from, to) = (self.number(from, at)?, self.number(to, at)?);
                for number in from..to {
                    self.count_repetition(at)?;
                    self.variables.insert(variable.clone(), number.to_string());
                    self.nodes(body, at.0, path)?;
                }
                self.variables.remove(variable);
                self.variables.extend(outer.map(|value| (variable.clone(), value)));
                Ok(())
            }
            Node::If { condition, then, otherwise } => {
                let holds = match condition {
                    Condition::Equal(name, value) => self.value(name, at)? == *value,
                    Condition::Unequal(name, value) => self.value(name, at)? != *value,
                    Condition::Exists(name) => self.lookup(name).is_some(),
                    Condition::Lacks(name) => self.lookup(name).is_none(),
                };
                self.nodes(if holds { then } else { otherwise }, at.0, path)
            }
            Node::Set { name, body } => {
                let outer = std::mem::take(&mut self.rendered);
                let result = self.nodes(body, at.0, path);
                let value = std::mem::replace(&mut self.rendered, outer).text;
                self.variables.insert(name.clone(), value);
                result
            }
            Node::Include(file) => {
                if self.depth >= DEEPEST {
                    return Err((at, format!("templates include each other more than {DEEPEST} deep")));
                }
                let path = path_beside(path, file);
                let (index, text) = self.load.load(&path).map_err(|message| (at, message))?;
                let nodes = nodes(&text).map_err(|(line, message)| ((index, line), message))?;
                self.depth += 1;
                self.nodes(&nodes, index, &path)?;
                self.depth -= 1;
                Ok(())
            }
        }
    }

    fn count_repetition(&mut self, at: TemplateLine) -> Result<(), TemplateFault> {
        self.n_repetitions += 1;
        if self.n_repetitions > MOST { Err((at, format!("repeats more than {MOST} times"))) } else { Ok(()) }
    }

    fn lookup(&self, name: &str) -> Option<String> {
        match (self.blocks.last(), name) {
            (Some((_, index)), "#") => Some(index.to_string()),
            (Some((array, index)), name) if name.starts_with('.') => {
                self.variables.get(&format!("{array}[{index}]{name}")).cloned()
            }
            _ => self.variables.get(name).cloned(),
        }
    }

    fn value(&self, name: &str, at: TemplateLine) -> Result<String, TemplateFault> {
        self.lookup(name).ok_or_else(|| {
            let full = match self.blocks.last() {
                Some((array, index)) if name.starts_with('.') => format!("{array}[{index}]{name}"),
                _ => name.to_owned(),
            };
            let hint = did_you_mean(&full, self.variables.keys().map(String::as_str), |known| format!("`{known}`"));
            let message = format!(
                "there is no variable `{}`; the section that includes the template must have that key{hint}",
                shown(&full)
            );
            (at, message)
        })
    }

    /// A whole number, or a variable that holds one.
    fn number(&self, text: &str, at: TemplateLine) -> Result<u64, TemplateFault> {
        if let Ok(number) = text.parse() {
            return Ok(number);
        }
        let value = self.value(text, at)?;
        super::value::parse_unsigned(value.trim())
            .ok_or_else(|| (at, format!("expected a whole number in `{}`, found `{}`", shown(text), shown(&value))))
    }
}

#[cfg(test)]
mod tests;
