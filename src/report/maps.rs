//! Kernels and outputs of the layers, as text and as pictures (`formal.md` 11.3 and 12.6).

use anyhow::Result;
use formal::Network;
use formal::config::Operator;
use stimuli::Shape;

use super::picture;
use super::stimuli::tensor_text;
use crate::model::Description;
use crate::output::{OutputFolder, file_name};

/// Values of a layer without maps that stand in a row.
const ROW: usize = 32;

/// Writes the weights of each convolution: `kernels/<layer>/cell-<output>.dat`, a block a channel, and `kernels/<layer>.png`
/// with a row an output and a column a channel; a single channel has its outputs in a square.
///
/// # Errors
/// A file cannot be written.
pub fn write_kernels(output: &OutputFolder, description: &Description, network: &Network) -> Result<()> {
    output.clear("kernels")?;
    for (index, cell) in description.cells.iter().enumerate() {
        let (Operator::Conv(conv), Some(weights)) = (&cell.operator, network.weights(index)) else { continue };
        let (name, channels) = (file_name(&cell.name), cell.input_shape.channels);
        let shape = Shape { channels, height: conv.kernel.height, width: conv.kernel.width };
        for (output_index, kernels) in weights.chunks_exact(shape.n_elements()).enumerate() {
            output.write(format!("kernels/{name}/cell-{output_index}.dat"), tensor_text(shape, kernels))?;
        }
        let columns = if channels == 1 { square(conv.n_outputs) } else { channels };
        output.write(format!("kernels/{name}.png"), picture::maps(weights, shape.width, shape.height, columns)?)?;
    }
    Ok(())
}

/// Writes a stimulus and what each layer gave for it: `<folder>/env.dat`, `<folder>/<layer>.dat`, a block a channel, and
/// pictures of the same names. `place` is that of the stimulus in the last batch of the network.
///
/// # Errors
/// A file cannot be written.
pub fn write_outputs(
    output: &OutputFolder,
    folder: &str,
    description: &Description,
    network: &Network,
    stimulus: &[f32],
    place: usize,
) -> Result<()> {
    output.clear(folder)?;
    write_maps(output, &format!("{folder}/env"), description.stimuli.shape, stimulus)?;
    for (index, cell) in description.cells.iter().enumerate() {
        let (name, n) = (file_name(&cell.name), cell.output_shape.n_elements());
        let values = &network.output(index)[place * n..][..n];
        write_maps(output, &format!("{folder}/{name}"), cell.output_shape, values)?;
    }
    Ok(())
}

/// Writes the errors that the network keeps of a stimulus: `<folder>/<layer>.dat`, a block a channel, and pictures of the
/// same names. A layer that no error reaches has none.
///
/// # Errors
/// A file cannot be written.
pub fn write_errors(output: &OutputFolder, folder: &str, description: &Description, network: &Network) -> Result<()> {
    output.clear(folder)?;
    for (index, cell) in description.cells.iter().enumerate() {
        if let Some(errors) = network.error(index) {
            write_maps(output, &format!("{folder}/{}", file_name(&cell.name)), cell.output_shape, errors)?;
        }
    }
    Ok(())
}

fn write_maps(output: &OutputFolder, path: &str, shape: Shape, values: &[f32]) -> Result<()> {
    let columns = if shape.plane() == 1 { ROW.min(shape.channels) } else { square(shape.channels) };
    output.write(format!("{path}.dat"), tensor_text(shape, values))?;
    output.write(format!("{path}.png"), picture::maps(values, shape.width, shape.height, columns)?)
}

/// The columns of about as many rows.
fn square(n: usize) -> usize {
    (n as f64).sqrt().ceil() as usize
}
