//! Convolutions of the image.

use super::border::Border;
use super::{Format, Step, refused};
use crate::draws::Draws;
use crate::frame::{Frame, Pixel, Rewrite};
use crate::{Error, Shape};

/// Correlates each channel with a kernel; outside lies the image mirrored at its last pixel. Bytes are rounded.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Columns of the kernel.
    pub width: usize,
    /// Rows of the kernel.
    pub height: usize,
    /// `[y][x]`
    pub kernel: Vec<f64>,
}

impl Filter {
    /// A blur: the Gaussian of this standard deviation in pixels, its taps adding up to 1.
    pub fn gaussian(width: usize, height: usize, sigma: f64) -> Self {
        let tap = |at: usize, n: usize| {
            let r = at as f64 - (n as f64 - 1.0) / 2.0;
            (-r * r / (2.0 * sigma * sigma)).exp()
        };
        let mut kernel: Vec<f64> =
            (0..height).flat_map(|y| (0..width).map(move |x| tap(x, width) * tap(y, height))).collect();
        let sum: f64 = kernel.iter().sum();
        kernel.iter_mut().for_each(|tap| *tap /= sum);
        Self { width, height, kernel }
    }
}

/// Parameters of [`Filter::gabor`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gabor {
    /// Standard deviation of the envelope along the wave, in pixels.
    pub sigma: f64,
    /// Direction of the wave from the x axis towards the y axis, which points down, in radians.
    pub theta: f64,
    /// Length of the wave, in pixels.
    pub lambda: f64,
    /// Phase of the wave at the center, in radians.
    pub psi: f64,
    /// The deviation along the wave over that across it.
    pub gamma: f64,
}

impl Filter {
    /// From the value at each place relative to the center, x to the right and y down.
    fn of(width: usize, height: usize, value: impl Fn(f64, f64) -> f64) -> Self {
        let center = |n: usize| (n as f64 - 1.0) / 2.0;
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let kernel = places.map(|(x, y)| value(x as f64 - center(width), y as f64 - center(height))).collect();
        Self { width, height, kernel }
    }

    /// Edges and blobs: minus the Laplacian of a Gaussian, `(1 - r²/2σ²) exp(-r²/2σ²) / πσ⁴`, less its mean, so that flat
    /// parts become 0; positive at the center.
    pub fn laplacian_of_gaussian(width: usize, height: usize, sigma: f64) -> Self {
        let mut filter = Self::of(width, height, |x, y| {
            let q = (x * x + y * y) / (2.0 * sigma * sigma);
            (1.0 - q) * (-q).exp() / (std::f64::consts::PI * sigma.powi(4))
        });
        let mean = filter.kernel.iter().sum::<f64>() / filter.kernel.len() as f64;
        filter.kernel.iter_mut().for_each(|tap| *tap -= mean);
        filter
    }

    /// The Gaussian of `narrow` less that of `wide`, the taps of each adding up to 1, so that flat parts become 0.
    pub fn difference_of_gaussians(width: usize, height: usize, wide: f64, narrow: f64) -> Self {
        let mut filter = Self::gaussian(width, height, narrow);
        let wide = Self::gaussian(width, height, wide);
        filter.kernel.iter_mut().zip(wide.kernel).for_each(|(tap, wide)| *tap -= wide);
        filter
    }

    /// Stripes of one direction and width: `exp(-(u² + γ²v²)/2σ²) cos(2πu/λ + ψ)` with u along the wave and v across it.
    pub fn gabor(width: usize, height: usize, gabor: Gabor) -> Self {
        let Gabor { sigma, theta, lambda, psi, gamma } = gabor;
        Self::of(width, height, |x, y| {
            let (u, v) = (x * theta.cos() + y * theta.sin(), y * theta.cos() - x * theta.sin());
            let envelope = (-(u * u + gamma * gamma * v * v) / (2.0 * sigma * sigma)).exp();
            envelope * (std::f64::consts::TAU * u / lambda + psi).cos()
        })
    }

    /// The same with all signs changed.
    #[must_use]
    pub fn negated(mut self) -> Self {
        self.kernel.iter_mut().for_each(|tap| *tap = -*tap);
        self
    }
}

impl Rewrite for Filter {
    fn plane<T: Pixel>(&self, _: usize, from: &[T], source: Shape, to: &mut [T], _: Shape) {
        let border = Border::MinusOneReflect;
        let (left, top) = ((self.width / 2) as isize, (self.height / 2) as isize);
        for (y, row) in to.chunks_exact_mut(source.width).enumerate() {
            for (x, out) in row.iter_mut().enumerate() {
                let mut sum = 0.0;
                for (j, taps) in self.kernel.chunks_exact(self.width).enumerate() {
                    let line = border.index(y as isize + j as isize - top, source.height).unwrap_or(0) * source.width;
                    for (i, tap) in taps.iter().enumerate() {
                        let at = border.index(x as isize + i as isize - left, source.width).unwrap_or(0);
                        let level: f32 = from[line + at].into();
                        sum += tap * f64::from(level);
                    }
                }
                *out = T::rounded(sum as f32);
            }
        }
    }
}

impl Step for Filter {
    fn format(&self, input: Format) -> Result<Format, Error> {
        let is_finite = self.kernel.iter().all(|tap| tap.is_finite());
        if self.kernel.is_empty() || self.kernel.len() != self.width * self.height || !is_finite {
            let found = format!("{} values", self.kernel.len());
            let expected = format!("a kernel of {}x{} finite values", self.width, self.height);
            return Err(refused(
                "FilterTransformation",
                &expected,
                found,
                "correct `Kernel.SizeX`, `.SizeY`, `.Mat`, `.Sigma`",
            ));
        }
        Ok(input)
    }

