//! Buckets of a rung, and the memory of all buckets.

use std::ops::Range;

use crate::queue::Timed;

/// Most bits of the time that a rung tells apart: the ends of so many buckets stay in the second cache and its table of
/// pages. At most 12, so that one word sums up the buckets.
pub(super) const MOST_BITS: u32 = 10;
/// Items of a chunk.
const CHUNK: usize = 64;
/// No chunk.
const NONE: u32 = u32::MAX;

/// Buckets side by side in time.
///
/// The items that a rung is made of may lie side by side, bucket after bucket; what comes later is in lists of chunks.
#[derive(Clone, Debug)]
pub(super) struct Rung<T> {
    /// Bits of the time below those that choose the bucket.
    pub(super) shift: u32,
    mask: usize,
    /// Which of `words` are not zero.
    summary: u64,
    /// Which buckets are not empty.
    words: [u64; 1 << MOST_BITS >> 6],
    buckets: Vec<Bucket>,
    /// Items side by side.
    side_by_side: Vec<T>,
    /// Where those of each bucket begin.
    starts: Vec<u32>,
    /// The first bucket whose items side by side were not taken.
    untaken: usize,
}

impl<T> Rung<T> {
    /// A rung of one bucket.
    pub(super) fn new(shift: u32) -> Self {
        Self {
            shift,
            mask: 0,
            summary: 0,
            words: [0; _],
            buckets: vec![Bucket::EMPTY],
            side_by_side: Vec::new(),
            starts: Vec::new(),
            untaken: usize::MAX,
        }
    }

    /// Tells apart the highest `most` of the lowest `n_bits` bits of the time. The rung must be empty.
    pub(super) fn cover(&mut self, n_bits: u32, most: u32) {
        let n_told = n_bits.min(most).min(MOST_BITS);
        self.shift = n_bits - n_told;
        self.mask = (1 << n_told) - 1;
        if self.buckets.len() <= self.mask {
            self.buckets.resize(self.mask + 1, Bucket::EMPTY);
        }
        self.untaken = usize::MAX;
    }

    /// Takes the first bucket that is not empty: its list, and which of [`items`](Self::items) are its, too.
    #[inline]
    pub(super) fn take_first(&mut self) -> Option<(Bucket, Range<usize>)> {
        if self.summary == 0 {
            return None;
        }
        let word = self.summary.trailing_zeros() as usize;
        let index = word * 64 + self.words[word].trailing_zeros() as usize;
        self.words[word] &= self.words[word] - 1;
        if self.words[word] == 0 {
            self.summary &= self.summary - 1;
        }
        let mut side_by_side = 0..0;
        if index >= self.untaken {
            side_by_side = self.starts[index] as usize..self.starts[index + 1] as usize;
            self.untaken = index + 1;
        }
        Some((std::mem::replace(&mut self.buckets[index], Bucket::EMPTY), side_by_side))
    }

    /// The items side by side.
    pub(super) fn items(&self, of: Range<usize>) -> &[T] {
        &self.side_by_side[of]
    }
}

impl<T: Timed> Rung<T> {
    #[inline]
    fn index(&self, item: T) -> usize {
        // A shift of 64 is one of 0, which the mask of a single bucket hides.
        item.time().wrapping_shr(self.shift) as usize & self.mask
    }

    #[inline]
    fn mark(&mut self, index: usize) {
        self.words[index / 64] |= 1 << (index % 64);
        self.summary |= 1 << (index / 64);
    }

    #[inline]
    pub(super) fn push(&mut self, chunks: &mut Chunks<T>, item: T) {
        let index = self.index(item);
        self.mark(index);
        chunks.push(&mut self.buckets[index], item);
    }

    /// Lays the items of a bucket side by side. The rung must be empty.
    pub(super) fn lay_out(&mut self, chunks: &mut Chunks<T>, bucket: Bucket) {
        // Counted two places on, summed up, and moved one place back by the writing.
        self.starts.clear();
        self.starts.resize(self.mask + 3, 0);
        chunks.see(bucket, |items| {
            for &item in items {
                let index = self.index(item);
                self.starts[index + 2] += 1;
            }
        });
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        if self.side_by_side.len() < bucket.len() {
            self.side_by_side.resize(bucket.len(), chunks.first(bucket));
        }
        chunks.drain(bucket, |items| {
            for &item in items {
                let index = self.index(item);
                self.mark(index);
                let place = &mut self.starts[index + 1];
                self.side_by_side[*place as usize] = item;
                *place += 1;
            }
        });
        self.untaken = 0;
    }
}

