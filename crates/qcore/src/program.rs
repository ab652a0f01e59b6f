//! Circuits compiled for execution: every operation a kernel call, every angle a slot that is bound many times.

use num_complex::Complex64;

use crate::circuit::{Circuit, Instruction};
use crate::gate::{Action, Gate, Generator};
use crate::kernel::Matrix;
use crate::pauli::Pauli;
use crate::{Angle, Error, PauliString};

/// What generates a rotation on the register: the rotation is `exp(-i theta G)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationGenerator {
    /// `G = Pi P / 2`, where `Pi` projects on all qubits of the mask `controls` being 1.
    HalfPauli {
        /// `P`, on the targets.
        string: PauliString,
        /// Bit mask of the controls; 0 for none.
        controls: u64,
    },
    /// `G = -Pi`, where `Pi` projects on all qubits of `mask` being 1.
    Phase {
        /// Bit mask of controls and target.
        mask: u64,
    },
}

/// A rotation of a compiled circuit: one occurrence of one angle.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    generator: RotationGenerator,
    frequencies: &'static [f64],
    angle: Angle,
    operation: usize,
}

impl Rotation {
    /// What generates it.
    #[must_use]
    pub fn generator(&self) -> RotationGenerator {
        self.generator
    }

    /// The frequencies with which an expectation value depends on its angle, ascending: `{1}` allows the two-term shift rule,
    /// `{1/2, 1}` needs four terms.
    #[must_use]
    pub fn frequencies(&self) -> &'static [f64] {
        self.frequencies
    }

    /// Its angle.
    #[must_use]
    pub fn angle(&self) -> &Angle {
        &self.angle
    }

    /// Index of the operation of the circuit that it comes from.
    #[must_use]
    pub fn operation(&self) -> usize {
        self.operation
    }
}

/// One kernel call.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Rotate(usize),
    Exchange {
        x: u64,
        controls: u64,
    },
    Phase {
        mask: u64,
        factor: Complex64,
    },
    /// A matrix and its inverse.
    Matrix(Box<[Matrix; 2]>),
}

/// A circuit compiled for execution.
///
/// Compiling decomposes gates with several angles, chooses a kernel for each part and gives every rotation a slot for its
/// angle. A program is bound to parameter values as often as wanted, without allocation.
///
/// ```
/// use qcore::{Binding, Circuit, Program, StateVector};
/// let mut circuit = Circuit::new(2)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?.cx(0, 1)?;
/// let program = Program::compile(&circuit);
/// let mut binding = Binding::new(&program);
/// let mut state = StateVector::zero(2)?;
/// for theta in [0.1, 0.2] {
///     program.bind(&[theta], &mut binding)?;
///     state.run(&program, &binding)?;
///     let z: f64 = state.expectation(&"Z1".parse()?)?;
///     assert!((z - theta.cos()).abs() < 1e-15);
/// }
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Program {
    qubits: usize,
    parameters: usize,
    steps: Vec<Step>,
    rotations: Vec<Rotation>,
}

impl Program {
    /// Compiles a circuit. Cost: linear in its operations.
    #[must_use]
    pub fn compile(circuit: &Circuit) -> Self {
        let mut program = Self {
            qubits: circuit.num_qubits(),
            parameters: circuit.parameters().len(),
            steps: Vec::new(),
            rotations: Vec::new(),
        };
        for (index, operation) in circuit.operations().iter().enumerate() {
            match operation.instruction() {
                Instruction::Gate(gate) => program.gate(*gate, operation.qubits(), operation.angles(), index),
                Instruction::Unitary(matrix) => program.matrix(operation.qubits(), 0, matrix),
                Instruction::PauliRotation(string) => program.rotation(
                    RotationGenerator::HalfPauli { string: *string, controls: 0 },
                    // exp(-i theta I / 2) is a global phase: no expectation value depends on it.
                    if string.support() == 0 { &[] } else { &[1.0] },
                    &operation.angles()[0],
                    index,
                ),
            }
        }
        program
    }

    /// Width of the register.
    #[must_use]
    pub fn num_qubits(&self) -> usize {
        self.qubits
    }

    /// Parameters that a binding needs values for.
    #[must_use]
    pub fn num_parameters(&self) -> usize {
        self.parameters
    }

    /// The rotations in the order of application.
    #[must_use]
    pub fn rotations(&self) -> &[Rotation] {
        &self.rotations
    }

    /// Number of steps: kernel calls of one execution.
    #[must_use]
    pub fn num_steps(&self) -> usize {
        self.steps.len()
    }

