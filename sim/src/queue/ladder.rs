//! A ladder: buckets within buckets by the leading bits of the time, and a short sorted front.

mod rung;

use super::{EventQueue, Timed};
use rung::{Bucket, Chunks, Rung};

/// A bucket of so many items or fewer is sorted, a longer one is spread over the buckets of another rung.
const FEW: usize = 16;
/// Items of a rung that are laid side by side: as many as the second cache holds.
const MOST_SIDE_BY_SIDE: usize = 1 << 14;
/// Items that the front takes by insertion.
const MOST_IN_FRONT: usize = 32;
/// Bits by which the first rung reaches further than what is pending, so that few pushes lie beyond it.
const HEADROOM: u32 = 2;

/// A queue of pending things that gives back the least first, in a time that hardly depends on how many there are.
///
/// It is made for pushes that lie at or after the last item popped. An earlier one is in order too, but costs what it costs
/// in a heap. Equal times are told apart by the rest of the order of `T`, which must be total over content. Memory follows
/// the most items that were ever pending, and is reused.
///
/// Items whose time is at most that of the front's last lie in the front, sorted. Each later one lies in the bucket of a
/// rung: by the highest bit in which its time differs from the front's, a rung is chosen, and by that bit and some below,
/// a bucket of it. When the front is empty, the first bucket of the last rung becomes the front if it holds few items, or
/// else is spread over a new rung, by the highest bits in which its own items differ. So an item moves once for every
/// `MOST_BITS` bits by which it lies ahead of the others, whatever the distribution.
///
/// After the radix heap (Ahuja, Mehlhorn, Orlin and Tarjan 1990, Faster algorithms for the shortest path problem) and the
/// ladder queue (Tang, Goh and Thng 2005, Ladder queue: an O(1) priority queue structure for large-scale discrete event
/// simulation).
#[derive(Clone, Debug)]
pub struct Ladder<T> {
    /// The greatest first.
    front: Vec<T>,
    /// Items that belong to the front, too many to be inserted there.
    late: EventQueue<T>,
    /// The last time that belongs to the front.
    front_last: u64,
    /// A time that belongs to the front.
    base: u64,
    /// For the highest bit in which a time beyond the front differs from `base`: the rung it belongs to.
    rung_of_bit: [u8; 64],
    /// Each lies within the bucket of the one before that is spread. The first has one bucket, for all times.
    rungs: Vec<Rung<T>>,
    n_rungs: usize,
    chunks: Chunks<T>,
    len: usize,
}

impl<T> Default for Ladder<T> {
    fn default() -> Self {
        Self {
            front: Vec::new(),
            late: EventQueue::default(),
            front_last: 0,
            base: 0,
            rung_of_bit: [0; 64],
            rungs: vec![Rung::new(64)],
            n_rungs: 1,
            chunks: Chunks::default(),
            len: 0,
        }
    }
}

