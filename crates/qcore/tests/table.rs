//! The gate table proves itself: each column from another one, for all gates at once.

mod common;

use common::{Matrix, c, embed, gate_matrix};
use qcore::{Action, Angle, Circuit, Gate, Generator, PartAngle};

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
        Generator::Phase => Matrix::from_row_slice(2, 2, &[c(0.0, 0.0), c(0.0, 0.0), c(0.0, 0.0), c(-1.0, 0.0)]),
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
