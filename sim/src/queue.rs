//! Queues: a ladder for many pending things, a heap for few, and a tournament for sources with one pending event each.

use std::hint::select_unpredictable;

use crate::event::EventKey;

pub mod indexed;
mod ladder;
mod wheel;

pub use indexed::Indexed;
pub use ladder::Ladder;
pub(crate) use wheel::Wheel;

/// What a queue can bucket: its order is that of the time first.
pub trait Timed: Copy + Ord {
    /// When it is due.
    fn time(&self) -> u64;
}

impl Timed for EventKey {
    #[inline]
    fn time(&self) -> u64 {
        self.time.0
    }
}

/// Children of a node. Four keep the heap shallow, and lie side by side in memory.
const ARITY: usize = 4;

/// A queue of pending things that gives back the least first.
///
/// The order is that of `T`, which must be total over content: equal items are interchangeable.
#[derive(Clone, Debug)]
pub struct EventQueue<T> {
    heap: Vec<T>,
}

impl<T> Default for EventQueue<T> {
    fn default() -> Self {
        Self { heap: Vec::new() }
    }
}

impl<T: Ord + Copy> EventQueue<T> {
    /// The least item.
    #[inline(always)]
    pub fn peek(&self) -> Option<&T> {
        self.heap.first()
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Holds nothing.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The items in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.heap.iter()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.heap.clear();
    }

    /// Takes all items from an iterator; forgets what was there.
    pub fn refill(&mut self, items: impl Iterator<Item = T>) {
        self.heap.clear();
        self.heap.extend(items);
        for i in (0..self.heap.len().div_ceil(ARITY)).rev() {
            self.sift_down(i);
        }
    }

    /// Adds an item.
    #[inline]
    pub fn push(&mut self, item: T) {
        self.heap.push(item);
        let mut i = self.heap.len() - 1;
        while i > 0 {
            let parent = (i - 1) / ARITY;
            if self.heap[parent] <= item {
                break;
            }
            self.heap[i] = self.heap[parent];
            i = parent;
        }
        self.heap[i] = item;
    }

    /// Takes the least item.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let last = self.heap.pop()?;
        let Some(&first) = self.heap.first() else { return Some(last) };
        self.replace_first(last);
        Some(first)
    }

    /// Puts `item` in the place of the least item, cheaper than a pop and a push. The queue must not be empty.
    #[inline]
    pub fn replace_first(&mut self, item: T) {
        self.heap[0] = item;
        self.sift_down(0);
    }

    #[inline]
    fn sift_down(&mut self, mut i: usize) {
        let n = self.heap.len();
        if i >= n {
            return;
        }
        let item = self.heap[i];
        loop {
            let first = i * ARITY + 1;
            if first >= n {
                break;
            }
            let children = &self.heap[first..(first + ARITY).min(n)];
            let mut least = 0;
            for k in 1..children.len() {
                if children[k] < children[least] {
                    least = k;
                }
            }
            if item <= children[least] {
                break;
            }
            self.heap[i] = children[least];
            i = first + least;
        }
        self.heap[i] = item;
    }
}

/// The pending times of a fixed number of sources, each of which has one: a tournament of losers (Knuth, The Art of
/// Computer Programming 3, 5.4.1).
///
/// The least (time, source) wins, so that a tie goes to the lower source. Moving the winner's time costs one comparison a
/// level, whatever comes next.
#[derive(Clone, Debug, Default)]
pub struct Tournament {
    /// The winner, then the losers of the inner nodes, in heap order.
    nodes: Vec<Contender>,
    /// What each leaf wins with while the tree is built.
    leaves: Vec<Contender>,
}

/// A time and its source as one number, so that comparing and choosing take no branch: who wins is hard to guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Contender(u128);

impl Contender {
    #[inline(always)]
    fn new(time: u64, source: u32) -> Self {
        Self(u128::from(time) << 64 | u128::from(source))
    }

    /// The winner and the loser of a match. Compiled from `min` and `max`, each would take a branch.
    #[inline(always)]
    fn played(self, other: Self) -> (Self, Self) {
        let wins = self < other;
        (select_unpredictable(wins, self, other), select_unpredictable(wins, other, self))
    }

    #[inline(always)]
    fn time(self) -> u64 {
        (self.0 >> 64) as u64
    }

    #[inline(always)]
    fn source(self) -> u32 {
        self.0 as u32
    }
}

impl Tournament {
    /// The time of a source that has nothing pending.
    pub const NEVER: u64 = u64::MAX;

    /// Takes the pending times of sources 0, 1, ...; forgets what was there.
    pub fn refill(&mut self, times: impl Iterator<Item = u64>) {
        self.clear();
        times.for_each(|time| self.push(time));
        self.build();
    }

