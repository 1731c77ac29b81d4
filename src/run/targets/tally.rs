//! What outputs say, and how often that is what was wanted (`formal.md` 10.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stats::Confusion;
use stimuli::{Shape, StimulusId};

/// The class that outputs say at each position, and by how much.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimates {
    /// `[y][x]`.
    pub classes: Vec<usize>,
    /// The output of that class; of a single output and class 0 what is left to 1.
    pub values: Vec<f32>,
}

impl Estimates {
    /// Of the outputs `[c][y][x]` of a stimulus: the first greatest one, or a single one against a threshold.
    pub fn new(outputs: &[f32], shape: Shape, binary_threshold: f32) -> Self {
        let area = shape.plane();
        if shape.channels == 1 {
            let is_above = outputs.iter().map(|&output| output > binary_threshold);
            let values = outputs.iter().map(|&output| if output > binary_threshold { output } else { 1.0 - output });
            return Self { classes: is_above.map(usize::from).collect(), values: values.collect() };
        }
        let mut estimates = Self { classes: vec![0; area], values: outputs[..area].to_vec() };
        for (class, plane) in outputs.chunks_exact(area).enumerate().skip(1) {
            for ((&output, best), value) in plane.iter().zip(&mut estimates.classes).zip(&mut estimates.values) {
                if output > *value {
                    (*best, *value) = (class, output);
                }
            }
        }
        estimates
    }
}

/// A stimulus as a target sees it.
#[derive(Clone, Copy)]
pub struct Compared<'a> {
    /// The outputs, `[c][y][x]`.
    pub outputs: &'a [f32],
    /// What they say.
    pub estimates: &'a Estimates,
    /// What is wanted, `[y][x]`; below 0 nothing is.
    pub wanted: &'a [i32],
    /// Which positions count; all do without it.
    pub mask: Option<&'a [bool]>,
}

impl Compared<'_> {
    /// Whether a position counts.
    pub fn counts(&self, position: usize) -> bool {
        self.mask.is_none_or(|mask| mask[position])
    }

    /// Whether `class` is among the `n` greatest outputs of a position; of equal ones the first come first.
    fn is_in_top(&self, position: usize, class: usize, n: usize) -> bool {
        let area = self.wanted.len();
        let Some(&value) = self.outputs.get(class * area + position) else { return false };
        let all = self.outputs[position..].iter().step_by(area).enumerate();
        all.filter(|&(other, &output)| output > value || (output == value && other < class)).count() < n
    }
}

/// How a stimulus was answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Mean over the wanted classes of the share of their positions that was found; 1 where nothing is wanted.
    pub success: f64,
    /// The same with the class among the `TopN` greatest outputs.
    pub success_top_n: f64,
    /// Something is wanted, or the outputs are a map: it counts among the stimuli.
    pub is_counted: bool,
    /// Wanted and found class, and at how many positions, where they differ.
    pub misses: Vec<(usize, usize, u64)>,
}

/// What a target has counted of many stimuli.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Classes; with a mask one more, `∅`, for what it hides.
    n_classes: usize,
    counts: Vec<u64>,
    /// Success of each batch.
    pub success: Vec<f64>,
    /// The same with the class among the `TopN` greatest outputs; empty where that is one.
    pub success_top_n: Vec<f64>,
    /// Id, wanted and found class, positions.
    pub misclassified: Vec<(StimulusId, usize, usize, u64)>,
    /// Sums over the stimuli counted: success, that of `TopN`, number.
    total: (f64, f64, u64),
}

impl Tally {
    /// An empty one over `n_classes` classes, the one of the mask included.
    pub fn new(n_classes: usize) -> Self {
        Self { n_classes, counts: vec![0; n_classes * n_classes], ..Self::default() }
    }

    /// Wanted against found classes.
    pub fn confusion(&self) -> Confusion {
        Confusion::from_counts(self.n_classes, self.counts.clone()).unwrap_or_else(|| Confusion::new(self.n_classes))
    }

    /// Whether it is of so many classes: one that was read may be of another network.
    pub fn is_of(&self, n_classes: usize) -> bool {
        let n = self.n_classes;
        let is_inside = |&(_, wanted, found, _): &(StimulusId, usize, usize, u64)| wanted < n && found < n;
        n == n_classes && self.counts.len() == n * n && self.misclassified.iter().all(is_inside)
    }

    /// Mean success of the stimuli counted; 1 of none.
    pub fn rate(&self) -> f64 {
        if self.total.2 == 0 { 1.0 } else { self.total.0 / self.total.2 as f64 }
    }

    /// The same with the class among the `TopN` greatest outputs.
    pub fn top_n_rate(&self) -> f64 {
        if self.total.2 == 0 { 1.0 } else { self.total.1 / self.total.2 as f64 }
    }

