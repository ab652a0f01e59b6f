//! What the meter charges for circuits as a device runs them, and what it refuses for them; prices of several jobs.

use std::sync::Arc;

use proptest::prelude::*;
use qcore::{Circuit, PauliSum};
use qgrad::{Allocation, Backend, Error, Estimator, Expectation, ParameterShift, Refusal, Shots, StateVectorBackend};
use qiot_profile::fit::{FitOptions, fit};
use qiot_profile::fleet::{Fleet, Participation};
use qiot_profile::transpile::{Target, transpile};
use qiot_profile::{DeviceProfile, DeviceSimulator, Ledger, Metered};

mod common;
use common::{Counter, profile, stream};

/// A ring of controlled rotations: on a line it takes exchanges, and no gate of it is native.
fn ring(qubits: usize) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("small");
    let t = circuit.parameters_named("t", qubits).expect("new names");
    for (qubit, &angle) in t.iter().enumerate() {
        circuit.h(qubit).and_then(|c| c.cry(qubit, (qubit + 1) % qubits, angle)).expect("valid");
    }
    circuit
}

fn expectation(circuit: &Circuit) -> Expectation {
    let chain = PauliSum::transverse_field_ising(circuit.num_qubits(), 1.0, 0.5).expect("a chain");
    Expectation::of_all_parameters(circuit, vec![chain]).expect("valid")
}

/// Without jitter a step has the seconds of the report on the ledger, bit for bit, on every shipped device and for every number of
/// qubits.
#[test]
fn a_step_has_the_seconds_of_the_fit_report() {
    for name in DeviceProfile::shipped_names() {
        let mut device = DeviceProfile::shipped(name).expect("shipped");
        device.latency.jitter_seconds = 0.0;
        for qubits in 2..=device.qubits.count.min(5) {
            // On devices of odd width a window holds three circuits: most of a step waits.
            let window = (device.qubits.count % 2 == 1).then_some((111, 2.5));
            (device.limits.shots_per_window, device.limits.window_seconds) = window.unzip();
            let circuit = ring(qubits);
            let expectation = expectation(&circuit);
            let options = FitOptions { shots_per_circuit: Some(37), min_fidelity: 0.0, ..FitOptions::default() };
            let observable = expectation.measurement().observables()[0].clone();
            let report = fit(&circuit, Some(&observable), &device, &options).expect("a report");
            let native = transpile(&circuit, &Target::from(&device)).expect("it fits").circuit;
            assert_eq!(report.gates_s, Some(device.circuit_seconds(&native)));

            let mut metered = Metered::new(device.clone(), Counter::default()).expect("a device");
            let (shift, theta) = (ParameterShift { shots: Shots::PerCircuit(37) }, vec![0.1; qubits]);
            shift.values(&expectation, &theta, &mut metered, &mut stream()).expect("it fits");
            let mut metered =
                Metered::resume(device.clone(), StateVectorBackend::new(), metered.ledger()).expect("valid");
            shift.gradient(&expectation, &theta, &mut metered, &mut stream()).expect("it fits");
            let spent = metered.ledger().bill;
            assert_eq!(spent.seconds, report.step_seconds, "{name}, {qubits} qubits");
            assert_eq!((spent.jobs, spent.shots), (report.step_jobs, report.step_shots), "{name}");
        }
    }
}

/// What cannot run, or does not fit into memory, is refused before anything is spent, with the numbers of the report.
#[test]
fn what_the_report_refuses_the_meter_refuses() {
    let (circuit, shots) = (ring(4), 50);
    let expectation = expectation(&circuit);
    let shift = ParameterShift { shots: Shots::PerCircuit(shots) };
    let refusal = |device: &DeviceProfile| {
        let mut metered = Metered::new(device.clone(), Counter::default()).expect("a device");
        let refused = shift.values(&expectation, &[0.1; 4], &mut metered, &mut stream()).expect_err("it does not fit");
        assert_eq!((metered.ledger().bill, metered.ledger().refused_jobs), (Ledger::default().bill, 1));
        assert_eq!((metered.inner().calls, refused.clone()), (0, refused.clone()));
        refused
    };
    let mut parts = DeviceProfile::shipped("sensor-node").expect("shipped");
    parts.qubits.coupling = Some(vec![[0, 1], [2, 3]]);
    let expected = Refusal::Connectivity { circuit: vec![4], device: vec![2, 2] };
    assert_eq!(refusal(&parts), Error::Refused(expected));

    let mut poor = DeviceProfile::shipped("sensor-node").expect("shipped");
    poor.gates.retain(|gate| gate.name == "rz" || gate.name == "cz");
    assert!(matches!(refusal(&poor), Error::Refused(Refusal::NativeGates { .. })));

    let mut small = DeviceProfile::shipped("sensor-node").expect("shipped");
    let options = FitOptions { shots_per_circuit: Some(shots), ..FitOptions::default() };
    let observable = expectation.measurement().observables()[0].clone();
    let needed = fit(&circuit, Some(&observable), &small, &options).expect("a report").memory_bytes;
    small.limits.memory_bytes = Some(needed - 1);
    assert_eq!(refusal(&small), Error::Refused(Refusal::Memory { needed, allowed: needed - 1 }));
    small.limits.memory_bytes = Some(needed);
    let mut metered = Metered::new(small, StateVectorBackend::new()).expect("a device");
    assert!(shift.values(&expectation, &[0.1; 4], &mut metered, &mut stream()).is_ok());
}

