//! The rows of neurons that one spike reaches, and their weights.

use super::{Isa, LANES, Lanes, Mask};

/// Rows of neurons that a spike reaches, from the last on the map up, with their weights. At least one row; each neuron is in
/// one row at most.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, F> {
    /// From the first row's first weight on; after the last row's last come [`LANES`] more of anything.
    pub(crate) weights: &'a [F],
    /// Weights of a row: as many as its masks have bits.
    pub(crate) n_weights: usize,
    /// From one row's weights to the next's.
    pub(crate) weight_step: usize,
    /// Lanes that each step of a row reaches; all rows share them.
    pub(crate) masks: &'a [Mask],
    /// Whether a step's weights lie as its lanes do.
    pub(crate) is_dense: bool,
    pub(crate) n_rows: usize,
    /// First neuron of the first row.
    pub(crate) first: usize,
    /// Neurons from one row back to the next.
    pub(crate) neuron_step: usize,
}

impl<'a, F: Lanes> Rows<'a, F> {
    /// Lanes of a row, a multiple of [`LANES`].
    #[inline(always)]
    pub(crate) fn n_lanes(&self) -> usize {
        self.masks.len() * LANES
    }

    /// An interval of neurons that holds all rows.
    #[inline(always)]
    pub(crate) fn span(&self) -> (usize, usize) {
        (self.first - (self.n_rows - 1) * self.neuron_step, self.first + self.n_lanes())
    }

    /// First neuron and weights of each row.
    #[inline(always)]
    pub(crate) fn each(self) -> impl Iterator<Item = (usize, RowWeights<'a, F>)> {
        (0..self.n_rows).map(move |row| {
            let weights = &self.weights[row * self.weight_step..][..self.n_weights];
            (self.first - row * self.neuron_step, RowWeights { rest: weights, is_dense: self.is_dense })
        })
    }
}

/// The weights of a row that no step has taken yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowWeights<'a, F> {
    rest: &'a [F],
    is_dense: bool,
}

impl<F: Lanes> RowWeights<'_, F> {
    /// Takes those of the next step: one for each lane that it reaches, in its lane.
    #[inline(always)]
    pub(crate) fn take<I: Isa>(&mut self, reached: Mask) -> [F; LANES] {
        if self.is_dense {
            // All steps but the last are whole.
            if let Some((step, rest)) = self.rest.split_first_chunk() {
                self.rest = rest;
                return *step;
            }
            return I::load(self.rest);
        }
        let (step, rest) = self.rest.split_at(reached.count_ones() as usize);
        self.rest = rest;
        I::spread(step, reached)
    }
}
