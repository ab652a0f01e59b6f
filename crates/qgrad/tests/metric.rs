//! Metric tensors from shots and their parts against exact ones, their error bars against the scatter, and what solves with them.

mod common;

use common::{Counting, angles, hea, random_circuit};
use nalgebra::DMatrix;
use proptest::prelude::*;
use qcore::{Circuit, Gate, PauliString};
use qgrad::{
    Allocation, Backend, Bill, Blocks, Error, Metric, MetricMethod, Regularization, Shots, StateVectorBackend, solve,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(2511)
}

fn exact(metric: &Metric, blocks: &Blocks, row: &[f64]) -> DMatrix<f64> {
    metric.exact(blocks, row, &mut StateVectorBackend::new()).expect("runs").matrix
}

fn measure(metric: &Metric, blocks: &Blocks, method: MetricMethod, row: &[f64]) -> DMatrix<f64> {
    let mut backend = StateVectorBackend::new();
    metric.measure(blocks, method, Shots::Exact, row, &mut backend, &mut rng()).expect("runs").matrix
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every gate of the table, shared parameters, expressions.
    #[test]
    fn overlaps_and_covariances_are_the_exact_metric(
        choices in prop::collection::vec((0_usize..64, 0_usize..6, prop::array::uniform4(-2.0_f64..2.0)), 1..8),
        theta in prop::collection::vec(-3.0_f64..3.0, 4),
    ) {
        let circuit = random_circuit(&choices, 4);
        let metric = Metric::of_all_parameters(&circuit).expect("valid");
        let full = exact(&metric, &Blocks::Full, &theta);
        let overlaps = measure(&metric, &Blocks::Full, MetricMethod::Overlaps, &theta);
        prop_assert!((&overlaps - &full).amax() < 1e-10 * (1.0 + full.amax()), "{} {}", overlaps, full);
        // Blocks are made in their own way, layer by layer and set by set.
        for sets in [metric.layers(), vec![vec![0], vec![1], vec![2], vec![3]], vec![vec![0, 2], vec![3, 1]]] {
            let found = exact(&metric, &Blocks::Given(sets.clone()), &theta);
            for (index, entry) in found.iter().enumerate() {
                let (i, j) = (index % 4, index / 4);
                let is_wanted = i == j && sets.iter().any(|set| set.contains(&i))
                    || sets.iter().any(|set| set.contains(&i) && set.contains(&j));
                let expected = if is_wanted { overlaps[(i, j)] } else { 0.0 };
                prop_assert!((entry - expected).abs() < 1e-10 * (1.0 + full.amax()), "{:?}: {} {}", sets, found, full);
            }
        }
        let backend: &mut dyn Backend = &mut StateVectorBackend::new();
        match metric.measure(&Blocks::Layers, MetricMethod::Covariances, Shots::Exact, &theta, backend, &mut rng()) {
            Ok(found) => {
                let blocks = exact(&metric, &Blocks::Layers, &theta);
                prop_assert!((&found.matrix - &blocks).amax() < 1e-10 * (1.0 + blocks.amax()), "{}", found.matrix);
            }
            // A parameter in several layers.
            Err(error) => prop_assert!(matches!(error, Error::Layers { .. }), "{error}"),
        }
    }
}

/// Rotations about several axes, controlled ones, phases and Pauli rotations, a layer with a shared parameter, data inputs.
fn circuit() -> (Circuit, Metric) {
    let mut circuit = Circuit::new(3).expect("width");
    let x = circuit.parameter("x").expect("new");
    let t = circuit.parameters_named("t", 8).expect("new");
    circuit.ry(0, x).expect("valid").rx(1, 1.3 * x).expect("valid").h(2).expect("valid");
    circuit.rx(0, t[0]).expect("valid").ry(1, t[1]).expect("valid").crx(2, 1, t[2]).expect("valid");
    circuit.gate(Gate::Rzz, &[0, 1], &[t[3].into()]).expect("valid");
    circuit.gate(Gate::Rzz, &[1, 2], &[t[3] * -0.5]).expect("valid").cp(0, 2, t[4]).expect("valid");
    circuit.cx(0, 1).expect("valid");
    let string = PauliString::new(&[(0, qcore::Pauli::Y), (2, qcore::Pauli::X)]).expect("valid");
    circuit.pauli_rotation(string, t[5]).expect("valid").ry(1, t[6] * 2.0 + 0.1).expect("valid");
    circuit.ry(0, t[7]).expect("valid");
    let metric = Metric::new(&circuit, &t).expect("valid");
    (circuit, metric)
}

