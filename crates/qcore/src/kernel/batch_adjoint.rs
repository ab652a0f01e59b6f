//! Passes of adjoint differentiation over a group of four states, one per lane: what is read stays apart for each member.
//!
//! The matrix elements are those of [`adjoint`](super::adjoint): `Im <bra|Y_q|ket>` is the sum of `bra_1 ket_0 - bra_0 ket_1` over real numbers,
//! and `Im <bra|Z..Z|ket>` a signed sum of `Im(conj(bra) ket)`.

use super::lanes::Lanes;
use super::passes::Pass;
use super::rows::Rows;
use super::{Block, Indices, kernel, kernel_rows, parity_sign};

kernel_rows! {
    /// Multiplies every amplitude of a group by the conjugate of its entry in the table of a single state.
    shared_conjugate(group: &mut [Block], table: &[Block]) = conjugate_generic
}

kernel_rows! {
    /// Writes `from` times the table of a single state to `group`, with the rotations of a pass.
    shared_first_pass(group: &mut [Block], from: &[Block], table: &[Block], pass: &Pass, tans: &[f64]) = first_generic
}

kernel_rows! {
    /// Reads `Im <bra|Y|ket>` for the rows of a pass and, if `rotate` says so, rotates `bra`. If `folds` is not empty, it gets `Im(conj(bra) ket)`
    /// summed over the rows, and the signed sums for the rows follow in the result; it has one block for each `2^rows` blocks.
    /// `tans` has four entries per tangent.
    batch_adjoint_pass(bra: &mut [Block], ket: &[Block], pass: &Pass, tans: &[f64], rotate: bool, folds: &mut [Block]) -> [[f64; 4]; 6] = own_generic
}

kernel_rows! {
    /// As [`batch_adjoint_pass`], with one entry per tangent, and after a multiplication of `bra` by the conjugate of the table of a single state, if
    /// there is one.
    shared_adjoint_pass(bra: &mut [Block], ket: &[Block], table: Option<&[Block]>, pass: &Pass, tans: &[f64], rotate: bool, folds: &mut [Block]) -> [[f64; 4]; 6] = shared_generic
}

kernel! {
    /// `Im <bra|P|ket>` of every member for the Pauli string with masks `x`, `z`, where all `controls` are 1.
    batch_inner(bra: &[Block], ket: &[Block], x: usize, z: usize, controls: usize) -> [f64; 4] = inner_generic
}

kernel! {
    /// Adds `w table_k psi_k` to the amplitudes of `out`, with a weight per member.
    batch_accumulate_diagonal(out: &mut [Block], state: &[Block], table: &[f64], weights: &[f64; 4]) = diagonal_generic
}

kernel! {
    /// Adds `w P psi` to `out` for the Pauli string with masks `x`, `z`, with a weight per member.
    batch_accumulate(out: &mut [Block], state: &[Block], weights: &[f64; 4], x: usize, z: usize) = accumulate_generic
}

/// Entry `k` of a table of a single state.
///
/// # Safety
///
/// The table must have more than `k` entries.
#[inline(always)]
unsafe fn entry(table: &[Block], k: usize) -> (f64, f64) {
    // SAFETY: by this function's own contract; the lane is below four.
    unsafe {
        let block = table.get_unchecked(k >> 2);
        (*block.re.get_unchecked(k & 3), *block.im.get_unchecked(k & 3))
    }
}

#[inline(always)]
fn conjugate_generic<V: Rows>(group: &mut [Block], table: &[Block]) {
    assert!(group.len() <= 4 * table.len(), "a table has one entry per amplitude");
    for (blocks, factors) in group.chunks_mut(4).zip(table) {
        for (lane, block) in blocks.iter_mut().enumerate() {
            let v = [V::load(block, 0), V::load(block, V::PARTS - 1)];
            let v = V::times_scalar(v, (factors.re[lane], -factors.im[lane]));
            for (part, &v) in v.iter().enumerate().take(V::PARTS) {
                v.store(block, part);
            }
        }
    }
}

