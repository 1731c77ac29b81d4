//! Random numbers of transformations, keyed by content.

use rand_philox::{Philox, splitmix64};

use crate::StimulusId;

const PURPOSE: u64 = u64::from_be_bytes(*b"transfor");

/// The numbers that one transformation draws for one presentation of one stimulus (Philox4x32-10).
pub(crate) struct Draws(Philox);

impl Draws {
    /// `step` is the place of the transformation in the model, `presentation` what tells two presentations apart.
    pub fn new(seed: u64, step: usize, id: StimulusId, presentation: u64) -> Self {
        let key = splitmix64(splitmix64(splitmix64(seed) ^ PURPOSE) ^ ((step as u64) << 48) ^ id as u64);
        Self(Philox::from_u64_seed_stream(key, presentation))
    }

    /// A number of `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// A number of `[a, b)`.
    pub fn uniform(&mut self, a: f64, b: f64) -> f64 {
        a + (b - a) * self.unit()
    }

    /// A whole number of `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// True for one half of all draws.
    pub fn coin(&mut self) -> bool {
        self.0.next_u32() >> 31 == 1
    }

    /// Random words, the fastest way.
    pub fn fill(&mut self, words: &mut [u32]) {
        self.0.fill_u32(words);
    }
}
