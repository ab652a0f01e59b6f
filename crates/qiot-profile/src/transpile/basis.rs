//! Which sequences of native gates make up any gate on one and on two qubits.

use std::f64::consts::FRAC_PI_2;

use qcore::{Action, Gate, Generator};

use super::matrix::Matrix2;
use super::primitive::Axis;

/// How gates on one qubit are made.
#[derive(Clone, Copy, Debug)]
pub(super) enum OneQubit {
    /// Rotations about Z, and a fixed gate `Rz(phi) Ry(pi/2) Rz(lambda)`: two of them make any gate (D. McKay et al., Phys.
    /// Rev. A 96, 022330 (2017)).
    Quarter { gate: Gate, phi: f64, lambda: f64 },
    /// Rotations about Z first and last, and about Y or X between.
    AboutZ { secondary: Axis },
    /// Rotations about X first and last, and about Y between.
    AboutX,
    /// One gate with three angles.
    General,
}

/// A native rotation by any angle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rotator {
    /// A gate with one angle.
    Plain(Gate),
    /// The gate `r`, about the axis at this azimuth.
    Azimuth(f64),
    /// `U(angle, phi, -phi)`.
    General(f64),
    /// `U(0, 0, angle)`.
    GeneralZ,
}

/// A native gate on two qubits that makes `exp(-i theta A B / 2)` of the axes A and B of its operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interactor {
    pub(super) gate: Gate,
    /// A and B.
    pub(super) axes: [Axis; 2],
    /// The angle of the gate in units of theta; `None` for a gate without angle, which serves `theta = +-pi/2` only.
    pub(super) factor: Option<f64>,
    /// Angles, in units of theta, of rotations about A and B that complete it.
    pub(super) completion: [f64; 2],
}

impl Interactor {
    /// Whether its operands may be exchanged.
    pub(super) fn is_symmetric(&self) -> bool {
        self.axes[0] == self.axes[1] && self.completion[0] == self.completion[1]
    }

    /// Whether it undoes itself.
    pub(super) fn is_involution(&self) -> bool {
        self.factor.is_none()
    }
}

/// The native gates of a device, by what they are good for.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    /// `None` if not every gate on one qubit can be made.
    pub(super) one: Option<OneQubit>,
    /// How to rotate about X, Y and Z by any angle.
    pub(super) rotators: [Option<Rotator>; 3],
    /// The native gates without angles on one qubit.
    pub(super) fixed: Vec<(Gate, Matrix2)>,
    /// For interactions by any angle, if there is one for that.
    pub(super) continuous: Option<Interactor>,
    /// A controlled reflection.
    pub(super) reflection: Option<Interactor>,
    /// Whether the exchange is native.
    pub(super) swap: bool,
}

impl Basis {
    pub(super) fn of(native: &[Gate]) -> Self {
        let has = |gate| native.contains(&gate);
        let plain = |gates: &[Gate]| gates.iter().copied().find(|&gate| has(gate)).map(Rotator::Plain);
        let azimuth = |angle| has(Gate::R).then_some(Rotator::Azimuth(angle));
        let x = plain(&[Gate::Rx]).or_else(|| azimuth(0.0));
        let y = plain(&[Gate::Ry]).or_else(|| azimuth(FRAC_PI_2));
        let z = plain(&[Gate::Rz, Gate::P]);
        let fixed: Vec<(Gate, Matrix2)> = native.iter().filter_map(|&gate| Some((gate, matrix_of(gate)?))).collect();
        let quarter = [Gate::Sx, Gate::Sxdg, Gate::H].into_iter().find_map(|gate| {
            let (_, phi, lambda) = fixed.iter().find(|(native, _)| *native == gate)?.1.euler();
            Some(OneQubit::Quarter { gate, phi, lambda })
        });
        let one = match (x, y, z) {
            (_, Some(_), Some(_)) => Some(OneQubit::AboutZ { secondary: Axis::Y }),
            (Some(_), None, Some(_)) => Some(OneQubit::AboutZ { secondary: Axis::X }),
            (None, None, Some(_)) if quarter.is_some() => quarter,
            _ if has(Gate::U) => Some(OneQubit::General),
            (Some(_), Some(_), None) => Some(OneQubit::AboutX),
            _ => None,
        };
        let rotators = match one {
            Some(OneQubit::General) => {
                [Rotator::General(-FRAC_PI_2), Rotator::General(0.0), Rotator::GeneralZ].map(Some)
            }
            _ => [x, y, z],
        };
        let with_angle = [Gate::Rzz, Gate::Rzx, Gate::Rxx, Gate::Ryy, Gate::Cp, Gate::Crz, Gate::Crx, Gate::Cry];
        let first = |gates: &[Gate]| gates.iter().copied().filter(|&gate| has(gate)).find_map(interactor);
        Self {
            one,
            rotators,
            fixed,
            continuous: first(&with_angle),
            reflection: first(&[Gate::Cx, Gate::Cz, Gate::Cy]),
            swap: has(Gate::Swap),
        }
    }

    /// The axis whose rotations come last in a gate on one qubit, and so can wait.
    pub(super) fn primary(&self) -> Axis {
        if let Some(OneQubit::AboutX) = self.one { Axis::X } else { Axis::Z }
    }
}

/// The matrix of a gate without angles on one qubit.
fn matrix_of(gate: Gate) -> Option<Matrix2> {
    match (gate.spec().qubits(), gate.spec().action) {
        (1, Action::Fixed(&[a, b, c, d])) => Some(Matrix2([a, b, c, d])),
        _ => None,
    }
}

fn axis_of(letter: char) -> Axis {
    match letter {
        'X' => Axis::X,
        'Y' => Axis::Y,
        _ => Axis::Z,
    }
}

fn interactor(gate: Gate) -> Option<Interactor> {
    let spec = gate.spec();
    let interactor = |axes, factor, completion| Some(Interactor { gate, axes, factor, completion });
    match spec.action {
        Action::Rotation { generator: Generator::HalfPauli(letters), .. } => {
            let axes: Vec<Axis> = letters.chars().map(axis_of).collect();
            match (spec.controls, axes.as_slice()) {
                (0, &[first, second]) => interactor([first, second], Some(1.0), [0.0, 0.0]),
                // C-exp(-i t P / 2) = exp(-i t P / 4) exp(i t Z P / 4).
                (1, &[axis]) => interactor([Axis::Z, axis], Some(-2.0), [0.0, 1.0]),
                _ => None,
            }
        }
        // The same with P = Z, and exp(-i t Z / 4) on the control.
        Action::Rotation { generator: Generator::Phase, .. } if spec.qubits() == 2 => {
            interactor([Axis::Z, Axis::Z], Some(-2.0), [1.0, 1.0])
        }
        // C-P = exp(-i pi/4 Z) exp(-i pi/4 P) exp(i pi/4 Z P), and exp(i pi/2 Z P) = i Z P.
        Action::Fixed(_) => match gate {
            Gate::Cx => interactor([Axis::Z, Axis::X], None, [1.0, 1.0]),
            Gate::Cy => interactor([Axis::Z, Axis::Y], None, [1.0, 1.0]),
            Gate::Cz => interactor([Axis::Z, Axis::Z], None, [1.0, 1.0]),
            _ => None,
        },
        _ => None,
    }
}
