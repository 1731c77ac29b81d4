//! Logarithm, exponential, sine and cosine by the same operations on every CPU.
//!
//! A spike's time may hang on the last bit of one of these, and the platform's own functions differ between platforms
//! and versions. Ours are polynomials in plain IEEE 754 operations without fused multiply-add, within
//! [`tests::ULPS`] units in the last place of the exact value.

/// ln 2, its leading 32 bits (so that a small multiple is exact) and the rest.
pub(crate) const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
pub(crate) const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// pi / 2, its leading 33 bits and the rest.
const HALF_PI_HIGH: f64 = f64::from_bits(0x3ff9_21fb_5440_0000);
const HALF_PI_LOW: f64 = 6.077_100_506_506_192e-11;

/// Evaluates a polynomial, coefficients from the highest power down.
#[inline(always)]
fn horner<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[0];
    for &c in &coefficients[1..] {
        sum = sum * x + c;
    }
    sum
}

/// e^x for x in [-708, 709]; outside, 0 or infinity.
pub(crate) fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 709.0 {
        return f64::INFINITY;
    }
    if x < -708.0 {
        return 0.0;
    }
    let (k, y) = reduced_exp(x);
    let k = k as i64;
    // In two steps, because 2^k alone may not be a normal number.
    let half = k / 2;
    y * power_of_two(half) * power_of_two(k - half)
}

/// Constants of e^x = 2^k (1 + r + r^2 tail(r)), coefficients from the highest power down.
pub(crate) mod exp_f64 {
    /// Added to a small whole number, leaves it in the low bits of the sum.
    pub(crate) const TO_LOW_BITS: f64 = 6_755_399_441_055_744.0;
    /// The Taylor series from r^2 on; |r| <= ln(2) / 2, so the first term left out is below 2^-57.
    pub(crate) const TAIL: [f64; 12] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ];
}

/// The same in single precision.
pub(crate) mod exp2_f32 {
    pub(crate) const TO_LOW_BITS: f32 = 12_582_912.0;
    /// Of 2^f - 1 = f (c5 + f (c4 + ...)), from the highest power down: the polynomial that is right at the Chebyshev nodes of
    /// [-1/2, 1/2] and off by 5e-9 at most between them.
    pub(crate) const COEFFICIENTS: [f32; 6] =
        [1.545_316_3e-4, 1.339_086_4e-3, 9.618_083e-3, 0.055_503_573, 0.240_226_5, std::f32::consts::LN_2];
}

/// e^x for x in [-700, 0], without a branch; the same bits as [`exp`].
#[inline(always)]
pub(crate) fn exp_of_negative(x: f64) -> f64 {
    let (k, y) = reduced_exp(x);
    y * f64::from_bits((k + exp_f64::TO_LOW_BITS).to_bits().wrapping_add(1023) << 52)
}

/// 2^x in f32 for x in [-120, 0], without a branch, within one unit in the last place.
#[inline(always)]
pub(crate) fn exp2_of_negative_f32(x: f32) -> f32 {
    use exp2_f32::{COEFFICIENTS, TO_LOW_BITS};
    let k = x.round_ties_even();
    let f = x - k;
    let mut y = COEFFICIENTS[0];
    for &c in &COEFFICIENTS[1..] {
        y = y * f + c;
    }
    (y * f + 1.0) * f32::from_bits((k + TO_LOW_BITS).to_bits().wrapping_add(127) << 23)
}

/// e^x = 2^k y with whole k and y about 1.
#[inline(always)]
fn reduced_exp(x: f64) -> (f64, f64) {
    let k = (x * std::f64::consts::LOG2_E).round_ties_even();
    let high = x - k * LN_2_HIGH;
    let low = k * LN_2_LOW;
    let r = high - low;
    let tail = exp_tail(r);
    let lost = (high - r) - low;
    (k, 1.0 + (r + (tail + lost)))
}

/// e^r - 1 - r: the Taylor series from r^2 on; |r| <= ln(2) / 2, so the first term left out is below 2^-57.
#[inline(always)]
fn exp_tail(r: f64) -> f64 {
    r * r * horner(r, exp_f64::TAIL)
}

/// e^x - 1, within a few units in the last place however small x is.
pub(crate) fn exp_m1(x: f64) -> f64 {
    if x.abs() > 0.5 * std::f64::consts::LN_2 {
        return exp(x) - 1.0;
    }
    x + exp_tail(x)
}

#[inline(always)]
fn power_of_two(k: i64) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

/// ln x for normal positive x; minus infinity at 0, NaN below.
pub(crate) fn ln(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == f64::INFINITY {
        return x;
    }
    if x < f64::MIN_POSITIVE {
        return ln(x * power_of_two(54)) - 54.0 * std::f64::consts::LN_2;
    }
    // x = 2^k m with m in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits();
    let mut k = (bits >> 52) as i64 - 1023;
    let mut m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1023 << 52));
    if m >= std::f64::consts::SQRT_2 {
        m *= 0.5;
        k += 1;
    }
    // ln(1 + f) = 2 artanh(s) = 2 s + s R(s^2) with s = f / (2 + f), and 2 s = f - s f.
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = artanh_tail(z);
    let half_square = 0.5 * f * f;
    let k = k as f64;
    k * LN_2_HIGH - ((half_square - (s * (half_square + r) + k * LN_2_LOW)) - f)
}

/// (2 artanh(s) - 2 s) / s for z = s^2.
#[inline(always)]
fn artanh_tail(z: f64) -> f64 {
    z * horner(
        z,
        [
            2.0 / 23.0,
            2.0 / 21.0,
            2.0 / 19.0,
            2.0 / 17.0,
            2.0 / 15.0,
            2.0 / 13.0,
            2.0 / 11.0,
            2.0 / 9.0,
            2.0 / 7.0,
            2.0 / 5.0,
            2.0 / 3.0,
        ],
    )
}

