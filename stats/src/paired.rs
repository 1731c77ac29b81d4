//! Two classifiers over the same stimuli.

use serde::Serialize;

/// Half the width of a 95 % confidence interval, in standard errors.
const Z_95: f64 = 1.96;

/// Stimuli that one of two classifiers recognizes and the other does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Paired {
    /// Stimuli in all.
    pub n: u64,
    /// Recognized by the first alone.
    pub lost: u64,
    /// Recognized by the second alone.
    pub won: u64,
}

impl Paired {
    /// Counts one stimulus: whether the first recognizes it, and whether the second does.
    pub fn add(&mut self, first: bool, second: bool) {
        self.n += 1;
        self.lost += u64::from(first && !second);
        self.won += u64::from(!first && second);
    }

    /// The stimuli of both.
    pub fn merged(self, other: Self) -> Self {
        Self { n: self.n + other.n, lost: self.lost + other.lost, won: self.won + other.won }
    }

    /// How much of the stimuli the second recognizes less than the first, as a fraction; 0 for none.
    pub fn loss(self) -> f64 {
        if self.n == 0 { 0.0 } else { (self.lost as f64 - self.won as f64) / self.n as f64 }
    }

    /// Standard error of the loss: that of a mean of values -1, 0 and 1. At least that of one stimulus that differs, since
    /// none that does is no proof that none will.
    ///
    /// Source: Agresti, Categorical Data Analysis, 2002, section 10.1 (comparing dependent proportions).
    pub fn standard_error(self) -> f64 {
        if self.n == 0 {
            return f64::INFINITY;
        }
        let n = self.n as f64;
        let difference = self.lost as f64 - self.won as f64;
        let square = ((self.lost + self.won) as f64 - difference * difference / n).max(1.0);
        square.sqrt() / n
    }

    /// The 95 % confidence interval of the loss (normal approximation).
    pub fn interval(self) -> (f64, f64) {
        let half = Z_95 * self.standard_error();
        (self.loss() - half, self.loss() + half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_what_one_alone_recognizes() {
        let mut paired = Paired::default();
        for (first, second, times) in [(true, true, 70), (true, false, 15), (false, true, 5), (false, false, 10)] {
            (0..times).for_each(|_| paired.add(first, second));
        }
        assert_eq!(paired, Paired { n: 100, lost: 15, won: 5 });
        assert!((paired.loss() - 0.1).abs() < 1e-12);
        // Values -1, 0, 1: mean 0.1, mean square 0.2, variance 0.19.
        assert!((paired.standard_error() - (0.19_f64 / 100.0).sqrt()).abs() < 1e-12);
        let (from, to) = paired.interval();
        assert!((from + to - 0.2).abs() < 1e-12 && (to - from - 2.0 * 1.96 * paired.standard_error()).abs() < 1e-12);
    }

    #[test]
    fn few_stimuli_prove_little() {
        let none_differs = Paired { n: 50, lost: 0, won: 0 };
        assert!((none_differs.standard_error() - 0.02).abs() < 1e-12);
        assert_eq!(Paired::default().loss(), 0.0);
        assert!(Paired::default().standard_error().is_infinite());
        let all = none_differs.merged(Paired { n: 50, lost: 10, won: 0 });
        assert_eq!((all.n, all.loss()), (100, 0.1));
    }
}
