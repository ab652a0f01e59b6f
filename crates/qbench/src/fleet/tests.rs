//! Fleets in training: averages against dense answers, bills against ledgers, bytes against threads.

use std::sync::Arc;

use qcore::{Circuit, PauliSum};
use qgrad::{Adjoint, Estimator, Expectation, StateVectorBackend};
use qiot_profile::DeviceProfile;
use qiot_profile::fleet::{Fleet, Participation};
use qopt::{
    Answer, Budget, Control, Descent, Method, Objective, Probe, ProbeConfig, Request, Runner, Sgd, StopReason, Streams,
};

use super::{Aggregation, Federated, FleetObjective, LocalExpectations};
use crate::ansatz::hardware_efficient;

/// Chains of three spins in fields of different strength, on one circuit.
fn sites() -> Vec<Expectation> {
    [0.4, 0.8, 1.2]
        .into_iter()
        .map(|field| {
            let mut circuit = Circuit::new(3).expect("small");
            let theta = circuit.parameters_named("t", 6).expect("new names");
            hardware_efficient(&mut circuit, &theta).expect("one layer");
            let chain = PauliSum::transverse_field_ising(3, 1.0, field).expect("small");
            Expectation::of_all_parameters(&circuit, vec![chain]).expect("valid")
        })
        .collect()
}

fn fleet(devices: usize, habits: Participation) -> Fleet {
    let node = Arc::new(DeviceProfile::shipped("sensor-node").expect("shipped"));
    let hub = Arc::new(DeviceProfile::shipped("field-hub").expect("shipped"));
    let profiles = (0..devices).map(|device| Arc::clone(if device % 4 == 0 { &hub } else { &node })).collect();
    Fleet::new(profiles, habits, 11).expect("valid")
}

const START: [f64; 6] = [0.3, -0.4, 0.5, 0.2, -0.1, 0.6];
const HABITS: Participation = Participation { absent: 0.2, lost: 0.1, deadline_seconds: Some(120.0) };

/// The mean of all local losses and gradients, within 5 of the stated standard errors of the exact one.
#[test]
fn the_average_of_everybody_is_the_mean_loss() {
    let sites = sites();
    let mut exact = (0.0, vec![0.0; 6]);
    for site in &sites {
        let mut rng: rand::rngs::ChaCha8Rng = rand::SeedableRng::seed_from_u64(1);
        let found = Adjoint.gradient(site, &START, &mut StateVectorBackend::new(), &mut rng).expect("valid");
        let value = Adjoint.values(site, &START, &mut StateVectorBackend::new(), &mut rng).expect("valid");
        exact.0 += value.estimates[0].value / 3.0;
        exact.1.iter_mut().zip(&found.gradient).for_each(|(sum, g)| *sum += g / 3.0);
    }
    let task = LocalExpectations::new(sites, 50).expect("valid");
    for aggregation in [Aggregation::Shots, Aggregation::Equal] {
        let mut objective = FleetObjective::new(fleet(60, Participation::FULL), task.clone(), aggregation);
        let mut answer = Answer::default();
        let streams = Streams::new(3, 4).at(0);
        objective.evaluate(&START, &Request::VALUE_AND_GRADIENT, &streams, &mut answer).expect("no limit binds");
        let value = answer.value.expect("asked for");
        assert!(
            value.std_error > 0.0 && (value.value - exact.0).abs() < 5.0 * value.std_error,
            "{value:?} {}",
            exact.0
        );
        for (k, (g, error)) in answer.gradient.iter().zip(&answer.gradient_std_errors).enumerate() {
            assert!(*error > 0.0 && (g - exact.1[k]).abs() < 5.0 * error, "{k}: {g} +- {error}, {}", exact.1[k]);
        }
        let spent = objective.fleet().spent();
        assert_eq!(
            (answer.bill.jobs, answer.bill.circuits, answer.bill.shots),
            (spent.jobs, spent.circuits, spent.shots)
        );
        assert!(answer.bill.seconds < spent.seconds / 10.0, "devices work at the same time");
        let slowest = objective.fleet().ledgers().iter().map(|ledger| ledger.bill.seconds).fold(0.0, f64::max);
        assert_eq!(answer.bill.seconds, slowest);
        let price = objective.price(&Request::VALUE_AND_GRADIENT);
        assert_eq!((price.jobs, price.shots), (spent.jobs, spent.shots));
        assert_eq!(objective.turnouts()[0].answered, 60);
    }
}

fn probe(theta: &[f64], rate: f64) -> Result<Box<dyn Method>, qopt::ConfigError> {
    let config = ProbeConfig { control: Control::Ascend, loss_scale: 4.4, ..ProbeConfig::shots() };
    Ok(Box::new(Probe::new(config, Sgd::new(rate)?, theta)?))
}

