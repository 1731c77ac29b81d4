//! A few spikes on their way, merged synapse by synapse.
//!
//! The synapses of a spike are sorted by delay, so a spike on its way is a stream of synaptic events in their order. Where
//! delays are alike, few spikes are on their way at once, and their streams are merged: no synaptic event is filed anywhere, and
//! each is read where it lies. Which stream is next is as good as random, so nothing branches on it, nor on what the border
//! cuts off.

use super::{Cursor, Delivery, ONLY_DELAYED};
use crate::lanes::Isa;
use crate::plan::{Border, Delayed, DelayedEntry as Entry, Kind, Plan, Targets, Weighted};
use crate::present::{Fire, Machine, arrive};
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::CellState;
use crate::time::SimTime;

/// Streams at most. With eight, keeping them in order took longer than a wheel for those beyond four.
const N: usize = 4;

/// Streams of synaptic events.
#[derive(Clone, Debug)]
pub(super) struct Front {
    /// Who is next, in order; those that are not there come last.
    next: [Next; N],
    streams: [Stream; N],
}

/// The next synaptic event of a stream.
#[derive(Clone, Copy, Debug)]
struct Next {
    /// Its time, then its place in the order at that instant.
    key: u128,
    stream: usize,
}

/// One spike on its way to one cell.
#[derive(Clone, Debug)]
struct Stream {
    cursor: Cursor,
    /// Entries of the cell's list that the border does not cut off.
    inside: Vec<u32>,
    /// How many of them have arrived.
    n_arrived: usize,
}

impl Next {
    /// None is left.
    const NEVER: u128 = u128::MAX;
    /// No stream is there.
    const NONE: [Self; N] = {
        let mut next = [Self { key: Self::NEVER, stream: 0 }; N];
        let mut stream = 0;
        while stream < N {
            next[stream].stream = stream;
            stream += 1;
        }
        next
    };

    #[inline(always)]
    fn time(self) -> u64 {
        (self.key >> 64) as u64
    }
}

impl Default for Front {
    fn default() -> Self {
        let none = |_| Stream { cursor: Cursor::NOTHING, inside: Vec::new(), n_arrived: 0 };
        Self { next: Next::NONE, streams: std::array::from_fn(none) }
    }
}

impl Front {
    /// The least time that something is due; `u64::MAX` where nothing is.
    #[inline(always)]
    pub(super) fn next_time(&self) -> u64 {
        self.next[0].time()
    }

    /// Whether there is room for another stream.
    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        self.next[N - 1].key == Next::NEVER
    }

    /// A spike sets out from the entry that it stands at. There is room.
    #[inline]
    pub(super) fn join<F: Real>(&mut self, weighted: &Weighted<F>, delayed: &Delayed<F>, cursor: Cursor) {
        let number = self.next[N - 1].stream;
        let stream = &mut self.streams[number];
        let entries = cursor.targets.start..cursor.targets.end;
        stream.inside.clear();
        if cursor.targets.border == Border::Far {
            stream.inside.extend(entries);
        } else {
            stream.inside.resize(entries.len(), 0);
            let mut n = 0;
            for entry in entries {
                stream.inside[n] = entry;
                n += usize::from(delayed.is_inside(&weighted.synapses, cursor.targets, entry));
            }
            stream.inside.truncate(n);
        }
        (stream.cursor, stream.n_arrived) = (cursor, 0);
        self.next[N - 1].key = stream.key(delayed);
        for i in (0..N - 1).rev() {
            self.settle(i);
        }
    }

    /// The stream that was first has come to its next synaptic event.
    #[inline(always)]
    fn moved<F: Real>(&mut self, delayed: &Delayed<F>) {
        self.next[0].key = self.streams[self.next[0].stream].key(delayed);
        for i in 0..N - 1 {
            self.settle(i);
        }
    }

    /// Puts a stream and the one after it in order.
    #[inline(always)]
    fn settle(&mut self, i: usize) {
        let (a, b) = (self.next[i], self.next[i + 1]);
        let is_after = a.key > b.key;
        let choose = |one: usize, other: usize| if is_after { other } else { one };
        self.next[i] = Next { key: a.key.min(b.key), stream: choose(a.stream, b.stream) };
        self.next[i + 1] = Next { key: a.key.max(b.key), stream: choose(b.stream, a.stream) };
    }

    /// Takes all that is due at `now`.
    pub(super) fn take<F: Real>(&mut self, now: u64, plan: &Plan<F>, together: &mut Vec<Delivery<F>>) {
        while self.next_time() == now {
            let stream = &mut self.streams[self.next[0].stream];
            let cell = stream.cursor.cell;
            let (weighted, delayed) = plan.cells[cell as usize].kind.delayed().expect(ONLY_DELAYED);
            let (entry, neuron) = stream.arrive(weighted, delayed);
            let Entry { weight, tap, .. } = delayed.entries[entry as usize];
            together.push(Delivery { order: stream.cursor.order(tap), weight, cell, neuron, entry });
            self.moved(delayed);
        }
    }

    /// Spikes on their way, each from its next synaptic event on.
    pub(super) fn cursors(&self) -> impl Iterator<Item = Cursor> {
        let left = |stream: &Stream| {
            let mut cursor = stream.cursor;
            cursor.targets.start = *stream.inside.get(stream.n_arrived)?;
            Some(cursor)
        };
        let there = self.next.iter().filter(|next| next.key < Next::NEVER);
        there.filter_map(move |next| left(&self.streams[next.stream]))
    }

    /// Forgets everything, keeps the memory. What comes next takes the places that it would take in a new front.
    pub(super) fn clear(&mut self) {
        self.next = Next::NONE;
    }
}

