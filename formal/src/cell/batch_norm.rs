//! Batch normalization (Ioffe and Szegedy, 2015).
//!
//! With m and v the mean and the biased variance of a channel over the N values of the batch and its positions,
//!
//! `x' = (x - m)/√(v + ε)`, `y = scale·x' + bias`,
//!
//! and, with e the error of y, that of x is `scale/√(v + ε)·(e - mean(e) - x'·mean(e·x'))`; the gradients of scale and
//! bias are `Σ e·x'` and `Σ e`. The running mean and variance follow by `r ← μ·batch + (1 - μ)·r`, the variance of the
//! batch times N/(N - 1). Inference, and learning with μ = 0, put them in place of m and v; the error of x is then
//! `scale/√(v + ε)·e`.

use stimuli::Shape;

use crate::config::BatchNormConfig;
use crate::error::Error;

/// A checked batch normalization.
#[derive(Clone, Debug)]
pub(crate) struct BatchNorm {
    pub(crate) shape: Shape,
    pub(crate) epsilon: f64,
    pub(crate) momentum: f64,
}

/// The running mean and variance of each channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// One a channel.
    pub mean: Vec<f32>,
    /// One a channel, 0 or more.
    pub variance: Vec<f32>,
}

/// What a channel is normalized by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    /// `1/√(v + ε)`.
    pub(crate) scale: f64,
}

impl BatchNorm {
    pub(crate) fn new(cell: &str, config: &BatchNormConfig, shape: Shape) -> Result<Self, Error> {
        let BatchNormConfig { epsilon, momentum, .. } = *config;
        let fault = |parameter, expected, found: f64| {
            Err(Error::Value { cell: cell.to_owned(), parameter, expected, found: found.to_string() })
        };
        if !(epsilon > 0.0 && epsilon.is_finite()) {
            return fault("Epsilon", "a finite number above 0", epsilon);
        }
        if !(0.0..1.0).contains(&momentum) {
            return fault("MovingAverageMomentum", "0 or more and less than 1", momentum);
        }
        Ok(Self { shape, epsilon, momentum })
    }

    /// Whether learning normalizes by the batch.
    pub(crate) fn follows_the_batch(&self) -> bool {
        self.momentum > 0.0
    }

    /// Positions of a channel.
    pub(crate) fn area(&self) -> usize {
        self.shape.height * self.shape.width
    }

    /// The running values before there was a batch.
    pub(crate) fn statistics(&self) -> Statistics {
        Statistics { mean: vec![0.0; self.shape.channels], variance: vec![0.0; self.shape.channels] }
    }

    /// What a channel of this mean and variance is normalized by.
    pub(crate) fn moments(&self, mean: f64, variance: f64) -> Moments {
        Moments { mean, scale: 1.0 / (variance + self.epsilon).sqrt() }
    }

    /// What each channel is normalized by in inference.
    pub(crate) fn running(&self, statistics: &Statistics) -> Vec<Moments> {
        let all = statistics.mean.iter().zip(&statistics.variance);
        all.map(|(&mean, &variance)| self.moments(f64::from(mean), f64::from(variance))).collect()
    }

    /// The definition: what each channel of these inputs is normalized by.
    pub(crate) fn reference_moments(&self, inputs: &[Vec<f64>]) -> Vec<Moments> {
        let n = (inputs.len() * self.area()) as f64;
        let moments = |channel: usize| {
            let values = || inputs.iter().flat_map(move |input| &input[channel * self.area()..][..self.area()]);
            let mean = values().sum::<f64>() / n;
            self.moments(mean, values().map(|x| (x - mean).powi(2)).sum::<f64>() / n)
        };
        (0..self.shape.channels).map(moments).collect()
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64], moments: &[Moments], scale: &[f64], bias: &[f64]) -> Vec<f64> {
        let channel = |at: usize| at / self.area();
        let value = |(at, x): (usize, &f64)| {
            let Moments { mean, scale: factor } = moments[channel(at)];
            scale[channel(at)] * (x - mean) * factor + bias[channel(at)]
        };
        input.iter().enumerate().map(value).collect()
    }

    /// The errors of the inputs of a batch for those of its outputs; adds the gradients of the scale and the bias.
    pub(crate) fn reference_backward(
        &self,
        inputs: &[Vec<f64>],
        moments: &[Moments],
        scale: &[f64],
        errors: &[Vec<f64>],
        scale_gradient: &mut [f64],
        bias_gradient: &mut [f64],
    ) -> Vec<Vec<f64>> {
        let (area, n) = (self.area(), (inputs.len() * self.area()) as f64);
        let mut input_errors: Vec<Vec<f64>> = inputs.iter().map(|input| vec![0.0; input.len()]).collect();
        for channel in 0..self.shape.channels {
            let Moments { mean, scale: factor } = moments[channel];
            let places =
                || (0..inputs.len()).flat_map(move |b| (channel * area..(channel + 1) * area).map(move |at| (b, at)));
            let normalized = |b: usize, at: usize| (inputs[b][at] - mean) * factor;
            let sum: f64 = places().map(|(b, at)| errors[b][at]).sum();
            let product: f64 = places().map(|(b, at)| errors[b][at] * normalized(b, at)).sum();
            scale_gradient[channel] += product;
            bias_gradient[channel] += sum;
            for (b, at) in places() {
                let through_the_batch =
                    if self.follows_the_batch() { sum / n + normalized(b, at) * product / n } else { 0.0 };
                input_errors[b][at] = scale[channel] * factor * (errors[b][at] - through_the_batch);
            }
        }
        input_errors
    }
}
