//! The network description: typed, checked, free of INI, but carrying where each thing was written.

mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use formal::config::{Activation, Operator};
use sim::encoder::EncoderConfig;
use sim::network::{Neuron, PoolingMode};
use stimuli::folder::Folder;
use stimuli::imdb_wiki::Faces;
use stimuli::masks::Masks;
use stimuli::voc::Boxes;
use stimuli::{Analysis, ApplyTo, Composition, RoiFilter, Shape, Slicing, Transformation, cifar};

pub use target::{Display, LabelsMapping, MappedLabel, Mask, PictureFormat, RoiRules, TargetDescription, TargetKind};

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
    /// The value.
    pub value: T,
    /// Where it was written, or the head of the section whose default it is.
    pub span: Span,
}

/// A whole model: data, network, targets.
#[derive(Clone, Debug)]
pub struct Description {
    /// Name of the model for reports (the file name).
    pub name: String,
    /// SHA-256 of the model's text and of the templates that it includes, lower-case hexadecimal.
    pub sha256: String,
    /// Refuses trained weights outside [-1, 1] when the network is transcoded.
    pub check_weight_range: bool,
    /// `SpikeNormalization`.
    pub normalization: Normalization,
    /// `SpikePooling`.
    pub pooling: PoolingMode,
    /// Width of the spiking potentials; no key has it.
    pub width: Width,
    /// Where the stimuli come from.
    pub database: DatabaseDescription,
    /// What the network sees of them.
    pub stimuli: StimuliDescription,
    /// In the order of construction and execution (depth, then file order).
    pub cells: Vec<CellDescription>,
    /// The first is the primary one, by which a learning is judged; the others are in the order of construction.
    pub targets: Vec<TargetDescription>,
}

impl Description {
    /// Whether outputs are judged through target maps: several targets, labels of pixels, or labels that mean other outputs
    /// than those of their number. Otherwise the one target wants the output that the label numbers, or the stimulus.
    pub fn has_target_maps(&self) -> bool {
        let of_label = |target: &TargetDescription| {
            let shape = self.cells[target.cell].output_shape;
            target.labels.is_none() && target.mask.is_none() && shape.plane() == 1 && shape.channels > 1
        };
        let one = matches!(self.targets.as_slice(), [target] if target.is_data || of_label(target));
        !one || self.stimuli.is_composite
    }
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

/// Width of the spiking potentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// `f32`.
    #[default]
    Single,
    /// `f64`.
    Double,
}

/// A set of labeled stimuli and how it is split.
#[derive(Clone, Debug)]
pub struct DatabaseDescription {
    /// The section.
    pub span: Span,
    /// Which set.
    pub driver: DatabaseDriver,
    /// `DataPath`, variables resolved; `None` when absent.
    pub data_path: Option<Located<PathBuf>>,
    /// Fraction of the training files set apart for validation; folders have rules of their own.
    pub validation: f64,
    /// `TargetDataPath`: images that are wanted in place of the stimuli; `None` when absent.
    pub target_data_path: Option<Located<PathBuf>>,
    /// Draws the sets at random instead of taking them in file order.
    pub random_partitioning: bool,
    /// Where it says that stimuli have no label.
    pub unlabeled: Option<Span>,
    /// `LabelPath`, variables resolved; `None` when absent.
    pub label_path: Option<Located<PathBuf>>,
    /// How labels of pixels are made, but for the default label.
    pub composition: Composition,
    /// `DefaultLabel`; `None` when absent or empty.
    pub default_label: Option<String>,
    /// Regions that are kept or dropped once the sets are drawn, in file order.
    pub filters: Vec<Located<RoiFilter>>,
    /// How images are cut in parts after that, in file order.
    pub slicings: Vec<Located<Slicing>>,
}

