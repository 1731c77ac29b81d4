//! Two things timed alternately, so that a slow moment of the machine meets both.

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

use crate::run::interrupt;

/// The median of several values, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle value.
    pub median: f64,
    /// The least value.
    pub least: f64,
    /// The greatest value.
    pub most: f64,
}

impl Spread {
    /// The spread of at least one value.
    ///
    /// # Panics
    /// Panics when there is none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { median: values[values.len() / 2], least: values[0], most: values[values.len() - 1] }
    }

    /// A figure that is the same in every run.
    pub fn exact(value: f64) -> Self {
        Self { median: value, least: value, most: value }
    }

    /// The spread of a figure that rises or falls with this one.
    pub fn map(self, figure: impl Fn(f64) -> f64) -> Self {
        let (at_least, at_most) = (figure(self.least), figure(self.most));
        Self { median: figure(self.median), least: at_least.min(at_most), most: at_least.max(at_most) }
    }
}

/// What a comparison of two things measured.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// Wall seconds of each.
    pub seconds: [Spread; 2],
    /// Seconds of the first over seconds of the second, round by round.
    pub ratio: Spread,
}

/// Times two things alternately for `rounds` rounds, after each has run once untimed.
///
/// # Errors
/// Ctrl-C.
pub fn compare(rounds: usize, a: &mut dyn FnMut(), b: &mut dyn FnMut()) -> Result<Comparison> {
    seconds(a)?;
    seconds(b)?;
    compare_timed(rounds, || seconds(a), || seconds(b))
}

/// The same for things that time themselves.
///
/// # Errors
/// What either returns.
pub fn compare_timed(
    rounds: usize,
    mut a: impl FnMut() -> Result<f64>,
    mut b: impl FnMut() -> Result<f64>,
) -> Result<Comparison> {
    let (mut of_a, mut of_b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        let seconds = (a()?, b()?);
        of_a.push(seconds.0);
        of_b.push(seconds.1);
        ratios.push(seconds.0 / seconds.1);
    }
    Ok(Comparison { seconds: [Spread::of(of_a), Spread::of(of_b)], ratio: Spread::of(ratios) })
}

fn seconds(run: &mut dyn FnMut()) -> Result<f64> {
    interrupt::check()?;
    let started = Instant::now();
    run();
    Ok(started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_keeps_its_order_when_a_figure_falls_with_it() {
        let spread = Spread::of(vec![4.0, 1.0, 2.0]);
        assert_eq!(spread, Spread { median: 2.0, least: 1.0, most: 4.0 });
        assert_eq!(spread.map(|x| 4.0 / x), Spread { median: 2.0, least: 1.0, most: 4.0 });
    }

    #[test]
    fn the_two_sides_alternate_and_the_ratio_is_taken_round_by_round() {
        let (mut a, mut b) = ([2.0, 30.0, 8.0].into_iter(), [1.0, 10.0, 8.0].into_iter());
        let compared = compare_timed(3, || Ok(a.next().unwrap()), || Ok(b.next().unwrap())).unwrap();
        assert_eq!(compared.ratio, Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(compared.seconds[0].median, 8.0);
    }
}
