//! The global cost on the product ansatz: a true plateau of any width, simulated by what is known of it.

use std::f64::consts::PI;

use qcore::{Circuit, Param};
use qgrad::objective::with_axes;
use qgrad::{Backend, Bill};
use qopt::{Answer, Axis, Objective, ObjectiveError, Query, Request, Role, StepStreams, Streams};
use rand_distr::{Binomial, Distribution};

use super::{Assessment, Instance, Readout, Task, Trainable};
use crate::applicability::Need;
use crate::plateau::{Cost, uniform_angles};
use crate::{Error, ansatz};

/// Widest register: far beyond what any optimizer leaves the plateau of.
const WIDEST: usize = qcore::MAX_QUBITS;

/// `C = 1 - p`, `p = prod cos^2(theta_i / 2)`: one minus the probability of `|0...0>` after one RY per qubit, from uniformly random
/// angles. The variance of a derivative is `(1/8)(3/8)^(n-1)`. Solved below 0.5.
///
/// The circuit factorizes, so no state is simulated: probabilities are exact at any width, counts are true binomial draws, and
/// jobs, circuits and shots are billed as for any other circuit.
#[derive(Clone, Debug)]
pub struct ProductPlateau {
    qubits: usize,
    name: String,
}

impl ProductPlateau {
    /// The task on `qubits` qubits.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] unless there are 1 to 48 qubits.
    pub fn new(qubits: usize) -> Result<Self, Error> {
        if !(1..=WIDEST).contains(&qubits) {
            return Err(Error::Range { what: "the number of qubits", value: qubits as f64, allowed: "1 to 48" });
        }
        Ok(Self { qubits, name: format!("product-{qubits}") })
    }
}

impl Task for ProductPlateau {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> String {
        format!(
            "global cost 1 - |<0|U|0>|^2 of one RY on each of {} qubits, uniformly random start; variance of a derivative {:.2e}",
            self.qubits,
            Cost::Global.gradient_variance(self.qubits)
        )
    }

    fn offers(&self, need: Need) -> bool {
        // Its state is known, its metric tensor is not worked out.
        need != Need::Metric
    }

    fn threshold(&self) -> f64 {
        0.5
    }

    fn instance(&self, streams: &Streams) -> Result<Box<dyn Instance>, Error> {
        let start = uniform_angles(self.qubits, &mut streams.at(0).rng(Role::Start));
        let axes = vec![Axis::Y; self.qubits];
        Ok(Box::new(Product { start, axes }))
    }
}

struct Product {
    start: Vec<f64>,
    axes: Vec<Axis>,
}

/// The factor of one qubit: the probability of 0 after a rotation from 0, which one about Z leaves there.
fn factor(angle: f64, axis: Axis) -> f64 {
    if axis == Axis::Z { 1.0 } else { (angle / 2.0).cos().powi(2) }
}

/// The probability of `|0...0>`.
fn probability(theta: &[f64], axes: &[Axis]) -> f64 {
    theta.iter().zip(axes).map(|(&angle, &axis)| factor(angle, axis)).product()
}

impl Instance for Product {
    fn start(&self) -> &[f64] {
        &self.start
    }

    fn start_interval(&self) -> (f64, f64) {
        (0.0, 2.0 * PI)
    }

    fn axes(&self) -> &[Axis] {
        &self.axes
    }

    fn with_axes(&self, axes: &[Axis]) -> Result<Box<dyn Instance>, Error> {
        let (got, expected) = (axes.len(), self.start.len());
        if got != expected {
            return Err(qgrad::Error::Length { what: "axes", got, expected }.into());
        }
        Ok(Box::new(Self { start: self.start.clone(), axes: axes.to_vec() }))
    }

    fn objective(&self, readout: &Readout) -> Result<Box<dyn Trainable>, Error> {
        let (_, backend) = readout.reader()?;
        let circuit = self.circuit()?;
        let overlap = self.overlap()?;
        let free = self.free_axes()?;
        let (shots, axes, shifted) = (readout.shots(), self.axes.clone(), Vec::new());
        Ok(Box::new(ProductObjective { circuit, overlap, free, axes, shots, backend, shifted }))
    }

