//! Stochastic gradient descent with momentum and decay.
//!
//! With `g` the sum of the gradients of target minus output over the stimuli of `k` = `iteration_size` batches of
//! `B` stimuli each, and `a` the rate of the policy:
//!
//! - no momentum and no decay: `w <- clamp(w + a/(B·k)·g)`;
//! - otherwise: `v <- momentum·v + a/(B·k)·g - decay·a·w`, then `w <- clamp(w + v)`.
//!
//! The decay uses the rate as it is, not divided by the batch. `B` is the configured size, also for a short batch.
//!
//! | Policy | Rate, with `it` the updates done, `step = it·k·B / learning_rate_step_size` and `d` the decay of the rate |
//! |---|---|
//! | None | `a0` |
//! | StepDecay | `a0·d^step` |
//! | ExponentialDecay | `a0·e^(-d·step)` |
//! | InvTDecay | `a0/(1 + d·step)` |
//! | PolyDecay | `a0·(1 - it/max_iterations)^power` |
//! | InvDecay | `a0·(1 + d·it)^-power` |
//! | CosineDecay | `a0·((1-f)·step/warm_up + f)` while `step < warm_up`, then `a0·max(0, (1 - min_decay)·(1 + cos(pi·(step - warm_up)/(max_iterations - warm_up)))/2 + min_decay)` |

use super::{Step, clamping_fault};
use crate::config::{LearningRatePolicy, SgdConfig};

/// The counters of one tensor.
#[derive(Clone, Debug)]
pub(crate) struct Sgd {
    config: SgdConfig,
    batch_size: usize,
    /// Updates done.
    pub(crate) iterations: u64,
    /// Batches whose gradients wait for the next update.
    pub(crate) accumulated: u64,
}

/// The arithmetic of one update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Update {
    /// `a/(B·k)`.
    pub(crate) rate: f32,
    pub(crate) momentum: f32,
    /// `decay·a`.
    pub(crate) decay: f32,
    pub(crate) lower: f32,
    pub(crate) upper: f32,
}

impl Update {
    /// Moves weights; without momentum and decay there are no moments.
    pub(crate) fn apply(&self, values: &mut [f32], gradient: &[f32], moments: &mut [f32]) {
        let Self { rate, momentum, decay, lower, upper } = *self;
        if moments.is_empty() {
            for (value, gradient) in values.iter_mut().zip(gradient) {
                *value = (*value + rate * gradient).clamp(lower, upper);
            }
        } else {
            for ((value, gradient), velocity) in values.iter_mut().zip(gradient).zip(moments) {
                *velocity = momentum * *velocity + rate * gradient - decay * *value;
                *value = (*value + *velocity).clamp(lower, upper);
            }
        }
    }
}

impl Sgd {
    pub(crate) fn new(config: &SgdConfig, batch_size: usize) -> Self {
        Self { config: config.clone(), batch_size, iterations: 0, accumulated: 0 }
    }

    /// Whether updates need a velocity.
    pub(crate) fn has_momentum(&self) -> bool {
        self.config.momentum != 0.0 || self.config.decay != 0.0
    }

    /// Whether gradients are kept from one batch to the next.
    pub(crate) fn accumulates(&self) -> bool {
        self.config.iteration_size > 1
    }

