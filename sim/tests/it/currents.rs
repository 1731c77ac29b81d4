//! Closed forms of neurons that move on their own.

use sim::Sign::{self, Negative, Positive};
use sim::network::{Fc, Neuron, Operator, Reset};
use sim::recorder::Raster;
use sim::reference::{self, Report};
use sim::{InputSpike, Network, Plan, Real, SimDuration, SimTime, State, present_spikes};

use crate::build::{END, conv, fc, shape, single, spike};

/// Closed forms computed in double precision, against potentials carried from event to event.
const ROUNDING: f64 = 1e-12;

/// Every neuron model: leak, refractory period, bipolar threshold, reset.
fn models() -> Vec<Neuron> {
    let mut models = Vec::new();
    for tau in [0, 500, 40_000] {
        for refractory in [0, 1, 70, 3_000] {
            for bipolar_threshold in [false, true] {
                for reset in [Reset::Subtract, Reset::Zero] {
                    models.push(Neuron {
                        bipolar_threshold,
                        membrane_time_constant: SimDuration(tau),
                        refractory_period: SimDuration(refractory),
                        reset,
                        ..Neuron::default()
                    });
                }
            }
        }
    }
    models
}

/// One neuron with one synapse.
fn driven(current: f64, weight: f64, neuron: Neuron) -> Fc {
    Fc { currents: Some(vec![current]), neuron, ..fc(1, &[weight]) }
}

/// Runs both engines, which must agree.
#[track_caller]
fn run<F: Real>(network: &Network, spikes: &[InputSpike], duration: SimDuration) -> Report<F> {
    let report = reference::present_spikes::<F>(network, spikes, duration).unwrap();
    let plan = Plan::<F>::new(network).unwrap();
    let (mut state, mut raster) = (State::new(&plan), Raster::default());
    for _ in 0..2 {
        raster.spikes.clear();
        let outcome = present_spikes(&plan, &mut state, spikes, duration, &mut raster).unwrap();
        assert_eq!((&raster, outcome), (&report.raster, report.outcome), "both engines agree");
        assert_eq!(state.membrane_potentials(&plan, 0), report.membrane_potentials[0], "both engines agree");
    }
    report
}

/// Times at which the only neuron emits, negative ones for negative spikes, and its potential at its last event.
fn emissions(cell: Fc, spikes: &[InputSpike], end: u64) -> (Vec<i64>, f64) {
    let report = run::<f64>(&single(shape(1, 1, 1), Operator::Fc(cell)), spikes, SimDuration(end));
    let spikes = report.raster.spikes.iter().filter(|spike| spike.source != sim::network::Source::Environment);
    let times = spikes.map(|spike| spike.time.0 as i64 * spike.sign.value()).collect();
    (times, report.membrane_potentials[0][0])
}

/// The potential `d` fs after it was `v`.
fn moved(v: f64, d: f64, current: f64, neuron: &Neuron) -> f64 {
    match neuron.membrane_time_constant.0 {
        0 => v + current * d,
        tau => v * (-d / tau as f64).exp() + current * tau as f64 * -(-d / tau as f64).exp_m1(),
    }
}

#[test]
fn a_constant_current_fires_at_the_closed_form_in_every_model() {
    for neuron in models() {
        for current in [0.004, 0.001_9, 0.000_77, 0.4, -0.003] {
            let end = 30_000;
            let (found, _) = emissions(driven(current, 0.0, neuron), &[], end);
            let sign = if current > 0.0 { 1.0 } else { -1.0 };
            let (mut expected, mut v, mut t, mut ready) = (Vec::new(), 0.0, 0.0, 0.0);
            let tau = neuron.membrane_time_constant.0 as f64;
            let fires = current > 0.0 || neuron.bipolar_threshold;
            loop {
                let gap = 1.0 - v;
                let d =
                    if tau == 0.0 { gap / current.abs() } else { tau * (gap / (current.abs() * tau - 1.0)).ln_1p() };
                if !fires || d.is_nan() {
                    break;
                }
                let next = (t + d.max(1.0).ceil()).max(ready);
                if next + 1.0 >= end as f64 {
                    break;
                }
                v = moved(v, next - t, current.abs(), &neuron);
                v = if neuron.reset == Reset::Zero { 0.0 } else { v - 1.0 };
                (t, ready) = (next, next + neuron.refractory_period.0 as f64);
                expected.push(((t + 1.0) * sign) as i64);
            }
            assert_eq!(found, expected, "{neuron:?} with {current}");
        }
    }
}

#[test]
fn the_potential_leaks_towards_the_current_between_arrivals() {
    for neuron in models() {
        for current in [0.001, -0.000_2, 0.0] {
            let arrivals = [5_u64, 40, 41, 300];
            let spikes = arrivals.map(|t| spike(0, t, Positive));
            let (times, potential) = emissions(driven(current, 0.1, neuron), &spikes, 400);
            assert_eq!(times, [], "{neuron:?}");
            let mut last = 0;
            let mut v = 0.0;
            for t in arrivals {
                v = moved(v, (t - last) as f64, current, &neuron) + 0.1;
                last = t;
            }
            assert!((potential - v).abs() < ROUNDING, "{neuron:?} with {current}: {potential} against {v}");
        }
    }
}

