//! The network description: typed, checked, free of INI, but carrying where each thing was written.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use formal::config::{Activation, Operator};
use sim::encoder::EncoderConfig;
use sim::network::{Neuron, PoolingMode};
use stimuli::{Shape, Transformation};

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// Line number, from 1.
    pub line: u32,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Located<T> {
    pub value: T,
    pub span: Span,
}

/// A whole model: data, network, targets.
#[derive(Clone, Debug)]
pub struct Description {
    /// Name of the model for reports (the file name).
    pub name: String,
    /// SHA-256 of the model's text, lower-case hexadecimal.
    pub sha256: String,
    /// Refuses trained weights outside [-1, 1] when the network is transcoded.
    pub check_weight_range: bool,
    pub normalization: Normalization,
    pub pooling: PoolingMode,
    pub database: DatabaseDescription,
    pub stimuli: StimuliDescription,
    /// In the order of construction and execution (depth, then file order).
    pub cells: Vec<CellDescription>,
    /// In the order of construction; the first is the primary one.
    pub targets: Vec<TargetDescription>,
}

/// How activations are scaled to spike rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalization {
    /// Mean activation over 0.25, with look-ahead to the pool.
    #[default]
    Mean,
    /// The 99.9th percentile of the activations.
    Percentile,
    /// The largest activation.
    Max,
    /// The weights as they are.
    None,
}

#[derive(Clone, Debug)]
pub struct DatabaseDescription {
    pub span: Span,
    pub driver: DatabaseDriver,
    /// `DataPath`, variables resolved; `None` when absent.
    pub data_path: Option<Located<PathBuf>>,
    /// Fraction of the training files set apart for validation.
    pub validation: f64,
    pub random_partitioning: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseDriver {
    MnistIdx,
    FashionMnistIdx,
}

#[derive(Clone, Debug)]
pub struct StimuliDescription {
    pub span: Span,
    pub shape: Shape,
    pub batch_size: usize,
    pub transformations: Vec<Transformation>,
    /// Present for `[env]`, absent for `[sp]`.
    pub encoder: Option<EncoderConfig>,
}

/// Which halves a cell has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Frames only.
    Frame,
    /// Frames and spikes with the same weights.
    Transcode,
    /// Spikes only.
    Spike,
}

#[derive(Clone, Debug)]
pub struct CellDescription {
    pub name: String,
    pub span: Span,
    pub family: Family,
    /// The model asked for CUDA.
    pub cuda: bool,
    pub inputs: Vec<formal::config::Source>,
    /// Inputs concatenated along the channels.
    pub input_shape: Shape,
    pub output_shape: Shape,
    pub operator: Operator,
    pub activation: Located<Activation>,
    pub spiking: SpikingDescription,
}

/// The spiking half of a cell; only read for `Transcode` and `Spike`.
#[derive(Clone, Debug, Default)]
pub struct SpikingDescription {
    pub neuron: Neuron,
    pub incoming_delay: Spread,
    pub terminate_delta: u32,
    pub terminate_max: u32,
}

/// A mean with a standard deviation, in femtoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub mean: f64,
    pub std_dev: f64,
}

impl Default for Spread {
    /// The reference's `IncomingDelay`: 1 ps, standard deviation 100 fs.
    fn default() -> Self {
        Self { mean: 1000.0, std_dev: 100.0 }
    }
}

#[derive(Clone, Debug)]
pub struct TargetDescription {
    /// The section's name, which is also the name of its folder.
    pub name: String,
    pub span: Span,
    /// Index of the cell in [`Description::cells`].
    pub cell: usize,
    pub target_value: f32,
    pub default_value: f32,
    pub top_n: usize,
}
