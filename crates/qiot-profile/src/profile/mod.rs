//! What one device allows and what it charges.

mod calibration;
mod check;
mod list;
mod region;

pub use calibration::{GateCost, NativeGate, Place as GatePlace, QubitCalibration};

use qgrad::Bill;
use serde::{Deserialize, Serialize};

/// A device: its qubits, its native gates, its limits, and its prices in time and energy.
///
/// The fields are public and unchecked, so that a profile can be built or varied in code; [`check`](Self::check) says whether
/// it means anything, and whatever takes a profile checks it.
///
/// **Units** are in the field names: seconds, microseconds (`_us`), nanoseconds (`_ns`), joules, bytes, plain counts.
/// Probabilities and errors have none.
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
///     calibration = [{ t1_us = 1e9, t2_us = 1e6, p1_given_0 = 0.002, p0_given_1 = 0.004, readout_ns = 200_000 }]
///
///     [[gates]]
///     name = "rz"
///     error = 0
///     duration_ns = 0
///
///     [[gates]]
///     name = "rxx"
///     at = [{ qubits = [0, 1], error = 0.01, duration_ns = 200_000 }]
///
///     [limits]
///     shots_total = 10_000
///
///     [latency]
///     round_trip_seconds = 0.3
///     queue_seconds = 0.1
///     compile_seconds = 0.1
///     circuit_overhead_seconds = 0.01
///     circuit_seconds = 0.0008
///     reset_seconds = 0.001
///
///     [energy]
///     joules_per_shot = 3.0
///     joules_per_job = 0.0
///     "#,
/// )?;
/// assert_eq!(profile.gate("rxx", &[0, 1]).map(|cost| cost.error), Some(0.01));
/// // Circuit, readout and reset: 2 ms per shot.
/// assert!((profile.price(4, 1000).seconds - (0.5 + 4.0 * 0.01 + 1000.0 * 0.002)).abs() < 1e-12);
/// # Ok::<(), qiot_profile::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "A device: its qubits, its native gates, its limits, and its prices in time and energy.")
)]
pub struct DeviceProfile {
    /// Short name, unique among the profiles in use.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub name: String,
    /// What kind of device this is.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub description: String,
    /// Where the numbers come from: a measurement, a data sheet, or the assumption behind them.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub source: String,
    /// When the device was calibrated: a date or date and time as RFC 3339 writes it (`2024-05-27T15:27:23-03:00`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated: Option<String>,
    /// Under which licence the numbers may be passed on, and whose they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub licence: Option<String>,
    /// The qubits.
    pub qubits: Qubits,
    /// What the device allows.
    pub limits: Limits,
    /// What the device takes in time.
    pub latency: Latency,
    /// What a submission sends over the network; nothing if the table is absent.
    #[serde(default)]
    pub traffic: Traffic,
    /// What the device takes in energy.
    pub energy: Energy,
    /// The gates that the device executes as they are. Empty for a device of which no gates are known: any circuit of the
    /// gate table then counts as native, without error and duration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<NativeGate>,
}

/// The qubits of a device and the pairs on which two-qubit gates act directly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Qubits {
    /// Number of qubits, at least 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub count: usize,
    /// Undirected pairs of coupled qubits, each listed once; absent if every pair is coupled.
    ///
    /// Circuits need not keep to them: they are routed, and the metered backend charges them as routed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "list::optional_pairs")]
    pub coupling: Option<Vec<[usize; 2]>>,
    /// One entry per qubit from qubit 0 on, or a single one that holds for every qubit; absent if nothing is known: no
    /// relaxation, exact and immediate readout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Vec<QubitCalibration>>,
}

/// What a device allows. An absent limit does not bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    /// Shots that the device gives in its life, or in the period for which it is leased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shots_total: Option<u64>,
    /// Shots of all circuits of one submission together, at least 1. A larger job is submitted in several parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub shots_per_job: Option<u64>,
    /// Repetitions of one circuit within a job, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub shots_per_circuit: Option<u64>,
    /// Shots that may be submitted within one time window, at least 1; a submission that does not fit waits for the next
    /// window. Needs [`window_seconds`](Self::window_seconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub shots_per_window: Option<u64>,
    /// Length of a time window, in seconds. Windows begin at the multiples of it on the device's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub window_seconds: Option<f64>,
    /// Submissions that the device takes in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_total: Option<u64>,
    /// Circuits that one submission can carry, at least 1. A larger job is submitted in several parts, see
    /// [`DeviceProfile::submissions`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub circuits_per_job: Option<u64>,
    /// Time that the device gives, in seconds on its own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub seconds_total: Option<f64>,
    /// Memory of the classical side, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub memory_bytes: Option<u64>,
    /// Parameters that the classical side can bind in one circuit, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub parameters: Option<u64>,
}

/// What a device takes in time.
///
/// A submission takes `round_trip + jitter * u + queue + compile`, with `u` uniform in `[0, 1)`; a circuit
/// `circuit_overhead`; a shot the duration of the circuit, of its readout (the longest `readout_ns` of the calibration) and
/// `reset`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Latency {
    /// Per submission: the way of the job to the device and of the results back, at best, in seconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub round_trip_seconds: f64,
    /// Per submission: the most that the network adds to it, in seconds; 0 if absent.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub jitter_seconds: f64,
    /// Per submission: waiting in the queue, in seconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub queue_seconds: f64,
    /// Per submission: compiling, in seconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub compile_seconds: f64,
    /// Per circuit: loading it, in seconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub circuit_overhead_seconds: f64,
    /// Per shot: the gates of a circuit whose duration nobody has worked out, in seconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub circuit_seconds: f64,
    /// Per shot: reset and waiting before the next one, in seconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub reset_seconds: f64,
}

