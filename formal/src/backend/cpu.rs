//! Networks on the processor.
//!
//! Sixteen stimuli make a block (see [`lanes`]); block `b` of a batch belongs to slot `b % 16`. A slot computes its
//! blocks one after the other and sums their gradients in its own buffers; the slots are then added in ascending
//! order. Gradients of full connections are summed block after block when all blocks are done. So the work can be
//! spread over threads, and no sum depends on their number or on the capacity.
mod batch_norm;
mod compare;
mod conv;
mod correlate;
mod deconv;
mod dense;
mod elem_wise;
mod elementwise;
mod lanes;
mod layer;
mod lrn;
mod nonlinear;
mod normalize;
mod pool;
mod slot;
mod taps;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use rayon::prelude::*;

use super::{Backend, Batch, CellTime, Clock};
use crate::cell::batch_norm::Statistics;
use crate::cell::fmp::Draw;
use crate::cell::{self, Cell, size};
use crate::config::TargetConfig;
use crate::network::{Pass, StepReport};
use crate::parameter::{Parameter, ParameterKind, make_unit};
use crate::plan::Plan;
use crate::solver::Step;
use crate::target::Wanted;
use batch_norm::{ErrorSums, Normalization};
use compare::Losses;
use lanes::LANES;
use layer::Layer;
use slot::{Block, Scratch, Slot, Stage, Work};

/// Number of sums that the gradients of a batch are split into.
const SLOTS: usize = 16;

/// Weights that one task updates.
const CHUNK: usize = 8192;

/// Rows of a full connection whose gradients one task sums.
const ROWS: usize = 24;

/// A network on the processor.
pub(super) struct Cpu {
    program: Program,
    parameters: Vec<Parameter>,
    /// Gradients of the last batch, or those kept for the next update, one vector a parameter.
    gradients: Vec<Vec<f32>>,
    slots: Vec<Slot>,
    /// One for each slot that is being computed; the last used comes first, as it is in the cache.
    scratch: Mutex<Vec<Scratch>>,
    capacity: usize,
    /// Stimuli of the last batch.
    n: usize,
    /// Running means and variances, one a cell; empty where it has none.
    statistics: Vec<Statistics>,
    /// What the last batch was normalized by, one a cell; empty where it was not.
    norms: Vec<Normalization>,
    /// What the last batch learned gave, one a target.
    reports: Vec<StepReport>,
    /// Weights of the last batch, one a parameter; empty where all took part.
    masked: Vec<Masked>,
    /// Outputs of the last batch as far as they were asked for, `[n][c][y][x]`.
    outputs: Vec<OnceLock<Vec<f32>>>,
    /// Buffers for outputs that were not asked for yet.
    spare: Vec<Mutex<Vec<f32>>>,
    clock: Option<Clock>,
    /// The stimulus of a batch whose errors are kept.
    kept_place: Option<usize>,
    /// Nanoseconds that updates took, one a cell.
    update_times: Vec<AtomicU64>,
}

/// Weights of which only some take part in a learning step.
#[derive(Clone, Default)]
struct Masked {
    mask: Vec<bool>,
    /// 0 where a weight does not take part.
    values: Vec<f32>,
}

/// What the slots share.
struct Program {
    input: usize,
    cells: Vec<Cell>,
    layers: Vec<Layer>,
    targets: Vec<TargetConfig>,
    /// Indices of each cell's weights and bias among the parameters.
    weights: Vec<Option<usize>>,
    biases: Vec<Option<usize>>,
    /// Cells that need sums over the batch while it is learned.
    barriers: Vec<usize>,
}

impl Program {
    /// Number of columns where the parameter is the matrix of a full connection.
    fn n_columns(&self, parameter: usize) -> Option<usize> {
        let cell = self.weights.iter().position(|&weights| weights == Some(parameter))?;
        match &self.layers[cell] {
            Layer::Dense(layer) => Some(layer.forward.columns),
            _ => None,
        }
    }
}

