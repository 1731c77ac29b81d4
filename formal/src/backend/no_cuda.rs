//! The answer where the program is built without CUDA, or without the emulator of it.

use super::{Backend, CudaFault, Device};
use crate::error::Error;

pub(super) fn open(device: Device) -> Result<Box<dyn Backend>, Error> {
    Err(match device {
        Device::Emulator(_) => Error::NoEmulator,
        _ => Error::Cuda(CudaFault::NotBuilt),
    })
}
