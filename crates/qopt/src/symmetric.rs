//! Eigenvalues of symmetric matrices, and functions of such matrices, in place: nothing is allocated, so that a step of a method may call it.
//!
//! Householder reflections to tridiagonal form, then implicit QL iterations. References: H. Bowdler, R. S. Martin, C. Reinsch and J. H.
//! Wilkinson, Numer. Math. 11, 293 (1968) (`tred2` and `tql2` of EISPACK); G. H. Golub and C. F. Van Loan, Matrix Computations, section
//! 8.3.

/// Iterations for one eigenvalue; three are usual.
const MOST_ITERATIONS: usize = 64;

/// Writes the eigenvalues of the symmetric row-major n x n matrix `a` into `a[..n]` and the eigenvectors, which are orthonormal, into
/// the rows of `v`. False if that does not converge, which only a matrix with entries that are not finite, or near overflow, can bring
/// about. About 9 n^3 operations.
pub(crate) fn eigen(a: &mut [f64], v: &mut [f64], n: usize) -> bool {
    if !has_finite_squares(a) {
        return false;
    }
    v.copy_from_slice(a);
    if n < 2 {
        v.fill(1.0);
        return true;
    }
    let (diagonal, rest) = a.split_at_mut(n);
    let beside = &mut rest[..n];
    reduce(diagonal, beside, v, n);
    accumulate(diagonal, v, n);
    diagonalize(diagonal, beside, |i, c, s| {
        let (upper, lower) = v[i * n..].split_at_mut(n);
        for (x, y) in upper.iter_mut().zip(lower) {
            (*x, *y) = turned(*x, *y, c, s);
        }
    })
}

/// A plane rotation of the components `place` and `place + 1`.
#[derive(Clone, Copy, Debug)]
struct Turn {
    place: usize,
    cos: f64,
    sin: f64,
}

/// Room for [`FunctionOf::multiply`].
#[derive(Clone, Debug)]
pub(crate) struct FunctionOf {
    matrix: Vec<f64>,
    squares: Vec<f64>,
    diagonal: Vec<f64>,
    beside: Vec<f64>,
    turns: Vec<Turn>,
}

impl FunctionOf {
    /// Room for symmetric n x n matrices.
    pub(crate) fn new(n: usize) -> Self {
        let vector = || vec![0.0; n];
        // Fewer than two iterations are needed for an eigenvalue on average, of rotations half as many as are left.
        let turns = Vec::with_capacity(n * (n + 8));
        Self { matrix: vec![0.0; n * n], squares: vector(), diagonal: vector(), beside: vector(), turns }
    }

    /// Replaces `x` by `f(A) x`, where A is a symmetric row-major matrix and `f` acts on its eigenvalues. False as [`eigen`].
    ///
    /// About 4/3 n^3 operations: eigenvectors are not written out, but `x` is taken into their basis and back, by the reflections and rotations
    /// that make A diagonal.
    pub(crate) fn multiply(&mut self, a: &[f64], f: impl Fn(f64) -> f64, x: &mut [f64]) -> bool {
        let (n, Self { matrix, squares, diagonal, beside, turns }) = (x.len(), self);
        if !has_finite_squares(a) {
            return false;
        }
        matrix.copy_from_slice(a);
        turns.clear();
        if n < 2 {
            x.iter_mut().zip(a).for_each(|(x, a)| *x *= f(*a));
            return true;
        }
        reduce(squares, beside, matrix, n);
        diagonal.iter_mut().zip(matrix.iter().step_by(n + 1)).for_each(|(d, entry)| *d = *entry);
        for i in (1..n).rev() {
            reflect(&matrix[i * n..][..i], squares[i], &mut x[..i]);
        }
        // Most rotations share a component with the one before: it stays in a register, since a pair of components that are stored one by
        // one and loaded as one waits for the cache.
        let (mut at, mut kept) = (0, x[0]);
        let converged = diagonalize(diagonal, beside, |place, cos, sin| {
            if place + 1 != at {
                x[at] = kept;
                kept = x[place + 1];
            }
            (kept, x[place + 1]) = turned(x[place], kept, cos, sin);
            at = place;
            turns.push(Turn { place, cos, sin });
        });
        x[at] = kept;
        x.iter_mut().zip(&*diagonal).for_each(|(x, value)| *x *= f(*value));
        (at, kept) = (0, x[0]);
        for &Turn { place, cos, sin } in turns.iter().rev() {
            if place != at {
                x[at] = kept;
                kept = x[place];
            }
            (x[place], kept) = turned(kept, x[place + 1], cos, -sin);
            at = place + 1;
        }
        x[at] = kept;
        for i in 1..n {
            reflect(&matrix[i * n..][..i], squares[i], &mut x[..i]);
        }
        converged
    }
}

