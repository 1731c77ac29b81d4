//! Which class each label of the database means for a target (`formal.md` 10.3).
//!
//! A line with the exact name of a label wins, also where that name has `*` or `?` in it; a pattern gives a class to the
//! labels without a line of their own; `default` to all others.

use stimuli::wildcard;

use crate::config::{did_you_mean, nearest};
use crate::model::{LabelsMapping, MappedLabel};

/// Names of lines that one warning tells at most.
pub const MOST_TOLD: usize = 6;

/// What labels mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// By label id: the class, -1 for none.
    classes: Vec<i32>,
    /// Class of what has no label.
    ignored: i32,
    /// Names of the labels, with those that only the mapping file has.
    pub labels: Vec<String>,
    /// Names of the classes.
    pub names: Vec<String>,
}

/// What is odd about a mapping, and what is wrong with it, by line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remarks {
    /// One text each.
    pub warnings: Vec<String>,
    /// Contradictions: line number and text.
    pub faults: Vec<(u32, String)>,
    /// Labels of the data without a class: the line at fault and text.
    pub missing: Vec<(u32, String)>,
}

impl Meaning {
    /// Labels that are their own class, below `n_classes`.
    pub fn of_numbers(labels: &[String], n_classes: usize) -> Self {
        let class = |label: usize| if label < n_classes { label as i32 } else { -1 };
        let names = (0..n_classes).map(|class| labels.get(class).cloned().unwrap_or_default()).collect();
        Self { classes: (0..labels.len()).map(class).collect(), ignored: -1, labels: labels.to_vec(), names }
    }

    /// What a mapping file says of the labels of a database; `first` tells the first stimulus that has one, if any has.
    pub fn of_file(
        mapping: &LabelsMapping,
        labels: &[String],
        n_classes: usize,
        first: impl Fn(usize) -> Option<String>,
    ) -> (Self, Remarks) {
        let mut remarks = Remarks::default();
        let mut lines: Vec<Option<&MappedLabel>> = vec![None; labels.len()];
        let (mut patterns, mut unknown) = (Vec::new(), Vec::new());
        for line in &mapping.labels {
            match labels.iter().position(|label| *label == line.name) {
                Some(label) => lines[label] = Some(line),
                None if !line.is_quoted && line.name.contains(['*', '?']) => patterns.push(line),
                None => unknown.push(line),
            }
        }
        let is_exact: Vec<bool> = lines.iter().map(Option::is_some).collect();
        for pattern in patterns {
            let mut matched = false;
            for (label, name) in labels.iter().enumerate().filter(|(_, name)| wildcard::matches(&pattern.name, name)) {
                matched = true;
                match lines[label] {
                    _ if is_exact[label] => {}
                    Some(other) if other.class != pattern.class => remarks.faults.push((
                        pattern.line,
                        format!(
                            "label `{name}` is class {} by `{}` in line {}, and class {} here; give it a line of its own",
                            other.class, other.name, other.line, pattern.class
                        ),
                    )),
                    Some(_) => {}
                    None => lines[label] = Some(pattern),
                }
            }
            if !matched {
                unknown.push(pattern);
            }
        }
        let mut classes: Vec<i32> = Vec::with_capacity(labels.len());
        let end = mapping.labels.iter().map(|line| line.line).max().unwrap_or(1);
        for (label, line) in lines.iter().enumerate() {
            let class = line.map(|line| line.class).or(mapping.default);
            if let (None, Some(stimulus)) = (class, first(label)) {
                let name = &labels[label];
                let typo = unknown.iter().find(|line| nearest(&line.name, [name.as_str()]).is_some());
                let fault = match typo {
                    Some(line) => {
                        let what = format!("no label of the database is called `{}`; did you mean `{name}`", line.name);
                        (line.line, format!("{what}, which has no line (first met in {stimulus})?"))
                    }
                    None => {
                        let what = format!("no line for `{name}` (first met in {stimulus})");
                        (end, format!("{what}; add one, or `default -1`, which ignores it"))
                    }
                };
                remarks.missing.push(fault);
            }
            classes.push(class.unwrap_or(-1));
        }
        let mut labels = labels.to_vec();
        if mapping.creates_missing {
            for line in unknown {
                labels.push(line.name.replace('*', "").replace('?', "_"));
                classes.push(line.class);
            }
        } else if !unknown.is_empty() {
            remarks.warnings.push(no_such_labels(&mapping.file, &unknown, &labels));
        }
        let ignored = mapping.ignored.or(mapping.default).unwrap_or(-1);
        let names = (0..n_classes as i32).map(|class| name_of(class, mapping, &classes, ignored, &labels)).collect();
        (Self { classes, ignored, labels, names }, remarks)
    }