#[inline(always)]
fn first_generic<V: Rows>(group: &mut [Block], from: &[Block], table: &[Block], pass: &Pass, tans: &[f64]) {
    match pass.rows {
        0 => first::<V, 0, 1>(group, from, table, pass, tans),
        1 => first::<V, 1, 2>(group, from, table, pass, tans),
        2 => first::<V, 2, 4>(group, from, table, pass, tans),
        _ => first::<V, 3, 8>(group, from, table, pass, tans),
    }
}

/// The offsets of the rows of a pass.
#[inline(always)]
fn offsets<const ROWS: usize, const SIZE: usize>(pass: &Pass) -> [usize; SIZE] {
    let mut offsets = [0; SIZE];
    for (row, offset) in offsets.iter_mut().enumerate() {
        for (k, bit) in pass.bits.iter().enumerate().take(ROWS) {
            *offset |= (row >> k & 1) << bit;
        }
    }
    offsets
}

#[inline(always)]
fn rotate_rows<V: Rows, const ROWS: usize, const SIZE: usize>(r: &mut [V; SIZE], t: &[V; ROWS]) {
    for (bit, &t) in t.iter().enumerate() {
        for k in 0..SIZE {
            let partner = k | 1 << bit;
            if partner != k {
                let (a, b) = (r[k], r[partner]);
                r[k] = b.neg_mul_add(t, a);
                r[partner] = a.mul_add(t, b);
            }
        }
    }
}

/// `SIZE` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn first<V: Rows, const ROWS: usize, const SIZE: usize>(
    group: &mut [Block],
    from: &[Block],
    table: &[Block],
    pass: &Pass,
    tans: &[f64],
) {
    let mut t = [V::zero(); ROWS];
    for (t, &index) in t.iter_mut().zip(&pass.row_tans) {
        *t = V::splat(tans[index as usize]);
    }
    let offsets = offsets::<ROWS, SIZE>(pass);
    assert!(group.len() == from.len() && group.len() <= 4 * table.len(), "a table has one entry per amplitude");
    for base in Indices::new(group.len(), 0, offsets[SIZE - 1]) {
        let mut r = [[V::zero(); SIZE]; 2];
        for k in 0..SIZE {
            // SAFETY: `Indices` yields indices below the common length with all bits of the last offset 0, and has checked that this
            // offset, which contains all the others, is below that length too; the table has an entry for each.
            let (block, factor) = unsafe { (from.get_unchecked(base | offsets[k]), entry(table, base | offsets[k])) };
            let v = V::times_scalar([V::load(block, 0), V::load(block, V::PARTS - 1)], factor);
            (r[0][k], r[1][k]) = (v[0], v[1]);
        }
        for (part, r) in r.iter_mut().enumerate().take(V::PARTS) {
            rotate_rows(r, &t);
            for k in 0..SIZE {
                // SAFETY: as above.
                r[k].store(unsafe { group.get_unchecked_mut(base | offsets[k]) }, part);
            }
        }
    }
}

#[inline(always)]
fn own_generic<V: Rows>(
    bra: &mut [Block],
    ket: &[Block],
    pass: &Pass,
    tans: &[f64],
    rotate: bool,
    folds: &mut [Block],
) -> [[f64; 4]; 6] {
    match (pass.rows, rotate) {
        (0, _) => read::<V, true, false, 0, 1, false>(bra, ket, &[], pass, tans, folds),
        (1, false) => read::<V, true, false, 1, 2, false>(bra, ket, &[], pass, tans, folds),
        (2, false) => read::<V, true, false, 2, 4, false>(bra, ket, &[], pass, tans, folds),
        (_, false) => read::<V, true, false, 3, 8, false>(bra, ket, &[], pass, tans, folds),
        (1, true) => read::<V, true, false, 1, 2, true>(bra, ket, &[], pass, tans, folds),
        (2, true) => read::<V, true, false, 2, 4, true>(bra, ket, &[], pass, tans, folds),
        (_, true) => read::<V, true, false, 3, 8, true>(bra, ket, &[], pass, tans, folds),
    }
}

