//! Sums over stimuli, and the read events that follow from them.

use crate::lanes::{self, Isa, OnIsa};
use crate::layout;
use crate::network::{Shape, Source};
use crate::plan::{Kind, Plan, Synapses};
use crate::real::Real;
use crate::state::{CellState, State};

/// Spikes of one neuron or pixel over many stimuli.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TotalCounts {
    /// Positive spikes.
    pub positive: u64,
    /// Negative spikes.
    pub negative: u64,
}

impl TotalCounts {
    /// Spikes of both signs.
    pub fn total(self) -> u64 {
        self.positive + self.negative
    }

    /// Positive minus negative spikes.
    pub fn net(self) -> i64 {
        self.positive as i64 - self.negative as i64
    }
}

/// Sums of counts over stimuli: whole numbers, so the order of adding and merging does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The environment's, then each cell's.
    pub(crate) groups: Vec<GroupTotals>,
    /// Fingerprint of the plan's network.
    pub(crate) made_for: u64,
    /// Synaptic events that had not arrived at the end, by cell and weight; empty for cells without delays.
    pub(crate) unread: Vec<Vec<u64>>,
    pub(crate) n_stimuli: u64,
}

/// Spikes of a group by memory index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupTotals {
    shape: Shape,
    pub(crate) positive: Vec<u64>,
    /// Empty where the group never spikes negatively.
    pub(crate) negative: Vec<u64>,
}

impl GroupTotals {
    fn counts(&self, group: usize) -> impl Iterator<Item = TotalCounts> {
        layout::memory_indices(group, self.shape)
            .map(|i| TotalCounts { positive: self.positive[i], negative: self.negative.get(i).copied().unwrap_or(0) })
    }
}

impl Totals {
    /// Nothing yet.
    pub fn new<F: Real>(plan: &Plan<F>) -> Self {
        let unread = plan.cells.iter().map(|cell| {
            let n = cell.kind.delayed().map_or(0, |(weighted, _)| weighted.synapses.n_weights());
            vec![0; n]
        });
        let groups = plan.groups.iter().map(|group| GroupTotals {
            shape: group.shape,
            positive: vec![0; group.len()],
            negative: vec![0; if group.may_be_negative { group.len() } else { 0 }],
        });
        Self { groups: groups.collect(), made_for: plan.fingerprint, unread: unread.collect(), n_stimuli: 0 }
    }

    /// Adds the stimulus that the state has just seen.
    ///
    /// # Panics
    ///
    /// Panics when both were not made for the same plan.
    pub fn add<F: Real>(&mut self, state: &State<F>) {
        assert_eq!(self.made_for, state.made_for, "totals add states of their plan");
        lanes::on_widest(AddCounts(self, state));
        for (totals, cell) in self.unread.iter_mut().zip(&state.cells) {
            if let CellState::Neurons(cell) = cell {
                let range = cell.has_unread.range(cell.unread.len());
                add(&mut totals[range.clone()], &cell.unread[range]);
            }
        }
        self.n_stimuli += 1;
    }

    /// Adds what another worker has summed.
    ///
    /// # Panics
    ///
    /// Panics when both were not made for the same plan.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.made_for, other.made_for, "totals merge with totals of their plan");
        for (totals, more) in self.groups.iter_mut().zip(&other.groups) {
            add(&mut totals.positive, &more.positive);
            add(&mut totals.negative, &more.negative);
        }
        for (totals, more) in self.unread.iter_mut().zip(&other.unread) {
            add(totals, more);
        }
        self.n_stimuli += other.n_stimuli;
    }

    /// Forgets everything: a new phase begins.
    pub fn clear(&mut self) {
        for totals in &mut self.groups {
            totals.positive.fill(0);
            totals.negative.fill(0);
        }
        self.unread.iter_mut().for_each(|unread| unread.fill(0));
        self.n_stimuli = 0;
    }

    /// Spikes of each neuron of a source, in canonical order (channel, y, x; x fastest).
    pub fn counts(&self, source: Source) -> Vec<TotalCounts> {
        let group = layout::group(source);
        self.groups[group].counts(group).collect()
    }

    /// Stimuli added.
    pub fn n_stimuli(&self) -> u64 {
        self.n_stimuli
    }

    /// Spikes of the environment and all cells.
    pub fn n_spikes(&self) -> u64 {
        let all = |group: &GroupTotals| group.positive.iter().chain(&group.negative).sum::<u64>();
        self.groups.iter().map(all).sum()
    }
}

struct AddCounts<'a, F>(&'a mut Totals, &'a State<F>);

impl<F: Real> OnIsa for AddCounts<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self(totals, state) = self;
        for (totals, emissions) in totals.groups.iter_mut().zip(&state.emissions) {
            let range = emissions.touched.range(emissions.positive.len());
            add(&mut totals.positive[range.clone()], &emissions.positive[range.clone()]);
            if !emissions.negative.is_empty() {
                add(&mut totals.negative[range.clone()], &emissions.negative[range]);
            }
        }
    }
}

