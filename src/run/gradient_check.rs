//! The gradients that learning follows, against the slopes of the loss: differences in 64 bits, of the naive network.

use anyhow::Result;
use formal::{ParameterKind, Wanted, reference};
use rayon::prelude::*;
use stimuli::Set;

use super::targets::Judge;
use crate::assemble;
use crate::failure::wrong_input;
use crate::report::document;
use crate::report::gradients::{self, Row, table};
use crate::report::progress::{Progress, result};
use crate::session::Session;
use crate::weights::Loaded;

/// Stimuli of the batch.
const N_STIMULI: usize = 4;
/// Values looked at of each tensor: as many of the largest gradients, and as many spread over it.
const N_VALUES: usize = 5;
/// How far the values are moved to both sides; less where the first does not agree, as it may reach over an edge of a rectifier or
/// a pool.
const STEPS: [f64; 2] = [1e-6, 1e-8];
/// Most that a gradient may differ from the slope, over the largest gradient of its tensor.
const TOLERANCE: f64 = 1e-3;
/// What a few operations of 32 bits may round off the difference of an output and what is wanted of it, both up to 1.
const ROUNDING: f64 = 1.0 / (1 << 20) as f64;
/// A tensor whose gradients are below this share of the largest of all is measured by that.
const SMALL: f64 = 1e-2;
/// A rate that finds gradients and moves nothing.
const NO_RATE: f64 = 1e-300;

/// Checks the network with its first weights or `loaded` ones, on the first stimuli of the Learn set, and prints a table; it is
/// the document of the run where nothing follows it.
///
/// # Errors
/// A gradient that does not agree; data or weights that are wrong.
pub fn run(session: &Session, loaded: Option<&Loaded>, is_all: bool) -> Result<()> {
    // Of its own: the check leaves traces in its statistics and momenta.
    let mut network = session.network()?;
    if let Some(loaded) = loaded {
        assemble::set_weights(&mut network, loaded)?;
    }
    let set = session.database().set(Set::Learn);
    let ids = &set[..set.len().min(N_STIMULI)];
    if ids.is_empty() {
        return Err(wrong_input(format!("{}: the Learn set is empty", session.description.database.span)));
    }
    let mut stimuli = vec![0.0; ids.len() * session.provider.shape().n_elements()];
    let judge = if session.description.has_target_maps() { Some(Judge::new(session)?) } else { None };
    let maps = match &judge {
        Some(judge) => judge.wanted_of_batch(&judge.load_presentations(session, ids, 0, &mut stimuli)?),
        None => {
            session.load_presentations(ids, 0, &mut stimuli)?;
            Vec::new()
        }
    };
    let labels: Vec<Option<usize>> = ids.iter().map(|&id| session.database().label(id)).collect();
    let values = session.wanted(ids, Set::Learn, &stimuli)?;
    let wanted: Vec<Wanted<'_>> = match &judge {
        Some(_) => maps.iter().map(|map| Wanted::Maps(map)).collect(),
        None if session.is_data_target() => vec![Wanted::Values(&values)],
        None => vec![Wanted::Classes(&labels)],
    };
    let wide: Vec<f64> = stimuli.iter().copied().map(f64::from).collect();
    let naive = reference::Network::new(&network);
    if naive.loss_towards(&wide, &labels, &wanted, 0).is_none() {
        return Err(wrong_input(format!(
            "{}: its errors are the slopes of no loss, as the wanted values of the softmax do not sum to 1; give \
             TargetValue=1 and DefaultValue=0",
            session.description.targets[0].span
        )));
    }
    network.set_capacity(ids.len());
    let reports = network.learn_towards(&stimuli, &wanted, 0, Some(NO_RATE));
    // Of a network that errs little, the errors themselves have few digits.
    let error = reports.iter().map(|report| report.squared_error).sum::<f64>().sqrt();
    let tolerance = TOLERANCE.max(ROUNDING / error);
    network.check()?;
    if !tolerance.is_finite() || tolerance >= 1.0 {
        return Err(wrong_input(format!(
            "the network errs by {error:e} on the first {} stimuli of the Learn set, less than 32 bits tell from 0: there are no \
             gradients to check; take weights of an earlier time, or none",
            ids.len()
        )));
    }

    let parameters = network.parameters();
    let largest = |values: &[f32]| values.iter().fold(0.0_f64, |largest, v| largest.max(f64::from(v.abs())));
    let gradients: Vec<Option<&[f32]>> = parameters.iter().map(|p| network.gradient(p.cell, p.kind)).collect();
    let largest_of_all = gradients.iter().flatten().map(|gradient| largest(gradient)).fold(0.0, f64::max);
    let progress = Progress::start("Checking", (gradients.iter().flatten().count() * 2 * N_VALUES) as u64);
    let mut rows = Vec::new();
    for (info, gradient) in parameters.iter().zip(&gradients) {
        let Some(gradient) = *gradient else {
            rows.push(Row::not_learned(&info.cell_name, info.kind));
            continue;
        };
        let scale = largest(gradient).max(SMALL * largest_of_all);
        let slopes = |index: usize, step: f64| {
            let at = |step: f64| {
                let mut moved = naive.clone();
                match info.kind {
                    ParameterKind::Weights => moved.weights[info.cell][index] += step,
                    ParameterKind::Bias => moved.biases[info.cell][index] += step,
                }
                moved.loss_towards(&wide, &labels, &wanted, 0).unwrap_or(f64::NAN)
            };
            let here = at(0.0);
            [(here - at(-step)) / step, (at(step) - here) / step]
        };
        let chosen = chosen(gradient);
        let differences: Vec<f64> = chosen
            .par_iter()
            .map(|&index| {
                let found = f64::from(gradient[index]);
                let difference = best_difference(found, tolerance * scale, |step| slopes(index, step));
                progress.step();
                difference
            })
            .collect();
        rows.push(Row {
            cell: info.cell_name.clone(),
            kind: info.kind,
            n_values: gradient.len(),
            n_checked: chosen.len(),
            largest_gradient: largest(gradient),
            largest_difference: differences.into_iter().fold(0.0, largest_or_nan),
            tolerance: tolerance * scale,
        });
    }
    drop(progress);
    result(&table(&rows, ids.len()));
    if is_all {
        document::give(&gradients::document(&rows, ids.len(), &session.summary()))?;
    }
    let faulty: Vec<String> = rows.iter().filter(|row| !row.is_sound()).map(|row| row.name()).collect();
    if !faulty.is_empty() {
        anyhow::bail!("gradients of {} differ from the slopes of the loss", faulty.join(", "));
    }
    Ok(())
}

