//! With the feature `argmin`: its solvers on our objectives, billed, and our methods in its executor.
#![cfg(feature = "argmin")]

mod common;

use argmin::core::{CostFunction, Error, Executor, Gradient, State as _};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::neldermead::NelderMead;
use argmin::solver::particleswarm::ParticleSwarm;
use argmin::solver::quasinewton::LBFGS;
use argmin::solver::trustregion::{Steihaug, TrustRegion};
use common::trace;
use common::waves::Waves;
use qopt::interop::{ArgminProblem, ArgminSolver};
use qopt::*;
use rand_xoshiro::Xoroshiro128Plus;
use rand_xoshiro::rand_core::SeedableRng;

/// The best of three local minimisers of SciPy from the same start.
fn minimum() -> f64 {
    let all: serde_json::Value = serde_json::from_str(include_str!("data/optimizers.json")).unwrap();
    all["minimum"]["loss"].as_f64().unwrap()
}

/// A start from which the minimum is the next one downhill.
const START: [f64; 5] = [0.5, -0.9, 1.0, 2.4, 0.2];

#[test]
fn l_bfgs_and_trust_region_find_the_minimum_of_scipy() {
    let mut objective = Waves;
    let problem = ArgminProblem::new(Evaluator::new(&mut objective, Streams::new(1, 0)));
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), 5).with_tolerance_cost(1e-15).unwrap();
    let result = Executor::new(&problem, solver)
        .configure(|state| state.param(START.to_vec()).max_iters(60).counting(true))
        .timer(false)
        .run()
        .unwrap();
    let (point, loss) = problem.best().unwrap();
    assert!((loss - minimum()).abs() < 1e-10, "{loss} instead of {}", minimum());
    assert!((Waves::loss(&point) - loss).abs() < 1e-15);
    // argmin counts its evaluations; ours are billed: 1 circuit for a loss, 10 for a gradient.
    let counts = result.state.get_func_counts();
    let expected = counts["cost_count"] + 10 * counts["gradient_count"];
    assert_eq!(problem.spent().circuits, expected);

    for shift in [1e-4, 0.7] {
        let mut objective = Waves;
        let evaluator = Evaluator::new(&mut objective, Streams::new(1, 0));
        let problem = ArgminProblem::new(evaluator).with_hessian_shift(shift);
        let result = Executor::new(&problem, TrustRegion::new(Steihaug::new().with_max_iters(10)))
            .configure(|state| state.param(START.to_vec()).max_iters(40).counting(true))
            .timer(false)
            .run()
            .unwrap();
        assert!((problem.best().unwrap().1 - minimum()).abs() < 1e-9, "shift {shift}");
        let counts = result.state.get_func_counts();
        let gradients = counts["gradient_count"] + 10 * counts["hessian_count"];
        assert_eq!(problem.spent().circuits, counts["cost_count"] + 10 * gradients);
    }
}

#[test]
fn nelder_mead_and_particle_swarm_come_near() {
    let mut objective = Waves;
    let problem = ArgminProblem::new(Evaluator::new(&mut objective, Streams::new(1, 0)));
    let mut simplex = vec![START.to_vec()];
    for k in 0..5 {
        simplex.push(START.to_vec());
        simplex[k + 1][k] += 0.3;
    }
    Executor::new(&problem, NelderMead::new(simplex))
        .configure(|state| state.max_iters(600))
        .timer(false)
        .run()
        .unwrap();
    assert!((problem.best().unwrap().1 - minimum()).abs() < 1e-5);

    let mut objective = Waves;
    let problem = ArgminProblem::new(Evaluator::new(&mut objective, Streams::new(1, 0)));
    let swarm =
        ParticleSwarm::new((vec![-3.2; 5], vec![3.2; 5]), 30).with_rng_generator(Xoroshiro128Plus::seed_from_u64(1));
    Executor::new(&problem, swarm).configure(|state| state.max_iters(150)).timer(false).run().unwrap();
    assert!(problem.best().unwrap().1 < minimum() + 1e-2);
    assert_eq!(problem.spent().circuits, 30 * 151);
}

#[test]
fn an_exhausted_budget_ends_the_run_and_the_best_point_stays() {
    let mut objective = Waves;
    let budget = Budget { circuits: Some(50), ..Budget::UNLIMITED };
    let problem = ArgminProblem::new(Evaluator::new(&mut objective, Streams::new(1, 0)).budget(budget));
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), 5);
    let run = Executor::new(&problem, solver).configure(|state| state.param(START.to_vec())).timer(false).run();
    let error = run.err().expect("the budget is small");
    assert!(
        matches!(error.downcast_ref::<RunError>(), Some(RunError::Exhausted { what }) if what.contains("circuits"))
    );
    assert!(problem.is_exhausted());
    assert!(problem.spent().circuits <= 50 && problem.spent().circuits > 30);
    assert!(problem.best().unwrap().1 < Waves::loss(&START));
}

/// The same problem as argmin knows one.
struct Plain;

impl CostFunction for Plain {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, theta: &Vec<f64>) -> Result<f64, Error> {
        Ok(Waves::loss(theta))
    }
}

impl Gradient for Plain {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, theta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok((0..5).map(|k| Waves::derivative(theta, k)).collect())
    }
}

/// Our methods in argmin's executor do what they do in ours, evaluation by evaluation.
#[test]
fn methods_run_in_the_executor_of_argmin() {
    type Make = fn() -> Box<dyn Method>;
    let makers: [(Make, u64, u64); 3] = [
        (|| Box::new(Descent::new(Adam::new(0.1).unwrap(), &START).unwrap()), 40, 40),
        // Losses of accepted candidates are used again: 41 and what the ascents cost.
        (|| Box::new(Probe::new(ProbeConfig::exact(), Sgd::new(0.1).unwrap(), &START).unwrap()), 41, 40),
        (|| Box::new(Spsa::new(SpsaConfig::new(0.1, 40), &START).unwrap()), 120, 0),
    ];
    for (make, losses, gradients) in makers {
        let solver = ArgminSolver::new(make(), Streams::new(3, 4)).reusing_losses();
        let result = Executor::new(Plain, solver)
            .configure(|state| state.param(START.to_vec()).max_iters(40).counting(true))
            .timer(false)
            .run()
            .unwrap();
        let expected = trace(&mut make(), &mut Waves, Streams::new(3, 4), 40);
        assert_eq!(result.state.get_param(), Some(&expected.last));
        assert_eq!(result.state.get_cost(), expected.losses[39]);
        let counts = result.state.get_func_counts();
        assert_eq!(counts["cost_count"], losses);
        assert_eq!(counts.get("gradient_count").copied().unwrap_or(0), gradients);
    }
    let icans = AdaptiveShotsConfig::new(Allocation::Individual, 0.1, 1.0);
    let solver = ArgminSolver::new(AdaptiveShots::new(icans, &START).unwrap(), Streams::new(3, 4));
    let error = Executor::new(Plain, solver).timer(false).run().err().unwrap();
    assert!(error.to_string().contains("single partial derivatives"));
    let elsewhere = ArgminSolver::new(Descent::new(Sgd::new(0.1).unwrap(), &[0.0; 5]).unwrap(), Streams::new(0, 0));
    let run = Executor::new(Plain, elsewhere).configure(|state| state.param(START.to_vec())).timer(false).run();
    assert!(run.err().unwrap().to_string().contains("not where the method stands"));
}
