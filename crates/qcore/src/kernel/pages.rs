//! Small pages for large states.

use super::Block;

/// Asks the system not to back a fresh allocation by large pages. The rows of a column lie at distances of powers of two; in large pages
/// they fall into the same few sets of the second-level cache, where small ones scatter them.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn prefer_small_pages(blocks: &mut Vec<Block>) {
    use std::ffi::{c_int, c_void};

    const PAGE: usize = 1 << 12;
    const MADV_NOHUGEPAGE: c_int = 15;
    unsafe extern "C" {
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }
    let memory = blocks.spare_capacity_mut();
    let start = memory.as_mut_ptr().cast::<u8>();
    let skip = start.align_offset(PAGE);
    let bytes = size_of_val(memory);
    if bytes >= skip + PAGE {
        // SAFETY: the range lies within memory that this vector owns, and the advice changes neither contents nor mapping. A refusal
        // leaves everything as it was.
        unsafe { madvise(start.add(skip).cast(), (bytes - skip) / PAGE * PAGE, MADV_NOHUGEPAGE) };
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(crate) fn prefer_small_pages(_: &mut Vec<Block>) {}
