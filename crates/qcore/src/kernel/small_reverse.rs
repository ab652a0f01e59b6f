//! Adjoint differentiation on few qubits: one call goes forward and keeps every layer, one goes back with `bra` in registers.

use super::passes::Tangents;
use super::rows::Rows;
use super::small::{SmallDiagonal, SmallLayer, SmallValues, write_factors};
use super::{Block, LANE_QUBITS, kernel_rows};

/// A layer has so many sums, in groups of four.
pub(crate) const SMALL_SUMS: usize = 20;

/// The place of `Im <bra|P|ket>` among the sums of a layer for a string `P` of one letter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SmallSum {
    X(usize),
    Y(usize),
    Z(usize),
}

impl SmallSum {
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Z(qubit) if qubit < 4 => qubit,
            Self::Y(qubit) if qubit < 4 => 4 + qubit,
            Self::Z(_) => 8,
            Self::Y(_) => 9,
            Self::X(qubit) => 12 + qubit,
        }
    }
}

/// What is read of a layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct SmallRead {
    /// Y and Z on one qubit, and whatever follows.
    pub(crate) any: bool,
    /// X on one qubit.
    pub(crate) flips: bool,
    /// Other strings of Z, by number.
    pub(crate) strings: std::ops::Range<usize>,
}

/// A circuit on a small register with what [`small_forward`] has kept of each layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmallTape<'a> {
    pub(crate) first: &'a SmallLayer,
    pub(crate) rest: &'a [SmallLayer],
    /// The states behind the rotations of the layers, one after the other.
    pub(crate) stored: &'a [Block],
    pub(crate) tables: &'a [Block],
    pub(crate) tans: &'a [f64],
}

/// What is read of every layer, from layer `from` on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmallAsked<'a> {
    pub(crate) layers: &'a [SmallRead],
    pub(crate) from: usize,
    /// The other strings of Z, one after the other: what each multiplies the amplitudes with.
    pub(crate) strings: &'a [[f64; 4]],
}

kernel_rows! {
    /// Runs layers from `start |0...0>`, and stores the state behind the rotations of each and the table of its diagonal operator; tables
    /// that are made beforehand are there already.
    small_forward(state: &mut [Block], first: &SmallLayer, rest: &[SmallLayer], values: SmallValues<'_>, stored: &mut [Block], tables: &mut [Block]) = forward_generic
}

kernel_rows! {
    /// Goes back through all layers from `bra`. Writes [`SMALL_SUMS`] for each layer that is read, then the sums of the other strings of
    /// all layers.
    small_backward(bra: &[Block], tape: SmallTape<'_>, asked: SmallAsked<'_>, sums: &mut [f64]) = backward_generic
}

#[inline(always)]
fn forward_generic<V: Rows>(
    state: &mut [Block],
    first: &SmallLayer,
    rest: &[SmallLayer],
    values: SmallValues<'_>,
    stored: &mut [Block],
    tables: &mut [Block],
) {
    match state.len() {
        1 => forward::<V, 0, 1>(state, first, rest, values, stored, tables),
        2 => forward::<V, 1, 2>(state, first, rest, values, stored, tables),
        4 => forward::<V, 2, 4>(state, first, rest, values, stored, tables),
        8 => forward::<V, 3, 8>(state, first, rest, values, stored, tables),
        _ => unreachable!("a small register has up to eight blocks"),
    }
}

#[inline(always)]
fn backward_generic<V: Rows>(bra: &[Block], tape: SmallTape<'_>, asked: SmallAsked<'_>, sums: &mut [f64]) {
    match bra.len() {
        1 => backward::<V, 0, 1>(bra, tape, asked, sums),
        2 => backward::<V, 1, 2>(bra, tape, asked, sums),
        4 => backward::<V, 2, 4>(bra, tape, asked, sums),
        8 => backward::<V, 3, 8>(bra, tape, asked, sums),
        _ => unreachable!("a small register has up to eight blocks"),
    }
}

/// `BLOCKS` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn forward<V: Rows, const ROWS: usize, const BLOCKS: usize>(
    state: &mut [Block],
    first: &SmallLayer,
    rest: &[SmallLayer],
    values: SmallValues<'_>,
    stored: &mut [Block],
    tables: &mut [Block],
) {
    let (stored, tables) = (stored.as_chunks_mut::<BLOCKS>().0, tables.as_chunks_mut::<BLOCKS>().0);
    assert!(stored.len() > rest.len() && tables.len() > rest.len(), "room for every layer");
    let mut origin = Block::default();
    (origin.re[0], origin.im[0]) = (values.start.re[0], values.start.im[0]);
    let mut kept = [[V::zero(); BLOCKS]; 2];
    for part in 0..V::PARTS {
        kept[part][0] = V::load(&origin, part);
    }
    for ((layer, stored), table) in std::iter::once(first).chain(rest).zip(stored).zip(tables) {
        let turns = Tangents::<V, ROWS>::new::<false, true>(&layer.pass, values.tans);
        for part in 0..V::PARTS {
            turns.rotate::<BLOCKS, true>(&mut kept[part]);
            for k in 0..BLOCKS {
                kept[part][k].store(&mut stored[k], part);
            }
        }
        if let SmallDiagonal::Factors { lanes, rows, signs } = layer.diagonal {
            let start = layer.start(values.scales);
            write_factors::<V, ROWS, BLOCKS>(table, start, (lanes, rows, signs), values.values);
        }
        for k in 0..BLOCKS {
            let v = V::times([kept[0][k], kept[V::PARTS - 1][k]], &table[k]);
            (kept[0][k], kept[1][k]) = (v[0], v[1]);
        }
    }
    for part in 0..V::PARTS {
        for k in 0..BLOCKS {
            kept[part][k].store(&mut state[k], part);
        }
    }
}