    fn loss(&self, theta: &[f64]) -> Result<f64, Error> {
        Ok(1.0 - probability(theta, &self.axes))
    }

    fn assess(&self, theta: &[f64]) -> Result<Assessment, Error> {
        Ok(Assessment { loss: self.loss(theta)?, test_loss: None, accuracy: None, test_accuracy: None })
    }
}

impl Product {
    fn circuit(&self) -> Result<Circuit, Error> {
        let circuit = ansatz::product(self.start.len())?;
        let all: Vec<Param> = (0..self.start.len()).map(Param::new).collect();
        Ok(with_axes(&circuit, &all, &self.axes)?)
    }

    /// What a device would run for a fidelity, as far as its duration goes: the rotations and their inverses.
    fn overlap(&self) -> Result<Circuit, Error> {
        let mut both = self.circuit()?;
        for operation in both.inverse().operations() {
            both.push(operation.clone())?;
        }
        Ok(both)
    }

    /// What a device would run for a loss with chosen axes: three rotations in the place of each.
    fn free_axes(&self) -> Result<Circuit, Error> {
        let mut free = Circuit::new(self.start.len())?;
        for qubit in 0..self.start.len() {
            let [x, y, z] = ["x", "y", "z"].map(|axis| format!("{axis}{qubit}"));
            let (x, y, z) = (free.parameter(x)?, free.parameter(y)?, free.parameter(z)?);
            free.rx(qubit, x)?.ry(qubit, y)?.rz(qubit, z)?;
        }
        Ok(free)
    }
}

/// The cost as an objective: parameter shift (two points per angle) on one measurement group.
struct ProductObjective {
    circuit: Circuit,
    /// The circuits of fidelities and of losses with chosen axes; they are priced and never run.
    overlap: Circuit,
    free: Circuit,
    axes: Vec<Axis>,
    /// Shots per circuit; `None` where values are exact.
    shots: Option<u64>,
    /// Prices the jobs; nothing is run on it.
    backend: Box<dyn Backend>,
    shifted: Vec<f64>,
}

impl ProductObjective {
    /// How often the outcome of probability `p` occurs in so many shots, and the variance of the share, by the rule of succession,
    /// which is never 0.
    fn share<R: rand::Rng>(p: f64, shots: Option<u64>, rng: &mut R) -> (f64, f64) {
        let Some(shots) = shots else { return (p, 0.0) };
        // p is a product of squared cosines: a probability.
        let count = Binomial::new(shots, p).map_or(0, |counts| counts.sample(rng));
        let n = shots as f64;
        let q = (count as f64 + 1.0) / (n + 2.0);
        (count as f64 / n, q * (1.0 - q) / n)
    }

    /// An estimate of the cost from `p` and its variance.
    fn measure<R: rand::Rng>(p: f64, shots: Option<u64>, rng: &mut R) -> (f64, f64) {
        let (share, variance) = Self::share(p, shots, rng);
        (1.0 - share, variance)
    }

    /// The derivative by one angle and its variance: two circuits.
    fn derivative<R: rand::Rng>(&mut self, theta: &[f64], qubit: usize, shots: Option<u64>, rng: &mut R) -> (f64, f64) {
        self.shifted.clear();
        self.shifted.extend_from_slice(theta);
        let mut side = |shift: f64| {
            self.shifted[qubit] = theta[qubit] + shift;
            Self::measure(probability(&self.shifted, &self.axes), shots, rng)
        };
        let (plus, minus) = (side(PI / 2.0), side(-PI / 2.0));
        (0.5 * (plus.0 - minus.0), 0.25 * (plus.1 + minus.1))
    }

    fn job(&self, circuit: &Circuit, circuits: u64) -> Bill {
        let shots = circuits.saturating_mul(self.shots.unwrap_or(0));
        if circuits == 0 { Bill::ZERO } else { self.backend.price(circuit, Bill::job(circuits, shots)) }
    }

    fn take(&self, (value, variance): (f64, f64), answer: &mut Answer) {
        answer.value = Some(qopt::Estimate { value, std_error: variance.sqrt() });
        answer.reusable = self.shots.is_none();
    }

