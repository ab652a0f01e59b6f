//! What every OpenQASM target does with a text.

use qcore::{Binding, Program, qasm};

/// Reads a text; what is accepted is compiled, bound, written and read again.
pub fn exercise(text: &str) {
    let Ok((circuit, locations)) = qasm::parse_with_locations(text) else { return };
    assert_eq!(circuit.operations().len(), locations.len());
    // A million gates are legal, and slow under a sanitizer.
    if circuit.operations().len() > 10_000 {
        return;
    }
    let program = Program::compile(&circuit);
    let mut binding = Binding::new(&program);
    let values: Vec<f64> = (0..circuit.parameters().len()).map(|k| 0.3 + k as f64).collect();
    let _ = program.bind(&values, &mut binding);
    let Ok(written) = qasm::to_string(&circuit) else { return };
    if written.len() <= qasm::MAX_BYTES {
        match qasm::parse(&written) {
            Ok(again) => assert_eq!(again.parameters(), circuit.parameters()),
            Err(error) => panic!("{error} in\n{written}"),
        }
    }
}
