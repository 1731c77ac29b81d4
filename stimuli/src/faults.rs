//! What becomes of stimuli that are faulty.

use crate::Error;

/// Faults told at once.
const MOST: usize = 20;

/// The faulty files and records of a database: they are refused all together, or left out and told.
#[derive(Debug, Default)]
pub struct Faults {
    are_skipped: bool,
    found: Vec<Error>,
}

impl Faults {
    /// Faults that end the reading.
    pub fn refused() -> Self {
        Self::default()
    }

    /// Faults whose stimuli are left out.
    pub fn skipped() -> Self {
        Self { are_skipped: true, found: Vec::new() }
    }

    /// Returns what was found so far, in order.
    pub fn found(&self) -> &[Error] {
        &self.found
    }

    /// Tells whether faulty stimuli are left out.
    pub fn are_skipped(&self) -> bool {
        self.are_skipped
    }

    pub(crate) fn add(&mut self, fault: Error) {
        self.found.push(fault);
    }

    /// The value, or `None` after its fault was noted.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|fault| self.add(fault)).ok()
    }

    /// Ends the gathering.
    ///
    /// # Errors
    ///
    /// What was found, the first of it, unless it is left out.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        if self.are_skipped || self.found.is_empty() {
            return Ok(());
        }
        let mut found = std::mem::take(&mut self.found);
        if found.len() == 1 {
            return Err(found.remove(0));
        }
        if found.len() > MOST {
            let more = found.len() - MOST;
            found.truncate(MOST);
            found.push(Error::More(more));
        }
        Err(Error::Several(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_together_as_far_as_they_can_be_read() {
        let check = |n: usize, part: &str| {
            let mut faults = Faults::refused();
            (0..n).for_each(|stimulus| faults.add(Error::Rois { stimulus: stimulus.to_string(), found: 2 }));
            let message = faults.end().unwrap_err().to_string();
            assert!(message.ends_with(part) && message.lines().count() == n.min(MOST + 1), "{message}");
        };
        check(1, "beside them");
        check(20, "beside them");
        check(23, "and 3 faults more; `--skip-bad` leaves out the stimuli that have one");
        assert!(Faults::refused().end().is_ok());
        let mut skipped = Faults::skipped();
        skipped.add(Error::More(1));
        assert!(skipped.end().is_ok() && skipped.found().len() == 1);
    }
}
