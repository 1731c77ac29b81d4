//! The runs: learning, the learning-rate range test, the formal test, the spiking test.

mod feed;
pub mod find_lr;
pub mod formal_test;
pub mod interrupt;
pub mod learn;
pub mod learning_state;
pub mod reconstruction;
pub mod spiking_test;
