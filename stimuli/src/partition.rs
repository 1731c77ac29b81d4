//! How stimuli are divided into the three sets (`formal.md` 4.4).

use std::collections::BTreeMap;
use std::ops::Range;

use crate::remaining::Remaining;
use crate::{Mt19937, StimulusId, rounding};

/// How the stimuli of some files are divided. Sets are filled in the order Learn, Validation, Test.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// Fractions of all of them, which add up to at most 1.
    Fractions {
        /// Share of Learn.
        learn: f64,
        /// Share of Validation.
        validation: f64,
        /// Share of Test; `None` takes the rest.
        test: Option<f64>,
    },
    /// The same fractions of the stimuli of each label.
    PerLabel {
        /// Share of Learn.
        learn: f64,
        /// Share of Validation.
        validation: f64,
        /// Share of Test; `None` takes the rest.
        test: Option<f64>,
        /// Takes as many of each label as of the rarest.
        is_equivalent: bool,
    },
    /// Numbers of stimuli, whatever their labels.
    Counts {
        /// Most stimuli of Learn.
        learn: usize,
        /// Most stimuli of Validation.
        validation: usize,
        /// Most stimuli of Test; `None` takes the rest.
        test: Option<usize>,
    },
    /// All of them are in Validation and in Test.
    ValidationAndTest,
}

impl Rule {
    /// All stimuli in Test.
    pub(crate) const TEST: Rule = Rule::Fractions { learn: 0.0, validation: 0.0, test: Some(1.0) };

    /// Training files: what is not for validation is learned.
    pub(crate) fn training(validation: f64) -> Rule {
        Rule::Fractions { learn: 1.0 - validation, validation, test: Some(0.0) }
    }
}

/// Where the draws come from: file order without a generator.
pub(crate) struct Draw<'a> {
    pub is_random: bool,
    pub rng: &'a mut Mt19937,
}

/// Divides the stimuli `range`, whose labels `label` tells, and appends them to the three sets.
pub(crate) fn divide(
    rule: &Rule,
    range: Range<StimulusId>,
    label: impl Fn(StimulusId) -> Option<usize>,
    draw: &mut Draw<'_>,
    sets: &mut [Vec<StimulusId>; 3],
) {
    let all: Vec<StimulusId> = range.collect();
    let n = all.len();
    match *rule {
        Rule::Fractions { learn, validation, test } => {
            let share = test.unwrap_or(1.0 - learn - validation).max(0.0);
            let [n_learn, n_validation, n_test] = sizes(n, learn, validation, share);
            let n_test = if test.is_none() { n } else { n_test };
            take(all, [n_learn, n_validation, n_test], draw, sets);
        }
        Rule::Counts { learn, validation, test } => {
            take(all, [learn, validation, test.unwrap_or(n)], draw, sets);
        }
        Rule::PerLabel { learn, validation, test, is_equivalent } => {
            let mut of_label: BTreeMap<Option<usize>, Vec<StimulusId>> = BTreeMap::new();
            for &id in &all {
                of_label.entry(label(id)).or_default().push(id);
            }
            let rarest = of_label.values().map(Vec::len).min().unwrap_or(0);
            let share = test.unwrap_or(1.0 - learn - validation).max(0.0);
            let mut left = Vec::new();
            for ids in of_label.into_values() {
                let n = if is_equivalent { rarest } else { ids.len() };
                let [n_learn, n_validation, n_test] = sizes(n, learn, validation, share);
                let n_learn = n_learn.min(n);
                let n_validation = n_validation.min(n - n_learn);
                let n_test = n_test.min(n - n_learn - n_validation);
                left.extend(take(ids, [n_learn, n_validation, n_test], draw, sets));
            }
            if is_equivalent && test.is_none() {
                left.sort_unstable();
                take(left, [0, 0, n], draw, sets);
            }
        }
        Rule::ValidationAndTest => {
            let mut drawn: [Vec<StimulusId>; 3] = Default::default();
            take(all, [0, 0, n], draw, &mut drawn);
            let [_, _, test] = drawn;
            sets[1].extend(&test);
            sets[2].extend(&test);
        }
    }
}

/// Draws `counts` of `ids` for the three sets, or what there is if that is fewer, and returns the others in order.
fn take(
    ids: Vec<StimulusId>,
    counts: [usize; 3],
    draw: &mut Draw<'_>,
    sets: &mut [Vec<StimulusId>; 3],
) -> Vec<StimulusId> {
    let mut remaining = Remaining::new(ids.len());
    for (set, count) in sets.iter_mut().zip(counts) {
        for _ in 0..count.min(remaining.len()) {
            let last = remaining.len() as i64 - 1;
            let index = if draw.is_random { draw.rng.uniform_int(0, last) as usize } else { 0 };
            set.push(ids[remaining.take(index)]);
        }
    }
    (0..remaining.len()).map(|_| ids[remaining.take(0)]).collect()
}

