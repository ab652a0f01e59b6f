//! The simulator of a device: displaced angles against written ones, noise against density matrices of the native circuit, and
//! samples against exact values.

use std::sync::Arc;

use proptest::prelude::*;
use qcore::{
    Angle, Circuit, Control, DensityMatrix, Gate, NoisyBinding, NoisyProgram, Operation, PauliString, PauliSum,
};
use qgrad::{
    Adjoint, Backend, Estimator, Expectation, JobShots, ParameterShift, Point, Shift, Shots, StateVectorBackend,
};
use qiot_profile::transpile::{Target, transpile};
use qiot_profile::{DeviceProfile, DeviceSimulator, Metered};

mod common;
use common::stream;

/// A device without any error.
fn perfect(mut profile: DeviceProfile) -> DeviceProfile {
    profile.qubits.calibration = None;
    for gate in &mut profile.gates {
        gate.error = gate.error.map(|_| 0.0);
        gate.at.iter_mut().for_each(|place| place.error = 0.0);
    }
    profile
}

/// Every kind of angle and control on a register, each parameter once, so that a displaced angle is a displaced parameter.
fn every_kind(qubits: usize) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("small");
    let t = circuit.parameters_named("t", 9).expect("new names");
    let (far, angle) = (qubits - 1, |k: usize| Angle::from(t[k]));
    circuit.h(0).and_then(|c| c.ry(1, t[0])).expect("valid");
    circuit.gate(Gate::U, &[2], &[angle(1), Angle::constant(0.4), angle(2) * 2.0]).expect("valid");
    circuit.gate(Gate::Cry, &[0, far], &[angle(3) + 0.3]).expect("valid");
    circuit.gate(Gate::Cu, &[1, 0], &[angle(4), angle(5), Angle::constant(0.2), Angle::constant(-0.1)]).expect("valid");
    let string = PauliString::new(&[(0, qcore::Pauli::X), (2, qcore::Pauli::Y), (far, qcore::Pauli::Z)]);
    circuit.pauli_rotation(string.expect("distinct"), angle(6)).expect("valid");
    let rz = Operation::gate(Gate::Rx, &[1], &[angle(7)]).expect("valid");
    circuit.push(rz.controlled(&[Control::off(2)]).expect("another qubit")).expect("valid");
    circuit.gate(Gate::Rzz, &[0, 2], &[angle(8)]).expect("valid");
    circuit.gate(Gate::Ccx, &[0, 1, 2], &[]).and_then(|c| c.rz(1, 0.3)).expect("valid");
    circuit
}

fn observables() -> Vec<PauliSum> {
    ["Z0 X1 + 0.5 * Y2 - 0.3", "X0 Z2 + Z1"].iter().map(|text| text.parse().expect("a Pauli sum")).collect()
}

const THETA: [f64; 9] = [0.3, -0.7, 1.1, 0.5, -1.3, 0.9, 0.6, -0.4, 2.0];

/// Without errors the native circuit has the values of the written one, at every displaced point.
#[test]
fn displaced_angles_are_displaced_on_the_device() {
    for name in ["sensor-node", "edge-gateway", "perth"] {
        let profile = Arc::new(perfect(DeviceProfile::shipped(name).expect("shipped")));
        let expectation = Expectation::of_all_parameters(&every_kind(4), observables()).expect("valid");
        let rotations = expectation.program().rotations().len();
        let mut points = vec![Point::at(0)];
        for rotation in 0..rotations {
            points.push(Point::shifted(0, Shift { rotation, angle: 0.7 }));
            let second = Shift { rotation: (rotation + 3) % rotations, angle: -1.2 };
            points.push(Point::shifted_twice(0, Shift { rotation, angle: 1.5 }, second));
        }
        let job = expectation.job(&THETA, &points, JobShots::Exact);
        let expected = StateVectorBackend::new().run(&job, &mut stream()).expect("valid");
        let mut device = DeviceSimulator::noisy(profile).expect("a device");
        let found = device.run(&job, &mut stream()).expect("valid");
        assert_eq!(found.bill, expected.bill);
        for (k, (found, expected)) in found.values.iter().zip(&expected.values).enumerate() {
            assert!((found.value - expected.value).abs() < 1e-11, "{name}, {k}: {} {}", found.value, expected.value);
        }
    }
}

