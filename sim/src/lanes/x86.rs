//! Vector instructions of x86-64 processors.

use std::arch::x86_64::*;

use super::{Fired, Isa, LANES, Lanes, Mask, Rule};
use crate::leak::Leak;
use crate::real::Real;

/// A processor with AVX2. Named only inside functions compiled for it.
pub(crate) struct Avx2;
/// A processor with AVX-512 F and DQ. Named only inside functions compiled for it.
pub(crate) struct Avx512;

impl Isa for Avx2 {
    #[inline(always)]
    fn load<F: Lanes>(floats: &[F]) -> [F; LANES] {
        assert!(floats.len() <= LANES, "no more floats than lanes");
        // SAFETY: the type is named only where the instructions were detected; the floats have just been counted.
        unsafe { F::load_avx2(floats.as_ptr(), floats.len()) }
    }

    #[inline(always)]
    fn spread<F: Lanes>(floats: &[F], reached: Mask) -> [F; LANES] {
        assert_eq!(floats.len(), reached.count_ones() as usize, "one float for each lane");
        // SAFETY: the type is named only where AVX2 and BMI2 were detected; the floats have just been counted.
        unsafe { F::spread_avx2(floats.as_ptr(), reached) }
    }

    #[inline(always)]
    fn step<F: Lanes, const RESETS: bool>(
        v: &mut [F; LANES],
        w: &[F; LANES],
        reached: Mask,
        sign: F,
        rule: &Rule<F>,
    ) -> Fired {
        // SAFETY: the type is named only where AVX2 was detected.
        unsafe { F::step_avx2::<RESETS>(v, w, reached, sign, rule) }
    }
}

impl Isa for Avx512 {
    #[inline(always)]
    fn load<F: Lanes>(floats: &[F]) -> [F; LANES] {
        assert!(floats.len() <= LANES, "no more floats than lanes");
        // SAFETY: the type is named only where the instructions were detected; the floats have just been counted.
        unsafe { F::load_avx512(floats.as_ptr(), floats.len()) }
    }

    #[inline(always)]
    fn spread<F: Lanes>(floats: &[F], reached: Mask) -> [F; LANES] {
        assert_eq!(floats.len(), reached.count_ones() as usize, "one float for each lane");
        // SAFETY: the type is named only where AVX-512 F and DQ were detected; the floats have just been counted.
        unsafe { F::spread_avx512(floats.as_ptr(), reached) }
    }

    #[inline(always)]
    fn step<F: Lanes, const RESETS: bool>(
        v: &mut [F; LANES],
        w: &[F; LANES],
        reached: Mask,
        sign: F,
        rule: &Rule<F>,
    ) -> Fired {
        // SAFETY: the type is named only where AVX-512 F and DQ were detected.
        unsafe { F::step_avx512::<RESETS>(v, w, reached, sign, rule) }
    }

    #[inline(always)]
    fn step_plain<F: Lanes>(v: &mut [F; LANES], w: &[F; LANES], reached: Mask, threshold: F) -> u32 {
        // SAFETY: as above.
        unsafe { F::step_plain_avx512(v, w, reached, threshold) }
    }

    #[inline(always)]
    fn decay<F: Real>(leak: &Leak, v: &mut [F; LANES], last: &mut [u64; LANES], reached: Mask, now: u64) {
        // SAFETY: as above.
        unsafe { F::decay_avx512(leak, v, last, reached, now) }
    }

    #[inline(always)]
    fn push(list: &mut Vec<u32>, fired: Fired, first: u32) {
        let len = list.len();
        assert!(list.capacity() - len >= LANES, "the list has room for a step");
        // SAFETY: AVX-512 F was detected; all lanes are written within the capacity, and the length then covers
        // only written ones.
        unsafe {
            let lanes = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let emissions = _mm512_add_epi32(_mm512_set1_epi32((first << 1) as i32), lanes);
            let one = _mm512_maskz_set1_epi32(fired.negative as u16, 1);
            let packed = _mm512_maskz_compress_epi32(fired.lanes as u16, _mm512_or_si512(emissions, one));
            _mm512_storeu_si512(list.as_mut_ptr().add(len).cast(), packed);
            list.set_len(len + fired.lanes.count_ones() as usize);
        }
    }
}

#[inline(always)]
pub(super) fn signs_f32(v: __m512) -> u16 {
    // SAFETY: called only from functions whose caller vouches for AVX-512 F and DQ.
    unsafe { _mm512_movepi32_mask(_mm512_castps_si512(v)) }
}

#[inline(always)]
pub(super) fn signs_f64(v: __m512d) -> u8 {
    // SAFETY: as above.
    unsafe { _mm512_movepi64_mask(_mm512_castpd_si512(v)) }
}

/// All bits of the lanes whose bit is set.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn expand_f32(lanes: u32) -> __m256 {
    let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(lanes as i32), bits), bits))
}

/// All bits of the lanes whose bit is set.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn expand_f64(lanes: u32) -> __m256d {
    let bits = _mm256_setr_epi64x(1, 2, 4, 8);
    _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(i64::from(lanes)), bits), bits))
}

/// The floats of the lanes all of whose bits are set.
///
/// # Safety
///
/// `floats` leads to them.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn maskload_f32(floats: *const f32, lanes: __m256) -> __m256 {
    // SAFETY: as the caller vouches.
    unsafe { _mm256_maskload_ps(floats, _mm256_castps_si256(lanes)) }
}

/// The floats of the lanes all of whose bits are set.
///
/// # Safety
///
/// `floats` leads to them.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn maskload_f64(floats: *const f64, lanes: __m256d) -> __m256d {
    // SAFETY: as the caller vouches.
    unsafe { _mm256_maskload_pd(floats, _mm256_castpd_si256(lanes)) }
}

/// The next floats, each in the next of the lanes whose bit is set.
///
/// # Safety
///
/// `floats` leads to as many as there are bits, of the eight.
#[inline]
#[target_feature(enable = "avx2,bmi2,popcnt")]
pub(super) unsafe fn spread_f32(floats: *const f32, lanes: u32) -> __m256 {
    let numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let is_there = _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes.count_ones() as i32), numbers);
    // SAFETY: what is loaded is there, as the caller vouches.
    let packed = unsafe { _mm256_maskload_ps(floats, is_there) };
    // A byte a lane: which of the packed floats it takes.
    let bytes = _pdep_u64(u64::from(lanes), 0x0101_0101_0101_0101) * 0xff;
    let from = _pdep_u64(0x0706_0504_0302_0100, bytes);
    _mm256_permutevar8x32_ps(packed, _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(from as i64)))
}

/// The next floats, each in the next of the lanes whose bit is set.
///
/// # Safety
///
/// `floats` leads to as many as there are bits, of the four.
#[inline]
#[target_feature(enable = "avx2,bmi2,popcnt")]
pub(super) unsafe fn spread_f64(floats: *const f64, lanes: u32) -> __m256d {
    // SAFETY: a float is two halves, as the caller vouches for the floats.
    unsafe { _mm256_castps_pd(spread_f32(floats.cast(), _pdep_u32(lanes, 0x55) * 3)) }
}
