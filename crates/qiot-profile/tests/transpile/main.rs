//! Circuits written for a device do what the given circuit does: the states are compared amplitude by amplitude, up to one
//! global phase and the permutation of the qubits that the layouts state.

mod native;
mod routing;

use num_complex::Complex64;
use qcore::{Angle, Circuit, Gate, StateVector};
use qiot_profile::transpile::{Target, Transpiled};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// Largest deviation of an amplitude.
const EXACT: f64 = 1e-12;

fn stream(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn random_state(qubits: usize, rng: &mut ChaCha8Rng) -> Vec<Complex64> {
    let raw: Vec<Complex64> =
        (0..1 << qubits).map(|_| Complex64::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0))).collect();
    let norm = raw.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
    raw.into_iter().map(|amplitude| amplitude / norm).collect()
}

fn applied(circuit: &Circuit, parameters: &[f64], amplitudes: &[Complex64]) -> Vec<Complex64> {
    let mut state = StateVector::from_amplitudes(amplitudes).expect("a state");
    state.apply_circuit(circuit, parameters).expect("a circuit of this width");
    state.amplitudes()
}

/// The amplitudes with qubit `k` moved to `wires[k]` of a register with `width` qubits, the others 0.
fn placed(amplitudes: &[Complex64], wires: &[usize], width: usize) -> Vec<Complex64> {
    let mut out = vec![Complex64::ZERO; 1 << width];
    for (index, &amplitude) in amplitudes.iter().enumerate() {
        let moved = wires.iter().enumerate().fold(0, |sum, (k, &wire)| sum | (index >> k & 1) << wire);
        out[moved] = amplitude;
    }
    out
}

/// Largest difference of amplitudes after one common phase has been taken out.
fn distance(left: &[Complex64], right: &[Complex64]) -> f64 {
    let overlap: Complex64 = left.iter().zip(right).map(|(a, b)| a.conj() * b).sum();
    let phase = overlap / overlap.norm();
    left.iter().zip(right).map(|(a, b)| (a * phase - b).norm()).fold(0.0, f64::max)
}

/// Checks that the transpiled circuit does what the circuit does, on random states at random parameters, and that every gate is
/// native and in place.
fn check(circuit: &Circuit, target: &Target, native: &Transpiled, rng: &mut ChaCha8Rng, what: &str) {
    assert_eq!(native.circuit.parameters(), circuit.parameters(), "{what}");
    for operation in native.circuit.operations() {
        let qcore::Instruction::Gate(gate) = operation.instruction() else { panic!("{what}: no gate") };
        assert!(target.gates.contains(gate), "{what}: {gate:?} is not native");
        if let (&[a, b], Some(edges)) = (operation.qubits(), &target.coupling) {
            assert!(edges.contains(&[a, b]) || edges.contains(&[b, a]), "{what}: {a} and {b} are not coupled");
            if let Some(directions) = &target.directions {
                assert!(directions.contains(&[a, b]), "{what}: {a} to {b} is not a direction");
            }
        }
    }
    let (compact, wires) = native.compact();
    let wire = |physical: &usize| wires.binary_search(physical).expect("in use");
    let [first, last] = [&native.initial, &native.last].map(|layout| layout.iter().map(wire).collect::<Vec<_>>());
    for _ in 0..2 {
        let state = random_state(circuit.num_qubits(), rng);
        let parameters: Vec<f64> = circuit.parameters().iter().map(|_| rng.random_range(-4.0..4.0)).collect();
        let expected = placed(&applied(circuit, &parameters, &state), &last, wires.len());
        let found = applied(&compact, &parameters, &placed(&state, &first, wires.len()));
        let distance = distance(&expected, &found);
        assert!(distance < EXACT, "{what}: {distance:e}");
    }
}

/// A random circuit of CX and rotations, a third of the angles symbolic.
fn random_circuit(qubits: usize, gates: usize, rng: &mut ChaCha8Rng) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("a small register");
    let theta = circuit.parameters_named("theta", 3).expect("new names");
    for _ in 0..gates {
        let a = rng.random_range(0..qubits);
        let b = (a + rng.random_range(1..qubits)) % qubits;
        let angle = match rng.random_range(0..3) {
            0 => Angle::from(theta[rng.random_range(0..3)]) * rng.random_range(-2.0..2.0) + 0.1,
            _ => Angle::constant(rng.random_range(-3.0..3.0)),
        };
        let (gate, operands) = match rng.random_range(0..6) {
            0 => (Gate::Ry, vec![a]),
            1 => (Gate::Rx, vec![a]),
            2 => (Gate::Rz, vec![a]),
            3 => (Gate::Rzz, vec![a, b]),
            _ => (Gate::Cx, vec![a, b]),
        };
        let angles = if gate == Gate::Cx { vec![] } else { vec![angle] };
        circuit.gate(gate, &operands, &angles).expect("a good gate");
    }
    circuit
}
