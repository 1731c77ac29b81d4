//! Where numbers end: potentials that overflow, the last instants of the clock, and states that are used wrongly.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sim::encoder::{Coding, EncoderConfig};
use sim::network::{Neuron, Operator, Pooling, PoolingMode, Source};
use sim::recorder::{Nothing, Raster, Recorder};
use sim::{
    Encoder, InputSpike, Network, Plan, Presentation, Progress, Real, Sign, SimDuration, SimTime, Spike, State,
    present, present_spikes, present_until, reference, resume,
};

use crate::build::{cell, conv, fc, pool, shape, single, spike};
use crate::engines::compare;

const WHOLE_CLOCK: SimDuration = SimDuration(u64::MAX);

/// Presents spikes to a state and expects what the naive engine finds from scratch.
fn check<F: Real>(network: &Network, state: &mut State<F>, spikes: &[InputSpike], duration: SimDuration) {
    let plan = Plan::new(network).unwrap();
    let mut raster = Raster::default();
    let outcome = present_spikes(&plan, state, spikes, duration, &mut raster).unwrap();
    let report = reference::present_spikes::<F>(network, spikes, duration).unwrap();
    compare(&plan, state, raster, outcome, &report).unwrap();
}

/// A cell that one spike reaches over one synapse with a delay.
fn delayed(delay: u64) -> Network {
    let mut cell = fc(1, &[1.0]);
    cell.delays = Some(vec![SimDuration(delay)]);
    single(shape(1, 1, 1), Operator::Fc(cell))
}

#[test]
fn an_infinite_potential_fires_only_where_a_spike_arrives() {
    let positive = |pixel, time| spike(pixel, time, Sign::Positive);
    let mut neighbors = conv(1, 1, vec![2e38]);
    (neighbors.neuron.threshold, neighbors.neuron.bipolar_threshold) = (3e38, false);
    let network = single(shape(1, 1, 2), Operator::Conv(neighbors));
    let mut state = State::new(&Plan::<f32>::new(&network).unwrap());
    check(&network, &mut state, &[positive(1, 10), positive(1, 20), positive(0, 30)], SimDuration(100));

    let mut unconnected = conv(2, 1, vec![2e38, 0.0, 0.0, 1.0]);
    unconnected.mapping = Some(vec![true, false, false, true]);
    (unconnected.neuron.threshold, unconnected.neuron.bipolar_threshold) = (3e38, false);
    let network = single(shape(2, 1, 2), Operator::Conv(unconnected));
    let mut state = State::new(&Plan::<f32>::new(&network).unwrap());
    check(&network, &mut state, &[positive(0, 10), positive(0, 20), positive(2, 30)], SimDuration(100));
}

#[test]
fn what_is_due_past_the_end_of_time_is_neither_read_nor_kept() {
    let network = delayed(20);
    let mut state = State::new(&Plan::<f32>::new(&network).unwrap());
    for time in [u64::MAX - 10, u64::MAX - 21, u64::MAX - 22, u64::MAX - 5000] {
        check(&network, &mut state, &[spike(0, time, Sign::Positive)], WHOLE_CLOCK);
        check(&network, &mut state, &[spike(0, 10, Sign::Positive)], SimDuration(100_000));
    }
}

#[test]
fn a_checkpoint_near_the_end_of_time_goes_on() {
    let network = delayed(500);
    let plan = Plan::<f32>::new(&network).unwrap();
    let max_frequency = 1.0 / 18_446_744_073_709_549_000.0;
    let config = EncoderConfig {
        coding: Coding::Linear,
        max_frequency,
        period_min: SimDuration::ZERO,
        ..EncoderConfig::default()
    };
    let encoder = Encoder::new(config).unwrap();
    let presentation = Presentation { values: &[1.0], stimulus: 0, start: SimTime::ZERO, duration: WHOLE_CLOCK };
    let whole = present(&plan, &mut State::new(&plan), &encoder, 1, &presentation, &mut Nothing);
    let mut state = State::new(&plan);
    let mut n_instants = 0;
    let pause = &mut |_: SimTime| {
        n_instants += 1;
        n_instants > 1
    };
    assert_eq!(present_until(&plan, &mut state, &encoder, 1, &presentation, &mut Nothing, pause), Progress::Paused);
    let bytes = state.to_bytes(&plan, &encoder).unwrap();
    let mut state = State::from_bytes(&plan, &encoder, &bytes).unwrap();
    let rest = resume(&plan, &mut state, &encoder, &mut Nothing, &mut |_: SimTime| false);
    assert_eq!(rest, Progress::Done(whole));
    assert!(whole.n_spikes > 0);
}

#[test]
#[should_panic(expected = "a state runs the plan that it was made for")]
fn a_state_of_another_plan_of_the_same_size_is_refused() {
    let plan =
        |mode| Plan::<f32>::new(&single(shape(1, 2, 2), Operator::Pool(pool(Pooling::Max, mode, 2, 0)))).unwrap();
    let mut state = State::new(&plan(PoolingMode::Approximated));
    let _ = present_spikes(&plan(PoolingMode::Exact), &mut state, &[], SimDuration(100), &mut Nothing);
}

