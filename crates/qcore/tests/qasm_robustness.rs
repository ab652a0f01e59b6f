//! No text makes the reader panic, hang or grow without bound, and what it accepts can be bound, written and read again. The
//! stable twin of the fuzz targets `qasm_parse` and `qasm_tokens`.
#![cfg(feature = "qasm")]

use proptest::prelude::*;
use qcore::{Binding, Program, qasm};

/// Pieces of the language, joined at random; the good, the bad and the nested.
const PIECES: &[&str] = &[
    "OPENQASM 3.0;",
    "OPENQASM 2.0;",
    "include \"stdgates.inc\";",
    "include \"qelib1.inc\";",
    "include \"x\";",
    "qubit[3] q;",
    "qubit r;",
    "qreg q[2];",
    "creg c[2];",
    "bit[3] c;",
    "input float a;",
    "input angle[8] b;",
    "const int n = 2;",
    "const float f = pi/3;",
    "let l = q[0:1];",
    "gate g(x, y) p, s {",
    "gate e p {",
    "h p;",
    "rx(x*y) p;",
    "g(x, 1) p, s;",
    "}",
    "{",
    "h q;",
    "h q[0];",
    "cx q[0], q[1];",
    "cx q, r;",
    "rx(a) q[1];",
    "ccx q[0], q[1], q[2];",
    "g(a, b) q[0], q[1];",
    "e q;",
    "U(1, 2, 3) q[0];",
    "measure q -> c;",
    "c = measure q;",
    "c[0] = measure q[0];",
    "measure",
    "barrier q;",
    "reset q;",
    "ctrl @",
    "ctrl(2) @",
    "negctrl @",
    "inv @",
    "pow(2) @",
    "pow(0.5) @",
    "pow(-3) @",
    "pow(1e9) @",
    "pow(0) @",
    "pow(2000000) @",
    "pow(n) @",
    "gphase(a);",
    "if (c == 1)",
    "q",
    "r",
    "l",
    "p",
    "a",
    "b",
    "n",
    "x",
    "c",
    "$0",
    "$47",
    "$99999999999999999999",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    ":",
    "->",
    "=",
    "+",
    "-",
    "*",
    "/",
    "**",
    "^",
    "%",
    "@",
    "#",
    "++",
    "sin(",
    "pow(",
    "log(0)",
    "pi",
    "tau",
    "0",
    "1",
    "-1",
    "2.5",
    "1e308",
    "1/0",
    "1.2.3",
    "0x",
    "9223372036854775807",
    "99999999999999999999",
    "\"",
    "'",
    "/*",
    "*/",
    "//",
    "\n",
    "\r\n",
    "\u{3c0}",
    "\u{1f600}",
    "\0",
    "\u{feff}",
    "opaque",
    "for",
    "_",
    "h",
    "rx",
    "cu(a, b, 1, 2)",
    "q[{0, 1}]",
    "q[-1]",
    "q[2:-1:0]",
];

/// Everything that a caller does with a text.
fn exercise(text: &str) {
    let (circuit, locations) = match qasm::parse_with_locations(text) {
        Ok(read) => read,
        Err(error) => {
            let lines = text.lines().count().max(1) as u32 + 1;
            assert!(error.location.line >= 1 && error.location.line <= lines, "{error}");
            assert!(error.location.column >= 1);
            assert!(error.to_string().len() < 400, "{error}");
            return;
        }
    };
    assert_eq!(circuit.operations().len(), locations.len());
    assert!((1..=qcore::MAX_QUBITS).contains(&circuit.num_qubits()));
    let program = Program::compile(&circuit);
    let mut binding = Binding::new(&program);
    let values: Vec<f64> = (0..circuit.parameters().len()).map(|k| 0.3 + k as f64).collect();
    let _ = program.bind(&values, &mut binding);
    // Names of gates, which are legal for parameters, cannot be written.
    let Ok(written) = qasm::to_string(&circuit) else { return };
    if written.len() <= qasm::MAX_BYTES {
        let again = qasm::parse(&written).unwrap_or_else(|error| panic!("{error} in\n{written}"));
        assert_eq!((again.num_qubits(), again.parameters()), (circuit.num_qubits(), circuit.parameters()));
    }
}

fn good_files() -> Vec<String> {
    ["circuits", "qiskit", "bad_inputs"]
        .into_iter()
        .flat_map(|folder| {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder);
            std::fs::read_dir(folder).expect("the folder is there")
        })
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "qasm"))
        .map(|path| std::fs::read_to_string(path).expect("text"))
        .filter(|text| text.len() < 4000)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn soup_of_tokens(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60), blanks in any::<bool>(), head in 0..4_usize) {
        let head = [
            "",
            "OPENQASM 3.0; include \"stdgates.inc\"; qubit[4] q; input float a; input float b;",
            "include \"stdgates.inc\"; qubit[4] q; bit[4] c; gate g(x, y) p, s { rx(x/y) p; cx p, s; } gate e p { h p; }",
            "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[3]; creg c[3]; gate g(x, y) p, s { rx(x^y) p; }",
        ][head];
        exercise(&format!("{head}{}", pieces.join(if blanks { " " } else { "" })));
    }

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        exercise(&text);
        exercise(&format!("include \"stdgates.inc\"; qubit[2] q; {text}"));
    }

    /// A good file with some characters removed, doubled or replaced by a piece.
    #[test]
    fn mutated_files(file in any::<prop::sample::Index>(), edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, 0..40_usize, prop::sample::select(PIECES)), 1..6)) {
        let files = good_files();
        let mut text: Vec<char> = file.get(&files).chars().collect();
        for (place, kind, length, piece) in edits {
            let start = place.index(text.len() + 1);
            let end = (start + length).min(text.len());
            match kind {
                0 => drop(text.drain(start..end)),
                1 => {
                    let copy = text[start..end].to_vec();
                    text.splice(start..start, copy);
                }
                _ => drop(text.splice(start..end.min(start + length % 5), piece.chars())),
            }
        }
        exercise(&text.into_iter().collect::<String>());
    }
}