/// `BLOCKS` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn backward<V: Rows, const ROWS: usize, const BLOCKS: usize>(
    bra: &[Block],
    tape: SmallTape<'_>,
    asked: SmallAsked<'_>,
    sums: &mut [f64],
) {
    let count = 1 + tape.rest.len();
    let (stored, tables) =
        (&tape.stored.as_chunks::<BLOCKS>().0[..count], &tape.tables.as_chunks::<BLOCKS>().0[..count]);
    let (of_layers, of_strings) = sums.split_at_mut(count * SMALL_SUMS);
    let of_layers = &mut of_layers.as_chunks_mut::<4>().0.as_chunks_mut::<{ SMALL_SUMS / 4 }>().0[..count];
    let reads = &asked.layers[..count];
    let strings = asked.strings.as_chunks::<BLOCKS>().0;
    let mut kept = [[V::zero(); BLOCKS]; 2];
    for part in 0..V::PARTS {
        for k in 0..BLOCKS {
            kept[part][k] = V::load(&bra[k], part);
        }
    }
    for index in (asked.from..count).rev() {
        for k in 0..BLOCKS {
            let v = V::times_conj([kept[0][k], kept[V::PARTS - 1][k]], &tables[index][k]);
            (kept[0][k], kept[1][k]) = (v[0], v[1]);
        }
        let read = &reads[index];
        if read.any {
            let mut ket = [[V::zero(); BLOCKS]; 2];
            for part in 0..V::PARTS {
                for k in 0..BLOCKS {
                    ket[part][k] = V::load(&stored[index][k], part);
                }
            }
            let mut cross = [V::zero(); BLOCKS];
            for k in 0..BLOCKS {
                cross[k] = V::cross(block::<V, BLOCKS>(&kept, k), block::<V, BLOCKS>(&ket, k));
            }
            if read.flips {
                let [.., low, high] = &mut of_layers[index];
                flips::<V, ROWS, BLOCKS>(&kept, &ket, low, high);
            }
            for string in read.strings.clone() {
                of_strings[string] = string_sum(&cross, &strings[string]);
            }
            let y = y_sums::<V, ROWS, BLOCKS>(&kept, &ket);
            write_letters::<V, ROWS>(z_sums::<V, ROWS, BLOCKS>(cross), y, &mut of_layers[index]);
        }
        if index > asked.from {
            let layer = index.checked_sub(1).map_or(tape.first, |rest| &tape.rest[rest]);
            let turns = Tangents::<V, ROWS>::inverse(&layer.pass, tape.tans);
            for part in 0..V::PARTS {
                turns.rotate::<BLOCKS, true>(&mut kept[part]);
            }
        }
    }
}

/// The parts of a block of a state in registers.
#[inline(always)]
pub(super) fn block<V: Rows, const BLOCKS: usize>(state: &[[V; BLOCKS]; 2], k: usize) -> [V; 2] {
    [state[0][k], state[V::PARTS - 1][k]]
}

/// What the sum of `cross` with these weights is.
#[inline(always)]
pub(super) fn string_sum<V: Rows, const BLOCKS: usize>(cross: &[V; BLOCKS], weights: &[[f64; 4]; BLOCKS]) -> f64 {
    let mut sum = V::zero();
    for (cross, weights) in cross.iter().zip(weights) {
        sum = cross.mul_add(V::quad(weights), sum);
    }
    let [a, b, c, d] = sum.cross_lanes();
    (a + b) + (c + d)
}

