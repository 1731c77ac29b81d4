//! Trained frame network → spiking network: normalization, checks, refusals.

mod bias;
mod check;
mod fold;
mod inputs;
mod normalization;
mod sum;

use anyhow::Result;
use formal::config::{Operator, Pooling, Source};
use serde::Serialize;
use sim::SimDuration;
use sim::network as spiking;

pub use bias::{divisors, period_of_one, units};
pub use check::{check, linearized, threshold_of_sum};
pub use fold::fold;
pub use inputs::input_divisors;
pub use normalization::{Factor, activation_ranges, factors, normalization_name, rescaled, scaled_layers};

use crate::model::{CellDescription, Description, Family};
use crate::output::OutputFolder;
use crate::report::progress::note;
use crate::weights::{self, CellWeights};

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

/// Divides the weights and biases and builds the spiking network of a folded one. `seed` draws the synaptic delays.
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
    let of_weights: Vec<f64> = factors.iter().map(|factor| factor.factor).collect();
    for (cell, factor) in factors.iter().enumerate() {
        let Some(weights) = &mut weights[cell] else { continue };
        let divisors = input_divisors(description, &of_weights, cell);
        let divisors = divisors.ok_or_else(|| bias::different_scales(&description.cells[cell]))?;
        for (weight, divisor) in weights.weights.iter_mut().zip(divisors.iter().cycle()) {
            *weight = (f64::from(*weight) / divisor) as f32;
        }
        bias::divide(&description.cells[cell], weights, factor.bias_factor)?;
        let largest = weights.weights.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        if description.check_weight_range && largest > 1.0 {
            note(&format!(
                "warning: {}, [{}]: its scaled weights reach {largest:.3}, outside [-1, 1] (the factor {:.3} lifted them); \
                 the simulation is not affected",
                description.cells[cell].span, factor.cell, factor.factor
            ));
        }
    }
    transcode_scaled(description, weights, factors, seed)
}

/// Builds the spiking network of weights and biases that are scaled already, whatever they were divided by.
///
/// # Errors
/// Weights that are no numbers.
pub fn transcode_scaled(
    description: &Description,
    scaled: Vec<Option<CellWeights>>,
    factors: Vec<Factor>,
    seed: u32,
) -> Result<Transcoded> {
    check::check_scaled(description, &scaled)?;
    let network = network(description, &scaled, seed);
    Ok(Transcoded { network, factors, weights: scaled })
}

/// The spiking network of a model before it is trained: weights of 0, and biases of 1 where there may be any.
///
/// # Errors
/// What [`check`] refuses without weights.
pub fn untrained(description: &Description) -> Result<spiking::Network> {
    check(description, None)?;
    let folded = fold(description, None);
    let description = folded.as_ref().map_or(description, |(folded, _)| folded);
    let weights: Vec<Option<CellWeights>> = description
        .cells
        .iter()
        .map(|cell| {
            let (n_outputs, input) = (cell.output_shape.channels, cell.input_shape);
            let n_weights = match &cell.operator {
                Operator::Conv(conv) => n_outputs * input.channels * conv.kernel.width * conv.kernel.height,
                Operator::Fc(_) => n_outputs * input.n_elements(),
                _ => return None,
            };
            let bias = bias::has_bias(cell, None).then(|| vec![1.0; n_outputs]);
            Some(CellWeights { weights: vec![0.0; n_weights], bias, statistics: None })
        })
        .collect();
    Ok(network(description, &weights, 1))
}

fn network(description: &Description, weights: &[Option<CellWeights>], seed: u32) -> spiking::Network {
    let cells = description.cells.iter().enumerate().map(|(index, cell)| spiking::Cell {
        name: cell.name.clone(),
        inputs: cell.inputs.iter().map(spiking_source).collect(),
        operator: spiking_operator(description, index, cell, weights[index].as_ref(), seed),
    });
    let shape = description.stimuli.shape;
    let input = spiking::Shape { channels: shape.channels, height: shape.height, width: shape.width };
    spiking::Network { input, cells: cells.collect(), output: description.targets[0].cell }
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
    let currents = weights.and_then(|weights| bias::currents(description, cell, weights));
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
            currents,
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
        Operator::Fc(_)
        | Operator::Deconv(_)
        | Operator::Unpool(_)
        | Operator::Fmp(_)
        | Operator::Lrn(_)
        | Operator::Softmax(_)
        | Operator::Dropout(_)
        | Operator::ElemWise(_)
        | Operator::BatchNorm(_)
        | Operator::Padding(_)
        | Operator::Resize(_)
        | Operator::Reshape(_)
        | Operator::Transpose(_)
        | Operator::Activation
        | Operator::Normalize(_)
        | Operator::Scaling(_)
        | Operator::TargetBias(_)
        | Operator::Transformation(_) => spiking::Operator::Fc(spiking::Fc {
            n_outputs: cell.output_shape.channels,
            weights,
            delays,
            currents,
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
