//! The OpenQASM reader against reference numbers of other libraries, against its own promises, and against bad input.
#![cfg(feature = "qasm")]

mod common;

use num_complex::Complex64;
use qcore::qasm;
use qcore::{Circuit, Control, Gate, Operation, PauliSum, StateVector};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn state_of(circuit: &Circuit, parameters: &[f64]) -> StateVector {
    let mut state = StateVector::zero(circuit.num_qubits()).expect("small");
    state.apply_circuit(circuit, parameters).expect("finite angles");
    state
}

/// Largest distance of amplitudes after the best global phase.
fn distance_up_to_phase(left: &[Complex64], right: &[Complex64]) -> f64 {
    assert_eq!(left.len(), right.len());
    let overlap: Complex64 = left.iter().zip(right).map(|(a, b)| a.conj() * b).sum();
    let phase = overlap / overlap.norm();
    left.iter().zip(right).map(|(a, b)| (a * phase - b).norm()).fold(0.0, f64::max)
}

/// Names of the cases of a folder, from its JSON files.
fn cases(folder: &str) -> Vec<(String, String, Value)> {
    let mut names: Vec<String> = std::fs::read_dir(data(folder))
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().expect("named").to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let text = read(&data(folder).join(format!("{name}.qasm")));
            let json = read(&data(folder).join(format!("{name}.json")));
            (name, text, serde_json::from_str(&json).expect("JSON"))
        })
        .collect()
}

/// Compares everything that a case states; returns how many statements those were.
fn check_case(name: &str, circuit: &Circuit, expected: &Value) -> usize {
    const TOLERANCE: f64 = 1e-10;
    let names: Vec<&str> =
        expected["parameter_names"].as_array().expect("a list").iter().map(|n| n.as_str().expect("a name")).collect();
    assert_eq!(circuit.parameters(), names, "{name}");
    assert_eq!(circuit.num_qubits() as u64, expected["qubits"], "{name}");
    let state = state_of(circuit, &numbers(&expected["parameters"]));
    let mut checked = 0;
    if let Some(amplitudes) = expected.get("amplitudes") {
        let amplitudes: Vec<Complex64> = amplitudes
            .as_array()
            .expect("a list")
            .iter()
            .map(|pair| Complex64::new(pair[0].as_f64().expect("a number"), pair[1].as_f64().expect("a number")))
            .collect();
        let distance = distance_up_to_phase(&state.amplitudes(), &amplitudes);
        assert!(distance < TOLERANCE, "{name}: amplitudes differ by {distance:e}");
        checked += 1;
    }
    if let Some(probabilities) = expected.get("probabilities") {
        let found = state.probabilities();
        for (bits, probability) in probabilities.as_object().expect("an object") {
            let index = usize::from_str_radix(bits, 2).expect("bits");
            let difference = (found[index] - probability.as_f64().expect("a number")).abs();
            assert!(difference < TOLERANCE, "{name}: probability of {bits} differs by {difference:e}");
            checked += 1;
        }
    }
    if let Some(text) = expected.get("observable").and_then(Value::as_str) {
        let observable: PauliSum = text.parse().expect("an observable");
        let expectation = state.expectation(&observable).expect("fits");
        let difference = (expectation - expected["expectation"].as_f64().expect("a number")).abs();
        assert!(difference < TOLERANCE, "{name}: expectation differs by {difference:e}");
        let mut image = StateVector::zero(circuit.num_qubits()).expect("small");
        state.apply_observable(&observable, &mut image).expect("fits");
        let variance = image.norm_squared() - expectation * expectation;
        let difference = (variance - expected["variance_of_observable"].as_f64().expect("a number")).abs();
        assert!(difference < TOLERANCE, "{name}: variance differs by {difference:e}");
        // Term by term, since terms may repeat in the text and are merged in the observable.
        let terms: Vec<String> = text.replace(" - ", " + ").split(" + ").map(str::to_owned).collect();
        let stated = numbers(&expected["term_expectations"]);
        assert_eq!(terms.len(), stated.len(), "{name}");
        for (term, stated) in terms.iter().zip(&stated) {
            let string = term.parse::<PauliSum>().expect("a term").terms()[0].1;
            let difference = (state.pauli_expectation(string).expect("fits") - stated).abs();
            assert!(difference < TOLERANCE, "{name}: <{string}> differs by {difference:e}");
        }
        checked += 2 + terms.len();
    }
    checked
}

