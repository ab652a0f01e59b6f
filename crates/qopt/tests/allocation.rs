//! After construction nothing is allocated per step: counted by the allocator.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{Quadratic, shipped};
use qopt::{
    Answer, BestPoint, Bill, Budget, Event, History, Objective, ObjectiveError, Request, Runner, StepStreams, Streams,
};

thread_local! {
    /// Allocations of this thread that count.
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static IS_COUNTING: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

fn count() {
    // Not reachable while the thread ends; nothing is counted then.
    let _ = IS_COUNTING.try_with(|is_counting| {
        if is_counting.get() {
            COUNT.with(|count| count.set(count.get() + 1));
        }
    });
}

// SAFETY: every call goes to the system allocator with its arguments unchanged; counting touches only const-initialised
// thread-locals, which do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is that of `System`, which made the allocation.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is that of `System`, which made the allocation.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An objective whose own allocations do not count.
struct Uncounted(Quadratic);

impl Objective for Uncounted {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    fn price(&self, request: &Request) -> Bill {
        self.0.price(request)
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        IS_COUNTING.set(false);
        let result = self.0.evaluate(theta, request, streams, answer);
        IS_COUNTING.set(true);
        result
    }
}

#[test]
fn no_step_allocates_not_even_the_first() {
    for (name, make) in shipped() {
        let mut method = make();
        let mut objective = Uncounted(Quadratic::noisy(&[1.0, 4.0, 0.3], 0.2, 0.2, 10));
        let mut best = BestPoint::new(3);
        let mut history = History::with_capacity(40);
        let budget = Budget { iterations: Some(40), shots: Some(1_000_000), ..Budget::UNLIMITED };
        let runner = Runner::new(&mut method, &mut objective, Streams::new(1, 0))
            .budget(budget)
            .observe(&mut best)
            .observe(&mut history);
        let mut triggered = 0;
        COUNT.set(0);
        IS_COUNTING.set(true);
        for step in runner {
            triggered += u64::from(step.is_ok_and(|step| step.report.event != Event::Descent));
        }
        IS_COUNTING.set(false);
        assert_eq!(COUNT.get(), 0, "{name}");
        assert_eq!(history.records().len(), 40, "{name}");
        assert!(triggered > 0 || name.starts_with("descent"), "{name}");
    }
}

#[test]
fn the_counter_counts() {
    COUNT.set(0);
    IS_COUNTING.set(true);
    let mut vector = std::hint::black_box(vec![1_u8; 3]);
    vector.reserve(100);
    IS_COUNTING.set(false);
    assert_eq!((COUNT.get(), vector.len()), (2, 3));
}
