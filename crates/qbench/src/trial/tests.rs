//! Trials are paired, within their budgets, and the same whatever the number of threads.

use qiot_profile::Limits;

use super::row::COLUMNS;
use super::*;
use crate::tasks::{Classification, GroundState};

fn trials(readout: Readout) -> Trials {
    Trials {
        tasks: vec![
            Box::new(GroundState::ising(3, 1.0, 0.8, 1).expect("valid")),
            Box::new(Classification::iris().expect("shipped data")),
        ],
        readouts: vec![readout],
        methods: Methods::shipped().only(|name| ["adam", "nlr-probe-adam", "natural-gradient"].contains(&name)),
        rates: vec![0.1, 0.3],
        seeds: 2,
        exact_iterations: 12,
    }
}

#[test]
fn runs_of_one_seed_are_paired_and_none_exceeds_its_budget() {
    let readout = Readout::device("sensor-node", 20).expect("shipped");
    let limit = readout.limits().and_then(|limits| limits.shots_total).expect("this device has one");
    let results = trials(readout).run_all(5).expect("runs");
    for result in results.iter().filter(|r| r.rate > 0.0) {
        assert_eq!(result.reason, "shot budget");
        assert!(result.spent.shots <= limit, "{} of {limit}", result.spent.shots);
        // One more iteration of the dearest method would not have fitted.
        let per_iteration = result.spent.shots / result.iterations;
        assert!(result.spent.shots + 3 * per_iteration > limit, "{} stopped early", result.method);
        assert!(result.spent.seconds > 0.0 && result.spent.joules > 0.0);
        let twin = |r: &&TrialResult| r.task == result.task && r.seed == result.seed && r.rate > 0.0;
        assert!(results.iter().filter(twin).all(|r| r.start_loss == result.start_loss));
    }
    let starts: Vec<f64> = results.iter().filter(|r| r.rate > 0.0).map(|r| r.start_loss).collect();
    assert!(starts.iter().any(|&loss| loss != starts[0]), "seeds and tasks differ");
    // The natural gradient needs a metric tensor, which a device does not give.
    assert!(results.iter().all(|r| r.method != "natural-gradient"));
}

