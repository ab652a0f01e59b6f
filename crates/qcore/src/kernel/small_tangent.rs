//! Second derivatives along a direction on few qubits: a state and its tangent in registers from the first layer to the last, and back.
//!
//! Here and wherever a kernel holds vectors, arrays are not mapped by closures: what the library does for that is a function without the
//! features of the level, and every operation in it becomes a call.

use super::passes::Tangents;
use super::rows::Rows;
use super::small::{SmallDiagonal, SmallLayer, SmallValues, write_factors};
use super::small_reverse::{SmallAsked, SmallTape, block, string_sum, write_letters, y_sums, z_sums};
use super::{Block, SMALL_SUMS, kernel_rows};

/// Whether anything of a layer changes along the direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LayerRates {
    /// The angles of its rotations.
    pub(crate) turns: bool,
    /// The angles of its diagonal operator.
    pub(crate) phases: bool,
}

/// How the layers change along the direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmallMotion<'a> {
    pub(crate) layers: &'a [LayerRates],
    /// Half the rate of each turn.
    pub(crate) halves: &'a [f64],
    /// What the diagonal operators add to the phase of each amplitude, layer by layer, where they do.
    pub(crate) phases: &'a [[f64; 4]],
}

/// Where the layers of a state and its tangent are kept.
#[derive(Debug)]
pub(crate) struct SmallKept<'a> {
    pub(crate) states: &'a mut [Block],
    pub(crate) tangents: &'a mut [Block],
    pub(crate) tables: &'a mut [Block],
}

