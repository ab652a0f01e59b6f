//! Circuits as a device runs them: native gates on coupled pairs, worked out once for each circuit.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use qcore::{Circuit, MAX_QUBITS};
use qgrad::{Error, Refusal};

use crate::DeviceProfile;
use crate::transpile::{self, Target, Transpiled, transpile};

/// Circuits that are remembered. A training has one or a few; whoever has more pays for routing again.
const REMEMBERED: usize = 8;

/// Vectors of numbers, one per parameter, that the classical side of an optimizer with two moments holds: parameters, candidate,
/// gradient, its errors, two moments.
const VECTORS: u64 = 6;
/// Bytes of a number.
const NUMBER_BYTES: u64 = 8;
/// Bytes of a native gate: which, its qubits, and where its angle comes from.
const GATE_BYTES: u64 = 16;

/// A circuit in native gates, and the duration of its gates.
#[derive(Clone, Debug)]
pub(crate) struct Native<'a> {
    /// On the qubits of `device`.
    pub(crate) transpiled: Transpiled,
    pub(crate) gate_seconds: f64,
    /// The device, or the part of it on which the circuit runs if it has more qubits than a circuit can.
    pub(crate) device: Cow<'a, DeviceProfile>,
    /// The device's qubits that this part has; `None` for the whole device.
    region: Option<Vec<usize>>,
}

impl<'a> Native<'a> {
    pub(crate) fn of(profile: &'a DeviceProfile, circuit: &Circuit) -> Result<Self, transpile::Error> {
        let region = (profile.qubits.count > MAX_QUBITS).then(|| profile.region(MAX_QUBITS));
        let device = match &region {
            None => Cow::Borrowed(profile),
            Some(region) => Cow::Owned(profile.part(region)),
        };
        let transpiled = transpile(circuit, &Target::from(&*device))?;
        let gate_seconds = device.circuit_seconds(&transpiled.circuit);
        Ok(Self { transpiled, gate_seconds, device, region })
    }

    /// The qubits of the whole device on which the circuit starts.
    pub(crate) fn layout(&self) -> Vec<usize> {
        let whole = |&qubit: &usize| self.region.as_ref().map_or(qubit, |region| region[qubit]);
        self.transpiled.initial.iter().map(whole).collect()
    }
}

/// Memory of the classical side for a job: [`VECTORS`] numbers per parameter, its native gates, and the outcomes of one circuit, one
/// bit per qubit in whole bytes.
pub(crate) fn memory_bytes(parameters: u64, gates: u64, shots: u64, qubits: usize) -> u64 {
    parameters
        .saturating_mul(VECTORS * NUMBER_BYTES)
        .saturating_add(gates.saturating_mul(GATE_BYTES))
        .saturating_add(shots.saturating_mul(qubits.div_ceil(8) as u64))
}

/// What a meter has to know of a circuit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Native gates.
    pub(crate) gates: u64,
    /// Their duration, in seconds.
    pub(crate) gate_seconds: f64,
}

impl Measured {
    /// Of a circuit as it is written.
    pub(crate) fn as_written(circuit: &Circuit, gate_seconds: f64) -> Self {
        Self { gates: circuit.operations().len() as u64, gate_seconds }
    }

    fn of(profile: &DeviceProfile, circuit: &Circuit) -> Result<Self, Error> {
        let Native { transpiled, gate_seconds, .. } = Native::of(profile, circuit).map_err(refusal)?;
        Ok(Self { gates: transpiled.circuit.operations().len() as u64, gate_seconds })
    }
}

/// That a circuit cannot be written for a device, in a backend's words.
pub(crate) fn refusal(error: transpile::Error) -> Error {
    Error::Refused(match error {
        transpile::Error::Width { needed, allowed } => Refusal::Qubits { needed, allowed },
        transpile::Error::Disconnected { circuit, device } => Refusal::Connectivity { circuit, device },
        transpile::Error::Inexpressible { operation, name, missing, .. } => {
            Refusal::NativeGates { operation, name, missing }
        }
        transpile::Error::Instruction { operation, name } => {
            Refusal::NativeGates { operation, name, missing: "decomposition" }
        }
        transpile::Error::Device { qubits, max } => {
            return Error::Width { what: "a circuit on a device", qubits, max };
        }
        transpile::Error::Pair { pair: [a, b], qubits } => {
            return Error::Index { what: "coupled qubit", index: a.max(b), count: qubits };
        }
    })
}

/// What has been worked out for the last circuits, shared by all that run on devices of one profile.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    known: Arc<Mutex<Vec<Entry<T>>>>,
}

type Entry<T> = (Circuit, Arc<T>);

impl<T> Clone for Recent<T> {
    fn clone(&self) -> Self {
        Self { known: Arc::clone(&self.known) }
    }
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { known: Arc::default() }
    }
}

impl<T> Recent<T> {
    /// What is known of a circuit; worked out if nothing is.
    pub(crate) fn of<E>(&self, circuit: &Circuit, work_out: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        // Nothing is left half done by a panic in between.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = known.iter().position(|(known, _)| known == circuit) {
            known[..=at].rotate_right(1);
        } else {
            let new = Arc::new(work_out()?);
            known.truncate(REMEMBERED - 1);
            known.insert(0, (circuit.clone(), new));
        }
        Ok(Arc::clone(&known[0].1))
    }
}

/// What a meter knows of circuits; the answer for a circuit that does not fit is kept too.
pub(crate) type Meters = Recent<Result<Measured, Error>>;

impl Meters {
    pub(crate) fn measured(&self, profile: &DeviceProfile, circuit: &Circuit) -> Result<Measured, Error> {
        let Ok(measured) = self.of(circuit, || Ok::<_, std::convert::Infallible>(Measured::of(profile, circuit)));
        (*measured).clone()
    }
}
