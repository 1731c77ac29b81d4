//! Parts of the image.

use super::border::Border;
use super::geometry::{Part, resize};
use super::{Format, Step, checked_size, refused};
use crate::draws::Draws;
use crate::frame::{Frame, Pixel, Rewrite};
use crate::{Error, Shape, rounding};

/// Takes a part of the image: at a fixed or a random place, scaled and turned at random.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceExtraction {
    /// Columns of the result; 0 is all.
    pub width: usize,
    /// Rows of the result; 0 is all.
    pub height: usize,
    /// First column and first row.
    pub offset: [usize; 2],
    /// Draws the first column, the first row.
    pub random_offset: [bool; 2],
    /// Turns the part about its center by an angle of this range, in degrees.
    pub rotation: Option<[f64; 2]>,
    /// Takes a part as many times as large, and resizes it.
    pub scaling: Option<[f64; 2]>,
    /// Lets the part reach outside the image.
    pub allows_padding: bool,
    /// What lies there.
    pub border: Border,
}

const NAME: &str = "SliceExtractionTransformation";

impl SliceExtraction {
    fn size(&self, input: Shape) -> (usize, usize) {
        let or_all = |asked: usize, all: usize| if asked == 0 { all } else { asked };
        (or_all(self.width, input.width), or_all(self.height, input.height))
    }
}

fn scaled(size: usize, scale: f64) -> usize {
    (rounding::half_away_from_zero(size as f64 * scale) as usize).max(1)
}

impl Step for SliceExtraction {
    fn format(&self, input: Format) -> Result<Format, Error> {
        let (width, height) = self.size(input.shape);
        checked_size(NAME, width as i128, height as i128)?;
        let largest = match self.scaling {
            Some([low, high]) if !(low > 0.0 && low <= high && high <= 1000.0) => {
                let remedy = "give the lower one first";
                return Err(refused(
                    NAME,
                    "a `RandomScalingRange` from above 0 to 1000",
                    format!("{low} {high}"),
                    remedy,
                ));
            }
            Some([_, high]) => high,
            None => 1.0,
        };
        let end = |axis: usize, size: usize| {
            scaled(size, largest).saturating_add(if self.random_offset[axis] { 0 } else { self.offset[axis] })
        };
        let (right, bottom) = (end(0, width), end(1, height));
        if !self.allows_padding && (right > input.shape.width || bottom > input.shape.height) {
            return Err(refused(
                NAME,
                &format!("a part inside the image of {}", input.shape),
                format!("one that ends at column {right} and row {bottom}"),
                "take a smaller one, or set `AllowPadding`",
            ));
        }
        checked_size(NAME, right as i128, bottom as i128)?;
        Ok(Format { shape: Shape { width, height, ..input.shape }, ..input })
    }

    fn apply(&self, frame: &mut Frame, draws: &mut Draws) {
        let source = frame.shape;
        let (width, height) = self.size(source);
        let scale = self.scaling.map_or(1.0, |[low, high]| draws.uniform(low, high));
        let size = Shape { width: scaled(width, scale), height: scaled(height, scale), ..source };
        let mut place = |axis: usize, source: usize, size: usize| {
            // Drawn whether it is used or not, so that one axis does not change the other's draws.
            let drawn = draws.below(source.saturating_sub(size) + 1);
            (if self.random_offset[axis] { drawn } else { self.offset[axis] }) as isize
        };
        let (left, top) = (place(0, source.width, size.width), place(1, source.height, size.height));
        Part { left, top, border: &self.border }.take(frame, size);
        if let Some([low, high]) = self.rotation {
            let (sin, cos) = draws.uniform(low, high).to_radians().sin_cos();
            Turned { sin: sin as f32, cos: cos as f32, border: &self.border }.turn(frame);
        }
        resize(frame, width, height);
    }
}

/// The image turned about its center, counter-clockwise, bilinear.
struct Turned<'a> {
    sin: f32,
    cos: f32,
    border: &'a Border,
}

