//! Passes of adjoint differentiation: a diagonal operator undone, matrix elements read, rotations undone.
//!
//! With `bra` and `ket` between the rotations and the diagonal operator of a layer, `Im <bra|Y_q|ket>` is the sum of
//! `bra_1 ket_0 - bra_0 ket_1` over real numbers, and every `Im <bra|Z..Z|ket>` is a signed sum of `Im(conj(bra) ket)`, of which
//! those for all single qubits are made by folding.

use super::passes::Pass;
use super::rows::Rows;
use super::{Block, Indices, LANE_QUBITS, kernel_rows};

/// What a pass does to the two states besides reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undo {
    /// Rotates neither.
    Nothing,
    /// Rotates `bra`, and multiplies it alone with the conjugate of the table: `ket` was stored.
    Bra,
    /// Both take everything.
    Both,
}

/// `Im <bra|Y|ket>` for the qubits of a pass: its rows, then the lanes.
pub(crate) type PassSums = [f64; 5];

kernel_rows! {
    /// Multiplies by the conjugate of a table (if there is one), reads the matrix elements of the qubits of `pass`, and undoes the
    /// rotations; `tans` are the tangents of the inverse rotations, and with a table `lanes` belong to the pass. If `folds` is
    /// not empty, it gets `Im(conj(bra) ket)` summed over the rows of the pass and `rows` the signed sums for these; it has one
    /// block for each `2^rows` blocks of the tile.
    adjoint_pass(bra: &mut [Block], ket: &mut [Block], pass: &Pass, tans: &[f64], table: Option<&[Block]>, undo: Undo, folds: &mut [Block], rows: &mut [[f64; 4]; 3]) -> PassSums = adjoint_generic
}

kernel_rows! {
    /// From the sums of [`adjoint_pass`]: writes the signed sums per lane for each bit of the index of `folds`, the lowest first, and returns the sum of
    /// all.
    fold_all(folds: &mut [Block], out: &mut [[f64; 4]]) -> [f64; 4] = fold_generic
}

kernel_rows! {
    /// Writes `from` times a table, with the rotations of a pass, to `tile`.
    apply_first_pass(tile: &mut [Block], from: &[Block], table: &[Block], pass: &Pass, tans: &[f64]) = first_generic
}

kernel_rows! {
    /// Multiplies a tile by the conjugate of a table, where one is given, and applies passes; `tans` are the tangents of the
    /// inverse rotations.
    undo_passes(tile: &mut [Block], passes: &[Pass], tans: &[f64], table: Option<&[Block]>) = undo_generic
}

kernel_rows! {
    /// Writes `from` times a table to `tile`.
    multiply_into(tile: &mut [Block], from: &[Block], table: &[Block]) = multiply_generic
}

#[inline(always)]
fn multiply_generic<V: Rows>(tile: &mut [Block], from: &[Block], table: &[Block]) {
    for ((to, from), factor) in tile.iter_mut().zip(from).zip(table) {
        let v = V::times([V::load(from, 0), V::load(from, V::PARTS - 1)], factor);
        for (part, &v) in v.iter().enumerate().take(V::PARTS) {
            v.store(to, part);
        }
    }
}

/// The offsets of the rows of a pass.
#[inline(always)]
pub(super) fn offsets<const ROWS: usize, const SIZE: usize>(bits: &[u32; 3]) -> [usize; SIZE] {
    let mut offsets = [0; SIZE];
    for (row, offset) in offsets.iter_mut().enumerate() {
        for (k, bit) in bits.iter().enumerate().take(ROWS) {
            *offset |= (row >> k & 1) << bit;
        }
    }
    offsets
}

/// The tangents of a pass, as vectors.
#[derive(Clone, Copy)]
pub(super) struct Tangents<V, const ROWS: usize> {
    pub(super) rows: [V; ROWS],
    pub(super) lane0: V,
    pub(super) lane1: V,
}

impl<V: Rows, const ROWS: usize> Tangents<V, ROWS> {
    #[inline(always)]
    pub(super) fn new(pass: &Pass, tans: &[f64]) -> Self {
        let mut rows = [V::zero(); ROWS];
        for (t, &index) in rows.iter_mut().zip(&pass.row_tans) {
            *t = V::splat(tans[index as usize]);
        }
        let [a, b] = pass.lane_tans.map(|index| tans[index as usize]);
        Self { rows, lane0: V::quad(&[-a, a, -a, a]), lane1: V::quad(&[-b, -b, b, b]) }
    }

