//! The report page: one HTML file, complete in itself, made of the files of an output folder.
//!
//! What the folder lacks is left out with a line that tells the command which adds it. The main content needs no script; the
//! script adds the stepping through stimuli, with their spikes and maps.

mod chart;
pub mod data;
mod drawing;
mod folder;
pub(super) mod html;
mod matrix;
mod pixels;
mod raster;
pub mod targets;

use std::fmt::Write;

use anyhow::Result;
use rayon::prelude::*;
use serde_json::json;

use self::data::Data;
use self::folder::Folder;
use self::html::{escaped, script_json, table};
use super::number::{general, grouped, significant};
use super::picture::{Chart, Curve};
use crate::output::OutputFolder;

/// Name of the page in the output folder.
pub const PAGE: &str = "report.html";
/// The folder of its pictures as files.
pub const FIGURES: &str = "report_figures";

/// The page, and its pictures by name.
struct Page {
    body: String,
    figures: Vec<(String, String)>,
}

impl Page {
    fn section(&mut self, id: &str, title: &str, contents: &str) {
        let _ = writeln!(self.body, "<section id=\"{id}\"><h2>{title}</h2>\n{contents}</section>");
    }

    /// A picture in the page and, by a name without its ending, as a file.
    fn figure(&mut self, name: &str, svg: String) -> String {
        let html = format!("<figure>{svg}</figure>\n");
        self.figures.push((name.to_string(), chart::file(&svg)));
        html
    }
}

/// Writes the page and its pictures, and gives the names of these.
///
/// # Errors
/// A folder without a run, files that no run has written so, a file that cannot be written.
pub fn write(output: &OutputFolder) -> Result<Vec<String>> {
    let folder = Folder::read(output)?;
    let mut page = Page { body: String::new(), figures: Vec::new() };
    summary(&mut page, &folder);
    if let Some(data) = &folder.data {
        network(&mut page, data);
        costs(&mut page, data);
        curve(&mut page, &folder);
        matrix::sections(&mut page, data);
        viewer(&mut page, data);
        rasters(&mut page, data);
        agreement(&mut page, data);
    }
    let has_targets = targets::sections(&mut page, output)?;
    if folder.data.is_none() && !has_targets {
        let hint = lacking("Answers, costs and stimuli", &format!("femtospike test {} --page", folder.model()));
        page.section("answers", "Answers", &hint);
    }
    learning(&mut page, &folder);
    provenance(&mut page, &folder);
    let script = match &folder.data {
        Some(data) => format!(
            "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{}</script>",
            script_json(&json!({
                "classes": data.classes, "layers": data.layers, "atlas": data.atlas, "details": data.details,
                "shown": data.shown.iter().map(|shown| json!({ "s": shown, "a": data.answers.get(shown.place) })).collect::<Vec<_>>(),
                "spiking": data.spiking, "target": data.target_layer,
            }))?,
            include_str!("page/page.js")
        ),
        None => String::new(),
    };
    let atlas = folder.data.as_ref().map_or(String::new(), |data| {
        let atlas = data.atlas;
        let scale = (56 / atlas.width.max(1)).max(1);
        format!(
            ":root{{--w:{}px;--h:{}px;--aw:{}px;--ah:{}px;--z:{scale}}}.t{{background-image:url(data:image/png;base64,{})}}",
            atlas.width,
            atlas.height,
            atlas.width * atlas.columns,
            atlas.height * atlas.rows,
            data::base64(&folder.atlas)
        )
    });
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{0} - Femtospike</title>\
         <link rel=\"icon\" href=\"data:,\"><style>{1}{2}{3}</style></head>\n<body><header><h1>{0}</h1><p>Femtospike report</p></header>\n\
         <main>{4}</main>\n{5}</body></html>\n",
        escaped(folder.model()),
        include_str!("page/picture.css"),
        include_str!("page/page.css"),
        atlas,
        page.body,
        script
    );
    let pictures = pictures(page.figures)?;
    output.write_folder(FIGURES, &pictures)?;
    output.write(PAGE, html)?;
    Ok(pictures.into_iter().map(|(name, _)| name).collect())
}

/// Each picture as SVG and as PNG.
fn pictures(figures: Vec<(String, String)>) -> Result<Vec<(String, Vec<u8>)>> {
    let both = |(name, svg): (String, String)| -> Result<[(String, Vec<u8>); 2]> {
        let png = pixels::png(&svg)?;
        Ok([(format!("{name}.svg"), svg.into_bytes()), (format!("{name}.png"), png)])
    };
    let all = figures.into_par_iter().map(both).collect::<Result<Vec<_>>>()?;
    Ok(all.into_iter().flatten().collect())
}

/// One line in place of what is not there.
fn lacking(what: &str, command: &str) -> String {
    format!(
        "<p class=\"lacking\">{}: not in this folder; <code>{}</code> with this folder as <code>--out</code>, and <code>femtospike report</code> of \
         it, add it.</p>\n",
        escaped(what),
        escaped(command)
    )
}

fn percent(rate: f64) -> String {
    format!("{:.2} %", 100.0 * rate)
}

