//! The geometry of a checked network, shared by both engines.

use crate::error::Error;
use crate::network::{Cell, Conv, Fc, Network, Neuron, Operator, Pool, Shape, Size, Source};
use crate::real::Real;

/// Most neurons and pixels together, and most synapses of one source: what fits in 31 bits.
const LIMIT: u64 = 1 << 31;

/// Shapes around one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// All inputs concatenated along the channels.
    pub(crate) input: Shape,
    /// Convolution (or window) positions, before sub-sampling.
    pub(crate) positions: Size,
    /// The neurons.
    pub(crate) output: Shape,
}

/// One way out of a source: a cell, and where in its concatenated input the source's channels begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) cell: usize,
    pub(crate) first_channel: usize,
    /// First tap of this link among those of its source.
    pub(crate) first_tap: u32,
}

/// A checked network's geometry.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    pub(crate) layouts: Vec<Layout>,
    /// First position of each group: the environment, then each cell; the last entry is the number of positions.
    pub(crate) bases: Vec<u32>,
    /// Links of each group, by receiving cell, then by that cell's input.
    pub(crate) links: Vec<Vec<Link>>,
}

/// Number of the group of a source: the environment is 0.
pub(crate) fn group(source: Source) -> usize {
    match source {
        Source::Environment => 0,
        Source::Cell(cell) => cell + 1,
    }
}

/// The source of a group.
#[inline]
pub(crate) fn source(group: usize) -> Source {
    if group == 0 { Source::Environment } else { Source::Cell(group - 1) }
}

/// Memory indices of a group's neurons in canonical order: (y, x, channel) against (channel, y, x), but for the environment.
pub(crate) fn memory_indices(group: usize, shape: Shape) -> impl Iterator<Item = usize> {
    let (plane, channels) = (shape.plane(), shape.channels);
    (0..shape.len()).map(move |i| if group == 0 { i } else { i % plane * channels + i / plane })
}

/// Checks a network for an engine that computes in `F`.
///
/// # Errors
///
/// The first fault found, cell by cell.
pub(crate) fn check<F: Real>(network: &Network) -> Result<Geometry, Error> {
    let input = network.input;
    let mut bases = vec![0, volume("input", input.channels, input.height, input.width)?];
    let mut layouts: Vec<Layout> = Vec::with_capacity(network.cells.len());
    let mut links = vec![Vec::new(); network.cells.len() + 1];
    let mut taps = vec![0_u64; network.cells.len() + 1];
    for (index, cell) in network.cells.iter().enumerate() {
        let input = concatenated(network, &layouts, index)?;
        let layout = match &cell.operator {
            Operator::Conv(conv) => check_conv::<F>(cell, conv, input)?,
            Operator::Fc(fc) => check_fc::<F>(cell, fc, input)?,
            Operator::Pool(pool) => check_pool(cell, pool, input)?,
        };
        let mut first_channel = 0;
        for &from in &cell.inputs {
            let from = group(from);
            let first_tap = taps[from];
            taps[from] += taps_per_channel(&cell.operator);
            if taps[from] > LIMIT {
                return Err(too_large(&cell.name, u128::from(taps[from]), "synapses of one source"));
            }
            links[from].push(Link { cell: index, first_channel, first_tap: first_tap as u32 });
            first_channel += if from == 0 { network.input.channels } else { layouts[from - 1].output.channels };
        }
        let n_neurons = volume(&cell.name, layout.output.channels, layout.output.height, layout.output.width)?;
        let end = u64::from(*bases.last().expect("the environment comes first")) + u64::from(n_neurons);
        if end > LIMIT {
            return Err(too_large("network", u128::from(end), "neurons and pixels"));
        }
        bases.push(end as u32);
        layouts.push(layout);
    }
    if network.output >= network.cells.len() {
        return Err(Error::NoSuchOutput { n_cells: network.cells.len(), found: network.output });
    }
    Ok(Geometry { layouts, bases, links })
}

/// Synapses that one source element may have over one link, connected or not.
fn taps_per_channel(operator: &Operator) -> u64 {
    match operator {
        Operator::Conv(conv) => (conv.kernel.width * conv.kernel.height * conv.n_outputs) as u64,
        Operator::Fc(fc) => fc.n_outputs as u64,
        Operator::Pool(_) => 0,
    }
}

