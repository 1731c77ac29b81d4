//! Size, borders and mirrors.

use super::border::Border;
use super::{Format, Step, checked_size};
use crate::draws::Draws;
use crate::frame::{Frame, Pixel, Rewrite};
use crate::resize::Resize;
use crate::{Error, Shape};

/// Bilinear resize of the image.
///
/// Destination pixel `d` samples the source at `(d + 0.5) * scale - 0.5`, edges clamped, no anti-aliasing. Integer
/// images use weights of 11 bits, as OpenCV does, so that the pixels are the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Rescale {
    /// Columns of the result, in pixels.
    pub width: usize,
    /// Rows of the result, in pixels.
    pub height: usize,
    /// Replaces both ratios by one of them, so that the result may be of another size than asked.
    pub keep_aspect_ratio: bool,
    /// With `keep_aspect_ratio`: takes the smaller ratio, so that the image fits inside; otherwise the larger.
    pub resize_to_fit: bool,
}

impl Rescale {
    fn shape(&self, input: Shape) -> Shape {
        let (mut width, mut height) = (self.width, self.height);
        if self.keep_aspect_ratio {
            let ratios = (width as f64 / input.width as f64, height as f64 / input.height as f64);
            let ratio = if self.resize_to_fit { ratios.0.min(ratios.1) } else { ratios.0.max(ratios.1) };
            (width, height) = ((ratio * input.width as f64) as usize, (ratio * input.height as f64) as usize);
        }
        Shape { width, height, ..input }
    }
}

/// Resizes the image of a frame, and its labels by taking the nearest.
pub(crate) fn resize(frame: &mut Frame, width: usize, height: usize) {
    let source = frame.shape;
    if (source.width, source.height) == (width, height) {
        return;
    }
    let size = Shape { width, height, ..source };
    frame.labels.sample(source, size, |x, y| Some([x * source.width / width, y * source.height / height]));
    frame.labels.move_rois(size, |outline| outline.scale([source.width, source.height], [width, height]));
    let plan = Resize::new(source, width, height);
    frame.replace(
        plan.shape(),
        |source, out, rows| plan.integers(source, rows, out),
        |source, out| plan.reals(source, out),
    );
}

impl Step for Rescale {
    fn format(&self, input: Format) -> Result<Format, Error> {
        let shape = self.shape(input.shape);
        match checked_size("RescaleTransformation", shape.width as i128, shape.height as i128) {
            Ok(_) => Ok(Format { shape, ..input }),
            Err(_) => Err(Error::RescaledSize {
                input: input.shape,
                max: crate::image::MAX_SIDE,
                width: shape.width,
                height: shape.height,
            }),
        }
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        let shape = self.shape(frame.shape);
        resize(frame, shape.width, shape.height);
    }
}

/// Pads with a border or crops, around the center: the left and the top get the larger half.
#[derive(Clone, Debug, PartialEq)]
pub struct PadCrop {
    /// Columns of the result; columns to add, with `is_additive`.
    pub width: i64,
    /// Rows of the result; rows to add, with `is_additive`.
    pub height: i64,
    /// Adds to the size of the image.
    pub is_additive: bool,
    /// What is added.
    pub border: Border,
}

impl PadCrop {
    fn size(&self, input: Shape) -> (i128, i128) {
        let (width, height) = (i128::from(self.width), i128::from(self.height));
        if self.is_additive { (width + input.width as i128, height + input.height as i128) } else { (width, height) }
    }
}

/// Takes the part of an image from column `left` and row `top` on, which may lie outside.
pub(crate) struct Part<'a> {
    pub left: isize,
    pub top: isize,
    pub border: &'a Border,
}

impl Part<'_> {
    /// Makes the image of a frame this part; labels outside are ignored.
    pub fn take(&self, frame: &mut Frame, size: Shape) {
        let source = frame.shape;
        let inside = |at: usize, first: isize, n: usize| at.checked_add_signed(first).filter(|&at| at < n);
        frame.labels.sample(source, size, |x, y| {
            Some([inside(x, self.left, source.width)?, inside(y, self.top, source.height)?])
        });
        frame.labels.move_rois(size, |outline| outline.shift([-self.left as i32, -self.top as i32]));
        frame.rewrite(size, self);
    }
}

