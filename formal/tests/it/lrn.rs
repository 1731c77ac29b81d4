//! Local response normalization: by hand, by finite differences, and in every shape.

use formal::Shape;
use formal::config::*;
use proptest::prelude::*;

use crate::builder::*;
use crate::gradients::{compare, differentiate};

/// Rounding of a few 32-bit operations and a power.
const ROUNDING_32: f32 = 1e-6;

fn network(input: Shape, config: LrnConfig, activation: Activation) -> NetworkConfig {
    let below = Operator::Conv(conv(input.channels, 2, 1));
    let cells = vec![
        (below, Activation::Tanh { alpha: 1.0 }),
        (Operator::Lrn(config), activation),
        (Operator::Fc(fc(3)), Activation::Linear),
    ];
    chain(input, cells, 20)
}

#[test]
fn outputs_are_those_worked_out_by_hand() {
    let config = LrnConfig { n: 3, alpha: 0.5, beta: 2.0, k: 1.0 };
    let cells = vec![(Operator::Lrn(config), Activation::Linear), (Operator::Fc(fc(2)), Activation::Linear)];
    let mut network = open(&chain(shape(3, 1, 1), cells, 1), 1).expect("a valid network");
    network.infer(&[1.0, -2.0, 4.0], 1);
    // Sums 1 + (1 + 4)/2, 1 + (1 + 4 + 16)/2, 1 + (4 + 16)/2.
    let expected = [1.0 / (3.5f32 * 3.5), -2.0 / (11.5 * 11.5), 4.0 / (11.0 * 11.0)];
    for (found, expected) in network.output(0).iter().zip(expected) {
        assert!((found - expected).abs() <= ROUNDING_32 * expected.abs(), "expected {expected}, found {found}");
    }
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let strong = LrnConfig { n: 3, alpha: 0.7, beta: 0.75, k: 0.5 };
    let wide = LrnConfig { n: 8, alpha: 2.0, beta: 1.3, k: 1.0 };
    for (number, config) in [strong, wide, LrnConfig::default()].into_iter().enumerate() {
        for activation in [Activation::Linear, Activation::Swish] {
            differentiate(&network(shape(5, 2, 3), config.clone(), activation), 2, number as u64);
        }
    }
}

#[test]
fn parameters_out_of_range_are_named() {
    let check = |config: LrnConfig, expected: &str| {
        let found = open(&network(shape(2, 2, 3), config, Activation::Linear), 1).map(|_| ()).unwrap_err();
        assert_eq!(found.to_string(), expected);
    };
    check(LrnConfig { n: 0, ..LrnConfig::default() }, "cell `c1`, N: expected at least 1, found `0`");
    check(LrnConfig { alpha: -0.5, ..LrnConfig::default() }, "cell `c1`, Alpha: expected 0 or more, found `-0.5`");
    check(LrnConfig { beta: f64::NAN, ..LrnConfig::default() }, "cell `c1`, Beta: expected 0 or more, found `NaN`");
    check(LrnConfig { k: 0.0, ..LrnConfig::default() }, "cell `c1`, K: expected more than 0, found `0`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_normalization_is_the_one_defined(
        (channels, height, width) in (1usize..=7, 1usize..=4, 2usize..=5),
        n in 1usize..=9,
        (alpha, beta, k) in (0.0f64..1.0, 0.0f64..2.0, 0.1f64..3.0),
        batch in 1usize..=20,
        seed in any::<u64>(),
    ) {
        let config = LrnConfig { n, alpha, beta, k };
        compare(network(shape(channels, height, width), config, RECTIFIER), batch, seed);
    }
}
