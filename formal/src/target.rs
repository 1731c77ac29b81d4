//! What the outputs should be.

use crate::config::TargetConfig;

/// What the target cell should give for the stimuli of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// The class of each stimulus; the [`TargetConfig`] says which outputs that means. One without a class has no error.
    Classes(&'a [Option<usize>]),
    /// The outputs themselves, `[n][c][y][x]`.
    Values(&'a [f32]),
}

impl TargetConfig {
    /// The wanted value of output `output` of `n_outputs` for a stimulus of class `label`. A single output is wanted
    /// for class 1 and not for class 0.
    pub(crate) fn wanted(&self, n_outputs: usize, output: usize, label: usize) -> f32 {
        let positive = if n_outputs == 1 { label == 1 } else { label == output };
        if positive { self.target_value } else { self.default_value }
    }
}
