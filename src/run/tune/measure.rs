//! What a point costs and loses.

use anyhow::Result;
use rayon::prelude::*;
use sim::recorder::Nothing;
use sim::{Encoder, Plan, Presentation, Real, SimTime, State, Totals};
use stats::Paired;
use stimuli::Set;

use super::{Cost, Point};
use crate::cli::FloatArg;
use crate::failure::wrong_input;
use crate::run::formal_test;
use crate::session::Session;
use crate::transcode::{self, Factor, Transcoded};
use crate::weights::Loaded;

/// One stimulus in so many is held back.
const HELD_BACK: usize = 3;
/// Stimuli at most, and bytes of their values.
const MOST_STIMULI: usize = 12_000;
const MOST_BYTES: usize = 1 << 30;
/// The fewest stimuli that tell anything of a loss of a percent.
const FEWEST_STIMULI: usize = 30;
/// Stimuli after which a trial may be given up.
const BLOCK: usize = 1000;
/// Stimuli a worker takes at a time.
const CHUNK: usize = 32;

/// A stimulus of the Validation set.
struct Stimulus {
    id: u64,
    values: Vec<f32>,
    label: usize,
    /// Whether the frame network recognizes it.
    is_recognized: bool,
}

/// The stimuli and the trained network that trials are made of.
pub struct Measure<'a> {
    session: &'a Session,
    loaded: &'a Loaded,
    factors: &'a [Factor],
    tuning: Vec<Stimulus>,
    held_back: Vec<Stimulus>,
}

impl<'a> Measure<'a> {
    pub fn new(
        session: &'a Session,
        network: &mut formal::Network,
        loaded: &'a Loaded,
        factors: &'a [Factor],
    ) -> Result<Self> {
        let database = session.database();
        let size = session.provider.shape().n_elements();
        let ids = database.set(Set::Validation);
        let n = ids.len().min(MOST_STIMULI).min(MOST_BYTES / (size * size_of::<f32>()));
        if n < FEWEST_STIMULI {
            return Err(wrong_input(format!(
                "{}: tuning judges networks by the Validation set, which has {}; it needs {FEWEST_STIMULI} or more: raise \
                 Validation",
                session.description.database.span,
                if n == 1 { "1 stimulus".to_string() } else { format!("{n} stimuli") }
            )));
        }
        session.prepare(Set::Validation)?;
        let evaluation = formal_test::evaluate(session, network, Set::Validation, &ids[..n], None, |_, _, _, _| ())?;
        let (mut tuning, mut held_back) = (Vec::new(), Vec::new());
        for (number, (&id, estimate)) in ids.iter().zip(evaluation.estimates).enumerate() {
            let mut values = vec![0.0; size];
            session.load_batch(&[id], Set::Validation, &mut values)?;
            let label = database.label(id);
            let part = if number % HELD_BACK == HELD_BACK - 1 { &mut held_back } else { &mut tuning };
            part.push(Stimulus { id: id as u64, values, label, is_recognized: estimate == label });
        }
        Ok(Self { session, loaded, factors, tuning, held_back })
    }

    /// Accuracy of the frame network over all stimuli.
    pub fn formal(&self) -> f64 {
        let all = || self.tuning.iter().chain(&self.held_back);
        all().filter(|stimulus| stimulus.is_recognized).count() as f64 / all().count() as f64
    }

    /// Stimuli that judge trials, and those held back.
    pub fn n_stimuli(&self) -> (usize, usize) {
        (self.tuning.len(), self.held_back.len())
    }

    /// The spiking network of a point.
    pub fn transcode(&self, point: &Point, warns: bool) -> Result<Transcoded> {
        let mut description = point.applied(&self.session.description);
        description.check_weight_range &= warns;
        let factors = transcode::rescaled(&description, self.factors, &point.scales);
        transcode::transcode(&description, &self.loaded.cells, factors, self.session.encoder_seed())
    }

    /// The cost over the stimuli that judge trials; `None` where a part of them shows that it is hopeless, or no encoder has
    /// these periods.
    pub fn tuning(&self, point: &Point, is_hopeless: Option<&dyn Fn(&Cost) -> bool>) -> Result<Option<Cost>> {
        self.cost(point, &self.tuning, is_hopeless)
    }

    /// The cost over the stimuli held back.
    pub fn held_back(&self, point: &Point) -> Result<Cost> {
        let cost = self.cost(point, &self.held_back, None)?;
        cost.ok_or_else(|| wrong_input(format!("{}: no such coding", self.session.description.stimuli.span)))
    }

    fn cost(
        &self,
        point: &Point,
        stimuli: &[Stimulus],
        is_hopeless: Option<&dyn Fn(&Cost) -> bool>,
    ) -> Result<Option<Cost>> {
        let description = point.applied(&self.session.description);
        let config = description.stimuli.encoder.clone().unwrap_or_default();
        let Ok(encoder) = Encoder::new(config) else { return Ok(None) };
        let transcoded = self.transcode(point, false)?;
        match self.session.options.float {
            FloatArg::F32 => self.cost_of::<f32>(&transcoded, &encoder, stimuli, is_hopeless),
            FloatArg::F64 => self.cost_of::<f64>(&transcoded, &encoder, stimuli, is_hopeless),
        }
    }

    fn cost_of<F: Real>(
        &self,
        transcoded: &Transcoded,
        encoder: &Encoder,
        stimuli: &[Stimulus],
        is_hopeless: Option<&dyn Fn(&Cost) -> bool>,
    ) -> Result<Option<Cost>> {
        let plan = Plan::<F>::new(&transcoded.network)
            .map_err(|e| wrong_input(format!("{}: {e}", self.session.description.stimuli.span.file)))?;
        let synapses = plan.statistics().virtual_synapses as f64;
        let (mut paired, mut totals) = (Paired::default(), Totals::new(&plan));
        let mut cost = Cost { reads: 0.0, paired };
        for block in stimuli.chunks(BLOCK) {
            for (of_chunk, of_totals) in self.present(&plan, encoder, block) {
                paired = paired.merged(of_chunk);
                totals.merge(&of_totals);
            }
            let reads: u64 = plan.reads(&totals).iter().flatten().flatten().sum();
            cost = Cost { reads: reads as f64 / (synapses * paired.n as f64), paired };
            if paired.n < stimuli.len() as u64 && is_hopeless.is_some_and(|is_hopeless| is_hopeless(&cost)) {
                return Ok(None);
            }
        }
        Ok(Some(cost))
    }

    /// Presents stimuli, in parallel, and sums what came of them by chunks, in their order.
    fn present<F: Real>(&self, plan: &Plan<F>, encoder: &Encoder, stimuli: &[Stimulus]) -> Vec<(Paired, Totals)> {
        let (seed, duration) = (u64::from(self.session.encoder_seed()), self.session.options.present_time);
        let present = |state: &mut State<F>, chunk: &[Stimulus]| {
            let (mut paired, mut totals) = (Paired::default(), Totals::new(plan));
            for Stimulus { id, values, label, is_recognized } in chunk {
                let presentation = Presentation { values, stimulus: *id, start: SimTime::ZERO, duration };
                let outcome = sim::present(plan, state, encoder, seed, &presentation, &mut Nothing);
                totals.add(state);
                paired.add(*is_recognized, outcome.response == Some(*label));
            }
            (paired, totals)
        };
        stimuli.par_chunks(CHUNK).map_init(|| State::new(plan), present).collect()
    }
}
