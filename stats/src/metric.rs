//! The scores that a validation may be judged by (`formal.md` 10.5).

use crate::confusion::{Confusion, Outcomes, ratio};

/// A score of one class against all others. A ratio whose numerator is zero is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// TP / (TP + FN).
    #[default]
    Sensitivity,
    /// TN / (TN + FP).
    Specificity,
    /// TP / (TP + FP).
    Precision,
    /// TN / (TN + FN).
    NegativePredictiveValue,
    /// 1 - sensitivity.
    MissRate,
    /// 1 - specificity.
    FallOut,
    /// 1 - precision.
    FalseDiscoveryRate,
    /// 1 - negative predictive value.
    FalseOmissionRate,
    /// TP / (TP + FP + FN).
    Iu,
    /// (TP + TN) / total.
    Accuracy,
    /// Harmonic mean of precision and sensitivity.
    F1Score,
    /// Sensitivity + specificity - 1.
    Informedness,
    /// Precision + negative predictive value - 1.
    Markedness,
}

impl Metric {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 13] = [
        ("Sensitivity", Self::Sensitivity),
        ("Specificity", Self::Specificity),
        ("Precision", Self::Precision),
        ("NegativePredictiveValue", Self::NegativePredictiveValue),
        ("MissRate", Self::MissRate),
        ("FallOut", Self::FallOut),
        ("FalseDiscoveryRate", Self::FalseDiscoveryRate),
        ("FalseOmissionRate", Self::FalseOmissionRate),
        ("IU", Self::Iu),
        ("Accuracy", Self::Accuracy),
        ("F1Score", Self::F1Score),
        ("Informedness", Self::Informedness),
        ("Markedness", Self::Markedness),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, metric)| *metric == self).map_or("", |(name, _)| name)
    }

    /// The metric of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(other, _)| *other == name).map(|(_, metric)| *metric)
    }

    /// Whether `score` is better than `best`: greater, but smaller for a rate of errors.
    pub fn is_better(self, score: f64, best: f64) -> bool {
        match self {
            Self::MissRate | Self::FallOut | Self::FalseDiscoveryRate | Self::FalseOmissionRate => score < best,
            _ => score > best,
        }
    }

    fn of(self, outcomes: Outcomes) -> f64 {
        let Outcomes { tp, fp, fn_, tn } = outcomes;
        let of = |metric: Self| metric.of(outcomes);
        match self {
            Self::Sensitivity => ratio(tp, tp + fn_),
            Self::Specificity => ratio(tn, tn + fp),
            Self::Precision => ratio(tp, tp + fp),
            Self::NegativePredictiveValue => ratio(tn, tn + fn_),
            Self::MissRate => 1.0 - of(Self::Sensitivity),
            Self::FallOut => 1.0 - of(Self::Specificity),
            Self::FalseDiscoveryRate => 1.0 - of(Self::Precision),
            Self::FalseOmissionRate => 1.0 - of(Self::NegativePredictiveValue),
            Self::Iu => ratio(tp, tp + fp + fn_),
            Self::Accuracy => ratio(tp + tn, tp + tn + fp + fn_),
            Self::F1Score if tp == 0 => 0.0,
            Self::F1Score => {
                let (precision, sensitivity) = (of(Self::Precision), of(Self::Sensitivity));
                2.0 * precision * sensitivity / (precision + sensitivity)
            }
            Self::Informedness => of(Self::Sensitivity) + of(Self::Specificity) - 1.0,
            Self::Markedness => of(Self::Precision) + of(Self::NegativePredictiveValue) - 1.0,
        }
    }
}

impl Confusion {
    /// A metric of one class.
    pub fn metric(&self, class: usize, metric: Metric) -> f64 {
        metric.of(self.outcomes(class))
    }

    /// The mean of a metric over the classes with TP + FP + FN > 0; zero when there are none.
    pub fn mean_metric(&self, metric: Metric) -> f64 {
        let occurs = |&class: &usize| {
            let outcomes = self.outcomes(class);
            outcomes.tp + outcomes.fp + outcomes.fn_ > 0
        };
        let values: Vec<f64> = (0..self.n_classes()).filter(occurs).map(|class| self.metric(class, metric)).collect();
        if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUNDING: f64 = 1e-12;

    #[test]
    fn each_metric_is_the_ratio_worked_out_by_hand() {
        // Class 0: TP 5, FP 2, FN 3, TN 17.
        let matrix = Confusion::from_counts(3, vec![5, 3, 0, 2, 3, 1, 0, 2, 11]).unwrap();
        let (sensitivity, specificity, precision, npv) = (5.0 / 8.0, 17.0 / 19.0, 5.0 / 7.0, 17.0 / 20.0);
        let expected = [
            sensitivity,
            specificity,
            precision,
            npv,
            1.0 - sensitivity,
            1.0 - specificity,
            1.0 - precision,
            1.0 - npv,
            0.5,
            22.0 / 27.0,
            2.0 / 3.0,
            sensitivity + specificity - 1.0,
            precision + npv - 1.0,
        ];
        for ((name, metric), expected) in Metric::ALL.into_iter().zip(expected) {
            assert!((matrix.metric(0, metric) - expected).abs() < ROUNDING, "{name}");
            assert_eq!((Metric::of_name(name), metric.name()), (Some(metric), name));
        }
        let mean = (5.0 / 8.0 + 3.0 / 6.0 + 11.0 / 13.0) / 3.0;
        assert!((matrix.mean_metric(Metric::Sensitivity) - mean).abs() < ROUNDING);
        assert_eq!(matrix.mean_metric(Metric::Iu), matrix.mean_score().iu);
        assert_eq!(Metric::of_name("sensitivity"), None);
    }

    #[test]
    fn a_rate_of_errors_is_better_when_smaller() {
        assert!(Metric::Sensitivity.is_better(0.9, 0.8) && !Metric::Sensitivity.is_better(0.8, 0.8));
        assert!(Metric::MissRate.is_better(0.1, 0.2) && !Metric::MissRate.is_better(0.2, 0.1));
    }
}