/// Returns how many of `n` stimuli go to Learn, Validation and Test, of which the fractions add up to at most 1.
fn sizes(n: usize, learn: f64, validation: f64, test: f64) -> [usize; 3] {
    let n = n as f64;
    let n_learn = rounding::half_up(n * learn);
    let n_others = rounding::half_down(n * (validation + test));
    let share = if validation > 0.0 { validation / (validation + test) } else { 0.0 };
    let n_validation = rounding::half_up(n_others * share);
    let n_test = rounding::half_down(n_others * (1.0 - share));
    [n_learn, n_validation, n_test].map(|count| count.max(0.0) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn divided(rule: &Rule, labels: &[usize], seed: Option<u32>) -> [Vec<usize>; 3] {
        let mut sets = Default::default();
        let mut rng = Mt19937::new(seed.unwrap_or(0));
        let mut draw = Draw { is_random: seed.is_some(), rng: &mut rng };
        divide(rule, 0..labels.len(), |id| Some(labels[id]), &mut draw, &mut sets);
        sets
    }

    #[track_caller]
    fn check(rule: Rule, labels: &[usize], expect: [&[usize]; 3]) {
        assert_eq!(divided(&rule, labels, None), expect.map(<[usize]>::to_vec), "{rule:?}");
        // Drawn at random, the sets are as large, and of the same labels where the rule looks at them.
        let random = divided(&rule, labels, Some(3));
        assert_eq!(random.each_ref().map(Vec::len), expect.map(<[usize]>::len), "{rule:?}");
    }

    #[test]
    fn fractions_and_counts_fill_learn_then_validation_then_test() {
        let labels = [0, 0, 0, 0, 1, 1, 0, 0, 0, 1];
        let fractions = |learn, validation, test| Rule::Fractions { learn, validation, test };
        check(fractions(0.5, 0.2, None), &labels, [&[0, 1, 2, 3, 4], &[5, 6], &[7, 8, 9]]);
        check(fractions(0.5, 0.2, Some(0.1)), &labels, [&[0, 1, 2, 3, 4], &[5, 6], &[7]]);
        check(fractions(0.25, 0.0, Some(0.25)), &labels, [&[0, 1, 2], &[], &[3, 4]]);
        check(Rule::Counts { learn: 4, validation: 1, test: None }, &labels, [&[0, 1, 2, 3], &[4], &[5, 6, 7, 8, 9]]);
        check(Rule::Counts { learn: 4, validation: 1, test: Some(2) }, &labels, [&[0, 1, 2, 3], &[4], &[5, 6]]);
        check(Rule::Counts { learn: 90, validation: 1, test: None }, &labels[..2], [&[0, 1], &[], &[]]);
        check(Rule::ValidationAndTest, &labels[..3], [&[], &[0, 1, 2], &[0, 1, 2]]);
    }

    #[test]
    fn per_label_the_rarest_may_rule_and_the_rest_goes_to_test() {
        // Label 0 stands at 0 to 3 and 6 to 8, label 1 at 4, 5 and 9.
        let labels = [0, 0, 0, 0, 1, 1, 0, 0, 0, 1];
        let per_label =
            |learn, validation, test, is_equivalent| Rule::PerLabel { learn, validation, test, is_equivalent };
        check(per_label(0.5, 0.0, None, false), &labels, [&[0, 1, 2, 3, 4, 5], &[], &[6, 7, 8, 9]]);
        check(per_label(0.4, 0.3, None, true), &labels, [&[0, 4], &[1, 5], &[2, 9, 3, 6, 7, 8]]);
        check(per_label(0.4, 0.3, Some(0.3), true), &labels, [&[0, 4], &[1, 5], &[2, 9]]);
        check(per_label(0.7, 0.3, Some(0.0), true), &labels, [&[0, 1, 4, 5], &[2, 9], &[]]);
        check(per_label(1.0, 0.0, None, false), &labels, [&[0, 1, 2, 3, 6, 7, 8, 4, 5, 9], &[], &[]]);
        check(per_label(0.5, 0.2, None, true), &[], [&[], &[], &[]]);
    }

    proptest! {
        #[test]
        fn no_stimulus_is_in_two_sets_and_with_the_rest_none_is_left(
            labels in prop::collection::vec(0_usize..4, 0..60),
            learn in 0.0..0.7_f64,
            validation in 0.0..0.3_f64,
            is_equivalent: bool,
            seed: u32,
        ) {
            for rule in [
                Rule::PerLabel { learn, validation, test: None, is_equivalent },
                Rule::Fractions { learn, validation, test: None },
            ] {
                let sets = divided(&rule, &labels, Some(seed));
                let mut all = sets.concat();
                all.sort_unstable();
                let n = all.len();
                all.dedup();
                prop_assert_eq!(n, all.len());
                if is_equivalent || matches!(rule, Rule::Fractions { .. }) {
                    prop_assert_eq!(n, labels.len());
                } else {
                    // Rounding may leave one of a label out.
                    prop_assert!(n + 4 >= labels.len());
                }
            }
        }

        #[test]
        fn the_sizes_of_the_sets_add_up(n in 0_usize..100_000, validation in 0.0..=1.0) {
            let [n_learn, n_validation, n_test] = sizes(n, 1.0 - validation, validation, 0.0);
            prop_assert!((n_learn + n_validation).abs_diff(n) <= 1 && n_test == 0);
        }
    }
}
