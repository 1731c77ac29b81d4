//! Learning: batches, logs, validation, best state (`formal.md` 12.3).

mod targets;
mod values;

use std::time::Instant;

use anyhow::Result;
use formal::{Network, StepReport};
use stats::{Confusion, Metric};
use stimuli::{Set, StimulusId};

use super::feed::{Batch, Feed};
use super::formal_test::{self, Evaluation};
use super::interrupt;
use super::learning_state::{self, Ledger};
use super::targets::Judge;
use crate::device::Chosen;
use crate::failure::{Interrupted, wrong_input};
use crate::report::confusion::{Misclassified, metrics_text};
use crate::report::curves::{loss_picture, loss_text, success_picture, success_text, validation_text};
use crate::report::progress::{Progress, note, result};
use crate::report::schedule::Course;
use crate::session::Session;
use crate::weights::{self, WeightSource};
use crate::{assemble, report};

/// How much to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Random batches, drawn with replacement, until this many stimuli.
    Stimuli(u64),
    /// Whole passes over the Learn set in random order.
    Epochs(u64),
}

/// What learning reached.
pub struct Learned {
    /// Best validation score; `None` without a validation set.
    pub best: Option<f64>,
    /// Stimuli learned.
    pub stimuli: u64,
    /// Wall seconds of the learning steps, validation and logs excluded.
    pub seconds: f64,
    /// Where the weights to go on with were written.
    pub weights: WeightSource,
}

struct Run<'a> {
    session: &'a Session,
    network: &'a mut Network,
    ledger: Ledger,
    metric: Metric,
    confusion: Confusion,
    /// Where outputs are judged through target maps.
    judge: Option<&'a Judge<'a>>,
    progress: Progress,
    /// The batch learned last.
    last: Vec<StimulusId>,
}

/// Learns `amount` (or goes on with what `--resume` finds) and leaves the best weights in `weights_validation/`.
///
/// # Errors
/// A state to go on from that is missing or of another model, a file that cannot be written, Ctrl-C ([`Interrupted`]).
pub fn run(session: &Session, network: &mut Network, amount: Option<Amount>) -> Result<Learned> {
    check_learns(session, network)?;
    let options = &session.options;
    let n_classes = session.database().label_names().len();
    let mut ledger = Ledger::new(&session.description.sha256, session.seed, n_classes);
    if options.resume {
        ledger = resume(session, network)?;
        let (before, now) = (named(&ledger.device), &session.device.name);
        if before != now {
            note(&format!(
                "note: learned on {before} so far, goes on on {now}: as good, but not the bytes that one device would give"
            ));
        }
    } else if let Some(path) = &options.load {
        let path = if path.is_dir() { path.join(learning_state::FILE) } else { path.clone() };
        learning_state::load(&path, network)?;
    }
    if session.is_data_target() && options.valid_metric.is_some() {
        return Err(wrong_input(format!(
            "--valid-metric: expected none with DataAsTarget ({}), which is judged by the mean squared error",
            session.description.targets[0].span
        )));
    }
    // The CPU goes without saying.
    ledger.device =
        Some(&session.device).filter(|chosen| **chosen != Chosen::cpu()).map_or_else(String::new, |d| d.name.clone());
    let metric = metric(options.valid_metric, &mut ledger)?;
    let before = (ledger.total_stimuli, ledger.total_epochs);
    match amount {
        Some(Amount::Stimuli(n)) => (ledger.total_stimuli, ledger.total_epochs) = (Some(n), None),
        Some(Amount::Epochs(n)) => (ledger.total_stimuli, ledger.total_epochs) = (None, Some(n)),
        None => {}
    }
    let learn_set = session.database().set(Set::Learn);
    if learn_set.is_empty() {
        return Err(wrong_input(format!("{}: the Learn set is empty", session.description.database.span)));
    }
    let total = match (ledger.total_stimuli, ledger.total_epochs) {
        (Some(n), _) => n,
        (None, Some(epochs)) => epochs.saturating_mul(learn_set.len() as u64),
        (None, None) => return Err(wrong_input("nothing to learn: give -learn N or -learn-epoch N")),
    };
    interrupt::listen();
    session.output.write("seed.dat", session.seed.to_string())?;
    if ledger.step == 0 {
        save_weights(session, network, "weights_init")?;
        ledger.next_log = options.log.unwrap_or(1000);
    }
    let judge = if session.description.has_target_maps() { Some(Judge::new(session)?) } else { None };
    if let Some(judge) = &judge {
        judge.tell(session)?;
        if ledger.step == 0 {
            ledger.targets = targets::fresh(judge);
        } else if !targets::fits(&ledger.targets, judge) {
            return Err(wrong_input("learning state: the targets differ from the model's"));
        }
    }
    let confusion = Confusion::from_counts(n_classes, ledger.confusion.clone())
        .ok_or_else(|| wrong_input("learning state: the number of classes differs from the database's"))?;
    if ledger.stimuli >= total {
        note(&format!("note: nothing to learn: {} of {total} stimuli are learned already", ledger.stimuli));
    }
    let progress = Progress::go_on("Learning", total, ledger.stimuli);
    let judge = judge.as_ref();
    let mut run = Run { session, network, ledger, metric, confusion, judge, progress, last: Vec::new() };
    if run.ledger.step == 0 {
        run.write_schedule(run.network, total)?;
    } else if before != (run.ledger.total_stimuli, run.ledger.total_epochs) {
        // Of the whole learning, so from rates that have not moved yet.
        run.write_schedule(&assemble::formal_network(&session.description, session.seed)?, total)?;
    }
    run.learn(total)?;
    let Ledger { best, stimuli, seconds, .. } = run.ledger;
    save_weights(session, run.network, "weights")?;
    let folder = if best.is_some() { "weights_validation" } else { "weights" };
    Ok(Learned { best, stimuli, seconds, weights: WeightSource::Folder(session.output.path(folder)) })
}

