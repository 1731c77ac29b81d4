//! What learning takes on a device, beside what the device can do and what PyTorch takes.

use std::time::Instant;

use anyhow::Result;
use formal::config::*;
use formal::{Device, Network, Pass, Shape, Wanted};
use stimuli::{Set, batches};

use super::Torch;
use crate::assemble;
use crate::bench::line::{Bound, Figure, Unit};
use crate::bench::measure::Spread;
use crate::report::network::sizes;
use crate::run::interrupt;
use crate::run::learn_bench::now;
use crate::session::Session;

/// Stimuli of a batch.
const BATCH: usize = 128;
/// Batches that are learned in turn.
const N_BATCHES: usize = 16;
const ROUNDS: usize = 7;
/// Sides of the matrices whose product tells what the device can do.
const SIDE: usize = 4096;
/// Seconds a stimulus that learning LeNet may take.
const LEARNING: f64 = 2e-6;
/// Times faster than PyTorch as it is, and compiled.
const EAGER: f64 = 5.0;
const COMPILED: f64 = 2.0;

/// What is measured on.
pub struct Bench<'a> {
    /// The device.
    pub device: Device,
    /// The model and its stimuli.
    pub lenet: &'a Session,
    /// PyTorch's figures.
    pub torch: Option<&'a Torch>,
}

/// Some figures.
pub struct Measure {
    /// What they are of.
    pub name: &'static str,
    /// Measures them.
    pub run: fn(&Bench) -> Result<Vec<Figure>>,
}

/// All of it, in order.
pub const MEASURES: &[Measure] =
    &[Measure { name: "learning", run: learning }, Measure { name: "inference", run: inference }];

/// A batch of images.
struct Images {
    stimuli: Vec<f32>,
    labels: Vec<Option<usize>>,
}

fn images(session: &Session, n_batches: usize) -> Result<Vec<Images>> {
    let (database, size) = (session.database(), session.provider.shape().n_elements());
    let batch = |step: usize| {
        let ids = batches::random(u64::from(session.seed), step as u64, database.set(Set::Learn), BATCH);
        let mut stimuli = vec![0.0; ids.len() * size];
        session.load_batch(&ids, Set::Learn, &mut stimuli)?;
        Ok(Images { stimuli, labels: ids.iter().map(|&id| database.label(id)).collect() })
    };
    (0..n_batches).map(batch).collect()
}

/// Seconds of `n` turns of `turn`, round by round, after one that warms up.
fn rounds(n_rounds: usize, n: usize, mut turn: impl FnMut(usize)) -> Result<Vec<f64>> {
    let mut found = Vec::new();
    for round in 0..=n_rounds {
        interrupt::check()?;
        let started = Instant::now();
        (0..n).for_each(|number| turn(round * n + number));
        if round > 0 {
            found.push(started.elapsed().as_secs_f64() / n as f64);
        }
    }
    Ok(found)
}

fn learning(bench: &Bench) -> Result<Vec<Figure>> {
    let description = &bench.lenet.description;
    let batches = images(bench.lenet, N_BATCHES)?;
    let learn_on = |device, n_rounds, n_steps| {
        let mut network = assemble::network_on(device, description, bench.lenet.seed)?;
        let mut brought = None;
        let times = rounds(n_rounds, n_steps, |step| {
            let [Images { stimuli, labels }, next] = [step, step + 1].map(|step| &batches[step % N_BATCHES]);
            network.start(stimuli, &[Wanted::Classes(labels)], step as u64, brought);
            brought = network.bring(&next.stimuli);
            network.finish();
        })?;
        network.check()?;
        anyhow::Ok(Spread::of(times).map(|seconds| seconds / BATCH as f64))
    };
    let ours = learn_on(bench.device, ROUNDS, 500)?;
    let cpu = learn_on(Device::Cpu, 3, 50)?;
    let mut figures = vec![
        Figure::new("learning LeNet, a stimulus of a batch of 128", Unit::Seconds, ours)
            .target(Bound::AtMost, LEARNING),
        Figure::new("the same on the CPU", Unit::Seconds, cpu),
        Figure::new("CPU over device", Unit::Ratio, ours.map(|ours| cpu.median / ours)),
    ];
    let (mut gemm, mut copies) = (matrix_products(bench.device)?, copies(bench.device)?);
    figures.push(Figure::new("matrix products of side 4096, own kernel", Unit::FlopPerSecond, Spread::exact(gemm)));
    if let Some(copies) = copies {
        figures.push(Figure::new("copies within the device", Unit::BytesPerSecond, Spread::exact(copies)));
    }
    match bench.torch {
        Some(Torch::Measured(torch)) => {
            figures.extend(beside(ours, "PyTorch eager", &torch.eager, EAGER));
            for (mode, times) in &torch.compiled {
                figures.extend(beside(ours, &format!("torch.compile, {mode}"), times, COMPILED));
            }
            let of = |name: &str, unit, value| Figure::new(name, unit, Spread::exact(value));
            figures.push(of("matrix products, PyTorch", Unit::FlopPerSecond, torch.gemm_flop_per_second));
            figures.push(of("copies, PyTorch", Unit::BytesPerSecond, torch.copy_bytes_per_second));
            gemm = gemm.max(torch.gemm_flop_per_second);
            copies = copies.map(|copies| copies.max(torch.copy_bytes_per_second));
        }
        Some(Torch::Lacking { .. }) | None => {}
    }
    let work = Work::of(bench.lenet);
    let share = |name: &str, of_a_stimulus: f64, greatest: f64| {
        Figure::new(name, Unit::Share, ours.map(|seconds| of_a_stimulus / seconds / greatest))
    };
    figures.push(share("share of the fastest matrix products", work.flop, gemm));
    figures.extend(copies.map(|copies| share("share of the fastest copies", work.bytes, copies)));
    Ok(figures)
}

