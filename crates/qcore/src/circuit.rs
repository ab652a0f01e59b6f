//! Circuits with symbolic angles, as they were written: one operation per gate, nothing decomposed.

use std::collections::HashSet;
use std::sync::Arc;

use num_complex::Complex64;
use smallvec::{SmallVec, smallvec};

use crate::gate::Gate;
use crate::{Angle, Error, MAX_QUBITS, Param, PauliString};

/// What an operation does.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Instruction {
    /// A gate of the table.
    Gate(Gate),
    /// A unitary matrix on one or two qubits, row-major; the first operand is the lowest bit of its index.
    Unitary(Box<[Complex64]>),
    /// `exp(-i theta P / 2)` for a Pauli string `P` on the register.
    PauliRotation(PauliString),
}

impl Instruction {
    /// A name for messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Gate(gate) => gate.spec().name,
            Self::Unitary(_) => "unitary",
            Self::PauliRotation(_) => "Pauli rotation",
        }
    }
}

/// A control qubit added to an operation, beyond those that its gate has by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Control {
    /// The qubit.
    pub qubit: usize,
    /// The value of the qubit for which the operation acts.
    pub value: bool,
}

impl Control {
    /// The operation acts where the qubit is 1 (`ctrl @` in OpenQASM).
    #[must_use]
    pub const fn on(qubit: usize) -> Self {
        Self { qubit, value: true }
    }

    /// The operation acts where the qubit is 0 (`negctrl @` in OpenQASM).
    #[must_use]
    pub const fn off(qubit: usize) -> Self {
        Self { qubit, value: false }
    }
}

/// One operation of a circuit: an instruction, its operands and angles, and any number of controls.
///
/// ```
/// use qcore::{Circuit, Control, Gate, Operation};
/// let mut circuit = Circuit::new(4)?;
/// let theta = circuit.parameter("theta")?;
/// // RY on qubit 3 where qubits 0 and 2 are 1 and qubit 1 is 0.
/// let ry = Operation::gate(Gate::Ry, &[3], &[theta.into()])?;
/// circuit.push(ry.controlled(&[Control::on(0), Control::off(1), Control::on(2)])?)?;
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    instruction: Instruction,
    /// Added controls, then operands.
    qubits: SmallVec<[usize; 3]>,
    /// How many of `qubits` are added controls.
    added: usize,
    /// Bit mask of the added controls that must be 0.
    off: u64,
    angles: Angles,
}

/// Nearly every gate has one angle or none.
type Angles = SmallVec<[Angle; 1]>;

impl Operation {
    /// A gate of the table; operands are controls first, then targets.
    ///
    /// # Errors
    ///
    /// [`Error::QubitCount`], [`Error::AngleCount`], [`Error::Qubit`] for a qubit beyond the largest register,
    /// [`Error::DuplicateQubit`].
    pub fn gate(gate: Gate, qubits: &[usize], angles: &[Angle]) -> Result<Self, Error> {
        check_gate(gate, qubits, angles)?;
        Ok(Self::new(Instruction::Gate(gate), qubits, copied(angles)))
    }

    /// A unitary matrix on one or two qubits, row-major; the first operand is the lowest bit of its index.
    ///
    /// # Errors
    ///
    /// [`Error::QubitCount`] for another number of qubits, [`Error::MatrixSize`], [`Error::NotUnitary`] beyond 1e-10, and the
    /// operand errors of [`Operation::gate`].
    pub fn unitary(qubits: &[usize], matrix: &[Complex64]) -> Result<Self, Error> {
        if qubits.is_empty() || qubits.len() > 2 {
            return Err(Error::QubitCount { operation: "unitary", expected: 2, got: qubits.len() });
        }
        let dimension = 1 << qubits.len();
        if matrix.len() != dimension * dimension {
            return Err(Error::MatrixSize { qubits: qubits.len(), expected: dimension * dimension, got: matrix.len() });
        }
        let deviation = unitarity_deviation(matrix, dimension);
        // Written so that a deviation that is not a number is refused too.
        if deviation.is_nan() || deviation > 1e-10 {
            return Err(Error::NotUnitary { deviation });
        }
        check_operands(qubits, "unitary")?;
        Ok(Self::new(Instruction::Unitary(matrix.into()), qubits, Angles::new()))
    }

