//! Read events and sizes.

use sim::Sign::Positive;
use sim::network::{Operator, Pooling, PoolingMode, Size, Source};
use sim::recorder::Nothing;
use sim::{InputSpike, Network, Plan, SimDuration, State, Statistics, Totals, present_spikes};

use crate::build::{END, cell, conv, fc, pool, shape, single, spike};

fn reads(network: &Network, spikes: &[InputSpike]) -> Vec<Option<u64>> {
    let plan = Plan::<f64>::new(network).unwrap();
    let mut state = State::new(&plan);
    present_spikes(&plan, &mut state, spikes, END, &mut Nothing).unwrap();
    let mut totals = Totals::new(&plan);
    totals.add(&state);
    plan.reads(&totals).remove(0)
}

#[test]
fn a_full_connection_is_read_once_a_spike() {
    let network = single(shape(2, 1, 1), Operator::Fc(fc(2, &[0.0; 4])));
    let mut spikes: Vec<InputSpike> = (0..1500).map(|i| spike(0, i, Positive)).collect();
    spikes.push(spike(1, 10, Positive));
    assert_eq!(reads(&network, &spikes), [1500, 1, 1500, 1].map(Some));
}

#[test]
fn a_shared_weight_is_read_at_every_position() {
    let network = single(shape(2, 3, 3), Operator::Conv(conv(2, 2, vec![0.0; 16])));
    let reads = reads(&network, &[spike(4, 100, Positive), spike(9, 200, Positive)]);
    let per_channel: Vec<u64> = reads.chunks(4).map(|kernel| kernel.iter().map(|n| n.unwrap()).sum()).collect();
    assert_eq!(per_channel, [4, 1, 4, 1], "[output][channel]");
    assert_eq!(
        Plan::<f64>::new(&network).unwrap().statistics(),
        Statistics { neurons: 8, nodes: 8, synapses: 16, virtual_synapses: 64, connections: 64 }
    );
}

#[test]
fn an_unconnected_pair_is_neither_read_nor_counted() {
    let mut mapped = conv(2, 2, vec![0.0; 16]);
    mapped.mapping = Some(vec![true, false, true, true]);
    let network = single(shape(2, 3, 3), Operator::Conv(mapped));
    let reads = reads(&network, &[spike(9, 200, Positive)]);
    assert_eq!(reads[4..8], [None; 4]);
    assert_eq!(reads[12..], [Some(1), Some(0), Some(0), Some(0)]);
    assert_eq!(Plan::<f64>::new(&network).unwrap().statistics().synapses, 12);
}

#[test]
fn an_unconnected_neuron_with_a_surplus_does_not_fire() {
    // Output 0 has a surplus from channel 0; a spike of channel 1, to which it is not connected, is no arrival for it.
    let mut mapped = conv(2, 2, vec![9.0; 16]);
    mapped.mapping = Some(vec![true, false, false, true]);
    let network = single(shape(2, 3, 3), Operator::Conv(mapped));
    let plan = Plan::<f32>::new(&network).unwrap();
    let mut state = State::new(&plan);
    let spikes = [spike(4, 100, Positive), spike(13, 200, Positive)];
    present_spikes(&plan, &mut state, &spikes, END, &mut Nothing).unwrap();
    assert!(state.counts(Source::Cell(0)).iter().all(|counts| counts.positive == 1 && counts.negative == 0));
}

#[test]
fn what_is_in_flight_at_the_end_is_not_read() {
    let mut delayed = fc(2, &[0.1, 0.1]);
    delayed.delays = Some(vec![SimDuration(10), SimDuration(1000)]);
    let network = single(shape(1, 1, 1), Operator::Fc(delayed));
    let spikes = [spike(0, 0, Positive), spike(0, END.0 - 1000, Positive), spike(0, END.0 - 5, Positive)];
    assert_eq!(reads(&network, &spikes), [2, 1].map(Some));
}

#[test]
fn a_spike_arrives_at_every_window_that_it_lies_in() {
    // Windows of 2x2 side by side, and of 2x2 at every position: the middle of 3x3 lies in one and in four.
    for (stride, expected) in [(2, 1), (1, 4)] {
        let mut pool = pool(Pooling::Max, PoolingMode::Exact, 2, 0);
        pool.stride = Size::square(stride);
        let input = shape(1, 4, 4);
        let plan = Plan::<f64>::new(&single(input, Operator::Pool(pool))).unwrap();
        let mut state = State::new(&plan);
        let spikes = [spike(5, 10, Positive), spike(5, 20, Positive), spike(0, 30, Positive)];
        present_spikes(&plan, &mut state, &spikes, END, &mut Nothing).unwrap();
        let mut totals = Totals::new(&plan);
        totals.add(&state);
        assert_eq!(plan.window_arrivals(&totals), [2 * expected + 1]);
    }
}

#[test]
fn totals_merge_to_what_one_worker_sums() {
    let mut delayed = fc(2, &[0.6, 0.6]);
    delayed.delays = Some(vec![SimDuration(10), SimDuration(1000)]);
    let network = Network {
        input: shape(1, 1, 1),
        cells: vec![
            cell("a", &[Source::Environment], Operator::Fc(delayed)),
            cell("b", &[Source::Cell(0)], Operator::Fc(fc(1, &[0.5, 0.5]))),
        ],
        output: 1,
    };
    let plan = Plan::<f32>::new(&network).unwrap();
    let mut state = State::new(&plan);
    let (mut all, mut even, mut odd) = (Totals::new(&plan), Totals::new(&plan), Totals::new(&plan));
    for i in 0..6 {
        let spikes: Vec<InputSpike> = (0..=i).map(|k| spike(0, 97 * k, Positive)).collect();
        present_spikes(&plan, &mut state, &spikes, SimDuration(1200), &mut Nothing).unwrap();
        all.add(&state);
        if i % 2 == 0 { even.add(&state) } else { odd.add(&state) }
    }
    odd.merge(&even);
    assert_eq!(odd, all);
    assert_eq!(plan.reads(&odd), plan.reads(&all));
    assert_eq!(all.n_stimuli(), 6);
    all.clear();
    assert_eq!(all, Totals::new(&plan));
}

#[test]
fn the_sizes_of_lenet_are_the_published_ones() {
    let mut third = conv(120, 5, vec![0.0; 120 * 16 * 25]);
    third.stride = Size::square(1);
    let network = Network {
        input: shape(16, 5, 5),
        cells: vec![
            cell("conv3", &[Source::Environment], Operator::Conv(third)),
            cell("fc1", &[Source::Cell(0)], Operator::Fc(fc(84, &[0.0; 84 * 120]))),
            cell("fc2", &[Source::Cell(1)], Operator::Fc(fc(10, &[0.0; 840]))),
        ],
        output: 2,
    };
    let statistics = Plan::<f32>::new(&network).unwrap().statistics();
    let n = 120 * 400 + 84 * 120 + 840;
    assert_eq!(statistics, Statistics { neurons: 214, nodes: 214, synapses: n, virtual_synapses: n, connections: n });
}
