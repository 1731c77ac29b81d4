//! What the arithmetic of a run costs by itself: the yardstick of the engine.
//!
//! A [`Trace`] records which weights were added to which potentials, in which order. Its replay does the same additions,
//! comparisons, resets and stores on the same addresses in the same order, with the same instructions, and nothing else: no
//! input is drawn, nothing is queued, counted or pooled, and nothing waits for its turn.

use crate::encoder::{Encoder, Presentation};
use crate::event::Spike;
use crate::lanes::{self, Isa, LANES, OnIsa, Rule};
use crate::plan::{Kind, Plan, Reach, Runs};
use crate::present::present;
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::{CellState, NeuronState, State};
use crate::totals::Totals;

/// The arithmetic of recorded presentations. Cells with delays or sub-sampling are left out.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    steps: Vec<Step>,
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

impl Recorder for Trace {
    const SEES_SPIKES: bool = false;

    fn spike(&mut self, _: Spike) {}

    fn reach(&mut self, cell: usize, reach: Reach, is_negative: bool) {
        self.steps.push(Step::Reach { cell: cell as u32, reach, is_negative });
    }
}

impl Trace {
    /// Records presentations.
    pub fn record<F: Real>(plan: &Plan<F>, encoder: &Encoder, seed: u64, presentations: &[Presentation<'_>]) -> Self {
        let mut trace = Self::default();
        let mut state = State::new(plan);
        let mut totals = Totals::new(plan);
        for presentation in presentations {
            trace.steps.push(Step::Begin);
            trace.n_spikes += present(plan, &mut state, encoder, seed, presentation, &mut trace).n_spikes;
            totals.add(&state);
        }
        trace.n_reads = plan.reads(&totals).iter().flatten().flatten().sum();
        trace
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
        lanes::on_widest(Replay { trace: self, plan, state })
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
                n_fired += replay::<F, I>(&weighted.neuron.rule, runs, neurons, reach, is_negative);
            }
        }
        n_fired
    }
}

#[inline(always)]
fn replay<F: Real, I: Isa>(
    rule: &Rule<F>,
    runs: &Runs<F>,
    state: &mut NeuronState<F>,
    reach: Reach,
    is_negative: bool,
) -> u64 {
    let sign = if is_negative { -F::ONE } else { F::ONE };
    let (from, to) = runs.span(reach);
    state.touched.cover(from, to);
    let masks = runs.masks(reach);
    let mut n_fired = 0;
    for (first, mut weights) in runs.rows(reach) {
        let (potentials, _) = state.potentials[first..][..reach.n_lanes].as_chunks_mut::<LANES>();
        for (v, &reached) in potentials.iter_mut().zip(masks) {
            let w = &weights.take::<I>(reached);
            let lanes = if rule.is_plain() && !is_negative {
                I::step_plain(v, w, reached, rule.threshold)
            } else {
                I::step::<F, true>(v, w, reached, sign, rule).lanes
            };
            n_fired += u64::from(lanes.count_ones());
        }
    }
    n_fired
}