/// ln(1 + x) for x >= 0, within a few units in the last place however small x is.
pub(crate) fn ln_1p(x: f64) -> f64 {
    if x >= std::f64::consts::SQRT_2 - 1.0 {
        return ln(1.0 + x);
    }
    // As `ln` does it, with f = x and k = 0.
    let s = x / (2.0 + x);
    let half_square = 0.5 * x * x;
    x - (half_square - s * (half_square + artanh_tail(s * s)))
}

/// Sine and cosine of an angle in [0, 2 pi].
pub(crate) fn sin_cos(angle: f64) -> (f64, f64) {
    let quadrant = (angle * std::f64::consts::FRAC_2_PI).round_ties_even();
    let high = angle - quadrant * HALF_PI_HIGH;
    let low = quadrant * HALF_PI_LOW;
    let r = high - low;
    let lost = (high - r) - low;
    let z = r * r;
    let sine_tail = z * horner(
        z,
        [
            1.0 / 355_687_428_096_000.0,
            -1.0 / 1_307_674_368_000.0,
            1.0 / 6_227_020_800.0,
            -1.0 / 39_916_800.0,
            1.0 / 362_880.0,
            -1.0 / 5_040.0,
            1.0 / 120.0,
            -1.0 / 6.0,
        ],
    );
    let cosine_tail = z
        * z
        * horner(
            z,
            [
                1.0 / 20_922_789_888_000.0,
                -1.0 / 87_178_291_200.0,
                1.0 / 479_001_600.0,
                -1.0 / 3_628_800.0,
                1.0 / 40_320.0,
                -1.0 / 720.0,
                1.0 / 24.0,
            ],
        );
    let half_square = 0.5 * z;
    let sine = r + (r * sine_tail + lost);
    let top = 1.0 - half_square;
    let cosine = top + (((1.0 - top) - half_square) + (cosine_tail - r * lost));
    match quadrant as i64 & 3 {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far ours may be from the platform's functions, which are within one unit themselves.
    const ULPS: u64 = 2;
    /// The same where a difference or a sum comes on top.
    const FEW_ULPS: u64 = 6;
    /// Near a root the sine and cosine are as exact as their reduced angle.
    const ABSOLUTE: f64 = 3e-16;

    fn distance(a: f64, b: f64) -> u64 {
        (a.to_bits() as i64).abs_diff(b.to_bits() as i64)
    }

    #[track_caller]
    fn check(ours: f64, theirs: f64, x: f64) {
        check_within(ULPS, ours, theirs, x);
    }

    #[track_caller]
    fn check_within(ulps: u64, ours: f64, theirs: f64, x: f64) {
        assert!(distance(ours, theirs) <= ulps, "at {x:e}: {ours:e} against {theirs:e}");
    }

    #[test]
    fn the_exponential_agrees_with_the_platform() {
        for i in -70_000..70_000 {
            let x = f64::from(i) * 0.010_071;
            check(exp(x), x.exp(), x);
            check(exp(x / 512.0), (x / 512.0).exp(), x / 512.0);
            if (-700.0..=0.0).contains(&x) {
                assert_eq!(exp(x).to_bits(), exp_of_negative(x).to_bits(), "{x}");
                let narrow = (x / 6.0) as f32;
                let ulps = exp2_of_negative_f32(narrow).to_bits().abs_diff(narrow.exp2().to_bits());
                assert!(ulps <= 1, "{narrow}");
            }
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp(f64::INFINITY), f64::INFINITY);
        assert!(exp(f64::NAN).is_nan());
    }

    #[test]
    fn the_logarithm_agrees_with_the_platform() {
        for i in 1..200_000_u64 {
            let u = (i * 21_473) as f64 / 4_294_967_296.0;
            check(ln(u), u.ln(), u);
            let wide = u * power_of_two((i % 1000) as i64 - 500);
            check(ln(wide), wide.ln(), wide);
        }
        for near in [1.0 - f64::EPSILON, 1.0, 1.0 + f64::EPSILON, f64::MIN_POSITIVE / 8.0] {
            check(ln(near), near.ln(), near);
        }
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
        assert!(ln(-1.0).is_nan());
    }

    #[test]
    fn both_keep_their_digits_near_their_root() {
        for i in 0..300_000_u32 {
            let x = 1e-18 * 1.000_15_f64.powi(i as i32);
            check_within(FEW_ULPS, ln_1p(x), x.ln_1p(), x);
            if x < 700.0 {
                check_within(FEW_ULPS, exp_m1(x), x.exp_m1(), x);
                check_within(FEW_ULPS, exp_m1(-x), (-x).exp_m1(), -x);
            }
        }
        assert_eq!((ln_1p(0.0), exp_m1(0.0)), (0.0, 0.0));
        assert_eq!((ln_1p(f64::INFINITY), exp_m1(f64::NEG_INFINITY)), (f64::INFINITY, -1.0));
    }

    #[test]
    fn sine_and_cosine_agree_with_the_platform() {
        for i in 0..200_000_u32 {
            let angle = std::f64::consts::TAU * f64::from(i) / 200_000.0;
            let (sine, cosine) = sin_cos(angle);
            let (s, c) = angle.sin_cos();
            assert!(distance(sine, s) <= ULPS || (sine - s).abs() <= ABSOLUTE, "sin {angle}: {sine:e} against {s:e}");
            assert!(distance(cosine, c) <= ULPS || (cosine - c).abs() <= ABSOLUTE, "cos {angle}: {cosine:e} {c:e}");
        }
    }
}
