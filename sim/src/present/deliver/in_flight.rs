//! Spikes on their way over delayed synapses, told apart from how they wait.
//!
//! Which synapses of a spike have not been read follows from when it was emitted: those whose delay is longer than that is ago.

use std::collections::BTreeMap;

use super::{Cursor, Deliveries};
use crate::plan::Plan;
use crate::real::Real;

/// One spike on its way to one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InFlight {
    pub(crate) emitted_at: u64,
    /// Position of its source in the network.
    pub(crate) source: u32,
    pub(crate) cell: u32,
    /// Tells the links of the source apart.
    pub(crate) first_tap: u32,
    pub(crate) is_negative: bool,
}

impl<F: Real> Deliveries<F> {
    /// All of them, in an order of content.
    pub(crate) fn in_flight(&self, plan: &Plan<F>) -> Vec<InFlight> {
        // The first entry that is left of a spike, and how many equal spikes have it.
        let mut first: BTreeMap<InFlight, (u32, usize)> = BTreeMap::new();
        let mut see = |spike, entry| {
            let (least, n) = first.entry(spike).or_insert((entry, 0));
            if entry < *least {
                (*least, *n) = (entry, 0);
            }
            *n += usize::from(entry == *least);
        };
        for (time, delivery) in self.wheel.pending() {
            let Some((_, delayed)) = plan.cells[delivery.cell as usize].kind.delayed() else { continue };
            let entry = &delayed.entries[delivery.entry as usize];
            let spike = InFlight {
                emitted_at: time - entry.delay,
                source: (delivery.order >> 32) as u32,
                cell: delivery.cell,
                first_tap: (delivery.order as u32 >> 1) - entry.tap,
                is_negative: delivery.order & 1 == 1,
            };
            see(spike, delivery.entry);
        }
        let mut waits = vec![true; self.cursors.len()];
        self.free.iter().for_each(|&slot| waits[slot as usize] = false);
        let waiting = self.cursors.iter().zip(waits).filter(|&(_, waits)| waits).map(|(&cursor, _)| cursor);
        for cursor in self.front.cursors().chain(waiting) {
            let Cursor { emitted_at, source, cell, first_tap, is_negative, targets } = cursor;
            see(InFlight { emitted_at, source, cell, first_tap, is_negative }, targets.start);
        }
        first.into_iter().flat_map(|(spike, (_, n))| std::iter::repeat_n(spike, n)).collect()
    }

    /// Adds one, of which all has arrived up to `now`; `None` where the plan has no such spike, or nothing is left of it.
    pub(crate) fn put_back(&mut self, plan: &Plan<F>, now: u64, spike: InFlight) -> Option<()> {
        let InFlight { emitted_at, source, cell, first_tap, is_negative } = spike;
        let elapsed = now.checked_sub(emitted_at)?;
        let index = plan.geometry.bases.partition_point(|&base| base <= source).checked_sub(1)?;
        let group = plan.groups.get(index)?;
        let mut links = group.links.iter().map(|fan_out| fan_out.link);
        let link = links.find(|link| (link.cell as u32, link.first_tap) == (cell, first_tap))?;
        let (weighted, delayed) = plan.cells[link.cell].kind.delayed()?;
        let at = weighted.synapses.arrival_from(group, link.first_channel, source - group.base);
        let mut targets = delayed.targets(&weighted.synapses, at);
        let entries = &delayed.entries[targets.start as usize..targets.end as usize];
        targets.start += entries.partition_point(|entry| entry.delay <= elapsed) as u32;
        (targets.start..targets.end).find(|&entry| delayed.neuron(&weighted.synapses, targets, entry).is_some())?;
        let cursor = Cursor { emitted_at, source, is_negative, cell, first_tap, targets };
        self.advance(now, weighted, delayed, cursor);
        Some(())
    }
}