kernel_rows! {
    /// As [`small_forward`](super::small_forward), together with the tangent of the state. What is kept of each layer is behind the turns that
    /// the direction inserts behind its rotations.
    small_tangent_forward(state: &mut [Block], rate: &mut [Block], first: &SmallLayer, rest: &[SmallLayer], values: SmallValues<'_>, motion: SmallMotion<'_>, kept: SmallKept<'_>) = forward_generic
}

kernel_rows! {
    /// As [`small_backward`](super::small_backward) from `bra` and its tangent `rate`: writes sums and, to `changes`, how they change; returns half the third
    /// derivative along the direction if it is wanted.
    small_tangent_backward(bra: [&[Block]; 2], tape: SmallTape<'_>, tangents: &[Block], motion: SmallMotion<'_>, asked: SmallAsked<'_>, third: bool, sums: &mut [f64], changes: &mut [f64]) -> f64 = backward_generic
}

#[inline(always)]
fn forward_generic<V: Rows>(
    state: &mut [Block],
    rate: &mut [Block],
    first: &SmallLayer,
    rest: &[SmallLayer],
    values: SmallValues<'_>,
    motion: SmallMotion<'_>,
    kept: SmallKept<'_>,
) {
    match state.len() {
        1 => forward::<V, 0, 1>(state, rate, first, rest, values, motion, kept),
        2 => forward::<V, 1, 2>(state, rate, first, rest, values, motion, kept),
        4 => forward::<V, 2, 4>(state, rate, first, rest, values, motion, kept),
        8 => forward::<V, 3, 8>(state, rate, first, rest, values, motion, kept),
        _ => unreachable!("a small register has up to eight blocks"),
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "as its instances")]
fn backward_generic<V: Rows>(
    [bra, rate]: [&[Block]; 2],
    tape: SmallTape<'_>,
    tangents: &[Block],
    motion: SmallMotion<'_>,
    asked: SmallAsked<'_>,
    third: bool,
    sums: &mut [f64],
    changes: &mut [f64],
) -> f64 {
    let back = Back { bra, rate, tape, tangents, motion, asked, sums, changes };
    match (bra.len(), third) {
        (1, false) => backward::<V, 0, 1, false>(back),
        (2, false) => backward::<V, 1, 2, false>(back),
        (4, false) => backward::<V, 2, 4, false>(back),
        (8, false) => backward::<V, 3, 8, false>(back),
        (1, true) => backward::<V, 0, 1, true>(back),
        (2, true) => backward::<V, 1, 2, true>(back),
        (4, true) => backward::<V, 2, 4, true>(back),
        (8, true) => backward::<V, 3, 8, true>(back),
        _ => unreachable!("a small register has up to eight blocks"),
    }
}

/// A state in registers.
type Register<V, const BLOCKS: usize> = [[V; BLOCKS]; 2];

#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn load<V: Rows, const BLOCKS: usize>(from: &[Block; BLOCKS]) -> Register<V, BLOCKS> {
    let mut state = [[V::zero(); BLOCKS]; 2];
    for part in 0..V::PARTS {
        for k in 0..BLOCKS {
            state[part][k] = V::load(&from[k], part);
        }
    }
    state
}

#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "as above")]
fn store<V: Rows, const BLOCKS: usize>(state: &Register<V, BLOCKS>, to: &mut [Block; BLOCKS]) {
    for part in 0..V::PARTS {
        for k in 0..BLOCKS {
            state[part][k].store(&mut to[k], part);
        }
    }
}

/// Adds `sign i g from` to `to`.
#[inline(always)]
fn add_phases<V: Rows, const BLOCKS: usize>(
    to: &mut Register<V, BLOCKS>,
    from: &Register<V, BLOCKS>,
    g: &[[f64; 4]; BLOCKS],
    sign: f64,
) {
    for k in 0..BLOCKS {
        let (turned, g) = (V::times_scalar(block::<V, BLOCKS>(from, k), (0.0, sign)), V::quad(&g[k]));
        (to[0][k], to[1][k]) = (turned[0].mul_add(g, to[0][k]), turned[1].mul_add(g, to[1][k]));
    }
}

/// `K state` for the matrix `K` of some turns.
#[inline(always)]
fn turned<V: Rows, const ROWS: usize, const BLOCKS: usize>(
    turns: &Tangents<V, ROWS>,
    state: &Register<V, BLOCKS>,
) -> Register<V, BLOCKS> {
    let mut to = [[V::zero(); BLOCKS]; 2];
    for part in 0..V::PARTS {
        turns.add(&state[part], &mut to[part]);
    }
    to
}

/// `BLOCKS` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "as above")]
fn forward<V: Rows, const ROWS: usize, const BLOCKS: usize>(
    end: &mut [Block],
    end_rate: &mut [Block],
    first: &SmallLayer,
    rest: &[SmallLayer],
    values: SmallValues<'_>,
    motion: SmallMotion<'_>,
    kept: SmallKept<'_>,
) {
    let count = 1 + rest.len();
    let states = &mut kept.states.as_chunks_mut::<BLOCKS>().0[..count];
    let tangents = &mut kept.tangents.as_chunks_mut::<BLOCKS>().0[..count];
    let tables = &mut kept.tables.as_chunks_mut::<BLOCKS>().0[..count];
    let phases = &motion.phases.as_chunks::<BLOCKS>().0[..count];
    let moves = &motion.layers[..count];
    let mut state = [[V::zero(); BLOCKS]; 2];
    let mut rate = state;
    let mut origin = Block::default();
    (origin.re[0], origin.im[0]) = (values.start.re[0], values.start.im[0]);
    for part in 0..V::PARTS {
        state[part][0] = V::load(&origin, part);
    }
    for index in 0..count {
        let layer = index.checked_sub(1).map_or(first, |index| &rest[index]);
        let turns = Tangents::<V, ROWS>::new::<false, true>(&layer.pass, values.tans);
        for part in 0..V::PARTS {
            turns.rotate::<BLOCKS, true>(&mut state[part]);
            turns.rotate::<BLOCKS, true>(&mut rate[part]);
        }
        if moves[index].turns {
            let turns = Tangents::<V, ROWS>::new::<false, true>(&layer.pass, motion.halves);
            for part in 0..V::PARTS {
                turns.add(&state[part], &mut rate[part]);
            }
        }
        store(&state, &mut states[index]);
        store(&rate, &mut tangents[index]);
        let table = &mut tables[index];
        if let SmallDiagonal::Factors { lanes, rows, signs } = layer.diagonal {
            let start = layer.start(values.scales);
            write_factors::<V, ROWS, BLOCKS>(table, start, (lanes, rows, signs), values.values);
        }
        if moves[index].phases {
            add_phases(&mut rate, &state, &phases[index], -1.0);
        }
        for k in 0..BLOCKS {
            let v = V::times(block::<V, BLOCKS>(&state, k), &table[k]);
            (state[0][k], state[1][k]) = (v[0], v[1]);
            let v = V::times(block::<V, BLOCKS>(&rate, k), &table[k]);
            (rate[0][k], rate[1][k]) = (v[0], v[1]);
        }
    }
    if let (Ok(end), Ok(end_rate)) = (end.try_into(), end_rate.try_into()) {
        store(&state, end);
        store(&rate, end_rate);
    }
}

/// The arguments of [`small_tangent_backward`].
struct Back<'a> {
    bra: &'a [Block],
    rate: &'a [Block],
    tape: SmallTape<'a>,
    tangents: &'a [Block],
    motion: SmallMotion<'a>,
    asked: SmallAsked<'a>,
    sums: &'a mut [f64],
    changes: &'a mut [f64],
}

