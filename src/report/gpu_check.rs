//! The table and the JSON of a check of a CUDA device.

use super::bench::figure_row;
use super::number::{grouped, significant};
use crate::bench::line::Figure;
use crate::gpu_check::learning::Learning;
use crate::gpu_check::parity::{Operator, Steps};
use crate::gpu_check::{Failure, Record, Torch};

const NAME: usize = 56;

/// What was checked.
pub fn header(record: &Record) -> String {
    let quick = if record.quick { ", parity alone" } else { "" };
    format!("femtospike {}, {}{quick}", record.version, record.device)
}

fn row(name: &str, value: f64, allowed: f64, what: &str, passed: bool) -> String {
    let (value, allowed) = (significant(value, 2), significant(allowed, 1));
    let verdict = if passed { "ok" } else { "WRONG" };
    format!("  {name:<NAME$} {value:>9} of {allowed:<6} {verdict:<6} {what}").trim_end().to_string()
}

/// An operator: the greatest difference over the greatest magnitude, what is allowed, and where it was met.
pub fn operator(operator: &Operator) -> String {
    row(operator.name, operator.worst.relative, operator.tolerance, &operator.worst.tensor, operator.passed)
}

/// Learning steps: the greatest difference of a loss.
pub fn steps(steps: &Steps) -> String {
    let what = format!("{} steps, to a loss of {}", steps.steps, significant(steps.loss, 4));
    row(&steps.name, steps.worst, steps.tolerance, &what, steps.passed)
}

/// What LeNet learned.
pub fn learning(learning: &Learning) -> String {
    let each = 1e6 * learning.seconds / learning.stimuli.max(1) as f64;
    let verdict = if learning.passed { "ok" } else { "WRONG" };
    format!(
        "  {}, {} stimuli in {:.1} s ({each:.2} us a stimulus): {:.2} % recognized of at least {:.2} %  {verdict}",
        learning.model,
        grouped(learning.stimuli),
        learning.seconds,
        100.0 * learning.recognition_rate,
        100.0 * learning.expected,
    )
}

/// Something measured.
pub fn figure(figure: &Figure) -> String {
    figure_row(figure)
}

/// What PyTorch could not do.
pub fn torch(torch: &Torch) -> Vec<String> {
    match torch {
        Torch::Lacking { lacking } => vec![format!("  not compared with PyTorch: {lacking}")],
        Torch::Measured(measured) => {
            let cuda = measured.cuda.as_deref().unwrap_or("no CUDA");
            let mut lines = vec![format!("  PyTorch {}, built for {cuda}", measured.version)];
            lines.extend(measured.faults.iter().map(|(mode, fault)| format!("  torch.compile, {mode}: {fault}")));
            lines
        }
    }
}

/// What could not be checked.
pub fn failure(failure: &Failure) -> String {
    format!("  {:<NAME$} not checked: {}", failure.name, failure.error)
}

/// How many parts are as they should be, and what it took.
pub fn verdict(record: &Record) -> String {
    let operators = record.operators.iter().filter(|operator| operator.passed).count();
    let steps = record.steps.iter().filter(|steps| steps.passed).count();
    let (n_operators, n_steps) = (record.operators.len(), record.steps.len());
    let learning = match &record.learning {
        Some(learning) if learning.passed => ", LeNet learned",
        Some(_) => ", LeNet not learned",
        None => "",
    };
    format!(
        "{operators} of {n_operators} operators and {steps} of {n_steps} learnings as they should be{learning}, {} not checked; {:.0} s",
        record.failures.len(),
        record.seconds
    )
}

/// What is not as it should be.
pub fn faults(record: &Record) -> String {
    let operators =
        record.operators.iter().filter(|operator| !operator.passed).map(|operator| operator.name.to_string());
    let steps = record.steps.iter().filter(|steps| !steps.passed).map(|steps| steps.name.clone());
    let learning = record.learning.iter().filter(|learning| !learning.passed).map(|_| "LeNet on MNIST".to_string());
    let failures = record.failures.iter().map(|failure| format!("{} (not checked)", failure.name));
    let faults: Vec<String> = operators.chain(steps).chain(learning).chain(failures).collect();
    if faults.is_empty() { "nothing was checked".into() } else { faults.join("; ") }
}

/// The record as JSON.
pub fn json(record: &Record) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(record)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu_check::parity::Deviation;

    #[test]
    fn what_is_off_is_told_with_what_is_allowed_and_where() {
        let worst = Deviation { tensor: "outputs, learning".into(), relative: 3.21e-4 };
        let wrong = Operator { name: "lrn", worst, tolerance: 1e-5, passed: false };
        let words: Vec<String> = operator(&wrong).split_whitespace().map(str::to_string).collect();
        assert_eq!(words.join(" "), "lrn 0.00032 of 1e-05 WRONG outputs, learning");
    }
}