    /// Bytes of a tournament of so many sources.
    pub(crate) fn n_bytes_of(n_sources: usize) -> usize {
        2 * n_sources.next_power_of_two() * size_of::<Contender>()
    }

    /// Forgets everything, keeps the memory. Nothing is pending until the next [`Tournament::build`].
    pub fn clear(&mut self) {
        self.leaves.clear();
        self.nodes.clear();
    }

    /// Adds the next source with its pending time.
    #[inline]
    pub fn push(&mut self, time: u64) {
        self.leaves.push(Contender::new(time, self.leaves.len() as u32));
    }

    /// Plays the tournament of the sources added.
    pub fn build(&mut self) {
        let Self { nodes, leaves } = self;
        let width = leaves.len().next_power_of_two();
        leaves.extend((leaves.len()..width).map(|source| Contender::new(Self::NEVER, source as u32)));
        nodes.clear();
        nodes.resize(width, Contender::default());
        // Each round plays the winners of the last, which move to the front.
        let mut n = width;
        while n > 1 {
            n /= 2;
            for i in 0..n {
                let (left, right) = (leaves[2 * i], leaves[2 * i + 1]);
                (leaves[i], nodes[n + i]) = left.played(right);
            }
        }
        nodes[0] = leaves[0];
    }

    /// The least time and its source; the time is [`Tournament::NEVER`] where nothing is pending.
    #[inline(always)]
    pub fn winner(&self) -> (u64, usize) {
        self.nodes.first().map_or((Self::NEVER, 0), |winner| (winner.time(), winner.source() as usize))
    }

    /// Pending times and their sources, in no order.
    pub fn pending(&self) -> impl Iterator<Item = (u64, usize)> {
        let pending = self.nodes.iter().filter(|contender| contender.time() < Self::NEVER);
        pending.map(|contender| (contender.time(), contender.source() as usize))
    }

    /// Gives the winner another time.
    #[inline(always)]
    pub fn replace_winner(&mut self, time: u64) {
        let Some(winner) = self.nodes.first() else { return };
        let (source, width) = (winner.source(), self.nodes.len());
        let mut winner = Contender::new(time, source);
        let mut node = (width + source as usize) / 2;
        while node > 0 {
            let loser = self.nodes[node];
            (winner, self.nodes[node]) = loser.played(winner);
            node /= 2;
        }
        self.nodes[0] = winner;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Push(u64),
        Pop,
        Replace(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        // A narrow range, so that ties are common.
        prop_oneof![3 => (0..50_u64).prop_map(Step::Push), 2 => Just(Step::Pop), 1 => (0..50_u64).prop_map(Step::Replace)]
    }

    proptest! {
        #[test]
        fn the_queue_gives_what_a_sorted_map_gives(start in prop::collection::vec(0..50_u64, 0..40), steps in prop::collection::vec(step(), 0..300)) {
            let mut queue = EventQueue::default();
            let mut map = BTreeMap::new();
            queue.refill(start.iter().enumerate().map(|(i, &t)| (t, i)));
            map.extend(start.iter().enumerate().map(|(i, &t)| ((t, i), ())));
            for (i, step) in steps.into_iter().enumerate() {
                let item = |time| (time, start.len() + i);
                match step {
                    Step::Push(time) => {
                        queue.push(item(time));
                        map.insert(item(time), ());
                    }
                    Step::Pop => prop_assert_eq!(queue.pop(), map.pop_first().map(|(key, ())| key)),
                    Step::Replace(time) if !map.is_empty() => {
                        map.pop_first();
                        map.insert(item(time), ());
                        queue.replace_first(item(time));
                    }
                    Step::Replace(_) => {}
                }
                prop_assert_eq!(queue.peek(), map.keys().next());
                prop_assert_eq!(queue.len(), map.len());
            }
            while let Some(least) = queue.pop() {
                prop_assert_eq!(Some(least), map.pop_first().map(|(key, ())| key));
            }
            prop_assert!(map.is_empty());
        }

        #[test]
        fn the_tournament_gives_what_a_sorted_map_gives(start in prop::collection::vec(0..50_u64, 0..40), steps in prop::collection::vec(prop::option::of(0..9_u64), 0..300)) {
            let mut tournament = Tournament::default();
            tournament.refill(start.iter().copied());
            let mut map: BTreeMap<(u64, usize), ()> = start.iter().enumerate().map(|(i, &t)| ((t, i), ())).collect();
            for step in steps {
                let (time, source) = tournament.winner();
                match map.pop_first() {
                    None => prop_assert_eq!(time, Tournament::NEVER),
                    Some((least, ())) => {
                        prop_assert_eq!((time, source), least);
                        if let Some(more) = step {
                            map.insert((time + more, source), ());
                        }
                    }
                }
                tournament.replace_winner(step.filter(|_| time < Tournament::NEVER).map_or(Tournament::NEVER, |more| time + more));
            }
        }
    }
}
