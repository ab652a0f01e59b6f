//! Routing on coupling maps: lines, rings, stars, heavy hexagons, maps in parts.

use qiot_profile::DeviceProfile;
use qiot_profile::transpile::{Error, transpile};

use super::*;

const NATIVE: [Gate; 4] = [Gate::Rz, Gate::Sx, Gate::X, Gate::Cx];

fn on(qubits: usize, edges: &[[usize; 2]]) -> Target {
    Target { coupling: Some(edges.to_vec()), ..Target::new(qubits, &NATIVE) }
}

fn line(qubits: usize) -> Vec<[usize; 2]> {
    (1..qubits).map(|k| [k - 1, k]).collect()
}

fn ring(qubits: usize) -> Vec<[usize; 2]> {
    (0..qubits).map(|k| [k, (k + 1) % qubits]).collect()
}

fn star(qubits: usize) -> Vec<[usize; 2]> {
    (1..qubits).map(|k| [0, k]).collect()
}

fn device(name: &str) -> Target {
    let profile = DeviceProfile::shipped(name).expect("a shipped device");
    on(profile.qubits.count, &profile.edges())
}

#[test]
fn routed_circuits_do_the_same() {
    let mut rng = stream(11);
    let mut swaps = 0;
    for (name, target) in [
        ("line", on(6, &line(6))),
        ("ring", on(7, &ring(7))),
        ("star", on(5, &star(5))),
        ("guadalupe", device("guadalupe")),
    ] {
        for qubits in 2..=target.qubits.min(6) {
            let circuit = random_circuit(qubits, 40, &mut rng);
            let native = transpile(&circuit, &target).expect("it fits");
            check(&circuit, &target, &native, &mut rng, &format!("{qubits} qubits on a {name}"));
            swaps += native.swaps;
            // The same call gives the same circuit.
            assert_eq!(transpile(&circuit, &target).expect("it fits"), native);
        }
    }
    assert!(swaps > 50, "{swaps}: circuits that need no exchange test nothing");
    let target = device("kolkata");
    let circuit = random_circuit(9, 30, &mut rng);
    let native = transpile(&circuit, &target).expect("it fits");
    assert!(native.swaps > 0);
    check(&circuit, &target, &native, &mut rng, "kolkata");
}

/// Every shipped device as it is, with its own gates, directions and errors; and random connected maps.
#[test]
fn all_shipped_and_random_maps() {
    let mut rng = stream(17);
    for name in DeviceProfile::shipped_names() {
        let target = Target::from(&DeviceProfile::shipped(name).expect("a shipped device"));
        let mut swaps = 0;
        for qubits in 2..=target.qubits.min(7) {
            let circuit = random_circuit(qubits, 30, &mut rng);
            let native = transpile(&circuit, &target).expect("it fits");
            check(&circuit, &target, &native, &mut rng, &format!("{qubits} qubits on {name}"));
            swaps += native.swaps;
        }
        assert_eq!(swaps > 0, target.coupling.is_some(), "{name}: {swaps}");
    }
    for map in 0..24 {
        let width = rng.random_range(3..10);
        // A tree, and up to three more edges.
        let mut edges: Vec<[usize; 2]> = (1..width).map(|k| [rng.random_range(0..k), k]).collect();
        for _ in 0..map % 4 {
            let a = rng.random_range(0..width);
            let b = (a + rng.random_range(1..width)) % width;
            if !edges.contains(&[a, b]) && !edges.contains(&[b, a]) {
                edges.push([a, b]);
            }
        }
        let circuit = random_circuit(rng.random_range(2..=width.min(7)), 30, &mut rng);
        let native = transpile(&circuit, &on(width, &edges)).expect("it fits");
        check(&circuit, &on(width, &edges), &native, &mut rng, &format!("{edges:?}"));
    }
}

#[test]
fn one_way_couplings() {
    let mut rng = stream(12);
    for edges in [line(5), star(5)] {
        let target = Target { directions: Some(edges.clone()), ..on(5, &edges) };
        let circuit = random_circuit(5, 30, &mut rng);
        let native = transpile(&circuit, &target).expect("it fits");
        check(&circuit, &target, &native, &mut rng, "one way");
    }
}

