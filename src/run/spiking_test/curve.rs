//! Accuracy, read events and latency of every way to stop, from one spiking run that does not stop early.

use anyhow::Result;
use rayon::prelude::*;
use sim::{Decisions, Fans, Real, Rule, SimDuration, SimTime};
use stats::Tally;
use stimuli::StimulusId;

use super::Prepared;
use super::present::{BLOCK, Test, Worker};
use crate::failure::Interrupted;
use crate::report::progress::Progress;
use crate::run::interrupt;
use crate::session::Session;

/// Stimuli between two looks at what was tallied.
const CHUNK: usize = 1000;

/// The ways to stop that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Axes {
    /// `TerminateDelta`, each without `TerminateMax`.
    pub deltas: Vec<u32>,
    /// `TerminateMax`, each without `TerminateDelta`.
    pub maxes: Vec<u32>,
    /// Presentation times without either, ascending, up to the whole one.
    pub deadlines: Vec<SimDuration>,
}

/// One way to stop a presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// `TerminateDelta`.
    Delta(u32),
    /// `TerminateMax`.
    Max(u32),
    /// After a time, whatever the outputs say.
    Deadline(SimDuration),
}

/// What a test gives that stops in one way.
#[derive(Clone, Debug)]
pub struct Point {
    /// The way.
    pub stopping: Stopping,
    /// What it gives.
    pub tally: Tally,
}

/// Presents every stimulus to its end and replays each way to stop over its output spikes. The points equal what tests with
/// that `TerminateDelta`, `TerminateMax` or presentation time give.
///
/// # Errors
/// Ctrl-C; a stimulus that cannot be read.
pub fn run<F: Real>(session: &Session, prepared: &Prepared, ids: &[StimulusId], axes: &Axes) -> Result<Vec<Point>> {
    let plan = prepared.plan_without_decision::<F>(session)?;
    let fans = Fans::new(&plan);
    let test = Test { session, prepared, plan: &plan, ids, wanted: None };
    let rules: Vec<Rule> = axes.deltas.iter().map(|&delta| Rule { delta, max: 0 }).collect();
    let rules: Vec<Rule> = rules.into_iter().chain(axes.maxes.iter().map(|&max| Rule { delta: 0, max })).collect();
    let deadlines: Vec<SimTime> = axes.deadlines.iter().map(|deadline| SimTime(deadline.0)).collect();
    let nothing = || vec![Tally::new(plan.network().cells.len()); rules.len() + deadlines.len()];
    let replay = Replay { test: &test, rules: &rules, deadlines: &deadlines };
    interrupt::listen();
    let progress = Progress::start("Spiking", ids.len() as u64);
    let mut tallies = nothing();
    let numbers: Vec<usize> = (0..ids.len()).collect();
    for chunk in numbers.chunks(CHUNK) {
        let blocks: Vec<Result<Vec<Tally>>> = chunk
            .par_chunks(BLOCK)
            .map_init(
                || (Worker::new(&test), Decisions::new(&fans, &deadlines)),
                |(worker, recorder), block| {
                    let mut tallies = nothing();
                    for &index in block {
                        replay.stimulus(index, worker, recorder, &mut tallies)?;
                        progress.step();
                    }
                    Ok(tallies)
                },
            )
            .collect();
        for block in blocks {
            for (tally, more) in tallies.iter_mut().zip(block?) {
                tally.merge(&more);
            }
        }
        progress.advance(tallies.first().map_or(0, Tally::patterns), String::new);
    }
    let stoppings = axes.deltas.iter().map(|&delta| Stopping::Delta(delta));
    let stoppings = stoppings.chain(axes.maxes.iter().map(|&max| Stopping::Max(max)));
    let stoppings = stoppings.chain(axes.deadlines.iter().map(|&deadline| Stopping::Deadline(deadline)));
    Ok(stoppings.zip(tallies).map(|(stopping, tally)| Point { stopping, tally }).collect())
}

/// What all workers share.
struct Replay<'a, F> {
    test: &'a Test<'a, F>,
    rules: &'a [Rule],
    deadlines: &'a [SimTime],
}

impl<F: Real> Replay<'_, F> {
    /// Presents one stimulus and adds what each way to stop gives.
    fn stimulus(
        &self,
        index: usize,
        worker: &mut Worker<F>,
        recorder: &mut Decisions<'_>,
        tallies: &mut [Tally],
    ) -> Result<()> {
        if interrupt::requested() {
            return Err(Interrupted.into());
        }
        let label = self.test.session.class(self.test.ids[index]);
        recorder.clear();
        let outcome = worker.present(self.test, index, recorder)?;
        // Where another cell has decided, the run ended there for every rule that had not.
        let ended_at = outcome.decided_at;
        recorder.decide(self.rules, |rule, stop| {
            tallies[rule].add(stop.response == Some(label), stop.decided_at.or(ended_at), stop.reads);
        });
        recorder.stop_at_deadlines(|deadline, stop| {
            let decided_at = ended_at.filter(|&time| time < self.deadlines[deadline]);
            tallies[self.rules.len() + deadline].add(stop.response == Some(label), decided_at, stop.reads);
        });
        Ok(())
    }
}
