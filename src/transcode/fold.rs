//! Batch normalizations folded into the weights before them (`formal.md` 15): in inference they are a factor and a shift of
//! each channel, which a convolution or a full connection can do itself.
//!
//! With `f = scale/√(variance + ε)`: `w ← f·w`, `b ← bias + f·(b - mean)`, and the activation moves to the cell before.

use formal::config::{Activation, BatchNormConfig, Operator, Source};

use crate::model::Description;
use crate::weights::CellWeights;

/// The same network without the batch normalizations that can be folded and with its element-wise sums as convolutions, with
/// its weights where there are some; `None` where it has neither.
///
/// One can where it alone reads a Conv or Fc that sums each position by itself, has no activation and no target.
pub fn fold(
    description: &Description,
    trained: Option<&[Option<CellWeights>]>,
) -> Option<(Description, Vec<Option<CellWeights>>)> {
    let mut folded = description.clone();
    let mut weights = trained.map(<[_]>::to_vec).unwrap_or_default();
    while let Some((norm, before)) = foldable(&folded) {
        let removed = folded.cells.remove(norm);
        if let Operator::BatchNorm(config) = &removed.operator
            && !weights.is_empty()
        {
            let of_norm = weights.remove(norm).unwrap_or_default();
            if let Some(weights) = &mut weights[before] {
                scale(config, &of_norm, weights);
            }
        }
        let cell = &mut folded.cells[before];
        cell.activation = removed.activation;
        cell.is_folded = true;
        match &mut cell.operator {
            Operator::Conv(conv) => conv.no_bias = false,
            // Their lengths are now what the normalization makes of them.
            Operator::Fc(fc) => (fc.no_bias, fc.normalizes) = (false, false),
            _ => {}
        }
        let moved = |cell: usize| match cell {
            cell if cell == norm => before,
            cell if cell > norm => cell - 1,
            cell => cell,
        };
        for cell in &mut folded.cells {
            for input in &mut cell.inputs {
                if let Source::Cell(source) = input {
                    *source = moved(*source);
                }
            }
            if let Operator::Unpool(unpool) = &mut cell.operator {
                unpool.arg_max = moved(unpool.arg_max);
            }
        }
        folded.targets.iter_mut().for_each(|target| target.cell = moved(target.cell));
    }
    let has_joined = super::sum::join(&mut folded, &mut weights);
    (has_joined || folded.cells.len() < description.cells.len()).then_some((folded, weights))
}

/// The first batch normalization that can be folded and the cell before it.
fn foldable(description: &Description) -> Option<(usize, usize)> {
    let cells = &description.cells;
    (0..cells.len()).find_map(|norm| {
        let (Operator::BatchNorm(_), [Source::Cell(before)]) = (&cells[norm].operator, cells[norm].inputs.as_slice())
        else {
            return None;
        };
        let sums_alone = match &cells[*before].operator {
            Operator::Conv(conv) => (conv.sub_sample.width, conv.sub_sample.height) == (1, 1),
            Operator::Fc(_) => true,
            _ => false,
        };
        let n_readers =
            cells.iter().flat_map(|cell| &cell.inputs).filter(|&&input| input == Source::Cell(*before)).count();
        let has_target = description.targets.iter().any(|target| target.cell == *before);
        let is_linear = cells[*before].activation.value == Activation::Linear;
        (sums_alone && n_readers == 1 && !has_target && is_linear).then_some((norm, *before))
    })
}

fn scale(config: &BatchNormConfig, norm: &CellWeights, weights: &mut CellWeights) {
    let Some(statistics) = &norm.statistics else { return };
    let n_outputs = norm.weights.len().max(1);
    let old = weights.bias.take().unwrap_or_else(|| vec![0.0; n_outputs]);
    let shifts = norm.bias.iter().flatten().copied().chain(std::iter::repeat(0.0));
    let row = weights.weights.len() / n_outputs;
    let mut bias = Vec::with_capacity(n_outputs);
    for (output, (old, shift)) in old.iter().zip(shifts).enumerate() {
        let deviation = (f64::from(statistics.variance[output]) + config.epsilon).sqrt();
        let factor = f64::from(norm.weights[output]) / deviation;
        for weight in &mut weights.weights[output * row..(output + 1) * row] {
            *weight = (f64::from(*weight) * factor) as f32;
        }
        bias.push((f64::from(shift) + factor * (f64::from(*old) - f64::from(statistics.mean[output]))) as f32);
    }
    weights.bias = Some(bias);
}

#[cfg(test)]
mod tests {
    use formal::{Network, Statistics};

    use super::*;
    use crate::assemble::{cell_weights, formal_network};

