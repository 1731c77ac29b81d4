//! Membrane potentials as a recorder sees them, against the naive engine's.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sim::network::{Fc, Neuron, Operator, Source};
use sim::recorder::{Potential, Potentials, Raster};
use sim::{
    InputSpike, Instructions, Plan, Real, Sign, SimDuration, SimTime, State, limit_instructions, present_spikes,
    reference,
};

use crate::build::{shape, single};
use crate::engines::{Choices, DURATION, choices};

/// The entries of each neuron, in order.
fn of_neurons(entries: &[Potential]) -> BTreeMap<(usize, usize), Vec<Potential>> {
    let mut all: BTreeMap<_, Vec<Potential>> = BTreeMap::new();
    entries.iter().for_each(|&entry| all.entry((entry.cell, entry.neuron)).or_default().push(entry));
    all
}

/// When a cell's neurons emit, as the entries say.
fn fires(entries: &[Potential], cell: usize) -> Vec<(SimTime, usize, Sign)> {
    let of_cell = entries.iter().filter(|entry| entry.cell == cell);
    let mut fires: Vec<_> =
        of_cell.filter_map(|entry| Some((entry.time + SimDuration(1), entry.neuron, entry.fired?))).collect();
    fires.sort_by_key(|&(time, neuron, sign)| (time, neuron, sign.value()));
    fires
}

fn check<F: Real>(mut choices: Choices) -> Result<(), TestCaseError> {
    let network = choices.network();
    let plan = Plan::<F>::new(&network).unwrap();
    let duration = choices.pick(&[DURATION, SimDuration(20_000)]);
    let spikes = choices.spikes(network.input.len());
    let has_potentials = |cell: &usize| !matches!(network.cells[*cell].operator, Operator::Pool(_));
    let cells: Vec<usize> = (0..network.cells.len()).filter(has_potentials).collect();
    let neurons: Vec<(usize, usize)> = cells
        .iter()
        .flat_map(|&cell| (0..plan.shape(Source::Cell(cell)).len()).map(move |neuron| (cell, neuron)))
        .collect();
    let report = reference::present_spikes_watched::<F>(&network, &spikes, duration, &neurons).unwrap();
    let expected = of_neurons(&report.potentials);
    let mut state = State::new(&plan);

    let mut both = (Raster::default(), Potentials::new(&plan, &neurons));
    present_spikes(&plan, &mut state, &spikes, duration, &mut both).unwrap();
    prop_assert_eq!(of_neurons(&both.1.entries), expected.clone());
    for &cell in &cells {
        let of_cell = both.0.spikes.iter().filter(|spike| spike.source == Source::Cell(cell));
        let mut emitted: Vec<_> = of_cell.map(|spike| (spike.time, spike.neuron, spike.sign)).collect();
        emitted.sort_by_key(|&(time, neuron, sign)| (time, neuron, sign.value()));
        let end = report.outcome.decided_at.map_or(SimTime(duration.0), |time| time + SimDuration(1));
        let fires = fires(&both.1.entries, cell).into_iter().filter(|&(time, ..)| time < end);
        prop_assert_eq!(fires.collect::<Vec<_>>(), emitted, "what fires is emitted, unless it ended before");
    }
    for (&(cell, neuron), entries) in &expected {
        let last = state.membrane_potentials(&plan, cell)[neuron].to_f64();
        prop_assert_eq!(entries.last().unwrap().potential, last);
    }

    // Some neurons alone see what they see among all.
    let some: Vec<(usize, usize)> = neurons.iter().copied().filter(|_| choices.chance(4)).collect();
    let mut few = (Raster::default(), Potentials::new(&plan, &some));
    present_spikes(&plan, &mut state, &spikes, duration, &mut few).unwrap();
    let chosen = expected.into_iter().filter(|(neuron, _)| some.contains(neuron)).collect();
    prop_assert_eq!(of_neurons(&few.1.entries), chosen);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_trace_is_the_naive_engines(choices in choices()) {
        check::<f32>(choices.clone())?;
        check::<f64>(choices)?;
    }

    #[test]
    fn so_it_is_with_portable_instructions(choices in choices()) {
        limit_instructions(Instructions::Portable);
        check::<f32>(choices)?;
        limit_instructions(Instructions::Widest);
    }
}

#[test]
fn a_potential_is_told_between_two_arrivals() {
    let spike = |time, pixel| InputSpike { time: SimTime(time), pixel, sign: Sign::Positive };
    for (time_constant, current) in [(0, 0.0), (700, 0.0), (0, 1e-4), (700, -1e-3)] {
        let fc = Fc {
            n_outputs: 1,
            // An arrival without weight shows what is there.
            weights: vec![0.7, 0.0],
            delays: None,
            currents: Some(vec![current]),
            neuron: Neuron { membrane_time_constant: SimDuration(time_constant), ..Neuron::default() },
            terminate_delta: 0,
            terminate_max: 0,
        };
        let plan = Plan::<f32>::new(&single(shape(2, 1, 1), Operator::Fc(fc))).unwrap();
        let mut seen = (Raster::default(), Potentials::new(&plan, &[(0, 0)]));
        let spikes = [spike(100, 0), spike(350, 1)];
        present_spikes(&plan, &mut State::new(&plan), &spikes, SimDuration(400), &mut seen).unwrap();
        let [first, second] = seen.1.entries[..] else { panic!("{:?}", seen.1.entries) };
        let told = plan.potential_after(0, 0, first.potential, SimDuration(250));
        assert_eq!(told, second.potential);
        assert_eq!(told != first.potential, time_constant > 0 || current != 0.0);
    }
}
