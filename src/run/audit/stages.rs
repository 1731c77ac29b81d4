//! A frame network that can begin anywhere: each cell computes from whatever its inputs are said to be.

use anyhow::Result;
use formal::Network;
use formal::config::{CellConfig, NetworkConfig, Operator, Source, TargetConfig};

use crate::failure::wrong_input;
use crate::model::Description;
use crate::weights::CellWeights;

/// The outputs of all cells for a batch, `[stimulus][c][y][x]` each.
pub type Outputs = Vec<Vec<f32>>;

/// The cells of a frame network, each as a network of its own.
pub struct Stages {
    stages: Vec<Stage>,
    stimulus: usize,
}

struct Stage {
    network: Network,
    inputs: Vec<Source>,
    /// Elements of the output of one stimulus.
    size: usize,
    gathered: Vec<f32>,
}

impl Stages {
    /// The stages of a network with its weights, for batches of up to `capacity` stimuli.
    ///
    /// # Errors
    /// A cell that does not fit, or refuses its weights, with its line.
    pub fn new(description: &Description, weights: &[Option<CellWeights>], capacity: usize) -> Result<Self> {
        let stages = description.cells.iter().zip(weights).map(|(cell, weights)| {
            let fault = |e: formal::Error| wrong_input(format!("{}, [{}]: {e}", cell.span, cell.name));
            let mut operator = cell.operator.clone();
            if let Operator::Fc(fc) = &mut operator {
                // The weights are scaled, and used as they are.
                fc.normalizes = false;
            }
            let alone = CellConfig {
                name: cell.name.clone(),
                inputs: vec![Source::Stimuli],
                operator,
                activation: cell.activation.value,
            };
            let config = NetworkConfig {
                input: cell.input_shape,
                cells: vec![alone],
                targets: vec![TargetConfig { cell: 0, target_value: 1.0, default_value: 0.0 }],
                batch_size: capacity,
            };
            let mut network = Network::new(&config, 0).map_err(fault)?;
            if let Some(weights) = weights {
                network.set_weights(0, &weights.weights).map_err(fault)?;
                if let (Some(bias), true) = (&weights.bias, network.bias(0).is_some()) {
                    network.set_bias(0, bias).map_err(fault)?;
                }
            }
            Ok(Stage {
                network,
                inputs: cell.inputs.clone(),
                size: cell.output_shape.n_elements(),
                gathered: Vec::new(),
            })
        });
        Ok(Self { stages: stages.collect::<Result<_>>()?, stimulus: description.stimuli.shape.n_elements() })
    }

    /// Buffers for the outputs of all cells.
    pub fn outputs(&self) -> Outputs {
        vec![Vec::new(); self.stages.len()]
    }

    /// Computes the output of a cell for `n` stimuli from the outputs of the cells before it, as they stand.
    pub fn compute(&mut self, cell: usize, n: usize, stimuli: &[f32], outputs: &mut Outputs) {
        let sizes: Vec<(Source, usize)> = self.stages[cell]
            .inputs
            .iter()
            .map(|&input| match input {
                Source::Stimuli => (input, self.stimulus),
                Source::Cell(index) => (input, self.stages[index].size),
            })
            .collect();
        let stage = &mut self.stages[cell];
        stage.gathered.clear();
        // Channels come first, so that inputs concatenated along them are one after the other.
        for stimulus in 0..n {
            for &(input, size) in &sizes {
                let from = match input {
                    Source::Stimuli => stimuli,
                    Source::Cell(index) => &outputs[index],
                };
                stage.gathered.extend_from_slice(&from[stimulus * size..(stimulus + 1) * size]);
            }
        }
        stage.network.infer(&stage.gathered, n);
        outputs[cell].clear();
        outputs[cell].extend_from_slice(&stage.network.output(0)[..n * stage.size]);
    }
}
