//! A network with its stimuli, ready to run.

use anyhow::Result;
use rayon::prelude::*;
use sim::recorder::{Nothing, Recorder};
use sim::{Encoder, Network, Outcome, Plan, Presentation, Real, SimDuration, SimTime, State, Totals};

use super::line::Reads;
use crate::failure::wrong_input;

/// Seed of the input coding and of everything drawn here.
pub const SEED: u64 = 1;
/// Stimuli that a thread takes at a time.
const BLOCK: usize = 32;

/// What is presented.
#[derive(Clone, Debug)]
pub struct Stimulus {
    /// Keys its random stream.
    pub id: u64,
    /// The values `[channel][y][x]`.
    pub values: Vec<f32>,
}

/// A compiled network and what it is to see; nothing here is prepared while the clock runs.
pub struct Load<'a, F> {
    /// The compiled network.
    pub plan: Plan<F>,
    /// Its input coding.
    pub encoder: &'a Encoder,
    /// Its stimuli.
    pub stimuli: &'a [Stimulus],
    /// How long each is presented.
    pub duration: SimDuration,
}

impl<'a, F: Real> Load<'a, F> {
    /// Compiles the network.
    ///
    /// # Errors
    /// The network is not sound.
    pub fn new(
        network: &Network,
        encoder: &'a Encoder,
        stimuli: &'a [Stimulus],
        duration: SimDuration,
    ) -> Result<Self> {
        let plan = Plan::new(network).map_err(|e| wrong_input(e.to_string()))?;
        Ok(Self { plan, encoder, stimuli, duration })
    }

    /// A presentation of each stimulus, in order.
    pub fn presentations(&self) -> Vec<Presentation<'a>> {
        self.stimuli.iter().map(|stimulus| self.presentation(stimulus)).collect()
    }

    fn presentation(&self, stimulus: &'a Stimulus) -> Presentation<'a> {
        Presentation { values: &stimulus.values, stimulus: stimulus.id, start: SimTime::ZERO, duration: self.duration }
    }

    /// Presents one stimulus, encoding included.
    pub fn present(&self, state: &mut State<F>, stimulus: &Stimulus, recorder: &mut impl Recorder) -> Outcome {
        let presentation = Presentation {
            values: &stimulus.values,
            stimulus: stimulus.id,
            start: SimTime::ZERO,
            duration: self.duration,
        };
        sim::present(&self.plan, state, self.encoder, SEED, &presentation, recorder)
    }

    /// Presents all stimuli on this thread.
    pub fn run(&self, state: &mut State<F>) {
        for stimulus in self.stimuli {
            std::hint::black_box(self.present(state, stimulus, &mut Nothing));
        }
    }

    /// Presents all stimuli on the threads of a pool, as the spiking test does.
    pub fn run_on(&self, pool: &rayon::ThreadPool) {
        pool.install(|| {
            self.stimuli.par_chunks(BLOCK).for_each_init(
                || State::new(&self.plan),
                |state, stimuli| {
                    for stimulus in stimuli {
                        std::hint::black_box(self.present(state, stimulus, &mut Nothing));
                    }
                },
            );
        });
    }

    /// Runs all stimuli once and counts what is read.
    pub fn reads(&self) -> Reads {
        let mut state = State::new(&self.plan);
        let mut totals = Totals::new(&self.plan);
        for stimulus in self.stimuli {
            self.present(&mut state, stimulus, &mut Nothing);
            totals.add(&state);
        }
        let synaptic_events = self.plan.reads(&totals).iter().flatten().flatten().sum();
        let possible = self.plan.statistics().virtual_synapses as f64 * self.stimuli.len().max(1) as f64;
        Reads { synaptic_events, reads_per_virtual_synapse: synaptic_events as f64 / possible }
    }
}

/// A pool of `n` threads, to run one side of a comparison in.
///
/// # Errors
/// The threads cannot be started.
pub fn threads(n: usize) -> Result<rayon::ThreadPool> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(n).build()?)
}
