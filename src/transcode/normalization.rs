//! The range normalization: activations become rates below saturation.
//!
//! The rule (the reference's, lost in 2019; `spiking.md` 8.3): groups of cells of equal depth are taken
//! in order, with `prev = 1`. The scale `s` of a group is read from its own activations, or from the next group's if
//! that begins with a pool. Every rectified cell of the group has its weights divided by `s / prev`, and `prev` becomes
//! `s`. Other cells, the final linear one among them, keep their weights. Biases are divided by what `bias.rs` derives. So a rate of one spike per input period
//! stands for the activation `s`.
//!
//! | mode | s | source |
//! |---|---|---|
//! | `mean` | mean activation / 0.25 | N2D2, 2017 to 2019 |
//! | `percentile` | 99.9th percentile of the activations | Rueckauer et al., Front. Neurosci. 11:682, 2017 |
//! | `max` | largest activation | Diehl et al., IJCNN 2015 |
//! | `none` | 1, and nothing is divided | |

use anyhow::Result;
use formal::config::{Activation, Operator, Source};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use stats::RangeStats;
use stimuli::Set;

use super::bias;
use crate::failure::wrong_input;
use crate::memory;
use crate::model::{Description, Normalization};
use crate::report::progress::Progress;
use crate::run::interrupt;
use crate::session::Session;

/// Mean activity that the `mean` normalization aims at, as a fraction of the full scale.
const MEAN_ACTIVITY: f64 = 0.25;
const PERCENTILE: f64 = 0.999;

/// What the normalization did to one cell.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Factor {
    /// Name of the cell.
    pub cell: String,
    /// The cells whose activations gave the scale.
    pub statistics_from: Vec<String>,
    /// Activation that stands for full scale after this cell.
    pub scale: f64,
    /// What the weights were divided by; 1 where nothing was.
    pub factor: f64,
    /// What the biases were divided by; `None` where the inputs stand for activations on different scales.
    pub bias_factor: Option<f64>,
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
    let most = memory::inference_batch(&session.description);
    let mut batch = vec![0.0; most * shape.n_elements()];
    network.set_capacity(most);
    let progress = Progress::start("Activations", ids.len() as u64);
    for (number, ids) in ids.chunks(most).enumerate() {
        let data = &mut batch[..ids.len() * shape.n_elements()];
        session.load_batch(ids, Set::Learn, data)?;
        network.infer(data, ids.len());
        let network = &*network;
        ranges.par_iter_mut().enumerate().for_each(|(cell, range)| range.add(network.output(cell)));
        network.check()?;
        progress.advance((number * most) as u64, String::new);
        interrupt::check()?;
    }
    Ok(ranges)
}

/// Each cell's, one more than that of its deepest input.
pub(super) fn depths(description: &Description) -> Vec<usize> {
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
    let mut factors = weight_factors(description, ranges, normalization)?;
    let of_weights: Vec<f64> = factors.iter().map(|factor| factor.factor).collect();
    for (factor, divisor) in factors.iter_mut().zip(bias::divisors(description, &of_weights)) {
        factor.bias_factor = divisor;
    }
    Ok(factors)
}

/// The cells whose weights a normalization divides, layer by layer: rectified ones of equal depth together.
pub fn scaled_layers(description: &Description) -> Vec<Vec<usize>> {
    let depths = depths(description);
    let is_scaled = |&cell: &usize| {
        let cell = &description.cells[cell];
        let has_weights = matches!(cell.operator, Operator::Conv(_) | Operator::Fc(_));
        has_weights && matches!(cell.activation.value, Activation::Rectifier { .. })
    };
    let of = |depth| (0..depths.len()).filter(|&cell| depths[cell] == depth).filter(is_scaled).collect::<Vec<_>>();
    (1..=depths.iter().copied().max().unwrap_or(0)).map(of).filter(|layer| !layer.is_empty()).collect()
}

/// The factors with the scale of each of the [`scaled_layers`] `multipliers` times what it is: its neurons spike so much less
/// often, and the next layer's weights make up for it but for a final linear one's, which are never divided.
pub fn rescaled(description: &Description, factors: &[Factor], multipliers: &[f64]) -> Vec<Factor> {
    let mut rescaled = factors.to_vec();
    let mut previous = 1.0;
    for (layer, multiplier) in scaled_layers(description).iter().zip(multipliers) {
        for &cell in layer {
            rescaled[cell].factor *= multiplier / previous;
            rescaled[cell].scale *= multiplier;
        }
        previous = *multiplier;
    }
    let of_weights: Vec<f64> = rescaled.iter().map(|factor| factor.factor).collect();
    for (factor, divisor) in rescaled.iter_mut().zip(bias::divisors(description, &of_weights)) {
        factor.bias_factor = divisor;
    }
    rescaled
}

