//! Operations as maps on Pauli strings.

use num_complex::Complex64;

use super::channel::transfer;
use super::diagonalize::diagonalize;
use crate::gate::{Action, Gate, Generator};
use crate::{Angle, Control, Instruction, Operation};

/// A string as a number with two bits per qubit: I, X, Z, Y = 0, 1, 2, 3.
pub(super) fn digits(x: u64, z: u64) -> u64 {
    spread(x) | spread(z) << 1
}

/// Bit `q` moves to bit `2 q`; for the 12 qubits that a density matrix can have.
fn spread(mask: u64) -> u64 {
    debug_assert!(mask < 1 << 32);
    let mut bits = mask;
    bits = (bits | bits << 16) & 0x0000_FFFF_0000_FFFF;
    bits = (bits | bits << 8) & 0x00FF_00FF_00FF_00FF;
    bits = (bits | bits << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    bits = (bits | bits << 2) & 0x3333_3333_3333_3333;
    (bits | bits << 1) & 0x5555_5555_5555_5555
}

/// A rotation angle `factor * angle` of an operation.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) angle: Angle,
    pub(super) factor: f64,
    pub(super) operation: usize,
    /// Index among [`Program::rotations`](crate::Program::rotations); `None` for the phases of a fixed gate.
    pub(super) rotation: Option<usize>,
}

/// A part of an operation.
#[derive(Clone, Debug)]
pub(super) enum Primitive {
    /// `exp(-i t P / 2)` for a string `P` by its digits, and the slot of `t`.
    Turn {
        string: u64,
        slot: usize,
    },
    /// A matrix in the Pauli basis.
    One {
        qubit: usize,
        matrix: [f64; 16],
    },
    Two {
        qubits: [usize; 2],
        matrix: Box<[f64; 256]>,
    },
}

/// Lowers operations, one after the other.
#[derive(Debug, Default)]
pub(super) struct Lowering {
    pub(super) slots: Vec<Slot>,
    pub(super) primitives: Vec<Primitive>,
    /// The operation that is being lowered.
    index: usize,
    /// Rotations so far, counted as [`Program`](crate::Program) does.
    pub(super) rotations: usize,
}

impl Lowering {
    /// Adds the primitives of an operation, in the order of application.
    pub(super) fn operation(&mut self, operation: &Operation, index: usize) {
        self.index = index;
        let added: Vec<Control> = operation.controls().collect();
        let (operands, angles) = (operation.operands(), operation.angles());
        match operation.instruction() {
            Instruction::Gate(gate) => self.gate(*gate, &added, operands, angles),
            Instruction::Unitary(matrix) => self.fixed(&added, operands, matrix),
            Instruction::PauliRotation(string) => {
                let rotation = self.next_rotation();
                self.controlled_turn(&added, digits(string.x_mask(), string.z_mask()), &angles[0], 1.0, rotation);
            }
        }
    }

    fn next_rotation(&mut self) -> Option<usize> {
        self.rotations += 1;
        Some(self.rotations - 1)
    }

    fn gate(&mut self, gate: Gate, added: &[Control], qubits: &[usize], angles: &[Angle]) {
        let spec = gate.spec();
        if let Action::Decomposition(parts) = spec.action {
            for part in parts {
                let operands: Vec<usize> = part.operands.iter().map(|&k| qubits[k]).collect();
                let part_angles: Vec<Angle> = part.angles.iter().map(|angle| angle.of(angles)).collect();
                self.gate(part.gate, added, &operands, &part_angles);
            }
            return;
        }
        let (own, targets) = qubits.split_at(spec.controls);
        let mut controls = added.to_vec();
        controls.extend(own.iter().map(|&qubit| Control::on(qubit)));
        match spec.action {
            Action::Rotation { generator: Generator::HalfPauli(letters), .. } => {
                let string = targets.iter().zip(letters.chars()).fold(0, |string, (&qubit, letter)| {
                    let digit = match letter {
                        'X' => 1,
                        'Z' => 2,
                        _ => 3,
                    };
                    string | digit << (2 * qubit)
                });
                let rotation = self.next_rotation();
                self.controlled_turn(&controls, string, &angles[0], 1.0, rotation);
            }
            Action::Rotation { generator: Generator::Phase, .. } => {
                // exp(i t Pi) with the targets among the qubits of the projector: exp(-i t' Pi I / 2) with t' = -2 t.
                controls.extend(targets.iter().map(|&qubit| Control::on(qubit)));
                let rotation = self.next_rotation();
                self.controlled_turn(&controls, 0, &angles[0], -2.0, rotation);
            }
            Action::Fixed(matrix) => self.fixed(&controls, targets, matrix),
            Action::Decomposition(_) => unreachable!("done above"),
        }
    }

