//! Weights for cells whose neurons need more than an addition an arrival: one neuron at a time.

use super::{Arrival, Synapses};
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

    /// Weights of one channel and kernel offset, by output.
    #[inline(always)]
    fn weights(&self, synapses: &Synapses, channel: usize, ky: usize, kx: usize) -> &[F] {
        let tap = (channel * synapses.kernel.height + ky) * synapses.kernel.width + kx;
        &self.weights[tap * synapses.n_outputs..][..synapses.n_outputs]
    }

    /// Connected outputs of a channel, ascending.
    #[inline(always)]
    fn outputs(&self, channel: usize) -> &[u32] {
        &self.outputs[channel]
    }

    /// Visits each synapse of a spike in the order of taps (kernel row, kernel column, output): neuron, output, weight.
    /// With sub-sampling a neuron may come several times.
    #[inline(always)]
    pub(crate) fn for_each(&self, synapses: &Synapses, at: Arrival, mut visit: impl FnMut(usize, usize, F)) {
        let (rows, columns) = synapses.taps(at);
        for row in rows {
            let ky = at.first_ky + row * synapses.stride.height;
            let y = (at.qy - row) / synapses.sub_sample.height;
            for column in columns.clone() {
                let kx = at.first_kx + column * synapses.stride.width;
                let x = (at.qx - column) / synapses.sub_sample.width;
                let neuron = (y * synapses.n_columns() + x) * synapses.n_outputs;
                let weights = self.weights(synapses, at.channel, ky, kx);
                for &output in self.outputs(at.channel) {
                    visit(neuron + output as usize, output as usize, weights[output as usize]);
                }
            }
        }
    }
}
