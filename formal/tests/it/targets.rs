//! Several targets, and classes for each position of a map.

use formal::config::*;
use formal::{Network, ParameterKind, Wanted, reference};

use crate::builder::*;
use crate::gradients::{assert_near, plain};

/// Finite differences of 64-bit losses with the step below.
const FINITE_DIFFERENCE: f64 = 1e-6;
const DIFFERENCE_STEP: f64 = 1e-5;

const LOGISTIC: Activation = Activation::LogisticWithLoss;
const TANH: Activation = Activation::Tanh { alpha: 1.0 };

/// A trunk with four heads: two single maps, a softmax of maps that reads the trunk and the second of them, and three outputs
/// for the whole stimulus.
fn heads(batch_size: usize) -> NetworkConfig {
    let named = |name: &str, inputs: Vec<Source>, operator: Operator, activation: Activation| CellConfig {
        name: name.into(),
        inputs,
        operator,
        activation,
    };
    let cells = vec![
        named("trunk", vec![Source::Stimuli], Operator::Conv(conv(4, 3, 2)), TANH),
        named("face", vec![Source::Cell(0)], Operator::Conv(conv(1, 1, 1)), LOGISTIC),
        named("shade", vec![Source::Cell(0)], Operator::Conv(conv(1, 1, 1)), TANH),
        named("both", vec![Source::Cell(0), Source::Cell(2)], Operator::Conv(conv(3, 1, 1)), Activation::Linear),
        named("kind", vec![Source::Cell(3)], softmax(true), Activation::Linear),
        named("whole", vec![Source::Cell(0)], Operator::Fc(fc(3)), TANH),
    ];
    let target = |cell| TargetConfig { cell, target_value: 1.0, default_value: 0.0 };
    let targets = vec![target(1), target(2), target(4), target(5)];
    NetworkConfig { input: shape(2, 5, 6), cells, targets, batch_size }
}

/// Classes from -1 on for the 16 positions of the maps.
fn maps(seed: u64, n: usize, n_classes: u32) -> Vec<i32> {
    let labels = labels(seed, 16 * n, n_classes);
    labels.into_iter().map(|label| label.map_or(-1, |label| label as i32)).collect()
}

/// What the heads want of some stimuli.
struct Example {
    stimuli: Vec<f32>,
    faces: Vec<i32>,
    kinds: Vec<i32>,
    labels: Vec<Option<usize>>,
}

impl Example {
    fn new(n: usize) -> Self {
        let (stimuli, faces, kinds) = (noise(1, n * 60), maps(2, n, 2), maps(3, n, 3));
        Self { stimuli, faces, kinds, labels: labels(4, n, 3) }
    }

    fn wanted(&self) -> [Wanted<'_>; 4] {
        let faces = Wanted::Maps(&self.faces);
        [faces, faces, Wanted::Maps(&self.kinds), Wanted::Classes(&self.labels)]
    }

    fn wide(&self) -> Vec<f64> {
        self.stimuli.iter().copied().map(f64::from).collect()
    }
}

