//! Sixteen stimuli side by side.
//!
//! A [`Pack`] holds one element (a pixel, a neuron) of sixteen stimuli, so that every operation is the same for all
//! lanes: convolutions of any kernel, stride, padding and mapping fill the vector registers, and no stimulus's result
//! depends on another's. Kernels are generic over [`Vector`] and compiled once an instruction set; [`dispatch`] picks
//! at run time. AVX-512 and AVX2 do the same operations on the same operands and give the same bits.
//!
//! An instruction set ends where a call is not inlined: inner loops fill arrays element by element, as the closures of
//! `std::array::from_fn` and `map` are left as calls, without vectors, by a build that does not optimize across units.

/// Stimuli in a pack.
pub(super) const LANES: usize = 16;

/// One element of sixteen stimuli.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Pack(pub(super) [f32; LANES]);

impl Pack {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
}

/// All lanes of some packs, one after the other.
pub(super) fn floats(packs: &mut [Pack]) -> &mut [f32] {
    // SAFETY: a pack is sixteen floats without padding, and floats need no greater alignment.
    unsafe { std::slice::from_raw_parts_mut(packs.as_mut_ptr().cast(), packs.len() * LANES) }
}

/// Makes all lanes 0.
pub(super) fn clear(packs: &mut [Pack]) {
    packs.fill(Pack::ZERO);
}

/// What one register holds of a pack: all lanes, or some neighboring ones. Where each value meets many others, lanes that
/// are computed one part after the other leave more registers to sums.
pub(super) trait Part: Copy {
    /// Lanes, a divisor of [`LANES`].
    const LANES: usize;

    /// # Safety
    ///
    /// The processor has the instructions of the type, here and in all other methods.
    unsafe fn splat(value: f32) -> Self;

    /// # Safety
    ///
    /// As many floats can be read there; any alignment.
    unsafe fn load(from: *const f32) -> Self;

    /// # Safety
    ///
    /// As many floats can be written there; any alignment.
    unsafe fn store(self, to: *mut f32);

    /// As [`Vector::mul_add`].
    ///
    /// # Safety
    ///
    /// See [`Part::splat`].
    unsafe fn mul_add(self, other: Self, sum: Self) -> Self;
}

/// Sixteen floats in registers.
pub(super) trait Vector: Copy {
    /// What one register holds of them.
    type Part: Part;

    /// Sums that fit in registers beside their operands, at most 14. Longer kernels are not compiled.
    const RUN: usize;

    /// Pairs of sums that do, at most 14.
    const PAIRS: usize;

    /// Taps and outputs, at most 5 and 4, of whose products a part of the lanes do.
    const TILE: (usize, usize);

    /// Parts of columns and rows, at most 5 and 4, of whose products the sums do.
    const BLOCK: (usize, usize);

    /// # Safety
    ///
    /// The processor has the instructions of the type, here and in all other methods.
    unsafe fn splat(value: f32) -> Self;

    /// # Safety
    ///
    /// Sixteen floats can be read there; any alignment.
    unsafe fn load(from: *const f32) -> Self;

    /// # Safety
    ///
    /// Sixteen floats can be written there; any alignment.
    unsafe fn store(self, to: *mut f32);

    /// # Safety
    ///
    /// See [`Vector::splat`].
    unsafe fn add(self, other: Self) -> Self;

    /// # Safety
    ///
    /// See [`Vector::splat`].
    unsafe fn mul(self, other: Self) -> Self;

    /// `self·other + sum`, rounded once where the processor can.
    ///
    /// # Safety
    ///
    /// See [`Vector::splat`].
    unsafe fn mul_add(self, other: Self, sum: Self) -> Self;

    /// `self > other ? yes : no` in each lane.
    ///
    /// # Safety
    ///
    /// See [`Vector::splat`].
    unsafe fn if_greater(self, other: Self, yes: Self, no: Self) -> Self;

    /// `self == other ? yes : no` in each lane.
    ///
    /// # Safety
    ///
    /// See [`Vector::splat`].
    unsafe fn if_equal(self, other: Self, yes: Self, no: Self) -> Self;

    /// Sum of the lanes: halves added, four times.
    ///
    /// # Safety
    ///
    /// See [`Vector::splat`].
    unsafe fn sum(self) -> f32;
}

