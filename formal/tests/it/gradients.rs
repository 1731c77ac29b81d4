//! The fast network against the naive one, and the naive one against finite differences.

use formal::config::*;
use formal::{Device, Network, ParameterKind, Shape, reference};
use proptest::prelude::*;

use crate::builder::*;

/// Rounding of sums of a few hundred 32-bit products, relative to the sum of the magnitudes met here.
const ROUNDING_32: f64 = 2e-5;
/// Finite differences of 64-bit losses with the step below.
const FINITE_DIFFERENCE: f64 = 1e-6;
const DIFFERENCE_STEP: f64 = 1e-5;

/// A solver that adds the gradient sum to the weights.
pub fn plain(batch_size: usize) -> SgdConfig {
    SgdConfig { learning_rate: batch_size as f64, ..SgdConfig::default() }
}

/// How far off a value may be: `rounding` of the greatest magnitude, which is `least` where all are smaller.
#[derive(Clone, Copy)]
struct Allowed {
    rounding: f64,
    least: f64,
}

#[track_caller]
pub fn assert_near(found: &[f32], expected: &[f64], what: &str) {
    Allowed { rounding: ROUNDING_32, least: 1.0 }.assert(found, expected, what);
}

impl Allowed {
    #[track_caller]
    fn assert(self, found: &[f32], expected: &[f64], what: &str) {
        assert_eq!(found.len(), expected.len(), "{what}");
        let scale = expected.iter().fold(self.least.max(1.0), |scale, value| scale.max(value.abs()));
        for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
            let difference = (f64::from(found) - expected).abs();
            assert!(difference <= self.rounding * scale, "{what} {index}: expected {expected}, found {found}");
        }
    }
}

/// The stimuli `[n][c][y][x]` and the labels of [`compare`].
pub fn stimuli_of(config: &NetworkConfig, n: usize, seed: u64, n_classes: usize) -> (Vec<f32>, Vec<Option<usize>>) {
    let elements = config.input.channels * config.input.height * config.input.width;
    (noise(seed ^ 1, n * elements), labels(seed ^ 2, n, n_classes as u32))
}

/// Compares outputs in both modes and all gradients with the naive network.
pub fn compare(config: NetworkConfig, n: usize, seed: u64) {
    compare_within(1.0, config, n, seed);
}

/// The same where cells make the rounding before them larger, at most by the factor `growth`.
pub fn compare_within(growth: f64, config: NetworkConfig, n: usize, seed: u64) {
    compare_all(device(), Allowed { rounding: ROUNDING_32, least: growth }, config, n, seed);
}

/// [`compare`] on a device that rounds as much as this.
#[cfg(feature = "emulator")]
pub fn compare_on(device: Device, rounding: f64, config: NetworkConfig, n: usize, seed: u64) {
    compare_all(device, Allowed { rounding, least: 1.0 }, config, n, seed);
}

fn compare_all(device: Device, allowed: Allowed, mut config: NetworkConfig, n: usize, seed: u64) {
    let solver = plain(config.batch_size);
    solve(&mut config, solver);
    let mut network = Network::on(device, &config, seed).expect("a valid network");
    let naive = reference::Network::new(&network);
    let (stimuli, labels) = stimuli_of(&config, n, seed, network.n_classes());
    let elements = stimuli.len() / n;
    let wide: Vec<f64> = stimuli.iter().copied().map(f64::from).collect();

    network.infer(&stimuli, n);
    for (position, stimulus) in wide.chunks_exact(elements).enumerate() {
        for (index, expected) in naive.infer(stimulus).iter().enumerate() {
            let found = &network.output(index)[position * expected.len()..][..expected.len()];
            allowed.assert(found, expected, &format!("inferred output of {}", config.cells[index].name));
        }
    }

    let before: Vec<Vec<f32>> =
        (0..config.cells.len()).map(|c| network.weights(c).unwrap_or_default().to_vec()).collect();
    let biases: Vec<Vec<f32>> = (0..config.cells.len()).map(|c| network.bias(c).unwrap_or_default().to_vec()).collect();
    let report = network.learn(&stimuli, &labels, 5);
    let expected = naive.learn(&wide, &labels, 5);
    allowed.assert(&[report.squared_error as f32], &[expected.squared_error[0] / n as f64], "squared error");
    for (index, outputs) in expected.outputs.iter().enumerate() {
        let found = &network.output(index)[(n - 1) * outputs.len()..];
        allowed.assert(found, outputs, &format!("learned output of {}", config.cells[index].name));
    }
    for (index, cell) in config.cells.iter().enumerate() {
        let moved = |now: Option<&[f32]>, before: &[f32]| -> Vec<f32> {
            now.unwrap_or_default().iter().zip(before).map(|(now, before)| now - before).collect()
        };
        let weights = moved(network.weights(index), &before[index]);
        allowed.assert(&weights, &expected.weights[index], &format!("weight gradient of {}", cell.name));
        let bias = moved(network.bias(index), &biases[index]);
        // A normalization behind the cell makes the errors large and their sum 0.
        let largest = expected.weights[index].iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        Allowed { least: allowed.least.max(largest), ..allowed }.assert(
            &bias,
            &expected.biases[index],
            &format!("bias gradient of {}", cell.name),
        );
    }
}

