//! A set of stimuli against all targets.

use std::time::Instant;

use anyhow::Result;
use formal::Network;
use stats::Confusion;
use stimuli::{Roi, Set, StimulusId};

use super::regions::Outcome;
use super::{Compared, Judge, Regions, Score, Tally, Verdict};
use crate::memory;
use crate::report::progress::Progress;
use crate::session::Session;

/// What a set gave at one target.
#[derive(Clone, Debug)]
pub struct TargetResult {
    /// Classes, position by position.
    pub tally: Tally,
    /// Regions, of a target that finds them.
    pub regions: Option<RegionTally>,
}

/// Regions found in many stimuli.
#[derive(Clone, Debug)]
pub struct RegionTally {
    /// Wanted against found class; what was not found is found as 0, what was found in vain wanted as 0.
    pub confusion: Confusion,
    /// True regions with a class.
    pub truths: u64,
    /// Regions found, but for those that match a true one without a class.
    pub found: u64,
    /// True regions that were found.
    pub hits: u64,
    /// Of these, those found as their class.
    pub named: u64,
    /// Regions found again: they count as found in vain.
    pub duplicates: u64,
}

impl RegionTally {
    fn new(n_classes: usize) -> Self {
        let confusion = Confusion::new(n_classes);
        Self { confusion, truths: 0, found: 0, hits: 0, named: 0, duplicates: 0 }
    }

    /// True regions among those found.
    pub fn precision(&self) -> f64 {
        stats::spikes::per(self.hits, self.found)
    }

    /// Found regions among the true ones.
    pub fn recall(&self) -> f64 {
        stats::spikes::per(self.hits, self.truths)
    }

    /// Those found as their class among the true regions that were found.
    pub fn named_right(&self) -> f64 {
        stats::spikes::per(self.named, self.hits)
    }

    fn add(&mut self, regions: &Regions, whole: Option<i32>) {
        if let (Some(class), true) = (whole, regions.truths.is_empty()) {
            // The class is known and no place is: nothing tells a hit from a find in vain.
            if let Ok(class) = usize::try_from(class) {
                regions.found.iter().for_each(|found| self.confusion.add(class, found.class));
            }
            return;
        }
        let mut is_found = vec![false; regions.truths.len()];
        for found in &regions.found {
            let (Outcome::Hit(truth) | Outcome::Duplicate(truth)) = found.outcome else {
                self.found += 1;
                self.confusion.add(0, found.class);
                continue;
            };
            let Ok(class) = usize::try_from(regions.truths[truth].class) else { continue };
            self.found += 1;
            if matches!(found.outcome, Outcome::Duplicate(_)) {
                self.duplicates += 1;
                continue;
            }
            is_found[truth] = true;
            self.hits += 1;
            self.named += u64::from(found.class == class);
            self.confusion.add(class, found.class);
        }
        for (truth, is_found) in regions.truths.iter().zip(is_found) {
            let Ok(class) = usize::try_from(truth.class) else { continue };
            self.truths += 1;
            if !is_found {
                self.confusion.add(class, 0);
            }
        }
    }
}

/// What a set of stimuli gave.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// One for each target.
    pub targets: Vec<TargetResult>,
    /// Stimuli presented.
    pub n_stimuli: u64,
    /// Wall seconds of the network alone.
    pub seconds: f64,
    /// Scores of the batch that is being added, one list a target.
    batch: Vec<Vec<Score>>,
}

impl Evaluated {
    /// Of nothing yet.
    pub fn new(judge: &Judge<'_>) -> Self {
        let targets = judge.targets.iter().map(|target| TargetResult {
            tally: Tally::new(target.n_counted()),
            regions: target.rules().map(|_| RegionTally::new(target.n_classes)),
        });
        Self { targets: targets.collect(), n_stimuli: 0, seconds: 0.0, batch: vec![Vec::new(); judge.targets.len()] }
    }

    /// Counts a stimulus by the outputs of its targets' cells; what became of it, and its scores.
    pub fn add(
        &mut self,
        judge: &Judge<'_>,
        id: StimulusId,
        outputs: &[&[f32]],
        labels: &[i32],
        rois: &[Roi],
    ) -> (Vec<Verdict>, Vec<Score>) {
        let verdicts = judge.verdicts(outputs, labels, rois);
        let mut scores = Vec::with_capacity(verdicts.len());
        for (index, (verdict, target)) in verdicts.iter().zip(&judge.targets).enumerate() {
            let result = &mut self.targets[index];
            let score = match (&verdict.regions, &mut result.regions) {
                (Some(regions), Some(tally)) => {
                    tally.add(regions, (labels.len() == 1).then(|| target.meaning.class(labels[0])));
                    Score::default()
                }
                _ if !target.has_classes() => Score::default(),
                _ => result.tally.add(id, &Compared::of(verdict, outputs[index]), target.description.top_n),
            };
            self.batch[index].push(score.clone());
            scores.push(score);
        }
        self.n_stimuli += 1;
        (verdicts, scores)
    }

