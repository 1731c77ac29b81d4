//! What stands between `$(` and `)`: a small part of Python's expressions, with Python's meaning.
//!
//! Numbers (whole or not), quoted strings, `True` and `False`; `+ - * / // % **`, comparisons (chained ones too),
//! `and`, `or`, `not`, `A if C else B`, parentheses, and the functions of [`FUNCTIONS`]. As in Python 3, `/` never gives a
//! whole number and `//` rounds down.

mod value;

use super::ini::shown;
use super::nearest::did_you_mean;
use value::Number::{Real, Whole};
use value::{Value, called, compared, is_true, operation, printed};

/// Operators and parentheses may be nested this deep.
const DEEPEST: usize = 64;
/// Functions there are.
const FUNCTIONS: [&str; 7] = ["abs", "float", "int", "max", "min", "round", "str"];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Value(Value),
    /// A name or a word operator.
    Word(String),
    /// An operator or a parenthesis.
    Sign(&'static str),
}

/// Signs, longer ones before those that they begin with.
const SIGNS: [&str; 18] =
    ["**", "//", "<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "<", ">", "(", ")", ",", "[", "]"];

/// The text that Python would print for `expression`.
///
/// # Errors
///
/// What was expected and what was found, or why there is no result.
pub(crate) fn evaluate(expression: &str) -> Result<String, String> {
    let mut parser = Parser { tokens: tokens(expression)?, at: 0, depth: 0, idle: 0 };
    let value = parser.conditional()?;
    match parser.peek() {
        None => Ok(printed(&value)),
        Some(token) => Err(format!("expected an operator, found {}", described(Some(token)))),
    }
}

/// Length in bytes of the expression at the start of `text`, up to the parenthesis that closes it; `None` when none does.
pub(crate) fn length(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return Some(at),
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if first.is_ascii_digit() || first == '.' {
            number(rest)?
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            (Token::Word(rest[..end].to_owned()), end)
        } else if first == '"' || first == '\'' {
            let Some((inside, _)) = rest[1..].split_once(first) else {
                return Err(format!("the quote {first} is opened and not closed"));
            };
            (Token::Value(Value::Text(inside.to_owned())), inside.len() + 2)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            return Err(format!("expected a number, a name or an operator, found `{}`", shown(rest)));
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn number(text: &str) -> Result<(Token, usize), String> {
    let bytes = text.as_bytes();
    let digits_from = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits_from(0);
    let mut is_whole = true;
    if bytes.get(end) == Some(&b'.') {
        is_whole = false;
        end += 1 + digits_from(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let n = digits_from((end + 1 + sign).min(bytes.len()));
        if n > 0 {
            is_whole = false;
            end += 1 + sign + n;
        }
    }
    let written = &text[..end];
    let value = if is_whole { written.parse().ok().map(Whole) } else { written.parse().ok().map(Real) };
    match value {
        Some(Real(number)) if !number.is_finite() => Err(format!("`{}` is too large", shown(written))),
        Some(number) => Ok((Token::Value(Value::Number(number)), end)),
        None if is_whole => Err(format!("`{}` is too large, at most {} is possible", shown(written), i64::MAX)),
        None => Err(format!("expected a number, found `{}`", shown(written))),
    }
}

fn described(token: Option<&Token>) -> String {
    match token {
        None => "the end".to_owned(),
        Some(Token::Value(Value::Text(text))) => format!("`\"{}\"`", shown(text)),
        Some(Token::Value(value)) => format!("`{}`", printed(value)),
        Some(Token::Word(word)) => format!("`{}`", shown(word)),
        Some(Token::Sign(sign)) => format!("`{sign}`"),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Above 0 inside a part that does not count, such as the branch not taken: it is read, its faults are not told.
    idle: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes_sign(sign) { Ok(()) } else { Err(format!("expected `{sign}`, found {}", described(self.peek()))) }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        if self.depth >= DEEPEST {
            return Err(format!("is nested more than {DEEPEST} deep"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads a part whose value counts only if `counts`.
    fn part<T>(&mut self, counts: bool, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.idle += usize::from(!counts);
        let result = read(self);
        self.idle -= usize::from(!counts);
        result
    }

    /// The result of an operation, or nothing in particular where it does not count.
    fn counted(&self, result: Result<Value, String>) -> Result<Value, String> {
        if self.idle > 0 { Ok(result.unwrap_or(Value::Number(Whole(1)))) } else { result }
    }

    /// `A if C else B`. A is read twice: first to find C.
    fn conditional(&mut self) -> Result<Value, String> {
        self.deeper(|parser| {
            let start = parser.at;
            let has_condition = parser.has_condition();
            let value = parser.part(!has_condition, Self::disjunction)?;
            if !parser.takes_word("if") {
                return Ok(value);
            }
            let condition = parser.disjunction()?;
            if !parser.takes_word("else") {
                return Err(format!("expected `else`, found {}", described(parser.peek())));
            }
            let holds = is_true(&condition);
            let other = parser.part(!holds, Self::conditional)?;
            let end = parser.at;
            if !holds || parser.idle > 0 {
                return Ok(other);
            }
            parser.at = start;
            let value = parser.disjunction()?;
            parser.at = end;
            Ok(value)
        })
    }

    /// Whether an `if` follows inside the same parentheses.
    fn has_condition(&self) -> bool {
        let mut depth = 0_usize;
        for token in &self.tokens[self.at..] {
            match token {
                Token::Sign("(") => depth += 1,
                Token::Sign(")") if depth == 0 => return false,
                Token::Sign(")") => depth -= 1,
                Token::Sign(",") if depth == 0 => return false,
                Token::Word(word) if depth == 0 && word == "if" => return true,
                Token::Word(word) if depth == 0 && word == "else" => return false,
                _ => {}
            }
        }
        false
    }

    fn disjunction(&mut self) -> Result<Value, String> {
        let mut value = self.conjunction()?;
        while self.takes_word("or") {
            let holds = is_true(&value);
            let other = self.part(!holds, Self::conjunction)?;
            value = if holds { value } else { other };
        }
        Ok(value)
    }

    fn conjunction(&mut self) -> Result<Value, String> {
        let mut value = self.negation()?;
        while self.takes_word("and") {
            let holds = is_true(&value);
            let other = self.part(holds, Self::negation)?;
            value = if holds { other } else { value };
        }
        Ok(value)
    }

    fn negation(&mut self) -> Result<Value, String> {
        if !self.takes_word("not") {
            return self.comparison();
        }
        let value = self.deeper(Self::negation)?;
        Ok(Value::Truth(!is_true(&value)))
    }

    fn comparison(&mut self) -> Result<Value, String> {
        let mut left = self.sum()?;
        let mut holds = None;
        while let Some(&Token::Sign(sign @ ("<" | "<=" | ">" | ">=" | "==" | "!="))) = self.peek() {
            self.at += 1;
            let right = self.part(holds != Some(false), Self::sum)?;
            let result = compared(&left, sign, &right).map(Value::Truth);
            let result = self.counted(result)?;
            holds = Some(holds.unwrap_or(true) && is_true(&result));
            left = right;
        }
        Ok(holds.map_or(left, Value::Truth))
    }

    fn sum(&mut self) -> Result<Value, String> {
        self.chain(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Result<Value, String> {
        self.chain(&["*", "//", "/", "%"], Self::signed)
    }

    fn chain(&mut self, signs: &[&str], part: fn(&mut Self) -> Result<Value, String>) -> Result<Value, String> {
        let mut value = part(self)?;
        while let Some(&Token::Sign(sign)) = self.peek().filter(|token| signs.iter().any(|sign| is(token, sign))) {
            self.at += 1;
            let right = part(self)?;
            let result = operation(&value, sign, &right);
            value = self.counted(result)?;
        }
        Ok(value)
    }

    fn signed(&mut self) -> Result<Value, String> {
        if self.takes_sign("-") {
            let value = self.deeper(Self::signed)?;
            let result = operation(&Value::Number(Whole(0)), "-", &value).map(|negated| match (negated, value) {
                (_, Value::Number(Real(number))) => Value::Number(Real(-number)),
                (negated, _) => negated,
            });
            return self.counted(result);
        }
        if self.takes_sign("+") { self.deeper(Self::signed) } else { self.power() }
    }

    /// Binds closer than a sign before it, less close than one behind it, and to the right.
    fn power(&mut self) -> Result<Value, String> {
        let base = self.atom()?;
        if !self.takes_sign("**") {
            return Ok(base);
        }
        let exponent = self.deeper(Self::signed)?;
        let result = operation(&base, "**", &exponent);
        self.counted(result)
    }

    fn atom(&mut self) -> Result<Value, String> {
        let token = self.peek().cloned();
        match token {
            Some(Token::Value(value)) => {
                self.at += 1;
                Ok(value)
            }
            Some(Token::Sign("(")) => {
                self.at += 1;
                let value = self.conditional()?;
                self.expect(")")?;
                Ok(value)
            }
            Some(Token::Word(word)) if !matches!(word.as_str(), "if" | "else" | "and" | "or" | "not") => {
                self.at += 1;
                match word.as_str() {
                    "True" => Ok(Value::Truth(true)),
                    "False" => Ok(Value::Truth(false)),
                    _ if self.is_sign("(") => self.call(&word),
                    _ => Err(format!("`{0}` is no number; a variable is written `${{{0}}}`", shown(&word))),
                }
            }
            token => Err(format!("expected a number, a string or `(`, found {}", described(token.as_ref()))),
        }
    }

    fn call(&mut self, name: &str) -> Result<Value, String> {
        if !FUNCTIONS.contains(&name) {
            let hint = did_you_mean(name, FUNCTIONS, |known| format!("`{known}`"));
            let known = FUNCTIONS.map(|name| format!("`{name}`")).join(", ");
            return Err(format!("there is no function `{}`, there are {known}{hint}", shown(name)));
        }
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.is_sign(")") {
            arguments.push(self.conditional()?);
            if !self.takes_sign(",") {
                break;
            }
        }
        self.expect(")")?;
        let result = called(name, arguments);
        self.counted(result)
    }
}

fn is(token: &Token, sign: &str) -> bool {
    matches!(token, Token::Sign(found) if *found == sign)
}

#[cfg(test)]
mod tests;
