//! Circuits in the native gates of a device, on its coupled pairs.
//!
//! [`transpile`] takes any circuit, with angles bound or not, and writes it for a [`Target`]: every gate is native, every
//! two-qubit gate acts on a coupled pair, and the state is the same up to a permutation of the qubits and a global phase.
//!
//! 1. *Lowering.* Every operation becomes gates on one qubit, CX, exchanges and `exp(-i angle ZZ / 2)`: diagonal operators by
//!    the parities of their qubits, long ones by the constructions of A. Barenco et al. (Phys. Rev. A 52, 3457 (1995)), unitary
//!    matrices on two qubits with at most three CX (F. Vatan and C. Williams, Phys. Rev. A 69, 032315 (2004)).
//! 2. *Routing.* A layout without exchanges is taken where a bounded search finds one. Otherwise the router is that of G. Li,
//!    Y. Ding and Y. Xie (ASPLOS 2019): forward and backward passes for the initial layout, a look-ahead over the next gates,
//!    a decay that spreads exchanges. It draws no random numbers: it starts around each qubit of the device. Where errors are
//!    known the layout that loses least is taken, of equals the first.
//! 3. *Native gates.* Runs of constant gates on a qubit are merged into one, rotations about the same axis are added, those
//!    about Z wait behind controls, and pairs of equal CX cancel.
//!
//! ```
//! use qcore::{Circuit, Gate};
//! use qiot_profile::transpile::{Target, transpile};
//!
//! let mut circuit = Circuit::new(3)?;
//! let theta = circuit.parameter("theta")?;
//! circuit.h(0)?.cx(0, 1)?.cx(0, 2)?.cx(1, 2)?.ry(2, theta)?;
//!
//! let mut target = Target::new(3, &[Gate::Rz, Gate::Sx, Gate::X, Gate::Cx]);
//! target.coupling = Some(vec![[0, 1], [1, 2]]);
//! let native = transpile(&circuit, &target)?;
//! // A triangle of CX does not fit on a line.
//! assert_eq!(native.swaps, 1);
//! assert_eq!(native.circuit.parameters(), ["theta"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod basis;
mod emit;
mod kak;
mod layout;
mod lower;
mod matrix;
mod primitive;
mod route;

use std::collections::BTreeMap;

use qcore::{Circuit, Gate, Instruction, MAX_QUBITS, Operation};

use crate::{DeviceProfile, GatePlace};
use emit::{Emitter, Missing};
use route::{Map, Routed};

/// What a circuit is written for.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Qubits of the device.
    pub qubits: usize,
    /// Coupled pairs, without direction; `None` if every pair is coupled.
    pub coupling: Option<Vec<[usize; 2]>>,
    /// Ordered pairs of operands on which native two-qubit gates may act; `None` if on every coupled pair in both orders. A gate
    /// the other way round is made from the one that is there and gates on one qubit.
    pub directions: Option<Vec<[usize; 2]>>,
    /// The native gates.
    pub gates: Vec<Gate>,
    /// What is known of errors: the layout is taken that loses least by them; `None` for as few exchanges as possible.
    pub losses: Option<Losses>,
}

/// Errors as losses that add up along a circuit: `-ln(1 - error)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Losses {
    /// Of a two-qubit gate on a pair, the smaller qubit first.
    pub pairs: BTreeMap<[usize; 2], f64>,
    /// Of the readout of each qubit.
    pub readout: Vec<f64>,
}

impl Losses {
    /// The losses of a device's best two-qubit gate on each pair, and of its readout; `None` if it states neither.
    fn of(profile: &DeviceProfile) -> Option<Self> {
        let loss = |error: f64| -(1.0 - error.min(1.0 - f64::EPSILON)).ln();
        let mut pairs: BTreeMap<[usize; 2], f64> = BTreeMap::new();
        for (_, qubits, cost) in profile.native() {
            if let [a, b] = qubits[..] {
                let least = pairs.entry([a.min(b), a.max(b)]).or_insert(f64::INFINITY);
                *least = least.min(loss(cost.error));
            }
        }
        let calibrations = (0..profile.qubits.count).map_while(|qubit| profile.qubit(qubit));
        let readout: Vec<f64> = calibrations.map(|qubit| loss((qubit.p1_given_0 + qubit.p0_given_1) / 2.0)).collect();
        (!pairs.is_empty() || !readout.is_empty()).then_some(Self { pairs, readout })
    }
}

