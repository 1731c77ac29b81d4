//! A step allocates nothing once the buffers are planned.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use formal::Network;
use formal::config::SgdConfig;

use crate::builder::*;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts what each thread asks for.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises hold for the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[test]
fn steps_and_inferences_allocate_nothing_once_warm() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    let _pool = pool.expect("a pool of this thread");
    let batch = 40;
    let mut config = zoo(batch);
    solve(&mut config, SgdConfig { momentum: 0.9, decay: 0.01, iteration_size: 2, ..SgdConfig::default() });
    let mut network = Network::new(&config, 1).expect("a valid network");
    let (stimuli, labels) = (noise(1, batch * 144), labels(2, batch, 3));
    let mut run = |step| {
        network.learn(&stimuli, &labels, step);
        let learned = network.output(7)[0];
        network.infer(&stimuli[..17 * 144], 17);
        learned + network.output(7)[0]
    };
    run(0);
    run(1);
    let before = COUNT.get();
    let sum: f32 = (2..6).map(&mut run).sum();
    assert_eq!(COUNT.get() - before, 0, "allocations, results {sum}");
}
