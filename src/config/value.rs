//! The text of a value becomes a number, a time, a word or a list of them.

use sim::time::SimDuration;

use super::nearest::did_you_mean;
use crate::model::Spread;

/// Femtoseconds of each unit a time may be written with.
const UNITS: &[(&str, u64)] = &[
    ("fs", 1),
    ("ps", 1_000),
    ("ns", 1_000_000),
    ("us", 1_000_000_000),
    ("µs", 1_000_000_000),
    ("μs", 1_000_000_000),
    ("ms", 1_000_000_000_000),
    ("s", 1_000_000_000_000_000),
];

/// What the text of a value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `0` or `1`.
    Bool,
    /// A whole number from 0.
    Unsigned,
    /// A whole number from 1.
    Count,
    /// A whole number of either sign.
    Integer,
    /// A finite number.
    Real,
    /// A finite number above 0.
    PositiveReal,
    /// A number from 0 to 1.
    Fraction,
    /// Whole femtoseconds, bare or with a unit.
    Time,
    /// A mean time with its standard deviation.
    TimeSpread,
    /// `min:max`, each side may be empty.
    Clamping,
    /// The whole value.
    Text,
    /// The whole value after environment variables.
    Path,
    /// Names between commas.
    Names,
    /// `0` and `1` between blanks.
    Bools,
    /// Whole numbers from 0 between blanks.
    Unsigneds,
    /// Whole numbers of either sign between blanks.
    Integers,
    /// Finite numbers between blanks.
    Reals,
    /// One word of a list; the second list holds what N2D2 knows and we lack.
    Choice(&'static [&'static str], &'static [&'static str]),
}