impl From<&DeviceProfile> for Target {
    /// Native gates, coupled pairs and errors of a device. A gate that is listed place by place gives the directions; of a device without
    /// native gates all gates on one and two qubits are.
    fn from(profile: &DeviceProfile) -> Self {
        let known: Vec<(Gate, &[GatePlace])> =
            profile.gates.iter().filter_map(|gate| Some((Gate::by_name(&gate.name)?, &gate.at[..]))).collect();
        let gates = if known.is_empty() {
            Gate::all().iter().filter(|spec| (1..=2).contains(&spec.qubits())).map(|spec| spec.gate).collect()
        } else {
            known.iter().map(|&(gate, _)| gate).collect()
        };
        let pairs = known.iter().filter(|(gate, _)| gate.spec().qubits() == 2);
        let directions = if pairs.clone().all(|(_, at)| !at.is_empty()) && pairs.clone().next().is_some() {
            let listed = pairs.flat_map(|(_, at)| at.iter());
            Some(listed.filter_map(|place| <[usize; 2]>::try_from(&place.qubits[..]).ok()).collect())
        } else {
            None
        };
        Self {
            qubits: profile.qubits.count,
            coupling: profile.qubits.coupling.clone(),
            directions,
            gates,
            losses: Losses::of(profile),
        }
    }
}

impl Target {
    /// A target on which every pair is coupled.
    #[must_use]
    pub fn new(qubits: usize, gates: &[Gate]) -> Self {
        Self { qubits, coupling: None, directions: None, gates: gates.to_vec(), losses: None }
    }
}

/// Why a circuit cannot be written for a target.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The circuit is wider than the device.
    #[error("the circuit needs {needed} qubits, the device has {allowed}")]
    Width {
        /// Qubits of the circuit.
        needed: usize,
        /// Qubits of the device.
        allowed: usize,
    },
    /// The device has more qubits than a circuit can.
    #[error("a circuit on the device's {qubits} qubits cannot be written, circuits have at most {max}")]
    Device {
        /// Qubits of the device.
        qubits: usize,
        /// The most that a circuit can have.
        max: usize,
    },
    /// A coupled pair names a qubit that the device does not have, or one qubit twice.
    #[error("the pair {} - {} is none of the device's qubits 0 to {}", pair[0], pair[1], qubits.saturating_sub(1))]
    Pair {
        /// The pair.
        pair: [usize; 2],
        /// Qubits of the device.
        qubits: usize,
    },
    /// Qubits that interact cannot be brought together.
    #[error("groups of {circuit:?} interacting qubits do not fit into connected parts of {device:?} qubits")]
    Disconnected {
        /// Sizes of the groups of the circuit's qubits that interact with each other, largest first.
        circuit: Vec<usize>,
        /// Sizes of the connected parts of the coupling map.
        device: Vec<usize>,
    },
    /// The native gates do not make an operation of the circuit.
    #[error("operation {operation} ({name}) cannot be made of the native gates {}: there is no {missing}", gates.join(", "))]
    Inexpressible {
        /// Index of the operation in the circuit.
        operation: usize,
        /// Its name.
        name: &'static str,
        /// What the native gates lack.
        missing: &'static str,
        /// Names of the native gates.
        gates: Vec<&'static str>,
    },
    /// A kind of operation that is not known here.
    #[error("operation {operation} ({name}) is of a kind that cannot be decomposed")]
    Instruction {
        /// Index of the operation in the circuit.
        operation: usize,
        /// Its name.
        name: &'static str,
    },
}

/// A circuit as a device runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Transpiled {
    /// Native gates on the qubits of the device, with the parameters of the given circuit in the same order.
    pub circuit: Circuit,
    /// The device's qubit on which each qubit of the given circuit starts.
    pub initial: Vec<usize>,
    /// The device's qubit on which each of them ends, where it is measured.
    pub last: Vec<usize>,
    /// Exchanges that were added.
    pub swaps: usize,
}

