//! What the meter admits, refuses and charges, one rule at a time.

use qgrad::{Backend, Bill, Error, JobShots, Refusal, StateVectorBackend};
use qiot_profile::{DeviceProfile, Error as ProfileError, Ledger, Metered, Remaining};
use rand::Rng;

mod common;
use common::{Counter, Parts, profile, stream};

/// Runs a job that must be turned away with this error, and asserts that nothing else has happened.
fn assert_turned_away(device: &mut Metered<Counter>, parts: &Parts, shots: JobShots<'_>, expected: &Error) {
    let ledger = device.ledger();
    let (calls, circuits, shots_run) = (device.inner().calls, device.inner().circuits, device.inner().shots);
    let job = parts.job(shots);
    let mut rng = stream();
    assert_eq!(device.admit(&job).as_ref(), Err(expected));
    assert_eq!(device.ledger(), ledger, "asking costs nothing");
    assert_eq!(device.run(&job, &mut rng).as_ref(), Err(expected));
    assert_eq!(device.ledger().bill, ledger.bill, "nothing is spent");
    let refused = u64::from(matches!(expected, Error::Refused(_)));
    assert_eq!(device.ledger().refused_jobs, ledger.refused_jobs + refused);
    assert_eq!((device.inner().calls, device.inner().circuits, device.inner().shots), (calls, circuits, shots_run));
    assert_eq!(rng.next_u64(), stream().next_u64(), "no random number is read");
}

fn device(edit: impl FnOnce(&mut DeviceProfile)) -> Metered<Counter> {
    let mut profile = profile();
    edit(&mut profile);
    Metered::new(profile, Counter::default()).expect("a valid profile")
}

#[test]
fn a_job_is_billed_by_the_profile_and_not_by_the_wrapped_backend() {
    let mut device = device(|_| {});
    let parts = Parts::new(4, 3, 2);
    let job = parts.job(JobShots::PerCircuit(&[1, 2, 3, 4, 5, 6]));
    let expected = Bill {
        jobs: 1,
        circuits: 6,
        shots: 21,
        seconds: 0.5 + 6.0 * 0.25 + 21.0 / 1024.0,
        joules: 2.0 + 63.0 / 1024.0,
    };
    assert_eq!(device.price(job.circuit, job.bill()), expected);
    assert_eq!(device.admit(&job), Ok(expected));
    assert_eq!(device.ledger(), Ledger::default());
    let mut rng = stream();
    let result = device.run(&job, &mut rng).expect("no limit binds");
    assert_eq!(result.bill, expected);
    assert_eq!(device.ledger(), Ledger { bill: expected, ..Ledger::default() });
    // The values are those of the wrapped backend, from the stream that was handed in.
    let value = f64::from(stream().next_u32());
    assert!(result.values.iter().all(|estimate| estimate.value == value));
}

#[test]
fn the_ledger_is_the_sum_of_the_bills_to_the_last_bit() {
    let mut device = device(|profile| {
        profile.latency.reset_seconds = 0.1;
        profile.latency.round_trip_seconds = 1.0 / 3.0;
        profile.energy.joules_per_shot = 0.7;
    });
    let parts = Parts::new(2, 2, 1);
    let bills: Vec<Bill> = (1..200)
        .map(|shots| device.run(&parts.job(JobShots::Each(shots)), &mut stream()).expect("no limit binds").bill)
        .collect();
    assert_eq!(device.ledger().bill, bills.into_iter().sum::<Bill>());
}

#[test]
fn a_device_is_no_simulator_and_has_no_exact_values() {
    let mut device = device(|_| {});
    assert!(device.simulator().is_none());
    assert_turned_away(&mut device, &Parts::new(4, 1, 1), JobShots::Exact, &Error::NotExact);
    assert_eq!(device.ledger(), Ledger::default(), "a question that no device answers is no refusal");
}

#[test]
fn a_wide_circuit_is_refused() {
    let mut device = device(|_| {});
    let refusal = Refusal::Qubits { needed: 5, allowed: 4 }.into();
    assert_turned_away(&mut device, &Parts::new(5, 1, 1), JobShots::Each(1), &refusal);
    assert!(device.run(&Parts::new(4, 1, 1).job(JobShots::Each(1)), &mut stream()).is_ok());
}

