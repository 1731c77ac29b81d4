//! Normalization of each channel over the batch.

use super::SolverConfig;

/// A normalization of each channel over the batch and its positions, with a learned scale and bias.
#[derive(Clone, Debug)]
pub struct BatchNormConfig {
    /// Added to the variance, above 0.
    pub epsilon: f64,
    /// Share of the batch in the running mean and variance, in [0, 1). With 0 they stand still, and learning normalizes
    /// by them as inference does.
    pub momentum: f64,
    /// Whether errors go on to the inputs; scale and bias learn in any case.
    pub back_propagate: bool,
    /// How the scale learns.
    pub scale_solver: SolverConfig,
    /// How the bias learns.
    pub bias_solver: SolverConfig,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        let (scale_solver, bias_solver) = (SolverConfig::default(), SolverConfig::default());
        Self { epsilon: 1e-5, momentum: 0.1, back_propagate: true, scale_solver, bias_solver }
    }
}