/// The classes that are wanted of the stimuli, where some target wants any.
fn classes<'a>(wanted: &[Wanted<'a>]) -> Option<&'a [Option<usize>]> {
    wanted.iter().find_map(|wanted| match *wanted {
        Wanted::Classes(labels) => Some(labels),
        _ => None,
    })
}

fn needs_the_batch(layer: &Layer) -> bool {
    matches!(layer, Layer::BatchNorm(norm) if norm.follows_the_batch())
}

/// What a batch does.
#[derive(Clone, Copy)]
enum Mode<'a> {
    Infer,
    Learn { wanted: &'a [Wanted<'a>], step: u64, seed: u64 },
}

impl Cpu {
    pub(super) fn new(plan: &Plan, parameters: Vec<Parameter>) -> Self {
        let index = |kind| {
            let of = |cell| parameters.iter().position(|p| p.info.cell == cell && p.info.kind == kind);
            (0..plan.cells.len()).map(of).collect()
        };
        let layers: Vec<Layer> = plan.cells.iter().map(Layer::new).collect();
        let statistics = layers.iter().map(|layer| match layer {
            Layer::BatchNorm(norm) => norm.statistics(),
            _ => Statistics::default(),
        });
        let statistics = statistics.collect();
        let program = Program {
            input: size(plan.input),
            cells: plan.cells.clone(),
            targets: plan.targets.clone(),
            weights: index(ParameterKind::Weights),
            biases: index(ParameterKind::Bias),
            barriers: (0..layers.len()).filter(|&cell| needs_the_batch(&layers[cell])).collect(),
            layers,
        };
        Self {
            gradients: parameters.iter().map(|parameter| vec![0.0; parameter.values.len()]).collect(),
            masked: vec![Masked::default(); parameters.len()],
            parameters,
            slots: Vec::new(),
            scratch: Mutex::default(),
            capacity: 0,
            n: 0,
            statistics,
            norms: vec![Normalization::default(); plan.cells.len()],
            reports: vec![StepReport::default(); plan.targets.len()],
            outputs: program.cells.iter().map(|_| OnceLock::new()).collect(),
            spare: program.cells.iter().map(|_| Mutex::default()).collect(),
            clock: None,
            kept_place: None,
            update_times: program.cells.iter().map(|_| AtomicU64::new(0)).collect(),
            program,
        }
    }

    /// Takes back the unpacked outputs of the batch before.
    fn begin(&mut self, n: usize) {
        self.n = n;
        for (output, spare) in self.outputs.iter_mut().zip(&mut self.spare) {
            if let (Some(buffer), Ok(spare)) = (output.take(), spare.get_mut()) {
                *spare = buffer;
            }
        }
    }

    /// Computes and, where it is learned, compares and leads back a batch: all at once, or up to each cell that needs
    /// sums over the batch.
    fn run(&mut self, stimuli: &[f32], mode: Mode<'_>) {
        for (cell, statistics) in self.statistics.iter().enumerate() {
            if let Layer::BatchNorm(norm) = &self.program.layers[cell] {
                let error_means = vec![ErrorSums::default(); norm.shape.channels];
                self.norms[cell] = Normalization { moments: norm.running(statistics), error_means };
            }
        }
        for (cell, layer) in self.program.layers.iter_mut().enumerate() {
            if let Layer::Fmp(layer) = layer {
                layer.cut(match mode {
                    Mode::Infer => None,
                    Mode::Learn { step, seed, .. } => Some(Draw { seed, step, cell }),
                });
            }
        }
        self.mask(mode);
        let n_cells = self.program.cells.len();
        let stage = |forward| Stage { forward, gathers: None, compares: false, backward: 0..0, settles: None };
        let Mode::Learn { .. } = mode else {
            return self.stage(stimuli, mode, &stage(0..n_cells));
        };
        let barriers = self.program.barriers.clone();
        let mut forward = 0..barriers.first().copied().unwrap_or(n_cells);
        for (number, &barrier) in barriers.iter().enumerate() {
            self.stage(stimuli, mode, &Stage { gathers: Some(barrier), ..stage(forward) });
            self.follow(barrier);
            forward = barrier..barriers.get(number + 1).copied().unwrap_or(n_cells);
        }
        let end = self.program.targets.iter().map(|target| target.cell + 1).max().unwrap_or(0);
        let mut last = Stage { compares: true, backward: 0..end, ..stage(forward) };
        for &barrier in barriers.iter().rev() {
            if barrier >= end || !self.program.cells[barrier].has_error {
                continue;
            }
            let end = last.backward.end;
            self.stage(stimuli, mode, &Stage { backward: barrier + 1..end, settles: Some(barrier), ..last });
            self.sum_errors(barrier);
            last = Stage { backward: 0..barrier + 1, ..stage(n_cells..n_cells) };
        }
        self.stage(stimuli, mode, &last);
    }

