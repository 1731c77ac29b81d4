//! The test of a network with target maps: every target's files, pictures and scores (`formal.md` 10.6 to 10.8).

use anyhow::Result;
use formal::Network;
use stimuli::{Set, StimulusId};

use super::interrupt;
use super::learn_bench::now;
use super::targets::{Evaluated, Judge, Shown, evaluate};
use crate::report::confusion::metrics_text;
use crate::report::page::targets as page;
use crate::report::progress::{Progress, note, result};
use crate::report::summary::TargetSummary;
use crate::report::targets::{Gallery, answer_line, regions_text, write_regions, write_success, write_tally};
use crate::report::timings;
use crate::session::Session;

/// Stimuli of a test that are written as pictures.
const MOST_PICTURED: usize = 500;

/// What is written of a test while it goes on: pictures, answers, regions.
pub struct Files<'a> {
    judge: &'a Judge<'a>,
    galleries: Vec<Gallery<'a>>,
    answers: Vec<String>,
    n_shown: usize,
    /// Of the folders, `test` as frames.
    set: &'static str,
}

impl<'a> Files<'a> {
    /// Nothing is written yet; `set` names the files and folders.
    pub fn new(session: &Session, judge: &'a Judge<'a>, set: &'static str) -> Result<Self> {
        for target in &judge.targets {
            session.output.clear(format!("{}/{set}", target.folder))?;
        }
        let gallery = |target| Gallery::new(target, set, session.provider.shape());
        let galleries = judge.targets.iter().map(gallery).collect();
        Ok(Self { judge, galleries, answers: vec![String::new(); judge.targets.len()], n_shown: 0, set })
    }

    /// Writes what became of a stimulus.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn add(&mut self, session: &Session, shown: &Shown<'_>) -> Result<()> {
        let is_pictured = self.n_shown < MOST_PICTURED;
        self.n_shown += 1;
        let name = session.database().name(shown.id);
        for (index, target) in self.judge.targets.iter().enumerate() {
            let (verdict, score) = (&shown.verdicts[index], &shown.scores[index]);
            if target.description.is_data {
                continue;
            }
            if target.is_map() {
                let gallery = &mut self.galleries[index];
                gallery.add(&session.output, (shown.id, &name), shown.values, verdict, score, is_pictured)?;
            } else {
                self.answers[index] += &answer_line(shown.id, &name, verdict, shown.outputs[index]);
            }
        }
        Ok(())
    }

    /// Writes the logs and the scores of the whole test, prints them, and gives what a summary tells of them.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(&self, session: &Session, evaluated: &Evaluated, noun: &str) -> Result<Vec<TargetSummary>> {
        let (output, set) = (&session.output, self.set);
        if self.n_shown > MOST_PICTURED {
            note(&format!("note: pictures are of the first {MOST_PICTURED} of {} stimuli", self.n_shown));
        }
        let mut summaries = Vec::new();
        for (index, (target, tested)) in self.judge.targets.iter().zip(&evaluated.targets).enumerate() {
            let name = &target.description.name;
            if target.description.is_data {
                continue;
            }
            if target.is_map() {
                self.galleries[index].finish(output)?;
            } else {
                output.write(format!("{}/{set}/classif.log", target.folder), &self.answers[index])?;
            }
            if let Some(regions) = &tested.regions {
                write_regions(output, target, set, regions)?;
                result(&format!("{name}: {noun} regions: {}", regions_text(regions)));
                summaries.push(TargetSummary::of_regions(name, regions));
                continue;
            }
            if !target.is_scored() {
                continue;
            }
            let tally = &tested.tally;
            write_tally(session, target, set, tally)?;
            write_success(output, target, set, tally, 0, &[])?;
            let (rate, confusion) = (100.0 * tally.rate(), tally.confusion());
            let top_n = match target.description.top_n {
                0 | 1 => String::new(),
                n => format!("\nTop-{n} recognition rate: {:.2}%", 100.0 * tally.top_n_rate()),
            };
            result(&format!(
                "{name}: final {noun} recognition rate: {rate:.2}%    (error rate: {:.2}%){top_n}\n{}",
                100.0 - rate,
                metrics_text(&confusion)
            ));
            let classes = target.meaning.names.iter().take(target.n_classes);
            summaries.push(TargetSummary::of_classes(name, tally, classes.cloned().collect()));
        }
        if session.options.page {
            page::write(session, self.judge, &self.galleries, evaluated, set)?;
        }
        Ok(summaries)
    }
}

/// The formal test.
///
/// # Errors
/// A stimulus that cannot be read; a file that cannot be written; Ctrl-C.
pub fn run(
    session: &Session,
    judge: &Judge<'_>,
    network: &mut Network,
    ids: &[StimulusId],
) -> Result<(Evaluated, Vec<TargetSummary>)> {
    let progress = Progress::start("Testing", ids.len() as u64);
    network.set_clock(session.options.bench.then_some(now));
    let mut files = Files::new(session, judge, "test")?;
    let evaluated =
        evaluate(session, judge, network, (Set::Test, ids), Some(&progress), |shown| files.add(session, shown))?;
    drop(progress);
    if session.options.bench {
        let rows = timings::inference(&session.description, &network.times(), ids.len() as u64);
        session.output.write("timings/inference_timings.dat", timings::text(&rows))?;
        network.set_clock(None);
    }
    let summaries = files.finish(session, &evaluated, "formal")?;
    interrupt::check()?;
    Ok((evaluated, summaries))
}
