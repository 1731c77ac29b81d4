//! What an arriving spike does to neurons and pooling windows.

use crate::lanes::{Fired, Firing, Isa, LANES, Rows};
use crate::layout::Link;
use crate::network::{Pooling, PoolingMode};
use crate::plan::{Arrival, Group, NeuronPlan, PoolPlan, Runs, Taps};
use crate::present::Fire;
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::{NeuronState, PoolState};

/// One arrival at one neuron, of weight `weight` with its sign; tells the sign of the spike that it fires.
#[inline(always)]
pub(super) fn neuron<F: Real>(
    neuron: &NeuronPlan<F>,
    state: &mut NeuronState<F>,
    i: usize,
    weight: F,
    now: u64,
) -> Option<bool> {
    let mut v = state.potentials[i];
    if let Some(leak) = &neuron.leak {
        v = leak.decay(v, now - state.last[i]);
        state.last[i] = now;
    }
    v += weight;
    let rule = &neuron.rule;
    let mut fires = v >= rule.threshold || (rule.is_bipolar && -v >= rule.threshold);
    if neuron.refractory_period > 0 && fires {
        fires = now >= state.refractory_until[i];
        if fires {
            state.refractory_until[i] = now.saturating_add(neuron.refractory_period);
        }
    }
    let is_negative = v < F::ZERO;
    state.potentials[i] = if fires { neuron.reset(v) } else { v };
    fires.then_some(is_negative)
}

/// Spikes of a group, one after the other, at rows of neurons.
#[inline(always)]
pub(super) fn runs<F: Real, I: Isa>(
    fire: &mut Fire<'_, F>,
    state: &mut NeuronState<F>,
    runs: &Runs<F>,
    group: &Group,
    link: Link,
    spikes: &[u32],
    recorder: &mut impl Recorder,
) {
    let (mut touched, mut activity) = (state.touched, state.activity);
    let is_busy = activity.is_busy();
    let is_plain = fire.weighted.neuron.rule.is_plain();
    let is_timed = fire.weighted.neuron.leak.is_some() || fire.weighted.neuron.refractory_period > 0;
    for &spike in spikes {
        let (neuron, is_negative) = (spike >> 1, spike & 1 == 1);
        let Some(reach) = runs.reach(&fire.weighted.synapses, group, link.first_channel, neuron) else { continue };
        recorder.reach(link.cell, reach, is_negative);
        let rows = runs.rows(reach);
        let (from, to) = rows.span();
        touched.cover(from, to);
        let first_emission = fire.pending.len();
        fire.pending.reserve(reach.n_rows * reach.n_lanes + LANES);
        // Constants of the loops, so that they branch on none of this.
        match (is_timed, is_plain && !is_negative, is_busy) {
            (false, true, true) => add_rows::<F, I, true, true>(fire, &mut state.potentials, rows, is_negative),
            (false, true, false) => add_rows::<F, I, true, false>(fire, &mut state.potentials, rows, is_negative),
            (false, false, _) => add_rows::<F, I, false, false>(fire, &mut state.potentials, rows, is_negative),
            (true, true, true) => add_timed_rows::<F, I, true, true>(fire, state, rows, is_negative),
            (true, true, false) => add_timed_rows::<F, I, true, false>(fire, state, rows, is_negative),
            (true, false, _) => add_timed_rows::<F, I, false, false>(fire, state, rows, is_negative),
        }
        activity.count(reach.n_rows * reach.n_lanes / LANES, fire.pending.len() - first_emission);
        fire.decide(state, first_emission);
        fire.show_all(state, link.cell, first_emission, |neuron| runs.reaches(reach, neuron), recorder);
    }
    (state.touched, state.activity) = (touched, activity);
}

/// One arrival at each neuron of the rows that a spike reaches. `IS_PLAIN`: the spike is positive and the rule is plain.
/// `IS_BUSY` says how, not what: without a branch a step, where many steps fire and a branch would often be guessed wrong.
#[inline(always)]
fn add_rows<F: Real, I: Isa, const IS_PLAIN: bool, const IS_BUSY: bool>(
    fire: &mut Fire<'_, F>,
    potentials: &mut [F],
    rows: Rows<'_, F>,
    is_negative: bool,
) {
    let rule = fire.weighted.neuron.rule;
    let sign = if is_negative { -F::ONE } else { F::ONE };
    I::add_rows::<F, IS_PLAIN, IS_BUSY>(rows, potentials, sign, &rule, &mut Push(fire.pending));
}

/// Adds what fires to the pending emissions, which have room for a step.
struct Push<'a>(&'a mut Vec<u32>);

impl Firing for Push<'_> {
    #[inline(always)]
    fn tell<I: Isa>(&mut self, first: usize, fired: Fired) {
        I::push(self.0, fired, first as u32);
    }
}

