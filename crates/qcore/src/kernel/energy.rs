//! Expectation values of many Pauli strings in few walks over a state.

use super::rows::Rows;
use super::{Block, Indices, kernel_rows, parity_sign};

/// Weights of `X` on up to five qubits: three bits of the block index, and the two lane qubits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flips {
    pub(crate) rows: usize,
    pub(crate) bits: [u32; 3],
    pub(crate) row_weights: [f64; 3],
    pub(crate) lanes: bool,
    pub(crate) lane_weights: [f64; 2],
}

impl Flips {
    /// The same on bits that are higher by `bits`.
    pub(crate) fn above(&self, bits: u32) -> Self {
        Self { bits: self.bits.map(|bit| bit + bits), ..*self }
    }
}

kernel_rows! {
    /// `sum_k |psi_k|^2 (table_k + shift)`.
    weighted_probability(state: &[Block], table: &[f64], shift: f64) -> f64 = weighted_generic
}

kernel_rows! {
    /// `sum_q w_q <psi| X_q |psi>`.
    flip_energy(state: &[Block], flips: &Flips) -> f64 = flips_generic
}

kernel_rows! {
    /// The sum of both for a small register, in one call.
    small_energy(state: &[Block], table: &[f64], shift: f64, flips: &Flips) -> f64 = small_generic
}

kernel_rows! {
    /// Writes `table_k = constant + sum_z c_z (-1)^{|z & k|}` for the strings of `Z` among `terms` whose qubits lie within the
    /// table, of at least four entries. Built by doubling: the terms that end at a qubit are added in one half and subtracted in the other.
    z_table(table: &mut [f64], terms: &[(f64, u64)], constant: f64) = table_generic
}

#[inline(always)]
fn weighted_generic<V: Rows>(state: &[Block], table: &[f64], shift: f64) -> f64 {
    let shift = V::splat(shift);
    let weights = table.as_chunks::<4>().0;
    assert!(weights.len() == state.len(), "one weight per amplitude");
    let mut sums = [V::zero(); 4];
    let (pairs, rest) = state.as_chunks::<2>();
    let (weight_pairs, rest_weights) = weights.as_chunks::<2>();
    for (blocks, weights) in pairs.iter().zip(weight_pairs) {
        for k in 0..2 {
            for part in 0..V::PARTS {
                let v = V::load(&blocks[k], part);
                sums[2 * k + part] = v.mul(v).mul_add(V::quad(&weights[k]).add(shift), sums[2 * k + part]);
            }
        }
    }
    for (block, weights) in rest.iter().zip(rest_weights) {
        for (part, sum) in sums.iter_mut().enumerate().take(V::PARTS) {
            let v = V::load(block, part);
            *sum = v.mul(v).mul_add(V::quad(weights).add(shift), *sum);
        }
    }
    (sums[0].sum() + sums[1].sum()) + (sums[2].sum() + sums[3].sum())
}

#[inline(always)]
fn flips_generic<V: Rows>(state: &[Block], flips: &Flips) -> f64 {
    match (flips.rows, flips.lanes) {
        (0, _) => flips_sum::<V, 0, 1, true>(state, flips),
        (1, false) => flips_sum::<V, 1, 2, false>(state, flips),
        (2, false) => flips_sum::<V, 2, 4, false>(state, flips),
        (_, false) => flips_sum::<V, 3, 8, false>(state, flips),
        (1, true) => flips_sum::<V, 1, 2, true>(state, flips),
        (2, true) => flips_sum::<V, 2, 4, true>(state, flips),
        (_, true) => flips_sum::<V, 3, 8, true>(state, flips),
    }
}

#[inline(always)]
fn small_generic<V: Rows>(state: &[Block], table: &[f64], shift: f64, flips: &Flips) -> f64 {
    weighted_generic::<V>(state, table, shift) + flips_generic::<V>(state, flips)
}

/// `SIZE` is `2^ROWS`.
#[inline(always)]
fn flips_sum<V: Rows, const ROWS: usize, const SIZE: usize, const LANES: bool>(state: &[Block], flips: &Flips) -> f64 {
    let mut offsets = [0; SIZE];
    for (row, offset) in offsets.iter_mut().enumerate() {
        for (k, bit) in flips.bits.iter().enumerate().take(ROWS) {
            *offset |= (row >> k & 1) << bit;
        }
    }
    // Two chains of additions per sum, so that their latencies overlap.
    let mut rows = [[V::zero(); 2]; ROWS];
    let mut lanes = [[V::zero(); 2]; 2];
    for base in Indices::new(state.len(), 0, offsets[SIZE - 1]) {
        for part in 0..V::PARTS {
            let mut r = [V::zero(); SIZE];
            for k in 0..SIZE {
                // SAFETY: `Indices` yields indices below `state.len()` with all bits of the last offset 0, and has checked that
                // this offset, which contains all the others, is below `state.len()` too.
                r[k] = V::load(unsafe { state.get_unchecked(base | offsets[k]) }, part);
                if LANES {
                    lanes[0][k & 1] = r[k].flip1().mul_add(r[k], lanes[0][k & 1]);
                    lanes[1][k & 1] = r[k].flip2().mul_add(r[k], lanes[1][k & 1]);
                }
            }
            for (bit, sums) in rows.iter_mut().enumerate() {
                let mut pair = 0;
                for k in 0..SIZE {
                    let partner = k | 1 << bit;
                    if partner != k {
                        sums[pair & 1] = r[k].mul_add(r[partner], sums[pair & 1]);
                        pair += 1;
                    }
                }
            }
        }
    }
    let mut total = 0.0;
    for (sums, weight) in rows.iter().zip(&flips.row_weights) {
        total += 2.0 * weight * (sums[0].sum() + sums[1].sum());
    }
    if LANES {
        for (sums, weight) in lanes.iter().zip(&flips.lane_weights) {
            total += weight * (sums[0].sum() + sums[1].sum());
        }
    }
    total
}

/// `(-1)^{|z & lane|}` for the lanes of a block.
const LANE_SIGNS: [[f64; 4]; 4] =
    [[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0], [1.0, -1.0, -1.0, 1.0]];

#[inline(always)]
fn table_generic<V: Rows>(table: &mut [f64], terms: &[(f64, u64)], constant: f64) {
    let qubits = table.len().ilog2() as usize;
    let table = table.as_chunks_mut::<4>().0;
    let mut first = [constant; 4];
    for &(coefficient, z) in terms.iter().filter(|(_, z)| *z < 4) {
        for lane in 0..4 {
            first[lane] += coefficient * LANE_SIGNS[z as usize][lane];
        }
    }
    table[0] = first;
    for qubit in super::LANE_QUBITS..qubits {
        let (low, high) = table.split_at_mut(1 << (qubit - super::LANE_QUBITS));
        let mut fresh = true;
        for &(coefficient, z) in terms.iter().filter(|(_, z)| z >> qubit == 1) {
            let rest = z as usize & ((1 << qubit) - 1);
            let signs = LANE_SIGNS[rest & 3].map(|sign| coefficient * sign);
            for (k, (low, high)) in low.iter_mut().zip(&mut *high).enumerate() {
                let sign = parity_sign(rest >> 2 & k);
                let old = if fresh { *low } else { *high };
                for lane in 0..4 {
                    high[lane] = old[lane] - sign * signs[lane];
                    low[lane] += sign * signs[lane];
                }
            }
            fresh = false;
        }
        if fresh {
            for (low, high) in low.iter().zip(high) {
                *high = *low;
            }
        }
    }
}
