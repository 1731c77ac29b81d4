//! The float an engine computes in.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use crate::leak::Leak;
use crate::plan::Plan;
use crate::present::{Run, Watcher};
use crate::roofline::Trace;
use crate::state::State;

/// The float type of membrane potentials and weights: `f32` or `f64`.
///
/// An engine uses only operations that IEEE 754 rounds exactly, so both widths give the same bytes on every CPU. Nothing else can implement it.
pub trait Real:
    crate::lanes::Lanes
    + Copy
    + Debug
    + Default
    + PartialEq
    + PartialOrd
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + Send
    + Sync
    + 'static
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Not a number: the threshold that nothing reaches, not even an infinite potential.
    const NAN: Self;
    /// What the type is called on a command line: `f32` or `f64`.
    const NAME: &str;

    /// Rounds a double to this type.
    fn from_f64(value: f64) -> Self;
    /// Widens to a double, exactly.
    fn to_f64(self) -> f64;
    /// The absolute value.
    fn abs(self) -> Self;
    /// Is neither infinite nor a NaN.
    fn is_finite(self) -> bool;
    /// What is left of 1 after `dt` femtoseconds of a leak.
    #[doc(hidden)]
    fn remaining(leak: &Leak, dt: u64) -> Self;
    /// Runs: a function of each width, so that the engine is compiled here and not by everybody who uses it.
    #[doc(hidden)]
    fn run(run: Run<'_, Self>, watcher: Watcher<'_>) -> bool;
    /// Likewise.
    #[doc(hidden)]
    fn replay(trace: &Trace, plan: &Plan<Self>, state: &mut State<Self>) -> u64;
    /// Likewise.
    #[doc(hidden)]
    fn replay_spikes(trace: &Trace, plan: &Plan<Self>, state: &mut State<Self>) -> u64;
}

macro_rules! real {
    ($float:ident, $remaining:ident) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAN: Self = $float::NAN;
            const NAME: &str = stringify!($float);

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $float
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $float::abs(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $float::is_finite(self)
            }
            #[inline(always)]
            fn remaining(leak: &Leak, dt: u64) -> Self {
                leak.$remaining(dt)
            }
            fn run(run: Run<'_, Self>, watcher: Watcher<'_>) -> bool {
                run.run(watcher)
            }
            fn replay(trace: &Trace, plan: &Plan<Self>, state: &mut State<Self>) -> u64 {
                trace.replay_on_widest(plan, state)
            }
            fn replay_spikes(trace: &Trace, plan: &Plan<Self>, state: &mut State<Self>) -> u64 {
                trace.replay_spikes_on_widest(plan, state)
            }
        }
    };
}

real!(f32, remaining_f32);
real!(f64, remaining_f64);
