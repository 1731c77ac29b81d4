//! What is launched for a batch, in its order.

use super::layer::{Layer, block_each, each, sub_sampling};
use super::machine::{Launch, Machine, MachineFault, arguments};
use super::memory::Arena;
use super::program::{Feed, Places, Program};
use super::target::Towards;
use crate::cell::size;
use crate::network::Pass;
use crate::parameter::ParameterKind;
use bytemuck::{Pod, Zeroable};

/// Weights that a block updates.
const BLOCK: usize = 256;

/// What a stage is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Forward,
    Backward,
    Update,
}

/// Launches of one cell.
pub(super) struct Stage {
    pub(super) cell: usize,
    pub(super) phase: Phase,
    pub(super) launches: Vec<Launch>,
}

/// `BiasGradient` of the kernels.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct BiasGradient {
    error: u64,
    parts: u64,
    channels: u32,
    height: u32,
    width: u32,
    sub_y: u32,
    sub_x: u32,
    sums_height: u32,
    sums_width: u32,
    share: u32,
}

/// A batch of `n` stimuli that one of the feeds brings.
pub(super) struct Schedule<'a, M: Machine> {
    pub(super) program: &'a Program<M>,
    pub(super) places: &'a Places<M>,
    /// Which of the feeds.
    pub(super) turn: usize,
    /// What each target wants where the batch is learned.
    pub(super) learns: Option<&'a [Towards]>,
    pub(super) n: usize,
}