/// A value that has been read.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of [`Kind::Bool`].
    Bool(bool),
    /// Of [`Kind::Unsigned`] and [`Kind::Count`].
    Unsigned(u64),
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Real`], [`Kind::PositiveReal`] and [`Kind::Fraction`].
    Real(f64),
    /// Of [`Kind::Time`].
    Time(SimDuration),
    /// Of [`Kind::TimeSpread`].
    TimeSpread(Spread),
    /// Of [`Kind::Clamping`].
    Clamping(Option<f32>, Option<f32>),
    /// Of [`Kind::Text`], [`Kind::Path`] and [`Kind::Choice`].
    Text(String),
    /// Of [`Kind::Names`].
    Names(Vec<String>),
    /// Of [`Kind::Bools`].
    Bools(Vec<bool>),
    /// Of [`Kind::Unsigneds`].
    Unsigneds(Vec<u64>),
    /// Of [`Kind::Integers`].
    Integers(Vec<i64>),
    /// Of [`Kind::Reals`].
    Reals(Vec<f64>),
}

impl Kind {
    /// What is expected, for an error text.
    pub fn expected(self) -> String {
        match self {
            Self::Bool => "`0` or `1`".into(),
            Self::Unsigned => "a whole number such as `32` or `1,000,000`".into(),
            Self::Count => "a whole number from 1 such as `32` or `1,000,000`".into(),
            Self::Integer => "a whole number such as `2` or `-1`".into(),
            Self::Real => "a number such as `0.05` or `1e-3`".into(),
            Self::PositiveReal => "a number above 0 such as `0.05` or `1`".into(),
            Self::Fraction => "a number from 0 to 1 such as `0.2`".into(),
            Self::Time => "a time such as `10 ns` or `10,000,000` (femtoseconds)".into(),
            Self::TimeSpread => {
                "a time such as `1 ps`, or with its standard deviation in quotes, `\"1 ps; 100 fs\"`".into()
            }
            Self::Clamping => "bounds such as `-1.0:1.0`, `-1.0:` or `:1.0`".into(),
            Self::Text => "a text".into(),
            Self::Path => "a path".into(),
            Self::Names => "names with commas between them".into(),
            Self::Bools => "`0`s and `1`s with blanks between them".into(),
            Self::Unsigneds => "whole numbers with blanks between them".into(),
            Self::Integers => "whole numbers with blanks between them, such as `0 -1 2`".into(),
            Self::Reals => "numbers with blanks between them".into(),
            Self::Choice(supported, _) => one_of(supported),
        }
    }

    /// The kind for the generated reference.
    pub fn title(self) -> String {
        match self {
            Self::Bool => "0 or 1".into(),
            Self::Unsigned => "whole number".into(),
            Self::Count => "whole number from 1".into(),
            Self::Integer => "whole number, also negative".into(),
            Self::Real => "number".into(),
            Self::PositiveReal => "number above 0".into(),
            Self::Fraction => "number from 0 to 1".into(),
            Self::Time => "time (fs)".into(),
            Self::TimeSpread => "time with spread (fs)".into(),
            Self::Clamping => "min:max".into(),
            Self::Text => "text".into(),
            Self::Path => "path".into(),
            Self::Names => "comma list of names".into(),
            Self::Bools => "list of 0 and 1".into(),
            Self::Unsigneds => "list of whole numbers".into(),
            Self::Integers => "list of whole numbers, also negative".into(),
            Self::Reals => "list of numbers".into(),
            Self::Choice(supported, _) => {
                supported.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Reads `text`.
    ///
    /// # Errors
    ///
    /// What was expected and what was found.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let value = match self {
            Self::Bool => parse_bool(text).map(Value::Bool),
            Self::Unsigned => parse_unsigned(text).map(Value::Unsigned),
            Self::Count => parse_unsigned(text).filter(|&n| n > 0).map(Value::Unsigned),
            Self::Integer => parse_integer(text).map(Value::Integer),
            Self::Real => parse_real(text).map(Value::Real),
            Self::PositiveReal => parse_real(text).filter(|&x| x > 0.0).map(Value::Real),
            Self::Fraction => parse_real(text).filter(|x| (0.0..=1.0).contains(x)).map(Value::Real),
            Self::Time => parse_time(text).map(|fs| Value::Time(SimDuration(fs))),
            Self::TimeSpread => parse_time_spread(text).map(Value::TimeSpread),
            Self::Clamping => parse_clamping(text),
            Self::Text | Self::Path => Some(Value::Text(text.to_owned())),
            Self::Names => parse_names(text).map(Value::Names),
            Self::Bools => list(text, parse_bool).map(Value::Bools),
            Self::Unsigneds => list(text, parse_unsigned).filter(|list| !list.is_empty()).map(Value::Unsigneds),
            Self::Integers => list(text, parse_integer).filter(|list| !list.is_empty()).map(Value::Integers),
            Self::Reals => list(text, parse_real).filter(|list| !list.is_empty()).map(Value::Reals),
            Self::Choice(supported, lacking) => return choose(text, supported, lacking),
        };
        value.ok_or_else(|| format!("expected {}, found `{}`", self.expected(), super::ini::shown(text)))
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [only] => only.clone(),
        _ => format!("one of {}", quoted.join(", ")),
    }
}

fn choose(text: &str, supported: &'static [&'static str], lacking: &'static [&'static str]) -> Result<Value, String> {
    if supported.contains(&text) {
        return Ok(Value::Text(text.to_owned()));
    }
    if lacking.contains(&text) {
        let which =
            if let [only] = supported { format!("only `{only}` is") } else { format!("{} are", and(supported)) };
        return Err(format!("`{text}` is not supported yet; {which}"));
    }
    let known = supported.iter().chain(lacking).copied();
    let hint = did_you_mean(text, known, |known| format!("`{known}`"));
    Err(format!("expected {}, found `{}`{hint}", one_of(supported), super::ini::shown(text)))
}

fn and(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// A whole number without its digit-group commas; `None` when the groups are wrong.
///
/// `1,000,000` is a million, `1,00` is nothing.
fn without_groups(digits: &str) -> Option<String> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b',') {
        return None;
    }
    let groups: Vec<&str> = digits.split(',').collect();
    let well_grouped = match groups.as_slice() {
        [_] => true,
        [first, others @ ..] => (1..=3).contains(&first.len()) && others.iter().all(|group| group.len() == 3),
        [] => false,
    };
    well_grouped.then(|| groups.concat())
}

