//! The inner loop: [`LANES`] neurons integrate and compare at once.
//!
//! One addition and one comparison a lane, exactly rounded, so that the portable form and those for vector instructions
//! give the same results. The vector forms are written out because only they hand over the comparisons as one mask.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod rows;

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use crate::leak::Leak;
use crate::real::Real;

#[cfg(target_arch = "x86_64")]
use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::{mask_f32, mask_f64};
#[cfg(target_arch = "x86_64")]
use avx512::*;
pub use rows::Rows;

/// Neurons of a step.
pub(crate) const LANES: usize = 16;

/// Lanes of a step that a spike reaches, a bit a lane.
pub(crate) type Mask = u16;

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

/// When a neuron fires, and what that does to its potential.
#[derive(Clone, Copy, Debug)]
pub struct Rule<F> {
    /// Potential at which it fires.
    pub(crate) threshold: F,
    /// Whether it fires at minus the threshold, too.
    pub(crate) is_bipolar: bool,
    /// Whether firing sets the potential to zero, and not one threshold closer to it.
    pub(crate) resets_to_zero: bool,
}

impl<F> Rule<F> {
    /// Fires at the threshold only, and is reset by subtraction.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        !self.is_bipolar && !self.resets_to_zero
    }
}

/// Lanes that fire, and those whose potential is negative; a bit a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    pub(crate) lanes: u32,
    pub(crate) negative: u32,
}

/// Who is told which lanes fire. No closure, because only a function can be made part of one for certain instructions.
pub trait Firing {
    /// Lanes of the step that begins with the neuron `first` fire, or none.
    #[doc(hidden)]
    fn tell<I: Isa>(&mut self, first: usize, fired: Fired);
}

/// Which instructions a run uses, chosen once a run.
pub trait Isa {
    /// Adds `sign` times the weights of rows to the potentials, which are those of all neurons, and resets those that reach
    /// the threshold, as [`Isa::step`] does. `firing` is told of each step in which some fire, or of every step iff `IS_BUSY`, in
    /// any order. Iff `IS_PLAIN` the sign is 1, and the rule as for [`Isa::step_plain`].
    #[inline(always)]
    fn add_rows<F: Lanes, const IS_PLAIN: bool, const IS_BUSY: bool>(
        rows: Rows<'_, F>,
        potentials: &mut [F],
        sign: F,
        rule: &Rule<F>,
        firing: &mut impl Firing,
    ) where
        Self: Sized,
    {
        for (first, mut weights) in rows.each() {
            let (potentials, _) = potentials[first..][..rows.n_lanes()].as_chunks_mut::<LANES>();
            for (step, (v, &reached)) in potentials.iter_mut().zip(rows.masks).enumerate() {
                let w = &weights.take::<Self>(reached);
                let lanes = if IS_PLAIN {
                    Fired { lanes: Self::step_plain(v, w, reached, rule.threshold), negative: 0 }
                } else {
                    Self::step::<F, true>(v, w, reached, sign, rule)
                };
                if IS_BUSY || lanes.lanes != 0 {
                    firing.tell::<Self>(first + step * LANES, lanes);
                }
            }
        }
    }

    /// Adds `sign` times the weights to the potentials of the lanes that are `reached`, and tells which of them reach the
    /// threshold: the potential itself does, or, iff bipolar, its absolute value. `sign` is 1 or -1, so that multiplying is
    /// exact. The potentials of those lanes are reset iff `RESETS`. Lanes that are not reached stay as they are.
    fn step<F: Lanes, const RESETS: bool>(
        v: &mut [F; LANES],
        w: &[F; LANES],
        reached: Mask,
        sign: F,
        rule: &Rule<F>,
    ) -> Fired;

    /// The same for a positive spike at neurons that fire at the threshold only and are reset by subtraction.
    #[inline(always)]
    fn step_plain<F: Lanes>(v: &mut [F; LANES], w: &[F; LANES], reached: Mask, threshold: F) -> u32 {
        let rule = Rule { threshold, is_bipolar: false, resets_to_zero: false };
        Self::step::<F, true>(v, w, reached, F::UNIT, &rule).lanes
    }

    /// Puts floats into the lanes that are `reached`, in order. There is one for each; what the others hold is open.
    #[inline(always)]
    fn spread<F: Lanes>(floats: &[F], reached: Mask) -> [F; LANES] {
        let mut lanes = [F::UNIT; LANES];
        let mut rest = reached;
        for &float in floats {
            lanes[rest.trailing_zeros() as usize % LANES] = float;
            rest &= rest.wrapping_sub(1);
        }
        lanes
    }

