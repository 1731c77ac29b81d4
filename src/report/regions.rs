//! Regions and labels of pixels as pictures.

use image::{Rgb, RgbImage};
use stimuli::{Roi, Shape};

/// What pixels without a label look like.
const IGNORED: Rgb<u8> = Rgb([127; 3]);

/// The color of a label: hues that follow each other at the golden angle differ as much as they can.
pub fn color(label: usize) -> Rgb<u8> {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let hue = (label as f64 * GOLDEN).fract() * 6.0;
    let level = |shift: f64| {
        let at = (hue + shift).rem_euclid(6.0);
        let share = (at - 3.0).abs() - 1.0;
        (share.clamp(0.0, 1.0) * 255.0).round() as u8
    };
    Rgb([level(0.0), level(4.0), level(2.0)])
}

/// Draws the borders of regions, each in the color of its label.
pub fn outline(image: &mut RgbImage, rois: &[Roi]) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    for roi in rois {
        let mut is_in = vec![false; width * height];
        roi.outline
            .rows(width, height, |y, columns| is_in[y * width + columns.start..y * width + columns.end].fill(true));
        let is_inside = |x: Option<usize>, y: Option<usize>| match (x, y) {
            (Some(x), Some(y)) => x < width && y < height && is_in[y * width + x],
            _ => false,
        };
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let (x, y) = (Some(x), Some(y));
            let [left, right] = [x.and_then(|x| x.checked_sub(1)), x.map(|x| x + 1)];
            let [above, below] = [y.and_then(|y| y.checked_sub(1)), y.map(|y| y + 1)];
            let around = is_inside(left, y) && is_inside(right, y) && is_inside(x, above) && is_inside(x, below);
            if let (Some(x), Some(y), true, false) = (x, y, is_inside(x, y), around) {
                image.put_pixel(x as u32, y as u32, color(roi.label));
            }
        }
    }
}

/// A map of labels, `[y][x]`, in their colors.
pub fn map(shape: Shape, labels: &[i32]) -> RgbImage {
    RgbImage::from_fn(shape.width as u32, shape.height as u32, |x, y| {
        usize::try_from(labels[y as usize * shape.width + x as usize]).map_or(IGNORED, color)
    })
}

#[cfg(test)]
mod tests {
    use stimuli::Outline;

    use super::*;

    #[test]
    fn labels_have_colors_of_their_own() {
        let first: Vec<Rgb<u8>> = (0..12).map(color).collect();
        for (at, one) in first.iter().enumerate() {
            let distance =
                |other: &Rgb<u8>| one.0.iter().zip(other.0).map(|(a, b)| u32::from(a.abs_diff(b))).sum::<u32>();
            assert!(first[at + 1..].iter().all(|other| distance(other) > 60), "{at}: {first:?}");
        }
        assert_eq!((color(0), color(0) == color(1)), (Rgb([255, 0, 0]), false));
    }

    #[test]
    fn a_border_is_one_pixel_wide_and_cut_at_the_image() {
        let mut image = RgbImage::new(5, 4);
        let roi = Roi { label: 0, outline: Outline::Rectangle { x0: 1, y0: -2, x1: 5, y1: 4 } };
        outline(&mut image, &[roi]);
        let rows: Vec<String> =
            image.rows().map(|row| row.map(|p| if *p == color(0) { '#' } else { '.' }).collect()).collect();
        assert_eq!(rows, [".####", ".#..#", ".#..#", ".####"]);
        let shape = Shape { channels: 1, height: 1, width: 2 };
        assert_eq!(map(shape, &[-1, 0]).as_raw()[..], [127, 127, 127, 255, 0, 0]);
    }
}
