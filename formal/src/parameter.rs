//! What a network learns, and what its solvers remember.

use std::fmt;

use crate::cell::deconv::Deconv;
use crate::cell::{Cell, Edge, Operator};
use crate::config::{CellConfig, Filler, Operator as OperatorConfig, SolverConfig};
use crate::error::Error;
use crate::filler::Fan;
use crate::plan::Plan;
use crate::random::{Purpose, Stream};
use crate::solver::Solver;

/// Weights or bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// One a synapse; of a batch normalization the scale, one a channel.
    Weights,
    /// One an output channel.
    Bias,
}

impl fmt::Display for ParameterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weights => "weights",
            Self::Bias => "bias",
        })
    }
}

/// One tensor that is learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Index of its cell.
    pub cell: usize,
    /// Name of its cell.
    pub cell_name: String,
    /// What it is to the cell.
    pub kind: ParameterKind,
    /// Conv weights `[output][channel][ky][kx]`, Deconv weights `[channel][output][ky][kx]`, Fc weights `[output][input]`, BatchNorm weights
    /// `[channel]`, bias `[output]`.
    pub shape: Vec<usize>,
}

/// The rate that a tensor's next update will use, by its policy.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningRate {
    /// Index of the cell.
    pub cell: usize,
    /// The cell's weights or its bias.
    pub kind: ParameterKind,
    /// The rate, not divided by the batch size.
    pub rate: f64,
}

/// A tensor of a saved state.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// `<cell>.<weights or bias>.<momentum, first_moment, second_moment or gradient>`.
    pub name: String,
    /// The shape of the parameter it belongs to.
    pub shape: Vec<usize>,
    /// The values, in the order of the parameter.
    pub data: Vec<f32>,
}

/// What the solvers remember between two steps: with it, the weights and the step number, training goes on exactly as
/// if it had not been interrupted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Velocities of the solvers with momentum or decay, and gradients kept for an update over several batches.
    pub tensors: Vec<NamedTensor>,
    /// `<cell>.<weights or bias>.<iterations or accumulated>`: updates done, and batches kept for the next one.
    pub counters: Vec<(String, u64)>,
}

/// A tensor with its solver.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) info: ParameterInfo,
    pub(crate) values: Vec<f32>,
    /// What the solver remembers of each weight: [`Solver::moments`] of the first, then of the second, and so on.
    pub(crate) moments: Vec<f32>,
    /// Gradients kept for the next update; empty where the solver keeps none.
    pub(crate) kept: Vec<f32>,
    pub(crate) solver: Solver,
    /// Indices of the weights of unconnected pairs: they are and stay 0.
    unconnected: Vec<usize>,
    /// Whether each row of `info.shape` is kept at length 1.
    pub(crate) has_unit_rows: bool,
}

/// Gives each row length 1 (`formal.md` 6.3); one of zeros stays. So does one that has it but for rounding, so that weights come
/// back from a file to the bit.
pub(crate) fn make_unit(values: &mut [f32], n_columns: usize) {
    const ROUNDING: f64 = 1e-6;
    for row in values.chunks_exact_mut(n_columns) {
        let square: f64 = row.iter().map(|&w| f64::from(w) * f64::from(w)).sum();
        if square > 0.0 && (square - 1.0).abs() > ROUNDING {
            let length = square.sqrt();
            row.iter_mut().for_each(|w| *w = (f64::from(*w) / length) as f32);
        }
    }
}

