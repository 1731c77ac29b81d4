//! Confusion matrices, scores a class, and the stimuli that were taken for another class.

use std::collections::HashMap;
use std::fmt::Write;

use anyhow::Result;
use stats::{ClassScore, Confusion};

use super::number::general;
use super::picture;
use crate::output::OutputFolder;

/// One stimulus taken for another class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misclassified {
    /// Stimulus id.
    pub id: usize,
    /// Its name in the database.
    pub name: String,
    /// Its class.
    pub target: usize,
    /// The class it was taken for.
    pub estimated: usize,
}

/// Writes `ConfusionMatrix_<set>.dat` and its picture, `ConfusionMatrix_<set>_score.dat` and `Misclassified_<set>.dat`
/// to `folder`.
pub fn write(
    output: &OutputFolder,
    folder: &str,
    set: &str,
    matrix: &Confusion,
    class_names: &[String],
    misclassified: &[Misclassified],
) -> Result<()> {
    write_matrix(output, folder, set, matrix, class_names, matrix.n_classes())?;
    output.write(format!("{folder}/Misclassified_{set}.dat"), misclassified_text(misclassified))
}

/// Writes the matrix and its picture, and the scores of its first `n_scored` classes.
///
/// # Errors
/// A file that cannot be written.
pub fn write_matrix(
    output: &OutputFolder,
    folder: &str,
    set: &str,
    matrix: &Confusion,
    class_names: &[String],
    n_scored: usize,
) -> Result<()> {
    output.write(format!("{folder}/ConfusionMatrix_{set}.dat"), matrix_text(matrix))?;
    if let Some(png) = picture::confusion(matrix)? {
        output.write(format!("{folder}/ConfusionMatrix_{set}.png"), png)?;
    }
    output.write(format!("{folder}/ConfusionMatrix_{set}_score.dat"), score_text(matrix, class_names, n_scored))
}

fn matrix_text(matrix: &Confusion) -> String {
    let mut text = String::from("target estimated # %\n");
    for target in 0..matrix.n_classes() {
        let row = matrix.row_total(target);
        for estimated in 0..matrix.n_classes() {
            let count = matrix.count(target, estimated);
            let share = if row == 0 { 0.0 } else { count as f64 / row as f64 };
            let _ = writeln!(text, "{target} {estimated} {count} {}", general(share));
        }
    }
    text
}

fn score_text(matrix: &Confusion, class_names: &[String], n_scored: usize) -> String {
    let mut text =
        String::from("Target TargetName Sensitivity Specificity Precision Accuracy F1-score Informedness IU\n");
    let values = |score: ClassScore| {
        let ClassScore { sensitivity, specificity, precision, accuracy, f1_score, informedness, iu } = score;
        [sensitivity, specificity, precision, accuracy, f1_score, informedness, iu].map(general).join(" ")
    };
    for class in 0..n_scored.min(matrix.n_classes()) {
        let name = class_names.get(class).map_or("", String::as_str);
        let _ = writeln!(text, "{class} \"{name}\" {}", values(matrix.score(class)));
    }
    let _ = writeln!(text, "\n- AVG {}", values(matrix.mean_score()));
    text
}

fn misclassified_text(misclassified: &[Misclassified]) -> String {
    let names: HashMap<usize, &str> = misclassified.iter().map(|m| (m.id, m.name.as_str())).collect();
    let of = |m: &Misclassified| Missed { id: m.id, target: m.target, estimated: m.estimated, count: 1 };
    let missed: Vec<Missed> = misclassified.iter().map(of).collect();
    missed_text(&missed, |id| names.get(&id).copied().unwrap_or_default().to_owned())
}

/// What of a stimulus was taken for another class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Stimulus id.
    pub id: usize,
    /// Its class.
    pub target: usize,
    /// The class it was taken for.
    pub estimated: usize,
    /// How often, or at how many positions.
    pub count: u64,
}

/// `id "name" target estimated count` a line, the name once a stimulus.
pub fn missed_text(missed: &[Missed], name: impl Fn(usize) -> String) -> String {
    let mut sorted: Vec<&Missed> = missed.iter().collect();
    sorted.sort_by_key(|m| (m.id, m.target, m.estimated));
    let mut text = String::from("# name target estimated count\n");
    let mut last_id = None;
    for group in sorted.chunk_by(|a, b| (a.id, a.target, a.estimated) == (b.id, b.target, b.estimated)) {
        let m = group[0];
        let name = if last_id == Some(m.id) { String::new() } else { name(m.id) };
        let count: u64 = group.iter().map(|m| m.count).sum();
        let _ = writeln!(text, "{} \"{name}\" {} {} {count}", m.id, m.target, m.estimated);
        last_id = Some(m.id);
    }
    text
}

/// The two lines of metrics printed after a recognition rate.
pub fn metrics_text(matrix: &Confusion) -> String {
    let s = matrix.mean_score();
    format!(
        "    Sensitivity: {:.2}% / Specificity: {:.2}% / Precision: {:.2}%\n    Accuracy: {:.2}% / F1-score: {:.2}% / Informedness: {:.2}%",
        100.0 * s.sensitivity,
        100.0 * s.specificity,
        100.0 * s.precision,
        100.0 * s.accuracy,
        100.0 * s.f1_score,
        100.0 * s.informedness
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stimulus_missed_twice_is_one_line() {
        let miss = |id, estimated| Misclassified { id, name: format!("s[{id}]"), target: 9, estimated };
        let text = misclassified_text(&[miss(80, 8), miss(7, 1), miss(80, 8), miss(80, 3)]);
        assert_eq!(text, "# name target estimated count\n7 \"s[7]\" 9 1 1\n80 \"s[80]\" 9 3 1\n80 \"\" 9 8 2\n");
    }

    #[test]
    fn every_pair_has_a_line_with_its_share_of_the_row() {
        let mut matrix = Confusion::new(2);
        matrix.add(0, 0);
        matrix.add(0, 1);
        assert_eq!(matrix_text(&matrix), "target estimated # %\n0 0 1 0.5\n0 1 1 0.5\n1 0 0 0\n1 1 0 0\n");
    }
}
