//! Lines that will be needed soon, asked for while something else is computed.

use super::Block;

/// Lines of a state that the next tile is made of.
#[derive(Debug)]
pub(crate) struct Ahead {
    start: *const Block,
    /// Blocks of a run, a power of two; and from one run to the next.
    run: usize,
    stride: usize,
    next: usize,
    count: usize,
}

impl Ahead {
    pub(crate) fn nothing() -> Self {
        Self { start: std::ptr::null(), run: 1, stride: 0, next: 0, count: 0 }
    }

    /// Runs at a distance of each other, `count` blocks in all.
    pub(super) fn strided(start: *const Block, run: usize, stride: usize, count: usize) -> Self {
        debug_assert!(run.is_power_of_two());
        Self { start, run, stride, next: 0, count }
    }

    /// Asks for the next lines, if there are any left.
    #[inline(always)]
    pub(super) fn step(&mut self, lines: usize) {
        if self.next >= self.count {
            return;
        }
        for _ in 0..lines {
            let at = (self.next >> self.run.trailing_zeros()) * self.stride + (self.next & (self.run - 1));
            prefetch(self.start.wrapping_add(at));
            self.next += 1;
        }
    }
}

/// Asks for a line, wherever it is: no access is made, so any address will do.
#[inline(always)]
fn prefetch(line: *const Block) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch is a hint that neither reads nor faults; SSE belongs to every x86-64 processor.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
