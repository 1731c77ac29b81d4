//! What learning does to weights and outputs.

use formal::config::*;
use formal::{LearningRate, Network, ParameterKind};

use crate::builder::*;

/// Rounding of a few 32-bit operations on values near 1.
const ROUNDING_32: f32 = 1e-6;

/// One weight `w` on the stimulus 1: the output is `w`, the error `1 - w`.
fn single(solver: impl Into<SolverConfig>, batch_size: usize) -> NetworkConfig {
    let weights_filler = Filler::Constant { value: 0.5 };
    let fc = FcConfig { no_bias: true, weights_filler, weights_solver: solver.into(), ..fc(1) };
    chain(shape(1, 1, 1), vec![(Operator::Fc(fc), Activation::Linear)], batch_size)
}

/// Presents 1 with the wanted value 1 and gives the weight after each step.
fn follow(solver: impl Into<SolverConfig>, batch_size: usize, presented: usize, steps: u64) -> Vec<f32> {
    let mut network = open(&single(solver, batch_size), 1).expect("a valid network");
    let learn = |step| {
        network.learn(&vec![1.0; presented], &vec![Some(1); presented], step);
        network.weights(0).expect("a weight")[0]
    };
    (0..steps).map(learn).collect()
}

#[track_caller]
fn check(found: Vec<f32>, expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= ROUNDING_32, "expected {expected}, found {found}");
    }
}

fn solver() -> SgdConfig {
    SgdConfig { learning_rate: 0.1, ..SgdConfig::default() }
}

#[test]
fn updates_follow_the_formulas_worked_out_by_hand() {
    // g = 2·(1 - w) for the two stimuli, a/(B·k)·g = 0.1·(1 - w).
    check(follow(solver(), 2, 2, 2), &[0.55, 0.595]);
    // A short batch is still divided by the configured size.
    check(follow(solver(), 2, 1, 1), &[0.525]);
    // v = 0.9·v + 0.1·(1 - w).
    check(follow(SgdConfig { momentum: 0.9, ..solver() }, 2, 2, 2), &[0.55, 0.64]);
    // v = 0.1·(1 - w) - 0.2·0.1·w: the rate of the decay is not divided by the batch.
    check(follow(SgdConfig { decay: 0.2, ..solver() }, 2, 2, 2), &[0.54, 0.5752]);
    // Two batches of two make one update with (0.1/4)·4·(1 - w).
    check(follow(SgdConfig { iteration_size: 2, ..solver() }, 2, 2, 4), &[0.5, 0.55, 0.55, 0.595]);
    check(follow(SgdConfig { clamping: (None, Some(0.52)), ..solver() }, 2, 2, 2), &[0.52, 0.52]);
    check(follow(SgdConfig { learning_rate: 0.0, decay: 0.5, ..solver() }, 2, 2, 2), &[0.5, 0.5]);
    let halved = SgdConfig {
        policy: LearningRatePolicy::StepDecay,
        learning_rate_decay: 0.5,
        learning_rate_step_size: 2,
        ..solver()
    };
    check(follow(halved, 2, 2, 3), &[0.55, 0.5725, 0.583_187_5]);
}

#[test]
fn adaptive_moments_follow_the_formulas_worked_out_by_hand() {
    // Two stimuli of 1 with the wanted output 1: g = 2·(1 - w), from w = 0.5.
    let adam = |learning_rate: f64| AdamConfig { learning_rate, beta1: 0.5, beta2: 0.75, ..AdamConfig::default() };
    // t = 1: g = 1, m = 0.5, u = 0.25; 0.1·√0.25/0.5·0.5/√0.25 = 0.1.
    // t = 2: g = 0.8, m = 0.65, u = 0.3475; 0.1·√0.4375/0.75·0.65/√0.3475 = 0.0972442.
    // t = 3: g = 0.6055116, m = 0.6277558, u = 0.3522861; 0.1·√0.578125/0.875·0.6277558/√0.3522861 = 0.0919064.
    check(follow(adam(0.1), 2, 2, 3), &[0.6, 0.697_244_2, 0.789_150_6]);
    // The configured size of the batch is of no weight.
    check(follow(adam(0.1), 7, 2, 1), &[0.6]);
    // epsilon·√(1 - beta2^t) = 0.5: 0.1·0.5/0.5·0.5/(0.5 + 0.5) = 0.05.
    check(follow(AdamConfig { epsilon: 1.0, ..adam(0.1) }, 2, 2, 1), &[0.55]);
    check(follow(AdamConfig { clamping: (None, Some(0.52)), ..adam(0.1) }, 2, 2, 2), &[0.52, 0.52]);
    check(follow(adam(0.0), 2, 2, 2), &[0.5, 0.5]);
    let mut network = open(&single(adam(0.1), 2), 1).expect("a valid network");
    network.learn_with_rate(&[1.0, 1.0], &[Some(1), Some(1)], 0, 0.2);
    check(network.weights(0).expect("a weight").to_vec(), &[0.7]);
}

