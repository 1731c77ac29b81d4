//! How fast a queue moves the times of neurons that fire on their own: ours against `priority-queue`.
//!
//! `cargo run --release -p sim --example moving_times`
//!
//! The load of a convolution with currents: a spike moves the times of 150 neighboring neurons a little, and after every
//! ten spikes the first neuron fires and gets a time one period later.

use std::cmp::Reverse;
use std::time::Instant;

use priority_queue::PriorityQueue;
use sim::queue::Indexed;

const PERIOD: u64 = 100_000_000;
const N_MOVES: usize = 4_000_000;
/// Neurons that one spike reaches.
const RUN: usize = 150;

trait Queue {
    fn new(times: &[u64]) -> Self;
    fn set(&mut self, source: usize, time: u64);
    fn least(&self) -> (u64, usize);
}

impl Queue for Indexed {
    fn new(times: &[u64]) -> Self {
        Indexed::new(times.iter().copied())
    }
    #[inline]
    fn set(&mut self, source: usize, time: u64) {
        Indexed::set(self, source, time);
    }
    fn least(&self) -> (u64, usize) {
        Indexed::least(self).expect("there is always a time")
    }
}

impl Queue for PriorityQueue<usize, Reverse<(u64, usize)>> {
    fn new(times: &[u64]) -> Self {
        times.iter().enumerate().map(|(i, &t)| (i, Reverse((t, i)))).collect()
    }
    #[inline]
    fn set(&mut self, source: usize, time: u64) {
        self.change_priority(&source, Reverse((time, source)));
    }
    fn least(&self) -> (u64, usize) {
        self.peek().map(|(_, &Reverse(least))| least).expect("there is always a time")
    }
}

/// Nanoseconds a move, and a number that both queues must agree on.
fn measure<Q: Queue>(n: usize) -> (f64, u64) {
    let mut word = 1_u64;
    let mut random = move || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word >> 33
    };
    let mut times: Vec<u64> = (0..n).map(|_| random() % PERIOD).collect();
    let mut queue = Q::new(&times);
    let (mut n_moves, mut sum, mut spikes) = (0, 0_u64, 0_u64);
    let start = Instant::now();
    while n_moves < N_MOVES {
        let run = RUN.min(n);
        let first = random() as usize % (n - run + 1);
        for (i, time) in times[first..first + run].iter_mut().enumerate() {
            let by = random() % (PERIOD / 4);
            *time = if by.is_multiple_of(2) { *time + by } else { time.saturating_sub(by) };
            queue.set(first + i, *time);
        }
        n_moves += run;
        spikes += 1;
        if spikes.is_multiple_of(10) {
            let (time, source) = queue.least();
            sum = sum.wrapping_mul(31).wrapping_add(time ^ source as u64);
            times[source] = time + PERIOD;
            queue.set(source, times[source]);
            n_moves += 1;
        }
    }
    (start.elapsed().as_nanos() as f64 / n_moves as f64, sum)
}

fn main() {
    println!("{:>8} neurons  {:>10}  {:>14}  ratio", "", "Indexed", "priority-queue");
    for n in [100, 1_000, 10_000, 100_000, 1_000_000] {
        let (ours, sum) = measure::<Indexed>(n);
        let (theirs, other_sum) = measure::<PriorityQueue<usize, Reverse<(u64, usize)>>>(n);
        assert_eq!(sum, other_sum, "both queues give the same neurons at the same times");
        println!("{n:>8} neurons  {ours:>7.1} ns  {theirs:>11.1} ns  {:>5.1}", theirs / ours);
    }
}
