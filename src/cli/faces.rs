//! `femtospike faces`: a small data set of face-like boxes, as files that a model reads.

use std::fmt::Write as _;
use std::io::Cursor;

use anyhow::{Context, Result};
use image::{ImageFormat, RgbImage};
use rayon::prelude::*;
use serde_json::json;
use stimuli::faces::{SMALLEST, Scene, scene};

use super::FacesArgs;
use crate::failure::wrong_input;
use crate::output::OutputFolder;
use crate::report::document;
use crate::report::progress::{Progress, result};

/// Pictures that are drawn before they are written.
const CHUNK: usize = 64;
/// Pictures of a folder.
const OF_A_FOLDER: usize = 1000;

pub fn run(args: &FacesArgs) -> Result<()> {
    crate::session::use_threads(args.threads)?;
    let [width, height] = size(&args.size)?;
    let output = OutputFolder::open(&args.out)?;
    let n = usize::try_from(args.images).unwrap_or(usize::MAX);
    let mut table = String::new();
    let (mut n_faces, mut n_males) = (0, 0);
    let progress = Progress::start("Drawing", args.images);
    for first in (0..n).step_by(CHUNK) {
        let scenes: Vec<(Scene, Vec<u8>)> = (first..(first + CHUNK).min(n))
            .into_par_iter()
            .map(|index| {
                let scene = scene(u64::from(args.seed), index as u64, width, height);
                png(&scene).map(|png| (scene, png))
            })
            .collect::<Result<_>>()?;
        for (at, (scene, png)) in scenes.into_iter().enumerate() {
            let index = first + at;
            let path = format!("{:02}/{index:05}.png", index / OF_A_FOLDER);
            output.write(format!("wiki/{path}"), png)?;
            for (number, face) in scene.faces.iter().enumerate() {
                let [x0, y0, x1, y1] = face.bounds;
                // The photo is of a year that the place in the set gives, so that a table looks like one.
                let taken = 1990 + index % 30;
                let born = face.age.map_or("nan".to_owned(), |age| (taken as i64 - i64::from(age)).to_string());
                let gender = u8::from(face.is_male);
                let _ = writeln!(table, "{path};Face {index}-{number};{x0};{y0};{x1};{y1};{born};{taken};{gender}");
                (n_faces, n_males) = (n_faces + 1, n_males + u64::from(gender));
            }
            progress.advance(index as u64 + 1, || format!("{n_faces} faces"));
        }
    }
    output.write("imdb_metadata/wiki.csv", table)?;
    drop(progress);
    let folder = output.root().display();
    result(&format!(
        "{n} pictures of {width}x{height} with {n_faces} faces, {n_males} male and {} female, in {folder}; in a model:\n\
         [database]\nType=IMDBWIKI_Database\nDataPath={folder}\nLabelPath={folder}/imdb_metadata\n\
         WikiSet=1\nIMDBSet=0\nLearn=0.7\nValidation=0.1\nDefaultLabel=background",
        n_faces - n_males
    ));
    document::give(&json!({
        "folder": folder.to_string(),
        "pictures": n,
        "size": [width, height],
        "faces": n_faces,
        "males": n_males,
        "females": n_faces - n_males,
        "seed": args.seed,
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

/// Columns and rows, such as `120x90`.
fn size(text: &str) -> Result<[usize; 2]> {
    let sides: Vec<Option<usize>> = text.split('x').map(|side| side.trim().parse().ok()).collect();
    match sides[..] {
        [Some(width), Some(height)] if width >= SMALLEST[0] && height >= SMALLEST[1] && width.max(height) <= 4096 => {
            Ok([width, height])
        }
        _ => Err(wrong_input(format!(
            "--size: expected columns x rows from {}x{} to 4096x4096, such as `120x90`, found `{text}`",
            SMALLEST[0], SMALLEST[1]
        ))),
    }
}

fn png(scene: &Scene) -> Result<Vec<u8>> {
    let (width, height) = (scene.shape.width as u32, scene.shape.height as u32);
    let image = RgbImage::from_raw(width, height, scene.pixels.clone()).context("a picture of another size")?;
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).context("cannot encode a picture as PNG")?;
    Ok(bytes.into_inner())
}
