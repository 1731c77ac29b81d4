//! Full connections of which some weights take part, or whose weights are kept at length 1.

use formal::Network;
use formal::config::*;
use proptest::prelude::*;

use crate::builder::*;
use crate::gradients::{compare, differentiate};

/// Rounding of a few 32-bit operations on values of some units.
const ROUNDING_32: f32 = 1e-6;
/// Of the square of a length, once each weight is rounded.
const UNIT: f64 = 1e-6;

fn dropping(n_outputs: usize, drop_connect: f32) -> Operator {
    Operator::Fc(FcConfig { drop_connect, ..fc(n_outputs) })
}

#[test]
fn gradients_of_the_weights_that_take_part_are_the_slopes_of_the_loss() {
    for (seed, kept) in [(1, 0.3), (2, 0.8)] {
        let tanh = Activation::Tanh { alpha: 0.8 };
        let cells = vec![
            (Operator::Conv(ConvConfig { padding: size(1, 0), ..conv(2, 3, 2) }), tanh),
            (dropping(5, kept), tanh),
            (dropping(3, kept), Activation::Linear),
            (softmax(true), Activation::Linear),
        ];
        differentiate(&chain(shape(2, 4, 5), cells, 3), 3, seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_share_of_the_weights_is_the_one_defined(
        n_inputs in 1usize..=70,
        n_hidden in 1usize..=60,
        n in 1usize..=40,
        kept in 0.01f32..=1.0,
        seed in any::<u64>(),
    ) {
        let cells = vec![(dropping(n_hidden, kept), RECTIFIER), (dropping(3, kept), Activation::Linear)];
        compare(chain(shape(1, 1, n_inputs), cells, 40), n, seed);
    }
}

/// Weights of one cell of 40 inputs and 50 outputs after each of some steps.
fn weights(drop_connect: f32, iteration_size: u32, n_steps: u64) -> Vec<Vec<f32>> {
    let mut config = chain(shape(1, 1, 40), vec![(dropping(50, drop_connect), Activation::Linear)], 4);
    solve(&mut config, SgdConfig { learning_rate: 0.1, iteration_size, ..SgdConfig::default() });
    let mut network = open(&config, 7).expect("a valid network");
    let step = |step| {
        network.learn(&noise(step, 160), &[Some(0), Some(1), Some(2), Some(49)], step);
        network.weights(0).expect("weights").to_vec()
    };
    (0..n_steps).map(step).collect()
}

#[test]
fn each_step_draws_its_weights_and_leaves_the_others() {
    let start = {
        let config = chain(shape(1, 1, 40), vec![(dropping(50, 0.3), Activation::Linear)], 4);
        open(&config, 7).expect("a valid network").weights(0).expect("weights").to_vec()
    };
    let steps = weights(0.3, 1, 2);
    let moved =
        |before: &[f32], after: &[f32]| -> Vec<bool> { before.iter().zip(after).map(|(b, a)| b != a).collect() };
    let (first, second) = (moved(&start, &steps[0]), moved(&steps[0], &steps[1]));
    for moved in [&first, &second] {
        let share = moved.iter().filter(|&&moved| moved).count() as f64 / 2000.0;
        // Four standard deviations of the share of 2000 draws.
        assert!((share - 0.3).abs() < 4.0 * (0.3f64 * 0.7 / 2000.0).sqrt(), "a share of {share} moved");
    }
    assert_ne!(first, second);
}

#[test]
fn what_is_kept_for_an_update_is_that_of_the_weights_that_took_part() {
    // Two batches of one update move the weights that took part in either: 1 - 0.7² of them.
    let steps = weights(0.3, 2, 2);
    let moved = steps[0].iter().zip(&steps[1]).filter(|(before, after)| before != after).count() as f64 / 2000.0;
    let expected = 1.0 - 0.7 * 0.7;
    assert!(
        (moved - expected).abs() < 4.0 * (expected * (1.0 - expected) / 2000.0f64).sqrt(),
        "a share of {moved} moved"
    );
}

#[test]
fn tests_use_all_weights() {
    let config = |kept| chain(shape(1, 1, 9), vec![(dropping(4, kept), Activation::Linear)], 4);
    let output = |kept| {
        let mut network = open(&config(kept), 3).expect("a valid network");
        network.infer(&noise(5, 18), 2);
        network.output(0).to_vec()
    };
    assert_eq!(output(0.2), output(1.0));
}

#[test]
fn a_share_outside_its_bounds_is_refused() {
    for kept in [0.0, -0.1, 1.1, f32::NAN] {
        let error = open(&chain(shape(1, 1, 2), vec![(dropping(1, kept), Activation::Linear)], 1), 1);
        let message = error.err().expect("a fault").to_string();
        assert!(message.contains("DropConnect") && message.contains("above 0"), "{message}");
    }
}

#[test]
fn weights_keep_length_1_from_the_start_through_each_update() {
    let unit = Operator::Fc(FcConfig { normalizes: true, no_bias: true, ..fc(2) });
    let mut config = chain(shape(1, 1, 2), vec![(unit, Activation::Linear)], 1);
    solve(&mut config, SgdConfig { learning_rate: 0.5, ..SgdConfig::default() });
    let mut network = open(&config, 3).expect("a valid network");
    let assert_unit = |network: &Network| {
        for row in network.weights(0).expect("weights").chunks(2) {
            let square: f64 = row.iter().map(|&w| f64::from(w).powi(2)).sum();
            assert!((square - 1.0).abs() < UNIT, "a length of √{square}");
        }
    };
    assert_unit(&network);
    network.set_weights(0, &[3.0, 4.0, 0.0, -2.0]).expect("four weights");
    let near = |found: &[f32], expected: [f32; 4]| {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < ROUNDING_32, "expected {expected}, found {found}");
        }
    };
    near(network.weights(0).expect("weights"), [0.6, 0.8, 0.0, -1.0]);
    let kept = network.weights(0).expect("weights").to_vec();
    network.set_weights(0, &kept).expect("four weights");
    assert_eq!(network.weights(0), Some(kept.as_slice()), "unit weights come back to the bit");
    // Outputs 0.6 and 0, wanted 1 and 0: the first row moves by 0.5·0.4·(1, 0) to (0.8, 0.8).
    network.learn(&[1.0, 0.0], &[Some(0)], 0);
    near(network.weights(0).expect("weights"), [0.5f32.sqrt(), 0.5f32.sqrt(), 0.0, -1.0]);
    assert_unit(&network);
}
