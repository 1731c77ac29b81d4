//! Normalization by neighboring channels.

/// Local response normalization: `in(c)/(k + alpha·Σ in(j)²)^beta` over the channels `j` from `c - n/2` to `c + n/2`.
#[derive(Clone, Debug, PartialEq)]
pub struct LrnConfig {
    /// Channels of a neighborhood, halved downwards on each side.
    pub n: usize,
    /// Factor of the sum of squares, which is not divided by their number; 0 or more.
    pub alpha: f64,
    /// The exponent, 0 or more.
    pub beta: f64,
    /// What is added to the sum, more than 0.
    pub k: f64,
}

impl Default for LrnConfig {
    fn default() -> Self {
        Self { n: 5, alpha: 1e-4, beta: 0.75, k: 2.0 }
    }
}
