//! Operations on inputs of one shape, element by element (`formal.md` 6.9; the Euclidean sum as its manual has it).
//!
//! | Operation | Output y of x_1 .. x_n | Error of x_k, times that of y |
//! |---|---|---|
//! | Sum | Σ (w_k·x_k + s_k) | w_k |
//! | AbsSum | Σ w_k·abs(x_k) | w_k·sign(x_k), 0 at 0 |
//! | EuclideanSum | √(Σ (w_k·x_k + s_k)²) | w_k·(w_k·x_k + s_k)/y, 0 at y = 0 |
//! | Prod | Π x_k | Π x_j, j ≠ k |
//! | Max | max x_k | 1 for the first that is the greatest, 0 for the others |

use stimuli::Shape;

use super::{Edge, text};
use crate::config::{CoefficientMode, ElemWiseConfig, ElementOperation};
use crate::error::Error;

/// A checked element-wise operation. Its inputs lie one after the other.
#[derive(Clone, Debug)]
pub(crate) struct ElemWise {
    pub(crate) output: Shape,
    pub(crate) n_inputs: usize,
    pub(crate) operation: ElementOperation,
    weights: Vec<f32>,
    shifts: Vec<f32>,
    coefficients: CoefficientMode,
}

impl ElemWise {
    pub(crate) fn new(cell: &str, config: &ElemWiseConfig, edges: &[Edge]) -> Result<Self, Error> {
        let output = edges[0].shape;
        if let Some(other) = edges.iter().find(|edge| edge.shape != output) {
            return Err(Error::Shape {
                cell: cell.to_owned(),
                what: "Input",
                expected: format!("{} as its first input", text(output)),
                found: text(other.shape),
            });
        }
        let ElemWiseConfig { operation, weights, shifts, coefficients } = config.clone();
        let (n, noun) = match coefficients {
            CoefficientMode::PerInput => (edges.len(), "inputs"),
            CoefficientMode::PerChannel => (output.channels, "channels"),
        };
        for (what, values) in [("Weights", &weights), ("Shifts", &shifts)] {
            if !values.is_empty() && values.len() != n {
                let (expected, found) = (format!("a value for each of its {n} {noun}"), values.len().to_string());
                return Err(Error::Shape { cell: cell.to_owned(), what, expected, found });
            }
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                let (cell, found) = (cell.to_owned(), value.to_string());
                return Err(Error::Value { cell, parameter: what, expected: "finite numbers", found });
            }
        }
        Ok(Self { output, n_inputs: edges.len(), operation, weights, shifts, coefficients })
    }

    /// `w` and `s` of an input's channel.
    pub(crate) fn coefficients(&self, input: usize, channel: usize) -> (f32, f32) {
        let at = match self.coefficients {
            CoefficientMode::PerInput => input,
            CoefficientMode::PerChannel => channel,
        };
        (self.weights.get(at).copied().unwrap_or(1.0), self.shifts.get(at).copied().unwrap_or(0.0))
    }

    /// The elements of one place and their coefficients.
    fn place(&self, input: &[f64], at: usize) -> Vec<(f64, f64, f64)> {
        let n = super::size(self.output);
        let channel = at / (self.output.height * self.output.width);
        let element = |k: usize| {
            let (w, s) = self.coefficients(k, channel);
            (input[k * n + at], f64::from(w), f64::from(s))
        };
        (0..self.n_inputs).map(element).collect()
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64]) -> Vec<f64> {
        let value = |at| {
            let terms = self.place(input, at).into_iter();
            match self.operation {
                ElementOperation::Sum => terms.map(|(x, w, s)| w * x + s).sum(),
                ElementOperation::AbsSum => terms.map(|(x, w, _)| w * x.abs()).sum(),
                ElementOperation::EuclideanSum => terms.map(|(x, w, s)| (w * x + s).powi(2)).sum::<f64>().sqrt(),
                ElementOperation::Prod => terms.map(|(x, ..)| x).product(),
                ElementOperation::Max => terms.map(|(x, ..)| x).fold(f64::NEG_INFINITY, f64::max),
            }
        };
        (0..super::size(self.output)).map(value).collect()
    }

    /// The error of the inputs for the error of the outputs.
    pub(crate) fn reference_backward(&self, input: &[f64], error: &[f64]) -> Vec<f64> {
        let mut input_error = vec![0.0; input.len()];
        let outputs = self.reference(input);
        for (at, (&e, &y)) in error.iter().zip(&outputs).enumerate() {
            let terms = self.place(input, at);
            for (k, &(x, w, s)) in terms.iter().enumerate() {
                let slope = match self.operation {
                    ElementOperation::Sum => w,
                    ElementOperation::AbsSum if x == 0.0 => 0.0,
                    ElementOperation::AbsSum => w * x.signum(),
                    ElementOperation::EuclideanSum if y == 0.0 => 0.0,
                    ElementOperation::EuclideanSum => w * (w * x + s) / y,
                    ElementOperation::Prod => {
                        terms.iter().enumerate().filter(|&(j, _)| j != k).map(|(_, &(x, ..))| x).product()
                    }
                    ElementOperation::Max => f64::from(u8::from(terms.iter().position(|&(x, ..)| x == y) == Some(k))),
                };
                input_error[k * error.len() + at] = e * slope;
            }
        }
        input_error
    }
}
