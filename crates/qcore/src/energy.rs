//! Expectation values of Pauli sums: strings of Z by one table, single X by sums over neighbours, the others one by one.

use num_complex::Complex64;

use crate::kernel::{self, Block, Flips, LANE_QUBITS, Level};
use crate::{PauliString, compile};

/// Qubits of the table of the strings of Z.
const TABLE_QUBITS: usize = 10;

/// Up to so many qubits a small table does, which costs less to clear.
const SMALL_QUBITS: usize = 6;

/// States of more qubits are walked over in runs of so many.
const RUN_QUBITS: usize = 14;

/// Blocks of the buffer into which rows of high qubits are gathered: 2^6 rows of 2^4 blocks.
const BUFFER_BLOCKS: usize = 1 << 10;

/// Terms of one kind that are kept without allocation.
const CHUNK: usize = 64;

/// `sum_t c_t <state| P_t |state>`.
pub(crate) fn expectation(level: Level, state: &[Block], qubits: usize, terms: &[(f64, PauliString)]) -> f64 {
    let mut total = 0.0;
    let (mut strings, mut count) = ([(0.0, 0); CHUNK], 0);
    let mut flips = [0.0; crate::MAX_QUBITS];
    let mut any_flip = false;
    let mut constant = 0.0;
    for &(coefficient, string) in terms {
        let (x, z) = (string.x_mask(), string.z_mask());
        if x | z == 0 {
            constant += coefficient;
        } else if x == 0 {
            if count == CHUNK {
                total += strings_of_z(level, state, qubits, &strings, 0.0);
                count = 0;
            }
            strings[count] = (coefficient, z);
            count += 1;
        } else if z == 0 && x.count_ones() == 1 {
            flips[x.trailing_zeros() as usize] += coefficient;
            any_flip = true;
        } else {
            let inner: Complex64 = kernel::pauli_inner(level, state, state, x, z, 0);
            total += coefficient * inner.re;
        }
    }
    if count > 0 || constant != 0.0 {
        total += strings_of_z(level, state, qubits, &strings[..count], constant);
    }
    if any_flip {
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

fn strings_of_z(level: Level, state: &[Block], qubits: usize, terms: &[(f64, u64)], constant: f64) -> f64 {
    if qubits <= SMALL_QUBITS {
        let mut table = [0.0; 1 << SMALL_QUBITS];
        let table = &mut table[..1 << qubits.max(LANE_QUBITS)];
        kernel::z_table(level, table, terms, constant);
        return kernel::weighted_probability(level, state, table);
    }
    let inside = qubits.min(TABLE_QUBITS);
    let mut tables = [[0.0; 1 << TABLE_QUBITS]; 2];
    let local = (1_u64 << inside) - 1;
    // Terms across the edge of the table, and the outer qubits they need.
    let crossing = terms.iter().filter(|(_, z)| z & local != 0).fold(0, |mask, (_, z)| mask | z) & !local;
    let tabulate = |table: &mut [f64], outer: u64| {
        let (mut signed, mut count) = ([(0.0, 0); CHUNK], 0);
        for &(coefficient, z) in terms.iter().filter(|(_, z)| z & local != 0) {
            signed[count] =
                (if (z & outer & !local).count_ones() % 2 == 1 { -coefficient } else { coefficient }, z & local);
            count += 1;
        }
        kernel::z_table(level, table, &signed[..count], 0.0);
    };
    let single = crossing.count_ones() <= 1;
    tabulate(&mut tables[0][..1 << inside], 0);
    if single && crossing != 0 {
        tabulate(&mut tables[1][..1 << inside], crossing);
    }
    let outside = |outer: u64| {
        terms.iter().filter(|(_, z)| z & local == 0).fold(constant, |sum, &(coefficient, z)| {
            if (z & outer).count_ones() % 2 == 1 { sum - coefficient } else { sum + coefficient }
        })
    };
    if qubits <= inside {
        let table = &mut tables[0][..1 << inside];
        table.iter_mut().for_each(|entry| *entry += constant);
        return kernel::weighted_probability(level, state, table);
    }
    let run = 1 << (inside - LANE_QUBITS);
    let sum = |index: usize| {
        let blocks = &state[index * run..(index + 1) * run];
        let outer = (index << inside) as u64;
        let mut table = [0.0; 1 << TABLE_QUBITS];
        let shift = outside(outer);
        if single {
            let class = usize::from(outer & crossing != 0);
            for (entry, value) in table.iter_mut().zip(&tables[class]) {
                *entry = value + shift;
            }
        } else {
            tabulate(&mut table, outer);
            table.iter_mut().for_each(|entry| *entry += shift);
        }
        kernel::weighted_probability(level, blocks, &table)
    };
    tree(0..state.len() / run, 32, parallel(qubits), &sum)
}

/// `X` with these weights, grouped by three qubits; `bit_of` is the bit of the block index of a qubit, or `None` for lanes.
fn grouped(weights: &[f64], lanes: bool, mut each: impl FnMut(&Flips)) {
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
        grouped(&weights[..run_qubits], true, |flips| sum += kernel::flip_energy(level, blocks, flips));
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
                grouped(own, false, |flips| {
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
