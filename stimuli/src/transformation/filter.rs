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
