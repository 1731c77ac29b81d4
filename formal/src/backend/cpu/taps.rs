//! Sparse linear maps on packs.

use super::lanes::{Pack, Vector, dispatch};
use crate::cell::taps::Rows;

dispatch! {
    /// Each element of `to` becomes the sum of its row or, where `add`, grows by it.
    pub(super) fn apply(rows: &Rows, from: &[Pack], to: &mut [Pack], add: bool) = apply_kernel
}

#[inline(always)]
unsafe fn apply_kernel<V: Vector>(rows: &Rows, from: &[Pack], to: &mut [Pack], add: bool) {
    for (row, to) in to.iter_mut().enumerate() {
        // SAFETY: packs can be read and written; the processor has the instructions of `V`.
        unsafe {
            let mut sum = if add { V::load(to.0.as_ptr()) } else { V::splat(0.0) };
            for tap in rows.row(row) {
                sum = V::splat(tap.factor).mul_add(V::load(from[tap.from as usize].0.as_ptr()), sum);
            }
            sum.store(to.0.as_mut_ptr());
        }
    }
}