    /// Rotates the rows, and the lanes too if they belong to the pass.
    #[inline(always)]
    fn rotate<const SIZE: usize, const LANES: bool>(&self, r: &mut [V; SIZE]) {
        if LANES {
            for v in r.iter_mut() {
                *v = v.flip1().mul_add(self.lane0, *v);
                *v = v.flip2().mul_add(self.lane1, *v);
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

#[inline(always)]
fn undo_generic<V: Rows>(tile: &mut [Block], passes: &[Pass], tans: &[f64], table: Option<&[Block]>) {
    let mut table = table;
    for pass in passes {
        let table = table.take();
        match (pass.rows, pass.lanes || table.is_some(), table) {
            (0, _, None) => undo_pass::<V, 0, 1, true, false>(tile, &[], pass, tans),
            (0, _, Some(table)) => undo_pass::<V, 0, 1, true, true>(tile, table, pass, tans),
            (1, true, None) => undo_pass::<V, 1, 2, true, false>(tile, &[], pass, tans),
            (2, true, None) => undo_pass::<V, 2, 4, true, false>(tile, &[], pass, tans),
            (_, true, None) => undo_pass::<V, 3, 8, true, false>(tile, &[], pass, tans),
            (1, true, Some(table)) => undo_pass::<V, 1, 2, true, true>(tile, table, pass, tans),
            (2, true, Some(table)) => undo_pass::<V, 2, 4, true, true>(tile, table, pass, tans),
            (_, true, Some(table)) => undo_pass::<V, 3, 8, true, true>(tile, table, pass, tans),
            (1, false, _) => undo_pass::<V, 1, 2, false, false>(tile, &[], pass, tans),
            (2, false, _) => undo_pass::<V, 2, 4, false, false>(tile, &[], pass, tans),
            (_, false, _) => undo_pass::<V, 3, 8, false, false>(tile, &[], pass, tans),
        }
    }
    if let Some(table) = table {
        super::passes::conjugate_generic::<V>(tile, table);
    }
}

/// `SIZE` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn undo_pass<V: Rows, const ROWS: usize, const SIZE: usize, const LANES: bool, const TABLE: bool>(
    tile: &mut [Block],
    table: &[Block],
    pass: &Pass,
    tans: &[f64],
) {
    let tangents = Tangents::<V, ROWS>::new(pass, tans);
    let offsets = offsets::<ROWS, SIZE>(&pass.bits);
    assert!(!TABLE || table.len() == tile.len(), "a table has one entry per amplitude");
    for base in Indices::new(tile.len(), 0, offsets[SIZE - 1]) {
        let mut r = [[V::zero(); SIZE]; 2];
        for k in 0..SIZE {
            // SAFETY: `Indices` yields indices below the length with all bits of the last offset 0, and has checked that this offset,
            // which contains all the others, is below the length too.
            let block = unsafe { tile.get_unchecked(base | offsets[k]) };
            let mut v = [V::load(block, 0), V::load(block, V::PARTS - 1)];
            if TABLE {
                // SAFETY: as above; the table is as long.
                v = V::times_conj(v, unsafe { table.get_unchecked(base | offsets[k]) });
            }
            (r[0][k], r[1][k]) = (v[0], v[1]);
        }
        for (part, r) in r.iter_mut().enumerate().take(V::PARTS) {
            tangents.rotate::<SIZE, LANES>(r);
            for k in 0..SIZE {
                // SAFETY: as above.
                r[k].store(unsafe { tile.get_unchecked_mut(base | offsets[k]) }, part);
            }
        }
    }
}

#[inline(always)]
fn first_generic<V: Rows>(tile: &mut [Block], from: &[Block], table: &[Block], pass: &Pass, tans: &[f64]) {
    match (pass.rows, pass.lanes) {
        (0, _) => first::<V, 0, 1, true>(tile, from, table, pass, tans),
        (1, true) => first::<V, 1, 2, true>(tile, from, table, pass, tans),
        (2, true) => first::<V, 2, 4, true>(tile, from, table, pass, tans),
        (_, true) => first::<V, 3, 8, true>(tile, from, table, pass, tans),
        (1, false) => first::<V, 1, 2, false>(tile, from, table, pass, tans),
        (2, false) => first::<V, 2, 4, false>(tile, from, table, pass, tans),
        (_, false) => first::<V, 3, 8, false>(tile, from, table, pass, tans),
    }
}

/// `SIZE` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn first<V: Rows, const ROWS: usize, const SIZE: usize, const LANES: bool>(
    tile: &mut [Block],
    from: &[Block],
    table: &[Block],
    pass: &Pass,
    tans: &[f64],
) {
    let tangents = Tangents::<V, ROWS>::new(pass, tans);
    let offsets = offsets::<ROWS, SIZE>(&pass.bits);
    assert!(from.len() == tile.len() && table.len() == tile.len(), "a table has one entry per amplitude");
    for base in Indices::new(tile.len(), 0, offsets[SIZE - 1]) {
        let mut r = [[V::zero(); SIZE]; 2];
        for k in 0..SIZE {
            // SAFETY: `Indices` yields indices below the common length with all bits of the last offset 0, and has checked that this
            // offset, which contains all the others, is below that length too.
            let (block, factor) =
                unsafe { (from.get_unchecked(base | offsets[k]), table.get_unchecked(base | offsets[k])) };
            let v = V::times([V::load(block, 0), V::load(block, V::PARTS - 1)], factor);
            (r[0][k], r[1][k]) = (v[0], v[1]);
        }
        for (part, r) in r.iter_mut().enumerate().take(V::PARTS) {
            tangents.rotate::<SIZE, LANES>(r);
            for k in 0..SIZE {
                // SAFETY: as above.
                r[k].store(unsafe { tile.get_unchecked_mut(base | offsets[k]) }, part);
            }
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "as its instances")]
fn adjoint_generic<V: Rows>(
    bra: &mut [Block],
    ket: &mut [Block],
    pass: &Pass,
    tans: &[f64],
    table: Option<&[Block]>,
    undo: Undo,
    folds: &mut [Block],
    rows: &mut [[f64; 4]; 3],
) -> PassSums {
    let pair = Pair { bra, ket, pass, tans, undo, folds, row_folds: rows };
    match (pass.rows, pass.lanes || table.is_some(), table) {
        (0, _, None) => read::<V, 0, 1, true, false>(pair, &[]),
        (0, _, Some(table)) => read::<V, 0, 1, true, true>(pair, table),
        (1, false, _) => read::<V, 1, 2, false, false>(pair, &[]),
        (2, false, _) => read::<V, 2, 4, false, false>(pair, &[]),
        (_, false, _) => read::<V, 3, 8, false, false>(pair, &[]),
        (1, true, None) => read::<V, 1, 2, true, false>(pair, &[]),
        (2, true, None) => read::<V, 2, 4, true, false>(pair, &[]),
        (_, true, None) => read::<V, 3, 8, true, false>(pair, &[]),
        (1, true, Some(table)) => read::<V, 1, 2, true, true>(pair, table),
        (2, true, Some(table)) => read::<V, 2, 4, true, true>(pair, table),
        (_, true, Some(table)) => read::<V, 3, 8, true, true>(pair, table),
    }
}

/// The arguments of [`adjoint_pass`] but for the table.
struct Pair<'a> {
    bra: &'a mut [Block],
    ket: &'a mut [Block],
    pass: &'a Pass,
    tans: &'a [f64],
    undo: Undo,
    folds: &'a mut [Block],
    row_folds: &'a mut [[f64; 4]; 3],
}

/// `SIZE` is `2^ROWS`.
#[inline(always)]
fn read<V: Rows, const ROWS: usize, const SIZE: usize, const LANES: bool, const TABLE: bool>(
    pair: Pair<'_>,
    table: &[Block],
) -> PassSums {
    match (pair.undo, pair.folds.is_empty()) {
        (Undo::Nothing, true) => read_pairs::<V, ROWS, SIZE, LANES, TABLE, false, false, false>(pair, table),
        (Undo::Bra, true) => read_pairs::<V, ROWS, SIZE, LANES, TABLE, true, false, false>(pair, table),
        (Undo::Both, true) => read_pairs::<V, ROWS, SIZE, LANES, TABLE, true, true, false>(pair, table),
        (Undo::Nothing, false) => read_pairs::<V, ROWS, SIZE, LANES, TABLE, false, false, true>(pair, table),
        (Undo::Bra, false) => read_pairs::<V, ROWS, SIZE, LANES, TABLE, true, false, true>(pair, table),
        (Undo::Both, false) => read_pairs::<V, ROWS, SIZE, LANES, TABLE, true, true, true>(pair, table),
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn read_pairs<
    V: Rows,
    const ROWS: usize,
    const SIZE: usize,
    const LANES: bool,
    const TABLE: bool,
    const BRA: bool,
    const KET: bool,
    const FOLD: bool,
>(
    pair: Pair<'_>,
    table: &[Block],
) -> PassSums {
    let Pair { bra, ket, pass, tans, folds, row_folds, .. } = pair;
    let tangents = Tangents::<V, ROWS>::new(pass, tans);
    let offsets = offsets::<ROWS, SIZE>(&pass.bits);
    let len = bra.len();
    assert!(ket.len() == len && (!TABLE || table.len() == len), "two tiles and a table of one size");
    assert!(!FOLD || folds.len() << ROWS == len, "one block of sums per base");
    // Two chains of additions per sum, so that their latencies overlap.
    let mut ups = [[V::zero(); 2]; ROWS];
    let mut lane_sums = [[V::zero(); 2]; 2];
    let mut z_sums = [V::zero(); ROWS];
    for (at, base) in Indices::new(len, 0, offsets[SIZE - 1]).enumerate() {
        let (mut b, mut c) = ([[V::zero(); SIZE]; 2], [[V::zero(); SIZE]; 2]);
        for k in 0..SIZE {
            // SAFETY: `Indices` yields indices below the common length with all bits of the last offset 0, and has checked that this
            // offset, which contains all the others, is below that length too.
            let (of_bra, of_ket) =
                unsafe { (bra.get_unchecked(base | offsets[k]), ket.get_unchecked(base | offsets[k])) };
            let mut v = [V::load(of_bra, 0), V::load(of_bra, V::PARTS - 1)];
            let mut w = [V::load(of_ket, 0), V::load(of_ket, V::PARTS - 1)];
            if TABLE {
                // SAFETY: as above, the table is as long.
                let factor = unsafe { table.get_unchecked(base | offsets[k]) };
                v = V::times_conj(v, factor);
                if KET {
                    w = V::times_conj(w, factor);
                }
            }
            (b[0][k], b[1][k], c[0][k], c[1][k]) = (v[0], v[1], w[0], w[1]);
        }
        if FOLD {
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
            let (b, c) = (&mut b[part], &mut c[part]);
            for k in 0..SIZE {
                if LANES {
                    lane_sums[0][k & 1] = c[k].flip1().mul_add(b[k], lane_sums[0][k & 1]);
                    lane_sums[1][k & 1] = c[k].flip2().mul_add(b[k], lane_sums[1][k & 1]);
                }
            }
            for (bit, sums) in ups.iter_mut().enumerate() {
                for k in 0..SIZE {
                    let partner = k | 1 << bit;
                    if partner != k {
                        sums[0] = b[partner].mul_add(c[k], sums[0]);
                        sums[1] = b[k].mul_add(c[partner], sums[1]);
                    }
                }
            }
            if BRA {
                tangents.rotate::<SIZE, LANES>(b);
            }
            if KET {
                tangents.rotate::<SIZE, LANES>(c);
            }
            for k in 0..SIZE {
                if BRA || TABLE {
                    // SAFETY: as above.
                    b[k].store(unsafe { bra.get_unchecked_mut(base | offsets[k]) }, part);
                }
                if KET {
                    // SAFETY: as above.
                    c[k].store(unsafe { ket.get_unchecked_mut(base | offsets[k]) }, part);
                }
            }
        }
    }
    let mut out = [0.0; 5];
    for (out, sums) in out.iter_mut().zip(&ups) {
        *out = sums[0].sum() - sums[1].sum();
    }
    if LANES {
        let signs = [V::quad(&[-1.0, 1.0, -1.0, 1.0]), V::quad(&[-1.0, -1.0, 1.0, 1.0])];
        for ((out, sums), signs) in out[3..].iter_mut().zip(&lane_sums).zip(signs) {
            *out = sums[0].add(sums[1]).mul(signs).sum();
        }
    }
    if FOLD {
        for (out, sums) in row_folds.iter_mut().zip(z_sums) {
            *out = sums.cross_lanes();
        }
    }
    out
}

#[inline(always)]
fn fold_generic<V: Rows>(folds: &mut [Block], out: &mut [[f64; 4]]) -> [f64; 4] {
    let bits = folds.len().ilog2() as usize;
    assert!(folds.len() == 1 << bits && out.len() >= bits, "one sum per bit");
    for bit in (0..bits).rev() {
        let (low, high) = folds.split_at_mut(1 << bit);
        let mut sums = [V::zero(); 2];
        for (k, (low, high)) in low.iter_mut().zip(high).enumerate() {
            let (a, b) = (V::load(low, 0), V::load(high, 0));
            sums[k & 1] = sums[k & 1].add(a.sub(b));
            a.add(b).store(low, 0);
        }
        out[bit] = sums[0].add(sums[1]).cross_lanes();
    }
    V::load(&folds[0], 0).cross_lanes()
}

/// The sum of four lanes, each with `(-1)` to the bits that it shares with `mask`.
pub(crate) fn signed_lanes(lanes: [f64; 4], mask: usize) -> f64 {
    debug_assert!(mask < 1 << LANE_QUBITS);
    let sign = |lane: usize| super::parity_sign(lane & mask);
    (lanes[0] + sign(1) * lanes[1]) + (sign(2) * lanes[2] + sign(3) * lanes[3])
}
