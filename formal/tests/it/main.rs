//! Networks through the public interface.
mod allocations;
mod batch_norm;
mod builder;
mod deconv;
mod elem_wise;
mod errors;
mod fmp;
mod gradients;
mod learning;
mod lrn;
mod resume;
mod threads;
mod unpool;
mod values;