    /// Counts a stimulus.
    pub fn add(&mut self, id: StimulusId, compared: &Compared<'_>, top_n: usize) -> Score {
        let has_mask = compared.mask.is_some();
        let void = self.n_classes - usize::from(has_mask);
        let is_map = compared.wanted.len() > 1;
        // Of each wanted class: positions, found, found among the best.
        let mut classes: BTreeMap<usize, (u64, u64, u64)> = BTreeMap::new();
        let mut misses: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        for (position, (&wanted, &found)) in compared.wanted.iter().zip(&compared.estimates.classes).enumerate() {
            let counts = compared.counts(position);
            let Ok(wanted) = usize::try_from(wanted) else {
                if has_mask && counts {
                    self.counts[void * self.n_classes + found] += 1;
                }
                continue;
            };
            let of_class = classes.entry(wanted).or_default();
            of_class.0 += 1;
            let found = if counts { found } else { void };
            self.counts[wanted * self.n_classes + found] += 1;
            if wanted == found {
                of_class.1 += 1;
            } else {
                *misses.entry((wanted, found)).or_default() += 1;
            }
            of_class.2 += u64::from(counts && compared.is_in_top(position, wanted, top_n));
        }
        let share = |of: fn(&(u64, u64, u64)) -> u64| {
            let shares = classes.values().map(|class| of(class) as f64 / class.0 as f64);
            if classes.is_empty() { 1.0 } else { shares.sum::<f64>() / classes.len() as f64 }
        };
        let score = Score {
            success: share(|class| class.1),
            success_top_n: share(|class| class.2),
            is_counted: is_map || !classes.is_empty(),
            misses: misses.into_iter().map(|((wanted, found), n)| (wanted, found, n)).collect(),
        };
        self.misclassified.extend(score.misses.iter().map(|&(wanted, found, n)| (id, wanted, found, n)));
        if score.is_counted {
            self.total.0 += score.success;
            self.total.1 += score.success_top_n;
            self.total.2 += 1;
        }
        score
    }

    /// Ends a batch: its success is the mean over the stimuli counted.
    pub fn end_batch(&mut self, scores: &[Score], top_n: usize) {
        let counted = || scores.iter().filter(|score| score.is_counted);
        let n = counted().count();
        let mean = |sum: f64| if n == 0 { 1.0 } else { sum / n as f64 };
        self.success.push(mean(counted().map(|score| score.success).sum()));
        if top_n > 1 {
            self.success_top_n.push(mean(counted().map(|score| score.success_top_n).sum()));
        }
    }

    /// Empties what is told since the last log; the success of batches stays.
    pub fn clear_counts(&mut self) {
        self.counts.fill(0);
        self.misclassified.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(channels: usize, width: usize) -> Shape {
        Shape { channels, height: 1, width }
    }

    fn estimates(outputs: &[f32], shape: Shape) -> Estimates {
        Estimates::new(outputs, shape, 0.5)
    }

    #[test]
    fn the_first_greatest_output_is_the_answer_or_one_against_a_threshold() {
        let many = estimates(&[0.1, 0.5, 0.7, 0.5, 0.2, 0.6], shape(3, 2));
        assert_eq!(many, Estimates { classes: vec![1, 2], values: vec![0.7, 0.6] });
        let single = estimates(&[0.75, 0.25, 0.5], shape(1, 3));
        assert_eq!(single, Estimates { classes: vec![1, 0, 0], values: vec![0.75, 0.75, 0.5] });
    }

    #[test]
    fn each_wanted_class_of_a_stimulus_counts_alike() {
        let outputs = [0.0, 0.0, 0.9, 0.9, 0.9];
        let estimates = estimates(&outputs, shape(1, 5));
        let mut tally = Tally::new(2);
        let wanted = [0, 0, 0, 1, -1];
        let score =
            tally.add(7, &Compared { outputs: &outputs, estimates: &estimates, wanted: &wanted, mask: None }, 1);
        assert_eq!((score.success, score.misses.as_slice()), ((2.0 / 3.0 + 1.0) / 2.0, [(0, 1, 1)].as_slice()));
        assert_eq!(tally.confusion().counts(), [2, 1, 0, 1]);
        assert_eq!(tally.misclassified, [(7, 0, 1, 1)]);
    }

    #[test]
    fn what_a_mask_hides_is_a_miss_and_in_a_column_of_its_own() {
        let outputs = [0.9, 0.9, 0.0, 0.9];
        let estimates = estimates(&outputs, shape(1, 4));
        let mut tally = Tally::new(3);
        let mask = [true, false, true, true];
        let compared = Compared { outputs: &outputs, estimates: &estimates, wanted: &[1, 1, 0, -1], mask: Some(&mask) };
        let score = tally.add(0, &compared, 1);
        assert_eq!(score.success, 0.75);
        assert_eq!(tally.confusion().counts(), [1, 0, 0, 0, 1, 1, 0, 1, 0]);
    }

    #[test]
    fn a_single_answer_without_a_wanted_class_does_not_count_and_an_empty_map_is_right() {
        let mut tally = Tally::new(2);
        let mut scores = Vec::new();
        for (outputs, wanted) in [(vec![0.9], vec![-1]), (vec![0.9], vec![0]), (vec![0.9; 2], vec![-1; 2])] {
            let estimates = estimates(&outputs, shape(1, outputs.len()));
            let compared = Compared { outputs: &outputs, estimates: &estimates, wanted: &wanted, mask: None };
            scores.push(tally.add(0, &compared, 1));
        }
        assert_eq!(
            scores.iter().map(|s| (s.is_counted, s.success)).collect::<Vec<_>>(),
            [(false, 1.0), (true, 0.0), (true, 1.0)]
        );
        tally.end_batch(&scores, 1);
        tally.end_batch(&scores[..1], 1);
        assert_eq!((tally.success.as_slice(), tally.rate()), ([0.5, 1.0].as_slice(), 0.5));
    }

    #[test]
    fn the_class_may_be_among_the_best() {
        let outputs = [0.1, 0.7, 0.5];
        let estimates = estimates(&outputs, shape(3, 1));
        let compared = Compared { outputs: &outputs, estimates: &estimates, wanted: &[2], mask: None };
        let score = Tally::new(3).add(0, &compared, 2);
        assert_eq!((score.success, score.success_top_n), (0.0, 1.0));
    }
}
