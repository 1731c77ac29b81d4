//! Cells whose neurons move on their own.

use super::{CellPlan, Delayed, Kind, Runs, Synapses, Taps, Weighted, n_taps};
use crate::crossing::Motion;
use crate::lanes::LANES;
use crate::network::Neuron;
use crate::queue::Indexed;
use crate::real::Real;

/// The synapses of a cell with currents, and how its neurons move.
#[derive(Clone, Debug)]
pub(crate) struct Driven<F> {
    pub(crate) fan: Fan<F>,
    /// One an output map; `None` where the current is 0.
    pub(crate) motions: Vec<Option<Motion>>,
    /// Its first neuron among those of all driven cells.
    pub(crate) first: u32,
}

/// Synapses.
#[derive(Clone, Debug)]
pub(crate) enum Fan<F> {
    /// Without delays, leak, refractory period and sub-sampling: a row of neurons at a time.
    Runs(Runs<F>, Drift),
    /// Without delays: a neuron at a time.
    Taps(Taps<F>),
    Delayed(Delayed<F>),
}

/// How each lane of the longest row of neurons moves.
#[derive(Clone, Debug)]
pub(crate) struct Drift {
    pub(crate) lanes: Vec<LaneDrift>,
}

/// The same for one step of lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneDrift {
    /// Potential per femtosecond.
    pub(crate) current: [f64; LANES],
    /// Femtoseconds up to the threshold and down to minus the threshold, for each unit of potential; [`LaneDrift::FAR`]
    /// where it moves the other way or not at all.
    pub(crate) up: [f64; LANES],
    pub(crate) down: [f64; LANES],
}

impl LaneDrift {
    /// Times a difference of potentials it is either 0, or longer than any time, or so small that it may be taken for 0.
    const FAR: f64 = 1e300;
}

impl Drift {
    pub(crate) fn new(currents: &[f64], synapses: &Synapses) -> Self {
        let n_taps = n_taps(synapses.kernel.width, synapses.stride.width, 0);
        let step = |step: usize| {
            let current = std::array::from_fn(|lane| currents[(step * LANES + lane) % currents.len()]);
            let towards = |sign: f64| {
                current.map(|current: f64| {
                    if sign * current > 0.0 { (1.0 / (sign * current)).min(LaneDrift::FAR) } else { LaneDrift::FAR }
                })
            };
            LaneDrift { current, up: towards(1.0), down: towards(-1.0) }
        };
        Self { lanes: (0..(n_taps * currents.len()).div_ceil(LANES)).map(step).collect() }
    }
}

impl<F: Real> Driven<F> {
    /// `first` is set when all cells are known.
    pub(crate) fn new(fan: Fan<F>, currents: &[f64], neuron: &Neuron, weighted: &Weighted<F>) -> Self {
        let threshold = weighted.neuron.rule.threshold.to_f64();
        let motion = |&current: &f64| (current != 0.0).then(|| Motion::new(current, neuron, threshold));
        Self { fan, motions: currents.iter().map(motion).collect(), first: 0 }
    }

    /// First crossing of each neuron of one position, by output.
    fn first_crossings(&self) -> impl Iterator<Item = u64> {
        self.motions.iter().map(|motion| motion.map_or(crate::crossing::NEVER, |motion| motion.next(0.0, 0, 0)))
    }
}

/// Numbers the neurons of all driven cells, one cell after the other: the cells, and each neuron's first crossing.
pub(super) fn number<F: Real>(cells: &mut [CellPlan<F>]) -> (Vec<usize>, Indexed) {
    let (mut driven, mut crossings) = (Vec::new(), Vec::new());
    for (index, cell) in cells.iter_mut().enumerate() {
        if let Kind::Driven(_, plan) = &mut cell.kind {
            plan.first = crossings.len() as u32;
            crossings.extend((0..cell.output.plane()).flat_map(|_| plan.first_crossings()));
            driven.push(index);
        }
    }
    // Rows are read and written in whole steps.
    crossings.extend([crate::crossing::NEVER; LANES]);
    (driven, Indexed::new(crossings.into_iter()))
}
