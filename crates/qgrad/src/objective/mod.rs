//! Training with qopt and nothing else: expectation values as a [`qopt::Objective`].

mod axes;

use std::sync::OnceLock;

use qopt::{Answer, Axis, Objective, ObjectiveError, Query, Request, Role, StepStreams};
use rand::Rng;

use crate::{Backend, Bill, Cotangents, Error, Estimate, Estimator, Expectation, Fidelity, Partials, Values};
use axes::FreeAxes;
pub use axes::{axes_of, is_sinusoidal, with_axes};

/// The sum of the observables of an [`Expectation`] as a loss over the parameters of [`Expectation::wrt`].
///
/// All other parameters of the circuit keep fixed values. A refusal of the backend is an ordinary end of the run.
///
/// It answers every [`Query`], where the estimator, the register and the circuit allow it:
///
/// | query | needs | is billed |
/// |---|---|---|
/// | several losses | | one job |
/// | single partial derivatives | an estimator with [`Estimator::partials`] | the circuits of these components, with their shots, and of the loss, in one job (two where a total of shots is divided) |
/// | fidelities | at most [`Metric::MAX_OVERLAP_QUBITS`](crate::Metric::MAX_OVERLAP_QUBITS) qubits | one circuit of twice the depth for each, in one job |
/// | losses with other axes | every parameter the angle of one RX, RY or RZ, see [`axes_of`] | as several losses |
///
/// The circuits of the last row have three rotations in the place of each, two of them by 0.
///
/// ```
/// use qcore::{Circuit, PauliSum};
/// use qgrad::{Adjoint, Expectation, StateVectorBackend, objective::ExpectationObjective};
/// use qopt::{Adam, Budget, Descent, Runner, Streams};
///
/// let mut circuit = Circuit::new(2)?;
/// let theta = circuit.parameters_named("t", 4)?;
/// circuit.ry(0, theta[0])?.ry(1, theta[1])?.cz(0, 1)?.ry(0, theta[2])?.ry(1, theta[3])?;
/// let chain = PauliSum::transverse_field_ising(2, 1.0, 0.5)?;
/// let expectation = Expectation::of_all_parameters(&circuit, vec![chain])?;
/// let mut objective = ExpectationObjective::new(expectation, Adjoint, StateVectorBackend::new())?;
///
/// let mut method = Descent::new(Adam::new(0.1)?, &[0.1, 0.2, 0.3, 0.4])?;
/// let outcome = Runner::new(&mut method, &mut objective, Streams::new(1, 0))
///     .budget(Budget { iterations: Some(200), ..Budget::UNLIMITED })
///     .run()?;
/// let loss = qopt::reevaluate(&mut objective, &outcome.last, &Streams::new(1, 0), 0)?.loss;
/// assert!((loss.value + 2.0_f64.sqrt()).abs() < 1e-2); // exact: -sqrt(J^2 + 4 h^2)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExpectationObjective<E, B> {
    expectation: Expectation,
    estimator: E,
    backend: B,
    row: Vec<f64>,
    /// Made when they are first asked for; none where they cannot be.
    fidelity: OnceLock<Option<Fidelity>>,
    free_axes: OnceLock<Option<FreeAxes>>,
}

impl<E: Estimator, B: Backend> ExpectationObjective<E, B> {
    /// A loss over all parameters of the circuit.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if some parameters of the circuit are not differentiated: they need values, see
    /// [`ExpectationObjective::with_fixed`].
    pub fn new(expectation: Expectation, estimator: E, backend: B) -> Result<Self, Error> {
        let (got, expected) = (expectation.wrt().len(), expectation.program().num_parameters());
        if got != expected {
            return Err(Error::Length { what: "differentiated parameters", got, expected });
        }
        let row = vec![0.0; expected];
        Ok(Self { expectation, estimator, backend, row, fidelity: OnceLock::new(), free_axes: OnceLock::new() })
    }

    /// A loss over the differentiated parameters; the others keep the values that they have in `row`, a full parameter row of
    /// the circuit.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] and [`Error::NotFinite`] for a bad row.
    pub fn with_fixed(expectation: Expectation, estimator: E, backend: B, row: &[f64]) -> Result<Self, Error> {
        let expected = expectation.program().num_parameters();
        if row.len() != expected {
            return Err(Error::Length { what: "parameter row", got: row.len(), expected });
        }
        expectation.rows(row)?;
        let (fidelity, free_axes) = (OnceLock::new(), OnceLock::new());
        Ok(Self { expectation, estimator, backend, row: row.to_vec(), fidelity, free_axes })
    }

    /// The backend, for its ledger.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// What is estimated.
    pub fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    fn fidelity(&self) -> Option<&Fidelity> {
        self.fidelity.get_or_init(|| Fidelity::new(self.expectation.circuit()).ok()).as_ref()
    }

