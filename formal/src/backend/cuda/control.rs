//! What the host tells the device before each learning step, in one buffer: so that a recorded step need not be recorded anew.
//!
//! | Words | |
//! |---|---|
//! | 2 | the number of the step |
//! | 2 a cell | key of its random words |
//! | 10 a parameter | `Step` of the kernels |
//! | some a fractional pooling | its windows |

use super::layer::{self, Draw};
use super::machine::Buffer;
use crate::cell::fmp::{self, Fmp};
use crate::cell::{Cell, Operator};
use crate::random::{Purpose, Stream};
use crate::solver::{self, Step};

/// Words of a `Step` of the kernels.
const STEP: usize = 10;

/// Where the parts are.
pub(super) struct Control {
    /// What each cell's random words are for; `None` where it draws none.
    purposes: Vec<Option<Purpose>>,
    fractional: Vec<Option<Fractional>>,
    steps: usize,
    n_words: usize,
}

/// A fractional pooling.
struct Fractional {
    fmp: Fmp,
    /// Where its windows are.
    first: usize,
}

/// What a learning step is keyed by.
#[derive(Clone, Copy)]
pub(super) struct Draws {
    pub(super) seed: u64,
    pub(super) step: u64,
}

impl Control {
    pub(super) fn new(cells: &[Cell], n_parameters: usize) -> Self {
        let purpose = |cell: &Cell| match &cell.operator {
            Operator::Dropout(_) => Some(Purpose::Dropout),
            Operator::Fc(_) => Some(Purpose::Connections),
            _ => None,
        };
        let steps = 2 + 2 * cells.len();
        let mut n_words = steps + STEP * n_parameters;
        let mut place = |cell: &Cell| match &cell.operator {
            Operator::Fmp(fmp) => {
                let first = n_words;
                n_words += layer::n_edges(&fmp.pool);
                Some(Fractional { fmp: fmp.clone(), first })
            }
            _ => None,
        };
        let fractional = cells.iter().map(&mut place).collect();
        Self { purposes: cells.iter().map(purpose).collect(), fractional, steps, n_words }
    }

    /// Words of all.
    pub(super) fn n_words(&self) -> usize {
        self.n_words
    }

    /// Where a cell finds its random draws.
    pub(super) fn draw(&self, buffer: Buffer, cell: usize) -> Draw {
        let words = |first: usize, n: usize| buffer.part(4 * first, 4 * n);
        let windows = self.fractional[cell].as_ref();
        Draw {
            key: words(2 + 2 * cell, 2),
            step: words(0, 2),
            windows: windows.map_or(Buffer::NONE, |f| words(f.first, layer::n_edges(&f.fmp.pool))),
        }
    }

    /// Where updates find what they do, from `parameter` on.
    pub(super) fn steps(&self, buffer: Buffer, parameter: usize) -> Buffer {
        let first = 4 * (self.steps + STEP * parameter);
        buffer.part(first, buffer.bytes - first)
    }

    /// Writes what all is, but for the steps of the parameters.
    pub(super) fn write(&self, draws: Draws, words: &mut Vec<u32>) {
        let Draws { seed, step } = draws;
        words.clear();
        words.resize(self.n_words, 0);
        words[..2].copy_from_slice(&[step as u32, (step >> 32) as u32]);
        for (cell, purpose) in self.purposes.iter().enumerate() {
            if let Some(purpose) = *purpose {
                words[2 + 2 * cell..][..2].copy_from_slice(&Stream::new(seed, purpose, cell).key());
            }
        }
        for (cell, fractional) in self.fractional.iter().enumerate() {
            if let Some(Fractional { fmp, first }) = fractional {
                let windows = layer::cut(fmp, Some(fmp::Draw { seed, step, cell }));
                words[*first..][..windows.len()].copy_from_slice(&windows);
            }
        }
    }

    /// Writes what a parameter's update does with the gradients of `n_parts` parts.
    pub(super) fn write_step(&self, parameter: usize, step: Step, n_parts: usize, words: &mut [u32]) {
        let (action, adds, update) = match step {
            Step::Frozen => (0, false, None),
            Step::Keep { add } => (1, add, None),
            Step::Apply { add, update } => (2, add, Some(update)),
        };
        let mut row = [action, u32::from(adds), 0, n_parts as u32, 0, 0, 0, 0, 0, 0];
        let (solver, floats) = match update {
            None => (0, [0.0; 6]),
            Some(solver::Update::Sgd(update)) => {
                let solver::sgd::Update { rate, momentum, decay, lower, upper } = update;
                (0, [rate, momentum, decay, 0.0, lower, upper])
            }
            Some(solver::Update::Adam(update)) => {
                let solver::adam::Update { rate, beta1, beta2, epsilon, lower, upper } = update;
                (1, [rate, beta1, beta2, epsilon, lower, upper])
            }
        };
        row[2] = solver;
        row[4..].copy_from_slice(&floats.map(f32::to_bits));
        words[self.steps + STEP * parameter..][..STEP].copy_from_slice(&row);
    }
}
