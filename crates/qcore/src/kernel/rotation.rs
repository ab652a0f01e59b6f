//! Pauli rotations, controlled or not: RX, RY, RZ, RXX, CRZ and the like are all one kernel.

use super::lanes::Lanes;
use super::{Block, Indices, high, kernel, low, parity_sign, per_lane};

kernel! {
    /// Applies `cos - i sin P` where all qubits of `controls` are 1, for the Pauli string with masks `x`, `z`.
    ///
    /// `(P psi)[k] = i^{#Y} (-1)^{|z & (k ^ x)|} psi[k ^ x]`, so the string enters as a lane permutation, a partner block and
    /// signs; with an odd number of Y the rotation is real.
    rotate(state: &mut [Block], x: u64, z: u64, controls: u64, cos: f64, sin: f64) = rotate_generic
}

/// What the inner loops need, for a rotation whose phase is already folded into the sine.
struct Rotation<V> {
    cos: V,
    sin: V,
    x: usize,
    z: usize,
    controls: usize,
}

#[inline(always)]
fn rotate_generic<V: Lanes>(state: &mut [Block], x: u64, z: u64, controls: u64, cos: f64, sin: f64) {
    // -i i^{#Y} is -i, 1, i, -1 for 0, 1, 2, 3 letters Y modulo 4: a sign, and whether a factor -i is left.
    let letters_y = (x & z).count_ones() % 4;
    let real = letters_y % 2 == 1;
    let sign = if letters_y >= 2 { -1.0 } else { 1.0 };
    let controlled = |lane: usize| lane & low(controls) == low(controls);
    let cos_lanes = per_lane(|lane| if controlled(lane) { cos } else { 1.0 });
    let sin_lanes =
        per_lane(|lane| if controlled(lane) { sin * sign * parity_sign(low(z) & (lane ^ low(x))) } else { 0.0 });
    let rotation = Rotation {
        cos: V::load(&cos_lanes),
        sin: V::load(&sin_lanes),
        x: high(x),
        z: high(z),
        controls: high(controls),
    };
    match (real, low(x)) {
        (true, 0) => rotate_lanes::<V, true, 0>(state, &rotation),
        (true, 1) => rotate_lanes::<V, true, 1>(state, &rotation),
        (true, 2) => rotate_lanes::<V, true, 2>(state, &rotation),
        (true, _) => rotate_lanes::<V, true, 3>(state, &rotation),
        (false, 0) => rotate_lanes::<V, false, 0>(state, &rotation),
        (false, 1) => rotate_lanes::<V, false, 1>(state, &rotation),
        (false, 2) => rotate_lanes::<V, false, 2>(state, &rotation),
        (false, _) => rotate_lanes::<V, false, 3>(state, &rotation),
    }
}

#[inline(always)]
fn rotate_lanes<V: Lanes, const REAL: bool, const FLIP: usize>(state: &mut [Block], r: &Rotation<V>) {
    match (r.x == 0, r.z == 0) {
        (true, true) => rotate_inside::<V, REAL, FLIP, false>(state, r),
        (true, false) => rotate_inside::<V, REAL, FLIP, true>(state, r),
        (false, true) => rotate_pairs::<V, REAL, FLIP, false>(state, r),
        (false, false) => rotate_pairs::<V, REAL, FLIP, true>(state, r),
    }
}

/// `cos v + sin w` for a real rotation, `cos v - i sin w` otherwise.
#[inline(always)]
fn turn<V: Lanes, const REAL: bool>(v: (V, V), w: (V, V), cos: V, sin: V) -> (V, V) {
    if REAL {
        (w.0.mul_add(sin, v.0.mul(cos)), w.1.mul_add(sin, v.1.mul(cos)))
    } else {
        (w.1.mul_add(sin, v.0.mul(cos)), w.0.neg_mul_add(sin, v.1.mul(cos)))
    }
}

#[inline(always)]
fn load<V: Lanes>(block: &Block) -> (V, V) {
    (V::load(&block.re), V::load(&block.im))
}

#[inline(always)]
fn flip<V: Lanes, const FLIP: usize>(v: (V, V)) -> (V, V) {
    (v.0.flip(FLIP), v.1.flip(FLIP))
}

#[inline(always)]
fn store<V: Lanes>(v: (V, V), block: &mut Block) {
    v.0.store(&mut block.re);
    v.1.store(&mut block.im);
}

/// The string moves no amplitude to another block.
#[inline(always)]
fn rotate_inside<V: Lanes, const REAL: bool, const FLIP: usize, const SIGNED: bool>(
    state: &mut [Block],
    r: &Rotation<V>,
) {
    for index in Indices::new(state.len(), r.controls, 0) {
        // SAFETY: `Indices` yields indices below `state.len()`.
        let block = unsafe { state.get_unchecked_mut(index) };
        let sin = if SIGNED { r.sin.mul(V::splat(parity_sign(r.z & index))) } else { r.sin };
        let v = load::<V>(block);
        store(turn::<V, REAL>(v, flip::<V, FLIP>(v), r.cos, sin), block);
    }
}

/// The string exchanges blocks `i` and `i ^ x`.
#[inline(always)]
fn rotate_pairs<V: Lanes, const REAL: bool, const FLIP: usize, const SIGNED: bool>(
    state: &mut [Block],
    r: &Rotation<V>,
) {
    let top = 1 << r.x.ilog2();
    assert!(r.x < state.len() && r.x & r.controls == 0, "operands lie within the register and are distinct");
    for index in Indices::new(state.len(), r.controls, top) {
        let partner = index ^ r.x;
        let (sin, partner_sin) = if SIGNED {
            (r.sin.mul(V::splat(parity_sign(r.z & partner))), r.sin.mul(V::splat(parity_sign(r.z & index))))
        } else {
            (r.sin, r.sin)
        };
        // SAFETY: `Indices` yields indices below `state.len()`, a power of two above `r.x`, so the partner is below it too.
        let (v, w) = unsafe { (load::<V>(state.get_unchecked(index)), load::<V>(state.get_unchecked(partner))) };
        let new_v = turn::<V, REAL>(v, flip::<V, FLIP>(w), r.cos, sin);
        let new_w = turn::<V, REAL>(w, flip::<V, FLIP>(v), r.cos, partner_sin);
        // SAFETY: as above.
        unsafe {
            store(new_v, state.get_unchecked_mut(index));
            store(new_w, state.get_unchecked_mut(partner));
        }
    }
}
