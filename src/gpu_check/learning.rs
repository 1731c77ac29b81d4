//! Learning on a device: step by step beside the CPU, and LeNet on MNIST to the end.

use anyhow::{Context, Result};
use formal::config::*;
use formal::{Device, Shape};
use serde::Serialize;
use stimuli::{Set, batches};

use super::parity::{self, Batch, Steps, noise};
use crate::cli::{DeviceArg, Options};
use crate::run::formal_test;
use crate::run::learn::{self, Amount};
use crate::session::Session;
use crate::{assemble, locate, weights};

const MODEL: &str = "LeNet.ini";
const SEED: u32 = 1;
/// Stimuli to learn and those between validations: the command on top of the model, whose scores there are 99.18 % and more.
const STIMULI: u64 = 6_000_000;
const LOG: u64 = 100_000;
/// What it has to recognize of the test images.
const RECOGNIZED: f64 = 0.99;

/// LeNet on the shipped MNIST, in a folder of its own, which goes with [`run`].
///
/// # Errors
/// The program carries none of them, or the data found elsewhere are wrong.
pub fn session() -> Result<Session> {
    // The device is another's: it is named where a network is made.
    let device = Some(DeviceArg::Cpu);
    let out = Some(locate::temporary_folder());
    let options = Options { out, seed: Some(SEED), log: Some(LOG), device, ..Options::default() };
    let model = locate::shipped_model(MODEL).context("this program was built without the shipped models")?;
    let session = Session::of(model, &options, true)?;
    // Only emptiness is left there.
    let _ = std::fs::remove_dir(session.output.root());
    Set::ALL.into_iter().try_for_each(|set| session.prepare(set))?;
    Ok(session)
}

/// Steps to learn on two devices.
pub struct Course<'a> {
    /// What is learned.
    pub name: String,
    config: NetworkConfig,
    n_steps: u64,
    batch: Box<dyn Fn(u64) -> Result<Batch> + 'a>,
}

impl Course<'_> {
    /// Learns on a device and on the CPU.
    ///
    /// # Errors
    /// The device refuses the network; a stimulus that cannot be read.
    pub fn run(&self, device: Device) -> Result<Steps> {
        parity::steps(device, &self.name, &self.config, self.n_steps, &self.batch)
    }
}

/// LeNet, where it is at hand, and networks of everything else that learns.
pub fn courses(lenet: Option<&Session>, is_quick: bool) -> Vec<Course<'_>> {
    let n_steps = if is_quick { 5 } else { 100 };
    let lenet = lenet.map(|session| {
        let config = assemble::formal_config(&session.description);
        let n = if is_quick { 8 } else { config.batch_size };
        let config = NetworkConfig { batch_size: n, ..config };
        let batch = move |step| {
            let ids = batches::random(u64::from(SEED), step, session.database().set(Set::Learn), n);
            let mut stimuli = vec![0.0; n * session.provider.shape().n_elements()];
            session.load_batch(&ids, Set::Learn, &mut stimuli)?;
            Ok((stimuli, ids.iter().map(|&id| session.database().label(id)).collect()))
        };
        Course { name: format!("{MODEL}, MNIST, batches of {n}"), config, n_steps, batch: Box::new(batch) }
    });
    let solvers = solvers().into_iter().map(|(name, solver)| {
        let config = mixed(solver);
        let (n, size, n_classes) = (config.batch_size, config.input.n_elements(), 3);
        let batch = move |step: u64| {
            let labels: Vec<Option<usize>> =
                (0..n).map(|at| (at % 7 != 6).then_some((at * 5 + step as usize) % n_classes)).collect();
            // Each class has a pattern of its own, under noise.
            let mut stimuli = noise(step + 1, n * size);
            for (stimulus, label) in stimuli.chunks_exact_mut(size).zip(&labels) {
                let Some(label) = label else { continue };
                let pattern = noise(1000 + *label as u64, size);
                stimulus.iter_mut().zip(pattern).for_each(|(x, pattern)| *x = 0.5 * *x + pattern);
            }
            Ok((stimuli, labels))
        };
        Course { name: format!("all kinds of cells, {name}"), config, n_steps, batch: Box::new(batch) }
    });
    lenet.into_iter().chain(solvers).collect()
}

/// Every solver with everything that it can do.
fn solvers() -> Vec<(&'static str, SolverConfig)> {
    let clamping = (Some(-0.9), Some(0.9));
    let sgd = SgdConfig { learning_rate: 0.02, momentum: 0.9, decay: 1e-3, clamping, ..SgdConfig::default() };
    let policy = |policy| SgdConfig { policy, learning_rate_step_size: 33, learning_rate_decay: 0.97, ..sgd.clone() };
    let gathered = SgdConfig { iteration_size: 3, ..policy(LearningRatePolicy::StepDecay) };
    let cosine = SgdConfig { max_iterations: 100, warm_up_duration: 5, ..policy(LearningRatePolicy::CosineDecay) };
    let poly = SgdConfig { max_iterations: 100, power: 0.9, ..policy(LearningRatePolicy::PolyDecay) };
    let adam = AdamConfig { learning_rate: 0.002, clamping, ..AdamConfig::default() };
    vec![
        ("SGD, momentum, decay, clamping", sgd.clone().into()),
        ("SGD, steps, three batches an update", gathered.into()),
        ("SGD, exponential", policy(LearningRatePolicy::ExponentialDecay).into()),
        ("SGD, cosine", cosine.into()),
        ("SGD, polynomial", poly.into()),
        ("Adam", adam.into()),
    ]
}

