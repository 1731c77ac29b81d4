//! What is left of a membrane potential after a time without arrivals: exp(-dt / tau_m).
//!
//! Computed in the width of the engine, by the same operations for one neuron and for a whole step of lanes, without branches so
//! that the compiler turns the lanes into vectors. Where the exponent is at most [`CUTOFF`], nothing is left.

use crate::lanes::{LANES, Mask};
use crate::math;
use crate::real::Real;
use crate::time::SimDuration;

/// ln(1e-20).
const CUTOFF: f64 = -46.051_701_859_880_914;
/// log2(1e-20).
const CUTOFF_2: f32 = -66.438_56;

/// The leak of a cell's neurons.
#[derive(Clone, Copy, Debug)]
pub struct Leak {
    membrane_time_constant: f64,
    /// How fast the logarithm to base 2 of what is left changes a femtosecond, in single precision: a power of 2 needs one
    /// reduction less than one of e, and multiplying is faster than dividing by the time constant.
    rate: f32,
}

impl Leak {
    /// `None` for a time constant of zero: no leak.
    pub(crate) fn new(membrane_time_constant: SimDuration) -> Option<Self> {
        let tau = membrane_time_constant.0 as f64;
        (tau > 0.0).then_some(Self { membrane_time_constant: tau, rate: (-std::f64::consts::LOG2_E / tau) as f32 })
    }

    /// What is left of `v` after `dt` femtoseconds.
    #[inline(always)]
    pub(crate) fn decay<F: Real>(&self, v: F, dt: u64) -> F {
        v * F::remaining(self, dt)
    }

    /// The same for a step of lanes that `now` sees an arrival; the lanes that are not `reached` see none.
    #[inline(always)]
    pub(crate) fn decay_lanes<F: Real>(&self, v: &mut [F; LANES], last: &mut [u64; LANES], reached: Mask, now: u64) {
        let (mut decayed, mut times) = (*v, *last);
        for lane in 0..LANES {
            let is_reached = reached >> lane & 1 == 1;
            let left = F::remaining(self, now - last[lane]);
            decayed[lane] = if is_reached { v[lane] * left } else { v[lane] };
            times[lane] = if is_reached { now } else { last[lane] };
        }
        (*v, *last) = (decayed, times);
    }

    #[inline(always)]
    pub(crate) fn remaining_f64(&self, dt: u64) -> f64 {
        let x = -(dt as f64 / self.membrane_time_constant);
        let left = math::exp_of_negative(x.max(CUTOFF));
        if x > CUTOFF { left } else { 0.0 }
    }

