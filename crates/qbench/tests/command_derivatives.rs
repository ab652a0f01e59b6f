//! `qbench grad`, `hessian`, `metric` and `diagnose`: chosen parameters, shots, and what is refused.
#![cfg(feature = "command")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod command_common;

use command_common::{json, number, qbench, refusal, text, write};
use serde_json::Value;

/// A data input, two layers, a controlled rotation, a parameter in two rotations.
const CIRCUIT: &str = "OPENQASM 3.0;
include \"stdgates.inc\";
input float[64] x;
input float[64] a;
input float[64] b;
input float[64] c;
qubit[2] q;
rx(x) q[0];
ry(a) q[0];
ry(b) q[1];
cx q[0], q[1];
crz(c) q[0], q[1];
rx(a) q[1];
";

const PARAMS: &str = "--params=0.7,0.3,-0.9,1.4";
const OBSERVABLE: &str = "--observable=Z0 Z1 + 0.5 * X1";

fn circuit() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let path = write(folder.path(), "circuit.qasm", CIRCUIT);
    (folder, path)
}

fn names(answer: &Value) -> Vec<&str> {
    answer["parameter_names"].as_array().expect("a list").iter().map(|name| name.as_str().expect("text")).collect()
}

#[test]
fn derivatives_by_chosen_parameters_are_those_of_all_of_them() {
    let (_folder, path) = circuit();
    let run = |command: &str, more: &[&str]| json(&[&[command, &path, PARAMS, OBSERVABLE][..], more].concat());
    let places = [3, 1];
    let all = run("grad", &[]);
    assert_eq!(names(&all), ["x", "a", "b", "c"]);
    // One rotation for x and b, a controlled one with four points for c, two for a; two measurement groups.
    assert_eq!(all["bill"]["circuits"], 2 * (2 + 4 + 2 + 4));
    for method in ["adjoint", "parameter-shift"] {
        let some = run("grad", &["--wrt=c,a", "--method", method]);
        assert_eq!(names(&some), ["c", "a"]);
        assert_eq!(some["gradient"].as_array().map(Vec::len), Some(2));
        for (k, place) in places.into_iter().enumerate() {
            assert!((number(&some["gradient"][k]) - number(&all["gradient"][place])).abs() < 1e-14);
        }
        assert_eq!(some["bill"]["circuits"], 2 * (4 + 4));
    }
    let sampled = run("grad", &["--wrt", "c, a", "--shots", "4000", "--method", "finite-shot"]);
    let spsa = run("grad", &["--wrt", "c,a", "--method", "spsa", "--directions", "64", "--step", "0.01"]);
    for (k, place) in places.into_iter().enumerate() {
        let difference = |answer: &Value| number(&answer["gradient"][k]) - number(&all["gradient"][place]);
        assert!(difference(&sampled).abs() < 4.5 * number(&sampled["std_errors"][k]));
        assert!(difference(&spsa).abs() < 4.5 * number(&spsa["std_errors"][k]));
    }
    let (full, some) = (run("hessian", &[]), run("hessian", &["--wrt=c,a"]));
    for (i, row) in places.into_iter().enumerate() {
        for (j, column) in places.into_iter().enumerate() {
            assert!((number(&some["hessian"][i][j]) - number(&full["hessian"][row][column])).abs() < 1e-13);
        }
    }
    assert!(refusal(&["grad", &path, PARAMS, OBSERVABLE, "--wrt=d"]).contains("no parameter \"d\""));
    assert!(refusal(&["hessian", &path, PARAMS, OBSERVABLE, "--wrt=a,a"]).contains("\"a\" is given twice"));
    assert!(refusal(&["metric", &path, PARAMS, "--wrt="]).contains("no parameter \"\""));
}

#[test]
fn metrics_from_shots_agree_with_exact_ones() {
    let (_folder, path) = circuit();
    let run = |more: &[&str]| json(&[&["metric", &path, PARAMS][..], more].concat());
    let exact = run(&[]);
    let shots = ["--shots", "4000", "--seed", "5"];
    // a is in two layers, so that covariances do not know it.
    for (more, is_wanted) in [
        (&["--wrt=a,b,c"][..], (|_, _| true) as fn(usize, usize) -> bool),
        (&["--wrt=x,b,c", "--blocks", "layers"], |i, j| i == j || i + j == 1),
        (&["--wrt=x,b,c", "--blocks", "diagonal"], |i, j| i == j),
        (&["--wrt=a,b,c", "--blocks", "diagonal", "--method", "overlaps"], |i, j| i == j),
    ] {
        let places: Vec<usize> =
            more[0]["--wrt=".len()..].split(',').map(|name| "xabc".find(name).expect("declared")).collect();
        let found = run(&[more, &shots].concat());
        assert_eq!((&found["shots"], &found["seed"]), (&Value::from(4000), &Value::from(5)));
        assert_eq!(number(&found["bill"]["shots"]), 4000.0 * number(&found["bill"]["circuits"]));
        assert_eq!(found, run(&[more, &shots].concat()), "same seed, same numbers");
        for (i, row) in places.iter().enumerate() {
            for (j, column) in places.iter().enumerate() {
                let (entry, error) = (number(&found["metric_tensor"][i][j]), number(&found["std_errors"][i][j]));
                // x and b: both at the beginning of the circuit.
                if is_wanted(i, j) {
                    let difference = entry - number(&exact["metric_tensor"][*row][*column]);
                    assert!(error > 0.0 && difference.abs() < 4.5 * error, "{more:?} ({i}, {j}): {difference}");
                } else {
                    assert_eq!((entry, error), (0.0, 0.0));
                }
            }
        }
    }
    // Exact blocks are parts of the whole; both layers of a are at hand.
    let (layers, diagonal) = (run(&["--blocks", "layers"]), run(&["--blocks=diagonal"]));
    for i in 0..4 {
        for j in 0..4 {
            let whole = number(&exact["metric_tensor"][i][j]);
            let block = number(&layers["metric_tensor"][i][j]);
            assert!(block == 0.0 || (block - whole).abs() < 1e-13, "({i}, {j}): {block} {whole}");
            let expected = if i == j { whole } else { 0.0 };
            assert!((number(&diagonal["metric_tensor"][i][j]) - expected).abs() < 1e-13);
        }
    }
    assert_eq!(number(&exact["std_errors"][1][2]), 0.0);
}

