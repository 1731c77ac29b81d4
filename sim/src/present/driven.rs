//! What moves a neuron with a current: arrivals, and its own crossings.

use super::{Deliveries, Fire, Machine};
use crate::crossing::Motion;
use crate::lanes::{Isa, LANES, Mask, Rule};
use crate::layout::Link;
use crate::plan::{Drift, Driven, Fan, Group, Kind, LaneDrift, Plan, Runs, Weighted};
use crate::queue::Indexed;
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::{CellState, NeuronState, State};
use crate::time::SimTime;

/// What a double must be off at most, to be taken for a bound.
const SHRUNK: f64 = 1.0 - 1.0 / (1_u64 << 40) as f64;
/// A time that is not looked beyond.
const MOST: f64 = (1_u64 << 51) as f64;
/// Added to a number from 0 to [`MOST`], leaves it rounded in the low bits.
const TO_LOW_BITS: f64 = (1_u64 << 52) as f64;

impl<F: Real, R: Recorder, I: Isa> Machine<'_, F, R, I> {
    /// When the next crossing comes, if it comes before `limit`; else something at or after `limit`.
    #[inline(always)]
    pub(super) fn next_crossing(&mut self, limit: u64) -> u64 {
        if self.crossings.least_time() < limit {
            self.settle_least(limit);
        }
        self.crossings.least_time()
    }

    /// Replaces bounds by the crossings themselves until the least is one, or not before `limit`. Out of line, for networks
    /// without currents.
    #[inline(never)]
    fn settle_least(&mut self, limit: u64) {
        while let Some((time, number)) = self.crossings.least() {
            let crosses_at = self.crosses_at(number);
            if time >= limit || crosses_at == time {
                return;
            }
            self.crossings.set(number, crosses_at);
        }
    }

    /// The cell of a driven neuron, by its number among all of them.
    fn cell_of(&self, number: usize) -> usize {
        let first = |cell: usize| match &self.plan.cells[cell].kind {
            Kind::Driven(_, driven) => driven.first as usize,
            _ => unreachable!("only cells with currents are driven"),
        };
        self.plan.driven[self.plan.driven.partition_point(|&cell| first(cell) <= number) - 1]
    }

    /// When a driven neuron crosses its threshold.
    fn crosses_at(&self, number: usize) -> u64 {
        let cell = self.cell_of(number);
        let (Kind::Driven(weighted, driven), CellState::Neurons(state)) =
            (&self.plan.cells[cell].kind, &self.cells[cell])
        else {
            return Indexed::NEVER;
        };
        driven.crosses_at(weighted, state, number - driven.first as usize)
    }

    /// The neuron that is first to do so crosses its threshold, unless its time was but a bound. Out of line, for networks
    /// without currents.
    #[inline(never)]
    pub(super) fn cross(&mut self) {
        let Some((_, number)) = self.crossings.least() else { return };
        let crosses_at = self.crosses_at(number);
        if crosses_at > self.clock.now {
            self.crossings.set(number, crosses_at);
            return;
        }
        let cell = self.cell_of(number);
        if let (Kind::Driven(weighted, driven), CellState::Neurons(state)) =
            (&self.plan.cells[cell].kind, &mut self.cells[cell])
        {
            let pending = &mut self.emissions[cell + 1].pending;
            let mut fire = Fire { weighted, pending, clock: &mut self.clock };
            let mut drive = Drive { driven, crossings: self.crossings };
            let (neuron, first) = (number - driven.first as usize, fire.pending.len());
            drive.cross(&mut fire, state, neuron);
            fire.show(state, (cell, neuron), first, self.recorder);
            self.waiting.insert(cell + 1);
        }
    }
}

impl<F: Real> Driven<F> {
    /// When a neuron crosses its threshold, from where it stands.
    fn crosses_at(&self, weighted: &Weighted<F>, state: &NeuronState<F>, neuron: usize) -> u64 {
        let Some(motion) = &self.motions[neuron % weighted.synapses.n_outputs] else { return Indexed::NEVER };
        let ready = if weighted.neuron.refractory_period > 0 { state.refractory_until[neuron] } else { 0 };
        motion.next(state.potentials[neuron].to_f64(), state.last[neuron], ready)
    }
}

impl<F: Real> State<F> {
    /// Makes all crossings pending that follow from where the neurons stand.
    pub(crate) fn predict_crossings(&mut self, plan: &Plan<F>) {
        for &cell in &plan.driven {
            if let (Kind::Driven(weighted, driven), CellState::Neurons(state)) =
                (&plan.cells[cell].kind, &self.cells[cell])
            {
                for neuron in 0..plan.cells[cell].output.len() {
                    let time = driven.crosses_at(weighted, state, neuron);
                    self.crossings.set(driven.first as usize + neuron, time);
                }
            }
        }
    }
}

