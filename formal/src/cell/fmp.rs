//! Fractional max pooling (Graham, 2014): an axis of `n` inputs is cut into `m = round(n/ratio)` windows.
//!
//! With `a = n/m`, window `i` goes from `b(i)` up to `b(i + 1)`, with it where windows overlap:
//! `b(i) = floor(a·(i + u)) - floor(a·u)`, `u` uniform in [0, 1) (pseudo-random), or the sides `floor(a)` and
//! `ceil(a)`, as many of each as fill the axis, in random order. Each learning step draws for itself, the same for
//! all stimuli; in inference `u` is 1/2.

use std::ops::Range;

use stimuli::Shape;

use super::pool::Pool;
use super::{check_count, check_mapping, size};
use crate::config::{FmpConfig, Pooling, Size};
use crate::connections::Connections;
use crate::error::Error;
use crate::random::{Purpose, Stream};

/// A checked fractional max pooling.
#[derive(Clone, Debug)]
pub(crate) struct Fmp {
    /// A max pooling whose windows are replaced.
    pub(crate) pool: Pool,
    is_overlapping: bool,
    is_pseudo_random: bool,
}

/// What a learning step draws its windows from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    pub(crate) seed: u64,
    pub(crate) step: u64,
    /// Index of the cell.
    pub(crate) cell: usize,
}

/// Rows or columns.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Axis {
    Rows = 0,
    Columns = 1,
}

impl Fmp {
    pub(crate) fn new(cell: &str, config: &FmpConfig, input: Shape) -> Result<Self, Error> {
        let FmpConfig { n_outputs, scaling_ratio, is_overlapping, is_pseudo_random, .. } = *config;
        check_mapping(cell, config.mapping.as_deref(), n_outputs, input.channels)?;
        let least = input.width.min(input.height) as f64;
        if !(1.0..=2.0 * least).contains(&scaling_ratio) {
            let (cell, found) = (cell.to_owned(), scaling_ratio.to_string());
            let expected = "1 or more, and at most twice the sides of the input";
            return Err(Error::Value { cell, parameter: "ScalingRatio", expected, found });
        }
        let [height, width] = [input.height, input.width].map(|n| (n as f64 / scaling_ratio).round() as usize);
        check_count(cell, "outputs", &[n_outputs, height, width])?;
        let output = Shape { channels: n_outputs, height, width };
        let connections = Connections::new(n_outputs, input.channels, config.mapping.as_deref());
        let one = Size { width: 1, height: 1 };
        let none = Size { width: 0, height: 0 };
        let pool = Pool { input, output, pooling: Pooling::Max, window: one, stride: one, padding: none, connections };
        Ok(Self { pool, is_overlapping, is_pseudo_random })
    }

    /// Sets the windows of an axis: those of a learning step, or those of inference.
    pub(crate) fn cut(&self, axis: Axis, draw: Option<Draw>, windows: &mut [Range<usize>]) {
        let n = match axis {
            Axis::Rows => self.pool.input.height,
            Axis::Columns => self.pool.input.width,
        };
        let m = windows.len();
        let mut words = [0; 1];
        let stream = |draw: Draw| Stream::new(draw.seed, Purpose::Windows, draw.cell);
        match draw {
            Some(draw) if !self.is_pseudo_random => {
                let (short, n_long) = (n / m, n % m);
                // The first windows are the long ones; then each changes places with one up to itself.
                let side = |index: usize| short + usize::from(index < n_long);
                windows.iter_mut().enumerate().for_each(|(index, window)| *window = 0..side(index));
                for last in (1..m).rev() {
                    stream(draw).fill(draw.step, (2 * last + axis as usize) as u32, &mut words);
                    windows.swap(last, ((u64::from(words[0]) * (last as u64 + 1)) >> 32) as usize);
                }
            }
            draw => {
                // In units of 2^-32 of a window.
                let mut offset = 1 << 31;
                if let Some(draw) = draw {
                    stream(draw).fill(draw.step, axis as u32, &mut words);
                    offset = u128::from(words[0]);
                }
                let edge =
                    |index: usize| (n as u128 * (((index as u128) << 32) | offset) / ((m as u128) << 32)) as usize;
                windows.iter_mut().enumerate().for_each(|(i, window)| *window = 0..edge(i + 1) - edge(i));
            }
        }
        let mut start = 0;
        for window in windows {
            let end = start + window.end;
            *window = start..(end + usize::from(self.is_overlapping)).min(n);
            start = end;
        }
    }

