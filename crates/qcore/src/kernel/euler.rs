//! Unitary 2x2 matrices as a diagonal, a real rotation and another diagonal, many at once.

use super::kernel_rows;

/// Numbers of [`euler_angles`], one of each per matrix.
#[derive(Debug)]
pub(crate) struct EulerAngles<'a> {
    /// Real and imaginary parts.
    pub(crate) alpha: [&'a mut [f64]; 2],
    pub(crate) before: [&'a mut [f64]; 2],
    pub(crate) after: [&'a mut [f64]; 2],
    pub(crate) cos: &'a mut [f64],
    pub(crate) tan: &'a mut [f64],
}

kernel_rows! {
    /// Writes the numbers of `m = alpha diag(1, after) [[cos, -sin], [sin, cos]] diag(1, before)` for unitary matrices `m`: `matrices` has the
    /// real and the imaginary part of the four elements of all of them, one after the other. Every level writes the same bits.
    euler_angles(matrices: &[f64], out: EulerAngles<'_>) = euler_generic
}

/// As a complex number.
type Pair = (f64, f64);

/// The absolute value of an element of a unitary matrix, without the care that `hypot` takes of numbers whose square has no digits: they are 0.
#[inline(always)]
fn magnitude(z: Pair) -> f64 {
    let square = z.0 * z.0 + z.1 * z.1;
    if square < 1e-300 { 0.0 } else { square.sqrt() }
}

#[inline(always)]
fn over(z: Pair, x: f64) -> Pair {
    (z.0 / x, z.1 / x)
}

#[inline(always)]
fn quotient(a: Pair, b: Pair) -> Pair {
    let square = b.0 * b.0 + b.1 * b.1;
    ((a.0 * b.0 + a.1 * b.1) / square, (a.1 * b.0 - a.0 * b.1) / square)
}

#[inline(always)]
fn select(condition: bool, a: Pair, b: Pair) -> Pair {
    (if condition { a.0 } else { b.0 }, if condition { a.1 } else { b.1 })
}

/// `alpha`, `after`, `before`, `cos` and `tan` of one matrix, given by its elements.
#[inline(always)]
pub(crate) fn euler([m0, m1, m2, m3]: [Pair; 4]) -> (Pair, Pair, Pair, f64, f64) {
    let one = (1.0, 0.0);
    let (cos, sin) = (magnitude(m0), magnitude(m2));
    let alpha = select(cos > 0.0, over(m0, cos), one);
    let beta = select(sin > 0.0, over(m2, sin), over(m3, cos));
    let of_cos = quotient(m3, (beta.0 * cos, beta.1 * cos));
    let of_sin = quotient((-m1.0, -m1.1), (alpha.0 * sin, alpha.1 * sin));
    let before = select(cos >= sin, of_cos, of_sin);
    let norm = magnitude(before);
    let before = select(norm > 0.0, over(before, norm), one);
    // A half turn has no tangent; this cosine gives its sine to the last digit and vanishes beside it.
    let cos = if cos > 1e-17 { cos } else { 1e-17 };
    (alpha, quotient(beta, alpha), before, cos, sin / cos)
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "a plain loop that each level compiles with its own features")]
fn euler_generic<V>(matrices: &[f64], out: EulerAngles<'_>) {
    let count = out.cos.len();
    assert!(matrices.len() == 8 * count, "eight numbers per matrix");
    let part = |k: usize| &matrices[k * count..(k + 1) * count];
    let parts: [&[f64]; 8] = std::array::from_fn(part);
    let EulerAngles {
        alpha: [alpha_re, alpha_im],
        before: [before_re, before_im],
        after: [after_re, after_im],
        cos,
        tan,
    } = out;
    let (alpha_re, alpha_im) = (&mut alpha_re[..count], &mut alpha_im[..count]);
    let (before_re, before_im) = (&mut before_re[..count], &mut before_im[..count]);
    let (after_re, after_im) = (&mut after_re[..count], &mut after_im[..count]);
    let tan = &mut tan[..count];
    for k in 0..count {
        let element = |j: usize| (parts[2 * j][k], parts[2 * j + 1][k]);
        let (alpha, after, before, c, t) = euler([element(0), element(1), element(2), element(3)]);
        (alpha_re[k], alpha_im[k]) = alpha;
        (before_re[k], before_im[k]) = before;
        (after_re[k], after_im[k]) = after;
        (cos[k], tan[k]) = (c, t);
    }
}
