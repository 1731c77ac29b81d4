//! Transposed convolutions.

use super::{Filler, Size, SolverConfig};

/// A transposed convolution: each input `in(c, y, x)` times `w(c, o, ky, kx)` is added to
/// `out(o, y·stride - padding + dilation·ky, ..)`, on top of the bias.
#[derive(Clone, Debug)]
pub struct DeconvConfig {
    /// Output channels.
    pub n_outputs: usize,
    /// Taps along each axis.
    pub kernel: Size,
    /// Output positions between those of neighboring inputs, at least 1.
    pub stride: Size,
    /// Rows and columns that are cut off on each side of the output.
    pub padding: Size,
    /// Output positions between neighboring taps, at least 1.
    pub dilation: Size,
    /// Connected (output, channel) pairs, `[n_outputs][n_channels]`; `None` connects all.
    pub mapping: Option<Vec<bool>>,
    /// Whether the bias is left out.
    pub no_bias: bool,
    /// Whether errors go on to the inputs; the weights learn in any case.
    pub back_propagate: bool,
    /// How the weights start.
    pub weights_filler: Filler,
    /// How the bias starts.
    pub bias_filler: Filler,
    /// How the weights learn.
    pub weights_solver: SolverConfig,
    /// How the bias learns.
    pub bias_solver: SolverConfig,
}
