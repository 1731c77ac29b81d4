//! Max pooling by a fraction.

/// Fractional max pooling: `round(n/scaling_ratio)` windows along an axis of `n`, their sides drawn anew for each
/// learning step and spread evenly in inference.
#[derive(Clone, Debug, PartialEq)]
pub struct FmpConfig {
    /// Output channels.
    pub n_outputs: usize,
    /// Inputs an output along each axis, 1 or more.
    pub scaling_ratio: f64,
    /// Whether a window goes on to the first row and column of the next one.
    pub is_overlapping: bool,
    /// Whether the sides of the windows follow a line from a random start; else they are shuffled.
    pub is_pseudo_random: bool,
    /// Connected (output, channel) pairs, `[n_outputs][n_channels]`; `None` connects all to all.
    pub mapping: Option<Vec<bool>>,
}