/// RY on every qubit and CX along edges.
fn layers(qubits: usize, edges: &[[usize; 2]], layers: usize) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("a small register");
    for layer in 0..layers {
        for qubit in 0..qubits {
            let theta = circuit.parameter(format!("t{layer}_{qubit}")).expect("a new name");
            circuit.ry(qubit, theta).expect("in range");
        }
        for &[a, b] in edges {
            circuit.cx(a, b).expect("in range");
        }
    }
    circuit
}

#[test]
fn no_exchange_where_none_is_needed() {
    for device_qubits in [5, 8, 12, 27, 48] {
        for qubits in 2..=device_qubits {
            let native = transpile(&layers(qubits, &line(qubits), 2), &on(device_qubits, &line(device_qubits)));
            assert_eq!(native.expect("it fits").swaps, 0, "{qubits} on {device_qubits}");
        }
    }
    // Numbered in another order the line is still found.
    let order = [4, 0, 6, 2, 5, 1, 3];
    let shuffled: Vec<[usize; 2]> = order.windows(2).map(|pair| [pair[0], pair[1]]).collect();
    assert_eq!(transpile(&layers(7, &shuffled, 3), &on(7, &line(7))).expect("it fits").swaps, 0);
    // Kolkata has rings of twelve and holds lines of twenty-one.
    assert_eq!(transpile(&layers(12, &ring(12), 2), &device("kolkata")).expect("it fits").swaps, 0);
    assert_eq!(transpile(&layers(16, &line(16), 2), &device("kolkata")).expect("it fits").swaps, 0);
    assert!(transpile(&layers(5, &ring(5), 2), &device("kolkata")).expect("it fits").swaps > 0);
}

#[test]
fn maps_in_parts() {
    let mut rng = stream(13);
    // Two parts of three: two triangles fit, a line of four does not.
    let target = on(6, &[[0, 1], [1, 2], [3, 4], [4, 5]]);
    let triangles = [[0, 2], [2, 4], [4, 0], [1, 3], [3, 5], [5, 1]];
    let circuit = layers(6, &triangles, 2);
    let native = transpile(&circuit, &target).expect("it fits");
    check(&circuit, &target, &native, &mut rng, "two triangles");
    let error = transpile(&layers(5, &line(4), 1), &target).expect_err("four in a row");
    assert_eq!(error, Error::Disconnected { circuit: vec![4, 1], device: vec![3, 3] });
    // Parts are filled with more than one group: 3 + 2 and 2 + 2 into 5 and 4.
    let target = on(9, &[[0, 1], [1, 2], [2, 3], [3, 4], [5, 6], [6, 7], [7, 8]]);
    let circuit = layers(9, &[[0, 1], [1, 2], [2, 0], [3, 4], [5, 6], [7, 8]], 2);
    let native = transpile(&circuit, &target).expect("it fits");
    check(&circuit, &target, &native, &mut rng, "four groups");
    // Qubits that are coupled with nobody take qubits that interact with nobody.
    let target = on(3, &[[0, 2]]);
    let circuit = layers(3, &[[0, 1]], 1);
    check(&circuit, &target, &transpile(&circuit, &target).expect("it fits"), &mut rng, "a lone qubit");
    assert!(matches!(transpile(&circuit, &on(3, &[])), Err(Error::Disconnected { .. })));
}

#[test]
fn bad_targets_are_refused() {
    let circuit = layers(3, &line(3), 1);
    assert_eq!(transpile(&circuit, &on(2, &line(2))), Err(Error::Width { needed: 3, allowed: 2 }));
    assert_eq!(transpile(&circuit, &on(3, &[[0, 3]])), Err(Error::Pair { pair: [0, 3], qubits: 3 }));
    assert_eq!(transpile(&circuit, &on(3, &[[1, 1]])), Err(Error::Pair { pair: [1, 1], qubits: 3 }));
    assert!(matches!(transpile(&circuit, &on(127, &line(127))), Err(Error::Device { qubits: 127, .. })));
}

