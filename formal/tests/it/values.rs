//! Targets that are values in place of classes.

use formal::config::*;
use formal::{Network, ParameterKind, Wanted, reference};

use crate::builder::*;

/// Rounding of sums of a few hundred 32-bit products, relative to the largest.
const ROUNDING_32: f64 = 2e-5;
/// Finite differences of 64-bit losses with the step below.
const FINITE_DIFFERENCE: f64 = 1e-6;
const DIFFERENCE_STEP: f64 = 1e-5;

/// A small autoencoder: what comes out has the size of the stimulus.
fn autoencoder(batch_size: usize) -> NetworkConfig {
    let down = ConvConfig { stride: size(2, 2), ..conv(3, 3, 2) };
    let up = DeconvConfig { stride: size(2, 2), ..deconv(2, 3, 2) };
    let tanh = Activation::Tanh { alpha: 1.0 };
    chain(shape(2, 6, 7), vec![(Operator::Conv(down), tanh), (Operator::Deconv(up), Activation::Logistic)], batch_size)
}

#[test]
fn the_error_of_values_leads_down_their_squared_difference() {
    let config = autoencoder(3);
    let network = Network::new(&config, 5).expect("a valid network");
    let mut naive = reference::Network::new(&network);
    let stimuli: Vec<f64> = noise(1, 3 * 84).into_iter().map(f64::from).collect();
    let wanted: Vec<f64> = noise(2, 3 * 84).into_iter().map(f64::from).collect();
    let loss = |naive: &reference::Network| {
        let outputs = naive.outputs(&stimuli, &[], 0);
        let outputs = outputs.iter().flat_map(|cells| &cells[1]);
        outputs.zip(&wanted).map(|(output, wanted)| 0.5 * (wanted - output).powi(2)).sum::<f64>()
    };
    assert_eq!(naive.loss_of_values(&stimuli, &wanted, 0), Some(loss(&naive)));
    let gradients = naive.learn_values(&stimuli, &wanted, 0);
    assert!((gradients.squared_error - 2.0 * loss(&naive)).abs() <= FINITE_DIFFERENCE);
    for (cell, kind) in naive.parameters() {
        let of = |naive: &mut reference::Network, index: usize, change: f64| match kind {
            ParameterKind::Weights => naive.weights[cell][index] += change,
            ParameterKind::Bias => naive.biases[cell][index] += change,
        };
        let expected = match kind {
            ParameterKind::Weights => &gradients.weights[cell],
            ParameterKind::Bias => &gradients.biases[cell],
        };
        for (index, expected) in expected.iter().enumerate() {
            let before = naive.clone();
            of(&mut naive, index, DIFFERENCE_STEP);
            let above = loss(&naive);
            of(&mut naive, index, -2.0 * DIFFERENCE_STEP);
            let slope = (above - loss(&naive)) / (2.0 * DIFFERENCE_STEP);
            naive = before;
            assert!(
                (slope + expected).abs() <= FINITE_DIFFERENCE * slope.abs().max(1.0),
                "cell {cell}, {kind} {index}: slope {slope}, gradient {expected}"
            );
        }
    }
}

#[test]
fn the_fast_network_learns_values_as_the_naive_one_does() {
    for n in [1, 16, 37] {
        let mut config = autoencoder(40);
        solve(&mut config, SgdConfig { learning_rate: 40.0, ..SgdConfig::default() });
        let mut network = Network::new(&config, 5).expect("a valid network");
        let naive = reference::Network::new(&network);
        let (stimuli, wanted) = (noise(1, n * 84), noise(2, n * 84));
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
        let expected = naive.learn_values(&wide(&stimuli), &wide(&wanted), 0);
        let before: Vec<Vec<f32>> = (0..2).map(|cell| network.weights(cell).unwrap_or_default().to_vec()).collect();
        let report = network.learn_towards(&stimuli, Wanted::Values(&wanted), 0, None);
        let squared_error = expected.squared_error / n as f64;
        assert!((report.squared_error - squared_error).abs() <= ROUNDING_32 * squared_error);
        assert_eq!(report.cross_entropy, None);
        for (cell, before) in before.iter().enumerate() {
            let largest = expected.weights[cell].iter().fold(1.0f64, |largest, g| largest.max(g.abs()));
            let now = network.weights(cell).unwrap_or_default();
            for ((now, before), gradient) in now.iter().zip(before).zip(&expected.weights[cell]) {
                let moved = f64::from(now - before);
                assert!((moved - gradient).abs() <= ROUNDING_32 * largest, "cell {cell}: {gradient}, {moved}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "wanted outputs of 2 stimuli: expected 168 values")]
fn too_few_values_are_refused() {
    let mut network = Network::new(&autoencoder(2), 1).expect("a valid network");
    network.learn_towards(&noise(1, 168), Wanted::Values(&noise(1, 84)), 0, None);
}
