//! From any circuit to primitives on one and two qubits, whatever the device.

use std::f64::consts::PI;

use num_complex::Complex64;
use qcore::{Action, Angle, Circuit, Gate, Generator, Instruction, Operation, Pauli, PauliString};

use super::Error;
use super::kak::Interaction;
use super::matrix::{Matrix2, TINY, wrapped};
use super::primitive::{Axis, Primitive, Sourced};

/// Most qubits of a diagonal operator that is written as the phases of all parities of its qubits: `2^n - 2` CX for `n` qubits,
/// which no shorter way is known to beat up to here.
const PARITY_QUBITS: usize = 5;

/// The primitives of a circuit, in the order of application.
pub(super) fn lower(circuit: &Circuit) -> Result<Vec<Sourced>, Error> {
    let mut lowering = Lowering { out: Vec::new(), operation: 0, qubits: circuit.num_qubits() };
    for (index, operation) in circuit.operations().iter().enumerate() {
        lowering.operation = index;
        lowering.operation(operation)?;
    }
    Ok(lowering.out)
}

struct Lowering {
    out: Vec<Sourced>,
    operation: usize,
    qubits: usize,
}

/// Whether the angle is a constant multiple of a full turn.
fn is_zero(angle: &Angle) -> bool {
    angle.is_constant() && wrapped(angle.value(&[])).abs() < TINY
}

/// `V` with `V Z V^*` equal to the Pauli matrix of the axis.
pub(super) fn from_z(axis: Axis) -> Matrix2 {
    match axis {
        Axis::X => Matrix2::H,
        Axis::Y => Matrix2::rotation(Axis::X, -PI / 2.0),
        Axis::Z => Matrix2::IDENTITY,
    }
}

fn axis_of(string: PauliString, qubit: usize) -> Axis {
    match (string.x_mask() >> qubit & 1, string.z_mask() >> qubit & 1) {
        (1, 0) => Axis::X,
        (1, _) => Axis::Y,
        _ => Axis::Z,
    }
}

impl Lowering {
    fn push(&mut self, primitive: Primitive) {
        self.out.push(Sourced { primitive, operation: self.operation });
    }

    fn constant(&mut self, qubit: usize, matrix: Matrix2) {
        if !matrix.is_identity() {
            self.push(Primitive::Constant(qubit, matrix));
        }
    }

    fn operation(&mut self, operation: &Operation) -> Result<(), Error> {
        let controls: Vec<usize> = operation.controls().map(|control| control.qubit).collect();
        let off: Vec<usize> = operation.controls().filter(|control| !control.value).map(|c| c.qubit).collect();
        // A control on 0 is a control on 1 between two X.
        off.iter().for_each(|&qubit| self.constant(qubit, Matrix2::X));
        let (operands, angles) = (operation.operands(), operation.angles());
        match operation.instruction() {
            Instruction::Gate(gate) => self.gate(*gate, &controls, operands, angles),
            Instruction::Unitary(matrix) => match **matrix {
                [a, b, c, d] => self.controlled_constant(&controls, operands[0], Matrix2([a, b, c, d])),
                _ => self.two_qubit_unitary(&controls, [operands[0], operands[1]], matrix),
            },
            Instruction::PauliRotation(string) => self.pauli_rotation(&controls, *string, &angles[0]),
            other => return Err(Error::Instruction { operation: self.operation, name: other.name() }),
        }
        off.iter().for_each(|&qubit| self.constant(qubit, Matrix2::X));
        Ok(())
    }

    fn gate(&mut self, gate: Gate, added: &[usize], qubits: &[usize], angles: &[Angle]) {
        let spec = gate.spec();
        let (own, targets) = qubits.split_at(spec.controls);
        let controls = [added, own].concat();
        match spec.action {
            Action::Decomposition(parts) => {
                for part in parts {
                    let operands: Vec<usize> = part.operands.iter().map(|&k| qubits[k]).collect();
                    let part_angles: Vec<Angle> = part.angles.iter().map(|angle| angle.of(angles)).collect();
                    self.gate(part.gate, added, &operands, &part_angles);
                }
            }
            Action::Rotation { generator: Generator::Phase, .. } => {
                self.phase(&[&controls, targets].concat(), &angles[0])
            }
            Action::Rotation { generator: Generator::HalfPauli(letters), .. } => {
                let letter = |letter| match letter {
                    'X' => Pauli::X,
                    'Y' => Pauli::Y,
                    _ => Pauli::Z,
                };
                let factors: Vec<(usize, Pauli)> = targets.iter().copied().zip(letters.chars().map(letter)).collect();
                let string = PauliString::new(&factors).expect("a circuit has checked its operands");
                self.pauli_rotation(&controls, string, &angles[0]);
            }
            Action::Fixed(matrix) => match *matrix {
                [a, b, c, d] => self.controlled_constant(&controls, targets[0], Matrix2([a, b, c, d])),
                // The only fixed gate on two targets is the exchange.
                _ => self.swap(&controls, targets[0], targets[1]),
            },
        }
    }

