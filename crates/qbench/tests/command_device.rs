//! `qbench train` on devices: what is charged, noise, data, kills at any step, and every method.
#![cfg(feature = "command")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod command_common;

use std::path::Path;

use command_common::{json, number, qbench, refusal, text, write};
use qbench::Methods;
use qiot_profile::DeviceProfile;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

const ANSATZ: &str = "OPENQASM 3.0;
include \"stdgates.inc\";
input float[64] a;
input float[64] b;
input float[64] c;
qubit[3] q;
ry(a) q[0];
ry(2 * b) q[1];
cry(c) q[0], q[2];
cx q[1], q[2];
cx q[2], q[0];
";

const OBSERVABLE: &str = "--observable=Z0 Z1 + 0.5 * X2";

fn file(folder: &tempfile::TempDir) -> String {
    write(folder.path(), "ansatz.qasm", ANSATZ)
}

/// A shipped profile with a change, as a file.
fn profile(folder: &tempfile::TempDir, name: &str, shipped: &str, change: impl Fn(&mut DeviceProfile)) -> String {
    let mut profile = DeviceProfile::shipped(shipped).expect("shipped");
    change(&mut profile);
    write(folder.path(), name, &profile.to_toml().expect("a valid profile"))
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}

/// What `fit` says of a step is what the ledger of `train` says after it, to the last digit, with default shots, for circuits that
/// need exchanges and other gates; and so it is said in text.
#[test]
fn fit_and_train_agree_on_a_step() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    for name in ["sensor-node", "edge-gateway", "field-hub", "quito", "perth"] {
        let device = profile(&folder, &format!("{name}.toml"), name, |profile| profile.latency.jitter_seconds = 0.0);
        let save = folder.path().join(format!("{name}.json"));
        let save = save.to_str().expect("UTF-8");
        let report = json(&["fit", &circuit, OBSERVABLE, "--device", &device, "--details"]);
        // Noise changes what is read and not what it costs.
        for noise in [&["--ideal"][..], &[]] {
            let arguments = ["train", &circuit, OBSERVABLE, "--device", &device, "--method", "sgd"];
            let answer = json(&[&arguments[..], noise, &["--pause", "1", "--save", save]].concat());
            assert_eq!(answer["iterations"], 1);
            assert_eq!(number(&answer["ledger"]["seconds"]), number(&report["step_seconds"]), "{name}");
            assert_eq!(number(&answer["ledger"]["joules"]), number(&report["step_joules"]), "{name}");
            assert_eq!(
                (&answer["ledger"]["shots"], &answer["ledger"]["jobs"]),
                (&report["step_shots"], &report["step_jobs"])
            );
        }
    }
}

/// A run that is stopped at random steps and goes on ends with the bytes of a run that was never stopped: state, ledger, angles,
/// and what is printed.
#[test]
fn stops_at_random_steps_change_no_byte() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let iris = ["--data", "iris", "--layers", "1", "--batch", "2", "--shots", "5", "--steps", "4"];
    let ansatz = [&circuit[..], OBSERVABLE, "--shots", "20", "--steps", "14"];
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for (what, method, device, more) in [
        (&ansatz[..], "adam", "perth", &[][..]),
        (&ansatz, "nlr-probe-adam", "sensor-node", &["--ideal"]),
        (&ansatz, "spsa", "field-hub", &["--ideal"]),
        (&ansatz, "cma-es", "edge-gateway", &["--ideal"]),
        (&iris, "momentum", "field-hub", &["--ideal"]),
    ] {
        let common = [&["train"], what, &["--method", method, "--device", device, "--seed", "5"], more].concat();
        let place = |name: &str| folder.path().join(format!("{method}-{name}.json"));
        let (whole, part) = (place("whole"), place("part"));
        let (whole_angles, part_angles) = (place("whole-angles"), place("part-angles"));
        let undisturbed = [&common[..], &["--save", utf8(&whole), "--write-angles", utf8(&whole_angles)]].concat();
        let expected = json(&undisturbed);
        let ledger = |path: &Path| serde_json::from_slice::<Value>(&read(path)).expect("JSON")["ledger"].clone();
        let mut before = 0.0;
        for begin in ["--save", "--resume", "--resume"] {
            let steps = rng.random_range(1..if what.len() > 6 { 2 } else { 5 }).to_string();
            let answer = json(&[&common[..], &[begin, utf8(&part), "--pause", &steps]].concat());
            assert_eq!(answer["paused"], true);
            // Nothing was measured but the steps, and the file says what was spent.
            let shots = number(&answer["ledger"]["shots"]);
            assert!(before < shots && shots < number(&expected["ledger"]["shots"]), "{method}: {answer}");
            assert_eq!(number(&ledger(&part)["bill"]["shots"]), shots);
            before = shots;
        }
        let last = [&common[..], &["--resume", utf8(&part), "--write-angles", utf8(&part_angles)]].concat();
        assert_eq!(json(&last), expected, "{method}");
        assert_eq!(read(&part), read(&whole), "{method}: the files of both runs");
        assert_eq!(read(&part_angles), read(&whole_angles));
        let trained = |path: &Path| read(&path.with_extension("trained.qasm"));
        assert_eq!(trained(&part), trained(&whole));
    }
}

