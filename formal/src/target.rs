//! What the outputs should be.

use stimuli::Shape;

use crate::cell::size;
use crate::config::TargetConfig;

/// What a target cell should give for the stimuli of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// The class of each stimulus; the [`TargetConfig`] says which outputs that means. One without a class has no error.
    Classes(&'a [Option<usize>]),
    /// The class of each position of the cell's map, `[n][y][x]`; one below 0 has no error. An error is divided by the
    /// number of the stimulus's positions of the same class: each class that a stimulus has weighs 1, whatever its area.
    Maps(&'a [i32]),
    /// The outputs themselves, `[n][c][y][x]`.
    Values(&'a [f32]),
}

impl Wanted<'_> {
    /// Refuses what does not fit `n` stimuli at a cell of this output: an error of the calling program.
    pub(crate) fn check(&self, n: usize, output: Shape) {
        let n_classes = n_classes(output);
        match *self {
            Self::Classes(labels) => {
                assert_eq!(labels.len(), n, "classes of {n} stimuli");
                if let Some(label) = labels.iter().flatten().find(|&&label| label >= n_classes) {
                    panic!("label {label}: expected a class below {n_classes}");
                }
            }
            Self::Maps(classes) => {
                let expected = n * output.plane();
                assert_eq!(classes.len(), expected, "maps of classes of {n} stimuli: expected {expected} positions");
                if let Some(class) = classes.iter().find(|&&class| class >= 0 && class as usize >= n_classes) {
                    panic!("class {class}: expected one below {n_classes}");
                }
            }
            Self::Values(values) => {
                let expected = n * size(output);
                assert_eq!(values.len(), expected, "wanted outputs of {n} stimuli: expected {expected} values");
            }
        }
    }
}

/// Classes that a target at a cell of this output tells apart: one a channel, or two where there is a single one.
pub(crate) fn n_classes(output: Shape) -> usize {
    output.channels.max(2)
}

impl TargetConfig {
    /// The wanted value of output `output` of `n_outputs` for a stimulus of class `label`. A single output is wanted
    /// for class 1 and not for class 0.
    pub(crate) fn wanted(&self, n_outputs: usize, output: usize, label: usize) -> f32 {
        let positive = if n_outputs == 1 { label == 1 } else { label == output };
        if positive { self.target_value } else { self.default_value }
    }
}
