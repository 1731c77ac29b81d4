//! What an output folder holds for the page.

use std::fs;
use std::io::Read;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;
use stats::Metric;

use super::data::{ATLAS, CURVE, Data, FILE, FOLDER};
use crate::failure::wrong_input;
use crate::output::OutputFolder;
use crate::report::decision_curve::{FILES, RULES};
use crate::report::summary;
use crate::run::learning_state;

/// No file of a run is larger.
const MAX_BYTES: u64 = 256 << 20;

/// Points of a curve.
type Points = Vec<(f64, f64)>;

/// All that was found.
pub struct Folder {
    /// `summary.json`, or null.
    pub summary: Value,
    /// What `--page` keeps of a test.
    pub data: Option<Data>,
    /// The pictures of the stimuli.
    pub atlas: Vec<u8>,
    /// The curve of the same network.
    pub curve: Option<DecisionCurve>,
    /// Curves of learning, a target each.
    pub learning: Vec<Learning>,
    /// The learning-rate range test: as it was and smoothed.
    pub find_lr: Option<Vec<(String, Points)>>,
}

/// What is read of a `curve.json`.
#[derive(Deserialize)]
pub struct DecisionCurve {
    pub patterns: u64,
    pub formal_recognition_rate: f64,
    pub present_time_fs: u64,
    ini_sha256: String,
    weights_sha256: String,
    pub points: Vec<Point>,
}

/// One way to stop.
#[derive(Deserialize)]
pub struct Point {
    terminate_delta: Option<u32>,
    terminate_max: Option<u32>,
    deadline_fs: Option<u64>,
    pub spiking_recognition_rate: f64,
    pub mean_time_ns: f64,
    pub read_events_per_virtual_synapse_per_pattern: f64,
}

impl Point {
    /// The rule, and its number.
    pub fn rule(&self) -> (&'static str, String) {
        match (self.terminate_delta, self.terminate_max) {
            (Some(delta), _) => (RULES[0], delta.to_string()),
            (_, Some(max)) => (RULES[1], max.to_string()),
            _ => (RULES[2], format!("{} ns", self.deadline_fs.unwrap_or(0) as f64 / 1e6)),
        }
    }
}

/// Curves of one learning.
pub struct Learning {
    /// Name of its target.
    name: String,
    /// What validations are judged by, where it is known.
    metric: Option<Metric>,
    success: Points,
    validation: Points,
    loss: Points,
}

impl Learning {
    /// Values that no picture can show.
    pub fn n_left_out(&self) -> usize {
        let all = [&self.success, &self.validation, &self.loss];
        all.into_iter().flatten().filter(|(_, value)| !value.is_finite()).count()
    }

    /// Pictures: a name, title, horizontal axis and curves.
    #[expect(clippy::type_complexity, reason = "it is read in one place")]
    pub fn charts(&self) -> Vec<(&'static str, String, &'static str, Vec<(String, Points)>)> {
        let of_metric = self.metric.map_or(String::new(), |metric| format!(": {}", metric.name()));
        let success = [
            ("learning: recognized".to_string(), self.success.clone()),
            (format!("validation{of_metric}"), self.validation.clone()),
        ];
        let success = success.into_iter().filter(|curve| !curve.1.is_empty()).collect();
        let loss = vec![("squared error".to_string(), self.loss.clone())];
        let all = [
            ("success", format!("{}: success, %", self.name), "batches learned", success),
            ("loss", format!("{}: squared error", self.name), "stimuli learned", loss),
        ];
        all.into_iter().filter(|chart| chart.3.iter().any(|curve| curve.1.len() > 1)).collect()
    }
}

impl Folder {
    /// Reads what there is.
    ///
    /// # Errors
    /// Nothing of a run, or a file that no run has written so.
    pub fn read(output: &OutputFolder) -> Result<Self> {
        let summary = match text(output, summary::FILE)? {
            Some(text) => serde_json::from_str(&text).map_err(|e| fault(output, summary::FILE, &e.to_string()))?,
            None => Value::Null,
        };
        if output.path(summary::FILE).is_file() && !summary.is_object() {
            return Err(fault(output, summary::FILE, &format!("`{summary}`")));
        }
        let file = format!("{FOLDER}/{FILE}");
        let data: Option<Data> = match text(output, &file)? {
            Some(text) => Some(serde_json::from_str(&text).map_err(|e| fault(output, &file, &e.to_string()))?),
            None => None,
        };
        if let Some(data) = &data {
            check(data).map_err(|found| fault(output, &file, found))?;
        }
        let atlas = fs::read(output.path(FOLDER).join(ATLAS)).unwrap_or_default();
        if data.as_ref().is_some_and(|data| !data.shown.is_empty()) {
            let name = format!("{FOLDER}/{ATLAS}");
            image::load_from_memory(&atlas).map_err(|e| fault(output, &name, &e.to_string()))?;
        }
        let mut folder = Self { summary, data, atlas, curve: None, learning: Vec::new(), find_lr: None };
        for name in [FILES[1].to_string(), format!("{FOLDER}/{CURVE}")] {
            let Some(text) = text(output, &name)? else { continue };
            let curve: DecisionCurve = serde_json::from_str(&text).map_err(|e| fault(output, &name, &e.to_string()))?;
            let is_same = folder
                .data
                .as_ref()
                .is_some_and(|d| d.ini_sha256 == curve.ini_sha256 && d.weights_sha256 == curve.weights_sha256);
            if folder.curve.is_none() && is_same {
                folder.curve = Some(curve);
            }
        }
        folder.read_learning(output)?;
        if folder.summary.is_null() && folder.data.is_none() && folder.learning.is_empty() && folder.find_lr.is_none() {
            return Err(wrong_input(format!(
                "`{}`: expected the output folder of a run (summary.json, or learning curves), found none; \
                 `femtospike test MODEL.ini --page --out {0}` makes one",
                output.root().display()
            )));
        }
        Ok(folder)
    }

