//! What follows a cell's sum.
//!
//! | Activation | Output y of x | Error times |
//! |---|---|---|
//! | Linear | x | 1 |
//! | Rectifier | x > 0: min(x, clipping), else leak_slope·x; clipping 0 is off | y = clipping: 0, y > 0: 1, else leak_slope |
//! | Tanh | tanh(alpha·x) | alpha·(1 - y²) |

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
        }
    }

    /// The factor of the error, from the output.
    pub(crate) fn slope(&self, y: f64) -> f64 {
        match *self {
            Self::Linear => 1.0,
            Self::Rectifier { leak_slope, clipping } => match y > 0.0 {
                true if clipping > 0.0 && y == f64::from(clipping) => 0.0,
                true => 1.0,
                false => f64::from(leak_slope),
            },
            Self::Tanh { alpha } => f64::from(alpha) * (1.0 - y * y),
        }
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
            _ => None,
        }
    }
}
