//! Benchmarks: each compares two things in one run and reports their ratio with its spread.
//!
//! `cargo bench -p benches` runs all of them, `cargo bench -p benches --bench spiking` one. The spiking ones are those of
//! `femtospike bench`.

use femtospike::bench::line::Line;
use femtospike::bench::measure::{self, Comparison};
use femtospike::report::bench::text;

/// Rounds of a comparison.
const ROUNDS: usize = 7;

/// Times two things alternately.
pub fn time(a: &mut dyn FnMut(), b: &mut dyn FnMut()) -> Comparison {
    measure::compare(ROUNDS, a, b).expect("nobody listens for Ctrl-C here")
}

/// Times two things alternately and tells them and their ratio as a line of the table.
pub fn compare(name: &str, what: &str, a: (&str, &mut dyn FnMut()), b: (&str, &mut dyn FnMut())) -> Line {
    Line::new(name, what, time(a.1, b.1), [(a.0, None), (b.0, None)])
}

/// Prints a line.
pub fn show(line: &Line) {
    println!("{}", text(line));
}

/// A pool of `n` threads, to run one side of a comparison in.
pub fn threads(n: usize) -> rayon::ThreadPool {
    femtospike::bench::load::threads(n).expect("threads start")
}

/// A shipped model with its data, writing to a temporary folder.
///
/// Says so where the build checks its arithmetic: figures of learning are then several times too slow.
pub fn session(model: &str) -> femtospike::session::Session {
    if cfg!(debug_assertions) {
        eprintln!(
            "warning: a build with checks (`--profile fast`): its figures say nothing, run `cargo bench -p benches`"
        );
    }
    let out = femtospike::locate::temporary_folder();
    let options = femtospike::cli::Options { out: Some(out), ..Default::default() };
    femtospike::session::Session::open(model, &options, true).expect("a shipped model opens")
}

/// `c = a·b` of row-major matrices, `m` by `k` and `k` by `n`, on this thread: what a pass is compared with.
///
/// # Panics
///
/// Where a slice is shorter than its matrix.
pub fn product((m, k, n): (usize, usize, usize), a: &[f32], b: &[f32], c: &mut [f32]) {
    assert!(a.len() >= m * k && b.len() >= k * n && c.len() >= m * n);
    let (k_, n_) = (k as isize, n as isize);
    // SAFETY: the three row-major matrices lie within their slices, as asserted.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n_,
            false,
            a.as_ptr(),
            1,
            k_,
            b.as_ptr(),
            1,
            n_,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
