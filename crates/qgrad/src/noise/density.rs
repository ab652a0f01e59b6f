//! Density matrices as a backend.

use nalgebra::DMatrix;
use qcore::{Circuit, DensityMatrix, Level, NoiseModel, NoisyBinding, NoisyProgram, NoisyTape};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use crate::backend::{Job, JobResult, JobShots, Point};
use crate::estimator::{check_row, check_weights};
use crate::expectation::split_rows;
use crate::{Backend, Cotangents, Error, Estimate, Expectation, Simulator};

/// Runs jobs on density matrices: exact noisy expectation values, and exact multinomial shots from the noisy distribution of
/// outcomes.
///
/// Readout errors are those of the model: an exact value is the mean that would be read, and shots are drawn from the
/// distribution of the strings that are read.
///
/// Up to [`DensityMatrix::MAX_QUBITS`] qubits. **Cost** of a job: each row runs the circuit once, and each shifted point the
/// passes from its shift on. As a [`Simulator`] it differentiates with respect to all parameters at the price of 10 to 15 runs
/// ([`NoisyTape`]); it has no metric tensor, which belongs to pure states. The circuit of the last job stays compiled.
///
/// ```
/// use qcore::{Channel, Circuit, NoiseModel, Selector};
/// use qgrad::{Adjoint, DensityMatrixBackend, Estimator, Expectation, ParameterShift, Shots};
/// use rand::{SeedableRng, rngs::ChaCha8Rng};
///
/// let mut circuit = Circuit::new(1)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?;
/// let expectation = Expectation::of_all_parameters(&circuit, vec!["Z0".parse()?])?;
/// let noise = NoiseModel::new().after(Selector::every(), Channel::depolarizing(0.03)?);
///
/// let (mut backend, mut rng) = (DensityMatrixBackend::new(noise), ChaCha8Rng::seed_from_u64(0));
/// let exact = Adjoint.gradient(&expectation, &[0.3], &mut backend, &mut rng)?.gradient[0];
/// assert!((exact + 0.96 * 0.3_f64.sin()).abs() < 1e-15);
/// let shift = ParameterShift { shots: Shots::PerCircuit(1000) };
/// let sampled = shift.gradient(&expectation, &[0.3], &mut backend, &mut rng)?;
/// assert!((sampled.gradient[0] - exact).abs() < 5.0 * sampled.std_errors[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DensityMatrixBackend {
    model: NoiseModel,
    level: Level,
    compiled: Option<Box<Compiled>>,
}

/// The circuit of the last job with the states that it needs.
#[derive(Clone, Debug)]
struct Compiled {
    circuit: Circuit,
    program: NoisyProgram,
    binding: NoisyBinding,
    shifted: NoisyBinding,
    /// Behind the passes so far, without a shift.
    running: DensityMatrix,
    end: DensityMatrix,
    tape: Option<NoisyTape>,
    probabilities: Vec<f64>,
}

impl DensityMatrixBackend {
    /// A backend with this noise, at the best kernel level of the processor.
    #[must_use]
    pub fn new(model: NoiseModel) -> Self {
        Self::with_level(model, Level::best())
    }

    /// A backend with this noise at a given kernel level.
    #[must_use]
    pub fn with_level(model: NoiseModel, level: Level) -> Self {
        Self { model, level, compiled: None }
    }

    /// The noise.
    #[must_use]
    pub fn model(&self) -> &NoiseModel {
        &self.model
    }

    fn compiled(&mut self, circuit: &Circuit) -> Result<&mut Compiled, Error> {
        let known = self.compiled.take().filter(|known| known.circuit == *circuit);
        let compiled = match known {
            Some(known) => known,
            None => {
                let program = NoisyProgram::compile(circuit, &self.model)?;
                let binding = NoisyBinding::new(&program);
                let zero = DensityMatrix::zero(circuit.num_qubits())?.with_level(self.level);
                Box::new(Compiled {
                    circuit: circuit.clone(),
                    shifted: binding.clone(),
                    binding,
                    program,
                    running: zero.clone(),
                    end: zero,
                    tape: None,
                    probabilities: Vec::new(),
                })
            }
        };
        Ok(self.compiled.insert(compiled))
    }
}