/// A cell with currents, and where its crossings are pending.
pub(super) struct Drive<'a, F> {
    pub(super) driven: &'a Driven<F>,
    pub(super) crossings: &'a mut Indexed,
}

impl<F: Real> Drive<'_, F> {
    /// Spikes of a group reach the cell.
    #[expect(clippy::too_many_arguments, reason = "what a spike is, whom it reaches, and who looks on")]
    #[inline(always)]
    pub(super) fn spread<I: Isa>(
        &mut self,
        fire: &mut Fire<'_, F>,
        state: &mut NeuronState<F>,
        deliveries: &mut Deliveries<F>,
        group: &Group,
        link: Link,
        spikes: &[u32],
        recorder: &mut impl Recorder,
    ) {
        let (weighted, now, driven) = (fire.weighted, fire.clock.now, self.driven);
        let time = SimTime(fire.clock.start + now);
        if let Fan::Runs(runs, drift) = &driven.fan {
            return self.runs::<I>(fire, state, (runs, drift), group, link, spikes, recorder);
        }
        for &spike in spikes {
            let at = weighted.synapses.arrival_from(group, link.first_channel, spike >> 1);
            let is_negative = spike & 1 == 1;
            match &driven.fan {
                Fan::Runs(..) => {}
                Fan::Taps(taps) => taps.for_each(&weighted.synapses, at, |neuron, output, weight| {
                    let first = fire.pending.len();
                    self.arrive(fire, state, (neuron, output), weight, is_negative);
                    fire.show(state, (link.cell, neuron), first, recorder);
                }),
                Fan::Delayed(delayed) => {
                    let arrive = |neuron: usize, weight| {
                        recorder.arrival(time, link.cell);
                        let output = neuron % weighted.synapses.n_outputs;
                        let first = fire.pending.len();
                        self.arrive(fire, state, (neuron, output), weight, is_negative);
                        fire.show(state, (link.cell, neuron), first, recorder);
                    };
                    let source = group.base + (spike >> 1);
                    let targets = delayed.targets(&weighted.synapses, at);
                    deliveries.send(now, (weighted, delayed), link, source, targets, is_negative, arrive);
                }
            }
        }
    }

    /// Spikes of a group, one after the other, at rows of neurons. What is pending of a neuron is a lower bound afterwards.
    #[expect(clippy::too_many_arguments, reason = "what a spike is, whom it reaches, and who looks on")]
    #[inline(always)]
    fn runs<I: Isa>(
        &mut self,
        fire: &mut Fire<'_, F>,
        state: &mut NeuronState<F>,
        (runs, drift): (&Runs<F>, &Drift),
        group: &Group,
        link: Link,
        spikes: &[u32],
        recorder: &mut impl Recorder,
    ) {
        let (rule, now) = (fire.weighted.neuron.rule, fire.clock.now);
        for &spike in spikes {
            let reach = runs.reach(&fire.weighted.synapses, group, link.first_channel, spike >> 1);
            let Some(reach) = reach else { continue };
            let sign = if spike & 1 == 1 { -F::ONE } else { F::ONE };
            let first_emission = fire.pending.len();
            fire.pending.reserve(reach.n_rows * reach.n_lanes + LANES);
            let rows = runs.rows(reach);
            let (from, to) = rows.span();
            state.touched.cover(from, to);
            for (first, mut weights) in rows.each() {
                let (potentials, _) = state.potentials[first..][..reach.n_lanes].as_chunks_mut::<LANES>();
                let (last, _) = state.last[first..][..reach.n_lanes].as_chunks_mut::<LANES>();
                let number = self.driven.first as usize + first;
                let (times, _) = self.crossings.times_mut(number, reach.n_lanes).as_chunks_mut::<LANES>();
                let steps = potentials.iter_mut().zip(last).zip(times).zip(rows.masks).zip(&drift.lanes);
                for (step, ((((v, last), times), &reached), drift)) in steps.enumerate() {
                    let w = &weights.take::<I>(reached);
                    drift.advance(v, last, reached, now);
                    let fired = I::step::<F, true>(v, w, reached, sign, &rule);
                    drift.bound(v, times, reached, now, &rule);
                    if fired.lanes != 0 {
                        I::push(fire.pending, fired, (first + step * LANES) as u32);
                    }
                }
                self.crossings.refresh(number, reach.n_lanes);
            }
            fire.decide(state, first_emission);
            fire.show_all(state, link.cell, first_emission, |neuron| runs.reaches(reach, neuron), recorder);
        }
    }

    /// One synaptic event, at the neuron of a memory index and its output map.
    #[inline(always)]
    pub(super) fn arrive(
        &mut self,
        fire: &mut Fire<'_, F>,
        state: &mut NeuronState<F>,
        (neuron, output): (usize, usize),
        weight: F,
        is_negative: bool,
    ) {
        let Some(motion) = &self.driven.motions[output] else {
            return fire.arrive(state, neuron, weight, is_negative);
        };
        let weight = if is_negative { -weight } else { weight };
        let now = fire.clock.now;
        let elapsed = now - state.last[neuron];
        let v = F::from_f64(motion.potential(state.potentials[neuron].to_f64(), elapsed)) + weight;
        let plan = &fire.weighted.neuron;
        let is_above = v >= plan.rule.threshold || (plan.rule.is_bipolar && -v >= plan.rule.threshold);
        let fires = is_above && (plan.refractory_period == 0 || now >= state.refractory_until[neuron]);
        self.settle(fire, state, motion, neuron, v, fires);
    }

    /// A neuron crosses its threshold between two arrivals.
    #[inline(always)]
    fn cross(&mut self, fire: &mut Fire<'_, F>, state: &mut NeuronState<F>, neuron: usize) {
        let Some(motion) = &self.driven.motions[neuron % fire.weighted.synapses.n_outputs] else { return };
        let (v, last, now) = (state.potentials[neuron].to_f64(), state.last[neuron], fire.clock.now);
        let ready = if fire.weighted.neuron.refractory_period > 0 { state.refractory_until[neuron] } else { 0 };
        let v = F::from_f64(motion.potential_at_crossing(v, last, now, ready));
        self.settle(fire, state, motion, neuron, v, true);
    }

    /// A neuron is at potential `v` now, and fires or not; its next crossing follows.
    #[inline(always)]
    fn settle(
        &mut self,
        fire: &mut Fire<'_, F>,
        state: &mut NeuronState<F>,
        motion: &Motion,
        neuron: usize,
        mut v: F,
        fires: bool,
    ) {
        let (plan, now) = (&fire.weighted.neuron, fire.clock.now);
        let first = fire.pending.len();
        if fires {
            if plan.refractory_period > 0 {
                state.refractory_until[neuron] = now.saturating_add(plan.refractory_period);
            }
            fire.pending.push((neuron as u32) << 1 | u32::from(v < F::ZERO));
            v = plan.reset(v);
        }
        let ready = if plan.refractory_period > 0 { state.refractory_until[neuron] } else { 0 };
        state.touched.cover(neuron, neuron + 1);
        state.potentials[neuron] = v;
        state.last[neuron] = now;
        self.crossings.set(self.driven.first as usize + neuron, motion.next(v.to_f64(), now, ready));
        fire.decide(state, first);
    }
}

