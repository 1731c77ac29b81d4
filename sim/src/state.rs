//! What changes while a stimulus is presented: one a worker.

use std::ops::Range;

use crate::encoder::Train;
use crate::lanes::{Aligned, LANES};
use crate::layout;
use crate::network::{Shape, Source};
use crate::plan::{Kind, Plan};
use crate::present::{Course, Deliveries};
use crate::queue::{Indexed, Tournament};
use crate::random::{Blocks, Random, Stream};
use crate::real::Real;
use crate::time::{SimDuration, SimTime, Span};

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

/// What a presentation that waits presents, whatever it has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paused {
    /// Seed of the encoder's draws.
    pub seed: u64,
    /// Number of the stimulus, as it was presented.
    pub stimulus: u64,
    /// Its whole presentation, on the clock of the run.
    pub span: Span,
}

/// The mutable side of a run, made for one [`Plan`] and used for one stimulus after the other.
///
/// After [`present`](crate::present()) it holds the counts and potentials of that stimulus, until the next begins, and
/// after a [pause](crate::present_until) all that [`resume`](crate::resume) needs; nothing else passes from one stimulus to the next. No memory is allocated once it is warm, and a reset costs what was touched: of a cell the neurons in
/// between the first and the last, of a pooling cell that heard anything all windows.
#[derive(Clone, Debug)]
pub struct State<F> {
    pub(crate) cells: Vec<CellState<F>>,
    /// The environment's, then each cell's.
    pub(crate) emissions: Vec<Emissions>,
    /// Fingerprint of the plan's network.
    pub(crate) made_for: u64,
    output: usize,
    /// Groups with pending emissions.
    pub(crate) waiting: Groups,
    pub(crate) deliveries: Deliveries<F>,
    pub(crate) inputs: InputQueue,
    /// When neurons with currents cross their thresholds, in the plan's order.
    pub(crate) crossings: Indexed,
    /// How far the presentation has come that waits here.
    pub(crate) paused: Option<Course>,
}

/// What a group has emitted and is about to emit, by memory index.
#[derive(Clone, Debug)]
pub(crate) struct Emissions {
    shape: Shape,
    pub(crate) positive: Vec<u32>,
    /// Empty where the group never spikes negatively.
    pub(crate) negative: Vec<u32>,
    /// Neurons that may have spiked.
    pub(crate) touched: Touched,
    /// Memory indices (shifted by one) and signs that emit at the next instant.
    pub(crate) pending: Vec<u32>,
    /// The same for the instant at hand.
    pub(crate) firing: Vec<u32>,
}

/// An interval of indices outside which nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Touched {
    pub(crate) const NOTHING: Self = Self { from: usize::MAX, to: 0 };

    /// Also covers [`from`, `to`).
    #[inline(always)]
    pub(crate) fn cover(&mut self, from: usize, to: usize) {
        self.from = self.from.min(from);
        self.to = self.to.max(to);
    }

    /// The indices, of `n` there are.
    #[inline]
    pub(crate) fn range(self, n: usize) -> Range<usize> {
        self.from.min(n)..self.to.min(n).max(self.from.min(n))
    }
}

/// A set of groups, or of a little more: one bit for each, or for a few neighbors where there are more than 64.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Groups {
    bits: u64,
    groups_a_bit: u32,
    n_groups: u32,
}

impl Groups {
    fn new(n: usize) -> Self {
        Self { bits: 0, groups_a_bit: n.div_ceil(64) as u32, n_groups: n as u32 }
    }

    #[inline(always)]
    pub(crate) fn insert(&mut self, group: usize) {
        let bit = if self.groups_a_bit == 1 { group as u32 } else { group as u32 / self.groups_a_bit };
        self.bits |= 1 << bit;
    }

    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Takes the least groups that one bit stands for.
    #[inline(always)]
    pub(crate) fn pop_first(&mut self) -> Option<Range<usize>> {
        if self.bits == 0 {
            return None;
        }
        let first = self.bits.trailing_zeros() * self.groups_a_bit;
        self.bits &= self.bits - 1;
        Some(first as usize..(first + self.groups_a_bit).min(self.n_groups) as usize)
    }

    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.bits = 0;
    }
}

#[derive(Clone, Debug)]
pub(crate) enum CellState<F> {
    Neurons(NeuronState<F>),
    Pool(PoolState),
}

