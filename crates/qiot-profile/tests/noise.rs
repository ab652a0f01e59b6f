//! Noise from a calibration: against Qiskit Aer's models of the same snapshots, and against its own definition.

use num_complex::Complex64;
use qcore::{Circuit, DensityMatrix, Gate, NoiseModel, NoisyBinding, NoisyProgram, PauliSum};
use qiot_profile::{DeviceProfile, Error, NativeGate};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    devices: Vec<Device>,
}

#[derive(Deserialize)]
struct Device {
    name: String,
    channels: Vec<AerChannel>,
    infidelities: Vec<Infidelity>,
    circuit: Case,
}

#[derive(Deserialize)]
struct AerChannel {
    gate: String,
    qubits: Vec<usize>,
    transfer: Vec<f64>,
}

#[derive(Deserialize)]
struct Infidelity {
    gate: String,
    qubits: Vec<usize>,
    infidelity: f64,
}

#[derive(Deserialize)]
struct Case {
    layout: Vec<usize>,
    operations: Vec<(String, Vec<usize>, Option<f64>)>,
    observables: Vec<String>,
    values: Vec<f64>,
    read_probabilities: Vec<f64>,
}

fn fixture() -> Vec<Device> {
    let text = include_str!("data/aer/aer.json");
    serde_json::from_str::<Fixture>(text).expect("the fixture has this form").devices
}

fn circuit_of(width: usize, gate: &str, qubits: &[usize], angle: Option<f64>) -> Circuit {
    let mut circuit = Circuit::new(width).expect("small");
    push(&mut circuit, gate, qubits, angle);
    circuit
}

fn push(circuit: &mut Circuit, gate: &str, qubits: &[usize], angle: Option<f64>) {
    let angles: Vec<qcore::Angle> = angle.into_iter().map(qcore::Angle::constant).collect();
    circuit.gate(Gate::by_name(gate).expect("a gate"), qubits, &angles).expect("valid operands");
}

/// A circuit without parameters and its noise.
fn compile(circuit: &Circuit, model: &NoiseModel) -> (NoisyProgram, NoisyBinding) {
    let program = NoisyProgram::compile(circuit, model).expect("fits");
    let mut binding = NoisyBinding::new(&program);
    program.bind(&[], &mut binding).expect("no parameters");
    (program, binding)
}

/// The string with these digits (I, X, Y, Z) as text and as a matrix.
fn pauli(qubits: usize, string: usize) -> (PauliSum, Vec<Complex64>) {
    let text: Vec<String> = (0..qubits)
        .filter_map(|k| {
            ["", "X", "Y", "Z"].get(string >> (2 * k) & 3).filter(|p| !p.is_empty()).map(|p| format!("{p}{k}"))
        })
        .collect();
    let sum = if text.is_empty() { "I" } else { &text.join(" ") };
    let (i, one, zero) = (Complex64::new(0.0, 1.0), Complex64::new(1.0, 0.0), Complex64::new(0.0, 0.0));
    let letters = [[one, zero, zero, one], [zero, one, one, zero], [zero, -i, i, zero], [one, zero, zero, -one]];
    let size = 1 << qubits;
    let entry = |row: usize, column: usize| -> Complex64 {
        (0..qubits).map(|k| letters[string >> (2 * k) & 3][(row >> k & 1) * 2 + (column >> k & 1)]).product()
    };
    let matrix = (0..size * size).map(|at| entry(at / size, at % size)).collect();
    (sum.parse().expect("a Pauli string"), matrix)
}

