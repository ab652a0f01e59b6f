//! Jobs on state vectors: families of shifted circuits, and what is read from their states.

use qcore::{Binding, StateVector};
use rand::Rng;

use super::families::{Families, same_rotation, tangent_factor};
use super::rows::Rows;
use super::seen::Seen;
use super::streams::{Stream, Streams};
use super::{Simulator, StateVectorBackend, States};
use crate::backend::{Job, JobResult, JobShots, Point};
use crate::expectation::split_rows;
use crate::{Backend, Error, Estimate};

impl Backend for StateVectorBackend {
    /// All shifts of a rotation `exp(-i theta P / 2)`, or of a phase, are obtained from one more state, the one at an angle larger by pi:
    /// `psi(theta + s) = cos(s/2) psi(theta) + sin(s/2) psi(theta + pi)`. Up to 13 qubits such states are taken four at a time, from the layer on that
    /// is shifted, and shots are drawn per class of outcomes with equal values, whose probabilities are quadratic in the two states.
    ///
    /// Where the observables leave qubits out, only what they see of the circuit is run ([`qcore::Cone`]), and only the qubits that
    /// it reaches are sampled.
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        let rows = split_rows(job.parameters, job.program.num_parameters())?;
        job.check(rows.len())?;
        let mut random = std::mem::take(&mut self.random);
        let circuits = if job.shots == JobShots::Exact { 0 } else { job.circuits() };
        let streams = Streams::new(rng, circuits, &mut random);
        let values = match Seen::of(&mut self.seen, job)? {
            None => self.values(&Readout { job, streams }, &rows)?,
            Some(seen) => {
                let points = seen.points(job.points);
                let part = Job { program: &seen.program, measurement: &seen.measurement, points: &points, ..*job };
                self.values(&Readout { job: &part, streams }, &rows)?
            }
        };
        self.random = random;
        Ok(JobResult { values, bill: job.bill() })
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

impl StateVectorBackend {
    fn values(&mut self, readout: &Readout<'_>, rows: &[&[f64]]) -> Result<Vec<Estimate>, Error> {
        let job = readout.job;
        let mut values = vec![Estimate::default(); job.points.len() * job.measurement.observables().len()];
        // Row by row, and within a row in the order in which one pass over the circuit meets the rotations.
        let mut order: Vec<usize> = (0..job.points.len()).collect();
        order.sort_by_key(|&index| {
            let Point { row, shift, second } = job.points[index];
            (row, second.is_some(), shift.map(|shift| shift.rotation))
        });
        let rows_of_points = order.chunk_by(|&a, &b| job.points[a].row == job.points[b].row);
        let of_rows: Vec<&[usize]> = rows_of_points.clone().collect();
        if let Some(states) = Rows::of(&mut self.rows, job, self.level, rows, &of_rows)? {
            states.run(rows, &of_rows, readout, &mut values)?;
            return Ok(values);
        }
        let mut binding = Binding::new(job.program);
        // Without a shift there is nothing that the states and tables of a family would be kept for.
        let shifted = job.points.iter().any(|point| point.shift.is_some() || point.second.is_some());
        if (shifted || job.shots == JobShots::Exact) && Families::fits(job) {
            let families = Families::of(&mut self.families, job.program.num_qubits(), self.level)?;
            for points in rows_of_points {
                job.program.bind(rows[job.points[points[0]].row], &mut binding)?;
                families.run_row(&binding, points, readout, &mut values)?;
            }
        } else {
            let (states, probabilities) = self.workspace(job.program.num_qubits())?;
            for points in rows_of_points {
                let row = rows[job.points[points[0]].row];
                one_by_one(row, &mut binding, points, states, probabilities, readout, &mut values)?;
            }
        }
        Ok(values)
    }
}

/// Evaluates the points of one row, given by their indices in the order of their rotations, on states too large for a group.
fn one_by_one(
    row: &[f64],
    binding: &mut Binding,
    points: &[usize],
    states: &mut States,
    probabilities: &mut Vec<f64>,
    readout: &Readout<'_>,
    values: &mut [Estimate],
) -> Result<(), Error> {
    let (job, program) = (readout.job, readout.job.program);
    let States { running: end, tangent, shifted, scratch } = states;
    program.bind(row, binding)?;
    end.run(program, binding)?;
    for points in points.chunk_by(|&a, &b| same_rotation(job, a, b)) {
        let first = &job.points[points[0]];
        let factor = first.shift.filter(|_| points.len() > 1).and_then(|shift| {
            let factor = tangent_factor(program.rotations()[shift.rotation].generator())?;
            Some((shift.rotation, factor))
        });
        if let Some((rotation, factor)) = factor {
            program.bind(row, binding)?;
            program.shift(rotation, std::f64::consts::PI, binding);
            tangent.run(program, binding)?;
            for &index in points {
                let (sin, cos) = job.points[index].shift.map_or((0.0, 1.0), |shift| (0.5 * shift.angle).sin_cos());
                shifted.set_combination(cos.into(), end, sin * factor, tangent)?;
                readout.read(index, shifted, scratch, probabilities, values)?;
            }
            continue;
        }
        for &index in points {
            let Point { shift, second, .. } = job.points[index];
            if shift.is_none() && second.is_none() {
                readout.read(index, end, scratch, probabilities, values)?;
                continue;
            }
            program.bind(row, binding)?;
            for shift in [shift, second].into_iter().flatten() {
                program.shift(shift.rotation, shift.angle, binding);
            }
            shifted.run(program, binding)?;
            readout.read(index, shifted, scratch, probabilities, values)?;
        }
    }
    Ok(())
}

/// How the states of a job become estimates.
pub(super) struct Readout<'a> {
    pub(super) job: &'a Job<'a>,
    /// One for each circuit: shots never depend on how the work is divided.
    streams: Streams<'a>,
}

