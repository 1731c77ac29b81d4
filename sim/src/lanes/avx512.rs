//! AVX-512: sixteen floats of single or eight of double precision at a time.

use std::arch::x86_64::*;

use super::{Fired, Isa, LANES, Lanes, Mask, Rule};
use crate::leak::Leak;
use crate::real::Real;

/// A processor with AVX-512 F and DQ. Named only inside functions compiled for it.
pub(crate) struct Avx512;

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
