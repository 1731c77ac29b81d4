//! Buckets of a rung, and the memory of all buckets.

use crate::queue::Timed;

/// Most bits of the time that a rung tells apart; at most 12, so that one word sums up the buckets.
pub(super) const MOST_BITS: u32 = 12;
/// Items of a chunk.
const CHUNK: usize = 16;
/// No chunk.
const NONE: u32 = u32::MAX;

/// Buckets side by side in time.
#[derive(Clone, Debug)]
pub(super) struct Rung {
    /// Bits of the time below those that choose the bucket.
    pub(super) shift: u32,
    mask: usize,
    /// Which of `words` are not zero.
    summary: u64,
    /// Which buckets are not empty.
    words: [u64; 1 << MOST_BITS >> 6],
    buckets: Vec<Bucket>,
}

impl Rung {
    /// A rung of 2^`n_bits` buckets.
    pub(super) fn new(shift: u32, n_bits: u32) -> Self {
        Self { shift, mask: (1 << n_bits) - 1, summary: 0, words: [0; _], buckets: vec![Bucket::EMPTY; 1 << n_bits] }
    }

    /// Tells apart the highest `most` of the lowest `n_bits` bits of the time. The rung must be empty.
    pub(super) fn cover(&mut self, n_bits: u32, most: u32) {
        let n_told = n_bits.min(most).min(MOST_BITS);
        self.shift = n_bits - n_told;
        self.mask = (1 << n_told) - 1;
    }

    #[inline]
    pub(super) fn push<T: Timed>(&mut self, chunks: &mut Chunks<T>, item: T) {
        // A shift of 64 is one of 0, which the mask of a single bucket hides.
        let index = item.time().wrapping_shr(self.shift) as usize & self.mask;
        self.words[index / 64] |= 1 << (index % 64);
        self.summary |= 1 << (index / 64);
        chunks.push(&mut self.buckets[index], item);
    }

    /// Takes the first bucket that is not empty.
    #[inline]
    pub(super) fn take_first(&mut self) -> Option<Bucket> {
        if self.summary == 0 {
            return None;
        }
        let word = self.summary.trailing_zeros() as usize;
        let index = word * 64 + self.words[word].trailing_zeros() as usize;
        self.words[word] &= self.words[word] - 1;
        if self.words[word] == 0 {
            self.summary &= self.summary - 1;
        }
        Some(std::mem::replace(&mut self.buckets[index], Bucket::EMPTY))
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
    fn push(&mut self, bucket: &mut Bucket, item: T) {
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
    pub(super) fn spread(&mut self, bucket: Bucket, rung: &mut Rung) {
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

    /// A time of a bucket, and the bits in which the others differ from it.
    pub(super) fn differing_bits(&self, bucket: Bucket) -> (u64, u64) {
        let mut chunk = bucket.last;
        let mut n = bucket.len_of_last();
        let time = self.items[chunk as usize * CHUNK].time();
        let mut differing = 0;
        while chunk != NONE {
            for item in &self.items[chunk as usize * CHUNK..][..n] {
                differing |= item.time() ^ time;
            }
            chunk = self.next[chunk as usize];
            n = CHUNK;
        }
        (time, differing)
    }
}
