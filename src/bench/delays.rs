//! Synaptic delays against none.

use anyhow::Result;
use sim::random::{Purpose, StreamKey, Words};
use sim::{Network, SimDuration};

use super::Suite;
use super::line::{Bound, Figure, Unit};
use super::load::SEED;
use super::variant::{against_shipped, delay};

const N_IMAGES: usize = 50;
/// The default delay: mean and standard deviation in femtoseconds.
const DEFAULT: (f64, f64) = (1000.0, 100.0);
/// Octaves of the wide range, which begins at 1 fs.
const OCTAVES: u32 = 27;

pub fn run(suite: &mut Suite) -> Result<()> {
    suite.line("delays/default", |bench| {
        let default =
            |network: &mut Network| delay(network, |cell, n| sim::delays(SEED, cell, n, DEFAULT.0, DEFAULT.1));
        let sides = ["1 ps +- 100 fs a synapse", "no delay"];
        let line = against_shipped::<f32>(bench, "delays/default", N_IMAGES, default, sides)?;
        let event = Figure::new("a synaptic event with these delays", Unit::Seconds, line.seconds_per_event(0));
        Ok(line.figure(event.target(Bound::AtMost, 20e-9)))
    })?;
    suite.line("delays/wide", |bench| {
        let wide = |network: &mut Network| delay(network, wide);
        let sides = ["1 fs to 134 ns a synapse", "no delay"];
        let line = against_shipped::<f32>(bench, "delays/wide", N_IMAGES, wide, sides)?;
        let event = Figure::new("a synaptic event with these delays", Unit::Seconds, line.seconds_per_event(0));
        Ok(line.figure(event))
    })
}

/// Delays of which every octave from 1 fs to 134 ns has as many.
fn wide(cell: usize, n: usize) -> Vec<SimDuration> {
    let key = StreamKey::new(SEED, Purpose::Delays);
    (0..n)
        .map(|synapse| {
            let mut words = key.stream(cell as u64, synapse as u32);
            let octave = 1u64 << (words.next_u32() % OCTAVES);
            SimDuration(octave + ((u64::from(words.next_u32()) * octave) >> 32))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wide_range_is_wide() {
        let delays = wide(0, 10_000);
        let within = |least: u64, most: u64| delays.iter().filter(|delay| (least..most).contains(&delay.0)).count();
        assert_eq!(within(1, 1 << OCTAVES), delays.len());
        assert!(within(1, 32) > 1000 && within(1 << (OCTAVES - 5), 1 << OCTAVES) > 1000);
    }
}
