//! Rates by cross-fitting, comparisons of paired seeds, and what a table shows.

use super::*;
use crate::tasks::Assessment;

pub(crate) fn result(method: &str, rate: f64, seed: u64, loss: f64) -> TrialResult {
    TrialResult {
        task: "t".into(),
        readout: "exact".into(),
        method: method.into(),
        rate,
        seed,
        reason: "budget".into(),
        iterations: 1,
        spent: qopt::Bill::ZERO,
        ascents: 0,
        late_gradient_norm: Some(0.5),
        spent_to_threshold: None,
        start_loss: 1.0,
        last_measured: loss,
        last: Assessment { loss, test_loss: None, accuracy: None, test_accuracy: None },
        best_loss: loss,
        chosen: Assessment { loss, test_loss: None, accuracy: None, test_accuracy: None },
        angles: Vec::new(),
        axes: Vec::new(),
    }
}

/// Even seeds favour rate 0.1, odd ones 0.3: each half must be judged at the other half's favourite.
#[test]
fn rates_are_cross_fitted() {
    let mut results = Vec::new();
    for seed in 0..8 {
        let even = seed % 2 == 0;
        results.push(result("adam", 0.1, seed, if even { 0.2 } else { 0.9 }));
        results.push(result("adam", 0.3, seed, if even { 0.8 } else { 0.1 }));
        // Half the loss of Adam at either rate.
        results.push(result("nlr-probe-adam", 0.1, seed, if even { 0.1 } else { 0.45 }));
        results.push(result("nlr-probe-adam", 0.3, seed, if even { 0.4 } else { 0.05 }));
    }
    let conditions = conditions(&results, &Methods::shipped()).expect("enough seeds");
    let [condition] = &conditions[..] else { panic!("one condition") };
    let adam = condition.methods.iter().find(|m| m.name == "adam").expect("there");
    assert_eq!(adam.rates, [0.3, 0.1]);
    assert!((adam.mean(|run| run.last.loss) - 0.85).abs() < 1e-12);
    assert!(adam.against_adam.is_none());
    let nlr = condition.methods.iter().find(|m| m.name == "nlr-probe-adam").expect("there");
    let change = nlr.against_adam.expect("compared");
    assert!((change.value - 0.5).abs() < 1e-12 && change.is_better() && !change.is_worse());
    assert_eq!(nlr.against_base.map(|c| c.value), nlr.against_adam.map(|c| c.value));
    assert!(nlr.nlr && !adam.nlr && nlr.at_the_edge);
    assert_eq!(nlr.record, [8, 0, 0]);
    // Two-sided exact signed-rank test of eight equal signs: 2 / 2^8, whatever the ties of the magnitudes.
    assert!((nlr.p_value.expect("tested") - 2.0 / 256.0).abs() < 1e-15);
    let table = table(condition);
    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
}

/// Where Adam's mean loss is 0 there is no relative change, but it still wins.
#[test]
fn a_reference_without_loss_is_compared_by_ranks() {
    let results: Vec<TrialResult> = (0..8)
        .flat_map(|seed| [result("adam", 0.1, seed, 0.0), result("sgd", 0.1, seed, 0.1 + 0.05 * seed as f64)])
        .collect();
    let conditions = conditions(&results, &Methods::shipped()).expect("enough seeds");
    let sgd = conditions[0].methods.iter().find(|method| method.name == "sgd").expect("there");
    assert_eq!((sgd.against_adam, sgd.record), (None, [0, 0, 8]));
    assert!((sgd.p_value.expect("tested") - 2.0 / 256.0).abs() < 1e-15);
    let adam = conditions[0].methods.iter().find(|method| method.name == "adam").expect("there");
    assert_eq!((adam.record, adam.p_value), ([0; 3], None));
}

#[test]
fn a_method_equal_to_adam_changes_nothing() {
    let results: Vec<TrialResult> = (0..6)
        .flat_map(|seed| {
            let loss = 0.1 + 0.05 * seed as f64;
            [result("adam", 0.1, seed, loss), result("stay-probe-adam", 0.1, seed, loss)]
        })
        .collect();
    let conditions = conditions(&results, &Methods::shipped()).expect("enough seeds");
    let stay = &conditions[0].methods[1];
    assert_eq!(stay.record, [0, 6, 0]);
    assert_eq!(stay.p_value, None);
    let change = stay.against_adam.expect("compared");
    assert_eq!((change.value, change.lower, change.upper), (0.0, 0.0, 0.0));
}

/// Half the loss in one condition and twice the loss in another: a mean reduction of -1/4, whatever the seeds.
#[test]
fn the_mean_over_conditions_is_that_of_the_reductions() {
    let mut results = Vec::new();
    for seed in 0..6 {
        let loss = 0.1 + 0.05 * seed as f64;
        for (task, factor) in [("a", 0.5), ("b", 2.0), ("left out", 1e-9)] {
            let of = |method: &str, loss: f64| TrialResult { task: task.into(), ..result(method, 0.1, seed, loss) };
            results.extend([of("adam", loss), of("sgd", factor * loss)]);
        }
        // A condition without Adam has nothing to be compared with.
        results.push(TrialResult { task: "c".into(), ..result("sgd", 0.1, seed, loss) });
    }
    let change = mean_change(&results, "sgd", |task, _| task != "left out").expect("enough seeds");
    let change = change.expect("compared");
    assert!([change.value, change.lower, change.upper].iter().all(|value| (value + 0.25).abs() < 1e-12));
    assert_eq!(mean_change(&results, "sgd", |_, readout| readout == "100-shots").expect("enough seeds"), None);
}

