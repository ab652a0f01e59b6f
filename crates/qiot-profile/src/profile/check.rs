//! Whether a profile describes a device that can exist.

use std::collections::BTreeSet;

use qcore::Gate;

use super::{DeviceProfile, NativeGate};
use crate::Error;
use crate::error::Place;

/// The largest count that a profile can state: TOML integers are signed 64-bit numbers.
const MAX_COUNT: u64 = i64::MAX as u64;

/// Most qubits of a device, so that lists of pairs have a size that can be worked with.
const MAX_QUBITS: u64 = 4096;

/// The largest latency (in seconds), energy (in joules) or calibrated time (in the unit of its field) of one thing.
///
/// Thirty years per shot is no device; and with this bound no product of a price and a 64-bit count overflows to infinity.
const MAX_PRICE: f64 = 1e9;

/// The largest calibrated time, in the unit of its field; an ion's relaxation takes years.
const MAX_TIME: f64 = 1e18;

/// The largest time budget, in seconds.
const MAX_BUDGET_SECONDS: f64 = 1e18;

impl DeviceProfile {
    /// Says whether the profile describes a device that can exist.
    ///
    /// Texts must not be empty; there is at least one qubit; edges join two different qubits of the device, each pair once;
    /// the calibration has one entry or one per qubit, its times are positive, T2 is at most 2 T1; probabilities and errors
    /// are in `[0, 1]`; native gates are in the gate table, listed once, on qubits that exist and are coupled; limits that
    /// something must fit into are at least 1; times and energies are finite and not negative.
    ///
    /// # Errors
    ///
    /// The first field that is wrong, by name and without a line.
    pub fn check(&self) -> Result<(), Error> {
        for (field, text) in [("name", &self.name), ("description", &self.description), ("source", &self.source)] {
            not_empty(field, text)?;
        }
        if let Some(licence) = &self.licence {
            not_empty("licence", licence)?;
        }
        if let Some(date) = &self.calibrated
            && !date.parse::<toml::value::Datetime>().is_ok_and(|date| date.date.is_some())
        {
            return Err(Error::Date { at: at("calibrated"), text: date.clone() });
        }
        self.check_qubits()?;
        self.check_limits()?;
        for (field, value) in [
            ("latency.round_trip_seconds", self.latency.round_trip_seconds),
            ("latency.jitter_seconds", self.latency.jitter_seconds),
            ("latency.queue_seconds", self.latency.queue_seconds),
            ("latency.compile_seconds", self.latency.compile_seconds),
            ("latency.circuit_overhead_seconds", self.latency.circuit_overhead_seconds),
            ("latency.circuit_seconds", self.latency.circuit_seconds),
            ("latency.reset_seconds", self.latency.reset_seconds),
            ("energy.joules_per_shot", self.energy.joules_per_shot),
            ("energy.joules_per_job", self.energy.joules_per_job),
            ("energy.joules_per_byte", self.energy.joules_per_byte),
        ] {
            number(field, value, MAX_PRICE)?;
        }
        for (field, bytes) in [
            ("traffic.bytes_per_job", self.traffic.bytes_per_job),
            ("traffic.bytes_per_circuit", self.traffic.bytes_per_circuit),
            ("traffic.bytes_per_shot", self.traffic.bytes_per_shot),
        ] {
            count(field, bytes, 0, MAX_COUNT)?;
        }
        let mut names = BTreeSet::new();
        for (index, gate) in self.gates.iter().enumerate() {
            if !names.insert(&gate.name) {
                return Err(Error::GateTwice { at: at(format!("gates[{index}].name")), name: gate.name.clone() });
            }
            self.check_gate(index, gate)?;
        }
        Ok(())
    }

