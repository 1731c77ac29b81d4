//! Networks through the public interface.
mod allocations;
mod batch_norm;
mod builder;
mod deconv;
#[cfg(feature = "emulator")]
mod device;
mod elem_wise;
mod errors;
mod every_cell;
mod fc;
mod fmp;
mod gradients;
mod insight;
mod learning;
mod lrn;
mod margin;
mod passes;
#[cfg(feature = "emulator")]
mod precision;
mod rearrange;
mod resume;
mod targets;
mod threads;
mod transformation;
mod unpool;
mod values;
