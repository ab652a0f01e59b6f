//! Norms, probabilities and linear combinations.

use super::lanes::Lanes;
use super::{Block, kernel};

kernel! {
    /// Sum of the squared magnitudes.
    norm_squared(state: &[Block]) -> f64 = norm_generic
}

kernel! {
    /// Writes the squared magnitudes; `out` has four entries per block.
    probabilities(state: &[Block], out: &mut [f64]) = probabilities_generic
}

kernel! {
    /// Multiplies a state by a real number.
    scale(state: &mut [Block], factor: f64) = scale_generic
}

kernel! {
    /// `out = a * left + b * right` with complex `a`, `b`, given as (real, imaginary).
    combine(out: &mut [Block], a: (f64, f64), left: &[Block], b: (f64, f64), right: &[Block]) = combine_generic
}

#[inline(always)]
fn norm_generic<V: Lanes>(state: &[Block]) -> f64 {
    let (mut re, mut im) = (V::splat(0.0), V::splat(0.0));
    for block in state {
        let (a, b) = (V::load(&block.re), V::load(&block.im));
        re = a.mul_add(a, re);
        im = b.mul_add(b, im);
    }
    re.add(im).sum()
}

#[inline(always)]
fn probabilities_generic<V: Lanes>(state: &[Block], out: &mut [f64]) {
    for (block, out) in state.iter().zip(out.as_chunks_mut::<4>().0) {
        let (a, b) = (V::load(&block.re), V::load(&block.im));
        b.mul_add(b, a.mul(a)).store(out);
    }
}

#[inline(always)]
fn scale_generic<V: Lanes>(state: &mut [Block], factor: f64) {
    let factor = V::splat(factor);
    for block in state {
        V::load(&block.re).mul(factor).store(&mut block.re);
        V::load(&block.im).mul(factor).store(&mut block.im);
    }
}

#[inline(always)]
fn combine_generic<V: Lanes>(out: &mut [Block], a: (f64, f64), left: &[Block], b: (f64, f64), right: &[Block]) {
    let (a, b) = ((V::splat(a.0), V::splat(a.1)), (V::splat(b.0), V::splat(b.1)));
    for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
        let (l_re, l_im) = (V::load(&left.re), V::load(&left.im));
        let (r_re, r_im) = (V::load(&right.re), V::load(&right.im));
        let re = l_im.neg_mul_add(a.1, l_re.mul(a.0));
        let im = l_re.mul_add(a.1, l_im.mul(a.0));
        r_im.neg_mul_add(b.1, r_re.mul_add(b.0, re)).store(&mut out.re);
        r_re.mul_add(b.1, r_im.mul_add(b.0, im)).store(&mut out.im);
    }
}
