//! The inner loops of full connections, on packs.

use std::ops::Range;

use super::correlate::{parts, with_length};
use super::lanes::{LANES, Pack, Part, Vector, dispatch};

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

/// Inputs of a block with the lanes outside (see [`transpose`]), and its errors.
pub(super) type Factors<'a> = (&'a [Pack], &'a [Pack]);

/// Some rows of the gradients of a matrix.
pub(super) struct GradientRows<'a, 'b> {
    pub(super) n_columns: usize,
    pub(super) first: usize,
    pub(super) n_blocks: usize,
    pub(super) factors: &'b (dyn Fn(usize) -> Factors<'a> + Sync),
    /// Whether products are added to what is there.
    pub(super) add: bool,
}

/// `gradient[row][column] = Σ error[row]·input[column]` over the lanes of the blocks in order.
pub(super) fn gradients(rows: &GradientRows<'_, '_>, gradient: &mut [f32]) {
    let &GradientRows { n_columns, first, n_blocks, factors, .. } = rows;
    let n_rows = gradient.len() / n_columns;
    assert_eq!(gradient.len(), n_rows * n_columns, "one gradient a weight");
    for block in 0..n_blocks {
        let (transposed, error) = factors(block);
        assert_eq!(transposed.len(), LANES * n_columns.div_ceil(LANES), "a row of packs a lane");
        assert!(first + n_rows <= error.len(), "an error a row");
    }
    gradients_checked(rows, gradient);
}

dispatch! { fn gradients_checked(rows: &GradientRows<'_, '_>, gradient: &mut [f32]) = gradients_kernel }

#[inline(always)]
unsafe fn gradients_kernel<V: Vector>(all: &GradientRows<'_, '_>, gradient: &mut [f32]) {
    for columns in parts(all.n_columns.div_ceil(V::Part::LANES), V::BLOCK.0) {
        for rows in parts(gradient.len() / all.n_columns, V::BLOCK.1) {
            let tile = Tile { all, columns: columns.clone(), rows };
            // SAFETY: `gradients` has found all sizes right; the processor has the instructions of `V`.
            unsafe {
                match tile.rows.len() {
                    1 => gradients_of_rows::<V, 1>(&tile, gradient),
                    2 => gradients_of_rows::<V, 2>(&tile, gradient),
                    3 => gradients_of_rows::<V, 3>(&tile, gradient),
                    _ => gradients_of_rows::<V, 4>(&tile, gradient),
                }
            }
        }
    }
}

/// Rows and columns of a gradient.
struct Tile<'a, 'b> {
    all: &'b GradientRows<'a, 'b>,
    /// As many a [`Part`] holds count as one.
    columns: Range<usize>,
    rows: Range<usize>,
}

#[inline(always)]
unsafe fn gradients_of_rows<V: Vector, const R: usize>(tile: &Tile<'_, '_>, gradient: &mut [f32]) {
    // SAFETY: the caller vouches for all sizes and for the instructions.
    unsafe {
        match tile.columns.len() {
            1 => gradients_of_tile::<V, R, 1>(tile, gradient),
            2 => gradients_of_tile::<V, R, 2>(tile, gradient),
            3 => gradients_of_tile::<V, R, 3>(tile, gradient),
            4 => gradients_of_tile::<V, R, 4>(tile, gradient),
            _ => gradients_of_tile::<V, R, 5>(tile, gradient),
        }
    }
}

#[inline(always)]
unsafe fn gradients_of_tile<V: Vector, const R: usize, const P: usize>(tile: &Tile<'_, '_>, gradient: &mut [f32]) {
    if P > V::BLOCK.0 || R > V::BLOCK.1 {
        return;
    }
    let Tile { all, columns, rows } = tile;
    let row_packs = all.n_columns.div_ceil(LANES);
    let first = columns.start * V::Part::LANES;
    // SAFETY: the caller vouches for all sizes and for the instructions.
    unsafe {
        let mut sums = [[V::Part::splat(0.0); P]; R];
        for block in 0..all.n_blocks {
            let (transposed, error) = (all.factors)(block);
            let errors = error.as_ptr().add(all.first + rows.start).cast::<f32>();
            let inputs = transposed.as_ptr().cast::<f32>().add(first);
            for lane in 0..LANES {
                let inputs = inputs.add(lane * row_packs * LANES);
                let mut values = [V::Part::splat(0.0); P];
                for (p, value) in values.iter_mut().enumerate() {
                    *value = V::Part::load(inputs.add(p * V::Part::LANES));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let error = V::Part::splat(*errors.add(r * LANES + lane));
                    for p in 0..P {
                        sums[p] = error.mul_add(values[p], sums[p]);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let row = &mut gradient[(rows.start + r) * all.n_columns..][..all.n_columns];
            for (p, sum) in sums.iter().enumerate() {
                let mut values = Pack::ZERO;
                sum.store(values.0.as_mut_ptr());
                let values = &values.0[..V::Part::LANES];
                for (to, &value) in row[first + p * V::Part::LANES..].iter_mut().zip(values) {
                    *to = if all.add { *to + value } else { value };
                }
            }
        }
    }
}
