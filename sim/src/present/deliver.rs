//! Spikes on their way over delayed synapses.
//!
//! A spike on its way is a cursor over its synapses, which are sorted by delay. A few cursors are merged: see [`front`]. Of the
//! others, what is due within the span of a wheel waits there, one entry a synaptic event. A spike with synapses that are due
//! later waits as a cursor in a queue until the next of them is due; it then moves all that are in the wheel's span by then to the
//! wheel. So narrow delays need no queue, and wide ones no more memory than a cursor a spike and what is due within the span.

mod front;
mod in_flight;

use crate::lanes::Isa;
use crate::layout::Link;
use crate::plan::{Border, Delayed, DelayedEntry as Entry, Kind, Plan, Targets, Weighted};
use crate::present::driven::Drive;
use crate::present::{Fire, Machine, arrive};
use crate::queue::{Ladder, Timed, Wheel};
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::CellState;
use crate::time::SimTime;

use front::Front;
pub(crate) use in_flight::InFlight;

const ONLY_DELAYED: &str = "only cells with delays have deliveries";

/// Spikes on their way over delayed synapses.
#[derive(Clone, Debug)]
pub(crate) struct Deliveries<F> {
    front: Front,
    wheel: Wheel<Delivery<F>>,
    waiting: Ladder<Waiting>,
    /// The least time in `waiting`.
    waiting_time: u64,
    cursors: Vec<Cursor>,
    free: Vec<u32>,
    /// Of one instant.
    together: Vec<Delivery<F>>,
}

/// A synaptic event that is due within the wheel's span.
#[derive(Clone, Copy, Debug)]
struct Delivery<F> {
    /// Its place in the order at its instant: source, tap, sign.
    order: u64,
    weight: F,
    cell: u32,
    neuron: u32,
    /// Index in the cell's list.
    entry: u32,
}

/// One spike on its way to one cell.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    emitted_at: u64,
    source: u32,
    is_negative: bool,
    cell: u32,
    first_tap: u32,
    /// From the entry that is due next on.
    targets: Targets,
}

impl Cursor {
    /// Place in the order at its instant of a synaptic event, by its tap.
    #[inline(always)]
    fn order(&self, tap: u32) -> u64 {
        u64::from(self.source) << 32 | u64::from(self.first_tap + tap) << 1 | u64::from(self.is_negative)
    }
}

/// When a cursor's next entry is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    time: u64,
    cursor: u32,
}

impl Timed for Waiting {
    #[inline(always)]
    fn time(&self) -> u64 {
        self.time
    }
}

