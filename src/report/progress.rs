//! The only code that draws on the terminal: bars on a terminal, plain lines elsewhere, all on standard error.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Progress of one phase, counted in stimuli.
pub struct Progress {
    bar: Option<ProgressBar>,
    label: &'static str,
    total: u64,
    /// What was done before the phase went on.
    before: u64,
    started: Instant,
}

impl Progress {
    /// Starts a phase of `total` stimuli.
    pub fn start(label: &'static str, total: u64) -> Self {
        Self::go_on(label, total, 0)
    }

    /// Goes on with a phase of `total` stimuli of which `before` are done; rates and times left count what is done from here.
    pub fn go_on(label: &'static str, total: u64, before: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            let template = "{prefix} [{bar:30}] {percent:>3}% {msg} {per_sec} left {eta}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(label);
            bar.set_position(before);
            bar.reset_eta();
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, label, total, before, started: Instant::now() }
    }

    /// Moves the bar; `message` is only made when a bar is drawn.
    pub fn advance(&self, done: u64, message: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(message());
        }
    }

    /// Moves the bar by one stimulus, from any thread.
    pub fn step(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// A line that stays: above the bar on a terminal, plain with rate and time left elsewhere.
    pub fn log(&self, done: u64, message: &str) {
        let rate = done.saturating_sub(self.before) as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        let left = if rate > 0.0 { self.total.saturating_sub(done) as f64 / rate } else { 0.0 };
        let line = format!(
            "{} #{done} ({:.0}%)   {message}   {rate:.0} p./s, {left:.0} s left",
            self.label,
            self.percent(done)
        );
        match &self.bar {
            Some(bar) => bar.println(line),
            None => note(&line),
        }
    }

    /// A line without figures of progress.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => note(line),
        }
    }

    fn percent(&self, done: u64) -> f64 {
        if self.total == 0 { 100.0 } else { 100.0 * done as f64 / self.total as f64 }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Prints a line of progress or a warning to standard error; a closed terminal does not end the run.
pub fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints a result to standard output, or to standard error where that is for a document alone; a closed pipe does not end the
/// run.
pub fn result(text: &str) {
    if TO_STANDARD_ERROR.load(Ordering::Relaxed) { note(text) } else { print(text) }
}

/// Keeps standard output for a document.
pub(super) fn results_to_standard_error() {
    TO_STANDARD_ERROR.store(true, Ordering::Relaxed);
}

static TO_STANDARD_ERROR: AtomicBool = AtomicBool::new(false);

pub(super) fn print(text: &str) {
    if let Err(e) = writeln!(std::io::stdout(), "{text}")
        && e.kind() != std::io::ErrorKind::BrokenPipe
        && !RESULTS_LOST.swap(true, Ordering::Relaxed)
    {
        note(&format!("error: cannot write results to standard output: {e}"));
    }
}

/// Whether a result could not be printed.
pub fn results_lost() -> bool {
    RESULTS_LOST.load(Ordering::Relaxed)
}

static RESULTS_LOST: AtomicBool = AtomicBool::new(false);
