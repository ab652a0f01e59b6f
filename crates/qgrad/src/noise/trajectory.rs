//! Trajectories of state vectors as a backend.

use std::collections::BTreeMap;

use qcore::{Binding, Circuit, Level, NoiseModel, PauliSum, StateVector, Trajectories, multinomial_into};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use crate::backend::{Job, JobResult, JobShots, Point};
use crate::expectation::split_rows;
use crate::{Backend, Error, Estimate, Measurement};

/// Squared differences of equal means, in units of the squared range.
const ROUNDING: f64 = 1e-24;

/// Runs jobs on noisy trajectories of state vectors, which reach further than density matrices.
///
/// **Expectation values** ([`JobShots::Exact`]) are means over a number of trajectories, each with its exact value: unbiased,
/// and not exact. Their standard error is that of the mean over trajectories; where all trajectories agree, it is not 0 but
/// that of Laplace's rule for as many equal outcomes over the whole range of the observable, since an error
/// that has not struck yet is not excluded. Errors so rare that a few trajectories carry them make it too small more often than
/// too large. Every point has trajectories of its own, so the errors of different points are
/// independent. The bill counts no shots.
///
/// **Shots**: by default every shot is measured on a trajectory of its own, which is exactly a sample of the noisy circuit. With
/// [`TrajectoryBackend::with_shots_per_trajectory`] a block of shots shares one trajectory: the mean stays unbiased, shots of a
/// block are correlated, and the standard error is that of the mean over blocks, but not less than that of independent shots. Errors that are
/// made from moments of shots, those of [`MetricMethod::Covariances`](crate::MetricMethod::Covariances), are refused then.
///
/// Readout errors are those of the model. There is no [`Simulator`](crate::Simulator) ability: gradients come by parameter
/// shift. **Cost**: a run of the circuit, gate by gate, per trajectory.
#[derive(Clone, Debug)]
pub struct TrajectoryBackend {
    model: NoiseModel,
    level: Level,
    trajectories: u64,
    shots_per_trajectory: u64,
    compiled: Option<Box<Compiled>>,
}

/// The circuit of the last job with the states that it needs.
#[derive(Clone, Debug)]
struct Compiled {
    circuit: Circuit,
    trajectories: Trajectories,
    binding: Binding,
    state: StateVector,
    probabilities: Vec<f64>,
    counts: Vec<u64>,
}

impl TrajectoryBackend {
    /// A backend with this noise whose expectation values are means over so many trajectories, at the best kernel level of the
    /// processor.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewTrajectories`] for fewer than two: one says nothing about its error.
    pub fn new(model: NoiseModel, trajectories: u64) -> Result<Self, Error> {
        if trajectories < 2 {
            return Err(Error::TooFewTrajectories { what: "the number of trajectories", needed: 2, got: trajectories });
        }
        Ok(Self { model, level: Level::best(), trajectories, shots_per_trajectory: 1, compiled: None })
    }

    /// The same backend with blocks of shots on one trajectory. A circuit needs two blocks for its error, so fewer shots than
    /// two blocks are divided into two.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewTrajectories`] for blocks of no shots.
    pub fn with_shots_per_trajectory(mut self, shots: u64) -> Result<Self, Error> {
        if shots == 0 {
            return Err(Error::TooFewTrajectories { what: "the shots per trajectory", needed: 1, got: 0 });
        }
        self.shots_per_trajectory = shots;
        Ok(self)
    }

    /// The same backend at a given kernel level.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        (self.level, self.compiled) = (level, None);
        self
    }

    /// The noise.
    #[must_use]
    pub fn model(&self) -> &NoiseModel {
        &self.model
    }

    /// Trajectories behind an expectation value.
    #[must_use]
    pub fn trajectories(&self) -> u64 {
        self.trajectories
    }

    fn compiled(&mut self, circuit: &Circuit) -> Result<&mut Compiled, Error> {
        let known = self.compiled.take().filter(|known| known.circuit == *circuit);
        let compiled = match known {
            Some(known) => known,
            None => {
                let trajectories = Trajectories::compile(circuit, &self.model)?;
                Box::new(Compiled {
                    circuit: circuit.clone(),
                    binding: trajectories.binding(),
                    trajectories,
                    state: StateVector::zero(circuit.num_qubits())?.with_level(self.level),
                    probabilities: Vec::new(),
                    counts: Vec::new(),
                })
            }
        };
        Ok(self.compiled.insert(compiled))
    }
}

impl Backend for TrajectoryBackend {
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        let rows = split_rows(job.parameters, job.program.num_parameters())?;
        job.check(rows.len())?;
        let (trajectories, block) = (self.trajectories, self.shots_per_trajectory);
        let compiled = self.compiled(job.circuit)?;
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        let observables = job.measurement.observables().len();
        let mut values = vec![Estimate::default(); job.points.len() * observables];
        for (index, (point, estimates)) in
            job.points.iter().zip(values.chunks_exact_mut(observables.max(1))).enumerate()
        {
            compiled.bind(point, rows[point.row])?;
            let stream = |circuit: usize| {
                let mut stream = ChaCha8Rng::from_seed(key);
                stream.set_stream(circuit as u64);
                stream
            };
            if job.shots == JobShots::Exact {
                compiled.means(job.measurement.observables(), trajectories, &mut stream(index), estimates)?;
                continue;
            }
            let groups = job.measurement.groups().len();
            for group in 0..groups {
                let shots = job.shots_of(index, group);
                let mut stream = stream(index * groups + group);
                compiled.sample(job.measurement, group, shots, block, &mut stream, estimates)?;
            }
            job.measurement.finish(estimates);
        }
        Ok(JobResult { values, bill: job.bill() })
    }

    fn has_independent_shots(&self) -> bool {
        self.shots_per_trajectory == 1
    }
}

