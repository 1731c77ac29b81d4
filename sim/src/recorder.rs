//! What is kept of a run beside the counts.

use crate::event::{Sign, Spike};
use crate::layout;
use crate::plan::{CellPlan, Kind, Plan, Reach};
use crate::real::Real;
use crate::time::{SimDuration, SimTime};

/// Sees every spike that the network emits, in the total order of events.
///
/// What is not asked for costs nothing: the engine is compiled for recorders that see nothing, emissions, spikes or
/// potentials, and reaches the recorder itself behind a pointer.
pub trait Recorder {
    /// Whether it looks at nothing at all.
    #[doc(hidden)]
    const IS_NOTHING: bool = false;

    /// Whether it looks at spikes at all; where not, the engine may handle those of one instant in any order that gives the
    /// same counts and potentials.
    const SEES_SPIKES: bool = true;

    /// Whether it looks at membrane potentials.
    const SEES_POTENTIALS: bool = false;

    /// Is called once a spike, the input spikes included.
    fn spike(&mut self, spike: Spike);

    /// Is called once a spike and listening cell with rows of neurons in its reach.
    #[doc(hidden)]
    #[inline(always)]
    fn reach(&mut self, _cell: usize, _reach: Reach, _is_negative: bool) {}

    /// Is called once an instant and group that may emit then, with the memory indices (shifted by one) and signs of what it
    /// emits, in the order in which the neurons fired.
    #[doc(hidden)]
    #[inline(always)]
    fn emission(&mut self, _time: SimTime, _group: usize, _emissions: &[u32]) {}

    /// Is called once a synaptic event at a cell with delays, whether that synapse has one or not.
    #[doc(hidden)]
    #[inline(always)]
    fn arrival(&mut self, _time: SimTime, _cell: usize) {}

    /// Is called, where it looks at potentials, after each synaptic event and each crossing of a cell: `look` tells of a
    /// neuron, by its memory index, the potential that is left and the sign of the spike fired, if it was concerned.
    #[doc(hidden)]
    #[inline(always)]
    fn potentials(&mut self, _time: SimTime, _cell: usize, _look: impl Fn(u32) -> Option<(f64, Option<Sign>)>) {}
}

/// Records nothing; counts per neuron are kept by the state in any case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Recorder for Nothing {
    const IS_NOTHING: bool = true;
    const SEES_SPIKES: bool = false;

    #[inline(always)]
    fn spike(&mut self, _: Spike) {}
}

/// Records every spike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raster {
    /// The spikes in the order of their emission.
    pub spikes: Vec<Spike>,
}

impl Recorder for Raster {
    #[inline]
    fn spike(&mut self, spike: Spike) {
        self.spikes.push(spike);
    }
}

/// A membrane potential, as a synaptic event or a crossing has left it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Potential {
    /// When it came.
    pub time: SimTime,
    /// The cell of the neuron.
    pub cell: usize,
    /// Canonical index of the neuron (channel, y, x; x fastest).
    pub neuron: usize,
    /// What is left, after the reset if the neuron fired; it holds until the next one, but for leak and current.
    pub potential: f64,
    /// The sign of the spike that the neuron fired, which it emits 1 fs later.
    pub fired: Option<Sign>,
}

/// Records the membrane potentials of chosen neurons: one entry for each synaptic event that reaches them and each crossing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Potentials {
    /// Cell, memory index, canonical index.
    watched: Vec<(usize, u32, usize)>,
    /// The entries in the order of events.
    pub entries: Vec<Potential>,
}

impl Potentials {
    /// A recorder of neurons, each by its cell and its canonical index.
    ///
    /// # Panics
    ///
    /// Panics when a cell has no such neuron, or no potentials, as pooling cells.
    pub fn new<F: Real>(plan: &Plan<F>, neurons: &[(usize, usize)]) -> Self {
        let memory = |cell: usize, neuron: usize| {
            let index = layout::memory_indices(cell + 1, plan.cells[cell].output).nth(neuron);
            let has_potential = plan.cells[cell].kind.weighted().is_some();
            index.filter(|_| has_potential).expect("the cell has a neuron of this index with a potential") as u32
        };
        let watched = neurons.iter().map(|&(cell, neuron)| (cell, memory(cell, neuron), neuron));
        Self { watched: watched.collect(), entries: Vec::new() }
    }
}

impl<F: Real> Plan<F> {
    /// The membrane potential of a neuron, by its cell and its canonical index, that nothing has reached for a while.
    ///
    /// # Panics
    ///
    /// Panics when the cell has no potentials, as pooling cells.
    pub fn potential_after(&self, cell: usize, neuron: usize, potential: f64, elapsed: SimDuration) -> f64 {
        let CellPlan { kind, output, .. } = &self.cells[cell];
        let weighted = kind.weighted().expect("the cell has potentials");
        let motion = match kind {
            Kind::Driven(_, driven) => driven.motions[neuron / output.plane()].as_ref(),
            _ => None,
        };
        match (motion, &weighted.neuron.leak) {
            (Some(motion), _) => F::from_f64(motion.potential(potential, elapsed.0)).to_f64(),
            (None, Some(leak)) => leak.decay(F::from_f64(potential), elapsed.0).to_f64(),
            (None, None) => potential,
        }
    }
}

impl Recorder for Potentials {
    const SEES_SPIKES: bool = false;
    const SEES_POTENTIALS: bool = true;

    #[inline(always)]
    fn spike(&mut self, _: Spike) {}

