//! What one device allows and what it charges.

use std::collections::BTreeSet;
use std::fmt;

use qgrad::Bill;
use serde::de::{self, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Error;
use crate::error::Place;

/// The largest count that a profile can state: TOML integers are signed 64-bit numbers.
const MAX_COUNT: u64 = i64::MAX as u64;

/// The largest latency (in seconds) or energy (in joules) of a single job, circuit or shot.
///
/// Thirty years per shot is no device; and with this bound no product of a price and a 64-bit count overflows to infinity.
const MAX_PRICE: f64 = 1e9;

/// The largest time budget, in seconds.
const MAX_BUDGET_SECONDS: f64 = 1e18;

/// A device: its qubits, its limits, and its prices in time and energy.
///
/// The fields are public and unchecked, so that a profile can be built or varied in code; [`check`](Self::check) says whether
/// it means anything, and whatever takes a profile checks it.
///
/// **Units** are in the field names: seconds, joules, plain counts.
///
/// The text form is TOML with one table per part:
///
/// ```
/// use qiot_profile::DeviceProfile;
///
/// let profile = DeviceProfile::from_toml(
///     r#"
///     name = "bench"
///     description = "two ions on an optical table"
///     source = "assumed for this example"
///
///     [qubits]
///     count = 2
///     coupling = [[0, 1]]
///
///     [limits]
///     shots_total = 10_000
///
///     [latency]
///     job_overhead_seconds = 0.5
///     circuit_overhead_seconds = 0.01
///     shot_seconds = 0.002
///
///     [energy]
///     joules_per_shot = 3.0
///     joules_per_job = 0.0
///     "#,
/// )?;
/// assert_eq!(profile.price(4, 1000).seconds, 0.5 + 4.0 * 0.01 + 1000.0 * 0.002);
/// # Ok::<(), qiot_profile::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceProfile {
    /// Short name, unique among the profiles in use.
    pub name: String,
    /// What kind of device this is.
    pub description: String,
    /// Where the numbers come from: a measurement, a data sheet, or the assumption behind them.
    pub source: String,
    /// The qubits.
    pub qubits: Qubits,
    /// What the device allows.
    pub limits: Limits,
    /// What the device takes in time.
    pub latency: Latency,
    /// What the device takes in energy.
    pub energy: Energy,
}

/// The qubits of a device and the pairs on which two-qubit gates act directly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qubits {
    /// Number of qubits, at least 1.
    pub count: usize,
    /// Undirected pairs of coupled qubits, each listed once; absent if every pair is coupled.
    ///
    /// Recorded for routing. The metered backend checks the width of a circuit and not its pairs: circuits are taken as they
    /// are before routing.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "coupling")]
    pub coupling: Option<Vec<[usize; 2]>>,
}

/// What a device allows. An absent limit does not bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Shots that the device gives in its life, or in the period for which it is leased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shots_total: Option<u64>,
    /// Repetitions of one circuit within a job, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shots_per_circuit: Option<u64>,
    /// Circuits that one submission can carry, at least 1. A larger job is submitted in several parts, see
    /// [`DeviceProfile::submissions`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuits_per_job: Option<u64>,
    /// Time that the device gives, in seconds on its own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_total: Option<f64>,
}

/// What a device takes in time: `jobs * job_overhead + circuits * circuit_overhead + shots * shot`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Per submission: network round trip and waiting in the queue, in seconds.
    pub job_overhead_seconds: f64,
    /// Per circuit: compiling and loading it, in seconds.
    pub circuit_overhead_seconds: f64,
    /// Per shot: duration of the circuit, readout and reset, in seconds.
    pub shot_seconds: f64,
}

/// What a device takes in energy: `jobs * joules_per_job + shots * joules_per_shot`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Energy {
    /// Per shot, in joules.
    pub joules_per_shot: f64,
    /// Per submission, in joules; for a networked device mostly the radio.
    pub joules_per_job: f64,
}