/// Refuses a network to whose weights no error of the first target comes.
///
/// # Errors
/// The target with its line.
pub fn check_learns(session: &Session, network: &Network) -> Result<()> {
    if network.learns() {
        return Ok(());
    }
    let target = &session.description.targets[0];
    Err(wrong_input(format!(
        "{}, [{}]: nothing would be learned: no error comes from here to any weights; no Threshold or Transformation may stand \
         between them, so put the target on a layer before it",
        target.span, target.name
    )))
}

/// What a state says of its device.
fn named(device: &str) -> &str {
    if device.is_empty() { "CPU" } else { device }
}

/// The metric typed, or the one that validations were judged by so far.
fn metric(typed: Option<Metric>, ledger: &mut Ledger) -> Result<Metric> {
    match typed {
        Some(metric) if ledger.validations.is_empty() => {
            ledger.metric = metric.name().to_string();
            Ok(metric)
        }
        Some(metric) if ledger.metric != metric.name() => Err(wrong_input(format!(
            "--valid-metric: expected {}, which the validations so far were judged by, found {}",
            ledger.metric,
            metric.name()
        ))),
        _ => Metric::of_name(&ledger.metric)
            .ok_or_else(|| wrong_input(format!("learning state: no metric is called `{}`", ledger.metric))),
    }
}

fn resume(session: &Session, network: &mut Network) -> Result<Ledger> {
    let path = session.output.path(learning_state::FILE);
    if !path.exists() {
        return Err(wrong_input(format!(
            "--resume: expected the state of an earlier learning in `{}`, found none; learn without --resume first",
            path.display()
        )));
    }
    let ledger = learning_state::load(&path, network)?;
    let description = &session.description;
    if ledger.ini_sha256 != description.sha256 {
        return Err(wrong_input(format!(
            "--resume: `{}` was learned with another text of {}; use the same model, or start without --resume",
            path.display(),
            description.name
        )));
    }
    if ledger.seed != session.seed {
        return Err(wrong_input(format!(
            "--resume: `{}` was learned with seed {}, this run has seed {}; give -seed {}",
            path.display(),
            ledger.seed,
            session.seed,
            ledger.seed
        )));
    }
    Ok(ledger)
}

fn save_weights(session: &Session, network: &Network, folder: &str) -> Result<()> {
    let cells: Vec<_> = (0..network.n_cells()).map(|cell| assemble::cell_weights(network, cell)).collect();
    // A device that fails gives what it gave before.
    network.check()?;
    weights::save(&session.output, folder, &session.description, |cell| cells[cell].clone())
}

