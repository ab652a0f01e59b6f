//! The fit report: its numbers against closed forms and against what a metered device charges, every limit exceeded alone, and
//! advice that is followed.

use proptest::prelude::*;
use qcore::{Angle, Circuit, Param, PauliSum};
use qgrad::{Backend, Bill, Estimator, Expectation, ParameterShift, Shots, StateVectorBackend};
use qiot_profile::fit::{Change, Error, FitOptions, FitReport, Layers, Limit, StepEstimator, fit};
use qiot_profile::{DeviceProfile, Metered};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

const QUBITS: usize = 4;

/// Layers of RY and a line of CX, RY at the end; the parameters from `bound` on are numbers.
fn circuit(qubits: usize, layers: usize, bound: usize) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("a small register");
    let angle = |circuit: &mut Circuit, name: String| {
        if circuit.parameters().len() < bound {
            Angle::from(circuit.parameter(name).expect("a new name"))
        } else {
            Angle::constant(0.3)
        }
    };
    for layer in 0..layers {
        for qubit in 0..qubits {
            let theta = angle(&mut circuit, format!("t{layer}_{qubit}"));
            circuit.ry(qubit, theta).expect("in range");
        }
        for qubit in 1..qubits {
            circuit.cx(qubit - 1, qubit).expect("in range");
        }
    }
    for qubit in 0..qubits {
        let theta = angle(&mut circuit, format!("last{qubit}"));
        circuit.ry(qubit, theta).expect("in range");
    }
    circuit
}

fn observable() -> PauliSum {
    PauliSum::transverse_field_ising(QUBITS, 1.0, 0.5).expect("a chain")
}

/// A device of seven qubits without limits.
fn device() -> DeviceProfile {
    let mut device = DeviceProfile::shipped("perth").expect("a shipped device");
    device.name = "perth without limits".into();
    device.limits = qiot_profile::Limits::default();
    device
}

fn report(circuit: &Circuit, device: &DeviceProfile, options: &FitOptions) -> FitReport {
    // The observable of narrower circuits is the line of their own width.
    let observable = PauliSum::transverse_field_ising(circuit.num_qubits(), 1.0, 0.5).expect("a chain");
    fit(circuit, Some(&observable), device, options).expect("a report")
}

fn limits(report: &FitReport) -> Vec<Limit> {
    report.reasons.iter().map(|reason| reason.limit()).collect()
}

/// What a change makes of circuit, device and options; and the same with one more of what the change takes away, if there is.
fn follow(
    change: &Change,
    circuit: &Circuit,
    device: &DeviceProfile,
    options: &FitOptions,
) -> [Option<(Circuit, DeviceProfile, FitOptions)>; 2] {
    let of = |circuit: &Circuit, options: FitOptions| Some((circuit.clone(), device.clone(), options));
    let layered = |keep: usize| {
        let layers = Layers::find(circuit).expect("layers");
        layers.keep(circuit, keep).map(|(shorter, _)| (shorter, device.clone(), options.clone()))
    };
    let first = |count: usize| Some((0..count).map(Param::new).collect::<Vec<_>>());
    match change {
        Change::Layers { keep, of: _ } => [layered(*keep), layered(keep + 1)],
        Change::ShotsPerCircuit(shots) => {
            [0, 1].map(|more| of(circuit, FitOptions { shots_per_circuit: Some(shots + more), ..options.clone() }))
        }
        Change::Steps(steps) => [0, 1].map(|more| of(circuit, FitOptions { steps: steps + more, ..options.clone() })),
        Change::Differentiate { keep, of: _ } => {
            [0, 1].map(|more| of(circuit, FitOptions { wrt: first(keep + more), ..options.clone() }))
        }
        Change::Bind { parameters } => [0, 1].map(|more| {
            let symbolic = circuit.parameters().len() - *parameters as usize + more;
            of(&self::circuit(QUBITS, 3, symbolic), options.clone())
        }),
        Change::Device(name) => {
            [Some((circuit.clone(), DeviceProfile::shipped(name).expect("a shipped device"), options.clone())), None]
        }
        other => panic!("{other:?} is not followed here"),
    }
}