/// The same where neurons leak or have a refractory period.
#[inline(always)]
fn add_timed_rows<F: Real, I: Isa, const IS_PLAIN: bool, const IS_BUSY: bool>(
    fire: &mut Fire<'_, F>,
    state: &mut NeuronState<F>,
    rows: Rows<'_, F>,
    is_negative: bool,
) {
    let neuron = &fire.weighted.neuron;
    let now = fire.clock.now;
    let sign = if is_negative { -F::ONE } else { F::ONE };
    for (first, mut weights) in rows.each() {
        let (potentials, _) = state.potentials[first..][..rows.n_lanes()].as_chunks_mut::<LANES>();
        for (step, (v, &reached)) in potentials.iter_mut().zip(rows.masks).enumerate() {
            let w = &weights.take::<I>(reached);
            let at = first + step * LANES;
            if let Some(leak) = &neuron.leak {
                let (last, _) = state.last[at..].as_chunks_mut::<LANES>();
                I::decay(leak, v, &mut last[0], reached, now);
            }
            let mut fired;
            if neuron.refractory_period > 0 {
                fired = I::step::<F, false>(v, w, reached, sign, &neuron.rule);
                let (until, _) = state.refractory_until[at..].as_chunks_mut::<LANES>();
                fired.lanes = fire_rested(neuron, v, &mut until[0], fired.lanes, now);
            } else if IS_PLAIN {
                fired = Fired { lanes: I::step_plain(v, w, reached, neuron.rule.threshold), negative: 0 };
            } else {
                fired = I::step::<F, true>(v, w, reached, sign, &neuron.rule);
            }
            if IS_BUSY || fired.lanes != 0 {
                I::push(fire.pending, fired, at as u32);
            }
        }
    }
}

/// Resets the lanes that have reached their threshold and are not refractory, and tells which.
#[inline(always)]
fn fire_rested<F: Real>(
    neuron: &NeuronPlan<F>,
    v: &mut [F; LANES],
    until: &mut [u64; LANES],
    mut reached: u32,
    now: u64,
) -> u32 {
    let mut fired = 0;
    while reached != 0 {
        let lane = reached.trailing_zeros() as usize % LANES;
        reached &= reached - 1;
        if now >= until[lane] {
            until[lane] = now.saturating_add(neuron.refractory_period);
            v[lane] = neuron.reset(v[lane]);
            fired |= 1 << lane;
        }
    }
    fired
}

/// One arrival over each synapse of a spike.
#[inline(always)]
pub(super) fn taps<F: Real>(
    fire: &mut Fire<'_, F>,
    state: &mut NeuronState<F>,
    taps: &Taps<F>,
    (cell, at): (usize, Arrival),
    is_negative: bool,
    recorder: &mut impl Recorder,
) {
    taps.for_each(&fire.weighted.synapses, at, |neuron, _, weight| {
        let first = fire.pending.len();
        fire.arrive(state, neuron, weight, is_negative);
        fire.show(state, (cell, neuron), first, recorder);
    });
}

/// A spike at a pooling cell whose counts only rise, of a neuron that is in `window` and has now spiked `count` times.
#[inline(always)]
pub(super) fn rising(tracked: &mut [i32], window: u32, count: u32, pending: &mut Vec<u32>) {
    let tracked = &mut tracked[window as usize];
    // Without a branch, which would often be guessed wrong. More than one step rises only where a neuron spikes more than once
    // in an instant.
    loop {
        let rises = count as i32 > *tracked;
        *tracked += i32::from(rises);
        let len = pending.len();
        pending.push(window << 1);
        pending.truncate(len + usize::from(rises));
        if count as i32 <= *tracked {
            return;
        }
    }
}

/// One arrival at a pooling cell.
#[inline(always)]
pub(super) fn pool(
    pool: &PoolPlan,
    state: &mut PoolState,
    (channel, y, x): (usize, usize, usize),
    is_negative: bool,
    pending: &mut Vec<u32>,
) {
    state.is_touched = true;
    let element = (channel * pool.input.height + y) * pool.input.width + x;
    let step = if is_negative { -1 } else { 1 };
    state.inputs[element] += step;
    let (rows, columns) = pool.windows(y, x);
    for oy in rows {
        for ox in columns.clone() {
            for &output in pool.outputs(channel) {
                let neuron = (output as usize * pool.output.height + oy) * pool.output.width + ox;
                let moves = window(pool, state, element, step, output as usize, neuron);
                if moves != 0 {
                    let memory = (oy * pool.output.width + ox) * pool.output.channels + output as usize;
                    pending.push((memory as u32) << 1 | u32::from(moves < 0));
                }
            }
        }
    }
}

/// What one window does when its input `element` has moved by `step`: 0, or the sign of its spike.
#[inline(always)]
fn window(pool: &PoolPlan, state: &mut PoolState, element: usize, step: i32, output: usize, neuron: usize) -> i32 {
    let count = state.inputs[element];
    let tracked = &mut state.tracked[neuron];
    match (pool.pooling, pool.mode) {
        (Pooling::Max, PoolingMode::Approximated) => {
            let setter = &mut state.setters[neuron];
            let may_fall = *setter == PoolState::NO_SETTER || *setter == element as u32;
            let moves = count.cmp(tracked) as i32;
            if moves == 0 || (moves < 0 && !may_fall) {
                return 0;
            }
            *tracked = count;
            *setter = element as u32;
            moves
        }
        (Pooling::Max, PoolingMode::Exact) => {
            let greatest = if count > *tracked {
                count
            } else if step < 0 && count + 1 == *tracked {
                pool.window_max(&state.inputs, output, neuron)
            } else {
                *tracked
            };
            let moves = greatest - *tracked;
            *tracked = greatest;
            moves
        }
        (Pooling::Average, mode) => {
            *tracked += step;
            let mean = rounded_mean(*tracked, pool.window_len(output));
            let fired = &mut state.fired[neuron];
            let moves = match mode {
                PoolingMode::Approximated if mean.abs() > fired.abs() => tracked.signum(),
                PoolingMode::Approximated => 0,
                PoolingMode::Exact => (mean - *fired).signum(),
            };
            *fired += moves;
            moves
        }
    }
}

/// `sum` / `n`, rounded half away from zero.
#[inline(always)]
fn rounded_mean(sum: i32, n: i64) -> i32 {
    let sum = i64::from(sum);
    (sum.signum() * ((2 * sum.abs() + n) / (2 * n))) as i32
}