    #[inline(always)]
    pub(crate) fn remaining_f32(&self, dt: u64) -> f32 {
        let x = dt as f32 * self.rate;
        let left = math::exp2_of_negative_f32(x.max(CUTOFF_2));
        if x > CUTOFF_2 { left } else { 0.0 }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{decay_f32_avx2, decay_f32_avx512, decay_f64_avx2, decay_f64_avx512};

/// The same operations as vector instructions. The compiler's own vectors of [`Leak::decay_lanes`] store lane by lane, and what is
/// read next is the whole step.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{CUTOFF, CUTOFF_2, Leak};
    use crate::lanes::{LANES, Mask, mask_f32, mask_f64};
    use crate::math::{self, exp_f64, exp2_f32};

    const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

    /// Femtoseconds from the last arrivals to `now`, four lanes a vector, and 0 where a lane is not `reached`; `None` if one is
    /// `too_long`: has any of these bits. Otherwise `now` is the last arrival of the lanes that are reached.
    ///
    /// # Safety
    ///
    /// The processor has AVX2.
    #[inline(always)]
    unsafe fn elapse_avx2(last: &mut [u64; LANES], reached: Mask, now: u64, too_long: u64) -> Option<[__m256i; 4]> {
        // SAFETY: as the caller vouches, and each vector lies inside the array.
        unsafe {
            let now = _mm256_set1_epi64x(now as i64);
            let times: *mut __m256i = last.as_mut_ptr().cast();
            let (mut elapsed, mut moved) = ([now; 4], [now; 4]);
            for i in 0..4 {
                let is_reached = _mm256_castpd_si256(mask_f64(u32::from(reached) >> (4 * i)));
                let last = _mm256_loadu_si256(times.add(i));
                elapsed[i] = _mm256_and_si256(_mm256_sub_epi64(now, last), is_reached);
                moved[i] = _mm256_blendv_epi8(last, now, is_reached);
            }
            let [a, b, c, d] = elapsed;
            let any = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
            if _mm256_testz_si256(any, _mm256_set1_epi64x(too_long as i64)) == 0 {
                return None;
            }
            for (i, moved) in moved.into_iter().enumerate() {
                _mm256_storeu_si256(times.add(i), moved);
            }
            Some(elapsed)
        }
    }

    /// # Safety
    ///
    /// The processor has AVX2.
    #[inline(always)]
    pub(crate) unsafe fn decay_f32_avx2(
        leak: &Leak,
        v: &mut [f32; LANES],
        last: &mut [u64; LANES],
        reached: Mask,
        now: u64,
    ) {
        // SAFETY: the caller vouches for the instructions, and all that is read and written lies inside the arrays.
        unsafe {
            // AVX2 converts whole numbers of 32 bits with a sign.
            let Some(elapsed) = elapse_avx2(last, reached, now, !0 << 31) else {
                return leak.decay_lanes(v, last, reached, now);
            };
            for first in [0, 8] {
                let reached = u32::from(reached) >> first;
                let [a, b] = [elapsed[first / 4], elapsed[first / 4 + 1]].map(|elapsed| _mm256_castsi256_ps(elapsed));
                let low = _mm256_shuffle_ps::<0x88>(a, b);
                let elapsed = _mm256_cvtepi32_ps(_mm256_permute4x64_epi64::<0xd8>(_mm256_castps_si256(low)));
                let x = _mm256_mul_ps(elapsed, _mm256_set1_ps(leak.rate));
                let cutoff = _mm256_set1_ps(CUTOFF_2);
                let is_left = _mm256_cmp_ps::<_CMP_GT_OQ>(x, cutoff);
                let x = _mm256_max_ps(x, cutoff);
                let k = _mm256_round_ps::<NEAREST>(x);
                let f = _mm256_sub_ps(x, k);
                let mut y = _mm256_set1_ps(exp2_f32::COEFFICIENTS[0]);
                for &c in &exp2_f32::COEFFICIENTS[1..] {
                    y = _mm256_add_ps(_mm256_mul_ps(y, f), _mm256_set1_ps(c));
                }
                let y = _mm256_add_ps(_mm256_mul_ps(y, f), _mm256_set1_ps(1.0));
                let bits = _mm256_castps_si256(_mm256_add_ps(k, _mm256_set1_ps(exp2_f32::TO_LOW_BITS)));
                let power = _mm256_slli_epi32::<23>(_mm256_add_epi32(bits, _mm256_set1_epi32(127)));
                let left = _mm256_and_ps(is_left, _mm256_mul_ps(y, _mm256_castsi256_ps(power)));
                let before = _mm256_loadu_ps(v.as_ptr().add(first));
                let after = _mm256_blendv_ps(before, _mm256_mul_ps(before, left), mask_f32(reached));
                _mm256_storeu_ps(v.as_mut_ptr().add(first), after);
            }
        }
    }

    /// # Safety
    ///
    /// The processor has AVX2.
    #[inline(always)]
    pub(crate) unsafe fn decay_f64_avx2(
        leak: &Leak,
        v: &mut [f64; LANES],
        last: &mut [u64; LANES],
        reached: Mask,
        now: u64,
    ) {
        // SAFETY: as above.
        unsafe {
            // What is below 2^52 is the low bits of a double between 2^52 and 2^53.
            let Some(elapsed) = elapse_avx2(last, reached, now, !0 << 52) else {
                return leak.decay_lanes(v, last, reached, now);
            };
            let two_pow_52 = _mm256_set1_pd((1_u64 << 52) as f64);
            for first in [0, 4, 8, 12] {
                let reached = u32::from(reached) >> first;
                let elapsed = _mm256_or_pd(_mm256_castsi256_pd(elapsed[first / 4]), two_pow_52);
                let elapsed = _mm256_sub_pd(elapsed, two_pow_52);
                let tau = _mm256_set1_pd(leak.membrane_time_constant);
                let x = _mm256_xor_pd(_mm256_div_pd(elapsed, tau), _mm256_set1_pd(-0.0));
                let cutoff = _mm256_set1_pd(CUTOFF);
                let is_left = _mm256_cmp_pd::<_CMP_GT_OQ>(x, cutoff);
                let x = _mm256_max_pd(x, cutoff);
                let k = _mm256_round_pd::<NEAREST>(_mm256_mul_pd(x, _mm256_set1_pd(std::f64::consts::LOG2_E)));
                let high = _mm256_sub_pd(x, _mm256_mul_pd(k, _mm256_set1_pd(math::LN_2_HIGH)));
                let low = _mm256_mul_pd(k, _mm256_set1_pd(math::LN_2_LOW));
                let r = _mm256_sub_pd(high, low);
                let mut sum = _mm256_set1_pd(exp_f64::TAIL[0]);
                for &c in &exp_f64::TAIL[1..] {
                    sum = _mm256_add_pd(_mm256_mul_pd(sum, r), _mm256_set1_pd(c));
                }
                let tail = _mm256_mul_pd(_mm256_mul_pd(r, r), sum);
                let lost = _mm256_sub_pd(_mm256_sub_pd(high, r), low);
                let y = _mm256_add_pd(_mm256_set1_pd(1.0), _mm256_add_pd(r, _mm256_add_pd(tail, lost)));
                let bits = _mm256_castpd_si256(_mm256_add_pd(k, _mm256_set1_pd(exp_f64::TO_LOW_BITS)));
                let power = _mm256_slli_epi64::<52>(_mm256_add_epi64(bits, _mm256_set1_epi64x(1023)));
                let left = _mm256_and_pd(is_left, _mm256_mul_pd(y, _mm256_castsi256_pd(power)));
                let before = _mm256_loadu_pd(v.as_ptr().add(first));
                let after = _mm256_blendv_pd(before, _mm256_mul_pd(before, left), mask_f64(reached));
                _mm256_storeu_pd(v.as_mut_ptr().add(first), after);
            }
        }
    }

    /// # Safety
    ///
    /// The processor has AVX-512 F and DQ.
    #[inline(always)]
    pub(crate) unsafe fn decay_f32_avx512(
        leak: &Leak,
        v: &mut [f32; LANES],
        last: &mut [u64; LANES],
        reached: Mask,
        now: u64,
    ) {
        // SAFETY: the caller vouches for the instructions, and all that is read and written lies inside the arrays.
        unsafe {
            let now = _mm512_set1_epi64(now as i64);
            let times: *mut i64 = last.as_mut_ptr().cast();
            let elapsed =
                |half: usize| _mm512_cvtepu64_ps(_mm512_sub_epi64(now, _mm512_loadu_epi64(times.add(8 * half))));
            let elapsed = _mm512_insertf32x8::<1>(_mm512_castps256_ps512(elapsed(0)), elapsed(1));
            let x = _mm512_mul_ps(elapsed, _mm512_set1_ps(leak.rate));
            let cutoff = _mm512_set1_ps(CUTOFF_2);
            let is_left = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, cutoff);
            let x = _mm512_max_ps(x, cutoff);
            let k = _mm512_roundscale_ps::<NEAREST>(x);
            let f = _mm512_sub_ps(x, k);
            let mut y = _mm512_set1_ps(exp2_f32::COEFFICIENTS[0]);
            for &c in &exp2_f32::COEFFICIENTS[1..] {
                y = _mm512_add_ps(_mm512_mul_ps(y, f), _mm512_set1_ps(c));
            }
            let y = _mm512_add_ps(_mm512_mul_ps(y, f), _mm512_set1_ps(1.0));
            let left = _mm512_maskz_scalef_ps(is_left, y, k);
            let before = _mm512_loadu_ps(v.as_ptr());
            _mm512_storeu_ps(v.as_mut_ptr(), _mm512_mask_mul_ps(before, reached, before, left));
            _mm512_mask_storeu_epi64(times, reached as u8, now);
            _mm512_mask_storeu_epi64(times.add(8), (reached >> 8) as u8, now);
        }
    }

