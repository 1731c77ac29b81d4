//! What was measured on the reference (cells), on both engines.

use sim::Sign::{self, Negative, Positive};
use sim::network::{Neuron, Operator, Pooling, PoolingMode, Size, Source};
use sim::recorder::Raster;
use sim::{InputSpike, Network, Outcome, Plan, SimDuration, SimTime, State, present_spikes, reference};

use crate::build::{END, cell, conv, fc, pool, shape, single, spike};

/// A few units in the last place: sums of decimal fractions, and one exponential.
const ROUNDING: f64 = 1e-15;

/// A spike of a cell: (cell, neuron, time, sign).
type Output = (usize, usize, u64, Sign);

/// Runs both engines in f64 and gives the cells' spikes, the potentials of the last cell, and the outcome.
#[track_caller]
fn run(network: &Network, spikes: &[InputSpike]) -> (Vec<Output>, Vec<f64>, Outcome) {
    let plan = Plan::<f64>::new(network).unwrap();
    let mut state = State::new(&plan);
    let mut raster = Raster::default();
    let outcome = present_spikes(&plan, &mut state, spikes, END, &mut raster).unwrap();
    let potentials = state.membrane_potentials(&plan, network.cells.len() - 1);
    let report = reference::present_spikes::<f64>(network, spikes, END).unwrap();
    assert_eq!(report.raster, raster, "both engines agree");
    assert_eq!(report.outcome, outcome, "both engines agree");
    assert_eq!(report.membrane_potentials.last().unwrap(), &potentials, "both engines agree");
    let of_cells = raster.spikes.iter().filter_map(|spike| match spike.source {
        Source::Environment => None,
        Source::Cell(cell) => Some((cell, spike.neuron, spike.time.0, spike.sign)),
    });
    (of_cells.collect(), potentials, outcome)
}

#[track_caller]
fn check_potentials(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= ROUNDING, "expected {expected}, found {found}");
    }
}

#[test]
fn f1_integrates_and_fires_with_and_without_a_bipolar_threshold() {
    let spikes = [
        spike(0, 100, Positive),
        spike(1, 200, Positive),
        spike(2, 300, Positive),
        spike(2, 400, Negative),
        spike(0, 500, Positive),
        spike(0, 600, Positive),
    ];
    let mut cell = fc(2, &[0.4, 0.7, -0.9, -0.6, 0.2, 1.0]);
    let bipolar = single(shape(3, 1, 1), Operator::Fc(cell.clone()));
    let (outputs, potentials, outcome) = run(&bipolar, &spikes);
    assert_eq!(outputs, [(0, 0, 201, Positive), (0, 1, 601, Negative)]);
    assert_eq!(potentials, [0.900_000_000_000_000_1, -0.599_999_999_999_999_9]);
    assert_eq!(outcome.response, Some(0));
    assert_eq!(outcome.decided_at, None);

    cell.neuron.bipolar_threshold = false;
    let (outputs, potentials, _) = run(&single(shape(3, 1, 1), Operator::Fc(cell)), &spikes);
    assert_eq!(outputs, [(0, 0, 201, Positive)]);
    assert_eq!(potentials[0], 0.900_000_000_000_000_1);
    check_potentials(&potentials[1..], &[-1.6]);
}

#[test]
fn f2_leaks_delays_and_is_refractory() {
    let mut cell = fc(1, &[0.75]);
    cell.delays = Some(vec![SimDuration(50)]);
    cell.neuron.membrane_time_constant = SimDuration(1000);
    cell.neuron.refractory_period = SimDuration(500);
    let spikes = [0, 100, 200, 300, 400, 2000, 2100].map(|time| spike(0, time, Positive));
    let (outputs, potentials, _) = run(&single(shape(1, 1, 1), Operator::Fc(cell)), &spikes);
    assert_eq!(outputs, [(0, 0, 151, Positive), (0, 0, 2051, Positive)]);
    check_potentials(&potentials, &[0.954_962_419_494_310_6]);
}

#[test]
fn f3_keeps_the_surplus_for_the_next_arrival() {
    let spikes = [spike(0, 100, Positive), spike(0, 200, Positive), spike(0, 300, Negative)];
    let (outputs, potentials, _) = run(&single(shape(1, 1, 1), Operator::Fc(fc(1, &[3.5]))), &spikes);
    assert_eq!(outputs, [(0, 0, 101, Positive), (0, 0, 201, Positive), (0, 0, 301, Positive)]);
    assert_eq!(potentials, [0.5]);
}

fn every_hundred() -> Vec<InputSpike> {
    (1..=10).map(|i| spike(0, 100 * i, Positive)).collect()
}

#[test]
fn f4_ends_when_the_best_leads_by_terminate_delta() {
    let mut cell = fc(3, &[1.0, 0.4, -1.0]);
    cell.terminate_delta = 2;
    let (outputs, _, outcome) = run(&single(shape(1, 1, 1), Operator::Fc(cell)), &every_hundred());
    assert_eq!(outputs, [(0, 0, 101, Positive), (0, 2, 101, Negative), (0, 0, 201, Positive), (0, 2, 201, Negative)]);
    assert_eq!(outcome.decided_at, Some(SimTime(201)));
    assert_eq!(outcome.last_event, Some(SimTime(201)));
    assert_eq!(outcome.response, Some(0));
}

