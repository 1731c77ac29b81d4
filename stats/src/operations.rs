//! Operations of a layer, as frames and as spikes, and what they cost by a table.
//!
//! | | frames, one pattern | spikes, one read event |
//! |---|---|---|
//! | multiplications | one a virtual synapse | none |
//! | accumulations | one a virtual synapse, bias included | one |
//! | comparisons | one an activation with a rectifier; one a window element of a maximum pool | one, two with a negative threshold, too; in a pool one a connection that a spike reaches |
//! | bytes | weight and value read for each synapse, value read for each window element, result written for each output | weight read, potential read and written; with leak the time of the last arrival, with a refractory period its end, read and written |
//!
//! A fired neuron's reset is one more accumulation. The bytes are what the operations name, as if nothing were kept in
//! registers or caches: an upper bound for both sides, by the same rule.

/// Operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Products of two numbers.
    pub multiplications: u64,
    /// Sums of two numbers.
    pub accumulations: u64,
    /// Comparisons of two numbers.
    pub comparisons: u64,
    /// Bytes of memory read or written.
    pub bytes: u64,
}

impl Operations {
    /// The operations of both.
    pub fn and(self, other: Self) -> Self {
        Self {
            multiplications: self.multiplications + other.multiplications,
            accumulations: self.accumulations + other.accumulations,
            comparisons: self.comparisons + other.comparisons,
            bytes: self.bytes + other.bytes,
        }
    }

    /// The operations of `n` patterns like this one.
    pub fn times(self, n: u64) -> Self {
        Self {
            multiplications: n * self.multiplications,
            accumulations: n * self.accumulations,
            comparisons: n * self.comparisons,
            bytes: n * self.bytes,
        }
    }
}

/// What a layer is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Synapses of the unrolled layer, without biases.
    pub virtual_synapses: u64,
    /// Outputs with a bias.
    pub biases: u64,
    /// Window elements of a pooling layer.
    pub pool_connections: u64,
    /// Outputs.
    pub nodes: u64,
    /// Whether its frames pass a rectifier.
    pub rectifies: bool,
    /// Whether it pools by the maximum; else by the mean.
    pub takes_maximum: bool,
    /// Whether its neurons fire at minus the threshold, too.
    pub is_bipolar: bool,
    /// Whether its neurons leak.
    pub leaks: bool,
    /// Whether its neurons have a refractory period.
    pub is_refractory: bool,
    /// Bytes of a weight and of a potential of the spiking network; a number of the frame network has four.
    pub float_bytes: u64,
}

/// Bytes of a number of the frame network.
const FRAME_FLOAT: u64 = 4;
/// Bytes of a time.
const TIME: u64 = 8;
/// Bytes of a pooling cell's count.
const COUNT: u64 = 4;

impl Layer {
    /// Operations of one pattern as a frame.
    pub fn frame(&self) -> Operations {
        let synapses = self.virtual_synapses;
        Operations {
            multiplications: synapses,
            accumulations: synapses + self.biases + if self.takes_maximum { 0 } else { self.pool_connections },
            comparisons: if self.rectifies { self.nodes } else { 0 }
                + if self.takes_maximum { self.pool_connections } else { 0 },
            bytes: FRAME_FLOAT * (2 * synapses + self.biases + self.pool_connections + self.nodes),
        }
    }

    /// Operations of spikes: `reads` synaptic events, `pool_arrivals` arrivals at windows, `spikes` that the layer fires.
    pub fn spikes(&self, reads: u64, pool_arrivals: u64, spikes: u64) -> Operations {
        let state = |has: bool| if has { 2 * TIME } else { 0 };
        let has_neurons = self.virtual_synapses > 0;
        Operations {
            multiplications: if self.leaks { reads } else { 0 },
            accumulations: reads + pool_arrivals + if has_neurons { spikes } else { 0 },
            comparisons: reads * if self.is_bipolar { 2 } else { 1 } + pool_arrivals,
            bytes: reads * (3 * self.float_bytes + state(self.leaks) + state(self.is_refractory))
                + pool_arrivals * 2 * COUNT,
        }
    }
}

/// What an operation costs, in picojoules; from a named source.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    /// Name of the table.
    pub name: String,
    /// Where its numbers come from.
    pub source: String,
    /// A multiplication.
    pub multiplication_pj: f64,
    /// An accumulation.
    pub accumulation_pj: f64,
    /// A comparison.
    pub comparison_pj: f64,
    /// A byte read or written.
    pub byte_pj: f64,
}

