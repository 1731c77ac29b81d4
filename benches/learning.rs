//! Learning LeNet on MNIST: a step against plain matrix products of as many multiplications, each pass of the convolutions
//! against its own, threads.

use benches::{compare, product, session, show, threads};
use femtospike::assemble;
use femtospike::bench::line::{Bound, Figure, Unit};
use formal::{Network, Pass};
use stimuli::{Set, batches};

const BATCH: usize = 128;
const STEPS: u64 = 20;

/// A convolution or full connection by its name, and the (rows, depth, columns) of the product of one stimulus. The second
/// convolution counts its connected kernels.
const LAYERS: [(&str, (usize, usize, usize)); 5] = [
    ("conv1", (6, 25, 784)),
    ("conv2", (10, 150, 100)),
    ("conv3", (120, 400, 1)),
    ("fc1", (84, 120, 1)),
    ("fc2", (10, 84, 1)),
];

fn main() {
    let session = session("LeNet.ini");
    let set = session.database().set(Set::Learn);
    let ids = batches::random(1, 0, set, BATCH);
    let mut data = vec![0.0; BATCH * session.provider.shape().n_elements()];
    session.load_batch(&ids, Set::Learn, &mut data).expect("shipped data are sound");
    let labels: Vec<Option<usize>> = ids.iter().map(|&id| session.database().label(id)).collect();
    let new = || assemble::formal_network(&session.description, 1).expect("the shipped model is sound");
    let learn = |network: &mut Network| {
        (0..STEPS).for_each(|step| {
            network.learn(&data, &labels, step);
        })
    };
    let of_batch = |(m, k, n): (usize, usize, usize)| (m, k, n * BATCH);
    let sizes = LAYERS.map(|(_, size)| of_batch(size));
    let largest = sizes.iter().map(|&(m, k, n)| (m * k).max(k * n).max(m * n)).max().unwrap_or(0);
    let (a, b, mut c) = (vec![0.5; largest], vec![0.5; largest], vec![0.0; largest]);
    let (one, two) = (threads(1), threads(2));

    let mut network = new();
    // Forward, and the same count again for the weights and, but for the first convolution, for the inputs.
    let mut products = || {
        for _ in 0..STEPS {
            for (layer, &size) in sizes.iter().enumerate() {
                (0..if layer == 0 { 2 } else { 3 }).for_each(|_| product(size, &a, &b, &mut c));
            }
        }
    };
    show(&compare(
        "learning/products",
        "20 steps of 128 stimuli, one thread",
        ("learning", &mut || one.install(|| learn(&mut network))),
        ("plain products of the same count", &mut products),
    ));

    for ((name, _), (m, k, n)) in LAYERS.into_iter().zip(sizes).filter(|((name, _), _)| name.starts_with("conv")) {
        let cell = session.description.cells.iter().position(|cell| cell.name == name).expect("a layer of LeNet");
        // The product that the pass would be, were the windows laid out as a matrix.
        let passes = [
            (Pass::Forward, "forward", (m, k, n)),
            (Pass::ToInputs, "back to the inputs", (k, m, n)),
            (Pass::ToWeights, "gradients of the weights", (m, n, k)),
        ];
        for (pass, what, size) in passes.into_iter().filter(|&(pass, ..)| name != "conv1" || pass != Pass::ToInputs) {
            let repeats = 1 + 200_000_000 / (m * k * n);
            let mut line = compare(
                &format!("learning/passes/{name}"),
                &format!("{repeats} times, of 128 stimuli, one thread"),
                (&format!("plain product of {}x{} and {}x{}", size.0, size.1, size.1, size.2), &mut || {
                    (0..repeats).for_each(|_| product(size, &a, &b, &mut c))
                }),
                (what, &mut || one.install(|| (0..repeats).for_each(|_| network.repeat(&data, cell, pass)))),
            );
            line.ratio = Figure::new("share of the product's speed", Unit::Share, line.ratio.value);
            show(&line);
        }
    }

    let (mut x, mut y) = (new(), new());
    let line = compare(
        "learning/threads",
        "20 steps of 128 stimuli; the weights are then the same to the bit",
        ("1 thread", &mut || one.install(|| learn(&mut x))),
        ("2 threads", &mut || two.install(|| learn(&mut y))),
    );
    let bits = |network: &Network| -> Vec<u32> {
        let weights = (0..network.n_cells()).flat_map(|cell| network.weights(cell).unwrap_or_default());
        weights.map(|weight| weight.to_bits()).collect()
    };
    assert_eq!(bits(&x), bits(&y), "weights learned on one thread and on two");
    show(&line.ratio(Bound::AtLeast, 1.85));
}
