//! Normalization over the channels, a factor, and a bias of the wanted output: by hand, by finite differences, and in every
//! shape.

use formal::config::*;
use formal::{Shape, reference};
use proptest::prelude::*;

use crate::builder::*;
use crate::gradients::{compare_within, differentiate, stimuli_of};

/// Rounding of a few 32-bit operations.
const ROUNDING_32: f32 = 1e-6;

fn normalize(norm: ChannelNorm) -> Operator {
    Operator::Normalize(NormalizeConfig { norm })
}

fn scaling(factor: f32) -> Operator {
    Operator::Scaling(ScalingConfig { factor })
}

fn target_bias(bias: f32) -> Operator {
    Operator::TargetBias(TargetBiasConfig { bias })
}

#[track_caller]
fn near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= ROUNDING_32, "expected {expected}, found {found}");
    }
}

#[test]
fn outputs_are_those_worked_out_by_hand() {
    let check = |operator: Operator, expected: [f32; 4]| {
        let mut network =
            open(&chain(shape(2, 1, 2), vec![(operator, Activation::Linear)], 1), 1).expect("a valid network");
        // Two positions: (3, 4) and (0, -2).
        network.infer(&[3.0, 0.0, 4.0, -2.0], 1);
        near(network.output(0), &expected);
    };
    check(normalize(ChannelNorm::L2), [0.6, 0.0, 0.8, -1.0]);
    check(normalize(ChannelNorm::L1), [3.0 / 7.0, 0.0, 4.0 / 7.0, -1.0]);
    check(scaling(-0.5), [-1.5, 0.0, -2.0, 1.0]);
    check(target_bias(-0.4), [3.0, 0.0, 4.0, -2.0]);
}

#[test]
fn nothing_becomes_nothing() {
    for norm in [ChannelNorm::L1, ChannelNorm::L2] {
        let config = chain(shape(3, 1, 1), vec![(normalize(norm), Activation::Linear)], 1);
        let mut network = open(&config, 1).expect("a valid network");
        network.infer(&[0.0; 3], 1);
        assert_eq!(network.output(0), [0.0; 3]);
    }
}

#[test]
fn the_bias_moves_the_output_of_the_class_while_learning_alone() {
    let mut network =
        open(&chain(shape(3, 1, 1), vec![(target_bias(-0.4), Activation::Linear)], 3), 1).expect("a valid network");
    let stimuli = [0.5; 9];
    network.learn(&stimuli, &[Some(1), None, Some(0)], 0);
    near(network.output(0), &[0.5, 0.1, 0.5, 0.5, 0.5, 0.5, 0.1, 0.5, 0.5]);
    network.infer(&stimuli, 3);
    near(network.output(0), &[0.5; 9]);
}

#[test]
fn a_single_output_is_wanted_for_class_1() {
    let mut network =
        open(&chain(shape(1, 1, 1), vec![(target_bias(2.0), Activation::Linear)], 2), 1).expect("a valid network");
    network.learn(&[0.5, 0.5], &[Some(0), Some(1)], 0);
    near(network.output(0), &[0.5, 2.5]);
}

/// Additive margin softmax on some convolutions.
fn margin(input: Shape, norm: ChannelNorm, activation: Activation, batch: usize) -> NetworkConfig {
    let cells = vec![
        (Operator::Conv(conv(4, 2, 1)), Activation::Tanh { alpha: 1.0 }),
        (normalize(norm), activation),
        (Operator::Fc(FcConfig { no_bias: true, ..fc(5) }), Activation::Linear),
        (normalize(norm), Activation::Linear),
        (target_bias(-0.35), Activation::Linear),
        (scaling(3.0), Activation::Linear),
        (softmax(true), Activation::Linear),
    ];
    chain(input, cells, batch)
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    for (seed, norm) in [ChannelNorm::L1, ChannelNorm::L2].into_iter().enumerate() {
        for activation in [Activation::Linear, Activation::Swish] {
            differentiate(&margin(shape(2, 3, 4), norm, activation, 3), 3, seed as u64 + 1);
        }
    }
}

#[test]
fn numbers_that_are_not_finite_are_named() {
    let check = |operator, expected: &str| {
        let error = open(&chain(shape(2, 1, 1), vec![(operator, Activation::Linear)], 1), 1);
        assert_eq!(error.err().expect("a fault").to_string(), expected);
    };
    check(scaling(f32::NAN), "cell `c0`, Factor: expected a finite number, found `NaN`");
    check(target_bias(f32::INFINITY), "cell `c0`, Bias: expected a finite number, found `inf`");
}

/// The least norm that the network of [`margin`] divides by: rounding grows by as much.
fn least_norm(config: &NetworkConfig, norm: ChannelNorm, n: usize, seed: u64) -> f64 {
    let network = open(config, seed).expect("a valid network");
    let (stimuli, labels) = stimuli_of(config, n, seed, network.n_classes());
    let wide: Vec<f64> = stimuli.into_iter().map(f64::from).collect();
    let mut least = f64::INFINITY;
    for outputs in reference::Network::new(&network).outputs(&wide, &labels, 5) {
        for cell in [0, 2] {
            let Shape { channels, height, width } = network.output_shape(cell);
            for position in 0..height * width {
                let values = (0..channels).map(|channel| outputs[cell][channel * height * width + position]);
                let size = match norm {
                    ChannelNorm::L1 => values.map(f64::abs).sum(),
                    ChannelNorm::L2 => values.map(|value| value * value).sum::<f64>().sqrt(),
                };
                least = if size > 0.0 { least.min(size) } else { least };
            }
        }
    }
    least
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_margin_is_the_one_defined(
        (channels, height, width) in (1usize..=3, 1usize..=4, 2usize..=5),
        is_first in any::<bool>(),
        batch in 1usize..=40,
        seed in any::<u64>(),
    ) {
        let norm = if is_first { ChannelNorm::L1 } else { ChannelNorm::L2 };
        let config = margin(shape(channels, height, width), norm, RECTIFIER, 40);
        let least = least_norm(&config, norm, batch, seed);
        prop_assume!(least > 0.01);
        compare_within(1.0 / least, config, batch, seed);
    }
}
