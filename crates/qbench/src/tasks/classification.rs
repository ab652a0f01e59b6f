//! Binary classification with a data-encoding circuit.

use std::f64::consts::PI;

use qcore::{Circuit, PauliSum};
use qgrad::objective::objective_error;
use qgrad::{Backend, Bill, Cotangents, Estimate, Estimator, Expectation, Partials, Vjp};
use qopt::{Answer, Objective, ObjectiveError, Query, Request, Role, StepStreams, Streams};
use rand::{Rng, RngExt};

use super::{Assessment, Instance, Readout, Task, Trainable};
use crate::Error;
use crate::applicability::Need;
use crate::classical::{LogisticRegression, MajorityClass, Scores};
use crate::data::{AnglePipeline, Dataset};
use crate::plateau::uniform_angles;

/// Penalty of the logistic regression that stands beside the circuit.
const LOGISTIC_PENALTY: f64 = 1.0;

/// What the circuit's answer is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// `<Z_0>`: a local observable.
    #[default]
    Local,
    /// `<Z_0 Z_1 ... Z_{n-1}>`: the parity of all qubits, a global observable.
    Parity,
}

/// A two-class data set learned by a quantum neural network.
///
/// Features are standardized, projected on as many principal components as there are qubits (all, if there are fewer), and scaled
/// to angles in `[0, pi]`, all fitted on the training part. The circuit encodes them by one RY per qubit, over and over where there
/// are more qubits than features; then come `layers` layers of RZ and RY on
/// every qubit and CZ on the ring of qubits, and an RY on qubit 0. The output is `f = <Z_0>`, or the parity, the label `y = -1` or `+1`, the
/// loss the mean of `(f - y)^2` over the samples, which lies in `[0, 4]`.
///
/// From shots the squared deviation of a sample is corrected for the noise of its own `f`: `(f - y)^2 - se(f)^2` is unbiased up
/// to the rule of succession in `se`. Its variance is taken as `4 (f - y)^2 se^2 + 2 se^4`. The standard error of a minibatch's
/// loss is that of the shots for these samples: right for comparing two points on one minibatch (a probe), too small for
/// comparing the losses of two steps, which differ by their samples too (a stall test, the best-tracked point).
#[derive(Clone, Debug)]
pub struct Classification {
    name: String,
    data: Dataset,
    qubits: usize,
    layers: usize,
    train_size: usize,
    batch: usize,
    output: Output,
}

impl Classification {
    /// A task on a data set with two classes: `train_size` samples (stratified) for training, the others for the test, `batch`
    /// samples per step where the readout is noisy (all where it is exact).
    ///
    /// # Errors
    ///
    /// [`Error::Range`] unless `1 <= batch <= train_size < data.len()`, there are two classes, and at least 2 qubits.
    pub fn new(
        name: impl Into<String>,
        data: Dataset,
        qubits: usize,
        layers: usize,
        train_size: usize,
        batch: usize,
    ) -> Result<Self, Error> {
        let check = |what, value: usize, ok: bool, allowed| {
            if ok { Ok(()) } else { Err(Error::Range { what, value: value as f64, allowed }) }
        };
        check("the number of classes", data.class_count(), data.class_count() == 2, "2")?;
        check("the number of qubits", qubits, qubits >= 2, "at least 2")?;
        check("the number of layers", layers, layers >= 1, "at least 1")?;
        check("the training size", train_size, train_size < data.len(), "less than the number of samples")?;
        check("the batch size", batch, (1..=train_size).contains(&batch), "1 to the training size")?;
        Ok(Self { name: name.into(), data, qubits, layers, train_size, batch, output: Output::Local })
    }

