//! Description → frame network: the only place that knows both sides.

use anyhow::Result;
use formal::config::{CellConfig, NetworkConfig, TargetConfig};
use formal::{Device, Network};

use crate::failure::wrong_input;
use crate::memory;
use crate::model::{Description, TargetDescription, TargetKind};
use crate::weights::{CellWeights, Loaded};

/// The configuration of the frame network.
pub fn formal_config(description: &Description) -> NetworkConfig {
    let targets = trained_targets(description).into_iter().map(|target| {
        let &TargetDescription { cell, target_value, default_value, .. } = &description.targets[target];
        TargetConfig { cell, target_value, default_value }
    });
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
        targets: targets.collect(),
        batch_size: description.stimuli.batch_size,
    }
}

/// The targets that learn, by their numbers: those that find regions do not, and of several on one cell the last one does.
pub fn trained_targets(description: &Description) -> Vec<usize> {
    let targets = &description.targets;
    let learns = |index: &usize| !matches!(targets[*index].kind, TargetKind::Rois(_));
    let is_last = |index: &usize| {
        !(*index + 1..targets.len()).any(|other| learns(&other) && targets[other].cell == targets[*index].cell)
    };
    (0..targets.len()).filter(learns).filter(is_last).collect()
}

/// The frame network with freshly drawn weights, on the CPU.
///
/// # Errors
/// A shape that does not fit, or a network that does not fit into memory, with the cell and its line.
pub fn formal_network(description: &Description, seed: u32) -> Result<Network> {
    network_on(Device::Cpu, description, seed)
}

/// The same on a device.
///
/// # Errors
/// As [`formal_network`]; also a cell that the device cannot compute.
pub fn network_on(device: Device, description: &Description, seed: u32) -> Result<Network> {
    memory::check(description)?;
    Network::on(device, &formal_config(description), u64::from(seed)).map_err(|e| {
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
        if let Some(statistics) = &weights.statistics {
            network.set_statistics(cell, statistics).map_err(|e| wrong_input(format!("{}: {e}", loaded.source)))?;
        }
    }
    Ok(())
}

/// The weights of a cell of the network.
pub fn cell_weights(network: &Network, cell: usize) -> Option<CellWeights> {
    let weights = network.weights(cell)?.to_vec();
    let (bias, statistics) = (network.bias(cell).map(<[f32]>::to_vec), network.statistics(cell).cloned());
    Some(CellWeights { weights, bias, statistics })
}
