//! Matrix elements of Pauli strings, and their action added to a state.

use num_complex::Complex64;

use super::lanes::Lanes;
use super::{Block, Indices, high, kernel, low, parity_sign, per_lane};

kernel! {
    /// `<bra| Pi P |ket>`, where `Pi` projects on the basis states with all qubits of `controls` set and `P` is the Pauli
    /// string with masks `x`, `z` (disjoint from `controls`).
    pauli_inner(bra: &[Block], ket: &[Block], x: u64, z: u64, controls: u64) -> Complex64 = inner_generic
}

kernel! {
    /// Adds `factor P |ket>` to `out`.
    pauli_accumulate(out: &mut [Block], ket: &[Block], factor: f64, x: u64, z: u64) = accumulate_generic
}

#[inline(always)]
fn inner_generic<V: Lanes>(bra: &[Block], ket: &[Block], x: u64, z: u64, controls: u64) -> Complex64 {
    let lanes = V::load(&per_lane(|lane| {
        if lane & low(controls) == low(controls) { parity_sign(low(z) & (lane ^ low(x))) } else { 0.0 }
    }));
    let sums = match low(x) {
        0 => inner_sums::<V, 0>(bra, ket, high(x), high(z), high(controls)),
        1 => inner_sums::<V, 1>(bra, ket, high(x), high(z), high(controls)),
        2 => inner_sums::<V, 2>(bra, ket, high(x), high(z), high(controls)),
        _ => inner_sums::<V, 3>(bra, ket, high(x), high(z), high(controls)),
    };
    let (re, im) = (sums.0.mul(lanes).sum(), sums.1.mul(lanes).sum());
    match (x & z).count_ones() % 4 {
        0 => Complex64::new(re, im),
        1 => Complex64::new(-im, re),
        2 => Complex64::new(-re, -im),
        _ => Complex64::new(im, -re),
    }
}

/// Real and imaginary part of `sum_i conj(bra[i]) (-1)^{|z & (i ^ x)|} ket[i ^ x]`, lane by lane.
#[inline(always)]
fn inner_sums<V: Lanes, const FLIP: usize>(
    bra: &[Block],
    ket: &[Block],
    x: usize,
    z: usize,
    controls: usize,
) -> (V, V) {
    assert!(bra.len() == ket.len() && x < ket.len(), "both states have the width of the register");
    // Four chains of additions, so that their latencies overlap.
    let zero = V::splat(0.0);
    let (mut rr, mut ii, mut ri, mut ir) = (zero, zero, zero, zero);
    for index in Indices::new(bra.len(), controls, 0) {
        let partner = index ^ x;
        // SAFETY: `Indices` yields indices below the common length, a power of two above `x`.
        let (a, b) = unsafe { (bra.get_unchecked(index), ket.get_unchecked(partner)) };
        let (a_re, a_im) = (V::load(&a.re), V::load(&a.im));
        let sign = V::splat(parity_sign(z & partner));
        let (b_re, b_im) = (V::load(&b.re).flip(FLIP).mul(sign), V::load(&b.im).flip(FLIP).mul(sign));
        rr = a_re.mul_add(b_re, rr);
        ii = a_im.mul_add(b_im, ii);
        ri = a_re.mul_add(b_im, ri);
        ir = a_im.mul_add(b_re, ir);
    }
    (rr.add(ii), ri.sub(ir))
}

#[inline(always)]
fn accumulate_generic<V: Lanes>(out: &mut [Block], ket: &[Block], factor: f64, x: u64, z: u64) {
    assert!(out.len() == ket.len() && high(x) < ket.len(), "both states have the width of the register");
    let letters_y = (x & z).count_ones() % 4;
    // i^{#Y}: a sign, and whether a factor i is left.
    let imaginary = letters_y % 2 == 1;
    let sign = if letters_y >= 2 { -factor } else { factor };
    let lanes = V::load(&per_lane(|lane| sign * parity_sign(low(z) & (lane ^ low(x)))));
    let (flip, x, z) = (low(x), high(x), high(z));
    for index in Indices::new(out.len(), 0, 0) {
        let partner = index ^ x;
        // SAFETY: `Indices` yields indices below the common length, a power of two above `x`.
        let (to, from) = unsafe { (out.get_unchecked_mut(index), ket.get_unchecked(partner)) };
        let factor = lanes.mul(V::splat(parity_sign(z & partner)));
        let (re, im) = (V::load(&from.re).flip(flip), V::load(&from.im).flip(flip));
        let (to_re, to_im) = (V::load(&to.re), V::load(&to.im));
        if imaginary {
            im.neg_mul_add(factor, to_re).store(&mut to.re);
            re.mul_add(factor, to_im).store(&mut to.im);
        } else {
            re.mul_add(factor, to_re).store(&mut to.re);
            im.mul_add(factor, to_im).store(&mut to.im);
        }
    }
}
