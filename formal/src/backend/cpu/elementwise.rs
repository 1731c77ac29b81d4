//! Operations on each element of packs by itself, and the way into and out of packs.

use super::lanes::{LANES, Pack, Vector, dispatch, floats};
use super::nonlinear;
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
        Activation::Logistic | Activation::LogisticWithLoss => nonlinear::logistics(floats(values)),
        Activation::Saturation { threshold } => saturate(threshold, values),
        Activation::Softplus => nonlinear::softplus(floats(values)),
        Activation::Swish => nonlinear::swish(floats(values)),
    }
}

/// Multiplies errors by the slope at the outputs, and at the sums for an activation that needs them.
pub(super) fn deactivate(activation: Activation, sums: &[Pack], outputs: &[Pack], errors: &mut [Pack]) {
    match activation {
        Activation::Linear | Activation::LogisticWithLoss => {}
        Activation::Rectifier { leak_slope, clipping } => {
            let clipping = if clipping > 0.0 { clipping } else { f32::INFINITY };
            rectify_errors(leak_slope, clipping, outputs, errors);
        }
        Activation::Tanh { alpha } => tanh_errors(alpha, outputs, errors),
        Activation::Logistic => logistic_errors(outputs, errors),
        Activation::Saturation { threshold } => saturated_errors(threshold, outputs, errors),
        Activation::Softplus => nonlinear::softplus_errors(outputs, errors),
        Activation::Swish => nonlinear::swish_errors(sums, outputs, errors),
    }
}

dispatch! { fn rectify(leak_slope: f32, clipping: f32, values: &mut [Pack]) = rectify_kernel }
dispatch! {
    fn rectify_errors(leak_slope: f32, clipping: f32, outputs: &[Pack], errors: &mut [Pack]) = rectify_errors_kernel
}
dispatch! { fn tangents(alpha: f32, values: &mut [f32]) = tangents_kernel }
dispatch! { fn tanh_errors(alpha: f32, outputs: &[Pack], errors: &mut [Pack]) = tanh_errors_kernel }
dispatch! { fn logistic_errors(outputs: &[Pack], errors: &mut [Pack]) = logistic_errors_kernel }
dispatch! { fn saturate(threshold: f32, values: &mut [Pack]) = saturate_kernel }
dispatch! { fn saturated_errors(threshold: f32, outputs: &[Pack], errors: &mut [Pack]) = saturated_errors_kernel }
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
        *value = nonlinear::tanh(alpha * *value);
    }
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
unsafe fn logistic_errors_kernel<V: Vector>(outputs: &[Pack], errors: &mut [Pack]) {
    // SAFETY: packs can be read and written; the processor has the instructions of `V`.
    unsafe {
        let minus = V::splat(-1.0);
        for (output, error) in outputs.iter().zip(errors) {
            let y = V::load(output.0.as_ptr());
            let slope = y.mul(minus).mul_add(y, y);
            slope.mul(V::load(error.0.as_ptr())).store(error.0.as_mut_ptr());
        }
    }
}

#[inline(always)]
unsafe fn saturate_kernel<V: Vector>(threshold: f32, values: &mut [Pack]) {
    // SAFETY: packs can be read and written; the processor has the instructions of `V`.
    unsafe {
        let (upper, lower) = (V::splat(threshold), V::splat(-threshold));
        for value in values {
            let x = V::load(value.0.as_ptr());
            let below = x.if_greater(upper, upper, x);
            lower.if_greater(below, lower, below).store(value.0.as_mut_ptr());
        }
    }
}

#[inline(always)]
unsafe fn saturated_errors_kernel<V: Vector>(threshold: f32, outputs: &[Pack], errors: &mut [Pack]) {
    // SAFETY: packs can be read and written; the processor has the instructions of `V`.
    unsafe {
        let (upper, lower, zero) = (V::splat(threshold), V::splat(-threshold), V::splat(0.0));
        for (output, error) in outputs.iter().zip(errors) {
            let (y, e) = (V::load(output.0.as_ptr()), V::load(error.0.as_ptr()));
            y.if_equal(upper, zero, y.if_equal(lower, zero, e)).store(error.0.as_mut_ptr());
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