    /// Versicolor against virginica, the two species of iris that no line separates: 4 qubits, 3 layers, 60 of 100 samples for
    /// training, batches of 8.
    ///
    /// # Errors
    ///
    /// None for the shipped data; the signature is that of [`Classification::new`].
    pub fn iris() -> Result<Self, Error> {
        let iris = Dataset::iris();
        let class = |name| iris.class(name).expect("the shipped file has this species");
        let data = iris.binary(class("versicolor"), class("virginica"))?;
        Self::new("iris", data, 4, 3, 60, 8)
    }

    /// Malignant against benign tumours: 4 principal components on 4 qubits, 3 layers, 64 of 569 samples for training, batches
    /// of 8.
    ///
    /// # Errors
    ///
    /// None for the shipped data; the signature is that of [`Classification::new`].
    pub fn breast_cancer() -> Result<Self, Error> {
        Self::new("breast-cancer", Dataset::breast_cancer(), 4, 3, 64, 8)
    }

    /// Two interleaved half moons with noise 0.15, made by [`Dataset::moons`] from a fixed seed: 4 qubits that see each of the two
    /// features twice, 3 layers, 60 of 200 samples for training, batches of 8.
    ///
    /// # Errors
    ///
    /// None for these arguments; the signature is that of [`Classification::new`].
    pub fn moons() -> Result<Self, Error> {
        Self::new("moons", Dataset::moons(200, 0.15, 2025)?, 4, 3, 60, 8)
    }

    /// Rain against sun in Seattle, from the day of the year, two temperatures and the wind: 4 qubits, 3 layers, 64 of 973 days
    /// for training, batches of 8. The amount of rain, which nearly decides the label, is left out.
    ///
    /// # Errors
    ///
    /// None for the shipped data; the signature is that of [`Classification::new`].
    pub fn seattle_weather() -> Result<Self, Error> {
        let weather = Dataset::seattle_weather();
        let class = |name| weather.class(name).expect("the shipped file has this weather");
        let data = weather.binary(class("rain"), class("sun"))?.without("precipitation_mm")?;
        Self::new("seattle-weather", data, 4, 3, 64, 8)
    }

    /// The same task read out by the parity of all qubits; its name gets `-parity`.
    #[must_use]
    pub fn with_parity(mut self) -> Self {
        self.output = Output::Parity;
        self.name.push_str("-parity");
        self
    }

    /// The same task on other sizes; those that are `None` stay.
    ///
    /// # Errors
    ///
    /// As [`Classification::new`].
    pub fn resized(self, qubits: Option<usize>, layers: Option<usize>, batch: Option<usize>) -> Result<Self, Error> {
        let Self { name, data, train_size, output, .. } = self;
        let (qubits, layers) = (qubits.unwrap_or(self.qubits), layers.unwrap_or(self.layers));
        let new = Self::new(name, data, qubits, layers, train_size, batch.unwrap_or(self.batch))?;
        Ok(Self { output, ..new })
    }

    /// Samples of a step where the readout is noisy.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Trainable parameters.
    #[must_use]
    pub fn num_parameters(&self) -> usize {
        2 * self.qubits * self.layers + 1
    }

    /// The circuit; its parameters are the data angles, then the trainable ones.
    ///
    /// # Errors
    ///
    /// [`Error::Circuit`] for an impossible register.
    pub fn circuit(&self) -> Result<Circuit, Error> {
        let mut circuit = Circuit::new(self.qubits)?;
        let data = circuit.parameters_named("x", self.qubits)?;
        let trained = circuit.parameters_named("t", self.num_parameters())?;
        for (qubit, angle) in data.into_iter().enumerate() {
            circuit.ry(qubit, angle)?;
        }
        let (last, layers) = trained.split_last().expect("there is at least one trainable parameter");
        for layer in layers.chunks_exact(2 * self.qubits) {
            for (qubit, angles) in layer.chunks_exact(2).enumerate() {
                circuit.rz(qubit, angles[0])?.ry(qubit, angles[1])?;
            }
            // Two qubits have one bond, not two that cancel.
            for qubit in 0..if self.qubits == 2 { 1 } else { self.qubits } {
                circuit.cz(qubit, (qubit + 1) % self.qubits)?;
            }
        }
        circuit.ry(0, *last)?;
        Ok(circuit)
    }
}

