//! Full connection: `out(n) = b(n) + Σ_i w(n, i)·in(i)`, inputs flattened channel by channel, row by row, x fastest.
//!
//! With drop connect (Wan et al., 2013; `formal.md` 6.3) each weight takes part in a learning step with a given
//! probability, for all stimuli of the batch alike and without a factor; tests use all weights.

use stimuli::Shape;

use super::fmp::Draw;
use super::{check_count, size};
use crate::config::FcConfig;
use crate::error::Error;
use crate::random::{Purpose, Stream};

/// A checked full connection.
#[derive(Clone, Debug)]
pub(crate) struct Fc {
    pub(crate) n_inputs: usize,
    pub(crate) output: Shape,
    /// The weight of a smaller word takes part in a learning step; `None` where all do.
    kept_below: Option<u64>,
}

impl Fc {
    pub(crate) fn new(cell: &str, config: &FcConfig, input: Shape) -> Result<Self, Error> {
        let n_inputs = size(input);
        check_count(cell, "weights", &[config.n_outputs, n_inputs])?;
        const WORDS: f64 = 4_294_967_296.0;
        let kept = f64::from(config.drop_connect);
        if !(kept > 0.0 && kept <= 1.0) {
            let (cell, found) = (cell.to_owned(), config.drop_connect.to_string());
            return Err(Error::Value { cell, parameter: "DropConnect", expected: "above 0 and at most 1", found });
        }
        let kept_below = (kept < 1.0).then_some((kept * WORDS) as u64);
        Ok(Self { n_inputs, output: Shape { channels: config.n_outputs, height: 1, width: 1 }, kept_below })
    }

    /// Words below it let a weight take part in a learning step; `None` where all do.
    pub(crate) fn kept_below(&self) -> Option<u32> {
        self.kept_below.map(|below| below as u32)
    }

    /// Which weights take part in a learning step; empty where all do.
    pub(crate) fn mask(&self, draw: Draw) -> Vec<bool> {
        let Some(kept_below) = self.kept_below else { return Vec::new() };
        let mut words = vec![0; self.output.channels * self.n_inputs];
        Stream::new(draw.seed, Purpose::Connections, draw.cell).fill(draw.step, 0, &mut words);
        words.into_iter().map(|word| u64::from(word) < kept_below).collect()
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64], weights: &[f64], bias: Option<&[f64]>) -> Vec<f64> {
        let rows = weights.chunks_exact(self.n_inputs);
        let sums = rows.map(|row| row.iter().zip(input).map(|(w, x)| w * x).sum::<f64>());
        sums.enumerate().map(|(n, sum)| sum + bias.map_or(0.0, |bias| bias[n])).collect()
    }

    /// The error of the inputs for the error of the outputs; adds the gradients of the weights and the bias.
    pub(crate) fn reference_backward(
        &self,
        input: &[f64],
        weights: &[f64],
        error: &[f64],
        weights_gradient: &mut [f64],
        bias_gradient: &mut [f64],
    ) -> Vec<f64> {
        let mut input_error = vec![0.0; input.len()];
        for (n, &e) in error.iter().enumerate() {
            let row = n * self.n_inputs;
            for (i, &x) in input.iter().enumerate() {
                weights_gradient[row + i] += e * x;
                input_error[i] += e * weights[row + i];
            }
        }
        bias_gradient.iter_mut().zip(error).for_each(|(gradient, e)| *gradient += e);
        input_error
    }
}
