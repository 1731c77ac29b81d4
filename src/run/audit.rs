//! The audit: the same stimuli as frames and as spikes, compared layer by layer.
//!
//! A unit of activation a should have `n = a T / (u P)` spikes, net, after a presentation of T, where u is the activation that a
//! rate of 1 / P stands for (`transcode`'s `bias.rs`). Each layer is compared twice: with the frame network, which tells how far
//! the spikes have come from it up to there, and with what the layer's own definition makes of the spikes that it was given,
//! which tells what the layer adds. So the first layer that breaks is told from those that only hand on.
//!
//! The spikes of a layer, times u P / T, are activations again. Fed into the frame cells after it they give the accuracy of a
//! network that spikes up to there and computes frames from there on.

mod answers;
mod diagnosis;
mod evidence;
mod spikes;
mod stages;

use anyhow::Result;
use formal::config::Operator;
use rayon::prelude::*;
use sim::{Encoder, Plan, Real};
use stats::{Activity, Agreement};
use stimuli::{Set, StimulusId};

use self::answers::Answers;
use self::diagnosis::{Facts, diagnose};
pub use self::diagnosis::{Finding, Reason};
use self::evidence::{bias_difference, difference, structure};
use self::spikes::{LayerSpikes, Presenter};
use self::stages::{Outputs, Stages};
use super::interrupt;
use super::targets::Judge;
use crate::assemble;
use crate::failure::wrong_input;
use crate::model::{CellDescription, Description, Normalization};
use crate::report::progress::Progress;
use crate::session::Session;
use crate::transcode::{self, Factor, Transcoded};
use crate::weights::{CellWeights, Loaded};

/// Stimuli compared at a time at most, and the activations that they may have in all.
const MAX_BATCH: usize = 128;
const MAX_ACTIVATIONS: usize = 16 << 20;
/// A pooled count further than this from what the pool's definition makes of its input counts has drifted: a mean is rounded.
const DRIFT: f64 = 0.75;

/// What is audited.
pub struct Request {
    /// Which stimuli, by id.
    pub ids: Vec<StimulusId>,
    /// The set that they are of.
    pub set: Set,
    /// The frame network that the spikes are to follow, where it is described by another model, with its weights.
    pub frames: Option<(Description, Loaded)>,
    /// What the normalization did, instead of what it would do.
    pub factors: Option<Vec<Factor>>,
    /// What a single output of the primary target must exceed for class 1, where its outputs are a map.
    pub binary_threshold: f32,
    /// Weights of the spiking network that are scaled already, instead of those that the factors give.
    pub scaled: Option<Vec<Option<CellWeights>>>,
}

/// How one layer compares.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Name of the cell, `env` for the environment.
    pub name: String,
    /// It is the environment.
    pub is_environment: bool,
    /// The activation that a rate of one spike an input period stands for; `None` where inputs on several scales meet.
    pub unit: Option<f64>,
    /// Spikes against the frame network.
    pub agreement: Agreement,
    /// Spikes against what the layer's definition makes of its own input spikes; for the environment the same as `agreement`.
    pub local: Agreement,
    /// Units that are ever active.
    pub activity: Activity,
    /// Neurons, over all stimuli, that hold spikes at the end which they never got to fire.
    pub saturated: u64,
    /// Of these, those that fire about as often as their refractory period allows.
    pub held_back: u64,
    /// Pooled counts, over all stimuli, that are not the maximum or mean of the counts in their window; `None` but for pools.
    pub drifted: Option<u64>,
    /// Stimuli, or positions of maps, recognized with spikes up to this layer and frames after it.
    pub recognized: u64,
}

impl Layer {
    fn new(name: &str, unit: Option<f64>, units: usize, is_pool: bool) -> Self {
        Self {
            name: name.to_string(),
            is_environment: false,
            unit,
            agreement: Agreement::default(),
            local: Agreement::default(),
            activity: Activity::new(units),
            saturated: 0,
            held_back: 0,
            drifted: is_pool.then_some(0),
            recognized: 0,
        }
    }

    /// Neurons, over all stimuli, that spiked.
    pub fn spiking(&self) -> u64 {
        self.agreement.pairs - self.agreement.only_expected
    }

