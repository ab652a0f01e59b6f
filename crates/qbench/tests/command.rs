//! The `qbench` command: what it reads, what it refuses, what it samples.
#![cfg(feature = "command")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod command_common;

use std::io::Write;
use std::process::{Command, Stdio};

use command_common::{json, number, qbench, refusal, text, write};

const TWO: &str = "OPENQASM 3.0;
include \"stdgates.inc\";
input float[64] b;
input float[64] a;
qubit[2] q;
ry(a) q[0];
ry(1 / b) q[1];
";

const BELL: &str = "OPENQASM 3.0;\ninclude \"stdgates.inc\";\nqubit[2] q;\nh q[0];\ncx q[0], q[1];\n";

const NOISE: &str = r#"{"noise": [{"channel": "bit_flip", "probability": 0.125, "where": "after_every_gate",
"on": "each_qubit_of_the_gate_independently"}], "readout_error": [{"p1_given_0": 0.25, "p0_given_1": 0.5}], "other": 1}"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for tests"))
    }

    fn file(&self, name: &str, text: &str) -> String {
        write(self.0.path(), name, text)
    }
}

#[test]
fn parameters_are_given_in_three_ways() {
    let folder = Folder::new();
    let two = folder.file("two.qasm", TWO);
    // Not in the order of their names: b is declared first.
    let expected = (-0.1_f64).cos() * 4.0_f64.cos();
    let values = [
        vec!["--params=0.25,-0.1"],
        vec!["--params", "0.25,-1e-1"],
        vec!["--param", "a=-0.1", "--param", "b=2.5e-1"],
        vec!["--param=b=0.25", "--param=a=-.1"],
    ];
    for parameters in values {
        let answer = json(&[&["expval", &two, "--observable=Z0 Z1"], &parameters[..]].concat());
        assert!((number(&answer["expectation"]) - expected).abs() < 1e-15, "{parameters:?}");
        assert_eq!(answer.as_object().map(|object| object.len()), Some(1), "an exact value has no error: {answer}");
    }
    for text in ["[0.25, -0.1]", r#"{"parameters": [0.25, -1e-1]}"#] {
        let file = folder.file("values.json", text);
        let answer = json(&["expval", &two, "--observable=Z0 Z1", "--params-file", &file]);
        assert!((number(&answer["expectation"]) - expected).abs() < 1e-15, "{text}");
    }
}

