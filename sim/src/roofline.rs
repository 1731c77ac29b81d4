//! What the arithmetic of a run costs by itself: the yardstick of the engine.
//!
//! A [`Trace`] records which weights were added to which potentials, in which order. Its replay does the same additions,
//! comparisons, resets and stores on the same addresses in the same order, with the same instructions, and nothing else: no
//! input is drawn, nothing is queued, counted or pooled, and nothing waits for its turn.
//!
//! Between the two lies the replay of its spikes: all that the engine does with a spike once it is known to be the next one.
//! What the engine takes beyond that is time: input, queue, loop over instants. What that takes beyond the arithmetic is
//! counting, order within an instant, pooling, finding the reach of a spike and telling who fired.

use crate::encoder::{Encoder, Presentation};
use crate::event::Spike;
use crate::lanes::{self, Fired, Firing, Isa, OnIsa, Rule};
use crate::layout;
use crate::plan::{Kind, Plan, Reach, Runs};
use crate::present::{emit_recorded, present};
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::{CellState, NeuronState, State};
use crate::time::SimTime;
use crate::totals::Totals;

/// The arithmetic of recorded presentations. Cells with delays or sub-sampling are left out.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    steps: Vec<Step>,
    emissions: Vec<Emission>,
    /// By memory index (shifted by one) and sign.
    spikes: Vec<u32>,
    n_reads: u64,
    n_spikes: u64,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A presentation begins.
    Begin,
    Reach {
        cell: u32,
        reach: Reach,
        is_negative: bool,
    },
}

/// Spikes of one group at one instant.
#[derive(Clone, Copy, Debug)]
struct Emission {
    /// `None` where a presentation begins.
    group: Option<u32>,
    time: SimTime,
    /// One past its last spike.
    end: usize,
}

/// Records into a trace; the plan knows where neurons lie.
struct Tracer<'a, F> {
    trace: Trace,
    plan: &'a Plan<F>,
}

impl<F: Real> Recorder for Tracer<'_, F> {
    fn spike(&mut self, spike: Spike) {
        let Trace { emissions, spikes, .. } = &mut self.trace;
        let group = layout::group(spike.source);
        let memory = self.plan.groups[group].memory(spike.neuron as u32);
        spikes.push(memory << 1 | u32::from(spike.sign.is_negative()));
        let at = (Some(group as u32), spike.time);
        match emissions.last_mut() {
            Some(last) if (last.group, last.time) == at => last.end = spikes.len(),
            _ => emissions.push(Emission { group: at.0, time: at.1, end: spikes.len() }),
        }
    }

    fn reach(&mut self, cell: usize, reach: Reach, is_negative: bool) {
        self.trace.steps.push(Step::Reach { cell: cell as u32, reach, is_negative });
    }
}

impl Trace {
    /// Records presentations.
    pub fn record<F: Real>(plan: &Plan<F>, encoder: &Encoder, seed: u64, presentations: &[Presentation<'_>]) -> Self {
        let mut tracer = Tracer { trace: Self::default(), plan };
        let mut state = State::new(plan);
        let mut totals = Totals::new(plan);
        for presentation in presentations {
            tracer.trace.steps.push(Step::Begin);
            let end = tracer.trace.spikes.len();
            tracer.trace.emissions.push(Emission { group: None, time: SimTime(0), end });
            tracer.trace.n_spikes += present(plan, &mut state, encoder, seed, presentation, &mut tracer).n_spikes;
            totals.add(&state);
        }
        tracer.trace.n_reads = plan.reads(&totals).iter().flatten().flatten().sum();
        tracer.trace
    }

    /// Read events recorded.
    pub fn n_reads(&self) -> u64 {
        self.n_reads
    }

    /// Spikes emitted in the recorded run.
    pub fn n_spikes(&self) -> u64 {
        self.n_spikes
    }

    /// Does the arithmetic again and returns how often a threshold was reached, so that nothing is optimized away.
    pub fn replay<F: Real>(&self, plan: &Plan<F>, state: &mut State<F>) -> u64 {
        F::replay(self, plan, state)
    }

    /// Counts, orders and spreads the spikes again, and returns how many fired. Delayed synaptic events do not arrive.
    pub fn replay_spikes<F: Real>(&self, plan: &Plan<F>, state: &mut State<F>) -> u64 {
        F::replay_spikes(self, plan, state)
    }

    pub(crate) fn replay_on_widest<F: Real>(&self, plan: &Plan<F>, state: &mut State<F>) -> u64 {
        lanes::on_widest(Replay { trace: self, plan, state })
    }

    pub(crate) fn replay_spikes_on_widest<F: Real>(&self, plan: &Plan<F>, state: &mut State<F>) -> u64 {
        lanes::on_widest(ReplaySpikes { trace: self, plan, state })
    }
}

struct ReplaySpikes<'a, F> {
    trace: &'a Trace,
    plan: &'a Plan<F>,
    state: &'a mut State<F>,
}

impl<F: Real> OnIsa for ReplaySpikes<'_, F> {
    type Output = u64;

    #[inline(always)]
    fn run<I: Isa>(self) -> u64 {
        let (mut n_fired, mut from) = (0, 0);
        for &Emission { group, end, .. } in &self.trace.emissions {
            match group {
                None => self.state.reset(self.plan),
                Some(group) => {
                    let spikes = &self.trace.spikes[from..end];
                    n_fired += emit_recorded::<F, I>(self.plan, self.state, group as usize, spikes);
                }
            }
            from = end;
        }
        n_fired
    }
}

struct Replay<'a, F> {
    trace: &'a Trace,
    plan: &'a Plan<F>,
    state: &'a mut State<F>,
}

impl<F: Real> OnIsa for Replay<'_, F> {
    type Output = u64;

    #[inline(always)]
    fn run<I: Isa>(self) -> u64 {
        let mut n_fired = 0;
        for step in &self.trace.steps {
            let Step::Reach { cell, reach, is_negative } = *step else {
                self.state.reset(self.plan);
                continue;
            };
            let cell = cell as usize;
            if let (Kind::Runs(weighted, runs), CellState::Neurons(neurons)) =
                (&self.plan.cells[cell].kind, &mut self.state.cells[cell])
            {
                let rule = &weighted.neuron.rule;
                // A constant of the loop, so that it does not branch on it.
                n_fired += if rule.is_plain() && !is_negative {
                    replay::<F, I, true>(rule, runs, neurons, reach, is_negative)
                } else {
                    replay::<F, I, false>(rule, runs, neurons, reach, is_negative)
                };
            }
        }
        n_fired
    }
}

#[inline(always)]
fn replay<F: Real, I: Isa, const IS_PLAIN: bool>(
    &rule: &Rule<F>,
    runs: &Runs<F>,
    state: &mut NeuronState<F>,
    reach: Reach,
    is_negative: bool,
) -> u64 {
    let sign = if is_negative { -F::ONE } else { F::ONE };
    let rows = runs.rows(reach);
    let (from, to) = rows.span();
    state.touched.cover(from, to);
    let mut fired = Count(0);
    I::add_rows::<F, IS_PLAIN, true>(rows, &mut state.potentials, sign, &rule, &mut fired);
    fired.0
}

/// How many fired.
struct Count(u64);

impl Firing for Count {
    #[inline(always)]
    fn tell<I: Isa>(&mut self, _: usize, fired: Fired) {
        self.0 += u64::from(fired.lanes.count_ones());
    }
}
