//! AVX2: eight floats of single or four of double precision at a time.
//!
//! There are no masks in registers as AVX-512 has them, so what a mask says is spread over vectors first. That is done once for
//! the same step of all rows, which share their masks: steps are taken in columns, not row by row. A lane that is not
//! reached is added zero, and compared with a threshold that is not a number.

use std::arch::x86_64::*;

use super::{Fired, Firing, Isa, LANES, Lanes, Mask, Rows, Rule};
use crate::leak::Leak;
use crate::real::Real;

/// A processor with AVX2. Named only inside functions compiled for it.
pub(crate) struct Avx2;

impl Isa for Avx2 {
    #[inline(always)]
    fn add_rows<F: Lanes, const IS_PLAIN: bool, const IS_BUSY: bool>(
        rows: Rows<'_, F>,
        potentials: &mut [F],
        sign: F,
        rule: &Rule<F>,
        firing: &mut impl Firing,
    ) {
        // SAFETY: the type is named only where AVX2 was detected.
        unsafe { F::add_rows_avx2::<IS_PLAIN, IS_BUSY>(rows, potentials, sign, rule, firing) }
    }

    #[inline(always)]
    fn load<F: Lanes>(floats: &[F]) -> [F; LANES] {
        assert!(floats.len() <= LANES, "no more floats than lanes");
        // SAFETY: as above; the floats have just been counted.
        unsafe { F::spread_avx2(floats.as_ptr(), ((1_u32 << floats.len()) - 1) as Mask) }
    }

    #[inline(always)]
    fn spread<F: Lanes>(floats: &[F], reached: Mask) -> [F; LANES] {
        assert_eq!(floats.len(), reached.count_ones() as usize, "one float for each lane");
        // SAFETY: as above; the floats have just been counted.
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
        // SAFETY: as above.
        unsafe { F::step_avx2::<RESETS>(v, w, reached, sign, rule) }
    }

    #[inline(always)]
    fn decay<F: Real>(leak: &Leak, v: &mut [F; LANES], last: &mut [u64; LANES], reached: Mask, now: u64) {
        // SAFETY: as above.
        unsafe { F::decay_avx2(leak, v, last, reached, now) }
    }

    #[inline(always)]
    fn push(list: &mut Vec<u32>, fired: Fired, first: u32) {
        let mut len = list.len();
        assert!(list.capacity() - len >= LANES, "the list has room for a step");
        // SAFETY: AVX2 was detected; eight are written within the capacity where at most as many are counted, and the length then
        // covers only written ones.
        unsafe {
            for half in [0, 8] {
                let lanes = fired.lanes >> half & 0xff;
                let numbers = _mm_loadl_epi64(SET_BITS[lanes as usize].as_ptr().cast());
                let neurons = _mm256_add_epi32(_mm256_cvtepu8_epi32(numbers), _mm256_set1_epi32((first + half) as i32));
                let mut emissions = _mm256_slli_epi32::<1>(neurons);
                if fired.negative != 0 {
                    let signs = _mm256_srlv_epi32(
                        _mm256_set1_epi32((fired.negative >> half) as i32),
                        _mm256_cvtepu8_epi32(numbers),
                    );
                    emissions = _mm256_or_si256(emissions, _mm256_and_si256(signs, _mm256_set1_epi32(1)));
                }
                _mm256_storeu_si256(list.as_mut_ptr().add(len).cast(), emissions);
                len += lanes.count_ones() as usize;
            }
            list.set_len(len);
        }
    }
}

/// Of each byte the numbers of the bits that are set, ascending.
static SET_BITS: [[u8; 8]; 256] = set_bits();
/// Of each byte and bit how many are set before it.
static BITS_BEFORE: [[u8; 8]; 256] = bits_before();

const fn set_bits() -> [[u8; 8]; 256] {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut n) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte][n] = bit;
                n += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
}

const fn bits_before() -> [[u8; 8]; 256] {
    let mut table = [[0; 8]; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            table[byte][bit] = (byte & ((1 << bit) - 1)).count_ones() as u8;
            bit += 1;
        }
        byte += 1;
    }
    table
}

/// Floats that fill a vector, and what is done with vectors of them.
///
/// # Safety
///
/// Each function asks for AVX2, and those that take a pointer for [`Floats::N`] floats at it.
pub(super) trait Floats: Lanes {
    type Vector: Copy;
    /// Floats of a vector.
    const N: usize;

