//! The gate table proves itself: each column from another one, for all gates at once.

mod common;

use common::{Matrix, c, embed, gate_matrix};
use qcore::{Action, Angle, Circuit, Control, Gate, Generator, Operation, PartAngle, PauliString, Program};

const ANGLES: [f64; 4] = [0.9, -2.2, 1.4, 0.55];

fn angle_of(angle: PartAngle, given: &[f64]) -> f64 {
    match angle {
        PartAngle::Argument(k) => given[k],
        PartAngle::Minus(k) => -given[k],
        PartAngle::Constant(value) => value,
    }
}

fn close(left: &Matrix, right: &Matrix) -> bool {
    (left - right).iter().all(|entry| entry.norm() < 1e-14)
}

/// The matrix of a row from its own columns alone.
fn matrix_of_row(gate: Gate, angles: &[f64]) -> Matrix {
    let spec = gate.spec();
    let dimension = 1 << spec.qubits();
    match spec.action {
        Action::Fixed(entries) => {
            with_controls(spec.controls, &Matrix::from_row_slice(1 << spec.targets, 1 << spec.targets, entries))
        }
        Action::Rotation { .. } => {
            let generator = generator_of_row(gate);
            let eigen = generator.symmetric_eigen();
            let phases = eigen.eigenvalues.map(|value| c(0.0, -angles[0] * value).exp());
            &eigen.eigenvectors * Matrix::from_diagonal(&phases) * eigen.eigenvectors.adjoint()
        }
        Action::Decomposition(parts) => parts.iter().fold(Matrix::identity(dimension, dimension), |product, part| {
            let part_angles: Vec<f64> = part.angles.iter().map(|&a| angle_of(a, angles)).collect();
            embed(&matrix_of_row(part.gate, &part_angles), part.operands, spec.qubits()) * product
        }),
    }
}

fn with_controls(controls: usize, target: &Matrix) -> Matrix {
    let all = (1 << controls) - 1;
    let dimension = target.nrows() << controls;
    Matrix::from_fn(dimension, dimension, |row, column| match (row & all == all, row & all == column & all) {
        (true, true) => target[(row >> controls, column >> controls)],
        (false, true) if row == column => c(1.0, 0.0),
        _ => c(0.0, 0.0),
    })
}

/// The generator of a whole one-angle gate, controls included.
fn generator_of_row(gate: Gate) -> Matrix {
    let spec = gate.spec();
    let Action::Rotation { generator, .. } = spec.action else { panic!("{} is not a rotation", spec.name) };
    let target = match generator {
        Generator::HalfPauli(letters) => {
            letters.chars().fold(Matrix::identity(1, 1), |product, letter| {
                let pauli = match letter {
                    'X' => Gate::X,
                    'Y' => Gate::Y,
                    'Z' => Gate::Z,
                    other => panic!("{} has the letter {other}", spec.name),
                };
                gate_matrix(pauli, &[]).kronecker(&product)
            }) * c(0.5, 0.0)
        }
        Generator::Phase => {
            let mut projector = Matrix::zeros(1 << spec.targets, 1 << spec.targets);
            projector[((1 << spec.targets) - 1, (1 << spec.targets) - 1)] = c(-1.0, 0.0);
            projector
        }
    };
    assert_eq!(target.nrows(), 1 << spec.targets, "{}", spec.name);
    let all = (1 << spec.controls) - 1;
    let dimension = target.nrows() << spec.controls;
    Matrix::from_fn(dimension, dimension, |row, column| {
        if row & all == all && column & all == all {
            target[(row >> spec.controls, column >> spec.controls)]
        } else {
            c(0.0, 0.0)
        }
    })
}

#[test]
fn rows_stand_at_the_place_of_their_gate_and_names_are_unique() {
    let mut names = std::collections::HashSet::new();
    for spec in Gate::all() {
        assert_eq!(spec.gate.spec(), spec);
        for name in std::iter::once(&spec.name).chain(spec.aliases) {
            assert!(names.insert(*name), "{name} is there twice");
            assert_eq!(Gate::by_name(name), Some(spec.gate));
        }
    }
    assert_eq!(Gate::by_name("nonsense"), None);
}

#[test]
fn matrices_generators_and_decompositions_agree_with_the_openqasm_text() {
    for spec in Gate::all() {
        let angles = &ANGLES[..spec.angles];
        assert!(close(&matrix_of_row(spec.gate, angles), &gate_matrix(spec.gate, angles)), "{}", spec.name);
    }
}