    fn free_axes(&self) -> Option<&FreeAxes> {
        self.free_axes.get_or_init(|| FreeAxes::new(&self.expectation).ok()).as_ref()
    }

    /// Puts theta into the parameter row.
    fn place(&mut self, theta: &[f64]) -> Result<(), Error> {
        let (what, got, expected) = ("theta", theta.len(), self.expectation.wrt().len());
        if got != expected {
            return Err(Error::Length { what, got, expected });
        }
        for (param, &value) in self.expectation.wrt().iter().zip(theta) {
            self.row[param.index()] = value;
        }
        Ok(())
    }

    /// The parameter rows of points of P components each.
    fn rows_of(&mut self, points: &[f64]) -> Result<Vec<f64>, Error> {
        let dimension = self.expectation.wrt().len().max(1);
        let mut rows = Vec::with_capacity(points.len() / dimension * self.row.len());
        for point in points.chunks(dimension) {
            self.place(point)?;
            rows.extend_from_slice(&self.row);
        }
        Ok(rows)
    }

    fn partials(
        &mut self,
        theta: &[f64],
        wanted: &Partials<'_>,
        rng: &mut dyn Rng,
        answer: &mut Answer,
    ) -> Result<(), Error> {
        self.place(theta)?;
        let Self { expectation, estimator, backend, row, .. } = self;
        let ones = vec![1.0; expectation.num_observables()];
        let vjp = estimator.partials(expectation, row, wanted, Cotangents::Fixed(&ones), backend, rng)?;
        answer.bill = vjp.bill.into();
        if wanted.values {
            answer.value = Some(sum(&vjp.values));
            answer.reusable = vjp.values.iter().all(|estimate| estimate.shots == 0);
        }
        answer.gradient.extend_from_slice(&vjp.gradient);
        answer.gradient_std_errors.extend_from_slice(&vjp.std_errors);
        Ok(())
    }

    fn fidelities(
        &mut self,
        theta: &[f64],
        others: &[f64],
        rng: &mut dyn Rng,
        answer: &mut Answer,
    ) -> Result<(), Error> {
        let others = self.rows_of(others)?;
        self.place(theta)?;
        self.fidelity();
        let Some(Some(fidelity)) = self.fidelity.get() else {
            let (qubits, max) = (self.expectation.circuit().num_qubits(), crate::Metric::MAX_OVERLAP_QUBITS);
            return Err(Error::Width { what: "an overlap", qubits, max });
        };
        let measured = fidelity.measure(&self.row, &others, &self.estimator, &mut self.backend, rng)?;
        take(measured, 1, answer);
        Ok(())
    }

    fn axis_values(
        &mut self,
        points: &[f64],
        axes: &[Axis],
        rng: &mut dyn Rng,
        answer: &mut Answer,
    ) -> Result<(), Error> {
        if axes.len() != points.len() {
            return Err(Error::Length { what: "axes", got: axes.len(), expected: points.len() });
        }
        self.free_axes();
        let Some(Some(free)) = self.free_axes.get() else {
            return Err(axes_of(self.expectation.circuit(), self.expectation.wrt())
                .map_or_else(|error| error, |_| Error::NoAxis { name: String::new() }));
        };
        let dimension = self.expectation.wrt().len().max(1);
        let mut rows = Vec::new();
        for (point, axes) in points.chunks(dimension).zip(axes.chunks(dimension)) {
            free.add_row(&self.row, point, axes, &mut rows);
        }
        let measured = self.estimator.values(&free.expectation, &rows, &mut self.backend, rng)?;
        take(measured, self.expectation.num_observables(), answer);
        Ok(())
    }
}

/// The sum of the observables of one row.
fn sum(estimates: &[Estimate]) -> qopt::Estimate {
    let value = estimates.iter().map(|estimate| estimate.value).sum();
    let variance: f64 = estimates.iter().map(|estimate| estimate.std_error * estimate.std_error).sum();
    qopt::Estimate { value, std_error: variance.sqrt() }
}

/// Measured rows of so many observables as an answer.
fn take(measured: Values, observables: usize, answer: &mut Answer) {
    answer.bill = measured.bill.into();
    answer.reusable = measured.estimates.iter().all(|estimate| estimate.shots == 0);
    answer.values.extend(measured.estimates.chunks_exact(observables.max(1)).map(sum));
}

/// A refusal is an ordinary end of a run, everything else a failure. What was spent before a refusal in the middle of a call
/// is added to `spent`.
#[must_use]
pub fn objective_error(error: Error, spent: &mut qopt::Bill) -> ObjectiveError {
    match error {
        Error::Refused(refusal) => ObjectiveError::Exhausted { what: refusal.to_string() },
        Error::RefusedMidway { refusal, spent: before } => {
            *spent += before.into();
            ObjectiveError::Exhausted { what: refusal.to_string() }
        }
        other => ObjectiveError::Failed(Box::new(other)),
    }
}

