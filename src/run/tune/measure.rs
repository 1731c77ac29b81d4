//! What a point costs and loses.

use anyhow::Result;
use rayon::prelude::*;
use sim::network::Operator;
use sim::{Decisions, Encoder, Fans, Plan, Presentation, Real, Rule, SimTime, State};
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
/// One stimulus in so many judges the reads of a trial: it is presented first.
const SAMPLED: usize = 16;
/// One in so many judges what a trial loses: those that the frame network is least sure of. LeNet, whole and by these: 0.013 and
/// 0.013 points lost, 0.050 and 0.050.
const UNSURE: usize = 8;
/// Of fewer stimuli, more: as many at least, if there are.
const FEWEST_JUDGES: usize = 256;
/// One in so many of the unsure ones comes first, the least sure of all: most of what is lost is lost there.
const FIRST_UNSURE: usize = 4;
/// How often each stimulus is coded anew: to judge a trial, and to choose.
const TUNING_CODINGS: u64 = 2;
const CHOICE_CODINGS: u64 = 4;
/// Stimuli a worker takes at a time.
const CHUNK: usize = 32;

/// A stimulus of the Validation set.
struct Stimulus {
    id: u64,
    values: Vec<f32>,
    label: usize,
    /// Whether the frame network recognizes it.
    is_recognized: bool,
    /// By how much its answer leads there.
    lead: f32,
}

/// How much of a trial has been measured when it is asked whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The reads; nothing of the loss.
    Reads,
    /// Also most of the loss.
    Loss,
}

/// What came of a trial, for each rule.
pub enum Measured {
    /// It was measured to its end.
    Whole(Vec<Cost>),
    /// It was given up; what was known by then, which the rest would have made worse.
    Hopeless(Vec<Cost>),
    /// No encoder has these periods.
    NoCoding,
}

/// Whether a trial is hopeless, by what each rule cost so far.
pub type IsHopeless<'a> = &'a (dyn Fn(Seen, &[Cost]) -> bool + Sync);

