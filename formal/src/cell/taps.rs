//! Sparse linear maps: each output is a sum of a few inputs times their factors, the same for all stimuli. Errors go
//! back through the transpose.
//!
//! | Cell | Output (x, y) of a channel |
//! |---|---|
//! | Padding | input (x - left, y - top), 0 outside |
//! | Resize | Σ of at most two columns and two rows, see [`crate::config::Interpolation`] |
//! | Reshape | the element of the same index |
//! | Transpose | the element whose place has these coordinates exchanged |
//! | Activation | the same element |
//! | Scaling | the same element times the factor |

use stimuli::Shape;

use super::{check_count, size};
use crate::config::{
    Interpolation, Misfit, PaddingConfig, ReshapeConfig, ResizeConfig, ScalingConfig, TransposeConfig,
};
use crate::error::Error;

/// A sparse matrix, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// Where the taps of each row begin, and the end of the last.
    starts: Vec<u32>,
    taps: Vec<Tap>,
}

/// An element and its factor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tap {
    pub(crate) from: u32,
    pub(crate) factor: f32,
}

impl Rows {
    pub(crate) fn row(&self, row: usize) -> &[Tap] {
        &self.taps[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    /// Rows become columns; the taps of a row stand in ascending order.
    fn transposed(&self, n_rows: usize) -> Self {
        let mut starts = vec![0; n_rows + 1];
        self.taps.iter().for_each(|tap| starts[tap.from as usize + 1] += 1);
        for row in 0..n_rows {
            starts[row + 1] += starts[row];
        }
        let mut next = starts.clone();
        let mut taps = vec![Tap { from: 0, factor: 0.0 }; self.taps.len()];
        for row in 0..self.starts.len() - 1 {
            for tap in self.row(row) {
                let at = &mut next[tap.from as usize];
                taps[*at as usize] = Tap { from: row as u32, factor: tap.factor };
                *at += 1;
            }
        }
        Self { starts, taps }
    }
}

/// A checked map.
#[derive(Clone, Debug)]
pub(crate) struct Taps {
    pub(crate) output: Shape,
    n_inputs: usize,
    /// A row for each output.
    pub(crate) forward: Rows,
    /// A row for each input.
    pub(crate) backward: Rows,
}

impl Taps {
    /// `taps` tells those of the output at (channel, y, x).
    fn new<const N: usize>(
        input: Shape,
        output: Shape,
        taps: impl Fn(usize, usize, usize) -> [Option<(usize, f64)>; N],
    ) -> Self {
        let mut forward = Rows { starts: vec![0], taps: Vec::with_capacity(size(output)) };
        for c in 0..output.channels {
            for (y, x) in (0..output.height).flat_map(|y| (0..output.width).map(move |x| (y, x))) {
                let taps = taps(c, y, x).into_iter().flatten().filter(|&(_, factor)| factor != 0.0);
                forward.taps.extend(taps.map(|(from, factor)| Tap { from: from as u32, factor: factor as f32 }));
                forward.starts.push(forward.taps.len() as u32);
            }
        }
        let backward = forward.transposed(size(input));
        Self { output, n_inputs: size(input), forward, backward }
    }

    pub(crate) fn identity(cell: &str, input: Shape) -> Result<Self, Error> {
        Self::renamed(cell, input, Ok(input))
    }

    pub(crate) fn scaling(cell: &str, config: &ScalingConfig, input: Shape) -> Result<Self, Error> {
        let factor = f64::from(config.factor);
        if !factor.is_finite() {
            let (cell, found) = (cell.to_owned(), factor.to_string());
            return Err(Error::Value { cell, parameter: "Factor", expected: "a finite number", found });
        }
        check_count(cell, "outputs", &[size(input)])?;
        Ok(Self::new(input, input, |c, y, x| [Some((index(input, c, y, x), factor))]))
    }

    pub(crate) fn padding(cell: &str, config: &PaddingConfig, input: Shape) -> Result<Self, Error> {
        let output = checked(cell, config.output(input))?;
        let (top, left) = (i64::from(config.top), i64::from(config.left));
        let inside =
            |at: usize, before: i64, side: usize| usize::try_from(at as i64 - before).ok().filter(|&at| at < side);
        Ok(Self::new(input, output, |c, y, x| {
            let place = inside(y, top, input.height).zip(inside(x, left, input.width));
            [place.map(|(y, x)| (index(input, c, y, x), 1.0))]
        }))
    }

    pub(crate) fn resize(cell: &str, config: &ResizeConfig, input: Shape) -> Result<Self, Error> {
        let (width, height) = (config.output.width, config.output.height);
        // Each output has up to four taps, which are counted in 32 bits.
        check_count(cell, "outputs", &[4, input.channels, height, width])?;
        let line = |n_inputs, n_outputs| -> Vec<[(usize, f64); 2]> {
            (0..n_outputs).map(|o| neighbors(config.interpolation, n_inputs, n_outputs, o)).collect()
        };
        let (rows, columns) = (line(input.height, height), line(input.width, width));
        Ok(Self::new(input, Shape { height, width, ..input }, |c, y, x| {
            [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(row, column)| {
                let ((y, of_row), (x, of_column)) = (rows[y][row], columns[x][column]);
                Some((index(input, c, y, x), of_row * of_column))
            })
        }))
    }

    pub(crate) fn reshape(cell: &str, config: &ReshapeConfig, input: Shape) -> Result<Self, Error> {
        Self::renamed(cell, input, config.output(input))
    }

    pub(crate) fn transpose(cell: &str, config: &TransposeConfig, input: Shape) -> Result<Self, Error> {
        let output = checked(cell, config.output(input))?;
        Ok(Self::new(input, output, |c, y, x| {
            let mut place = [0; 3];
            for (axis, at) in config.axes.into_iter().zip([x, y, c]) {
                place[axis] = at;
            }
            [Some((index(input, place[2], place[1], place[0]), 1.0))]
        }))
    }

    /// The elements in their order.
    fn renamed(cell: &str, input: Shape, output: Result<Shape, Misfit>) -> Result<Self, Error> {
        let output = checked(cell, output)?;
        Ok(Self::new(input, output, |c, y, x| [Some((index(output, c, y, x), 1.0))]))
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64]) -> Vec<f64> {
        let sum = |row: &[Tap]| row.iter().map(|tap| f64::from(tap.factor) * input[tap.from as usize]).sum();
        (0..size(self.output)).map(|row| sum(self.forward.row(row))).collect()
    }

    /// The error of the inputs for the error of the outputs.
    pub(crate) fn reference_backward(&self, error: &[f64]) -> Vec<f64> {
        let mut input_error = vec![0.0; self.n_inputs];
        for (row, e) in error.iter().enumerate() {
            for tap in self.forward.row(row) {
                input_error[tap.from as usize] += f64::from(tap.factor) * e;
            }
        }
        input_error
    }
}

fn index(shape: Shape, c: usize, y: usize, x: usize) -> usize {
    (c * shape.height + y) * shape.width + x
}

fn checked(cell: &str, output: Result<Shape, Misfit>) -> Result<Shape, Error> {
    let misfit = |Misfit { parameter, expected, found }| Error::Shape {
        cell: cell.to_owned(),
        what: parameter,
        expected,
        found,
    };
    let output = output.map_err(misfit)?;
    check_count(cell, "outputs", &[output.channels, output.height, output.width])?;
    Ok(output)
}

/// The two inputs of a line that output `o` is made of, and their shares; one of them may be 0.
fn neighbors(interpolation: Interpolation, n_inputs: usize, n_outputs: usize, o: usize) -> [(usize, f64); 2] {
    // Places are fractions of whole numbers, so that no rounding moves an output that lies on an input.
    let (numerator, denominator) = match interpolation {
        Interpolation::Nearest => return [(o * n_inputs / n_outputs, 1.0), (0, 0.0)],
        Interpolation::Bilinear => (((2 * o + 1) * n_inputs).saturating_sub(n_outputs), 2 * n_outputs),
        Interpolation::BilinearTensorFlow { align_corners: true } if n_outputs > 1 => {
            (o * (n_inputs - 1), n_outputs - 1)
        }
        Interpolation::BilinearTensorFlow { .. } => (o * n_inputs, n_outputs),
    };
    let low = (numerator / denominator).min(n_inputs - 1);
    if low == n_inputs - 1 {
        return [(low, 1.0), (0, 0.0)];
    }
    let share = (numerator % denominator) as f64 / denominator as f64;
    [(low, 1.0 - share), (low + 1, share)]
}