    fn swap(&mut self, controls: &[usize], a: usize, b: usize) {
        if controls.is_empty() {
            self.push(Primitive::Swap(a, b));
        } else {
            self.push(Primitive::Cx(b, a));
            self.x(&[controls, &[a]].concat(), b);
            self.push(Primitive::Cx(b, a));
        }
    }

    fn controlled_constant(&mut self, controls: &[usize], target: usize, matrix: Matrix2) {
        if controls.is_empty() {
            return self.constant(target, matrix);
        }
        if matrix == Matrix2::X {
            return self.x(controls, target);
        }
        let (vectors, first, second) = matrix.diagonalized();
        self.phase(controls, &Angle::constant(first));
        self.constant(target, vectors.adjoint());
        self.phase(&[controls, &[target]].concat(), &Angle::constant(second - first));
        self.constant(target, vectors);
    }

    /// `exp(-i theta P / 2)` where all controls are 1.
    fn pauli_rotation(&mut self, controls: &[usize], string: PauliString, theta: &Angle) {
        if is_zero(&(theta.clone() * 0.5)) {
            return;
        }
        let support: Vec<usize> = (0..string.width()).filter(|&q| string.support() >> q & 1 == 1).collect();
        match (support.as_slice(), controls) {
            // -theta / 2 is the phase of the identity.
            (&[], _) => return self.phase(controls, &(theta.clone() * -0.5)),
            (&[qubit], &[]) => {
                return self.push(Primitive::Rotation(qubit, axis_of(string, qubit), theta.clone()));
            }
            _ => {}
        }
        for &qubit in &support {
            self.constant(qubit, from_z(axis_of(string, qubit)).adjoint());
        }
        // The parity of all but the last qubits goes into the last ones.
        let kept = if controls.is_empty() { 2 } else { 1 };
        let ladder = &support[..support.len() - kept + 1];
        ladder.windows(2).for_each(|pair| self.push(Primitive::Cx(pair[0], pair[1])));
        let last = support[support.len() - 1];
        if controls.is_empty() {
            self.push(Primitive::Zz(support[support.len() - 2], last, theta.clone()));
        } else {
            self.controlled_z_rotation(controls, last, theta);
        }
        ladder.windows(2).rev().for_each(|pair| self.push(Primitive::Cx(pair[0], pair[1])));
        for &qubit in &support {
            self.constant(qubit, from_z(axis_of(string, qubit)));
        }
    }

    /// `exp(-i theta Z / 2)` on the target where all controls, of which there is at least one, are 1.
    fn controlled_z_rotation(&mut self, controls: &[usize], target: usize, theta: &Angle) {
        match *controls {
            [control] => {
                self.push(Primitive::Rotation(target, Axis::Z, theta.clone() * 0.5));
                self.push(Primitive::Zz(control, target, theta.clone() * -0.5));
            }
            _ if controls.len() < PARITY_QUBITS => {
                // The projector on all ones is 2^-k sum_S (-1)^|S| Z_S.
                let scale = (0.5_f64).powi(controls.len() as i32);
                self.parities(controls, target, |set| {
                    theta.clone() * if set.count_ones().is_multiple_of(2) { scale } else { -scale }
                });
            }
            _ => {
                self.phase(controls, &(theta.clone() * -0.5));
                self.phase(&[controls, &[target]].concat(), theta);
            }
        }
    }

    /// `exp(-i angle(S) Z_S Z_target / 2)` for every set `S` of the controls, in the order of a Gray code.
    fn parities(&mut self, controls: &[usize], target: usize, angle: impl Fn(usize) -> Angle) {
        let mut set = 0_usize;
        self.push(Primitive::Rotation(target, Axis::Z, angle(set)));
        for step in 1..1_usize << controls.len() {
            let flipped = step.trailing_zeros() as usize;
            self.push(Primitive::Cx(controls[flipped], target));
            set ^= 1 << flipped;
            self.push(Primitive::Rotation(target, Axis::Z, angle(set)));
        }
        if let Some(&last) = controls.last() {
            self.push(Primitive::Cx(last, target));
        }
    }

