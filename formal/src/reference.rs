//! The same networks, written naively from their definitions in 64 bits, one stimulus at a time.
//!
//! The fast kernels are tested against it, and it against finite differences.

use crate::cell::{Cell, ErrorFlow, Operator, size};
use crate::config::Source;
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
enum Mode {
    Infer,
    Learn { step: u64, position: u32 },
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
        }
    }

    /// Outputs of all cells `[c][y][x]` for a stimulus, in inference mode.
    pub fn infer(&self, stimulus: &[f64]) -> Vec<Vec<f64>> {
        self.forward(stimulus, Mode::Infer)
    }

    /// Gradients for stimuli `[n][c][y][x]` with their classes, with the dropout masks of the step.
    pub fn learn(&self, stimuli: &[f64], labels: &[Option<usize>], step: u64) -> Gradients {
        let zeros = |values: &[Vec<f64>]| values.iter().map(|values| vec![0.0; values.len()]).collect();
        let mut gradients = Gradients {
            weights: zeros(&self.weights),
            biases: zeros(&self.biases),
            squared_error: 0.0,
            outputs: Vec::new(),
        };
        for (position, (stimulus, label)) in stimuli.chunks_exact(size(self.plan.input)).zip(labels).enumerate() {
            let mode = Mode::Learn { step, position: position as u32 };
            let outputs = self.forward(stimulus, mode);
            if let &Some(label) = label {
                self.backward(stimulus, &outputs, label, mode, &mut gradients);
            }
            gradients.outputs = outputs;
        }
        gradients
    }

    fn forward(&self, stimulus: &[f64], mode: Mode) -> Vec<Vec<f64>> {
        let mut outputs: Vec<Vec<f64>> = Vec::with_capacity(self.plan.cells.len());
        for (index, cell) in self.plan.cells.iter().enumerate() {
            let input = input(cell, stimulus, &outputs);
            let bias = Some(self.biases[index].as_slice()).filter(|bias| !bias.is_empty());
            let mut output = match &cell.operator {
                Operator::Conv(conv) => conv.reference(&input, &self.weights[index], bias),
                Operator::Fc(fc) => fc.reference(&input, &self.weights[index], bias),
                Operator::Pool(pool) => pool.reference(&input),
                Operator::Softmax(softmax) => softmax.reference(&input),
                Operator::Dropout(_) => input.iter().zip(self.factors(index, mode)).map(|(x, f)| x * f).collect(),
                Operator::ElemWise(elem_wise) => elem_wise.reference(&input),
            };
            output.iter_mut().for_each(|value| *value = cell.activation.value(*value));
            outputs.push(output);
        }
        outputs
    }

    /// What each value of a dropout cell is multiplied by.
    fn factors(&self, index: usize, mode: Mode) -> Vec<f64> {
        let cell = &self.plan.cells[index];
        let (Operator::Dropout(dropout), Mode::Learn { step, position }) = (&cell.operator, mode) else {
            return vec![1.0; size(cell.output)];
        };
        let mut words = vec![0; size(cell.output)];
        Stream::new(self.seed, Purpose::Dropout, index).fill(step, position, &mut words);
        words.into_iter().map(|word| f64::from(dropout.factor(word))).collect()
    }

    fn backward(&self, stimulus: &[f64], outputs: &[Vec<f64>], label: usize, mode: Mode, gradients: &mut Gradients) {
        let Plan { cells, target, .. } = &self.plan;
        let mut errors: Vec<Vec<f64>> = outputs.iter().map(|output| vec![0.0; output.len()]).collect();
        let shape = cells[target.cell].output;
        let area = shape.height * shape.width;
        for (at, (error, output)) in errors[target.cell].iter_mut().zip(&outputs[target.cell]).enumerate() {
            let wanted = f64::from(target.wanted(shape.channels, at / area, label));
            *error = (wanted - output) / area as f64;
            gradients.squared_error += *error * *error;
        }
        for (index, cell) in cells.iter().enumerate().rev().filter(|(_, cell)| cell.has_error) {
            let (output, input) = (&outputs[index], input(cell, stimulus, outputs));
            let slopes = output.iter().map(|&y| cell.activation.slope(y));
            let error: Vec<f64> = errors[index].iter().zip(slopes).map(|(error, slope)| error * slope).collect();
            let (weights_gradient, bias_gradient) = (&mut gradients.weights[index], &mut gradients.biases[index]);
            let weights = &self.weights[index];
            let input_error = match &cell.operator {
                Operator::Conv(conv) => {
                    conv.reference_backward(&input, weights, &error, weights_gradient, bias_gradient)
                }
                Operator::Fc(fc) => fc.reference_backward(&input, weights, &error, weights_gradient, bias_gradient),
                Operator::Pool(pool) => pool.reference_backward(&input, &error),
                Operator::Softmax(softmax) => softmax.reference_backward(output, &error),
                Operator::Dropout(_) => error.iter().zip(self.factors(index, mode)).map(|(e, f)| e * f).collect(),
                Operator::ElemWise(elem_wise) => elem_wise.reference_backward(&input, &error),
            };
            for edge in &cell.sources {
                if let (Source::Cell(source), true) = (edge.source, edge.error != ErrorFlow::Stops) {
                    let start = edge.first_channel * edge.shape.height * edge.shape.width;
                    let part = &input_error[start..][..size(edge.shape)];
                    errors[source].iter_mut().zip(part).for_each(|(to, from)| *to += from);
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

/// The concatenated inputs of a cell.
fn input(cell: &Cell, stimulus: &[f64], outputs: &[Vec<f64>]) -> Vec<f64> {
    let of = |source| match source {
        Source::Stimuli => stimulus,
        Source::Cell(source) => outputs[source].as_slice(),
    };
    cell.sources.iter().flat_map(|edge| of(edge.source).iter().copied()).collect()
}