fn weight_factors(
    description: &Description,
    ranges: &[RangeStats],
    normalization: Normalization,
) -> Result<Vec<Factor>> {
    let cells = &description.cells;
    let depths = depths(description);
    let group = |depth: usize| -> Vec<usize> { (0..cells.len()).filter(|&cell| depths[cell] == depth).collect() };
    let mut factors: Vec<Factor> = cells
        .iter()
        .map(|cell| Factor {
            cell: cell.name.clone(),
            statistics_from: Vec::new(),
            scale: 1.0,
            factor: 1.0,
            bias_factor: None,
        })
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

/// The word of a normalization in models and reports.
pub fn normalization_name(normalization: Normalization) -> &'static str {
    match normalization {
        Normalization::Mean => "mean",
        Normalization::Percentile => "percentile",
        Normalization::Max => "max",
        Normalization::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELATIVE: f64 = 1e-12;
    const MODEL: &str = "DefaultModel=Transcode\n\
        [database]\nType=MNIST_IDX_Database\nValidation=0.2\n\
        [env]\nSizeX=28\nSizeY=28\nConfigSection=env.config\n\
        [env.config]\nPeriodMeanMin=10 ns\nPeriodMeanMax=100 us\nPeriodMin=1 ns\n\
        [def]\nActivationFunction=Rectifier\nConfigSection=config\n\
        [conv1] def\nInput=env\nType=Conv\nKernelSize=5\nNbOutputs=2\n\
        [pool1]\nInput=conv1\nType=Pool\nPooling=Max\nPoolSize=2\nStride=2\nNbOutputs=2\nMapping.Size=1\n\
        [conv2] def\nInput=pool1\nType=Conv\nKernelSize=5\nNbOutputs=3\n\
        [fc]\nInput=conv2\nType=Fc\nNbOutputs=10\nActivationFunction=Linear\nConfigSection=config\n\
        [fc.Target]\n\
        [config]\nNoBias=1\nIncomingDelay=0\nBipolarThreshold=0\n";

    #[track_caller]
    fn check(normalization: Normalization, expected: [(f64, f64); 4]) {
        let (description, _) =
            crate::config::load("m.ini", MODEL, &crate::config::Options::default()).expect("a sound model");
        let ranges: Vec<RangeStats> = [0.5, 0.8, 1.2, 3.0]
            .map(|mean| {
                let mut range = RangeStats::new(true);
                range.add(&[mean, 0.0, 2.0 * mean]);
                range
            })
            .into();
        let found = factors(&description, &ranges, normalization).expect("no layer is dead");
        for (factor, (scale, divided_by)) in found.iter().zip(expected) {
            assert!((factor.scale / scale - 1.0).abs() < RELATIVE, "{factor:?}");
            assert!((factor.factor / divided_by - 1.0).abs() < RELATIVE, "{factor:?}");
        }
    }

    #[test]
    fn the_mean_is_taken_after_the_pool_and_the_last_cell_is_left_alone() {
        let tolerated = |scale: f64| f64::from(scale as f32);
        let (first, second) = (4.0 * tolerated(0.8), 4.0 * tolerated(1.2));
        check(Normalization::Mean, [(first, first), (first, 1.0), (second, second / first), (second, 1.0)]);
    }

    #[test]
    fn the_maximum_is_not_divided_and_none_divides_nothing() {
        let (first, second) = (f64::from(1.6f32), f64::from(2.4f32));
        check(Normalization::Max, [(first, first), (first, 1.0), (second, second / first), (second, 1.0)]);
        check(Normalization::None, [(1.0, 1.0); 4]);
    }

    #[test]
    fn a_dead_layer_is_named() {
        let (description, _) =
            crate::config::load("m.ini", MODEL, &crate::config::Options::default()).expect("a sound model");
        let mut ranges = vec![RangeStats::new(false); 4];
        ranges.iter_mut().for_each(|range| range.add(&[0.0]));
        let error = factors(&description, &ranges, Normalization::Mean).unwrap_err().to_string();
        assert!(error.contains("[conv1]") && error.contains("m.ini, line"), "{error}");
    }
}
