//! The curve of `femtospike curve`: a table, CSV, JSON and pictures.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;
use sim::SimTime;
use stats::LatencySummary;

use super::number::{general, grouped, significant};
use super::picture::{Chart, Curve};
use super::table;
use crate::output::OutputFolder;
use crate::run::spiking_test::curve::{Point, Stopping};

/// Names of the files.
pub const FILES: [&str; 4] = ["curve.csv", "curve.json", "curve_reads.png", "curve_latency.png"];

/// Kinds of ways to stop.
pub(super) const RULES: [&str; 3] = ["TerminateDelta", "TerminateMax", "deadline"];
const FS_PER_NS: f64 = 1e6;
/// Points further below the best one are left out of the pictures, which would show nothing else.
const MOST_LOSS: f64 = 0.02;
/// So many times what the dearest rule takes, deadlines are drawn.
const MOST_COST: f64 = 4.0;
/// Losses in points of percent whose cheapest way to stop is told.
const LOSSES: [f64; 3] = [0.0, 0.1, 0.5];
/// Of fewer, one is worth more than the greatest of these.
const FEWEST_PATTERNS: u64 = 200;

/// All points of a test, and what they are measured by.
pub struct DecisionCurve {
    /// What makes the figures comparable.
    pub model: String,
    /// Hash of the model's text.
    pub ini_sha256: String,
    /// Hash of the trained weights.
    pub weights_sha256: String,
    /// Version of the program.
    pub version: String,
    /// Seed of the run.
    pub seed: u64,
    /// Seed of the input coding and the delays.
    pub encoder_seed: u64,
    /// Presentation time of a stimulus that nothing ends.
    pub present_time: SimTime,
    /// Fraction of the stimuli that the frame network recognizes.
    pub formal_rate: f64,
    /// Stimuli.
    pub patterns: u64,
    /// Synapses of the unrolled network.
    pub virtual_synapses: u64,
    /// Names of the cells.
    pub cells: Vec<String>,
    /// Whether each cell has synapses.
    pub has_synapses: Vec<bool>,
    /// `TerminateDelta` and `TerminateMax` of the model.
    pub of_model: (u32, u32),
    /// The points.
    pub points: Vec<Point>,
}

#[derive(Serialize)]
struct File<'a> {
    model: &'a str,
    patterns: u64,
    virtual_synapses: u64,
    formal_recognition_rate: f64,
    present_time_fs: u64,
    seed: u64,
    encoder_seed: u64,
    version: &'a str,
    ini_sha256: &'a str,
    weights_sha256: &'a str,
    points: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    terminate_delta: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terminate_max: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_fs: Option<u64>,
    spiking_recognition_rate: f64,
    right: u64,
    decided: u64,
    undecided: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_latency_mean_ns: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_latency_p95_ns: Option<f64>,
    mean_time_ns: f64,
    synaptic_events: u64,
    read_events_per_virtual_synapse_per_pattern: f64,
    read_events: Vec<CellEvents<'a>>,
}

#[derive(Serialize)]
struct CellEvents<'a> {
    cell: &'a str,
    events: u64,
}

impl Stopping {
    /// The rule, and its number in the pictures' and tables' units.
    fn named(self) -> (&'static str, String) {
        match self {
            Self::Delta(delta) => (RULES[0], delta.to_string()),
            Self::Max(max) => (RULES[1], max.to_string()),
            Self::Deadline(deadline) => (RULES[2], deadline.to_string()),
        }
    }
}

impl DecisionCurve {
    /// When a stimulus that no rule decides is answered.
    fn end(&self, point: &Point) -> SimTime {
        match point.stopping {
            Stopping::Deadline(deadline) => SimTime(deadline.0),
            _ => self.present_time,
        }
    }

    fn reads(&self, point: &Point) -> f64 {
        point.tally.reads_per_virtual_synapse_per_pattern(self.virtual_synapses)
    }

    fn mean_time_ns(&self, point: &Point) -> f64 {
        point.tally.mean_time_fs(self.end(point)) / FS_PER_NS
    }

    /// Points of percent below the frame network.
    fn loss(&self, point: &Point) -> f64 {
        100.0 * (self.formal_rate - point.tally.recognition_rate())
    }

    fn is_of_model(&self, stopping: Stopping) -> bool {
        match stopping {
            Stopping::Delta(delta) => self.of_model == (delta, 0),
            Stopping::Max(max) => self.of_model == (0, max),
            Stopping::Deadline(_) => false,
        }
    }

