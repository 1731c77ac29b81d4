//! What a frame network is, before it has weights.

mod batch_norm;
mod deconv;
mod elem_wise;
mod fmp;
mod lrn;
mod margin;
mod rearrange;
mod unpool;

use stimuli::Shape;

pub use batch_norm::BatchNormConfig;
pub use deconv::DeconvConfig;
pub use elem_wise::{CoefficientMode, ElemWiseConfig, ElementOperation};
pub use fmp::FmpConfig;
pub use lrn::LrnConfig;
pub use margin::{ChannelNorm, NormalizeConfig, ScalingConfig, TargetBiasConfig};
pub use rearrange::{Interpolation, Misfit, PaddingConfig, ReshapeConfig, ResizeConfig, TransposeConfig};
pub use unpool::UnpoolConfig;

/// A width and a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Where a cell takes its input from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The stimuli that are presented.
    Stimuli,
    /// The cell of this index, which must stand earlier in [`NetworkConfig::cells`].
    Cell(usize),
}

/// A network: its cells, what its outputs should be, and how many stimuli make a learning step.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// Size of a stimulus.
    pub input: Shape,
    /// In topological order.
    pub cells: Vec<CellConfig>,
    /// What is learned: at least one, each at another cell. The first is the primary one.
    pub targets: Vec<TargetConfig>,
    /// The configured batch size: gradients are divided by it, also when the last batch of an epoch is short.
    pub batch_size: usize,
}

/// Desired outputs at the cell `cell`: `target_value` for the class of the stimulus or of the position, `default_value` for
/// the others. A cell that is compared and read by others receives the sum of the errors.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    /// Index of the cell that is compared.
    pub cell: usize,
    /// Wanted at the output of the class.
    pub target_value: f32,
    /// Wanted at the other outputs.
    pub default_value: f32,
}

/// One layer. Several inputs are concatenated along the channels and must agree in height and width; those of an
/// element-wise cell are of one shape and stay apart.
#[derive(Clone, Debug)]
pub struct CellConfig {
    /// The name, another one for each cell.
    pub name: String,
    /// At least one; a softmax takes exactly one.
    pub inputs: Vec<Source>,
    /// What is computed.
    pub operator: Operator,
    /// What is done to each result.
    pub activation: Activation,
}

/// What a cell computes.
#[derive(Clone, Debug)]
pub enum Operator {
    /// Convolution.
    Conv(ConvConfig),
    /// Transposed convolution.
    Deconv(DeconvConfig),
    /// Maxima or averages of windows.
    Pool(PoolConfig),
    /// Values put back where a max pooling found its greatest ones.
    Unpool(UnpoolConfig),
    /// Maxima of windows whose sides vary.
    Fmp(FmpConfig),
    /// Normalization by neighboring channels.
    Lrn(LrnConfig),
    /// Full connection.
    Fc(FcConfig),
    /// Probabilities.
    Softmax(SoftmaxConfig),
    /// Random zeros while learning.
    Dropout(DropoutConfig),
    /// An operation on inputs of one shape, element by element.
    ElemWise(ElemWiseConfig),
    /// Normalization of each channel over the batch.
    BatchNorm(BatchNormConfig),
    /// Zeros around each map, or less of it.
    Padding(PaddingConfig),
    /// Maps of another size.
    Resize(ResizeConfig),
    /// The same elements as another shape.
    Reshape(ReshapeConfig),
    /// Exchanged axes.
    Transpose(TransposeConfig),
    /// Nothing but what the activation does.
    Activation,
    /// A transformation of images, without random draws. No error passes it.
    Transformation(stimuli::Operation),
    /// Channels divided by their length.
    Normalize(NormalizeConfig),
    /// A factor of all values.
    Scaling(ScalingConfig),
    /// A bias of the wanted output while learning.
    TargetBias(TargetBiasConfig),
}

