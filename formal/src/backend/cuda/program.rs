//! A network in the memory of a device: what stays from batch to batch, and the buffers of the batches.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::control::Control;
use super::layer::{Draw, Layer, Output, Sink, Site};
use super::machine::{Buffer, Machine};
use super::memory::Arena;
use super::target::{Compared, Goal, Towards};
use crate::cell::{Cell, Edge, ErrorFlow, Operator, size};
use crate::config::{Activation, Source, TargetConfig};
use crate::error::Error;
use crate::parameter::{Parameter, ParameterKind};
use crate::plan::Plan;

/// Indices of elements fit in 31 bits, those of all stimuli of a batch.
const MOST_ELEMENTS: usize = 1 << 31;

/// What stays from batch to batch.
pub(super) struct Program<M: Machine> {
    pub(super) input: usize,
    pub(super) cells: Vec<Cell>,
    pub(super) layers: Vec<Layer>,
    pub(super) targets: Vec<TargetConfig>,
    /// One a parameter.
    pub(super) tensors: Vec<Tensor>,
    /// Indices of each cell's weights and bias among the parameters.
    pub(super) weights: Vec<Option<usize>>,
    pub(super) biases: Vec<Option<usize>>,
    /// Running means, then running variances of each cell that has some.
    pub(super) statistics: Vec<Buffer>,
    /// The consumer and its input by which the last of its errors come to each cell.
    pub(super) last: Vec<Option<(usize, usize)>>,
    pub(super) control: Control,
    _memory: Arena<M>,
}

/// A parameter in the memory of the device.
pub(super) struct Tensor {
    pub(super) cell: usize,
    pub(super) kind: ParameterKind,
    pub(super) n: usize,
    /// Elements of a row that is kept at length 1.
    pub(super) unit_columns: Option<usize>,
    pub(super) values: Buffer,
    pub(super) moments: Buffer,
    pub(super) gradient: Buffer,
    /// The weights that take part in a learning step, where not all do.
    pub(super) masked: Option<Masked>,
}

/// Weights of which only some take part in a learning step.
pub(super) struct Masked {
    pub(super) values: Buffer,
    /// Words below it let a weight take part.
    pub(super) kept_below: u32,
}

/// `Parameter` of the kernels.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Row {
    values: u64,
    moments: u64,
    gradient: u64,
    parts: u64,
    key: u64,
    kept_below: u32,
    n: u32,
}

impl<M: Machine> Program<M> {
    pub(super) fn new(machine: &Arc<M>, plan: &Plan, parameters: &[Parameter]) -> Result<Self, Error> {
        let mut memory = Arena::new(machine);
        let layers: Vec<Layer> =
            plan.cells.iter().map(|cell| Layer::new(cell, &mut memory)).collect::<Result<_, _>>()?;
        let index = |kind| {
            let of = |cell| parameters.iter().position(|p| p.info.cell == cell && p.info.kind == kind);
            (0..plan.cells.len()).map(of).collect()
        };
        let mut tensors = Vec::with_capacity(parameters.len());
        for parameter in parameters {
            let n = parameter.values.len();
            let masked = match (&plan.cells[parameter.info.cell].operator, parameter.info.kind) {
                (Operator::Fc(fc), ParameterKind::Weights) => fc.kept_below(),
                _ => None,
            };
            let masked = masked.map(|kept_below| Ok::<_, Error>(Masked { values: memory.words(n)?, kept_below }));
            tensors.push(Tensor {
                cell: parameter.info.cell,
                kind: parameter.info.kind,
                n,
                unit_columns: parameter.has_unit_rows.then(|| parameter.info.shape[1]),
                values: memory.words(n)?,
                moments: memory.words(parameter.moments.len())?,
                gradient: memory.table(&vec![0.0f32; n])?,
                masked: masked.transpose()?,
            });
        }
        let mut statistics = Vec::with_capacity(plan.cells.len());
        for cell in &plan.cells {
            statistics.push(match &cell.operator {
                Operator::BatchNorm(norm) => memory.words(2 * norm.shape.channels)?,
                _ => Buffer::NONE,
            });
        }
        let mut last = vec![None; plan.cells.len()];
        // Errors come from the last cell to the first, from the inputs of each in their order.
        for (consumer, cell) in plan.cells.iter().enumerate().rev().filter(|(_, cell)| cell.has_error) {
            for (input, edge) in cell.sources.iter().enumerate() {
                if let (Source::Cell(source), true) = (edge.source, edge.error != ErrorFlow::Stops) {
                    last[source] = Some((consumer, input));
                }
            }
        }
        Ok(Self {
            input: size(plan.input),
            control: Control::new(&plan.cells, parameters.len()),
            cells: plan.cells.clone(),
            layers,
            targets: plan.targets.clone(),
            tensors,
            weights: index(ParameterKind::Weights),
            biases: index(ParameterKind::Bias),
            statistics,
            last,
            _memory: memory,
        })
    }

