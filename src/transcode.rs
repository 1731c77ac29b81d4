//! Trained frame network → spiking network: normalization, checks, refusals.
//!
//! Rule of the normalization (the reference's, lost in 2019; `spiking.md` 8.3): groups of cells of equal depth are taken
//! in order, with `prev = 1`. The scale `s` of a group is read from its own activations, or from the next group's if
//! that begins with a pool. Every rectified cell of the group has its weights divided by `s / prev`, and `prev` becomes
//! `s`. Other cells, the final linear one among them, keep their weights. So a rate of one spike per input period
//! stands for the activation `s`.
//!
//! | mode | s | source |
//! |---|---|---|
//! | `mean` | mean activation / 0.25 | N2D2, 2017 to 2019 |
//! | `percentile` | 99.9th percentile of the activations | Rueckauer et al., Front. Neurosci. 11:682, 2017 |
//! | `max` | largest activation | Diehl et al., IJCNN 2015 |
//! | `none` | 1, and nothing is divided | |

use anyhow::Result;
use formal::config::{Activation, Operator, Pooling, Source};
use rayon::prelude::*;
use serde::Serialize;
use sim::SimDuration;
use sim::network as spiking;
use stats::RangeStats;
use stimuli::Set;

use crate::config::{Fault, Faults};
use crate::failure::wrong_input;
use crate::model::{CellDescription, Description, Family, Normalization};
use crate::output::OutputFolder;
use crate::report::progress::{Progress, note};
use crate::run::formal_test::INFERENCE_BATCH;
use crate::run::interrupt;
use crate::session::Session;
use crate::weights::{self, CellWeights};

/// Mean activity that the `mean` normalization aims at, as a fraction of the full scale.
const MEAN_ACTIVITY: f64 = 0.25;
const PERCENTILE: f64 = 0.999;

/// What the normalization did to one cell.
#[derive(Clone, Debug, Serialize)]
pub struct Factor {
    /// Name of the cell.
    pub cell: String,
    /// The cells whose activations gave the scale.
    pub statistics_from: Vec<String>,
    /// Activation that stands for full scale after this cell.
    pub scale: f64,
    /// What the weights were divided by; 1 where nothing was.
    pub factor: f64,
}

/// A network ready to run as spikes.
pub struct Transcoded {
    /// The spiking network.
    pub network: spiking::Network,
    /// What the normalization did, cell by cell.
    pub factors: Vec<Factor>,
    /// The scaled weights.
    pub weights: Vec<Option<CellWeights>>,
}

/// Whether a model has a spiking half.
pub fn is_spiking(description: &Description) -> bool {
    description.stimuli.encoder.is_some() && description.cells.iter().any(|cell| cell.family != Family::Frame)
}

/// Refuses what has no spiking equivalent, all faults at once.
///
/// # Errors
/// Each cell that cannot be transcoded, with its line, the reason and the remedy.
pub fn check(description: &Description, weights: Option<&[Option<CellWeights>]>) -> Result<()> {
    let mut faults = Vec::new();
    let target = description.targets[0].cell;
    for (index, cell) in description.cells.iter().enumerate() {
        let trained = weights.and_then(|weights| weights[index].as_ref());
        let mut refuse = |line: u32, message: String| faults.push(Fault::new(line, &cell.name, "", message));
        check_cell(description, cell, index == target, trained, &mut refuse);
    }
    if faults.is_empty() {
        return Ok(());
    }
    faults.sort_by_key(|fault| fault.line);
    let path = description.cells[0].span.file.clone();
    Err(wrong_input(format!("the network cannot run as spikes: {}", Faults { path, faults })))
}

