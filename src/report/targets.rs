//! Files of a target's folder where labels are mapped or outputs are maps: what labels mean, scores, and stimulus by stimulus
//! what was wanted and found, as a log, as pictures and as a page.

mod gallery;

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use stimuli::{Database, Set};

use super::confusion::{self, Missed};
use super::curves::{success_picture, success_text};
use super::number::general;
use super::overlay;
use crate::output::{OutputFolder, file_name};
use crate::run::targets::regions::{Found, Outcome};
use crate::run::targets::{RegionTally, Regions, Tally, Target, Verdict};
use crate::session::Session;

pub use gallery::{Entry, Gallery};

/// Writes `labels_mapping.log.dat`, for maps `labels_legend.png`, and for regions the name of the target that names them.
///
/// # Errors
/// A file that cannot be written.
pub fn write_meaning(session: &Session, target: &Target<'_>) -> Result<()> {
    let (output, folder) = (&session.output, &target.folder);
    output.write(format!("{folder}/labels_mapping.log.dat"), meaning_text(session.database(), target))?;
    if target.is_map() {
        let legend = overlay::legend(target).encoded(crate::model::PictureFormat::Png)?;
        output.write(format!("{folder}/labels_legend.png"), legend)?;
    }
    if let Some(rules) = target.rules() {
        let voting = rules.label_target.map_or(target.description, |voting| &session.description.targets[voting]);
        output.write(format!("{folder}/target_rois_label.dat"), format!("{}\n", voting.name))?;
    }
    Ok(())
}

/// A line a label: id, name, class, and how many stimuli and regions of each set have it.
fn meaning_text(database: &Database, target: &Target<'_>) -> String {
    let n = target.meaning.labels.len();
    let mut counts = vec![[0_u64; 6]; n + 1];
    for (column, set) in Set::ALL.into_iter().enumerate() {
        for &id in database.set(set) {
            counts[database.label(id).map_or(0, |label| label + 1)][column] += 1;
            for roi in database.rois(id) {
                counts[roi.label + 1][3 + column] += 1;
            }
        }
    }
    let mut text = String::from(
        "label name output nb.stimuli(Learn) nb.stimuli(Validation) nb.stimuli(Test) nb.ROIs(Learn) nb.ROIs(Validation) \
         nb.ROIs(Test)\n",
    );
    let names = std::iter::once("*").chain(target.meaning.labels.iter().map(String::as_str));
    for ((label, name), counts) in (-1..).zip(names).zip(counts) {
        let counts = counts.map(|count| count.to_string()).join(" ");
        let _ = writeln!(text, "{label} \"{name}\" {} {counts}", target.meaning.class(label));
    }
    text
}

/// Writes the confusion matrix of a set, its scores and what was taken for another class.
///
/// # Errors
/// A file that cannot be written.
pub fn write_tally(session: &Session, target: &Target<'_>, set: &str, tally: &Tally) -> Result<()> {
    let mut names = target.meaning.names.clone();
    names.extend(target.has_void().then(|| "∅".to_owned()));
    let database = session.database();
    let missed =
        tally.misclassified.iter().map(|&(id, target, estimated, count)| Missed { id, target, estimated, count });
    let missed: Vec<Missed> = missed.collect();
    let text = confusion::missed_text(&missed, |id| database.name(id));
    let folder = &target.folder;
    confusion::write_matrix(&session.output, folder, set, &tally.confusion(), &names, target.n_classes)?;
    session.output.write(format!("{folder}/Misclassified_{set}.dat"), text)
}

/// Writes the success of a set's batches; `window` of them make the mean, 0 is all.
///
/// # Errors
/// A file that cannot be written.
pub fn write_success(
    output: &OutputFolder,
    target: &Target<'_>,
    set: &str,
    tally: &Tally,
    window: usize,
    validations: &[(u64, f64)],
) -> Result<()> {
    let folder = &target.folder;
    output.write(format!("{folder}/Success_{set}.dat"), success_text(&tally.success, window))?;
    output.write(format!("{folder}/Success_{set}.png"), success_picture(&tally.success, window, validations)?)?;
    if !tally.success_top_n.is_empty() {
        let text = success_text(&tally.success_top_n, window);
        output.write(format!("{folder}/SuccessTopN_{set}.dat"), text)?;
    }
    Ok(())
}

/// Writes the confusion matrix of the regions of a set.
///
/// # Errors
/// A file that cannot be written.
pub fn write_regions(output: &OutputFolder, target: &Target<'_>, set: &str, tally: &RegionTally) -> Result<()> {
    let names = &target.meaning.names;
    confusion::write_matrix(output, &target.folder, set, &tally.confusion, names, target.n_classes)
}

/// The line that a run prints of the regions of a set.
pub fn regions_text(tally: &RegionTally) -> String {
    format!(
        "{} true, {} found, {} of them twice: precision {:.2}% / recall {:.2}% / named right {:.2}%",
        tally.truths,
        tally.found,
        tally.duplicates,
        100.0 * tally.precision(),
        100.0 * tally.recall(),
        100.0 * tally.named_right()
    )
}

/// Lines `"stimulus" x y w h class score 0|1`, the last 1 for a region that was found as its class.
pub fn regions_log(target: &Target<'_>, name: &str, regions: &Regions) -> String {
    let mut text = String::new();
    for Found { class, score, area, outcome } in &regions.found {
        let is_right = matches!(outcome, Outcome::Hit(truth) if regions.truths[*truth].class == *class as i32);
        let class_name = target.meaning.names.get(*class).map_or("", String::as_str);
        let _ = writeln!(
            text,
            "\"{name}\" {} {} {} {} \"{class_name}\" {} {}",
            area.x0,
            area.y0,
            area.width(),
            area.height(),
            general(f64::from(*score)),
            u8::from(is_right)
        );
    }
    text
}

/// A line of `classif.log` of a single answer: `id "name" target estimated value` and all outputs.
pub fn answer_line(id: usize, name: &str, verdict: &Verdict, outputs: &[f32]) -> String {
    let estimates = &verdict.estimates;
    let value = general(f64::from(estimates.values[0]));
    let mut line = format!("{id} \"{name}\" {} {} {value}", verdict.wanted[0], estimates.classes[0]);
    for &output in outputs {
        let _ = write!(line, " {}", general(f64::from(output)));
    }
    line + "\n"
}

/// The file name of a stimulus's pictures, without ending.
pub fn stem(name: &str) -> String {
    file_name(&Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned()))
}
