//! Stimuli that were left out (`--skip-bad`): told when they are found and at the end, and in a file.

use std::sync::OnceLock;

use anyhow::Result;

use super::progress::note;
use crate::output::OutputFolder;

/// The list in the output folder.
pub const FILE: &str = "skipped.txt";

/// Stimuli that are named at the end; the file has all.
const MOST: usize = 20;

static SKIPPED: OnceLock<Vec<String>> = OnceLock::new();

/// Writes `skipped.txt`, a line a stimulus with what is wrong, or removes that of an earlier run.
///
/// # Errors
/// The file cannot be written.
pub fn write(output: &OutputFolder, faults: &[String]) -> Result<()> {
    if faults.is_empty() {
        return output.remove(FILE);
    }
    note(&format!("note: {} faulty stimuli or records are left out (--skip-bad), see {FILE}", faults.len()));
    output.write(FILE, faults.join("\n") + "\n")?;
    let _ = SKIPPED.set(faults.to_vec());
    Ok(())
}

/// Lists once more what was left out, when a command has ended.
pub fn tell_again() {
    let Some(faults) = SKIPPED.get() else { return };
    note(&format!("left out (--skip-bad): {} faulty stimuli or records", faults.len()));
    faults.iter().take(MOST).for_each(|fault| note(&format!("  {fault}")));
    if faults.len() > MOST {
        note(&format!("  and {} more, all in {FILE}", faults.len() - MOST));
    }
}