impl Task for Classification {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> String {
        let classes = self.data.label_names();
        format!(
            "{} against {}: {} training and {} test samples, {} qubits, {} layers, {} parameters{}; batches of {} from shots, all training \
             samples where values are exact",
            classes[0],
            classes[1],
            self.train_size,
            self.data.len() - self.train_size,
            self.qubits,
            self.layers,
            self.num_parameters(),
            if self.output == Output::Parity { ", read out by the parity of all qubits" } else { "" },
            self.batch
        )
    }

    fn offers(&self, need: Need) -> bool {
        matches!(need, Need::Partials | Need::Shots)
    }

    fn threshold(&self) -> f64 {
        // Half the loss of the answer that never decides.
        0.5
    }

    fn instance(&self, streams: &Streams) -> Result<Box<dyn Instance>, Error> {
        Ok(Box::new(self.fitted(streams)?))
    }
}

impl Classification {
    /// The task with its training samples dealt out to `shards` holders, class by class, each in turn: what the devices of a fleet
    /// have. The split and the start are those of [`Task::instance`].
    ///
    /// # Errors
    ///
    /// As [`Task::instance`]; [`Error::Range`] unless every holder gets a sample.
    pub fn sharded(&self, streams: &Streams, shards: usize) -> Result<Sharded, Error> {
        let fitted = self.fitted(streams)?;
        let samples = fitted.train.labels.len();
        if !(1..=samples).contains(&shards) {
            let (what, value) = ("the number of shards", shards as f64);
            return Err(Error::Range { what, value, allowed: "1 to the training size" });
        }
        let mut dealt = vec![Vec::new(); shards];
        let mut order: Vec<usize> = (0..samples).collect();
        order.sort_by_key(|&sample| fitted.train.labels[sample]);
        for (turn, sample) in order.into_iter().enumerate() {
            dealt[turn % shards].push(sample);
        }
        let shards = dealt.iter().map(|shard| fitted.train.only(shard)).collect();
        Ok(Sharded { fitted, shards })
    }

    fn fitted(&self, streams: &Streams) -> Result<Fitted, Error> {
        let fraction = 1.0 - self.train_size as f64 / self.data.len() as f64;
        let split = self.data.split(fraction, &mut streams.at(0).rng(Role::Split))?;
        let train_rows = self.data.rows(&split.train);
        let pipeline = AnglePipeline::fit(&train_rows, Some(self.qubits.min(self.data.feature_count())))?;
        let part = |indices: &[usize]| -> Result<Samples, Error> {
            let rows = self.data.rows(indices);
            let spread = |angles: Vec<f64>| angles.iter().copied().cycle().take(self.qubits).collect();
            let angles = rows
                .iter()
                .map(|row| Ok(spread(pipeline.transform(row)?)))
                .collect::<Result<Vec<Vec<f64>>, Error>>()?;
            let standardized = rows
                .iter()
                .map(|row| Ok(pipeline.standardizer().transform(row)?))
                .collect::<Result<Vec<_>, Error>>()?;
            Ok(Samples { angles, standardized, labels: self.data.labels_of(indices) })
        };
        let circuit = self.circuit()?;
        let trained: Vec<_> = (self.qubits..circuit.parameters().len()).map(qcore::Param::new).collect();
        let read: Vec<usize> = match self.output {
            Output::Local => vec![0],
            Output::Parity => (0..self.qubits).collect(),
        };
        let readout = PauliSum::single(qcore::PauliString::z_on(&read)?);
        let expectation = Expectation::new(&circuit, vec![readout], &trained)?;
        let start = uniform_angles(trained.len(), &mut streams.at(0).rng(Role::Start));
        let (train, test) = (part(&split.train)?, part(&split.test)?);
        Ok(Fitted { expectation, train, test, start, batch: self.batch })
    }
}

