//! The benchmark suite of the program, `femtospike bench`, run by `cargo bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    femtospike::main_with(["femtospike", "bench"].map(Into::into))
}
