//! The inner loop: [`LANES`] neurons integrate and compare at once.
//!
//! One addition and one comparison a lane, exactly rounded, so that the portable form and those for vector instructions
//! give the same results. The vector forms are written out because only they hand over the comparisons as one mask.

use std::ops::{Deref, DerefMut};

/// Neurons of a step.
pub(crate) const LANES: usize = 16;

/// Floats in whole steps, aligned to cache lines, so that a step does not touch two lines more often than it must.
#[derive(Clone, Debug)]
pub(crate) struct Aligned<F> {
    blocks: Vec<Block<F>>,
}

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Block<F>([F; LANES]);

impl<F: Copy> Aligned<F> {
    /// At least `len` times `value`.
    pub(crate) fn new(value: F, len: usize) -> Self {
        Self { blocks: vec![Block([value; LANES]); len.div_ceil(LANES)] }
    }
}

impl<F> Deref for Aligned<F> {
    type Target = [F];

    #[inline(always)]
    fn deref(&self) -> &[F] {
        const { assert!(size_of::<Block<F>>() == LANES * size_of::<F>()) };
        // SAFETY: a block is its floats and nothing else, as just asserted, so that blocks in a row are floats in a row.
        unsafe { std::slice::from_raw_parts(self.blocks.as_ptr().cast(), self.blocks.len() * LANES) }
    }
}

impl<F> DerefMut for Aligned<F> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [F] {
        // SAFETY: as above, and the blocks are borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.blocks.as_mut_ptr().cast(), self.blocks.len() * LANES) }
    }
}

/// Which instructions a run uses, chosen once a run.
pub(crate) trait Isa {
    /// Adds `sign` times the weights to the potentials, and tells which lanes reach their threshold: the potential itself
    /// does, or, iff `is_bipolar`, its absolute value. `sign` is 1 or -1, so that multiplying is exact.
    fn step<F: Lanes>(v: &mut [F; LANES], w: &[F; LANES], thresholds: &[F; LANES], sign: F, is_bipolar: bool) -> u32;
}

/// Any processor.
pub(crate) struct Portable;

impl Isa for Portable {
    #[inline(always)]
    fn step<F: Lanes>(v: &mut [F; LANES], w: &[F; LANES], thresholds: &[F; LANES], sign: F, is_bipolar: bool) -> u32 {
        F::step(v, w, thresholds, sign, is_bipolar)
    }
}

/// Floats that step in lanes.
pub trait Lanes: Copy {
    #[doc(hidden)]
    fn step(v: &mut [Self; LANES], w: &[Self; LANES], t: &[Self; LANES], sign: Self, is_bipolar: bool) -> u32;

    /// # Safety
    ///
    /// The processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn step_avx2(
        v: &mut [Self; LANES],
        w: &[Self; LANES],
        t: &[Self; LANES],
        sign: Self,
        is_bipolar: bool,
    ) -> u32;

    /// # Safety
    ///
    /// The processor has AVX-512 F and DQ.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn step_avx512(
        v: &mut [Self; LANES],
        w: &[Self; LANES],
        t: &[Self; LANES],
        sign: Self,
        is_bipolar: bool,
    ) -> u32;
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Isa, LANES, Lanes};

    /// A processor with AVX2. Named only inside functions compiled for it.
    pub(crate) struct Avx2;
    /// A processor with AVX-512 F and DQ. Named only inside functions compiled for it.
    pub(crate) struct Avx512;

    impl Isa for Avx2 {
        #[inline(always)]
        fn step<F: Lanes>(v: &mut [F; LANES], w: &[F; LANES], t: &[F; LANES], sign: F, is_bipolar: bool) -> u32 {
            // SAFETY: the type is named only where AVX2 was detected.
            unsafe { F::step_avx2(v, w, t, sign, is_bipolar) }
        }
    }

    impl Isa for Avx512 {
        #[inline(always)]
        fn step<F: Lanes>(v: &mut [F; LANES], w: &[F; LANES], t: &[F; LANES], sign: F, is_bipolar: bool) -> u32 {
            // SAFETY: the type is named only where AVX-512 F and DQ were detected.
            unsafe { F::step_avx512(v, w, t, sign, is_bipolar) }
        }
    }
}