#[derive(Clone)]
struct Samples {
    angles: Vec<Vec<f64>>,
    standardized: Vec<Vec<f64>>,
    labels: Vec<usize>,
}

impl Samples {
    fn only(&self, samples: &[usize]) -> Self {
        let of = |rows: &[Vec<f64>]| samples.iter().map(|&sample| rows[sample].clone()).collect();
        Self {
            angles: of(&self.angles),
            standardized: of(&self.standardized),
            labels: samples.iter().map(|&sample| self.labels[sample]).collect(),
        }
    }
}

/// A classification whose training samples are dealt out, see [`Classification::sharded`].
pub struct Sharded {
    fitted: Fitted,
    shards: Vec<Samples>,
}

impl Sharded {
    /// The number of shards.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is at least one shard")]
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// The starting point.
    #[must_use]
    pub fn start(&self) -> &[f64] {
        &self.fitted.start
    }

    /// The exact loss and figures of merit on all data, from the simulator and outside any budget.
    ///
    /// # Errors
    ///
    /// [`Error::Gradient`] for a point of the wrong length.
    pub fn assess(&self, theta: &[f64]) -> Result<Assessment, Error> {
        self.fitted.assess(theta)
    }

    /// The mean squared error on the samples of a shard, in minibatches of the task where that has more.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    #[must_use]
    pub fn objective(
        &self,
        shard: usize,
        estimator: Box<dyn Estimator>,
        backend: Box<dyn Backend>,
    ) -> ClassificationObjective {
        let samples = &self.shards[shard];
        self.fitted.objective_on(samples, Some(self.fitted.batch.min(samples.labels.len())), estimator, backend)
    }
}

struct Fitted {
    expectation: Expectation,
    train: Samples,
    test: Samples,
    start: Vec<f64>,
    batch: usize,
}

