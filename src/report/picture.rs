//! Pictures: curves, confusion matrices and kernels as PNG, drawn with fonts that the program carries.

use std::convert::Infallible;

use anyhow::Result;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_8X13};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Line, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Text};
use stats::Confusion;
use stimuli::Shape;

use super::number::significant;
use super::page::data::Atlas;

const INK: Rgb888 = Rgb888::new(40, 40, 40);
const GRID: Rgb888 = Rgb888::new(220, 220, 220);
const RED: Rgb888 = Rgb888::new(200, 30, 30);
const COLORS: [Rgb888; 4] =
    [Rgb888::new(31, 90, 170), Rgb888::new(220, 120, 20), Rgb888::new(40, 140, 60), Rgb888::new(130, 70, 160)];

/// Pixels, white at first.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    pub(super) pixels: Vec<u8>,
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, color) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y)) else { continue };
            if x < self.width && y < self.height {
                let at = 3 * (y as usize * self.width as usize + x as usize);
                self.pixels[at..at + 3].copy_from_slice(&[color.r(), color.g(), color.b()]);
            }
        }
        Ok(())
    }
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self { width, height, pixels: vec![255; 3 * width as usize * height as usize] }
    }

    fn line(&mut self, from: (i32, i32), to: (i32, i32), color: Rgb888, width: u32) {
        let line = Line::new(Point::new(from.0, from.1), Point::new(to.0, to.1));
        let Ok(()) = line.into_styled(PrimitiveStyle::with_stroke(color, width)).draw(self);
    }

    pub(super) fn fill(&mut self, at: (i32, i32), size: (u32, u32), color: Rgb888) {
        let area = Rectangle::new(Point::new(at.0, at.1), Size::new(size.0, size.1));
        let Ok(()) = self.fill_solid(&area, color);
    }

    pub(super) fn text(&mut self, text: &str, at: (i32, i32), alignment: Alignment, color: Rgb888, is_large: bool) {
        let style = MonoTextStyle::new(if is_large { &FONT_8X13 } else { &FONT_6X10 }, color);
        let Ok(_) = Text::with_alignment(text, Point::new(at.0, at.1), style, alignment).draw(self);
    }

    pub(super) fn png(&self) -> Result<Vec<u8>> {
        self.encoded(png::ColorType::Rgb, &self.pixels)
    }

    /// The same with the first color as a gray.
    fn gray_png(&self) -> Result<Vec<u8>> {
        let gray: Vec<u8> = self.pixels.iter().copied().step_by(3).collect();
        self.encoded(png::ColorType::Grayscale, &gray)
    }

    fn encoded(&self, color: png::ColorType, pixels: &[u8]) -> Result<Vec<u8>> {
        encoded(self.width, self.height, color, pixels)
    }
}

/// Pixels of three colors each as PNG, row by row.
///
/// # Errors
/// The encoder fails.
pub(super) fn rgb(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>> {
    encoded(width, height, png::ColorType::Rgb, pixels)
}

fn encoded(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// One line of a chart.
pub struct Curve<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// Its points, in the order they are joined.
    pub points: Vec<(f64, f64)>,
}

/// Curves over an axis.
pub struct Chart<'a> {
    /// Above the picture.
    pub title: &'a str,
    /// Below the horizontal axis.
    pub x_label: &'a str,
    /// Whether the horizontal axis is logarithmic; points at 0 and below are then left out.
    pub x_is_log: bool,
    /// The curves.
    pub curves: Vec<Curve<'a>>,
    /// A vertical bar at a place of the horizontal axis, with its text.
    pub mark: Option<(f64, String)>,
}

/// So few points of a curve are seen one by one.
const FEW_POINTS: usize = 40;
const WIDTH: i32 = 720;
const HEIGHT: i32 = 440;
/// Left, right, top, bottom of the plot.
const PLOT: (i32, i32, i32, i32) = (72, WIDTH - 20, 36, HEIGHT - 48);