/// What follows a gate, in the Pauli basis: the gate is undone without noise before it is done with noise.
fn transfer(model: &NoiseModel, gate: &str, qubits: usize) -> Vec<f64> {
    let operands: Vec<usize> = (0..qubits).collect();
    let circuit = circuit_of(qubits, gate, &operands, None);
    let (undone, done) = (compile(&circuit.inverse(), &NoiseModel::new()), compile(&circuit, model));
    let (size, strings) = (1_usize << qubits, 1_usize << (2 * qubits));
    let image = |string: usize| -> Vec<f64> {
        let (_, matrix) = pauli(qubits, string);
        let scale = 1.0 / size as f64;
        // (1 + P) / d, or 1 / d for the identity.
        let entries: Vec<Complex64> = (0..size * size)
            .map(|at| {
                let identity = if at % (size + 1) == 0 { scale } else { 0.0 };
                if string == 0 { identity.into() } else { identity + matrix[at] * scale }
            })
            .collect();
        let mut rho = DensityMatrix::from_matrix(qubits, &entries).expect("a state");
        for (program, binding) in [&undone, &done] {
            rho.apply(program, binding).expect("the same width");
        }
        (0..strings).map(|row| rho.expectation(&pauli(qubits, row).0).expect("fits")).collect()
    };
    let constant = image(0);
    let columns: Vec<Vec<f64>> = (0..strings).map(image).collect();
    (0..strings * strings)
        .map(|at| {
            let (row, column) = (at / strings, at % strings);
            if column == 0 { constant[row] } else { columns[column][row] - constant[row] }
        })
        .collect()
}

/// Average gate infidelity of a channel in the Pauli basis.
fn infidelity(transfer: &[f64]) -> f64 {
    let strings = transfer.len().isqrt();
    let size = strings.isqrt() as f64;
    let trace: f64 = (0..strings).map(|k| 1.0 - transfer[k * (strings + 1)]).sum();
    size * trace / (strings as f64) / (size + 1.0)
}

/// Four channels per device, every entry.
#[test]
fn channels_are_those_of_aer() {
    for device in fixture() {
        let profile = DeviceProfile::shipped(&device.name).expect("shipped");
        for channel in &device.channels {
            let noise = profile.noise_on(&channel.qubits).expect("valid");
            let own = transfer(&noise.model, &channel.gate, channel.qubits.len());
            for (at, (own, aer)) in own.iter().zip(&channel.transfer).enumerate() {
                assert!((own - aer).abs() < 1e-12, "{} {} {at}: {own} {aer}", device.name, channel.gate);
            }
        }
    }
}

/// Every gate of every device: the infidelity is Aer's, and it is the calibrated one except where relaxation alone is worse.
#[test]
fn infidelities_are_the_calibrated_ones() {
    let mut exceeded = 0;
    for device in fixture() {
        let profile = DeviceProfile::shipped(&device.name).expect("shipped");
        let excess = profile.noise_on(&(0..profile.qubits.count).collect::<Vec<_>>()).expect("valid").excess;
        exceeded += excess.len();
        let mut noisy = 0;
        for Infidelity { gate, qubits, infidelity: aer } in &device.infidelities {
            let model = profile.noise_on(qubits).expect("valid").model;
            let own = infidelity(&transfer(&model, gate, qubits.len()));
            assert!((own - aer).abs() < 1e-12, "{} {gate} {qubits:?}: {own} {aer}", device.name);
            let calibrated = profile.gate(gate, qubits).expect("native").error;
            match excess.iter().find(|excess| excess.gate == *gate && excess.qubits == *qubits) {
                Some(excess) => {
                    assert!(excess.modelled > calibrated && excess.calibrated == calibrated);
                    assert!((own - excess.modelled).abs() < 1e-12);
                }
                None => assert!((own - calibrated).abs() < 1e-12, "{} {gate} {qubits:?}", device.name),
            }
            noisy += 1;
        }
        assert_eq!(noisy, profile.native().filter(|(.., cost)| cost.duration_ns > 0.0).count(), "all but rz");
    }
    assert!(exceeded > 0, "both cases occur");
}