impl<E: Estimator, B: Backend> Objective for ExpectationObjective<E, B> {
    fn dimension(&self) -> usize {
        self.expectation.wrt().len()
    }

    fn price(&self, request: &Request) -> qopt::Bill {
        let mut bill = Bill::ZERO;
        if request.value {
            bill += self.backend.price(self.expectation.circuit(), self.estimator.price_values(&self.expectation, 1));
        }
        if request.gradient {
            bill += self.backend.price(self.expectation.circuit(), self.estimator.price_vjp(&self.expectation, 1));
        }
        if request.metric {
            bill += self.expectation.price_metric();
        }
        bill.into()
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        self.place(theta).map_err(|error| objective_error(error, &mut answer.bill))?;
        let mut rng = streams.rng(Role::Shots);
        let Self { expectation, estimator, backend, row, .. } = self;
        if request.value {
            let values = estimator.values(expectation, row, backend, &mut rng);
            let values = values.map_err(|error| objective_error(error, &mut answer.bill))?;
            answer.bill += values.bill.into();
            answer.value = Some(sum(&values.estimates));
            answer.reusable = values.estimates.iter().all(|estimate| estimate.shots == 0);
        }
        if request.gradient {
            let vjp = estimator.gradient(expectation, row, backend, &mut rng);
            let vjp = vjp.map_err(|error| objective_error(error, &mut answer.bill))?;
            answer.bill += vjp.bill.into();
            answer.gradient.extend_from_slice(&vjp.gradient);
            answer.gradient_std_errors.extend_from_slice(&vjp.std_errors);
        }
        if request.metric {
            let metric = match backend.simulator() {
                Some(simulator) => simulator.metric_tensor(expectation, row),
                None => Err(Error::NotASimulator { what: "the metric tensor" }),
            };
            let metric = metric.map_err(|error| objective_error(error, &mut answer.bill))?;
            answer.metric.extend(metric.iter());
            answer.bill += expectation.price_metric().into();
        }
        Ok(())
    }

    fn price_query(&self, query: &Query<'_>) -> Option<qopt::Bill> {
        let rows = |points: &[f64]| (points.len() / self.dimension().max(1)) as u64;
        let circuit = self.expectation.circuit();
        let bill = match query {
            Query::Point(request) => return Some(self.price(request)),
            Query::Values { points } => {
                self.backend.price(circuit, self.estimator.price_values(&self.expectation, rows(points)))
            }
            &Query::Partials { value, components, shots } => {
                let wanted = Partials { components, shots, values: value };
                let jobs = self.estimator.price_partials(&self.expectation, 1, &wanted, false)?;
                let jobs = jobs.into_iter().filter(|job| *job != Bill::ZERO);
                jobs.map(|job| self.backend.price(circuit, job)).sum()
            }
            Query::Fidelities { others } => self.fidelity()?.price(rows(others), &self.estimator, &self.backend),
            Query::AxisValues { points, .. } => {
                let free = &self.free_axes()?.expectation;
                self.backend.price(free.circuit(), self.estimator.price_values(free, rows(points)))
            }
            _ => return None,
        };
        Some(bill.into())
    }

    /// Several losses, or fidelities, are one job.
    fn evaluate_query(
        &mut self,
        theta: &[f64],
        query: &Query<'_>,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        if let Query::Point(request) = query {
            return self.evaluate(theta, request, streams, answer);
        }
        answer.clear();
        let mut rng = streams.rng(Role::Shots);
        let answered = match *query {
            Query::Values { points } => self.rows_of(points).and_then(|rows| {
                let measured = self.estimator.values(&self.expectation, &rows, &mut self.backend, &mut rng)?;
                take(measured, self.expectation.num_observables(), answer);
                Ok(())
            }),
            Query::Partials { value, components, shots } => {
                self.partials(theta, &Partials { components, shots, values: value }, &mut rng, answer)
            }
            Query::Fidelities { others } => self.fidelities(theta, others, &mut rng, answer),
            Query::AxisValues { points, axes } => self.axis_values(points, axes, &mut rng, answer),
            _ => return Err(ObjectiveError::Unsupported { what: query.name() }),
        };
        answered.map_err(|error| match error {
            Error::NoPartials | Error::NoAxis { .. } | Error::Width { .. } => {
                ObjectiveError::Unsupported { what: query.name() }
            }
            other => objective_error(other, &mut answer.bill),
        })
    }

    fn loss_scale(&self) -> f64 {
        self.expectation.measurement().observables().iter().map(qcore::PauliSum::one_norm).sum()
    }
}