    /// `e^{i theta}` where all these qubits are 1. Without qubits it is a global phase and nothing is left of it.
    fn phase(&mut self, qubits: &[usize], theta: &Angle) {
        if is_zero(theta) {
            return;
        }
        match *qubits {
            [] => {}
            [qubit] => self.push(Primitive::Rotation(qubit, Axis::Z, theta.clone())),
            [a, b] => {
                self.push(Primitive::Rotation(a, Axis::Z, theta.clone() * 0.5));
                self.push(Primitive::Rotation(b, Axis::Z, theta.clone() * 0.5));
                self.push(Primitive::Zz(a, b, theta.clone() * -0.5));
            }
            _ if qubits.len() <= PARITY_QUBITS => {
                // The projector on all ones is 2^-n sum_S (-1)^|S| Z_S, and e^{i c Z} turns by -2 c.
                let scale = 2.0 * (0.5_f64).powi(qubits.len() as i32);
                for (index, &target) in qubits.iter().enumerate() {
                    let sign = |set: usize| if set.count_ones().is_multiple_of(2) { scale } else { -scale };
                    self.parities(&qubits[..index], target, |set| theta.clone() * sign(set));
                }
            }
            [ref controls @ .., target] => self.long_phase(controls, target, theta),
        }
    }

    /// As [`Lowering::phase`] on many qubits (A. Barenco et al., Phys. Rev. A 52, 3457 (1995), lemma 7.5; 7.3 where a qubit can
    /// be borrowed).
    fn long_phase(&mut self, controls: &[usize], target: usize, theta: &Angle) {
        let half_turn = theta.is_constant() && (wrapped(theta.value(&[])).abs() - PI).abs() < TINY;
        let free = self.free(&[controls, &[target]].concat());
        if half_turn && !free.is_empty() {
            self.constant(target, Matrix2::H);
            self.borrowing_x(controls, target, &free);
            return self.constant(target, Matrix2::H);
        }
        let (&last, others) = controls.split_last().expect("called with five controls or more");
        let half = theta.clone() * 0.5;
        let borrowed = self.free(controls);
        self.phase(&[last, target], &half);
        self.borrowing_x(others, last, &borrowed);
        self.phase(&[last, target], &-half.clone());
        self.borrowing_x(others, last, &borrowed);
        self.phase(&[others, &[target]].concat(), &half);
    }

    /// Qubits of the register that are not among these.
    fn free(&self, used: &[usize]) -> Vec<usize> {
        (0..self.qubits).filter(|qubit| !used.contains(qubit)).collect()
    }

    /// X on the target where all controls are 1.
    fn x(&mut self, controls: &[usize], target: usize) {
        match *controls {
            [] => self.constant(target, Matrix2::X),
            [control] => self.push(Primitive::Cx(control, target)),
            _ => {
                self.constant(target, Matrix2::H);
                self.phase(&[controls, &[target]].concat(), &Angle::constant(PI));
                self.constant(target, Matrix2::H);
            }
        }
    }

    /// X on the target where all controls are 1, by means of qubits in any state, which are left as they were (Barenco et al.,
    /// lemmas 7.2 and 7.3). At least one qubit must be there to borrow if there are five controls or more.
    fn borrowing_x(&mut self, controls: &[usize], target: usize, borrowed: &[usize]) {
        let count = controls.len();
        if count < PARITY_QUBITS {
            return self.x(controls, target);
        }
        if borrowed.len() >= count - 2 {
            for _ in 0..2 {
                self.x(&[controls[count - 1], borrowed[count - 3]], target);
                for k in (2..count - 1).rev() {
                    self.x(&[controls[k], borrowed[k - 2]], borrowed[k - 1]);
                }
                self.x(&controls[..2], borrowed[0]);
                for k in 2..count - 1 {
                    self.x(&[controls[k], borrowed[k - 2]], borrowed[k - 1]);
                }
            }
            return;
        }
        let (first, second) = controls.split_at(count.div_ceil(2));
        let with_borrowed = [second, &borrowed[..1]].concat();
        let for_first = [second, &[target]].concat();
        for _ in 0..2 {
            self.borrowing_x(first, borrowed[0], &for_first);
            self.borrowing_x(&with_borrowed, target, first);
        }
    }