/// Exactly this limit is exceeded, there is advice of these kinds, all of it helps, and one more of anything does not.
fn exceeded(limit: Limit, kinds: &[&str], circuit: &Circuit, device: &DeviceProfile, options: &FitOptions) {
    let failing = report(circuit, device, options);
    assert!(!failing.fits);
    assert_eq!(limits(&failing), [limit], "{failing}");
    assert!(failing.reasons[0].to_string().starts_with(&format!("{limit}: ")));
    for kind in kinds {
        assert!(
            failing.advice.iter().any(|advice| advice.to_string().contains(kind)),
            "{limit}: no {kind} in {failing}"
        );
    }
    for advice in &failing.advice {
        let [followed, more] = follow(&advice.change, circuit, device, options);
        let (circuit, device, options) = followed.expect("it can be followed");
        let then = report(&circuit, &device, &options);
        assert!(then.fits, "{advice}: {then}");
        if let Some((circuit, device, options)) = more {
            let then = report(&circuit, &device, &options);
            assert!(!then.fits, "{advice}: one more fits as well");
        }
    }
}

#[test]
fn every_limit_alone() {
    let (circuit, options) = (circuit(QUBITS, 3, usize::MAX), FitOptions { steps: 10, ..FitOptions::default() });
    let base = report(&circuit, &device(), &options);
    assert!(base.fits, "{base}");
    assert!(base.advice.is_empty());
    assert_eq!(base.steps_in_budget, None);
    // 16 parameters, two shifts, two measurement groups.
    assert_eq!((base.step_shots, base.shots_per_gradient["parameter_shift"]), (66 * 1024, 64 * 1024));
    let limited = |set: &dyn Fn(&mut DeviceProfile)| {
        let mut device = device();
        set(&mut device);
        device
    };

    let wide = self::circuit(8, 1, usize::MAX);
    exceeded(Limit::Qubits, &["take the device"], &wide, &device(), &FitOptions { steps: 1, ..options.clone() });

    let parts = limited(&|d| {
        d.qubits.coupling = Some(vec![[0, 1], [1, 2], [3, 5], [4, 5], [5, 6]]);
        d.gates.retain(|gate| gate.at.iter().all(|place| place.qubits.len() == 1));
        let everywhere =
            qiot_profile::NativeGate { name: "cx".into(), error: Some(0.0), duration_ns: Some(0.0), at: vec![] };
        d.gates.push(everywhere);
    });
    let five = self::circuit(5, 1, usize::MAX);
    exceeded(Limit::Connectivity, &["take the device"], &five, &parts, &FitOptions { steps: 1, ..options.clone() });

    let no_pairs = limited(&|d| d.gates.retain(|gate| gate.name != "cx"));
    exceeded(Limit::NativeGates, &["take the device"], &circuit, &no_pairs, &options);

    let bound = limited(&|d| d.limits.parameters = Some(12));
    exceeded(
        Limit::Parameters,
        &["write numbers for 4", "keep 2 of the 3 layers", "take the device"],
        &circuit,
        &bound,
        &options,
    );

    let small = limited(&|d| d.limits.memory_bytes = Some(base.memory_bytes - 1));
    exceeded(Limit::Memory, &["1023 shots", "keep 2 of the 3 layers"], &circuit, &small, &options);

    for set in [
        &(|d: &mut DeviceProfile| d.limits.shots_per_circuit = Some(1000)) as &dyn Fn(&mut DeviceProfile),
        &|d| d.limits.shots_per_job = Some(1000),
        &|d| (d.limits.shots_per_window, d.limits.window_seconds) = (Some(1000), Some(1.0)),
    ] {
        let asked = FitOptions { shots_per_circuit: Some(1024), ..options.clone() };
        exceeded(Limit::ShotsPerCircuit, &["take 1000 shots per circuit"], &circuit, &limited(set), &asked);
        // Where nobody asks for a number the device's own is taken.
        assert_eq!(report(&circuit, &limited(set), &options).shots_per_circuit, 1000);
    }

    let all_changes = ["train for 9 steps", "shots per circuit", "differentiate", "layers", "take the device"];
    let shots = limited(&|d| d.limits.shots_total = Some(10 * base.step_shots - 1));
    exceeded(Limit::Shots, &all_changes, &circuit, &shots, &options);

    let time = limited(&|d| d.limits.seconds_total = Some(10.0 * base.step_seconds * 0.999));
    exceeded(Limit::Time, &all_changes[..4], &circuit, &time, &options);

    let jobs = limited(&|d| (d.limits.circuits_per_job, d.limits.jobs_total) = (Some(4), Some(10 * 17 - 1)));
    exceeded(
        Limit::Jobs,
        &["train for 9 steps", "differentiate", "layers", "take the device"],
        &circuit,
        &jobs,
        &options,
    );

    let fidelity = base.fidelity.expect("it fits");
    let asked = FitOptions { min_fidelity: fidelity * 1.001, ..options.clone() };
    exceeded(Limit::Fidelity, &["keep 2 of the 3 layers"], &circuit, &device(), &asked);
}

