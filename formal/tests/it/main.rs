//! Networks through the public interface.
mod allocations;
mod batch_norm;
mod builder;
mod elem_wise;
mod errors;
mod gradients;
mod insight;
mod learning;
mod passes;
mod rearrange;
mod resume;
mod threads;
mod transformation;
