//! What a spiking network is: shapes, cells, weights, neuron parameters.

use crate::time::SimDuration;

/// The size of a three-dimensional map; elements are stored channel by channel, then row by row, x fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

/// A width and a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: usize,
    pub height: usize,
}

/// Where a cell takes its spikes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The input pixels.
    Environment,
    /// The cell of this index, which must stand earlier in [`Network::cells`].
    Cell(usize),
}

/// A spiking network in topological order.
#[derive(Clone, Debug)]
pub struct Network {
    pub input: Shape,
    pub cells: Vec<Cell>,
    /// Index of the cell whose spikes are the answer.
    pub output: usize,
}

/// One layer. Several inputs are concatenated along the channels and must agree in height and width.
#[derive(Clone, Debug)]
pub struct Cell {
    pub name: String,
    pub inputs: Vec<Source>,
    pub operator: Operator,
}

#[derive(Clone, Debug)]
pub enum Operator {
    Conv(Conv),
    Fc(Fc),
    Pool(Pool),
}

/// Convolutional cell.
#[derive(Clone, Debug)]
pub struct Conv {
    pub n_outputs: usize,
    pub kernel: Size,
    pub stride: Size,
    pub padding: Size,
    /// The sub-sampled convolution positions sum into one neuron.
    pub sub_sample: Size,
    /// Connected (output, channel) pairs, `[n_outputs][n_channels]`; `None` connects all.
    pub mapping: Option<Vec<bool>>,
    /// `[n_outputs][n_channels][kernel height][kernel width]`; the values of unconnected pairs are not read.
    pub weights: Vec<f64>,
    /// One delay a weight, in the order of `weights`; `None` means zero delay everywhere.
    pub delays: Option<Vec<SimDuration>>,
    pub neuron: Neuron,
}

/// Fully connected cell: outputs `[n_outputs][1][1]`.
#[derive(Clone, Debug)]
pub struct Fc {
    pub n_outputs: usize,
    /// `[n_outputs][n_inputs]`, inputs flattened channel by channel, row by row, x fastest.
    pub weights: Vec<f64>,
    pub delays: Option<Vec<SimDuration>>,
    pub neuron: Neuron,
    /// Ends the stimulus when the best output leads the second by this many net spikes; 0 is off.
    pub terminate_delta: u32,
    /// Ends the stimulus when an output has this many net spikes; 0 is off.
    pub terminate_max: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    Max,
    Average,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolingMode {
    /// As the reference does it: one spike whenever the last changed input moves the tracked value.
    #[default]
    Approximated,
    /// The pooled count follows the true maximum or mean, with signed corrections.
    Exact,
}

#[derive(Clone, Debug)]
pub struct Pool {
    pub n_outputs: usize,
    pub pooling: Pooling,
    pub mode: PoolingMode,
    pub window: Size,
    pub stride: Size,
    pub padding: Size,
    /// Connected (output, channel) pairs, `[n_outputs][n_channels]`; `None` connects all to all.
    pub mapping: Option<Vec<bool>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reset {
    #[default]
    Subtract,
    Zero,
}

/// Parameters of a leaky (or not) integrate-and-fire neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neuron {
    pub threshold: f64,
    pub bipolar_threshold: bool,
    /// Membrane time constant; zero means no leak.
    pub membrane_time_constant: SimDuration,
    pub refractory_period: SimDuration,
    pub reset: Reset,
}

impl Default for Neuron {
    fn default() -> Self {
        Self {
            threshold: 1.0,
            bipolar_threshold: true,
            membrane_time_constant: SimDuration(0),
            refractory_period: SimDuration(0),
            reset: Reset::Subtract,
        }
    }
}