impl Rewrite for Part<'_> {
    fn plane<T: Pixel>(&self, channel: usize, from: &[T], source: Shape, to: &mut [T], size: Shape) {
        let outside = self.border.level(channel, from);
        for (y, row) in to.chunks_exact_mut(size.width).enumerate() {
            let Some(line) = self.border.index(y as isize + self.top, source.height) else {
                row.fill(outside);
                continue;
            };
            let line = &from[line * source.width..(line + 1) * source.width];
            for (x, level) in row.iter_mut().enumerate() {
                *level = self.border.index(x as isize + self.left, source.width).map_or(outside, |at| line[at]);
            }
        }
    }
}

impl Step for PadCrop {
    fn format(&self, input: Format) -> Result<Format, Error> {
        let (width, height) = self.size(input.shape);
        let (width, height) = checked_size("PadCropTransformation", width, height)?;
        Ok(Format { shape: Shape { width, height, ..input.shape }, ..input })
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        let (width, height) = self.size(frame.shape);
        let size = Shape { width: width as usize, height: height as usize, ..frame.shape };
        // The larger half: the ceiling of half the difference, which is negative where it is cropped.
        let before = |size: usize, source: usize| (size as isize - source as isize + 1).div_euclid(2);
        let left = -before(size.width, frame.shape.width);
        let top = -before(size.height, frame.shape.height);
        Part { left, top, border: &self.border }.take(frame, size);
    }
}

/// Mirrors the image; a random mirror is drawn with even chances and stands in for the fixed one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flip {
    /// Left to right.
    pub horizontal: bool,
    /// Upside down.
    pub vertical: bool,
    /// Left to right, or not.
    pub random_horizontal: bool,
    /// Upside down, or not.
    pub random_vertical: bool,
}

struct Mirrored {
    horizontal: bool,
    vertical: bool,
}

impl Rewrite for Mirrored {
    fn plane<T: Pixel>(&self, _: usize, from: &[T], source: Shape, to: &mut [T], _: Shape) {
        for (y, row) in to.chunks_exact_mut(source.width).enumerate() {
            let line = if self.vertical { source.height - 1 - y } else { y };
            row.copy_from_slice(&from[line * source.width..(line + 1) * source.width]);
            if self.horizontal {
                row.reverse();
            }
        }
    }
}

impl Step for Flip {
    fn format(&self, input: Format) -> Result<Format, Error> {
        Ok(input)
    }