impl Fitted {
    fn objective_on(
        &self,
        samples: &Samples,
        batch: Option<usize>,
        estimator: Box<dyn Estimator>,
        backend: Box<dyn Backend>,
    ) -> ClassificationObjective {
        ClassificationObjective {
            expectation: self.expectation.clone(),
            estimator,
            backend,
            angles: samples.angles.clone(),
            labels: samples.labels.iter().map(|&label| 2.0 * label as f64 - 1.0).collect(),
            batch,
            all_data: false,
            chosen: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Scores of the circuit on some samples, exactly.
    fn scores(&self, samples: &Samples, theta: &[f64]) -> Result<Scores, Error> {
        let (estimator, mut backend) = Readout::Exact.reader()?;
        let rows: Vec<f64> = samples.angles.iter().flat_map(|angles| angles.iter().chain(theta)).copied().collect();
        // Exact values read nothing from the stream.
        let mut rng = Streams::new(0, 0).at(0).rng(Role::Evaluation);
        let values = estimator.values(&self.expectation, &rows, &mut backend, &mut rng)?;
        // Rounding may leave the interval by a bit.
        let probabilities: Vec<f64> =
            values.estimates.iter().map(|estimate| (0.5 * (1.0 + estimate.value)).clamp(0.0, 1.0)).collect();
        Ok(Scores::new(&probabilities, &samples.labels)?)
    }
}

fn assessment(train: Scores, test: Scores) -> Assessment {
    Assessment {
        loss: train.squared_loss,
        test_loss: Some(test.squared_loss),
        accuracy: Some(train.accuracy),
        test_accuracy: Some(test.accuracy),
    }
}

impl Instance for Fitted {
    fn start(&self) -> &[f64] {
        &self.start
    }

    fn start_interval(&self) -> (f64, f64) {
        (0.0, 2.0 * PI)
    }

    fn objective(&self, readout: &Readout) -> Result<Box<dyn Trainable>, Error> {
        let (estimator, backend) = readout.reader()?;
        let batch = readout.is_noisy().then_some(self.batch);
        Ok(Box::new(self.objective_on(&self.train, batch, estimator, backend)))
    }

    fn loss(&self, theta: &[f64]) -> Result<f64, Error> {
        Ok(self.scores(&self.train, theta)?.squared_loss)
    }

    fn assess(&self, theta: &[f64]) -> Result<Assessment, Error> {
        Ok(assessment(self.scores(&self.train, theta)?, self.scores(&self.test, theta)?))
    }

    fn baselines(&self) -> Result<Vec<(&'static str, Assessment)>, Error> {
        let majority = MajorityClass::fit(&self.train.labels)?;
        let train: Vec<&[f64]> = self.train.standardized.iter().map(Vec::as_slice).collect();
        let test: Vec<&[f64]> = self.test.standardized.iter().map(Vec::as_slice).collect();
        let logistic = LogisticRegression::fit(&train, &self.train.labels, LOGISTIC_PENALTY)?;
        Ok(vec![
            ("majority-class", assessment(majority.scores(&self.train.labels)?, majority.scores(&self.test.labels)?)),
            (
                "logistic-regression",
                assessment(logistic.scores(&train, &self.train.labels)?, logistic.scores(&test, &self.test.labels)?),
            ),
        ])
    }
}

/// The mean squared error of a classifier on the minibatch of the step, or on all training data.
///
/// The minibatch comes from the role `Data`, so all queries of one step, a probe's candidate among them, see the same samples.
pub struct ClassificationObjective {
    expectation: Expectation,
    estimator: Box<dyn Estimator>,
    backend: Box<dyn Backend>,
    angles: Vec<Vec<f64>>,
    /// -1 or +1.
    labels: Vec<f64>,
    batch: Option<usize>,
    all_data: bool,
    chosen: Vec<usize>,
    rows: Vec<f64>,
}

impl ClassificationObjective {
    fn samples_per_call(&self) -> usize {
        match self.batch {
            Some(batch) if !self.all_data => batch,
            _ => self.labels.len(),
        }
    }

    /// Chooses the samples of a step, without replacement, in the order of the draw.
    fn choose(&mut self, streams: &StepStreams) {
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
        let (mut sum, mut variance, mut shots) = (0.0, 0.0, 0);
        for (value, &sample) in values.iter().zip(&self.chosen) {
            let (deviation, its_variance) = value.squared_deviation(self.labels[sample]);
            sum += deviation;
            variance += its_variance;
            shots += value.shots;
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
                self.rows.clear();
                for point in points.chunks_exact(self.dimension().max(1)) {
                    for &sample in &self.chosen {
                        self.rows.extend(self.angles[sample].iter().chain(point));
                    }
                }
                let rng: &mut dyn Rng = &mut streams.rng(Role::Shots);
                let values = self.estimator.values(&self.expectation, &self.rows, &mut self.backend, rng);
                let values = values.map_err(|error| objective_error(error, &mut answer.bill))?;
                answer.bill = values.bill.into();
                answer.reusable = true;
                for of_point in values.estimates.chunks_exact(self.chosen.len().max(1)) {
                    let (loss, reusable) = self.loss_of(of_point);
                    answer.values.push(loss);
                    answer.reusable &= reusable;
                }
                Ok(())
            }
            ref other => Err(ObjectiveError::Unsupported { what: other.name() }),
        }
    }

    fn loss_scale(&self) -> f64 {
        4.0
    }
}

impl Trainable for ClassificationObjective {
    fn use_all_data(&mut self, all: bool) {
        self.all_data = all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> Streams {
        Streams::new(2511, 3)
    }

    #[test]
    fn the_exact_objective_is_the_assessed_loss_and_its_gradient() {
        let task = Classification::iris().expect("shipped data");
        let instance = task.instance(&streams()).expect("valid");
        let mut objective = instance.objective(&Readout::Exact).expect("valid");
        let theta = instance.start().to_vec();
        let mut answer = Answer::default();
        let step = streams().at(0);
        objective.evaluate(&theta, &Request::VALUE_AND_GRADIENT, &step, &mut answer).expect("runs");
        let loss = answer.value.expect("asked for").value;
        assert!((loss - instance.assess(&theta).expect("valid").loss).abs() < 1e-12);
        assert!(answer.reusable);
        for k in [0, 7, theta.len() - 1] {
            let moved = |by: f64| {
                let mut point = theta.clone();
                point[k] += by;
                instance.assess(&point).expect("valid").loss
            };
            let h = 1e-4;
            let numeric = (moved(h) - moved(-h)) / (2.0 * h);
            assert!((answer.gradient[k] - numeric).abs() < 1e-7, "component {k}");
        }
    }

    /// Counts what arrives, circuit by circuit and shot by shot.
    struct Counting {
        inner: qgrad::StateVectorBackend,
        bill: std::sync::Arc<std::sync::Mutex<Bill>>,
    }

    impl Backend for Counting {
        fn run(&mut self, job: &qgrad::Job<'_>, rng: &mut dyn Rng) -> Result<qgrad::JobResult, qgrad::Error> {
            let groups = job.measurement.groups().len();
            let shots = (0..job.points.len() * groups).map(|circuit| match job.shots {
                qgrad::JobShots::Exact => 0,
                qgrad::JobShots::Each(shots) => shots,
                qgrad::JobShots::PerCircuit(shots) => shots[circuit],
            });
            *self.bill.lock().expect("one thread") += Bill::job((job.points.len() * groups) as u64, shots.sum());
            self.inner.run(job, rng)
        }
    }

    fn counted(shots: qgrad::Shots, batch: Option<usize>) -> (ClassificationObjective, impl Fn() -> Bill, Vec<f64>) {
        let task = Classification::iris().expect("shipped data");
        let circuit = task.circuit().expect("valid");
        let trained: Vec<_> = (4..circuit.parameters().len()).map(qcore::Param::new).collect();
        let bill = std::sync::Arc::new(std::sync::Mutex::new(Bill::ZERO));
        let backend = Counting { inner: qgrad::StateVectorBackend::new(), bill: bill.clone() };
        let objective = ClassificationObjective {
            expectation: Expectation::new(&circuit, vec!["Z0".parse().expect("valid")], &trained).expect("valid"),
            estimator: Box::new(qgrad::ParameterShift { shots }),
            backend: Box::new(backend),
            angles: (0..10).map(|k| (0..4).map(|q| 0.1 * f64::from(k) + 0.3 * f64::from(q)).collect()).collect(),
            labels: (0..10).map(|k| if k % 3 == 0 { -1.0 } else { 1.0 }).collect(),
            batch,
            all_data: false,
            chosen: Vec::new(),
            rows: Vec::new(),
        };
        let theta = (0..trained.len()).map(|k| 0.2 + 0.31 * k as f64).collect();
        let taken = move || std::mem::take(&mut *bill.lock().expect("one thread"));
        (objective, taken, theta)
    }

    /// Several losses and single derivatives are those of single questions, and are billed as what runs.
    #[test]
    fn queries_equal_single_questions_and_are_billed_exactly() {
        let (mut objective, taken, theta) = counted(qgrad::Shots::Exact, Some(4));
        let (mut single, mut answer, step) = (Answer::default(), Answer::default(), streams().at(3));
        let points = [theta.clone(), theta.iter().map(|t| 0.9 * t).collect()].concat();
        objective.evaluate_query(&theta, &Query::Values { points: &points }, &step, &mut answer).expect("answered");
        assert_eq!((answer.bill, taken()), (Bill::job(8, 0).into(), Bill::job(8, 0)));
        assert_eq!(objective.price_query(&Query::Values { points: &points }), Some(answer.bill));
        for (point, loss) in points.chunks(theta.len()).zip(answer.values.clone()) {
            objective.evaluate(point, &Request::VALUE, &step, &mut single).expect("answered");
            assert!((single.value.expect("asked").value - loss.value).abs() < 1e-14);
        }
        objective.evaluate(&theta, &Request::VALUE_AND_GRADIENT, &step, &mut single).expect("answered");
        let _ = taken();
        let query = Query::Partials { value: true, components: &[20, 3, 11], shots: &[] };
        objective.evaluate_query(&theta, &query, &step, &mut answer).expect("answered");
        // A job of values before, then two circuits for each component and sample.
        assert_eq!(taken(), Bill { jobs: 2, ..Bill::job(4 + 4 * 6, 0) });
        assert_eq!(objective.price_query(&query), Some(answer.bill));
        assert_eq!(answer.bill, Bill { jobs: 2, ..Bill::job(28, 0) }.into());
        for (place, component) in [20, 3, 11].into_iter().enumerate() {
            assert!((answer.gradient[place] - single.gradient[component]).abs() < 1e-14);
        }
        assert!((answer.value.expect("asked").value - single.value.expect("asked").value).abs() < 1e-14);
    }

    /// From shots of their own: unbiased within 4 standard errors of the mean over 400 repetitions, and billed exactly.
    #[test]
    fn single_derivatives_have_shots_of_their_own() {
        let (mut exact, _, theta) = counted(qgrad::Shots::Exact, None);
        let mut answer = Answer::default();
        exact.evaluate(&theta, &Request::GRADIENT, &streams().at(0), &mut answer).expect("answered");
        let expected = [answer.gradient[5], answer.gradient[16]];
        let (mut objective, taken, _) = counted(qgrad::Shots::PerCircuit(9), None);
        let query = Query::Partials { value: true, components: &[5, 16], shots: &[20, 35] };
        let repetitions = 400;
        let (mut sums, mut squares, mut claimed) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        for step in 0..repetitions {
            objective.evaluate_query(&theta, &query, &streams().at(step), &mut answer).expect("answered");
            let bill = Bill { jobs: 2, ..Bill::job(10 + 10 * 4, 10 * (35 + 2 * 20 + 2 * 35)) };
            assert_eq!((taken(), answer.bill), (bill, bill.into()));
            assert_eq!(objective.price_query(&query), Some(answer.bill));
            for k in 0..2 {
                let off = answer.gradient[k] - expected[k];
                sums[k] += off;
                squares[k] += off * off;
                claimed[k] += answer.gradient_std_errors[k].powi(2);
            }
        }
        let n = repetitions as f64;
        for k in 0..2 {
            let variance = squares[k] / n;
            assert!((sums[k] / n).abs() < 4.0 * (variance / n).sqrt(), "component {k}: bias {}", sums[k] / n);
            let ratio = claimed[k] / n / variance;
            assert!((0.75..1.4).contains(&ratio), "component {k}: claimed/found variance {ratio}");
        }
    }

    /// Theta and its probe candidate see the same samples; another step sees others.
    #[test]
    fn a_step_has_one_minibatch_for_all_its_queries() {
        let task = Classification::breast_cancer().expect("shipped data");
        let instance = task.instance(&streams()).expect("valid");
        let readout = Readout::device("edge-gateway", 50).expect("shipped");
        let mut objective = ClassificationObjective {
            expectation: Expectation::new(&task.circuit().expect("valid"), vec!["Z0".parse().expect("valid")], &[])
                .expect("valid"),
            estimator: readout.reader().expect("valid").0,
            backend: readout.reader().expect("valid").1,
            angles: vec![vec![]; 64],
            labels: vec![1.0; 64],
            batch: Some(8),
            all_data: false,
            chosen: Vec::new(),
            rows: Vec::new(),
        };
        let mut batch = |step, query| {
            objective.choose(&streams().at(step).with_query(query));
            objective.chosen.clone()
        };
        let first = batch(4, 0);
        assert_eq!(first.len(), 8);
        assert_eq!(first, batch(4, 1));
        assert_ne!(first, batch(5, 0));
        let mut sorted = first.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 8, "drawn without replacement");
        drop(instance);
    }

