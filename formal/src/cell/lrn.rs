//! Local response normalization (Krizhevsky et al., 2012), as the reference's manual has it (`formal.md` 6.8):
//!
//! `out(c) = in(c)·s(c)^-β` with `s(c) = k + α·Σ in(j)²` over the channels `j` of `max(0, c - n/2)` to
//! `min(channels - 1, c + n/2)`, at each position by itself.

use std::ops::Range;

use stimuli::Shape;

use crate::config::LrnConfig;
use crate::error::Error;

/// A checked local response normalization.
#[derive(Clone, Debug)]
pub(crate) struct Lrn {
    pub(crate) shape: Shape,
    pub(crate) config: LrnConfig,
}

impl Lrn {
    pub(crate) fn new(cell: &str, config: &LrnConfig, shape: Shape) -> Result<Self, Error> {
        let LrnConfig { n, alpha, beta, k } = *config;
        let is_in = |value: f64, from: f64| value.is_finite() && value >= from;
        let faults = [
            ("N", n > 0, "at least 1", n.to_string()),
            ("Alpha", is_in(alpha, 0.0), "0 or more", alpha.to_string()),
            ("Beta", is_in(beta, 0.0), "0 or more", beta.to_string()),
            ("K", is_in(k, f64::from(f32::MIN_POSITIVE)), "more than 0", k.to_string()),
        ];
        match faults.into_iter().find(|&(_, is_sound, ..)| !is_sound) {
            Some((parameter, _, expected, found)) => {
                Err(Error::Value { cell: cell.to_owned(), parameter, expected, found })
            }
            None => Ok(Self { shape, config: config.clone() }),
        }
    }

    /// Elements of a channel.
    pub(crate) fn area(&self) -> usize {
        self.shape.height * self.shape.width
    }

    /// The channels whose squares count for `channel`, which are also those for whose sums it counts.
    pub(crate) fn neighbors(&self, channel: usize) -> Range<usize> {
        let half = self.config.n / 2;
        channel.saturating_sub(half)..channel.saturating_add(half + 1).min(self.shape.channels)
    }

    fn sum(&self, input: &[f64], at: usize) -> f64 {
        let (channel, position) = (at / self.area(), at % self.area());
        let squares = self.neighbors(channel).map(|other| input[other * self.area() + position].powi(2));
        self.config.k + self.config.alpha * squares.sum::<f64>()
    }

    /// The definition: outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64]) -> Vec<f64> {
        (0..input.len()).map(|at| input[at] * self.sum(input, at).powf(-self.config.beta)).collect()
    }

    /// The error of the inputs for the error of the outputs.
    pub(crate) fn reference_backward(&self, input: &[f64], error: &[f64]) -> Vec<f64> {
        let LrnConfig { alpha, beta, .. } = self.config;
        let mut input_error = vec![0.0; input.len()];
        for (at, e) in error.iter().enumerate() {
            let (channel, position) = (at / self.area(), at % self.area());
            let sum = self.sum(input, at);
            input_error[at] += e * sum.powf(-beta);
            for other in self.neighbors(channel) {
                let other = other * self.area() + position;
                input_error[other] -= 2.0 * alpha * beta * e * input[at] * sum.powf(-beta - 1.0) * input[other];
            }
        }
        input_error
    }
}
