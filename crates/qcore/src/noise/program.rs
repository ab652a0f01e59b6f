//! Circuits with noise compiled for density matrices: passes over pairs of qubits in the Pauli basis.

use std::ops::Range;

use super::lower::{Lowering, Primitive, Slot, one, two};
use super::{NoiseModel, Readout};
use crate::identity::Identity;
use crate::kernel::{Block, PairMap, PairPass, Sparse, apply_pair, phase_of_product, turn_string};
use crate::{Angle, Circuit, Error, Level};

/// Entries of a map that are this small are rounding: the others are at least of the size of a noise probability.
const ROUNDING: f64 = 1e-15;

/// A map on one qubit that waits for the next pass over it.
#[derive(Clone, Debug)]
pub(super) enum Factor {
    Fixed([f64; 16]),
    /// A rotation about the axis with this digit, by the angle of a slot.
    Turn {
        axis: usize,
        slot: usize,
    },
}

/// What a pass does after the maps on its single qubits.
#[derive(Clone, Debug)]
pub(super) enum Map {
    Identity,
    Sparse(Box<Sparse>),
    /// A rotation by a string on the two qubits, and factors of its rows: the map is made when angles are bound.
    Turn {
        string: usize,
        slot: usize,
        factors: Box<[f64; 16]>,
    },
    Dense(Box<[f64; 256]>),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Pair {
        qubits: [usize; 2],
        before: [Vec<Factor>; 2],
        map: Map,
    },
    /// A rotation by a string on three qubits or more.
    String {
        string: u64,
        slot: usize,
    },
}

/// A circuit and a [`NoiseModel`] compiled for a [`DensityMatrix`](crate::DensityMatrix); bound many times, without allocation
/// for affine angles.
///
/// Maps on single qubits, gates and channels alike, are multiplied up and done together with the next map on two qubits, so
/// that a layer of rotations, entangling gates and noise costs one pass per entangling gate. A gate on `k >= 3` qubits is
/// `2^k` rotations by Pauli strings at most, a pass each, for each eigenvalue of what it does to its targets.
///
/// ```
/// use qcore::{Channel, Circuit, DensityMatrix, NoiseModel, NoisyBinding, NoisyProgram, Selector};
/// let mut circuit = Circuit::new(2)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?.cx(0, 1)?;
/// let model = NoiseModel::new().after(Selector::every(), Channel::depolarizing(0.03)?);
///
/// let program = NoisyProgram::compile(&circuit, &model)?;
/// let mut binding = NoisyBinding::new(&program);
/// let mut rho = DensityMatrix::zero(2)?;
/// program.bind(&[0.7], &mut binding)?;
/// rho.run(&program, &binding)?;
/// // Z0 Z1 after CX is Z1 before it; the channel acts on both qubits then, each time with the factor 1 - 4p/3.
/// let z = rho.expectation(&"Z0 Z1".parse()?)?;
/// assert!((z - 0.96 * 0.96).abs() < 1e-15);
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NoisyProgram {
    qubits: usize,
    parameters: usize,
    pub(super) slots: Vec<Slot>,
    /// The pass that each slot turns something in.
    passes: Vec<usize>,
    /// The slots of each rotation.
    rotations: Vec<Range<usize>>,
    /// Angles that turn nothing, each with its operation: global phases.
    unseen: Vec<(usize, Angle)>,
    pub(super) steps: Vec<Step>,
    readout: Readout,
    identity: Identity,
}

