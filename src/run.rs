//! The runs: the audit, learning, the learning-rate range test, the formal test, the spiking test.

pub mod audit;
mod feed;
pub mod find_lr;
pub mod formal_test;
pub mod interrupt;
pub mod learn;
pub mod learning_state;
pub mod spiking_test;
