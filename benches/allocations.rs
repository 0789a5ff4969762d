//! How often, and how much, a thread asks the system's allocator.
#![expect(
    unsafe_code,
    reason = "a global allocator can be defined in no other way"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static TIMES: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// What some work has allocated. What it gave back does not count against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allocations {
    pub(crate) times: u64,
    pub(crate) bytes: u64,
}

/// What this thread allocates while it does `work`.
pub(crate) fn of(work: impl FnOnce()) -> Allocations {
    let before = now();
    work();
    let after = now();
    Allocations {
        times: after.times - before.times,
        bytes: after.bytes - before.bytes,
    }
}

fn now() -> Allocations {
    Allocations {
        times: TIMES.get(),
        bytes: BYTES.get(),
    }
}

fn count(bytes: usize) {
    // A thread that is being torn down has no counters, and nobody asks for them any more.
    let _ = TIMES.try_with(|times| times.set(times.get() + 1));
    let _ = BYTES.try_with(|sum| sum.set(sum.get() + bytes as u64));
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are the callee's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}