impl Costs {
    /// What operations cost, in picojoules.
    pub fn energy_pj(&self, operations: &Operations) -> f64 {
        operations.multiplications as f64 * self.multiplication_pj
            + operations.accumulations as f64 * self.accumulation_pj
            + operations.comparisons as f64 * self.comparison_pj
            + operations.bytes as f64 * self.byte_pj
    }
}

/// A published bound: below so many spikes per synapse and inference, spikes need less energy than frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakEven {
    /// The bound, or the lowest of a range of them.
    pub from: f64,
    /// The highest of the range.
    pub to: f64,
    /// What it holds for.
    pub of: &'static str,
    /// Where it was published.
    pub source: &'static str,
}

/// Published bounds, the most generous first.
pub const BREAK_EVENS: [BreakEven; 3] = [
    BreakEven {
        from: 1.72,
        to: 1.72,
        of: "digital logic, an accumulation a spike against a multiplication and an accumulation",
        source: "Davidson and Furber, Comparison of Artificial and Spiking Neural Networks on Digital Hardware, Frontiers in \
                 Neuroscience 15:651141, 2021",
    },
    BreakEven {
        from: 0.15,
        to: 1.38,
        of: "with memory accesses, by how well the frame accelerator uses sparsity and reuse",
        source: "Dampfhoffer, Mesquida, Valentian and Anghel, Are SNNs Really More Energy-Efficient Than ANNs?, IEEE \
                 Transactions on Emerging Topics in Computational Intelligence 7(3):731-741, 2023",
    },
    BreakEven {
        from: 0.285,
        to: 0.32,
        of: "with all data movement, against a quantized frame network of the same resolution: 5 time steps with 5.7 to 6.4 % \
             of the neurons spiking in each",
        source: "Yan, Bai, Tang and Wong, Reconsidering the Energy Efficiency of Spiking Neural Networks Inference from \
                 Analytical Perspectives, arXiv:2409.08290, versions 4 and 3",
    },
];

impl BreakEven {
    /// What so many spikes per synapse mean by it: `Some(true)` below all of it, `Some(false)` above, `None` within.
    pub fn is_below(&self, spikes_per_synapse: f64) -> Option<bool> {
        if spikes_per_synapse < self.from {
            Some(true)
        } else if spikes_per_synapse >= self.to {
            Some(false)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_by_hand() {
        let conv =
            Layer { virtual_synapses: 100, biases: 2, nodes: 8, rectifies: true, float_bytes: 4, ..Layer::default() };
        let frame = conv.frame();
        let expected =
            Operations { multiplications: 100, accumulations: 102, comparisons: 8, bytes: 4 * (200 + 2 + 8) };
        assert_eq!(frame, expected);
        let spikes = conv.spikes(30, 0, 5);
        assert_eq!(spikes, Operations { multiplications: 0, accumulations: 35, comparisons: 30, bytes: 360 });
        let rich = Layer { leaks: true, is_refractory: true, is_bipolar: true, float_bytes: 8, ..conv };
        let of_rich = rich.spikes(30, 0, 5);
        assert_eq!((of_rich.multiplications, of_rich.comparisons, of_rich.bytes), (30, 60, 30 * (24 + 32)));
        let pool = Layer { pool_connections: 32, nodes: 8, takes_maximum: true, ..Layer::default() };
        assert_eq!(pool.frame(), Operations { comparisons: 32, bytes: 160, ..Operations::default() });
        assert_eq!(
            pool.spikes(0, 7, 3),
            Operations { accumulations: 7, comparisons: 7, bytes: 56, ..Operations::default() }
        );
        assert_eq!(frame.and(spikes).accumulations, 137);
        assert_eq!(frame.times(3).bytes, 3 * frame.bytes);
    }

    #[test]
    fn energy_is_the_sum_by_the_table() {
        let costs = Costs {
            name: "n".to_string(),
            source: "s".to_string(),
            multiplication_pj: 8.0,
            accumulation_pj: 1.0,
            comparison_pj: 0.5,
            byte_pj: 0.25,
        };
        let operations = Operations { multiplications: 1, accumulations: 2, comparisons: 4, bytes: 8 };
        assert_eq!(costs.energy_pj(&operations), 14.0);
    }

    #[test]
    fn a_range_of_bounds_leaves_room_for_doubt() {
        let [davidson, dampfhoffer, _] = BREAK_EVENS;
        assert_eq!([1.7, 1.72].map(|n| davidson.is_below(n)), [Some(true), Some(false)]);
        assert_eq!([0.1, 0.567, 1.38].map(|n| dampfhoffer.is_below(n)), [Some(true), None, Some(false)]);
    }
}
