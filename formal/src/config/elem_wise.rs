//! Operations on inputs of one shape, element by element.

/// What an element-wise cell computes of the elements `x_k` at one place of its inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ElementOperation {
    /// `Σ (w_k·x_k + s_k)`.
    #[default]
    Sum,
    /// `Σ w_k·|x_k|`.
    AbsSum,
    /// `√(Σ (w_k·x_k + s_k)²)`.
    EuclideanSum,
    /// `Π x_k`.
    Prod,
    /// The greatest, the first where several are equal.
    Max,
}

/// What there is one coefficient for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CoefficientMode {
    /// Each input.
    #[default]
    PerInput,
    /// Each channel, the same for all inputs.
    PerChannel,
}

/// An operation on inputs of one shape, which are not concatenated.
#[derive(Clone, Debug, Default)]
pub struct ElemWiseConfig {
    /// What is computed.
    pub operation: ElementOperation,
    /// The `w`; empty: 1. Products and maxima have none.
    pub weights: Vec<f32>,
    /// The `s`; empty: 0. Only sums and Euclidean sums have some.
    pub shifts: Vec<f32>,
    /// What there is one `w` and one `s` for.
    pub coefficients: CoefficientMode,
}
