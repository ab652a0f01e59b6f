//! Constant one-qubit gates as 2x2 matrices, up to a global phase.

use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};
use std::ops::Mul;

use num_complex::Complex64;

use super::primitive::Axis;

/// What counts as zero for a sine, a cosine or an angle of a constant gate. Rounding of merged gates stays below it; a rotation
/// by less is dropped.
pub(super) const TINY: f64 = 1e-13;

/// A 2x2 matrix, row-major.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Matrix2(pub(super) [Complex64; 4]);

const fn c(re: f64, im: f64) -> Complex64 {
    Complex64::new(re, im)
}

impl Matrix2 {
    pub(super) const IDENTITY: Self = Self([c(1.0, 0.0), c(0.0, 0.0), c(0.0, 0.0), c(1.0, 0.0)]);
    pub(super) const X: Self = Self([c(0.0, 0.0), c(1.0, 0.0), c(1.0, 0.0), c(0.0, 0.0)]);
    pub(super) const H: Self =
        Self([c(FRAC_1_SQRT_2, 0.0), c(FRAC_1_SQRT_2, 0.0), c(FRAC_1_SQRT_2, 0.0), c(-FRAC_1_SQRT_2, 0.0)]);

    /// `exp(-i angle P / 2)`.
    pub(super) fn rotation(axis: Axis, angle: f64) -> Self {
        let (sin, cos) = (angle / 2.0).sin_cos();
        match axis {
            Axis::X => Self([c(cos, 0.0), c(0.0, -sin), c(0.0, -sin), c(cos, 0.0)]),
            Axis::Y => Self([c(cos, 0.0), c(-sin, 0.0), c(sin, 0.0), c(cos, 0.0)]),
            Axis::Z => Self([c(cos, -sin), c(0.0, 0.0), c(0.0, 0.0), c(cos, sin)]),
        }
    }

    pub(super) fn adjoint(self) -> Self {
        let [a, b, c, d] = self.0;
        Self([a.conj(), c.conj(), b.conj(), d.conj()])
    }

    /// `(theta, phi, lambda)` with `Rz(phi) Ry(theta) Rz(lambda)` equal to the matrix up to a global phase, `0 <= theta <= pi`.
    /// Where only the sum or the difference of the last two is determined, `lambda` is 0.
    pub(super) fn euler(self) -> (f64, f64, f64) {
        let [a, b, c, d] = self.0;
        let (cos, sin) = (a.norm().max(d.norm()), b.norm().max(c.norm()));
        let theta = 2.0 * sin.atan2(cos);
        if sin < TINY {
            (0.0, d.arg() - a.arg(), 0.0)
        } else if cos < TINY {
            (PI, c.arg() - (-b).arg(), 0.0)
        } else {
            // The sum from the diagonal and the difference from the rest, each relative to the same entry.
            let sum = d.arg() - a.arg();
            let difference = c.arg() - (-b).arg();
            let phi = (sum + difference) / 2.0;
            let lambda = sum - phi;
            // Half of an angle is known up to pi: the phase of c relative to a decides.
            let turned = (Complex64::from_polar(1.0, c.arg() - a.arg() - phi)).re < 0.0;
            if turned { (theta, phi + PI, lambda + PI) } else { (theta, phi, lambda) }
        }
    }

    /// The angle, if this is a rotation about that axis.
    pub(super) fn angle_about(self, axis: Axis) -> Option<f64> {
        let [a, b, c, d] = self.0;
        let det = a * d - b * c;
        let root = det.sqrt();
        // Special unitary: w - i (x X + y Y + z Z).
        let (a, b, c, d) = (a / root, b / root, c / root, d / root);
        let w = (a + d).re / 2.0;
        let components = [-(b + c).im / 2.0, (c - b).re / 2.0, (d - a).im / 2.0];
        let along = components[axis as usize];
        let others = components.iter().enumerate().filter(|&(k, _)| k != axis as usize);
        others.map(|(_, v)| v.abs()).all(|v| v < TINY).then(|| 2.0 * along.atan2(w))
    }

