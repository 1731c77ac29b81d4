//! Synapses sorted by delay, so that a spike is one cursor that moves over them.

use super::{Arrival, Synapses, n_taps};
use crate::real::Real;
use crate::time::SimDuration;

#[derive(Clone, Debug)]
pub(crate) struct Delayed<F> {
    /// Sorted by (delay, tap) within each list.
    pub(crate) entries: Vec<Entry<F>>,
    /// Entries of each list, `[channel][residue y][residue x]`.
    lists: Vec<std::ops::Range<u32>>,
    n_residues: (usize, usize),
}

/// One synapse of a list, placed relative to the spike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<F> {
    pub(crate) delay: u64,
    /// (ky, kx, output) as one number.
    pub(crate) tap: u32,
    /// Positions before the one of the first tap.
    row: u32,
    column: u32,
    output: u32,
    pub(crate) weight: F,
    /// Index in the cell's weights.
    pub(crate) weight_index: u32,
}

impl<F: Real> Delayed<F> {
    pub(crate) fn new(synapses: &Synapses, weights: &[f64], delays: &[SimDuration]) -> Self {
        let (kernel, stride) = (synapses.kernel, synapses.stride);
        let n_residues = (stride.height.min(kernel.height), stride.width.min(kernel.width));
        let mut entries = Vec::new();
        let mut lists = Vec::with_capacity(synapses.n_channels * n_residues.0 * n_residues.1);
        for channel in 0..synapses.n_channels {
            for first_ky in 0..n_residues.0 {
                for first_kx in 0..n_residues.1 {
                    let start = entries.len();
                    for row in 0..n_taps(kernel.height, stride.height, first_ky) {
                        for column in 0..n_taps(kernel.width, stride.width, first_kx) {
                            let (ky, kx) = (first_ky + row * stride.height, first_kx + column * stride.width);
                            for output in 0..synapses.n_outputs {
                                if !synapses.is_connected[output * synapses.n_channels + channel] {
                                    continue;
                                }
                                let weight_index = synapses.weight_index(output, channel, ky, kx);
                                entries.push(Entry {
                                    delay: delays[weight_index].0,
                                    tap: ((ky * kernel.width + kx) * synapses.n_outputs + output) as u32,
                                    row: row as u32,
                                    column: column as u32,
                                    output: output as u32,
                                    weight: F::from_f64(weights[weight_index]),
                                    weight_index: weight_index as u32,
                                });
                            }
                        }
                    }
                    entries[start..].sort_unstable_by_key(|entry| (entry.delay, entry.tap));
                    lists.push(start as u32..entries.len() as u32);
                }
            }
        }
        Self { entries, lists, n_residues }
    }

    /// Bytes of the entries and lists.
    pub(crate) fn n_bytes(&self) -> usize {
        size_of_val(&self.entries[..]) + size_of_val(&self.lists[..])
    }

    /// The entries of a spike's synapses, among them some that the border cuts off.
    #[inline]
    pub(crate) fn list(&self, at: Arrival) -> std::ops::Range<u32> {
        if at.first_ky >= self.n_residues.0 || at.first_kx >= self.n_residues.1 {
            return 0..0;
        }
        self.lists[(at.channel * self.n_residues.0 + at.first_ky) * self.n_residues.1 + at.first_kx].clone()
    }
}

impl<F> Entry<F> {
    /// The neuron (`[y][x][output]`) of this synapse for a spike at (`qy`, `qx`), unless the border cuts it off.
    #[inline]
    pub(crate) fn neuron(&self, synapses: &Synapses, qy: u32, qx: u32) -> Option<usize> {
        let y = qy.checked_sub(self.row)? as usize;
        let x = qx.checked_sub(self.column)? as usize;
        if y >= synapses.positions.height || x >= synapses.positions.width {
            return None;
        }
        let (y, x) = (y / synapses.sub_sample.height, x / synapses.sub_sample.width);
        Some((y * synapses.n_columns() + x) * synapses.n_outputs + self.output as usize)
    }
}
