//! The diagnosis of a circuit against closed forms and recorded numbers.

use qbench::plateau::{AngleLaw, Cost, ShotsNeeded};
use qbench::{DiagnoseOptions, Error, ansatz, diagnose, diagnose::Verdict};
use qcore::{Channel, Circuit, NoiseModel, PauliSum, Selector};
use serde_json::Value;

fn observable(text: &str) -> PauliSum {
    text.parse().expect("valid")
}

fn options() -> DiagnoseOptions {
    DiagnoseOptions { samples: 300, resamples: 150, ..DiagnoseOptions::default() }
}

/// Variances within 4 standard errors from the exact fourth moments; the shot variances by hand.
#[test]
fn the_product_ansatz_has_its_closed_forms() {
    for n in [2, 4, 6] {
        for cost in [Cost::Local, Cost::Global] {
            let circuit = ansatz::product(n).expect("small");
            let options = DiagnoseOptions { pilots: 60, seed: n as u64, ..options() };
            let found = diagnose(&circuit, &cost.observable(n).expect("small"), &options).expect("runs");
            assert_eq!((found.qubits, found.components.len()), (n, n));
            assert_eq!((found.gradient_circuits, found.gradient_shots), (2 * n as u64, 2000 * n as u64));
            let (second, fourth) = (cost.gradient_variance(n), cost.gradient_fourth_moment(n));
            let error = ((fourth - second * second) / 300.0).sqrt();
            for component in &found.components {
                let value = component.variance.value;
                assert!((value - second).abs() < 4.0 * error, "{cost:?}, n = {n}: {value} against {second}");
                assert!(component.mean.abs() < 4.0 * (second / 300.0).sqrt());
                assert_eq!(component.circuits, 2);
                // Local: each of the n qubits of both circuits has mean variance 1/2 per shot, with weight (1/4) / (4 n^2).
                // Global: the cost is a bit with probability p = prod cos^2(theta_i / 2), and E[p - p^2] = 2^-n - (3/8)^n in
                // either circuit, again with weight 1/4.
                let per_shot = match cost {
                    Cost::Local => 1.0 / (16 * n) as f64,
                    Cost::Global => 0.5 * (0.5_f64.powi(n as i32) - 0.375_f64.powi(n as i32)),
                };
                let off = component.variance_per_shot - per_shot;
                assert!(off.abs() < 4.5 * component.variance_per_shot_error + 0.01 * per_shot, "{cost:?}, n = {n}");
                assert!((component.shot_part - component.variance_per_shot / 1000.0).abs() < 1e-18);
            }
            let norm = n as f64 * second;
            let squares = (n as f64 * fourth - n as f64 * second * second).max(0.0);
            // Components of the global cost are correlated: the sum of their errors is a bound.
            let bound = if cost == Cost::Local { (squares / 300.0).sqrt() } else { n as f64 * error };
            assert!((found.norm_squared.value - norm).abs() < 4.0 * bound, "{cost:?}, n = {n}");
        }
    }
}

/// One qubit: Var g = 1/2 and V = 1/4, so the sign of a typical derivative needs z^2 / 2 = 1.35 shots.
#[test]
fn one_qubit_by_hand() {
    let circuit = ansatz::product(1).expect("small");
    let found = diagnose(&circuit, &observable("Z0"), &options()).expect("runs");
    let component = &found.components[0];
    assert!(component.variance.interval.contains(0.5), "{}", component.variance);
    assert!((component.variance_per_shot - 0.25).abs() < 4.5 * component.variance_per_shot_error);
    let ShotsNeeded::Resolvable { shots, lower, upper } = component.shots_needed else { panic!("it is resolvable") };
    assert!((1..=2).contains(&shots) && lower <= shots && upper.is_some_and(|upper| upper >= shots && upper < 6));
    assert_eq!((component.verdict, found.verdict()), (Verdict::Resolvable, Verdict::Resolvable));
    assert_eq!(found.shots_for_all(), Some(shots));
}

#[test]
fn shot_variances_are_the_recorded_ones() {
    let path = format!("{}/tests/data/anchors/shot_variances.json", env!("CARGO_MANIFEST_DIR"));
    let anchors: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("there")).expect("JSON");
    let case = &anchors["cases"][0];
    assert_eq!(case["name"], "01_single_rx");
    let (angle, expected) = (case["parameters"][0].as_f64().expect("one"), case["whole_observable"][0].as_f64());
    let mut circuit = Circuit::new(1).expect("small");
    let t = circuit.parameter("t").expect("new");
    circuit.rx(0, t).expect("valid");
    // An ensemble of one point, nearly.
    let angles = AngleLaw::Normal { mean: angle, std_dev: 1e-9 };
    let found = diagnose(&circuit, &observable("Z0"), &DiagnoseOptions { angles, ..options() }).expect("runs");
    let component = &found.components[0];
    let off = component.variance_per_shot - expected.expect("one");
    assert!(off.abs() < 4.5 * component.variance_per_shot_error + 1e-3, "{off}");
    assert!((component.mean + angle.sin()).abs() < 1e-8);
}

