//! The targets of a test, as the report page shows them: scores, confusion, stimuli right and wrong.

use std::fmt::Write;
use std::io::Cursor;

use anyhow::Result;
use image::ImageFormat;
use image::imageops::FilterType;
use serde::{Deserialize, Serialize};

use super::data::FOLDER;
use super::html::{escaped, legend, table};
use super::{Page, percent};
use crate::output::OutputFolder;
use crate::report::number::{general, grouped};
use crate::report::overlay;
use crate::report::targets::Gallery;
use crate::run::targets::{Evaluated, Judge};
use crate::session::Session;

/// Stimuli of a target that the page shows: so many of the worst and so many of the best.
const WORST: usize = 8;
const BEST: usize = 4;
/// Longest side of a picture in the page, in pixels.
const SIDE: u32 = 240;
/// A small picture of so many bytes stays as it is.
const FEW_BYTES: usize = 8 << 10;
/// Letters that the pictures of all targets take in the page.
const MOST_LETTERS: usize = 2 << 20;
/// Classes whose colors are told.
const MOST_COLORS: usize = 24;

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
    /// What the colors of classes mean.
    #[serde(default)]
    colors: Vec<([u8; 3], String)>,
    /// Whether the pictures have boxes.
    #[serde(default)]
    has_boxes: bool,
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
            colors: overlay::class_colors(target).into_iter().take(MOST_COLORS).collect(),
            has_boxes: tested.regions.is_some(),
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
    let mut found = Vec::new();
    for (set, title) in [("test", "Targets"), ("test_spike", "Targets as spikes")] {
        let Ok(text) = std::fs::read_to_string(output.path(file(set))) else { continue };
        let tested: Tested = serde_json::from_str(&text).map_err(|e| {
            crate::failure::wrong_input(format!("`{}`: {e}; test again", output.path(file(set)).display()))
        })?;
        found.push((set, title, tested.targets));
    }
    let n_targets: usize = found.iter().map(|(_, _, targets)| targets.len()).sum();
    let most_letters = MOST_LETTERS / n_targets.max(1);
    for (set, title, targets) in &found {
        let html: String = targets.iter().map(|target| section(target, output, set, most_letters)).collect();
        page.section(&format!("targets-{set}"), title, &html);
    }
    Ok(!found.is_empty())
}

fn section(target: &Shown, output: &OutputFolder, set: &str, most_letters: usize) -> String {
    let mut html = format!("<h3>{}</h3><dl class=\"tiles\">", escaped(&target.name));
    for (name, value) in &target.figures {
        let _ = write!(html, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), percent(*value));
    }
    html += "</dl>\n";
    html += &confusion(target);
    let (mut pictures, mut n_shown) = (String::new(), 0);
    for stimulus in &target.stimuli {
        let mut images = String::new();
        for file in &stimulus.pictures {
            let path = output.path(format!("{}/{file}", target.folder));
            let Some(source) = std::fs::read(path).ok().and_then(|bytes| picture(&bytes)) else { continue };
            let _ = write!(images, "<img alt=\"{}\" src=\"{source}\">", escaped(file));
        }
        if images.is_empty() {
            continue;
        }
        if pictures.len() + images.len() > most_letters {
            break;
        }
        n_shown += 1;
        let _ = writeln!(
            pictures,
            "<figure>{images}<figcaption>{}: {} %{}{}</figcaption></figure>",
            escaped(&stimulus.name),
            general((1e4 * stimulus.success).round() / 100.0),
            if stimulus.remark.is_empty() { "" } else { ", " },
            escaped(&stimulus.remark)
        );
    }
    if n_shown > 0 {
        let page = escaped(&format!("{}/{set}.html", target.folder));
        let _ = writeln!(
            html,
            "<p>What is wanted and what is found: {n_shown} of {} stimuli with pictures, the worst first; all of them are in \
             <a href=\"{page}\">{page}</a>.</p>",
            grouped(target.n_pictured as u64)
        );
        if !target.colors.is_empty() {
            html += &legend(target.colors.iter().map(|(color, text)| (*color, text.as_str())));
        }
        if target.has_boxes {
            html += &legend(overlay::box_colors());
        }
        let _ = writeln!(html, "<div class=\"targets\">{pictures}</div>");
    }
    html
}

/// The address of a picture in the page itself: of a small one as it is, of another scaled down and as JPEG.
fn picture(file: &[u8]) -> Option<String> {
    let address = |format: ImageFormat, bytes: &[u8]| {
        format!("data:{};base64,{}", format.to_mime_type(), super::data::base64(bytes))
    };
    let format = image::guess_format(file).ok()?;
    let mut image = image::load_from_memory_with_format(file, format).ok()?;
    let is_large = image.width().max(image.height()) > SIDE;
    if !is_large && file.len() <= FEW_BYTES {
        return Some(address(format, file));
    }
    if is_large {
        image = image.resize(SIDE, SIDE, FilterType::Triangle);
    }
    let mut bytes = Cursor::new(Vec::new());
    image.into_rgb8().write_to(&mut bytes, ImageFormat::Jpeg).ok()?;
    Some(address(ImageFormat::Jpeg, bytes.get_ref()))
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

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    /// A picture of noise comes into the page in a format and size, and in so many letters at most.
    #[track_caller]
    fn check(width: u32, height: u32, format: ImageFormat, size: (u32, u32), most_letters: usize) {
        let noise =
            |x: u32, y: u32| (x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
        let image = RgbImage::from_fn(width, height, |x, y| {
            let [r, g, b, _] = noise(x, y).to_be_bytes();
            Rgb([r, g, b])
        });
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, ImageFormat::Png).unwrap();
        let address = picture(file.get_ref()).expect("a picture");
        let coded = address.strip_prefix(&format!("data:{};base64,", format.to_mime_type())).expect("the format");
        let found = image::load_from_memory(&crate::report::page::data::bytes(coded).unwrap()).unwrap();
        assert_eq!((found.width(), found.height()), size);
        assert!(address.len() <= most_letters, "{} letters", address.len());
    }

    #[test]
    fn pictures_are_small_in_the_page_whatever_they_are_in_the_folder() {
        check(1280, 960, ImageFormat::Jpeg, (240, 180), 60_000);
        check(120, 480, ImageFormat::Jpeg, (60, 240), 30_000);
        check(120, 90, ImageFormat::Jpeg, (120, 90), 30_000);
        check(28, 28, ImageFormat::Png, (28, 28), 4000);
        assert_eq!(picture(b"no picture"), None);
    }
}