    /// `exp(-i theta P / 2)`.
    ///
    /// # Errors
    ///
    /// [`Error::Qubit`] if `P` reaches beyond the largest register.
    pub fn pauli_rotation(pauli: PauliString, angle: impl Into<Angle>) -> Result<Self, Error> {
        let support: Vec<usize> = (0..pauli.width()).filter(|q| (pauli.support() >> q) & 1 == 1).collect();
        check_operands(&support, "Pauli rotation")?;
        Ok(Self::new(Instruction::PauliRotation(pauli), &support, smallvec![angle.into()]))
    }

    /// With operands that have been checked.
    fn new(instruction: Instruction, qubits: &[usize], angles: Angles) -> Self {
        Self { instruction, qubits: SmallVec::from_slice(qubits), added: 0, off: 0, angles }
    }

    /// The same with more controls, in front of those it has. A controlled global phase is a phase gate on its controls.
    ///
    /// # Errors
    ///
    /// [`Error::Qubit`] for a qubit beyond the largest register, [`Error::DuplicateQubit`] if a qubit is a control or operand
    /// already.
    pub fn controlled(mut self, controls: &[Control]) -> Result<Self, Error> {
        self.qubits.insert_many(0, controls.iter().map(|control| control.qubit));
        check_operands(&self.qubits, self.instruction.name())?;
        self.added += controls.len();
        self.off |= controls.iter().filter(|control| !control.value).fold(0, |mask, control| mask | 1 << control.qubit);
        Ok(self)
    }

    /// What it does.
    #[must_use]
    pub fn instruction(&self) -> &Instruction {
        &self.instruction
    }

    /// All its qubits: added controls, then the operands of the instruction, those of them that are controls first.
    #[must_use]
    pub fn qubits(&self) -> &[usize] {
        &self.qubits
    }

    /// The operands of the instruction itself, without added controls.
    #[must_use]
    pub fn operands(&self) -> &[usize] {
        &self.qubits[self.added..]
    }

    /// The added controls.
    pub fn controls(&self) -> impl ExactSizeIterator<Item = Control> {
        self.qubits[..self.added].iter().map(|&qubit| Control { qubit, value: self.off >> qubit & 1 == 0 })
    }

    /// Its angles.
    #[must_use]
    pub fn angles(&self) -> &[Angle] {
        &self.angles
    }

    /// The operation that undoes it, with the same controls.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut inverse = self.clone();
        match &mut inverse.instruction {
            Instruction::Gate(gate) => {
                let (of_gate, angles) = gate.spec().inverse;
                inverse.angles = angles.iter().map(|angle| angle.of(&self.angles)).collect();
                *gate = of_gate;
            }
            Instruction::Unitary(matrix) => {
                let dimension = 1 << self.operands().len();
                *matrix =
                    (0..matrix.len()).map(|k| matrix[(k % dimension) * dimension + k / dimension].conj()).collect();
            }
            Instruction::PauliRotation(_) => inverse.angles = smallvec![-self.angles[0].clone()],
        }
        inverse
    }
}

fn check_gate(gate: Gate, qubits: &[usize], angles: &[Angle]) -> Result<(), Error> {
    let spec = gate.spec();
    if qubits.len() != spec.qubits() {
        return Err(Error::QubitCount { operation: spec.name, expected: spec.qubits(), got: qubits.len() });
    }
    if angles.len() != spec.angles {
        return Err(Error::AngleCount { operation: spec.name, expected: spec.angles, got: angles.len() });
    }
    check_operands(qubits, spec.name)
}

fn copied(angles: &[Angle]) -> Angles {
    match angles {
        [] => Angles::new(),
        [angle] => smallvec![angle.clone()],
        several => several.into(),
    }
}

fn check_operands(qubits: &[usize], operation: &'static str) -> Result<(), Error> {
    let mut seen = 0_u64;
    for &qubit in qubits {
        if qubit >= MAX_QUBITS {
            return Err(Error::Qubit { qubit, qubits: MAX_QUBITS });
        }
        if seen & (1 << qubit) != 0 {
            return Err(Error::DuplicateQubit { qubit, operation });
        }
        seen |= 1 << qubit;
    }
    Ok(())
}

