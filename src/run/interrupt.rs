//! Ctrl-C: the first asks the run to end cleanly, the second ends the process.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use crate::failure::Interrupted;
use crate::report::progress::note;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static INSTALL: Once = Once::new();

/// Starts listening. Without a signal handler a Ctrl-C ends the process at once, which loses nothing already written.
pub fn listen() {
    INSTALL.call_once(|| {
        let handler = || {
            if REQUESTED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            note("\ninterrupted: ending cleanly (once more to stop at once)");
        };
        if let Err(e) = ctrlc::set_handler(handler) {
            note(&format!("warning: Ctrl-C will not end the run cleanly: {e}"));
        }
    });
}

/// Ends the run where the user asked for it.
///
/// # Errors
/// [`Interrupted`].
pub fn check() -> Result<()> {
    if requested() { Err(Interrupted.into()) } else { Ok(()) }
}

/// Whether the user asked the run to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