    /// Draws the weights that take part in the batch.
    fn mask(&mut self, mode: Mode<'_>) {
        for (masked, parameter) in self.masked.iter_mut().zip(&self.parameters) {
            let (cell, kind) = (parameter.info.cell, parameter.info.kind);
            let (cell::Operator::Fc(fc), ParameterKind::Weights) = (&self.program.cells[cell].operator, kind) else {
                continue;
            };
            masked.mask = match mode {
                Mode::Infer => Vec::new(),
                Mode::Learn { step, seed, .. } => fc.mask(Draw { seed, step, cell }),
            };
            let weights = masked.mask.iter().zip(&parameter.values);
            masked.values.clear();
            masked.values.extend(weights.map(|(&takes_part, &weight)| if takes_part { weight } else { 0.0 }));
        }
    }

    /// Sums over the stimuli of the batch, in the order of the slots.
    fn sums(&self, n_sums: usize, add: impl Fn(&Block, usize, &mut [f64]) + Sync) -> Vec<f64> {
        let used = self.n.div_ceil(LANES).min(SLOTS);
        let slots = self.slots[..used].par_iter().enumerate().map(|(index, slot)| {
            let mut sums = vec![0.0; n_sums];
            for (turn, block) in slot.blocks.iter().enumerate() {
                let lanes = self.n.saturating_sub((turn * SLOTS + index) * LANES).min(LANES);
                if lanes > 0 {
                    add(block, lanes, &mut sums);
                }
            }
            sums
        });
        let slots: Vec<Vec<f64>> = slots.collect();
        let mut total = vec![0.0; n_sums];
        for slot in slots {
            total.iter_mut().zip(slot).for_each(|(total, part)| *total += part);
        }
        total
    }

    /// Takes the mean and the variance of the batch at the inputs of a batch normalization.
    fn follow(&mut self, cell: usize) {
        let Layer::BatchNorm(norm) = &self.program.layers[cell] else { return };
        if self.n == 0 {
            return;
        }
        let (n, channels) = ((self.n * norm.area()) as f64, norm.shape.channels);
        let program = &self.program;
        let mut means = self.sums(channels, |block, lanes, sums| {
            batch_norm::add_sums(norm, block.input(program, cell), lanes, sums, |x, _| x);
        });
        means.iter_mut().for_each(|mean| *mean /= n);
        let squares = self.sums(channels, |block, lanes, sums| {
            let square = |x: f64, channel: usize| (x - means[channel]).powi(2);
            batch_norm::add_sums(norm, block.input(program, cell), lanes, sums, square);
        });
        let share = norm.momentum;
        let follow = |running: &mut f32, batch: f64| {
            *running = (share * batch + (1.0 - share) * f64::from(*running)) as f32;
        };
        let statistics = &mut self.statistics[cell];
        for (channel, (&mean, &square)) in means.iter().zip(&squares).enumerate() {
            self.norms[cell].moments[channel] = norm.moments(mean, square / n);
            follow(&mut statistics.mean[channel], mean);
            follow(&mut statistics.variance[channel], square / (n - 1.0).max(1.0));
        }
    }

