//! Lookup of gates and pairs, durations of circuits, and prices, against numbers worked out by hand.

use qcore::{Circuit, Gate};
use qiot_profile::DeviceProfile;

mod common;
use common::bench;

#[test]
fn gates_are_found_where_they_act() {
    let profile = bench();
    assert_eq!(profile.gate("sx", &[2]).map(|cost| (cost.error, cost.duration_ns)), Some((1e-4, 35.5)));
    assert_eq!(profile.gate("cx", &[2, 1]).map(|cost| (cost.error, cost.duration_ns)), Some((0.02, 450.0)));
    for (name, qubits) in [("sx", &[3][..]), ("sx", &[0, 1]), ("cx", &[0, 2]), ("cx", &[0]), ("rz", &[0])] {
        assert_eq!(profile.gate(name, qubits), None, "{name} {qubits:?}");
    }
    assert_eq!(profile.native().count(), 3 + 4);
    assert_eq!(profile.edges(), [[0, 1], [1, 2]]);
    assert!(profile.coupled(1, 0) && !profile.coupled(0, 2) && !profile.coupled(1, 1) && !profile.coupled(2, 3));

    let gateway = DeviceProfile::shipped("edge-gateway").expect("shipped");
    assert_eq!(gateway.edges().len(), 28);
    // One calibration for all, and gates everywhere, in both directions.
    assert_eq!(gateway.qubit(7), gateway.qubit(0));
    assert_eq!(gateway.qubit(8), None);
    assert_eq!(gateway.native().count(), 3 * 8 + 2 * 28);
    assert_eq!(gateway.gate("rxx", &[7, 2]).map(|cost| cost.duration_ns), Some(200_000.0));
    assert_eq!(gateway.gate("rxx", &[2, 2]), None);
}

/// The critical path, written down by hand: qubit 1 waits for qubit 0, and the last gate for both.
#[test]
fn circuit_duration_is_the_critical_path() {
    let profile = bench();
    let mut circuit = Circuit::new(3).expect("small");
    for (gate, qubits) in
        [(Gate::Sx, &[0][..]), (Gate::Sx, &[0]), (Gate::Cx, &[0, 1]), (Gate::Sx, &[2]), (Gate::Cx, &[2, 1])]
    {
        circuit.gate(gate, qubits, &[]).expect("valid");
    }
    assert!((profile.circuit_seconds(&circuit) - (2.0 * 35.5 + 300.0 + 450.0) * 1e-9).abs() < 1e-18);
    // What is not native is charged by its decomposition on the slowest parts.
    let mut other = Circuit::new(3).expect("small");
    other.h(0).and_then(|c| c.cx(0, 2)).expect("valid");
    assert!((profile.circuit_seconds(&other) - (2.0 * 35.5 + 3.0 * 450.0 + 8.0 * 35.5) * 1e-9).abs() < 1e-18);
    // Without gates nothing is known but the profile's own number.
    assert_eq!(common::profile().circuit_seconds(&circuit), 0.0);
}

#[test]
fn prices_follow_the_formula() {
    let profile = bench();
    // 500 shots per submission let 5 circuits of 100 shots in, and the jitter is at its largest.
    let bill = profile.price(12, 1200);
    assert_eq!((bill.jobs, bill.circuits, bill.shots), (3, 12, 1200));
    let shot = 2e-3 + 900e-9 + 1e-3;
    assert!((bill.seconds - (3.0 * 2.875 + 1200.0 * shot)).abs() < 1e-12);
    let bytes = 3.0 * 100.0 + 12.0 * 10.0 + 1200.0;
    assert!((bill.joules - (3.0 * 0.25 + 1200.0 * 2.5 + 0.5 * bytes)).abs() < 1e-9);
    assert!((profile.price_of(12, 1200, 1.0).seconds - bill.seconds - 1200.0 * 0.998).abs() < 1e-9);
    for (circuits, shots, jobs) in [(0, 0, 1), (7, 7, 1), (8, 8, 2), (5, 500, 1), (6, 500, 2), (2, 1000, 2)] {
        assert_eq!(profile.submissions(circuits, shots), jobs, "{circuits} circuits, {shots} shots");
    }
}
