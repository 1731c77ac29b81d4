use proptest::prelude::*;

use super::value::printed_real;
use super::*;

#[track_caller]
fn check(expression: &str, expected: &str) {
    assert_eq!(evaluate(expression).as_deref(), Ok(expected), "{expression}");
}

#[track_caller]
fn check_fault(expression: &str, expected: &str) {
    assert_eq!(evaluate(expression), Err(expected.to_owned()), "{expression}");
}

#[test]
fn numbers_are_whole_or_not() {
    check("7", "7");
    check("1 + 2*3", "7");
    check("(1 + 2) * 3", "9");
    check("7 / 2", "3.5");
    check("8 / 2", "4.0");
    check("7 // 2", "3");
    check("-7 // 2", "-4");
    check("-7 % 3", "2");
    check("7 % -3", "-2");
    check("7.5 // 2", "3.0");
    check("-7.5 % 2", "0.5");
    check("2**3**2", "512");
    check("-2**2", "-4");
    check("2**-1", "0.5");
    check("8**(-1/(2*2-2))", "0.3535533905932738");
    check("9**0.5", "3.0");
    check("0.1 + 0.2", "0.30000000000000004");
    check("1e-5", "1e-05");
    check("1e16", "1e+16");
    check("1.5e300 / 1e300", "1.5");
    check("5.", "5.0");
    check(".5", "0.5");
    check("--3", "3");
    check("-0.0", "-0.0");
    check("True + 1", "2");
}

#[test]
fn functions_are_python_s() {
    check("int(3.99)", "3");
    check("int(-3.99)", "-3");
    check("int('12')", "12");
    check("int(48000 * 1.5 / 128)", "562");
    check("float(3)", "3.0");
    check("float('1e-3')", "0.001");
    check("round(2.5)", "2");
    check("round(3.5)", "4");
    check("round(-0.5)", "0");
    check("round(2.675, 2)", "2.67");
    check("round(1234, 1)", "1234");
    check("max(1, 2.5, 2)", "2.5");
    check("min(3, 2)", "2");
    check("max(1, 1.0)", "1");
    check("abs(-3)", "3");
    check("str(3) + 'x'", "3x");
}

#[test]
fn conditions_choose_and_the_other_branch_does_not_count() {
    check("1 if 2 > 1 else 0", "1");
    check("1 if 0 else 2 if 0 else 3", "3");
    check("8**(-1/(2*2-2)) if 8 > 0 else 1.0", "0.3535533905932738");
    check("0**(-1/(2*2-2)) if 0 > 0 else 1.0", "1.0");
    check("1/0 if False else 2", "2");
    check("2 if True else 1/0", "2");
    check("max(1 if 0 else 5, 2)", "5");
    check("(1 if 1 else 2) + 3", "4");
    check("1 < 2 < 3", "True");
    check("1 < 2 > 3", "False");
    check("not 1 == 2", "True");
    check("0 or 5", "5");
    check("3 and 5", "5");
    check("1 or 1/0", "1");
    check("0 and 1/0", "0");
    check("'a' == 'a' and 'b' != \"c\"", "True");
    check("'a' == 1", "False");
    check("'MaxPool' if 'x' < 'y' else 'AvgPool'", "MaxPool");
}

#[test]
fn faults_tell_what_was_found() {
    check_fault("", "expected a number, a string or `(`, found the end");
    check_fault("1 +", "expected a number, a string or `(`, found the end");
    check_fault("1 2", "expected an operator, found `2`");
    check_fault("(1", "expected `)`, found the end");
    check_fault("1 if 2", "expected `else`, found the end");
    check_fault("SIZE / 2", "`SIZE` is no number; a variable is written `${SIZE}`");
    check_fault("1 / 0", "`1 / 0` divides by zero");
    check_fault("1 / 0 if 1 else 2", "`1 / 0` divides by zero");
    check_fault("1 % 0.0", "`1 % 0.0` divides by zero");
    check_fault("'a' * 2", "`a * 2`: expected numbers on both sides");
    check_fault("'a' < 2", "cannot compare `a` with `2`");
    check_fault("2**100", "`2 ** 100` has no result here: it is too large or undefined");
    check_fault("(-8)**0.5", "`-8 ** 0.5` has no result here: it is too large or undefined");
    check_fault("9999999999999999999", "`9999999999999999999` is too large, at most 9223372036854775807 is possible");
    check_fault(
        "intt(2)",
        "there is no function `intt`, there are `abs`, `float`, `int`, `max`, `min`, `round`, `str`; did you mean `int`?",
    );
    check_fault("int()", "`int()`: expected a number");
    check_fault("int('x')", "`int(x)`: expected a number");
    check_fault("int(1, 2)", "`int(1, 2)`: expected another number of arguments");
    check_fault("'abc", "the quote ' is opened and not closed");
    check_fault("1 $ 2", "expected a number, a name or an operator, found `$ 2`");
    check_fault("[sp]SizeX", "expected a number, a string or `(`, found `[`");
    check_fault(&"(".repeat(1000), "is nested more than 64 deep");
    check_fault(&"-".repeat(1000), "is nested more than 64 deep");
}

#[test]
fn an_expression_ends_at_its_own_parenthesis() {
    let check = |text: &str, expected| assert_eq!(length(text), expected, "{text}");
    check("1 + (2 * 3)) x", Some(11));
    check("')')", Some(3));
    check("(1", None);
    check("\")", None);
}

proptest! {
    #[test]
    fn no_expression_panics(text in "([-0-9.()+*/%<>=!'\", ]|if|else|and|or|not|int|max|round|e1|[a-z]){0,30}") {
        let _ = evaluate(&text);
    }

    #[test]
    fn division_and_remainder_agree(a in -1000_i64..1000, b in -50_i64..50) {
        prop_assume!(b != 0);
        prop_assert_eq!(evaluate(&format!("({a} // {b}) * {b} + {a} % {b}")), Ok(a.to_string()));
    }

    #[test]
    fn a_printed_number_reads_back(number in proptest::num::f64::NORMAL) {
        prop_assert_eq!(printed_real(number).parse::<f64>(), Ok(number));
    }
}