impl Readout<'_> {
    /// The estimates of a point.
    pub(super) fn estimates_of<'v>(&self, index: usize, values: &'v mut [Estimate]) -> &'v mut [Estimate] {
        let observables = self.job.measurement.observables().len();
        &mut values[index * observables..][..observables]
    }

    fn stream(&self, index: usize, group: usize) -> Stream {
        self.streams.of(index * self.job.measurement.groups().len() + group)
    }

    /// Adds what the shots of one circuit say, whose classes have these probabilities.
    pub(super) fn sample(
        &self,
        index: usize,
        group: usize,
        weights: &[f64],
        counts: &mut [u64],
        estimates: &mut [Estimate],
    ) -> Result<(), Error> {
        let (shots, mut stream) = (self.job.shots_of(index, group), self.stream(index, group));
        self.job.measurement.sample_classes(group, weights, shots, &mut stream, counts, estimates)
    }

    /// Fills in the estimates of a point whose circuit ends in `state`.
    fn read(
        &self,
        index: usize,
        state: &StateVector,
        rotated: &mut StateVector,
        probabilities: &mut Vec<f64>,
        values: &mut [Estimate],
    ) -> Result<(), Error> {
        let measurement = self.job.measurement;
        let estimates = self.estimates_of(index, values);
        if self.job.shots == JobShots::Exact {
            for (estimate, observable) in estimates.iter_mut().zip(measurement.observables()) {
                *estimate = Estimate::exact(state.expectation(observable)?);
            }
            return Ok(());
        }
        for group in 0..measurement.groups().len() {
            if measurement.is_computational(group) {
                state.probabilities_into(probabilities);
            } else {
                rotated.copy_from(state)?;
                measurement.rotate(group, rotated)?;
                rotated.probabilities_into(probabilities);
            }
            let (shots, mut stream) = (self.job.shots_of(index, group), self.stream(index, group));
            measurement.sample(group, probabilities, shots, &mut stream, estimates)?;
        }
        measurement.finish(estimates);
        Ok(())
    }
}
