//! `femtospike bench`.

use anyhow::Result;

use super::BenchArgs;
use crate::bench::{self, Happening, Record, Settings};
use crate::failure::wrong_input;
use crate::output;
use crate::report::bench as report;
use crate::report::progress::{note, result};
use crate::run::interrupt;
use crate::session::{checked_threads, use_threads};

/// Threads of the lines that use several, when nothing says how many.
const DEFAULT_THREADS: usize = 2;

pub fn run(args: &BenchArgs) -> Result<()> {
    let groups = bench::select(&args.only)?;
    let settings =
        Settings { is_quick: args.quick, threads: checked_threads(args.threads)?.unwrap_or(DEFAULT_THREADS) };
    if let Some(path) = &args.json {
        output::check_file(path).map_err(|e| wrong_input(format!("--json: {e}; name another file")))?;
    }
    use_threads(args.threads)?;
    interrupt::listen();
    let save = |record: &Record| match &args.json {
        Some(path) => output::write_atomically(path, report::json(record)?.as_bytes()),
        None => Ok(()),
    };
    let mut has_header = false;
    let mut tell = |record: &Record, happening: Happening<'_>| {
        if !std::mem::replace(&mut has_header, true) {
            result(&report::header(record));
        }
        match happening {
            Happening::Begins(name) => note(&format!("measuring {name}")),
            Happening::Measured(line) => result(&report::text(line)),
            Happening::Failed(failure) => result(&report::failure(failure)),
        }
        // Saved after each line, so that nothing that ends the program loses it; a fault is told at the end.
        let _ = save(record);
    };
    let (record, ended) = bench::run(settings, &groups, &mut tell);
    let saved = save(&record);
    if let (true, true, Some(path)) = (record.interrupted, saved.is_ok(), &args.json) {
        note(&format!("interrupted; the lines measured so far are in {}", path.display()));
    }
    ended.and(saved)
}
