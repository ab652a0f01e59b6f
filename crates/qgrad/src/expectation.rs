//! What is estimated: observables on a parametrized circuit, and the parameters to differentiate.

use std::sync::{Arc, OnceLock};

use qcore::{Angle, Circuit, Param, PauliSum, Program};

use crate::shots::Pieces;
use crate::simulator::gradient::AdjointPlan;
use crate::{Error, Estimate, Job, JobShots, Measurement, Point, SecondShiftRule, ShiftRule};

/// Expectation values `f_o(theta) = <psi(theta)| O_o |psi(theta)>` with the parameters that are differentiated.
///
/// Parameters that are not asked for (data inputs) are bound, never shifted and never billed.
///
/// ```
/// use qcore::Circuit;
/// use qgrad::{Adjoint, Estimator, Expectation, StateVectorBackend};
/// use rand::{SeedableRng, rngs::ChaCha8Rng};
///
/// let mut circuit = Circuit::new(1)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?;
/// let expectation = Expectation::new(&circuit, vec!["Z0".parse()?], &[theta])?;
///
/// let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(0));
/// let answer = Adjoint.gradient(&expectation, &[0.3], &mut backend, &mut rng)?;
/// assert!((answer.gradient[0] + 0.3_f64.sin()).abs() < 1e-15);
/// assert_eq!(answer.bill.circuits, 2); // what a device would run for it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expectation {
    circuit: Circuit,
    program: Program,
    measurement: Measurement,
    wrt: Vec<Param>,
    active: Vec<ActiveRotation>,
    /// Whether any of their angles is not affine.
    any_curved: bool,
    /// Points of the shift rules of all of them.
    shift_points: u64,
    pieces: OnceLock<Pieces>,
    /// Made when a gradient is asked for.
    adjoint: OnceLock<Arc<AdjointPlan>>,
}

/// A rotation whose angle depends on a differentiated parameter.
#[derive(Clone, Debug)]
pub(crate) struct ActiveRotation {
    /// Index into [`Program::rotations`].
    pub(crate) rotation: usize,
    /// Positions in `wrt`, with the parameters.
    pub(crate) parameters: Vec<(usize, Param)>,
    /// Whether its angle is not affine.
    pub(crate) curved: bool,
    pub(crate) rule: ShiftRule,
    /// For second derivatives by this angle.
    pub(crate) second_rule: SecondShiftRule,
}

impl Expectation {
    /// Compiles a circuit and groups the observables.
    ///
    /// # Errors
    ///
    /// [`qcore::Error::WidthMismatch`] if an observable reaches beyond the register, [`qcore::Error::UnknownParameter`] and
    /// [`Error::DuplicateParameter`] for a bad list of parameters, [`Error::Spectrum`] if a rotation has no shift rule,
    /// [`Error::NoObservable`] for an empty list.
    pub fn new(circuit: &Circuit, observables: Vec<PauliSum>, wrt: &[Param]) -> Result<Self, Error> {
        let declared = circuit.parameters().len();
        if observables.is_empty() {
            return Err(Error::NoObservable);
        }
        let mut positions = vec![None; declared];
        for (position, param) in wrt.iter().enumerate() {
            if param.index() >= declared {
                return Err(qcore::Error::UnknownParameter { index: param.index(), declared }.into());
            }
            if positions[param.index()].replace(position).is_some() {
                return Err(Error::DuplicateParameter { index: param.index() });
            }
        }
        let program = Program::compile(circuit);
        let measurement = Measurement::new(circuit.num_qubits(), observables)?;
        let mut active = Vec::new();
        for (rotation, spec) in program.rotations().iter().enumerate() {
            if spec.angle().is_constant() {
                continue;
            }
            let parameters: Vec<(usize, Param)> = (spec.angle().parameters().into_iter())
                .filter_map(|param| positions[param.index()].map(|position| (position, param)))
                .collect();
            if parameters.is_empty() {
                continue;
            }
            let rule = ShiftRule::from_frequencies(spec.frequencies())?;
            if rule.num_points() > 0 {
                let second_rule = SecondShiftRule::from_frequencies(spec.frequencies())?;
                let curved = spec.angle().as_affine().is_none();
                active.push(ActiveRotation { rotation, parameters, curved, rule, second_rule });
            }
        }
        let (circuit, wrt) = (circuit.clone(), wrt.to_vec());
        let (pieces, adjoint) = (OnceLock::new(), OnceLock::new());
        let shift_points = points(&active);
        let any_curved = active.iter().any(|active| active.curved);
        Ok(Self { circuit, program, measurement, wrt, active, any_curved, shift_points, pieces, adjoint })
    }

