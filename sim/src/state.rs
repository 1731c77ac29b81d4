//! What changes while a stimulus is presented: one a worker.

use crate::encoder::Train;
use crate::lanes::{Aligned, LANES};
use crate::layout;
use crate::network::Source;
use crate::plan::{Kind, Plan};
use crate::queue::{EventQueue, Tournament};
use crate::random::{Random, Stream};
use crate::real::Real;

/// Spikes of one neuron or pixel in one stimulus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Positive spikes.
    pub positive: u32,
    /// Negative spikes.
    pub negative: u32,
}

impl Counts {
    /// Positive minus negative spikes.
    pub fn net(self) -> i64 {
        i64::from(self.positive) - i64::from(self.negative)
    }

    /// Spikes of both signs.
    pub fn total(self) -> u64 {
        u64::from(self.positive) + u64::from(self.negative)
    }
}

/// The mutable side of a run, made for one [`Plan`] and used for one stimulus after the other.
///
/// After [`present`](crate::present()) it holds the counts and potentials of that stimulus, until the next begins; nothing
/// else passes from one stimulus to the next. No memory is allocated once it is warm.
#[derive(Clone, Debug)]
pub struct State<F> {
    pub(crate) cells: Vec<CellState<F>>,
    pub(crate) counts: Vec<Counts>,
    pub(crate) bases: Vec<u32>,
    output: usize,
    /// Positions (shifted by one) and signs that emit at the next instant.
    pub(crate) pending: Vec<u32>,
    /// The same for the instant at hand.
    pub(crate) firing: Vec<u32>,
    pub(crate) deliveries: Deliveries,
    pub(crate) inputs: InputQueue,
}

#[derive(Clone, Debug)]
pub(crate) enum CellState<F> {
    Neurons(NeuronState<F>),
    Pool(PoolState),
}

/// Neurons in the plan's order, `[y][x][output]`.
#[derive(Clone, Debug)]
pub(crate) struct NeuronState<F> {
    /// Followed by [`LANES`] that are never a neuron.
    pub(crate) potentials: Aligned<F>,
    /// Last arrivals; empty without leak.
    pub(crate) last: Vec<u64>,
    /// Ends of the refractory periods; empty without.
    pub(crate) refractory_until: Vec<u64>,
    /// Net spikes fired; empty where nothing terminates.
    pub(crate) net: Vec<i64>,
    /// Synaptic events that did not arrive before the end, by weight; empty without delays.
    pub(crate) unread: Vec<u32>,
}

/// Counts of a pooling cell, in canonical order.
#[derive(Clone, Debug)]
pub(crate) struct PoolState {
    /// Net spikes of each input element.
    pub(crate) inputs: Vec<i32>,
    /// What each output tracks: the maximum, or the sum.
    pub(crate) tracked: Vec<i32>,
    /// Input that set the maximum; [`PoolState::NO_SETTER`] at first.
    pub(crate) setters: Vec<u32>,
    /// Net spikes fired.
    pub(crate) fired: Vec<i32>,
    initial: i32,
}

impl PoolState {
    pub(crate) const NO_SETTER: u32 = u32::MAX;
    /// What the reference's maximum starts from.
    const BELOW_ALL: i32 = i32::MIN;
}

/// Spikes on their way over delayed synapses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deliveries {
    /// (time, source, tap, sign) in one number, and the cursor's slot.
    pub(crate) queue: EventQueue<(u128, u32)>,
    pub(crate) cursors: Vec<Cursor>,
    pub(crate) free: Vec<u32>,
}

/// One spike on its way to one cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    pub(crate) emitted_at: u64,
    pub(crate) source: u32,
    pub(crate) is_negative: bool,
    pub(crate) cell: u32,
    pub(crate) first_tap: u32,
    pub(crate) qy: u32,
    pub(crate) qx: u32,
    /// Entry that is due next, and the end of the list.
    pub(crate) next: u32,
    pub(crate) end: u32,
}

