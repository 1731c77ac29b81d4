//! Where each stimulus of a test lies in simulated time.

use anyhow::Result;
use sim::{SimDuration, SimTime};

use crate::cli::Options;
use crate::failure::wrong_input;

/// The clocks by which times are written.
const CLOCKS: [&str; 2] = ["per stimulus", "continuous"];

/// Stimulus after stimulus, each for the presentation time. Their sum is the time by which `--checkpoint-after` counts,
/// whichever clock writes the times.
#[derive(Clone, Copy, Debug)]
pub struct Timeline {
    present_time: SimDuration,
    is_continuous: bool,
    stop_at: Option<SimDuration>,
}

/// How far a stimulus is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// To its end.
    End,
    /// It pauses at the first instant from here on at which something happens.
    Time(SimTime),
    /// Not at all.
    Nothing,
}

impl Timeline {
    /// The timeline of a test of `n` stimuli, or of one of which it is the last.
    ///
    /// # Errors
    /// It does not fit on the clock, or nothing is left after the checkpoint asked for.
    pub fn new(options: &Options, n: usize) -> Result<Self> {
        let (present_time, stop_at) = (options.present_time, options.checkpoint_after);
        let all = n as u128 * u128::from(present_time.0);
        if options.continuous && all > u128::from(u64::MAX) {
            let most = u64::MAX / present_time.0;
            let is_single = options.test_index.is_some() || options.test_id.is_some();
            let fewer =
                if is_single { "test an earlier stimulus".to_string() } else { format!("give --nb-test {most}") };
            return Err(wrong_input(format!(
                "--continuous: expected at most {most} stimuli of {present_time}, all that the clock holds (2^64 - 1 fs, about \
                 5.1 h), found {n}; {fewer}, give a shorter --present-time, or leave out --continuous"
            )));
        }
        if let Some(stop_at) = stop_at.filter(|stop_at| u128::from(stop_at.0) >= all) {
            return Err(wrong_input(format!(
                "--checkpoint-after: expected a time before the end of the test ({n} stimuli of {present_time}), found {stop_at}; \
                 give a shorter one, or leave out --checkpoint-after"
            )));
        }
        Ok(Self { present_time, is_continuous: options.continuous, stop_at })
    }

    /// The time after which the test is to stop, if it is.
    pub fn stop_at(&self) -> Option<SimDuration> {
        self.stop_at
    }

    /// The clock by which times are written.
    pub fn clock(&self) -> &'static str {
        CLOCKS[usize::from(self.is_continuous)]
    }

    /// Where the stimulus of this number starts on that clock.
    pub fn start(&self, index: usize) -> SimTime {
        let start = if self.is_continuous { index as u64 * self.present_time.0 } else { 0 };
        SimTime(start)
    }

    /// How far the stimulus of this number is presented.
    pub fn until(&self, index: usize) -> Until {
        let Some(stop_at) = self.stop_at else { return Until::End };
        let before = index as u128 * u128::from(self.present_time.0);
        match u64::try_from(u128::from(stop_at.0).saturating_sub(before)) {
            Ok(0) => Until::Nothing,
            Ok(left) if left < self.present_time.0 => Until::Time(self.start(index) + SimDuration(left)),
            _ => Until::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(continuous: bool, present_time: u64, stop_at: Option<u64>, n: usize) -> Result<Timeline> {
        let options = Options {
            continuous,
            present_time: SimDuration(present_time),
            checkpoint_after: stop_at.map(SimDuration),
            ..Options::default()
        };
        Timeline::new(&options, n)
    }

    #[test]
    fn a_stimulus_starts_where_the_one_before_it_ends() {
        let starts = |timeline: Timeline| [0, 1, 7].map(|index| timeline.start(index).0);
        assert_eq!(starts(timeline(true, 1_000, None, 8).unwrap()), [0, 1_000, 7_000]);
        assert_eq!(starts(timeline(false, 1_000, None, 8).unwrap()), [0, 0, 0]);
    }

    #[test]
    fn a_test_longer_than_the_clock_is_refused_beforehand() {
        let hour = 3_600_000_000_000_000_000;
        assert!(timeline(true, hour, None, 5).is_ok());
        let message = timeline(true, hour, None, 6).unwrap_err().to_string();
        assert!(message.contains("at most 5 stimuli of 3600 s"), "{message}");
        assert!(timeline(false, hour, None, 6).is_ok());
        assert!(timeline(true, u64::MAX, None, 1).is_ok());
    }

    #[test]
    fn a_checkpoint_falls_into_one_stimulus() {
        for (continuous, stop_at) in [(true, 2_400), (false, 400)] {
            let timeline = timeline(continuous, 1_000, Some(2_400), 4).unwrap();
            let until = [0, 1, 2, 3].map(|index| timeline.until(index));
            assert_eq!(until, [Until::End, Until::End, Until::Time(SimTime(stop_at)), Until::Nothing]);
        }
        let between = timeline(true, 1_000, Some(2_000), 4).unwrap();
        assert_eq!([1, 2].map(|index| between.until(index)), [Until::End, Until::Nothing]);
        assert!(timeline(false, 1_000, Some(4_000), 4).is_err());
    }
}