/// The exact value with noise is that of the density matrix of the native circuit, read where its qubits end; the gradient by
/// parameter shift is its derivative.
#[test]
fn noise_is_that_of_the_native_circuit() {
    // Quito is a T of 5 qubits: a star of 4 needs exchanges.
    let profile = DeviceProfile::shipped("quito").expect("shipped");
    let mut circuit = Circuit::new(4).expect("small");
    let t = circuit.parameters_named("t", 4).expect("new names");
    for (qubit, &angle) in t.iter().enumerate() {
        circuit.ry(qubit, angle).expect("valid");
    }
    for (a, b) in [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)] {
        circuit.cx(a, b).expect("valid");
    }
    let observable: PauliSum = "Z0 Z3 + 0.5 * X1 - 0.2".parse().expect("a Pauli sum");
    let expectation = Expectation::of_all_parameters(&circuit, vec![observable]).expect("valid");
    let theta = [0.3, -0.7, 1.1, 0.5];

    let native = transpile(&circuit, &Target::from(&profile)).expect("it fits");
    assert!(native.swaps > 0);
    let (small, wires) = native.compact();
    let model = profile.noise_on(&wires).expect("a device").model;
    let place = |qubit: usize| wires.iter().position(|&wire| wire == native.last[qubit]).expect("in use");
    let moved: PauliSum =
        format!("Z{} Z{} + 0.5 * X{} - 0.2", place(0), place(3), place(1)).parse().expect("a Pauli sum");
    let exact = |theta: &[f64]| {
        let program = NoisyProgram::compile(&small, &model).expect("valid");
        let mut binding = NoisyBinding::new(&program);
        program.bind(theta, &mut binding).expect("valid");
        let mut state = DensityMatrix::zero(small.num_qubits()).expect("small");
        state.run(&program, &binding).expect("valid");
        state.read_expectation(&moved, model.readout()).expect("fits")
    };
    let mut device = DeviceSimulator::noisy(profile).expect("a device");
    let shift = ParameterShift { shots: Shots::Exact };
    let value = shift.values(&expectation, &theta, &mut device, &mut stream()).expect("valid").estimates[0].value;
    assert!((value - exact(&theta)).abs() < 1e-12, "{value} {}", exact(&theta));
    let gradient = shift.gradient(&expectation, &theta, &mut device, &mut stream()).expect("valid").gradient;
    for (k, component) in gradient.iter().enumerate() {
        let step = 1e-4;
        let at = |sign: f64| {
            let mut moved = theta;
            moved[k] += sign * step;
            exact(&moved)
        };
        let difference = (at(1.0) - at(-1.0)) / (2.0 * step);
        assert!((component - difference).abs() < 1e-7, "{k}: {component} {difference}");
    }
    let ideal = Adjoint.values(&expectation, &theta, &mut StateVectorBackend::new(), &mut stream()).expect("valid");
    assert!((ideal.estimates[0].value - value).abs() > 0.005, "noise is seen: {} {value}", ideal.estimates[0].value);
}