    /// Adds a batch: activations of the frame network, those that the layer's own inputs ask for, and the spikes; `spikes_per_one`
    /// of them stand for an activation of 1.
    fn add(&mut self, formal: &[f32], local: &[f32], batch: &[&LayerSpikes], spikes_per_one: f64) {
        let units = self.activity.units() as usize;
        for (stimulus, spikes) in batch.iter().enumerate() {
            let of = |values: &[f32], unit: usize| f64::from(values[stimulus * units + unit]) * spikes_per_one;
            for (unit, &net) in spikes.net.iter().enumerate() {
                let (expected, asked, counted) = (of(formal, unit), of(local, unit), f64::from(net));
                self.agreement.add(expected, counted);
                self.local.add(asked, counted);
                self.activity.add(unit, expected, counted);
                if let Some(drifted) = &mut self.drifted {
                    *drifted += u64::from((counted - asked).abs() > DRIFT);
                }
            }
            self.saturated += spikes.saturated;
            self.held_back += spikes.held_back;
        }
    }
}

/// What an audit found.
pub struct Audit {
    /// The environment, then the cells.
    pub layers: Vec<Layer>,
    /// Stimuli compared.
    pub stimuli: u64,
    /// Answers that are wanted of them: one each, or where outputs are maps one each position with a class.
    pub answers: u64,
    /// Of these, answers that the frame network gives.
    pub formal_recognized: u64,
    /// Spikes of a pixel of value 1 in a presentation.
    pub full_scale: f64,
    /// The layers that break, the first first.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Answers that the spiking network gives.
    pub fn spiking_recognized(&self) -> u64 {
        self.layers.last().map_or(0, |layer| layer.recognized)
    }
}

/// Compares the network of the session, which has no batch normalization that could be folded, with frames.
///
/// # Errors
/// What has no spiking equivalent, or no frames to compare with; Ctrl-C.
pub fn run<F: Real>(session: &Session, loaded: &Loaded, request: &Request) -> Result<Audit> {
    let description = &session.description;
    transcode::check(description, Some(&loaded.cells))?;
    let config = description.stimuli.encoder.clone().unwrap_or_default();
    let Some(period) = transcode::period_of_one(&config) else {
        return Err(wrong_input(format!(
            "{}: an audit compares activations with spike rates, found StimulusType={:?}, whose spikes have none; set \
             StimulusType=JitteredPeriodic",
            description.stimuli.span, config.coding
        )));
    };
    let encoder = Encoder::new(config).map_err(|e| wrong_input(format!("{}: {e}", description.stimuli.span)))?;
    let transcoded = transcoded(session, loaded, request)?;
    let factors: Vec<f64> = transcoded.factors.iter().map(|factor| factor.factor).collect();
    let units = transcode::units(description, &factors);
    let plan = Plan::<F>::new(&transcoded.network)
        .map_err(|e| wrong_input(format!("{}: {e}", description.stimuli.span.file)))?;
    let presenter = Presenter {
        description,
        plan: &plan,
        encoder: &encoder,
        seed: u64::from(session.encoder_seed()),
        duration: session.options.present_time,
    };
    let frames =
        request.frames.as_ref().map_or((description, &loaded.cells), |(frames, loaded)| (frames, &loaded.cells));
    let mut comparison = Comparison::new(session, frames, &units, (period, request.binary_threshold))?;
    session.prepare(request.set)?;
    let size = session.provider.shape().n_elements();
    let mut values = vec![0.0; comparison.batch * size];
    let progress = Progress::start("Audit", request.ids.len() as u64);
    for ids in request.ids.chunks(comparison.batch) {
        let values = &mut values[..ids.len() * size];
        let answers = comparison.load(session, ids, request.set, values)?;
        let spikes = presenter.present(ids, values);
        interrupt::check()?;
        comparison.add(ids.len(), &answers, values, &spikes);
        progress.advance(comparison.audit.stimuli, String::new);
    }
    let facts = facts(description, frames, &comparison.formal, &transcoded);
    let mut audit = comparison.audit;
    audit.findings = diagnose(description, session.options.present_time, &audit, &facts);
    Ok(audit)
}

