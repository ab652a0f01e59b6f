//! Passes over a tile: up to five real rotations and a diagonal at once.
//!
//! A tile is a contiguous run of blocks that stands for a register of its own. In a single state the lanes of a block are the
//! lowest two qubits; in a batch (`BATCH`) they are four members and every coefficient is a vector over the members.
//!
//! A rotation `exp(-i theta Y / 2)` is applied as `a - t b, b + t a` with `t = tan(theta / 2)`: one multiply-add per real number.
//! The cosines that are left out are one factor per layer, which goes into the diagonal of the layer.

use super::rows::Rows;
use super::{Block, Indices, kernel_rows};

/// Rotations that one sweep over a tile applies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// How many rotations act between blocks, and on which bits of the block index.
    pub(crate) rows: usize,
    pub(crate) bits: [u32; 3],
    /// Whether rotations act on the two lane qubits as well.
    pub(crate) lanes: bool,
    /// Indices of the tangents: of the rows, then of the lanes.
    pub(crate) row_tans: [u32; 3],
    pub(crate) lane_tans: [u32; 2],
}

kernel_rows! {
    /// Applies passes to a tile and then, where a table is given, multiplies every amplitude by its entry. `tans` has one entry
    /// per tangent.
    apply_passes(tile: &mut [Block], passes: &[Pass], tans: &[f64], table: Option<&[Block]>) = single_generic
}

kernel_rows! {
    /// As [`apply_passes`], for a batch: `tans` has four entries per tangent.
    apply_batch_passes(tile: &mut [Block], passes: &[Pass], tans: &[f64], table: Option<&[Block]>) = batch_generic
}

kernel_rows! {
    /// Multiplies every amplitude of a tile by the conjugate of its entry in a table.
    apply_conjugate(tile: &mut [Block], table: &[Block]) = conjugate_generic
}

#[inline(always)]
pub(super) fn conjugate_generic<V: Rows>(tile: &mut [Block], table: &[Block]) {
    for (block, factor) in tile.iter_mut().zip(table) {
        let v = V::times_conj([V::load(block, 0), V::load(block, V::PARTS - 1)], factor);
        for (part, &v) in v.iter().enumerate().take(V::PARTS) {
            v.store(block, part);
        }
    }
}

#[inline(always)]
fn single_generic<V: Rows>(tile: &mut [Block], passes: &[Pass], tans: &[f64], table: Option<&[Block]>) {
    let (first, last) = split(passes, table);
    for p in first {
        match (p.rows, p.lanes) {
            (0, _) => pass::<V, false, 0, 1, true, false>(tile, p, tans, &[]),
            (1, false) => pass::<V, false, 1, 2, false, false>(tile, p, tans, &[]),
            (2, false) => pass::<V, false, 2, 4, false, false>(tile, p, tans, &[]),
            (_, false) => pass::<V, false, 3, 8, false, false>(tile, p, tans, &[]),
            (1, true) => pass::<V, false, 1, 2, true, false>(tile, p, tans, &[]),
            (2, true) => pass::<V, false, 2, 4, true, false>(tile, p, tans, &[]),
            (_, true) => pass::<V, false, 3, 8, true, false>(tile, p, tans, &[]),
        }
    }
    let Some(table) = table else { return };
    match last.map(|p| (p, p.rows, p.lanes)) {
        None => multiply::<V>(tile, table),
        Some((p, 0, _)) => pass::<V, false, 0, 1, true, true>(tile, p, tans, table),
        Some((p, 1, false)) => pass::<V, false, 1, 2, false, true>(tile, p, tans, table),
        Some((p, 2, false)) => pass::<V, false, 2, 4, false, true>(tile, p, tans, table),
        Some((p, _, false)) => pass::<V, false, 3, 8, false, true>(tile, p, tans, table),
        Some((p, 1, true)) => pass::<V, false, 1, 2, true, true>(tile, p, tans, table),
        Some((p, 2, true)) => pass::<V, false, 2, 4, true, true>(tile, p, tans, table),
        Some((p, _, true)) => pass::<V, false, 3, 8, true, true>(tile, p, tans, table),
    }
}

