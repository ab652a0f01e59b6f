//! What stands in for the quantum part of a device: ideal states, or the circuit as the device runs it with its calibrated noise.

use std::sync::{Arc, Mutex, PoisonError};

use qcore::{Action, Angle, Circuit, DensityMatrix, Instruction, NoiseModel, Operation, PauliSum, Program};
use qgrad::{
    Backend, DensityMatrixBackend, Error, Job, JobResult, JobShots, Measurement, Point, StateVectorBackend,
    TrajectoryBackend,
};
use rand::Rng;

use crate::DeviceProfile;
use crate::native::{Native, Recent, refusal};

/// A circuit on `n` qubits takes about as long as a density matrix as `4^n / 2^13` trajectories do, one for each shot (measured from 6
/// to 10 qubits, see `docs/performance.md`): the binary logarithm of the divisor.
const ENTRIES_PER_TRAJECTORY: usize = 13;

/// Trajectories behind an exact value on a register that is too wide for density matrices.
const TRAJECTORIES: u64 = 1000;

/// The simulator of a device: what a [`Metered`](crate::Metered) backend wraps where there is no hardware.
///
/// With noise a job runs as the device would run it: the circuit in [native gates](mod@crate::transpile) on the qubits where the
/// router puts it, with the noise of the calibration after each gate and in the readout
/// ([`DeviceProfile::noise_on`]). Displaced angles are displaced before the circuit is written in native gates. A register of `n`
/// qubits (with those through which others are routed) is a density matrix if `n` is at most 12 and a circuit has at least `4^n / 2^13`
/// shots, so up to 6 qubits always; on others each shot is measured on a random state vector of its own. Both are
/// samples of the same distribution. Basis changes before a measurement are ideal, and so are idle qubits.
///
/// The circuit is written in native gates once, and kept for the last eight of them by all clones together.
///
/// ```
/// use std::sync::Arc;
/// use qcore::Circuit;
/// use qgrad::{Estimator, Expectation, ParameterShift, Shots};
/// use qiot_profile::{DeviceProfile, DeviceSimulator, Metered};
/// use rand::{SeedableRng, rngs::ChaCha8Rng};
///
/// let mut circuit = Circuit::new(2)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?.cx(0, 1)?;
/// let expectation = Expectation::of_all_parameters(&circuit, vec!["Z0 Z1".parse()?])?;
///
/// let profile = Arc::new(DeviceProfile::shipped("quito")?);
/// let mut device = Metered::new(Arc::clone(&profile), DeviceSimulator::noisy(profile)?)?;
/// let shift = ParameterShift { shots: Shots::PerCircuit(1000) };
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let value = shift.values(&expectation, &[0.4], &mut device, &mut rng)?.estimates[0];
/// // 1 without noise; the readout of quito alone takes a tenth of it.
/// assert!(0.7 < value.value && value.value < 0.95);
/// assert_eq!(device.ledger().bill.shots, 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DeviceSimulator(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Ideal(Box<StateVectorBackend>),
    Noisy(Box<Noisy>),
}

#[derive(Clone, Debug)]
struct Noisy {
    profile: Arc<DeviceProfile>,
    written: Recent<OnDevice>,
    /// The same where constant angles are displaced, which no estimator asks for.
    with_constants: Recent<OnDevice>,
    /// Parameter rows of a job on the device.
    rows: Vec<f64>,
    points: Vec<Point>,
}

/// A circuit as it runs on a device.
#[derive(Debug)]
struct OnDevice {
    /// In native gates; qubit `k` of the written circuit ends on qubit `k` of it. Its parameters are those of the written circuit,
    /// and one for each rotation that can be displaced.
    circuit: Circuit,
    program: Program,
    /// The parameter that displaces each rotation of the written circuit.
    shifts: Vec<Option<usize>>,
    model: NoiseModel,
    /// Compiled simulators that nobody is using: as many as there ever were threads.
    density: Idle<DensityMatrixBackend>,
    trajectories: Idle<TrajectoryBackend>,
    /// The last measurement where the register is wider than that of the written circuit.
    wider: Mutex<Option<(Vec<PauliSum>, Arc<Measurement>)>>,
}

/// Backends that wait for a job. What one of them answers does not depend on the jobs that it has run before.
#[derive(Debug)]
struct Idle<B>(Mutex<Vec<B>>);

