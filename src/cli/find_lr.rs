//! `femtospike find-lr`.

use anyhow::Result;
use serde::Serialize;

use super::Options;
use super::learn::begin_with;
use crate::report::document;
use crate::report::number::general;
use crate::report::progress::result;
use crate::report::summary::Summary;
use crate::run::find_lr;
use crate::session::{Session, use_threads};

/// Stimuli of the range test when nothing says how many.
const DEFAULT_STIMULI: u64 = 10_000;

pub fn run(model: &str, options: &Options) -> Result<()> {
    use_threads(options.threads)?;
    let session = Session::open(model, options, true)?;
    let mut network = session.network()?;
    begin_with(&session, &mut network)?;
    let n = options.find_lr.unwrap_or(DEFAULT_STIMULI);
    let suggested = find_lr::run(&session, &mut network, n)?;
    match suggested {
        Some(rate) => result(&format!("Suggested learning rate: {}", general(rate))),
        None => {
            result("No learning rate suggested: the loss never fell below its start; give more stimuli with -find-lr N")
        }
    }
    let Summary { model, ini_sha256, version, seed, .. } = session.summary();
    document::give(&Document { model, ini_sha256, version, seed, stimuli: n, suggested_learning_rate: suggested })
}

/// What was found, for programs.
#[derive(Serialize)]
struct Document {
    model: String,
    ini_sha256: String,
    version: String,
    seed: u64,
    stimuli: u64,
    /// Absent where the loss never fell below its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggested_learning_rate: Option<f64>,
}
