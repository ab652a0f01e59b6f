//! Kernels for a group of four states that share their angles: block `k` holds amplitude `k` of all four, one per lane, and tables
//! are those of a single state, of which every lane takes the same entry.

use super::lanes::Lanes;
use super::rows::Rows;
use super::{Block, Indices, Quad, kernel, kernel_rows};

kernel_rows! {
    /// Multiplies every amplitude of a group by its entry in the table of a single state.
    shared_diagonal(group: &mut [Block], table: &[Block]) = diagonal_generic
}

kernel_rows! {
    /// Writes a single state into every lane of a group, times a factor per lane.
    spread(state: &[Block], factor: &Quad, group: &mut [Block]) = spread_generic
}

kernel_rows! {
    /// Applies H on up to three bits of the block index, given ascending, and multiplies by `scale`.
    hadamards(group: &mut [Block], bits: &[u32], scale: f64) = hadamards_generic
}

kernel! {
    /// Adds the squared magnitudes of the amplitudes of a group to the real parts of `sums[class[k]]`, and `Re(conj(r_k) psi_k)` for the
    /// amplitudes `r` of a single state to the imaginary parts.
    class_overlaps(group: &[Block], reference: &[Block], class: &[u32], sums: &mut [Block]) = overlaps_generic
}

kernel! {
    /// Adds the squared magnitudes of the amplitudes of a group to the real parts of `sums[class[k]]`.
    class_squares(group: &[Block], class: &[u32], sums: &mut [Block]) = squares_generic
}

/// Amplitude `k` of a single state.
#[inline(always)]
fn entry(blocks: &[Block], k: usize) -> (f64, f64) {
    let block = &blocks[k / 4];
    (block.re[k % 4], block.im[k % 4])
}

#[inline(always)]
fn diagonal_generic<V: Rows>(group: &mut [Block], table: &[Block]) {
    assert!(group.len() <= 4 * table.len(), "a table has one entry per amplitude");
    for (blocks, factors) in group.chunks_mut(4).zip(table) {
        for (lane, block) in blocks.iter_mut().enumerate() {
            let v = [V::load(block, 0), V::load(block, V::PARTS - 1)];
            let v = V::times_scalar(v, (factors.re[lane], factors.im[lane]));
            for (part, &v) in v.iter().enumerate().take(V::PARTS) {
                v.store(block, part);
            }
        }
    }
}

#[inline(always)]
fn spread_generic<V: Rows>(state: &[Block], factor: &Quad, group: &mut [Block]) {
    let factor = Block { re: factor.re, im: factor.im };
    let factor = [V::load(&factor, 0), V::load(&factor, V::PARTS - 1)];
    for (blocks, from) in group.chunks_mut(4).zip(state) {
        for (lane, block) in blocks.iter_mut().enumerate() {
            let v = V::times_scalar(factor, (from.re[lane], from.im[lane]));
            for (part, &v) in v.iter().enumerate().take(V::PARTS) {
                v.store(block, part);
            }
        }
    }
}

#[inline(always)]
fn hadamards_generic<V: Rows>(group: &mut [Block], bits: &[u32], scale: f64) {
    match *bits {
        [a] => hadamards_on::<V, 1, 2>(group, [a], scale),
        [a, b] => hadamards_on::<V, 2, 4>(group, [a, b], scale),
        [a, b, c] => hadamards_on::<V, 3, 8>(group, [a, b, c], scale),
        _ => {}
    }
}

/// `SIZE` is `2^BITS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn hadamards_on<V: Rows, const BITS: usize, const SIZE: usize>(group: &mut [Block], bits: [u32; BITS], scale: f64) {
    let mut offsets = [0; SIZE];
    for (row, offset) in offsets.iter_mut().enumerate() {
        for (k, bit) in bits.iter().enumerate() {
            *offset |= (row >> k & 1) << bit;
        }
    }
    let (scale, minus) = (V::splat(scale), V::splat(-1.0));
    for base in Indices::new(group.len(), 0, offsets[SIZE - 1]) {
        for part in 0..V::PARTS {
            let mut r = [V::zero(); SIZE];
            for k in 0..SIZE {
                // SAFETY: `Indices` yields indices below `group.len()` with all bits of the last offset 0, and has checked that
                // this offset, which contains all the others, is below `group.len()` too.
                r[k] = V::load(unsafe { group.get_unchecked(base | offsets[k]) }, part).mul(scale);
            }
            for bit in 0..BITS {
                for k in 0..SIZE {
                    let partner = k | 1 << bit;
                    if partner != k {
                        let (a, b) = (r[k], r[partner]);
                        r[k] = b.neg_mul_add(minus, a);
                        r[partner] = b.mul_add(minus, a);
                    }
                }
            }
            for k in 0..SIZE {
                // SAFETY: as above.
                r[k].store(unsafe { group.get_unchecked_mut(base | offsets[k]) }, part);
            }
        }
    }
}

#[inline(always)]
fn overlaps_generic<V: Lanes>(group: &[Block], reference: &[Block], class: &[u32], sums: &mut [Block]) {
    assert!(class.len() == group.len(), "one class per amplitude");
    for (k, (block, &class)) in group.iter().zip(class).enumerate() {
        let (a, b) = (V::load(&block.re), V::load(&block.im));
        let (r, s) = entry(reference, k);
        let sum = &mut sums[class as usize];
        b.mul_add(b, a.mul_add(a, V::load(&sum.re))).store(&mut sum.re);
        b.mul_add(V::splat(s), a.mul_add(V::splat(r), V::load(&sum.im))).store(&mut sum.im);
    }
}

#[inline(always)]
fn squares_generic<V: Lanes>(group: &[Block], class: &[u32], sums: &mut [Block]) {
    assert!(class.len() == group.len(), "one class per amplitude");
    for (block, &class) in group.iter().zip(class) {
        let (a, b) = (V::load(&block.re), V::load(&block.im));
        let sum = &mut sums[class as usize];
        b.mul_add(b, a.mul_add(a, V::load(&sum.re))).store(&mut sum.re);
    }
}
