//! Light cones: what they leave out, and that nothing changes by it.

use proptest::prelude::*;
use qcore::{Binding, Circuit, Derivatives, Gate, PauliString, PauliSum, Program, Reverse};

fn hardware_efficient(qubits: usize, layers: usize) -> (Circuit, Vec<f64>) {
    let mut circuit = Circuit::new(qubits).expect("width");
    let mut theta = Vec::new();
    for layer in 0..layers {
        for q in 0..qubits {
            for axis in 0..2 {
                let parameter = circuit.parameter(format!("t{layer}_{q}_{axis}")).expect("a new name");
                theta.push((0.1 + 0.37 * theta.len() as f64) % std::f64::consts::TAU);
                if axis == 0 { circuit.ry(q, parameter) } else { circuit.rz(q, parameter) }.expect("valid");
            }
        }
        for q in 1..qubits {
            circuit.cz(q - 1, q).expect("valid");
        }
    }
    (circuit, theta)
}

/// Value and derivatives by all rotations of a program; the marginal distribution of some of its qubits.
fn evaluate(program: &Program, theta: &[f64], observable: &PauliSum, measured: &[usize]) -> (f64, Vec<f64>, Vec<f64>) {
    let mut binding = Binding::new(program);
    program.bind(theta, &mut binding).expect("finite");
    let rotations: Vec<usize> = (0..program.rotations().len()).collect();
    let derivatives = Derivatives::new(program, &rotations);
    let mut reverse = Reverse::new(program.num_qubits()).expect("small");
    reverse.forward(program, &binding, &derivatives).expect("fits");
    let value = reverse.state().expectation(observable).expect("fits");
    let mut marginal = vec![0.0; 1 << measured.len()];
    for (index, p) in reverse.state().probabilities().into_iter().enumerate() {
        marginal[measured.iter().enumerate().map(|(k, &q)| (index >> q & 1) << k).sum::<usize>()] += p;
    }
    let mut out = vec![0.0; rotations.len()];
    reverse.backward(program, &binding, &derivatives, &[(1.0, observable)], &mut out).expect("fits");
    (value, out, marginal)
}

/// The cone against the whole program.
fn compare(circuit: &Circuit, theta: &[f64], observable: &PauliSum) {
    let program = Program::compile(circuit);
    let diagonal = observable.terms().iter().all(|(_, string)| string.x_mask() == 0);
    let support = observable.terms().iter().fold(0, |mask, (_, string)| mask | string.support());
    let measured: Vec<usize> = (0..circuit.num_qubits()).filter(|q| diagonal && support >> q & 1 == 1).collect();
    let (value, by_angle, marginal) = evaluate(&program, theta, observable, &measured);
    let Some(cone) = program.cone([observable]) else { return };
    let places: Vec<usize> = measured
        .iter()
        .map(|q| cone.qubits().iter().position(|seen| seen == q).expect("what is measured is seen"))
        .collect();
    let own = evaluate(cone.program(), theta, &cone.observable(observable), &places);
    assert!((own.0 - value).abs() < 1e-12, "{} for {value}", own.0);
    for (a, b) in own.2.iter().zip(&marginal) {
        assert!((a - b).abs() < 1e-12, "the outcomes on the measured qubits: {a} for {b}");
    }
    let mut expected = vec![0.0; by_angle.len()];
    cone.rotations().iter().zip(&own.1).for_each(|(&rotation, &derivative)| expected[rotation] = derivative);
    for (rotation, (a, b)) in expected.iter().zip(&by_angle).enumerate() {
        assert!((a - b).abs() < 1e-12, "rotation {rotation}: {a} for {b}");
    }
}

/// `Z_0` commutes with everything diagonal on its way, so each layer adds one neighbour, the last one none.
#[test]
fn one_qubit_after_four_layers_sees_four() {
    let (circuit, theta) = hardware_efficient(10, 4);
    let program = Program::compile(&circuit);
    let z: PauliSum = "Z0".parse().expect("an observable");
    let cone = program.cone([&z]).expect("it does not see everything");
    assert_eq!(cone.qubits(), [0, 1, 2, 3]);
    assert_eq!(program.num_steps(), 4 * (20 + 9));
    // Per layer, from the last: RY; 2 RY, RZ, CZ; 3 RY, 2 RZ, 2 CZ; 4 RY, 3 RZ, 3 CZ.
    assert_eq!(cone.program().num_steps(), 1 + 4 + 7 + 10);
    compare(&circuit, &theta, &z);
    let everything = PauliSum::transverse_field_ising(10, 1.0, 0.8).expect("finite");
    assert!(program.cone([&everything]).is_none());
}

#[test]
fn what_sees_nothing_is_one_idle_qubit() {
    let (circuit, theta) = hardware_efficient(3, 1);
    let identity: PauliSum = "2.0 * I".parse().expect("an observable");
    let cone = Program::compile(&circuit).cone([&identity]).expect("it sees nothing");
    assert_eq!((cone.qubits(), cone.program().num_steps()), ([0].as_slice(), 0));
    let (value, by_angle, _) = evaluate(cone.program(), &theta, &cone.observable(&identity), &[]);
    assert_eq!((value, by_angle), (2.0, Vec::new()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_circuits(
        qubits in 2_usize..=7,
        choices in prop::collection::vec((0_usize..640, 0_usize..100_000, -7.0_f64..7.0), 1..14),
        masks in prop::collection::vec((0_u64..128, 0_u64..128), 1..3),
        narrow in any::<bool>(),
    ) {
        let mut circuit = Circuit::new(qubits).expect("width");
        let fitting: Vec<_> = Gate::all().iter().filter(|spec| spec.qubits() <= qubits).collect();
        for (gate, place, angle) in choices {
            let spec = fitting[gate % fitting.len()];
            let (mut free, mut place, mut operands) = ((0..qubits).collect::<Vec<_>>(), place, Vec::new());
            for _ in 0..spec.qubits() {
                operands.push(free.remove(place % free.len()));
                place /= qubits;
            }
            let angles: Vec<_> = (0..spec.angles).map(|k| (angle + k as f64).into()).collect();
            circuit.gate(spec.gate, &operands, &angles).expect("valid");
        }
        // Half of the observables see one qubit only.
        let within = if narrow { 1 << (masks[0].0 as usize % qubits) } else { (1 << qubits) - 1 };
        let strings = masks.iter().map(|&(x, z)| (0.7, PauliString::from_masks(x & within, z & within)));
        compare(&circuit, &[], &PauliSum::new(strings).expect("finite"));
    }
}
