//! What a run leaves behind: one exporter a file. `progress.rs` is the only code that draws on the terminal.

pub mod activity;
pub mod audit;
pub mod bench;
pub mod comparison;
pub mod confusion;
pub mod curves;
pub mod decision_curve;
pub mod document;
pub mod figures;
pub mod gradients;
pub mod maps;
pub mod memory;
pub mod network;
pub mod number;
pub mod page;
pub mod picture;
pub mod progress;
pub mod record;
pub mod schedule;
pub mod spikes;
pub mod stimuli;
pub mod summary;
pub mod table;
pub mod timings;
pub mod tune;