#[test]
fn errors_of_all_targets_are_the_slopes_of_the_summed_loss() {
    let config = heads(3);
    let mut naive = reference::Network::new(&open(&config, 7).expect("a valid network"));
    let example = Example::new(3);
    let (stimuli, wanted) = (example.wide(), example.wanted());
    let gradients = naive.learn_towards(&stimuli, &wanted, 0);
    let loss = |naive: &reference::Network| {
        naive.loss_towards(&stimuli, &example.labels, &wanted, 0).expect("wanted values that sum to 1")
    };
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
fn the_fast_network_learns_towards_several_targets_as_the_naive_one_does() {
    for n in [1, 15, 16, 17, 40] {
        let mut config = heads(40);
        solve(&mut config, plain(40));
        let mut network = open(&config, 7).expect("a valid network");
        let naive = reference::Network::new(&network);
        let example = Example::new(n);
        let expected = naive.learn_towards(&example.wide(), &example.wanted(), 0);
        let before: Vec<Vec<f32>> = (0..6).map(|cell| network.weights(cell).unwrap_or_default().to_vec()).collect();
        let reports = network.learn_towards(&example.stimuli, &example.wanted(), 0, None).to_vec();
        let squared_errors: Vec<f32> = reports.iter().map(|report| report.squared_error as f32).collect();
        let means: Vec<f64> = expected.squared_error.iter().map(|sum| sum / n as f64).collect();
        assert_near(&squared_errors, &means, "squared errors");
        assert_eq!(reports.iter().map(|r| r.cross_entropy.is_some()).collect::<Vec<_>>(), [false, false, true, false]);
        for (cell, before) in before.iter().enumerate() {
            let now = network.weights(cell).unwrap_or_default();
            let moved: Vec<f32> = now.iter().zip(before).map(|(now, before)| now - before).collect();
            assert_near(&moved, &expected.weights[cell], &config.cells[cell].name);
        }
    }
}

/// A network that gives back two positions, each of a single value.
fn identity(default_value: f32) -> Network {
    let cells = vec![(Operator::Conv(ConvConfig { no_bias: true, ..conv(1, 1, 1) }), Activation::Linear)];
    let mut config = chain(shape(1, 2, 2), cells, 2);
    config.targets[0].default_value = default_value;
    let mut network = open(&config, 1).expect("a valid network");
    network.set_weights(0, &[1.0]).expect("one weight");
    network
}

#[test]
fn each_class_of_a_stimulus_weighs_one_whatever_its_area() {
    let mut network = identity(-1.0);
    let stimuli = [0.5, 0.0, 0.25, 3.0, 0.5, 0.5, 0.5, 0.5];
    // Three positions of class 0 and one of class 1; then one of class 1, and the others do not count.
    let classes = [0, 0, 0, 1, -1, 1, -1, -1];
    let report = network.learn_towards(&stimuli, &[Wanted::Maps(&classes)], 0, None)[0];
    let squares = [(-1.0 - 0.5) / 3.0, (-1.0 - 0.0) / 3.0, (-1.0 - 0.25) / 3.0, 1.0 - 3.0, 1.0 - 0.5];
    let expected = squares.iter().map(|e: &f64| e * e).sum::<f64>() / 2.0;
    assert!((report.squared_error - expected).abs() <= FINITE_DIFFERENCE, "{} {expected}", report.squared_error);
}

#[test]
fn a_map_without_classes_teaches_nothing() {
    let mut network = identity(0.0);
    let report = network.learn_towards(&[1.0; 8], &[Wanted::Maps(&[-1; 8])], 0, None)[0];
    assert_eq!((report.squared_error, network.weights(0)), (0.0, Some([1.0f32].as_slice())));
}

#[test]
fn a_map_of_one_class_is_that_class_for_the_stimulus() {
    let learn = |wanted: Wanted<'_>| {
        let mut config = heads(2);
        config.targets = vec![config.targets[2].clone()];
        let mut network = open(&config, 3).expect("a valid network");
        let report = network.learn_towards(&noise(1, 120), &[wanted], 0, None)[0];
        (report, network.weights(0).map(<[f32]>::to_vec))
    };
    let maps: Vec<i32> = [2, 0].into_iter().flat_map(|class| [class; 16]).collect();
    assert_eq!(learn(Wanted::Maps(&maps)), learn(Wanted::Classes(&[Some(2), Some(0)])));
}

#[test]
#[should_panic(expected = "class 2: expected one below 2")]
fn a_class_that_is_not_there_is_refused() {
    identity(0.0).learn_towards(&[1.0; 4], &[Wanted::Maps(&[0, 1, 2, -1])], 0, None);
}

#[test]
#[should_panic(expected = "what is wanted: expected one for each target")]
fn one_wanted_is_needed_for_each_target() {
    let mut network = open(&heads(2), 1).expect("a valid network");
    network.learn_towards(&noise(1, 60), &[Wanted::Maps(&[0; 16])], 0, None);
}
