//! The parts of a state, each as it is written and read.

use super::bytes::{Reader, Writer, damaged};
use crate::encoder::{Encoder, Train};
use crate::error::Error;
use crate::event::Sign;
use crate::plan::CellPlan;
use crate::present::{Clock, Course, InFlight};
use crate::random::{Purpose, Random, StreamKey};
use crate::real::Real;
use crate::state::{Emissions, InputQueue, NeuronState, PoolState, Touched};
use crate::time::{SimDuration, SimTime, Span};

impl Course {
    pub(super) fn write(&self, writer: &mut Writer) {
        let Self { clock: Clock { start, now, end, decided_at }, last_event, n_spikes } = *self;
        writer.put_all(&[start, now, end, n_spikes]);
        writer.put_option(decided_at);
        writer.put_option(last_event);
    }

    pub(super) fn read(reader: &mut Reader) -> Result<Self, Error> {
        let mut numbers = [0_u64; 4];
        reader.fill(&mut numbers)?;
        let [start, now, end, n_spikes] = numbers;
        let (decided_at, last_event) = (reader.take_option()?, reader.take_option()?);
        let span = Span { start: SimTime(start), duration: SimDuration(end) };
        let are_before = |time: Option<u64>, most| time.is_none_or(|time| time <= most);
        if now >= end || span.end().is_err() || !are_before(decided_at, end) || !are_before(last_event, now) {
            return Err(damaged("its clock is wrong"));
        }
        Ok(Self { clock: Clock { start, now, end, decided_at }, last_event, n_spikes })
    }

    /// The earliest instant at which something may be due.
    pub(super) fn first_instant(&self) -> u64 {
        if self.last_event.is_none() { 0 } else { self.clock.now + 1 }
    }
}

impl InputQueue {
    pub(super) fn write(&self, encoder: &Encoder, writer: &mut Writer) {
        writer.put_all(&[self.seed, self.stimulus, self.duration.0]);
        let mut pending: Vec<(u64, usize)> = self.times.pending().collect();
        pending.sort_unstable_by_key(|&(_, source)| source);
        writer.put(pending.len() as u64);
        for (time, source) in pending {
            let (pixel, train, random) = &self.trains[source];
            debug_assert_eq!(train.pending(encoder), time);
            writer.put(*pixel);
            writer.put_all(&[train.time, train.period]);
            writer.put(train.sign.is_negative());
            writer.put(random.words().n_drawn());
            writer.put_option(random.kept().map(f64::to_bits));
        }
    }

    /// Trains whose spikes are all drawn are not written, which leaves the order of the others.
    pub(super) fn read(
        &mut self,
        course: &Course,
        n_pixels: usize,
        encoder: &Encoder,
        reader: &mut Reader,
    ) -> Result<(), Error> {
        let mut keys = [0_u64; 3];
        reader.fill(&mut keys)?;
        (self.seed, self.stimulus, self.duration) = (keys[0], keys[1], SimDuration(keys[2]));
        if self.duration.0 < course.clock.end {
            return Err(damaged("its clock is wrong"));
        }
        let key = StreamKey::new(self.seed, Purpose::Encoder);
        let times = course.first_instant()..self.duration.0;
        for _ in 0..reader.take_len(38)? {
            let (pixel, time, period): (u32, u64, u64) = (reader.take()?, reader.take()?, reader.take()?);
            let train = Train::resumed(time, period, Sign::from_negative(reader.take()?));
            let stream = key.stream(self.stimulus, pixel).after(reader.take()?);
            let kept = reader.take_option()?.map(f64::from_bits);
            let is_next = self.trains.last().is_none_or(|&(last, ..)| last < pixel);
            let pending = train.pending(encoder);
            if !is_next || pixel as usize >= n_pixels || !times.contains(&pending) {
                return Err(damaged("no such input spike is pending"));
            }
            self.times.push(pending);
            self.trains.push((pixel, train, Random::resumed(stream, kept)));
        }
        self.times.build();
        Ok(())
    }
}

