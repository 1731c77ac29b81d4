//! What layers take.

use std::fmt::Write;
use std::time::Duration;

use formal::CellTime;
use serde::Serialize;

use super::number::{general, grouped};
use crate::model::Description;

/// A learning that was measured.
pub struct Measured {
    /// Stimuli learned.
    pub stimuli: u64,
    /// Threads that worked on it.
    pub threads: usize,
    /// Time for which the network waited for stimuli.
    pub waited: Duration,
    /// Time of the learning steps, in which the next stimuli are made, too.
    pub learned: Duration,
    /// One a cell, summed over the threads.
    pub cells: Vec<CellTime>,
}

/// Microseconds a stimulus: of the whole, and of each layer as the time of one thread.
pub fn table(description: &Description, measured: &Measured) -> String {
    let Measured { stimuli, threads, waited, learned, cells } = measured;
    let each = |time: Duration| 1e6 * time.as_secs_f64() / (*stimuli).max(1) as f64;
    let all = each(*waited + *learned);
    let whole = each(*learned) * *threads as f64;
    let width = description.cells.iter().map(|cell| cell.name.len()).max().unwrap_or(0).max(REST.len());
    let mut text = format!(
        "{}: {all:.2} us a stimulus, {} a second; {} stimuli in batches of {}, {threads} threads\n  \
         waiting for data {:.2} us, learning {:.2} us\n\n\
         us a stimulus and thread: {threads} threads have {whole:.2}\n\
         {:width$}  {:>9}  {:>9}  {:>9}  {:>9}    Share\n",
        description.name,
        grouped((1e6 / all.max(1e-9)).round() as u64),
        grouped(*stimuli),
        description.stimuli.batch_size,
        each(*waited),
        each(*learned),
        "Layer",
        "Forward",
        "Backward",
        "Update",
        "All",
    );
    let line = |name: &str, parts: Option<[f64; 3]>, all: f64| {
        let part = |at: usize| parts.map_or(String::new(), |parts| format!("{:.3}", parts[at]));
        let share = 100.0 * all / whole.max(1e-9);
        format!("{name:width$}  {:>9}  {:>9}  {:>9}  {all:>9.3}  {share:>5.1} %\n", part(0), part(1), part(2))
    };
    let mut sums = [0.0; 3];
    for (cell, time) in description.cells.iter().zip(cells) {
        let parts = [time.forward, time.backward, time.update].map(each);
        sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        text += &line(&cell.name, Some(parts), parts.iter().sum());
    }
    let of_layers: f64 = sums.iter().sum();
    text += &line("all layers", Some(sums), of_layers);
    text += &line(REST, None, whole - of_layers);
    text.trim_end().to_string()
}

/// The same for programs.
pub fn document<'a>(
    description: &'a Description,
    measured: &'a Measured,
    provenance: &'a impl Serialize,
) -> impl Serialize + 'a {
    #[derive(Serialize)]
    struct File<'a, P> {
        #[serde(flatten)]
        provenance: &'a P,
        stimuli: u64,
        batch_size: usize,
        waiting_us_per_stimulus: f64,
        learning_us_per_stimulus: f64,
        /// Times of one thread.
        layers: Vec<Layer<'a>>,
    }
    #[derive(Serialize)]
    struct Layer<'a> {
        name: &'a str,
        forward_us_per_stimulus: f64,
        backward_us_per_stimulus: f64,
        update_us_per_stimulus: f64,
    }
    let each = |time: Duration| 1e6 * time.as_secs_f64() / measured.stimuli.max(1) as f64;
    let layers = description.cells.iter().zip(&measured.cells).map(|(cell, time)| Layer {
        name: &cell.name,
        forward_us_per_stimulus: each(time.forward),
        backward_us_per_stimulus: each(time.backward),
        update_us_per_stimulus: each(time.update),
    });
    File {
        provenance,
        stimuli: measured.stimuli,
        batch_size: description.stimuli.batch_size,
        waiting_us_per_stimulus: each(measured.waited),
        learning_us_per_stimulus: each(measured.learned),
        layers: layers.collect(),
    }
}

/// What no layer took: comparing outputs, making the next stimuli, waiting for the other threads.
const REST: &str = "the rest";

/// Name and seconds a stimulus, in the order of execution.
pub type Rows = Vec<(String, f64)>;

/// What the layers take in a test, summed over the threads.
pub fn inference(description: &Description, cells: &[CellTime], stimuli: u64) -> Rows {
    let seconds = |time: &CellTime| time.forward.as_secs_f64() / stimuli.max(1) as f64;
    let cells = description.cells.iter().zip(cells);
    cells.map(|(cell, time)| (format!("{}[prop]", cell.name), seconds(time))).collect()
}

/// What a learning takes, in the order of execution: waiting for stimuli, then the layers, summed over the threads.
pub fn learning(description: &Description, measured: &Measured) -> Rows {
    let each = |time: Duration| time.as_secs_f64() / measured.stimuli.max(1) as f64;
    let cells = || description.cells.iter().zip(&measured.cells);
    let mut rows = vec![("sp".to_string(), each(measured.waited))];
    rows.extend(cells().map(|(cell, time)| (format!("{}[prop]", cell.name), each(time.forward))));
    rows.extend(cells().rev().map(|(cell, time)| (format!("{}[back-prop]", cell.name), each(time.backward))));
    rows.extend(cells().map(|(cell, time)| (format!("{}[update]", cell.name), each(time.update))));
    rows
}

/// `Cell Timing(s) Timing(%)`, then a row a line.
pub fn text(rows: &Rows) -> String {
    let all: f64 = rows.iter().map(|(_, seconds)| seconds).sum();
    let share = |seconds: f64| if all > 0.0 { 100.0 * seconds / all } else { 0.0 };
    let mut text = String::from("Cell Timing(s) Timing(%)\n");
    for (name, seconds) in rows {
        let _ = writeln!(text, "{name} {} {}", general(*seconds), general(share(*seconds)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_test_sum_to_all() {
        let rows = vec![("conv1[prop]".to_string(), 3e-6), ("fc1[prop]".to_string(), 1e-6)];
        assert_eq!(text(&rows), "Cell Timing(s) Timing(%)\nconv1[prop] 3e-06 75\nfc1[prop] 1e-06 25\n");
        assert_eq!(text(&Vec::new()), "Cell Timing(s) Timing(%)\n");
    }
}
