//! The program: parse, run, say what went wrong.

use std::process::ExitCode;

fn main() -> ExitCode {
    femtospike::main_with(std::env::args_os())
}