/// The pending spike of each pixel that still has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct InputQueue {
    /// Pixels that spike at all, ascending, with their trains.
    pub(crate) trains: Vec<(u32, Train, Random<Stream>)>,
    /// Time of each train's next spike.
    pub(crate) times: Tournament,
    /// First block of each pixel's random stream.
    pub(crate) blocks: Vec<[u32; 4]>,
}

impl<F: Real> State<F> {
    /// Makes the state of one worker.
    pub fn new(plan: &Plan<F>) -> Self {
        let cells = plan.cells.iter().map(|cell| match &cell.kind {
            Kind::Pool(pool) => {
                let initial = if pool.starts_below_all() { PoolState::BELOW_ALL } else { 0 };
                CellState::Pool(PoolState {
                    inputs: vec![0; pool.input.len()],
                    tracked: vec![initial; pool.output.len()],
                    setters: vec![PoolState::NO_SETTER; pool.output.len()],
                    fired: vec![0; pool.output.len()],
                    initial,
                })
            }
            Kind::Runs(weighted, _) | Kind::Taps(weighted, _) | Kind::Delayed(weighted, _) => {
                let n = cell.output.len();
                let only_if = |is_needed: bool, n: usize| if is_needed { n } else { 0 };
                let neuron = &weighted.neuron;
                let n_delays = only_if(matches!(cell.kind, Kind::Delayed(..)), weighted.synapses.n_weights());
                CellState::Neurons(NeuronState {
                    potentials: Aligned::new(F::ZERO, n + LANES),
                    last: vec![0; only_if(neuron.membrane_time_constant > 0, n)],
                    refractory_until: vec![0; only_if(neuron.refractory_period > 0, n)],
                    net: vec![0; only_if(weighted.terminates(), n)],
                    unread: vec![0; n_delays],
                })
            }
        });
        Self {
            cells: cells.collect(),
            counts: vec![Counts::default(); plan.places.len()],
            bases: plan.geometry.bases.clone(),
            output: plan.network.output,
            pending: Vec::new(),
            firing: Vec::new(),
            deliveries: Deliveries::default(),
            inputs: InputQueue::default(),
        }
    }

    /// Spikes of each neuron of a source in the last stimulus, in canonical order (channel, y, x; x fastest).
    pub fn counts(&self, source: Source) -> &[Counts] {
        let group = layout::group(source);
        &self.counts[self.bases[group] as usize..self.bases[group + 1] as usize]
    }

    /// Net spikes of each output in the last stimulus.
    pub fn scores(&self) -> impl ExactSizeIterator<Item = i64> {
        self.counts(Source::Cell(self.output)).iter().map(|counts| counts.net())
    }

    /// The first output with the greatest score; `None` where the output never spiked.
    pub fn response(&self) -> Option<usize> {
        let counts = self.counts(Source::Cell(self.output));
        if counts.iter().all(|counts| counts.total() == 0) {
            return None;
        }
        let greatest = self.scores().max()?;
        self.scores().position(|score| score == greatest)
    }

    /// Membrane potentials of a cell after the last stimulus, each as of the neuron's last arrival, in canonical order;
    /// empty for a pooling cell.
    pub fn membrane_potentials(&self, plan: &Plan<F>, cell: usize) -> Vec<F> {
        let CellState::Neurons(state) = &self.cells[cell] else { return Vec::new() };
        let shape = plan.cells[cell].output;
        (0..shape.len()).map(|i| state.potentials[i % shape.plane() * shape.channels + i / shape.plane()]).collect()
    }

    pub(crate) fn reset(&mut self) {
        for cell in &mut self.cells {
            match cell {
                CellState::Neurons(state) => {
                    state.potentials.fill(F::ZERO);
                    state.last.fill(0);
                    state.refractory_until.fill(0);
                    state.net.fill(0);
                    state.unread.fill(0);
                }
                CellState::Pool(state) => {
                    state.inputs.fill(0);
                    state.tracked.fill(state.initial);
                    state.setters.fill(PoolState::NO_SETTER);
                    state.fired.fill(0);
                }
            }
        }
        self.counts.fill(Counts::default());
        self.pending.clear();
        self.firing.clear();
        self.deliveries.queue.clear();
        self.deliveries.cursors.clear();
        self.deliveries.free.clear();
    }
}