fn check_cell(
    description: &Description,
    cell: &CellDescription,
    is_output: bool,
    trained: Option<&CellWeights>,
    refuse: &mut impl FnMut(u32, String),
) {
    let line = cell.span.line;
    let no_bias = match &cell.operator {
        Operator::Conv(conv) => {
            if (conv.dilation.width, conv.dilation.height) != (1, 1) {
                refuse(line, "a dilated convolution has no spiking form; use dilation 1".to_string());
            }
            conv.no_bias
        }
        Operator::Fc(fc) => fc.no_bias,
        Operator::Pool(_) => true,
        Operator::Softmax(_) => {
            refuse(line, "a softmax has no spiking form; leave the section out of the spiking model and put the target on the cell before it".to_string());
            true
        }
        Operator::Dropout(_) => {
            refuse(
                line,
                "dropout has no spiking form and no effect in inference; leave the section out of the spiking model"
                    .to_string(),
            );
            true
        }
    };
    let with_bias = trained.and_then(|w| w.bias.as_ref()).is_none_or(|bias| bias.iter().any(|&b| b != 0.0));
    if !no_bias && with_bias {
        refuse(line, "a bias has no spiking form yet; set NoBias=1 and learn again".to_string());
    }
    if is_output && !matches!(cell.operator, Operator::Fc(_)) {
        refuse(line, "the answer is read from an Fc cell; put the target on one".to_string());
    }
    let integrates = matches!(cell.operator, Operator::Conv(_) | Operator::Fc(_));
    let activation = &cell.activation;
    let is_rectifier = matches!(activation.value, Activation::Rectifier { leak_slope: 0.0, clipping: 0.0 });
    let is_linear_output = is_output && activation.value == Activation::Linear;
    if integrates && !is_rectifier && !is_linear_output {
        refuse(
            activation.span.line,
            format!(
                "expected a plain Rectifier (or Linear on the last cell), found {}: spikes of integrate-and-fire neurons \
                 follow a rectifier; set ActivationFunction=Rectifier and learn again",
                activation_name(activation.value)
            ),
        );
    }
    if integrates && !is_output && cell.spiking.neuron.bipolar_threshold {
        refuse(
            cell.span_of("BipolarThreshold").line,
            "expected BipolarThreshold=0 on a rectified cell, found 1 (the default): negative spikes are no rectifier; \
             set BipolarThreshold=0 in its ConfigSection"
                .to_string(),
        );
    }
    if !integrates && activation.value != Activation::Linear {
        refuse(activation.span.line, format!("{} after a pool has no spiking form", activation_name(activation.value)));
    }
    let Some(trained) = trained else { return };
    if description.check_weight_range {
        let largest = trained.weights.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        if largest > 1.0 {
            refuse(
                line,
                format!(
                    "expected trained weights in [-1, 1], found {largest}; learn with WeightsSolver.Clamping=-1.0:1.0, or set \
                     CheckWeightRange=0 in the global section"
                ),
            );
        }
    }
}

fn activation_name(activation: Activation) -> String {
    match activation {
        Activation::Linear => "Linear".to_string(),
        Activation::Rectifier { leak_slope, clipping } => {
            format!("Rectifier with LeakSlope {leak_slope} and Clipping {clipping}")
        }
        Activation::Tanh { .. } => "Tanh (the default)".to_string(),
    }
}

/// Ranges of the activations of every cell over the whole Learn set, in inference mode.
///
/// # Errors
/// An empty Learn set; Ctrl-C.
pub fn activation_ranges(
    session: &Session,
    network: &mut formal::Network,
    normalization: Normalization,
) -> Result<Vec<RangeStats>> {
    let cells = session.description.cells.len();
    let with_histogram = normalization == Normalization::Percentile;
    let mut ranges: Vec<RangeStats> = (0..cells).map(|_| RangeStats::new(with_histogram)).collect();
    let ids = session.database().set(Set::Learn);
    if ids.is_empty() {
        return Err(wrong_input(format!(
            "{}: the Learn set, which the normalization takes its statistics from, is empty; set Validation below 1, or use \
             --normalization none",
            session.description.database.span
        )));
    }
    let shape = session.provider.shape();
    let mut batch = vec![0.0; INFERENCE_BATCH * shape.n_elements()];
    network.set_capacity(INFERENCE_BATCH);
    let progress = Progress::start("Activations", ids.len() as u64);
    for (number, ids) in ids.chunks(INFERENCE_BATCH).enumerate() {
        let data = &mut batch[..ids.len() * shape.n_elements()];
        session.provider.load_batch(ids, Set::Learn, data);
        network.infer(data, ids.len());
        let network = &*network;
        ranges.par_iter_mut().enumerate().for_each(|(cell, range)| range.add(network.output(cell)));
        progress.advance((number * INFERENCE_BATCH) as u64, String::new);
        interrupt::check()?;
    }
    Ok(ranges)
}

