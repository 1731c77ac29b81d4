//! Spikes on their way over delayed synapses.

use crate::lanes::Isa;
use crate::layout::Link;
use crate::plan::{Arrival, Delayed, Kind, Plan, Weighted};
use crate::present::driven::Drive;
use crate::present::{Fire, Machine};
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::{CellState, Cursor, Deliveries};

impl<F: Real, R: Recorder, I: Isa> Machine<'_, F, R, I> {
    /// The delayed synaptic event that is first in the order arrives.
    #[inline(always)]
    pub(super) fn deliver(&mut self) {
        let Some(&(_, slot)) = self.deliveries.queue.peek() else { return };
        let cursor = &mut self.deliveries.cursors[slot as usize];
        let cell = cursor.cell as usize;
        let kind = &self.plan.cells[cell].kind;
        let (Some((weighted, delayed)), CellState::Neurons(state)) = (kind.delayed(), &mut self.cells[cell]) else {
            unreachable!("only cells with delays have deliveries")
        };
        let entry = &delayed.entries[cursor.next as usize];
        let neuron = entry.neuron(&weighted.synapses, cursor.qy, cursor.qx).expect("a cursor rests on a synapse");
        let pending = &mut self.emissions[cell + 1].pending;
        let mut fire = Fire { weighted, pending, clock: &mut self.clock };
        if let Kind::Driven(_, driven) = kind {
            let mut drive = Drive { driven, crossings: self.crossings };
            let output = neuron % weighted.synapses.n_outputs;
            drive.arrive(&mut fire, state, (neuron, output), entry.weight, cursor.is_negative);
        } else {
            fire.arrive(state, neuron, entry.weight, cursor.is_negative);
        }
        if !pending.is_empty() {
            self.waiting.insert(cell + 1);
        }
        cursor.next += 1;
        match due(weighted, delayed, cursor) {
            Some(key) => self.deliveries.queue.replace_first((key, slot)),
            None => {
                self.deliveries.queue.pop();
                self.deliveries.free.push(slot);
            }
        }
    }
}

/// Moves a cursor to its next synapse and gives that one's place in the order: time, source, tap, sign.
#[inline(always)]
fn due<F: Real>(weighted: &Weighted<F>, delayed: &Delayed<F>, cursor: &mut Cursor) -> Option<u128> {
    while cursor.next < cursor.end {
        let entry = &delayed.entries[cursor.next as usize];
        if entry.neuron(&weighted.synapses, cursor.qy, cursor.qx).is_some() {
            // Past the end of time is past the end of the presentation.
            let time = cursor.emitted_at.saturating_add(entry.delay);
            let tap = u128::from(cursor.first_tap + entry.tap);
            let sign = u128::from(cursor.is_negative);
            return Some(u128::from(time) << 64 | u128::from(cursor.source) << 32 | tap << 1 | sign);
        }
        cursor.next += 1;
    }
    None
}

/// Counts what is still on its way.
pub(super) fn count_unread<F: Real>(plan: &Plan<F>, cells: &mut [CellState<F>], deliveries: &Deliveries) {
    for &(_, slot) in deliveries.queue.iter() {
        let cursor = &deliveries.cursors[slot as usize];
        let cell = cursor.cell as usize;
        if let (Some((weighted, delayed)), CellState::Neurons(state)) =
            (plan.cells[cell].kind.delayed(), &mut cells[cell])
        {
            for entry in &delayed.entries[cursor.next as usize..cursor.end as usize] {
                if entry.neuron(&weighted.synapses, cursor.qy, cursor.qx).is_some() {
                    state.unread[entry.weight_index as usize] += 1;
                }
            }
        }
    }
}

impl Deliveries {
    #[inline(always)]
    pub(super) fn next_time(&self) -> u64 {
        self.queue.peek().map_or(u64::MAX, |&(key, _)| (key >> 64) as u64)
    }

    /// A spike sets out over its synapses at `now`; those without delay are read at once: `arrive` takes neuron and weight.
    #[expect(clippy::too_many_arguments, reason = "what a spike is, and whom it reaches")]
    #[inline(always)]
    pub(super) fn send<F: Real>(
        &mut self,
        now: u64,
        (weighted, delayed): (&Weighted<F>, &Delayed<F>),
        link: Link,
        source: u32,
        at: Arrival,
        is_negative: bool,
        mut arrive: impl FnMut(usize, F),
    ) {
        let list = delayed.list(at);
        let mut cursor = Cursor {
            emitted_at: now,
            source,
            is_negative,
            cell: link.cell as u32,
            first_tap: link.first_tap,
            qy: at.qy as u32,
            qx: at.qx as u32,
            next: list.start,
            end: list.end,
        };
        while cursor.next < cursor.end {
            let entry = &delayed.entries[cursor.next as usize];
            if entry.delay > 0 {
                break;
            }
            if let Some(neuron) = entry.neuron(&weighted.synapses, cursor.qy, cursor.qx) {
                arrive(neuron, entry.weight);
            }
            cursor.next += 1;
        }
        if let Some(key) = due(weighted, delayed, &mut cursor) {
            self.push(key, cursor);
        }
    }

    #[inline]
    fn push(&mut self, key: u128, cursor: Cursor) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.cursors[slot as usize] = cursor;
                slot
            }
            None => {
                self.cursors.push(cursor);
                self.cursors.len() as u32 - 1
            }
        };
        self.queue.push((key, slot));
    }
}
