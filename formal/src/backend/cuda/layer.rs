//! Cells made ready: their constants lie in the memory of the device, and they tell what is launched.
mod conv;
mod dense;
mod elements;
mod normalize;
mod pool;

use stimuli::Operation;

use super::machine::{Argument, Buffer, Launch, Machine, MachineFault, Order};
use super::memory::Arena;
use crate::cell::margin::TargetBias;
use crate::cell::{Cell, Operator, size};
use crate::config::Activation;
use crate::error::Error;
pub(super) use conv::sub_sampling;
use conv::{ConvLayer, DeconvLayer};
use dense::DenseLayer;
use elements::{DropoutLayer, ElemWiseLayer, TapsLayer, ThresholdLayer};
use normalize::{BatchNormLayer, LrnLayer, NormalizeLayer, SoftmaxLayer};
use pool::{PoolLayer, UnpoolLayer};
pub(super) use pool::{cut, n_edges};

/// Threads of a block.
const THREADS: usize = 256;

/// The most rows of blocks of a grid, along y.
const MOST_ROWS: usize = 65_535;

/// What a cell computes with: buffers of values are `[n][c][y][x]`.
#[derive(Clone, Copy)]
pub(super) struct Site {
    /// Stimuli.
    pub(super) n: usize,
    /// Whether the batch is learned: random draws are made, and batches followed.
    pub(super) learns: bool,
    pub(super) input: Buffer,
    pub(super) output: Output,
    /// Of the outputs, led through the activation.
    pub(super) error: Buffer,
    pub(super) sink: Sink,
    /// [`Layer::kept`] bytes.
    pub(super) kept: Buffer,
    /// What the pooling kept whose winners the cell needs.
    pub(super) winners: Buffer,
    /// Those that take part.
    pub(super) weights: Buffer,
    pub(super) bias: Buffer,
    /// Gradients of the parts of a batch, [`Layer::parts`] of them.
    pub(super) weights_parts: Buffer,
    pub(super) bias_parts: Buffer,
    /// Running means and variances.
    pub(super) statistics: Buffer,
    pub(super) draw: Draw,
    /// A class a stimulus.
    pub(super) labels: Buffer,
}

/// What is random in a learning step.
#[derive(Clone, Copy)]
pub(super) struct Draw {
    /// Key of the cell's random words.
    pub(super) key: Buffer,
    /// The number of the step.
    pub(super) step: Buffer,
    /// Windows that were cut for the step.
    pub(super) windows: Buffer,
}

/// Where the results of a cell go: `Output` of the kernels.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub(super) to: Buffer,
    pub(super) sums: Buffer,
    pub(super) activation: Activation,
}

impl Argument for Output {
    fn push(self, arguments: &mut Vec<u8>) {
        self.to.push(arguments);
        self.sums.push(arguments);
        self.activation.push(arguments);
        0u32.push(arguments);
    }
}

/// Where the errors of a cell's inputs go: `Sink` of the kernels.
#[derive(Clone, Copy)]
pub(super) struct Sink {
    pub(super) to: Buffer,
    pub(super) outputs: Buffer,
    pub(super) sums: Buffer,
    pub(super) adds: bool,
    pub(super) activation: Activation,
}

impl Sink {
    /// Errors that are led on later.
    pub(super) fn plain(to: Buffer) -> Self {
        let activation = Activation::Linear;
        Self { to, outputs: Buffer::NONE, sums: Buffer::NONE, adds: false, activation }
    }

    /// What the errors go through.
    pub(super) fn passed(self) -> Activation {
        let is_linear = self.activation == Activation::LogisticWithLoss;
        if is_linear { Activation::Linear } else { self.activation }
    }
}

impl Argument for Sink {
    fn push(self, arguments: &mut Vec<u8>) {
        self.to.push(arguments);
        self.outputs.push(arguments);
        self.sums.push(arguments);
        self.adds.push(arguments);
        self.passed().push(arguments);
    }
}

impl Argument for Activation {
    fn push(self, arguments: &mut Vec<u8>) {
        let (kind, first, second) = match self {
            Self::Linear => (0u32, 0.0, 0.0),
            Self::Rectifier { leak_slope, clipping } => {
                (1, leak_slope, if clipping > 0.0 { clipping } else { f32::INFINITY })
            }
            Self::Tanh { alpha } => (2, alpha, 0.0),
            Self::Logistic => (3, 0.0, 0.0),
            Self::LogisticWithLoss => (4, 0.0, 0.0),
            Self::Saturation { threshold } => (5, threshold, 0.0),
            Self::Softplus => (6, 0.0, 0.0),
            Self::Swish => (7, 0.0, 0.0),
        };
        kind.push(arguments);
        first.push(arguments);
        second.push(arguments);
    }
}