    /// As [`Expectation::new`] with all parameters of the circuit.
    ///
    /// # Errors
    ///
    /// As [`Expectation::new`].
    pub fn of_all_parameters(circuit: &Circuit, observables: Vec<PauliSum>) -> Result<Self, Error> {
        let all: Vec<Param> = (0..circuit.parameters().len()).map(Param::new).collect();
        Self::new(circuit, observables, &all)
    }

    /// The same circuit and parameters with other observables; nothing is compiled anew.
    ///
    /// # Errors
    ///
    /// As [`Expectation::new`], for the observables.
    pub fn with_observables(&self, observables: Vec<PauliSum>) -> Result<Self, Error> {
        if observables.is_empty() {
            return Err(Error::NoObservable);
        }
        let measurement = Measurement::new(self.circuit.num_qubits(), observables)?;
        // What a gradient needs to know depends on what the observables see.
        Ok(Self { measurement, pieces: OnceLock::new(), adjoint: OnceLock::new(), ..self.clone() })
    }

    /// The circuit as it was written.
    #[must_use]
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// The job that measures these observables at some points of some parameter rows.
    #[must_use]
    pub fn job<'a>(&'a self, parameters: &'a [f64], points: &'a [Point], shots: JobShots<'a>) -> Job<'a> {
        let (circuit, program, measurement) = (&self.circuit, &self.program, &self.measurement);
        Job { circuit, program, measurement, parameters, points, shots }
    }

    /// The compiled circuit.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The observables and their measurement groups.
    #[must_use]
    pub fn measurement(&self) -> &Measurement {
        &self.measurement
    }

    /// The parameters that are differentiated, in the order of gradient components.
    #[must_use]
    pub fn wrt(&self) -> &[Param] {
        &self.wrt
    }

    /// Number of observables.
    #[must_use]
    pub fn num_observables(&self) -> usize {
        self.measurement.observables().len()
    }

    /// An interval of `z` standard errors (1.96 for 95 %) about an estimate of one observable, within what its expectation value can
    /// be: see [`Estimate::interval`].
    ///
    /// # Errors
    ///
    /// [`Error::Index`] if there is no such observable.
    pub fn interval(&self, observable: usize, estimate: &Estimate, z: f64) -> Result<(f64, f64), Error> {
        let count = self.num_observables();
        let Some(sum) = self.measurement.observables().get(observable) else {
            return Err(Error::Index { what: "observable", index: observable, count });
        };
        let (low, high) = estimate.interval(z, 2.0 * sum.one_norm());
        let (center, reach) = (sum.identity_coefficient(), sum.one_norm());
        Ok((low.max(center - reach), high.min(center + reach)))
    }

    /// Circuit points that the shift rules of one row need: two for each term of each occurrence of a parameter.
    #[must_use]
    pub fn shift_points(&self) -> u64 {
        self.shift_points
    }

    /// What each observable reads in each group; made when it is first asked for.
    pub(crate) fn pieces(&self) -> Result<&Pieces, Error> {
        if self.pieces.get().is_none() {
            // Another thread may have been faster: both have made the same.
            let _ = self.pieces.set(Pieces::new(&self.measurement)?);
        }
        Ok(self.pieces.get().expect("just set"))
    }

    /// As if only the first `count` rotations depended on parameters.
    pub(crate) fn of_first_rotations(mut self, count: usize) -> Self {
        self.active.retain(|active| active.rotation < count);
        self.shift_points = points(&self.active);
        self.adjoint = OnceLock::new();
        self
    }

    /// For each position of [`Expectation::wrt`], whether any expectation value can depend on the parameter there.
    pub(crate) fn moving(&self) -> Vec<bool> {
        let mut moving = vec![false; self.wrt.len()];
        for active in &self.active {
            active.parameters.iter().for_each(|&(position, _)| moving[position] = true);
        }
        moving
    }

    /// The part of [`Expectation::shift_points`] that the derivative at this position of [`Expectation::wrt`] needs; 0 beyond
    /// the last one. Rotations that several parameters turn are counted for each of them.
    #[must_use]
    pub fn shift_points_of(&self, position: usize) -> u64 {
        let of_it = self.active.iter().filter(|active| active.parameters.iter().any(|&(at, _)| at == position));
        of_it.map(|active| active.rule.num_points() as u64).sum()
    }

