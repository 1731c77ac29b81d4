//! Description → frame network: the only place that knows both sides.

use anyhow::Result;
use formal::Network;
use formal::config::{CellConfig, NetworkConfig, TargetConfig};

use crate::failure::wrong_input;
use crate::model::Description;
use crate::report::network::sizes;
use crate::report::number::grouped;
use crate::run::formal_test::INFERENCE_BATCH;
use crate::weights::{CellWeights, Loaded};

/// The configuration of the frame network.
pub fn formal_config(description: &Description) -> NetworkConfig {
    let target = &description.targets[0];
    NetworkConfig {
        input: description.stimuli.shape,
        cells: description
            .cells
            .iter()
            .map(|cell| CellConfig {
                name: cell.name.clone(),
                inputs: cell.inputs.clone(),
                operator: cell.operator.clone(),
                activation: cell.activation.value,
            })
            .collect(),
        target: TargetConfig {
            cell: target.cell,
            target_value: target.target_value,
            default_value: target.default_value,
        },
        batch_size: description.stimuli.batch_size,
    }
}

/// Memory that a network may plan for; more than this is a slip of the pen in a model of this kind.
const MAX_BYTES: u64 = 8 << 30;

/// Refuses a network whose buffers would fill the machine: activations and errors of a batch, and for each parameter
/// its value, momentum and gradients.
fn check_memory(description: &Description) -> Result<()> {
    const FLOAT: u64 = 4;
    let batch = description.stimuli.batch_size.max(INFERENCE_BATCH) as u64;
    let product = |factors: &[u64]| factors.iter().fold(1u64, |a, &b| a.saturating_mul(b));
    for cell in &description.cells {
        let sizes = sizes(cell);
        let activations = product(&[sizes.nodes, batch, 2, FLOAT]);
        let parameters = product(&[sizes.synapses, 6, FLOAT]);
        let needed = activations.saturating_add(parameters);
        if needed > MAX_BYTES {
            return Err(wrong_input(format!(
                "{}, [{}]: expected a layer of at most {} bytes with a batch of {batch}, found {}; lower NbOutputs or BatchSize",
                cell.span,
                cell.name,
                grouped(MAX_BYTES),
                grouped(needed)
            )));
        }
    }
    let stimuli = &description.stimuli;
    let needed = product(&[stimuli.shape.n_elements() as u64, batch, 2, FLOAT]);
    if needed > MAX_BYTES {
        return Err(wrong_input(format!(
            "{}: a batch of {batch} stimuli needs {} bytes; lower BatchSize",
            stimuli.span,
            grouped(needed)
        )));
    }
    Ok(())
}

/// The frame network with freshly drawn weights.
///
/// # Errors
/// A shape that does not fit, with the cell and its line.
pub fn formal_network(description: &Description, seed: u32) -> Result<Network> {
    check_memory(description)?;
    Network::new(&formal_config(description), u64::from(seed)).map_err(|e| {
        let message = e.to_string();
        let cell = description.cells.iter().find(|cell| message.contains(&format!("`{}`", cell.name)));
        match cell {
            Some(cell) => wrong_input(format!("{}: {message}", cell.span)),
            None => wrong_input(message),
        }
    })
}

/// Puts loaded weights into the network.
///
/// # Errors
/// A cell refuses them.
pub fn set_weights(network: &mut Network, loaded: &Loaded) -> Result<()> {
    for (cell, weights) in loaded.cells.iter().enumerate() {
        let Some(weights) = weights else { continue };
        network.set_weights(cell, &weights.weights).map_err(|e| wrong_input(format!("{}: {e}", loaded.source)))?;
        if let Some(bias) = &weights.bias {
            network.set_bias(cell, bias).map_err(|e| wrong_input(format!("{}: {e}", loaded.source)))?;
        }
    }
    Ok(())
}

/// The weights of a cell of the network.
pub fn cell_weights(network: &Network, cell: usize) -> Option<CellWeights> {
    let weights = network.weights(cell)?.to_vec();
    Some(CellWeights { weights, bias: network.bias(cell).map(<[f32]>::to_vec) })
}
