//! The `qbench` command on devices: what fits, and training that is stopped and goes on.
#![cfg(feature = "command")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod command_common;

use command_common::{json, number, qbench, refusal, text, write};
use serde_json::Value;

const ANSATZ: &str = "OPENQASM 3.0;
include \"stdgates.inc\";
input float[64] a;
input float[64] b;
qubit[2] q;
ry(a) q[0];
ry(2 * b) q[1];
cx q[0], q[1];
";

const OBSERVABLE: &str = "--observable=Z0 Z1 + 0.5 * X0";

fn file(folder: &tempfile::TempDir) -> String {
    write(folder.path(), "ansatz.qasm", ANSATZ)
}

fn read(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
}

/// A shipped profile with a change, as a file.
fn place(folder: &tempfile::TempDir, name: &str, shipped: &str, change: &dyn Fn(&str) -> String) -> String {
    let text = qiot_profile::DeviceProfile::shipped_text(shipped).expect("shipped");
    let changed = change(text);
    assert_ne!(changed, text, "nothing was changed");
    write(folder.path(), name, &changed)
}

#[test]
fn a_circuit_with_unbound_angles_fits_or_not() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let report = json(&["fit", &circuit, "--device", "perth"]);
    let keys = [
        "fits",
        "reasons",
        "width",
        "depth",
        "native_gates",
        "swaps",
        "duration_s",
        "fidelity",
        "memory_bytes",
        "shots_per_gradient",
        "step_seconds",
        "steps_in_budget",
        "advice",
    ];
    let mut found: Vec<&str> = report.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected = keys.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let details = json(&["fit", &circuit, "--device", "perth", "--details"]);
    assert!(keys.iter().all(|key| details[key] == report[key]) && number(&details["step_joules"]) > 0.0);
    assert_eq!(
        (report["fits"].as_bool(), report["width"].as_u64(), report["swaps"].as_u64()),
        (Some(true), Some(2), Some(0))
    );
    let wide = write(folder.path(), "wide.qasm", "OPENQASM 3.0;\ninclude \"stdgates.inc\";\nqubit[5] q;\nh q;\n");
    let report = json(&["fit", &wide, "--device", "sensor-node"]);
    assert_eq!(report["fits"].as_bool(), Some(false));
    assert!(
        !report["reasons"].as_array().expect("a list").is_empty()
            && !report["advice"].as_array().expect("a list").is_empty()
    );
    assert!(refusal(&["fit", &circuit, "--device", "nowhere"]).contains("sensor-node"));
    let profile = write(folder.path(), "bad.toml", "name = \"x\"\nqubits = 3\n");
    assert!(refusal(&["fit", &circuit, "--device", &profile]).contains("bad.toml: line"));
}

#[test]
fn a_diagnosis_has_every_parameter() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let diagnosis = json(&["diagnose", &circuit, "--observable=Z1", "--samples", "200", "--seed", "3"]);
    let components = diagnosis["components"].as_array().expect("a list");
    let names: Vec<&str> = components.iter().filter_map(|component| component["parameter"].as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let trivial = json(&["diagnose", &circuit, "--observable=I", "--samples", "10"]);
    assert_eq!(trivial["two_design_variance"].to_string(), "0.0");
    // Z1 behind the CX is Z0 Z1 before it, cos(a) cos(2b): variances 1/4 and 1.
    for (component, expected) in components.iter().zip([0.25, 1.0]) {
        let interval = &component["variance"]["interval"];
        let (lower, upper) = (number(&interval["lower"]), number(&interval["upper"]));
        assert!(0.6 * expected < lower && lower < upper && upper < 1.6 * expected, "{interval}");
    }
}

/// Stopped by a limit of steps, measured again and gone on, a run has the points and, but for the two points that were measured
/// again at the stop, the ledger of a run that was never stopped.
#[test]
fn training_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let place = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (whole, part) = (place("whole.json"), place("part.json"));
    let common = ["train", &circuit, OBSERVABLE, "--device", "sensor-node", "--shots", "50", "--seed", "4"];
    let with = |more: &[&str]| json(&[&common[..], more].concat());
    let all = with(&["--steps", "12", "--out", &whole]);
    let first = with(&["--steps", "5", "--out", &part]);
    let second = with(&["--steps", "12", "--resume", &part]);
    assert_eq!((first["iterations"].as_u64(), second["iterations"].as_u64()), (Some(5), Some(12)));
    assert_eq!(read(&whole)["run"]["method"], read(&part)["run"]["method"]);
    let shots = |answer: &Value| answer["ledger"]["shots"].as_u64().expect("a count");
    // Z0 Z1 and X0 are two circuits of 50 shots, each for two points.
    assert_eq!(shots(&second), shots(&all) + 2 * 2 * 50);
    assert_eq!(read(&part)["ledger"]["bill"]["shots"], second["ledger"]["shots"]);
    assert_eq!(read(&part)["run"]["spent"]["shots"], second["ledger"]["shots"]);
    // Other settings are another run.
    let other = [&common[..], &["--rate", "0.2", "--resume", &part]].concat();
    assert!(refusal(&other).contains("learning rate is 0.1, not 0.2"));
    // A ledger that cannot be is the fault of the file that holds it.
    let mut broken = read(&part);
    broken["ledger"]["bill"]["seconds"] = (-1.0).into();
    let broken = write(folder.path(), "broken.json", &broken.to_string());
    let message = refusal(&[&common[..], &["--steps", "20", "--resume", &broken]].concat());
    assert!(message.contains("broken.json: the saved run cannot be continued"), "{message}");
    assert!(message.contains("the ledger's seconds is -1"), "{message}");
    // The trained circuit is the circuit at the trained angles.
    let exact = json(&["expval", &circuit, OBSERVABLE, "--params-file", &part]);
    let bound = json(&["expval", &place("part.trained.qasm"), OBSERVABLE]);
    assert!((number(&exact["expectation"]) - number(&bound["expectation"])).abs() < 1e-14);
    assert!((number(&exact["expectation"]) - number(&second["exact_loss"])).abs() < 1e-14);
}

