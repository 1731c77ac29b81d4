//! Normalization over the channels, on packs.

use super::lanes::{LANES, Pack};
use crate::cell::margin::{Normalize, TINY};
use crate::config::ChannelNorm;

type Lanes = [f32; LANES];

/// What the channels at a position are divided by.
fn divisor(layer: &Normalize, input: &[Pack], position: usize) -> Lanes {
    let mut sums = [0.0; LANES];
    for pack in input.iter().skip(position).step_by(layer.area()) {
        for (sum, x) in sums.iter_mut().zip(pack.0) {
            *sum += if layer.norm == ChannelNorm::L1 { x.abs() } else { x * x };
        }
    }
    let sums = sums.map(|sum| sum + TINY as f32);
    if layer.norm == ChannelNorm::L1 { sums } else { sums.map(f32::sqrt) }
}

/// Outputs before the activation.
pub(super) fn forward(layer: &Normalize, input: &[Pack], output: &mut [Pack]) {
    let area = layer.area();
    for position in 0..area {
        let divisor = divisor(layer, input, position);
        for at in (position..input.len()).step_by(area) {
            output[at].0 = std::array::from_fn(|lane| input[at].0[lane] / divisor[lane]);
        }
    }
}

/// Errors of the inputs.
pub(super) fn backward(layer: &Normalize, input: &[Pack], error: &[Pack], input_error: &mut [Pack], add: bool) {
    let area = layer.area();
    for position in 0..area {
        let divisor = divisor(layer, input, position);
        let mut along = [0.0; LANES];
        for at in (position..input.len()).step_by(area) {
            for (lane, along) in along.iter_mut().enumerate() {
                *along += error[at].0[lane] * input[at].0[lane] / divisor[lane];
            }
        }
        for at in (position..input.len()).step_by(area) {
            for (lane, to) in input_error[at].0.iter_mut().enumerate() {
                let x = input[at].0[lane];
                let slope = match layer.norm {
                    ChannelNorm::L1 if x == 0.0 => 0.0,
                    ChannelNorm::L1 => x.signum(),
                    ChannelNorm::L2 => x / divisor[lane],
                };
                let e = (error[at].0[lane] - slope * along[lane]) / divisor[lane];
                *to = if add { *to + e } else { e };
            }
        }
    }
}
