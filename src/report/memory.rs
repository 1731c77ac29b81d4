//! What a spiking network takes in memory, as lines of `femtospike inspect`.

use std::fmt::Write;

use sim::{CellMemory, Plan, Real};

use super::number::grouped;

/// Bytes of each cell: of a worker's state by neuron, and of the shared weights by synapse; of the environment by pixel.
pub fn lines<F: Real>(plan: &Plan<F>) -> String {
    let mut text = format!("\nmemory ({}):\n", F::NAME);
    let environment = plan.environment_memory();
    let n_pixels = environment.n_pixels as u64;
    let _ = writeln!(
        text,
        "  env  {:.3} bytes a pixel (counts {:.3}, input queue up to {:.3})",
        per(environment.state(), n_pixels),
        per(environment.counts, n_pixels),
        per(environment.input_queue, n_pixels)
    );
    let (mut state, mut shared) = (environment.state(), 0);
    for (index, cell) in plan.network().cells.iter().enumerate() {
        let (memory, size) = (plan.cell_memory(index), plan.cell_statistics(index));
        state += memory.state();
        shared += memory.plan();
        let _ = write!(
            text,
            "  {}  {:.3} bytes a neuron ({})",
            cell.name,
            per(memory.state(), size.nodes),
            parts(&memory, size.nodes)
        );
        if size.synapses > 0 {
            let _ = write!(
                text,
                ", {:.3} bytes a shared weight, {:.3} a virtual synapse",
                per(memory.weights, size.synapses),
                per(memory.weights, size.virtual_synapses)
            );
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "  in all {} bytes of state a worker, {} bytes of weights and tables shared by all; beside them the spikes on their way: 8 \
         bytes for each neuron that fires in one instant, and the synaptic events that delays hold",
        grouped(state as u64),
        grouped(shared as u64)
    );
    text
}

fn per(bytes: usize, n: u64) -> f64 {
    bytes as f64 / n.max(1) as f64
}

fn parts(memory: &CellMemory, n: u64) -> String {
    let all = [
        ("potential", memory.potentials),
        ("counts", memory.counts),
        ("last arrival", memory.last),
        ("refractory", memory.refractory),
        ("crossing", memory.crossings),
        ("other", memory.bookkeeping),
    ];
    let parts = all.iter().filter(|part| part.1 > 0).map(|(name, bytes)| format!("{name} {:.3}", per(*bytes, n)));
    parts.collect::<Vec<_>>().join(", ")
}
