//! Circuits to text.

use super::{WriteError, decomposition, names};
use crate::circuit::Operation;
use crate::gate::{Action, PartAngle};
use crate::{Angle, Circuit, Gate, Instruction, Pauli};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// Writes a circuit as OpenQASM 3.
///
/// Angles are written in the shortest decimals that read back to the same number. Gates that `stdgates.inc` lacks become
/// modifiers of gates that it has (`c3x` is `ctrl @ ctrl @ ctrl @ x`) or calls of definitions at the head of the file, so that a
/// file read back has the same unitary and parameters, but where a definition was needed not the same operations. `ctrl @` is
/// never put on `U`, whose global phase is read in two ways. Qiskit reads these files, except for powers of parameters beyond
/// the eighth and long powers of powers, which it has no operator for. Cost: linear in the text.
///
/// # Errors
///
/// [`WriteError`].
pub fn to_string(circuit: &Circuit) -> Result<String, WriteError> {
    for name in circuit.parameters() {
        let taken = names::KEYWORDS.contains(&name.as_str())
            || names::STDGATES.contains(&name.as_str())
            || names::constant(name, false).is_some();
        if taken || !names::is_identifier(name) {
            return Err(WriteError::ParameterName { name: name.clone() });
        }
    }
    let mut writer = Writer {
        parameters: circuit.parameters(),
        definitions: String::new(),
        named: HashMap::new(),
        taken: circuit.parameters().iter().cloned().collect(),
    };
    let register = writer.free("q");
    let mut body = String::new();
    for (index, operation) in circuit.operations().iter().enumerate() {
        let head = writer.head(operation).map_err(|value| WriteError::NotFinite { operation: index, value })?;
        body += &head;
        for (k, qubit) in operation.qubits().iter().enumerate() {
            let separator = if k == 0 { " " } else { ", " };
            let _ = write!(body, "{separator}{register}[{qubit}]");
        }
        body += ";\n";
    }
    let mut text = String::from("OPENQASM 3.0;\ninclude \"stdgates.inc\";\n");
    for name in circuit.parameters() {
        let _ = writeln!(text, "input float[64] {name};");
    }
    text += &writer.definitions;
    let _ = writeln!(text, "qubit[{}] {register};", circuit.num_qubits());
    text += &body;
    Ok(text)
}

struct Writer<'c> {
    parameters: &'c [String],
    definitions: String,
    /// Names of definitions by their bodies.
    named: HashMap<String, String>,
    /// Names of parameters, definitions and the register.
    taken: HashSet<String>,
}

/// Names for the qubits of a definition.
fn formal(position: usize) -> String {
    format!("a{position}")
}

fn call(head: &str, operands: &[usize]) -> String {
    let operands: Vec<String> = operands.iter().map(|&position| formal(position)).collect();
    let space = if operands.is_empty() { "" } else { " " };
    format!("  {head}{space}{};\n", operands.join(", "))
}

