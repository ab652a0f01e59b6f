//! What a step of each shipped method costs beside the objective.
//!
//! Goal: below 5 % of an exact gradient step on 4 qubits, or below 300 ns + 5 ns per parameter. `objective` is that gradient step;
//! `overhead` is runner, method and rule on an objective that answers from memory, and `answer` one answer of that objective, which
//! is not overhead.

use std::hint::black_box;

use benches::{hardware_efficient, ising, theta};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use qbench::{Methods, Setup};
use qgrad::objective::ExpectationObjective;
use qgrad::{Adjoint, Expectation, StateVectorBackend};
use qopt::{Answer, Axis, Bill, Estimate, Objective, ObjectiveError, Query, Request, Runner, StepStreams, Streams};

/// Four qubits, three layers.
const PARAMETERS: usize = 24;

/// Answers every query with numbers from memory that differ a little from step to step.
struct Remembered {
    gradient: Vec<f64>,
    metric: Vec<f64>,
}

impl Remembered {
    fn new() -> Self {
        let metric = (0..PARAMETERS * PARAMETERS).map(|k| if k % (PARAMETERS + 1) == 0 { 0.25 } else { 0.0 });
        Self { gradient: (0..PARAMETERS).map(|k| (0.3 * k as f64).sin()).collect(), metric: metric.collect() }
    }

    fn loss(theta: &[f64]) -> Estimate {
        Estimate { value: theta[0].sin(), std_error: 0.01 }
    }
}

impl Objective for Remembered {
    fn dimension(&self) -> usize {
        PARAMETERS
    }

    fn price(&self, _request: &Request) -> Bill {
        Bill { jobs: 1, circuits: 49, shots: 4900, seconds: 0.0, joules: 0.0 }
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        self.evaluate_query(theta, &Query::Point(*request), streams, answer)
    }

    fn price_query(&self, _query: &Query<'_>) -> Option<Bill> {
        Some(self.price(&Request::VALUE))
    }

    fn evaluate_query(
        &mut self,
        theta: &[f64],
        query: &Query<'_>,
        _streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        match query {
            Query::Point(request) => {
                answer.value = request.value.then(|| Self::loss(theta));
                if request.gradient {
                    answer.gradient.extend_from_slice(&self.gradient);
                    answer.gradient_std_errors.resize(PARAMETERS, 0.01);
                }
                if request.metric {
                    answer.metric.extend_from_slice(&self.metric);
                }
            }
            Query::Values { points } | Query::AxisValues { points, .. } => {
                answer.values.extend(points.chunks_exact(PARAMETERS).map(Self::loss));
            }
            Query::Fidelities { others } => {
                answer.values.extend(others.chunks_exact(PARAMETERS).map(Self::loss));
            }
            Query::Partials { value, components, .. } => {
                answer.value = value.then(|| Self::loss(theta));
                answer.gradient.extend(components.iter().map(|&k| self.gradient[k]));
                answer.gradient_std_errors.resize(components.len(), 0.01);
            }
            _ => return Err(ObjectiveError::Unsupported { what: query.name() }),
        }
        answer.bill = self.price(&Request::VALUE);
        Ok(())
    }
}

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    let circuit = hardware_efficient(4, 3).expect("a valid circuit");
    let expectation = Expectation::of_all_parameters(&circuit, vec![ising(4).expect("finite")]).expect("a valid job");
    let mut exact = ExpectationObjective::new(expectation, Adjoint, StateVectorBackend::new()).expect("all parameters");
    let start = theta(PARAMETERS);
    let (mut answer, streams) = (Answer::default(), Streams::new(1, 0));
    group.bench_function("objective", |b| {
        b.iter(|| exact.evaluate(black_box(&start), &Request::VALUE_AND_GRADIENT, &streams.at(0), &mut answer));
    });
    let memory: &mut dyn Objective = &mut Remembered::new();
    group.bench_function("answer", |b| {
        let query = Request::VALUE_AND_GRADIENT.into();
        b.iter(|| memory.evaluate_query(black_box(&start), &query, &streams.at(0), &mut answer));
    });
    for entry in Methods::shipped().entries() {
        let setup = Setup::new(start.clone(), 1e-3).with_axes(vec![Axis::Y; PARAMETERS]);
        let mut method = entry.build(&setup).expect("shipped methods can be set up");
        let mut objective = Remembered::new();
        let mut runner = Runner::new(&mut *method, &mut objective, streams);
        group.bench_function(BenchmarkId::new("overhead", entry.name()), |b| {
            b.iter(|| runner.next().expect("no limits").expect("finite numbers"));
        });
    }
}

criterion_group! {
    name = optimizers;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(600));
    targets = steps
}
criterion_main!(optimizers);
