//! Pauli sums on states: strings of Z by one table, single X by sums over neighbours, the others by their mask of X.

mod apply;
mod grouped;

pub(crate) use apply::apply;
pub(crate) use grouped::Grouped;

use crate::compile;
use crate::kernel::{self, Block, Flips, LANE_QUBITS, Level};

/// States of more qubits are walked over in runs of so many.
const RUN_QUBITS: usize = 14;

/// Runs are walked over in chunks of so many, which stay in the first-level cache.
const CHUNK_QUBITS: usize = 11;

/// Blocks of the buffer into which rows of high qubits are gathered: 2^6 rows of 2^4 blocks.
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
            let run = 1 << (RUN_QUBITS - LANE_QUBITS);
            let of = |index: usize| {
                let range = index * run..state.len().min((index + 1) * run);
                kernel::strings_energy(level, state, range, x, terms)
            };
            tree(0..state.len().div_ceil(run), 2, parallel(qubits), &of)
        };
    }
    let mut flips = [0.0; crate::MAX_QUBITS];
    flips[..sum.flips().len()].copy_from_slice(sum.flips());
    let flips = &flips[..qubits];
    if sum.is_diagonal() || !sum.flips().is_empty() {
        total += runs(level, state, qubits, sum, flips);
    }
    if qubits > RUN_QUBITS && !sum.flips().is_empty() {
        total += high_x(level, state, qubits, flips);
    }
    total
}

/// The sum of a function over the runs of a state, in the order of a tree that depends on their number only.
fn tree(runs: std::ops::Range<usize>, leaf: usize, parallel: bool, of: &(impl Fn(usize) -> f64 + Sync)) -> f64 {
    if runs.len() <= leaf {
        return runs.map(of).sum();
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
    qubits >= RUN_QUBITS && compile::threads() > 1
}

/// The strings of Z, and the single X on the qubits of a run.
fn runs(level: Level, state: &[Block], qubits: usize, sum: &Grouped, weights: &[f64]) -> f64 {
    let run_qubits = qubits.min(RUN_QUBITS);
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
    tree(0..state.len() / run, 2, parallel(qubits), &of)
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
    // The rows of up to six higher qubits at a time, a few blocks of each.
    let mut first = RUN_QUBITS;
    while first < qubits {
        let rows_qubits = (qubits - first).min(6);
        let own = &weights[first..first + rows_qubits];
        if own.iter().any(|&w| w != 0.0) {
            let rows = 1 << rows_qubits;
            let (row, width) = (1 << (first - LANE_QUBITS), BUFFER_BLOCKS / rows);
            let columns = row / width;
            let sum = |index: usize| {
                let base = index / columns * row * rows + index % columns * width;
                let mut buffer = [Block::default(); BUFFER_BLOCKS];
                for (k, to) in buffer.chunks_exact_mut(width).enumerate() {
                    to.copy_from_slice(&state[base + k * row..base + k * row + width]);
                }
                let mut sum = 0.0;
                let width_qubits = width.ilog2();
                each_flips(own, false, |flips| {
                    sum += kernel::flip_energy(level, &buffer, &flips.above(width_qubits));
                });
                sum
            };
            total += tree(0..state.len() / BUFFER_BLOCKS, 32, parallel(qubits), &sum);
        }
        first += rows_qubits;
    }
    total
}
