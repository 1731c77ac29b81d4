//! What a spiking test cost: the figures of `stats_spike.log`.

/// Spikes and reads of one cell (or of the environment, which has no synapses) over a test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CellSpikes {
    /// Name of the cell, `env` for the environment.
    pub name: String,
    /// Number of nodes whose spikes are counted.
    pub nodes: u64,
    /// Number of integrating neurons (0 for pools and the environment).
    pub neurons: u64,
    /// Spikes of both signs.
    pub events: u64,
    /// `TerminateDelta`, for the cells that have it.
    pub terminate_delta: Option<u32>,
    /// Distinct synapses (shared kernels counted once).
    pub synapses: u64,
    /// Synapses of the unrolled network.
    pub virtual_synapses: u64,
    /// Virtual synapses and pooling connections.
    pub connections: u64,
    /// Read events of all its synapses.
    pub reads: u64,
    /// Read events of its most read synapse.
    pub max_reads: u64,
}

/// The statistics of a whole test: the environment first, then the cells in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpikeStatistics {
    /// Stimuli presented.
    pub patterns: u64,
    /// Number of environment nodes.
    pub channels: u64,
    /// The environment, then the cells.
    pub layers: Vec<CellSpikes>,
}

/// A quotient that is zero when there is nothing to divide by.
pub fn per(total: u64, parts: u64) -> f64 {
    if parts == 0 { 0.0 } else { total as f64 / parts as f64 }
}

impl SpikeStatistics {
    fn total(&self, value: fn(&CellSpikes) -> u64) -> u64 {
        self.layers.iter().map(value).sum()
    }

    /// Integrating neurons of all cells.
    pub fn neurons(&self) -> u64 {
        self.total(|l| l.neurons)
    }

    /// Output nodes of all cells; the environment's are not counted.
    pub fn nodes(&self) -> u64 {
        self.layers.iter().skip(1).map(|l| l.nodes).sum()
    }

    /// Distinct synapses.
    pub fn synapses(&self) -> u64 {
        self.total(|l| l.synapses)
    }

    /// Synapses of the unrolled network.
    pub fn virtual_synapses(&self) -> u64 {
        self.total(|l| l.virtual_synapses)
    }

    /// Virtual synapses and pooling connections.
    pub fn connections(&self) -> u64 {
        self.total(|l| l.connections)
    }

    /// Read events: arrivals of spikes over synapses.
    pub fn reads(&self) -> u64 {
        self.total(|l| l.reads)
    }

    /// Read events of the most read synapse.
    pub fn max_reads(&self) -> u64 {
        self.layers.iter().map(|l| l.max_reads).max().unwrap_or(0)
    }

    /// Spikes of the environment and of all cells.
    pub fn events(&self) -> u64 {
        self.total(|l| l.events)
    }

    /// Read events per virtual synapse per pattern: below 1 when spikes need fewer accumulations than frames.
    pub fn reads_per_virtual_synapse_per_pattern(&self) -> f64 {
        per(self.reads(), self.virtual_synapses()) / self.patterns.max(1) as f64
    }
}