#[test]
fn bad_parameters_are_refused_by_name() {
    let folder = Folder::new();
    let two = folder.file("two.qasm", TWO);
    let bell = folder.file("bell.qasm", BELL);
    let refused = |circuit: &str, parameters: &[&str]| {
        let message = refusal(&[&["expval", circuit, "--observable=Z0"], parameters].concat());
        assert!(message.contains(circuit), "{message}");
        message
    };
    for (parameters, part) in [
        (&[][..], r#"2 parameters ("b", "a") and no value is given for "b", "a""#),
        (&["--params="], r#"no value is given for "b", "a""#),
        (&["--params=1"], r#"no value is given for "a""#),
        (&["--params=1,2,3"], "3 values are given, the circuit has 2 parameters"),
        (&["--params=1,"], r#"value 2 is "", which is not a number"#),
        (&["--params=1,x"], r#"value 2 is "x", which is not a number"#),
        (&["--params=1,nan"], r#"parameter "a" is NaN"#),
        (&["--params=-inf,1"], r#"parameter "b" is -inf"#),
        (&["--params=1,1e999"], r#"parameter "a" is inf"#),
        (&["--param", "a=1"], r#"no value is given for "b""#),
        (&["--param", "a=1", "--param", "c=1"], r#"no parameter "c""#),
        (&["--param", "a=1", "--param", "a=1"], r#"parameter "a" is given twice"#),
        (&["--param", "a=NaN", "--param", "b=1"], r#"parameter "a" is NaN"#),
        (&["--param", "a"], r#""a" is not NAME=VALUE"#),
        // 1 / b at b = 0, at its gate in the file.
        (&["--params=0,1"], "two.qasm:7:1: the angle of this gate is inf"),
    ] {
        let message = refused(&two, parameters);
        assert!(message.contains(part), "{message} does not say {part}");
    }
    assert!(refused(&bell, &["--params=1"]).contains("1 values are given, the circuit has no parameters"));
    assert!(refused(&bell, &["--param", "a=1"]).contains("it has no parameters"));
    for (text, part) in [
        ("[1, 2", ":1:"),
        ("[1, \"2\"]", r#"value 2 is "2", which is not a number"#),
        ("{\"b\": 1}", "expected a list of numbers"),
        ("[1, 1e999]", "number out of range"),
    ] {
        let file = folder.file("values.json", text);
        let message = refusal(&["expval", &two, "--observable=Z0", "--params-file", &file]);
        assert!(message.contains(part) && message.contains("values.json"), "{message}");
    }
    let usage = qbench(&["expval", &two, "--observable=Z0", "--params=1,2", "--param", "a=1"]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn observables_come_from_text_or_file() {
    let folder = Folder::new();
    let bell = folder.file("bell.qasm", BELL);
    let observable = folder.file("h.obs", "0.5 * Z0 Z1\n + 2 * X0 X1\n");
    assert_eq!(number(&json(&["expval", &bell, "--observable-file", &observable])["expectation"]).round(), 3.0);
    let refused = |arguments: &[&str]| refusal(&[&["expval", &bell], arguments].concat());
    assert!(refused(&["--observable="]).contains("bell.qasm: --observable, column 1: a term is missing"));
    assert!(refused(&["--observable=Z0 + Q1"]).contains("--observable, column 6: expected I, X, Y or Z"));
    for large in ["--observable=1e99 * Z0 - 1e100 * X1", "--observable=Z0 + 1e101"] {
        let message = refused(&[large]);
        assert!(message.contains("--observable: the moduli of the coefficients add up to 1"), "{message}");
    }
    assert!(refused(&["--observable=-Z0 + X2"]).contains("acts on qubit 2, the circuit has 2 (0 to 1)"));
    let bad = folder.file("bad.obs", "Z0\n + 3 Z1\n");
    assert!(refused(&["--observable-file", &bad]).contains("bad.obs:2:6: expected + or -"));
    for arguments in [&["expval", &bell][..], &["expval", &bell, "--observable=Z0", "--observable-file", &observable]] {
        assert_eq!(qbench(arguments).status.code(), Some(2));
    }
}

#[test]
fn noise_is_exact_up_to_12_qubits_and_random_beyond() {
    let folder = Folder::new();
    let one = folder.file("one.qasm", "OPENQASM 3.0;\ninclude \"stdgates.inc\";\nqubit q;\nx q;\n");
    let noise = folder.file("noise.json", NOISE);
    // 1 with 7/8, read as 1 with 1/2; 0 with 1/8, read as 1 with 1/4.
    let p1 = 0.875 * 0.5 + 0.125 * 0.25;
    let with = |command: &[&str]| json(&[command, &["--noise", &noise]].concat());
    assert!((number(&with(&["expval", &one, "--observable=Z0"])["expectation"]) - (1.0 - 2.0 * p1)).abs() < 1e-15);
    let variance = number(&with(&["variance", &one, "--observable=Z0"])["variance"]);
    assert!((variance - 4.0 * p1 * (1.0 - p1)).abs() < 1e-15);
    assert!((number(&with(&["probs", &one])["probabilities"]["1"]) - p1).abs() < 1e-15);
    let sampled = with(&["probs", &one, "--shots", "10000", "--seed", "5"]);
    let frequency = number(&sampled["probabilities"]["1"]);
    assert!((frequency - p1).abs() < 4.0 * (p1 * (1.0 - p1) / 1e4).sqrt(), "{frequency}");

    let wide = folder.file("wide.qasm", "OPENQASM 3.0;\ninclude \"stdgates.inc\";\nqubit[13] q;\nx q[0];\n");
    let others = r#", {"p1_given_0": 0.0, "p0_given_1": 0.0}"#.repeat(12);
    let noise = folder.file("noise.json", &NOISE.replace("0.5}]", &format!("0.5}}{others}]")));
    let with = |command: &[&str]| json(&[command, &["--noise", &noise]].concat());
    let message = refusal(&["expval", &wide, "--observable=Z0", "--noise", &noise]);
    assert!(message.contains("13 qubits") && message.contains("--trajectories"), "{message}");
    let message = refusal(&["probs", &wide, "--noise", &noise]);
    assert!(message.contains("--shots"), "{message}");
    let answer = with(&["expval", &wide, "--observable=Z0", "--trajectories", "1000", "--seed", "3"]);
    let (mean, error) = (number(&answer["expectation"]), number(&answer["std_error"]));
    assert!((mean - (1.0 - 2.0 * p1)).abs() < 4.0 * error && error > 0.0 && error < 0.02, "{mean} +- {error}");
    let answer = with(&["probs", &wide, "--shots", "400", "--seed", "3"]);
    let frequency = number(&answer["probabilities"]["0000000000001"]);
    assert!((frequency - p1).abs() < 4.0 * (p1 * (1.0 - p1) / 400.0).sqrt(), "{frequency}");
}

#[test]
fn bad_noise_is_refused_with_its_place() {
    let folder = Folder::new();
    let bell = folder.file("bell.qasm", BELL);
    let refused = |text: &str| {
        let noise = folder.file("noise.json", text);
        let message = refusal(&["probs", &bell, "--noise", &noise]);
        assert!(message.contains("noise.json"), "{message}");
        message
    };
    assert!(refused("").contains("noise.json:1:0: EOF"));
    assert!(refused("{\n\"noise\": 3}").contains("noise.json:2:"));
    assert!(refused(&NOISE.replace("bit_flip", "bit_flop")).contains("unknown variant `bit_flop`"));
    assert!(refused(&NOISE.replace("0.125", "1.125")).contains("p is 1.125, not a probability"));
    assert!(refused("{}").contains("expected an object with the key"));
    assert!(refused("[]").contains("expected an object with the key"));
    let error = r#"{"p1_given_0": 0.1, "p0_given_1": 0.1}"#;
    let three = format!(r#"{{"readout_error": [{error}, {error}, {error}]}}"#);
    assert!(refused(&three).contains("readout error is for 3 qubits"));
    let one = format!(r#"{{"readout_error": [{error}]}}"#);
    assert!(refused(&one).contains("readout error is for 1 qubits"));
    let none = folder.file("none.json", r#"{"readout_error": []}"#);
    json(&["probs", &bell, "--noise", &none]);
}

/// Few shots of few qubits are counts too.
#[test]
fn few_shots_are_counts() {
    let folder = Folder::new();
    let bell = folder.file("bell.qasm", BELL);
    for shots in 1..12 {
        let answer = json(&["probs", &bell, "--shots", &shots.to_string()]);
        let counts = ["00", "11"].map(|bits| number(&answer["probabilities"][bits]) * f64::from(shots));
        assert!((counts[0] + counts[1] - f64::from(shots)).abs() < 1e-9, "{answer}");
        assert!(counts.iter().all(|count| (count - count.round()).abs() < 1e-9), "{answer}");
    }
}

/// An angle that is no number is refused with its place, whatever is asked for, and whether or not that depends on it.
#[test]
fn angles_that_are_none_are_refused_in_every_mode() {
    let folder = Folder::new();
    let noise = folder.file("noise.json", &NOISE.replace("\"readout_error\": [{", "\"no_error\": [{"));
    let gates = [
        "rx(1/t) q[1];",
        "rz(1/t) q[0];",
        "rzz(1/t) q[0], q[1];",
        "U(0, 1/t, 0) q[0];",
        "gphase(1/t);",
        "u0(1/t) q[0];",
    ];
    for gate in gates {
        let head = "OPENQASM 3.0;\ninclude \"stdgates.inc\";\ninput float[64] t;\nqubit[2] q;\n";
        let file = folder.file("inf.qasm", &format!("{head}{gate}\n"));
        let ways: [&[&str]; 6] = [
            &["expval", &file, "--observable=Z0"],
            &["expval", &file, "--observable=Z0", "--shots", "100"],
            &["variance", &file, "--observable=2", "--shots", "100"],
            &["probs", &file, "--shots", "10"],
            &["probs", &file, "--noise", &noise],
            &["amps", &file],
        ];
        for way in ways {
            let message = refusal(&[way, &["--params=0"]].concat());
            assert!(message.contains("inf.qasm:5:1") && message.contains("inf"), "{way:?}: {message}");
        }
    }
}

/// Shots of an outcome that is certain have an error all the same: 1000 equal outcomes exclude no deviation below about 1/1000.
#[test]
fn errors_of_shots_are_never_zero() {
    let folder = Folder::new();
    let bell = folder.file("bell.qasm", BELL);
    let answer = json(&["expval", &bell, "--observable=Z0 Z1", "--shots", "1000", "--seed", "1"]);
    assert_eq!(number(&answer["expectation"]), 1.0);
    let error = number(&answer["std_error"]);
    assert!(error > 5e-4 && error < 5e-3, "{error}");
    assert_eq!((answer["shots"].as_u64(), answer["seed"].as_u64()), (Some(1000), Some(1)));
    let answer = json(&["probs", &bell, "--shots", "1000", "--seed", "1"]);
    assert_eq!(number(&answer["probabilities"]["01"]), 0.0);
    assert!(number(&answer["std_error"]["01"]) > 0.0);
}

/// Repeated with other seeds, estimates scatter by as much as they say, around the exact value: the squared deviations in units
/// of the errors add up to a chi-square variable (mean 60, standard deviation 11), within 4.
#[test]
fn shots_scatter_by_their_errors() {
    let folder = Folder::new();
    let two = folder.file("two.qasm", TWO);
    let observable = "--observable=Z0 + 0.5 * X0 X1 - 0.25 * Y1 + 1";
    for (command, key) in [("expval", "expectation"), ("variance", "variance")] {
        let arguments = [command, &two, observable, "--params=0.7,0.4"];
        let exact = number(&json(&arguments)[key]);
        let squares = (0..60).map(|seed: u32| {
            let seed = seed.to_string();
            let answer = json(&[&arguments[..], &["--shots", "500", "--seed", &seed]].concat());
            ((number(&answer[key]) - exact) / number(&answer["std_error"])).powi(2)
        });
        let sum: f64 = squares.sum();
        assert!((sum - 60.0).abs() < 44.0, "{command}: {sum}");
    }
    let total: f64 = json(&["probs", &two, "--params=0.7,0.4", "--shots", "500"])["probabilities"]
        .as_object()
        .expect("an object")
        .values()
        .map(number)
        .sum();
    assert!((total - 1.0).abs() < 1e-12);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folder = Folder::new();
    let two = folder.file("two.qasm", TWO);
    let run = |threads: &str, seed: &str| {
        let arguments = ["probs", &two, "--params=0.7,0.4", "--shots", "500", "--seed", seed, "--json"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_qbench"));
        command.args(arguments).env("RAYON_NUM_THREADS", threads).output().expect("the program starts").stdout
    };
    assert_eq!(run("1", "4"), run("3", "4"));
    assert_ne!(run("1", "4"), run("1", "5"));
}

#[test]
fn files_that_are_none_are_refused() {
    let folder = Folder::new();
    let name = folder.0.path().to_str().expect("UTF-8");
    assert!(refusal(&["amps", name]).contains("is a folder"));
    assert!(refusal(&["amps", &format!("{name}/nothing.qasm")]).contains("cannot read"));
    let large = folder.file("large.qasm", &" ".repeat(qcore::qasm::MAX_BYTES + 1));
    assert!(refusal(&["amps", &large]).contains("larger than 4194304 bytes"));
    let path = folder.0.path().join("latin1.qasm");
    std::fs::write(&path, b"OPENQASM 3.0;\n// caf\xe9\n").expect("a folder for tests");
    assert!(refusal(&["amps", path.to_str().expect("UTF-8")]).contains("latin1.qasm:2:7: not UTF-8"));
    let wide = folder.file("wide.qasm", "OPENQASM 3.0;\nqubit[48] q;\n");
    let message = refusal(&["amps", &wide]);
    assert!(message.contains("wide.qasm: 48 qubits need 4503599627370496 bytes"), "{message}");
}

#[test]
fn circuits_come_from_standard_input() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_qbench"))
        .args(["probs", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("piped").write_all(BELL.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(text(&output.stdout), "00  0.500000000000\n11  0.500000000000\n");
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_quiet() {
    let folder = Folder::new();
    let wide = folder.file("wide.qasm", "OPENQASM 3.0;\nqubit[16] q;\n");
    let mut child = Command::new(env!("CARGO_BIN_EXE_qbench"))
        .args(["probs", &wide, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn help_and_usage() {
    let help = qbench(&["expval", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("Exit codes: 0 done, 1 refused or failed"));
    assert_eq!(qbench(&["--version"]).status.code(), Some(0));
    for arguments in [
        &["expval"][..],
        &["nothing"],
        &[],
        &["amps", "a", "b"],
        &["probs", "a", "--shots=0"],
        &["amps", "x", "--json=1"],
    ] {
        let output = qbench(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}
