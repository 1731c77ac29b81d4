//! Every operator as a network of its own.
//!
//! The stimuli are rows of the unit matrix. A full connection without bias so hands its columns on, untouched, and the
//! operator gets one column a stimulus as its input; the gradients of the columns are, each on its own, the errors that the
//! operator gives back.

use formal::Shape;
use formal::config::*;

/// Stimuli of a network: few, odd, more than one.
pub const N_STIMULI: usize = 5;
/// Odd and unequal sides, so that no two axes can be taken for each other.
const SHAPE: Shape = Shape { channels: 4, height: 7, width: 9 };

/// What is wanted of a target's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Values of their own.
    Values,
    /// A class a stimulus.
    Classes,
    /// A class a position.
    Maps,
}

/// An operator with a geometry.
pub struct Operation {
    /// Kind and geometry.
    pub name: &'static str,
    /// The network; its last cell is the operator.
    pub config: NetworkConfig,
    /// What is learned, one a target.
    pub goals: Vec<Goal>,
}

fn operation(name: &'static str, inputs: &[Shape], operator: Operator, activation: Activation) -> Operation {
    let mut cells = Vec::new();
    let mut shaped = Vec::new();
    for (index, shape) in inputs.iter().enumerate() {
        let columns = FcConfig { no_bias: true, ..fc(shape.channels * shape.height * shape.width) };
        cells.push(cell(&format!("columns{index}"), vec![Source::Stimuli], Operator::Fc(columns)));
        let dims = [shape.width, shape.height, shape.channels].map(|side| side as i32);
        let source = vec![Source::Cell(cells.len() - 1)];
        cells.push(cell(&format!("input{index}"), source, Operator::Reshape(ReshapeConfig { dims })));
        shaped.push(Source::Cell(cells.len() - 1));
    }
    let last = CellConfig { activation, ..cell("operator", shaped, operator) };
    cells.push(last);
    finish(name, cells)
}

fn finish(name: &'static str, cells: Vec<CellConfig>) -> Operation {
    let targets = vec![target(cells.len() - 1)];
    let input = Shape { channels: N_STIMULI, height: 1, width: 1 };
    let config = NetworkConfig { input, cells, targets, batch_size: N_STIMULI };
    Operation { name, config, goals: vec![Goal::Values] }
}

fn target(cell: usize) -> TargetConfig {
    TargetConfig { cell, target_value: 1.0, default_value: 0.0 }
}

fn cell(name: &str, inputs: Vec<Source>, operator: Operator) -> CellConfig {
    CellConfig { name: name.into(), inputs, operator, activation: Activation::Linear }
}

/// Behind one input.
fn one(name: &'static str, operator: Operator) -> Operation {
    operation(name, &[SHAPE], operator, Activation::Linear)
}

fn size(width: usize, height: usize) -> Size {
    Size { width, height }
}

fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape { channels, height, width }
}

const UNIFORM: Filler = Filler::Uniform { min: -1.0, max: 1.0 };

fn fc(n_outputs: usize) -> FcConfig {
    FcConfig {
        n_outputs,
        no_bias: false,
        back_propagate: true,
        weights_filler: UNIFORM,
        bias_filler: UNIFORM,
        weights_solver: SolverConfig::default(),
        bias_solver: SolverConfig::default(),
        normalizes: false,
        drop_connect: 1.0,
    }
}

fn conv(n_outputs: usize, kernel: Size) -> ConvConfig {
    let FcConfig { weights_filler, bias_filler, weights_solver, bias_solver, .. } = fc(1);
    ConvConfig {
        n_outputs,
        kernel,
        stride: size(1, 1),
        padding: size(0, 0),
        dilation: size(1, 1),
        sub_sample: size(1, 1),
        mapping: None,
        no_bias: false,
        back_propagate: true,
        weights_filler,
        bias_filler,
        weights_solver,
        bias_solver,
    }
}