    /// What a cell computes with; errors of inputs go together.
    pub(super) fn site(
        &self,
        places: &Places<M>,
        feed: &Feed,
        learns: Option<&[Towards]>,
        n: usize,
        cell: usize,
    ) -> Site {
        let own = &places.cells[cell];
        let goals = learns.into_iter().flatten().zip(&feed.goals);
        let labels = goals.filter(|(towards, _)| **towards == Towards::Classes).map(|(_, goal)| goal.labels()).next();
        let learns = learns.is_some();
        let weights = self.weights[cell].map(|weights| &self.tensors[weights]);
        let masked = weights.and_then(|weights| weights.masked.as_ref()).filter(|_| learns);
        let bias = self.biases[cell];
        let parts = |parameter: Option<usize>| parameter.map_or(Buffer::NONE, |parameter| places.parts[parameter]);
        let Draw { key, step, windows } = self.control.draw(feed.control, cell);
        Site {
            n,
            learns,
            input: self.inputs(places, feed, cell),
            output: Output { to: own.output, sums: own.sums, activation: self.cells[cell].activation },
            error: own.error,
            sink: Sink::plain(own.together),
            kept: own.kept,
            winners: match &self.cells[cell].operator {
                Operator::Unpool(unpool) => places.cells[unpool.arg_max].kept,
                _ => Buffer::NONE,
            },
            weights: weights.map_or(Buffer::NONE, |weights| masked.map_or(weights.values, |masked| masked.values)),
            bias: bias.map_or(Buffer::NONE, |bias| self.tensors[bias].values),
            weights_parts: parts(self.weights[cell]),
            bias_parts: parts(bias),
            statistics: self.statistics[cell],
            draw: Draw { key, step, windows },
            labels: labels.unwrap_or(Buffer::NONE),
        }
    }

    /// What a cell reads.
    fn inputs(&self, places: &Places<M>, feed: &Feed, cell: usize) -> Buffer {
        match self.cells[cell].sources.as_slice() {
            [edge] => self.source(places, feed, edge),
            _ => places.cells[cell].staged,
        }
    }

    /// Where an input comes from.
    pub(super) fn source(&self, places: &Places<M>, feed: &Feed, edge: &Edge) -> Buffer {
        match edge.source {
            Source::Stimuli => feed.input,
            Source::Cell(source) => places.cells[source].output,
        }
    }

    /// The cell before a cell, where its errors are those of this one: they need no room of their own.
    pub(super) fn passes_errors(&self, cell: usize) -> Option<usize> {
        let Cell { operator, sources, .. } = &self.cells[cell];
        let is_same = match operator {
            Operator::Softmax(softmax) => softmax.with_loss,
            Operator::TargetBias(_) => true,
            _ => false,
        };
        match sources.as_slice() {
            [Edge { source: Source::Cell(source), error: ErrorFlow::Stores, .. }] if is_same => {
                let is_last = self.last[*source] == Some((cell, 0));
                let is_linear =
                    matches!(self.cells[*source].activation, Activation::Linear | Activation::LogisticWithLoss);
                (is_last && is_linear).then_some(*source)
            }
            _ => None,
        }
    }

    /// Whether a cell's errors are those of the cell behind it.
    fn shares_errors(&self, cell: usize) -> bool {
        self.last[cell].is_some_and(|(consumer, _)| self.passes_errors(consumer) == Some(cell))
    }

    /// Where the errors of an input of a cell go; `None` where they end.
    pub(super) fn sink(&self, places: &Places<M>, cell: usize, input: usize) -> Option<Sink> {
        let edge = &self.cells[cell].sources[input];
        let (Source::Cell(source), true) = (edge.source, edge.error != ErrorFlow::Stops) else { return None };
        let is_last = self.last[source] == Some((cell, input));
        let activation = if is_last { self.cells[source].activation } else { Activation::Linear };
        let Place { error, output, sums, .. } = places.cells[source];
        Some(Sink { to: error, outputs: output, sums, adds: edge.error == ErrorFlow::Adds, activation })
    }
}

/// What comes with a batch. There are two, so that one can be filled while the batch of the other is computed.
pub(super) struct Feed {
    /// Stimuli.
    pub(super) input: Buffer,
    /// See [`Control`].
    pub(super) control: Buffer,
    /// One a target.
    pub(super) goals: Vec<Goal>,
}

