//! Biases: what they are divided by, and the constant currents that they become.
//!
//! A pixel of value 1 spikes once in a period P (`PeriodMeanMin`), so a rate of 1 / P stands for 1 at the input, and for
//! some activation u_l, the *unit*, after cell l. The cell's neurons fire at the rate
//!
//! ```text
//! r_l = (W' r_(l-1) + I) / V_th    with W' = W / f, f the factor of the normalization
//! ```
//!
//! and r = a / (u P) on both sides, with a_l = W a_(l-1) + b, asks for
//!
//! ```text
//! u_l = f V_th u_(l-1),    I = b / (f u_(l-1) P)
//! ```
//!
//! So a bias is divided by all factors (and thresholds) before it, too, because its inputs are; the reference divided it
//! by its own cell's factor alone (`spiking.md` 8.3, where no spiking cell had a bias). Pools hand on counts, so the unit
//! of their inputs.
//!
//! The rate of a pixel of value v is linear, but not proportional: |v| / P + (1 - |v|) / `PeriodMeanMax`. So black stands
//! for `PeriodMeanMin` / `PeriodMeanMax` instead of 0, one ten-thousandth in the shipped model, where a bias is exact.

use anyhow::Result;
use formal::config::{ConvConfig, Operator, Source};
use sim::encoder::{Coding, EncoderConfig};

use super::inputs;
use crate::failure::wrong_input;
use crate::model::{CellDescription, Description};
use crate::weights::CellWeights;

/// Two units closer than this are the same: products of the same factors in another order.
const SAME: f64 = 1e-9;

/// What each cell's biases are divided by, f u of its deepest input; `None` where that is unknown.
pub fn divisors(description: &Description, factors: &[f64]) -> Vec<Option<f64>> {
    divisors_and_units(description, factors).0
}

/// The activation after each cell that a rate of 1 / P stands for, u; `None` after a pool that joins different ones.
pub fn units(description: &Description, factors: &[f64]) -> Vec<Option<f64>> {
    divisors_and_units(description, factors).1
}

/// The unit of what a cell reads.
pub(super) fn unit_of(units: &[Option<f64>], source: &Source) -> Option<f64> {
    match source {
        Source::Stimuli => Some(1.0),
        Source::Cell(index) => units[*index],
    }
}

fn divisors_and_units(description: &Description, factors: &[f64]) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
    let mut units: Vec<Option<f64>> = Vec::new();
    let mut divisors = Vec::new();
    for (cell, factor) in description.cells.iter().zip(factors) {
        let of = |source: &Source| unit_of(&units, source);
        let integrates = matches!(cell.operator, Operator::Conv(_) | Operator::Fc(_));
        let unit = if integrates {
            // The weights of the other inputs make up for theirs.
            Some(of(&inputs::deepest(description, units.len())))
        } else {
            cell.inputs.iter().map(of).reduce(|all, unit| {
                all.zip(unit).filter(|(all, unit)| (unit / all - 1.0).abs() < SAME).map(|(all, _)| all)
            })
        };
        let divisor = unit.flatten().map(|unit| unit * factor);
        units.push(divisor.map(|unit| if integrates { unit * cell.spiking.neuron.threshold } else { unit }));
        divisors.push(divisor);
    }
    (divisors, units)
}

/// Time between two spikes of a pixel of value 1, in femtoseconds; `None` for codings whose spikes have no rate.
pub fn period_of_one(encoder: &EncoderConfig) -> Option<f64> {
    match encoder.coding {
        Coding::SingleBurst => None,
        Coding::Periodic | Coding::JitteredPeriodic | Coding::Poissonian => Some(encoder.period_mean_min.0 as f64),
        Coding::Linear => (encoder.max_frequency > 0.0)
            .then(|| (1.0 / encoder.max_frequency).round().max(encoder.period_min.0 as f64)),
    }
}

/// Whether a trained bias is other than 0, or may be when there are no weights yet.
pub fn has_bias(cell: &CellDescription, trained: Option<&CellWeights>) -> bool {
    let no_bias = match &cell.operator {
        Operator::Conv(conv) => conv.no_bias,
        Operator::Fc(fc) => fc.no_bias,
        _ => true,
    };
    let is_nonzero = |weights: &CellWeights| weights.bias.iter().flatten().any(|&b| b != 0.0);
    !no_bias && trained.is_none_or(is_nonzero)
}

