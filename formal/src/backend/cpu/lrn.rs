//! Local response normalization on packs.

use super::lanes::{LANES, Pack};
use crate::cell::lrn::Lrn;

/// Outputs before the activation. `kept` gets, for each input, `s^-β` and after all of them `s^(-β-1)`.
pub(super) fn forward(layer: &Lrn, input: &[Pack], output: &mut [Pack], kept: &mut [Pack]) {
    let area = layer.area();
    let [k, alpha, beta] = [layer.config.k, layer.config.alpha, layer.config.beta].map(|value| value as f32);
    let (factors, slopes) = kept.split_at_mut(input.len());
    for (at, output) in output.iter_mut().enumerate() {
        let mut squares = [0.0; LANES];
        for other in layer.neighbors(at / area) {
            for (square, x) in squares.iter_mut().zip(input[other * area + at % area].0) {
                *square += x * x;
            }
        }
        let sums = squares.map(|squares| alpha * squares + k);
        factors[at].0 = sums.map(|sum| sum.powf(-beta));
        slopes[at].0 = std::array::from_fn(|lane| factors[at].0[lane] / sums[lane]);
        output.0 = std::array::from_fn(|lane| input[at].0[lane] * factors[at].0[lane]);
    }
}

/// Errors of the inputs.
pub(super) fn backward(
    layer: &Lrn,
    kept: &[Pack],
    input: &[Pack],
    error: &[Pack],
    input_error: &mut [Pack],
    add: bool,
) {
    let area = layer.area();
    let twice = (2.0 * layer.config.alpha * layer.config.beta) as f32;
    let (factors, slopes) = kept.split_at(input.len());
    for (at, to) in input_error.iter_mut().enumerate() {
        let mut sums = [0.0; LANES];
        for other in layer.neighbors(at / area) {
            let other = other * area + at % area;
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum += error[other].0[lane] * input[other].0[lane] * slopes[other].0[lane];
            }
        }
        for (lane, to) in to.0.iter_mut().enumerate() {
            let e = error[at].0[lane] * factors[at].0[lane] - twice * input[at].0[lane] * sums[lane];
            *to = if add { *to + e } else { e };
        }
    }
}