/// The greater of two, or what is no number.
fn largest_or_nan(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The difference between minus a gradient and the mean slope of both sides, of the first step at which it is within the tolerance.
/// Else that of the last step to what lies between its two slopes: where the value stands on an edge, as biases of 0 do on black
/// pixels, each of these is a slope.
fn best_difference(gradient: f64, tolerance: f64, slopes: impl Fn(f64) -> [f64; 2]) -> f64 {
    let mut last = [f64::NAN; 2];
    for step in STEPS {
        last = slopes(step);
        let difference = (gradient + 0.5 * (last[0] + last[1])).abs();
        if difference <= tolerance {
            return difference;
        }
    }
    let [low, high] = [last[0].min(last[1]), last[0].max(last[1])];
    if last.iter().any(|slope| slope.is_nan()) { f64::NAN } else { (-gradient - high).max(low + gradient).max(0.0) }
}

/// Places in a tensor: those of the largest gradients, and some spread over it; ascending.
fn chosen(gradient: &[f32]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..gradient.len()).collect();
    places.sort_by(|&a, &b| gradient[b].abs().total_cmp(&gradient[a].abs()).then(a.cmp(&b)));
    places.truncate(N_VALUES);
    places.extend((0..N_VALUES).map(|n| n * (gradient.len() - 1) / (N_VALUES - 1)));
    places.sort_unstable();
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_gradients_and_some_others_are_looked_at() {
        let mut gradient = vec![0.0; 101];
        (gradient[7], gradient[50], gradient[93]) = (-3.0, 1.0, 2.0);
        let chosen = chosen(&gradient);
        for place in [0, 7, 25, 50, 75, 93, 100] {
            assert!(chosen.contains(&place), "{place} in {chosen:?}");
        }
        assert_eq!(super::chosen(&[1.0]), [0]);
    }

    #[test]
    fn a_step_over_an_edge_is_taken_back() {
        // The loss |x| at x = 1e-7: a step of 1e-6 reaches over the edge.
        let at = |x: f64| move |step: f64| [(x.abs() - (x - step).abs()) / step, ((x + step).abs() - x.abs()) / step];
        assert!(best_difference(-1.0, 1e-3, at(1e-7)) < 1e-6);
        assert!(best_difference(-1.1, 1e-3, at(1e-7)) > 0.09);
        assert!(best_difference(1.0, 1e-3, |_| [f64::NAN, 1.0]).is_nan());
    }

    #[test]
    fn every_slope_on_an_edge_is_one() {
        // A rectifier at 0: from 0 to 1.
        let rectifier = |_: f64| [0.0, 1.0];
        for gradient in [0.0, -0.3, -1.0] {
            assert_eq!(best_difference(gradient, 1e-3, rectifier), 0.0);
        }
        assert!((best_difference(-1.2, 1e-3, rectifier) - 0.2).abs() < 1e-9);
        assert!((best_difference(0.1, 1e-3, rectifier) - 0.1).abs() < 1e-9);
    }
}
