//! Random streams keyed by content, and the rules that turn 32-bit words into reals.
//!
//! A stream is Philox4x32-10 (Salmon et al., SC 2011): each word is a function of its key (seed and purpose) and of its
//! counter (what is drawn for), never of what was drawn before elsewhere. So one pixel's train depends on no other
//! pixel, stimulus, thread or machine.

use rand_philox::{Philox, philox4x32_10, splitmix64};

use crate::math;
use crate::time::SimDuration;

/// A source of uniform 32-bit words.
pub trait Words {
    /// Draws the next word.
    fn next_u32(&mut self) -> u32;
}

impl<W: Words + ?Sized> Words for &mut W {
    fn next_u32(&mut self) -> u32 {
        (**self).next_u32()
    }
}

/// What a stream is drawn for; two purposes never share a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Spike times of the input pixels.
    Encoder,
    /// Synaptic delays.
    Delays,
}

/// The key of all streams of one seed and purpose.
#[derive(Clone, Copy, Debug)]
pub struct StreamKey([u32; 2]);

impl StreamKey {
    /// Derives the key.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let tag: u64 = match purpose {
            Purpose::Encoder => 0x656e_636f_6465_7200,
            Purpose::Delays => 0x6465_6c61_7973_0000,
        };
        let key = splitmix64(splitmix64(seed ^ 0x9e37_79b9_7f4a_7c15) ^ tag);
        Self([key as u32, (key >> 32) as u32])
    }

    /// Opens the stream of one (item, element), such as (stimulus, pixel) or (cell, synapse).
    #[inline]
    pub fn stream(self, item: u64, element: u32) -> Stream {
        Stream { key: self.0, counter: [element, 0, item as u32, (item >> 32) as u32], block: [0; 4], used: 4 }
    }

    /// The first blocks of the streams of (item, 0), (item, 1), ..., which are cheaper drawn together.
    pub(crate) fn first_blocks(self, item: u64, blocks: &mut [[u32; 4]]) {
        Philox::new(self.0, u128::from(item) << 64).fill_u32(blocks.as_flattened_mut());
    }

    /// The stream of (item, element), whose first block is known.
    #[inline]
    pub(crate) fn stream_from(self, item: u64, element: u32, block: [u32; 4]) -> Stream {
        Stream { key: self.0, counter: [element, 1, item as u32, (item >> 32) as u32], block, used: 0 }
    }
}

/// One counter-based stream of 2^34 words.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: u8,
}

/// Words of a stream.
const N_WORDS: u64 = 1 << 34;

impl Stream {
    /// Words drawn.
    pub(crate) fn n_drawn(&self) -> u64 {
        // `counter` is that of the block after `block`.
        (4 * u64::from(self.counter[1]) + u64::from(self.used)).wrapping_sub(4) % N_WORDS
    }

    /// The same stream with `n` words drawn.
    pub(crate) fn after(mut self, n: u64) -> Self {
        (self.counter[1], self.used) = ((n / 4) as u32, 4);
        for _ in 0..n % 4 {
            self.next_u32();
        }
        self
    }
}

impl Words for Stream {
    #[inline]
    fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox4x32_10(self.counter, self.key);
            self.counter[1] = self.counter[1].wrapping_add(1);
            self.used = 0;
        }
        let word = self.block[usize::from(self.used)];
        self.used += 1;
        word
    }
}

/// Random reals drawn from a word source by the reference's rules.
#[derive(Clone, Debug)]
pub struct Random<W> {
    words: W,
    /// The second half of the last Box-Muller pair, still to be used.
    kept: Option<f64>,
}

const TWO_POW_32: f64 = 4_294_967_296.0;

impl<W: Words> Random<W> {
    /// Wraps a word source.
    #[inline]
    pub fn new(words: W) -> Self {
        Self { words, kept: None }
    }

    /// As it was with half of a pair kept.
    pub(crate) fn resumed(words: W, kept: Option<f64>) -> Self {
        Self { words, kept }
    }

    pub(crate) fn words(&self) -> &W {
        &self.words
    }

    pub(crate) fn kept(&self) -> Option<f64> {
        self.kept
    }

    /// Uniform in [0, 1], both ends included: u / (2^32 - 1).
    #[inline]
    pub fn uniform_closed(&mut self) -> f64 {
        f64::from(self.words.next_u32()) / (TWO_POW_32 - 1.0)
    }

    /// Uniform in (0, 1]: (u + 1) / 2^32.
    #[inline]
    pub fn uniform_above_zero(&mut self) -> f64 {
        (f64::from(self.words.next_u32()) + 1.0) / TWO_POW_32
    }

    /// Normal by Box and Muller: the cosine half first, the sine half kept for the next call, whatever its parameters.
    /// A standard deviation of zero gives the mean and draws nothing.
    pub fn normal(&mut self, mean: f64, standard_deviation: f64) -> f64 {
        if standard_deviation == 0.0 {
            return mean;
        }
        let z = match self.kept.take() {
            Some(z) => z,
            None => {
                let radius = (-2.0 * math::ln(self.uniform_above_zero())).sqrt();
                let (sine, cosine) = math::sin_cos(std::f64::consts::TAU * self.uniform_above_zero());
                self.kept = Some(radius * sine);
                radius * cosine
            }
        };
        mean + standard_deviation * z
    }

    /// Exponential by inversion: -mean ln u with u in (0, 1].
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * math::ln(self.uniform_above_zero())
    }
}

/// Draws `n` synaptic delays, each trunc(max(0, normal(`mean_fs`, `sd_fs`))), keyed by (seed, cell, synapse): the delay
/// of one synapse depends on no other.
pub fn delays(seed: u64, cell_index: usize, n: usize, mean_fs: f64, sd_fs: f64) -> Vec<SimDuration> {
    let key = StreamKey::new(seed, Purpose::Delays);
    (0..n)
        .map(|synapse| {
            // A cell has fewer than 2^32 synapses, which the plan checks.
            let mut random = Random::new(key.stream(cell_index as u64, synapse as u32));
            SimDuration(random.normal(mean_fs, sd_fs).max(0.0) as u64)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_on_where_it_was() {
        let fresh = StreamKey::new(1, Purpose::Encoder).stream(7, 3);
        let mut stream = fresh.clone();
        for n in 0..23 {
            assert_eq!(stream.n_drawn(), n);
            let mut again = fresh.clone().after(n);
            assert_eq!(again.n_drawn(), n);
            let mut expected = stream.clone();
            assert!((0..9).all(|_| again.next_u32() == expected.next_u32()));
            stream.next_u32();
        }
        assert_eq!(fresh.clone().after(N_WORDS - 1).n_drawn(), N_WORDS - 1);
        let first = fresh.clone().next_u32();
        let mut last = fresh.after(N_WORDS - 1);
        last.next_u32();
        assert_eq!((last.n_drawn(), last.next_u32()), (0, first), "it begins anew");
    }
}
