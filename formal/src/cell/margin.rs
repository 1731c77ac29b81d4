//! Cosines with a margin (Wang et al., 2018, Additive Margin Softmax): features of length 1 through a full connection with
//! weights of length 1, less a margin at the output of the class while learning, times a factor.
//!
//! | Cell | Output y of x | Error of x, times that of y |
//! |---|---|---|
//! | Normalize, L1 | `x/s`, s = Σ abs(x) + 1e-6 | `(e - sign(x)·Σ e·y)/s` |
//! | Normalize, L2 | `x/s`, s = √(Σ x² + 1e-6) | `(e - y·Σ e·y)/s` |
//! | TargetBias | x + bias at the output of the class, while learning | 1 |
//!
//! Sums are over the channels of a position. The name of the small number is all that `formal.md` 6.11 tells of it.

use stimuli::Shape;

use crate::config::{ChannelNorm, NormalizeConfig, TargetBiasConfig};
use crate::error::Error;

/// What keeps a divisor from 0.
pub(crate) const TINY: f64 = 1e-6;

/// A checked normalization over the channels.
#[derive(Clone, Debug)]
pub(crate) struct Normalize {
    pub(crate) shape: Shape,
    pub(crate) norm: ChannelNorm,
}

impl Normalize {
    pub(crate) fn new(config: &NormalizeConfig, shape: Shape) -> Self {
        Self { shape, norm: config.norm }
    }

    /// Elements of a channel.
    pub(crate) fn area(&self) -> usize {
        self.shape.height * self.shape.width
    }

    fn divisor(&self, input: &[f64], position: usize) -> f64 {
        let values = input.iter().skip(position).step_by(self.area());
        match self.norm {
            ChannelNorm::L1 => values.map(|x| x.abs()).sum::<f64>() + TINY,
            ChannelNorm::L2 => (values.map(|x| x * x).sum::<f64>() + TINY).sqrt(),
        }
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64]) -> Vec<f64> {
        let area = self.area();
        input.iter().enumerate().map(|(at, x)| x / self.divisor(input, at % area)).collect()
    }

    /// The error of the inputs for the error of the outputs.
    pub(crate) fn reference_backward(&self, input: &[f64], error: &[f64]) -> Vec<f64> {
        let (area, outputs) = (self.area(), self.reference(input));
        let of = |(at, (&x, &e)): (usize, (&f64, &f64))| {
            let position = at % area;
            let along: f64 = (position..input.len()).step_by(area).map(|other| error[other] * outputs[other]).sum();
            let slope = match self.norm {
                ChannelNorm::L1 if x == 0.0 => 0.0,
                ChannelNorm::L1 => x.signum(),
                ChannelNorm::L2 => outputs[at],
            };
            (e - slope * along) / self.divisor(input, position)
        };
        input.iter().zip(error).enumerate().map(of).collect()
    }
}

/// A checked bias of the wanted output.
#[derive(Clone, Debug)]
pub(crate) struct TargetBias {
    pub(crate) shape: Shape,
    pub(crate) bias: f32,
}

impl TargetBias {
    pub(crate) fn new(cell: &str, config: &TargetBiasConfig, shape: Shape) -> Result<Self, Error> {
        if !config.bias.is_finite() {
            let (cell, found) = (cell.to_owned(), config.bias.to_string());
            return Err(Error::Value { cell, parameter: "Bias", expected: "a finite number", found });
        }
        Ok(Self { shape, bias: config.bias })
    }

    /// The elements that the bias is added to for a stimulus of this class.
    pub(crate) fn wanted(&self, label: Option<usize>) -> std::ops::Range<usize> {
        let channel = match (self.shape.channels, label) {
            (1, Some(1)) => 0,
            (n, Some(label)) if n > 1 && label < n => label,
            _ => return 0..0,
        };
        let area = self.shape.height * self.shape.width;
        channel * area..(channel + 1) * area
    }
}
