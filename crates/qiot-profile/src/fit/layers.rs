//! Repeated layers of a circuit, and the circuit with fewer of them.

use std::collections::HashMap;
use std::ops::Range;

use qcore::{Angle, Circuit, Control, Instruction, Operation, Param};

/// Comparisons of operations that the search for layers makes at most.
const SEARCH_WORK: usize = 20_000_000;

/// The part of a circuit that repeats: operations of the same kind on the same qubits with angles of the same form, in whatever
/// parameters.
///
/// ```
/// use qcore::Circuit;
/// use qiot_profile::fit::Layers;
///
/// let mut circuit = Circuit::new(2)?;
/// let theta = circuit.parameters_named("theta", 8)?;
/// for layer in theta.chunks(2).take(3) {
///     circuit.ry(0, layer[0])?.ry(1, layer[1])?.cx(0, 1)?;
/// }
/// circuit.ry(0, theta[6])?.ry(1, theta[7])?;
///
/// let layers = Layers::find(&circuit).expect("three layers");
/// assert_eq!(layers.count(), 3);
/// let (shorter, parameters) = layers.keep(&circuit, 1).expect("one of three");
/// assert_eq!(shorter.parameters(), ["theta0", "theta1", "theta6", "theta7"]);
/// assert_eq!((parameters[2], parameters[6].map(|p| p.index())), (None, Some(2)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers {
    start: usize,
    length: usize,
    count: usize,
}

impl Layers {
    /// The repetition that covers most of the circuit, and of those that do the one with the shortest layers; `None` if nothing
    /// repeats.
    ///
    /// **Cost**: quadratic in the operations, up to a bound on the length of a layer for circuits of more than some thousand.
    #[must_use]
    pub fn find(circuit: &Circuit) -> Option<Self> {
        let mut known: HashMap<String, u32> = HashMap::new();
        let shapes: Vec<u32> = circuit
            .operations()
            .iter()
            .map(|operation| {
                let next = known.len() as u32;
                *known.entry(shape(operation)).or_insert(next)
            })
            .collect();
        let mut best: Option<Self> = None;
        let longest = (shapes.len() / 2).min(SEARCH_WORK / shapes.len().max(1));
        for length in 1..=longest {
            let mut start = 0;
            while start + length < shapes.len() {
                let run = (start..shapes.len() - length).take_while(|&k| shapes[k] == shapes[k + length]).count();
                let count = 1 + run / length;
                if count > 1 && best.is_none_or(|best| count * length > best.count * best.length) {
                    best = Some(Self { start, length, count });
                }
                start += run + 1;
            }
        }
        best
    }

    /// How many layers there are, at least two.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Operations of one layer.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.length
    }

    /// The circuit with the first `layers` layers only, and for each parameter of the given circuit what it is there. Parameters
    /// of which only dropped layers made use are dropped. `None` unless `1 <= layers < count`.
    #[must_use]
    pub fn keep(&self, circuit: &Circuit, layers: usize) -> Option<(Circuit, Vec<Option<Param>>)> {
        let end = self.start + self.count * self.length;
        if layers == 0 || layers >= self.count || end > circuit.operations().len() {
            return None;
        }
        let dropped: Range<usize> = self.start + layers * self.length..end;
        let kept = || circuit.operations().iter().enumerate().filter(|(k, _)| !dropped.contains(k)).map(|(_, op)| op);
        let count = circuit.parameters().len();
        let used = |operations: &mut dyn Iterator<Item = &Operation>| {
            let mut used = vec![false; count];
            operations.flat_map(Operation::angles).flat_map(Angle::parameters).for_each(|p| used[p.index()] = true);
            used
        };
        let (before, after) = (used(&mut circuit.operations().iter()), used(&mut kept()));
        let mut shorter = Circuit::new(circuit.num_qubits()).ok()?;
        let mut places = Vec::with_capacity(count);
        for (index, name) in circuit.parameters().iter().enumerate() {
            let is_kept = after[index] || !before[index];
            places.push(if is_kept { Some(shorter.parameter(name.as_str()).ok()?) } else { None });
        }
        let arguments: Vec<Angle> =
            places.iter().map(|place| place.map_or(Angle::constant(0.0), Angle::from)).collect();
        for operation in kept() {
            shorter.push(with_parameters(operation, &arguments)?).ok()?;
        }
        Some((shorter, places))
    }
}

/// The operation with its parameters replaced.
fn with_parameters(operation: &Operation, arguments: &[Angle]) -> Option<Operation> {
    let angles: Vec<Angle> = operation.angles().iter().map(|angle| angle.substitute(arguments)).collect();
    let replaced = match operation.instruction() {
        Instruction::Gate(gate) => Operation::gate(*gate, operation.operands(), &angles),
        Instruction::Unitary(matrix) => Operation::unitary(operation.operands(), matrix),
        Instruction::PauliRotation(string) => Operation::pauli_rotation(*string, angles.into_iter().next()?),
        _ => return None,
    };
    let controls: Vec<Control> = operation.controls().collect();
    replaced.ok()?.controlled(&controls).ok()
}

/// A text that is the same for operations which differ in nothing but the parameters of their angles.
fn shape(operation: &Operation) -> String {
    let controls: Vec<Control> = operation.controls().collect();
    let mut text = format!("{:?} {:?} {controls:?}", operation.instruction(), operation.operands());
    for angle in operation.angles() {
        match angle.as_affine() {
            Some((constant, terms)) => {
                let factors: Vec<f64> = terms.iter().map(|&(_, factor)| factor).collect();
                text += &format!(" {constant:?} {factors:?}");
            }
            None => {
                // Parameters by their rank within the angle.
                let parameters = angle.parameters();
                let width = parameters.last().map_or(0, |last| last.index() + 1);
                let mut ranks = vec![Angle::constant(0.0); width];
                parameters.iter().enumerate().for_each(|(rank, p)| ranks[p.index()] = Param::new(rank).into());
                text += &format!(" {:?}", angle.substitute(&ranks));
            }
        }
    }
    text
}
