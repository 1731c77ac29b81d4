//! The search: a pattern search first, then, where there are several ways to go, an evolution strategy.
//!
//! *Pattern* (Hooke and Jeeves, J. ACM 8:212, 1961): each coordinate is moved up and down, and where that paid the whole move is
//! made once more; when nothing pays, the steps are halved. What the evolution strategy does, which goes in all directions at
//! once, [`Evolution`] tells.

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use sim::Rule;

use super::evolution::Evolution;
use super::measure::{Measure, Measured, Seen};
use super::{Cost, Lever, Point, Trial, Wish, undominated};
use crate::run::interrupt;

/// The first steps, as logarithms of factors, and the least. Levers that have been searched alone begin with the half.
const FIRST_STEP: f64 = 0.4;
const LEAST_PATTERN: f64 = 0.1;
/// With more coordinates than these the evolution strategy goes on from steps of this size, and begins with such.
const FEW_COORDINATES: usize = 2;
const FIRST_WIDE: f64 = 0.2;
/// Below it, what pays is chance.
const LEAST_WIDE: f64 = 0.03;
/// Generations one after the other that find nothing better, after which the search ends.
const MOST_FAILED: usize = 16;
/// Standard errors that are added to what a trial loses. They shrink when the choice is made, by more stimuli and codings, to
/// those of a one-sided 95 % bound.
const ERRORS: f64 = 1.2;
/// What a trial is charged for each 0.1 point that it loses beyond the allowed loss, on the scale of ln(reads).
const CHARGE: f64 = 0.5;
const CHARGED: f64 = 0.001;
/// A trial this much worse than the best after a part of the stimuli is not measured to its end: by its reads, and by its loss,
/// too. In a generation, which only asks which half is better, so much more.
const HOPELESS_READS: f64 = 0.06;
const HOPELESS_LOSS: f64 = 0.03;
const LEEWAY: f64 = 0.1;

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
    /// Everything measured to its end, in order.
    pub trials: Vec<Trial>,
    n_trials: usize,
    /// Networks begun with, without their rules.
    begun: Vec<Point>,
    /// How many.
    pub n_begun: usize,
}

/// An evolution strategy on its way.
struct Evolving {
    from: Point,
    best: Trial,
    evolution: Evolution,
    /// Generations one after the other that found nothing better.
    n_failed: usize,
}

impl Evolving {
    fn new(best: Trial, n_coordinates: usize) -> Self {
        let evolution = Evolution::new(vec![0.0; n_coordinates], FIRST_WIDE);
        Self { from: best.point.clone(), best, evolution, n_failed: 0 }
    }
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
        let n_coordinates = start.n_coordinates(self.levers);
        let is_wide = n_coordinates > FEW_COORDINATES;
        let least = if is_wide { FIRST_WIDE } else { LEAST_PATTERN };
        let mut step = if self.levers.len() > 1 { FIRST_STEP / 2.0 } else { FIRST_STEP };
        if !is_wide {
            best = self.turned(best)?;
        }
        while step >= least {
            let before = best.clone();
            for coordinate in 0..n_coordinates {
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
        if !is_wide {
            return Ok(End::Converged);
        }
        // The phases want different scales: each is gone on from, by itself, and the better one to the end.
        let mut phases = vec![Evolving::new(best.clone(), n_coordinates)];
        if let Some(other) = best.point.turned(self.levers)
            && let (_, Some(other)) = self.judge(&other, f64::INFINITY, 0.0)?
        {
            phases.push(Evolving::new(other, n_coordinates));
        }
        let of_each = self.n_trials.saturating_sub(self.n_begun) / (phases.len() + 1);
        for phase in &mut phases {
            let until = self.n_begun + of_each;
            if let Some(end) = self.evolve(phase, until, &mut tell)? {
                return Ok(end);
            }
        }
        phases.sort_by(|a, b| self.charged(&a.best).total_cmp(&self.charged(&b.best)));
        for phase in &mut phases {
            if let Some(end) = self.evolve(phase, usize::MAX, &mut tell)? {
                return Ok(end);
            }
        }
        Ok(End::Converged)
    }

    /// Goes on by an evolution strategy until it converges or so many trials were begun; why the whole search ended, if it did.
    fn evolve(
        &mut self,
        evolving: &mut Evolving,
        until: usize,
        tell: &mut impl FnMut(usize, &Trial),
    ) -> Result<Option<End>> {
        let Evolving { from, best, evolution, n_failed } = evolving;
        while *n_failed < MOST_FAILED && evolution.step() >= LEAST_WIDE && self.n_begun < until {
            let mut charges = Vec::new();
            *n_failed += 1;
            for steps in evolution.ask() {
                if let Some(end) = self.ended() {
                    return Ok(Some(end));
                }
                let (charge, trial) = self.judge(&self.along(from, &steps), self.charged(best), LEEWAY)?;
                charges.push(charge);
                if let Some(better) = trial.filter(|_| charge < self.charged(best)) {
                    *best = better;
                    *n_failed = 0;
                }
                tell(self.n_begun, best);
            }
            evolution.tell(&charges);
        }
        Ok(None)
    }

    /// The better of a trial and the same with the other phase, where there is one to choose.
    fn turned(&mut self, best: Trial) -> Result<Trial> {
        let Some(point) = best.point.turned(self.levers) else { return Ok(best) };
        Ok(self.attempt(&point, self.charged(&best))?.unwrap_or(best))
    }

    /// The point so many steps along each coordinate.
    fn along(&self, from: &Point, steps: &[f64]) -> Point {
        let all = steps.iter().enumerate();
        all.fold(from.clone(), |point, (coordinate, &step)| point.moved(self.levers, coordinate, step).unwrap_or(point))
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
        let (charge, trial) = self.judge(point, least, 0.0)?;
        Ok(trial.filter(|_| charge < least))
    }

    /// What a point is charged at its best rule, and the trial; without one where it was tried before, cannot be built, or is
    /// worse than `least` by so much that it was not measured to its end, and then what it is charged at the least.
    fn judge(&mut self, point: &Point, least: f64, leeway: f64) -> Result<(f64, Option<Trial>)> {
        interrupt::check()?;
        let rules = point.rules(self.levers);
        let without_rule = point.ruled(Rule::default());
        if self.begun.contains(&without_rule) {
            return Ok((f64::INFINITY, None));
        }
        self.begun.push(without_rule);
        self.n_begun += 1;
        let least_charge = |costs: &[Cost]| costs.iter().map(|cost| self.charge(cost)).fold(f64::INFINITY, f64::min);
        let is_hopeless = |seen: Seen, costs: &[Cost]| {
            let margin = if seen == Seen::Reads { HOPELESS_READS } else { HOPELESS_LOSS };
            least_charge(costs) > least + margin + leeway
        };
        let costs = match self.measure.tuning(point, &rules, Some(&is_hopeless))? {
            Measured::Whole(costs) => costs,
            Measured::Hopeless(costs) => return Ok((least_charge(&costs), None)),
            Measured::NoCoding => return Ok((f64::INFINITY, None)),
        };
        let trial = |(&rule, tuning): (&Rule, Cost)| Trial { point: point.ruled(rule), tuning, choice: None };
        let mut trials = undominated(rules.iter().zip(costs).map(trial).collect());
        trials.sort_by(|a, b| self.charged(a).total_cmp(&self.charged(b)));
        self.trials.extend(trials.iter().cloned());
        let best = trials.into_iter().next();
        Ok((best.as_ref().map_or(f64::INFINITY, |trial| self.charged(trial)), best))
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
