//! Frame-based networks: cells, solvers, fillers, targets, and their training.
//!
//! A [`config::NetworkConfig`] says what a network is. [`Network::new`] checks it, fills the weights and plans every
//! buffer; [`Network::infer`] and [`Network::learn`] then run batches of stimuli. [`mod@reference`] is the same
//! arithmetic written naively in 64 bits, one stimulus at a time, for tests and audits.
//!
//! Every stimulus is computed on its own: its outputs have the same bits whatever else is in the batch and however
//! many threads there are; only a batch normalization, while it learns, makes a stimulus depend on its batch. Weight gradients are summed in an order that depends on the batch alone.
mod activation;
mod backend;
mod cell;
pub mod config;
mod connections;
mod error;
mod filler;
mod network;
mod parameter;
mod plan;
mod random;
pub mod reference;
mod solver;
mod target;

pub use backend::{
    Brought, CellTime, Clock, Cuda, CudaDevice, CudaFault, Device, KernelImage, Precision, Version, compile_kernels,
    compiler, copy_speed, cuda, find_compiler, keep_kernels_in, open_cuda,
};
pub use cell::batch_norm::Statistics;
pub use config::NetworkConfig;
pub use error::Error;
pub use network::{Network, Pass, StepReport};
pub use parameter::{LearningRate, NamedTensor, ParameterInfo, ParameterKind, State};
pub use stimuli::Shape;
pub use target::Wanted;