    /// The table, and the cheapest ways to stop at some losses.
    pub fn text(&self) -> String {
        let header = [
            "stop by",
            "",
            "spiking",
            "below frames",
            "reads/v.synapse/pattern",
            "answer after",
            "latency mean",
            "95 % within",
            "undecided",
        ];
        let mut rows = vec![header.map(str::to_string).to_vec()];
        for point in &self.points {
            let (rule, number) = point.stopping.named();
            let LatencySummary { decided, undecided, mean_fs, p95_fs } = point.tally.latency();
            let latency = |fs: f64| if decided > 0 { format!("{:.1} ns", fs / FS_PER_NS) } else { "-".to_string() };
            rows.push(vec![
                rule.to_string(),
                if self.is_of_model(point.stopping) { format!("{number} (model)") } else { number },
                format!("{:.2} %", 100.0 * point.tally.recognition_rate()),
                format!("{:.2}", self.loss(point)),
                format!("{:.4}", self.reads(point)),
                format!("{:.1} ns", self.mean_time_ns(point)),
                latency(mean_fs),
                latency(p95_fs as f64),
                grouped(undecided),
            ]);
        }
        let mut text = table::aligned(&rows, 2);
        let _ = writeln!(text, "\nframes: {:.2} % of {} patterns", 100.0 * self.formal_rate, grouped(self.patterns));
        if self.patterns < FEWEST_PATTERNS {
            let _ = writeln!(
                text,
                "of so few, one is worth {} points: no way to stop is recommended; present {FEWEST_PATTERNS} or more",
                significant(100.0 / self.patterns.max(1) as f64, 2)
            );
            return text.trim_end().to_string();
        }
        for most in LOSSES {
            // Room for the rounding of a difference of two rates.
            let fits = |point: &&Point| self.loss(point) <= most + 1e-9;
            let reads = |point: &Point| self.reads(point);
            let cheapest = self.points.iter().filter(fits).min_by(|a, b| reads(a).total_cmp(&reads(b)));
            let Some(point) = cheapest else {
                let _ = writeln!(text, "no way to stop is within {most:.2} points of the frames");
                continue;
            };
            let (rule, number) = point.stopping.named();
            let _ = writeln!(
                text,
                "fewest reads within {most:.2} points of the frames: {rule} {number}, {:.2} %, {:.4} reads per virtual synapse, \
                 {:.1} ns",
                100.0 * point.tally.recognition_rate(),
                self.reads(point),
                self.mean_time_ns(point)
            );
        }
        text.trim_end().to_string()
    }

