//! A network compiled for running: immutable, shared by all workers.

mod delayed;
mod driven;
mod group;
mod pool;
mod runs;
mod taps;

use std::ops::Range;

use crate::checkpoint;
use crate::error::Error;
use crate::lanes::Rule;
use crate::layout::{self, Geometry, Layout};
use crate::leak::Leak;
use crate::network::{Cell, Conv, Fc, Network, Neuron, Operator, Reset, Shape, Size, Source};
use crate::queue::Indexed;
use crate::real::Real;

pub(crate) use delayed::{Border, Delayed, Entry as DelayedEntry, Targets};
pub(crate) use driven::{Drift, Driven, Fan, LaneDrift};
pub(crate) use group::{FanOut, Group};
pub(crate) use pool::PoolPlan;
pub use runs::Reach;
pub(crate) use runs::Runs;
pub(crate) use taps::Taps;

/// An immutable, compiled [`Network`], which runs in the float `F` (`f32` or `f64`).
///
/// Weights are laid out so that one arriving spike touches contiguous memory. One plan serves any number of workers, each
/// of which owns a [`State`](crate::State).
#[derive(Clone, Debug)]
pub struct Plan<F> {
    pub(crate) network: Network,
    /// Of the network: tells plans apart.
    pub(crate) fingerprint: u64,
    pub(crate) geometry: Geometry,
    /// The environment, then each cell.
    pub(crate) groups: Vec<Group>,
    pub(crate) cells: Vec<CellPlan<F>>,
    /// Cells with currents, in order.
    pub(crate) driven: Vec<usize>,
    /// The first crossing of each of their neurons, cell by cell, by memory index.
    pub(crate) crossings: Indexed,
}

#[derive(Clone, Debug)]
pub(crate) struct CellPlan<F> {
    pub(crate) output: Shape,
    pub(crate) kind: Kind<F>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind<F> {
    /// Without delays and sub-sampling: a row of neurons at a time.
    Runs(Weighted<F>, Runs<F>),
    /// Without delays, with sub-sampling or sparse connections: a neuron at a time.
    Taps(Weighted<F>, Taps<F>),
    /// Any neurons with delays.
    Delayed(Weighted<F>, Delayed<F>),
    /// Any neurons, some with currents.
    Driven(Weighted<F>, Driven<F>),
    Pool(PoolPlan),
}

impl<F> Kind<F> {
    /// Of a cell with synapses.
    #[inline(always)]
    pub(crate) fn weighted(&self) -> Option<&Weighted<F>> {
        match self {
            Kind::Runs(weighted, _)
            | Kind::Taps(weighted, _)
            | Kind::Delayed(weighted, _)
            | Kind::Driven(weighted, _) => Some(weighted),
            Kind::Pool(_) => None,
        }
    }

    /// Of a cell with delays.
    #[inline(always)]
    pub(crate) fn delayed(&self) -> Option<(&Weighted<F>, &Delayed<F>)> {
        match self {
            Kind::Delayed(weighted, delayed) | Kind::Driven(weighted, Driven { fan: Fan::Delayed(delayed), .. }) => {
                Some((weighted, delayed))
            }
            _ => None,
        }
    }
}

/// What the kinds of weighted cells share.
#[derive(Clone, Debug)]
pub(crate) struct Weighted<F> {
    pub(crate) synapses: Synapses,
    pub(crate) neuron: NeuronPlan<F>,
    pub(crate) terminate_delta: u32,
    pub(crate) terminate_max: u32,
}

/// Geometry of the synapses of a weighted cell. A fully connected cell, and a convolution with a single position, is a
/// 1x1 kernel over as many channels as there are inputs.
#[derive(Clone, Debug)]
pub(crate) struct Synapses {
    pub(crate) is_flat: bool,
    /// Input, before it is flattened.
    pub(crate) input: Shape,
    pub(crate) n_channels: usize,
    pub(crate) n_outputs: usize,
    pub(crate) kernel: Size,
    pub(crate) stride: Size,
    pub(crate) padding: Size,
    pub(crate) sub_sample: Size,
    pub(crate) positions: Size,
    /// `[n_outputs][n_channels]`.
    pub(crate) is_connected: Vec<bool>,
}

/// Where a spike stands relative to the kernel: on each axis the kernel offset of its first tap, and the position that
/// tap belongs to. The next tap (`stride` further in the kernel) belongs to the position before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) channel: usize,
    pub(crate) first_ky: usize,
    pub(crate) first_kx: usize,
    pub(crate) qy: usize,
    pub(crate) qx: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct NeuronPlan<F> {
    pub(crate) rule: Rule<F>,
    /// `None` without leak.
    pub(crate) leak: Option<Leak>,
    pub(crate) refractory_period: u64,
}

impl<F: Real> NeuronPlan<F> {
    fn new(neuron: &Neuron) -> Self {
        Self {
            rule: Rule {
                threshold: F::from_f64(neuron.threshold),
                is_bipolar: neuron.bipolar_threshold,
                resets_to_zero: neuron.reset == Reset::Zero,
            },
            leak: Leak::new(neuron.membrane_time_constant),
            refractory_period: neuron.refractory_period.0,
        }
    }

