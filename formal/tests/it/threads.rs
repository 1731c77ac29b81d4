//! The same bits, whatever runs beside.

use crate::builder::*;

/// More stimuli than one block a slot.
const BATCH: usize = 300;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Weights and outputs after a few steps.
fn learn(threads: usize, capacity: usize) -> Vec<Vec<u32>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
    pool.install(|| {
        let mut network = open(&zoo(BATCH), 1).expect("a valid network");
        network.set_capacity(capacity);
        for step in 0..3 {
            network.learn(&noise(step, BATCH * 144), &labels(step, BATCH, 3), step);
        }
        let cells = 0..network.n_cells();
        cells
            .flat_map(|cell| {
                let parameters = [network.weights(cell), network.bias(cell)].into_iter().flatten();
                parameters.chain([network.output(cell)]).map(bits).collect::<Vec<_>>()
            })
            .collect()
    })
}

#[test]
fn one_two_and_eight_threads_learn_the_same_bits() {
    let one = learn(1, BATCH);
    assert_eq!(learn(2, BATCH), one);
    assert_eq!(learn(8, BATCH), one);
}

#[test]
fn the_capacity_does_not_change_what_is_learned() {
    assert_eq!(learn(2, BATCH), learn(2, 5 * BATCH));
}

#[test]
fn outputs_of_a_stimulus_do_not_depend_on_its_batch() {
    let mut network = open(&zoo(BATCH), 1).expect("a valid network");
    let stimuli = noise(7, BATCH * 144);
    network.infer(&stimuli, BATCH);
    let together: Vec<Vec<u32>> = (0..network.n_cells()).map(|cell| bits(network.output(cell))).collect();
    for position in [0, 5, 16, 299] {
        network.infer(&stimuli[position * 144..][..144], 1);
        for (cell, together) in together.iter().enumerate() {
            let alone = bits(network.output(cell));
            assert_eq!(alone, together[position * alone.len()..][..alone.len()], "cell {cell}");
        }
    }
}
