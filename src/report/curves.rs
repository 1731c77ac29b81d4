//! Curves over time: success of learning and test, validation scores, loss, the learning-rate range test.

use std::fmt::Write;

use anyhow::Result;

use super::number::significant;
use super::picture::{Chart, Curve};

/// `<value> <mean of the last window values>` a line, four significant digits; a window of 0 takes all.
pub fn success_text(values: &[f64], window: usize) -> String {
    running_text(values, window)
}

/// The same of mean squared errors.
pub fn error_text(values: &[f64], window: usize) -> String {
    running_text(values, window)
}

fn running_text(values: &[f64], window: usize) -> String {
    let mut text = String::new();
    let mut sum = 0.0;
    for (i, &value) in values.iter().enumerate() {
        sum += value;
        let mut n = i + 1;
        if window > 0 && n > window {
            sum -= values[i - window];
            n = window;
        }
        let _ = writeln!(text, "{} {}", significant(value, 4), significant(sum / n as f64, 4));
    }
    text
}

/// `<batches learned> <score>` a line.
pub fn validation_text(scores: &[(u64, f64)]) -> String {
    scores.iter().map(|(batches, score)| format!("{batches} {}\n", significant(*score, 6))).collect()
}

/// `<stimuli learned> <squared error> <cross-entropy>` a line, means since the line before; the last column is `-`
/// where the network has no loss layer.
pub fn loss_text(points: &[(u64, f64, Option<f64>)]) -> String {
    let mut text = String::from("stimuli squared_error cross_entropy\n");
    for (stimuli, squared, entropy) in points {
        let entropy = entropy.map_or("-".to_string(), |e| significant(e, 6));
        let _ = writeln!(text, "{stimuli} {} {entropy}", significant(*squared, 6));
    }
    text
}

/// The success of learning, as a mean over `window` batches, and the validation scores, over the batches learned.
///
/// # Errors
/// The encoder fails.
pub fn success_picture(values: &[f64], window: usize, scores: &[(u64, f64)]) -> Result<Vec<u8>> {
    running_picture(["Success (%)", "success"], 100.0, values, window, scores)
}

/// The same of mean squared errors.
///
/// # Errors
/// The encoder fails.
pub fn error_picture(values: &[f64], window: usize, scores: &[(u64, f64)]) -> Result<Vec<u8>> {
    running_picture(["Mean squared error", "error"], 1.0, values, window, scores)
}

fn running_picture(
    [title, name]: [&'static str; 2],
    factor: f64,
    values: &[f64],
    window: usize,
    scores: &[(u64, f64)],
) -> Result<Vec<u8>> {
    let mut curve = Vec::with_capacity(values.len());
    let mut sum = 0.0;
    for (i, &value) in values.iter().enumerate() {
        sum += value - if window > 0 && i >= window { values[i - window] } else { 0.0 };
        let n = if window > 0 { (i + 1).min(window) } else { i + 1 };
        curve.push(((i + 1) as f64, factor * sum / n as f64));
    }
    let mut curves = vec![Curve { name, points: curve }];
    if !scores.is_empty() {
        let points = scores.iter().map(|&(batches, score)| (batches as f64, factor * score)).collect();
        curves.push(Curve { name: "validation", points });
    }
    Chart { title, x_label: "batches", x_is_log: false, curves, mark: None }.png()
}

/// The losses at each log, over the stimuli learned.
///
/// # Errors
/// The encoder fails.
pub fn loss_picture(points: &[(u64, f64, Option<f64>)]) -> Result<Vec<u8>> {
    let squared = points.iter().map(|&(stimuli, squared, _)| (stimuli as f64, squared)).collect();
    let entropy = points.iter().filter_map(|&(stimuli, _, entropy)| Some((stimuli as f64, entropy?))).collect();
    let mut curves =
        vec![Curve { name: "squared error", points: squared }, Curve { name: "cross-entropy", points: entropy }];
    curves.retain(|curve| !curve.points.is_empty());
    Chart { title: "Loss", x_label: "stimuli", x_is_log: false, curves, mark: None }.png()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_mean_covers_the_window_or_all() {
        let values = [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let windowed: Vec<&str> =
            ["0 0", "1 0.5", "0 0.3333", "0 0.3333", "1 0.3333", "0 0.3333", "0 0.3333", "1 0.3333"].into();
        assert_eq!(success_text(&values, 3).lines().collect::<Vec<_>>(), windowed);
        assert_eq!(success_text(&values, 0).lines().last(), Some("1 0.375"));
    }
}