    /// All shipped tasks start with a loss in range; the parity of all qubits is another function of the same circuit; qubits beyond
    /// the features see them again; the amount of rain is no feature.
    #[test]
    fn shipped_tasks_are_what_they_say() {
        let tasks = [Classification::moons(), Classification::seattle_weather(), Classification::breast_cancer()];
        for task in tasks {
            let task = task.expect("shipped data");
            let parity = task.clone().with_parity();
            assert_eq!(parity.name(), format!("{}-parity", task.name()));
            let (local, global) = (task.instance(&streams()), parity.instance(&streams()));
            let (local, global) = (local.expect("valid"), global.expect("valid"));
            assert_eq!(local.start(), global.start());
            let losses = [local.loss(local.start()).expect("runs"), global.loss(global.start()).expect("runs")];
            assert!(losses.iter().all(|loss| (0.0..=4.0).contains(loss)));
            assert!((losses[0] - losses[1]).abs() > 1e-3, "{losses:?}");
            assert_eq!(local.assess(local.start()).expect("runs").loss, losses[0]);
        }
        let weather = Classification::seattle_weather().expect("shipped data").data;
        assert_eq!((weather.len(), weather.feature_count()), (259 + 714, 4));
        assert!(!weather.feature_names().iter().any(|name| name == "precipitation_mm"));
        let with = Dataset::seattle_weather();
        assert_eq!(with.row(0)[2..], with.clone().without("precipitation_mm").expect("there").row(0)[1..]);
        assert!(with.without("sunshine").is_err());
    }