/// A device with more qubits than a circuit can have runs it on a part, which the report, the meter and the noise agree on.
#[test]
fn a_device_beyond_the_widest_circuit_has_a_part_for_it() {
    let line = DeviceProfile::shipped("manila").expect("shipped");
    let mut device = line.clone();
    device.qubits.count = 127;
    device.qubits.coupling = Some((1..127).map(|k| [k - 1, k]).collect());
    device.qubits.calibration.as_mut().expect("calibrated").truncate(1);
    for gate in &mut device.gates {
        let place = gate.at[0].clone();
        (gate.error, gate.duration_ns) = (Some(place.error), Some(place.duration_ns));
        gate.at.clear();
    }
    let (circuit, shots) = (ring(4), 20);
    let expectation = expectation(&circuit);
    let observable = expectation.measurement().observables()[0].clone();
    let options = FitOptions { shots_per_circuit: Some(shots), ..FitOptions::default() };
    let report = fit(&circuit, Some(&observable), &device, &options).expect("a report");
    assert!(report.fits && report.swaps > Some(0), "{report}");
    let shift = ParameterShift { shots: Shots::PerCircuit(shots) };
    let mut metered =
        Metered::new(device.clone(), DeviceSimulator::noisy(device).expect("a device")).expect("a device");
    let price = metered.price(&circuit, shift.price_values(&expectation, 1)).seconds
        + metered.price(&circuit, shift.price_vjp(&expectation, 1)).seconds;
    assert_eq!(price, report.step_seconds);
    let values = shift.values(&expectation, &[0.1; 4], &mut metered, &mut stream()).expect("it fits");
    assert!(values.estimates[0].std_error > 0.0);
}

/// Devices of a fleet with one profile write a circuit in native gates once, and charge as a device alone.
#[test]
fn a_fleet_charges_as_its_devices() {
    let perth = Arc::new(DeviceProfile::shipped("perth").expect("shipped"));
    let node = Arc::new(DeviceProfile::shipped("edge-gateway").expect("shipped"));
    let profiles = vec![Arc::clone(&perth), node, perth];
    let fleet = Fleet::new(profiles.clone(), Participation::FULL, 1).expect("valid");
    let circuit = ring(5);
    for (device, profile) in profiles.iter().enumerate() {
        let alone = Metered::new(Arc::clone(profile), Counter::default()).expect("a device");
        let job = qgrad::Bill::job(4, 400);
        assert_eq!(fleet.device(device, Counter::default()).price(&circuit, job), alone.price(&circuit, job));
    }
}

#[derive(Clone, Debug)]
struct Limits {
    circuits_per_job: Option<u64>,
    shots_per_job: Option<u64>,
    window: Option<(u64, f64)>,
    jitter: f64,
}

fn limits() -> impl Strategy<Value = Limits> {
    use proptest::option::of;
    (of(1_u64..20), of(200_u64..3000), of((300_u64..3000, 0.5..40.0_f64)), prop_oneof![Just(0.0), 0.0..0.3_f64])
        .prop_map(|(circuits_per_job, shots_per_job, window, jitter)| Limits {
            circuits_per_job,
            shots_per_job,
            window,
            jitter,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A gradient whose shots are divided by measured variances is two jobs, a pilot and the rest: its price has the submissions,
    /// circuits and shots that are charged, exactly where no limit on shots divides a job, and is never below them.
    #[test]
    fn a_price_of_two_stages_is_no_less_than_what_is_charged(
        limits in limits(), pilot in 1_u64..12, total in 600_u64..4000, spent in 0_u64..500
    ) {
        let mut device = profile();
        device.limits.circuits_per_job = limits.circuits_per_job;
        device.limits.shots_per_job = limits.shots_per_job;
        device.limits.shots_per_window = limits.window.map(|(shots, _)| shots);
        device.limits.window_seconds = limits.window.map(|(_, seconds)| seconds);
        device.latency.jitter_seconds = limits.jitter;
        let expectation = expectation(&ring(3));
        let shift = ParameterShift { shots: Shots::Allocated { total, by: Allocation::Variance { pilot } } };
        // A device in the middle of its life, and of a window.
        let mut metered = Metered::new(device.clone(), StateVectorBackend::new()).expect("a device");
        let before = ParameterShift { shots: Shots::PerCircuit(spent.clamp(1, 150)) };
        before.values(&expectation, &[0.3, 0.2, 0.1], &mut metered, &mut stream()).expect("no budget");
        let start = metered.ledger().bill;

        let price = metered.price(expectation.circuit(), shift.price_vjp(&expectation, 1));
        let found = match shift.gradient(&expectation, &[0.3, 0.2, 0.1], &mut metered, &mut stream()) {
            // One circuit may get more shots than a submission holds: nothing is charged beyond the pilot then.
            Err(Error::Refused(_) | Error::RefusedMidway { .. }) => return Ok(()),
            other => other.expect("no budget"),
        };
        let charged = metered.ledger().bill;
        // The naive counter: what the ledger went up by, job by job.
        prop_assert_eq!(found.bill.jobs, charged.jobs - start.jobs);
        prop_assert_eq!((price.circuits, price.shots), (found.bill.circuits, found.bill.shots));
        prop_assert!(price.jobs >= found.bill.jobs, "{:?} {:?}", price, found.bill);
        prop_assert!(price.seconds >= found.bill.seconds - 1e-9, "{:?} {:?}", price, found.bill);
        if limits.shots_per_job.is_none() && limits.window.is_none() {
            prop_assert_eq!(price.jobs, found.bill.jobs);
            prop_assert_eq!(price.joules, found.bill.joules);
            let jitter = price.jobs as f64 * limits.jitter;
            prop_assert!(price.seconds - found.bill.seconds <= jitter + 1e-9, "{:?} {:?}", price, found.bill);
        }
    }
}