    unsafe fn all(x: Self) -> Self::Vector;
    unsafe fn sign_bits() -> Self::Vector;
    unsafe fn load(from: *const Self) -> Self::Vector;
    unsafe fn store(to: *mut Self, x: Self::Vector);
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn and(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn or(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Bits of `b` that `a` does not have.
    unsafe fn and_not(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// All bits of the lanes where `a` is `b` at least.
    unsafe fn at_least(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Of each lane `b` where the sign of `which` is set, else `a`.
    unsafe fn choose(a: Self::Vector, b: Self::Vector, which: Self::Vector) -> Self::Vector;
    /// The sign bits, one a lane.
    unsafe fn signs(x: Self::Vector) -> u32;
    /// All bits of the lanes whose bit is set.
    unsafe fn mask(lanes: u32) -> Self::Vector;
    /// For each of the lanes whose bit is set, the place of the next float.
    unsafe fn places(lanes: u32) -> __m256i;
    /// The floats at places.
    unsafe fn permute(floats: Self::Vector, places: __m256i) -> Self::Vector;
    /// The floats of the lanes whose `mask` is set; nothing is read for the others.
    unsafe fn load_only(from: *const Self, mask: Self::Vector) -> Self::Vector;
}

macro_rules! floats {
    ($float:ident, $vector:ident, $n:literal, $set:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $and:ident, $or:ident,
     $andnot:ident, $cmp:ident, $blendv:ident, $movemask:ident, $maskload:ident, $to_integer:ident, $mask:expr, $places:expr, $permute:expr) => {
        #[rustfmt::skip]
        #[allow(clippy::undocumented_unsafe_blocks, reason = "one instruction each: as the trait says, the caller vouches for AVX2 and for the floats at pointers")]
        impl Floats for $float {
            type Vector = $vector;
            const N: usize = $n;

            #[inline(always)] unsafe fn all(x: Self) -> $vector { unsafe { $set(x) } }
            #[inline(always)] unsafe fn sign_bits() -> $vector { unsafe { $set(-0.0) } }
            #[inline(always)] unsafe fn load(from: *const Self) -> $vector { unsafe { $load(from) } }
            #[inline(always)] unsafe fn store(to: *mut Self, x: $vector) { unsafe { $store(to, x) } }
            #[inline(always)] unsafe fn add(a: $vector, b: $vector) -> $vector { unsafe { $add(a, b) } }
            #[inline(always)] unsafe fn sub(a: $vector, b: $vector) -> $vector { unsafe { $sub(a, b) } }
            #[inline(always)] unsafe fn mul(a: $vector, b: $vector) -> $vector { unsafe { $mul(a, b) } }
            #[inline(always)] unsafe fn and(a: $vector, b: $vector) -> $vector { unsafe { $and(a, b) } }
            #[inline(always)] unsafe fn or(a: $vector, b: $vector) -> $vector { unsafe { $or(a, b) } }
            #[inline(always)] unsafe fn and_not(a: $vector, b: $vector) -> $vector { unsafe { $andnot(a, b) } }
            #[inline(always)] unsafe fn at_least(a: $vector, b: $vector) -> $vector { unsafe { $cmp::<_CMP_GE_OQ>(a, b) } }
            #[inline(always)] unsafe fn choose(a: $vector, b: $vector, which: $vector) -> $vector { unsafe { $blendv(a, b, which) } }
            #[inline(always)] unsafe fn signs(x: $vector) -> u32 { unsafe { $movemask(x) as u32 } }
            #[inline(always)] unsafe fn mask(lanes: u32) -> $vector { unsafe { $mask(lanes) } }
            #[inline(always)] unsafe fn places(lanes: u32) -> __m256i { unsafe { $places(lanes) } }
            #[inline(always)] unsafe fn permute(floats: $vector, places: __m256i) -> $vector { unsafe { $permute(floats, places) } }
            #[inline(always)] unsafe fn load_only(from: *const Self, mask: $vector) -> $vector { unsafe { $maskload(from, $to_integer(mask)) } }
        }
    };
}

floats!(
    f32,
    __m256,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_and_ps,
    _mm256_or_ps,
    _mm256_andnot_ps,
    _mm256_cmp_ps,
    _mm256_blendv_ps,
    _mm256_movemask_ps,
    _mm256_maskload_ps,
    _mm256_castps_si256,
    mask_f32,
    places_f32,
    _mm256_permutevar8x32_ps
);
floats!(
    f64,
    __m256d,
    4,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    _mm256_and_pd,
    _mm256_or_pd,
    _mm256_andnot_pd,
    _mm256_cmp_pd,
    _mm256_blendv_pd,
    _mm256_movemask_pd,
    _mm256_maskload_pd,
    _mm256_castpd_si256,
    mask_f64,
    places_f64,
    permute_f64
);

/// All bits of the lanes whose bit is set.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn mask_f32(lanes: u32) -> __m256 {
    let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(lanes as i32), bits), bits))
}