    /// Sums the errors of a batch normalization: gradients of its scale and bias, and what its inputs' errors need.
    fn sum_errors(&mut self, cell: usize) {
        let Layer::BatchNorm(norm) = &self.program.layers[cell] else { return };
        let (n, channels) = ((self.n * norm.area()) as f64, norm.shape.channels);
        let moments = &self.norms[cell].moments;
        let sums = self.sums(2 * channels, |block, lanes, sums| {
            let input = block.input(&self.program, cell);
            batch_norm::add_error_sums(norm, moments, input, &block.errors[cell], lanes, sums);
        });
        let (errors, products) = sums.split_at(channels);
        let means = errors.iter().zip(products);
        self.norms[cell].error_means =
            means.map(|(errors, products)| ErrorSums { errors: errors / n, products: products / n }).collect();
        for (parameter, sums) in [(self.program.weights[cell], products), (self.program.biases[cell], errors)] {
            let (Some(parameter), Some(slot)) = (parameter, self.slots.first_mut()) else { continue };
            slot.gradients[parameter].iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum as f32);
        }
    }

    fn stage(&mut self, stimuli: &[f32], mode: Mode<'_>, stage: &Stage) {
        let (program, pool) = (&self.program, &self.scratch);
        let (n, clock) = (self.n, self.clock);
        let keeps = self.kept_place;
        let (parameters, masked) = (&self.parameters, &self.masked);
        let work = Work { program, parameters, masked, norms: &self.norms, stimuli, n, mode, clock, keeps };
        let used = self.n.div_ceil(LANES).min(SLOTS);
        // One at a time, so that no thread ends with two where another has none.
        self.slots[..used].par_iter_mut().with_max_len(1).enumerate().for_each(|(index, slot)| {
            let scratch = pool.lock().ok().and_then(|mut pool| pool.pop());
            let mut scratch = scratch.unwrap_or_else(|| Scratch::new(program));
            slot.run(&work, stage, &mut scratch, index);
            if let Ok(mut pool) = pool.lock() {
                pool.push(scratch);
            }
        });
    }

    fn block(&self, index: usize) -> &Block {
        &self.slots[index % SLOTS].blocks[index / SLOTS]
    }

    fn update(&mut self, rate: Option<f64>) {
        let n_blocks = self.n.div_ceil(LANES);
        let (program, slots) = (&self.program, &self.slots[..n_blocks.min(SLOTS)]);
        let masked = &self.masked;
        let (clock, update_times) = (self.clock, &self.update_times);
        let parameters = self.parameters.par_iter_mut().zip(self.gradients.par_iter_mut()).enumerate();
        parameters.for_each(|(index, (parameter, own))| {
            let cell = parameter.info.cell;
            if !program.cells[cell].has_error {
                return;
            }
            let (add, update) = match parameter.solver.step(rate) {
                Step::Frozen => return,
                Step::Keep { add } => (add, None),
                Step::Apply { add, update } => (add, Some(update)),
            };
            let gradient = if parameter.kept.is_empty() { own } else { &mut parameter.kept };
            let n_columns = program.n_columns(index);
            let chunk = n_columns.map_or(CHUNK, |n_columns| ROWS * n_columns);
            let factors = factors(slots, cell);
            let (mask, has_unit_rows) = (masked[index].mask.as_slice(), parameter.has_unit_rows);
            let part = |number: usize, values: &mut [f32], gradient: &mut [f32], moments: &mut [f32]| {
                let started = clock.map(|now| now());
                if let Some(n_columns) = n_columns {
                    let first = number * ROWS;
                    let rows = dense::GradientRows { n_columns, first, n_blocks, factors: &factors, add };
                    if mask.is_empty() {
                        dense::gradients(&rows, gradient);
                    } else {
                        let mask = &mask[first * n_columns..][..gradient.len()];
                        masked_gradients(&rows, mask, gradient);
                    }
                } else {
                    let parts = slots.iter().map(|slot| &slot.gradients[index][number * chunk..][..values.len()]);
                    sum(parts, gradient, add);
                }
                if let Some(update) = update {
                    update.apply(values, gradient, moments);
                    if let Some(n_columns) = n_columns.filter(|_| has_unit_rows) {
                        make_unit(values, n_columns);
                    }
                }
                if let (Some(now), Some(started)) = (clock, started) {
                    let spent = now().saturating_sub(started).as_nanos() as u64;
                    update_times[cell].fetch_add(spent, Ordering::Relaxed);
                }
            };
            let chunks = parameter.values.par_chunks_mut(chunk).zip(gradient.par_chunks_mut(chunk)).enumerate();
            let n_moments = parameter.solver.moments().len();
            if n_moments == 0 {
                chunks.for_each(|(number, (values, gradient))| part(number, values, gradient, &mut []));
            } else {
                let chunks = chunks.zip(parameter.moments.par_chunks_mut(chunk * n_moments));
                chunks.for_each(|((number, (values, gradient)), moments)| part(number, values, gradient, moments));
            }
        });
    }
}