#[inline(always)]
fn add<T: Copy + Into<u64>>(totals: &mut [u64], more: &[T]) {
    for (total, &more) in totals.iter_mut().zip(more) {
        *total += more.into();
    }
}

impl<F: Real> Plan<F> {
    /// Read events of each synapse, by cell and then in the order of the cell's weights; `None` where an output is not
    /// connected to a channel. Empty for pooling cells, which have no synapse.
    ///
    /// A read event is the arrival of one spike over one synapse. A convolution's synapse is a shared weight, read at every
    /// position. The number follows from how often each source spiked and from the geometry, less what had not arrived
    /// at the end.
    ///
    /// # Panics
    ///
    /// Panics when the totals were made for another plan.
    pub fn reads(&self, totals: &Totals) -> Vec<Vec<Option<u64>>> {
        assert_eq!(totals.made_for, self.fingerprint, "reads follow from totals of the same plan");
        let cells = self.cells.iter().zip(&self.network.cells).zip(&totals.unread);
        cells
            .map(|((plan, cell), unread)| {
                let Some(weighted) = plan.kind.weighted() else { return Vec::new() };
                let synapses = &weighted.synapses;
                let spikes: Vec<u64> = cell
                    .inputs
                    .iter()
                    .flat_map(|&input| totals.counts(input).into_iter().map(TotalCounts::total))
                    .collect();
                let mut reads = vec![None; synapses.n_weights()];
                for channel in 0..synapses.n_channels {
                    for ky in 0..synapses.kernel.height {
                        for kx in 0..synapses.kernel.width {
                            let arrivals = synapses.elements(channel, ky, kx).map(|element| spikes[element]).sum();
                            for output in 0..synapses.n_outputs {
                                if synapses.is_connected[output * synapses.n_channels + channel] {
                                    let weight = synapses.weight_index(output, channel, ky, kx);
                                    reads[weight] = Some(arrivals);
                                }
                            }
                        }
                    }
                }
                for (reads, unread) in reads.iter_mut().zip(unread) {
                    *reads = reads.map(|reads: u64| reads - unread);
                }
                reads
            })
            .collect()
    }
}

impl<F: Real> Plan<F> {
    /// Arrivals of spikes at the windows of each pooling cell, one for each window that a spike's neuron lies in; 0 for other
    /// cells.
    ///
    /// # Panics
    ///
    /// Panics when the totals were made for another plan.
    pub fn window_arrivals(&self, totals: &Totals) -> Vec<u64> {
        assert_eq!(totals.made_for, self.fingerprint, "arrivals follow from totals of the same plan");
        let cells = self.cells.iter().zip(&self.network.cells);
        cells
            .map(|(plan, cell)| {
                let Kind::Pool(pool) = &plan.kind else { return 0 };
                let spikes = cell.inputs.iter().flat_map(|&input| totals.counts(input)).map(TotalCounts::total);
                let (height, width) = (pool.input.height, pool.input.width);
                let windows = |element: usize| {
                    let (rows, columns) = pool.windows(element / width % height, element % width);
                    (rows.len() * columns.len() * pool.outputs(element / (height * width)).len()) as u64
                };
                spikes.enumerate().map(|(element, spikes)| spikes * windows(element)).sum()
            })
            .collect()
    }
}

impl Synapses {
    /// Number of weights, connected or not.
    pub(crate) fn n_weights(&self) -> usize {
        self.n_outputs * self.n_channels * self.kernel.width * self.kernel.height
    }

    /// Input elements that one kernel offset reads over all positions, with what lies in the padding left out.
    fn elements(&self, channel: usize, ky: usize, kx: usize) -> impl Iterator<Item = usize> {
        let (height, width) = if self.is_flat { (1, 1) } else { (self.input.height, self.input.width) };
        let rows = inside(ky, self.padding.height, self.stride.height, self.positions.height, height);
        rows.flat_map(move |y| {
            inside(kx, self.padding.width, self.stride.width, self.positions.width, width)
                .map(move |x| (channel * height + y) * width + x)
        })
    }

    /// Pairs of a position and a kernel offset that meet inside the input, over all connected pairs of maps.
    pub(crate) fn n_virtual(&self) -> u64 {
        let (height, width) = if self.is_flat { (1, 1) } else { (self.input.height, self.input.width) };
        let axis = |kernel: usize, padding, stride, positions, n| -> u64 {
            (0..kernel).map(|k| inside(k, padding, stride, positions, n).count() as u64).sum()
        };
        let rows = axis(self.kernel.height, self.padding.height, self.stride.height, self.positions.height, height);
        let columns = axis(self.kernel.width, self.padding.width, self.stride.width, self.positions.width, width);
        rows * columns * self.n_pairs()
    }

    /// Connected pairs of output and channel.
    pub(crate) fn n_pairs(&self) -> u64 {
        self.is_connected.iter().filter(|&&is| is).count() as u64
    }
}

/// Coordinates that one kernel offset meets inside a row of `n`, over all positions.
fn inside(k: usize, padding: usize, stride: usize, positions: usize, n: usize) -> impl Iterator<Item = usize> {
    (0..positions).filter_map(move |o| (o * stride + k).checked_sub(padding).filter(|&at| at < n))
}