#[test]
fn f5_ends_when_an_output_has_terminate_max() {
    let mut cell = fc(2, &[1.0, 1.0]);
    cell.terminate_max = 3;
    let (outputs, _, outcome) = run(&single(shape(1, 1, 1), Operator::Fc(cell)), &every_hundred());
    let times = [101, 101, 201, 201, 301, 301];
    assert_eq!(outputs, std::array::from_fn::<Output, 6, _>(|i| (0, i % 2, times[i], Positive)));
    assert_eq!(outcome.decided_at, Some(SimTime(301)));
    assert_eq!(outcome.response, Some(0), "a tie goes to the first");
}

#[test]
fn f6_runs_down_a_chain() {
    let mut first = fc(1, &[1.0]);
    first.delays = Some(vec![SimDuration(30)]);
    let network = Network {
        input: shape(1, 1, 1),
        cells: vec![
            cell("fc1", &[Source::Environment], Operator::Fc(first)),
            cell("fc2", &[Source::Cell(0)], Operator::Fc(fc(1, &[1.0]))),
        ],
        output: 1,
    };
    let (outputs, _, _) = run(&network, &[spike(0, 100, Positive), spike(0, 200, Negative)]);
    assert_eq!(outputs, [(0, 0, 131, Positive), (1, 0, 132, Positive), (0, 0, 231, Negative), (1, 0, 232, Negative)]);
}

#[test]
fn a_single_output_decides_by_its_own_count() {
    let mut cell = fc(1, &[1.0]);
    cell.terminate_delta = 2;
    let (outputs, _, outcome) = run(&single(shape(1, 1, 1), Operator::Fc(cell)), &every_hundred());
    assert_eq!(outputs.len(), 2);
    assert_eq!(outcome.decided_at, Some(SimTime(201)));
}

#[test]
fn a_silent_output_gives_no_response() {
    let (_, _, outcome) = run(&single(shape(1, 1, 1), Operator::Fc(fc(2, &[0.1, 0.1]))), &every_hundred()[..1]);
    assert_eq!(outcome.response, None);
    let (_, _, outcome) = run(&single(shape(1, 1, 1), Operator::Fc(fc(2, &[0.1, 0.1]))), &[]);
    assert_eq!((outcome.response, outcome.last_event), (None, None));
}

#[test]
fn what_would_come_at_the_end_does_not_come() {
    let network = single(shape(1, 1, 1), Operator::Fc(fc(1, &[1.0])));
    let (outputs, _, outcome) = run(&network, &[spike(0, END.0 - 1, Positive)]);
    assert_eq!(outputs, []);
    assert_eq!(outcome.last_event, Some(SimTime(END.0 - 1)));
}

#[test]
fn a_delivery_precedes_a_fire_at_the_same_instant() {
    // Both inputs reach the output at 100: the second over a delay of 50, and it finds the potential at 0 although the first
    // comes before it in the network.
    let mut cell = fc(1, &[0.6, 1.0]);
    cell.delays = Some(vec![SimDuration(0), SimDuration(50)]);
    cell.neuron.reset = sim::network::Reset::Zero;
    let network = single(shape(2, 1, 1), Operator::Fc(cell));
    let (outputs, potentials, _) = run(&network, &[spike(0, 100, Positive), spike(1, 50, Positive)]);
    assert_eq!(outputs, [(0, 0, 101, Positive)]);
    assert_eq!(potentials, [0.6]);
}

/// A 3x3 kernel of 0.01 (1 + x + 3 y).
fn hundredths() -> Vec<f64> {
    (1..=9).map(|i| 0.01 * f64::from(i)).collect()
}

#[test]
fn a_convolution_correlates_without_flipping_the_kernel() {
    let mut padded = conv(1, 3, hundredths());
    padded.stride = Size::square(2);
    padded.padding = Size::square(1);
    let network = single(shape(1, 5, 5), Operator::Conv(padded));
    assert_eq!(Plan::<f64>::new(&network).unwrap().statistics().virtual_synapses, 49);
    let rows: [(InputSpike, [f64; 9]); 3] = [
        (spike(2 * 5 + 1, 100, Positive), [0.0, 0.0, 0.0, 0.06, 0.04, 0.0, 0.0, 0.0, 0.0]),
        (spike(2 * 5 + 2, 100, Negative), [0.0, 0.0, 0.0, 0.0, -0.05, 0.0, 0.0, 0.0, 0.0]),
        (spike(4 * 5 + 4, 100, Positive), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.05]),
    ];
    for (input, expected) in rows {
        let (_, potentials, _) = run(&network, &[input]);
        check_potentials(&potentials, &expected);
    }
}

