//! What computes the frames: what was typed, what the model asks for, what there is.

use std::sync::Once;

use anyhow::Result;
use formal::{Cuda, CudaFault, Device};

use crate::cli::DeviceArg;
use crate::failure::wrong_input;
use crate::locate;
use crate::report::devices::one_line;
use crate::report::progress::note;

/// The device of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Where networks are made.
    pub device: Device,
    /// For results: the CPU, or the CUDA device with driver and compiler.
    pub name: String,
}

impl Chosen {
    /// The processor.
    pub fn cpu() -> Self {
        Self { device: Device::Cpu, name: "CPU".into() }
    }
}

/// The device that was typed, else CUDA where a model asks for it and there is a device, else the CPU.
///
/// # Errors
/// What was typed is not there.
pub fn choose(typed: Option<DeviceArg>, asks_for_cuda: bool) -> Result<Chosen> {
    decide(typed, asks_for_cuda, open_cuda)
}

fn decide(
    typed: Option<DeviceArg>,
    asks_for_cuda: bool,
    open: impl FnOnce() -> Result<Cuda, CudaFault>,
) -> Result<Chosen> {
    let on = |cuda: &Cuda| Chosen { device: Device::Cuda, name: one_line(cuda) };
    match typed {
        Some(DeviceArg::Cpu) => Ok(Chosen::cpu()),
        Some(DeviceArg::Emulator) => Ok(Chosen { device: Device::Emulator, name: "emulator".into() }),
        Some(DeviceArg::Cuda) => open()
            .map(|cuda| on(&cuda))
            .map_err(|fault| wrong_input(format!("--device cuda: {fault}; or give --device cpu to run on the CPU"))),
        None if asks_for_cuda => Ok(open().map_or_else(
            |fault| {
                static TOLD: Once = Once::new();
                TOLD.call_once(|| note(&format!("note: the model asks for CUDA and runs on the CPU: {fault}")));
                Chosen::cpu()
            },
            |cuda| on(&cuda),
        )),
        None => Ok(Chosen::cpu()),
    }
}

/// Opens the first CUDA device, with the compiler wherever it lies; compiled kernels are kept in the user's cache folder.
///
/// # Errors
/// What is missing or fails, with the remedy.
pub fn open_cuda() -> Result<Cuda, CudaFault> {
    formal::cuda()?;
    find_compiler();
    if let Some(folder) = locate::kernel_cache() {
        formal::keep_kernels_in(folder);
    }
    formal::open_cuda()
}

/// Looks for NVRTC where the system does not.
pub fn find_compiler() {
    if formal::compiler().is_none() {
        locate::nvrtc().iter().any(|file| formal::find_compiler(file));
    }
}

#[cfg(test)]
mod tests {
    use formal::{CudaDevice, Version};

    use super::*;
    use crate::failure::exit_code;

    fn cuda() -> Result<Cuda, CudaFault> {
        let version = |major, minor| Version { major, minor };
        let device = CudaDevice { name: "H100".into(), compute_capability: version(9, 0), memory: 80 << 30 };
        Ok(Cuda { driver: version(13, 0), devices: vec![device], compiler: Some(version(13, 0)) })
    }

    #[test]
    fn what_was_typed_comes_before_what_the_model_asks_for() {
        let none = || Err(CudaFault::NoDriver);
        for (typed, asks, there, expected) in [
            (None, false, true, Device::Cpu),
            (None, true, true, Device::Cuda),
            (None, true, false, Device::Cpu),
            (Some(DeviceArg::Cpu), true, true, Device::Cpu),
            (Some(DeviceArg::Cuda), false, true, Device::Cuda),
        ] {
            let chosen = decide(typed, asks, || if there { cuda() } else { none() }).unwrap();
            assert_eq!(chosen.device, expected, "{typed:?}, {asks}, {there}");
            assert_eq!(chosen.name.contains("H100"), expected == Device::Cuda, "{chosen:?}");
        }
    }

    #[test]
    fn a_device_that_was_typed_and_is_not_there_is_an_error_with_the_remedy() {
        let error = decide(Some(DeviceArg::Cuda), true, || Err(CudaFault::NoDriver)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("libcuda.so.1") && text.contains("--device cpu"), "{text}");
        assert_eq!(exit_code(&error), 2);
    }
}
