//! Bilinear resize.

/// How to make an image of one size of one of another size, worked out once.
#[derive(Clone, Debug)]
pub(crate) struct Resize {
    source: (usize, usize),
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
#[derive(Default)]
pub(crate) struct Scratch(Vec<i32>);

impl Resize {
    /// Sizes are (width, height), none of them 0.
    pub fn new(source: (usize, usize), destination: (usize, usize)) -> Self {
        let mut columns = taps(source.0, destination.0);
        let rows = taps(source.1, destination.1);
        for tap in &mut columns {
            // Across columns, OpenCV gives a clamped sample all the weight; across rows it keeps both weights.
            if tap.at[0] == tap.at[1] {
                (tap.real, tap.fixed) = ([1.0, 0.0], [2048, 0]);
            }
        }
        Self { source, columns, rows }
    }

    /// Returns the elements of a plane of the result.
    pub fn plane(&self) -> usize {
        self.columns.len() * self.rows.len()
    }

    /// Resizes integer planes: `[channel][y][x]` in both.
    ///
    /// The arithmetic is that of OpenCV, which drops bits between the two passes.
    pub fn integers(&self, source: &[u8], scratch: &mut Scratch, out: &mut [u8]) {
        let (width, height) = self.source;
        let n = self.columns.len();
        scratch.0.resize(height * n, 0);
        for (plane, out) in source.chunks_exact(width * height).zip(out.chunks_exact_mut(self.plane())) {
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
        let (width, height) = self.source;
        let n = self.columns.len();
        for (plane, out) in source.chunks_exact(width * height).zip(out.chunks_exact_mut(self.plane())) {
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
