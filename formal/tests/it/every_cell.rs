//! Every cell with every activation on an odd geometry: gradients against the slopes of the loss, and the fast network
//! against the naive one.

use formal::NetworkConfig;
use formal::config::*;

use crate::builder::*;
use crate::gradients::{compare, differentiate};

const TANH: Activation = Activation::Tanh { alpha: 1.0 };

/// One of each kind, and of those with a kink both sides of it.
fn activations() -> Vec<Activation> {
    vec![
        Activation::Linear,
        Activation::Rectifier { leak_slope: 0.0, clipping: 0.0 },
        Activation::Rectifier { leak_slope: 0.2, clipping: 0.6 },
        Activation::Tanh { alpha: 0.8 },
        Activation::Tanh { alpha: 1.7159 * 2.0 / 3.0 },
        Activation::Logistic,
        Activation::Saturation { threshold: 0.4 },
        Activation::Softplus,
        Activation::Swish,
    ]
}

/// Two convolutions of the stimulus give four maps of 5 x 4 together; the operators read both where they may.
const N_CHANNELS: usize = 4;

fn operators() -> Vec<Operator> {
    let every = |n: usize, left_out: usize| Some((0..n).map(|pair| pair % left_out != 1).collect());
    let diagonal = |n: usize| Some((0..n * n).map(|pair| pair / n == pair % n).collect());
    let strided = ConvConfig { stride: size(2, 1), padding: size(2, 1), mapping: every(12, 5), ..conv(3, 3, 2) };
    let dilated = ConvConfig { dilation: size(1, 2), padding: size(0, 2), no_bias: true, ..conv(2, 2, 3) };
    let sub_sampled = ConvConfig { sub_sample: size(2, 3), padding: size(1, 0), ..conv(2, 3, 1) };
    let depth_wise = ConvConfig { mapping: diagonal(N_CHANNELS), padding: size(1, 1), ..conv(N_CHANNELS, 3, 3) };
    let covering = conv(3, 5, 4);
    let reversed = DeconvConfig { stride: size(2, 3), padding: size(1, 2), mapping: every(8, 4), ..deconv(2, 3, 4) };
    let spread = DeconvConfig { dilation: size(2, 1), ..deconv(2, 2, 2) };
    let overlapping = |pooling| PoolConfig {
        stride: size(1, 2),
        padding: size(2, 1),
        mapping: every(12, 4),
        ..pool(pooling, 3, 3, 2)
    };
    let fmp = FmpConfig {
        n_outputs: 2,
        scaling_ratio: 1.4,
        is_overlapping: true,
        is_pseudo_random: false,
        mapping: every(8, 3),
    };
    let lrn = LrnConfig { n: 3, alpha: 0.3, beta: 0.6, k: 1.5 };
    let resize = |interpolation| Operator::Resize(ResizeConfig { output: size(3, 6), interpolation });
    vec![
        Operator::Conv(strided),
        Operator::Conv(dilated),
        Operator::Conv(sub_sampled),
        Operator::Conv(depth_wise),
        Operator::Conv(covering),
        Operator::Deconv(reversed),
        Operator::Deconv(spread),
        Operator::Pool(overlapping(Pooling::Max)),
        Operator::Pool(overlapping(Pooling::Average)),
        Operator::Fmp(fmp),
        Operator::Lrn(lrn),
        Operator::Fc(fc(4)),
        Operator::Fc(FcConfig { drop_connect: 0.7, ..fc(3) }),
        Operator::Dropout(DropoutConfig { rate: 0.4 }),
        Operator::BatchNorm(BatchNormConfig::default()),
        Operator::Padding(PaddingConfig { top: -1, bottom: 2, left: 1, right: -2 }),
        resize(Interpolation::Nearest),
        resize(Interpolation::Bilinear),
        resize(Interpolation::BilinearTensorFlow { align_corners: true }),
        Operator::Reshape(ReshapeConfig { dims: [4, -1, 2] }),
        Operator::Transpose(TransposeConfig { axes: [2, 0, 1] }),
        Operator::Activation,
        Operator::Normalize(NormalizeConfig { norm: ChannelNorm::L1 }),
        Operator::Normalize(NormalizeConfig { norm: ChannelNorm::L2 }),
        Operator::Scaling(ScalingConfig { factor: -1.3 }),
        Operator::TargetBias(TargetBiasConfig { bias: -0.4 }),
    ]
}

