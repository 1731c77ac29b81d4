//! One image alone: with a state that has seen others, and with a new one.

use anyhow::Result;
use sim::State;
use sim::recorder::Nothing;

use super::Suite;
use super::line::{Bound, Figure, Line, Unit};
use super::measure::compare;

const N_IMAGES: usize = 200;

pub fn run(suite: &mut Suite) -> Result<()> {
    suite.line("image/mnist", |bench| {
        let load = bench.lenet()?.load::<f32>(bench.n(N_IMAGES))?;
        let n_images = load.stimuli.len();
        let reads = Some(load.reads());
        let mut state = State::new(&load.plan);
        let compared = compare(bench.n(7), &mut || load.run(&mut state), &mut || {
            for stimulus in load.stimuli {
                std::hint::black_box(load.present(&mut State::new(&load.plan), stimulus, &mut Nothing));
            }
        })?;
        let what =
            format!("{n_images} MNIST test images one by one, one thread, inputs included, image loading not timed");
        let line = Line::new("image/mnist", what, compared, [("warm state", reads), ("new state each", reads)]);
        let one = line.sides[0].takes.amount().0.map(|seconds| seconds / n_images as f64);
        Ok(line.figure(Figure::new("one image alone, warm", Unit::Seconds, one).target(Bound::AtMost, 0.2e-3)))
    })
}
