//! OpenQASM 3 and 2: text to circuits and back.
//!
//! The reader takes what a circuit can hold and refuses everything else by name, with line and column: gates of the
//! [table](crate::Gate), gate definitions, `ctrl @`, `negctrl @`, `inv @` and `pow(k) @`, registers, aliases, broadcasting,
//! `input float` and `input angle` (the parameters, in the order of declaration), `const`, arithmetic, `barrier`, `gphase` and
//! final measurements; in version 2 the gates and functions of `qelib1.inc`. Text of any kind gives a circuit or an error in
//! bounded time and memory; the bounds are the constants of this module. No file is ever opened: the two standard includes are
//! built in, others are refused.
//!
//! # What the text means
//!
//! - *Qubits* are numbered through the registers in the order of declaration, or by `$k`. Qubit 0 is the lowest bit of a
//!   basis-state index.
//! - *Gates as written.* A gate of the table is one [`Operation`](crate::Operation), whatever it decomposes into. Gate
//!   definitions are macros: a call stands for the gates in its body, each of which is an operation, and a controlled call for
//!   the same gates with the controls added. `pow(k) @` of a rotation or phase gate is one operation with `k` times the angle;
//!   of another gate, which needs an integer `k`, it is the gate (or its inverse) `|k|` times.
//! - *Names.* A definition of the file wins; then come the standard gates, then the rest of the gate table wherever a library
//!   is included. Gates of `stdgates.inc` and of the first `qelib1.inc` cannot be redefined under their include. Registers and
//!   parameters may have the names of gates of the table.
//! - *Global phase.* `U(t, f, l)` (also `u`, `u3`, and `u2`) is the matrix
//!   `[[cos t/2, -e^{il} sin t/2], [e^{if} sin t/2, e^{i(f+l)} cos t/2]]`, and `ctrl @ U(t, f, l)` is `cu(t, f, l, 0)`, as in
//!   Qiskit. The text of OpenQASM 3 gives `U` another global phase, which is seen only under `ctrl @`.
//! - *Numbers.* Operations on integers are integer operations in OpenQASM 3; a quotient that is not an integer (`1/2`) is
//!   refused, since it would be rounded. In OpenQASM 2 all numbers of an angle are real. `input angle[n]` is a real number of
//!   radians, not rounded to `n` bits.
//! - *Measurements* must be the last use of their qubit. They are checked and then left out: a circuit describes the state
//!   before them.
//!
//! ```
//! let text = r#"
//!     OPENQASM 3.0;
//!     include "stdgates.inc";
//!     input float[64] theta;
//!     qubit[2] q;
//!     ry(theta / 2) q[0];
//!     cx q[0], q[1];
//! "#;
//! let circuit = qcore::qasm::parse(text)?;
//! assert_eq!(circuit.parameters(), ["theta"]);
//! assert_eq!(qcore::qasm::parse(&qcore::qasm::to_string(&circuit)?)?, circuit);
//!
//! let error = qcore::qasm::parse("OPENQASM 3.0;\nqubit q;\nreset q;").unwrap_err();
//! assert_eq!((error.location.line, error.location.column), (3, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decomposition;
mod error;
mod expression;
mod gates;
mod lexer;
mod names;
mod operand;
mod parser;
mod writer;

pub use error::{Error, Fault, Limit, Location, WriteError};
pub use writer::to_string;

use crate::Circuit;

/// Largest text, in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// Most tokens of a text.
pub const MAX_TOKENS: usize = 2_000_000;
/// Deepest nesting of an expression.
pub const MAX_NESTING: usize = 128;
/// Most numbers, names and operators of one expression, arguments of gates inserted.
pub const MAX_EXPRESSION: usize = 4096;
/// Most numbers, names and operators evaluated in all, those of every gate after expansion included.
pub const MAX_WORK: usize = 1 << 26;
/// Most levels of gate definitions that call each other.
pub const MAX_CALL_DEPTH: usize = 64;
/// Most operations of a circuit, calls of gate definitions counted too.
pub const MAX_OPERATIONS: usize = 2_000_000;

/// Reads a circuit. Cost: linear in the text and in the circuit that it describes.
///
/// # Errors
///
/// [`Error`], with the place of the first fault.
pub fn parse(text: &str) -> Result<Circuit, Error> {
    parse_with_locations(text).map(|(circuit, _)| circuit)
}

/// Reads a circuit, and the place in the text of each of its operations: for messages about an operation later on, such as
/// [`Error::Angle`](crate::Error::Angle). An operation from a gate definition has the place of the call.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_with_locations(text: &str) -> Result<(Circuit, Vec<Location>), Error> {
    if text.len() > MAX_BYTES {
        let location = Location { line: 1, column: 1 };
        return Err(Error { location, fault: Fault::Limit(Limit::Bytes) });
    }
    parser::Parser::new(text)?.file()
}
