//! Native gates: the table row by row in several gate sets, controls, matrices, refusals, merging.

use std::f64::consts::PI;
use std::path::PathBuf;

use qcore::{Angle, Control, Operation, PauliSum, qasm};
use qiot_profile::transpile::{Error, transpile};

use super::*;

/// Gate sets of devices: superconducting ones with CX and with CZ, ions, spins, a general gate, a one-way CX.
fn targets(qubits: usize) -> Vec<(&'static str, Target)> {
    let sets: [(&str, &[Gate]); 11] = [
        ("superconducting", &[Gate::Id, Gate::Rz, Gate::Sx, Gate::X, Gate::Cx]),
        ("h", &[Gate::Rz, Gate::H, Gate::Cx]),
        ("cz", &[Gate::Rz, Gate::Sx, Gate::X, Gate::Cz]),
        ("prx", &[Gate::R, Gate::Cz]),
        ("spins", &[Gate::Rx, Gate::Ry, Gate::Rz, Gate::Cz]),
        ("ions", &[Gate::Rx, Gate::Ry, Gate::Rxx]),
        ("virtual z", &[Gate::Rx, Gate::Rz, Gate::Rzz, Gate::Swap]),
        ("phases", &[Gate::P, Gate::Ry, Gate::Cp]),
        ("general", &[Gate::U, Gate::Cx]),
        ("cross resonance", &[Gate::Rz, Gate::Sx, Gate::Rzx]),
        ("controlled", &[Gate::Rz, Gate::Ry, Gate::Crx, Gate::Cy]),
    ];
    let mut targets: Vec<(&str, Target)> =
        sets.into_iter().map(|(name, gates)| (name, Target::new(qubits, gates))).collect();
    let upwards = (0..qubits).flat_map(|a| (a + 1..qubits).map(move |b| [a, b])).collect();
    let mut one_way = Target::new(qubits, &[Gate::Rz, Gate::Sx, Gate::X, Gate::Cx]);
    one_way.coupling = Some((0..qubits).flat_map(|a| (a + 1..qubits).map(move |b| [a, b])).collect());
    one_way.directions = Some(upwards);
    targets.push(("one way", one_way));
    targets
}

#[test]
fn every_gate_of_the_table_in_every_gate_set() {
    let mut rng = stream(1);
    for (name, target) in targets(5) {
        for spec in Gate::all() {
            let mut circuit = Circuit::new(5).expect("five qubits");
            let theta = circuit.parameters_named("theta", spec.angles).expect("new names");
            let angles: Vec<Angle> = theta.iter().map(|&t| 0.5 * t + 0.3).collect();
            // The operands in an order that is not the register's.
            let operands: Vec<usize> = [3, 0, 4, 1, 2][..spec.qubits()].to_vec();
            circuit.gate(spec.gate, &operands, &angles).expect("a row of the table");
            let constants: Vec<Angle> = (0..spec.angles).map(|k| (0.4 + k as f64).into()).collect();
            circuit.gate(spec.gate, &operands, &constants).expect("a row of the table");
            let native = transpile(&circuit, &target).expect("expressible");
            check(&circuit, &target, &native, &mut rng, &format!("{} on {name}", spec.name));
        }
    }
}

#[test]
fn added_controls() {
    let mut rng = stream(2);
    for (name, target) in targets(6).into_iter().take(3) {
        for spec in Gate::all() {
            for controls in [&[Control::on(5)][..], &[Control::off(5), Control::on(4)]] {
                let operands: Vec<usize> = [2, 0, 3, 1, 4].into_iter().take(spec.qubits()).collect();
                if spec.qubits() + controls.len() > 6 {
                    continue;
                }
                let mut circuit = Circuit::new(6).expect("six qubits");
                let theta = circuit.parameters_named("theta", spec.angles).expect("new names");
                let angles: Vec<Angle> = theta.iter().map(|&t| t.into()).collect();
                let operation = Operation::gate(spec.gate, &operands, &angles).expect("a row of the table");
                circuit.push(operation.controlled(controls).expect("other qubits")).expect("in range");
                let native = transpile(&circuit, &target).expect("expressible");
                check(
                    &circuit,
                    &target,
                    &native,
                    &mut rng,
                    &format!("{} with {} on {name}", spec.name, controls.len()),
                );
            }
        }
    }
}

