//! `femtospike report`.

use anyhow::Result;

use super::ReportArgs;
use crate::failure::wrong_input;
use crate::output::OutputFolder;
use crate::report::page;
use crate::report::progress::result;

pub fn run(args: &ReportArgs) -> Result<()> {
    if !args.folder.is_dir() {
        return Err(wrong_input(format!(
            "`{}`: expected the output folder of a run, found no folder of this name",
            args.folder.display()
        )));
    }
    let output = OutputFolder::open(&args.folder)?;
    page::write(&output)?;
    told(&output);
    Ok(())
}

/// Tells where the page is.
pub(super) fn told(output: &OutputFolder) {
    result(&format!("report page: {}; its pictures: {}/", output.path(page::PAGE).display(), page::FIGURES));
}
