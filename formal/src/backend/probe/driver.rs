//! The CUDA driver, loaded at run time.

use std::path::Path;

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys;
use cudarc::nvrtc;

use super::{Cuda, CudaDevice, CudaFault, Version};

/// Finds the driver, its devices and the compiler.
pub(super) fn probe() -> Result<Cuda, CudaFault> {
    // Every call into a library that is not there panics.
    // SAFETY: loading the driver's library runs its initializers alone.
    if !unsafe { sys::is_culib_present() } {
        return Err(CudaFault::NoDriver);
    }
    match found() {
        Ok(cuda) if cuda.devices.is_empty() => Err(CudaFault::NoDevice),
        Ok(cuda) => Ok(cuda),
        Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)) => Err(CudaFault::NoDevice),
        Err(error) => Err(CudaFault::Driver { fault: error.to_string() }),
    }
}

fn found() -> Result<Cuda, DriverError> {
    result::init()?;
    let mut driver = 0;
    // SAFETY: the driver writes one number.
    unsafe { sys::cuDriverGetVersion(&mut driver) }.result()?;
    let devices = (0..result::device::get_count()?).map(device).collect::<Result<_, _>>()?;
    // The driver packs 13.2 as 13020.
    let driver = Version { major: driver / 1000, minor: driver % 1000 / 10 };
    Ok(Cuda { driver, devices, compiler: compiler() })
}

fn device(index: i32) -> Result<CudaDevice, DriverError> {
    use sys::CUdevice_attribute::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
    };
    let device = result::device::get(index)?;
    // SAFETY: the driver gave the device.
    let attribute = |which| unsafe { result::device::get_attribute(device, which) };
    Ok(CudaDevice {
        name: result::device::get_name(device)?,
        compute_capability: Version { major: attribute(MAJOR)?, minor: attribute(MINOR)? },
        // SAFETY: the driver gave the device.
        memory: unsafe { result::device::total_mem(device) }?,
    })
}

/// The version of NVRTC, where its library is found.
pub(super) fn compiler() -> Option<Version> {
    // SAFETY: loading the compiler's library runs its initializers alone.
    if !unsafe { nvrtc::sys::is_culib_present() } {
        return None;
    }
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the compiler writes two numbers.
    unsafe { nvrtc::sys::nvrtcVersion(&mut major, &mut minor) }.result().ok()?;
    Some(Version { major, minor })
}

/// Looks for NVRTC in this file, too, where the system does not find it; tells whether it is found then.
pub(super) fn find_compiler(file: &Path) -> bool {
    // SAFETY: loading the compiler's library runs its initializers alone. Kept open, it is found by its name.
    if let Ok(library) = unsafe { libloading::Library::new(file) } {
        std::mem::forget(library);
    }
    compiler().is_some()
}
