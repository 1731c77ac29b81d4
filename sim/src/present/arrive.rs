//! What an arriving spike does to neurons and pooling windows.

use crate::lanes::{Isa, LANES};
use crate::network::{Pooling, PoolingMode};
use crate::plan::{Arrival, FanOut, Group, NeuronPlan, PoolPlan, Rows, Runs, Tables, Taps};
use crate::present::Fire;
use crate::real::Real;
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
    let mut fires = v >= neuron.threshold || (neuron.is_bipolar && -v >= neuron.threshold);
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
    first_channel: usize,
    spikes: &[u32],
) {
    let synapses = &fire.weighted.synapses;
    let is_simple = fire.weighted.neuron.leak.is_none() && fire.weighted.neuron.refractory_period == 0;
    for &spike in spikes {
        let (neuron, is_negative) = (spike >> 1, spike & 1 == 1);
        let reach = if synapses.is_flat {
            runs.rows(first_channel * synapses.input.plane() + neuron as usize, 0, 0)
        } else {
            let place = group.place(neuron);
            runs.rows(first_channel + place.channel, place.y, place.x)
        };
        if reach.n_rows == 0 {
            continue;
        }
        let tables = runs.tables();
        let last = reach.neuron + reach.n_lanes;
        state.touched.cover(reach.neuron - (reach.n_rows - 1) * tables.neuron_step, last);
        let first_emission = fire.pending.len();
        if is_simple {
            rows::<F, I, false>(fire, state, tables, reach, is_negative);
        } else {
            rows::<F, I, true>(fire, state, tables, reach, is_negative);
        }
        fire.decide(state, first_emission);
    }
}

/// One arrival at each neuron of the rows that a spike reaches. `IS_TIMED`: there is a leak or a refractory period.
#[inline(always)]
fn rows<F: Real, I: Isa, const IS_TIMED: bool>(
    fire: &mut Fire<'_, F>,
    state: &mut NeuronState<F>,
    tables: Tables<'_, F>,
    reach: Rows,
    is_negative: bool,
) {
    let neuron = &fire.weighted.neuron;
    let now = fire.clock.now;
    let sign = if is_negative { -F::ONE } else { F::ONE };
    let (thresholds, _) = tables.thresholds[reach.threshold..][..reach.n_lanes].as_chunks::<LANES>();
    let (mut weight, mut first) = (reach.weight, reach.neuron);
    for row in 0..reach.n_rows {
        let (weights, _) = tables.weights[weight..][..reach.n_lanes].as_chunks::<LANES>();
        let (potentials, _) = state.potentials[first..][..reach.n_lanes].as_chunks_mut::<LANES>();
        let (weights, potentials) = (&weights[..thresholds.len()], &mut potentials[..thresholds.len()]);
        for chunk in 0..thresholds.len() {
            let v = &mut potentials[chunk];
            if IS_TIMED && let Some(leak) = &neuron.leak {
                let (last, _) = state.last[first + chunk * LANES..].as_chunks_mut::<LANES>();
                leak.decay_lanes(v, &mut last[0], &thresholds[chunk], now);
            }
            let mut fires = I::step(v, &weights[chunk], &thresholds[chunk], sign, neuron.is_bipolar);
            while fires != 0 {
                let lane = fires.trailing_zeros() as usize % LANES;
                fires &= fires - 1;
                let i = first + chunk * LANES + lane;
                if IS_TIMED && neuron.refractory_period > 0 {
                    if now < state.refractory_until[i] {
                        continue;
                    }
                    state.refractory_until[i] = now.saturating_add(neuron.refractory_period);
                }
                let is_negative = v[lane] < F::ZERO;
                v[lane] = neuron.reset(v[lane]);
                fire.pending.push((i as u32) << 1 | u32::from(is_negative));
            }
        }
        if row + 1 < reach.n_rows {
            weight += tables.weight_step;
            first -= tables.neuron_step;
        }
    }
}

/// One arrival over each synapse of a spike.
#[inline(always)]
pub(super) fn taps<F: Real>(
    fire: &mut Fire<'_, F>,
    state: &mut NeuronState<F>,
    taps: &Taps<F>,
    at: Arrival,
    is_negative: bool,
) {
    taps.for_each(&fire.weighted.synapses, at, |neuron, _, weight| fire.arrive(state, neuron, weight, is_negative));
}

/// Spikes at a pooling cell whose counts only rise: neurons of the source (by memory index) whose counts, already raised, are
/// `counts`.
#[inline(always)]
pub(super) fn rising(
    state: &mut PoolState,
    windows: &[u32],
    counts: &[u32],
    spikes: impl ExactSizeIterator<Item = usize>,
    pending: &mut Vec<u32>,
) {
    state.is_touched = true;
    for neuron in spikes {
        let window = windows[neuron];
        if window == FanOut::NO_WINDOW {
            continue;
        }
        let tracked = &mut state.tracked[window as usize];
        // More than once where the neuron spiked more than once in this instant.
        while counts[neuron] as i32 > *tracked {
            *tracked += 1;
            pending.push(window << 1);
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
