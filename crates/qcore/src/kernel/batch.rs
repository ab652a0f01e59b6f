//! Reductions over a group of four states of a batch: block `k` holds amplitude `k` of all four, one per lane.

use super::lanes::Lanes;
use super::{Block, Indices, kernel, parity_sign};

kernel! {
    /// Per lane: `sum_k |psi_k|^2 table_k`.
    batch_weighted(group: &[Block], table: &[f64]) -> [f64; 4] = weighted_generic
}

kernel! {
    /// Per lane: `<psi|P|psi>` for the Pauli string with masks `x`, `z`.
    batch_pauli(group: &[Block], x: usize, z: usize) -> [f64; 4] = pauli_generic
}

#[inline(always)]
fn weighted_generic<V: Lanes>(group: &[Block], table: &[f64]) -> [f64; 4] {
    let mut sums = [V::splat(0.0); 2];
    for (k, (block, &weight)) in group.iter().zip(table).enumerate() {
        let (re, im) = (V::load(&block.re), V::load(&block.im));
        sums[k & 1] = im.mul_add(im, re.mul(re)).mul_add(V::splat(weight), sums[k & 1]);
    }
    lanes(sums[0].add(sums[1]))
}

#[inline(always)]
fn pauli_generic<V: Lanes>(group: &[Block], x: usize, z: usize) -> [f64; 4] {
    assert!(group.len().is_power_of_two() && x < group.len(), "the string lies within the register");
    let letters_y = (x & z).count_ones() % 4;
    let mut sums = [V::splat(0.0); 2];
    // Both members of a pair of amplitudes contribute the same real part: one of them, twice.
    let (top, weight) = if x == 0 { (0, 1.0) } else { (1 << x.ilog2(), 2.0) };
    for k in Indices::new(group.len(), 0, top) {
        let (block, other) = (&group[k], &group[k ^ x]);
        let sign = V::splat(weight * parity_sign(z & (k ^ x)));
        let (a, b) = (V::load(&block.re), V::load(&block.im));
        let (c, d) = (V::load(&other.re), V::load(&other.im));
        // The real part of conj(a + i b) (c + i d), or its imaginary part where a factor i stands before it.
        let product = if letters_y.is_multiple_of(2) { b.mul_add(d, a.mul(c)) } else { b.neg_mul_add(c, a.mul(d)) };
        sums[k & 1] = product.mul_add(sign, sums[k & 1]);
    }
    let sum = sums[0].add(sums[1]);
    // i^{#Y}: 1, i, -1, -i; the real part of i times an imaginary part is its negative.
    lanes(if matches!(letters_y, 1 | 2) { V::splat(0.0).sub(sum) } else { sum })
}

#[inline(always)]
fn lanes<V: Lanes>(sum: V) -> [f64; 4] {
    let mut out = [0.0; 4];
    sum.store(&mut out);
    out
}

/// Adds `coefficient (-1)^{|z & k|}` to every entry of a table.
pub(crate) fn add_parity(table: &mut [f64], coefficient: f64, z: usize) {
    for (k, entry) in table.iter_mut().enumerate() {
        *entry += coefficient * parity_sign(z & k);
    }
}
