//! Input generation against the whole run.
//!
//! The same spikes are drawn in the same order as the engine draws them, up to each image's decision, and go nowhere.

use anyhow::Result;
use sim::recorder::Nothing;
use sim::{InputSpikes, SimTime, State};

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
        // The deciding spike is the last that is waited for.
        let last: Vec<SimTime> = load
            .stimuli
            .iter()
            .map(|stimulus| {
                let decided_at = load.present(&mut state, stimulus, &mut Nothing).decided_at;
                decided_at.unwrap_or(SimTime::ZERO + load.duration)
            })
            .collect();
        let presentations = load.presentations();
        let mut inputs = InputSpikes::default();
        let mut generate = || {
            for (presentation, &last) in presentations.iter().zip(&last) {
                let spikes = inputs.of(load.encoder, SEED, presentation);
                std::hint::black_box(spikes.take_while(|spike| spike.time <= last).count());
            }
        };
        let compared = compare(bench.n(7), &mut generate, &mut || load.run(&mut state))?;
        let what = format!("{} MNIST test images, one thread, image loading not timed", load.stimuli.len());
        let sides = [("inputs alone", None), ("inputs and LeNet", reads)];
        let line = Line::new("inputs/mnist", what, compared, sides);
        let share = Figure::new("input generation, share of the run", Unit::Share, line.ratio.value);
        Ok(line.figure(share.target(Bound::AtMost, 0.15)))
    })
}
