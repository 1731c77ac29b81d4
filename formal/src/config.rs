//! What a frame network is, before it has weights.

use stimuli::Shape;

/// A width and a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: usize,
    pub height: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Stimuli,
    /// The cell of this index, which must stand earlier in [`NetworkConfig::cells`].
    Cell(usize),
}

#[derive(Clone, Debug)]
pub struct NetworkConfig {
    pub input: Shape,
    /// In topological order.
    pub cells: Vec<CellConfig>,
    pub target: TargetConfig,
    /// The configured batch size: gradients are divided by it, also when the last batch of an epoch is short.
    pub batch_size: usize,
}

/// Desired outputs at the cell `cell`: `target_value` for the stimulus's class, `default_value` for the others.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    pub cell: usize,
    pub target_value: f32,
    pub default_value: f32,
}

/// One layer. Several inputs are concatenated along the channels and must agree in height and width.
#[derive(Clone, Debug)]
pub struct CellConfig {
    pub name: String,
    pub inputs: Vec<Source>,
    pub operator: Operator,
    pub activation: Activation,
}

#[derive(Clone, Debug)]
pub enum Operator {
    Conv(ConvConfig),
    Pool(PoolConfig),
    Fc(FcConfig),
    Softmax(SoftmaxConfig),
    Dropout(DropoutConfig),
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    #[default]
    Linear,
    Rectifier { leak_slope: f32, clipping: f32 },
    Tanh { alpha: f32 },
}

#[derive(Clone, Debug)]
pub struct ConvConfig {
    pub n_outputs: usize,
    pub kernel: Size,
    pub stride: Size,
    pub padding: Size,
    pub dilation: Size,
    pub sub_sample: Size,
    /// Connected (output, channel) pairs, `[n_outputs][n_channels]`; `None` connects all.
    pub mapping: Option<Vec<bool>>,
    pub no_bias: bool,
    pub back_propagate: bool,
    pub weights_filler: Filler,
    pub bias_filler: Filler,
    pub weights_solver: SgdConfig,
    pub bias_solver: SgdConfig,
}

#[derive(Clone, Debug)]
pub struct FcConfig {
    pub n_outputs: usize,
    pub no_bias: bool,
    pub back_propagate: bool,
    pub weights_filler: Filler,
    pub bias_filler: Filler,
    pub weights_solver: SgdConfig,
    pub bias_solver: SgdConfig,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    Max,
    Average,
}

#[derive(Clone, Debug)]
pub struct PoolConfig {
    pub n_outputs: usize,
    pub pooling: Pooling,
    pub window: Size,
    pub stride: Size,
    pub padding: Size,
    /// Connected (output, channel) pairs, `[n_outputs][n_channels]`; `None` connects all to all.
    pub mapping: Option<Vec<bool>>,
}

/// `with_loss`: the error of a target passes unchanged, which makes it the cross-entropy gradient.
#[derive(Clone, Debug, Default)]
pub struct SoftmaxConfig {
    pub with_loss: bool,
    /// 0: all channels form one group.
    pub group_size: usize,
}

/// `rate` is the probability that a value is dropped; kept values are scaled by 1/(1 - rate) while learning.
#[derive(Clone, Debug)]
pub struct DropoutConfig {
    pub rate: f32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VarianceNorm {
    #[default]
    FanIn,
    Average,
    FanOut,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    #[default]
    Uniform,
    Normal,
}

/// How weights start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Filler {
    Constant { value: f64 },
    Normal { mean: f64, std_dev: f64 },
    Uniform { min: f64, max: f64 },
    Xavier { variance_norm: VarianceNorm, distribution: Distribution, scaling: f64 },
    He { variance_norm: VarianceNorm, mean_norm: f64, scaling: f64 },
}

impl Default for Filler {
    fn default() -> Self {
        Self::Normal { mean: 0.0, std_dev: 0.05 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LearningRatePolicy {
    #[default]
    None,
    StepDecay,
    ExponentialDecay,
    InvTDecay,
    PolyDecay,
    InvDecay,
    CosineDecay,
}

/// Stochastic gradient descent with momentum.
#[derive(Clone, Debug, PartialEq)]
pub struct SgdConfig {
    pub learning_rate: f64,
    pub momentum: f64,
    pub decay: f64,
    pub min_decay: f64,
    pub power: f64,
    pub iteration_size: u32,
    pub max_iterations: u64,
    pub warm_up_duration: u64,
    pub warm_up_lr_frac: f64,
    pub policy: LearningRatePolicy,
    /// In stimuli.
    pub learning_rate_step_size: u64,
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
