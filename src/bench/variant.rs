//! LeNet in a variant against LeNet as shipped.

use anyhow::Result;
use sim::network::{Neuron, Operator};
use sim::{Network, Real, SimDuration, State};

use super::line::Line;
use super::measure::compare;
use super::suite::Bench;

/// Runs a variant and the original on `n` images, one thread.
pub fn against_shipped<F: Real>(
    bench: &Bench,
    name: &str,
    n: usize,
    variant: impl FnOnce(&mut Network),
    sides: [&str; 2],
) -> Result<Line> {
    let lenet = bench.lenet()?;
    let mut network = lenet.network.clone();
    variant(&mut network);
    let changed = lenet.load_of::<F>(&network, bench.n(n))?;
    let shipped = lenet.load::<f32>(bench.n(n))?;
    let reads = [Some(changed.reads()), Some(shipped.reads())];
    let (mut of_changed, mut of_shipped) = (State::new(&changed.plan), State::new(&shipped.plan));
    let compared = compare(bench.n(7), &mut || changed.run(&mut of_changed), &mut || shipped.run(&mut of_shipped))?;
    let what =
        format!("{} MNIST test images, one thread, inputs included, image loading not timed", shipped.stimuli.len());
    Ok(Line::new(name, what, compared, [(sides[0], reads[0]), (sides[1], reads[1])]))
}

/// Gives each synapse the delay that `delays(cell, number of synapses)` draws.
pub fn delay(network: &mut Network, delays: impl Fn(usize, usize) -> Vec<SimDuration>) {
    for (index, cell) in network.cells.iter_mut().enumerate() {
        match &mut cell.operator {
            Operator::Conv(conv) => conv.delays = Some(delays(index, conv.weights.len())),
            Operator::Fc(fc) => fc.delays = Some(delays(index, fc.weights.len())),
            Operator::Pool(_) => {}
        }
    }
}

/// Changes the neurons of every cell.
pub fn neurons(network: &mut Network, change: impl Fn(&mut Neuron)) {
    for cell in &mut network.cells {
        match &mut cell.operator {
            Operator::Conv(conv) => change(&mut conv.neuron),
            Operator::Fc(fc) => change(&mut fc.neuron),
            Operator::Pool(_) => {}
        }
    }
}

/// Gives every neuron the same constant current, in potential per femtosecond.
pub fn currents(network: &mut Network, current: f64) {
    for cell in &mut network.cells {
        match &mut cell.operator {
            Operator::Conv(conv) => conv.currents = Some(vec![current; conv.n_outputs]),
            Operator::Fc(fc) => fc.currents = Some(vec![current; fc.n_outputs]),
            Operator::Pool(_) => {}
        }
    }
}
