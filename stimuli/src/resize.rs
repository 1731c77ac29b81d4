//! Bilinear resize.

use crate::Shape;

/// How to make an image of one size of one of another size, worked out once.
#[derive(Clone, Debug)]
pub(crate) struct Resize {
    source: Shape,
    columns: Vec<Tap>,
    rows: Vec<Tap>,
}

/// Two neighbors of the source and their weights, as reals and in units of 2^-11.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tap {
    at: [usize; 2],
    real: [f32; 2],
    fixed: [i32; 2],
}

const ONE: f32 = 2048.0;

/// Rows of the source after the horizontal pass, kept between images.
#[derive(Debug, Default)]
pub(crate) struct Scratch(Vec<i32>);

impl Resize {
    /// No size is 0.
    pub fn new(source: Shape, width: usize, height: usize) -> Self {
        let mut columns = taps(source.width, width);
        let rows = taps(source.height, height);
        for tap in &mut columns {
            // Across columns, OpenCV gives a clamped sample all the weight; across rows it keeps both weights.
            if tap.at[0] == tap.at[1] {
                (tap.real, tap.fixed) = ([1.0, 0.0], [2048, 0]);
            }
        }
        Self { source, columns, rows }
    }

    /// Returns the shape of the result.
    pub fn shape(&self) -> Shape {
        Shape { channels: self.source.channels, height: self.rows.len(), width: self.columns.len() }
    }

    /// Resizes integer planes: `[channel][y][x]` in both.
    ///
    /// The arithmetic is that of OpenCV, which drops bits between the two passes.
    pub fn integers(&self, source: &[u8], scratch: &mut Scratch, out: &mut [u8]) {
        let Shape { width, height, .. } = self.source;
        let n = self.columns.len();
        scratch.0.resize(height * n, 0);
        for (plane, out) in source.chunks_exact(width * height).zip(out.chunks_exact_mut(self.shape().plane())) {
            for (row, line) in plane.chunks_exact(width).zip(scratch.0.chunks_exact_mut(n)) {
                for (value, tap) in line.iter_mut().zip(&self.columns) {
                    let [a, b] = tap.at.map(|at| i32::from(row[at]));
                    *value = (a * tap.fixed[0] + b * tap.fixed[1]) >> 4;
                }
            }
            for (tap, out) in self.rows.iter().zip(out.chunks_exact_mut(n)) {
                let [above, below] = tap.at.map(|at| &scratch.0[at * n..(at + 1) * n]);
                for ((value, &a), &b) in out.iter_mut().zip(above).zip(below) {
                    let sum = ((a * tap.fixed[0]) >> 16) + ((b * tap.fixed[1]) >> 16);
                    *value = ((sum + 2) >> 2) as u8;
                }
            }
        }
    }

    /// Resizes real planes: `[channel][y][x]` in both.
    pub fn reals(&self, source: &[f32], out: &mut [f32]) {
        let Shape { width, height, .. } = self.source;
        let n = self.columns.len();
        for (plane, out) in source.chunks_exact(width * height).zip(out.chunks_exact_mut(self.shape().plane())) {
            for (row, out) in self.rows.iter().zip(out.chunks_exact_mut(n)) {
                let [above, below] = row.at.map(|at| &plane[at * width..(at + 1) * width]);
                for (value, column) in out.iter_mut().zip(&self.columns) {
                    let across =
                        |line: &[f32]| line[column.at[0]] * column.real[0] + line[column.at[1]] * column.real[1];
                    *value = across(above) * row.real[0] + across(below) * row.real[1];
                }
            }
        }
    }
}