#[test]
fn one_rate_for_all_replaces_policies_and_iteration_sizes() {
    let solver = SgdConfig { learning_rate: 0.0, iteration_size: 2, ..solver() };
    let mut network = open(&single(solver, 2), 1).expect("a valid network");
    for expected in [0.55, 0.595] {
        // a/(B·k)·g = 0.2/4·2·(1 - w).
        network.learn_with_rate(&[1.0, 1.0], &[Some(1), Some(1)], 0, 0.2);
        check(network.weights(0).expect("a weight").to_vec(), &[expected]);
    }
    assert_eq!(network.state().counters[0], ("c0.weights.iterations".to_owned(), 0));
}

#[test]
fn rates_are_those_of_the_next_update() {
    let mut config = zoo(4);
    let policy = LearningRatePolicy::StepDecay;
    solve(&mut config, SgdConfig { policy, learning_rate_step_size: 8, learning_rate_decay: 0.5, ..solver() });
    let mut network = open(&config, 1).expect("a valid network");
    for (step, expected) in [0.1, 0.1, 0.05].into_iter().enumerate() {
        let rates = network.learning_rates();
        assert_eq!(rates[0], LearningRate { cell: 0, kind: ParameterKind::Weights, rate: expected });
        assert_eq!(rates.len(), 8);
        network.learn(&noise(1, 4 * 144), &labels(2, 4, 3), step as u64);
    }
}

#[test]
fn losses_are_those_of_the_wanted_outputs() {
    let mut config = single(solver(), 4);
    config.targets[0].default_value = -1.0;
    let mut network = open(&config, 1).expect("a valid network");
    // Outputs are 0.5: errors 0.5, -1.5, none.
    let report = network.learn(&[1.0; 3], &[Some(1), Some(0), None], 0);
    assert_eq!(report.squared_error, (0.25 + 2.25) / 3.0);
    assert_eq!(report.cross_entropy, None);

    let zeros = FcConfig { weights_filler: Filler::Constant { value: 0.0 }, no_bias: true, ..fc(4) };
    let config =
        chain(shape(1, 1, 2), vec![(Operator::Fc(zeros), Activation::Linear), (softmax(true), Activation::Linear)], 2);
    let mut network = open(&config, 1).expect("a valid network");
    let report = network.learn(&[1.0; 4], &[Some(3), None], 0);
    assert_eq!(network.output(1), [0.25; 8], "equal inputs of a softmax");
    assert_eq!(report.squared_error, (0.75 * 0.75 + 3.0 * 0.25 * 0.25) / 2.0);
    let cross_entropy = report.cross_entropy.expect("a softmax");
    assert!((cross_entropy - 4f64.ln()).abs() <= f64::from(ROUNDING_32));
}

