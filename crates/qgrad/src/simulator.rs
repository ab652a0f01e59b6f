//! The exact simulator as a backend, and the abilities that only a simulator has.

use nalgebra::DMatrix;
use num_complex::Complex64;
use qcore::{Binding, Level, Program, RotationGenerator, StateVector};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use crate::backend::{Job, JobResult, JobShots, Point};
use crate::expectation::split_rows;
use crate::{Backend, Cotangents, Error, Estimate, Expectation};

/// What no device can run: a state is looked at without being measured.
pub trait Simulator {
    /// Values (if the cotangents are made from them) and the vector-Jacobian product of [`Estimator::vjp`](crate::Estimator::vjp), exactly, by
    /// adjoint differentiation.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] and [`Error::NotFinite`] for bad rows or cotangents, [`Error::Circuit`] from the state.
    fn adjoint(
        &mut self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
    ) -> Result<(Vec<Estimate>, Vec<f64>), Error>;

    /// The Fubini-Study metric tensor `Re(<d_i psi|d_j psi> - <d_i psi|psi><psi|d_j psi>)` of the parameters of
    /// [`Expectation::wrt`] at one row (J. Stokes, J. Izaac, N. Killoran, G. Carleo, Quantum 4, 269 (2020), eq. (8)); the quantum
    /// Fisher information is four times it.
    ///
    /// **Cost**: one state in memory and one partial run of the circuit for each rotation that depends on a parameter.
    ///
    /// # Errors
    ///
    /// As [`Simulator::adjoint`].
    fn metric_tensor(&mut self, expectation: &Expectation, row: &[f64]) -> Result<DMatrix<f64>, Error>;
}

/// Runs jobs on state vectors in memory, exactly or with exact multinomial shots.
#[derive(Clone, Debug)]
pub struct StateVectorBackend {
    level: Level,
    /// Kept between calls, so that calls on registers of one width allocate no states.
    states: Option<States>,
    probabilities: Vec<f64>,
}

/// The states of a call.
#[derive(Clone, Debug)]
struct States {
    /// Behind the whole circuit.
    end: StateVector,
    /// Behind the steps so far.
    running: StateVector,
    tangent: StateVector,
    projected: StateVector,
    shifted: StateVector,
    scratch: StateVector,
}

impl StateVectorBackend {
    /// A backend at the best kernel level of the processor.
    #[must_use]
    pub fn new() -> Self {
        Self::with_level(Level::best())
    }

    /// A backend at a given kernel level.
    #[must_use]
    pub fn with_level(level: Level) -> Self {
        Self { level, states: None, probabilities: Vec::new() }
    }

    /// States of this width and the buffer for probabilities.
    fn workspace(&mut self, qubits: usize) -> Result<(&mut States, &mut Vec<f64>), Error> {
        let fitting = self.states.take().filter(|states| states.end.num_qubits() == qubits);
        let states = match fitting {
            Some(states) => states,
            None => {
                let zero = StateVector::zero(qubits)?.with_level(self.level);
                States {
                    running: zero.clone(),
                    tangent: zero.clone(),
                    projected: zero.clone(),
                    shifted: zero.clone(),
                    scratch: zero.clone(),
                    end: zero,
                }
            }
        };
        Ok((self.states.insert(states), &mut self.probabilities))
    }
}