#[test]
fn inverses_are_inverses() {
    for spec in Gate::all() {
        let angles = &ANGLES[..spec.angles];
        let (inverse, inverse_angles) = spec.inverse;
        let inverse_angles: Vec<f64> = inverse_angles.iter().map(|&a| angle_of(a, angles)).collect();
        assert_eq!(inverse_angles.len(), inverse.spec().angles, "{}", spec.name);
        let product = gate_matrix(inverse, &inverse_angles) * gate_matrix(spec.gate, angles);
        assert!(close(&product, &Matrix::identity(product.nrows(), product.nrows())), "{}", spec.name);
    }
}

#[test]
fn frequencies_are_the_differences_of_eigenvalues_of_the_generator() {
    for spec in Gate::all() {
        let Action::Rotation { frequencies, .. } = spec.action else { continue };
        let eigenvalues = generator_of_row(spec.gate).symmetric_eigen().eigenvalues;
        let mut differences: Vec<f64> = eigenvalues
            .iter()
            .flat_map(|a| eigenvalues.iter().map(move |b| a - b))
            .filter(|&difference| difference > 1e-9)
            .collect();
        differences.sort_by(f64::total_cmp);
        differences.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
        assert_eq!(differences.len(), frequencies.len(), "{}: {differences:?}", spec.name);
        for (found, stated) in differences.iter().zip(frequencies) {
            assert!((found - stated).abs() < 1e-12, "{}: {differences:?}", spec.name);
        }
    }
}

/// The frequencies that a program states, for every one-angle gate with 0 to 2 added controls of either kind, against the
/// spectrum of the whole generator: read off the dense matrix of the operation, whose eigenvalues at one angle are
/// `e^{-i t g}` with `g` a multiple of 1/2.
#[test]
fn frequencies_of_controlled_operations_are_differences_of_eigenvalues() {
    let qubits = 5;
    let t = 0.3;
    let strings = ["I", "X0", "Y1 Z3", "X0 Y1 Z2"];
    let mut operations: Vec<Operation> = strings
        .iter()
        .map(|text| {
            let string: PauliString = text.parse::<qcore::PauliSum>().expect("valid").terms()[0].1;
            Operation::pauli_rotation(string, t).expect("valid")
        })
        .collect();
    for spec in Gate::all().iter().filter(|spec| matches!(spec.action, Action::Rotation { .. })) {
        let operands: Vec<usize> = (0..spec.qubits()).collect();
        operations.push(Operation::gate(spec.gate, &operands, &[t.into()]).expect("valid"));
    }
    for operation in operations {
        for controls in [&[][..], &[Control::on(4)], &[Control::off(4), Control::on(3)]] {
            let Ok(operation) = operation.clone().controlled(controls) else { continue };
            let eigenvalues: Vec<f64> = common::operation_matrix(&operation, &[t], qubits)
                .schur()
                .complex_eigenvalues_of_normal()
                .iter()
                .map(|value| (-value.arg() / t * 2.0).round() / 2.0)
                .collect();
            let mut differences: Vec<f64> = eigenvalues
                .iter()
                .flat_map(|a| eigenvalues.iter().map(move |b| a - b))
                .filter(|&difference| difference > 0.0)
                .collect();
            differences.sort_by(f64::total_cmp);
            differences.dedup();
            let mut circuit = Circuit::new(qubits).expect("width");
            circuit.push(operation.clone()).expect("fits");
            let program = Program::compile(&circuit);
            assert_eq!(program.rotations()[0].frequencies(), differences, "{operation:?}");
        }
    }
}

trait NormalEigenvalues {
    fn complex_eigenvalues_of_normal(&self) -> Vec<num_complex::Complex64>;
}

impl NormalEigenvalues for nalgebra::Schur<num_complex::Complex64, nalgebra::Dyn> {
    fn complex_eigenvalues_of_normal(&self) -> Vec<num_complex::Complex64> {
        // The triangular factor of a normal matrix is diagonal.
        let (_, triangular) = self.clone().unpack();
        triangular.diagonal().iter().copied().collect()
    }
}

#[test]
fn symbolic_circuits_invert_symbolically() {
    let mut circuit = Circuit::new(2).expect("width");
    let theta = circuit.parameter("theta").expect("new");
    let angles: [Angle; 4] = [2.0 * theta, theta * theta, theta.into(), 0.3.into()];
    circuit.gate(Gate::Cu, &[1, 0], &angles).expect("valid");
    circuit.gate(Gate::U2, &[0], &angles[..2]).expect("valid");
    let mut state = qcore::StateVector::zero(2).expect("small");
    state.apply_gate(Gate::H, &[0], &[]).expect("valid");
    state.apply_gate(Gate::H, &[1], &[]).expect("valid");
    let before = state.amplitudes();
    state.apply_circuit(&circuit, &[0.77]).expect("fits");
    assert!(common::distance(&state.amplitudes(), &before) > 0.1);
    state.apply_circuit(&circuit.inverse(), &[0.77]).expect("fits");
    assert!(common::distance(&state.amplitudes(), &before) < 1e-14);
}
