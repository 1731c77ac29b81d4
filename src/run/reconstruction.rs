//! The frame network as one that gives back its stimuli, or what is wanted in their place (`DataAsTarget`, `formal.md` 10.4 and 10.5, with the plain error).

use std::fmt::Write;
use std::time::Instant;

use anyhow::Result;
use formal::Network;
use stimuli::{Set, StimulusId};

use super::formal_test::INFERENCE_BATCH;
use super::interrupt;
use crate::report::curves::{error_picture, error_text};
use crate::report::number::{general, significant};
use crate::report::progress::{Progress, result};
use crate::report::stimuli::write_reconstruction;
use crate::session::Session;

/// Stimuli that are written as pictures, each beside what became of it.
const N_SAMPLES: usize = 10;

/// What a set of stimuli gave.
pub struct Reconstruction {
    /// Mean squared error of each stimulus, in the order presented.
    pub errors: Vec<f64>,
    /// Mean squared difference of what is wanted from its mean.
    pub variance: f64,
    /// Wall seconds of the inference alone.
    pub seconds: f64,
}

impl Reconstruction {
    /// Mean over all values of all stimuli.
    pub fn mean_squared_error(&self) -> f64 {
        self.errors.iter().sum::<f64>() / self.errors.len().max(1) as f64
    }

    /// The share of the variance that the outputs explain: 1 is perfect, 0 no better than the mean of what is wanted. `None`
    /// where that does not vary.
    pub fn explained(&self) -> Option<f64> {
        (self.variance > 0.0).then(|| 1.0 - self.mean_squared_error() / self.variance)
    }

    /// Means over batches of inference.
    fn of_batches(&self) -> Vec<f64> {
        let batches = self.errors.chunks(INFERENCE_BATCH);
        batches.map(|errors| errors.iter().sum::<f64>() / errors.len() as f64).collect()
    }
}

/// Mean squared difference.
pub fn mean_squared_error(wanted: &[f32], found: &[f32]) -> f64 {
    let squares = wanted.iter().zip(found).map(|(wanted, found)| f64::from(wanted - found).powi(2));
    squares.sum::<f64>() / wanted.len().max(1) as f64
}

/// Infers the stimuli `ids` of `set`; `each` is shown what is wanted for every stimulus with the outputs at the target cell.
///
/// # Errors
/// A stimulus whose file cannot be read, what `each` refuses.
pub fn evaluate(
    session: &Session,
    network: &mut Network,
    set: Set,
    ids: &[StimulusId],
    progress: Option<&Progress>,
    mut each: impl FnMut(StimulusId, &[f32], &[f32]) -> Result<()>,
) -> Result<Reconstruction> {
    let (cell, size) = (session.target_cell(), session.provider.shape().n_elements());
    let mut errors = Vec::with_capacity(ids.len());
    let of_one = session.wanted_shape().n_elements();
    let (mut sums, mut squares, mut seconds) = (vec![0.0; of_one], vec![0.0; of_one], 0.0);
    // A learning goes on with its own batches.
    network.set_capacity(INFERENCE_BATCH.max(session.description.stimuli.batch_size));
    let mut batch = vec![0.0; INFERENCE_BATCH * size];
    for ids in ids.chunks(INFERENCE_BATCH) {
        let stimuli = &mut batch[..ids.len() * size];
        session.load_batch(ids, set, stimuli)?;
        let started = Instant::now();
        network.infer(stimuli, ids.len());
        seconds += started.elapsed().as_secs_f64();
        let (outputs, wanted) = (network.output(cell), session.wanted(ids, set, stimuli)?);
        network.check()?;
        for ((&id, wanted), output) in ids.iter().zip(wanted.chunks_exact(of_one)).zip(outputs.chunks_exact(of_one)) {
            errors.push(mean_squared_error(wanted, output));
            for ((sum, square), &value) in sums.iter_mut().zip(&mut squares).zip(wanted) {
                *sum += f64::from(value);
                *square += f64::from(value).powi(2);
            }
            each(id, wanted, output)?;
        }
        if let Some(progress) = progress {
            let mean = || errors.iter().sum::<f64>() / errors.len() as f64;
            progress.advance(errors.len() as u64, || format!("mean squared error {}", significant(mean(), 4)));
        }
    }
    let n = errors.len().max(1) as f64;
    let variances = sums.iter().zip(&squares).map(|(sum, square)| (square / n - (sum / n).powi(2)).max(0.0));
    Ok(Reconstruction { errors, variance: variances.sum::<f64>() / of_one as f64, seconds })
}

/// The formal test: the files of the primary target's folder, the mean squared error on standard output.
///
/// # Errors
/// A file that cannot be written; Ctrl-C.
pub fn run(session: &Session, network: &mut Network, ids: &[StimulusId]) -> Result<Reconstruction> {
    let (database, output, folder) = (session.database(), &session.output, session.target_folder());
    let progress = Progress::start("Testing", ids.len() as u64);
    let (mut table, mut n_written) = (String::from("id name mean_squared_error\n"), 0);
    let reconstruction = evaluate(session, network, Set::Test, ids, Some(&progress), |id, wanted, found| {
        let error = general(mean_squared_error(wanted, found));
        let _ = writeln!(table, "{id} \"{}\" {error}", database.name(id));
        if n_written < N_SAMPLES {
            n_written += 1;
            write_reconstruction(output, &format!("{folder}/test/{id}"), session.wanted_shape(), wanted, found)?;
        }
        Ok(())
    })?;
    drop(progress);
    let of_batches = reconstruction.of_batches();
    output.write(format!("{folder}/test/errors.log"), table)?;
    output.write(format!("{folder}/Error_test.dat"), error_text(&of_batches, 0))?;
    output.write(format!("{folder}/Error_test.png"), error_picture(&of_batches, 0, &[])?)?;
    let error = reconstruction.mean_squared_error();
    let explained = reconstruction.explained().map(|share| format!("    (variance explained: {:.2}%)", 100.0 * share));
    result(&format!("Final mean squared error: {}{}", significant(error, 4), explained.unwrap_or_default()));
    interrupt::check()?;
    Ok(reconstruction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_explained_is_what_the_error_leaves_of_the_variance() {
        let of = |errors: &[f64], variance| Reconstruction { errors: errors.to_vec(), variance, seconds: 0.0 };
        assert_eq!(of(&[0.25, 0.75], 2.0).explained(), Some(0.75));
        assert_eq!(of(&[0.25], 0.0).explained(), None);
        assert_eq!(mean_squared_error(&[1.0, 2.0], &[1.5, 1.0]), 0.625);
    }
}
