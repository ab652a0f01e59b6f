//! `H |psi>` in few walks over a state.

use super::grouped::Grouped;
use super::{RUN_QUBITS, each_flips, parallel};
use crate::compile;
use crate::kernel::{self, Block, COLUMN_BLOCKS, Columns, LANE_QUBITS, Level};

/// Rows of so many qubits beyond the runs are taken at a time.
const ROW_QUBITS: usize = 6;

/// Writes `factor H |state>` to `out`, or adds it with `add`.
pub(crate) fn apply(
    level: Level,
    out: &mut [Block],
    state: &[Block],
    qubits: usize,
    sum: &Grouped,
    factor: f64,
    add: bool,
) {
    if let Some(flips) = sum.small(qubits) {
        return sum.diagonal(0, |table, shift| {
            let table = &table[..state.len() << LANE_QUBITS];
            kernel::apply_small(level, out, state, table, shift, flips, factor, add);
        });
    }
    let parallel = parallel(qubits);
    let mut flips = [0.0; crate::MAX_QUBITS];
    flips.iter_mut().zip(sum.flips()).for_each(|(to, weight)| *to = factor * weight);
    let low = &flips[..qubits.min(RUN_QUBITS[0])];
    let diagonal = sum.is_diagonal() || !add;
    let rows = Rows { level, sum, diagonal, add, factor, flips: low };
    rows.walk(out, state, 0, parallel);
    let mut first = RUN_QUBITS[0];
    while first < qubits {
        let count = (qubits - first).min(ROW_QUBITS);
        let weights = &flips[first..first + count];
        if weights.iter().any(|&weight| weight != 0.0) {
            let row = 1 << (first - LANE_QUBITS);
            for (out, state) in out.chunks_exact_mut(row << count).zip(state.chunks_exact(row << count)) {
                columns(level, Columns::new(out, row), state, row, weights, parallel);
            }
        }
        first += count;
    }
    for (x, terms) in sum.others() {
        if let &[(coefficient, z)] = terms {
            kernel::pauli_accumulate(level, out, state, factor * coefficient, x, z);
        } else {
            kernel::add_strings(level, out, state, x, factor, terms);
        }
    }
}

/// The strings of Z, and the single X on the qubits of a run.
struct Rows<'a> {
    level: Level,
    sum: &'a Grouped,
    /// Whether there is something diagonal to apply, be it zeros.
    diagonal: bool,
    add: bool,
    factor: f64,
    flips: &'a [f64],
}

impl Rows<'_> {
    /// Walks over whole runs, the first of which has the number `first`.
    fn walk(&self, out: &mut [Block], state: &[Block], first: usize, parallel: bool) {
        let run = 1 << (RUN_QUBITS[0] - LANE_QUBITS);
        if out.len() > run {
            let half = out.len() / 2;
            let ((left, right), (from_left, from_right)) = (out.split_at_mut(half), state.split_at(half));
            let behind = first + half / run;
            if parallel {
                compile::join(
                    || self.walk(left, from_left, first, true),
                    || self.walk(right, from_right, behind, true),
                );
            } else {
                self.walk(left, from_left, first, false);
                self.walk(right, from_right, behind, false);
            }
            return;
        }
        if !self.sum.is_diagonal() && self.diagonal {
            out.fill(Block::default());
        } else if self.diagonal {
            let size = self.sum.table_blocks();
            for (k, (out, state)) in out.chunks_mut(size).zip(state.chunks(size)).enumerate() {
                let outer = ((first * run + k * size) << LANE_QUBITS) as u64;
                self.sum.diagonal(outer, |table, shift| {
                    let table = &table[..state.len() << LANE_QUBITS];
                    kernel::weigh(self.level, out, state, table, shift, self.factor, self.add);
                });
            }
        }
        each_flips(self.flips, true, |flips| kernel::add_flips(self.level, out, state, flips));
    }
}

/// Adds the single X on the rows of some columns.
fn columns(level: Level, mut out: Columns<'_>, state: &[Block], row: usize, weights: &[f64], parallel: bool) {
    let range = out.range();
    if parallel && range.len() > 8 {
        let (left, right) = out.split(range.start + range.len() / 2);
        compile::join(
            || columns(level, left, state, row, weights, true),
            || columns(level, right, state, row, weights, true),
        );
        return;
    }
    let mut buffers = [[Block::default(); COLUMN_BLOCKS << ROW_QUBITS]; 2];
    let [to, from] = &mut buffers;
    let size = COLUMN_BLOCKS << weights.len();
    for column in range {
        out.gather(column, &mut to[..size]);
        for (k, from) in from[..size].chunks_exact_mut(COLUMN_BLOCKS).enumerate() {
            let at = k * row + column * COLUMN_BLOCKS;
            from.copy_from_slice(&state[at..at + COLUMN_BLOCKS]);
        }
        each_flips(weights, false, |flips| {
            let mut flips = *flips;
            flips.bits = flips.bits.map(|bit| bit + COLUMN_BLOCKS.ilog2());
            kernel::add_flips(level, &mut to[..size], &from[..size], &flips);
        });
        out.scatter(column, &to[..size]);
    }
}
