//! `femtospike inspect`.

use anyhow::Result;

use super::InspectArgs;
use crate::report::network::table;
use crate::report::progress::result;
use crate::session::read_model;

pub fn run(args: &InspectArgs) -> Result<()> {
    if args.keys {
        result(&crate::config::reference());
    }
    if let Some(model) = &args.model {
        let description = read_model(model, &args.options)?;
        result(&table(&description));
    }
    Ok(())
}
