//! Networks through the public interface.
mod allocations;
mod batch_norm;
mod builder;
mod deconv;
mod elem_wise;
mod errors;
mod gradients;
mod learning;
mod resume;
mod threads;
mod values;
