//! `stats_spike.log` and the folder `stats_spike/` (labels of the reference, `spiking.md` 12.4 and 9.4).

use std::fmt::Write;

use anyhow::Result;
use stats::spikes::per;
use stats::{CellSpikes, SpikeStatistics};

use super::number::{grouped, grouped_real};
use crate::output::{OutputFolder, file_name};

/// How the synapses of a cell are arranged, for its log.
#[derive(Clone, Debug)]
pub enum SynapseLayout {
    /// `[n_outputs][n_channels][kernel height][kernel width]`; `connected` is `[n_outputs][n_channels]`.
    Conv {
        /// Kernel width and height.
        kernel: (usize, usize),
        /// Input channels.
        n_channels: usize,
        /// Connected pairs.
        connected: Vec<bool>,
        /// Width and height of an output map.
        output: (usize, usize),
    },
    /// `[n_outputs][n_inputs]`.
    Fc {
        /// Number of inputs.
        n_inputs: usize,
    },
}

/// One cell with synapses, for its log.
#[derive(Clone, Debug)]
pub struct CellReads {
    /// Name of the cell.
    pub name: String,
    /// Number of output maps (Conv) or neurons (Fc).
    pub n_outputs: usize,
    /// Arrangement of `reads`.
    pub layout: SynapseLayout,
    /// Read events a synapse.
    pub reads: Vec<u64>,
    /// Synapses of the unrolled cell.
    pub virtual_synapses: u64,
    /// Whether the cell counts bias synapses (one an output) in its totals.
    pub with_bias: bool,
}

/// Writes `<name>.log` and, if `cells` is given, the folder `<name>/`.
pub fn write(
    output: &OutputFolder,
    name: &str,
    statistics: &SpikeStatistics,
    cells: Option<&[CellReads]>,
) -> Result<()> {
    output.write(format!("{name}.log"), global_log(statistics))?;
    let Some(cells) = cells else { return Ok(()) };
    output.clear(name)?;
    for cell in cells {
        let folder = format!("{name}/{}", file_name(&cell.name));
        output.write(format!("{folder}.log"), cell_log(cell))?;
        for (file, text) in synapse_logs(cell) {
            output.write(format!("{folder}/{file}"), text)?;
        }
    }
    Ok(())
}

/// The text of `stats_spike.log`.
pub fn global_log(s: &SpikeStatistics) -> String {
    let mut log = String::from("[Global stats]\n");
    let n = s.patterns;
    for (label, value) in [
        ("Patterns", n),
        ("Patterns channels", s.channels),
        ("Neurons", s.neurons()),
        ("Nodes", s.nodes()),
        ("Synapses", s.synapses()),
        ("Virtual synapses", s.virtual_synapses()),
        ("Connections", s.connections()),
    ] {
        let _ = writeln!(log, "{label}: {}", grouped(value));
    }
    log += "\n[Neuron stats]\n";
    for layer in &s.layers {
        neuron_lines(&mut log, layer, n);
    }
    log += "\n[Synapse stats]\n";
    let (reads, max) = (s.reads(), s.max_reads());
    let per_pattern = |value: f64| value / n.max(1) as f64;
    let _ = writeln!(log, "Read events: {}", grouped(reads));
    for (label, value) in [
        ("Read events per pattern (average)", per(reads, n)),
        ("Read events per pattern channel (average)", per_pattern(per(reads, s.channels))),
        ("Read events per synapse (average)", per(reads, s.synapses())),
    ] {
        let _ = writeln!(log, "{label}: {}", grouped_real(value));
    }
    let _ = writeln!(log, "Max. read events per synapse: {}", grouped(max));
    for (label, value) in [
        ("Read events per virtual synapse (average)", per(reads, s.virtual_synapses())),
        ("Read events per synapse per pattern (average)", per_pattern(per(reads, s.synapses()))),
        ("Read events per virtual synapse per pattern (average)", s.reads_per_virtual_synapse_per_pattern()),
        ("Max. read events per synapse per pattern (average)", per(max, n)),
    ] {
        let _ = writeln!(log, "{label}: {}", grouped_real(value));
    }
    log
}

fn neuron_lines(log: &mut String, layer: &CellSpikes, patterns: u64) {
    let name = &layer.name;
    let per_pattern = per(layer.events, patterns);
    let _ = writeln!(log, "{name} output events: {}", grouped(layer.events));
    let _ = writeln!(log, "{name} output events per pattern (average): {}", grouped_real(per_pattern));
    let _ = writeln!(
        log,
        "{name} output events per pattern per neuron (average): {}",
        grouped_real(if layer.nodes == 0 { 0.0 } else { per_pattern / layer.nodes as f64 })
    );
    if let Some(delta) = layer.terminate_delta {
        let _ = writeln!(log, "{name} terminate delta: {delta}");
    }
}

fn synapse_text(log: &mut String, reads: &[u64]) {
    let (n, total, max) = (reads.len() as u64, reads.iter().sum(), reads.iter().copied().max().unwrap_or(0));
    let _ = writeln!(log, "Synapses: {}", grouped(n));
    let _ = writeln!(log, "Read events: {}", grouped(total));
    let _ = writeln!(log, "Read events per synapse (average): {}", grouped_real(per(total, n)));
    let _ = writeln!(log, "Max. read events per synapse: {}", grouped(max));
}

