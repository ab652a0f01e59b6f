//! Exact derivatives under noise, and shifted bindings, against values of the density matrix.

use qcore::{
    Angle, Channel, Circuit, Control, DensityMatrix, Error, Gate, Level, NoiseModel, NoisyBinding, NoisyProgram,
    NoisyTape, Operation, PauliString, PauliSum, Program, Readout, ReadoutError, Selector,
};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::{channels, hea};

/// Every kind of rotation, one parameter for each angle: in the table, added controls on 0 and 1, Pauli strings, fixed gates
/// with controls (which are rotations by constants inside).
fn every_rotation(qubits: usize, seed: u64) -> Circuit {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut circuit = Circuit::new(qubits).expect("small");
    let mut count = 0;
    let mut angles = |circuit: &mut Circuit, wanted: usize| -> Vec<Angle> {
        (0..wanted)
            .map(|_| {
                count += 1;
                circuit.parameter(format!("t{count}")).expect("new").into()
            })
            .collect()
    };
    for spec in Gate::all() {
        let width = spec.controls + spec.targets;
        if width > qubits {
            continue;
        }
        let mut order: Vec<usize> = (0..qubits).collect();
        for k in 0..width {
            order.swap(k, rng.random_range(k..qubits));
        }
        let own = angles(&mut circuit, spec.angles);
        let plain = Operation::gate(spec.gate, &order[..width], &own).expect("valid");
        let controls: Vec<Control> = match (order.get(width), rng.random_range(0..3)) {
            (Some(&qubit), 0) => vec![Control::on(qubit)],
            (Some(&qubit), 1) => vec![Control { qubit, value: false }],
            _ => Vec::new(),
        };
        circuit.push(plain.controlled(&controls).expect("valid")).expect("valid");
    }
    let string = PauliString::from_masks(rng.random_range(1..1 << qubits), rng.random_range(0..1 << qubits));
    let own = angles(&mut circuit, 1);
    circuit.push(Operation::pauli_rotation(string, own[0].clone()).expect("valid")).expect("valid");
    circuit
}

fn observable(qubits: usize, seed: u64) -> PauliSum {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let terms = (0..6).map(|_| {
        let string = PauliString::from_masks(rng.random_range(0..1 << qubits), rng.random_range(0..1 << qubits));
        (rng.random_range(-1.0..1.0), string)
    });
    PauliSum::new(terms).expect("finite")
}

fn models(qubits: usize) -> Vec<NoiseModel> {
    let errors: Vec<ReadoutError> =
        (0..qubits).map(|q| ReadoutError::new(0.02 + 0.01 * q as f64, 0.05).expect("valid")).collect();
    let mut models: Vec<NoiseModel> =
        channels().into_iter().map(|channel| NoiseModel::new().after(Selector::every(), channel)).collect();
    // Weak enough that something is left behind a hundred gates.
    models.push(
        NoiseModel::new()
            .after(Selector::every(), Channel::amplitude_damping(0.01).expect("valid"))
            .after(Selector::every(), Channel::depolarizing_two(0.01).expect("valid"))
            .with_readout(Readout::new(&errors).expect("narrow")),
    );
    models.push(NoiseModel::new());
    models
}

/// Derivatives with respect to every rotation against Richardson's extrapolation of shifted values, whose error is of sixth
/// order in the step.
#[test]
fn derivatives_are_those_of_shifted_values() {
    for qubits in 1..=4 {
        let circuit = every_rotation(qubits, 40 + qubits as u64);
        let angles: Vec<f64> = (0..circuit.parameters().len()).map(|k| (0.3 + 0.61 * k as f64) % 6.0).collect();
        let observable = observable(qubits, 3);
        // On more qubits one model of each kind: unital or not, on one qubit or two, with readout errors, none.
        let wanted = |at: &usize| qubits < 3 || [0, 4, 7, 10, 11, 12].contains(at);
        for (at, model) in models(qubits).iter().enumerate().filter(|(at, _)| wanted(at)) {
            let levels = Level::available();
            let level = levels[at % levels.len()];
            let program = NoisyProgram::compile(&circuit, model).expect("valid");
            assert_eq!(program.num_rotations(), Program::compile(&circuit).rotations().len());
            let mut binding = NoisyBinding::new(&program);
            program.bind(&angles, &mut binding).expect("finite");
            let mut tape = NoisyTape::new(&program).expect("small").with_level(level);
            let ran = tape.record(&program, &binding).expect("same program").clone();
            let mut rho = DensityMatrix::zero(qubits).expect("small");
            rho.run(&program, &binding).expect("same width");
            let value = |rho: &DensityMatrix| rho.read_expectation(&observable, program.readout()).expect("same width");
            assert!((value(&ran) - value(&rho)).abs() < 1e-13);
            let mut found = vec![0.0; program.num_rotations()];
            // Two observables with weights that add up to one of them.
            let weighted = [(0.25, &observable), (0.75, &observable)];
            tape.gradient(&program, &binding, &weighted, &mut found).expect("same program");
            for (rotation, &found) in found.iter().enumerate() {
                let mut shifted = |shift: f64| {
                    program.shift(rotation, shift, &mut binding);
                    rho.run(&program, &binding).expect("same width");
                    program.shift(rotation, -shift, &mut binding);
                    value(&rho)
                };
                let mut difference = |h: f64| (shifted(h) - shifted(-h)) / (2.0 * h);
                let (a, b, d) = (difference(0.02), difference(0.04), difference(0.08));
                let (ab, bd) = ((4.0 * a - b) / 3.0, (4.0 * b - d) / 3.0);
                let expected = (16.0 * ab - bd) / 15.0;
                let off = (found - expected).abs();
                assert!(off < 1e-9, "{qubits} qubits, model {at}, rotation {rotation}: {found} against {expected}");
            }
        }
    }
}

