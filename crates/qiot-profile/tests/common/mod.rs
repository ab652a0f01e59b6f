//! What the tests of this crate share: a backend that counts what it is asked to run, and jobs of any size.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use qcore::{Circuit, Program};
use qgrad::{Backend, Error, Estimate, Job, JobResult, JobShots, Measurement, Point};
use qiot_profile::{DeviceProfile, Energy, Latency, Limits, Qubits, Traffic};
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