/// Divides the biases of a cell.
///
/// # Errors
/// A bias whose cell has an input of an unknown unit.
pub fn divide(cell: &CellDescription, weights: &mut CellWeights, divisor: Option<f64>) -> Result<()> {
    if !has_bias(cell, Some(weights)) {
        return Ok(());
    }
    let divisor = divisor.ok_or_else(|| different_scales(cell))?;
    for bias in weights.bias.iter_mut().flatten() {
        *bias = (f64::from(*bias) / divisor) as f32;
    }
    Ok(())
}

/// Refuses a cell that has an input of an unknown unit.
pub(super) fn different_scales(cell: &CellDescription) -> anyhow::Error {
    wrong_input(format!(
        "{}, [{}]: a pool before it joins cells that stand for activations on different scales; use --normalization none and \
         equal thresholds, or a pool for each of these cells, and learn again",
        cell.span, cell.name
    ))
}

/// The currents of divided biases; `None` where all are 0.
pub fn currents(description: &Description, cell: &CellDescription, weights: &CellWeights) -> Option<Vec<f64>> {
    let period = period_of_one(description.stimuli.encoder.as_ref()?)?;
    let bias = weights.bias.as_ref().filter(|bias| bias.iter().any(|&b| b != 0.0))?;
    // The frame network adds the bias at each of the positions that a neuron sums.
    let n = match &cell.operator {
        Operator::Conv(conv) => conv.sub_sample.width * conv.sub_sample.height,
        _ => 1,
    };
    Some(bias.iter().map(|&b| f64::from(b) * n as f64 / period).collect())
}

/// Whether all neurons of a convolution sum as many positions.
pub fn sums_evenly(cell: &CellDescription, conv: &ConvConfig) -> bool {
    let is_whole = |input: usize, kernel: usize, stride: usize, padding: usize, sub: usize| {
        (input + 2 * padding).checked_sub(kernel).is_none_or(|room| (room / stride + 1).is_multiple_of(sub))
    };
    let (input, kernel, stride) = (cell.input_shape, conv.kernel, conv.stride);
    is_whole(input.width, kernel.width, stride.width, conv.padding.width, conv.sub_sample.width)
        && is_whole(input.height, kernel.height, stride.height, conv.padding.height, conv.sub_sample.height)
}

#[cfg(test)]
mod tests {
    use sim::{Encoder, Plan, Presentation, SimDuration, SimTime, State};
    use stats::RangeStats;

    use super::*;
    use crate::model::Normalization;
    use crate::transcode::{factors, transcode};

    /// Spikes in the longest of all periods; a count may be off by what the last period left over.
    const N_PERIODS: u64 = 3_000;
    /// Of the count that the activation asks for, and in spikes.
    const RELATIVE: f64 = 0.01;
    const LEFT_OVER: f64 = 6.0;

    const MODEL: &str = "DefaultModel=Transcode\n\
        [database]\nType=MNIST_IDX_Database\nValidation=0.2\n\
        [env]\nSizeX=10\nSizeY=10\nConfigSection=env.config\n\
        [env.Transformation]\nType=RescaleTransformation\nWidth=10\nHeight=10\n\
        [env.config]\nStimulusType=Periodic\nPeriodRelStdDev=0\nPeriodMeanMin=10 ns\nPeriodMeanMax=1 us\nPeriodMin=1 ns\n\
        [def]\nActivationFunction=Rectifier\nConfigSection=config\n\
        [conv1] def\nInput=env\nType=Conv\nKernelSize=3\nNbOutputs=3\n\
        [pool1]\nInput=conv1\nType=Pool\nPooling=Max\nPoolSize=2\nStride=2\nNbOutputs=3\nMapping.Size=1\n\
        [conv2] def\nInput=pool1\nType=Conv\nKernelSize=3\nSubSample=2\nNbOutputs=4\nConfigSection=config,double\n\
        [fc1] def\nInput=conv2\nType=Fc\nNbOutputs=6\n\
        [fc2]\nInput=fc1\nType=Fc\nNbOutputs=10\nActivationFunction=Linear\nConfigSection=config,last\n\
        [fc2.Target]\n\
        [config]\nNoBias=0\nIncomingDelay=0\nBipolarThreshold=0\n\
        [double]\nThreshold=2.0\n\
        [last]\nBipolarThreshold=1\n";

