//! One thread against several, over the whole Test set.

use anyhow::Result;
use sim::State;
use sim::roofline::Trace;

use super::Suite;
use super::line::{Bound, Figure, Line, Reads, Unit};
use super::load::{SEED, threads};
use super::measure::compare;
use super::suite::Bench;

const N_IMAGES: usize = 10_000;
/// A trace of more images does not fit in a cache.
const N_TRACED: usize = 100;
const N_REPLAYS: usize = 50;
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
    })?;
    suite.line("threads/roofline", bare)
}

/// What the machine gives: threads that share nothing but a plan, and do nothing but arithmetic.
fn bare(bench: &Bench) -> Result<Line> {
    let load = bench.lenet()?.load::<f32>(bench.n(N_TRACED))?;
    let n_threads = bench.threads();
    let trace = Trace::record(&load.plan, load.encoder, SEED, &load.presentations());
    let replay = |states: &mut [State<f32>]| {
        for state in states {
            for _ in 0..N_REPLAYS {
                std::hint::black_box(trace.replay(&load.plan, state));
            }
        }
    };
    let states = || (0..n_threads).map(|_| State::new(&load.plan)).collect::<Vec<_>>();
    let (mut of_one, mut of_several) = (states(), states());
    let compared = compare(bench.n(7), &mut || replay(&mut of_one), &mut || {
        std::thread::scope(|scope| {
            for state in of_several.chunks_mut(1) {
                scope.spawn(|| replay(state));
            }
        });
    })?;
    let what = format!(
        "the arithmetic of {} MNIST test images through LeNet, {N_REPLAYS} times for each of {}: what the machine gives",
        load.stimuli.len(),
        several_threads(n_threads)
    );
    let once = load.reads();
    let reads = Some(Reads { synaptic_events: once.synaptic_events * (N_REPLAYS * n_threads) as u64, ..once });
    Ok(Line::new("threads/roofline", what, compared, [("1 thread", reads), (&several_threads(n_threads), reads)]))
}

fn several_threads(n: usize) -> String {
    format!("{n} thread{}", if n == 1 { " again" } else { "s" })
}