/// A quantum circuit on a register of qubits that starts in `|0...0>`, with angles that are expressions in named parameters.
///
/// Qubit 0 is the lowest bit of a basis-state index. Everything is checked when it is added, so that a circuit is always one
/// that can be run.
///
/// ```
/// use qcore::{Circuit, Gate};
/// let mut circuit = Circuit::new(2)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?.cx(0, 1)?.gate(Gate::Crz, &[1, 0], &[2.0 * theta])?;
/// assert_eq!(circuit.operations().len(), 3);
/// assert!(circuit.cx(0, 2).is_err());
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Circuit {
    qubits: usize,
    parameters: Vec<String>,
    /// Shared by clones until one of them is changed.
    operations: Arc<Vec<Operation>>,
}

impl PartialEq for Circuit {
    /// Clones that still share their operations are not compared one by one.
    fn eq(&self, other: &Self) -> bool {
        self.qubits == other.qubits
            && self.parameters == other.parameters
            && (Arc::ptr_eq(&self.operations, &other.operations) || self.operations == other.operations)
    }
}

impl Circuit {
    /// An empty circuit.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] unless `1 <= qubits <= MAX_QUBITS`. Whether a state of that width fits into memory is known only where
    /// one is made.
    pub fn new(qubits: usize) -> Result<Self, Error> {
        if qubits == 0 || qubits > MAX_QUBITS {
            return Err(Error::Width { qubits, max: MAX_QUBITS });
        }
        Ok(Self { qubits, parameters: Vec::new(), operations: Arc::default() })
    }

    /// A circuit of parts that have been checked one by one.
    #[cfg(feature = "qasm")]
    pub(crate) fn assembled(qubits: usize, parameters: Vec<String>, operations: Vec<Operation>) -> Self {
        Self { qubits, parameters, operations: Arc::new(operations) }
    }

    /// Width of the register.
    #[must_use]
    pub fn num_qubits(&self) -> usize {
        self.qubits
    }

    /// Names of the parameters in the order of declaration, which is the order of their values in a parameter slice.
    #[must_use]
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// The operations in the order of application.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Checks that every angle is finite at these parameter values, also those that no state or value depends on, which a compiled program may not
    /// look at. Cost: linear in the operations.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`]; [`Error::Angle`] for the first operation with an angle that is not finite.
    pub fn check_angles(&self, parameters: &[f64]) -> Result<(), Error> {
        if parameters.len() != self.parameters.len() {
            return Err(Error::ParameterCount { expected: self.parameters.len(), got: parameters.len() });
        }
        for (operation, angles) in self.operations.iter().map(Operation::angles).enumerate() {
            if let Some(value) = angles.iter().map(|angle| angle.value(parameters)).find(|value| !value.is_finite()) {
                return Err(Error::Angle { operation, value });
            }
        }
        Ok(())
    }

