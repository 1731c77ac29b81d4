//! Elastic distortion (P. Simard et al., 2003), with scaling and rotation.

use super::{Format, Step, refused};
use crate::draws::Draws;
use crate::frame::{Frame, Pixel, Rewrite};
use crate::{Error, Shape};

/// Moves each pixel by a random field.
///
/// The field is the sum of
/// - two noises, uniform in [-1, 1], smoothed by the Gaussian `exp(-r²/2σ²) / 2πσ²` of `size` taps a side, outside the image
///   nothing, times `elastic_scaling`;
/// - `scaling` percent, times one draw of [-1, 1] a side, of the way from the center;
/// - a rotation about the center by `rotation` degrees times a draw of [-1, 1].
///
/// The result at (x, y) is the image at (x - vx, y - vy), clamped to [0, size - 2], bilinear, truncated where it is bytes.
/// Labels are those of the nearest pixels; regions of interest stay where they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Distortion {
    /// Taps of the Gaussian, a side.
    pub elastic_size: usize,
    /// Its standard deviation, in pixels.
    pub elastic_sigma: f64,
    /// Size of the elastic part, in pixels; 0 leaves it out.
    pub elastic_scaling: f64,
    /// Largest change of size, in percent.
    pub scaling: f64,
    /// Largest rotation, in degrees.
    pub rotation: f64,
    /// Ignores the labels of pixels that come from outside [0, size - 2].
    pub ignores_missing: bool,
}

const NAME: &str = "DistortionTransformation";
/// Taps of the longest Gaussian.
const MOST_TAPS: usize = 255;
/// Columns that are smoothed at a time.
const LANES: usize = 16;

/// Where each pixel comes from: the displacements of the columns, then of the rows.
struct Field<'a>(&'a [f32], &'a [f32]);

impl Rewrite for Field<'_> {
    fn plane<T: Pixel>(&self, _: usize, from: &[T], source: Shape, to: &mut [T], _: Shape) {
        let Shape { width, height, .. } = source;
        let last = ((width - 2) as f32, (height - 2) as f32);
        let rows = to.chunks_exact_mut(width).zip(self.0.chunks_exact(width).zip(self.1.chunks_exact(width)));
        for (y, (row, (across, down))) in rows.enumerate() {
            let moves = across.chunks(LANES).zip(down.chunks(LANES));
            for ((start, row), (across, down)) in row.chunks_mut(LANES).enumerate().zip(moves) {
                let n = row.len();
                // Lane by lane in steps that the compiler makes vectors of; only the loads between them are scattered.
                let (mut vx, mut vy) = ([0.0_f32; LANES], [0.0_f32; LANES]);
                vx[..n].copy_from_slice(across);
                vy[..n].copy_from_slice(down);
                let (mut at, mut fx, mut fy) = ([0_i32; LANES], [0.0_f32; LANES], [0.0_f32; LANES]);
                for lane in 0..LANES {
                    let x = (start * LANES + lane) as i32 as f32;
                    let (sx, sy) = ((x - vx[lane]).clamp(0.0, last.0), (y as f32 - vy[lane]).clamp(0.0, last.1));
                    let (left, top) = (sx as i32, sy as i32);
                    (fx[lane], fy[lane]) = (sx - left as f32, sy - top as f32);
                    at[lane] = top * width as i32 + left;
                }
                let mut corners = [[0.0_f32; LANES]; 4];
                for lane in 0..n {
                    let around = &from[at[lane] as usize..at[lane] as usize + width + 2];
                    corners[0][lane] = around[0].into();
                    corners[1][lane] = around[1].into();
                    corners[2][lane] = around[width].into();
                    corners[3][lane] = around[width + 1].into();
                }
                let mut levels = [T::default(); LANES];
                for lane in 0..LANES {
                    let above = corners[0][lane] + (corners[1][lane] - corners[0][lane]) * fx[lane];
                    let below = corners[2][lane] + (corners[3][lane] - corners[2][lane]) * fx[lane];
                    levels[lane] = T::truncated(above + (below - above) * fy[lane]);
                }
                row.copy_from_slice(&levels[..n]);
            }
        }
    }
}

