//! Ctrl-C, SIGTERM and SIGHUP: the first asks the run to end cleanly, the second ends the process.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
#[cfg(unix)]
use nix::sys::signal::{SigHandler, Signal, signal};

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
        let hangup = Hangup::look();
        if let Err(e) = ctrlc::set_handler(handler) {
            note(&format!("warning: Ctrl-C will not end the run cleanly: {e}"));
        }
        hangup.restore();
    });
}

/// Whether SIGHUP was ignored before the handler took it, as under `nohup`: then it still is, and the run outlives its
/// terminal.
struct Hangup {
    #[cfg(unix)]
    is_ignored: bool,
}

#[cfg(unix)]
impl Hangup {
    fn look() -> Self {
        Self { is_ignored: matches!(ignore_hangup(), Ok(SigHandler::SigIgn)) }
    }

    fn restore(&self) {
        if self.is_ignored && ignore_hangup().is_err() {
            note("warning: the end of the terminal will end the run");
        }
    }
}

/// Ignores SIGHUP; what happened on it before.
#[cfg(unix)]
fn ignore_hangup() -> nix::Result<SigHandler> {
    // SAFETY: no function is set that could do what a signal handler must not.
    unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) }
}

#[cfg(not(unix))]
impl Hangup {
    fn look() -> Self {
        Self {}
    }

    fn restore(&self) {}
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
