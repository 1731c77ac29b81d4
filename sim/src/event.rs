//! Spikes, and the total order of everything that happens.

use crate::network::Source;
use crate::time::SimTime;

/// The sign of a spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// Adds the weight to the membrane potential.
    Positive,
    /// Subtracts it.
    Negative,
}

impl Sign {
    /// 1 or -1.
    #[inline]
    pub fn value(self) -> i64 {
        match self {
            Sign::Positive => 1,
            Sign::Negative => -1,
        }
    }

    /// Negative iff `negative`.
    #[inline]
    pub fn from_negative(negative: bool) -> Self {
        if negative { Sign::Negative } else { Sign::Positive }
    }

    /// Is negative.
    #[inline]
    pub fn is_negative(self) -> bool {
        self == Sign::Negative
    }
}

/// What a neuron or pixel emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spike {
    /// When it was emitted.
    pub time: SimTime,
    /// The environment or the cell it comes from.
    pub source: Source,
    /// The neuron within the source, in canonical order (channel, y, x; x fastest).
    pub neuron: usize,
    /// Its sign.
    pub sign: Sign,
}

/// A spike that enters the network at a given time, for stimuli that are not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InputSpike {
    /// When it enters.
    pub time: SimTime,
    /// The input element, in canonical order (channel, y, x; x fastest).
    pub pixel: usize,
    /// Its sign.
    pub sign: Sign,
}

/// What happens first at one instant: threshold crossings, then delayed synaptic events, then the emissions of that
/// instant.
///
/// A crossing depends on what was before the instant, so nothing of the instant may come before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// A neuron with a constant current crosses its threshold between two arrivals.
    Cross,
    /// A delayed synaptic event arrives.
    Deliver,
    /// A source emits a spike, and its synapses without delay are read at once.
    Fire,
}

/// The place of an event in the total order, which is a function of content alone: time, then rank, then source, tap,
/// sign and ordinal, in the order of the fields.
///
/// No insertion sequence takes part, so that one thread, many threads and many machines order alike. Two events with
/// equal keys but for the ordinal do the same thing, so that it never matters which comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// When.
    pub time: SimTime,
    /// Cross before deliver before fire.
    pub rank: Rank,
    /// Position of the spike's source, or of the neuron that crosses, in the network: the environment first, then the cells in topological order, then
    /// the canonical neuron index (channel, y, x), whatever the plan's layout.
    pub source: u32,
    /// Position of the synapse among those of its source: receiving cell, input of that cell, kernel row, kernel
    /// column, output. Zero for a crossing and a fire.
    pub tap: u32,
    /// Positive before negative.
    pub sign: Sign,
    /// Tells apart what is equal otherwise.
    pub ordinal: u32,
}