impl Backend for DensityMatrixBackend {
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        let rows = split_rows(job.parameters, job.program.num_parameters())?;
        job.check(rows.len())?;
        let compiled = self.compiled(job.circuit)?;
        let passes = compiled.program.num_passes();
        // One key for the job, a stream for each circuit of it.
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        let mut values = vec![Estimate::default(); job.points.len() * job.measurement.observables().len()];
        // Row by row, and within a row in the order of the first pass that a shift changes: what is before it is shared.
        let first = |point: &Point| {
            let shifts = [point.shift, point.second].into_iter().flatten();
            shifts.filter_map(|shift| compiled.program.first_pass(shift.rotation)).min().unwrap_or(passes)
        };
        let mut order: Vec<(usize, usize, usize)> =
            job.points.iter().enumerate().map(|(index, point)| (point.row, first(point), index)).collect();
        order.sort_unstable();
        for points in order.chunk_by(|a, b| a.0 == b.0) {
            compiled.program.bind(rows[points[0].0], &mut compiled.binding)?;
            compiled.running.reset();
            let mut done = 0;
            for &(_, first, index) in points {
                let Compiled { program, binding, shifted, running, end, .. } = &mut *compiled;
                running.apply_passes(program, binding, done..first)?;
                done = first;
                end.copy_from(running)?;
                if first < passes {
                    shifted.copy_from(binding);
                    for shift in [job.points[index].shift, job.points[index].second].into_iter().flatten() {
                        program.shift(shift.rotation, shift.angle, shifted);
                    }
                    end.apply_passes(program, shifted, first..passes)?;
                }
                compiled.read(job, index, key, &mut values)?;
            }
        }
        Ok(JobResult { values, bill: job.bill() })
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

impl Compiled {
    /// Fills in the estimates of point `index`, whose circuit has ended.
    fn read(&mut self, job: &Job<'_>, index: usize, key: [u8; 32], values: &mut [Estimate]) -> Result<(), Error> {
        let (measurement, readout) = (job.measurement, self.program.readout());
        let observables = measurement.observables();
        let estimates = &mut values[index * observables.len()..][..observables.len()];
        if job.shots == JobShots::Exact {
            for (estimate, observable) in estimates.iter_mut().zip(observables) {
                *estimate = Estimate::exact(self.end.read_expectation(observable, readout)?);
            }
            return Ok(());
        }
        for (at, group) in measurement.groups().iter().enumerate() {
            self.end.probabilities_in_basis(group.x_basis(), group.y_basis(), &mut self.probabilities);
            readout.confuse(&mut self.probabilities)?;
            let mut stream = ChaCha8Rng::from_seed(key);
            stream.set_stream((index * measurement.groups().len() + at) as u64);
            measurement.sample(at, &self.probabilities, job.shots_of(index, at), &mut stream, estimates)?;
        }
        measurement.finish(estimates);
        Ok(())
    }
}

impl Simulator for DensityMatrixBackend {
    fn adjoint(
        &mut self,
        expectation: &Expectation,
        rows: &[f64],
        mut cotangents: Cotangents<'_>,
    ) -> Result<(Vec<Estimate>, Vec<f64>), Error> {
        let rows = expectation.smooth_rows(rows)?;
        let observables = expectation.measurement().observables();
        if let Cotangents::Fixed(weights) = &cotangents {
            check_weights(weights, rows.len(), observables.len())?;
        }
        let level = self.level;
        let Compiled { program, binding, tape, .. } = self.compiled(expectation.circuit())?;
        let tape = match tape {
            Some(tape) => tape,
            None => tape.insert(NoisyTape::new(program)?.with_level(level)),
        };
        let mut values = Vec::new();
        let mut gradient = vec![0.0; expectation.wrt().len()];
        let mut by_rotation = vec![0.0; program.num_rotations()];
        let mut row_values = vec![Estimate::default(); observables.len()];
        let mut weights = vec![Estimate::default(); observables.len()];
        for (row, parameters) in rows.iter().enumerate() {
            program.bind(parameters, binding)?;
            let state = tape.record(program, binding)?;
            match &mut cotangents {
                Cotangents::Fixed(given) => {
                    let given = &given[row * observables.len()..][..observables.len()];
                    weights.iter_mut().zip(given).for_each(|(weight, &w)| *weight = Estimate::exact(w));
                }
                Cotangents::OfValues(weigh) => {
                    for (value, observable) in row_values.iter_mut().zip(observables) {
                        *value = Estimate::exact(state.read_expectation(observable, program.readout())?);
                    }
                    weigh(row, &row_values, &mut weights);
                    check_row(row, &weights)?;
                    values.extend_from_slice(&row_values);
                }
            }
            if expectation.active().is_empty() {
                continue;
            }
            let weighted: Vec<_> = weights.iter().zip(observables).map(|(weight, o)| (weight.value, o)).collect();
            tape.gradient(program, binding, &weighted, &mut by_rotation)?;
            for active in expectation.active() {
                let angle = expectation.program().rotations()[active.rotation].angle();
                for &(position, param) in &active.parameters {
                    gradient[position] += by_rotation[active.rotation] * angle.derivative(parameters, param);
                }
            }
        }
        Ok((values, gradient))
    }

    fn metric_tensor(&mut self, _: &Expectation, _: &[f64]) -> Result<DMatrix<f64>, Error> {
        Err(Error::MixedState { what: "the Fubini-Study metric" })
    }
}
