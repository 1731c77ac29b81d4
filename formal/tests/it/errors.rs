//! What is wrong is named.

use formal::config::*;
use formal::{Device, Error, Network, Precision, State};

use crate::builder::*;

#[track_caller]
fn check(config: &NetworkConfig, expected: &str) {
    match open(config, 1) {
        Ok(_) => panic!("expected `{expected}`, found a network"),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

fn one(operator: Operator) -> NetworkConfig {
    chain(shape(2, 5, 6), vec![(operator, Activation::Linear)], 4)
}

#[test]
fn sizes_that_do_not_fit_name_the_cell_what_was_expected_and_what_was_found() {
    check(
        &one(Operator::Conv(conv(3, 7, 2))),
        "cell `c0`, KernelWidth: expected at most 6 (the input's 6 and the padding), found 7",
    );
    let dilated = ConvConfig { dilation: size(1, 4), padding: size(0, 1), ..conv(3, 2, 3) };
    check(
        &one(Operator::Conv(dilated)),
        "cell `c0`, KernelHeight: expected at most 7 (the input's 5 and the padding), found 9",
    );
    check(
        &one(Operator::Pool(pool(Pooling::Max, 2, 2, 6))),
        "cell `c0`, PoolHeight: expected at most 5 (the input's 5 and the padding), found 6",
    );
    let mapped = ConvConfig { mapping: Some(vec![true; 5]), ..conv(3, 2, 2) };
    check(&one(Operator::Conv(mapped)), "cell `c0`, Mapping: expected 3 outputs x 2 channels = 6 items, found 5 items");
    let grouped = Operator::Softmax(SoftmaxConfig { with_loss: true, group_size: 3 });
    check(&one(grouped), "cell `c0`, GroupSize: expected a divisor of its 2 channels, found 3");
    check(
        &one(Operator::Fc(fc(usize::MAX))),
        &format!("cell `c0`, weights: expected 1 to 2147483647 elements, found {} x 60", usize::MAX),
    );
    check(&one(Operator::Fc(fc(0))), "cell `c0`, weights: expected 1 to 2147483647 elements, found 0 x 60");
    let mut config = zoo(4);
    config.cells[3].inputs = vec![Source::Cell(1), Source::Cell(0)];
    check(&config, "cell `mixed`, Input: expected maps of 4 x 4 as its first input, found 9 x 8");
}

#[test]
fn parameters_out_of_range_are_named() {
    let conv_with = |change: fn(&mut ConvConfig)| {
        let mut config = conv(3, 2, 2);
        change(&mut config);
        one(Operator::Conv(config))
    };
    check(&conv_with(|conv| conv.stride.width = 0), "cell `c0`, Stride: expected at least 1, found `0`");
    check(&conv_with(|conv| conv.kernel.height = 0), "cell `c0`, window size: expected at least 1, found `0`");
    check(&conv_with(|conv| conv.sub_sample.width = 0), "cell `c0`, SubSample: expected at least 1, found `0`");
    check(
        &conv_with(|conv| conv.weights_filler = Filler::Normal { mean: 0.0, std_dev: -1.0 }),
        "cell `c0`, StdDev: expected 0 or more, found `-1`",
    );
    check(
        &conv_with(|conv| {
            conv.bias_solver = SgdConfig { iteration_size: 0, ..SgdConfig::default() }.into();
        }),
        "cell `c0`, IterationSize: expected at least 1, found `0`",
    );
    check(
        &one(Operator::Dropout(DropoutConfig { rate: 1.0 })),
        "cell `c0`, Dropout: expected 0 or more and less than 1, found `1`",
    );
    let mut config = zoo(4);
    config.cells[0].activation = Activation::Rectifier { leak_slope: f32::NAN, clipping: 0.0 };
    check(&config, "cell `stem`, ActivationFunction.LeakSlope: expected a finite number, found `NaN`");
    let mut config = zoo(4);
    config.cells[7].activation = Activation::Swish;
    check(&config, "cell `softmax`, ActivationFunction: expected none behind a softmax, found `Swish`");
}

#[test]
fn a_network_without_order_is_refused() {
    let mut config = zoo(4);
    config.cells[2].inputs = vec![Source::Cell(2)];
    check(
        &config,
        "cell `average`, Input: expected the stimuli or cells that stand before it, found cell 2 of the 2 before it",
    );
    let mut config = zoo(4);
    config.cells[2].inputs = vec![];
    check(&config, "cell `average`, Input: expected the stimuli or cells that stand before it, found none");
    let mut config = zoo(4);
    config.cells[2].name = "max".into();
    check(&config, "expected a name for each cell, found `max` twice; rename one of them");
    let mut config = zoo(4);
    config.targets[0].cell = 8;
    check(&config, "target: expected the index of a cell, below 8, found 8");
    config.targets.clear();
    check(&config, "expected at least one target, found none");
    let mut config = zoo(4);
    config.targets.push(config.targets[0].clone());
    check(&config, "cell `softmax`: expected one target, found two; their errors would contradict each other");
    let mut config = zoo(4);
    config.batch_size = 0;
    check(&config, "batch size: expected at least 1, found 0");
    config.cells.clear();
    check(&config, "expected at least one cell, found none");
    let mut config = zoo(4);
    config.input.width = 0;
    check(&config, "expected stimuli with at least one channel, row and column, found 2 channels of 0 x 8");
}

#[test]
fn weights_that_do_not_fit_change_nothing() {
    let mut network = open(&zoo(4), 1).expect("a valid network");
    let before = network.weights(0).expect("weights").to_vec();
    let mut check = |cell: usize, values: &[f32], expected: &str| {
        let error = network.set_weights(cell, values).expect_err("wrong weights");
        assert_eq!(error.to_string(), expected);
    };
    check(1, &[], "cell 1 has no weights");
    check(0, &before[1..], "stem.weights: expected 72 values, found 71; the file belongs to another network");
    let mut infinite = before.clone();
    infinite[7] = f32::INFINITY;
    check(0, &infinite, "stem.weights: expected finite values, found inf at index 7");
    assert_eq!(network.weights(0), Some(before.as_slice()));
}

#[test]
fn weights_of_unconnected_pairs_stay_zero() {
    let mut config = zoo(4);
    solve(&mut config, SgdConfig { momentum: 0.9, decay: 0.01, ..SgdConfig::default() });
    let mut network = open(&config, 1).expect("a valid network");
    let unconnected = |network: &Network| {
        let weights = network.weights(3).expect("weights");
        weights.chunks_exact(6).enumerate().filter(|(pair, _)| pair % 3 == 0).all(|(_, kernel)| kernel == [0.0; 6])
    };
    assert!(unconnected(&network));
    let ones = vec![1.0; 5 * 8 * 6];
    network.set_weights(3, &ones).expect("weights that fit");
    assert!(unconnected(&network));
    network.learn(&noise(1, 4 * 144), &labels(2, 4, 3), 0);
    assert!(unconnected(&network) && network.weights(3) != Some(ones.as_slice()));
}

#[test]
fn a_state_of_another_network_changes_nothing() {
    let mut config = zoo(4);
    solve(&mut config, SgdConfig { momentum: 0.9, ..SgdConfig::default() });
    let mut network = open(&config, 1).expect("a valid network");
    network.learn(&noise(1, 4 * 144), &labels(2, 4, 3), 0);
    let state = network.state();
    let refuse = |network: &mut Network, change: fn(&mut State), expected: &str| {
        let mut wrong = state.clone();
        change(&mut wrong);
        assert_eq!(network.restore(&wrong).expect_err("a wrong state").to_string(), expected);
        assert_eq!(network.state(), state);
    };
    refuse(
        &mut network,
        |state| drop(state.tensors.remove(0)),
        "training state: expected `stem.weights.momentum`, found none; the state belongs to another network or solver",
    );
    refuse(
        &mut network,
        |state| drop(state.counters.pop()),
        "training state: expected `output.bias.accumulated`, found none; the state belongs to another network or solver",
    );
    refuse(
        &mut network,
        |state| state.tensors[1].data.push(0.0),
        "stem.bias.momentum: expected 4 values, found 5; the file belongs to another network",
    );
    refuse(
        &mut network,
        |state| state.counters.push(("conv9.weights.iterations".into(), 1)),
        "training state: found `conv9.weights.iterations`, which this network does not have; it belongs to another one",
    );
    network.restore(&state).expect("its own state");
}

#[test]
fn a_device_that_is_not_there_is_refused() {
    let refused = Network::on(Device::Cuda(Precision::F32), &zoo(4), 1).err();
    match formal::open_cuda(Precision::F32) {
        Ok(_) => assert_eq!(refused, None),
        Err(fault) => assert_eq!(refused, Some(Error::Cuda(fault))),
    }
}