#[inline(always)]
fn shared_generic<V: Rows>(
    bra: &mut [Block],
    ket: &[Block],
    table: Option<&[Block]>,
    pass: &Pass,
    tans: &[f64],
    rotate: bool,
    folds: &mut [Block],
) -> [[f64; 4]; 6] {
    match (pass.rows, rotate, table) {
        (0, _, None) => read::<V, false, false, 0, 1, false>(bra, ket, &[], pass, tans, folds),
        (1, false, None) => read::<V, false, false, 1, 2, false>(bra, ket, &[], pass, tans, folds),
        (2, false, None) => read::<V, false, false, 2, 4, false>(bra, ket, &[], pass, tans, folds),
        (_, false, None) => read::<V, false, false, 3, 8, false>(bra, ket, &[], pass, tans, folds),
        (1, true, None) => read::<V, false, false, 1, 2, true>(bra, ket, &[], pass, tans, folds),
        (2, true, None) => read::<V, false, false, 2, 4, true>(bra, ket, &[], pass, tans, folds),
        (_, true, None) => read::<V, false, false, 3, 8, true>(bra, ket, &[], pass, tans, folds),
        (0, _, Some(table)) => read::<V, false, true, 0, 1, false>(bra, ket, table, pass, tans, folds),
        (1, false, Some(table)) => read::<V, false, true, 1, 2, false>(bra, ket, table, pass, tans, folds),
        (2, false, Some(table)) => read::<V, false, true, 2, 4, false>(bra, ket, table, pass, tans, folds),
        (_, false, Some(table)) => read::<V, false, true, 3, 8, false>(bra, ket, table, pass, tans, folds),
        (1, true, Some(table)) => read::<V, false, true, 1, 2, true>(bra, ket, table, pass, tans, folds),
        (2, true, Some(table)) => read::<V, false, true, 2, 4, true>(bra, ket, table, pass, tans, folds),
        (_, true, Some(table)) => read::<V, false, true, 3, 8, true>(bra, ket, table, pass, tans, folds),
    }
}

/// `SIZE` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn read<V: Rows, const BATCH: bool, const TABLE: bool, const ROWS: usize, const SIZE: usize, const ROTATE: bool>(
    bra: &mut [Block],
    ket: &[Block],
    table: &[Block],
    pass: &Pass,
    tans: &[f64],
    folds: &mut [Block],
) -> [[f64; 4]; 6] {
    let mut t = [V::zero(); ROWS];
    for (t, &index) in t.iter_mut().zip(&pass.row_tans) {
        let index = index as usize;
        *t = if BATCH { V::quad(&tans.as_chunks::<4>().0[index]) } else { V::splat(tans[index]) };
    }
    let offsets = offsets::<ROWS, SIZE>(pass);
    let (len, fold) = (bra.len(), !folds.is_empty());
    assert!(ket.len() == len && (!TABLE || len <= 4 * table.len()), "two groups and a table of one size");
    assert!(!fold || folds.len() << ROWS == len, "one block of sums per base");
    // Two chains of additions per sum, so that their latencies overlap.
    let mut ups = [[V::zero(); 2]; ROWS];
    let mut z_sums = [V::zero(); ROWS];
    for (at, base) in Indices::new(len, 0, offsets[SIZE - 1]).enumerate() {
        let (mut b, mut c) = ([[V::zero(); SIZE]; 2], [[V::zero(); SIZE]; 2]);
        for k in 0..SIZE {
            // SAFETY: `Indices` yields indices below the common length with all bits of the last offset 0, and has checked that this
            // offset, which contains all the others, is below that length too.
            let (of_bra, of_ket) =
                unsafe { (bra.get_unchecked(base | offsets[k]), ket.get_unchecked(base | offsets[k])) };
            let mut v = [V::load(of_bra, 0), V::load(of_bra, V::PARTS - 1)];
            if TABLE {
                // SAFETY: as above, and the table has an entry for each index.
                let (re, im) = unsafe { entry(table, base | offsets[k]) };
                v = V::times_scalar(v, (re, -im));
            }
            (b[0][k], b[1][k]) = (v[0], v[1]);
            (c[0][k], c[1][k]) = (V::load(of_ket, 0), V::load(of_ket, V::PARTS - 1));
        }
        if fold {
            let mut g = [V::zero(); SIZE];
            for k in 0..SIZE {
                g[k] = V::cross([b[0][k], b[1][k]], [c[0][k], c[1][k]]);
            }
            for bit in (0..ROWS).rev() {
                let half = 1 << bit;
                for k in 0..half {
                    z_sums[bit] = z_sums[bit].add(g[k].sub(g[k + half]));
                    g[k] = g[k].add(g[k + half]);
                }
            }
            // SAFETY: there are as many bases as blocks of `folds`, by the assertion above.
            g[0].store(unsafe { folds.get_unchecked_mut(at) }, 0);
        }
        for part in 0..V::PARTS {
            let (b, c) = (&mut b[part], &c[part]);
            for (bit, sums) in ups.iter_mut().enumerate() {
                for k in 0..SIZE {
                    let partner = k | 1 << bit;
                    if partner != k {
                        sums[0] = b[partner].mul_add(c[k], sums[0]);
                        sums[1] = b[k].mul_add(c[partner], sums[1]);
                    }
                }
            }
            if ROTATE {
                rotate_rows(b, &t);
            }
            if ROTATE || TABLE {
                for k in 0..SIZE {
                    // SAFETY: as above.
                    b[k].store(unsafe { bra.get_unchecked_mut(base | offsets[k]) }, part);
                }
            }
        }
    }
    let mut out = [[0.0; 4]; 6];
    for (out, sums) in out.iter_mut().zip(&ups) {
        *out = sums[0].sub(sums[1]).part_lanes();
    }
    for (out, sums) in out[3..].iter_mut().zip(z_sums) {
        *out = sums.cross_lanes();
    }
    out
}