#[test]
fn sub_sampled_positions_sum_into_one_neuron() {
    let mut summed = conv(1, 3, hundredths());
    summed.sub_sample = Size::square(2);
    let network = single(shape(1, 4, 4), Operator::Conv(summed));
    assert_eq!(Plan::<f64>::new(&network).unwrap().statistics().virtual_synapses, 36);
    let (_, potentials, _) = run(&network, &[spike(4 + 1, 100, Positive)]);
    check_potentials(&potentials, &[0.12]);
}

/// Spikes every 100 from 100 of A = pixel 0 and B = pixel 1, such as `A+ B-`.
fn sequence(text: &str) -> Vec<InputSpike> {
    let spikes = text.split_whitespace().enumerate().map(|(i, word)| {
        let pixel = usize::from(word.starts_with('B'));
        spike(pixel, 100 * (i as u64 + 1), if word.ends_with('+') { Positive } else { Negative })
    });
    spikes.collect()
}

/// Output times of the only window of a 2x2 input; negative times stand for negative spikes.
#[track_caller]
fn check_window(pooling: Pooling, mode: PoolingMode, spikes: &[InputSpike], expected: &[i64]) {
    let network = single(shape(1, 2, 2), Operator::Pool(pool(pooling, mode, 2, 0)));
    let (outputs, _, _) = run(&network, spikes);
    let times: Vec<i64> = outputs.iter().map(|&(_, _, time, sign)| time as i64 * sign.value()).collect();
    assert_eq!(times, expected);
}

#[test]
fn approximated_pooling_follows_the_last_change() {
    let (max, average, mode) = (Pooling::Max, Pooling::Average, PoolingMode::Approximated);
    let long = sequence("A+ B+ B+ A+ A+ A- A- B+ B- B-");
    check_window(max, mode, &long, &[101, 301, 501, -601, -701, 801, -901, -1001]);
    check_window(max, mode, &sequence("A- A- B+"), &[101, -201, 301]);
    check_window(max, mode, &sequence("A+ A+ A+ B+ B+ B+ A- A- B+"), &[101, 201, 301, -701, -801, 901]);
    let round_robin: Vec<InputSpike> =
        (0..28).map(|i| spike(i % 4, 100 * (i as u64 + 1), if i < 8 { Positive } else { Negative })).collect();
    check_window(average, mode, &round_robin, &[201, 601, -2601, -2701, -2801]);
}

#[test]
fn exact_pooling_follows_the_maximum_and_the_mean() {
    let (max, average, mode) = (Pooling::Max, Pooling::Average, PoolingMode::Exact);
    let long = sequence("A+ B+ B+ A+ A+ A- A- B+ B- B-");
    // The maximum is 1 1 2 2 3 2 2 3 2 1.
    check_window(max, mode, &long, &[101, 301, 501, -601, 801, -901, -1001]);
    // Two of four inputs are silent, so the maximum never falls below 0.
    check_window(max, mode, &sequence("A- A- B+"), &[301]);
    let round_robin: Vec<InputSpike> =
        (0..28).map(|i| spike(i % 4, 100 * (i as u64 + 1), if i < 8 { Positive } else { Negative })).collect();
    // The sum falls from 8 to -12 in steps of 1; the mean crosses 1.5, 0.5, -0.5, ... and rounds away from zero.
    check_window(average, mode, &round_robin, &[201, 601, -1101, -1501, -1801, -2201, -2601]);
}

#[test]
fn overlapping_windows_all_see_the_center() {
    for mode in [PoolingMode::Approximated, PoolingMode::Exact] {
        let network = single(shape(1, 5, 5), Operator::Pool(pool(Pooling::Max, mode, 3, 0)));
        assert_eq!(Plan::<f64>::new(&network).unwrap().statistics().connections, 36);
        let (outputs, _, _) = run(&network, &[spike(12, 100, Positive)]);
        assert_eq!(outputs, [0, 1, 2, 3].map(|neuron| (0, neuron, 101, Positive)));
    }
}

#[test]
fn padding_shifts_the_windows() {
    for mode in [PoolingMode::Approximated, PoolingMode::Exact] {
        let network = single(shape(1, 4, 4), Operator::Pool(pool(Pooling::Max, mode, 2, 1)));
        let (outputs, _, _) = run(&network, &[spike(0, 100, Positive), spike(15, 200, Positive)]);
        assert_eq!(outputs, [(0, 0, 101, Positive), (0, 8, 201, Positive)]);
    }
}

#[test]
fn a_reset_to_zero_drops_the_surplus() {
    let mut cell = fc(1, &[3.5]);
    cell.neuron = Neuron { reset: sim::network::Reset::Zero, ..Neuron::default() };
    let spikes = [spike(0, 100, Positive), spike(0, 300, Negative)];
    let (outputs, potentials, _) = run(&single(shape(1, 1, 1), Operator::Fc(cell)), &spikes);
    assert_eq!(outputs, [(0, 0, 101, Positive), (0, 0, 301, Negative)]);
    assert_eq!(potentials, [0.0]);
}