    #[inline(always)]
    fn potentials(&mut self, time: SimTime, cell: usize, look: impl Fn(u32) -> Option<(f64, Option<Sign>)>) {
        for &(_, memory, neuron) in self.watched.iter().filter(|watched| watched.0 == cell) {
            if let Some((potential, fired)) = look(memory) {
                self.entries.push(Potential { time, cell, neuron, potential, fired });
            }
        }
    }
}

impl<R: Recorder> Recorder for &mut R {
    const IS_NOTHING: bool = R::IS_NOTHING;
    const SEES_SPIKES: bool = R::SEES_SPIKES;
    const SEES_POTENTIALS: bool = R::SEES_POTENTIALS;

    #[inline(always)]
    fn spike(&mut self, spike: Spike) {
        (**self).spike(spike);
    }

    #[inline(always)]
    fn reach(&mut self, cell: usize, reach: Reach, is_negative: bool) {
        (**self).reach(cell, reach, is_negative);
    }

    #[inline(always)]
    fn emission(&mut self, time: SimTime, group: usize, emissions: &[u32]) {
        (**self).emission(time, group, emissions);
    }

    #[inline(always)]
    fn arrival(&mut self, time: SimTime, cell: usize) {
        (**self).arrival(time, cell);
    }

    #[inline(always)]
    fn potentials(&mut self, time: SimTime, cell: usize, look: impl Fn(u32) -> Option<(f64, Option<Sign>)>) {
        (**self).potentials(time, cell, look);
    }
}

/// Both record.
impl<A: Recorder, B: Recorder> Recorder for (A, B) {
    const IS_NOTHING: bool = A::IS_NOTHING && B::IS_NOTHING;
    const SEES_SPIKES: bool = A::SEES_SPIKES || B::SEES_SPIKES;
    const SEES_POTENTIALS: bool = A::SEES_POTENTIALS || B::SEES_POTENTIALS;

    #[inline(always)]
    fn spike(&mut self, spike: Spike) {
        self.0.spike(spike);
        self.1.spike(spike);
    }

    #[inline(always)]
    fn reach(&mut self, cell: usize, reach: Reach, is_negative: bool) {
        self.0.reach(cell, reach, is_negative);
        self.1.reach(cell, reach, is_negative);
    }

    #[inline(always)]
    fn emission(&mut self, time: SimTime, group: usize, emissions: &[u32]) {
        self.0.emission(time, group, emissions);
        self.1.emission(time, group, emissions);
    }

    #[inline(always)]
    fn arrival(&mut self, time: SimTime, cell: usize) {
        self.0.arrival(time, cell);
        self.1.arrival(time, cell);
    }

    #[inline(always)]
    fn potentials(&mut self, time: SimTime, cell: usize, look: impl Fn(u32) -> Option<(f64, Option<Sign>)>) {
        self.0.potentials(time, cell, &look);
        self.1.potentials(time, cell, look);
    }
}

/// A [`Recorder`] behind a pointer.
#[doc(hidden)]
pub trait Watch {
    fn spike(&mut self, spike: Spike);
    fn reach(&mut self, cell: usize, reach: Reach, is_negative: bool);
    fn emission(&mut self, time: SimTime, group: usize, emissions: &[u32]);
    fn arrival(&mut self, time: SimTime, cell: usize);
    fn potentials(&mut self, time: SimTime, cell: usize, look: &dyn Fn(u32) -> Option<(f64, Option<Sign>)>);
}

impl<R: Recorder> Watch for R {
    fn spike(&mut self, spike: Spike) {
        Recorder::spike(self, spike);
    }

    fn reach(&mut self, cell: usize, reach: Reach, is_negative: bool) {
        Recorder::reach(self, cell, reach, is_negative);
    }

    fn emission(&mut self, time: SimTime, group: usize, emissions: &[u32]) {
        Recorder::emission(self, time, group, emissions);
    }

    fn arrival(&mut self, time: SimTime, cell: usize) {
        Recorder::arrival(self, time, cell);
    }

    fn potentials(&mut self, time: SimTime, cell: usize, look: &dyn Fn(u32) -> Option<(f64, Option<Sign>)>) {
        Recorder::potentials(self, time, cell, look);
    }
}

/// Stands for a recorder that looks at this much.
pub(crate) struct Seen<'a, const SPIKES: bool, const POTENTIALS: bool>(pub(crate) &'a mut dyn Watch);

impl<const SPIKES: bool, const POTENTIALS: bool> Recorder for Seen<'_, SPIKES, POTENTIALS> {
    const SEES_SPIKES: bool = SPIKES;
    const SEES_POTENTIALS: bool = POTENTIALS;

    #[inline(always)]
    fn spike(&mut self, spike: Spike) {
        self.0.spike(spike);
    }

    #[inline(always)]
    fn reach(&mut self, cell: usize, reach: Reach, is_negative: bool) {
        self.0.reach(cell, reach, is_negative);
    }

    #[inline(always)]
    fn emission(&mut self, time: SimTime, group: usize, emissions: &[u32]) {
        self.0.emission(time, group, emissions);
    }

    #[inline(always)]
    fn arrival(&mut self, time: SimTime, cell: usize) {
        self.0.arrival(time, cell);
    }

    #[inline(always)]
    fn potentials(&mut self, time: SimTime, cell: usize, look: impl Fn(u32) -> Option<(f64, Option<Sign>)>) {
        self.0.potentials(time, cell, &look);
    }
}