    /// Of sums of a few hundred 32-bit products that a factor of some units follows.
    const ROUNDING_32: f32 = 2e-4;

    const MODEL: &str = "DefaultModel=Transcode\n\
        [database]\nType=MNIST_IDX_Database\n\
        [env]\nSize=28\nConfigSection=env.config\n\
        [env.config]\nStimulusType=JitteredPeriodic\nPeriodMeanMin=10 ns\nPeriodMeanMax=100 us\nPeriodMin=1 ns\n\
        [conv]\nInput=env\nType=Conv\nKernelSize=6\nStride=2\nNbOutputs=5\nActivationFunction=Linear\nConfigSection=config\n\
        [norm]\nInput=conv\nType=BatchNorm\nActivationFunction=Rectifier\n\
        [pool]\nInput=norm\nType=Pool\nPooling=Max\nPoolSize=2\nStride=2\nNbOutputs=5\nMapping.Size=1\n\
        [fc]\nInput=pool\nType=Fc\nNbOutputs=10\nActivationFunction=Linear\nConfigSection=config,last\n\
        [fc.norm]\nInput=fc\nType=BatchNorm\nActivationFunction=Linear\nEpsilon=0.01\n\
        [fc.norm.Target]\n\
        [config]\nBipolarThreshold=0\n[last]\nBipolarThreshold=1\n";

    fn description(text: &str) -> Description {
        crate::config::load("m.ini", text, &crate::config::Options::default()).expect("a sound model").0
    }

    fn weights(network: &Network) -> Vec<Option<CellWeights>> {
        (0..network.n_cells()).map(|cell| cell_weights(network, cell)).collect()
    }

    #[test]
    fn a_folded_network_computes_what_it_did() {
        for no_bias in ["NoBias=0\n", "NoBias=1\n"] {
            let description = description(&(MODEL.to_owned() + no_bias).replace("[last]", &format!("{no_bias}[last]")));
            let mut network = formal_network(&description, 3).unwrap();
            let noise = |n: usize, seed: usize| -> Vec<f32> {
                (0..n).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
            };
            for cell in [1, 4] {
                let n = network.weights(cell).unwrap().len();
                let variance = noise(n, 3).iter().map(|v| v * v + 0.1).collect();
                network.set_statistics(cell, &Statistics { mean: noise(n, 2), variance }).unwrap();
                network.set_weights(cell, &noise(n, 4)).unwrap();
                network.set_bias(cell, &noise(n, 5)).unwrap();
            }
            let (folded, folded_weights) = fold(&description, Some(&weights(&network))).expect("two to fold");
            let names: Vec<&str> = folded.cells.iter().map(|cell| cell.name.as_str()).collect();
            assert_eq!(names, ["conv", "pool", "fc"]);
            assert_eq!(folded.targets[0].cell, 2);
            let mut other = formal_network(&folded, 1).unwrap();
            for (cell, weights) in folded_weights.iter().enumerate() {
                let Some(weights) = weights else { continue };
                other.set_weights(cell, &weights.weights).unwrap();
                other.set_bias(cell, weights.bias.as_ref().unwrap()).unwrap();
            }
            let stimuli = noise(7 * 784, 1);
            for network in [&mut network, &mut other] {
                network.set_capacity(7);
                network.infer(&stimuli, 7);
            }
            for (of_folded, of_first) in [(0, 1), (1, 2), (2, 4)] {
                let pairs = other.output(of_folded).iter().zip(network.output(of_first));
                let scale = network.output(of_first).iter().fold(1.0f32, |scale, value| scale.max(value.abs()));
                for (found, expected) in pairs {
                    assert!((found - expected).abs() <= ROUNDING_32 * scale, "{of_folded}: {expected}, {found}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_folded_is_refused_as_spikes_with_its_line() {
        let check = |text: &str, line: u32| {
            let error = super::super::check(&description(text), None).unwrap_err().to_string();
            assert!(
                error.contains(&format!("line {line}, [norm]: a batch normalization runs as spikes only inside")),
                "{error}"
            );
        };
        assert!(super::super::check(&description(MODEL), None).is_ok());
        check(&MODEL.replacen("ActivationFunction=Linear", "ActivationFunction=Rectifier", 1), 20);
        check(&MODEL.replacen("Stride=2", "Stride=2\nSubSample=2", 1), 21);
        let beside =
            "[beside]\nInput=conv\nType=Pool\nPooling=Max\nPoolSize=2\nStride=2\nNbOutputs=5\n[fc]\nInput=pool,beside";
        check(&MODEL.replace("[fc]\nInput=pool", beside), 20);
    }
}