impl Run<'_> {
    fn learn(&mut self, total: u64) -> Result<()> {
        let session = self.session;
        let learn_set = session.database().set(Set::Learn);
        let by_epochs = self.ledger.total_epochs.is_some();
        let mut feed = Feed::new(session, by_epochs, self.judge);
        let mut next_report = self.ledger.stimuli;
        while self.ledger.stimuli < total {
            let started = Instant::now();
            let batch = match feed.batch(self.ledger.step, self.ledger.stimuli) {
                Ok(batch) => batch,
                Err(error) => return self.keep_before(error),
            };
            let (step, stimuli) = (self.ledger.step + 1, self.ledger.stimuli + batch.ids.len() as u64);
            if stimuli < total {
                feed.meanwhile(step, stimuli, || self.start(&batch));
                feed.bring(self.network);
            } else {
                self.start(&batch);
            }
            self.finish(&batch)?;
            feed.reuse(batch);
            self.ledger.seconds += started.elapsed().as_secs_f64();
            if self.ledger.stimuli >= next_report {
                next_report = self.ledger.stimuli + session.options.report;
                self.progress.advance(self.ledger.stimuli, || self.message());
            }
            let is_log = if by_epochs {
                let epoch = self.ledger.stimuli / learn_set.len() as u64;
                self.ledger.stimuli.is_multiple_of(learn_set.len() as u64)
                    && session.options.log_epoch > 0
                    && epoch.is_multiple_of(session.options.log_epoch)
            } else {
                self.ledger.stimuli >= self.ledger.next_log
            };
            if is_log || self.ledger.stimuli >= total {
                let before = (self.ledger.clone(), self.confusion.clone());
                while self.ledger.next_log <= self.ledger.stimuli {
                    self.ledger.next_log += session.options.log.unwrap_or(1000);
                }
                let stop = match self.log() {
                    Ok(stop) => stop,
                    Err(error) => {
                        (self.ledger, self.confusion) = before;
                        return self.keep_before(error);
                    }
                };
                self.save_state()?;
                if stop {
                    self.progress.say(&format!(
                        "Validation did not improve for {} validations: learning stops",
                        self.ledger.validations_since_best
                    ));
                    break;
                }
            }
            if interrupt::requested() {
                self.save_state()?;
                self.progress.say(&format!(
                    "interrupted after {} stimuli; the state is in {}, go on with --resume",
                    self.ledger.stimuli,
                    session.output.path(learning_state::FILE).display()
                ));
                return Err(Interrupted.into());
            }
        }
        Ok(())
    }

    /// Writes the rates that are to come of a network.
    fn write_schedule(&self, network: &Network, total: u64) -> Result<()> {
        let session = self.session;
        let epoch = session.database().set(Set::Learn).len() as u64;
        let by_epochs = self.ledger.total_epochs.is_some();
        let log = match by_epochs {
            true => session.options.log_epoch.saturating_mul(epoch),
            false => session.options.log.unwrap_or(1000),
        };
        let course = Course { total, batch: session.description.stimuli.batch_size as u64, epoch, log, by_epochs };
        report::schedule::write(&session.output, &session.description, network, &course)
    }

    /// The stimulus that `--log-outputs` asks for, by its place in the batch, if it is there.
    fn logged_place(&self, batch: &Batch) -> Option<usize> {
        let n = self.session.options.log_outputs?;
        let place = (n - 1).checked_sub(self.ledger.stimuli).and_then(|place| usize::try_from(place).ok());
        place.filter(|&place| place < batch.ids.len())
    }

    /// Writes what each layer gave for a stimulus of the batch just learned, and its errors.
    fn write_outputs(&self, Batch { ids, values, .. }: &Batch, place: usize) -> Result<()> {
        let session = self.session;
        let n = self.ledger.stimuli + place as u64 + 1;
        let (id, size) = (ids[place], values.len() / ids.len());
        let (stimulus, folder) = (&values[place * size..][..size], format!("outputs_{n}"));
        report::maps::write_outputs(&session.output, &folder, &session.description, self.network, stimulus, place)?;
        report::maps::write_errors(&session.output, &format!("diffinputs_{n}"), &session.description, self.network)?;
        let database = session.database();
        self.progress.say(&format!(
            "Outputs for id {id}: {}, label {}, in {folder}",
            database.name(id),
            session.class(id)
        ));
        Ok(())
    }

    /// Keeps what was learned before a fault of the data or a file that could not be written.
    fn keep_before(&mut self, error: anyhow::Error) -> Result<()> {
        if self.ledger.stimuli > 0 && self.network.check().is_ok() {
            let kept = self.save_state().and_then(|()| save_weights(self.session, self.network, "weights"));
            if let Err(also) = kept {
                return Err(error.context(format!("{also:#}")));
            }
            self.progress.say(&format!(
                "stopped after {} stimuli; the state is in {}, go on with --resume once that is mended",
                self.ledger.stimuli,
                self.session.output.path(learning_state::FILE).display()
            ));
        } else if self.ledger.stimuli > 0 {
            self.progress.say(&format!(
                "stopped after {} stimuli; a device that failed cannot give them, go on from the last log with --resume",
                self.ledger.stimuli
            ));
        }
        Err(error)
    }

    /// Starts the learning step of a batch; a device is not waited for.
    fn start(&mut self, batch: &Batch) {
        self.network.keep_errors(self.logged_place(batch));
        batch.start(self.session, self.network, self.judge, self.ledger.step);
    }

    /// Counts what the step found that was started.
    fn finish(&mut self, batch: &Batch) -> Result<()> {
        self.network.finish();
        // A device that fails gives neither losses nor outputs.
        self.network.check()?;
        self.count(batch)?;
        if let Some(place) = self.logged_place(batch) {
            self.write_outputs(batch, place)?;
            self.network.keep_errors(None);
        }
        self.ledger.step += 1;
        self.ledger.stimuli += batch.ids.len() as u64;
        Ok(())
    }

    fn count(&mut self, batch: &Batch) -> Result<()> {
        let report = match self.judge {
            Some(judge) => self.count_targets(judge, batch),
            None if self.session.is_data_target() => self.count_values(batch),
            None => self.count_classes(batch),
        };
        let ledger = &mut self.ledger;
        if !report.squared_error.is_finite() {
            let kept = match ledger.best {
                Some(_) => "the best state so far is kept in weights_validation",
                None => "no state was validated before, so none is kept",
            };
            anyhow::bail!(
                "learning diverged at stimulus {}: the loss is no longer a number; lower the learning rate ({kept})",
                ledger.stimuli
            );
        }
        ledger.loss.0 += report.squared_error;
        ledger.loss.1 = report.cross_entropy.map(|entropy| entropy + ledger.loss.1.unwrap_or(0.0));
        ledger.loss.2 += 1;
        Ok(())
    }

    /// Counts the classes that were found.
    fn count_classes(&mut self, Batch { ids, .. }: &Batch) -> StepReport {
        let (session, ledger) = (self.session, &mut self.ledger);
        let report = self.network.finish()[0];
        let outputs = self.network.output(session.target_cell());
        let top_n = session.description.targets[0].top_n;
        let (mut correct, mut in_top) = (0, 0);
        for (&id, outputs) in ids.iter().zip(outputs.chunks_exact(outputs.len() / ids.len())) {
            let (target, estimated) = (session.class(id), formal_test::estimate(outputs));
            self.confusion.add(target, estimated);
            in_top += u32::from(formal_test::is_in_top(outputs, target, top_n));
            if target == estimated {
                correct += 1;
            } else {
                ledger.misclassified.push((id, target, estimated));
            }
        }
        self.last.clone_from(ids);
        ledger.success.push(f64::from(correct) / ids.len() as f64);
        if top_n > 1 {
            ledger.success_top_n.push(f64::from(in_top) / ids.len() as f64);
        }
        report
    }

    fn window(&self) -> usize {
        (self.session.options.ws as usize / self.session.description.stimuli.batch_size).max(1)
    }

    fn message(&self) -> String {
        let success = &self.ledger.success;
        let recent = &success[success.len().saturating_sub(self.window())..];
        let n = self.ledger.loss.2.max(1) as f64;
        let loss = self.ledger.loss.1.unwrap_or(self.ledger.loss.0) / n;
        if let Some(judge) = self.judge {
            return self.message_of_targets(judge);
        }
        if self.session.is_data_target() {
            return format!("loss {loss:.4}, {}", self.message_of_values());
        }
        let best = self.ledger.best.map_or(String::new(), |best| format!(", best validation {:.2}%", 100.0 * best));
        format!("loss {loss:.4}, learning {:.2}%{best}", 100.0 * mean(recent))
    }

    /// Writes the logs, validates, keeps the best state. True when `-stop-valid` says to stop.
    fn log(&mut self) -> Result<bool> {
        let session = self.session;
        let (folder, output) = (session.target_folder(), &session.output);
        let line = self.message();
        match self.judge {
            Some(judge) => self.write_targets(judge)?,
            None if session.is_data_target() => {}
            None => self.write_classes(&folder)?,
        }
        if self.judge.is_none() {
            let (squared, entropy, n) = self.ledger.loss;
            let n = n.max(1) as f64;
            self.ledger.losses.push((self.ledger.stimuli, squared / n, entropy.map(|e| e / n)));
            output.write(format!("{folder}/Loss_learning.dat"), loss_text(&self.ledger.losses))?;
            output.write(format!("{folder}/Loss_learning.png"), loss_picture(&self.ledger.losses)?)?;
        }
        self.ledger.loss = (0.0, None, 0);
        self.progress.log(self.ledger.stimuli, &line);
        let is_best = match self.judge {
            Some(judge) => self.validate_targets(judge)?,
            None if session.is_data_target() => self.validate_values(&folder)?,
            None => self.validate_classes(&folder)?,
        };
        match is_best {
            None => {
                save_weights(session, self.network, "weights")?;
                // Those of an earlier learning would be taken before these.
                output.clear("weights_validation")?;
                return Ok(false);
            }
            Some(true) => {
                self.ledger.validations_since_best = 0;
                save_weights(session, self.network, "weights_validation")?;
            }
            Some(false) => self.ledger.validations_since_best += 1,
        }
        let patience = session.options.stop_valid;
        Ok(patience > 0 && self.ledger.validations_since_best >= patience)
    }

    /// Writes what was learned of the classes since the last log.
    fn write_classes(&mut self, folder: &str) -> Result<()> {
        let session = self.session;
        let output = &session.output;
        let names = session.database().label_names();
        let misclassified: Vec<Misclassified> = self
            .ledger
            .misclassified
            .iter()
            .map(|&(id, target, estimated)| Misclassified { id, name: session.database().name(id), target, estimated })
            .collect();
        output.write(format!("{folder}/Success_learning.dat"), success_text(&self.ledger.success, self.window()))?;
        if !self.ledger.success_top_n.is_empty() {
            let text = success_text(&self.ledger.success_top_n, self.window());
            output.write(format!("{folder}/SuccessTopN_learning.dat"), text)?;
        }
        report::confusion::write(output, folder, "learning", &self.confusion, names, &misclassified)?;
        let outputs = self.network.output(session.target_cell());
        let mut estimates = String::new();
        for (&id, outputs) in self.last.iter().zip(outputs.chunks_exact(outputs.len() / self.last.len().max(1))) {
            estimates += &formal_test::estimate_line(session.database(), id, outputs);
        }
        output.write(format!("{folder}/learning/classif.log"), estimates)?;
        self.confusion.clear();
        self.ledger.misclassified.clear();
        Ok(())
    }

    /// Validates; tells whether this validation is the best, `None` where there is nothing to validate on.
    fn validate_classes(&mut self, folder: &str) -> Result<Option<bool>> {
        let session = self.session;
        let output = &session.output;
        let ids = session.database().set(Set::Validation);
        if ids.is_empty() {
            self.draw_success(folder)?;
            return Ok(None);
        }
        let evaluation = formal_test::evaluate(session, self.network, Set::Validation, ids, None, |_, _, _, _| {})?;
        let (metric, score) = (self.metric, evaluation.confusion.mean_metric(self.metric));
        self.ledger.validations.push((self.ledger.success.len() as u64, score));
        output.write(format!("{folder}/Success_validation.dat"), validation_text(&self.ledger.validations))?;
        self.draw_success(folder)?;
        let is_best = self.ledger.best.is_none_or(|best| metric.is_better(score, best));
        let (head, tail) = match is_best {
            true => ("+++ BEST", String::new()),
            false => ("--- LOWER", format!(" (best was {:.2}%)", 100.0 * self.ledger.best.unwrap_or(0.0))),
        };
        if is_best {
            self.ledger.best = Some(score);
            let names = session.database().label_names();
            let Evaluation { confusion, misclassified, .. } = &evaluation;
            report::confusion::write(output, folder, "validation", confusion, names, misclassified)?;
        }
        self.progress.say(&format!(
            "{head} validation score: {:.2}% [{}]{}{tail}\n{}",
            100.0 * score,
            metric.name(),
            top_n_text(session, &evaluation),
            metrics_text(&evaluation.confusion)
        ));
        Ok(Some(is_best))
    }

    fn draw_success(&self, folder: &str) -> Result<()> {
        let Ledger { success, validations, .. } = &self.ledger;
        let png = success_picture(success, self.window(), validations)?;
        self.session.output.write(format!("{folder}/Success_learning.png"), png)
    }

    fn save_state(&mut self) -> Result<()> {
        self.ledger.confusion = self.confusion.counts().to_vec();
        learning_state::save(&self.session.output, self.network, &self.ledger)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The share of stimuli whose class is among the `TopN` best outputs, where that is asked for.
fn top_n_text(session: &Session, evaluation: &Evaluation) -> String {
    match session.description.targets[0].top_n {
        0 | 1 => String::new(),
        n => format!(", top {n}: {:.2}%", 100.0 * evaluation.top_n_rate()),
    }
}

/// Says what was learned.
pub fn announce(session: &Session, learned: &Learned) {
    let Some(best) = learned.best else { return };
    if session.is_data_target() {
        result(&format!("Best validation: {}, weights in {}", values::text(best), learned.weights));
    } else {
        result(&format!("Best validation score: {:.2}%, weights in {}", 100.0 * best, learned.weights));
    }
}
