//! The engine against what its memory accesses alone cost.
//!
//! A run is recorded, and its additions, comparisons and stores are done again on the same addresses in the same order:
//! with no queue, no order to keep and no inputs to draw. What the engine needs beyond that is its own doing.

use anyhow::Result;
use sim::State;
use sim::network::Network;
use sim::roofline::Trace;

use super::Suite;
use super::line::{Bound, Figure, Line, Unit};
use super::load::{Load, SEED};
use super::measure::compare;
use super::networks::{PRESENTATION, Stack, encoder, noise, vgg};
use super::suite::Bench;

const LENET: &str = "roofline/lenet";
/// How much of the roofline the engine should reach on LeNet.
const SHARE: f64 = 0.6;
/// How much of that on larger networks.
const ON_LARGER: f64 = 0.9;
/// A trace of more images does not fit in a cache.
const N_IMAGES: usize = 100;
const N_STIMULI: usize = 2;

pub fn run(suite: &mut Suite) -> Result<()> {
    suite.line(LENET, |bench| {
        let load = bench.lenet()?.load::<f32>(bench.n(N_IMAGES))?;
        let what = format!("{} MNIST test images through LeNet", load.stimuli.len());
        Ok(against_roofline(bench, LENET, &what, &load)?.ratio(Bound::AtLeast, SHARE))
    })?;
    suite.line("roofline/lenet-spikes", |bench| {
        let load = bench.lenet()?.load::<f32>(bench.n(N_IMAGES))?;
        spikes_against_roofline(bench, &load)
    })?;
    let lenet = suite.measured(LENET).map(|line| line.ratio.value.median);
    for (name, about, network) in [
        ("roofline/vgg", "a VGG-like network at CIFAR size", vgg as fn() -> Network),
        ("roofline/million", "a random stack of 1,000,000 neurons", || Stack::MILLION.network()),
    ] {
        suite.line(name, |bench| {
            let network = network();
            let (encoder, stimuli) = (encoder()?, noise(network.input, bench.n(N_STIMULI)));
            let load = Load::<f32>::new(&network, &encoder, &stimuli, PRESENTATION)?;
            let what = format!("{} random stimuli through {about}", stimuli.len());
            let line = against_roofline(bench, name, &what, &load)?;
            Ok(match lenet {
                Some(lenet) => line.ratio(Bound::AtLeast, ON_LARGER * lenet),
                None => line,
            })
        })?;
    }
    Ok(())
}

/// What no queue, however fast, would do away with: the spikes of the run again, each known to be the next one.
fn spikes_against_roofline(bench: &Bench, load: &Load<'_, f32>) -> Result<Line> {
    let reads = Some(load.reads());
    let trace = Trace::record(&load.plan, load.encoder, SEED, &load.presentations());
    let (mut arithmetic, mut spikes) = (State::new(&load.plan), State::new(&load.plan));
    let compared = compare(
        bench.n(7),
        &mut || {
            std::hint::black_box(trace.replay(&load.plan, &mut arithmetic));
        },
        &mut || {
            std::hint::black_box(trace.replay_spikes(&load.plan, &mut spikes));
        },
    )?;
    let what = format!(
        "{} MNIST test images through LeNet, one thread: the spikes of the run are counted, put in order within an instant, \
         pooled and spread, but known beforehand: no inputs, no queue, no loop over instants",
        load.stimuli.len()
    );
    let sides = [("roofline: the same additions in order", reads), ("the same spikes, known beforehand", reads)];
    Ok(Line::new("roofline/lenet-spikes", what, compared, sides))
}

fn against_roofline(bench: &Bench, name: &str, what: &str, load: &Load<'_, f32>) -> Result<Line> {
    let reads = Some(load.reads());
    let trace = Trace::record(&load.plan, load.encoder, SEED, &load.presentations());
    let (mut state, mut replayed) = (State::new(&load.plan), State::new(&load.plan));
    let mut replay = || {
        std::hint::black_box(trace.replay(&load.plan, &mut replayed));
    };
    let compared = compare(bench.n(7), &mut replay, &mut || load.run(&mut state))?;
    let size = load.plan.statistics();
    let what = format!(
        "{what} ({:.2e} virtual synapses), one thread, inputs included in the engine alone, image loading not timed",
        size.virtual_synapses as f64
    );
    let line = Line::new(name, what, compared, [("roofline: the same additions in order", reads), ("engine", reads)]);
    let rate = |name: &str, side| {
        Figure::new(name, Unit::PerSecond, line.seconds_per_event(side).map(|seconds| 1.0 / seconds))
    };
    let rates = [rate("synaptic events a second, roofline", 0), rate("synaptic events a second, engine", 1)];
    let [roofline, engine] = rates;
    Ok(line.figure(roofline).figure(engine))
}
