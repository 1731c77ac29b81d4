//! Synapses sorted by delay, so that a spike is one cursor that moves over them.

use std::ops::Range;

use super::{Arrival, Synapses, n_taps};
use crate::network::Size;
use crate::real::Real;
use crate::time::SimDuration;

#[derive(Clone, Debug)]
pub(crate) struct Delayed<F> {
    /// Sorted by (delay, tap) within each list.
    pub(crate) entries: Vec<Entry<F>>,
    /// The rest of each entry.
    pub(crate) places: Vec<Place>,
    /// `[channel][residue y][residue x]`.
    lists: Vec<List>,
    n_residues: (usize, usize),
    n_outputs: u32,
}

/// One synapse of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<F> {
    pub(crate) delay: u64,
    pub(crate) weight: F,
    /// From the neuron of the spike's position and output 0 to the synapse's neuron, where nothing is sub-sampled.
    pub(crate) offset: i32,
    /// (ky, kx, output) as one number.
    pub(crate) tap: u32,
}

/// Where a synapse of a list lies relative to the spike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Positions before the one of the first tap.
    row: u32,
    column: u32,
    output: u32,
    /// Index in the cell's weights.
    pub(crate) weight_index: u32,
}

/// The synapses of the spikes at one channel and residue.
#[derive(Clone, Debug)]
struct List {
    entries: Range<u32>,
    n_rows: u32,
    n_columns: u32,
    reach: u32,
}

/// What a spike will reach of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Targets {
    pub(crate) start: u32,
    pub(crate) end: u32,
    qy: u32,
    qx: u32,
    /// The neuron of the spike's position and output 0, which may lie past the border.
    base: u32,
    /// Neurons from the first one that an offset may lead to, to the last.
    reach: u32,
    pub(crate) border: Border,
}

impl Targets {
    /// No synapse.
    pub(crate) const NOTHING: Self = Self { start: 0, end: 0, qy: 0, qx: 0, base: 0, reach: 0, border: Border::Far };
}

/// What becomes of the synapses of a list at the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Border {
    /// The spike is far from it.
    Far,
    /// It cuts some off.
    Near,
    /// It may cut some off, and several positions share a neuron.
    SubSampled,
}

impl<F: Real> Delayed<F> {
    pub(crate) fn new(synapses: &Synapses, weights: &[f64], delays: &[SimDuration]) -> Self {
        let n_residues =
            (synapses.stride.height.min(synapses.kernel.height), synapses.stride.width.min(synapses.kernel.width));
        let mut all = Vec::new();
        let mut lists = Vec::with_capacity(synapses.n_channels * n_residues.0 * n_residues.1);
        for channel in 0..synapses.n_channels {
            for first_ky in 0..n_residues.0 {
                for first_kx in 0..n_residues.1 {
                    let start = all.len();
                    list(synapses, channel, (first_ky, first_kx), |tap, place| {
                        let index = place.weight_index as usize;
                        let (weight, delay) = (F::from_f64(weights[index]), delays[index].0);
                        all.push((Entry { delay, weight, offset: place.offset(synapses), tap }, place));
                    });
                    all[start..].sort_unstable_by_key(|(entry, _)| (entry.delay, entry.tap));
                    let least = all[start..].iter().map(|(entry, _)| entry.offset).min().unwrap_or(0);
                    lists.push(List {
                        reach: (synapses.n_outputs as i32 - least) as u32,
                        entries: start as u32..all.len() as u32,
                        n_rows: n_taps(synapses.kernel.height, synapses.stride.height, first_ky) as u32,
                        n_columns: n_taps(synapses.kernel.width, synapses.stride.width, first_kx) as u32,
                    });
                }
            }
        }
        let (entries, places) = all.into_iter().unzip();
        Self { entries, places, lists, n_residues, n_outputs: synapses.n_outputs as u32 }
    }

    /// Bytes of the entries and lists.
    pub(crate) fn n_bytes(&self) -> usize {
        size_of_val(&self.entries[..]) + size_of_val(&self.places[..]) + size_of_val(&self.lists[..])
    }

