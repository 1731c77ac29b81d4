//! Curves over time: success of learning and test, validation scores, loss, the learning-rate range test.

use std::fmt::Write;

use super::number::significant;

/// `<value> <mean of the last window values>` a line, four significant digits; a window of 0 takes all.
pub fn success_text(values: &[f64], window: usize) -> String {
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
