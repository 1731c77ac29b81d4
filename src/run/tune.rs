//! The cheapest spiking network that loses no more accuracy than the user allows.
//!
//! Two thirds of the Validation set judge the trials, one third, held back, the choice; the Test set is never looked at. What is
//! searched are *levers*: the scales of the rectified layers, the threshold of the output, the decision rule and the input
//! periods. One lever after the other is searched alone, then all together from the best of these.
//!
//! The search is on ln(read events); a trial that loses more than allowed, with its standard error, is charged for it. A sample
//! of the stimuli judges the reads, and those that the frame network is least sure of judge the loss, so that a trial takes a
//! fifth of the presentations that all would. Where the rule may be changed, one presentation tells what every rule gives. The
//! most promising of each search are measured again, over all stimuli, also those held back, and with more codings of each; of these the cheapest is chosen whose loss, with 95 %
//! confidence, is one that is allowed. It draws nothing, so that the same model, data and seed give the same network.

mod evolution;
mod measure;
mod point;
mod search;

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use stats::Paired;

use super::interrupt;
use crate::report::progress::{Progress, note};
use crate::session::Session;
use crate::transcode::{Factor, Transcoded};
use crate::weights::Loaded;

use measure::{Measure, Measured};
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Read events per virtual synapse per pattern.
    pub reads: f64,
    /// The frame network against the spiking one.
    pub paired: Paired,
}

impl Serialize for Cost {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Figures {
            reads_per_virtual_synapse_per_pattern: f64,
            stimuli: u64,
            codings_per_stimulus: u64,
            loss: f64,
            loss_standard_error: f64,
        }
        Figures {
            reads_per_virtual_synapse_per_pattern: self.reads,
            stimuli: self.paired.n,
            codings_per_stimulus: self.paired.n_times,
            loss: self.paired.loss(),
            loss_standard_error: self.paired.standard_error(),
        }
        .serialize(serializer)
    }
}

/// A network that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// What it is.
    pub point: Point,
    /// Over the stimuli that judge trials.
    pub tuning: Cost,
    /// Where it was a candidate: over the same stimuli, coded more often, and over those held back.
    pub choice: Option<(Cost, Cost)>,
}

impl Trial {
    /// Reads per virtual synapse per pattern, over what the choice looks at where it was a candidate.
    pub fn reads(&self) -> f64 {
        let Some((tuning, held_back)) = self.choice else { return self.tuning.reads };
        let weighted = |cost: Cost| cost.reads * cost.paired.n as f64;
        (weighted(tuning) + weighted(held_back)) / self.all().n as f64
    }

