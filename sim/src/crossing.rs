//! Where a neuron with a constant current stands, and when it crosses its threshold.
//!
//! With V0 the potential d fs ago, I the current and tau the membrane time constant:
//!
//! - without leak V = V0 + I d, which reaches V_th at d = (V_th - V0) / I;
//! - with leak V = V0 e^(-d / tau) + I tau (1 - e^(-d / tau)), which reaches V_th at
//!   d = tau ln(1 + (V_th - V0) / (I tau - V_th)).
//!
//! Both move one way between two events, so a threshold is crossed at most once. A double answers nearly always; where the
//! whole femtosecond hangs on its last bits, and for times so long that a double holds no fraction of them, numbers of 106
//! bits decide.

use crate::double::Double;
use crate::network::Neuron;
use crate::time::SimDuration;

/// A crossing that does not come.
pub(crate) const NEVER: u64 = u64::MAX;
/// Largest relative error of a crossing time computed in doubles: a few roundings and the logarithm.
const ERROR: f64 = 1.0 / (1_u64 << 48) as f64;
/// Whole numbers up to here are doubles.
const EXACT: u64 = 1 << 53;

/// The law by which the potential of a neuron with a constant current moves, and its thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Motion {
    /// Potential per femtosecond, not 0.
    current: f64,
    /// In femtoseconds; 0 is no leak.
    time_constant: f64,
    /// Where the potential tends to with a leak: current times time constant.
    asymptote: f64,
    /// Asymptote minus threshold; and minus asymptote minus threshold, which is the same seen upside down.
    beyond: [Double; 2],
    threshold: f64,
    is_bipolar: bool,
}

impl Motion {
    /// `threshold` as the engine's float holds it.
    pub(crate) fn new(current: f64, neuron: &Neuron, threshold: f64) -> Self {
        let SimDuration(tau) = neuron.membrane_time_constant;
        let asymptote = Double::product(current, tau as f64);
        let beyond = [asymptote, -asymptote].map(|to| to + Double::from(-threshold));
        Self {
            current,
            time_constant: tau as f64,
            asymptote: asymptote.high,
            beyond,
            threshold,
            is_bipolar: neuron.bipolar_threshold,
        }
    }

    /// The potential `elapsed` femtoseconds after it was `v`.
    #[inline(always)]
    pub(crate) fn potential(&self, v: f64, elapsed: u64) -> f64 {
        let d = elapsed as f64;
        if self.time_constant == 0.0 {
            return v + self.current * d;
        }
        v - (self.asymptote - v) * crate::math::exp_m1(-(d / self.time_constant))
    }

    /// The same at a crossing, `now`, that [`Motion::next`] found: beyond the threshold that is crossed, wherever rounding puts it.
    #[inline(always)]
    pub(crate) fn potential_at_crossing(&self, v: f64, since: u64, now: u64, not_before: u64) -> f64 {
        let elapsed = now - since;
        let earliest = not_before.saturating_sub(since).max(1);
        let crosses_above = !self.is_bipolar || self.first_above(v, self.current, self.beyond[0], earliest) == elapsed;
        let v = self.potential(v, elapsed);
        if crosses_above { v.max(self.threshold) } else { v.min(-self.threshold) }
    }

    /// The first instant after `since`, and not before `not_before`, at which the potential is at or beyond a threshold,
    /// if it is `v` at `since` and nothing arrives; [`NEVER`] where there is none, or `v` is not finite.
    #[inline(always)]
    pub(crate) fn next(&self, v: f64, since: u64, not_before: u64) -> u64 {
        if !v.is_finite() {
            return NEVER;
        }
        let earliest = not_before.saturating_sub(since).max(1);
        let mut elapsed = self.first_above(v, self.current, self.beyond[0], earliest);
        if self.is_bipolar {
            let below = self.first_above(-v, -self.current, self.beyond[1], earliest);
            elapsed = elapsed.min(below);
        }
        since.saturating_add(elapsed)
    }

    /// The least `d` from `earliest` on at which a potential that is `v` at 0 is at or above the threshold.
    #[inline(always)]
    fn first_above(&self, v: f64, current: f64, beyond: Double, earliest: u64) -> u64 {
        let leaks = self.time_constant > 0.0;
        if v < self.threshold {
            let arrives = if leaks { beyond.high > 0.0 } else { current > 0.0 };
            return if arrives { self.crossing(v, current, beyond, true).max(earliest) } else { NEVER };
        }
        let stays = if leaks { beyond.high >= 0.0 } else { current > 0.0 };
        if stays || earliest <= self.crossing(v, current, beyond, false) { earliest } else { NEVER }
    }