/// Circuits that Qiskit has routed as well; `data/generate.py` says how. The best of its twenty random trials is compared with a
/// router that draws none.
#[test]
fn as_few_exchanges_as_the_sabre_of_qiskit() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transpile/data");
    let read = |name: String| std::fs::read_to_string(folder.join(name)).expect("readable");
    let recorded: serde_json::Value = serde_json::from_str(&read("recorded.json".into())).expect("JSON");
    let mut rng = stream(14);
    let (mut ours, mut theirs) = ([0.0; 2], [0.0; 2]);
    for case in recorded["cases"].as_array().expect("a list") {
        let name = case["name"].as_str().expect("a name");
        let circuit = qcore::qasm::parse(&read(format!("{name}.qasm"))).expect("a good file");
        let target = match case["device"].as_str().expect("a name") {
            "line6" => on(6, &line(6)),
            name => device(name),
        };
        let native = transpile(&circuit, &target).expect("it fits");
        check(&circuit, &target, &native, &mut rng, name);
        let found = [native.swaps, native.gate_counts()["cx"]].map(|count| count as f64);
        let expected = ["swaps", "cx"].map(|key| case[key].as_f64().expect("a number"));
        println!("{name}: swaps {} (Qiskit {}), cx {} (Qiskit {})", found[0], expected[0], found[1], expected[1]);
        for k in 0..2 {
            assert!(found[k] <= 1.5 * expected[k], "{name}: {found:?} against {expected:?}");
            ours[k] += found[k];
            theirs[k] += expected[k];
        }
    }
    println!("all: swaps {:.2}, cx {:.2} of Qiskit's", ours[0] / theirs[0], ours[1] / theirs[1]);
    assert!(ours[0] <= 1.2 * theirs[0] && ours[1] <= 1.2 * theirs[1], "{ours:?} against {theirs:?}");
}

/// What the gates and the readout of three qubits on a line lose at these places.
fn loss(profile: &DeviceProfile, [a, b, c]: [usize; 3]) -> f64 {
    let gate = |a, b| profile.gate("cx", &[a, b]).map(|cost| -(1.0 - cost.error).ln());
    let readout = |qubit| {
        let calibration = profile.qubit(qubit).expect("calibrated");
        -(1.0 - (calibration.p1_given_0 + calibration.p0_given_1) / 2.0).ln()
    };
    // Two CX on the first pair, one on the second.
    let gates = [gate(a, b), gate(a, b), gate(b, c)].into_iter().sum::<Option<f64>>();
    gates.map_or(f64::INFINITY, |gates| gates + readout(a) + readout(b) + readout(c))
}

#[test]
fn the_layout_that_loses_least() {
    let mut rng = stream(15);
    let mut circuit = Circuit::new(3).expect("three qubits");
    circuit.cx(0, 1).expect("good").ry(1, 0.3).expect("good").cx(0, 1).expect("good").cx(1, 2).expect("good");
    for name in ["lagos", "perth", "guadalupe", "kolkata"] {
        let profile = DeviceProfile::shipped(name).expect("a shipped device");
        let target = Target::from(&profile);
        let native = transpile(&circuit, &target).expect("it fits");
        check(&circuit, &target, &native, &mut rng, name);
        let count = profile.qubits.count;
        let least = (0..count.pow(3))
            .map(|k| [k % count, k / count % count, k / count / count])
            .filter(|[a, b, c]| a != b && b != c && a != c)
            .map(|place| loss(&profile, place))
            .fold(f64::INFINITY, f64::min);
        let found = loss(&profile, [native.initial[0], native.initial[1], native.initial[2]]);
        assert_eq!(native.swaps, 0);
        assert!((found - least).abs() < 1e-12, "{name}: {found} at {:?}, {least} can be had", native.initial);
    }
    // Where exchanges are needed errors still count: no worse than without knowing them.
    for name in ["lagos", "perth", "guadalupe"] {
        let profile = DeviceProfile::shipped(name).expect("a shipped device");
        let known = Target::from(&profile);
        let unknown = Target { losses: None, ..known.clone() };
        let circuit = random_circuit(6, 40, &mut rng);
        let total = |target: &Target| {
            let native = transpile(&circuit, target).expect("it fits");
            check(&circuit, target, &native, &mut stream(16), name);
            let pairs = native.circuit.operations().iter().filter(|operation| operation.qubits().len() == 2);
            let gates = pairs.filter_map(|operation| profile.gate("cx", operation.qubits()));
            let readout = native.last.iter().filter_map(|&q| profile.qubit(q));
            gates.map(|cost| -(1.0 - cost.error).ln()).sum::<f64>()
                + readout.map(|q| -(1.0 - (q.p1_given_0 + q.p0_given_1) / 2.0).ln()).sum::<f64>()
        };
        let (with, without) = (total(&known), total(&unknown));
        assert!(with <= without + 1e-12, "{name}: {with} {without}");
    }
}