impl Chart<'_> {
    /// The picture as PNG.
    ///
    /// # Errors
    /// The encoder fails.
    pub fn png(&self) -> Result<Vec<u8>> {
        let mut canvas = Canvas::new(WIDTH as u32, HEIGHT as u32);
        let (left, right, top, bottom) = PLOT;
        canvas.text(self.title, (WIDTH / 2, 20), Alignment::Center, INK, true);
        canvas.text(self.x_label, (right, HEIGHT - 10), Alignment::Right, INK, false);
        let along = |x: f64| if self.x_is_log { x.log10() } else { x };
        let points = || self.curves.iter().flat_map(|curve| &curve.points).map(|&(x, y)| (along(x), y));
        let finite = || points().filter(|(x, y)| x.is_finite() && y.is_finite());
        let (x_min, x_max) = bounds(finite().map(|(x, _)| x));
        let (y_min, y_max) = bounds(finite().map(|(_, y)| y));
        let (x_step, y_step) = (step(x_min, x_max), step(y_min, y_max));
        let (y_min, y_max) = round_bounds(y_min, y_max, y_step);
        let column = |x: f64| left + ((x - x_min) / (x_max - x_min) * f64::from(right - left)).round() as i32;
        let row = |y: f64| bottom - ((y - y_min) / (y_max - y_min) * f64::from(bottom - top)).round() as i32;
        for y in ticks(y_min, y_max, y_step) {
            canvas.line((left, row(y)), (right, row(y)), GRID, 1);
            canvas.text(&significant(y, 4), (left - 6, row(y) + 3), Alignment::Right, INK, false);
        }
        let x_ticks = if self.x_is_log { log_ticks(x_min, x_max) } else { ticks(x_min, x_max, x_step) };
        for x in x_ticks {
            canvas.line((column(x), top), (column(x), bottom), GRID, 1);
            let text = if self.x_is_log { log_label(x) } else { significant(x, 7) };
            canvas.text(&text, (column(x), bottom + 14), Alignment::Center, INK, false);
        }
        canvas.line((left, top), (left, bottom), INK, 1);
        canvas.line((left, bottom), (right, bottom), INK, 1);
        if let Some((x, text)) = &self.mark {
            let x = column(along(*x)).clamp(left, right);
            canvas.line((x, top), (x, bottom), RED, 2);
            canvas.text(text, (x + 5, top + 12), Alignment::Left, RED, false);
        }
        for (number, curve) in self.curves.iter().enumerate() {
            let color = COLORS[number % COLORS.len()];
            let places = curve.points.iter().map(|&(x, y)| (along(x), y));
            let places: Vec<(i32, i32)> =
                places.filter(|(x, y)| x.is_finite() && y.is_finite()).map(|(x, y)| (column(x), row(y))).collect();
            for pair in places.windows(2) {
                canvas.line(pair[0], pair[1], color, 1);
            }
            if places.len() <= FEW_POINTS {
                places.iter().for_each(|&(x, y)| canvas.fill((x - 2, y - 2), (5, 5), color));
            }
            // Below the plot, where no curve passes.
            let (x, y) = (left + 140 * number as i32, HEIGHT - 10);
            canvas.line((x, y - 3), (x + 20, y - 3), color, 2);
            canvas.text(curve.name, (x + 26, y), Alignment::Left, INK, false);
        }
        canvas.png()
    }
}

/// The least and the greatest of some numbers, apart from each other.
pub(super) fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (min, max) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), v| (min.min(v), max.max(v)));
    if min > max {
        return (0.0, 1.0);
    }
    let room = 1e-6 * min.abs().max(max.abs()).max(1e-9);
    if max - min > room { (min, max) } else { (min - room, max + room) }
}

/// A step that is a round number, about six of them between two numbers.
pub(super) fn step(min: f64, max: f64) -> f64 {
    let rough = (max - min) / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|&step| step >= rough).unwrap_or(power)
}

/// What a quotient of bounds and steps may be off.
const ROUNDING: f64 = 1e-9;

/// The multiples of a step around two numbers, so that the ends of an axis are labeled.
pub(super) fn round_bounds(min: f64, max: f64, step: f64) -> (f64, f64) {
    ((min / step + ROUNDING).floor() * step, (max / step - ROUNDING).ceil() * step)
}

