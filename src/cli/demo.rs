//! `femtospike demo`: the main job with nothing to prepare.

use anyhow::Result;

use super::{Options, learn, test};
use crate::report::progress::result;
use crate::run::learn::Amount;
use crate::session::{Session, use_threads};

/// Epochs that reach 98.7 % well within a minute on two cores.
const DEMO_EPOCHS: u64 = 15;
const FORMAL_MODEL: &str = "LeNet.ini";
const SPIKING_MODEL: &str = "LeNet_Spike.ini";

pub fn run(options: &Options) -> Result<()> {
    use_threads(options.threads)?;
    result(&format!("1. Learn {FORMAL_MODEL} on MNIST"));
    let session = Session::open(FORMAL_MODEL, options, true)?;
    test::check(&session)?;
    let mut network = session.network()?;
    let amount = match (options.learn, options.learn_epoch, options.resume) {
        (None, None, false) => Some(Amount::Epochs(DEMO_EPOCHS)),
        _ => learn::amount(options),
    };
    let learned = crate::run::learn::run(&session, &mut network, amount)?;
    crate::run::learn::announce(&session, &learned);
    result(&format!("\n2. Test the same weights in {SPIKING_MODEL}, as frames and as spikes"));
    let mut session = session.with_model(SPIKING_MODEL)?;
    session.options.page = true;
    let network = session.network()?;
    test::finish(session, network, &learned.weights, Some(&learned))
}
