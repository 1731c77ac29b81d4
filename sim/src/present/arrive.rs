//! What an arriving spike does to neurons and pooling windows.

use crate::lanes::{Isa, LANES};
use crate::math;
use crate::network::{Pooling, PoolingMode};
use crate::plan::{Arrival, NeuronPlan, PoolPlan, Rows, Taps};
use crate::present::Fire;
use crate::real::Real;
use crate::state::{NeuronState, PoolState};

/// Below this exponent the leak leaves nothing: ln(1e-20).
const LEAK_CUTOFF: f64 = -46.051_701_859_880_914;

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
    if neuron.membrane_time_constant > 0 {
        let x = -((now - state.last[i]) as f64 / neuron.membrane_time_constant as f64);
        v = if x > LEAK_CUTOFF { F::from_f64(v.to_f64() * math::exp(x)) } else { F::ZERO };
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

/// One arrival at each neuron of the rows that a spike reaches, for neurons that only add and compare.
#[inline(always)]
pub(super) fn rows<F: Real, I: Isa>(
    fire: &mut Fire<'_, F>,
    state: &mut NeuronState<F>,
    rows: Rows<'_, F>,
    is_negative: bool,
) {
    let is_bipolar = fire.weighted.neuron.is_bipolar;
    let sign = if is_negative { -F::ONE } else { F::ONE };
    for run in rows {
        let (thresholds, _) = run.thresholds.as_chunks::<LANES>();
        let (weights, _) = run.weights.as_chunks::<LANES>();
        let (potentials, _) = state.potentials[run.neuron..][..run.thresholds.len()].as_chunks_mut::<LANES>();
        let (weights, potentials) = (&weights[..thresholds.len()], &mut potentials[..thresholds.len()]);
        for chunk in 0..thresholds.len() {
            let v = &mut potentials[chunk];
            let fires = I::step(v, &weights[chunk], &thresholds[chunk], sign, is_bipolar);
            if fires != 0 {
                fire_lanes(fire, &mut state.net, v, fires, run.neuron + chunk * LANES);
            }
        }
    }
}

/// The lanes of a mask fire. Out of line, so that the loop around it keeps its registers.
#[inline(never)]
fn fire_lanes<F: Real>(fire: &mut Fire<'_, F>, net: &mut [i64], v: &mut [F; LANES], mut fires: u32, first: usize) {
    while fires != 0 {
        let lane = fires.trailing_zeros() as usize % LANES;
        fires &= fires - 1;
        let is_negative = v[lane] < F::ZERO;
        v[lane] = fire.weighted.neuron.reset(v[lane]);
        fire.fire(net, first + lane, is_negative);
    }
}

/// One arrival over each synapse of a spike, in the order of taps: kernel row, kernel column, output. With sub-sampling
/// a neuron may come several times.
#[inline(always)]
pub(super) fn taps<F: Real>(
    fire: &mut Fire<'_, F>,
    state: &mut NeuronState<F>,
    taps: &Taps<F>,
    at: Arrival,
    is_negative: bool,
) {
    let synapses = &fire.weighted.synapses;
    let (rows, columns) = synapses.taps(at);
    for row in rows {
        let ky = at.first_ky + row * synapses.stride.height;
        let y = (at.qy - row) / synapses.sub_sample.height;
        for column in columns.clone() {
            let kx = at.first_kx + column * synapses.stride.width;
            let x = (at.qx - column) / synapses.sub_sample.width;
            let neuron = (y * synapses.n_columns() + x) * synapses.n_outputs;
            let weights = taps.weights(synapses, at.channel, ky, kx);
            for &output in taps.outputs(at.channel) {
                fire.arrive(state, neuron + output as usize, weights[output as usize], is_negative);
            }
        }
    }
}

/// One arrival at a pooling cell whose neurons begin at position `base`.
#[inline(always)]
pub(super) fn pool(
    pool: &PoolPlan,
    state: &mut PoolState,
    base: u32,
    (channel, y, x): (usize, usize, usize),
    is_negative: bool,
    pending: &mut Vec<u32>,
) {
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
                    pending.push((base + neuron as u32) << 1 | u32::from(moves < 0));
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
