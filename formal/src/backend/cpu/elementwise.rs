//! Operations on each element of packs by itself, and the way into and out of packs.

use super::lanes::{LANES, Pack, Vector, dispatch, floats};
use crate::cell::softmax::Softmax;
use crate::config::Activation;

/// Packs stimuli `[n][elements]`, `n` up to the lanes; lanes without a stimulus become 0.
pub(super) fn pack(stimuli: &[f32], to: &mut [Pack]) {
    let n = stimuli.len() / to.len();
    for (block, to) in to.chunks_mut(LANES).enumerate() {
        let mut rows = [Pack::ZERO; LANES];
        for (lane, row) in rows[..n].iter_mut().enumerate() {
            let values = &stimuli[lane * (stimuli.len() / n) + block * LANES..];
            row.0[..to.len()].copy_from_slice(&values[..to.len()]);
        }
        for (element, to) in to.iter_mut().enumerate() {
            to.0 = std::array::from_fn(|lane| rows[lane].0[element]);
        }
    }
}

/// Unpacks the first lanes to `[n][elements]`.
pub(super) fn unpack(from: &[Pack], to: &mut [f32]) {
    for (block, packs) in from.chunks(LANES).enumerate() {
        for (lane, to) in to.chunks_exact_mut(from.len()).enumerate() {
            for (to, pack) in to[block * LANES..].iter_mut().zip(packs) {
                *to = pack.0[lane];
            }
        }
    }
}

/// Applies an activation in place.
pub(super) fn activate(activation: Activation, values: &mut [Pack]) {
    match activation {
        Activation::Linear => {}
        Activation::Rectifier { leak_slope, clipping } => {
            let clipping = if clipping > 0.0 { clipping } else { f32::INFINITY };
            rectify(leak_slope, clipping, values);
        }
        Activation::Tanh { alpha } => tangents(alpha, floats(values)),
    }
}

/// Multiplies errors by the slope at the outputs.
pub(super) fn deactivate(activation: Activation, outputs: &[Pack], errors: &mut [Pack]) {
    match activation {
        Activation::Linear => {}
        Activation::Rectifier { leak_slope, clipping } => {
            let clipping = if clipping > 0.0 { clipping } else { f32::INFINITY };
            rectify_errors(leak_slope, clipping, outputs, errors);
        }
        Activation::Tanh { alpha } => tanh_errors(alpha, outputs, errors),
    }
}

dispatch! { fn rectify(leak_slope: f32, clipping: f32, values: &mut [Pack]) = rectify_kernel }
dispatch! {
    fn rectify_errors(leak_slope: f32, clipping: f32, outputs: &[Pack], errors: &mut [Pack]) = rectify_errors_kernel
}
dispatch! { fn tangents(alpha: f32, values: &mut [f32]) = tangents_kernel }
dispatch! { fn tanh_errors(alpha: f32, outputs: &[Pack], errors: &mut [Pack]) = tanh_errors_kernel }
dispatch! { pub(super) fn add(from: &[Pack], to: &mut [Pack]) = add_kernel }
dispatch! { pub(super) fn multiply(factors: &[Pack], to: &mut [Pack]) = multiply_kernel }

#[inline(always)]
unsafe fn rectify_kernel<V: Vector>(leak_slope: f32, clipping: f32, values: &mut [Pack]) {
    // SAFETY: packs can be read and written; the processor has the instructions of `V`.
    unsafe {
        let (slope, clipping, zero) = (V::splat(leak_slope), V::splat(clipping), V::splat(0.0));
        for value in values {
            let x = V::load(value.0.as_ptr());
            let above = x.if_greater(clipping, clipping, x);
            x.if_greater(zero, above, slope.mul_add(x, zero)).store(value.0.as_mut_ptr());
        }
    }
}

#[inline(always)]
unsafe fn rectify_errors_kernel<V: Vector>(leak_slope: f32, clipping: f32, outputs: &[Pack], errors: &mut [Pack]) {
    // SAFETY: packs can be read and written; the processor has the instructions of `V`.
    unsafe {
        let (slope, clipping, zero) = (V::splat(leak_slope), V::splat(clipping), V::splat(0.0));
        for (output, error) in outputs.iter().zip(errors) {
            let (y, e) = (V::load(output.0.as_ptr()), V::load(error.0.as_ptr()));
            let above = y.if_equal(clipping, zero, e);
            y.if_greater(zero, above, slope.mul(e)).store(error.0.as_mut_ptr());
        }
    }
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "the compiler finds the vectors by itself")]
unsafe fn tangents_kernel<V: Vector>(alpha: f32, values: &mut [f32]) {
    for value in values {
        *value = tanh(alpha * *value);
    }
}

