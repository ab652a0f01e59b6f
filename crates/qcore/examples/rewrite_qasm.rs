//! Reads an OpenQASM 2 or 3 file, writes the same circuit as OpenQASM 3 on standard output.

use qcore::qasm;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: rewrite_qasm FILE")?;
    let circuit = qasm::parse(&std::fs::read_to_string(&path)?).map_err(|error| format!("{path}: {error}"))?;
    print!("{}", qasm::to_string(&circuit)?);
    Ok(())
}
