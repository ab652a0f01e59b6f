//! The global cost on the product ansatz: a true plateau of any width, simulated by what is known of it.

use std::f64::consts::PI;

use qcore::Circuit;
use qgrad::{Backend, Bill};
use qopt::{Answer, Objective, ObjectiveError, Request, Role, StepStreams, Streams};
use rand_distr::{Binomial, Distribution};

use super::{Assessment, Instance, Readout, Task, Trainable};
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

    fn threshold(&self) -> f64 {
        0.5
    }

    fn instance(&self, streams: &Streams) -> Result<Box<dyn Instance>, Error> {
        let start = uniform_angles(self.qubits, &mut streams.at(0).rng(Role::Start));
        Ok(Box::new(Product { start }))
    }
}

struct Product {
    start: Vec<f64>,
}

/// The probability of `|0...0>`.
fn probability(theta: &[f64]) -> f64 {
    theta.iter().map(|angle| (angle / 2.0).cos().powi(2)).product()
}

impl Instance for Product {
    fn start(&self) -> &[f64] {
        &self.start
    }

    fn start_interval(&self) -> (f64, f64) {
        (0.0, 2.0 * PI)
    }

    fn objective(&self, readout: &Readout) -> Result<Box<dyn Trainable>, Error> {
        let (_, backend) = readout.reader()?;
        let circuit = ansatz::product(self.start.len())?;
        Ok(Box::new(ProductObjective { circuit, shots: readout.shots(), backend, shifted: Vec::new() }))
    }

    fn loss(&self, theta: &[f64]) -> Result<f64, Error> {
        Ok(1.0 - probability(theta))
    }

    fn assess(&self, theta: &[f64]) -> Result<Assessment, Error> {
        Ok(Assessment { loss: self.loss(theta)?, test_loss: None, accuracy: None, test_accuracy: None })
    }
}

/// The cost as an objective: parameter shift (two points per angle) on one measurement group.
struct ProductObjective {
    circuit: Circuit,
    /// Shots per circuit; `None` where values are exact.
    shots: Option<u64>,
    /// Prices the jobs; nothing is run on it.
    backend: Box<dyn Backend>,
    shifted: Vec<f64>,
}

impl ProductObjective {
    /// An estimate of the cost from `p` and its variance, by the rule of succession, which is never 0.
    fn measure<R: rand::Rng>(&self, p: f64, rng: &mut R) -> (f64, f64) {
        let Some(shots) = self.shots else { return (1.0 - p, 0.0) };
        // p is a product of squared cosines: a probability.
        let count = Binomial::new(shots, p).map_or(0, |counts| counts.sample(rng));
        let n = shots as f64;
        let q = (count as f64 + 1.0) / (n + 2.0);
        (1.0 - count as f64 / n, q * (1.0 - q) / n)
    }

    fn job(&self, circuits: u64) -> Bill {
        self.backend.price(&self.circuit, Bill::job(circuits, circuits * self.shots.unwrap_or(0)))
    }
}

impl Objective for ProductObjective {
    fn dimension(&self) -> usize {
        self.circuit.num_qubits()
    }

    fn price(&self, request: &Request) -> qopt::Bill {
        let mut bill = Bill::ZERO;
        if request.value {
            bill += self.job(1);
        }
        if request.gradient {
            bill += self.job(2 * self.circuit.num_qubits() as u64);
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
            return Err(qgrad::objective::objective_error(error, &mut answer.bill));
        }
        let mut rng = streams.rng(Role::Shots);
        if request.value {
            let (value, variance) = self.measure(probability(theta), &mut rng);
            answer.value = Some(qopt::Estimate { value, std_error: variance.sqrt() });
            answer.reusable = self.shots.is_none();
        }
        if request.gradient {
            self.shifted.clear();
            self.shifted.extend_from_slice(theta);
            for (qubit, &angle) in theta.iter().enumerate() {
                let mut side = |shift: f64, objective: &mut Self| {
                    objective.shifted[qubit] = angle + shift;
                    let p = probability(&objective.shifted);
                    objective.measure(p, &mut rng)
                };
                let (plus, minus) = (side(PI / 2.0, self), side(-PI / 2.0, self));
                self.shifted[qubit] = angle;
                answer.gradient.push(0.5 * (plus.0 - minus.0));
                answer.gradient_std_errors.push(0.5 * (plus.1 + minus.1).sqrt());
            }
        }
        answer.bill = self.price(request);
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

    /// Means and variances over 4000 repetitions, within 4 standard errors of the exact ones.
    #[test]
    fn counts_are_binomial() {
        let (theta, shots, repetitions) = ([0.7, 1.9, 0.4], 50_u64, 4000);
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
