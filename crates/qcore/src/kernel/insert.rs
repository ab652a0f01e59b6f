//! Generators of rotations inserted into a group of four states, and what states have in common with others lane by lane.

use super::lanes::Lanes;
use super::{Block, kernel, parity_sign};

/// `-i w P` for a string `P` that is `Y` on one qubit or `Z` on some, and `w = +-1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Insertion {
    /// The qubit of `Y` as a bit; 0 for `Z`.
    flip: usize,
    z: usize,
    sign: f64,
}

impl Insertion {
    /// `-i w Y` on a qubit.
    pub(crate) fn y(qubit: usize, sign: f64) -> Self {
        Self { flip: 1 << qubit, z: 1 << qubit, sign }
    }

    /// `-i w Z...Z` on the qubits of a mask.
    pub(crate) fn z(mask: usize, sign: f64) -> Self {
        Self { flip: 0, z: mask, sign }
    }
}

kernel! {
    /// Writes the states of a group to another, each with a generator of its own applied.
    insert(to: &mut [Block], from: &[Block], insertions: &[Insertion; 4]) = insert_generic
}

kernel! {
    /// Adds the squared magnitudes of the amplitudes of a group to the real parts of `sums[class[k]]`, and `Re(conj(r_k) psi_k)` lane by lane, for the
    /// amplitudes `r` of another group, to the imaginary parts.
    class_overlaps_of_lanes(group: &[Block], reference: &[Block], class: &[u32], sums: &mut [Block]) = overlaps_generic
}

#[inline(always)]
fn insert_generic<V: Lanes>(to: &mut [Block], from: &[Block], insertions: &[Insertion; 4]) {
    let len = from.len();
    assert!(to.len() == len && insertions.iter().all(|it| it.flip < len && it.z < len), "strings of the register");
    let first = insertions[0];
    if insertions.iter().all(|it| *it == first) {
        for (k, to) in to.iter_mut().enumerate() {
            let j = k ^ first.flip;
            let sign = first.sign * parity_sign(first.z & j);
            let (a, b) = (V::load(&from[j].re), V::load(&from[j].im));
            if first.flip == 0 {
                // -i s (a + i b) = s b - i s a
                b.mul(V::splat(sign)).store(&mut to.re);
                a.mul(V::splat(-sign)).store(&mut to.im);
            } else {
                // Of the elements of -i Y one is 1, the other -1.
                a.mul(V::splat(sign)).store(&mut to.re);
                b.mul(V::splat(sign)).store(&mut to.im);
            }
        }
        return;
    }
    for (k, to) in to.iter_mut().enumerate() {
        for (lane, it) in insertions.iter().enumerate() {
            let j = k ^ it.flip;
            let sign = it.sign * parity_sign(it.z & j);
            let (a, b) = (from[j].re[lane], from[j].im[lane]);
            (to.re[lane], to.im[lane]) = if it.flip == 0 { (sign * b, -sign * a) } else { (sign * a, sign * b) };
        }
    }
}

#[inline(always)]
fn overlaps_generic<V: Lanes>(group: &[Block], reference: &[Block], class: &[u32], sums: &mut [Block]) {
    assert!(class.len() == group.len() && reference.len() == group.len(), "one class per amplitude");
    for ((block, other), &class) in group.iter().zip(reference).zip(class) {
        let (a, b) = (V::load(&block.re), V::load(&block.im));
        let (r, s) = (V::load(&other.re), V::load(&other.im));
        let sum = &mut sums[class as usize];
        b.mul_add(b, a.mul_add(a, V::load(&sum.re))).store(&mut sum.re);
        b.mul_add(s, a.mul_add(r, V::load(&sum.im))).store(&mut sum.im);
    }
}
