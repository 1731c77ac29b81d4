//! How weights start.
//!
//! | Filler | Values, with n the fan-in, the fan-out or their mean |
//! |---|---|
//! | Constant | value |
//! | Normal | N(mean, std_dev) |
//! | Uniform | U\[min, max\] |
//! | Xavier | scaling·U\[-√(3/n), √(3/n)\] or scaling·N(0, √(1/n)) (Glorot and Bengio, 2010) |
//! | He | scaling·N(mean_norm/n, √(2/n)) (He et al., 2015) |

use crate::config::{Distribution, Filler, VarianceNorm};
use crate::random::{Stream, normal, uniform};

/// Numbers of weights that meet at one neuron and that leave one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fan {
    pub(crate) fan_in: usize,
    pub(crate) fan_out: usize,
}

impl Fan {
    fn count(self, norm: VarianceNorm) -> f64 {
        match norm {
            VarianceNorm::FanIn => self.fan_in as f64,
            VarianceNorm::FanOut => self.fan_out as f64,
            VarianceNorm::Average => 0.5 * (self.fan_in + self.fan_out) as f64,
        }
    }
}

impl Filler {
    /// The starting value of the element of this index.
    pub(crate) fn value(&self, fan: Fan, stream: Stream, element: u64) -> f32 {
        let words = stream.words(element);
        let value = match *self {
            Self::Constant { value } => value,
            Self::Normal { mean, std_dev } => normal(words, mean, std_dev),
            Self::Uniform { min, max } => uniform(words[0], min, max),
            Self::Xavier { variance_norm, distribution, scaling } => {
                let n = fan.count(variance_norm);
                scaling
                    * match distribution {
                        Distribution::Uniform => uniform(words[0], -(3.0 / n).sqrt(), (3.0 / n).sqrt()),
                        Distribution::Normal => normal(words, 0.0, (1.0 / n).sqrt()),
                    }
            }
            Self::He { variance_norm, mean_norm, scaling } => {
                let n = fan.count(variance_norm);
                scaling * normal(words, mean_norm / n, (2.0 / n).sqrt())
            }
        };
        value as f32
    }

    /// The parameter that is out of range, the values it may have, and what was found.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        let named: &[(&'static str, f64)] = match self {
            Self::Constant { value } => &[("Value", *value)],
            Self::Normal { mean, std_dev } => &[("Mean", *mean), ("StdDev", *std_dev)],
            Self::Uniform { min, max } => &[("Min", *min), ("Max", *max)],
            Self::Xavier { scaling, .. } => &[("Scaling", *scaling)],
            Self::He { mean_norm, scaling, .. } => &[("MeanNorm", *mean_norm), ("Scaling", *scaling)],
        };
        if let Some((name, value)) = named.iter().find(|(_, value)| !value.is_finite()) {
            return Some((name, "a finite number", value.to_string()));
        }
        match *self {
            Self::Normal { std_dev, .. } if std_dev < 0.0 => Some(("StdDev", "0 or more", std_dev.to_string())),
            Self::Uniform { min, max } if min > max => Some(("Min", "at most Max", format!("{min} > {max}"))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    /// Ten standard errors of the mean and of the deviation of `N` draws.
    const TEN_STANDARD_ERRORS: f64 = 10.0 / 316.0;
    const N: u64 = 100_000;
    const FAN: Fan = Fan { fan_in: 150, fan_out: 400 };

    #[track_caller]
    fn check(filler: Filler, mean: f64, std_dev: f64, bound: Option<f64>) {
        let stream = Stream::new(7, Purpose::Weights, 3);
        let values: Vec<f64> = (0..N).map(|element| f64::from(filler.value(FAN, stream, element))).collect();
        let found_mean = values.iter().sum::<f64>() / N as f64;
        let found_dev = (values.iter().map(|v| (v - found_mean).powi(2)).sum::<f64>() / N as f64).sqrt();
        assert!((found_mean - mean).abs() <= TEN_STANDARD_ERRORS * std_dev, "{filler:?}: mean {found_mean}");
        assert!((found_dev - std_dev).abs() <= TEN_STANDARD_ERRORS * std_dev, "{filler:?}: deviation {found_dev}");
        if let Some(bound) = bound {
            let greatest = values.iter().fold(0.0f64, |a, v| a.max((v - mean).abs()));
            assert!(greatest <= bound * (1.0 + f64::from(f32::EPSILON)) && greatest > 0.99 * bound, "{greatest}");
        }
    }

    #[test]
    fn each_filler_has_its_mean_its_deviation_and_its_bounds() {
        let he = |variance_norm| Filler::He { variance_norm, mean_norm: 3.0, scaling: 0.5 };
        let xavier = |variance_norm, distribution| Filler::Xavier { variance_norm, distribution, scaling: 2.0 };
        let uniform_dev = |half_width: f64| half_width / 3f64.sqrt();
        let half = 2.0 * (3.0f64 / 150.0).sqrt();
        check(Filler::Constant { value: 0.25 }, 0.25, 0.0, None);
        check(Filler::default(), 0.0, 0.05, None);
        check(Filler::Normal { mean: -1.0, std_dev: 2.0 }, -1.0, 2.0, None);
        check(Filler::Uniform { min: -1.0, max: 3.0 }, 1.0, uniform_dev(2.0), Some(2.0));
        check(xavier(VarianceNorm::FanIn, Distribution::Uniform), 0.0, uniform_dev(half), Some(half));
        check(xavier(VarianceNorm::FanOut, Distribution::Normal), 0.0, 2.0 * (1.0f64 / 400.0).sqrt(), None);
        let half = 2.0 * (3.0f64 / 275.0).sqrt();
        check(xavier(VarianceNorm::Average, Distribution::Uniform), 0.0, uniform_dev(half), Some(half));
        check(xavier(VarianceNorm::Average, Distribution::Normal), 0.0, 2.0 * (1.0f64 / 275.0).sqrt(), None);
        check(xavier(VarianceNorm::FanIn, Distribution::Normal), 0.0, 2.0 * (1.0f64 / 150.0).sqrt(), None);
        check(he(VarianceNorm::FanOut), 0.5 * 3.0 / 400.0, 0.5 * (2.0f64 / 400.0).sqrt(), None);
        // A scaling of 0 starts a branch at exactly 0.
        check(
            Filler::Xavier { variance_norm: VarianceNorm::FanIn, distribution: Distribution::Uniform, scaling: 0.0 },
            0.0,
            0.0,
            None,
        );
        check(Filler::He { variance_norm: VarianceNorm::FanIn, mean_norm: 3.0, scaling: 0.0 }, 0.0, 0.0, None);
        check(he(VarianceNorm::FanIn), 0.5 * 3.0 / 150.0, 0.5 * (2.0f64 / 150.0).sqrt(), None);
        check(he(VarianceNorm::Average), 0.5 * 3.0 / 275.0, 0.5 * (2.0f64 / 275.0).sqrt(), None);
    }

    #[test]
    fn a_draw_depends_on_seed_cell_and_element_alone() {
        let draw =
            |seed, cell, element| Filler::default().value(FAN, Stream::new(seed, Purpose::Weights, cell), element);
        let first = draw(1, 0, 5);
        assert_eq!(first, draw(1, 0, 5));
        for other in [draw(2, 0, 5), draw(1, 1, 5), draw(1, 0, 6)] {
            assert_ne!(first, other);
        }
    }
}
