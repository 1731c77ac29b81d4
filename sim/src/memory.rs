//! Bytes that a plan and the state of one worker take.

use crate::encoder::Train;
use crate::plan::{Fan, Kind, Plan};
use crate::queue::Tournament;
use crate::random::{Blocks, N_ABREAST, Random, Stream};
use crate::real::Real;

/// Bytes of one cell. The plan's are shared by all workers; each worker has a state of its own.
///
/// The lists of emissions are left out: they hold four bytes twice for each neuron that fires in one instant, and grow to the
/// most that ever did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CellMemory {
    /// State: membrane potentials.
    pub potentials: usize,
    /// State: spike counts of a stimulus, and what a pooling cell tracks.
    pub counts: usize,
    /// State: last arrivals, of neurons that leak or have a current.
    pub last: usize,
    /// State: ends of refractory periods.
    pub refractory: usize,
    /// State: pending threshold crossings of neurons with a current.
    pub crossings: usize,
    /// State: net spikes of outputs that end a stimulus, and synaptic events of cells with delays that never arrived.
    pub bookkeeping: usize,
    /// Plan: weights, and their delays.
    pub weights: usize,
    /// Plan: tables of where spikes go.
    pub tables: usize,
}

impl CellMemory {
    /// Bytes of a worker's state.
    pub fn state(&self) -> usize {
        self.potentials + self.counts + self.last + self.refractory + self.crossings + self.bookkeeping
    }

    /// Bytes of the shared plan.
    pub fn plan(&self) -> usize {
        self.weights + self.tables
    }
}

/// Bytes of the environment in the state of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentMemory {
    /// Pixels.
    pub n_pixels: usize,
    /// Spike counts of a stimulus.
    pub counts: usize,
    /// What is pending of each pixel's train, when all of them spike.
    pub input_queue: usize,
}

impl EnvironmentMemory {
    /// Bytes of a worker's state.
    pub fn state(&self) -> usize {
        self.counts + self.input_queue
    }
}

impl<F: Real> Plan<F> {
    /// Bytes of the environment, when every pixel spikes.
    pub fn environment_memory(&self) -> EnvironmentMemory {
        let n = self.groups[0].len();
        let tournament = Tournament::n_bytes_of(n);
        let blocks = n.div_ceil(N_ABREAST) * size_of::<Blocks>();
        EnvironmentMemory {
            n_pixels: n,
            counts: n * size_of::<u32>() * if self.groups[0].may_be_negative { 2 } else { 1 },
            input_queue: n * size_of::<(u32, Train, Random<Stream>)>() + tournament + blocks,
        }
    }