#[test]
fn exact_runs_have_equal_circuits_and_descend() {
    let results = trials(Readout::Exact).run_all(5).expect("runs");
    assert!(results.iter().any(|r| r.method == "natural-gradient" && r.task == "tfim-3"));
    assert!(results.iter().all(|r| r.method != "natural-gradient" || r.task == "tfim-3"));
    for task in ["tfim-3", "iris"] {
        let of_task: Vec<_> = results.iter().filter(|r| r.task == task && r.rate > 0.0).collect();
        let adam = of_task.iter().find(|r| r.method == "adam").expect("there");
        assert_eq!(adam.iterations, 12);
        assert_eq!(adam.reason, "budget: circuits");
        for result in &of_task {
            assert!(result.spent.circuits <= adam.spent.circuits);
            assert!(result.last.loss.is_finite() && result.best_loss <= result.start_loss);
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("small");
        let readout = Readout::device("sensor-node", 50).expect("shipped");
        pool.install(|| trials(readout).run_all(9)).expect("runs")
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn rows_read_back() {
    let results = trials(Readout::Exact).run_all(1).expect("runs");
    for (at, result) in results.iter().enumerate() {
        let cells: Vec<String> = result.row().iter().map(ToString::to_string).collect();
        assert_eq!(cells.len(), COLUMNS.len());
        let row: Vec<String> = std::iter::once("id".to_owned()).chain(cells).collect();
        let chosen = Assessment { loss: result.chosen.loss, test_loss: None, accuracy: None, test_accuracy: None };
        let without_point = TrialResult { angles: Vec::new(), axes: Vec::new(), chosen, ..result.clone() };
        assert_eq!(TrialResult::from_row(at, &row).expect("own row"), without_point);
    }
    assert!(matches!(TrialResult::from_row(0, &[]), Err(Error::Row { .. })));
}

/// Without a device the budget from shots is that of so many plain steps, and what solves a task is found by exact losses.
#[test]
fn shots_without_a_device_have_a_budget_and_a_threshold() {
    let methods = Methods::shipped().only(|name| ["adam", "nlr-probe-adam"].contains(&name));
    let task = crate::tasks::ProductPlateau::new(4).expect("valid");
    let trials = Trials { tasks: vec![Box::new(task)], methods, ..trials(Readout::Shots { shots: 100 }) };
    let trials = Trials { exact_iterations: 40, seeds: 6, rates: vec![0.3], ..trials };
    let results = trials.run_all(2).expect("runs");
    // A step of Adam: one value and two circuits per angle; two evaluations after training.
    let (step, evaluation) = (9 * 100, 100);
    for result in &results {
        assert!(result.spent.shots <= 40 * step + 2 * evaluation);
        if result.method == "adam" {
            assert_eq!((result.iterations, result.spent.shots), (40, 40 * step + 2 * evaluation));
            if let Some(spent) = result.spent_to_threshold {
                assert!(spent % step == 0 && spent <= 40 * step);
            }
        }
        assert!(result.last.loss > 0.5 || result.spent_to_threshold.is_some());
    }
    let solved = results.iter().filter(|r| r.spent_to_threshold.is_some()).count();
    assert!((1..=results.len()).contains(&solved), "{solved}");
}

/// A device that runs out of time ends a run as normally as one that runs out of shots.
#[test]
fn a_time_budget_ends_a_run_normally() {
    let mut profile = qiot_profile::DeviceProfile::shipped("sensor-node").expect("shipped");
    profile.limits.seconds_total = Some(600.0);
    let readout = Readout::Device { profile: Box::new(profile), shots: 20, noise: false };
    let trials =
        Trials { tasks: vec![Box::new(GroundState::ising(3, 1.0, 0.8, 1).expect("valid"))], ..trials(readout) };
    for result in trials.run_all(3).expect("runs") {
        assert_eq!(result.reason, "time budget");
        assert!(result.spent.seconds <= 600.0 && result.iterations >= 1);
    }
}

#[test]
fn two_tasks_of_one_name_are_refused() {
    let mut trials = trials(Readout::Exact);
    trials.tasks = vec![
        Box::new(GroundState::ising(3, 1.0, 0.8, 1).expect("valid")),
        Box::new(GroundState::ising(3, 1.0, 0.5, 1).expect("valid")),
    ];
    assert!(matches!(trials.run_all(1), Err(Error::DuplicateName { name }) if name == "tfim-3"));
}

/// Results of equal rates could not be told apart, and would count twice.
#[test]
fn a_learning_rate_given_twice_is_refused() {
    let trials = Trials { rates: vec![0.1, 0.3, 0.1], ..trials(Readout::Exact) };
    assert!(matches!(trials.run_all(1), Err(Error::DuplicateName { name }) if name == "learning rate 0.1"));
}

#[test]
fn a_run_without_an_iteration_is_a_typed_error_with_its_reason() {
    let readout = || Readout::device("sensor-node", 4096).expect("shipped");
    let result = trials(readout()).run_all(1);
    assert!(matches!(&result, Err(Error::NoIteration { reason, .. }) if reason.contains("budget")), "{result:?}");
    // A device of four qubits.
    let large = Trials {
        tasks: vec![Box::new(GroundState::ising(5, 1.0, 0.8, 1).expect("valid"))],
        ..trials(Readout::device("sensor-node", 10).expect("shipped"))
    };
    let result = large.run_all(1);
    assert!(matches!(&result, Err(Error::NoIteration { reason, .. }) if reason.contains("qubits")), "{result:?}");
}

/// Every shipped method that applies runs on every kind of task, exactly and from shots, within the same budget; the others are told
/// with the reason.
#[test]
fn every_method_has_a_cell_or_a_reason() {
    let graph = crate::graph::Graph::moebius_ladder(4).expect("even");
    let trials = Trials {
        tasks: vec![
            Box::new(GroundState::ising(3, 1.0, 0.8, 1).expect("valid")),
            Box::new(GroundState::max_cut("cut", &graph, 2).expect("valid")),
            Box::new(crate::tasks::ProductPlateau::new(3).expect("valid")),
            Box::new(Classification::iris().expect("shipped data")),
        ],
        readouts: vec![Readout::Exact, Readout::Shots { shots: 40 }],
        methods: Methods::shipped(),
        rates: vec![0.1],
        seeds: 1,
        exact_iterations: 30,
    };
    let results = trials.run_all(8).expect("runs");
    for result in results.iter().filter(|result| result.reason != "fitted") {
        let adam = results.iter().find(|r| r.method == "adam" && r.task == result.task && r.readout == result.readout);
        let allowed = adam.expect("adam runs everywhere").spent;
        assert!(result.iterations > 0 && result.last.loss.is_finite() && result.best_loss.is_finite(), "{result:?}");
        assert!(result.spent.circuits <= allowed.circuits || result.readout != "exact", "{result:?}");
        assert!(result.spent.shots <= allowed.shots, "{} of {}: {result:?}", result.spent.shots, allowed.shots);
    }
    let found = |task: &str, readout: &str, method: &str| {
        results.iter().any(|r| r.task == task && r.readout == readout && r.method == method)
    };
    let omissions = trials.omissions();
    for task in ["tfim-3", "cut", "product-3", "iris"] {
        for readout in ["exact", "40-shots"] {
            for entry in trials.methods.entries() {
                let is_omitted = |o: &&Omission| o.task == task && o.readout == readout && o.method == entry.name();
                let omitted = omissions.iter().filter(is_omitted).count();
                assert_eq!(
                    usize::from(found(task, readout, entry.name())) + omitted,
                    1,
                    "{task} {readout} {}",
                    entry.name()
                );
            }
        }
    }
    let reason = |task: &str, readout: &str, method: &str| {
        let of = omissions.iter().find(|o| o.task == task && o.readout == readout && o.method == method);
        of.map(|omission| omission.reason.clone())
    };
    for method in ["icans", "gcans"] {
        assert_eq!(reason("iris", "exact", method), Some(NotApplicable::NoShots));
        assert_eq!(reason("iris", "40-shots", method), None);
    }
    assert_eq!(reason("tfim-3", "40-shots", "natural-gradient"), Some(NotApplicable::MetricFromShots));
    assert_eq!(reason("iris", "exact", "natural-gradient"), Some(NotApplicable::NoMetric));
    assert_eq!(reason("iris", "exact", "qn-spsa"), Some(NotApplicable::NoFidelities));
    for method in ["rotosolve", "rotoselect"] {
        assert_eq!(reason("cut", "exact", method), Some(NotApplicable::NoSineWaves));
        assert_eq!(reason("iris", "exact", method), Some(NotApplicable::NoSineWaves));
        for task in ["tfim-3", "product-3"] {
            assert_eq!((reason(task, "exact", method), reason(task, "40-shots", method)), (None, None));
        }
    }
    assert_eq!(reason("cut", "exact", "random-coordinate"), None);
    // Each reason is in the table of its condition.
    let mut trials = trials;
    trials.methods = trials.methods.only(|name| ["adam", "rotosolve"].contains(&name));
    trials.seeds = 2;
    let conditions = crate::summary::of_trials(&trials.run_all(8).expect("runs"), &trials).expect("enough seeds");
    assert_eq!(conditions.len(), 8);
    for condition in &conditions {
        let table = crate::summary::table(condition).to_string();
        assert_eq!(
            table.contains("not applicable: it takes the loss for a sine wave"),
            ["cut", "iris"].contains(&&*condition.task)
        );
        assert!(table.contains("rotosolve"));
    }
}

/// What a run with chosen axes came to is judged with these axes: the loss that was measured again is the exact one.
#[test]
fn chosen_axes_are_judged_as_chosen() {
    let trials = Trials {
        tasks: vec![
            Box::new(GroundState::ising(3, 1.0, 0.8, 2).expect("valid")),
            Box::new(crate::tasks::ProductPlateau::new(3).expect("valid")),
        ],
        methods: Methods::shipped().only(|name| name == "rotoselect"),
        ..trials(Readout::Exact)
    };
    for result in trials.run_all(3).expect("runs") {
        assert!((result.last_measured - result.last.loss - lowest(&result.task)).abs() < 1e-12, "{result:?}");
        assert!(result.last.loss < 0.5 * result.start_loss, "{result:?}");
        assert_eq!(result.axes.len(), result.angles.len());
        if result.task == "product-3" {
            assert!(result.last.loss < 1e-12, "a rotation about Z leaves every qubit at 0");
        }
    }
}

fn lowest(task: &str) -> f64 {
    if task == "tfim-3" { GroundState::ising(3, 1.0, 0.8, 2).expect("valid").lowest_energy() } else { 0.0 }
}

/// Without rates of the trial each method has its own grid, all of one length, those without a rate one run.
#[test]
fn every_method_has_its_own_grid_of_the_same_length() {
    let mut own = trials(Readout::Exact);
    own.rates = Vec::new();
    let methods = Methods::shipped();
    for entry in methods.entries().iter().filter(|entry| entry.has_rate()) {
        assert_eq!(own.rates_of(entry), entry.default_rates());
        assert_eq!(entry.default_rates().len(), 6, "{}", entry.name());
        assert!(entry.default_rates().is_sorted_by(|a, b| a < b));
    }
    let rotosolve = methods.get("rotosolve").expect("shipped");
    assert_eq!(trials(Readout::Exact).rates_of(rotosolve), [1.0]);
    own.methods = methods.only(|name| name == "adam");
    own.seeds = 1;
    let results = own.run_all(1).expect("runs");
    let adam = own.methods.entries()[0].default_rates();
    for task in ["tfim-3", "iris"] {
        let rates: Vec<f64> = results.iter().filter(|r| r.task == task && r.rate > 0.0).map(|r| r.rate).collect();
        assert_eq!(rates, adam);
    }
}

/// Submissions are a budget as shots are; and where time windows take the time that was kept for the measurements at the end, what
/// was measured on the way counts.
#[test]
fn devices_with_few_jobs_and_with_windows_end_within_their_limits() {
    let on = |set: &dyn Fn(&mut qiot_profile::DeviceProfile)| {
        let mut profile = qiot_profile::DeviceProfile::shipped("edge-gateway").expect("shipped");
        set(&mut profile);
        let mut trials = trials(Readout::Device { profile: Box::new(profile), shots: 20, noise: false });
        trials.tasks.truncate(1);
        trials.run_all(5).expect("runs")
    };
    let few = on(&|profile| {
        profile.limits = Limits { jobs_total: Some(11), ..Limits::default() };
    });
    for result in few.iter().filter(|result| result.rate > 0.0) {
        assert_eq!(result.reason, "budget: jobs");
        assert!(result.spent.jobs <= 11 && result.spent.jobs > 7 && result.iterations > 1, "{result:?}");
    }
    let slow = on(&|profile| {
        profile.limits = Limits {
            shots_per_window: Some(200),
            window_seconds: Some(100.0),
            seconds_total: Some(1000.0),
            ..Limits::default()
        };
    });
    for result in slow.iter().filter(|result| result.rate > 0.0) {
        assert!(result.spent.seconds <= 1000.0 && result.iterations > 0, "{result:?}");
        assert!(result.chosen.loss.is_finite() && result.last_measured.is_finite());
    }
}

#[test]
fn cheap_steps_are_looked_at_a_few_hundred_times_and_dear_ones_always() {
    let looks = |limit: Option<u64>, step: u64| {
        let mut looks = Looks::of_budget(limit);
        let due: Vec<u64> = (0..3000).step_by(step as usize).filter(|&spent| looks.is_due(spent)).collect();
        due
    };
    assert_eq!(looks(Some(3000), 1), (0..3000).step_by(10).collect::<Vec<_>>());
    assert_eq!(looks(Some(3000), 7), (0..3000).step_by(14).collect::<Vec<_>>());
    assert_eq!(looks(Some(3000), 100).len(), 30);
    assert_eq!(looks(None, 1).len(), 3000);
}

/// The norms of a method that knows no gradient are empty cells, and rows of before, with 0 there, are read.
#[test]
fn a_row_has_no_gradient_where_none_is_known() {
    let of = |name: &'static str| Trials {
        methods: Methods::shipped().only(|other| other == name),
        seeds: 1,
        rates: vec![0.3],
        ..trials(Readout::Exact)
    };
    let column = COLUMNS.iter().position(|&name| name == "late_gradient_norm").expect("there");
    for (name, known) in [("cma-es", false), ("adam", true), ("spsa", true), ("random-coordinate", true)] {
        for result in of(name).run_all(1).expect("runs") {
            let cells: Vec<String> = result.row().iter().map(ToString::to_string).collect();
            let known = known && result.rate > 0.0;
            assert_eq!((result.late_gradient_norm.is_some(), !cells[column].is_empty()), (known, known), "{result:?}");
            let mut row: Vec<String> = std::iter::once("id".to_owned()).chain(cells).collect();
            assert_eq!(TrialResult::from_row(0, &row).expect("own row").late_gradient_norm, result.late_gradient_norm);
            row[column + 1] = "0.0".to_owned();
            assert_eq!(TrialResult::from_row(0, &row).expect("an old row").late_gradient_norm, Some(0.0));
        }
    }
}

/// What screening reports before the descent is no gradient.
#[test]
fn late_gradients_are_those_of_the_descent() {
    let task = GroundState::ising(2, 1.0, 0.8, 1).expect("valid");
    let instance = task.instance(&Streams::new(1, 1)).expect("valid");
    let mut objective = instance.objective(&Readout::Exact).expect("valid");
    let (mut history, mut method) =
        (History::new(), qopt::Descent::new(qopt::Sgd::new(0.1).expect("valid"), instance.start()));
    let method = method.as_mut().expect("valid");
    let budget = Budget::of_iterations(1);
    Runner::new(method, &mut *objective, Streams::new(1, 1)).budget(budget).observe(&mut history).run().expect("runs");
    let of = |(event, gradient_norm)| {
        let mut record = history.records()[0];
        (record.event, record.gradient_norm) = (event, gradient_norm);
        record
    };
    let screening = [(Event::Restart, 0.0); 4];
    let descent = [1.0, 0.0, 5.0].map(|norm| (Event::Descent, norm));
    let records: Vec<Record> = screening.into_iter().chain(descent).map(of).collect();
    assert_eq!(late_gradient_norm(KnownGradient::Whole, &records), Some(2.0));
    assert_eq!(late_gradient_norm(KnownGradient::Nothing, &records), None);
    // The second half of what is left as of the whole.
    assert_eq!(late_gradient_norm(KnownGradient::Whole, &records[4..]), Some(2.5));
    assert_eq!(late_gradient_norm(KnownGradient::Whole, &records[..3]), None);
}

/// Counts end at 2^64 - 1, and so much is never a budget.
#[test]
fn budgets_of_the_largest_counts_are_finite() {
    let trials = Trials { exact_iterations: u64::MAX, ..trials(Readout::Shots { shots: 1 << 53 }) };
    for task in &trials.tasks {
        let instance = task.instance(&Streams::new(1, 1)).expect("valid");
        let mut objective = instance.objective(&trials.readouts[0]).expect("valid");
        let plan = trials.plan(&trials.readouts[0], &mut *objective);
        assert_eq!(plan.budget.shots, Some(u64::MAX - 1));
        assert!(plan.iterations > 0 && plan.iterations < 1000, "{}", plan.iterations);
    }
}