/// All bits of the lanes whose bit is set.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn mask_f64(lanes: u32) -> __m256d {
    let bits = _mm256_setr_epi64x(1, 2, 4, 8);
    _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(i64::from(lanes)), bits), bits))
}

/// The place of the next float for each of the lanes whose bit is set.
#[inline]
#[target_feature(enable = "avx2")]
fn places_f32(lanes: u32) -> __m256i {
    let places = &BITS_BEFORE[(lanes & 0xff) as usize];
    // SAFETY: eight bytes are loaded, and there are as many.
    _mm256_cvtepu8_epi32(unsafe { _mm_loadl_epi64(places.as_ptr().cast()) })
}

/// The same: twice the place, and one more, for the halves of each float.
#[inline]
#[target_feature(enable = "avx2")]
fn places_f64(lanes: u32) -> __m256i {
    let places = &BITS_BEFORE[(lanes & 0xf) as usize];
    // SAFETY: as above.
    let places = _mm256_cvtepu8_epi64(unsafe { _mm_loadl_epi64(places.as_ptr().cast()) });
    let twice = _mm256_or_si256(_mm256_slli_epi64::<1>(places), _mm256_slli_epi64::<33>(places));
    _mm256_or_si256(twice, _mm256_set1_epi64x(1 << 32))
}

#[inline]
#[target_feature(enable = "avx2")]
fn permute_f64(floats: __m256d, places: __m256i) -> __m256d {
    _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(floats), places))
}

/// The most vectors of a step.
const MOST: usize = LANES / 4;

/// Bits of the lanes of one vector of a step.
#[inline(always)]
fn part<F: Floats>(reached: Mask, vector: usize) -> u32 {
    u32::from(reached) >> (vector * F::N) & ((1 << F::N) - 1)
}

/// As [`Isa::add_rows`].
///
/// # Safety
///
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn add_rows<F: Floats, const IS_PLAIN: bool, const IS_BUSY: bool>(
    rows: Rows<'_, F>,
    potentials: &mut [F],
    sign: F,
    rule: &Rule<F>,
    firing: &mut impl Firing,
) {
    let (from, to) = rows.span();
    let last_row = (rows.n_rows - 1) * rows.neuron_step;
    let potentials = &mut potentials[from..to];
    let weights = &rows.weights[..(rows.n_rows - 1) * rows.weight_step + rows.n_weights + LANES];
    let mut taken = 0;
    for (step, &reached) in rows.masks.iter().enumerate() {
        debug_assert!(taken <= rows.n_weights, "a row has a weight for each bit of its masks");
        // SAFETY: the caller vouches for AVX2. The rows lie inside the potentials, as just sliced, the first of them last. The weights
        // of a row are as many as its masks have bits, so that no vector begins after the row's last, and what it reads beyond
        // that is there, as just sliced.
        unsafe {
            let column = Column {
                v: potentials.as_mut_ptr().add(last_row + step * LANES),
                neuron_step: rows.neuron_step,
                w: weights.as_ptr().add(taken),
                weight_step: rows.weight_step,
                n_rows: rows.n_rows,
                first: rows.first + step * LANES,
            };
            if reached == Mask::MAX {
                column.add::<IS_PLAIN, IS_BUSY, true>(reached, sign, rule, firing);
            } else {
                column.add::<IS_PLAIN, IS_BUSY, false>(reached, sign, rule, firing);
            }
        }
        taken += reached.count_ones() as usize;
    }
}

/// The same step of all rows.
struct Column<F> {
    /// Of the first row.
    v: *mut F,
    neuron_step: usize,
    w: *const F,
    weight_step: usize,
    n_rows: usize,
    /// Number of the first row's first neuron.
    first: usize,
}

