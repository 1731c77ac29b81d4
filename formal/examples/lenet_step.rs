//! Times a learning step and an inference of LeNet on random data, for one and for all threads, beside plain matrix
//! products of as many multiplications.
//!
//! ```text
//! cargo run --release -p formal --example lenet_step
//! ```

use std::time::{Duration, Instant};

use formal::config::*;
use formal::{Network, Shape};

const BATCH: usize = 128;
const REPEATS: u32 = 60;
/// The system counts running time in ticks of some milliseconds.
const LEAST_TIME: Duration = Duration::from_millis(500);

/// Outputs of the second convolution (rows) that see each of its six channels (LeCun et al., 1998, table I; the last
/// output sees all).
const CONNECTIONS: [&[usize]; 16] = [
    &[0, 1, 2],
    &[1, 2, 3],
    &[2, 3, 4],
    &[3, 4, 5],
    &[0, 4, 5],
    &[0, 1, 5],
    &[0, 1, 2, 3],
    &[1, 2, 3, 4],
    &[2, 3, 4, 5],
    &[0, 3, 4, 5],
    &[0, 1, 4, 5],
    &[0, 1, 2, 5],
    &[0, 1, 3, 4],
    &[1, 2, 4, 5],
    &[0, 2, 3, 5],
    &[0, 1, 2, 3, 4, 5],
];

const RECTIFIER: Activation = Activation::Rectifier { leak_slope: 0.0, clipping: 0.0 };

fn square(side: usize) -> Size {
    Size { width: side, height: side }
}

fn solver() -> SgdConfig {
    SgdConfig { learning_rate: 0.05, momentum: 0.9, decay: 0.0005, ..SgdConfig::default() }
}

fn filler() -> Filler {
    Filler::Xavier { variance_norm: VarianceNorm::FanIn, distribution: Distribution::Uniform, scaling: 1.0 }
}

fn conv(name: &str, input: Source, n_outputs: usize, mapping: Option<Vec<bool>>) -> CellConfig {
    let operator = Operator::Conv(ConvConfig {
        n_outputs,
        kernel: square(5),
        stride: square(1),
        padding: square(0),
        dilation: square(1),
        sub_sample: square(1),
        mapping,
        no_bias: true,
        back_propagate: true,
        weights_filler: filler(),
        bias_filler: filler(),
        weights_solver: solver().into(),
        bias_solver: solver().into(),
    });
    CellConfig { name: name.into(), inputs: vec![input], operator, activation: RECTIFIER }
}

fn pool(name: &str, input: Source, n_outputs: usize) -> CellConfig {
    let mapping = (0..n_outputs * n_outputs).map(|pair| pair / n_outputs == pair % n_outputs).collect();
    let operator = Operator::Pool(PoolConfig {
        n_outputs,
        pooling: Pooling::Max,
        window: square(2),
        stride: square(2),
        padding: square(0),
        mapping: Some(mapping),
    });
    CellConfig { name: name.into(), inputs: vec![input], operator, activation: Activation::Linear }
}

fn fc(name: &str, input: Source, n_outputs: usize, activation: Activation) -> CellConfig {
    let operator = Operator::Fc(FcConfig {
        n_outputs,
        no_bias: true,
        back_propagate: true,
        weights_filler: filler(),
        bias_filler: filler(),
        weights_solver: solver().into(),
        bias_solver: solver().into(),
        normalizes: false,
        drop_connect: 1.0,
    });
    CellConfig { name: name.into(), inputs: vec![input], operator, activation }
}

