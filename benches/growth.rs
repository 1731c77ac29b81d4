//! Learning on data of CIFAR-10's shape: what a multiplication with its addition takes, and how much memory there must be,
//! when batch, width or depth grow. Two threads, random data.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use benches::{compare, show, threads};
use femtospike::bench::line::{Bound, Figure, Unit};
use femtospike::bench::measure::Spread;
use formal::config::*;
use formal::{Network, Shape};

/// Of all threads together.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, which counts the bytes that are held.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises hold for the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
const N_CLASSES: usize = 10;

/// Three stages of `depth` convolutions of 3x3, of `width`, twice and four times as many maps, each followed by a pool.
#[derive(Clone, Copy)]
struct Size {
    batch: usize,
    width: usize,
    depth: usize,
}

const BASE: Size = Size { batch: 64, width: 16, depth: 2 };

impl Size {
    /// The network, and the multiplications of a step: forward, for the weights and, but for the first layer, the inputs.
    fn network(self) -> (NetworkConfig, u64) {
        let square = |side| formal::config::Size { width: side, height: side };
        let solver = SolverConfig::from(SgdConfig { learning_rate: 0.01, momentum: 0.9, ..SgdConfig::default() });
        let (weights_filler, bias_filler) = (
            Filler::He { variance_norm: VarianceNorm::FanIn, mean_norm: 0.0, scaling: 1.0 },
            Filler::Constant { value: 0.0 },
        );
        let mut cells: Vec<CellConfig> = Vec::new();
        let mut add = |operator, activation| {
            let index = cells.len();
            let inputs = vec![index.checked_sub(1).map_or(Source::Stimuli, Source::Cell)];
            cells.push(CellConfig { name: format!("c{index}"), inputs, operator, activation });
        };
        let (mut channels, mut side, mut products) = (SHAPE.channels, SHAPE.width, 0);
        for stage in 0..3 {
            let n_outputs = self.width << stage;
            for _ in 0..self.depth {
                let conv = ConvConfig {
                    n_outputs,
                    kernel: square(3),
                    stride: square(1),
                    padding: square(1),
                    dilation: square(1),
                    sub_sample: square(1),
                    mapping: None,
                    no_bias: false,
                    back_propagate: true,
                    weights_filler,
                    bias_filler,
                    weights_solver: solver.clone(),
                    bias_solver: solver.clone(),
                };
                add(Operator::Conv(conv), Activation::Rectifier { leak_slope: 0.0, clipping: 0.0 });
                products += if products == 0 { 2 } else { 3 } * (9 * channels * n_outputs * side * side) as u64;
                channels = n_outputs;
            }
            let mapping = Some((0..channels * channels).map(|pair| pair / channels == pair % channels).collect());
            let (window, stride, padding) = (square(2), square(2), square(0));
            let pool = PoolConfig { n_outputs: channels, pooling: Pooling::Max, window, stride, padding, mapping };
            add(Operator::Pool(pool), Activation::Linear);
            side /= 2;
        }
        let fc = FcConfig {
            n_outputs: N_CLASSES,
            no_bias: false,
            back_propagate: true,
            weights_filler,
            bias_filler,
            weights_solver: solver.clone(),
            bias_solver: solver,
            normalizes: false,
            drop_connect: 1.0,
        };
        add(Operator::Fc(fc), Activation::Linear);
        products += 3 * (channels * side * side * N_CLASSES) as u64;
        add(Operator::Softmax(SoftmaxConfig { with_loss: true, group_size: 0 }), Activation::Linear);
        let targets = vec![TargetConfig { cell: cells.len() - 1, target_value: 1.0, default_value: 0.0 }];
        (NetworkConfig { input: SHAPE, cells, targets, batch_size: self.batch }, products * self.batch as u64)
    }
}

/// A network with the batch that it learns.
struct Learning {
    network: Network,
    stimuli: Vec<f32>,
    labels: Vec<Option<usize>>,
    step: u64,
}

impl Learning {
    fn new(size: Size) -> Self {
        let mut random = (0..size.batch * SHAPE.n_elements()).map(|i| i as u32);
        let noise = |i: u32| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let stimuli = random.by_ref().map(noise).collect();
        let labels = (0..size.batch).map(|i| Some(i % N_CLASSES)).collect();
        Self { network: Network::new(&size.network().0, 1).expect("a sound network"), stimuli, labels, step: 0 }
    }

    fn learn(&mut self) {
        self.network.learn(&self.stimuli, &self.labels, self.step);
        self.step += 1;
    }
}

/// Most bytes held while the network is made and learns, its stimuli with it.
fn peak(size: Size) -> f64 {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let mut learning = Learning::new(size);
    (0..2).for_each(|_| learning.learn());
    (PEAK.load(Ordering::Relaxed) - before) as f64
}

fn main() {
    let two = threads(2);
    let grown = [2, 4].map(|factor| {
        [
            ("batch", factor, Size { batch: factor * BASE.batch, ..BASE }),
            ("width", factor, Size { width: factor * BASE.width, ..BASE }),
            ("depth", factor, Size { depth: factor * BASE.depth, ..BASE }),
        ]
    });
    for (what, factor, size) in grown.into_iter().flatten() {
        let peaks = two.install(|| [peak(BASE), peak(size)]);
        let (mut base, mut other) = (Learning::new(BASE), Learning::new(size));
        let text = |Size { batch, width, depth }| {
            format!("batch {batch}, {width} to {} maps, {} convolutions", 4 * width, 3 * depth)
        };
        let mut line = compare(
            &format!("growth/{what}/{factor}"),
            "a step on stimuli of 32x32x3, two threads",
            (&text(size), &mut || two.install(|| other.learn())),
            (&text(BASE), &mut || two.install(|| base.learn())),
        );
        let (more, products) = (size.network().1, BASE.network().1);
        let growth = more as f64 / products as f64;
        line.ratio = Figure::new("ratio, time a multiply-add", Unit::Ratio, line.ratio.value.map(|x| x / growth))
            .target(Bound::AtMost, 1.15);
        let line = line
            .figure(Figure::new("multiply-adds, ratio", Unit::Ratio, Spread::exact(growth)))
            .figure(Figure::new("peak memory", Unit::Bytes, Spread::exact(peaks[1])))
            .figure(Figure::new("peak memory of the smaller", Unit::Bytes, Spread::exact(peaks[0])));
        show(&line);
    }
}