fn deconv(n_outputs: usize, kernel: Size) -> DeconvConfig {
    let ConvConfig { stride, padding, dilation, mapping, no_bias, back_propagate, weights_filler, .. } =
        conv(1, kernel);
    DeconvConfig {
        n_outputs,
        kernel,
        stride,
        padding,
        dilation,
        mapping,
        no_bias,
        back_propagate,
        weights_filler,
        bias_filler: UNIFORM,
        weights_solver: SolverConfig::default(),
        bias_solver: SolverConfig::default(),
    }
}

fn pool(pooling: Pooling, n_outputs: usize, mapping: Option<Vec<bool>>) -> PoolConfig {
    PoolConfig { n_outputs, pooling, window: size(2, 2), stride: size(2, 2), padding: size(0, 0), mapping }
}

/// Each channel by itself.
fn diagonal(n: usize) -> Option<Vec<bool>> {
    Some((0..n * n).map(|pair| pair / n == pair % n).collect())
}

/// Two groups of `n_outputs` and `n_channels`.
fn two_groups(n_outputs: usize, n_channels: usize) -> Option<Vec<bool>> {
    let group = |pair: usize| (2 * (pair / n_channels) / n_outputs, 2 * (pair % n_channels) / n_channels);
    Some((0..n_outputs * n_channels).map(group).map(|(output, channel)| output == channel).collect())
}

/// Some pairs of a table without a pattern.
fn scattered(n_outputs: usize, n_channels: usize) -> Option<Vec<bool>> {
    Some((0..n_outputs * n_channels).map(|pair| pair * 7 % 5 < 3).collect())
}

/// All operators, in the order in which they are checked.
pub fn all() -> Vec<Operation> {
    let mut all = convolutions();
    all.extend(poolings());
    all.extend(connections());
    all.extend(element_wise());
    all.extend(normalizations());
    all.extend(rearrangements());
    all.extend(activations());
    all.extend(targets());
    all
}

fn convolutions() -> Vec<Operation> {
    let spread = ConvConfig { stride: size(2, 1), padding: size(2, 1), dilation: size(1, 2), ..conv(5, size(3, 2)) };
    let mapped = ConvConfig { mapping: scattered(6, 4), padding: size(1, 1), ..conv(6, size(3, 3)) };
    let grouped = ConvConfig { mapping: two_groups(6, 4), ..conv(6, size(3, 3)) };
    let by_channel = ConvConfig { mapping: diagonal(4), no_bias: true, ..conv(4, size(3, 5)) };
    let sub_sampled = ConvConfig { sub_sample: size(2, 3), ..conv(3, size(2, 2)) };
    let spread_back =
        DeconvConfig { stride: size(2, 3), padding: size(1, 2), dilation: size(2, 1), ..deconv(3, size(3, 4)) };
    let mapped_back = DeconvConfig { mapping: scattered(5, 4), no_bias: true, ..deconv(5, size(3, 2)) };
    let conv_op = |name, config| one(name, Operator::Conv(config));
    vec![
        conv_op("conv 5x5", conv(6, size(5, 5))),
        conv_op("conv 1x1", conv(7, size(1, 1))),
        conv_op("conv of a whole map", conv(11, size(9, 7))),
        conv_op("conv, stride, padding, dilation", spread),
        conv_op("conv, mapping", mapped),
        conv_op("conv, groups", grouped),
        conv_op("conv, channel by channel", by_channel),
        conv_op("conv, sub-sampling", sub_sampled),
        operation(
            "conv of two inputs",
            &[SHAPE, shape(3, 7, 9)],
            Operator::Conv(conv(5, size(3, 3))),
            Activation::Linear,
        ),
        one("deconv 3x3", Operator::Deconv(deconv(5, size(3, 3)))),
        one("deconv, stride, padding, dilation", Operator::Deconv(spread_back)),
        one("deconv, mapping", Operator::Deconv(mapped_back)),
    ]
}

