//! `femtospike learn`.

use anyhow::Result;
use stimuli::Set;

use super::{Options, test};
use crate::assemble;
use crate::run::learn::{self, Amount};
use crate::session::{Session, use_threads};

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
    let session = Session::open(model, options, true)?;
    test::check(&session)?;
    // A file that cannot be read is found before anything is learned.
    Set::ALL.into_iter().try_for_each(|set| session.prepare(set))?;
    let mut network = assemble::formal_network(&session.description, session.seed)?;
    let learned = learn::run(&session, &mut network, amount(options))?;
    learn::announce(&session, &learned);
    test::finish(session, network, &learned.weights, Some(&learned))
}