fn too_large(what: &str, found: u128, unit: &'static str) -> Error {
    Error::TooLarge { what: what.to_owned(), found, unit, limit: LIMIT }
}

fn volume(what: &str, channels: usize, height: usize, width: usize) -> Result<u32, Error> {
    if channels == 0 || height == 0 || width == 0 {
        return Err(Error::EmptySize { what: what.to_owned(), found: format!("{channels}x{height}x{width}") });
    }
    product(what, &[channels, height, width], "elements").map(|n| n as u32)
}

fn product(what: &str, factors: &[usize], unit: &'static str) -> Result<usize, Error> {
    let found = factors.iter().fold(1_u128, |n, &factor| n.saturating_mul(factor as u128));
    if found > u128::from(LIMIT) { Err(too_large(what, found, unit)) } else { Ok(found as usize) }
}

fn concatenated(network: &Network, layouts: &[Layout], index: usize) -> Result<Shape, Error> {
    let cell = &network.cells[index];
    let mut input: Option<Shape> = None;
    for &from in &cell.inputs {
        let shape = match from {
            Source::Environment => network.input,
            Source::Cell(from) if from < index => layouts[from].output,
            Source::Cell(from) => return Err(Error::InputNotEarlier { cell: cell.name.clone(), input: from }),
        };
        input = Some(match input {
            None => shape,
            Some(all) if (all.height, all.width) == (shape.height, shape.width) => {
                Shape { channels: all.channels + shape.channels, ..all }
            }
            Some(all) => {
                return Err(Error::InputSizesDiffer {
                    cell: cell.name.clone(),
                    expected: Size { width: all.width, height: all.height }.to_string(),
                    found: Size { width: shape.width, height: shape.height }.to_string(),
                });
            }
        });
    }
    let input = input.ok_or_else(|| Error::NoInput { cell: cell.name.clone() })?;
    volume(&cell.name, input.channels, input.height, input.width)?;
    Ok(input)
}

fn positions(cell: &Cell, input: Shape, kernel: Size, stride: Size, padding: Size) -> Result<Size, Error> {
    let axis = |input: usize, kernel: usize, stride: usize, padding: usize| {
        if kernel == 0 || stride == 0 {
            return Err(Error::EmptySize {
                what: cell.name.clone(),
                found: format!("a kernel of {kernel} and a stride of {stride}"),
            });
        }
        product(&cell.name, &[padding, 2], "elements of padding")?;
        Ok((input + 2 * padding).checked_sub(kernel).map(|room| room / stride + 1))
    };
    let width = axis(input.width, kernel.width, stride.width, padding.width)?;
    let height = axis(input.height, kernel.height, stride.height, padding.height)?;
    match (width, height) {
        (Some(width), Some(height)) => Ok(Size { width, height }),
        _ => Err(Error::KernelTooLarge {
            cell: cell.name.clone(),
            limit: Size { width: input.width + 2 * padding.width, height: input.height + 2 * padding.height }
                .to_string(),
            found: kernel.to_string(),
        }),
    }
}

fn check_count(cell: &Cell, what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::WrongCount { cell: cell.name.clone(), what, expected, found }) }
}

fn check_neuron<F: Real>(cell: &Cell, neuron: &Neuron) -> Result<(), Error> {
    let threshold = F::from_f64(neuron.threshold);
    if threshold > F::ZERO && threshold.is_finite() {
        return Ok(());
    }
    Err(Error::BadThreshold { cell: cell.name.clone(), found: neuron.threshold, float: F::NAME })
}

/// Refuses the first weight that is not finite; `is_connected(i)` tells whether weight `i` is read at all.
fn check_weights<F: Real>(cell: &Cell, weights: &[f64], is_connected: impl Fn(usize) -> bool) -> Result<(), Error> {
    match weights.iter().enumerate().find(|&(i, &w)| !F::from_f64(w).is_finite() && is_connected(i)) {
        None => Ok(()),
        Some((index, &found)) => Err(Error::WeightNotFinite { cell: cell.name.clone(), index, found, float: F::NAME }),
    }
}

