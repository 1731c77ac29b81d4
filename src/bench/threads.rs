//! One thread against several, over the whole Test set.

use anyhow::Result;

use super::Suite;
use super::line::{Bound, Figure, Line, Unit};
use super::load::threads;
use super::measure::compare;

const N_IMAGES: usize = 10_000;
/// The targets are set for this many threads.
const N_THREADS: usize = 2;

pub fn run(suite: &mut Suite) -> Result<()> {
    suite.line("threads/mnist", |bench| {
        let load = bench.lenet()?.load::<f32>(bench.n(N_IMAGES))?;
        let (n_images, n_threads) = (load.stimuli.len(), bench.threads());
        let (one, several) = (threads(1)?, threads(n_threads)?);
        let reads = Some(load.reads());
        let compared = compare(bench.n(5), &mut || load.run_on(&one), &mut || load.run_on(&several))?;
        let what = format!("{n_images} MNIST test images through LeNet, inputs included, image loading not timed");
        let line =
            Line::new("threads/mnist", what, compared, [("1 thread", reads), (&several_threads(n_threads), reads)]);
        let rate = Figure::new(
            "synaptic events a second, one core",
            Unit::PerSecond,
            line.seconds_per_event(0).map(|seconds| 1.0 / seconds),
        );
        let all = line.sides[1].takes.amount().0.map(|seconds| seconds * N_IMAGES as f64 / n_images as f64);
        let mut all = Figure::new(format!("10,000 images on {}", several_threads(n_threads)), Unit::Seconds, all);
        let is_judged = n_threads == N_THREADS;
        if is_judged {
            all = all.target(Bound::AtMost, 1.0).stretch(0.5);
        }
        let line = if is_judged { line.ratio(Bound::AtLeast, 1.9) } else { line };
        Ok(line.figure(all).figure(rate.target(Bound::AtLeast, 1.2e9).stretch(2e9)))
    })
}

fn several_threads(n: usize) -> String {
    format!("{n} thread{}", if n == 1 { " again" } else { "s" })
}
