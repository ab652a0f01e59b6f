//! Reference cases of other libraries (Qiskit and PennyLane, see the README beside the files): values, gradients, metric
//! tensors. The circuits are read from OpenQASM, which qcore's own tests hold to the amplitudes of the same cases.

use std::path::PathBuf;

use qcore::{PauliSum, qasm};
use qgrad::{Adjoint, Blocks, Estimator, Expectation, Metric, ParameterShift, Shots, Simulator, StateVectorBackend};
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
        // Blocks are made another way, from covariances within a layer: negated controls among them.
        let metric = Metric::of_all_parameters(expectation.circuit()).expect("the whole one exists");
        for (blocks, sets) in [(Blocks::Layers, metric.layers()), (Blocks::Diagonal, Vec::new())] {
            let found = metric.exact(&blocks, parameters, &mut StateVectorBackend::new()).expect("runs").matrix;
            for (i, row) in rows.iter().enumerate() {
                for (j, entry) in numbers(row).into_iter().enumerate() {
                    let is_wanted = i == j || sets.iter().any(|set| set.contains(&i) && set.contains(&j));
                    let expected = if is_wanted { entry } else { 0.0 };
                    assert!((found[(i, j)] - expected).abs() < 1e-8, "{name}, {blocks:?}, ({i}, {j})");
                }
            }
        }
        checked += 1;
    }
    assert!(checked >= 3, "only {checked} cases have a metric tensor");
}

#[test]
fn hessians_agree_with_other_libraries() {
    let mut checked = 0;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for Case { name, expectation, parameters, expected } in &cases() {
        let Some(rows) = expected["hessian"].as_array() else { continue };
        let mut backend = StateVectorBackend::new();
        let exact = Adjoint.hessian(expectation, parameters, &[1.0], &mut backend).expect("runs");
        let shift = ParameterShift { shots: Shots::Exact };
        let shifted = shift.hessian(expectation, parameters, &[1.0], &mut backend, &mut rng).expect("runs");
        for (i, row) in rows.iter().enumerate() {
            let row = numbers(row);
            for (j, &entry) in row.iter().enumerate() {
                assert!((exact.matrix[(i, j)] - entry).abs() < 1e-8, "{name}, ({i}, {j})");
                assert!((shifted.matrix[(i, j)] - entry).abs() < 1e-8, "{name}, shift rule, ({i}, {j})");
            }
            let mut unit = vec![0.0; rows.len()];
            unit[i] = 1.0;
            let product = Adjoint.hessian_vector_product(expectation, parameters, &[1.0], &unit, &mut backend);
            let product = product.expect("runs").product;
            assert!(product.iter().zip(&row).all(|(found, entry)| (found - entry).abs() < 1e-8), "{name}, row {i}");
            let line = Adjoint.line_derivatives(expectation, parameters, &[1.0], &unit, &mut backend).expect("runs");
            assert!((line.second - row[i]).abs() < 1e-8, "{name}, ({i}, {i}) along a line");
        }
        checked += 1;
    }
    assert!(checked >= 16, "only {checked} cases have a Hessian");
}

/// Gradient, curvatures and the third derivative of the problem on which the optimizers are checked (the file belongs to qopt,
/// where its README says how the numbers were made), and what steps of three lengths do to the gradient.
#[test]
fn second_order_along_the_gradient_agrees_with_recorded_numbers() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../qopt/tests/data/nlr_reference.json");
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("JSON");
    let number = |value: &Value| -> f64 {
        value.as_f64().unwrap_or_else(|| value.as_str().expect("text").parse().expect("a number"))
    };
    let mut circuit = qcore::Circuit::new(4).expect("width");
    let t = circuit.parameters_named("t", 24).expect("new");
    for layer in t.chunks(8) {
        for q in 0..4 {
            circuit.ry(q, layer[2 * q]).expect("valid").rz(q, layer[2 * q + 1]).expect("valid");
        }
        circuit.cz(0, 1).expect("valid").cz(1, 2).expect("valid").cz(2, 3).expect("valid");
    }
    let theta: Vec<f64> = (0..24).map(|k| (0.1 + 0.37 * f64::from(k)) % (2.0 * std::f64::consts::PI)).collect();
    let chain = PauliSum::transverse_field_ising(4, 1.0, 0.8).expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec![chain]).expect("valid");
    let mut backend = StateVectorBackend::new();
    let found = Adjoint.second_order(&expectation, &theta, &[1.0], &mut backend).expect("runs");
    for (g, expected) in found.gradient.iter().zip(expected["theta0_gradient"].as_array().expect("a list")) {
        assert!((g - number(expected)).abs() < 1e-10);
    }
    let theory = &expected["theory_at_theta0"];
    for (name, value) in [
        ("loss", found.value),
        ("grad_norm_sq", found.gradient_squared),
        ("gHg", found.second),
        ("Hg_norm_sq", found.hessian_gradient_squared),
        ("gTgg", found.third),
        ("kappa_exact_gHg_over_g2", found.curvature().expect("no stationary point")),
    ] {
        assert!((value - number(&theory[name])).abs() < 1e-8, "{name}: {value} against {}", theory[name]);
    }
    let hessian = Adjoint.hessian(&expectation, &theta, &[1.0], &mut backend).expect("runs").matrix;
    assert!((hessian.trace() - number(&theory["hessian_trace"])).abs() < 1e-8);
    for eta in [0.01, 0.1, 0.4] {
        let after = number(&theory["grad_norm_sq_after_ascent"][eta.to_string()]);
        let change = Adjoint.gradient_change(&expectation, &theta, &[1.0], &found, eta, &mut backend).expect("runs");
        assert!((change.actual - (after - found.gradient_squared)).abs() < 1e-8, "eta = {eta}");
        // Leading error of the prediction: third order.
        assert!((change.predicted - change.actual).abs() < 120.0 * eta.powi(3), "eta = {eta}: {change:?}");
        assert!(change.predicted * change.actual > 0.0, "the sign of the change at eta = {eta}");
    }
}
