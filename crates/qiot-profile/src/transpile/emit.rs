//! From primitives to native gates. Constant gates on a qubit are collected until something that does not commute with them
//! comes, so that each run of them costs no more than one general gate; what is left of a run as a rotation about the primary
//! axis waits on, through controls as well.

use std::f64::consts::{FRAC_PI_2, PI};

use qcore::{Angle, Gate, Operation};

use super::basis::{Basis, Interactor, OneQubit, Rotator};
use super::lower::from_z;
use super::matrix::{Matrix2, TINY, wrapped};
use super::primitive::{Axis, Primitive, Sourced};

/// What native gates cannot do, and for which operation of the circuit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    pub(super) operation: usize,
    pub(super) what: &'static str,
}

/// Gates that have not been written yet: the rotation about the primary axis after the constant one.
#[derive(Clone, Debug)]
struct Pending {
    constant: Matrix2,
    angle: Angle,
    operation: usize,
}

/// Writes native gates.
pub(super) struct Emitter<'a> {
    basis: Basis,
    /// Ordered pairs on which the gates with two distinct operands may act; `None` for all.
    directions: Option<&'a [[usize; 2]]>,
    pending: Vec<Pending>,
    /// Gates written; `None` where a pair has cancelled.
    written: Vec<Option<Operation>>,
    /// Per qubit, the gates written on it that are left.
    on_qubit: Vec<Vec<usize>>,
    operation: usize,
}

/// A native gate whose operands and angles are right by construction.
fn native(gate: Gate, qubits: &[usize], angles: &[Angle]) -> Operation {
    Operation::gate(gate, qubits, angles).expect("operands and angles are those of the gate, on distinct qubits")
}

/// An angle with its constant part within half a turn; `None` if nothing is left.
fn reduced(angle: &Angle) -> Option<Angle> {
    let Some((constant, terms)) = angle.as_affine() else { return Some(angle.clone()) };
    let constant = wrapped(constant);
    let constant = if constant.abs() < TINY { 0.0 } else { constant };
    if constant == 0.0 && terms.is_empty() { None } else { Some(Angle::affine(constant, terms)) }
}

/// The sum; an expression does not grow by a zero.
fn sum(left: Angle, right: Angle) -> Angle {
    let is_zero = |angle: &Angle| angle.is_constant() && angle.value(&[]) == 0.0;
    if is_zero(&left) {
        right
    } else if is_zero(&right) {
        left
    } else {
        left + right
    }
}

/// The multiple; an expression does not grow by a factor 1.
fn multiple(angle: &Angle, factor: f64) -> Angle {
    if factor == 1.0 { angle.clone() } else { angle.clone() * factor }
}

impl<'a> Emitter<'a> {
    pub(super) fn new(native: &[Gate], qubits: usize, directions: Option<&'a [[usize; 2]]>) -> Self {
        let pending = Pending { constant: Matrix2::IDENTITY, angle: Angle::constant(0.0), operation: 0 };
        Self {
            basis: Basis::of(native),
            directions,
            pending: vec![pending; qubits],
            written: Vec::new(),
            on_qubit: vec![Vec::new(); qubits],
            operation: 0,
        }
    }

    pub(super) fn primitive(&mut self, sourced: &Sourced) -> Result<(), Missing> {
        self.operation = sourced.operation;
        match &sourced.primitive {
            Primitive::Constant(qubit, matrix) => self.constant(*qubit, *matrix),
            Primitive::Rotation(qubit, axis, angle) => self.rotation(*qubit, *axis, angle),
            Primitive::Cx(control, target) => self.cx(*control, *target),
            Primitive::Zz(a, b, angle) => self.zz(*a, *b, angle),
            Primitive::Swap(a, b) => self.swap(*a, *b),
        }
    }

    /// The gates, in the order of application.
    pub(super) fn finish(mut self) -> Result<Vec<Operation>, Missing> {
        for qubit in 0..self.pending.len() {
            self.flush(qubit)?;
        }
        Ok(self.written.into_iter().flatten().collect())
    }

    fn missing<T>(&self, what: &'static str) -> Result<T, Missing> {
        Err(Missing { operation: self.operation, what })
    }

    /// The matrix in a frame in which the primary axis is Z. For X the frame is turned by H, which takes Y to -Y.
    fn framed(&self, matrix: Matrix2) -> Matrix2 {
        match self.basis.primary() {
            Axis::X => Matrix2::H * matrix * Matrix2::H,
            _ => matrix,
        }
    }

