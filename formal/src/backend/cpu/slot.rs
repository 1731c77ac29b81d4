//! One share of a batch.

use std::ops::Range;
use std::time::Duration;

use super::batch_norm::Normalization;
use super::compare::{self, Compared, Losses};
use super::conv::ConvScratch;
use super::deconv::DeconvScratch;
use super::lanes::{LANES, Pack};
use super::layer::{Layer, Staging};
use super::{
    CellTime, Clock, Masked, Mode, Program, SLOTS, batch_norm, classes, dense, elem_wise, elementwise, lrn, normalize,
    taps,
};
use crate::cell::{Cell, ErrorFlow, size};
use crate::config::Source;
use crate::network::Pass;
use crate::parameter::Parameter;
use crate::random::{Purpose, Stream};
use crate::target::Wanted;

/// Sixteen stimuli on their way through the network.
pub(super) struct Block {
    input: Vec<Pack>,
    /// After the activation, one vector a cell.
    pub(super) outputs: Vec<Vec<Pack>>,
    /// Before the activation, for the activations whose slope needs it.
    sums: Vec<Vec<Pack>>,
    /// Inputs copied together, for the cells that need it.
    staged: Vec<Vec<Pack>>,
    /// Winners of max pooling, factors of dropout, powers of local response normalization.
    kept: Vec<Vec<Pack>>,
    /// What the gradients of full connections are made of: inputs with the lanes outside, and errors.
    pub(super) factors: Vec<(Vec<Pack>, Vec<Pack>)>,
    /// Errors of the outputs while the batch waits for sums over all its blocks; empty where none does.
    pub(super) errors: Vec<Vec<Pack>>,
    /// One a target.
    pub(super) losses: Vec<Losses>,
}

/// Some blocks of a batch.
pub(super) struct Slot {
    pub(super) blocks: Vec<Block>,
    /// Sums over the blocks, one vector a parameter; empty for the weights of full connections.
    pub(super) gradients: Vec<Vec<f32>>,
    /// What the cells took, without updates; only where there is a clock.
    pub(super) times: Vec<CellTime>,
    /// Errors of the stimulus that [`Work::keeps`] names, if it is in this slot, one vector a cell.
    pub(super) kept_errors: Vec<Vec<f32>>,
}

/// What is done to each block of a slot, block after block.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    /// The cells that are computed.
    pub(super) forward: Range<usize>,
    /// The cell whose inputs are then brought together.
    pub(super) gathers: Option<usize>,
    /// Whether outputs are compared with the labels.
    pub(super) compares: bool,
    /// The cells whose errors go back.
    pub(super) backward: Range<usize>,
    /// The cell whose errors are then led through its activation, but not further.
    pub(super) settles: Option<usize>,
}

/// What all blocks of a batch share.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) program: &'a Program,
    pub(super) parameters: &'a [Parameter],
    /// What stands in for the values of a parameter, where it is not empty.
    pub(super) masked: &'a [Masked],
    /// One a cell; empty where nothing is normalized.
    pub(super) norms: &'a [Normalization],
    pub(super) stimuli: &'a [f32],
    /// Number of stimuli.
    pub(super) n: usize,
    pub(super) mode: Mode<'a>,
    pub(super) clock: Option<Clock>,
    /// The stimulus whose errors are kept.
    pub(super) keeps: Option<usize>,
}

impl<'a> Work<'a> {
    /// Values of a parameter that take part; none without one.
    fn values(&self, parameter: Option<usize>) -> Option<&'a [f32]> {
        let parameter = parameter?;
        let masked = self.masked.get(parameter).map(|masked| masked.values.as_slice());
        Some(masked.filter(|values| !values.is_empty()).unwrap_or(&self.parameters[parameter].values))
    }

    /// Stimuli in the block `number` of the batch.
    fn lanes(&self, number: usize) -> usize {
        (self.n - number * LANES).min(LANES)
    }
}

/// What is needed to compute one block at a time. Between two blocks it holds nothing.
pub(super) struct Scratch {
    staging: Vec<Option<Staging>>,
    conv: Vec<ConvScratch>,
    deconv: Vec<DeconvScratch>,
    /// Errors of the outputs, one vector a cell.
    errors: Vec<Vec<Pack>>,
    /// Errors of inputs that lie together.
    together: Vec<Pack>,
    words: Vec<u32>,
    /// Positions of each class, while maps are compared.
    n_positions: Vec<u32>,
}