    /// The entries of a spike's synapses.
    #[inline]
    pub(crate) fn targets(&self, synapses: &Synapses, at: Arrival) -> Targets {
        let (qy, qx) = (at.qy as u32, at.qx as u32);
        if at.first_ky >= self.n_residues.0 || at.first_kx >= self.n_residues.1 {
            return Targets { start: 0, end: 0, qy, qx, base: 0, reach: 0, border: Border::Far };
        }
        let list = &self.lists[(at.channel * self.n_residues.0 + at.first_ky) * self.n_residues.1 + at.first_kx];
        let is_far = |q: u32, n_taps: u32, n: usize| q + 1 >= n_taps && (q as usize) < n;
        let border = if synapses.sub_sample != Size::square(1) {
            Border::SubSampled
        } else if is_far(qy, list.n_rows, synapses.positions.height)
            && is_far(qx, list.n_columns, synapses.positions.width)
        {
            Border::Far
        } else {
            Border::Near
        };
        let base = ((at.qy * synapses.positions.width + at.qx) * synapses.n_outputs) as u32;
        Targets { start: list.entries.start, end: list.entries.end, qy, qx, base, reach: list.reach, border }
    }

    /// An interval, of `n` neurons, that holds all which a spike reaches.
    #[inline(always)]
    pub(crate) fn span(&self, n: usize, targets: Targets) -> (usize, usize) {
        if targets.border == Border::SubSampled {
            return (0, n);
        }
        let last = (targets.base + self.n_outputs) as usize;
        (last.saturating_sub(targets.reach as usize), last.min(n))
    }

    /// Whether the border does not cut an entry off.
    #[inline(always)]
    pub(crate) fn is_inside(&self, synapses: &Synapses, targets: Targets, entry: u32) -> bool {
        let place = &self.places[entry as usize];
        // What is before the first position wraps around to far after the last.
        let y = targets.qy.wrapping_sub(place.row) as usize;
        let x = targets.qx.wrapping_sub(place.column) as usize;
        (y < synapses.positions.height) & (x < synapses.positions.width)
    }

    /// The neuron (`[y][x][output]`) of an entry, unless the border cuts it off.
    #[inline(always)]
    pub(crate) fn neuron(&self, synapses: &Synapses, targets: Targets, entry: u32) -> Option<u32> {
        let neuron = targets.base.wrapping_add_signed(self.entries[entry as usize].offset);
        if targets.border == Border::Far {
            return Some(neuron);
        }
        if !self.is_inside(synapses, targets, entry) {
            return None;
        }
        if targets.border == Border::Near {
            return Some(neuron);
        }
        let place = &self.places[entry as usize];
        let y = (targets.qy - place.row) as usize / synapses.sub_sample.height;
        let x = (targets.qx - place.column) as usize / synapses.sub_sample.width;
        Some(((y * synapses.n_columns() + x) * synapses.n_outputs) as u32 + place.output)
    }
}

/// Shows the tap and the place of each synapse of a list.
fn list(synapses: &Synapses, channel: usize, (first_ky, first_kx): (usize, usize), mut see: impl FnMut(u32, Place)) {
    let (kernel, stride, n_outputs) = (synapses.kernel, synapses.stride, synapses.n_outputs);
    for row in 0..n_taps(kernel.height, stride.height, first_ky) {
        for column in 0..n_taps(kernel.width, stride.width, first_kx) {
            let (ky, kx) = (first_ky + row * stride.height, first_kx + column * stride.width);
            for output in 0..n_outputs {
                if !synapses.is_connected[output * synapses.n_channels + channel] {
                    continue;
                }
                let tap = (ky * kernel.width + kx) * n_outputs + output;
                let weight_index = synapses.weight_index(output, channel, ky, kx) as u32;
                see(tap as u32, Place { row: row as u32, column: column as u32, output: output as u32, weight_index });
            }
        }
    }
}

impl Place {
    fn offset(&self, synapses: &Synapses) -> i32 {
        let back = (self.row as usize * synapses.positions.width + self.column as usize) * synapses.n_outputs;
        self.output as i32 - back as i32
    }
}