impl Distortion {
    /// One factor of the Gaussian, which is a product of one of the columns and one of the rows.
    fn taps(&self) -> ([f32; MOST_TAPS], usize) {
        let (n, sigma) = (self.elastic_size, self.elastic_sigma);
        let center = (n as f64 - 1.0) / 2.0;
        let mut taps = [0.0; MOST_TAPS];
        for (i, tap) in taps[..n].iter_mut().enumerate() {
            let r = i as f64 - center;
            *tap = ((-r * r / (2.0 * sigma * sigma)).exp() / (std::f64::consts::TAU.sqrt() * sigma)) as f32;
        }
        (taps, n)
    }

    /// Writes the smoothed noise to `field`; `work` is room for two padded images.
    fn elastic(&self, shape: Shape, field: &mut [f32], words: &mut [u32], work: &mut [f32], draws: &mut Draws) {
        let Shape { width, height, .. } = shape;
        let (taps, n) = self.taps();
        let taps = &taps[..n];
        // A tap j of output x reads the noise at x + j - (n - 1) / 2, turned around, which changes nothing but for an even n.
        let before = n - 1 - (n - 1) / 2;
        let stride = padded(width, n);
        let (noise, across) = work.split_at_mut(stride * height);
        draws.fill(words);
        noise.fill(0.0);
        let unit = 2.0 / 65_536.0;
        for (y, row) in noise.chunks_exact_mut(stride).enumerate() {
            for (x, level) in row[before..before + width].iter_mut().enumerate() {
                let at = y * width + x;
                let half = (words[at / 2] >> (16 * (at % 2))) & 0xFFFF;
                *level = (half as f32 + 0.5) * unit - 1.0;
            }
        }
        let columns = width.div_ceil(LANES) * LANES;
        across.fill(0.0);
        for (y, row) in noise.chunks_exact(stride).enumerate() {
            let out = &mut across[(y + before) * columns..(y + before + 1) * columns];
            for (start, out) in out.chunks_exact_mut(LANES).enumerate() {
                let mut sums = [0.0_f32; LANES];
                for (j, tap) in taps.iter().enumerate() {
                    let levels: &[f32; LANES] = window(row, start * LANES + j);
                    for (sum, level) in sums.iter_mut().zip(levels) {
                        *sum += tap * level;
                    }
                }
                out.copy_from_slice(&sums);
            }
        }
        let scaling = self.elastic_scaling as f32;
        for (y, row) in field.chunks_exact_mut(width).enumerate() {
            for (start, out) in row.chunks_mut(LANES).enumerate() {
                let mut sums = [0.0_f32; LANES];
                for (j, tap) in taps.iter().enumerate() {
                    let levels: &[f32; LANES] = window(across, (y + j) * columns + start * LANES);
                    for (sum, level) in sums.iter_mut().zip(levels) {
                        *sum += tap * level;
                    }
                }
                for (value, sum) in out.iter_mut().zip(sums) {
                    *value = sum * scaling;
                }
            }
        }
    }
}

/// Columns of a row with room for the taps on both sides and for whole lanes.
fn padded(width: usize, n_taps: usize) -> usize {
    width.div_ceil(LANES) * LANES + n_taps - 1
}

fn window(row: &[f32], at: usize) -> &[f32; LANES] {
    row[at..at + LANES].try_into().expect("a slice of that length")
}

impl Step for Distortion {
    fn format(&self, input: Format) -> Result<Format, Error> {
        if input.shape.width < 2 || input.shape.height < 2 {
            return Err(refused(NAME, "an image of at least 2 columns and rows", input.shape, "put it elsewhere"));
        }
        if !(1..=MOST_TAPS).contains(&self.elastic_size) {
            let expected = format!("an `ElasticGaussianSize` from 1 to {MOST_TAPS}");
            return Err(refused(NAME, &expected, self.elastic_size, "correct it"));
        }
        if self.elastic_sigma <= 0.0 {
            return Err(refused(NAME, "an `ElasticSigma` above 0", self.elastic_sigma, "correct it"));
        }
        Ok(input)
    }

