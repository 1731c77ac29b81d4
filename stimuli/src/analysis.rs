//! Figures of many stimuli.

use rayon::prelude::*;

use crate::draws::Draws;
use crate::frame::Frame;
use crate::transformation::{Format, in_order};
use crate::{ApplyTo, Database, Error, Matrix, Set, Shape, Transformation};

/// Stimuli of one partial sum: it fixes the order of the additions, whatever the number of threads.
const CHUNK: usize = 256;
/// What stands for the presentation in random draws.
const ONCE: u64 = u64::MAX;

/// Figures of all levels of some stimuli, in double precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// Number of stimuli.
    pub n_stimuli: usize,
    /// Fewest and most columns.
    pub widths: (usize, usize),
    /// Fewest and most rows.
    pub heights: (usize, usize),
    /// Fewest and most channels.
    pub channels: (usize, usize),
    /// The lowest level.
    pub min: f64,
    /// The highest level.
    pub max: f64,
    /// The mean level.
    pub mean: f64,
    /// The standard deviation of the levels.
    pub std_dev: f64,
    /// The mean of each pixel, and its standard deviation, where all stimuli are of one size.
    pub images: Option<(Matrix, Matrix)>,
}

#[derive(Default)]
struct Sums {
    n_stimuli: usize,
    n_levels: u64,
    sum: f64,
    squares: f64,
    ranges: [(usize, usize); 3],
    range: Option<(f64, f64)>,
    shape: Option<Shape>,
    is_of_one_size: bool,
    pixels: Vec<[f64; 2]>,
}

/// Takes the figures of the stimuli of the sets `apply_to`, after `transformations`; levels of bytes are from 0 to 255.
///
/// # Errors
///
/// A file that cannot be read, a transformation that cannot be applied, no stimuli at all.
pub fn analyze(
    database: &Database,
    transformations: &[Transformation],
    apply_to: ApplyTo,
    seed: u64,
) -> Result<Analysis, Error> {
    let mut total = Sums { is_of_one_size: true, ..Sums::default() };
    for set in Set::ALL.into_iter().filter(|&set| apply_to.includes(set)) {
        let partial: Vec<Result<Sums, Error>> = database
            .set(set)
            .par_chunks(CHUNK)
            .map_init(Frame::default, |frame, ids| {
                let mut sums = Sums { is_of_one_size: true, ..Sums::default() };
                for &id in ids {
                    let stored = database.image(id)?;
                    frame.begin_stored(stored.shape, stored.depth, &stored.pixels);
                    for (place, transformation) in in_order(transformations, set) {
                        let operation = &transformation.operation;
                        operation.step().format(Format { shape: frame.shape, depth: frame.depth })?;
                        operation.apply(frame, &mut Draws::new(seed, place, id, ONCE));
                    }
                    sums.add(frame);
                }
                Ok(sums)
            })
            .collect();
        for sums in partial {
            total.merge(sums?);
        }
    }
    total.analysis().ok_or_else(|| Error::Folder {
        folder: "StimuliData".to_owned(),
        expected: "stimuli in the sets of `ApplyTo`".to_owned(),
        found: "none".to_owned(),
        remedy: "change `ApplyTo` or the partition",
    })
}

fn joined((a, b): (usize, usize), (c, d): (usize, usize)) -> (usize, usize) {
    (a.min(c), b.max(d))
}

impl Sums {
    fn add(&mut self, frame: &Frame) {
        let Shape { channels, height, width } = frame.shape;
        let mut one = Sums {
            n_stimuli: 1,
            n_levels: frame.shape.n_elements() as u64,
            ranges: [width, height, channels].map(|n| (n, n)),
            shape: Some(frame.shape),
            is_of_one_size: true,
            ..Sums::default()
        };
        let (mut low, mut high) = (f64::MAX, f64::MIN);
        let keeps_pixels = self.shape.is_none_or(|shape| shape == frame.shape) && self.is_of_one_size;
        if keeps_pixels {
            self.pixels.resize(frame.shape.n_elements(), [0.0; 2]);
        }
        for (at, level) in frame.levels().map(f64::from).enumerate() {
            (low, high) = (low.min(level), high.max(level));
            one.sum += level;
            one.squares += level * level;
            if keeps_pixels {
                let pixel = &mut self.pixels[at];
                *pixel = [pixel[0] + level, pixel[1] + level * level];
            }
        }
        one.range = Some((low, high));
        self.merge(one);
    }

