//! Frame-based networks: cells, solvers, fillers, targets, training.
pub mod config;
