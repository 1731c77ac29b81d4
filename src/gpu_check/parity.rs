//! What a device computes against what it should be.

use anyhow::{Result, anyhow};
use formal::config::NetworkConfig;
use formal::{Device, Network, ParameterKind, Shape, Wanted, reference};
use serde::Serialize;

use super::operations::{Goal, N_STIMULI, Operation};
use crate::run::interrupt;

/// Greatest difference of a tensor over its greatest magnitude that 32-bit floats are allowed.
pub const F32: f64 = 1e-5;
const SEED: u64 = 1;
/// A rate that finds gradients and moves nothing.
const NO_RATE: f64 = 1e-300;
/// The step that keys dropout and other draws.
const STEP: u64 = 3;

/// How far a tensor is off.
#[derive(Clone, Debug, Serialize)]
pub struct Deviation {
    /// What it is.
    pub tensor: String,
    /// The greatest difference over the greatest magnitude of the reference.
    pub relative: f64,
}

/// An operator on the device beside the reference in 64 bits.
#[derive(Clone, Debug, Serialize)]
pub struct Operator {
    /// Kind and geometry.
    pub name: &'static str,
    /// What is off the most.
    #[serde(flatten)]
    pub worst: Deviation,
    /// What is allowed.
    pub tolerance: f64,
    /// Whether all of it is within.
    pub passed: bool,
}

/// Computes an operator's outputs, errors and gradients on a device and in the reference.
///
/// # Errors
/// The device refuses the network or keeps its gradients to itself.
pub fn operator(device: Device, operation: &Operation) -> Result<Operator> {
    let deviations = deviations(device, operation)?;
    let worst = deviations.into_iter().max_by(|a, b| a.relative.total_cmp(&b.relative));
    let worst = worst.ok_or_else(|| anyhow!("nothing was compared"))?;
    let passed = worst.relative <= F32;
    Ok(Operator { name: operation.name, worst, tolerance: F32, passed })
}

fn deviations(device: Device, operation: &Operation) -> Result<Vec<Deviation>> {
    let config = &operation.config;
    let last = config.cells.len() - 1;
    let mut network = Network::on(device, config, SEED)?;
    let naive = reference::Network::new(&network);
    let stimuli: Vec<f32> =
        (0..N_STIMULI * N_STIMULI).map(|at| f32::from(u8::from(at / N_STIMULI == at % N_STIMULI))).collect();
    let wide = widened(&stimuli);

    network.infer(&stimuli, N_STIMULI);
    let inferred: Vec<f64> =
        wide.chunks_exact(N_STIMULI).flat_map(|stimulus| naive.infer(stimulus).swap_remove(last)).collect();
    let mut found = vec![deviation("outputs, inferred", network.output(last), &inferred)];

    let goals: Vec<Goals> = config.targets.iter().map(|target| Goals::new(network.output_shape(target.cell))).collect();
    let wanted: Vec<Wanted<'_>> = goals.iter().zip(&operation.goals).map(|(goals, &goal)| goals.wanted(goal)).collect();
    let labels = wanted.iter().find_map(|wanted| match *wanted {
        Wanted::Classes(labels) => Some(labels),
        _ => None,
    });
    let expected = naive.learn_towards(&wide, &wanted, STEP);
    let reports = network.learn_towards(&stimuli, &wanted, STEP, Some(NO_RATE));
    let squared_error: f64 = reports.iter().map(|report| report.squared_error).sum();
    let outputs = naive.outputs(&wide, labels.unwrap_or_default(), STEP);
    let outputs: Vec<f64> = outputs.into_iter().flat_map(|mut cells| cells.swap_remove(last)).collect();
    found.push(deviation("outputs, learning", network.output(last), &outputs));
    found.push(deviation(
        "loss",
        &[squared_error as f32],
        &[expected.squared_error.iter().sum::<f64>() / N_STIMULI as f64],
    ));
    for info in network.parameters() {
        let (of, reference) = match info.kind {
            ParameterKind::Weights => ("weights", &expected.weights[info.cell]),
            ParameterKind::Bias => ("bias", &expected.biases[info.cell]),
        };
        let name = match info.cell_name.as_str() {
            "operator" => format!("gradients of the {of}"),
            // See `operations`: gradients there are the errors of the inputs.
            other => format!("errors of {}", other.replace("columns", "input ")),
        };
        let gradient = network.gradient(info.cell, info.kind);
        let gradient = gradient.ok_or_else(|| anyhow!("the device keeps the {name} to itself"))?;
        found.push(deviation(&name, gradient, reference));
    }
    network.check()?;
    Ok(found)
}

/// Whatever a target may want.
struct Goals {
    values: Vec<f32>,
    labels: Vec<Option<usize>>,
    maps: Vec<i32>,
}

impl Goals {
    fn new(shape: Shape) -> Self {
        let (n_classes, positions) = (shape.channels.max(2), shape.height * shape.width);
        Self {
            values: noise(SEED, N_STIMULI * shape.n_elements()),
            // Some have none.
            labels: (0..N_STIMULI).map(|at| (at != 3).then_some((at * 5 + 1) % n_classes)).collect(),
            maps: (0..N_STIMULI * positions)
                .map(|at| if at % 11 == 7 { -1 } else { (at * at % 13 % n_classes) as i32 })
                .collect(),
        }
    }

