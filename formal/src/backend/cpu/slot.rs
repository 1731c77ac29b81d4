//! One share of a batch.

use super::conv::ConvScratch;
use super::lanes::{LANES, Pack, clear};
use super::layer::{Layer, Staging};
use super::{Mode, Program, SLOTS, dense, elem_wise, elementwise};
use crate::cell::{Cell, ErrorFlow, size};
use crate::config::{Source, TargetConfig};
use crate::parameter::Parameter;
use crate::random::{Purpose, Stream};

/// Sixteen stimuli on their way through the network.
pub(super) struct Block {
    input: Vec<Pack>,
    /// After the activation, one vector a cell.
    pub(super) outputs: Vec<Vec<Pack>>,
    /// Inputs copied together, for the cells that need it.
    staged: Vec<Vec<Pack>>,
    /// Winners of max pooling, factors of dropout.
    kept: Vec<Vec<Pack>>,
    /// What the gradients of full connections are made of: inputs with the lanes outside, and errors.
    pub(super) factors: Vec<(Vec<Pack>, Vec<Pack>)>,
    /// Sums over the stimuli.
    pub(super) squared_error: f64,
    pub(super) cross_entropy: f64,
}

/// Some blocks of a batch.
pub(super) struct Slot {
    pub(super) blocks: Vec<Block>,
    /// Sums over the blocks, one vector a parameter; empty for the weights of full connections.
    pub(super) gradients: Vec<Vec<f32>>,
}

/// What is needed to compute one block at a time. Between two blocks it holds nothing.
pub(super) struct Scratch {
    staging: Vec<Option<Staging>>,
    conv: Vec<ConvScratch>,
    /// Errors of the outputs, one vector a cell.
    errors: Vec<Vec<Pack>>,
    /// Errors of inputs that lie together.
    together: Vec<Pack>,
    words: Vec<u32>,
}

impl Block {
    fn new(program: &Program, staging: &[Option<Staging>]) -> Self {
        let packs = |n: usize| vec![Pack::ZERO; n];
        let cells = || program.cells.iter().zip(&program.layers);
        let kept = |(cell, layer): (&Cell, &Layer)| match layer {
            Layer::Pool(pool) if pool.has_winners() => packs(size(cell.output)),
            Layer::Dropout(_) => packs(size(cell.output)),
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
            staged: program.cells.iter().zip(staging).map(staged).collect(),
            kept: cells().map(kept).collect(),
            factors: cells().map(factors).collect(),
            squared_error: 0.0,
            cross_entropy: 0.0,
        }
    }

    /// What a cell reads.
    fn input<'a>(&'a self, program: &Program, cell: usize) -> &'a [Pack] {
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
        let errors = |cell: &Cell| vec![Pack::ZERO; if cell.has_error { size(cell.output) } else { 0 }];
        let conv = |(cell, layer): (&Cell, &Layer)| match layer {
            Layer::Conv(conv) => conv.scratch(cell.has_error, cell.propagates()),
            _ => ConvScratch::default(),
        };
        let together = program.cells.iter().filter(|cell| cell.sources.len() > 1).map(|cell| size(cell.input));
        let words = cells().filter(|(_, layer)| matches!(layer, Layer::Dropout(_)));
        let words = words.map(|(cell, _)| size(cell.output));
        Self {
            conv: cells().map(conv).collect(),
            errors: program.cells.iter().map(errors).collect(),
            together: vec![Pack::ZERO; together.max().unwrap_or(0)],
            words: vec![0; words.max().unwrap_or(0)],
            staging: cells().map(|(cell, layer)| Staging::of(cell, layer)).collect(),
        }
    }
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
        }
    }

    /// Computes the blocks of the slot `index` of a batch.
    pub(super) fn run(
        &mut self,
        program: &Program,
        parameters: &[Parameter],
        scratch: &mut Scratch,
        index: usize,
        stimuli: &[f32],
        mode: Mode<'_>,
    ) {
        if matches!(mode, Mode::Learn { .. }) {
            self.gradients.iter_mut().for_each(|gradient| gradient.fill(0.0));
        }
        let block_size = LANES * program.input;
        for (turn, block) in self.blocks.iter_mut().enumerate() {
            let number = turn * SLOTS + index;
            let Some(stimuli) = stimuli.chunks(block_size).nth(number) else { break };
            elementwise::pack(stimuli, &mut block.input);
            for cell in 0..program.cells.len() {
                scratch.forward(program, parameters, cell, number, block, mode);
            }
            if let Mode::Learn { labels, .. } = mode {
                let labels = &labels[number * LANES..];
                let labels = &labels[..labels.len().min(LANES)];
                let target = program.target.cell;
                if program.cells[target].has_error {
                    compare(&program.target, labels, block, &mut scratch.errors[target], &program.cells[target]);
                    for cell in (0..=target).rev().filter(|&cell| program.cells[cell].has_error) {
                        scratch.backward(program, parameters, cell, block, &mut self.gradients);
                    }
                } else {
                    let mut error = vec![Pack::ZERO; block.outputs[target].len()];
                    compare(&program.target, labels, block, &mut error, &program.cells[target]);
                }
            }
        }
    }
}

