//! What an arriving spike does to neurons and pooling windows.

use crate::math;
use crate::network::{Pooling, PoolingMode};
use crate::plan::{LANES, NeuronPlan, PoolPlan, Run};
use crate::real::Real;
use crate::state::{NeuronState, PoolState};

/// Below this exponent the leak leaves nothing: ln(1e-20).
pub(crate) const LEAK_CUTOFF: f64 = -46.051_701_859_880_914;

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

/// One arrival at each neuron of a row, for neurons that only add and compare; calls `fire(neuron, is_negative)` for each
/// that fires, ascending.
#[inline(always)]
pub(super) fn row<F: Real>(
    neuron: &NeuronPlan<F>,
    run: Run<'_, F>,
    is_negative: bool,
    potentials: &mut [F],
    mut fire: impl FnMut(usize, bool),
) {
    let (weights, _) = run.weights.as_chunks::<LANES>();
    let (thresholds, _) = run.thresholds.as_chunks::<LANES>();
    let (potentials, _) = potentials[run.neuron..][..run.weights.len()].as_chunks_mut::<LANES>();
    // Multiplying by 1 or -1 is exact.
    let sign = if is_negative { -F::ONE } else { F::ONE };
    for (chunk, ((v, w), thresholds)) in potentials.iter_mut().zip(weights).zip(thresholds).enumerate() {
        let mut fires = false;
        for lane in 0..LANES {
            v[lane] += sign * w[lane];
            let level = if neuron.is_bipolar { v[lane].abs() } else { v[lane] };
            fires |= level >= thresholds[lane];
        }
        if fires {
            for lane in 0..LANES {
                let level = if neuron.is_bipolar { v[lane].abs() } else { v[lane] };
                if level >= thresholds[lane] {
                    let is_negative = v[lane] < F::ZERO;
                    v[lane] = neuron.reset(v[lane]);
                    fire(run.neuron + chunk * LANES + lane, is_negative);
                }
            }
        }
    }
}

/// One arrival at a pooling cell; calls `fire(neuron, is_negative)` for each output spike.
#[inline(always)]
pub(super) fn pool(
    pool: &PoolPlan,
    state: &mut PoolState,
    channel: usize,
    y: usize,
    x: usize,
    is_negative: bool,
    mut fire: impl FnMut(usize, bool),
) {
    let element = (channel * pool.input.height + y) * pool.input.width + x;
    let step = if is_negative { -1 } else { 1 };
    state.inputs[element] += step;
    let count = state.inputs[element];
    pool.for_each(channel, y, x, |output, neuron| {
        let tracked = &mut state.tracked[neuron];
        match (pool.pooling, pool.mode) {
            (Pooling::Max, PoolingMode::Approximated) => {
                let setter = &mut state.setters[neuron];
                let may_fall = *setter == PoolState::NO_SETTER || *setter == element as u32;
                if count > *tracked || (may_fall && count < *tracked) {
                    fire(neuron, count < *tracked);
                    *tracked = count;
                    *setter = element as u32;
                }
            }
            (Pooling::Max, PoolingMode::Exact) => {
                let greatest = if count > *tracked {
                    count
                } else if is_negative && count + 1 == *tracked {
                    pool.window_max(&state.inputs, output, neuron)
                } else {
                    *tracked
                };
                if greatest != *tracked {
                    fire(neuron, greatest < *tracked);
                    *tracked = greatest;
                }
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
                if moves != 0 {
                    fire(neuron, moves < 0);
                    *fired += moves;
                }
            }
        }
    });
}

/// `sum` / `n`, rounded half away from zero.
#[inline(always)]
pub(crate) fn rounded_mean(sum: i64, n: u64) -> i64 {
    let n = n as i64;
    sum.signum() * ((2 * sum.abs() + n) / (2 * n))
}
