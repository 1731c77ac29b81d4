//! Adaptive moments (Kingma and Ba, 2015).
//!
//! With `g` the sum of the gradients of target minus output over the batch, and `t` the updates done, this one
//! included:
//!
//! - `m <- beta1·m + (1 - beta1)·g` and `u <- beta2·u + (1 - beta2)·g²`;
//! - `w <- clamp(w + a·√(1 - beta2^t)/(1 - beta1^t)·m/(√u + epsilon·√(1 - beta2^t)))`.
//!
//! The sum is not divided by the batch: but for `epsilon`, a factor of `g` cancels.

use super::{Step, clamping_fault};
use crate::config::AdamConfig;

/// The counter of one tensor.
#[derive(Clone, Debug)]
pub(crate) struct Adam {
    config: AdamConfig,
    /// Updates done.
    pub(crate) iterations: u64,
}

/// The arithmetic of one update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Update {
    /// `a·√(1 - beta2^t)/(1 - beta1^t)`.
    pub(crate) rate: f32,
    pub(crate) beta1: f32,
    pub(crate) beta2: f32,
    /// `epsilon·√(1 - beta2^t)`.
    pub(crate) epsilon: f32,
    pub(crate) lower: f32,
    pub(crate) upper: f32,
}

impl Update {
    /// Moves weights; `moments` holds `m` and `u` of each, side by side.
    pub(crate) fn apply(&self, values: &mut [f32], gradient: &[f32], moments: &mut [f32]) {
        let Self { rate, beta1, beta2, epsilon, lower, upper } = *self;
        for ((value, &g), moments) in values.iter_mut().zip(gradient).zip(moments.chunks_exact_mut(2)) {
            moments[0] = beta1 * moments[0] + (1.0 - beta1) * g;
            moments[1] = beta2 * moments[1] + (1.0 - beta2) * (g * g);
            *value = (*value + rate * moments[0] / (moments[1].sqrt() + epsilon)).clamp(lower, upper);
        }
    }
}

impl Adam {
    pub(crate) fn new(config: &AdamConfig) -> Self {
        Self { config: config.clone(), iterations: 0 }
    }

    pub(crate) fn rate(&self) -> f64 {
        self.config.learning_rate
    }

    /// Counts one batch and says what it does. A `global` rate above 0 replaces the configured one.
    pub(crate) fn step(&mut self, global: Option<f64>) -> Step {
        let config = &self.config;
        let rate = global.filter(|&rate| rate > 0.0).unwrap_or(config.learning_rate);
        if rate == 0.0 {
            return Step::Frozen;
        }
        self.iterations += 1;
        let share = |beta: f64| 1.0 - beta.powf(self.iterations as f64);
        let second = share(config.beta2).sqrt();
        let update = Update {
            rate: (rate * second / share(config.beta1)) as f32,
            beta1: config.beta1 as f32,
            beta2: config.beta2 as f32,
            epsilon: (config.epsilon * second) as f32,
            lower: config.clamping.0.unwrap_or(f32::NEG_INFINITY),
            upper: config.clamping.1.unwrap_or(f32::INFINITY),
        };
        Step::Apply { add: false, update: super::Update::Adam(update) }
    }
}

impl AdamConfig {
    /// The parameter that is out of range, the values it may have, and what was found.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        if !(self.learning_rate.is_finite() && self.learning_rate >= 0.0) {
            return Some(("LearningRate", "a finite number, 0 or more", self.learning_rate.to_string()));
        }
        for (name, beta) in [("Beta1", self.beta1), ("Beta2", self.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return Some((name, "0 or more and less than 1", beta.to_string()));
            }
        }
        if !(self.epsilon.is_finite() && self.epsilon as f32 > 0.0) {
            return Some(("Epsilon", "a finite number above 0", self.epsilon.to_string()));
        }
        clamping_fault(self.clamping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_out_of_range_are_named() {
        let check =
            |config: AdamConfig, parameter: &str| assert_eq!(config.fault().map(|fault| fault.0), Some(parameter));
        let base = AdamConfig::default;
        check(AdamConfig { learning_rate: -1.0, ..base() }, "LearningRate");
        check(AdamConfig { beta1: 1.0, ..base() }, "Beta1");
        check(AdamConfig { beta2: f64::NAN, ..base() }, "Beta2");
        check(AdamConfig { epsilon: 0.0, ..base() }, "Epsilon");
        check(AdamConfig { clamping: (Some(1.0), Some(-1.0)), ..base() }, "Clamping");
        assert_eq!(base().fault(), None);
    }
}