/// Readers of stored stimuli.
#[derive(Clone, Debug, PartialEq)]
pub enum DatabaseDriver {
    /// `MNIST_IDX_Database`.
    MnistIdx,
    /// `Fashion_MNIST_IDX_Database`.
    FashionMnistIdx,
    /// `CIFAR10_Database` and `CIFAR100_Database`.
    Cifar {
        /// Which of them, and which labels.
        kind: cifar::Kind,
        /// Validates on the test images.
        uses_test_for_validation: bool,
    },
    /// `GTSRB_DIR_Database`.
    Gtsrb {
        /// Cuts each sign out of its image.
        extracts_rois: bool,
    },
    /// `DIR_Database`.
    Folders(Vec<Folder>),
    /// `IMDBWIKI_Database`; its paths are those of the description, and empty here.
    Faces(Faces),
    /// `VOC_Database`; the same.
    Boxes(Boxes),
    /// `Mask_Database`; the same.
    Masks(Masks),
}

/// The section `[sp]` or `[env]`.
#[derive(Clone, Debug)]
pub struct StimuliDescription {
    /// The section.
    pub span: Span,
    /// What the network is given, one stimulus.
    pub shape: Shape,
    /// What the images of `TargetDataPath` are, one a stimulus; of no meaning without it.
    pub target_shape: Shape,
    /// Stimuli a batch, at least 1.
    pub batch_size: usize,
    /// In file order.
    pub transformations: Vec<Transformation>,
    /// Figures of the stimuli that the model asks for, in file order.
    pub data: Vec<StimuliData>,
    /// Maps bytes to both signs, instead of to [0, 1].
    pub is_signed: bool,
    /// Rounds to so many levels, from the lowest to the highest.
    pub quantization: Option<(u32, f32, f32)>,
    /// Labels are maps of the stimulus's size.
    pub is_composite: bool,
    /// Present for `[env]`, absent for `[sp]`.
    pub encoder: Option<EncoderConfig>,
}

/// A section `[sp.StimuliData*]`.
#[derive(Clone, Debug)]
pub struct StimuliData {
    /// The section's name.
    pub name: String,
    /// Sets that were looked at.
    pub apply_to: ApplyTo,
    /// Asks for the mean image as a file.
    pub writes_mean: bool,
    /// Asks for the image of standard deviations as a file.
    pub writes_std_dev: bool,
    /// What was found.
    pub analysis: Analysis,
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

/// One layer, its shapes worked out.
#[derive(Clone, Debug)]
pub struct CellDescription {
    /// The section's name.
    pub name: String,
    /// The section.
    pub span: Span,
    /// Which halves it has.
    pub family: Family,
    /// The model asked for CUDA.
    pub cuda: bool,
    /// In the order in which their channels are concatenated.
    pub inputs: Vec<formal::config::Source>,
    /// Inputs concatenated along the channels.
    pub input_shape: Shape,
    /// What the cell hands on, one stimulus.
    pub output_shape: Shape,
    /// What it computes.
    pub operator: Operator,
    /// What follows the operator.
    pub activation: Located<Activation>,
    /// The spiking half.
    pub spiking: SpikingDescription,
    /// Where each key of the cell was written, its own and those of its `ConfigSection`s.
    pub keys: BTreeMap<String, Span>,
    /// Parameters but for those of solvers: name and value as they are saved in `<layer>.cfg`.
    pub parameters: Vec<(String, String)>,
    /// A batch normalization was folded into its weights, which are no longer those that were trained.
    pub is_folded: bool,
}

impl CellDescription {
    /// Where `key` was written, or the section when it was not.
    pub fn span_of(&self, key: &str) -> &Span {
        self.keys.get(key).unwrap_or(&self.span)
    }
}

/// The spiking half of a cell; only read for `Transcode` and `Spike`.
#[derive(Clone, Debug, Default)]
pub struct SpikingDescription {
    /// Of convolutional and fully connected cells.
    pub neuron: Neuron,
    /// What the delay of each synapse is drawn from.
    pub incoming_delay: Spread,
    /// Lead in net spikes that ends a stimulus, fully connected cells only; 0 is off.
    pub terminate_delta: u32,
    /// Net spikes that end a stimulus, fully connected cells only; 0 is off.
    pub terminate_max: u32,
}

/// A mean with a standard deviation, in femtoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std_dev: f64,
}

impl Default for Spread {
    /// The reference's `IncomingDelay`: 1 ps, standard deviation 100 fs.
    fn default() -> Self {
        Self { mean: 1000.0, std_dev: 100.0 }
    }
}