#[test]
fn reference_circuits() {
    let cases = cases("circuits");
    assert_eq!(cases.len(), 29);
    for (name, text, expected) in cases {
        let circuit = qasm::parse(&text).unwrap_or_else(|error| panic!("{name}.qasm: {error}"));
        assert!(check_case(&name, &circuit, &expected) >= 3, "{name}");
    }
}

#[test]
fn files_that_qiskit_writes() {
    let cases = cases("qiskit");
    assert_eq!(cases.len(), 20);
    for (name, text, expected) in cases {
        let circuit = qasm::parse(&text).unwrap_or_else(|error| panic!("{name}.qasm: {error}"));
        assert_eq!(check_case(&name, &circuit, &expected), 1, "{name}");
    }
}

/// Amplitudes after a circuit from a state without symmetry; global phases count.
fn image(circuit: &Circuit, parameters: &[f64]) -> Vec<Complex64> {
    let start = common::random_state(circuit.num_qubits(), 91);
    let mut state = StateVector::from_amplitudes(&start).expect("normalized");
    state.apply_circuit(circuit, parameters).expect("finite angles");
    state.amplitudes()
}

fn check_round_trip(name: &str, circuit: &Circuit, parameters: &[f64]) -> String {
    let text = qasm::to_string(circuit).unwrap_or_else(|error| panic!("{name}: {error}"));
    let again = qasm::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    assert_eq!(again.parameters(), circuit.parameters(), "{name}");
    let distance = common::distance(&image(&again, parameters), &image(circuit, parameters));
    assert!(distance < 1e-13, "{name}: {distance:e}\n{text}");
    text
}

#[test]
fn written_files_read_back_to_the_same_unitary() {
    for folder in ["circuits", "qiskit"] {
        for (name, text, expected) in cases(folder) {
            let circuit = qasm::parse(&text).expect("valid");
            let written = check_round_trip(&name, &circuit, &numbers(&expected["parameters"]));
            // What the reader gives holds standard gates only, so that nothing else is lost either.
            if !written.contains("gate ") {
                let again = qasm::parse(&written).expect("valid");
                assert_eq!(again.operations().len(), circuit.operations().len(), "{name}");
            }
        }
    }
}

/// Every gate of the table, Pauli rotations and matrices, each bare and under added controls, with symbolic angles.
#[test]
fn every_operation_can_be_written() {
    let qubits = 6;
    let values = [0.9, -2.2, 1.4, 0.55];
    let mut blank = Circuit::new(qubits).expect("width");
    let parameters: Vec<qcore::Angle> = ["q", "rxx", "unitary_0", "\u{3b8}_1"]
        .into_iter()
        .map(|name| blank.parameter(name).expect("new").into())
        .collect();
    let mut operations = Vec::new();
    for spec in Gate::all() {
        let operands = &[4, 1, 5, 0, 2][..spec.qubits()];
        operations.push(Operation::gate(spec.gate, operands, &parameters[..spec.angles]).expect("valid"));
    }
    for text in ["I", "X3", "Y0 Z2", "X1 Y2 Z3 Y5"] {
        let string = text.parse::<PauliSum>().expect("valid").terms()[0].1;
        operations.push(Operation::pauli_rotation(string, parameters[1].clone()).expect("valid"));
    }
    let zero = Complex64::new(0.0, 0.0);
    let one = Complex64::new(1.0, 0.0);
    let i = Complex64::new(0.0, 1.0);
    for matrix in [vec![zero, i, one, zero], vec![i, zero, zero, -one]] {
        operations.push(Operation::unitary(&[2], &matrix).expect("unitary"));
    }
    // A permutation with phases: zeros wherever the decomposition could divide by them.
    let mut cycle = vec![zero; 16];
    for (row, column, entry) in [(0, 2, i), (1, 0, one), (2, 3, -i), (3, 1, -one)] {
        cycle[4 * row + column] = entry;
    }
    operations.push(Operation::unitary(&[4, 1], &cycle).expect("unitary"));
    for seed in 0..10 {
        operations.push(Operation::unitary(&[3], &common::random_unitary(2, seed)).expect("unitary"));
        operations.push(Operation::unitary(&[1, 4], &common::random_unitary(4, seed)).expect("unitary"));
    }
    let mut together = blank.clone();
    for operation in operations {
        let free: Vec<usize> = (0..qubits).filter(|q| !operation.qubits().contains(q)).collect();
        for controls in [vec![], vec![Control::on(free[0])], free.iter().take(2).map(|&q| Control::off(q)).collect()] {
            let mut circuit = blank.clone();
            let operation = operation.clone().controlled(&controls).expect("distinct");
            circuit.push(operation.clone()).expect("fits");
            check_round_trip(&format!("{operation:?}"), &circuit, &values);
            together.push(operation).expect("fits");
        }
    }
    let text = check_round_trip("together", &together, &values);
    assert!(!text.contains("@ U(") && !text.contains("@ u2("), "the global phase of a controlled U is ambiguous");
}