/// `BLOCKS` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "as above")]
fn backward<V: Rows, const ROWS: usize, const BLOCKS: usize, const THIRD: bool>(back: Back<'_>) -> f64 {
    let Back { tape, motion, asked, .. } = back;
    let count = 1 + tape.rest.len();
    let states = &tape.stored.as_chunks::<BLOCKS>().0[..count];
    let tangents = &back.tangents.as_chunks::<BLOCKS>().0[..count];
    let tables = &tape.tables.as_chunks::<BLOCKS>().0[..count];
    let phases = &motion.phases.as_chunks::<BLOCKS>().0[..count];
    let (reads, moves) = (&asked.layers[..count], &motion.layers[..count]);
    let strings = asked.strings.as_chunks::<BLOCKS>().0;
    let (sums, string_sums) = split(back.sums, count);
    let (changes, string_changes) = split(back.changes, count);
    let mut bra = [[V::zero(); BLOCKS]; 2];
    let mut rate = bra;
    if let (Ok(from), Ok(from_rate)) = (back.bra.try_into(), back.rate.try_into()) {
        (bra, rate) = (load(from), load(from_rate));
    }
    // Im(conj(a) b) and Re(conj(a) b) are kept apart: their lanes are added up differently.
    let (mut crosses, mut products) = (V::zero(), V::zero());
    for index in (asked.from..count).rev() {
        for k in 0..BLOCKS {
            let v = V::times_conj(block::<V, BLOCKS>(&bra, k), &tables[index][k]);
            (bra[0][k], bra[1][k]) = (v[0], v[1]);
            let v = V::times_conj(block::<V, BLOCKS>(&rate, k), &tables[index][k]);
            (rate[0][k], rate[1][k]) = (v[0], v[1]);
        }
        let layer = index.checked_sub(1).map_or(tape.first, |rest| &tape.rest[rest]);
        let read = &reads[index];
        if read.any {
            let (ket, tangent) = (load::<V, BLOCKS>(&states[index]), load::<V, BLOCKS>(&tangents[index]));
            if moves[index].phases {
                if THIRD {
                    for k in 0..BLOCKS {
                        let g = V::quad(&phases[index][k]);
                        let square = g.mul(g);
                        let (b, m) = (block::<V, BLOCKS>(&bra, k), block::<V, BLOCKS>(&rate, k));
                        let (c, t) = (block::<V, BLOCKS>(&ket, k), block::<V, BLOCKS>(&tangent, k));
                        let of_bra = V::cross(b, c).mul(square);
                        let of_rate = V::cross(m, t).mul(V::splat(6.0));
                        crosses = of_rate.sub(of_bra).mul_add(g, crosses);
                        for part in 0..V::PARTS {
                            let sum = b[part].mul_add(t[part], m[part].mul(c[part]));
                            products = sum.mul_add(square.mul(V::splat(-3.0)), products);
                        }
                    }
                }
                add_phases(&mut rate, &bra, &phases[index], 1.0);
            }
            let (mut cross, mut change) = ([V::zero(); BLOCKS], [V::zero(); BLOCKS]);
            for k in 0..BLOCKS {
                let (b, m) = (block::<V, BLOCKS>(&bra, k), block::<V, BLOCKS>(&rate, k));
                let (c, t) = (block::<V, BLOCKS>(&ket, k), block::<V, BLOCKS>(&tangent, k));
                cross[k] = V::cross(b, c);
                change[k] = V::cross(m, c).add(V::cross(b, t));
            }
            for string in read.strings.clone() {
                string_sums[string] = string_sum(&cross, &strings[string]);
                string_changes[string] = string_sum(&change, &strings[string]);
            }
            let of_bra = y_sums::<V, ROWS, BLOCKS>(&bra, &ket);
            let mut y_change = y_sums::<V, ROWS, BLOCKS>(&rate, &ket);
            let of_tangent = y_sums::<V, ROWS, BLOCKS>(&bra, &tangent);
            for qubit in 0..y_change.len() {
                y_change[qubit] = y_change[qubit].add(of_tangent[qubit]);
            }
            write_letters::<V, ROWS>(z_sums::<V, ROWS, BLOCKS>(cross), of_bra, &mut sums[index]);
            write_letters::<V, ROWS>(z_sums::<V, ROWS, BLOCKS>(change), y_change, &mut changes[index]);
            if THIRD && moves[index].turns {
                let turns = Tangents::<V, ROWS>::new::<false, true>(&layer.pass, motion.halves);
                let (of_bra, once) = (turned::<V, ROWS, BLOCKS>(&turns, &bra), turned::<V, ROWS, BLOCKS>(&turns, &ket));
                let of_tangent = turned::<V, ROWS, BLOCKS>(&turns, &tangent);
                let twice = turned::<V, ROWS, BLOCKS>(&turns, &once);
                let (two, three, six) = (V::splat(2.0), V::splat(3.0), V::splat(6.0));
                for part in 0..V::PARTS {
                    for k in 0..BLOCKS {
                        let (square, single) = (twice[part][k], of_tangent[part][k]);
                        let with_bra = single.neg_mul_add(three, square.mul(two));
                        let with_rate = square.neg_mul_add(three, single.mul(six));
                        products = of_bra[part][k].mul_add(with_bra, products);
                        products = rate[part][k].mul_add(with_rate, products);
                    }
                }
            }
        }
        if index > asked.from {
            if moves[index].turns {
                let turns = Tangents::<V, ROWS>::inverse(&layer.pass, motion.halves);
                for part in 0..V::PARTS {
                    turns.add(&bra[part], &mut rate[part]);
                }
            }
            let turns = Tangents::<V, ROWS>::inverse(&layer.pass, tape.tans);
            for part in 0..V::PARTS {
                turns.rotate::<BLOCKS, true>(&mut bra[part]);
                turns.rotate::<BLOCKS, true>(&mut rate[part]);
            }
        }
    }
    let mut totals = [0.0; 4];
    V::totals([crosses, products, V::zero(), V::zero()], [true, false, false, false], &mut totals);
    totals[0] + totals[1]
}

/// The sums of the layers, and those of the other strings.
#[inline(always)]
fn split(sums: &mut [f64], count: usize) -> (&mut [[[f64; 4]; SMALL_SUMS / 4]], &mut [f64]) {
    let (of_layers, of_strings) = sums.split_at_mut(count * SMALL_SUMS);
    (of_layers.as_chunks_mut::<4>().0.as_chunks_mut().0, of_strings)
}
