//! Memory that runs allocate: none once warm.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use proptest::prelude::*;
use sim::recorder::{Nothing, Recorder};
use sim::{Plan, Presentation, Real, SimTime, Spike, State, Totals, present};

use crate::engines::{Choices, DURATION, choices};

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

/// Counts spikes, and keeps none.
struct Counted(u64);

impl Recorder for Counted {
    fn spike(&mut self, _: Spike) {
        self.0 += 1;
    }
}

fn check<F: Real>(mut choices: Choices) -> Result<(), TestCaseError> {
    let network = choices.network();
    let plan = Plan::<F>::new(&network).unwrap();
    let mut state = State::new(&plan);
    let mut totals = Totals::new(&plan);
    let encoder = choices.encoder();
    let values = choices.values(network.input.len());
    let mut run = |stimulus| {
        let presentation = Presentation { values: &values, stimulus, start: SimTime::ZERO, duration: DURATION };
        present(&plan, &mut state, &encoder, 1, &presentation, &mut Nothing);
        totals.add(&state);
        present(&plan, &mut state, &encoder, 1, &presentation, &mut Counted(0));
        totals.add(&state);
    };
    run(0);
    prop_assert_eq!(allocations(|| run(0)), 0, "the second presentation of a stimulus");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_warm_engine_allocates_nothing_in_f32(choices in choices()) {
        check::<f32>(choices)?;
    }

    #[test]
    fn a_warm_engine_allocates_nothing_in_f64(choices in choices()) {
        check::<f64>(choices)?;
    }
}
