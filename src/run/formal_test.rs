//! The frame network over a set of stimuli, in inference mode.

use std::fmt::Write;
use std::time::Instant;

use anyhow::Result;
use formal::Network;
use stats::Confusion;
use stimuli::{Database, Set, StimulusId};

use super::interrupt;
use super::learn_bench::now;
use crate::report::confusion::{Misclassified, metrics_text};
use crate::report::curves::{success_picture, success_text};
use crate::report::number::general;
use crate::report::progress::{Progress, note, result};
use crate::report::{self, timings};
use crate::session::Session;

/// Stimuli inferred at a time: enough for all cores, small enough for the caches.
pub const INFERENCE_BATCH: usize = 128;

/// What a set of stimuli gave.
pub struct Evaluation {
    /// Target against estimate.
    pub confusion: Confusion,
    /// Success of each batch.
    pub success: Vec<f64>,
    /// The same with the class among the `TopN` best outputs.
    pub success_top_n: Vec<f64>,
    /// Stimuli whose class was among the `TopN` best outputs.
    pub found_in_top_n: u64,
    /// The stimuli taken for another class.
    pub misclassified: Vec<Misclassified>,
    /// Estimated class a stimulus, in the order presented.
    pub estimates: Vec<usize>,
    /// Wall seconds of the inference alone.
    pub seconds: f64,
}

impl Evaluation {
    /// Fraction of the stimuli that were recognized.
    pub fn recognition_rate(&self) -> f64 {
        stats::spikes::per(self.confusion.correct(), self.confusion.total())
    }

    /// Fraction of the stimuli whose class was among the `TopN` best outputs.
    pub fn top_n_rate(&self) -> f64 {
        stats::spikes::per(self.found_in_top_n, self.confusion.total())
    }
}

/// The first largest output.
pub fn estimate(outputs: &[f32]) -> usize {
    let mut best = 0;
    for (class, &value) in outputs.iter().enumerate() {
        if value > outputs[best] {
            best = class;
        }
    }
    best
}

/// A line of `classif.log`: `id "name" target estimated value` and all outputs.
pub fn estimate_line(database: &Database, id: StimulusId, outputs: &[f32]) -> String {
    let estimated = estimate(outputs);
    let value = |value: f32| general(f64::from(value));
    let (name, target) = (database.name(id), database.label(id).unwrap_or_default());
    let mut line = format!("{id} \"{name}\" {target} {estimated} {}", value(outputs[estimated]));
    for &output in outputs {
        let _ = write!(line, " {}", value(output));
    }
    line.push('\n');
    line
}

/// Whether `class` is among the `n` largest outputs; of equal ones the first come first.
pub fn is_in_top(outputs: &[f32], class: usize, n: usize) -> bool {
    let Some(&value) = outputs.get(class) else { return false };
    let before = |&(other, &output): &(usize, &f32)| output > value || (output == value && other < class);
    outputs.iter().enumerate().filter(before).count() < n
}

/// Infers the stimuli `ids` of `set`; `each` is shown every stimulus with its outputs at the target cell.
///
/// # Errors
/// A stimulus whose file cannot be read.
pub fn evaluate(
    session: &Session,
    network: &mut Network,
    set: Set,
    ids: &[StimulusId],
    progress: Option<&Progress>,
    mut each: impl FnMut(StimulusId, usize, usize, &[f32]),
) -> Result<Evaluation> {
    let (database, cell) = (session.database(), session.target_cell());
    let top_n = session.description.targets[0].top_n;
    let shape = session.provider.shape();
    let size = shape.channels * shape.height * shape.width;
    let out_shape = network.output_shape(cell);
    let n_outputs = out_shape.channels * out_shape.height * out_shape.width;
    let mut evaluation = Evaluation {
        confusion: Confusion::new(database.label_names().len().max(n_outputs)),
        success: Vec::new(),
        success_top_n: Vec::new(),
        found_in_top_n: 0,
        misclassified: Vec::new(),
        estimates: Vec::with_capacity(ids.len()),
        seconds: 0.0,
    };
    // A learning goes on with its own batches.
    network.set_capacity(INFERENCE_BATCH.max(session.description.stimuli.batch_size));
    let mut batch = vec![0.0; INFERENCE_BATCH * size];
    for ids in ids.chunks(INFERENCE_BATCH) {
        session.load_batch(ids, set, &mut batch[..ids.len() * size])?;
        let started = Instant::now();
        network.infer(&batch[..ids.len() * size], ids.len());
        evaluation.seconds += started.elapsed().as_secs_f64();
        let outputs = network.output(cell);
        network.check()?;
        let (mut correct, mut in_top) = (0, 0);
        for (&id, outputs) in ids.iter().zip(outputs.chunks_exact(n_outputs)) {
            let (target, estimated) = (session.class(id), estimate(outputs));
            evaluation.confusion.add(target, estimated);
            evaluation.estimates.push(estimated);
            in_top += u32::from(is_in_top(outputs, target, top_n));
            if target == estimated {
                correct += 1;
            } else {
                evaluation.misclassified.push(Misclassified { id, name: database.name(id), target, estimated });
            }
            each(id, target, estimated, outputs);
        }
        evaluation.success.push(f64::from(correct) / ids.len() as f64);
        evaluation.success_top_n.push(f64::from(in_top) / ids.len() as f64);
        evaluation.found_in_top_n += u64::from(in_top);
        if let Some(progress) = progress {
            let done = evaluation.estimates.len() as u64;
            progress.advance(done, || format!("{:.2}%", 100.0 * evaluation.recognition_rate()));
        }
    }
    Ok(evaluation)
}