const ROW: [f64; 9] = [0.4, 0.3, 0.9, -0.7, 1.2, 0.5, -1.1, 0.6, 2.0];

#[test]
fn layers_hold_what_commutes_qubit_by_qubit() {
    let (_, metric) = circuit();
    // rx and ry; crx alone, since its X comes after the Y of t1; the diagonal ones; and after the CX the Pauli rotation, the ry on
    // qubit 1, and the ry on qubit 0, which is the letter of the string there.
    assert_eq!(metric.layers(), [vec![0, 1], vec![2], vec![3, 4], vec![5, 6, 7]]);
    let layers = measure(&metric, &Blocks::Layers, MetricMethod::Covariances, &ROW);
    assert!((&layers - exact(&metric, &Blocks::Layers, &ROW)).amax() < 1e-13);
    assert!(layers[(6, 5)].abs() > 1e-3 && layers[(5, 4)] == 0.0);
    let diagonal = measure(&metric, &Blocks::Diagonal, MetricMethod::Covariances, &ROW);
    assert_eq!(diagonal, DMatrix::from_diagonal(&layers.diagonal()));
    let given = Blocks::Given(vec![vec![6, 5], vec![0, 3]]);
    let found = measure(&metric, &given, MetricMethod::Overlaps, &ROW);
    assert!((&found - exact(&metric, &given, &ROW)).amax() < 1e-12);
    assert_eq!((found[(1, 1)], found[(5, 0)]), (0.0, 0.0));
}

/// The mean of many measurements and the errors that they claim.
fn scatter(method: MetricMethod, blocks: &Blocks, shots: Shots, row: &[f64], repetitions: u32) {
    let (_, metric) = circuit();
    let exact = exact(&metric, blocks, row);
    let (mut backend, mut rng) = (StateVectorBackend::new(), rng());
    let n = f64::from(repetitions);
    let (mut sums, mut squares, mut claimed) = (exact.clone() * 0.0, exact.clone() * 0.0, exact.clone() * 0.0);
    for _ in 0..repetitions {
        let found = metric.measure(blocks, method, shots, row, &mut backend, &mut rng).expect("runs");
        let deviation = found.matrix - &exact;
        squares += deviation.component_mul(&deviation) / n;
        sums += deviation / n;
        claimed += found.std_errors.component_mul(&found.std_errors) / n;
    }
    for (k, ((sum, square), claim)) in sums.iter().zip(&squares).zip(&claimed).enumerate() {
        if *square == 0.0 {
            assert_eq!((*sum, *claim), (0.0, 0.0));
            continue;
        }
        assert!(sum.abs() < 4.5 * (square / n).sqrt(), "entry {k} is biased by {sum}");
        // A squared deviation has a relative standard error of sqrt(2 / n) if the estimate is Gaussian.
        let ratio = claim / square;
        assert!((0.75..1.35).contains(&ratio), "{method:?}: entry {k} claims {ratio} of {square}");
    }
}

#[test]
fn entries_from_shots_are_unbiased_and_scatter_as_they_say() {
    scatter(MetricMethod::Covariances, &Blocks::Layers, Shots::PerCircuit(2000), &ROW, 800);
    scatter(MetricMethod::Covariances, &Blocks::Diagonal, Shots::PerCircuit(500), &ROW, 800);
    scatter(MetricMethod::Overlaps, &Blocks::Given(vec![vec![1, 2], vec![5, 7]]), Shots::PerCircuit(2000), &ROW, 400);
}

/// The variance of an even coin has no first-order error. The second order is there, and what stands for the first is noise: the claimed
/// variance is about twice the true one.
#[test]
fn the_largest_variance_has_a_wide_error_bar() {
    let mut circuit = Circuit::new(1).expect("width");
    let t = circuit.parameter("t").expect("new");
    circuit.ry(0, t).expect("valid");
    let metric = Metric::of_all_parameters(&circuit).expect("valid");
    let (mut backend, mut rng) = (StateVectorBackend::new(), rng());
    let (shots, repetitions) = (200.0, 2000);
    let (mut scatter, mut claimed) = (0.0, 0.0);
    for _ in 0..repetitions {
        let found = metric
            .measure(&Blocks::Full, MetricMethod::Covariances, Shots::PerCircuit(200), &[0.3], &mut backend, &mut rng)
            .expect("runs");
        scatter += (found.matrix[(0, 0)] - 0.25).powi(2) / f64::from(repetitions);
        claimed += found.std_errors[(0, 0)].powi(2) / f64::from(repetitions);
    }
    // (1 - m^2) / 4 with m^2 of mean 1/S and variance 2/S^2; a squared chi-squared deviation has a relative standard error of
    // sqrt(14 / n).
    let exact = 2.0 / (16.0 * shots * shots);
    assert!((scatter / exact - 1.0).abs() < 4.5 * (14.0 / f64::from(repetitions)).sqrt() + 0.02, "{}", scatter / exact);
    // E max(4 u - 2, 2) / 2 = 1.97 with u chi-squared of one degree.
    assert!((1.8..2.2).contains(&(claimed / exact)), "{}", claimed / exact);
}