fn taps(source: usize, destination: usize) -> Vec<Tap> {
    let scale = 1.0 / (destination as f64 / source as f64);
    let last = source as i64 - 1;
    let tap = |d: usize| {
        let position = ((d as f64 + 0.5) * scale - 0.5) as f32;
        let before = position.floor();
        let fraction = position - before;
        let at = [before as i64, before as i64 + 1].map(|at| at.clamp(0, last) as usize);
        let real = [1.0 - fraction, fraction];
        Tap { at, real, fixed: real.map(|weight| (weight * ONE).round_ties_even() as i32) }
    };
    (0..destination).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::real_mnist;

    /// Sizes are (width, height).
    fn plan(source: (usize, usize), destination: (usize, usize)) -> Resize {
        Resize::new(Shape { channels: 1, height: source.1, width: source.0 }, destination.0, destination.1)
    }

    fn integers(source: (usize, usize), destination: (usize, usize), pixels: &[u8]) -> Vec<u8> {
        let mut out = vec![0; destination.0 * destination.1];
        plan(source, destination).integers(pixels, &mut Scratch::default(), &mut out);
        out
    }

    #[test]
    fn a_row_is_interpolated_between_pixel_centers() {
        for (pixels, width, expect) in [
            (&[0, 100][..], 4, &[0, 25, 75, 100][..]),
            (&[0, 100], 1, &[50]),
            (&[10, 20, 30, 40], 2, &[15, 35]),
            (&[7], 3, &[7, 7, 7]),
            (&[1, 2, 3], 3, &[1, 2, 3]),
            (&[0, 0, 255, 0, 0, 0], 2, &[0, 0]),
        ] {
            assert_eq!(integers((pixels.len(), 1), (width, 1), pixels), expect, "across");
            assert_eq!(integers((1, pixels.len()), (1, width), pixels), expect, "down");
        }
    }

    /// The reference logs the first stimuli as text, six significant digits each; the lengths of two such files are
    /// known, and differ when the bits between the passes are not dropped as OpenCV does.
    #[test]
    fn a_digit_is_rescaled_to_the_pixels_of_the_reference() {
        for (id, expect) in [(25021, 3762), (63593, 3295)] {
            let out = integers((28, 28), (32, 32), &real_mnist().image(id).unwrap().pixels);
            let length: usize = out.iter().map(|&pixel| six_digits(f32::from(pixel) / 255.0).len() + 1).sum();
            assert_eq!(length + 32 + 1, expect, "stimulus {id}: values with blanks, 32 line ends, an empty line");
        }
    }

    /// Writes a value of [0, 1] as `%g` of C does; 1/255 has its first digit in the third place.
    fn six_digits(value: f32) -> String {
        let places = [1.0, 0.1, 0.01].iter().position(|&least| value >= least).map_or(8, |zeros| 5 + zeros);
        let text = format!("{value:.places$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    proptest! {
        #[test]
        fn integers_stay_close_to_reals(
            source in (1_usize..12, 1_usize..12),
            destination in (1_usize..20, 1_usize..20),
            seed: u64,
        ) {
            /// Half a level is rounding; the rest is the bits dropped between the passes.
            const TOLERANCE: f32 = 1.25;
            let n = source.0 * source.1;
            let pixels: Vec<u8> = (0..n as u64).map(|i| (rand_philox::splitmix64(seed ^ (i << 32)) >> 56) as u8).collect();
            let reals: Vec<f32> = pixels.iter().copied().map(f32::from).collect();
            let mut expect = vec![0.0; destination.0 * destination.1];
            plan(source, destination).reals(&reals, &mut expect);
            for (value, expect) in integers(source, destination, &pixels).into_iter().zip(expect) {
                prop_assert!((f32::from(value) - expect).abs() <= TOLERANCE, "{} and {}", value, expect);
            }
        }

        #[test]
        fn a_flat_image_stays_flat(
            source in (1_usize..12, 1_usize..12),
            destination in (1_usize..20, 1_usize..20),
            level: u8,
        ) {
            let out = integers(source, destination, &vec![level; source.0 * source.1]);
            prop_assert!(out.iter().all(|&value| value.abs_diff(level) <= 1), "{:?}", out);
        }

        #[test]
        fn the_same_size_changes_nothing(width in 1_usize..9, height in 1_usize..9, level: u8) {
            let pixels: Vec<u8> = (0..width * height).map(|i| level.wrapping_add(i as u8)).collect();
            prop_assert_eq!(integers((width, height), (width, height), &pixels), pixels);
        }
    }
}
