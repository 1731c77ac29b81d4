//! The stimuli themselves: samples as the network sees them, figures of the database, analyses (`formal.md` 5.7, 5.8).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Cursor;

use anyhow::{Context, Result};
use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage};
use stimuli::{Roi, Set, Shape};

use super::number::general;
use super::progress::result;
use super::regions;
use crate::failure::wrong_input;
use crate::model::StimuliData;
use crate::output::{OutputFolder, file_name};
use crate::session::Session;

/// Stimuli of each set that are written as samples.
const N_SAMPLES: usize = 10;
/// Presentations of one stimulus that show what varies.
const N_VARIANTS: u64 = 100;

/// Writes the first stimuli of Learn and of Test as the network sees them: `frames/frame_<i>.dat` and `.png`,
/// `frames/test_frame_<i>.*`, and `frames/frames.txt` with file, stimulus and label id. The pictures show the regions of interest;
/// where each pixel has a label, `<name>_label.dat` and `.png` have them.
///
/// # Errors
/// A stimulus that cannot be read; a file that cannot be written.
pub fn write_samples(session: &Session) -> Result<()> {
    let (database, shape) = (session.database(), session.provider.shape());
    let mut list = String::new();
    let (mut values, mut rois) = (vec![0.0; shape.n_elements()], Vec::new());
    let mut labels = vec![0; session.provider.n_labels()];
    for (set, stem) in [(Set::Learn, "frame"), (Set::Test, "test_frame")] {
        for (at, &id) in database.set(set).iter().take(N_SAMPLES).enumerate() {
            let loaded = session.provider.load_labeled_batch(&[id], set, &mut values, &mut labels, &mut rois);
            loaded.map_err(|e| wrong_input(e.to_string()))?;
            let name = format!("frames/{stem}_{at}");
            session.output.write(format!("{name}.dat"), tensor_text(shape, &values))?;
            session.output.write(format!("{name}.png"), outlined(shape, &values, &rois[0])?)?;
            if session.provider.is_composite() {
                let text =
                    tensor_text(Shape { channels: 1, ..shape }, &labels.iter().map(|&l| l as f32).collect::<Vec<_>>());
                session.output.write(format!("{name}_label.dat"), text)?;
                session.output.write(format!("{name}_label.png"), png(&regions::map(shape, &labels).into())?)?;
            }
            let _ = writeln!(list, "{name}.dat {} {}", database.name(id), label_text(database.label(id)));
        }
    }
    session.output.write("frames/frames.txt", list)
}

/// Writes presentations of the stimulus `place` of the Learn set, as learning would see it: `pre_samples_<i>/sample_<k>.png`.
///
/// # Errors
/// As [`write_samples`].
pub fn write_variants(session: &Session, place: usize) -> Result<()> {
    let shape = session.provider.shape();
    let id = session.database().set(Set::Learn)[place];
    let (mut values, mut rois) = (vec![0.0; shape.n_elements()], Vec::new());
    let mut labels = vec![0; session.provider.n_labels()];
    for presentation in 0..N_VARIANTS {
        let provider = &session.provider;
        let loaded = provider.load_labeled(id, Set::Learn, presentation, &mut values, &mut labels, &mut rois);
        loaded.map_err(|e| wrong_input(e.to_string()))?;
        let name = format!("pre_samples_{place}/sample_{presentation}.png");
        session.output.write(name, outlined(shape, &values, &rois)?)?;
    }
    Ok(())
}