/// A run that is killed and goes on comes to the same answer with the same ledger as one that nobody disturbs.
#[test]
fn a_kill_loses_no_shot() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let out = folder.path().join("run.json").to_str().expect("UTF-8").to_owned();
    let common =
        ["train", &circuit, OBSERVABLE, "--device", "sensor-node", "--shots", "10", "--steps", "600", "--ideal"];
    let whole = json(&common);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_qbench"))
        .args([&common[..], &["--out", &out, "--json"]].concat())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    while !std::path::Path::new(&out).exists() && child.try_wait().expect("a child").is_none() {
        std::thread::yield_now();
    }
    child.kill().expect("killed, or ended before");
    child.wait().expect("ended");
    assert_eq!(json(&[&common[..], &["--resume", &out]].concat()), whole);
}

#[test]
fn training_stops_at_the_budget_and_keeps_its_answer() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let out = folder.path().join("run.json").to_str().expect("UTF-8").to_owned();
    let arguments =
        ["train", &circuit, OBSERVABLE, "--device", "sensor-node", "--ideal", "--shots", "2000", "--save", &out];
    let answer = json(&arguments);
    let shots = answer["ledger"]["shots"].as_u64().expect("a count");
    // A step takes a value and four shifted points, in two circuits each.
    assert!(shots <= 200_000 && shots + 20_000 + 8000 > 200_000, "{shots}");
    assert!(answer["reason"].as_str().expect("a text").contains("shots"), "{answer}");
    // The lowest value is -sqrt(1 + 1/4).
    assert!(number(&answer["exact_loss"]) < -0.5, "{answer}");
    let again = json(&[&arguments[..arguments.len() - 2], &["--resume", &out]].concat());
    assert_eq!(again, answer);
    let told = qbench(&["train", &circuit, OBSERVABLE, "--device", "sensor-node", "--steps", "2", "--shots", "10"]);
    let told = text(&told.stdout);
    assert!(told.contains("step     1  loss") && told.contains("joules") || told.contains(" J"), "{told}");
}

/// Shots that are gone although they were kept for the end: what can be measured still is, and the answer says what was refused.
#[test]
fn a_measurement_at_the_end_that_is_refused_is_told() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let save = folder.path().join("run.json").to_str().expect("UTF-8").to_owned();
    let common = ["train", &circuit, OBSERVABLE, "--device", "sensor-node", "--ideal", "--shots", "50", "--seed", "2"];
    let with = |more: &[&str]| json(&[&common[..], more].concat());
    let paused = with(&["--pause", "3", "--save", &save]);
    assert_eq!(paused["iterations"], 3);
    let saved = read(&save);
    // A value takes two circuits of 50 shots; the device gives 200 000.
    for (left, measured) in [(250, 2), (150, 1), (50, 0)] {
        let mut run = saved.clone();
        run["ledger"]["bill"]["shots"] = (200_000 - left).into();
        run["run"]["spent"]["shots"] = (200_000 - left).into();
        let run = write(folder.path(), &format!("{left}.json"), &run.to_string());
        let answer = with(&["--resume", &run]);
        let reason = answer["reason"].as_str().expect("a text");
        let end = "the next step does not fit into the budget of shots";
        assert!(reason.starts_with(end), "{reason}");
        assert_eq!(reason.len() > end.len(), measured < 2, "{reason}");
        assert_eq!(reason.contains("; a measurement at the end was refused: "), measured < 2, "{reason}");
        assert_eq!(answer["iterations"], 3);
        assert_eq!(answer["ledger"]["shots"], 200_000 - left + 100 * measured);
        assert_eq!(answer["refused_jobs"], 2 - measured);
        if measured == 0 {
            // Nothing but the best point of the way is left.
            assert_eq!(answer["parameters"], saved["parameters"]);
        }
        // The answer is kept: nothing is asked of the device again.
        assert_eq!(with(&["--resume", &run]), answer);
    }
}

