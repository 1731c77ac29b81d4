//! Numbers about results: confusion, ranges, spike statistics, latency. Plain data in, plain data out.

pub mod agreement;
pub mod answers;
pub mod confusion;
pub mod intervals;
pub mod latency;
pub mod metric;
pub mod operations;
pub mod paired;
pub mod range;
pub mod spikes;
pub mod tally;

pub use agreement::{Activity, Agreement};
pub use answers::Answers;
pub use confusion::{ClassScore, Confusion};
pub use intervals::Intervals;
pub use latency::LatencySummary;
pub use metric::Metric;
pub use operations::{BREAK_EVENS, BreakEven, Costs, Operations};
pub use paired::Paired;
pub use range::RangeStats;
pub use spikes::{CellSpikes, SpikeStatistics};
pub use tally::Tally;
