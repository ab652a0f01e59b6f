//! Noise against reference numbers of other programs and against dense sums over Kraus operators.

#[path = "../common/mod.rs"]
mod common;

mod dense;
mod input;
mod reference;
mod tape;
mod trajectories;

use common::{Matrix, c, random_unitary};
use num_complex::Complex64;
use qcore::{Channel, Circuit, DensityMatrix, NoiseModel, NoisyBinding, NoisyProgram};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// One channel of every kind, with parameters that no symmetry hides.
fn channels() -> Vec<Channel> {
    let set = |qubits: usize, count: usize, seed: u64| {
        // Blocks of an isometry are a complete set of Kraus operators.
        let dimension = 1 << qubits;
        let size = dimension * count;
        let unitary = random_unitary(size, seed);
        let operators: Vec<Vec<Complex64>> = (0..count)
            .map(|k| {
                (0..dimension * dimension)
                    .map(|at| unitary[(k * dimension + at / dimension) * size + at % dimension])
                    .collect()
            })
            .collect();
        Channel::from_kraus(qubits, &operators)
    };
    [
        Channel::depolarizing(0.13),
        Channel::bit_flip(0.21),
        Channel::phase_flip(0.17),
        Channel::pauli(0.05, 0.11, 0.19),
        Channel::amplitude_damping(0.23),
        Channel::phase_damping(0.31),
        Channel::thermal_relaxation(50.0, 70.0, 20.0),
        Channel::depolarizing_two(0.27),
        set(1, 3, 5),
        set(2, 2, 6),
        set(2, 5, 7),
    ]
    .into_iter()
    .map(|channel| channel.expect("valid parameters"))
    .collect()
}

fn random_density(qubits: usize, seed: u64) -> Matrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let dimension = 1 << qubits;
    let a = Matrix::from_fn(dimension, dimension, |_, _| c(rng.random::<f64>() - 0.5, rng.random::<f64>() - 0.5));
    let rho = &a * a.adjoint();
    let trace = rho.trace().re;
    rho / c(trace, 0.0)
}

fn row_major(matrix: &Matrix) -> Vec<Complex64> {
    matrix.transpose().iter().copied().collect()
}

fn run(circuit: &Circuit, model: &NoiseModel, parameters: &[f64]) -> DensityMatrix {
    let program = NoisyProgram::compile(circuit, model).expect("valid");
    let mut binding = NoisyBinding::new(&program);
    program.bind(parameters, &mut binding).expect("valid");
    let mut rho = DensityMatrix::zero(circuit.num_qubits()).expect("small");
    rho.run(&program, &binding).expect("same width");
    rho
}

fn hea(n: usize, layers: usize) -> (Circuit, Vec<f64>) {
    let mut circuit = Circuit::new(n).expect("small");
    let parameters = circuit.parameters_named("theta", 2 * n * layers).expect("fresh names");
    let mut next = parameters.into_iter();
    for _ in 0..layers {
        for q in 0..n {
            circuit.ry(q, next.next().expect("2nL parameters")).expect("valid");
            circuit.rz(q, next.next().expect("2nL parameters")).expect("valid");
        }
        for q in 1..n {
            circuit.cz(q - 1, q).expect("valid");
        }
    }
    let values = (0..2 * n * layers).map(|k| (0.1 + 0.37 * k as f64) % (2.0 * std::f64::consts::PI)).collect();
    (circuit, values)
}
