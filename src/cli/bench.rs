//! `femtospike bench`.

use std::path::Path;

use anyhow::{Context, Result};

use super::BenchArgs;
use crate::bench::{self, Group, Happening, Record, Settings};
use crate::failure::wrong_input;
use crate::output::OutputFile;
use crate::report::bench as report;
use crate::report::document::{self, STANDARD_OUTPUT};
use crate::report::progress::{note, result};
use crate::run::interrupt;
use crate::session::{checked_threads, use_threads};

/// Threads of the lines that use several, when nothing says how many.
const DEFAULT_THREADS: usize = 2;

/// What is typed wrong, all at once.
fn checked(args: &BenchArgs) -> Result<(Vec<&'static Group>, usize, Option<OutputFile>)> {
    let groups = bench::select(&args.only);
    let threads = checked_threads(args.threads);
    let file = args.json.as_deref().filter(|path| *path != Path::new(STANDARD_OUTPUT));
    let json = file.map(OutputFile::open).transpose();
    let json = json.map_err(|e| wrong_input(format!("--json: {e}; name another file")));
    match (groups, threads, json) {
        (Ok(groups), Ok(threads), Ok(json)) => Ok((groups, threads.unwrap_or(DEFAULT_THREADS), json)),
        (groups, threads, json) => {
            let faults = [groups.err(), threads.err(), json.err()];
            let faults: Vec<String> = faults.into_iter().flatten().map(|fault| fault.to_string()).collect();
            Err(wrong_input(match faults.as_slice() {
                [only] => only.clone(),
                all => format!("the command line has {} faults\n  {}", all.len(), all.join("\n  ")),
            }))
        }
    }
}

pub fn run(args: &BenchArgs) -> Result<()> {
    let (groups, threads, json) = checked(args)?;
    let settings = Settings { is_quick: args.quick, threads };
    use_threads(args.threads)?;
    if args.json.is_some() && json.is_none() {
        document::want(Path::new(STANDARD_OUTPUT))?;
    }
    interrupt::listen();
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
        if let (Some(file), Ok(text)) = (&json, report::json(record)) {
            let _ = file.write_so_far(text.as_bytes());
        }
    };
    let (record, ended) = bench::run(settings, &groups, &mut tell);
    let saved = match &json {
        Some(file) => file.write(report::json(&record)?.as_bytes()).context("--json"),
        None => document::give(&report::document(&record)),
    };
    if let (true, true, Some(path)) = (record.interrupted, saved.is_ok() && json.is_some(), &args.json) {
        note(&format!("interrupted; the lines measured so far are in {}", path.display()));
    }
    ended.and(saved)
}
