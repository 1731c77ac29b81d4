//! The record of a spiking test: what each stimulus gave, at the depth asked for (`docs/record.md`).
//!
//! One recorder hands [`Pattern`]s to a [`Sink`], in the order of the test; what a sink has taken can be read whenever the run
//! ends after that.

mod csv;
#[cfg(feature = "hdf5")]
mod hdf5;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;
use sim::recorder::Potential;
use sim::{SimTime, Spike};

use crate::output::OutputFolder;

/// The files of the record as text: a folder.
pub const FOLDER: &str = "record_spike";
/// The record in one HDF5 file.
pub const HDF5: &str = "record_spike.h5";
/// Membrane potentials that one presentation has in a report at regular times, from its start on.
pub const FRAMES: u64 = 100;
/// What the first population, the environment, is called.
pub const ENVIRONMENT: &str = "env";

/// How much is recorded of each stimulus; each depth includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Answers and when they were decided
    Decisions,
    /// Spike counts a neuron
    Counts,
    /// Read events: of each cell a stimulus, of each synapse over all
    Events,
    /// Every spike
    Raster,
}

/// What a record is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables in record_spike/
    #[default]
    Csv,
    /// One file, record_spike.h5, with the spikes in the SONATA layout; in a program built with HDF5
    Hdf5,
}

/// What a record is of.
#[derive(Clone, Debug, Serialize)]
pub struct Header {
    /// Version of the layout.
    pub format: u32,
    /// Name of the model file.
    pub model: String,
    /// Version of the program.
    pub version: String,
    /// Seed of the run.
    pub seed: u64,
    /// Seed of the input coding and the delays.
    pub encoder_seed: u64,
    /// Hash of the model's text.
    pub ini_sha256: String,
    /// Hash over the trained weights' text.
    pub weights_sha256: String,
    /// Width of the potentials, `f32` or `f64`.
    pub float: String,
    /// How much is recorded.
    pub depth: Depth,
    /// Stimuli of the whole test.
    pub stimuli: u64,
    /// Presentation time of a stimulus in femtoseconds.
    pub present_time_fs: u64,
    /// The environment, then each cell.
    pub populations: Vec<Population>,
    /// Neurons with membrane traces.
    pub traces: Vec<Trace>,
}

/// A group of neurons.
#[derive(Clone, Debug, Serialize)]
pub struct Population {
    /// `env`, or the name of the cell.
    pub name: String,
    /// Maps.
    pub channels: usize,
    /// Rows of a map.
    pub height: usize,
    /// Columns of a map.
    pub width: usize,
    /// How its synapses lie, where it has any: `[outputs][channels][y][x]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapses: Option<[usize; 4]>,
}

/// A neuron whose membrane potential is traced.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// Name of the cell.
    pub cell: String,
    /// Canonical index of the neuron (channel, y, x; x fastest).
    pub neuron: usize,
    /// Index of the cell.
    #[serde(skip)]
    pub cell_index: usize,
}

/// Spikes of one neuron in one stimulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Index of the population in the header.
    pub population: usize,
    /// Canonical index of the neuron.
    pub neuron: usize,
    /// Positive spikes.
    pub positive: u32,
    /// Negative spikes.
    pub negative: u32,
}

/// What one stimulus gave; what is deeper than asked for is empty.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Its number in the test.
    pub index: u64,
    /// Its id in the database.
    pub id: u64,
    /// Its class.
    pub label: usize,
    /// The answer; `None` where no output spiked.
    pub response: Option<usize>,
    /// Femtoseconds from its start to the decision, if it was decided.
    pub latency: Option<u64>,
    /// Where its start lies on the clock of the run.
    pub start: SimTime,
    /// Spikes of the environment and all cells.
    pub n_spikes: u64,
    /// Counts of the neurons that spiked, by population and neuron.
    pub counts: Vec<Count>,
    /// Read events of each cell.
    pub reads: Vec<u64>,
    /// Every spike, in order.
    pub spikes: Vec<Spike>,
    /// Traces, in the order of the header's neurons.
    pub potentials: Vec<Potential>,
    /// Potentials at regular times, `[frame][trace]`, NaN after the end of the presentation; empty unless written to HDF5.
    pub frames: Vec<f32>,
}

impl Pattern {
    /// Roughly how much memory it takes, in entries.
    pub fn n_entries(&self) -> usize {
        1 + self.counts.len() + self.spikes.len() + self.potentials.len() + self.frames.len() / 4
    }
}

/// Takes a record as it comes.
pub trait Sink: Send {
    /// Adds patterns after those that are there. Once this returns they can be read, whatever happens to the run.
    ///
    /// # Errors
    /// They cannot be written.
    fn append(&mut self, patterns: &[Pattern]) -> Result<()>;

    /// Tells the read events of each cell's synapses over all patterns so far, in place of what was told before.
    ///
    /// # Errors
    /// They cannot be written.
    fn tell_synapses(&mut self, reads: &[Vec<Option<u64>>]) -> Result<()>;

    /// Says that nothing more comes.
    ///
    /// # Errors
    /// It cannot be written.
    fn finish(&mut self) -> Result<()>;
}

/// Begins a record, or goes on with one after its first `n` patterns.
///
/// # Errors
/// It cannot be written; there are fewer patterns to go on from.
pub fn open(output: &OutputFolder, format: Format, header: Header, n: u64) -> Result<Box<dyn Sink>> {
    match format {
        Format::Csv => Ok(Box::new(csv::Csv::open(output, header, n)?)),
        #[cfg(feature = "hdf5")]
        Format::Hdf5 => Ok(Box::new(hdf5::Hdf5::open(output, header, n)?)),
        #[cfg(not(feature = "hdf5"))]
        Format::Hdf5 => unreachable!("refused beforehand"),
    }
}

/// Removes the record of an earlier test.
///
/// # Errors
/// A file cannot be removed.
pub fn remove(output: &OutputFolder) -> Result<()> {
    csv::FILES.iter().try_for_each(|file| output.remove(&format!("{FOLDER}/{file}")))?;
    output.remove(HDF5)
}