    /// The policy's rate for the next update.
    pub(crate) fn rate(&self) -> f64 {
        let SgdConfig { learning_rate: start, learning_rate_decay: decay, power, .. } = self.config;
        let config = &self.config;
        let it = self.iterations;
        let stimuli = it * u64::from(config.iteration_size) * self.batch_size as u64;
        let step = || (stimuli / config.learning_rate_step_size) as f64;
        match config.policy {
            LearningRatePolicy::None => start,
            LearningRatePolicy::StepDecay => start * decay.powf(step()),
            LearningRatePolicy::ExponentialDecay => start * (-decay * step()).exp(),
            LearningRatePolicy::InvTDecay => start / (1.0 + decay * step()),
            LearningRatePolicy::PolyDecay => start * (1.0 - it as f64 / config.max_iterations as f64).powf(power),
            LearningRatePolicy::InvDecay => start * (1.0 + decay * it as f64).powf(-power),
            LearningRatePolicy::CosineDecay => {
                let (step, warm_up) = (step(), config.warm_up_duration as f64);
                if step < warm_up {
                    start * ((1.0 - config.warm_up_lr_frac) * step / warm_up + config.warm_up_lr_frac)
                } else {
                    let phase = (step - warm_up) / (config.max_iterations as f64 - warm_up);
                    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * phase).cos());
                    start * ((1.0 - config.min_decay) * cosine + config.min_decay).max(0.0)
                }
            }
        }
    }

    /// Counts one batch and says what it does. A `global` rate above 0 replaces the policy and the accumulation and
    /// leaves the counter of updates alone; what was kept before is dropped.
    pub(crate) fn step(&mut self, global: Option<f64>) -> Step {
        if let Some(rate) = global.filter(|&rate| rate > 0.0) {
            self.accumulated = 0;
            return Step::Apply { add: false, update: super::Update::Sgd(self.update(rate)) };
        }
        if self.config.learning_rate == 0.0 {
            return Step::Frozen;
        }
        let add = self.accumulated > 0;
        self.accumulated += 1;
        if self.accumulated < u64::from(self.config.iteration_size) {
            return Step::Keep { add };
        }
        self.accumulated = 0;
        let update = super::Update::Sgd(self.update(self.rate()));
        if self.config.max_iterations == 0 || self.iterations < self.config.max_iterations {
            self.iterations += 1;
        }
        Step::Apply { add, update }
    }

    fn update(&self, rate: f64) -> Update {
        let config = &self.config;
        Update {
            rate: (rate / (self.batch_size as f64 * f64::from(config.iteration_size))) as f32,
            momentum: config.momentum as f32,
            decay: (config.decay * rate) as f32,
            lower: config.clamping.0.unwrap_or(f32::NEG_INFINITY),
            upper: config.clamping.1.unwrap_or(f32::INFINITY),
        }
    }
}

impl SgdConfig {
    /// The parameter that is out of range, the values it may have, and what was found.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        use LearningRatePolicy::{CosineDecay, ExponentialDecay, InvTDecay, PolyDecay, StepDecay};
        let finite = [
            ("LearningRate", self.learning_rate),
            ("Momentum", self.momentum),
            ("Decay", self.decay),
            ("MinDecay", self.min_decay),
            ("Power", self.power),
            ("WarmUpLRFrac", self.warm_up_lr_frac),
            ("LearningRateDecay", self.learning_rate_decay),
        ];
        if let Some((name, value)) = finite.iter().find(|(_, value)| !value.is_finite()) {
            return Some((name, "a finite number", value.to_string()));
        }
        if self.learning_rate < 0.0 {
            return Some(("LearningRate", "0 or more", self.learning_rate.to_string()));
        }
        if self.iteration_size == 0 {
            return Some(("IterationSize", "at least 1", "0".into()));
        }
        if matches!(self.policy, StepDecay | ExponentialDecay | InvTDecay | CosineDecay)
            && self.learning_rate_step_size == 0
        {
            return Some(("LearningRateStepSize", "at least 1 with this LearningRatePolicy", "0".into()));
        }
        if self.policy == PolyDecay && self.max_iterations == 0 {
            return Some(("MaxIterations", "at least 1 with LearningRatePolicy=PolyDecay", "0".into()));
        }
        if self.policy == CosineDecay && self.max_iterations <= self.warm_up_duration {
            let found = format!("{} and {}", self.max_iterations, self.warm_up_duration);
            return Some(("MaxIterations", "more than WarmUpDuration with LearningRatePolicy=CosineDecay", found));
        }
        clamping_fault(self.clamping)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Update as Moves;
    use super::*;

    /// The tables are given to seven digits.
    const SEVEN_DIGITS: f64 = 1e-7;

    fn config(policy: LearningRatePolicy) -> SgdConfig {
        SgdConfig {
            learning_rate: 0.05,
            policy,
            learning_rate_step_size: 10,
            learning_rate_decay: 0.5,
            power: 2.0,
            max_iterations: 100,
            warm_up_duration: 4,
            min_decay: 0.1,
            ..SgdConfig::default()
        }
    }

    #[track_caller]
    fn check(config: &SgdConfig, batch_size: usize, iterations: u64, expected: f64) {
        let mut sgd = Sgd::new(config, batch_size);
        sgd.iterations = iterations;
        let found = sgd.rate();
        assert!((found - expected).abs() <= SEVEN_DIGITS * expected.abs(), "expected {expected}, found {found}");
    }