#[test]
fn dropout_keeps_the_mean_and_does_nothing_in_inference() {
    let n_elements = 20_000;
    let rate = 0.3f32;
    let mut config = chain(
        shape(1, 1, n_elements),
        vec![
            (Operator::Dropout(DropoutConfig { rate }), Activation::Linear),
            (Operator::Fc(fc(2)), Activation::Linear),
        ],
        2,
    );
    solve(&mut config, SgdConfig { learning_rate: 0.0, ..SgdConfig::default() });
    let mut network = open(&config, 1).expect("a valid network");
    let ones = vec![1.0; 2 * n_elements];
    network.infer(&ones, 2);
    assert_eq!(network.output(0), ones);
    let mut masks = Vec::new();
    for (seed, step) in [(1, 0), (1, 1), (2, 0), (1, 0)] {
        network.set_learning_seed(seed);
        network.learn(&ones, &[Some(0), Some(1)], step);
        let mask = network.output(0).to_vec();
        let kept = 1.0 / (1.0 - rate);
        assert!(mask.iter().all(|&value| value == 0.0 || value == kept));
        let share = mask.iter().filter(|&&value| value == 0.0).count() as f32 / mask.len() as f32;
        // Five standard deviations of a share of 40,000.
        assert!((share - rate).abs() <= 5.0 * 0.0023, "dropped {share}");
        masks.push(mask);
    }
    assert_eq!(masks[0], masks[3]);
    let (first, second) = masks[0].split_at(n_elements);
    for other in [second, &masks[1][..n_elements], &masks[2][..n_elements]] {
        assert_ne!(first, other);
    }
}

#[test]
fn a_cell_that_stops_errors_learns_and_those_before_it_keep_their_weights() {
    let mut config = zoo(4);
    let Operator::Fc(hidden) = &mut config.cells[4].operator else { panic!("an Fc cell") };
    hidden.back_propagate = false;
    let mut network = open(&config, 1).expect("a valid network");
    let weights = |network: &Network| [0, 3, 4, 6].map(|cell| network.weights(cell).expect("weights").to_vec());
    let before = weights(&network);
    network.learn(&noise(1, 4 * 144), &labels(2, 4, 3), 0);
    let after = weights(&network);
    let moved: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
    assert_eq!(moved, [false, false, true, true]);
}

#[test]
fn a_small_problem_is_learned() {
    // Class: the corner of a 6 x 6 image that holds a noisy bright square.
    let batch = 32;
    let mut config = chain(
        shape(1, 6, 6),
        vec![
            (Operator::Conv(ConvConfig { padding: size(1, 1), ..conv(6, 3, 3) }), RECTIFIER),
            (
                Operator::Pool(PoolConfig {
                    mapping: Some((0..36).map(|p| p / 6 == p % 6).collect()),
                    ..pool(Pooling::Max, 6, 2, 2)
                }),
                Activation::Linear,
            ),
            (Operator::Fc(fc(16)), RECTIFIER),
            (Operator::Dropout(DropoutConfig { rate: 0.2 }), Activation::Linear),
            (Operator::Fc(fc(4)), Activation::Linear),
            (softmax(true), Activation::Linear),
        ],
        batch,
    );
    solve(&mut config, SgdConfig { learning_rate: 0.1, momentum: 0.9, decay: 1e-4, ..SgdConfig::default() });
    let mut network = open(&config, 3).expect("a valid network");
    let stimuli = |seed: u64| {
        let labels: Vec<usize> = noise(seed, batch).iter().map(|value| ((value + 1.0) * 2.0) as usize).collect();
        let mut values = noise(seed ^ 0xfeed, batch * 36);
        for (stimulus, &label) in values.chunks_exact_mut(36).zip(&labels) {
            for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                stimulus[(y + label / 2 * 4) * 6 + x + label % 2 * 4] += 1.5;
            }
        }
        (values, labels)
    };
    let mut reports = Vec::new();
    for step in 0..200 {
        let (values, labels) = stimuli(step);
        let labels: Vec<Option<usize>> = labels.into_iter().map(Some).collect();
        reports.push(network.learn(&values, &labels, step).squared_error);
    }
    assert!(reports[195..].iter().sum::<f64>() < 0.3 * reports[..5].iter().sum::<f64>(), "{reports:?}");
    let mut right = 0;
    for seed in 1000..1010 {
        let (values, labels) = stimuli(seed);
        network.infer(&values, batch);
        for (output, &label) in network.output(5).chunks_exact(4).zip(&labels) {
            right += usize::from((0..4).all(|class| output[class] <= output[label]));
        }
    }
    assert!(right >= 310, "{right} of 320");
}
