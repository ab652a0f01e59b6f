//! How the profiles of calibrated devices are made: each is what the snapshot in `tests/data/devices` converts to.
//!
//! `UPSLOPE_WRITE=1 cargo test -p qiot-profile --test snapshots` writes them anew; without it they are compared.

use std::fmt::Write;
use std::path::Path;

use qiot_profile::{DeviceProfile, Warning};
use serde::Deserialize;

/// A snapshot; the README of the data says where it is from.
#[derive(Deserialize)]
struct Snapshot {
    name: String,
    qubit_count: usize,
    basis_gates: Vec<String>,
    processor_type: Processor,
    source: String,
    copyright: String,
    licence: String,
    date: String,
    configuration: Configuration,
    qubits: Vec<Qubit>,
    gates: Vec<Gate>,
    coupling_undirected: Vec<[usize; 2]>,
}

#[derive(Deserialize)]
struct Processor {
    family: String,
    revision: serde_json::Value,
}

#[derive(Deserialize)]
struct Configuration {
    max_shots: u64,
    max_experiments: u64,
    default_rep_delay_us: f64,
}

#[derive(Deserialize)]
struct Qubit {
    t1_us: f64,
    t2_us: f64,
    p1_given_0: f64,
    p0_given_1: f64,
    readout_ns: f64,
}

#[derive(Deserialize)]
struct Gate {
    name: String,
    qubits: Vec<usize>,
    error: Option<f64>,
    duration_ns: f64,
}

/// The middle one, or the mean of the two middle ones.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (below, above) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    0.5 * (below + above)
}

/// To three significant digits: assumed numbers have no more.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().expect("a number as it was written")
}

fn convert(snapshot: &Snapshot) -> String {
    let Snapshot { name, qubit_count, configuration, .. } = snapshot;
    let pulses = |gate: &str| median(snapshot.gates.iter().filter(|g| g.name == gate).map(|g| g.duration_ns));
    let layer_ns = pulses("cx") + 2.0 * pulses("sx");
    let circuit_seconds = rounded(50.0 * layer_ns * 1e-9);
    let readout_ns = snapshot.qubits.iter().fold(0.0_f64, |longest, qubit| longest.max(qubit.readout_ns));
    let reset_seconds = configuration.default_rep_delay_us / 1e6;
    let shot_seconds = circuit_seconds + readout_ns * 1e-9 + reset_seconds;
    let revision = snapshot.processor_type.revision.to_string();
    let mut out = String::new();
    write!(
        out,
        r#"# Calibration snapshot of a superconducting device, converted by tests/snapshots.rs of this crate: gates, relaxation, readout,
# coupling, shots per circuit, circuits per job and the delay between shots are the device's.
# Source: {source}.
# {copyright}, licensed under the Apache License, Version 2.0 (LICENSE-APACHE beside this file); changed: units unified, fields selected.
# What a snapshot does not say is assumed; docs/devices.md of the project gives the reasons and lists the references [n].

name = "{name}"
description = "superconducting device of {qubit_count} qubits ({family} r{revision}) as calibrated on {day}"
source = "{source}; budgets, network, queue and energy assumed, see docs/devices.md"
calibrated = "{date}"
licence = "{licence}, {copyright}"

[qubits]
count = {qubit_count}
coupling = [
"#,
        source = snapshot.source,
        copyright = snapshot.copyright,
        licence = snapshot.licence,
        family = snapshot.processor_type.family,
        revision = revision.trim_matches('"'),
        day = &snapshot.date[..10],
        date = snapshot.date,
    )
    .expect("writing to a string");
    for edges in snapshot.coupling_undirected.chunks(10) {
        let edges: Vec<String> = edges.iter().map(|[a, b]| format!("[{a}, {b}],")).collect();
        writeln!(out, "    {}", edges.join(" ")).expect("writing to a string");
    }
    out.push_str("]\ncalibration = [\n");
    for qubit in &snapshot.qubits {
        let Qubit { t1_us, t2_us, p1_given_0, p0_given_1, readout_ns } = qubit;
        let impossible = if *t2_us > 2.0 * t1_us { " # T2 > 2 T1: read as 2 T1, with a warning" } else { "" };
        writeln!(
            out,
            "    {{ t1_us = {t1_us}, t2_us = {t2_us}, p1_given_0 = {p1_given_0}, p0_given_1 = {p0_given_1}, readout_ns = {readout_ns} }},{impossible}"
        )
        .expect("writing to a string");
    }
    write!(
        out,
        r#"]

[limits]
# Assumed: ten minutes of shots, the share that a public service gives away in four weeks [8].
shots_total = {shots_total}
# As a public service [5].
shots_per_job = 10_000_000
# Configuration of the device.
shots_per_circuit = {max_shots}
# Configuration of the device.
circuits_per_job = {max_experiments}
# Assumed: a server, 64 GiB.
memory_bytes = 68_719_476_736
# Assumed.
parameters = 1_000_000

[latency]
# Assumed: a public network.
round_trip_seconds = 0.1
# Assumed: half of it.
jitter_seconds = 0.05
# Assumed: the queue of a reserved lease.
queue_seconds = 1.9
# Counted per circuit below.
compile_seconds = 0.0
# Assumed: compiling, and loading the waveforms.
circuit_overhead_seconds = 0.01
# Assumed: 50 layers of one cx and two sx, of median duration in this snapshot.
circuit_seconds = {circuit_seconds:e}
# Configuration of the device: its default delay between two shots.
reset_seconds = {reset_seconds:e}

[traffic]
# Assumed: headers of a request and of its answer.
bytes_per_job = 2_000
# Assumed: 64 angles of 8 bytes.
bytes_per_circuit = 512
# An outcome is a bit per qubit.
bytes_per_shot = {bytes}

[energy]
# Assumed: 25 kW for refrigerator and control, during a shot.
joules_per_shot = {joules}
# Assumed: 100 W for network, host and compiler, during 2 s.
joules_per_job = 200.0
# Assumed: a wide-area network at 10 nJ per bit.
joules_per_byte = 8e-8
"#,
        shots_total = (600.0 / shot_seconds / 1e5).floor() as u64 * 100_000,
        max_shots = configuration.max_shots,
        max_experiments = configuration.max_experiments,
        bytes = qubit_count.div_ceil(8),
        joules = rounded(25e3 * shot_seconds),
    )
    .expect("writing to a string");
    let mut names: Vec<&str> =
        snapshot.basis_gates.iter().map(String::as_str).filter(|&name| name != "reset").collect();
    names.sort_unstable();
    for name in names {
        write!(out, "\n[[gates]]\nname = \"{name}\"\nat = [\n").expect("writing to a string");
        for gate in snapshot.gates.iter().filter(|gate| gate.name == name) {
            let Gate { qubits, duration_ns, .. } = gate;
            let error = gate.error.expect("only resets have no error");
            writeln!(out, "    {{ qubits = {qubits:?}, error = {error}, duration_ns = {duration_ns} }},")
                .expect("writing to a string");
        }
        out.push_str("]\n");
    }
    out
}

const CALIBRATED: [&str; 6] = ["manila", "quito", "lagos", "perth", "guadalupe", "kolkata"];

fn snapshot(name: &str) -> Snapshot {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/devices/{name}.json"));
    let text = std::fs::read_to_string(path).expect("the snapshot is there");
    serde_json::from_str(&text).expect("the snapshot has this form")
}

#[test]
fn the_calibrated_devices_are_what_their_snapshots_convert_to() {
    let converted = CALIBRATED.map(|name| (name, convert(&snapshot(name))));
    if std::env::var_os("UPSLOPE_WRITE").is_some() {
        for (name, text) in &converted {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("profiles/{name}.toml"));
            std::fs::write(path, text).expect("the profile can be written");
        }
    }
    for (name, text) in &converted {
        let shipped = DeviceProfile::shipped_text(name).expect("shipped");
        assert!(shipped == text, "profiles/{name}.toml is out of date: run this test with UPSLOPE_WRITE=1, then again");
    }
}

