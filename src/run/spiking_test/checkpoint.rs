//! The state of a spiking test in one versioned file, so that `--resume` reaches the same bytes as an uninterrupted run.
//!
//! A first line with the format, the length of the ledger (8 bytes, little-endian), the ledger as JSON, the totals and the
//! stimuli in mid-pattern as `sim` writes them, a SHA-256 of all before.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sim::{Encoder, Paused, Plan, Real, State, Totals};

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

    /// Whether nothing is reached.
    pub fn is_new(&self) -> bool {
        self.n_answered() == 0 && self.in_flight.is_empty()
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
}

/// What a checkpoint of a test may hold.
pub struct Bounds {
    /// Stimuli of the test.
    pub n_stimuli: usize,
    /// Outputs that may answer.
    pub n_outputs: usize,
    /// Femtoseconds of a presentation.
    pub present_time: u64,
}

/// A file that was read, of this test; the engine's bytes in it wait for the network.
pub struct Saved {
    path: PathBuf,
    ledger: Ledger,
    /// The totals and the stimuli in mid-pattern, one after the other.
    engine: Vec<u8>,
}

impl Saved {
    /// Reads the file and checks its ledger.
    ///
    /// # Errors
    /// The file is not there, is damaged, or is that of another test; then it is told what differs.
    pub fn open(path: &Path, identity: &Identity, bounds: &Bounds) -> Result<Self> {
        let wrong = |what: &str| wrong(path, what);
        let bytes = fs::read(path).map_err(|e| {
            wrong(&format!(
                "expected the checkpoint of an interrupted spiking test, found: {e}; Ctrl-C, SIGTERM and --checkpoint-after leave \
                 one, a kill does not: test without --resume"
            ))
        })?;
        let rest = bytes
            .strip_prefix(FIRST_LINE)
            .ok_or_else(|| wrong("expected a checkpoint of format 1, found something else; test without --resume"))?;
        let damaged = || damaged(path);
        let (_, sum) = bytes.split_last_chunk::<SHA256>().ok_or_else(damaged)?;
        if Sha256::digest(&bytes[..bytes.len() - SHA256])[..] != sum[..] {
            return Err(damaged());
        }
        let rest = rest.strip_suffix(sum).ok_or_else(damaged)?;
        let (n, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let n = usize::try_from(u64::from_le_bytes(*n)).map_err(|_| damaged())?;
        let (ledger, engine) = rest.split_at_checked(n).ok_or_else(damaged)?;
        let ledger: Ledger = serde_json::from_slice(ledger).map_err(|_| damaged())?;
        let differences = differences(&ledger.run, identity);
        if !differences.is_empty() {
            return Err(wrong(&format!(
                "expected the checkpoint of this test, found that of another:\n{differences}use the same, or test without --resume"
            )));
        }
        if !ledger.is_within(bounds, engine.len()) {
            return Err(damaged());
        }
        Ok(Self { path: path.to_path_buf(), ledger, engine: engine.to_vec() })
    }

    /// What was reached. `expected` tells what a stimulus in mid-pattern presents.
    ///
    /// # Errors
    /// The engine's bytes are damaged, or of another network or stimulus.
    pub fn restore<F: Real>(
        self,
        plan: &Plan<F>,
        encoder: &Encoder,
        expected: impl Fn(usize) -> Paused,
    ) -> Result<Checkpoint> {
        let Self { path, ledger, engine } = self;
        let (totals, mut rest) = engine.split_at_checked(ledger.totals).ok_or_else(|| damaged(&path))?;
        let totals = Totals::from_bytes(plan, totals).map_err(|e| wrong(&path, &e.to_string()))?;
        let mut in_flight = BTreeMap::new();
        for (index, n) in ledger.in_flight {
            let (bytes, left) = rest.split_at_checked(n).ok_or_else(|| damaged(&path))?;
            rest = left;
            let state = State::from_bytes(plan, encoder, bytes).map_err(|e| wrong(&path, &e.to_string()))?;
            if state.paused() != Some(expected(index)) {
                return Err(damaged(&path));
            }
            in_flight.insert(index, bytes.to_vec());
        }
        let checkpoint = Checkpoint { answers: ledger.answers, totals, in_flight, seconds: ledger.seconds };
        if checkpoint.totals.n_stimuli() != checkpoint.n_answered() as u64 {
            return Err(damaged(&path));
        }
        Ok(checkpoint)
    }
}

impl Ledger {
    /// Whether a test could have written it, with so many bytes of the engine after it.
    fn is_within(&self, bounds: &Bounds, n_bytes: usize) -> bool {
        let is_answer = |answer: &Answer| {
            answer.response.is_none_or(|response| response < bounds.n_outputs)
                && answer.latency.is_none_or(|latency| latency < bounds.present_time && answer.response.is_some())
        };
        let is_open = |&(index, _): &(usize, usize)| self.answers.get(index).is_some_and(Option::is_none);
        let n = self.in_flight.iter().try_fold(self.totals, |n, &(_, more)| n.checked_add(more));
        self.answers.len() == bounds.n_stimuli
            && self.answers.iter().flatten().all(is_answer)
            && self.seconds.is_finite()
            && self.seconds >= 0.0
            && self.in_flight.is_sorted_by(|(a, _), (b, _)| a < b)
            && self.in_flight.iter().all(is_open)
            && n == Some(n_bytes)
    }
}

fn wrong(path: &Path, what: &str) -> anyhow::Error {
    wrong_input(format!("--resume: {}: {what}", path.display()))
}

fn damaged(path: &Path) -> anyhow::Error {
    wrong(path, "expected a checkpoint as it was written, found a damaged one; test without --resume")
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
