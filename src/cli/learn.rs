//! `femtospike learn`.

use anyhow::Result;
use stimuli::Set;

use super::{Options, test};
use crate::failure::wrong_input;
use crate::report::progress::result;
use crate::run::gradient_check;
use crate::run::learn::{self, Amount};
use crate::run::learn_bench;
use crate::session::{Session, use_threads};
use crate::{assemble, locate, weights};

/// Epochs learned when nothing says how many.
const DEFAULT_EPOCHS: u64 = 20;

/// The amount typed; `None` leaves it to the state that `--resume` finds.
pub fn amount(options: &Options) -> Option<Amount> {
    match (options.learn_epoch, options.learn) {
        (Some(epochs), _) => Some(Amount::Epochs(epochs)),
        (None, Some(stimuli)) => Some(Amount::Stimuli(stimuli)),
        (None, None) if options.resume => None,
        (None, None) => Some(Amount::Epochs(DEFAULT_EPOCHS)),
    }
}

pub fn run(model: &str, options: &Options) -> Result<()> {
    use_threads(options.threads)?;
    if options.bench {
        return bench(model, options);
    }
    let session = Session::open(model, options, true)?;
    test::check(&session)?;
    // A file that cannot be read is found before anything is learned.
    Set::ALL.into_iter().try_for_each(|set| session.prepare(set))?;
    if options.check {
        gradient_check::run(&session, None, false)?;
    }
    let mut network = session.network()?;
    begin_with(&session, &mut network)?;
    let learned = learn::run(&session, &mut network, amount(options))?;
    learn::announce(&session, &learned);
    test::finish(session, network, &learned.weights, Some(&learned))
}

/// Gives a network that begins to learn the weights that were asked for, if any were; what `--resume` goes on with has its own.
///
/// # Errors
/// Weights that are missing or faulty.
pub(super) fn begin_with(session: &Session, network: &mut formal::Network) -> Result<()> {
    let Some(folder) = session.options.weights.as_deref() else { return Ok(()) };
    if session.options.resume {
        return Err(wrong_input(
            "-w: expected none with --resume, which goes on with the weights of learning.safetensors; leave one of them out",
        ));
    }
    let source = locate::weights(Some(folder), &session.output, &session.description.name)?;
    let loaded = weights::load(&session.description, &source)?;
    result(&format!("First weights: {source} (sha256 {})", &loaded.sha256[..16]));
    assemble::set_weights(network, &loaded)
}

/// Measures learning and leaves its times alone.
fn bench(model: &str, options: &Options) -> Result<()> {
    let session = Session::of(locate::model(model)?, options, true)?;
    session.prepare(Set::Learn)?;
    let mut network = session.network()?;
    begin_with(&session, &mut network)?;
    let typed = options.learn_epoch.is_some() || options.learn.is_some();
    learn_bench::run(&session, &mut network, amount(options).filter(|_| typed))
}
