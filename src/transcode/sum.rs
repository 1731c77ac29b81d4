//! Element-wise sums as convolutions of 1x1: an integrate-and-fire neuron that every input reaches by one synapse fires at the
//! rate of the rectified sum.
//!
//! The inputs of a sum stand for activations on scales of their own, a short cut's being that of an earlier layer; `inputs.rs`
//! divides the weights of each by what it asks for.

use formal::config::{
    CoefficientMode, ConvConfig, ElemWiseConfig, ElementOperation, Filler, Operator, Size, SolverConfig,
};

use crate::model::Description;
use crate::weights::CellWeights;

/// Makes all sums of the network convolutions, with their weights where there are some; tells whether there were any.
pub(super) fn join(description: &mut Description, weights: &mut [Option<CellWeights>]) -> bool {
    let mut has_joined = false;
    for (index, cell) in description.cells.iter_mut().enumerate() {
        let Operator::ElemWise(config) = &cell.operator else { continue };
        if config.operation != ElementOperation::Sum {
            continue;
        }
        let (n, n_inputs) = (cell.output_shape.channels, cell.inputs.len());
        let joined = coefficients(config, n, n_inputs);
        cell.input_shape.channels = n * n_inputs;
        cell.operator = Operator::Conv(ConvConfig {
            n_outputs: n,
            kernel: Size { width: 1, height: 1 },
            stride: Size { width: 1, height: 1 },
            padding: Size { width: 0, height: 0 },
            dilation: Size { width: 1, height: 1 },
            sub_sample: Size { width: 1, height: 1 },
            mapping: Some((0..n * n * n_inputs).map(|pair| pair / (n * n_inputs) == pair % n).collect()),
            no_bias: joined.bias.is_none(),
            back_propagate: true,
            weights_filler: Filler::default(),
            bias_filler: Filler::default(),
            weights_solver: SolverConfig::default(),
            bias_solver: SolverConfig::default(),
        });
        if let Some(weights) = weights.get_mut(index) {
            *weights = Some(joined);
        }
        has_joined = true;
    }
    has_joined
}

/// The weights `[output][input][channel]` of the sum of inputs of `n` channels each.
fn coefficients(config: &ElemWiseConfig, n: usize, n_inputs: usize) -> CellWeights {
    let of = |values: &[f32], input: usize, channel: usize, absent: f32| {
        let at = if config.coefficients == CoefficientMode::PerInput { input } else { channel };
        values.get(at).copied().unwrap_or(absent)
    };
    let mut weights = vec![0.0; n * n_inputs * n];
    let mut bias = vec![0.0; n];
    for (output, input) in (0..n).flat_map(|output| (0..n_inputs).map(move |input| (output, input))) {
        weights[(output * n_inputs + input) * n + output] = of(&config.weights, input, output, 1.0);
        bias[output] += of(&config.shifts, input, output, 0.0);
    }
    let bias = Some(bias).filter(|bias| bias.iter().any(|&bias| bias != 0.0));
    CellWeights { weights, bias, statistics: None }
}

#[cfg(test)]
mod tests {
    use sim::{Encoder, Plan, Presentation, SimDuration, SimTime, State};
    use stats::RangeStats;

    use crate::assemble::{cell_weights, formal_network};
    use crate::model::{Description, Normalization};
    use crate::transcode::{check, factors, fold, transcode};
    use crate::weights::CellWeights;

    /// Spikes in the longest of all periods; a count may be off by what the last period left over.
    const N_PERIODS: u64 = 3_000;
    /// Of the count that the activation asks for, and in spikes.
    const RELATIVE: f64 = 0.01;
    const LEFT_OVER: f64 = 8.0;

