//! Full connections, as products of matrices.

use super::{Launch, Site, THREADS, split};
use crate::backend::cuda::machine::{Argument, Buffer, Order, arguments};
use crate::cell::conv::Conv;

/// Blocks that keep a device busy.
pub(super) const BUSY: usize = 128;

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
    from: Buffer,
    across_step: usize,
    depth_step: usize,
}

impl Matrix {
    /// Rows of `depth` elements, each summed over.
    fn deep(from: Buffer, depth: usize) -> Self {
        Self { from, across_step: depth, depth_step: 1 }
    }

    /// Rows of `across` elements, summed over all rows.
    fn wide(from: Buffer, across: usize) -> Self {
        Self { from, across_step: 1, depth_step: across }
    }
}

impl Argument for Matrix {
    fn push(self, arguments: &mut Vec<u8>) {
        self.from.push(arguments);
        self.across_step.push(arguments);
        self.depth_step.push(arguments);
    }
}

/// One of the kernels on a product of `rows` x `columns`, in `parts` parts. The last is for tiles of 64 x 64, each before it for
/// tiles of half the side: the first of those that keep a device busy, from the last on, is taken.
pub(super) fn tiled(kernels: &[&'static str], rows: usize, columns: usize, parts: usize, arguments: Vec<u8>) -> Launch {
    let mut grids = kernels.iter().rev().zip([64, 32, 16]).map(|(&kernel, side)| {
        let grid = [columns.div_ceil(side), rows.div_ceil(side), parts];
        (kernel, grid)
    });
    let mut chosen = grids.next().unwrap_or_default();
    for smaller in grids {
        if chosen.1.iter().product::<usize>() < BUSY {
            chosen = smaller;
        }
    }
    let (kernel, grid) = chosen;
    let grid = grid.map(|blocks| blocks as u32);
    Launch { kernel, grid, block: THREADS as u32, arguments, order: Order::InTurn }
}

impl DenseLayer {
    pub(super) fn new(n_inputs: usize, n_outputs: usize) -> Self {
        Self { n_inputs, n_outputs }
    }

    /// Parts of the gradients of the weights.
    fn split(&self, n: usize) -> (usize, usize) {
        let tiles = self.n_outputs.div_ceil(32) * self.n_inputs.div_ceil(32);
        let (_, share) = split(n, (2 * BUSY).div_ceil(tiles).min(n.div_ceil(DEPTH)));
        let share = share.next_multiple_of(DEPTH);
        (n.div_ceil(share).max(1), share)
    }

    pub(super) fn parts(&self, n: usize) -> [usize; 2] {
        [self.split(n).0, 1]
    }

    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, weights, bias, output, .. } = site;
        let &Self { n_inputs, n_outputs } = self;
        let (left, right) = (Matrix::deep(input, n_inputs), Matrix::deep(weights, n_inputs));
        let arguments = arguments![left, right, bias, output, n, n_outputs, n_inputs];
        tiled(&["dense_forward_1", "dense_forward_2", "dense_forward_4"], n, n_outputs, 1, arguments)
    }

    pub(super) fn to_weights(&self, site: &Site) -> Launch {
        let &Site { n, input, error, weights_parts, .. } = site;
        let &Self { n_inputs, n_outputs } = self;
        let (left, right) = (Matrix::wide(error, n_outputs), Matrix::wide(input, n_inputs));
        let (parts, share) = self.split(n);
        let arguments = arguments![left, right, weights_parts, n_outputs, n_inputs, n, share];
        tiled(&["dense_gradient_1", "dense_gradient_2", "dense_gradient_4"], n_outputs, n_inputs, parts, arguments)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, weights, sink, .. } = site;
        let &Self { n_inputs, n_outputs } = self;
        let (left, right) = (Matrix::deep(error, n_outputs), Matrix::wide(weights, n_inputs));
        let arguments = arguments![left, right, sink, n, n_inputs, n_outputs];
        tiled(&["dense_back_1", "dense_back_2", "dense_back_4"], n, n_inputs, 1, arguments)
    }
}
