//! Transposed convolutions: by hand, against their formula, by finite differences, and in every shape.

use formal::config::*;
use formal::{Shape, reference};
use proptest::prelude::*;

use crate::builder::*;
use crate::gradients::{any_mapping, any_size, compare, differentiate};

/// Rounding of sums of a few hundred 64-bit products.
const ROUNDING_64: f64 = 1e-12;

/// The transposed convolution alone, and behind it a full connection.
fn alone(input: Shape, config: DeconvConfig) -> NetworkConfig {
    chain(input, vec![(Operator::Deconv(config), Activation::Linear), (Operator::Fc(fc(3)), Activation::Linear)], 20)
}

/// The formula, output by output: what of each input and tap arrives there.
fn formula(config: &DeconvConfig, input: Shape, output: Shape, x: &[f64], weights: &[f64], bias: &[f64]) -> Vec<f64> {
    let arrives = |at: usize, i: usize, k: usize, stride: usize, padding: usize, dilation: usize| {
        at + padding == i * stride + k * dilation
    };
    let mut found = Vec::new();
    for o in 0..output.channels {
        for (y, column) in (0..output.height).flat_map(|y| (0..output.width).map(move |x| (y, x))) {
            let mut sum = bias.get(o).copied().unwrap_or(0.0);
            for c in 0..input.channels {
                if config.mapping.as_ref().is_some_and(|mapping| !mapping[o * input.channels + c]) {
                    continue;
                }
                for (iy, ky) in (0..input.height).flat_map(|i| (0..config.kernel.height).map(move |k| (i, k))) {
                    let DeconvConfig { stride, padding, dilation, .. } = config;
                    if !arrives(y, iy, ky, stride.height, padding.height, dilation.height) {
                        continue;
                    }
                    for (ix, kx) in (0..input.width).flat_map(|i| (0..config.kernel.width).map(move |k| (i, k))) {
                        if arrives(column, ix, kx, stride.width, padding.width, dilation.width) {
                            let pair = (c * output.channels + o) * config.kernel.height + ky;
                            sum += weights[pair * config.kernel.width + kx]
                                * x[(c * input.height + iy) * input.width + ix];
                        }
                    }
                }
            }
            found.push(sum);
        }
    }
    found
}

#[track_caller]
fn is_the_formula(input: Shape, config: &DeconvConfig, seed: u64) {
    let network = open(&alone(input, config.clone()), seed).expect("a valid network");
    let naive = reference::Network::new(&network);
    let x: Vec<f64> = noise(seed, input.channels * input.height * input.width).into_iter().map(f64::from).collect();
    let expected = formula(config, input, network.output_shape(0), &x, &naive.weights[0], &naive.biases[0]);
    for (found, expected) in naive.infer(&x)[0].iter().zip(&expected) {
        assert!(
            (found - expected).abs() <= ROUNDING_64 * expected.abs().max(1.0),
            "expected {expected}, found {found}"
        );
    }
}

#[test]
fn outputs_are_those_worked_out_by_hand() {
    let config = DeconvConfig { stride: size(2, 1), padding: size(1, 0), ..deconv(1, 3, 2) };
    let mut network = open(&alone(shape(1, 1, 2), config), 1).expect("a valid network");
    assert_eq!(network.output_shape(0), shape(1, 2, 3));
    network.set_weights(0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).expect("six weights");
    network.set_bias(0, &[0.5]).expect("one bias");
    network.infer(&[10.0, 100.0], 1);
    // 10·(1 2 3) from column -1 on, 100·(1 2 3) from column 1 on; the next row with (4 5 6).
    assert_eq!(network.output(0), [20.5, 130.5, 200.5, 50.5, 460.5, 500.5]);
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let tanh = Activation::Tanh { alpha: 0.8 };
    let leaky = Activation::Rectifier { leak_slope: 0.1, clipping: 0.9 };
    let general = DeconvConfig {
        stride: size(2, 3),
        padding: size(2, 1),
        dilation: size(1, 2),
        mapping: Some((0..3 * 2).map(|pair| pair % 4 != 1).collect()),
        ..deconv(3, 3, 2)
    };
    let sparse = DeconvConfig { stride: size(3, 2), ..deconv(2, 2, 1) };
    for (number, config) in [general, sparse, deconv(2, 4, 3)].into_iter().enumerate() {
        for activation in [tanh, leaky, Activation::Swish] {
            let cells = vec![
                (Operator::Conv(conv(2, 2, 2)), tanh),
                (Operator::Deconv(config.clone()), activation),
                (Operator::Conv(ConvConfig { stride: size(2, 2), ..conv(2, 3, 2) }), Activation::Linear),
                (Operator::Fc(fc(3)), Activation::Linear),
            ];
            differentiate(&chain(shape(2, 4, 5), cells, 2), 2, number as u64);
        }
    }
}