    fn apply(&self, frame: &mut Frame, _: &mut Draws) {
        frame.rewrite(frame.shape, self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{format_of, reals_of, transformed};

    #[track_caller]
    fn check(filter: &Filter, expected: &[f64]) {
        assert_eq!(filter.kernel.len(), expected.len());
        let is_near = |(found, expected): (&f64, &f64)| (found - expected).abs() < 1e-9;
        assert!(filter.kernel.iter().zip(expected).all(is_near), "expected {expected:?}, found {:?}", filter.kernel);
    }

    #[test]
    fn kernels_for_edges_answer_to_no_flat_image() {
        // With 2σ² = 1: (1 - r²) exp(-r²) / πσ⁴ is 4/π at the center, 0 beside it; the mean of three is taken off.
        let at_center = 4.0 / std::f64::consts::PI;
        let log = Filter::laplacian_of_gaussian(3, 1, 0.5_f64.sqrt());
        check(&log, &[-at_center / 3.0, 2.0 * at_center / 3.0, -at_center / 3.0]);
        // Taps of three: 1 / (1 + 2 exp(-1/2σ²)) at the center.
        let center = |sigma: f64| 1.0 / (1.0 + 2.0 * (-0.5 / (sigma * sigma)).exp());
        let top = center(1.0) - center(2.0);
        let dog = Filter::difference_of_gaussians(3, 1, 2.0, 1.0);
        check(&dog, &[-top / 2.0, top, -top / 2.0]);
        check(&dog.negated(), &[top / 2.0, -top, top / 2.0]);
        for filter in [log, Filter::difference_of_gaussians(7, 5, 2.0, 1.0), Filter::laplacian_of_gaussian(9, 9, 1.4)] {
            assert!(filter.kernel.iter().sum::<f64>().abs() < 1e-12);
            assert_eq!(transformed(&filter, (6, 6), &[200; 36]), [0; 36]);
            let middle = filter.kernel.len() / 2;
            assert!(filter.kernel.iter().all(|&tap| tap <= filter.kernel[middle]), "positive at the center");
        }
    }

    #[test]
    fn a_gabor_kernel_answers_to_stripes_across_its_direction() {
        let gabor = Gabor { sigma: 1.0, theta: 0.0, lambda: 4.0, psi: 0.0, gamma: 0.5 };
        let (near, far) = ((-0.5_f64).exp(), (-2.0_f64).exp());
        // cos(2πu/4) is 1, 0, -1 at 0, 1, 2 pixels; across the wave only the envelope falls, half as fast.
        check(&Filter::gabor(5, 1, gabor), &[-far, 0.0, 1.0, 0.0, -far]);
        check(&Filter::gabor(1, 3, gabor), &[near.powf(0.25), 1.0, near.powf(0.25)]);
        let down = Gabor { theta: std::f64::consts::FRAC_PI_2, ..gabor };
        check(&Filter::gabor(1, 5, down), &[-far, 0.0, 1.0, 0.0, -far]);
        let odd = Gabor { psi: std::f64::consts::FRAC_PI_2, ..gabor };
        check(&Filter::gabor(3, 1, odd), &[near, 0.0, -near]);
        let stripes: Vec<u8> = (0..81).map(|i| if i % 9 % 4 < 2 { 100 } else { 0 }).collect();
        let strength = |theta: f64| {
            let image = reals_of(&Filter::gabor(9, 9, Gabor { theta, ..gabor }), (9, 9), &stripes);
            image.iter().map(|value| f64::from(*value)).fold(f64::MIN, f64::max)
                - image.iter().map(|value| f64::from(*value)).fold(f64::MAX, f64::min)
        };
        assert!(strength(0.0) > 1.5 * strength(std::f64::consts::FRAC_PI_2));
    }

    #[test]
    fn a_kernel_is_laid_on_each_pixel() {
        let right = Filter { width: 3, height: 1, kernel: vec![0.0, 0.0, 1.0] };
        assert_eq!(transformed(&right, (4, 1), &[1, 2, 3, 4]), [2, 3, 4, 3]);
        let below = Filter { width: 1, height: 3, kernel: vec![0.0, 0.0, 1.0] };
        assert_eq!(transformed(&below, (1, 3), &[1, 2, 3]), [2, 3, 2]);
        let sharp = Filter { width: 1, height: 1, kernel: vec![-2.0] };
        assert_eq!(transformed(&sharp, (2, 1), &[1, 200]), [0, 0], "bytes stay in range");
        assert!(Filter { width: 2, height: 2, kernel: vec![1.0] }.format(format_of(3, 3)).is_err());
    }

    #[test]
    fn a_blur_keeps_flat_images_and_spreads_points() {
        let blur = Filter::gaussian(5, 3, 1.0);
        assert!((blur.kernel.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(transformed(&blur, (4, 4), &[77; 16]), [77; 16]);
        let mut point = [0; 81];
        point[40] = 255;
        let spread = transformed(&blur, (9, 9), &point);
        // exp(-1/2) of the center beside it, exp(-2) two columns away, nothing two rows away.
        let center = f64::from(spread[40]);
        assert!((f64::from(spread[39]) / center - (-0.5_f64).exp()).abs() < 0.02, "{spread:?}");
        assert!((f64::from(spread[38]) / center - (-2.0_f64).exp()).abs() < 0.02 && spread[22] == 0, "{spread:?}");
        assert_eq!(reals_of(&Filter::gaussian(1, 1, 1.0), (2, 1), &[3, 4]), [3.0, 4.0]);
    }
}
