//! The program as a library, so that tests and examples can call it.
//!
//! What was typed ([`cli`]) → what it means ([`session`], [`config`], [`model`], [`locate`]) → a run ([`run`]) → a report
//! ([`report`], [`output`]). [`assemble`] makes the frame network of a description, [`transcode`] the spiking one of the
//! trained frame network.

pub mod assemble;
pub mod assets;
pub mod bench;
pub mod cli;
pub mod config;
pub mod data;
pub mod device;
pub mod failure;
pub mod gpu_check;
pub mod locate;
pub mod memory;
pub mod model;
pub mod output;
pub mod report;
pub mod run;
pub mod session;
pub mod transcode;
pub mod weights;

use std::ffi::OsString;
use std::process::ExitCode;

use report::progress::note;

/// Runs the program on the words of a command line, the program's name first.
pub fn main_with(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    run::interrupt::outlive_terminal();
    let words: Result<Vec<String>, OsString> = words.into_iter().map(OsString::into_string).collect();
    let words = match words {
        Ok(words) => words,
        Err(word) => {
            note(&format!("error: `{}`: expected UTF-8 text on the command line", word.to_string_lossy()));
            return ExitCode::from(2);
        }
    };
    let words = match cli::arguments::normalize(words) {
        Ok(words) => words,
        Err(message) => {
            note(&format!("error: {message}"));
            return ExitCode::from(2);
        }
    };
    let cli = match cli::Cli::read(words) {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let ended = cli::run(cli);
    report::skipped::tell_again();
    match ended {
        Ok(()) if report::progress::results_lost() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is::<failure::Interrupted>() {
                note(&format!("error: {error:#}"));
            }
            ExitCode::from(failure::exit_code(&error))
        }
    }
}
