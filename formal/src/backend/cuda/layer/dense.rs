//! Full connections, as products of matrices.

use super::{Launch, Site, THREADS, split};
use crate::backend::cuda::machine::{Argument, Buffer, arguments};
use crate::cell::conv::Conv;

/// Blocks that keep a device busy.
const BUSY: usize = 264;

/// Terms of a sum that a tile holds.
const DEPTH: usize = 32;

/// Whether a convolution is a full connection.
pub(super) fn covers_input(conv: &Conv) -> bool {
    let same = (conv.kernel.width, conv.kernel.height) == (conv.input.width, conv.input.height);
    same && (conv.padding.width, conv.padding.height) == (0, 0) && conv.connections.is_full()
}

/// A full connection with the weights `[output][input]`.
pub(in crate::backend::cuda) struct DenseLayer {
    n_inputs: usize,
    n_outputs: usize,
}

/// `Matrix` of the kernels.
#[derive(Clone, Copy)]
struct Matrix {
    at: Buffer,
    row_step: usize,
    column_step: usize,
}

impl Matrix {
    fn rows_of(at: Buffer, n_columns: usize) -> Self {
        Self { at, row_step: n_columns, column_step: 1 }
    }

    fn transposed(self) -> Self {
        Self { row_step: self.column_step, column_step: self.row_step, ..self }
    }
}

impl Argument for Matrix {
    fn push(self, arguments: &mut Vec<u8>) {
        self.at.push(arguments);
        self.row_step.push(arguments);
        self.column_step.push(arguments);
    }
}

/// A kernel for small tiles and one for large ones, on a product of `rows` x `columns`, in `parts` parts.
fn tiled(kernels: [&'static str; 2], rows: usize, columns: usize, parts: usize, arguments: Vec<u8>) -> Launch {
    let grid = |side: usize| [columns.div_ceil(side), rows.div_ceil(side), parts];
    let large = grid(64);
    let is_large = large.iter().product::<usize>() >= BUSY;
    let grid = if is_large { large } else { grid(32) };
    Launch {
        kernel: kernels[usize::from(is_large)],
        grid: grid.map(|blocks| blocks as u32),
        block: THREADS as u32,
        arguments,
    }
}

impl DenseLayer {
    pub(super) fn new(n_inputs: usize, n_outputs: usize) -> Self {
        Self { n_inputs, n_outputs }
    }

    /// Parts of the gradients of the weights.
    fn split(&self, n: usize) -> (usize, usize) {
        let tiles = self.n_outputs.div_ceil(32) * self.n_inputs.div_ceil(32);
        let (_, share) = split(n, BUSY.div_ceil(tiles).min(n.div_ceil(DEPTH)));
        let share = share.next_multiple_of(DEPTH);
        (n.div_ceil(share).max(1), share)
    }

    pub(super) fn parts(&self, n: usize) -> [usize; 2] {
        [self.split(n).0, 1]
    }

    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, weights, bias, output, .. } = site;
        let &Self { n_inputs, n_outputs } = self;
        let (left, right) = (Matrix::rows_of(input, n_inputs), Matrix::rows_of(weights, n_inputs).transposed());
        let arguments = arguments![left, right, bias, output, n, n_outputs, n_inputs];
        tiled(["dense_forward_2", "dense_forward_4"], n, n_outputs, 1, arguments)
    }

    pub(super) fn to_weights(&self, site: &Site) -> Launch {
        let &Site { n, input, error, weights_parts, .. } = site;
        let &Self { n_inputs, n_outputs } = self;
        let (left, right) = (Matrix::rows_of(error, n_outputs).transposed(), Matrix::rows_of(input, n_inputs));
        let (parts, share) = self.split(n);
        let arguments = arguments![left, right, weights_parts, n_outputs, n_inputs, n, share];
        tiled(["dense_gradient_2", "dense_gradient_4"], n_outputs, n_inputs, parts, arguments)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, weights, sink, .. } = site;
        let &Self { n_inputs, n_outputs } = self;
        let (left, right) = (Matrix::rows_of(error, n_outputs), Matrix::rows_of(weights, n_inputs));
        let arguments = arguments![left, right, sink, n, n_inputs, n_outputs];
        tiled(["dense_back_2", "dense_back_4"], n, n_inputs, 1, arguments)
    }
}