impl<F: Real, R: Recorder, I: Isa> Machine<'_, F, R, I> {
    /// The delayed synaptic events that are due now arrive. Then, as long as nothing is emitted, those of the next instants
    /// `before` another, which become the clock.
    #[inline(never)]
    pub(super) fn deliver(&mut self, before: u64) {
        let mut together = std::mem::take(&mut self.deliveries.together);
        // A decision moves the end, but what decides also waits to be emitted.
        let limit = before.min(self.clock.end);
        let has_crossings = !self.plan.driven.is_empty();
        loop {
            while self.deliveries.waiting_time == self.clock.now {
                self.wake();
            }
            let now = self.clock.now;
            let others = self.deliveries.wheel.next_time().min(self.deliveries.waiting_time);
            if others > now && !has_crossings {
                // What is due now arrives in any case.
                self.follow(limit.min(others).max(now + 1));
            } else {
                self.deliveries.take(now, self.plan, &mut together);
                if together.len() > 1 {
                    together.sort_unstable_by_key(|delivery| delivery.order);
                }
                together.drain(..).for_each(|delivery| self.arrive(delivery));
            }
            if !self.waiting.is_empty() {
                break;
            }
            let next = self.deliveries.next_time();
            if next >= limit || (has_crossings && next >= self.crossings.least_time()) {
                break;
            }
            self.clock.now = next;
        }
        self.deliveries.together = together;
    }

    #[inline(always)]
    fn arrive(&mut self, delivery: Delivery<F>) {
        let cell = delivery.cell as usize;
        self.recorder.arrival(SimTime(self.clock.start + self.clock.now), cell);
        let CellState::Neurons(state) = &mut self.cells[cell] else { unreachable!("{ONLY_DELAYED}") };
        let Delivery { neuron, weight, order, .. } = delivery;
        let weighted = match &self.plan.cells[cell].kind {
            Kind::Delayed(weighted, _) => weighted,
            Kind::Driven(weighted, driven) => {
                let pending = &mut self.emissions[cell + 1].pending;
                let mut fire = Fire { weighted, pending, clock: &mut self.clock };
                let mut drive = Drive { driven, crossings: self.crossings };
                let (neuron, first) = (neuron as usize, fire.pending.len());
                let output = neuron % weighted.synapses.n_outputs;
                drive.arrive(&mut fire, state, (neuron, output), weight, order & 1 == 1);
                fire.show(state, (cell, neuron), first, self.recorder);
                if !pending.is_empty() {
                    self.waiting.insert(cell + 1);
                }
                return;
            }
            _ => unreachable!("{ONLY_DELAYED}"),
        };
        let weight = if order & 1 == 1 { -weight } else { weight };
        let now = self.clock.now;
        let first = if R::SEES_POTENTIALS { self.emissions[cell + 1].pending.len() } else { 0 };
        if let Some(is_negative) = arrive::neuron(&weighted.neuron, state, neuron as usize, weight, now) {
            let pending = &mut self.emissions[cell + 1].pending;
            pending.push(neuron << 1 | u32::from(is_negative));
            let first = pending.len() - 1;
            Fire { weighted, pending, clock: &mut self.clock }.decide(state, first);
            self.waiting.insert(cell + 1);
        }
        if R::SEES_POTENTIALS {
            let pending = &mut self.emissions[cell + 1].pending;
            let fire = Fire { weighted, pending, clock: &mut self.clock };
            fire.show(state, (cell, neuron as usize), first, self.recorder);
        }
    }

    /// The cursor that is due now moves on.
    #[inline(never)]
    fn wake(&mut self) {
        let Some(Waiting { cursor: slot, .. }) = self.deliveries.waiting.pop() else { return };
        self.deliveries.waiting_time = self.deliveries.waiting.peek().map_or(u64::MAX, |next| next.time);
        let cursor = self.deliveries.cursors[slot as usize];
        let Some((weighted, delayed)) = self.plan.cells[cursor.cell as usize].kind.delayed() else {
            unreachable!("{ONLY_DELAYED}")
        };
        self.deliveries.free.push(slot);
        self.deliveries.advance(self.clock.now, weighted, delayed, cursor);
    }
}

impl<F> Default for Deliveries<F> {
    fn default() -> Self {
        Self {
            front: Front::default(),
            wheel: Wheel::default(),
            waiting: Ladder::default(),
            waiting_time: u64::MAX,
            cursors: Vec::new(),
            free: Vec::new(),
            together: Vec::new(),
        }
    }
}

impl<F: Real> Deliveries<F> {
    /// The least time that something is due; `u64::MAX` where nothing is.
    #[inline(always)]
    pub(crate) fn next_time(&self) -> u64 {
        self.front.next_time().min(self.wheel.next_time()).min(self.waiting_time)
    }

    pub(crate) fn clear(&mut self) {
        self.front.clear();
        self.wheel.clear();
        self.waiting.clear();
        self.waiting_time = u64::MAX;
        self.cursors.clear();
        self.free.clear();
    }

    /// A spike sets out over its synapses at `now`; those without delay are read at once: `arrive` takes neuron and weight.
    #[expect(clippy::too_many_arguments, reason = "what a spike is, and whom it reaches")]
    #[inline(always)]
    pub(super) fn send(
        &mut self,
        now: u64,
        (weighted, delayed): (&Weighted<F>, &Delayed<F>),
        link: Link,
        source: u32,
        mut targets: Targets,
        is_negative: bool,
        mut arrive: impl FnMut(usize, F),
    ) {
        while targets.start < targets.end {
            let entry = &delayed.entries[targets.start as usize];
            if entry.delay > 0 {
                let (cell, first_tap) = (link.cell as u32, link.first_tap);
                let cursor = Cursor { emitted_at: now, source, is_negative, cell, first_tap, targets };
                return self.advance(now, weighted, delayed, cursor);
            }
            if let Some(neuron) = delayed.neuron(&weighted.synapses, targets, targets.start) {
                arrive(neuron as usize, entry.weight);
            }
            targets.start += 1;
        }
    }