/// Refuses currents of which there are too many or too few, or which lead out of `F`.
fn check_currents<F: Real>(cell: &Cell, currents: &Option<Vec<f64>>, n: usize, neuron: &Neuron) -> Result<(), Error> {
    let Some(currents) = currents else { return Ok(()) };
    check_count(cell, "currents (one an output)", n, currents.len())?;
    let tau = neuron.membrane_time_constant.0.max(1) as f64;
    match currents.iter().enumerate().find(|&(_, &current)| !F::from_f64(current * tau).is_finite()) {
        None => Ok(()),
        Some((index, &found)) => Err(Error::CurrentNotFinite { cell: cell.name.clone(), index, found, float: F::NAME }),
    }
}

fn check_conv<F: Real>(cell: &Cell, conv: &Conv, input: Shape) -> Result<Layout, Error> {
    let positions = positions(cell, input, conv.kernel, conv.stride, conv.padding)?;
    if conv.n_outputs == 0 || conv.sub_sample.width == 0 || conv.sub_sample.height == 0 {
        let found = format!("{} outputs and a sub-sampling of {}", conv.n_outputs, conv.sub_sample);
        return Err(Error::EmptySize { what: cell.name.clone(), found });
    }
    let area = product(&cell.name, &[conv.kernel.width, conv.kernel.height], "kernel elements")?;
    let pairs = product(&cell.name, &[conv.n_outputs, input.channels], "pairs of output and channel")?;
    let n_weights = product(&cell.name, &[pairs, area], "weights")?;
    if let Some(mapping) = &conv.mapping {
        check_count(cell, "entries of the mapping (outputs x channels)", pairs, mapping.len())?;
    }
    check_count(cell, "weights", n_weights, conv.weights.len())?;
    if let Some(delays) = &conv.delays {
        check_count(cell, "delays", n_weights, delays.len())?;
    }
    check_weights::<F>(cell, &conv.weights, |i| conv.mapping.as_ref().is_none_or(|m| m[i / area]))?;
    check_neuron::<F>(cell, &conv.neuron)?;
    check_currents::<F>(cell, &conv.currents, conv.n_outputs, &conv.neuron)?;
    let output = Shape {
        channels: conv.n_outputs,
        height: positions.height.div_ceil(conv.sub_sample.height),
        width: positions.width.div_ceil(conv.sub_sample.width),
    };
    Ok(Layout { input, positions, output })
}

fn check_fc<F: Real>(cell: &Cell, fc: &Fc, input: Shape) -> Result<Layout, Error> {
    if fc.n_outputs == 0 {
        return Err(Error::EmptySize { what: cell.name.clone(), found: "no output".to_owned() });
    }
    let n_weights = product(&cell.name, &[fc.n_outputs, input.len()], "weights")?;
    check_count(cell, "weights", n_weights, fc.weights.len())?;
    if let Some(delays) = &fc.delays {
        check_count(cell, "delays", n_weights, delays.len())?;
    }
    check_weights::<F>(cell, &fc.weights, |_| true)?;
    check_neuron::<F>(cell, &fc.neuron)?;
    check_currents::<F>(cell, &fc.currents, fc.n_outputs, &fc.neuron)?;
    let output = Shape { channels: fc.n_outputs, height: 1, width: 1 };
    Ok(Layout { input, positions: Size { width: 1, height: 1 }, output })
}

fn check_pool(cell: &Cell, pool: &Pool, input: Shape) -> Result<Layout, Error> {
    let positions = positions(cell, input, pool.window, pool.stride, pool.padding)?;
    let pairs = product(&cell.name, &[pool.n_outputs, input.channels], "pairs of output and channel")?;
    product(&cell.name, &[pairs, pool.window.width, pool.window.height], "window elements")?;
    if let Some(mapping) = &pool.mapping {
        check_count(cell, "entries of the mapping (outputs x channels)", pairs, mapping.len())?;
    }
    let output = Shape { channels: pool.n_outputs, height: positions.height, width: positions.width };
    Ok(Layout { input, positions, output })
}
