//! Cells made ready for packs.

use super::conv::ConvLayer;
use super::deconv::DeconvLayer;
use super::dense::Matrix;
use super::lanes::Pack;
use super::pool::{FmpLayer, PoolLayer, UnpoolLayer};
use crate::cell::batch_norm::BatchNorm;
use crate::cell::conv::Conv;
use crate::cell::dropout::Dropout;
use crate::cell::elem_wise::ElemWise;
use crate::cell::lrn::Lrn;
use crate::cell::margin::{Normalize, TargetBias};
use crate::cell::softmax::Softmax;
use crate::cell::taps::Taps;
use crate::cell::transformation::Transformation;
use crate::cell::{Cell, Edge, Operator, size};

/// The operator of a cell.
pub(super) enum Layer {
    Conv(Box<ConvLayer>),
    Deconv(Box<DeconvLayer>),
    /// Full connections, among them convolutions whose kernel covers the input.
    Dense(Dense),
    Pool(PoolLayer),
    Unpool(UnpoolLayer),
    Fmp(FmpLayer),
    Lrn(Lrn),
    Softmax(Softmax),
    Dropout(Dropout),
    ElemWise(ElemWise),
    BatchNorm(BatchNorm),
    Taps(Taps),
    Transformation(Transformation),
    Normalize(Normalize),
    TargetBias(TargetBias),
}

impl Layer {
    pub(super) fn new(cell: &Cell) -> Self {
        match &cell.operator {
            Operator::Conv(conv) if covers_input(conv) => Self::Dense(Dense::new(size(conv.input), conv.sums.channels)),
            Operator::Conv(conv) => Self::Conv(Box::new(ConvLayer::new(conv))),
            Operator::Deconv(deconv) => Self::Deconv(Box::new(DeconvLayer::new(deconv))),
            Operator::Fc(fc) => Self::Dense(Dense::new(fc.n_inputs, fc.output.channels)),
            Operator::Pool(pool) => Self::Pool(PoolLayer::new(pool)),
            Operator::Unpool(unpool) => Self::Unpool(UnpoolLayer::new(unpool)),
            Operator::Fmp(fmp) => Self::Fmp(FmpLayer::new(fmp)),
            Operator::Lrn(lrn) => Self::Lrn(lrn.clone()),
            Operator::Softmax(softmax) => Self::Softmax(softmax.clone()),
            Operator::Dropout(dropout) => Self::Dropout(dropout.clone()),
            Operator::ElemWise(elem_wise) => Self::ElemWise(elem_wise.clone()),
            Operator::BatchNorm(norm) => Self::BatchNorm(norm.clone()),
            Operator::Taps(taps) => Self::Taps(taps.clone()),
            Operator::Transformation(transformation) => Self::Transformation(transformation.clone()),
            Operator::Normalize(normalize) => Self::Normalize(normalize.clone()),
            Operator::TargetBias(bias) => Self::TargetBias(bias.clone()),
        }
    }
}

fn covers_input(conv: &Conv) -> bool {
    let same = (conv.kernel.width, conv.kernel.height) == (conv.input.width, conv.input.height);
    same && (conv.padding.width, conv.padding.height) == (0, 0) && conv.connections.is_full()
}

/// A matrix of weights and its transpose.
pub(super) struct Dense {
    pub(super) forward: Matrix,
    pub(super) backward: Matrix,
}

impl Dense {
    fn new(n_inputs: usize, n_outputs: usize) -> Self {
        let forward = Matrix { rows: n_outputs, columns: n_inputs, row_step: n_inputs, column_step: 1 };
        let backward = Matrix { rows: n_inputs, columns: n_outputs, row_step: 1, column_step: n_inputs };
        Self { forward, backward }
    }
}

/// How a cell's inputs come together where they cannot be used as they lie: they are copied into one buffer, within
/// a border of zeros.
#[derive(Clone, Copy)]
pub(super) struct Staging {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Staging {
    pub(super) fn of(cell: &Cell, layer: &Layer) -> Option<Self> {
        let (input, (mut top, mut left)) = (cell.input, (0, 0));
        if let (Layer::Conv(_), Operator::Conv(conv)) = (layer, &cell.operator) {
            (top, left) = (conv.padding.height, conv.padding.width);
        }
        let needed = cell.sources.len() > 1 || (top, left) != (0, 0);
        needed.then_some(Self { top, left, height: input.height + 2 * top, width: input.width + 2 * left })
    }

    /// Packs of the buffer.
    pub(super) fn size(self, cell: &Cell) -> usize {
        cell.input.channels * self.height * self.width
    }

    /// Copies one input.
    pub(super) fn copy(self, edge: &Edge, from: &[Pack], to: &mut [Pack]) {
        let (height, width) = (edge.shape.height, edge.shape.width);
        for (row, from) in from.chunks_exact(width).enumerate() {
            let (channel, y) = (edge.first_channel + row / height, row % height);
            let at = (channel * self.height + self.top + y) * self.width + self.left;
            to[at..at + width].copy_from_slice(from);
        }
    }
}
