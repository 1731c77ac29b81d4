//! The targets of a test, as the report page shows them: scores, confusion, stimuli right and wrong.

use std::fmt::Write;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::data::FOLDER;
use super::html::{escaped, table};
use super::{Page, percent};
use crate::output::OutputFolder;
use crate::report::number::{general, grouped};
use crate::report::targets::Gallery;
use crate::run::targets::{Evaluated, Judge};
use crate::session::Session;

/// Stimuli of a target that the page shows: so many of the worst and so many of the best.
const WORST: usize = 8;
const BEST: usize = 4;

/// What the page needs of a test.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tested {
    targets: Vec<Shown>,
}

/// A target.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Shown {
    name: String,
    /// Folder of its files.
    folder: String,
    classes: Vec<String>,
    /// Wanted against found, row by row; the last row and column may be those of a mask.
    counts: Vec<Vec<u64>>,
    /// What is told of it: name and value.
    figures: Vec<(String, f64)>,
    /// The worst, then the best.
    stimuli: Vec<Stimulus>,
    /// Stimuli with pictures in all.
    n_pictured: usize,
}

/// A stimulus with its pictures.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stimulus {
    name: String,
    success: f64,
    remark: String,
    /// Files of the target's folder.
    pictures: Vec<String>,
}

/// Name of the file that the targets of a test are kept in.
fn file(set: &str) -> String {
    format!("{FOLDER}/targets_{set}.json")
}

/// Keeps what a test gave for the page.
///
/// # Errors
/// A file that cannot be written.
pub fn write(
    session: &Session,
    judge: &Judge<'_>,
    galleries: &[Gallery<'_>],
    evaluated: &Evaluated,
    set: &str,
) -> Result<()> {
    let mut targets = Vec::new();
    for ((target, gallery), tested) in judge.targets.iter().zip(galleries).zip(&evaluated.targets) {
        if !target.is_scored() && tested.regions.is_none() {
            continue;
        }
        let confusion = tested.regions.as_ref().map_or_else(|| tested.tally.confusion(), |r| r.confusion.clone());
        let n = confusion.n_classes();
        let mut classes = target.meaning.names.clone();
        classes.extend(target.has_void().then(|| "∅".to_owned()));
        let figures = match &tested.regions {
            Some(regions) => vec![
                ("precision of regions".to_owned(), regions.precision()),
                ("recall of regions".to_owned(), regions.recall()),
                ("regions named right".to_owned(), regions.named_right()),
            ],
            None => {
                let mean = confusion.mean_score();
                let mut figures =
                    vec![("recognized".to_owned(), tested.tally.rate()), ("mean F1".to_owned(), mean.f1_score)];
                let of_class =
                    |class: usize| (format!("F1 of {class} {}", classes[class]), confusion.score(class).f1_score);
                figures.extend((0..target.n_classes.min(8)).map(of_class));
                figures
            }
        };
        let mut entries: Vec<_> = gallery.entries.iter().collect();
        entries.sort_by(|a, b| a.success.total_cmp(&b.success));
        let n_best = entries.len().saturating_sub(WORST).min(BEST);
        let chosen = entries.iter().take(WORST).chain(&entries[entries.len() - n_best..]);
        let stimuli = chosen.map(|entry| Stimulus {
            name: entry.name.clone(),
            success: entry.success,
            remark: entry.remark.clone(),
            pictures: entry.pictures.iter().map(|file| format!("{set}/{file}")).collect(),
        });
        targets.push(Shown {
            name: target.description.name.clone(),
            folder: target.folder.clone(),
            counts: (0..n).map(|row| (0..n).map(|column| confusion.count(row, column)).collect()).collect(),
            figures,
            stimuli: stimuli.collect(),
            n_pictured: gallery.entries.len(),
            classes,
        });
    }
    session.output.write(file(set), serde_json::to_string(&Tested { targets })? + "\n")
}

/// Puts a section of each test of targets that the folder holds into the page.
///
/// # Errors
/// A file that no run has written so.
pub(super) fn sections(page: &mut Page, output: &OutputFolder) -> Result<bool> {
    let mut is_there = false;
    for (set, title) in [("test", "Targets"), ("test_spike", "Targets as spikes")] {
        let Ok(text) = std::fs::read_to_string(output.path(file(set))) else { continue };
        let tested: Tested = serde_json::from_str(&text).map_err(|e| {
            crate::failure::wrong_input(format!("`{}`: {e}; test again", output.path(file(set)).display()))
        })?;
        is_there = true;
        let html: String = tested.targets.iter().map(|target| section(target, output, set)).collect();
        page.section(&format!("targets-{set}"), title, &html);
    }
    Ok(is_there)
}

fn section(target: &Shown, output: &OutputFolder, set: &str) -> String {
    let mut html = format!("<h3>{}</h3><dl class=\"tiles\">", escaped(&target.name));
    for (name, value) in &target.figures {
        let _ = write!(html, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), percent(*value));
    }
    html += "</dl>\n";
    html += &confusion(target);
    let mut pictures = String::new();
    for stimulus in &target.stimuli {
        let mut images = String::new();
        for file in &stimulus.pictures {
            let path = output.path(format!("{}/{file}", target.folder));
            let Ok(bytes) = std::fs::read(path) else { continue };
            let kind = if file.ends_with(".png") { "png" } else { "jpeg" };
            let coded = super::data::base64(&bytes);
            let _ = write!(images, "<img alt=\"{}\" src=\"data:image/{kind};base64,{coded}\">", escaped(file));
        }
        if !images.is_empty() {
            let _ = writeln!(
                pictures,
                "<figure>{images}<figcaption>{}: {} %{}{}</figcaption></figure>",
                escaped(&stimulus.name),
                general((1e4 * stimulus.success).round() / 100.0),
                if stimulus.remark.is_empty() { "" } else { ", " },
                escaped(&stimulus.remark)
            );
        }
    }
    if !pictures.is_empty() {
        let page = escaped(&format!("{}/{set}.html", target.folder));
        let _ = writeln!(
            html,
            "<p>What is wanted and what is found, the worst stimuli first, then the best of {}; all of them are in \
             <a href=\"{page}\">{page}</a>.</p><div class=\"targets\">{pictures}</div>",
            grouped(target.n_pictured as u64)
        );
    }
    html
}

/// A row a wanted class, with the share of it that was found as each.
fn confusion(target: &Shown) -> String {
    const MOST_CLASSES: usize = 12;
    if target.counts.len() > MOST_CLASSES {
        return String::new();
    }
    let name = |class: usize| {
        let name = target.classes.get(class).map_or("", String::as_str);
        if name == "∅" { "masked or unlabeled".to_owned() } else { format!("{class} {name}") }
    };
    let heads: Vec<String> =
        std::iter::once("wanted \\ found".to_owned()).chain((0..target.counts.len()).map(name)).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let row = |(class, counts): (usize, &Vec<u64>)| {
        let total: u64 = counts.iter().sum();
        let cell = |&count: &u64| format!("{} ({})", grouped(count), percent(stats::spikes::per(count, total)));
        std::iter::once(name(class)).chain(counts.iter().map(cell)).collect()
    };
    let rows: Vec<Vec<String>> = target.counts.iter().enumerate().map(row).collect();
    table("Confusion", &heads, &rows)
}
