//! Outputs as cosines with a margin.

/// What is made 1 of the channels at each position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelNorm {
    /// The sum of the magnitudes.
    L1,
    /// The root of the sum of the squares.
    L2,
}

/// A normalization over the channels at each position: `x/(Σ abs(x) + 1e-6)`, or `x/√(Σ x² + 1e-6)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalizeConfig {
    /// What is made 1.
    pub norm: ChannelNorm,
}

/// A factor of all values.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingConfig {
    /// The factor, finite.
    pub factor: f32,
}

/// What is added, while learning, to the output of the stimulus's class; below 0 it is a margin that the class must make up
/// for. In inference nothing happens.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetBiasConfig {
    /// What is added, finite.
    pub bias: f32,
}