/// Two limits at once: each has its reason and its own advice.
#[test]
fn limits_are_told_apart() {
    let circuit = circuit(QUBITS, 3, usize::MAX);
    let mut device = device();
    device.limits.parameters = Some(12);
    device.limits.shots_total = Some(100_000);
    let failing = report(&circuit, &device, &FitOptions { steps: 2, ..FitOptions::default() });
    assert_eq!(limits(&failing), [Limit::Parameters, Limit::Shots]);
    for limit in [Limit::Parameters, Limit::Shots] {
        assert!(failing.advice.iter().any(|advice| advice.limit == Some(limit)));
    }
    let without = FitOptions { steps: 2, advise: false, ..FitOptions::default() };
    assert!(report(&circuit, &device, &without).advice.is_empty());
}

/// Limits of which any may bind, in parts of what a training asks for.
fn tightened(base: &DeviceProfile, of: &FitReport, shares: [Option<f64>; 9], steps: u64) -> DeviceProfile {
    let count = |share: Option<f64>, whole: u64| share.map(|share| ((share * whole as f64) as u64).max(1));
    let mut device = base.clone();
    device.limits = qiot_profile::Limits {
        shots_total: count(shares[0], of.step_shots * steps),
        jobs_total: count(shares[1], of.step_jobs * steps),
        seconds_total: shares[2].map(|share| share * of.step_seconds * steps as f64),
        shots_per_circuit: count(shares[3], of.shots_per_circuit),
        memory_bytes: count(shares[4], of.memory_bytes),
        parameters: count(shares[5], of.parameters as u64),
        circuits_per_job: count(shares[6], 20),
        shots_per_job: count(shares[7], 4 * of.shots_per_circuit),
        shots_per_window: count(shares[8], of.step_shots),
        window_seconds: shares[8].map(|share| 10.0 * share * of.step_seconds),
    };
    device
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever limits bind, every advice keeps its promise: the limit holds afterwards, and something fails with one more.
    #[test]
    fn advice_passes_when_followed(
        name in prop::sample::select(vec!["sensor-node", "edge-gateway", "field-hub", "quito", "perth"]),
        (layers, steps, shots) in (1_usize..4, 1_u64..30, 2_u64..400),
        shares in prop::array::uniform9(prop::option::weighted(0.4, 0.02..1.3_f64)),
        fidelity in prop_oneof![2 => Just(0.0), 1 => 0.3..1.0_f64],
    ) {
        let circuit = circuit(QUBITS, layers, usize::MAX);
        let mut base = DeviceProfile::shipped(name).expect("shipped");
        (base.name, base.limits) = ("tightened".into(), qiot_profile::Limits::default());
        let options =
            FitOptions { steps, shots_per_circuit: Some(shots), min_fidelity: fidelity, ..FitOptions::default() };
        let asked = report(&circuit, &base, &FitOptions { advise: false, ..options.clone() });
        let device = tightened(&base, &asked, shares, steps);
        let failing = report(&circuit, &device, &options);
        prop_assert_eq!(failing.fits, failing.reasons.is_empty());
        for advice in &failing.advice {
            let [followed, more] = match advice.change {
                Change::Bind { parameters } => [0, 1].map(|more| {
                    let symbolic = circuit.parameters().len() - parameters as usize + more;
                    Some((self::circuit(QUBITS, layers, symbolic), device.clone(), options.clone()))
                }),
                ref change => follow(change, &circuit, &device, &options),
            };
            let (circuit, device, options) = followed.expect("it can be followed");
            let then = report(&circuit, &device, &options);
            match advice.limit {
                None => prop_assert!(then.fits, "{}: {}", advice, then),
                Some(limit) => {
                    prop_assert!(!limits(&then).contains(&limit), "{}: {}", advice, then);
                    if let Some((circuit, device, options)) = more {
                        let then = report(&circuit, &device, &options);
                        // Where the device gives no more shots that is the limit which one more exceeds.
                        prop_assert!(!then.fits, "{}: one more fits too: {}", advice, then);
                    }
                }
            }
        }
    }
}