impl Default for StateVectorBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for StateVectorBackend {
    /// All shifts of one rotation are obtained from one or two tangent states instead of a circuit each: with `G` the
    /// rotation's generator, a shift by `s` multiplies the state behind the rotation by
    /// `1 + (cos(s/2) - 1) Pi + 2 sin(s/2) (-iG)` for `G = Pi P / 2`, and by `1 + (e^{is} - 1) Pi` for `G = -Pi`; what comes after
    /// is linear. Points with two shifts are run one by one.
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        let rows = split_rows(job.parameters, job.program.num_parameters())?;
        check_points(job, rows.len())?;
        // One key for the job, a stream for each circuit of it: shots never depend on how the work is divided.
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        let mut values = vec![Estimate::default(); job.points.len() * job.measurement.observables().len()];
        let mut binding = Binding::new(job.program);
        // Row by row, and within a row in the order in which one pass over the circuit meets the rotations.
        let mut order: Vec<usize> = (0..job.points.len()).collect();
        order.sort_by_key(|&index| {
            let Point { row, shift, second } = job.points[index];
            (row, second.is_some(), shift.map(|shift| shift.rotation))
        });
        let (states, probabilities) = self.workspace(job.program.num_qubits())?;
        let mut readout = Readout { job, key, probabilities, values: &mut values };
        for points in order.chunk_by(|&a, &b| job.points[a].row == job.points[b].row) {
            let row = rows[job.points[points[0]].row];
            job.program.bind(row, &mut binding)?;
            let (families, twice) = points.split_at(points.partition_point(|&p| job.points[p].second.is_none()));
            if !families.is_empty() {
                run_row(&binding, families, states, &mut readout)?;
            }
            for &index in twice {
                job.program.bind(row, &mut binding)?;
                for shift in [job.points[index].shift, job.points[index].second].into_iter().flatten() {
                    job.program.shift(shift.rotation, shift.angle, &mut binding);
                }
                states.end.run(job.program, &binding)?;
                readout.read(index, &states.end, &mut states.scratch)?;
            }
        }
        Ok(JobResult { values, bill: job.bill() })
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

/// Evaluates the points of one bound row, given by their indices, sorted by rotation.
fn run_row(
    binding: &Binding,
    points: &[usize],
    states: &mut States,
    readout: &mut Readout<'_, '_>,
) -> Result<(), Error> {
    let (job, program) = (readout.job, readout.job.program);
    let rotation_of = |index: usize| job.points[index].shift.map(|shift| shift.rotation);
    let States { end, running, tangent, projected, shifted, scratch } = states;
    end.run(program, binding)?;
    let unshifted = points.partition_point(|&index| rotation_of(index).is_none());
    for &index in &points[..unshifted] {
        readout.read(index, end, scratch)?;
    }
    let mut families = points[unshifted..].chunk_by(|&a, &b| rotation_of(a) == rotation_of(b)).peekable();
    running.reset();
    for step in 0..program.num_steps() {
        if families.peek().is_none() {
            break;
        }
        running.apply_steps(program, binding, step..step + 1)?;
        let at = program.rotation_of_step(step);
        let Some(family) = families.next_if(|family| rotation_of(family[0]) == at) else { continue };
        let Some(generator) = at.map(|rotation| program.rotations()[rotation].generator()) else { continue };
        let rest = step + 1..program.num_steps();
        tangent.copy_from(running)?;
        tangent.apply_generator(generator)?;
        let controlled = matches!(generator, RotationGenerator::HalfPauli { controls, .. } if controls != 0);
        if controlled {
            // (-iG)^2 = -Pi / 4.
            projected.copy_from(tangent)?;
            projected.apply_generator(generator)?;
            projected.apply_steps(program, binding, rest.clone())?;
        }
        tangent.apply_steps(program, binding, rest)?;
        for &index in family {
            let angle = job.points[index].shift.map_or(0.0, |shift| shift.angle);
            let (sin, cos) = (0.5 * angle).sin_cos();
            let (of_end, of_tangent) = match generator {
                RotationGenerator::HalfPauli { .. } => {
                    (if controlled { 1.0 } else { cos }, Complex64::new(2.0 * sin, 0.0))
                }
                // -iG = i Pi, so Pi is -i times the tangent.
                RotationGenerator::Phase { .. } => {
                    (1.0, Complex64::new(0.0, -1.0) * (Complex64::from_polar(1.0, angle) - 1.0))
                }
            };
            shifted.set_combination(Complex64::new(of_end, 0.0), end, of_tangent, tangent)?;
            if controlled {
                let of_projected = Complex64::new(-4.0 * (cos - 1.0), 0.0);
                scratch.set_combination(Complex64::ONE, shifted, of_projected, projected)?;
                std::mem::swap(shifted, scratch);
            }
            readout.read(index, shifted, scratch)?;
        }
    }
    Ok(())
}

/// How the states of a job become estimates.
struct Readout<'a, 'b> {
    job: &'a Job<'b>,
    key: [u8; 32],
    probabilities: &'a mut Vec<f64>,
    values: &'a mut [Estimate],
}

impl Readout<'_, '_> {
    /// Fills in the estimates of point `index`, whose circuit ends in `state`.
    fn read(&mut self, index: usize, state: &StateVector, rotated: &mut StateVector) -> Result<(), Error> {
        let (job, measurement) = (self.job, self.job.measurement);
        let observables = measurement.observables();
        let estimates = &mut self.values[index * observables.len()..][..observables.len()];
        if job.shots == JobShots::Exact {
            for (estimate, observable) in estimates.iter_mut().zip(observables) {
                *estimate = Estimate::exact(state.expectation(observable)?);
            }
            return Ok(());
        }
        let groups = measurement.groups().len();
        for group in 0..groups {
            let circuit = index * groups + group;
            let shots = match job.shots {
                JobShots::Exact => 0,
                JobShots::Each(shots) => shots,
                JobShots::PerCircuit(shots) => shots[circuit],
            };
            if measurement.is_computational(group) {
                state.probabilities_into(self.probabilities);
            } else {
                rotated.copy_from(state)?;
                measurement.rotate(group, rotated)?;
                rotated.probabilities_into(self.probabilities);
            }
            let mut stream = ChaCha8Rng::from_seed(self.key);
            stream.set_stream(circuit as u64);
            measurement.sample(group, self.probabilities, shots, &mut stream, estimates)?;
        }
        measurement.finish(estimates);
        Ok(())
    }
}

fn check_points(job: &Job<'_>, rows: usize) -> Result<(), Error> {
    let rotations = job.program.rotations().len();
    for point in job.points {
        if point.row >= rows {
            return Err(Error::Index { what: "parameter row", index: point.row, count: rows });
        }
        let shifts = [point.shift, point.second];
        if let Some(shift) = shifts.into_iter().flatten().find(|shift| shift.rotation >= rotations) {
            return Err(Error::Index { what: "rotation", index: shift.rotation, count: rotations });
        }
    }
    if let JobShots::PerCircuit(shots) = job.shots
        && shots.len() as u64 != job.circuits()
    {
        let (what, got) = ("shots per circuit", shots.len());
        return Err(Error::Length { what, got, expected: job.circuits() as usize });
    }
    if job.program.num_qubits() != job.measurement.num_qubits() {
        let (what, got) = ("measurement", job.measurement.num_qubits());
        return Err(qcore::Error::WidthMismatch { what, got, expected: job.program.num_qubits() }.into());
    }
    Ok(())
}

impl Simulator for StateVectorBackend {
    fn adjoint(
        &mut self,
        expectation: &Expectation,
        rows: &[f64],
        mut cotangents: Cotangents<'_>,
    ) -> Result<(Vec<Estimate>, Vec<f64>), Error> {
        let program = expectation.program();
        let rows = expectation.rows(rows)?;
        let observables = expectation.measurement().observables();
        if let Cotangents::Fixed(weights) = &cotangents {
            let expected = rows.len() * observables.len();
            if weights.len() != expected {
                return Err(Error::Length { what: "cotangents", got: weights.len(), expected });
            }
        }
        let (States { running: ket, tangent: bra, .. }, _) = self.workspace(program.num_qubits())?;
        let mut binding = Binding::new(program);
        let mut values = Vec::new();
        let mut gradient = vec![0.0; expectation.wrt().len()];
        let mut row_values = vec![Estimate::default(); observables.len()];
        let mut weights = vec![Estimate::default(); observables.len()];
        for (row, parameters) in rows.iter().enumerate() {
            program.bind(parameters, &mut binding)?;
            ket.run(program, &binding)?;
            match &mut cotangents {
                Cotangents::Fixed(given) => {
                    let given = &given[row * observables.len()..][..observables.len()];
                    weights.iter_mut().zip(given).for_each(|(weight, &w)| *weight = Estimate::exact(w));
                }
                Cotangents::OfValues(weigh) => {
                    for (value, observable) in row_values.iter_mut().zip(observables) {
                        *value = Estimate::exact(ket.expectation(observable)?);
                    }
                    weigh(row, &row_values, &mut weights);
                    values.extend_from_slice(&row_values);
                }
            }
            if expectation.active().is_empty() {
                continue;
            }
            bra.clear();
            for (weight, observable) in weights.iter().zip(observables) {
                ket.add_observable(weight.value, observable, bra)?;
            }
            backward(expectation, parameters, &binding, ket, bra, &mut gradient)?;
        }
        Ok((values, gradient))
    }

