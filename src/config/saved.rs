//! Files `<layer>.cfg`: parameters of a layer, one `Name = value` a line, stronger than those of the model.
//!
//! `#` starts a comment; blanks around `=` do not count. [`text`] writes what `read` reads.

use super::fault::{Fault, Line};
use super::ini::{Included, Parsed, Property, shown};
use super::template::Files;
use super::value::Value;
use crate::output::file_name;

/// Name of the file of a layer's parameters.
pub fn name(layer: &str) -> String {
    format!("{}.cfg", file_name(layer))
}

/// Reads the saved parameters of every layer that has some.
pub(crate) fn read(parsed: &mut Parsed, files: &Files) {
    let document = &mut parsed.document;
    for index in 1..document.sections().len() {
        let section = &document.sections()[index];
        if section.property("Input").is_none() {
            continue;
        }
        let name = name(&section.name);
        let text = match files.read(&name) {
            Ok(None) => continue,
            Ok(Some(text)) => text,
            Err(why) => {
                parsed.errors.push(Fault::new(
                    section.line,
                    &section.name,
                    "",
                    format!("saved parameters `{name}`: {why}"),
                ));
                continue;
            }
        };
        let file = document.included.len();
        let mut properties = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let at = section.line.in_file(file, number);
            match property(line, at, section.name.clone()) {
                Ok(property) => properties.extend(property),
                Err(message) => parsed.errors.push(Fault::new(at, &section.name, "", message)),
            }
        }
        document.included.push(Included { name: name.into(), text: text.into() });
        document.saved.insert(index, properties);
    }
}

fn property(line: &str, at: Line, origin: std::sync::Arc<str>) -> Result<Option<Property>, String> {
    let content = line.split_once('#').map_or(line, |(content, _)| content).trim();
    if content.is_empty() {
        return Ok(None);
    }
    match content.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
        Some((name, value)) if !name.is_empty() => {
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            Ok(Some(Property {
                name: name.to_owned(),
                value: value.to_owned(),
                comment: String::new(),
                line: at,
                origin,
            }))
        }
        _ => Err(format!("malformed line: expected `Name = value`, found `{}`", shown(content))),
    }
}

/// The text of a file with these parameters under a comment.
pub fn text(head: &str, parameters: &[(String, String)]) -> String {
    let lines: String = parameters.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    format!("# {head}\n{lines}")
}

/// A value as it is saved: at least six digits, more where they are needed to read back the same.
pub(crate) fn saved(value: &Value) -> String {
    let list = |items: Vec<String>| items.iter().map(|item| format!("{item} ")).collect::<String>();
    let bound = |bound: &Option<f32>| {
        bound.map_or(String::new(), |bound| bound.to_string().parse().map_or(String::new(), saved_real))
    };
    match value {
        Value::Bool(value) => u8::from(*value).to_string(),
        Value::Unsigned(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => saved_real(*value),
        Value::Time(value) => value.0.to_string(),
        Value::TimeSpread(spread) => {
            let mean = saved_real(spread.mean);
            if spread.std_dev == 0.0 { mean } else { format!("{mean}; {mean}; {}", saved_real(spread.std_dev)) }
        }
        Value::Clamping(None, None) => String::new(),
        Value::Clamping(min, max) => format!("{}:{}", bound(min), bound(max)),
        Value::Text(text) => text.clone(),
        Value::Names(names) => names.join(","),
        Value::Bools(values) => list(values.iter().map(|&value| u8::from(value).to_string()).collect()),
        Value::Unsigneds(values) => list(values.iter().map(u64::to_string).collect()),
        Value::Integers(values) => list(values.iter().map(i64::to_string).collect()),
        Value::Reals(values) => list(values.iter().copied().map(saved_real).collect()),
    }
}

fn saved_real(number: f64) -> String {
    const DIGITS: usize = 6;
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let n_digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let n_digits = n_digits.max(DIGITS);
    if (-4..=15).contains(&exponent) {
        let places = i32::try_from(n_digits).unwrap_or(0) - 1 - exponent;
        format!("{number:.*}{}", places.max(0) as usize, if places <= 0 { "." } else { "" })
    } else {
        format!("{number:.*e}", n_digits - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::Kind;

    #[test]
    fn values_are_saved_as_the_reference_does_and_read_back() {
        let check = |kind: Kind, text: &str, expected: &str| {
            let value = kind.parse(text).unwrap();
            assert_eq!(saved(&value), expected);
            assert_eq!(kind.parse(expected), Ok(value));
        };
        check(Kind::Real, "1", "1.00000");
        check(Kind::Unsigned, "3", "3");
        check(Kind::Unsigned, "590,000", "590000");
        check(Kind::Bool, "1", "1");
        check(Kind::TimeSpread, "10; 1", "10.0000; 10.0000; 1.00000");
        check(Kind::TimeSpread, "1.0;1.0;5%", "1.00000; 1.00000; 0.0500000");
        check(Kind::TimeSpread, "0", "0.00000");
        check(Kind::Bools, "1 1", "1 1 ");
        check(Kind::Reals, "0.5 2", "0.500000 2.00000 ");
        check(Kind::Time, "10 ns", "10000000");
        check(Kind::Clamping, "-1.0:1.0", "-1.00000:1.00000");
        check(Kind::Clamping, ":0.5", ":0.500000");
        check(Kind::Clamping, "", "");
        check(Kind::Real, "123456.75", "123456.75");
        check(Kind::Real, "1234567", "1234567.");
        check(Kind::Real, "100000", "100000.");
        check(Kind::Real, "0.1234567891", "0.1234567891");
        check(Kind::Real, "1e-7", "1.00000e-7");
        check(Kind::Real, "-1e30", "-1.00000e30");
    }
}
