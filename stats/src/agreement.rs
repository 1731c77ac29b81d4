//! How closely spike counts follow the activations that they stand for.

/// Sums over pairs of an expected and a counted number of spikes, one a unit and stimulus. Units that are silent in both say
/// nothing about how well one follows the other, so they are counted and otherwise left out.
///
/// Adding the same pairs in the same order, and merging in the same order, gives the same sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Pairs of which at least one is not 0.
    pub pairs: u64,
    /// Pairs of which both are 0.
    pub silent: u64,
    /// Pairs that expect spikes and have none.
    pub only_expected: u64,
    /// Pairs that have spikes and expect none.
    pub only_counted: u64,
    expected: f64,
    counted: f64,
    expected_size: f64,
    counted_size: f64,
    expected_squares: f64,
    counted_squares: f64,
    products: f64,
}

impl Agreement {
    /// Adds a pair.
    #[inline]
    pub fn add(&mut self, expected: f64, counted: f64) {
        if expected == 0.0 && counted == 0.0 {
            self.silent += 1;
            return;
        }
        self.pairs += 1;
        self.only_expected += u64::from(counted == 0.0);
        self.only_counted += u64::from(expected == 0.0);
        self.expected += expected;
        self.counted += counted;
        self.expected_size += expected.abs();
        self.counted_size += counted.abs();
        self.expected_squares += expected * expected;
        self.counted_squares += counted * counted;
        self.products += expected * counted;
    }

    /// Adds the pairs of another.
    pub fn merge(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.silent += other.silent;
        self.only_expected += other.only_expected;
        self.only_counted += other.only_counted;
        self.expected += other.expected;
        self.counted += other.counted;
        self.expected_size += other.expected_size;
        self.counted_size += other.counted_size;
        self.expected_squares += other.expected_squares;
        self.counted_squares += other.counted_squares;
        self.products += other.products;
    }

    /// Pearson's correlation; `None` where one of the two never changes, as where there is no pair.
    pub fn correlation(&self) -> Option<f64> {
        let n = self.pairs as f64;
        let covariance = n * self.products - self.expected * self.counted;
        let expected = n * self.expected_squares - self.expected * self.expected;
        let counted = n * self.counted_squares - self.counted * self.counted;
        // Rounding leaves of a variance of 0 about this share of the squares that it is the difference of.
        let is_constant = |variance: f64, squares: f64| variance <= 1e-12 * n * squares;
        if self.pairs == 0 || is_constant(expected, self.expected_squares) || is_constant(counted, self.counted_squares)
        {
            return None;
        }
        Some((covariance / (expected.sqrt() * counted.sqrt())).clamp(-1.0, 1.0))
    }

    /// Least-squares slope of the line through 0: 1 where as many spikes come as are expected. `None` where none are expected.
    pub fn slope(&self) -> Option<f64> {
        (self.expected_squares > 0.0).then(|| self.products / self.expected_squares)
    }

    /// Root of the mean squared difference, in spikes; 0 where there is no pair.
    pub fn rms_error(&self) -> f64 {
        let squares = self.expected_squares - 2.0 * self.products + self.counted_squares;
        if self.pairs == 0 { 0.0 } else { (squares.max(0.0) / self.pairs as f64).sqrt() }
    }

    /// Mean number of spikes, of either sign, expected of a pair that is not silent; 0 where there is no pair.
    pub fn mean_expected(&self) -> f64 {
        if self.pairs == 0 { 0.0 } else { self.expected_size / self.pairs as f64 }
    }

    /// Mean number of spikes, of either sign, of a pair that is not silent; 0 where there is no pair.
    pub fn mean_counted(&self) -> f64 {
        if self.pairs == 0 { 0.0 } else { self.counted_size / self.pairs as f64 }
    }
}

/// Units that are ever active over many stimuli.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    is_expected: Vec<bool>,
    is_counted: Vec<bool>,
}

impl Activity {
    /// Of `n` units, none of them active yet.
    pub fn new(n: usize) -> Self {
        Self { is_expected: vec![false; n], is_counted: vec![false; n] }
    }