/// The stimuli and the trained network that trials are made of.
pub struct Measure<'a> {
    session: &'a Session,
    loaded: &'a Loaded,
    factors: &'a [Factor],
    /// The sampled ones first, then those that the frame network is least sure of.
    tuning: Vec<Stimulus>,
    n_sampled: usize,
    n_unsure: usize,
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
        let mut leads = Vec::with_capacity(n);
        let evaluation =
            formal_test::evaluate(session, network, Set::Validation, &ids[..n], None, |_, _, _, outputs| {
                leads.push(lead(outputs));
            })?;
        let (mut tuning, mut held_back) = (Vec::new(), Vec::new());
        for (number, ((&id, estimate), lead)) in ids.iter().zip(evaluation.estimates).zip(leads).enumerate() {
            let mut values = vec![0.0; size];
            session.load_batch(&[id], Set::Validation, &mut values)?;
            let label = session.class(id);
            let part = if number % HELD_BACK == HELD_BACK - 1 { &mut held_back } else { &mut tuning };
            part.push(Stimulus { id: id as u64, values, label, is_recognized: estimate == label, lead });
        }
        let every = (tuning.len() / FEWEST_JUDGES).clamp(1, SAMPLED);
        let (mut ordered, mut others) = (Vec::with_capacity(tuning.len()), Vec::new());
        let n_unsure = (tuning.len() / UNSURE).max(FEWEST_JUDGES);
        for (number, stimulus) in tuning.into_iter().enumerate() {
            let part = if number % every == 0 { &mut ordered } else { &mut others };
            part.push(stimulus);
        }
        let (n_sampled, n_unsure) = (ordered.len(), n_unsure.min(others.len()));
        others.sort_by(|a, b| a.lead.total_cmp(&b.lead));
        ordered.append(&mut others);
        Ok(Self { session, loaded, factors, tuning: ordered, n_sampled, n_unsure, held_back })
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

    /// What each of some rules costs over the stimuli that judge trials, in place of the point's own, as far as a sample tells
    /// the reads and the unsure ones tell the loss.
    pub fn tuning(&self, point: &Point, rules: &[Rule], is_hopeless: Option<IsHopeless<'_>>) -> Result<Measured> {
        let (n_sampled, n_judged) = (self.n_sampled, self.n_sampled + self.n_unsure);
        let n_first = n_sampled + self.n_unsure / FIRST_UNSURE;
        let parts = [
            (&self.tuning[..n_sampled], Some(Seen::Reads)),
            (&self.tuning[n_sampled..n_first], Some(Seen::Loss)),
            (&self.tuning[n_first..n_judged], None),
        ];
        let trial =
            Presented { rules, parts: &parts, stands_for: self.tuning.len(), n_codings: TUNING_CODINGS, is_hopeless };
        self.cost(point, &trial)
    }

    /// The cost of a point over the stimuli that judge trials, each coded more often, and over those held back.
    pub fn choice(&self, point: &Point) -> Result<(Cost, Cost)> {
        let of = |stimuli: &[Stimulus]| {
            let (rules, parts) = ([point.rule()], [(stimuli, None)]);
            let (stands_for, n_codings) = (stimuli.len(), CHOICE_CODINGS);
            let whole = Presented { rules: &rules, parts: &parts, stands_for, n_codings, is_hopeless: None };
            let cost = match self.cost(point, &whole)? {
                Measured::Whole(costs) => costs.into_iter().next(),
                Measured::Hopeless(_) | Measured::NoCoding => None,
            };
            cost.ok_or_else(|| wrong_input(format!("{}: no such coding", self.session.description.stimuli.span)))
        };
        Ok((of(&self.tuning)?, of(&self.held_back)?))
    }

    fn cost(&self, point: &Point, trial: &Presented<'_>) -> Result<Measured> {
        let description = point.applied(&self.session.description);
        let config = description.stimuli.encoder.clone().unwrap_or_default();
        let Ok(encoder) = Encoder::new(config) else { return Ok(Measured::NoCoding) };
        let transcoded = self.transcode(point, false)?;
        match self.session.options.float {
            FloatArg::F32 => self.cost_of::<f32>(&transcoded, &encoder, trial),
            FloatArg::F64 => self.cost_of::<f64>(&transcoded, &encoder, trial),
        }
    }
}

/// What a trial is presented.
struct Presented<'a> {
    rules: &'a [Rule],
    /// Stimuli, each part with what is known after it; the first tells the reads.
    parts: &'a [(&'a [Stimulus], Option<Seen>)],
    /// How many stimuli they stand for: the others lose nothing.
    stands_for: usize,
    n_codings: u64,
    is_hopeless: Option<IsHopeless<'a>>,
}

