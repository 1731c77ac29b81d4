//! Where the input spikes of a run come from.

use crate::encoder::{Encoder, Interval, Presentation};
use crate::error::Error;
use crate::event::{InputSpike, Sign};
use crate::queue::Tournament;
use crate::random::{N_ABREAST, Purpose, Random, StreamKey};
use crate::state::InputQueue;
use crate::time::{SimTime, Span};

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
    /// The spikes of the presentation that the queue was filled for.
    pub(super) fn new(inputs: &'a mut InputQueue, encoder: &'a Encoder) -> Self {
        let interval = Interval::presentation(inputs.duration);
        Self { inputs, encoder, interval }
    }
}

impl InputQueue {
    /// Draws the first spike of each pixel; times count from the start of the presentation.
    pub(super) fn fill(&mut self, encoder: &Encoder, seed: u64, presentation: &Presentation<'_>) {
        (self.seed, self.stimulus, self.duration) = (seed, presentation.stimulus, presentation.duration);
        let interval = Interval::presentation(presentation.duration);
        let InputQueue { trains, times, blocks, .. } = self;
        let (key, stimulus) = (StreamKey::new(seed, Purpose::Encoder), presentation.stimulus);
        // What does not draw takes the blocks of another stimulus, and does not look at them.
        if encoder.draws() || blocks.len() * N_ABREAST < presentation.values.len() {
            key.first_blocks(stimulus, presentation.values.len(), blocks);
        }
        trains.clear();
        times.clear();
        let mut rest = presentation.values;
        let mut limits = Limits::default();
        while let Some(&value) = rest.first() {
            // Neighbors often have the same value, black above all.
            let n_alike = rest.iter().take_while(|other| other.to_bits() == value.to_bits()).count();
            let first = presentation.values.len() - rest.len();
            rest = &rest[n_alike..];
            let Some(start) = encoder.start(f64::from(value), interval) else { continue };
            let limit =
                if n_alike < FEW { None } else { limits.of(value, || encoder.first_spike_limit(&start, interval)) };
            for pixel in first..first + n_alike {
                let (blocks, lane) = (&blocks[pixel / N_ABREAST], pixel % N_ABREAST);
                if limit.is_some_and(|limit| u64::from(blocks.first_word(lane)) >= limit) {
                    continue;
                }
                let block = blocks.block(lane);
                let mut train = start.clone();
                let mut random = Random::new(key.stream_from(stimulus, pixel as u32, block));
                if let Some(time) = train.next(encoder, &interval, &mut random) {
                    trains.push((pixel as u32, train, random));
                    times.push(time);
                }
            }
        }
        times.build();
    }
}

/// As many pixels alike as make a limit pay.
const FEW: usize = 8;

/// The limit of the last value that one was asked for.
#[derive(Default)]
struct Limits {
    last: Option<(u32, Option<u64>)>,
}

impl Limits {
    fn of(&mut self, value: f32, limit: impl FnOnce() -> Option<u64>) -> Option<u64> {
        match self.last {
            Some((bits, limit)) if bits == value.to_bits() => limit,
            _ => {
                let limit = limit();
                self.last = Some((value.to_bits(), limit));
                limit
            }
        }
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

/// The input spikes of one presentation after the other, drawn as a run draws them. Their memory is reused.
#[derive(Clone, Debug, Default)]
pub struct InputSpikes {
    queue: InputQueue,
}

impl InputSpikes {
    /// The spikes of a presentation, in the order of time, pixel and sign, each drawn when it is asked for.
    ///
    /// # Panics
    ///
    /// Panics when the presentation goes past the end of time.
    pub fn of<'a>(
        &'a mut self,
        encoder: &'a Encoder,
        seed: u64,
        presentation: &Presentation<'_>,
    ) -> impl Iterator<Item = InputSpike> + use<'a> {
        let Span { start, .. } = presentation.span();
        if let Err(error) = presentation.span().end() {
            panic!("{error}");
        }
        self.queue.fill(encoder, seed, presentation);
        let mut spikes = Encoded::new(&mut self.queue, encoder);
        std::iter::from_fn(move || {
            let time = Some(spikes.next_time()).filter(|&time| time != Tournament::NEVER)?;
            let (pixel, is_negative) = spikes.take();
            let (pixel, sign) = (pixel as usize, Sign::from_negative(is_negative));
            Some(InputSpike { time: SimTime(start.0 + time), pixel, sign })
        })
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

/// Checks and sorts input spikes, and counts their times from the start.
pub(crate) fn sorted(spikes: &[InputSpike], n_pixels: usize, span: Span) -> Result<Vec<InputSpike>, Error> {
    let (start, end) = (span.start, span.end()?);
    for (index, spike) in spikes.iter().enumerate() {
        if spike.pixel >= n_pixels {
            return Err(Error::NoSuchPixel { index, n_pixels, found: spike.pixel });
        }
        if spike.time < start {
            return Err(Error::SpikeTooEarly { index, start, found: spike.time });
        }
        if spike.time >= end {
            return Err(Error::SpikeTooLate { index, end, found: spike.time });
        }
    }
    let from_start = |spike: &InputSpike| InputSpike { time: SimTime((spike.time - start).0), ..*spike };
    let mut sorted: Vec<InputSpike> = spikes.iter().map(from_start).collect();
    sorted.sort_unstable_by_key(|spike| (spike.time, spike.pixel, spike.sign));
    Ok(sorted)
}