/// A whole number from 0, with or without digit-group commas.
pub fn parse_unsigned(text: &str) -> Option<u64> {
    without_groups(text.strip_prefix('+').unwrap_or(text))?.parse().ok()
}

/// A whole number of either sign, with or without digit-group commas.
pub fn parse_integer(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(digits) => without_groups(digits).and_then(|digits| format!("-{digits}").parse().ok()),
        None => parse_unsigned(text).and_then(|number| number.try_into().ok()),
    }
}

/// A finite number; digit-group commas may stand before its point.
pub fn parse_real(text: &str) -> Option<f64> {
    let (sign, magnitude) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let end = magnitude.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(magnitude.len());
    let (whole, rest) = magnitude.split_at(end);
    let whole = if whole.is_empty() { String::new() } else { without_groups(whole)? };
    if !rest.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) {
        return None;
    }
    format!("{sign}{whole}{rest}").parse().ok().filter(|number: &f64| number.is_finite())
}

/// Femtoseconds: a whole number, or a number with a unit that makes a whole number of them.
///
/// `10,000,000`, `10 ns` and `0.01us` are the same.
pub fn parse_time(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start();
    if unit.is_empty() {
        return without_groups(number)?.parse().ok();
    }
    let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = if whole.is_empty() && !fraction.is_empty() { "0".into() } else { without_groups(whole)? };
    let whole: u64 = whole.parse().ok()?;
    let mut total = whole.checked_mul(factor)?;
    let mut place = factor;
    for digit in fraction.chars() {
        let digit = u64::from(digit.to_digit(10)?);
        if place % 10 != 0 && digit != 0 {
            return None;
        }
        place /= 10;
        total = total.checked_add(place.checked_mul(digit)?)?;
    }
    Some(total)
}

/// Femtoseconds as in [`parse_time`], or with a fraction and no unit.
fn parse_spread_time(text: &str) -> Option<f64> {
    parse_time(text).map(|fs| fs as f64).or_else(|| parse_real(text).filter(|&fs| fs >= 0.0))
}

/// `v`, `v; sd` or `v; mean; sd`; `sd` may be a percentage of the mean. Draws use the mean.
fn parse_time_spread(text: &str) -> Option<Spread> {
    let parts: Vec<&str> = text.split(';').map(str::trim).collect();
    let (mean, spread) = match parts.as_slice() {
        [value] => (parse_spread_time(value)?, None),
        [value, spread] => (parse_spread_time(value)?, Some(*spread)),
        [value, mean, spread] => {
            parse_spread_time(value)?;
            (parse_spread_time(mean)?, Some(*spread))
        }
        _ => return None,
    };
    let std_dev = match spread.map(|spread| (spread, spread.strip_suffix('%'))) {
        None => 0.0,
        Some((_, Some(percent))) => parse_real(percent.trim_end()).filter(|&p| p >= 0.0)? / 100.0 * mean,
        Some((spread, None)) => parse_spread_time(spread)?,
    };
    std_dev.is_finite().then_some(Spread { mean, std_dev })
}

fn parse_clamping(text: &str) -> Option<Value> {
    if text.is_empty() {
        return Some(Value::Clamping(None, None));
    }
    let side = |text: &str| {
        let text = text.trim();
        if text.is_empty() { Some(None) } else { parse_real(text).map(|bound| Some(bound as f32)) }
    };
    let (min, max) = text.split_once(':')?;
    let (min, max) = (side(min)?, side(max)?);
    let in_order = min.is_none_or(|min| max.is_none_or(|max| min <= max));
    in_order.then_some(Value::Clamping(min, max))
}

fn parse_names(text: &str) -> Option<Vec<String>> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    (!names.iter().any(String::is_empty)).then_some(names)
}

fn list<T>(text: &str, item: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split_whitespace().map(item).collect()
}

/// A type that a [`Value`] can become. `Default` stands in after a fault, so that reading goes on.
pub trait FromValue: Default {
    /// The value as this type.
    ///
    /// # Errors
    ///
    /// Says why the value does not fit.
    fn from_value(value: Value) -> Result<Self, String>;
}

