//! Outputs against what is wanted of them.

use stimuli::Shape;

use super::lanes::{Pack, clear};
use crate::cell::size;
use crate::config::TargetConfig;
use crate::target::{Wanted, n_classes};

/// Sums over stimuli.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses {
    pub(super) squared_error: f64,
    pub(super) cross_entropy: f64,
    /// Stimuli with a class.
    pub(super) labeled: usize,
}

impl Losses {
    pub(super) fn add(&mut self, other: &Self) {
        self.squared_error += other.squared_error;
        self.cross_entropy += other.cross_entropy;
        self.labeled += other.labeled;
    }
}

/// What is wanted of `lanes` stimuli from `first` on.
pub(super) fn of_block(wanted: Wanted<'_>, output: Shape, first: usize, lanes: usize) -> Wanted<'_> {
    let part = |n: usize| first * n..(first + lanes) * n;
    match wanted {
        Wanted::Classes(labels) => Wanted::Classes(&labels[part(1)]),
        Wanted::Maps(classes) => Wanted::Maps(&classes[part(output.plane())]),
        Wanted::Values(values) => Wanted::Values(&values[part(size(output))]),
    }
}

/// The outputs of a target cell for a block of stimuli.
pub(super) struct Compared<'a> {
    pub(super) target: &'a TargetConfig,
    pub(super) shape: Shape,
    pub(super) outputs: &'a [Pack],
    /// Room for the positions of each class.
    pub(super) n_positions: &'a mut Vec<u32>,
}

impl Compared<'_> {
    /// Sets the errors.
    pub(super) fn compare(&mut self, wanted: Wanted<'_>, error: &mut [Pack]) -> Losses {
        clear(error);
        match wanted {
            Wanted::Classes(labels) => self.classes(labels, error),
            Wanted::Maps(classes) => self.maps(classes, error),
            Wanted::Values(values) => self.values(values, error),
        }
    }

    fn values(&self, wanted: &[f32], error: &mut [Pack]) -> Losses {
        let mut losses = Losses::default();
        for (lane, wanted) in wanted.chunks_exact(self.outputs.len()).enumerate() {
            for ((wanted, output), error) in wanted.iter().zip(self.outputs).zip(error.iter_mut()) {
                let e = wanted - output.0[lane];
                error.0[lane] = e;
                losses.squared_error += f64::from(e) * f64::from(e);
            }
        }
        losses
    }

    fn classes(&self, labels: &[Option<usize>], error: &mut [Pack]) -> Losses {
        let (n, area) = (self.shape.channels, self.shape.plane());
        let share = 1.0 / area as f32;
        let mut losses = Losses::default();
        for (lane, label) in labels.iter().enumerate() {
            let &Some(label) = label else { continue };
            losses.labeled += 1;
            for (at, (output, error)) in self.outputs.iter().zip(error.iter_mut()).enumerate() {
                let channel = at / area;
                let e = (self.target.wanted(n, channel, label) - output.0[lane]) * share;
                error.0[lane] = e;
                losses.squared_error += f64::from(e) * f64::from(e);
                if channel == label {
                    losses.cross_entropy += surprise(output.0[lane]) * f64::from(share);
                }
            }
        }
        losses
    }

    fn maps(&mut self, classes: &[i32], error: &mut [Pack]) -> Losses {
        let (n, area) = (self.shape.channels, self.shape.plane());
        let mut losses = Losses::default();
        for (lane, classes) in classes.chunks_exact(area).enumerate() {
            self.n_positions.clear();
            self.n_positions.resize(n_classes(self.shape), 0);
            for class in classes.iter().filter_map(|&class| usize::try_from(class).ok()) {
                self.n_positions[class] += 1;
            }
            losses.labeled += usize::from(self.n_positions.iter().any(|&n| n > 0));
            let channels = self.outputs.chunks_exact(area).zip(error.chunks_exact_mut(area)).enumerate();
            for (channel, (outputs, errors)) in channels {
                for ((&class, output), error) in classes.iter().zip(outputs).zip(errors) {
                    let Ok(class) = usize::try_from(class) else { continue };
                    let share = 1.0 / self.n_positions[class] as f32;
                    let e = (self.target.wanted(n, channel, class) - output.0[lane]) * share;
                    error.0[lane] = e;
                    losses.squared_error += f64::from(e) * f64::from(e);
                    if channel == class {
                        losses.cross_entropy += surprise(output.0[lane]) * f64::from(share);
                    }
                }
            }
        }
        losses
    }
}

/// `-ln p`.
fn surprise(probability: f32) -> f64 {
    -f64::from(probability.max(f32::MIN_POSITIVE)).ln()
}