#[test]
fn many_controls_and_long_pauli_strings() {
    let mut rng = stream(3);
    for qubits in [6, 7, 8, 9, 10] {
        let target = Target::new(qubits, &[Gate::Rz, Gate::Sx, Gate::X, Gate::Cx]);
        // All qubits, one to borrow, and more to borrow.
        for controls in [qubits - 1, qubits - 2, qubits - 4] {
            let on: Vec<Control> = (1..=controls).map(Control::on).collect();
            let mut circuit = Circuit::new(qubits).expect("a small register");
            let theta = circuit.parameter("theta").expect("a new name");
            for operation in [
                Operation::gate(Gate::X, &[0], &[]),
                Operation::gate(Gate::Rx, &[0], &[theta.into()]),
                Operation::gate(Gate::T, &[0], &[]),
            ] {
                circuit.push(operation.expect("a gate").controlled(&on).expect("other qubits")).expect("in range");
            }
            let native = transpile(&circuit, &target).expect("expressible");
            check(&circuit, &target, &native, &mut rng, &format!("{controls} controls of {qubits} qubits"));
        }
    }
    let mut circuit = Circuit::new(6).expect("six qubits");
    let theta = circuit.parameter("theta").expect("a new name");
    for (text, controls) in
        [("X0 Y2 Z3 Y5", &[][..]), ("Y1", &[]), ("Z4 X5", &[]), ("X0 Z2 Y3", &[1, 4]), ("I", &[2, 0])]
    {
        let sum: PauliSum = text.parse().expect("one string");
        let string = sum.terms()[0].1;
        let controls: Vec<Control> = controls.iter().map(|&q| Control::off(q)).collect();
        let rotation = Operation::pauli_rotation(string, 1.5 * theta).expect("a string");
        circuit.push(rotation.controlled(&controls).expect("other qubits")).expect("in range");
    }
    for (name, target) in targets(6) {
        let native = transpile(&circuit, &target).expect("expressible");
        check(&circuit, &target, &native, &mut rng, &format!("Pauli rotations on {name}"));
    }
}

/// The matrix of a circuit on two qubits, row-major.
fn matrix(circuit: &Circuit) -> Vec<Complex64> {
    let mut columns = Vec::new();
    for column in 0..4 {
        let mut basis = vec![Complex64::ZERO; 4];
        basis[column] = Complex64::ONE;
        columns.push(applied(circuit, &[], &basis));
    }
    (0..16).map(|k| columns[k % 4][k / 4]).collect()
}

#[test]
fn unitary_matrices_take_no_more_cx_than_needed() {
    let mut rng = stream(4);
    let target = Target::new(3, &[Gate::Rz, Gate::Sx, Gate::X, Gate::Cx]);
    let local = |circuit: &mut Circuit, rng: &mut ChaCha8Rng| {
        for qubit in 0..2 {
            let angles: Vec<Angle> = (0..3).map(|_| rng.random_range(-3.0..3.0).into()).collect();
            circuit.gate(Gate::U, &[qubit], &angles).expect("a gate");
        }
    };
    // How many CX a product of interactions by these angles needs (V. Shende, I. Markov, S. Bullock, Phys. Rev. A 69, 062321
    // (2004)): none, one for a quarter turn about one axis, two for two axes, three for all.
    let quarter = PI / 2.0;
    let cases: [([f64; 3], usize); 9] = [
        ([0.0, 0.0, 0.0], 0),
        ([quarter, 0.0, 0.0], 1),
        ([0.0, -quarter, PI], 1),
        ([0.3, 0.0, 0.0], 2),
        ([0.3, 0.8, 0.0], 2),
        ([0.0, 0.4, -0.4], 2),
        ([0.4, 0.0, quarter], 2),
        ([0.3, -0.2, 0.9], 3),
        ([quarter, quarter, quarter], 3),
    ];
    for (angles, cx) in cases {
        let mut parts = Circuit::new(2).expect("two qubits");
        local(&mut parts, &mut rng);
        for (gate, angle) in [Gate::Rxx, Gate::Ryy, Gate::Rzz].into_iter().zip(angles) {
            parts.gate(gate, &[0, 1], &[angle.into()]).expect("a gate");
        }
        local(&mut parts, &mut rng);
        let unitary = matrix(&parts);
        let mut circuit = Circuit::new(3).expect("three qubits");
        circuit.unitary(&[2, 0], &unitary).expect("unitary");
        let native = transpile(&circuit, &target).expect("expressible");
        check(&circuit, &target, &native, &mut rng, &format!("{angles:?}"));
        assert_eq!(native.gate_counts().get("cx").copied().unwrap_or(0), cx, "{angles:?}");
        // Under a control the phase of the matrix matters.
        let mut circuit = Circuit::new(3).expect("three qubits");
        let operation = Operation::unitary(&[2, 0], &unitary).expect("unitary");
        circuit.push(operation.controlled(&[Control::off(1)]).expect("another qubit")).expect("in range");
        circuit.unitary(&[1], &[Complex64::ZERO, Complex64::I, Complex64::ONE, Complex64::ZERO]).expect("unitary");
        let native = transpile(&circuit, &target).expect("expressible");
        check(&circuit, &target, &native, &mut rng, &format!("controlled, {angles:?}"));
    }
}