#[test]
fn no_error_bar_is_zero() {
    // RZ on |0>: every shot reads 1, and the metric is 0.
    let mut circuit = Circuit::new(1).expect("width");
    let t = circuit.parameter("t").expect("new");
    circuit.rz(0, t).expect("valid");
    let metric = Metric::of_all_parameters(&circuit).expect("valid");
    for method in [MetricMethod::Covariances, MetricMethod::Overlaps] {
        for shots in [1, 50] {
            let (mut backend, mut rng) = (StateVectorBackend::new(), rng());
            let shots = Shots::PerCircuit(shots);
            let found = metric.measure(&Blocks::Full, method, shots, &[0.3], &mut backend, &mut rng).expect("runs");
            assert!(found.matrix[(0, 0)].abs() < 1e-15);
            assert!(found.std_errors[(0, 0)] > 0.0);
        }
    }
}

#[test]
fn bills_equal_what_a_counting_backend_saw() {
    let (_, metric) = circuit();
    let blocks = [Blocks::Full, Blocks::Layers, Blocks::Diagonal, Blocks::Given(vec![vec![0, 1], vec![6]])];
    for shots in [
        Shots::Exact,
        Shots::PerCircuit(13),
        Shots::Total(10_001),
        Shots::Allocated { total: 9000, by: Allocation::Coefficient },
    ] {
        for (method, blocks) in [
            (MetricMethod::Overlaps, &blocks[0]),
            (MetricMethod::Overlaps, &blocks[1]),
            (MetricMethod::Overlaps, &blocks[3]),
            (MetricMethod::Covariances, &blocks[1]),
            (MetricMethod::Covariances, &blocks[2]),
            (MetricMethod::Covariances, &blocks[3]),
        ] {
            let mut backend = Counting::new();
            let found = metric.measure(blocks, method, shots, &ROW, &mut backend, &mut rng()).expect("runs");
            assert_eq!(found.bill, backend.bill);
            assert_eq!(found.bill, metric.price(blocks, method, shots).expect("valid"));
        }
    }
    let price = |blocks, method| metric.price(blocks, method, Shots::Exact).expect("valid");
    // Nine rotations, one of them with two frequencies: 8 and 3 points for the diagonal, pairs by four and by eight.
    assert_eq!(price(&blocks[0], MetricMethod::Overlaps).circuits, 8 + 3 + 28 * 4 + 8 * 8);
    assert_eq!(price(&blocks[2], MetricMethod::Overlaps).circuits, 8 + 3 + 4);
    assert_eq!(price(&blocks[1], MetricMethod::Covariances), Bill { jobs: 4, ..Bill::job(4, 0) });
    assert_eq!(price(&blocks[3], MetricMethod::Covariances).circuits, 2);
    let bill = metric.exact(&blocks[2], &ROW, &mut StateVectorBackend::new()).expect("runs").bill;
    assert_eq!(bill, price(&blocks[2], MetricMethod::Overlaps));
}

