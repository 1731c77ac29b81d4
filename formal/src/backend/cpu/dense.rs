//! The inner loops of full connections, on packs.

use super::correlate::{parts, with_length};
use super::lanes::{LANES, Pack, Vector, dispatch};

/// A matrix in the weights: element `(row, column)` is `weights[row·row_step + column·column_step]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_step: usize,
    pub(super) column_step: usize,
}

/// `to = bias + weights·from`, or `to += weights·from` where `add`.
pub(super) fn multiply(
    matrix: &Matrix,
    weights: &[f32],
    bias: Option<&[f32]>,
    from: &[Pack],
    to: &mut [Pack],
    add: bool,
) {
    assert_eq!((to.len(), from.len()), (matrix.rows, matrix.columns), "a vector a row and a column");
    assert_eq!(weights.len(), matrix.rows * matrix.columns, "a weight an element");
    assert!(bias.is_none_or(|bias| bias.len() == matrix.rows), "one bias a row");
    multiply_checked(matrix, weights, bias, from, to, add);
}

dispatch! {
    fn multiply_checked(
        matrix: &Matrix, weights: &[f32], bias: Option<&[f32]>, from: &[Pack], to: &mut [Pack], add: bool,
    ) = multiply_kernel
}

#[inline(always)]
unsafe fn multiply_kernel<V: Vector>(
    matrix: &Matrix,
    weights: &[f32],
    bias: Option<&[f32]>,
    from: &[Pack],
    to: &mut [Pack],
    add: bool,
) {
    for rows in parts(matrix.rows, V::RUN) {
        let bias = bias.map(|bias| &bias[rows.clone()]);
        let to = &mut to[rows.clone()];
        // SAFETY: `multiply` has found all sizes right; the processor has the instructions of `V`.
        unsafe {
            let weights = weights.as_ptr().add(rows.start * matrix.row_step);
            with_length!(rows.len(), multiply_rows::<V>(matrix, weights, bias, from, to, add));
        }
    }
}

#[inline(always)]
unsafe fn multiply_rows<V: Vector, const N: usize>(
    matrix: &Matrix,
    weights: *const f32,
    bias: Option<&[f32]>,
    from: &[Pack],
    to: &mut [Pack],
    add: bool,
) {
    if N > V::RUN {
        return;
    }
    // SAFETY: the caller vouches for all sizes and for the instructions.
    unsafe {
        let mut sums = [V::splat(0.0); N];
        for (i, sum) in sums.iter_mut().enumerate() {
            if add {
                *sum = V::load(to[i].0.as_ptr());
            } else if let Some(bias) = bias {
                *sum = V::splat(bias[i]);
            }
        }
        for (column, from) in from.iter().enumerate() {
            let value = V::load(from.0.as_ptr());
            let weights = weights.add(column * matrix.column_step);
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = V::splat(*weights.add(i * matrix.row_step)).mul_add(value, *sum);
            }
        }
        for (i, sum) in sums.iter().enumerate() {
            sum.store(to[i].0.as_mut_ptr());
        }
    }
}

/// `[lane][column]`, rows padded with zeros to whole packs, from a pack a column.
pub(super) fn transpose(from: &[Pack], to: &mut [Pack]) {
    let blocks = from.len().div_ceil(LANES);
    assert_eq!(to.len(), LANES * blocks, "a row of packs a lane");
    for (block, columns) in from.chunks(LANES).enumerate() {
        for lane in 0..LANES {
            let row = &mut to[lane * blocks + block].0;
            for (value, column) in row.iter_mut().zip(columns) {
                *value = column.0[lane];
            }
        }
    }
}

/// `gradient[row][column] += Σ error[row]·input[column]` over the lanes; `transposed` is the input of [`transpose`].
pub(super) fn gradients(n_columns: usize, transposed: &[Pack], error: &[Pack], gradient: &mut [f32]) {
    assert_eq!(transposed.len(), LANES * n_columns.div_ceil(LANES), "a row of packs a lane");
    assert_eq!(gradient.len(), error.len() * n_columns, "one gradient a weight");
    gradients_checked(n_columns, transposed, error, gradient);
}

dispatch! {
    fn gradients_checked(n_columns: usize, transposed: &[Pack], error: &[Pack], gradient: &mut [f32])
        = gradients_kernel
}

#[inline(always)]
unsafe fn gradients_kernel<V: Vector>(n_columns: usize, transposed: &[Pack], error: &[Pack], gradient: &mut [f32]) {
    let blocks = n_columns.div_ceil(LANES);
    for block in 0..blocks {
        // SAFETY: a pack can be read; the processor has the instructions of `V`.
        let rows: [V; LANES] =
            std::array::from_fn(|lane| unsafe { V::load(transposed[lane * blocks + block].0.as_ptr()) });
        let columns = block * LANES..((block + 1) * LANES).min(n_columns);
        for (output, error) in error.iter().enumerate() {
            let gradient = &mut gradient[output * n_columns..][columns.clone()];
            let n = gradient.len();
            if n == LANES {
                // SAFETY: sixteen gradients can be read and written; the processor has the instructions of `V`.
                unsafe { add_products(&rows, error, gradient.as_mut_ptr()) };
            } else {
                let mut part = Pack::ZERO;
                part.0[..n].copy_from_slice(gradient);
                // SAFETY: as above.
                unsafe { add_products(&rows, error, part.0.as_mut_ptr()) };
                gradient.copy_from_slice(&part.0[..n]);
            }
        }
    }
}

#[inline(always)]
unsafe fn add_products<V: Vector>(rows: &[V; LANES], error: &Pack, gradient: *mut f32) {
    // SAFETY: the caller vouches for the sixteen gradients and for the instructions.
    unsafe {
        let mut sum = V::load(gradient);
        for (row, &error) in rows.iter().zip(&error.0) {
            sum = V::splat(error).mul_add(*row, sum);
        }
        sum.store(gradient);
    }
}
