//! `femtospike devices`.

use anyhow::Result;
use formal::{Cuda, CudaDevice, CudaFault};
use serde_json::json;

use crate::report::document;
use crate::report::progress::result;

/// Lists what can compute.
pub fn run() -> Result<()> {
    result(&format!("CPU: {} threads", rayon::current_num_threads()));
    let found = formal::cuda();
    result(&text(&found));
    let cuda = found.as_ref().ok().map(|cuda| {
        let device = |device: &CudaDevice| {
            json!({
                "name": device.name,
                "compute_capability": device.compute_capability.to_string(),
                "memory_bytes": device.memory,
            })
        };
        json!({
            "driver": cuda.driver.to_string(),
            "compiler": cuda.compiler.map(|version| version.to_string()),
            "devices": cuda.devices.iter().map(device).collect::<Vec<_>>(),
        })
    });
    let lacking = found.err().map(|fault| fault.to_string());
    document::give(&json!({
        "cpu_threads": rayon::current_num_threads(),
        "cuda": cuda,
        "cuda_lacking": lacking,
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

/// What is told of CUDA, line by line.
fn text(found: &Result<Cuda, CudaFault>) -> String {
    const GIB: f64 = (1u64 << 30) as f64;
    let cuda = match found {
        Ok(cuda) => cuda,
        Err(fault) => return format!("CUDA: none: {fault}"),
    };
    let compiler = match cuda.compiler {
        Some(version) => format!("compiler (NVRTC) {version}"),
        None => "no compiler: libnvrtc is not found, install the CUDA toolkit or the Python package nvidia-cuda-nvrtc"
            .into(),
    };
    let mut lines = vec![format!("CUDA: driver for CUDA {}; {compiler}", cuda.driver)];
    for (index, device) in cuda.devices.iter().enumerate() {
        let memory = device.memory as f64 / GIB;
        let capability = device.compute_capability;
        lines.push(format!("  device {index}: {}, compute capability {capability}, {memory:.1} GiB", device.name));
    }
    lines.push("  learning and tests run on the CPU: this version has no kernels for CUDA".into());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use formal::Version;

    use super::*;

    #[test]
    fn devices_are_listed_with_driver_compiler_and_memory() {
        let version = |major, minor| Version { major, minor };
        let device = |name: &str, memory| CudaDevice { name: name.into(), compute_capability: version(9, 0), memory };
        let devices = vec![device("H100", 85_899_345_920), device("H200", 151_397_597_184)];
        let cuda = Cuda { driver: version(13, 2), devices, compiler: Some(version(12, 8)) };
        assert_eq!(
            text(&Ok(cuda.clone())),
            "CUDA: driver for CUDA 13.2; compiler (NVRTC) 12.8\n  \
             device 0: H100, compute capability 9.0, 80.0 GiB\n  \
             device 1: H200, compute capability 9.0, 141.0 GiB\n  \
             learning and tests run on the CPU: this version has no kernels for CUDA"
        );
        assert!(text(&Ok(Cuda { compiler: None, ..cuda })).contains("libnvrtc is not found"));
    }

    #[test]
    fn what_is_missing_is_said_with_the_remedy() {
        for (fault, remedy) in [(CudaFault::NoDriver, "install"), (CudaFault::NoDevice, "nvidia-smi")] {
            let text = text(&Err(fault));
            assert!(text.starts_with("CUDA: none: ") && text.contains(remedy), "{text}");
        }
    }
}