    /// The loss from shots is unbiased and its error bar describes its scatter.
    #[test]
    fn the_loss_from_shots_is_unbiased_with_an_honest_error() {
        let task = Classification::iris().expect("shipped data");
        let instance = task.instance(&streams()).expect("valid");
        let theta = instance.start().to_vec();
        let exact = instance.assess(&theta).expect("valid").loss;
        let repetitions = 400;
        let (mut sum, mut squares, mut claimed) = (0.0, 0.0, 0.0);
        for query in 0..repetitions {
            // A new device for each: the budget is not what is tested here.
            let mut objective = instance.objective(&Readout::device("field-hub", 50).expect("shipped")).expect("valid");
            objective.use_all_data(true);
            let mut answer = Answer::default();
            let step = streams().at(1).with_query(query);
            objective.evaluate(&theta, &Request::VALUE, &step, &mut answer).expect("runs");
            let loss = answer.value.expect("asked for");
            sum += loss.value - exact;
            squares += (loss.value - exact).powi(2);
            claimed += loss.std_error * loss.std_error;
        }
        let n = f64::from(repetitions);
        let variance = squares / n;
        // The rule of succession takes about 2/50 of the noise of 1/50 per sample too much off: allow for that bias.
        assert!((sum / n).abs() < 4.0 * (variance / n).sqrt() + 0.04 / 50.0, "bias {}", sum / n);
        assert!(
            (claimed / n / variance - 1.0).abs() < 4.5 * (2.0 / n).sqrt() + 0.04,
            "ratio {}",
            claimed / n / variance
        );
    }

    #[test]
    fn baselines_stand_on_the_same_split() {
        let instance = Classification::iris().expect("shipped data").instance(&streams()).expect("valid");
        let baselines = instance.baselines().expect("fits");
        assert_eq!(baselines[0].0, "majority-class");
        // 30 of 60: the better class is right half the time.
        assert_eq!(baselines[0].1.accuracy, Some(0.5));
        assert!(baselines[1].1.test_accuracy.expect("there is a test part") > 0.85);
        assert!(baselines[1].1.loss < baselines[0].1.loss);
    }
}
