//! The cheapest spiking network that loses no more accuracy than the user allows.
//!
//! Two thirds of the Validation set judge the trials, one third, held back, the choice; the Test set is never looked at. What is
//! searched are *levers*: the scales of the rectified layers, the threshold of the output, the decision rule and the input
//! periods. One lever after the other is searched alone, then all together from the best of each.
//!
//! The search is on ln(read events); a trial that loses more than allowed, one standard error included, is charged for it. It
//! draws nothing, so that the same model, data and seed give the same network.

mod measure;
mod point;
mod search;

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use stats::Paired;

use super::interrupt;
use crate::report::progress::Progress;
use crate::session::Session;
use crate::transcode::{Factor, Transcoded};
use crate::weights::Loaded;

use measure::Measure;
pub use point::{Lever, Point};
pub use search::End;
use search::Search;

/// What the user wants.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Accuracy that may be lost against the frame network, as a fraction.
    pub max_loss: f64,
    /// What may be changed.
    pub levers: Vec<Lever>,
    /// Trials of each search at most.
    pub n_trials: usize,
    /// When to stop; the result then depends on how fast the machine is.
    pub budget: Option<Duration>,
}

/// What a network cost and lost over some stimuli.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Read events per virtual synapse per pattern.
    pub reads: f64,
    /// The frame network against the spiking one.
    pub paired: Paired,
}

/// A network that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// What it is.
    pub point: Point,
    /// Over the stimuli that judge trials.
    pub tuning: Cost,
    /// Over those held back, where it was a candidate.
    pub held_back: Option<Cost>,
}

impl Trial {
    /// Reads per virtual synapse per pattern over all stimuli that it was measured on.
    pub fn reads(&self) -> f64 {
        let Some(held_back) = self.held_back else { return self.tuning.reads };
        let weighted = |cost: Cost| cost.reads * cost.paired.n as f64;
        (weighted(self.tuning) + weighted(held_back)) / self.all().n as f64
    }

    /// Over all stimuli that it was measured on.
    pub fn all(&self) -> Paired {
        self.held_back.map_or(self.tuning.paired, |cost| self.tuning.paired.merged(cost.paired))
    }
}

/// One search.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// What was changed.
    pub levers: Vec<Lever>,
    /// Networks tried.
    pub n_trials: usize,
    /// Why it ended.
    pub end: End,
    /// Its best network.
    pub best: Trial,
}

/// What tuning found.
#[derive(Clone, Debug, Serialize)]
pub struct Tuned {
    /// Accuracy of the frame network over the Validation set.
    pub formal: f64,
    /// Stimuli that judged trials, and those held back.
    pub n_stimuli: (usize, usize),
    /// The model as it was.
    pub before: Trial,
    /// The searches, in order.
    pub stages: Vec<Stage>,
    /// The networks that no other beats in both reads and loss, by reads; those that were candidates have been measured on the
    /// stimuli held back.
    pub frontier: Vec<Trial>,
    /// The one to use: the fewest reads among the candidates that keep to the allowed loss, one standard error included, over
    /// all stimuli.
    pub chosen: Trial,
    /// The searches all ended on their own or by their number of trials: another run finds the same.
    pub is_reproducible: bool,
}

/// Candidates of each search that are measured on the stimuli held back.
const N_CANDIDATES: usize = 8;