    /// The potential after a spike from potential `v`.
    #[inline(always)]
    pub(crate) fn reset(&self, v: F) -> F {
        if self.rule.resets_to_zero {
            F::ZERO
        } else if v < F::ZERO {
            v + self.rule.threshold
        } else {
            v - self.rule.threshold
        }
    }
}

impl Synapses {
    fn of_conv(conv: &Conv, layout: &Layout) -> Self {
        let is_connected = conv.mapping.clone().unwrap_or_else(|| vec![true; conv.n_outputs * layout.input.channels]);
        let area = conv.kernel.width * conv.kernel.height;
        let covers_input = (conv.kernel.width, conv.kernel.height) == (layout.input.width, layout.input.height);
        if covers_input && conv.padding == (Size { width: 0, height: 0 }) {
            let each_pixel = is_connected.iter().flat_map(|&is| std::iter::repeat_n(is, area)).collect();
            return Self::flat(layout, conv.n_outputs, each_pixel);
        }
        Self {
            is_flat: false,
            input: layout.input,
            n_channels: layout.input.channels,
            n_outputs: conv.n_outputs,
            kernel: conv.kernel,
            stride: conv.stride,
            padding: conv.padding,
            sub_sample: conv.sub_sample,
            positions: layout.positions,
            is_connected,
        }
    }

    fn of_fc(fc: &Fc, layout: &Layout) -> Self {
        Self::flat(layout, fc.n_outputs, vec![true; fc.n_outputs * layout.input.len()])
    }

    fn flat(layout: &Layout, n_outputs: usize, is_connected: Vec<bool>) -> Self {
        let one = Size::square(1);
        Self {
            is_flat: true,
            input: layout.input,
            n_channels: layout.input.len(),
            n_outputs,
            kernel: one,
            stride: one,
            padding: Size { width: 0, height: 0 },
            sub_sample: one,
            positions: one,
            is_connected,
        }
    }

    /// Where a spike of the concatenated input at (channel, y, x) stands.
    #[inline(always)]
    pub(crate) fn arrival(&self, channel: usize, y: usize, x: usize) -> Arrival {
        if self.is_flat {
            let channel = (channel * self.input.height + y) * self.input.width + x;
            return Arrival { channel, first_ky: 0, first_kx: 0, qy: 0, qx: 0 };
        }
        let (qy, first_ky) = divide(y + self.padding.height, self.stride.height);
        let (qx, first_kx) = divide(x + self.padding.width, self.stride.width);
        Arrival { channel, first_ky, first_kx, qy, qx }
    }

    /// Where a spike stands that comes from the neuron of a canonical index.
    #[inline(always)]
    pub(crate) fn arrival_from(&self, group: &Group, first_channel: usize, canonical: u32) -> Arrival {
        let place = group.place(canonical);
        self.arrival(first_channel + place.channel, place.y, place.x)
    }

    /// Kernel taps along y and along x, each from the first one whose position is on the map.
    #[inline(always)]
    pub(crate) fn taps(&self, at: Arrival) -> (Range<usize>, Range<usize>) {
        let axis = |kernel: usize, stride: usize, first: usize, q: usize, n: usize| {
            (q + 1).saturating_sub(n)..n_taps(kernel, stride, first).min(q + 1)
        };
        (
            axis(self.kernel.height, self.stride.height, at.first_ky, at.qy, self.positions.height),
            axis(self.kernel.width, self.stride.width, at.first_kx, at.qx, self.positions.width),
        )
    }

    /// Index of a weight, `[output][channel][ky][kx]`.
    pub(crate) fn weight_index(&self, output: usize, channel: usize, ky: usize, kx: usize) -> usize {
        ((output * self.n_channels + channel) * self.kernel.height + ky) * self.kernel.width + kx
    }

    /// Row and column of the neurons, before the outputs.
    #[inline(always)]
    pub(crate) fn n_columns(&self) -> usize {
        self.positions.width.div_ceil(self.sub_sample.width)
    }
}

/// Quotient and remainder; a stride of 1 is the common case.
#[inline(always)]
fn divide(a: usize, b: usize) -> (usize, usize) {
    if b == 1 { (a, 0) } else { (a / b, a % b) }
}

/// Kernel offsets of one stride residue: how many there are.
#[inline(always)]
pub(crate) fn n_taps(kernel: usize, stride: usize, residue: usize) -> usize {
    if residue < kernel { (kernel - residue).div_ceil(stride) } else { 0 }
}

impl<F: Real> Plan<F> {
    /// Checks and compiles a network.
    ///
    /// # Errors
    ///
    /// The first fault found: sizes that are zero, contradict or are too large, inputs that do not stand before their
    /// cell, lists of the wrong length, a threshold that is not positive, a weight that is not finite in `F`.
    pub fn new(network: &Network) -> Result<Self, Error> {
        let geometry = layout::check::<F>(network)?;
        let may_be_negative = may_be_negative(network);
        let mut cells: Vec<CellPlan<F>> = network
            .cells
            .iter()
            .zip(&geometry.layouts)
            .map(|(cell, layout)| {
                let only_rises = cell.inputs.iter().all(|&input| !may_be_negative[layout::group(input)]);
                CellPlan { output: layout.output, kind: kind(cell, layout, only_rises) }
            })
            .collect();
        let groups = groups(network, &geometry, &cells, &may_be_negative);
        let (driven, crossings) = driven::number(&mut cells);
        let fingerprint = checkpoint::fingerprint(network);
        Ok(Self { network: network.clone(), fingerprint, geometry, groups, cells, driven, crossings })
    }

