//! Jobs on state vectors: families of shifted circuits, and what is read from their states.

use num_complex::Complex64;
use qcore::{Binding, RotationGenerator, StateVector};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use super::{Simulator, StateVectorBackend, States};
use crate::backend::{Job, JobResult, JobShots, Point};
use crate::expectation::split_rows;
use crate::{Backend, Error, Estimate};

impl Backend for StateVectorBackend {
    /// All shifts of one rotation are obtained from one or two tangent states instead of a circuit each: with `G` the
    /// rotation's generator, a shift by `s` multiplies the state behind the rotation by
    /// `1 + (cos(s/2) - 1) Pi + 2 sin(s/2) (-iG)` for `G = Pi P / 2`, and by `1 + (e^{is} - 1) Pi` for `G = -Pi`; what comes after
    /// is linear. Points with two shifts are run one by one.
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        let rows = split_rows(job.parameters, job.program.num_parameters())?;
        job.check(rows.len())?;
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