/// Vectors that add up to the matrix elements of `Z` on each qubit, lanes first; `cross` is `Im(conj(bra) ket)`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
pub(super) fn z_sums<V: Rows, const ROWS: usize, const BLOCKS: usize>(mut cross: [V; BLOCKS]) -> [V; 5] {
    // Rows beyond the register keep zeros.
    let mut sums = [V::zero(); 5];
    for bit in (0..ROWS).rev() {
        let half = 1 << bit;
        for k in 0..BLOCKS {
            if k < half {
                let sum = &mut sums[LANE_QUBITS + bit];
                *sum = sum.add(cross[k].sub(cross[k | half]));
                cross[k] = cross[k].add(cross[k | half]);
            }
        }
    }
    sums[0] = cross[0].mul(V::quad(&[1.0, -1.0, 1.0, -1.0]));
    sums[1] = cross[0].mul(V::quad(&[1.0, 1.0, -1.0, -1.0]));
    sums
}

/// Vectors that add up to the matrix elements of `Y` on each qubit, lanes first.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "as above")]
pub(super) fn y_sums<V: Rows, const ROWS: usize, const BLOCKS: usize>(
    bra: &[[V; BLOCKS]; 2],
    ket: &[[V; BLOCKS]; 2],
) -> [V; 5] {
    let mut lanes = [[V::zero(); 2]; 2];
    let mut sums = [V::zero(); 5];
    for part in 0..V::PARTS {
        let (b, c) = (&bra[part], &ket[part]);
        for k in 0..BLOCKS {
            lanes[0][k & 1] = c[k].flip1().mul_add(b[k], lanes[0][k & 1]);
            lanes[1][k & 1] = c[k].flip2().mul_add(b[k], lanes[1][k & 1]);
        }
        for bit in 0..ROWS {
            // Two chains of additions, so that their latencies overlap.
            let (mut up, mut down) = (V::zero(), sums[LANE_QUBITS + bit]);
            for k in 0..BLOCKS {
                let partner = k | 1 << bit;
                if partner != k {
                    up = b[partner].mul_add(c[k], up);
                    down = b[k].neg_mul_add(c[partner], down);
                }
            }
            sums[LANE_QUBITS + bit] = up.add(down);
        }
    }
    let signs = [V::quad(&[-1.0, 1.0, -1.0, 1.0]), V::quad(&[-1.0, -1.0, 1.0, 1.0])];
    for lane in 0..LANE_QUBITS {
        sums[lane] = lanes[lane][0].add(lanes[lane][1]).mul(signs[lane]);
    }
    sums
}

/// Adds up the vectors of `Z` and `Y`.
#[inline(always)]
pub(super) fn write_letters<V: Rows, const ROWS: usize>(z: [V; 5], y: [V; 5], out: &mut [[f64; 4]; SMALL_SUMS / 4]) {
    let [all_z, all_y, last, ..] = out;
    V::both_totals([z[0], z[1], z[2], z[3]], [y[0], y[1], y[2], y[3]], [all_z, all_y]);
    if ROWS > 2 {
        V::totals([z[4], y[4], V::zero(), V::zero()], [true, false, false, false], last);
    }
}

/// Writes the sums for `X` on one qubit.
#[inline(always)]
fn flips<V: Rows, const ROWS: usize, const BLOCKS: usize>(
    bra: &[[V; BLOCKS]; 2],
    ket: &[[V; BLOCKS]; 2],
    low: &mut [f64; 4],
    high: &mut [f64; 4],
) {
    let mut sums = [V::zero(); LANE_QUBITS + 3];
    for k in 0..BLOCKS {
        let (b, [re, im]) = (block::<V, BLOCKS>(bra, k), block::<V, BLOCKS>(ket, k));
        sums[0] = sums[0].add(V::cross(b, [re.flip1(), im.flip1()]));
        sums[1] = sums[1].add(V::cross(b, [re.flip2(), im.flip2()]));
        for bit in 0..ROWS {
            let sum = &mut sums[LANE_QUBITS + bit];
            *sum = sum.add(V::cross(b, block::<V, BLOCKS>(ket, k ^ 1 << bit)));
        }
    }
    V::totals([sums[0], sums[1], sums[2], sums[3]], [true; 4], low);
    if ROWS > 2 {
        V::totals([sums[4], V::zero(), V::zero(), V::zero()], [true; 4], high);
    }
}