macro_rules! lanes {
    ($float:ident, $bits:ident,
     $n2:literal, $load2:ident, $store2:ident, $set2:ident, $mul2:ident, $add2:ident, $and2:ident, $cmp2:ident, $mask2:ident,
     $n5:literal, $load5:ident, $store5:ident, $set5:ident, $mul5:ident, $add5:ident, $and5:ident, $cmp5:ident) => {
        impl Lanes for $float {
            #[inline(always)]
            fn step(v: &mut [Self; LANES], w: &[Self; LANES], t: &[Self; LANES], sign: Self, is_bipolar: bool) -> u32 {
                let mut mask = 0;
                for lane in 0..LANES {
                    v[lane] += sign * w[lane];
                    let level = if is_bipolar { v[lane].abs() } else { v[lane] };
                    mask |= u32::from(level >= t[lane]) << lane;
                }
                mask
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn step_avx2(
                v: &mut [Self; LANES],
                w: &[Self; LANES],
                t: &[Self; LANES],
                sign: Self,
                is_bipolar: bool,
            ) -> u32 {
                use std::arch::x86_64::*;
                let level_bits = $float::from_bits(if is_bipolar { $bits::MAX >> 1 } else { $bits::MAX });
                let mut mask = 0;
                // SAFETY: the caller vouches for AVX2, and each group of lanes lies inside the arrays.
                unsafe {
                    let (sign, level_bits) = ($set2(sign), $set2(level_bits));
                    for first in (0..LANES).step_by($n2) {
                        let moved = $add2($load2(v.as_ptr().add(first)), $mul2(sign, $load2(w.as_ptr().add(first))));
                        $store2(v.as_mut_ptr().add(first), moved);
                        let reaches = $cmp2::<_CMP_GE_OQ>($and2(moved, level_bits), $load2(t.as_ptr().add(first)));
                        mask |= ($mask2(reaches) as u32) << first;
                    }
                }
                mask
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn step_avx512(
                v: &mut [Self; LANES],
                w: &[Self; LANES],
                t: &[Self; LANES],
                sign: Self,
                is_bipolar: bool,
            ) -> u32 {
                use std::arch::x86_64::*;
                let level_bits = $float::from_bits(if is_bipolar { $bits::MAX >> 1 } else { $bits::MAX });
                let mut mask = 0;
                // SAFETY: the caller vouches for AVX-512 F and DQ, and each group of lanes lies inside the arrays.
                unsafe {
                    let (sign, level_bits) = ($set5(sign), $set5(level_bits));
                    for first in (0..LANES).step_by($n5) {
                        let moved = $add5($load5(v.as_ptr().add(first)), $mul5(sign, $load5(w.as_ptr().add(first))));
                        $store5(v.as_mut_ptr().add(first), moved);
                        let reaches = $cmp5::<_CMP_GE_OQ>($and5(moved, level_bits), $load5(t.as_ptr().add(first)));
                        mask |= u32::from(reaches) << first;
                    }
                }
                mask
            }
        }
    };
}

#[rustfmt::skip]
lanes!(
    f32, u32,
    8, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_mul_ps, _mm256_add_ps, _mm256_and_ps, _mm256_cmp_ps, _mm256_movemask_ps,
    16, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_mul_ps, _mm512_add_ps, _mm512_and_ps, _mm512_cmp_ps_mask
);
#[rustfmt::skip]
lanes!(
    f64, u64,
    4, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd, _mm256_mul_pd, _mm256_add_pd, _mm256_and_pd, _mm256_cmp_pd, _mm256_movemask_pd,
    8, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd, _mm512_mul_pd, _mm512_add_pd, _mm512_and_pd, _mm512_cmp_pd_mask
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[cfg(target_arch = "x86_64")]
    fn check<F: Lanes + PartialEq + std::fmt::Debug>(
        v: [F; LANES],
        w: [F; LANES],
        t: [F; LANES],
        sign: F,
        is_bipolar: bool,
    ) -> Result<(), TestCaseError> {
        let mut expected = v;
        let mask = F::step(&mut expected, &w, &t, sign, is_bipolar);
        if is_x86_feature_detected!("avx2") {
            let mut found = v;
            // SAFETY: the feature has just been detected.
            prop_assert_eq!(mask, unsafe { F::step_avx2(&mut found, &w, &t, sign, is_bipolar) });
            prop_assert_eq!(expected, found);
        }
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            let mut found = v;
            // SAFETY: the features have just been detected.
            prop_assert_eq!(mask, unsafe { F::step_avx512(&mut found, &w, &t, sign, is_bipolar) });
            prop_assert_eq!(expected, found);
        }
        Ok(())
    }

    #[cfg(target_arch = "x86_64")]
    proptest! {
        #[test]
        fn vector_instructions_step_as_the_portable_form_does(
            v in prop::array::uniform16(-2.0..2.0_f64),
            w in prop::array::uniform16(-1.0..1.0_f64),
            is_connected in prop::array::uniform16(any::<bool>()),
            is_negative in any::<bool>(),
            is_bipolar in any::<bool>(),
        ) {
            let t = is_connected.map(|is| if is { 1.0 } else { f64::INFINITY });
            let sign = if is_negative { -1.0 } else { 1.0 };
            check(v, w, t, sign, is_bipolar)?;
            let narrow = |x: [f64; LANES]| x.map(|x| x as f32);
            check(narrow(v), narrow(w), narrow(t), sign as f32, is_bipolar)?;
        }
    }
}
