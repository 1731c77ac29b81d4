//! `femtospike gpu-check`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use formal::{Device, Precision};

use super::GpuCheckArgs;
use crate::device;
use crate::failure::wrong_input;
use crate::gpu_check::{self, Happening, Record, Settings};
use crate::output::OutputFile;
use crate::report::document::{self, STANDARD_OUTPUT};
use crate::report::gpu_check as report;
use crate::report::progress::{note, result};
use crate::run::interrupt;

pub fn run(args: &GpuCheckArgs) -> Result<()> {
    let path = args.json.as_deref().filter(|path| *path != Path::new(STANDARD_OUTPUT));
    let json = path.map(OutputFile::open).transpose();
    let json = json.map_err(|e| wrong_input(format!("--json: {e}; name another file")))?;
    if args.json.is_some() && json.is_none() {
        document::want(Path::new(STANDARD_OUTPUT))?;
    }
    let (device, cuda) = match args.emulator {
        true => (Device::Emulator(Precision::F32), None),
        false => match device::open_cuda(Precision::F32) {
            Ok(cuda) => (Device::Cuda(Precision::F32), Some(cuda)),
            Err(fault) => bail!("there is no CUDA device to check: {fault}"),
        },
    };
    let settings = Settings { device, is_quick: args.quick || args.emulator, python: args.python.clone() };
    interrupt::listen();
    let mut has_header = false;
    let mut tell = |record: &Record, happening: Happening<'_>| {
        if !std::mem::replace(&mut has_header, true) {
            result(&report::header(record));
        }
        match happening {
            Happening::Begins(part) => result(&format!("\n{part}")),
            Happening::Operator(operator) => result(&report::operator(operator)),
            Happening::Steps(steps) => result(&report::steps(steps)),
            Happening::Learned(learning) => result(&report::learning(learning)),
            Happening::Measured(figure) => result(&report::figure(figure)),
            Happening::Torch(torch) => report::torch(torch).iter().for_each(|line| result(line)),
            Happening::Failed(failure) => result(&report::failure(failure)),
        }
        // Saved after each part, so that nothing that ends the program loses it; a fault is told at the end.
        if let (Some(file), Ok(text)) = (&json, report::json(record)) {
            let _ = file.write_so_far(text.as_bytes());
        }
    };
    let (record, ended) = gpu_check::run(&settings, cuda, &mut tell);
    let saved = match &json {
        Some(file) => file.write(report::json(&record)?.as_bytes()).context("--json"),
        None => document::give(&record),
    };
    if record.interrupted && saved.is_ok() && json.is_some() {
        note("interrupted; what was checked so far is in the file of --json");
    }
    ended.and(saved)?;
    result(&format!("\n{}", report::verdict(&record)));
    match record.passed {
        true => Ok(()),
        false => bail!("the device does not compute what it should: {}", report::faults(&record)),
    }
}