fn named(name: &str, inputs: Vec<Source>, operator: Operator, activation: Activation) -> CellConfig {
    CellConfig { name: name.into(), inputs, operator, activation }
}

/// The two convolutions and the cells behind them, the last of which is compared with the classes.
fn behind_two(cells: Vec<CellConfig>) -> NetworkConfig {
    let conv = || Operator::Conv(conv(2, 3, 2));
    let both = [named("a", vec![Source::Stimuli], conv(), TANH), named("b", vec![Source::Stimuli], conv(), TANH)];
    let cells: Vec<CellConfig> = both.into_iter().chain(cells).collect();
    let targets = vec![TargetConfig { cell: cells.len() - 1, target_value: 1.0, default_value: 0.0 }];
    NetworkConfig { input: shape(2, 5, 7), cells, targets, batch_size: 20 }
}

const BOTH: [Source; 2] = [Source::Cell(0), Source::Cell(1)];

/// Every cell, and with this activation; a full connection to the classes follows.
fn networks(activation: Activation) -> Vec<NetworkConfig> {
    let head = |before: usize| named("out", vec![Source::Cell(before)], Operator::Fc(fc(3)), Activation::Linear);
    let one =
        |inputs: &[Source], operator| behind_two(vec![named("cell", inputs.to_vec(), operator, activation), head(2)]);
    let mut networks: Vec<NetworkConfig> = operators().into_iter().map(|operator| one(&BOTH, operator)).collect();
    // A softmax has none.
    if activation == Activation::Linear {
        networks.push(one(&BOTH[..1], softmax(false)));
    }
    for operation in [
        ElementOperation::Sum,
        ElementOperation::AbsSum,
        ElementOperation::EuclideanSum,
        ElementOperation::Prod,
        ElementOperation::Max,
    ] {
        let weights = if operation == ElementOperation::Sum { vec![1.2, 0.5] } else { vec![] };
        networks.push(one(&BOTH, Operator::ElemWise(ElemWiseConfig { operation, weights, ..Default::default() })));
    }
    let max = PoolConfig { stride: size(2, 1), ..pool(Pooling::Max, 2, 3, 2) };
    networks.push(behind_two(vec![
        named("max", BOTH.to_vec(), Operator::Pool(max), Activation::Linear),
        named("between", vec![Source::Cell(2)], Operator::Conv(conv(2, 1, 1)), TANH),
        named("cell", vec![Source::Cell(3)], Operator::Unpool(UnpoolConfig { arg_max: 2 }), activation),
        head(4),
    ]));
    networks
}

#[test]
fn gradients_of_every_cell_with_every_activation_are_the_slopes_of_the_loss() {
    for (seed, activation) in activations().into_iter().enumerate() {
        for network in networks(activation) {
            differentiate(&network, 2, seed as u64 + 1);
        }
    }
}

/// The error of a target passes a logistic function unchanged, which only makes sense at the target.
#[test]
fn gradients_of_every_cell_before_a_logistic_loss_are_the_slopes_of_the_cross_entropy() {
    for mut network in networks(Activation::LogisticWithLoss) {
        network.cells.pop();
        network.targets[0].cell = network.cells.len() - 1;
        differentiate(&network, 2, 3);
    }
}

#[test]
fn every_cell_with_every_activation_is_the_one_defined() {
    for (seed, activation) in activations().into_iter().enumerate() {
        for network in networks(activation) {
            compare(network, 17, seed as u64 + 1);
        }
    }
}
