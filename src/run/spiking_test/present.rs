//! Presenting many stimuli, in parallel.

use std::collections::BTreeMap;

use anyhow::Result;
use rayon::prelude::*;
use sim::network::Source;
use sim::recorder::{Nothing, Raster, Recorder};
use sim::{Outcome, Paused, Plan, Presentation, Real, Span, Spike, State, Totals};
use stimuli::{Set, StimulusId};

use super::Prepared;
use super::checkpoint::{Answer, FILE};
use super::record::{Eyes, Seen, Wanted};
use super::timeline::Until;
use crate::failure::wrong_input;
use crate::report::progress::Progress;
use crate::report::record::Pattern;
use crate::run::interrupt;
use crate::session::Session;

/// Stimuli a worker takes at a time.
pub const BLOCK: usize = 32;

/// A test, as all workers see it.
pub struct Test<'a, F> {
    pub session: &'a Session,
    pub prepared: &'a Prepared,
    pub plan: &'a Plan<F>,
    pub ids: &'a [StimulusId],
    /// What is recorded of each stimulus, if anything is.
    pub wanted: Option<&'a Wanted>,
}

/// What came of one stimulus.
pub enum Came {
    /// It was presented to its end; what is recorded of it.
    Done(Answer, Option<Box<Pattern>>),
    /// It paused in mid-pattern; the engine's bytes.
    Paused(Vec<u8>),
    /// It was not begun, or not gone on with.
    Nothing,
}

/// What a worker keeps between stimuli.
pub struct Worker<F: Real> {
    pub state: State<F>,
    pub values: Vec<f32>,
}

impl<F: Real> Worker<F> {
    pub fn new(test: &Test<'_, F>) -> Self {
        Self { state: State::new(test.plan), values: vec![0.0; test.session.provider.shape().n_elements()] }
    }

    /// Presents the stimulus of a number as a whole.
    pub fn present(&mut self, test: &Test<'_, F>, index: usize, recorder: &mut impl Recorder) -> Result<Outcome> {
        let Prepared { encoder, seed, .. } = test.prepared;
        let presentation = test.load(index, &mut self.values)?;
        Ok(sim::present(test.plan, &mut self.state, encoder, *seed, &presentation, recorder))
    }

    /// Presents the stimulus of a number, or goes on with it, until it ends, the user stops the test or its time has come.
    ///
    /// What is recorded is recorded whole: such a stimulus begins anew after a stop in its middle.
    fn go_on(
        &mut self,
        test: &Test<'_, F>,
        index: usize,
        paused: Option<&[u8]>,
        eyes: Option<&mut Eyes<'_>>,
    ) -> Result<Came> {
        let Some(eyes) = eyes else { return self.go_on_seen(test, index, paused, &mut Nothing, |_| None) };
        eyes.clear();
        self.go_on_seen(test, index, paused, &mut eyes.0, |seen| Some(seen))
    }

    fn go_on_seen<R: Recorder>(
        &mut self,
        test: &Test<'_, F>,
        index: usize,
        paused: Option<&[u8]>,
        recorder: &mut R,
        seen: impl Fn(&R) -> Option<&Seen<'_>>,
    ) -> Result<Came> {
        let Prepared { encoder, seed, timeline, .. } = test.prepared;
        let stop_at = match timeline.until(index) {
            Until::Nothing => return Ok(Came::Nothing),
            Until::Time(time) => Some(time),
            Until::End => None,
        };
        if interrupt::requested() {
            return Ok(Came::Nothing);
        }
        let pause = &mut |instant| stop_at.is_some_and(|stop_at| instant >= stop_at) || interrupt::requested();
        let (plan, state) = (test.plan, &mut self.state);
        let progress = if let Some(bytes) = paused {
            *state = State::from_bytes(plan, encoder, bytes)
                .map_err(|e| wrong_input(format!("--resume: {}: {e}", test.session.output.path(FILE).display())))?;
            sim::resume(plan, state, encoder, recorder, pause)
        } else {
            let presentation = test.load(index, &mut self.values)?;
            sim::present_until(plan, state, encoder, *seed, &presentation, recorder, pause)
        };
        Ok(match progress {
            sim::Progress::Done(outcome) => {
                let pattern = test.wanted.map(|wanted| wanted.pattern(test, index, &outcome, state, seen(recorder)));
                Came::Done(test.answer(index, &outcome), pattern.map(Box::new))
            }
            sim::Progress::Paused if test.wanted.is_some() => Came::Nothing,
            sim::Progress::Paused => state.to_bytes(plan, encoder).map_or(Came::Nothing, Came::Paused),
        })
    }
}

