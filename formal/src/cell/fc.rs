//! Full connection: `out(n) = b(n) + Σ_i w(n, i)·in(i)`, inputs flattened channel by channel, row by row, x fastest.

use stimuli::Shape;

use super::{check_count, size};
use crate::config::FcConfig;
use crate::error::Error;

/// A checked full connection.
#[derive(Clone, Debug)]
pub(crate) struct Fc {
    pub(crate) n_inputs: usize,
    pub(crate) output: Shape,
}

impl Fc {
    pub(crate) fn new(cell: &str, config: &FcConfig, input: Shape) -> Result<Self, Error> {
        let n_inputs = size(input);
        check_count(cell, "weights", &[config.n_outputs, n_inputs])?;
        Ok(Self { n_inputs, output: Shape { channels: config.n_outputs, height: 1, width: 1 } })
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