/// Fails at the third spike.
struct Failing(u32);

impl Recorder for Failing {
    fn spike(&mut self, _: Spike) {
        self.0 += 1;
        assert!(self.0 < 3, "the disk is full");
    }
}

#[test]
fn a_recorder_that_fails_leaves_a_state_that_begins_anew() {
    let network = single(shape(4, 1, 1), Operator::Fc(fc(2, &[0.5; 8])));
    let plan = Plan::<f32>::new(&network).unwrap();
    let mut state = State::new(&plan);
    let spikes = [0, 1, 2, 3].map(|pixel| spike(pixel, 10, Sign::Positive));
    let run = || present_spikes(&plan, &mut state, &spikes, SimDuration(100), &mut Failing(0));
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    check(&network, &mut state, &spikes[3..], SimDuration(100));
}

/// A negative weight far above what the threshold and rounding can tell apart, and the current that makes up for it within
/// the refractory period but for a rest below zero.
#[test]
fn a_crossing_has_the_sign_of_the_threshold_that_is_crossed() {
    let mut n_checked = 0;
    for k in 0..2000 {
        let weight = 1.3e16 + f64::from(k) * 1.7e12;
        let mut cell = fc(1, &[weight]);
        cell.currents = Some(vec![weight / 997.0]);
        let refractory_period = SimDuration(997);
        cell.neuron = Neuron { threshold: 1e-6, bipolar_threshold: true, refractory_period, ..Neuron::default() };
        let network = single(shape(1, 1, 1), Operator::Fc(cell));
        let plan = Plan::<f64>::new(&network).unwrap();
        let mut raster = Raster::default();
        let spikes = [spike(0, 0, Sign::Negative)];
        present_spikes(&plan, &mut State::new(&plan), &spikes, SimDuration(1000), &mut raster).unwrap();
        let rest = (weight / 997.0).mul_add(997.0, -weight);
        let at_the_end = raster.spikes.iter().find(|spike| spike.source != Source::Environment && spike.time.0 == 998);
        if let Some(spike) = at_the_end.filter(|_| rest.abs() > 1e-6) {
            assert_eq!(spike.sign, Sign::from_negative(rest < 0.0), "weight {weight:e}, rest {rest}");
            n_checked += 1;
        }
    }
    assert!(n_checked > 100, "{n_checked}");
}

#[test]
fn few_of_many_pairs_connected() {
    for one_in in [20, 47, 49, 100] {
        let mut sparse = conv(40, 3, (0..40 * 40 * 9).map(|i| f64::from(i * 7 % 23) / 16.0 - 0.2).collect());
        sparse.mapping = Some((0..40 * 40).map(|pair| (pair * 7) % one_in == 0).collect());
        let network = single(shape(40, 5, 5), Operator::Conv(sparse));
        let mut state = State::new(&Plan::<f32>::new(&network).unwrap());
        let spikes: Vec<InputSpike> = (0..1000)
            .map(|i| spike(i * 37 % 1000, (i as u64 * i as u64) % 500, Sign::from_negative(i % 3 == 0)))
            .collect();
        check(&network, &mut state, &spikes, SimDuration(1000));
        assert!(state.counts(Source::Cell(0)).iter().any(|counts| counts.total() > 3));
    }
}

/// Cells listen to earlier ones only, so the ring is closed by presenting what leaves it again, on the same clock.
#[test]
fn one_spike_travels_round_a_ring_of_cells() {
    const N_CELLS: usize = 40;
    let link = |i: usize| {
        let mut listener = fc(1, &[1.0]);
        // Without delay, within the wheel's span, and past it.
        listener.delays = Some(vec![SimDuration([0, 1, 100, 4095, 4096, 70_001][i % 6])]);
        let input = if i == 0 { Source::Environment } else { Source::Cell(i - 1) };
        cell(&format!("cell{i}"), &[input], Operator::Fc(listener))
    };
    let cells = (0..N_CELLS).map(link).collect();
    let network = Network { input: shape(1, 1, 1), cells, output: N_CELLS - 1 };
    // A spike is emitted a femtosecond after its cause.
    let lap: u64 = (0..N_CELLS).map(|i| [0, 1, 100, 4095, 4096, 70_001][i % 6] + 1).sum();
    let plan = Plan::<f32>::new(&network).unwrap();
    let mut state = State::new(&plan);
    let mut now = SimTime::ZERO;
    for n_laps in 1..=1000 {
        let mut raster = Raster::default();
        let span = sim::Span { start: now, duration: SimDuration(lap + 1) };
        let spikes = [InputSpike { time: now, pixel: 0, sign: Sign::Positive }];
        let outcome = present_spikes(&plan, &mut state, &spikes, span, &mut raster).unwrap();
        assert_eq!(outcome.n_spikes, N_CELLS as u64 + 1);
        let seen: Vec<_> = raster.spikes.iter().skip(1).map(|spike| spike.source).collect();
        assert_eq!(seen, (0..N_CELLS).map(Source::Cell).collect::<Vec<_>>());
        now = raster.spikes[N_CELLS].time;
        assert_eq!(now, SimTime(n_laps * lap));
    }
}