fn summary(page: &mut Page, folder: &Folder) {
    let number = |key: &str| folder.summary.get(key).and_then(serde_json::Value::as_f64);
    let whole = |key: &str| folder.summary.get(key).and_then(serde_json::Value::as_u64);
    let latency = folder.summary.get("decision_latency_ns");
    let of_latency = |key: &str| latency.and_then(|latency| latency.get(key)).and_then(serde_json::Value::as_f64);
    let ns = |value: f64| format!("{} ns", significant(value, 4));
    let tiles = [
        ("recognized as frames", number("formal_recognition_rate").map(percent)),
        ("recognized as spikes", number("spiking_recognition_rate").map(percent)),
        (
            "reads per virtual synapse and stimulus",
            number("read_events_per_virtual_synapse_per_pattern").map(|n| significant(n, 4)),
        ),
        ("mean time to the decision", of_latency("mean").map(ns)),
        ("95 % decided within", of_latency("p95").map(ns)),
        ("undecided", whole("undecided").map(grouped)),
        ("stimuli tested", whole("patterns").map(grouped)),
        ("stimuli learned", whole("stimuli_learned").map(grouped)),
        ("mean squared error", number("mean_squared_error").map(|n| significant(n, 4))),
    ];
    let mut html = String::from("<dl class=\"tiles\">");
    for (label, value) in tiles {
        if let Some(value) = value {
            let _ = write!(html, "<div><dt>{label}</dt><dd>{}</dd></div>", escaped(&value));
        }
    }
    html += "</dl>\n";
    if folder.summary.is_null() {
        html += &lacking("A summary", "femtospike test MODEL.ini --page");
    }
    page.section("summary", "Summary", &html);
}

fn network(page: &mut Page, data: &Data) {
    let mut html = String::from("<p>");
    html += match data.spiking {
        Some(_) => "Means a stimulus: spikes that a layer hands on, and read events where they arrive.</p>",
        None => "This model has frames alone.</p>",
    };
    html += &page.figure("network", drawing::svg(data));
    page.section("network", "Network", &html);
}

fn costs(page: &mut Page, data: &Data) {
    let n = data.answers.len().max(1) as f64;
    let all: u64 = data.layers.iter().filter_map(|layer| layer.reads).sum();
    let mean = |value: Option<u64>, parts: f64| {
        value.map_or("-".to_string(), |v| match v as f64 / n / parts {
            many if many >= 1000.0 => grouped(many.round() as u64),
            few => significant(few, 4),
        })
    };
    let rows: Vec<Vec<String>> = data
        .layers
        .iter()
        .map(|layer| {
            let nodes = layer.shape.iter().product::<usize>().max(1) as f64;
            let has_synapses = layer.virtual_synapses > 0;
            let reads = layer.reads.filter(|_| has_synapses);
            vec![
                layer.name.clone(),
                grouped(nodes as u64),
                grouped(layer.synapses),
                grouped(layer.virtual_synapses),
                mean(layer.events, 1.0),
                mean(layer.events, nodes),
                mean(reads, 1.0),
                mean(reads, layer.virtual_synapses as f64),
                reads.map_or("-".to_string(), |reads| percent(stats::spikes::per(reads, all))),
            ]
        })
        .collect();
    let head = [
        "layer",
        "nodes",
        "synapses",
        "virtual synapses",
        "spikes",
        "spikes a node",
        "reads",
        "reads a virtual synapse",
        "share of reads",
    ];
    let mut html = String::from(
        "<p>Means a stimulus. A frame network reads each virtual synapse once, so below 1 the spikes need fewer operations.</p>",
    );
    html += &table("What each layer costs", &head, &rows);
    page.section("costs", "Costs", &html);
}

fn curve(page: &mut Page, folder: &Folder) {
    if folder.data.as_ref().is_none_or(|data| data.spiking.is_none()) {
        return;
    }
    let Some(curve) = &folder.curve else {
        let hint = lacking("The curve over every way to stop", &format!("femtospike curve {}", folder.model()));
        page.section("curve", "Accuracy, events and latency", &hint);
        return;
    };
    let mut html = format!(
        "<p>Every way to stop, over {} stimuli presented for {} ns at most.</p><div class=\"figures\">",
        grouped(curve.patterns),
        significant(curve.present_time_fs as f64 / 1e6, 4)
    );
    type Along = fn(&folder::Point) -> f64;
    let of_reads: Along = |point| point.read_events_per_virtual_synapse_per_pattern;
    let of_time: Along = |point| point.mean_time_ns;
    let pictures: [(&str, &str, &str, Along); 2] = [
        ("curve_reads", "Recognized (%) over read events", "reads per virtual synapse and stimulus", of_reads),
        ("curve_latency", "Recognized (%) over time", "mean time until the answer, ns", of_time),
    ];
    for (file, title, x_label, along) in pictures {
        let points: Vec<(&str, f64, f64)> =
            curve.points.iter().map(|p| (p.rule().0, along(p), p.spiking_recognition_rate)).collect();
        let all = super::decision_curve::series(&points, curve.formal_recognition_rate);
        let curves = all.iter().map(|(name, points)| Curve { name, points: points.clone() }).collect();
        html += &page.figure(file, Chart { title, x_label, x_is_log: true, curves, mark: None }.svg());
    }
    let rows: Vec<Vec<String>> = curve
        .points
        .iter()
        .map(|point| {
            let (rule, number) = point.rule();
            vec![
                format!("{rule} {number}"),
                percent(point.spiking_recognition_rate),
                significant(of_reads(point), 4),
                significant(of_time(point), 4),
            ]
        })
        .collect();
    html += "</div><details><summary>All points</summary>";
    html += &table("Ways to stop", &["stop by", "recognized", "reads a virtual synapse", "mean time, ns"], &rows);
    html += "</details>";
    page.section("curve", "Accuracy, events and latency", &html);
}

