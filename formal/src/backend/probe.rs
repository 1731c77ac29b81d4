//! What there is of CUDA, found without opening a device.

#[cfg(feature = "cuda")]
mod driver;

use std::fmt;

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
