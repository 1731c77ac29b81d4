//! The search: a pattern search first, then steps in all directions at once.
//!
//! *Pattern* (Hooke and Jeeves, J. ACM 8:212, 1961): each coordinate is moved up and down, and where that paid the whole move is
//! made once more; when nothing pays, the steps are halved. *All directions*: steps of a quasi-random sequence (that of the
//! generalized golden ratio), longer after one that paid and shorter after one that did not, so that about one in five pays
//! (Rechenberg, Evolutionsstrategie, 1973).

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use sim::Rule;

use super::measure::{Measure, Seen};
use super::{Cost, Lever, Point, Trial, Wish, undominated};
use crate::run::interrupt;

/// The first steps, as logarithms of factors, and the least.
const FIRST_STEP: f64 = 0.4;
const LEAST_PATTERN: f64 = 0.1;
/// The first step in all directions, and the least: below it, what pays is chance.
const FIRST_WIDE: f64 = 0.3;
const LEAST_WIDE: f64 = 0.04;
/// What a step in all directions is lengthened by where it paid; where not, it is shortened by the fourth root.
const LENGTHEN: f64 = 1.5;
/// Steps that lead nowhere new, for each trial there may be, after which the search ends.
const MOST_IN_VAIN: usize = 20;
/// Steps that do not pay one after the other, for each way to go, after which the search ends.
const MOST_FAILED: usize = 12;
/// Standard errors that are added to what a trial loses. They shrink when the choice is made, by more stimuli and codings, to
/// those of a one-sided 95 % bound.
const ERRORS: f64 = 1.2;
/// What a trial is charged for each 0.1 point that it loses beyond the allowed loss, on the scale of ln(reads).
const CHARGE: f64 = 0.5;
const CHARGED: f64 = 0.001;
/// A trial this much worse than the best after a part of the stimuli is not measured to its end.
const HOPELESS_READS: f64 = 0.06;
const HOPELESS: f64 = 0.03;

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// No step pays any more.
    Converged,
    /// The trials are used up.
    Trials,
    /// The time is used up.
    Time,
}

/// One search, over some levers.
pub struct Search<'a> {
    measure: &'a Measure<'a>,
    wish: &'a Wish,
    levers: &'a [Lever],
    deadline: Option<Instant>,
    before: Cost,
    /// Everything measured whole, in order.
    pub trials: Vec<Trial>,
    n_trials: usize,
    /// Networks begun with, without their rules.
    begun: Vec<Point>,
    /// How many.
    pub n_begun: usize,
}

impl<'a> Search<'a> {
    pub fn new(
        measure: &'a Measure<'a>,
        wish: &'a Wish,
        levers: &'a [Lever],
        deadline: Option<Instant>,
        before: Cost,
    ) -> Self {
        // Together they have as many as each alone.
        let n_trials = wish.n_trials.saturating_mul(levers.len());
        Self { measure, wish, levers, deadline, before, trials: Vec::new(), n_trials, begun: Vec::new(), n_begun: 0 }
    }

    /// Searches from a point; `tell` hears how many trials there were, and the best.
    ///
    /// # Errors
    /// Ctrl-C; what a trial fails with.
    pub fn run(&mut self, start: Point, mut tell: impl FnMut(usize, &Trial)) -> Result<End> {
        let Some(mut best) = self.attempt(&start, f64::INFINITY)? else { return Ok(End::Converged) };
        let mut step = FIRST_STEP;
        while step >= LEAST_PATTERN {
            let before = best.clone();
            for coordinate in 0..start.n_coordinates(self.levers) {
                // Further along where the last step went up would often be tried in vain: the cheaper side first.
                for direction in [step, -step] {
                    if let Some(end) = self.ended() {
                        return Ok(end);
                    }
                    let Some(point) = best.point.moved(self.levers, coordinate, direction) else { continue };
                    if let Some(better) = self.attempt(&point, self.charged(&best))? {
                        best = better;
                        tell(self.n_begun, &best);
                        break;
                    }
                    tell(self.n_begun, &best);
                }
            }
            if best.point == before.point {
                step /= 2.0;
                continue;
            }
            // Once more the same way.
            while let (None, beyond) = (self.ended(), best.point.beyond(&before.point)) {
                let Some(better) = self.attempt(&beyond, self.charged(&best))? else { break };
                best = better;
                tell(self.n_begun, &best);
            }
        }
        let n_coordinates = start.n_coordinates(self.levers);
        let directions = Directions::new(n_coordinates);
        let (mut step, mut n_failed) = (FIRST_WIDE, 0);
        for number in 1.. {
            if let Some(end) = self.ended() {
                return Ok(end);
            }
            if number > MOST_IN_VAIN * self.n_trials || n_failed >= MOST_FAILED * n_coordinates {
                break;
            }
            let Some(point) = self.along(&best.point, directions.of(number), step) else { continue };
            match self.attempt(&point, self.charged(&best))? {
                Some(better) => {
                    best = better;
                    step *= LENGTHEN;
                    n_failed = 0;
                }
                None => {
                    step = (step / LENGTHEN.powf(0.25)).max(LEAST_WIDE);
                    n_failed += 1;
                }
            }
            tell(self.n_begun, &best);
        }
        Ok(End::Converged)
    }

