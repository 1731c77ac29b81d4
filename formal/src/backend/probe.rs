//! What there is of CUDA, found without opening a device.

#[cfg(feature = "cuda")]
mod driver;

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Clock, Precision};

/// A version of the driver or of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Raised where interfaces break.
    pub major: i32,
    /// Raised otherwise.
    pub minor: i32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A CUDA driver and what it drives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cuda {
    /// The newest CUDA that the driver runs.
    pub driver: Version,
    /// At least one, in the driver's order.
    pub devices: Vec<CudaDevice>,
    /// The compiler of kernels, NVRTC, where its library is found.
    pub compiler: Option<Version>,
}

/// A CUDA device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaDevice {
    /// As the driver calls it.
    pub name: String,
    /// The instructions that it knows.
    pub compute_capability: Version,
    /// All of its memory, in bytes.
    pub memory: usize,
}

/// Why there is no CUDA device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CudaFault {
    /// The feature `cuda` is off.
    #[error("this program is built without CUDA; build it with the feature `cuda`")]
    NotBuilt,
    /// The driver's library is not found.
    #[error("no driver is found (libcuda.so.1); install NVIDIA's driver, in a container start it with `--gpus all`")]
    NoDriver,
    /// The driver drives nothing.
    #[error("the driver finds no device; look at `nvidia-smi` and at CUDA_VISIBLE_DEVICES")]
    NoDevice,
    /// The driver fails.
    #[error("the driver fails: {fault}; look at `nvidia-smi`")]
    Driver {
        /// In the driver's words.
        fault: String,
    },
    /// The compiler's library is not found.
    #[error(
        "no compiler of kernels is found (libnvrtc); install the CUDA toolkit or the Python package nvidia-cuda-nvrtc"
    )]
    NoCompiler,
    /// The compiler knows nothing that a device runs.
    #[error(
        "the compiler (NVRTC) {compiler} makes no kernels for devices of compute capability {capability}; \
         install an NVRTC that does"
    )]
    TooOld {
        /// Of the device.
        capability: Version,
        /// Of the library.
        compiler: Version,
    },
    /// A device lacks the tensor cores that a precision needs.
    #[error(
        "products in {precision} need compute capability {}, the device has {capability}; compute in f32, the default",
        .precision.needs().map_or_else(String::new, |needed| needed.to_string() + " or later")
    )]
    Precision {
        /// What was asked for.
        precision: Precision,
        /// Of the device.
        capability: Version,
    },
    /// Kernels cannot be compiled or loaded.
    #[error("kernels of {file}: {fault}")]
    Kernels {
        /// The file of the kernels.
        file: &'static str,
        /// In the words of the compiler or the driver.
        fault: String,
    },
}

/// Kernels of one file, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelImage {
    /// The file.
    pub file: &'static str,
    /// Its kernels.
    pub kernels: Vec<&'static str>,
    /// Machine code (ELF), or text in the driver's assembly language (PTX) with a final 0.
    pub code: Vec<u8>,
    /// What compiler and assembler tell of it: registers, memory and spills of each kernel.
    pub log: String,
}

/// Looks for CUDA devices.
///
/// # Errors
///
/// What is missing, with the remedy.
pub fn cuda() -> Result<Cuda, CudaFault> {
    #[cfg(feature = "cuda")]
    return driver::probe();
    #[cfg(not(feature = "cuda"))]
    Err(CudaFault::NotBuilt)
}

/// The version of the compiler of kernels, NVRTC, where its library is found.
pub fn compiler() -> Option<Version> {
    #[cfg(feature = "cuda")]
    return driver::compiler();
    #[cfg(not(feature = "cuda"))]
    None
}

/// Takes the compiler from this file, for the whole process; tells whether one is found then. One that the system finds by its
/// name comes first.
pub fn find_compiler(_file: &Path) -> bool {
    #[cfg(feature = "cuda")]
    return compiler().is_some() || driver::find_compiler(_file);
    #[cfg(not(feature = "cuda"))]
    false
}

/// Compiles all kernels for devices of a compute capability; no device needs to be there.
///
/// # Errors
///
/// [`CudaFault::Precision`] where such devices do not have the precision, [`CudaFault::NoCompiler`] where NVRTC is not found; what
/// the compiler says of kernels that it refuses.
pub fn compile_kernels(_capability: Version, _precision: Precision) -> Result<Vec<KernelImage>, CudaFault> {
    #[cfg(feature = "cuda")]
    return super::cuda::compile_kernels(_capability, _precision);
    #[cfg(not(feature = "cuda"))]
    Err(CudaFault::NotBuilt)
}

/// Keeps kernels, once compiled, in this folder: from the first network on a CUDA device on, for the whole process.
pub fn keep_kernels_in(_folder: PathBuf) {
    #[cfg(feature = "cuda")]
    super::cuda::keep_kernels_in(_folder);
}

/// Opens the first CUDA device, where it is not open, and with it compiles and loads all kernels in a precision. Networks do that by themselves;
/// here one learns before there is one whether it can be done.
///
/// # Errors
///
/// What is missing or fails, with the remedy.
pub fn open_cuda(_precision: Precision) -> Result<Cuda, CudaFault> {
    #[cfg(feature = "cuda")]
    super::cuda::open(_precision)?;
    cuda()
}

/// Bytes a second that the first CUDA device copies within its memory, read and written ones together; the best of several copies.
///
/// # Errors
///
/// As [`open_cuda`].
pub fn copy_speed(_clock: Clock) -> Result<f64, CudaFault> {
    #[cfg(feature = "cuda")]
    return super::cuda::copy_speed(_clock);
    #[cfg(not(feature = "cuda"))]
    Err(CudaFault::NotBuilt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_a_device_or_a_reason_and_stays_the_same() {
        let found = cuda();
        match &found {
            Ok(cuda) => assert!(!cuda.devices.is_empty() && cuda.driver.major > 0, "{cuda:?}"),
            Err(fault) => assert_eq!(*fault == CudaFault::NotBuilt, !cfg!(feature = "cuda"), "{fault}"),
        }
        assert_eq!(cuda(), found);
    }
}
