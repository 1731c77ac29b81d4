//! What a model says about the way from a stored image to the network's input.

pub(crate) mod border;
mod channels;
mod color;
mod compression;
mod distortion;
mod equalize;
mod filter;
mod geometry;
mod levels;
mod matrix;
mod on_reals;
mod slice;

use std::fmt::Debug;

pub use border::Border;
pub use channels::Channels;
pub use color::{ChannelExtraction, ColorSpace, Conversion, Space};
pub use compression::CompressionNoise;
pub use distortion::Distortion;
pub use equalize::Equalize;
pub use filter::{Filter, Gabor};
pub use geometry::{Flip, PadCrop, Rescale};
pub use levels::{
    Arithmetic, Norm, Normalize, RandomAffine, RangeAffine, RangeClipping, Threshold, ThresholdOperation,
};
pub use matrix::{Affine, Matrix};
pub use on_reals::OnReals;
pub use slice::{RandomResizeCrop, SliceExtraction};

use crate::draws::Draws;
use crate::frame::Frame;
use crate::{Depth, Error, Set, Shape};

/// Sets a transformation applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApplyTo {
    /// The Learn set.
    LearnOnly,
    /// The Validation set.
    ValidationOnly,
    /// The Test set.
    TestOnly,
    /// Validation and Test.
    NoLearn,
    /// Learn and Test.
    NoValidation,
    /// Learn and Validation.
    NoTest,
    /// Every set.
    #[default]
    All,
}

impl ApplyTo {
    /// Tells whether a transformation declared with this applies to the stimuli of `set`.
    pub fn includes(self, set: Set) -> bool {
        match self {
            ApplyTo::LearnOnly => set == Set::Learn,
            ApplyTo::ValidationOnly => set == Set::Validation,
            ApplyTo::TestOnly => set == Set::Test,
            ApplyTo::NoLearn => set != Set::Learn,
            ApplyTo::NoValidation => set != Set::Validation,
            ApplyTo::NoTest => set != Set::Test,
            ApplyTo::All => true,
        }
    }
}

/// One step between the stored stimulus and the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Transformation {
    /// Sets it applies to.
    pub apply_to: ApplyTo,
    /// On-the-fly transformations are redone at each presentation and may be random; the others are done once, and what
    /// they draw is drawn once a stimulus. All of the latter come before the former, whatever the order in the model.
    pub on_the_fly: bool,
    /// What is done.
    pub operation: Operation,
}

/// What a transformation does to an image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Changes the size.
    Rescale(Rescale),
    /// Adds or cuts borders.
    PadCrop(PadCrop),
    /// Takes one channel, or makes one.
    ChannelExtraction(ChannelExtraction),
    /// Converts colors.
    ColorSpace(ColorSpace),
    /// Mirrors.
    Flip(Flip),
    /// Bends, scales and turns at random.
    Distortion(Distortion),
    /// Computes with whole images.
    Affine(Affine),
    /// Changes the values; the image is real-valued from there on.
    RangeAffine(RangeAffine),
    /// Maps the levels to a range, or their norm to a value.
    Normalize(Normalize),
    /// Compares with a level.
    Threshold(Threshold),
    /// Maps a range of levels to the whole range.
    RangeClipping(RangeClipping),
    /// Takes a part, possibly turned and scaled at random.
    SliceExtraction(SliceExtraction),
    /// Takes a part of random area and shape.
    RandomResizeCrop(RandomResizeCrop),
    /// Spreads the levels evenly.
    Equalize(Equalize),
    /// Convolves, such as to blur.
    Filter(Filter),
    /// Changes gain, bias and gamma at random.
    RandomAffine(RandomAffine),
    /// Compresses as JPEG of random quality.
    CompressionNoise(CompressionNoise),
    /// Stacks copies of the image, each transformed by itself.
    Channels(Channels),
}

impl Operation {
    pub(crate) fn step(&self) -> &dyn Step {
        match self {
            Operation::Rescale(step) => step,
            Operation::PadCrop(step) => step,
            Operation::ChannelExtraction(step) => step,
            Operation::ColorSpace(step) => step,
            Operation::Flip(step) => step,
            Operation::Distortion(step) => step,
            Operation::Affine(step) => step,
            Operation::RangeAffine(step) => step,
            Operation::Normalize(step) => step,
            Operation::Threshold(step) => step,
            Operation::RangeClipping(step) => step,
            Operation::SliceExtraction(step) => step,
            Operation::RandomResizeCrop(step) => step,
            Operation::Equalize(step) => step,
            Operation::Filter(step) => step,
            Operation::RandomAffine(step) => step,
            Operation::CompressionNoise(step) => step,
            Operation::Channels(step) => step,
        }
    }
}

impl Operation {
    /// Applies it to an image that [`Step::format`] has accepted.
    pub(crate) fn apply(&self, frame: &mut Frame, draws: &mut Draws) {
        self.step().apply(frame, draws);
        frame.settle();
    }

    /// Whether levels of whole numbers become reals.
    pub(crate) fn makes_reals(&self) -> bool {
        match self {
            Operation::RangeAffine(_) | Operation::Affine(_) => true,
            Operation::Normalize(normalize) => normalize.norm != Norm::MinMax,
            Operation::Channels(channels) => channels.copies.iter().flatten().any(Operation::makes_reals),
            _ => false,
        }
    }
}

/// What is known of an image before it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub shape: Shape,
    pub depth: Depth,
}

/// A transformation at work. It need not care for 16 bits: it may leave fractions, which [`Operation::apply`] rounds.
pub(crate) trait Step: Debug + Send + Sync {
    /// What it makes of an image of `input`.
    ///
    /// # Errors
    ///
    /// It cannot be applied to such an image.
    fn format(&self, input: Format) -> Result<Format, Error>;

    /// Applies it to an image that [`Step::format`] has accepted.
    fn apply(&self, frame: &mut Frame, draws: &mut Draws);
}

/// What every set's images come out as, from an image of bytes of `shape`, in the order in which they are applied.
///
/// # Errors
///
/// A transformation that cannot be applied.
pub fn result(transformations: &[Transformation], set: Set, shape: Shape) -> Result<Shape, Error> {
    let mut format = Format { shape, depth: Depth::Byte };
    for (_, transformation) in in_order(transformations, set) {
        format = transformation.operation.step().format(format)?;
    }
    Ok(format.shape)
}

/// Those of `set` in the order in which they are applied, each with its place in the model.
pub(crate) fn in_order(transformations: &[Transformation], set: Set) -> impl Iterator<Item = (usize, &Transformation)> {
    let those = move |on_the_fly: bool| {
        let wanted = move |t: &(usize, &Transformation)| t.1.on_the_fly == on_the_fly && t.1.apply_to.includes(set);
        transformations.iter().enumerate().filter(wanted)
    };
    those(false).chain(those(true))
}

/// Refuses images of another number of channels or of reals.
pub(crate) fn refused(name: &'static str, expected: &str, found: impl ToString, remedy: &str) -> Error {
    Error::Transformation { name, expected: expected.to_owned(), found: found.to_string(), remedy: remedy.to_owned() }
}

/// Refuses a result without pixels or with far too many.
pub(crate) fn checked_size(name: &'static str, width: i128, height: i128) -> Result<(usize, usize), Error> {
    let most = crate::image::MAX_SIDE as i128;
    if (1..=most).contains(&width) && (1..=most).contains(&height) {
        return Ok((width as usize, height as usize));
    }
    let expected = format!("from 1 to {most} columns and rows");
    Err(refused(name, &expected, format!("{width}x{height} (width x height)"), "change `Width` and `Height`"))
}
