//! Where the input spikes of a run come from.

use crate::encoder::{Encoder, Interval, Presentation};
use crate::error::Error;
use crate::event::InputSpike;
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
        let key = StreamKey::new(seed, Purpose::Encoder);
        let trains = &mut inputs.trains;
        trains.clear();
        let first_spikes = presentation.values.iter().enumerate().filter_map(|(pixel, &value)| {
            let mut train = encoder.start(f64::from(value), interval)?;
            let mut random = Random::new(key.stream(presentation.stimulus, pixel as u32));
            let time = train.next(encoder, &interval, &mut random)?;
            trains.push((train, random));
            Some(order(time, pixel as u32, trains.len() as u32 - 1))
        });
        inputs.queue.refill(first_spikes);
        Self { inputs, encoder, interval }
    }
}

#[inline(always)]
fn order(time: u64, pixel: u32, slot: u32) -> u128 {
    u128::from(time) << 64 | u128::from(pixel) << 32 | u128::from(slot)
}

impl Inputs for Encoded<'_> {
    #[inline(always)]
    fn next_time(&self) -> u64 {
        self.inputs.queue.peek().map_or(u64::MAX, |&key| (key >> 64) as u64)
    }

    #[inline(always)]
    fn take(&mut self) -> (u32, bool) {
        let InputQueue { trains, queue } = &mut *self.inputs;
        let &key = queue.peek().expect("a spike is taken only when there is one");
        let (pixel, slot) = ((key >> 32) as u32, key as u32);
        let (train, random) = &mut trains[slot as usize];
        let is_negative = train.sign.is_negative();
        match train.next(self.encoder, &self.interval, random) {
            Some(time) => queue.replace_first(order(time, pixel, slot)),
            None => {
                queue.pop();
            }
        }
        (pixel, is_negative)
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