impl<B: Backend> Idle<B> {
    fn run(
        &self,
        new: impl FnOnce() -> Result<B, Error>,
        job: &Job<'_>,
        rng: &mut dyn Rng,
    ) -> Result<JobResult, Error> {
        let idle = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle().pop();
        let mut backend = match waiting {
            Some(backend) => backend,
            None => new()?,
        };
        let result = backend.run(job, rng);
        idle().push(backend);
        result
    }
}

impl DeviceSimulator {
    /// A simulator without noise.
    #[must_use]
    pub fn ideal() -> Self {
        Self(Kind::Ideal(Box::new(StateVectorBackend::new())))
    }

    /// A simulator with the calibrated noise of a device.
    ///
    /// # Errors
    ///
    /// What [`DeviceProfile::check`] finds.
    pub fn noisy(profile: impl Into<Arc<DeviceProfile>>) -> Result<Self, crate::Error> {
        let profile = profile.into();
        profile.check()?;
        Ok(Self(Kind::Noisy(Box::new(Noisy {
            profile,
            written: Recent::default(),
            with_constants: Recent::default(),
            rows: Vec::new(),
            points: Vec::new(),
        }))))
    }

    /// Whether it has noise.
    #[must_use]
    pub fn is_noisy(&self) -> bool {
        matches!(self.0, Kind::Noisy(_))
    }
}

impl Backend for DeviceSimulator {
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        match &mut self.0 {
            Kind::Ideal(backend) => backend.run(job, rng),
            Kind::Noisy(noisy) => noisy.run(job, rng),
        }
    }
}

impl Noisy {
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        let parameters = job.program.num_parameters();
        let rows = check(job)?;
        let profile = &self.profile;
        let displaced = job.points.iter().flat_map(|point| [point.shift, point.second]).flatten();
        let constants =
            displaced.into_iter().any(|shift| job.program.rotations()[shift.rotation].angle().is_constant());
        let known = if constants { &self.with_constants } else { &self.written };
        let on_device = known.of(job.circuit, || OnDevice::new(profile, job, constants))?;
        self.rows.clear();
        self.points.clear();
        for (index, point) in job.points.iter().enumerate() {
            let start = self.rows.len();
            self.rows.extend_from_slice(rows.get(point.row * parameters..(point.row + 1) * parameters).unwrap_or(&[]));
            self.rows.resize(start + on_device.program.num_parameters(), 0.0);
            for shift in [point.shift, point.second].into_iter().flatten() {
                // No expectation value depends on the others.
                if let Some(parameter) = on_device.shifts[shift.rotation] {
                    self.rows[start + parameter] += shift.angle;
                }
            }
            self.points.push(Point::at(index));
        }
        let qubits = on_device.circuit.num_qubits();
        let wider = if qubits == job.measurement.num_qubits() { None } else { Some(on_device.wider(job.measurement)?) };
        let native = Job {
            circuit: &on_device.circuit,
            program: &on_device.program,
            measurement: wider.as_deref().unwrap_or(job.measurement),
            parameters: &self.rows,
            points: &self.points,
            shots: job.shots,
        };
        let dense = match job.shots {
            JobShots::Exact => qubits <= DensityMatrix::MAX_QUBITS,
            _ => {
                qubits <= DensityMatrix::MAX_QUBITS
                    && job.max_shots_per_circuit() >= (1 << (2 * qubits)) >> ENTRIES_PER_TRAJECTORY
            }
        };
        let result = if dense {
            let new = || Ok(DensityMatrixBackend::new(on_device.model.clone()));
            on_device.density.run(new, &native, rng)
        } else {
            let new = || TrajectoryBackend::new(on_device.model.clone(), TRAJECTORIES);
            on_device.trajectories.run(new, &native, rng)
        }?;
        Ok(JobResult { bill: job.bill(), ..result })
    }
}

/// Checks what is looked up here before the native job is checked; the parameter rows.
fn check<'a>(job: &Job<'a>) -> Result<&'a [f64], Error> {
    let (width, rotations) = (job.program.num_parameters(), job.program.rotations().len());
    let expected = job.circuit.parameters().len();
    if width != expected {
        return Err(Error::Length { what: "the parameters of the program", got: width, expected });
    }
    let expected = job.circuit.num_qubits();
    for (what, got) in [("measurement", job.measurement.num_qubits()), ("program", job.program.num_qubits())] {
        if got != expected {
            return Err(qcore::Error::WidthMismatch { what, got, expected }.into());
        }
    }
    let rows = job.parameters.len().checked_div(width).unwrap_or(usize::MAX);
    for point in job.points {
        if point.row >= rows {
            return Err(Error::Index { what: "parameter row", index: point.row, count: rows });
        }
        let shifts = [point.shift, point.second];
        if let Some(shift) = shifts.into_iter().flatten().find(|shift| shift.rotation >= rotations) {
            return Err(Error::Index { what: "rotation", index: shift.rotation, count: rotations });
        }
    }
    Ok(job.parameters)
}

