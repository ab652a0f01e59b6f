//! What is known of each qubit and each gate, and how to look it up.

use qcore::{Circuit, Gate};
use serde::{Deserialize, Serialize};

use crate::DeviceProfile;

/// What a calibration says of one qubit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QubitCalibration {
    /// Relaxation time, in microseconds.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub t1_us: f64,
    /// Coherence time (Hahn echo where it is measured), in microseconds; at most `2 t1_us`.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub t2_us: f64,
    /// Probability of reading 1 where the qubit is 0.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub p1_given_0: f64,
    /// Probability of reading 0 where the qubit is 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub p0_given_1: f64,
    /// Duration of the readout, in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub readout_ns: f64,
}

/// A gate that the device executes as it is.
///
/// Either `error` and `duration_ns` say what it costs wherever it can act (every qubit, every coupled pair in both directions),
/// or `at` lists where it acts and what it costs there; never both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NativeGate {
    /// Name of a row of the gate table ([`qcore::Gate`]) on one or two qubits.
    pub name: String,
    /// Average gate infidelity wherever it acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub error: Option<f64>,
    /// Duration wherever it acts, in nanoseconds; 0 for a gate that is a change of frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub duration_ns: Option<f64>,
    /// Where it acts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<Place>,
}

/// What a gate costs at one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "GatePlace"))]
pub struct Place {
    /// The qubits in the order of the gate's operands (control first).
    pub qubits: Vec<usize>,
    /// Average gate infidelity.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub error: f64,
    /// Duration, in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub duration_ns: f64,
}

/// What a gate costs on certain qubits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateCost {
    /// Average gate infidelity, `1 - F_avg` over pure input states.
    pub error: f64,
    /// Duration, in nanoseconds.
    pub duration_ns: f64,
}

impl DeviceProfile {
    /// The calibration of a qubit; `None` if there is none or no such qubit.
    #[must_use]
    pub fn qubit(&self, qubit: usize) -> Option<&QubitCalibration> {
        let list = self.qubits.calibration.as_ref().filter(|_| qubit < self.qubits.count)?;
        if let [all] = &list[..] { Some(all) } else { list.get(qubit) }
    }

    /// Whether a two-qubit gate can act on a pair, in either direction.
    #[must_use]
    pub fn coupled(&self, a: usize, b: usize) -> bool {
        let exist = a != b && a.max(b) < self.qubits.count;
        let listed = |edges: &Vec<[usize; 2]>| edges.iter().any(|&edge| edge == [a, b] || edge == [b, a]);
        exist && self.qubits.coupling.as_ref().is_none_or(listed)
    }

    /// The coupled pairs, each once, the smaller qubit first, in ascending order.
    #[must_use]
    pub fn edges(&self) -> Vec<[usize; 2]> {
        let count = self.qubits.count;
        let mut edges: Vec<[usize; 2]> = match &self.qubits.coupling {
            Some(edges) => edges.iter().map(|&[a, b]| [a.min(b), a.max(b)]).collect(),
            None => (0..count).flat_map(|a| (a + 1..count).map(move |b| [a, b])).collect(),
        };
        edges.sort_unstable();
        edges
    }

    /// What a native gate costs on these qubits, in the order of its operands; `None` if the device does not execute it there.
    #[must_use]
    pub fn gate(&self, name: &str, qubits: &[usize]) -> Option<GateCost> {
        let gate = self.gates.iter().find(|gate| gate.name == name)?;
        if let Some(place) = gate.at.iter().find(|place| place.qubits == qubits) {
            return Some(GateCost { error: place.error, duration_ns: place.duration_ns });
        }
        let cost = GateCost { error: gate.error?, duration_ns: gate.duration_ns? };
        let fits = match (Gate::by_name(name)?.spec().qubits(), qubits) {
            (1, &[qubit]) => qubit < self.qubits.count,
            (2, &[a, b]) => self.coupled(a, b),
            _ => false,
        };
        fits.then_some(cost)
    }

    /// Every place at which a native gate acts and what it costs there, gate by gate in the order of the profile.
    pub fn native(&self) -> impl Iterator<Item = (&str, Vec<usize>, GateCost)> {
        self.gates.iter().flat_map(move |gate| {
            let places: Vec<Vec<usize>> = if !gate.at.is_empty() {
                gate.at.iter().map(|place| place.qubits.clone()).collect()
            } else if Gate::by_name(&gate.name).is_some_and(|gate| gate.spec().qubits() == 2) {
                self.edges().into_iter().flat_map(|[a, b]| [vec![a, b], vec![b, a]]).collect()
            } else {
                (0..self.qubits.count).map(|qubit| vec![qubit]).collect()
            };
            places
                .into_iter()
                .filter_map(move |qubits| self.gate(&gate.name, &qubits).map(|cost| (&gate.name[..], qubits, cost)))
        })
    }

    /// Duration of a circuit as it is written, in seconds: the critical path, every operation as early as its qubits are free.
    ///
    /// An operation that is native on its qubits, or on the same two in the other order, takes its calibrated time. Any other
    /// one is charged as much as its usual decomposition takes on the slowest parts of the device: two pulses for one on one
    /// qubit; for one on `k >= 2` qubits `3 * 4^(k-2)` native gates on two qubits, each between layers of two pulses. A circuit
    /// that has been decomposed and routed is exact; for another one this is an estimate, without routing. Without native
    /// gates it is [`Latency::circuit_seconds`](crate::Latency::circuit_seconds).
    #[must_use]
    pub fn circuit_seconds(&self, circuit: &Circuit) -> f64 {
        if self.gates.is_empty() {
            return self.latency.circuit_seconds;
        }
        // Over the lists as they are: this runs for every job of a device.
        let slowest = |arity: usize| {
            let longest = |gate: &NativeGate| {
                gate.at.iter().map(|place| place.duration_ns).chain(gate.duration_ns).fold(0.0, f64::max)
            };
            let acts = |gate: &&NativeGate| match gate.at.first() {
                Some(place) => place.qubits.len() == arity,
                None => Gate::by_name(&gate.name).is_some_and(|gate| gate.spec().qubits() == arity),
            };
            self.gates.iter().filter(acts).map(longest).fold(0.0, f64::max)
        };
        let (pulse, pair) = (slowest(1), slowest(2));
        let mut free = vec![0.0_f64; circuit.num_qubits()];
        for operation in circuit.operations() {
            let qubits = operation.qubits();
            let name = operation.instruction().name();
            let native = (operation.controls().len() == 0)
                .then(|| {
                    self.gate(name, qubits).or_else(|| match *qubits {
                        [a, b] => self.gate(name, &[b, a]),
                        _ => None,
                    })
                })
                .flatten();
            let duration = match (native, qubits.len()) {
                (Some(cost), _) => cost.duration_ns,
                (None, 0) => 0.0,
                (None, 1) => 2.0 * pulse,
                (None, k) => {
                    let pairs = 3.0 * 4_f64.powi(k as i32 - 2);
                    pairs * pair + (pairs + 1.0) * 2.0 * pulse
                }
            };
            let end = qubits.iter().fold(0.0_f64, |start, &qubit| start.max(free[qubit])) + duration;
            qubits.iter().for_each(|&qubit| free[qubit] = end);
        }
        free.into_iter().fold(0.0, f64::max) * 1e-9
    }
}
