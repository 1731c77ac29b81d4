//! Time in whole femtoseconds: an instant and a duration are two types.
//!
//! Adding two instants is a mistake, so it does not compile:
//!
//! ```compile_fail
//! let _ = sim::SimTime(1) + sim::SimTime(2);
//! ```
//!
//! ```
//! use sim::{SimDuration, SimTime};
//!
//! let end = SimTime::ZERO + SimDuration::us(1);
//! assert_eq!(end - SimTime(250_000_000), SimDuration::ns(750));
//! assert_eq!(end.to_string(), "1 us");
//! ```

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};

use crate::error::Error;

/// An instant, in femtoseconds on the clock of a run. The clock starts with each stimulus, or runs through many: a stimulus
/// begins at the start of its [`Span`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(pub u64);

/// A duration in femtoseconds; the longest is about 5.1 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimDuration(pub u64);

/// Femtoseconds in each unit, largest first.
const UNITS: [(u64, &str); 6] = [
    (1_000_000_000_000_000, "s"),
    (1_000_000_000_000, "ms"),
    (1_000_000_000, "us"),
    (1_000_000, "ns"),
    (1_000, "ps"),
    (1, "fs"),
];

impl SimTime {
    /// The beginning of the clock.
    pub const ZERO: Self = Self(0);

    /// The instant `duration` later, `None` where that is past the end of time.
    pub const fn checked_add(self, duration: SimDuration) -> Option<Self> {
        match self.0.checked_add(duration.0) {
            Some(fs) => Some(Self(fs)),
            None => None,
        }
    }

    /// The time since the clock began.
    pub const fn since_start(self) -> SimDuration {
        SimDuration(self.0)
    }
}

/// When a stimulus is presented: [`start`, `start` + `duration`). A duration alone starts at the beginning of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First instant.
    pub start: SimTime,
    /// How long it takes.
    pub duration: SimDuration,
}

impl Span {
    /// The first instant that is no longer part of it.
    ///
    /// # Errors
    ///
    /// It would lie past the end of time.
    pub fn end(self) -> Result<SimTime, Error> {
        let Self { start, duration } = self;
        start.checked_add(duration).ok_or(Error::PastTheEndOfTime { start, duration })
    }
}

impl From<SimDuration> for Span {
    fn from(duration: SimDuration) -> Self {
        Self { start: SimTime::ZERO, duration }
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `n` femtoseconds.
    pub const fn fs(n: u64) -> Self {
        Self(n)
    }

    /// `n` picoseconds. Panics past the end of time, as all constructors do.
    pub const fn ps(n: u64) -> Self {
        Self::of(n, 1_000)
    }

    /// `n` nanoseconds.
    pub const fn ns(n: u64) -> Self {
        Self::of(n, 1_000_000)
    }

    /// `n` microseconds.
    pub const fn us(n: u64) -> Self {
        Self::of(n, 1_000_000_000)
    }

    /// `n` milliseconds.
    pub const fn ms(n: u64) -> Self {
        Self::of(n, 1_000_000_000_000)
    }

    /// `n` seconds.
    pub const fn s(n: u64) -> Self {
        Self::of(n, 1_000_000_000_000_000)
    }

    /// This duration in nanoseconds, rounded to a float.
    pub fn as_ns_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// This duration in seconds, rounded to a float.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e15
    }

    /// The sum, `None` where it is past the end of time.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(fs) => Some(Self(fs)),
            None => None,
        }
    }

    const fn of(n: u64, unit: u64) -> Self {
        match n.checked_mul(unit) {
            Some(fs) => Self(fs),
            None => panic!("a duration is at most 2^64 - 1 fs (about 5.1 h)"),
        }
    }
}

const OVERFLOW: &str = "simulated time goes up to 2^64 - 1 fs (about 5.1 h)";
const UNDERFLOW: &str = "a duration is never negative";

impl Add<SimDuration> for SimTime {
    type Output = Self;
    fn add(self, duration: SimDuration) -> Self {
        self.checked_add(duration).expect(OVERFLOW)
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, duration: SimDuration) {
        *self = *self + duration;
    }
}

impl Sub for SimTime {
    type Output = SimDuration;
    fn sub(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.checked_sub(earlier.0).expect(UNDERFLOW))
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = Self;
    fn sub(self, duration: SimDuration) -> Self {
        Self(self.0.checked_sub(duration.0).expect("no instant lies before the beginning of the clock"))
    }
}

impl Add for SimDuration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect(OVERFLOW)
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for SimDuration {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect(UNDERFLOW))
    }
}

impl Mul<u64> for SimDuration {
    type Output = Self;
    fn mul(self, n: u64) -> Self {
        Self::of(self.0, n)
    }
}

/// Prints the exact time in its largest unit, such as `10 ns` or `990.197049 ns`.
fn print(fs: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let &(unit, name) = UNITS.iter().find(|&&(unit, _)| fs >= unit).unwrap_or(&UNITS[5]);
    let (whole, rest) = (fs / unit, fs % unit);
    if rest == 0 {
        return f.pad(&format!("{whole} {name}"));
    }
    let digits = unit.ilog10() as usize;
    let fraction = format!("{rest:0digits$}");
    f.pad(&format!("{whole}.{} {name}", fraction.trim_end_matches('0')))
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.0, f)
    }
}

impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_exactly_with_its_largest_unit() {
        #[track_caller]
        fn check(fs: u64, expected: &str) {
            assert_eq!(SimDuration(fs).to_string(), expected);
            assert_eq!(SimTime(fs).to_string(), expected);
        }
        check(0, "0 fs");
        check(999, "999 fs");
        check(1_000, "1 ps");
        check(10_000_000, "10 ns");
        check(990_197_049, "990.197049 ns");
        check(1_000_000_001, "1.000000001 us");
        check(u64::MAX, "18446.744073709551615 s");
    }

    #[test]
    fn durations_are_built_from_units() {
        assert_eq!(SimDuration::ps(1), SimDuration::fs(1_000));
        assert_eq!(SimDuration::ns(1), SimDuration::ps(1_000));
        assert_eq!(SimDuration::us(1), SimDuration::ns(1_000));
        assert_eq!(SimDuration::ms(1), SimDuration::us(1_000));
        assert_eq!(SimDuration::s(1), SimDuration::ms(1_000));
        assert_eq!(SimDuration::ns(3) * 2 - SimDuration::ns(1), SimDuration::ns(5));
    }

    #[test]
    #[should_panic(expected = "about 5.1 h")]
    fn overflow_is_caught_in_every_profile() {
        let _ = SimTime(u64::MAX) + SimDuration(1);
    }

    #[test]
    #[should_panic(expected = "never negative")]
    fn a_difference_is_never_negative() {
        let _ = SimTime(1) - SimTime(2);
    }
}