#[inline(always)]
fn lanes<V: Lanes>(sum: V) -> [f64; 4] {
    let mut out = [0.0; 4];
    sum.store(&mut out);
    out
}

#[inline(always)]
fn inner_generic<V: Lanes>(bra: &[Block], ket: &[Block], x: usize, z: usize, controls: usize) -> [f64; 4] {
    assert!(bra.len() == ket.len() && x < bra.len(), "the string lies within the register");
    let letters_y = (x & z).count_ones() % 4;
    let mut sum = V::splat(0.0);
    for k in Indices::new(bra.len(), controls, 0) {
        let (left, right) = (&bra[k], &ket[k ^ x]);
        let sign = V::splat(parity_sign(z & (k ^ x)));
        let (a, b) = (V::load(&left.re), V::load(&left.im));
        let (c, d) = (V::load(&right.re), V::load(&right.im));
        // The imaginary part of conj(a + i b) (c + i d), or its real part where a factor i stands before it.
        let product = if letters_y.is_multiple_of(2) { b.neg_mul_add(c, a.mul(d)) } else { b.mul_add(d, a.mul(c)) };
        sum = product.mul_add(sign, sum);
    }
    // i^{#Y}: 1, i, -1, -i.
    lanes(if letters_y >= 2 { V::splat(0.0).sub(sum) } else { sum })
}

#[inline(always)]
fn diagonal_generic<V: Lanes>(out: &mut [Block], state: &[Block], table: &[f64], weights: &[f64; 4]) {
    let weights = V::load(weights);
    for ((out, block), &entry) in out.iter_mut().zip(state).zip(table) {
        let factor = weights.mul(V::splat(entry));
        V::load(&block.re).mul_add(factor, V::load(&out.re)).store(&mut out.re);
        V::load(&block.im).mul_add(factor, V::load(&out.im)).store(&mut out.im);
    }
}

#[inline(always)]
fn accumulate_generic<V: Lanes>(out: &mut [Block], state: &[Block], weights: &[f64; 4], x: usize, z: usize) {
    assert!(out.len() == state.len() && x < state.len(), "the string lies within the register");
    let letters_y = (x & z).count_ones() % 4;
    let overall = if letters_y >= 2 { -1.0 } else { 1.0 };
    let weights = V::load(weights);
    for (k, out) in out.iter_mut().enumerate() {
        let from = &state[k ^ x];
        let factor = weights.mul(V::splat(overall * parity_sign(z & (k ^ x))));
        let (c, d) = (V::load(&from.re), V::load(&from.im));
        let (re, im) = (V::load(&out.re), V::load(&out.im));
        if letters_y.is_multiple_of(2) {
            c.mul_add(factor, re).store(&mut out.re);
            d.mul_add(factor, im).store(&mut out.im);
        } else {
            // i (c + i d) = -d + i c
            d.neg_mul_add(factor, re).store(&mut out.re);
            c.mul_add(factor, im).store(&mut out.im);
        }
    }
}