/// Everything that a run leaves behind, in one text.
fn trace(threads: usize) -> String {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| {
        let task = LocalExpectations::new(sites(), 20).expect("valid");
        let mut federated =
            Federated::new(fleet(24, HABITS), task.clone(), &START, 2, 5, |_, theta| probe(theta, 0.1)).expect("valid");
        let rounds: Vec<_> = (0..3).map(|_| federated.round().expect("no failure")).collect();
        let mut objective = FleetObjective::new(fleet(24, HABITS), task, Aggregation::Shots);
        let mut method = probe(&START, 0.1).expect("valid");
        let outcome = Runner::new(&mut *method, &mut objective, Streams::new(1, 2))
            .budget(Budget { iterations: Some(3), ..Budget::UNLIMITED })
            .run()
            .expect("no failure");
        format!(
            "{rounds:?} {:?} {:?} {outcome:?} {:?} {:?}",
            federated.theta(),
            federated.fleet().ledgers(),
            objective.fleet().ledgers(),
            objective.turnouts()
        )
    })
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let one = trace(1);
    assert_eq!(one, trace(3));
    assert!(one.contains("late: 0") && one.contains("answered"), "{one}");
}

/// Averaged points go downhill, and a run that is stopped between rounds goes on as if it had not been.
#[test]
fn federated_averaging_trains_and_resumes() {
    let sites = sites();
    let loss = |theta: &[f64]| -> f64 {
        let exact = |site: &Expectation| {
            let mut rng: rand::rngs::ChaCha8Rng = rand::SeedableRng::seed_from_u64(1);
            let values = Adjoint.values(site, theta, &mut StateVectorBackend::new(), &mut rng).expect("valid");
            values.estimates[0].value
        };
        sites.iter().map(exact).sum::<f64>() / 3.0
    };
    let task = LocalExpectations::new(sites.clone(), 50).expect("valid");
    let build = |_: usize, theta: &[f64]| -> Result<Box<dyn Method>, qopt::ConfigError> {
        Ok(Box::new(Descent::new(Sgd::new(0.1)?, theta)?))
    };
    let mut steady = Federated::new(fleet(16, HABITS), task.clone(), &START, 3, 9, build).expect("valid");
    let mut theta = START.to_vec();
    let mut ledgers = steady.fleet().ledgers().to_vec();
    for number in 0..6 {
        let expected = steady.round().expect("no failure");
        let fleet = Fleet::resume(steady.fleet().profiles().to_vec(), &ledgers, HABITS, 11).expect("valid");
        let mut shaky = Federated::new(fleet, task.clone(), &theta, 3, 9, build).expect("valid").from_round(number);
        assert_eq!(shaky.round().expect("no failure"), expected);
        assert!(expected.turnout.answered >= 6, "{expected:?}");
        (theta, ledgers) = (shaky.theta().to_vec(), shaky.fleet().ledgers().to_vec());
        assert_eq!((&theta[..], &ledgers[..]), (steady.theta(), steady.fleet().ledgers()));
    }
    // As many steps of exact descent on the mean loss: what averaging aims at, up to shots, absences and local drift.
    let mut exact = START.to_vec();
    for _ in 0..18 {
        let mut gradient = [0.0; 6];
        for site in &sites {
            let mut rng: rand::rngs::ChaCha8Rng = rand::SeedableRng::seed_from_u64(1);
            let found = Adjoint.gradient(site, &exact, &mut StateVectorBackend::new(), &mut rng).expect("valid");
            gradient.iter_mut().zip(&found.gradient).for_each(|(sum, g)| *sum += g / 3.0);
        }
        exact.iter_mut().zip(gradient).for_each(|(theta, g)| *theta -= 0.1 * g);
    }
    let (aim, reached) = (loss(&START) - loss(&exact), loss(&START) - loss(&theta));
    assert!((reached / aim - 1.0).abs() < 0.2, "{reached} of {aim}");
}

#[test]
fn a_fleet_without_budget_ends_a_run_normally() {
    let mut node = DeviceProfile::shipped("sensor-node").expect("shipped");
    node.limits.shots_total = Some(1000);
    let node = Arc::new(node);
    let fleet = Fleet::new(vec![node; 3], Participation::FULL, 1).expect("valid");
    let task = LocalExpectations::new(sites(), 20).expect("valid");
    let mut objective = FleetObjective::new(fleet, task, Aggregation::Equal);
    let mut method = Descent::new(Sgd::new(0.1).expect("valid"), &START).expect("valid");
    let outcome = Runner::new(&mut method, &mut objective, Streams::new(1, 2)).run().expect("no failure");
    assert!(matches!(outcome.reason, StopReason::Refused { .. }), "{:?}", outcome.reason);
    assert!(outcome.iterations >= 1);
    assert!(objective.fleet().ledgers().iter().all(|ledger| ledger.bill.shots <= 1000));
    assert_eq!(objective.turnouts().last().map(|turnout| turnout.refused), Some(3));
}