/// Hyperbolic tangent: an odd polynomial up to 0.625, `1 - 2/(e^2x + 1)` beyond, both with the coefficients of the
/// Cephes library (Moshier, 1989). Plain operations without a branch, so that the compiler can use vectors and every
/// processor gives the same bits.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    /// Beyond, the result rounds to 1.
    const LARGEST: f32 = 10.0;
    /// Rounds to an integer what is added to it: 1.5·2^23.
    const ROUNDER: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first with zeros at its end.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

    let square = x * x;
    let odd = -5.704_988_7e-3 * square + 2.063_909e-2;
    let odd = (odd * square - 5.373_971_6e-2) * square + 1.333_144_2e-1;
    let small = (odd * square - 3.333_328e-1) * square * x + x;

    let magnitude = x.abs();
    let twice = 2.0 * if magnitude > LARGEST { LARGEST } else { magnitude };
    let shifted = twice * std::f32::consts::LOG2_E + ROUNDER;
    let exponent = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(127) << 23;
    let n = shifted - ROUNDER;
    let r = twice - n * LN_2[0] - n * LN_2[1];
    let series = ((1.987_569_2e-4 * r + 1.398_199_9e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2;
    let series = ((series * r + 1.666_666_5e-1) * r + 0.5) * r * r + r + 1.0;
    let large = (1.0 - 2.0 / (series * f32::from_bits(exponent) + 1.0)).copysign(x);
    if magnitude > 0.625 { large } else { small }
}

#[inline(always)]
unsafe fn tanh_errors_kernel<V: Vector>(alpha: f32, outputs: &[Pack], errors: &mut [Pack]) {
    // SAFETY: packs can be read and written; the processor has the instructions of `V`.
    unsafe {
        let (alpha, minus) = (V::splat(alpha), V::splat(-1.0));
        for (output, error) in outputs.iter().zip(errors) {
            let y = V::load(output.0.as_ptr());
            let slope = alpha.mul(y.mul(minus).mul_add(y, V::splat(1.0)));
            slope.mul(V::load(error.0.as_ptr())).store(error.0.as_mut_ptr());
        }
    }
}

#[inline(always)]
unsafe fn add_kernel<V: Vector>(from: &[Pack], to: &mut [Pack]) {
    for (from, to) in from.iter().zip(to) {
        // SAFETY: packs can be read and written; the processor has the instructions of `V`.
        unsafe { V::load(from.0.as_ptr()).add(V::load(to.0.as_ptr())).store(to.0.as_mut_ptr()) };
    }
}

#[inline(always)]
unsafe fn multiply_kernel<V: Vector>(factors: &[Pack], to: &mut [Pack]) {
    for (factor, to) in factors.iter().zip(to) {
        // SAFETY: packs can be read and written; the processor has the instructions of `V`.
        unsafe { V::load(factor.0.as_ptr()).mul(V::load(to.0.as_ptr())).store(to.0.as_mut_ptr()) };
    }
}

/// Softmax of each group.
pub(super) fn softmax(softmax: &Softmax, input: &[Pack], output: &mut [Pack]) {
    for first in softmax.groups() {
        for lane in 0..LANES {
            let members = softmax.members(first);
            let greatest = members.clone().map(|at| input[at].0[lane]).fold(f32::NEG_INFINITY, f32::max);
            let mut total = 0.0;
            for at in members.clone() {
                let value = (input[at].0[lane] - greatest).exp();
                total += value;
                output[at].0[lane] = value;
            }
            members.for_each(|at| output[at].0[lane] /= total);
        }
    }
}

/// Errors through the Jacobian of the softmax.
pub(super) fn softmax_errors(softmax: &Softmax, output: &[Pack], error: &[Pack], input_error: &mut [Pack], add: bool) {
    for first in softmax.groups() {
        for lane in 0..LANES {
            let members = softmax.members(first);
            let mean: f32 = members.clone().map(|at| output[at].0[lane] * error[at].0[lane]).sum();
            for at in members {
                let before = if add { input_error[at].0[lane] } else { 0.0 };
                input_error[at].0[lane] = before + output[at].0[lane] * (error[at].0[lane] - mean);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units in the last place of the result.
    const THREE_ULPS: f64 = 3.0 * f32::EPSILON as f64;

    #[test]
    fn the_hyperbolic_tangent_is_within_three_units_of_the_last_place() {
        let check = |x: f32| {
            let (found, expected) = (f64::from(tanh(x)), f64::from(x).tanh());
            assert!((found - expected).abs() <= THREE_ULPS * expected.abs(), "{x}: expected {expected}, found {found}");
        };
        for step in -100_000..=100_000 {
            check(step as f32 * 1.3e-4);
        }
        for x in [0.0, f32::MIN_POSITIVE, 1e-20, 0.625, 9.1, 30.0, 1e30, f32::INFINITY] {
            check(x);
            check(-x);
        }
        assert!(tanh(f32::NAN).is_nan());
    }
}