/// A device made up so that everything can be worked out by hand.
fn by_hand() -> DeviceProfile {
    DeviceProfile::from_toml(
        r#"
        name = "by hand"
        description = "three qubits in a line"
        source = "made up"

        [qubits]
        count = 3
        coupling = [[0, 1], [1, 2]]
        calibration = [
            { t1_us = 100.0, t2_us = 80.0, p1_given_0 = 0.01, p0_given_1 = 0.03, readout_ns = 1000.0 },
            { t1_us = 50.0, t2_us = 60.0, p1_given_0 = 0.02, p0_given_1 = 0.02, readout_ns = 1200.0 },
            { t1_us = 70.0, t2_us = 70.0, p1_given_0 = 0.00, p0_given_1 = 0.05, readout_ns = 900.0 },
        ]

        [limits]
        shots_total = 100_000
        circuits_per_job = 3

        [latency]
        round_trip_seconds = 0.5
        queue_seconds = 0.25
        compile_seconds = 0.125
        circuit_overhead_seconds = 0.01
        circuit_seconds = 7.0
        reset_seconds = 1e-4

        [traffic]
        bytes_per_job = 100
        bytes_per_circuit = 10
        bytes_per_shot = 1

        [energy]
        joules_per_shot = 0.5
        joules_per_job = 2.0
        joules_per_byte = 0.001

        [[gates]]
        name = "rz"
        error = 0
        duration_ns = 0

        [[gates]]
        name = "sx"
        error = 0.001
        duration_ns = 40

        [[gates]]
        name = "cx"
        at = [
            { qubits = [0, 1], error = 0.01, duration_ns = 300 },
            { qubits = [1, 2], error = 0.02, duration_ns = 500 },
        ]
        "#,
    )
    .expect("a good profile")
}

