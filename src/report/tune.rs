//! What tuning found: a table, `tune.json`, the frontier as `tune.csv` and as a picture.

use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

use super::document;
use super::number::significant;
use super::picture::{Chart, Curve};
use crate::output::OutputFolder;
use crate::run::tune::{End, Lever, Trial, Tuned};
use crate::session::Session;

/// What makes the figures comparable.
#[derive(Serialize)]
struct Record<'a> {
    model: &'a str,
    ini_sha256: &'a str,
    weights_sha256: &'a str,
    seed: u32,
    encoder_seed: u32,
    version: &'static str,
    max_loss: f64,
    #[serde(flatten)]
    tuned: &'a Tuned,
}

/// Names of levers, for people.
fn names(levers: &[Lever]) -> String {
    levers.iter().map(|lever| lever.name()).collect::<Vec<_>>().join("+")
}

fn points(fraction: f64) -> String {
    format!("{:.2}", 100.0 * fraction)
}

fn row(text: &mut String, name: &str, n_trials: &str, trial: &Trial, note: &str) {
    let all = trial.all();
    let (from, to) = all.interval();
    let held_back = trial.choice.map_or("-".to_string(), |(_, cost)| points(cost.paired.loss()));
    let _ = writeln!(
        text,
        "  {name:36} {n_trials:>7} {:>7} {:>8} {:>10} {:>8} {:>16}   {note}",
        significant(trial.reads(), 3),
        points(trial.tuning.paired.loss()),
        held_back,
        points(all.loss()),
        format!("{} to {}", points(from), points(to)),
    );
}

/// The table on standard output.
pub fn table(tuned: &Tuned, max_loss: f64) -> String {
    let (n_tuning, n_held_back) = tuned.n_stimuli;
    let mut text = format!(
        "Read events per virtual synapse per pattern, and accuracy lost against frames ({:.2} %) in points,\n\
         over {n_tuning} stimuli of the Validation set that judged the trials and {n_held_back} held back; allowed: {}\n\n\
         \x20 {:36} {:>7} {:>7} {:>8} {:>10} {:>8} {:>16}\n",
        100.0 * tuned.formal,
        points(max_loss),
        "lever",
        "trials",
        "reads",
        "lost",
        "held back",
        "all",
        "95 % of all",
    );
    row(&mut text, "as it was", "", &tuned.before, "");
    for stage in &tuned.stages {
        let note = match stage.end {
            End::Converged => "",
            End::Trials => "trials used up",
            End::Time => "time used up",
        };
        row(&mut text, &names(&stage.levers), &stage.n_trials.to_string(), &stage.best, note);
    }
    text
}

/// Writes the record, which is the document of the run too, the frontier and its picture.
///
/// # Errors
/// A file that cannot be written.
pub fn write(
    output: &OutputFolder,
    session: &Session,
    weights_sha256: &str,
    tuned: &Tuned,
    max_loss: f64,
) -> Result<()> {
    let record = Record {
        model: &session.description.name,
        ini_sha256: &session.description.sha256,
        weights_sha256,
        seed: session.seed,
        encoder_seed: session.encoder_seed(),
        version: env!("CARGO_PKG_VERSION"),
        max_loss,
        tuned,
    };
    output.write("tune.json", serde_json::to_string_pretty(&record)? + "\n")?;
    output.write("tune.csv", frontier_csv(&tuned.frontier))?;
    let place = |trial: &Trial| (trial.tuning.reads, 100.0 * (tuned.formal - trial.tuning.paired.loss()));
    let frontier: Vec<(f64, f64)> = tuned.frontier.iter().map(place).collect();
    let ends = || frontier.first().into_iter().chain(frontier.last());
    let chart = Chart {
        title: "Accuracy over the stimuli that judged trials, in percent",
        x_label: "read events per virtual synapse per pattern",
        x_is_log: false,
        curves: vec![
            Curve { name: "frontier", points: frontier.clone() },
            Curve { name: "frames", points: ends().map(|&(reads, _)| (reads, 100.0 * tuned.formal)).collect() },
        ],
        mark: Some((tuned.chosen.tuning.reads, "chosen".to_string())),
    };
    output.write("tune.png", chart.png()?)?;
    document::give(&record)
}

/// One line a network: reads, losses, and what it is.
fn frontier_csv(frontier: &[Trial]) -> String {
    let n_scales = frontier.first().map_or(0, |trial| trial.point.scales.len());
    let scales = (1..=n_scales).map(|layer| format!(",scale_{layer}")).collect::<String>();
    let mut text = format!(
        "reads_per_virtual_synapse,loss,loss_95_from,loss_95_to,loss_held_back{scales},threshold,terminate_delta,terminate_max,period,latest,in_phase\n"
    );
    for trial in frontier {
        let (from, to) = trial.all().interval();
        let held_back = trial.choice.map_or(String::new(), |(_, cost)| cost.paired.loss().to_string());
        let point = &trial.point;
        let scales = point.scales.iter().map(|scale| format!(",{scale}")).collect::<String>();
        let in_phase = point.is_in_phase.map_or(String::new(), |is_in_phase| u8::from(is_in_phase).to_string());
        let _ = writeln!(
            text,
            "{},{},{from},{to},{held_back}{scales},{},{},{},{},{},{in_phase}",
            trial.tuning.reads,
            trial.tuning.paired.loss(),
            point.threshold,
            point.terminate_delta,
            point.terminate_max,
            point.period,
            point.latest
        );
    }
    text
}
