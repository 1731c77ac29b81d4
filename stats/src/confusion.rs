//! Confusion matrix and the scores derived from it.

/// Counts of (target, estimated) pairs over `n_classes` classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    n_classes: usize,
    counts: Vec<u64>,
}

/// The scores of one class, or their mean over the classes that occur. A ratio whose numerator is zero is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClassScore {
    /// TP / (TP + FN).
    pub sensitivity: f64,
    /// TN / (TN + FP).
    pub specificity: f64,
    /// TP / (TP + FP).
    pub precision: f64,
    /// (TP + TN) / total.
    pub accuracy: f64,
    /// Harmonic mean of precision and sensitivity.
    pub f1_score: f64,
    /// Sensitivity + specificity - 1.
    pub informedness: f64,
    /// Intersection over union, TP / (TP + FP + FN).
    pub iu: f64,
}

/// True and false positives and negatives of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcomes {
    /// True positives.
    pub tp: u64,
    /// False positives.
    pub fp: u64,
    /// False negatives.
    pub fn_: u64,
    /// True negatives.
    pub tn: u64,
}

pub(crate) fn ratio(numerator: u64, denominator: u64) -> f64 {
    if numerator == 0 { 0.0 } else { numerator as f64 / denominator as f64 }
}

impl Confusion {
    /// An empty matrix over `n_classes` classes.
    pub fn new(n_classes: usize) -> Self {
        Self { n_classes, counts: vec![0; n_classes * n_classes] }
    }

    /// A matrix from its rows (row = target). The slice holds `n_classes * n_classes` counts.
    pub fn from_counts(n_classes: usize, counts: Vec<u64>) -> Option<Self> {
        (counts.len() == n_classes * n_classes).then_some(Self { n_classes, counts })
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// All counts, row by row (row = target).
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Counts one stimulus. Classes outside the matrix are ignored.
    pub fn add(&mut self, target: usize, estimated: usize) {
        if target < self.n_classes && estimated < self.n_classes {
            self.counts[target * self.n_classes + estimated] += 1;
        }
    }

    /// How often `target` was taken for `estimated`.
    pub fn count(&self, target: usize, estimated: usize) -> u64 {
        self.counts[target * self.n_classes + estimated]
    }

    /// Number of stimuli counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Number of stimuli whose class was found.
    pub fn correct(&self) -> u64 {
        (0..self.n_classes).map(|c| self.count(c, c)).sum()
    }

    /// Number of stimuli of the class `target`.
    pub fn row_total(&self, target: usize) -> u64 {
        self.counts[target * self.n_classes..][..self.n_classes].iter().sum()
    }

    /// Empties the matrix.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// True and false positives and negatives of one class.
    pub fn outcomes(&self, class: usize) -> Outcomes {
        let tp = self.count(class, class);
        let row = self.row_total(class);
        let column: u64 = (0..self.n_classes).map(|t| self.count(t, class)).sum();
        Outcomes { tp, fp: column - tp, fn_: row - tp, tn: self.total() + tp - row - column }
    }

    /// The scores of one class.
    pub fn score(&self, class: usize) -> ClassScore {
        let Outcomes { tp, fp, fn_, tn } = self.outcomes(class);
        let sensitivity = ratio(tp, tp + fn_);
        let specificity = ratio(tn, tn + fp);
        let precision = ratio(tp, tp + fp);
        let f1_score = if tp == 0 { 0.0 } else { 2.0 * precision * sensitivity / (precision + sensitivity) };
        ClassScore {
            sensitivity,
            specificity,
            precision,
            accuracy: ratio(tp + tn, self.total()),
            f1_score,
            informedness: sensitivity + specificity - 1.0,
            iu: ratio(tp, tp + fp + fn_),
        }
    }

    /// The mean of the scores over the classes with TP + FP + FN > 0.
    pub fn mean_score(&self) -> ClassScore {
        let scores: Vec<ClassScore> = (0..self.n_classes)
            .filter(|&class| {
                let outcomes = self.outcomes(class);
                outcomes.tp + outcomes.fp + outcomes.fn_ > 0
            })
            .map(|class| self.score(class))
            .collect();
        let mean = |value: fn(&ClassScore) -> f64| {
            if scores.is_empty() { 0.0 } else { scores.iter().map(value).sum::<f64>() / scores.len() as f64 }
        };
        ClassScore {
            sensitivity: mean(|s| s.sensitivity),
            specificity: mean(|s| s.specificity),
            precision: mean(|s| s.precision),
            accuracy: mean(|s| s.accuracy),
            f1_score: mean(|s| s.f1_score),
            informedness: mean(|s| s.informedness),
            iu: mean(|s| s.iu),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(class: usize, tp: u64, fp: u64, fn_: u64, tn: u64) {
        let matrix = Confusion::from_counts(3, vec![5, 3, 0, 2, 3, 1, 0, 2, 11]).unwrap();
        assert_eq!(matrix.outcomes(class), Outcomes { tp, fp, fn_, tn });
    }

    #[test]
    fn outcomes_follow_rows_and_columns() {
        check(0, 5, 2, 3, 17);
        check(1, 3, 5, 3, 16);
        check(2, 11, 1, 2, 13);
    }

    #[test]
    fn a_class_that_never_occurs_is_left_out_of_the_mean() {
        let mut matrix = Confusion::new(3);
        matrix.add(0, 0);
        matrix.add(1, 1);
        assert_eq!(matrix.mean_score().sensitivity, 1.0);
        matrix.add(7, 0);
        assert_eq!(matrix.total(), 2);
    }
}
