//! The ladder against an indexed heap from elsewhere.

use std::cmp::Reverse;

use priority_queue::PriorityQueue;
use proptest::prelude::*;
use sim::event::{EventKey, Rank};
use sim::queue::Ladder;
use sim::{Sign, SimTime};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So much after the last pop.
    Push(u64, Place),
    /// So much before the last pop, which only a peek further ahead makes costly.
    PushEarlier(u64, Place),
    /// Many at one time, so that a bucket or the front overflows.
    PushMany(u64, Place),
    Pop,
    Peek,
    /// Pops all that has the least time, and for each pushes one at that same time.
    Instant,
    Clear,
}

type Place = (bool, u32, u32, bool);

fn key(time: u64, (fires, source, tap, is_negative): Place) -> EventKey {
    EventKey {
        time: SimTime(time),
        rank: if fires { Rank::Fire } else { Rank::Deliver },
        source,
        tap,
        sign: Sign::from_negative(is_negative),
        ordinal: 0,
    }
}

/// Narrow, so that whole keys are equal now and then.
fn place() -> impl Strategy<Value = Place> {
    (any::<bool>(), 0..4_u32, 0..3_u32, any::<bool>())
}

fn step(time: impl Strategy<Value = u64> + Clone) -> impl Strategy<Value = Step> {
    prop_oneof![
        80 => (time.clone(), place()).prop_map(|(time, place)| Step::Push(time, place)),
        10 => (time.clone(), place()).prop_map(|(time, place)| Step::PushEarlier(time, place)),
        4 => (time, place()).prop_map(|(time, place)| Step::PushMany(time, place)),
        70 => Just(Step::Pop),
        30 => Just(Step::Peek),
        4 => Just(Step::Instant),
        1 => Just(Step::Clear),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let all = 0..600_usize;
    prop_oneof![
        prop::collection::vec(step(Just(0)), all.clone()),
        prop::collection::vec(step(0..4_u64), all.clone()),
        prop::collection::vec(step(0..2_000_000_u64), all.clone()),
        // Times of every magnitude.
        prop::collection::vec(step((0..63_u32, any::<u64>()).prop_map(|(n, bits)| bits >> 1 >> n)), all.clone()),
        // Two clusters far apart.
        prop::collection::vec(step((any::<bool>(), 0..100_u64).prop_map(|(far, t)| t + (u64::from(far) << 50))), all),
    ]
}

#[derive(Default)]
struct Pair {
    ladder: Ladder<EventKey>,
    oracle: PriorityQueue<u32, Reverse<EventKey>>,
    n_pushed: u32,
    now: u64,
}

impl Pair {
    fn push(&mut self, key: EventKey) {
        self.ladder.push(key);
        self.oracle.push(self.n_pushed, Reverse(key));
        self.n_pushed += 1;
    }

    fn least(&self) -> Option<EventKey> {
        self.oracle.peek().map(|(_, key)| key.0)
    }

    fn pop(&mut self) -> Result<(), TestCaseError> {
        let key = self.ladder.pop();
        prop_assert_eq!(key, self.oracle.pop().map(|(_, key)| key.0));
        self.now = key.map_or(self.now, |key| key.time.0);
        Ok(())
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Push(ahead, place) => self.push(key(self.now.saturating_add(ahead), place)),
            Step::PushEarlier(before, place) => self.push(key(self.now.saturating_sub(before), place)),
            Step::PushMany(ahead, (fires, source, ..)) => {
                for i in 0..100 {
                    self.push(key(self.now.saturating_add(ahead), (fires, source, i * 37 % 50, i % 3 == 0)));
                }
            }
            Step::Pop => self.pop()?,
            Step::Peek => prop_assert_eq!(self.ladder.peek().copied(), self.least()),
            Step::Instant => {
                let Some(first) = self.least() else { return Ok(()) };
                let mut n = 0;
                while let Some(next) = self.ladder.peek().copied()
                    && next.time == first.time
                    && n < 200
                {
                    self.pop()?;
                    // Half of them come before what is left, half after.
                    if n < 50 {
                        self.push(EventKey { tap: 25 + n % 2 * 50, ..next });
                    }
                    n += 1;
                }
            }
            Step::Clear => {
                self.ladder.clear();
                self.oracle.clear();
            }
        }
        prop_assert_eq!(self.ladder.len(), self.oracle.len());
        prop_assert_eq!(self.ladder.is_empty(), self.oracle.is_empty());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_ladder_gives_what_an_indexed_heap_gives(steps in steps()) {
        let mut pair = Pair::default();
        for step in steps {
            pair.take(step)?;
        }
        while !pair.oracle.is_empty() {
            pair.pop()?;
        }
        prop_assert_eq!(pair.ladder.pop(), None);
    }
}

/// Holds `n` events for a while; the oracle must agree on every pop.
#[track_caller]
fn check_hold(n: u64, mut ahead: impl FnMut(u64) -> u64) {
    let mut pair = Pair::default();
    for i in 0..n {
        pair.push(key(ahead(i), (true, i as u32, 0, false)));
    }
    for i in n..5 * n {
        pair.pop().unwrap();
        pair.push(key(pair.now.saturating_add(ahead(i)), (true, i as u32, 0, false)));
    }
    while !pair.oracle.is_empty() {
        pair.pop().unwrap();
    }
}

#[test]
fn thousands_of_pending_events_come_in_order() {
    let hash = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    check_hold(5000, |i| hash(i) % 1_000_000);
    check_hold(5000, |i| if hash(i) % 10 == 0 { hash(i) % 100_000_000 } else { hash(i) % 1000 });
    check_hold(5000, |i| (hash(i) % 2) << 40);
    check_hold(5000, |_| 0);
    check_hold(5000, |i| 1 << (hash(i) % 50));
}