    const MODEL: &str = "DefaultModel=Transcode\n\
        [database]\nType=MNIST_IDX_Database\nValidation=0.2\n\
        [env]\nSizeX=8\nSizeY=8\nConfigSection=env.config\n\
        [env.Transformation]\nType=RescaleTransformation\nWidth=8\nHeight=8\n\
        [env.config]\nStimulusType=Periodic\nPeriodRelStdDev=0\nPeriodMeanMin=10 ns\nPeriodMeanMax=1 us\nPeriodMin=1 ns\n\
        [def]\nActivationFunction=Rectifier\nConfigSection=config\n\
        [conv1] def\nInput=env\nType=Conv\nKernelSize=3\nNbOutputs=3\n\
        [conv2] def\nInput=conv1\nType=Conv\nKernelSize=3\nPadding=1\nNbOutputs=3\n\
        [sum] def\nInput=conv1,conv2\nType=ElemWise\nOperation=Sum\nNbOutputs=3\nWeights=0.5 -0.75\nShifts=0.25 0.5\nConfigSection=config,double\n\
        [fc1] def\nInput=sum\nType=Fc\nNbOutputs=6\n\
        [fc2]\nInput=fc1\nType=Fc\nNbOutputs=10\nActivationFunction=Linear\nConfigSection=config,last\n\
        [fc2.Target]\n\
        [config]\nIncomingDelay=0\nBipolarThreshold=0\n\
        [double]\nThreshold=2.0\n\
        [last]\nBipolarThreshold=1\n";

    fn description(text: &str) -> Description {
        crate::config::load("m.ini", text, &crate::config::Options::default()).expect("a sound model").0
    }

    /// A network of the description with weights of its own, and what it gives for `values`.
    fn trained(description: &Description, values: &[f32]) -> (Vec<Option<CellWeights>>, Vec<Vec<f32>>) {
        let mut network = formal_network(description, 3).unwrap();
        let mut word = 5_u64;
        let mut random = || {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((word >> 40) as f64 / f64::from(1 << 23) - 1.0) as f32
        };
        for cell in 0..network.n_cells() {
            let Some(n) = network.weights(cell).map(<[f32]>::len) else { continue };
            let weights: Vec<f32> = (0..n).map(|_| 0.5 * random() + 0.05).collect();
            network.set_weights(cell, &weights).unwrap();
            let bias: Vec<f32> = network.bias(cell).unwrap_or_default().iter().map(|_| random()).collect();
            network.set_bias(cell, &bias).unwrap();
        }
        network.infer(values, 1);
        let outputs = (0..network.n_cells()).map(|cell| network.output(cell).to_vec()).collect();
        ((0..network.n_cells()).map(|cell| cell_weights(&network, cell)).collect(), outputs)
    }

    fn values() -> Vec<f32> {
        (0..64).map(|i| ((i * 37) % 64) as f32 / 63.0).collect()
    }

    #[test]
    fn a_sum_is_a_convolution_of_the_same_values() {
        let description = description(MODEL);
        let (weights, outputs) = trained(&description, &values());
        let (folded, folded_weights) = fold(&description, Some(&weights)).expect("a sum");
        let mut network = formal_network(&folded, 1).unwrap();
        for (cell, weights) in folded_weights.iter().enumerate() {
            let weights = weights.as_ref().expect("weights of each cell");
            network.set_weights(cell, &weights.weights).unwrap();
            network.set_bias(cell, weights.bias.as_ref().unwrap()).unwrap();
        }
        network.infer(&values(), 1);
        for (cell, expected) in outputs.iter().enumerate() {
            let largest = expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
            for (found, expected) in network.output(cell).iter().zip(expected) {
                assert!((found - expected).abs() <= 1e-5 * largest, "{cell}: expected {expected}, found {found}");
            }
        }
        assert!(fold(&folded, Some(&folded_weights)).is_none(), "once is enough");
    }

    #[test]
    fn a_sum_of_inputs_on_different_scales_fires_at_the_rate_of_its_activation() {
        fires_at_the_rates_of_its_activations(MODEL);
    }