/// What is done to each result `x` of an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// `x`.
    #[default]
    Linear,
    /// `min(x, clipping)` above 0, `leak_slope·x` below.
    Rectifier {
        /// 0 for the plain rectifier.
        leak_slope: f32,
        /// 0 is off.
        clipping: f32,
    },
    /// `tanh(alpha·x)`.
    Tanh {
        /// 1 for the plain hyperbolic tangent.
        alpha: f32,
    },
    /// `1/(1 + e^-x)`.
    Logistic,
    /// `1/(1 + e^-x)`, through which the error of a target passes unchanged: the gradient of the binary cross-entropy. So do
    /// errors of cells that read it, which are then no slopes: let nothing that learns read a target's cell of this kind.
    LogisticWithLoss,
    /// `x` between minus and plus the threshold, the nearer of the two outside.
    Saturation {
        /// More than 0.
        threshold: f32,
    },
    /// `ln(1 + e^x)`.
    Softplus,
    /// `x/(1 + e^-x)`.
    Swish,
}

/// A convolution: `sum(o, y, x) = b(o) + Σ w(o, c, ky, kx)·in(c, y·stride - padding + dilation·ky, ..)`.
#[derive(Clone, Debug)]
pub struct ConvConfig {
    /// Output channels.
    pub n_outputs: usize,
    /// Taps along each axis.
    pub kernel: Size,
    /// Input positions between neighboring outputs, at least 1.
    pub stride: Size,
    /// Zeros before and after the input.
    pub padding: Size,
    /// Input positions between neighboring taps, at least 1.
    pub dilation: Size,
    /// Outputs that are summed into one, at least 1.
    pub sub_sample: Size,
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

/// A full connection: `out(n) = b(n) + Σ w(n, i)·in(i)`.
#[derive(Clone, Debug)]
pub struct FcConfig {
    /// Outputs.
    pub n_outputs: usize,
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
    /// Whether each output's weights are kept at length 1: at the start, where they are replaced, and after each update.
    pub normalizes: bool,
    /// The probability that a weight takes part in a learning step, from above 0; 1 is all of them. Tests use all, without a
    /// factor.
    pub drop_connect: f32,
}

/// What is taken of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The greatest value.
    Max,
    /// The mean, where padding counts as 0.
    Average,
}

/// A pooling over windows of all connected channels.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Output channels.
    pub n_outputs: usize,
    /// What is taken of a window.
    pub pooling: Pooling,
    /// Size of a window.
    pub window: Size,
    /// Input positions between neighboring windows, at least 1.
    pub stride: Size,
    /// Positions before and after the input.
    pub padding: Size,
    /// Connected (output, channel) pairs, `[n_outputs][n_channels]`; `None` connects all to all.
    pub mapping: Option<Vec<bool>>,
}

/// Probabilities over the channels.
#[derive(Clone, Debug, Default)]
pub struct SoftmaxConfig {
    /// The error of a target passes unchanged, which makes it the cross-entropy gradient.
    pub with_loss: bool,
    /// Channels that form a group; 0: all.
    pub group_size: usize,
}

/// Random zeros while learning; kept values are scaled by 1/(1 - rate).
#[derive(Clone, Debug)]
pub struct DropoutConfig {
    /// The probability that a value is dropped, less than 1.
    pub rate: f32,
}

/// What a filler divides the variance by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VarianceNorm {
    /// Weights that meet at an output.
    #[default]
    FanIn,
    /// The mean of the two.
    Average,
    /// Weights that leave an input.
    FanOut,
}

/// Shape of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Equal between two bounds.
    #[default]
    Uniform,
    /// Gaussian.
    Normal,
}

