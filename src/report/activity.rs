//! Spikes as the reference's monitors write them: activity and firing rates by node id (`spiking.md` 12.2).
//!
//! Node ids count from 1: the environment first, then for each cell its inputs, then its outputs. Times are seconds on the
//! clock that `summary.json` names: since the stimulus began, or, with `--continuous`, since the first one began.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use sim::network::Source;
use sim::recorder::Raster;
use sim::{Sign, Totals};

use super::number::significant;
use crate::model::Description;
use crate::output::{OutputFolder, file_name};

const FS_PER_SECOND: u64 = 1_000_000_000_000_000;

/// A time in seconds, to the femtosecond.
fn seconds(fs: u64) -> String {
    // Up to here 16 digits of a double are right to the femtosecond.
    if fs < FS_PER_SECOND {
        return significant(fs as f64 / FS_PER_SECOND as f64, 16);
    }
    let text = format!("{}.{:015}", fs / FS_PER_SECOND, fs % FS_PER_SECOND);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// The node id of the first output of each cell.
fn first_nodes(description: &Description) -> Vec<usize> {
    let mut next = 1 + description.stimuli.shape.n_elements();
    description
        .cells
        .iter()
        .map(|cell| {
            let first = next + cell.input_shape.n_elements();
            next = first + cell.output_shape.n_elements();
            first
        })
        .collect()
}

/// `<node id> <time in s> <type>` a line, nodes ascending, two blank lines after each; type 1 is a negative spike.
fn activity_text(raster: &Raster, source: Source, first_node: usize) -> String {
    let mut of_node: BTreeMap<usize, Vec<(u64, Sign)>> = BTreeMap::new();
    for spike in raster.spikes.iter().filter(|spike| spike.source == source) {
        of_node.entry(first_node + spike.neuron).or_default().push((spike.time.0, spike.sign));
    }
    let mut text = String::new();
    for (node, spikes) in of_node {
        for (time, sign) in spikes {
            let _ = writeln!(text, "{node} {} {}", seconds(time), u8::from(sign.is_negative()));
        }
        text += "\n\n";
    }
    text
}

/// Writes the environment's spikes of one stimulus.
///
/// # Errors
/// The file cannot be written.
pub fn write_environment(output: &OutputFolder, name: &str, raster: &Raster) -> Result<()> {
    output.write(name, activity_text(raster, Source::Environment, 1))
}

/// Writes `activity_<cell>.dat` of one stimulus for the environment and every cell.
///
/// # Errors
/// A file cannot be written.
pub fn write_all(output: &OutputFolder, description: &Description, raster: &Raster) -> Result<()> {
    write_environment(output, "activity_env.dat", raster)?;
    for (index, first) in first_nodes(description).into_iter().enumerate() {
        let name = file_name(&description.cells[index].name);
        output.write(format!("activity_{name}.dat"), activity_text(raster, Source::Cell(index), first))?;
    }
    Ok(())
}

/// Removes the `firing_rate_<cell>.dat` of an earlier test.
///
/// # Errors
/// A file cannot be removed.
pub fn remove_firing_rates(output: &OutputFolder, description: &Description) -> Result<()> {
    let cells = description.cells.iter().map(|cell| file_name(&cell.name));
    cells.chain(["env".to_string()]).try_for_each(|name| output.remove(&firing_rate(&name)))
}

fn firing_rate(name: &str) -> String {
    format!("firing_rate_{name}.dat")
}

/// Writes `firing_rate_<cell>.dat` over a whole test: `<node id> <positive> [<negative>]` a line, the last column only
/// where a layer has negative spikes.
///
/// # Errors
/// A file cannot be written.
pub fn write_firing_rates(output: &OutputFolder, description: &Description, totals: &Totals) -> Result<()> {
    let mut layers = vec![("env".to_string(), Source::Environment, 1)];
    for (index, first) in first_nodes(description).into_iter().enumerate() {
        layers.push((file_name(&description.cells[index].name), Source::Cell(index), first));
    }
    for (name, source, first) in layers {
        let counts = totals.counts(source);
        let is_signed = counts.iter().any(|count| count.negative > 0);
        let mut text = String::new();
        for (neuron, count) in counts.iter().enumerate() {
            let _ = write!(text, "{} {}", first + neuron, count.positive);
            let _ = if is_signed { writeln!(text, " {}", count.negative) } else { writeln!(text) };
        }
        output.write(firing_rate(&name), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_to_the_femtosecond() {
        #[track_caller]
        fn check(fs: u64, expected: &str) {
            assert_eq!(seconds(fs), expected);
        }
        check(0, "0");
        check(4_170_219, "4.170219e-09");
        check(FS_PER_SECOND - 1, "0.999999999999999");
        check(FS_PER_SECOND + 20, "1.00000000000002");
        check((1 << 53) + 1, "9.007199254740993");
        check(FS_PER_SECOND * 10, "10");
        check(u64::MAX, "18446.744073709551615");
    }
}
