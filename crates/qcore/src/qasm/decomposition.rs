//! Unitary matrices as standard gates.

use super::writer::with_angles;
use num_complex::Complex64;

/// A gate with its angles, and its operands.
type Statement = (String, Vec<usize>);

/// `(t, f, l, g)` with `e^{ig} [[cos t/2, -e^{il} sin t/2], [e^{if} sin t/2, e^{i(f+l)} cos t/2]]` equal to the matrix.
fn euler(v: [[Complex64; 2]; 2]) -> [f64; 4] {
    let t = 2.0 * v[1][0].norm().atan2(v[0][0].norm());
    let g = v[0][0].arg();
    // Phases of the larger two entries are used together; those of the smaller two may be noise.
    let f = v[1][0].arg() - g;
    let l = if v[0][0].norm() >= v[1][0].norm() { v[1][1].arg() - g - f } else { (-v[0][1]).arg() - g };
    [t, f, l, g]
}

pub(super) fn one_qubit(matrix: &[Complex64]) -> Vec<Statement> {
    let [t, f, l, g] = euler([[matrix[0], matrix[1]], [matrix[2], matrix[3]]]);
    vec![
        (with_angles("gphase", &[g]), vec![]),
        (with_angles("p", &[l]), vec![0]),
        (with_angles("ry", &[t]), vec![0]),
        (with_angles("p", &[f]), vec![0]),
    ]
}

/// Givens rotations between basis states that differ in one qubit, which are controlled one-qubit gates (M. Nielsen and
/// I. Chuang, Quantum Computation and Quantum Information, section 4.5).
pub(super) fn two_qubits(matrix: &[Complex64]) -> Vec<Statement> {
    /// Basis states in an order in which neighbours differ in one bit.
    const GRAY: [usize; 4] = [0, 1, 3, 2];
    let mut m: [[Complex64; 4]; 4] = GRAY.map(|row| GRAY.map(|column| matrix[4 * row + column]));
    let mut rotations: Vec<(usize, usize, [[Complex64; 2]; 2])> = Vec::new();
    for column in 0..3 {
        for row in (column + 1..4).rev() {
            let (above, below) = m.split_at_mut(row);
            let (upper, lower) = (&mut above[row - 1], &mut below[0]);
            let (a, b) = (upper[column], lower[column]);
            let norm = a.norm().hypot(b.norm());
            if b.norm() == 0.0 {
                continue;
            }
            let (a, b) = (a / norm, b / norm);
            // [[a*, b*], [-b, a]] takes (a, b) to (1, 0).
            for (x, y) in upper.iter_mut().zip(lower) {
                (*x, *y) = (a.conj() * *x + b.conj() * *y, a * *y - b * *x);
            }
            rotations.push((GRAY[row - 1], GRAY[row], [[a, -b.conj()], [b, a.conj()]]));
        }
    }
    // The order is its own inverse, so this is the phase of each basis state.
    let phase: [f64; 4] = GRAY.map(|k| m[k][k].arg());
    let mut statements = vec![
        (with_angles("gphase", &[phase[0]]), vec![]),
        (with_angles("p", &[phase[1] - phase[0]]), vec![0]),
        (with_angles("p", &[phase[2] - phase[0]]), vec![1]),
        (with_angles("cp", &[phase[3] - phase[1] - phase[2] + phase[0]]), vec![0, 1]),
    ];
    for &(upper, lower, inverse) in rotations.iter().rev() {
        let target = (upper ^ lower).trailing_zeros() as usize;
        let control = 1 - target;
        let ascending = upper < lower;
        let v = if ascending { inverse } else { [[inverse[1][1], inverse[1][0]], [inverse[0][1], inverse[0][0]]] };
        let off = upper >> control & 1 == 0;
        if off {
            statements.push(("x".to_owned(), vec![control]));
        }
        statements.push((with_angles("cu", &euler(v)), vec![control, target]));
        if off {
            statements.push(("x".to_owned(), vec![control]));
        }
    }
    statements
}
