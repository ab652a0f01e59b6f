//! Gates that only move amplitudes or only turn their phases: X, CX, CCX, and Z, S, T, P, CZ, CP.

use super::lanes::Lanes;
use super::{Block, Indices, high, kernel, low, per_lane};

kernel! {
    /// Exchanges the amplitudes `k` and `k ^ x` where all qubits of `controls` are 1; `x` must not be 0.
    exchange(state: &mut [Block], x: u64, controls: u64) = exchange_generic
}

kernel! {
    /// Multiplies the amplitudes whose index has all bits of `mask` set by `re + i im`.
    apply_phase(state: &mut [Block], mask: u64, re: f64, im: f64) = phase_generic
}

#[inline(always)]
fn exchange_generic<V: Lanes>(state: &mut [Block], x: u64, controls: u64) {
    let controlled = |lane: usize| lane & low(controls) == low(controls);
    let keep = V::load(&per_lane(|lane| if controlled(lane) { 0.0 } else { 1.0 }));
    let take = V::load(&per_lane(|lane| if controlled(lane) { 1.0 } else { 0.0 }));
    let partial = low(controls) != 0;
    let flip = low(x);
    let (x, controls) = (high(x), high(controls));
    if x == 0 {
        for index in Indices::new(state.len(), controls, 0) {
            // SAFETY: `Indices` yields indices below `state.len()`.
            let block = unsafe { state.get_unchecked_mut(index) };
            for part in [&mut block.re, &mut block.im] {
                let v = V::load(part);
                v.flip(flip).mul_add(take, v.mul(keep)).store(part);
            }
        }
        return;
    }
    assert!(x < state.len() && x & controls == 0, "operands lie within the register and are distinct");
    for index in Indices::new(state.len(), controls, 1 << x.ilog2()) {
        let partner = index ^ x;
        // SAFETY: `Indices` yields indices below `state.len()`, a power of two above `x`, so the partner is below it too.
        let (v, w) = unsafe { (*state.get_unchecked(index), *state.get_unchecked(partner)) };
        // SAFETY: as above.
        unsafe {
            replace(state.get_unchecked_mut(index), &w, flip, keep, take, partial);
            replace(state.get_unchecked_mut(partner), &v, flip, keep, take, partial);
        }
    }
}

/// Puts the flipped lanes of `other` into `block`, or with `partial` only those that `take` selects.
#[inline(always)]
fn replace<V: Lanes>(block: &mut Block, other: &Block, flip: usize, keep: V, take: V, partial: bool) {
    for (own, other) in [(&mut block.re, &other.re), (&mut block.im, &other.im)] {
        let other = V::load(other).flip(flip);
        if partial { other.mul_add(take, V::load(own).mul(keep)) } else { other }.store(own);
    }
}

#[inline(always)]
fn phase_generic<V: Lanes>(state: &mut [Block], mask: u64, re: f64, im: f64) {
    let inside = |lane: usize| lane & low(mask) == low(mask);
    let re = V::load(&per_lane(|lane| if inside(lane) { re } else { 1.0 }));
    let im = V::load(&per_lane(|lane| if inside(lane) { im } else { 0.0 }));
    for index in Indices::new(state.len(), high(mask), 0) {
        // SAFETY: `Indices` yields indices below `state.len()`.
        let block = unsafe { state.get_unchecked_mut(index) };
        let (a, b) = (V::load(&block.re), V::load(&block.im));
        b.neg_mul_add(im, a.mul(re)).store(&mut block.re);
        b.mul_add(re, a.mul(im)).store(&mut block.im);
    }
}
