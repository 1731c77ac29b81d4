//! Softmax over the channels, or over consecutive groups of them, at each position:
//! `y_i = exp(x_i - max) / Σ_j exp(x_j - max)`.
//!
//! With the loss, the error passes unchanged: the error `t - y` of a target is then the gradient of the
//! cross-entropy. Otherwise it goes through the Jacobian: `d_i = y_i·(e_i - Σ_j y_j·e_j)`.

use stimuli::Shape;

use crate::config::SoftmaxConfig;
use crate::error::Error;

/// A checked softmax.
#[derive(Clone, Debug)]
pub(crate) struct Softmax {
    pub(crate) shape: Shape,
    pub(crate) with_loss: bool,
    /// Channels of a group.
    pub(crate) group: usize,
}

impl Softmax {
    pub(crate) fn new(cell: &str, config: &SoftmaxConfig, shape: Shape) -> Result<Self, Error> {
        let group = if config.group_size == 0 { shape.channels } else { config.group_size };
        if !shape.channels.is_multiple_of(group) {
            return Err(Error::Shape {
                cell: cell.to_owned(),
                what: "GroupSize",
                expected: format!("a divisor of its {} channels", shape.channels),
                found: group.to_string(),
            });
        }
        Ok(Self { shape, with_loss: config.with_loss, group })
    }

    /// Index of the first channel of each group at each position; the channels of a group are `height·width` apart.
    pub(crate) fn groups(&self) -> impl Iterator<Item = usize> {
        let (area, group) = (self.shape.height * self.shape.width, self.group);
        (0..self.shape.channels / group).flat_map(move |g| (0..area).map(move |at| g * group * area + at))
    }

    /// The elements of the group that starts at `first`.
    pub(crate) fn members(&self, first: usize) -> impl Iterator<Item = usize> + Clone {
        let area = self.shape.height * self.shape.width;
        (0..self.group).map(move |channel| first + channel * area)
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64]) -> Vec<f64> {
        let mut output = vec![0.0; input.len()];
        for first in self.groups() {
            let members = self.members(first);
            let greatest = members.clone().map(|at| input[at]).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = members.clone().map(|at| (input[at] - greatest).exp()).sum();
            members.for_each(|at| output[at] = (input[at] - greatest).exp() / total);
        }
        output
    }

    /// The error of the inputs for the error of the outputs.
    pub(crate) fn reference_backward(&self, output: &[f64], error: &[f64]) -> Vec<f64> {
        if self.with_loss {
            return error.to_vec();
        }
        let mut input_error = vec![0.0; output.len()];
        for first in self.groups() {
            let members = self.members(first);
            let mean: f64 = members.clone().map(|at| output[at] * error[at]).sum();
            members.for_each(|at| input_error[at] = output[at] * (error[at] - mean));
        }
        input_error
    }
}