    /// Rows and columns of the windows.
    fn windows(&self, draw: Option<Draw>) -> [Vec<Range<usize>>; 2] {
        let output = self.pool.output;
        [(Axis::Rows, output.height), (Axis::Columns, output.width)].map(|(axis, n)| {
            let mut windows = vec![0..0; n];
            self.cut(axis, draw, &mut windows);
            windows
        })
    }

    /// For each output the index of its greatest input, the first of several.
    fn winners(&self, input: &[f64], draw: Option<Draw>) -> Vec<Option<usize>> {
        let Pool { input: shape, output, connections, .. } = &self.pool;
        let [rows, columns] = self.windows(draw);
        let mut winners = Vec::with_capacity(size(*output));
        for o in 0..output.channels {
            for (rows, columns) in rows.iter().flat_map(|rows| columns.iter().map(move |columns| (rows, columns))) {
                let inside = |c: usize| {
                    let places = rows.clone().flat_map(|y| columns.clone().map(move |x| (y, x)));
                    places.map(move |(y, x)| (c * shape.height + y) * shape.width + x)
                };
                let taps = connections.channels(o).flat_map(inside);
                winners.push(taps.reduce(|best, at| if input[at] > input[best] { at } else { best }));
            }
        }
        winners
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64], draw: Option<Draw>) -> Vec<f64> {
        let winners = self.winners(input, draw).into_iter();
        winners.map(|winner| winner.map_or(0.0, |winner| input[winner])).collect()
    }

    /// The error of the inputs for the error of the outputs.
    pub(crate) fn reference_backward(&self, input: &[f64], error: &[f64], draw: Option<Draw>) -> Vec<f64> {
        let mut input_error = vec![0.0; input.len()];
        for (winner, e) in self.winners(input, draw).into_iter().zip(error) {
            if let Some(winner) = winner {
                input_error[winner] += e;
            }
        }
        input_error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(
        n: usize,
        ratio: f64,
        is_overlapping: bool,
        is_pseudo_random: bool,
        draw: Option<Draw>,
    ) -> Vec<Range<usize>> {
        let config = FmpConfig { n_outputs: 1, scaling_ratio: ratio, is_overlapping, is_pseudo_random, mapping: None };
        let fmp = Fmp::new("f", &config, Shape { channels: 1, height: n, width: n }).expect("a sound ratio");
        let mut windows = vec![0..0; fmp.pool.output.width];
        fmp.cut(Axis::Columns, draw, &mut windows);
        windows
    }

    #[test]
    fn inference_spreads_the_windows_evenly() {
        // Edges at floor(1.5·(i + 0.5)) = 0, 2, 3, 5, 6.
        assert_eq!(cut(6, 1.5, false, true, None), [0..2, 2..3, 3..5, 5..6]);
        assert_eq!(cut(6, 1.5, true, false, None), [0..3, 2..4, 3..6, 5..6]);
        assert_eq!(cut(5, 1.0, false, true, None), [0..1, 1..2, 2..3, 3..4, 4..5]);
    }

    #[test]
    fn drawn_windows_fill_the_axis_and_differ_from_step_to_step() {
        for is_pseudo_random in [true, false] {
            let of = |step| {
                cut(25, std::f64::consts::SQRT_2, false, is_pseudo_random, Some(Draw { seed: 3, step, cell: 1 }))
            };
            let drawn: Vec<_> = (0..20).map(of).collect();
            for windows in &drawn {
                assert_eq!((windows.len(), windows[0].start, windows[17].end), (18, 0, 25));
                assert!(windows.windows(2).all(|pair| pair[0].end == pair[1].start));
                assert!(windows.iter().all(|window| [1, 2].contains(&window.len())), "{windows:?}");
                assert_eq!(windows.iter().filter(|window| window.len() == 2).count(), 7);
            }
            let first = drawn.iter().map(|windows| windows[0].len());
            assert!(drawn.iter().any(|windows| *windows != drawn[0]) && first.sum::<usize>() < 40);
            assert_eq!(of(4), drawn[4]);
        }
    }
}
