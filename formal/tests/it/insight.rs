//! What a network tells of its learning: gradients, rates to come, times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use formal::config::*;
use formal::{Network, ParameterKind};

use crate::builder::*;

const BATCH: usize = 20;

fn data(config: &NetworkConfig, network: &Network) -> (Vec<f32>, Vec<Option<usize>>) {
    let elements = config.input.channels * config.input.height * config.input.width;
    (noise(1, BATCH * elements), labels(2, BATCH, network.n_classes() as u32))
}

#[test]
fn gradients_can_be_read_and_move_the_weights_as_they_say() {
    let mut config = zoo(BATCH);
    solve(&mut config, SgdConfig { learning_rate: BATCH as f64, ..SgdConfig::default() });
    let mut network = open(&config, 3).expect("a valid network");
    let (stimuli, labels) = data(&config, &network);
    let before: Vec<Option<Vec<f32>>> =
        (0..config.cells.len()).map(|c| network.weights(c).map(<[f32]>::to_vec)).collect();
    network.learn_with_rate(&stimuli, &labels, 0, 1e-300);
    let mut n_moved = 0;
    for (cell, before) in before.iter().enumerate() {
        assert_eq!(network.weights(cell), before.as_deref(), "the rate moves nothing");
    }
    let gradients: Vec<Option<Vec<f32>>> =
        (0..config.cells.len()).map(|c| network.gradient(c, ParameterKind::Weights).map(<[f32]>::to_vec)).collect();
    let mut fresh = open(&config, 3).expect("a valid network");
    fresh.learn(&stimuli, &labels, 0);
    for (cell, (before, gradient)) in before.iter().zip(&gradients).enumerate() {
        let (Some(before), Some(gradient)) = (before, gradient) else { continue };
        let after = fresh.weights(cell).expect("the same cell");
        for ((before, gradient), after) in before.iter().zip(gradient).zip(after) {
            assert_eq!((before + gradient).to_bits(), after.to_bits(), "{}", config.cells[cell].name);
        }
        n_moved += 1;
    }
    assert!(n_moved >= 2, "{n_moved} cells have weights");
}

#[test]
fn rates_to_come_are_those_that_come() {
    let mut config = zoo(BATCH);
    let policy = LearningRatePolicy::StepDecay;
    let solver = SgdConfig {
        policy,
        learning_rate: 0.1,
        learning_rate_step_size: 3 * BATCH as u64,
        learning_rate_decay: 0.5,
        iteration_size: 2,
        ..SgdConfig::default()
    };
    solve(&mut config, solver);
    let mut network = open(&config, 3).expect("a valid network");
    let (stimuli, labels) = data(&config, &network);
    let mut foreseen: Vec<Vec<f64>> = Vec::new();
    network.foresee_rates(12, |batch, rates| {
        assert_eq!(batch, foreseen.len() as u64);
        foreseen.push(rates.to_vec());
    });
    let rates = |network: &Network| network.learning_rates().iter().map(|rate| rate.rate).collect::<Vec<_>>();
    for (batch, foreseen) in foreseen.iter().enumerate() {
        assert_eq!(*foreseen, rates(&network), "batch {batch}");
        network.learn(&stimuli, &labels, batch as u64);
    }
    let distinct = |values: &[f64]| values.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let of_first: Vec<f64> = foreseen.iter().map(|rates| rates[0]).collect();
    assert!(distinct(&of_first) >= 3, "{of_first:?}");
}

/// A clock that ticks once a call.
fn ticks() -> Duration {
    static TICKS: AtomicU64 = AtomicU64::new(0);
    Duration::from_nanos(TICKS.fetch_add(1, Ordering::Relaxed))
}

#[test]
fn a_clock_tells_each_cell_and_changes_nothing() {
    let config = zoo(BATCH);
    let mut plain = open(&config, 3).expect("a valid network");
    let mut timed = open(&config, 3).expect("a valid network");
    let (stimuli, labels) = data(&config, &plain);
    timed.set_clock(Some(ticks));
    for step in 0..2 {
        plain.learn(&stimuli, &labels, step);
        timed.learn(&stimuli, &labels, step);
    }
    for cell in 0..config.cells.len() {
        assert_eq!(plain.weights(cell), timed.weights(cell));
        assert_eq!(plain.output(cell), timed.output(cell));
        let time = timed.times()[cell];
        assert!(time.forward > Duration::ZERO, "{}", config.cells[cell].name);
        assert_eq!(time.update > Duration::ZERO, timed.weights(cell).is_some(), "{}", config.cells[cell].name);
        assert_eq!(plain.times()[cell].forward, Duration::ZERO);
    }
    timed.set_clock(None);
    timed.infer(&stimuli, BATCH);
    assert!(timed.times().iter().all(|time| time.forward == Duration::ZERO));
}

#[test]
fn errors_of_a_stimulus_are_those_that_move_its_biases() {
    let mut config = zoo(BATCH);
    solve(&mut config, SgdConfig { learning_rate: 0.1, ..SgdConfig::default() });
    let mut network = open(&config, 3).expect("a valid network");
    let (stimuli, mut labels) = data(&config, &network);
    // Only the stimulus at 17 has a label, so that the gradients of the batch are its own.
    labels.iter_mut().enumerate().filter(|(place, _)| *place != 17).for_each(|(_, label)| *label = None);
    assert_eq!(network.error(0), None);
    network.keep_errors(Some(17));
    network.learn(&stimuli, &labels, 0);
    let mut n_biases = 0;
    for cell in 0..network.n_cells() {
        let Some(error) = network.error(cell) else { continue };
        let shape = network.output_shape(cell);
        assert_eq!(error.len(), shape.n_elements());
        let Some(gradient) = network.gradient(cell, ParameterKind::Bias) else { continue };
        for (error, gradient) in error.chunks(shape.plane()).zip(gradient) {
            let sum: f64 = error.iter().map(|&error| f64::from(error)).sum();
            assert!((sum - f64::from(*gradient)).abs() <= 1e-5, "{}: {sum} and {gradient}", config.cells[cell].name);
        }
        n_biases += 1;
    }
    assert!(n_biases >= 2, "{n_biases} cells have biases");
    let weights = network.weights(0).map(<[f32]>::to_vec);
    network.keep_errors(None);
    assert_eq!(network.error(0), None);
    let mut plain = open(&config, 3).expect("a valid network");
    plain.learn(&stimuli, &labels, 0);
    assert_eq!(plain.weights(0).map(<[f32]>::to_vec), weights, "keeping changes nothing");
}