#[test]
fn the_numbers_by_hand() {
    let mut circuit = Circuit::new(3).expect("three qubits");
    let theta = circuit.parameter("theta").expect("a new name");
    // H on 0 is rz sx rz. CX 0 1 and CX 1 2 lie on the line as they are. The symbolic RZ on 2 commutes with nothing after it.
    circuit.h(0).expect("good").cx(0, 1).expect("good").cx(1, 2).expect("good").rz(2, theta).expect("good");
    let observable: PauliSum = "Z0 Z2 + 0.5 * X2".parse().expect("an observable");
    let options = FitOptions { shots_per_circuit: Some(100), steps: 3, ..FitOptions::default() };
    let found = fit(&circuit, Some(&observable), &by_hand(), &options).expect("a report");
    assert_eq!((found.width, found.swaps, found.depth), (3, Some(0), Some(5)));
    assert_eq!(found.layout.as_deref(), Some(&[0, 1, 2][..]));
    let gates: Vec<(&str, usize)> = found.native_gates.iter().flatten().map(|(&name, &count)| (name, count)).collect();
    assert_eq!(gates, [("cx", 2), ("rz", 3), ("sx", 1)]);
    // 40 + 300 + 500 ns of gates and 1200 ns of readout.
    let close =
        |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12 * expected.abs(), "{found} {expected}");
    close(found.duration_s.expect("known"), 2.04e-6);
    // Qubit 0 waits for the 500 ns of the last gate before it is read, qubit 1 is not read, qubit 2 waits for nothing.
    let waiting = 0.5 + (-0.5_f64 / 100.0).exp() / 6.0 + (-0.5_f64 / 80.0).exp() / 3.0;
    close(found.fidelity.expect("known"), 0.999 * 0.99 * 0.98 * (1.0 - 0.02) * (1.0 - 0.025) * waiting);
    // 6 numbers of 8 bytes, 6 gates of 16, 100 outcomes of one byte.
    assert_eq!(found.memory_bytes, 48 + 96 + 100);
    // One parameter, two shifts, two groups: 4 circuits in two submissions, and 2 circuits for the value in one.
    assert_eq!((found.shots_per_gradient["parameter_shift"], found.shots_per_gradient["spsa"]), (400, 400));
    assert_eq!((found.step_shots, found.step_jobs, found.steps_in_budget), (600, 3, Some(166)));
    close(found.step_seconds, 3.0 * 0.875 + 6.0 * 0.01 + 600.0 * (0.84e-6 + 1.2e-6 + 1e-4));
    close(found.step_joules, 3.0 * 2.0 + 600.0 * 0.5 + (3.0 * 100.0 + 6.0 * 10.0 + 600.0) * 0.001);
    // Two terms of 1/2, one-norm 1.5.
    close(found.gradient_std_error.expect("affine"), (2.0 * 0.25 * 1.5 * 1.5 / 100.0_f64).sqrt());
    assert!(found.fits);
    // Two values along one direction, whatever the parameters.
    for estimator in [StepEstimator::Spsa, StepEstimator::FiniteDifferences] {
        let other = FitOptions { estimator, ..options.clone() };
        assert_eq!(fit(&circuit, Some(&observable), &by_hand(), &other).expect("a report").step_shots, 600);
    }
    assert_eq!(found.shots_per_gradient["finite_differences"], 400);
    // Without observable everything is read once.
    let plain = fit(&circuit, None, &by_hand(), &options).expect("a report");
    assert_eq!((plain.shots_per_gradient["parameter_shift"], plain.gradient_std_error), (200, None));
    assert!(plain.fidelity < found.fidelity);
}