/// Against rotations and contractions of a Bloch vector.
#[test]
fn metrics_with_noise_are_what_measuring_them_gives() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = "OPENQASM 3.0; include \"stdgates.inc\"; input float a; input float b; qubit q; rx(a) q; ry(b) q;";
    let path = write(folder.path(), "circuit.qasm", circuit);
    let damping = r#"{"noise": [{"channel": "amplitude_damping", "probability": 0.2, "where": "after_every_gate",
                      "on": "each_qubit_of_the_gate_independently"}]}"#;
    let noise = write(folder.path(), "noise.json", damping);
    let (a, b, gamma) = (0.7_f64, -1.1_f64, 0.2_f64);
    let run = |more: &[&str]| json(&[&["metric", &path, "--params=0.7,-1.1", "--noise", &noise][..], more].concat());
    let damped = |[x, y, z]: [f64; 3]| {
        let kept = (1.0 - gamma).sqrt();
        [kept * x, kept * y, gamma + (1.0 - gamma) * z]
    };
    let rx = |angle: f64, [x, y, z]: [f64; 3]| {
        damped([x, angle.cos() * y - angle.sin() * z, angle.sin() * y + angle.cos() * z])
    };
    let ry = |angle: f64, [x, y, z]: [f64; 3]| {
        damped([angle.cos() * x + angle.sin() * z, y, angle.cos() * z - angle.sin() * x])
    };
    let zero = [0.0, 0.0, 1.0];
    // The generators are half a Pauli matrix each; the first one in |0>, the second one behind a damped rotation.
    let covariances = [0.25, (1.0 - rx(a, zero)[1].powi(2)) / 4.0];
    // How often |0> returns from angles that are larger by pi in the first rotation, or in the second one.
    let returns = |first: f64, second: f64| (1.0 + rx(-a, ry(-b, ry(b + second, rx(a + first, zero))))[2]) / 2.0;
    let pi = std::f64::consts::PI;
    let overlaps = [(1.0 - returns(pi, 0.0)) / 4.0, (1.0 - returns(0.0, pi)) / 4.0];
    for (method, expected) in [("covariances", covariances), ("overlaps", overlaps)] {
        let method = ["--blocks=diagonal", "--method", method];
        let exact = run(&method);
        let sampled = run(&[&method[..], &["--shots=20000", "--seed=3"]].concat());
        for (k, expected) in expected.into_iter().enumerate() {
            let entry = |answer: &Value, key: &str| number(&answer[key][k][k]);
            assert!((entry(&exact, "metric_tensor") - expected).abs() < 1e-12, "{method:?} {k}: {exact}");
            assert_eq!(entry(&exact, "std_errors"), 0.0);
            let (found, error) = (entry(&sampled, "metric_tensor"), entry(&sampled, "std_errors"));
            assert!(
                error > 0.0 && (found - expected).abs() < 4.5 * error,
                "{method:?} {k}: {found} {expected} {error}"
            );
        }
    }
}

#[test]
fn a_metric_that_cannot_be_measured_is_refused() {
    let (_folder, path) = circuit();
    let message = refusal(&["metric", &path, PARAMS, "--method", "overlaps"]);
    assert!(message.contains("--shots or --noise"), "{message}");
    let covariances = ["--blocks", "diagonal", "--shots", "10"];
    let message = refusal(&[&["metric", &path, PARAMS], &covariances[..]].concat());
    assert!(message.contains("layers"), "{message}");
    let output = qbench(&["metric", &path, PARAMS, "--shots", "0"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn a_diagnosis_can_fix_inputs_and_choose_parameters() {
    let (_folder, path) = circuit();
    let run = |more: &[&str]| json(&[&["diagnose", &path, OBSERVABLE, "--samples=60"][..], more].concat());
    let named = |answer: &Value| -> Vec<String> {
        let components = answer["components"].as_array().expect("a list");
        components.iter().map(|c| c["parameter"].as_str().expect("text").to_owned()).collect()
    };
    let all = run(&[]);
    assert_eq!(named(&all), ["x", "a", "b", "c"]);
    let some = run(&["--wrt=c,a"]);
    assert_eq!(named(&some), ["c", "a"]);
    // The same points: only what is reported differs.
    let mean = |answer: &Value| number(&answer["components"][1]["mean"]);
    assert!((mean(&some) - mean(&all)).abs() < 1e-12);
    assert_eq!(some["gradient_circuits"], 2 * (4 + 4));
    let fixed = run(&["--param", "x=0.25"]);
    assert_eq!(named(&fixed), ["a", "b", "c"]);
    assert_ne!(fixed["components"][0]["mean"], all["components"][1]["mean"]);
    let refused = |more: &[&str]| refusal(&[&["diagnose", &path, OBSERVABLE][..], more].concat());
    assert!(refused(&["--param", "x=0.1", "--wrt", "a,x"]).contains("\"x\" is fixed by --param"));
    assert!(refused(&["--param", "y=0.1"]).contains("no parameter \"y\""));
    assert!(refused(&["--param", "x=nan"]).contains("not a finite number"));
}