impl<F: Real> NeuronState<F> {
    pub(super) fn write(&self, n: usize, writer: &mut Writer) {
        // A double holds either float exactly, but for the payload of a NaN.
        self.potentials[..n].iter().for_each(|v| writer.put(v.to_f64()));
        for times in [&self.last, &self.refractory_until] {
            writer.put_all(&times[..n.min(times.len())]);
        }
        writer.put_all(&self.net);
        writer.put_all(&self.unread);
        self.touched.write(writer);
    }

    pub(super) fn read(&mut self, plan: &CellPlan<F>, now: u64, reader: &mut Reader) -> Result<(), Error> {
        let n = plan.output.len();
        for v in &mut self.potentials[..n] {
            *v = F::from_f64(reader.take()?);
        }
        for times in [&mut self.last, &mut self.refractory_until] {
            let n = n.min(times.len());
            reader.fill(&mut times[..n])?;
        }
        reader.fill(&mut self.net)?;
        reader.fill(&mut self.unread)?;
        self.has_unread.cover(0, self.unread.len());
        self.touched = Touched::read(reader)?;
        if self.last.iter().any(|&last| last > now) { Err(damaged("its clock is wrong")) } else { Ok(()) }
    }
}

impl PoolState {
    /// `n` windows; the one more that rising counts have is the same in every state.
    pub(super) fn write(&self, n: usize, writer: &mut Writer) {
        writer.put_all(&self.inputs);
        writer.put_all(&self.tracked[..n]);
        writer.put_all(&self.setters);
        writer.put_all(&self.fired);
        writer.put(self.is_touched);
    }

    pub(super) fn read<F>(&mut self, plan: &CellPlan<F>, reader: &mut Reader) -> Result<(), Error> {
        reader.fill(&mut self.inputs)?;
        reader.fill(&mut self.tracked[..plan.output.len()])?;
        reader.fill(&mut self.setters)?;
        reader.fill(&mut self.fired)?;
        self.is_touched = reader.take()?;
        Ok(())
    }
}

impl Emissions {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put_all(&self.positive);
        writer.put_all(&self.negative);
        self.touched.write(writer);
        writer.put(self.pending.len() as u64);
        writer.put_all(&self.pending);
    }

    pub(super) fn read(&mut self, reader: &mut Reader) -> Result<(), Error> {
        reader.fill(&mut self.positive)?;
        reader.fill(&mut self.negative)?;
        self.touched = Touched::read(reader)?;
        self.pending.resize(reader.take_len(size_of::<u32>())?, 0);
        reader.fill(&mut self.pending)?;
        let exists = |spike: u32| {
            let counts = if spike & 1 == 1 { &self.negative } else { &self.positive };
            (spike as usize >> 1) < counts.len()
        };
        if self.pending.iter().all(|&spike| exists(spike)) { Ok(()) } else { Err(damaged("no such neuron fires")) }
    }
}

impl Touched {
    pub(super) fn write(self, writer: &mut Writer) {
        let Self { from, to } = self;
        // Nothing is from the end of all numbers on, whatever their width.
        writer.put_all(&[if from == usize::MAX { u64::MAX } else { from as u64 }, to as u64]);
    }

    pub(super) fn read(reader: &mut Reader) -> Result<Self, Error> {
        let [from, to] = [reader.take::<u64>()?, reader.take()?].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        Ok(Self { from, to })
    }
}

impl InFlight {
    pub(super) const SIZE: usize = 21;

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.emitted_at);
        writer.put_all(&[self.source, self.cell, self.first_tap]);
        writer.put(self.is_negative);
    }

    pub(super) fn read(reader: &mut Reader) -> Result<Self, Error> {
        Ok(Self {
            emitted_at: reader.take()?,
            source: reader.take()?,
            cell: reader.take()?,
            first_tap: reader.take()?,
            is_negative: reader.take()?,
        })
    }
}
