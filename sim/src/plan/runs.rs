//! Weights laid out so that one spike's row of neurons is one contiguous run.
//!
//! Neurons lie `[y][x][output]`. A spike's taps along x belong to neighboring positions, the further in the kernel the
//! earlier; so the kernel is stored reversed along x (per stride residue), outputs innermost, and the row of affected
//! neurons and the row of weights run side by side. The left border moves the beginning of a run, the right border its end.
//! Runs are taken in whole steps of [`LANES`]; a mask a step tells the lanes that the run reaches from those past its end and
//! those of unconnected pairs. Only reached lanes have a weight: a step spreads the next of them over its mask.

use std::collections::HashMap;

use super::{Group, Synapses, n_taps};
use crate::lanes::{LANES, Mask, Rows};
use crate::real::Real;

#[derive(Clone, Debug)]
pub(crate) struct Runs<F> {
    /// `[channel][ky][residue][tap, reversed][connected output]`, then [`LANES`] zeros, so that whole steps can be loaded.
    weights: Vec<F>,
    /// `[pattern][kind of column][step]`, a pattern for each set of outputs that some channel is connected to, a kind for each
    /// (residue, number of taps cut on the right and on the left).
    masks: Vec<Mask>,
    /// Whether all pairs are connected, so that a step's weights lie as its lanes do.
    is_dense: bool,
    channels: Vec<ChannelReach>,
    /// What a spike's row and column in the input settle; a flat cell has one of each.
    rows: Vec<RowReach>,
    columns: Vec<ColumnReach>,
    /// Taps from a row of them to the one that the next row of neurons up takes.
    tap_step: usize,
    /// Neurons of a row.
    neuron_step: usize,
}

/// What a channel's connections settle.
#[derive(Clone, Copy, Debug)]
struct ChannelReach {
    n_connected: usize,
    /// Index of its first weight.
    weight: usize,
    /// First mask of its pattern.
    mask: usize,
}

/// Reach of neurons that a spike in one row of the input reaches.
#[derive(Clone, Copy, Debug)]
struct RowReach {
    n_rows: usize,
    /// First tap of the first row within the channel's kernel.
    tap: usize,
    /// First neuron of the last row on the map.
    neuron: usize,
}

/// Neurons in a row that a spike in one column of the input reaches.
#[derive(Clone, Copy, Debug)]
struct ColumnReach {
    /// Lanes, a multiple of [`LANES`].
    n_lanes: usize,
    n_taps: usize,
    /// First tap within a row.
    tap: usize,
    /// First mask of its kind.
    mask: usize,
    neuron: usize,
}

