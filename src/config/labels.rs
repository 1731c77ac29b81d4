//! Mapping files: which class each label means (`formal.md` 10.3).
//!
//! A line is `<label> <class>`, with any blanks between; quotes around the label may hold blanks and `#`, and keep its
//! `*` and `?` from being wildcards. `default` is every label without a line, `*` what has no label; `#` begins a comment.

use crate::model::{LabelsMapping, MappedLabel};

/// What is wrong with a line, by its number.
pub(crate) type LineFault = (u32, String);

/// Reads the text of a mapping file for classes below `n_classes`: what can be read of it, and every fault.
pub(crate) fn parse(
    file: &str,
    text: &str,
    n_classes: usize,
    creates_missing: bool,
) -> (LabelsMapping, Vec<LineFault>) {
    let mut mapping =
        LabelsMapping { file: file.into(), labels: Vec::new(), default: None, ignored: None, creates_missing };
    let mut faults = Vec::new();
    let mut first_line_of: Vec<(MappedLabel, &'static str)> = Vec::new();
    for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let label = match parsed(text, line, n_classes) {
            Ok(Some(label)) => label,
            Ok(None) => continue,
            Err(message) => {
                faults.push((line, message));
                continue;
            }
        };
        let role = match label.name.as_str() {
            "default" if !label.is_quoted => "default",
            "*" if !label.is_quoted => "*",
            _ => "",
        };
        let is_same = |(other, its): &&(MappedLabel, &str)| *its == role && other.name == label.name;
        match first_line_of.iter().find(is_same) {
            Some((other, _)) if other.class != label.class => {
                let message = format!(
                    "`{}` is mapped to {} in line {} already, here to {}; keep one of the lines",
                    label.name, other.class, other.line, label.class
                );
                faults.push((line, message));
                continue;
            }
            Some(_) => continue,
            None => first_line_of.push((label.clone(), role)),
        }
        match role {
            "default" => mapping.default = Some(label.class),
            "*" => mapping.ignored = Some(label.class),
            _ => mapping.labels.push(label),
        }
    }
    if first_line_of.is_empty() && faults.is_empty() {
        faults.push((1, "expected lines such as `face 1` or `default 0`, found none".to_owned()));
    }
    (mapping, faults)
}

fn parsed(text: &str, line: u32, n_classes: usize) -> Result<Option<MappedLabel>, String> {
    let expected = || format!("expected a label and a class from -1 to {}, such as `background 0`", n_classes - 1);
    let trimmed = text.trim();
    let (name, is_quoted, rest) = match trimmed.strip_prefix('"') {
        Some(inside) => {
            let Some((name, rest)) = inside.split_once('"') else {
                return Err(format!("expected a closing quote after the label, found `{trimmed}`"));
            };
            (name.to_owned(), true, without_comment(rest).to_owned())
        }
        None => {
            let words: Vec<&str> = without_comment(trimmed).split_whitespace().collect();
            let Some((class, label)) = words.split_last() else { return Ok(None) };
            if label.is_empty() {
                return Err(format!("{}, found `{class}` alone", expected()));
            }
            (label.join(" "), false, (*class).to_owned())
        }
    };
    let class = rest.parse::<i64>().ok().filter(|class| (-1..n_classes as i64).contains(class));
    match class {
        Some(class) => Ok(Some(MappedLabel { name, is_quoted, class: class as i32, line })),
        None => Err(format!("{}, found `{}`", expected(), if rest.is_empty() { trimmed } else { &rest })),
    }
}

fn without_comment(text: &str) -> &str {
    text.split_once('#').map_or(text, |(before, _)| before).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, labels: &[(&str, i32)], default: Option<i32>, ignored: Option<i32>) {
        let (mapping, faults) = parse("m.dat", text, 4, false);
        assert_eq!(faults, []);
        let found: Vec<(&str, i32)> = mapping.labels.iter().map(|label| (label.name.as_str(), label.class)).collect();
        assert_eq!((found.as_slice(), mapping.default, mapping.ignored), (labels, default, ignored));
    }

    #[test]
    fn blanks_quotes_and_comments_are_as_the_user_likes() {
        check("label0 1\nlabel1 3\ndefault 2\n* 0", &[("label0", 1), ("label1", 3)], Some(2), Some(0));
        check(
            "# faces\n\n  a  b \t 1 # two words\n\"a  # b\"\t2\r\n\"c\" 3#",
            &[("a b", 1), ("a  # b", 2), ("c", 3)],
            None,
            None,
        );
        check("\"default\" 1\n\"*\" 2", &[("default", 1), ("*", 2)], None, None);
        check("\u{feff}M-* 0\nM-* 0\ndefault -1\ndefault -1", &[("M-*", 0)], Some(-1), None);
    }

    #[test]
    fn every_faulty_line_is_named() {
        let text = "a\nb x\nc 4\nd -2\n\"e 1\nf 1\nf 2\ndefault 0\ndefault 1\n* 0\n* 1\n\"g\"";
        let (mapping, faults) = parse("m.dat", text, 4, false);
        let expected = "expected a label and a class from -1 to 3, such as `background 0`, found";
        let messages = [
            (1, format!("{expected} `a` alone")),
            (2, format!("{expected} `x`")),
            (3, format!("{expected} `4`")),
            (4, format!("{expected} `-2`")),
            (5, "expected a closing quote after the label, found `\"e 1`".to_owned()),
            (7, "`f` is mapped to 1 in line 6 already, here to 2; keep one of the lines".to_owned()),
            (9, "`default` is mapped to 0 in line 8 already, here to 1; keep one of the lines".to_owned()),
            (11, "`*` is mapped to 0 in line 10 already, here to 1; keep one of the lines".to_owned()),
            (12, format!("{expected} `\"g\"`")),
        ];
        assert_eq!(faults, messages);
        assert_eq!(mapping.labels.len(), 1);
        assert_eq!(parse("m.dat", "# nothing\n", 2, false).1.len(), 1);
    }
}