    /// The first whole femtosecond at or above the threshold where the potential rises to it, the last one where it falls.
    #[inline(always)]
    fn crossing(&self, v: f64, current: f64, beyond: Double, rises: bool) -> u64 {
        let gap = self.threshold - v;
        let time = if self.time_constant == 0.0 {
            gap / current
        } else {
            self.time_constant * crate::math::ln_1p(gap / beyond.high)
        };
        let (least, most) = (time * (1.0 - ERROR), time * (1.0 + ERROR));
        let (least, most) = if rises { (least.ceil(), most.ceil()) } else { (least.floor(), most.floor()) };
        if least == most { least as u64 } else { self.close_crossing(v, current, beyond, rises) }
    }

    #[cold]
    #[inline(never)]
    fn close_crossing(&self, v: f64, current: f64, beyond: Double, rises: bool) -> u64 {
        let gap = Double::sum(self.threshold, -v);
        let whole = |time: Double| if rises { time.ceil() } else { time.floor() };
        if self.time_constant > 0.0 {
            return whole(Double::from(self.time_constant) * (gap / beyond).ln_1p());
        }
        let d = whole(gap / Double::from(current));
        if !(1..EXACT).contains(&d) {
            return d;
        }
        // The quotient is rounded, products are not.
        let is_above = |d: u64| Double::product(current, d as f64) >= gap;
        match (rises, is_above(d)) {
            (true, false) => d + 1,
            (true, true) => d - u64::from(is_above(d - 1)),
            (false, false) => d - 1,
            (false, true) => d + u64::from(is_above(d + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use dashu_float::{FBig, round::mode::HalfEven};
    use proptest::prelude::*;

    use super::*;

    type Big = FBig<HalfEven, 2>;

    fn big(value: f64) -> Big {
        Big::try_from(value).unwrap().with_precision(400).value()
    }

    fn motion(current: f64, tau: u64, threshold: f64, bipolar_threshold: bool) -> Motion {
        let neuron = Neuron { membrane_time_constant: SimDuration(tau), bipolar_threshold, ..Neuron::default() };
        Motion::new(current, &neuron, threshold)
    }

    /// The crossing by 400 bits, `None` where the potential moves away or stops short.
    fn exact(v: f64, current: f64, tau: u64, threshold: f64) -> Option<Big> {
        let gap = big(threshold) - big(v);
        if tau == 0 {
            return (current > 0.0).then(|| gap / big(current));
        }
        let beyond = big(current) * Big::from(tau).with_precision(400).value() - big(threshold);
        (beyond > big(0.0)).then(|| (gap / beyond).ln_1p() * Big::from(tau))
    }

    #[track_caller]
    fn check(m: Motion, v: f64, (since, not_before): (u64, u64), expected: u64) {
        assert_eq!(m.next(v, since, not_before), expected, "{m:?} from {v} at {since}, not before {not_before}");
    }

    #[test]
    fn a_constant_current_fires_at_the_closed_form() {
        check(motion(0.25, 0, 1.0, false), 0.0, (0, 0), 4);
        check(motion(0.3, 0, 1.0, false), 0.0, (100, 0), 104);
        check(motion(-0.25, 0, 1.0, true), 0.5, (0, 0), 6);
        check(motion(-0.25, 0, 1.0, false), 0.5, (0, 0), NEVER);
        // I tau = 2 V_th: half way after tau ln 2 = 693.147 fs.
        check(motion(0.002, 1_000, 1.0, false), 0.0, (0, 0), 694);
        check(motion(-0.002, 1_000, 1.0, true), 0.0, (7, 0), 701);
        // ln(1 + 0.5) / ln 2 of it from half the threshold.
        check(motion(0.002, 1_000, 1.0, false), 0.5, (0, 0), 406);
    }

    #[test]
    fn a_current_below_the_leak_never_fires() {
        check(motion(0.000_9, 1_000, 1.0, true), 0.0, (0, 0), NEVER);
        check(motion(0.125, 8, 1.0, true), 0.0, (0, 0), NEVER);
        check(motion(0.125, 8, 1.0, true), 1.0, (0, 0), 1);
    }

    #[test]
    fn surplus_fires_at_the_next_instant_or_after_the_refractory_period() {
        check(motion(0.25, 0, 1.0, false), 3.5, (10, 10), 11);
        check(motion(0.25, 0, 1.0, false), 3.5, (10, 500), 500);
        // It falls to 1 at 10 fs and is below from then on.
        check(motion(-0.25, 0, 1.0, false), 3.5, (0, 10), 10);
        check(motion(-0.25, 0, 1.0, false), 3.5, (0, 11), NEVER);
        check(motion(-0.25, 0, 1.0, true), 3.5, (0, 11), 18);
        // From 3 towards -2: at 1 after tau ln(5 / 3) = 510.8 fs, at -1 after tau ln 5 = 1609.4 fs.
        check(motion(-0.002, 1_000, 1.0, false), 3.0, (0, 510), 510);
        check(motion(-0.002, 1_000, 1.0, true), 3.0, (0, 511), 1_610);
        // Towards 1.5 it stays above.
        check(motion(0.001_5, 1_000, 1.0, false), 3.0, (0, 1 << 50), 1 << 50);
    }

    #[test]
    fn what_is_out_of_range_never_fires() {
        let m = motion(1e-300, 0, 1.0, true);
        check(m, 0.0, (0, 0), NEVER);
        for v in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            check(motion(0.5, 0, 1.0, true), v, (0, 0), NEVER);
            check(motion(0.5, 50, 1.0, true), v, (0, 0), NEVER);
        }
        check(motion(0.5, 0, 1.0, true), 0.0, (u64::MAX - 1, 0), NEVER);
        check(motion(0.5, 0, 1.0, true), 0.0, (0, u64::MAX), NEVER);
    }

    #[test]
    fn the_potential_follows_the_closed_form() {
        let m = motion(0.002, 1_000, 1.0, false);
        for (v, d, expected) in [(0.0, 0, 0.0), (0.7, 0, 0.7), (0.0, 693, 0.999_852_808_608_464_6), (3.0, 1 << 40, 2.0)]
        {
            assert!((m.potential(v, d) - expected).abs() < 1e-12, "{v} after {d}: {}", m.potential(v, d));
        }
        assert_eq!(motion(0.25, 0, 1.0, false).potential(-1.0, 3), -0.25);
    }

    fn near(range: std::ops::Range<i32>) -> impl Strategy<Value = f64> {
        (1.0..2.0_f64, range).prop_map(|(m, e)| m * 2.0_f64.powi(e))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// Far stricter than one femtosecond: the very one, up to 2^53 fs (9 s) and beyond.
        #[test]
        fn a_crossing_is_the_first_femtosecond_of_four_hundred_bits(
            threshold in near(-3..3), v in -4.0..0.999_999_f64, below in prop::option::of(near(-40..0)),
            time in near(0..55), tau in prop::option::of(near(0..60)), single in any::<bool>(),
        ) {
            let (threshold, v) = if single { (f64::from(threshold as f32), f64::from(v as f32)) } else { (threshold, v) };
            let tau = tau.map_or(0, |tau| tau as u64);
            let v = below.map_or(v * threshold, |below| threshold * (1.0 - below));
            // A current that crosses near the time wished.
            let current = match tau {
                0 => (threshold - v) / time,
                _ => (threshold + (threshold - v) / (time / tau as f64).min(30.0).exp_m1()) / tau as f64,
            };
            let found = motion(current, tau, threshold, false).next(v, 0, 0);
            let Some(expected) = exact(v, current, tau, threshold) else { return Ok(()) };
            let ceil = expected.ceil();
            prop_assert_eq!(Big::from(found), ceil.max(Big::from(1)), "v {} current {} tau {}", v, current, tau);
        }

        /// Every instant one after the other, in steps that doubles hold exactly.
        #[test]
        fn a_crossing_is_what_a_scan_of_all_instants_finds(
            v in -40..40_i32, current in -9..9_i32, not_before in 0..40_u64, is_bipolar in any::<bool>(), leaks in any::<bool>(),
        ) {
            prop_assume!(current != 0);
            let (v, current) = (f64::from(v) / 8.0, f64::from(current) / 64.0);
            let m = motion(current, if leaks { 23 } else { 0 }, 1.0, is_bipolar);
            let above = |d: u64| m.potential(v, d) >= 1.0 || (is_bipolar && -m.potential(v, d) >= 1.0);
            let found = (1..2_000).find(|&d| d >= not_before && above(d));
            let is_close = (1..2_000).any(|d| (m.potential(v, d).abs() - 1.0).abs() < 1e-12);
            if !leaks || !is_close {
                prop_assert_eq!(m.next(v, 5, not_before + 5), found.map_or(NEVER, |d| d + 5));
            }
        }
    }
}
