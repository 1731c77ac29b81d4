//! Benchmarks: each compares two things in one run and reports their ratio with its spread.
//!
//! `cargo bench -p benches` runs all of them, `cargo bench -p benches --bench spiking` one. The spiking ones are those of
//! `femtospike bench`.

use femtospike::bench::line::Line;
use femtospike::bench::measure;
use femtospike::report::bench::text;

/// Rounds of a comparison.
const ROUNDS: usize = 7;

/// Times two things alternately and prints them and their ratio.
pub fn compare(name: &str, what: &str, a: (&str, &mut dyn FnMut()), b: (&str, &mut dyn FnMut())) {
    let compared = measure::compare(ROUNDS, a.1, b.1).expect("nobody listens for Ctrl-C here");
    println!("{}", text(&Line::new(name, what, compared, [(a.0, None), (b.0, None)])));
}

/// A pool of `n` threads, to run one side of a comparison in.
pub fn threads(n: usize) -> rayon::ThreadPool {
    femtospike::bench::load::threads(n).expect("threads start")
}

/// A shipped model with its data, writing to a temporary folder.
pub fn session(model: &str) -> femtospike::session::Session {
    let out = femtospike::locate::temporary_folder();
    let options = femtospike::cli::Options { out: Some(out), ..Default::default() };
    femtospike::session::Session::open(model, &options, true).expect("a shipped model opens")
}