/// With one rate there is nothing to choose: the change is the ratio of means of `stats`, resampled by the same stream.
#[test]
fn a_change_is_the_relative_reduction_over_pairs() {
    let loss = |seed: u64| 0.4 + 0.3 * (1.7 * seed as f64).sin();
    let ours = |seed: u64| 0.7 * loss(seed) + 0.1 * (0.9 * seed as f64).cos();
    let results: Vec<TrialResult> = (0..30)
        .flat_map(|seed| [result("adam", 0.1, seed, loss(seed)), result("sgd", 0.1, seed, ours(seed))])
        .collect();
    let conditions = conditions(&results, &Methods::shipped()).expect("enough seeds");
    let sgd = conditions[0].methods.iter().find(|method| method.name == "sgd").expect("there");
    let change = sgd.against_adam.expect("compared");
    let (a, b): (Vec<f64>, Vec<f64>) = (0..30).map(|seed| (ours(seed), loss(seed))).unzip();
    let plan = Bootstrap { resamples: 4000, level: 0.95, kind: BootstrapKind::Bca };
    let mut rng = Streams::new(0, experiment::stream_key("t exact sgd adam")).at(0).rng(Role::User(0));
    let expected = stats::relative_reduction_interval(&a, &b, &plan, &mut rng).expect("positive");
    for (found, expected) in [
        (change.value, expected.estimate),
        (change.lower, expected.interval.lower),
        (change.upper, expected.interval.upper),
    ] {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    assert!(change.lower < change.value && change.value < change.upper);
}

/// Many seeds in any order take one pass over the results, not a search for each rate and seed.
#[test]
fn losses_of_many_seeds_are_placed_by_rate_and_seed() {
    let (seeds, rates) = (40_000, [3.0, 0.1, 0.3]);
    let loss = |rate: f64, seed: u64| rate + 1e-6 * seed as f64;
    let mut results: Vec<TrialResult> = Vec::new();
    for seed in (0..seeds).rev() {
        results.extend(rates.iter().filter(|_| seed != 70).map(|&rate| result("adam", rate, seed, loss(rate, seed))));
    }
    results.push(result("adam", 0.3, 70, 5.0));
    // Of two results of one run the first one counts.
    results.push(result("adam", 0.3, 3, -1.0));
    let losses = Losses::new(&results.iter().collect::<Vec<_>>());
    assert_eq!((&losses.rates[..], losses.seeds.len()), (&[0.1, 0.3, 3.0][..], seeds as usize));
    for (place, &rate) in losses.rates.iter().enumerate() {
        for seed in [0, 3, 69, 71, 39_999] {
            assert_eq!(losses.by_rate[place][seed as usize], loss(rate, seed));
        }
    }
    assert_eq!([0, 1, 2].map(|rate| losses.by_rate[rate][70]), [f64::INFINITY, 5.0, f64::INFINITY]);
}

/// A row that is missing leaves other seeds: nothing is paired with the run of another seed.
#[test]
fn methods_with_other_seeds_are_not_compared() {
    let loss = |seed: u64| 0.1 + 0.05 * seed as f64;
    let mut results: Vec<TrialResult> = (0..8)
        .flat_map(|seed| [result("adam", 0.1, seed, loss(seed)), result("sgd", 0.1, seed, 0.5 * loss(seed))])
        .collect();
    results.retain(|result| result.method != "sgd" || result.seed != 2);
    results.extend((0..8).map(|seed| result("momentum", 0.1, seed, 0.5 * loss(seed))));
    let conditions = conditions(&results, &Methods::shipped()).expect("enough seeds");
    let of = |name: &str| conditions[0].methods.iter().find(|method| method.name == name).expect("there");
    assert_eq!((of("sgd").record, of("sgd").p_value, of("sgd").against_adam), ([0; 3], None, None));
    // The other one is the only one that is tested: no adjustment.
    assert_eq!(of("momentum").record, [8, 0, 0]);
    assert!((of("momentum").p_value.expect("tested") - 2.0 / 256.0).abs() < 1e-15);
}

/// No number stands where no gradient was known, whatever the rows of earlier versions hold there.
#[test]
fn a_gradient_that_nobody_measured_has_no_norm() {
    let with = |method: &str, late_gradient_norm, seed| {
        let one = result(method, 0.1, seed, 0.1 + 0.01 * seed as f64);
        TrialResult { late_gradient_norm, ..one }
    };
    let mut results = Vec::new();
    for seed in 0..4 {
        results.push(with("adam", Some(0.25 * seed as f64), seed));
        results.push(with("sgd", Some(0.0), seed));
        results.push(with("cma-es", Some(0.0), seed));
        results.push(with("momentum", (seed > 0).then_some(1.0), seed));
        results.push(TrialResult { iterations: 0, ..with("majority-class", Some(0.0), seed) });
    }
    let conditions = conditions(&results, &Methods::shipped()).expect("enough seeds");
    let table = table(&conditions[0]);
    let column = table.columns.iter().position(|column| column == "late |g|").expect("there");
    let shown = |name: &str| table.rows.iter().find(|row| row[0] == name).map(|row| row[column].as_str());
    // A gradient that was measured as 0 is a number: (0 + 1 + 2 + 3) / 16 beside it.
    for (name, expected) in
        [("adam", "3.75e-1"), ("sgd", "0.00e0"), ("cma-es", "-"), ("momentum", "-"), ("majority-class", "-")]
    {
        assert_eq!(shown(name), Some(expected), "{name}");
    }
}
