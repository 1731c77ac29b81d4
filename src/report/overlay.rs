//! Maps and regions of a target over the stimuli (`formal.md` 10.7 and 10.8): the stimulus in gray, a color a class.

use std::io::Cursor;

use anyhow::{Context, Result};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::RgbColor;
use embedded_graphics::text::Alignment;
use image::{ImageFormat, RgbImage};
use stimuli::Shape;

use super::picture::Canvas;
use crate::model::PictureFormat;
use crate::run::targets::regions::{Area, Outcome};
use crate::run::targets::{Regions, Target, Verdict};

/// Share of the stimulus in the colors of a map.
const STIMULUS: f32 = 0.6;
/// What has no class, is masked or below the least value.
const GRAY: [u8; 3] = [127; 3];
/// Rows of a class in a legend.
const LEGEND_ROW: u32 = 50;
/// Columns of a legend.
const LEGEND_WIDTH: u32 = 420;
const TRUTH: Rgb888 = Rgb888::new(60, 110, 255);
const HIT: Rgb888 = Rgb888::new(40, 220, 60);
const MISNAMED: Rgb888 = Rgb888::new(250, 220, 40);
const FALSE: Rgb888 = Rgb888::new(240, 40, 40);
const HIT_AGAIN: Rgb888 = Rgb888::new(20, 120, 30);
const MISNAMED_AGAIN: Rgb888 = Rgb888::new(140, 120, 20);
/// What the colors of [`regions`] mean.
const BOXES: [(Rgb888, &str); 6] = [
    (TRUTH, "true box"),
    (HIT, "found"),
    (MISNAMED, "found as another class"),
    (FALSE, "found in vain"),
    (HIT_AGAIN, "found again"),
    (MISNAMED_AGAIN, "found again as another class"),
];

/// A picture in the format that a target asks for.
pub struct Picture(Canvas, u32, u32);

impl Picture {
    /// The bytes of a file.
    ///
    /// # Errors
    /// The encoder fails.
    pub fn encoded(&self, format: PictureFormat) -> Result<Vec<u8>> {
        let Self(canvas, width, height) = self;
        if format == PictureFormat::Png {
            return canvas.png();
        }
        let image = RgbImage::from_raw(*width, *height, canvas.pixels.clone()).context("a picture of another size")?;
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Jpeg).context("cannot encode a picture as JPEG")?;
        Ok(bytes.into_inner())
    }
}

/// A hue from 0 to 179, a saturation and a value from 0 to 255 as red, green, blue.
fn rgb(hue: f32, saturation: f32, value: f32) -> [u8; 3] {
    let sixth = hue / 30.0;
    let channel = |n: f32| {
        let k = (n + sixth) % 6.0;
        (value - value * saturation / 255.0 * k.min(4.0 - k).clamp(0.0, 1.0)).round() as u8
    };
    [channel(5.0), channel(3.0), channel(1.0)]
}

/// The color of a class, at a brightness from 0 to 1.
fn color(target: &Target<'_>, class: usize, brightness: f32) -> [u8; 3] {
    let display = &target.description.display;
    if display.plain_class == Some(class) {
        return rgb(0.0, 10.0, 127.0);
    }
    let n = target.n_classes.max(1) as u32;
    let hue = (180 * class as u32 / n + display.hue_offset) % 180;
    rgb(hue as f32, 255.0, 255.0 * brightness.clamp(0.0, 1.0))
}