impl Parameter {
    /// The tensors of a network in the order of the cells, weights before bias, filled.
    pub(crate) fn all(plan: &Plan, configs: &[CellConfig], seed: u64) -> Vec<Self> {
        let mut parameters = Vec::new();
        for (index, (cell, config)) in plan.cells.iter().zip(configs).enumerate() {
            let make = |kind, shape: Vec<usize>, filler: &Filler, solver: &SolverConfig| {
                let info = ParameterInfo { cell: index, cell_name: cell.name.clone(), kind, shape };
                Self::new(info, cell, filler, solver, plan.batch_size, seed)
            };
            match (&config.operator, &cell.operator) {
                (OperatorConfig::Conv(config), Operator::Conv(conv)) => {
                    let shape = vec![config.n_outputs, conv.input.channels, conv.kernel.height, conv.kernel.width];
                    parameters.push(make(
                        ParameterKind::Weights,
                        shape,
                        &config.weights_filler,
                        &config.weights_solver,
                    ));
                    if !config.no_bias {
                        let shape = vec![config.n_outputs];
                        parameters.push(make(ParameterKind::Bias, shape, &config.bias_filler, &config.bias_solver));
                    }
                }
                (OperatorConfig::Deconv(config), Operator::Deconv(deconv)) => {
                    let kernel = config.kernel;
                    let shape = vec![cell.input.channels, deconv.output.channels, kernel.height, kernel.width];
                    parameters.push(make(
                        ParameterKind::Weights,
                        shape,
                        &config.weights_filler,
                        &config.weights_solver,
                    ));
                    if !config.no_bias {
                        let shape = vec![config.n_outputs];
                        parameters.push(make(ParameterKind::Bias, shape, &config.bias_filler, &config.bias_solver));
                    }
                }
                (OperatorConfig::Fc(config), Operator::Fc(fc)) => {
                    let shape = vec![config.n_outputs, fc.n_inputs];
                    let mut weights =
                        make(ParameterKind::Weights, shape, &config.weights_filler, &config.weights_solver);
                    weights.has_unit_rows = config.normalizes;
                    weights.make_unit();
                    parameters.push(weights);
                    if !config.no_bias {
                        let shape = vec![config.n_outputs];
                        parameters.push(make(ParameterKind::Bias, shape, &config.bias_filler, &config.bias_solver));
                    }
                }
                (OperatorConfig::BatchNorm(config), Operator::BatchNorm(norm)) => {
                    let constant = |value| Filler::Constant { value };
                    let shape = || vec![norm.shape.channels];
                    parameters.push(make(ParameterKind::Weights, shape(), &constant(1.0), &config.scale_solver));
                    parameters.push(make(ParameterKind::Bias, shape(), &constant(0.0), &config.bias_solver));
                }
                _ => {}
            }
        }
        parameters
    }

    fn new(
        info: ParameterInfo,
        cell: &Cell,
        filler: &Filler,
        solver: &SolverConfig,
        batch_size: usize,
        seed: u64,
    ) -> Self {
        let n: usize = info.shape.iter().product();
        let solver = Solver::new(solver, batch_size);
        let purpose = match info.kind {
            ParameterKind::Weights => Purpose::Weights,
            ParameterKind::Bias => Purpose::Bias,
        };
        let stream = Stream::new(seed, purpose, info.cell);
        let values = fans(cell, &info)
            .into_iter()
            .cycle()
            .flat_map(|(fan, count)| std::iter::repeat_n(fan, count))
            .zip(0..n as u64)
            .map(|(fan, element)| filler.value(fan, stream, element))
            .collect();
        let mut parameter = Self {
            values,
            moments: vec![0.0; n * solver.moments().len()],
            kept: vec![0.0; if solver.accumulates() { n } else { 0 }],
            solver,
            unconnected: unconnected(cell, &info),
            has_unit_rows: false,
            info,
        };
        parameter.clear_unconnected();
        parameter
    }

