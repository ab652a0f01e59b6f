//! The dense oracle: matrices typed from the OpenQASM text, embedded by index arithmetic, multiplied by nalgebra.
#![allow(dead_code, reason = "each test file uses its own part")]

use nalgebra::{DMatrix, DVector};
use num_complex::Complex64;
use qcore::{Circuit, Gate, Instruction, Operation, PauliString, PauliSum};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::f64::consts::FRAC_1_SQRT_2;

pub(crate) type Matrix = DMatrix<Complex64>;

pub(crate) fn c(re: f64, im: f64) -> Complex64 {
    Complex64::new(re, im)
}

fn cis(angle: f64) -> Complex64 {
    Complex64::from_polar(1.0, angle)
}

fn m2(a: Complex64, b: Complex64, d: Complex64, e: Complex64) -> Matrix {
    Matrix::from_row_slice(2, 2, &[a, b, d, e])
}

/// Adds `controls` control qubits as the lowest bits of the index.
fn controlled(controls: usize, target: &Matrix) -> Matrix {
    let dimension = target.nrows() << controls;
    let all = (1 << controls) - 1;
    Matrix::from_fn(dimension, dimension, |row, column| {
        if row & all != column & all {
            c(0.0, 0.0)
        } else if row & all == all {
            target[(row >> controls, column >> controls)]
        } else {
            c(f64::from(u8::from(row == column)), 0.0)
        }
    })
}

fn two_pauli_rotation(pauli: &Matrix, theta: f64) -> Matrix {
    let pp = pauli.kronecker(pauli);
    Matrix::identity(4, 4) * c((theta / 2.0).cos(), 0.0) - pp * c(0.0, (theta / 2.0).sin())
}

/// The identity with some rows replaced: `(row, column, entry)`.
fn with_entries(dimension: usize, entries: &[(usize, usize, Complex64)]) -> Matrix {
    let mut matrix = Matrix::identity(dimension, dimension);
    for &(row, column, entry) in entries {
        matrix[(row, row)] = c(0.0, 0.0);
        matrix[(row, column)] = entry;
    }
    matrix
}

/// The matrix of a gate as the OpenQASM 3 standard library defines it; the first operand is the lowest bit of the index.
pub(crate) fn gate_matrix(gate: Gate, a: &[f64]) -> Matrix {
    let (o, one, i, r) = (c(0.0, 0.0), c(1.0, 0.0), c(0.0, 1.0), c(FRAC_1_SQRT_2, 0.0));
    let x = m2(o, one, one, o);
    let y = m2(o, -i, i, o);
    let z = m2(one, o, o, -one);
    let h = m2(r, r, r, -r);
    let rx = |t: f64| {
        m2(c((t / 2.0).cos(), 0.0), c(0.0, -(t / 2.0).sin()), c(0.0, -(t / 2.0).sin()), c((t / 2.0).cos(), 0.0))
    };
    let ry = |t: f64| {
        m2(c((t / 2.0).cos(), 0.0), c(-(t / 2.0).sin(), 0.0), c((t / 2.0).sin(), 0.0), c((t / 2.0).cos(), 0.0))
    };
    let rz = |t: f64| m2(cis(-t / 2.0), o, o, cis(t / 2.0));
    let p = |t: f64| m2(one, o, o, cis(t));
    let u = |t: f64, f: f64, l: f64| {
        let (cos, sin) = (c((t / 2.0).cos(), 0.0), c((t / 2.0).sin(), 0.0));
        m2(cos, -cis(l) * sin, cis(f) * sin, cis(f + l) * cos)
    };
    let sx = m2(c(0.5, 0.5), c(0.5, -0.5), c(0.5, -0.5), c(0.5, 0.5));
    let swap = Matrix::from_row_slice(4, 4, &[one, o, o, o, o, o, one, o, o, one, o, o, o, o, o, one]);
    match gate {
        Gate::Id => Matrix::identity(2, 2),
        Gate::X => x,
        Gate::Y => y,
        Gate::Z => z,
        Gate::H => h,
        Gate::S => p(std::f64::consts::FRAC_PI_2),
        Gate::Sdg => p(-std::f64::consts::FRAC_PI_2),
        Gate::T => p(std::f64::consts::FRAC_PI_4),
        Gate::Tdg => p(-std::f64::consts::FRAC_PI_4),
        Gate::Sx => sx,
        Gate::Sxdg => m2(c(0.5, -0.5), c(0.5, 0.5), c(0.5, 0.5), c(0.5, -0.5)),
        Gate::P => p(a[0]),
        Gate::Rx => rx(a[0]),
        Gate::Ry => ry(a[0]),
        Gate::Rz => rz(a[0]),
        Gate::U => u(a[0], a[1], a[2]),
        Gate::U2 => u(std::f64::consts::FRAC_PI_2, a[0], a[1]),
        Gate::Cx => controlled(1, &x),
        Gate::Cy => controlled(1, &y),
        Gate::Cz => controlled(1, &z),
        Gate::Ch => controlled(1, &h),
        Gate::Cp => controlled(1, &p(a[0])),
        Gate::Crx => controlled(1, &rx(a[0])),
        Gate::Cry => controlled(1, &ry(a[0])),
        Gate::Crz => controlled(1, &rz(a[0])),
        Gate::Cu => controlled(1, &(u(a[0], a[1], a[2]) * cis(a[3]))),
        Gate::Swap => swap,
        Gate::Ccx => controlled(2, &x),
        Gate::Cswap => controlled(1, &swap),
        Gate::GlobalPhase => Matrix::from_element(1, 1, cis(a[0])),
        Gate::U0 => Matrix::identity(2, 2),
        Gate::R => {
            // cos(t/2) - i sin(t/2) (cos f X + sin f Y)
            let (cos, sin) = ((a[0] / 2.0).cos(), (a[0] / 2.0).sin());
            m2(c(cos, 0.0), c(0.0, -sin) * cis(-a[1]), c(0.0, -sin) * cis(a[1]), c(cos, 0.0))
        }
        Gate::Cs => controlled(1, &p(std::f64::consts::FRAC_PI_2)),
        Gate::Csdg => controlled(1, &p(-std::f64::consts::FRAC_PI_2)),
        Gate::Csx => controlled(1, &sx),
        Gate::Csxdg => controlled(1, &sx.adjoint()),
        Gate::Cu3 => controlled(1, &u(a[0], a[1], a[2])),
        Gate::Ccz => controlled(2, &z),
        Gate::C3x => controlled(3, &x),
        Gate::C3sx => controlled(3, &sx),
        Gate::C3sxdg => controlled(3, &sx.adjoint()),
        Gate::C4x => controlled(4, &x),
        // Entries as Qiskit 2.6 prints them: a permutation with phases.
        Gate::Rccx => with_entries(8, &[(3, 7, -i), (7, 3, i), (5, 5, -one)]),
        Gate::Rc3x => with_entries(16, &[(3, 3, i), (11, 11, -i), (7, 15, one), (15, 7, -one)]),
        Gate::Rc3xdg => with_entries(16, &[(3, 3, -i), (11, 11, i), (7, 15, -one), (15, 7, one)]),
        Gate::Rzx => {
            // X on the second operand, Z on the first: exp(-i t/2 X (x) Z).
            Matrix::identity(4, 4) * c((a[0] / 2.0).cos(), 0.0) - x.kronecker(&z) * c(0.0, (a[0] / 2.0).sin())
        }
        Gate::Rxx => two_pauli_rotation(&x, a[0]),
        Gate::Ryy => two_pauli_rotation(&y, a[0]),
        Gate::Rzz => two_pauli_rotation(&z, a[0]),
        other => panic!("the oracle has no matrix for {other:?}: type it from the OpenQASM text"),
    }
}

