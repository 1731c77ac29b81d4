//! What a model says about the way from a stored image to the network's input.

use crate::Set;

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
    /// On-the-fly transformations are redone at each presentation and may be random; the others are done once.
    /// All of the latter come before the former, whatever the order in the model.
    pub on_the_fly: bool,
    /// What is done.
    pub operation: Operation,
}

/// What a transformation does to an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Changes the size.
    Rescale(Rescale),
    /// Changes the values; the image is real-valued from there on.
    RangeAffine(RangeAffine),
}

/// Bilinear resize of the image.
///
/// Destination pixel `d` samples the source at `(d + 0.5) * scale - 0.5`, edges clamped, no anti-aliasing. Integer
/// images use weights of 11 bits, as OpenCV does, so that the pixels are the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Rescale {
    /// Columns of the result, in pixels.
    pub width: usize,
    /// Rows of the result, in pixels.
    pub height: usize,
    /// Replaces both ratios by one of them, so that the result may be of another size than asked.
    pub keep_aspect_ratio: bool,
    /// With `keep_aspect_ratio`: takes the smaller ratio, so that the image fits inside; otherwise the larger.
    pub resize_to_fit: bool,
}

/// An operator between a pixel and a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// x + v
    Plus,
    /// x - v
    Minus,
    /// x * v
    Multiplies,
    /// x / v
    Divides,
}

/// `(x first v1) second v2`, values one or one a channel, optionally truncated to an integer.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeAffine {
    /// The operator applied first.
    pub first: Arithmetic,
    /// One value, or one a channel.
    pub first_value: Vec<f64>,
    /// The operator applied to the result of the first.
    pub second: Arithmetic,
    /// One value, or one a channel; empty leaves the second step out.
    pub second_value: Vec<f64>,
    /// Drops the fraction of the result; the image stays real-valued.
    pub truncate: bool,
}
