//! Arithmetic with whole images.

use std::path::Path;

use super::{Arithmetic, Format, Step, refused};
use crate::draws::Draws;
use crate::files::read;
use crate::frame::Frame;
use crate::{Depth, Error, Shape, image};

/// Numbers of the size of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Its size; one channel serves all.
    pub shape: Shape,
    /// `[channel][y][x]`
    pub values: Vec<f32>,
}

/// Types of matrix files: OpenCV's codes of one channel.
const FLOAT: i32 = 5;
const DOUBLE: i32 = 6;
const BYTE: i32 = 0;

impl Matrix {
    /// Reads a matrix from an image or from a `.bin` file: i32 rows, columns and type (OpenCV's code: 0 bytes, 5 floats, 6
    /// doubles, plus 8 for each further channel, which stand side by side), little-endian, then the numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`], [`Error::Image`], [`Error::Transformation`] for a file that is no such matrix.
    pub fn open(path: &Path) -> Result<Matrix, Error> {
        if path.extension().is_none_or(|extension| extension != "bin") {
            let image = image::open(path)?;
            return Ok(Matrix { shape: image.shape, values: image.levels() });
        }
        let file = read(path)?;
        let wrong = |found: String| {
            let expected = format!("a matrix in `{}`: rows, columns, type and as many numbers", file.name);
            refused("AffineTransformation", &expected, found, "write the file again")
        };
        let Some((head, data)) = file.bytes.split_at_checked(12) else {
            return Err(wrong(format!("{} bytes", file.bytes.len())));
        };
        let word = |at: usize| i32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (rows, columns, code) = (word(0), word(4), word(8));
        let (depth, channels) = (code & 7, (code >> 3) + 1);
        let size = match depth {
            BYTE => 1,
            FLOAT => 4,
            DOUBLE => 8,
            _ => return Err(wrong(format!("type {code}"))),
        };
        let most = image::MAX_SIDE as i32;
        if !(1..=most).contains(&rows) || !(1..=most).contains(&columns) || !(1..=4).contains(&channels) {
            return Err(wrong(format!("{rows} rows, {columns} columns, {channels} channels")));
        }
        let shape = Shape { channels: channels as usize, height: rows as usize, width: columns as usize };
        if data.len() != shape.n_elements() * size {
            return Err(wrong(format!("{} bytes of numbers for {shape}", data.len())));
        }
        let number = |bytes: &[u8]| match *bytes {
            [byte] => f32::from(byte),
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
            [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
            _ => f32::NAN,
        };
        let side_by_side: Vec<f32> = data.chunks_exact(size).map(number).collect();
        let mut values = Vec::with_capacity(side_by_side.len());
        for channel in 0..shape.channels {
            values.extend(side_by_side.chunks_exact(shape.channels).map(|pixel| pixel[channel]));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(wrong("numbers that are not finite".to_owned()));
        }
        Ok(Matrix { shape, values })
    }

    /// The bytes of a `.bin` file that [`Matrix::open`] reads, as floats.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Shape { channels, height, width } = self.shape;
        let code = FLOAT | ((channels as i32 - 1) << 3);
        let mut bytes: Vec<u8> =
            [height as i32, width as i32, code].iter().flat_map(|word| word.to_le_bytes()).collect();
        for at in 0..self.shape.plane() {
            for channel in 0..channels {
                bytes.extend(self.values[channel * self.shape.plane() + at].to_le_bytes());
            }
        }
        bytes
    }
}

/// `(x first m1) second m2` with matrices of the image's size; the image is real from there on. A division by 0 gives 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// The operator applied first.
    pub first: Arithmetic,
    /// Its operand.
    pub first_value: Matrix,
    /// The operator applied to the result, and its operand.
    pub second: Option<(Arithmetic, Matrix)>,
}

impl Step for Affine {
    fn format(&self, input: Format) -> Result<Format, Error> {
        for matrix in [Some(&self.first_value), self.second.as_ref().map(|(_, matrix)| matrix)].into_iter().flatten() {
            let expected = Shape { channels: matrix.shape.channels, ..input.shape };
            if matrix.shape != expected || ![1, input.shape.channels].contains(&matrix.shape.channels) {
                return Err(refused(
                    "AffineTransformation",
                    &format!("a matrix of the size of the image, {}", input.shape),
                    matrix.shape,
                    "give another matrix, or put a RescaleTransformation before it",
                ));
            }
        }
        Ok(Format { depth: Depth::Real, ..input })
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        frame.make_real();
        for (operator, matrix) in
            std::iter::once((self.first, &self.first_value)).chain(self.second.as_ref().map(|(o, m)| (*o, m)))
        {
            let operands = matrix.values.iter().cycle();
            for (x, &v) in frame.reals.iter_mut().zip(operands) {
                let is_void = operator == Arithmetic::Divides && v == 0.0;
                *x = if is_void { 0.0 } else { operator.of(f64::from(*x), f64::from(v)) as f32 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{format_of, reals_of};

    fn matrix(channels: usize, values: &[f32]) -> Matrix {
        Matrix { shape: Shape { channels, height: 1, width: values.len() / channels }, values: values.to_vec() }
    }

    #[test]
    fn images_are_computed_with_element_by_element() {
        let minus = Affine { first: Arithmetic::Minus, first_value: matrix(1, &[1.0, 2.0]), second: None };
        assert_eq!(reals_of(&minus, (2, 1), &[10, 20]), [9.0, 18.0]);
        assert_eq!(reals_of(&minus, (2, 1), &[10, 20, 30, 40]), [9.0, 18.0, 29.0, 38.0], "one channel serves two");
        let both = Affine { second: Some((Arithmetic::Divides, matrix(2, &[2.0, 0.0, 4.0, 1.0]))), ..minus };
        assert_eq!(reals_of(&both, (2, 1), &[10, 20, 30, 40]), [4.5, 0.0, 7.25, 38.0]);
        let message = both.format(format_of(3, 1)).unwrap_err().to_string();
        assert!(message.contains("the size of the image, 3x1x1, found 2x1x1"), "{message}");
    }

    #[test]
    fn a_matrix_that_is_written_reads_back_and_a_faulty_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.bin");
        for channels in [1, 3] {
            let matrix = matrix(channels, &[1.5, -2.0, 3.0, 4.0, 5.0, 6.25]);
            std::fs::write(&path, matrix.to_bytes()).unwrap();
            assert_eq!(Matrix::open(&path).unwrap(), matrix);
        }
        let good = matrix(1, &[1.0, 2.0]).to_bytes();
        for (bytes, part) in [
            (good[..5].to_vec(), "found 5 bytes"),
            (good[..19].to_vec(), "found 7 bytes of numbers for 2x1x1"),
            ([&good[..8], &[9, 0, 0, 0], &good[12..]].concat(), "found type 9"),
            ([&[0; 4], &good[4..]].concat(), "found 0 rows"),
            ([&good[..12], &f32::NAN.to_le_bytes(), &good[16..]].concat(), "not finite"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let message = Matrix::open(&path).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains("m.bin"), "{message}");
        }
        assert!(Matrix::open(&folder.path().join("none.png")).is_err());
    }
}
