//! Decision latency: how long after its beginning a stimulus is decided.

use sim::SimTime;

/// Mean and 95th percentile of the decision times, undecided stimuli left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LatencySummary {
    /// Stimuli that were decided before the presentation ended.
    pub decided: u64,
    /// Stimuli that were not.
    pub undecided: u64,
    /// Mean decision time in femtoseconds; zero when nothing was decided.
    pub mean_fs: f64,
    /// 95th percentile (nearest rank) in femtoseconds; zero when nothing was decided.
    pub p95_fs: u64,
}

impl LatencySummary {
    /// Summarizes the decision times of a test, `None` for an undecided stimulus.
    pub fn of(times: impl IntoIterator<Item = Option<SimTime>>) -> Self {
        let mut undecided = 0;
        let mut decided: Vec<u64> = Vec::new();
        for time in times {
            match time {
                Some(time) => decided.push(time.0),
                None => undecided += 1,
            }
        }
        decided.sort_unstable();
        let n = decided.len();
        if n == 0 {
            return Self { undecided, ..Self::default() };
        }
        let sum: u128 = decided.iter().map(|&t| u128::from(t)).sum();
        let rank = (n * 95).div_ceil(100).max(1);
        Self { decided: n as u64, undecided, mean_fs: sum as f64 / n as f64, p95_fs: decided[rank - 1] }
    }
}

/// The percentiles (nearest rank) of the decision times, undecided stimuli left out; empty where nothing was decided.
pub fn percentiles(times: impl IntoIterator<Item = Option<SimTime>>, percents: &[u32]) -> Vec<SimTime> {
    let mut decided: Vec<SimTime> = times.into_iter().flatten().collect();
    decided.sort_unstable();
    let rank = |percent: u32| (decided.len() * percent as usize).div_ceil(100).clamp(1, decided.len());
    if decided.is_empty() { Vec::new() } else { percents.iter().map(|&percent| decided[rank(percent) - 1]).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undecided_stimuli_are_counted_and_left_out() {
        let times = (1..=100).map(|t| Some(SimTime(t))).chain([None, None]);
        let summary = LatencySummary::of(times);
        assert_eq!((summary.decided, summary.undecided, summary.p95_fs), (100, 2, 95));
        assert_eq!(summary.mean_fs, 50.5);
        assert_eq!(LatencySummary::of([None]).undecided, 1);
        let times = || (1..=200).rev().map(|t| Some(SimTime(t))).chain([None]);
        assert_eq!(percentiles(times(), &[0, 1, 50, 95, 100]), [1, 2, 100, 190, 200].map(SimTime));
        assert_eq!(percentiles([None], &[50]), []);
    }
}