impl Block {
    fn new(program: &Program, staging: &[Option<Staging>]) -> Self {
        let packs = |n: usize| vec![Pack::ZERO; n];
        let cells = || program.cells.iter().zip(&program.layers);
        let kept = |(cell, layer): (&Cell, &Layer)| match layer {
            Layer::Pool(pool) if pool.has_winners() => packs(size(cell.output)),
            Layer::Dropout(_) | Layer::Fmp(_) => packs(size(cell.output)),
            Layer::Lrn(_) => packs(2 * size(cell.output)),
            _ => packs(0),
        };
        let staged = |(cell, staging): (&Cell, &Option<Staging>)| packs(staging.map_or(0, |s| s.size(cell)));
        let factors = |(cell, layer): (&Cell, &Layer)| match layer {
            Layer::Dense(layer) if cell.has_error => {
                (packs(layer.forward.columns.div_ceil(LANES) * LANES), packs(layer.forward.rows))
            }
            _ => (packs(0), packs(0)),
        };
        Self {
            input: packs(program.input),
            outputs: program.cells.iter().map(|cell| packs(size(cell.output))).collect(),
            sums: program
                .cells
                .iter()
                .map(|cell| packs(if keeps_sums(cell) { size(cell.output) } else { 0 }))
                .collect(),
            staged: program.cells.iter().zip(staging).map(staged).collect(),
            kept: cells().map(kept).collect(),
            factors: cells().map(factors).collect(),
            errors: if program.barriers.is_empty() { Vec::new() } else { errors(program) },
            losses: vec![Losses::default(); program.targets.len()],
        }
    }

    /// What a cell reads.
    pub(super) fn input<'a>(&'a self, program: &Program, cell: usize) -> &'a [Pack] {
        if !self.staged[cell].is_empty() {
            return &self.staged[cell];
        }
        match program.cells[cell].sources[0].source {
            Source::Stimuli => &self.input,
            Source::Cell(source) => &self.outputs[source],
        }
    }
}

impl Scratch {
    pub(super) fn new(program: &Program) -> Self {
        let cells = || program.cells.iter().zip(&program.layers);
        let conv = |(cell, layer): (&Cell, &Layer)| match layer {
            Layer::Conv(conv) => conv.scratch(cell.has_error, cell.propagates()),
            _ => ConvScratch::default(),
        };
        let deconv = |(cell, layer): (&Cell, &Layer)| match layer {
            Layer::Deconv(deconv) => deconv.scratch(cell.has_error),
            _ => DeconvScratch::default(),
        };
        let together = program.cells.iter().filter(|cell| cell.sources.len() > 1).map(|cell| size(cell.input));
        let words = cells().filter(|(_, layer)| matches!(layer, Layer::Dropout(_)));
        let words = words.map(|(cell, _)| size(cell.output));
        Self {
            conv: cells().map(conv).collect(),
            deconv: cells().map(deconv).collect(),
            errors: errors(program),
            together: vec![Pack::ZERO; together.max().unwrap_or(0)],
            words: vec![0; words.max().unwrap_or(0)],
            n_positions: Vec::new(),
            staging: cells().map(|(cell, layer)| Staging::of(cell, layer)).collect(),
        }
    }
}

/// Room for the errors of all cells.
fn errors(program: &Program) -> Vec<Vec<Pack>> {
    let errors = |cell: &Cell| vec![Pack::ZERO; if cell.has_error { size(cell.output) } else { 0 }];
    program.cells.iter().map(errors).collect()
}

impl Slot {
    pub(super) fn new(program: &Program, parameters: &[Parameter], n_blocks: usize) -> Self {
        let cells = program.cells.iter().zip(&program.layers);
        let staging: Vec<Option<Staging>> = cells.map(|(cell, layer)| Staging::of(cell, layer)).collect();
        let gradient = |(index, parameter): (usize, &Parameter)| {
            vec![0.0; if program.n_columns(index).is_some() { 0 } else { parameter.values.len() }]
        };
        Self {
            blocks: (0..n_blocks).map(|_| Block::new(program, &staging)).collect(),
            gradients: parameters.iter().enumerate().map(gradient).collect(),
            times: vec![CellTime::default(); program.cells.len()],
            kept_errors: Vec::new(),
        }
    }

    /// Computes a pass through a cell again.
    pub(super) fn repeat(&mut self, work: &Work<'_>, scratch: &mut Scratch, index: usize, cell: usize, pass: Pass) {
        let program = work.program;
        for (turn, block) in self.blocks.iter_mut().enumerate() {
            let number = turn * SLOTS + index;
            let Some(stimuli) = work.stimuli.chunks(LANES * program.input).nth(number) else { break };
            let (to_weights, to_inputs) = (pass == Pass::ToWeights, pass == Pass::ToInputs);
            if pass == Pass::Forward {
                scratch.forward(work, cell, number, block);
            } else if program.cells[cell].has_error {
                let lanes = stimuli.len() / program.input;
                let parts = Parts { lanes, activation: false, to_weights, to_inputs };
                scratch.backward(work, cell, block, &mut self.gradients, parts, None);
            }
        }
    }

