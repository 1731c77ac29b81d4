//! What moves a neuron with a current: arrivals, and its own crossings.

use super::{Fire, Machine};
use crate::crossing::Motion;
use crate::lanes::Isa;
use crate::layout::Link;
use crate::plan::{Driven, Fan, Group, Kind};
use crate::queue::Indexed;
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::{CellState, Deliveries, NeuronState};

impl<F: Real, R: Recorder, I: Isa> Machine<'_, F, R, I> {
    /// The neuron that is first to do so crosses its threshold. Out of line, for networks without currents.
    #[inline(never)]
    pub(super) fn cross(&mut self) {
        let Some((_, number)) = self.crossings.least() else { return };
        let first = |cell: usize| match &self.plan.cells[cell].kind {
            Kind::Driven(_, driven) => driven.first as usize,
            _ => unreachable!("only cells with currents are driven"),
        };
        let cell = self.plan.driven[self.plan.driven.partition_point(|&cell| first(cell) <= number) - 1];
        if let (Kind::Driven(weighted, driven), CellState::Neurons(state)) =
            (&self.plan.cells[cell].kind, &mut self.cells[cell])
        {
            let pending = &mut self.emissions[cell + 1].pending;
            let mut fire = Fire { weighted, pending, clock: &mut self.clock };
            let mut drive = Drive { driven, crossings: self.crossings };
            drive.cross(&mut fire, state, number - driven.first as usize);
            self.waiting.insert(cell + 1);
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
    #[inline(always)]
    pub(super) fn spread(
        &mut self,
        fire: &mut Fire<'_, F>,
        state: &mut NeuronState<F>,
        deliveries: &mut Deliveries,
        group: &Group,
        link: Link,
        spikes: &[u32],
    ) {
        let (weighted, now, driven) = (fire.weighted, fire.clock.now, self.driven);
        for &spike in spikes {
            let at = weighted.synapses.arrival_from(group, link.first_channel, spike >> 1);
            let is_negative = spike & 1 == 1;
            match &driven.fan {
                Fan::Taps(taps) => taps.for_each(&weighted.synapses, at, |neuron, output, weight| {
                    self.arrive(fire, state, (neuron, output), weight, is_negative);
                }),
                Fan::Delayed(delayed) => {
                    let arrive = |neuron: usize, weight| {
                        let output = neuron % weighted.synapses.n_outputs;
                        self.arrive(fire, state, (neuron, output), weight, is_negative);
                    };
                    let source = group.base + (spike >> 1);
                    deliveries.send(now, (weighted, delayed), link, source, at, is_negative, arrive);
                }
            }
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
        let elapsed = fire.clock.now - state.last[neuron];
        let v = F::from_f64(motion.potential_at_crossing(state.potentials[neuron].to_f64(), elapsed));
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