/// The text of `stats_spike/<cell>.log`.
pub fn cell_log(cell: &CellReads) -> String {
    let mut log = String::new();
    let outputs = cell.n_outputs as u64;
    let biases = if cell.with_bias { outputs } else { 0 };
    let mut connected_reads = Vec::new();
    for o in 0..cell.n_outputs {
        let _ = writeln!(log, "[Output #{o}]");
        let mut of_output = Vec::new();
        let channels = kernels(cell, o);
        for (channel, reads) in &channels {
            if let Some(channel) = channel {
                let _ = writeln!(log, "[Channel #{channel}]");
                synapse_text(&mut log, reads);
                log.push('\n');
            }
            of_output.extend_from_slice(reads);
        }
        if channels.len() != 1 || channels[0].0.is_none() {
            synapse_text(&mut log, &of_output);
            log.push('\n');
        }
        connected_reads.extend(of_output);
    }
    log += &"-".repeat(80);
    log += "\n\n[Global stats]\n";
    let _ = writeln!(log, "Cell outputs: {}", grouped(outputs));
    let synapses = connected_reads.len() as u64 + biases;
    match &cell.layout {
        SynapseLayout::Conv { output: (width, height), .. } => {
            let size = (width * height) as u64;
            let nodes = size * outputs;
            let _ = writeln!(log, "Cell outputs size: {} ({width}x{height})", grouped(size));
            let _ = writeln!(log, "Cell output nodes: {}", grouped(nodes));
            for (kind, total) in [("shared", synapses), ("virtual", cell.virtual_synapses)] {
                let _ = writeln!(log, "Cell {kind} synapses: {}", grouped(total));
                let _ = writeln!(log, "Cell {kind} synapses per output: {}", grouped_real(per(total, outputs)));
                let _ = writeln!(log, "Cell {kind} synapses per output node: {}", grouped_real(per(total, nodes)));
            }
        }
        SynapseLayout::Fc { .. } => {
            let _ = writeln!(log, "Cell synapses: {}", grouped(synapses));
            let _ = writeln!(log, "Cell synapses per output: {}", grouped_real(per(synapses, outputs)));
        }
    }
    synapse_text(&mut log, &connected_reads);
    log.push('\n');
    log
}

/// The reads of each connected channel of an output; an Fc cell has one part without a channel.
fn kernels(cell: &CellReads, output: usize) -> Vec<(Option<usize>, &[u64])> {
    match &cell.layout {
        SynapseLayout::Conv { kernel, n_channels, connected, .. } => {
            let area = kernel.0 * kernel.1;
            (0..*n_channels)
                .filter(|c| connected[output * n_channels + c])
                .map(|c| (Some(c), &cell.reads[(output * n_channels + c) * area..][..area]))
                .collect()
        }
        SynapseLayout::Fc { n_inputs } => vec![(None, &cell.reads[output * n_inputs..][..*n_inputs])],
    }
}

/// The per-synapse files of a cell: name and text. A Conv line is `R <reads> <x> <y>` with x the outer loop.
fn synapse_logs(cell: &CellReads) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for o in 0..cell.n_outputs {
        for (channel, reads) in kernels(cell, o) {
            let mut text = String::new();
            match (&cell.layout, channel) {
                (SynapseLayout::Conv { kernel: (width, height), .. }, Some(channel)) => {
                    for x in 0..*width {
                        for y in 0..*height {
                            let _ = writeln!(text, "R {} {x} {y}", reads[y * width + x]);
                        }
                    }
                    files.push((format!("cell-{o}-[{channel}].log"), text));
                }
                _ => {
                    for (input, count) in reads.iter().enumerate() {
                        let _ = writeln!(text, "R {count} {input}");
                    }
                    files.push((format!("cell-{o}.log"), text));
                }
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_fc_log_reads_as_measured() {
        let cell = CellReads {
            name: "fc".to_string(),
            n_outputs: 2,
            layout: SynapseLayout::Fc { n_inputs: 2 },
            reads: vec![1500, 1, 1500, 1],
            virtual_synapses: 6,
            with_bias: true,
        };
        let log = cell_log(&cell);
        let output = "Synapses: 2\nRead events: 1,501\nRead events per synapse (average): 750.5\n\
                      Max. read events per synapse: 1,500\n\n";
        let expected = format!(
            "[Output #0]\n{output}[Output #1]\n{output}{}\n\n[Global stats]\nCell outputs: 2\nCell synapses: 6\n\
             Cell synapses per output: 3\nSynapses: 4\nRead events: 3,002\nRead events per synapse (average): 750.5\n\
             Max. read events per synapse: 1,500\n\n",
            "-".repeat(80)
        );
        assert_eq!(log, expected);
        assert_eq!(synapse_logs(&cell)[0], ("cell-0.log".to_string(), "R 1500 0\nR 1 1\n".to_string()));
    }

    #[test]
    fn a_conv_log_has_shared_and_virtual_synapses() {
        let mut reads = vec![0; 16];
        reads[..4].fill(1);
        reads[4] = 1;
        reads[8..12].fill(1);
        reads[12] = 1;
        let cell = CellReads {
            name: "conv".to_string(),
            n_outputs: 2,
            layout: SynapseLayout::Conv { kernel: (2, 2), n_channels: 2, connected: vec![true; 4], output: (2, 2) },
            reads,
            virtual_synapses: 64,
            with_bias: false,
        };
        let log = cell_log(&cell);
        for line in [
            "Cell outputs size: 4 (2x2)",
            "Cell output nodes: 8",
            "Cell shared synapses: 16",
            "Cell shared synapses per output: 8",
            "Cell shared synapses per output node: 2",
            "Cell virtual synapses: 64",
            "Cell virtual synapses per output: 32",
            "Cell virtual synapses per output node: 8",
            "Read events: 10",
            "[Channel #1]",
        ] {
            assert!(log.lines().any(|l| l == line), "{line} is missing in\n{log}");
        }
    }
}
