//! The few operations into which every circuit is lowered before it is routed and written in native gates.

use std::f64::consts::FRAC_PI_2;

use qcore::Angle;

use super::matrix::{Matrix2, TINY};

/// An axis of the Bloch sphere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    X = 0,
    Y = 1,
    Z = 2,
}

/// One of these operations, up to a global phase.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Primitive {
    /// A gate without parameters on one qubit.
    Constant(usize, Matrix2),
    /// `exp(-i angle P / 2)` on one qubit.
    Rotation(usize, Axis, Angle),
    /// Controlled X: control, target.
    Cx(usize, usize),
    /// `exp(-i angle Z Z / 2)`.
    Zz(usize, usize, Angle),
    /// Exchange of two qubits.
    Swap(usize, usize),
}

impl Primitive {
    /// The pair that it acts on, if it acts on two qubits.
    pub(super) fn pair(&self) -> Option<[usize; 2]> {
        match *self {
            Self::Constant(..) | Self::Rotation(..) => None,
            Self::Cx(a, b) | Self::Zz(a, b, _) | Self::Swap(a, b) => Some([a, b]),
        }
    }

    /// Two-qubit gates that it takes on a device with controlled reflections.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Constant(..) | Self::Rotation(..) => 0,
            Self::Cx(..) => 1,
            Self::Zz(_, _, angle) if angle.is_constant() && (angle.value(&[]).abs() - FRAC_PI_2).abs() < TINY => 1,
            Self::Zz(..) => 2,
            Self::Swap(..) => 3,
        }
    }

    /// The qubit that it acts on, if it is one.
    pub(super) fn single(&self) -> Option<usize> {
        match *self {
            Self::Constant(qubit, _) | Self::Rotation(qubit, ..) => Some(qubit),
            _ => None,
        }
    }

    /// The same on other qubits.
    pub(super) fn on(&self, place: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Constant(q, matrix) => Self::Constant(place(*q), *matrix),
            Self::Rotation(q, axis, angle) => Self::Rotation(place(*q), *axis, angle.clone()),
            Self::Cx(a, b) => Self::Cx(place(*a), place(*b)),
            Self::Zz(a, b, angle) => Self::Zz(place(*a), place(*b), angle.clone()),
            Self::Swap(a, b) => Self::Swap(place(*a), place(*b)),
        }
    }
}

/// A primitive, and the index of the operation of the circuit that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sourced {
    pub(super) primitive: Primitive,
    pub(super) operation: usize,
}
