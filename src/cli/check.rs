//! `femtospike check`.

use anyhow::Result;

use super::Options;
use crate::locate;
use crate::run::gradient_check;
use crate::session::{Session, use_threads};
use crate::weights;

pub fn run(model: &str, options: &Options) -> Result<()> {
    use_threads(options.threads)?;
    let session = Session::open(model, options, false)?;
    let loaded = match &options.weights {
        Some(folder) => {
            let source = locate::weights(Some(folder), &session.output, &session.description.name)?;
            Some(weights::load(&session.description, &source)?)
        }
        None => None,
    };
    gradient_check::run(&session, loaded.as_ref(), true)
}
