//! A start on the clock of the run moves a stimulus and changes nothing else, up to the end of time.

use proptest::prelude::*;
use sim::encoder::{Coding, EncoderConfig};
use sim::network::Operator;
use sim::recorder::{Nothing, Raster};
use sim::reference::{self, Report};
use sim::{
    Encoder, Error, InputSpike, Outcome, Plan, Presentation, Real, Sign, SimDuration, SimTime, Span, State, present,
    present_spikes,
};

use crate::build::{fc, shape, single, spike};
use crate::engines::{Choices, DURATION, choices, compare};

/// What a run at zero gives, as much later.
fn later<F: Clone>(report: &Report<F>, start: SimTime) -> Report<F> {
    let move_on = |time: SimTime| start + time.since_start();
    let mut report = report.clone();
    report.raster.spikes.iter_mut().for_each(|spike| spike.time = move_on(spike.time));
    let Outcome { decided_at, last_event, .. } = report.outcome;
    report.outcome.decided_at = decided_at.map(move_on);
    report.outcome.last_event = last_event.map(move_on);
    report
}

/// Both engines at a start, the naive one by the clock of the run throughout, against the naive one at zero.
fn check<F: Real>(mut choices: Choices) -> Result<(), TestCaseError> {
    let network = choices.network();
    let plan = Plan::<F>::new(&network).unwrap();
    let mut state = State::new(&plan);
    let last = u64::MAX - DURATION.0;
    for stimulus in 0..2 {
        let start = SimTime(choices.pick(&[1, 3_001, (1 << 53) + 1, last / 3, last - 1, last]));
        let encoder = choices.encoder();
        let values = choices.values(network.input.len());
        let at_zero = Presentation { values: &values, stimulus, start: SimTime::ZERO, duration: DURATION };
        let expected = later(&reference::present::<F>(&network, &encoder, 3, &at_zero).unwrap(), start);
        let presentation = Presentation { start, ..at_zero };
        prop_assert_eq!(&reference::present::<F>(&network, &encoder, 3, &presentation).unwrap(), &expected);
        let mut raster = Raster::default();
        let outcome = present(&plan, &mut state, &encoder, 3, &presentation, &mut raster);
        compare(&plan, &state, raster, outcome, &expected)?;

        let spikes = choices.spikes(network.input.len());
        let expected = later(&reference::present_spikes::<F>(&network, &spikes, DURATION).unwrap(), start);
        let spikes: Vec<InputSpike> =
            spikes.iter().map(|spike| InputSpike { time: start + spike.time.since_start(), ..*spike }).collect();
        let span = Span { start, duration: DURATION };
        prop_assert_eq!(&reference::present_spikes::<F>(&network, &spikes, span).unwrap(), &expected);
        let mut raster = Raster::default();
        let outcome = present_spikes(&plan, &mut state, &spikes, span, &mut raster).unwrap();
        compare(&plan, &state, raster, outcome, &expected)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn a_later_start_moves_every_spike_as_much_in_f32(choices in choices()) {
        check::<f32>(choices)?;
    }

    #[test]
    fn a_later_start_moves_every_spike_as_much_in_f64(choices in choices()) {
        check::<f64>(choices)?;
    }

    /// Of real lengths, whose fractions a double loses far from zero.
    #[test]
    fn a_later_start_moves_a_train_as_much(
        value in -1.4..1.4_f32,
        start in any::<u64>(),
        duration in prop_oneof![1..3_000_000_000_u64, Just(0)],
        deviation in prop_oneof![Just(0.0), Just(0.1), Just(3.0)],
        stimulus in any::<u64>(),
    ) {
        let start = SimTime(start.min(u64::MAX - duration));
        for coding in [Coding::SingleBurst, Coding::Periodic, Coding::JitteredPeriodic, Coding::Poissonian, Coding::Linear] {
            let encoder = Encoder::new(EncoderConfig {
                coding,
                period_min: SimDuration::ns(1),
                period_mean_min: SimDuration::ns(10),
                period_mean_max: SimDuration::us(100),
                period_rel_std_dev: deviation,
                max_frequency: 1e-7,
                n_levels: 256,
                ..EncoderConfig::default()
            }).unwrap();
            let train = |start| -> Vec<(u64, Sign)> {
                let presentation = Presentation { values: &[value], stimulus, start, duration: SimDuration(duration) };
                encoder.pixel_train(1, &presentation, 0).map(|(time, sign)| ((time - start).0, sign)).collect()
            };
            prop_assert_eq!(train(SimTime::ZERO), train(start));
        }
    }
}

#[test]
fn what_does_not_fit_on_the_clock_is_refused() {
    let plan = Plan::<f32>::new(&single(shape(1, 1, 1), Operator::Fc(fc(1, &[1.0])))).unwrap();
    let mut state = State::new(&plan);
    let mut check = |span: Span, spikes: &[InputSpike], expected: &str| {
        let error = present_spikes(&plan, &mut state, spikes, span, &mut Nothing).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(reference::present_spikes::<f32>(plan.network(), spikes, span).unwrap_err(), error);
        error
    };
    let span = Span { start: SimTime(u64::MAX - 9), duration: SimDuration(10) };
    let error = check(span, &[], "about 5.1 h");
    assert_eq!(error, Error::PastTheEndOfTime { start: span.start, duration: span.duration });
    let span = Span { start: SimTime(100), duration: SimDuration(10) };
    check(span, &[spike(0, 99, Sign::Positive)], "from the start of the presentation at 100 fs on, found 99 fs");
    check(span, &[spike(0, 110, Sign::Positive)], "before the end of the presentation at 110 fs, found 110 fs");
}

#[test]
fn the_last_femtosecond_is_part_of_the_clock() {
    let plan = Plan::<f32>::new(&single(shape(1, 1, 1), Operator::Fc(fc(1, &[1.0])))).unwrap();
    let span = Span { start: SimTime(u64::MAX - 10), duration: SimDuration(10) };
    let mut raster = Raster::default();
    let spikes = [u64::MAX - 2, u64::MAX - 1].map(|time| spike(0, time, Sign::Positive));
    let outcome = present_spikes(&plan, &mut State::new(&plan), &spikes, span, &mut raster).unwrap();
    assert_eq!(outcome.last_event, Some(SimTime(u64::MAX - 1)));
    let times: Vec<u64> = raster.spikes.iter().map(|spike| u64::MAX - spike.time.0).collect();
    assert_eq!(times, [2, 1, 1]);
}