/// How weights start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Filler {
    /// The same value everywhere.
    Constant {
        /// The value.
        value: f64,
    },
    /// Gaussian.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation, 0 or more.
        std_dev: f64,
    },
    /// Equal between two bounds.
    Uniform {
        /// The least value.
        min: f64,
        /// The greatest value.
        max: f64,
    },
    /// Variance 1/n (Glorot and Bengio, 2010).
    Xavier {
        /// What n is.
        variance_norm: VarianceNorm,
        /// The distribution.
        distribution: Distribution,
        /// What values are multiplied by.
        scaling: f64,
    },
    /// Gaussian of variance 2/n (He et al., 2015).
    He {
        /// What n is.
        variance_norm: VarianceNorm,
        /// n times the mean.
        mean_norm: f64,
        /// What values are multiplied by.
        scaling: f64,
    },
}

impl Default for Filler {
    fn default() -> Self {
        Self::Normal { mean: 0.0, std_dev: 0.05 }
    }
}

/// How the learning rate follows the updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LearningRatePolicy {
    /// It does not change.
    #[default]
    None,
    /// Times the decay at each step.
    StepDecay,
    /// `e^(-decay·step)`.
    ExponentialDecay,
    /// `1/(1 + decay·step)`.
    InvTDecay,
    /// `(1 - iteration/max_iterations)^power`.
    PolyDecay,
    /// `(1 + decay·iteration)^-power`.
    InvDecay,
    /// Warm-up, then half a cosine.
    CosineDecay,
}

/// Stochastic gradient descent with momentum.
#[derive(Clone, Debug, PartialEq)]
pub struct SgdConfig {
    /// The first rate; 0 freezes the weights.
    pub learning_rate: f64,
    /// Share of the velocity that is kept.
    pub momentum: f64,
    /// Share of a weight, times the rate, that is taken off it.
    pub decay: f64,
    /// Share of the first rate that `CosineDecay` ends with.
    pub min_decay: f64,
    /// Exponent of `PolyDecay` and `InvDecay`.
    pub power: f64,
    /// Batches that make one update, at least 1.
    pub iteration_size: u32,
    /// Updates after which the policy stands still; 0 is off. `PolyDecay` and `CosineDecay` end there.
    pub max_iterations: u64,
    /// Steps of the warm-up of `CosineDecay`.
    pub warm_up_duration: u64,
    /// Share of the first rate that the warm-up starts with.
    pub warm_up_lr_frac: f64,
    /// How the rate follows the updates.
    pub policy: LearningRatePolicy,
    /// Stimuli that make a step of the policy.
    pub learning_rate_step_size: u64,
    /// What a step does to the rate.
    pub learning_rate_decay: f64,
    /// Lower and upper bound of a weight.
    pub clamping: (Option<f32>, Option<f32>),
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.0,
            decay: 0.0,
            min_decay: 0.0,
            power: 0.0,
            iteration_size: 1,
            max_iterations: 0,
            warm_up_duration: 0,
            warm_up_lr_frac: 0.25,
            policy: LearningRatePolicy::None,
            learning_rate_step_size: 1,
            learning_rate_decay: 0.1,
            clamping: (None, None),
        }
    }
}

/// Adaptive moments.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamConfig {
    /// The rate; 0 freezes the weights.
    pub learning_rate: f64,
    /// Share of the mean gradient that is kept.
    pub beta1: f64,
    /// Share of the mean squared gradient that is kept.
    pub beta2: f64,
    /// What keeps the divisor from 0.
    pub epsilon: f64,
    /// Lower and upper bound of a weight.
    pub clamping: (Option<f32>, Option<f32>),
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { learning_rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clamping: (None, None) }
    }
}

/// How a tensor learns.
#[derive(Clone, Debug, PartialEq)]
pub enum SolverConfig {
    /// Stochastic gradient descent.
    Sgd(SgdConfig),
    /// Adaptive moments.
    Adam(AdamConfig),
}

impl Default for SolverConfig {
    fn default() -> Self {
        Self::Sgd(SgdConfig::default())
    }
}

impl From<SgdConfig> for SolverConfig {
    fn from(config: SgdConfig) -> Self {
        Self::Sgd(config)
    }
}

impl From<AdamConfig> for SolverConfig {
    fn from(config: AdamConfig) -> Self {
        Self::Adam(config)
    }
}