    /// The network it was compiled from.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Shape of the neurons of a source.
    pub fn shape(&self, source: Source) -> Shape {
        self.groups[layout::group(source)].shape
    }
}

/// Whether each group may emit negative spikes; cells stand after their inputs.
fn may_be_negative(network: &Network) -> Vec<bool> {
    let mut groups = vec![true];
    for cell in &network.cells {
        groups.push(match &cell.operator {
            Operator::Conv(conv) => conv.neuron.bipolar_threshold,
            Operator::Fc(fc) => fc.neuron.bipolar_threshold,
            Operator::Pool(_) => cell.inputs.iter().any(|&input| groups[layout::group(input)]),
        });
    }
    groups
}

/// The environment and the cells as sources.
fn groups<F>(network: &Network, geometry: &Geometry, cells: &[CellPlan<F>], may_be_negative: &[bool]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::with_capacity(cells.len() + 1);
    for (index, links) in geometry.links.iter().enumerate() {
        let shape = if index == 0 { network.input } else { geometry.layouts[index - 1].output };
        let fan_outs = links.iter().map(|&link| {
            let windows = match &cells[link.cell].kind {
                Kind::Pool(pool) if pool.only_rises => Some(pool.window_of_each(shape, link.first_channel)),
                _ => None,
            };
            FanOut { link, windows }
        });
        // With one neuron a map, both orders are the same.
        let has_memory_order = index > 0 && shape.plane() > 1;
        let fan_outs = fan_outs.collect();
        groups.push(Group::new(geometry.bases[index], shape, has_memory_order, may_be_negative[index], fan_outs));
    }
    groups
}

/// A cell is sparse where fewer than one in so many pairs of output and channel are connected: visiting the connected ones alone
/// is then faster than whole rows, if the outputs are many. Measured with 8 to 256 outputs: at one in 32 rows take 0.5 to 0.9 of
/// the time, at one in 64 it is 0.7 to 1.4 (256 outputs).
const SPARSE: u64 = 48;

/// `counts_only_rise`: no input spikes negatively.
fn kind<F: Real>(cell: &Cell, layout: &Layout, counts_only_rise: bool) -> Kind<F> {
    let (synapses, weights, delays, currents, parameters, terminate) = match &cell.operator {
        Operator::Pool(pool) => return Kind::Pool(PoolPlan::new(pool, layout, counts_only_rise)),
        Operator::Conv(c) => (Synapses::of_conv(c, layout), &c.weights, &c.delays, &c.currents, &c.neuron, (0, 0)),
        Operator::Fc(fc) => {
            let terminate = (fc.terminate_delta, fc.terminate_max);
            (Synapses::of_fc(fc, layout), &fc.weights, &fc.delays, &fc.currents, &fc.neuron, terminate)
        }
    };
    let neuron = NeuronPlan::new(parameters);
    let weighted = Weighted { synapses, neuron, terminate_delta: terminate.0, terminate_max: terminate.1 };
    let synapses = &weighted.synapses;
    let delayed = || {
        let delays = delays.as_ref().filter(|delays| delays.iter().any(|delay| delay.0 > 0))?;
        Some(Delayed::new(synapses, weights, delays))
    };
    let is_sparse = synapses.n_pairs() * SPARSE < (synapses.n_outputs * synapses.n_channels) as u64;
    let has_rows = synapses.sub_sample == Size::square(1) && !is_sparse;
    if let Some(currents) = currents.as_ref().filter(|currents| currents.iter().any(|&current| current != 0.0)) {
        let is_timed = neuron.leak.is_some() || neuron.refractory_period > 0;
        let fan = match delayed() {
            Some(delayed) => Fan::Delayed(delayed),
            None if is_timed || !has_rows => Fan::Taps(Taps::new(synapses, weights)),
            None => Fan::Runs(Runs::new(synapses, weights), Drift::new(currents, synapses)),
        };
        let driven = Driven::new(fan, currents, parameters, &weighted);
        return Kind::Driven(weighted, driven);
    }
    if let Some(delayed) = delayed() {
        return Kind::Delayed(weighted, delayed);
    }
    if has_rows {
        let runs = Runs::new(synapses, weights);
        return Kind::Runs(weighted, runs);
    }
    let taps = Taps::new(synapses, weights);
    Kind::Taps(weighted, taps)
}