macro_rules! from_value {
    ($($type:ty: $pattern:pat => $result:expr;)*) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, String> {
                match value {
                    $pattern => $result,
                    other => Err(format!("the key table gives {other:?} where the reader wants {}", stringify!($type))),
                }
            }
        }
    )*};
}

/// A whole number as a narrower type.
fn narrowed<T: TryFrom<u64> + std::fmt::Display>(value: u64, most: T) -> Result<T, String> {
    value.try_into().map_err(|_| format!("expected a whole number of at most `{most}`, found `{value}`"))
}

fn narrowed_integer(value: i64) -> Result<i32, String> {
    let (least, most) = (i32::MIN, i32::MAX);
    value.try_into().map_err(|_| format!("expected a whole number from `{least}` to `{most}`, found `{value}`"))
}

fn narrowed_real(value: f64) -> Result<f32, String> {
    let narrow = value as f32;
    if narrow.is_finite() {
        Ok(narrow)
    } else {
        Err(format!("expected a number from `{:e}` to `{:e}`, found `{value:e}`", f32::MIN, f32::MAX))
    }
}

from_value! {
    bool: Value::Bool(value) => Ok(value);
    u64: Value::Unsigned(value) => Ok(value);
    u32: Value::Unsigned(value) => narrowed(value, u32::MAX);
    usize: Value::Unsigned(value) => narrowed(value, usize::MAX);
    i32: Value::Integer(value) => narrowed_integer(value);
    f64: Value::Real(value) => Ok(value);
    f32: Value::Real(value) => narrowed_real(value);
    SimDuration: Value::Time(value) => Ok(value);
    Spread: Value::TimeSpread(value) => Ok(value);
    (Option<f32>, Option<f32>): Value::Clamping(min, max) => Ok((min, max));
    String: Value::Text(value) => Ok(value);
    Vec<String>: Value::Names(value) => Ok(value);
    Vec<bool>: Value::Bools(value) => Ok(value);
    Vec<u64>: Value::Unsigneds(value) => Ok(value);
    Vec<i32>: Value::Integers(values) => values.into_iter().map(narrowed_integer).collect();
    Vec<f64>: Value::Reals(value) => Ok(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three_or_not_at_all() {
        let check = |text, expected| assert_eq!(parse_unsigned(text), expected, "{text}");
        check("590,000", Some(590_000));
        check("1,000,000", Some(1_000_000));
        check("1000000", Some(1_000_000));
        check("0", Some(0));
        check("1,00", None);
        check("1000,000", None);
        check(",100", None);
        check("1,000,", None);
        check("-1", None);
        check("1.0", None);
        check("abc", None);
        check("", None);
        check("18446744073709551615", Some(u64::MAX));
        check("18446744073709551616", None);
    }

    #[test]
    fn whole_numbers_have_a_sign_or_none() {
        let check = |text, expected| assert_eq!(parse_integer(text), expected, "{text}");
        check("-1", Some(-1));
        check("+2", Some(2));
        check("-1,000", Some(-1000));
        check("-9223372036854775808", Some(i64::MIN));
        check("9223372036854775808", None);
        check("-1,00", None);
        check("--1", None);
        check("-+1", None);
        check("1.0", None);
        check("-", None);
    }

    #[test]
    fn numbers_are_finite_and_read_whole() {
        let check = |text, expected| assert_eq!(parse_real(text), expected, "{text}");
        check("0.05", Some(0.05));
        check("-1.0", Some(-1.0));
        check("+2", Some(2.0));
        check("1e-3", Some(1e-3));
        check("1,234.5", Some(1234.5));
        check("5.", Some(5.0));
        check(".5", Some(0.5));
        check("1,23.5", None);
        check("1e999", None);
        check("inf", None);
        check("nan", None);
        check("1.0 2", None);
        check("0x10", None);
        check("--1", None);
        check("", None);
    }

    #[test]
    fn times_are_bare_femtoseconds_or_carry_a_unit() {
        let check = |text, expected| assert_eq!(parse_time(text), expected, "{text}");
        check("0", Some(0));
        check("10,000,000", Some(10_000_000));
        check("10 ns", Some(10_000_000));
        check("10ns", Some(10_000_000));
        check("0.01 us", Some(10_000_000));
        check("1.5 µs", Some(1_500_000_000));
        check("5 ms", Some(5_000_000_000_000));
        check("1 s", Some(1_000_000_000_000_000));
        check("1,000 ps", Some(1_000_000));
        check("12.0 fs", Some(12));
        check("0.5 fs", None);
        check("10 min", None);
        check("10.0", None);
        check("-1 ns", None);
        check("1 NS", None);
        check("20000 s", None);
        check("ns", None);
        check(". ns", None);
        check("", None);
    }

    #[test]
    fn a_printed_time_reads_back() {
        for fs in [0, 1, 999, 1000, 10_000_000, 990_197_049, 50_000_000_000_000, u64::MAX] {
            assert_eq!(parse_time(&SimDuration(fs).to_string()), Some(fs), "{fs}");
        }
    }

    #[test]
    fn a_spread_is_drawn_about_its_mean() {
        let check = |text, expected: Option<(f64, f64)>| {
            assert_eq!(parse_time_spread(text).map(|spread| (spread.mean, spread.std_dev)), expected, "{text}");
        };
        check("0", Some((0.0, 0.0)));
        check("5", Some((5.0, 0.0)));
        check("2; 1", Some((2.0, 1.0)));
        check("1;1;5%", Some((1.0, 0.05)));
        check("1 ps; 100 fs", Some((1000.0, 100.0)));
        check("1 ps; 2 ps; 10%", Some((2000.0, 200.0)));
        check("10.0000; 10.0000; 1.00000", Some((10.0, 1.0)));
        check("5.00000; 5.00000; 15.0000%", Some((5.0, 0.75)));
        check("1.0;1.0;5%", Some((1.0, 0.05)));
        check("2.0; 1.0", Some((2.0, 1.0)));
        check("-2.0; 1.0", None);
        check("1; 2; 3; 4", None);
        check("1; abc", None);
        check("1; -5%", None);
    }

    #[test]
    fn each_kind_says_what_it_expected() {
        let check = |kind: Kind, text: &str, expected: &str| assert_eq!(kind.parse(text), Err(expected.into()));
        check(Kind::Bool, "yes", "expected `0` or `1`, found `yes`");
        check(Kind::Count, "0", "expected a whole number from 1 such as `32` or `1,000,000`, found `0`");
        check(Kind::Time, "10 min", "expected a time such as `10 ns` or `10,000,000` (femtoseconds), found `10 min`");
        check(Kind::Fraction, "1.5", "expected a number from 0 to 1 such as `0.2`, found `1.5`");
        check(Kind::Clamping, "1:-1", "expected bounds such as `-1.0:1.0`, `-1.0:` or `:1.0`, found `1:-1`");
        check(Kind::Names, "a,,b", "expected names with commas between them, found `a,,b`");
        check(Kind::Bools, "1 0 2", "expected `0`s and `1`s with blanks between them, found `1 0 2`");
        check(
            Kind::Choice(&["Max", "Average"], &[]),
            "Maxx",
            "expected one of `Max`, `Average`, found `Maxx`; did you mean `Max`?",
        );
        check(Kind::Choice(&["SGD"], &["Adam"]), "Adam", "`Adam` is not supported yet; only `SGD` is");
    }

    #[test]
    fn each_kind_reads_what_it_expects() {
        let check = |kind: Kind, text: &str, expected: Value| assert_eq!(kind.parse(text), Ok(expected));
        check(Kind::Bool, "1", Value::Bool(true));
        check(Kind::Unsigneds, "1 2 3 4", Value::Unsigneds(vec![1, 2, 3, 4]));
        check(Kind::Bools, "1 1 ", Value::Bools(vec![true, true]));
        check(Kind::Names, "a, b.c", Value::Names(vec!["a".into(), "b.c".into()]));
        check(Kind::Clamping, "", Value::Clamping(None, None));
        check(Kind::Clamping, "-1.0:1.0", Value::Clamping(Some(-1.0), Some(1.0)));
        check(Kind::Clamping, ":0.5", Value::Clamping(None, Some(0.5)));
    }
}