/// Neurons in memory order.
#[derive(Clone, Debug)]
pub(crate) struct NeuronState<F> {
    /// Followed by [`LANES`] that are never a neuron, as `last` and `refractory_until` are.
    pub(crate) potentials: Aligned<F>,
    /// Last arrivals or crossings; empty without leak or current.
    pub(crate) last: Vec<u64>,
    /// Ends of the refractory periods; empty without.
    pub(crate) refractory_until: Vec<u64>,
    /// Net spikes fired; empty where nothing terminates.
    pub(crate) net: Vec<i64>,
    /// Synaptic events that did not arrive before the end, by weight; empty without delays.
    pub(crate) unread: Vec<u32>,
    /// Weights that have any.
    pub(crate) has_unread: Touched,
    /// Neurons that spikes may have arrived at, or that may have crossed their threshold.
    pub(crate) touched: Touched,
    pub(crate) activity: Activity,
}

/// How often a step of lanes fires, as far as seen. It settles which of two ways of doing the same is faster.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Activity {
    n_steps: u64,
    n_fired: u64,
}

impl Activity {
    #[inline(always)]
    pub(crate) fn count(&mut self, n_steps: usize, n_fired: usize) {
        self.n_steps += n_steps as u64;
        self.n_fired += n_fired as u64;
    }

    /// Whether a branch on it would often be guessed wrong.
    #[inline(always)]
    pub(crate) fn is_busy(self) -> bool {
        8 * self.n_fired > self.n_steps
    }
}

/// Counts of a pooling cell, in canonical order.
#[derive(Clone, Debug)]
pub(crate) struct PoolState {
    /// Net spikes of each input element; empty where counts only rise, as all that follows but `tracked` is.
    pub(crate) inputs: Vec<i32>,
    /// What each output tracks: the maximum, or the sum; by memory index where counts only rise, and then followed by what
    /// never rises: the window of those that are in none.
    pub(crate) tracked: Vec<i32>,
    /// Input that set the maximum; [`PoolState::NO_SETTER`] at first.
    pub(crate) setters: Vec<u32>,
    /// Net spikes fired.
    pub(crate) fired: Vec<i32>,
    initial: i32,
    only_rises: bool,
    /// Whether anything has arrived.
    pub(crate) is_touched: bool,
}

impl PoolState {
    pub(crate) const NO_SETTER: u32 = u32::MAX;
    /// What the reference's maximum starts from.
    const BELOW_ALL: i32 = i32::MIN;
}

/// The pending spike of each pixel that still has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct InputQueue {
    /// Pixels that spike at all, ascending, with their trains.
    pub(crate) trains: Vec<(u32, Train, Random<Stream>)>,
    /// Time of each train's next spike.
    pub(crate) times: Tournament,
    /// First block of each pixel's random stream.
    pub(crate) blocks: Vec<Blocks>,
    /// What keys the random streams.
    pub(crate) seed: u64,
    pub(crate) stimulus: u64,
    /// Where the trains end.
    pub(crate) duration: SimDuration,
}

impl<F: Real> State<F> {
    /// Makes the state of one worker.
    pub fn new(plan: &Plan<F>) -> Self {
        let cells = plan.cells.iter().map(|cell| match &cell.kind {
            Kind::Pool(pool) => {
                let initial = if pool.starts_below_all() { PoolState::BELOW_ALL } else { 0 };
                let unless_rising = |n: usize| if pool.only_rises { 0 } else { n };
                CellState::Pool(PoolState {
                    inputs: vec![0; unless_rising(pool.input.len())],
                    tracked: vec![initial; pool.output.len() + usize::from(pool.only_rises)],
                    setters: vec![PoolState::NO_SETTER; unless_rising(pool.output.len())],
                    fired: vec![0; unless_rising(pool.output.len())],
                    initial,
                    only_rises: pool.only_rises,
                    // So that the first reset sets up all.
                    is_touched: true,
                })
            }
            kind => {
                let weighted = kind.weighted().expect("only pooling cells have no synapses");
                let n = cell.output.len();
                let only_if = |is_needed: bool, n: usize| if is_needed { n } else { 0 };
                let neuron = &weighted.neuron;
                let is_driven = matches!(kind, Kind::Driven(..));
                let n_delays = only_if(kind.delayed().is_some(), weighted.synapses.n_weights());
                CellState::Neurons(NeuronState {
                    potentials: Aligned::new(F::ZERO, n + LANES),
                    last: vec![0; only_if(neuron.leak.is_some() || is_driven, n + LANES)],
                    refractory_until: vec![0; only_if(neuron.refractory_period > 0, n + LANES)],
                    net: vec![0; only_if(weighted.terminates(), n)],
                    unread: vec![0; n_delays],
                    has_unread: Touched::NOTHING,
                    touched: Touched::NOTHING,
                    activity: Activity::default(),
                })
            }
        });
        let emissions = plan.groups.iter().map(|group| Emissions {
            shape: group.shape,
            positive: vec![0; group.len()],
            negative: vec![0; if group.may_be_negative { group.len() } else { 0 }],
            touched: Touched::NOTHING,
            pending: Vec::new(),
            firing: Vec::new(),
        });
        Self {
            cells: cells.collect(),
            emissions: emissions.collect(),
            made_for: plan.fingerprint,
            output: plan.network.output,
            waiting: Groups::new(plan.groups.len()),
            deliveries: Deliveries::default(),
            inputs: InputQueue::default(),
            crossings: plan.crossings.clone(),
            paused: None,
        }
    }

