//! Kernels and whole evaluations of one state.

use std::hint::black_box;

use benches::{brickwork, fourier, grid, hardware_efficient, ising, theta};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qcore::{BatchBinding, Binding, Circuit, Level, Program, StateBatch, StateVector, multinomial_into};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

fn bound(circuit: &Circuit) -> (Program, Binding) {
    let program = Program::compile(circuit);
    let mut binding = Binding::new(&program);
    program.bind(&theta(program.num_parameters()), &mut binding).expect("finite angles");
    (program, binding)
}

fn run(c: &mut Criterion) {
    let circuits = |n: usize| {
        [
            ("layers", hardware_efficient(n, 10)),
            ("bricks", brickwork(n, 10)),
            ("fourier", fourier(n)),
            ("grid", grid(n, 10)),
        ]
    };
    for level in Level::available() {
        let mut group = c.benchmark_group(format!("run/{level}"));
        for n in [4, 8, 12, 16] {
            for (name, circuit) in circuits(n) {
                let (program, binding) = bound(&circuit.expect("a valid circuit"));
                let mut state = StateVector::zero(n).expect("small").with_level(level);
                group.throughput(Throughput::Elements(1 << n));
                group.bench_function(BenchmarkId::new(name, n), |b| b.iter(|| state.run(&program, &binding)));
            }
        }
    }
}

fn parts(c: &mut Criterion) {
    let mut group = c.benchmark_group("parts");
    for n in [4, 8, 12, 16] {
        let (program, mut binding) = bound(&hardware_efficient(n, 10).expect("a valid circuit"));
        let parameters = theta(program.num_parameters());
        let observable = ising(n).expect("finite");
        let mut state = StateVector::zero(n).expect("small");
        state.run(&program, &binding).expect("same width");
        group.bench_function(BenchmarkId::new("expectation", n), |b| {
            b.iter(|| state.expectation(black_box(&observable)));
        });
        group.bench_function(BenchmarkId::new("bind", n), |b| {
            b.iter(|| program.bind(black_box(&parameters), &mut binding));
        });
        let circuit = hardware_efficient(n, 10).expect("a valid circuit");
        group.bench_function(BenchmarkId::new("compile", n), |b| b.iter(|| Program::compile(black_box(&circuit))));
        let probabilities = state.probabilities();
        let mut counts = vec![0; 1 << n];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        group.bench_function(BenchmarkId::new("1000 shots", n), |b| {
            b.iter(|| multinomial_into(&probabilities, 1000, &mut rng, &mut counts));
        });
    }
}

/// 128 states of their own angles, one by one and as a batch, binding and energies included.
fn batches(c: &mut Criterion) {
    let members = 128;
    let mut group = c.benchmark_group("batch");
    group.sample_size(20).throughput(Throughput::Elements(members as u64));
    for n in [4, 6, 8, 10] {
        let (program, mut binding) = bound(&hardware_efficient(n, 10).expect("a valid circuit"));
        let parameters: Vec<Vec<f64>> = (0..members)
            .map(|m| theta(program.num_parameters()).iter().map(|t| t + 0.01 * m as f64).collect())
            .collect();
        let observable = ising(n).expect("finite");
        let mut state = StateVector::zero(n).expect("small");
        group.bench_function(BenchmarkId::new("one by one", n), |b| {
            b.iter(|| {
                parameters.iter().try_fold(0.0, |sum, parameters| {
                    program.bind(parameters, &mut binding)?;
                    state.run(&program, &binding)?;
                    Ok::<f64, qcore::Error>(sum + state.expectation(&observable)?)
                })
            });
        });
        let mut batch = StateBatch::zero(n, members).expect("small");
        let mut angles = BatchBinding::new(&program, members);
        let mut values = Vec::new();
        group.bench_function(BenchmarkId::new("batch", n), |b| {
            b.iter(|| {
                program.bind_batch(parameters.iter().map(|p| (p.as_slice(), None)), &mut angles)?;
                batch.run(&program, &angles)?;
                batch.expectations_into(&observable, &mut values)
            });
        });
    }
}

criterion_group!(benches, run, parts, batches);
criterion_main!(benches);