/// The multiples of a step between two numbers.
pub(super) fn ticks(min: f64, max: f64, step: f64) -> Vec<f64> {
    let first = (min / step - ROUNDING).ceil() as i64;
    let last = (max / step + ROUNDING).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

/// Logarithms of round numbers between two: powers of ten, in a short range twice and five times those, too, in a shorter one
/// all multiples.
pub(super) fn log_ticks(min: f64, max: f64) -> Vec<f64> {
    let steps: &[f64] = match max - min {
        decades if decades <= 1.0 => &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
        decades if decades <= 3.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let powers = min.floor() as i32..=max.floor() as i32;
    let all = powers.flat_map(|power| steps.iter().map(move |step| f64::from(power) + step.log10()));
    all.filter(|x| (min..=max).contains(x)).collect()
}

/// The number of a tick on a logarithmic axis.
pub(super) fn log_label(x: f64) -> String {
    if (-3.5..6.0).contains(&x) { significant(10f64.powf(x), 3) } else { format!("1e{x:.0}") }
}

/// A confusion matrix: a row a class, a column an estimate, darker where more of the class's stimuli are; right answers
/// blue, wrong ones red. `None` where there are too many classes to be seen.
///
/// # Errors
/// The encoder fails.
pub fn confusion(matrix: &Confusion) -> Result<Option<Vec<u8>>> {
    const MOST_CLASSES: usize = 500;
    let n = matrix.n_classes();
    if n == 0 || n > MOST_CLASSES {
        return Ok(None);
    }
    let side = (640 / n).clamp(2, 48) as i32;
    let (left, top) = (60, 50);
    let size = side * n as i32;
    let mut canvas = Canvas::new((left + size + 20).max(420) as u32, (top + size + 40) as u32);
    let (correct, total) = (matrix.correct(), matrix.total());
    let rate = if total == 0 { 0.0 } else { 100.0 * (total - correct) as f64 / total as f64 };
    let title = format!("{correct} right, {} wrong, error rate {rate:.2}%", total - correct);
    canvas.text(&title, (10, 20), Alignment::Left, INK, true);
    canvas.text("rows: target, columns: estimated", (10, 36), Alignment::Left, INK, false);
    let every = if side >= 16 { 1 } else { (16 / side + 1) as usize };
    for target in 0..n {
        let y = top + side * target as i32;
        if target % every == 0 {
            canvas.text(&target.to_string(), (left - 6, y + side / 2 + 3), Alignment::Right, INK, false);
            let x = left + side * target as i32 + side / 2;
            canvas.text(&target.to_string(), (x, top + size + 14), Alignment::Center, INK, false);
        }
        let row = matrix.row_total(target).max(1);
        for estimated in 0..n {
            let count = matrix.count(target, estimated);
            let share = (count as f64 / row as f64).sqrt();
            let color = if target == estimated { COLORS[0] } else { RED };
            let x = left + side * estimated as i32;
            canvas.fill((x, y), (side as u32, side as u32), blend(color, share));
            if side >= 32 && count > 0 {
                let ink = if share > 0.6 { Rgb888::WHITE } else { INK };
                canvas.text(&count.to_string(), (x + side / 2, y + side / 2 + 3), Alignment::Center, ink, false);
            }
        }
    }
    for edge in [(0, 0, size, 0), (0, size, size, size), (0, 0, 0, size), (size, 0, size, size)] {
        canvas.line((left + edge.0, top + edge.1), (left + edge.2, top + edge.3), INK, 1);
    }
    canvas.png().map(Some)
}

/// A color over white.
fn blend(color: Rgb888, share: f64) -> Rgb888 {
    let mix = |channel: u8| (255.0 + (f64::from(channel) - 255.0) * share.clamp(0.0, 1.0)).round() as u8;
    Rgb888::new(mix(color.r()), mix(color.g()), mix(color.b()))
}

/// Maps of one size side by side, `columns` a row: blue above 0, red below, white at 0, by the largest magnitude of all.
///
/// # Errors
/// The encoder fails.
pub fn maps(values: &[f32], width: usize, height: usize, columns: usize) -> Result<Vec<u8>> {
    const MOST_PIXELS: usize = 4000;
    /// Up to here small maps grow.
    const GOOD_PIXELS: usize = 640;
    let columns = columns.max(1);
    let n = (values.len() / (width * height).max(1)).max(1);
    let rows = n.div_ceil(columns);
    let fits = |scale: usize| {
        let most = if scale > 8 { GOOD_PIXELS } else { MOST_PIXELS };
        columns * (width * scale + 1) <= most && rows * (height * scale + 1) <= most
    };
    let scale = (1..=24).rev().find(|&scale| fits(scale)).unwrap_or(1);
    let (wide, high) = (columns * (width * scale + 1) + 1, rows * (height * scale + 1) + 1);
    let mut canvas = Canvas::new(wide.min(MOST_PIXELS) as u32, high.min(MOST_PIXELS) as u32);
    canvas.pixels.fill(128);
    let largest = values.iter().fold(f32::MIN_POSITIVE, |largest, v| largest.max(v.abs()));
    for (index, &value) in values.iter().enumerate() {
        let (map, place) = (index / (width * height), index % (width * height));
        let x = map % columns * (width * scale + 1) + 1 + place % width * scale;
        let y = map / columns * (height * scale + 1) + 1 + place / width * scale;
        let color = blend(if value > 0.0 { COLORS[0] } else { RED }, f64::from(value.abs() / largest));
        canvas.fill((x as i32, y as i32), (scale as u32, scale as u32), color);
    }
    canvas.png()
}

/// Stimuli `[c][y][x]` side by side, each reduced by a factor along both sides: color where there are three channels, else the
/// first channel; black is the least value of all, but not above 0, white the greatest.
///
/// # Errors
/// The encoder fails.
pub fn atlas(stimuli: &[Vec<f32>], shape: Shape, reduced: usize) -> Result<(Atlas, Vec<u8>)> {
    let (width, height) = (shape.width.div_ceil(reduced), shape.height.div_ceil(reduced));
    let columns = (stimuli.len() as f64).sqrt().ceil().max(1.0) as usize;
    let rows = stimuli.len().div_ceil(columns).max(1);
    let all = || stimuli.iter().flatten().copied();
    let (least, greatest) = (all().fold(0.0, f32::min), all().fold(0.0, f32::max));
    let channels: [usize; 3] = if shape.channels == 3 { [0, 1, 2] } else { [0, 0, 0] };
    let mut canvas = Canvas::new((columns * width) as u32, (rows * height) as u32);
    for (number, values) in stimuli.iter().enumerate() {
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let rows = y * reduced..((y + 1) * reduced).min(shape.height);
            let columns_of = x * reduced..((x + 1) * reduced).min(shape.width);
            let n = (rows.len() * columns_of.len()) as f32;
            let level = |channel: usize| {
                let places = rows.clone().flat_map(|y| columns_of.clone().map(move |x| (y, x)));
                let sum: f32 = places.map(|(y, x)| values[(channel * shape.height + y) * shape.width + x]).sum();
                ((sum / n - least) / (greatest - least).max(f32::MIN_POSITIVE) * 255.0).round() as u8
            };
            let [red, green, blue] = channels.map(level);
            let at = ((number % columns * width + x) as i32, (number / columns * height + y) as i32);
            canvas.fill(at, (1, 1), Rgb888::new(red, green, blue));
        }
    }
    let png = if shape.channels == 3 { canvas.png()? } else { canvas.gray_png()? };
    Ok((Atlas { width, height, columns, rows }, png))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a picture");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut pixels).expect("a frame");
        (info.width, info.height, pixels)
    }

    fn pixel((width, _, pixels): &(u32, u32, Vec<u8>), x: i32, y: i32) -> [u8; 3] {
        let at = 3 * (y as usize * *width as usize + x as usize);
        [pixels[at], pixels[at + 1], pixels[at + 2]]
    }

    #[test]
    fn a_curve_joins_its_points_and_the_mark_stands_at_its_place() {
        let curve = Curve { name: "loss", points: vec![(1e-4, 1.0), (1e-2, 0.0), (1.0, 1.0), (10.0, f64::NAN)] };
        let mark = Some((1e-2, "0.01".to_string()));
        let chart = Chart { title: "t", x_label: "rate", x_is_log: true, curves: vec![curve], mark };
        let picture = decoded(&chart.png().expect("a picture"));
        let (left, right, top, bottom) = PLOT;
        assert_eq!((picture.0, picture.1), (WIDTH as u32, HEIGHT as u32));
        assert_eq!(pixel(&picture, right, top), [31, 90, 170], "the last point that is a number");
        assert_eq!(pixel(&picture, (left + right) / 2, (top + bottom) / 2), [200, 30, 30], "the mark, in the middle");
        assert_eq!(pixel(&picture, right - 3, bottom - 60), [255, 255, 255]);
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let round_ticks = |min: f64, max: f64| ticks(min, max, step(min, max));
        assert_eq!(round_ticks(0.0, 1.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(round_ticks(-6.0, 1.0), [-6.0, -4.0, -2.0, 0.0]);
        assert_eq!(bounds([].into_iter()), (0.0, 1.0));
        let labels =
            |min: f64, max: f64| log_ticks(min.log10(), max.log10()).into_iter().map(log_label).collect::<Vec<_>>();
        assert_eq!(labels(0.3, 26.0), ["0.5", "1", "2", "5", "10", "20"]);
        assert_eq!(labels(0.45, 2.6), ["0.5", "0.6", "0.7", "0.8", "0.9", "1", "2"]);
        assert_eq!(labels(1e-6, 10.0), ["1e-6", "1e-5", "1e-4", "0.001", "0.01", "0.1", "1", "10"]);
    }

    #[test]
    fn the_ends_of_the_vertical_axis_are_labeled() {
        #[track_caller]
        fn check(min: f64, max: f64, expected: (f64, f64)) {
            let step = step(min, max);
            let (low, high) = round_bounds(min, max, step);
            assert!((low - expected.0).abs() < 1e-9 && (high - expected.1).abs() < 1e-9, "{low} {high}");
            let ticks = ticks(low, high, step);
            assert!((ticks[0] - low).abs() < 1e-9 && (ticks[ticks.len() - 1] - high).abs() < 1e-9, "{ticks:?}");
        }
        check(9.4, 98.3, (0.0, 100.0));
        check(97.2, 99.1, (97.0, 99.5));
        check(0.1, 0.7, (0.1, 0.7));
        check(93.1, 100.0, (92.0, 100.0));
        check(-0.5, 1.0, (-0.5, 1.0));
    }

    #[test]
    fn a_confusion_matrix_is_blue_where_right_and_red_where_wrong() {
        let mut matrix = Confusion::new(2);
        for (target, estimated) in [(0, 0), (1, 0)] {
            matrix.add(target, estimated);
        }
        let picture = decoded(&confusion(&matrix).expect("a picture").expect("few classes"));
        let cell = |target: i32, estimated: i32| pixel(&picture, 60 + 48 * estimated + 4, 50 + 48 * target + 4);
        assert_eq!(cell(0, 0), [31, 90, 170]);
        assert_eq!(cell(1, 0), [200, 30, 30]);
        assert_eq!((cell(0, 1), cell(1, 1)), ([255; 3], [255; 3]));
        assert!(confusion(&Confusion::new(501)).expect("no fault").is_none());
    }

    #[test]
    fn maps_stand_side_by_side_with_a_line_between() {
        let picture = decoded(&maps(&[1.0, 0.0, -0.5, 0.0], 2, 1, 2).expect("a picture"));
        assert_eq!((picture.0, picture.1), (2 * 49 + 1, 26));
        assert_eq!(pixel(&picture, 1, 1), [31, 90, 170]);
        assert_eq!(pixel(&picture, 25, 1), [255; 3]);
        assert_eq!(pixel(&picture, 49, 1), [128; 3]);
        assert_eq!(pixel(&picture, 50, 1), [228, 143, 143]);
    }
}
