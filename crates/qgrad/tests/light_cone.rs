//! Values and shots where observables do not see the whole circuit: against the whole circuit, and with the whole bill.

mod common;

use common::{Counting, angles, hea, value};
use proptest::prelude::*;
use qcore::{Circuit, PauliString, PauliSum, StateVector};
use qgrad::{
    Adjoint, Backend, Cotangents, Estimate, Estimator, Expectation, Job, JobShots, ParameterShift, Point, Shift, Shots,
    StateVectorBackend,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(77)
}

/// The same observables together with one of all qubits, so that nothing can be left out; read in the same groups.
fn of_everything(expectation: &Expectation) -> Expectation {
    let mut observables = expectation.measurement().observables().to_vec();
    let all = (1_u64 << expectation.circuit().num_qubits()) - 1;
    observables.push(PauliSum::new([(1e-300, PauliString::from_masks(0, all))]).expect("finite"));
    expectation.with_observables(observables).expect("valid")
}

/// Exact values at every kind of point.
fn exact(expectation: &Expectation, row: &[f64]) -> Vec<f64> {
    let rotations = expectation.program().rotations().len();
    let shift = |rotation: usize, angle: f64| Shift { rotation, angle };
    let mut points = vec![Point::at(0)];
    for rotation in 0..rotations {
        points.push(Point::shifted(0, shift(rotation, 0.7)));
        points.push(Point::shifted(0, shift(rotation, -0.7)));
        points.push(Point::shifted_twice(0, shift(rotation, 0.4), shift((rotation * 7 + 3) % rotations, 1.1)));
    }
    let job = expectation.job(row, &points, JobShots::Exact);
    let result = StateVectorBackend::new().run(&job, &mut rng()).expect("runs");
    assert_eq!(result.bill, job.bill());
    result.values.iter().map(|estimate| estimate.value).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// On 7 and 14 qubits: in groups and one by one.
    #[test]
    fn values_at_all_points_are_those_of_the_whole_circuit(
        wide in any::<bool>(),
        layers in 1_usize..4,
        first in 0_usize..7,
        letters in prop::array::uniform3(0_usize..4),
        seed in 0.0_f64..3.0,
    ) {
        let qubits = if wide { 14 } else { 7 };
        let layers = if wide { 1 } else { layers };
        let circuit = hea(qubits, layers);
        let string = |letter: usize, qubit: usize| format!("{}{qubit}", ["X", "Y", "Z", "Z"][letter]);
        let observables: Vec<PauliSum> = vec![
            format!("0.4 * {} + 0.3 * I", string(letters[0], first)).parse().expect("valid"),
            format!("{} {} - 0.2 * Z{first}", string(letters[1], first), string(letters[2], (first + 1) % qubits))
                .parse()
                .expect("valid"),
        ];
        let expectation = Expectation::of_all_parameters(&circuit, observables.clone()).expect("valid");
        let row: Vec<f64> = angles(circuit.parameters().len()).iter().map(|angle| angle + seed).collect();
        let (part, whole) = (exact(&expectation, &row), exact(&of_everything(&expectation), &row));
        for (part, whole) in part.chunks(2).zip(whole.chunks(3)) {
            prop_assert!((part[0] - whole[0]).abs() < 1e-12 && (part[1] - whole[1]).abs() < 1e-12, "{:?} {:?}", part, whole);
        }
        prop_assert!((part[1] - value(&circuit, &observables[1], &row)).abs() < 1e-12);
    }
}

