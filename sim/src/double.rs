//! Numbers of about 106 bits, as the unevaluated sum of two doubles, for the rare comparison that hangs on the last bits
//! of one.
//!
//! Plain IEEE 754 operations without fused multiply-add, the same on every CPU. Source: Dekker, "A floating-point
//! technique for extending the available precision", Numer. Math. 18:224, 1971; the sum is Knuth's. Exact and within
//! 2^-100 hold for magnitudes between 2^-900 and 2^900; outside, a number is as good as its leading double.

use std::ops::{Add, Div, Mul, Neg};

/// ln 2 to 106 bits.
const LN_2: Double = Double { high: std::f64::consts::LN_2, low: 2.319_046_813_846_299_6e-17 };
/// Terms of the exponential series for arguments up to ln(2) / 2: the first one left out is below 2^-85 of the sum.
const N_TERMS: u32 = 20;

/// Beyond this logarithm e^-y is hardly a normal number, and a double says enough.
const MOST_LN: f64 = 690.0;

/// `high + low`, where `high` is the sum rounded to a double. Ordered by value.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Double {
    pub(crate) high: f64,
    low: f64,
}

impl Double {
    /// a + b, exactly.
    #[inline(always)]
    pub(crate) fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let of_b = high - a;
        Self::new(high, (a - (high - of_b)) + (b - of_b))
    }

    /// a b, exactly.
    #[inline(always)]
    pub(crate) fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        let ((a1, a0), (b1, b0)) = (split(a), split(b));
        Self::new(high, ((a1 * b1 - high) + a1 * b0 + a0 * b1) + a0 * b0)
    }

    /// What is lost where the leading part overflows is not worth a NaN.
    #[inline(always)]
    fn new(high: f64, low: f64) -> Self {
        Self { high, low: if low.is_finite() { low } else { 0.0 } }
    }

    /// The same sum, its parts not overlapping; `low` must be the smaller.
    #[inline(always)]
    fn normalized(high: f64, low: f64) -> Self {
        let sum = high + low;
        Self::new(sum, low - (sum - high))
    }

    fn scaled(self, power_of_two: f64) -> Self {
        Self { high: self.high * power_of_two, low: self.low * power_of_two }
    }

    /// The least whole number that is not below self >= 0, at most `u64::MAX`.
    pub(crate) fn ceil(self) -> u64 {
        let whole = self.high.floor();
        (whole as u64).saturating_add_signed(((self.high - whole) + self.low).ceil() as i64)
    }

    /// The greatest whole number that is not above self >= 0, at most `u64::MAX`.
    pub(crate) fn floor(self) -> u64 {
        let whole = self.high.floor();
        (whole as u64).saturating_add_signed(((self.high - whole) + self.low).floor() as i64)
    }

    /// ln(1 + self) for self >= 0.
    ///
    /// One Newton step from the double's logarithm y: ln(1 + q) = y + ln((1 + q) e^-y).
    pub(crate) fn ln_1p(self) -> Self {
        let y = crate::math::ln_1p(self.high);
        if y == 0.0 || y > MOST_LN {
            return if y == 0.0 { self } else { Self::from(y) };
        }
        // e^-y = 2^-k e^r, |r| <= ln(2) / 2.
        let k = (y * std::f64::consts::LOG2_E).round_ties_even();
        let r = LN_2 * Self::from(k) + Self::from(-y);
        // e^r - 1 = r (1 + r/2 (1 + r/3 (1 + ...))).
        let mut series = Self::from(1.0);
        for n in (2..=N_TERMS).rev() {
            series = r * series / Self::from(f64::from(n)) + Self::from(1.0);
        }
        let less_one = r * series;
        let (scaled, scaled_less_one) = if k == 0.0 {
            (self + Self::from(1.0), self)
        } else {
            let scaled = (self + Self::from(1.0)).scaled(f64::from_bits(((1023 - k as i64) as u64) << 52));
            (scaled, scaled + Self::from(-1.0))
        };
        let rest = scaled_less_one + scaled * less_one;
        Self::from(y) + rest
    }
}