/// A network with branches, normalization, draws and every way of sharing weights.
fn mixed(solver: SolverConfig) -> NetworkConfig {
    let size = |width, height| Size { width, height };
    let filler = Filler::He { variance_norm: VarianceNorm::FanIn, mean_norm: 0.0, scaling: 1.0 };
    let fc = |n_outputs| FcConfig {
        n_outputs,
        no_bias: false,
        back_propagate: true,
        weights_filler: filler,
        bias_filler: Filler::Constant { value: 0.0 },
        weights_solver: solver.clone(),
        bias_solver: solver.clone(),
        normalizes: false,
        drop_connect: 1.0,
    };
    let conv = |n_outputs, kernel| ConvConfig {
        n_outputs,
        kernel,
        stride: size(1, 1),
        padding: size(1, 1),
        dilation: size(1, 1),
        sub_sample: size(1, 1),
        mapping: None,
        no_bias: false,
        back_propagate: true,
        weights_filler: filler,
        bias_filler: Filler::Constant { value: 0.0 },
        weights_solver: solver.clone(),
        bias_solver: solver.clone(),
    };
    let diagonal = |n: usize| Some((0..n * n).map(|pair| pair / n == pair % n).collect());
    let pool = |pooling| PoolConfig {
        n_outputs: 6,
        pooling,
        window: size(2, 2),
        stride: size(2, 2),
        padding: size(0, 0),
        mapping: diagonal(6),
    };
    let norm =
        BatchNormConfig { scale_solver: solver.clone(), bias_solver: solver.clone(), ..BatchNormConfig::default() };
    let mapping = Some((0..8 * 12).map(|pair| pair % 3 != 0).collect());
    let by_channel = ConvConfig { mapping: diagonal(6), ..conv(6, size(3, 3)) };
    let rectifier = Activation::Rectifier { leak_slope: 0.1, clipping: 0.0 };
    let before = |cells: &[usize]| cells.iter().map(|&cell| Source::Cell(cell)).collect::<Vec<_>>();
    let cells = [
        ("stem", vec![Source::Stimuli], Operator::Conv(conv(6, size(3, 3))), Activation::Linear),
        ("norm", before(&[0]), Operator::BatchNorm(norm), rectifier),
        ("each", before(&[1]), Operator::Conv(by_channel), Activation::Tanh { alpha: 1.0 }),
        (
            "sum",
            before(&[1, 2]),
            Operator::ElemWise(ElemWiseConfig { operation: ElementOperation::Sum, ..ElemWiseConfig::default() }),
            Activation::Linear,
        ),
        ("max", before(&[3]), Operator::Pool(pool(Pooling::Max)), Activation::Linear),
        ("mean", before(&[3]), Operator::Pool(pool(Pooling::Average)), Activation::Linear),
        ("mixed", before(&[4, 5]), Operator::Conv(ConvConfig { mapping, ..conv(8, size(3, 2)) }), Activation::Swish),
        ("hidden", before(&[6]), Operator::Fc(FcConfig { drop_connect: 0.8, ..fc(20) }), rectifier),
        ("drop", before(&[7]), Operator::Dropout(DropoutConfig { rate: 0.2 }), Activation::Linear),
        ("output", before(&[8]), Operator::Fc(fc(3)), Activation::Linear),
        (
            "softmax",
            before(&[9]),
            Operator::Softmax(SoftmaxConfig { with_loss: true, group_size: 0 }),
            Activation::Linear,
        ),
    ];
    let cells: Vec<CellConfig> = cells
        .into_iter()
        .map(|(name, inputs, operator, activation)| CellConfig { name: name.into(), inputs, operator, activation })
        .collect();
    let targets = vec![TargetConfig { cell: cells.len() - 1, target_value: 1.0, default_value: 0.0 }];
    NetworkConfig { input: Shape { channels: 2, height: 10, width: 12 }, cells, targets, batch_size: 33 }
}

/// What LeNet learned.
#[derive(Clone, Debug, Serialize)]
pub struct Learning {
    /// The model.
    pub model: &'static str,
    /// Stimuli learned.
    pub stimuli: u64,
    /// Wall seconds of the learning steps, with making the stimuli, validation and logs excluded.
    pub seconds: f64,
    /// Of the state that the validation set chose, on the test images.
    pub recognition_rate: f64,
    /// What it should be.
    pub expected: f64,
    /// Whether it is.
    pub passed: bool,
}

/// Learns LeNet on MNIST as `femtospike learn` does, and tests it on the device.
///
/// # Errors
/// Those of a learning; Ctrl-C.
pub fn run(session: &Session, device: Device) -> Result<Learning> {
    let found = learn_and_test(session, device);
    let _ = std::fs::remove_dir_all(session.output.root());
    found
}

fn learn_and_test(session: &Session, device: Device) -> Result<Learning> {
    std::fs::create_dir_all(session.output.root())?;
    let mut network = assemble::network_on(device, &session.description, session.seed)?;
    let learned = learn::run(session, &mut network, Some(Amount::Stimuli(STIMULI)))?;
    let loaded = weights::load(&session.description, &learned.weights)?;
    assemble::set_weights(&mut network, &loaded)?;
    let ids = session.database().set(Set::Test);
    let tested = formal_test::evaluate(session, &mut network, Set::Test, ids, None, |_, _, _, _| {})?;
    let recognition_rate = tested.recognition_rate();
    Ok(Learning {
        model: MODEL,
        stimuli: learned.stimuli,
        seconds: learned.seconds,
        recognition_rate,
        expected: RECOGNIZED,
        passed: recognition_rate >= RECOGNIZED,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_solver_lowers_the_loss_of_the_mixed_network() {
        for course in courses(None, false) {
            let steps = course.run(Device::Cpu).unwrap();
            assert!(steps.passed && steps.worst == 0.0, "{steps:?}");
            assert!(steps.loss < 1.0, "from ln 3 down: {steps:?}");
        }
    }
}
