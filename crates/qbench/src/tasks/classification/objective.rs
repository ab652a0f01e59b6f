//! The loss of a classifier, exactly and from shots.

use qgrad::objective::objective_error;
use qgrad::{Backend, Bill, Cotangents, Estimate, Estimator, Expectation, Partials, Vjp};
use qopt::{Answer, Objective, ObjectiveError, Query, Request, Role, StepStreams};
use rand::{Rng, RngExt};

use crate::tasks::Trainable;

/// Numbers in the rows that are made at a time where values are exact, about: 8 MB.
pub(super) const NUMBERS: usize = 1 << 20;

/// Fewest points of which rows are made at a time: a simulator takes rows in groups, and few of them one by one.
const FEWEST_POINTS: usize = 64;

/// The mean squared error of a classifier on the minibatch of the step, or on all training data.
///
/// The minibatch comes from the role `Data`, so all queries of one step, a probe's candidate among them, see the same samples.
pub struct ClassificationObjective {
    pub(super) expectation: Expectation,
    pub(super) estimator: Box<dyn Estimator>,
    pub(super) backend: Box<dyn Backend>,
    pub(super) angles: Vec<Vec<f64>>,
    /// -1 or +1.
    pub(super) labels: Vec<f64>,
    pub(super) batch: Option<usize>,
    pub(super) all_data: bool,
    pub(super) chosen: Vec<usize>,
    pub(super) rows: Vec<f64>,
    /// Numbers in the rows that are made at a time where values are exact.
    pub(super) numbers: usize,
}

impl ClassificationObjective {
    fn samples_per_call(&self) -> usize {
        match self.batch {
            Some(batch) if !self.all_data => batch,
            _ => self.labels.len(),
        }
    }

    /// Chooses the samples of a step, without replacement, in the order of the draw.
    pub(super) fn choose(&mut self, streams: &StepStreams) {
        let (count, wanted) = (self.labels.len(), self.samples_per_call());
        self.chosen.clear();
        self.chosen.extend(0..count);
        if wanted < count {
            let mut rng = streams.rng(Role::Data);
            for place in 0..wanted {
                let other = rng.random_range(place..count);
                self.chosen.swap(place, other);
            }
            self.chosen.truncate(wanted);
        }
    }

    /// How many points the rows of the chosen samples are made for at a time. From shots all of them: they are one job with streams of its
    /// own. Where values are exact the simulator takes three samples or more of a point by themselves, so that the pieces do not matter; fewer
    /// share tables of all points, on which the last bits depend, and take little room.
    fn points_at_a_time(&self) -> usize {
        if self.chosen.len() < 3 || self.estimator.price_values(&self.expectation, 1).shots > 0 {
            return usize::MAX;
        }
        let width = self.expectation.circuit().parameters().len();
        (self.numbers / (width * self.chosen.len()).max(1)).max(FEWEST_POINTS)
    }

    /// The parameter rows of the samples of a step.
    fn choose_rows(&mut self, theta: &[f64], streams: &StepStreams) {
        self.choose(streams);
        self.rows.clear();
        for &sample in &self.chosen {
            self.rows.extend(self.angles[sample].iter().chain(theta));
        }
    }

    /// The gradient, or the components of it that are wanted, with the values that its weights `2 (f - y) / m` are made of.
    fn derivatives(&mut self, wanted: Option<&Partials<'_>>, rng: &mut dyn Rng) -> Result<Vjp, qgrad::Error> {
        let Self { expectation, estimator, backend, rows, labels, chosen, .. } = self;
        let samples = chosen.len() as f64;
        let mut weigh = |row: usize, values: &[Estimate], weights: &mut [Estimate]| {
            let value = &values[0];
            weights[0] = Estimate {
                value: 2.0 * (value.value - labels[chosen[row]]) / samples,
                std_error: 2.0 * value.std_error / samples,
                shots: value.shots,
            };
        };
        let cotangents = Cotangents::OfValues(&mut weigh);
        match wanted {
            None => estimator.vjp(expectation, rows, cotangents, backend, rng),
            Some(wanted) => estimator.partials(expectation, rows, wanted, cotangents, backend, rng),
        }
    }

    /// The loss from the values of the chosen samples, and whether it is a pure function of the point.
    fn loss_of(&self, values: &[Estimate]) -> (qopt::Estimate, bool) {
        let samples = self.chosen.len() as f64;
        let (mut sum, mut variance, mut shots) = (0.0, 0.0, 0_u64);
        for (value, &sample) in values.iter().zip(&self.chosen) {
            let (deviation, its_variance) = value.squared_deviation(self.labels[sample]);
            sum += deviation;
            variance += its_variance;
            shots = value.shots.saturating_add(shots);
        }
        let loss = qopt::Estimate { value: sum / samples, std_error: variance.sqrt() / samples };
        (loss, shots == 0 && self.chosen.len() == self.labels.len())
    }
}

impl Objective for ClassificationObjective {
    fn dimension(&self) -> usize {
        self.expectation.wrt().len()
    }

