//! Whether a model fits into the memory at hand, told from its shapes before anything is allocated.

use anyhow::Result;
use formal::config::Operator;

use crate::failure::wrong_input;
use crate::model::{CellDescription, Description, Family};
use crate::report::network::sizes;
use crate::report::number::grouped;
use crate::run::formal_test::INFERENCE_BATCH;
use crate::transcode::is_spiking;

/// Memory that one layer may plan for; more than this is a slip of the pen in a model of this kind.
const MAX_BYTES: u64 = 8 << 30;
/// Bytes of activations of one inference, but for those of the fewest stimuli.
const MOST_INFERRED: u64 = 1 << 30;
/// Stimuli that the processor computes side by side.
const LANES: usize = 16;
const FLOAT: u64 = 4;
const DOUBLE: u64 = 8;

/// Stimuli inferred at a time: as many as usual, fewer of a network whose activations take much memory.
pub fn inference_batch(description: &Description) -> usize {
    let elements: u64 = description.cells.iter().map(|cell| cell.output_shape.n_elements() as u64).sum();
    let most = MOST_INFERRED / product(&[elements, FLOAT]).max(1);
    // Whole blocks of the processor's lanes.
    (most as usize / LANES * LANES).clamp(LANES, INFERENCE_BATCH)
}

/// Refuses a network whose buffers would fill the machine, as frames and, where it has a spiking half, as spikes.
///
/// # Errors
/// The layer that takes most, with its line and the bytes.
pub fn check(description: &Description) -> Result<()> {
    let batch = description.stimuli.batch_size.max(inference_batch(description)) as u64;
    let frames: Vec<u64> = description.cells.iter().map(|cell| of_frames(cell, batch)).collect();
    for (cell, &needed) in description.cells.iter().zip(&frames) {
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
    let has_spikes = is_spiking(description);
    let all = frames.iter().zip(&description.cells);
    let all = all.map(|(frames, cell)| if has_spikes { frames.saturating_add(of_spikes(cell)) } else { *frames });
    fits(description, &all.collect::<Vec<_>>(), "lower NbOutputs or BatchSize")
}

/// Refuses a spiking network that would fill the machine.
///
/// # Errors
/// As [`check`].
pub fn check_spikes(description: &Description) -> Result<()> {
    let spikes: Vec<u64> = description.cells.iter().map(of_spikes).collect();
    fits(description, &spikes, "lower NbOutputs")
}

/// Bytes of a frame layer: activations and errors of a batch, and for each parameter its value, momentum and gradients.
fn of_frames(cell: &CellDescription, batch: u64) -> u64 {
    let sizes = sizes(cell);
    product(&[cell.output_shape.n_elements() as u64, batch, 2, FLOAT]).saturating_add(product(&[
        sizes.synapses,
        6,
        FLOAT,
    ]))
}

/// Bytes of a spiking cell at most while its plan is made: trained and scaled weights, the network and the plan's copy of
/// it, the weights as they are laid out, and with delays each synapse twice as it is sorted.
fn of_spikes(cell: &CellDescription) -> u64 {
    if cell.family == Family::Frame {
        return 0;
    }
    let (n_outputs, input) = (cell.output_shape.channels as u64, cell.input_shape);
    let n_weights = match &cell.operator {
        Operator::Conv(conv) => {
            let size = conv.kernel;
            product(&[n_outputs, input.channels as u64, size.width as u64, size.height as u64])
        }
        Operator::Fc(_) => product(&[n_outputs, input.n_elements() as u64]),
        _ => 0,
    };
    const SORTED: u64 = 40;
    let delay = cell.spiking.incoming_delay;
    let has_delays = delay.mean != 0.0 || delay.std_dev != 0.0;
    let laid_out = if has_delays { 2 * DOUBLE + 2 * SORTED } else { DOUBLE };
    let a_weight = 2 * FLOAT + 2 * DOUBLE + 1 + laid_out;
    let a_neuron = 6 * DOUBLE;
    product(&[n_weights, a_weight]).saturating_add(product(&[cell.output_shape.n_elements() as u64, a_neuron]))
}

fn product(factors: &[u64]) -> u64 {
    factors.iter().fold(1, |a, &b| a.saturating_mul(b))
}

fn fits(description: &Description, needed: &[u64], remedy: &str) -> Result<()> {
    let total = needed.iter().fold(0_u64, |a, &b| a.saturating_add(b));
    let largest = description.cells.iter().zip(needed).max_by_key(|(_, needed)| **needed);
    let (Some(available), Some((cell, of_cell))) = (available(), largest) else { return Ok(()) };
    if total <= available {
        return Ok(());
    }
    Err(wrong_input(format!(
        "{}, [{}]: expected a network that fits into the {} bytes of memory that are free, found one of about {}, {} of them \
         for this cell; {remedy}",
        cell.span,
        cell.name,
        grouped(available),
        grouped(total),
        grouped(*of_cell)
    )))
}

/// Bytes that this process may still take: what the machine has free, or what its address space has left. `None` where the
/// system does not tell.
pub fn available() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| free(&text));
    let space = read("/proc/self/limits").zip(read("/proc/self/status")).and_then(|(limits, status)| {
        let used = kilobytes(&status, "VmSize:")?;
        Some(address_space(&limits)?.saturating_sub(used))
    });
    machine.into_iter().chain(space).min()
}

fn free(meminfo: &str) -> Option<u64> {
    Some(kilobytes(meminfo, "MemAvailable:")?.saturating_add(kilobytes(meminfo, "SwapFree:").unwrap_or(0)))
}

/// The figure of a line such as `VmSize:     3760 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let figure = text.lines().find_map(|line| line.strip_prefix(name))?;
    figure.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The soft limit of the address space; `None` where there is none.
fn address_space(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_is_read() {
        assert_eq!(free("MemTotal: 9 kB\nMemAvailable:   2000 kB\nSwapFree: 48 kB\n"), Some(2048 * 1024));
        assert_eq!(free("MemAvailable:   3 kB\n"), Some(3 * 1024));
        assert_eq!(free("MemTotal: 9 kB\n"), None);
        let limits = |soft| format!("Limit   Soft   Hard   Units\nMax address space   {soft}   unlimited   bytes\n");
        assert_eq!(address_space(&limits("3072000000")), Some(3_072_000_000));
        assert_eq!(address_space(&limits("unlimited")), None);
        assert_eq!(kilobytes("VmSize:\t    3760 kB", "VmSize:"), Some(3760 * 1024));
    }
}