impl<F: Real> Runs<F> {
    pub(crate) fn new(synapses: &Synapses, weights: &[f64]) -> Self {
        let (kernel, stride, n_outputs) = (synapses.kernel, synapses.stride, synapses.n_outputs);
        let mut plan = Self {
            weights: Vec::new(),
            masks: Vec::new(),
            is_dense: synapses.is_connected.iter().all(|&is_connected| is_connected),
            channels: Vec::with_capacity(synapses.n_channels),
            rows: Vec::new(),
            columns: Vec::new(),
            tap_step: kernel.width * stride.height,
            neuron_step: synapses.positions.width * n_outputs,
        };
        let (height, width) = if synapses.is_flat { (1, 1) } else { (synapses.input.height, synapses.input.width) };
        plan.rows = (0..height)
            .map(|y| {
                let at = synapses.arrival(0, y, 0);
                let n_taps = n_taps(kernel.height, stride.height, at.first_ky);
                let first_tap = (at.qy + 1).saturating_sub(synapses.positions.height);
                let n_rows = n_taps.min(at.qy + 1).saturating_sub(first_tap);
                if n_rows == 0 {
                    return RowReach { n_rows, tap: 0, neuron: 0 };
                }
                let tap = (at.first_ky + first_tap * stride.height) * kernel.width;
                RowReach { n_rows, tap, neuron: (at.qy - first_tap) * plan.neuron_step }
            })
            .collect();
        // Lanes of each kind of column, and its first mask.
        let mut kinds: Vec<(usize, usize)> = Vec::new();
        let mut n_masks = 0;
        plan.columns = (0..width)
            .map(|x| {
                let at = synapses.arrival(0, 0, x);
                let n_taps_at = |residue| n_taps(kernel.width, stride.width, residue);
                let n_taps = n_taps_at(at.first_kx);
                let cut = (at.qx + 1).saturating_sub(synapses.positions.width);
                let skip = n_taps.saturating_sub(at.qx + 1);
                if cut + skip >= n_taps {
                    return ColumnReach { n_lanes: 0, n_taps: 0, tap: 0, mask: 0, neuron: 0 };
                }
                let n_reached_taps = n_taps - cut - skip;
                let n_reached = n_reached_taps * n_outputs;
                let n_lanes = n_reached.next_multiple_of(LANES);
                let mask = kinds.iter().find(|kind| kind.0 == n_reached).map_or(n_masks, |kind| kind.1);
                if mask == n_masks {
                    kinds.push((n_reached, mask));
                    n_masks += n_lanes / LANES;
                }
                let first_tap: usize = (0..at.first_kx).map(n_taps_at).sum();
                let neuron = (at.qx + skip + 1 - n_taps) * n_outputs;
                ColumnReach { n_lanes, n_taps: n_reached_taps, tap: first_tap + skip, mask, neuron }
            })
            .collect();
        // From the last tap (earliest position) of each residue down to its first.
        let taps: Vec<usize> = (0..stride.width.min(kernel.width))
            .flat_map(|residue| {
                (0..n_taps(kernel.width, stride.width, residue)).rev().map(move |tap| residue + tap * stride.width)
            })
            .collect();
        let mut firsts: HashMap<Vec<bool>, usize> = HashMap::new();
        for channel in 0..synapses.n_channels {
            let is_connected: Vec<bool> =
                (0..n_outputs).map(|output| synapses.is_connected[output * synapses.n_channels + channel]).collect();
            let connected: Vec<usize> = (0..n_outputs).filter(|&output| is_connected[output]).collect();
            let next = plan.masks.len();
            let first = *firsts.entry(is_connected.clone()).or_insert(next);
            plan.channels.push(ChannelReach { n_connected: connected.len(), weight: plan.weights.len(), mask: first });
            for ky in 0..kernel.height {
                for &kx in &taps {
                    let index = |&output: &usize| synapses.weight_index(output, channel, ky, kx);
                    plan.weights.extend(connected.iter().map(|output| F::from_f64(weights[index(output)])));
                }
            }
            if first == next {
                for &(n_reached, _) in &kinds {
                    let lanes: Vec<usize> = (0..n_reached).collect();
                    plan.masks.extend(lanes.chunks(LANES).map(|step| {
                        let is_reached = step.iter().map(|lane| Mask::from(is_connected[lane % n_outputs]));
                        is_reached.enumerate().fold(0, |mask, (lane, bit)| mask | bit << lane)
                    }));
                }
            }
        }
        plan.weights.extend([F::ZERO; LANES]);
        plan.weights.shrink_to_fit();
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
        let (channel, row, column) = (self.channels[channel], self.rows[y], self.columns[x]);
        (row.n_rows > 0 && column.n_lanes > 0).then(|| Reach {
            n_rows: row.n_rows,
            n_lanes: column.n_lanes,
            n_weights: column.n_taps * channel.n_connected,
            weight_step: self.tap_step * channel.n_connected,
            weight: channel.weight + (row.tap + column.tap) * channel.n_connected,
            mask: channel.mask + column.mask,
            neuron: row.neuron + column.neuron,
        })
    }

    /// The rows with their weights.
    #[inline(always)]
    pub(crate) fn rows(&self, reach: Reach) -> Rows<'_, F> {
        Rows {
            weights: &self.weights[reach.weight..],
            n_weights: reach.n_weights,
            weight_step: reach.weight_step,
            masks: &self.masks[reach.mask..][..reach.n_lanes / LANES],
            is_dense: self.is_dense,
            n_rows: reach.n_rows,
            first: reach.neuron,
            neuron_step: self.neuron_step,
        }
    }

    /// Whether a neuron is among them.
    pub(crate) fn reaches(&self, reach: Reach, neuron: usize) -> bool {
        let rows = self.rows(reach);
        let is_reached = |lane: usize| rows.masks[lane / LANES] >> (lane % LANES) & 1 == 1;
        rows.each()
            .any(|(first, _)| neuron.checked_sub(first).is_some_and(|lane| lane < reach.n_lanes && is_reached(lane)))
    }

    /// Bytes of the weights.
    pub(crate) fn n_bytes(&self) -> usize {
        size_of_val(&self.weights[LANES..])
    }

    /// Bytes of the tables, and of the zeros after the weights.
    pub(crate) fn n_table_bytes(&self) -> usize {
        let zeros = LANES * size_of::<F>();
        let masks = size_of_val(&self.masks[..]) + size_of_val(&self.channels[..]);
        size_of_val(&self.rows[..]) + size_of_val(&self.columns[..]) + masks + zeros
    }
}

/// The rows of neurons that one spike reaches: at least one, from the last on the map up.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    pub(crate) n_rows: usize,
    /// Lanes of a row, a multiple of [`LANES`].
    pub(crate) n_lanes: usize,
    /// Weights of a row: as many as its masks have bits.
    n_weights: usize,
    /// From one row's weights to the next's.
    weight_step: usize,
    /// Index of the first row's first weight, of its masks (which all rows share), and of its first neuron.
    weight: usize,
    mask: usize,
    pub(crate) neuron: usize,
}