    fn constant(&mut self, qubit: usize, matrix: Matrix2) -> Result<(), Missing> {
        let framed = self.framed(matrix);
        let waits = reduced(&self.pending[qubit].angle).is_some();
        // Without a way to any gate, gates are not merged: of each of them a native one may be there.
        let stuck = self.basis.one.is_none() && !self.pending[qubit].constant.is_identity();
        if stuck || (waits && !framed.is_diagonal() && !framed.is_antidiagonal()) {
            self.flush(qubit)?;
        } else if waits && framed.is_antidiagonal() {
            self.pending[qubit].angle = -self.pending[qubit].angle.clone();
        }
        let pending = &mut self.pending[qubit];
        pending.constant = matrix * pending.constant;
        pending.operation = self.operation;
        Ok(())
    }

    fn rotation(&mut self, qubit: usize, axis: Axis, angle: &Angle) -> Result<(), Missing> {
        if angle.is_constant() {
            return self.constant(qubit, Matrix2::rotation(axis, angle.value(&[])));
        }
        let pending = &mut self.pending[qubit];
        if axis == self.basis.primary() && self.basis.rotators[axis as usize].is_some() {
            pending.angle = sum(pending.angle.clone(), angle.clone());
            pending.operation = self.operation;
            return Ok(());
        }
        if self.basis.rotators[axis as usize].is_some() {
            self.flush(qubit)?;
            return self.rotate(qubit, axis, angle);
        }
        if self.basis.one.is_none() {
            return self.missing("rotation by any angle about its axis");
        }
        // From the axis to the primary one and back.
        let to_axis = from_z(axis) * from_z(self.basis.primary()).adjoint();
        self.constant(qubit, to_axis.adjoint())?;
        let pending = &mut self.pending[qubit];
        pending.angle = sum(pending.angle.clone(), angle.clone());
        self.constant(qubit, to_axis)
    }

    /// Whether a native gate may act on these operands in this order.
    fn allows(&self, first: usize, second: usize) -> bool {
        self.directions.is_none_or(|pairs| pairs.contains(&[first, second]))
    }

    fn cx(&mut self, control: usize, target: usize) -> Result<(), Missing> {
        let quarter = Angle::constant(-FRAC_PI_2);
        match self.basis.reflection {
            Some(interactor) if interactor.gate == Gate::Cx && self.allows(control, target) => {
                self.interact(&interactor, [control, target], &[])
            }
            _ => {
                // The target between two H, and quarter turns about both axes.
                self.constant(target, Matrix2::H)?;
                self.zz(control, target, &quarter)?;
                self.constant(target, Matrix2::rotation(Axis::Z, FRAC_PI_2))?;
                self.constant(control, Matrix2::rotation(Axis::Z, FRAC_PI_2))?;
                self.constant(target, Matrix2::H)
            }
        }
    }

    fn zz(&mut self, a: usize, b: usize, angle: &Angle) -> Result<(), Missing> {
        let constant = angle.is_constant().then(|| wrapped(angle.value(&[])));
        if constant.is_some_and(|angle| angle.abs() < TINY) {
            return Ok(());
        }
        if constant.is_some_and(|angle| (angle.abs() - PI).abs() < TINY) {
            let z = Matrix2::rotation(Axis::Z, PI);
            self.constant(a, z)?;
            return self.constant(b, z);
        }
        let quarter = constant.is_some_and(|angle| (angle.abs() - FRAC_PI_2).abs() < TINY);
        let interactor = match (self.basis.continuous, self.basis.reflection) {
            (Some(interactor), None) => interactor,
            (Some(interactor), Some(_)) if !quarter => interactor,
            (_, Some(interactor)) if quarter => interactor,
            (_, Some(_)) => {
                let [control, target] = self.turned([a, b]);
                self.cx(control, target)?;
                self.rotation(target, Axis::Z, angle)?;
                return self.cx(control, target);
            }
            (None, None) => return self.missing("gate on two qubits from which an interaction can be made"),
        };
        let pair = if interactor.is_symmetric() { [a, b] } else { self.turned([a, b]) };
        let frames = interactor.axes.map(from_z);
        for (qubit, frame) in pair.into_iter().zip(frames) {
            self.constant(qubit, frame)?;
        }
        let scaled: Vec<Angle> = interactor.factor.map(|factor| multiple(angle, factor)).into_iter().collect();
        self.interact(&interactor, pair, &scaled)?;
        for ((qubit, frame), completion) in pair.into_iter().zip(frames).zip(interactor.completion) {
            self.constant(qubit, frame.adjoint())?;
            if completion != 0.0 {
                self.rotation(qubit, Axis::Z, &multiple(angle, completion))?;
            }
        }
        Ok(())
    }

