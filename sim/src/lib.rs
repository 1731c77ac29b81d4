//! The event engine: spiking networks run spike by spike on a femtosecond clock.
//!
//! A [`Network`] (what) compiles to an immutable [`Plan`] shared by all workers; each worker owns a [`State`].
pub mod encoder;
pub mod network;
pub mod time;

pub use network::Network;
pub use time::{SimDuration, SimTime};
