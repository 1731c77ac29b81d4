//! The state of a spiking test in one versioned file, so that `--resume` reaches the same bytes as an uninterrupted run.
//!
//! A first line with the format, the length of the ledger (8 bytes, little-endian), the ledger as JSON, the totals and the
//! stimuli in mid-pattern as `sim` writes them, a SHA-256 of all before.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sim::{Plan, Real, Totals};

use crate::failure::wrong_input;
use crate::output::OutputFolder;

/// Name of the file in the output folder.
pub const FILE: &str = "checkpoint.femtospike";
const FIRST_LINE: &[u8] = b"femtospike checkpoint 1\n";
const SHA256: usize = 32;

/// What a stimulus was answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The output with the greatest score.
    pub response: Option<usize>,
    /// Femtoseconds from its start to the decision.
    pub latency: Option<u64>,
}

/// What the results depend on: names and values, in the order in which differences are told.
pub type Identity = Vec<(String, String)>;

/// All that was reached.
#[derive(Debug)]
pub struct Checkpoint {
    /// By the number of the stimulus.
    pub answers: Vec<Option<Answer>>,
    /// Of the stimuli that were answered.
    pub totals: Totals,
    /// Stimuli in mid-pattern, by number.
    pub in_flight: BTreeMap<usize, Vec<u8>>,
    /// Wall seconds of presenting.
    pub seconds: f64,
}

/// What the file holds beside the engine's bytes.
#[derive(Serialize, Deserialize)]
struct Ledger {
    run: Identity,
    answers: Vec<Option<Answer>>,
    seconds: f64,
    /// Bytes of the totals.
    totals: usize,
    /// Numbers of stimuli and their bytes.
    in_flight: Vec<(usize, usize)>,
}

impl Checkpoint {
    /// That of a test of `n` stimuli that begins.
    pub fn new<F: Real>(plan: &Plan<F>, n: usize) -> Self {
        Self { answers: vec![None; n], totals: Totals::new(plan), in_flight: BTreeMap::new(), seconds: 0.0 }
    }

    /// Stimuli answered.
    pub fn n_answered(&self) -> usize {
        self.answers.iter().flatten().count()
    }

    /// Writes the file.
    ///
    /// # Errors
    /// The file cannot be written; the one before is kept.
    pub fn save<F: Real>(&self, output: &OutputFolder, plan: &Plan<F>, identity: &Identity) -> Result<()> {
        let totals = self.totals.to_bytes(plan);
        let ledger = serde_json::to_vec(&Ledger {
            run: identity.clone(),
            answers: self.answers.clone(),
            seconds: self.seconds,
            totals: totals.len(),
            in_flight: self.in_flight.iter().map(|(&index, bytes)| (index, bytes.len())).collect(),
        })?;
        let mut bytes = FIRST_LINE.to_vec();
        bytes.extend((ledger.len() as u64).to_le_bytes());
        bytes.extend(ledger);
        bytes.extend(totals);
        self.in_flight.values().for_each(|state| bytes.extend(state));
        bytes.extend(Sha256::digest(&bytes));
        output.write(FILE, bytes)
    }

    /// Reads the file. The stimuli in mid-pattern are read when they go on.
    ///
    /// # Errors
    /// The file is not there, is damaged, or is that of another test; then it is told what differs.
    pub fn load<F: Real>(path: &Path, plan: &Plan<F>, identity: &Identity) -> Result<Self> {
        let wrong = |what: &str| wrong_input(format!("--resume: {}: {what}", path.display()));
        let bytes = fs::read(path).map_err(|e| {
            wrong(&format!(
                "expected the checkpoint of an interrupted spiking test, found: {e}; test without --resume first"
            ))
        })?;
        let rest = bytes
            .strip_prefix(FIRST_LINE)
            .ok_or_else(|| wrong("expected a checkpoint of format 1, found something else; test without --resume"))?;
        let damaged = || wrong("expected a checkpoint as it was written, found a damaged one; test without --resume");
        let (_, sum) = bytes.split_last_chunk::<SHA256>().ok_or_else(damaged)?;
        if Sha256::digest(&bytes[..bytes.len() - SHA256])[..] != sum[..] {
            return Err(damaged());
        }
        let mut rest = rest.strip_suffix(sum).ok_or_else(damaged)?;
        let mut take = |n: usize| -> Result<&[u8]> {
            let (taken, left) = rest.split_at_checked(n).ok_or_else(damaged)?;
            rest = left;
            Ok(taken)
        };
        let n = u64::from_le_bytes(take(size_of::<u64>())?.try_into().map_err(|_| damaged())?);
        let ledger = take(usize::try_from(n).map_err(|_| damaged())?)?;
        let Ledger { run, answers, seconds, totals, in_flight } =
            serde_json::from_slice(ledger).map_err(|_| damaged())?;
        let differences = differences(&run, identity);
        if !differences.is_empty() {
            return Err(wrong(&format!(
                "expected the checkpoint of this test, found that of another:\n{differences}use the same, or test without --resume"
            )));
        }
        let totals = Totals::from_bytes(plan, take(totals)?).map_err(|e| wrong(&e.to_string()))?;
        let in_flight = in_flight
            .into_iter()
            .map(|(index, n)| {
                let is_open = answers.get(index).is_some_and(Option::is_none);
                Ok((index, take(n)?.to_vec())).and_then(|state| if is_open { Ok(state) } else { Err(damaged()) })
            })
            .collect::<Result<_>>()?;
        let checkpoint = Self { answers, totals, in_flight, seconds };
        if checkpoint.totals.n_stimuli() != checkpoint.n_answered() as u64 {
            return Err(damaged());
        }
        Ok(checkpoint)
    }
}

/// `  NAME: the checkpoint has A, this test has B` a line.
fn differences(found: &Identity, expected: &Identity) -> String {
    let value = |of: &Identity, name: &str| of.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    let mut text = String::new();
    for (name, expected) in expected {
        let found = value(found, name).unwrap_or("none".to_string());
        if found != *expected {
            text += &format!("  {name}: the checkpoint has {found}, this test has {expected}\n");
        }
    }
    text
}
