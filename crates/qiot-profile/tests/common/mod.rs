//! What the tests of this crate share: a backend that counts what it is asked to run, and jobs of any size.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use qcore::{Circuit, Program};
use qgrad::{Backend, Error, Estimate, Job, JobResult, JobShots, Measurement, Point};
use qiot_profile::{DeviceProfile, Energy, GatePlace, Latency, Limits, NativeGate, QubitCalibration, Qubits, Traffic};
use rand::Rng;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Any stream: the wrapped backend of these tests reads one word per job.
pub fn stream() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(7)
}

/// A profile without limits except the qubits; times and energies are multiples of 2^-10, so that sums of them are exact.
pub fn profile() -> DeviceProfile {
    DeviceProfile {
        name: "test".into(),
        description: "made up".into(),
        source: "made up".into(),
        calibrated: None,
        licence: None,
        qubits: Qubits { count: 4, coupling: None, calibration: None },
        limits: Limits::default(),
        latency: latency(0.5, 0.25, 1.0 / 1024.0),
        traffic: Traffic::default(),
        energy: Energy { joules_per_shot: 3.0 / 1024.0, joules_per_job: 2.0, joules_per_byte: 0.0 },
        gates: Vec::new(),
    }
}

/// Times per submission, circuit and shot, in seconds, without jitter.
pub fn latency(job: f64, circuit: f64, shot: f64) -> Latency {
    Latency {
        round_trip_seconds: job,
        jitter_seconds: 0.0,
        queue_seconds: 0.0,
        compile_seconds: 0.0,
        circuit_overhead_seconds: circuit,
        circuit_seconds: 0.0,
        reset_seconds: shot,
    }
}

/// A calibrated device with every field set; `tests/profiles.rs` has it as text.
pub fn bench() -> DeviceProfile {
    let qubit = |t1_us, t2_us, p1_given_0, p0_given_1, readout_ns| QubitCalibration {
        t1_us,
        t2_us,
        p1_given_0,
        p0_given_1,
        readout_ns,
    };
    let place = |qubits: [usize; 2], error, duration_ns| GatePlace { qubits: qubits.to_vec(), error, duration_ns };
    DeviceProfile {
        name: "bench".into(),
        description: "three ions".into(),
        source: "assumed".into(),
        calibrated: Some("2024-05-27T15:27:23-03:00".into()),
        licence: Some("Apache-2.0".into()),
        qubits: Qubits {
            count: 3,
            coupling: Some(vec![[0, 1], [1, 2]]),
            calibration: Some(vec![
                qubit(50.0, 70.0, 0.01, 0.02, 700.0),
                qubit(40.0, 80.0, 0.03, 0.04, 900.0),
                qubit(60.0, 30.0, 0.0, 1.0, 800.0),
            ]),
        },
        limits: Limits {
            shots_total: Some(10_000),
            shots_per_job: Some(500),
            shots_per_circuit: Some(100),
            shots_per_window: Some(2_000),
            window_seconds: Some(60.0),
            jobs_total: Some(40),
            circuits_per_job: Some(7),
            seconds_total: Some(3600.0),
            memory_bytes: Some(65_536),
            parameters: Some(32),
        },
        latency: Latency {
            round_trip_seconds: 0.5,
            jitter_seconds: 0.25,
            queue_seconds: 2.0,
            compile_seconds: 0.125,
            circuit_overhead_seconds: 0.0,
            circuit_seconds: 2e-3,
            reset_seconds: 1e-3,
        },
        traffic: Traffic { bytes_per_job: 100, bytes_per_circuit: 10, bytes_per_shot: 1 },
        energy: Energy { joules_per_shot: 2.5, joules_per_job: 0.25, joules_per_byte: 0.5 },
        gates: vec![
            NativeGate { name: "sx".into(), error: Some(1e-4), duration_ns: Some(35.5), at: Vec::new() },
            NativeGate {
                name: "cx".into(),
                error: None,
                duration_ns: None,
                at: vec![
                    place([0, 1], 0.01, 300.0),
                    place([1, 0], 0.01, 350.0),
                    place([1, 2], 0.02, 400.0),
                    place([2, 1], 0.02, 450.0),
                ],
            },
        ],
    }
}

/// Counts what it runs, circuit by circuit, and returns made-up values and a made-up bill.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    pub calls: u64,
    pub circuits: u128,
    pub shots: u128,
    pub fails: bool,
}

impl Backend for Counter {
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        if self.fails {
            return Err(Error::NotFinite { index: 0, value: f64::NAN });
        }
        self.calls += 1;
        let value = f64::from(rng.next_u32());
        for circuit in 0..job.points.len() * job.measurement.groups().len() {
            self.circuits += 1;
            self.shots += match job.shots {
                JobShots::Exact => 0,
                JobShots::Each(shots) => u128::from(shots),
                JobShots::PerCircuit(shots) => u128::from(shots[circuit]),
            };
        }
        let values = vec![Estimate { value, std_error: 1.0, shots: 1 }; job.points.len()];
        Ok(JobResult { values, bill: qgrad::Bill { jobs: 99, circuits: 99, shots: 99, seconds: 99.0, joules: 99.0 } })
    }
}

/// The parts that a job borrows.
pub struct Parts {
    pub circuit: Circuit,
    pub program: Program,
    pub measurement: Measurement,
    pub points: Vec<Point>,
}

impl Parts {
    /// A circuit on `qubits` qubits, read in `groups` measurement groups (at most two) at `points` points.
    pub fn new(qubits: usize, points: usize, groups: usize) -> Self {
        let circuit = Circuit::new(qubits).expect("a valid width");
        Self {
            program: Program::compile(&circuit),
            circuit,
            measurement: measurement(qubits, groups),
            points: vec![Point::at(0); points],
        }
    }

    pub fn job<'a>(&'a self, shots: JobShots<'a>) -> Job<'a> {
        let Self { circuit, program, measurement, points } = self;
        Job { circuit, program, measurement, parameters: &[], points, shots }
    }
}

/// `Z0` is read in one group, `Z0` and `X0` in two.
fn measurement(qubits: usize, groups: usize) -> Measurement {
    let observables = ["Z0", "X0"].iter().take(groups).map(|text| text.parse().expect("a Pauli sum")).collect();
    let measurement = Measurement::new(qubits, observables).expect("qubit 0 exists");
    assert_eq!(measurement.groups().len(), groups);
    measurement
}
