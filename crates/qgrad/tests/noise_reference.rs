//! Reference cases with noise (PennyLane and Qiskit Aer, see the README beside the files): values and gradients.

use std::path::PathBuf;

use qcore::{Channel, NoiseModel, PauliSum, Selector, qasm};
use qgrad::{Adjoint, Backend, DensityMatrixBackend, Estimator, Expectation, ParameterShift, Shots, TrajectoryBackend};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde_json::Value;

struct Case {
    name: String,
    expectation: Expectation,
    model: NoiseModel,
    parameters: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn cases() -> Vec<Case> {
    // The files belong to qcore; this test is not part of the package.
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../qcore/tests/data/noise");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the reference cases are there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let cases: Vec<Case> = files
        .into_iter()
        .map(|path| {
            let read = |path: &PathBuf| std::fs::read_to_string(path).expect("readable");
            let text = read(&path);
            let case: Value = serde_json::from_str(&text).expect("JSON");
            let circuit = qasm::parse(&read(&path.with_extension("qasm"))).expect("a good file");
            let observable: PauliSum = case["observable"].as_str().expect("text").parse().expect("an observable");
            Case {
                name: path.file_stem().expect("named").to_string_lossy().into_owned(),
                expectation: Expectation::of_all_parameters(&circuit, vec![observable]).expect("valid"),
                model: serde_json::from_str(&text).expect("a noise model among other keys"),
                parameters: numbers(&case["parameters"]),
                value: case["expectation"].as_f64().expect("a number"),
                gradient: numbers(&case["gradient"]),
            }
        })
        .collect();
    assert_eq!(cases.len(), 7);
    cases
}

#[test]
fn exact_values_and_gradients_agree_with_other_libraries() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for Case { name, expectation, model, parameters, value, gradient } in cases() {
        let mut backend = DensityMatrixBackend::new(model);
        let estimators: [&dyn Estimator; 2] = [&Adjoint, &ParameterShift { shots: Shots::Exact }];
        for (estimator, how) in estimators.into_iter().zip(["adjoint", "parameter shift"]) {
            let found = estimator.values(&expectation, &parameters, &mut backend, &mut rng).expect("runs");
            assert!((found.estimates[0].value - value).abs() < 1e-9, "{name}");
            assert_eq!(found.estimates[0].std_error, 0.0);
            let answer = estimator.gradient(&expectation, &parameters, &mut backend, &mut rng).expect("runs");
            for (k, (found, expected)) in answer.gradient.iter().zip(&gradient).enumerate() {
                assert!((found - expected).abs() < 1e-9, "{name}, {how}, component {k}: {found} against {expected}");
            }
        }
    }
}

/// Sampled gradients of both backends within 4.5 of their own standard errors.
#[test]
fn sampled_gradients_agree_with_other_libraries() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    for Case { name, expectation, model, parameters, gradient, .. } in cases() {
        let trajectories = TrajectoryBackend::new(model.clone(), 600).expect("enough");
        let blocks = trajectories.clone().with_shots_per_trajectory(20).expect("some");
        let shots = Shots::PerCircuit(800);
        let mut backends: [(&str, Shots, Box<dyn Backend>); 4] = [
            ("density matrix", shots, Box::new(DensityMatrixBackend::new(model))),
            ("means over trajectories", Shots::Exact, Box::new(trajectories.clone())),
            ("a trajectory per shot", shots, Box::new(trajectories)),
            ("a trajectory per block", shots, Box::new(blocks)),
        ];
        for (how, shots, backend) in &mut backends {
            let answer =
                ParameterShift { shots: *shots }.gradient(&expectation, &parameters, backend, &mut rng).expect("runs");
            for (k, (found, expected)) in answer.gradient.iter().zip(&gradient).enumerate() {
                let error = answer.std_errors[k];
                let noiseless = *shots == Shots::Exact && error == 0.0;
                assert!(
                    (found - expected).abs() < 4.5 * error + if noiseless { 1e-9 } else { 0.0 },
                    "{name}, {how}, component {k}: {found} +- {error} against {expected}"
                );
            }
        }
    }
}

/// Channels by name in a model made by hand act as those of the files.
#[test]
fn a_model_by_hand_is_the_model_of_the_file() {
    let case = cases().into_iter().find(|case| case.name == "noise_ad_n2").expect("there");
    let model = NoiseModel::new().after(Selector::every(), Channel::amplitude_damping(0.05).expect("valid"));
    assert_eq!(model, case.model);
}