#[test]
fn parameters_without_influence_and_hopeless_ones_are_told_apart() {
    let n = 10;
    let mut circuit = ansatz::product(n).expect("small");
    let unused = circuit.parameter("unused").expect("new");
    let last = circuit.parameter("phase").expect("new");
    circuit.rz(0, last).expect("valid");
    let _ = unused;
    let observable = Cost::Global.observable(n).expect("small");
    // Angles on seven eighths of the circle: the exact moments are not for them.
    let angles = AngleLaw::Uniform { low: 0.0, high: 1.75 * std::f64::consts::PI };
    let options = DiagnoseOptions { samples: 60, shots: 10, angles, ..options() };
    let global = diagnose(&circuit, &observable, &options).expect("runs");
    assert_eq!(global.count(Verdict::NoInfluence), 2);
    assert!(global.components.iter().all(|component| component.exact_variance.is_none()));
    // Variance of the order of 1e-5 seen through a few samples: nothing is claimed.
    assert_eq!(global.count(Verdict::Undecided), n);
    let bound = |component: &qbench::diagnose::ComponentDiagnosis| component.variance.interval.upper <= 1.0;
    assert!(global.components.iter().all(bound), "no derivative of a probability exceeds 1");
    let text = global.to_string();
    assert!(text.contains("1024 terms") && text.len() < 3000, "{text}");
    for part in ["unused", "phase", "no influence", "2-design", "rest on a few samples", "22 circuits, 220 shots"] {
        assert!(text.contains(part), "{text}");
    }
    // On the whole circle the moments are exact: V / Var = (2^-10 - (3/8)^10) / 2 / ((3/8)^9 / 8) = 25, times z^2 = 2.7 is 68.
    let options = DiagnoseOptions { angles: AngleLaw::CIRCLE, samples: 300, pilots: 300, ..options };
    let global = diagnose(&circuit, &observable, &options).expect("runs");
    assert_eq!((global.count(Verdict::NoInfluence), global.count(Verdict::Resolvable)), (2, 0));
    let exact = Cost::Global.gradient_variance(n);
    for component in global.components.iter().filter(|component| component.verdict != Verdict::NoInfluence) {
        assert!((component.exact_variance.expect("closes") / exact - 1.0).abs() < 1e-12);
        let ShotsNeeded::Resolvable { shots, .. } = component.shots_needed else { panic!("{component:?}") };
        assert!((20..200).contains(&shots), "{shots}");
    }
    assert!(global.to_string().contains("exact over the whole ensemble"));
    // At local cost 10 shots are too few, and that is certain: V / Var = (1 / 160) / (1 / 800) = 5, times z^2 is 13.5.
    let local = Cost::Local.observable(n).expect("small");
    let found = diagnose(&circuit, &local, &DiagnoseOptions { pilots: 100, ..options.clone() }).expect("runs");
    assert_eq!((found.count(Verdict::NotResolvable), found.count(Verdict::NoInfluence)), (n, 2), "{found}");
    assert_eq!(found.shots_for_all().map(|shots| (13..=16).contains(&shots)), Some(true));
    let enough = diagnose(&circuit, &local, &DiagnoseOptions { shots: 20, ..options }).expect("runs");
    assert_eq!(enough.verdict(), Verdict::Resolvable);
}

/// Depolarizing noise with p after the rotation shrinks the derivative of one qubit by 1 - 4p/3.
#[test]
fn noise_shrinks_the_landscape() {
    let circuit = ansatz::product(1).expect("small");
    let noise = NoiseModel::new().after(Selector::every(), Channel::depolarizing(0.3).expect("valid"));
    let clean = diagnose(&circuit, &observable("Z0"), &options()).expect("runs");
    let noisy =
        diagnose(&circuit, &observable("Z0"), &DiagnoseOptions { noise: Some(noise), ..options() }).expect("runs");
    let ratio = noisy.components[0].variance.value / clean.components[0].variance.value;
    assert!((ratio - 0.36).abs() < 1e-12, "{ratio}");
    assert!(noisy.noisy && noisy.to_string().contains("with noise"));
}

#[test]
fn equal_options_give_equal_bytes_whatever_the_threads() {
    let mut circuit = Circuit::new(3).expect("small");
    let t = circuit.parameters_named("t", 12).expect("new");
    ansatz::hardware_efficient(&mut circuit, &t).expect("whole layers");
    let ising = PauliSum::transverse_field_ising(3, 1.0, 0.8).expect("valid");
    let options = DiagnoseOptions { samples: 40, resamples: 100, ..DiagnoseOptions::default() };
    let with_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let found = pool.install(|| diagnose(&circuit, &ising, &options)).expect("runs");
        serde_json::to_string(&found).expect("plain numbers")
    };
    let one = with_threads(1);
    assert_eq!(one, with_threads(3));
    let other = diagnose(&circuit, &ising, &DiagnoseOptions { seed: 1, ..options.clone() }).expect("runs");
    assert_ne!(one, serde_json::to_string(&other).expect("plain numbers"));
    let back: qbench::Diagnosis = serde_json::from_str(&one).expect("the same type");
    assert_eq!(serde_json::to_string(&back).expect("plain numbers"), one);
}

#[test]
fn impossible_options_are_refused() {
    let circuit = ansatz::product(2).expect("small");
    let z = observable("Z0");
    let bad = [
        DiagnoseOptions { samples: 9, pilots: 2, ..options() },
        DiagnoseOptions { pilots: 1, ..options() },
        DiagnoseOptions { pilots: 301, ..options() },
        DiagnoseOptions { shots: 0, ..options() },
        DiagnoseOptions { confidence: 0.5, ..options() },
        DiagnoseOptions { level: 1.0, ..options() },
        DiagnoseOptions { resamples: 99, ..options() },
        DiagnoseOptions { angles: AngleLaw::Uniform { low: 1.0, high: 0.0 }, ..options() },
    ];
    for options in bad {
        assert!(matches!(diagnose(&circuit, &z, &options), Err(Error::Range { .. })), "{options:?}");
    }
    assert!(diagnose(&circuit, &observable("Z5"), &options()).is_err());
    assert!(matches!(diagnose(&Circuit::new(2).expect("small"), &z, &options()), Err(Error::Range { .. })));
}
