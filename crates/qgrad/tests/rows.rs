//! Jobs from shots at many rows: the same counts as one point after the other, and the same bills.

mod common;

use common::{angles, hea};
use proptest::prelude::*;
use qcore::{Circuit, Param, PauliSum};
use qgrad::{Backend, Bill, Expectation, JobResult, JobShots, Point, Shift, StateVectorBackend};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use std::f64::consts::PI;

fn run(expectation: &Expectation, rows: &[f64], points: &[Point], shots: JobShots<'_>) -> JobResult {
    let job = expectation.job(rows, points, shots);
    let result = StateVectorBackend::new().run(&job, &mut ChaCha8Rng::seed_from_u64(5)).expect("runs");
    assert_eq!(result.bill, job.bill());
    result
}

/// The same points with one more, a twofold shift, for which no states are shared: every circuit has a stream of its own, so the counts
/// of the others are to be the same, and so is every bit of their estimates.
fn compare(expectation: &Expectation, rows: &[f64], points: &[Point], shots: u64) {
    let groups = expectation.measurement().groups().len();
    let more =
        [points, &[Point::shifted_twice(0, Shift { rotation: 0, angle: 0.1 }, Shift { rotation: 0, angle: 0.2 })]]
            .concat();
    let split: Vec<u64> = (0..(more.len() * groups) as u64).map(|circuit| shots + circuit % 7).collect();
    let together = run(expectation, rows, points, JobShots::PerCircuit(&split[..points.len() * groups]));
    let apart = run(expectation, rows, &more, JobShots::PerCircuit(&split));
    assert_eq!(together.values[..], apart.values[..together.values.len()]);
    let each = run(expectation, rows, points, JobShots::Each(shots));
    let circuits = (points.len() * groups) as u64;
    assert_eq!(each.bill, Bill::job(circuits, circuits * shots));
    assert_eq!(each.values[..], run(expectation, rows, &more, JobShots::Each(shots)).values[..each.values.len()]);
}

/// Data on every qubit, then layers of weights.
fn classifier(qubits: usize, layers: usize) -> (Circuit, Vec<Param>) {
    let mut circuit = Circuit::new(qubits).expect("width");
    let x = circuit.parameters_named("x", qubits).expect("new");
    let w = circuit.parameters_named("w", 2 * qubits * layers).expect("new");
    for (q, &angle) in x.iter().enumerate() {
        circuit.ry(q, angle).expect("valid");
    }
    for layer in w.chunks(2 * qubits) {
        for q in 0..qubits {
            circuit.rz(q, layer[2 * q]).expect("valid").ry(q, layer[2 * q + 1]).expect("valid");
        }
        for q in 1..qubits {
            circuit.cz(q - 1, q).expect("valid");
        }
    }
    (circuit, w)
}

/// Rows of samples at several points, one point after the other.
fn samples(qubits: usize, weights: usize, samples: usize, points: usize) -> Vec<f64> {
    let row = |point: usize, sample: usize| {
        let data = (0..qubits).map(move |q| (0.05 + 0.11 * (sample * qubits + q) as f64) % PI);
        data.chain((0..weights).map(move |k| (0.1 + 0.37 * k as f64 + 1.9 * point as f64) % 6.0))
    };
    (0..points).flat_map(|point| (0..samples).flat_map(move |sample| row(point, sample))).collect()
}

/// The points of a gradient at every row, some of them left out, and the rows themselves, in an order that is not that of the circuit.
fn some_points(expectation: &Expectation, rows: usize, leave_out: usize) -> Vec<Point> {
    let rotations = expectation.program().rotations().len();
    let mut points = Vec::new();
    for row in (0..rows).rev() {
        points.push(Point::at(row));
        for rotation in (0..rotations).filter(|rotation| (rotation + row) % leave_out != 0) {
            for angle in [0.5 * PI, -0.5 * PI, 0.3] {
                points.push(Point::shifted(row, Shift { rotation, angle }));
            }
        }
        points.push(Point::at(row));
    }
    points
}

fn observables(qubits: usize) -> [Vec<PauliSum>; 3] {
    [
        vec!["Z0".parse().expect("valid")],
        vec![PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite")],
        vec![
            "0.5 * Z0 + 0.25 * Y0 Y1 + 0.1".parse().expect("valid"),
            "X0 X1 - 0.7 * Z1".parse().expect("valid"),
            "0.2 * Y0".parse().expect("valid"),
        ],
    ]
}

#[test]
fn rows_together_have_the_counts_of_points_one_by_one() {
    for qubits in [2, 4, 6] {
        let (circuit, weights) = classifier(qubits, 2);
        for observables in observables(qubits) {
            let expectation = Expectation::new(&circuit, observables, &weights).expect("valid");
            for count in 1..=9 {
                let rows = samples(qubits, weights.len(), count, 1);
                compare(&expectation, &rows, &some_points(&expectation, count, 3), 100);
                let values: Vec<Point> = (0..count).map(Point::at).collect();
                compare(&expectation, &rows, &values, 1000);
            }
            // The same samples at several points of the weights, as methods that compare losses ask for.
            let rows = samples(qubits, weights.len(), 5, 3);
            compare(&expectation, &rows, &(0..15).map(Point::at).collect::<Vec<_>>(), 40);
        }
    }
}

#[test]
fn one_row_with_many_rotations_has_the_counts_of_points_one_by_one() {
    for qubits in [3, 5] {
        let circuit = hea(qubits, 3);
        for observables in observables(qubits) {
            let expectation = Expectation::of_all_parameters(&circuit, observables).expect("valid");
            let row = angles(circuit.parameters().len());
            compare(&expectation, &row, &some_points(&expectation, 1, 5), 300);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Which rows and rotations a job has is up to the caller.
    #[test]
    fn any_points_have_the_counts_of_points_one_by_one(
        picks in prop::collection::vec((0_usize..7, 0_usize..40, 0_usize..4), 1..60),
        which in 0_usize..3,
    ) {
        let (circuit, weights) = classifier(3, 2);
        let expectation = Expectation::new(&circuit, observables(3)[which].clone(), &weights).expect("valid");
        let rotations = expectation.program().rotations().len();
        let points: Vec<Point> = picks
            .iter()
            .map(|&(row, rotation, kind)| match kind {
                0 => Point::at(row),
                _ => Point::shifted(row, Shift { rotation: rotation % rotations, angle: [0.4, 0.5 * PI, -0.5 * PI][kind - 1] }),
            })
            .collect();
        compare(&expectation, &samples(3, weights.len(), 7, 1), &points, 50);
    }
}