/// Where shots wait for time windows, a step takes what `fit` says of it, and a run ends with its two measurements or before its
/// first step, and never behind the budget. A value (80 shots) and the parts of a gradient (120, 120 and 80) take a window of 150
/// shots each, so steps end soon after 300, 700 and 1100 s, and the measurements one and two windows later.
#[test]
fn windows_are_waited_for_within_the_budget() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    for (seconds, steps_that_fit, steps) in [
        (7.0, 0, 0),
        (300.0, 0, 0),
        (490.0, 1, 0),
        (520.0, 1, 1),
        (690.0, 1, 1),
        (710.0, 2, 1),
        (890.0, 2, 1),
        (920.0, 2, 2),
        (1290.0, 3, 2),
        (1320.0, 3, 3),
    ] {
        let device = place(&folder, &format!("{seconds}.toml"), "edge-gateway", &|text| {
            let windows = "[limits]\nshots_per_window = 150\nwindow_seconds = 100.0";
            let text = text.replace("[limits]", windows).replace("jitter_seconds = 0.01", "jitter_seconds = 0.0");
            text.replace("seconds_total = 86_400.0", &format!("seconds_total = {seconds:.1}"))
        });
        let report = json(&["fit", &circuit, OBSERVABLE, "--device", &device, "--shots", "40", "--details"]);
        assert_eq!(report["steps_in_budget"], steps_that_fit, "{seconds} s");
        let run = ["train", &circuit, OBSERVABLE, "--device", &device, "--ideal", "--shots", "40", "--method"];
        for method in ["sgd", "nlr-probe-adam"] {
            let run = [&run[..], &[method]].concat();
            if steps == 0 {
                let message = refusal(&run);
                assert!(message.contains("it and the measurements at the end do not fit into the budget of seconds"));
                continue;
            }
            // A step with a probe measures more values, and takes more windows.
            if method == "nlr-probe-adam" && seconds < 800.0 {
                continue;
            }
            let answer = json(&run);
            let reason = answer["reason"].as_str().expect("a text");
            assert_eq!(reason, "the next step does not fit into the budget of seconds", "{method}, {seconds} s");
            let spent = number(&answer["ledger"]["seconds"]);
            assert!(spent <= seconds, "{method}: {spent} of {seconds} s");
            if method == "sgd" {
                assert_eq!(answer["iterations"], steps, "{seconds} s");
            }
        }
        if steps > 0 {
            let save = folder.path().join("run.json").to_str().expect("UTF-8").to_owned();
            let paused = json(&[&run[..], &["sgd", "--pause", "1", "--save", &save]].concat());
            assert_eq!(paused["ledger"]["seconds"], report["step_seconds"], "{seconds} s");
            assert_eq!(json(&[&run[..], &["sgd", "--resume", &save]].concat()), json(&[&run[..], &["sgd"]].concat()));
        }
    }
}

#[test]
fn training_that_cannot_start_is_refused() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let refused = |more: &[&str]| refusal(&[&["train", &circuit, OBSERVABLE], more].concat());
    assert!(refused(&["--device", "sensor-node", "--method", "magic"]).contains("there is no method \"magic\""));
    let message = refused(&["--device", "sensor-node", "--shots", "100000"]);
    assert!(message.contains("shots per circuit: 100000 are asked for, the device gives 4096"), "{message}");
    assert!(message.contains("try: shots per circuit: take 4096 shots per circuit"), "{message}");
    // A step fits, and the measurements at the end beside it do not.
    let short = place(&folder, "short.toml", "sensor-node", &|text| {
        text.replace("shots_total = 200_000", "shots_total = 4_000")
    });
    let message = refused(&["--device", &short, "--shots", "400"]);
    assert!(
        message
            .contains("before its first step: it and the measurements at the end do not fit into the budget of shots"),
        "{message}"
    );
    let message = refused(&["--device", "sensor-node", "--method", "natural-gradient"]);
    assert!(message.contains("natural-gradient asks for the metric tensor, which no device measures"), "{message}");
    assert!(refused(&["--device", "sensor-node", "--rate=-1"]).contains("rate"));
    // Before a shot is spent on what cannot be kept.
    let nowhere = folder.path().join("none").join("run.json").to_str().expect("UTF-8").to_owned();
    let itself = folder.path().to_str().expect("UTF-8");
    for (option, path) in [("--save", &*nowhere), ("--write-angles", &*nowhere), ("--save", itself)] {
        let message = refused(&["--device", "sensor-node", "--shots", "10", "--steps", "2", option, path]);
        assert!(message.contains(&format!("cannot write {path}")), "{message}");
    }
    let text = "OPENQASM 3.0;\ninput float a;\nqubit[5] q;\nU(a, 0, 0) q[4];\n";
    let wide = write(folder.path(), "wide.qasm", text);
    let message = refusal(&["train", &wide, "--observable=Z4", "--device", "sensor-node"]);
    assert!(message.contains("the circuit needs 5, the device has 4"), "{message}");
    assert!(message.contains("everything: take the device edge-gateway"), "{message}");
}
