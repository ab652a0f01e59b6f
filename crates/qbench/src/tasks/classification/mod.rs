//! Binary classification with a data-encoding circuit.

mod objective;
#[cfg(test)]
mod tests;

use std::f64::consts::PI;

use qcore::{Circuit, PauliSum};
use qgrad::{Backend, Estimator, Expectation};
use qopt::{Role, Streams};

use super::exact::ExactValues;
use super::{Assessment, Instance, Readout, Task, Trainable};
use crate::Error;
use crate::applicability::Need;
use crate::classical::{LogisticRegression, MajorityClass, Scores};
use crate::data::{AnglePipeline, DataError, Dataset};
use crate::plateau::uniform_angles;

pub use objective::ClassificationObjective;

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

    /// The names of the shipped tasks.
    pub const SHIPPED: [&str; 4] = ["iris", "breast-cancer", "moons", "seattle-weather"];

    /// The shipped task of that name; `None` if there is none.
    ///
    /// # Errors
    ///
    /// None for the shipped data; the signature is that of [`Classification::new`].
    pub fn shipped(name: &str) -> Result<Option<Self>, Error> {
        match name {
            "iris" => Self::iris().map(Some),
            "breast-cancer" => Self::breast_cancer().map(Some),
            "moons" => Self::moons().map(Some),
            "seattle-weather" => Self::seattle_weather().map(Some),
            _ => Ok(None),
        }
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
        let components = self.qubits.min(self.data.feature_count());
        let pipeline = match AnglePipeline::fit(&train_rows, Some(components)) {
            // A feature that does not vary among these samples leaves fewer directions; the qubits repeat those that there are.
            Err(DataError::Components { available: available @ 1.., .. }) => {
                AnglePipeline::fit(&train_rows, Some(available))
            }
            fitted => fitted,
        }?;
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
        Ok(Fitted { expectation, train, test, start, batch: self.batch, exact: ExactValues::default() })
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
    exact: ExactValues,
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
            numbers: objective::NUMBERS,
        }
    }

    /// Scores of the circuit on some samples, exactly.
    fn scores(&self, samples: &Samples, theta: &[f64]) -> Result<Scores, Error> {
        let rows: Vec<f64> = samples.angles.iter().flat_map(|angles| angles.iter().chain(theta)).copied().collect();
        let values = self.exact.at(&self.expectation, &rows)?;
        // Rounding may leave the interval by a bit.
        let probabilities: Vec<f64> =
            values.iter().map(|estimate| (0.5 * (1.0 + estimate.value)).clamp(0.0, 1.0)).collect();
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
