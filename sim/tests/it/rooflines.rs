//! The yardsticks do what the run did.

use proptest::prelude::*;
use sim::network::{Neuron, Operator, Source};
use sim::recorder::Nothing;
use sim::roofline::Trace;
use sim::{Plan, Presentation, Real, SimDuration, SimTime, State, present};

use crate::engines::{Choices, DURATION, choices};

/// Spikes that are replayed know no time: nothing may leak, rest or be on its way.
fn make_timeless(neuron: &mut Neuron) {
    (neuron.membrane_time_constant, neuron.refractory_period) = (SimDuration(0), SimDuration(0));
}

fn check<F: Real + PartialEq + std::fmt::Debug>(mut choices: Choices) -> Result<(), TestCaseError> {
    let mut network = choices.network();
    for cell in &mut network.cells {
        match &mut cell.operator {
            Operator::Conv(conv) => {
                make_timeless(&mut conv.neuron);
                (conv.delays, conv.currents) = (None, None);
            }
            Operator::Fc(fc) => {
                make_timeless(&mut fc.neuron);
                (fc.delays, fc.currents) = (None, None);
            }
            Operator::Pool(_) => {}
        }
    }
    let plan = Plan::<F>::new(&network).unwrap();
    let (encoder, values) = (choices.encoder(), choices.values(network.input.len()));
    let presentation = Presentation { values: &values, stimulus: 3, start: SimTime::ZERO, duration: DURATION };
    let (mut run, mut replayed) = (State::new(&plan), State::new(&plan));
    let outcome = present(&plan, &mut run, &encoder, 1, &presentation, &mut Nothing);
    let trace = Trace::record(&plan, &encoder, 1, &[presentation]);
    prop_assert_eq!(trace.n_spikes(), outcome.n_spikes);
    trace.replay_spikes(&plan, &mut replayed);
    let groups = std::iter::once(Source::Environment).chain((0..network.cells.len()).map(Source::Cell));
    for group in groups {
        prop_assert_eq!(run.counts(group), replayed.counts(group));
    }
    for cell in 0..network.cells.len() {
        prop_assert_eq!(run.membrane_potentials(&plan, cell), replayed.membrane_potentials(&plan, cell));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn replayed_spikes_leave_the_counts_and_potentials_of_the_run(choices in choices()) {
        check::<f32>(choices.clone())?;
        check::<f64>(choices)?;
    }
}
