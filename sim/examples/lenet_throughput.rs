//! How fast one core runs a network of LeNet's shape: random weights, stroke-like stimuli, 1 us presentations.
//!
//! ```text
//! cargo run --release -p sim --example lenet_throughput [stimuli] [f32|f64] [delayed] [driven]
//! ```
//!
//! `delayed` gives each synapse the reference's default delay, 1 ps +- 100 fs; `driven` gives each neuron a small current.

use std::time::{Duration, Instant};

use sim::encoder::{Coding, EncoderConfig};
use sim::network::{Cell, Conv, Fc, Neuron, Operator, Pool, Pooling, PoolingMode, Shape, Size, Source};
use sim::random::{Purpose, Random, StreamKey};
use sim::recorder::Nothing;
use sim::{Encoder, Network, Plan, Presentation, Real, SimDuration, SimTime, State, Totals, delays, present};

const SEED: u64 = 1;
const SIDE: usize = 32;

/// Rectified layers: no negative spikes.
const RECTIFIED: Neuron = Neuron {
    threshold: 1.0,
    bipolar_threshold: false,
    membrane_time_constant: SimDuration(0),
    refractory_period: SimDuration(0),
    reset: sim::network::Reset::Subtract,
};

struct Builder {
    random: Random<sim::random::Stream>,
    cells: Vec<Cell>,
    is_delayed: bool,
    is_driven: bool,
}

impl Builder {
    fn weights(&mut self, n: usize, mean: f64, deviation: f64) -> Vec<f64> {
        (0..n).map(|_| self.random.normal(mean, deviation)).collect()
    }

    fn delays(&self, n: usize) -> Option<Vec<SimDuration>> {
        self.is_delayed.then(|| delays(SEED, self.cells.len(), n, 1000.0, 100.0))
    }

    /// As of biases between -0.02 and 0.02.
    fn currents(&self, n: usize) -> Option<Vec<f64>> {
        self.is_driven.then(|| (0..n).map(|i| (i % 5) as f64 * 1e-9 - 2e-9).collect())
    }

    fn push(&mut self, name: &str, operator: Operator) {
        let input = match self.cells.len() {
            0 => Source::Environment,
            n => Source::Cell(n - 1),
        };
        self.cells.push(Cell { name: name.into(), inputs: vec![input], operator });
    }

    fn conv(&mut self, name: &str, channels: usize, n_outputs: usize, mapping: Option<Vec<bool>>, gain: f64) {
        let n = n_outputs * channels * 25;
        let used = mapping.as_ref().map_or(channels, |_| channels * 5 / 8) as f64 * 25.0;
        let weights = self.weights(n, gain * 0.25 / used.sqrt(), gain / used.sqrt());
        let conv = Conv {
            n_outputs,
            kernel: Size::square(5),
            stride: Size::square(1),
            padding: Size::square(0),
            sub_sample: Size::square(1),
            mapping,
            weights,
            delays: self.delays(n),
            currents: self.currents(n_outputs),
            neuron: RECTIFIED,
        };
        self.push(name, Operator::Conv(conv));
    }

    fn pool(&mut self, name: &str, n: usize) {
        let pool = Pool {
            n_outputs: n,
            pooling: Pooling::Max,
            mode: PoolingMode::Approximated,
            window: Size::square(2),
            stride: Size::square(2),
            padding: Size::square(0),
            mapping: Some((0..n * n).map(|i| i / n == i % n).collect()),
        };
        self.push(name, Operator::Pool(pool));
    }

    fn fc(&mut self, name: &str, n_inputs: usize, n_outputs: usize, neuron: Neuron, terminate_delta: u32, gain: f64) {
        let n = n_inputs * n_outputs;
        let weights = self.weights(n, 0.0, gain / (n_inputs as f64).sqrt());
        let delays = self.delays(n);
        let currents = self.currents(n_outputs);
        let fc = Fc { n_outputs, weights, delays, currents, neuron, terminate_delta, terminate_max: 0 };
        self.push(name, Operator::Fc(fc));
    }
}

fn lenet(is_delayed: bool, is_driven: bool) -> Network {
    let random = Random::new(StreamKey::new(SEED, Purpose::Encoder).stream(u64::MAX, 0));
    let mut builder = Builder { random, cells: Vec::new(), is_delayed, is_driven };
    builder.conv("conv1", 1, 6, None, 0.26);
    builder.pool("pool1", 6);
    // Each output takes 10 of the 16 neighborhoods of its channels.
    let mapping = (0..16 * 6).map(|i| ((i / 6) * 5 + (i % 6) * 3) % 8 < 5).collect();
    builder.conv("conv2", 6, 16, Some(mapping), 0.40);
    builder.pool("pool2", 16);
    builder.conv("conv3", 16, 120, None, 0.45);
    builder.fc("fc1", 120, 84, RECTIFIED, 0, 0.8);
    builder.fc("fc2", 84, 10, Neuron { bipolar_threshold: true, ..RECTIFIED }, 4, 8.0);
    Network { input: Shape { channels: 1, height: SIDE, width: SIDE }, cells: builder.cells, output: 6 }
}

