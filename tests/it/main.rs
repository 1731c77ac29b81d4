//! The program from outside, and rules about its own source.

mod audit;
mod autoencoder;
mod bad_data;
mod bad_input;
mod batch_norm;
mod bench;
mod biases;
mod checkpoint;
mod command_line;
mod curve;
mod data;
mod determinism;
mod exchange;
mod figures;
mod gpu;
mod gradient_check;
mod graphs;
mod json;
mod learning_flow;
mod models;
mod program;
mod rearranged;
mod record;
#[cfg(feature = "hdf5")]
mod record_hdf5;
mod refusals;
mod regions;
mod report_page;
mod resume;
mod spiking;
mod sum;
mod target_data;
mod targets;
mod tidy;
mod tune;
mod zero_init;
