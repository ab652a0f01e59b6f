//! What several tests use: circuits, a dense way to a value, and a backend that counts.

#![allow(dead_code, reason = "no test uses all of it")]

use qcore::{Angle, Circuit, Gate, PauliSum, StateVector};
use qgrad::{Backend, Bill, Error, Job, JobResult, JobShots, Simulator, StateVectorBackend};
use rand::Rng;

pub(crate) fn value(circuit: &Circuit, observable: &PauliSum, parameters: &[f64]) -> f64 {
    let mut state = StateVector::zero(circuit.num_qubits()).expect("small");
    state.apply_circuit(circuit, parameters).expect("valid");
    state.expectation(observable).expect("fits")
}

/// A fourth-order central difference: its error is about 1e-11 for these circuits.
pub(crate) fn finite_difference(f: impl Fn(&[f64]) -> f64, at: &[f64], k: usize) -> f64 {
    let h = 2e-3;
    let moved = |by: f64| {
        let mut point = at.to_vec();
        point[k] += by;
        f(&point)
    };
    (8.0 * (moved(h) - moved(-h)) - (moved(2.0 * h) - moved(-2.0 * h))) / (12.0 * h)
}

pub(crate) fn observable() -> PauliSum {
    "0.7 * Z0 Z1 - 1.1 * X0 + 0.4 * Y1 X2 + 0.3 * I - 0.2 * Y0 Z2".parse().expect("valid")
}

pub(crate) fn random_circuit(choices: &[(usize, usize, [f64; 4])], parameters: usize) -> Circuit {
    let mut circuit = Circuit::new(3).expect("width");
    let params = circuit.parameters_named("t", parameters).expect("new");
    for (index, &(gate, place, factors)) in choices.iter().enumerate() {
        let fitting: Vec<_> = Gate::all().iter().filter(|spec| spec.qubits() <= 3).collect();
        let spec = fitting[gate % fitting.len()];
        let mut operands: Vec<usize> = vec![0, 1, 2];
        operands.rotate_left(place % 3);
        if place % 2 == 1 {
            operands.swap(0, 1);
        }
        // Shared, affine, products and quotients in turn.
        let (a, b) = (params[index % parameters], params[(index + place) % parameters]);
        let angles: Vec<Angle> = factors[..spec.angles]
            .iter()
            .map(|&factor| match index % 4 {
                0 => Angle::from(a),
                1 => factor * a - 0.5 * b + 0.3,
                2 => factor * (a * b),
                _ => a / (Angle::from(b) * b + 2.0),
            })
            .collect();
        circuit.gate(spec.gate, &operands[..spec.qubits()], &angles).expect("valid");
    }
    circuit
}

pub(crate) fn hea(qubits: usize, layers: usize) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("width");
    let t = circuit.parameters_named("t", 2 * qubits * layers).expect("new");
    for layer in t.chunks(2 * qubits) {
        for q in 0..qubits {
            circuit.ry(q, layer[2 * q]).expect("valid").rz(q, layer[2 * q + 1]).expect("valid");
        }
        for q in 1..qubits {
            circuit.cz(q - 1, q).expect("valid");
        }
    }
    circuit
}

pub(crate) fn angles(count: usize) -> Vec<f64> {
    (0..count).map(|k| (0.1 + 0.37 * k as f64) % (2.0 * std::f64::consts::PI)).collect()
}

/// Counts what really arrives, circuit by circuit and shot by shot.
pub(crate) struct Counting {
    inner: StateVectorBackend,
    pub(crate) bill: Bill,
    /// Shots of each measurement group.
    pub(crate) of_group: Vec<u64>,
}

impl Counting {
    pub(crate) fn new() -> Self {
        Self { inner: StateVectorBackend::new(), bill: Bill::ZERO, of_group: Vec::new() }
    }
}

impl Backend for Counting {
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        self.bill.jobs += 1;
        let groups = job.measurement.groups().len();
        self.of_group.resize(groups.max(self.of_group.len()), 0);
        for circuit in 0..job.points.len() * groups {
            let shots = match job.shots {
                JobShots::Exact => 0,
                JobShots::Each(shots) => shots,
                JobShots::PerCircuit(shots) => shots[circuit],
            };
            self.bill.circuits += 1;
            self.bill.shots += shots;
            self.of_group[circuit % groups] += shots;
        }
        self.inner.run(job, rng)
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        None
    }
}
