//! Batch normalization: by hand, by finite differences, in every shape, and what of it is saved.

use formal::config::*;
use formal::{Network, Statistics};
use proptest::prelude::*;

use crate::builder::*;
use crate::gradients::{compare, differentiate};

/// Rounding of a few 32-bit operations on values near 1.
const ROUNDING_32: f32 = 1e-5;

fn norm(momentum: f64) -> Operator {
    Operator::BatchNorm(BatchNormConfig { momentum, ..BatchNormConfig::default() })
}

fn body(momentum: f64, activation: Activation) -> Vec<(Operator, Activation)> {
    vec![
        (Operator::Conv(ConvConfig { padding: size(1, 0), no_bias: true, ..conv(3, 3, 2) }), Activation::Linear),
        (norm(momentum), activation),
        (Operator::Conv(conv(2, 2, 2)), Activation::Linear),
        (norm(momentum), Activation::Linear),
        (Operator::Fc(fc(3)), Activation::Linear),
    ]
}

fn near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= ROUNDING_32 * expected.abs().max(1.0),
            "expected {expected}, found {found}"
        );
    }
}

#[test]
fn a_batch_is_normalized_and_followed_as_worked_out_by_hand() {
    let config = chain(shape(1, 1, 1), vec![(norm(0.1), Activation::Linear)], 4);
    let mut network = open(&config, 1).expect("a valid network");
    // Mean 3, biased variance 5, unbiased 20/3.
    network.learn(&[0.0, 2.0, 4.0, 6.0], &[None; 4], 0);
    let unit = 1.0 / 5.00001f32.sqrt();
    near(network.output(0), &[-3.0 * unit, -unit, unit, 3.0 * unit]);
    let statistics = network.statistics(0).expect("a normalization").clone();
    near(&statistics.mean, &[0.3]);
    near(&statistics.variance, &[2.0 / 3.0]);
    network.learn(&[0.0, 2.0, 4.0, 6.0], &[None; 4], 1);
    near(&network.statistics(0).expect("a normalization").mean, &[0.57]);
    // Inference takes the running values, and no notice of the rest of the batch.
    network.set_statistics(0, &statistics).expect("its own values");
    network.set_weights(0, &[2.0]).expect("a scale");
    network.set_bias(0, &[-1.0]).expect("a bias");
    network.infer(&[5.0, -1.0], 2);
    let of = |x: f32| 2.0 * (x - 0.3) / (2.0f32 / 3.0 + 1e-5).sqrt() - 1.0;
    near(network.output(0), &[of(5.0), of(-1.0)]);
    assert_eq!(network.statistics(0), Some(&statistics), "inference leaves the running values alone");
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let leaky = Activation::Rectifier { leak_slope: 0.1, clipping: 0.9 };
    for activation in [Activation::Linear, Activation::Tanh { alpha: 0.8 }, leaky] {
        for n in [2, 5] {
            differentiate(&chain(shape(2, 4, 5), body(0.1, activation), n), n, n as u64);
        }
    }
}

#[test]
fn a_normalization_behind_branches_learns_as_defined() {
    let named =
        |name: &str, inputs, operator, activation| CellConfig { name: name.into(), inputs, operator, activation };
    let same = || Operator::Conv(ConvConfig { padding: size(1, 1), ..conv(2, 3, 3) });
    let cells = vec![
        named("stem", vec![Source::Stimuli], same(), Activation::Linear),
        named("norm", vec![Source::Cell(0)], norm(0.2), RECTIFIER),
        named("branch", vec![Source::Cell(1)], same(), Activation::Linear),
        named("both", vec![Source::Cell(0), Source::Cell(2)], norm(0.3), Activation::Tanh { alpha: 1.0 }),
        named("sum", vec![Source::Cell(1), Source::Cell(2)], Operator::ElemWise(Default::default()), RECTIFIER),
        named("out", vec![Source::Cell(3), Source::Cell(4)], Operator::Fc(fc(3)), Activation::Linear),
        named("softmax", vec![Source::Cell(5)], softmax(true), Activation::Linear),
    ];
    let targets = vec![TargetConfig { cell: 6, target_value: 1.0, default_value: 0.0 }];
    let config = NetworkConfig { input: shape(1, 3, 5), cells, targets, batch_size: 40 };
    differentiate(&config, 4, 7);
    for n in [2, 16, 17, 40] {
        compare(config.clone(), n, 7);
    }
}

