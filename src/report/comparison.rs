//! `compare-test-idx/`: the last frame inference beside the spike counts of one stimulus (`spiking.md` 7).

use std::fmt::Write;

use anyhow::Result;
use stimuli::Shape;

use super::number::general;
use crate::output::{OutputFolder, file_name};

/// One layer of one stimulus: frame values and net spike counts, `[c][y][x]`.
pub struct Layer<'a> {
    /// Name of the cell, `env` for the environment.
    pub name: &'a str,
    /// Size of the layer.
    pub shape: Shape,
    /// Fully connected: one line an output without coordinates.
    pub flat: bool,
    /// Frame values.
    pub formal: &'a [f32],
    /// Positive minus negative spikes.
    pub spikes: &'a [i64],
}

/// Writes one `.dat` a layer and `ratios.dat` with the sums that scale one to the other.
pub fn write(output: &OutputFolder, folder: &str, layers: &[Layer]) -> Result<()> {
    output.clear(folder)?;
    let mut ratios = String::from("# layer sum_of_formal_values sum_of_spikes spikes_per_formal_unit\n");
    for layer in layers {
        output.write(format!("{folder}/{}.dat", file_name(layer.name)), text(layer))?;
        let formal: f64 = layer.formal.iter().map(|&v| f64::from(v)).sum();
        let spikes: i64 = layer.spikes.iter().sum();
        let ratio = if formal == 0.0 { "-".to_string() } else { general(spikes as f64 / formal) };
        let _ = writeln!(ratios, "{} {} {spikes} {ratio}", layer.name, general(formal));
    }
    output.write(format!("{folder}/ratios.dat"), ratios)
}

fn text(layer: &Layer) -> String {
    let mut text = String::new();
    let Shape { height, width, .. } = layer.shape;
    for (i, (&formal, &spikes)) in layer.formal.iter().zip(layer.spikes).enumerate() {
        let (output, y, x) = (i / (height * width), i / width % height, i % width);
        if layer.name == "env" {
            if output == 0 {
                let _ = writeln!(text, "{x} {y} {} {spikes}", general(f64::from(formal)));
            }
        } else if layer.flat {
            let _ = writeln!(text, "{output} {} {spikes}", general(f64::from(formal)));
        } else {
            if i > 0 && i % (height * width) == 0 {
                text += "\n\n";
            }
            let _ = writeln!(text, "{output} {x} {y} {} {spikes}", general(f64::from(formal)));
        }
    }
    text
}
