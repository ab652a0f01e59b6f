//! OpenQASM put together from pieces of the language, so that most of it gets past the lexer.
#![no_main]

const PIECES: &[&str] = &[
    "qubit[3] q;", "qubit r;", "qreg w[2];", "creg c[2];", "bit[3] d;", "input float a;", "input angle[8] b;", "const int n = 2;",
    "let l = q[0:1];", "gate g(x, y) p, s {", "gate e p {", "gate f p {", "h p;", "e p;", "rx(x*y) p;", "g(x, 1) p, s;", "}", "{", "h q;",
    "cx q[0], q[1];", "cx q, r;", "rx(a) q[1];", "ccx q[0], q[1], q[2];", "g(a, b) q[0], q[1];", "e q;", "f q[0];", "U(1, 2, 3) q[0];",
    "measure q -> d;", "d = measure q;", "barrier q;", "ctrl @", "ctrl(2) @", "negctrl @", "inv @", "pow(2) @", "pow(0.5) @", "pow(-3) @",
    "pow(1e9) @", "pow(n) @", "gphase(a);", "rzz(a) q[0], q[1];", "rx", "h", "q", "r", "l", "p", "a", "b", "n", "x", "c", "$0", "(", ")",
    "[", "]", ",", ";", ":", "->", "=", "+", "-", "*", "/", "**", "^", "@", "++", "sin(", "pow(", "pi", "0", "1", "2.5", "1e308",
    "9223372036854775807", "\"", "/*", "*/", "\n", "\u{3c0}", "reset q;", "opaque", "cu(a, b, 1, 2)", "q[{0, 1}]", "q[-1]", "q[2:-1:0]",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let mut text = String::from(match first % 3 {
        0 => "OPENQASM 3.0; include \"stdgates.inc\";",
        1 => "OPENQASM 2.0; include \"qelib1.inc\";",
        _ => "include \"stdgates.inc\"; qubit[3] q; qubit r; bit[3] d; input float a; input float b;",
    });
    for byte in rest {
        text += PIECES[usize::from(*byte) % PIECES.len()];
        text.push(' ');
    }
    exercise::exercise(&text);
});
