//! Numbers about results: confusion, ranges, spike statistics, latency. Plain data in, plain data out.

pub mod agreement;
pub mod confusion;
pub mod latency;
pub mod metric;
pub mod paired;
pub mod range;
pub mod spikes;

pub use agreement::{Activity, Agreement};
pub use confusion::{ClassScore, Confusion};
pub use latency::LatencySummary;
pub use metric::Metric;
pub use paired::Paired;
pub use range::RangeStats;
pub use spikes::{CellSpikes, SpikeStatistics};