fn lenet() -> NetworkConfig {
    let mapping = CONNECTIONS.iter().flat_map(|channels| (0..6).map(|channel| channels.contains(&channel))).collect();
    let dropout = Operator::Dropout(DropoutConfig { rate: 0.5 });
    let softmax = Operator::Softmax(SoftmaxConfig { with_loss: true, group_size: 0 });
    let linear = Activation::Linear;
    let cells = vec![
        conv("conv1", Source::Stimuli, 6, None),
        pool("pool1", Source::Cell(0), 6),
        conv("conv2", Source::Cell(1), 16, Some(mapping)),
        pool("pool2", Source::Cell(2), 16),
        conv("conv3", Source::Cell(3), 120, None),
        fc("fc1", Source::Cell(4), 84, RECTIFIER),
        CellConfig { name: "drop".into(), inputs: vec![Source::Cell(5)], operator: dropout, activation: linear },
        fc("fc2", Source::Cell(6), 10, linear),
        CellConfig { name: "softmax".into(), inputs: vec![Source::Cell(7)], operator: softmax, activation: linear },
    ];
    NetworkConfig {
        input: Shape { channels: 1, height: 32, width: 32 },
        cells,
        targets: vec![TargetConfig { cell: 8, target_value: 1.0, default_value: 0.0 }],
        batch_size: BATCH,
    }
}

/// Time that this thread has run, where the system tells, so that other programs do not count.
fn own_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

/// Time of a call: with one thread the mean time that it ran, with several the least time by the clock.
fn time(threads: usize, mut call: impl FnMut()) -> Duration {
    let mut elapsed = || {
        let start = Instant::now();
        call();
        start.elapsed()
    };
    let own = own_time().filter(|_| threads == 1);
    let started = Instant::now();
    let (mut calls, mut least) = (0, Duration::MAX);
    while calls < REPEATS || started.elapsed() < LEAST_TIME {
        least = least.min(elapsed());
        calls += 1;
    }
    own.zip(own_time()).map_or(least, |(start, end)| (end - start) / calls)
}

/// Time of one thread for `c += a·b`.
fn product(m: usize, k: usize, n: usize) -> Duration {
    let (a, b, mut c) = (vec![0.5f32; m * k], vec![0.25f32; k * n], vec![0.0f32; m * n]);
    time(1, || {
        let (ns, ks) = (n as isize, k as isize);
        // SAFETY: the three matrices are row-major and of the sizes given.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                c.as_mut_ptr(),
                1,
                ns,
                true,
                a.as_ptr(),
                1,
                ks,
                b.as_ptr(),
                1,
                ns,
                1.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    })
}

fn main() -> Result<(), formal::Error> {
    let mut word = 12345u32;
    let mut random = || {
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        word >> 8
    };
    let stimuli: Vec<f32> = (0..BATCH * 32 * 32).map(|_| random() as f32 / (1 << 24) as f32).collect();
    let labels: Vec<Option<usize>> = (0..BATCH).map(|_| Some(random() as usize % 10)).collect();

    // Rows, depth and columns for a batch: the forward products, without unconnected pairs.
    let forward = [(6, 25, 784 * BATCH), (10, 150, 100 * BATCH), (120, 400, BATCH), (84, 120, BATCH), (10, 84, BATCH)];
    let products: Vec<Duration> = forward.iter().map(|&(m, k, n)| product(m, k, n)).collect();
    let once: Duration = products.iter().sum();
    let step = 3 * once - products[0];
    let per_stimulus = |time: Duration| time.as_secs_f64() * 1e6 / BATCH as f64;
    println!("plain products, 1 thread: {:6.2} us forward, {:6.2} us a step", per_stimulus(once), per_stimulus(step));

    let all = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, all] {
        let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else { continue };
        pool.install(|| -> Result<(), formal::Error> {
            let mut network = Network::new(&lenet(), 1)?;
            let mut steps = 0;
            let learn = time(threads, || {
                network.learn(&stimuli, &labels, steps);
                steps += 1;
            });
            let infer = time(threads, || network.infer(&stimuli, BATCH));
            println!(
                "{threads} threads: learning step {:6.2} us a stimulus ({:.2} of the products), inference {:6.2} us ({:.2})",
                per_stimulus(learn),
                learn.as_secs_f64() / step.as_secs_f64() * threads as f64,
                per_stimulus(infer),
                infer.as_secs_f64() / once.as_secs_f64() * threads as f64,
            );
            Ok(())
        })?;
    }
    Ok(())
}