/// PyTorch's time, and how many times ours it is.
fn beside(ours: Spread, name: &str, theirs: &[f64], times: f64) -> Vec<Figure> {
    if theirs.is_empty() {
        return Vec::new();
    }
    let theirs = Spread::of(theirs.to_vec());
    vec![
        Figure::new(format!("{name}, a stimulus"), Unit::Seconds, theirs),
        Figure::new(format!("{name} over ours"), Unit::Ratio, ours.map(|ours| theirs.median / ours))
            .target(Bound::AtLeast, times),
    ]
}

fn inference(bench: &Bench) -> Result<Vec<Figure>> {
    let Images { stimuli, .. } = images(bench.lenet, 1)?.swap_remove(0);
    let mut network = assemble::network_on(bench.device, &bench.lenet.description, bench.lenet.seed)?;
    let target = bench.lenet.target_cell();
    let times = rounds(ROUNDS, 500, |_| {
        network.infer(&stimuli, BATCH);
        // The outputs are what is waited for.
        std::hint::black_box(network.output(target));
    })?;
    network.check()?;
    let times = Spread::of(times).map(|seconds| seconds / BATCH as f64);
    Ok(vec![Figure::new("inferring with LeNet, a stimulus of a batch of 128", Unit::Seconds, times)])
}

/// Operations a second of a full connection of `SIDE` inputs and outputs for as many stimuli.
fn matrix_products(device: Device) -> Result<f64> {
    /// So many that what is done beside the products weighs nothing.
    const MORE: usize = 20;
    let constant = Filler::Constant { value: 0.01 };
    let fc = FcConfig {
        n_outputs: SIDE,
        no_bias: true,
        back_propagate: true,
        weights_filler: constant,
        bias_filler: constant,
        weights_solver: SolverConfig::default(),
        bias_solver: SolverConfig::default(),
        normalizes: false,
        drop_connect: 1.0,
    };
    let cell = CellConfig {
        name: "product".into(),
        inputs: vec![Source::Stimuli],
        operator: Operator::Fc(fc),
        activation: Activation::Linear,
    };
    let config = NetworkConfig {
        input: Shape { channels: SIDE, height: 1, width: 1 },
        cells: vec![cell],
        targets: vec![TargetConfig { cell: 0, target_value: 1.0, default_value: 0.0 }],
        batch_size: SIDE,
    };
    let mut network = Network::on(device, &config, 1)?;
    let stimuli = vec![0.5; SIDE * SIDE];
    network.infer(&stimuli, SIDE);
    let mut products = |n: usize| {
        let started = Instant::now();
        (0..n).for_each(|_| network.repeat(&stimuli, 0, Pass::Forward));
        std::hint::black_box(network.output(0));
        started.elapsed().as_secs_f64()
    };
    products(2);
    let best = (0..3).map(|_| {
        let few = products(1);
        (products(1 + MORE) - few) / MORE as f64
    });
    let seconds = best.fold(f64::INFINITY, f64::min);
    network.check()?;
    Ok(2.0 * (SIDE as f64).powi(3) / seconds)
}

/// Bytes a second of copies on a device that has memory of its own.
fn copies(device: Device) -> Result<Option<f64>> {
    Ok(match device {
        Device::Cuda(_) => Some(formal::copy_speed(now)?),
        _ => None,
    })
}

/// What learning from a stimulus cannot do without.
struct Work {
    /// Multiplications and additions: of the sums, of the errors that go back, of the gradients.
    flop: f64,
    /// Of activations and errors, each written once and read once a use; weights stay near the processors.
    bytes: f64,
}

impl Work {
    fn of(session: &Session) -> Self {
        let (mut flop, mut bytes) = (0.0, 0.0);
        for cell in &session.description.cells {
            let (inputs, outputs) = (cell.input_shape.n_elements() as f64, cell.output_shape.n_elements() as f64);
            let from_stimuli = cell.inputs.iter().all(|input| *input == Source::Stimuli);
            let passes = if from_stimuli { 2.0 } else { 3.0 };
            flop += passes * 2.0 * sizes(cell).virtual_synapses as f64;
            // Forward: inputs read, outputs written. Backward: errors and inputs read, errors of the inputs written.
            let back = if from_stimuli { 0.0 } else { inputs };
            bytes += 4.0 * (inputs + outputs + outputs + inputs + back);
        }
        Self { flop, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_lenet_follows_from_its_connections() {
        let work = Work::of(&super::super::learning::session().unwrap());
        // 117,600 of the 326,520 connections are those of the first convolution, whose inputs have no errors.
        assert_eq!(work.flop, 2.0 * (3.0 * 326_520.0 - 117_600.0));
        assert!((1e5..1e6).contains(&work.bytes), "{}", work.bytes);
    }

    #[test]
    fn pytorch_is_told_with_how_many_times_ours_it_is() {
        let figures = beside(Spread::exact(2e-6), "PyTorch eager", &[1e-5, 3e-5, 2e-5], EAGER);
        assert!((figures[1].value.median - 10.0).abs() < 1e-9, "{}", figures[1].value.median);
        assert!(figures[1].target.as_ref().is_some_and(|target| target.is_met));
        assert!(beside(Spread::exact(2e-6), "x", &[], EAGER).is_empty());
    }
}