/// The bill of a step is what a metered device charges for it.
#[test]
fn a_step_costs_what_a_metered_device_charges() {
    let circuit = circuit(3, 2, usize::MAX);
    let observable = PauliSum::transverse_field_ising(3, 1.0, 0.5).expect("a chain");
    let wrt: Vec<Param> = (0..5).map(Param::new).collect();
    for name in ["sensor-node", "edge-gateway", "perth"] {
        let device = DeviceProfile::shipped(name).expect("a shipped device");
        let options = FitOptions { shots_per_circuit: Some(50), wrt: Some(wrt.clone()), ..FitOptions::default() };
        let found = fit(&circuit, Some(&observable), &device, &options).expect("a report");

        let expectation = Expectation::new(&circuit, vec![observable.clone()], &wrt).expect("valid");
        let shift = ParameterShift { shots: Shots::PerCircuit(50) };
        let jitter = device.latency.jitter_seconds;
        let mut metered = Metered::new(device, StateVectorBackend::new()).expect("a good profile");
        // What is charged at most is what the report says, to the last digit.
        let price = metered.price(&circuit, shift.price_values(&expectation, 1))
            + metered.price(&circuit, shift.price_vjp(&expectation, 1));
        assert_eq!((price.seconds, price.joules), (found.step_seconds, found.step_joules), "{name}");
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let theta = vec![0.2; circuit.parameters().len()];
        let values = shift.values(&expectation, &theta, &mut metered, &mut rng).expect("within the budget");
        let gradient = shift.gradient(&expectation, &theta, &mut metered, &mut rng).expect("within the budget");
        let Bill { jobs, shots, joules, seconds, .. } = metered.ledger().bill;
        assert_eq!((found.step_shots, found.step_jobs), (shots, jobs), "{name}");
        assert!((found.step_joules - joules).abs() < 1e-9 * joules, "{name}");
        assert_eq!(found.shots_per_gradient["parameter_shift"], gradient.bill.shots, "{name}");
        assert_eq!(
            values.bill.circuits + found.circuits_per_gradient["parameter_shift"],
            values.bill.circuits + gradient.bill.circuits
        );
        // The report takes the network at its slowest.
        let fastest = found.step_seconds - jobs as f64 * jitter;
        assert!((fastest - 1e-9..=found.step_seconds + 1e-9).contains(&seconds), "{name}: {seconds}");
        // The bound on the error of a component holds for the errors that came out.
        let bound = found.gradient_std_error.expect("affine");
        assert!(gradient.std_errors.iter().all(|&error| error <= bound), "{name}: {bound} {:?}", gradient.std_errors);
    }
}

/// Behind the submissions that are worked out one by one, the steps go on at their pace: a window for each of 20 000 steps.
#[test]
fn a_long_training_with_windows_keeps_its_pace() {
    let circuit = circuit(2, 1, usize::MAX);
    let mut device = device();
    (device.limits.shots_per_window, device.limits.window_seconds) = (Some(200), Some(1000.0));
    device.limits.seconds_total = Some(20_000.0 * 1000.0 + 500.0);
    // A value of 20 shots and a gradient of 160 in one submission: each window holds one gradient.
    let options = FitOptions { shots_per_circuit: Some(20), steps: 30_000, advise: false, ..FitOptions::default() };
    let observable = "Z0 Z1".parse().expect("an observable");
    let found = fit(&circuit, Some(&observable), &device, &options).expect("a report");
    assert_eq!(found.step_shots, 180);
    // The first one does not wait.
    assert_eq!(found.steps_in_budget, Some(20_001));
    assert_eq!(limits(&found), [Limit::Time]);
}

