//! Pauli sums on states: strings of Z by one table, single X by sums over neighbours, the others by their mask of X.

mod apply;
mod grouped;

pub(crate) use apply::apply;
pub(crate) use grouped::Grouped;

use crate::compile;
use crate::kernel::{self, Block, Flips, LANE_QUBITS, Level};

/// States of more qubits are walked over in runs of so many.
const RUN_QUBITS: usize = 14;

/// Blocks of the buffer into which rows of high qubits are gathered: 2^6 rows of 2^4 blocks.
const BUFFER_BLOCKS: usize = 1 << 10;

/// `<state|H|state>`.
pub(crate) fn expectation(level: Level, state: &[Block], qubits: usize, sum: &Grouped) -> f64 {
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
    if sum.is_diagonal() {
        total += strings_of_z(level, state, qubits, sum);
    }
    if !sum.flips().is_empty() {
        let mut flips = [0.0; crate::MAX_QUBITS];
        flips[..sum.flips().len()].copy_from_slice(sum.flips());
        total += single_x(level, state, qubits, &flips[..qubits]);
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

fn strings_of_z(level: Level, state: &[Block], qubits: usize, sum: &Grouped) -> f64 {
    let run = state.len().min(sum.table_blocks());
    let of = |index: usize| {
        let blocks = &state[index * run..(index + 1) * run];
        sum.diagonal(((index * run) << LANE_QUBITS) as u64, |table, shift| {
            kernel::weighted_probability(level, blocks, &table[..run << LANE_QUBITS], shift)
        })
    };
    tree(0..state.len() / run, 32, parallel(qubits), &of)
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
fn single_x(level: Level, state: &[Block], qubits: usize, weights: &[f64]) -> f64 {
    let run_qubits = qubits.min(RUN_QUBITS);
    let run = 1 << run_qubits.saturating_sub(LANE_QUBITS);
    let low = |index: usize| {
        let blocks = &state[index * run..(index + 1) * run];
        let mut sum = 0.0;
        each_flips(&weights[..run_qubits], true, |flips| sum += kernel::flip_energy(level, blocks, flips));
        sum
    };
    let mut total = tree(0..state.len() / run, 2, parallel(qubits), &low);
    // The rows of up to six higher qubits at a time, a few blocks of each.
    let mut first = run_qubits;
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
                    let mut flips = *flips;
                    flips.bits = flips.bits.map(|bit| bit + width_qubits);
                    sum += kernel::flip_energy(level, &buffer, &flips);
                });
                sum
            };
            total += tree(0..state.len() / BUFFER_BLOCKS, 32, parallel(qubits), &sum);
        }
        first += rows_qubits;
    }
    total
}
