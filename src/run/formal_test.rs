//! The frame network over a set of stimuli, in inference mode.

use std::fmt::Write;
use std::time::Instant;

use anyhow::Result;
use formal::Network;
use stats::Confusion;
use stimuli::{Set, StimulusId};

use super::interrupt;
use crate::report::confusion::{Misclassified, metrics_text};
use crate::report::curves::success_text;
use crate::report::number::general;
use crate::report::progress::{Progress, result};
use crate::report::{self};
use crate::session::Session;

/// Stimuli inferred at a time: enough for all cores, small enough for the caches.
pub const INFERENCE_BATCH: usize = 128;

/// What a set of stimuli gave.
pub struct Evaluation {
    /// Target against estimate.
    pub confusion: Confusion,
    /// Success of each batch.
    pub success: Vec<f64>,
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
    let shape = session.provider.shape();
    let size = shape.channels * shape.height * shape.width;
    let out_shape = network.output_shape(cell);
    let n_outputs = out_shape.channels * out_shape.height * out_shape.width;
    let mut evaluation = Evaluation {
        confusion: Confusion::new(database.label_names().len().max(n_outputs)),
        success: Vec::new(),
        misclassified: Vec::new(),
        estimates: Vec::with_capacity(ids.len()),
        seconds: 0.0,
    };
    network.set_capacity(INFERENCE_BATCH);
    let mut batch = vec![0.0; INFERENCE_BATCH * size];
    for ids in ids.chunks(INFERENCE_BATCH) {
        session.load_batch(ids, set, &mut batch[..ids.len() * size])?;
        let started = Instant::now();
        network.infer(&batch[..ids.len() * size], ids.len());
        evaluation.seconds += started.elapsed().as_secs_f64();
        let outputs = network.output(cell);
        let mut correct = 0;
        for (&id, outputs) in ids.iter().zip(outputs.chunks_exact(n_outputs)) {
            let (target, estimated) = (database.label(id), estimate(outputs));
            evaluation.confusion.add(target, estimated);
            evaluation.estimates.push(estimated);
            if target == estimated {
                correct += 1;
            } else {
                evaluation.misclassified.push(Misclassified { id, name: database.name(id), target, estimated });
            }
            each(id, target, estimated, outputs);
        }
        evaluation.success.push(f64::from(correct) / ids.len() as f64);
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
    let evaluation = evaluate(session, network, Set::Test, ids, Some(&progress), |id, target, estimated, outputs| {
        let _ = write!(
            classif,
            "{id} \"{}\" {target} {estimated} {}",
            database.name(id),
            general(f64::from(outputs[estimated]))
        );
        for &value in outputs {
            let _ = write!(classif, " {}", general(f64::from(value)));
        }
        classif.push('\n');
    })?;
    drop(progress);
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
    let rate = 100.0 * evaluation.recognition_rate();
    result(&format!(
        "Final recognition rate: {rate:.2}%    (error rate: {:.2}%)\n{}",
        100.0 - rate,
        metrics_text(&evaluation.confusion)
    ));
    interrupt::check()?;
    Ok(evaluation)
}