#[test]
fn what_native_gates_cannot_do_is_named() {
    let mut circuit = Circuit::new(2).expect("two qubits");
    let theta = circuit.parameter("theta").expect("a new name");
    circuit.x(0).expect("a gate").ry(1, theta).expect("a gate").cx(0, 1).expect("a gate");
    let refused = |gates: &[Gate]| transpile(&circuit, &Target::new(2, gates)).expect_err("cannot be made");
    let Error::Inexpressible { operation, name, ref gates, .. } = refused(&[Gate::X, Gate::Cx]) else {
        panic!("another error")
    };
    assert_eq!((operation, name, gates.as_slice()), (1, "ry", &["x", "cx"][..]));
    let error = refused(&[Gate::Rz, Gate::Sx]);
    assert!(matches!(error, Error::Inexpressible { operation: 2, name: "cx", .. }), "{error}");
    assert!(error.to_string().contains("operation 2 (cx) cannot be made of the native gates rz, sx"), "{error}");
    assert!(matches!(refused(&[Gate::Rx, Gate::Cx]), Error::Inexpressible { operation: 1, name: "ry", .. }));
    assert!(matches!(refused(&[Gate::Ry, Gate::Cx]), Error::Inexpressible { operation: 0, name: "x", .. }));
    // Gates that are there by themselves pass, whatever else is missing.
    let narrow = Target::new(2, &[Gate::X, Gate::Ry, Gate::Cx]);
    let native = transpile(&circuit, &narrow).expect("all three are native");
    check(&circuit, &narrow, &native, &mut stream(5), "native as written");
    assert_eq!(native.circuit.operations().len(), 3);
}

#[test]
fn runs_are_merged_and_pairs_cancel() {
    let target = Target::new(2, &[Gate::Rz, Gate::Sx, Gate::X, Gate::Cx]);
    let counts = |build: &dyn Fn(&mut Circuit) -> Result<(), qcore::Error>| {
        let mut circuit = Circuit::new(2).expect("two qubits");
        build(&mut circuit).expect("good gates");
        let native = transpile(&circuit, &target).expect("expressible");
        check(&circuit, &target, &native, &mut stream(6), "a short circuit");
        let counts = native.gate_counts();
        ["rz", "sx", "x", "cx"].map(|name| counts.get(name).copied().unwrap_or(0))
    };
    // H is one quarter turn, any gate two.
    assert_eq!(counts(&|c| c.h(0).map(drop)), [2, 1, 0, 0]);
    assert_eq!(counts(&|c| c.rx(0, 0.3)?.ry(0, 0.2)?.rz(0, 0.7)?.h(0).map(drop)), [3, 2, 0, 0]);
    assert_eq!(counts(&|c| c.h(0)?.h(0).map(drop)), [0, 0, 0, 0]);
    assert_eq!(counts(&|c| c.rz(0, 0.0)?.rz(1, 2.0 * PI)?.p(0, 0.4)?.rz(0, -0.4).map(drop)), [0; 4]);
    // Rotations about Z add up, also across a control.
    assert_eq!(
        counts(&|c| {
            let a = c.parameter("a")?;
            c.rz(0, a)?.cx(0, 1)?.rz(0, 0.5)?.p(0, a).map(drop)
        }),
        [1, 0, 0, 1]
    );
    assert_eq!(
        counts(&|c| {
            let a = c.parameter("a")?;
            c.rz(0, a)?.rz(0, -a).map(drop)
        }),
        [0; 4]
    );
    assert_eq!(counts(&|c| c.cx(0, 1)?.rz(0, 0.5)?.cx(0, 1).map(drop)), [1, 0, 0, 0]);
    assert_eq!(counts(&|c| c.cx(0, 1)?.cx(1, 0)?.cx(1, 0)?.cx(0, 1).map(drop)), [0; 4]);
    assert_eq!(counts(&|c| c.cx(0, 1)?.x(1)?.cx(0, 1).map(drop))[3], 2);
    // An exchange after a CX on its pair costs one CX more, not three.
    assert_eq!(counts(&|c| c.cx(1, 0)?.gate(Gate::Swap, &[0, 1], &[]).map(drop)), [0, 0, 0, 2]);
    // A symbolic rotation about Y is two quarter turns.
    assert_eq!(
        counts(&|c| {
            let a = c.parameter("a")?;
            c.ry(0, a).map(drop)
        })[1],
        2
    );
}

#[test]
fn reference_circuits() {
    // The files belong to qcore; this test is not part of the package.
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../qcore/tests/data/circuits");
    let mut rng = stream(7);
    let mut seen = 0;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("the cases are there").map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "qasm")) {
        let circuit = qasm::parse(&std::fs::read_to_string(path).expect("readable")).expect("a good file");
        let qubits = circuit.num_qubits();
        let mut line = Target::new(qubits, &[Gate::Rz, Gate::Sx, Gate::X, Gate::Cx]);
        line.coupling = Some((1..qubits).map(|k| [k - 1, k]).collect());
        for target in [line, Target::new(qubits, &[Gate::Rx, Gate::Ry, Gate::Rz, Gate::Cz])] {
            let native = transpile(&circuit, &target).expect("expressible");
            check(&circuit, &target, &native, &mut rng, &path.display().to_string());
        }
        seen += 1;
    }
    assert_eq!(seen, 29);
}