/// Two halves of 26 bits.
#[inline(always)]
fn split(a: f64) -> (f64, f64) {
    let c = a * 134_217_729.0;
    let high = c - (c - a);
    (high, a - high)
}

impl From<f64> for Double {
    fn from(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }
}

impl Neg for Double {
    type Output = Self;
    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Add for Double {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let high = Self::sum(self.high, other.high);
        let low = Self::sum(self.low, other.low);
        let sum = Self::normalized(high.high, high.low + low.high);
        Self::normalized(sum.high, sum.low + low.low)
    }
}

impl Mul for Double {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        Self::normalized(product.high, product.low + (self.high * other.low + self.low * other.high))
    }
}

impl Div for Double {
    type Output = Self;
    fn div(self, by: Self) -> Self {
        let first = self.high / by.high;
        let rest = self + -(by * Self::from(first));
        let second = rest.high / by.high;
        let rest = rest + -(by * Self::from(second));
        Self::normalized(first, second) + Self::from(rest.high / by.high)
    }
}

#[cfg(test)]
mod tests {
    use dashu_float::{FBig, round::mode::HalfEven};
    use proptest::prelude::*;

    use super::*;

    type Big = FBig<HalfEven, 2>;
    /// Bits of the yardstick.
    const PRECISION: usize = 400;
    /// Largest relative error, as a power of two.
    const TOLERATED: i32 = -95;

    fn big(value: f64) -> Big {
        Big::try_from(value).unwrap().with_precision(PRECISION).value()
    }

    fn exact(double: Double) -> Big {
        big(double.high) + big(double.low)
    }

    #[track_caller]
    fn check(found: Double, expected: &Big) {
        let error = (exact(found) - expected).to_f64().value().abs();
        assert!(error <= expected.to_f64().value().abs() * 2.0_f64.powi(TOLERATED), "{found:?} is off by {error:e}");
    }

    /// Any sign, exponents from -60 to 60.
    fn value() -> impl Strategy<Value = f64> {
        (1.0..2.0_f64, -60..60_i32, any::<bool>()).prop_map(|(m, e, s)| if s { -m } else { m } * 2.0_f64.powi(e))
    }

    proptest! {
        #[test]
        fn sums_and_products_of_two_doubles_are_exact(a in value(), b in value()) {
            prop_assert_eq!(exact(Double::sum(a, b)), big(a) + big(b));
            prop_assert_eq!(exact(Double::product(a, b)), big(a) * big(b));
        }

        #[test]
        fn the_four_operations_agree_with_four_hundred_bits(a in value(), b in value(), c in value(), d in value()) {
            let (x, y) = (Double::product(a, b), Double::product(c, d));
            let (ex, ey) = (exact(x), exact(y));
            check(x * y, &(&ex * &ey));
            check(x / y, &(&ex / &ey));
            if (a * b > 0.0) == (c * d > 0.0) {
                check(x + y, &(&ex + &ey));
            }
        }

        #[test]
        fn the_logarithm_agrees_with_four_hundred_bits(m in 1.0..2.0_f64, e in -60..60_i32, more in value()) {
            let q = Double::sum(m * 2.0_f64.powi(e), m * 2.0_f64.powi(e - 60) * more.signum());
            check(q.ln_1p(), &exact(q).ln_1p());
        }

        #[test]
        fn whole_parts_are_those_of_the_exact_sum(a in 0..1_u64 << 60, b in -1000..1000_i64, thirds in any::<bool>()) {
            let fraction = if thirds { 1.0 / 3.0 } else { 0.0 };
            let x = Double::sum(a as f64, b as f64) + Double::from(fraction);
            let whole = (a as f64 as i128 + i128::from(b)).max(0) as u64;
            if a as f64 as i128 + i128::from(b) >= 0 {
                prop_assert_eq!(x.floor(), whole);
                prop_assert_eq!(x.ceil(), whole + u64::from(thirds));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_clamped() {
        for (x, floor, ceil) in
            [(0.0, 0, 0), (0.5, 0, 1), (1e300, u64::MAX, u64::MAX), (f64::INFINITY, u64::MAX, u64::MAX)]
        {
            assert_eq!((Double::from(x).floor(), Double::from(x).ceil()), (floor, ceil), "{x}");
        }
    }
}