#[test]
fn what_cannot_be_measured_is_a_typed_error() {
    let (_, metric) = circuit();
    let mut device = Counting::new();
    assert!(matches!(metric.exact(&Blocks::Full, &ROW, &mut device), Err(Error::NotASimulator { .. })));
    let mut call = |blocks: &Blocks, method, shots, row: &[f64]| {
        metric.measure(blocks, method, shots, row, &mut device, &mut rng()).err()
    };
    let covariances = MetricMethod::Covariances;
    assert_eq!(
        call(&Blocks::Full, covariances, Shots::Exact, &ROW),
        Some(Error::Layers { parameters: [0, 2], layers: [0, 1] })
    );
    let unknown = Blocks::Given(vec![vec![8]]);
    assert!(matches!(call(&unknown, covariances, Shots::Exact, &ROW), Some(Error::Index { index: 8, .. })));
    assert!(matches!(call(&Blocks::Layers, covariances, Shots::Exact, &ROW[1..]), Some(Error::Length { .. })));
    assert!(matches!(
        call(&Blocks::Layers, covariances, Shots::Total(3), &ROW),
        Some(Error::TooFewShots { needed: 4, got: 3, .. })
    ));
    assert_eq!(device.bill, Bill::ZERO);
    // A parameter in two layers has no variance of one generator; its overlaps are as good as any.
    let shared = Metric::of_all_parameters(&{
        let mut circuit = Circuit::new(1).expect("width");
        let t = circuit.parameter("t").expect("new");
        circuit.ry(0, t).expect("valid").rz(0, t).expect("valid");
        circuit
    })
    .expect("valid");
    let diagonal = shared.measure(&Blocks::Diagonal, covariances, Shots::Exact, &[0.4], &mut device, &mut rng());
    assert!(matches!(diagonal, Err(Error::Layers { parameters: [0, 0], layers: [0, 1] })));
    let overlap = measure(&shared, &Blocks::Diagonal, MetricMethod::Overlaps, &[0.4]);
    assert!((overlap - exact(&shared, &Blocks::Diagonal, &[0.4])).amax() < 1e-14);
    let wide = Metric::of_all_parameters(&hea(15, 1)).expect("valid");
    let error = wide.measure(
        &Blocks::Diagonal,
        MetricMethod::Overlaps,
        Shots::PerCircuit(1),
        &angles(30),
        &mut device,
        &mut rng(),
    );
    assert!(matches!(error, Err(Error::Width { qubits: 15, max: 14, .. })));
}

#[test]
fn natural_gradients_solve_the_regularized_system() {
    let (_, metric) = circuit();
    let matrix = exact(&metric, &Blocks::Full, &ROW);
    let gradient = [0.3, -0.2, 0.9, 0.1, -0.4, 0.8, 0.05, -0.6];
    let lambda = 0.02;
    let x = solve(&matrix, &gradient, Regularization::Tikhonov(lambda)).expect("positive");
    let residual = &matrix * nalgebra::DVector::from_column_slice(&x);
    for k in 0..8 {
        assert!((residual[k] + lambda * x[k] - gradient[k]).abs() < 1e-12);
    }
    // A pseudo-inverse: diag(2, 0) has it exactly, and rotating it changes nothing.
    let (sin, cos) = 0.7_f64.sin_cos();
    let rotation = DMatrix::from_row_slice(2, 2, &[cos, -sin, sin, cos]);
    let singular = &rotation * DMatrix::from_row_slice(2, 2, &[2.0, 0.0, 0.0, 1e-14]) * rotation.transpose();
    let x = solve(&singular, &[1.0, 0.5], Regularization::Cutoff(1e-8)).expect("positive");
    let along = cos + 0.5 * sin;
    assert!((x[0] - along * cos / 2.0).abs() < 1e-12 && (x[1] - along * sin / 2.0).abs() < 1e-12);
    assert_eq!(solve(&DMatrix::zeros(0, 0), &[], Regularization::Cutoff(0.1)), Ok(vec![]));

    let negative = DMatrix::from_row_slice(2, 2, &[-1.0, 0.0, 0.0, -1.0]);
    let two = [1.0, 1.0];
    for (metric, gradient, regularization) in [
        (&negative, &two[..], Regularization::Tikhonov(0.5)),
        (&negative, &two[..], Regularization::Cutoff(0.0)),
        (&DMatrix::zeros(2, 2), &two[..], Regularization::Tikhonov(0.0)),
    ] {
        assert!(matches!(solve(metric, gradient, regularization), Err(Error::NotPositive { .. })));
    }
    let identity = DMatrix::identity(2, 2);
    let bad = |metric: &DMatrix<f64>, gradient: &[f64], r| solve(metric, gradient, r).err();
    assert!(matches!(bad(&identity, &[1.0], Regularization::Cutoff(0.1)), Some(Error::Length { .. })));
    assert!(matches!(bad(&DMatrix::zeros(2, 3), &two, Regularization::Cutoff(0.1)), Some(Error::Length { .. })));
    assert!(matches!(bad(&identity, &[1.0, f64::NAN], Regularization::Cutoff(0.1)), Some(Error::NotFinite { .. })));
    for regularization in [
        Regularization::Cutoff(1.1),
        Regularization::Cutoff(f64::NAN),
        Regularization::Tikhonov(-1.0),
        Regularization::Tikhonov(f64::NAN),
    ] {
        assert!(matches!(bad(&identity, &two, regularization), Some(Error::Setting { .. })));
    }
}