#[test]
fn running_values_are_part_of_the_state_and_no_thread_count_shows() {
    let mut config = chain(shape(2, 4, 5), body(0.1, RECTIFIER), 300);
    solve(&mut config, SgdConfig { learning_rate: 0.1, momentum: 0.9, ..SgdConfig::default() });
    let (stimuli, labels) = (noise(3, 300 * 40), labels(4, 300, 3));
    let learned = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut network = open(&config, 1).expect("a valid network");
            for step in 0..3 {
                network.learn(&stimuli, &labels, step);
            }
            network
        })
    };
    let mut network = learned(1);
    let all = |network: &Network| {
        let weights: Vec<_> = (0..5).map(|cell| network.weights(cell).map(<[f32]>::to_vec)).collect();
        (weights, network.state())
    };
    assert_eq!(all(&network), all(&learned(3)));
    let mut other = open(&config, 9).expect("a valid network");
    for cell in 0..5 {
        other.set_weights(cell, network.weights(cell).expect("weights")).expect("they fit");
        if let Some(bias) = network.bias(cell) {
            other.set_bias(cell, bias).expect("they fit");
        }
    }
    let mut state = network.state();
    other.restore(&state).expect("its own state");
    for network in [&mut network, &mut other] {
        network.learn(&stimuli, &labels, 3);
    }
    assert_eq!(all(&network), all(&other));
    state.tensors.retain(|tensor| tensor.name != "c1.variance");
    let error = other.restore(&state).expect_err("no variance").to_string();
    assert!(error.contains("`c1.variance`"), "{error}");
}

#[test]
fn what_is_out_of_range_is_named() {
    let check = |change: fn(&mut BatchNormConfig), expected: &str| {
        let mut config = BatchNormConfig::default();
        change(&mut config);
        let config = chain(shape(2, 3, 3), vec![(Operator::BatchNorm(config), Activation::Linear)], 4);
        assert_eq!(open(&config, 1).map(|_| ()).unwrap_err().to_string(), expected);
    };
    check(|norm| norm.epsilon = 0.0, "cell `c0`, Epsilon: expected a finite number above 0, found `0`");
    check(
        |norm| norm.momentum = 1.0,
        "cell `c0`, MovingAverageMomentum: expected 0 or more and less than 1, found `1`",
    );
    check(
        |norm| norm.bias_solver = SgdConfig { iteration_size: 0, ..SgdConfig::default() }.into(),
        "cell `c0`, IterationSize: expected at least 1, found `0`",
    );
    let config = chain(shape(2, 3, 3), vec![(norm(0.1), Activation::Linear)], 4);
    let mut network = open(&config, 1).expect("a valid network");
    let before = network.statistics(0).cloned();
    let mut check = |cell, mean: &[f32], variance: &[f32], expected: &str| {
        let statistics = Statistics { mean: mean.to_vec(), variance: variance.to_vec() };
        assert_eq!(network.set_statistics(cell, &statistics).unwrap_err().to_string(), expected);
    };
    check(0, &[0.0], &[1.0, 1.0], "c0.mean: expected 2 values, found 1; the file belongs to another network");
    check(0, &[0.0; 2], &[1.0, -1.0], "c0.variance: expected variances of 0 or more, found -1 at index 1");
    check(1, &[], &[], "cell 1 has no running mean and variance");
    assert_eq!(network.statistics(0).cloned(), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_normalization_is_the_one_defined(
        (channels, height, width) in (1usize..=3, 3usize..=5, 2usize..=7),
        momentum in prop_oneof![Just(0.0), 0.01f64..0.9],
        leak_slope in 0.0f32..0.3,
        n in 3usize..=40,
        seed in any::<u64>(),
    ) {
        let activation = Activation::Rectifier { leak_slope, clipping: 0.0 };
        let mut cells = body(momentum, activation);
        // Frozen values of 0 would divide by the root of epsilon.
        let epsilon = if momentum == 0.0 { 0.7 } else { 1e-3 };
        for (operator, _) in &mut cells {
            if let Operator::BatchNorm(norm) = operator {
                norm.epsilon = epsilon;
            }
        }
        compare(chain(shape(channels, height, width), cells, 40), n, seed);
    }
}
