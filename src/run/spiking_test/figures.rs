//! What a spiking test cost and how its neurons fired: counted stimulus by stimulus.

use anyhow::Result;
use rayon::prelude::*;
use sim::network::{Operator, Source};
use sim::recorder::Recorder;
use sim::{Decisions, Fans, Real, SimTime, Spike, Totals};
use stats::Intervals;
use stimuli::StimulusId;

use super::present::{BLOCK, Test, Worker};
use super::{Prepared, plan, statistics};
use crate::failure::Interrupted;
use crate::report::progress::Progress;
use crate::run::interrupt;
use crate::session::Session;

/// Stimuli presented at a time at most.
const CHUNK: usize = 1000;

/// One stimulus of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Its id in the database.
    pub id: StimulusId,
    /// Its class.
    pub label: usize,
    /// The spiking network's answer; `None` where no output spiked.
    pub response: Option<usize>,
    /// When it was decided.
    pub decided_at: Option<SimTime>,
    /// Spikes of the environment and all cells.
    pub spikes: u64,
    /// Read events of each cell.
    pub reads: Vec<u64>,
}

/// All that a test counts.
pub struct Figures {
    /// The stimuli, in the order presented.
    pub patterns: Vec<Pattern>,
    /// The statistics of `stats_spike.log`.
    pub statistics: stats::SpikeStatistics,
    /// Intervals between the spikes of a neuron: the environment's, then each cell's.
    pub intervals: Vec<Intervals>,
    /// Neurons of each cell that never spiked; pixels of the environment first.
    pub silent: Vec<u64>,
    /// Neurons of each cell that ended a stimulus at or above their threshold, so that they could not keep up with what
    /// arrived; 0 for pooling cells.
    pub saturated: Vec<u64>,
    /// Arrivals at the windows of each pooling cell.
    pub window_arrivals: Vec<u64>,
}

/// The last spike of each neuron of a stimulus, and the intervals of all.
struct Gaps {
    /// By group and neuron; [`Gaps::NEVER`] before the first spike.
    last: Vec<Vec<SimTime>>,
    intervals: Vec<Intervals>,
}

impl Gaps {
    const NEVER: SimTime = SimTime(u64::MAX);

    fn clear(&mut self) {
        self.last.iter_mut().for_each(|last| last.fill(Self::NEVER));
    }
}

impl Recorder for Gaps {
    #[inline(always)]
    fn spike(&mut self, spike: Spike) {
        let group = match spike.source {
            Source::Environment => 0,
            Source::Cell(cell) => cell + 1,
        };
        let last = std::mem::replace(&mut self.last[group][spike.neuron], spike.time);
        if last != Self::NEVER {
            self.intervals[group].add((spike.time - last).0);
        }
    }
}

/// What one worker sums over its stimuli.
struct Sums {
    totals: Totals,
    intervals: Vec<Intervals>,
    /// Whether each neuron of each cell was saturated once.
    saturated: Vec<Vec<bool>>,
    patterns: Vec<Pattern>,
}

impl Sums {
    fn merge(&mut self, other: Self) {
        self.totals.merge(&other.totals);
        self.patterns.extend(other.patterns);
        self.intervals.iter_mut().zip(&other.intervals).for_each(|(sum, more)| sum.merge(more));
        for (all, more) in self.saturated.iter_mut().flatten().zip(other.saturated.iter().flatten()) {
            *all |= more;
        }
    }
}

/// Presents the stimuli as a test does, with the model's early decision, and counts.
///
/// # Errors
/// Ctrl-C; a stimulus that cannot be read.
pub fn run<F: Real>(session: &Session, prepared: &Prepared, ids: &[StimulusId]) -> Result<Figures> {
    let plan = plan::<F>(session, prepared)?;
    let fans = Fans::new(&plan);
    let test = Test { session, prepared, plan: &plan, ids, wanted: None };
    let cells = plan.network().cells.iter().enumerate();
    let sources: Vec<Source> =
        std::iter::once(Source::Environment).chain(cells.map(|(cell, _)| Source::Cell(cell))).collect();
    let n_neurons: Vec<usize> = sources.iter().map(|&source| plan.shape(source).len()).collect();
    let nothing = || Sums {
        totals: Totals::new(&plan),
        intervals: vec![Intervals::default(); sources.len()],
        saturated: n_neurons[1..].iter().map(|&n| vec![false; n]).collect(),
        patterns: Vec::new(),
    };
    let gaps = || Gaps {
        last: n_neurons.iter().map(|&n| vec![Gaps::NEVER; n]).collect(),
        intervals: vec![Intervals::default(); sources.len()],
    };
    interrupt::listen();
    let progress = Progress::start("Spiking", ids.len() as u64);
    let mut all = nothing();
    let numbers: Vec<usize> = (0..ids.len()).collect();
    for chunk in numbers.chunks(CHUNK) {
        let blocks: Vec<Result<Sums>> = chunk
            .par_chunks(BLOCK)
            .map_init(
                || (Worker::new(&test), (gaps(), Decisions::new(&fans, &[]))),
                |(worker, recorder), block| {
                    let mut sums = nothing();
                    for &index in block {
                        stimulus(&test, index, worker, recorder, &mut sums)?;
                        progress.step();
                    }
                    let fresh = vec![Intervals::default(); recorder.0.intervals.len()];
                    sums.intervals = std::mem::replace(&mut recorder.0.intervals, fresh);
                    Ok(sums)
                },
            )
            .collect();
        for block in blocks {
            all.merge(block?);
        }
        progress.advance(all.patterns.len() as u64, String::new);
    }
    let silent = sources.iter().map(|&source| {
        let counts = all.totals.counts(source);
        counts.iter().filter(|count| count.total() == 0).count() as u64
    });
    let saturated = all.saturated.iter().map(|cell| cell.iter().filter(|&&is| is).count() as u64);
    Ok(Figures {
        statistics: statistics::statistics(session, &plan, &all.totals, ids.len() as u64),
        silent: silent.collect(),
        saturated: saturated.collect(),
        window_arrivals: plan.window_arrivals(&all.totals),
        intervals: all.intervals,
        patterns: all.patterns,
    })
}

fn stimulus<F: Real>(
    test: &Test<'_, F>,
    index: usize,
    worker: &mut Worker<F>,
    recorder: &mut (Gaps, Decisions<'_>),
    sums: &mut Sums,
) -> Result<()> {
    if interrupt::requested() {
        return Err(Interrupted.into());
    }
    recorder.0.clear();
    recorder.1.clear();
    let outcome = worker.present(test, index, recorder)?;
    sums.totals.add(&worker.state);
    for (index, (cell, saturated)) in test.plan.network().cells.iter().zip(&mut sums.saturated).enumerate() {
        let neuron = match &cell.operator {
            Operator::Conv(conv) => &conv.neuron,
            Operator::Fc(fc) => &fc.neuron,
            Operator::Pool(_) => continue,
        };
        let threshold = F::from_f64(neuron.threshold);
        let potentials = worker.state.membrane_potentials(test.plan, index);
        for (is_saturated, v) in saturated.iter_mut().zip(potentials) {
            *is_saturated |= v >= threshold || (neuron.bipolar_threshold && -v >= threshold);
        }
    }
    let id = test.ids[index];
    let answer = test.answer(index, &outcome);
    sums.patterns.push(Pattern {
        id,
        label: test.session.class(id),
        response: answer.response,
        decided_at: answer.latency.map(SimTime),
        spikes: outcome.n_spikes,
        reads: recorder.1.reads().to_vec(),
    });
    Ok(())
}
