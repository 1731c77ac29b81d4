//! Spikes that are known beforehand: what is left of a run when nobody has to find out what is next.

use std::marker::PhantomData;

use super::{Clock, Machine};
use crate::lanes::Isa;
use crate::plan::Plan;
use crate::real::Real;
use crate::recorder::Nothing;
use crate::state::State;

/// A group emits spikes of one instant, by memory index (shifted by one) and sign: they are counted, put in order, and heard
/// by the cells it leads to, as in a run. What fires there is told to the cell's list of pending emissions, and dropped.
/// Delayed synaptic events set out and never arrive.
#[inline(always)]
pub(crate) fn emit<F: Real, I: Isa>(plan: &Plan<F>, state: &mut State<F>, group: usize, spikes: &[u32]) -> u64 {
    let State { cells, emissions, waiting, deliveries, crossings, .. } = state;
    let clock = Clock { start: 0, now: 0, end: u64::MAX, decided_at: None };
    let (isa, recorder) = (PhantomData::<I>, &mut Nothing);
    emissions[group].firing.extend_from_slice(spikes);
    let mut machine =
        Machine { isa, plan, cells, emissions, waiting, deliveries, crossings, recorder, clock, n_spikes: 0 };
    machine.emit(group);
    let mut n_fired = 0;
    for fan_out in &plan.groups[group].links {
        let pending = &mut machine.emissions[fan_out.link.cell + 1].pending;
        n_fired += pending.len() as u64;
        pending.clear();
    }
    n_fired
}
