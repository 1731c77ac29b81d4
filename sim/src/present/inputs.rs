//! Where the input spikes of a run come from.

use crate::encoder::{Encoder, Interval, Presentation};
use crate::error::Error;
use crate::event::InputSpike;
use crate::queue::Tournament;
use crate::random::{Purpose, Random, StreamKey};
use crate::state::InputQueue;
use crate::time::SimTime;

/// Input spikes in the order of time, pixel and sign.
pub(super) trait Inputs {
    /// Time of the next spike, `u64::MAX` where none is left.
    fn next_time(&self) -> u64;
    /// Takes the next spike: pixel, and whether it is negative.
    fn take(&mut self) -> (u32, bool);
}

/// Spikes drawn when they are needed: one pending spike a pixel.
pub(super) struct Encoded<'a> {
    inputs: &'a mut InputQueue,
    encoder: &'a Encoder,
    interval: Interval,
}

impl<'a> Encoded<'a> {
    pub(super) fn new(
        inputs: &'a mut InputQueue,
        encoder: &'a Encoder,
        interval: Interval,
        seed: u64,
        presentation: &Presentation<'_>,
    ) -> Self {
        let InputQueue { trains, times, blocks } = &mut *inputs;
        let (key, stimulus) = (StreamKey::new(seed, Purpose::Encoder), presentation.stimulus);
        blocks.resize(presentation.values.len(), [0; 4]);
        if encoder.draws() {
            key.first_blocks(stimulus, blocks);
        }
        trains.clear();
        let mut last = f32::NAN;
        let mut start = None;
        let first_spikes =
            presentation.values.iter().zip(&*blocks).enumerate().filter_map(|(pixel, (&value, &block))| {
                // Neighbors often have the same value, black above all.
                if value != last {
                    last = value;
                    start = encoder.start(f64::from(value), interval);
                }
                let mut train = start.clone()?;
                let mut random = Random::new(key.stream_from(stimulus, pixel as u32, block));
                let time = train.next(encoder, &interval, &mut random)?;
                trains.push((pixel as u32, train, random));
                Some(time)
            });
        times.refill(first_spikes);
        Self { inputs, encoder, interval }
    }
}

impl Inputs for Encoded<'_> {
    #[inline(always)]
    fn next_time(&self) -> u64 {
        self.inputs.times.winner().0
    }

    #[inline(always)]
    fn take(&mut self) -> (u32, bool) {
        let InputQueue { trains, times, .. } = &mut *self.inputs;
        let (_, winner) = times.winner();
        let (pixel, train, random) = &mut trains[winner];
        times.replace_winner(train.next(self.encoder, &self.interval, random).unwrap_or(Tournament::NEVER));
        (*pixel, train.sign.is_negative())
    }
}

/// Spikes at given times, sorted.
pub(super) struct Listed<'a> {
    spikes: std::slice::Iter<'a, InputSpike>,
}

impl<'a> Listed<'a> {
    pub(super) fn new(sorted: &'a [InputSpike]) -> Self {
        Self { spikes: sorted.iter() }
    }
}

impl Inputs for Listed<'_> {
    #[inline(always)]
    fn next_time(&self) -> u64 {
        self.spikes.as_slice().first().map_or(u64::MAX, |spike| spike.time.0)
    }

    #[inline(always)]
    fn take(&mut self) -> (u32, bool) {
        let spike = self.spikes.next().expect("a spike is taken only when there is one");
        (spike.pixel as u32, spike.sign.is_negative())
    }
}

/// Checks and sorts input spikes.
pub(crate) fn sorted(spikes: &[InputSpike], n_pixels: usize, end: SimTime) -> Result<Vec<InputSpike>, Error> {
    for (index, spike) in spikes.iter().enumerate() {
        if spike.pixel >= n_pixels {
            return Err(Error::NoSuchPixel { index, n_pixels, found: spike.pixel });
        }
        if spike.time >= end {
            return Err(Error::SpikeTooLate { index, end, found: spike.time });
        }
    }
    let mut sorted = spikes.to_vec();
    sorted.sort_unstable_by_key(|spike| (spike.time, spike.pixel, spike.sign));
    Ok(sorted)
}