    /// Does a stage of the blocks of the slot `index` of a batch.
    pub(super) fn run(&mut self, work: &Work<'_>, stage: &Stage, scratch: &mut Scratch, index: usize) {
        let Work { program, stimuli, mode, clock, .. } = *work;
        if matches!(mode, Mode::Learn { .. }) && stage.forward.start == 0 {
            self.gradients.iter_mut().for_each(|gradient| gradient.fill(0.0));
        }
        let block_size = LANES * program.input;
        for (turn, block) in self.blocks.iter_mut().enumerate() {
            let number = turn * SLOTS + index;
            let Some(stimuli) = stimuli.chunks(block_size).nth(number) else { break };
            if stage.forward.start == 0 {
                elementwise::pack(stimuli, &mut block.input);
            }
            for cell in stage.forward.clone() {
                timed(clock, &mut self.times[cell].forward, || scratch.forward(work, cell, number, block));
            }
            if let Some(cell) = stage.gathers {
                scratch.gather(program, cell, block);
            }
            let Mode::Learn { wanted, .. } = mode else { continue };
            let lanes = work.lanes(number);
            if !block.errors.is_empty() {
                std::mem::swap(&mut scratch.errors, &mut block.errors);
            }
            if stage.compares {
                scratch.compare(program, wanted, number, lanes, block);
            }
            let keeps = work.keeps.filter(|place| place / LANES == number).map(|place| place % LANES);
            if keeps.is_some() {
                self.kept_errors.resize(program.cells.len(), Vec::new());
            }
            for cell in stage.backward.clone().rev().filter(|&cell| program.cells[cell].has_error) {
                let kept = keeps.map(|lane| (lane, &mut self.kept_errors[cell]));
                timed(clock, &mut self.times[cell].backward, || {
                    scratch.backward(work, cell, block, &mut self.gradients, Parts::all(lanes), kept);
                });
            }
            if let Some(cell) = stage.settles {
                let activation = program.cells[cell].activation;
                elementwise::deactivate(activation, &block.sums[cell], &block.outputs[cell], &mut scratch.errors[cell]);
            }
            if !block.errors.is_empty() {
                std::mem::swap(&mut scratch.errors, &mut block.errors);
            }
        }
    }
}

/// Adds what the work takes, where there is a clock.
fn timed(clock: Option<Clock>, total: &mut Duration, work: impl FnOnce()) {
    let Some(now) = clock else { return work() };
    let started = now();
    work();
    *total += now().saturating_sub(started);
}

/// What is done of the way back through a cell.
#[derive(Clone, Copy)]
struct Parts {
    /// Stimuli in the block.
    lanes: usize,
    activation: bool,
    to_weights: bool,
    to_inputs: bool,
}

impl Parts {
    fn all(lanes: usize) -> Self {
        Self { lanes, activation: true, to_weights: true, to_inputs: true }
    }
}

fn keeps_sums(cell: &Cell) -> bool {
    cell.has_error && cell.activation.needs_sum()
}

