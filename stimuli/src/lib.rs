//! What is presented to a network: databases, partition, labels, transformations, batches.

/// The size of a stimulus; elements are stored channel by channel, then row by row, x fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

/// The part of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Set {
    Learn,
    Validation,
    Test,
}

/// Sets a transformation applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApplyTo {
    LearnOnly,
    ValidationOnly,
    TestOnly,
    NoLearn,
    NoValidation,
    NoTest,
    #[default]
    All,
}

/// One step between the stored stimulus and the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Transformation {
    pub apply_to: ApplyTo,
    /// On-the-fly transformations are redone at each presentation and may be random; the others are done once.
    pub on_the_fly: bool,
    pub operation: Operation,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    Rescale(Rescale),
    RangeAffine(RangeAffine),
}

/// Bilinear resize of the image.
#[derive(Clone, Debug, PartialEq)]
pub struct Rescale {
    pub width: usize,
    pub height: usize,
    pub keep_aspect_ratio: bool,
    pub resize_to_fit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Plus,
    Minus,
    Multiplies,
    Divides,
}

/// `(x first v1) second v2`, values one or one a channel, optionally truncated to an integer.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeAffine {
    pub first: Arithmetic,
    pub first_value: Vec<f64>,
    pub second: Arithmetic,
    pub second_value: Vec<f64>,
    pub truncate: bool,
}