    fn apply(&self, frame: &mut Frame, draws: &mut Draws) {
        let shape = frame.shape;
        let (n, plane) = (self.elastic_size, shape.plane());
        let columns = shape.width.div_ceil(LANES) * LANES;
        let room = padded(shape.width, n) * shape.height + columns * (shape.height + n - 1);
        let (mut work, mut words) = (std::mem::take(&mut frame.work), std::mem::take(&mut frame.words));
        work.resize(2 * plane + room, 0.0);
        words.resize(plane.div_ceil(2), 0);
        let (fields, room) = work.split_at_mut(2 * plane);
        let (across, down) = fields.split_at_mut(plane);
        let mut signed = || draws.uniform(-1.0, 1.0);
        let (sx, sy) = (self.scaling / 100.0 * signed(), self.scaling / 100.0 * signed());
        let (sin, cos) = (self.rotation * signed()).to_radians().sin_cos();
        if self.elastic_scaling > 0.0 {
            self.elastic(shape, across, &mut words, room, draws);
            self.elastic(shape, down, &mut words, room, draws);
        } else {
            fields_to_zero(across, down);
        }
        if self.scaling != 0.0 || self.rotation != 0.0 {
            let center = ((shape.width / 2) as f32, (shape.height / 2) as f32);
            let (to_x, to_y) = ((sx + cos - 1.0) as f32, (sy + cos - 1.0) as f32);
            let sin = sin as f32;
            let rows = across.chunks_exact_mut(shape.width).zip(down.chunks_exact_mut(shape.width));
            for (y, (across, down)) in rows.enumerate() {
                let dy = y as f32 - center.1;
                for (x, (vx, vy)) in across.iter_mut().zip(down).enumerate() {
                    let dx = x as f32 - center.0;
                    *vx += dx * to_x + dy * sin;
                    *vy += dy * to_y - dx * sin;
                }
            }
        }
        let Shape { width, height, .. } = shape;
        frame.labels.sample(shape, shape, |x, y| {
            let nearest = |at: usize, v: f32, n: usize| {
                let source = at as f32 - v;
                let clamped = source.clamp(0.0, (n - 2) as f32);
                (source == clamped || !self.ignores_missing).then_some(clamped.round() as usize)
            };
            Some([nearest(x, across[y * width + x], width)?, nearest(y, down[y * width + x], height)?])
        });
        frame.rewrite(shape, &Field(across, down));
        (frame.work, frame.words) = (work, words);
    }
}

