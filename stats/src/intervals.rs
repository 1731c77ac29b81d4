//! Inter-spike intervals of a layer, all its neurons together.

use crate::spikes::per;

/// Bins of the histogram: one a power of two of femtoseconds.
pub const N_BINS: usize = 64;

/// Sums of intervals between two successive spikes of a neuron in one stimulus. Whole numbers, so the order of adding and
/// merging does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    count: u64,
    sum: u128,
    sum_of_squares: u128,
    bins: [u64; N_BINS],
}

impl Default for Intervals {
    fn default() -> Self {
        Self { count: 0, sum: 0, sum_of_squares: 0, bins: [0; N_BINS] }
    }
}

impl Intervals {
    /// Adds an interval in femtoseconds.
    pub fn add(&mut self, fs: u64) {
        self.count += 1;
        self.sum += u128::from(fs);
        self.sum_of_squares = self.sum_of_squares.saturating_add(u128::from(fs) * u128::from(fs));
        self.bins[fs.max(1).ilog2() as usize] += 1;
    }

    /// Adds what another worker has summed.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.sum_of_squares = self.sum_of_squares.saturating_add(other.sum_of_squares);
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            *bin += more;
        }
    }

    /// Intervals added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Mean in femtoseconds; 0 without intervals.
    pub fn mean_fs(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// Standard deviation over mean: 0 for regular spikes, 1 for those of a Poisson process; 0 without intervals.
    pub fn variation(&self) -> f64 {
        let mean = self.mean_fs();
        if mean == 0.0 {
            return 0.0;
        }
        let variance = self.sum_of_squares as f64 / self.count as f64 - mean * mean;
        variance.max(0.0).sqrt() / mean
    }

    /// How many intervals lie in [2^i, 2^(i+1)) femtoseconds, by i.
    pub fn bins(&self) -> &[u64; N_BINS] {
        &self.bins
    }

    /// Fraction of the intervals below 2^i femtoseconds.
    pub fn share_below(&self, i: usize) -> f64 {
        per(self.bins[..i.min(N_BINS)].iter().sum(), self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUNDING: f64 = 1e-12;

    #[test]
    fn mean_variation_and_bins_are_those_worked_out_by_hand() {
        let mut all = Intervals::default();
        assert_eq!((all.mean_fs(), all.variation(), all.share_below(3)), (0.0, 0.0, 0.0));
        [2, 4, 4, 4, 5, 5, 7, 9].into_iter().for_each(|fs| all.add(fs));
        assert_eq!((all.count(), all.mean_fs()), (8, 5.0));
        assert!((all.variation() - 2.0 / 5.0).abs() < ROUNDING);
        assert_eq!(all.bins()[1..4], [1, 6, 1]);
        assert_eq!(all.share_below(3), 7.0 / 8.0);
        let mut regular = Intervals::default();
        (0..3).for_each(|_| regular.add(1 << 40));
        assert_eq!(regular.variation(), 0.0);
        let mut merged = all;
        merged.merge(&regular);
        assert_eq!((merged.count(), merged.bins()[40]), (11, 3));
        regular.merge(&all);
        assert_eq!(regular, merged);
    }
}
