//! Ctrl-C, SIGTERM and SIGHUP: the first asks the run to end cleanly, the second ends the process.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
#[cfg(unix)]
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};

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

/// Lets a run outlive its terminal where SIGHUP is ignored when it starts, as under `nohup`: it is blocked then, so that it never
/// comes to the handler that [`listen`] installs. To be called before the first thread is started, as threads inherit that.
#[cfg(unix)]
pub fn outlive_terminal() {
    // SAFETY: no function is set that could do what a signal handler must not.
    let set = |handler| unsafe { signal(Signal::SIGHUP, handler) };
    let is_done = match set(SigHandler::SigIgn) {
        Ok(SigHandler::SigIgn) => SigSet::from(Signal::SIGHUP).thread_block(),
        Ok(before) => set(before).map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = is_done {
        note(&format!("warning: the end of the terminal may end the run: {error}"));
    }
}

/// See the other one.
#[cfg(not(unix))]
pub fn outlive_terminal() {}

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