    /// `exp(-i factor t Pi P / 2)`, where `Pi` projects on the values of the controls: with `Pi` as a sum of products of Z it is
    /// one rotation per product, and all of them commute. That of the identity is a global phase.
    fn controlled_turn(
        &mut self,
        controls: &[Control],
        string: u64,
        angle: &Angle,
        factor: f64,
        rotation: Option<usize>,
    ) {
        for subset in 0..1_usize << controls.len() {
            let (mut product, mut factor) = (string, factor);
            for (k, control) in controls.iter().enumerate() {
                factor *= 0.5;
                if subset >> k & 1 == 1 {
                    product |= 2 << (2 * control.qubit);
                    factor = if control.value { -factor } else { factor };
                }
            }
            if product != 0 {
                let slot = self.slots.len();
                self.slots.push(Slot { angle: angle.clone(), factor, operation: self.index, rotation });
                self.primitives.push(Primitive::Turn { string: product, slot });
            }
        }
    }

    /// A matrix on one or two targets where the controls have their values.
    fn fixed(&mut self, controls: &[Control], targets: &[usize], matrix: &[Complex64]) {
        match (controls, targets) {
            ([], &[_]) | ([], &[_, _]) => self.matrix(targets, matrix),
            (&[control], &[target]) => {
                // The control is the lower bit of the index.
                let entries: Vec<Complex64> = (0..16)
                    .map(|at| {
                        let (row, column) = (at / 4, at % 4);
                        let acts = |index: usize| (index & 1 == 1) == control.value;
                        match (row & 1 == column & 1, acts(row)) {
                            (true, true) => matrix[row / 2 * 2 + column / 2],
                            (true, false) if row == column => Complex64::new(1.0, 0.0),
                            _ => Complex64::new(0.0, 0.0),
                        }
                    })
                    .collect();
                self.matrix(&[control.qubit, target], &entries);
            }
            _ => {
                // U = V D V*: only D needs the controls. It is a phase for each value of the targets.
                let dimension = 1 << targets.len();
                let eigen = diagonalize(matrix, dimension);
                let adjoint: Vec<Complex64> = (0..matrix.len())
                    .map(|at| eigen.vectors[at % dimension * dimension + at / dimension].conj())
                    .collect();
                self.matrix(targets, &adjoint);
                for (index, &phase) in eigen.phases.iter().enumerate() {
                    let mut projector = controls.to_vec();
                    projector.extend(
                        targets.iter().enumerate().map(|(bit, &qubit)| Control { qubit, value: index >> bit & 1 == 1 }),
                    );
                    if phase != 0.0 {
                        self.controlled_turn(&projector, 0, &Angle::constant(phase), -2.0, None);
                    }
                }
                self.matrix(targets, &eigen.vectors);
            }
        }
    }

    /// A unitary matrix on one or two qubits.
    fn matrix(&mut self, qubits: &[usize], matrix: &[Complex64]) {
        let transfer = transfer(qubits.len(), matrix);
        match *qubits {
            [qubit] => self.primitives.push(Primitive::One { qubit, matrix: one(&transfer) }),
            [a, b] => self.primitives.push(Primitive::Two { qubits: [a, b], matrix: two(&transfer) }),
            _ => unreachable!("a matrix acts on one or two qubits"),
        }
    }
}

pub(super) fn one(matrix: &[f64]) -> [f64; 16] {
    std::array::from_fn(|at| matrix[at])
}

pub(super) fn two(matrix: &[f64]) -> Box<[f64; 256]> {
    Box::new(std::array::from_fn(|at| matrix[at]))
}
