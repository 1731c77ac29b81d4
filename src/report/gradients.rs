//! What the gradient check found.

use std::fmt::Write;

use formal::ParameterKind;
use serde::Serialize;

use super::number::{grouped, significant};

/// One tensor.
pub struct Row {
    /// Its cell.
    pub cell: String,
    /// What it is to the cell.
    pub kind: ParameterKind,
    /// Its values.
    pub n_values: usize,
    /// Those that were looked at; 0 where no error reaches the cell.
    pub n_checked: usize,
    /// The largest magnitude of its gradients, summed over the batch.
    pub largest_gradient: f64,
    /// The largest difference between a gradient and the slope.
    pub largest_difference: f64,
    /// What it may be.
    pub tolerance: f64,
}

impl Row {
    /// A tensor that keeps its values.
    pub fn not_learned(cell: &str, kind: ParameterKind) -> Self {
        Self {
            cell: cell.to_string(),
            kind,
            n_values: 0,
            n_checked: 0,
            largest_gradient: 0.0,
            largest_difference: 0.0,
            tolerance: 0.0,
        }
    }

    /// Whether all gradients that were looked at agree; one that is no number does not.
    pub fn is_sound(&self) -> bool {
        self.largest_difference <= self.tolerance
    }

    /// `<cell> <kind>`.
    pub fn name(&self) -> String {
        format!("`{}` {}", self.cell, self.kind)
    }
}

/// The check for programs: `gradients` are sums over the batch.
pub fn document<'a>(rows: &'a [Row], n_stimuli: usize, provenance: &'a impl Serialize) -> impl Serialize + 'a {
    #[derive(Serialize)]
    struct File<'a, P> {
        #[serde(flatten)]
        provenance: &'a P,
        stimuli: usize,
        is_sound: bool,
        tensors: Vec<Tensor<'a>>,
    }
    #[derive(Serialize)]
    struct Tensor<'a> {
        cell: &'a str,
        kind: String,
        values: usize,
        values_checked: usize,
        largest_gradient: f64,
        largest_difference: f64,
        tolerance: f64,
        is_sound: bool,
    }
    let tensors = rows.iter().map(|row| Tensor {
        cell: &row.cell,
        kind: row.kind.to_string(),
        values: row.n_values,
        values_checked: row.n_checked,
        largest_gradient: row.largest_gradient,
        largest_difference: row.largest_difference,
        tolerance: row.tolerance,
        is_sound: row.is_sound(),
    });
    let tensors = tensors.collect();
    File { provenance, stimuli: n_stimuli, is_sound: rows.iter().all(Row::is_sound), tensors }
}

/// The table, and the verdict.
pub fn table(rows: &[Row], n_stimuli: usize) -> String {
    let width = rows.iter().map(|row| row.cell.len()).max().unwrap_or(0).max("Layer".len());
    let mut text = format!("Gradients against the slopes of the loss, {n_stimuli} stimuli\n");
    let _ = writeln!(
        text,
        "{:width$}  {:7}  {:>9}  {:>7}  {:>12}  {:>12}  {:>9}  Verdict",
        "Layer", "Tensor", "Values", "Checked", "Largest", "Difference", "Tolerance"
    );
    for row in rows {
        let verdict = match row.n_checked {
            0 => "not learned",
            _ if row.is_sound() => "ok",
            _ => "WRONG",
        };
        let _ = writeln!(
            text,
            "{:width$}  {:7}  {:>9}  {:>7}  {:>12}  {:>12}  {:>9}  {verdict}",
            row.cell,
            row.kind.to_string(),
            grouped(row.n_values as u64),
            row.n_checked,
            significant(row.largest_gradient, 4),
            significant(row.largest_difference, 2),
            significant(row.tolerance, 2)
        );
    }
    let wrong = rows.iter().filter(|row| !row.is_sound()).count();
    text += &match wrong {
        0 => "All gradients agree.".to_string(),
        1 => "The gradients of one tensor do not agree.".to_string(),
        n => format!("The gradients of {n} tensors do not agree."),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_gradient_is_told() {
        let row = |cell: &str, largest_difference: f64| Row {
            n_values: 1500,
            n_checked: 9,
            largest_gradient: 0.5,
            largest_difference,
            tolerance: 5e-4,
            ..Row::not_learned(cell, ParameterKind::Weights)
        };
        let (sound, wrong, lost) = (row("conv1", 1e-7), row("fc1", 0.1), row("fc2", f64::NAN));
        assert!(sound.is_sound() && !wrong.is_sound() && !lost.is_sound());
        let text = table(&[sound, wrong, lost, Row::not_learned("bn", ParameterKind::Bias)], 4);
        assert!(text.contains("fc1") && text.contains("WRONG") && text.contains("not learned"), "{text}");
        assert!(text.ends_with("The gradients of 2 tensors do not agree."), "{text}");
    }
}