/// Searches the cheapest network, and transcodes it.
///
/// # Errors
/// What cannot be transcoded; too few stimuli in the Validation set; Ctrl-C.
pub fn run(
    session: &Session,
    network: &mut formal::Network,
    loaded: &Loaded,
    factors: &[Factor],
    wish: &Wish,
) -> Result<(Tuned, Transcoded)> {
    let measure = Measure::new(session, network, loaded, factors)?;
    let deadline = wish.budget.map(|budget| Instant::now() + budget);
    interrupt::listen();
    let first = Point::of(&session.description);
    let Some(tuning) = measure.tuning(&first, None)? else {
        unreachable!("without a bound every trial is measured whole")
    };
    let before = Trial { point: first.clone(), tuning, held_back: Some(measure.held_back(&first)?) };
    let mut searches: Vec<Vec<Lever>> = wish.levers.iter().map(|&lever| vec![lever]).collect();
    if searches.len() > 1 {
        searches.push(wish.levers.clone());
    }
    let n_trials_of = |levers: &[Lever]| wish.n_trials.saturating_mul(levers.len());
    let n_all = searches.iter().fold(0_usize, |n, levers| n.saturating_add(n_trials_of(levers)));
    let progress = Progress::start("Trials", n_all as u64);
    let mut n_before = 0_usize;
    let (mut stages, mut trials, mut best_of_each) = (Vec::new(), vec![before.clone()], first.clone());
    for levers in searches {
        let start = if levers.len() > 1 { best_of_each.clone() } else { first.clone() };
        let mut search = Search::new(&measure, wish, &levers, deadline, before.tuning);
        let end = search.run(start, |n, best| {
            progress.advance(n_before.saturating_add(n) as u64, || format!("{:.3} reads", best.tuning.reads));
        })?;
        n_before = n_before.saturating_add(n_trials_of(&levers));
        let n_trials = search.n_begun;
        let mut candidates = search.candidates(N_CANDIDATES);
        for trial in &mut candidates {
            interrupt::check()?;
            trial.held_back = Some(measure.held_back(&trial.point)?);
        }
        candidates.push(before.clone());
        let best = cheapest(&candidates, wish.max_loss).unwrap_or_else(|| before.clone());
        if let [lever] = levers[..] {
            best_of_each.take(lever, &best.point);
        }
        trials.extend(candidates.into_iter().chain(search.trials));
        stages.push(Stage { levers, n_trials, end, best });
    }
    drop(progress);
    let of_stages: Vec<Trial> = stages.iter().map(|stage| stage.best.clone()).collect();
    let chosen = cheapest(&of_stages, wish.max_loss).unwrap_or_else(|| before.clone());
    let transcoded = measure.transcode(&chosen.point, session.description.check_weight_range)?;
    let is_reproducible = stages.iter().all(|stage| stage.end != End::Time);
    let (formal, n_stimuli, frontier) = (measure.formal(), measure.n_stimuli(), undominated(trials));
    Ok((Tuned { formal, n_stimuli, before, stages, frontier, chosen, is_reproducible }, transcoded))
}

/// The fewest reads that keep to the allowed loss, one standard error included, over all stimuli measured.
fn cheapest(trials: &[Trial], max_loss: f64) -> Option<Trial> {
    let keeps = |trial: &&Trial| trial.all().loss() + trial.all().standard_error() <= max_loss;
    trials.iter().filter(keeps).min_by(|a, b| a.reads().total_cmp(&b.reads())).cloned()
}

/// The trials that no other beats in both reads and loss, by reads.
fn undominated(mut trials: Vec<Trial>) -> Vec<Trial> {
    // Of one network, what was measured more comes first.
    trials.sort_by(|a, b| a.tuning.reads.total_cmp(&b.tuning.reads).then(b.all().n.cmp(&a.all().n)));
    let mut frontier: Vec<Trial> = Vec::new();
    for trial in trials {
        let is_new = frontier.last().is_none_or(|last| trial.tuning.paired.loss() < last.tuning.paired.loss());
        if is_new {
            frontier.push(trial);
        }
    }
    frontier
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(reads: f64, lost: u64, held_back: Option<u64>) -> Trial {
        let cost = |n, lost| Cost { reads, paired: Paired { n, lost, won: 0 } };
        let point = Point { scales: vec![1.0], threshold: 1.0, terminate_delta: 4, period: 1.0, latest: 1.0 };
        Trial { point, tuning: cost(8000, lost), held_back: held_back.map(|lost| cost(4000, lost)) }
    }

    #[test]
    fn the_cheapest_keeps_to_the_loss_with_what_was_held_back() {
        let all = [trial(0.3, 4, Some(30)), trial(0.4, 4, Some(3)), trial(0.5, 0, Some(0))];
        assert_eq!(cheapest(&all, 0.001).map(|trial| trial.tuning.reads), Some(0.4));
        assert_eq!(cheapest(&all, 0.01).map(|trial| trial.tuning.reads), Some(0.3));
        assert_eq!(cheapest(&all[..2], 0.0001).map(|trial| trial.tuning.reads), None);
    }

    #[test]
    fn a_frontier_falls_in_loss_as_reads_rise() {
        let all = vec![
            trial(0.5, 3, None),
            trial(0.3, 9, None),
            trial(0.4, 9, None),
            trial(0.3, 9, Some(1)),
            trial(0.6, 1, None),
        ];
        let frontier: Vec<(f64, bool)> =
            undominated(all).iter().map(|trial| (trial.tuning.reads, trial.held_back.is_some())).collect();
        assert_eq!(frontier, [(0.3, true), (0.5, false), (0.6, false)]);
    }
}