/// Samples, on density matrices and on trajectories, scatter about the exact value as they say: within 5 of their standard errors,
/// and the same bytes again.
#[test]
fn samples_are_of_the_exact_distribution() {
    let profile = Arc::new(DeviceProfile::shipped("guadalupe").expect("shipped"));
    // Nine qubits of a chain: less than 32 shots are trajectories, more are of a density matrix.
    let mut circuit = Circuit::new(9).expect("small");
    let t = circuit.parameters_named("t", 9).expect("new names");
    for (qubit, &angle) in t.iter().enumerate() {
        circuit.ry(qubit, angle).expect("valid");
    }
    for qubit in 0..8 {
        circuit.cx(qubit, qubit + 1).expect("valid");
    }
    let expectation = Expectation::of_all_parameters(&circuit, vec!["Z8 + X0".parse().expect("a sum")]).expect("valid");
    let theta = [0.2, -0.3, 0.5, 0.4, -0.2, 0.3, 0.1, 0.2, -0.1];
    let of = |shots| {
        let mut device = DeviceSimulator::noisy(Arc::clone(&profile)).expect("a device");
        let shift = ParameterShift { shots };
        shift.values(&expectation, &theta, &mut device, &mut stream()).expect("valid").estimates[0]
    };
    let exact = of(Shots::Exact).value;
    for shots in [31, 4000] {
        let sampled = of(Shots::PerCircuit(shots));
        assert!(sampled.std_error > 0.0 && sampled.std_error < 2.0 / (shots as f64).sqrt());
        assert!((sampled.value - exact).abs() < 5.0 * sampled.std_error, "{shots}: {sampled:?} {exact}");
        assert_eq!(sampled, of(Shots::PerCircuit(shots)));
    }
}

/// A device whose pieces do not fit is refused by the meter before the simulator sees the job, and by the simulator itself.
#[test]
fn what_cannot_be_routed_is_refused() {
    let mut profile = DeviceProfile::shipped("quito").expect("shipped");
    profile.qubits.coupling = Some(vec![[0, 1], [3, 4]]);
    profile.gates.retain(|gate| gate.name != "cx");
    profile.gates.push(qiot_profile::NativeGate {
        name: "cx".into(),
        error: Some(0.01),
        duration_ns: Some(300.0),
        at: Vec::new(),
    });
    let mut circuit = Circuit::new(3).expect("small");
    let t = circuit.parameter("t").expect("new");
    circuit.ry(0, t).and_then(|c| c.cx(0, 1)).and_then(|c| c.cx(1, 2)).expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec!["Z2".parse().expect("a sum")]).expect("valid");
    let refusal = qgrad::Refusal::Connectivity { circuit: vec![3], device: vec![2, 1, 2] };
    let shift = ParameterShift { shots: Shots::PerCircuit(10) };
    let mut device = DeviceSimulator::noisy(profile.clone()).expect("a device");
    let refused = shift.values(&expectation, &[0.1], &mut device, &mut stream()).expect_err("in parts");
    assert_eq!(refused, refusal.clone().into());
    let mut metered = Metered::new(profile, device).expect("a device");
    let refused = shift.values(&expectation, &[0.1], &mut metered, &mut stream()).expect_err("in parts");
    assert_eq!(refused, refusal.into());
    assert_eq!((metered.ledger().bill.shots, metered.ledger().refused_jobs), (0, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// A job with a parameter row for each point is a job with displaced angles, bit for bit in what is charged and to rounding in
    /// what is read.
    #[test]
    fn a_shift_is_a_row(rotation in 0_usize..4, angle in -3.0..3.0_f64) {
        let profile = Arc::new(DeviceProfile::shipped("lagos").expect("shipped"));
        let mut circuit = Circuit::new(3).expect("small");
        let t = circuit.parameters_named("t", 4).expect("new names");
        circuit.ry(0, t[0]).and_then(|c| c.gate(Gate::Crx, &[0, 2], &[t[1].into()])).expect("valid");
        circuit.rz(2, t[2]).and_then(|c| c.ry(1, t[3])).and_then(|c| c.cx(1, 2)).expect("valid");
        let expectation = Expectation::of_all_parameters(&circuit, vec!["Z2 + X0 Y1".parse().expect("a sum")])
            .expect("valid");
        let mut device = DeviceSimulator::noisy(profile).expect("a device");
        let theta = [0.4, -0.8, 0.1, 1.0];
        let mut row = theta;
        row[rotation] += angle;
        let shifted = [Point::shifted(0, Shift { rotation, angle })];
        let a = device.run(&expectation.job(&theta, &shifted, JobShots::Exact), &mut stream()).expect("valid");
        let b = device.run(&expectation.job(&row, &[Point::at(0)], JobShots::Exact), &mut stream()).expect("valid");
        prop_assert!((a.values[0].value - b.values[0].value).abs() < 1e-12);
        prop_assert_eq!(a.bill, b.bill);
    }
}
