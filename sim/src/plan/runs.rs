//! Weights laid out so that one spike's row of neurons is one contiguous run.
//!
//! Neurons lie `[y][x][output]`. A spike's taps along x belong to neighboring positions, the further in the kernel the
//! earlier; so the kernel is stored reversed along x (per stride residue), outputs innermost, and the row of affected
//! neurons and the row of weights run side by side. A run that the right border cuts has a copy of its own, because what
//! follows a run must be silent: runs are read in whole chunks of [`LANES`], and the lanes past the end carry weight 0
//! and a threshold that is not a number and so never reached, as the lanes of unconnected pairs do. The left border only moves the beginning.

use std::collections::HashMap;

use super::{Group, Synapses, n_taps};
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
    /// Lanes of a channel's kernel.
    channel: usize,
    /// What a spike's row and column in the input settle; a flat cell has one of each.
    rows: Vec<RowReach>,
    columns: Vec<ColumnReach>,
    /// Lanes from a row of weights to the one that the next row of neurons up takes.
    weight_step: usize,
    /// Neurons of a row.
    neuron_step: usize,
    n_layouts: usize,
}

/// Reach of neurons that a spike in one row of the input reaches.
#[derive(Clone, Copy, Debug)]
struct RowReach {
    n_rows: usize,
    /// Lane of the first row's weights within the channel's kernel.
    lane: usize,
    /// First neuron of the last row on the map.
    neuron: usize,
}

/// Neurons in a row that a spike in one column of the input reaches.
#[derive(Clone, Copy, Debug)]
struct ColumnReach {
    /// Lanes, a multiple of [`LANES`].
    n_lanes: usize,
    lane: usize,
    neuron: usize,
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
                // A run whose left the border cuts begins in the middle, and still reads whole steps.
                let overrun = if most_taps > 1 { LANES } else { 0 };
                row += (all.saturating_sub(cut) * n_outputs).next_multiple_of(LANES) + overrun;
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
            thresholds: Aligned::new(F::NAN, firsts.len() * row),
            patterns,
            channel: kernel.height * row,
            rows: Vec::new(),
            columns: Vec::new(),
            weight_step: row * stride.height,
            neuron_step: synapses.positions.width * n_outputs,
            n_layouts: n_cuts,
        };
        for channel in 0..synapses.n_channels {
            for (&first, kxs) in variants.iter().zip(&taps) {
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
        let (height, width) = if synapses.is_flat { (1, 1) } else { (synapses.input.height, synapses.input.width) };
        plan.rows = (0..height)
            .map(|y| {
                let at = synapses.arrival(0, y, 0);
                let n_taps = n_taps(kernel.height, stride.height, at.first_ky);
                let first_tap = (at.qy + 1).saturating_sub(synapses.positions.height);
                let n_rows = n_taps.min(at.qy + 1).saturating_sub(first_tap);
                if n_rows == 0 {
                    return RowReach { n_rows, lane: 0, neuron: 0 };
                }
                let lane = (at.first_ky + first_tap * stride.height) * row;
                RowReach { n_rows, lane, neuron: (at.qy - first_tap) * plan.neuron_step }
            })
            .collect();
        plan.columns = (0..width)
            .map(|x| {
                let at = synapses.arrival(0, 0, x);
                let n_taps = n_taps(kernel.width, stride.width, at.first_kx);
                let cut = (at.qx + 1).saturating_sub(synapses.positions.width);
                let skip = n_taps.saturating_sub(at.qx + 1);
                if cut + skip >= n_taps {
                    return ColumnReach { n_lanes: 0, lane: 0, neuron: 0 };
                }
                ColumnReach {
                    n_lanes: ((n_taps - cut - skip) * n_outputs).next_multiple_of(LANES),
                    lane: variants[at.first_kx * n_cuts + cut] + skip * n_outputs,
                    neuron: (at.qx + skip + 1 - n_taps) * n_outputs,
                }
            })
            .collect();
        plan
    }

    /// The rows of neurons that a spike of a group reaches, whose channels begin at `first_channel` of the input; `None` where
    /// it reaches none. `neuron` is its canonical index.
    #[inline(always)]
    pub(crate) fn reach(&self, synapses: &Synapses, group: &Group, first_channel: usize, neuron: u32) -> Option<Reach> {
        let (channel, y, x) = if synapses.is_flat {
            (first_channel * synapses.input.plane() + neuron as usize, 0, 0)
        } else {
            let place = group.place(neuron);
            (first_channel + place.channel, place.y, place.x)
        };
        let (row, column) = (self.rows[y], self.columns[x]);
        (row.n_rows > 0 && column.n_lanes > 0).then(|| Reach {
            n_rows: row.n_rows,
            n_lanes: column.n_lanes,
            weight: channel * self.channel + row.lane + column.lane,
            threshold: self.patterns[channel] + column.lane,
            neuron: row.neuron + column.neuron,
        })
    }

    /// Thresholds of the steps of a row; all rows share them.
    #[inline(always)]
    pub(crate) fn thresholds(&self, reach: Reach) -> &[[F; LANES]] {
        self.thresholds[reach.threshold..][..reach.n_lanes].as_chunks().0
    }

    /// First neuron and weights of each row, from the last on the map up.
    #[inline(always)]
    pub(crate) fn rows(&self, reach: Reach) -> impl Iterator<Item = (usize, &[[F; LANES]])> {
        (0..reach.n_rows).map(move |row| {
            let weights = &self.weights[reach.weight + row * self.weight_step..][..reach.n_lanes];
            (reach.neuron - row * self.neuron_step, weights.as_chunks().0)
        })
    }

    /// An interval of neurons that holds all rows.
    #[inline(always)]
    pub(crate) fn span(&self, reach: Reach) -> (usize, usize) {
        (reach.neuron - (reach.n_rows - 1) * self.neuron_step, reach.neuron + reach.n_lanes)
    }

    /// Bytes of the weights and thresholds.
    pub(crate) fn n_bytes(&self) -> usize {
        (self.weights.len() + self.thresholds.len()) * size_of::<F>()
    }

    /// Copies of a weight: one for each way the right border may cut a row.
    pub(crate) fn n_layouts(&self) -> usize {
        self.n_layouts
    }

    /// Bytes of the tables.
    pub(crate) fn n_table_bytes(&self) -> usize {
        size_of_val(&self.rows[..]) + size_of_val(&self.columns[..]) + size_of_val(&self.patterns[..])
    }
}

/// The rows of neurons that one spike reaches: at least one, from the last on the map up.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    pub(crate) n_rows: usize,
    /// Lanes of a row, a multiple of [`LANES`].
    pub(crate) n_lanes: usize,
    /// Index of the first row's first weight, of its thresholds (which all rows share), and of its first neuron.
    pub(crate) weight: usize,
    pub(crate) threshold: usize,
    pub(crate) neuron: usize,
}