    /// `<cell>.<kind>`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.info.cell_name, self.info.kind)
    }

    /// Takes values of the right number, all finite; those of unconnected pairs become 0, rows get length 1 where they have it.
    pub(crate) fn set(&mut self, values: &[f32]) -> Result<(), Error> {
        check_values(&self.name(), values, self.values.len())?;
        self.values.copy_from_slice(values);
        self.clear_unconnected();
        self.make_unit();
        Ok(())
    }

    fn make_unit(&mut self) {
        if self.has_unit_rows {
            let n_columns = self.info.shape[1];
            make_unit(&mut self.values, n_columns);
        }
    }

    fn clear_unconnected(&mut self) {
        for &at in &self.unconnected {
            self.values[at] = 0.0;
        }
    }

    /// What the solver remembers.
    pub(crate) fn save(&self, state: &mut State) {
        let name = self.name();
        let mut push = |suffix: &str, data: Vec<f32>| {
            let (name, shape) = (format!("{name}.{suffix}"), self.info.shape.clone());
            state.tensors.push(NamedTensor { name, shape, data });
        };
        let names = self.solver.moments();
        for (moment, suffix) in names.iter().enumerate() {
            push(suffix, self.moments.iter().skip(moment).step_by(names.len()).copied().collect());
        }
        if !self.kept.is_empty() {
            push("gradient", self.kept.clone());
        }
        for (suffix, counter) in self.solver.clone().counters() {
            state.counters.push((format!("{name}.{suffix}"), *counter));
        }
    }

    /// The same parameter with what `state` remembers; `names` loses what was used.
    pub(crate) fn restored(&self, state: &State, names: &mut Vec<&str>) -> Result<Self, Error> {
        let mut restored = self.clone();
        let own = self.name();
        let mut used = |name: &str| names.retain(|&other| other != name);
        let mut take = |suffix: &str| -> Result<&Vec<f32>, Error> {
            let name = format!("{own}.{suffix}");
            let tensor = state.tensors.iter().find(|tensor| tensor.name == name);
            let tensor = tensor.ok_or_else(|| Error::MissingState { name: name.clone() })?;
            check_values(&name, &tensor.data, self.values.len())?;
            used(&name);
            Ok(&tensor.data)
        };
        let moments = self.solver.moments();
        for (moment, suffix) in moments.iter().enumerate() {
            let places = restored.moments.iter_mut().skip(moment).step_by(moments.len());
            places.zip(take(suffix)?).for_each(|(to, from)| *to = *from);
        }
        if !restored.kept.is_empty() {
            restored.kept.copy_from_slice(take("gradient")?);
        }
        for (suffix, counter) in restored.solver.counters() {
            let name = format!("{own}.{suffix}");
            let Some((_, value)) = state.counters.iter().find(|(other, _)| *other == name) else {
                return Err(Error::MissingState { name });
            };
            *counter = *value;
            used(&name);
        }
        Ok(restored)
    }
}

pub(crate) fn check_values(name: &str, values: &[f32], expected: usize) -> Result<(), Error> {
    if values.len() != expected {
        return Err(Error::Count { name: name.to_owned(), expected, found: values.len() });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::NotFinite { name: name.to_owned(), index, value: values[index] }),
        None => Ok(()),
    }
}

/// Fans of the weights: of so many of them one after the other, over and over again. Each input of a convolution has
/// a fan-in of its own. Of a transposed convolution they are those of the convolution with the same tensor, as the
/// reference counts them (`formal.md` 8, 6.11). A bias counts as a `[1][outputs]` tensor.
fn fans(cell: &Cell, info: &ParameterInfo) -> Vec<(Fan, usize)> {
    let n: usize = info.shape.iter().product();
    match (&cell.operator, info.kind) {
        (Operator::Conv(conv), ParameterKind::Weights) => {
            let (area, connections) = (conv.kernel_area(), &conv.connections);
            let fan_out = area * connections.n_outputs();
            let of = |edge: &Edge| {
                let (first, end) = (edge.first_channel, edge.first_channel + edge.shape.channels);
                (Fan { fan_in: area * connections.fan_in_channels(first, end), fan_out }, area * edge.shape.channels)
            };
            cell.sources.iter().map(of).collect()
        }
        (Operator::Deconv(deconv), ParameterKind::Weights) => {
            let (area, connections) = (deconv.transposed.kernel_area(), &deconv.transposed.connections);
            let fan_in = area * connections.fan_in_channels(0, connections.n_channels());
            let of = |edge: &Edge| {
                let fan_out = area * edge.shape.channels;
                (Fan { fan_in, fan_out }, fan_out * connections.n_channels())
            };
            cell.sources.iter().map(of).collect()
        }
        (Operator::Fc(fc), ParameterKind::Weights) => {
            vec![(Fan { fan_in: fc.n_inputs, fan_out: fc.output.channels }, n)]
        }
        _ => vec![(Fan { fan_in: n, fan_out: 1 }, n)],
    }
}

fn unconnected(cell: &Cell, info: &ParameterInfo) -> Vec<usize> {
    match (&cell.operator, info.kind) {
        (Operator::Conv(conv) | Operator::Deconv(Deconv { transposed: conv, .. }), ParameterKind::Weights) => {
            let (area, connections) = (conv.kernel_area(), &conv.connections);
            let pairs = (0..connections.n_outputs()).flat_map(|o| (0..connections.n_channels()).map(move |c| (o, c)));
            pairs
                .filter(|&(o, c)| !connections.has(o, c))
                .flat_map(|(o, c)| (0..area).map(move |tap| (o * connections.n_channels() + c) * area + tap))
                .collect()
        }
        _ => Vec::new(),
    }
}
