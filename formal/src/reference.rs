//! The same networks, written naively from their definitions in 64 bits.
//!
//! The fast kernels are tested against it, and it against finite differences.

use crate::cell::batch_norm::{Moments, Statistics};
use crate::cell::fmp::Draw;
use crate::cell::{Cell, ErrorFlow, Operator, size};
use crate::config::{Activation, Source};
use crate::parameter::ParameterKind;
use crate::plan::Plan;
use crate::random::{Purpose, Stream};

/// A network with its weights in 64 bits.
#[derive(Clone, Debug)]
pub struct Network {
    plan: Plan,
    seed: u64,
    /// Weights of each cell in the order of [`crate::Network::weights`]; empty where it has none.
    pub weights: Vec<Vec<f64>>,
    /// Bias of each cell; empty where it has none.
    pub biases: Vec<Vec<f64>>,
    /// Running means and variances; empty where a cell has none.
    statistics: Vec<Statistics>,
}

/// What a batch gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// Sums over the stimuli of minus the gradient of the loss, as `weights` of the network.
    pub weights: Vec<Vec<f64>>,
    /// The same for its biases.
    pub biases: Vec<Vec<f64>>,
    /// `Σ e²` over the stimuli.
    pub squared_error: f64,
    /// Outputs of all cells for the last stimulus.
    pub outputs: Vec<Vec<f64>>,
}

/// Whether dropout drops, and for which draw.
#[derive(Clone, Copy)]
enum Mode<'a> {
    Infer,
    /// `labels` may be fewer than the stimuli: the others have none.
    Learn {
        step: u64,
        labels: &'a [Option<usize>],
    },
}

/// What a batch was computed from, and what of it, `[cell][stimulus]`.
#[derive(Default)]
struct Batch {
    inputs: Vec<Vec<Vec<f64>>>,
    /// Before the activation.
    sums: Vec<Vec<Vec<f64>>>,
    outputs: Vec<Vec<Vec<f64>>>,
    /// What each channel of a batch normalization was normalized by, `[cell][channel]`.
    moments: Vec<Vec<Moments>>,
}

impl Network {
    /// A network with the weights and the seed of another.
    pub fn new(network: &crate::Network) -> Self {
        let wide = |values: Option<&[f32]>| values.unwrap_or_default().iter().copied().map(f64::from).collect();
        Self {
            plan: network.plan().clone(),
            seed: network.seed(),
            weights: (0..network.n_cells()).map(|cell| wide(network.weights(cell))).collect(),
            biases: (0..network.n_cells()).map(|cell| wide(network.bias(cell))).collect(),
            statistics: (0..network.n_cells()).map(|c| network.statistics(c).cloned().unwrap_or_default()).collect(),
        }
    }

    /// Outputs of all cells `[c][y][x]` for a stimulus, in inference mode.
    pub fn infer(&self, stimulus: &[f64]) -> Vec<Vec<f64>> {
        let batch = self.forward(&[stimulus], Mode::Infer);
        batch.outputs.into_iter().flatten().collect()
    }

    /// Outputs of all cells for each stimulus of a batch, as learning them with these classes computes them; stimuli without a
    /// label have no class.
    pub fn outputs(&self, stimuli: &[f64], labels: &[Option<usize>], step: u64) -> Vec<Vec<Vec<f64>>> {
        let stimuli: Vec<&[f64]> = stimuli.chunks_exact(size(self.plan.input)).collect();
        let batch = self.forward(&stimuli, Mode::Learn { step, labels });
        (0..stimuli.len()).map(|at| batch.outputs.iter().map(|cell| cell[at].clone()).collect()).collect()
    }

    /// Gradients for stimuli `[n][c][y][x]` with their classes, with the dropout masks of the step.
    pub fn learn(&self, stimuli: &[f64], labels: &[Option<usize>], step: u64) -> Gradients {
        let Plan { cells, target, .. } = &self.plan;
        let shape = cells[target.cell].output;
        let area = shape.height * shape.width;
        self.learn_from(stimuli, Mode::Learn { step, labels }, |position, output, at| {
            let wanted = labels[position].map(|label| f64::from(target.wanted(shape.channels, at / area, label)));
            wanted.map_or(0.0, |wanted| (wanted - output) / area as f64)
        })
    }

