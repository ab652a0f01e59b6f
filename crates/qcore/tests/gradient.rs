//! Derivatives read off the plan against the same ones step by step, and those against differences of values.

mod common;

use common::{placements, random_unitary};
use proptest::prelude::*;
use qcore::{Binding, Circuit, Derivatives, Gate, Level, PauliString, PauliSum, Program, Reverse, StateVector};

/// Adjoint differentiation one step at a time.
fn stepped(program: &Program, binding: &Binding, observable: &PauliSum) -> Vec<f64> {
    let mut ket = StateVector::zero(program.num_qubits()).expect("small");
    ket.apply_steps(program, binding, 0..program.num_steps()).expect("fits");
    let mut bra = ket.clone();
    ket.apply_observable(observable, &mut bra).expect("fits");
    let mut out = vec![0.0; program.rotations().len()];
    for step in (0..program.num_steps()).rev() {
        if let Some(rotation) = program.rotation_of_step(step) {
            let generator = program.rotations()[rotation].generator();
            out[rotation] = ket.generator_overlap(&bra, generator).expect("fits");
        }
        ket.undo_step(program, binding, step).expect("fits");
        bra.undo_step(program, binding, step).expect("fits");
    }
    out
}

/// Letters of every kind on the register, with coefficients of either sign.
fn observable(qubits: usize) -> PauliSum {
    let mut terms = vec![(0.3, PauliString::IDENTITY)];
    for q in 0..qubits {
        terms.push((0.9 - 0.2 * q as f64, PauliString::from_masks(1 << q, 0)));
        terms.push((0.4 + 0.1 * q as f64, PauliString::from_masks(0, 1 << q | 1 << (q / 2))));
    }
    terms.push((0.7, PauliString::from_masks(1 << (qubits - 1) | 1, 1)));
    terms.push((-0.6, PauliString::from_masks(1 << (qubits / 2), 1 << (qubits - 1))));
    PauliSum::new(terms).expect("finite")
}

fn fused(program: &Program, binding: &Binding, observable: &PauliSum, wanted: &[usize], level: Level) -> Vec<f64> {
    let derivatives = Derivatives::new(program, wanted);
    let mut reverse = Reverse::new(program.num_qubits()).expect("small").with_level(level);
    let mut out = vec![f64::NAN; wanted.len()];
    reverse.forward(program, binding, &derivatives).expect("fits");
    let first = (0.25, observable);
    reverse.backward(program, binding, &derivatives, &[first, (0.75, observable)], &mut out).expect("fits");
    out
}

/// The largest difference between both ways, over all rotations, some of them, the first one and the last one, at all levels.
fn difference(circuit: &Circuit, parameters: &[f64]) -> f64 {
    let program = Program::compile(circuit);
    let mut binding = Binding::new(&program);
    program.bind(parameters, &mut binding).expect("finite angles");
    let observable = observable(circuit.num_qubits());
    let expected = stepped(&program, &binding, &observable);
    let all: Vec<usize> = (0..expected.len()).collect();
    let some: Vec<usize> = all.iter().copied().filter(|k| k * 7 % 5 == 2).rev().collect();
    let first: Vec<usize> = all.iter().copied().take(1).collect();
    let last: Vec<usize> = all.iter().copied().rev().take(1).collect();
    let mut worst = 0.0_f64;
    for level in Level::available() {
        for wanted in [&all, &some, &first, &last] {
            for (&rotation, got) in wanted.iter().zip(fused(&program, &binding, &observable, wanted, level)) {
                let error = (got - expected[rotation]).abs();
                assert!(!error.is_nan(), "rotation {rotation} at {level}");
                worst = worst.max(error);
            }
        }
    }
    worst
}

