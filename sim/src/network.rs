//! What a spiking network is: shapes, cells, weights, neuron parameters.

use std::fmt;

use crate::time::SimDuration;

/// The size of a three-dimensional map; elements are stored channel by channel, then row by row, x fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of maps.
    pub channels: usize,
    /// Rows of a map.
    pub height: usize,
    /// Columns of a map.
    pub width: usize,
}

impl Shape {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements of one map.
    pub fn plane(&self) -> usize {
        self.height * self.width
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

/// A width and a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// The same in both directions.
    pub fn square(side: usize) -> Self {
        Self { width: side, height: side }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Where a cell takes its spikes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The input pixels.
    Environment,
    /// The cell of this index, which must stand earlier in [`Network::cells`].
    Cell(usize),
}

/// A spiking network in topological order.
#[derive(Clone, Debug)]
pub struct Network {
    /// Shape of a stimulus.
    pub input: Shape,
    /// The layers, each after its inputs.
    pub cells: Vec<Cell>,
    /// Index of the cell whose spikes are the answer.
    pub output: usize,
}

/// One layer. Several inputs are concatenated along the channels and must agree in height and width.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What the cell is called in reports and errors.
    pub name: String,
    /// Where its spikes come from, in the order of concatenation.
    pub inputs: Vec<Source>,
    /// What it does with them.
    pub operator: Operator,
}

/// What a cell does.
#[derive(Clone, Debug)]
pub enum Operator {
    /// Convolution.
    Conv(Conv),
    /// Full connection.
    Fc(Fc),
    /// Pooling of spike counts.
    Pool(Pool),
}

/// Convolutional cell: a cross-correlation, as frame networks do it (no kernel flip).
///
/// The number of convolution positions along an axis is floor((input + 2 padding - kernel) / stride) + 1, and the output
/// has ceil(positions / sub-sample) neurons.
#[derive(Clone, Debug)]
pub struct Conv {
    /// Output maps.
    pub n_outputs: usize,
    /// Kernel size.
    pub kernel: Size,
    /// Step between two positions.
    pub stride: Size,
    /// Border of silence on each side.
    pub padding: Size,
    /// The sub-sampled convolution positions sum into one neuron.
    pub sub_sample: Size,
    /// Connected (output, channel) pairs, `[n_outputs][n_channels]`; `None` connects all.
    pub mapping: Option<Vec<bool>>,
    /// `[n_outputs][n_channels][kernel height][kernel width]`; the values of unconnected pairs are not read.
    pub weights: Vec<f64>,
    /// One delay a weight, in the order of `weights`; `None` means zero delay everywhere.
    pub delays: Option<Vec<SimDuration>>,
    /// One constant current an output map, as potential per femtosecond; `None` means no current. See [`Neuron`].
    pub currents: Option<Vec<f64>>,
    /// Parameters of all its neurons.
    pub neuron: Neuron,
}

/// Fully connected cell: outputs `[n_outputs][1][1]`.
#[derive(Clone, Debug)]
pub struct Fc {
    /// Outputs.
    pub n_outputs: usize,
    /// `[n_outputs][n_inputs]`, inputs flattened channel by channel, row by row, x fastest.
    pub weights: Vec<f64>,
    /// One delay a weight, in the order of `weights`; `None` means zero delay everywhere.
    pub delays: Option<Vec<SimDuration>>,
    /// One constant current an output map, as potential per femtosecond; `None` means no current. See [`Neuron`].
    pub currents: Option<Vec<f64>>,
    /// Parameters of all its neurons.
    pub neuron: Neuron,
    /// Ends the stimulus when the best output leads the second by this many net spikes (a single output leads a silent one);
    /// 0 is off.
    pub terminate_delta: u32,
    /// Ends the stimulus when an output has this many net spikes; 0 is off.
    pub terminate_max: u32,
}

/// What a pooling cell follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The greatest net spike count of the window.
    Max,
    /// The mean net spike count of the window; padding counts in the denominator.
    Average,
}