impl Compiled {
    fn bind(&mut self, point: &Point, row: &[f64]) -> Result<(), Error> {
        self.trajectories.bind(row, &mut self.binding)?;
        for shift in [point.shift, point.second].into_iter().flatten() {
            self.trajectories.shift(shift.rotation, shift.angle, &mut self.binding);
        }
        Ok(())
    }

    /// Means of the observables over trajectories.
    fn means(
        &mut self,
        observables: &[PauliSum],
        trajectories: u64,
        stream: &mut ChaCha8Rng,
        estimates: &mut [Estimate],
    ) -> Result<(), Error> {
        // Without channels there is nothing to average over.
        let noiseless = self.trajectories.num_events() == 0;
        let count = if noiseless { 1 } else { trajectories };
        // The scatter is collected in `std_error`, by Welford's update.
        for done in 1..=count {
            self.trajectories.run(&self.binding, &mut self.state, stream)?;
            for (estimate, observable) in estimates.iter_mut().zip(observables) {
                let value = self.trajectories.read_expectation(observable, &self.state)?;
                let distance = value - estimate.value;
                estimate.value += distance / done as f64;
                estimate.std_error += distance * (value - estimate.value);
            }
        }
        let n = count as f64;
        for (estimate, observable) in estimates.iter_mut().zip(observables) {
            let range: f64 = observable.terms().iter().filter(|(_, s)| s.support() != 0).map(|(c, _)| c.abs()).sum();
            let variance = if noiseless {
                0.0
            } else if estimate.std_error > ROUNDING * range * range * n {
                estimate.std_error / (n - 1.0)
            } else {
                4.0 * range * range * (n + 1.0) / (n + 2.0).powi(2)
            };
            estimate.std_error = (variance / n).sqrt();
        }
        Ok(())
    }

    /// Adds what the shots of one circuit say to the estimates; variances are collected in `std_error`.
    fn sample(
        &mut self,
        measurement: &Measurement,
        group: usize,
        shots: u64,
        block: u64,
        stream: &mut ChaCha8Rng,
        estimates: &mut [Estimate],
    ) -> Result<(), Error> {
        if shots == 0 {
            return Err(Error::TooFewShots { what: "a circuit", needed: 1, got: 0 });
        }
        // As even as can be.
        let blocks = if block == 1 { shots } else { shots.div_ceil(block).max(2).min(shots) };
        let (each, more) = (shots / blocks, shots % blocks);
        let mut total: BTreeMap<u64, u64> = BTreeMap::new();
        let mut sums = vec![(0.0, Vec::new()); if block > 1 { estimates.len() } else { 0 }];
        for index in 0..blocks {
            let here = each + u64::from(index < more);
            self.trajectories.run(&self.binding, &mut self.state, stream)?;
            if !measurement.is_computational(group) {
                measurement.rotate(group, &mut self.state)?;
            }
            self.state.probabilities_into(&mut self.probabilities);
            self.trajectories.readout().confuse(&mut self.probabilities)?;
            self.counts.resize(self.probabilities.len(), 0);
            multinomial_into(&self.probabilities, here, stream, &mut self.counts)?;
            sums.iter_mut().for_each(|(_, sums): &mut (f64, Vec<f64>)| sums.push(0.0));
            for (outcome, &count) in (0_u64..).zip(&self.counts).filter(|&(_, &count)| count > 0) {
                *total.entry(outcome).or_default() += count;
                if block > 1 {
                    for (observable, value) in measurement.outcome_values(group, outcome) {
                        let (all, of_blocks) = &mut sums[observable];
                        *all += count as f64 * value;
                        *of_blocks.last_mut().expect("just pushed") += count as f64 * value;
                    }
                }
            }
        }
        let before: Vec<f64> = estimates.iter().map(|estimate| estimate.std_error).collect();
        measurement.tally(group, &total, shots, estimates);
        if blocks > 1 {
            for ((estimate, before), (all, of_blocks)) in estimates.iter_mut().zip(before).zip(sums) {
                // The mean is a ratio of sums over blocks: its variance by the scatter of sum - mean * size.
                let (n, k) = (shots as f64, blocks as f64);
                let scatter = (0_u64..).zip(of_blocks).fold(0.0, |scatter, (index, sum)| {
                    let size = each + u64::from(index < more);
                    scatter + (sum - all / n * size as f64).powi(2)
                });
                let of_blocks = scatter / (n * n) * k / (k - 1.0);
                estimate.std_error = estimate.std_error.max(before + of_blocks);
            }
        }
        Ok(())
    }
}