/// A thick curve of brightness 1 with soft edges, about as much ink as a digit of MNIST.
fn stroke(stimulus: usize) -> Vec<f32> {
    let turn = 0.7 + stimulus as f32 * 0.37;
    let points: Vec<(f32, f32)> = (0..60)
        .map(|i| {
            let angle = i as f32 * 0.08 * (1.0 + (stimulus % 3) as f32 * 0.4) + turn;
            (16.0 + 7.5 * angle.cos(), 16.0 + 7.5 * (angle * (1.0 + (stimulus % 2) as f32 * 0.5)).sin())
        })
        .collect();
    let value = |i: usize| {
        let (y, x) = ((i / SIDE) as f32, (i % SIDE) as f32);
        let distance = points.iter().map(|p| (p.0 - x).hypot(p.1 - y)).fold(f32::MAX, f32::min);
        (2.0 - distance).clamp(0.0, 1.0)
    };
    (0..SIDE * SIDE).map(value).collect()
}

/// Time that this thread has been on a processor, where the system tells, so that other programs do not count; else the
/// time of day.
fn clock(start: Instant) -> Duration {
    let on_cpu = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = on_cpu.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanoseconds.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

fn run<F: Real>(n_stimuli: usize, is_delayed: bool, is_driven: bool) {
    let network = lenet(is_delayed, is_driven);
    let plan = Plan::<F>::new(&network).expect("the network is well formed");
    let encoder = Encoder::new(EncoderConfig {
        coding: Coding::JitteredPeriodic,
        period_min: SimDuration::ns(1),
        period_mean_min: SimDuration::ns(10),
        period_mean_max: SimDuration::us(100),
        period_rel_std_dev: 0.0,
        ..EncoderConfig::default()
    })
    .expect("the periods are in order");
    let stimuli: Vec<Vec<f32>> = (0..64).map(stroke).collect();
    let ink = stimuli.iter().flatten().sum::<f32>() / 64.0;
    let mut state = State::new(&plan);
    let mut totals = Totals::new(&plan);
    let mut fastest = Duration::MAX;
    let origin = Instant::now();
    let (mut decided, mut latency) = (0, 0.0);
    for _ in 0..7 {
        totals.clear();
        (decided, latency) = (0, 0.0);
        let start = clock(origin);
        for i in 0..n_stimuli {
            let presentation = Presentation {
                values: &stimuli[i % 64],
                stimulus: i as u64,
                start: SimTime::ZERO,
                duration: SimDuration::us(1),
            };
            let outcome = present(&plan, &mut state, &encoder, SEED, &presentation, &mut Nothing);
            totals.add(&state);
            if let Some(time) = outcome.decided_at {
                decided += 1;
                latency += time.since_start().as_ns_f64();
            }
        }
        fastest = fastest.min(clock(origin) - start);
    }
    let reads: u64 = plan.reads(&totals).iter().flatten().flatten().sum();
    let n = n_stimuli as f64;
    println!(
        "{}{}{}, {n_stimuli} stimuli of {ink:.0} units of ink, best of 7",
        F::NAME,
        if is_delayed { ", delayed" } else { "" },
        if is_driven { ", driven" } else { "" }
    );
    println!("  {:9.2} us a stimulus", fastest.as_secs_f64() * 1e6 / n);
    println!("  {:9.3} ns a synaptic event", fastest.as_secs_f64() * 1e9 / reads as f64);
    println!("  {:9.0} ns a spike", fastest.as_secs_f64() * 1e9 / totals.n_spikes() as f64);
    println!("  {:9.0} synaptic events a stimulus", reads as f64 / n);
    println!("  {:9.0} spikes a stimulus", totals.n_spikes() as f64 / n);
    for source in std::iter::once(Source::Environment).chain((0..plan.network().cells.len()).map(Source::Cell)) {
        let spikes: u64 = totals.counts(source).iter().map(|counts| counts.total()).sum();
        println!("  {:9.1} of them from {source:?}", spikes as f64 / n);
    }
    println!("  {decided} decided, after {:.1} ns on average", latency / f64::from(decided.max(1)));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let n_stimuli = arguments.first().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let (is_delayed, is_driven) = (has("delayed"), has("driven"));
    if has("f64") {
        run::<f64>(n_stimuli, is_delayed, is_driven);
    } else {
        run::<f32>(n_stimuli, is_delayed, is_driven);
    }
}
