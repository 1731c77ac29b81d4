//! `femtospike find-lr`.

use anyhow::Result;

use super::Options;
use crate::assemble;
use crate::report::number::general;
use crate::report::progress::result;
use crate::run::find_lr;
use crate::session::{Session, use_threads};

/// Stimuli of the range test when nothing says how many.
const DEFAULT_STIMULI: u64 = 10_000;

pub fn run(model: &str, options: &Options) -> Result<()> {
    use_threads(options.threads)?;
    let session = Session::open(model, options, true)?;
    let mut network = assemble::formal_network(&session.description, session.seed)?;
    let n = options.find_lr.unwrap_or(DEFAULT_STIMULI);
    match find_lr::run(&session, &mut network, n)? {
        Some(rate) => result(&format!("Suggested learning rate: {}", general(rate))),
        None => {
            result("No learning rate suggested: the loss never fell below its start; give more stimuli with -find-lr N")
        }
    }
    Ok(())
}
