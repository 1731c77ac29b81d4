//! The spiking test of target maps: every output position is read at the end of the presentation.
//!
//! What a neuron fired and still holds stands for the sum that its frame cell computes: `(net + v / V_th) u P / T`, with u, P
//! and T as in `transcode`'s `bias.rs`. The activation of a target's cell is applied to that, so that its outputs mean what they
//! mean as frames.

use anyhow::Result;
use formal::config::{Activation, Operator};
use rayon::prelude::*;
use sim::network::Source;
use sim::recorder::Nothing;
use sim::{Plan, Real, Totals};
use stimuli::{Set, StimulusId};

use super::present::{Test, Worker};
use super::{Prepared, STATISTICS, SUCCESS, remove_earlier, statistics};
use crate::failure::Interrupted;
use crate::model::Description;
use crate::report::curves::success_text;
use crate::report::number::general;
use crate::report::progress::{Progress, result};
use crate::report::summary::Summary;
use crate::report::{activity, spikes};
use crate::run::interrupt;
use crate::run::targets::{Evaluated, Judge, Shown};
use crate::run::targets_test::Files;
use crate::session::Session;
use crate::transcode;

/// Stimuli presented between two looks at the clock and the keyboard.
const CHUNK: usize = 32;

/// What one thread found of its stimuli: the outputs of each, target by target, and what they cost.
type Presented = (Vec<Vec<Vec<f32>>>, Totals);

/// What stands between the spikes of a target's cell and its outputs.
struct Readout {
    cell: usize,
    /// The sum that one spike stands for.
    per_spike: f64,
    threshold: f64,
    activation: Activation,
}

impl Readout {
    fn output(&self, net: i64, potential: f64) -> f32 {
        let sum = (net as f64 + potential / self.threshold) * self.per_spike;
        let output = match self.activation {
            Activation::Logistic | Activation::LogisticWithLoss => 1.0 / (1.0 + (-sum).exp()),
            _ => sum,
        };
        output as f32
    }
}

/// The readouts of the targets of a network that spikes; `activations` are those of the model as it was learned.
fn readouts(session: &Session, prepared: &Prepared, activations: &[Activation]) -> Vec<Readout> {
    let description = &session.description;
    let encoder = description.stimuli.encoder.clone().unwrap_or_default();
    let full_scale = transcode::period_of_one(&encoder).map(|period| session.options.present_time.0 as f64 / period);
    let factors: Vec<f64> = prepared.factors().iter().map(|factor| factor.factor).collect();
    let units = transcode::units(description, &factors);
    let of_target = |(target, &activation): (&crate::model::TargetDescription, &Activation)| {
        let cell = target.cell;
        let is_pool = matches!(description.cells[cell].operator, Operator::Pool(_));
        let threshold = if is_pool { f64::INFINITY } else { description.cells[cell].spiking.neuron.threshold };
        // Without a rate or one scale of its inputs a sum is known up to a factor.
        Readout { cell, per_spike: units[cell].unwrap_or(1.0) / full_scale.unwrap_or(1.0), threshold, activation }
    };
    description.targets.iter().zip(activations).map(of_target).collect()
}

/// Activations of the targets' cells.
pub fn activations(description: &Description) -> Vec<Activation> {
    description.targets.iter().map(|target| description.cells[target.cell].activation.value).collect()
}

