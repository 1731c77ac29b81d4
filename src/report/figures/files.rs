//! The files of `femtospike stats`.

use anyhow::Result;
use serde_json::{Value, json};
use stats::spikes::per;
use stats::{BREAK_EVENS, LatencySummary, Operations, latency};

use super::{FS_PER_NS, PERCENTS, Report};
use crate::output::OutputFolder;
use crate::report::confusion::{self, Misclassified};
use crate::report::table;
use crate::session::Session;

/// The folder of the tables and of the confusions of both networks.
pub const FOLDER: &str = "stats_test";

impl Report<'_> {
    /// Writes `stats.json`, the tables `layers.csv`, `classes.csv` and `patterns.csv`, and the confusions of both networks.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, session: &Session) -> Result<()> {
        let (output, database) = (&session.output, session.database());
        let mut misclassified = Vec::new();
        for pattern in &self.figures.patterns {
            if let Some(estimated) = pattern.response.filter(|&response| response != pattern.label) {
                let (id, name, target) = (pattern.id, database.name(pattern.id), pattern.label);
                misclassified.push(Misclassified { id, name, target, estimated });
            }
        }
        let names = &self.class_names;
        confusion::write(output, FOLDER, "spiking", &self.spiking, names, &misclassified)?;
        confusion::write(output, FOLDER, "formal", &self.formal.confusion, names, &self.formal.misclassified)?;
        self.write_tables(output)?;
        output.write("stats.json", serde_json::to_string_pretty(&self.json(session))? + "\n")
    }

    fn write_tables(&self, output: &OutputFolder) -> Result<()> {
        for (name, rows) in
            [("layers", self.layer_rows()), ("classes", self.class_rows()), ("patterns", self.pattern_rows())]
        {
            output.write(format!("{FOLDER}/{name}.csv"), table::csv(&rows)?)?;
        }
        Ok(())
    }

    fn layer_rows(&self) -> Vec<Vec<String>> {
        let columns = "layer,nodes,silent,saturated,spikes,rate_hz,intervals,interval_mean_ns,interval_cv,synapses,\
                       virtual_synapses,read_events,max_read_events_of_a_synapse";
        let mut rows = vec![columns.split(',').map(str::to_string).collect::<Vec<_>>()];
        for (index, layer) in self.figures.statistics.layers.iter().enumerate() {
            let intervals = &self.figures.intervals[index];
            rows.push(vec![
                layer.name.clone(),
                layer.nodes.to_string(),
                self.figures.silent[index].to_string(),
                self.saturated(index).map_or(String::new(), |n| n.to_string()),
                layer.events.to_string(),
                self.rate_hz(index).to_string(),
                intervals.count().to_string(),
                (intervals.mean_fs() / FS_PER_NS).to_string(),
                intervals.variation().to_string(),
                layer.synapses.to_string(),
                layer.virtual_synapses.to_string(),
                layer.reads.to_string(),
                layer.max_reads.to_string(),
            ]);
        }
        rows
    }

    /// Cells with synapses, by their place among all cells.
    fn synaptic(&self) -> impl Iterator<Item = (usize, &str)> {
        let layers = self.figures.statistics.layers.iter().skip(1).enumerate();
        layers.filter(|(_, layer)| layer.synapses > 0).map(|(cell, layer)| (cell, layer.name.as_str()))
    }

    fn class_rows(&self) -> Vec<Vec<String>> {
        let columns = "class,name,patterns,formal_right,spiking_right,decided,latency_mean_ns,read_events";
        let mut header: Vec<String> = columns.split(',').map(str::to_string).collect();
        header.extend(self.synaptic().map(|(_, name)| format!("read_events {name}")));
        let mut rows = vec![header];
        for (class, (name, tally)) in self.class_names.iter().zip(&self.classes).enumerate() {
            let summary = tally.latency();
            let mut row = vec![
                class.to_string(),
                name.clone(),
                tally.patterns().to_string(),
                self.formal.confusion.count(class, class).to_string(),
                tally.right.to_string(),
                summary.decided.to_string(),
                if summary.decided > 0 { (summary.mean_fs / FS_PER_NS).to_string() } else { String::new() },
                tally.total_reads().to_string(),
            ];
            row.extend(self.synaptic().map(|(cell, _)| tally.reads[cell].to_string()));
            rows.push(row);
        }
        rows
    }

    fn pattern_rows(&self) -> Vec<Vec<String>> {
        let mut header: Vec<String> =
            "id,class,formal,spiking,latency_fs,spikes,read_events".split(',').map(str::to_string).collect();
        header.extend(self.synaptic().map(|(_, name)| format!("read_events {name}")));
        let mut rows = vec![header];
        for (pattern, formal) in self.figures.patterns.iter().zip(&self.formal.estimates) {
            let mut row = vec![
                pattern.id.to_string(),
                pattern.label.to_string(),
                formal.to_string(),
                pattern.response.map_or(String::new(), |response| response.to_string()),
                pattern.decided_at.map_or(String::new(), |time| time.0.to_string()),
                pattern.spikes.to_string(),
                pattern.reads.iter().sum::<u64>().to_string(),
            ];
            row.extend(self.synaptic().map(|(cell, _)| pattern.reads[cell].to_string()));
            rows.push(row);
        }
        rows
    }

    /// All figures for programs.
    pub fn json(&self, session: &Session) -> Value {
        let (statistics, n) = (&self.figures.statistics, self.patterns());
        let layers: Vec<Value> = (0..statistics.layers.len()).map(|layer| self.layer_json(layer)).collect();
        let classes: Vec<Value> = (0..self.classes.len()).map(|class| self.class_json(class)).collect();
        let percentiles = PERCENTS.iter().zip(latency::percentiles(self.latencies(), &PERCENTS));
        let percentiles: Vec<Value> =
            percentiles.map(|(percent, time)| json!({ "percent": percent, "ns": time.0 as f64 / FS_PER_NS })).collect();
        let LatencySummary { decided, undecided, mean_fs, .. } = LatencySummary::of(self.latencies());
        let agreement = &self.agreement;
        let mut all = json!({
            "model": session.description.name,
            "patterns": n,
            "formal_recognition_rate": self.formal.recognition_rate(),
            "spiking_recognition_rate": self.spiking_rate(),
            "agreement": {
                "both_right": agreement.both_right,
                "both_wrong_same_answer": agreement.same_wrong,
                "both_wrong": agreement.both_wrong,
                "formal_only_right": agreement.formal_only,
                "spiking_only_right": agreement.spiking_only,
                "no_output_spike": self.n_unanswered,
            },
            "read_events": statistics.reads(),
            "read_events_per_pattern": per(statistics.reads(), n),
            "read_events_per_synapse_per_pattern": per(statistics.reads(), statistics.synapses()) / n.max(1) as f64,
            "read_events_per_virtual_synapse_per_pattern": statistics.reads_per_virtual_synapse_per_pattern(),
            "max_read_events_of_a_synapse": statistics.max_reads(),
            "decision_latency": {
                "decided": decided,
                "undecided": undecided,
                "mean_ns": if decided > 0 { json!(mean_fs / FS_PER_NS) } else { Value::Null },
                "percentiles": percentiles,
            },
            "layers": layers,
            "classes": classes,
            "operations_of_all_patterns": {
                "frames": operations(&Self::total(&self.frames)),
                "spikes": operations(&Self::total(&self.spikes)),
            },
            "break_even": BREAK_EVENS.iter().map(|bound| json!({
                "spikes_per_synapse_from": bound.from,
                "spikes_per_synapse_to": bound.to,
                "of": bound.of,
                "source": bound.source,
                "is_below": bound.is_below(statistics.reads_per_virtual_synapse_per_pattern()),
            })).collect::<Vec<_>>(),
            "present_time_fs": self.end.0,
            "seed": session.seed,
            "encoder_seed": session.encoder_seed(),
            "version": env!("CARGO_PKG_VERSION"),
            "ini_sha256": session.description.sha256,
            "weights_sha256": self.weights_sha256,
        });
        if let Some(costs) = &self.costs {
            all["energy_of_all_patterns"] = json!({
                "costs": costs.name,
                "source": costs.source,
                "frames_pj": costs.energy_pj(&Self::total(&self.frames)),
                "spikes_pj": costs.energy_pj(&Self::total(&self.spikes)),
            });
        }
        all
    }

    fn layer_json(&self, layer: usize) -> Value {
        let counted = &self.figures.statistics.layers[layer];
        let intervals = &self.figures.intervals[layer];
        let bins = intervals.bins().iter().enumerate().filter(|(_, count)| **count > 0);
        let bins: Vec<Value> = bins.map(|(i, count)| json!({ "from_fs": 1_u64 << i, "count": count })).collect();
        let mut all = json!({
            "layer": counted.name,
            "nodes": counted.nodes,
            "silent": self.figures.silent[layer],
            "saturated": self.saturated(layer),
            "spikes": counted.events,
            "rate_hz": self.rate_hz(layer),
            "intervals": {
                "count": intervals.count(),
                "mean_ns": intervals.mean_fs() / FS_PER_NS,
                "cv": intervals.variation(),
                "by_power_of_two": bins,
            },
            "synapses": counted.synapses,
            "virtual_synapses": counted.virtual_synapses,
            "read_events": counted.reads,
        });
        if layer > 0 {
            all["operations_frames"] = operations(&self.frames[layer - 1]);
            all["operations_spikes"] = operations(&self.spikes[layer - 1]);
        }
        all
    }

    fn class_json(&self, class: usize) -> Value {
        let tally = &self.classes[class];
        let summary = tally.latency();
        let reads: Vec<Value> =
            self.synaptic().map(|(cell, name)| json!({ "cell": name, "events": tally.reads[cell] })).collect();
        json!({
            "class": class,
            "name": self.class_names[class],
            "patterns": tally.patterns(),
            "formal_right": self.formal.confusion.count(class, class),
            "spiking_right": tally.right,
            "decided": summary.decided,
            "latency_mean_ns": if summary.decided > 0 { json!(summary.mean_fs / FS_PER_NS) } else { Value::Null },
            "read_events": reads,
            "read_events_per_virtual_synapse_per_pattern":
                tally.reads_per_virtual_synapse_per_pattern(self.virtual_synapses()),
        })
    }
}

fn operations(operations: &Operations) -> Value {
    let Operations { multiplications, accumulations, comparisons, bytes } = operations;
    json!({
        "multiplications": multiplications,
        "accumulations": accumulations,
        "comparisons": comparisons,
        "bytes": bytes,
    })
}
