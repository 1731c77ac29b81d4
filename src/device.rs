//! What computes the frames: what was typed, what the model asks for, what there is.

use std::sync::Once;

use anyhow::Result;
use formal::{Cuda, CudaFault, Device, Precision};

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
    /// For results: the CPU, or the CUDA device with driver and compiler, and the precision where it is not f32.
    pub name: String,
}

impl Chosen {
    /// The processor.
    pub fn cpu() -> Self {
        Self { device: Device::Cpu, name: "CPU".into() }
    }
}

/// The device that was typed, else CUDA where a model asks for it and there is a device, else the CPU. A precision other than f32
/// is one of a CUDA device.
///
/// # Errors
/// What was typed is not there, or the device lacks the precision; a precision for a run on the CPU.
pub fn choose(typed: Option<DeviceArg>, precision: Precision, asks_for_cuda: bool) -> Result<Chosen> {
    decide(typed, precision, asks_for_cuda, || open_cuda(precision))
}

fn decide(
    typed: Option<DeviceArg>,
    precision: Precision,
    asks_for_cuda: bool,
    open: impl FnOnce() -> Result<Cuda, CudaFault>,
) -> Result<Chosen> {
    let named = |name: String| match precision {
        Precision::F32 => name,
        _ => format!("{name}, products in {precision}"),
    };
    let on = |cuda: &Cuda| Chosen { device: Device::Cuda(precision), name: named(one_line(cuda)) };
    match typed {
        Some(DeviceArg::Emulator) => Ok(Chosen { device: Device::Emulator(precision), name: named("emulator".into()) }),
        Some(DeviceArg::Cuda) => open().map(|cuda| on(&cuda)).map_err(|fault| match fault {
            CudaFault::Precision { .. } => lacking(precision, &fault),
            _ => wrong_input(format!("--device cuda: {fault}; or give --device cpu to run on the CPU")),
        }),
        None if asks_for_cuda => match open() {
            Ok(cuda) => Ok(on(&cuda)),
            Err(fault @ CudaFault::Precision { .. }) => Err(lacking(precision, &fault)),
            Err(fault) => {
                static TOLD: Once = Once::new();
                let effect = match precision {
                    Precision::F32 => String::new(),
                    _ => format!("; --precision {precision} has no effect there"),
                };
                TOLD.call_once(|| {
                    note(&format!("note: the model asks for CUDA and runs on the CPU: {fault}{effect}"));
                });
                Ok(Chosen::cpu())
            }
        },
        _ if precision != Precision::F32 => Err(wrong_input(format!(
            "--precision {precision}: expected a run on a CUDA device, found one on the CPU, which computes in f32; give \
             --device cuda, or leave --precision out"
        ))),
        _ => Ok(Chosen::cpu()),
    }
}

/// What is told of a device without the tensor cores that a precision needs.
fn lacking(precision: Precision, fault: &CudaFault) -> anyhow::Error {
    wrong_input(format!("--precision {precision}: {fault}"))
}

/// Opens the first CUDA device in a precision, with the compiler wherever it lies; compiled kernels are kept in the user's cache folder.
///
/// # Errors
/// What is missing or fails, with the remedy.
pub fn open_cuda(precision: Precision) -> Result<Cuda, CudaFault> {
    formal::cuda()?;
    find_compiler();
    if let Some(folder) = locate::kernel_cache() {
        formal::keep_kernels_in(folder);
    }
    formal::open_cuda(precision)
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
        const CUDA: Device = Device::Cuda(Precision::F32);
        for (typed, asks, there, expected) in [
            (None, false, true, Device::Cpu),
            (None, true, true, CUDA),
            (None, true, false, Device::Cpu),
            (Some(DeviceArg::Cpu), true, true, Device::Cpu),
            (Some(DeviceArg::Cuda), false, true, CUDA),
        ] {
            let chosen = decide(typed, Precision::F32, asks, || if there { cuda() } else { none() }).unwrap();
            assert_eq!(chosen.device, expected, "{typed:?}, {asks}, {there}");
            assert_eq!(chosen.name.contains("H100"), expected == CUDA, "{chosen:?}");
            assert!(!chosen.name.contains("f32"), "{chosen:?}");
        }
    }

    #[test]
    fn a_precision_is_one_of_a_cuda_device() {
        let decide = |typed, asks, open: fn() -> Result<Cuda, CudaFault>| decide(typed, Precision::Tf32, asks, open);
        for (typed, asks) in [(Some(DeviceArg::Cuda), false), (None, true)] {
            let chosen = decide(typed, asks, cuda).unwrap();
            assert_eq!(chosen.device, Device::Cuda(Precision::Tf32));
            assert!(chosen.name.ends_with(", products in tf32"), "{chosen:?}");
            let capability = Version { major: 7, minor: 5 };
            let old =
                || Err(CudaFault::Precision { precision: Precision::Tf32, capability: Version { major: 7, minor: 5 } });
            let error = decide(typed, asks, old).unwrap_err();
            let text = error.to_string();
            for part in ["--precision tf32", "8.0 or later", &capability.to_string(), "compute in f32"] {
                assert!(text.contains(part), "`{part}` is missing in {text}");
            }
            assert_eq!(exit_code(&error), 2);
        }
        assert_eq!(decide(None, true, || Err(CudaFault::NoDriver)).unwrap(), Chosen::cpu());
        for typed in [None, Some(DeviceArg::Cpu)] {
            let error = decide(typed, false, cuda).unwrap_err();
            assert!(error.to_string().contains("give --device cuda, or leave --precision out"), "{error}");
            assert_eq!(exit_code(&error), 2);
        }
    }

    #[test]
    fn a_device_that_was_typed_and_is_not_there_is_an_error_with_the_remedy() {
        let error = decide(Some(DeviceArg::Cuda), Precision::F32, true, || Err(CudaFault::NoDriver)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("libcuda.so.1") && text.contains("--device cpu"), "{text}");
        assert_eq!(exit_code(&error), 2);
    }
}