fn depths(description: &Description) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::new();
    for cell in &description.cells {
        let of = |source: &Source| match source {
            Source::Stimuli => 0,
            Source::Cell(index) => depths[*index],
        };
        let depth = 1 + cell.inputs.iter().map(of).max().unwrap_or(0);
        depths.push(depth);
    }
    depths
}

/// The factor of every cell.
///
/// # Errors
/// A layer whose activations are all zero.
pub fn factors(description: &Description, ranges: &[RangeStats], normalization: Normalization) -> Result<Vec<Factor>> {
    let cells = &description.cells;
    let depths = depths(description);
    let group = |depth: usize| -> Vec<usize> { (0..cells.len()).filter(|&cell| depths[cell] == depth).collect() };
    let mut factors: Vec<Factor> = cells
        .iter()
        .map(|cell| Factor { cell: cell.name.clone(), statistics_from: Vec::new(), scale: 1.0, factor: 1.0 })
        .collect();
    if normalization == Normalization::None {
        return Ok(factors);
    }
    let mut previous = 1.0;
    for depth in 1..=depths.iter().copied().max().unwrap_or(0) {
        let members = group(depth);
        let is_rectified = |&cell: &usize| matches!(cells[cell].activation.value, Activation::Rectifier { .. });
        let next = group(depth + 1);
        let next_is_pool = next.first().is_some_and(|&cell| matches!(cells[cell].operator, Operator::Pool(_)));
        let from = if next_is_pool { &next } else { &members };
        let mut scale = previous;
        if members.iter().any(is_rectified) {
            scale = group_scale(from.iter().map(|&cell| &ranges[cell]), normalization);
            if !(scale > 0.0 && scale.is_finite()) {
                let first = &cells[members[0]];
                return Err(wrong_input(format!(
                    "{}, [{}]: all its activations are zero over the Learn set, so no scale can be found; learn again, \
                     or use --normalization none",
                    first.span, first.name
                )));
            }
        }
        for &cell in &members {
            factors[cell].statistics_from = from.iter().map(|&c| cells[c].name.clone()).collect();
            if is_rectified(&cell) {
                factors[cell].factor = scale / previous;
            } else {
                factors[cell].statistics_from.clear();
            }
            factors[cell].scale = scale;
        }
        previous = scale;
    }
    Ok(factors)
}

fn group_scale<'a>(ranges: impl Iterator<Item = &'a RangeStats>, normalization: Normalization) -> f64 {
    match normalization {
        Normalization::Mean => {
            let (sum, count) = ranges.fold((0.0, 0), |(sum, count), range| (sum + range.sum, count + range.count));
            sum / count as f64 / MEAN_ACTIVITY
        }
        Normalization::Percentile => ranges.map(|range| range.percentile(PERCENTILE)).fold(0.0, f64::max),
        Normalization::Max => ranges.map(|range| range.max).fold(0.0, f64::max),
        Normalization::None => 1.0,
    }
}

/// Divides the weights and builds the spiking network. `seed` draws the synaptic delays.
///
/// # Errors
/// What [`check`] refuses.
pub fn transcode(
    description: &Description,
    trained: &[Option<CellWeights>],
    factors: Vec<Factor>,
    seed: u32,
) -> Result<Transcoded> {
    check(description, Some(trained))?;
    let mut weights = trained.to_vec();
    for (cell, factor) in factors.iter().enumerate() {
        let Some(weights) = &mut weights[cell] else { continue };
        if factor.factor != 1.0 {
            for weight in &mut weights.weights {
                *weight = (f64::from(*weight) / factor.factor) as f32;
            }
        }
        let largest = weights.weights.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        if description.check_weight_range && largest > 1.0 {
            note(&format!(
                "warning: {}, [{}]: its scaled weights reach {largest:.3}, outside [-1, 1] (the factor {:.3} lifted them); \
                 the simulation is not affected",
                description.cells[cell].span, factor.cell, factor.factor
            ));
        }
    }
    let cells = description
        .cells
        .iter()
        .enumerate()
        .map(|(index, cell)| spiking::Cell {
            name: cell.name.clone(),
            inputs: cell.inputs.iter().map(spiking_source).collect(),
            operator: spiking_operator(description, index, cell, weights[index].as_ref(), seed),
        })
        .collect();
    let shape = description.stimuli.shape;
    let input = spiking::Shape { channels: shape.channels, height: shape.height, width: shape.width };
    let network = spiking::Network { input, cells, output: description.targets[0].cell };
    Ok(Transcoded { network, factors, weights })
}