/// The operator of a cell.
pub(super) enum Layer {
    Conv(ConvLayer),
    Deconv(DeconvLayer),
    /// Full connections, among them convolutions whose kernel covers the input.
    Dense(DenseLayer),
    Pool(PoolLayer),
    Unpool(UnpoolLayer),
    Lrn(LrnLayer),
    Softmax(SoftmaxLayer),
    Dropout(DropoutLayer),
    ElemWise(ElemWiseLayer),
    BatchNorm(BatchNormLayer),
    Taps(TapsLayer),
    Threshold(ThresholdLayer),
    Normalize(NormalizeLayer),
    TargetBias(TargetBias),
}

impl Layer {
    /// Brings what does not change to the device.
    pub(super) fn new<M: Machine>(cell: &Cell, memory: &mut Arena<M>) -> Result<Self, Error> {
        let refused = |what: String| Err(Error::OnDevice { cell: cell.name.clone(), what });
        if cell.input.channels.max(cell.output.channels) > MOST_ROWS
            && matches!(cell.operator, Operator::Conv(_) | Operator::Deconv(_))
        {
            return refused(format!("convolutions of more than {MOST_ROWS} channels"));
        }
        let layer = match &cell.operator {
            Operator::Conv(conv) if dense::covers_input(conv) => {
                Ok(Self::Dense(DenseLayer::new(size(conv.input), conv.sums.channels)))
            }
            Operator::Conv(conv) => ConvLayer::new(conv, memory).map(Self::Conv),
            Operator::Deconv(deconv) => DeconvLayer::new(deconv, memory).map(Self::Deconv),
            Operator::Fc(fc) => Ok(Self::Dense(DenseLayer::new(fc.n_inputs, fc.output.channels))),
            Operator::Pool(pool) => PoolLayer::new(pool, memory).map(Self::Pool),
            Operator::Unpool(unpool) => UnpoolLayer::new(unpool, memory).map(Self::Unpool),
            Operator::Fmp(fmp) => PoolLayer::fractional(fmp, memory).map(Self::Pool),
            Operator::Lrn(lrn) => Ok(Self::Lrn(LrnLayer(lrn.clone()))),
            Operator::Softmax(softmax) => Ok(Self::Softmax(SoftmaxLayer(softmax.clone()))),
            Operator::Dropout(dropout) => Ok(Self::Dropout(DropoutLayer(dropout.clone()))),
            Operator::ElemWise(elem_wise) => ElemWiseLayer::new(elem_wise, memory).map(Self::ElemWise),
            Operator::BatchNorm(norm) => Ok(Self::BatchNorm(BatchNormLayer(norm.clone()))),
            Operator::Taps(taps) => TapsLayer::new(taps, size(cell.input), memory).map(Self::Taps),
            Operator::Transformation(transformation) => match transformation.operation() {
                Operation::Threshold(threshold) => {
                    Ok(Self::Threshold(ThresholdLayer::new(threshold, size(cell.output))))
                }
                other => return refused(format!("{}Transformation as a layer", other.name())),
            },
            Operator::Normalize(normalize) => Ok(Self::Normalize(NormalizeLayer(normalize.clone()))),
            Operator::TargetBias(bias) => Ok(Self::TargetBias(bias.clone())),
        };
        layer.map_err(Error::from)
    }

    /// Bytes that the cell keeps from its way forward to its way back, for `n` stimuli.
    pub(super) fn kept(&self, n: usize) -> usize {
        match self {
            Self::Pool(layer) => layer.kept(n),
            Self::Lrn(layer) => layer.kept(n),
            Self::BatchNorm(layer) => layer.kept(),
            _ => 0,
        }
    }

    /// Parts of `n` stimuli whose gradients are summed apart, then together: of the weights and of the bias.
    pub(super) fn parts(&self, n: usize) -> [usize; 2] {
        match self {
            Self::Conv(layer) => layer.parts(n),
            Self::Deconv(layer) => layer.parts(n),
            Self::Dense(layer) => layer.parts(n),
            _ => [1, 1],
        }
    }

    /// The most [`Layer::parts`] of up to `n` stimuli.
    pub(super) fn most_parts(&self, n: usize) -> [usize; 2] {
        (0..=n).map(|n| self.parts(n)).fold([1, 1], |most, parts| [most[0].max(parts[0]), most[1].max(parts[1])])
    }