    pub(super) fn is_diagonal(self) -> bool {
        self.0[1].norm() < TINY && self.0[2].norm() < TINY
    }

    pub(super) fn is_antidiagonal(self) -> bool {
        self.0[0].norm() < TINY && self.0[3].norm() < TINY
    }

    pub(super) fn is_identity(self) -> bool {
        self.is_diagonal() && (self.0[0] - self.0[3]).norm() < TINY
    }

    /// `(V, mu0, mu1)` with `V diag(e^{i mu0}, e^{i mu1}) V^*` equal to the matrix.
    pub(super) fn diagonalized(self) -> (Self, f64, f64) {
        let [a, b, c, d] = self.0;
        if self.is_diagonal() {
            return (Self::IDENTITY, a.arg(), d.arg());
        }
        let half = (a + d) / 2.0;
        let root = (half * half - (a * d - b * c)).sqrt();
        let (first, second) = (half + root, half - root);
        // Of the two ways to write an eigenvector the longer one.
        let (left, right) = ([b, first - a], [first - d, c]);
        let norm = |v: [Complex64; 2]| v[0].norm().hypot(v[1].norm());
        let v = if norm(left) >= norm(right) { left } else { right };
        let [x, y] = v.map(|entry| entry / norm(v));
        (Self([x, -y.conj(), y, x.conj()]), first.arg(), second.arg())
    }
}

impl Mul for Matrix2 {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h])
    }
}

/// The angle in (-pi, pi], without the rounding of values that are small already.
pub(super) fn wrapped(angle: f64) -> f64 {
    let wrapped = if angle.abs() <= PI { angle } else { angle - TAU * (angle / TAU).round() };
    if wrapped <= -PI + TINY { wrapped + TAU } else { wrapped }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to_phase(left: Matrix2, right: Matrix2) -> f64 {
        let product = left.adjoint() * right;
        1.0 - (product.0[0] + product.0[3]).norm() / 2.0
    }

    #[test]
    fn euler_angles_and_eigenvectors_give_the_matrix_back() {
        let angles = [0.0, 0.4, PI / 2.0, -PI / 2.0, 2.8, PI, -2.1, 3.0 * PI / 2.0];
        for phi in angles {
            for theta in angles {
                for lambda in angles {
                    let [first, second, third] =
                        [(Axis::Z, phi), (Axis::Y, theta), (Axis::Z, lambda)].map(|(p, t)| Matrix2::rotation(p, t));
                    let matrix = first * second * third;
                    let (t, p, l) = matrix.euler();
                    let again =
                        Matrix2::rotation(Axis::Z, p) * Matrix2::rotation(Axis::Y, t) * Matrix2::rotation(Axis::Z, l);
                    assert!(up_to_phase(matrix, again) < 1e-14, "{phi} {theta} {lambda}");
                    let (v, mu0, mu1) = matrix.diagonalized();
                    let zero = Complex64::ZERO;
                    let middle = Matrix2([Complex64::cis(mu0), zero, zero, Complex64::cis(mu1)]);
                    let again = v * middle * v.adjoint();
                    for (x, y) in matrix.0.iter().zip(again.0) {
                        assert!((x - y).norm() < 1e-14, "{phi} {theta} {lambda}");
                    }
                }
            }
        }
        for axis in [Axis::X, Axis::Y, Axis::Z] {
            for angle in [0.3, -0.7, 3.0, -1.9] {
                let found = Matrix2::rotation(axis, angle).angle_about(axis).expect("a rotation about this axis");
                assert!((Complex64::cis(found) - Complex64::cis(angle)).norm() < 1e-14);
                assert!((Matrix2::rotation(axis, angle) * Matrix2::H).angle_about(axis).is_none());
            }
        }
        assert_eq!(wrapped(0.1), 0.1);
        assert!((wrapped(3.0 * PI) - PI).abs() < 1e-14);
        assert!((wrapped(-PI) - PI).abs() < 1e-14);
    }
}
