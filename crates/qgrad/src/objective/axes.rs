//! Circuits whose rotations turn about chosen axes.

use qcore::{Angle, Circuit, Gate, Instruction, Param};
use qopt::Axis;

use crate::fidelity::with_parameters;
use crate::{Error, Expectation};

/// The gate that turns about an axis.
const fn gate_of(axis: Axis) -> Gate {
    match axis {
        Axis::X => Gate::Rx,
        Axis::Y => Gate::Ry,
        Axis::Z => Gate::Rz,
    }
}

/// The axis about which each of these parameters turns its rotation.
///
/// # Errors
///
/// [`Error::NoAxis`] for a parameter that is not, as it is, the angle of one RX, RY or RZ gate without controls, or that occurs
/// elsewhere too.
pub fn axes_of(circuit: &Circuit, parameters: &[Param]) -> Result<Vec<Axis>, Error> {
    let axis_of = |&param: &Param| {
        let mut axis = None;
        for operation in circuit.operations() {
            if !operation.angles().iter().any(|angle| angle.depends_on(param)) {
                continue;
            }
            let bare = operation.controls().len() == 0 && operation.angles() == [Angle::from(param)];
            let found = match operation.instruction() {
                Instruction::Gate(gate) if bare => Axis::ALL.into_iter().find(|&axis| gate_of(axis) == *gate),
                _ => None,
            };
            if axis.is_some() || found.is_none() {
                return None;
            }
            axis = found;
        }
        axis
    };
    let name = |param: &Param| circuit.parameters().get(param.index()).cloned().unwrap_or_default();
    parameters.iter().map(|param| axis_of(param).ok_or_else(|| Error::NoAxis { name: name(param) })).collect()
}

/// The circuit with the rotations of these parameters about these axes, one for each.
///
/// # Errors
///
/// As [`axes_of`]; [`Error::Length`] for another number of axes.
pub fn with_axes(circuit: &Circuit, parameters: &[Param], axes: &[Axis]) -> Result<Circuit, Error> {
    if axes.len() != parameters.len() {
        return Err(Error::Length { what: "axes", got: axes.len(), expected: parameters.len() });
    }
    rewritten(circuit, parameters, circuit.parameters(), |position| {
        vec![(gate_of(axes[position]), Angle::from(parameters[position]))]
    })
}

/// A circuit with `rotations` in the place of the gate of each of the parameters.
fn rewritten(
    circuit: &Circuit,
    parameters: &[Param],
    names: &[String],
    rotations: impl Fn(usize) -> Vec<(Gate, Angle)>,
) -> Result<Circuit, Error> {
    axes_of(circuit, parameters)?;
    let mut written = Circuit::new(circuit.num_qubits())?;
    for name in names {
        written.parameter(name.clone())?;
    }
    let same: Vec<Angle> = (0..names.len()).map(|index| Angle::from(Param::new(index))).collect();
    for operation in circuit.operations() {
        let turned = |param: &&Param| operation.angles() == [Angle::from(**param)];
        match parameters.iter().position(|param| turned(&param)) {
            None => {
                written.push(with_parameters(operation, &same)?)?;
            }
            Some(position) => {
                for (gate, angle) in rotations(position) {
                    written.gate(gate, operation.operands(), &[angle])?;
                }
            }
        }
    }
    Ok(written)
}

/// An expectation value in which each rotation of some parameters is one about X, one about Y and one about Z, of which all but
/// one are by 0: so that circuits with different axes are rows of one job.
#[derive(Clone, Debug)]
pub(super) struct FreeAxes {
    pub(super) expectation: Expectation,
    /// Parameters of the circuit as it was.
    own: usize,
    wrt: Vec<Param>,
}

impl FreeAxes {
    pub(super) fn new(expectation: &Expectation) -> Result<Self, Error> {
        let (circuit, wrt) = (expectation.circuit(), expectation.wrt());
        let own = circuit.parameters().len();
        let mut names = circuit.parameters().to_vec();
        for param in wrt {
            for axis in ["y", "z"] {
                let mut name = format!("{}_{axis}", circuit.parameters()[param.index()]);
                while names.contains(&name) {
                    name.push('_');
                }
                names.push(name);
            }
        }
        let free = rewritten(circuit, wrt, &names, |position| {
            let places = [wrt[position].index(), own + 2 * position, own + 2 * position + 1];
            Axis::ALL.into_iter().zip(places).map(|(axis, at)| (gate_of(axis), Angle::from(Param::new(at)))).collect()
        })?;
        let observables = expectation.measurement().observables().to_vec();
        Ok(Self { expectation: Expectation::new(&free, observables, &[])?, own, wrt: wrt.to_vec() })
    }

    /// Adds the row of a point with these axes; `row` has the values of all other parameters.
    pub(super) fn add_row(&self, row: &[f64], point: &[f64], axes: &[Axis], rows: &mut Vec<f64>) {
        let start = rows.len();
        rows.extend_from_slice(row);
        rows.resize(start + self.own + 2 * self.wrt.len(), 0.0);
        for (position, ((param, &angle), axis)) in self.wrt.iter().zip(point).zip(axes).enumerate() {
            let x = start + param.index();
            rows[x] = 0.0;
            let place = match axis {
                Axis::X => x,
                Axis::Y => start + self.own + 2 * position,
                Axis::Z => start + self.own + 2 * position + 1,
            };
            rows[place] = angle;
        }
    }
}

/// Whether the expectation values are sine waves of period 2 pi in each differentiated parameter, a constant among them: each
/// turns at most one rotation, of one frequency, which is 1 in the parameter. What
/// [`Rotosolve`](qopt::Rotosolve) needs.
#[must_use]
pub fn is_sinusoidal(expectation: &Expectation) -> bool {
    let mut seen = vec![false; expectation.wrt().len()];
    for active in expectation.active() {
        let rotation = &expectation.program().rotations()[active.rotation];
        for &(position, param) in &active.parameters {
            let factor = rotation
                .angle()
                .as_affine()
                .and_then(|(_, terms)| terms.iter().find(|&&(own, _)| own == param).map(|&(_, factor)| factor));
            let wave = matches!((factor, rotation.frequencies()), (Some(factor), &[w]) if (factor * w).abs() == 1.0);
            if !wave || std::mem::replace(&mut seen[position], true) {
                return false;
            }
        }
    }
    true
}
