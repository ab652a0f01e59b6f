//! The `qbench` command on the reference cases of `qcore`: circuits, noise and bad input, whose numbers come from Qiskit and
//! PennyLane; and the examples of its manual. Not part of the package, as the files are not.
#![cfg(feature = "command")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod command_common;

use std::time::{Duration, Instant};

use command_common::{json, number, refusal};
use serde_json::Value;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../qcore/tests/data");

fn names(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(format!("{DATA}/{folder}")).expect("the reference cases");
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.expect("readable").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".obs").map(str::to_owned))
        .collect();
    names.sort();
    names
}

struct Case {
    circuit: String,
    file: String,
    observable: String,
    params: String,
    expected: Value,
}

impl Case {
    fn load(folder: &str, name: &str) -> Self {
        let path = |extension: &str| format!("{DATA}/{folder}/{name}.{extension}");
        let read = |extension| std::fs::read_to_string(path(extension)).expect("part of the case");
        let expected: Value = serde_json::from_str(&read("json")).expect("JSON");
        let parameters = expected["parameters"].as_array().expect("a list");
        let params: Vec<String> = parameters.iter().map(Value::to_string).collect();
        Self {
            circuit: path("qasm"),
            file: path("json"),
            observable: format!("--observable={}", read("obs").trim()),
            params: format!("--params={}", params.join(",")),
            expected,
        }
    }

    #[track_caller]
    fn close(&self, got: &Value, expected: &Value, tolerance: f64) {
        let (got, expected) = (number(got), number(expected));
        assert!((got - expected).abs() < tolerance, "{}: {got} instead of {expected}", self.circuit);
    }
}

/// Equal words, numbers up to rounding: other kernels give other last bits.
fn same_but_last_bits(left: &str, right: &str) -> bool {
    let same = |(a, b): (&str, &str)| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 2e-12,
        _ => a == b,
    };
    left.lines().count() == right.lines().count()
        && left.split_whitespace().count() == right.split_whitespace().count()
        && left.split_whitespace().zip(right.split_whitespace()).all(same)
}

/// Every command in `docs/command.md` prints what stands below it.
#[test]
fn the_manual_shows_what_is_printed() {
    let manual =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/command.md")).expect("the manual");
    let folder = tempfile::tempdir().expect("a folder for tests");
    let mut blocks = manual.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').expect("a language").1);
    command_common::write(folder.path(), "pair.qasm", blocks.next().expect("the circuit of the examples"));
    let mut shown = 0;
    for example in blocks.flat_map(|block| block.split("$ qbench ").skip(1)) {
        let (line, expected) = example.split_once('\n').expect("a command");
        // Words of a shell without anything but double quotes.
        let words: Vec<String> = line.split('"').enumerate().fold(vec![String::new()], |mut words, (k, part)| {
            for (at, piece) in part.split(if k % 2 == 0 { ' ' } else { '\0' }).enumerate() {
                if at > 0 {
                    words.push(String::new());
                }
                words.last_mut().expect("not empty").push_str(piece);
            }
            words
        });
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_qbench"));
        let output = command.current_dir(folder.path()).args(&words).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{line}: {}", command_common::text(&output.stderr));
        let printed = command_common::text(&output.stdout);
        assert!(same_but_last_bits(printed, expected), "{line} prints\n{printed}");
        shown += 1;
    }
    assert!(shown >= 3);
}

#[test]
fn expectations_and_variances() {
    let names = names("circuits");
    assert_eq!(names.len(), 29);
    for case in names.iter().map(|name| Case::load("circuits", name)) {
        let answer = |command: &str| json(&[command, &case.circuit, &case.observable, &case.params]);
        case.close(&answer("expval")["expectation"], &case.expected["expectation"], 1e-10);
        case.close(&answer("variance")["variance"], &case.expected["variance_of_observable"], 1e-10);
    }
}

#[test]
fn amplitudes_and_probabilities() {
    for case in names("circuits").iter().map(|name| Case::load("circuits", name)) {
        if let Some(expected) = case.expected["amplitudes"].as_array() {
            let answer = json(&["amps", &case.circuit, &case.params]);
            let complex = |pair: &Value| (number(&pair[0]), number(&pair[1]));
            let got: Vec<(f64, f64)> = answer["amplitudes"].as_array().expect("a list").iter().map(complex).collect();
            let expected: Vec<(f64, f64)> = expected.iter().map(complex).collect();
            assert_eq!(got.len(), expected.len());
            // Right up to a global phase, that of <expected|got>.
            let overlap = got
                .iter()
                .zip(&expected)
                .fold((0.0, 0.0), |(re, im), (g, e)| (re + e.0 * g.0 + e.1 * g.1, im + e.0 * g.1 - e.1 * g.0));
            for (g, e) in got.iter().zip(&expected) {
                let aligned = (e.0 * overlap.0 - e.1 * overlap.1, e.0 * overlap.1 + e.1 * overlap.0);
                assert!((g.0 - aligned.0).hypot(g.1 - aligned.1) < 1e-10, "{}", case.circuit);
            }
        }
        if let Some(expected) = case.expected["probabilities"].as_object() {
            // The case itself is a file of parameters.
            let answer = json(&["probs", &case.circuit, "--params-file", &case.file]);
            let got = answer["probabilities"].as_object().expect("an object");
            assert_eq!(got.len(), 1 << case.expected["qubits"].as_u64().expect("a number"));
            for (bits, expected) in expected {
                case.close(&got[bits], expected, 1e-10);
            }
        }
    }
}

