//! What OpenQASM texts mean, shown by texts that mean the same, and what is refused, with place and message.
#![cfg(feature = "qasm")]

use qcore::qasm::{self, Fault, Limit};
use qcore::{Angle, Circuit, Error, Gate, Operation, Param, StateVector};
use std::f64::consts::{E, FRAC_PI_2, PI, TAU};

const HEAD: &str = "OPENQASM 3.0; include \"stdgates.inc\"; input float a; input angle[32] b; qubit[5] q;\n";
const HEAD_2: &str = "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[5];\n";

fn read(text: &str) -> Circuit {
    qasm::parse(text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

fn refusal(text: &str) -> String {
    match qasm::parse(text) {
        Ok(_) => panic!("accepted\n{text}"),
        Err(error) => error.to_string(),
    }
}

/// The angles of the operations, at `a = 0.7`, `b = -1.3`.
fn angles(head: &str, body: &str) -> Vec<f64> {
    let circuit = read(&format!("{head}{body}"));
    let values = &[0.7, -1.3][..circuit.parameters().len()];
    circuit.operations().iter().flat_map(|op| op.angles().iter().map(|angle| angle.value(values))).collect()
}

fn assert_same(left: &str, right: &str) {
    let (left_circuit, right_circuit) = (read(&format!("{HEAD}{left}")), read(&format!("{HEAD}{right}")));
    assert_eq!(left_circuit, right_circuit, "{left}\n{right}");
}

#[test]
fn expressions_have_the_precedence_and_the_functions_of_their_version() {
    let (a, b) = (0.7_f64, -1.3_f64);
    let three = [
        ("2*a + b/4", 2.0 * a + b / 4.0),
        ("-a - -b", -a + b),
        ("a - b - 1", a - b - 1.0),
        ("a / b / 2.0", a / b / 2.0),
        ("a / (b / 2)", a / (b / 2.0)),
        ("-2**2", -4.0),
        ("2**3**2 / 256.0", 2.0),
        ("2**-1", 0.5),
        ("-a**2", -a * a),
        ("(a + b)**3", (a + b).powi(3)),
        ("pow(2, 3) + pow(a, 2)", 8.0 + a * a),
        ("pi/2 + π + tau + τ + euler + ℇ", FRAC_PI_2 + 2.0 * PI - PI + 2.0 * TAU + 2.0 * E),
        ("7/7*a", a),
        ("sin(1) + cos(2) * tan(0.5)", 1.0_f64.sin() + 2.0_f64.cos() * 0.5_f64.tan()),
        ("arcsin(0.5) + arccos(0.25) - arctan(2)", 0.5_f64.asin() + 0.25_f64.acos() - 2.0_f64.atan()),
        (
            "exp(1.5) + log(3) + sqrt(2) - floor(2.7) + ceiling(0.1)",
            1.5_f64.exp() + 3.0_f64.ln() + 2.0_f64.sqrt() - 1.0,
        ),
        ("0x10 + 0b11 + 0o7 + 1_000", 1026.0),
        ("+a", a),
    ];
    for (text, value) in three {
        let value = if text.starts_with("pi/2") { FRAC_PI_2 + PI + 2.0 * TAU + 2.0 * E } else { value };
        let found = angles(HEAD, &format!("rx({text}) q[0];"))[0];
        assert!((found - value).abs() < 1e-14 * value.abs().max(1.0), "{text}: {found}, not {value}");
    }
    let two = [
        ("-2^2", -4.0),
        ("2^3^2/256", 2.0),
        ("1/2", 0.5),
        ("-3*pi/4", -3.0 * PI / 4.0),
        ("1++2", 3.0),
        ("-(3++1)*2", -8.0),
        (
            "sin(1)+cos(2)*tan(.5)-ln(3)+exp(0)/sqrt(2)",
            1.0_f64.sin() + 2.0_f64.cos() * 0.5_f64.tan() - 3.0_f64.ln() + 0.5_f64.sqrt(),
        ),
    ];
    for (text, value) in two {
        let found = angles(HEAD_2, &format!("rx({text}) q[0];"))[0];
        assert!((found - value).abs() < 1e-14, "{text}: {found}, not {value}");
    }
    // In version 2 the constants of version 3 are free names.
    let circuit =
        read("OPENQASM 2.0; include \"qelib1.inc\"; gate g(tau) ctrl { rx(tau) ctrl; } qreg qubit[1]; g(2) qubit[0];");
    assert_eq!(circuit.operations()[0].angles(), [2.0.into()]);
}

/// The lists of OpenQASM 3 may end in a comma, those of OpenQASM 2 may not.
#[test]
fn lists_may_end_in_a_comma() {
    assert_same("rx(0.5,) q[0]; cx q[0], q[1],;", "rx(0.5) q[0]; cx q[0], q[1];");
    assert_same("U(a, b, sin(1,),) q[{0, 2,}],; barrier q[0], q[1],;", "U(a, b, sin(1)) q[{0, 2}];");
    assert_same(
        "gate g(x, y,) r, s, { rx(pow(x, 2,),) r,; barrier r, s,; cp(y) r, s,; } g(1, 2,) q[0], q[1],;",
        "gate g(x, y) r, s { rx(pow(x, 2)) r; cp(y) r, s; } g(1, 2) q[0], q[1];",
    );
    for text in ["rx(,) q[0];", "rx(0.5,,) q[0];", "cx q[0], , q[1];", "gate g(,) r { } g q[0];"] {
        refusal(&format!("{HEAD}{text}"));
    }
    for text in ["rx(0.5,) q[0];", "cx q[0], q[1],;", "gate g(x,) r { } g(1) q[0];", "barrier q,;", "rx(sin(1,)) q[0];"]
    {
        refusal(&format!("{HEAD_2}{text}"));
    }
}

/// A carriage return ends a comment in OpenQASM 3 (its grammar: `'//' ~[\r\n]*`), and not in OpenQASM 2, as Qiskit reads it.
#[test]
fn lines_may_end_in_a_carriage_return() {
    let body = "qubit[2] q;\rx q[0];\r// a note\rx q[1];\r";
    assert_eq!(read(&format!("OPENQASM 3.0;\rinclude \"stdgates.inc\";\r{body}")).operations().len(), 2);
    let body = "qreg q[2];\rx q[0];\r// a note\rx q[1];\r\nx q[0];";
    assert_eq!(read(&format!("OPENQASM 2.0;\rinclude \"qelib1.inc\";\r{body}")).operations().len(), 2);
}

#[test]
fn affine_angles_stay_affine_and_names_are_positional() {
    let circuit = read(&format!(
        "{HEAD}gate g(y, x) p {{ rz(2*x - y/4) p; }} g(a + 1, b*2) q[0]; const float c = 0.5; const int n = 3; rx(c*a/n) q[n - 1];"
    ));
    let (a, b) = (Param::new(0), Param::new(1));
    assert_eq!(circuit.parameters(), ["a", "b"]);
    assert_eq!(circuit.operations()[0].angles()[0].as_affine(), Some((-0.25, &[(a, -0.25), (b, 4.0)][..])));
    assert_eq!(circuit.operations()[1].angles()[0].as_affine(), Some((0.0, &[(a, 0.5 / 3.0)][..])));
    assert_eq!(circuit.operations()[1].qubits(), [2]);
}

#[test]
fn registers_aliases_ranges_and_broadcasting() {
    let same = [
        ("h q;", "h q[0]; h q[1]; h q[2]; h q[3]; h q[4];"),
        ("h q[1:2];", "h q[1]; h q[2];"),
        ("h q[0:2:4];", "h q[0]; h q[2]; h q[4];"),
        ("h q[4:-2:0];", "h q[4]; h q[2]; h q[0];"),
        ("h q[3:];", "h q[3]; h q[4];"),
        ("h q[:1];", "h q[0]; h q[1];"),
        ("h q[-1]; h q[-2:-1];", "h q[4]; h q[3]; h q[4];"),
        ("h q[{4, 0}];", "h q[4]; h q[0];"),
        ("h q[1 + 2];", "h q[3];"),
        ("cx q[0:1], q[3:4];", "cx q[0], q[3]; cx q[1], q[4];"),
        ("cx q[0], q[3:4];", "cx q[0], q[3]; cx q[0], q[4];"),
        ("let l = q[3:4] ++ q[0]; let m = l[1:2]; cx m[0], l[2]; x m;", "cx q[4], q[0]; x q[4]; x q[0];"),
        ("let one = q[2]; cx one, q[0:1];", "cx q[2], q[0]; cx q[2], q[1];"),
        ("qubit r; qubit[2] s; cx r, s;", "qubit r; qubit[2] s; cx r, s[0]; cx r, s[1];"),
        ("qreg r[1]; cx q[0], r;", "qubit[1] r; cx q[0], r[0];"),
        ("barrier; barrier q, q[0]; ; h q[0];", "h q[0];"),
        (
            "bit[2] c; bit d; h q[0]; c = measure q[0:1]; d = measure q[2]; c[0] = measure q[3]; measure q[4] -> d;",
            "h q[0];",
        ),
        ("creg c[1]; x q[0]; bit[5] all = measure q; measure q;", "x q[0];"),
        ("bit[2] x; x q[0]; x[1] = measure q[0];", "x q[0];"),
        ("input float t; t q[0]; rx(t) q[1];", "input float t; t q[0]; rx(t) q[1];"),
    ];
    for (left, right) in same {
        let strip = |text: &str| text.replace("bit[2] c; bit d; ", "");
        assert_eq!(
            read(&format!("{HEAD}{left}")).operations(),
            read(&format!("{HEAD}{}", strip(right))).operations(),
            "{left}"
        );
    }
    let circuit = read("OPENQASM 3; include \"stdgates.inc\"; cx $2, $0;");
    assert_eq!((circuit.num_qubits(), circuit.operations()[0].qubits()), (3, &[2, 0][..]));
    // Registers may be declared after gates, and without a version line the text is version 3.
    let circuit = read("include \"stdgates.inc\"; qubit[2] a; h a; qubit b; cx a[1], b;");
    assert_eq!((circuit.num_qubits(), circuit.operations()[2].qubits()), (3, &[1, 2][..]));
}

#[test]
fn modifiers_fold_into_controls_angles_and_repetitions() {
    let same = [
        ("inv @ s q[0];", "sdg q[0];"),
        ("inv @ inv @ t q[0];", "t q[0];"),
        ("inv @ U(a, b, 0.5) q[0];", "U(-a, -0.5, -b) q[0];"),
        ("inv @ rx(a) q[0];", "rx(-a) q[0];"),
        ("pow(3) @ rx(a) q[0];", "rx(3*a) q[0];"),
        ("pow(0.5) @ p(a) q[0];", "p(a/2) q[0];"),
        ("pow(-2) @ ctrl @ rz(b) q[0], q[1];", "ctrl @ rz(-2*b) q[0], q[1];"),
        ("pow(2) @ h q[0];", "h q[0]; h q[0];"),
        ("pow(-2) @ t q[0];", "tdg q[0]; tdg q[0];"),
        ("pow(0) @ h q[0];", ""),
        ("pow(2.0) @ inv @ s q[0];", "sdg q[0]; sdg q[0];"),
        ("ctrl(2) @ x q[0], q[1], q[2];", "ctrl @ ctrl @ x q[0], q[1], q[2];"),
        ("gate g p, r { h p; cx p, r; } g q[0], q[1];", "gate g p, r { h p; cx p, r; } h q[0]; cx q[0], q[1];"),
        ("gate g(x) p, r { s p; crx(x) p, r; } inv @ g(a) q[2], q[1];", "crx(-a) q[2], q[1]; sdg q[2];"),
        ("gate g(x) p { s p; rx(x) p; } pow(-2) @ g(a) q[0];", "rx(-a) q[0]; sdg q[0]; rx(-a) q[0]; sdg q[0];"),
        ("gate g p { s p; t p; } gate f p { inv @ g p; h p; } inv @ f q[0];", "h q[0]; s q[0]; t q[0];"),
    ];
    for (left, right) in same {
        assert_eq!(read(&format!("{HEAD}{left}")).operations(), read(&format!("{HEAD}{right}")).operations(), "{left}");
    }
    assert_same(
        "gate g(x) p, r { gphase(x); negctrl @ h p, r; } negctrl @ g(a) q[4], q[1], q[0];",
        "negctrl @ gphase(a) q[4]; negctrl @ negctrl @ h q[4], q[1], q[0];",
    );
    // A controlled U is cu without its phase.
    assert_acts_alike("ctrl @ U(a, b, 0.5) q[0], q[1];", "cu(a, b, 0.5, 0) q[0], q[1];");
    assert_acts_alike("ctrl @ gphase(a) q[1];", "p(a) q[1];");
    assert_acts_alike("negctrl @ gphase(a) q[1];", "x q[1]; p(a) q[1]; x q[1];");
    assert_acts_alike("ctrl @ u2(a, b) q[0], q[1];", "cu(pi/2, a, b, 0) q[0], q[1];");
    assert_acts_alike(
        "negctrl @ ctrl @ swap q[0], q[1], q[2], q[3];",
        "x q[0]; ctrl @ cswap q[0], q[1], q[2], q[3]; x q[0];",
    );
}

fn assert_acts_alike(left: &str, right: &str) {
    let images = [left, right].map(|body| {
        let circuit = read(&format!("{HEAD}{body}"));
        let mut state = StateVector::zero(5).expect("small");
        for q in 0..5 {
            state.apply_gate(Gate::U, &[q], &[0.4 + q as f64, 0.3, 1.1]).expect("valid");
        }
        state.apply_circuit(&circuit, &[0.7, -1.3]).expect("finite");
        state.amplitudes()
    });
    let distance = images[0].iter().zip(&images[1]).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
    assert!(distance < 1e-14, "{left}: {distance:e}");
}

/// The rule of the module: a gate of the table is one operation; definitions are macros.
#[test]
fn operations_are_gates_as_written() {
    let text = format!("{HEAD}gate mine(x) p, r {{ U(x, 0, 0) p; ccx_like p, r; }}\n")
        .replace("ccx_like p, r;", "cu(x, 1, 2, 3) p, r;");
    let circuit = read(&format!(
        "{text}U(a, b, 1) q[0]; ccx q[0], q[1], q[2]; cu(1, 2, 3, a) q[0], q[1]; c3x q[0], q[1], q[2], q[3]; rccx q[0], q[1], q[2]; mine(b) q[3], q[4]; ctrl @ mine(b) q[0], q[3], q[4];"
    ));
    assert_eq!(circuit.operations().len(), 5 + 2 + 2);
    let last = &circuit.operations()[8];
    assert_eq!((last.qubits(), last.operands()), (&[0, 3, 4][..], &[3, 4][..]));
    let expected = Operation::gate(Gate::U, &[3], &[Angle::from(Param::new(1)), 0.0.into(), 0.0.into()]);
    assert_eq!(circuit.operations()[5], expected.expect("valid"));
}

#[test]
fn definitions_of_the_file_win_over_the_table_beyond_the_standard() {
    // rzz is no gate of stdgates.inc: known as an extension, and replaced by a definition.
    assert_eq!(read(&format!("{HEAD}rzz(a) q[0], q[1];")).operations().len(), 1);
    let own = read(&format!("{HEAD}gate rzz(t) c, d {{ x c; }} rzz(a) q[0], q[1];"));
    assert_eq!(own, read(&format!("{HEAD}x q[0];")));
    let own = read(&format!("{HEAD_2}gate swap c, d {{ cx c, d; }} swap q[0], q[1];"));
    assert_eq!(own, read(&format!("{HEAD_2}cx q[0], q[1];")));
    let built_in = read("OPENQASM 2.0; qreg q[2]; U(1, 2, 3) q[0]; CX q[0], q[1];");
    assert_eq!(built_in.operations().len(), 2);
}

#[test]
fn places_of_operations_point_at_their_statements() {
    let text = "OPENQASM 3.0;\ninclude \"stdgates.inc\";\ninput float t;\nqubit[2] q;\ngate g(x) p { h p; rx(1/x) p; }\n\n  h q;\n  g(t) q[1];\n";
    let (circuit, locations) = qasm::parse_with_locations(text).expect("valid");
    assert_eq!(circuit.operations().len(), locations.len());
    let places: Vec<(u32, u32)> = locations.iter().map(|location| (location.line, location.column)).collect();
    assert_eq!(places, [(7, 3), (7, 3), (8, 3), (8, 3)]);
    // An angle without a finite value is found when it is bound, and has the line of its operation.
    let mut state = StateVector::zero(2).expect("small");
    assert!(matches!(state.apply_circuit(&circuit, &[0.0]), Err(Error::Angle { operation: 3, .. })));
}

#[test]
fn refusals_name_the_place_and_the_reason() {
    let three = [
        ("h q[0]\nh q[1];", "line 3, column 1: expected \",\" or \";\", found \"h\""),
        ("h q[5];", "line 2, column 5: index 5 is outside \"q\" of size 5"),
        ("h q[-6];", "line 2, column 5: index -6 is outside \"q\" of size 5"),
        ("h q[0.5];", "line 2, column 5: an index must be an integer"),
        ("h q[a];", "line 2, column 5: an index must be a constant"),
        ("h q[3:1];", "line 2, column 5: the range selects nothing of \"q\""),
        ("h q[0:0:4];", "line 2, column 5: the range selects nothing of \"q\""),
        ("h q[{0, 0}];", "line 2, column 3: qubit 0 occurs twice among the operands of a set"),
        ("let l = q[0:1] ++ q[1];", "line 2, column 19: qubit 1 occurs twice among the operands of an alias"),
        ("frobnicate q[0];", "line 2, column 1: gate \"frobnicate\" is not defined"),
        ("cx q[0], q[1], q[2];", "line 2, column 1: cx acts on 2 qubits, not 3"),
        ("ctrl(2) @ cx q[0], q[1], q[2];", "line 2, column 11: ctrl(2) @ cx acts on 4 qubits, not 3"),
        ("rx q[0];", "line 2, column 1: rx takes 1 angles, not 0"),
        ("h(0.1) q[0];", "line 2, column 1: h takes 0 angles, not 1"),
        ("cx q[1], q[1];", "line 2, column 10: qubit 1 occurs twice among the operands of cx"),
        ("cx q, q;", "line 2, column 7: qubit 0 occurs twice among the operands of cx"),
        ("cx q[0:1], q[2:4];", "line 2, column 12: operands of 3 and 2 qubits cannot be combined"),
        ("h r;", "line 2, column 3: \"r\" is not declared"),
        ("h a;", "line 2, column 3: \"a\" is an input parameter, not a register of qubits"),
        ("q a;", "line 2, column 1: \"q\" is a register of qubits, not a gate"),
        ("rx(q) q[0];", "line 2, column 4: \"q\" is a register of qubits, not a number or an angle"),
        ("rx(alpha) q[0];", "line 2, column 4: \"alpha\" is not declared"),
        ("rx(pi/2 q[0];", "line 2, column 9: expected ), found \"q\""),
        ("rx() q[0];", "line 2, column 1: rx takes 1 angles, not 0"),
        (
            "rx(1/2) q[0];",
            "line 2, column 5: 1 / 2 of two integers is not an integer and would be rounded: write 1.0 / 2",
        ),
        ("rx(1/0) q[0];", "line 2, column 5: the value of the expression is inf, not a finite number"),
        ("rx(1.0/0.0) q[0];", "line 2, column 7: the value of the expression is inf, not a finite number"),
        ("rx(log(0)) q[0];", "line 2, column 4: the value of the expression is -inf, not a finite number"),
        ("rx(9223372036854775807 + 1) q[0];", "line 2, column 24: the integer does not fit into 64 bits"),
        ("rx(2**64) q[0];", "line 2, column 5: the integer does not fit into 64 bits"),
        ("rx(sin(a)) q[0];", "line 2, column 4: sin of an input parameter is not supported: functions take constants"),
        ("rx(2**a) q[0];", "line 2, column 5: an exponent must be a constant"),
        (
            "rx(mean(1)) q[0];",
            "line 2, column 4: function \"mean\" is not supported: the functions are sin, cos, tan, arcsin, arccos, arctan, exp, log, sqrt, floor, ceiling and pow",
        ),
        (
            "rx(5 % 2) q[0];",
            "line 2, column 6: operator \"%\" is not supported: angles are sums, products, quotients and powers",
        ),
        ("rx(1.2.3) q[0];", "line 2, column 4: \"1.2.3\" is not a number"),
        ("rx(1e400) q[0];", "line 2, column 4: 1e400 is too large"),
        ("qubit[0] r;", "line 2, column 7: the size of a register must be positive, not 0"),
        ("qubit[-3] r;", "line 2, column 7: the size of a register must be positive, not -3"),
        (
            "qubit[44] r;",
            "line 2, column 11: 49 qubits: their state would need 2^53 bytes of memory; at most 48 qubits can be described",
        ),
        (
            "qubit[4000000000] r;",
            "line 2, column 19: 4000000005 qubits: their state would need 2^4000000009 bytes of memory; at most 48 qubits can be described",
        ),
        ("qubit[99999999999999999999] r;", "line 2, column 7: 99999999999999999999 is too large"),
        ("qubit[2] q;", "line 2, column 10: \"q\" is declared already, in line 1"),
        ("input float a;", "line 2, column 13: \"a\" is declared already, in line 1"),
        ("gate g p { h p; }\ngate g p { x p; }", "line 3, column 6: \"g\" is declared already, in line 2"),
        ("gate h p { x p; }", "line 2, column 6: \"h\" is declared already, in stdgates.inc"),
        ("gate g(x, x) p { }", "line 2, column 11: \"x\" is declared already, in the same definition"),
        ("const float pi = 3;", "line 2, column 13: \"pi\" is declared already, in the language"),
        ("qubit gate;", "line 2, column 7: expected the name of a register, found \"gate\""),
        ("gate g p { g p; }", "line 2, column 12: gate \"g\" calls itself"),
        ("gate g p { k p; }\ngate k p { g p; }", "line 2, column 12: gate \"k\" is not defined"),
        ("gate g p { h r; }", "line 2, column 14: \"r\" is not declared"),
        ("gate g p { h p[0]; }", "line 2, column 15: expected no index: the qubits of a gate are single, found \"[\""),
        (
            "gate g p { rx(a) p; }",
            "line 2, column 15: input \"a\" inside a gate definition is not supported: hand it to the gate as an argument",
        ),
        ("gate g p, r { cx p, p; }", "line 2, column 21: qubit p occurs twice among the operands of cx"),
        (
            "gate g p { measure p; }",
            "line 2, column 12: \"measure\" in a gate definition is not supported: gates are made of gates",
        ),
        ("gate g p { h p;", "line 2, column 16: expected a gate or \"}\", found the end of the file"),
        (
            "gate g(x) p { rx(sin(x)) p; } g(0.5) q[0]; g(a) q[0];",
            "line 2, column 18: sin of an input parameter is not supported: functions take constants",
        ),
        ("ctrl(0) @ x q[0];", "line 2, column 6: the number of controls must be positive, not 0"),
        ("ctrl(-1) @ x q[0];", "line 2, column 6: the number of controls must be positive, not -1"),
        (
            "ctrl(1000000) @ x q[0];",
            "line 2, column 15: 1000000 qubits: their state would need 2^1000004 bytes of memory; at most 48 qubits can be described",
        ),
        ("ctrl @ rx(1) q[1], q[1];", "line 2, column 20: qubit 1 occurs twice among the operands of ctrl @ rx"),
        (
            "pow(0.5) @ h q[0];",
            "line 2, column 1: pow(0.5) of h is not supported: only rotations and phase gates have powers that are not integers",
        ),
        ("pow(a) @ h q[0];", "line 2, column 5: an exponent must be a constant"),
        ("pow(1000000000000) @ h q[0];", "line 2, column 1: more than 2000000 gates after expansion"),
        ("reset q[0];", "line 2, column 1: \"reset\" is not supported: it is not unitary"),
        ("if (true) { h q[0]; }", "line 2, column 1: \"if\" is not supported: a circuit has no classical control"),
        ("while (true) { h q[0]; }", "line 2, column 1: \"while\" is not supported: a circuit has no loops"),
        ("for int i in [0:1] { h q[i]; }", "line 2, column 1: \"for\" is not supported: a circuit has no loops"),
        ("def f() { }", "line 2, column 1: \"def\" is not supported: a circuit has no subroutines"),
        (
            "float x = 1;",
            "line 2, column 1: \"float\" is not supported: a circuit has no variables; declare a const, or an input float",
        ),
        ("output bit c;", "line 2, column 1: \"output\" is not supported: results are those of the final measurement"),
        ("input int n;", "line 2, column 7: input \"int\" is not supported: parameters are input float or input angle"),
        ("#pragma x\n", "line 2, column 1: a pragma is not supported: its meaning is not known"),
        ("@note\nh q[0];", "line 2, column 1: an annotation is not supported: annotations have no known meaning"),
        ("delay[10] q[0];", "line 2, column 1: \"delay\" is not supported: a circuit has no timing"),
        ("opaque g p;", "line 2, column 1: gate \"opaque\" is not defined"),
        ("bit c = 1;", "line 2, column 9: expected measure: bits have no other values, found 1"),
        ("bit[2] c; c = measure q;", "line 2, column 15: operands of 2 and 5 qubits cannot be combined"),
        (
            "h q[1];\nmeasure q;\n\nx q[2];",
            "line 3, column 1: the qubit measured here is used again in line 5: only final measurements are supported",
        ),
        (
            "h $0;",
            "line 2, column 3: a physical qubit beside a declared register is not supported: the numbers of the qubits would not be known",
        ),
        (
            "include \"../../etc/passwd\";",
            "line 2, column 9: include \"../../etc/passwd\" is not supported: only \"stdgates.inc\" and \"qelib1.inc\" are, which are built in",
        ),
        (
            "OPENQASM 3.0;",
            "line 2, column 1: expected a statement: the version stands at the beginning of a file, found \"OPENQASM\"",
        ),
        ("/* h q[0];", "line 2, column 1: the comment is never closed"),
        ("const int n = 1.5;", "line 2, column 15: the value of an integer constant must be an integer"),
        ("const float f = a;", "line 2, column 17: the value of a constant must be a constant"),
        ("const uint n = -1;", "line 2, column 16: an unsigned integer must be positive, not -1"),
        ("§", "line 2, column 1: unexpected character '§'"),
        ("rx(a", "line 2, column 5: expected ), found the end of the file"),
        ("h q[0], , q[1];", "line 2, column 9: expected a qubit or a register, found \",\""),
        ("0.5;", "line 2, column 1: expected a statement, found 0.5"),
    ];
    for (body, message) in three {
        assert_eq!(refusal(&format!("{HEAD}{body}")), message, "{body}");
    }
    let two = [
        ("opaque magic a;", "line 2, column 1: \"opaque\" is not supported: it has no matrix"),
        ("if (c == 1) x q[0];", "line 2, column 1: \"if\" is not supported: a circuit has no classical control"),
        ("reset q;", "line 2, column 1: \"reset\" is not supported: it is not unitary"),
        ("qubit[2] r;", "line 2, column 1: gate \"qubit\" is not defined"),
        ("ctrl @ x q[0], q[1];", "line 2, column 1: gate \"ctrl\" is not defined"),
        ("rx(tau) q[0];", "line 2, column 4: \"tau\" is not declared"),
        ("h q[0:1];", "line 2, column 6: expected ], found \":\""),
        ("h q[-1];", "line 2, column 5: expected a whole number, found \"-\""),
        ("gphase(1);", "line 2, column 1: gate \"gphase\" is not defined"),
        ("creg c[5]; measure q;", "line 2, column 21: expected ->, found \";\""),
        ("qreg r;", "line 2, column 7: expected [, found \";\""),
        (
            "rx(2**2) q[0];",
            "line 2, column 5: operator \"**\" is not supported: angles are sums, products, quotients and powers",
        ),
    ];
    for (body, message) in two {
        assert_eq!(refusal(&format!("{HEAD_2}{body}")), message, "{body}");
    }
    let whole = [
        ("", "line 1, column 1: the file is empty"),
        ("// nothing\n", "line 2, column 1: the file is empty"),
        ("OPENQASM 3.0;", "line 1, column 14: the file declares no qubit"),
        ("OPENQASM 7.5;", "line 1, column 10: OpenQASM 7.5 is not supported: 2.0, 3.0 and 3.1 are"),
        ("OPENQASM x;", "line 1, column 10: expected a version, found \"x\""),
        ("qubit q;\nh q;", "line 2, column 1: gate \"h\" is not defined: write include \"stdgates.inc\"; first"),
        (
            "OPENQASM 2.0; qreg q[1];\nh q;",
            "line 2, column 1: gate \"h\" is not defined: write include \"qelib1.inc\"; first",
        ),
        ("gate h a { } include \"stdgates.inc\";", "line 1, column 22: \"h\" is declared already, in line 1"),
        ("h $48;", "line 1, column 1: gate \"h\" is not defined: write include \"stdgates.inc\"; first"),
        (
            "U(0,0,0) $48;",
            "line 1, column 10: 49 qubits: their state would need 2^53 bytes of memory; at most 48 qubits can be described",
        ),
    ];
    for (text, message) in whole {
        assert_eq!(refusal(text), message, "{text}");
    }
}

/// Each limit is reached by a text that would otherwise be legal, in bounded time and memory.
#[test]
fn limits_hold() {
    let limit = |text: &str| match qasm::parse(text) {
        Err(qasm::Error { fault: Fault::Limit(limit), .. }) => limit,
        other => panic!("{other:?}"),
    };
    assert_eq!(limit(&" ".repeat(qasm::MAX_BYTES + 1)), Limit::Bytes);
    assert_eq!(limit(&";".repeat(qasm::MAX_TOKENS + 1)), Limit::Tokens);
    for (open, close) in [("(", ")"), ("-", ""), ("sin(", ")"), ("1**", ""), ("+ ", "")] {
        let angle = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(limit(&format!("{HEAD}rx({angle}) q[0];")), Limit::Nesting, "{open}");
    }
    let within = "(".repeat(qasm::MAX_NESTING - 1) + "1" + &")".repeat(qasm::MAX_NESTING - 1);
    assert_eq!(angles(HEAD, &format!("rx({within}) q[0];")), [1.0]);
    assert_eq!(limit(&format!("{HEAD}rx(a{}) q[0];", "+a".repeat(qasm::MAX_EXPRESSION))), Limit::Expression);

    // 2^60 gates, and 2^60 calls of nothing.
    for body in ["h p;", ""] {
        let mut text = format!("{HEAD}gate g0 p {{ {body} }}\n");
        for k in 1..=60 {
            text += &format!("gate g{k} p {{ g{0} p; g{0} p; }}\n", k - 1);
        }
        assert_eq!(limit(&format!("{text}g60 q[0];")), Limit::Operations);
    }
    assert_eq!(limit(&format!("{HEAD}gate g p {{ }} pow(1e15) @ g q[0];")), Limit::Operations);
    // x -> x*x in 60 levels: an expression of 2^60 factors.
    let mut text = format!("{HEAD}gate g0(x) p {{ rx(x) p; }}\n");
    for k in 1..=60 {
        text += &format!("gate g{k}(x) p {{ g{}(x*(x + 1)) p; }}\n", k - 1);
    }
    assert_eq!(limit(&format!("{text}g60(a) q[0];")), Limit::Expression);
    assert_eq!(angles(HEAD, "gate sq(x) p { rx(x*x) p; } gate g(x) p { sq(x*x) p; } g(a) q[0];").len(), 1);
    // A long expression evaluated often.
    let long = "+1.0".repeat(qasm::MAX_EXPRESSION / 2 - 1);
    let text = format!("{HEAD}gate g p {{ rx(1.0{long}) p; }} pow(1000000) @ g q[0];");
    assert_eq!(limit(&text), Limit::Work);
    // Gates that are left out, often; and copies of a gate whose angle is a long sum.
    let nothing = "pow(0) @ x p; ".repeat(50_000);
    assert_eq!(limit(&format!("{HEAD}gate g p {{ {nothing} }} pow(1999999) @ g q[0];")), Limit::Work);
    let (mut text, mut sum) = (HEAD.to_owned(), "b0".to_owned());
    for k in 0..500 {
        text += &format!("input float b{k};\n");
        sum += &format!("+b{k}");
    }
    assert_eq!(limit(&format!("{text}pow(2000000) @ U({sum}, 0, 0) q[0];")), Limit::Work);
    let mut text = format!("{HEAD}gate g0 p {{ h p; }}\n");
    for k in 1..=qasm::MAX_CALL_DEPTH {
        text += &format!("gate g{k} p {{ g{} p; }}\n", k - 1);
    }
    assert_eq!(limit(&text), Limit::CallDepth);
}

/// Products for powers, which Qiskit does not read, would multiply where powers stand in powers.
#[test]
fn powers_of_powers_stay_short() {
    let nested = format!("rx({}a{}) q[0];", "(".repeat(12), "**8)".repeat(12));
    let circuit = read(&format!("{HEAD}{nested}"));
    let text = qasm::to_string(&circuit).expect("finite");
    assert!(text.len() < 4000, "{} bytes", text.len());
    let angle = |circuit: &Circuit, at: f64| circuit.operations()[0].angles()[0].value(&[at, 0.0]);
    let again = read(&text);
    for at in [1.0, -1.0, 0.999_999_999] {
        assert!((angle(&circuit, at) / angle(&again, at) - 1.0).abs() < 1e-4, "{at}");
    }
    let once = read(&format!("{HEAD}rx((a + 0.5)**3) q[0]; rx((a**2)**2) q[0];"));
    let text = qasm::to_string(&once).expect("finite");
    assert!(text.contains("(0.5 + a)*(0.5 + a)*(0.5 + a)") && text.contains("(a*a)*(a*a)"), "{text}");
}