/// Makes a vector that is one register its own [`Part`].
macro_rules! part_of_all {
    ($vector:ty) => {
        impl Part for $vector {
            const LANES: usize = 16;

            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: the caller vouches for what the vector asks, here and below.
                unsafe { <Self as Vector>::splat(value) }
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: as above.
                unsafe { <Self as Vector>::load(from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: as above.
                unsafe { Vector::store(self, to) }
            }

            #[inline(always)]
            unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
                // SAFETY: as above.
                unsafe { Vector::mul_add(self, other, sum) }
            }
        }
    };
}

/// Plain arithmetic for processors without the instructions below.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; LANES]);

part_of_all!(Portable);

impl Vector for Portable {
    type Part = Self;
    const RUN: usize = 4;
    const PAIRS: usize = 2;
    const TILE: (usize, usize) = (2, 2);
    const BLOCK: (usize, usize) = (2, 2);

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: sixteen floats can be read there.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: sixteen floats can be written there.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] * other.0[lane]))
    }

    #[inline(always)]
    unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
        // A fused operation in software would be a hundred times slower.
        let fused = cfg!(any(target_feature = "fma", target_arch = "aarch64"));
        Self(std::array::from_fn(|lane| match fused {
            true => self.0[lane].mul_add(other.0[lane], sum.0[lane]),
            false => self.0[lane] * other.0[lane] + sum.0[lane],
        }))
    }

    #[inline(always)]
    unsafe fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|lane| if self.0[lane] > other.0[lane] { yes.0[lane] } else { no.0[lane] }))
    }

    #[inline(always)]
    unsafe fn if_equal(self, other: Self, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|lane| if self.0[lane] == other.0[lane] { yes.0[lane] } else { no.0[lane] }))
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let mut lanes = self.0;
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        lanes[0]
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
pub(super) use x86::with_level;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512, Level, level};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Part, Vector};

    /// The instruction set in use.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(in super::super) enum Level {
        Avx512,
        Avx2,
        Portable,
    }

    /// What this processor has.
    pub(in super::super) fn level() -> Level {
        #[cfg(test)]
        if let Some(level) = CHOSEN.get() {
            return level;
        }
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            Level::Avx512
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            Level::Avx2
        } else {
            Level::Portable
        }
    }

    #[cfg(test)]
    thread_local! {
        static CHOSEN: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
    }

    /// Runs `call` with an instruction set, on this thread; not where the processor lacks it.
    #[cfg(test)]
    pub(in super::super) fn with_level<T>(chosen: Level, call: impl FnOnce() -> T) -> Option<T> {
        let best = level();
        let has = chosen == Level::Portable || best == Level::Avx512 || best == chosen;
        has.then(|| {
            CHOSEN.set(Some(chosen));
            let result = call();
            CHOSEN.set(None);
            result
        })
    }

    #[inline(always)]
    unsafe fn sum8(halves: __m256) -> f32 {
        // SAFETY: the caller's processor has AVX2.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps::<1>(halves));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512);

    part_of_all!(Avx512);

    impl Vector for Avx512 {
        type Part = Self;
        const RUN: usize = 14;
        const PAIRS: usize = 14;
        const TILE: (usize, usize) = (5, 4);
        const BLOCK: (usize, usize) = (5, 4);

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the caller's processor has AVX-512F, here and below.
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: sixteen floats can be read there.
            Self(unsafe { _mm512_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: sixteen floats can be written there.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_mul_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_fmadd_ps(self.0, other.0, sum.0) })
        }

        #[inline(always)]
        unsafe fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_mask_mov_ps(no.0, _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0), yes.0) })
        }

        #[inline(always)]
        unsafe fn if_equal(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_mask_mov_ps(no.0, _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0), yes.0) })
        }

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: as above; a processor with AVX-512F has AVX2.
            unsafe {
                let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(self.0)));
                sum8(_mm256_add_ps(_mm512_castps512_ps256(self.0), high))
            }
        }
    }

    /// Half the lanes of an [`Avx2`].
    #[derive(Clone, Copy)]
    pub(in super::super) struct Half(__m256);

    impl Part for Half {
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the caller's processor has AVX2 and FMA, here and below.
            Self(unsafe { _mm256_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: eight floats can be read there.
            Self(unsafe { _mm256_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: eight floats can be written there.
            unsafe { _mm256_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_fmadd_ps(self.0, other.0, sum.0) })
        }
    }

    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256, __m256);

    impl Vector for Avx2 {
        type Part = Half;
        const RUN: usize = 6;
        const PAIRS: usize = 3;
        const TILE: (usize, usize) = (5, 2);
        const BLOCK: (usize, usize) = (3, 4);

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the caller's processor has AVX2 and FMA, here and below.
            let half = unsafe { _mm256_set1_ps(value) };
            Self(half, half)
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: sixteen floats can be read there.
            unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: sixteen floats can be written there.
            unsafe {
                _mm256_storeu_ps(to, self.0);
                _mm256_storeu_ps(to.add(8), self.1);
            }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }

        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
        }

        #[inline(always)]
        unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_fmadd_ps(self.0, other.0, sum.0), _mm256_fmadd_ps(self.1, other.1, sum.1)) }
        }

        #[inline(always)]
        unsafe fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: as above.
            unsafe {
                Self(
                    _mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0)),
                    _mm256_blendv_ps(no.1, yes.1, _mm256_cmp_ps::<_CMP_GT_OQ>(self.1, other.1)),
                )
            }
        }

        #[inline(always)]
        unsafe fn if_equal(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: as above.
            unsafe {
                Self(
                    _mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0)),
                    _mm256_blendv_ps(no.1, yes.1, _mm256_cmp_ps::<_CMP_EQ_OQ>(self.1, other.1)),
                )
            }
        }

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: as above.
            unsafe { sum8(_mm256_add_ps(self.0, self.1)) }
        }
    }
}