/// Presents all stimuli, scores every target, counts what it cost.
///
/// # Errors
/// A stimulus that cannot be read; a file that cannot be written; Ctrl-C.
pub fn run<F: Real>(
    session: &Session,
    prepared: &Prepared,
    judge: &Judge<'_>,
    activations: &[Activation],
    ids: &[StimulusId],
    summary: &mut Summary,
) -> Result<()> {
    let plan: Plan<F> = prepared.plan_without_decision(session)?;
    let test = Test { session, prepared, plan: &plan, ids, wanted: None };
    let readouts = readouts(session, prepared, activations);
    prepared.write(session)?;
    remove_earlier(session)?;
    for stale in [STATISTICS, "stimuli"] {
        session.output.clear(stale)?;
    }
    interrupt::listen();
    let progress = Progress::start("Spiking", ids.len() as u64);
    let started = std::time::Instant::now();
    let mut files = Files::new(session, judge, "test_spike")?;
    let mut evaluated = Evaluated::new(judge);
    let mut totals = Totals::new(&plan);
    let size = session.provider.shape().n_elements();
    let mut success = Vec::with_capacity(ids.len());
    for first in (0..ids.len()).step_by(CHUNK) {
        let chunk = &ids[first..(first + CHUNK).min(ids.len())];
        let one = |(worker, totals): &mut (Worker<F>, Totals), place: usize| -> Result<Vec<Vec<f32>>> {
            if interrupt::requested() {
                return Err(Interrupted.into());
            }
            worker.present(&test, place, &mut Nothing)?;
            totals.add(&worker.state);
            Ok(readouts.iter().map(|readout| outputs(readout, worker, &plan)).collect())
        };
        let jobs: Vec<Result<Presented>> = (first..first + chunk.len())
            .collect::<Vec<_>>()
            .par_chunks(chunk.len().div_ceil(rayon::current_num_threads()).max(1))
            .map(|places| {
                let mut worker = (Worker::new(&test), Totals::new(&plan));
                let all: Result<Vec<_>> = places.iter().map(|&place| one(&mut worker, place)).collect();
                Ok((all?, worker.1))
            })
            .collect();
        let mut values = vec![0.0; chunk.len() * size];
        let labels = judge.load(session, chunk, Set::Test, &mut values)?;
        let mut place = 0;
        for job in jobs {
            let (all, more) = job?;
            totals.merge(&more);
            for outputs in all {
                let outputs: Vec<&[f32]> = outputs.iter().map(Vec::as_slice).collect();
                let of_stimulus = judge.labels_of(&labels, place);
                let id = chunk[place];
                let (verdicts, scores) = evaluated.add(judge, id, &outputs, of_stimulus, &labels.rois[place]);
                let values = &values[place * size..][..size];
                let shown = Shown { id, values, outputs: &outputs, verdicts: &verdicts, scores: &scores };
                files.add(session, &shown)?;
                success.push(scores[0].success);
                place += 1;
            }
        }
        evaluated.end_batch(judge);
        progress.advance(evaluated.n_stimuli, || format!("{:.2}%", 100.0 * evaluated.targets[0].tally.rate()));
    }
    drop(progress);
    summary.spiking_seconds = Some(started.elapsed().as_secs_f64());
    summary.spiking_targets = files.finish(session, &evaluated, "spiking")?;
    summary.spiking_recognition_rate = Some(evaluated.targets[0].tally.rate());
    let counted = statistics::statistics(session, &plan, &totals, ids.len() as u64);
    let reads = statistics::cell_reads(session, &plan, &totals);
    session.output.write(SUCCESS, success_text(&success, 0))?;
    spikes::write(&session.output, STATISTICS, &counted, Some(&reads))?;
    activity::write_firing_rates(&session.output, &session.description, &totals)?;
    result(&format!(
        "Network activity (events/connection/pattern): {}",
        general(counted.reads_per_virtual_synapse_per_pattern())
    ));
    summary.read_events_per_virtual_synapse_per_pattern = Some(counted.reads_per_virtual_synapse_per_pattern());
    summary.synaptic_events = Some(counted.reads());
    summary.events = Some(counted.events());
    summary.write(&session.output)
}

/// The outputs `[c][y][x]` of a target's cell after a presentation.
fn outputs<F: Real>(readout: &Readout, worker: &Worker<F>, plan: &Plan<F>) -> Vec<f32> {
    let counts = worker.state.counts(Source::Cell(readout.cell));
    if readout.threshold.is_infinite() {
        return counts.iter().map(|count| readout.output(count.net(), 0.0)).collect();
    }
    let potentials = worker.state.membrane_potentials(plan, readout.cell);
    counts.iter().zip(potentials).map(|(count, potential)| readout.output(count.net(), potential.to_f64())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fired_and_held_makes_the_output() {
        let readout = |activation| Readout { cell: 0, per_spike: 0.5, threshold: 2.0, activation };
        assert_eq!(readout(Activation::Linear).output(3, 1.0), 1.75);
        assert_eq!(readout(Activation::Linear).output(-1, -1.0), -0.75);
        assert_eq!(readout(Activation::LogisticWithLoss).output(0, 0.0), 0.5);
        let sum = readout(Activation::Logistic).output(4, 0.0);
        assert!((sum - 0.880_797).abs() < 1e-6, "{sum}");
    }
}
