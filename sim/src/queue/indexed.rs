//! A queue whose sources are known beforehand and whose times move: neurons that fire on their own.

/// Children of a node: eight times are one cache line.
const ARITY: usize = 8;

/// The pending times of a fixed number of sources, any of which may move at any time.
///
/// A tree of minima over the times, eight wide. Most moves neither lower the least time of their eight nor raise it, and
/// end there, after two comparisons; the worst costs one scan of eight a level. The least (time, source) is first, so that
/// a tie goes to the lower source.
#[derive(Clone, Debug, Default)]
pub struct Indexed {
    /// All levels, the sources' times first, each padded to whole blocks of [`ARITY`] with [`Indexed::NEVER`].
    times: Vec<u64>,
    /// Where each level begins.
    levels: Vec<usize>,
}

impl Indexed {
    /// The time of a source that has nothing pending.
    pub const NEVER: u64 = u64::MAX;

    /// Takes the pending times of sources 0, 1, ...
    pub fn new(times: impl Iterator<Item = u64>) -> Self {
        let mut times: Vec<u64> = times.collect();
        let mut levels = vec![0];
        let mut first = 0;
        while times.len() - first > 1 {
            times.resize(first + (times.len() - first).next_multiple_of(ARITY), Self::NEVER);
            let next = times.len();
            for block in (first..next).step_by(ARITY) {
                times.push(least(&times[block..block + ARITY]));
            }
            levels.push(next);
            first = next;
        }
        Self { times, levels }
    }

    /// Becomes equal to another queue over as many sources, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        self.times.clone_from(&other.times);
        self.levels.clone_from(&other.levels);
    }

    /// The least time; [`Indexed::NEVER`] where nothing is pending.
    #[inline(always)]
    pub fn least_time(&self) -> u64 {
        self.times.last().copied().unwrap_or(Self::NEVER)
    }

    /// The time of a source.
    #[inline(always)]
    pub fn time(&self, source: usize) -> u64 {
        self.times[source]
    }

    /// The first source of the least time; `None` where nothing is pending.
    #[inline]
    pub fn least(&self) -> Option<(u64, usize)> {
        let time = self.least_time();
        if time == Self::NEVER {
            return None;
        }
        let mut at = 0;
        for &first in self.levels[..self.levels.len() - 1].iter().rev() {
            let block = &self.times[first + at * ARITY..][..ARITY];
            at = at * ARITY + block.iter().position(|&t| t == time)?;
        }
        Some((time, at))
    }

    /// Moves a source's time, earlier or later.
    #[inline]
    pub fn set(&mut self, source: usize, time: u64) {
        let (mut at, mut time) = (source, time);
        let mut first = 0;
        for &next in &self.levels[1..] {
            let before = std::mem::replace(&mut self.times[first + at], time);
            let block = at / ARITY;
            let parent = self.times[next + block];
            if time < parent {
                // It leads its block now.
            } else if before == parent && time > parent {
                // It led its block, which may have another of the same time.
                time = least(&self.times[first + block * ARITY..][..ARITY]);
                if time == parent {
                    return;
                }
            } else {
                return;
            }
            (first, at) = (next, block);
        }
        self.times[first + at] = time;
    }

    /// The times of `n` sources from `first` on, to be moved; [`Indexed::refresh`] of the same must follow.
    #[inline(always)]
    pub fn times_mut(&mut self, first: usize, n: usize) -> &mut [u64] {
        &mut self.times[first..][..n]
    }

    /// Makes good what was written to the times of `n` sources from `first` on, at least one.
    #[inline(always)]
    pub fn refresh(&mut self, first: usize, n: usize) {
        let (mut from, mut to) = (first, first + n - 1);
        let mut level = 0;
        for &next in &self.levels[1..] {
            let (children, parents) = self.times[level..].split_at_mut(next - level);
            let mut moved = None;
            for block in from / ARITY..=to / ARITY {
                let time = least(&children[block * ARITY..][..ARITY]);
                if parents[block] != time {
                    parents[block] = time;
                    moved = Some((moved.map_or(block, |(from, _)| from), block));
                }
            }
            let Some(range) = moved else { return };
            (from, to) = range;
            level = next;
        }
    }
}

#[inline(always)]
fn least(block: &[u64]) -> u64 {
    block.iter().fold(u64::MAX, |least, &time| least.min(time))
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use priority_queue::PriorityQueue;
    use proptest::prelude::*;

    use super::*;

    fn time() -> impl Strategy<Value = u64> {
        // A narrow range, so that ties are common.
        prop_oneof![6 => 0..30_u64, 1 => Just(Indexed::NEVER)]
    }

    proptest! {
        #[test]
        fn the_indexed_queue_gives_what_priority_queue_gives(
            start in prop::collection::vec(time(), 0..600), moves in prop::collection::vec((any::<prop::sample::Index>(), time(), any::<bool>()), 0..300),
        ) {
            let mut queue = Indexed::new(start.iter().copied());
            let fresh = queue.clone();
            let mut oracle: PriorityQueue<usize, Reverse<(u64, usize)>> =
                start.iter().enumerate().map(|(i, &t)| (i, Reverse((t, i)))).collect();
            for (index, time, is_run) in moves {
                let least = oracle.peek().map(|(_, &Reverse(least))| least).filter(|&(time, _)| time < Indexed::NEVER);
                prop_assert_eq!(queue.least(), least);
                prop_assert_eq!(queue.least_time(), least.map_or(Indexed::NEVER, |(time, _)| time));
                if start.is_empty() {
                    break;
                }
                let source = index.index(start.len());
                let n = if is_run { (time % 20) as usize + 1 } else { 1 }.min(start.len() - source);
                if is_run {
                    queue.times_mut(source, n).fill(time);
                    queue.refresh(source, n);
                } else {
                    queue.set(source, time);
                }
                for source in source..source + n {
                    prop_assert_eq!(queue.time(source), time);
                    oracle.change_priority(&source, Reverse((time, source)));
                }
            }
            queue.copy_from(&fresh);
            let first = start.iter().enumerate().map(|(i, &t)| (t, i)).min().filter(|&(time, _)| time < Indexed::NEVER);
            prop_assert_eq!(queue.least(), first);
        }
    }
}
