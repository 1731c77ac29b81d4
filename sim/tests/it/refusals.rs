//! What cannot be run is refused with its cause.

use sim::Sign::Positive;
use sim::encoder::{Coding, EncoderConfig};
use sim::network::{Cell, Operator, Pooling, PoolingMode, Size, Source};
use sim::recorder::Nothing;
use sim::{Encoder, Network, Plan, SimDuration, State, present_spikes, reference};

use crate::build::{END, conv, fc, pool, shape, single, spike};

#[track_caller]
fn check(network: &Network, expected: &str) {
    assert_eq!(Plan::<f32>::new(network).unwrap_err().to_string(), expected);
    assert_eq!(reference::present_spikes::<f32>(network, &[], END).unwrap_err().to_string(), expected);
}

#[test]
fn a_network_that_cannot_run_is_refused() {
    let input = shape(1, 4, 4);
    let with = |change: &dyn Fn(&mut Cell)| {
        let mut network = single(input, Operator::Fc(fc(2, &[0.5; 32])));
        change(&mut network.cells[0]);
        network
    };
    let fc_with = |change: &dyn Fn(&mut sim::network::Fc)| {
        let mut cell = fc(2, &[0.5; 32]);
        change(&mut cell);
        single(input, Operator::Fc(cell))
    };
    check(&with(&|cell| cell.inputs.clear()), "cell `cell` has no input; name at least one source");
    check(
        &with(&|cell| cell.inputs = vec![Source::Cell(0)]),
        "cell `cell` takes input from cell number 0, which does not stand before it; order the cells so that each follows its inputs",
    );
    check(&fc_with(&|fc| fc.weights.truncate(31)), "cell `cell`: expected 32 weights, found 31");
    check(&fc_with(&|fc| fc.delays = Some(Vec::new())), "cell `cell`: expected 32 delays, found 0");
    check(&fc_with(&|fc| fc.currents = Some(vec![0.5])), "cell `cell`: expected 2 currents (one an output), found 1");
    check(
        &fc_with(&|fc| fc.currents = Some(vec![0.0, f64::INFINITY])),
        "cell `cell`: expected current number 1, and its product with the membrane time constant, to be a finite f32, found inf a femtosecond; rescale the bias it comes from",
    );
    check(
        &fc_with(&|fc| {
            fc.currents = Some(vec![1e30, 0.0]);
            fc.neuron.membrane_time_constant = SimDuration::us(1);
        }),
        "cell `cell`: expected current number 0, and its product with the membrane time constant, to be a finite f32, found 1000000000000000000000000000000 a femtosecond; rescale the bias it comes from",
    );
    check(
        &fc_with(&|fc| fc.weights[7] = f64::NAN),
        "cell `cell`: expected weight number 7 to be a finite f32, found NaN; retrain or rescale the weights",
    );
    check(
        &fc_with(&|fc| fc.weights[7] = 1e300),
        &format!(
            "cell `cell`: expected weight number 7 to be a finite f32, found {}; retrain or rescale the weights",
            1e300
        ),
    );
    check(
        &fc_with(&|fc| fc.neuron.threshold = 0.0),
        "cell `cell`: expected a Threshold above 0 (and finite as f32), found 0",
    );
    check(
        &single(input, Operator::Conv(conv(1, 5, vec![0.0; 25]))),
        "cell `cell`: expected a kernel of at most 4x4 (the input with its padding), found 5x5; use a smaller kernel or more padding",
    );
    let mut mapped = conv(2, 2, vec![0.0; 8]);
    mapped.mapping = Some(vec![true; 3]);
    check(
        &single(input, Operator::Conv(mapped)),
        "cell `cell`: expected 2 entries of the mapping (outputs x channels), found 3",
    );
    let mut still = conv(1, 2, vec![0.0; 4]);
    still.stride = Size::square(0);
    check(
        &single(input, Operator::Conv(still)),
        "`cell`: expected every size to be at least 1, found a kernel of 2 and a stride of 0; give each dimension a positive size",
    );
    check(
        &single(shape(0, 4, 4), Operator::Pool(pool(Pooling::Max, PoolingMode::Exact, 2, 0))),
        "`input`: expected every size to be at least 1, found 0x4x4; give each dimension a positive size",
    );
    check(
        &single(shape(usize::MAX, usize::MAX, 2), Operator::Pool(pool(Pooling::Max, PoolingMode::Exact, 2, 0))),
        &format!("`input`: found {} elements, expected at most 2147483648; split the network or the cell", u128::MAX),
    );
    let mut network = single(input, Operator::Fc(fc(2, &[0.5; 32])));
    network.output = 1;
    check(&network, "expected the output to be one of the 1 cells, found cell number 1");
}

#[test]
fn inputs_that_differ_in_size_are_refused() {
    let mut network = single(shape(1, 4, 4), Operator::Conv(conv(1, 2, vec![0.0; 4])));
    network.cells.push(Cell {
        name: "both".into(),
        inputs: vec![Source::Environment, Source::Cell(0)],
        operator: Operator::Conv(conv(1, 2, vec![0.0; 8])),
    });
    check(&network, "cell `both`: expected all inputs to be 4x4 (width x height) as the first, found one of 3x3");
}

#[test]
fn an_encoder_that_contradicts_itself_is_refused() {
    #[track_caller]
    fn check(change: impl Fn(&mut EncoderConfig), expected: &str) {
        for coding in [Coding::SingleBurst, Coding::Poissonian] {
            let mut config = EncoderConfig { coding, ..EncoderConfig::default() };
            change(&mut config);
            assert_eq!(Encoder::new(config).unwrap_err().to_string(), expected);
        }
    }
    check(
        |config| config.period_mean_max = config.period_mean_min,
        "expected PeriodMeanMin below PeriodMeanMax, found PeriodMeanMin = 50 ms and PeriodMeanMax = 50 ms",
    );
    check(
        |config| config.period_min = SimDuration::ms(51),
        "expected PeriodMin to be at most PeriodMeanMin, found PeriodMin = 51 ms and PeriodMeanMin = 50 ms",
    );
    check(|config| config.period_mean_min = SimDuration::ZERO, "expected PeriodMeanMin to be at least 1 fs, found 0");
    check(
        |config| config.discarded_late_stimuli = 1.5,
        "expected DiscardedLateStimuli to be between 0 and 1, found 1.5",
    );
    check(|config| config.period_rel_std_dev = f64::NAN, "expected PeriodRelStdDev to be 0 or more, found NaN");
    check(|config| config.n_levels = 1, "expected the number of levels to be at least 2, found 1");
    let equal = EncoderConfig { period_min: SimDuration::ms(50), ..EncoderConfig::default() };
    assert!(Encoder::new(equal).is_ok(), "equality is allowed");
}

#[test]
fn a_spike_out_of_place_is_refused() {
    let plan = Plan::<f32>::new(&single(shape(1, 1, 2), Operator::Fc(fc(1, &[1.0, 1.0])))).unwrap();
    let mut state = State::new(&plan);
    let mut check = |spikes: &[sim::InputSpike], expected: &str| {
        let error = present_spikes(&plan, &mut state, spikes, END, &mut Nothing).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(reference::present_spikes::<f32>(plan.network(), spikes, END).unwrap_err(), error);
    };
    check(&[spike(0, 1, Positive), spike(2, 1, Positive)], "input spike number 1: expected a pixel below 2, found 2");
    check(
        &[spike(1, END.0, Positive)],
        "input spike number 0: expected a time before the end of the presentation at 100 ps, found 100 ps; present for longer or drop the spike",
    );
}