impl<F: Floats> Column<F> {
    /// # Safety
    ///
    /// The processor has AVX2; there are as many rows of potentials and weights. `IS_WHOLE` says that all lanes are `reached`.
    #[inline(always)]
    unsafe fn add<const IS_PLAIN: bool, const IS_BUSY: bool, const IS_WHOLE: bool>(
        self,
        reached: Mask,
        sign: F,
        rule: &Rule<F>,
        firing: &mut impl Firing,
    ) {
        // SAFETY: as the caller vouches.
        unsafe {
            let (sign, threshold) = (F::all(sign), F::all(rule.threshold));
            let signs = F::sign_bits();
            let mut masks = [threshold; MOST];
            let mut thresholds = [threshold; MOST];
            let mut places = [_mm256_setzero_si256(); MOST];
            let mut starts = [0; MOST];
            let n_vectors = LANES / F::N;
            let mut start = 0;
            for i in 0..n_vectors {
                starts[i] = start;
                if IS_WHOLE {
                    start += F::N;
                } else {
                    let lanes = part::<F>(reached, i);
                    (masks[i], places[i]) = (F::mask(lanes), F::places(lanes));
                    thresholds[i] = F::choose(F::all(F::NOT_A_NUMBER), threshold, masks[i]);
                    start += lanes.count_ones() as usize;
                }
            }
            for row in 0..self.n_rows {
                let (v, w) = (self.v.sub(row * self.neuron_step), self.w.add(row * self.weight_step));
                let (mut moved, mut reaches) = ([threshold; MOST], [threshold; MOST]);
                for i in 0..n_vectors {
                    let mut weights = F::load(w.add(starts[i]));
                    if !IS_WHOLE {
                        weights = F::and(F::permute(weights, places[i]), masks[i]);
                    }
                    if !IS_PLAIN {
                        weights = F::mul(sign, weights);
                    }
                    moved[i] = F::add(F::load(v.add(i * F::N)), weights);
                    let level = if !IS_PLAIN && rule.is_bipolar { F::and_not(signs, moved[i]) } else { moved[i] };
                    reaches[i] = F::at_least(level, thresholds[i]);
                }
                let any = reaches[1..n_vectors].iter().fold(reaches[0], |any, &more| F::or(any, more));
                if !IS_BUSY && F::signs(any) == 0 {
                    for (i, &moved) in moved.iter().enumerate().take(n_vectors) {
                        F::store(v.add(i * F::N), moved);
                    }
                    continue;
                }
                let mut lanes = Fired { lanes: 0, negative: 0 };
                for i in 0..n_vectors {
                    lanes.lanes |= F::signs(reaches[i]) << (i * F::N);
                    let mut amount = threshold;
                    if !IS_PLAIN && rule.is_bipolar {
                        lanes.negative |= F::signs(moved[i]) << (i * F::N);
                        amount = F::or(threshold, F::and(moved[i], signs));
                    }
                    let reset = if !IS_PLAIN && rule.resets_to_zero {
                        F::and_not(reaches[i], moved[i])
                    } else {
                        F::sub(moved[i], F::and(reaches[i], amount))
                    };
                    F::store(v.add(i * F::N), reset);
                }
                firing.tell::<Avx2>(self.first - row * self.neuron_step, lanes);
            }
        }
    }
}

/// As [`Isa::spread`].
///
/// # Safety
///
/// The processor has AVX2, and `floats` leads to as many as `reached` has bits.
#[inline(always)]
pub(super) unsafe fn spread<F: Floats>(mut floats: *const F, reached: Mask) -> [F; LANES] {
    let mut lanes = [F::UNIT; LANES];
    // SAFETY: as the caller vouches; each vector lies inside the lanes, and only floats that are there are read.
    unsafe {
        for i in 0..LANES / F::N {
            let bits = part::<F>(reached, i);
            let n = bits.count_ones() as usize;
            let packed = F::load_only(floats, F::mask((1 << n) - 1));
            F::store(lanes.as_mut_ptr().add(i * F::N), F::permute(packed, F::places(bits)));
            floats = floats.add(n);
        }
    }
    lanes
}

/// As [`Isa::step`].
///
/// # Safety
///
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn step<F: Floats, const RESETS: bool>(
    v: &mut [F; LANES],
    w: &[F; LANES],
    reached: Mask,
    sign: F,
    rule: &Rule<F>,
) -> Fired {
    let mut fired = Fired { lanes: 0, negative: 0 };
    // SAFETY: the caller vouches for AVX2, and each vector lies inside the arrays.
    unsafe {
        let (sign, threshold, signs) = (F::all(sign), F::all(rule.threshold), F::sign_bits());
        for first in (0..LANES).step_by(F::N) {
            let is_reached = F::mask(part::<F>(reached, first / F::N));
            let before = F::load(v.as_ptr().add(first));
            let after = F::add(before, F::mul(sign, F::load(w.as_ptr().add(first))));
            let mut moved = F::choose(before, after, is_reached);
            let level = if rule.is_bipolar { F::and_not(signs, moved) } else { moved };
            let reaches = F::and(F::at_least(level, threshold), is_reached);
            fired.lanes |= F::signs(reaches) << first;
            let mut amount = threshold;
            if rule.is_bipolar {
                fired.negative |= F::signs(moved) << first;
                amount = F::or(threshold, F::and(moved, signs));
            }
            if RESETS {
                moved = if rule.resets_to_zero {
                    F::and_not(reaches, moved)
                } else {
                    F::sub(moved, F::and(reaches, amount))
                };
            }
            F::store(v.as_mut_ptr().add(first), moved);
        }
    }
    fired
}