    /// Notes a unit of one stimulus.
    #[inline]
    pub fn add(&mut self, unit: usize, expected: f64, counted: f64) {
        self.is_expected[unit] |= expected != 0.0;
        self.is_counted[unit] |= counted != 0.0;
    }

    /// Number of units.
    pub fn units(&self) -> u64 {
        self.is_expected.len() as u64
    }

    /// Units that were expected to spike and never did.
    pub fn silenced(&self) -> u64 {
        self.count(|expected, counted| expected && !counted)
    }

    /// Units that were neither expected to spike nor did.
    pub fn dead(&self) -> u64 {
        self.count(|expected, counted| !expected && !counted)
    }

    fn count(&self, of: impl Fn(bool, bool) -> bool) -> u64 {
        self.is_expected.iter().zip(&self.is_counted).filter(|&(&expected, &counted)| of(expected, counted)).count()
            as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUNDING: f64 = 1e-12;

    fn of(pairs: &[(f64, f64)]) -> Agreement {
        let mut agreement = Agreement::default();
        pairs.iter().for_each(|&(expected, counted)| agreement.add(expected, counted));
        agreement
    }

    #[track_caller]
    fn close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < ROUNDING), "{found:?} {expected}");
    }

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        // Means 2 and 3; deviations (-1, 0, 1) and (-2, 1, 1): 3 / sqrt(2 * 6).
        let agreement = of(&[(1.0, 1.0), (0.0, 0.0), (2.0, 4.0), (3.0, 4.0)]);
        close(agreement.correlation(), 3.0 / 12f64.sqrt());
        close(agreement.slope(), (1.0 + 8.0 + 12.0) / 14.0);
        close(Some(agreement.rms_error()), (5.0f64 / 3.0).sqrt());
        close(Some(agreement.mean_expected()), 2.0);
        close(Some(agreement.mean_counted()), 3.0);
        assert_eq!((agreement.pairs, agreement.silent), (3, 1));
    }

    #[test]
    fn silent_pairs_do_not_move_the_correlation() {
        let pairs = [(1.0, 1.0), (2.0, 4.0), (3.0, 4.0), (0.0, 2.0), (5.0, 0.0)];
        let mut with_silent = pairs.to_vec();
        with_silent.extend([(0.0, 0.0); 100]);
        let (few, many) = (of(&pairs), of(&with_silent));
        assert_eq!(few.correlation(), many.correlation());
        assert_eq!((many.silent, many.only_counted, many.only_expected), (100, 1, 1));
    }

    #[test]
    fn proportional_counts_correlate_whatever_the_factor() {
        let agreement = of(&[(1.0, 0.25), (2.0, 0.5), (-3.0, -0.75)]);
        close(agreement.correlation(), 1.0);
        close(agreement.slope(), 0.25);
        close(Some(agreement.mean_expected()), 2.0);
        close(Some(agreement.mean_counted()), 0.5);
    }

    #[test]
    fn what_never_changes_has_no_correlation() {
        assert_eq!(of(&[]).correlation(), None);
        assert_eq!(of(&[(1.0, 0.0), (2.0, 0.0)]).correlation(), None);
        assert_eq!(of(&[(0.1, 3.0); 7]).correlation(), None);
        assert_eq!(of(&[(0.0, 3.0)]).slope(), None);
        assert_eq!(of(&[]).rms_error(), 0.0);
    }

    #[test]
    fn merging_adds() {
        let pairs = [(1.0, 1.5), (2.0, 0.0), (0.0, 0.0), (4.0, 2.0)];
        let mut whole = of(&pairs[..2]);
        whole.merge(&of(&pairs[2..]));
        assert_eq!(whole, of(&pairs));
    }

    #[test]
    fn units_are_silenced_or_dead() {
        let mut activity = Activity::new(4);
        for (unit, expected, counted) in [(0, 1.0, 0.0), (0, 0.0, 0.0), (1, 1.0, 0.0), (1, 0.0, 2.0), (3, 0.0, 1.0)] {
            activity.add(unit, expected, counted);
        }
        assert_eq!((activity.units(), activity.silenced(), activity.dead()), (4, 1, 1));
    }
}
