//! Leaky neurons against neurons without leak.

use anyhow::Result;
use sim::SimDuration;

use super::Suite;
use super::line::Bound;
use super::variant::{against_shipped, neurons};

/// A few times as long as LeNet takes to decide.
const TAU: SimDuration = SimDuration(100_000_000);

pub fn run(suite: &mut Suite) -> Result<()> {
    suite.line("leak/100ns", |bench| {
        let leaky = |network: &mut _| neurons(network, |neuron| neuron.membrane_time_constant = TAU);
        let line = against_shipped::<f32>(bench, "leak/100ns", 200, leaky, ["leak, tau_m 100 ns", "no leak"])?;
        Ok(line.ratio(Bound::AtMost, 2.5))
    })
}