    /// From the inputs to the outputs.
    pub(super) fn forward(&self, site: &Site) -> Vec<Launch> {
        match self {
            Self::Conv(layer) => vec![layer.forward(site)],
            Self::Deconv(layer) => vec![layer.forward(site)],
            Self::Dense(layer) => vec![layer.forward(site)],
            Self::Pool(layer) => vec![layer.forward(site)],
            Self::Unpool(layer) => vec![layer.forward(site)],
            Self::Lrn(layer) => vec![layer.forward(site)],
            Self::Softmax(layer) => vec![layer.forward(site)],
            Self::Dropout(layer) => vec![layer.forward(site)],
            Self::ElemWise(layer) => vec![layer.forward(site)],
            Self::BatchNorm(layer) => layer.forward(site),
            Self::Taps(layer) => vec![layer.forward(site)],
            Self::Threshold(layer) => vec![layer.forward(site)],
            Self::Normalize(layer) => vec![layer.forward(site)],
            Self::TargetBias(layer) => vec![elements::target_bias(layer, site)],
        }
    }

    /// From the errors of the outputs to the gradients of the weights, and of a bias that is not a sum of errors.
    pub(super) fn to_weights(&self, site: &Site) -> Vec<Launch> {
        match self {
            Self::Conv(layer) => vec![layer.to_weights(site).aside()],
            Self::Deconv(layer) => vec![layer.to_weights(site).aside()],
            Self::Dense(layer) => vec![layer.to_weights(site).aside()],
            // What it finds, the errors of the inputs need.
            Self::BatchNorm(layer) => vec![layer.to_weights(site)],
            _ => Vec::new(),
        }
    }

    /// From the errors of the outputs to those of the inputs, which lie together.
    pub(super) fn to_inputs(&self, site: &Site) -> Vec<Launch> {
        match self {
            Self::Conv(layer) => vec![layer.to_inputs(site)],
            Self::Deconv(layer) => vec![layer.to_inputs(site)],
            Self::Dense(layer) => vec![layer.to_inputs(site)],
            Self::Pool(layer) => vec![layer.to_inputs(site)],
            Self::Unpool(layer) => vec![layer.to_inputs(site)],
            Self::Lrn(layer) => vec![layer.to_inputs(site)],
            Self::Softmax(layer) => vec![layer.to_inputs(site)],
            Self::Dropout(layer) => vec![layer.to_inputs(site)],
            Self::ElemWise(layer) => vec![layer.to_inputs(site)],
            Self::BatchNorm(layer) => vec![layer.to_inputs(site)],
            Self::Taps(layer) => vec![layer.to_inputs(site)],
            // No error passes it.
            Self::Threshold(_) => Vec::new(),
            Self::Normalize(layer) => vec![layer.to_inputs(site)],
            Self::TargetBias(layer) => vec![elements::pass_back(site, size(layer.shape))],
        }
    }
}

impl From<MachineFault> for Error {
    fn from(fault: MachineFault) -> Self {
        Self::Device { fault: fault.to_string() }
    }
}

/// A thread for each of `n`.
pub(super) fn each(kernel: &'static str, n: usize, arguments: Vec<u8>) -> Launch {
    each_of(kernel, n, 1, arguments)
}

/// A thread for each of `n`, and that in each of `rows` rows of blocks.
fn each_of(kernel: &'static str, n: usize, rows: usize, arguments: Vec<u8>) -> Launch {
    Launch {
        kernel,
        grid: [n.div_ceil(THREADS) as u32, rows as u32, 1],
        block: THREADS as u32,
        arguments,
        order: Order::InTurn,
    }
}

/// A block for each of `n`.
pub(super) fn block_each(kernel: &'static str, n: usize, arguments: Vec<u8>) -> Launch {
    Launch { kernel, grid: [n as u32, 1, 1], block: THREADS as u32, arguments, order: Order::InTurn }
}

/// Rows of indices, one after the other: where each starts and ends, and the indices.
fn rows<M: Machine>(
    rows: impl Iterator<Item = Vec<usize>>,
    memory: &mut Arena<M>,
) -> Result<(Buffer, Buffer), MachineFault> {
    let (mut starts, mut links) = (vec![0u32], Vec::new());
    for row in rows {
        links.extend(row.into_iter().map(|index| index as u32));
        starts.push(links.len() as u32);
    }
    Ok((memory.table(&starts)?, memory.table(&links)?))
}

/// Parts of `n` stimuli, at most `most`, that are of one size but for the last: how many, and their size.
fn split(n: usize, most: usize) -> (usize, usize) {
    let share = n.div_ceil(most.clamp(1, n.max(1))).max(1);
    (n.div_ceil(share).max(1), share)
}