    /// # Safety
    ///
    /// The processor has AVX-512 F and DQ.
    #[inline(always)]
    pub(crate) unsafe fn decay_f64_avx512(
        leak: &Leak,
        v: &mut [f64; LANES],
        last: &mut [u64; LANES],
        reached: Mask,
        now: u64,
    ) {
        // SAFETY: as above.
        unsafe {
            let now = _mm512_set1_epi64(now as i64);
            for first in [0, 8] {
                let times: *mut i64 = last.as_mut_ptr().add(first).cast();
                let elapsed = _mm512_cvtepu64_pd(_mm512_sub_epi64(now, _mm512_loadu_epi64(times)));
                let tau = _mm512_set1_pd(leak.membrane_time_constant);
                let x = _mm512_xor_pd(_mm512_div_pd(elapsed, tau), _mm512_set1_pd(-0.0));
                let cutoff = _mm512_set1_pd(CUTOFF);
                let is_left = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(x, cutoff);
                let x = _mm512_max_pd(x, cutoff);
                let k = _mm512_roundscale_pd::<NEAREST>(_mm512_mul_pd(x, _mm512_set1_pd(std::f64::consts::LOG2_E)));
                let high = _mm512_sub_pd(x, _mm512_mul_pd(k, _mm512_set1_pd(math::LN_2_HIGH)));
                let low = _mm512_mul_pd(k, _mm512_set1_pd(math::LN_2_LOW));
                let r = _mm512_sub_pd(high, low);
                let mut sum = _mm512_set1_pd(exp_f64::TAIL[0]);
                for &c in &exp_f64::TAIL[1..] {
                    sum = _mm512_add_pd(_mm512_mul_pd(sum, r), _mm512_set1_pd(c));
                }
                let tail = _mm512_mul_pd(_mm512_mul_pd(r, r), sum);
                let lost = _mm512_sub_pd(_mm512_sub_pd(high, r), low);
                let y = _mm512_add_pd(_mm512_set1_pd(1.0), _mm512_add_pd(r, _mm512_add_pd(tail, lost)));
                let bits = _mm512_castpd_si512(_mm512_add_pd(k, _mm512_set1_pd(exp_f64::TO_LOW_BITS)));
                let power = _mm512_slli_epi64::<52>(_mm512_add_epi64(bits, _mm512_set1_epi64(1023)));
                let left = _mm512_maskz_mul_pd(is_left, y, _mm512_castsi512_pd(power));
                let is_reached = (reached >> first) as u8;
                let before = _mm512_loadu_pd(v.as_ptr().add(first));
                _mm512_storeu_pd(v.as_mut_ptr().add(first), _mm512_mask_mul_pd(before, is_reached, before, left));
                _mm512_mask_storeu_epi64(times, is_reached, now);
            }
        }
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
                // The exponent itself is rounded to f32, twice.
                let tolerance = f64::from(f32::EPSILON) * (2.0 + 2.0 * x.abs());
                if (x - CUTOFF).abs() > 1e-4 {
                    assert!((narrow - exact).abs() <= tolerance * exact, "{tau} {dt}: {narrow:e} {exact:e}");
                }
            }
            assert_eq!(leak.remaining_f64(0), 1.0);
            assert_eq!(leak.remaining_f32(0), 1.0);
        }
    }

    fn check<F: Real>() {
        for tau in [1, 1_000, 123_456_789, u64::MAX / 3] {
            let leak = Leak::new(SimDuration(tau)).unwrap();
            for round in 0..2_000_u64 {
                let now = (tau / 7).saturating_mul(round % 400).saturating_add(round * round * 37);
                let last: [u64; LANES] = std::array::from_fn(|i| now - (now / 19).saturating_mul(i as u64).min(now));
                let start: [F; LANES] = std::array::from_fn(|i| F::from_f64(i as f64 * 0.1 - 0.7));
                let reached = (0..LANES as u64).fold(0, |mask, i| mask | Mask::from(i % 3 != round % 3) << i);
                let expected: [(F, u64); LANES] = std::array::from_fn(|i| {
                    let is_reached = reached >> i & 1 == 1;
                    if is_reached { (leak.decay(start[i], now - last[i]), now) } else { (start[i], last[i]) }
                });
                let check = |v: [F; LANES], times: [u64; LANES]| {
                    assert_eq!(std::array::from_fn(|i| (v[i], times[i])), expected, "{tau} {now}");
                };
                let (mut v, mut times) = (start, last);
                leak.decay_lanes(&mut v, &mut times, reached, now);
                check(v, times);
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx2") {
                    let (mut v, mut times) = (start, last);
                    // SAFETY: the feature has just been detected.
                    unsafe { F::decay_avx2(&leak, &mut v, &mut times, reached, now) };
                    check(v, times);
                }
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                    let (mut v, mut times) = (start, last);
                    // SAFETY: the features have just been detected.
                    unsafe { F::decay_avx512(&leak, &mut v, &mut times, reached, now) };
                    check(v, times);
                }
            }
        }
    }

    #[test]
    fn lanes_decay_as_one_neuron_does() {
        check::<f32>();
        check::<f64>();
    }
}