/// Noise is that of the calibration unless it is left out; angles that are written are read.
#[test]
fn training_is_noisy_unless_it_is_asked_not_to_be() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let angles = folder.path().join("angles.json");
    let angles = angles.to_str().expect("UTF-8");
    let common =
        ["train", &circuit, OBSERVABLE, "--device", "quito", "--shots", "2000", "--steps", "25", "--rate", "0.2"];
    let noisy = json(&[&common[..], &["--write-angles", angles]].concat());
    let (loss, error) = (number(&noisy["loss"]), number(&noisy["std_error"]));
    let (with, without) = (number(&noisy["noisy_loss"]), number(&noisy["exact_loss"]));
    assert_eq!(noisy["noise"], true);
    assert!((loss - with).abs() < 5.0 * error, "{noisy}");
    // Noise takes a part of what was reached.
    assert!(without < -0.8 && with > without + 0.05, "{noisy}");
    let exact = json(&["expval", &circuit, OBSERVABLE, "--params-file", angles]);
    assert!((number(&exact["expectation"]) - without).abs() < 1e-12);
    let ideal = json(&[&common[..], &["--ideal"]].concat());
    let (loss, error) = (number(&ideal["loss"]), number(&ideal["std_error"]));
    assert_eq!((&ideal["noise"], ideal.get("noisy_loss")), (&Value::Bool(false), None));
    assert!((loss - number(&ideal["exact_loss"])).abs() < 5.0 * error, "{ideal}");
    // The same circuits are charged, with noise and without.
    let shots = |answer: &Value| answer["ledger"]["shots"].clone();
    assert_eq!(shots(&ideal), shots(&noisy));
}