/// A gate of the table with an angle parameter of its own for each angle, or a Pauli rotation, or a matrix.
fn random_gate(circuit: &mut Circuit, theta: &mut Vec<f64>, gate: usize, place: usize, angles: &[f64; 4]) {
    let qubits = circuit.num_qubits();
    let fitting: Vec<_> = Gate::all().iter().filter(|spec| spec.qubits() <= qubits).collect();
    let mut parameter = |circuit: &mut Circuit, angle: f64| {
        theta.push(angle);
        circuit.parameter(format!("t{}", theta.len())).expect("a new name")
    };
    if gate % 8 == 7 {
        let mask = (1_u64 << qubits) - 1;
        let string = PauliString::from_masks(place as u64 & mask, (place as u64 >> 5) & mask);
        let angle = parameter(circuit, angles[0]);
        circuit.pauli_rotation(string, angle).expect("fits");
        return;
    }
    let spec = fitting[gate % fitting.len()];
    let mut free: Vec<usize> = (0..qubits).collect();
    let mut operands = Vec::new();
    let mut place = place;
    for _ in 0..spec.qubits() {
        operands.push(free.remove(place % free.len()));
        place /= qubits;
    }
    if gate % 16 == 6 && !operands.is_empty() {
        circuit.unitary(&operands[..1], &random_unitary(2, gate as u64)).expect("unitary");
    }
    let angles: Vec<_> = angles[..spec.angles].iter().map(|&a| parameter(circuit, a).into()).collect();
    circuit.gate(spec.gate, &operands, &angles).expect("valid operands");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn random_circuits(
        qubits in prop_oneof![1_usize..=10, Just(14)],
        choices in prop::collection::vec((0_usize..640, 0_usize..100_000, prop::array::uniform4(-7.0_f64..7.0)), 1..40),
    ) {
        let mut circuit = Circuit::new(qubits).expect("width");
        let mut theta = Vec::new();
        for (gate, place, angles) in choices {
            random_gate(&mut circuit, &mut theta, gate, place, &angles);
        }
        let error = difference(&circuit, &theta);
        prop_assert!(error < 1e-12, "{error:e}");
    }
}