    fn merge(&mut self, other: Sums) {
        if other.n_stimuli == 0 {
            return;
        }
        if self.n_stimuli == 0 {
            (self.ranges, self.shape) = (other.ranges, other.shape);
        }
        self.is_of_one_size &= other.is_of_one_size && self.shape == other.shape;
        for (range, other) in self.ranges.iter_mut().zip(other.ranges) {
            *range = joined(*range, other);
        }
        self.range = match (self.range, other.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (range, other) => range.or(other),
        };
        self.n_stimuli += other.n_stimuli;
        self.n_levels += other.n_levels;
        self.sum += other.sum;
        self.squares += other.squares;
        if !other.pixels.is_empty() && self.is_of_one_size {
            self.pixels.resize(other.pixels.len(), [0.0; 2]);
            for (pixel, other) in self.pixels.iter_mut().zip(other.pixels) {
                *pixel = [pixel[0] + other[0], pixel[1] + other[1]];
            }
        }
    }

    fn analysis(self) -> Option<Analysis> {
        let moments = |sum: f64, squares: f64, n: f64| {
            let mean = sum / n;
            (mean, (squares / n - mean * mean).max(0.0).sqrt())
        };
        let (min, max) = self.range?;
        let [widths, heights, channels] = self.ranges;
        let (mean, std_dev) = moments(self.sum, self.squares, self.n_levels as f64);
        let n = self.n_stimuli as f64;
        let images = self.shape.filter(|_| self.is_of_one_size).map(|shape| {
            let pixels = self.pixels.iter().map(|[sum, squares]| moments(*sum, *squares, n));
            let (means, deviations) = pixels.map(|(mean, deviation)| (mean as f32, deviation as f32)).unzip();
            (Matrix { shape, values: means }, Matrix { shape, values: deviations })
        });
        Some(Analysis { n_stimuli: self.n_stimuli, widths, heights, channels, min, max, mean, std_dev, images })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{real_mnist, tiny};
    use crate::{Arithmetic, Mt19937, Operation, RangeAffine};

    #[test]
    fn mnist_has_the_figures_that_the_reference_prints() {
        /// The figures are known to six digits.
        const TOLERANCE: f64 = 5e-5;
        let minus = |mean: f64, std_dev: f64| Transformation {
            apply_to: ApplyTo::All,
            on_the_fly: false,
            operation: Operation::RangeAffine(RangeAffine {
                first: Arithmetic::Minus,
                first_value: vec![mean],
                second: Arithmetic::Divides,
                second_value: vec![std_dev],
                truncate: false,
            }),
        };
        let found = analyze(&real_mnist(), &[], ApplyTo::NoTest, 1).unwrap();
        assert_eq!((found.n_stimuli, found.widths, found.channels), (60_000, (28, 28), (1, 1)));
        assert_eq!((found.min, found.max), (0.0, 255.0));
        assert!((found.mean - 33.3184).abs() < TOLERANCE && (found.std_dev - 78.5675).abs() < TOLERANCE, "{found:?}");
        let scaled = analyze(&real_mnist(), &[minus(found.mean, found.std_dev)], ApplyTo::NoTest, 1).unwrap();
        assert!((scaled.min + 0.424_074).abs() < 1e-6 && (scaled.max - 2.821_54).abs() < 1e-5, "{scaled:?}");
        assert!(scaled.mean.abs() < 1e-6 && (scaled.std_dev - 1.0).abs() < 1e-6);
    }

    #[test]
    fn pixels_have_means_and_deviations_of_their_own_and_threads_change_nothing() {
        let mut database = tiny(0.0);
        database.partition(false, &mut Mt19937::new(1));
        // Pixel p of stimulus s is 6 s + p; s from 0 to 4.
        let (means, deviations) = analyze(&database, &[], ApplyTo::LearnOnly, 1).unwrap().images.unwrap();
        assert_eq!(means.values, [12.0, 13.0, 14.0, 15.0, 16.0, 17.0]);
        assert!(deviations.values.iter().all(|&deviation| (deviation - 72.0_f32.sqrt()).abs() < 1e-4));
        assert!(analyze(&database, &[], ApplyTo::ValidationOnly, 1).is_err());
        let run = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| analyze(&real_mnist(), &[], ApplyTo::TestOnly, 1).unwrap())
        };
        assert_eq!(run(1), run(3));
    }
}