    /// An empty circuit on the same register with the same parameters.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self { qubits: self.qubits, parameters: self.parameters.clone(), operations: Arc::default() }
    }

    /// Declares a parameter. Cost: linear in the parameters that there are; see [`Circuit::parameters_named`] for many.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateParameter`] if the name is taken.
    pub fn parameter(&mut self, name: impl Into<String>) -> Result<Param, Error> {
        let name = name.into();
        if self.parameters.contains(&name) {
            return Err(Error::DuplicateParameter { name });
        }
        self.parameters.push(name);
        Ok(Param::new(self.parameters.len() - 1))
    }

    /// Declares `count` parameters `prefix0, prefix1, ...`.
    ///
    /// # Errors
    ///
    /// As [`Circuit::parameter`]; the circuit is unchanged then.
    pub fn parameters_named(&mut self, prefix: &str, count: usize) -> Result<Vec<Param>, Error> {
        let taken: HashSet<&str> = self.parameters.iter().map(String::as_str).collect();
        let names: Vec<String> = (0..count).map(|k| format!("{prefix}{k}")).collect();
        if let Some(name) = names.iter().find(|name| taken.contains(name.as_str())) {
            return Err(Error::DuplicateParameter { name: name.clone() });
        }
        let first = self.parameters.len();
        self.parameters.extend(names);
        Ok((first..self.parameters.len()).map(Param::new).collect())
    }

    /// Adds a gate of the table; operands are controls first, then targets.
    ///
    /// # Errors
    ///
    /// [`Error::QubitCount`], [`Error::AngleCount`], [`Error::Qubit`], [`Error::DuplicateQubit`] or
    /// [`Error::UnknownParameter`]; the circuit is unchanged then.
    pub fn gate(&mut self, gate: Gate, qubits: &[usize], angles: &[Angle]) -> Result<&mut Self, Error> {
        self.add_gate(gate, qubits, copied(angles))
    }

    /// The same without a copy of the angles.
    fn add_gate(&mut self, gate: Gate, qubits: &[usize], angles: Angles) -> Result<&mut Self, Error> {
        self.check_range(qubits)?;
        check_gate(gate, qubits, &angles)?;
        self.check_parameters(&angles)?;
        Arc::make_mut(&mut self.operations).push(Operation::new(Instruction::Gate(gate), qubits, angles));
        Ok(self)
    }

    /// Adds a unitary matrix on one or two qubits, row-major; the first operand is the lowest bit of its index.
    ///
    /// # Errors
    ///
    /// [`Error::QubitCount`] for another number of qubits, [`Error::MatrixSize`], [`Error::NotUnitary`] beyond 1e-10, and the
    /// operand errors of [`Circuit::gate`].
    pub fn unitary(&mut self, qubits: &[usize], matrix: &[Complex64]) -> Result<&mut Self, Error> {
        self.check_range(qubits)?;
        self.push(Operation::unitary(qubits, matrix)?)
    }

    /// Adds `exp(-i theta P / 2)`.
    ///
    /// # Errors
    ///
    /// [`Error::Qubit`] if `P` reaches beyond the register, [`Error::UnknownParameter`].
    pub fn pauli_rotation(&mut self, pauli: PauliString, angle: impl Into<Angle>) -> Result<&mut Self, Error> {
        self.push(Operation::pauli_rotation(pauli, angle)?)
    }

    /// Adds the global phase `e^{i angle}`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownParameter`].
    pub fn global_phase(&mut self, angle: impl Into<Angle>) -> Result<&mut Self, Error> {
        self.gate(Gate::GlobalPhase, &[], &[angle.into()])
    }

    /// Adds an operation made elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::Qubit`] if it reaches beyond the register, [`Error::UnknownParameter`]; the circuit is unchanged then.
    pub fn push(&mut self, operation: Operation) -> Result<&mut Self, Error> {
        self.check_range(&operation.qubits)?;
        self.check_parameters(&operation.angles)?;
        Arc::make_mut(&mut self.operations).push(operation);
        Ok(self)
    }

    fn check_parameters(&self, angles: &[Angle]) -> Result<(), Error> {
        let declared = self.parameters.len();
        match angles.iter().find_map(|angle| angle.beyond(declared)) {
            Some(param) => Err(Error::UnknownParameter { index: param.index(), declared }),
            None => Ok(()),
        }
    }

    fn check_range(&self, qubits: &[usize]) -> Result<(), Error> {
        match qubits.iter().find(|&&qubit| qubit >= self.qubits) {
            Some(&qubit) => Err(Error::Qubit { qubit, qubits: self.qubits }),
            None => Ok(()),
        }
    }

    /// The circuit without parameters that this one is at these values.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`], [`Error::Angle`] for an angle that is not finite at these values.
    pub fn bound(&self, parameters: &[f64]) -> Result<Self, Error> {
        let (expected, got) = (self.parameters.len(), parameters.len());
        if expected != got {
            return Err(Error::ParameterCount { expected, got });
        }
        let mut bound = Self { parameters: Vec::new(), ..self.clone() };
        for (operation, of_operation) in Arc::make_mut(&mut bound.operations).iter_mut().enumerate() {
            for angle in &mut of_operation.angles {
                let value = angle.value(parameters);
                if !value.is_finite() {
                    return Err(Error::Angle { operation, value });
                }
                *angle = Angle::constant(value);
            }
        }
        Ok(bound)
    }

    /// The circuit followed by its inverse would be the identity: every operation inverted, in reverse order.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let operations = Arc::new(self.operations.iter().rev().map(Operation::inverse).collect());
        Self { qubits: self.qubits, parameters: self.parameters.clone(), operations }
    }
}

