//! Natural gradient against PennyLane's `QNGOptimizer`, and the shots of gCANS against a numerical maximum of its criterion.
//! `data/natural_gradient.py` made the numbers.

mod common;

use common::{Ising, PARAMETERS, QUBITS, trace};
use qopt::{
    AdaptiveShots, AdaptiveShotsConfig, Allocation, Answer, Bill, Budget, Descent, NaturalGradient, Objective,
    ObjectiveError, Query, Request, Runner, StepStreams, Streams,
};
use serde_json::Value;

fn recorded(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("data/natural_gradient.json")).expect("the fixture is JSON");
    all[name].clone()
}

fn list(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).expect("a list of numbers")
}

/// The Ising chain with its Fubini-Study metric, in whole or in one block per layer of commuting rotations.
struct WithMetric {
    chain: Ising,
    in_blocks: bool,
}

/// Re <d_i psi|d_j psi> - Re <d_i psi|psi><psi|d_j psi>, where d_k psi is half of psi at theta_k + pi.
fn metric(theta: &[f64], in_blocks: bool) -> Vec<f64> {
    let psi = Ising::state(theta);
    let tangents: Vec<_> = (0..PARAMETERS)
        .map(|k| {
            let mut shifted = theta.to_vec();
            shifted[k] += std::f64::consts::PI;
            Ising::state(&shifted).map(|part| part.map(|x| x / 2.0))
        })
        .collect();
    // <a|b>, real and imaginary part.
    let inner = |[ar, ai]: &[[f64; 16]; 2], [br, bi]: &[[f64; 16]; 2]| {
        let sum = |term: &dyn Fn(usize) -> f64| (0..16).map(term).sum::<f64>();
        (sum(&|x| ar[x] * br[x] + ai[x] * bi[x]), sum(&|x| ar[x] * bi[x] - ai[x] * br[x]))
    };
    // RY of one layer, then RZ of it: rotation k is in block (layer, k mod 2).
    let block = |k: usize| (k / (2 * QUBITS), k % 2);
    let mut metric = Vec::new();
    for (i, a) in tangents.iter().enumerate() {
        for (j, b) in tangents.iter().enumerate() {
            let ((overlap, _), (ar, ai), (br, bi)) = (inner(a, b), inner(a, &psi), inner(&psi, b));
            let entry = overlap - (ar * br - ai * bi);
            metric.push(if in_blocks && block(i) != block(j) { 0.0 } else { entry });
        }
    }
    metric
}

impl Objective for WithMetric {
    fn dimension(&self) -> usize {
        PARAMETERS
    }

    fn price(&self, request: &Request) -> Bill {
        self.chain.price(request)
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        self.chain.evaluate(theta, request, streams, answer)?;
        if request.metric {
            answer.metric = metric(theta, self.in_blocks);
        }
        Ok(())
    }
}

#[test]
fn natural_gradient_of_pennylane() {
    for (name, in_blocks) in [("full", false), ("blocks", true)] {
        let expected = recorded(name);
        let rule = NaturalGradient::new(0.1, expected["regularization"].as_f64().unwrap()).unwrap();
        let mut method = Descent::new(rule, &Ising::start()).unwrap();
        let (losses, points) = (list(&expected["losses"]), expected["points"].as_array().unwrap());
        let mut objective = WithMetric { chain: Ising::new(), in_blocks };
        let found = trace(&mut method, &mut objective, Streams::new(0, 0), losses.len() as u64);
        assert_eq!((losses.len(), points.len()), (12, 12), "{name}");
        for (k, (found, expected)) in found.losses.iter().zip(&losses).enumerate() {
            assert!((found - expected).abs() < 1e-9, "{name}, iteration {k}: {found} instead of {expected}");
        }
        let after = found.points[1..].iter().chain([&found.last]);
        for (k, (found, expected)) in after.zip(points).enumerate() {
            for (found, expected) in found.iter().zip(list(expected)) {
                assert!((found - expected).abs() < 1e-9, "{name}, iteration {k}: {found} instead of {expected}");
            }
        }
        assert!(losses[11] < losses[0] - 1.0, "{name}: the run goes somewhere");
    }
}

/// A gradient and spreads of one shot that are the same everywhere: running means of them, corrected, are they themselves.
struct Constant {
    gradient: Vec<f64>,
    spreads: Vec<f64>,
}

impl Objective for Constant {
    fn dimension(&self) -> usize {
        self.gradient.len()
    }

    fn price(&self, _: &Request) -> Bill {
        Bill::ZERO
    }

    fn evaluate(&mut self, _: &[f64], _: &Request, _: &StepStreams, _: &mut Answer) -> Result<(), ObjectiveError> {
        Err(ObjectiveError::Unsupported { what: "a point" })
    }

    fn price_query(&self, query: &Query<'_>) -> Option<Bill> {
        matches!(query, Query::Partials { .. }).then_some(Bill::ZERO)
    }

    fn evaluate_query(
        &mut self,
        _: &[f64],
        query: &Query<'_>,
        _: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        let Query::Partials { shots, .. } = query else {
            return Err(ObjectiveError::Unsupported { what: query.name() });
        };
        answer.clear();
        answer.gradient.extend(&self.gradient);
        let errors = self.spreads.iter().zip(*shots).map(|(spread, &shots)| spread / (shots as f64).sqrt());
        answer.gradient_std_errors.extend(errors);
        Ok(())
    }
}

/// The paper derives the shots as those that maximise the expected gain per shot. Here SciPy maximises it.
#[test]
fn shots_of_gcans_maximise_the_gain_per_shot() {
    let cases = recorded("best shots");
    assert_eq!(cases.as_array().unwrap().len(), 20);
    for case in cases.as_array().unwrap() {
        let number = |name: &str| case[name].as_f64().unwrap();
        let (gradient, spreads, best) = (list(&case["gradient"]), list(&case["spreads"]), list(&case["shots"]));
        let config = AdaptiveShotsConfig::new(Allocation::Global, number("rate"), number("lipschitz"));
        // The bias of the squared gradient, which the criterion does not have, is far below its rounding to whole shots.
        let config = AdaptiveShotsConfig { track: false, bias: 1e-12, ..config };
        let mut method = AdaptiveShots::new(config, &[0.0; 5]).unwrap();
        let mut objective = Constant { gradient, spreads };
        let mut runner = Runner::new(&mut method, &mut objective, Streams::new(0, 0)).budget(Budget::of_iterations(3));
        runner.run().unwrap();
        drop(runner);
        for (&shots, best) in method.shots().iter().zip(&best) {
            // Whole shots: rounded up.
            let above = shots as f64 - best;
            assert!(above > -1e-4 * best && above < 1.0 + 1e-4 * best, "{shots}, best {best}");
        }
    }
}