    /// The shots of each of these components, and the largest of them.
    fn shots_of(&self, shots: &[u64]) -> (impl Fn(usize) -> Option<u64> + use<>, Option<u64>) {
        let own = self.shots;
        let most = own.map(|own| shots.iter().copied().max().unwrap_or(own));
        let shots = shots.to_vec();
        (move |place: usize| own.map(|own| shots.get(place).copied().unwrap_or(own)), most)
    }
}

fn refusal(error: qgrad::Error, answer: &mut Answer) -> ObjectiveError {
    qgrad::objective::objective_error(error, &mut answer.bill)
}

impl Objective for ProductObjective {
    fn dimension(&self) -> usize {
        self.circuit.num_qubits()
    }

    fn price(&self, request: &Request) -> qopt::Bill {
        let mut bill = Bill::ZERO;
        if request.value {
            bill += self.job(&self.circuit, 1);
        }
        if request.gradient {
            bill += self.job(&self.circuit, 2 * self.circuit.num_qubits() as u64);
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
        if request.metric {
            let error = qgrad::Error::NotASimulator { what: "the metric tensor of a product ansatz" };
            return Err(refusal(error, answer));
        }
        let mut rng = streams.rng(Role::Shots);
        if request.value {
            let measured = Self::measure(probability(theta, &self.axes), self.shots, &mut rng);
            self.take(measured, answer);
        }
        if request.gradient {
            for qubit in 0..theta.len() {
                let (slope, variance) = self.derivative(theta, qubit, self.shots, &mut rng);
                answer.gradient.push(slope);
                answer.gradient_std_errors.push(variance.sqrt());
            }
        }
        answer.bill = self.price(request);
        Ok(())
    }

    fn price_query(&self, query: &Query<'_>) -> Option<qopt::Bill> {
        let count = |points: &[f64]| (points.len() / self.dimension()) as u64;
        let bill = match *query {
            Query::Point(request) => return Some(self.price(&request)),
            Query::Values { points } => self.job(&self.circuit, count(points)),
            Query::Partials { value, components, shots } => {
                let (of, most) = self.shots_of(shots);
                let each = (0..components.len()).map(|place| 2 * of(place).unwrap_or(0)).sum::<u64>();
                let all = each.saturating_add(most.filter(|_| value).unwrap_or(0));
                let circuits = 2 * components.len() as u64 + u64::from(value);
                if circuits == 0 { Bill::ZERO } else { self.backend.price(&self.circuit, Bill::job(circuits, all)) }
            }
            Query::Fidelities { others } => self.job(&self.overlap, count(others)),
            Query::AxisValues { points, .. } => self.job(&self.free, count(points)),
            _ => return None,
        };
        Some(bill.into())
    }

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
        let (dimension, shots) = (self.dimension(), self.shots);
        let mut rng = streams.rng(Role::Shots);
        let estimate = |(value, variance): (f64, f64)| qopt::Estimate { value, std_error: f64::sqrt(variance) };
        match *query {
            Query::Values { points } => {
                let losses = points.chunks_exact(dimension).map(|point| probability(point, &self.axes));
                answer.values.extend(losses.map(|p| estimate(Self::measure(p, shots, &mut rng))));
                answer.reusable = shots.is_none();
            }
            Query::Partials { value, components, shots } => {
                if let Some(&index) = components.iter().find(|&&component| component >= dimension) {
                    let error = qgrad::Error::Index { what: "component", index, count: dimension };
                    return Err(refusal(error, answer));
                }
                if !shots.is_empty() && shots.len() != components.len() {
                    let (got, expected) = (shots.len(), components.len());
                    return Err(refusal(
                        qgrad::Error::Length { what: "the shots of components", got, expected },
                        answer,
                    ));
                }
                let (of, most) = self.shots_of(shots);
                if value {
                    let measured = Self::measure(probability(theta, &self.axes), most, &mut rng);
                    self.take(measured, answer);
                }
                for (place, &qubit) in components.iter().enumerate() {
                    let (slope, variance) = self.derivative(theta, qubit, of(place), &mut rng);
                    answer.gradient.push(slope);
                    answer.gradient_std_errors.push(variance.sqrt());
                }
            }
            Query::Fidelities { others } => {
                for other in others.chunks_exact(dimension) {
                    // About Z nothing is turned that has an effect on 0.
                    let turned = theta.iter().zip(other).zip(&self.axes);
                    let fidelity = turned.map(|((a, b), &axis)| factor(a - b, axis)).product();
                    answer.values.push(estimate(Self::share(fidelity, shots, &mut rng)));
                }
                answer.reusable = shots.is_none();
            }
            Query::AxisValues { points, axes } => {
                if axes.len() != points.len() {
                    let (got, expected) = (axes.len(), points.len());
                    return Err(refusal(qgrad::Error::Length { what: "axes", got, expected }, answer));
                }
                let places = points.chunks_exact(dimension).zip(axes.chunks_exact(dimension));
                let losses = places.map(|(point, axes)| probability(point, axes));
                answer.values.extend(losses.map(|p| estimate(Self::measure(p, shots, &mut rng))));
                answer.reusable = shots.is_none();
            }
            _ => return Err(ObjectiveError::Unsupported { what: query.name() }),
        }
        answer.bill = self.price_query(query).expect("it has just been answered");
        Ok(())
    }