fn viewer(page: &mut Page, data: &Data) {
    let mut html = String::from(
        "<noscript><p class=\"lacking\">Stepping through the stimuli needs JavaScript.</p></noscript>\
         <div id=\"viewer\" hidden></div>\n",
    );
    if data.shown.is_empty() {
        html += "<p class=\"lacking\">No stimuli are kept.</p>";
    }
    page.section("stimuli", "Stimulus by stimulus", &html);
}

/// The spikes of the stimuli that they are kept of, as files alone: the page draws them itself.
fn rasters(page: &mut Page, data: &Data) {
    for detail in &data.details {
        if let (Some(svg), Some(shown)) = (raster::svg(data, detail), data.shown.get(detail.shown)) {
            page.figures.push((format!("raster_{}", shown.place), chart::file(&svg)));
        }
    }
}

fn agreement(page: &mut Page, data: &Data) {
    let Some(spiking) = &data.spiking else { return };
    if data.scatter.is_empty() {
        let text = "<p class=\"lacking\">The input coding has no rate that an activation asks for, so that spikes and activations \
                    cannot be compared.</p>";
        page.section("agreement", "Activations against spikes", text);
        return;
    }
    let mut html = format!(
        "<p>The first {} stimuli, presented whole without early decision. Units that are 0 in both are left out.</p>\
         <div class=\"figures\">",
        spiking.scatter_stimuli
    );
    for (layer, scatter) in data.layers.iter().zip(&data.scatter).filter(|(_, scatter)| scatter.pairs > 0) {
        let r = scatter.correlation.map_or(String::new(), |r| format!(", r = {r:.4}"));
        let title = format!("{}{r}", layer.name);
        let name = format!("scatter_{}", crate::output::file_name(&layer.name));
        html += &page.figure(&name, chart::scatter(&title, "spikes asked for (across), counted (up)", &scatter.points));
    }
    html += "</div><p>";
    html += "Which layer breaks first, and why: <code>femtospike audit ";
    html += &escaped(&data.model);
    html += "</code>.</p>";
    page.section("agreement", "Activations against spikes", &html);
}

fn learning(page: &mut Page, folder: &Folder) {
    let mut html = String::new();
    for (number, curves) in folder.learning.iter().enumerate() {
        html += "<div class=\"figures\">";
        for (kind, title, x_label, columns) in curves.charts() {
            let curves: Vec<Curve<'_>> =
                columns.iter().map(|(name, points)| Curve { name, points: points.clone() }).collect();
            let svg = Chart { title: &title, x_label, x_is_log: false, curves, mark: None }.svg();
            html += &page.figure(&format!("{kind}_{number}"), svg);
        }
        html += "</div>";
        if curves.n_left_out() > 0 {
            let _ = write!(
                html,
                "<p class=\"lacking\">{} values are no finite numbers and are left out: the learning diverged there.</p>",
                grouped(curves.n_left_out() as u64)
            );
        }
    }
    if folder.learning.is_empty() {
        html += &lacking("Learning curves", &format!("femtospike learn {}", folder.model()));
    }
    match &folder.find_lr {
        Some(points) => {
            let curves: Vec<Curve<'_>> =
                points.iter().map(|(name, points)| Curve { name, points: points.clone() }).collect();
            let title = "Loss over the learning rate";
            let svg = Chart { title, x_label: "learning rate", x_is_log: true, curves, mark: None }.svg();
            html += &page.figure("find_lr", svg);
        }
        None => html += &lacking("The learning-rate range test", &format!("femtospike find-lr {}", folder.model())),
    }
    page.section("learning", "Learning", &html);
}

fn provenance(page: &mut Page, folder: &Folder) {
    let rows: Vec<Vec<String>> = folder
        .summary
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_object())
        .map(|(key, value)| {
            let text = match value {
                serde_json::Value::String(text) => text.clone(),
                value => value.as_f64().filter(|_| value.is_f64()).map_or(value.to_string(), general),
            };
            vec![key.replace('_', " "), text]
        })
        .collect();
    let mut html = table("What makes the figures comparable", &["what", "value"], &rows);
    if let Some(data) = folder.data.as_ref().filter(|data| !data.ini.is_empty()) {
        let _ = write!(
            html,
            "<details><summary>{}</summary><pre>{}</pre></details>",
            escaped(&data.model),
            escaped(&data.ini)
        );
    }
    page.section("provenance", "Provenance", &html);
}