    /// The pair in an order that is allowed, as it is if that is.
    fn turned(&self, [a, b]: [usize; 2]) -> [usize; 2] {
        if self.allows(a, b) || !self.allows(b, a) { [a, b] } else { [b, a] }
    }

    fn swap(&mut self, a: usize, b: usize) -> Result<(), Missing> {
        if self.basis.swap {
            self.pending.swap(a, b);
            self.write(native(Gate::Swap, &[a, b], &[]));
            return Ok(());
        }
        // The first of the three CX in the direction in which it cancels one before it.
        let last = self.last_on_both(a, b).and_then(|index| self.written[index].as_ref());
        let backwards = last.is_some_and(|operation| operation.qubits() == [b, a]);
        let [first, second] = if backwards { [b, a] } else { [a, b] };
        self.cx(first, second)?;
        self.cx(second, first)?;
        self.cx(first, second)
    }

    /// The last gate on both qubits, if it is one and the same.
    fn last_on_both(&self, a: usize, b: usize) -> Option<usize> {
        let last = *self.on_qubit[a].last()?;
        (self.on_qubit[b].last() == Some(&last)).then_some(last)
    }

    /// Writes a two-qubit gate, or takes back the one before it if the two cancel.
    fn interact(&mut self, interactor: &Interactor, pair: [usize; 2], angles: &[Angle]) -> Result<(), Missing> {
        let operation = self.operation;
        for (qubit, axis) in pair.into_iter().zip(interactor.axes) {
            self.flush_before(qubit, axis)?;
        }
        self.operation = operation;
        let gate = native(interactor.gate, &pair, angles);
        if interactor.is_involution()
            && let Some(last) = self.last_on_both(pair[0], pair[1])
            && let Some(before) = &self.written[last]
            && before.instruction() == gate.instruction()
            && (before.qubits() == pair || interactor.is_symmetric())
        {
            self.written[last] = None;
            for qubit in pair {
                self.on_qubit[qubit].pop();
            }
            return Ok(());
        }
        self.write(gate);
        Ok(())
    }

    fn write(&mut self, operation: Operation) {
        for &qubit in operation.qubits() {
            self.on_qubit[qubit].push(self.written.len());
        }
        self.written.push(Some(operation));
    }

    /// Writes what is pending on a qubit, but for a rotation about the primary axis if that commutes with what follows.
    fn flush_before(&mut self, qubit: usize, axis: Axis) -> Result<(), Missing> {
        if axis != self.basis.primary() || self.basis.one.is_none() {
            return self.flush(qubit);
        }
        let constant = self.framed(self.pending[qubit].constant);
        if constant.is_diagonal() {
            return Ok(());
        }
        if let Some(OneQubit::General) = self.basis.one {
            return self.flush(qubit);
        }
        self.operation = self.pending[qubit].operation;
        let left = self.write_all_but_last(qubit, self.pending[qubit].constant)?;
        self.pending[qubit].constant = Matrix2::rotation(self.basis.primary(), left);
        Ok(())
    }

    /// Writes all that is pending on a qubit.
    fn flush(&mut self, qubit: usize) -> Result<(), Missing> {
        let empty = Pending { constant: Matrix2::IDENTITY, angle: Angle::constant(0.0), operation: self.operation };
        let pending = std::mem::replace(&mut self.pending[qubit], empty);
        self.operation = pending.operation;
        if self.basis.one.is_none() {
            self.write_alone(qubit, pending.constant)?;
            return self.rotate(qubit, Axis::Z, &pending.angle);
        }
        if let Some(OneQubit::General) = self.basis.one {
            let (theta, phi, lambda) = pending.constant.euler();
            let second = sum(pending.angle, phi.into());
            if theta != 0.0 || reduced(&second).is_some() {
                let angles =
                    [Angle::constant(theta), reduced(&second).unwrap_or(Angle::constant(0.0)), wrapped(lambda).into()];
                self.write(native(Gate::U, &[qubit], &angles));
            }
            return Ok(());
        }
        if reduced(&pending.angle).is_none() {
            for axis in [Axis::X, Axis::Y] {
                if let (Some(_), Some(angle)) = (self.basis.rotators[axis as usize], pending.constant.angle_about(axis))
                {
                    return self.rotate(qubit, axis, &Angle::constant(angle));
                }
            }
        }
        let left = self.write_all_but_last(qubit, pending.constant)?;
        self.rotate(qubit, self.basis.primary(), &sum(pending.angle, left.into()))
    }

