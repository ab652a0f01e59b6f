//! Columns of a state: the same few blocks of every row.

use std::marker::PhantomData;
use std::ops::Range;

use super::Block;

/// Blocks of a row that belong to one column.
pub(crate) const COLUMN_BLOCKS: usize = 16;

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
}