/// The matrix of an operation on a register: entry by entry, from the bits of row and column.
pub(crate) fn embed(matrix: &Matrix, operands: &[usize], qubits: usize) -> Matrix {
    let dimension = 1 << qubits;
    let mask: usize = operands.iter().map(|&q| 1 << q).sum();
    let pick = |index: usize| operands.iter().enumerate().map(|(bit, &q)| (index >> q & 1) << bit).sum::<usize>();
    Matrix::from_fn(dimension, dimension, |row, column| {
        if row & !mask == column & !mask { matrix[(pick(row), pick(column))] } else { c(0.0, 0.0) }
    })
}

/// The matrix of a Pauli string on a register.
pub(crate) fn pauli_matrix(string: PauliString, qubits: usize) -> Matrix {
    (0..qubits).fold(Matrix::identity(1, 1), |product, q| {
        let gate = match string.on(q) {
            qcore::Pauli::I => Gate::Id,
            qcore::Pauli::X => Gate::X,
            qcore::Pauli::Y => Gate::Y,
            qcore::Pauli::Z => Gate::Z,
        };
        // Higher qubits are the slower index, so they stand on the left of the Kronecker product.
        gate_matrix(gate, &[]).kronecker(&product)
    })
}

/// The matrix of an observable on a register.
pub(crate) fn observable_matrix(observable: &PauliSum, qubits: usize) -> Matrix {
    let dimension = 1 << qubits;
    observable
        .terms()
        .iter()
        .fold(Matrix::zeros(dimension, dimension), |sum, &(k, string)| sum + pauli_matrix(string, qubits) * c(k, 0.0))
}

/// The matrix of an operation with its added controls: the instruction's matrix where all of them have their value, the
/// identity elsewhere.
pub(crate) fn operation_matrix(operation: &Operation, angles: &[f64], qubits: usize) -> Matrix {
    let matrix = instruction_matrix(operation.instruction(), operation.operands(), angles, qubits);
    let acts = |index: usize| operation.controls().all(|control| (index >> control.qubit & 1 == 1) == control.value);
    Matrix::from_fn(1 << qubits, 1 << qubits, |row, column| match (acts(row), acts(column)) {
        (true, true) => matrix[(row, column)],
        (false, false) if row == column => c(1.0, 0.0),
        _ => c(0.0, 0.0),
    })
}