    /// Gradients for stimuli `[n][c][y][x]` with the wanted outputs of each, `[n][c][y][x]`.
    pub fn learn_values(&self, stimuli: &[f64], wanted: &[f64], step: u64) -> Gradients {
        let n = size(self.plan.cells[self.plan.target.cell].output);
        let mode = Mode::Learn { step, labels: &[] };
        self.learn_from(stimuli, mode, |position, output, at| wanted[position * n + at] - output)
    }

    /// Gradients for errors at the target that `error` makes of the stimulus's position, an output and its index.
    fn learn_from(&self, stimuli: &[f64], mode: Mode<'_>, error: impl Fn(usize, f64, usize) -> f64) -> Gradients {
        let zeros = |values: &[Vec<f64>]| values.iter().map(|values| vec![0.0; values.len()]).collect();
        let mut gradients = Gradients {
            weights: zeros(&self.weights),
            biases: zeros(&self.biases),
            squared_error: 0.0,
            outputs: Vec::new(),
        };
        let stimuli: Vec<&[f64]> = stimuli.chunks_exact(size(self.plan.input)).collect();
        let batch = self.forward(&stimuli, mode);
        self.backward(&batch, error, mode, &mut gradients);
        gradients.outputs = batch.outputs.iter().filter_map(|cell| cell.last().cloned()).collect();
        gradients
    }

    /// What the errors at the target cell are minus the slopes of, summed over the stimuli `[n][c][y][x]`: half the squared
    /// error, or the cross-entropy where the error passes a softmax or a logistic function unchanged. `None` where they
    /// are the slopes of nothing: the wanted values of a softmax do not sum to 1.
    pub fn loss(&self, stimuli: &[f64], labels: &[Option<usize>], step: u64) -> Option<f64> {
        let target = &self.plan.target;
        let cell = &self.plan.cells[target.cell];
        let (n, area) = (cell.output.channels, cell.output.height * cell.output.width);
        let mut loss = 0.0;
        for (outputs, label) in self.outputs(stimuli, labels, step).iter().zip(labels) {
            let &Some(label) = label else { continue };
            let wanted = |channel: usize| f64::from(target.wanted(n, channel, label));
            let is_softmax = matches!(&cell.operator, Operator::Softmax(softmax) if softmax.with_loss);
            if is_softmax && ((0..n).map(wanted).sum::<f64>() - 1.0).abs() > 1e-6 {
                return None;
            }
            for (at, &output) in outputs[target.cell].iter().enumerate() {
                let wanted = wanted(at / area);
                loss += match cell.activation {
                    _ if is_softmax && wanted == 0.0 => 0.0,
                    _ if is_softmax => -wanted * output.ln(),
                    Activation::LogisticWithLoss => -wanted * output.ln() - (1.0 - wanted) * (1.0 - output).ln(),
                    _ => 0.5 * (wanted - output).powi(2),
                } / area as f64;
            }
        }
        Some(loss)
    }

    /// [`Network::loss`] for the wanted outputs of each stimulus, `[n][c][y][x]`: half the squared error, or the cross-entropy
    /// where the error passes a logistic function unchanged. `None` where it passes a softmax so.
    pub fn loss_of_values(&self, stimuli: &[f64], wanted: &[f64], step: u64) -> Option<f64> {
        let target = self.plan.target.cell;
        let cell = &self.plan.cells[target];
        if matches!(&cell.operator, Operator::Softmax(softmax) if softmax.with_loss) {
            return None;
        }
        let outputs = self.outputs(stimuli, &[], step);
        let outputs = outputs.iter().flat_map(|outputs| &outputs[target]);
        let loss = outputs.zip(wanted).map(|(&output, &wanted)| match cell.activation {
            Activation::LogisticWithLoss => -wanted * output.ln() - (1.0 - wanted) * (1.0 - output).ln(),
            _ => 0.5 * (wanted - output).powi(2),
        });
        Some(loss.sum())
    }