/// Sets the error of the target cell and the losses of the block.
fn compare(target: &TargetConfig, labels: &[Option<usize>], block: &mut Block, error: &mut [Pack], cell: &Cell) {
    let outputs = &block.outputs[target.cell];
    let (n, area) = (cell.output.channels, cell.output.height * cell.output.width);
    let share = 1.0 / area as f32;
    let (mut squared_error, mut cross_entropy) = (0.0, 0.0);
    clear(error);
    for (lane, label) in labels.iter().enumerate() {
        let &Some(label) = label else { continue };
        for (at, (output, error)) in outputs.iter().zip(error.iter_mut()).enumerate() {
            let channel = at / area;
            let e = (target.wanted(n, channel, label) - output.0[lane]) * share;
            error.0[lane] = e;
            squared_error += f64::from(e) * f64::from(e);
            if channel == label {
                cross_entropy -= f64::from(output.0[lane].max(f32::MIN_POSITIVE)).ln() * f64::from(share);
            }
        }
    }
    (block.squared_error, block.cross_entropy) = (squared_error, cross_entropy);
}

impl Scratch {
    fn forward(
        &mut self,
        program: &Program,
        parameters: &[Parameter],
        index: usize,
        number: usize,
        block: &mut Block,
        mode: Mode<'_>,
    ) {
        let cell = &program.cells[index];
        if let Some(staging) = self.staging[index] {
            for edge in &cell.sources {
                let from = match edge.source {
                    Source::Stimuli => &block.input,
                    Source::Cell(source) => &block.outputs[source],
                };
                staging.copy(edge, from, &mut block.staged[index]);
            }
        }
        let mut output = std::mem::take(&mut block.outputs[index]);
        let mut kept = std::mem::take(&mut block.kept[index]);
        let input = block.input(program, index);
        let values = |index: Option<usize>| index.map(|index| parameters[index].values.as_slice());
        let (weights, bias) = (values(program.weights[index]).unwrap_or_default(), values(program.biases[index]));
        match &program.layers[index] {
            Layer::Conv(conv) => conv.forward(weights, bias, input, &mut output, &mut self.conv[index]),
            Layer::Dense(layer) => dense::multiply(&layer.forward, weights, bias, input, &mut output, false),
            Layer::Pool(pool) => pool.forward(input, &mut output, &mut kept),
            Layer::Softmax(softmax) => elementwise::softmax(softmax, input, &mut output),
            Layer::ElemWise(layer) => elem_wise::forward(layer, input, &mut output),
            Layer::Dropout(dropout) => {
                output.copy_from_slice(input);
                if let Mode::Learn { step, seed, labels } = mode {
                    let stream = Stream::new(seed, Purpose::Dropout, index);
                    let words = &mut self.words[..output.len()];
                    for lane in 0..LANES.min(labels.len() - number * LANES) {
                        stream.fill(step, (number * LANES + lane) as u32, words);
                        for (factor, &word) in kept.iter_mut().zip(words.iter()) {
                            factor.0[lane] = dropout.factor(word);
                        }
                    }
                    elementwise::multiply(&kept, &mut output);
                }
            }
        }
        elementwise::activate(cell.activation, &mut output);
        block.outputs[index] = output;
        block.kept[index] = kept;
    }

    fn backward(
        &mut self,
        program: &Program,
        parameters: &[Parameter],
        index: usize,
        block: &mut Block,
        gradients: &mut [Vec<f32>],
    ) {
        let cell = &program.cells[index];
        let (before, rest) = self.errors.split_at_mut(index);
        let error = &mut rest[0];
        elementwise::deactivate(cell.activation, &block.outputs[index], error);
        let mut factors = std::mem::take(&mut block.factors[index]);
        let input = block.input(program, index);
        let conv = &mut self.conv[index];
        let weights = program.weights[index];
        if let Some(weights) = weights {
            let (weights, bias) = match program.biases[index] {
                Some(bias) => {
                    let (weights_part, bias_part) = gradients.split_at_mut(bias);
                    (&mut weights_part[weights], Some(bias_part[0].as_mut_slice()))
                }
                None => (&mut gradients[weights], None),
            };
            match &program.layers[index] {
                Layer::Conv(layer) => {
                    layer.spread(error, conv);
                    layer.gradients(input, error, conv, weights, bias);
                }
                Layer::Dense(_) => {
                    dense::transpose(input, &mut factors.0);
                    factors.1.copy_from_slice(error);
                    if let Some(bias) = bias {
                        super::correlate::bias_gradients(error, 1, bias);
                    }
                }
                _ => {}
            }
        }
        block.factors[index] = factors;
        let input = block.input(program, index);
        let weights = weights.map(|weights| parameters[weights].values.as_slice()).unwrap_or_default();
        let mut propagate = |to: &mut [Pack], add: bool| match &program.layers[index] {
            Layer::Conv(layer) => layer.backward(weights, conv, to, add),
            Layer::Dense(layer) => dense::multiply(&layer.backward, weights, None, error, to, add),
            Layer::Pool(layer) => layer.backward(&block.kept[index], error, to, add),
            Layer::Softmax(layer) => {
                if layer.with_loss {
                    copy(error, to, add);
                } else {
                    elementwise::softmax_errors(layer, &block.outputs[index], error, to, add);
                }
            }
            Layer::ElemWise(layer) => elem_wise::backward(layer, input, error, to, add),
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