/// A device runs exactly as many steps as the report says.
#[test]
fn steps_in_the_budget_are_the_steps_that_run() {
    let circuit = circuit(2, 1, usize::MAX);
    let observable = PauliSum::transverse_field_ising(2, 1.0, 0.5).expect("a chain");
    for set in [
        &(|d: &mut DeviceProfile| d.limits.shots_total = Some(5 * 18 * 20 + 7)) as &dyn Fn(&mut DeviceProfile),
        &|d| d.limits.jobs_total = Some(11),
        &|d| d.limits.seconds_total = Some(31.0),
        // Windows that hold five circuits, and one that holds a step and a half.
        &|d| {
            (d.limits.shots_per_window, d.limits.window_seconds) = (Some(119), Some(7.0));
            d.limits.seconds_total = Some(300.0);
        },
        &|d| {
            (d.limits.shots_per_window, d.limits.window_seconds) = (Some(540), Some(60.0));
            (d.limits.seconds_total, d.limits.circuits_per_job) = (Some(300.0), Some(3));
        },
    ] {
        let mut device = device();
        device.latency.jitter_seconds = 0.0;
        set(&mut device);
        let options = FitOptions { shots_per_circuit: Some(20), ..FitOptions::default() };
        let found = fit(&circuit, Some(&observable), &device, &options).expect("a report");
        let expectation = Expectation::of_all_parameters(&circuit, vec![observable.clone()]).expect("valid");
        let shift = ParameterShift { shots: Shots::PerCircuit(20) };
        let mut metered = Metered::new(device, StateVectorBackend::new()).expect("a good profile");
        let (mut rng, theta) = (ChaCha8Rng::seed_from_u64(5), vec![0.2; circuit.parameters().len()]);
        let mut steps = 0;
        while shift.values(&expectation, &theta, &mut metered, &mut rng).is_ok()
            && shift.gradient(&expectation, &theta, &mut metered, &mut rng).is_ok()
        {
            steps += 1;
            if steps == 1 {
                assert_eq!(found.step_seconds, metered.ledger().bill.seconds);
            }
        }
        assert_eq!(found.steps_in_budget, Some(steps));
        assert!(steps > 1);
    }
}

#[test]
fn the_keys_of_the_report() {
    let circuit = circuit(QUBITS, 2, usize::MAX);
    let found = serde_json::to_value(report(&circuit, &device(), &FitOptions::default())).expect("serializable");
    for key in [
        "fits",
        "reasons",
        "width",
        "depth",
        "native_gates",
        "swaps",
        "duration_s",
        "fidelity",
        "memory_bytes",
        "shots_per_gradient",
        "step_seconds",
        "steps_in_budget",
        "advice",
    ] {
        assert!(found.get(key).is_some(), "{key}");
    }
    assert_eq!(found["fits"], true);
    let node = DeviceProfile::shipped("sensor-node").expect("a shipped device");
    let wide = self::circuit(6, 2, usize::MAX);
    let found = serde_json::to_value(report(&wide, &node, &FitOptions::default())).expect("serializable");
    assert_eq!(found["fits"], false);
    assert_eq!(found["reasons"][0], "qubits: the circuit needs 6, the device has 4");
    assert!(found["depth"].is_null() && found["fidelity"].is_null());
    assert_eq!(found["advice"].as_array().map(Vec::len), Some(1));
}

#[test]
fn layers_are_found_and_dropped() {
    for (all, keep) in [(2, 1), (5, 1), (5, 3), (5, 4)] {
        let layers = Layers::find(&circuit(3, all, usize::MAX)).expect("layers");
        assert_eq!((layers.count(), layers.operations()), (all, 5));
        let (shorter, places) = layers.keep(&circuit(3, all, usize::MAX), keep).expect("fewer");
        assert_eq!(shorter, circuit(3, keep, usize::MAX));
        let dropped = places.iter().filter(|place| place.is_none()).count();
        assert_eq!(dropped, 3 * (all - keep));
    }
    let layers = Layers::find(&circuit(3, 5, usize::MAX)).expect("layers");
    assert!(layers.keep(&circuit(3, 5, usize::MAX), 0).is_none());
    assert!(layers.keep(&circuit(3, 5, usize::MAX), 5).is_none());
    // Another circuit than the one they were found in.
    assert!(layers.keep(&circuit(3, 2, usize::MAX), 1).is_none());
    // A front that does not repeat, parameters that layers share, angles that are expressions.
    let mut qaoa = Circuit::new(3).expect("three qubits");
    let parameters = qaoa.parameters_named("p", 6).expect("new names");
    for q in 0..3 {
        qaoa.h(q).expect("in range");
    }
    for pair in parameters.chunks(2) {
        for q in 0..3 {
            qaoa.gate(qcore::Gate::Rzz, &[q, (q + 1) % 3], &[pair[0] * pair[1]]).expect("in range");
        }
        for q in 0..3 {
            qaoa.rx(q, 2.0 * pair[1]).expect("in range");
        }
    }
    let layers = Layers::find(&qaoa).expect("layers");
    assert_eq!((layers.count(), layers.operations()), (3, 6));
    let (shorter, _) = layers.keep(&qaoa, 2).expect("fewer");
    assert_eq!(shorter.parameters(), ["p0", "p1", "p2", "p3"]);
    assert_eq!(shorter.operations(), &qaoa.operations()[..15]);
    // Nothing repeats.
    let mut single = Circuit::new(2).expect("two qubits");
    single.h(0).expect("in range").cx(0, 1).expect("in range");
    assert!(Layers::find(&single).is_none());
}

