//! Pictures of stimuli at a target, and the page that lists them.

use std::collections::HashSet;
use std::fmt::Write;

use anyhow::Result;
use stimuli::Shape;

use super::super::number::significant;
use super::super::overlay;
use super::super::page::html::{escaped, legend};
use super::{regions_log, stem};
use crate::output::OutputFolder;
use crate::run::targets::regions::Outcome;
use crate::run::targets::{Regions, Score, Target, Verdict};

/// One stimulus of a gallery.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name in the database.
    pub name: String,
    /// Its success, or for regions the share of true and found ones that are matched as their class.
    pub success: f64,
    /// Files in the gallery's folder.
    pub pictures: Vec<String>,
    /// What is told beside it.
    pub remark: String,
}

/// Stimuli at a target, as pictures in a folder of its folder.
pub struct Gallery<'a> {
    target: &'a Target<'a>,
    folder: String,
    shape: Shape,
    stems: HashSet<String>,
    /// In the order presented.
    pub entries: Vec<Entry>,
    log: String,
}

impl<'a> Gallery<'a> {
    /// An empty one, `learning` or `test`, of stimuli of this shape.
    pub fn new(target: &'a Target<'a>, folder: &str, shape: Shape) -> Self {
        let folder = format!("{}/{folder}", target.folder);
        Self { target, folder, shape, stems: HashSet::new(), entries: Vec::new(), log: String::new() }
    }

    /// Writes the pictures of a stimulus, unless it only adds to the log of regions.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn add(
        &mut self,
        output: &OutputFolder,
        (id, name): (usize, &str),
        values: &[f32],
        verdict: &Verdict,
        score: &Score,
        is_pictured: bool,
    ) -> Result<()> {
        let (target, shape) = (self.target, self.shape);
        let log = verdict.regions.as_ref().map(|regions| regions_log(target, name, regions));
        self.log += log.as_deref().unwrap_or_default();
        if !is_pictured {
            return Ok(());
        }
        let format = target.description.display.format;
        let mut stem = stem(name);
        if !self.stems.insert(stem.clone()) {
            stem = format!("{stem}_{id}");
        }
        let mut pictures = Vec::new();
        let mut write = |suffix: &str, picture: overlay::Picture| -> Result<()> {
            let file = format!("{stem}{suffix}.{}", format.extension());
            output.write(format!("{}/{file}", self.folder), picture.encoded(format)?)?;
            pictures.push(file);
            Ok(())
        };
        write("_target", overlay::wanted(target, shape, values, verdict))?;
        write("_estimated", overlay::estimated(target, shape, values, verdict))?;
        let (mut success, mut remark) = (score.success, String::new());
        if let Some(regions) = &verdict.regions {
            write("", overlay::regions(target, shape, values, regions))?;
            (success, remark) = judged(regions);
            output.write(format!("{}/{stem}.log", self.folder), log.unwrap_or_default())?;
        }
        self.entries.push(Entry { name: name.to_owned(), success, pictures, remark });
        Ok(())
    }

    /// Writes the log of all regions, and the page of the stimuli with pictures.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(&self, output: &OutputFolder) -> Result<()> {
        if self.target.rules().is_some() {
            output.write(format!("{}.log", self.folder), &self.log)?;
        }
        output.write(format!("{}.html", self.folder), self.html())
    }

    fn html(&self) -> String {
        let target = self.target;
        let classes = overlay::class_colors(target);
        let mut legends = legend(classes.iter().map(|(color, name)| (*color, name.as_str())));
        if target.rules().is_some() {
            legends += &legend(overlay::box_colors());
        }
        let folder = self.folder.rsplit('/').next().unwrap_or_default();
        let mut rows = String::new();
        for (number, entry) in self.entries.iter().enumerate() {
            let images = entry.pictures.iter().map(|file| {
                let path = escaped(&format!("{folder}/{file}"));
                format!("<td><a href=\"{path}\"><img loading=\"lazy\" src=\"{path}\" alt=\"{path}\"></a></td>")
            });
            let _ = writeln!(
                rows,
                "<tr><td>{number}</td><td>{}</td><td>{}</td><td>{}</td>{}</tr>",
                escaped(&entry.name),
                significant(100.0 * entry.success, 4),
                escaped(&entry.remark),
                images.collect::<String>()
            );
        }
        let regions = if target.rules().is_some() { "<th>regions</th>" } else { "" };
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,\
             initial-scale=1\"><title>{0}</title><style>{1}</style></head><body><h1>{0}</h1>\n{legends}\
             <p>A click on a column's head sorts by it.</p><table><thead><tr><th>number</th><th>stimulus</th>\
             <th>success, %</th><th>told</th><th>wanted</th><th>found</th>{regions}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n\
             <script>{2}</script></body></html>\n",
            escaped(&target.description.name),
            include_str!("gallery.css"),
            include_str!("gallery.js")
        )
    }
}

/// The share of regions that are as they should be, and what became of them.
fn judged(regions: &Regions) -> (f64, String) {
    let truths = regions.truths.iter().filter(|truth| truth.class >= 0).count();
    let (mut right, mut misnamed, mut vain, mut again) = (0_usize, 0_usize, 0_usize, 0_usize);
    for found in &regions.found {
        match found.outcome {
            Outcome::Hit(truth) if regions.truths[truth].class == found.class as i32 => right += 1,
            Outcome::Hit(truth) if regions.truths[truth].class >= 0 => misnamed += 1,
            Outcome::Hit(_) => {}
            Outcome::Duplicate(_) => again += 1,
            Outcome::FalsePositive => vain += 1,
        }
    }
    let all = truths + vain + again;
    let success = if all == 0 { 1.0 } else { right as f64 / all as f64 };
    let missed = truths - right - misnamed;
    let parts = [(right, "right"), (misnamed, "misnamed"), (missed, "missed"), (vain, "in vain"), (again, "again")];
    let told = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    (success, told.collect::<Vec<_>>().join(", "))
}
