//! Element-wise operations: by hand, by finite differences, and in every shape.

use formal::config::*;
use formal::{Shape, reference};
use proptest::prelude::*;

use crate::builder::*;
use crate::gradients::{compare, differentiate};

const OPERATIONS: [ElementOperation; 5] = [
    ElementOperation::Sum,
    ElementOperation::AbsSum,
    ElementOperation::EuclideanSum,
    ElementOperation::Prod,
    ElementOperation::Max,
];

/// Rounding of a few 32-bit operations on values of some units.
const ROUNDING_32: f32 = 1e-6;

/// Some convolutions of the stimulus, the operation on them, and a full connection.
fn joined(
    input: Shape,
    n_inputs: usize,
    config: ElemWiseConfig,
    activation: Activation,
    batch: usize,
) -> NetworkConfig {
    let source = ConvConfig { padding: size(1, 0), ..conv(2, 3, 1) };
    let named = |name: String, inputs, operator, activation| CellConfig { name, inputs, operator, activation };
    let mut cells: Vec<CellConfig> = (0..n_inputs)
        .map(|k| {
            let operator = Operator::Conv(source.clone());
            named(format!("in{k}"), vec![Source::Stimuli], operator, Activation::Tanh { alpha: 1.0 })
        })
        .collect();
    let inputs = (0..n_inputs).map(Source::Cell).collect();
    cells.push(named("joined".into(), inputs, Operator::ElemWise(config), activation));
    cells.push(named("out".into(), vec![Source::Cell(n_inputs)], Operator::Fc(fc(3)), Activation::Linear));
    let targets = vec![TargetConfig { cell: n_inputs + 1, target_value: 1.0, default_value: 0.0 }];
    NetworkConfig { input, cells, targets, batch_size: batch }
}

fn coefficients(operation: ElementOperation, n: usize, coefficients: CoefficientMode) -> ElemWiseConfig {
    let weights = (0..n).map(|k| 1.2 - 0.7 * k as f32).collect();
    let shifts = (0..n).map(|k| 0.3 * k as f32 - 0.2).collect();
    ElemWiseConfig { operation, weights, shifts, coefficients }
}

#[test]
fn outputs_are_those_worked_out_by_hand() {
    let check = |operation, expected: [f32; 2]| {
        let constant =
            |value| ConvConfig { weights_filler: Filler::Constant { value }, no_bias: true, ..conv(1, 1, 1) };
        let config = coefficients(operation, 2, CoefficientMode::PerInput);
        let mut network = joined(shape(1, 1, 2), 2, config, Activation::Linear, 1);
        for (cell, value) in [(0, 1.0), (1, -2.0)] {
            network.cells[cell].operator = Operator::Conv(constant(value));
            network.cells[cell].activation = Activation::Linear;
        }
        let mut network = open(&network, 1).expect("a valid network");
        network.infer(&[3.0, -1.0], 1);
        for (found, expected) in network.output(2).iter().zip(expected) {
            assert!((found - expected).abs() <= ROUNDING_32 * expected.abs(), "{operation:?}: {expected}, {found}");
        }
    };
    // Weights 1.2 and 0.5, shifts -0.2 and 0.1; inputs 3 and -6, -1 and 2.
    check(ElementOperation::Sum, [3.6 - 0.2 - 3.0 + 0.1, -1.2 - 0.2 + 1.0 + 0.1]);
    check(ElementOperation::AbsSum, [3.6 + 3.0, 1.2 + 1.0]);
    check(ElementOperation::EuclideanSum, [(3.4f32 * 3.4 + 2.9 * 2.9).sqrt(), (1.4f32 * 1.4 + 1.1 * 1.1).sqrt()]);
    check(ElementOperation::Prod, [-18.0, -2.0]);
    check(ElementOperation::Max, [3.0, 2.0]);
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let leaky = Activation::Rectifier { leak_slope: 0.1, clipping: 0.9 };
    for operation in OPERATIONS {
        for (n_inputs, activation) in [(1, Activation::Linear), (2, leaky), (3, Activation::Tanh { alpha: 0.8 })] {
            let given = coefficients(operation, n_inputs, CoefficientMode::PerInput);
            let default = ElemWiseConfig { operation, ..ElemWiseConfig::default() };
            for config in [given, default, coefficients(operation, 2, CoefficientMode::PerChannel)] {
                differentiate(&joined(shape(1, 3, 5), n_inputs, config, activation, 2), 2, n_inputs as u64);
            }
        }
    }
}