/// What the error `(target - output)` is minus the gradient of, summed over the stimuli; the target's output is of `shape`.
fn loss(
    naive: &reference::Network,
    config: &NetworkConfig,
    shape: Shape,
    stimuli: &[f64],
    labels: &[Option<usize>],
) -> f64 {
    let with_loss = matches!(
        &config.cells[config.targets[0].cell].operator,
        Operator::Softmax(SoftmaxConfig { with_loss: true, .. })
    );
    let logistic = config.cells[config.targets[0].cell].activation == Activation::LogisticWithLoss;
    let mut loss = 0.0;
    let Shape { channels, height, width } = shape;
    for (outputs, label) in naive.outputs(stimuli, labels, 0).iter().zip(labels) {
        let &Some(label) = label else { continue };
        let outputs = &outputs[config.targets[0].cell];
        if with_loss {
            loss -= outputs[label].ln();
        } else {
            for (index, output) in outputs.iter().enumerate() {
                let positive = if channels == 1 { label == 1 } else { label == index / (height * width) };
                let wanted = if positive { config.targets[0].target_value } else { config.targets[0].default_value };
                let wanted = f64::from(wanted);
                let of_one = match logistic {
                    true => -wanted * output.ln() - (1.0 - wanted) * (1.0 - output).ln(),
                    false => 0.5 * (wanted - output).powi(2),
                };
                loss += of_one / (height * width) as f64;
            }
        }
    }
    loss
}