    /// Inputs side by side, in a convolution and in a full connection.
    #[test]
    fn inputs_on_different_scales_side_by_side_do_so_too() {
        let text = MODEL.replace(
            "[fc1] def\nInput=sum\n",
            "[conv3] def\nInput=conv1,sum,conv2\nType=Conv\nKernelSize=6\nNbOutputs=4\n[fc0] def\nInput=env\nType=Fc\nNbOutputs=4\n[fc1] def\nInput=conv3,fc0\n",
        );
        fires_at_the_rates_of_its_activations(&text);
    }

    fn fires_at_the_rates_of_its_activations(text: &str) {
        let description = description(text);
        // What the rates of the pixels stand for.
        let encoded: Vec<f32> = values().iter().map(|v| v + (1.0 - v) * 0.01).collect();
        let (weights, outputs) = trained(&description, &encoded);
        let ranges: Vec<RangeStats> = outputs
            .iter()
            .map(|output| {
                let mut range = RangeStats::new(true);
                range.add(output);
                range
            })
            .collect();
        let (folded, folded_weights) = fold(&description, Some(&weights)).expect("a sum");
        for normalization in [Normalization::Mean, Normalization::Max, Normalization::None] {
            let factors = factors(&folded, &ranges, normalization).unwrap();
            let divisors: Vec<f64> = factors.iter().map(|factor| factor.bias_factor.expect("one unit")).collect();
            let units = crate::transcode::units(&folded, &factors.iter().map(|f| f.factor).collect::<Vec<_>>());
            if normalization == Normalization::Mean {
                let (first, others) = units.split_first().unwrap();
                let differs = |unit: &Option<f64>| (unit.unwrap() / first.unwrap() - 1.0).abs() > 0.1;
                assert!(others.iter().any(differs), "units that differ: {units:?}");
            }
            let transcoded = transcode(&folded, &folded_weights, factors, 1).unwrap();
            let plan = Plan::<f64>::new(&transcoded.network).unwrap();
            let encoder = Encoder::new(folded.stimuli.encoder.clone().unwrap()).unwrap();
            let presentation = Presentation {
                values: &values(),
                stimulus: 0,
                start: SimTime::ZERO,
                duration: SimDuration::ns(10) * N_PERIODS,
            };
            let mut state = State::new(&plan);
            sim::present(&plan, &mut state, &encoder, 1, &presentation, &mut sim::recorder::Nothing);
            for (cell, divisor) in divisors.iter().enumerate() {
                let per_activation = N_PERIODS as f64 / (divisor * folded.cells[cell].spiking.neuron.threshold);
                let counts = state.counts(sim::network::Source::Cell(cell));
                for (i, (count, activation)) in counts.iter().zip(&outputs[cell]).enumerate() {
                    let (found, expected) = (count.net() as f64, f64::from(*activation) * per_activation);
                    assert!(
                        (found - expected).abs() <= RELATIVE * expected.abs() + LEFT_OVER,
                        "{normalization:?}, {} neuron {i}: {found} spikes for {expected:.1}",
                        folded.cells[cell].name
                    );
                }
            }
        }
    }

    #[test]
    fn what_follows_no_rectifier_is_refused_with_its_line() {
        let refused = |text: &str, part: &str| {
            let error = check(&description(text), None).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check(&description(MODEL), None).expect("a network that may spike");
        refused(
            &MODEL.replace("[sum] def\n", "[sum]\nActivationFunction=Linear\nBipolarThreshold=0\n"),
            "[sum]: expected a plain Rectifier",
        );
        refused(
            &MODEL.replace("Threshold=2.0\n", "Threshold=2.0\nBipolarThreshold=1\n"),
            "[sum]: expected BipolarThreshold=0",
        );
        refused(
            &MODEL.replace("[conv2] def\n", "[conv2]\nActivationFunction=Linear\nConfigSection=config\n"),
            "[conv2]: expected a plain Rectifier",
        );
    }
}
