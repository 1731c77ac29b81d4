//! Small pictures of face-like boxes, drawn from a seed: a set to learn regions, genders and backgrounds from, with nothing to
//! fetch.
//!
//! A face is a box of skin with two eyes and a mouth; a male one has stripes across, a female one stripes down. Light, scale,
//! colors and contrast vary from picture to picture, and behind the faces are blots, other boxes of skin and other stripes.

use rand_philox::{Philox, splitmix64};

use crate::Shape;

const PURPOSE: u64 = u64::from_be_bytes(*b"faces   ");

/// A picture and the faces in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Three channels: red, green, blue.
    pub shape: Shape,
    /// `[y][x][channel]`.
    pub pixels: Vec<u8>,
    /// From left to right; at least one.
    pub faces: Vec<Face>,
}

/// A face of a [`Scene`].
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// First column and row, one past the last column and row.
    pub bounds: [usize; 4],
    /// The stripes go across.
    pub is_male: bool,
    /// Years; of some nothing is known.
    pub age: Option<u32>,
}

/// The least picture that a scene fits in, columns and rows.
pub const SMALLEST: [usize; 2] = [48, 36];

/// Faces of a picture at most.
const MOST_FACES: usize = 3;
/// Pixels between two boxes at least.
const GAP: usize = 6;

/// Draws the scene `index` of a seed: the same for the same size, whatever was drawn before.
///
/// # Panics
///
/// When the picture is smaller than [`SMALLEST`].
pub fn scene(seed: u64, index: u64, width: usize, height: usize) -> Scene {
    assert!(width >= SMALLEST[0] && height >= SMALLEST[1], "expected at least {SMALLEST:?}, found {width}x{height}");
    let mut draws = Draws(Philox::from_u64_seed_stream(splitmix64(seed) ^ PURPOSE, index));
    let mut canvas = Canvas { width, height, pixels: vec![[0.0; 3]; width * height] };
    background(&mut canvas, &mut draws);
    let mut taken: Vec<[usize; 4]> = Vec::new();
    let n_faces = [1, 1, 1, 1, 2, 2, 3][draws.below(7)].min(MOST_FACES);
    let boxes: Vec<[usize; 4]> = (0..n_faces).filter_map(|_| place(&mut taken, [width, height], &mut draws)).collect();
    for _ in 0..draws.below(3) {
        if let Some(bounds) = place(&mut taken, [width, height], &mut draws) {
            other_box(&mut canvas, bounds, &mut draws);
        }
    }
    let mut faces: Vec<Face> = boxes.into_iter().map(|bounds| face(&mut canvas, bounds, &mut draws)).collect();
    faces.sort_by_key(|face| face.bounds);
    let pixels = canvas.exposed(&mut draws);
    Scene { shape: Shape { channels: 3, height, width }, pixels, faces }
}

/// Finds room for a box that keeps its distance from the others; the first always finds it.
fn place(taken: &mut Vec<[usize; 4]>, [width, height]: [usize; 2], draws: &mut Draws) -> Option<[usize; 4]> {
    const TRIES: usize = 30;
    for _ in 0..TRIES {
        let rows = (width.min(height) as f64 * draws.between(0.22, 0.5)) as usize;
        let columns = (rows as f64 * draws.between(0.75, 0.95)) as usize;
        let (x0, y0) = (draws.below(width - columns + 1), draws.below(height - rows + 1));
        let bounds = [x0, y0, x0 + columns, y0 + rows];
        let is_apart = |other: &[usize; 4]| {
            let apart = |a: usize, b: usize| bounds[b] + GAP <= other[a] || other[b] + GAP <= bounds[a];
            apart(0, 2) || apart(1, 3)
        };
        if taken.iter().all(is_apart) {
            taken.push(bounds);
            return Some(bounds);
        }
    }
    None
}