/// What the gradients of a full connection are made of, block by block.
fn factors<'a>(slots: &'a [Slot], cell: usize) -> impl Fn(usize) -> dense::Factors<'a> + Sync {
    move |block| {
        let (inputs, errors) = &slots[block % SLOTS].blocks[block / SLOTS].factors[cell];
        (inputs, errors)
    }
}

/// [`dense::gradients`] of the weights that took part; those of the others are 0, and nothing is added to them.
fn masked_gradients(rows: &dense::GradientRows<'_, '_>, mask: &[bool], gradient: &mut [f32]) {
    let mut batch = vec![0.0; gradient.len()];
    dense::gradients(&dense::GradientRows { add: false, ..*rows }, &mut batch);
    for ((to, from), &takes_part) in gradient.iter_mut().zip(batch).zip(mask) {
        let from = if takes_part { from } else { 0.0 };
        *to = if rows.add { *to + from } else { from };
    }
}

/// `to = Σ parts` or, where `add`, `to += Σ parts`, in order.
fn sum<'a>(mut parts: impl Iterator<Item = &'a [f32]>, to: &mut [f32], add: bool) {
    if !add {
        match parts.next() {
            Some(first) => to.copy_from_slice(first),
            None => to.fill(0.0),
        }
    }
    for part in parts {
        for (to, value) in to.iter_mut().zip(part) {
            *to += value;
        }
    }
}