/// What is known of each cell beside its figures.
fn facts(
    description: &Description,
    (frames, weights): (&Description, &Vec<Option<CellWeights>>),
    formal: &[usize],
    transcoded: &Transcoded,
) -> Vec<Facts> {
    let factors: Vec<f64> = transcoded.factors.iter().map(|factor| factor.factor).collect();
    let divisors = transcode::divisors(description, &factors);
    let of_cell = |(index, cell): (usize, &CellDescription)| {
        let frame = formal[index];
        let pair = weights[frame].as_ref().zip(transcoded.weights[index].as_ref());
        Facts {
            factor: factors[index],
            weights: pair.and_then(|(trained, scaled)| {
                if cell.inputs.len() == 1 {
                    return difference(&trained.weights, &scaled.weights, factors[index]);
                }
                // Divided input by input.
                let divisors = transcode::input_divisors(description, &factors, index)?;
                let restored = scaled.weights.iter().zip(divisors.iter().cycle());
                let restored: Vec<f32> =
                    restored.map(|(&weight, divisor)| (f64::from(weight) * divisor) as f32).collect();
                difference(&trained.weights, &restored, 1.0)
            }),
            bias: pair.and_then(|(trained, scaled)| bias_difference(trained, scaled, divisors[index])),
            structure: structure((description, cell), (frames, &frames.cells[frame])),
        }
    };
    description.cells.iter().enumerate().map(of_cell).collect()
}

/// The spiking network as asked for.
fn transcoded(session: &Session, loaded: &Loaded, request: &Request) -> Result<Transcoded> {
    let description = &session.description;
    let factors = match &request.factors {
        Some(factors) => factors.clone(),
        None => {
            let mut ranges = Vec::new();
            if description.normalization != Normalization::None {
                session.prepare(Set::Learn)?;
                let mut network = session.network()?;
                assemble::set_weights(&mut network, loaded)?;
                ranges = transcode::activation_ranges(session, &mut network, description.normalization)?;
            }
            transcode::factors(description, &ranges, description.normalization)?
        }
    };
    match &request.scaled {
        Some(scaled) => transcode::transcode_scaled(description, scaled.clone(), factors, session.encoder_seed()),
        None => transcode::transcode(description, &loaded.cells, factors, session.encoder_seed()),
    }
}

/// The frame network, how its cells pair with those that spike, and the sums.
struct Comparison<'a> {
    stages: Stages,
    /// Where outputs are maps, and what a single one must exceed for class 1.
    judge: Option<Judge<'a>>,
    binary_threshold: f32,
    /// The cell that spikes of each cell of the frame network.
    spiking: Vec<Option<usize>>,
    /// The frame cell of each cell that spikes.
    formal: Vec<usize>,
    /// Frame cell that the answer is read from, and the cell that spikes it.
    targets: (usize, usize),
    /// Spikes that an activation of 1 stands for, of the environment and the cells.
    spikes_per_one: Vec<f64>,
    batch: usize,
    audit: Audit,
}

impl<'a> Comparison<'a> {
    fn new(
        session: &'a Session,
        (frames, weights): (&Description, &Vec<Option<CellWeights>>),
        units: &[Option<f64>],
        (period, binary_threshold): (f64, f32),
    ) -> Result<Self> {
        let description = &session.description;
        let (spiking, formal) = pair(description, frames)?;
        let n_elements: usize = frames.cells.iter().map(|cell| cell.output_shape.n_elements()).sum();
        let batch = (MAX_ACTIVATIONS / n_elements.max(1)).clamp(1, MAX_BATCH);
        let full_scale = session.options.present_time.0 as f64 / period;
        let environment = Layer::new("env", Some(1.0), session.provider.shape().n_elements(), false);
        let mut layers = vec![Layer { is_environment: true, ..environment }];
        for (cell, &unit) in description.cells.iter().zip(units) {
            let is_pool = matches!(cell.operator, Operator::Pool(_));
            layers.push(Layer::new(&cell.name, unit, cell.output_shape.n_elements(), is_pool));
        }
        Ok(Self {
            stages: Stages::new(frames, weights, batch)?,
            judge: if description.has_target_maps() { Some(Judge::new(session)?) } else { None },
            binary_threshold,
            targets: (frames.targets[0].cell, session.target_cell()),
            spiking,
            formal,
            spikes_per_one: layers.iter().map(|layer| full_scale / layer.unit.unwrap_or(1.0)).collect(),
            batch,
            audit: Audit { layers, stimuli: 0, answers: 0, formal_recognized: 0, full_scale, findings: Vec::new() },
        })
    }

    /// Loads a batch, and what is wanted of it.
    fn load(&self, session: &Session, ids: &[StimulusId], set: Set, values: &mut [f32]) -> Result<Answers> {
        let Some(judge) = &self.judge else {
            session.load_batch(ids, set, values)?;
            return Ok(Answers::Classes(ids.iter().map(|&id| session.class(id)).collect()));
        };
        let labels = judge.load(session, ids, set, values)?;
        Ok(Answers::of_maps(judge, &labels, ids.len(), self.binary_threshold))
    }