    fn description(text: &str) -> Description {
        let (description, _) =
            crate::config::load("m.ini", text, &crate::config::Options::default()).expect("a sound model");
        description
    }

    /// A number in [-1, 1].
    fn random(word: &mut u64) -> f32 {
        *word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*word >> 40) as f64 / f64::from(1 << 23) - 1.0) as f32
    }

    #[test]
    fn a_rectified_network_with_biases_fires_at_the_rates_of_its_activations() {
        let description = description(MODEL);
        let mut formal = crate::assemble::formal_network(&description, 3).unwrap();
        let mut word = 5;
        for cell in (0..formal.n_cells()).filter(|&cell| cell != 1) {
            let weights: Vec<f32> =
                formal.weights(cell).unwrap().iter().map(|_| 0.5 * random(&mut word) + 0.05).collect();
            let bias: Vec<f32> = formal.bias(cell).unwrap().iter().map(|_| random(&mut word)).collect();
            formal.set_weights(cell, &weights).unwrap();
            formal.set_bias(cell, &bias).unwrap();
        }
        let values: Vec<f32> = (0..100).map(|_| random(&mut word).abs()).collect();
        // What the rates of the pixels stand for.
        let encoded: Vec<f32> = values.iter().map(|v| v + (1.0 - v) * 0.01).collect();
        formal.infer(&encoded, 1);
        let trained: Vec<Option<CellWeights>> =
            (0..formal.n_cells()).map(|cell| crate::assemble::cell_weights(&formal, cell)).collect();
        let ranges: Vec<RangeStats> = (0..formal.n_cells())
            .map(|cell| {
                let mut range = RangeStats::new(true);
                range.add(formal.output(cell));
                range
            })
            .collect();
        for normalization in [Normalization::Mean, Normalization::Max, Normalization::Percentile, Normalization::None] {
            let factors = factors(&description, &ranges, normalization).unwrap();
            let divisors: Vec<f64> = factors.iter().map(|factor| factor.bias_factor.unwrap()).collect();
            let transcoded = transcode(&description, &trained, factors, 1).unwrap();
            let plan = Plan::<f64>::new(&transcoded.network).unwrap();
            let encoder = Encoder::new(description.stimuli.encoder.clone().unwrap()).unwrap();
            let presentation = Presentation {
                values: &values,
                stimulus: 0,
                start: SimTime::ZERO,
                duration: SimDuration::ns(10) * N_PERIODS,
            };
            let mut state = State::new(&plan);
            sim::present(&plan, &mut state, &encoder, 1, &presentation, &mut sim::recorder::Nothing);
            for (cell, divisor) in divisors.iter().enumerate() {
                let threshold = if cell == 1 { 1.0 } else { description.cells[cell].spiking.neuron.threshold };
                let per_activation = N_PERIODS as f64 / (divisor * threshold);
                let counts = state.counts(sim::network::Source::Cell(cell));
                for (i, (count, activation)) in counts.iter().zip(formal.output(cell)).enumerate() {
                    let (found, expected) = (count.net() as f64, f64::from(*activation) * per_activation);
                    assert!(
                        (found - expected).abs() <= RELATIVE * expected.abs() + LEFT_OVER,
                        "{normalization:?}, {} neuron {i}: {found} spikes for {expected:.1}",
                        description.cells[cell].name
                    );
                }
            }
        }
    }

    #[test]
    fn a_bias_follows_the_deepest_of_several_inputs() {
        let text = MODEL.replace(
            "[fc1] def\nInput=conv2\n",
            "[fc0] def\nInput=env\nType=Fc\nNbOutputs=4\n[fc1] def\nInput=conv2,fc0\n",
        );
        let description = description(&text);
        let names: Vec<&str> = description.cells.iter().map(|cell| cell.name.as_str()).collect();
        assert_eq!(names, ["conv1", "fc0", "pool1", "conv2", "fc1", "fc2"]);
        let divided = |of: [f64; 6]| divisors(&description, &of);
        // The threshold of conv2 is 2, so it hands on in units of 12, whatever fc0 does.
        for of_fc0 in [12.0, 6.0] {
            assert_eq!(divided([2.0, of_fc0, 1.0, 3.0, 1.0, 1.0]), [2.0, of_fc0, 2.0, 6.0, 12.0, 12.0].map(Some));
        }
        let divisors = |of_fc0| inputs::input_divisors(&description, &[2.0, of_fc0, 1.0, 3.0, 5.0, 1.0], 4).unwrap();
        assert_eq!(divisors(12.0), vec![5.0; divisors(12.0).len()]);
        let n = divisors(6.0).len();
        assert_eq!(divisors(6.0)[..n - 4], vec![5.0; n - 4]);
        assert_eq!(divisors(6.0)[n - 4..], [10.0; 4], "each spike of fc0 stands for half as much");
    }

    #[test]
    fn a_pool_of_different_units_is_refused_behind_it() {
        let text = MODEL
            .replace(
                "[pool1]\nInput=conv1\n",
                "[conv0] def\nInput=env\nType=Conv\nKernelSize=3\nNbOutputs=3\n[pool1]\nInput=conv1,conv0\n",
            )
            .replace("NbOutputs=3\nMapping.Size=1\n", "NbOutputs=6\nMapping.Size=1\n");
        let description = description(&text);
        let formal = crate::assemble::formal_network(&description, 3).unwrap();
        let trained: Vec<Option<CellWeights>> =
            (0..formal.n_cells()).map(|cell| crate::assemble::cell_weights(&formal, cell)).collect();
        let with_factor = |of_conv0: f64| {
            let ranges: Vec<RangeStats> = trained.iter().map(|_| RangeStats::new(true)).collect();
            let mut factors = factors(&description, &ranges, Normalization::None).unwrap();
            let conv0 = description.cells.iter().position(|cell| cell.name == "conv0").unwrap();
            factors[conv0].factor = of_conv0;
            transcode(&description, &trained, factors, 1)
        };
        assert!(with_factor(1.0).is_ok());
        let error = with_factor(2.0).err().expect("a refusal").to_string();
        assert!(error.contains("[conv2]: a pool before it") && error.contains("m.ini, line"), "{error}");
    }

    #[test]
    fn biases_that_scaling_leads_out_of_the_numbers_are_refused_with_their_lines() {
        let tiny =
            MODEL.replace("NoBias=0\n", "NoBias=0\nThreshold=1e-30\n").replace("Threshold=2.0", "Threshold=1e-30");
        let description = description(&tiny);
        let mut formal = crate::assemble::formal_network(&description, 3).unwrap();
        for cell in (0..formal.n_cells()).filter(|&cell| cell != 1) {
            let bias = vec![1.0; formal.bias(cell).unwrap().len()];
            formal.set_bias(cell, &bias).unwrap();
        }
        let trained: Vec<Option<CellWeights>> =
            (0..formal.n_cells()).map(|cell| crate::assemble::cell_weights(&formal, cell)).collect();
        let ranges: Vec<RangeStats> = trained.iter().map(|_| RangeStats::new(true)).collect();
        let factors = factors(&description, &ranges, Normalization::None).unwrap();
        let error = transcode(&description, &trained, factors, 1).err().expect("a refusal").to_string();
        for part in ["m.ini has 2 faults", "[fc1]: expected finite biases, found inf", "[fc2]", "thresholds near 1"] {
            assert!(error.contains(part), "`{part}` is missing in {error}");
        }
    }

    #[test]
    fn the_period_of_one_is_that_of_a_white_pixel() {
        let period = |coding, change: fn(&mut EncoderConfig)| {
            let mut config = EncoderConfig { coding, ..EncoderConfig::default() };
            change(&mut config);
            period_of_one(&config)
        };
        assert_eq!(period(Coding::SingleBurst, |_| ()), None);
        assert_eq!(period(Coding::Poissonian, |_| ()), Some(5e13));
        assert_eq!(period(Coding::Linear, |_| ()), Some(1.1e13), "PeriodMin bounds it");
        assert_eq!(period(Coding::Linear, |c| c.period_min = SimDuration(0)), Some(1e6));
        assert_eq!(period(Coding::Linear, |c| c.max_frequency = 0.0), None);
    }
}