#[inline(always)]
fn batch_generic<V: Rows>(tile: &mut [Block], passes: &[Pass], tans: &[f64], table: Option<&[Block]>) {
    let (first, last) = split(passes, table);
    for p in first {
        match p.rows {
            1 => pass::<V, true, 1, 2, false, false>(tile, p, tans, &[]),
            2 => pass::<V, true, 2, 4, false, false>(tile, p, tans, &[]),
            _ => pass::<V, true, 3, 8, false, false>(tile, p, tans, &[]),
        }
    }
    let Some(table) = table else { return };
    match last.map(|p| (p, p.rows)) {
        None => multiply::<V>(tile, table),
        Some((p, 1)) => pass::<V, true, 1, 2, false, true>(tile, p, tans, table),
        Some((p, 2)) => pass::<V, true, 2, 4, false, true>(tile, p, tans, table),
        Some((p, _)) => pass::<V, true, 3, 8, false, true>(tile, p, tans, table),
    }
}

/// The passes without a table, and the one that takes it along.
#[inline(always)]
fn split<'a>(passes: &'a [Pass], table: Option<&[Block]>) -> (&'a [Pass], Option<&'a Pass>) {
    match (passes, table) {
        ([first @ .., last], Some(_)) => (first, Some(last)),
        _ => (passes, None),
    }
}

#[inline(always)]
fn multiply<V: Rows>(tile: &mut [Block], table: &[Block]) {
    for (block, factor) in tile.iter_mut().zip(table) {
        let v = [V::load(block, 0), V::load(block, V::PARTS - 1)];
        let v = V::times(v, factor);
        for (part, &v) in v.iter().enumerate().take(V::PARTS) {
            v.store(block, part);
        }
    }
}

/// The tangent at `index`: of all lanes, or one per member.
#[inline(always)]
fn tangent<V: Rows, const BATCH: bool>(tans: &[f64], index: u32) -> V {
    if BATCH { V::quad(&tans.as_chunks::<4>().0[index as usize]) } else { V::splat(tans[index as usize]) }
}

/// `SIZE` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn pass<V: Rows, const BATCH: bool, const ROWS: usize, const SIZE: usize, const LANES: bool, const TABLE: bool>(
    tile: &mut [Block],
    p: &Pass,
    tans: &[f64],
    table: &[Block],
) {
    let mut t = [V::zero(); ROWS];
    for (t, &index) in t.iter_mut().zip(&p.row_tans) {
        *t = tangent::<V, BATCH>(tans, index);
    }
    let (mut lane0, mut lane1) = (V::zero(), V::zero());
    if LANES {
        let [a, b] = p.lane_tans.map(|index| tans[index as usize]);
        lane0 = V::quad(&[-a, a, -a, a]);
        lane1 = V::quad(&[-b, -b, b, b]);
    }
    let mut offsets = [0; SIZE];
    for (row, offset) in offsets.iter_mut().enumerate() {
        for (k, bit) in p.bits.iter().enumerate().take(ROWS) {
            *offset |= (row >> k & 1) << bit;
        }
    }
    assert!(!TABLE || table.len() == tile.len(), "a table has one entry per amplitude");
    for base in Indices::new(tile.len(), 0, offsets[SIZE - 1]) {
        let mut kept = [[V::zero(); 2]; SIZE];
        for part in 0..V::PARTS {
            let mut r = [V::zero(); SIZE];
            for k in 0..SIZE {
                // SAFETY: `Indices` yields indices below `tile.len()` with all bits of the last offset 0, and has checked that
                // this offset, which contains all the others, is below `tile.len()` too.
                let block = unsafe { tile.get_unchecked(base | offsets[k]) };
                r[k] = V::load(block, part);
                if LANES {
                    r[k] = r[k].flip1().mul_add(lane0, r[k]);
                    r[k] = r[k].flip2().mul_add(lane1, r[k]);
                }
            }
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
            for k in 0..SIZE {
                if TABLE {
                    kept[k][part] = r[k];
                } else {
                    // SAFETY: as above.
                    r[k].store(unsafe { tile.get_unchecked_mut(base | offsets[k]) }, part);
                }
            }
        }
        if TABLE {
            for k in 0..SIZE {
                // SAFETY: as above; the table is as long as the tile.
                let (block, factor) =
                    unsafe { (tile.get_unchecked_mut(base | offsets[k]), table.get_unchecked(base | offsets[k])) };
                let v = V::times(kept[k], factor);
                for (part, &v) in v.iter().enumerate().take(V::PARTS) {
                    v.store(block, part);
                }
            }
        }
    }
}
