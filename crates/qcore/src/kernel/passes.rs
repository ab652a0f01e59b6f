//! Passes over a tile: up to five real rotations and a diagonal at once.
//!
//! A tile is a contiguous run of blocks that stands for a register of its own. In a single state the lanes of a block are the
//! lowest two qubits; in a batch (`BATCH`) they are four members and every coefficient is a vector over the members.
//!
//! A rotation `exp(-i theta Y / 2)` is applied as `a - t b, b + t a` with `t = tan(theta / 2)`: one multiply-add per real number.
//! The cosines that are left out are one factor per layer, which goes into the diagonal of the layer.

use super::ahead::Ahead;
use super::rows::Rows;
use super::{Block, Indices, Level, kernel_rows};

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

impl Pass {
    /// The bits of the smallest aligned runs of blocks that it stays within.
    pub(crate) fn reach(&self) -> usize {
        self.bits[..self.rows].iter().map(|&bit| bit as usize + 1).max().unwrap_or(0)
    }

    /// Whether it stays within aligned runs of `2^bits` blocks.
    pub(crate) fn within(&self, bits: usize) -> bool {
        self.reach() <= bits
    }
}

/// Applies passes to a tile and then, where a table is given, multiplies every amplitude by its entry. `tans` has one entry
/// per tangent.
pub(crate) fn apply_passes(level: Level, tile: &mut [Block], passes: &[Pass], tans: &[f64], table: Option<&[Block]>) {
    apply_walk(level, tile, passes, tans, table, &[], &mut Ahead::nothing());
}

/// Lines that are asked for per group of blocks.
const AHEAD: usize = 2;