/// Writes `dbstats/`: `labels.dat` (label, name, stimuli of each set, and regions where there are some) with a bar chart of both
/// together, and for each set
/// `sizes_<set>.dat` (width, height, channels of the stored images, and how many there are of them).
///
/// # Errors
/// A file that cannot be written.
pub fn write_database(session: &Session) -> Result<()> {
    let database = session.database();
    let mut counts = vec![[0_u64; 3]; database.label_names().len()];
    let mut of_rois = counts.clone();
    for set in Set::ALL {
        let mut sizes: BTreeMap<(usize, usize, usize), u64> = BTreeMap::new();
        for &id in database.set(set) {
            if let Some(label) = database.label(id) {
                counts[label][set as usize] += 1;
            }
            database.rois(id).iter().for_each(|roi| of_rois[roi.label][set as usize] += 1);
            let Shape { channels, height, width } = database.shape(id);
            *sizes.entry((width, height, channels)).or_default() += 1;
        }
        let mut text = String::from("width height channels stimuli\n");
        for ((width, height, channels), n) in sizes {
            let _ = writeln!(text, "{width} {height} {channels} {n}");
        }
        session.output.write(format!("dbstats/sizes_{set}.dat"), text)?;
    }
    let has_rois = database.has_rois();
    let head = if has_rois { " ROIs(Learn) ROIs(Validation) ROIs(Test)" } else { "" };
    let mut text = format!("label name Learn Validation Test{head}\n");
    for (label, (name, [learn, validation, test])) in database.label_names().iter().zip(&counts).enumerate() {
        let _ = write!(text, "{label} \"{name}\" {learn} {validation} {test}");
        if has_rois {
            for n in of_rois[label] {
                let _ = write!(text, " {n}");
            }
        }
        text.push('\n');
    }
    counts.iter_mut().flatten().zip(of_rois.iter().flatten()).for_each(|(all, n)| *all += n);
    session.output.write("dbstats/labels.dat", text)?;
    session.output.write("dbstats/labels.png", png(&DynamicImage::ImageRgb8(bars(&counts)))?)
}

/// Prints the figures of the sections `StimuliData`, and writes the images that they ask for.
///
/// # Errors
/// A file that cannot be written.
pub fn write_analyses(output: &OutputFolder, analyses: &[StimuliData]) -> Result<()> {
    for StimuliData { name, writes_mean, writes_std_dev, analysis, .. } in analyses {
        let range = |(least, most): (usize, usize)| {
            if least == most { least.to_string() } else { format!("{least} to {most}") }
        };
        result(&format!(
            "{name}: {} stimuli, width {}, height {}, channels {}, range [{}, {}], mean {}, std. dev. {}",
            analysis.n_stimuli,
            range(analysis.widths),
            range(analysis.heights),
            range(analysis.channels),
            general(analysis.min),
            general(analysis.max),
            general(analysis.mean),
            general(analysis.std_dev)
        ));
        let Some((mean, std_dev)) = &analysis.images else { continue };
        for (file, matrix, is_asked) in [("meanData", mean, *writes_mean), ("stdDevData", std_dev, *writes_std_dev)] {
            if is_asked {
                let stem = format!("{}/{file}", file_name(name));
                output.write(format!("{stem}.bin"), matrix.to_bytes())?;
                output.write(format!("{stem}.png"), picture(matrix.shape, &matrix.values)?)?;
            }
        }
    }
    Ok(())
}

/// A label id; -1 is none.
fn label_text(label: Option<usize>) -> String {
    label.map_or("-1".to_owned(), |label| label.to_string())
}

