//! Learning LeNet on MNIST: a step against plain matrix products of as many multiplications, threads.

use benches::{compare, session, threads};
use femtospike::assemble;
use formal::Network;
use stimuli::{Set, batches};

const BATCH: usize = 128;
const STEPS: u64 = 20;
/// (rows, depth, columns) of the products of one stimulus: forward, and for the backward passes the same count again
/// for the weights and, but for the first convolution, for the inputs. The second convolution counts its connected kernels.
const PRODUCTS: [(usize, usize, usize, usize); 5] =
    [(6, 25, 784, 2), (10, 150, 100, 3), (120, 400, 1, 3), (84, 120, 1, 3), (10, 84, 1, 3)];

fn gemm(m: usize, k: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
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

fn main() {
    let session = session("LeNet.ini");
    let set = session.database().set(Set::Learn);
    let ids = batches::random(1, 0, set, BATCH);
    let mut data = vec![0.0; BATCH * session.provider.shape().n_elements()];
    session.load_batch(&ids, Set::Learn, &mut data).expect("shipped data are sound");
    let labels: Vec<Option<usize>> = ids.iter().map(|&id| Some(session.database().label(id))).collect();
    let new = || assemble::formal_network(&session.description, 1).expect("the shipped model is sound");
    let learn = |network: &mut Network| {
        (0..STEPS).for_each(|step| {
            network.learn(&data, &labels, step);
        })
    };
    let largest = PRODUCTS.iter().map(|&(m, k, n, _)| (m * k).max(k * n * BATCH).max(m * n * BATCH)).max().unwrap_or(0);
    let (a, b, mut c) = (vec![0.5; largest], vec![0.5; largest], vec![0.0; largest]);
    let mut products = || {
        for _ in 0..STEPS {
            for (m, k, n, passes) in PRODUCTS {
                for _ in 0..passes {
                    gemm(m, k, n * BATCH, &a, &b, &mut c);
                }
            }
        }
    };
    let (one, two) = (threads(1), threads(2));
    let (mut x, mut y) = (new(), new());
    compare(
        "learning/products",
        "20 steps of 128 stimuli, one thread",
        ("learning", &mut || one.install(|| learn(&mut x))),
        ("plain products of the same count", &mut products),
    );
    compare(
        "learning/threads",
        "20 steps of 128 stimuli",
        ("1 thread", &mut || one.install(|| learn(&mut x))),
        ("2 threads", &mut || two.install(|| learn(&mut y))),
    );
}
