//! Hyperparameters, states and gradients at the edge of what numbers can hold: typed errors, never a panic.

mod common;

use common::Quadratic;
use qopt::*;

const START: [f64; 2] = [1.0, -0.5];

#[test]
fn counts_that_would_need_too_much_memory_are_refused() {
    let too_many = |most: usize| [most + 1, usize::MAX / 4, usize::MAX / 2, usize::MAX - 1, usize::MAX];
    let refused = |found: Option<ConfigError>, name: &str| {
        assert!(matches!(&found, Some(ConfigError::OutOfRange { name: of, .. }) if *of == name), "{name}: {found:?}");
    };
    for directions in too_many(SpsaConfig::MAX_DIRECTIONS) {
        let spsa = SpsaConfig { directions, ..SpsaConfig::new(0.1, 10) };
        refused(Spsa::new(spsa, &START).err(), "directions");
        for config in [SecondOrderSpsaConfig::of_loss(0.1, 10), SecondOrderSpsaConfig::of_fidelity(0.1, 10)] {
            refused(SecondOrderSpsa::new(SecondOrderSpsaConfig { spsa, ..config }, &START).err(), "directions");
        }
    }
    for population in too_many(CmaEsConfig::MAX_POPULATION) {
        let config = CmaEsConfig { population: Some(population), ..CmaEsConfig::new(0.1) };
        refused(CmaEs::new(config, &START).err(), "population");
    }
    let most = SpsaConfig { directions: SpsaConfig::MAX_DIRECTIONS, ..SpsaConfig::new(0.1, 10) };
    assert!(Spsa::new(most, &START).is_ok());
    assert!(
        SecondOrderSpsa::new(SecondOrderSpsaConfig { spsa: most, ..SecondOrderSpsaConfig::of_loss(0.1, 10) }, &START)
            .is_ok()
    );
    let most = CmaEsConfig { population: Some(CmaEsConfig::MAX_POPULATION), ..CmaEsConfig::new(0.1) };
    assert!(CmaEs::new(most, &START).is_ok());
    assert!(History::with_capacity(usize::MAX).records().is_empty());
}

#[test]
fn restored_counters_at_their_end_stay_there() {
    let condition = StopCondition::GradientUnresolved { ratio: 100.0, window: u64::MAX };
    let mut stop = Stop::new(condition).unwrap();
    stop.restore(&State::new("stop").with_counts("counts", &[u64::MAX, 0])).unwrap();
    let mut objective = Quadratic::noisy(&[1.0, 1.0], 0.1, 0.1, 10);
    let mut method = Descent::new(Sgd::new(0.1).unwrap(), &START).unwrap();
    let outcome = Runner::new(&mut method, &mut objective, Streams::new(1, 0))
        .budget(Budget::of_iterations(5))
        .observe(&mut stop)
        .run()
        .unwrap();
    assert_eq!((outcome.reason, outcome.iterations), (StopReason::Observer, 1));
    assert_eq!(stop.state().counts("counts"), Ok([u64::MAX, 1]));
}

/// A run whose next query has the last number there is goes on.
#[test]
fn query_numbers_at_their_end_stay_there() {
    let mut objective = Quadratic::noisy(&[1.0, 1.0], 0.1, 0.1, 10);
    let mut method = Spsa::new(SpsaConfig::new(0.1, 10), &START).unwrap();
    let mut state = Runner::new(&mut method, &mut objective, Streams::new(1, 0)).state();
    (state.query, state.step) = (u32::MAX, u64::MAX);
    let runner = Runner::new(&mut method, &mut objective, Streams::new(1, 0)).budget(Budget::of_iterations(u64::MAX));
    let outcome = runner.resume(&state).unwrap().run().unwrap();
    assert_eq!(outcome.iterations, u64::MAX);
}