    fn apply(&self, frame: &mut Frame, draws: &mut Draws) {
        // Both are drawn whatever is asked for, so that one flag does not change the other's draws.
        let (first, second) = (draws.coin(), draws.coin());
        let horizontal = if self.random_horizontal { first } else { self.horizontal };
        let vertical = if self.random_vertical { second } else { self.vertical };
        if horizontal || vertical {
            let shape @ Shape { width, height, .. } = frame.shape;
            let mirrored = |at: usize, n: usize, is_mirrored: bool| if is_mirrored { n - 1 - at } else { at };
            frame
                .labels
                .sample(shape, shape, |x, y| Some([mirrored(x, width, horizontal), mirrored(y, height, vertical)]));
            let axis = |n: usize, is_mirrored: bool| is_mirrored.then_some(n as i32);
            frame.labels.move_rois(shape, |outline| outline.mirror(axis(width, horizontal), axis(height, vertical)));
            frame.rewrite(shape, &Mirrored { horizontal, vertical });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{format_of, labels_of, rectangles, transformed, transformed_as};

    const ABCD: [u8; 6] = [1, 2, 3, 4, 5, 6];

    #[test]
    fn borders_are_added_and_cut_around_the_center() {
        let pad = |width, height, border| PadCrop { width, height, is_additive: false, border };
        let line = [1, 2, 3, 4];
        for (step, expect) in [
            (pad(7, 1, Border::MinusOneReflect), &[3, 2, 1, 2, 3, 4, 3][..]),
            (pad(7, 1, Border::Constant(vec![9.0])), &[9, 9, 1, 2, 3, 4, 9]),
            (pad(3, 1, Border::Replicate), &[1, 2, 3]),
            (pad(1, 1, Border::Replicate), &[2]),
            (pad(4, 3, Border::Wrap), &[1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]),
            (PadCrop { is_additive: true, ..pad(-2, 0, Border::Wrap) }, &[2, 3]),
            (PadCrop { is_additive: true, ..pad(1, 0, Border::Mean) }, &[2, 1, 2, 3, 4]),
        ] {
            assert_eq!(transformed(&step, (4, 1), &line), expect, "{step:?}");
        }
        let error = pad(0, 3, Border::Wrap).format(format_of(4, 1)).unwrap_err().to_string();
        assert!(
            error.contains("PadCropTransformation: expected from 1 to 16384 columns and rows, found 0x3"),
            "{error}"
        );
    }

    #[test]
    fn labels_and_regions_move_with_the_pixels() {
        let labels = ["0012", "3345"];
        let boxes = [[0, 0, 2, 1], [3, 1, 4, 2]];
        let check = |step: &dyn Step, expect: &[&str], expect_boxes: &[(usize, [i32; 4])]| {
            let (map, rois) = labels_of(step, &labels, &boxes);
            assert_eq!(
                (map, rectangles(&rois)),
                (expect.iter().map(|row| row.to_string()).collect(), expect_boxes.to_vec())
            );
        };
        let rescale = |width, height| Rescale { width, height, keep_aspect_ratio: false, resize_to_fit: true };
        check(&rescale(2, 2), &["01", "34"], &[(0, [0, 0, 1, 1]), (1, [1, 1, 2, 2])]);
        check(&rescale(4, 1), &["0012"], &[(1, [3, 0, 4, 1])]);
        check(
            &Rescale { keep_aspect_ratio: true, ..rescale(8, 9) },
            &["00001122", "00001122", "33334455", "33334455"],
            &[(0, [0, 0, 4, 2]), (1, [6, 2, 8, 4])],
        );
        let pad = |width, height| PadCrop { width, height, is_additive: false, border: Border::MinusOneReflect };
        check(&pad(7, 3), &["-------", "--0012-", "--3345-"], &[(0, [2, 1, 4, 2]), (1, [5, 2, 6, 3])]);
        check(&pad(1, 3), &["-", "0", "3"], &[(0, [0, 1, 1, 2])]);
        let flip = |horizontal, vertical| Flip { horizontal, vertical, ..Flip::default() };
        check(&flip(true, false), &["2100", "5433"], &[(0, [2, 0, 4, 1]), (1, [0, 1, 1, 2])]);
        check(&flip(false, true), &["3345", "0012"], &[(0, [0, 1, 2, 2]), (1, [3, 0, 4, 1])]);
    }

    #[test]
    fn a_flip_mirrors_each_plane() {
        let flip = |horizontal, vertical| Flip { horizontal, vertical, ..Flip::default() };
        assert_eq!(transformed(&flip(true, false), (3, 2), &ABCD), [3, 2, 1, 6, 5, 4]);
        assert_eq!(transformed(&flip(false, true), (3, 2), &ABCD), [4, 5, 6, 1, 2, 3]);
        assert_eq!(transformed(&flip(true, true), (3, 1), &ABCD), [3, 2, 1, 6, 5, 4], "two channels");
        let random = Flip { random_horizontal: true, horizontal: true, ..Flip::default() };
        let flipped = (0..1000).filter(|&id| transformed_as(&random, (3, 1), &ABCD[..3], id) == [3, 2, 1]).count();
        assert!((400..600).contains(&flipped), "{flipped} of 1000");
    }
}
