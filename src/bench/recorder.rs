//! What recording costs: counts over all stimuli, and every spike.

use anyhow::Result;
use sim::recorder::{Nothing, Raster};
use sim::{State, Totals};

use super::Suite;
use super::line::Line;
use super::measure::compare;

const N_IMAGES: usize = 500;

pub fn run(suite: &mut Suite) -> Result<()> {
    suite.line("recorder/counts", |bench| {
        let load = bench.lenet()?.load::<f32>(bench.n(N_IMAGES))?;
        let reads = Some(load.reads());
        let (mut state, mut other, mut totals) =
            (State::new(&load.plan), State::new(&load.plan), Totals::new(&load.plan));
        let mut counting = || {
            for stimulus in load.stimuli {
                load.present(&mut state, stimulus, &mut Nothing);
                totals.add(&state);
            }
        };
        let compared = compare(bench.n(7), &mut counting, &mut || load.run(&mut other))?;
        let sides = [("counts", reads), ("no recorder", reads)];
        Ok(Line::new("recorder/counts", what(load.stimuli.len()), compared, sides))
    })?;
    suite.line("recorder/raster", |bench| {
        let load = bench.lenet()?.load::<f32>(bench.n(N_IMAGES))?;
        let reads = Some(load.reads());
        let (mut state, mut other, mut raster) = (State::new(&load.plan), State::new(&load.plan), Raster::default());
        let mut recording = || {
            for stimulus in load.stimuli {
                raster.spikes.clear();
                load.present(&mut state, stimulus, &mut raster);
            }
        };
        let compared = compare(bench.n(7), &mut recording, &mut || load.run(&mut other))?;
        let sides = [("full raster, in memory", reads), ("no recorder", reads)];
        Ok(Line::new("recorder/raster", what(load.stimuli.len()), compared, sides))
    })
}

fn what(n_images: usize) -> String {
    format!("{n_images} MNIST test images, one thread, inputs included, image loading not timed")
}