    /// Name of the model.
    pub fn model(&self) -> &str {
        let of_summary = self.summary.get("model").and_then(Value::as_str);
        of_summary.or(self.data.as_ref().map(|data| data.model.as_str())).unwrap_or("MODEL.ini")
    }

    fn read_learning(&mut self, output: &OutputFolder) -> Result<()> {
        let entries = fs::read_dir(output.root()).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        let metric = metric(output);
        for name in &names {
            if name.starts_with("find_lr_") && name.ends_with(".dat") && name != "find_lr_smoothed.dat" {
                let smoothed = columns(text(output, "find_lr_smoothed.dat")?, 0, 1);
                let raw = columns(text(output, name)?, 0, 1);
                self.find_lr = Some(vec![("loss".to_string(), raw), ("smoothed".to_string(), smoothed)]);
            }
            let Some(success) = text(output, &format!("{name}/Success_learning.dat"))? else { continue };
            let in_percent = |points: Points| points.into_iter().map(|(x, y)| (x, 100.0 * y)).collect();
            let running: Points =
                columns(Some(success), 0, 1).iter().enumerate().map(|(i, point)| (i as f64 + 1.0, point.1)).collect();
            self.learning.push(Learning {
                name: name.clone(),
                metric,
                success: in_percent(running),
                validation: in_percent(columns(text(output, &format!("{name}/Success_validation.dat"))?, 0, 1)),
                loss: columns(text(output, &format!("{name}/Loss_learning.dat"))?, 0, 1),
            });
        }
        Ok(())
    }
}

/// What the page relies on.
fn check(data: &Data) -> Result<(), &'static str> {
    let n = data.classes.len().max(data.answers.iter().map(|a| a.target.max(a.formal) + 1).max().unwrap_or(0));
    if n > 100_000 || data.answers.iter().any(|answer| answer.spiking.is_some_and(|class| class > 100_000)) {
        return Err("a class beyond 100,000");
    }
    if data.shown.iter().any(|shown| shown.place >= data.answers.len()) {
        return Err("a stimulus that was not tested");
    }
    let is_later = |(index, layer): (usize, &super::data::Layer)| layer.inputs.iter().any(|&input| input >= index);
    if data.layers.iter().enumerate().any(is_later) {
        return Err("a layer that reads a later one");
    }
    if data.details.iter().any(|detail| detail.shown >= data.shown.len()) {
        return Err("details of a stimulus that is not shown");
    }
    Ok(())
}

fn fault(output: &OutputFolder, name: &str, found: &str) -> anyhow::Error {
    let writer = match name {
        _ if name == FILES[1] => "curve MODEL.ini",
        _ if name.starts_with(FOLDER) => "test MODEL.ini --page",
        _ if name == summary::FILE => "test MODEL.ini",
        _ if name.starts_with("find_lr") => "find-lr MODEL.ini",
        _ => "learn MODEL.ini",
    };
    wrong_input(format!(
        "`{}`: expected it as a run writes it, found {found}; remove it, or write it again with `femtospike {writer} --out {}`",
        output.path(name).display(),
        output.root().display()
    ))
}

/// A file of the folder, if it is there.
fn text(output: &OutputFolder, name: &str) -> Result<Option<String>> {
    let path = output.path(name);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() && metadata.len() <= MAX_BYTES => {
            fs::read_to_string(&path).map(Some).map_err(|e| fault(output, name, &e.to_string()))
        }
        Ok(metadata) if metadata.is_file() => Err(fault(output, name, &format!("{} bytes", metadata.len()))),
        _ => Ok(None),
    }
}

/// What the validations of the folder's learning are judged by, of its state.
fn metric(output: &OutputFolder) -> Option<Metric> {
    let mut file = fs::File::open(output.path(learning_state::FILE)).ok()?;
    let (mut size, mut header) = ([0; 8], Vec::new());
    file.read_exact(&mut size).ok()?;
    file.take(u64::from_le_bytes(size).min(MAX_BYTES)).read_to_end(&mut header).ok()?;
    let header: Value = serde_json::from_slice(&header).ok()?;
    let state: Value = serde_json::from_str(header.pointer("/__metadata__/femtospike")?.as_str()?).ok()?;
    Metric::of_name(state.pointer("/ledger/metric")?.as_str()?)
}

/// Two columns of numbers; lines without are left out.
fn columns(text: Option<String>, x: usize, y: usize) -> Points {
    let text = text.unwrap_or_default();
    let numbers = |line: &str| {
        let columns: Vec<Option<f64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        Some((columns.get(x).copied()??, columns.get(y).copied()??))
    };
    text.lines().filter_map(numbers).collect()
}