/// Angles of any size, and those where tangents have no value or products of gates have no Euler angles.
fn some_angle() -> impl Strategy<Value = f64> {
    let quarter = std::f64::consts::FRAC_PI_2;
    prop_oneof![4 => -7.0_f64..7.0, 1 => (-4_i32..=4).prop_map(move |k| f64::from(k) * quarter)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Small registers, whose layers all go through one call: rotations about all axes, and diagonals by signs alone, by factors and
    /// by tables.
    #[test]
    fn layers_on_small_registers(
        qubits in 1_usize..=5,
        layers in prop::collection::vec(
            (prop::collection::vec((0_usize..6, some_angle()), 5), prop::collection::vec((0_usize..9, 0_usize..60, some_angle()), 0..4)),
            1..6,
        ),
    ) {
        let mut circuit = Circuit::new(qubits).expect("width");
        let (mut theta, shared) = (vec![0.7], circuit.parameter("shared").expect("a new name"));
        for (turns, pairs) in layers {
            let mut angle = |circuit: &mut Circuit, value: f64| {
                theta.push(value);
                circuit.parameter(format!("t{}", theta.len())).expect("a new name")
            };
            for (q, (kind, value)) in turns.into_iter().take(qubits).enumerate() {
                if kind == 0 {
                    continue;
                }
                let of_shared = shared * value;
                let angle = if kind == 1 { of_shared } else { angle(&mut circuit, value).into() };
                match kind {
                    2 => circuit.rx(q, angle),
                    3 => circuit.rz(q, angle),
                    4 => circuit.ry(q, angle.clone()).expect("valid").rz(q, angle),
                    _ => circuit.ry(q, angle),
                }
                .expect("valid");
            }
            for (kind, place, value) in pairs {
                let (a, b) = (place % qubits, (place % qubits + 1 + place / qubits % (qubits - 1).max(1)) % qubits);
                let all: Vec<usize> = (0..qubits).collect();
                if a == b {
                    circuit.h(a).expect("valid");
                    continue;
                }
                let angle = angle(&mut circuit, value);
                match kind {
                    0 => circuit.gate(Gate::Rzz, &[a, b], &[angle.into()]),
                    1 => circuit.gate(Gate::Cp, &[a, b], &[angle.into()]),
                    2 => circuit.gate(Gate::Crz, &[a, b], &[angle.into()]),
                    3 => circuit.crx(a, b, angle),
                    4 => circuit.pauli_rotation(PauliString::from_masks(0, (1 << all.len()) - 1), angle),
                    5 => circuit.gate(Gate::P, &[a], &[angle.into()]),
                    6 => circuit.cx(a, b),
                    _ => circuit.cz(a, b),
                }.expect("valid");
            }
        }
        let error = difference(&circuit, &theta);
        prop_assert!(error < 1e-12, "{error:e}");
    }
}

/// Layers of RY, RZ and CZ, some angles exactly half a turn.
fn layers(qubits: usize, layers: usize, half_turns: usize) -> (Circuit, Vec<f64>) {
    let mut circuit = Circuit::new(qubits).expect("width");
    let mut theta = Vec::new();
    for layer in 0..layers {
        for q in 0..qubits {
            for axis in 0..2 {
                let parameter = circuit.parameter(format!("t{layer}_{q}_{axis}")).expect("a new name");
                let k = theta.len();
                let half_turn = half_turns > 0 && k % half_turns == 0;
                theta.push(if half_turn { std::f64::consts::PI } else { (0.1 + 0.37 * k as f64) % 6.0 });
                if axis == 0 { circuit.ry(q, parameter) } else { circuit.rz(q, parameter) }.expect("valid");
            }
        }
        for q in 1..qubits {
            circuit.cz(q - 1, q).expect("valid");
        }
    }
    (circuit, theta)
}

#[test]
fn layered_circuits_at_every_size() {
    for qubits in (1..=12).chain([13, 14, 15, 16]) {
        let (circuit, theta) = layers(qubits, 4, 0);
        let error = difference(&circuit, &theta);
        assert!(error < 1e-12, "{qubits} qubits: {error:e}");
    }
}

/// A third of all rotations by exactly half a turn, and all of them, where products of cosines leave the range of numbers.
#[test]
fn half_turns() {
    for (qubits, every) in [
        (1, 1),
        (2, 1),
        (3, 1),
        (3, 3),
        (4, 1),
        (4, 2),
        (5, 1),
        (5, 3),
        (8, 1),
        (8, 3),
        (12, 1),
        (12, 2),
        (12, 3),
        (15, 3),
        (15, 1),
    ] {
        let (circuit, theta) = layers(qubits, 3, every);
        let error = difference(&circuit, &theta);
        assert!(error < 1e-12, "{qubits} qubits, every {every}: {error:e}");
    }
}

/// One-qubit gates that are multiplied out, at angles where their Euler angles are degenerate.
#[test]
fn products_of_rotations_are_differentiated_at_degenerate_angles() {
    let quarter = std::f64::consts::FRAC_PI_2;
    for angles in
        [[0.0; 6], [quarter; 6], [2.0 * quarter; 6], [0.3, 0.0, -0.3, 0.7, 0.0, -0.7], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]
    {
        for qubits in [1, 2, 4, 14] {
            let mut circuit = Circuit::new(qubits).expect("width");
            let mut theta = Vec::new();
            for layer in 0..2 {
                for q in 0..qubits {
                    for (k, gate) in [Gate::Rx, Gate::Ry, Gate::P, Gate::Rx, Gate::Rz, Gate::Ry].into_iter().enumerate()
                    {
                        let parameter = circuit.parameter(format!("t{layer}_{q}_{k}")).expect("a new name");
                        theta.push(angles[k]);
                        circuit.gate(gate, &[q], &[parameter.into()]).expect("valid");
                    }
                    circuit.h(q).expect("valid");
                }
                for q in 1..qubits {
                    let parameter = circuit.parameter(format!("c{layer}_{q}")).expect("a new name");
                    theta.push(0.4 + q as f64);
                    circuit.crx(q - 1, q, parameter).expect("valid");
                }
            }
            let error = difference(&circuit, &theta);
            assert!(error < 1e-12, "{qubits} qubits at {angles:?}: {error:e}");
        }
    }
}

#[test]
fn every_gate_at_every_placement() {
    for qubits in 1..=4 {
        for spec in Gate::all().iter().filter(|spec| spec.qubits() <= qubits && spec.angles > 0) {
            for operands in placements(spec.qubits(), qubits) {
                let mut circuit = Circuit::new(qubits).expect("width");
                for q in 0..qubits {
                    circuit.ry(q, 0.7 + q as f64).expect("valid").rz(q, 0.3 - q as f64).expect("valid");
                }
                let theta = &[0.7, -1.9, 2.4, 0.3][..spec.angles];
                let angles = circuit.parameters_named("t", spec.angles).expect("new names");
                let angles: Vec<_> = angles.into_iter().map(Into::into).collect();
                circuit.gate(spec.gate, &operands, &angles).expect("valid");
                circuit.h(0).expect("valid");
                let error = difference(&circuit, theta);
                assert!(error < 1e-13, "{} on {operands:?} of {qubits}: {error:e}", spec.name);
            }
        }
    }
}

/// Derivatives are the slopes of the values.
#[test]
fn derivatives_are_slopes() {
    let (mut circuit, mut theta) = layers(5, 2, 0);
    let shared = circuit.parameters_named("s", 3).expect("new names");
    theta.extend([0.3, -0.8, 1.7]);
    circuit.gate(Gate::Rzz, &[0, 3], &[shared[0].into()]).expect("valid");
    circuit.gate(Gate::Crx, &[4, 1], &[shared[1].into()]).expect("valid");
    circuit.pauli_rotation(PauliString::from_masks(0b01011, 0b11010), shared[2]).expect("fits");
    circuit.gate(Gate::Swap, &[2, 4], &[]).expect("valid").ry(2, 0.4).expect("valid");
    let program = Program::compile(&circuit);
    let mut binding = Binding::new(&program);
    let observable = observable(5);
    let wanted: Vec<usize> = (0..program.rotations().len()).collect();
    program.bind(&theta, &mut binding).expect("finite");
    let derivatives = fused(&program, &binding, &observable, &wanted, Level::best());
    let mut state = StateVector::zero(5).expect("small");
    let step = 1e-3;
    for rotation in wanted {
        let mut value = |shift: f64| {
            program.bind(&theta, &mut binding).expect("finite");
            program.shift(rotation, shift, &mut binding);
            state.run(&program, &binding).expect("fits");
            state.expectation(&observable).expect("fits")
        };
        // Fourth order: errors of step^4 times a fifth derivative of order ten, and of rounding over the step.
        let slope = (8.0 * (value(step) - value(-step)) - (value(2.0 * step) - value(-2.0 * step))) / (12.0 * step);
        assert!(
            (slope - derivatives[rotation]).abs() < 1e-9,
            "rotation {rotation}: {slope} for {}",
            derivatives[rotation]
        );
    }
}

#[cfg(feature = "rayon")]
#[test]
fn threads_change_no_bit() {
    for qubits in [4, 15] {
        let (circuit, theta) = layers(qubits, 2, 0);
        let program = Program::compile(&circuit);
        let mut binding = Binding::new(&program);
        program.bind(&theta, &mut binding).expect("finite");
        let (observable, wanted) = (observable(qubits), (0..theta.len()).collect::<Vec<_>>());
        let results: Vec<Vec<u64>> = [1, 2, 3, 5]
            .into_iter()
            .map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
                let gradient = pool.install(|| fused(&program, &binding, &observable, &wanted, Level::best()));
                gradient.into_iter().map(f64::to_bits).collect()
            })
            .collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{qubits} qubits");
    }
}
