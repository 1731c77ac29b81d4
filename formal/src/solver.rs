//! How weights follow their gradients.
pub(crate) mod adam;
pub(crate) mod sgd;

pub(crate) use adam::Adam;
pub(crate) use sgd::Sgd;

use crate::config::SolverConfig;

/// The counters of one tensor.
#[derive(Clone, Debug)]
pub(crate) enum Solver {
    Sgd(Sgd),
    Adam(Adam),
}

/// What a batch does to the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// Nothing: the weights are frozen.
    Frozen,
    /// The gradient is kept, added to the kept ones where `add`.
    Keep { add: bool },
    /// The gradient, added to the kept ones where `add`, moves the weights.
    Apply { add: bool, update: Update },
}

/// The arithmetic of one update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Update {
    Sgd(sgd::Update),
    Adam(adam::Update),
}

impl Update {
    /// Moves weights; `moments` holds [`Solver::moments`] values a weight, side by side.
    pub(crate) fn apply(&self, values: &mut [f32], gradient: &[f32], moments: &mut [f32]) {
        match self {
            Self::Sgd(update) => update.apply(values, gradient, moments),
            Self::Adam(update) => update.apply(values, gradient, moments),
        }
    }
}

impl Solver {
    pub(crate) fn new(config: &SolverConfig, batch_size: usize) -> Self {
        match config {
            SolverConfig::Sgd(config) => Self::Sgd(Sgd::new(config, batch_size)),
            SolverConfig::Adam(config) => Self::Adam(Adam::new(config)),
        }
    }

    /// Names of what is remembered for each weight, as they stand in a saved state.
    pub(crate) fn moments(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd(sgd) if sgd.has_momentum() => &["momentum"],
            Self::Sgd(_) => &[],
            Self::Adam(_) => &["first_moment", "second_moment"],
        }
    }

    /// Whether gradients are kept from one batch to the next.
    pub(crate) fn accumulates(&self) -> bool {
        matches!(self, Self::Sgd(sgd) if sgd.accumulates())
    }

    /// The rate of the next update.
    pub(crate) fn rate(&self) -> f64 {
        match self {
            Self::Sgd(sgd) => sgd.rate(),
            Self::Adam(adam) => adam.rate(),
        }
    }

    /// Counts one batch and says what it does. A `global` rate above 0 replaces the solver's own.
    pub(crate) fn step(&mut self, global: Option<f64>) -> Step {
        match self {
            Self::Sgd(sgd) => sgd.step(global),
            Self::Adam(adam) => adam.step(global),
        }
    }

    /// The counters of a saved state, with their names.
    pub(crate) fn counters(&mut self) -> Vec<(&'static str, &mut u64)> {
        match self {
            Self::Sgd(sgd) => vec![("iterations", &mut sgd.iterations), ("accumulated", &mut sgd.accumulated)],
            Self::Adam(adam) => vec![("iterations", &mut adam.iterations)],
        }
    }
}

impl SolverConfig {
    /// The parameter that is out of range, the values it may have, and what was found.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        match self {
            Self::Sgd(config) => config.fault(),
            Self::Adam(config) => config.fault(),
        }
    }
}

/// What is wrong with the bounds of a weight.
fn clamping_fault(clamping: (Option<f32>, Option<f32>)) -> Option<(&'static str, &'static str, String)> {
    match clamping {
        (Some(lower), _) if lower.is_nan() => Some(("Clamping", "numbers", "NaN".into())),
        (_, Some(upper)) if upper.is_nan() => Some(("Clamping", "numbers", "NaN".into())),
        (Some(lower), Some(upper)) if lower > upper => {
            Some(("Clamping", "a lower bound up to the upper one", format!("{lower}:{upper}")))
        }
        _ => None,
    }
}
