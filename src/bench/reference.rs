//! The naive engine, one object a synapse, against the engine.

use anyhow::{Context, Result};
use sim::State;

use super::Suite;
use super::line::Line;
use super::load::SEED;
use super::measure::compare;

const N_IMAGES: usize = 20;

pub fn run(suite: &mut Suite) -> Result<()> {
    suite.line("reference/mnist", |bench| {
        let load = bench.lenet()?.load::<f32>(bench.n(N_IMAGES))?;
        let reads = Some(load.reads());
        let presentations = load.presentations();
        let naive =
            |presentation| sim::reference::present::<f32>(load.plan.network(), load.encoder, SEED, presentation);
        naive(&presentations[0]).context("the network is sound")?;
        let mut state = State::new(&load.plan);
        let mut all_naive = || {
            for presentation in &presentations {
                let _ = std::hint::black_box(naive(presentation));
            }
        };
        let compared = compare(bench.n(3), &mut all_naive, &mut || load.run(&mut state))?;
        let what =
            format!("{} MNIST test images, one thread, inputs included, image loading not timed", load.stimuli.len());
        Ok(Line::new("reference/mnist", what, compared, [("naive engine", reads), ("engine", reads)]))
    })
}