/// The colors of the boxes around regions, and what they mean.
pub fn box_colors() -> [([u8; 3], &'static str); 6] {
    BOXES.map(|(color, text)| ([color.r(), color.g(), color.b()], text))
}

/// The colors of the classes, and their names.
pub fn class_colors(target: &Target<'_>) -> Vec<([u8; 3], String)> {
    let named = |(class, name): (usize, &String)| (color(target, class, 1.0), format!("{class} {name}"));
    target.meaning.names.iter().enumerate().map(named).collect()
}

/// What is wanted of a stimulus `[c][y][x]`, over its first channel.
pub fn wanted(target: &Target<'_>, shape: Shape, values: &[f32], verdict: &Verdict) -> Picture {
    over(target, shape, values, |position| {
        usize::try_from(verdict.wanted[position]).map_or(GRAY, |class| color(target, class, 1.0))
    })
}

/// What the outputs say of it.
pub fn estimated(target: &Target<'_>, shape: Shape, values: &[f32], verdict: &Verdict) -> Picture {
    let display = &target.description.display;
    over(target, shape, values, |position| {
        let (class, value) = (verdict.estimates.classes[position], verdict.estimates.values[position]);
        let is_masked = verdict.mask.as_ref().is_some_and(|mask| !mask[position]);
        if is_masked || value < display.value_threshold {
            return GRAY;
        }
        color(target, class, if display.shows_value { value } else { 1.0 })
    })
}

/// The first channel of a stimulus from its least to its greatest value, as a gray.
fn grays(shape: Shape, values: &[f32]) -> Vec<f32> {
    let plane = &values[..shape.plane()];
    let (low, high) = plane.iter().fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    plane.iter().map(|value| (value - low) * scale).collect()
}

fn over(target: &Target<'_>, shape: Shape, values: &[f32], color: impl Fn(usize) -> [u8; 3]) -> Picture {
    let mut canvas = Canvas::new(shape.width as u32, shape.height as u32);
    let pixels = canvas.pixels.chunks_exact_mut(3).zip(grays(shape, values)).enumerate();
    for (at, (pixel, gray)) in pixels {
        let (x, y) = (at % shape.width, at / shape.width);
        let position =
            y * target.shape.height / shape.height * target.shape.width + x * target.shape.width / shape.width;
        for (channel, color) in pixel.iter_mut().zip(color(position)) {
            *channel = (STIMULUS * gray + (1.0 - STIMULUS) * f32::from(color)).round() as u8;
        }
    }
    Picture(canvas, shape.width as u32, shape.height as u32)
}

/// The regions of a stimulus: the true ones blue, those found green, yellow where they have another class, red where there is
/// nothing, dark where they are found again; each found one with its class.
pub fn regions(target: &Target<'_>, shape: Shape, values: &[f32], regions: &Regions) -> Picture {
    // Small pictures grow, so that the names can be read.
    let scale = (480 / shape.width.max(1)).clamp(1, 4);
    let (width, height) = ((shape.width * scale) as u32, (shape.height * scale) as u32);
    let mut canvas = Canvas::new(width, height);
    let gray = grays(shape, values);
    for (at, pixel) in canvas.pixels.chunks_exact_mut(3).enumerate() {
        let (x, y) = (at % width as usize / scale, at / width as usize / scale);
        pixel.fill(gray[y * shape.width + x].round() as u8);
    }
    for truth in regions.truths.iter().filter(|truth| truth.class >= 0) {
        frame(&mut canvas, truth.area, scale as i32, TRUTH);
    }
    for found in regions.found.iter().rev() {
        let is_named = |truth: usize| regions.truths[truth].class == found.class as i32;
        let color = match found.outcome {
            Outcome::Hit(truth) if is_named(truth) => HIT,
            Outcome::Hit(_) => MISNAMED,
            Outcome::Duplicate(truth) if is_named(truth) => HIT_AGAIN,
            Outcome::Duplicate(_) => MISNAMED_AGAIN,
            Outcome::FalsePositive => FALSE,
        };
        frame(&mut canvas, found.area, scale as i32, color);
        let name = target.meaning.names.get(found.class).map_or("", String::as_str);
        let at = (found.area.x0 * scale as i32 + 3, found.area.y0 * scale as i32 + 11);
        canvas.text(&format!("{} {name}", found.class), at, Alignment::Left, color, false);
    }
    Picture(canvas, width, height)
}

/// The border of an area, two pixels wide.
fn frame(canvas: &mut Canvas, area: Area, scale: i32, color: Rgb888) {
    let (x, y) = (area.x0 * scale, area.y0 * scale);
    let (width, height) = ((area.width() * scale).max(2) as u32, (area.height() * scale).max(2) as u32);
    canvas.fill((x, y), (width, 2), color);
    canvas.fill((x, y + height as i32 - 2), (width, 2), color);
    canvas.fill((x, y), (2, height), color);
    canvas.fill((x + width as i32 - 2, y), (2, height), color);
}

/// A row a class: its color, number and name.
pub fn legend(target: &Target<'_>) -> Picture {
    let height = LEGEND_ROW * target.n_classes as u32;
    let mut canvas = Canvas::new(LEGEND_WIDTH, height);
    for (class, ([r, g, b], name)) in class_colors(target).into_iter().enumerate() {
        let y = (LEGEND_ROW * class as u32) as i32;
        canvas.fill((5, y + 5), (LEGEND_ROW - 10, LEGEND_ROW - 10), Rgb888::new(r, g, b));
        canvas.text(&name, (60, y + 30), Alignment::Left, Rgb888::BLACK, true);
    }
    Picture(canvas, LEGEND_WIDTH, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_go_round_the_colors() {
        let all = [0.0, 30.0, 60.0, 90.0, 120.0, 150.0].map(|hue| rgb(hue, 255.0, 255.0));
        let expected = [[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255], [0, 0, 255], [255, 0, 255]];
        assert_eq!(all, expected);
        assert_eq!((rgb(60.0, 0.0, 127.0), rgb(0.0, 255.0, 0.0)), ([127; 3], [0; 3]));
    }
}