    #[test]
    fn each_policy_gives_the_rates_worked_out_by_hand() {
        use LearningRatePolicy::*;
        // Batches of 4 and steps of 10 stimuli: step = 4·it / 10.
        check(&config(None), 4, 7, 0.05);
        check(&config(StepDecay), 4, 2, 0.05);
        check(&config(StepDecay), 4, 3, 0.025);
        check(&config(StepDecay), 4, 8, 0.00625);
        check(&config(ExponentialDecay), 4, 8, 0.05 * 0.223_130_160_148_429_8);
        check(&config(InvTDecay), 4, 8, 0.02);
        check(&config(PolyDecay), 4, 25, 0.028_125);
        check(&config(InvDecay), 4, 8, 0.002);
        check(&config(CosineDecay), 4, 0, 0.0125);
        check(&config(CosineDecay), 4, 5, 0.03125);
        // step 4 ends the warm-up, step 52 is half way to 100, step 100 is the end.
        check(&config(CosineDecay), 4, 10, 0.05);
        check(&config(CosineDecay), 4, 130, 0.0275);
        check(&config(CosineDecay), 4, 250, 0.005);
    }

    #[test]
    fn the_tutorial_decays_to_the_rate_of_its_125_steps() {
        let config = SgdConfig {
            learning_rate: 0.05,
            policy: LearningRatePolicy::StepDecay,
            learning_rate_decay: 0.993,
            learning_rate_step_size: 48_000,
            ..SgdConfig::default()
        };
        check(&config, 128, 6_000_000 / 128, 0.05 * 0.993f64.powi(125));
        let mut sgd = Sgd::new(&config, 128);
        sgd.iterations = 6_000_000 / 128;
        assert_eq!(format!("{:.5}", sgd.rate()), "0.02078");
        sgd.iterations = 0;
        let Step::Apply { update: Moves::Sgd(update), .. } = sgd.step(Option::None) else {
            panic!("expected an update")
        };
        assert_eq!(update.rate, 3.906_25e-4);
    }

    #[test]
    fn a_rate_of_zero_freezes_and_a_global_rate_wins() {
        let mut sgd = Sgd::new(&SgdConfig { learning_rate: 0.0, decay: 0.5, ..SgdConfig::default() }, 2);
        assert_eq!(sgd.step(None), Step::Frozen);
        let Step::Apply { add: false, update: Moves::Sgd(update) } = sgd.step(Some(0.5)) else {
            panic!("expected an update")
        };
        assert_eq!((update.rate, update.decay), (0.25, 0.25));
        assert_eq!(sgd.iterations, 0);
    }

    #[test]
    fn gradients_of_several_batches_make_one_update() {
        let mut sgd = Sgd::new(&SgdConfig { learning_rate: 1.0, iteration_size: 3, ..SgdConfig::default() }, 4);
        for _ in 0..2 {
            assert_eq!(sgd.step(None), Step::Keep { add: false });
            assert_eq!(sgd.step(None), Step::Keep { add: true });
            let Step::Apply { add: true, update: Moves::Sgd(update) } = sgd.step(None) else {
                panic!("expected an update")
            };
            assert_eq!(update.rate, (1.0f64 / 12.0) as f32);
        }
        assert_eq!(sgd.iterations, 2);
    }

    #[test]
    fn max_iterations_caps_the_counter() {
        let mut sgd = Sgd::new(&SgdConfig { max_iterations: 2, ..SgdConfig::default() }, 1);
        for expected in [1, 2, 2] {
            sgd.step(None);
            assert_eq!(sgd.iterations, expected);
        }
    }

    #[test]
    fn parameters_out_of_range_are_named() {
        let check =
            |config: SgdConfig, parameter: &str| assert_eq!(config.fault().map(|fault| fault.0), Some(parameter));
        let base = SgdConfig::default;
        check(SgdConfig { learning_rate: f64::NAN, ..base() }, "LearningRate");
        check(SgdConfig { learning_rate: -1.0, ..base() }, "LearningRate");
        check(SgdConfig { iteration_size: 0, ..base() }, "IterationSize");
        check(SgdConfig { policy: LearningRatePolicy::PolyDecay, ..base() }, "MaxIterations");
        check(SgdConfig { policy: LearningRatePolicy::CosineDecay, ..base() }, "MaxIterations");
        let policy = LearningRatePolicy::StepDecay;
        check(SgdConfig { policy, learning_rate_step_size: 0, ..base() }, "LearningRateStepSize");
        check(SgdConfig { clamping: (Some(1.0), Some(-1.0)), ..base() }, "Clamping");
        assert_eq!(base().fault(), None);
    }
}
