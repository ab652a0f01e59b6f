//! Tangents of states: what sums of generators do to a state, added to another one.
//!
//! Between the rotations and the diagonal operator of a layer, the angles of the rotations generate `K = sum_q r_q (-i Y_q / 2)`, a real
//! matrix, and those of the diagonal operator `-i g` with a real number `g` per amplitude.

use super::adjoint::{Tangents, offsets};
use super::passes::Pass;
use super::rows::Rows;
use super::{Block, Indices, kernel_rows};

kernel_rows! {
    /// Adds `sum_q r_q (-i Y_q / 2) from` over the qubits of some passes to `to`; `halves` has `r / 2` at the index of each tangent.
    add_turns(to: &mut [Block], from: &[Block], passes: &[Pass], halves: &[f64]) = turns_generic
}

kernel_rows! {
    /// Writes `table (tangent - i g state)` to `to`; without `g`, `table tangent`.
    multiply_tangent(to: &mut [Block], tangent: &[Block], state: &[Block], g: &[[f64; 4]], table: &[Block]) = multiply_generic
}

kernel_rows! {
    /// Adds `i g state` to `to`.
    add_phases(to: &mut [Block], state: &[Block], g: &[[f64; 4]]) = phases_generic
}

kernel_rows! {
    /// `Re <bra|(i g^3) ket - 3 g^2 tangent> + 3 Re <rate| -g^2 ket - 2 i g tangent>`: what a diagonal operator adds to half a third derivative.
    third_of_phases(bra: &[Block], rate: &[Block], ket: &[Block], tangent: &[Block], g: &[[f64; 4]]) -> f64 = third_generic
}

#[inline(always)]
fn turns_generic<V: Rows>(to: &mut [Block], from: &[Block], passes: &[Pass], halves: &[f64]) {
    for pass in passes {
        match (pass.rows, pass.lanes) {
            (0, _) => turns::<V, 0, 1, true>(to, from, pass, halves),
            (1, false) => turns::<V, 1, 2, false>(to, from, pass, halves),
            (2, false) => turns::<V, 2, 4, false>(to, from, pass, halves),
            (_, false) => turns::<V, 3, 8, false>(to, from, pass, halves),
            (1, true) => turns::<V, 1, 2, true>(to, from, pass, halves),
            (2, true) => turns::<V, 2, 4, true>(to, from, pass, halves),
            (_, true) => turns::<V, 3, 8, true>(to, from, pass, halves),
        }
    }
}

/// `SIZE` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn turns<V: Rows, const ROWS: usize, const SIZE: usize, const LANES: bool>(
    to: &mut [Block],
    from: &[Block],
    pass: &Pass,
    halves: &[f64],
) {
    let rates = Tangents::<V, ROWS>::new(pass, halves);
    let offsets = offsets::<ROWS, SIZE>(&pass.bits);
    assert!(from.len() == to.len(), "two tiles of one size");
    for base in Indices::new(to.len(), 0, offsets[SIZE - 1]) {
        for part in 0..V::PARTS {
            let (mut source, mut sum) = ([V::zero(); SIZE], [V::zero(); SIZE]);
            for k in 0..SIZE {
                // SAFETY: `Indices` yields indices below the common length with all bits of the last offset 0, and has checked that this
                // offset, which contains all the others, is below that length too.
                let (a, b) = unsafe { (from.get_unchecked(base | offsets[k]), to.get_unchecked(base | offsets[k])) };
                (source[k], sum[k]) = (V::load(a, part), V::load(b, part));
                if LANES {
                    sum[k] = source[k].flip1().mul_add(rates.lane0, sum[k]);
                    sum[k] = source[k].flip2().mul_add(rates.lane1, sum[k]);
                }
            }
            for (bit, &half) in rates.rows.iter().enumerate() {
                for k in 0..SIZE {
                    let partner = k | 1 << bit;
                    if partner != k {
                        sum[k] = source[partner].neg_mul_add(half, sum[k]);
                        sum[partner] = source[k].mul_add(half, sum[partner]);
                    }
                }
            }
            for k in 0..SIZE {
                // SAFETY: as above.
                sum[k].store(unsafe { to.get_unchecked_mut(base | offsets[k]) }, part);
            }
        }
    }
}

#[inline(always)]
fn load<V: Rows>(block: &Block) -> [V; 2] {
    [V::load(block, 0), V::load(block, V::PARTS - 1)]
}

/// `v + sign i g state`.
#[inline(always)]
fn with_phase<V: Rows>(v: [V; 2], state: &Block, g: &[f64; 4], sign: f64) -> [V; 2] {
    let (turned, g) = (V::times_scalar(load(state), (0.0, sign)), V::quad(g));
    [turned[0].mul_add(g, v[0]), turned[1].mul_add(g, v[1])]
}

#[inline(always)]
fn multiply_generic<V: Rows>(to: &mut [Block], tangent: &[Block], state: &[Block], g: &[[f64; 4]], table: &[Block]) {
    let mut g = g.iter();
    for (((to, tangent), state), factor) in to.iter_mut().zip(tangent).zip(state).zip(table) {
        let mut v = load::<V>(tangent);
        if let Some(g) = g.next() {
            v = with_phase(v, state, g, -1.0);
        }
        let v = V::times(v, factor);
        for (part, &v) in v.iter().enumerate().take(V::PARTS) {
            v.store(to, part);
        }
    }
}

#[inline(always)]
fn phases_generic<V: Rows>(to: &mut [Block], state: &[Block], g: &[[f64; 4]]) {
    for ((to, state), g) in to.iter_mut().zip(state).zip(g) {
        let v = with_phase(load::<V>(to), state, g, 1.0);
        for (part, &v) in v.iter().enumerate().take(V::PARTS) {
            v.store(to, part);
        }
    }
}

#[inline(always)]
fn third_generic<V: Rows>(bra: &[Block], rate: &[Block], ket: &[Block], tangent: &[Block], g: &[[f64; 4]]) -> f64 {
    // Im(conj(a) b) and Re(conj(a) b) are kept apart: their lanes are added up differently.
    let (mut crosses, mut products) = (V::zero(), V::zero());
    let states = bra.iter().zip(rate).zip(ket).zip(tangent);
    for ((((bra, rate), ket), tangent), g) in states.zip(g) {
        let (bra, rate, ket, tangent) = (load::<V>(bra), load::<V>(rate), load::<V>(ket), load::<V>(tangent));
        let g = V::quad(g);
        let square = g.mul(g);
        let of_bra = V::cross(bra, ket).mul(square);
        let of_rate = V::cross(rate, tangent).mul(V::splat(6.0));
        crosses = of_rate.sub(of_bra).mul_add(g, crosses);
        for part in 0..V::PARTS {
            let sum = bra[part].mul_add(tangent[part], rate[part].mul(ket[part]));
            products = sum.mul_add(square, products);
        }
    }
    let total = |lanes: [f64; 4]| (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    total(crosses.cross_lanes()) - 3.0 * total(products.part_lanes())
}