    /// A step in all directions at once; `None` where it leads nowhere.
    fn along(&self, from: &Point, direction: impl Iterator<Item = f64>, step: f64) -> Option<Point> {
        let mut point = from.clone();
        for (coordinate, along) in direction.enumerate() {
            point = point.moved(self.levers, coordinate, step * along).unwrap_or(point);
        }
        (point != *from).then_some(point)
    }

    /// The most promising trials: those with the least charge, and the cheapest of the frontier that keep to the loss.
    pub fn candidates(&self, n: usize) -> Vec<Trial> {
        let mut all = undominated(self.trials.clone());
        all.sort_by(|a, b| self.charged(a).total_cmp(&self.charged(b)));
        all.truncate(n);
        all
    }

    fn ended(&self) -> Option<End> {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Some(End::Time)
        } else {
            (self.n_begun >= self.n_trials).then_some(End::Trials)
        }
    }

    /// Measures a point with every rule that may be tried; the best, or `None` where it is no better than `least`, or cannot be
    /// built.
    fn attempt(&mut self, point: &Point, least: f64) -> Result<Option<Trial>> {
        interrupt::check()?;
        let rules = point.rules(self.levers);
        let without_rule = point.ruled(Rule::default());
        if self.begun.contains(&without_rule) {
            return Ok(None);
        }
        self.begun.push(without_rule);
        self.n_begun += 1;
        let is_hopeless = |seen: Seen, costs: &[Cost]| {
            let margin = if seen == Seen::Reads { HOPELESS_READS } else { HOPELESS };
            costs.iter().all(|cost| self.charge(cost) > least + margin)
        };
        let Some(costs) = self.measure.tuning(point, &rules, Some(&is_hopeless))? else { return Ok(None) };
        let trial = |(&rule, tuning): (&Rule, Cost)| Trial { point: point.ruled(rule), tuning, choice: None };
        let mut trials = undominated(rules.iter().zip(costs).map(trial).collect());
        trials.sort_by(|a, b| self.charged(a).total_cmp(&self.charged(b)));
        self.trials.extend(trials.iter().cloned());
        Ok(trials.into_iter().next().filter(|trial| self.charged(trial) < least))
    }

    fn charged(&self, trial: &Trial) -> f64 {
        self.charge(&trial.tuning)
    }

    /// ln(reads), relative to the model as it was, and the charge for what is lost.
    fn charge(&self, cost: &Cost) -> f64 {
        let beyond = cost.paired.loss() + ERRORS * cost.paired.standard_error() - self.wish.max_loss;
        (cost.reads / self.before.reads).ln() + CHARGE * (beyond / CHARGED).max(0.0)
    }
}

/// Directions that fill space evenly: multiples of the inverse powers of the root of x^(d+1) = x + 1, modulo 1.
///
/// Source: Roberts, The Unreasonable Effectiveness of Quasirandom Sequences, 2018.
struct Directions {
    shares: Vec<f64>,
}

impl Directions {
    fn new(n: usize) -> Self {
        let mut root: f64 = 2.0;
        for _ in 0..60 {
            root = (1.0 + root).powf(1.0 / (n as f64 + 1.0));
        }
        Self { shares: (1..=n).map(|power| root.powi(-(power as i32))).collect() }
    }

    /// One number from -1 to 1 a coordinate.
    fn of(&self, number: usize) -> impl Iterator<Item = f64> {
        self.shares.iter().map(move |share| 2.0 * (0.5 + number as f64 * share).fract() - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_fill_space_evenly() {
        let directions = Directions::new(3);
        assert!((Directions::new(1).shares[0] - 0.618_033_988_749_894_9).abs() < 1e-12, "the golden ratio");
        let mut octants = [0; 8];
        for number in 1..=800 {
            let direction: Vec<f64> = directions.of(number).collect();
            assert!(direction.iter().all(|along| along.abs() <= 1.0));
            octants[direction.iter().fold(0, |octant, &along| 2 * octant + usize::from(along > 0.0))] += 1;
        }
        assert!(octants.iter().all(|&n| (90..=110).contains(&n)), "{octants:?}");
    }
}
