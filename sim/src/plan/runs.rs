//! Weights laid out so that one spike's row of neurons is one contiguous run.
//!
//! Neurons lie `[y][x][output]`. A spike's taps along x belong to neighboring positions, the further in the kernel the
//! earlier; so the kernel is stored reversed along x (per stride residue), outputs innermost, and the row of affected
//! neurons and the row of weights run side by side. A run that the right border cuts has a copy of its own, because what
//! follows a run must be silent: runs are read in whole chunks of [`LANES`], and the lanes past the end carry weight 0
//! and threshold infinity, as the lanes of unconnected pairs do. The left border only moves the beginning.

use std::collections::HashMap;

use super::{Arrival, Synapses, n_taps};
use crate::lanes::{Aligned, LANES};
use crate::real::Real;

#[derive(Clone, Debug)]
pub(crate) struct Runs<F> {
    /// `[channel][ky][variant]`, a variant for each (residue, number of taps cut on the right).
    weights: Aligned<F>,
    /// `[pattern][variant]`, a pattern for each set of outputs that some channel is connected to.
    thresholds: Aligned<F>,
    /// First lane of each channel's pattern.
    patterns: Vec<usize>,
    /// Lanes of all the variants of a kernel row.
    row: usize,
    /// First lane of each variant, `[residue][cut]`.
    variants: Vec<usize>,
    /// Variants of a residue.
    n_cuts: usize,
}

/// One row of neurons that a spike reaches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a, F> {
    /// First neuron.
    pub(crate) neuron: usize,
    /// Weights and thresholds, a multiple of [`LANES`].
    pub(crate) weights: &'a [F],
    pub(crate) thresholds: &'a [F],
}

impl<F: Real> Runs<F> {
    pub(crate) fn new(synapses: &Synapses, weights: &[f64], threshold: F) -> Self {
        let (kernel, stride, n_outputs) = (synapses.kernel, synapses.stride, synapses.n_outputs);
        let most_taps = n_taps(kernel.width, stride.width, 0);
        // How far right of the last position a spike can stand, in positions.
        let last_input = if synapses.is_flat { 0 } else { synapses.input.width - 1 };
        let overhang =
            ((last_input + synapses.padding.width) / stride.width + 1).saturating_sub(synapses.positions.width);
        let n_cuts = most_taps.min(overhang + 1);
        let n_residues = stride.width.min(kernel.width);
        let mut variants = Vec::with_capacity(n_residues * n_cuts);
        let mut row = 0;
        let mut taps = Vec::with_capacity(n_residues * n_cuts);
        for residue in 0..n_residues {
            for cut in 0..n_cuts {
                variants.push(row);
                // From the last tap (earliest position) down to the first one that is left.
                let all = n_taps(kernel.width, stride.width, residue);
                taps.push((cut..all).rev().map(|tap| residue + tap * stride.width).collect::<Vec<_>>());
                row += (all.saturating_sub(cut) * n_outputs).next_multiple_of(LANES) + LANES;
            }
        }
        let mut firsts: HashMap<Vec<bool>, usize> = HashMap::new();
        let patterns: Vec<usize> = (0..synapses.n_channels)
            .map(|channel| {
                let connected =
                    (0..n_outputs).map(|output| synapses.is_connected[output * synapses.n_channels + channel]);
                let next = firsts.len() * row;
                *firsts.entry(connected.collect()).or_insert(next)
            })
            .collect();
        let mut plan = Self {
            weights: Aligned::new(F::ZERO, synapses.n_channels * kernel.height * row),
            thresholds: Aligned::new(F::INFINITY, firsts.len() * row),
            patterns,
            row,
            variants,
            n_cuts,
        };
        for channel in 0..synapses.n_channels {
            for (&first, kxs) in plan.variants.iter().zip(&taps) {
                for (i, &kx) in kxs.iter().enumerate() {
                    for output in 0..n_outputs {
                        if !synapses.is_connected[output * synapses.n_channels + channel] {
                            continue;
                        }
                        let lane = first + i * n_outputs + output;
                        plan.thresholds[plan.patterns[channel] + lane] = threshold;
                        for ky in 0..kernel.height {
                            plan.weights[(channel * kernel.height + ky) * row + lane] =
                                F::from_f64(weights[synapses.weight_index(output, channel, ky, kx)]);
                        }
                    }
                }
            }
        }
        plan
    }

    /// The rows of neurons that a spike reaches.
    #[inline(always)]
    pub(crate) fn rows(&self, synapses: &Synapses, at: Arrival) -> Rows<'_, F> {
        let n_outputs = synapses.n_outputs;
        let columns = n_taps(synapses.kernel.width, synapses.stride.width, at.first_kx);
        let cut = (at.qx + 1).saturating_sub(synapses.positions.width);
        let skip = columns.saturating_sub(at.qx + 1);
        if cut + skip >= columns {
            return Rows { weights: &[], thresholds: &[], row: 0, step: 0, n_rows: 0, neuron: 0 };
        }
        let lanes = ((columns - cut - skip) * n_outputs).next_multiple_of(LANES);
        let first = self.variants[at.first_kx * self.n_cuts + cut] + skip * n_outputs;
        let rows = n_taps(synapses.kernel.height, synapses.stride.height, at.first_ky);
        let first_tap = (at.qy + 1).saturating_sub(synapses.positions.height);
        let n_rows = rows.min(at.qy + 1).saturating_sub(first_tap);
        let ky = at.first_ky + first_tap * synapses.stride.height;
        let start = (at.channel * synapses.kernel.height + ky) * self.row + first;
        let left = at.qx + skip + 1 - columns;
        Rows {
            weights: if n_rows > 0 { &self.weights[start..] } else { &[] },
            thresholds: &self.thresholds[self.patterns[at.channel] + first..][..lanes],
            row: self.row * synapses.stride.height,
            step: synapses.positions.width * n_outputs,
            n_rows,
            neuron: if n_rows > 0 { ((at.qy - first_tap) * synapses.positions.width + left) * n_outputs } else { 0 },
        }
    }
}

/// The rows of neurons that a spike reaches, from the last down to the first.
#[derive(Clone, Debug)]
pub(crate) struct Rows<'a, F> {
    /// From the row's first weight on.
    weights: &'a [F],
    thresholds: &'a [F],
    /// Weights between two rows.
    row: usize,
    /// Neurons between two rows.
    step: usize,
    n_rows: usize,
    neuron: usize,
}

impl<'a, F> Iterator for Rows<'a, F> {
    type Item = Run<'a, F>;

    #[inline(always)]
    fn next(&mut self) -> Option<Run<'a, F>> {
        if self.n_rows == 0 {
            return None;
        }
        let run =
            Run { neuron: self.neuron, weights: &self.weights[..self.thresholds.len()], thresholds: self.thresholds };
        self.n_rows -= 1;
        if self.n_rows > 0 {
            self.weights = &self.weights[self.row..];
            self.neuron -= self.step;
        }
        Some(run)
    }
}