#[test]
fn too_many_shots_per_circuit_are_refused() {
    let mut device = device(|profile| profile.limits.shots_per_circuit = Some(100));
    let parts = Parts::new(4, 2, 1);
    let refusal = Refusal::ShotsPerCircuit { needed: 101, allowed: 100 }.into();
    assert_turned_away(&mut device, &parts, JobShots::Each(101), &refusal);
    assert_turned_away(&mut device, &parts, JobShots::PerCircuit(&[101, 1]), &refusal);
    assert!(device.run(&parts.job(JobShots::Each(100)), &mut stream()).is_ok());
}

#[test]
fn the_shot_budget_is_kept_to_the_shot() {
    let mut device = device(|profile| profile.limits.shots_total = Some(10));
    let parts = Parts::new(4, 2, 1);
    assert!(device.run(&parts.job(JobShots::Each(3)), &mut stream()).is_ok());
    assert_eq!(device.remaining(), Remaining { shots: Some(4), jobs: None, seconds: None });
    let refusal = Refusal::ShotBudget { needed: 5, left: 4 }.into();
    assert_turned_away(&mut device, &parts, JobShots::PerCircuit(&[2, 3]), &refusal);
    assert!(device.run(&parts.job(JobShots::Each(2)), &mut stream()).is_ok());
    assert_eq!(device.remaining().shots, Some(0));
    let refusal = Refusal::ShotBudget { needed: 1, left: 0 }.into();
    assert_turned_away(&mut device, &Parts::new(4, 1, 1), JobShots::Each(1), &refusal);
    assert_eq!(device.inner().shots, 10);
}

#[test]
fn the_time_budget_counts_jobs_circuits_and_shots() {
    // One submission, two circuits and 512 shots take 0.5 + 0.5 + 0.5 s.
    let mut device = device(|profile| profile.limits.seconds_total = Some(3.25));
    let parts = Parts::new(4, 2, 1);
    assert!(device.run(&parts.job(JobShots::Each(256)), &mut stream()).is_ok());
    assert_eq!(device.remaining(), Remaining { shots: None, jobs: None, seconds: Some(1.75) });
    let needed = 1.0 + 770.0 / 1024.0;
    assert_turned_away(&mut device, &parts, JobShots::Each(385), &Refusal::TimeBudget { needed, left: 1.75 }.into());
    assert!(device.run(&parts.job(JobShots::Each(384)), &mut stream()).is_ok(), "the budget may be used up");
    assert_eq!(device.remaining().seconds, Some(0.0));
}

#[test]
fn a_refusal_reads_as_a_sentence() {
    let mut device = device(|profile| profile.limits.shots_total = Some(10));
    let error = device.run(&Parts::new(1, 1, 1).job(JobShots::Each(11)), &mut stream()).expect_err("over budget");
    assert_eq!(error.to_string(), "refused: the job needs 11 shots, 10 are left of the budget");
}

#[test]
fn a_large_job_pays_the_latency_of_each_submission_and_runs_once() {
    for (limit, points, jobs) in [(1, 6, 6), (2, 6, 3), (4, 6, 2), (5, 6, 2), (6, 6, 1), (7, 6, 1), (4, 0, 1)] {
        let mut device = device(|profile| profile.limits.circuits_per_job = Some(limit));
        let parts = Parts::new(4, points, 1);
        let bill = device.run(&parts.job(JobShots::Each(1)), &mut stream()).expect("split, not refused").bill;
        assert_eq!(bill.jobs, jobs, "{points} circuits, {limit} per submission");
        assert_eq!(bill.circuits, points as u64);
        let work = points as f64 * (0.25 + 1.0 / 1024.0);
        assert_eq!(bill.seconds, jobs as f64 * 0.5 + work);
        assert_eq!(device.inner().calls, 1);
    }
}

#[test]
fn shots_that_do_not_fit_into_64_bits_are_refused_and_not_wrapped() {
    // Without any budget, too: what cannot be counted is not run.
    let mut device = device(|_| {});
    let parts = Parts::new(4, 2, 1);
    let refusal = |left| Refusal::ShotBudget { needed: u64::MAX, left }.into();
    assert_turned_away(&mut device, &parts, JobShots::Each(u64::MAX), &refusal(u64::MAX - 1));
    assert_turned_away(&mut device, &parts, JobShots::Each(1 << 63), &refusal(u64::MAX - 1));
    assert_turned_away(&mut device, &parts, JobShots::PerCircuit(&[u64::MAX, 2]), &refusal(u64::MAX - 1));
    assert_turned_away(&mut device, &Parts::new(4, 1, 1), JobShots::Each(u64::MAX), &refusal(u64::MAX - 1));
    let bill = device.run(&parts.job(JobShots::Each(1 << 62)), &mut stream()).expect("fits").bill;
    assert_eq!(bill.shots, 1 << 63);
    assert!(bill.seconds.is_finite() && bill.joules.is_finite());
    assert_turned_away(
        &mut device,
        &parts,
        JobShots::Each(1 << 62),
        &Refusal::ShotBudget { needed: 1 << 63, left: (1 << 63) - 2 }.into(),
    );

    let mut device = Metered::new(
        DeviceProfile { limits: qiot_profile::Limits { shots_total: Some(5), ..Default::default() }, ..profile() },
        Counter::default(),
    )
    .expect("a valid profile");
    assert_turned_away(&mut device, &parts, JobShots::Each(u64::MAX), &refusal(5));
}

