//! One run without early decision against real runs with each rule and each length.

use proptest::prelude::*;
use sim::network::{Operator, Source};
use sim::recorder::Nothing;
use sim::{
    Decisions, Encoder, Fans, Network, Plan, Presentation, Real, Rule, Sign, SimDuration, SimTime, State, Stop, Totals,
    present, present_spikes,
};

use crate::build::{END, cell, fc, shape, spike};
use crate::engines::{Choices, DURATION, choices};

/// The same network with another rule in its output cell, if that can have one.
fn with_rule(network: &Network, rule: Rule) -> Option<Network> {
    let mut network = network.clone();
    let Operator::Fc(fc) = &mut network.cells[network.output].operator else { return None };
    (fc.terminate_delta, fc.terminate_max) = (rule.delta, rule.max);
    Some(network)
}

/// Read events of each cell.
fn reads<F: Real>(plan: &Plan<F>, state: &State<F>) -> Vec<u64> {
    let mut totals = Totals::new(plan);
    totals.add(state);
    plan.reads(&totals).iter().map(|reads| reads.iter().flatten().sum()).collect()
}

#[derive(Clone, Debug, PartialEq)]
struct Shown {
    response: Option<usize>,
    decided_at: Option<SimTime>,
    reads: Vec<u64>,
}

fn real<F: Real>(network: &Network, encoder: &Encoder, presentation: &Presentation<'_>) -> Shown {
    let plan = Plan::<F>::new(network).unwrap();
    let mut state = State::new(&plan);
    let outcome = present(&plan, &mut state, encoder, 3, presentation, &mut Nothing);
    Shown { response: outcome.response, decided_at: outcome.decided_at, reads: reads(&plan, &state) }
}

/// Another cell may decide, too: then the whole run did, and no rule falls later.
fn shown(stop: Stop<'_>, of_run: Option<SimTime>) -> Shown {
    Shown { response: stop.response, decided_at: stop.decided_at.or(of_run), reads: stop.reads.to_vec() }
}

const RULES: [(u32, u32); 9] = [(1, 0), (2, 0), (3, 0), (5, 0), (0, 1), (0, 3), (0, 6), (4, 2), (0, 0)];

fn check<F: Real>(mut choices: Choices) -> Result<(), TestCaseError> {
    let mut network = choices.network();
    // The last cell that can have a rule is the output, if there is one.
    network.output =
        network.cells.iter().rposition(|cell| matches!(cell.operator, Operator::Fc(_))).unwrap_or(network.output);
    let rules = RULES.map(|(delta, max)| Rule { delta, max });
    let without = with_rule(&network, Rule::default()).unwrap_or(network.clone());
    let plan = Plan::<F>::new(&without).unwrap();
    let fans = Fans::new(&plan);
    let deadlines = [1, 300, 301, 900, 2_500, 2_999, 3_000].map(SimTime);
    let mut recorder = Decisions::new(&fans, &deadlines);
    let mut state = State::new(&plan);
    for stimulus in 0..2 {
        let encoder = choices.encoder();
        let values = choices.values(network.input.len());
        let presentation = Presentation { values: &values, stimulus, start: SimTime::ZERO, duration: DURATION };
        recorder.clear();
        let outcome = present(&plan, &mut state, &encoder, 3, &presentation, &mut recorder);
        prop_assert_eq!(recorder.reads(), &reads(&plan, &state)[..]);

        let mut found = vec![None; rules.len()];
        recorder.decide(&rules, |rule, stop| found[rule] = Some(shown(stop, outcome.decided_at)));
        for (&rule, found) in rules.iter().zip(found) {
            let Some(network) = with_rule(&network, rule) else { continue };
            prop_assert_eq!(found, Some(real::<F>(&network, &encoder, &presentation)), "{:?}", rule);
        }

        if encoder.depends_on_duration() {
            continue;
        }
        let mut found = vec![None; deadlines.len()];
        recorder.stop_at_deadlines(|deadline, stop| {
            let of_run = outcome.decided_at.filter(|&time| time < deadlines[deadline]);
            found[deadline] = Some(shown(stop, of_run));
        });
        for (&deadline, found) in deadlines.iter().zip(found) {
            let presentation = Presentation { duration: SimDuration(deadline.0), ..presentation };
            prop_assert_eq!(found, Some(real::<F>(&without, &encoder, &presentation)), "until {}", deadline);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn one_run_shows_what_real_runs_with_each_rule_and_length_show_in_f32(choices in choices()) {
        check::<f32>(choices)?;
    }

    #[test]
    fn one_run_shows_what_real_runs_with_each_rule_and_length_show_in_f64(choices in choices()) {
        check::<f64>(choices)?;
    }
}

#[test]
fn a_lead_that_lasts_for_part_of_an_instant_decides_as_in_a_real_run() {
    // Pixel 0 fires output 0, pixel 1 the others: at instant 50 output 0 leads by one before it is caught up with.
    let network = Network {
        input: shape(2, 1, 1),
        cells: vec![cell("fc", &[Source::Environment], Operator::Fc(fc(3, &[1.0, 0.0, 0.0, 1.0, 0.0, 1.0])))],
        output: 0,
    };
    let plan = Plan::<f32>::new(&network).unwrap();
    let fans = Fans::new(&plan);
    let mut recorder = Decisions::new(&fans, &[]);
    let spikes = [spike(0, 50, Sign::Positive), spike(1, 50, Sign::Positive), spike(1, 90, Sign::Positive)];
    present_spikes(&plan, &mut State::new(&plan), &spikes, END, &mut recorder).unwrap();
    assert_eq!(recorder.n_spikes(), 5);
    let mut stops = Vec::new();
    recorder.decide(&[Rule { delta: 1, max: 0 }, Rule { delta: 0, max: 2 }], |rule, stop| {
        stops.push((rule, stop.response, stop.decided_at, stop.reads.to_vec()));
    });
    assert_eq!(stops[0], (0, Some(0), Some(SimTime(51)), vec![6]));
    assert_eq!(stops[1], (1, Some(1), Some(SimTime(91)), vec![9]));

    let early = with_rule(&network, Rule { delta: 1, max: 0 }).unwrap();
    let plan = Plan::<f32>::new(&early).unwrap();
    let mut state = State::new(&plan);
    let outcome = present_spikes(&plan, &mut state, &spikes, END, &mut Nothing).unwrap();
    assert_eq!((outcome.response, outcome.decided_at), (Some(0), Some(SimTime(51))));
    assert_eq!(reads(&plan, &state), [6]);
}