fn spiking_source(source: &Source) -> spiking::Source {
    match source {
        Source::Stimuli => spiking::Source::Environment,
        Source::Cell(cell) => spiking::Source::Cell(*cell),
    }
}

fn spiking_size(size: formal::config::Size) -> spiking::Size {
    spiking::Size { width: size.width, height: size.height }
}

fn spiking_operator(
    description: &Description,
    index: usize,
    cell: &CellDescription,
    weights: Option<&CellWeights>,
    seed: u32,
) -> spiking::Operator {
    let spike = &cell.spiking;
    let weights: Vec<f64> = weights.map_or(Vec::new(), |w| w.weights.iter().map(|&w| f64::from(w)).collect());
    let delays: Option<Vec<SimDuration>> = {
        let spread = spike.incoming_delay;
        let is_zero = spread.mean == 0.0 && spread.std_dev == 0.0;
        (!is_zero).then(|| sim::delays(u64::from(seed), index, weights.len(), spread.mean, spread.std_dev))
    };
    match &cell.operator {
        Operator::Conv(conv) => spiking::Operator::Conv(spiking::Conv {
            n_outputs: conv.n_outputs,
            kernel: spiking_size(conv.kernel),
            stride: spiking_size(conv.stride),
            padding: spiking_size(conv.padding),
            sub_sample: spiking_size(conv.sub_sample),
            mapping: conv.mapping.clone(),
            weights,
            delays,
            neuron: spike.neuron,
        }),
        Operator::Pool(pool) => spiking::Operator::Pool(spiking::Pool {
            n_outputs: pool.n_outputs,
            pooling: match pool.pooling {
                Pooling::Max => spiking::Pooling::Max,
                Pooling::Average => spiking::Pooling::Average,
            },
            mode: description.pooling,
            window: spiking_size(pool.window),
            stride: spiking_size(pool.stride),
            padding: spiking_size(pool.padding),
            mapping: pool.mapping.clone(),
        }),
        // `check` lets only Conv, Pool and Fc through.
        Operator::Fc(_) | Operator::Softmax(_) | Operator::Dropout(_) => spiking::Operator::Fc(spiking::Fc {
            n_outputs: cell.output_shape.channels,
            weights,
            delays,
            neuron: spike.neuron,
            terminate_delta: spike.terminate_delta,
            terminate_max: spike.terminate_max,
        }),
    }
}

/// Writes `normalization.json` and `weights_range_normalized/`.
///
/// # Errors
/// A file that cannot be written.
pub fn write(output: &OutputFolder, description: &Description, transcoded: &Transcoded) -> Result<()> {
    #[derive(Serialize)]
    struct File<'a> {
        normalization: &'a str,
        cells: &'a [Factor],
    }
    let file = File { normalization: normalization_name(description.normalization), cells: &transcoded.factors };
    output.write("normalization.json", serde_json::to_string_pretty(&file)? + "\n")?;
    weights::save(output, "weights_range_normalized", description, |cell| transcoded.weights[cell].clone())
}

/// The word of a normalization in models and reports.
pub fn normalization_name(normalization: Normalization) -> &'static str {
    match normalization {
        Normalization::Mean => "mean",
        Normalization::Percentile => "percentile",
        Normalization::Max => "max",
        Normalization::None => "none",
    }
}