/// Columns of a pair of maps whose sums keep this processor from waiting for the last one: eight registers of them.
pub(super) fn busy_columns() -> usize {
    #[cfg(target_arch = "x86_64")]
    if level() == Level::Avx512 {
        return 4;
    }
    2
}

/// `dispatch!(fn name(a: A, ..) = kernel)` makes the safe function `name`, which calls `kernel::<V>` compiled for the
/// best instruction set of this processor. The kernel's only requirement must be that the processor has the
/// instructions of `V`.
macro_rules! dispatch {
    ($(#[$attribute:meta])* $vis:vis fn $name:ident $(<$life:lifetime>)? ($($arg:ident: $ty:ty),* $(,)?) = $kernel:ident) => {
        $(#[$attribute])*
        #[allow(clippy::too_many_arguments, reason = "the operands of a kernel")]
        $vis fn $name $(<$life>)? ($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::backend::cpu::lanes::{Avx2, Avx512, Level, level};
                #[target_feature(enable = "avx512f,avx2,fma")]
                #[allow(clippy::too_many_arguments, reason = "the operands of a kernel")]
                unsafe fn avx512 $(<$life>)? ($($arg: $ty),*) {
                    // SAFETY: the processor has AVX-512F.
                    unsafe { $kernel::<Avx512>($($arg),*) }
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments, reason = "the operands of a kernel")]
                unsafe fn avx2 $(<$life>)? ($($arg: $ty),*) {
                    // SAFETY: the processor has AVX2 and FMA.
                    unsafe { $kernel::<Avx2>($($arg),*) }
                }
                match level() {
                    // SAFETY: the processor was asked.
                    Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: the processor was asked.
                    Level::Avx2 => return unsafe { avx2($($arg),*) },
                    Level::Portable => {}
                }
            }
            // SAFETY: plain arithmetic runs on every processor.
            unsafe { $kernel::<$crate::backend::cpu::lanes::Portable>($($arg),*) }
        }
    };
}
pub(super) use dispatch;

#[cfg(test)]
mod tests {
    use super::*;

    /// Each operation of a vector, on lanes that tell them apart.
    unsafe fn probe<V: Vector>() -> Vec<u32> {
        let a: [f32; LANES] = std::array::from_fn(|lane| 0.1 + lane as f32 * 1.37);
        let b: [f32; LANES] = std::array::from_fn(|lane| if lane % 3 == 0 { a[lane] } else { 9.7 - lane as f32 });
        let mut bits = Vec::new();
        // SAFETY: the caller's processor has the instructions.
        unsafe {
            let (a, b) = (V::load(a.as_ptr()), V::load(b.as_ptr()));
            for vector in [a.add(b), a.mul(b), a.if_greater(b, a, V::splat(-1.0)), a.if_equal(b, b, V::splat(-2.0))] {
                let mut lanes = [0.0f32; LANES];
                vector.store(lanes.as_mut_ptr());
                bits.extend(lanes.map(f32::to_bits));
                bits.push(vector.sum().to_bits());
            }
        }
        bits
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        // SAFETY: plain arithmetic runs on every processor.
        let expected = unsafe { probe::<Portable>() };
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor was asked.
            assert_eq!(unsafe { probe::<Avx2>() }, expected);
        }
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor was asked.
            assert_eq!(unsafe { probe::<Avx512>() }, expected);
        }
    }
}