fn poolings() -> Vec<Operation> {
    let overlapping = |pooling| PoolConfig {
        window: size(3, 2),
        stride: size(2, 1),
        padding: size(1, 1),
        ..pool(pooling, 4, diagonal(4))
    };
    let fmp = |is_overlapping, is_pseudo_random| {
        Operator::Fmp(FmpConfig {
            n_outputs: 4,
            scaling_ratio: 1.5,
            is_overlapping,
            is_pseudo_random,
            mapping: diagonal(4),
        })
    };
    let unpool = {
        let mut operation = one("unpool", Operator::Pool(pool(Pooling::Max, 4, diagonal(4))));
        let pooled = operation.config.cells.len() - 1;
        "pool".clone_into(&mut operation.config.cells[pooled].name);
        let unpool = Operator::Unpool(UnpoolConfig { arg_max: pooled });
        operation.config.cells.push(cell("operator", vec![Source::Cell(pooled)], unpool));
        finish(operation.name, operation.config.cells)
    };
    vec![
        one("pool, greatest", Operator::Pool(pool(Pooling::Max, 4, diagonal(4)))),
        one("pool, mean", Operator::Pool(pool(Pooling::Average, 4, diagonal(4)))),
        one("pool, greatest, overlapping, padded", Operator::Pool(overlapping(Pooling::Max))),
        one("pool, mean, overlapping, padded", Operator::Pool(overlapping(Pooling::Average))),
        one("pool, greatest, mapping", Operator::Pool(pool(Pooling::Max, 3, scattered(3, 4)))),
        one("pool, mean, mapping", Operator::Pool(pool(Pooling::Average, 3, scattered(3, 4)))),
        unpool,
        one("fmp, overlapping, pseudo-random", fmp(true, true)),
        one("fmp, disjoint, random", fmp(false, false)),
    ]
}

fn connections() -> Vec<Operation> {
    let dropped = FcConfig { drop_connect: 0.5, ..fc(13) };
    let unit = FcConfig { normalizes: true, no_bias: true, ..fc(13) };
    vec![
        one("fc", Operator::Fc(fc(13))),
        operation("fc of two inputs", &[SHAPE, shape(2, 7, 9)], Operator::Fc(fc(10)), Activation::Linear),
        one("fc, some weights drawn", Operator::Fc(dropped)),
        one("fc, rows of length 1", Operator::Fc(unit)),
        one("dropout", Operator::Dropout(DropoutConfig { rate: 0.3 })),
    ]
}

fn element_wise() -> Vec<Operation> {
    let operation = |name, operation, config: ElemWiseConfig| {
        let operator = Operator::ElemWise(ElemWiseConfig { operation, ..config });
        self::operation(name, &[SHAPE, SHAPE, SHAPE], operator, Activation::Linear)
    };
    let weighted =
        || ElemWiseConfig { weights: vec![0.5, -1.5, 2.0], shifts: vec![0.25, 0.0, -0.5], ..ElemWiseConfig::default() };
    let by_channel = ElemWiseConfig {
        weights: vec![0.5, -1.5, 2.0, 1.25],
        shifts: vec![0.25, 0.0, -0.5, 1.0],
        coefficients: CoefficientMode::PerChannel,
        ..ElemWiseConfig::default()
    };
    vec![
        operation("element-wise sum", ElementOperation::Sum, weighted()),
        operation("element-wise sum, channel by channel", ElementOperation::Sum, by_channel),
        operation("element-wise sum of magnitudes", ElementOperation::AbsSum, weighted()),
        operation("element-wise Euclidean sum", ElementOperation::EuclideanSum, weighted()),
        operation("element-wise product", ElementOperation::Prod, weighted()),
        operation("element-wise maximum", ElementOperation::Max, ElemWiseConfig::default()),
    ]
}

fn normalizations() -> Vec<Operation> {
    let normalize = |norm| Operator::Normalize(NormalizeConfig { norm });
    let softmax = |with_loss, group_size| Operator::Softmax(SoftmaxConfig { with_loss, group_size });
    vec![
        one("batch normalization", Operator::BatchNorm(BatchNormConfig::default())),
        one("lrn", Operator::Lrn(LrnConfig { n: 3, alpha: 0.3, ..LrnConfig::default() })),
        one("normalize, magnitudes", normalize(ChannelNorm::L1)),
        one("normalize, length", normalize(ChannelNorm::L2)),
        one("scaling", Operator::Scaling(ScalingConfig { factor: -1.75 })),
        one("softmax", softmax(false, 0)),
        one("softmax, groups", softmax(false, 2)),
        one("softmax, its error unchanged", softmax(true, 0)),
    ]
}

