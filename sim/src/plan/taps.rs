//! Weights for cells whose neurons need more than an addition an arrival: one neuron at a time.

use super::{Arrival, Synapses, n_taps};
use crate::real::Real;

#[derive(Clone, Debug)]
pub(crate) struct Taps<F> {
    /// `[channel][ky][kx][output]`.
    weights: Vec<F>,
    /// Connected outputs of each channel, ascending.
    outputs: Vec<Vec<u32>>,
}

impl<F: Real> Taps<F> {
    pub(crate) fn new(synapses: &Synapses, weights: &[f64]) -> Self {
        let mut laid_out = Vec::with_capacity(weights.len());
        for channel in 0..synapses.n_channels {
            for ky in 0..synapses.kernel.height {
                for kx in 0..synapses.kernel.width {
                    laid_out.extend(
                        (0..synapses.n_outputs)
                            .map(|output| F::from_f64(weights[synapses.weight_index(output, channel, ky, kx)])),
                    );
                }
            }
        }
        let outputs = (0..synapses.n_channels)
            .map(|channel| {
                let is_connected =
                    |&output: &u32| synapses.is_connected[output as usize * synapses.n_channels + channel];
                (0..synapses.n_outputs as u32).filter(is_connected).collect()
            })
            .collect();
        Self { weights: laid_out, outputs }
    }

    /// Calls `apply(neuron, weight)` for each synapse that a spike reaches, in the order of taps: kernel row, kernel
    /// column, output. With sub-sampling a neuron may come several times.
    #[inline(always)]
    pub(crate) fn for_each(&self, synapses: &Synapses, at: Arrival, mut apply: impl FnMut(usize, F)) {
        let (kernel, stride) = (synapses.kernel, synapses.stride);
        let (rows, columns) =
            (n_taps(kernel.height, stride.height, at.first_ky), n_taps(kernel.width, stride.width, at.first_kx));
        let first_row = (at.qy + 1).saturating_sub(synapses.positions.height);
        let first_column = (at.qx + 1).saturating_sub(synapses.positions.width);
        for row in first_row..rows.min(at.qy + 1) {
            let ky = at.first_ky + row * stride.height;
            let y = (at.qy - row) / synapses.sub_sample.height;
            for column in first_column..columns.min(at.qx + 1) {
                let kx = at.first_kx + column * stride.width;
                let x = (at.qx - column) / synapses.sub_sample.width;
                let neuron = (y * synapses.n_columns() + x) * synapses.n_outputs;
                let tap = (at.channel * kernel.height + ky) * kernel.width + kx;
                let weights = &self.weights[tap * synapses.n_outputs..][..synapses.n_outputs];
                for &output in &self.outputs[at.channel] {
                    apply(neuron + output as usize, weights[output as usize]);
                }
            }
        }
    }
}