/// A residual block: the stem's output goes around a convolution and is added to what comes out of it.
#[test]
fn a_short_cut_learns_as_defined() {
    let block = ConvConfig { padding: size(1, 1), ..conv(3, 3, 3) };
    let named =
        |name: &str, inputs, operator, activation| CellConfig { name: name.into(), inputs, operator, activation };
    let sum = Operator::ElemWise(ElemWiseConfig::default());
    let cells = vec![
        named("stem", vec![Source::Stimuli], Operator::Conv(block.clone()), RECTIFIER),
        named("branch", vec![Source::Cell(0)], Operator::Conv(block.clone()), Activation::Linear),
        named("sum", vec![Source::Cell(0), Source::Cell(1)], sum.clone(), RECTIFIER),
        // The same map twice.
        named("twice", vec![Source::Cell(2), Source::Cell(2)], sum, Activation::Linear),
        named("out", vec![Source::Cell(3)], Operator::Fc(fc(3)), Activation::Linear),
    ];
    let targets = vec![TargetConfig { cell: 4, target_value: 1.0, default_value: 0.0 }];
    let config = NetworkConfig { input: shape(2, 5, 7), cells, targets, batch_size: 20 };
    differentiate(&config, 3, 1);
    compare(config, 20, 1);
}

#[test]
fn inputs_of_different_shapes_and_coefficients_of_the_wrong_number_are_named() {
    let check = |config: &NetworkConfig, expected: &str| {
        assert_eq!(open(config, 1).map(|_| ()).unwrap_err().to_string(), expected);
    };
    let two = |config| joined(shape(1, 3, 5), 2, config, Activation::Linear, 1);
    let mut config = two(ElemWiseConfig::default());
    config.cells[1].operator = Operator::Conv(ConvConfig { padding: size(1, 0), ..conv(4, 3, 1) });
    check(&config, "cell `joined`, Input: expected 2 channels of 5 x 3 as its first input, found 4 channels of 5 x 3");
    check(
        &two(coefficients(ElementOperation::Sum, 3, CoefficientMode::PerInput)),
        "cell `joined`, Weights: expected a value for each of its 2 inputs, found 3",
    );
    let shifted =
        ElemWiseConfig { shifts: vec![1.0; 3], coefficients: CoefficientMode::PerChannel, ..Default::default() };
    check(&two(shifted), "cell `joined`, Shifts: expected a value for each of its 2 channels, found 3");
    check(
        &two(ElemWiseConfig { weights: vec![1.0, f32::NAN], ..Default::default() }),
        "cell `joined`, Weights: expected finite numbers, found `NaN`",
    );
}

#[test]
fn the_first_of_equal_maxima_gets_the_error() {
    let mut config = joined(
        shape(1, 1, 1),
        2,
        ElemWiseConfig { operation: ElementOperation::Max, ..ElemWiseConfig::default() },
        Activation::Linear,
        1,
    );
    for cell in [0, 1] {
        let weights_filler = Filler::Constant { value: 0.5 };
        config.cells[cell].operator = Operator::Conv(ConvConfig { weights_filler, no_bias: true, ..conv(1, 1, 1) });
    }
    let network = open(&config, 1).expect("a valid network");
    let gradients = reference::Network::new(&network).learn(&[1.0], &[Some(0)], 0);
    assert!(gradients.weights[0][0] != 0.0 && gradients.weights[1][0] == 0.0, "{gradients:?}");
    compare(config, 1, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_operation_is_the_one_defined(
        (height, width) in (1usize..=5, 1usize..=9),
        n_inputs in 1usize..=4,
        operation in prop::sample::select(OPERATIONS.to_vec()),
        per_channel in any::<bool>(),
        leak_slope in 0.0f32..0.3,
        n in 1usize..=20,
        seed in any::<u64>(),
    ) {
        let config = match per_channel {
            true => coefficients(operation, 2, CoefficientMode::PerChannel),
            false => coefficients(operation, n_inputs, CoefficientMode::PerInput),
        };
        let activation = Activation::Rectifier { leak_slope, clipping: 0.0 };
        compare(joined(shape(2, height, width), n_inputs, config, activation, 20), n, seed);
    }
}
