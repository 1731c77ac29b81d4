//! The runs: learning, the learning-rate range test, the gradient check, the formal test, the spiking test, the audit, tuning.

pub mod audit;
mod feed;
pub mod find_lr;
pub mod formal_test;
pub mod gradient_check;
pub mod interrupt;
pub mod learn;
pub mod learn_bench;
pub mod learning_state;
pub mod reconstruction;
pub mod samples;
pub mod spiking_test;
pub mod targets;
pub mod targets_test;
pub mod tune;
