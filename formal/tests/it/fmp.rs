//! Fractional max pooling: by hand, by finite differences, in every shape, and its draws.

use formal::Shape;
use formal::config::*;
use proptest::prelude::*;

use crate::builder::*;
use crate::gradients::{any_mapping, compare, differentiate};

fn fmp(n_outputs: usize, scaling_ratio: f64) -> FmpConfig {
    FmpConfig { n_outputs, scaling_ratio, is_overlapping: true, is_pseudo_random: true, mapping: None }
}

fn network(input: Shape, config: FmpConfig) -> NetworkConfig {
    let cells = vec![
        (Operator::Conv(conv(input.channels, 1, 1)), Activation::Tanh { alpha: 1.0 }),
        (Operator::Fmp(config), Activation::Swish),
        (Operator::Fc(fc(3)), Activation::Linear),
    ];
    chain(input, cells, 20)
}

#[test]
fn outputs_are_those_worked_out_by_hand() {
    let cells = vec![(Operator::Fmp(fmp(1, 1.5)), Activation::Linear), (Operator::Fc(fc(2)), Activation::Linear)];
    let mut network = open(&chain(shape(1, 1, 6), cells, 1), 1).expect("a valid network");
    assert_eq!(network.output_shape(0), shape(1, 1, 4));
    network.infer(&[1.0, 2.0, 9.0, 4.0, 3.0, 5.0], 1);
    // Columns 0 to 2, 2 and 3, 3 to 5, and 5.
    assert_eq!(network.output(0), [9.0, 9.0, 5.0, 5.0]);
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let mapping = Some(vec![true, false, true, true, true, false]);
    let general = FmpConfig { is_overlapping: false, is_pseudo_random: false, mapping, ..fmp(2, 1.4) };
    for seed in 0..3 {
        differentiate(&network(shape(3, 5, 7), general.clone()), 2, seed);
        differentiate(&network(shape(2, 6, 5), fmp(3, 1.8)), 2, seed);
    }
}

#[test]
fn windows_differ_from_step_to_step_and_not_between_stimuli() {
    for is_pseudo_random in [true, false] {
        let config = FmpConfig { is_pseudo_random, ..fmp(1, 1.4) };
        let cells = vec![(Operator::Fmp(config), Activation::Linear), (Operator::Fc(fc(2)), Activation::Linear)];
        let mut network = open(&chain(shape(1, 9, 9), cells, 20), 1).expect("a valid network");
        let stimulus: Vec<f32> = noise(7, 81);
        let stimuli: Vec<f32> = stimulus.iter().copied().cycle().take(20 * 81).collect();
        let mut of_step = |step| {
            network.learn_with_rate(&stimuli, &[Some(0); 20], step, 0.0);
            network.output(0).to_vec()
        };
        let steps: Vec<Vec<f32>> = (0..8).map(&mut of_step).collect();
        assert!(steps.iter().all(|outputs| outputs.chunks(36).all(|one| *one == outputs[..36])));
        assert!(steps.iter().any(|outputs| *outputs != steps[0]));
        assert_eq!(of_step(3), steps[3]);
    }
}

#[test]
fn ratios_out_of_range_are_named() {
    let found = open(&network(shape(2, 4, 9), fmp(2, 0.5)), 1).map(|_| ()).unwrap_err();
    let expected = "cell `c1`, ScalingRatio: expected 1 or more, and at most twice the sides of the input, found `0.5`";
    assert_eq!(found.to_string(), expected);
    assert!(open(&network(shape(2, 4, 9), fmp(2, 8.5)), 1).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_fractional_pooling_is_the_one_defined(
        (input, n_outputs, mapping) in (1usize..=3, 1usize..=4, 1usize..=9, 1usize..=9).prop_flat_map(|(c, o, h, w)| {
            (Just(shape(c, h, w)), Just(o), any_mapping(o, c))
        }),
        scaling_ratio in 1.0f64..4.0,
        (is_overlapping, is_pseudo_random) in (any::<bool>(), any::<bool>()),
        n in 1usize..=20,
        seed in any::<u64>(),
    ) {
        let config = network(input, FmpConfig { n_outputs, scaling_ratio, is_overlapping, is_pseudo_random, mapping });
        prop_assume!(open(&config, 0).is_ok());
        compare(config, n, seed);
    }
}
