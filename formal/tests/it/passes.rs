//! Passes through one cell, computed again to be timed.

use formal::Pass;

use crate::builder::*;

const PASSES: [Pass; 3] = [Pass::Forward, Pass::ToInputs, Pass::ToWeights];

#[test]
fn learning_goes_on_as_if_no_pass_had_been_repeated() {
    let (batch, config) = (20, zoo(20));
    let batches = [1, 2, 3].map(|seed| (noise(seed, batch * 144), labels(seed ^ 9, batch, 3)));
    let learn = |repeats: bool| {
        let mut network = open(&config, 1).expect("a valid network");
        for (step, (stimuli, labels)) in (0..).zip(&batches) {
            network.learn(stimuli, labels, step);
            for (cell, pass) in (0..config.cells.len()).flat_map(|cell| PASSES.map(|pass| (cell, pass))) {
                if repeats {
                    network.repeat(stimuli, cell, pass);
                }
            }
        }
        let weights: Vec<Vec<u32>> = (0..config.cells.len())
            .map(|cell| network.weights(cell).unwrap_or_default().iter().map(|weight| weight.to_bits()).collect())
            .collect();
        weights
    };
    assert_eq!(learn(true), learn(false));
}

#[test]
fn a_repeated_pass_is_computed() {
    let mut network = open(&zoo(20), 1).expect("a valid network");
    let (stimuli, labels) = (noise(1, 20 * 144), labels(2, 20, 3));
    network.learn(&stimuli, &labels, 0);
    // The weights have moved since the outputs were computed.
    network.repeat(&stimuli, 0, Pass::Forward);
    let repeated = network.output(0).to_vec();
    network.infer(&stimuli, 20);
    assert_eq!(network.output(0), repeated);
}
