//! Random numbers that are a function of what they are for.
//!
//! A draw is one Philox4x32-10 block (Salmon et al., 2011) whose key holds the seed, the purpose and the cell, and
//! whose counter holds the element. No draw depends on another, nor on the order of execution.

use rand_philox::{Philox, philox4x32_10, splitmix64};

/// What a stream is for; streams of different purposes are unrelated.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Weights = 1,
    Bias = 2,
    Dropout = 3,
    Windows = 4,
    Connections = 5,
}

/// The streams of one seed, purpose and cell.
#[derive(Clone, Copy)]
pub(crate) struct Stream([u32; 2]);

impl Stream {
    pub(crate) fn new(seed: u64, purpose: Purpose, cell: usize) -> Self {
        let salt = splitmix64((((purpose as u64) << 32) | cell as u64).wrapping_add(0x9e37_79b9_7f4a_7c15));
        let key = splitmix64(splitmix64(seed) ^ salt);
        Self([key as u32, (key >> 32) as u32])
    }

    /// The key of its blocks.
    pub(crate) fn key(self) -> [u32; 2] {
        self.0
    }

    /// Four words for the element of this index.
    pub(crate) fn words(self, element: u64) -> [u32; 4] {
        philox4x32_10([element as u32, (element >> 32) as u32, 0, 0], self.0)
    }

    /// Words for the elements `0..out.len()` of the stimulus at `position` of the batch, in learning step `step`.
    pub(crate) fn fill(self, step: u64, position: u32, out: &mut [u32]) {
        Philox::new(self.0, (u128::from(step) << 64) | (u128::from(position) << 32)).fill_u32(out);
    }
}

/// A uniform real of `[min, max]`.
pub(crate) fn uniform(word: u32, min: f64, max: f64) -> f64 {
    min + f64::from(word) / f64::from(u32::MAX) * (max - min)
}

/// A normal deviate by Box and Muller (1958), from two uniforms of `(0, 1]`.
pub(crate) fn normal(words: [u32; 4], mean: f64, std_dev: f64) -> f64 {
    const WORDS: f64 = 4_294_967_296.0;
    let [u1, u2] = [words[0], words[1]].map(|word| (f64::from(word) + 1.0) / WORDS);
    mean + std_dev * (-2.0 * u1.ln()).sqrt() * (std::f64::consts::TAU * u2).cos()
}