/// A list of chunks, all but the last of which are full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    last: u32,
    len: u32,
}

impl Bucket {
    const EMPTY: Self = Self { last: NONE, len: 0 };

    #[inline]
    pub(super) fn len(self) -> usize {
        self.len as usize
    }

    #[inline]
    fn len_of_last(self) -> usize {
        (self.len as usize + CHUNK - 1) % CHUNK + 1
    }
}

/// The memory of all buckets.
#[derive(Clone, Debug)]
pub(super) struct Chunks<T> {
    items: Vec<T>,
    /// The chunk before, of those in use; of the free ones, another free one.
    next: Vec<u32>,
    free: u32,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { items: Vec::new(), next: Vec::new(), free: NONE }
    }
}

impl<T: Timed> Chunks<T> {
    #[inline]
    pub(super) fn push(&mut self, bucket: &mut Bucket, item: T) {
        let at = bucket.len as usize % CHUNK;
        if at == 0 {
            let chunk = self.take(item);
            self.next[chunk as usize] = bucket.last;
            bucket.last = chunk;
        }
        self.items[bucket.last as usize * CHUNK + at] = item;
        bucket.len += 1;
    }

    /// A free chunk; new memory is filled with `item`.
    #[inline]
    fn take(&mut self, item: T) -> u32 {
        if self.free == NONE {
            let chunk = self.next.len() as u32;
            assert!(chunk < NONE, "a queue holds less than 2^32 chunks");
            self.items.resize(self.items.len() + CHUNK, item);
            self.next.push(NONE);
            return chunk;
        }
        let chunk = self.free;
        self.free = self.next[chunk as usize];
        chunk
    }

    /// Frees a chunk; gives the one before.
    #[inline]
    fn release(&mut self, chunk: u32) -> u32 {
        let before = std::mem::replace(&mut self.next[chunk as usize], self.free);
        self.free = chunk;
        before
    }

    /// Shows the items of a bucket, chunk by chunk, and frees it.
    #[inline]
    pub(super) fn drain(&mut self, bucket: Bucket, mut see: impl FnMut(&[T])) {
        let mut chunk = bucket.last;
        let mut n = bucket.len_of_last();
        while chunk != NONE {
            see(&self.items[chunk as usize * CHUNK..][..n]);
            chunk = self.release(chunk);
            n = CHUNK;
        }
    }

    /// Moves the items of a bucket to a rung that lies within it.
    pub(super) fn spread(&mut self, bucket: Bucket, rung: &mut Rung<T>) {
        let mut chunk = bucket.last;
        let mut n = bucket.len_of_last();
        while chunk != NONE {
            for i in chunk as usize * CHUNK..chunk as usize * CHUNK + n {
                let item = self.items[i];
                rung.push(self, item);
            }
            chunk = self.release(chunk);
            n = CHUNK;
        }
    }

    /// Shows the items of a bucket, chunk by chunk.
    #[inline]
    fn see(&self, bucket: Bucket, mut see: impl FnMut(&[T])) {
        let mut chunk = bucket.last;
        let mut n = bucket.len_of_last();
        while chunk != NONE {
            see(&self.items[chunk as usize * CHUNK..][..n]);
            chunk = self.next[chunk as usize];
            n = CHUNK;
        }
    }

    /// An item of a bucket.
    fn first(&self, bucket: Bucket) -> T {
        self.items[bucket.last as usize * CHUNK]
    }

    /// A time of a bucket, and bits in which the others differ from it: all of them, or, where a look at a few shows one of
    /// the two highest of `n_bits`, all of these.
    pub(super) fn differing_bits(&self, bucket: Bucket, n_bits: u32) -> (u64, u64) {
        let time = self.first(bucket).time();
        let bits = |items: &[T]| items.iter().fold(0, |bits, item| bits | (item.time() ^ time));
        let some = bits(&self.items[bucket.last as usize * CHUNK..][..bucket.len_of_last()]);
        if n_bits < 64 && some >> n_bits.saturating_sub(2) != 0 {
            return (time, (1 << n_bits) - 1);
        }
        let mut differing = 0;
        self.see(bucket, |items| differing |= bits(items));
        (time, differing)
    }
}
