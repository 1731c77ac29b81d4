//! What is wanted of a batch, and how far it was missed.

use stimuli::Shape;

use super::layer::{Sink, block_each};
use super::machine::{Buffer, Launch, Machine, MachineFault, arguments};
use super::memory::Arena;
use super::program::{Place, Program};
use crate::config::Activation;
use crate::network::StepReport;
use crate::target::{Wanted, n_classes};

/// What kind of thing a target wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Towards {
    Classes,
    Maps,
    Values,
}

impl Towards {
    pub(super) fn of(wanted: &Wanted<'_>) -> Self {
        match wanted {
            Wanted::Classes(_) => Self::Classes,
            Wanted::Maps(_) => Self::Maps,
            Wanted::Values(_) => Self::Values,
        }
    }
}

/// What comes with a batch for a target.
#[derive(Clone, Copy)]
pub(super) struct Goal {
    /// A class a stimulus, or a class a position of its map; -1 for none.
    classes: Buffer,
    /// Wanted outputs; none before values are wanted.
    values: Buffer,
}

impl Goal {
    /// Room for up to `n` stimuli of a target at outputs of some shape.
    pub(super) fn new<M: Machine>(n: usize, output: Shape, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        Ok(Self { classes: memory.words(n * output.plane())?, values: Buffer::NONE })
    }

    /// Makes room for `n` wanted outputs.
    pub(super) fn want<M: Machine>(&mut self, n: usize, memory: &mut Arena<M>) -> Result<(), MachineFault> {
        if self.values == Buffer::NONE {
            self.values = memory.words(n)?;
        }
        Ok(())
    }

    /// The classes of the stimuli.
    pub(super) fn labels(&self) -> Buffer {
        self.classes
    }

    /// Brings what is wanted; `classes` is room for classes.
    pub(super) fn bring<M: Machine>(
        &self,
        machine: &M,
        wanted: &Wanted<'_>,
        classes: &mut Vec<i32>,
    ) -> Result<(), MachineFault> {
        let (bytes, to): (&[u8], Buffer) = match *wanted {
            Wanted::Classes(labels) => {
                classes.clear();
                classes.extend(labels.iter().map(|label| label.map_or(-1, |label| label as i32)));
                (bytemuck::cast_slice(classes), self.classes)
            }
            Wanted::Maps(classes) => (bytemuck::cast_slice(classes), self.classes),
            Wanted::Values(values) => (bytemuck::cast_slice(values), self.values),
        };
        if bytes.is_empty() { Ok(()) } else { machine.stage(bytes, to) }
    }
}

/// What stays of a target from batch to batch.
pub(super) struct Compared {
    /// Positions of each class, of each stimulus with a map.
    counts: Buffer,
}

impl Compared {
    pub(super) fn new<M: Machine>(n: usize, output: Shape, memory: &mut Arena<M>) -> Result<Self, MachineFault> {
        Ok(Self { counts: memory.words(n * n_classes(output))? })
    }

    /// Errors of a target's cell and losses: `Σ e²` and the cross-entropy of each of `n` stimuli, in 64 bits.
    pub(super) fn launch<M: Machine>(
        &self,
        program: &Program<M>,
        target: usize,
        (place, goal): (&Place, &Goal),
        towards: Towards,
        losses: Buffer,
        n: usize,
    ) -> Launch {
        let target = &program.targets[target];
        let cell = &program.cells[target.cell];
        // Errors from other cells, if any, come later.
        let is_last = program.last[target.cell].is_none();
        let sink = Sink { activation: cell.activation, ..Sink::plain(place.error) };
        let passed = if is_last { sink.passed() } else { Activation::Linear };
        let (classes, values) = match towards {
            Towards::Values => (Buffer::NONE, goal.values),
            Towards::Classes | Towards::Maps => (goal.classes, Buffer::NONE),
        };
        let counts = if towards == Towards::Maps { self.counts } else { Buffer::NONE };
        let (channels, area) = (cell.output.channels, cell.output.plane());
        let arguments = arguments![
            place.output,
            place.sums,
            classes,
            values,
            counts,
            place.error,
            losses,
            target.target_value,
            target.default_value,
            passed,
            channels,
            area,
            n_classes(cell.output)
        ];
        block_each("compare", n, arguments)
    }
}

/// Stimuli that have a class; `None` where values are wanted of them.
pub(super) fn labeled(wanted: &Wanted<'_>, output: Shape) -> Option<usize> {
    match *wanted {
        Wanted::Classes(labels) => Some(labels.iter().flatten().count()),
        Wanted::Maps(classes) => {
            Some(classes.chunks_exact(output.plane()).filter(|map| map.iter().any(|&class| class >= 0)).count())
        }
        Wanted::Values(_) => None,
    }
}

/// What the losses of the stimuli say.
pub(super) fn report(labeled: Option<usize>, has_entropy: bool, losses: &[[f64; 2]]) -> StepReport {
    let sum = |which: usize| losses.iter().map(|loss| loss[which]).sum::<f64>();
    StepReport {
        squared_error: sum(0) / losses.len().max(1) as f64,
        cross_entropy: labeled.filter(|_| has_entropy).map(|labeled| sum(1) / labeled.max(1) as f64),
    }
}