    fn wanted(&self, goal: Goal) -> Wanted<'_> {
        match goal {
            Goal::Values => Wanted::Values(&self.values),
            Goal::Classes => Wanted::Classes(&self.labels),
            Goal::Maps => Wanted::Maps(&self.maps),
        }
    }
}

/// The greatest difference over the greatest magnitude; infinite where something is missing or no number.
fn deviation(tensor: &str, found: &[f32], expected: &[f64]) -> Deviation {
    let scale = expected.iter().fold(0.0f64, |scale, value| scale.max(value.abs()));
    let differences = found.iter().zip(expected).map(|(&found, &expected)| (f64::from(found) - expected).abs());
    let are_numbers = found.iter().all(|value| value.is_finite()) && expected.iter().all(|value| value.is_finite());
    let is_whole = found.len() == expected.len() && are_numbers;
    let worst = differences.fold(0.0f64, f64::max);
    let relative = match (is_whole, scale > 0.0) {
        (true, true) => worst / scale,
        (true, false) if worst == 0.0 => 0.0,
        _ => f64::INFINITY,
    };
    Deviation { tensor: tensor.into(), relative }
}

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// Values of [-1, 1) that depend on the seed alone (SplitMix64; Steele, Lea and Flood, 2014).
pub fn noise(seed: u64, n: usize) -> Vec<f32> {
    let word = |at: u64| {
        let z = seed.wrapping_add((at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..n as u64).map(|at| (word(at) >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// A learning on the device beside the same on the CPU.
#[derive(Clone, Debug, Serialize)]
pub struct Steps {
    /// What is learned.
    pub name: String,
    /// Learning steps.
    pub steps: u64,
    /// Loss of the last step on the CPU.
    pub loss: f64,
    /// The greatest difference of the losses of a step.
    pub worst: f64,
    /// What is allowed.
    pub tolerance: f64,
    /// Whether all losses are within.
    pub passed: bool,
}

/// Greatest difference of the losses of a step, over so many steps as [`steps`] is asked for.
pub const LOSS: f64 = 1e-3;

/// Stimuli of a step with their classes.
pub type Batch = (Vec<f32>, Vec<Option<usize>>);

/// Learns the same steps from the same weights on a device and on the CPU; `batch` makes the stimuli of a step.
///
/// # Errors
/// The device refuses the network; what `batch` returns.
pub fn steps(
    device: Device,
    name: &str,
    config: &NetworkConfig,
    n_steps: u64,
    mut batch: impl FnMut(u64) -> Result<Batch>,
) -> Result<Steps> {
    let (mut ours, mut theirs) = (Network::on(device, config, SEED)?, Network::new(config, SEED)?);
    let (mut worst, mut loss) = (0.0f64, 0.0);
    for step in 0..n_steps {
        interrupt::check()?;
        let (stimuli, labels) = batch(step)?;
        let [found, expected] = [&mut ours, &mut theirs].map(|network| {
            let report = network.learn(&stimuli, &labels, step);
            report.cross_entropy.unwrap_or(report.squared_error)
        });
        let difference = (found - expected).abs();
        worst = worst.max(if difference.is_nan() { f64::INFINITY } else { difference });
        loss = expected;
        ours.check()?;
    }
    Ok(Steps { name: name.into(), steps: n_steps, loss, worst, tolerance: LOSS, passed: worst <= LOSS })
}

#[cfg(test)]
mod tests {
    use super::super::operations;
    use super::*;

    #[test]
    fn the_cpu_is_within_the_tolerance_of_the_reference_in_every_operator() {
        for operation in operations::all() {
            let found = operator(Device::Cpu, &operation).unwrap_or_else(|e| panic!("{}: {e:#}", operation.name));
            assert!(found.passed, "{found:?}");
        }
    }

    #[test]
    fn what_is_missing_or_no_number_is_infinitely_off() {
        for (found, expected, relative) in [
            (&[1.0f32, 2.0][..], &[1.0, 2.5][..], 0.2),
            (&[1.0], &[1.0, 2.5], f64::INFINITY),
            (&[f32::NAN, 2.5], &[1.0, 2.5], f64::INFINITY),
            (&[0.0], &[0.0], 0.0),
            (&[1e-9], &[0.0], f64::INFINITY),
        ] {
            assert_eq!(deviation("", found, expected).relative, relative, "{found:?}");
        }
    }

    #[test]
    fn a_wrong_operator_is_found() {
        let operation = &operations::all()[0];
        let mut changed = Operation { config: operation.config.clone(), goals: operation.goals.clone(), ..*operation };
        let formal::config::Operator::Conv(conv) = &mut changed.config.cells[2].operator else { panic!("a conv") };
        conv.weights_filler = formal::config::Filler::Constant { value: f64::from(f32::MAX) };
        assert!(!operator(Device::Cpu, &changed).unwrap().passed);
    }
}