#[test]
fn angles_are_written_so_that_they_read_back() {
    let mut circuit = Circuit::new(1).expect("width");
    let names = ["a", "b", "c"];
    let [a, b, c] = names.map(|name| qcore::Angle::from(circuit.parameter(name).expect("new")));
    let angles: Vec<(qcore::Angle, &str)> = vec![
        (0.1.into(), "0.1"),
        ((-1e-300).into(), "-1e-300"),
        (1e16.into(), "1e16"),
        (a.clone(), "a"),
        (-a.clone(), "-a"),
        (2.0 * a.clone() - b.clone() / 3.0 - 0.5, "2.0*a - 0.3333333333333333*b - 0.5"),
        (a.clone() * b.clone(), "a*b"),
        (a.clone() / (b.clone() + 1.0), "a/(1.0 + b)"),
        (a.clone() / b.clone() / c.clone(), "a/b/c"),
        (a.clone() / (b.clone() / c.clone()), "a/(b/c)"),
        (a.clone() * b.clone() + (c.clone() * a.clone() + 1.0), "a*b + (c*a + 1.0)"),
        ((a.clone() * b.clone()) * -2.0, "a*b*(-2.0)"),
        (a.clone().powf(3.0), "a*a*a"),
        ((a.clone() - b.clone()).powf(2.0), "(a + (-1.0)*b)*(a + (-1.0)*b)"),
        (a.clone().powf(-2.0), "1.0/(a*a)"),
        (a.powf(0.5) + c.powf(-9.0), "a**(0.5) + c**(-9.0)"),
    ];
    for (angle, text) in angles {
        let mut circuit = circuit.clone();
        circuit.rx(0, angle.clone()).expect("declared");
        let written = qasm::to_string(&circuit).expect("can be written");
        assert!(written.contains(&format!("rx({text}) q[0];")), "{written}");
        let again = qasm::parse(&written).expect("valid");
        let values = [0.7, -1.3, 2.1];
        let (left, right) = (again.operations()[0].angles()[0].value(&values), angle.value(&values));
        assert!((left - right).abs() <= 1e-15 * right.abs(), "{text}: {left} {right}");
    }
    let mut bad = circuit.clone();
    bad.rx(0, f64::NAN).expect("checked where it is bound");
    assert!(matches!(qasm::to_string(&bad), Err(qasm::WriteError::NotFinite { operation: 0, .. })));
    for name in ["gate", "pi", "x", "", "a b", "1a", "a;reset q"] {
        let mut circuit = Circuit::new(1).expect("width");
        circuit.parameter(name).expect("new");
        assert_eq!(qasm::to_string(&circuit), Err(qasm::WriteError::ParameterName { name: name.into() }));
    }
}

#[test]
fn reference_bad_inputs() {
    let manifest: Value = serde_json::from_str(&read(&data("bad_inputs/manifest.json"))).expect("JSON");
    for case in manifest.as_array().expect("a list") {
        let name = case["name"].as_str().expect("a name");
        let text = read(&data("bad_inputs").join(case["file"].as_str().expect("a name")));
        let parameters: Vec<f64> = case["params"]
            .as_str()
            .expect("text")
            .split(',')
            .filter(|p| !p.is_empty())
            .map(|p| p.parse().expect("a number, if not a finite one"))
            .collect();
        // The whole way of a command: read, bind, run, measure.
        let refusal =
            qasm::parse(&text).map_err(|error| (Some(error.location.line), error.to_string())).and_then(|circuit| {
                let other = |error: qcore::Error| (None, error.to_string());
                let mut state = StateVector::zero(circuit.num_qubits()).map_err(other)?;
                state.apply_circuit(&circuit, &parameters).map_err(other)?;
                let observable: PauliSum = case["observable"].as_str().expect("text").parse().map_err(other)?;
                state.expectation(&observable).map_err(other)
            });
        match refusal {
            Ok(_) => assert_eq!(case["expect"], "error_or_accept", "{name} was accepted"),
            Err((line, message)) => {
                assert!(!message.is_empty() && message.len() < 300, "{name}: {message}");
                if let (Some(line), Some(lines)) = (line, case.get("line")) {
                    let lines = numbers(lines);
                    assert!(lines.contains(&f64::from(line)), "{name}: {message}, expected line {lines:?}");
                }
            }
        }
    }
}
