//! `femtospike report`.

use anyhow::Result;
use serde_json::json;

use super::ReportArgs;
use crate::failure::wrong_input;
use crate::output::OutputFolder;
use crate::report::progress::result;
use crate::report::{document, page};

pub fn run(args: &ReportArgs) -> Result<()> {
    if !args.folder.is_dir() {
        return Err(wrong_input(format!(
            "`{}`: expected the output folder of a run, found no folder of this name",
            args.folder.display()
        )));
    }
    let output = OutputFolder::open(&args.folder)?;
    let pictures = page::write(&output)?;
    told(&output);
    document::give(&json!({
        "page": output.path(page::PAGE),
        "pictures": pictures.iter().map(|name| output.path(page::FIGURES).join(name)).collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

/// Tells where the page is.
pub(super) fn told(output: &OutputFolder) {
    result(&format!("report page: {}; its pictures: {}/", output.path(page::PAGE).display(), page::FIGURES));
}
