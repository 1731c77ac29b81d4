//! How large a network is.

use std::iter::Sum;
use std::ops::Add;

use crate::plan::{Kind, Plan};
use crate::real::Real;

/// Sizes of a cell or of a network. A current is no synapse, so none is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Outputs of convolutional and fully connected cells.
    pub neurons: u64,
    /// Outputs of all cells.
    pub nodes: u64,
    /// Weights of connected pairs; a convolution's kernels are shared.
    pub synapses: u64,
    /// Weights as if none were shared: kernel offsets inside the input over all positions and connected pairs.
    pub virtual_synapses: u64,
    /// Virtual synapses, and the window elements inside the input of pooling cells.
    pub connections: u64,
}

impl Add for Statistics {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            neurons: self.neurons + other.neurons,
            nodes: self.nodes + other.nodes,
            synapses: self.synapses + other.synapses,
            virtual_synapses: self.virtual_synapses + other.virtual_synapses,
            connections: self.connections + other.connections,
        }
    }
}

impl Sum for Statistics {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

impl<F: Real> Plan<F> {
    /// Sizes of the whole network.
    pub fn statistics(&self) -> Statistics {
        (0..self.cells.len()).map(|cell| self.cell_statistics(cell)).sum()
    }

    /// Sizes of one cell.
    pub fn cell_statistics(&self, cell: usize) -> Statistics {
        let cell = &self.cells[cell];
        let nodes = cell.output.len() as u64;
        match &cell.kind {
            Kind::Pool(pool) => Statistics { nodes, connections: pool.connections(), ..Statistics::default() },
            kind => {
                let synapses = &kind.weighted().expect("only pooling cells have no synapses").synapses;
                let area = (synapses.kernel.width * synapses.kernel.height) as u64;
                let virtual_synapses = synapses.n_virtual();
                Statistics {
                    neurons: nodes,
                    nodes,
                    synapses: area * synapses.n_pairs(),
                    virtual_synapses,
                    connections: virtual_synapses,
                }
            }
        }
    }
}
