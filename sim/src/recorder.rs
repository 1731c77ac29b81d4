//! What is kept of a run beside the counts.

use crate::event::Spike;
use crate::plan::Reach;
use crate::time::SimTime;

/// Sees every spike that the network emits, in the total order of events.
///
/// Chosen statically: what is not asked for costs nothing.
pub trait Recorder {
    /// Whether it looks at spikes at all; where not, the engine may handle those of one instant in any order that gives the
    /// same counts and potentials.
    const SEES_SPIKES: bool = true;

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
}

/// Records nothing; counts per neuron are kept by the state in any case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Recorder for Nothing {
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

impl<R: Recorder> Recorder for &mut R {
    const SEES_SPIKES: bool = R::SEES_SPIKES;

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
}

/// Both record.
impl<A: Recorder, B: Recorder> Recorder for (A, B) {
    const SEES_SPIKES: bool = A::SEES_SPIKES || B::SEES_SPIKES;

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
}
