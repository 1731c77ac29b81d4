//! Transformations of images as cells: no error passes them.

use formal::config::*;
use formal::{Device, Error, Network, reference};
use stimuli::{Flip, Norm, Normalize, Operation, PadCrop, Threshold, ThresholdOperation};

use crate::builder::*;
use crate::gradients::compare;

fn threshold(operation: ThresholdOperation) -> Operator {
    Operator::Transformation(Operation::Threshold(Threshold { threshold: 0.1, otsu: false, operation, max_value: 1.5 }))
}

#[test]
fn a_threshold_compares_strictly() {
    let check = |operation, expected: [f32; 4]| {
        let config = chain(shape(1, 2, 2), vec![(threshold(operation), Activation::Linear)], 2);
        let mut network = open(&config, 1).expect("a valid network");
        network.infer(&[0.0; 8], 2);
        network.infer(&[9.0, 9.0, 9.0, 9.0, 0.1, 0.2, -3.0, 0.0], 2);
        assert_eq!(network.output(0)[4..], expected, "{operation:?}");
    };
    check(ThresholdOperation::Binary, [0.0, 1.5, 0.0, 0.0]);
    check(ThresholdOperation::BinaryInverted, [1.5, 0.0, 1.5, 1.5]);
    check(ThresholdOperation::Truncate, [0.1, 0.1, -3.0, 0.0]);
    check(ThresholdOperation::ToZero, [0.0, 0.2, 0.0, 0.0]);
    check(ThresholdOperation::ToZeroInverted, [0.1, 0.0, -3.0, 0.0]);
}

/// What stands before a transformation keeps its weights, what stands behind it learns.
#[test]
fn no_error_passes() {
    let cells = vec![
        (Operator::Conv(conv(2, 3, 2)), Activation::Tanh { alpha: 1.0 }),
        (threshold(ThresholdOperation::ToZero), Activation::Linear),
        (Operator::Fc(fc(3)), Activation::Linear),
    ];
    let config = chain(shape(2, 5, 7), cells, 20);
    let network = open(&config, 4).expect("a valid network");
    assert!(network.learns());
    let stimuli: Vec<f64> = noise(1, 3 * 70).into_iter().map(f64::from).collect();
    let gradients = reference::Network::new(&network).learn(&stimuli, &[Some(0), Some(1), Some(2)], 0);
    assert!(gradients.weights[0].iter().all(|&gradient| gradient == 0.0));
    assert!(gradients.weights[2].iter().any(|&gradient| gradient != 0.0));
    for n in [1, 3, 16, 20] {
        compare(config.clone(), n, 4);
    }
    // With the target on the transformation nothing learns, and the error is told all the same.
    let mut network = open(&chain(shape(2, 5, 7), config_cells(&config)[..2].to_vec(), 4), 4).expect("valid");
    let before = network.weights(0).expect("weights").to_vec();
    let report = network.learn(&noise(1, 70), &[Some(0)], 0);
    assert!(
        report.squared_error > 0.0 && !network.learns() && network.weights(0) == Some(before.as_slice()),
        "{report:?}"
    );
}

fn config_cells(config: &NetworkConfig) -> Vec<(Operator, Activation)> {
    config.cells.iter().map(|cell| (cell.operator.clone(), cell.activation)).collect()
}

#[test]
fn a_short_batch_behind_a_normalization_learns_as_defined() {
    let normalize = Normalize { norm: Norm::L2, value: 1.0, min: 0.0, max: 1.0, per_channel: false };
    let cells = vec![
        (Operator::Transformation(Operation::Normalize(normalize)), Activation::Linear),
        (Operator::Fc(fc(3)), Activation::Linear),
    ];
    let config = chain(shape(1, 3, 5), cells, 20);
    match open(&config, 1) {
        Err(Error::OnDevice { .. }) if device() != Device::Cpu => {}
        _ => compare(config, 3, 1),
    }
}

#[test]
fn a_transformation_may_change_the_size_but_not_draw() {
    let crop = PadCrop { width: 3, height: 2, is_additive: false, border: stimuli::Border::MinusOneReflect };
    let config = chain(shape(2, 5, 7), vec![(Operator::Transformation(Operation::PadCrop(crop)), RECTIFIER)], 4);
    let network = Network::new(&config, 1).expect("a valid network");
    assert_eq!(network.output_shape(0), shape(2, 2, 3));
    let flip = Flip { horizontal: false, vertical: false, random_horizontal: true, random_vertical: false };
    let config = chain(shape(2, 5, 7), vec![(Operator::Transformation(Operation::Flip(flip)), RECTIFIER)], 4);
    assert_eq!(
        open(&config, 1).map(|_| ()).unwrap_err().to_string(),
        "cell `c0`: Transformation: expected one without random draws, found one that draws; transform the stimuli at random, \
         in their `OnTheFlyTransformation`"
    );
}