    /// All that is due at `now`, in no order.
    #[inline(always)]
    fn take(&mut self, now: u64, plan: &Plan<F>, together: &mut Vec<Delivery<F>>) {
        if self.wheel.next_time() == now {
            let first = self.wheel.take(together);
            together.push(first);
        }
        if self.front.next_time() == now {
            self.front.take(now, plan, together);
        }
    }

    /// A cursor all of whose synapses are due within the span joins the front, if there is room. Of another, moves what is due
    /// within the span to the wheel; the cursor waits for the rest.
    #[inline(never)]
    fn advance(&mut self, now: u64, weighted: &Weighted<F>, delayed: &Delayed<F>, mut cursor: Cursor) {
        let Cursor { emitted_at, cell, targets, .. } = cursor;
        // What would be due at the end of time waits, and never is: the wheel holds earlier times only.
        let most_delay =
            (now - emitted_at).saturating_add(Wheel::<Delivery<F>>::SPAN - 1).min(u64::MAX - 1 - emitted_at);
        let delivery = |entry: u32, neuron: u32| {
            let Entry { delay, tap, weight, .. } = delayed.entries[entry as usize];
            let order = cursor.order(tap);
            // Past the end of time is past the end of the presentation.
            (emitted_at.saturating_add(delay), Delivery { order, weight, cell, neuron, entry })
        };
        let rest = &delayed.entries[targets.start as usize..targets.end as usize];
        let is_due = |entry: &Entry<F>| entry.delay <= most_delay;
        // Most often all is due.
        let all_due = rest.last().is_none_or(is_due);
        if all_due && self.front.has_room() {
            return self.front.join(weighted, delayed, cursor);
        }
        let n_due = if all_due { rest.len() } else { rest.iter().take_while(|e| is_due(e)).count() };
        let due = targets.start..targets.start + n_due as u32;
        let neuron = |entry: u32| delayed.neuron(&weighted.synapses, targets, entry);
        if targets.border == Border::Far {
            self.wheel.extend(
                due.clone()
                    .map(|entry| delivery(entry, neuron(entry).expect("a spike far from the border reaches all"))),
            );
        } else {
            self.wheel.extend(due.clone().filter_map(|entry| Some(delivery(entry, neuron(entry)?))));
        }
        cursor.targets.start = due.end;
        while cursor.targets.start < targets.end {
            if neuron(cursor.targets.start).is_some() {
                let delay = delayed.entries[cursor.targets.start as usize].delay;
                return self.wait(emitted_at.saturating_add(delay), cursor);
            }
            cursor.targets.start += 1;
        }
    }

    fn wait(&mut self, time: u64, cursor: Cursor) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.cursors.push(cursor);
            self.cursors.len() as u32 - 1
        });
        self.cursors[slot as usize] = cursor;
        self.waiting.push(Waiting { time, cursor: slot });
        self.waiting_time = self.waiting_time.min(time);
    }

    /// Takes what is still on its way, and counts it as unread.
    pub(super) fn count_unread(&mut self, plan: &Plan<F>, cells: &mut [CellState<F>]) {
        let mut count = |cell: u32, entry: u32, targets: Option<Targets>| {
            if let (Some((weighted, delayed)), CellState::Neurons(state)) =
                (plan.cells[cell as usize].kind.delayed(), &mut cells[cell as usize])
                && targets.is_none_or(|targets| delayed.neuron(&weighted.synapses, targets, entry).is_some())
            {
                let weight = delayed.places[entry as usize].weight_index as usize;
                state.unread[weight] += 1;
                state.has_unread.cover(weight, weight + 1);
            }
        };
        for Cursor { cell, targets, .. } in self.front.cursors() {
            (targets.start..targets.end).for_each(|entry| count(cell, entry, Some(targets)));
        }
        while self.wheel.next_time() < u64::MAX {
            let first = self.wheel.take(&mut self.together);
            self.together.push(first);
            self.together.drain(..).for_each(|delivery| count(delivery.cell, delivery.entry, None));
        }
        while let Some(Waiting { cursor, .. }) = self.waiting.pop() {
            let Cursor { cell, targets, .. } = self.cursors[cursor as usize];
            (targets.start..targets.end).for_each(|entry| count(cell, entry, Some(targets)));
        }
    }
}
