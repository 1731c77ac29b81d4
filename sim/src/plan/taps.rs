//! Weights one by one: for neurons that need more than an addition an arrival, and for sparse connections.

use super::{Arrival, Synapses};
use crate::real::Real;

#[derive(Clone, Debug)]
pub(crate) struct Taps<F> {
    /// `[channel][ky][kx][connected output]`.
    weights: Vec<F>,
    /// Connected outputs, ascending, channel by channel.
    outputs: Vec<u32>,
    /// Where each channel's connected outputs begin; one more at the end.
    firsts: Vec<usize>,
}

impl<F: Real> Taps<F> {
    pub(crate) fn new(synapses: &Synapses, weights: &[f64]) -> Self {
        let mut taps = Self { weights: Vec::new(), outputs: Vec::new(), firsts: vec![0] };
        for channel in 0..synapses.n_channels {
            let is_connected = |&output: &u32| synapses.is_connected[output as usize * synapses.n_channels + channel];
            taps.outputs.extend((0..synapses.n_outputs as u32).filter(is_connected));
            let first = *taps.firsts.last().expect("it begins with one");
            for ky in 0..synapses.kernel.height {
                for kx in 0..synapses.kernel.width {
                    taps.weights.extend(
                        taps.outputs[first..].iter().map(|&output| {
                            F::from_f64(weights[synapses.weight_index(output as usize, channel, ky, kx)])
                        }),
                    );
                }
            }
            taps.firsts.push(taps.outputs.len());
        }
        taps.outputs.shrink_to_fit();
        taps.weights.shrink_to_fit();
        taps
    }

    /// Bytes of the weights and the outputs they lead to.
    pub(crate) fn n_bytes(&self) -> usize {
        size_of_val(&self.weights[..]) + size_of_val(&self.outputs[..]) + size_of_val(&self.firsts[..])
    }

    /// Visits each synapse of a spike in the order of taps (kernel row, kernel column, output): neuron, output, weight.
    /// With sub-sampling a neuron may come several times.
    #[inline(always)]
    pub(crate) fn for_each(&self, synapses: &Synapses, at: Arrival, mut visit: impl FnMut(usize, usize, F)) {
        let (rows, columns) = synapses.taps(at);
        let (first, end) = (self.firsts[at.channel], self.firsts[at.channel + 1]);
        let outputs = &self.outputs[first..end];
        for row in rows {
            let ky = at.first_ky + row * synapses.stride.height;
            let y = (at.qy - row) / synapses.sub_sample.height;
            for column in columns.clone() {
                let kx = at.first_kx + column * synapses.stride.width;
                let x = (at.qx - column) / synapses.sub_sample.width;
                let neuron = (y * synapses.n_columns() + x) * synapses.n_outputs;
                let area = synapses.kernel.width * synapses.kernel.height;
                let weights = first * area + (ky * synapses.kernel.width + kx) * outputs.len();
                for (&output, &weight) in outputs.iter().zip(&self.weights[weights..]) {
                    visit(neuron + output as usize, output as usize, weight);
                }
            }
        }
    }
}