    fn check_qubits(&self) -> Result<(), Error> {
        let qubits = &self.qubits;
        count("qubits.count", qubits.count as u64, 1, MAX_QUBITS)?;
        if let Some(edges) = &qubits.coupling {
            check_edges(edges, qubits.count)?;
        }
        let Some(list) = &qubits.calibration else { return Ok(()) };
        if list.len() != 1 && list.len() != qubits.count {
            let at = at("qubits.calibration");
            return Err(Error::CalibrationLength { at, got: list.len(), count: qubits.count });
        }
        for (index, qubit) in list.iter().enumerate() {
            let field = |name: &str| format!("qubits.calibration[{index}].{name}");
            for (name, time) in [("t1_us", qubit.t1_us), ("t2_us", qubit.t2_us)] {
                number(&field(name), time, MAX_TIME)?;
                if time == 0.0 {
                    return Err(Error::NotPositive { at: at(field(name)) });
                }
            }
            if qubit.t2_us > 2.0 * qubit.t1_us {
                return Err(Error::Relaxation { at: at(field("t2_us")), t1_us: qubit.t1_us, t2_us: qubit.t2_us });
            }
            number(&field("p1_given_0"), qubit.p1_given_0, 1.0)?;
            number(&field("p0_given_1"), qubit.p0_given_1, 1.0)?;
            number(&field("readout_ns"), qubit.readout_ns, MAX_PRICE)?;
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Error> {
        let limits = &self.limits;
        for (field, limit, min) in [
            ("limits.shots_total", limits.shots_total, 0),
            ("limits.shots_per_job", limits.shots_per_job, 1),
            ("limits.shots_per_circuit", limits.shots_per_circuit, 1),
            ("limits.shots_per_window", limits.shots_per_window, 1),
            ("limits.jobs_total", limits.jobs_total, 0),
            ("limits.circuits_per_job", limits.circuits_per_job, 1),
            ("limits.memory_bytes", limits.memory_bytes, 1),
            ("limits.parameters", limits.parameters, 1),
        ] {
            limit.map_or(Ok(()), |limit| count(field, limit, min, MAX_COUNT))?;
        }
        if let Some(seconds) = limits.seconds_total {
            number("limits.seconds_total", seconds, MAX_BUDGET_SECONDS)?;
        }
        match (limits.shots_per_window, limits.window_seconds) {
            (_, Some(seconds)) => {
                number("limits.window_seconds", seconds, MAX_PRICE)?;
                if seconds == 0.0 {
                    return Err(Error::NotPositive { at: at("limits.window_seconds") });
                }
            }
            (Some(_), None) => return Err(Error::MissingField { at: at("limits.window_seconds") }),
            (None, None) => {}
        }
        Ok(())
    }

    fn check_gate(&self, index: usize, gate: &NativeGate) -> Result<(), Error> {
        let field = |name: &str| format!("gates[{index}].{name}");
        let spec = Gate::by_name(&gate.name).map(Gate::spec).filter(|spec| (1..=2).contains(&spec.qubits()));
        let Some(spec) = spec.filter(|spec| spec.name == gate.name) else {
            return Err(Error::UnknownGate { at: at(field("name")), name: gate.name.clone() });
        };
        match (gate.error, gate.duration_ns, gate.at.is_empty()) {
            (Some(error), Some(duration), true) => {
                number(&field("error"), error, 1.0)?;
                number(&field("duration_ns"), duration, MAX_PRICE)?;
            }
            (None, None, false) => {}
            (None, Some(_), true) => return Err(Error::MissingField { at: at(field("error")) }),
            (_, None, true) => return Err(Error::MissingField { at: at(field("duration_ns")) }),
            (_, _, false) => return Err(Error::GateForm { at: at(field("at")) }),
        }
        let mut seen = BTreeSet::new();
        for (k, place) in gate.at.iter().enumerate() {
            let field = |name: &str| format!("gates[{index}].at[{k}].{name}");
            let on = || at(field("qubits"));
            if place.qubits.len() != spec.qubits() {
                let (gate, expected, got) = (spec.name, spec.qubits(), place.qubits.len());
                return Err(Error::GateQubits { at: on(), gate, expected, got });
            }
            if let Some(&qubit) = place.qubits.iter().find(|&&qubit| qubit >= self.qubits.count) {
                return Err(Error::QubitOutOfRange { at: on(), qubit, count: self.qubits.count });
            }
            if let [a, b] = place.qubits[..] {
                if a == b {
                    return Err(Error::EdgeLoop { at: on(), qubit: a });
                }
                if !self.coupled(a, b) {
                    return Err(Error::Uncoupled { at: on(), edge: [a, b] });
                }
            }
            if !seen.insert(&place.qubits) {
                return Err(Error::PlaceTwice { at: on(), qubits: place.qubits.clone() });
            }
            number(&field("error"), place.error, 1.0)?;
            number(&field("duration_ns"), place.duration_ns, MAX_PRICE)?;
        }
        Ok(())
    }
}

fn at(field: impl Into<String>) -> Place {
    Place { field: field.into(), line: None }
}

fn not_empty(field: &str, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() { Err(Error::EmptyText { at: at(field) }) } else { Ok(()) }
}

fn count(field: &str, value: u64, min: u64, max: u64) -> Result<(), Error> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(Error::Count { at: at(field), value, min, max }) }
}

fn number(field: &str, value: f64, max: f64) -> Result<(), Error> {
    // A comparison with NaN is false, so NaN is refused too.
    if (0.0..=max).contains(&value) { Ok(()) } else { Err(Error::Number { at: at(field), value, max }) }
}

fn check_edges(edges: &[[usize; 2]], count: usize) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for (index, &edge) in edges.iter().enumerate() {
        let at = at(format!("qubits.coupling[{index}]"));
        let [a, b] = edge;
        if a >= count || b >= count {
            return Err(Error::EdgeOutOfRange { at, edge, count });
        }
        if a == b {
            return Err(Error::EdgeLoop { at, qubit: a });
        }
        if !seen.insert([a.min(b), a.max(b)]) {
            return Err(Error::EdgeTwice { at, edge });
        }
    }
    Ok(())
}