impl Transpiled {
    /// How often each gate occurs, by name.
    #[must_use]
    pub fn gate_counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for operation in self.circuit.operations() {
            *counts.entry(operation.instruction().name()).or_default() += 1;
        }
        counts
    }

    /// Gates on the longest path: every gate is one step later than the latest gate before it on one of its qubits.
    #[must_use]
    pub fn depth(&self) -> usize {
        let mut ends = vec![0; self.circuit.num_qubits()];
        for operation in self.circuit.operations() {
            let end = 1 + operation.qubits().iter().map(|&q| ends[q]).max().unwrap_or(0);
            operation.qubits().iter().for_each(|&q| ends[q] = end);
        }
        ends.into_iter().max().unwrap_or(0)
    }

    /// What its two-qubit gates and its readout lose.
    fn loss(&self, map: &Map) -> f64 {
        let pair = |operation: &Operation| <[usize; 2]>::try_from(operation.qubits()).ok();
        let gates: f64 = self.circuit.operations().iter().filter_map(pair).map(|[a, b]| map.loss(a, b)).sum();
        gates + self.last.iter().map(|&qubit| map.readout_loss(qubit)).sum::<f64>()
    }

    /// The circuit on the used qubits of the device only, in ascending order, with the device's qubit of each: what a simulator
    /// wants, since unused qubits cost it memory.
    #[must_use]
    pub fn compact(&self) -> (Circuit, Vec<usize>) {
        let mut wires: Vec<usize> = self.initial.clone();
        wires.extend(self.circuit.operations().iter().flat_map(|operation| operation.qubits()));
        wires.sort_unstable();
        wires.dedup();
        (self.on(&wires), wires)
    }

    /// As [`compact`](Self::compact) with the qubits in the order in which they are read: qubit `k` of the given circuit ends on
    /// qubit `k`, and those through which others were only routed follow. Observables of the given circuit are read from it as
    /// they are.
    #[must_use]
    pub fn compact_as_read(&self) -> (Circuit, Vec<usize>) {
        let (_, used) = self.compact();
        let mut wires = self.last.clone();
        wires.extend(used.into_iter().filter(|qubit| !self.last.contains(qubit)));
        (self.on(&wires), wires)
    }

    /// The circuit on these qubits of the device, all that it uses, in this order.
    fn on(&self, wires: &[usize]) -> Circuit {
        let mut places = vec![usize::MAX; self.circuit.num_qubits()];
        wires.iter().enumerate().for_each(|(place, &qubit)| places[qubit] = place);
        let place = |qubit: usize| places[qubit];
        let operations = self.circuit.operations().iter().map(|operation| {
            let Instruction::Gate(gate) = operation.instruction() else {
                unreachable!("only native gates were written")
            };
            let qubits: Vec<usize> = operation.qubits().iter().map(|&q| place(q)).collect();
            Operation::gate(*gate, &qubits, operation.angles()).expect("a gate is valid on other wires")
        });
        assembled(wires.len(), self.circuit.parameters(), operations)
    }
}

fn assembled(qubits: usize, parameters: &[String], operations: impl IntoIterator<Item = Operation>) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("the width has been checked");
    for name in parameters {
        circuit.parameter(name).expect("the names of a circuit are distinct");
    }
    for operation in operations {
        circuit.push(operation).expect("native gates on the qubits and parameters of the circuit");
    }
    circuit
}

/// Writes a circuit for a target.
///
/// Bound and symbolic angles are kept as they are, up to factors and constants added. Global phases are dropped. Rotations by less
/// than 1e-13 are dropped.
///
/// **Cost**: lowering and writing are linear in the circuit (and exponential in the controls of an operation up to four,
/// quadratic beyond); routing is about `qubits^2 * gates` where no layout without exchanges is found.
///
/// # Errors
///
/// [`Error::Width`], [`Error::Device`] and [`Error::Pair`] for a target that does not hold the circuit;
/// [`Error::Disconnected`] if interacting qubits cannot be brought together; [`Error::Inexpressible`] if the native gates do not
/// make an operation.
pub fn transpile(circuit: &Circuit, target: &Target) -> Result<Transpiled, Error> {
    let (needed, allowed) = (circuit.num_qubits(), target.qubits);
    if allowed > MAX_QUBITS {
        return Err(Error::Device { qubits: allowed, max: MAX_QUBITS });
    }
    if needed > allowed {
        return Err(Error::Width { needed, allowed });
    }
    let primitives = lower::lower(circuit)?;
    let place: Vec<usize> = (0..needed).collect();
    let Some(edges) = &target.coupling else {
        return written(circuit, target, Routed { primitives, initial: place.clone(), last: place, swaps: 0 });
    };
    if let Some(&pair) = edges.iter().find(|[a, b]| a == b || *a.max(b) >= allowed) {
        return Err(Error::Pair { pair, qubits: allowed });
    }
    let map = Map::new(allowed, edges, target.losses.as_ref());
    let mut best: Option<(f64, Transpiled)> = None;
    for layout in route::layouts(&primitives, needed, &map)? {
        let native = written(circuit, target, route::route(&primitives, needed, &map, layout))?;
        let loss = native.loss(&map);
        if best.as_ref().is_none_or(|&(least, _)| loss < least) {
            best = Some((loss, native));
        }
    }
    Ok(best.expect("there is at least one layout").1)
}

fn written(circuit: &Circuit, target: &Target, routed: Routed) -> Result<Transpiled, Error> {
    let mut emitter = Emitter::new(&target.gates, target.qubits, target.directions.as_deref());
    let missing = |missing: Missing| Error::Inexpressible {
        operation: missing.operation,
        name: circuit.operations().get(missing.operation).map_or("", |operation| operation.instruction().name()),
        missing: missing.what,
        gates: target.gates.iter().map(|gate| gate.spec().name).collect(),
    };
    for primitive in &routed.primitives {
        emitter.primitive(primitive).map_err(missing)?;
    }
    let operations = emitter.finish().map_err(missing)?;
    Ok(Transpiled {
        circuit: assembled(target.qubits, circuit.parameters(), operations),
        initial: routed.initial,
        last: routed.last,
        swaps: routed.swaps,
    })
}
