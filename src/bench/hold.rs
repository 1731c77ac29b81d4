//! The hold model: a queue of constant size that gives its least item and takes it back later (Jones 1986, An empirical
//! comparison of priority-queue and event-set implementations).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use dary_heap::QuaternaryHeap;
use priority_queue::PriorityQueue;
use radix_heap::RadixHeapMap;
use sim::queue::{EventQueue, Ladder, Timed, Tournament};
use sim::random::{Purpose, Random, StreamKey};

/// How far after the popped event the next one is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Increments {
    /// As between the events of a Poisson process.
    Exponential,
    /// From 0 to twice the mean.
    Uniform,
    /// Nine of ten are short, one is a hundred times longer; each kind uniform.
    Bimodal,
}

/// All of them.
pub const INCREMENTS: [Increments; 3] = [Increments::Exponential, Increments::Uniform, Increments::Bimodal];

/// Mean of the increments, in femtoseconds.
const MEAN: f64 = 1e9;
/// Drawn increments; beyond them they repeat.
const MOST_DRAWN: usize = 1 << 20;

impl Increments {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Increments::Exponential => "exponential",
            Increments::Uniform => "uniform",
            Increments::Bimodal => "bimodal",
        }
    }

    fn draw(self, random: &mut Random<sim::random::Stream>) -> u64 {
        let mut uniform = || random.uniform_above_zero();
        let increment = match self {
            Increments::Exponential => -uniform().ln(),
            Increments::Uniform => 2.0 * uniform(),
            Increments::Bimodal => {
                let short = 1.0 / (0.9 + 0.1 * 100.0);
                2.0 * uniform() * if uniform() < 0.9 { short } else { 100.0 * short }
            }
        };
        (increment * MEAN) as u64
    }
}

/// What one queue needed.
#[derive(Clone, Debug)]
pub struct Held {
    /// Wall seconds of each round's holds alone.
    pub seconds: Vec<f64>,
    /// Of the popped times in their order; equal for all queues.
    pub checksum: u64,
}

/// A queue under test.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// The name in reports.
    pub name: &'static str,
    /// One of this program's, not a crate's.
    pub is_ours: bool,
    /// Fills the queue with `n_pending` events, then holds `n_holds` times in each of `rounds` rounds.
    pub run: fn(n_pending: usize, increments: Increments, n_holds: usize, rounds: usize) -> Held,
}

/// The queues under test; all hold the whole key of an event and a payload of 16 bytes, but for the tournament, which
/// holds one time for each of a fixed number of sources, and `radix-heap (time only)`, which orders by time alone.
pub const CONTENDERS: &[Contender] = &[
    Contender { name: "BinaryHeap", is_ours: false, run: hold::<BinaryHeap<Reverse<Item>>> },
    Contender { name: "dary_heap, 4-ary", is_ours: false, run: hold::<QuaternaryHeap<Reverse<Item>>> },
    Contender { name: "radix-heap", is_ours: false, run: hold::<RadixHeapMap<Reverse<u128>, Payload>> },
    Contender {
        name: "radix-heap (time only)",
        is_ours: false,
        run: hold::<RadixHeapMap<Reverse<u64>, (u64, Payload)>>,
    },
    Contender { name: "priority-queue", is_ours: false, run: hold::<PriorityQueue<Named, Reverse<u128>>> },
    Contender { name: "heap", is_ours: true, run: hold::<EventQueue<Item>> },
    Contender { name: "tournament", is_ours: true, run: hold::<Tournament> },
    Contender { name: "ladder", is_ours: true, run: hold::<Ladder<Item>> },
];

type Payload = [u64; 2];

/// An event. The key is an [`EventKey`](sim::event::EventKey) in one number: the time in the upper half, then rank,
/// source, tap, sign and ordinal. Two items never have equal keys.
#[derive(Clone, Copy, Debug)]
struct Item {
    key: u128,
    payload: Payload,
}

impl Item {
    /// Item `i` of a queue at its first time.
    fn new(i: usize, time: u64) -> Self {
        // Fire; sources out of order, so that the key's lower half is no copy of the index.
        let source = (i as u64).wrapping_mul(0x9e37_79b1) & 0xffff_ffff;
        let place = 1 << 63 | source << 31 | (i as u64 & 1) << 8;
        Self { key: u128::from(time) << 64 | u128::from(place), payload: [source, i as u64] }
    }

    fn later(self, increment: u64) -> Self {
        Self { key: self.key + (u128::from(increment) << 64), ..self }
    }
}