    fn add(&mut self, n: usize, answers: &Answers, values: &[f32], spikes: &[Vec<LayerSpikes>]) {
        let mut formal = self.stages.outputs();
        for cell in 0..self.spiking.len() {
            self.stages.compute(cell, n, values, &mut formal);
        }
        self.audit.formal_recognized += answers.right(&formal[self.targets.0]);
        self.audit.stimuli += n as u64;
        self.audit.answers += answers.n();

        let n_layers = self.audit.layers.len();
        let rescaled: Outputs = (0..n_layers)
            .map(|layer| {
                let one = self.spikes_per_one[layer];
                spikes.iter().flat_map(|all| &all[layer].net).map(|&net| (f64::from(net) / one) as f32).collect()
            })
            .collect();
        let spiking_recognized = match answers {
            Answers::Classes(labels) => self.spiking_recognized(spikes, labels),
            Answers::Maps { .. } => answers.right(&rescaled[self.targets.1 + 1]),
        };
        // Of the environment what it is given, of each cell what its inputs ask for.
        let mut local: Outputs = vec![values.to_vec()];
        for n_spiking in 0..n_layers {
            let mixed = self.mixed(n, n_spiking, &rescaled);
            if let Some(&next) = self.formal.get(n_spiking) {
                local.push(mixed[next].clone());
            }
            self.audit.layers[n_spiking].recognized += match n_spiking {
                n if n > self.targets.1 => spiking_recognized,
                _ => answers.right(&mixed[self.targets.0]),
            };
        }
        let of_layer = |layer: usize| if layer == 0 { values } else { &formal[self.formal[layer - 1]] };
        self.audit.layers.par_iter_mut().enumerate().for_each(|(index, layer)| {
            let batch: Vec<&LayerSpikes> = spikes.iter().map(|all| &all[index]).collect();
            layer.add(of_layer(index), &local[index], &batch, self.spikes_per_one[index]);
        });
    }

    /// The outputs of a network whose environment and first `n_spiking` cells spike, and whose other cells compute frames.
    fn mixed(&mut self, n: usize, n_spiking: usize, rescaled: &Outputs) -> Outputs {
        let mut outputs = self.stages.outputs();
        for cell in 0..self.spiking.len() {
            match self.spiking[cell] {
                Some(spiking) if spiking < n_spiking => outputs[cell].clone_from(&rescaled[spiking + 1]),
                _ => self.stages.compute(cell, n, &rescaled[0], &mut outputs),
            }
        }
        outputs
    }

    /// Stimuli whose class is the first output with the most net spikes; a silent output answers nothing.
    fn spiking_recognized(&self, spikes: &[Vec<LayerSpikes>], labels: &[usize]) -> u64 {
        let is_right = |all: &Vec<LayerSpikes>, label: usize| {
            let net = &all[self.targets.1 + 1].net;
            let greatest = net.iter().copied().max();
            net.iter().any(|&n| n != 0) && net.iter().position(|&n| Some(n) == greatest) == Some(label)
        };
        spikes.iter().zip(labels).filter(|&(all, &label)| is_right(all, label)).count() as u64
    }
}

/// Pairs the cells of two models by name: for each frame cell the one that spikes, and the other way round.
fn pair(description: &Description, frames: &Description) -> Result<(Vec<Option<usize>>, Vec<usize>)> {
    let index_of = |all: &Description, name: &str| all.cells.iter().position(|cell| cell.name == name);
    let spiking = frames.cells.iter().map(|cell| index_of(description, &cell.name)).collect();
    let formal = description.cells.iter().map(|cell| {
        let found = index_of(frames, &cell.name);
        let Some(found) = found else {
            return Err(wrong_input(format!(
                "{}, [{}]: expected a cell of this name in {}, which the spikes are compared with, found none",
                cell.span, cell.name, frames.name
            )));
        };
        let (here, there) = (cell.output_shape, &frames.cells[found]);
        if here != there.output_shape {
            return Err(wrong_input(format!(
                "{}, [{}]: expected an output of {}, as in {}, found {here}; give both models the same sizes",
                cell.span, cell.name, there.output_shape, there.span
            )));
        }
        Ok(found)
    });
    Ok((spiking, formal.collect::<Result<_>>()?))
}
