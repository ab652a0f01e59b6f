//! Large pages for large states.

use super::Block;

/// Asks the system to back a fresh allocation by large pages, where it has such a thing. A state of many qubits is walked over with
/// strides of many pages, and looking up small ones would cost as much as the arithmetic.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn prefer_large_pages(blocks: &mut Vec<Block>) {
    use std::ffi::{c_int, c_void};

    const PAGE: usize = 1 << 12;
    const MADV_HUGEPAGE: c_int = 14;
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
        unsafe { madvise(start.add(skip).cast(), (bytes - skip) / PAGE * PAGE, MADV_HUGEPAGE) };
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(crate) fn prefer_large_pages(_: &mut Vec<Block>) {}