/// Values channel by channel, a row a line, an empty line after each channel.
pub(super) fn tensor_text(shape: Shape, values: &[f32]) -> String {
    let mut text = String::new();
    for plane in values.chunks_exact(shape.plane()) {
        for row in plane.chunks_exact(shape.width) {
            for &value in row {
                let _ = write!(text, "{} ", general(f64::from(value)));
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

/// A PNG of an image: from 0 to 1 where all values are within, else from the lowest to the highest. Three channels are blue,
/// green, red; others are grey, side by side.
fn picture(shape: Shape, values: &[f32]) -> Result<Vec<u8>> {
    png(&image_of(shape, values))
}

/// The same with the borders of regions, where the channels do not stand side by side.
fn outlined(shape: Shape, values: &[f32], rois: &[Roi]) -> Result<Vec<u8>> {
    if rois.is_empty() || !matches!(shape.channels, 1 | 3) {
        return picture(shape, values);
    }
    let mut image = image_of(shape, values).into_rgb8();
    regions::outline(&mut image, rois);
    png(&image.into())
}

fn image_of(shape: Shape, values: &[f32]) -> DynamicImage {
    let (low, high) = values.iter().fold((0.0_f32, 1.0_f32), |(low, high), &v| (low.min(v), high.max(v)));
    let (low, high) = if (low, high) == (0.0, 1.0) {
        (0.0, 1.0)
    } else {
        values.iter().fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)))
    };
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    let level = |channel: usize, x: u32, y: u32| {
        let value = values[channel * shape.plane() + y as usize * shape.width + x as usize];
        ((value - low) * scale).round().clamp(0.0, 255.0) as u8
    };
    let (width, height) = (shape.width as u32, shape.height as u32);
    if shape.channels == 3 {
        RgbImage::from_fn(width, height, |x, y| Rgb([2, 1, 0].map(|channel| level(channel, x, y)))).into()
    } else {
        let all = width * shape.channels as u32;
        GrayImage::from_fn(all, height, |x, y| image::Luma([level((x / width) as usize, x % width, y)])).into()
    }
}

/// Writes `<stem>_target.png`, and `<stem>_estimated.png` with the values cut to the range of the stimulus, or to [0, 1].
///
/// # Errors
/// A file that cannot be written.
pub fn write_reconstruction(
    output: &OutputFolder,
    stem: &str,
    shape: Shape,
    stimulus: &[f32],
    found: &[f32],
) -> Result<()> {
    let (low, high) = stimulus.iter().fold((0.0_f32, 1.0_f32), |(low, high), &v| (low.min(v), high.max(v)));
    let found: Vec<f32> = found.iter().map(|value| value.clamp(low, high)).collect();
    output.write(format!("{stem}_target.png"), picture(shape, stimulus)?)?;
    output.write(format!("{stem}_estimated.png"), picture(shape, &found)?)
}

fn png(image: &DynamicImage) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).context("cannot encode a picture as PNG")?;
    Ok(bytes.into_inner())
}

/// Three bars a label, of Learn (dark), Validation and Test (light).
fn bars(counts: &[[u64; 3]]) -> RgbImage {
    const HEIGHT: u32 = 240;
    const COLORS: [Rgb<u8>; 3] = [Rgb([31, 78, 121]), Rgb([227, 119, 34]), Rgb([140, 180, 220])];
    let bar = (1200 / (counts.len().max(1) as u32 * 4)).clamp(1, 12);
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(1);
    let mut image = RgbImage::from_pixel(bar * 4 * counts.len().max(1) as u32 + bar, HEIGHT + 2, Rgb([255; 3]));
    for (label, counts) in counts.iter().enumerate() {
        for (set, &count) in counts.iter().enumerate() {
            let height = (u128::from(count) * u128::from(HEIGHT) / u128::from(most)) as u32;
            let left = bar + (label as u32 * 4 + set as u32) * bar;
            for (x, y) in (left..left + bar).flat_map(|x| (HEIGHT - height..HEIGHT).map(move |y| (x, y))) {
                image.put_pixel(x, y, COLORS[set]);
            }
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_is_written_channel_by_channel() {
        let shape = Shape { channels: 2, height: 1, width: 2 };
        assert_eq!(tensor_text(shape, &[0.0, 0.5, 1.0, 1.0 / 3.0]), "0 0.5 \n\n1 0.333333 \n\n");
    }

    #[test]
    fn a_picture_has_the_colors_and_the_range_of_the_values() {
        let pixel = |values: [f32; 3], x: u32| {
            let shape = Shape { channels: 3, height: 1, width: 1 };
            let image = image::load_from_memory(&picture(shape, &values).unwrap()).unwrap().into_rgb8();
            image.get_pixel(x, 0).0
        };
        assert_eq!(pixel([0.0, 0.5, 1.0], 0), [255, 128, 0]);
        assert_eq!(pixel([-1.0, 0.0, 3.0], 0), [255, 64, 0]);
        let grey = picture(Shape { channels: 2, height: 1, width: 1 }, &[0.2, 0.4]).unwrap();
        let grey = image::load_from_memory(&grey).unwrap().into_luma8();
        assert_eq!(grey.as_raw()[..], [51, 102]);
    }

    #[test]
    fn bars_are_as_high_as_their_counts() {
        let image = bars(&[[100, 50, 0], [0, 0, 100]]);
        let filled = |x: u32| (0..image.height()).filter(|&y| image.get_pixel(x, y).0 != [255; 3]).count();
        assert_eq!([12, 24, 36, 84].map(|left| filled(left + 2)), [240, 120, 0, 240]);
    }
}
