//! Transcendental functions of each element: plain operations without a branch, so that the compiler can use vectors
//! and every processor gives the same bits. The coefficients are those of the Cephes library (Moshier, 1989).

use super::lanes::{Pack, Vector, dispatch};

dispatch! { pub(super) fn logistics(values: &mut [f32]) = logistics_kernel }
dispatch! { pub(super) fn softplus(values: &mut [f32]) = softplus_kernel }
dispatch! { pub(super) fn swish(values: &mut [f32]) = swish_kernel }
dispatch! { pub(super) fn softplus_errors(outputs: &[Pack], errors: &mut [Pack]) = softplus_errors_kernel }
dispatch! {
    pub(super) fn swish_errors(sums: &[Pack], outputs: &[Pack], errors: &mut [Pack]) = swish_errors_kernel
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "the compiler finds the vectors by itself")]
unsafe fn logistics_kernel<V: Vector>(values: &mut [f32]) {
    for value in values {
        *value = logistic(*value);
    }
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "the compiler finds the vectors by itself")]
unsafe fn softplus_kernel<V: Vector>(values: &mut [f32]) {
    for value in values {
        *value = softplus_of(*value);
    }
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "the compiler finds the vectors by itself")]
unsafe fn swish_kernel<V: Vector>(values: &mut [f32]) {
    for value in values {
        *value *= logistic(*value);
    }
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "the compiler finds the vectors by itself")]
unsafe fn softplus_errors_kernel<V: Vector>(outputs: &[Pack], errors: &mut [Pack]) {
    for (output, error) in outputs.iter().zip(errors) {
        for (&y, error) in output.0.iter().zip(&mut error.0) {
            // 1 - e^-y without the loss of digits where y is small.
            let half = tanh(0.5 * y);
            *error *= 2.0 * half / (1.0 + half);
        }
    }
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "the compiler finds the vectors by itself")]
unsafe fn swish_errors_kernel<V: Vector>(sums: &[Pack], outputs: &[Pack], errors: &mut [Pack]) {
    for ((sum, output), error) in sums.iter().zip(outputs).zip(errors) {
        for ((&x, &y), error) in sum.0.iter().zip(&output.0).zip(&mut error.0) {
            let share = logistic(x);
            *error *= share + y * (1.0 - share);
        }
    }
}

/// `e^x` for `-87 <= x <= 88`: the power of two nearest to it times a polynomial of the rest.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Rounds to an integer what is added to it: 1.5·2^23.
    const ROUNDER: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first with zeros at its end.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let exponent = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(127) << 23;
    let n = shifted - ROUNDER;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let series = ((1.987_569_2e-4 * r + 1.398_199_9e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2;
    let series = ((series * r + 1.666_666_5e-1) * r + 0.5) * r * r + r + 1.0;
    series * f32::from_bits(exponent)
}

/// `e^-x` for `x` of 0 or more.
#[inline(always)]
fn exp_minus(x: f32) -> f32 {
    /// Beyond, the result is of no weight beside 1.
    const LARGEST: f32 = 87.0;
    exp(-if x > LARGEST { LARGEST } else { x })
}

/// `1/(1 + e^-x)`, with all digits on both sides.
#[inline(always)]
fn logistic(x: f32) -> f32 {
    let small = exp_minus(x.abs());
    let share = 1.0 / (1.0 + small);
    if x > 0.0 { share } else { small * share }
}

/// `ln(1 + x)` for `x` of `[0, 1]`: twice the series of the area hyperbolic tangent of `x/(2 + x)`.
#[inline(always)]
fn log_1p(x: f32) -> f32 {
    let s = x / (2.0 + x);
    let square = s * s;
    let series = (square * (1.0 / 15.0) + 1.0 / 13.0) * square + 1.0 / 11.0;
    let series = ((series * square + 1.0 / 9.0) * square + 1.0 / 7.0) * square + 1.0 / 5.0;
    2.0 * s + 2.0 * s * square * (series * square + 1.0 / 3.0)
}

/// `ln(1 + e^x)`, with all digits on both sides.
#[inline(always)]
fn softplus_of(x: f32) -> f32 {
    (if x > 0.0 { x } else { 0.0 }) + log_1p(exp_minus(x.abs()))
}

/// Hyperbolic tangent: an odd polynomial up to 0.625, `1 - 2/(e^2x + 1)` beyond.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    /// Beyond, the result rounds to 1.
    const LARGEST: f32 = 10.0;

    let square = x * x;
    let odd = -5.704_988_7e-3 * square + 2.063_909e-2;
    let odd = (odd * square - 5.373_971_6e-2) * square + 1.333_144_2e-1;
    let small = (odd * square - 3.333_328e-1) * square * x + x;

    let magnitude = x.abs();
    let twice = 2.0 * if magnitude > LARGEST { LARGEST } else { magnitude };
    let large = (1.0 - 2.0 / (exp(twice) + 1.0)).copysign(x);
    if magnitude > 0.625 { large } else { small }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units in the last place of the result.
    const THREE_ULPS: f64 = 3.0 * f32::EPSILON as f64;

    /// Compares at 200,001 points of [-13, 13] and at `more`.
    #[track_caller]
    fn check(function: fn(f32) -> f32, definition: fn(f64) -> f64, more: &[f32]) {
        for x in (-100_000..=100_000).map(|step| step as f32 * 1.3e-4).chain(more.iter().copied()) {
            let (found, expected) = (f64::from(function(x)), definition(f64::from(x)));
            assert!((found - expected).abs() <= THREE_ULPS * expected.abs(), "{x}: expected {expected}, found {found}");
        }
        assert!(function(f32::NAN).is_nan());
    }

    #[test]
    fn each_function_is_within_three_units_of_the_last_place() {
        let far = [0.0, f32::MIN_POSITIVE, 1e-20, 0.625, 9.1, 30.0, 1e30, f32::INFINITY];
        let both: Vec<f32> = far.iter().flat_map(|&x| [x, -x]).collect();
        check(tanh, f64::tanh, &both);
        let near = [0.0, 1e-20, 30.0, 80.0, -80.0, -30.0];
        check(logistic, |x| 1.0 / (1.0 + (-x).exp()), &near);
        check(softplus_of, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), &near);
    }
}