impl Backend for Cpu {
    fn set_capacity(&mut self, n: usize) {
        self.begin(0);
        self.capacity = n;
        let blocks = n.div_ceil(LANES);
        let share = |slot: usize| (blocks + SLOTS - 1 - slot) / SLOTS;
        self.slots =
            (0..blocks.min(SLOTS)).map(|slot| Slot::new(&self.program, &self.parameters, share(slot))).collect();
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn infer(&mut self, stimuli: &[f32], n: usize) {
        self.begin(n);
        self.run(stimuli, Mode::Infer);
    }

    fn start(&mut self, batch: &Batch<'_>) {
        let &Batch { stimuli, n, wanted, step, seed, rate, .. } = batch;
        self.begin(n);
        self.slots.iter_mut().for_each(|slot| slot.kept_errors.clear());
        self.run(stimuli, Mode::Learn { wanted, step, seed });
        for (index, target) in self.program.targets.iter().enumerate() {
            let mut losses = Losses::default();
            for block in 0..self.n.div_ceil(LANES) {
                losses.add(&self.block(block).losses[index]);
            }
            let has_entropy = matches!(self.program.layers[target.cell], Layer::Softmax(_));
            let has_entropy = has_entropy && !matches!(wanted[index], Wanted::Values(_));
            let cross_entropy = has_entropy.then(|| losses.cross_entropy / losses.labeled.max(1) as f64);
            let squared_error = losses.squared_error / n.max(1) as f64;
            self.reports[index] = StepReport { squared_error, cross_entropy };
        }
        self.update(rate);
    }

    fn finish(&mut self) -> &[StepReport] {
        &self.reports
    }

    fn repeat(&mut self, stimuli: &[f32], cell: usize, pass: Pass) {
        assert_eq!(stimuli.len(), self.n * self.program.input, "the stimuli of the last batch");
        let (program, pool) = (&self.program, &self.scratch);
        let work = Work {
            program,
            parameters: &self.parameters,
            masked: &[],
            norms: &self.norms,
            stimuli,
            n: self.n,
            mode: Mode::Infer,
            clock: None,
            keeps: None,
        };
        let n_blocks = self.n.div_ceil(LANES);
        let used = n_blocks.min(SLOTS);
        self.slots[..used].par_iter_mut().enumerate().for_each(|(index, slot)| {
            let scratch = pool.lock().ok().and_then(|mut pool| pool.pop());
            let mut scratch = scratch.unwrap_or_else(|| Scratch::new(program));
            slot.repeat(&work, &mut scratch, index, cell, pass);
            if let Ok(mut pool) = pool.lock() {
                pool.push(scratch);
            }
        });
        let (Some(parameter), Pass::ToWeights) = (program.weights[cell], pass) else { return };
        let (Some(n_columns), true) = (program.n_columns(parameter), program.cells[cell].has_error) else { return };
        let factors = factors(&self.slots, cell);
        let rows = self.gradients[parameter].par_chunks_mut(ROWS * n_columns).enumerate();
        rows.for_each(|(number, gradient)| {
            let rows = dense::GradientRows { n_columns, first: number * ROWS, n_blocks, factors: &factors, add: false };
            dense::gradients(&rows, gradient);
        });
    }

    fn output(&self, cell: usize) -> &[f32] {
        self.outputs[cell].get_or_init(|| {
            let mut values = self.spare[cell].lock().map(|mut spare| std::mem::take(&mut *spare)).unwrap_or_default();
            let elements = size(self.program.cells[cell].output);
            values.resize(self.n * elements, 0.0);
            let blocks = values.par_chunks_mut(LANES * elements).enumerate();
            blocks.for_each(|(block, values)| elementwise::unpack(&self.block(block).outputs[cell], values));
            values
        })
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    fn gradient(&self, parameter: usize) -> &[f32] {
        let kept = &self.parameters[parameter].kept;
        if kept.is_empty() { &self.gradients[parameter] } else { kept }
    }

    fn keep_errors(&mut self, place: Option<usize>) {
        self.kept_place = place;
        for slot in &mut self.slots {
            slot.kept_errors.clear();
        }
    }

    fn error(&self, cell: usize) -> &[f32] {
        let kept = self.slots.iter().find(|slot| !slot.kept_errors.is_empty());
        kept.map_or(&[], |slot| &slot.kept_errors[cell])
    }

    fn set_clock(&mut self, clock: Option<Clock>) {
        self.clock = clock;
        self.update_times.iter_mut().for_each(|time| *time.get_mut() = 0);
        self.slots.iter_mut().for_each(|slot| slot.times.fill(CellTime::default()));
    }

    fn times(&self) -> Vec<CellTime> {
        let of = |cell: usize| CellTime {
            forward: self.slots.iter().map(|slot| slot.times[cell].forward).sum(),
            backward: self.slots.iter().map(|slot| slot.times[cell].backward).sum(),
            update: Duration::from_nanos(self.update_times[cell].load(Ordering::Relaxed)),
        };
        (0..self.program.cells.len()).map(of).collect()
    }

    fn statistics(&self) -> &[Statistics] {
        &self.statistics
    }

    fn statistics_mut(&mut self) -> &mut [Statistics] {
        &mut self.statistics
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use stimuli::Shape;

    use super::lanes::{Level, with_level};
    use super::*;
    use crate::config::*;

    /// Products rounded once or twice, summed over a few layers.
    const ROUNDING_32: f32 = 1e-4;

    fn size(width: usize, height: usize) -> Size {
        Size { width, height }
    }

    /// Strides, padding, a mapping, pooling, wide rows and every activation.
    fn config() -> NetworkConfig {
        let solver = SolverConfig::from(SgdConfig { learning_rate: 1.0, momentum: 0.9, ..SgdConfig::default() });
        let filler = Filler::Normal { mean: 0.0, std_dev: 0.2 };
        let conv = |n_outputs, kernel, stride, mapping| {
            Operator::Conv(ConvConfig {
                n_outputs,
                kernel,
                stride,
                padding: size(1, 1),
                dilation: size(1, 1),
                sub_sample: size(1, 1),
                mapping,
                no_bias: false,
                back_propagate: true,
                weights_filler: filler,
                bias_filler: filler,
                weights_solver: solver.clone(),
                bias_solver: solver.clone(),
            })
        };
        let pool = |pooling| {
            Operator::Pool(PoolConfig {
                n_outputs: 7,
                pooling,
                window: size(2, 2),
                stride: size(2, 2),
                padding: size(0, 0),
                mapping: Some((0..49).map(|pair| pair / 7 == pair % 7).collect()),
            })
        };
        let fc = Operator::Fc(FcConfig {
            n_outputs: 21,
            no_bias: false,
            back_propagate: true,
            weights_filler: filler,
            bias_filler: filler,
            weights_solver: solver.clone(),
            bias_solver: solver.clone(),
            normalizes: false,
            drop_connect: 1.0,
        });
        let rectifier = Activation::Rectifier { leak_slope: 0.1, clipping: 3.0 };
        let mapping = (0..35).map(|pair| pair % 3 != 1).collect();
        let cells = [
            (conv(5, size(3, 3), size(1, 1), None), rectifier),
            (conv(7, size(3, 2), size(2, 1), Some(mapping)), Activation::Tanh { alpha: 1.0 }),
            (pool(Pooling::Max), Activation::Linear),
            (pool(Pooling::Average), rectifier),
            (Operator::Dropout(DropoutConfig { rate: 0.2 }), Activation::Linear),
            (fc, Activation::Linear),
            (Operator::Softmax(SoftmaxConfig { with_loss: false, group_size: 3 }), Activation::Linear),
        ];
        let cells: Vec<CellConfig> = cells
            .into_iter()
            .enumerate()
            .map(|(index, (operator, activation))| CellConfig {
                name: index.to_string(),
                inputs: vec![index.checked_sub(1).map_or(Source::Stimuli, Source::Cell)],
                operator,
                activation,
            })
            .collect();
        let targets = vec![TargetConfig { cell: cells.len() - 1, target_value: 1.0, default_value: 0.0 }];
        NetworkConfig { input: Shape { channels: 2, height: 12, width: 31 }, cells, targets, batch_size: 20 }
    }

    /// Weights and outputs after two steps, computed on this thread.
    fn learn() -> Vec<f32> {
        let config = config();
        let plan = Plan::new(&config).expect("a valid network");
        let parameters = Parameter::all(&plan, &config.cells, 1);
        let mut cpu = Cpu::new(&plan, parameters);
        cpu.set_capacity(20);
        let stimuli: Vec<f32> = (0..20 * 744).map(|i| ((i * 7919 % 1009) as f32 / 504.5) - 1.0).collect();
        let labels: Vec<Option<usize>> = (0..20).map(|i| Some(i % 21)).collect();
        for step in 0..2 {
            let wanted = [Wanted::Classes(&labels)];
            cpu.learn(&Batch { stimuli: &stimuli, n: 20, wanted: &wanted, step, seed: 3, rate: None, brought: None });
        }
        let outputs = (0..config.cells.len()).flat_map(|cell| cpu.output(cell).to_vec());
        cpu.parameters.iter().flat_map(|parameter| parameter.values.clone()).chain(outputs).collect()
    }

    #[test]
    fn every_instruction_set_learns_the_same() {
        // A pool of one thread that is this one, so that the instruction set holds for all tasks.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        let _pool = pool.expect("a pool of this thread");
        let plain = with_level(Level::Portable, learn).expect("plain arithmetic runs on every processor");
        let (narrow, wide) = (with_level(Level::Avx2, learn), with_level(Level::Avx512, learn));
        for vectors in [&narrow, &wide].into_iter().flatten() {
            for (found, expected) in vectors.iter().zip(&plain) {
                assert!((found - expected).abs() <= ROUNDING_32, "expected {expected}, found {found}");
            }
        }
        if let (Some(narrow), Some(wide)) = (narrow, wide) {
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&narrow), bits(&wide));
        }
    }
}