impl Turned<'_> {
    /// Where a pixel of the result comes from.
    fn source(&self, shape: Shape, x: usize, y: usize) -> (f32, f32) {
        let (cx, cy) = ((shape.width - 1) as f32 / 2.0, (shape.height - 1) as f32 / 2.0);
        let (dx, dy) = (x as f32 - cx, y as f32 - cy);
        (cx + dx * self.cos - dy * self.sin, cy + dx * self.sin + dy * self.cos)
    }

    /// Turns the image of a frame; labels are those of the nearest pixels.
    fn turn(&self, frame: &mut Frame) {
        let shape = frame.shape;
        let nearest = |at: f32, n: usize| (at > -0.5).then_some(at.round() as usize).filter(|&at| at < n);
        frame.labels.sample(shape, shape, |x, y| {
            let (sx, sy) = self.source(shape, x, y);
            Some([nearest(sx, shape.width)?, nearest(sy, shape.height)?])
        });
        let (sin, cos) = (f64::from(self.sin), f64::from(self.cos));
        let center = [shape.width, shape.height].map(|n| (n as f64 - 1.0) / 2.0);
        frame.labels.move_rois(shape, |outline| {
            outline.bend(|[x, y]| {
                let (dx, dy) = (x - center[0], y - center[1]);
                [center[0] + dx * cos + dy * sin, center[1] + dy * cos - dx * sin]
            });
        });
        frame.rewrite(shape, self);
    }
}

impl Rewrite for Turned<'_> {
    fn plane<T: Pixel>(&self, channel: usize, from: &[T], source: Shape, to: &mut [T], _: Shape) {
        let outside: f32 = self.border.level(channel, from).into();
        let level = |x: isize, y: isize| -> f32 {
            match (self.border.index(x, source.width), self.border.index(y, source.height)) {
                (Some(x), Some(y)) => from[y * source.width + x].into(),
                _ => outside,
            }
        };
        for (y, row) in to.chunks_exact_mut(source.width).enumerate() {
            for (x, out) in row.iter_mut().enumerate() {
                let (sx, sy) = self.source(source, x, y);
                let (left, top) = (sx.floor(), sy.floor());
                let (fx, fy) = (sx - left, sy - top);
                let (left, top) = (left as isize, top as isize);
                let across = |y| level(left, y) * (1.0 - fx) + level(left + 1, y) * fx;
                *out = T::rounded(across(top) * (1.0 - fy) + across(top + 1) * fy);
            }
        }
    }
}

/// Takes a part of random area and aspect and resizes it (C. Szegedy et al., 2015). Where ten draws do not fit in the image,
/// its largest part in the middle of an aspect within the range is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomResizeCrop {
    /// Columns of the result.
    pub width: usize,
    /// Rows of the result.
    pub height: usize,
    /// Range of the part's share of the image's area.
    pub scale: [f64; 2],
    /// Range of its width over its height.
    pub ratio: [f64; 2],
}

impl Step for RandomResizeCrop {
    fn format(&self, input: Format) -> Result<Format, Error> {
        const NAME: &str = "RandomResizeCropTransformation";
        let (width, height) = checked_size(NAME, self.width as i128, self.height as i128)?;
        for (key, [low, high]) in [("Scale", self.scale), ("Ratio", self.ratio)] {
            if !(low > 0.0 && low <= high && high.is_finite()) {
                let expected = format!("`{key}Min` above 0 and at most `{key}Max`");
                return Err(refused(NAME, &expected, format!("{low} and {high}"), "correct them"));
            }
        }
        Ok(Format { shape: Shape { width, height, ..input.shape }, ..input })
    }