/// A shifted rotation is the circuit with another constant in the angle, and touches no pass before the one that is named.
#[test]
fn shifts_are_other_angles() {
    let circuit = every_rotation(4, 7);
    let program = NoisyProgram::compile(&circuit, &models(4)[0]).expect("valid");
    let plain = Program::compile(&circuit);
    let angles: Vec<f64> = (0..circuit.parameters().len()).map(|k| 0.2 + 0.3 * k as f64).collect();
    let mut binding = NoisyBinding::new(&program);
    let (mut whole, mut resumed) = (DensityMatrix::zero(4).expect("small"), DensityMatrix::zero(4).expect("small"));
    for (index, rotation) in plain.rotations().iter().enumerate() {
        let Some(first) = program.first_pass(index) else { continue };
        let [(parameter, factor)] = *rotation.angle().as_affine().expect("affine").1 else { continue };
        let mut shifted = angles.clone();
        shifted[parameter.index()] += 0.7 / factor;
        // Parameters that turn several rotations (of a decomposed gate) are not the shift of one.
        let uses = plain.rotations().iter().filter(|r| r.angle().parameters().contains(&parameter)).count();
        if uses > 1 {
            continue;
        }
        program.bind(&shifted, &mut binding).expect("finite");
        whole.run(&program, &binding).expect("same width");
        program.bind(&angles, &mut binding).expect("finite");
        resumed.reset();
        resumed.apply_passes(&program, &binding, 0..first).expect("same width");
        program.shift(index, 0.7, &mut binding);
        resumed.apply_passes(&program, &binding, first..program.num_passes()).expect("same width");
        let off = whole.matrix().iter().zip(resumed.matrix()).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
        assert!(off < 1e-14, "rotation {index}: {off}");
    }
}

/// A tape of many segments, and the errors of what does not fit together.
#[test]
fn tapes_are_for_their_programs() {
    let (circuit, values) = hea(3, 6);
    let model = NoiseModel::new().after(Selector::every(), Channel::depolarizing(0.01).expect("valid"));
    let program = NoisyProgram::compile(&circuit, &model).expect("valid");
    let mut binding = NoisyBinding::new(&program);
    program.bind(&values, &mut binding).expect("finite");
    let mut tape = NoisyTape::new(&program).expect("small");
    tape.record(&program, &binding).expect("same program");
    let z: PauliSum = "Z2".parse().expect("valid");
    let mut gradient = vec![0.0; program.num_rotations()];
    tape.gradient(&program, &binding, &[(1.0, &z)], &mut gradient).expect("same program");
    let again = gradient.clone();
    tape.record(&program, &binding).expect("same program");
    tape.gradient(&program, &binding, &[(1.0, &z)], &mut gradient).expect("same program");
    assert_eq!(gradient, again, "a tape is used again and again");
    let (other, _) = hea(4, 2);
    let other = NoisyProgram::compile(&other, &model).expect("valid");
    assert!(tape.record(&other, &NoisyBinding::new(&other)).is_err());
    assert!(tape.gradient(&program, &binding, &[(1.0, &z)], &mut [0.0]).is_err());
    assert!(tape.gradient(&program, &binding, &[(1.0, &"Z7".parse().expect("valid"))], &mut gradient).is_err());
}

#[test]
fn gradients_need_a_recorded_run() {
    let mut circuit = Circuit::new(1).unwrap();
    let theta = circuit.parameter("theta").unwrap();
    circuit.ry(0, theta).unwrap();
    let program = NoisyProgram::compile(&circuit, &NoiseModel::new()).unwrap();
    let mut binding = NoisyBinding::new(&program);
    program.bind(&[0.7], &mut binding).unwrap();
    let mut tape = NoisyTape::new(&program).unwrap();
    let z: PauliSum = "Z0".parse().unwrap();
    let early = tape.gradient(&program, &binding, &[(1.0, &z)], &mut [0.0]);
    assert!(matches!(early, Err(Error::Order { .. })));
}
