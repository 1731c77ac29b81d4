//! What a test gives under one way of stopping: right answers, when they came, and what was read by then.

use sim::SimTime;

use crate::latency::LatencySummary;
use crate::spikes::per;

/// Sums over the stimuli of a test. The order of adding and merging does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Stimuli whose class was the response.
    pub right: u64,
    /// When each stimulus was decided, counted from its start; `None` where it was not.
    pub decided_at: Vec<Option<SimTime>>,
    /// Read events of each cell.
    pub reads: Vec<u64>,
}

impl Tally {
    /// Nothing yet, of a network of `n_cells` cells.
    pub fn new(n_cells: usize) -> Self {
        Self { reads: vec![0; n_cells], ..Self::default() }
    }

    /// Adds a stimulus: whether its response was right, when it was decided, and the read events of each cell.
    pub fn add(&mut self, is_right: bool, decided_at: Option<SimTime>, reads: &[u64]) {
        self.right += u64::from(is_right);
        self.decided_at.push(decided_at);
        for (sum, reads) in self.reads.iter_mut().zip(reads) {
            *sum += reads;
        }
    }

    /// Adds what another worker has tallied.
    pub fn merge(&mut self, other: &Self) {
        self.right += other.right;
        self.decided_at.extend(&other.decided_at);
        for (sum, reads) in self.reads.iter_mut().zip(&other.reads) {
            *sum += reads;
        }
    }

    /// Stimuli added.
    pub fn patterns(&self) -> u64 {
        self.decided_at.len() as u64
    }

    /// Fraction of the stimuli whose response was right.
    pub fn recognition_rate(&self) -> f64 {
        per(self.right, self.patterns())
    }

    /// Mean and 95th percentile of the decision times.
    pub fn latency(&self) -> LatencySummary {
        LatencySummary::of(self.decided_at.iter().copied())
    }

    /// Mean time in femtoseconds until there was an answer, where stimuli that are not decided are answered at `end`.
    pub fn mean_time_fs(&self, end: SimTime) -> f64 {
        let sum: u128 = self.decided_at.iter().map(|time| u128::from(time.unwrap_or(end).0)).sum();
        sum as f64 / self.patterns().max(1) as f64
    }

    /// Read events of all cells.
    pub fn total_reads(&self) -> u64 {
        self.reads.iter().sum()
    }

    /// Read events per virtual synapse per pattern, of `virtual_synapses` in all.
    pub fn reads_per_virtual_synapse_per_pattern(&self, virtual_synapses: u64) -> f64 {
        per(self.total_reads(), virtual_synapses) / self.patterns().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_workers_tally_what_one_does() {
        let stimuli = [(true, Some(10), [4, 1]), (false, None, [9, 2]), (true, Some(30), [5, 0]), (true, None, [7, 7])];
        let (mut all, mut parts) = (Tally::new(2), [Tally::new(2), Tally::new(2)]);
        for (i, (is_right, time, reads)) in stimuli.into_iter().enumerate() {
            all.add(is_right, time.map(SimTime), &reads);
            parts[i / 2].add(is_right, time.map(SimTime), &reads);
        }
        let [mut first, second] = parts;
        first.merge(&second);
        assert_eq!(first, all);
        assert_eq!((all.patterns(), all.recognition_rate(), all.total_reads()), (4, 0.75, 35));
        assert_eq!((all.latency().decided, all.latency().mean_fs), (2, 20.0));
        assert_eq!(all.mean_time_fs(SimTime(100)), 60.0);
        assert_eq!(all.reads_per_virtual_synapse_per_pattern(7), 1.25);
        assert_eq!(Tally::new(2).recognition_rate(), 0.0);
    }
}
