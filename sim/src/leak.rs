//! What is left of a membrane potential after a time without arrivals: exp(-dt / tau_m).
//!
//! Computed in the width of the engine, by the same operations for one neuron and for a whole step of lanes, without branches so
//! that the compiler turns the lanes into vectors. Where the exponent is at most [`CUTOFF`], nothing is left.

use crate::lanes::LANES;
use crate::math;
use crate::real::Real;
use crate::time::SimDuration;

/// ln(1e-20).
const CUTOFF: f64 = -46.051_701_859_880_914;

/// The leak of a cell's neurons.
#[derive(Clone, Copy, Debug)]
pub struct Leak {
    membrane_time_constant: f64,
}

impl Leak {
    /// `None` for a time constant of zero: no leak.
    pub(crate) fn new(membrane_time_constant: SimDuration) -> Option<Self> {
        (membrane_time_constant.0 > 0).then_some(Self { membrane_time_constant: membrane_time_constant.0 as f64 })
    }

    /// What is left of `v` after `dt` femtoseconds.
    #[inline(always)]
    pub(crate) fn decay<F: Real>(&self, v: F, dt: u64) -> F {
        v * F::remaining(self, dt)
    }

    /// The same for a step of lanes that `now` sees an arrival; the lanes of unconnected pairs (threshold infinity) see none.
    #[inline(always)]
    pub(crate) fn decay_lanes<F: Real>(
        &self,
        v: &mut [F; LANES],
        last: &mut [u64; LANES],
        thresholds: &[F; LANES],
        now: u64,
    ) {
        let mut left = [F::ZERO; LANES];
        for lane in 0..LANES {
            left[lane] = F::remaining(self, now - last[lane]);
        }
        for lane in 0..LANES {
            let is_reached = thresholds[lane] < F::INFINITY;
            v[lane] = if is_reached { v[lane] * left[lane] } else { v[lane] };
            last[lane] = if is_reached { now } else { last[lane] };
        }
    }

    #[inline(always)]
    pub(crate) fn remaining_f64(&self, dt: u64) -> f64 {
        let x = -(dt as f64 / self.membrane_time_constant);
        let left = math::exp_of_negative(x.max(CUTOFF));
        if x > CUTOFF { left } else { 0.0 }
    }

    #[inline(always)]
    pub(crate) fn remaining_f32(&self, dt: u64) -> f32 {
        let x = -(dt as f32 / self.membrane_time_constant as f32);
        let left = math::exp_of_negative_f32(x.max(CUTOFF as f32));
        if x > CUTOFF as f32 { left } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_the_exponential() {
        for tau in [1_u64, 7, 1_000, 123_456_789, 50_000_000_000_000] {
            let leak = Leak::new(SimDuration(tau)).unwrap();
            for i in 0..4_000_u64 {
                let dt = (tau as f64 * i as f64 / 97.0) as u64;
                let x = -(dt as f64 / tau as f64);
                let exact = if x > CUTOFF { x.exp() } else { 0.0 };
                let (wide, narrow) = (leak.remaining_f64(dt), f64::from(leak.remaining_f32(dt)));
                assert!((wide - exact).abs() <= 4.0 * f64::EPSILON * exact, "{tau} {dt}: {wide:e} {exact:e}");
                // The exponent itself is rounded to f32.
                let tolerance = f64::from(f32::EPSILON) * (2.0 + x.abs());
                if (x - CUTOFF).abs() > 1e-4 {
                    assert!((narrow - exact).abs() <= tolerance * exact, "{tau} {dt}: {narrow:e} {exact:e}");
                }
            }
            assert_eq!(leak.remaining_f64(0), 1.0);
            assert_eq!(leak.remaining_f32(0), 1.0);
        }
    }

    #[test]
    fn lanes_decay_as_one_neuron_does() {
        let leak = Leak::new(SimDuration(1_000)).unwrap();
        let last: [u64; LANES] = std::array::from_fn(|i| (i * i * 37) as u64);
        let start: [f32; LANES] = std::array::from_fn(|i| i as f32 * 0.1 - 0.7);
        let thresholds: [f32; LANES] = std::array::from_fn(|i| if i % 3 == 1 { f32::INFINITY } else { 1.0 });
        let (mut v, mut times) = (start, last);
        leak.decay_lanes(&mut v, &mut times, &thresholds, 10_000);
        for i in 0..LANES {
            let is_reached = i % 3 != 1;
            let expected = if is_reached { leak.decay(start[i], 10_000 - last[i]) } else { start[i] };
            assert_eq!((v[i], times[i]), (expected, if is_reached { 10_000 } else { last[i] }));
        }
    }
}
