//! Networks through the public interface.
mod allocations;
mod builder;
mod elem_wise;
mod errors;
mod gradients;
mod learning;
mod resume;
mod threads;