#[test]
fn calibrated_devices_say_what_their_snapshots_say() {
    for name in CALIBRATED {
        let (snapshot, profile) = (snapshot(name), DeviceProfile::shipped(name).expect("shipped"));
        assert_eq!((&profile.name, profile.qubits.count), (&snapshot.name, snapshot.qubits.len()));
        assert_eq!(profile.calibrated.as_ref(), Some(&snapshot.date));
        assert_eq!(profile.native().count(), snapshot.gates.iter().filter(|gate| gate.name != "reset").count());
        for gate in snapshot.gates.iter().filter(|gate| gate.name != "reset") {
            let cost = profile.gate(&gate.name, &gate.qubits).expect("a native gate");
            assert_eq!((Some(cost.error), cost.duration_ns), (gate.error, gate.duration_ns));
        }
        for (index, qubit) in snapshot.qubits.iter().enumerate() {
            let calibrated = profile.qubit(index).expect("a qubit");
            assert_eq!((calibrated.t1_us, calibrated.readout_ns), (qubit.t1_us, qubit.readout_ns));
            assert_eq!((calibrated.p1_given_0, calibrated.p0_given_1), (qubit.p1_given_0, qubit.p0_given_1));
            assert_eq!(calibrated.t2_us, qubit.t2_us.min(2.0 * qubit.t1_us));
        }
    }
}

/// Two qubits of one device, and no other, were calibrated with T2 > 2 T1; the loader says so, with the line.
#[test]
fn impossible_coherence_times_are_clamped_with_a_warning() {
    for name in CALIBRATED {
        let text = DeviceProfile::shipped_text(name).expect("shipped");
        let warnings = DeviceProfile::load(text).expect("valid").warnings;
        if name != "kolkata" {
            assert_eq!(warnings, []);
            continue;
        }
        let [Warning::ClampedT2 { at: first, t2_us, .. }, Warning::ClampedT2 { at: second, .. }] = &warnings[..] else {
            panic!("{warnings:?}")
        };
        assert_eq!(*t2_us, 176.559531131);
        for (place, qubit) in [(first, 1), (second, 13)] {
            assert_eq!(place.field, format!("qubits.calibration[{qubit}].t2_us"));
            let line = text.lines().nth(place.line.expect("from a text") - 1).expect("the line exists");
            assert!(line.contains("T2 > 2 T1"), "{line}");
        }
        assert!(warnings[0].to_string().contains("taken as 164.684149948"), "{}", warnings[0]);
    }
}