impl NoisyProgram {
    /// Compiles a circuit with the noise of a model. Cost: linear in operations and channels.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] for more than [`DensityMatrix::MAX_QUBITS`](crate::DensityMatrix::MAX_QUBITS),
    /// [`Error::WidthMismatch`] if the model has readout errors for more qubits than the circuit.
    pub fn compile(circuit: &Circuit, model: &NoiseModel) -> Result<Self, Error> {
        let qubits = circuit.num_qubits();
        if qubits > super::DensityMatrix::MAX_QUBITS {
            return Err(Error::Width { qubits, max: super::DensityMatrix::MAX_QUBITS });
        }
        model.check_width(qubits)?;
        let transfers: Vec<Vec<f64>> = model.rules().iter().map(|(_, channel)| channel.transfer()).collect();
        let mut lowering = Lowering::default();
        let mut planner = Planner::new(qubits);
        let mut unseen = Vec::new();
        for (index, operation) in circuit.operations().iter().enumerate() {
            let before = lowering.slots.len();
            lowering.operation(operation, index);
            if lowering.slots.len() == before {
                unseen.extend(operation.angles().iter().map(|angle| (index, angle.clone())));
            }
            for primitive in lowering.primitives.drain(..) {
                planner.add(primitive);
            }
            for (rule, on) in model.following(operation) {
                planner.add(channel_primitive(&transfers[rule], on));
            }
        }
        let steps = planner.finish();
        let (count, slots) = (lowering.rotations, lowering.slots);
        Ok(Self {
            qubits,
            parameters: circuit.parameters().len(),
            passes: passes_of(&steps, slots.len()),
            rotations: slots_of(&slots, count),
            unseen,
            slots,
            steps,
            readout: model.readout().clone(),
            identity: Identity::default(),
        })
    }

    /// A map on one or two qubits alone, given in the Pauli basis.
    pub(super) fn of_transfer(qubits: usize, matrix: &[f64], on: &[usize]) -> Self {
        let mut planner = Planner::new(qubits);
        planner.add(channel_primitive(matrix, on));
        Self {
            qubits,
            parameters: 0,
            slots: Vec::new(),
            passes: Vec::new(),
            rotations: Vec::new(),
            unseen: Vec::new(),
            steps: planner.finish(),
            readout: Readout::default(),
            identity: Identity::default(),
        }
    }

    /// Width of the register.
    #[must_use]
    pub fn num_qubits(&self) -> usize {
        self.qubits
    }

    /// Parameters that a binding needs values for.
    #[must_use]
    pub fn num_parameters(&self) -> usize {
        self.parameters
    }

    /// Passes over the density matrix in one execution.
    #[must_use]
    pub fn num_passes(&self) -> usize {
        self.steps.len()
    }

    /// The readout errors of the model that it was compiled with.
    #[must_use]
    pub fn readout(&self) -> &Readout {
        &self.readout
    }

    /// Computes all angles, and from them the maps of all passes.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`], [`Error::AnotherProgram`] for the binding of another program, [`Error::Angle`] if an angle is
    /// not finite.
    pub fn bind(&self, parameters: &[f64], binding: &mut NoisyBinding) -> Result<(), Error> {
        if parameters.len() != self.parameters {
            return Err(Error::ParameterCount { expected: self.parameters, got: parameters.len() });
        }
        self.check(binding)?;
        for (slot, turn) in self.slots.iter().zip(&mut binding.turns) {
            let value = slot.factor * slot.angle.value(parameters);
            if !value.is_finite() {
                return Err(Error::Angle { operation: slot.operation, value });
            }
            *turn = Turn::by(value);
        }
        for (operation, angle) in &self.unseen {
            let value = angle.value(parameters);
            if !value.is_finite() {
                return Err(Error::Angle { operation: *operation, value });
            }
        }
        for pass in 0..self.steps.len() {
            self.make(pass, binding);
        }
        Ok(())
    }

    /// Number of rotations; they are those of [`Program::rotations`](crate::Program::rotations) of the same circuit, in that
    /// order.
    #[must_use]
    pub fn num_rotations(&self) -> usize {
        self.rotations.len()
    }

    /// Adds `shift` radians to the angle of one rotation of a bound program; the noise stays as it is. Cost: the maps of the
    /// passes that it turns something in, one for each subset of its controls.
    ///
    /// # Panics
    ///
    /// If `rotation` is not an index of a rotation or the binding is another program's.
    pub fn shift(&self, rotation: usize, shift: f64, binding: &mut NoisyBinding) {
        for slot in self.rotations[rotation].clone() {
            binding.turns[slot] = Turn::by(binding.turns[slot].angle + self.slots[slot].factor * shift);
            self.make(self.passes[slot], binding);
        }
    }

    /// The first pass that depends on the angle of a rotation; `None` if none does, as for a global phase.
    ///
    /// # Panics
    ///
    /// If `rotation` is not an index of a rotation.
    #[must_use]
    pub fn first_pass(&self, rotation: usize) -> Option<usize> {
        self.rotations[rotation].clone().map(|slot| self.passes[slot]).min()
    }