/// What goes over the network: `jobs * bytes_per_job + circuits * bytes_per_circuit + shots * bytes_per_shot`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Traffic {
    /// Per submission, in bytes: headers and acknowledgements, both ways.
    pub bytes_per_job: u64,
    /// Per circuit, in bytes: its description or its parameters.
    pub bytes_per_circuit: u64,
    /// Per shot, in bytes: the outcome.
    pub bytes_per_shot: u64,
}

/// What a device takes in energy: `jobs * joules_per_job + shots * joules_per_shot + bytes * joules_per_byte`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Energy {
    /// Per shot, in joules.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub joules_per_shot: f64,
    /// Per submission, in joules: waking the radio, the host while it waits.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub joules_per_job: f64,
    /// Per byte sent or received, in joules; 0 if absent.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub joules_per_byte: f64,
}

impl DeviceProfile {
    /// The number of submissions that `circuits` circuits with `shots` shots in total need if all circuits have equally many
    /// shots: as many circuits go into one as `circuits_per_job`, `shots_per_job` and `shots_per_window` allow. At least one; cost constant.
    ///
    /// A profile whose limits per job are 0 fails [`check`](Self::check); here 0 is read as 1.
    #[must_use]
    pub fn submissions(&self, circuits: u64, shots: u64) -> u64 {
        circuits.div_ceil(self.circuits_in_a_job(circuits, shots)).max(1)
    }

    /// How many circuits go into one submission if `circuits` circuits share `shots` shots equally.
    pub(crate) fn circuits_in_a_job(&self, circuits: u64, shots: u64) -> u64 {
        let by_count = self.limits.circuits_per_job.unwrap_or(u64::MAX);
        let each = shots.div_ceil(circuits.max(1));
        let by_shots = self.shots_in_a_job().and_then(|limit| limit.checked_div(each)).unwrap_or(u64::MAX);
        by_count.min(by_shots).max(1)
    }

    /// The most shots of one submission: what a job and a time window allow.
    pub(crate) fn shots_in_a_job(&self) -> Option<u64> {
        [self.limits.shots_per_job, self.limits.shots_per_window].into_iter().flatten().min()
    }

    /// What one submission takes besides its circuits and shots, with the largest jitter, in seconds.
    #[must_use]
    pub fn job_overhead_seconds(&self) -> f64 {
        let latency = &self.latency;
        latency.round_trip_seconds + latency.jitter_seconds + latency.queue_seconds + latency.compile_seconds
    }

    /// Duration of the readout of a shot, in seconds: the longest one of a qubit. 0 without calibration.
    #[must_use]
    pub fn readout_seconds(&self) -> f64 {
        let longest = |longest: f64, qubit: &QubitCalibration| longest.max(qubit.readout_ns);
        self.qubits.calibration.iter().flatten().fold(0.0, longest) * 1e-9
    }

    /// Duration of a shot of a circuit whose gates take `circuit_seconds`: gates, readout and reset, in seconds.
    #[must_use]
    pub fn shot_seconds(&self, circuit_seconds: f64) -> f64 {
        circuit_seconds + self.readout_seconds() + self.latency.reset_seconds
    }

    /// What a job of `circuits` circuits with `shots` shots in total, all circuits equally many, costs at most on this device
    /// if nothing has to wait for a time window: [`price_of`](Self::price_of) with [`Latency::circuit_seconds`].
    #[must_use]
    pub fn price(&self, circuits: u64, shots: u64) -> Bill {
        self.price_of(circuits, shots, self.latency.circuit_seconds)
    }

    /// As [`price`](Self::price) for circuits whose gates take `circuit_seconds`.
    ///
    /// `seconds = jobs * (round_trip + queue + compile) + circuits * circuit_overhead + shots * shot_seconds() + jobs * jitter`
    /// and `joules = jobs * joules_per_job + shots * joules_per_shot + bytes * joules_per_byte`, summed in this order, where
    /// `jobs` are the [`submissions`](Self::submissions) and `bytes` what [`Traffic`] says.
    #[must_use]
    pub fn price_of(&self, circuits: u64, shots: u64, circuit_seconds: f64) -> Bill {
        let jobs = self.submissions(circuits, shots);
        self.bill(jobs, circuits, shots, self.shot_seconds(circuit_seconds), jobs as f64 * self.latency.jitter_seconds)
    }

    /// The bill of so many submissions, circuits and shots, where the network and waiting add `extra` seconds in all.
    pub(crate) fn bill(&self, jobs: u64, circuits: u64, shots: u64, shot_seconds: f64, extra: f64) -> Bill {
        let Latency { round_trip_seconds, queue_seconds, compile_seconds, circuit_overhead_seconds, .. } = self.latency;
        Bill {
            jobs,
            circuits,
            shots,
            seconds: jobs as f64 * (round_trip_seconds + queue_seconds + compile_seconds)
                + circuits as f64 * circuit_overhead_seconds
                + shots as f64 * shot_seconds
                + extra,
            joules: self.joules(jobs, circuits, shots),
        }
    }

    /// Energy of so many submissions, circuits and shots, in joules.
    #[must_use]
    pub fn joules(&self, jobs: u64, circuits: u64, shots: u64) -> f64 {
        let traffic = &self.traffic;
        let bytes = jobs as f64 * traffic.bytes_per_job as f64
            + circuits as f64 * traffic.bytes_per_circuit as f64
            + shots as f64 * traffic.bytes_per_shot as f64;
        jobs as f64 * self.energy.joules_per_job
            + shots as f64 * self.energy.joules_per_shot
            + bytes * self.energy.joules_per_byte
    }
}