impl<F: Real> Test<'_, F> {
    /// The stimulus of a number.
    fn load<'v>(&self, index: usize, values: &'v mut [f32]) -> Result<Presentation<'v>> {
        let (id, duration) = (self.ids[index], self.session.options.present_time);
        self.session.load_batch(&[id], Set::Test, values)?;
        Ok(Presentation { values, stimulus: id as u64, start: self.prepared.timeline.start(index), duration })
    }

    /// What the stimulus of a number presents while it waits in mid-pattern.
    pub fn paused(&self, index: usize) -> Paused {
        let span = Span { start: self.prepared.timeline.start(index), duration: self.session.options.present_time };
        Paused { seed: self.prepared.seed, stimulus: self.ids[index] as u64, span }
    }

    /// What an outcome says, counted from the start of the stimulus.
    pub fn answer(&self, index: usize, outcome: &Outcome) -> Answer {
        let start = self.prepared.timeline.start(index);
        Answer { response: outcome.response, latency: outcome.decided_at.map(|time| (time - start).0) }
    }

    /// Presents stimuli by number, or goes on with those that `in_flight` has, and sums what was presented to its end; the
    /// results are in the order of `indices`. `progress` moves with each answer. Where stimuli are recorded, what follows one
    /// that did not end counts for nothing, so that a record has no gaps.
    ///
    /// # Errors
    /// What is in flight is not of this test.
    pub fn present_all(
        &self,
        indices: &[usize],
        in_flight: &BTreeMap<usize, Vec<u8>>,
        progress: &Progress,
    ) -> Result<(Vec<Came>, Totals)> {
        let blocks: Vec<Result<(Vec<Came>, Totals)>> = indices
            .par_chunks(BLOCK.min(indices.len().div_ceil(rayon::current_num_threads()).max(1)))
            .map_init(
                || (Worker::new(self), self.wanted.and_then(|wanted| Eyes::new(wanted, self.plan))),
                |(worker, eyes), indices| {
                    let mut totals = Totals::new(self.plan);
                    let mut all = Vec::with_capacity(indices.len());
                    for &index in indices {
                        let paused = in_flight.get(&index).map(Vec::as_slice);
                        let came = worker.go_on(self, index, paused, eyes.as_mut())?;
                        if let Came::Done(..) = came {
                            totals.add(&worker.state);
                            progress.step();
                        }
                        all.push(came);
                    }
                    Ok((all, totals))
                },
            )
            .collect();
        let mut totals = Totals::new(self.plan);
        let mut all = Vec::with_capacity(indices.len());
        let mut is_whole = true;
        for block in blocks {
            let (of_block, totals_of_block) = block?;
            if !is_whole {
                all.extend(of_block.iter().map(|_| Came::Nothing));
                continue;
            }
            is_whole = self.wanted.is_none() || of_block.iter().all(|came| matches!(came, Came::Done(..)));
            all.extend(of_block);
            totals.merge(&totals_of_block);
        }
        Ok((all, totals))
    }

    /// The environment's spikes of a stimulus that was answered: its trains up to its end, which a decision moves to the
    /// femtosecond after it.
    pub fn environment(&self, index: usize, answer: &Answer) -> Result<Raster> {
        let Prepared { encoder, seed, .. } = self.prepared;
        let mut values = vec![0.0; self.session.provider.shape().n_elements()];
        let presentation = self.load(index, &mut values)?;
        let end = answer.latency.map_or(presentation.duration.0, |latency| latency.saturating_add(1));
        let mut raster = Raster::default();
        for neuron in 0..presentation.values.len() {
            let train = encoder.pixel_train(*seed, &presentation, neuron);
            let spikes = train.take_while(|&(time, _)| (time - presentation.start).0 < end);
            let source = Source::Environment;
            raster.spikes.extend(spikes.map(|(time, sign)| Spike { time, source, neuron, sign }));
        }
        Ok(raster)
    }
}
