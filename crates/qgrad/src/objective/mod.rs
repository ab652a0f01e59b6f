//! Training with qopt and nothing else: expectation values as a [`qopt::Objective`].

use qopt::{Answer, Objective, ObjectiveError, Query, Request, Role, StepStreams};

use crate::{Backend, Bill, Error, Estimator, Expectation};

/// The sum of the observables of an [`Expectation`] as a loss over the parameters of [`Expectation::wrt`].
///
/// All other parameters of the circuit keep fixed values. A refusal of the backend is an ordinary end of the run.
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
        Ok(Self { expectation, estimator, backend, row })
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
        Ok(Self { expectation, estimator, backend, row: row.to_vec() })
    }

    /// The backend, for its ledger.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// What is estimated.
    pub fn expectation(&self) -> &Expectation {
        &self.expectation
    }
}

/// What a device would run for the full metric tensor of `parameters` parameters: four overlap circuits for each pair and one
/// for each diagonal entry (A. Mari, T. R. Bromley, N. Killoran, Phys. Rev. A 103, 012405 (2021), eqs. (38) and (40)).
#[must_use]
pub fn metric_bill(parameters: u64) -> Bill {
    Bill::job(2 * parameters * parameters.saturating_sub(1) + parameters, 0)
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
            bill += metric_bill(self.expectation.wrt().len() as u64);
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
        if theta.len() != self.dimension() {
            let (what, got, expected) = ("theta", theta.len(), self.dimension());
            return Err(objective_error(Error::Length { what, got, expected }, &mut answer.bill));
        }
        for (param, &value) in self.expectation.wrt().iter().zip(theta) {
            self.row[param.index()] = value;
        }
        let mut rng = streams.rng(Role::Shots);
        let Self { expectation, estimator, backend, row } = self;
        if request.value {
            let values = estimator.values(expectation, row, backend, &mut rng);
            let values = values.map_err(|error| objective_error(error, &mut answer.bill))?;
            answer.bill += values.bill.into();
            let sum = values.estimates.iter().fold((0.0, 0.0), |(value, variance), estimate| {
                (value + estimate.value, variance + estimate.std_error * estimate.std_error)
            });
            answer.value = Some(qopt::Estimate { value: sum.0, std_error: sum.1.sqrt() });
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
            answer.bill += metric_bill(theta.len() as u64).into();
        }
        Ok(())
    }

    fn price_query(&self, query: &Query<'_>) -> Option<qopt::Bill> {
        match query {
            Query::Point(request) => Some(self.price(request)),
            Query::Values { points } => {
                let rows = (points.len() / self.dimension().max(1)) as u64;
                let job = self.estimator.price_values(&self.expectation, rows);
                Some(self.backend.price(self.expectation.circuit(), job).into())
            }
            _ => None,
        }
    }

    /// Several losses are one job.
    fn evaluate_query(
        &mut self,
        theta: &[f64],
        query: &Query<'_>,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        let points = match query {
            Query::Point(request) => return self.evaluate(theta, request, streams, answer),
            Query::Values { points } => points,
            other => return Err(ObjectiveError::Unsupported { what: other.name() }),
        };
        answer.clear();
        let dimension = self.dimension().max(1);
        let mut rows = Vec::with_capacity(points.len() / dimension * self.row.len());
        for point in points.chunks_exact(dimension) {
            for (param, &value) in self.expectation.wrt().iter().zip(point) {
                self.row[param.index()] = value;
            }
            rows.extend_from_slice(&self.row);
        }
        let mut rng = streams.rng(Role::Shots);
        let values = self.estimator.values(&self.expectation, &rows, &mut self.backend, &mut rng);
        let values = values.map_err(|error| objective_error(error, &mut answer.bill))?;
        answer.bill = values.bill.into();
        answer.reusable = values.estimates.iter().all(|estimate| estimate.shots == 0);
        for row in values.estimates.chunks_exact(self.expectation.num_observables().max(1)) {
            let value = row.iter().map(|estimate| estimate.value).sum();
            let variance: f64 = row.iter().map(|estimate| estimate.std_error * estimate.std_error).sum();
            answer.values.push(qopt::Estimate { value, std_error: variance.sqrt() });
        }
        Ok(())
    }

    fn loss_scale(&self) -> f64 {
        self.expectation.measurement().observables().iter().map(qcore::PauliSum::one_norm).sum()
    }
}