/// A slope of colors, soft blots, and hard shapes on them.
fn background(canvas: &mut Canvas, draws: &mut Draws) {
    const CELLS: usize = 7;
    let base: [f64; 3] = [0; 3].map(|_| draws.between(40.0, 200.0));
    let slope: [[f64; 2]; 3] = [0; 3].map(|_| [draws.between(-60.0, 60.0), draws.between(-60.0, 60.0)]);
    let strength = draws.between(5.0, 45.0);
    let blots: Vec<f64> = (0..CELLS * CELLS).map(|_| draws.between(-1.0, 1.0)).collect();
    let (width, height) = (canvas.width as f64, canvas.height as f64);
    canvas.paint(|x, y, _| {
        let (u, v) = (x as f64 / width, y as f64 / height);
        let (cx, cy) = (u * (CELLS - 1) as f64, v * (CELLS - 1) as f64);
        let (i, j, fx, fy) = (cx as usize, cy as usize, cx.fract(), cy.fract());
        let at = |i: usize, j: usize| blots[j.min(CELLS - 1) * CELLS + i.min(CELLS - 1)];
        let above = at(i, j) * (1.0 - fx) + at(i + 1, j) * fx;
        let below = at(i, j + 1) * (1.0 - fx) + at(i + 1, j + 1) * fx;
        let blot = strength * (above * (1.0 - fy) + below * fy);
        [0, 1, 2].map(|c| base[c] + slope[c][0] * (u - 0.5) + slope[c][1] * (v - 0.5) + blot)
    });
    for _ in 0..3 + draws.below(6) {
        let color: [f64; 3] = [0; 3].map(|_| draws.between(20.0, 235.0));
        let opacity = draws.between(0.4, 1.0);
        let center = [draws.between(0.0, width), draws.between(0.0, height)];
        let reach = [draws.between(0.03, 0.25) * width, draws.between(0.03, 0.25) * height];
        let is_round = draws.below(2) == 0;
        canvas.paint(|x, y, under| {
            let d = [(x as f64 - center[0]) / reach[0], (y as f64 - center[1]) / reach[1]];
            let is_in = if is_round { d[0] * d[0] + d[1] * d[1] < 1.0 } else { d[0].abs().max(d[1].abs()) < 1.0 };
            if is_in { [0, 1, 2].map(|c| under[c] + opacity * (color[c] - under[c])) } else { under }
        });
    }
}

/// A tone of skin.
fn skin(draws: &mut Draws) -> [f64; 3] {
    let light = draws.between(0.55, 1.1);
    [225.0, 172.0, 138.0].map(|level| level * light + draws.between(-12.0, 12.0))
}

/// A face: skin that is shaded from one side, stripes, two eyes and a mouth.
fn face(canvas: &mut Canvas, bounds: [usize; 4], draws: &mut Draws) -> Face {
    let (color, shade) = (skin(draws), draws.between(-0.25, 0.25));
    let is_male = draws.below(2) == 1;
    let (n_stripes, phase, contrast) = (draws.between(3.5, 5.5), draws.between(0.0, 1.0), draws.between(0.22, 0.5));
    let eyes = draws.between(0.3, 0.42);
    let age = (draws.below(20) > 0).then(|| 18 + draws.below(63) as u32);
    canvas.paint_box(bounds, |u, v, _| {
        let along = if is_male { v } else { u };
        let wave = ((along * n_stripes + phase) * std::f64::consts::TAU).sin();
        let light = 1.0 + shade * (u - 0.5) * 2.0 - contrast * f64::from(u8::from(wave > 0.0));
        let eye = |x: f64| ((u - x) / 0.11).powi(2) + ((v - eyes) / 0.07).powi(2) < 1.0;
        let is_mouth = (u - 0.5).abs() < 0.22 && (v - 0.76).abs() < 0.045;
        if eye(0.29) || eye(0.71) {
            [25.0, 22.0, 30.0]
        } else if is_mouth {
            [120.0, 35.0, 45.0]
        } else {
            color.map(|level| level * light)
        }
    });
    Face { bounds, is_male, age }
}

/// What may be taken for a face: a box of skin without eyes and mouth, plain, with slanting stripes or with grains.
fn other_box(canvas: &mut Canvas, bounds: [usize; 4], draws: &mut Draws) {
    let (color, kind) = (skin(draws), draws.below(3));
    let (n_stripes, contrast) = (draws.between(3.5, 5.5), draws.between(0.22, 0.5));
    let mut grains = Philox::from_u64_seed_stream(draws.word().into(), 0);
    canvas.paint_box(bounds, |u, v, _| {
        let grain = f64::from(grains.next_u32()) / 4_294_967_296.0;
        let is_dark = match kind {
            0 => false,
            1 => ((u + v) * 0.7 * n_stripes * std::f64::consts::TAU).sin() > 0.0,
            _ => grain > 0.5,
        };
        color.map(|level| level * (1.0 - contrast * f64::from(u8::from(is_dark))))
    });
}

/// Colors before they are exposed, `[y][x]`.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<[f64; 3]>,
}