/// Compares every gradient of the naive network with finite differences of the loss.
pub fn differentiate(config: &NetworkConfig, n: usize, seed: u64) {
    let network = open(config, seed).expect("a valid network");
    let mut naive = reference::Network::new(&network);
    let elements = config.input.channels * config.input.height * config.input.width;
    let stimuli: Vec<f64> = noise(seed ^ 1, n * elements).into_iter().map(f64::from).collect();
    let labels = labels(seed ^ 2, n, network.n_classes() as u32);
    let shape = network.output_shape(config.targets[0].cell);
    let gradients = naive.learn(&stimuli, &labels, 0);
    for (cell, kind) in naive.parameters() {
        let expected = match kind {
            ParameterKind::Weights => &gradients.weights[cell],
            ParameterKind::Bias => &gradients.biases[cell],
        };
        for (index, &expected) in expected.iter().enumerate() {
            let mut at = |step: f64| {
                let values = match kind {
                    ParameterKind::Weights => &mut naive.weights[cell],
                    ParameterKind::Bias => &mut naive.biases[cell],
                };
                let value = values[index];
                values[index] = value + step;
                let loss = loss(&naive, config, shape, &stimuli, &labels);
                match kind {
                    ParameterKind::Weights => naive.weights[cell][index] = value,
                    ParameterKind::Bias => naive.biases[cell][index] = value,
                }
                loss
            };
            let slope = (at(DIFFERENCE_STEP) - at(-DIFFERENCE_STEP)) / (2.0 * DIFFERENCE_STEP);
            let name = &config.cells[cell].name;
            let difference = (slope + expected).abs();
            assert!(
                difference <= FINITE_DIFFERENCE * slope.abs().max(1.0),
                "{name}, {kind} {index}: slope {slope}, gradient {expected} in {:?}",
                config.cells.iter().map(|cell| &cell.operator).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn gradients_of_every_cell_are_the_slopes_of_the_loss() {
    let tanh = Activation::Tanh { alpha: 0.8 };
    let leaky = Activation::Rectifier { leak_slope: 0.1, clipping: 0.9 };
    let general = ConvConfig {
        stride: size(2, 1),
        padding: size(2, 1),
        dilation: size(1, 2),
        mapping: Some((0..3 * 2).map(|pair| pair % 4 != 1).collect()),
        ..conv(3, 3, 2)
    };
    let sub_sampled = ConvConfig { sub_sample: size(2, 3), ..conv(2, 2, 2) };
    let pooled = |pooling| PoolConfig { stride: size(1, 2), padding: size(1, 0), ..pool(pooling, 2, 3, 2) };
    let input = shape(2, 6, 7);
    let heads = [
        vec![(Operator::Fc(fc(4)), tanh)],
        vec![(Operator::Fc(fc(4)), leaky), (Operator::Fc(fc(1)), Activation::Linear)],
        vec![(Operator::Fc(fc(4)), Activation::Linear), (softmax(true), Activation::Linear)],
        vec![(Operator::Fc(fc(4)), Activation::Linear), (softmax(false), Activation::Linear)],
        vec![
            (Operator::Fc(fc(4)), Activation::Linear),
            (Operator::Softmax(SoftmaxConfig { with_loss: false, group_size: 2 }), Activation::Linear),
        ],
    ];
    let bodies = [
        vec![],
        vec![(Operator::Conv(general), tanh)],
        vec![(Operator::Conv(sub_sampled), leaky)],
        vec![(Operator::Conv(conv(2, 3, 3)), tanh), (Operator::Pool(pooled(Pooling::Max)), Activation::Linear)],
        vec![(Operator::Conv(conv(2, 3, 3)), leaky), (Operator::Pool(pooled(Pooling::Average)), tanh)],
        vec![(Operator::Conv(conv(2, 7, 6)), tanh)],
    ];
    for (number, body) in bodies.iter().enumerate() {
        for head in &heads {
            let config = chain(input, [body.clone(), head.clone()].concat(), 3);
            differentiate(&config, 3, number as u64);
        }
    }
}

#[test]
fn gradients_of_every_activation_are_the_slopes_of_the_loss() {
    let activations = [
        Activation::Logistic,
        Activation::Saturation { threshold: 0.4 },
        Activation::Softplus,
        Activation::Swish,
        Activation::Tanh { alpha: 1.7159 * 2.0 / 3.0 },
    ];
    let odd = || ConvConfig { stride: size(2, 1), padding: size(1, 2), dilation: size(1, 2), ..conv(3, 3, 2) };
    let pooled = || PoolConfig { stride: size(1, 2), padding: size(1, 0), ..pool(Pooling::Average, 2, 3, 2) };
    let heads = [
        vec![(Operator::Fc(fc(3)), Activation::Linear)],
        vec![(Operator::Fc(fc(3)), Activation::LogisticWithLoss)],
        vec![(Operator::Conv(conv(1, 2, 1)), Activation::Linear), (Operator::Fc(fc(1)), Activation::LogisticWithLoss)],
    ];
    for (number, activation) in activations.into_iter().enumerate() {
        for head in &heads {
            let body = vec![
                (Operator::Conv(odd()), activation),
                (Operator::Pool(pooled()), activation),
                (Operator::Fc(fc(4)), activation),
            ];
            let body = if matches!(head[0].0, Operator::Conv(_)) { &body[..2] } else { &body };
            differentiate(&chain(shape(2, 6, 7), [body, head].concat(), 3), 3, number as u64);
        }
    }
}

#[test]
fn errors_of_several_consumers_and_inputs_are_summed() {
    let mut config = zoo(4);
    // The masks of dropout are no part of the loss that is differentiated.
    config.cells[5].operator = Operator::Dropout(DropoutConfig { rate: 0.0 });
    differentiate(&config, 4, 3);
}

#[test]
fn the_fast_network_computes_what_the_naive_one_does() {
    for n in [1, 15, 16, 17, 40] {
        compare(zoo(40), n, 11);
    }
}

pub fn any_size(range: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Size> {
    (range.clone(), range).prop_map(|(width, height)| size(width, height))
}

pub fn any_mapping(n_outputs: usize, n_channels: usize) -> impl Strategy<Value = Option<Vec<bool>>> {
    prop::option::of(prop::collection::vec(prop::bool::weighted(0.7), n_outputs * n_channels))
}

prop_compose! {
    fn any_conv(n_channels: usize)(
        n_outputs in 1usize..=7,
    )(
        n_outputs in Just(n_outputs),
        mapping in any_mapping(n_outputs, n_channels),
        kernel in any_size(1..=4),
        stride in any_size(1..=3),
        padding in any_size(0..=3),
        dilation in any_size(1..=3),
        sub_sample in prop_oneof![3 => Just(size(1, 1)), 1 => any_size(1..=3)],
        no_bias in any::<bool>(),
    ) -> ConvConfig {
        ConvConfig { mapping, kernel, stride, padding, dilation, sub_sample, no_bias, ..conv(n_outputs, 1, 1) }
    }
}

prop_compose! {
    fn any_pool(n_channels: usize)(
        n_outputs in 1usize..=5,
    )(
        n_outputs in Just(n_outputs),
        mapping in any_mapping(n_outputs, n_channels),
        window in any_size(1..=3),
        stride in any_size(1..=3),
        padding in any_size(0..=3),
        max in any::<bool>(),
    ) -> PoolConfig {
        let pooling = if max { Pooling::Max } else { Pooling::Average };
        PoolConfig { n_outputs, pooling, window, stride, padding, mapping }
    }
}

fn any_activation() -> impl Strategy<Value = Activation> {
    prop_oneof![
        Just(Activation::Linear),
        (0.0f32..0.3, prop_oneof![Just(0.0f32), 0.2f32..2.0])
            .prop_map(|(leak_slope, clipping)| Activation::Rectifier { leak_slope, clipping }),
        (0.3f32..1.5).prop_map(|alpha| Activation::Tanh { alpha }),
        Just(Activation::Logistic),
        Just(Activation::LogisticWithLoss),
        (0.2f32..2.0).prop_map(|threshold| Activation::Saturation { threshold }),
        Just(Activation::Softplus),
        Just(Activation::Swish),
    ]
}

/// Whether the cells fit on the input.
fn fits(config: &NetworkConfig) -> bool {
    open(config, 0).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn any_convolution_is_the_one_defined(
        (input, first, second) in (1usize..=3, 1usize..=3, 4usize..=11, 4usize..=19).prop_flat_map(|(c, m, h, w)| {
            (Just(shape(c, h, w)), any_conv(c).prop_map(move |conv| ConvConfig { n_outputs: conv.n_outputs, ..conv }), any_conv(m))
        }),
        activation in any_activation(),
        n in 1usize..=20,
        seed in any::<u64>(),
    ) {
        let second = ConvConfig { mapping: None, ..second };
        let config = chain(input, vec![
            (Operator::Conv(first), activation),
            (Operator::Conv(second), Activation::Linear),
            (Operator::Fc(fc(3)), Activation::Linear),
        ], 20);
        prop_assume!(fits(&config));
        compare(config, n, seed);
    }

    #[test]
    fn any_pooling_is_the_one_defined(
        (input, pool) in (1usize..=4, 2usize..=9, 2usize..=9).prop_flat_map(|(c, h, w)| (Just(shape(c, h, w)), any_pool(c))),
        activation in any_activation(),
        n in 1usize..=20,
        seed in any::<u64>(),
    ) {
        let Shape { channels, .. } = input;
        let config = chain(input, vec![
            (Operator::Conv(conv(channels, 1, 1)), Activation::Tanh { alpha: 1.0 }),
            (Operator::Pool(pool), activation),
            (Operator::Fc(fc(2)), Activation::Linear),
        ], 20);
        prop_assume!(fits(&config));
        compare(config, n, seed);
    }

    #[test]
    fn any_full_connection_is_the_one_defined(
        n_inputs in 1usize..=70,
        n_hidden in 1usize..=40,
        n_outputs in 1usize..=20,
        n in 1usize..=40,
        rate in 0.0f32..0.9,
        seed in any::<u64>(),
    ) {
        let config = chain(shape(1, 1, n_inputs), vec![
            (Operator::Fc(fc(n_hidden)), RECTIFIER),
            (Operator::Dropout(DropoutConfig { rate }), Activation::Linear),
            (Operator::Fc(fc(n_outputs)), Activation::Linear),
            (softmax(n_inputs % 2 == 0), Activation::Linear),
        ], 40);
        compare(config, n, seed);
    }
}
