//! The one JSON document of a run, for other programs (`--json`, docs/json.md).
//!
//! Where it goes to standard output, nothing else does: results for people go to standard error.

use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result};
use serde::Serialize;

use super::progress::{print, results_to_standard_error};
use crate::failure::wrong_input;
use crate::output::OutputFile;

/// The file name that stands for standard output.
pub const STANDARD_OUTPUT: &str = "-";

enum Place {
    StandardOutput,
    File(OutputFile),
}

static PLACE: Mutex<Option<Place>> = Mutex::new(None);

/// Wants the document of this run in a file, or on standard output (`-`).
///
/// # Errors
/// A file that cannot be written, before anything is run.
pub fn want(path: &Path) -> Result<()> {
    let place = if path == Path::new(STANDARD_OUTPUT) {
        results_to_standard_error();
        Place::StandardOutput
    } else {
        let file = OutputFile::open(path).map_err(|e| wrong_input(format!("--json: {e}; name another file")))?;
        Place::File(file)
    };
    *PLACE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(place);
    Ok(())
}

/// Hands the document over, where one is wanted.
///
/// # Errors
/// A file that cannot be written.
pub fn give(document: &impl Serialize) -> Result<()> {
    let place = PLACE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Some(place) = &*place else { return Ok(()) };
    let text = serde_json::to_string_pretty(document)? + "\n";
    match place {
        Place::StandardOutput => {
            print(text.trim_end());
            Ok(())
        }
        Place::File(file) => file.write(text.as_bytes()).context("--json"),
    }
}