#[test]
fn one_reads_several_cells_and_is_read_by_several() {
    let named =
        |name: &str, inputs, operator, activation| CellConfig { name: name.into(), inputs, operator, activation };
    let up = DeconvConfig { stride: size(2, 2), padding: size(1, 0), ..deconv(2, 3, 2) };
    let cells = vec![
        named("a", vec![Source::Stimuli], Operator::Conv(conv(2, 3, 2)), RECTIFIER),
        named("b", vec![Source::Stimuli], Operator::Conv(conv(1, 3, 2)), RECTIFIER),
        named(
            "up",
            vec![Source::Cell(0), Source::Cell(1)],
            Operator::Deconv(up.clone()),
            Activation::Tanh { alpha: 1.0 },
        ),
        named("more", vec![Source::Cell(2)], Operator::Deconv(deconv(2, 2, 3)), RECTIFIER),
        named("less", vec![Source::Cell(2)], Operator::Conv(conv(2, 2, 3)), RECTIFIER),
        named("of a", vec![Source::Cell(0)], Operator::Deconv(up), RECTIFIER),
        named("first", vec![Source::Cell(3)], Operator::Fc(fc(2)), Activation::Linear),
        named("second", vec![Source::Cell(4)], Operator::Fc(fc(2)), Activation::Linear),
        named("third", vec![Source::Cell(5)], Operator::Fc(fc(2)), Activation::Linear),
        named("out", vec![Source::Cell(6), Source::Cell(7), Source::Cell(8)], Operator::Fc(fc(3)), Activation::Linear),
    ];
    let targets = vec![TargetConfig { cell: 9, target_value: 1.0, default_value: 0.0 }];
    let config = NetworkConfig { input: shape(1, 4, 5), cells, targets, batch_size: 20 };
    differentiate(&config, 2, 3);
    compare(config, 19, 3);
}

#[test]
fn unconnected_pairs_stay_without_weights() {
    let mapping = Some(vec![true, false, false, true, true, true]);
    let config = DeconvConfig { mapping, ..deconv(3, 2, 1) };
    let mut network = open(&alone(shape(2, 2, 2), config), 1).expect("a valid network");
    network.set_weights(0, &[1.0; 12]).expect("twelve weights");
    // Of channel 0 the outputs 0 and 2, of channel 1 the outputs 1 and 2.
    let expected = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
    assert_eq!(network.weights(0), Some(expected.as_slice()));
}

#[test]
fn paddings_that_leave_nothing_are_named() {
    let check = |config: DeconvConfig, expected: &str| {
        let found = open(&alone(shape(1, 2, 2), config), 1).map(|_| ()).unwrap_err();
        assert_eq!(found.to_string(), expected);
    };
    check(
        DeconvConfig { padding: size(1, 2), ..deconv(1, 2, 3) },
        "cell `c0`, PaddingY: expected a padding that leaves something of the output, found 2 on both sides of 4",
    );
    check(DeconvConfig { stride: size(0, 1), ..deconv(1, 2, 3) }, "cell `c0`, Stride: expected at least 1, found `0`");
    check(
        DeconvConfig { mapping: Some(vec![true; 3]), ..deconv(2, 2, 3) },
        "cell `c0`, Mapping: expected 2 outputs x 1 channels = 2 items, found 3 items",
    );
}

prop_compose! {
    fn any_deconv(n_channels: usize)(
        n_outputs in 1usize..=5,
    )(
        n_outputs in Just(n_outputs),
        mapping in any_mapping(n_outputs, n_channels),
        kernel in any_size(1..=4),
        stride in any_size(1..=3),
        padding in any_size(0..=3),
        dilation in any_size(1..=3),
        no_bias in any::<bool>(),
    ) -> DeconvConfig {
        DeconvConfig { mapping, kernel, stride, padding, dilation, no_bias, ..deconv(n_outputs, 1, 1) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_transposed_convolution_is_the_one_defined(
        (input, config) in (1usize..=3, 1usize..=5, 1usize..=7).prop_flat_map(|(c, h, w)| {
            (Just(shape(c, h, w)), any_deconv(c))
        }),
        n in 1usize..=20,
        seed in any::<u64>(),
    ) {
        let below = ConvConfig { padding: size(0, 0), ..conv(input.channels, 1, 1) };
        let network = chain(input, vec![
            (Operator::Conv(below), Activation::Tanh { alpha: 1.0 }),
            (Operator::Deconv(config.clone()), RECTIFIER),
            (Operator::Fc(fc(2)), Activation::Linear),
        ], 20);
        prop_assume!(open(&network, 0).is_ok());
        is_the_formula(input, &config, seed);
        compare(network, n, seed);
    }
}