    /// The class of a label id, -1 for none; ids below 0 are what has no label.
    pub fn class(&self, label: i32) -> i32 {
        usize::try_from(label).map_or(self.ignored, |label| self.classes.get(label).copied().unwrap_or(-1))
    }
}

/// `default`, else the first label of the class, with `...` where there are more.
fn name_of(class: i32, mapping: &LabelsMapping, classes: &[i32], ignored: i32, labels: &[String]) -> String {
    if mapping.default == Some(class) {
        return "default".to_owned();
    }
    let nothing = (ignored == class).then_some("*");
    let of_class = classes.iter().zip(labels).filter(|(other, _)| **other == class).map(|(_, name)| name.as_str());
    let mut names = nothing.into_iter().chain(of_class);
    let Some(first) = names.next() else { return String::new() };
    if names.next().is_some() { format!("{first}...") } else { first.to_owned() }
}

fn no_such_labels(file: &str, lines: &[&MappedLabel], labels: &[String]) -> String {
    let texts: Vec<String> = lines
        .iter()
        .map(|line| {
            let known = labels.iter().map(String::as_str);
            let is_pattern = !line.is_quoted && line.name.contains(['*', '?']);
            let hint =
                if is_pattern { String::new() } else { did_you_mean(&line.name, known, |known| format!("`{known}`")) };
            format!("`{}` (line {}{hint})", line.name, line.line)
        })
        .collect();
    let noun =
        if lines.len() == 1 { "no label of the database is called" } else { "no labels of the database are called" };
    format!("{file}: {noun} {}", told(&texts))
}

