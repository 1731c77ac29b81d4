//! Dropout (Srivastava et al., 2014): while learning, a value is dropped with probability `rate` and kept values are
//! multiplied by `1/(1 - rate)`; in inference nothing happens.
//!
//! A mask is a function of the seed, the cell, the learning step, the stimulus's position in the batch and the
//! element.

use stimuli::Shape;

use crate::config::DropoutConfig;
use crate::error::Error;

/// A checked dropout.
#[derive(Clone, Debug)]
pub(crate) struct Dropout {
    pub(crate) shape: Shape,
    /// Words below it drop a value.
    threshold: u64,
    /// What kept values are multiplied by.
    scale: f32,
}

impl Dropout {
    pub(crate) fn new(cell: &str, config: &DropoutConfig, shape: Shape) -> Result<Self, Error> {
        const WORDS: f64 = 4_294_967_296.0;
        if !(0.0..1.0).contains(&config.rate) {
            let (cell, found) = (cell.to_owned(), config.rate.to_string());
            return Err(Error::Value { cell, parameter: "Dropout", expected: "0 or more and less than 1", found });
        }
        let threshold = (f64::from(config.rate) * WORDS) as u64;
        Ok(Self { shape, threshold, scale: (1.0 / (1.0 - f64::from(config.rate))) as f32 })
    }

    /// Words below it drop a value.
    pub(crate) fn threshold(&self) -> u32 {
        self.threshold as u32
    }

    /// What kept values are multiplied by.
    pub(crate) fn scale(&self) -> f32 {
        self.scale
    }

    /// What the value is multiplied by for this random word.
    pub(crate) fn factor(&self, word: u32) -> f32 {
        if u64::from(word) < self.threshold { 0.0 } else { self.scale }
    }
}
