//! What is right among the outputs of a target.

use stimuli::Shape;

use crate::run::formal_test::estimate;
use crate::run::targets::{Estimates, Judge, Labels};

/// What is wanted of a batch.
pub enum Answers {
    /// A class each stimulus.
    Classes(Vec<usize>),
    /// A class each position of a map; below 0 none.
    Maps {
        /// `[y][x]` of each stimulus.
        wanted: Vec<Vec<i32>>,
        /// Shape of the outputs.
        shape: Shape,
        /// A single output above it means class 1.
        threshold: f32,
    },
}

impl Answers {
    /// What the primary target wants of `n` stimuli with these labels.
    pub fn of_maps(judge: &Judge<'_>, labels: &Labels, n: usize, threshold: f32) -> Self {
        let wanted = (0..n).map(|place| judge.wanted(0, judge.labels_of(labels, place))).collect();
        Self::Maps { wanted, shape: judge.targets[0].shape, threshold }
    }

    /// How many answers there are.
    pub fn n(&self) -> u64 {
        match self {
            Self::Classes(labels) => labels.len() as u64,
            Self::Maps { wanted, .. } => wanted.iter().flatten().filter(|&&class| class >= 0).count() as u64,
        }
    }

    /// How many of them outputs `[stimulus][c][y][x]` give.
    pub fn right(&self, outputs: &[f32]) -> u64 {
        match self {
            Self::Classes(labels) => {
                let n_outputs = (outputs.len() / labels.len().max(1)).max(1);
                let answers = outputs.chunks_exact(n_outputs).zip(labels);
                answers.filter(|&(outputs, &label)| estimate(outputs) == label).count() as u64
            }
            Self::Maps { wanted, shape, threshold } => {
                let right = |(outputs, wanted): (&[f32], &Vec<i32>)| {
                    let found = Estimates::new(outputs, *shape, *threshold).classes;
                    found.iter().zip(wanted).filter(|&(&found, &wanted)| found as i32 == wanted).count() as u64
                };
                outputs.chunks_exact(shape.n_elements()).zip(wanted).map(right).sum()
            }
        }
    }
}
