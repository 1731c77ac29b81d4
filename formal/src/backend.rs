//! Where a network is computed: one seam, so that callers carry no `cfg`.
mod cpu;
#[cfg(any(feature = "cuda", feature = "emulator"))]
mod cuda;
#[cfg(not(all(feature = "cuda", feature = "emulator")))]
mod no_cuda;
mod probe;

pub use probe::{
    Cuda, CudaDevice, CudaFault, KernelImage, Version, compile_kernels, compiler, copy_speed, cuda, find_compiler,
    keep_kernels_in, open_cuda,
};
use std::fmt;
use std::time::Duration;

use crate::cell::batch_norm::Statistics;
use crate::error::Error;
use crate::network::{Pass, StepReport};
use crate::parameter::Parameter;
use crate::plan::Plan;
use crate::target::Wanted;

/// What computes a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Device {
    /// The processor, through the current rayon thread pool.
    #[default]
    Cpu,
    /// The first CUDA device.
    Cuda(Precision),
    /// The kernels of CUDA devices, run by the processor: slow, for tests.
    Emulator(Precision),
}

/// What a CUDA device rounds the factors of products of matrices to: those of full connections, and of the convolutions that are computed as such
/// products. Sums and everything else have 32 bits in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Not at all: 24 bits of 32-bit floats.
    #[default]
    F32,
    /// To 11 bits, with the exponents of 32-bit floats, for tensor cores.
    Tf32,
    /// To 11 bits of 16-bit floats, for tensor cores: beyond 65504 infinite, below 6.1e-5 in steps of 6.0e-8.
    F16,
}

impl Precision {
    /// The compute capability from which on a device has it; `None` where every device has.
    pub fn needs(self) -> Option<Version> {
        match self {
            Self::F32 => None,
            Self::Tf32 => Some(Version { major: 8, minor: 0 }),
            Self::F16 => Some(Version { major: 7, minor: 5 }),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::F16 => "f16",
        })
    }
}

/// Tells the time that passed since some instant.
pub type Clock = fn() -> Duration;

/// What a cell took, summed over the threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CellTime {
    /// From its inputs to its outputs.
    pub forward: Duration,
    /// From the errors of its outputs to those of its inputs, and its gradients but for those of a full connection.
    pub backward: Duration,
    /// From the gradients of the shares of a batch to new weights; of a full connection from inputs and errors.
    pub update: Duration,
}

/// One learning step.
pub(crate) struct Batch<'a> {
    /// `[n][c][y][x]`.
    pub(crate) stimuli: &'a [f32],
    pub(crate) n: usize,
    /// Of as many stimuli, one for each target.
    pub(crate) wanted: &'a [Wanted<'a>],
    /// Keys what is random in the step.
    pub(crate) step: u64,
    pub(crate) seed: u64,
    /// Replaces the policies of all solvers.
    pub(crate) rate: Option<f64>,
    /// Of stimuli that were sent ahead.
    pub(crate) brought: Option<Brought>,
}

/// Stimuli that a device has ahead of their learning step: what [`Network::bring`](crate::Network::bring) gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brought {
    /// They are the last that were sent.
    pub(crate) number: u64,
    pub(crate) n_values: usize,
}

/// A network in the memory of a device. Sizes are checked by the caller.
pub(crate) trait Backend: Send + Sync {
    /// Plans the buffers for up to `n` stimuli at once.
    fn set_capacity(&mut self, n: usize);
    /// Stimuli that fit at once.
    fn capacity(&self) -> usize;
    /// Computes the outputs of `n` stimuli.
    fn infer(&mut self, stimuli: &[f32], n: usize);
    /// Starts a learning step: outputs, errors and gradients are computed, and the weights moved. A device is not waited for.
    fn start(&mut self, batch: &Batch<'_>);
    /// What the step found that was started last, one for each target, when it is done.
    fn finish(&mut self) -> &[StepReport];
    /// Both.
    fn learn(&mut self, batch: &Batch<'_>) -> &[StepReport] {
        self.start(batch);
        self.finish()
    }
    /// Sends the stimuli of the next learning step beside the one that was started; `None` where they come with their step.
    fn bring(&mut self, _stimuli: &[f32]) -> Option<Brought> {
        None
    }
    /// Computes one pass of the last batch again; errors are what they happen to be.
    fn repeat(&mut self, stimuli: &[f32], cell: usize, pass: Pass);
    /// `[n][c][y][x]` of the last batch.
    fn output(&self, cell: usize) -> &[f32];
    /// Weights and solver states, in the order of the cells, weights before bias.
    fn parameters(&self) -> &[Parameter];
    /// The same, to be changed.
    fn parameters_mut(&mut self) -> &mut [Parameter];
    /// Sums over the stimuli of minus the gradients, of each parameter, since the last update that they made; empty where
    /// the device keeps them to itself.
    fn gradient(&self, _parameter: usize) -> &[f32] {
        &[]
    }
    /// Keeps the errors of the stimulus at this place of the batches that are learned from now on; `None` ends that.
    fn keep_errors(&mut self, _place: Option<usize>) {}
    /// The errors kept of a cell; empty where there are none or the device keeps them to itself.
    fn error(&self, _cell: usize) -> &[f32] {
        &[]
    }
    /// Times what cells do from now on, by this clock; `None` ends that.
    fn set_clock(&mut self, _clock: Option<Clock>) {}
    /// What each cell took since then; empty where the device does not tell.
    fn times(&self) -> Vec<CellTime> {
        Vec::new()
    }
    /// Running means and variances of each cell; empty where it has none.
    fn statistics(&self) -> &[Statistics];
    /// The same, to be changed.
    fn statistics_mut(&mut self) -> &mut [Statistics];
    /// What went wrong first; what is computed after it is nothing to go by.
    fn fault(&self) -> Option<Error> {
        None
    }
}

/// Opens a device for a network with these weights.
pub(crate) fn open(device: Device, plan: &Plan, parameters: Vec<Parameter>) -> Result<Box<dyn Backend>, Error> {
    match device {
        Device::Cpu => Ok(Box::new(cpu::Cpu::new(plan, parameters))),
        #[cfg(feature = "cuda")]
        Device::Cuda(precision) => cuda::open_device(plan, parameters, precision),
        #[cfg(feature = "emulator")]
        Device::Emulator(precision) => cuda::open_emulator(plan, parameters, precision),
        #[cfg(not(all(feature = "cuda", feature = "emulator")))]
        missing => no_cuda::open(missing),
    }
}
