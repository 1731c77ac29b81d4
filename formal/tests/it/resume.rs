//! A stopped training goes on as if it had not been stopped.

use formal::Network;
use formal::config::*;

use crate::builder::*;

const BATCH: usize = 20;

fn config(iteration_size: u32) -> NetworkConfig {
    let mut config = zoo(BATCH);
    let solver = SgdConfig {
        learning_rate: 0.05,
        momentum: 0.9,
        decay: 0.001,
        iteration_size,
        policy: LearningRatePolicy::InvTDecay,
        learning_rate_step_size: 30,
        ..SgdConfig::default()
    };
    solve(&mut config, solver);
    config
}

fn learn(network: &mut Network, steps: std::ops::Range<u64>) {
    for step in steps {
        network.learn(&noise(step, BATCH * 144), &labels(step, BATCH, 3), step);
    }
}

fn bits(network: &Network) -> Vec<u32> {
    let cells = 0..network.n_cells();
    let values = cells.flat_map(|cell| [network.weights(cell), network.bias(cell)]);
    values.flatten().flatten().map(|value| value.to_bits()).collect()
}

#[test]
fn a_restored_training_ends_with_the_same_bits() {
    let mut adaptive = zoo(BATCH);
    solve(&mut adaptive, AdamConfig { learning_rate: 0.01, ..AdamConfig::default() });
    for (config, what) in [(config(1), "one batch an update"), (config(3), "three"), (adaptive, "adaptive moments")] {
        let mut whole = open(&config, 1).expect("a valid network");
        learn(&mut whole, 0..10);

        let mut first = open(&config, 1).expect("a valid network");
        learn(&mut first, 0..5);
        let state = first.state();
        let mut second = open(&config, 99).expect("a valid network");
        second.set_learning_seed(1);
        for parameter in first.parameters() {
            let cell = parameter.cell;
            if let Some(weights) = first.weights(cell) {
                second.set_weights(cell, weights).expect("the same network");
            }
            if let Some(bias) = first.bias(cell) {
                second.set_bias(cell, bias).expect("the same network");
            }
        }
        second.restore(&state).expect("the same network");
        assert_eq!(second.state(), state);
        learn(&mut second, 5..10);
        assert_eq!(bits(&second), bits(&whole), "{what}");
        assert_eq!(second.state(), whole.state());
    }
}