/// The matrix of an instruction with bound angles.
pub(crate) fn instruction_matrix(
    instruction: &Instruction,
    operands: &[usize],
    angles: &[f64],
    qubits: usize,
) -> Matrix {
    match instruction {
        Instruction::Gate(gate) => embed(&gate_matrix(*gate, angles), operands, qubits),
        Instruction::Unitary(entries) => {
            let dimension = 1 << operands.len();
            embed(&Matrix::from_row_slice(dimension, dimension, entries), operands, qubits)
        }
        Instruction::PauliRotation(string) => {
            let dimension = 1 << qubits;
            let half = angles[0] / 2.0;
            Matrix::identity(dimension, dimension) * c(half.cos(), 0.0)
                - pauli_matrix(*string, qubits) * c(0.0, half.sin())
        }
        other => panic!("the oracle does not know {other:?}"),
    }
}

pub(crate) fn random_state(qubits: usize, seed: u64) -> Vec<Complex64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let raw: Vec<Complex64> =
        (0..1 << qubits).map(|_| c(rng.random::<f64>() - 0.5, rng.random::<f64>() - 0.5)).collect();
    let norm = raw.iter().map(|a| a.norm_sqr()).sum::<f64>().sqrt();
    raw.into_iter().map(|a| a / norm).collect()
}

pub(crate) fn vector(amplitudes: &[Complex64]) -> DVector<Complex64> {
    DVector::from_column_slice(amplitudes)
}

/// Largest distance between two amplitude lists.
pub(crate) fn distance(left: &[Complex64], right: &[Complex64]) -> f64 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
}

/// All ordered choices of `count` distinct qubits out of `qubits`.
pub(crate) fn placements(count: usize, qubits: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    placements(count - 1, qubits)
        .into_iter()
        .flat_map(|head| {
            (0..qubits).filter(|q| !head.contains(q)).map(|q| [head.clone(), vec![q]].concat()).collect::<Vec<_>>()
        })
        .collect()
}

/// A random unitary matrix, row-major: Gram-Schmidt on a random complex one.
pub(crate) fn random_unitary(dimension: usize, seed: u64) -> Vec<Complex64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let raw = Matrix::from_fn(dimension, dimension, |_, _| c(rng.random::<f64>() - 0.5, rng.random::<f64>() - 0.5));
    raw.qr().q().transpose().iter().copied().collect()
}

/// A circuit of gates of the table: for each choice a gate, a place, and an angle that is added to a parameter of its own.
pub(crate) fn circuit_of(qubits: usize, choices: &[(usize, usize, f64)]) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("width");
    for (k, &(gate, place, angle)) in choices.iter().enumerate() {
        let fitting: Vec<_> = Gate::all().iter().filter(|spec| spec.qubits() <= qubits).collect();
        let spec = fitting[gate % fitting.len()];
        let (mut free, mut operands, mut place) = ((0..qubits).collect::<Vec<_>>(), Vec::new(), place);
        for _ in 0..spec.qubits() {
            operands.push(free.remove(place % free.len()));
            place /= qubits;
        }
        let mut angles = Vec::new();
        for a in 0..spec.angles {
            let parameter = circuit.parameter(format!("p{k}_{a}")).expect("a new name");
            angles.push(parameter * 1.5 + angle);
        }
        circuit.gate(spec.gate, &operands, &angles).expect("valid operands");
    }
    circuit
}

/// Lines of CX up and down, a ring, and random CX, X and swaps, each behind rotations by parameters on all qubits: what plans do as
/// maps of basis states.
pub(crate) fn moving(qubits: usize, kind: usize) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("width");
    let mut rng = ChaCha8Rng::seed_from_u64(kind as u64);
    for layer in 0..3 {
        for q in 0..qubits {
            let angle = circuit.parameter(format!("t{layer}_{q}")).expect("a new name");
            match (layer + q + kind) % 3 {
                0 => circuit.rx(q, angle),
                1 => circuit.rz(q, angle).expect("valid").ry(q, 0.3),
                _ => circuit.ry(q, angle),
            }
            .expect("valid");
        }
        match kind {
            0 => (1..qubits).for_each(|q| {
                circuit.cx(q - 1, q).expect("valid");
            }),
            1 => (1..qubits).rev().for_each(|q| {
                circuit.cx(q, q - 1).expect("valid");
            }),
            2 => (0..qubits).for_each(|q| {
                circuit.cx(q, (q + 1) % qubits).expect("valid");
            }),
            _ => {
                for _ in 0..3 * qubits {
                    let (a, b) = (rng.random_range(0..qubits), rng.random_range(0..qubits));
                    match rng.random_range(0..8) {
                        _ if a == b => circuit.x(a),
                        0 => circuit.gate(Gate::Swap, &[a, b], &[]),
                        1 => circuit.gate(Gate::Crx, &[a, b], &[0.7.into()]),
                        _ => circuit.cx(a, b),
                    }
                    .expect("valid");
                }
            }
        }
    }
    circuit
}