impl LaneDrift {
    /// Moves the lanes that `now` see an arrival from their last one.
    #[inline(always)]
    fn advance<F: Real>(&self, v: &mut [F; LANES], last: &mut [u64; LANES], reached: Mask, now: u64) {
        for lane in 0..LANES {
            let elapsed = now.wrapping_sub(last[lane]) as f64;
            let moved = F::from_f64(v[lane].to_f64() + self.current[lane] * elapsed);
            let is_reached = reached >> lane & 1 == 1;
            v[lane] = if is_reached { moved } else { v[lane] };
            last[lane] = if is_reached { now } else { last[lane] };
        }
    }

    /// Instants before which these lanes do not cross, but after `now`. What is past the end of time is far enough.
    #[inline(always)]
    fn bound<F: Real>(&self, v: &[F; LANES], times: &mut [u64; LANES], reached: Mask, now: u64, rule: &Rule<F>) {
        let threshold = rule.threshold.to_f64();
        for lane in 0..LANES {
            let potential = v[lane].to_f64();
            let up = (threshold - potential) * self.up[lane];
            let down = (threshold + potential) * self.down[lane];
            let time = if rule.is_bipolar && down < up { down } else { up };
            // Half a femtosecond less, because what follows rounds.
            let time = time * SHRUNK - 0.5;
            let time = if time < MOST { time } else { MOST };
            let time = if time > 1.0 { time } else { 1.0 };
            let elapsed = (time + TO_LOW_BITS).to_bits() - TO_LOW_BITS.to_bits();
            times[lane] = if reached >> lane & 1 == 1 { now.saturating_add(elapsed) } else { times[lane] };
        }
    }
}
