//! Time of an elastic distortion of MNIST digits at 32x32, one thread: `cargo run --release -p stimuli --example distortion_time`.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use stimuli::{
    ApplyTo, Delivery, Distortion, Mt19937, Operation, Provider, Rescale, Set, Shape, Transformation, mnist,
};

fn main() -> Result<(), stimuli::Error> {
    const N: usize = 10_000;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mnist");
    let mut database = mnist::load(&mnist::Files::open(&folder)?, 0.2)?;
    database.partition(true, &mut Mt19937::new(1));
    let database = Arc::new(database);
    let shape = Shape { channels: 1, height: 32, width: 32 };
    let rescale = Rescale { width: 32, height: 32, keep_aspect_ratio: false, resize_to_fit: true };
    let step = |on_the_fly, operation| Transformation { apply_to: ApplyTo::All, on_the_fly, operation };
    let elastic = |elastic_size, elastic_scaling| Distortion {
        elastic_size,
        elastic_sigma: 6.0,
        elastic_scaling,
        scaling: 10.0,
        rotation: 10.0,
        ignores_missing: true,
    };
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread starts");
    for (name, distortion) in [
        ("none", None),
        ("scaling and rotation", Some(elastic(1, 0.0))),
        ("elastic, 15 taps", Some(elastic(15, 36.0))),
        ("elastic, 21 taps", Some(elastic(21, 36.0))),
    ] {
        let mut steps = vec![step(false, Operation::Rescale(rescale.clone()))];
        steps.extend(distortion.map(|distortion| step(true, Operation::Distortion(distortion))));
        let provider = Provider::new(database.clone(), shape, &steps, Delivery::default())?;
        provider.prepare(Set::Learn)?;
        let ids = &database.set(Set::Learn)[..N];
        let mut out = vec![0.0; N * shape.n_elements()];
        let mut best = f64::MAX;
        for round in 0..5 {
            let started = Instant::now();
            one.install(|| provider.load_presentations(ids, Set::Learn, round * N as u64, &mut out))?;
            best = best.min(started.elapsed().as_secs_f64());
        }
        println!("{name}: {:.2} us a stimulus", best * 1e6 / N as f64);
    }
    Ok(())
}
