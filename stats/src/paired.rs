//! Two classifiers over the same stimuli.

use serde::Serialize;

/// Half the width of a 95 % confidence interval, in standard errors.
const Z_95: f64 = 1.96;
/// The distance of a one-sided 95 % bound, in standard errors.
const Z_95_ONE_SIDED: f64 = 1.645;

/// What a second classifier loses against a first one, asked one or several times about each stimulus (with another coding of
/// the input each time).
///
/// Averaged away is the chance of the coding, not that of the stimuli: the standard error takes each stimulus once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Paired {
    /// Stimuli.
    pub n: u64,
    /// Times that the second is asked about each.
    pub n_times: u64,
    /// Sum over stimuli of what each loses: how often the first alone recognizes it, less how often the second alone does.
    pub sum: i64,
    /// Sum of the squares of that.
    pub squares: u64,
}

impl Paired {
    /// No stimulus yet; the second is asked `n_times` about each.
    pub fn new(n_times: u64) -> Self {
        Self { n_times, ..Self::default() }
    }

    /// Counts one stimulus: whether the first recognizes it, and how often the second does.
    pub fn add(&mut self, first: bool, n_second: u64) {
        let lost = if first { self.n_times as i64 - n_second as i64 } else { -(n_second as i64) };
        self.n += 1;
        self.sum += lost;
        self.squares += lost.unsigned_abs().pow(2);
    }

    /// The stimuli of both, about which the second was asked equally often.
    pub fn merged(self, other: Self) -> Self {
        let (n, sum, squares) = (self.n + other.n, self.sum + other.sum, self.squares + other.squares);
        Self { n, n_times: self.n_times.max(other.n_times), sum, squares }
    }

    /// How much of the stimuli the second recognizes less than the first, on average, as a fraction; 0 for none.
    pub fn loss(self) -> f64 {
        if self.n == 0 { 0.0 } else { self.sum as f64 / (self.n * self.n_times) as f64 }
    }

    /// Standard error of the loss: that of a mean over the stimuli. At least that of one answer that differs, since none that
    /// does is no proof that none will.
    ///
    /// Source: Agresti, Categorical Data Analysis, 2002, section 10.1 (comparing dependent proportions).
    pub fn standard_error(self) -> f64 {
        if self.n == 0 {
            return f64::INFINITY;
        }
        let (n, sum) = (self.n as f64, self.sum as f64);
        (self.squares as f64 - sum * sum / n).max(1.0).sqrt() / (n * self.n_times as f64)
    }

    /// The 95 % confidence interval of the loss (normal approximation).
    pub fn interval(self) -> (f64, f64) {
        let half = Z_95 * self.standard_error();
        (self.loss() - half, self.loss() + half)
    }

    /// What the loss is at most, with 95 % confidence (one-sided, normal approximation).
    pub fn upper_bound(self) -> f64 {
        self.loss() + Z_95_ONE_SIDED * self.standard_error()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_what_one_alone_recognizes() {
        let mut paired = Paired::new(1);
        for (first, second, times) in [(true, 1, 70), (true, 0, 15), (false, 1, 5), (false, 0, 10)] {
            (0..times).for_each(|_| paired.add(first, second));
        }
        assert_eq!(paired, Paired { n: 100, n_times: 1, sum: 10, squares: 20 });
        assert!((paired.loss() - 0.1).abs() < 1e-12);
        // Values -1, 0, 1: mean 0.1, mean square 0.2, variance 0.19.
        assert!((paired.standard_error() - (0.19_f64 / 100.0).sqrt()).abs() < 1e-12);
        let (from, to) = paired.interval();
        assert!((from + to - 0.2).abs() < 1e-12 && (to - from - 2.0 * 1.96 * paired.standard_error()).abs() < 1e-12);
        assert!((paired.upper_bound() - 0.1 - 1.645 * paired.standard_error()).abs() < 1e-12);
    }

    #[test]
    fn few_stimuli_prove_little() {
        let none_differs = Paired { n: 50, n_times: 1, sum: 0, squares: 0 };
        assert!((none_differs.standard_error() - 0.02).abs() < 1e-12);
        assert_eq!(Paired::new(1).loss(), 0.0);
        assert!(Paired::default().standard_error().is_infinite());
        let all = none_differs.merged(Paired { n: 50, n_times: 1, sum: 10, squares: 10 });
        assert_eq!((all.n, all.loss()), (100, 0.1));
    }

    #[test]
    fn asked_often_the_coding_averages_out() {
        // 40 stimuli, each recognized in two of four times: half of them are lost on average, none more than another.
        let mut often = Paired::new(4);
        (0..40).for_each(|_| often.add(true, 2));
        assert_eq!(often.loss(), 0.5);
        assert!((often.standard_error() - 1.0 / 160.0).abs() < 1e-12);
    }
}