    /// Puts at most [`LANES`] floats into the first lanes, in order; what the others hold is open.
    #[inline(always)]
    fn load<F: Lanes>(floats: &[F]) -> [F; LANES] {
        if let Ok(lanes) = floats.try_into() {
            return lanes;
        }
        let mut lanes = [F::UNIT; LANES];
        lanes[..floats.len()].copy_from_slice(floats);
        lanes
    }

    /// Lets potentials decay, as [`Leak::decay_lanes`].
    #[inline(always)]
    fn decay<F: Real>(leak: &Leak, v: &mut [F; LANES], last: &mut [u64; LANES], reached: Mask, now: u64) {
        leak.decay_lanes(v, last, reached, now);
    }

    /// Appends 2 (`first` + lane), plus 1 where negative, for each lane that fired, ascending. The list has room for
    /// [`LANES`] more.
    #[inline(always)]
    fn push(list: &mut Vec<u32>, fired: Fired, first: u32) {
        let mut lanes = fired.lanes;
        while lanes != 0 {
            let lane = lanes.trailing_zeros();
            lanes &= lanes - 1;
            list.push((first + lane) << 1 | (fired.negative >> lane & 1));
        }
    }
}

/// Any processor.
pub(crate) struct Portable;

impl Isa for Portable {
    #[inline(always)]
    fn step<F: Lanes, const RESETS: bool>(
        v: &mut [F; LANES],
        w: &[F; LANES],
        reached: Mask,
        sign: F,
        rule: &Rule<F>,
    ) -> Fired {
        F::step::<RESETS>(v, w, reached, sign, rule)
    }
}

/// Vector instructions that a run may use, where the CPU has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    /// What every CPU of its kind has.
    Portable,
    /// AVX2 at most.
    Avx2,
    /// Whatever there is.
    Widest,
}

thread_local! {
    static MOST: Cell<Instructions> = const { Cell::new(Instructions::Widest) };
}

/// Lets this thread use no wider instructions from here on: to compare the ways, which give the same results.
pub fn limit_instructions(most: Instructions) {
    MOST.set(most);
}

/// Something that runs on vector instructions chosen at run time.
pub(crate) trait OnIsa {
    type Output;

    fn run<I: Isa>(self) -> Self::Output;
}

/// Runs on the widest vector instructions of this CPU; the operations, and so the results, are the same.
pub(crate) fn on_widest<T: OnIsa>(task: T) -> T::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,lzcnt,popcnt")]
        fn on_avx512<T: OnIsa>(task: T) -> T::Output {
            task.run::<Avx512>()
        }

        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn on_avx2<T: OnIsa>(task: T) -> T::Output {
            task.run::<Avx2>()
        }

        let most = MOST.get();
        let has_bits = is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        if has_bits
            && most >= Instructions::Widest
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the features that the function is compiled for have just been detected.
            return unsafe { on_avx512(task) };
        }
        if has_bits && most >= Instructions::Avx2 && is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { on_avx2(task) };
        }
    }
    task.run::<Portable>()
}

/// Floats that step in lanes.
pub trait Lanes: Copy {
    #[doc(hidden)]
    const UNIT: Self;
    #[doc(hidden)]
    const NOT_A_NUMBER: Self;

    #[doc(hidden)]
    fn step<const RESETS: bool>(
        v: &mut [Self; LANES],
        w: &[Self; LANES],
        reached: Mask,
        sign: Self,
        rule: &Rule<Self>,
    ) -> Fired;

    /// # Safety
    ///
    /// The processor has AVX2, and `floats` leads to as many as `reached` has bits.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn spread_avx2(floats: *const Self, reached: Mask) -> [Self; LANES];

    /// # Safety
    ///
    /// The processor has AVX-512 F and DQ, and `floats` leads to `n` of them, no more than lanes.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn load_avx512(floats: *const Self, n: usize) -> [Self; LANES];

    /// # Safety
    ///
    /// The processor has AVX-512 F and DQ, and `floats` leads to as many as `reached` has bits.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn spread_avx512(floats: *const Self, reached: Mask) -> [Self; LANES];

