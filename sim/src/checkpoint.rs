//! A presentation that waits in a [`State`], and [`Totals`], as bytes: written on one machine, read on another.
//!
//! | Bytes | What |
//! |---|---|
//! | 8 | `femtospk` |
//! | 4 | format |
//! | 4 | 1: a state, 2: totals |
//! | 4 | bits of the engine's float |
//! | 8, 8 | fingerprints of the network and of the encoder (0 for totals) |
//! | | contents, whose lengths follow from the plan |
//! | 8 | checksum of all before |
//!
//! All numbers are little-endian. What follows from the rest is not written: the order of what is pending, the crossings of
//! neurons with currents, the synapses that a spike on its way has still before it.

mod bytes;
mod fingerprint;
mod parts;

use crate::encoder::Encoder;
use crate::error::Error;
use crate::plan::Plan;
use crate::present::{Course, InFlight};
use crate::real::Real;
use crate::state::{CellState, State};
use crate::totals::Totals;

pub(crate) use fingerprint::network as fingerprint;

use bytes::{Digest, Reader, Writer, damaged};

/// Version of the bytes.
const FORMAT: u32 = 1;
const MAGIC: [u8; 8] = *b"femtospk";
const STATE: u32 = 1;
const TOTALS: u32 = 2;
/// Bytes of a checksum.
const CHECKSUM: usize = 8;

impl<F: Real> State<F> {
    /// The presentation that waits in this state, as bytes; `None` where none does.
    ///
    /// # Panics
    ///
    /// Panics when the state was made for another plan.
    pub fn to_bytes(&self, plan: &Plan<F>, encoder: &Encoder) -> Option<Vec<u8>> {
        assert_eq!(self.made_for, plan.fingerprint, "a state is written with the plan that it was made for");
        let course = self.paused?;
        let mut writer = begin::<F>(STATE, plan, fingerprint::encoder(encoder));
        course.write(&mut writer);
        self.inputs.write(encoder, &mut writer);
        for (cell, plan) in self.cells.iter().zip(&plan.cells) {
            match cell {
                CellState::Neurons(state) => state.write(plan.output.len(), &mut writer),
                CellState::Pool(state) => state.write(plan.output.len(), &mut writer),
            }
        }
        self.emissions.iter().for_each(|emissions| emissions.write(&mut writer));
        let in_flight = self.deliveries.in_flight(plan);
        writer.put(in_flight.len() as u64);
        in_flight.iter().for_each(|spike| spike.write(&mut writer));
        Some(end(writer))
    }

    /// Reads a state in which a presentation waits. The recorder of the rest sees only the rest.
    ///
    /// # Errors
    ///
    /// Bytes that are no checkpoint, are damaged, or were written for another network, encoder, float or format.
    pub fn from_bytes(plan: &Plan<F>, encoder: &Encoder, bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = open::<F>(STATE, plan, fingerprint::encoder(encoder), bytes)?;
        let mut state = Self::new(plan);
        state.reset(plan);
        let course = Course::read(&mut reader)?;
        let (now, first) = (course.clock.now, course.first_instant());
        state.inputs.read(&course, plan.network.input.len(), encoder, &mut reader)?;
        for (cell, plan) in state.cells.iter_mut().zip(&plan.cells) {
            match cell {
                CellState::Neurons(state) => state.read(plan, now, &mut reader)?,
                CellState::Pool(state) => state.read(plan, &mut reader)?,
            }
        }
        for (index, emissions) in state.emissions.iter_mut().enumerate() {
            emissions.read(&mut reader)?;
            if !emissions.pending.is_empty() {
                state.waiting.insert(index);
            }
        }
        for _ in 0..reader.take_len(InFlight::SIZE)? {
            let spike = InFlight::read(&mut reader)?;
            state.deliveries.put_back(plan, now, spike).ok_or(damaged("no such spike is on its way"))?;
        }
        reader.end()?;
        state.predict_crossings(plan);
        if state.deliveries.next_time().min(state.crossings.least_time()) < first {
            return Err(damaged("something is due before its time"));
        }
        state.paused = Some(course);
        Ok(state)
    }
}

impl Totals {
    /// These totals as bytes.
    ///
    /// # Panics
    ///
    /// Panics when the totals were made for another plan.
    pub fn to_bytes<F: Real>(&self, plan: &Plan<F>) -> Vec<u8> {
        assert_eq!(self.made_for, plan.fingerprint, "totals are written with the plan that they were made for");
        let mut writer = begin::<F>(TOTALS, plan, 0);
        writer.put(self.n_stimuli);
        for group in &self.groups {
            writer.put_all(&group.positive);
            writer.put_all(&group.negative);
        }
        self.unread.iter().for_each(|unread| writer.put_all(unread));
        end(writer)
    }

    /// Reads totals.
    ///
    /// # Errors
    ///
    /// Bytes that are no checkpoint, are damaged, or were written for another network, float or format.
    pub fn from_bytes<F: Real>(plan: &Plan<F>, bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = open::<F>(TOTALS, plan, 0, bytes)?;
        let mut totals = Self::new(plan);
        totals.n_stimuli = reader.take()?;
        for group in &mut totals.groups {
            reader.fill(&mut group.positive)?;
            reader.fill(&mut group.negative)?;
        }
        totals.unread.iter_mut().try_for_each(|unread| reader.fill(unread))?;
        reader.end()?;
        Ok(totals)
    }
}

