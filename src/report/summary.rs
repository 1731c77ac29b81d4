//! `summary.json` and the same on standard output: what a run reached and what makes it comparable.

use anyhow::Result;
use serde::Serialize;

use super::number::{general, grouped, grouped_real, significant};
use crate::output::OutputFolder;
use crate::run::targets::{RegionTally, Tally};

/// Name of the file in the output folder.
pub const FILE: &str = "summary.json";

/// What a run reached. A key that does not apply is absent; only seconds and threads may differ between two equal runs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Name of the model file.
    pub model: String,
    /// Fraction of the test stimuli that the frame network recognizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formal_recognition_rate: Option<f64>,
    /// Fraction of the test stimuli that the spiking network recognizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spiking_recognition_rate: Option<f64>,
    /// Mean squared error of the test stimuli's reconstruction, where the data are the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_squared_error: Option<f64>,
    /// The share of the test stimuli's variance that the reconstruction explains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance_explained: Option<f64>,
    /// Best validation score; a mean squared error where the data are the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_score: Option<f64>,
    /// What each target gave, where outputs are judged through target maps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetSummary>,
    /// The same of the spiking network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spiking_targets: Vec<TargetSummary>,
    /// Test stimuli.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patterns: Option<u64>,
    /// Below 1 when spikes need fewer accumulations than frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_events_per_virtual_synapse_per_pattern: Option<f64>,
    /// Read events of all synapses over all patterns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synaptic_events: Option<u64>,
    /// Spikes of the environment and of all cells over all patterns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Time of the deciding output spike after the stimulus began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_latency_ns: Option<Latency>,
    /// Stimuli whose presentation ended without a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<u64>,
    /// Wall seconds of the formal test, reading data and writing logs excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formal_seconds: Option<f64>,
    /// Wall seconds spent on collecting activations for the normalization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalization_seconds: Option<f64>,
    /// Wall seconds of the spiking test, encoding included, reading data and writing logs excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spiking_seconds: Option<f64>,
    /// Wall seconds of learning, validation excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_seconds: Option<f64>,
    /// Stimuli learned in all, resumed parts included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stimuli_learned: Option<u64>,
    /// `mean`, `percentile`, `max` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalization: Option<String>,
    /// `approximated` or `exact`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<String>,
    /// Lead of the best output that ends a stimulus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminate_delta: Option<u32>,
    /// Presentation time of a stimulus in femtoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present_time_fs: Option<u64>,
    /// Clock of the times in the logs of spikes: `per stimulus` counts from the start of each, `continuous` from that of the
    /// first. The decision latency always counts from the start of its stimulus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
    /// Width of the spiking potentials, `f32` or `f64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub float: Option<String>,
    /// Where the trained weights were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_dir: Option<String>,
    /// Hash over the trained weights' text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    /// What computed the frames: the CPU, or the CUDA device with its driver and compiler.
    pub device: String,
    /// Worker threads.
    pub threads: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Seed of the input coding and the delays, where it differs from `seed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder_seed: Option<u64>,
    /// Version of the program.
    pub version: String,
    /// Hash of the model's text.
    pub ini_sha256: String,
}

/// What a test gave at one target.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TargetSummary {
    /// Name of its section.
    pub name: String,
    /// Mean over the stimuli of their success: of a map, the mean over the classes of a stimulus of the share that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recognition_rate: Option<f64>,
    /// Names of the classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// F1 score of each class, over all positions that count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub f1_scores: Vec<f64>,
    /// Of regions: the share of those found that are true, each counted once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roi_precision: Option<f64>,
    /// The share of the true regions that are found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roi_recall: Option<f64>,
    /// The share of the true regions found that have their class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roi_named_right: Option<f64>,
}

impl TargetSummary {
    /// Of classes, position by position.
    pub fn of_classes(name: &str, tally: &Tally, classes: Vec<String>) -> Self {
        let confusion = tally.confusion();
        let f1_scores = (0..classes.len()).map(|class| confusion.score(class).f1_score).collect();
        Self { name: name.to_owned(), recognition_rate: Some(tally.rate()), classes, f1_scores, ..Self::default() }
    }

    /// Of regions.
    pub fn of_regions(name: &str, regions: &RegionTally) -> Self {
        Self {
            name: name.to_owned(),
            roi_precision: Some(regions.precision()),
            roi_recall: Some(regions.recall()),
            roi_named_right: Some(regions.named_right()),
            ..Self::default()
        }
    }

    /// The figures as one text.
    fn text(&self) -> String {
        let percent = |rate: &f64| format!("{:.2} %", 100.0 * rate);
        let mut parts: Vec<String> =
            self.recognition_rate.iter().map(|rate| format!("recognized {}", percent(rate))).collect();
        if !self.f1_scores.is_empty() && self.f1_scores.len() <= 4 {
            let scores: Vec<String> = self.f1_scores.iter().map(percent).collect();
            parts.push(format!("F1 {}", scores.join(", ")));
        }
        let of_regions =
            [("precision", &self.roi_precision), ("recall", &self.roi_recall), ("named right", &self.roi_named_right)];
        parts.extend(
            of_regions.into_iter().filter_map(|(what, rate)| Some(format!("{what} {}", percent(rate.as_ref()?)))),
        );
        parts.join(", ")
    }
}

/// Decision latency in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Mean over the decided stimuli.
    pub mean: f64,
    /// 95th percentile over the decided stimuli.
    pub p95: f64,
}

/// Whether the folder holds the summary of a finished spiking test.
pub fn is_of_spiking_test(output: &OutputFolder) -> bool {
    let text = std::fs::read_to_string(output.path(FILE)).unwrap_or_default();
    serde_json::from_str::<serde_json::Value>(&text)
        .is_ok_and(|summary| summary.get("spiking_recognition_rate").is_some())
}

impl Summary {
    /// Writes `summary.json`.
    pub fn write(&self, output: &OutputFolder) -> Result<()> {
        output.write(FILE, serde_json::to_string_pretty(self)? + "\n")
    }

    /// The summary as aligned lines.
    pub fn text(&self) -> String {
        let mut rows: Vec<(&str, String)> = vec![("model", self.model.clone())];
        let mut row = |label, value: Option<String>| rows.extend(value.map(|v| (label, v)));
        let percent = |rate: f64| format!("{:.2} %", 100.0 * rate);
        row("stimuli learned", self.stimuli_learned.map(grouped));
        row(
            "learning",
            self.learning_seconds.map(|s| {
                let each = self
                    .stimuli_learned
                    .filter(|&n| n > 0)
                    .map(|n| format!(" ({:.1} us a stimulus)", s * 1e6 / n as f64));
                format!("{s:.2} s{}", each.unwrap_or_default())
            }),
        );
        match self.mean_squared_error {
            Some(_) => row("validation error", self.validation_score.map(|error| significant(error, 4))),
            None => row("validation score", self.validation_score.map(percent)),
        }
        row("patterns", self.patterns.map(grouped));
        row("mean squared error", self.mean_squared_error.map(|error| significant(error, 4)));
        row("variance explained", self.variance_explained.map(percent));
        let of_targets = self
            .targets
            .iter()
            .map(|target| (target, ""))
            .chain(self.spiking_targets.iter().map(|target| (target, " as spikes")));
        let of_targets: Vec<(String, String)> =
            of_targets.map(|(target, how)| (format!("{}{how}", target.name), target.text())).collect();
        row("formal recognition rate", self.formal_recognition_rate.map(percent));
        row("spiking recognition rate", self.spiking_recognition_rate.map(percent));
        row(
            "read events per virtual synapse per pattern",
            self.read_events_per_virtual_synapse_per_pattern.map(general),
        );
        row("synaptic events", self.synaptic_events.map(grouped));
        row("spikes", self.events.map(grouped));
        row(
            "decision latency",
            self.decision_latency_ns.map(|l| {
                let undecided = self.undecided.unwrap_or(0);
                format!(
                    "mean {} ns, 95 % within {} ns, {} undecided",
                    grouped_real(l.mean),
                    grouped_real(l.p95),
                    grouped(undecided)
                )
            }),
        );
        row("formal test", self.formal_seconds.map(|s| format!("{s:.2} s")));
        row("activation statistics", self.normalization_seconds.map(|s| format!("{s:.2} s")));
        row("spiking test", self.spiking_seconds.map(|s| format!("{s:.2} s")));
        row(
            "normalization, pooling",
            self.normalization.as_ref().map(|n| format!("{n}, {}", self.pooling.as_deref().unwrap_or("-"))),
        );
        row("clock of the spike logs", self.clock.clone().filter(|clock| clock == "continuous"));
        row("weights", self.weights_dir.clone());
        row("device of the frames", Some(self.device.clone()).filter(|device| device != "CPU"));
        rows.push(("threads, seed, version", format!("{}, {}, {}", self.threads, self.seed, self.version)));
        rows.extend(of_targets.iter().map(|(label, value)| (label.as_str(), value.clone())));
        let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        let mut text = String::from("[Summary]");
        for (label, value) in rows {
            text += &format!("\n  {label:<width$}  {value}");
        }
        text
    }
}
