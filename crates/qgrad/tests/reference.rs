//! Reference cases of other libraries (Qiskit and PennyLane, see the README beside the files): values, gradients, metric
//! tensors. The circuits are read from OpenQASM, which qcore's own tests hold to the amplitudes of the same cases.

use std::path::PathBuf;

use qcore::{PauliSum, qasm};
use qgrad::{Adjoint, Estimator, Expectation, ParameterShift, Shots, Simulator, StateVectorBackend};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

struct Case {
    name: String,
    expectation: Expectation,
    parameters: Vec<f64>,
    expected: Value,
}

fn cases() -> Vec<Case> {
    // The files belong to qcore; this test is not part of the package.
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../qcore/tests/data/circuits");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the reference cases are there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let read = |path: &PathBuf| std::fs::read_to_string(path).expect("readable");
            let expected: Value = serde_json::from_str(&read(&path)).expect("JSON");
            let circuit = qasm::parse(&read(&path.with_extension("qasm"))).expect("a good file");
            let observable: PauliSum = expected["observable"].as_str().expect("text").parse().expect("an observable");
            Case {
                name: path.file_stem().expect("named").to_string_lossy().into_owned(),
                expectation: Expectation::of_all_parameters(&circuit, vec![observable]).expect("valid"),
                parameters: numbers(&expected["parameters"]),
                expected,
            }
        })
        .collect()
}

#[test]
fn values_and_gradients_agree_with_other_libraries() {
    let cases = cases();
    assert!(cases.len() >= 29, "only {} cases were found", cases.len());
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for Case { name, expectation, parameters, expected } in &cases {
        let mut backend = StateVectorBackend::new();
        let values = Adjoint.values(expectation, parameters, &mut backend, &mut rng).expect("runs");
        let value = expected["expectation"].as_f64().expect("a number");
        assert!((values.estimates[0].value - value).abs() < 1e-10, "{name}");
        let gradient = numbers(&expected["gradient"]);
        let estimators: [&dyn Estimator; 2] = [&Adjoint, &ParameterShift { shots: Shots::Exact }];
        for (estimator, how) in estimators.into_iter().zip(["adjoint", "parameter shift"]) {
            let answer = estimator.gradient(expectation, parameters, &mut backend, &mut rng).expect("runs");
            assert_eq!(answer.gradient.len(), gradient.len(), "{name}");
            for (k, (found, expected)) in answer.gradient.iter().zip(&gradient).enumerate() {
                assert!((found - expected).abs() < 1e-9, "{name}, {how}, component {k}: {found} against {expected}");
            }
        }
    }
}

#[test]
fn metric_tensors_agree_with_other_libraries() {
    let mut checked = 0;
    for Case { name, expectation, parameters, expected } in &cases() {
        let Some(rows) = expected["metric_tensor"].as_array() else { continue };
        let metric = StateVectorBackend::new().metric_tensor(expectation, parameters).expect("runs");
        for (i, row) in rows.iter().enumerate() {
            for (j, entry) in numbers(row).into_iter().enumerate() {
                assert!((metric[(i, j)] - entry).abs() < 1e-8, "{name}, ({i}, {j})");
            }
        }
        checked += 1;
    }
    assert!(checked >= 3, "only {checked} cases have a metric tensor");
}
