//! The event engine: spiking networks run spike by spike on a femtosecond clock.
//!
//! A [`Network`] (what) compiles to an immutable [`Plan`] shared by all workers; each worker owns a [`State`].
//!
//! ```
//! use sim::encoder::{Coding, EncoderConfig};
//! use sim::network::{Cell, Fc, Neuron, Operator, Shape, Source};
//! use sim::{Encoder, Network, Plan, Presentation, SimDuration, SimTime, State, Totals};
//!
//! // Two pixels, each of which drives its own output.
//! let fc = Fc {
//!     n_outputs: 2,
//!     weights: vec![0.5, 0.0, 0.0, 0.5],
//!     delays: None,
//!     currents: None,
//!     neuron: Neuron::default(),
//!     terminate_delta: 4,
//!     terminate_max: 0,
//! };
//! let network = Network {
//!     input: Shape { channels: 2, height: 1, width: 1 },
//!     cells: vec![Cell { name: "fc".into(), inputs: vec![Source::Environment], operator: Operator::Fc(fc) }],
//!     output: 0,
//! };
//! let plan = Plan::<f32>::new(&network)?;
//! let encoder = Encoder::new(EncoderConfig {
//!     coding: Coding::JitteredPeriodic,
//!     period_min: SimDuration::ns(1),
//!     period_mean_min: SimDuration::ns(10),
//!     period_mean_max: SimDuration::us(100),
//!     period_rel_std_dev: 0.0,
//!     ..EncoderConfig::default()
//! })?;
//!
//! let mut state = State::new(&plan);
//! let presentation =
//!     Presentation { values: &[0.2, 0.9], stimulus: 7, start: SimTime::ZERO, duration: SimDuration::us(1) };
//! let outcome = sim::present(&plan, &mut state, &encoder, 1, &presentation, &mut sim::recorder::Nothing);
//! assert_eq!(outcome.response, Some(1));
//! assert!(outcome.decided_at.is_some());
//!
//! let mut totals = Totals::new(&plan);
//! totals.add(&state);
//! assert_eq!(plan.reads(&totals)[0].len(), 4);
//! # Ok::<(), sim::Error>(())
//! ```
pub mod checkpoint;
mod crossing;
pub mod decisions;
mod double;
pub mod encoder;
pub mod error;
pub mod event;
mod lanes;
mod layout;
mod leak;
mod math;
pub mod memory;
pub mod network;
pub mod plan;
pub mod present;
pub mod queue;
pub mod random;
mod real;
pub mod recorder;
pub mod reference;
pub mod roofline;
pub mod state;
pub mod statistics;
pub mod time;
pub mod totals;

pub use decisions::{Decisions, Fans, Rule, Stop};
pub use encoder::{Encoder, EncoderConfig, Presentation};
pub use error::Error;
pub use event::{InputSpike, Sign, Spike};
#[doc(hidden)]
pub use lanes::{Instructions, limit_instructions};
pub use memory::{CellMemory, EnvironmentMemory};
pub use network::Network;
pub use plan::Plan;
pub use present::{InputSpikes, Outcome, Progress, present, present_spikes, present_until, resume};
pub use random::delays;
pub use real::Real;
pub use recorder::Recorder;
pub use state::{Counts, Paused, State};
pub use statistics::Statistics;
pub use time::{SimDuration, SimTime, Span};
pub use totals::Totals;