#[test]
fn what_means_nothing_is_refused() {
    let circuit = circuit(3, 1, usize::MAX);
    let refused = |options: FitOptions| fit(&circuit, None, &device(), &options).expect_err("refused");
    for (options, name) in [
        (FitOptions { steps: 0, ..FitOptions::default() }, "steps"),
        (FitOptions { rows: 0, ..FitOptions::default() }, "rows"),
        (FitOptions { shots_per_circuit: Some(0), ..FitOptions::default() }, "shots_per_circuit"),
        (FitOptions { min_fidelity: f64::NAN, ..FitOptions::default() }, "min_fidelity"),
        (FitOptions { min_fidelity: 1.5, ..FitOptions::default() }, "min_fidelity"),
    ] {
        let error = refused(options);
        assert!(matches!(error, Error::Option { option, .. } if option == name), "{error}");
    }
    let unknown = FitOptions { wrt: Some(vec![Param::new(99)]), ..FitOptions::default() };
    assert!(matches!(refused(unknown), Error::Expectation(_)));
    let error = fit(&circuit, Some(&observable()), &device(), &FitOptions::default()).expect_err("a wider observable");
    assert!(matches!(error, Error::Expectation(_)), "{error}");
    let mut broken = device();
    broken.latency.queue_seconds = -1.0;
    assert!(matches!(fit(&circuit, None, &broken, &FitOptions::default()), Err(Error::Profile(_))));
    // Counts that do not fit into 64 bits saturate.
    let many = FitOptions { shots_per_circuit: Some(u64::MAX), steps: u64::MAX, ..FitOptions::default() };
    assert!(
        fit(&circuit, None, &device(), &FitOptions { advise: false, ..many }).expect("a report").step_shots == u64::MAX
    );
}

/// Sums of counts stop at the largest one: nothing is shown as if it were exact.
#[test]
fn counts_that_do_not_fit_are_said_to_be_more() {
    let mut device = device();
    (device.limits.shots_total, device.limits.memory_bytes) = (Some(1000), Some(1000));
    let options = FitOptions { shots_per_circuit: Some(1 << 62), steps: 3, advise: false, ..FitOptions::default() };
    let report = report(&circuit(QUBITS, 1, usize::MAX), &device, &options);
    assert_eq!(report.step_shots, u64::MAX);
    let reasons: Vec<String> = report.reasons.iter().map(ToString::to_string).collect();
    assert!(reasons.contains(&"shots: 3 steps take more than 1.8e19, the device gives 1000".to_owned()), "{reasons:?}");
    // 2^62 shots of four qubits are a byte each: that is counted.
    let text = report.to_string();
    let shown =
        ["more than 1.8e19 shots in 32 circuits by parameter shift", "step                 more than 1.8e19 shots, "];
    assert!(shown.iter().all(|shown| text.contains(shown)), "{text}");
    assert!(!text.contains(&u64::MAX.to_string()) && text.contains("4611686018427"), "{text}");
    let json = serde_json::to_string(&report).expect("numbers and text");
    assert!(json.contains("\"step_shots\":18446744073709551615"), "{json}");
}
