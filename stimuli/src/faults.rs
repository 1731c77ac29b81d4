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
        found.truncate(MOST);
        Err(Error::Several(found))
    }
}
