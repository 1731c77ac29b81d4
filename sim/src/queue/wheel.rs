//! A wheel: a bucket for each femtosecond of a short window.

/// Femtoseconds of the window, and buckets.
const SPAN: usize = 4096;
/// No slot.
const NONE: u32 = u32::MAX;

/// Pending things, none of which is due [`Wheel::SPAN`] fs or more after another.
///
/// A push and a take are a few instructions, however many things are pending. Memory follows the most there ever were.
#[derive(Clone, Debug)]
pub(crate) struct Wheel<T> {
    /// The least time that something is due; `u64::MAX` where nothing is.
    next_time: u64,
    /// Which of `words` are not zero.
    summary: u64,
    /// Which buckets are not empty.
    words: [u64; SPAN / 64],
    /// First slot of each bucket.
    firsts: Box<[u32; SPAN]>,
    slots: Vec<Slot<T>>,
    free: u32,
}

#[derive(Clone, Copy, Debug)]
struct Slot<T> {
    item: T,
    /// The next slot of the bucket, or the next free one.
    next: u32,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self {
            next_time: u64::MAX,
            summary: 0,
            words: [0; _],
            firsts: Box::new([NONE; SPAN]),
            slots: Vec::new(),
            free: NONE,
        }
    }
}

impl<T: Copy> Wheel<T> {
    pub(crate) const SPAN: u64 = SPAN as u64;

    /// The least time that something is due; `u64::MAX` where nothing is.
    #[inline(always)]
    pub(crate) fn next_time(&self) -> u64 {
        self.next_time
    }

    /// Adds items at times in any order. None of what is then pending may be due [`Wheel::SPAN`] fs or more after
    /// another.
    #[inline(always)]
    pub(crate) fn extend(&mut self, items: impl Iterator<Item = (u64, T)>) {
        let (mut free, mut summary, mut first_time) = (self.free, self.summary, u64::MAX);
        for (time, item) in items {
            first_time = first_time.min(time);
            let bucket = time as usize % SPAN;
            let (word, bit) = (bucket / 64, 1 << (bucket % 64));
            let slot = Slot { item, next: self.firsts[bucket] };
            if let Some(place) = self.slots.get_mut(free as usize) {
                self.firsts[bucket] = free;
                free = place.next;
                *place = slot;
            } else {
                self.firsts[bucket] = self.slots.len() as u32;
                self.slots.push(slot);
            }
            self.words[word] |= bit;
            summary |= 1 << word;
        }
        (self.free, self.summary) = (free, summary);
        self.next_time = self.next_time.min(first_time);
    }

    /// Takes all that is due at the least time, in no order: gives one of them, and appends the others to `others`. There
    /// must be something.
    #[inline(always)]
    pub(crate) fn take(&mut self, others: &mut Vec<T>) -> T {
        let bucket = self.next_time as usize % SPAN;
        let first = std::mem::replace(&mut self.firsts[bucket], NONE);
        let Slot { item, mut next } = self.release(first);
        while next != NONE {
            let slot = self.release(next);
            others.push(slot.item);
            next = slot.next;
        }
        let word = bucket / 64;
        self.words[word] &= !(1 << (bucket % 64));
        if self.words[word] == 0 {
            self.summary &= !(1 << word);
        }
        self.next_time = self.next_after(bucket);
        item
    }

    /// What is pending, with its time, in the order of time.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (u64, &T)> {
        let buckets =
            (0..SPAN as u64).map_while(|ahead| self.next_time.checked_add(ahead)).take_while(|&t| t < u64::MAX);
        buckets.flat_map(|time| {
            let slot = |index: u32| self.slots.get(index as usize);
            let first = slot(self.firsts[time as usize % SPAN]);
            std::iter::successors(first, move |before| slot(before.next)).map(move |slot| (time, &slot.item))
        })
    }

    /// Forgets everything, keeps the memory.
    pub(crate) fn clear(&mut self) {
        if self.next_time < u64::MAX {
            self.next_time = u64::MAX;
            self.summary = 0;
            self.words = [0; _];
            self.firsts.fill(NONE);
        }
        self.slots.clear();
        self.free = NONE;
    }

    #[inline(always)]
    fn release(&mut self, index: u32) -> Slot<T> {
        let place = &mut self.slots[index as usize];
        let slot = *place;
        place.next = std::mem::replace(&mut self.free, index);
        slot
    }

    /// The time of the first bucket that is not empty, counted from `bucket`, which lies at the least time so far.
    #[inline(always)]
    fn next_after(&self, bucket: usize) -> u64 {
        if self.summary == 0 {
            return u64::MAX;
        }
        let word = bucket / 64;
        let here = self.words[word] >> (bucket % 64);
        if here != 0 {
            return self.next_time + u64::from(here.trailing_zeros());
        }
        // All words after this one, around the wheel; this one's lower bits come last.
        let ahead = self.summary.rotate_right(word as u32 + 1).trailing_zeros() as usize + 1;
        let found = (word + ahead) % (SPAN / 64);
        let at = (word + ahead) * 64 + self.words[found].trailing_zeros() as usize;
        self.next_time + (at - bucket) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_wheel_gives_what_a_sorted_map_gives(
            start in 0..10_000_u64,
            steps in prop::collection::vec(prop::option::weighted(0.6, prop_oneof![0..5_u64, 0..4096_u64, 4090..4096_u64]), 0..400),
        ) {
            let mut wheel = Wheel::default();
            let mut map: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
            let mut now = start;
            for (i, step) in steps.into_iter().enumerate() {
                if let Some(ahead) = step {
                    wheel.extend(std::iter::once((now + ahead, i)));
                    map.entry(now + ahead).or_default().push(i);
                } else if let Some((time, mut items)) = map.pop_first() {
                    prop_assert_eq!(wheel.next_time(), time);
                    let mut taken = Vec::new();
                    let first = wheel.take(&mut taken);
                    taken.push(first);
                    taken.sort_unstable();
                    items.sort_unstable();
                    prop_assert_eq!(taken, items);
                    now = time;
                }
                prop_assert_eq!(wheel.next_time(), map.keys().next().copied().unwrap_or(u64::MAX));
                let mut pending: Vec<(u64, usize)> = wheel.pending().map(|(time, &item)| (time, item)).collect();
                pending.sort_unstable();
                let expected = map.iter().flat_map(|(&time, items)| items.iter().map(move |&item| (time, item)));
                prop_assert_eq!(pending, expected.collect::<Vec<_>>());
                if i % 150 == 149 {
                    wheel.clear();
                    map.clear();
                }
            }
        }
    }
}
