//! `femtospike inspect`.

use std::path::Path;

use anyhow::Result;
use sim::Plan;

use super::{FloatArg, InspectArgs, Options};
use crate::config::saved;
use crate::failure::wrong_input;
use crate::memory;
use crate::model::Description;
use crate::output::OutputFolder;
use crate::report::document;
use crate::report::memory::lines;
use crate::report::network::{self, table};
use crate::report::progress::result;
use crate::session::read_model;
use crate::transcode::{self, is_spiking};

/// Bytes of the spiking network, or why there is none.
fn memory_lines(description: &Description, float: FloatArg) -> Result<String> {
    if let Err(reason) = transcode::check(description, None) {
        return Ok(format!("\nmemory: {reason}"));
    }
    memory::check_spikes(description)?;
    let network = transcode::untrained(description)?;
    let fault = |e: sim::Error| wrong_input(format!("{}: {e}", description.stimuli.span.file));
    let lines = match float {
        FloatArg::F32 => lines(&Plan::<f32>::new(&network).map_err(fault)?),
        FloatArg::F64 => lines(&Plan::<f64>::new(&network).map_err(fault)?),
    };
    Ok(lines.trim_end().to_string())
}

pub fn run(args: &InspectArgs) -> Result<()> {
    let description = read_model(&args.model, &args.options)?;
    args.options.typed.note_without_effect(Some(&description));
    result(&table(&description));
    if is_spiking(&description) {
        result(&memory_lines(&description, args.options.float)?);
    }
    if args.cfg {
        save_parameters(&description, &args.options)?;
    }
    document::give(&network::document(&description))
}

/// Writes `<layer>.cfg` for each layer.
fn save_parameters(description: &Description, options: &Options) -> Result<()> {
    let output = OutputFolder::open(options.out.as_deref().unwrap_or(Path::new(".")))?;
    let head = format!("{}, version {}", description.name, env!("CARGO_PKG_VERSION"));
    for cell in &description.cells {
        output.write(saved::name(&cell.name), saved::text(&head, &cell.parameters))?;
    }
    let folder = output.root().display();
    result(&format!("saved parameters: {} files `<layer>.cfg` in {folder}", description.cells.len()));
    Ok(())
}
