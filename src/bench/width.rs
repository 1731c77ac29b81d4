//! 64-bit potentials against 32-bit ones.

use anyhow::Result;

use super::Suite;
use super::variant::against_shipped;

pub fn run(suite: &mut Suite) -> Result<()> {
    suite.line("width/f64", |bench| against_shipped::<f64>(bench, "width/f64", 500, |_| {}, ["f64", "f32"]))
}