    fn two_qubit_unitary(&mut self, controls: &[usize], qubits: [usize; 2], matrix: &[Complex64]) {
        let parts = Interaction::of(matrix);
        for (qubit, before) in qubits.into_iter().zip(parts.before) {
            self.controlled_constant(controls, qubit, before);
        }
        if controls.is_empty() {
            self.interaction(qubits, parts.coordinates);
        } else {
            self.phase(controls, &Angle::constant(parts.phase));
            for (pauli, coordinate) in [Pauli::X, Pauli::Y, Pauli::Z].into_iter().zip(parts.coordinates) {
                let string = PauliString::new(&qubits.map(|q| (q, pauli))).expect("a circuit has checked its operands");
                self.pauli_rotation(controls, string, &Angle::constant(-2.0 * coordinate));
            }
        }
        for (qubit, after) in qubits.into_iter().zip(parts.after) {
            self.controlled_constant(controls, qubit, after);
        }
    }

    /// `exp(i (a XX + b YY + c ZZ))` with no more CX than needed: as many as 3, 2 where one of the three is a multiple of pi/2.
    fn interaction(&mut self, [first, second]: [usize; 2], coordinates: [f64; 3]) {
        let mut reduced = coordinates;
        for (coordinate, axis) in reduced.iter_mut().zip([Axis::X, Axis::Y, Axis::Z]) {
            // exp(i pi/2 PP) is PP up to a phase, and PP commutes with the rest.
            let turns = (*coordinate / (PI / 2.0)).round();
            *coordinate -= turns * (PI / 2.0);
            if turns.rem_euclid(2.0) == 1.0 {
                [first, second].into_iter().for_each(|q| self.constant(q, Matrix2::rotation(axis, PI)));
            }
            if coordinate.abs() < TINY {
                *coordinate = 0.0;
            }
        }
        let both = |lowering: &mut Self, matrix: Matrix2| {
            lowering.constant(first, matrix);
            lowering.constant(second, matrix);
        };
        let [a, b, c] = reduced;
        match (a != 0.0, b != 0.0, c != 0.0) {
            (false, false, false) => {}
            (true, false, false) => self.turned(Axis::X, [first, second], a),
            (false, true, false) => self.turned(Axis::Y, [first, second], b),
            (false, false, true) => self.turned(Axis::Z, [first, second], c),
            (true, false, true) => self.two_axes([first, second], a, c),
            (true, true, false) => {
                // Turned about X so that Y becomes Z.
                both(self, from_z(Axis::Y).adjoint());
                self.two_axes([first, second], a, b);
                both(self, from_z(Axis::Y));
            }
            (false, true, true) => {
                // Turned about Z so that Y becomes X.
                both(self, Matrix2::rotation(Axis::Z, -PI / 2.0));
                self.two_axes([first, second], b, c);
                both(self, Matrix2::rotation(Axis::Z, PI / 2.0));
            }
            // F. Vatan and C. Williams, Phys. Rev. A 69, 032315 (2004), figure 6, with the phases of this crate's gates.
            (true, true, true) => {
                let turn = |lowering: &mut Self, q, axis, angle| lowering.constant(q, Matrix2::rotation(axis, angle));
                turn(self, second, Axis::Z, -PI / 2.0);
                self.push(Primitive::Cx(second, first));
                turn(self, second, Axis::Y, 2.0 * a + PI / 2.0);
                turn(self, first, Axis::Z, -2.0 * c - PI / 2.0);
                self.push(Primitive::Cx(first, second));
                turn(self, second, Axis::Y, -2.0 * b - PI / 2.0);
                self.push(Primitive::Cx(second, first));
                turn(self, first, Axis::Z, PI / 2.0);
            }
        }
    }

    /// `exp(i x PP)`.
    fn turned(&mut self, axis: Axis, [first, second]: [usize; 2], x: f64) {
        let vectors = from_z(axis);
        [first, second].into_iter().for_each(|q| self.constant(q, vectors.adjoint()));
        self.push(Primitive::Zz(first, second, Angle::constant(-2.0 * x)));
        [first, second].into_iter().for_each(|q| self.constant(q, vectors));
    }

    /// `exp(i (a XX + c ZZ))`: a CX takes `XX` to `X` on its control and `ZZ` to `Z` on its target.
    fn two_axes(&mut self, [first, second]: [usize; 2], a: f64, c: f64) {
        self.push(Primitive::Cx(first, second));
        self.constant(first, Matrix2::rotation(Axis::X, -2.0 * a));
        self.constant(second, Matrix2::rotation(Axis::Z, -2.0 * c));
        self.push(Primitive::Cx(first, second));
    }
}
