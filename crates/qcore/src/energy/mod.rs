//! Pauli sums on states: strings of Z by one table, single X by sums over neighbours, the others by their mask of X.

mod apply;
mod grouped;

use std::ops::Range;

pub(crate) use apply::apply;
pub(crate) use grouped::Grouped;

use crate::compile;
use crate::kernel::{self, Block, Flips, LANE_QUBITS, Level};

/// States of more qubits are walked over in runs of so many, at least and at most.
const RUN_QUBITS: [usize; 2] = [14, 16];

/// The higher qubits are taken so many at a time, each with a walk of its own over the state.
const ROW_QUBITS: usize = 8;

/// Runs are walked over in chunks of so many, which stay in the first-level cache.
const CHUNK_QUBITS: usize = 11;

/// Blocks of the buffer into which rows of high qubits are gathered: 2^8 rows of 2^2 blocks.
const BUFFER_BLOCKS: usize = 1 << 10;

/// `<state|H|state>`.
pub(crate) fn expectation(level: Level, state: &[Block], qubits: usize, sum: &Grouped) -> f64 {
    if let Some(flips) = sum.small(qubits) {
        return sum.diagonal(0, |entries, shift| {
            kernel::small_energy(level, state, &entries[..state.len() << LANE_QUBITS], shift, flips)
        });
    }
    let mut total = 0.0;
    for (x, terms) in sum.others() {
        total += if let &[(coefficient, z)] = terms {
            coefficient * kernel::pauli_inner(level, state, state, x, z, 0).re
        } else {
            let run = 1 << (RUN_QUBITS[0] - LANE_QUBITS);
            let of = |index: usize| {
                let range = index * run..state.len().min((index + 1) * run);
                kernel::strings_energy(level, state, range, x, terms)
            };
            tree(0..state.len().div_ceil(run), 2, parallel(qubits), &|runs| runs.map(of).sum())
        };
    }
    let mut flips = [0.0; crate::MAX_QUBITS];
    flips[..sum.flips().len()].copy_from_slice(sum.flips());
    let flips = &flips[..qubits];
    if sum.is_diagonal() || !sum.flips().is_empty() {
        total += runs(level, state, qubits, sum, flips);
    }
    if qubits > run_qubits(qubits) && !sum.flips().is_empty() {
        total += high_x(level, state, qubits, flips);
    }
    total
}

/// Qubits of a run of a state of this width.
fn run_qubits(qubits: usize) -> usize {
    qubits.min(qubits.saturating_sub(ROW_QUBITS).clamp(RUN_QUBITS[0], RUN_QUBITS[1]))
}

/// The sum over the runs of a state, given what some of them add up to, in the order of a tree that depends on their number only.
fn tree(runs: Range<usize>, leaf: usize, parallel: bool, of: &(impl Fn(Range<usize>) -> f64 + Sync)) -> f64 {
    if runs.len() <= leaf {
        return of(runs);
    }
    let middle = runs.start + runs.len() / 2;
    let (left, right) = (runs.start..middle, middle..runs.end);
    let (left, right) = if parallel {
        compile::join(|| tree(left, leaf, parallel, of), || tree(right, leaf, parallel, of))
    } else {
        (tree(left, leaf, parallel, of), tree(right, leaf, parallel, of))
    };
    left + right
}

/// Whether to divide work on a state of this width among threads.
fn parallel(qubits: usize) -> bool {
    qubits >= RUN_QUBITS[0] && compile::threads() > 1
}

/// The strings of Z, and the single X on the qubits of a run.
fn runs(level: Level, state: &[Block], qubits: usize, sum: &Grouped, weights: &[f64]) -> f64 {
    let run_qubits = run_qubits(qubits);
    let run = 1 << run_qubits.saturating_sub(LANE_QUBITS);
    let chunk_qubits = run_qubits.min(CHUNK_QUBITS);
    let chunk = run.min(1 << (CHUNK_QUBITS - LANE_QUBITS));
    let table = run.min(sum.table_blocks());
    let of = |index: usize| {
        let first = index * run;
        let blocks = &state[first..first + run];
        let mut total = 0.0;
        for (k, part) in blocks.chunks_exact(chunk).enumerate() {
            if sum.is_diagonal() {
                for (j, part) in part.chunks_exact(table).enumerate() {
                    let outer = ((first + k * chunk + j * table) << LANE_QUBITS) as u64;
                    total += sum.diagonal(outer, |entries, shift| {
                        kernel::weighted_probability(level, part, &entries[..table << LANE_QUBITS], shift)
                    });
                }
            }
            each_flips(&weights[..chunk_qubits], true, |flips| total += kernel::flip_energy(level, part, flips));
        }
        each_flips(&weights[chunk_qubits..run_qubits], false, |flips| {
            total += kernel::flip_energy(level, blocks, &flips.above((CHUNK_QUBITS - LANE_QUBITS) as u32));
        });
        total
    };
    tree(0..state.len() / run, 2, parallel(qubits), &|runs| runs.map(of).sum())
}

/// `X` with these weights, three qubits at a time; with `lanes` the first two are the lane qubits.
fn each_flips(weights: &[f64], lanes: bool, mut each: impl FnMut(&Flips)) {
    let mut flips = Flips::default();
    let first_row = if lanes { LANE_QUBITS.min(weights.len()) } else { 0 };
    if lanes && weights[..first_row].iter().any(|&w| w != 0.0) {
        flips.lanes = true;
        flips.lane_weights[..first_row].copy_from_slice(&weights[..first_row]);
    }
    for (bit, &weight) in weights[first_row..].iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
        flips.bits[flips.rows] = bit as u32;
        flips.row_weights[flips.rows] = weight;
        flips.rows += 1;
        if flips.rows == 3 {
            each(&flips);
            flips = Flips::default();
        }
    }
    if flips.rows > 0 || flips.lanes {
        each(&flips);
    }
}

/// The single X on the qubits beyond the runs.
fn high_x(level: Level, state: &[Block], qubits: usize, weights: &[f64]) -> f64 {
    let mut total = 0.0;
    // All rows of some of the higher qubits, a few blocks of each.
    let mut first = run_qubits(qubits);
    while first < qubits {
        let rows_qubits = (qubits - first).min(ROW_QUBITS);
        let own = &weights[first..first + rows_qubits];
        if own.iter().any(|&w| w != 0.0) {
            let rows = 1 << rows_qubits;
            let (row, width) = (1 << (first - LANE_QUBITS), BUFFER_BLOCKS / rows);
            let columns = row / width;
            let sums = |indices: Range<usize>| {
                let mut buffer = [Block::default(); BUFFER_BLOCKS];
                let mut sum = 0.0;
                for index in indices {
                    let base = index / columns * row * rows + index % columns * width;
                    for (k, to) in buffer.chunks_exact_mut(width).enumerate() {
                        to.copy_from_slice(&state[base + k * row..base + k * row + width]);
                    }
                    each_flips(own, false, |flips| {
                        sum += kernel::flip_energy(level, &buffer, &flips.above(width.ilog2()));
                    });
                }
                sum
            };
            total += tree(0..state.len() / BUFFER_BLOCKS, 32, parallel(qubits), &sums);
        }
        first += rows_qubits;
    }
    total
}