    fn forward(&self, stimuli: &[&[f64]], mode: Mode<'_>) -> Batch {
        let mut batch = Batch::default();
        for (index, cell) in self.plan.cells.iter().enumerate() {
            let inputs: Vec<Vec<f64>> =
                stimuli.iter().enumerate().map(|(at, stimulus)| input(cell, stimulus, &batch.outputs, at)).collect();
            let (weights, bias) = (&self.masked(index, mode), Some(self.biases[index].as_slice()));
            let bias = bias.filter(|bias| !bias.is_empty());
            let moments = match (&cell.operator, mode) {
                (Operator::BatchNorm(norm), Mode::Learn { .. }) if norm.follows_the_batch() => {
                    norm.reference_moments(&inputs)
                }
                (Operator::BatchNorm(norm), _) => norm.running(&self.statistics[index]),
                _ => Vec::new(),
            };
            let draw = self.draw(index, mode);
            let sum = |(at, input): (usize, &Vec<f64>)| match &cell.operator {
                Operator::Conv(conv) => conv.reference(input, weights, bias),
                Operator::Deconv(deconv) => deconv.reference(input, weights, bias),
                Operator::Fc(fc) => fc.reference(input, weights, bias),
                Operator::Pool(pool) => pool.reference(input),
                Operator::Unpool(unpool) => unpool.reference(&batch.inputs[unpool.arg_max][at], input),
                Operator::Fmp(fmp) => fmp.reference(input, draw),
                Operator::Lrn(lrn) => lrn.reference(input),
                Operator::Softmax(softmax) => softmax.reference(input),
                Operator::Dropout(_) => input.iter().zip(self.factors(index, mode, at)).map(|(x, f)| x * f).collect(),
                Operator::ElemWise(elem_wise) => elem_wise.reference(input),
                Operator::Taps(taps) => taps.reference(input),
                Operator::Transformation(transformation) => transformation.reference(input),
                Operator::Normalize(normalize) => normalize.reference(input),
                Operator::TargetBias(bias) => {
                    let mut outputs = input.clone();
                    if let Mode::Learn { labels, .. } = mode {
                        let wanted = bias.wanted(labels.get(at).copied().flatten());
                        outputs[wanted].iter_mut().for_each(|output| *output += f64::from(bias.bias));
                    }
                    outputs
                }
                Operator::BatchNorm(norm) => norm.reference(input, &moments, weights, bias.unwrap_or_default()),
            };
            let sums: Vec<Vec<f64>> = inputs.iter().enumerate().map(sum).collect();
            let activate = |sums: &Vec<f64>| sums.iter().map(|&sum| cell.activation.value(sum)).collect();
            batch.outputs.push(sums.iter().map(activate).collect());
            batch.sums.push(sums);
            batch.inputs.push(inputs);
            batch.moments.push(moments);
        }
        batch
    }

    /// What a fractional pooling draws its windows from.
    fn draw(&self, cell: usize, mode: Mode<'_>) -> Option<Draw> {
        match mode {
            Mode::Infer => None,
            Mode::Learn { step, .. } => Some(Draw { seed: self.seed, step, cell }),
        }
    }

    /// Which weights of a full connection take part; empty where all do.
    fn mask(&self, cell: usize, mode: Mode<'_>) -> Vec<bool> {
        match (&self.plan.cells[cell].operator, self.draw(cell, mode)) {
            (Operator::Fc(fc), Some(draw)) => fc.mask(draw),
            _ => Vec::new(),
        }
    }

    /// The weights of a cell, 0 where they do not take part.
    fn masked(&self, cell: usize, mode: Mode<'_>) -> Vec<f64> {
        let mut weights = self.weights[cell].clone();
        let parts = weights.iter_mut().zip(self.mask(cell, mode)).filter(|(_, takes_part)| !takes_part);
        parts.for_each(|(weight, _)| *weight = 0.0);
        weights
    }

    /// What each value of a dropout cell is multiplied by.
    fn factors(&self, index: usize, mode: Mode<'_>, position: usize) -> Vec<f64> {
        let cell = &self.plan.cells[index];
        let (Operator::Dropout(dropout), Mode::Learn { step, .. }) = (&cell.operator, mode) else {
            return vec![1.0; size(cell.output)];
        };
        let mut words = vec![0; size(cell.output)];
        Stream::new(self.seed, Purpose::Dropout, index).fill(step, position as u32, &mut words);
        words.into_iter().map(|word| f64::from(dropout.factor(word))).collect()
    }