#[test]
fn a_refractory_period_that_ends_above_the_threshold_ends_with_a_spike() {
    let neuron = Neuron { refractory_period: SimDuration(50), ..Neuron::default() };
    let spikes = [spike(0, 10, Positive)];
    // 3 at 10, 2 after its spike, then one spike a period.
    let (times, _) = emissions(driven(1e-9, 3.0, neuron), &spikes, 1_000);
    assert_eq!(times, [11, 61, 111]);
    let (times, _) = emissions(driven(0.0, 3.0, neuron), &spikes, 1_000);
    assert_eq!(times, [11], "without a current only an arrival fires");
    // 1.75 at 10, which the current takes below the threshold before the period ends, and to minus the threshold at 120.
    let (times, _) = emissions(driven(-0.025, 3.0, neuron), &spikes, 130);
    assert_eq!(times, [11, -121]);
}

#[test]
fn an_arrival_within_the_refractory_period_adds_up_and_does_not_fire_in_any_model() {
    for neuron in models() {
        for (weight, sign) in [(1.3, 1.0), (0.55, 1.0), (0.8, -1.0)] {
            let arrivals = [4_u64, 5, 6, 60, 75, 1_000, 1_001, 1_002, 3_005, 3_006, 9_000];
            let input = if sign > 0.0 { Positive } else { Negative };
            let (found, potential) =
                emissions(driven(0.0, weight, neuron), &arrivals.map(|t| spike(0, t, input)), 9_100);
            let (mut expected, mut v, mut last, mut ready) = (Vec::new(), 0.0, 0, 0);
            for t in arrivals {
                v = moved(v, (t - last) as f64, 0.0, &neuron) + sign * weight;
                last = t;
                let is_above = v >= 1.0 || (neuron.bipolar_threshold && v <= -1.0);
                if is_above && t >= ready {
                    expected.push((t as i64 + 1) * v.signum() as i64);
                    v = if neuron.reset == Reset::Zero { 0.0 } else { v - v.signum() };
                    ready = t + neuron.refractory_period.0;
                }
            }
            assert_eq!(found, expected, "{neuron:?} with {weight}");
            assert!((potential - v).abs() < ROUNDING, "{neuron:?} with {weight}: {potential} against {v}");
        }
    }
}

#[test]
fn surplus_leaves_at_one_spike_a_femtosecond() {
    let (times, potential) = emissions(driven(1e-9, 3.5, Neuron::default()), &[spike(0, 10, Positive)], 1_000);
    assert_eq!(times, [11, 12, 13]);
    assert!((potential - 0.5).abs() < 1e-7);
}

#[test]
fn a_crossing_comes_before_an_arrival_at_the_same_instant() {
    // Crosses at 100; the arrival at 100 finds it at 0 and takes it to the threshold again: two spikes at 101.
    let cell = driven(0.01, 1.0, Neuron { reset: Reset::Zero, ..Neuron::default() });
    let (times, _) = emissions(cell.clone(), &[spike(0, 100, Positive)], 150);
    assert_eq!(times, [101, 101]);
    let (times, _) = emissions(cell, &[spike(0, 100, Negative)], 150);
    assert_eq!(times, [101, -101]);
}

#[test]
fn an_arrival_moves_a_crossing_earlier_or_later() {
    let weight_at_50 = |weight| emissions(driven(0.01, weight, Neuron::default()), &[spike(0, 50, Positive)], 250).0;
    assert_eq!(weight_at_50(0.0), [101, 201]);
    assert_eq!(weight_at_50(0.25), [76, 176]);
    assert_eq!(weight_at_50(-0.25), [126, 226]);
    assert_eq!(weight_at_50(0.5), [51, 151], "the arrival itself fires");
}

#[test]
fn a_crossing_counts_for_the_decision() {
    let mut cell = driven(0.01, 0.0, Neuron::default());
    cell.terminate_max = 3;
    let network = single(shape(1, 1, 1), Operator::Fc(cell));
    let outcome = run::<f64>(&network, &[], END).outcome;
    assert_eq!(outcome.decided_at, Some(SimTime(301)));
    assert_eq!((outcome.response, outcome.last_event), (Some(0), Some(SimTime(301))));
}

#[test]
fn all_neurons_of_a_map_share_its_current() {
    let mut cell = conv(3, 1, vec![0.0; 3]);
    cell.currents = Some(vec![0.01, 0.0, 0.02]);
    let network = single(shape(1, 2, 2), Operator::Conv(cell));
    let report = run::<f32>(&network, &[], SimDuration(102));
    let totals: Vec<u64> = report.counts[1].iter().map(|counts| counts.total()).collect();
    assert_eq!(totals, [1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 2, 2]);
    let signs: Vec<Sign> = report.raster.spikes.iter().map(|spike| spike.sign).collect();
    assert_eq!(signs, [Positive; 12]);
}

#[test]
fn a_crossing_that_rounds_below_the_threshold_is_at_the_threshold() {
    let neuron = Neuron { threshold: 1e-6, bipolar_threshold: false, reset: Reset::Zero, ..Neuron::default() };
    for weight in [1.3e16, 1e16 / 3.0, 7.7e15] {
        // One unit in the last place of the potential is a million thresholds.
        let (times, potential) = emissions(driven(weight / 997.0, weight, neuron), &[spike(0, 0, Negative)], 1_000);
        assert!(times == [998, 999] || times == [999], "{times:?}");
        assert_eq!(potential, 0.0);
    }
}
