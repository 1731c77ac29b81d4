//! `femtospike learn`.

use anyhow::Result;
use stimuli::Set;

use super::{Options, test};
use crate::locate;
use crate::run::gradient_check;
use crate::run::learn::{self, Amount};
use crate::run::learn_bench;
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
    let learned = learn::run(&session, &mut network, amount(options))?;
    learn::announce(&session, &learned);
    test::finish(session, network, &learned.weights, Some(&learned))
}

/// Measures learning and leaves its times alone.
fn bench(model: &str, options: &Options) -> Result<()> {
    let session = Session::of(locate::model(model)?, options, true)?;
    session.prepare(Set::Learn)?;
    let mut network = session.network()?;
    let typed = options.learn_epoch.is_some() || options.learn.is_some();
    learn_bench::run(&session, &mut network, amount(options).filter(|_| typed))
}
