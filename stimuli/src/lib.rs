//! What is presented to a network: databases, partition, labels, transformations, batches.
//!
//! The way of a stimulus: a driver ([`mnist`], [`cifar`], [`folder`], [`gtsrb`], [`imdb_wiki`], [`voc`], [`masks`]) checks files
//! and makes a [`Database`], [`Database::partition`] divides it into [`Set`]s, a [`Provider`] transforms the images and delivers
//! what the network sees, and [`batches`] says which stimuli come next.
//!
//! This crate depends on nothing of ours: it knows no network, no INI, no terminal.

mod analysis;
pub mod batches;
pub mod cifar;
mod counterpart;
mod database;
mod depth;
mod draws;
mod error;
pub mod faces;
mod faults;
pub mod files;
pub mod folder;
mod frame;
pub mod gtsrb;
pub mod idx;
pub mod image;
pub mod imdb_wiki;
mod labels;
pub mod masks;
mod mat5;
pub mod mnist;
mod mt19937;
mod names;
mod partition;
mod provider;
mod remaining;
mod resize;
mod roi;
pub mod rounding;
#[cfg(test)]
mod testing;
mod transformation;
pub mod voc;
pub mod wildcard;

use std::fmt;

pub use analysis::{Analysis, analyze};
pub use counterpart::counterpart;
pub use database::{Database, RoiFilter, Slicing, Stored};
pub use depth::Depth;
pub use error::Error;
pub use faults::Faults;
pub use labels::{CompositeLabel, Composition, IGNORED};
pub use mt19937::Mt19937;
pub use partition::Rule;
pub use provider::{Delivery, Provider};
pub use roi::{Outline, Roi};
pub use transformation::{
    Affine, ApplyTo, Arithmetic, Border, ChannelExtraction, Channels, ColorSpace, CompressionNoise, Conversion,
    Distortion, Equalize, Filter, Flip, Gabor, Matrix, Norm, Normalize, OnReals, Operation, PadCrop, RandomAffine,
    RandomResizeCrop, RangeAffine, RangeClipping, Rescale, SliceExtraction, Space, Threshold, ThresholdOperation,
    Transformation, result,
};

/// A stimulus of a [`Database`]: its index, training files first, then test files.
pub type StimulusId = usize;

/// The size of a stimulus; elements are stored channel by channel, then row by row, x fastest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Number of planes.
    pub channels: usize,
    /// Rows of a plane.
    pub height: usize,
    /// Columns of a plane.
    pub width: usize,
}

impl Shape {
    /// Returns the number of elements of one channel.
    pub fn plane(self) -> usize {
        self.height * self.width
    }

    /// Returns the number of elements of all channels.
    pub fn n_elements(self) -> usize {
        self.channels * self.plane()
    }
}

impl fmt::Display for Shape {
    /// Writes `32x32x1`: width, height, channels, the order of `SizeX`, `SizeY`, `NbChannels`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.width, self.height, self.channels)
    }
}

/// The part of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Set {
    /// What the network learns from.
    Learn,
    /// What chooses the best weights while learning.
    Validation,
    /// What the final score is taken on.
    Test,
}

impl Set {
    /// The sets in the order in which they are filled.
    pub const ALL: [Set; 3] = [Set::Learn, Set::Validation, Set::Test];
}

impl fmt::Display for Set {
    /// Writes the name used in models and file names: `Learn`, `Validation`, `Test`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Set::Learn => "Learn",
            Set::Validation => "Validation",
            Set::Test => "Test",
        })
    }
}
