//! The narrow waist to whatever runs circuits: jobs in, estimates and a bill out.

use qcore::{Circuit, Program};
use rand::Rng;

use crate::{Bill, Error, Estimate, Measurement, Simulator};

/// How often each circuit of a job is repeated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JobShots<'a> {
    /// Exact expectation values, which only a simulator can give.
    Exact,
    /// The same number of shots for every circuit of the job.
    Each(u64),
    /// A number of shots for every circuit, in the order points x measurement groups (the group varies fastest).
    PerCircuit(&'a [u64]),
}

/// A displacement of the angle of one gate occurrence, in radians.
///
/// Shifts act on occurrences and not on parameters: a shared parameter is differentiated by shifting each gate that it drives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Index of the rotation among [`Program::rotations`].
    pub rotation: usize,
    /// Added to the angle of that rotation, in radians.
    pub angle: f64,
}

/// One circuit binding of a job: a row of parameters and at most two shifted rotations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Index of the row in [`Job::parameters`].
    pub row: usize,
    /// The rotation that is displaced, if any.
    pub shift: Option<Shift>,
    /// A second displacement, as second derivatives need it; if it is of the same rotation, the angles add up.
    pub second: Option<Shift>,
}

impl Point {
    /// The circuit at a row of parameters as it is.
    #[must_use]
    pub const fn at(row: usize) -> Self {
        Self { row, shift: None, second: None }
    }

    /// The circuit with one displaced rotation.
    #[must_use]
    pub const fn shifted(row: usize, shift: Shift) -> Self {
        Self { row, shift: Some(shift), second: None }
    }

    /// The circuit with two displaced rotations, or one that is displaced twice.
    #[must_use]
    pub const fn shifted_twice(row: usize, first: Shift, second: Shift) -> Self {
        Self { row, shift: Some(first), second: Some(second) }
    }
}

/// Many bindings of one circuit, measured in the groups that some observables need.
///
/// A device queues jobs, so latency is paid per job; a simulator sees the whole family at once and can share work inside it.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The circuit as it was written: what a device transpiles, and whose gates a noise model names.
    pub circuit: &'a Circuit,
    /// The same circuit compiled.
    pub program: &'a Program,
    /// The observables and the measurement groups in which they are read.
    pub measurement: &'a Measurement,
    /// Parameter rows, row-major: each has [`Program::num_parameters`] entries, in radians for angles.
    pub parameters: &'a [f64],
    /// The bindings to run.
    pub points: &'a [Point],
    /// Repetitions.
    pub shots: JobShots<'a>,
}