/// Counts of single qubits and their correlation on a part of a wide register: means, scatter and errors of the whole distribution.
#[test]
fn shots_on_the_part_have_the_distribution_of_the_whole() {
    let circuit = hea(9, 2);
    let observables: Vec<PauliSum> = vec!["Z3 + 0.5 * Z4 + 0.7 * X2".parse().expect("valid")];
    let part = Expectation::of_all_parameters(&circuit, observables).expect("valid");
    let whole = of_everything(&part);
    let row = angles(36);
    let shift = ParameterShift { shots: Shots::PerCircuit(50) };
    let repetitions = 400;
    let n = f64::from(repetitions);
    let moments = |expectation: &Expectation, seed: u64| {
        let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(seed));
        // Of a value, and of derivatives in and out of the cone.
        let mut sums = [(0.0, 0.0, 0.0); 4];
        for _ in 0..repetitions {
            let weights = vec![1.0; expectation.num_observables()];
            let value = shift.values(expectation, &row, &mut backend, &mut rng).expect("runs").estimates[0];
            let vjp = shift.vjp(expectation, &row, Cotangents::Fixed(&weights), &mut backend, &mut rng).expect("runs");
            let component = |k: usize| Estimate { value: vjp.gradient[k], std_error: vjp.std_errors[k], shots: 1 };
            for (sum, found) in sums.iter_mut().zip([value, component(6), component(26), component(34)]) {
                sum.0 += found.value / n;
                sum.1 += found.value * found.value / n;
                sum.2 += found.std_error * found.std_error / n;
            }
        }
        sums.map(|(mean, square, claimed)| (mean, square - mean * mean, claimed))
    };
    let gradient = Adjoint.gradient(&part, &row, &mut StateVectorBackend::new(), &mut rng()).expect("runs").gradient;
    let value = Adjoint.values(&part, &row, &mut StateVectorBackend::new(), &mut rng()).expect("runs").estimates[0];
    let exact = [value.value, gradient[6], gradient[26], gradient[34]];
    assert_eq!(exact[3], 0.0, "the last qubit is not seen");
    for (k, ((of_part, of_whole), exact)) in
        moments(&part, 1).into_iter().zip(moments(&whole, 2)).zip(exact).enumerate()
    {
        assert!((of_part.0 - exact).abs() < 4.5 * (of_part.1 / n).sqrt(), "{k}: {of_part:?}, exactly {exact}");
        // Two independent variances, each with a relative standard error of sqrt(2 / n).
        assert!((of_part.1 / of_whole.1 - 1.0).abs() < 4.5 * (4.0 / n).sqrt(), "{k}: {of_part:?} {of_whole:?}");
        assert!((of_part.2 / of_whole.2 - 1.0).abs() < 0.1, "{k}: {of_part:?} {of_whole:?}");
    }
}

#[test]
fn bills_are_those_of_the_whole_circuit() {
    let expectation =
        Expectation::of_all_parameters(&hea(8, 2), vec!["Z0 + X0".parse().expect("valid")]).expect("valid");
    let shift = ParameterShift { shots: Shots::PerCircuit(3) };
    let mut backend = StateVectorBackend::new();
    let answer = shift.gradient(&expectation, &angles(32), &mut backend, &mut rng()).expect("runs");
    assert_eq!((answer.bill.circuits, answer.bill.shots), (2 * 32 * 2, 3 * 2 * 32 * 2));
    let mut device = Counting::new();
    assert_eq!(shift.gradient(&expectation, &angles(32), &mut device, &mut rng()).expect("runs").bill, answer.bill);
    assert_eq!(device.bill, answer.bill);
}

/// One backend, circuits and observables in turn: what was seen last is not taken for what is seen now.
#[test]
fn what_is_seen_belongs_to_circuit_and_observables() {
    let mut backend = StateVectorBackend::new();
    let (first, mut second) = (hea(4, 1), Circuit::new(4).expect("width"));
    let t = second.parameters_named("t", 8).expect("new");
    (0..4).for_each(|q| {
        second.rx(q, t[q]).expect("valid").ry(q, t[4 + q]).expect("valid");
    });
    let row = angles(8);
    for circuit in [&first, &second, &first] {
        for text in ["Z0", "Z3", "Z0 + Z3", "0.3 * I", "Z0"] {
            let observable: PauliSum = text.parse().expect("valid");
            let expectation = Expectation::of_all_parameters(circuit, vec![observable.clone()]).expect("valid");
            let found = Adjoint.values(&expectation, &row, &mut backend, &mut rng()).expect("runs").estimates[0];
            let mut state = StateVector::zero(4).expect("width");
            state.apply_circuit(circuit, &row).expect("runs");
            assert!((found.value - state.expectation(&observable).expect("fits")).abs() < 1e-14, "{text}");
        }
    }
}

/// A job is the circuit's and its program's, and what is seen is the program's.
#[test]
fn what_is_seen_belongs_to_the_program_of_a_job() {
    let circuits = [0.3, 0.9].map(|angle| {
        let mut circuit = Circuit::new(3).expect("width");
        let t = circuit.parameter("t").expect("new");
        circuit.ry(0, t).expect("valid").ry(0, angle).expect("valid").ry(2, t).expect("valid");
        circuit
    });
    let expectations = circuits
        .each_ref()
        .map(|circuit| Expectation::of_all_parameters(circuit, vec!["Z0".parse().expect("valid")]).expect("valid"));
    let mut backend = StateVectorBackend::new();
    for (expectation, angle) in expectations.iter().zip([0.3_f64, 0.9]) {
        let points = [Point::at(0)];
        let job = Job { circuit: &circuits[0], ..expectation.job(&[0.2], &points, JobShots::Exact) };
        let value = backend.run(&job, &mut rng()).expect("runs").values[0].value;
        assert!((value - (0.2 + angle).cos()).abs() < 1e-15, "{angle}");
    }
}