    /// # Safety
    ///
    /// The processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn decay_avx2(leak: &Leak, v: &mut [Self; LANES], last: &mut [u64; LANES], reached: Mask, now: u64);

    /// # Safety
    ///
    /// The processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn add_rows_avx2<const IS_PLAIN: bool, const IS_BUSY: bool>(
        rows: Rows<'_, Self>,
        potentials: &mut [Self],
        sign: Self,
        rule: &Rule<Self>,
        firing: &mut impl Firing,
    );

    /// # Safety
    ///
    /// The processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn step_avx2<const RESETS: bool>(
        v: &mut [Self; LANES],
        w: &[Self; LANES],
        reached: Mask,
        sign: Self,
        rule: &Rule<Self>,
    ) -> Fired;

    /// # Safety
    ///
    /// The processor has AVX-512 F and DQ.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn decay_avx512(leak: &Leak, v: &mut [Self; LANES], last: &mut [u64; LANES], reached: Mask, now: u64);

    /// # Safety
    ///
    /// The processor has AVX-512 F and DQ.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn step_plain_avx512(v: &mut [Self; LANES], w: &[Self; LANES], reached: Mask, threshold: Self) -> u32;

    /// # Safety
    ///
    /// The processor has AVX-512 F and DQ.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    unsafe fn step_avx512<const RESETS: bool>(
        v: &mut [Self; LANES],
        w: &[Self; LANES],
        reached: Mask,
        sign: Self,
        rule: &Rule<Self>,
    ) -> Fired;
}

