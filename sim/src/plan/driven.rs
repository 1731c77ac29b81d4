//! Cells whose neurons move on their own.

use super::{CellPlan, Delayed, Kind, Taps, Weighted};
use crate::crossing::Motion;
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

/// Synapses without or with delays.
#[derive(Clone, Debug)]
pub(crate) enum Fan<F> {
    Taps(Taps<F>),
    Delayed(Delayed<F>),
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
    (driven, Indexed::new(crossings.into_iter()))
}
