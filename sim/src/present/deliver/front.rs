//! A few spikes under way, merged synapse by synapse.
//!
//! The synapses of a spike are sorted by delay, so a spike on its way is a stream of synaptic events in the order of time. Where
//! delays are alike, few spikes are on their way at once, and their streams are merged: the one that is due first moves on until
//! another is due. No synaptic event is filed anywhere, and each is read where it lies.

use super::{Cursor, Delivery, ONLY_DELAYED};
use crate::lanes::Isa;
use crate::plan::{Delayed, DelayedEntry as Entry, Kind, Plan, Targets, Weighted};
use crate::present::{Fire, Machine, arrive};
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::CellState;
use crate::time::SimTime;

/// Streams at most. Finding the next of more takes longer than a wheel.
const N: usize = 8;
/// When a stream is due that is not there.
const NEVER: u64 = u64::MAX;

/// Streams of synaptic events.
#[derive(Clone, Debug)]
pub(super) struct Front {
    /// When the next synaptic event of each is due.
    times: [u64; N],
    /// Each stands at its next synaptic event.
    cursors: [Cursor; N],
    /// The least time.
    next_time: u64,
}

/// The stream that is due first.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    pub(super) stream: usize,
    pub(super) time: u64,
    /// When another is due.
    pub(super) others: u64,
}

impl Default for Front {
    fn default() -> Self {
        Self { times: [NEVER; N], cursors: [Cursor::NOTHING; N], next_time: NEVER }
    }
}

impl Front {
    /// The least time that something is due; `u64::MAX` where nothing is.
    #[inline(always)]
    pub(super) fn next_time(&self) -> u64 {
        self.next_time
    }

    /// A place for another stream.
    #[inline(always)]
    pub(super) fn free(&self) -> Option<usize> {
        self.times.iter().position(|&time| time == NEVER)
    }

    /// A stream stands where the cursor does, whose synaptic event is due at `time`; `u64::MAX` where none is left.
    #[inline(always)]
    pub(super) fn put(&mut self, stream: usize, time: u64, cursor: Cursor) {
        (self.times[stream], self.cursors[stream]) = (time, cursor);
        self.next_time = self.times.iter().fold(NEVER, |least, &time| least.min(time));
    }

    /// The stream that is due first.
    #[inline(always)]
    pub(super) fn first(&self) -> First {
        let mut first = First { stream: 0, time: NEVER, others: NEVER };
        for (stream, &time) in self.times.iter().enumerate() {
            first.others = first.others.min(time.max(first.time));
            first.stream = if time < first.time { stream } else { first.stream };
            first.time = first.time.min(time);
        }
        first
    }

    /// Takes all that is due at `now`.
    pub(super) fn take<F: Real>(&mut self, now: u64, plan: &Plan<F>, together: &mut Vec<Delivery<F>>) {
        for stream in 0..N {
            if self.times[stream] != now {
                continue;
            }
            let mut cursor = self.cursors[stream];
            let (weighted, delayed) = plan.cells[cursor.cell as usize].kind.delayed().expect(ONLY_DELAYED);
            let mut next = cursor.next(weighted, delayed);
            while let Some((neuron, time)) = next
                && time == now
            {
                let (entry, cell) = (cursor.targets.start, cursor.cell);
                let Entry { weight, tap, .. } = delayed.entries[entry as usize];
                together.push(Delivery { order: cursor.order(tap), weight, cell, neuron, entry });
                cursor.targets.start += 1;
                next = cursor.next(weighted, delayed);
            }
            self.put(stream, next.map_or(NEVER, |(_, time)| time), cursor);
        }
    }

    /// Spikes on their way, each from its next synaptic event on.
    pub(super) fn cursors(&self) -> impl Iterator<Item = &Cursor> {
        self.cursors.iter().zip(&self.times).filter(|&(_, &time)| time < NEVER).map(|(cursor, _)| cursor)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        (self.times, self.next_time) = ([NEVER; N], NEVER);
    }
}

impl Cursor {
    /// No spike.
    const NOTHING: Self =
        Self { emitted_at: 0, source: 0, is_negative: false, cell: 0, first_tap: 0, targets: Targets::NOTHING };

    /// Goes to the next synapse that the border does not cut off, from the one it stands at on: its neuron, and when its synaptic
    /// event is due.
    #[inline(always)]
    pub(super) fn next<F: Real>(&mut self, weighted: &Weighted<F>, delayed: &Delayed<F>) -> Option<(u32, u64)> {
        while self.targets.start < self.targets.end {
            let entry = self.targets.start;
            if let Some(neuron) = delayed.neuron(&weighted.synapses, self.targets, entry) {
                return Some((neuron, self.emitted_at + delayed.entries[entry as usize].delay));
            }
            self.targets.start += 1;
        }
        None
    }
}

impl<F: Real, R: Recorder, I: Isa> Machine<'_, F, R, I> {
    /// A stream moves on, and the clock with it, as long as it is before `until` and nothing has to be emitted first. There are no
    /// currents.
    #[inline(always)]
    pub(super) fn follow(&mut self, stream: usize, mut until: u64) {
        let Self { plan, cells, emissions, deliveries, recorder, clock, .. } = self;
        let mut cursor = deliveries.front.cursors[stream];
        let cell = cursor.cell as usize;
        let (Kind::Delayed(weighted, delayed), CellState::Neurons(state)) = (&plan.cells[cell].kind, &mut cells[cell])
        else {
            unreachable!("{ONLY_DELAYED}")
        };
        let mut fire = Fire { weighted, pending: &mut emissions[cell + 1].pending, clock };
        let mut next = cursor.next(weighted, delayed);
        while let Some((neuron, time)) = next
            && time < until
        {
            fire.clock.now = time;
            let weight = delayed.entries[cursor.targets.start as usize].weight;
            let weight = if cursor.is_negative { -weight } else { weight };
            cursor.targets.start += 1;
            recorder.arrival(SimTime(fire.clock.start + time), cell);
            let first = fire.pending.len();
            if let Some(is_negative) = arrive::neuron(&weighted.neuron, state, neuron as usize, weight, time) {
                fire.pending.push(neuron << 1 | u32::from(is_negative));
                fire.decide(state, first);
                self.waiting.insert(cell + 1);
                // What is due now comes before it is emitted, all else after.
                until = time + 1;
            }
            fire.show(state, (cell, neuron as usize), first, *recorder);
            next = cursor.next(weighted, delayed);
        }
        deliveries.front.put(stream, next.map_or(NEVER, |(_, time)| time), cursor);
    }
}