    /// Ends a batch of stimuli.
    pub fn end_batch(&mut self, judge: &Judge<'_>) {
        let targets = self.targets.iter_mut().zip(&mut self.batch).zip(&judge.targets);
        for ((result, scores), target) in targets {
            if target.has_classes() {
                result.tally.end_batch(scores, target.description.top_n);
            }
            scores.clear();
        }
    }
}

/// One stimulus of a set, as [`evaluate`] shows it.
pub struct Shown<'a> {
    /// The stimulus.
    pub id: StimulusId,
    /// As the network saw it.
    pub values: &'a [f32],
    /// Outputs of the targets' cells.
    pub outputs: &'a [&'a [f32]],
    /// What became of it, one a target.
    pub verdicts: &'a [Verdict],
    /// Its scores, one a target.
    pub scores: &'a [Score],
}

/// Infers the stimuli `ids` of `set`; `each` is shown every one of them.
///
/// # Errors
/// A stimulus that cannot be read; what `each` refuses.
pub fn evaluate(
    session: &Session,
    judge: &Judge<'_>,
    network: &mut Network,
    (set, ids): (Set, &[StimulusId]),
    progress: Option<&Progress>,
    mut each: impl FnMut(&Shown<'_>) -> Result<()>,
) -> Result<Evaluated> {
    let mut evaluated = Evaluated::new(judge);
    let size = session.provider.shape().n_elements();
    let most = memory::inference_batch(&session.description);
    // A learning goes on with its own batches.
    network.set_capacity(most.max(session.description.stimuli.batch_size));
    let mut values = vec![0.0; most.min(ids.len()) * size];
    for ids in ids.chunks(most) {
        let values = &mut values[..ids.len() * size];
        let labels = judge.load(session, ids, set, values)?;
        let started = Instant::now();
        network.infer(values, ids.len());
        network.check()?;
        evaluated.seconds += started.elapsed().as_secs_f64();
        for (at, &id) in ids.iter().enumerate() {
            let outputs = judge.outputs(network, at);
            let (verdicts, scores) = evaluated.add(judge, id, &outputs, judge.labels_of(&labels, at), &labels.rois[at]);
            let values = &values[at * size..][..size];
            each(&Shown { id, values, outputs: &outputs, verdicts: &verdicts, scores: &scores })?;
        }
        evaluated.end_batch(judge);
        if let Some(progress) = progress {
            progress.advance(evaluated.n_stimuli, || format!("{:.2}%", 100.0 * evaluated.targets[0].tally.rate()));
        }
    }
    Ok(evaluated)
}

#[cfg(test)]
mod tests {
    use super::super::regions::{Area, Found, Truth};
    use super::*;

    #[test]
    fn regions_are_counted_as_found_missed_or_found_in_vain() {
        let area = Area { x0: 0, y0: 0, x1: 1, y1: 1 };
        let truth = |class| Truth { class, area };
        let found = |class, outcome| Found { class, score: 1.0, area, outcome };
        let regions = Regions {
            found: vec![
                found(1, Outcome::Hit(0)),
                found(1, Outcome::Duplicate(0)),
                found(2, Outcome::Hit(1)),
                found(1, Outcome::FalsePositive),
                found(1, Outcome::Hit(3)),
            ],
            truths: vec![truth(1), truth(1), truth(2), truth(-1)],
        };
        let mut tally = RegionTally::new(3);
        tally.add(&regions, None);
        let RegionTally { truths, found: n_found, hits, named, duplicates, .. } = tally;
        assert_eq!((truths, n_found, hits, named, duplicates), (3, 4, 2, 1, 1));
        assert_eq!(tally.confusion.counts(), [0, 1, 0, 0, 1, 1, 1, 0, 0]);
        assert_eq!((tally.precision(), tally.recall(), tally.named_right()), (0.5, 2.0 / 3.0, 0.5));
    }

    #[test]
    fn a_class_without_a_place_only_names() {
        let area = Area { x0: 0, y0: 0, x1: 1, y1: 1 };
        let found = vec![Found { class: 1, score: 1.0, area, outcome: Outcome::FalsePositive }];
        let mut tally = RegionTally::new(2);
        tally.add(&Regions { found, truths: Vec::new() }, Some(1));
        assert_eq!((tally.confusion.counts(), tally.found), ([0, 0, 0, 1].as_slice(), 0));
    }
}