fn rearrangements() -> Vec<Operation> {
    let resize =
        |width, height, interpolation| Operator::Resize(ResizeConfig { output: size(width, height), interpolation });
    let padding = |top, bottom, left, right| Operator::Padding(PaddingConfig { top, bottom, left, right });
    let tensor_flow = |align_corners| Interpolation::BilinearTensorFlow { align_corners };
    vec![
        one("padding", padding(1, 2, 3, 0)),
        one("padding, less", padding(-1, 1, 2, -2)),
        one("resize, nearest", resize(13, 5, Interpolation::Nearest)),
        one("resize, bilinear", resize(13, 11, Interpolation::Bilinear)),
        one("resize, bilinear, as TensorFlow", resize(6, 11, tensor_flow(false))),
        one("resize, bilinear, as TensorFlow with corners", resize(6, 11, tensor_flow(true))),
        one("reshape", Operator::Reshape(ReshapeConfig { dims: [7, 4, 9] })),
        one("transpose", Operator::Transpose(TransposeConfig { axes: [2, 0, 1] })),
    ]
}

fn activations() -> Vec<Operation> {
    let with = |name, activation| operation(name, &[SHAPE], Operator::Activation, activation);
    vec![
        with("linear", Activation::Linear),
        with("rectifier", Activation::Rectifier { leak_slope: 0.0, clipping: 0.0 }),
        with("rectifier, leaky, clipped", Activation::Rectifier { leak_slope: 0.1, clipping: 0.6 }),
        with("tanh", Activation::Tanh { alpha: 1.2 }),
        with("logistic", Activation::Logistic),
        with("logistic, its error unchanged", Activation::LogisticWithLoss),
        with("saturation", Activation::Saturation { threshold: 0.5 }),
        with("softplus", Activation::Softplus),
        with("swish", Activation::Swish),
    ]
}

/// What is learned from classes, and by several targets.
fn targets() -> Vec<Operation> {
    let by_class = |operation: Operation| Operation { goals: vec![Goal::Classes], ..operation };
    let by_position = |operation: Operation| Operation { goals: vec![Goal::Maps], ..operation };
    let two = {
        let mut operation = one("two targets, of which one is read by the other", Operator::Conv(conv(6, size(3, 3))));
        let first = operation.config.cells.len() - 1;
        operation.config.cells[first].activation = Activation::Tanh { alpha: 1.0 };
        operation.config.cells.push(cell("output", vec![Source::Cell(first)], Operator::Fc(fc(10))));
        operation.config.targets.push(target(first + 1));
        Operation { goals: vec![Goal::Maps, Goal::Classes], ..operation }
    };
    let softmax = |operation: Operation| {
        let mut cells = operation.config.cells;
        let last = vec![Source::Cell(cells.len() - 1)];
        cells.push(cell("softmax", last, Operator::Softmax(SoftmaxConfig { with_loss: true, group_size: 0 })));
        by_class(finish(operation.name, cells))
    };
    vec![
        softmax(one("classes, cross-entropy", Operator::Fc(fc(10)))),
        softmax(operation(
            "classes, cross-entropy with a bias of the wanted output",
            &[shape(10, 1, 1)],
            Operator::TargetBias(TargetBiasConfig { bias: -0.4 }),
            Activation::Linear,
        )),
        by_class(operation("classes, tanh", &[SHAPE], Operator::Fc(fc(10)), Activation::Tanh { alpha: 1.0 })),
        by_class(operation("two classes, logistic", &[SHAPE], Operator::Fc(fc(1)), Activation::LogisticWithLoss)),
        by_class(one("a class for all positions", Operator::Conv(conv(6, size(3, 3))))),
        by_position(one("a class a position", Operator::Conv(conv(6, size(3, 3))))),
        by_position(softmax(one("a class a position, cross-entropy", Operator::Conv(conv(6, size(3, 3)))))),
        by_position(operation(
            "two classes a position",
            &[SHAPE],
            Operator::Conv(conv(1, size(3, 3))),
            Activation::Logistic,
        )),
        two,
    ]
}