    fn loss_scale(&self) -> f64 {
        1.0
    }
}

impl Trainable for ProductObjective {}

#[cfg(test)]
mod tests {
    use super::*;
    use qgrad::objective::ExpectationObjective;
    use qgrad::{Adjoint, Estimator, ParameterShift, Shots, StateVectorBackend};

    fn answer_of(qubits: usize, readout: &Readout, theta: &[f64], step: u64) -> (Answer, qopt::Bill) {
        let task = ProductPlateau::new(qubits).expect("valid");
        let instance = task.instance(&Streams::new(1, 1)).expect("valid");
        let mut objective = instance.objective(readout).expect("valid");
        let (mut answer, streams) = (Answer::default(), Streams::new(3, 4).at(step));
        objective.evaluate(theta, &Request::VALUE_AND_GRADIENT, &streams, &mut answer).expect("runs");
        let price = objective.price(&Request::VALUE_AND_GRADIENT);
        (answer, price)
    }

    /// Exact values, gradients and bills equal those of the state vector for n up to 10.
    #[test]
    fn the_factorized_form_equals_the_state_vector() {
        for qubits in 1..=10 {
            let theta = uniform_angles(qubits, &mut Streams::new(7, qubits as u128).at(0).rng(Role::Start));
            let mut rng = Streams::new(0, 0).at(0).rng(Role::Shots);
            for (readout, shots) in [(Readout::Exact, None), (Readout::Shots { shots: 100 }, Some(100))] {
                let (found, price) = answer_of(qubits, &readout, &theta, 0);
                let expectation = Cost::Global.expectation(qubits).expect("small");
                let estimator: Box<dyn Estimator> = match shots {
                    None => Box::new(Adjoint),
                    Some(shots) => Box::new(ParameterShift { shots: Shots::PerCircuit(shots) }),
                };
                let mut backend = StateVectorBackend::new();
                let value = estimator.values(&expectation, &theta, &mut backend, &mut rng).expect("runs");
                let vjp = estimator.gradient(&expectation, &theta, &mut backend, &mut rng).expect("runs");
                assert_eq!(found.bill, (value.bill + vjp.bill).into(), "n = {qubits}, {readout}");
                assert_eq!(found.bill, price);
                if shots.is_none() {
                    assert!((found.value.expect("asked").value - value.estimates[0].value).abs() < 1e-14);
                    for (ours, theirs) in found.gradient.iter().zip(&vjp.gradient) {
                        assert!((ours - theirs).abs() < 1e-14, "n = {qubits}");
                    }
                }
            }
        }
    }

