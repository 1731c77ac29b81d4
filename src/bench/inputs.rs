//! Input generation against the whole run.
//!
//! The same spikes are drawn in the same order for as long as each image's presentation lasts, and go to a single neuron
//! over synapses of weight 0: the smallest network there is. Its own work is not subtracted, so the share is a little
//! more than what generation costs.

use anyhow::{Context, Result};
use sim::network::{Cell, Fc, Neuron, Operator, Source};
use sim::recorder::Nothing;
use sim::{Network, Plan, Presentation, SimDuration, SimTime, State};

use super::Suite;
use super::line::{Bound, Figure, Line, Unit};
use super::load::SEED;
use super::measure::compare;

const N_IMAGES: usize = 500;

pub fn run(suite: &mut Suite) -> Result<()> {
    suite.line("inputs/mnist", |bench| {
        let load = bench.lenet()?.load::<f32>(bench.n(N_IMAGES))?;
        let reads = Some(load.reads());
        let mut state = State::new(&load.plan);
        let ends: Vec<SimDuration> = load
            .stimuli
            .iter()
            .map(|stimulus| {
                let decided_at = load.present(&mut state, stimulus, &mut Nothing).decided_at;
                decided_at.map_or(load.duration, |time| SimDuration(time.0 + 1))
            })
            .collect();
        let smallest = smallest(load.plan.network());
        let plan = Plan::<f32>::new(&smallest).context("the smallest network is sound")?;
        let mut small_state = State::new(&plan);
        let mut generate = || {
            for (stimulus, &duration) in load.stimuli.iter().zip(&ends) {
                let presentation =
                    Presentation { values: &stimulus.values, stimulus: stimulus.id, start: SimTime::ZERO, duration };
                let state = &mut small_state;
                std::hint::black_box(sim::present(&plan, state, load.encoder, SEED, &presentation, &mut Nothing));
            }
        };
        let compared = compare(bench.n(7), &mut generate, &mut || load.run(&mut state))?;
        let what = format!("{} MNIST test images, one thread, image loading not timed", load.stimuli.len());
        let sides = [("inputs to one silent neuron", None), ("inputs and LeNet", reads)];
        let line = Line::new("inputs/mnist", what, compared, sides);
        let share = Figure::new("input generation, share of the run", Unit::Share, line.ratio.value);
        Ok(line.figure(share.target(Bound::AtMost, 0.15)))
    })
}

/// The same input to one neuron that never fires.
fn smallest(network: &Network) -> Network {
    let fc = Fc {
        n_outputs: 1,
        weights: vec![0.0; network.input.len()],
        delays: None,
        currents: None,
        neuron: Neuron::default(),
        terminate_delta: 0,
        terminate_max: 0,
    };
    let cell = Cell { name: "silent".to_string(), inputs: vec![Source::Environment], operator: Operator::Fc(fc) };
    Network { input: network.input, cells: vec![cell], output: 0 }
}