impl<T: Timed> Ladder<T> {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.front.clear();
        self.late.clear();
        (self.front_last, self.base, self.len) = (0, 0, 0);
        self.rung_of_bit = [0; 64];
        for rung in &mut self.rungs[..self.n_rungs] {
            while let Some((bucket, _)) = rung.take_first() {
                self.chunks.drain(bucket, |_| {});
            }
        }
        self.n_rungs = 1;
    }

    /// Adds an item.
    #[inline]
    pub fn push(&mut self, item: T) {
        self.len += 1;
        let time = item.time();
        if time <= self.front_last {
            self.push_front(item);
        } else {
            let bit = (time ^ self.base).ilog2();
            self.rungs[usize::from(self.rung_of_bit[bit as usize])].push(&mut self.chunks, item);
        }
    }

    /// The least item.
    #[inline]
    pub fn peek(&mut self) -> Option<&T> {
        if self.front.is_empty() && self.late.is_empty() {
            self.refill();
        }
        match (self.front.last(), self.late.peek()) {
            (Some(front), Some(late)) => Some(front.min(late)),
            (front, late) => front.or(late),
        }
    }

    /// Takes the least item.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.late.is_empty() {
            if self.front.is_empty() {
                self.refill();
            }
            let item = self.front.pop()?;
            self.len -= 1;
            return Some(item);
        }
        self.len -= 1;
        if self.front.last() < self.late.peek() {
            self.front.pop().or_else(|| self.late.pop())
        } else {
            self.late.pop()
        }
    }

    #[inline]
    fn push_front(&mut self, item: T) {
        if self.front.len() >= MOST_IN_FRONT {
            return self.push_late(item);
        }
        insert(&mut self.front, item);
    }

    /// Takes an item that the front has no room for.
    #[cold]
    fn push_late(&mut self, item: T) {
        if self.front.len() > MOST_IN_FRONT || !self.late.is_empty() {
            return self.late.push(item);
        }
        let bucket = low_bits(self.rungs[self.n_rungs - 1].shift);
        let differing = self.front.iter().chain([&item]).fold(0, |bits, other| bits | (other.time() ^ self.base));
        // The front becomes a bucket again where it is all of one, and not of a single time.
        if differing == 0 || differing & !bucket != 0 || self.front_last != self.base | bucket {
            return self.late.push(item);
        }
        let mut items = std::mem::take(&mut self.front);
        let (rung, chunks) = self.add_rung(items.len(), differing);
        items.drain(..).for_each(|item| rung.push(chunks, item));
        rung.push(chunks, item);
        self.front = items;
        self.refill();
    }

    /// Makes the items that come next the front, which must be empty.
    fn refill(&mut self) {
        loop {
            let last = self.n_rungs - 1;
            let rung = &mut self.rungs[last];
            let shift = rung.shift;
            let Some((mut bucket, side_by_side)) = rung.take_first() else {
                if last == 0 {
                    self.rung_of_bit = [0; 64];
                    return;
                }
                self.n_rungs -= 1;
                continue;
            };
            let items = rung.items(side_by_side);
            if bucket.len() + items.len() <= FEW {
                let front = &mut self.front;
                items.iter().for_each(|&item| insert(front, item));
                self.chunks.drain(bucket, |items| items.iter().for_each(|&item| insert(front, item)));
                self.base = self.front[0].time();
                self.front_last = self.base | low_bits(shift);
                return;
            }
            items.iter().for_each(|&item| self.chunks.push(&mut bucket, item));
            let (time, differing) = self.chunks.differing_bits(bucket, shift);
            self.base = time;
            if differing > 0 {
                self.spread(bucket, differing);
                continue;
            }
            let front = &mut self.front;
            self.chunks.drain(bucket, |items| front.extend_from_slice(items));
            self.front.sort_unstable_by(|a, b| b.cmp(a));
            self.front_last = time;
            // What else falls into this bucket is later.
            self.rung_of_bit[..shift as usize].fill(last as u8);
            return;
        }
    }

    fn spread(&mut self, bucket: Bucket, differing: u64) {
        let (rung, chunks) = self.add_rung(bucket.len(), differing);
        if bucket.len() <= MOST_SIDE_BY_SIDE {
            rung.lay_out(chunks, bucket);
        } else {
            chunks.spread(bucket, rung);
        }
    }

    /// A rung for some items of the first bucket of what is the last rung so far, whose times differ in some bits.
    fn add_rung(&mut self, n_items: usize, differing: u64) -> (&mut Rung<T>, &mut Chunks<T>) {
        let last = self.n_rungs - 1;
        let shift = self.rungs[last].shift;
        let headroom = if last == 0 { HEADROOM } else { 0 };
        let n_bits = (differing.ilog2() + 1 + headroom).min(shift);
        self.rung_of_bit[..shift as usize].fill(last as u8);
        self.rung_of_bit[..n_bits as usize].fill(self.n_rungs as u8);
        if self.rungs.len() == self.n_rungs {
            self.rungs.push(Rung::new(0));
        }
        let rung = &mut self.rungs[self.n_rungs];
        // Four buckets an item, so that most are empty and few hold more than one, where there are not too many for that.
        rung.cover(n_bits, n_items.ilog2() + 2);
        self.n_rungs += 1;
        (rung, &mut self.chunks)
    }
}

/// The lowest `n` bits, of 0 to 64.
fn low_bits(n: u32) -> u64 {
    u64::MAX.checked_shr(64 - n).unwrap_or(0)
}

/// Inserts an item where those before it are greater.
#[inline]
fn insert<T: Timed>(front: &mut Vec<T>, item: T) {
    let mut i = front.len();
    front.push(item);
    let front = &mut front[..=i];
    while i > 0 && front[i - 1] < item {
        front[i] = front[i - 1];
        i -= 1;
    }
    front[i] = item;
}