    /// The curve for programs.
    pub fn document(&self) -> impl Serialize + '_ {
        self.file()
    }

    /// Writes the files.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, output: &OutputFolder) -> Result<()> {
        let [csv, json, reads, latency] = FILES;
        output.write(csv, table::csv(&self.rows())?)?;
        output.write(json, serde_json::to_string_pretty(&self.file())? + "\n")?;
        let of_reads = |point: &Point| self.reads(point);
        let title = "Recognition rate (%) over read events per virtual synapse per pattern";
        output.write(reads, self.picture(title, "reads", of_reads)?)?;
        let of_time = |point: &Point| self.mean_time_ns(point);
        let title = "Recognition rate (%) over the mean time until the answer";
        output.write(latency, self.picture(title, "ns", of_time)?)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let columns = "terminate_delta,terminate_max,deadline_fs,spiking_recognition_rate,right,decided,undecided,\
                       decision_latency_mean_ns,decision_latency_p95_ns,mean_time_ns,synaptic_events,\
                       read_events_per_virtual_synapse_per_pattern";
        let mut header: Vec<String> = columns.split(',').map(str::to_string).collect();
        header.extend(self.synaptic_cells().map(|cell| format!("read_events {}", self.cells[cell])));
        let mut rows = vec![header];
        for point in &self.points {
            let (tally, latency) = (&point.tally, point.tally.latency());
            let mut rule = [const { String::new() }; 3];
            match point.stopping {
                Stopping::Delta(delta) => rule[0] = delta.to_string(),
                Stopping::Max(max) => rule[1] = max.to_string(),
                Stopping::Deadline(deadline) => rule[2] = deadline.0.to_string(),
            }
            let of_decided = |fs: f64| if latency.decided > 0 { (fs / FS_PER_NS).to_string() } else { String::new() };
            let mut row = rule.to_vec();
            row.extend([
                tally.recognition_rate().to_string(),
                tally.right.to_string(),
                latency.decided.to_string(),
                latency.undecided.to_string(),
                of_decided(latency.mean_fs),
                of_decided(latency.p95_fs as f64),
                self.mean_time_ns(point).to_string(),
                tally.total_reads().to_string(),
                self.reads(point).to_string(),
            ]);
            row.extend(self.synaptic_cells().map(|cell| tally.reads[cell].to_string()));
            rows.push(row);
        }
        rows
    }

    fn synaptic_cells(&self) -> impl Iterator<Item = usize> {
        (0..self.cells.len()).filter(|&cell| self.has_synapses[cell])
    }

    fn file(&self) -> File<'_> {
        let entry = |point: &Point| -> Entry<'_> {
            let (tally, latency) = (&point.tally, point.tally.latency());
            let of_decided = |fs: f64| (latency.decided > 0).then_some(fs / FS_PER_NS);
            let (mut terminate_delta, mut terminate_max, mut deadline_fs) = (None, None, None);
            match point.stopping {
                Stopping::Delta(delta) => terminate_delta = Some(delta),
                Stopping::Max(max) => terminate_max = Some(max),
                Stopping::Deadline(deadline) => deadline_fs = Some(deadline.0),
            }
            let events = |cell: usize| CellEvents { cell: &self.cells[cell], events: tally.reads[cell] };
            Entry {
                terminate_delta,
                terminate_max,
                deadline_fs,
                spiking_recognition_rate: tally.recognition_rate(),
                right: tally.right,
                decided: latency.decided,
                undecided: latency.undecided,
                decision_latency_mean_ns: of_decided(latency.mean_fs),
                decision_latency_p95_ns: of_decided(latency.p95_fs as f64),
                mean_time_ns: self.mean_time_ns(point),
                synaptic_events: tally.total_reads(),
                read_events_per_virtual_synapse_per_pattern: self.reads(point),
                read_events: self.synaptic_cells().map(events).collect(),
            }
        };
        File {
            model: &self.model,
            patterns: self.patterns,
            virtual_synapses: self.virtual_synapses,
            formal_recognition_rate: self.formal_rate,
            present_time_fs: self.present_time.0,
            seed: self.seed,
            encoder_seed: self.encoder_seed,
            version: &self.version,
            ini_sha256: &self.ini_sha256,
            weights_sha256: &self.weights_sha256,
            points: self.points.iter().map(entry).collect(),
        }
    }

    /// The rates over something, a curve for each kind of rule, and the frame network's as a line.
    fn picture(&self, title: &str, x_label: &str, along: impl Fn(&Point) -> f64) -> Result<Vec<u8>> {
        let named = |point: &Point| (point.stopping.named().0, along(point), point.tally.recognition_rate());
        let all = series(&self.points.iter().map(named).collect::<Vec<_>>(), self.formal_rate);
        let curves = all.iter().map(|(name, points)| Curve { name, points: points.clone() }).collect();
        Chart { title, x_label, x_is_log: true, curves, mark: None }.png()
    }
}

/// Of points with their kind of rule, what they cost and their rate: a curve in percent for each kind, what is far below the
/// best left out, and the frame network's rate as a line.
pub(super) fn series(points: &[(&str, f64, f64)], formal_rate: f64) -> Vec<(String, Vec<(f64, f64)>)> {
    let best = points.iter().map(|point| point.2).fold(formal_rate, f64::max);
    let of_rules = points.iter().filter(|point| point.0 != RULES[2]).map(|point| point.1);
    let dearest = of_rules.reduce(f64::max).unwrap_or(f64::INFINITY);
    let is_near = |point: &&(&str, f64, f64)| point.2 >= best - MOST_LOSS && point.1 <= MOST_COST * dearest;
    let mut curves: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for kind in RULES {
        let of_kind = points.iter().filter(|point| point.0 == kind).filter(is_near);
        let mut of_kind: Vec<(f64, f64)> = of_kind.map(|&(_, along, rate)| (along, 100.0 * rate)).collect();
        of_kind.sort_by(|a, b| a.0.total_cmp(&b.0));
        curves.push((kind.to_string(), of_kind));
    }
    let all = curves.iter().flat_map(|curve| &curve.1).map(|point| point.0);
    let (first, last) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    let frames = [first, last].map(|x| (x, 100.0 * formal_rate)).to_vec();
    curves.push((format!("frames {}", general(100.0 * formal_rate)), frames));
    curves.retain(|curve| curve.1.iter().any(|point| point.0.is_finite()));
    curves
}