/// Buffers of a cell.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) output: Buffer,
    /// Before the activation, for the activations whose slope needs them.
    pub(super) sums: Buffer,
    /// Of the outputs.
    pub(super) error: Buffer,
    kept: Buffer,
    /// Inputs copied together, where there are several, and their errors.
    pub(super) staged: Buffer,
    together: Buffer,
}

/// The buffers of batches of up to some number of stimuli.
pub(super) struct Places<M: Machine> {
    pub(super) feeds: [Feed; 2],
    pub(super) cells: Vec<Place>,
    /// Gradients of the parts of a batch, one buffer a parameter.
    pub(super) parts: Vec<Buffer>,
    /// One a target.
    pub(super) compared: Vec<Compared>,
    /// `Σ e²` and the cross-entropy of each stimulus at the first target, at the second, and so on, in 64 bits.
    pub(super) losses: Buffer,
    /// `Parameter` of the kernels, of each parameter, for either feed: keys of random words come with the batch.
    pub(super) rows: [Buffer; 2],
    memory: Arena<M>,
}

impl<M: Machine> Places<M> {
    pub(super) fn new(machine: &Arc<M>, program: &Program<M>, n: usize) -> Result<Self, Error> {
        let mut memory = Arena::new(machine);
        let mut cells = Vec::with_capacity(program.cells.len());
        for (cell, layer) in program.cells.iter().zip(&program.layers) {
            let (inputs, outputs) = (n * size(cell.input), n * size(cell.output));
            let most = inputs.max(outputs);
            if most >= MOST_ELEMENTS {
                let what = format!("{n} stimuli of {} values at once; take smaller batches", most / n.max(1));
                return Err(Error::OnDevice { cell: cell.name.clone(), what });
            }
            let only_where = |is_needed: bool, n: usize| if is_needed { n } else { 0 };
            let is_gathered = cell.sources.len() > 1;
            cells.push(Place {
                output: memory.words(outputs)?,
                sums: memory.words(only_where(cell.has_error && cell.activation.needs_sum(), outputs))?,
                error: memory.words(only_where(cell.has_error && !program.shares_errors(cells.len()), outputs))?,
                kept: memory.take(layer.kept(n))?,
                staged: memory.words(only_where(is_gathered, inputs))?,
                together: memory.words(only_where(is_gathered && cell.has_error && cell.propagates(), inputs))?,
            });
        }
        // From the last cell to the first, so that errors that pass several cells are the same all along.
        for (index, cell) in program.cells.iter().enumerate().rev() {
            if let Some(source) = program.passes_errors(index).filter(|_| cell.has_error) {
                cells[source].error = cells[index].error;
            }
        }
        let outputs = || program.targets.iter().map(|target| program.cells[target.cell].output);
        let mut feed = || -> Result<Feed, Error> {
            Ok(Feed {
                input: memory.words(n * program.input)?,
                control: memory.words(program.control.n_words())?,
                goals: outputs().map(|output| Goal::new(n, output, &mut memory)).collect::<Result<_, _>>()?,
            })
        };
        let feeds = [feed()?, feed()?];
        let compared = outputs().map(|output| Compared::new(n, output, &mut memory)).collect::<Result<_, _>>()?;
        let mut parts = Vec::with_capacity(program.tensors.len());
        for tensor in &program.tensors {
            let n_parts = program.layers[tensor.cell].most_parts(n)[usize::from(tensor.kind == ParameterKind::Bias)];
            parts.push(memory.words(n_parts * tensor.n)?);
        }
        let mut rows = [Buffer::NONE; 2];
        for (rows, feed) in rows.iter_mut().zip(&feeds) {
            let row = |(tensor, parts): (&Tensor, &Buffer)| Row {
                values: tensor.values.address,
                moments: tensor.moments.address,
                gradient: tensor.gradient.address,
                parts: parts.address,
                key: tensor.masked.as_ref().map_or(0, |_| program.control.draw(feed.control, tensor.cell).key.address),
                kept_below: tensor.masked.as_ref().map_or(0, |masked| masked.kept_below),
                n: tensor.n as u32,
            };
            *rows = memory.table(&program.tensors.iter().zip(&parts).map(row).collect::<Vec<_>>())?;
        }
        let losses = memory.take(16 * n * program.targets.len())?;
        Ok(Self { feeds, cells, parts, compared, losses, rows, memory })
    }

    /// Makes room for the outputs that a target wants of `n` stimuli.
    pub(super) fn want(&mut self, program: &Program<M>, target: usize, n: usize) -> Result<(), Error> {
        let n_values = n * size(program.cells[program.targets[target].cell].output);
        for feed in &mut self.feeds {
            feed.goals[target].want(n_values, &mut self.memory)?;
        }
        Ok(())
    }
}