#[test]
fn a_shot_list_of_the_wrong_length_is_no_cheap_job() {
    let mut device = device(|_| {});
    let parts = Parts::new(4, 2, 2);
    for list in [&[1, 1, 1][..], &[1, 1, 1, 1, 1], &[]] {
        let error = Error::Length { what: "shots per circuit", got: list.len(), expected: 4 };
        assert_turned_away(&mut device, &parts, JobShots::PerCircuit(list), &error);
    }
}

#[test]
fn a_failure_of_the_wrapped_backend_is_not_charged() {
    let failing = Counter { fails: true, ..Counter::default() };
    let mut device = Metered::new(profile(), failing).expect("a valid profile");
    let error = device.run(&Parts::new(4, 1, 1).job(JobShots::Each(5)), &mut stream());
    assert!(matches!(error, Err(Error::NotFinite { .. })), "{error:?}");
    assert_eq!(device.ledger(), Ledger::default());
}

#[test]
fn devices_nest_and_each_keeps_its_own_ledger() {
    let mut small = profile();
    small.limits.shots_total = Some(10);
    let inner = Metered::new(small, Counter::default()).expect("a valid profile");
    let mut outer = Metered::new(profile(), inner).expect("a valid profile");
    let parts = Parts::new(4, 1, 1);
    assert!(outer.run(&parts.job(JobShots::Each(8)), &mut stream()).is_ok());
    let refused = outer.run(&parts.job(JobShots::Each(3)), &mut stream());
    assert_eq!(refused, Err(Refusal::ShotBudget { needed: 3, left: 2 }.into()));
    for ledger in [outer.ledger(), outer.inner().ledger()] {
        assert_eq!((ledger.bill.shots, ledger.bill.jobs, ledger.refused_jobs), (8, 1, 1));
    }
}

#[test]
fn a_profile_or_a_ledger_that_means_nothing_is_not_taken() {
    let mut wrong = profile();
    wrong.latency.reset_seconds = f64::NAN;
    let error = Metered::new(wrong, Counter::default()).expect_err("not a number");
    assert_eq!(error.to_string(), "`latency.reset_seconds` is NaN, allowed are 0 to 1e9");
    for (field, bill) in [
        ("seconds", Bill { seconds: f64::NAN, ..Bill::ZERO }),
        ("seconds", Bill { seconds: -1.0, ..Bill::ZERO }),
        ("joules", Bill { joules: f64::INFINITY, ..Bill::ZERO }),
    ] {
        let error = Metered::resume(profile(), Counter::default(), Ledger { bill, ..Ledger::default() });
        assert!(matches!(error, Err(ProfileError::Ledger { field: found, .. }) if found == field), "{field}");
    }
}

#[test]
fn a_resumed_device_with_smaller_budgets_has_nothing_left() {
    let bill = Bill { jobs: 2, circuits: 3, shots: 50, seconds: 9.0, joules: 1.0 };
    let mut smaller = profile();
    smaller.limits.shots_total = Some(20);
    smaller.limits.seconds_total = Some(5.0);
    let ledger = Ledger { bill, refused_jobs: 4, ..Ledger::default() };
    let mut device = Metered::resume(smaller, Counter::default(), ledger).expect("valid");
    assert_eq!(device.ledger(), ledger);
    assert_eq!(device.remaining(), Remaining { shots: Some(0), jobs: None, seconds: Some(0.0) });
    let refusal = Refusal::ShotBudget { needed: 1, left: 0 }.into();
    assert_turned_away(&mut device, &Parts::new(1, 1, 1), JobShots::Each(1), &refusal);
    let (_, _, ledger) = device.into_parts();
    assert_eq!(ledger, Ledger { bill, refused_jobs: 5, ..Ledger::default() });
}