fn fields_to_zero(across: &mut [f32], down: &mut [f32]) {
    across.fill(0.0);
    down.fill(0.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{format_of, labels_of, transformed};

    fn distortion() -> Distortion {
        Distortion {
            elastic_size: 15,
            elastic_sigma: 6.0,
            elastic_scaling: 0.0,
            scaling: 0.0,
            rotation: 0.0,
            ignores_missing: true,
        }
    }

    /// The definition, tap by tap in two dimensions, from the same words.
    fn naive(step: &Distortion, width: usize, height: usize, words: &[u32]) -> Vec<f64> {
        let (n, sigma) = (step.elastic_size as isize, step.elastic_sigma);
        let center = (n as f64 - 1.0) / 2.0;
        let noise = |x: isize, y: isize| {
            let at = y as usize * width + x as usize;
            (f64::from((words[at / 2] >> (16 * (at % 2))) & 0xFFFF) + 0.5) / 32_768.0 - 1.0
        };
        let mut field = Vec::new();
        for y in 0..height as isize {
            for x in 0..width as isize {
                let mut sum = 0.0;
                for j in 0..n {
                    for i in 0..n {
                        // The kernel turned around: tap (i, j) meets the noise at the mirrored place.
                        let (u, v) = (x - (i - (n - 1) / 2), y - (j - (n - 1) / 2));
                        if (0..width as isize).contains(&u) && (0..height as isize).contains(&v) {
                            let r2 = (i as f64 - center).powi(2) + (j as f64 - center).powi(2);
                            let gauss = (-r2 / (2.0 * sigma * sigma)).exp() / (std::f64::consts::TAU * sigma * sigma);
                            sum += gauss * noise(u, v);
                        }
                    }
                }
                field.push(sum * step.elastic_scaling);
            }
        }
        field
    }

    #[test]
    fn the_separable_gaussian_is_the_two_dimensional_one() {
        /// Of displacements of some pixels.
        const TOLERANCE: f64 = 1e-4;
        for (width, height, size, sigma) in [(32, 32, 15, 6.0), (5, 9, 15, 3.0), (17, 3, 4, 1.5), (2, 2, 1, 0.7)] {
            let step = Distortion { elastic_size: size, elastic_sigma: sigma, elastic_scaling: 30.0, ..distortion() };
            let shape = format_of(width, height).shape;
            let (mut field, mut words) = (vec![0.0; width * height], vec![0; (width * height).div_ceil(2)]);
            let columns = width.div_ceil(LANES) * LANES;
            let mut work = vec![7.0; padded(width, size) * height + columns * (height + size - 1)];
            step.elastic(shape, &mut field, &mut words, &mut work, &mut Draws::new(1, 0, 2, 3));
            for (found, expect) in field.iter().zip(naive(&step, width, height, &words)) {
                assert!((f64::from(*found) - expect).abs() < TOLERANCE, "{width}x{height} {size}: {found} {expect}");
            }
        }
    }

    #[test]
    fn nothing_asked_for_changes_nothing_but_the_last_row_and_column() {
        let image: Vec<u8> = (0..16).map(|at| at * 10).collect();
        let expect = [0, 10, 20, 20, 40, 50, 60, 60, 80, 90, 100, 100, 80, 90, 100, 100];
        assert_eq!(transformed(&distortion(), (4, 4), &image), expect, "coordinates end at size - 2");
    }

    #[test]
    fn a_field_is_sampled_between_pixels_and_truncated() {
        let half = |plane: usize, v: f32| vec![v; plane];
        let field = (half(9, 0.5), half(9, 0.0));
        let image: [u8; 9] = [0, 11, 20, 30, 41, 50, 60, 71, 80];
        let mut out = [0_u8; 9];
        let shape = format_of(3, 3).shape;
        Field(&field.0, &field.1).plane(0, &image, shape, &mut out, shape);
        // Columns come from 0, 0.5 and 1, rows from 0, 1 and 1.
        assert_eq!(out, [0, 5, 11, 30, 35, 41, 30, 35, 41]);
        let mut reals = [0.0_f32; 9];
        Field(&field.0, &field.1).plane(0, &image.map(f32::from), shape, &mut reals, shape);
        assert_eq!(reals[..3], [0.0, 5.5, 11.0]);
    }

    #[test]
    fn a_rotation_turns_about_the_center_and_nothing_random_is_left_out() {
        // A line through the center: turned by at most 30 degrees, its middle stays.
        let mut image = vec![0; 15 * 15];
        image[7 * 15..8 * 15].fill(200);
        let turned = transformed(&Distortion { rotation: 30.0, ..distortion() }, (15, 15), &image);
        assert_ne!(turned, image);
        assert!(turned[7 * 15 + 7] >= 198, "{}", turned[7 * 15 + 7]);
        let scaled = transformed(&Distortion { scaling: 50.0, ..distortion() }, (15, 15), &image);
        assert_ne!(scaled, turned);
    }

    #[test]
    fn labels_come_from_the_nearest_pixels_and_what_comes_from_outside_is_ignored() {
        // Scaled about (2, 2) by a factor that only the draw knows: what moves inwards leaves a border without a source.
        let labels = ["01234", "01234", "01234", "01234", "01234"];
        let scaling = Distortion { scaling: 60.0, ..distortion() };
        let (ignored, _) = labels_of(&scaling, &labels, &[]);
        let (kept, _) = labels_of(&Distortion { ignores_missing: false, ..scaling }, &labels, &[]);
        let all = || ignored.iter().zip(&kept).flat_map(|(a, b)| a.chars().zip(b.chars()));
        assert!(all().all(|(a, b)| b != '-' && (a == b || a == '-')) && all().any(|(a, _)| a == '-'), "{ignored:?}");
        assert!(kept.iter().all(|row| row.as_bytes().is_sorted()), "{kept:?}");
        let (still, rois) = labels_of(&distortion(), &labels, &[[1, 1, 2, 2]]);
        assert_eq!(
            (still[0].as_str(), still[4].as_str(), rois.len()),
            ("0123-", "-----", 1),
            "as the pixels, to size - 2"
        );
    }

    #[test]
    fn what_cannot_be_distorted_is_refused() {
        for (step, format, part) in [
            (distortion(), format_of(1, 9), "at least 2 columns and rows, found 1x9x1"),
            (
                Distortion { elastic_size: 0, ..distortion() },
                format_of(9, 9),
                "`ElasticGaussianSize` from 1 to 255, found 0",
            ),
            (Distortion { elastic_sigma: 0.0, ..distortion() }, format_of(9, 9), "`ElasticSigma` above 0"),
        ] {
            let message = step.format(format).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