fn has_finite_squares(a: &[f64]) -> bool {
    dot(a, a).is_finite()
}

fn turned(x: f64, y: f64, cos: f64, sin: f64) -> (f64, f64) {
    (cos * x - sin * y, sin * x + cos * y)
}

/// `x - u (u.x) / h`, where `h = |u|^2 / 2`, or nothing if there was nothing to reflect.
fn reflect(u: &[f64], h: f64, x: &mut [f64]) {
    if h != 0.0 {
        let factor = dot(u, x) / h;
        x.iter_mut().zip(u).for_each(|(x, u)| *x -= factor * u);
    }
}

/// The sum of products, as four sums that do not wait for one another.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [0.0; 4];
    for (a, b) in a.iter().zip(b) {
        for k in 0..4 {
            sums[k] += a[k] * b[k];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// The length of (x, y). Only what is too small to be squared goes the long way; the squares of what is met here do not overflow.
fn length(x: f64, y: f64) -> f64 {
    let square = x * x + y * y;
    if square.is_normal() { square.sqrt() } else { x.hypot(y) }
}

/// Reflects until the matrix in `v` is tridiagonal. Its diagonal is left in that of `v`, what stands left of it in `e[1..]`; the vector of
/// the reflection of the first `i` components is left in the beginning of row `i`, half its square in `d[i]`.
fn reduce(d: &mut [f64], e: &mut [f64], v: &mut [f64], n: usize) {
    d.copy_from_slice(&v[(n - 1) * n..]);
    for i in (1..n).rev() {
        let scale: f64 = d[..i].iter().map(|x| x.abs()).sum();
        let mut h = 0.0;
        if scale == 0.0 {
            e[i] = d[i - 1];
            for j in 0..i {
                d[j] = v[j * n + i - 1];
                (v[j * n + i], v[i * n + j]) = (0.0, 0.0);
            }
        } else {
            d[..i].iter_mut().for_each(|x| *x /= scale);
            h += dot(&d[..i], &d[..i]);
            let f = d[i - 1];
            let g = if f > 0.0 { -h.sqrt() } else { h.sqrt() };
            e[i] = scale * g;
            h -= f * g;
            d[i - 1] = f - g;
            v[i * n..][..i].copy_from_slice(&d[..i]);
            let (u, product) = (&mut d[..i], &mut e[..i]);
            product.fill(0.0);
            for j in 0..i {
                let (f, row) = (u[j], &v[j * n..][j..i]);
                product[j] += row[0] * f + dot(&row[1..], &u[j + 1..]);
                product[j + 1..].iter_mut().zip(&row[1..]).for_each(|(e, entry)| *e += entry * f);
            }
            product.iter_mut().for_each(|e| *e /= h);
            let half = dot(product, u) / (h + h);
            product.iter_mut().zip(&*u).for_each(|(e, u)| *e -= half * u);
            for j in 0..i {
                let (f, g) = (u[j], product[j]);
                let row = &mut v[j * n..][..=i];
                for ((entry, e), u) in row[j..i].iter_mut().zip(&product[j..]).zip(&u[j..]) {
                    *entry -= f * e + g * u;
                }
                u[j] = row[i - 1];
                row[i] = 0.0;
            }
        }
        d[i] = h;
    }
}

/// Behind [`reduce`], writes the transposed orthogonal matrix that makes the matrix tridiagonal to `v`, and the diagonal to `d`.
fn accumulate(d: &mut [f64], v: &mut [f64], n: usize) {
    for i in 0..n - 1 {
        v[i * n + n - 1] = v[i * n + i];
        v[i * n + i] = 1.0;
        let (rows, last) = v.split_at_mut((i + 1) * n);
        let last = &mut last[..=i];
        let h = d[i + 1];
        if h != 0.0 {
            for (d, x) in d.iter_mut().zip(&*last) {
                *d = x / h;
            }
            for row in rows.chunks_exact_mut(n) {
                let row = &mut row[..=i];
                let product = dot(row, last);
                for (x, d) in row.iter_mut().zip(&*d) {
                    *x -= product * d;
                }
            }
        }
        last.fill(0.0);
    }
    for (row, d) in v.chunks_exact_mut(n).zip(d) {
        *d = row[n - 1];
        row[n - 1] = 0.0;
    }
    v[n * n - 1] = 1.0;
}

/// Makes a tridiagonal matrix with the diagonal `d` and `e[1..]` beside it diagonal, with its eigenvalues in `d`. Calls `turn` with the lower
/// place, the cosine and the sine of each rotation. False if it does not converge.
fn diagonalize(d: &mut [f64], e: &mut [f64], mut turn: impl FnMut(usize, f64, f64)) -> bool {
    let n = d.len();
    e[0] = 0.0;
    e.rotate_left(1);
    let (mut shift, mut largest) = (0.0, 0.0_f64);
    for l in 0..n {
        largest = largest.max(d[l].abs() + e[l].abs());
        let negligible = f64::EPSILON * largest;
        let m = (l..n).find(|&m| e[m].abs() <= negligible).unwrap_or(n - 1);
        let mut iterations = 0;
        while m > l && e[l].abs() > negligible {
            iterations += 1;
            if iterations > MOST_ITERATIONS {
                return false;
            }
            let g = d[l];
            let p = (d[l + 1] - g) / (2.0 * e[l]);
            let r = p.hypot(1.0).copysign(p);
            d[l] = e[l] / (p + r);
            d[l + 1] = e[l] * (p + r);
            let next = d[l + 1];
            let h = g - d[l];
            d[l + 2..].iter_mut().for_each(|x| *x -= h);
            shift += h;
            let beyond = e[l + 1];
            let mut p = d[m];
            let (mut c, mut c2, mut c3) = (1.0, 1.0, 1.0);
            let (mut s, mut s2) = (0.0, 0.0);
            for i in (l..m).rev() {
                (c3, c2, s2) = (c2, c, s);
                let (g, h) = (c * e[i], c * p);
                let r = length(p, e[i]);
                e[i + 1] = s * r;
                (s, c) = (e[i] / r, p / r);
                p = c * d[i] - s * g;
                d[i + 1] = h + s * (c * g + s * d[i]);
                turn(i, c, s);
            }
            p = -s * s2 * c3 * beyond * e[l] / next;
            e[l] = s * p;
            d[l] = c * p;
        }
        d[l] += shift;
        e[l] = 0.0;
    }
    d.iter().all(|x| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    /// A = V D V^T, V orthogonal, eigenvalues as `nalgebra` finds them.
    #[test]
    fn random_matrices() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for n in [1, 2, 3, 7, 20, 41] {
            let mut matrix = vec![0.0; n * n];
            for i in 0..n {
                for j in 0..=i {
                    let x = rng.random::<f64>() - 0.5;
                    (matrix[i * n + j], matrix[j * n + i]) = (x, x);
                }
            }
            let (mut a, mut v) = (matrix.clone(), vec![0.0; n * n]);
            assert!(eigen(&mut a, &mut v, n));
            for i in 0..n {
                for j in 0..n {
                    let back: f64 = (0..n).map(|k| v[k * n + i] * a[k] * v[k * n + j]).sum();
                    assert!((back - matrix[i * n + j]).abs() < 1e-13);
                    let product: f64 = (0..n).map(|k| v[i * n + k] * v[j * n + k]).sum();
                    assert!((product - f64::from(u8::from(i == j))).abs() < 1e-13);
                }
            }
            let x: Vec<f64> = (0..n).map(|_| rng.random::<f64>() - 0.5).collect();
            let (mut result, f) = (x.clone(), |value: f64| 1.0 / (value.abs() + 0.01));
            assert!(FunctionOf::new(n).multiply(&matrix, f, &mut result));
            for i in 0..n {
                let along = |k: usize| -> f64 { (0..n).map(|j| v[k * n + j] * x[j]).sum() };
                let expected: f64 = (0..n).map(|k| v[k * n + i] * f(a[k]) * along(k)).sum();
                assert!((result[i] - expected).abs() < 1e-10, "{n} {i}: {} and {expected}", result[i]);
            }
            let mut found = a[..n].to_vec();
            let dense = nalgebra::DMatrix::from_row_slice(n, n, &matrix);
            let mut expected = dense.symmetric_eigenvalues().as_slice().to_vec();
            found.sort_by(f64::total_cmp);
            expected.sort_by(f64::total_cmp);
            assert!(found.iter().zip(&expected).all(|(f, e)| (f - e).abs() < 1e-13));
        }
    }

    #[test]
    fn degenerate_zero_and_broken_matrices() {
        let (mut a, mut v) = ([0.0; 9], [0.0; 9]);
        assert!(eigen(&mut a, &mut v, 3));
        assert_eq!(v, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        let mut ones = [1.0; 9];
        assert!(eigen(&mut ones, &mut v, 3));
        let mut values = [ones[0], ones[1], ones[2]];
        values.sort_by(f64::total_cmp);
        assert!(values[0].abs() < 1e-14 && values[1].abs() < 1e-14 && (values[2] - 3.0).abs() < 1e-14);
        assert!(!eigen(&mut [f64::NAN, 0.0, 0.0, 1.0], &mut [0.0; 4], 2));
        assert!(!FunctionOf::new(2).multiply(&[1.0, f64::INFINITY, f64::INFINITY, 1.0], f64::abs, &mut [1.0; 2]));
    }

    /// The same room for one matrix after the other; blocks, multiples of one, and entries of very different size.
    #[test]
    fn functions_of_special_matrices() {
        let mut room = FunctionOf::new(4);
        let cases: [[f64; 16]; 5] = [
            [0.0; 16],
            [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
            [0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, -3.0, 2.0, 0.0, 0.0, 0.0, 0.0, -3.0, 0.0, 0.0],
            [1.0; 16],
            [1e100, 1e-100, 0.0, 1.0, 1e-100, 1e-170, 1e-200, 0.0, 0.0, 1e-200, 1e-200, 1e-180, 1.0, 0.0, 1e-180, -2.0],
        ];
        for matrix in cases {
            // The identity, and the matrix itself.
            let x = [0.3, -0.4, 0.5, 0.1];
            let mut same = x;
            assert!(room.multiply(&matrix, |_| 1.0, &mut same));
            assert!(same.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-14), "{same:?}");
            let mut product = x;
            assert!(room.multiply(&matrix, |value| value, &mut product));
            let size = matrix.iter().fold(0.0_f64, |size, entry| size.max(entry.abs()));
            for (row, product) in matrix.chunks_exact(4).zip(product) {
                let expected: f64 = row.iter().zip(&x).map(|(a, x)| a * x).sum();
                assert!((product - expected).abs() <= 1e-14 * size, "{product} and {expected}");
            }
        }
    }
}