fn begin<F: Real>(what: u32, plan: &Plan<F>, encoder: u64) -> Writer {
    let mut writer = Writer::default();
    writer.put_all(&MAGIC);
    writer.put_all(&[FORMAT, what, bits_of::<F>()]);
    writer.put_all(&[plan.fingerprint, encoder]);
    writer
}

fn end(mut writer: Writer) -> Vec<u8> {
    writer.put(Digest::of(&writer.bytes));
    writer.bytes
}

/// Checks all that stands around the contents.
fn open<'a, F: Real>(what: u32, plan: &Plan<F>, encoder: u64, bytes: &'a [u8]) -> Result<Reader<'a>, Error> {
    if !bytes.starts_with(&MAGIC) {
        return Err(Error::NotACheckpoint);
    }
    let format = Reader::new(&bytes[MAGIC.len()..]).take()?;
    if format != FORMAT {
        return Err(Error::CheckpointFormat { expected: FORMAT, found: format });
    }
    let (bytes, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(damaged("it ends too early"))?;
    if u64::from_le_bytes(*checksum) != Digest::of(bytes) {
        return Err(damaged("its checksum is wrong"));
    }
    let mut reader = Reader::new(bytes.get(MAGIC.len() + size_of_val(&FORMAT)..).ok_or(damaged("it ends too early"))?);
    let another = |expected: &str, found: &str| {
        Err(Error::CheckpointOfAnother { expected: expected.to_string(), found: found.to_string() })
    };
    let name = |what| if what == STATE { "a presentation" } else { "totals" };
    let found: u32 = reader.take()?;
    if found != what {
        return another(name(what), name(found));
    }
    let bits: u32 = reader.take()?;
    if bits != bits_of::<F>() {
        return another(F::NAME, &format!("f{bits}"));
    }
    if reader.take::<u64>()? != plan.fingerprint {
        return another("this network", "a network with other sizes, weights or parameters");
    }
    if reader.take::<u64>()? != encoder {
        return another("this encoder", "an encoder with other parameters");
    }
    Ok(reader)
}

fn bits_of<F>() -> u32 {
    8 * size_of::<F>() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encoder::{Coding, EncoderConfig, Presentation};
    use crate::network::{Cell, Conv, Fc, Network, Neuron, Operator, Pool, Pooling, PoolingMode, Shape, Size, Source};
    use crate::recorder::Nothing;
    use crate::time::{SimDuration, SimTime};

    /// Delays and currents, then a pool, then leak and refractory periods.
    fn network() -> Network {
        let size = Size::square;
        let leaky = Neuron {
            membrane_time_constant: SimDuration::ns(50),
            refractory_period: SimDuration::ns(1),
            bipolar_threshold: true,
            ..Neuron::default()
        };
        let conv = Conv {
            n_outputs: 2,
            kernel: size(2),
            stride: size(1),
            padding: size(0),
            sub_sample: size(1),
            mapping: None,
            weights: vec![0.5, 0.25, -0.5, 0.75, 0.5, 0.5, 0.25, 0.5],
            delays: Some((0..8).map(|i| SimDuration(i * 1_300_000)).collect()),
            currents: Some(vec![1e-8, 0.0]),
            neuron: leaky,
        };
        let (pooling, mode) = (Pooling::Max, PoolingMode::Exact);
        let pool =
            Pool { n_outputs: 2, pooling, mode, window: size(2), stride: size(2), padding: size(0), mapping: None };
        let fc = Fc {
            n_outputs: 2,
            weights: vec![0.5, -0.25, 0.75, 0.5],
            delays: None,
            currents: None,
            neuron: leaky,
            terminate_delta: 0,
            terminate_max: 90,
        };
        let cell = |input, operator| Cell { name: String::new(), inputs: vec![input], operator };
        let cells = vec![
            cell(Source::Environment, Operator::Conv(conv)),
            cell(Source::Cell(0), Operator::Pool(pool)),
            cell(Source::Cell(1), Operator::Fc(fc)),
        ];
        Network { input: Shape { channels: 1, height: 3, width: 3 }, cells, output: 2 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// What a checksum would find is made to pass it.
        #[test]
        fn no_bytes_make_the_reader_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(0), Just(0xff)]), 1..12),
            n_off in 0..9_usize,
        ) {
            let plan = Plan::<f32>::new(&network()).unwrap();
            let config = EncoderConfig {
                coding: Coding::Periodic,
                period_min: SimDuration(0),
                period_mean_min: SimDuration::ns(1),
                ..EncoderConfig::default()
            };
            let encoder = Encoder::new(config).unwrap();
            let mut state = State::new(&plan);
            let presentation =
                Presentation { values: &[1.0; 9], stimulus: 1, start: SimTime(9), duration: SimDuration::ns(40) };
            let pause = &mut |instant| instant > SimTime(20_000_000);
            crate::present_until(&plan, &mut state, &encoder, 1, &presentation, &mut Nothing, pause);
            let bytes = state.to_bytes(&plan, &encoder).unwrap();
            let header = 36;
            let mut contents = bytes[..bytes.len() - CHECKSUM - n_off].to_vec();
            let n = contents.len() - header;
            for (at, byte) in changes {
                contents[header + at.index(n)] = byte;
            }
            let _ = State::from_bytes(&plan, &encoder, &end(Writer { bytes: contents }));
        }
    }
}
