//! Some stimuli of a test, presented again to see more of them.

use anyhow::Result;
use rayon::prelude::*;
use sim::network::{Operator, Source};
use sim::recorder::Raster;
use sim::{Decisions, Fans, Plan, Real, Spike};
use stimuli::StimulusId;

use super::Prepared;
use super::present::{Test, Worker};
use crate::failure::{Interrupted, wrong_input};
use crate::run::interrupt;
use crate::session::Session;
use crate::transcode::Factor;

/// What one stimulus showed.
pub struct Sample {
    /// Net spikes of each neuron, of the environment and each cell.
    pub net: Vec<Vec<i64>>,
    /// Spikes of all layers, in the order of their emission; their times count from the start of the stimulus.
    pub spikes: Vec<Spike>,
    /// How many there were.
    pub n_spikes: u64,
    /// Read events of all cells.
    pub reads: u64,
}

/// How much of a stimulus is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As the test presents it.
    ToDecision,
    /// To its end, whatever the outputs say; its spikes are not kept one by one.
    Whole,
}

impl Prepared {
    /// What the normalization did, a factor a cell.
    pub fn factors(&self) -> &[Factor] {
        &self.transcoded.factors
    }

    /// The same network without early decision at its outputs.
    ///
    /// # Errors
    /// A network that the engine refuses.
    pub(super) fn plan_without_decision<F: Real>(&self, session: &Session) -> Result<Plan<F>> {
        let mut network = self.transcoded.network.clone();
        if let Operator::Fc(fc) = &mut network.cells[network.output].operator {
            (fc.terminate_delta, fc.terminate_max) = (0, 0);
        }
        Plan::new(&network).map_err(|e| wrong_input(format!("{}: {e}", session.description.stimuli.span.file)))
    }
}

/// Presents the stimuli of these places of a test again, at their times.
///
/// # Errors
/// Ctrl-C; a stimulus that cannot be read.
pub fn present<F: Real>(
    session: &Session,
    prepared: &Prepared,
    ids: &[StimulusId],
    places: &[usize],
    extent: Extent,
) -> Result<Vec<Sample>> {
    let plan = match extent {
        Extent::ToDecision => super::plan::<F>(session, prepared)?,
        Extent::Whole => prepared.plan_without_decision(session)?,
    };
    let fans = Fans::new(&plan);
    let test = Test { session, prepared, plan: &plan, ids, wanted: None };
    let sources: Vec<Source> =
        std::iter::once(Source::Environment).chain((0..plan.network().cells.len()).map(Source::Cell)).collect();
    let one = |worker: &mut Worker<F>, &place: &usize| {
        if interrupt::requested() {
            return Err(Interrupted.into());
        }
        let mut recorder = (Raster::default(), Decisions::new(&fans, &[]));
        let (outcome, spikes, reads) = match extent {
            Extent::ToDecision => {
                let outcome = worker.present(&test, place, &mut recorder)?;
                (outcome, recorder.0.spikes, recorder.1.reads().iter().sum())
            }
            Extent::Whole => (worker.present(&test, place, &mut sim::recorder::Nothing)?, Vec::new(), 0),
        };
        let start = prepared.timeline.start(place);
        let from_start = |spike: Spike| Spike { time: sim::SimTime((spike.time - start).0), ..spike };
        Ok(Sample {
            net: sources
                .iter()
                .map(|&source| worker.state.counts(source).iter().map(|count| count.net()).collect())
                .collect(),
            spikes: spikes.into_iter().map(from_start).collect(),
            n_spikes: outcome.n_spikes,
            reads,
        })
    };
    places.par_iter().map_init(|| Worker::new(&test), one).collect()
}