impl Stream {
    /// Time and place in the order of its next synaptic event.
    #[inline(always)]
    fn key<F: Real>(&self, delayed: &Delayed<F>) -> u128 {
        let Some(&entry) = self.inside.get(self.n_arrived) else { return Next::NEVER };
        let Entry { delay, tap, .. } = delayed.entries[entry as usize];
        u128::from(self.cursor.emitted_at + delay) << 64 | u128::from(self.cursor.order(tap))
    }

    /// Its next synaptic event arrives: entry and neuron. There is one.
    #[inline(always)]
    fn arrive<F: Real>(&mut self, weighted: &Weighted<F>, delayed: &Delayed<F>) -> (u32, u32) {
        let entry = self.inside[self.n_arrived];
        self.n_arrived += 1;
        let neuron = delayed.neuron(&weighted.synapses, self.cursor.targets, entry);
        (entry, neuron.expect("the border cuts off none that is inside"))
    }
}

impl Cursor {
    /// No spike.
    const NOTHING: Self =
        Self { emitted_at: 0, source: 0, is_negative: false, cell: 0, first_tap: 0, targets: Targets::NOTHING };
}

impl<F: Real, R: Recorder, I: Isa> Machine<'_, F, R, I> {
    /// The streams move on, and the clock with them, as long as they are before `until` and nothing has to be emitted first. There
    /// are no currents.
    #[inline(always)]
    pub(super) fn follow(&mut self, mut until: u64) {
        let Self { plan, cells, emissions, deliveries, recorder, clock, waiting, .. } = self;
        let front = &mut deliveries.front;
        loop {
            let Next { stream, .. } = front.next[0];
            let time = front.next_time();
            if time >= until {
                return;
            }
            let stream = &mut front.streams[stream];
            let cell = stream.cursor.cell as usize;
            let (Kind::Delayed(weighted, delayed), CellState::Neurons(state)) =
                (&plan.cells[cell].kind, &mut cells[cell])
            else {
                unreachable!("{ONLY_DELAYED}")
            };
            let (entry, neuron) = stream.arrive(weighted, delayed);
            let weight = delayed.entries[entry as usize].weight;
            let weight = if stream.cursor.is_negative { -weight } else { weight };
            front.moved(delayed);
            clock.now = time;
            recorder.arrival(SimTime(clock.start + time), cell);
            let pending = &mut emissions[cell + 1].pending;
            let first = pending.len();
            let fired = arrive::neuron(&weighted.neuron, state, neuron as usize, weight, time);
            let mut fire = Fire { weighted, pending, clock };
            if let Some(is_negative) = fired {
                fire.pending.push(neuron << 1 | u32::from(is_negative));
                fire.decide(state, first);
                waiting.insert(cell + 1);
                // What is due now comes before it is emitted, all else after.
                until = time + 1;
            }
            fire.show(state, (cell, neuron as usize), first, *recorder);
        }
    }
}