impl Measure<'_> {
    fn cost_of<F: Real>(&self, transcoded: &Transcoded, encoder: &Encoder, trial: &Presented<'_>) -> Result<Measured> {
        let mut network = transcoded.network.clone();
        if let Operator::Fc(fc) = &mut network.cells[network.output].operator {
            (fc.terminate_delta, fc.terminate_max) = (latest_delta(trial.rules), 0);
        }
        let plan = Plan::<F>::new(&network)
            .map_err(|e| wrong_input(format!("{}: {e}", self.session.description.stimuli.span.file)))?;
        let fans = Fans::new(&plan);
        let synapses = plan.statistics().virtual_synapses as f64;
        let mut totals = vec![Tallied::new(trial.n_codings); trial.rules.len()];
        let mut reads = Vec::new();
        let costs = |totals: &[Tallied], reads: &[f64]| -> Vec<Cost> {
            let of = |(total, &reads): (&Tallied, &f64)| Cost {
                reads,
                paired: Paired { n: trial.stands_for as u64, ..total.paired },
            };
            totals.iter().zip(reads).map(of).collect()
        };
        for &(stimuli, seen) in trial.parts {
            for chunk in self.present(&plan, &fans, encoder, trial, stimuli) {
                for (total, more) in totals.iter_mut().zip(chunk) {
                    total.reads += more.reads;
                    total.paired = total.paired.merged(more.paired);
                }
            }
            if reads.is_empty() {
                let n_presented = (stimuli.len() as u64 * trial.n_codings) as f64;
                reads = totals.iter().map(|total| total.reads as f64 / (synapses * n_presented)).collect();
            }
            let (Some(seen), Some(is_hopeless)) = (seen, trial.is_hopeless) else { continue };
            let so_far = costs(&totals, &reads);
            if is_hopeless(seen, &so_far) {
                return Ok(Measured::Hopeless(so_far));
            }
        }
        Ok(Measured::Whole(costs(&totals, &reads)))
    }

    /// Presents stimuli, in parallel, and tallies what came of them by chunks, in their order, for each rule.
    fn present<F: Real>(
        &self,
        plan: &Plan<F>,
        fans: &Fans,
        encoder: &Encoder,
        trial: &Presented<'_>,
        stimuli: &[Stimulus],
    ) -> Vec<Vec<Tallied>> {
        let (seed, duration) = (u64::from(self.session.encoder_seed()), self.session.options.present_time);
        let draws = encoder.draws();
        let present = |(state, decisions): &mut (State<F>, Decisions<'_>), chunk: &[Stimulus]| {
            let mut tallied = vec![Tallied::new(trial.n_codings); trial.rules.len()];
            let mut n_right = vec![0; trial.rules.len()];
            for Stimulus { id, values, label, is_recognized, .. } in chunk {
                n_right.fill(0);
                for coding in 0..trial.n_codings {
                    // Where nothing is drawn, each coding is the first.
                    if coding == 0 || draws {
                        let presentation = Presentation { values, stimulus: *id, start: SimTime::ZERO, duration };
                        decisions.clear();
                        sim::present(plan, state, encoder, seed.wrapping_add(coding), &presentation, decisions);
                    }
                    decisions.decide(trial.rules, |rule, stop| {
                        tallied[rule].reads += stop.reads.iter().sum::<u64>();
                        n_right[rule] += u64::from(stop.response == Some(*label));
                    });
                }
                for (tallied, &n_right) in tallied.iter_mut().zip(&n_right) {
                    tallied.paired.add(*is_recognized, n_right);
                }
            }
            tallied
        };
        let worker = || (State::new(plan), Decisions::new(fans, &[]));
        stimuli.par_chunks(CHUNK).map_init(worker, present).collect()
    }
}

/// What came of some stimuli with one rule.
#[derive(Clone, Copy, Debug)]
struct Tallied {
    reads: u64,
    paired: Paired,
}

impl Tallied {
    fn new(n_codings: u64) -> Self {
        Self { reads: 0, paired: Paired::new(n_codings) }
    }
}

/// The lead at which every rule has decided; 0 where some never may by a lead.
fn latest_delta(rules: &[Rule]) -> u32 {
    let deltas = || rules.iter().map(|rule| rule.delta);
    if deltas().any(|delta| delta == 0) { 0 } else { deltas().max().unwrap_or(0) }
}

/// By how much the greatest output leads.
fn lead(outputs: &[f32]) -> f32 {
    let (mut first, mut second) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    for &output in outputs {
        if output > first {
            (first, second) = (output, first);
        } else {
            second = second.max(output);
        }
    }
    first - second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_until_every_rule_has_decided() {
        let rule = |delta, max| Rule { delta, max };
        assert_eq!(latest_delta(&[rule(2, 0), rule(5, 9), rule(3, 0)]), 5);
        assert_eq!(latest_delta(&[rule(2, 0), rule(0, 9)]), 0, "a score may come after any lead");
    }

    #[test]
    fn a_lead_is_over_the_second() {
        assert_eq!(lead(&[1.0, 5.0, 3.0]), 2.0);
        assert_eq!(lead(&[4.0, 4.0]), 0.0);
        assert_eq!(lead(&[1.0]), f32::INFINITY);
    }
}
