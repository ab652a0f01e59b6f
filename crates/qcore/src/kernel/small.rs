//! Circuits on few qubits: all layers in one call, the state in registers from the first to the last.

use super::diagonal::{Diagonal, Quad, Values};
use super::passes::{Pass, Tangents};
use super::rows::Rows;
use super::{Block, kernel_rows};

/// Registers of up to so many qubits are small.
pub(crate) const SMALL_QUBITS: usize = 5;

/// Real rotations and a diagonal operator on a small register.
#[derive(Clone, Debug)]
pub(crate) struct SmallLayer {
    /// Rotations of all qubits; the tangent is 0 where there is none.
    pub(crate) pass: Pass,
    pub(crate) diagonal: SmallDiagonal,
    /// Index of the product of the cosines.
    pub(crate) scale: Option<usize>,
}

impl SmallLayer {
    /// What its table begins with.
    #[inline(always)]
    pub(super) fn start(&self, scales: &[f64]) -> Quad {
        self.scale.map_or(Quad::ONE, |scale| Quad { re: [scales[scale]; 4], im: [0.0; 4] })
    }
}

/// A diagonal operator on a small register.
#[derive(Clone, Debug)]
pub(crate) enum SmallDiagonal {
    /// A factor per qubit, by index, and a sign per amplitude: bit `k` is 1 if that of amplitude `k` is -1.
    Factors { lanes: [u32; 2], rows: [u32; 3], signs: u32 },
    /// A table that is made beforehand, by index.
    Table(usize),
}

impl SmallDiagonal {
    /// `None` if there are other factors. `minus_one` is the index of -1.
    pub(crate) fn new(diagonal: &Diagonal, minus_one: u32) -> Option<Self> {
        let Diagonal { outer_terms, lane_factors, lane_terms, doublings, parities } = diagonal;
        let mut rows = [minus_one; 3];
        let mut terms = lane_terms.iter().chain(doublings.iter().flat_map(|doubling| doubling.all_terms()));
        if doublings.len() > rows.len()
            || !outer_terms.is_empty()
            || !parities.is_empty()
            || !terms.all(|term| term.value == minus_one && term.outer == 0)
        {
            return None;
        }
        let mut signs = 0;
        for amplitude in 0..4_usize << doublings.len() {
            let (lane, block) = (amplitude & 3, amplitude >> 2);
            let mut negative = lane_terms.iter().filter(|term| lane & term.lanes == term.lanes).count();
            for (bit, doubling) in doublings.iter().enumerate().filter(|(bit, _)| block >> bit & 1 == 1) {
                rows[bit] = doubling.factor;
                negative += usize::from(doubling.signs[lane] < 0.0);
                let set = |term: &&super::diagonal::Term| {
                    lane & term.lanes == term.lanes && block & term.blocks == term.blocks
                };
                negative += doubling.all_terms().filter(set).count();
            }
            signs |= ((negative & 1) as u32) << amplitude;
        }
        Some(Self::Factors { lanes: *lane_factors, rows, signs })
    }
}

/// What the layers of a small register take their numbers from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmallValues<'a> {
    pub(crate) tans: &'a [f64],
    pub(crate) values: Values<'a>,
    pub(crate) scales: &'a [f64],
    /// The global phase times the scale of the first layer.
    pub(crate) start: Quad,
    /// The tables that were made beforehand, one after the other; that of the first layer includes `start`.
    pub(crate) tables: &'a [Block],
}

kernel_rows! {
    /// Runs layers from `|0...0>`: the first one as a product state whose factors are those of its diagonal operator.
    run_small(state: &mut [Block], layers: &[SmallLayer], values: SmallValues<'_>) = small_generic
}

#[inline(always)]
fn small_generic<V: Rows>(state: &mut [Block], layers: &[SmallLayer], values: SmallValues<'_>) {
    match state.len() {
        1 => layers_generic::<V, 0, 1>(state, layers, values),
        2 => layers_generic::<V, 1, 2>(state, layers, values),
        4 => layers_generic::<V, 2, 4>(state, layers, values),
        8 => layers_generic::<V, 3, 8>(state, layers, values),
        _ => unreachable!("a small register has up to eight blocks"),
    }
}

/// Signs of four lanes.
const SIGNS: [[f64; 4]; 16] = {
    let mut signs = [[1.0; 4]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut lane = 0;
        while lane < 4 {
            if bits >> lane & 1 == 1 {
                signs[bits][lane] = -1.0;
            }
            lane += 1;
        }
        bits += 1;
    }
    signs
};

/// Writes the table of [`SmallDiagonal::Factors`], given as its fields, times `start`; `BLOCKS` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
pub(super) fn write_factors<V: Rows, const ROWS: usize, const BLOCKS: usize>(
    table: &mut [Block; BLOCKS],
    start: Quad,
    (lanes, rows, signs): ([u32; 2], [u32; 3], u32),
    values: Values<'_>,
) {
    // In registers from the first entry on: a block that is stored in two halves and loaded whole waits for the cache.
    let mut own = [V::complex(start.re[0], start.im[0]); BLOCKS];
    for (lane, factor) in lanes.into_iter().enumerate() {
        let turned = V::times_scalar(own[0], values.single(factor));
        let (here, elsewhere) = (V::quad(&LANES[lane][0]), V::quad(&LANES[lane][1]));
        for part in 0..V::PARTS {
            own[0][part] = turned[part].mul_add(here, own[0][part].mul(elsewhere));
        }
    }
    for row in 0..ROWS {
        let factor = values.single(rows[row]);
        for k in 0..BLOCKS {
            if k < 1 << row {
                own[k | 1 << row] = V::times_scalar(own[k], factor);
            }
        }
    }
    for k in 0..BLOCKS {
        let sign = V::quad(&SIGNS[(signs >> (4 * k) & 15) as usize]);
        for part in 0..V::PARTS {
            own[k][part].mul(sign).store(&mut table[k], part);
        }
    }
}

/// The lanes in which each lane qubit is 1, and the others.
const LANES: [[[f64; 4]; 2]; 2] =
    [[[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]]];

/// `BLOCKS` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn layers_generic<V: Rows, const ROWS: usize, const BLOCKS: usize>(
    state: &mut [Block],
    layers: &[SmallLayer],
    values: SmallValues<'_>,
) {
    let mut own = [Block::default(); BLOCKS];
    let mut kept = [[V::zero(); BLOCKS]; 2];
    for (index, layer) in layers.iter().enumerate() {
        let table: &[Block; BLOCKS] = match layer.diagonal {
            SmallDiagonal::Table(table) => &values.tables.as_chunks::<BLOCKS>().0[table],
            SmallDiagonal::Factors { lanes, rows, signs } => {
                let start = if index == 0 { values.start } else { layer.start(values.scales) };
                write_factors::<V, ROWS, BLOCKS>(&mut own, start, (lanes, rows, signs), values.values);
                &own
            }
        };
        if index == 0 {
            for part in 0..V::PARTS {
                for k in 0..BLOCKS {
                    kept[part][k] = V::load(&table[k], part);
                }
            }
            continue;
        }
        let turns = Tangents::<V, ROWS>::new::<false, true>(&layer.pass, values.tans);
        for part in 0..V::PARTS {
            turns.rotate::<BLOCKS, true>(&mut kept[part]);
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