impl Writer<'_> {
    /// A name that is not taken, and is from now on.
    fn free(&mut self, name: &str) -> String {
        let mut name = name.to_owned();
        while self.taken.contains(&name) {
            name.push('_');
        }
        self.taken.insert(name.clone());
        name
    }

    /// The name of the gate with this body, defined at its first use.
    fn defined(&mut self, name: &str, angles: usize, qubits: usize, body: String) -> String {
        let key = format!("{angles} {qubits} {body}");
        if let Some(name) = self.named.get(&key) {
            return name.clone();
        }
        let name = self.free(name);
        // In alphabetical order, which qiskit-qasm3-import 0.6 takes for the order of the arguments.
        let arguments: Vec<String> = (0..angles).map(|k| format!("t{k}")).collect();
        let arguments = if angles == 0 { String::new() } else { format!("({})", arguments.join(", ")) };
        let operands: Vec<String> = (0..qubits).map(formal).collect();
        let _ = writeln!(self.definitions, "gate {name}{arguments} {} {{\n{body}}}", operands.join(", "));
        self.named.insert(key, name.clone());
        name
    }

    /// Everything of a statement before its operands.
    fn head(&mut self, operation: &Operation) -> Result<String, f64> {
        let mut head = String::new();
        for control in operation.controls() {
            head += if control.value { "ctrl @ " } else { "negctrl @ " };
        }
        let controlled = operation.controls().len() > 0;
        let mut angles = Vec::new();
        for angle in operation.angles() {
            angles.push(angle.text(self.parameters)?);
        }
        match operation.instruction() {
            Instruction::Gate(Gate::Cu3) => {
                angles.push("0.0".to_owned());
                head += "cu";
            }
            Instruction::Gate(Gate::U0) => {
                angles.clear();
                head += "id";
            }
            Instruction::Gate(gate) => head += &self.gate(*gate, controlled),
            Instruction::PauliRotation(string) if string.support() == 0 => {
                angles = vec![(-operation.angles()[0].clone() * 0.5).text(self.parameters)?];
                head += "gphase";
            }
            Instruction::PauliRotation(string) => {
                let letters: Vec<Pauli> = operation.operands().iter().map(|&qubit| string.on(qubit)).collect();
                let name: String = letters.iter().map(|letter| format!("{letter:?}").to_lowercase()).collect();
                head += &self.pauli_rotation(&format!("rotation_{name}"), &letters);
            }
            Instruction::Unitary(matrix) => {
                let body = match operation.operands().len() {
                    1 => decomposition::one_qubit(matrix),
                    _ => decomposition::two_qubits(matrix),
                };
                let body: String = body.iter().map(|(head, operands)| call(head, operands)).collect();
                let name = format!("unitary_{}", self.named.len());
                head += &self.defined(&name, 0, operation.operands().len(), body);
            }
        }
        if !angles.is_empty() {
            let _ = write!(head, "({})", angles.join(", "));
        }
        Ok(head)
    }

    /// The name of a gate in `stdgates.inc`, with modifiers, or that of a definition.
    fn gate(&mut self, gate: Gate, controlled: bool) -> String {
        let spec = gate.spec();
        let modified = match gate {
            Gate::Sxdg => "inv @ sx",
            Gate::Cs => "ctrl @ s",
            Gate::Csdg => "ctrl @ sdg",
            Gate::Csx => "ctrl @ sx",
            Gate::Csxdg => "ctrl @ inv @ sx",
            Gate::Ccz => "ctrl @ ctrl @ z",
            Gate::C3x => "ctrl @ ctrl @ ctrl @ x",
            Gate::C3sx => "ctrl @ ctrl @ ctrl @ sx",
            Gate::C3sxdg => "ctrl @ ctrl @ ctrl @ inv @ sx",
            Gate::C4x => "ctrl @ ctrl @ ctrl @ ctrl @ x",
            _ => "",
        };
        if !modified.is_empty() {
            return modified.to_owned();
        }
        let is_standard = gate == Gate::U || gate == Gate::GlobalPhase || names::STDGATES.contains(&spec.name);
        let phase_matters = controlled && matches!(gate, Gate::U | Gate::U2);
        if is_standard && !phase_matters {
            return spec.name.to_owned();
        }
        match spec.action {
            Action::Rotation { generator: crate::Generator::HalfPauli(letters), .. } => {
                let letters: Vec<Pauli> = letters
                    .chars()
                    .map(|letter| match letter {
                        'X' => Pauli::X,
                        'Y' => Pauli::Y,
                        _ => Pauli::Z,
                    })
                    .collect();
                self.pauli_rotation(spec.name, &letters)
            }
            Action::Decomposition(parts) => {
                let mut body = String::new();
                for part in parts {
                    let angles: Vec<String> = part
                        .angles
                        .iter()
                        .map(|angle| match angle {
                            PartAngle::Argument(k) => format!("t{k}"),
                            PartAngle::Minus(k) => format!("-t{k}"),
                            PartAngle::Constant(value) => format!("{value:?}"),
                        })
                        .collect();
                    let mut head = self.gate(part.gate, false);
                    if !angles.is_empty() {
                        let _ = write!(head, "({})", angles.join(", "));
                    }
                    body += &call(&head, part.operands);
                }
                let name =
                    if is_standard { format!("{}_phased", spec.name.to_lowercase()) } else { spec.name.to_owned() };
                self.defined(&name, spec.angles, spec.qubits(), body)
            }
            // Every other gate of the table is standard or has modifiers above; a test writes them all.
            _ => spec.name.to_owned(),
        }
    }

    /// A definition of `exp(-i t0 P / 2)`: P is turned into Z..Z, whose parity a chain of CX collects.
    fn pauli_rotation(&mut self, name: &str, letters: &[Pauli]) -> String {
        let (mut before, mut after) = (String::new(), String::new());
        for (position, letter) in letters.iter().enumerate() {
            if *letter == Pauli::Y {
                before += &call("sdg", &[position]);
            }
            if matches!(letter, Pauli::X | Pauli::Y) {
                before += &call("h", &[position]);
                after += &call("h", &[position]);
            }
            if *letter == Pauli::Y {
                after += &call("s", &[position]);
            }
        }
        let last = letters.len() - 1;
        let up: String = (0..last).map(|k| call("cx", &[k, k + 1])).collect();
        let down: String = (0..last).rev().map(|k| call("cx", &[k, k + 1])).collect();
        let body = format!("{before}{up}{}{down}{after}", call("rz(t0)", &[last]));
        self.defined(name, 1, letters.len(), body)
    }
}

/// The statement of a gate whose angles are numbers.
pub(super) fn with_angles(name: &str, angles: &[f64]) -> String {
    let angles: Vec<String> =
        angles.iter().map(|&angle| Angle::constant(angle).text(&[]).unwrap_or_default()).collect();
    format!("{name}({})", angles.join(", "))
}
