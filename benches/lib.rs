//! Benchmarks: each compares two things in one run and reports their ratio with its spread.
//!
//! `cargo bench -p benches` runs all of them, `cargo bench -p benches --bench spiking` one.

use std::time::Instant;

/// Rounds of a comparison; the two sides alternate, so that a slow moment of the machine meets both.
const ROUNDS: usize = 7;

/// Times two things alternately and prints the median seconds of each and the ratio `a / b` with its range.
pub fn compare(what: &str, a: (&str, &mut dyn FnMut()), b: (&str, &mut dyn FnMut())) {
    let mut times = [Vec::new(), Vec::new()];
    let mut ratios = Vec::new();
    (a.1)();
    (b.1)();
    for _ in 0..ROUNDS {
        let of_a = seconds(a.1);
        let of_b = seconds(b.1);
        times[0].push(of_a);
        times[1].push(of_b);
        ratios.push(of_a / of_b);
    }
    let [of_a, of_b] = times.map(|mut t| median(&mut t));
    let ratio = median(&mut ratios);
    let (least, most) = (ratios[0], ratios[ROUNDS - 1]);
    println!(
        "{what}: {} {:.3} ms, {} {:.3} ms, ratio {ratio:.2} ({least:.2} to {most:.2})",
        a.0,
        1e3 * of_a,
        b.0,
        1e3 * of_b
    );
}

fn seconds(run: &mut dyn FnMut()) -> f64 {
    let started = Instant::now();
    run();
    started.elapsed().as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A pool of `n` threads, to run one side of a comparison in.
pub fn threads(n: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("threads start")
}

/// A shipped model with its data, writing to a temporary folder.
pub fn session(model: &str) -> femtospike::session::Session {
    let out = std::env::temp_dir().join(format!("femtospike-bench-{}", std::process::id()));
    let options = femtospike::cli::Options { out: Some(out), ..Default::default() };
    femtospike::session::Session::open(model, &options, true).expect("a shipped model opens")
}