    /// Every query has the numbers and the bill of the general objective on the state vector: exactly, and from shots the same bill and
    /// a scatter about the same numbers within 5 standard errors.
    #[test]
    fn queries_equal_those_of_the_state_vector() {
        let qubits = 3;
        let theta = [0.7, 1.9, -0.4];
        let points = [0.7, 1.9, -0.4, 0.1, 0.2, 0.3];
        let axes = [Axis::X, Axis::Z, Axis::Y, Axis::Z, Axis::Y, Axis::X];
        let queries = [
            Query::Values { points: &points },
            Query::Partials { value: true, components: &[2, 0], shots: &[] },
            Query::Partials { value: false, components: &[1], shots: &[70] },
            Query::Partials { value: true, components: &[1, 2], shots: &[70, 300] },
            Query::Fidelities { others: &points },
            Query::AxisValues { points: &points, axes: &axes },
        ];
        let task = ProductPlateau::new(qubits).expect("valid");
        let instance = task.instance(&Streams::new(1, 1)).expect("valid");
        let step = Streams::new(3, 4).at(0);
        for (readout, shots) in
            [(Readout::Exact, qgrad::Shots::Exact), (Readout::Shots { shots: 2000 }, qgrad::Shots::PerCircuit(2000))]
        {
            let expectation = Cost::Global.expectation(qubits).expect("small");
            let exact = ParameterShift { shots: qgrad::Shots::Exact };
            let mut reference =
                ExpectationObjective::new(expectation.clone(), exact, StateVectorBackend::new()).expect("valid");
            let other = ParameterShift { shots };
            let mut billed = ExpectationObjective::new(expectation, other, StateVectorBackend::new()).expect("valid");
            let mut objective = instance.objective(&readout).expect("valid");
            let (mut ours, mut theirs, mut general) = (Answer::default(), Answer::default(), Answer::default());
            for query in &queries {
                objective.evaluate_query(&theta, query, &step, &mut ours).expect("answered");
                reference.evaluate_query(&theta, query, &step, &mut theirs).expect("answered");
                billed.evaluate_query(&theta, query, &step, &mut general).expect("answered");
                assert_eq!((ours.bill, Some(ours.bill)), (general.bill, objective.price_query(query)), "{query:?}");
                assert_eq!(ours.value.is_some(), theirs.value.is_some());
                let near = |found: f64, error: f64, expected: f64| {
                    assert!((found - expected).abs() <= 1e-13 + 5.0 * error, "{query:?}: {found}, {expected}");
                    assert_eq!(error > 0.0, readout.is_noisy());
                };
                for (a, b) in ours.value.iter().chain(&ours.values).zip(theirs.value.iter().chain(&theirs.values)) {
                    near(a.value, a.std_error, b.value);
                }
                for ((a, error), b) in ours.gradient.iter().zip(&ours.gradient_std_errors).zip(&theirs.gradient) {
                    near(*a, *error, *b);
                }
                assert_eq!((ours.values.len(), ours.gradient.len()), (theirs.values.len(), theirs.gradient.len()));
            }
        }
    }

    /// Means and variances over 4000 repetitions, within 4 standard errors of the exact ones.
    #[test]
    fn counts_are_binomial() {
        let (theta, shots, repetitions) = ([0.7, 1.9, 0.4], 50_u64, 4000);
        let probability = |theta: &[f64]| probability(theta, &[Axis::Y; 3]);
        let p = probability(&theta);
        let (plus, minus) = (probability(&[0.7 + PI / 2.0, 1.9, 0.4]), probability(&[0.7 - PI / 2.0, 1.9, 0.4]));
        let (mut values, mut slopes) = (Vec::new(), Vec::new());
        for step in 0..repetitions {
            let (answer, _) = answer_of(3, &Readout::Shots { shots }, &theta, step);
            values.push(answer.value.expect("asked").value);
            slopes.push(answer.gradient[0]);
        }
        let n = repetitions as f64;
        let bernoulli = |p: f64| p * (1.0 - p) / shots as f64;
        let slope_variance = (bernoulli(plus) + bernoulli(minus)) / 4.0;
        for (sample, mean, variance) in
            [(&values, 1.0 - p, bernoulli(p)), (&slopes, 0.5 * (minus - plus), slope_variance)]
        {
            let found = sample.iter().sum::<f64>() / n;
            assert!((found - mean).abs() < 4.0 * (variance / n).sqrt(), "mean {found}, expected {mean}");
            let scatter = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            assert!((scatter / variance - 1.0).abs() < 4.0 * (2.5 / n).sqrt(), "variance ratio {}", scatter / variance);
        }
    }

    #[test]
    fn impossible_widths_are_refused() {
        assert!(ProductPlateau::new(0).is_err() && ProductPlateau::new(49).is_err());
    }
}