impl Canvas {
    fn paint(&mut self, color: impl Fn(usize, usize, [f64; 3]) -> [f64; 3]) {
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            row.iter_mut().enumerate().for_each(|(x, pixel)| *pixel = color(x, y, *pixel));
        }
    }

    /// Paints a box by the place in it, from 0 to 1 across and down.
    fn paint_box(&mut self, [x0, y0, x1, y1]: [usize; 4], mut color: impl FnMut(f64, f64, [f64; 3]) -> [f64; 3]) {
        for y in y0..y1 {
            for x in x0..x1 {
                let (u, v) = ((x - x0) as f64 + 0.5, (y - y0) as f64 + 0.5);
                let pixel = &mut self.pixels[y * self.width + x];
                *pixel = color(u / (x1 - x0) as f64, v / (y1 - y0) as f64, *pixel);
            }
        }
    }

    /// The picture in some light, with the noise of a camera.
    fn exposed(self, draws: &mut Draws) -> Vec<u8> {
        let (light, noise) = (draws.between(0.6, 1.15), draws.between(2.0, 9.0));
        let mut pixels = Vec::with_capacity(self.pixels.len() * 3);
        for pixel in self.pixels {
            for level in pixel {
                // The sum of four is close to a normal distribution of variance 1/3.
                let grain: f64 = (0..4).map(|_| draws.between(-0.5, 0.5)).sum::<f64>() * 3.0_f64.sqrt();
                pixels.push((level * light + noise * grain).round().clamp(0.0, 255.0) as u8);
            }
        }
        debug_assert_eq!(pixels.len(), 3 * self.width * self.height);
        pixels
    }
}

struct Draws(Philox);

impl Draws {
    fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.word()) * n as u64) >> 32) as usize
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * f64::from(self.word()) / 4_294_967_296.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_depends_on_seed_index_and_size_alone() {
        let first = scene(1, 7, 120, 90);
        assert_eq!(first, scene(1, 7, 120, 90));
        assert!(first.pixels != scene(2, 7, 120, 90).pixels && first.pixels != scene(1, 8, 120, 90).pixels);
    }

    #[test]
    fn faces_lie_inside_and_apart_and_both_genders_are_as_frequent() {
        let (mut n_faces, mut n_males, mut n_ages) = (0, 0, 0);
        for (width, height) in [(120, 90), (48, 36), (60, 200)] {
            for index in 0..300 {
                let Scene { shape, pixels, faces } = scene(3, index, width, height);
                assert_eq!(pixels.len(), shape.n_elements());
                assert!((1..=MOST_FACES).contains(&faces.len()));
                for (at, face) in faces.iter().enumerate() {
                    let [x0, y0, x1, y1] = face.bounds;
                    assert!(x0 < x1 && x1 <= width && y0 < y1 && y1 <= height);
                    let apart = |a: &[usize; 4], b: &[usize; 4]| a[2] + GAP <= b[0] || a[3] + GAP <= b[1];
                    let all = faces.iter().skip(at + 1).map(|other| &other.bounds);
                    assert!(all.clone().all(|other| apart(&face.bounds, other) || apart(other, &face.bounds)));
                    (n_faces, n_males) = (n_faces + 1, n_males + usize::from(face.is_male));
                    n_ages += usize::from(face.age.is_some());
                }
            }
        }
        /// More than six standard deviations of a count of half of about 1,300 faces.
        const TOLERANCE: usize = 110;
        assert!((2 * n_males).abs_diff(n_faces) < 2 * TOLERANCE && n_ages < n_faces && n_ages > n_faces * 9 / 10);
    }

    #[test]
    fn stripes_go_across_a_male_face_and_down_a_female_one() {
        let mut right = [0, 0];
        for index in 0..100 {
            let Scene { pixels, faces, shape } = scene(5, index, 240, 180);
            for face in faces {
                let [x0, y0, x1, y1] = face.bounds;
                let green = |x: usize, y: usize| f64::from(pixels[3 * (y * shape.width + x) + 1]);
                let changes = |dx: usize, dy: usize| -> f64 {
                    let inside = (y0..y1 - dy).flat_map(|y| (x0..x1 - dx).map(move |x| (x, y)));
                    inside.map(|(x, y)| (green(x + dx, y + dy) - green(x, y)).abs()).sum()
                };
                right[usize::from((changes(0, 1) > changes(1, 0)) == face.is_male)] += 1;
            }
        }
        assert!(right[1] > 100 && right[0] * 20 < right[1], "{right:?}");
    }
}
