//! Numbers as the reference's logs print them.

/// Six significant digits, trailing zeros dropped, scientific outside 1e-4 to 1e6 (what `%g` does).
pub fn general(value: f64) -> String {
    significant(value, 6)
}

/// `digits` significant digits in the manner of `%g`.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_string();
    }
    if !value.is_finite() {
        return format!("{value}").to_lowercase();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_trailing_zeros(mantissa), exponent.abs());
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    without_trailing_zeros(&format!("{value:.decimals$}")).to_string()
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A count with `,` between groups of three digits.
pub fn grouped(value: u64) -> String {
    group(&value.to_string())
}

/// A real with six significant digits and grouped whole part; from a million on it is rounded to a whole number, so
/// that no digit hides behind an exponent.
pub fn grouped_real(value: f64) -> String {
    if value.abs() >= 1e6 {
        return group(&format!("{value:.0}"));
    }
    let text = general(value);
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", group(whole)),
        None if text.contains('e') => text,
        None => group(&text),
    }
}

fn group(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let mut text = String::from(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reals_have_six_significant_digits() {
        for (value, expected) in [
            (0.654124, "0.654124"),
            (750.5, "750.5"),
            (3.0, "3"),
            (0.0, "0"),
            (-33.283, "-33.283"),
            (1.45141e-39, "1.45141e-39"),
            (1234567.0, "1.23457e+06"),
            (2.39405e-7, "2.39405e-07"),
            (0.99999999, "1"),
            (3.23861e-5, "3.23861e-05"),
            (0.00012345, "0.00012345"),
        ] {
            assert_eq!(general(value), expected);
        }
        assert_eq!(significant(0.13281, 4), "0.1328");
        assert_eq!(significant(1.0, 4), "1");
    }

    #[test]
    fn counts_are_grouped_by_three() {
        for (value, expected) in [(0, "0"), (999, "999"), (1501, "1,501"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(value), expected);
        }
        for (value, expected) in
            [(12345.67, "12,345.7"), (750.5, "750.5"), (2135850000.4, "2,135,850,000"), (0.72, "0.72")]
        {
            assert_eq!(grouped_real(value), expected);
        }
    }
}
