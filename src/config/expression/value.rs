//! Values of expressions and what can be done with them.

use std::cmp::Ordering;

use super::super::ini::shown;

use Number::{Real, Whole};

/// No string grows beyond this many bytes.
const LONGEST: usize = 1 << 16;

/// A whole number or another one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    Real(f64),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(Number),
    Truth(bool),
    Text(String),
}

pub(super) fn printed(value: &Value) -> String {
    match value {
        Value::Number(Whole(number)) => number.to_string(),
        Value::Number(Real(number)) => printed_real(*number),
        Value::Truth(true) => "True".to_owned(),
        Value::Truth(false) => "False".to_owned(),
        Value::Text(text) => text.clone(),
    }
}

/// The shortest digits that read back to the number; always with a point or an exponent.
pub(super) fn printed_real(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(("+", exponent), |digits| ("-", digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{number:?}")
}

pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Number(Whole(number)) => *number != 0,
        Value::Number(Real(number)) => *number != 0.0,
        Value::Truth(holds) => *holds,
        Value::Text(text) => !text.is_empty(),
    }
}

/// The value as a number, `True` being 1.
fn numeric(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::Truth(holds) => Some(Whole(i64::from(*holds))),
        Value::Text(_) => None,
    }
}

fn real(number: &Number) -> f64 {
    match number {
        Whole(number) => *number as f64,
        Real(number) => *number,
    }
}

pub(super) fn compared(left: &Value, sign: &str, right: &Value) -> Result<bool, String> {
    let order = match (numeric(left), numeric(right), left, right) {
        (Some(Whole(left)), Some(Whole(right)), ..) => Some(left.cmp(&right)),
        (Some(left), Some(right), ..) => real(&left).partial_cmp(&real(&right)),
        (_, _, Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ if sign == "==" => return Ok(false),
        _ if sign == "!=" => return Ok(true),
        _ => return Err(format!("cannot compare `{}` with `{}`", shown(&printed(left)), shown(&printed(right)))),
    };
    Ok(match sign {
        "<" => order == Some(Ordering::Less),
        ">" => order == Some(Ordering::Greater),
        "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        ">=" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        "==" => order == Some(Ordering::Equal),
        _ => order != Some(Ordering::Equal),
    })
}

pub(super) fn operation(left: &Value, sign: &str, right: &Value) -> Result<Value, String> {
    if let (Value::Text(left), "+", Value::Text(right)) = (left, sign, right) {
        let joined = format!("{left}{right}");
        return if joined.len() > LONGEST {
            Err(format!("grows beyond {LONGEST} bytes"))
        } else {
            Ok(Value::Text(joined))
        };
    }
    let shown_operation = || format!("`{} {sign} {}`", shown(&printed(left)), shown(&printed(right)));
    let (Some(a), Some(b)) = (numeric(left), numeric(right)) else {
        return Err(format!("{}: expected numbers on both sides", shown_operation()));
    };
    if matches!(sign, "/" | "//" | "%") && real(&b) == 0.0 {
        return Err(format!("{} divides by zero", shown_operation()));
    }
    let result = match (&a, &b) {
        (&Whole(a), &Whole(b)) if sign != "/" && !(sign == "**" && b < 0) => whole_operation(a, sign, b).map(Whole),
        (a, b) => real_operation(real(a), sign, real(b)).map(Real),
    };
    result
        .map(Value::Number)
        .ok_or_else(|| format!("{} has no result here: it is too large or undefined", shown_operation()))
}

fn whole_operation(a: i64, sign: &str, b: i64) -> Option<i64> {
    match sign {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "**" => a.checked_pow(u32::try_from(b).ok()?),
        _ => {
            // Rounded down, and the remainder has the sign of the divisor.
            let (quotient, remainder) = (a.checked_div(b)?, a.checked_rem(b)?);
            let down = remainder != 0 && (remainder < 0) != (b < 0);
            if sign == "//" {
                quotient.checked_sub(i64::from(down))
            } else {
                remainder.checked_add(if down { b } else { 0 })
            }
        }
    }
}

fn real_operation(a: f64, sign: &str, b: f64) -> Option<f64> {
    let result = match sign {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "**" => a.powf(b),
        "//" => (a / b).floor(),
        _ => a - b * (a / b).floor(),
    };
    result.is_finite().then_some(result)
}

pub(super) fn called(name: &str, arguments: Vec<Value>) -> Result<Value, String> {
    let shown_call = || {
        let arguments: Vec<String> = arguments.iter().map(printed).collect();
        format!("`{name}({})`", shown(&arguments.join(", ")))
    };
    match (name, arguments.as_slice()) {
        ("str", [value]) => return Ok(Value::Text(printed(value))),
        ("max" | "min", [first, others @ ..]) if !others.is_empty() => {
            let sign = if name == "max" { ">" } else { "<" };
            let mut best = first;
            for other in others {
                if compared(other, sign, best)? {
                    best = other;
                }
            }
            return Ok(best.clone());
        }
        _ => {}
    }
    let number = match arguments.first() {
        Some(Value::Text(text)) if matches!(name, "int" | "float") => {
            let text = text.trim();
            if name == "int" { text.parse().ok().map(Whole) } else { text.parse().ok().map(Real) }
        }
        Some(value) => numeric(value),
        None => None,
    };
    let wrong = || format!("{}: expected a number", shown_call());
    let number = number.ok_or_else(wrong)?;
    let result = match (name, &arguments[1..]) {
        ("int", []) => whole(real_or(&number).map_or(real(&number), f64::trunc), &number),
        ("float", []) => Some(Real(real(&number))),
        ("abs", []) => match number {
            Whole(number) => number.checked_abs().map(Whole),
            Real(number) => Some(Real(number.abs())),
        },
        ("round", []) => whole(real(&number).round_ties_even(), &number),
        ("round", [Value::Number(Whole(digits @ 0..=15))]) => {
            Some(match number {
                Whole(number) => Whole(number),
                // The decimal text is rounded from the exact value, ties to even, as Python does.
                Real(number) => Real(format!("{number:.*}", *digits as usize).parse().map_err(|_| wrong())?),
            })
        }
        _ => return Err(format!("{}: expected another number of arguments", shown_call())),
    };
    result
        .filter(|number| real(number).is_finite())
        .map(Value::Number)
        .ok_or_else(|| format!("{} has no result here: it is too large or undefined", shown_call()))
}

fn real_or(number: &Number) -> Option<f64> {
    if let Real(number) = number { Some(*number) } else { None }
}

/// The whole number `rounded`, which is `number` without its fraction.
fn whole(rounded: f64, number: &Number) -> Option<Number> {
    match number {
        Whole(number) => Some(Whole(*number)),
        Real(_) if rounded.abs() < 9.2e18 => Some(Whole(rounded as i64)),
        Real(_) => None,
    }
}
