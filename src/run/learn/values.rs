//! Learning to give back the stimuli, or what is wanted in their place: judged by the mean squared error, the smaller the better.

use anyhow::Result;
use formal::StepReport;
use stimuli::Set;

use super::{Batch, Run, mean};
use crate::report::curves::{error_picture, error_text, validation_text};
use crate::report::number::significant;
use crate::run::reconstruction;

/// An error with four digits.
pub fn text(error: f64) -> String {
    format!("mean squared error {}", significant(error, 4))
}

impl Run<'_> {
    /// Counts the error of a batch.
    pub(super) fn count_values(&mut self, batch: &Batch) -> StepReport {
        let Batch { ids, values, wanted, .. } = batch;
        let wanted = wanted.as_ref().unwrap_or(values);
        let report = self.network.finish()[0];
        let n_values = (wanted.len() / ids.len()) as f64;
        self.ledger.success.push(report.squared_error / n_values);
        report
    }

    /// What the last batches gave.
    pub(super) fn message_of_values(&self) -> String {
        let errors = &self.ledger.success;
        let best = self.ledger.best.map_or(String::new(), |best| format!(", best validation {}", significant(best, 4)));
        text(mean(&errors[errors.len().saturating_sub(self.window())..])) + &best
    }

    /// Writes the curves and validates; tells whether this validation is the best, `None` where there is nothing to
    /// validate on.
    pub(super) fn validate_values(&mut self, folder: &str) -> Result<Option<bool>> {
        let output = &self.session.output;
        let window = self.window();
        output.write(format!("{folder}/Error_learning.dat"), error_text(&self.ledger.success, window))?;
        let ids = self.session.database().set(Set::Validation);
        let mut is_best = None;
        if !ids.is_empty() {
            let session = self.session;
            let found = reconstruction::evaluate(session, self.network, Set::Validation, ids, None, |_, _, _| Ok(()))?;
            let error = found.mean_squared_error();
            self.ledger.validations.push((self.ledger.success.len() as u64, error));
            output.write(format!("{folder}/Error_validation.dat"), validation_text(&self.ledger.validations))?;
            match self.ledger.best {
                Some(best) if error >= best => {
                    let best = significant(best, 4);
                    self.progress.say(&format!("--- LOWER validation: {} (best was {best})", text(error)));
                    is_best = Some(false);
                }
                _ => {
                    self.ledger.best = Some(error);
                    self.progress.say(&format!("+++ BEST validation: {}", text(error)));
                    is_best = Some(true);
                }
            }
        }
        let png = error_picture(&self.ledger.success, window, &self.ledger.validations)?;
        output.write(format!("{folder}/Error_learning.png"), png)?;
        Ok(is_best)
    }
}