    fn metric_tensor(&mut self, expectation: &Expectation, row: &[f64]) -> Result<DMatrix<f64>, Error> {
        let program = expectation.program();
        let rows = expectation.rows(row)?;
        if rows.len() != 1 {
            let (what, got) = ("parameter row", row.len());
            return Err(Error::Length { what, got, expected: program.num_parameters() });
        }
        let mut binding = Binding::new(program);
        program.bind(row, &mut binding)?;
        let (States { running: state, tangent, .. }, _) = self.workspace(program.num_qubits())?;
        let size = expectation.wrt().len();
        let mut derivatives = vec![vec![Complex64::ZERO; 1 << program.num_qubits()]; size];
        let mut active = expectation.active().iter().peekable();
        state.reset();
        for step in 0..program.num_steps() {
            state.apply_steps(program, &binding, step..step + 1)?;
            let Some(rotation) = active.next_if(|a| Some(a.rotation) == program.rotation_of_step(step)) else {
                continue;
            };
            let spec = &program.rotations()[rotation.rotation];
            tangent.copy_from(state)?;
            tangent.apply_generator(spec.generator())?;
            tangent.apply_steps(program, &binding, step + 1..program.num_steps())?;
            for &(position, param) in &rotation.parameters {
                let chain = spec.angle().derivative(row, param);
                for (sum, amplitude) in derivatives[position].iter_mut().zip(tangent.amplitudes()) {
                    *sum += chain * amplitude;
                }
            }
        }
        Ok(metric_from_tangents(&state.amplitudes(), &derivatives))
    }
}

/// One backward pass: undoes the circuit on `ket` and `bra` together and collects `2 Im <bra|G|ket>` at each rotation.
fn backward(
    expectation: &Expectation,
    parameters: &[f64],
    binding: &Binding,
    ket: &mut StateVector,
    bra: &mut StateVector,
    gradient: &mut [f64],
) -> Result<(), Error> {
    let program: &Program = expectation.program();
    let mut left = expectation.active();
    for step in (0..program.num_steps()).rev() {
        // Nothing before the first differentiated rotation (a data encoding, say) has to be undone.
        let Some((active, earlier)) = left.split_last() else { return Ok(()) };
        if program.rotation_of_step(step) == Some(active.rotation) {
            let spec = &program.rotations()[active.rotation];
            let by_angle = ket.generator_overlap(bra, spec.generator())?;
            for &(position, param) in &active.parameters {
                gradient[position] += by_angle * spec.angle().derivative(parameters, param);
            }
            left = earlier;
            if left.is_empty() {
                return Ok(());
            }
        }
        ket.undo_step(program, binding, step)?;
        bra.undo_step(program, binding, step)?;
    }
    Ok(())
}

fn metric_from_tangents(state: &[Complex64], derivatives: &[Vec<Complex64>]) -> DMatrix<f64> {
    let inner = |left: &[Complex64], right: &[Complex64]| -> Complex64 {
        left.iter().zip(right).fold(Complex64::ZERO, |sum, (a, b)| sum + a.conj() * b)
    };
    let overlaps: Vec<Complex64> = derivatives.iter().map(|derivative| inner(derivative, state)).collect();
    let size = derivatives.len();
    let mut metric = DMatrix::zeros(size, size);
    for i in 0..size {
        for j in 0..=i {
            let entry = (inner(&derivatives[i], &derivatives[j]) - overlaps[i] * overlaps[j].conj()).re;
            metric[(i, j)] = entry;
            metric[(j, i)] = entry;
        }
    }
    metric
}
