//! What learning costs, layer by layer (`-bench`); nothing is validated or logged, no weights are written.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Result;
use formal::Network;
use stimuli::Set;

use super::feed::Feed;
use super::interrupt;
use super::learn::Amount;
use super::targets::Judge;
use crate::report::document;
use crate::report::progress::{Progress, result};
use crate::report::timings::{self, Measured, table};
use crate::session::Session;

/// Batches measured when nothing says how much.
const DEFAULT_BATCHES: u64 = 100;
/// Batches before the clock starts: memory is touched, caches and branches are warm.
const WARM_UP: u64 = 5;

/// The time since the first call.
pub fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// Learns `amount`, after a warm-up, prints what a stimulus takes and writes `timings/learning_timings.dat`.
///
/// # Errors
/// A stimulus that cannot be read; a file that cannot be written; Ctrl-C.
pub fn run(session: &Session, network: &mut Network, amount: Option<Amount>) -> Result<()> {
    let (set, batch_size) = (session.database().set(Set::Learn), session.description.stimuli.batch_size as u64);
    let (total, by_epochs) = match amount {
        Some(Amount::Stimuli(n)) => (n, false),
        Some(Amount::Epochs(n)) => (n.saturating_mul(set.len() as u64), true),
        None => (DEFAULT_BATCHES * batch_size, false),
    };
    if set.is_empty() {
        let span = &session.description.database.span;
        return Err(crate::failure::wrong_input(format!("{span}: the Learn set is empty")));
    }
    let progress = Progress::start("Measuring", total);
    let judge = if session.description.has_target_maps() { Some(Judge::new(session)?) } else { None };
    let mut feed = Feed::new(session, by_epochs, judge.as_ref());
    let (mut step, mut stimuli, mut before) = (0, 0, 0);
    let (mut waited, mut learned) = (Duration::ZERO, Duration::ZERO);
    interrupt::listen();
    while stimuli - before < total {
        if step == WARM_UP {
            network.set_clock(Some(now));
            (before, waited, learned) = (stimuli, Duration::ZERO, Duration::ZERO);
        }
        let started = Instant::now();
        let batch = feed.batch(step, stimuli)?;
        waited += started.elapsed();
        let started = Instant::now();
        let n = batch.ids.len() as u64;
        feed.meanwhile(step + 1, stimuli + n, || batch.start(session, network, judge.as_ref(), step));
        feed.bring(network);
        network.finish();
        learned += started.elapsed();
        network.check()?;
        feed.reuse(batch);
        (step, stimuli) = (step + 1, stimuli + n);
        progress.advance(stimuli - before, String::new);
        interrupt::check()?;
        // A short measurement has no warm-up behind it yet.
        if step < WARM_UP {
            before = stimuli;
        }
    }
    drop(progress);
    let measured = Measured {
        stimuli: stimuli - before,
        threads: rayon::current_num_threads(),
        waited,
        learned,
        cells: network.times(),
    };
    result(&table(&session.description, &measured));
    let rows = timings::learning(&session.description, &measured);
    session.output.write("timings/learning_timings.dat", timings::text(&rows))?;
    document::give(&timings::document(&session.description, &measured, &session.summary()))
}