#[test]
fn numbers_are_those_of_the_simulator_whatever_the_size_of_a_submission() {
    let mut parts = Parts::new(3, 5, 2);
    let mut circuit = qcore::Circuit::new(3).expect("a small register");
    circuit.ry(0, 0.7).expect("qubit 0").cx(0, 2).expect("qubits 0 and 2");
    parts.program = qcore::Program::compile(&circuit);
    let job = parts.job(JobShots::Each(50));
    let bare = StateVectorBackend::new().run(&job, &mut stream()).expect("a valid job").values;
    assert!(bare.iter().any(|estimate| estimate.std_error > 0.0), "the job samples");
    for circuits_per_job in [None, Some(1), Some(3)] {
        let mut profile = profile();
        profile.limits.circuits_per_job = circuits_per_job;
        let mut device = Metered::new(profile, StateVectorBackend::new()).expect("a valid profile");
        assert_eq!(device.run(&job, &mut stream()).expect("no limit binds").values, bare);
    }
}

#[test]
fn parameters_jobs_and_shots_of_a_part_are_limited() {
    let parts = Parts::new(4, 2, 1);
    let mut busy = device(|profile| profile.limits.jobs_total = Some(3));
    busy.run(&parts.job(JobShots::Each(1)), &mut stream()).expect("the first one");
    let mut split = device(|profile| {
        profile.limits.jobs_total = Some(3);
        profile.limits.circuits_per_job = Some(1);
    });
    split.run(&parts.job(JobShots::Each(1)), &mut stream()).expect("two submissions");
    assert_eq!(split.remaining().jobs, Some(1));
    assert_turned_away(&mut split, &parts, JobShots::Each(1), &Refusal::JobBudget { needed: 2, left: 1 }.into());

    let mut small = device(|profile| profile.limits.shots_per_job = Some(10));
    let refusal = Refusal::ShotsPerJob { needed: 11, allowed: 10 }.into();
    assert_turned_away(&mut small, &parts, JobShots::PerCircuit(&[1, 11]), &refusal);
    let bill =
        small.run(&Parts::new(4, 4, 1).job(JobShots::PerCircuit(&[3, 7, 1, 10])), &mut stream()).expect("fits").bill;
    assert_eq!(bill.jobs, 3, "3 and 7, 1, 10");

    let mut slow = device(|profile| {
        profile.limits.shots_per_window = Some(10);
        profile.limits.window_seconds = Some(60.0);
    });
    let refusal = Refusal::ShotsPerWindow { needed: 11, allowed: 10 }.into();
    assert_turned_away(&mut slow, &parts, JobShots::Each(11), &refusal);

    let mut circuit = qcore::Circuit::new(1).expect("small");
    let theta = circuit.parameters_named("theta", 3).expect("new names");
    circuit.ry(0, theta[2]).expect("qubit 0");
    let mut wide = Parts::new(1, 1, 1);
    wide.program = qcore::Program::compile(&circuit);
    let mut frugal = device(|profile| profile.limits.parameters = Some(2));
    assert_turned_away(&mut frugal, &wide, JobShots::Each(1), &Refusal::Parameters { needed: 3, allowed: 2 }.into());
}

/// Worked out by hand: 0.5 s per submission, 0.25 s per circuit, 1/1024 s per shot, 512 shots per minute.
#[test]
fn a_submission_waits_for_the_next_window() {
    let limits = |profile: &mut DeviceProfile| {
        profile.limits.shots_per_window = Some(512);
        profile.limits.window_seconds = Some(60.0);
    };
    let mut device = device(limits);
    let one = Parts::new(4, 1, 1);
    let mut run = |shots| device.run(&one.job(JobShots::Each(shots)), &mut stream()).expect("fits").bill.seconds;
    assert_eq!(run(256), 1.0);
    assert_eq!(run(256), 1.0, "the window is full to the shot");
    // From second 2 to 60, then a second for itself.
    assert_eq!(run(256), 59.0);
    // Three parts of 512 shots: at 61 the window has 256 left, so they begin at 120, 180 and 240.
    let three = Parts::new(4, 3, 1);
    let job = three.job(JobShots::Each(512));
    assert_eq!(device.price(job.circuit, job.bill()).seconds, 240.0 + 1.25 - 61.0);
    assert_eq!(device.run(&job, &mut stream()).expect("fits").bill.seconds, 240.0 + 1.25 - 61.0);
    assert_eq!(device.ledger().window_end_seconds, 300.0);
    // Waiting that ends after the time budget is refused.
    let mut brief = self::device(|profile| {
        limits(profile);
        profile.limits.seconds_total = Some(60.0);
    });
    let refusal = Refusal::TimeBudget { needed: 61.25, left: 60.0 }.into();
    assert_turned_away(&mut brief, &Parts::new(4, 2, 1), JobShots::Each(512), &refusal);
}