    fn price(&self, request: &Request) -> qopt::Bill {
        let samples = self.samples_per_call() as u64;
        let mut bill = Bill::ZERO;
        // A gradient needs the values too, as factors of the derivatives, and they serve the loss as well.
        if request.value || request.gradient {
            bill +=
                self.backend.price(self.expectation.circuit(), self.estimator.price_values(&self.expectation, samples));
        }
        if request.gradient {
            bill +=
                self.backend.price(self.expectation.circuit(), self.estimator.price_vjp(&self.expectation, samples));
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
            let error = qgrad::Error::NotASimulator { what: "the metric tensor of a data set" };
            return Err(objective_error(error, &mut answer.bill));
        }
        self.choose_rows(theta, streams);
        let mut rng = streams.rng(Role::Shots);
        let rng: &mut dyn Rng = &mut rng;
        let (values, bill) = if request.gradient {
            let vjp = self.derivatives(None, rng).map_err(|error| objective_error(error, &mut answer.bill))?;
            answer.gradient.extend_from_slice(&vjp.gradient);
            answer.gradient_std_errors.extend_from_slice(&vjp.std_errors);
            (vjp.values, vjp.bill)
        } else {
            let values = self.estimator.values(&self.expectation, &self.rows, &mut self.backend, rng);
            let values = values.map_err(|error| objective_error(error, &mut answer.bill))?;
            (values.estimates, values.bill)
        };
        answer.bill = bill.into();
        if request.value {
            let (loss, reusable) = self.loss_of(&values);
            (answer.value, answer.reusable) = (Some(loss), reusable);
        }
        Ok(())
    }

    fn price_query(&self, query: &Query<'_>) -> Option<qopt::Bill> {
        match *query {
            Query::Point(request) => Some(self.price(&request)),
            Query::Values { points } => {
                let rows = (points.len() / self.dimension().max(1) * self.samples_per_call()) as u64;
                let job = self.estimator.price_values(&self.expectation, rows);
                Some(self.backend.price(self.expectation.circuit(), job).into())
            }
            Query::Partials { value, components, shots } => {
                let (samples, wanted) = (self.samples_per_call() as u64, Partials { components, shots, values: value });
                let jobs = self.estimator.price_partials(&self.expectation, samples, &wanted, true)?;
                let jobs = jobs.into_iter().filter(|job| *job != Bill::ZERO);
                let bill: Bill = jobs.map(|job| self.backend.price(self.expectation.circuit(), job)).sum();
                Some(bill.into())
            }
            _ => None,
        }
    }

    /// Several losses are one job, on the same samples. For single derivatives the values of the samples, which their
    /// weights are made of, are measured in a job before, with the largest of the numbers of shots.
    fn evaluate_query(
        &mut self,
        theta: &[f64],
        query: &Query<'_>,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        match *query {
            Query::Point(request) => self.evaluate(theta, &request, streams, answer),
            Query::Partials { value, components, shots } => {
                answer.clear();
                self.choose_rows(theta, streams);
                let wanted = Partials { components, shots, values: value };
                let vjp = self.derivatives(Some(&wanted), &mut streams.rng(Role::Shots));
                let vjp = vjp.map_err(|error| objective_error(error, &mut answer.bill))?;
                answer.bill = vjp.bill.into();
                if value {
                    let (loss, reusable) = self.loss_of(&vjp.values);
                    (answer.value, answer.reusable) = (Some(loss), reusable);
                }
                answer.gradient.extend_from_slice(&vjp.gradient);
                answer.gradient_std_errors.extend_from_slice(&vjp.std_errors);
                Ok(())
            }
            Query::Values { points } => {
                answer.clear();
                self.choose(streams);
                answer.reusable = true;
                let dimension = self.dimension().max(1);
                let rng: &mut dyn Rng = &mut streams.rng(Role::Shots);
                let mut bill = Bill::ZERO;
                for some in parts(points, dimension, self.points_at_a_time()) {
                    self.rows.clear();
                    for point in some.chunks_exact(dimension) {
                        for &sample in &self.chosen {
                            self.rows.extend(self.angles[sample].iter().chain(point));
                        }
                    }
                    let values = self.estimator.values(&self.expectation, &self.rows, &mut self.backend, rng);
                    let values = values.map_err(|error| objective_error(error, &mut answer.bill))?;
                    // One job, however many pieces the simulation takes it in.
                    bill = Bill { jobs: values.bill.jobs, ..bill + values.bill };
                    for of_point in values.estimates.chunks_exact(self.chosen.len().max(1)) {
                        let (loss, reusable) = self.loss_of(of_point);
                        answer.values.push(loss);
                        answer.reusable &= reusable;
                    }
                }
                answer.bill = bill.into();
                Ok(())
            }
            ref other => Err(ObjectiveError::Unsupported { what: other.name() }),
        }
    }

    fn loss_scale(&self) -> f64 {
        4.0
    }
}

/// The points in pieces of so many, and of less than twice as many in the last one.
fn parts(points: &[f64], dimension: usize, at_a_time: usize) -> impl Iterator<Item = &[f64]> {
    let count = points.len() / dimension;
    let pieces = (count / at_a_time).max(1);
    (0..pieces).map(move |piece| {
        let end = if piece + 1 == pieces { count } else { (piece + 1) * at_a_time };
        &points[piece * at_a_time * dimension..end * dimension]
    })
}

impl Trainable for ClassificationObjective {
    fn use_all_data(&mut self, all: bool) {
        self.all_data = all;
    }
}
