//! What follows a cell's sum.
//!
//! | Activation | Output y of x | Error times |
//! |---|---|---|
//! | Linear | x | 1 |
//! | Rectifier | x > 0: min(x, clipping), else leak_slope·x; clipping 0 is off | y = clipping: 0, y > 0: 1, else leak_slope |
//! | Tanh | tanh(alpha·x) | alpha·(1 - y²) |
//! | Logistic | s(x) = 1/(1 + e^-x) | y·(1 - y) |
//! | LogisticWithLoss | s(x) | 1, so that the error of a target is the gradient of the binary cross-entropy |
//! | Saturation | x, at most `threshold` from 0 | 1, and 0 at the threshold |
//! | Softplus | ln(1 + e^x) | 1 - e^-y |
//! | Swish | x·s(x) (Ramachandran et al., 2017) | s(x) + y·(1 - s(x)) |

use crate::config::Activation;

impl Activation {
    /// The output for a sum.
    pub(crate) fn value(&self, x: f64) -> f64 {
        match *self {
            Self::Linear => x,
            Self::Rectifier { leak_slope, clipping } => {
                let clipping = f64::from(clipping);
                match x > 0.0 {
                    true if clipping > 0.0 => x.min(clipping),
                    true => x,
                    false => f64::from(leak_slope) * x,
                }
            }
            Self::Tanh { alpha } => (f64::from(alpha) * x).tanh(),
            Self::Logistic | Self::LogisticWithLoss => logistic(x),
            Self::Saturation { threshold } => x.clamp(-f64::from(threshold), f64::from(threshold)),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Swish => x * logistic(x),
        }
    }

    /// The factor of the error, from the sum and the output.
    pub(crate) fn slope(&self, x: f64, y: f64) -> f64 {
        match *self {
            Self::Linear => 1.0,
            Self::Rectifier { leak_slope, clipping } => match y > 0.0 {
                true if clipping > 0.0 && y == f64::from(clipping) => 0.0,
                true => 1.0,
                false => f64::from(leak_slope),
            },
            Self::Tanh { alpha } => f64::from(alpha) * (1.0 - y * y),
            Self::Logistic => y * (1.0 - y),
            Self::LogisticWithLoss => 1.0,
            Self::Saturation { threshold } => f64::from(y.abs() < f64::from(threshold)),
            Self::Softplus => -(-y).exp_m1(),
            Self::Swish => logistic(x) + y * (1.0 - logistic(x)),
        }
    }

    /// Whether the slope needs the sum: two sums may share an output.
    pub(crate) fn needs_sum(&self) -> bool {
        matches!(self, Self::Swish)
    }

    /// The parameter that is out of range, the values it may have, and what was found.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        match *self {
            Self::Rectifier { leak_slope, .. } if !leak_slope.is_finite() => {
                Some(("ActivationFunction.LeakSlope", "a finite number", leak_slope.to_string()))
            }
            Self::Rectifier { clipping, .. } if clipping.is_nan() || clipping < 0.0 => {
                Some(("ActivationFunction.Clipping", "0 (off) or more", clipping.to_string()))
            }
            Self::Tanh { alpha } if !alpha.is_finite() => {
                Some(("ActivationFunction.Alpha", "a finite number", alpha.to_string()))
            }
            Self::Saturation { threshold } if !(threshold.is_finite() && threshold > 0.0) => {
                Some(("ActivationFunction.Threshold", "a finite number above 0", threshold.to_string()))
            }
            _ => None,
        }
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
