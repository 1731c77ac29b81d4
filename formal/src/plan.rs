//! A checked network: every size known, every error's way to the weights known.

use std::collections::HashSet;

use stimuli::Shape;

use crate::cell::{Cell, Edge, ErrorFlow, Operator, back_propagates, is_trainable, size, text};
use crate::config::{Activation, CellConfig, NetworkConfig, Operator as OperatorConfig, Source, TargetConfig};
use crate::error::Error;

/// What [`NetworkConfig`] means.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) input: Shape,
    pub(crate) cells: Vec<Cell>,
    /// The first is the primary one.
    pub(crate) targets: Vec<TargetConfig>,
    pub(crate) batch_size: usize,
}

impl Plan {
    pub(crate) fn new(config: &NetworkConfig) -> Result<Self, Error> {
        if config.cells.is_empty() {
            return Err(Error::NoCells);
        }
        if config.batch_size == 0 {
            return Err(Error::BatchSize);
        }
        if size(config.input) == 0 {
            return Err(Error::EmptyStimuli { found: text(config.input) });
        }
        check_targets(config)?;
        let mut names = HashSet::new();
        let mut cells: Vec<Cell> = Vec::with_capacity(config.cells.len());
        for cell in &config.cells {
            if !names.insert(&cell.name) {
                return Err(Error::DuplicateName { name: cell.name.clone() });
            }
            check_values(cell)?;
            let sources = edges(cell, config.input, &cells)?;
            let shape = sources[0].shape;
            let channels = sources.iter().map(|edge| edge.shape.channels).sum();
            let input = Shape { channels, ..shape };
            let operator = Operator::new(cell, input, &sources, &cells)?;
            let output = operator.output();
            let (name, activation) = (cell.name.clone(), cell.activation);
            cells.push(Cell { name, sources, input, output, operator, activation, has_error: false });
        }
        let mut plan =
            Self { input: config.input, cells, targets: config.targets.clone(), batch_size: config.batch_size };
        plan.route_errors(&config.cells);
        Ok(plan)
    }

    /// Sends the errors from the targets to every cell below which there are weights.
    fn route_errors(&mut self, configs: &[CellConfig]) {
        let mut has_weights_below: Vec<bool> = Vec::with_capacity(configs.len());
        for config in configs {
            let below = |source: &Source| matches!(source, Source::Cell(cell) if has_weights_below[*cell]);
            let passes = back_propagates(&config.operator) && config.inputs.iter().any(below);
            has_weights_below.push(is_trainable(&config.operator) || passes);
        }
        for target in &self.targets {
            self.cells[target.cell].has_error = has_weights_below[target.cell];
        }
        for consumer in (0..self.cells.len()).rev() {
            if !self.cells[consumer].has_error || !back_propagates(&configs[consumer].operator) {
                continue;
            }
            for input in 0..self.cells[consumer].sources.len() {
                let Source::Cell(source) = self.cells[consumer].sources[input].source else { continue };
                if has_weights_below[source] {
                    let first = !std::mem::replace(&mut self.cells[source].has_error, true);
                    self.cells[consumer].sources[input].error = if first { ErrorFlow::Stores } else { ErrorFlow::Adds };
                }
            }
        }
    }
}

fn check_targets(config: &NetworkConfig) -> Result<(), Error> {
    if config.targets.is_empty() {
        return Err(Error::NoTargets);
    }
    let mut compared = HashSet::new();
    for target in &config.targets {
        let Some(cell) = config.cells.get(target.cell) else {
            return Err(Error::Target { cells: config.cells.len(), found: target.cell });
        };
        if !compared.insert(target.cell) {
            return Err(Error::DuplicateTarget { cell: cell.name.clone() });
        }
    }
    Ok(())
}

fn edges(cell: &CellConfig, stimuli: Shape, before: &[Cell]) -> Result<Vec<Edge>, Error> {
    let name = || cell.name.clone();
    let mut edges: Vec<Edge> = Vec::with_capacity(cell.inputs.len());
    let mut first_channel = 0;
    for &source in &cell.inputs {
        let shape = match source {
            Source::Stimuli => stimuli,
            Source::Cell(index) => {
                let found = || format!("cell {index} of the {} before it", before.len());
                before.get(index).ok_or_else(|| Error::Input { cell: name(), found: found() })?.output
            }
        };
        if let Some(first) = edges.first()
            && (first.shape.height, first.shape.width) != (shape.height, shape.width)
        {
            return Err(Error::Shape {
                cell: name(),
                what: "Input",
                expected: format!("maps of {} x {} as its first input", first.shape.width, first.shape.height),
                found: format!("{} x {}", shape.width, shape.height),
            });
        }
        edges.push(Edge { source, shape, first_channel, error: ErrorFlow::Stops });
        first_channel += shape.channels;
    }
    if edges.is_empty() {
        return Err(Error::Input { cell: name(), found: "none".into() });
    }
    if edges.len() > 1 && matches!(cell.operator, OperatorConfig::Softmax(_)) {
        return Err(Error::Input { cell: name(), found: format!("{} inputs where a softmax has one", edges.len()) });
    }
    Ok(edges)
}

fn check_values(cell: &CellConfig) -> Result<(), Error> {
    let (fillers, solvers) = match &cell.operator {
        OperatorConfig::Conv(conv) => {
            (vec![conv.weights_filler, conv.bias_filler], vec![&conv.weights_solver, &conv.bias_solver])
        }
        OperatorConfig::Deconv(deconv) => {
            (vec![deconv.weights_filler, deconv.bias_filler], vec![&deconv.weights_solver, &deconv.bias_solver])
        }
        OperatorConfig::Fc(fc) => (vec![fc.weights_filler, fc.bias_filler], vec![&fc.weights_solver, &fc.bias_solver]),
        OperatorConfig::BatchNorm(norm) => (vec![], vec![&norm.scale_solver, &norm.bias_solver]),
        _ => (vec![], vec![]),
    };
    let is_softmax = matches!(cell.operator, OperatorConfig::Softmax(_));
    let behind_softmax = (is_softmax && cell.activation != Activation::Linear)
        .then(|| ("ActivationFunction", "none behind a softmax", format!("{:?}", cell.activation)));
    let fault = behind_softmax
        .or_else(|| cell.activation.fault())
        .or_else(|| fillers.iter().find_map(|filler| filler.fault()))
        .or_else(|| solvers.iter().find_map(|solver| solver.fault()));
    match fault {
        Some((parameter, expected, found)) => Err(Error::Value { cell: cell.name.clone(), parameter, expected, found }),
        None => Ok(()),
    }
}
