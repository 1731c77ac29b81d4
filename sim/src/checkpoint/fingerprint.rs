//! What tells networks and encoders apart. Names of cells do not count.

use super::bytes::Digest;
use crate::encoder::{Encoder, EncoderConfig};
use crate::network::{Conv, Fc, Network, Neuron, Operator, Pool, Shape, Size, Source};
use crate::time::SimDuration;

impl Digest {
    fn count(&mut self, n: usize) {
        self.add(n as u64);
    }

    fn real(&mut self, real: f64) {
        self.add(real.to_bits());
    }

    fn size(&mut self, Size { width, height }: Size) {
        self.count(width);
        self.count(height);
    }

    /// A list by its length and items, `None` told from an empty one.
    fn list<T: Copy>(&mut self, items: Option<&[T]>, mut add: impl FnMut(&mut Self, T)) {
        self.count(items.map_or(0, |items| items.len() + 1));
        items.into_iter().flatten().for_each(|&item| add(self, item));
    }

    fn synapses(&mut self, weights: &[f64], delays: Option<&[SimDuration]>, currents: Option<&[f64]>) {
        self.list(Some(weights), Self::real);
        self.list(delays, |digest, delay| digest.add(delay.0));
        self.list(currents, Self::real);
    }

    fn mapping(&mut self, mapping: Option<&[bool]>) {
        self.list(mapping, |digest, is_connected| digest.add(u64::from(is_connected)));
    }

    fn neuron(&mut self, neuron: &Neuron) {
        let Neuron { threshold, bipolar_threshold, membrane_time_constant, refractory_period, reset } = *neuron;
        self.real(threshold);
        self.add(u64::from(bipolar_threshold));
        self.add(membrane_time_constant.0);
        self.add(refractory_period.0);
        self.add(reset as u64);
    }

    fn operator(&mut self, operator: &Operator) {
        match operator {
            Operator::Conv(conv) => {
                let Conv { n_outputs, kernel, stride, padding, sub_sample, mapping, weights, delays, currents, neuron } =
                    conv;
                self.add(1);
                self.count(*n_outputs);
                [kernel, stride, padding, sub_sample].into_iter().for_each(|&size| self.size(size));
                self.mapping(mapping.as_deref());
                self.synapses(weights, delays.as_deref(), currents.as_deref());
                self.neuron(neuron);
            }
            Operator::Fc(fc) => {
                let Fc { n_outputs, weights, delays, currents, neuron, terminate_delta, terminate_max } = fc;
                self.add(2);
                self.count(*n_outputs);
                self.synapses(weights, delays.as_deref(), currents.as_deref());
                self.neuron(neuron);
                self.add(u64::from(*terminate_delta));
                self.add(u64::from(*terminate_max));
            }
            Operator::Pool(pool) => {
                let Pool { n_outputs, pooling, mode, window, stride, padding, mapping } = pool;
                self.add(3);
                self.count(*n_outputs);
                self.add(*pooling as u64);
                self.add(*mode as u64);
                [window, stride, padding].into_iter().for_each(|&size| self.size(size));
                self.mapping(mapping.as_deref());
            }
        }
    }
}

/// Of the network.
pub(crate) fn network(network: &Network) -> u64 {
    let Network { input: Shape { channels, height, width }, cells, output } = network;
    let mut digest = Digest::new();
    [channels, height, width, output, &cells.len()].into_iter().for_each(|&n| digest.count(n));
    for cell in cells {
        let number = |source| match source {
            Source::Environment => 0,
            Source::Cell(cell) => cell as u64 + 1,
        };
        digest.list(Some(&cell.inputs), |digest, source| digest.add(number(source)));
        digest.operator(&cell.operator);
    }
    digest.0
}

/// Of the encoder.
pub(super) fn encoder(encoder: &Encoder) -> u64 {
    let EncoderConfig {
        coding,
        discarded_late_stimuli,
        period_mean_min,
        period_mean_max,
        period_rel_std_dev,
        period_min,
        max_frequency,
        n_levels,
    } = *encoder.config();
    let mut digest = Digest::new();
    digest.add(coding as u64);
    [discarded_late_stimuli, period_rel_std_dev, max_frequency].into_iter().for_each(|real| digest.real(real));
    [period_mean_min, period_mean_max, period_min].into_iter().for_each(|time| digest.add(time.0));
    digest.add(u64::from(n_levels));
    digest.0
}
