//! Bytes of a neuron's state and of the weights.

use anyhow::Result;
use sim::network::Neuron;
use sim::{CellMemory, Network, SimDuration};

use super::Suite;
use super::lenet::LeNet;
use super::line::{Bound, Figure, Line, Unit};
use super::measure::Spread;
use super::variant::{currents, neurons};

/// The cells with weights.
struct Cells {
    names: Vec<String>,
    memory: Vec<CellMemory>,
    n_neurons: Vec<u64>,
    n_weights: Vec<u64>,
}

impl Cells {
    fn new(lenet: &LeNet, change: impl FnOnce(&mut Network)) -> Result<Self> {
        let mut network = lenet.network.clone();
        change(&mut network);
        let plan = lenet.load_of::<f32>(&network, 0)?.plan;
        let weighted: Vec<usize> =
            (0..network.cells.len()).filter(|&cell| plan.cell_statistics(cell).synapses > 0).collect();
        Ok(Self {
            names: weighted.iter().map(|&cell| network.cells[cell].name.clone()).collect(),
            memory: weighted.iter().map(|&cell| plan.cell_memory(cell)).collect(),
            n_neurons: weighted.iter().map(|&cell| plan.cell_statistics(cell).nodes).collect(),
            n_weights: weighted.iter().map(|&cell| plan.cell_statistics(cell).synapses).collect(),
        })
    }

    /// The most bytes a neuron of any cell.
    fn most(&self, bytes: impl Fn(&CellMemory) -> usize) -> f64 {
        let per_neuron = self.memory.iter().zip(&self.n_neurons).map(|(memory, &n)| bytes(memory) as f64 / n as f64);
        per_neuron.fold(0.0, f64::max)
    }
}

fn at_most(name: impl Into<String>, bytes: f64, most: f64) -> Figure {
    Figure::new(name, Unit::Bytes, Spread::exact(bytes)).target(Bound::AtMost, most)
}

pub fn run(suite: &mut Suite) -> Result<()> {
    suite.line("memory/neuron", |bench| {
        let lenet = bench.lenet()?;
        let with = |change: fn(&mut Neuron)| Cells::new(lenet, |network| neurons(network, change));
        let plain = with(|_| ())?;
        let leaky = with(|neuron| neuron.membrane_time_constant = SimDuration(100_000_000))?;
        let refractory = with(|neuron| neuron.refractory_period = SimDuration(1_000_000))?;
        let driven = Cells::new(lenet, |network| currents(network, 1e-9))?;
        // What the outputs keep for the decision is no neuron's, and stands apart.
        let neuron = |memory: &CellMemory| memory.state() - memory.bookkeeping;
        let state = plain.most(neuron);
        let more = |cells: &Cells| cells.most(neuron) - state;
        let potential = plain.most(|memory| memory.potentials);
        let what = "state of a worker, f32, the most of any cell of LeNet, a neuron";
        let line = Line::of_bytes("memory/neuron", what, [("an IF neuron", state), ("its potential", potential)]);
        let beyond = plain.most(|memory| neuron(memory) - memory.potentials);
        let decision = plain.most(|memory| memory.bookkeeping);
        Ok(line
            .figure(at_most("IF, beyond its potential", beyond, 8.0))
            .figure(at_most("leak, more", more(&leaky), 8.0))
            .figure(at_most("refractory period, more", more(&refractory), 8.0))
            .figure(at_most("constant current, more", more(&driven), 32.0))
            .figure(Figure::new("an output that ends a stimulus, more", Unit::Bytes, Spread::exact(decision))))
    })?;
    suite.line("memory/weights", |bench| {
        let cells = Cells::new(bench.lenet()?, |_| ())?;
        let laid_out: usize = cells.memory.iter().map(|memory| memory.weights).sum();
        let plain = 4 * cells.n_weights.iter().sum::<u64>();
        let sides = [("in the one layout kept", laid_out as f64), ("4 bytes a shared weight", plain as f64)];
        let line = Line::of_bytes("memory/weights", "weights of LeNet, f32, shared by all workers", sides);
        let figures = cells.names.iter().zip(&cells.memory).zip(&cells.n_weights);
        Ok(figures.fold(line, |line, ((name, memory), &n)| {
            line.figure(at_most(format!("{name}, a shared weight"), memory.weights as f64 / n as f64, 4.0))
        }))
    })
}