    /// What is presented by the presentation that waits in this state; `None` where none does.
    pub fn paused(&self) -> Option<Paused> {
        let course = self.paused?;
        let InputQueue { seed, stimulus, duration, .. } = self.inputs;
        Some(Paused { seed, stimulus, span: Span { start: SimTime(course.clock.start), duration } })
    }

    /// Spikes of each neuron of a source in the last stimulus, in canonical order (channel, y, x; x fastest).
    pub fn counts(&self, source: Source) -> Vec<Counts> {
        self.counts_of(layout::group(source)).collect()
    }

    fn counts_of(&self, group: usize) -> impl Iterator<Item = Counts> {
        let emissions = &self.emissions[group];
        layout::memory_indices(group, emissions.shape).map(|i| Counts {
            positive: emissions.positive[i],
            negative: emissions.negative.get(i).copied().unwrap_or(0),
        })
    }

    /// Net spikes of each output in the last stimulus.
    pub fn scores(&self) -> impl Iterator<Item = i64> {
        self.counts_of(self.output + 1).map(Counts::net)
    }

    /// The first output with the greatest score; `None` where the output never spiked.
    pub fn response(&self) -> Option<usize> {
        if self.emissions[self.output + 1].touched == Touched::NOTHING {
            return None;
        }
        let greatest = self.scores().max()?;
        self.scores().position(|score| score == greatest)
    }

    /// Membrane potentials of a cell after the last stimulus, each as of the neuron's last arrival or
    /// crossing, in canonical order; empty for a pooling cell.
    pub fn membrane_potentials(&self, plan: &Plan<F>, cell: usize) -> Vec<F> {
        let CellState::Neurons(state) = &self.cells[cell] else { return Vec::new() };
        layout::memory_indices(cell + 1, plan.cells[cell].output).map(|i| state.potentials[i]).collect()
    }

    /// # Panics
    ///
    /// Panics when the state was made for another plan.
    pub(crate) fn check(&self, plan: &Plan<F>) {
        assert_eq!(self.made_for, plan.fingerprint, "a state runs the plan that it was made for");
    }

    /// Begins anew.
    ///
    /// # Panics
    ///
    /// Panics when the state was made for another plan.
    pub(crate) fn reset(&mut self, plan: &Plan<F>) {
        self.check(plan);
        self.paused = None;
        self.crossings.copy_from(&plan.crossings);
        for cell in &mut self.cells {
            match cell {
                CellState::Neurons(state) => state.reset(),
                CellState::Pool(state) => state.reset(),
            }
        }
        for emissions in &mut self.emissions {
            let range = emissions.touched.range(emissions.positive.len());
            emissions.positive[range.clone()].fill(0);
            if !emissions.negative.is_empty() {
                emissions.negative[range].fill(0);
            }
            emissions.touched = Touched::NOTHING;
            emissions.pending.clear();
            emissions.firing.clear();
        }
        self.waiting.clear();
        self.deliveries.clear();
    }
}

impl<F: Real> NeuronState<F> {
    fn reset(&mut self) {
        let range = self.touched.range(self.potentials.len());
        self.potentials[range.clone()].fill(F::ZERO);
        for times in [&mut self.last, &mut self.refractory_until] {
            let range = self.touched.range(times.len());
            times[range].fill(0);
        }
        self.net.fill(0);
        let range = self.has_unread.range(self.unread.len());
        self.unread[range].fill(0);
        self.has_unread = Touched::NOTHING;
        self.touched = Touched::NOTHING;
    }
}

impl PoolState {
    fn reset(&mut self) {
        if !std::mem::take(&mut self.is_touched) {
            return;
        }
        self.inputs.fill(0);
        self.tracked.fill(self.initial);
        if self.only_rises {
            *self.tracked.last_mut().expect("one more than there are windows") = i32::MAX;
        }
        self.setters.fill(Self::NO_SETTER);
        self.fired.fill(0);
    }
}
