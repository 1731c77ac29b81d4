//! What there is of CUDA, for people and for programs.

use formal::{Cuda, CudaDevice, CudaFault};
use serde::Serialize;
use serde_json::json;

/// The driver, the compiler and the devices, for programs.
pub fn document(cuda: &Cuda) -> impl Serialize + use<> {
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
}

/// The device that networks run on, with what makes its figures comparable.
pub fn one_line(cuda: &Cuda) -> String {
    let device = &cuda.devices[0];
    let compiler = cuda.compiler.map_or("no NVRTC".to_string(), |version| format!("NVRTC {version}"));
    format!(
        "CUDA: {}, compute capability {}, driver for CUDA {}, {compiler}",
        device.name, device.compute_capability, cuda.driver
    )
}

/// What is told of CUDA, line by line.
pub fn text(found: &Result<Cuda, CudaFault>) -> String {
    const GIB: f64 = (1u64 << 30) as f64;
    let cuda = match found {
        Ok(cuda) => cuda,
        Err(fault) => return format!("CUDA: none: {fault}"),
    };
    let compiler = match cuda.compiler {
        Some(version) => format!("compiler (NVRTC) {version}"),
        None => CudaFault::NoCompiler.to_string(),
    };
    let mut lines = vec![format!("CUDA: driver for CUDA {}; {compiler}", cuda.driver)];
    if let Some(compiler) = cuda.compiler.filter(|compiler| compiler.major > cuda.driver.major) {
        lines.push(format!(
            "  the driver may refuse kernels of NVRTC {compiler}: update it, or install NVRTC {}",
            cuda.driver.major
        ));
    }
    for (index, device) in cuda.devices.iter().enumerate() {
        let memory = device.memory as f64 / GIB;
        let capability = device.compute_capability;
        lines.push(format!("  device {index}: {}, compute capability {capability}, {memory:.1} GiB", device.name));
    }
    if cuda.devices.len() > 1 {
        lines.push("  networks run on device 0; CUDA_VISIBLE_DEVICES says which that is".into());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use formal::Version;

    use super::*;

    fn version(major: i32, minor: i32) -> Version {
        Version { major, minor }
    }

    #[test]
    fn devices_are_listed_with_driver_compiler_and_memory() {
        let device = |name: &str, memory| CudaDevice { name: name.into(), compute_capability: version(9, 0), memory };
        let devices = vec![device("H100", 85_899_345_920), device("H200", 151_397_597_184)];
        let cuda = Cuda { driver: version(13, 2), devices, compiler: Some(version(12, 8)) };
        assert_eq!(
            text(&Ok(cuda.clone())),
            "CUDA: driver for CUDA 13.2; compiler (NVRTC) 12.8\n  \
             device 0: H100, compute capability 9.0, 80.0 GiB\n  \
             device 1: H200, compute capability 9.0, 141.0 GiB\n  \
             networks run on device 0; CUDA_VISIBLE_DEVICES says which that is"
        );
        assert_eq!(one_line(&cuda), "CUDA: H100, compute capability 9.0, driver for CUDA 13.2, NVRTC 12.8");
        assert!(text(&Ok(Cuda { compiler: None, ..cuda })).contains("libnvrtc"));
    }

    #[test]
    fn a_compiler_newer_than_the_driver_is_told() {
        let device = CudaDevice { name: "T4".into(), compute_capability: version(7, 5), memory: 16 << 30 };
        let cuda = Cuda { driver: version(12, 4), devices: vec![device], compiler: Some(version(13, 0)) };
        assert!(text(&Ok(cuda)).contains("install NVRTC 12"));
    }

    #[test]
    fn what_is_missing_is_said_with_the_remedy() {
        for (fault, remedy) in [(CudaFault::NoDriver, "install"), (CudaFault::NoDevice, "nvidia-smi")] {
            let text = text(&Err(fault));
            assert!(text.starts_with("CUDA: none: ") && text.contains(remedy), "{text}");
        }
    }
}