impl PartialEq for Item {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Item {}

impl Ord for Item {
    #[inline]
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Item {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Timed for Item {
    #[inline]
    fn time(&self) -> u64 {
        (self.key >> 64) as u64
    }
}

/// A queue of items.
trait Queue {
    fn filled(items: impl Iterator<Item = Item>) -> Self;
    /// Takes the least item and puts it back `increment` later; gives its time.
    fn hold(&mut self, increment: u64) -> u64;
}

fn hold<Q: Queue>(n_pending: usize, increments: Increments, n_holds: usize, rounds: usize) -> Held {
    let mut random = Random::new(StreamKey::new(1, Purpose::Encoder).stream(0, 0));
    let drawn: Vec<u64> = (0..n_holds.min(MOST_DRAWN)).map(|_| increments.draw(&mut random)).collect();
    let mut queue = Q::filled((0..n_pending).map(|i| Item::new(i, increments.draw(&mut random))));
    let mut checksum = 0_u64;
    let mut round = || {
        let start = Instant::now();
        for first in (0..n_holds).step_by(MOST_DRAWN) {
            for &increment in &drawn[..MOST_DRAWN.min(n_holds - first)] {
                checksum = (checksum.rotate_left(5) ^ queue.hold(increment)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            }
        }
        start.elapsed().as_secs_f64()
    };
    let seconds = (0..rounds).map(|_| round()).collect();
    Held { seconds, checksum }
}

impl Queue for BinaryHeap<Reverse<Item>> {
    fn filled(items: impl Iterator<Item = Item>) -> Self {
        items.map(Reverse).collect()
    }

    #[inline]
    fn hold(&mut self, increment: u64) -> u64 {
        let Reverse(item) = self.pop().expect(NEVER_EMPTY);
        self.push(Reverse(item.later(increment)));
        item.time()
    }
}

impl Queue for QuaternaryHeap<Reverse<Item>> {
    fn filled(items: impl Iterator<Item = Item>) -> Self {
        items.map(Reverse).collect()
    }

    #[inline]
    fn hold(&mut self, increment: u64) -> u64 {
        let Reverse(item) = self.pop().expect(NEVER_EMPTY);
        self.push(Reverse(item.later(increment)));
        item.time()
    }
}

impl Queue for RadixHeapMap<Reverse<u128>, Payload> {
    fn filled(items: impl Iterator<Item = Item>) -> Self {
        items.map(|item| (Reverse(item.key), item.payload)).collect()
    }

    #[inline]
    fn hold(&mut self, increment: u64) -> u64 {
        let (Reverse(key), payload) = self.pop().expect(NEVER_EMPTY);
        let item = Item { key, payload };
        self.push(Reverse(item.later(increment).key), payload);
        item.time()
    }
}

/// Keyed by the time alone; the rest of the key is carried along.
impl Queue for RadixHeapMap<Reverse<u64>, (u64, Payload)> {
    fn filled(items: impl Iterator<Item = Item>) -> Self {
        items.map(|item| (Reverse(item.time()), (item.key as u64, item.payload))).collect()
    }

    #[inline]
    fn hold(&mut self, increment: u64) -> u64 {
        let (Reverse(time), rest) = self.pop().expect(NEVER_EMPTY);
        self.push(Reverse(time + increment), rest);
        time
    }
}

/// What `priority-queue` knows an event by: the part of the key that no other pending event has, without the time.
#[derive(Clone, Copy, Debug)]
struct Named {
    place: u64,
    payload: Payload,
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Named {}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place.hash(state);
    }
}

impl Queue for PriorityQueue<Named, Reverse<u128>> {
    fn filled(items: impl Iterator<Item = Item>) -> Self {
        items.map(|item| (Named { place: item.key as u64, payload: item.payload }, Reverse(item.key))).collect()
    }

    #[inline]
    fn hold(&mut self, increment: u64) -> u64 {
        let (named, Reverse(key)) = self.pop().expect(NEVER_EMPTY);
        let item = Item { key, payload: named.payload };
        self.push(named, Reverse(item.later(increment).key));
        item.time()
    }
}

impl Queue for EventQueue<Item> {
    fn filled(items: impl Iterator<Item = Item>) -> Self {
        let mut queue = Self::default();
        queue.refill(items);
        queue
    }

    #[inline]
    fn hold(&mut self, increment: u64) -> u64 {
        let item = self.pop().expect(NEVER_EMPTY);
        self.push(item.later(increment));
        item.time()
    }
}

impl Queue for Ladder<Item> {
    fn filled(items: impl Iterator<Item = Item>) -> Self {
        let mut queue = Self::default();
        items.for_each(|item| queue.push(item));
        queue
    }

    #[inline]
    fn hold(&mut self, increment: u64) -> u64 {
        let item = self.pop().expect(NEVER_EMPTY);
        self.push(item.later(increment));
        item.time()
    }
}

/// One pending event a source; the rest of the key is the source.
impl Queue for Tournament {
    fn filled(items: impl Iterator<Item = Item>) -> Self {
        let mut queue = Self::default();
        queue.refill(items.map(|item| item.time()));
        queue
    }

    #[inline]
    fn hold(&mut self, increment: u64) -> u64 {
        let (time, _) = self.winner();
        self.replace_winner(time + increment);
        time
    }
}

const NEVER_EMPTY: &str = "a hold keeps the size";
