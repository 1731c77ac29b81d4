//! Input coding: a pixel's value becomes a train of spikes.

use crate::time::SimDuration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    #[default]
    SingleBurst,
    Periodic,
    JitteredPeriodic,
    Poissonian,
    Linear,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EncoderConfig {
    pub coding: Coding,
    /// Pixels with 1 - |v| above it never spike.
    pub discarded_late_stimuli: f64,
    pub period_mean_min: SimDuration,
    pub period_mean_max: SimDuration,
    pub period_rel_std_dev: f64,
    pub period_min: SimDuration,
    /// In 1/fs, `Linear` only.
    pub max_frequency: f64,
    /// Quantization levels of `Linear`.
    pub n_levels: u32,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        const MS: u64 = 1_000_000_000_000;
        Self {
            coding: Coding::SingleBurst,
            discarded_late_stimuli: 1.0,
            period_mean_min: SimDuration(50 * MS),
            period_mean_max: SimDuration(12_000 * MS),
            period_rel_std_dev: 0.1,
            period_min: SimDuration(11 * MS),
            max_frequency: 1e-6,
            n_levels: 2,
        }
    }
}