#[test]
fn noise() {
    let names = names("noise");
    assert_eq!(names.len(), 7);
    for case in names.iter().map(|name| Case::load("noise", name)) {
        let noise = ["--noise", &case.file];
        let expval = json(&[&["expval", &case.circuit, &case.observable, &case.params], &noise[..]].concat());
        case.close(&expval["expectation"], &case.expected["expectation"], 1e-9);
        let probs = json(&[&["probs", &case.circuit, &case.params], &noise[..]].concat());
        for (bits, expected) in case.expected["probabilities"].as_object().expect("an object") {
            case.close(&probs["probabilities"][bits], expected, 1e-9);
        }
        assert!(
            refusal(&[&["amps", &case.circuit, &case.params], &noise[..]].concat()).contains("no amplitudes"),
            "{}",
            case.circuit
        );
    }
}

#[test]
fn derivatives() {
    let matrix = |case: &Case, got: &Value, expected: &Value| {
        let rows = |matrix: &Value| matrix.as_array().expect("rows").to_vec();
        assert_eq!(rows(got).len(), rows(expected).len());
        for (got, expected) in rows(got).iter().zip(&rows(expected)) {
            assert_eq!(rows(got).len(), rows(expected).len());
            rows(got).iter().zip(&rows(expected)).for_each(|(got, expected)| case.close(got, expected, 1e-8));
        }
    };
    let (mut hessians, mut metrics) = (0, 0);
    for case in names("circuits").iter().map(|name| Case::load("circuits", name)) {
        let arguments = |command| [command, case.circuit.as_str(), &case.observable, &case.params];
        let expected = case.expected["gradient"].as_array().expect("a list");
        for method in ["adjoint", "parameter-shift"] {
            let answer = json(&[&arguments("grad")[..], &["--method", method]].concat());
            assert_eq!(answer["gradient"].as_array().map(Vec::len), Some(expected.len()));
            assert_eq!(answer["bill"]["shots"].as_u64(), Some(0));
            for (k, expected) in expected.iter().enumerate() {
                case.close(&answer["gradient"][k], expected, 1e-9);
                assert_eq!(number(&answer["std_errors"][k]), 0.0);
            }
        }
        if !case.expected["hessian"].is_null() {
            matrix(&case, &json(&arguments("hessian"))["hessian"], &case.expected["hessian"]);
            hessians += 1;
        }
        if !case.expected["metric_tensor"].is_null() {
            let answer = json(&["metric", &case.circuit, &case.params]);
            matrix(&case, &answer["metric_tensor"], &case.expected["metric_tensor"]);
            metrics += 1;
        }
    }
    assert!(hessians > 5 && metrics > 5, "{hessians} {metrics}");
}

#[test]
fn derivatives_under_noise() {
    for case in names("noise").iter().map(|name| Case::load("noise", name)) {
        let arguments = ["grad", &case.circuit, &case.observable, &case.params, "--noise", &case.file];
        let sampled = ["--shots", "2000", "--seed", "2"];
        let exact = json(&arguments);
        let shifted = json(&[&arguments[..], &["--method", "parameter-shift"]].concat());
        let from_shots = json(&[&arguments[..], &sampled].concat());
        for (k, expected) in case.expected["gradient"].as_array().expect("a list").iter().enumerate() {
            case.close(&exact["gradient"][k], expected, 1e-9);
            case.close(&shifted["gradient"][k], expected, 1e-9);
            let difference = number(&from_shots["gradient"][k]) - number(expected);
            assert!(difference.abs() < 4.5 * number(&from_shots["std_errors"][k]), "{}: {difference}", case.circuit);
        }
        let expval = ["expval", &case.circuit, &case.observable, &case.params, "--noise", &case.file];
        let answer = json(&[&expval[..], &sampled].concat());
        let difference = number(&answer["expectation"]) - number(&case.expected["expectation"]);
        assert!(difference.abs() < 4.5 * number(&answer["std_error"]), "{}: {difference}", case.circuit);
    }
}

/// A mean over trajectories within 4 of its standard errors of the exact value, for every channel.
#[test]
fn trajectories_agree_with_density_matrices() {
    for case in names("noise").iter().map(|name| Case::load("noise", name)) {
        let arguments = ["expval", &case.circuit, &case.observable, &case.params, "--noise", &case.file];
        let answer = json(&[&arguments[..], &["--trajectories", "2000", "--seed", "11"]].concat());
        let difference = number(&answer["expectation"]) - number(&case.expected["expectation"]);
        // Readout errors alone leave nothing random.
        assert!(difference.abs() <= 4.0 * number(&answer["std_error"]) + 1e-12, "{}: {difference}", case.circuit);
    }
}

#[test]
fn bad_input_is_refused_with_its_place_in_bounded_time() {
    let manifest = std::fs::read_to_string(format!("{DATA}/bad_inputs/manifest.json")).expect("the bad inputs");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let cases = manifest.as_array().expect("a list");
    assert_eq!(cases.len(), 15);
    for case in cases {
        let field = |key: &str| case[key].as_str().expect("a text");
        let path = format!("{DATA}/bad_inputs/{}", field("file"));
        let (observable, params) =
            (format!("--observable={}", field("observable")), format!("--params={}", field("params")));
        let arguments = ["expval", &path, &observable, &params];
        let start = Instant::now();
        if field("name") == "measure_mid_circuit" {
            // The measured qubit is not used again, which makes the measurement a final one: H|0> has the mean 0.
            assert!(number(&json(&arguments)["expectation"]).abs() < 1e-15);
            continue;
        }
        let message = refusal(&arguments);
        assert!(start.elapsed() < Duration::from_secs(10), "{path}");
        assert!(message.contains(field("file")), "{message}");
        if let Some(lines) = case["line"].as_array() {
            assert!(lines.iter().any(|line| message.contains(&format!("{path}:{line}:"))), "{message}");
        }
    }
}