    pub(crate) fn active(&self) -> &[ActiveRotation] {
        &self.active
    }

    /// What adjoint differentiation needs to know.
    pub(crate) fn adjoint_plan(&self) -> &Arc<AdjointPlan> {
        self.adjoint.get_or_init(|| Arc::new(AdjointPlan::new(self)))
    }

    /// Checks parameter rows; how many there are.
    pub(crate) fn count_rows(&self, rows: &[f64]) -> Result<usize, Error> {
        count_rows(rows, self.program.num_parameters())
    }

    /// As [`Expectation::count_rows`] for derivatives, which angles must have there.
    pub(crate) fn count_smooth_rows(&self, rows: &[f64]) -> Result<usize, Error> {
        let count = self.count_rows(rows)?;
        for row in 0..count {
            let row = self.row(rows, row);
            self.check_curved(row, |angle, param, _| angle.derivative(row, param))?;
        }
        Ok(count)
    }

    /// Refuses a row at which the angles have no second derivatives.
    pub(crate) fn check_second_derivatives(&self, row: &[f64]) -> Result<(), Error> {
        self.check_curved(row, |angle, param, other| angle.second_derivative(row, param, other))
    }

    /// Refuses a row at which a derivative of an angle is not finite although the angle is, which is reported where it is bound.
    fn check_curved(&self, row: &[f64], derivative: impl Fn(&Angle, Param, Param) -> f64) -> Result<(), Error> {
        if !self.any_curved {
            return Ok(());
        }
        for active in self.active.iter().filter(|active| active.curved) {
            let rotation = &self.program.rotations()[active.rotation];
            let pairs =
                active.parameters.iter().flat_map(|first| active.parameters.iter().map(move |second| (first, second)));
            for (&(_, first), &(_, second)) in pairs {
                let value = derivative(rotation.angle(), first, second);
                if !value.is_finite() && rotation.angle().value(row).is_finite() {
                    let (operation, parameter) = (rotation.operation(), first.index());
                    return Err(Error::Slope { operation, parameter, value });
                }
            }
        }
        Ok(())
    }

    /// As [`Expectation::rows`] for derivatives, which angles must have there.
    pub(crate) fn smooth_rows<'a>(&self, rows: &'a [f64]) -> Result<Vec<&'a [f64]>, Error> {
        let count = self.count_smooth_rows(rows)?;
        Ok((0..count).map(|index| self.row(rows, index)).collect())
    }

    /// One of the rows that [`Expectation::count_rows`] has counted.
    pub(crate) fn row<'a>(&self, rows: &'a [f64], index: usize) -> &'a [f64] {
        let width = self.program.num_parameters();
        &rows[index * width..(index + 1) * width]
    }

    /// Splits `rows` into parameter rows and checks them.
    pub(crate) fn rows<'a>(&self, rows: &'a [f64]) -> Result<Vec<&'a [f64]>, Error> {
        split_rows(rows, self.program.num_parameters())
    }
}

/// Points of the shift rules of some rotations.
fn points(active: &[ActiveRotation]) -> u64 {
    active.iter().map(|active| active.rule.num_points() as u64).sum()
}

/// How many rows of `width` finite numbers there are; a program without parameters has exactly one, empty, row.
fn count_rows(rows: &[f64], width: usize) -> Result<usize, Error> {
    if width == 0 {
        return if rows.is_empty() {
            Ok(1)
        } else {
            Err(Error::Length { what: "parameter rows", got: rows.len(), expected: 0 })
        };
    }
    if !rows.len().is_multiple_of(width) || rows.is_empty() {
        let expected = rows.len().div_ceil(width).max(1) * width;
        return Err(Error::Length { what: "parameter rows", got: rows.len(), expected });
    }
    // A look at all of them before one at each: without a way out of the loop it is a few vectors.
    let finite = rows.iter().fold(true, |finite, value| finite & value.is_finite());
    if !finite && let Some(at) = rows.iter().position(|value| !value.is_finite()) {
        return Err(Error::NotFinite { index: at % width, value: rows[at] });
    }
    Ok(rows.len() / width)
}

/// The rows that [`count_rows`] counts.
pub(crate) fn split_rows(rows: &[f64], width: usize) -> Result<Vec<&[f64]>, Error> {
    let count = count_rows(rows, width)?;
    Ok((0..count).map(|row| &rows[row * width..(row + 1) * width]).collect())
}