impl DeviceProfile {
    /// Says whether the profile describes a device that can exist.
    ///
    /// Texts must not be empty; there is at least one qubit; edges join two different qubits of the device, each pair once;
    /// limits per circuit and per job are at least 1; times and energies are finite and not negative.
    ///
    /// # Errors
    ///
    /// The first field that is wrong, by name and without a line.
    pub fn check(&self) -> Result<(), Error> {
        for (field, text) in [("name", &self.name), ("description", &self.description), ("source", &self.source)] {
            if text.trim().is_empty() {
                return Err(Error::EmptyText { at: at(field) });
            }
        }
        count("qubits.count", self.qubits.count as u64, 1)?;
        if let Some(edges) = &self.qubits.coupling {
            check_edges(edges, self.qubits.count)?;
        }
        let limits = &self.limits;
        for (field, limit, min) in [
            ("limits.shots_total", limits.shots_total, 0),
            ("limits.shots_per_circuit", limits.shots_per_circuit, 1),
            ("limits.circuits_per_job", limits.circuits_per_job, 1),
        ] {
            limit.map_or(Ok(()), |limit| count(field, limit, min))?;
        }
        if let Some(seconds) = limits.seconds_total {
            number("limits.seconds_total", seconds, MAX_BUDGET_SECONDS)?;
        }
        for (field, value) in [
            ("latency.job_overhead_seconds", self.latency.job_overhead_seconds),
            ("latency.circuit_overhead_seconds", self.latency.circuit_overhead_seconds),
            ("latency.shot_seconds", self.latency.shot_seconds),
            ("energy.joules_per_shot", self.energy.joules_per_shot),
            ("energy.joules_per_job", self.energy.joules_per_job),
        ] {
            number(field, value, MAX_PRICE)?;
        }
        Ok(())
    }

    /// The number of submissions that `circuits` circuits need: `ceil(circuits / circuits_per_job)`, and at least one.
    ///
    /// A profile whose `circuits_per_job` is 0 fails [`check`](Self::check); here 0 is read as 1.
    #[must_use]
    pub fn submissions(&self, circuits: u64) -> u64 {
        match self.limits.circuits_per_job {
            Some(limit) => circuits.div_ceil(limit.max(1)).max(1),
            None => 1,
        }
    }

    /// What a job of `circuits` circuits with `shots` shots in total costs on this device.
    ///
    /// `seconds = jobs * job_overhead_seconds + circuits * circuit_overhead_seconds + shots * shot_seconds` and
    /// `joules = jobs * joules_per_job + shots * joules_per_shot`, summed in this order, where `jobs` are the
    /// [`submissions`](Self::submissions).
    #[must_use]
    pub fn price(&self, circuits: u64, shots: u64) -> Bill {
        let jobs = self.submissions(circuits);
        Bill {
            jobs,
            circuits,
            shots,
            seconds: jobs as f64 * self.latency.job_overhead_seconds
                + circuits as f64 * self.latency.circuit_overhead_seconds
                + shots as f64 * self.latency.shot_seconds,
            joules: jobs as f64 * self.energy.joules_per_job + shots as f64 * self.energy.joules_per_shot,
        }
    }
}

fn at(field: impl Into<String>) -> Place {
    Place { field: field.into(), line: None }
}

fn count(field: &str, value: u64, min: u64) -> Result<(), Error> {
    if (min..=MAX_COUNT).contains(&value) {
        Ok(())
    } else {
        Err(Error::Count { at: at(field), value, min, max: MAX_COUNT })
    }
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

/// Reads the coupling map. A tuple or an array of fixed length takes the first entries of a longer list and drops the rest, so
/// the entries of each pair are counted here.
fn coupling<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<[usize; 2]>>, D::Error> {
    struct Pair([usize; 2]);
    struct PairVisitor;

    impl<'de> Visitor<'de> for PairVisitor {
        type Value = Pair;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a pair of qubits")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Pair, A::Error> {
            let mut qubits = [0; 2];
            for (index, qubit) in qubits.iter_mut().enumerate() {
                *qubit = entries.next_element()?.ok_or_else(|| de::Error::invalid_length(index, &self))?;
            }
            let mut length = qubits.len();
            while entries.next_element::<IgnoredAny>()?.is_some() {
                length += 1;
            }
            if length == qubits.len() { Ok(Pair(qubits)) } else { Err(de::Error::invalid_length(length, &self)) }
        }
    }

    impl<'de> Deserialize<'de> for Pair {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_seq(PairVisitor)
        }
    }

    let pairs = Option::<Vec<Pair>>::deserialize(deserializer)?;
    Ok(pairs.map(|pairs| pairs.into_iter().map(|pair| pair.0).collect()))
}
