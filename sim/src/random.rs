//! Random streams keyed by content, and the rules that turn 32-bit words into reals.
//!
//! A stream is Philox4x32-10 (Salmon et al., SC 2011): each word is a function of its key (seed and purpose) and of its
//! counter (what is drawn for), never of what was drawn before elsewhere. So one pixel's train depends on no other
//! pixel, stimulus, thread or machine.

use rand_philox::{philox4x32_10, splitmix64};

use crate::lanes::{self, Isa, OnIsa};
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

    /// The first blocks of the streams of (item, 0), (item, 1), ... (item, n - 1) and some more, drawn side by side.
    pub(crate) fn first_blocks(self, item: u64, n: usize, blocks: &mut Vec<Blocks>) {
        blocks.resize(n.div_ceil(N_ABREAST), Blocks::default());
        lanes::on_widest(FirstBlocks { key: self, item, blocks });
    }

    /// The stream of (item, element), whose first block is known.
    #[inline]
    pub(crate) fn stream_from(self, item: u64, element: u32, block: [u32; 4]) -> Stream {
        Stream { key: self.0, counter: [element, 1, item as u32, (item >> 32) as u32], block, used: 0 }
    }
}

struct FirstBlocks<'a> {
    key: StreamKey,
    item: u64,
    blocks: &'a mut [Blocks],
}

impl OnIsa for FirstBlocks<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let [low, high] = [self.item as u32, (self.item >> 32) as u32];
        for (i, blocks) in self.blocks.iter_mut().enumerate() {
            let element = std::array::from_fn(|lane| (i * N_ABREAST + lane) as u32);
            *blocks = Blocks::draw([element, [0; N_ABREAST], [low; N_ABREAST], [high; N_ABREAST]], self.key.0);
        }
    }
}

/// Blocks drawn side by side.
pub(crate) const N_ABREAST: usize = 16;

/// Blocks of neighboring streams, word by word.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Blocks([[u32; N_ABREAST]; 4]);

impl Blocks {
    /// Philox4x32-10 of counters `[word][lane]`: what [`philox4x32_10`] gives for each, in a form that compiles to vectors of
    /// whatever width the caller is compiled for.
    #[inline(always)]
    fn draw(mut words: [[u32; N_ABREAST]; 4], mut key: [u32; 2]) -> Self {
        const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
        const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
        for round in 0..10 {
            if round > 0 {
                key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
            }
            let [w0, w1, w2, w3] = words;
            for lane in 0..N_ABREAST {
                let product0 = u64::from(w0[lane]) * u64::from(MULTIPLIERS[0]);
                let product2 = u64::from(w2[lane]) * u64::from(MULTIPLIERS[1]);
                words[0][lane] = (product2 >> 32) as u32 ^ w1[lane] ^ key[0];
                words[1][lane] = product2 as u32;
                words[2][lane] = (product0 >> 32) as u32 ^ w3[lane] ^ key[1];
                words[3][lane] = product0 as u32;
            }
        }
        Self(words)
    }

    /// The first word of a lane's block.
    #[inline(always)]
    pub(crate) fn first_word(&self, lane: usize) -> u32 {
        self.0[0][lane]
    }

    /// A lane's block.
    #[inline(always)]
    pub(crate) fn block(&self, lane: usize) -> [u32; 4] {
        [self.0[0][lane], self.0[1][lane], self.0[2][lane], self.0[3][lane]]
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
    fn blocks_drawn_side_by_side_are_those_of_each_stream() {
        for (seed, item, n) in [(0, 0, 1), (1, 7, 16), (2, u64::MAX - 3, 17), (u64::MAX, 1 << 32, 784)] {
            let key = StreamKey::new(seed, Purpose::Encoder);
            let mut blocks = Vec::new();
            key.first_blocks(item, n, &mut blocks);
            for element in 0..n {
                let (blocks, lane) = (blocks[element / N_ABREAST], element % N_ABREAST);
                let mut stream = key.stream(item, element as u32);
                let expected: [u32; 4] = std::array::from_fn(|_| stream.next_u32());
                assert_eq!((blocks.block(lane), blocks.first_word(lane)), (expected, expected[0]));
            }
        }
    }

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
