//! Fleets in training: averages against dense answers, bills against ledgers, bytes against threads.

use std::sync::Arc;

use qcore::{Circuit, PauliSum};
use qgrad::{Adjoint, Estimator, Expectation, ParameterShift, Shots, StateVectorBackend};
use qiot_profile::fleet::{Fleet, Participation};
use qiot_profile::{DeviceProfile, DeviceSimulator};
use qopt::{
    Answer, Budget, Control, Descent, Method, Objective, Probe, ProbeConfig, Request, Runner, Sgd, StopReason, Streams,
};

use super::{Aggregation, Federated, FleetObjective, LocalClassification, LocalExpectations};
use crate::ansatz::hardware_efficient;
use crate::tasks::{Classification, Task};

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

/// With noise the average is that of the noisy losses: within 5 of its standard errors, and the same bytes whatever the threads.
#[test]
fn a_noisy_fleet_measures_noisy_losses() {
    let sites = sites();
    let node = Arc::new(DeviceProfile::shipped("sensor-node").expect("shipped"));
    let quito = Arc::new(DeviceProfile::shipped("quito").expect("shipped"));
    let profiles: Vec<_> = (0..24).map(|k| Arc::clone(if k % 2 == 0 { &node } else { &quito })).collect();
    let exact = |noise: bool| {
        let of = |device: usize| {
            let simulator = if noise {
                DeviceSimulator::noisy(Arc::clone(&profiles[device])).expect("a device")
            } else {
                DeviceSimulator::ideal()
            };
            let shift = ParameterShift { shots: Shots::Exact };
            let mut rng: rand::rngs::ChaCha8Rng = rand::SeedableRng::seed_from_u64(1);
            let values = shift.values(&sites[device % 3], &START, &mut { simulator }, &mut rng).expect("valid");
            values.estimates[0].value
        };
        (0..24).map(of).sum::<f64>() / 24.0
    };
    let measure = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let fleet = Fleet::new(profiles.clone(), Participation::FULL, 2).expect("valid");
            let task = LocalExpectations::new(sites.clone(), 200).expect("valid");
            let mut objective = FleetObjective::new(fleet, task, Aggregation::Equal).with_noise().expect("calibrated");
            let mut answer = Answer::default();
            let streams = Streams::new(5, 6).at(0);
            objective.evaluate(&START, &Request::VALUE_AND_GRADIENT, &streams, &mut answer).expect("no limit binds");
            answer
        })
    };
    let answer = measure(2);
    assert_eq!(answer, measure(1));
    let value = answer.value.expect("asked for");
    assert!((value.value - exact(true)).abs() < 5.0 * value.std_error, "{value:?} {}", exact(true));
    assert!((value.value - exact(false)).abs() > 5.0 * value.std_error, "{value:?} {}", exact(false));
}

/// Devices that hold a few samples each train a classifier of all of them, in both ways, and pay from their own ledgers.
#[test]
fn a_fleet_learns_from_data_that_are_dealt_out() {
    let task = Classification::iris().expect("shipped").resized(None, Some(1), None).expect("valid");
    let streams = Streams::new(4, 4);
    let whole = task.instance(&streams).expect("valid");
    let sharded = || task.sharded(&streams, 15).expect("60 samples");
    assert_eq!(sharded().start(), whole.start());
    assert!(task.sharded(&streams, 61).is_err() && task.sharded(&streams, 0).is_err());
    // The mean over the shards, of 4 samples each, is the mean over all samples.
    let gateway = Arc::new(DeviceProfile::shipped("edge-gateway").expect("shipped"));
    let fleet = || Fleet::new(vec![Arc::clone(&gateway); 30], Participation::FULL, 3).expect("valid");
    let local = || LocalClassification::new(sharded(), 200).expect("shots");
    let mut objective = FleetObjective::new(fleet(), local(), Aggregation::Equal);
    let mut answer = Answer::default();
    objective.evaluate(whole.start(), &Request::VALUE, &streams.at(0), &mut answer).expect("no limit binds");
    let (value, exact) = (answer.value.expect("asked for"), whole.loss(whole.start()).expect("valid"));
    assert!((value.value - exact).abs() < 5.0 * value.std_error, "{value:?} {exact}");
    assert_eq!(answer.bill.shots, 30 * 4 * 200);
    assert_eq!(objective.fleet().spent().shots, answer.bill.shots);

    let mut federated = Federated::new(fleet(), local(), whole.start(), 3, 5, |_, theta| {
        Ok(Box::new(Descent::new(Sgd::new(0.3)?, theta)?))
    })
    .expect("valid");
    for _ in 0..5 {
        assert_eq!(federated.round().expect("no failure").turnout.answered, 30);
    }
    let reached = whole.loss(federated.theta()).expect("valid");
    assert!(reached < 0.8 * exact, "{exact} -> {reached}");
}