    /// What it loses over the same.
    pub fn all(&self) -> Paired {
        self.choice.map_or(self.tuning.paired, |(tuning, held_back)| tuning.paired.merged(held_back.paired))
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
    /// The one to use: the fewest reads among the candidates that keep to the allowed loss with 95 % confidence, over all
    /// stimuli.
    pub chosen: Trial,
    /// The searches all ended on their own or by their number of trials: another run finds the same.
    pub is_reproducible: bool,
}

/// Candidates of each search that are measured on the stimuli held back.
const N_CANDIDATES: usize = 12;

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
    let started = Instant::now();
    interrupt::listen();
    let first = Point::of(&session.description);
    note("measuring the model as it is");
    let choice = measure.choice(&first)?;
    let Measured::Whole(costs) = measure.tuning(&first, &[first.rule()], None)? else {
        unreachable!("without a bound a trial of a coding that there is, is measured to its end")
    };
    let tuning = costs[0];
    let before = Trial { point: first.clone(), tuning, choice: Some(choice) };
    let mut searches: Vec<Vec<Lever>> = wish.levers.iter().map(|&lever| vec![lever]).collect();
    if searches.len() > 1 {
        searches.push(wish.levers.clone());
    }
    let n_trials_of = |levers: &[Lever]| wish.n_trials.saturating_mul(levers.len());
    let n_all = searches.iter().fold(0_usize, |n, levers| n.saturating_add(n_trials_of(levers)));
    let progress = Progress::start("Trials", n_all as u64);
    let mut n_before = 0_usize;
    let (mut stages, mut trials) = (Vec::<Stage>::new(), vec![before.clone()]);
    let sizes: Vec<usize> = searches.iter().map(|levers| first.n_coordinates(levers)).collect();
    for (number, levers) in searches.into_iter().enumerate() {
        let deadline = wish.budget.map(|budget| started + budget.mul_f64(share(&sizes, number)));
        let so_far: Vec<Trial> = stages.iter().map(|stage| stage.best.clone()).collect();
        let best = cheapest(&so_far, wish.max_loss).filter(|_| levers.len() > 1);
        let start = best.map_or_else(|| first.clone(), |best| best.point);
        let mut search = Search::new(&measure, wish, &levers, deadline, before.tuning);
        let end = search.run(start, |n, best| {
            progress.advance(n_before.saturating_add(n) as u64, || format!("{:.3} reads", best.tuning.reads));
        })?;
        n_before = n_before.saturating_add(n_trials_of(&levers));
        let n_trials = search.n_begun;
        let mut candidates = search.candidates(N_CANDIDATES);
        // The cheapest first: one that keeps to the loss makes the others needless.
        candidates.sort_by(|a, b| a.tuning.reads.total_cmp(&b.tuning.reads));
        for number in 0..candidates.len() {
            interrupt::check()?;
            candidates[number].choice = Some(measure.choice(&candidates[number].point)?);
            if cheapest(&candidates[number..=number], wish.max_loss).is_some() {
                break;
            }
        }
        candidates.push(before.clone());
        let best = cheapest(&candidates, wish.max_loss).unwrap_or_else(|| before.clone());
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

/// The part of the time that is used up when a search ends, by the coordinates of each. Of several the last, of all levers
/// together, has half of it, and what those before leave.
fn share(n_coordinates: &[usize], number: usize) -> f64 {
    let singles = &n_coordinates[..n_coordinates.len() - 1];
    if number >= singles.len() {
        return 1.0;
    }
    // One more each: also a search of nothing but the rules takes its time.
    let time = |of: &[usize]| of.iter().map(|n| n + 1).sum::<usize>() as f64;
    0.5 * time(&singles[..=number]) / time(singles)
}

/// The fewest reads that keep to the allowed loss with 95 % confidence, among those measured for the choice.
fn cheapest(trials: &[Trial], max_loss: f64) -> Option<Trial> {
    let keeps = |trial: &&Trial| trial.choice.is_some() && trial.all().upper_bound() <= max_loss;
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
        let cost = |n, lost| Cost { reads, paired: Paired { n, n_times: 1, sum: lost as i64, squares: lost } };
        let point = Point {
            scales: vec![1.0],
            threshold: 1.0,
            terminate_delta: 4,
            terminate_max: 0,
            period: 1.0,
            latest: 1.0,
            is_in_phase: None,
        };
        let choice = held_back.map(|held_back| (cost(8000, lost), cost(4000, held_back)));
        Trial { point, tuning: cost(8000, lost), choice }
    }

    #[test]
    fn the_cheapest_keeps_to_the_loss_with_what_was_held_back() {
        let all = [trial(0.3, 4, Some(30)), trial(0.4, 2, Some(2)), trial(0.5, 0, Some(0))];
        assert_eq!(cheapest(&all, 0.001).map(|trial| trial.tuning.reads), Some(0.4));
        assert_eq!(cheapest(&all, 0.01).map(|trial| trial.tuning.reads), Some(0.3));
        assert_eq!(cheapest(&all[..2], 0.0001).map(|trial| trial.tuning.reads), None);
    }

    #[test]
    fn all_levers_together_have_half_of_the_time() {
        assert_eq!(share(&[4], 0), 1.0);
        let shares = [0, 1, 2].map(|number| share(&[4, 0, 4], number));
        assert!((shares[0] - 5.0 / 12.0).abs() < 1e-12 && (shares[1] - 0.5).abs() < 1e-12 && shares[2] == 1.0);
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
            undominated(all).iter().map(|trial| (trial.tuning.reads, trial.choice.is_some())).collect();
        assert_eq!(frontier, [(0.3, true), (0.5, false), (0.6, false)]);
    }
}