    /// Bytes of one cell.
    pub fn cell_memory(&self, cell: usize) -> CellMemory {
        let (group, n) = (&self.groups[cell + 1], self.groups[cell + 1].len());
        let counts = n * size_of::<u32>() * if group.may_be_negative { 2 } else { 1 };
        let windows = group.links.iter().flat_map(|fan_out| &fan_out.windows).map(|windows| windows.len());
        let mut memory = CellMemory { counts, tables: size_of::<u32>() * windows.sum::<usize>(), ..Default::default() };
        let weighted = match &self.cells[cell].kind {
            Kind::Pool(pool) => {
                let per_window = if pool.only_rises { 1 } else { 3 };
                let inputs = if pool.only_rises { 0 } else { pool.input.len() };
                memory.counts += (n * per_window + inputs) * size_of::<i32>();
                return memory;
            }
            Kind::Runs(weighted, runs) => {
                memory.weights = runs.n_bytes();
                memory.tables += runs.n_table_bytes();
                weighted
            }
            Kind::Taps(weighted, taps) => {
                memory.weights = taps.n_bytes();
                weighted
            }
            Kind::Delayed(weighted, delayed) => {
                memory.weights = delayed.n_bytes();
                memory.bookkeeping += weighted.synapses.n_weights() * size_of::<u32>();
                weighted
            }
            Kind::Driven(weighted, driven) => {
                match &driven.fan {
                    Fan::Runs(runs, drift) => {
                        memory.weights = runs.n_bytes();
                        memory.tables += runs.n_table_bytes() + std::mem::size_of_val(&drift.lanes[..]);
                    }
                    Fan::Taps(taps) => memory.weights = taps.n_bytes(),
                    Fan::Delayed(delayed) => {
                        memory.weights = delayed.n_bytes();
                        memory.bookkeeping += weighted.synapses.n_weights() * size_of::<u32>();
                    }
                }
                // A tree of minima eight wide: one time a neuron, and a seventh on top.
                memory.crossings = n * size_of::<u64>() * 8 / 7;
                weighted
            }
        };
        memory.potentials = n * size_of::<F>();
        let is_driven = matches!(self.cells[cell].kind, Kind::Driven(..));
        memory.last = if weighted.neuron.leak.is_some() || is_driven { n * size_of::<u64>() } else { 0 };
        memory.refractory = if weighted.neuron.refractory_period > 0 { n * size_of::<u64>() } else { 0 };
        memory.bookkeeping += if weighted.terminates() { n * size_of::<i64>() } else { 0 };
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{Coding, Encoder, EncoderConfig, Presentation};
    use crate::network::{Cell, Conv, Network, Neuron, Operator, Shape, Size, Source};
    use crate::present::present;
    use crate::recorder::Nothing;
    use crate::state::State;
    use crate::time::{SimDuration, SimTime};

    fn network_of(neuron: Neuron, currents: Option<Vec<f64>>) -> Network {
        let conv = Conv {
            n_outputs: 8,
            kernel: Size::square(3),
            stride: Size::square(1),
            padding: Size::square(1),
            sub_sample: Size::square(1),
            mapping: None,
            weights: vec![0.1; 8 * 2 * 9],
            delays: None,
            currents,
            neuron,
        };
        Network {
            input: Shape { channels: 2, height: 20, width: 20 },
            cells: vec![Cell {
                name: "conv".into(),
                inputs: vec![Source::Environment],
                operator: Operator::Conv(conv),
            }],
            output: 0,
        }
    }

    fn memory_of(neuron: Neuron, currents: Option<Vec<f64>>) -> (usize, CellMemory) {
        (8 * 400, Plan::<f32>::new(&network_of(neuron, currents)).unwrap().cell_memory(0))
    }

    #[test]
    fn a_pixel_takes_its_counts_and_its_pending_spike() {
        let plan = Plan::<f32>::new(&network_of(Neuron::default(), None)).unwrap();
        let mut state = State::new(&plan);
        let encoder = Encoder::new(EncoderConfig { coding: Coding::JitteredPeriodic, ..Default::default() }).unwrap();
        let values = vec![1.0; 800];
        let presentation =
            Presentation { values: &values, stimulus: 0, start: SimTime::ZERO, duration: SimDuration::s(1) };
        present(&plan, &mut state, &encoder, 1, &presentation, &mut Nothing);
        let memory = plan.environment_memory();
        let queue = &state.inputs;
        assert_eq!((memory.n_pixels, memory.counts), (800, size_of_val(&state.emissions[0].positive[..]) * 2));
        let trains_and_blocks = size_of_val(&queue.trains[..]) + size_of_val(&queue.blocks[..]);
        assert_eq!(memory.input_queue, trains_and_blocks + Tournament::n_bytes_of(800));
    }

    #[test]
    fn neurons_are_small() {
        let beyond_potential = |memory: &CellMemory| memory.state() - memory.potentials;
        let plain = Neuron { bipolar_threshold: false, ..Neuron::default() };
        let (n, memory) = memory_of(plain, None);
        assert_eq!((memory.potentials, beyond_potential(&memory)), (4 * n, 4 * n));
        let (_, bipolar) = memory_of(Neuron::default(), None);
        assert_eq!(beyond_potential(&bipolar), 8 * n);
        let leaky = Neuron { membrane_time_constant: SimDuration(100), ..Neuron::default() };
        assert_eq!(beyond_potential(&memory_of(leaky, None).1), 16 * n);
        let refractory = Neuron { refractory_period: SimDuration(100), ..Neuron::default() };
        assert_eq!(beyond_potential(&memory_of(refractory, None).1), 16 * n);
        let (_, driven) = memory_of(Neuron::default(), Some(vec![1e-6; 8]));
        assert!(beyond_potential(&driven) <= 40 * n);
    }
}