    fn apply(&self, frame: &mut Frame, draws: &mut Draws) {
        const TRIES: usize = 10;
        let source = frame.shape;
        let mut part = None;
        for _ in 0..TRIES {
            let area = source.plane() as f64 * draws.uniform(self.scale[0], self.scale[1]);
            let ratio = draws.uniform(self.ratio[0].ln(), self.ratio[1].ln()).exp();
            let (width, height) = ((area * ratio).sqrt().round() as usize, (area / ratio).sqrt().round() as usize);
            if (1..=source.width).contains(&width) && (1..=source.height).contains(&height) {
                let left = draws.below(source.width - width + 1);
                part = Some((left, draws.below(source.height - height + 1), width, height));
                break;
            }
        }
        let (left, top, width, height) = part.unwrap_or_else(|| {
            let ratio = (source.width as f64 / source.height as f64).clamp(self.ratio[0], self.ratio[1]);
            let width = ((source.height as f64 * ratio).round() as usize).clamp(1, source.width);
            let height = ((source.width as f64 / ratio).round() as usize).clamp(1, source.height);
            ((source.width - width) / 2, (source.height - height) / 2, width, height)
        });
        let border = Border::default();
        let part = Part { left: left as isize, top: top as isize, border: &border };
        part.take(frame, Shape { width, height, ..source });
        resize(frame, self.width, self.height);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::{format_of, labels_of, rectangles, transformed, transformed_as};

    fn slice(width: usize, height: usize) -> SliceExtraction {
        SliceExtraction {
            width,
            height,
            offset: [0, 0],
            random_offset: [false; 2],
            rotation: None,
            scaling: None,
            allows_padding: false,
            border: Border::default(),
        }
    }

    /// 4 columns, 3 rows.
    const IMAGE: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

    #[test]
    fn a_part_is_taken_at_its_place() {
        assert_eq!(transformed(&SliceExtraction { offset: [1, 1], ..slice(2, 2) }, (4, 3), &IMAGE), [6, 7, 10, 11]);
        assert_eq!(transformed(&slice(0, 1), (4, 3), &IMAGE), [1, 2, 3, 4]);
        let outside = SliceExtraction {
            offset: [3, 2],
            allows_padding: true,
            border: Border::Constant(vec![0.0]),
            ..slice(2, 2)
        };
        assert_eq!(transformed(&outside, (4, 3), &IMAGE), [12, 0, 0, 0]);
        let message =
            SliceExtraction { allows_padding: false, ..outside }.format(format_of(4, 3)).unwrap_err().to_string();
        assert!(message.contains("found one that ends at column 5 and row 4"), "{message}");
    }

    #[test]
    fn labels_and_regions_are_cut_turned_and_resized_with_the_part() {
        let labels = ["012", "345", "678"];
        let outside = SliceExtraction { offset: [1, 2], allows_padding: true, ..slice(3, 2) };
        let (map, rois) = labels_of(&outside, &labels, &[[0, 0, 3, 3], [0, 0, 1, 3]]);
        assert_eq!((map, rectangles(&rois)), (vec!["78-".into(), "---".into()], vec![(0, [0, 0, 2, 1])]));
        let turned = SliceExtraction { rotation: Some([90.0, 90.0]), ..slice(3, 3) };
        let (map, rois) = labels_of(&turned, &labels, &[[0, 0, 3, 1], [2, 0, 3, 1]]);
        assert_eq!(
            (map, rectangles(&rois)),
            (vec!["258".into(), "147".into(), "036".into()], vec![(0, [0, 0, 1, 3]), (1, [0, 0, 1, 1])])
        );
        let half = SliceExtraction { scaling: Some([0.5, 0.5]), ..slice(2, 2) };
        let (map, rois) = labels_of(&half, &labels, &[[0, 0, 2, 2], [1, 0, 3, 3]]);
        assert_eq!((map, rectangles(&rois)), (vec!["00".into(), "00".into()], vec![(0, [0, 0, 2, 2])]));
    }

    #[test]
    fn random_places_reach_every_part_inside() {
        let random = SliceExtraction { random_offset: [true; 2], ..slice(2, 2) };
        let firsts: BTreeSet<u8> = (0..200).map(|id| transformed_as(&random, (4, 3), &IMAGE, id)[0]).collect();
        assert_eq!(firsts.into_iter().collect::<Vec<_>>(), [1, 2, 3, 5, 6, 7]);
    }

    #[test]
    fn a_quarter_turn_moves_the_rows_to_columns_and_a_scale_is_undone() {
        let turned = SliceExtraction { rotation: Some([90.0, 90.0]), ..slice(3, 3) };
        let image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(transformed(&turned, (3, 3), &image), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
        let half = SliceExtraction { scaling: Some([0.5, 0.5]), ..slice(2, 2) };
        assert_eq!(transformed(&half, (3, 3), &image), [1; 4], "one pixel, twice as large");
        assert!(SliceExtraction { scaling: Some([0.5, 2.0]), ..slice(2, 2) }.format(format_of(3, 3)).is_err());
    }

    #[test]
    fn a_random_part_has_the_size_asked_for_and_all_of_the_image_where_nothing_varies() {
        let crop = RandomResizeCrop { width: 4, height: 3, scale: [1.0, 1.0], ratio: [4.0 / 3.0, 4.0 / 3.0] };
        assert_eq!(transformed(&crop, (4, 3), &IMAGE), IMAGE);
        let square = RandomResizeCrop { ratio: [1.0, 1.0], width: 1, height: 1, ..crop.clone() };
        assert_eq!(transformed(&square, (4, 3), &IMAGE).len(), 1, "does not fit: the middle is taken");
        let small = RandomResizeCrop { scale: [0.1, 0.5], ratio: [0.5, 2.0], ..crop };
        let parts: BTreeSet<Vec<u8>> = (0..50).map(|id| transformed_as(&small, (4, 3), &IMAGE, id)).collect();
        assert!(parts.len() > 10 && parts.iter().all(|part| part.len() == 12));
    }
}