/// Data sets of one's own and shipped ones; the trained classifier is written with its data as parameters.
#[test]
fn classifiers_are_trained_on_devices() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut table = "height,species,weight\n".to_owned();
    for k in 0..60 {
        let (x, y): (f64, f64) = (rng.random(), rng.random());
        let species = if k % 2 == 0 { "oak" } else { "elm" };
        let shift = if k % 2 == 0 { 1.5 } else { 0.0 };
        table += &format!("{},{species},{}\n", x + shift, y - shift);
    }
    let csv = write(folder.path(), "trees.csv", &table);
    let save = folder.path().join("trees.json");
    let save = save.to_str().expect("UTF-8");
    let common = ["train", "--data", &csv, "--label", "species", "--device", "edge-gateway", "--seed", "3"];
    let answer = json(
        &[&common[..], &["--layers", "2", "--shots", "60", "--steps", "40", "--rate", "0.2", "--save", save]].concat(),
    );
    assert!(number(&answer["test_accuracy"]) > 0.85, "{answer}");
    assert_eq!(answer["parameter_names"].as_array().expect("a list").len(), 2 * 2 * 2 + 1);
    let trained = read(&folder.path().join("trees.trained.qasm"));
    let trained = text(&trained);
    assert!(trained.contains("input float") && trained.contains("x0") && !trained.contains("t0"), "{trained}");

    let refused = |more: &[&str]| refusal(&[&["train", "--device", "field-hub"], more].concat());
    let message = refused(&["--data", &csv]);
    assert!(
        message.contains("trees.csv: line 2, column \"species\": found \"oak\", expected a finite number"),
        "{message}"
    );
    assert!(
        refused(&["--data", &csv, "--label", "colour"]).contains("no column \"colour\"; there are height, species")
    );
    assert!(refused(&["--data", "roses"]).contains("there are no data \"roses\"; there are iris"));
    assert!(refused(&["--data", "iris", "--label", "species"]).contains("--label and --classes are for CSV files"));
    for (name, table, message) in [
        ("ragged.csv", "x,y\n1,a\n2\n", "ragged.csv: line 3: 1 fields, the header has 2"),
        ("nan.csv", "x,y\n1,a\nNaN,b\n", "nan.csv: line 3, column \"x\": found \"NaN\""),
        ("one.csv", "x,y\n1,a\n2,a\n", "one.csv: two classes are needed, found 1: \"a\""),
        (
            "three.csv",
            "x,y\n1,2\n2,10\n3,1\n",
            "two classes are needed, found 3: \"1\", \"10\", \"2\"; choose them by --classes A,B",
        ),
        ("empty.csv", "x,y\n", "no samples after the header"),
        ("void.csv", "", "expected features and a class"),
    ] {
        let path = write(folder.path(), name, table);
        let found = refused(&["--data", &path]);
        assert!(found.contains(message), "{found}");
    }
    assert!(refused(&["--data", &folder.path().join("none.csv").display().to_string()]).contains("cannot read"));
    for wrong in [&["train", "--device", "perth"][..], &["train", "a.qasm", "--device", "perth"]] {
        assert_eq!(qbench(wrong).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(qbench(&[&["train", "a.qasm", "--observable=Z0"], &common[1..]].concat()).status.code(), Some(2));
}

/// Every method of the list trains, or says what it needs that is not there.
#[test]
fn every_shipped_method_trains_or_says_why_not() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let common = ["train", &circuit, OBSERVABLE, "--device", "field-hub", "--ideal", "--shots", "20", "--steps", "3"];
    let (mut trained, mut refused) = (0, Vec::new());
    for entry in Methods::shipped().entries() {
        let output = qbench(&[&common[..], &["--method", entry.name(), "--json"]].concat());
        let error = text(&output.stderr);
        match output.status.code() {
            Some(0) => trained += 1,
            Some(1) if error.contains("asks for the metric tensor") || error.contains("it chooses rotation axes") => {
                refused.push(entry.name().to_owned());
            }
            code => panic!("{}: {code:?} {error}", entry.name()),
        }
    }
    assert!(trained > 30 && refused.len() < 8, "{refused:?}");
}

/// Memory and parameters of the classical side are limits like the others, for the method too.
#[test]
fn the_classical_side_is_a_limit() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let circuit = file(&folder);
    let report = json(&["fit", &circuit, OBSERVABLE, "--device", "sensor-node", "--shots", "20"]);
    let needed = report["memory_bytes"].as_u64().expect("a count");
    let of = |name: &str, bytes: u64| profile(&folder, name, "sensor-node", |p| p.limits.memory_bytes = Some(bytes));
    let (small, enough) = (of("small.toml", needed - 1), of("enough.toml", needed));
    let train = |device: &str, method: &str| {
        let output = qbench(&[
            "train", &circuit, OBSERVABLE, "--device", device, "--shots", "20", "--steps", "2", "--method", method,
        ]);
        (output.status.code(), text(&output.stderr).to_owned())
    };
    let message = train(&small, "sgd").1;
    assert!(
        message.contains(&format!("memory: {needed} bytes are needed, the device's classical side has")),
        "{message}"
    );
    assert_eq!(json(&["fit", &circuit, OBSERVABLE, "--device", &small, "--shots", "20"])["fits"], false);
    assert_eq!(train(&enough, "sgd").0, Some(0));
    // A covariance is more than two moments.
    let message = train(&enough, "cma-es").1;
    assert!(message.contains("cma-es needs") && message.contains("with all it remembers"), "{message}");
    let few = profile(&folder, "few.toml", "sensor-node", |p| p.limits.parameters = Some(2));
    let message = train(&few, "sgd").1;
    assert!(message.contains("parameters: the circuit has 3, the device's classical side binds 2"), "{message}");
}
