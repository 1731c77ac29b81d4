//! Batch normalization on packs. Sums over the batch are 64 bits wide, block after block.

use super::lanes::{LANES, Pack};
use crate::cell::batch_norm::{BatchNorm, Moments};

/// What a channel's errors sum to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ErrorSums {
    /// `Σ e`.
    pub(super) errors: f64,
    /// `Σ e·x'`.
    pub(super) products: f64,
}

/// What a batch's normalization needs in every block.
#[derive(Clone, Debug, Default)]
pub(super) struct Normalization {
    /// One a channel.
    pub(super) moments: Vec<Moments>,
    /// One a channel, divided by the number of values; 0 where learning does not follow the batch.
    pub(super) error_means: Vec<ErrorSums>,
}

fn channels<'a>(norm: &BatchNorm, values: &'a [Pack]) -> std::slice::ChunksExact<'a, Pack> {
    values.chunks_exact(norm.area())
}

/// Adds `term(x, channel)` of the first lanes to the sum of each channel.
pub(super) fn add_sums(
    norm: &BatchNorm,
    input: &[Pack],
    lanes: usize,
    sums: &mut [f64],
    term: impl Fn(f64, usize) -> f64,
) {
    for (channel, (packs, sum)) in channels(norm, input).zip(sums).enumerate() {
        let mut parts = [0.0; LANES];
        for pack in packs {
            for (part, &x) in parts.iter_mut().zip(&pack.0) {
                *part += term(f64::from(x), channel);
            }
        }
        *sum += parts[..lanes].iter().sum::<f64>();
    }
}

/// Adds the error sums of the first lanes: errors of all channels, then products of all channels.
pub(super) fn add_error_sums(
    norm: &BatchNorm,
    moments: &[Moments],
    input: &[Pack],
    error: &[Pack],
    lanes: usize,
    sums: &mut [f64],
) {
    let (errors, products) = sums.split_at_mut(norm.shape.channels);
    for (channel, (inputs, packs)) in channels(norm, input).zip(channels(norm, error)).enumerate() {
        let Moments { mean, scale } = moments[channel];
        let mut parts = [(0.0, 0.0); LANES];
        for (x, e) in inputs.iter().zip(packs) {
            for ((part, &x), &e) in parts.iter_mut().zip(&x.0).zip(&e.0) {
                part.0 += f64::from(e);
                part.1 += f64::from(e) * (f64::from(x) - mean) * scale;
            }
        }
        errors[channel] += parts[..lanes].iter().map(|part| part.0).sum::<f64>();
        products[channel] += parts[..lanes].iter().map(|part| part.1).sum::<f64>();
    }
}

/// Outputs before the activation.
pub(super) fn forward(
    norm: &BatchNorm,
    moments: &[Moments],
    scale: &[f32],
    bias: &[f32],
    input: &[Pack],
    output: &mut [Pack],
) {
    for (channel, (from, to)) in channels(norm, input).zip(output.chunks_exact_mut(norm.area())).enumerate() {
        let (mean, bias) = (moments[channel].mean as f32, bias[channel]);
        let factor = (f64::from(scale[channel]) * moments[channel].scale) as f32;
        for (from, to) in from.iter().zip(to) {
            to.0 = from.0.map(|x| (x - mean) * factor + bias);
        }
    }
}

/// Errors of the inputs; lanes beyond the first ones, which have no stimulus, get none.
pub(super) fn backward(
    norm: &BatchNorm,
    all: &Normalization,
    scale: &[f32],
    (input, lanes): (&[Pack], usize),
    error: &[Pack],
    input_error: &mut [Pack],
    add: bool,
) {
    let places = channels(norm, input).zip(channels(norm, error)).zip(input_error.chunks_exact_mut(norm.area()));
    for (channel, ((inputs, errors), to)) in places.enumerate() {
        let Moments { mean, scale: deviation } = all.moments[channel];
        let ErrorSums { errors: sum, products } = all.error_means[channel];
        let factor = (f64::from(scale[channel]) * deviation) as f32;
        let (mean, sum, slope) = (mean as f32, sum as f32, (products * deviation) as f32);
        for ((x, e), to) in inputs.iter().zip(errors).zip(to) {
            for lane in 0..lanes {
                let part = factor * (e.0[lane] - sum - (x.0[lane] - mean) * slope);
                to.0[lane] = if add { to.0[lane] + part } else { part };
            }
            if !add {
                to.0[lanes..].fill(0.0);
            }
        }
    }
}