    /// Makes the maps of a pass from the bound angles.
    fn make(&self, pass: usize, binding: &mut NoisyBinding) {
        let Step::Pair { before, map, .. } = &self.steps[pass] else { return };
        let bound = &mut binding.bound[pass];
        for (factors, matrix) in before.iter().zip(&mut bound.before) {
            product(factors, &binding.turns, matrix);
        }
        if let Map::Turn { string, slot, factors } = map {
            bound.sparse = turned(*string, binding.turns[*slot], factors);
        }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn check(&self, binding: &NoisyBinding) -> Result<(), Error> {
        binding.of.check(&self.identity, "binding")
    }

    /// How many qubits, from qubit 0 on, a pass needs.
    pub(super) fn reach(&self, pass: usize) -> usize {
        match &self.steps[pass] {
            Step::Pair { qubits, .. } => qubits[0].max(qubits[1]) + 1,
            Step::String { string, .. } => (u64::BITS - string.leading_zeros()).div_ceil(2) as usize,
        }
    }

    /// Applies some passes.
    pub(super) fn apply(&self, level: Level, state: &mut [Block], binding: &NoisyBinding, passes: Range<usize>) {
        for (step, bound) in self.steps[passes.clone()].iter().zip(&binding.bound[passes]) {
            match step {
                Step::Pair { qubits, before, map } => apply_pair(level, state, &bound.pass(*qubits, before, map)),
                Step::String { string, slot } => {
                    let Turn { cos, sin, .. } = binding.turns[*slot];
                    turn_string(level, state, *string, cos, sin);
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    angle: f64,
    pub(super) cos: f64,
    pub(super) sin: f64,
}

impl Turn {
    fn by(angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self { angle, cos, sin }
    }
}

impl BoundPass {
    /// The maps that a pass applies.
    pub(super) fn pass<'a>(&'a self, qubits: [usize; 2], before: &[Vec<Factor>; 2], map: &'a Map) -> PairPass<'a> {
        let map = match map {
            Map::Identity => PairMap::Identity,
            Map::Sparse(sparse) => PairMap::Sparse(sparse),
            Map::Turn { .. } => PairMap::Sparse(&self.sparse),
            Map::Dense(matrix) => PairMap::Dense(matrix),
        };
        let one = |side: usize| (!before[side].is_empty()).then_some(&self.before[side]);
        PairPass { qubits, before: [one(0), one(1)], map }
    }
}

/// The pass of each slot.
fn passes_of(steps: &[Step], slots: usize) -> Vec<usize> {
    let mut passes = vec![0; slots];
    for (pass, step) in steps.iter().enumerate() {
        match step {
            Step::Pair { before, map, .. } => {
                for factor in before.iter().flatten() {
                    if let Factor::Turn { slot, .. } = factor {
                        passes[*slot] = pass;
                    }
                }
                if let Map::Turn { slot, .. } = map {
                    passes[*slot] = pass;
                }
            }
            Step::String { slot, .. } => passes[*slot] = pass,
        }
    }
    passes
}

/// The slots of each rotation: they are made one after the other.
fn slots_of(slots: &[Slot], rotations: usize) -> Vec<Range<usize>> {
    let mut ranges = vec![0..0; rotations];
    for (index, slot) in slots.iter().enumerate() {
        if let Some(rotation) = slot.rotation {
            let range = &mut ranges[rotation];
            *range = if range.start == range.end { index..index + 1 } else { range.start..index + 1 };
        }
    }
    ranges
}

/// The maps of one pass at the bound angles.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoundPass {
    pub(super) before: [[f64; 16]; 2],
    pub(super) sparse: Sparse,
}

/// The angles of a [`NoisyProgram`] at some parameter values; made once, bound many times.
#[derive(Clone, Debug)]
pub struct NoisyBinding {
    pub(super) turns: Vec<Turn>,
    pub(super) bound: Vec<BoundPass>,
    of: Identity,
}

impl NoisyBinding {
    /// Takes over the angles of another binding of the same program. Nothing is allocated.
    ///
    /// # Panics
    ///
    /// If it is another program's.
    pub fn copy_from(&mut self, other: &Self) {
        assert!(self.of.is(&other.of), "a binding of the same program");
        self.turns.copy_from_slice(&other.turns);
        self.bound.copy_from_slice(&other.bound);
    }

    /// A binding for this program with all parameters at 0, or, where an angle is not finite there, with the angle 0.
    #[must_use]
    pub fn new(program: &NoisyProgram) -> Self {
        let identity = Sparse::new([1.0; 16], [0; 16], [0.0; 16]);
        let pass = BoundPass { before: [IDENTITY; 2], sparse: identity };
        let mut binding = Self {
            turns: vec![Turn::by(0.0); program.slots.len()],
            bound: vec![pass; program.steps.len()],
            of: program.identity.clone(),
        };
        for pass in 0..program.steps.len() {
            program.make(pass, &mut binding);
        }
        binding
    }
}

pub(super) const IDENTITY: [f64; 16] = {
    let mut matrix = [0.0; 16];
    let mut k = 0;
    while k < 4 {
        matrix[5 * k] = 1.0;
        k += 1;
    }
    matrix
};

fn channel_primitive(matrix: &[f64], on: &[usize]) -> Primitive {
    match *on {
        [qubit] => Primitive::One { qubit, matrix: one(matrix) },
        [a, b] => Primitive::Two { qubits: [a, b], matrix: two(matrix) },
        _ => unreachable!("a channel acts on one or two qubits"),
    }
}

/// The product of maps on one qubit, the first one on the right.
fn product(factors: &[Factor], turns: &[Turn], matrix: &mut [f64; 16]) {
    *matrix = IDENTITY;
    for factor in factors {
        match factor {
            Factor::Fixed(left) => *matrix = times(left, matrix),
            Factor::Turn { axis, slot } => turn_rows(*axis, turns[*slot].cos, turns[*slot].sin, matrix),
        }
    }
}

/// Turns the rows of a matrix about the axis with this digit: the rotation takes `from` to `cos from + sin to`, `to` to
/// `cos to - sin from`.
pub(super) fn turn_rows(axis: usize, cos: f64, sin: f64, matrix: &mut [f64; 16]) {
    let (from, to) = match axis {
        1 => (3, 2),
        2 => (1, 3),
        _ => (2, 1),
    };
    for column in 0..4 {
        let (a, b) = (matrix[4 * from + column], matrix[4 * to + column]);
        matrix[4 * from + column] = cos * a - sin * b;
        matrix[4 * to + column] = cos * b + sin * a;
    }
}

pub(super) fn times(left: &[f64; 16], right: &[f64; 16]) -> [f64; 16] {
    std::array::from_fn(|at| (0..4).map(|k| left[at / 4 * 4 + k] * right[4 * k + at % 4]).sum())
}

/// A rotation by a string on two qubits, then factors of its rows.
fn turned(string: usize, turn: Turn, factors: &[f64; 16]) -> Sparse {
    let (mut own, mut other) = (*factors, [0.0; 16]);
    for (row, &factor) in factors.iter().enumerate() {
        if let Some(sign) = turning_sign(string, row) {
            own[row] = factor * turn.cos;
            other[row] = factor * sign * turn.sin;
        }
    }
    Sparse::new(own, std::array::from_fn(|row| (row ^ string) as u8), other)
}

/// The sign with which a rotation by `string` takes `row ^ string` to `row`; `None` where it leaves `row` as it is.
pub(super) fn turning_sign(string: usize, row: usize) -> Option<f64> {
    match phase_of_product(string as u64, (row ^ string) as u64) {
        1 => Some(1.0),
        3 => Some(-1.0),
        _ => None,
    }
}

/// A matrix on two qubits with at most one entry per row besides the diagonal one.
pub(super) fn sparse(matrix: &[f64; 256]) -> Option<Sparse> {
    let entry = |at: usize| if matrix[at].abs() > ROUNDING { matrix[at] } else { 0.0 };
    let (mut source, mut other) = ([0; 16], [0.0; 16]);
    for row in 0..16 {
        let mut others = (0..16).filter(|&column| column != row && entry(16 * row + column) != 0.0);
        if let Some(column) = others.next() {
            (source[row], other[row]) = (column as u8, matrix[16 * row + column]);
        }
        if others.next().is_some() {
            return None;
        }
    }
    Some(Sparse::new(std::array::from_fn(|row| entry(17 * row)), source, other))
}

/// Gathers maps into passes.
struct Planner {
    /// For each qubit, the maps that wait for a pass.
    waiting: Vec<Vec<Factor>>,
    steps: Vec<Step>,
}

impl Planner {
    /// A pass needs a partner for its qubit, and the lanes a third qubit: narrow registers are filled up.
    fn new(qubits: usize) -> Self {
        Self { waiting: vec![Vec::new(); qubits.max(super::density::MIN_WIDTH)], steps: Vec::new() }
    }

    fn add(&mut self, primitive: Primitive) {
        match primitive {
            Primitive::One { qubit, matrix } => self.wait(qubit, Factor::Fixed(matrix)),
            Primitive::Two { qubits, matrix } => match sparse(&matrix) {
                Some(map) => self.sparse(qubits, map),
                None => self.pass(qubits, Map::Dense(matrix)),
            },
            Primitive::Turn { string, slot } => {
                let on: Vec<usize> = (0..self.waiting.len()).filter(|&q| string >> (2 * q) & 3 != 0).collect();
                let digit = |q: usize| (string >> (2 * q) & 3) as usize;
                match *on {
                    [qubit] => self.wait(qubit, Factor::Turn { axis: digit(qubit), slot }),
                    [a, b] => {
                        let string = digit(a) | digit(b) << 2;
                        self.pass([a, b], Map::Turn { string, slot, factors: Box::new([1.0; 16]) });
                    }
                    _ => {
                        self.flush(&on);
                        self.steps.push(Step::String { string, slot });
                    }
                }
            }
        }
    }

    fn wait(&mut self, qubit: usize, factor: Factor) {
        let waiting = &mut self.waiting[qubit];
        match (waiting.last_mut(), factor) {
            (Some(Factor::Fixed(right)), Factor::Fixed(left)) => *right = times(&left, right),
            (_, factor) => waiting.push(factor),
        }
    }

    fn pass(&mut self, qubits: [usize; 2], map: Map) {
        let before = qubits.map(|qubit| std::mem::take(&mut self.waiting[qubit]));
        self.steps.push(Step::Pair { qubits, before, map });
    }

    /// A sparse map; a diagonal one joins the map of the last pass if that was on the same qubits.
    fn sparse(&mut self, qubits: [usize; 2], map: Sparse) {
        let idle = qubits.iter().all(|&qubit| self.waiting[qubit].is_empty());
        if let (true, Some(factors), Some(Step::Pair { qubits: last, map: last_map, .. })) =
            (idle, map.diagonal(), self.steps.last_mut())
        {
            let swapped = [last[1], last[0]] == qubits;
            if swapped || *last == qubits {
                let factor = |row: usize| factors[if swapped { row >> 2 | (row & 3) << 2 } else { row }];
                match last_map {
                    Map::Identity => {
                        let own = std::array::from_fn(factor);
                        *last_map = Map::Sparse(Box::new(Sparse::new(own, [0; 16], [0.0; 16])));
                    }
                    Map::Sparse(sparse) => sparse.scale(factor),
                    Map::Turn { factors, .. } => {
                        for (row, own) in factors.iter_mut().enumerate() {
                            *own *= factor(row);
                        }
                    }
                    Map::Dense(matrix) => {
                        for (at, entry) in matrix.iter_mut().enumerate() {
                            *entry *= factor(at / 16);
                        }
                    }
                }
                return;
            }
        }
        self.pass(qubits, Map::Sparse(Box::new(map)));
    }

    /// Applies what waits on some qubits, two of them in a pass.
    fn flush(&mut self, qubits: &[usize]) {
        let waiting: Vec<usize> = qubits.iter().copied().filter(|&q| !self.waiting[q].is_empty()).collect();
        for pair in waiting.chunks(2) {
            let partner = match *pair {
                [_, second] => second,
                _ => usize::from(pair[0] == 0),
            };
            self.pass([pair[0], partner], Map::Identity);
        }
    }

    fn finish(mut self) -> Vec<Step> {
        let all: Vec<usize> = (0..self.waiting.len()).collect();
        self.flush(&all);
        self.steps
    }
}