    fn backward(
        &self,
        batch: &Batch,
        error_of: impl Fn(usize, f64, usize) -> f64,
        mode: Mode<'_>,
        gradients: &mut Gradients,
    ) {
        let Plan { cells, target, .. } = &self.plan;
        let zeros = |cell: &Vec<Vec<f64>>| cell.iter().map(|output| vec![0.0; output.len()]).collect::<Vec<_>>();
        let mut errors: Vec<Vec<Vec<f64>>> = batch.outputs.iter().map(zeros).collect();
        let compared = errors[target.cell].iter_mut().zip(&batch.outputs[target.cell]).enumerate();
        for (position, (errors, outputs)) in compared {
            for (at, (error, &output)) in errors.iter_mut().zip(outputs).enumerate() {
                *error = error_of(position, output, at);
                gradients.squared_error += *error * *error;
            }
        }
        for (index, cell) in cells.iter().enumerate().rev().filter(|(_, cell)| cell.has_error) {
            let (inputs, outputs) = (&batch.inputs[index], &batch.outputs[index]);
            let through = |((errors, sums), outputs): ((&Vec<f64>, &Vec<f64>), &Vec<f64>)| {
                let slopes = sums.iter().zip(outputs).map(|(&x, &y)| cell.activation.slope(x, y));
                errors.iter().zip(slopes).map(|(error, slope)| error * slope).collect()
            };
            let errors_here: Vec<Vec<f64>> =
                errors[index].iter().zip(&batch.sums[index]).zip(outputs).map(through).collect();
            let (to_weights, to_bias) = (&mut gradients.weights[index], &mut gradients.biases[index]);
            let weights = &self.masked(index, mode);
            let all = inputs.iter().zip(&errors_here).enumerate();
            let input_errors: Vec<Vec<f64>> = match &cell.operator {
                Operator::BatchNorm(norm) => {
                    let moments = &batch.moments[index];
                    norm.reference_backward(inputs, moments, weights, &errors_here, to_weights, to_bias)
                }
                operator => {
                    let one = |(at, (input, error)): (usize, (&Vec<f64>, &Vec<f64>))| match operator {
                        Operator::Conv(conv) => conv.reference_backward(input, weights, error, to_weights, to_bias),
                        Operator::Deconv(deconv) => {
                            deconv.reference_backward(input, weights, error, to_weights, to_bias)
                        }
                        Operator::Fc(fc) => fc.reference_backward(input, weights, error, to_weights, to_bias),
                        Operator::Pool(pool) => pool.reference_backward(input, error),
                        Operator::Unpool(unpool) => unpool.reference_backward(&batch.inputs[unpool.arg_max][at], error),
                        Operator::Fmp(fmp) => fmp.reference_backward(input, error, self.draw(index, mode)),
                        Operator::Lrn(lrn) => lrn.reference_backward(input, error),
                        Operator::Softmax(softmax) => softmax.reference_backward(&outputs[at], error),
                        Operator::Dropout(_) => {
                            error.iter().zip(self.factors(index, mode, at)).map(|(e, f)| e * f).collect()
                        }
                        Operator::ElemWise(elem_wise) => elem_wise.reference_backward(input, error),
                        Operator::Taps(taps) => taps.reference_backward(error),
                        Operator::Normalize(normalize) => normalize.reference_backward(input, error),
                        Operator::TargetBias(_) => error.clone(),
                        // Above, and none.
                        Operator::BatchNorm(_) | Operator::Transformation(_) => Vec::new(),
                    };
                    all.map(one).collect()
                }
            };
            let mask = self.mask(index, mode);
            gradients.weights[index]
                .iter_mut()
                .zip(mask)
                .filter(|(_, takes_part)| !takes_part)
                .for_each(|(to, _)| *to = 0.0);
            for edge in &cell.sources {
                if let (Source::Cell(source), true) = (edge.source, edge.error != ErrorFlow::Stops) {
                    let start = edge.first_channel * edge.shape.height * edge.shape.width;
                    for (to, from) in errors[source].iter_mut().zip(&input_errors) {
                        let part = &from[start..][..size(edge.shape)];
                        to.iter_mut().zip(part).for_each(|(to, from)| *to += from);
                    }
                }
            }
        }
    }

    /// Index of the parameter's cell and whether it is the bias, for each tensor that is learned.
    pub fn parameters(&self) -> Vec<(usize, ParameterKind)> {
        let of = |values: &[Vec<f64>], kind| {
            let cells = values.iter().enumerate().filter(|(_, values)| !values.is_empty());
            cells.map(|(cell, _)| (cell, kind)).collect::<Vec<_>>()
        };
        [of(&self.weights, ParameterKind::Weights), of(&self.biases, ParameterKind::Bias)].concat()
    }
}

/// The concatenated inputs of a cell for one stimulus.
fn input(cell: &Cell, stimulus: &[f64], outputs: &[Vec<Vec<f64>>], at: usize) -> Vec<f64> {
    let of = |source| match source {
        Source::Stimuli => stimulus,
        Source::Cell(source) => outputs[source][at].as_slice(),
    };
    cell.sources.iter().flat_map(|edge| of(edge.source).iter().copied()).collect()
}