impl<M: Machine> Schedule<'_, M> {
    fn feed(&self) -> &Feed {
        &self.places.feeds[self.turn]
    }

    /// All of the batch. Tables that it needs come into `memory`. Where the cells are told apart, updates of several cells are
    /// launched one by one.
    pub(super) fn all(&self, memory: &mut Arena<M>, tells_cells: bool) -> Result<Vec<Stage>, MachineFault> {
        let cells = 0..self.program.cells.len();
        let mut stages: Vec<Stage> = Vec::new();
        let mut push = |cell, phase, launches: Vec<Launch>| stages.push(Stage { cell, phase, launches });
        if self.learns.is_some() {
            for tensor in self.program.tensors.iter().filter(|tensor| tensor.masked.is_some()) {
                push(tensor.cell, Phase::Forward, self.mask(tensor.cell));
            }
        }
        cells.clone().for_each(|cell| push(cell, Phase::Forward, self.forward(cell)));
        if let Some(towards) = self.learns {
            for (target, &towards) in towards.iter().enumerate() {
                push(self.program.targets[target].cell, Phase::Backward, vec![self.compare(target, towards)]);
            }
            for cell in cells.rev().filter(|&cell| self.program.cells[cell].has_error) {
                push(cell, Phase::Backward, self.to_weights(cell));
                push(cell, Phase::Backward, self.to_inputs(cell));
            }
            let parameters: Vec<usize> = self.learning().collect();
            let apart = if tells_cells { 1 } else { parameters.len().max(1) };
            let biases: Vec<usize> = parameters.iter().copied().filter(|&p| self.sums_errors(p)).collect();
            for biases in biases.chunks(apart) {
                push(self.program.tensors[biases[0]].cell, Phase::Backward, vec![self.biases(biases, memory)?]);
            }
            for parameters in parameters.chunks(apart) {
                let update = self.update(parameters, memory)?;
                push(self.program.tensors[parameters[0]].cell, Phase::Update, update);
            }
        }
        // A grid without blocks is none.
        for stage in &mut stages {
            stage.launches.retain(|launch| launch.grid.iter().all(|&blocks| blocks > 0));
        }
        Ok(stages)
    }

    /// One pass of a cell.
    pub(super) fn pass(&self, cell: usize, pass: Pass) -> Vec<Launch> {
        let mut launches = match pass {
            Pass::Forward => self.forward(cell),
            _ if !self.program.cells[cell].has_error => Vec::new(),
            Pass::ToInputs => self.to_inputs(cell),
            Pass::ToWeights => self.to_weights(cell),
        };
        launches.retain(|launch| launch.grid.iter().all(|&blocks| blocks > 0));
        launches
    }

    /// Parameters that errors reach.
    fn learning(&self) -> impl Iterator<Item = usize> {
        let program = self.program;
        (0..program.tensors.len()).filter(|&parameter| program.cells[program.tensors[parameter].cell].has_error)
    }

    /// Draws the weights of a cell that take part.
    fn mask(&self, cell: usize) -> Vec<Launch> {
        let tensor = self.program.weights[cell].map(|weights| &self.program.tensors[weights]);
        let Some((tensor, masked)) = tensor.and_then(|tensor| Some((tensor, tensor.masked.as_ref()?))) else {
            return Vec::new();
        };
        let draw = self.program.control.draw(self.feed().control, cell);
        let arguments = arguments![tensor.values, masked.values, draw.key, draw.step, masked.kept_below, tensor.n];
        vec![each("masked_weights", tensor.n, arguments)]
    }

    fn forward(&self, index: usize) -> Vec<Launch> {
        let &Self { program, places, n, .. } = self;
        let cell = &program.cells[index];
        let mut launches = Vec::new();
        if cell.sources.len() > 1 {
            for edge in &cell.sources {
                let (own, area) = (size(edge.shape), edge.shape.height * edge.shape.width);
                let (from, to) = (program.source(places, self.feed(), edge), places.cells[index].staged);
                let arguments = arguments![from, to, own, size(cell.input), edge.first_channel * area, n];
                launches.push(each("gather", n * own, arguments));
            }
        }
        let site = program.site(places, self.feed(), self.learns, n, index);
        launches.extend(program.layers[index].forward(&site));
        launches
    }

    fn compare(&self, target: usize, towards: Towards) -> Launch {
        let &Self { program, places, n, .. } = self;
        let place = &places.cells[program.targets[target].cell];
        let losses = places.losses.part(16 * n * target, 16 * n);
        places.compared[target].launch(program, target, (place, &self.feed().goals[target]), towards, losses, n)
    }

    fn to_weights(&self, cell: usize) -> Vec<Launch> {
        let site = self.program.site(self.places, self.feed(), self.learns, self.n, cell);
        self.program.layers[cell].to_weights(&site)
    }

    fn to_inputs(&self, index: usize) -> Vec<Launch> {
        let &Self { program, places, n, .. } = self;
        let cell = &program.cells[index];
        if !cell.propagates() || program.passes_errors(index).is_some() {
            return Vec::new();
        }
        let mut site = program.site(places, self.feed(), self.learns, n, index);
        if let ([_], Some(sink)) = (cell.sources.as_slice(), program.sink(places, index, 0)) {
            site.sink = sink;
            return program.layers[index].to_inputs(&site);
        }
        let mut launches = program.layers[index].to_inputs(&site);
        for (input, edge) in cell.sources.iter().enumerate() {
            let Some(sink) = program.sink(places, index, input) else { continue };
            let (own, area) = (size(edge.shape), edge.shape.height * edge.shape.width);
            let arguments = arguments![site.sink.to, sink, own, size(cell.input), edge.first_channel * area, n];
            launches.push(each("gather_back", n * own, arguments));
        }
        launches
    }

    /// Whether the gradient of a parameter is a sum of errors alone.
    fn sums_errors(&self, parameter: usize) -> bool {
        let tensor = &self.program.tensors[parameter];
        tensor.kind == ParameterKind::Bias && !matches!(self.program.layers[tensor.cell], Layer::BatchNorm(_))
    }

    /// Gradients of some biases.
    fn biases(&self, parameters: &[usize], memory: &mut Arena<M>) -> Result<Launch, MachineFault> {
        let &Self { program, places, n, .. } = self;
        let (mut rows, mut blocks) = (Vec::new(), Vec::new());
        for (row, &parameter) in parameters.iter().enumerate() {
            let cell = program.tensors[parameter].cell;
            let output = program.cells[cell].output;
            let ([sub_y, sub_x], [sums_height, sums_width]) = sub_sampling(&program.cells[cell]);
            let n_parts = program.layers[cell].parts(n)[1];
            rows.push(BiasGradient {
                error: places.cells[cell].error.address,
                parts: places.parts[parameter].address,
                channels: output.channels as u32,
                height: output.height as u32,
                width: output.width as u32,
                sub_y: sub_y as u32,
                sub_x: sub_x as u32,
                sums_height: sums_height as u32,
                sums_width: sums_width as u32,
                share: n.div_ceil(n_parts).max(1) as u32,
            });
            let own = (0..output.channels).flat_map(|channel| (0..n_parts).map(move |part| (channel, part)));
            blocks.extend(own.flat_map(|(channel, part)| [row as u32, channel as u32, part as u32]));
        }
        let arguments = arguments![memory.table(&rows)?, memory.table(&blocks)?, n];
        Ok(block_each("bias_gradients", blocks.len() / 3, arguments).aside())
    }

    /// Moves some parameters.
    fn update(&self, parameters: &[usize], memory: &mut Arena<M>) -> Result<Vec<Launch>, MachineFault> {
        let &Self { program, places, .. } = self;
        let firsts = |parameter: usize| (0..program.tensors[parameter].n).step_by(BLOCK).map(move |at| (parameter, at));
        let blocks = parameters.iter().flat_map(|&parameter| firsts(parameter));
        let blocks: Vec<u32> = blocks.flat_map(|(parameter, at)| [parameter as u32, at as u32]).collect();
        let control = self.feed().control;
        let (steps, step) = (program.control.steps(control, 0), program.control.draw(control, 0).step);
        let arguments = arguments![places.rows[self.turn], steps, step, memory.table(&blocks)?];
        let mut launches = vec![block_each("update", blocks.len() / 2, arguments).joining()];
        for &parameter in parameters {
            let tensor = &program.tensors[parameter];
            if let Some(n_columns) = tensor.unit_columns {
                let step = program.control.steps(control, parameter);
                launches.push(block_each(
                    "unit_rows",
                    tensor.n / n_columns,
                    arguments![tensor.values, step, n_columns],
                ));
            }
        }
        Ok(launches)
    }
}