#[test]
fn circuits_have_the_values_that_aer_finds() {
    for device in fixture() {
        let profile = DeviceProfile::shipped(&device.name).expect("shipped");
        let Case { layout, operations, observables, values, read_probabilities } = &device.circuit;
        let model = profile.noise_on(layout).expect("valid").model;
        let mut circuit = Circuit::new(layout.len()).expect("small");
        for (gate, qubits, angle) in operations {
            push(&mut circuit, gate, qubits, *angle);
        }
        let mut rho = DensityMatrix::zero(layout.len()).expect("small");
        let (program, binding) = compile(&circuit, &model);
        rho.apply(&program, &binding).expect("the same width");
        for (observable, expected) in observables.iter().zip(values) {
            let value = rho.expectation(&observable.parse().expect("a Pauli string")).expect("fits");
            assert!((value - expected).abs() < 1e-12, "{} {observable}: {value} {expected}", device.name);
        }
        let probabilities = rho.read_probabilities(model.readout()).expect("fits");
        for (own, expected) in probabilities.iter().zip(read_probabilities) {
            assert!((own - expected).abs() < 1e-12, "{}: {own} {expected}", device.name);
        }
    }
}

#[test]
fn both_directions_of_a_pair_have_their_own_noise() {
    let profile = DeviceProfile::shipped("manila").expect("shipped");
    let model = profile.noise_on(&[0, 1]).expect("valid").model;
    let reversed = profile.noise_on(&[1, 0]).expect("valid").model;
    let (forward, backward) = (transfer(&model, "cx", 2), transfer(&reversed, "cx", 2));
    // The same two qubits exchanged: only the duration differs, and with it what relaxation has done.
    let exchanged = |at: usize| (at & 3) << 2 | at >> 2;
    let farthest = (0..256)
        .map(|at| (forward[at] - backward[16 * exchanged(at / 16) + exchanged(at % 16)]).abs())
        .fold(0.0, f64::max);
    assert!(farthest > 1e-6, "{farthest}");
}

/// Depolarizing alone where nothing relaxes, and its parameter at the limit of what is a channel.
#[test]
fn a_gate_without_duration_is_only_depolarized() {
    let mut profile = DeviceProfile::shipped("edge-gateway").expect("shipped");
    let gate =
        |name: &str, error| NativeGate { name: name.into(), error: Some(error), duration_ns: Some(0.0), at: vec![] };
    for (error, kept) in [(0.3, 1.0 - 0.3 * 2.0), (2.0 / 3.0, -1.0 / 3.0), (1.0, -1.0 / 3.0)] {
        profile.gates = vec![gate("x", error)];
        let noise = profile.noise_on(&[3]).expect("valid");
        let matrix = transfer(&noise.model, "x", 1);
        for (at, entry) in matrix.iter().enumerate() {
            let expected = if at == 0 {
                1.0
            } else if at % 5 == 0 {
                kept
            } else {
                0.0
            };
            assert!((entry - expected).abs() < 1e-12, "{error}: {matrix:?}");
        }
        assert_eq!(noise.excess, []);
    }
    profile.gates = vec![gate("x", 0.0)];
    assert_eq!(profile.noise().expect("valid").model.rules(), []);
}

#[test]
fn what_is_not_native_and_layouts_that_cannot_be_are_refused() {
    let profile = DeviceProfile::shipped("manila").expect("shipped");
    assert!(matches!(profile.noise_on(&[0, 5]), Err(Error::Layout { qubit: 5, count: 5 })));
    assert!(matches!(profile.noise_on(&[2, 2]), Err(Error::Layout { qubit: 2, .. })));
    let mut circuit = Circuit::new(3).expect("small");
    push(&mut circuit, "sx", &[0], None);
    push(&mut circuit, "cx", &[1, 0], None);
    assert_eq!(profile.check_native(&circuit), Ok(()));
    let mut uncoupled = circuit.clone();
    push(&mut uncoupled, "cx", &[0, 2], None);
    let error = profile.check_native(&uncoupled).expect_err("not coupled");
    assert_eq!(error, Error::NotNative { index: 2, gate: "cx", qubits: vec![0, 2] });
    assert_eq!(error.to_string(), "operation 2, `cx` on qubits [0, 2], is no native gate of the device there");
    push(&mut circuit, "h", &[0], None);
    assert!(matches!(profile.check_native(&circuit), Err(Error::NotNative { index: 2, gate: "h", .. })));
}