fn unitarity_deviation(matrix: &[Complex64], dimension: usize) -> f64 {
    let mut worst = 0.0_f64;
    for row in 0..dimension {
        for column in 0..dimension {
            let product: Complex64 =
                (0..dimension).map(|k| matrix[k * dimension + row].conj() * matrix[k * dimension + column]).sum();
            let expected = if row == column { 1.0 } else { 0.0 };
            let deviation = (product - expected).norm();
            if deviation.is_nan() {
                return f64::NAN;
            }
            worst = worst.max(deviation);
        }
    }
    worst
}

macro_rules! shorthands {
    ($(#[doc = $doc:literal] $name:ident($($qubit:ident),+ $(; $angle:ident)?) => $gate:ident;)*) => {
        /// Shorthands for [`Circuit::gate`], with its errors.
        impl Circuit {
            $(
                #[doc = $doc]
                ///
                /// # Errors
                ///
                /// As [`Circuit::gate`].
                pub fn $name(&mut self, $($qubit: usize),+ $(, $angle: impl Into<Angle>)?) -> Result<&mut Self, Error> {
                    self.add_gate(Gate::$gate, &[$($qubit),+], smallvec![$($angle.into())?])
                }
            )*
        }
    };
}

shorthands! {
    #[doc = "Adds an X (bit flip)."] x(target) => X;
    #[doc = "Adds a Hadamard gate."] h(target) => H;
    #[doc = "Adds `diag(1, e^{i angle})`."] p(target; angle) => P;
    #[doc = "Adds `exp(-i angle X / 2)`."] rx(target; angle) => Rx;
    #[doc = "Adds `exp(-i angle Y / 2)`."] ry(target; angle) => Ry;
    #[doc = "Adds `exp(-i angle Z / 2)`."] rz(target; angle) => Rz;
    #[doc = "Adds a controlled X."] cx(control, target) => Cx;
    #[doc = "Adds a controlled Z."] cz(control, target) => Cz;
    #[doc = "Adds a controlled RX."] crx(control, target; angle) => Crx;
    #[doc = "Adds a controlled RY."] cry(control, target; angle) => Cry;
    #[doc = "Adds a controlled RZ."] crz(control, target; angle) => Crz;
    #[doc = "Adds a controlled phase gate."] cp(control, target; angle) => Cp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn construction_is_checked_and_leaves_the_circuit_unchanged() {
        assert_eq!(Circuit::new(0), Err(Error::Width { qubits: 0, max: MAX_QUBITS }));
        assert!(Circuit::new(MAX_QUBITS + 1).is_err());
        let mut circuit = Circuit::new(3).expect("valid");
        let theta = circuit.parameter("theta").expect("new");
        assert_eq!(circuit.parameter("theta"), Err(Error::DuplicateParameter { name: "theta".into() }));
        assert_eq!(circuit.h(3).err(), Some(Error::Qubit { qubit: 3, qubits: 3 }));
        assert_eq!(circuit.cx(1, 1).err(), Some(Error::DuplicateQubit { qubit: 1, operation: "cx" }));
        assert_eq!(
            circuit.gate(Gate::Cx, &[0], &[]).err(),
            Some(Error::QubitCount { operation: "cx", expected: 2, got: 1 })
        );
        assert_eq!(
            circuit.gate(Gate::Rx, &[0], &[]).err(),
            Some(Error::AngleCount { operation: "rx", expected: 1, got: 0 })
        );
        assert_eq!(circuit.rx(0, Param::new(1)).err(), Some(Error::UnknownParameter { index: 1, declared: 1 }));
        let half = Complex64::new(0.5, 0.0);
        assert!(matches!(circuit.unitary(&[0], &[half; 4]), Err(Error::NotUnitary { .. })));
        assert!(matches!(circuit.unitary(&[0], &[Complex64::new(f64::NAN, 0.0); 4]), Err(Error::NotUnitary { .. })));
        assert!(matches!(circuit.unitary(&[0, 1], &[half; 4]), Err(Error::MatrixSize { .. })));
        assert!(circuit.operations().is_empty());
        circuit.rx(0, theta).expect("valid");
        assert_eq!(circuit.operations().len(), 1);
    }
}