    /// The rotation that a step applies, as an index into [`Program::rotations`]; `None` for a fixed gate.
    ///
    /// # Panics
    ///
    /// If `step >= self.num_steps()`.
    #[must_use]
    pub fn rotation_of_step(&self, step: usize) -> Option<usize> {
        match self.steps[step] {
            Step::Rotate(rotation) => Some(rotation),
            _ => None,
        }
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Computes all angles, sines and cosines for these parameter values. Does not allocate for affine angles.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`], [`Error::WidthMismatch`] for the binding of another program, [`Error::Angle`] if an angle is
    /// not finite.
    pub fn bind(&self, parameters: &[f64], binding: &mut Binding) -> Result<(), Error> {
        if parameters.len() != self.parameters {
            return Err(Error::ParameterCount { expected: self.parameters, got: parameters.len() });
        }
        if binding.turns.len() != self.rotations.len() {
            return Err(Error::WidthMismatch {
                what: "binding",
                got: binding.turns.len(),
                expected: self.rotations.len(),
            });
        }
        for (rotation, turn) in self.rotations.iter().zip(&mut binding.turns) {
            let angle = rotation.angle.value(parameters);
            if !angle.is_finite() {
                return Err(Error::Angle { operation: rotation.operation, value: angle });
            }
            *turn = Turn::new(rotation.generator, angle);
        }
        Ok(())
    }

    /// Adds `shift` radians to the angle of one rotation of a bound program.
    ///
    /// # Panics
    ///
    /// If `rotation` is not an index of [`Program::rotations`] or the binding is another program's.
    pub fn shift(&self, rotation: usize, shift: f64, binding: &mut Binding) {
        let turn = &mut binding.turns[rotation];
        *turn = Turn::new(self.rotations[rotation].generator, turn.angle + shift);
    }

    fn gate(&mut self, gate: Gate, qubits: &[usize], angles: &[Angle], operation: usize) {
        let spec = gate.spec();
        let (controls, targets) = qubits.split_at(spec.controls);
        let controls = controls.iter().fold(0_u64, |mask, &q| mask | 1 << q);
        match spec.action {
            Action::Decomposition(parts) => {
                for part in parts {
                    let operands: Vec<usize> = part.operands.iter().map(|&k| qubits[k]).collect();
                    let part_angles: Vec<Angle> = part.angles.iter().map(|angle| angle.of(angles)).collect();
                    self.gate(part.gate, &operands, &part_angles, operation);
                }
            }
            Action::Rotation { generator, frequencies } => {
                let generator = match generator {
                    Generator::HalfPauli(letters) => {
                        let factors: Vec<(usize, Pauli)> = targets
                            .iter()
                            .zip(letters.chars())
                            .map(|(&qubit, letter)| {
                                let pauli = match letter {
                                    'X' => Pauli::X,
                                    'Y' => Pauli::Y,
                                    _ => Pauli::Z,
                                };
                                (qubit, pauli)
                            })
                            .collect();
                        let string = PauliString::new(&factors).expect("a circuit has checked its operands");
                        RotationGenerator::HalfPauli { string, controls }
                    }
                    Generator::Phase => RotationGenerator::Phase { mask: controls | 1 << targets[0] },
                };
                self.rotation(generator, frequencies, &angles[0], operation);
            }
            Action::Fixed(matrix) => match matrix {
                [a, b, c, d] if a.re == 1.0 && b.norm() == 0.0 && c.norm() == 0.0 => {
                    if *d != *a {
                        self.steps.push(Step::Phase { mask: controls | 1 << targets[0], factor: *d });
                    }
                }
                [a, b, c, d] if a.norm() == 0.0 && d.norm() == 0.0 && b.re == 1.0 && c.re == 1.0 => {
                    self.steps.push(Step::Exchange { x: 1 << targets[0], controls });
                }
                _ => self.matrix(targets, controls, matrix),
            },
        }
    }

    fn matrix(&mut self, targets: &[usize], controls: u64, matrix: &[Complex64]) {
        let dimension = 1 << targets.len();
        let inverse: Vec<Complex64> =
            (0..matrix.len()).map(|k| matrix[(k % dimension) * dimension + k / dimension].conj()).collect();
        let prepared = [Matrix::new(targets, controls, matrix), Matrix::new(targets, controls, &inverse)];
        self.steps.push(Step::Matrix(Box::new(prepared)));
    }

    fn rotation(&mut self, generator: RotationGenerator, frequencies: &'static [f64], angle: &Angle, operation: usize) {
        self.steps.push(Step::Rotate(self.rotations.len()));
        self.rotations.push(Rotation { generator, frequencies, angle: angle.clone(), operation });
    }
}

/// The cosine and sine that a rotation's kernel needs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    pub(crate) angle: f64,
    pub(crate) cos: f64,
    pub(crate) sin: f64,
}

impl Turn {
    fn new(generator: RotationGenerator, angle: f64) -> Self {
        let argument = match generator {
            RotationGenerator::HalfPauli { .. } => 0.5 * angle,
            RotationGenerator::Phase { .. } => angle,
        };
        let (sin, cos) = argument.sin_cos();
        Self { angle, cos, sin }
    }
}

/// The angles of a program at some parameter values; made once, bound many times.
#[derive(Clone, Debug)]
pub struct Binding {
    pub(crate) turns: Vec<Turn>,
}

impl Binding {
    /// A binding for this program with all angles 0.
    #[must_use]
    pub fn new(program: &Program) -> Self {
        let turns = program.rotations.iter().map(|rotation| Turn::new(rotation.generator, 0.0)).collect();
        Self { turns }
    }

    /// The bound angles, one per rotation, in radians.
    pub fn angles(&self) -> impl ExactSizeIterator<Item = f64> {
        self.turns.iter().map(|turn| turn.angle)
    }
}