/// The first of some texts, and how many more there are.
fn told(texts: &[String]) -> String {
    let first = texts[..texts.len().min(MOST_TOLD)].join(", ");
    if texts.len() > MOST_TOLD { format!("{first} and {} more", texts.len() - MOST_TOLD) } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(lines: &[(&str, i32)], default: Option<i32>, ignored: Option<i32>) -> LabelsMapping {
        let label = |(line, &(name, class)): (usize, &(&str, i32))| MappedLabel {
            name: name.to_owned(),
            is_quoted: false,
            class,
            line: line as u32 + 1,
        };
        let labels = lines.iter().enumerate().map(label).collect();
        LabelsMapping { file: "m.dat".into(), labels, default, ignored, creates_missing: false }
    }

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Classes of the label ids from -1 on, and the names of 4 classes.
    #[track_caller]
    fn check(mapping: &LabelsMapping, expected: [i32; 5], names: [&str; 4]) {
        let all = labels(&["label0", "label1", "label2", "label3"]);
        let (meaning, remarks) = Meaning::of_file(mapping, &all, 4, met);
        assert_eq!(remarks, Remarks::default());
        assert_eq!([-1, 0, 1, 2, 3].map(|label| meaning.class(label)), expected);
        assert_eq!(meaning.names, names);
    }

    fn met(label: usize) -> Option<String> {
        (label != 3).then(|| format!("{label}.png"))
    }

    #[test]
    fn the_vectors_of_the_facts_hold() {
        let lines = [("label0", 1), ("label1", 3), ("label2", 2), ("label3", 0)];
        check(&mapping(&lines, None, None), [-1, 1, 3, 2, 0], ["label3", "label0", "label2", "label1"]);
        let lines = [("label0", 1), ("label1", 3), ("label3", 0)];
        check(&mapping(&lines, Some(2), None), [2, 1, 3, 2, 0], ["label3", "label0", "default", "label1"]);
        let lines = [("label0", 1), ("label1", 3)];
        check(&mapping(&lines, Some(2), Some(0)), [0, 1, 3, 2, 2], ["*", "label0", "default", "label1"]);
        let lines = [("label?", 1), ("label2", 0)];
        check(&mapping(&lines, None, None), [-1, 1, 1, 0, 1], ["label2", "label0...", "", ""]);
    }

    #[test]
    fn an_exact_name_wins_over_patterns_also_where_it_looks_like_one() {
        let all = labels(&["M-?", "F-?", "M-0", "M-25", "F-7"]);
        let lines = [("M-?", 0), ("F-?", 1), ("M-0", 0), ("F-*", 1), ("M-2*", 0), ("M-25", 1)];
        let (meaning, remarks) = Meaning::of_file(&mapping(&lines, Some(-1), None), &all, 2, met);
        assert_eq!(remarks, Remarks::default());
        assert_eq!([0, 1, 2, 3, 4].map(|label| meaning.class(label)), [0, 1, 0, 1, 1]);
        // Without labels of these names they are patterns.
        let all = labels(&["M-0", "M-3", "F-4"]);
        let lines = [("M-?", 0), ("F-?", 1), ("M-0", 1)];
        let (meaning, remarks) = Meaning::of_file(&mapping(&lines, None, None), &all, 2, met);
        assert_eq!(remarks, Remarks::default());
        assert_eq!([0, 1, 2].map(|label| meaning.class(label)), [1, 0, 1]);
    }

    #[test]
    fn contradictions_and_gaps_are_named_with_their_lines() {
        let all = labels(&["ab", "b", "c", "d"]);
        let lines = [("a*", 0), ("*b", 1), ("x", 1), ("cc", 0)];
        let (_, remarks) = Meaning::of_file(&mapping(&lines, None, None), &all, 2, met);
        let text = "label `ab` is class 0 by `a*` in line 1, and class 1 here; give it a line of its own";
        assert_eq!(remarks.faults, [(2, text.to_owned())]);
        let text = "no line for `c` (first met in 2.png); add one, or `default -1`, which ignores it";
        assert_eq!(remarks.missing, [(4, text.to_owned())]);
        assert_eq!(remarks.warnings.len(), 1);
        assert!(remarks.warnings[0].starts_with("m.dat: no labels of the database are called `x` (line 3"));
    }

    #[test]
    fn a_slip_of_the_pen_is_told_at_its_line() {
        let lines = [("background", 0), ("bottel", 1)];
        let (_, remarks) = Meaning::of_file(&mapping(&lines, None, None), &labels(&["background", "bottle"]), 2, met);
        let text = "no label of the database is called `bottel`; did you mean `bottle`, which has no line (first met in 1.png)?";
        assert_eq!(remarks.missing, [(2, text.to_owned())]);
    }

    #[test]
    fn labels_that_only_the_file_has_are_made_where_asked_for() {
        let mut mapping = mapping(&[("a", 0), ("n?w*", 1)], None, None);
        mapping.creates_missing = true;
        let (meaning, remarks) = Meaning::of_file(&mapping, &labels(&["a"]), 2, met);
        assert_eq!(remarks, Remarks::default());
        assert_eq!((meaning.labels.as_slice(), meaning.class(1)), (labels(&["a", "n_w"]).as_slice(), 1));
        assert_eq!(meaning.names, ["a", "n_w"]);
    }

    #[test]
    fn without_a_file_a_label_is_the_class_of_its_number() {
        let meaning = Meaning::of_numbers(&labels(&["a", "b", "c"]), 2);
        assert_eq!([-1, 0, 1, 2].map(|label| meaning.class(label)), [-1, 0, 1, -1]);
        assert_eq!(meaning.names, ["a", "b"]);
    }
}