impl OnDevice {
    fn new(profile: &DeviceProfile, job: &Job<'_>, constants: bool) -> Result<Self, Error> {
        let (displaceable, shifts) = displaceable(job.circuit, job.program, constants)?;
        let native = Native::of(profile, &displaceable).map_err(refusal)?;
        let (circuit, wires) = native.transpiled.compact_as_read();
        let noise = native.device.noise_on(&wires).map_err(|error| match error {
            crate::Error::Noise(error) => Error::Circuit(error),
            other => unreachable!("the profile has been checked and the router keeps to it: {other}"),
        })?;
        Ok(Self {
            program: Program::compile(&circuit),
            circuit,
            shifts,
            model: noise.model,
            density: Idle(Mutex::default()),
            trajectories: Idle(Mutex::default()),
            wider: Mutex::default(),
        })
    }

    /// The measurement of the same observables on the register of the device.
    fn wider(&self, measurement: &Measurement) -> Result<Arc<Measurement>, Error> {
        let observables = measurement.observables();
        let mut known = self.wider.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, wider)) = known.as_ref().filter(|(known, _)| known == observables) {
            return Ok(Arc::clone(wider));
        }
        let wider = Arc::new(Measurement::new(self.circuit.num_qubits(), observables.to_vec())?);
        *known = Some((observables.to_vec(), Arc::clone(&wider)));
        Ok(wider)
    }
}

/// The circuit with a parameter added to the angle of each rotation that depends on parameters, with `constants` of every rotation;
/// and these parameters, rotation by rotation.
fn displaceable(circuit: &Circuit, program: &Program, constants: bool) -> Result<(Circuit, Vec<Option<usize>>), Error> {
    let mut out = Circuit::new(circuit.num_qubits())?;
    for name in circuit.parameters() {
        out.parameter(name)?;
    }
    let mut writer = Displaced { out, program, constants, next: 0, shifts: vec![None; program.rotations().len()] };
    for operation in circuit.operations() {
        writer.push(operation)?;
    }
    Ok((writer.out, writer.shifts))
}

struct Displaced<'a> {
    out: Circuit,
    program: &'a Program,
    constants: bool,
    /// The next rotation of the program.
    next: usize,
    shifts: Vec<Option<usize>>,
}

impl Displaced<'_> {
    /// Operations become rotations as [`Program::compile`] makes them, in the same order.
    fn push(&mut self, operation: &Operation) -> Result<(), Error> {
        let (operands, angles) = (operation.operands(), operation.angles());
        let controls: Vec<_> = operation.controls().collect();
        if let Instruction::Gate(gate) = operation.instruction()
            && let Action::Decomposition(parts) = gate.spec().action
        {
            for part in parts {
                let on: Vec<usize> = part.operands.iter().map(|&k| operands[k]).collect();
                let angles: Vec<Angle> = part.angles.iter().map(|angle| angle.of(angles)).collect();
                self.push(&Operation::gate(part.gate, &on, &angles)?.controlled(&controls)?)?;
            }
            return Ok(());
        }
        let [angle] = angles else { return Ok(self.out.push(operation.clone()).map(drop)?) };
        let rotation = self.next;
        let Some(spec) = self.program.rotations().get(rotation) else {
            let what = "the rotations of the program";
            return Err(Error::Length { what, got: rotation, expected: rotation + 1 });
        };
        self.next += 1;
        if angle.is_constant() && !self.constants || spec.frequencies().is_empty() {
            return Ok(self.out.push(operation.clone()).map(drop)?);
        }
        let shift = self.out.parameter(free_name(&self.out, rotation))?;
        self.shifts[rotation] = Some(shift.index());
        let displaced = angle.clone() + Angle::from(shift);
        let moved = match operation.instruction() {
            Instruction::PauliRotation(string) => Operation::pauli_rotation(*string, displaced)?,
            Instruction::Gate(gate) => Operation::gate(*gate, operands, &[displaced])?,
            _ => unreachable!("no other operation has an angle"),
        };
        Ok(self.out.push(moved.controlled(&controls)?).map(drop)?)
    }
}

/// A name that no parameter has yet.
fn free_name(circuit: &Circuit, rotation: usize) -> String {
    let mut name = format!("shift{rotation}");
    while circuit.parameters().contains(&name) {
        name.push('_');
    }
    name
}