/// How closely a pooling cell follows it.
///
/// Where counts only grow, both modes give the same spikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolingMode {
    /// As the reference does it.
    ///
    /// Max: with a the net count of the spiking input after its spike and p the tracked value (at first minus infinity),
    /// spikes iff a > p, or a < p and the input is the one that set p last; negative iff a < p; then p := a. So the first
    /// spike is positive even where it answers a negative one, and p drifts from the maximum where counts fall.
    /// Average: with p the net count of the window and n its size, spikes with the sign of p iff round(|p| / n) exceeds
    /// the absolute value of the output's net count; it never retracts.
    #[default]
    Approximated,
    /// The pooled count follows the true maximum or mean, with signed corrections.
    Exact,
}

/// Pooling cell: outputs floor((input + 2 padding - window) / stride) + 1 along an axis. Neither synapses nor delays.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Output maps.
    pub n_outputs: usize,
    /// What it follows.
    pub pooling: Pooling,
    /// How closely.
    pub mode: PoolingMode,
    /// Window size.
    pub window: Size,
    /// Step between two windows.
    pub stride: Size,
    /// Border of silence on each side.
    pub padding: Size,
    /// Connected (output, channel) pairs, `[n_outputs][n_channels]`; `None` connects all to all.
    pub mapping: Option<Vec<bool>>,
}

/// What a spike does to the membrane potential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reset {
    /// Moves it by one threshold towards zero, so that surplus is kept.
    #[default]
    Subtract,
    /// Sets it to zero.
    Zero,
}

/// Parameters of a leaky (or not) integrate-and-fire neuron.
///
/// An arrival of weight w at time t, with V the membrane potential and t' the last arrival:
///
/// 1. V := V exp(-(t - t') / tau_m), or 0 where the exponent is at most ln(1e-20);
/// 2. V := V + w, or V - w for a negative spike, in the refractory period too;
/// 3. iff V >= V_th, or the threshold is bipolar and -V >= V_th, and t is not before the end of the refractory period:
///    one spike at t + 1 fs, negative iff V < 0; V is reset; the refractory period ends at t + t_ref.
///
/// At most one spike an arrival: what is left above the threshold may fire at the next arrival, of either sign.
///
/// A neuron with a constant current I other than 0 moves on its own. With V0 the potential d after the last arrival or
/// spike:
///
/// 1. V = V0 + I d, or with a leak V = V0 exp(-d / tau_m) + I tau_m (1 - exp(-d / tau_m)), from V = 0 at the beginning;
///    an arrival brings V up to date in this way, then goes on as above;
/// 2. between arrivals it fires at the first whole femtosecond t after the last arrival or spike, and not before the end
///    of the refractory period, at which V >= V_th (or -V >= V_th where the threshold is bipolar): one spike at t + 1 fs,
///    and the rest as above.
///
/// So what is left above the threshold leaves it at one spike a femtosecond, and a refractory period that ends above the
/// threshold ends with a spike. At one instant crossings come before arrivals. V is computed in double precision and
/// stored in the engine's float at each arrival and each spike; t follows exactly from what is stored
/// (`docs/decisions/0009-constant-current.md`).
///
/// | Parameter | Symbol | Default | INI key |
/// |---|---|---|---|
/// | threshold | V_th | 1 | `Threshold` |
/// | bipolar threshold | | true | `BipolarThreshold` |
/// | membrane time constant | tau_m | 0 = no leak | `Leak` |
/// | refractory period | t_ref | 0 | `Refractory` |
/// | reset | | subtract | |
/// | constant current ([`Conv::currents`], [`Fc::currents`]) | I | 0 | a trained bias |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neuron {
    /// Potential at which the neuron fires, above 0.
    pub threshold: f64,
    /// Fires negative spikes at minus the threshold, too.
    pub bipolar_threshold: bool,
    /// Membrane time constant; zero means no leak.
    pub membrane_time_constant: SimDuration,
    /// Time after a spike in which the neuron integrates but does not fire.
    pub refractory_period: SimDuration,
    /// What a spike does to the membrane potential.
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