/// Prices in turn are what the jobs are charged one after the other, where each price alone knows nothing of the others.
#[test]
fn jobs_are_priced_one_after_the_other() {
    let mut device = device(|profile| {
        profile.limits.shots_per_window = Some(512);
        profile.limits.window_seconds = Some(60.0);
        profile.limits.circuits_per_job = Some(3);
    });
    let jobs =
        [(1, 300), (2, 200), (5, 128), (1, 512), (4, 1)].map(|(points, shots)| (Parts::new(4, points, 1), shots));
    let mut ledger = device.ledger();
    let prices: Vec<Bill> = jobs
        .iter()
        .map(|(parts, shots)| {
            let job = parts.job(JobShots::Each(*shots));
            device.price_in_turn(job.circuit, job.bill(), &mut ledger)
        })
        .collect();
    let alone: Vec<f64> = jobs
        .iter()
        .map(|(parts, shots)| {
            let job = parts.job(JobShots::Each(*shots));
            device.price(job.circuit, job.bill()).seconds
        })
        .collect();
    for ((parts, shots), price) in jobs.iter().zip(&prices) {
        let bill = device.run(&parts.job(JobShots::Each(*shots)), &mut stream()).expect("no budget").bill;
        assert_eq!(bill, *price);
    }
    assert_eq!(device.ledger(), ledger);
    assert!(alone.iter().sum::<f64>() + 100.0 < ledger.bill.seconds, "{alone:?} {ledger:?}");
}

/// Delays are uniform below the jitter: mean and variance within 5 of their standard errors; another seed gives others.
#[test]
fn jitter_is_uniform_and_depends_on_the_seed() {
    let jitter = 0.5;
    let parts = Parts::new(1, 1, 1);
    let delays = |seed| {
        let mut device = device(|profile| profile.latency.jitter_seconds = jitter).with_seed(seed);
        let times = (0..2000).map(|_| {
            let bill = device.run(&parts.job(JobShots::Each(0)), &mut stream()).expect("no limit").bill;
            (bill.seconds - 0.75) / jitter
        });
        times.collect::<Vec<f64>>()
    };
    let (first, second) = (delays(1), delays(2));
    assert_ne!(first, second);
    assert_eq!(first, delays(1));
    let n = first.len() as f64;
    let mean = first.iter().sum::<f64>() / n;
    let variance = first.iter().map(|u| (u - mean).powi(2)).sum::<f64>() / n;
    assert!((mean - 0.5).abs() < 5.0 * (1.0 / 12.0 / n).sqrt(), "{mean}");
    // The variance of (u - 1/2)^2 is 1/80 - 1/144.
    assert!((variance - 1.0 / 12.0).abs() < 5.0 * ((1.0 / 80.0 - 1.0 / 144.0) / n).sqrt(), "{variance}");
    assert!(first.iter().all(|u| (0.0..1.0).contains(u)));
}

#[test]
fn a_shot_takes_as_long_as_its_circuit() {
    let gate = |name: &str, duration_ns| qiot_profile::NativeGate {
        name: name.into(),
        error: Some(0.0),
        duration_ns: Some(duration_ns),
        at: Vec::new(),
    };
    let mut parts = Parts::new(2, 1, 1);
    parts.circuit.x(0).and_then(|circuit| circuit.cx(0, 1)).expect("two qubits");
    let seconds = |device: Metered<Counter>| {
        let mut device = device;
        device.run(&parts.job(JobShots::Each(1_000_000)), &mut stream()).expect("no limit").bill.seconds - 0.75
    };
    let make = || device(|profile| profile.gates = vec![gate("x", 100.0), gate("cx", 400.0)]);
    let rest = 1e6 / 1024.0;
    assert!((seconds(make()) - rest - 0.5).abs() < 1e-9, "{}", seconds(make()));
    let stated = make().with_circuit_seconds(2e-6).expect("a duration");
    assert!((seconds(stated) - rest - 2.0).abs() < 1e-9);
    for value in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(make().with_circuit_seconds(value), Err(ProfileError::CircuitSeconds { .. })));
    }
}
