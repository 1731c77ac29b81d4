//! Pooling over a window of all connected channels.
//!
//! Max takes the greatest value inside the input, the first in (channel, y, x) order where several are equal, and 0
//! where no value is inside. Average divides the sum by the window's area times the number of connected channels:
//! padding counts in the denominator.

use stimuli::Shape;

use super::{check_count, check_mapping, positions};
use crate::config::{PoolConfig, Pooling, Size};
use crate::connections::Connections;
use crate::error::Error;

/// A checked pooling.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    pub(crate) pooling: Pooling,
    pub(crate) window: Size,
    pub(crate) stride: Size,
    pub(crate) padding: Size,
    pub(crate) connections: Connections,
}

impl Pool {
    pub(crate) fn new(cell: &str, config: &PoolConfig, input: Shape) -> Result<Self, Error> {
        let PoolConfig { n_outputs, pooling, window, stride, padding, .. } = *config;
        check_mapping(cell, config.mapping.as_deref(), n_outputs, input.channels)?;
        let width = positions(cell, "PoolWidth", input.width, window.width, stride.width, padding.width, 1)?;
        let height = positions(cell, "PoolHeight", input.height, window.height, stride.height, padding.height, 1)?;
        check_count(cell, "outputs", &[n_outputs, height, width])?;
        let output = Shape { channels: n_outputs, height, width };
        let connections = Connections::new(n_outputs, input.channels, config.mapping.as_deref());
        Ok(Self { input, output, pooling, window, stride, padding, connections })
    }

    /// The rows of the input under the window at row `y`.
    pub(crate) fn rows(&self, y: usize) -> std::ops::Range<usize> {
        inside(y * self.stride.height, self.padding.height, self.window.height, self.input.height)
    }

    /// The columns of the input under the window at column `x`.
    pub(crate) fn columns(&self, x: usize) -> std::ops::Range<usize> {
        inside(x * self.stride.width, self.padding.width, self.window.width, self.input.width)
    }

    /// What a sum is multiplied by to give the average of output channel `output`.
    pub(crate) fn share(&self, output: usize) -> f64 {
        let taps = self.window.width * self.window.height * self.connections.channels(output).count();
        if taps == 0 { 0.0 } else { 1.0 / taps as f64 }
    }

    /// Calls `visit(output, inputs under its window)`.
    fn windows(&self, mut visit: impl FnMut(usize, usize, &[usize])) {
        let mut taps = Vec::new();
        for o in 0..self.output.channels {
            for (y, x) in (0..self.output.height).flat_map(|y| (0..self.output.width).map(move |x| (y, x))) {
                taps.clear();
                for c in self.connections.channels(o) {
                    for iy in self.rows(y) {
                        taps.extend(self.columns(x).map(|ix| (c * self.input.height + iy) * self.input.width + ix));
                    }
                }
                visit((o * self.output.height + y) * self.output.width + x, o, &taps);
            }
        }
    }

    /// For each output of a max pooling the index of its greatest input.
    pub(crate) fn winners(&self, input: &[f64]) -> Vec<Option<usize>> {
        let mut winners = vec![None; super::size(self.output)];
        self.windows(|to, _, taps| winners[to] = first_maximum(input, taps));
        winners
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64]) -> Vec<f64> {
        let mut output = vec![0.0; super::size(self.output)];
        self.windows(|to, o, taps| {
            output[to] = match self.pooling {
                Pooling::Max => first_maximum(input, taps).map_or(0.0, |at| input[at]),
                Pooling::Average => self.share(o) * taps.iter().map(|&at| input[at]).sum::<f64>(),
            }
        });
        output
    }

    /// The error of the inputs for the error of the outputs.
    pub(crate) fn reference_backward(&self, input: &[f64], error: &[f64]) -> Vec<f64> {
        let mut input_error = vec![0.0; input.len()];
        self.windows(|to, o, taps| match self.pooling {
            Pooling::Max => {
                if let Some(at) = first_maximum(input, taps) {
                    input_error[at] += error[to];
                }
            }
            Pooling::Average => taps.iter().for_each(|&at| input_error[at] += self.share(o) * error[to]),
        });
        input_error
    }
}

fn inside(start: usize, padding: usize, window: usize, input: usize) -> std::ops::Range<usize> {
    let end = (start + window).saturating_sub(padding).min(input);
    start.saturating_sub(padding).min(end)..end
}

fn first_maximum(input: &[f64], taps: &[usize]) -> Option<usize> {
    taps.iter().copied().reduce(|best, at| if input[at] > input[best] { at } else { best })
}