kernel_rows! {
    /// As [`apply_passes`], with the passes of `after` behind the table. A table that is shorter than the tile by a power of two has one
    /// entry for as many blocks that follow each other. Meanwhile the lines `ahead` are asked for.
    apply_walk(tile: &mut [Block], passes: &[Pass], tans: &[f64], table: Option<&[Block]>, after: &[Pass], ahead: &mut Ahead) = single_generic
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
fn single_generic<V: Rows>(
    tile: &mut [Block],
    passes: &[Pass],
    tans: &[f64],
    table: Option<&[Block]>,
    after: &[Pass],
    ahead: &mut Ahead,
) {
    let (first, last) = split(passes, table);
    plain::<V>(tile, first, tans, ahead);
    let Some(table) = table else {
        plain::<V>(tile, after, tans, ahead);
        return;
    };
    let Some(p) = last else {
        multiply::<V>(tile, table);
        plain::<V>(tile, after, tans, ahead);
        return;
    };
    // Rotations of the same qubits on both sides of the table are one walk.
    if let [next, rest @ ..] = after
        && (next.rows, next.bits, next.lanes) == (p.rows, p.bits, p.lanes)
    {
        match (p.rows, p.lanes) {
            (0, _) => pass::<V, false, 0, 1, true, true, true>(tile, p, next, tans, table, ahead),
            (1, false) => pass::<V, false, 1, 2, false, true, true>(tile, p, next, tans, table, ahead),
            (2, false) => pass::<V, false, 2, 4, false, true, true>(tile, p, next, tans, table, ahead),
            (_, false) => pass::<V, false, 3, 8, false, true, true>(tile, p, next, tans, table, ahead),
            (1, true) => pass::<V, false, 1, 2, true, true, true>(tile, p, next, tans, table, ahead),
            (2, true) => pass::<V, false, 2, 4, true, true, true>(tile, p, next, tans, table, ahead),
            (_, true) => pass::<V, false, 3, 8, true, true, true>(tile, p, next, tans, table, ahead),
        }
        plain::<V>(tile, rest, tans, ahead);
        return;
    }
    match (p.rows, p.lanes) {
        (0, _) => pass::<V, false, 0, 1, true, true, false>(tile, p, p, tans, table, ahead),
        (1, false) => pass::<V, false, 1, 2, false, true, false>(tile, p, p, tans, table, ahead),
        (2, false) => pass::<V, false, 2, 4, false, true, false>(tile, p, p, tans, table, ahead),
        (_, false) => pass::<V, false, 3, 8, false, true, false>(tile, p, p, tans, table, ahead),
        (1, true) => pass::<V, false, 1, 2, true, true, false>(tile, p, p, tans, table, ahead),
        (2, true) => pass::<V, false, 2, 4, true, true, false>(tile, p, p, tans, table, ahead),
        (_, true) => pass::<V, false, 3, 8, true, true, false>(tile, p, p, tans, table, ahead),
    }
    plain::<V>(tile, after, tans, ahead);
}

/// Passes without a table.
#[inline(always)]
fn plain<V: Rows>(tile: &mut [Block], passes: &[Pass], tans: &[f64], ahead: &mut Ahead) {
    for p in passes {
        match (p.rows, p.lanes) {
            (0, _) => pass::<V, false, 0, 1, true, false, false>(tile, p, p, tans, &[], ahead),
            (1, false) => pass::<V, false, 1, 2, false, false, false>(tile, p, p, tans, &[], ahead),
            (2, false) => pass::<V, false, 2, 4, false, false, false>(tile, p, p, tans, &[], ahead),
            (_, false) => pass::<V, false, 3, 8, false, false, false>(tile, p, p, tans, &[], ahead),
            (1, true) => pass::<V, false, 1, 2, true, false, false>(tile, p, p, tans, &[], ahead),
            (2, true) => pass::<V, false, 2, 4, true, false, false>(tile, p, p, tans, &[], ahead),
            (_, true) => pass::<V, false, 3, 8, true, false, false>(tile, p, p, tans, &[], ahead),
        }
    }
}

#[inline(always)]
fn batch_generic<V: Rows>(tile: &mut [Block], passes: &[Pass], tans: &[f64], table: Option<&[Block]>) {
    let ahead = &mut Ahead::nothing();
    let (first, last) = split(passes, table);
    for p in first {
        match p.rows {
            1 => pass::<V, true, 1, 2, false, false, false>(tile, p, p, tans, &[], ahead),
            2 => pass::<V, true, 2, 4, false, false, false>(tile, p, p, tans, &[], ahead),
            _ => pass::<V, true, 3, 8, false, false, false>(tile, p, p, tans, &[], ahead),
        }
    }
    let Some(table) = table else { return };
    match last.map(|p| (p, p.rows)) {
        None => multiply::<V>(tile, table),
        Some((p, 1)) => pass::<V, true, 1, 2, false, true, false>(tile, p, p, tans, table, ahead),
        Some((p, 2)) => pass::<V, true, 2, 4, false, true, false>(tile, p, p, tans, table, ahead),
        Some((p, _)) => pass::<V, true, 3, 8, false, true, false>(tile, p, p, tans, table, ahead),
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
    let run = tile.len() / table.len();
    for (blocks, factor) in tile.chunks_exact_mut(run).zip(table) {
        for block in blocks {
            let v = [V::load(block, 0), V::load(block, V::PARTS - 1)];
            let v = V::times(v, factor);
            for (part, &v) in v.iter().enumerate().take(V::PARTS) {
                v.store(block, part);
            }
        }
    }
}

/// The tangent at `index`: of all lanes, or one per member.
#[inline(always)]
fn tangent<V: Rows, const BATCH: bool>(tans: &[f64], index: u32) -> V {
    if BATCH { V::quad(&tans.as_chunks::<4>().0[index as usize]) } else { V::splat(tans[index as usize]) }
}

/// The tangents of a pass, as vectors.
pub(super) struct Tangents<V, const ROWS: usize> {
    rows: [V; ROWS],
    lanes: [V; 2],
}

impl<V: Rows, const ROWS: usize> Tangents<V, ROWS> {
    #[inline(always)]
    pub(super) fn new<const BATCH: bool, const LANES: bool>(p: &Pass, tans: &[f64]) -> Self {
        let mut rows = [V::zero(); ROWS];
        for (t, &index) in rows.iter_mut().zip(&p.row_tans) {
            *t = tangent::<V, BATCH>(tans, index);
        }
        let mut lanes = [V::zero(); 2];
        if LANES {
            let [a, b] = p.lane_tans;
            let (a, b) = (V::splat(tans[a as usize]), V::splat(tans[b as usize]));
            lanes = [a.mul(V::quad(&[-1.0, 1.0, -1.0, 1.0])), b.mul(V::quad(&[-1.0, -1.0, 1.0, 1.0]))];
        }
        Self { rows, lanes }
    }

    /// Those of the inverse rotations of a pass with lanes.
    #[inline(always)]
    pub(super) fn inverse(p: &Pass, tans: &[f64]) -> Self {
        let mut rows = [V::zero(); ROWS];
        for (t, &index) in rows.iter_mut().zip(&p.row_tans) {
            *t = V::splat(-tans[index as usize]);
        }
        let [a, b] = p.lane_tans;
        let (a, b) = (V::splat(tans[a as usize]), V::splat(tans[b as usize]));
        Self { rows, lanes: [a.mul(V::quad(&[1.0, -1.0, 1.0, -1.0])), b.mul(V::quad(&[1.0, 1.0, -1.0, -1.0]))] }
    }

    #[inline(always)]
    pub(super) fn rotate<const SIZE: usize, const LANES: bool>(&self, r: &mut [V; SIZE]) {
        if LANES {
            for v in r.iter_mut() {
                *v = v.flip1().mul_add(self.lanes[0], *v);
                *v = v.flip2().mul_add(self.lanes[1], *v);
            }
        }
        for (bit, &t) in self.rows.iter().enumerate() {
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
}

impl<V: Rows, const ROWS: usize> Tangents<V, ROWS> {
    /// Adds what turns with these numbers as rates, lanes among them, make of `from` to `to`.
    #[inline(always)]
    pub(super) fn add<const SIZE: usize>(&self, from: &[V; SIZE], to: &mut [V; SIZE]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = from.flip1().mul_add(self.lanes[0], *to);
            *to = from.flip2().mul_add(self.lanes[1], *to);
        }
        for (bit, &t) in self.rows.iter().enumerate() {
            for k in 0..SIZE {
                let partner = k | 1 << bit;
                if partner != k {
                    to[k] = from[partner].neg_mul_add(t, to[k]);
                    to[partner] = from[k].mul_add(t, to[partner]);
                }
            }
        }
    }
}

/// `SIZE` is `2^ROWS`. With `AFTER`, the rotations of `next`, on the same qubits, follow the table.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
#[allow(clippy::too_many_arguments, reason = "as its instances")]
fn pass<
    V: Rows,
    const BATCH: bool,
    const ROWS: usize,
    const SIZE: usize,
    const LANES: bool,
    const TABLE: bool,
    const AFTER: bool,
>(
    tile: &mut [Block],
    p: &Pass,
    next: &Pass,
    tans: &[f64],
    table: &[Block],
    ahead: &mut Ahead,
) {
    let turns = Tangents::<V, ROWS>::new::<BATCH, LANES>(p, tans);
    let next = Tangents::<V, ROWS>::new::<BATCH, LANES>(next, tans);
    let mut offsets = [0; SIZE];
    for (row, offset) in offsets.iter_mut().enumerate() {
        for (k, bit) in p.bits.iter().enumerate().take(ROWS) {
            *offset |= (row >> k & 1) << bit;
        }
    }
    let spread = if TABLE { (tile.len() / table.len().max(1)).ilog2() } else { 0 };
    assert!(!TABLE || table.len() << spread == tile.len(), "a table has one entry per block or per some of them");
    for base in Indices::new(tile.len(), 0, offsets[SIZE - 1]) {
        ahead.step(AHEAD);
        let mut kept = [[V::zero(); SIZE]; 2];
        for part in 0..V::PARTS {
            let r = &mut kept[part];
            for k in 0..SIZE {
                // SAFETY: `Indices` yields indices below `tile.len()` with all bits of the last offset 0, and has checked that
                // this offset, which contains all the others, is below `tile.len()` too.
                r[k] = V::load(unsafe { tile.get_unchecked(base | offsets[k]) }, part);
            }
            turns.rotate::<SIZE, LANES>(r);
            if !TABLE {
                for k in 0..SIZE {
                    // SAFETY: as above.
                    r[k].store(unsafe { tile.get_unchecked_mut(base | offsets[k]) }, part);
                }
            }
        }
        if TABLE {
            for k in 0..SIZE {
                // SAFETY: as above; the table has an entry for every block, by the assertion.
                let factor = unsafe { table.get_unchecked((base | offsets[k]) >> spread) };
                let v = V::times([kept[0][k], kept[V::PARTS - 1][k]], factor);
                (kept[0][k], kept[1][k]) = (v[0], v[1]);
            }
            for part in 0..V::PARTS {
                if AFTER {
                    next.rotate::<SIZE, LANES>(&mut kept[part]);
                }
                for k in 0..SIZE {
                    // SAFETY: as above.
                    kept[part][k].store(unsafe { tile.get_unchecked_mut(base | offsets[k]) }, part);
                }
            }
        }
    }
}