    /// Writes a gate up to a rotation about the primary axis, whose angle it returns.
    fn write_all_but_last(&mut self, qubit: usize, constant: Matrix2) -> Result<f64, Missing> {
        let (theta, phi, lambda) = self.framed(constant).euler();
        if theta == 0.0 {
            return Ok(phi + lambda);
        }
        let z = |emitter: &mut Self, angle: f64| emitter.rotate(qubit, Axis::Z, &Angle::constant(angle));
        let flip = self.basis.fixed.iter().find(|(gate, _)| [Gate::X, Gate::Y].contains(gate));
        match self.basis.one {
            Some(OneQubit::Quarter { .. } | OneQubit::AboutZ { .. }) if theta == PI && flip.is_some() => {
                let &(gate, matrix) = flip.expect("just seen");
                self.write(native(gate, &[qubit], &[]));
                Ok(phi - matrix.euler().1)
            }
            Some(OneQubit::Quarter { gate, phi: after, lambda: before }) => {
                if (theta - FRAC_PI_2).abs() < TINY {
                    z(self, lambda - before)?;
                    self.write(native(gate, &[qubit], &[]));
                    return Ok(phi - after);
                }
                z(self, lambda + FRAC_PI_2 - before)?;
                self.write(native(gate, &[qubit], &[]));
                z(self, theta + PI - after - before)?;
                self.write(native(gate, &[qubit], &[]));
                Ok(phi + FRAC_PI_2 - after)
            }
            Some(OneQubit::AboutZ { secondary: Axis::X }) => {
                z(self, lambda - FRAC_PI_2)?;
                self.rotate(qubit, Axis::X, &Angle::constant(theta))?;
                Ok(phi + FRAC_PI_2)
            }
            Some(OneQubit::AboutZ { .. }) => {
                z(self, lambda)?;
                self.rotate(qubit, Axis::Y, &Angle::constant(theta))?;
                Ok(phi)
            }
            Some(OneQubit::AboutX) => {
                self.rotate(qubit, Axis::X, &Angle::constant(lambda))?;
                self.rotate(qubit, Axis::Y, &Angle::constant(-theta))?;
                Ok(phi)
            }
            Some(OneQubit::General) | None => self.missing("set of gates that makes any gate on one qubit"),
        }
    }

    /// Writes one gate for a matrix, where the native gates do not make every gate.
    fn write_alone(&mut self, qubit: usize, constant: Matrix2) -> Result<(), Missing> {
        if constant.is_identity() {
            return Ok(());
        }
        for axis in [Axis::X, Axis::Y, Axis::Z] {
            if let (Some(_), Some(angle)) = (self.basis.rotators[axis as usize], constant.angle_about(axis)) {
                return self.rotate(qubit, axis, &Angle::constant(angle));
            }
        }
        let same = self.basis.fixed.iter().find(|(_, matrix)| (matrix.adjoint() * constant).is_identity());
        match same {
            Some(&(gate, _)) => {
                self.write(native(gate, &[qubit], &[]));
                Ok(())
            }
            None => self.missing("set of gates that makes any gate on one qubit"),
        }
    }

    /// Writes a rotation, merged with a rotation about the same axis before it; nothing for angle 0.
    fn rotate(&mut self, qubit: usize, axis: Axis, angle: &Angle) -> Result<(), Missing> {
        let Some(mut angle) = reduced(angle) else { return Ok(()) };
        let Some(rotator) = self.basis.rotators[axis as usize] else {
            return self.missing("rotation by any angle about its axis");
        };
        if let Some(&last) = self.on_qubit[qubit].last()
            && let Some(before) = self.written[last].as_ref().and_then(|operation| rotator.angle_of(operation))
        {
            self.written[last] = None;
            self.on_qubit[qubit].pop();
            match reduced(&sum(before, angle)) {
                Some(sum) => angle = sum,
                None => return Ok(()),
            }
        }
        self.write(rotator.gate(qubit, angle));
        Ok(())
    }
}

impl Rotator {
    fn gate(self, qubit: usize, angle: Angle) -> Operation {
        let constant = Angle::constant;
        match self {
            Self::Plain(gate) => native(gate, &[qubit], &[angle]),
            Self::Azimuth(azimuth) => native(Gate::R, &[qubit], &[angle, constant(azimuth)]),
            Self::General(phi) => native(Gate::U, &[qubit], &[angle, constant(phi), constant(-phi)]),
            Self::GeneralZ => native(Gate::U, &[qubit], &[constant(0.0), constant(0.0), angle]),
        }
    }

    /// The angle of a gate written by this rotator.
    fn angle_of(self, operation: &Operation) -> Option<Angle> {
        let angles = operation.angles();
        let angle = if self == Self::GeneralZ { angles.last() } else { angles.first() }?.clone();
        (self.gate(operation.qubits()[0], angle.clone()) == *operation).then_some(angle)
    }
}