impl Scratch {
    /// Sets the errors of the target cells and the losses of the block `number`, which holds `lanes` stimuli.
    fn compare(&mut self, program: &Program, wanted: &[Wanted<'_>], number: usize, lanes: usize, block: &mut Block) {
        for (index, (target, wanted)) in program.targets.iter().zip(wanted).enumerate() {
            let cell = &program.cells[target.cell];
            let wanted = compare::of_block(*wanted, cell.output, number * LANES, lanes);
            let outputs = &block.outputs[target.cell];
            let mut compared = Compared { target, shape: cell.output, outputs, n_positions: &mut self.n_positions };
            block.losses[index] = if cell.has_error {
                compared.compare(wanted, &mut self.errors[target.cell])
            } else {
                compared.compare(wanted, &mut vec![Pack::ZERO; outputs.len()])
            };
        }
    }

    /// Brings the inputs of a cell together where they cannot be used as they lie.
    fn gather(&self, program: &Program, index: usize, block: &mut Block) {
        let Some(staging) = self.staging[index] else { return };
        for edge in &program.cells[index].sources {
            let from = match edge.source {
                Source::Stimuli => &block.input,
                Source::Cell(source) => &block.outputs[source],
            };
            staging.copy(edge, from, &mut block.staged[index]);
        }
    }

    fn forward(&mut self, work: &Work<'_>, index: usize, number: usize, block: &mut Block) {
        let Work { program, norms, mode, .. } = *work;
        let cell = &program.cells[index];
        if !program.barriers.contains(&index) || matches!(mode, Mode::Infer) {
            self.gather(program, index, block);
        }
        let mut output = std::mem::take(&mut block.outputs[index]);
        let mut kept = std::mem::take(&mut block.kept[index]);
        let input = block.input(program, index);
        let weights = work.values(program.weights[index]).unwrap_or_default();
        let bias = work.values(program.biases[index]);
        match &program.layers[index] {
            Layer::Conv(conv) => conv.forward(weights, bias, input, &mut output, &mut self.conv[index]),
            Layer::Deconv(layer) => layer.forward(weights, bias, input, &mut output, &mut self.deconv[index]),
            Layer::Dense(layer) => dense::multiply(&layer.forward, weights, bias, input, &mut output, false),
            Layer::Pool(pool) => pool.forward(input, &mut output, &mut kept),
            Layer::Unpool(layer) => layer.forward(&block.kept[layer.arg_max], input, &mut output),
            Layer::Fmp(layer) => layer.pool.forward(input, &mut output, &mut kept),
            Layer::Lrn(layer) => lrn::forward(layer, input, &mut output, &mut kept),
            Layer::Softmax(softmax) => elementwise::softmax(softmax, input, &mut output),
            Layer::ElemWise(layer) => elem_wise::forward(layer, input, &mut output),
            Layer::Taps(layer) => taps::apply(&layer.forward, input, &mut output, false),
            Layer::Transformation(layer) => {
                let n = (work.stimuli.len() / program.input - number * LANES).min(LANES);
                let mut images = vec![0.0; n * input.len()];
                let mut results = vec![0.0; n * output.len()];
                elementwise::unpack(input, &mut images);
                layer.apply(&images, &mut results);
                // Lanes without a stimulus stay 0: what a transformation makes of nothing may be no number.
                elementwise::pack(&results, &mut output);
            }
            Layer::BatchNorm(norm) => {
                let moments = &norms[index].moments;
                batch_norm::forward(norm, moments, weights, bias.unwrap_or_default(), input, &mut output);
            }
            Layer::Normalize(layer) => normalize::forward(layer, input, &mut output),
            Layer::TargetBias(layer) => {
                output.copy_from_slice(input);
                if let Mode::Learn { wanted, .. } = mode
                    && let Some(labels) = classes(wanted)
                {
                    for lane in 0..work.lanes(number) {
                        for at in layer.wanted(labels[number * LANES + lane]) {
                            output[at].0[lane] += layer.bias;
                        }
                    }
                }
            }
            Layer::Dropout(dropout) => {
                output.copy_from_slice(input);
                if let Mode::Learn { step, seed, .. } = mode {
                    let stream = Stream::new(seed, Purpose::Dropout, index);
                    let words = &mut self.words[..output.len()];
                    for lane in 0..work.lanes(number) {
                        stream.fill(step, (number * LANES + lane) as u32, words);
                        for (factor, &word) in kept.iter_mut().zip(words.iter()) {
                            factor.0[lane] = dropout.factor(word);
                        }
                    }
                    elementwise::multiply(&kept, &mut output);
                }
            }
        }
        if keeps_sums(cell) {
            block.sums[index].copy_from_slice(&output);
        }
        elementwise::activate(cell.activation, &mut output);
        block.outputs[index] = output;
        block.kept[index] = kept;
    }

    /// Leads the error of a cell back through it. What is before its activation is kept of a lane, if any.
    fn backward(
        &mut self,
        work: &Work<'_>,
        index: usize,
        block: &mut Block,
        gradients: &mut [Vec<f32>],
        parts: Parts,
        kept: Option<(usize, &mut Vec<f32>)>,
    ) {
        let Work { program, norms, .. } = *work;
        let lanes = parts.lanes;
        let norm = &norms[index];
        let cell = &program.cells[index];
        let (before, rest) = self.errors.split_at_mut(index);
        let error = &mut rest[0];
        if !program.barriers.contains(&index) && parts.activation {
            elementwise::deactivate(cell.activation, &block.sums[index], &block.outputs[index], error);
        }
        if let Some((lane, kept)) = kept {
            kept.clear();
            kept.extend(error.iter().map(|pack| pack.0[lane]));
        }
        let mut factors = std::mem::take(&mut block.factors[index]);
        let input = block.input(program, index);
        let (conv, deconv) = (&mut self.conv[index], &mut self.deconv[index]);
        let weights = program.weights[index];
        match &program.layers[index] {
            Layer::Conv(layer) => layer.spread(error, conv),
            Layer::Deconv(layer) => layer.pad(error, deconv),
            _ => {}
        }
        if let Some(weights) = weights.filter(|_| parts.to_weights) {
            let (weights, bias) = match program.biases[index] {
                Some(bias) => {
                    let (weights_part, bias_part) = gradients.split_at_mut(bias);
                    (&mut weights_part[weights], Some(bias_part[0].as_mut_slice()))
                }
                None => (&mut gradients[weights], None),
            };
            match &program.layers[index] {
                Layer::Conv(layer) => layer.gradients(input, error, conv, weights, bias),
                Layer::Deconv(layer) => layer.gradients(input, error, deconv, weights, bias),
                Layer::Dense(_) => {
                    dense::transpose(input, &mut factors.0);
                    factors.1.copy_from_slice(error);
                    if let Some(bias) = bias {
                        super::correlate::bias_gradients(error, 1, bias);
                    }
                }
                // Where the batch is followed, the sums over all blocks are the gradients.
                Layer::BatchNorm(layer) if !layer.follows_the_batch() => {
                    let n = layer.shape.channels;
                    let mut sums = vec![0.0; 2 * n];
                    batch_norm::add_error_sums(layer, &norm.moments, input, error, lanes, &mut sums);
                    let bias = bias.unwrap_or_default();
                    let (errors, products) = sums.split_at(n);
                    weights.iter_mut().zip(products).for_each(|(to, sum)| *to += *sum as f32);
                    bias.iter_mut().zip(errors).for_each(|(to, sum)| *to += *sum as f32);
                }
                _ => {}
            }
        }
        block.factors[index] = factors;
        if !parts.to_inputs {
            return;
        }
        let input = block.input(program, index);
        let weights = work.values(weights).unwrap_or_default();
        let mut propagate = |to: &mut [Pack], add: bool| match &program.layers[index] {
            Layer::Conv(layer) => layer.backward(weights, None, conv, to, add),
            Layer::Deconv(layer) => layer.backward(weights, error, deconv, to, add),
            Layer::Dense(layer) => dense::multiply(&layer.backward, weights, None, error, to, add),
            Layer::Pool(layer) => layer.backward(&block.kept[index], error, to, add),
            Layer::Unpool(layer) => layer.backward(&block.kept[layer.arg_max], error, to, add),
            Layer::Fmp(layer) => layer.pool.backward(&block.kept[index], error, to, add),
            Layer::Lrn(layer) => lrn::backward(layer, &block.kept[index], input, error, to, add),
            Layer::Softmax(layer) => {
                if layer.with_loss {
                    copy(error, to, add);
                } else {
                    elementwise::softmax_errors(layer, &block.outputs[index], error, to, add);
                }
            }
            Layer::ElemWise(layer) => elem_wise::backward(layer, input, error, to, add),
            Layer::Taps(layer) => taps::apply(&layer.backward, error, to, add),
            // No error passes it.
            Layer::Transformation(_) => {}
            Layer::Normalize(layer) => normalize::backward(layer, input, error, to, add),
            Layer::TargetBias(_) => copy(error, to, add),
            Layer::BatchNorm(layer) => batch_norm::backward(layer, norm, weights, (input, lanes), error, to, add),
            Layer::Dropout(_) => {
                elementwise::multiply(&block.kept[index], error);
                copy(error, to, add);
            }
        };
        match cell.sources.as_slice() {
            [edge] => {
                if let (Source::Cell(source), true) = (edge.source, edge.error != ErrorFlow::Stops) {
                    propagate(&mut before[source], edge.error == ErrorFlow::Adds);
                }
            }
            edges => {
                if !cell.propagates() {
                    return;
                }
                let together = &mut self.together[..size(cell.input)];
                propagate(together, false);
                for edge in edges {
                    if let (Source::Cell(source), true) = (edge.source, edge.error != ErrorFlow::Stops) {
                        let area = edge.shape.height * edge.shape.width;
                        let part = &together[edge.first_channel * area..][..size(edge.shape)];
                        copy(part, &mut before[source], edge.error == ErrorFlow::Adds);
                    }
                }
            }
        }
    }
}

fn copy(from: &[Pack], to: &mut [Pack], add: bool) {
    if add {
        elementwise::add(from, to);
    } else {
        to.copy_from_slice(from);
    }
}
