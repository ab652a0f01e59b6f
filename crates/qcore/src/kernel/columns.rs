//! Columns of a state: the same few blocks of every row.

use std::marker::PhantomData;
use std::ops::Range;

use super::ahead::Ahead;
use super::rows::Rows;
use super::{Block, kernel_rows};

/// Blocks of a row that belong to one column: as many lines as memory likes to give at a time.
pub(crate) const COLUMN_BLOCKS: usize = 8;

/// In states of so many blocks (256 MiB) the lines of a column have left the cache when it is written back: writing past the cache
/// saves to read them again.
const PAST_BLOCKS: usize = 1 << 22;

/// Some columns of a state, seen as rows of `row` blocks each. Parts of it may be worked on by different threads.
pub(crate) struct Columns<'a> {
    start: *mut Block,
    rows: usize,
    row: usize,
    columns: Range<usize>,
    state: PhantomData<&'a mut [Block]>,
}

// SAFETY: it stands for an exclusive borrow of the blocks of its own columns, which no other value covers: `new` takes the whole
// state and `split` divides the range.
unsafe impl Send for Columns<'_> {}

impl<'a> Columns<'a> {
    /// All columns of a state.
    pub(crate) fn new(state: &'a mut [Block], row: usize) -> Self {
        assert!(row.is_multiple_of(COLUMN_BLOCKS) && state.len().is_multiple_of(row), "a state is whole rows");
        let rows = state.len() / row;
        Self { start: state.as_mut_ptr(), rows, row, columns: 0..row / COLUMN_BLOCKS, state: PhantomData }
    }

    /// One column of a state of `blocks` blocks.
    ///
    /// # Safety
    ///
    /// `start` and `blocks` must be those of a state that is borrowed for `'a`, and nobody else may touch this column meanwhile.
    pub(super) unsafe fn one(start: *mut Block, blocks: usize, row: usize, column: usize) -> Self {
        assert!(row.is_multiple_of(COLUMN_BLOCKS) && blocks.is_multiple_of(row), "a state is whole rows");
        assert!(column < row / COLUMN_BLOCKS, "a column of the state");
        Self { start, rows: blocks / row, row, columns: column..column + 1, state: PhantomData }
    }

    /// How many rows the state has.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the state is so large that columns are better written back past the cache.
    pub(crate) fn past(&self) -> bool {
        self.rows * self.row >= PAST_BLOCKS
    }

    /// Their indices.
    pub(crate) fn range(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// The columns before and from `middle` on.
    pub(crate) fn split(self, middle: usize) -> (Self, Self) {
        assert!(self.columns.start <= middle && middle <= self.columns.end, "the middle lies within");
        let part = |columns| Self { columns, ..self };
        (part(self.columns.start..middle), part(middle..self.columns.end))
    }

    /// Copies a column into `to`, row after row.
    pub(crate) fn gather(&self, column: usize, to: &mut [Block]) {
        assert!(self.columns.contains(&column) && to.len() == self.rows * COLUMN_BLOCKS, "a column of this part");
        for (row, to) in to.chunks_exact_mut(COLUMN_BLOCKS).enumerate() {
            // SAFETY: row and column lie within the state (`new` and the line above); only this value touches this column.
            unsafe {
                let from = self.start.add(row * self.row + column * COLUMN_BLOCKS);
                for (k, to) in to.iter_mut().enumerate() {
                    *to = *from.add(k);
                }
            }
        }
    }

    /// Copies a column back.
    pub(crate) fn scatter(&mut self, column: usize, from: &[Block]) {
        assert!(self.columns.contains(&column) && from.len() == self.rows * COLUMN_BLOCKS, "a column of this part");
        for (row, from) in from.chunks_exact(COLUMN_BLOCKS).enumerate() {
            // SAFETY: as in `gather`, and the borrow is exclusive.
            unsafe {
                let to = self.start.add(row * self.row + column * COLUMN_BLOCKS);
                for (k, from) in from.iter().enumerate() {
                    *to.add(k) = *from;
                }
            }
        }
    }

    /// Some of the lines of any column of the state: part `part` of `parts`, into which its rows are divided.
    pub(crate) fn ahead(&self, column: usize, part: usize, parts: usize) -> Ahead {
        let rows = self.rows / parts;
        let start = self.start.wrapping_add(part * rows * self.row + column * COLUMN_BLOCKS);
        Ahead::strided(start, COLUMN_BLOCKS, self.row, rows * COLUMN_BLOCKS)
    }
}

kernel_rows! {
    /// Copies a column into `to`, tile after tile, each with `width` blocks of every row.
    gather_tiles(columns: &Columns<'_>, column: usize, to: &mut [Block], width: usize) = gather_generic
}

kernel_rows! {
    /// Copies a column back; if asked for, past the cache where that is possible.
    scatter_tiles(columns: &mut Columns<'_>, column: usize, from: &[Block], width: usize, past: bool) = scatter_generic
}

#[inline(always)]
fn gather_generic<V: Rows>(columns: &Columns<'_>, column: usize, to: &mut [Block], width: usize) {
    let rows = columns.rows;
    assert!(matches!(width, 4 | COLUMN_BLOCKS), "a column is whole tiles");
    assert!(columns.columns.contains(&column) && to.len() == rows * COLUMN_BLOCKS, "a column of this part");
    let shift = width.trailing_zeros();
    for row in 0..rows {
        for first in (0..COLUMN_BLOCKS).step_by(4) {
            let at = (first >> shift) * rows * width + row * width + (first & (width - 1));
            for k in 0..4 {
                for part in 0..V::PARTS {
                    // SAFETY: row and column lie within the state (`Columns::new` and the assertion), only this value touches this column,
                    // and `at + k` is less than the rows times the blocks of a column.
                    unsafe {
                        let from = &*columns.start.add(row * columns.row + column * COLUMN_BLOCKS + first + k);
                        V::load(from, part).store(to.get_unchecked_mut(at + k), part);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn scatter_generic<V: Rows>(columns: &mut Columns<'_>, column: usize, from: &[Block], width: usize, past: bool) {
    if past {
        scatter::<V, true>(columns, column, from, width);
        V::fence();
    } else {
        scatter::<V, false>(columns, column, from, width);
    }
}

#[inline(always)]
fn scatter<V: Rows, const PAST: bool>(columns: &mut Columns<'_>, column: usize, from: &[Block], width: usize) {
    let rows = columns.rows;
    assert!(matches!(width, 4 | COLUMN_BLOCKS), "a column is whole tiles");
    assert!(columns.columns.contains(&column) && from.len() == rows * COLUMN_BLOCKS, "a column of this part");
    let shift = width.trailing_zeros();
    for row in 0..rows {
        for first in (0..COLUMN_BLOCKS).step_by(4) {
            let at = (first >> shift) * rows * width + row * width + (first & (width - 1));
            for k in 0..4 {
                for part in 0..V::PARTS {
                    // SAFETY: as in `gather_generic`, and the borrow is exclusive.
                    unsafe {
                        let to = &mut *columns.start.add(row * columns.row + column * COLUMN_BLOCKS + first + k);
                        let v = V::load(from.get_unchecked(at + k), part);
                        if PAST { v.store_past(to, part) } else { v.store(to, part) }
                    }
                }
            }
        }
    }
}
