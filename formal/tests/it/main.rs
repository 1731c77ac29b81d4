//! Networks through the public interface.
mod allocations;
mod builder;
mod errors;
mod gradients;
mod learning;
mod resume;
mod threads;
