//! The way back through a max pooling.

/// Puts each input where the max pooling `arg_max` found its greatest value, and 0 elsewhere; inputs that meet are
/// added. The input has the shape of that cell's output, the output that of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnpoolConfig {
    /// Index of a max pooling that stands before this cell.
    pub arg_max: usize,
}
