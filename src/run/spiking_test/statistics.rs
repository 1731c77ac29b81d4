//! What the totals of a test say.

use sim::network::Source;
use sim::{Plan, Real, Totals};
use stats::{CellSpikes, LatencySummary, SpikeStatistics};

use crate::report::spikes::{CellReads, SynapseLayout};
use crate::report::summary::{Latency, Summary};
use crate::session::Session;

/// Puts them into the summary.
pub fn fill(summary: &mut Summary, statistics: &SpikeStatistics, latency: &LatencySummary) {
    const FS_PER_NS: f64 = 1e6;
    summary.read_events_per_virtual_synapse_per_pattern = Some(statistics.reads_per_virtual_synapse_per_pattern());
    summary.synaptic_events = Some(statistics.reads());
    summary.events = Some(statistics.events());
    summary.undecided = Some(latency.undecided);
    if latency.decided > 0 {
        summary.decision_latency_ns =
            Some(Latency { mean: latency.mean_fs / FS_PER_NS, p95: latency.p95_fs as f64 / FS_PER_NS });
    }
}

/// The statistics of `patterns` stimuli.
pub fn statistics<F: Real>(session: &Session, plan: &Plan<F>, totals: &Totals, patterns: u64) -> SpikeStatistics {
    let description = &session.description;
    let events = |source: Source| totals.counts(source).iter().map(|count| count.total()).sum();
    let channels = session.provider.shape().n_elements() as u64;
    let mut layers = vec![CellSpikes {
        name: "env".to_string(),
        nodes: channels,
        events: events(Source::Environment),
        ..CellSpikes::default()
    }];
    let reads = plan.reads(totals);
    for (index, cell) in description.cells.iter().enumerate() {
        let sizes = crate::report::network::sizes(cell);
        layers.push(CellSpikes {
            name: cell.name.clone(),
            nodes: sizes.nodes,
            neurons: sizes.neurons,
            events: events(Source::Cell(index)),
            terminate_delta: matches!(cell.operator, formal::config::Operator::Fc(_))
                .then_some(cell.spiking.terminate_delta),
            synapses: sizes.synapses,
            virtual_synapses: sizes.virtual_synapses,
            connections: sizes.connections,
            reads: reads[index].iter().flatten().sum(),
            max_reads: reads[index].iter().flatten().copied().max().unwrap_or(0),
        });
    }
    SpikeStatistics { patterns, channels, layers }
}

/// The reads of every synapse, for the logs of the cells.
pub fn cell_reads<F: Real>(session: &Session, plan: &Plan<F>, totals: &Totals) -> Vec<CellReads> {
    let description = &session.description;
    let reads = plan.reads(totals);
    let mut cells = Vec::new();
    for (index, cell) in description.cells.iter().enumerate() {
        let (n_outputs, layout, with_bias) = match &cell.operator {
            formal::config::Operator::Conv(conv) => {
                let n_channels = cell.input_shape.channels;
                let connected = conv.mapping.clone().unwrap_or_else(|| vec![true; conv.n_outputs * n_channels]);
                let kernel = (conv.kernel.width, conv.kernel.height);
                let output = (cell.output_shape.width, cell.output_shape.height);
                (conv.n_outputs, SynapseLayout::Conv { kernel, n_channels, connected, output }, !conv.no_bias)
            }
            formal::config::Operator::Fc(fc) => {
                (fc.n_outputs, SynapseLayout::Fc { n_inputs: cell.input_shape.n_elements() }, !fc.no_bias)
            }
            _ => continue,
        };
        cells.push(CellReads {
            name: cell.name.clone(),
            n_outputs,
            layout,
            reads: reads[index].iter().map(|count| count.unwrap_or(0)).collect(),
            virtual_synapses: crate::report::network::sizes(cell).virtual_synapses,
            with_bias,
        });
    }
    cells
}
