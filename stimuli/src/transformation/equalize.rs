//! Histogram equalization.

use super::border::Border;
use super::{Format, Step, refused};
use crate::draws::Draws;
use crate::frame::{Frame, Pixel, Rewrite};
use crate::{Depth, Error, Shape};

const NAME: &str = "EqualizeTransformation";

/// Spreads the levels of each channel, of bytes, evenly.
#[derive(Clone, Debug, PartialEq)]
pub enum Equalize {
    /// Over the whole image.
    Standard,
    /// Over tiles, interpolated between them, with bounded contrast (K. Zuiderveld, 1994).
    Clahe {
        /// Most pixels of a level, in units of a flat histogram; 0 is no bound.
        clip_limit: f64,
        /// Tiles a side.
        grid_size: usize,
    },
}

impl Step for Equalize {
    fn format(&self, input: Format) -> Result<Format, Error> {
        if input.depth != Depth::Byte {
            return Err(refused(NAME, "an image of bytes", input.depth, "put it before what makes reals"));
        }
        if let Equalize::Clahe { grid_size, .. } = *self
            && !(1..=input.shape.width.min(input.shape.height)).contains(&grid_size)
        {
            let expected = format!("at most one tile a pixel of {}", input.shape);
            return Err(refused(NAME, &expected, grid_size, "change `CLAHE_GridSize`"));
        }
        Ok(input)
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        match *self {
            Equalize::Standard => {
                for plane in frame.bytes.chunks_exact_mut(frame.shape.plane()) {
                    let table = table(&histogram(plane.iter().copied()), plane.len());
                    plane.iter_mut().for_each(|level| *level = table[usize::from(*level)]);
                }
            }
            Equalize::Clahe { clip_limit, grid_size } => frame.rewrite(frame.shape, &Clahe { clip_limit, grid_size }),
        }
    }
}

fn histogram(levels: impl Iterator<Item = u8>) -> [u32; 256] {
    let mut counts = [0; 256];
    levels.for_each(|level| counts[usize::from(level)] += 1);
    counts
}

/// The darkest level there is becomes 0, the others follow the share of pixels up to them.
fn table(counts: &[u32; 256], n: usize) -> [u8; 256] {
    let first = counts.iter().position(|&count| count > 0).unwrap_or(0);
    let mut table = [0; 256];
    if counts[first] as usize == n {
        table.fill(first as u8);
        return table;
    }
    let scale = 255.0 / (n - counts[first] as usize) as f32;
    let mut sum = 0;
    for level in first + 1..256 {
        sum += counts[level];
        table[level] = u8::rounded(sum as f32 * scale);
    }
    table
}

struct Clahe {
    clip_limit: f64,
    grid_size: usize,
}

impl Clahe {
    /// The table of one tile: the histogram, cut at the limit, what is cut dealt out evenly.
    fn table(&self, mut counts: [u32; 256], area: usize) -> [u8; 256] {
        if self.clip_limit > 0.0 {
            let limit = ((self.clip_limit * area as f64 / 256.0) as u32).max(1);
            let excess: u32 = counts.iter().map(|count| count.saturating_sub(limit)).sum();
            let (share, rest) = (excess / 256, excess % 256);
            let step = if rest == 0 { usize::MAX } else { (256 / rest as usize).max(1) };
            let mut left = rest;
            for (level, count) in counts.iter_mut().enumerate() {
                *count = (*count).min(limit) + share;
                if left > 0 && level.is_multiple_of(step) {
                    *count += 1;
                    left -= 1;
                }
            }
        }
        let scale = 255.0 / area as f32;
        let mut sum = 0;
        counts.map(|count| {
            sum += count;
            u8::rounded(sum as f32 * scale)
        })
    }
}

impl Rewrite for Clahe {
    fn plane<T: Pixel>(&self, _: usize, from: &[T], source: Shape, to: &mut [T], _: Shape) {
        let grid = self.grid_size;
        let (tile_width, tile_height) = (source.width.div_ceil(grid), source.height.div_ceil(grid));
        let border = Border::MinusOneReflect;
        let level = |x: usize, y: usize| -> u8 {
            let x = border.index(x as isize, source.width).unwrap_or(0);
            let y = border.index(y as isize, source.height).unwrap_or(0);
            u8::rounded(from[y * source.width + x].into())
        };
        let mut tables = Vec::with_capacity(grid * grid);
        for tile_y in 0..grid {
            for tile_x in 0..grid {
                let rows = tile_y * tile_height..(tile_y + 1) * tile_height;
                let levels = rows.flat_map(|y| (tile_x * tile_width..(tile_x + 1) * tile_width).map(move |x| (x, y)));
                let counts = histogram(levels.map(|(x, y)| level(x, y)));
                tables.push(self.table(counts, tile_width * tile_height));
            }
        }
        // Between the centers of tiles.
        let place = |at: usize, size: usize| {
            let exact = at as f32 / size as f32 - 0.5;
            let first = exact.floor();
            let clamp = |tile: f32| tile.clamp(0.0, (grid - 1) as f32) as usize;
            (clamp(first), clamp(first + 1.0), exact - first)
        };
        for (y, row) in to.chunks_exact_mut(source.width).enumerate() {
            let (above, below, fy) = place(y, tile_height);
            for (x, out) in row.iter_mut().enumerate() {
                let (left, right, fx) = place(x, tile_width);
                let level = usize::from(level(x, y));
                let of = |tile_x: usize, tile_y: usize| f32::from(tables[tile_y * grid + tile_x][level]);
                let across = |tile_y| of(left, tile_y) * (1.0 - fx) + of(right, tile_y) * fx;
                *out = T::rounded(across(above) * (1.0 - fy) + across(below) * fy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{format_of, transformed};

    #[test]
    fn levels_are_spread_by_the_share_of_pixels_below_them() {
        // Levels 50, 50, 60, 70: one of three further pixels up to 60 or 70 is a half and the whole.
        assert_eq!(transformed(&Equalize::Standard, (4, 1), &[50, 60, 50, 70]), [0, 128, 0, 255]);
        assert_eq!(transformed(&Equalize::Standard, (2, 1), &[9, 9, 1, 200]), [9, 9, 0, 255], "each channel by itself");
    }

    #[test]
    fn one_tile_without_a_bound_follows_the_shares_and_a_bound_flattens() {
        let image: Vec<u8> = (0..64).map(|at| 100 + at / 16).collect();
        let open = Equalize::Clahe { clip_limit: 0.0, grid_size: 1 };
        let expect: Vec<u8> = (0..64).map(|at| [64, 128, 191, 255][at / 16]).collect();
        assert_eq!(transformed(&open, (8, 8), &image), expect);
        let bounded = transformed(&Equalize::Clahe { clip_limit: 4.0, grid_size: 2 }, (8, 8), &image);
        let range = |image: &[u8]| image.iter().max().unwrap() - image.iter().min().unwrap();
        assert!(range(&bounded) < range(&expect), "{bounded:?}");
        assert!(Equalize::Clahe { clip_limit: 4.0, grid_size: 9 }.format(format_of(8, 8)).is_err());
        assert!(Equalize::Standard.format(Format { depth: Depth::Real, ..format_of(8, 8) }).is_err());
    }

    #[test]
    fn tiles_that_do_not_divide_the_image_cover_it() {
        let image: Vec<u8> = (0..7 * 5).map(|at| at * 7).collect();
        assert_eq!(transformed(&Equalize::Clahe { clip_limit: 40.0, grid_size: 3 }, (7, 5), &image).len(), 35);
    }
}
