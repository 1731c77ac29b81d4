//! The program from outside, and rules about its own source.

mod autoencoder;
mod bad_input;
mod batch_norm;
mod bench;
mod biases;
mod checkpoint;
mod command_line;
mod data;
mod determinism;
mod learning_flow;
mod models;
mod program;
mod refusals;
mod resume;
mod spiking;
mod tidy;