macro_rules! lanes {
    ($float:ident, $bits:ident, $k5:ident, $decay2:ident,
     $n5:literal, $load5:ident, $store5:ident, $set5:ident, $mul5:ident, $add5:ident, $sub5:ident, $and5:ident, $or5:ident, $mov5:ident, $cmp5:ident, $sign5:ident, $maskload5:ident, $spread5:ident, $decay5:ident) => {
        impl Lanes for $float {
            const UNIT: Self = 1.0;
            const NOT_A_NUMBER: Self = $float::NAN;

            #[inline(always)]
            fn step<const RESETS: bool>(
                v: &mut [Self; LANES],
                w: &[Self; LANES],
                reached: Mask,
                sign: Self,
                rule: &Rule<Self>,
            ) -> Fired {
                let mut fired = Fired { lanes: 0, negative: 0 };
                for lane in 0..LANES {
                    let is_reached = reached >> lane & 1 == 1;
                    let moved = if is_reached { v[lane] + sign * w[lane] } else { v[lane] };
                    let level = if rule.is_bipolar { moved.abs() } else { moved };
                    let fires = is_reached && level >= rule.threshold;
                    let amount = if rule.is_bipolar { rule.threshold.copysign(moved) } else { rule.threshold };
                    let reset = if rule.resets_to_zero { 0.0 } else { moved - amount };
                    v[lane] = if RESETS && fires { reset } else { moved };
                    fired.lanes |= u32::from(fires) << lane;
                    fired.negative |= u32::from(rule.is_bipolar && moved.is_sign_negative()) << lane;
                }
                fired
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn load_avx512(floats: *const Self, n: usize) -> [Self; LANES] {
                use std::arch::x86_64::*;
                let mut lanes = [0.0; LANES];
                let is_there = (1_u32 << n) - 1;
                // SAFETY: the caller vouches for AVX-512 F and DQ and for what is there; nothing else is loaded.
                unsafe {
                    for first in (0..LANES).step_by($n5) {
                        let loaded = $maskload5((is_there >> first) as $k5, floats.wrapping_add(first));
                        $store5(lanes.as_mut_ptr().add(first), loaded);
                    }
                }
                lanes
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn spread_avx2(floats: *const Self, reached: Mask) -> [Self; LANES] {
                // SAFETY: as the caller vouches.
                unsafe { avx2::spread(floats, reached) }
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn spread_avx512(mut floats: *const Self, reached: Mask) -> [Self; LANES] {
                use std::arch::x86_64::*;
                let mut lanes = [0.0; LANES];
                // SAFETY: the caller vouches for AVX-512 F and DQ, and for a float a bit; each group of lanes lies inside the array.
                unsafe {
                    for first in (0..LANES).step_by($n5) {
                        let reached = (reached >> first) as $k5;
                        $store5(lanes.as_mut_ptr().add(first), $spread5(reached, floats));
                        floats = floats.add(reached.count_ones() as usize);
                    }
                }
                lanes
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn step_avx2<const RESETS: bool>(
                v: &mut [Self; LANES],
                w: &[Self; LANES],
                reached: Mask,
                sign: Self,
                rule: &Rule<Self>,
            ) -> Fired {
                // SAFETY: as the caller vouches.
                unsafe { avx2::step::<Self, RESETS>(v, w, reached, sign, rule) }
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn add_rows_avx2<const IS_PLAIN: bool, const IS_BUSY: bool>(
                rows: Rows<'_, Self>,
                potentials: &mut [Self],
                sign: Self,
                rule: &Rule<Self>,
                firing: &mut impl Firing,
            ) {
                // SAFETY: as the caller vouches.
                unsafe { avx2::add_rows::<Self, IS_PLAIN, IS_BUSY>(rows, potentials, sign, rule, firing) }
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn decay_avx2(leak: &Leak, v: &mut [Self; LANES], last: &mut [u64; LANES], reached: Mask, now: u64) {
                // SAFETY: the caller vouches for AVX2.
                unsafe { crate::leak::$decay2(leak, v, last, reached, now) }
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn decay_avx512(
                leak: &Leak,
                v: &mut [Self; LANES],
                last: &mut [u64; LANES],
                reached: Mask,
                now: u64,
            ) {
                // SAFETY: the caller vouches for AVX-512 F and DQ.
                unsafe { crate::leak::$decay5(leak, v, last, reached, now) }
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn step_plain_avx512(
                v: &mut [Self; LANES],
                w: &[Self; LANES],
                reached: Mask,
                threshold: Self,
            ) -> u32 {
                use std::arch::x86_64::*;
                let mut lanes = 0;
                // SAFETY: the caller vouches for AVX-512 F and DQ, and each group of lanes lies inside the arrays.
                unsafe {
                    let threshold = $set5(threshold);
                    for first in (0..LANES).step_by($n5) {
                        let (is_reached, before) = ((reached >> first) as $k5, $load5(v.as_ptr().add(first)));
                        let moved = $add5(before, is_reached, before, $load5(w.as_ptr().add(first)));
                        let reaches = $cmp5::<_CMP_GE_OQ>(is_reached, moved, threshold);
                        lanes |= u32::from(reaches) << first;
                        $store5(v.as_mut_ptr().add(first), $sub5(moved, reaches, moved, threshold));
                    }
                }
                lanes
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn step_avx512<const RESETS: bool>(
                v: &mut [Self; LANES],
                w: &[Self; LANES],
                reached: Mask,
                sign: Self,
                rule: &Rule<Self>,
            ) -> Fired {
                use std::arch::x86_64::*;
                let sign_bit = if rule.is_bipolar { 1 << ($bits::BITS - 1) } else { 0 };
                let mut fired = Fired { lanes: 0, negative: 0 };
                // SAFETY: the caller vouches for AVX-512 F and DQ, and each group of lanes lies inside the arrays.
                unsafe {
                    let sign = $set5(sign);
                    let (level_bits, sign_bit) =
                        ($set5($float::from_bits(!sign_bit)), $set5($float::from_bits(sign_bit)));
                    let threshold = $set5(rule.threshold);
                    for first in (0..LANES).step_by($n5) {
                        let (is_reached, before) = ((reached >> first) as $k5, $load5(v.as_ptr().add(first)));
                        let weights = $mul5(sign, $load5(w.as_ptr().add(first)));
                        let mut moved = $add5(before, is_reached, before, weights);
                        let reaches = $cmp5::<_CMP_GE_OQ>(is_reached, $and5(moved, level_bits), threshold);
                        fired.lanes |= u32::from(reaches) << first;
                        if rule.is_bipolar {
                            fired.negative |= u32::from($sign5(moved)) << first;
                        }
                        if RESETS {
                            let amount = $or5(threshold, $and5(moved, sign_bit));
                            moved = if rule.resets_to_zero {
                                $mov5(!reaches, moved)
                            } else {
                                $sub5(moved, reaches, moved, amount)
                            };
                        }
                        $store5(v.as_mut_ptr().add(first), moved);
                    }
                }
                fired
            }
        }
    };
}

#[rustfmt::skip]
lanes!(
    f32, u32, u16, decay_f32_avx2,
    16, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_mul_ps, _mm512_mask_add_ps, _mm512_mask_sub_ps, _mm512_and_ps, _mm512_or_ps, _mm512_maskz_mov_ps, _mm512_mask_cmp_ps_mask, signs_f32, _mm512_maskz_loadu_ps, _mm512_maskz_expandloadu_ps, decay_f32_avx512
);
#[rustfmt::skip]
lanes!(
    f64, u64, u8, decay_f64_avx2,
    8, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd, _mm512_mul_pd, _mm512_mask_add_pd, _mm512_mask_sub_pd, _mm512_and_pd, _mm512_or_pd, _mm512_maskz_mov_pd, _mm512_mask_cmp_pd_mask, signs_f64, _mm512_maskz_loadu_pd, _mm512_maskz_expandloadu_pd, decay_f64_avx512
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[cfg(target_arch = "x86_64")]
    fn check<F: Lanes + PartialEq + std::fmt::Debug, const RESETS: bool>(
        v: [F; LANES],
        w: [F; LANES],
        reached: Mask,
        sign: F,
        rule: Rule<F>,
    ) -> Result<(), TestCaseError> {
        let floats = &w[..reached.count_ones() as usize];
        let only_reached = |lanes: [F; LANES]| {
            (0..LANES).map(|lane| (reached >> lane & 1 == 1).then_some(lanes[lane])).collect::<Vec<_>>()
        };
        let there = |lanes: [F; LANES]| lanes[..floats.len()].to_vec();
        prop_assert_eq!(there(Portable::load(floats)), floats);
        let spread = only_reached(Portable::spread(floats, reached));
        prop_assert_eq!(spread.iter().flatten().copied().collect::<Vec<_>>(), floats);
        let mut expected = v;
        let fired = F::step::<RESETS>(&mut expected, &w, reached, sign, &rule);
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
            prop_assert_eq!(there(Avx2::load(floats)), floats);
            prop_assert_eq!(&spread, &only_reached(Avx2::spread(floats, reached)));
            let mut found = v;
            // SAFETY: the feature has just been detected.
            prop_assert_eq!(fired, unsafe { F::step_avx2::<RESETS>(&mut found, &w, reached, sign, &rule) });
            prop_assert_eq!(expected, found);
        }
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            prop_assert_eq!(there(Avx512::load(floats)), floats);
            prop_assert_eq!(&spread, &only_reached(Avx512::spread(floats, reached)));
            let mut found = v;
            // SAFETY: the features have just been detected.
            prop_assert_eq!(fired, unsafe { F::step_avx512::<RESETS>(&mut found, &w, reached, sign, &rule) });
            prop_assert_eq!(expected, found);
            let (mut plain, mut expected) = (v, v);
            let general = Rule { is_bipolar: false, resets_to_zero: false, ..rule };
            let lanes = F::step::<true>(&mut expected, &w, reached, F::UNIT, &general).lanes;
            // SAFETY: the features have just been detected.
            prop_assert_eq!(lanes, unsafe { F::step_plain_avx512(&mut plain, &w, reached, rule.threshold) });
            prop_assert_eq!(expected, plain);
            let lists = [Portable::push, Avx512::push].map(|push| {
                let mut list = Vec::with_capacity(2 * LANES);
                list.push(7);
                push(&mut list, fired, 1000);
                list
            });
            prop_assert_eq!(&lists[0], &lists[1]);
        }
        Ok(())
    }

    #[cfg(target_arch = "x86_64")]
    proptest! {
        #[test]
        fn vector_instructions_step_as_the_portable_form_does(
            v in prop::array::uniform16(-2.0..2.0_f64),
            w in prop::array::uniform16(-1.0..1.0_f64),
            reached in any::<Mask>(),
            is_negative in any::<bool>(),
            is_bipolar in any::<bool>(),
            resets_to_zero in any::<bool>(),
        ) {
            let sign = if is_negative { -1.0 } else { 1.0 };
            let rule = Rule { threshold: 1.0, is_bipolar, resets_to_zero };
            check::<f64, true>(v, w, reached, sign, rule)?;
            check::<f64, false>(v, w, reached, sign, rule)?;
            let narrow = |x: [f64; LANES]| x.map(|x| x as f32);
            let rule = Rule { threshold: 1.0, is_bipolar, resets_to_zero };
            check::<f32, true>(narrow(v), narrow(w), reached, sign as f32, rule)?;
            check::<f32, false>(narrow(v), narrow(w), reached, sign as f32, rule)?;
        }
    }
}