impl Job<'_> {
    /// Circuits that a device executes for this job: points x measurement groups.
    #[must_use]
    pub fn circuits(&self) -> u64 {
        self.points.len() as u64 * self.measurement.groups().len() as u64
    }

    /// Shots that a device spends on this job; 0 for an exact one.
    #[must_use]
    pub fn shots(&self) -> u64 {
        match self.shots {
            JobShots::Exact => 0,
            JobShots::Each(shots) => shots.saturating_mul(self.circuits()),
            JobShots::PerCircuit(shots) => shots.iter().fold(0, |sum, &shots| sum.saturating_add(shots)),
        }
    }

    /// The largest number of shots that any one circuit of this job is given.
    #[must_use]
    pub fn max_shots_per_circuit(&self) -> u64 {
        match self.shots {
            JobShots::Exact => 0,
            JobShots::Each(shots) => shots,
            JobShots::PerCircuit(shots) => shots.iter().copied().max().unwrap_or(0),
        }
    }

    /// Checks everything but that parameters are finite: indices, shifts, angles, lengths, widths, and that the program can be the circuit's.
    pub(crate) fn check(&self, rows: usize) -> Result<(), Error> {
        let rotations = self.program.rotations();
        for point in self.points {
            if point.row >= rows {
                return Err(Error::Index { what: "parameter row", index: point.row, count: rows });
            }
            for Shift { rotation, angle } in [point.shift, point.second].into_iter().flatten() {
                let Some(turned) = rotations.get(rotation) else {
                    return Err(Error::Index { what: "rotation", index: rotation, count: rotations.len() });
                };
                if !angle.is_finite() {
                    return Err(qcore::Error::Angle { operation: turned.operation(), value: angle }.into());
                }
            }
        }
        if let JobShots::PerCircuit(shots) = self.shots
            && shots.len() as u64 != self.circuits()
        {
            let (what, got) = ("shots per circuit", shots.len());
            return Err(Error::Length { what, got, expected: self.circuits() as usize });
        }
        let expected = self.program.num_qubits();
        for (what, got) in [("measurement", self.measurement.num_qubits()), ("circuit", self.circuit.num_qubits())] {
            if got != expected {
                return Err(qcore::Error::WidthMismatch { what, got, expected }.into());
            }
        }
        let (got, expected) = (self.program.num_parameters(), self.circuit.parameters().len());
        if got != expected {
            return Err(Error::Length { what: "the parameters of the program", got, expected });
        }
        // Whether an angle is one does not depend on whether anything measured depends on it.
        if got == 0 {
            return Ok(self.program.check_angles(&[])?);
        }
        Ok(self.parameters.chunks_exact(got).try_for_each(|row| self.program.check_angles(row))?)
    }

    /// Shots of one circuit of the job: that of point `point` in the basis of `group`.
    pub(crate) fn shots_of(&self, point: usize, group: usize) -> u64 {
        match self.shots {
            JobShots::Exact => 0,
            JobShots::Each(shots) => shots,
            JobShots::PerCircuit(shots) => shots[point * self.measurement.groups().len() + group],
        }
    }

    /// The bill of this job on a device without a clock.
    #[must_use]
    pub fn bill(&self) -> Bill {
        Bill::job(self.circuits(), self.shots())
    }
}

/// The outcome of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobResult {
    /// One estimate per point and observable; the observable varies fastest.
    ///
    /// The observables of one point are read from the same shots, so their errors are correlated; different points never share
    /// shots.
    pub values: Vec<Estimate>,
    /// What was spent.
    pub bill: Bill,
}

/// Runs jobs.
///
/// A backend either runs a job as a whole or refuses it before anything is spent. It owns no random numbers: `rng` is handed
/// in, and the result is a pure function of the job and of the words read from `rng`, whatever the number of threads.
pub trait Backend: Send {
    /// Runs one job.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the backend's limits do not allow the job (nothing is spent); [`Error::NotExact`] if exact values
    /// were asked of a device; other variants for a malformed job.
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error>;

    /// What one job of this size costs here, before it is run: `job` counts the bindings of `circuit` that it runs and their
    /// shots, and a backend that models a device splits it into submissions and adds seconds and joules.
    fn price(&self, _circuit: &Circuit, job: Bill) -> Bill {
        job
    }

    /// Whether the shots of one circuit are independent of each other, as they are on a device. Where they are not, the errors of estimates
    /// are still right, but not errors that are made from moments of the shots.
    fn has_independent_shots(&self) -> bool {
        true
    }

    /// The ability that no device has: states, adjoint gradients and metric tensors. `None` for a device.
    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        None
    }
}

impl<B: Backend + ?Sized> Backend for Box<B> {
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        (**self).run(job, rng)
    }

    fn price(&self, circuit: &Circuit, job: Bill) -> Bill {
        (**self).price(circuit, job)
    }

    fn has_independent_shots(&self) -> bool {
        (**self).has_independent_shots()
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        (**self).simulator()
    }
}

/// A backend that somebody else keeps.
impl<B: Backend + ?Sized> Backend for &mut B {
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        (**self).run(job, rng)
    }

    fn price(&self, circuit: &Circuit, job: Bill) -> Bill {
        (**self).price(circuit, job)
    }

    fn has_independent_shots(&self) -> bool {
        (**self).has_independent_shots()
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        (**self).simulator()
    }
}
