//! `femtospike keys`.

use anyhow::Result;

use super::KeysArgs;
use crate::config::reference::{json, markdown};
use crate::failure::wrong_input;
use crate::report::progress::result;

pub fn run(args: &KeysArgs) -> Result<()> {
    let section = args.section.as_deref();
    let text = if args.json { json(section) } else { markdown(section) };
    result(text.map_err(|message| wrong_input(format!("keys: {message}")))?.trim_end());
    Ok(())
}
