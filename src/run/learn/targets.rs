//! Learning towards target maps: every target has its own losses, scores and files; the primary one judges the learning.

use anyhow::Result;
use formal::StepReport;
use stimuli::Set;

use super::{Batch, Run, mean};
use crate::report::confusion::metrics_text;
use crate::report::curves::{loss_picture, loss_text, validation_text};
use crate::report::targets::{Gallery, answer_line, regions_text, write_regions, write_success, write_tally};
use crate::run::learning_state::TargetLedger;
use crate::run::targets::{self, Compared, Evaluated, Judge, Score, Tally, Verdict};

/// Stimuli of the last batch that are written as pictures.
const N_PICTURED: usize = 16;

/// The ledgers of targets about which nothing is known yet.
pub(super) fn fresh(judge: &Judge<'_>) -> Vec<TargetLedger> {
    let of = |target: &targets::Target<'_>| TargetLedger {
        tally: Tally::new(target.n_counted()),
        ..TargetLedger::default()
    };
    judge.targets.iter().map(of).collect()
}

/// Whether a state is of these targets.
pub(super) fn fits(ledgers: &[TargetLedger], judge: &Judge<'_>) -> bool {
    let is_of = |(ledger, target): (&TargetLedger, &targets::Target<'_>)| ledger.tally.is_of(target.n_counted());
    ledgers.len() == judge.targets.len() && ledgers.iter().zip(&judge.targets).all(is_of)
}

impl Run<'_> {
    /// Counts what each target found.
    pub(super) fn count_targets(&mut self, judge: &Judge<'_>, batch: &Batch) -> StepReport {
        let Batch { ids, labels, .. } = batch;
        let reports = self.network.finish().to_vec();
        for (&target, report) in judge.trained.iter().zip(&reports) {
            let loss = &mut self.ledger.targets[target].loss;
            loss.0 += report.squared_error;
            loss.1 = report.cross_entropy.map(|entropy| entropy + loss.1.unwrap_or(0.0));
            loss.2 += 1;
        }
        let mut scores: Vec<Vec<Score>> = vec![Vec::with_capacity(ids.len()); judge.targets.len()];
        for (place, &id) in ids.iter().enumerate() {
            let outputs = judge.outputs(self.network, place);
            let verdicts = judge.verdicts_of_positions(&outputs, judge.labels_of(labels, place));
            for (index, target) in judge.targets.iter().enumerate().filter(|(_, target)| target.has_classes()) {
                let compared = Compared::of(&verdicts[index], outputs[index]);
                let tally = &mut self.ledger.targets[index].tally;
                scores[index].push(tally.add(id, &compared, target.description.top_n));
            }
        }
        for (index, target) in judge.targets.iter().enumerate().filter(|(_, target)| target.has_classes()) {
            self.ledger.targets[index].tally.end_batch(&scores[index], target.description.top_n);
        }
        self.last.clone_from(ids);
        let primary = &self.ledger.targets[0].tally;
        self.ledger.success.extend(primary.success.last());
        // A loss that is no number is told, whichever target's it is; else the primary one's.
        let diverged = reports.iter().find(|report| !report.squared_error.is_finite());
        let of_primary = judge.trained.iter().position(|&target| target == 0).unwrap_or(0);
        diverged.copied().unwrap_or(reports[of_primary])
    }

    /// Loss and success of each target.
    pub(super) fn message_of_targets(&self, judge: &Judge<'_>) -> String {
        let window = self.window();
        let each = judge.targets.iter().zip(&self.ledger.targets).filter(|(target, _)| target.has_classes());
        let each = each.map(|(target, ledger)| {
            let success = &ledger.tally.success;
            let recent = &success[success.len().saturating_sub(window)..];
            let loss = ledger.loss.1.unwrap_or(ledger.loss.0) / ledger.loss.2.max(1) as f64;
            format!("{} {:.2}% (loss {loss:.4})", target.description.name, 100.0 * mean(recent))
        });
        let best = self.ledger.best.map_or(String::new(), |best| format!(", best validation {:.2}%", 100.0 * best));
        each.collect::<Vec<_>>().join(", ") + &best
    }

    /// Writes what was learned since the last log, target by target.
    pub(super) fn write_targets(&mut self, judge: &Judge<'_>) -> Result<()> {
        let (session, window) = (self.session, self.window());
        self.write_last_batch(judge)?;
        for (target, ledger) in judge.targets.iter().zip(&mut self.ledger.targets) {
            if target.rules().is_some() {
                continue;
            }
            let (squared, entropy, n) = ledger.loss;
            if n > 0 {
                let n = n as f64;
                ledger.losses.push((self.ledger.stimuli, squared / n, entropy.map(|entropy| entropy / n)));
                let folder = &target.folder;
                session.output.write(format!("{folder}/Loss_learning.dat"), loss_text(&ledger.losses))?;
                session.output.write(format!("{folder}/Loss_learning.png"), loss_picture(&ledger.losses)?)?;
            }
            ledger.loss = (0.0, None, 0);
            if !target.has_classes() {
                continue;
            }
            write_success(&session.output, target, "learning", &ledger.tally, window, &ledger.validations)?;
            write_tally(session, target, "learning", &ledger.tally)?;
            ledger.tally.clear_counts();
        }
        Ok(())
    }

    /// Writes what the last batch gave, stimulus by stimulus.
    fn write_last_batch(&self, judge: &Judge<'_>) -> Result<()> {
        let session = self.session;
        let ids = &self.last[..self.last.len().min(N_PICTURED)];
        let (shape, database) = (session.provider.shape(), session.database());
        let mut values = vec![0.0; ids.len() * shape.n_elements()];
        let first = self.ledger.stimuli - self.last.len() as u64;
        let labels = judge.load_presentations(session, ids, first, &mut values)?;
        let mut galleries: Vec<Gallery<'_>> =
            judge.targets.iter().map(|target| Gallery::new(target, "learning", shape)).collect();
        let mut logs = vec![String::new(); judge.targets.len()];
        for (place, &id) in ids.iter().enumerate() {
            let outputs = judge.outputs(self.network, place);
            let verdicts = judge.verdicts(&outputs, judge.labels_of(&labels, place), &labels.rois[place]);
            let (name, values) = (database.name(id), &values[place * shape.n_elements()..][..shape.n_elements()]);
            for (index, (target, verdict)) in judge.targets.iter().zip(&verdicts).enumerate() {
                if target.description.is_data {
                    continue;
                }
                if target.is_map() {
                    let score = score(target, verdict, outputs[index]);
                    galleries[index].add(&session.output, (id, &name), values, verdict, &score, true)?;
                } else {
                    logs[index] += &answer_line(id, &name, verdict, outputs[index]);
                }
            }
        }
        for ((target, gallery), log) in judge.targets.iter().zip(&galleries).zip(&logs) {
            if target.description.is_data {
                continue;
            }
            if target.is_map() {
                gallery.finish(&session.output)?;
            } else {
                session.output.write(format!("{}/learning/classif.log", target.folder), log)?;
            }
        }
        Ok(())
    }

    /// Validates; tells whether this validation is the best by the primary target, `None` where there is nothing to validate
    /// on.
    pub(super) fn validate_targets(&mut self, judge: &Judge<'_>) -> Result<Option<bool>> {
        let session = self.session;
        let ids = session.database().set(Set::Validation);
        if ids.is_empty() {
            return Ok(None);
        }
        let evaluated = targets::evaluate(session, judge, self.network, (Set::Validation, ids), None, |_| Ok(()))?;
        let primary = evaluated.targets[0].tally.confusion().mean_metric(self.metric);
        let is_best = self.ledger.targets[0].best.is_none_or(|best| self.metric.is_better(primary, best));
        for index in 0..judge.targets.len() {
            self.validate_target(judge, index, &evaluated, is_best)?;
        }
        self.ledger.best = self.ledger.targets[0].best;
        self.ledger.validations.clone_from(&self.ledger.targets[0].validations);
        Ok(Some(is_best))
    }

    fn validate_target(
        &mut self,
        judge: &Judge<'_>,
        index: usize,
        evaluated: &Evaluated,
        is_primary_best: bool,
    ) -> Result<()> {
        let (session, metric) = (self.session, self.metric);
        let (target, result) = (&judge.targets[index], &evaluated.targets[index]);
        let name = &target.description.name;
        if let Some(regions) = &result.regions {
            if is_primary_best {
                write_regions(&session.output, target, "validation", regions)?;
            }
            self.progress.say(&format!("    {name}: regions: {}", regions_text(regions)));
            return Ok(());
        }
        if !target.is_scored() {
            return Ok(());
        }
        let (window, n_batches) = (self.window(), self.ledger.success.len() as u64);
        let confusion = result.tally.confusion();
        let score = confusion.mean_metric(metric);
        let ledger = &mut self.ledger.targets[index];
        ledger.validations.push((n_batches, score));
        let folder = &target.folder;
        session.output.write(format!("{folder}/Success_validation.dat"), validation_text(&ledger.validations))?;
        write_success(&session.output, target, "learning", &ledger.tally, window, &ledger.validations)?;
        let is_best = ledger.best.is_none_or(|best| metric.is_better(score, best));
        let (head, tail) = match is_best {
            true => ("+++ BEST", String::new()),
            false => ("--- LOWER", format!(" (best was {:.2}%)", 100.0 * ledger.best.unwrap_or(0.0))),
        };
        if is_best {
            ledger.best = Some(score);
            write_tally(session, target, "validation", &result.tally)?;
        }
        if is_primary_best && index > 0 {
            write_tally(session, target, "validation-best-primary", &result.tally)?;
        }
        self.progress.say(&format!(
            "{head} validation score: {:.2}% [{}] {name}{tail}\n{}",
            100.0 * score,
            metric.name(),
            metrics_text(&confusion)
        ));
        Ok(())
    }
}

fn score(target: &targets::Target<'_>, verdict: &Verdict, outputs: &[f32]) -> Score {
    if !target.has_classes() {
        return Score::default();
    }
    Tally::new(target.n_counted()).add(0, &Compared::of(verdict, outputs), target.description.top_n)
}
