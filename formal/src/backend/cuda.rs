//! Networks on CUDA devices.
mod compiler;
mod driver;
mod kernels;
mod machine;

pub(super) use compiler::compile_kernels;
pub(super) use driver::{copy_speed, keep_kernels_in, open};