/// The formal test: the files of the primary target's folder, the recognition rate on standard output.
///
/// # Errors
/// A file that cannot be written; Ctrl-C.
pub fn run(session: &Session, network: &mut Network, ids: &[StimulusId]) -> Result<Evaluation> {
    let mut classif = String::new();
    let database = session.database();
    let progress = Progress::start("Testing", ids.len() as u64);
    network.set_clock(session.options.bench.then_some(now));
    let evaluation = evaluate(session, network, Set::Test, ids, Some(&progress), |id, _, _, outputs| {
        classif += &estimate_line(database, id, outputs);
    })?;
    drop(progress);
    if session.options.bench {
        let rows = timings::inference(&session.description, &network.times(), ids.len() as u64);
        session.output.write("timings/inference_timings.dat", timings::text(&rows))?;
        network.set_clock(None);
    }
    let folder = session.target_folder();
    let names = database.label_names();
    report::confusion::write(
        &session.output,
        &folder,
        "test",
        &evaluation.confusion,
        names,
        &evaluation.misclassified,
    )?;
    session.output.write(format!("{folder}/Success_test.dat"), success_text(&evaluation.success, 0))?;
    session.output.write(format!("{folder}/test/classif.log"), classif)?;
    session.output.write(format!("{folder}/Success_test.png"), success_picture(&evaluation.success, 0, &[])?)?;
    let top_n = session.description.targets[0].top_n;
    let mut top_n_line = String::new();
    if top_n > 1 {
        session.output.write(format!("{folder}/SuccessTopN_test.dat"), success_text(&evaluation.success_top_n, 0))?;
        top_n_line = format!("\nTop-{top_n} recognition rate: {:.2}%", 100.0 * evaluation.top_n_rate());
    }
    let rate = 100.0 * evaluation.recognition_rate();
    result(&format!(
        "Final recognition rate: {rate:.2}%    (error rate: {:.2}%){top_n_line}\n{}",
        100.0 - rate,
        metrics_text(&evaluation.confusion)
    ));
    if let Some(n) = session.options.log_outputs {
        write_outputs(session, network, ids, n)?;
    }
    interrupt::check()?;
    Ok(evaluation)
}

/// Writes what each layer gives for the `n`-th stimulus, from 1.
fn write_outputs(session: &Session, network: &mut Network, ids: &[StimulusId], n: u64) -> Result<()> {
    let place = usize::try_from(n - 1).ok().filter(|&place| place < ids.len());
    let Some(id) = place.map(|place| ids[place]) else {
        note(&format!("note: --log-outputs {n}: only {} stimuli are tested", ids.len()));
        return Ok(());
    };
    let mut stimulus = vec![0.0; session.provider.shape().n_elements()];
    session.load_batch(&[id], Set::Test, &mut stimulus)?;
    network.infer(&stimulus, 1);
    network.check()?;
    let folder = format!("outputs_test_{n}");
    report::maps::write_outputs(&session.output, &folder, &session.description, network, &stimulus, 0)?;
    let database = session.database();
    result(&format!("Outputs for id {id}: {}, label {}, in {folder}", database.name(id), session.class(id)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_outputs_the_first_come_first() {
        let outputs = [0.1, 0.5, 0.5, 0.3];
        assert_eq!(estimate(&outputs), 1);
        let of_class = |class| (1..=4).find(|&n| is_in_top(&outputs, class, n));
        assert_eq!([0, 1, 2, 3].map(of_class), [Some(4), Some(1), Some(2), Some(3)]);
        assert!(!is_in_top(&outputs, 7, 4));
    }
}
