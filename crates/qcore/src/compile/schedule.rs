//! From the steps of a program to layers: one-qubit gates on distinct qubits, then one diagonal operator.
//!
//! Every one-qubit gate is `e^{i a} D(b) RY(c) D(d)` with `D(x) = diag(1, e^{i x})`, and every rotation about a Pauli string, every
//! controlled Pauli gate and every controlled matrix is a diagonal operator between one-qubit gates. So a circuit is a sequence
//! of layers of real rotations and diagonals, but for a few two-qubit matrices, which stay steps.

use num_complex::Complex64;
use smallvec::{SmallVec, smallvec};

use super::linear::LinearMap;
use super::runs::Unit;
use crate::kernel::{self, Matrix};
use crate::program::{Rotation, RotationGenerator, Step};

/// A complex number of absolute value 1, given now or by a binding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Factor {
    /// `e^{i theta}` of a rotation.
    Phase(usize),
    PhaseConjSquare(usize),
    /// `e^{-i theta / 2}`.
    HalfConj(usize),
    Constant(Complex64),
    /// The diagonals of a product of one-qubit gates, before and after its real rotation.
    Before(usize),
    After(usize),
}

/// A one-qubit gate in a product.
#[derive(Clone, Copy, Debug)]
pub(super) enum Element {
    RotateX(usize),
    RotateY(usize),
    /// `diag(1, factor)`.
    Diagonal(Factor),
    Fixed([Complex64; 4]),
}

/// Where a real rotation gets its tangent and cosine from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    Rotation(usize),
    Fixed { tan: f64, cos: f64 },
    Product(usize),
}

/// `exp(-i theta / 2 Z...Z)` on the qubits of `z` where `controls` are set.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParityRotation {
    pub(super) z: u64,
    pub(super) controls: u64,
    pub(super) rotation: usize,
}

/// The factors of a qubit in a layer; mostly few.
pub(super) type Factors = SmallVec<[Factor; 2]>;

/// The one-qubit gates of a product, in the order of application.
type Elements = SmallVec<[Element; 1]>;

#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) turns: Vec<(usize, Turn)>,
    /// Per qubit.
    pub(super) phases: Vec<Factors>,
    pub(super) terms: Vec<(u64, Factor)>,
    pub(super) parities: Vec<ParityRotation>,
    /// What moves basis states behind the diagonal operator.
    pub(super) map: Option<LinearMap>,
}

impl Layer {
    /// One that does nothing.
    fn of(qubits: usize) -> Self {
        Self { phases: (0..qubits).map(|_| Factors::new()).collect(), ..Self::default() }
    }

    /// Whether a qubit takes part in its map.
    fn moves(&self, qubit: usize) -> bool {
        self.map.as_ref().is_some_and(|map| map.support() >> qubit & 1 == 1)
    }
}

#[derive(Clone, Debug)]
pub(super) enum Segment {
    Layers(Vec<Layer>),
    Step(usize),
}

/// Layers, and what they leave over.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) segments: Vec<Segment>,
    /// Products of one-qubit gates that are multiplied out for every binding.
    pub(super) products: Vec<Vec<Element>>,
    /// The global phase: a constant, and the rotations whose `e^{i w theta}` belong to it,
    /// each with its `w`.
    pub(super) phase: Complex64,
    pub(super) global_turns: Vec<(usize, f64)>,
}

impl Schedule {
    /// What it takes to carry it out on a state that is one tile, about: in passes over the state.
    pub(super) fn work(&self) -> usize {
        let of_layer = |layer: &Layer| layer.turns.len().div_ceil(3).max(1) + usize::from(layer.map.is_some());
        let of_segment = |segment: &Segment| match segment {
            Segment::Layers(layers) => layers.iter().map(of_layer).sum(),
            Segment::Step(_) => 2,
        };
        self.segments.iter().map(of_segment).sum()
    }
}

const ZERO: Complex64 = Complex64::new(0.0, 0.0);
const ONE: Complex64 = Complex64::new(1.0, 0.0);
const MINUS_ONE: Complex64 = Complex64::new(-1.0, 0.0);
const I: Complex64 = Complex64::new(0.0, 1.0);
const R: Complex64 = Complex64::new(std::f64::consts::FRAC_1_SQRT_2, 0.0);
const HADAMARD: [Complex64; 4] = [R, R, R, Complex64::new(-std::f64::consts::FRAC_1_SQRT_2, 0.0)];
const X: [Complex64; 4] = [ZERO, ONE, ONE, ZERO];

fn product(left: &[Complex64; 4], right: &[Complex64; 4]) -> [Complex64; 4] {
    let [a, b, c, d] = *left;
    let [e, f, g, h] = *right;
    [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h]
}

fn is_diagonal(m: &[Complex64; 4]) -> bool {
    m[1].norm() < 1e-16 && m[2].norm() < 1e-16
}

/// `m = alpha diag(1, after) [[cos, -sin], [sin, cos]] diag(1, before)` for unitary `m`.
pub(super) struct Euler {
    pub(super) alpha: Complex64,
    pub(super) after: Complex64,
    pub(super) before: Complex64,
    pub(super) cos: f64,
    pub(super) tan: f64,
}

impl Euler {
    pub(super) fn new(m: &[Complex64; 4]) -> Self {
        let (alpha, after, before, cos, tan) = kernel::euler(m.map(|z| (z.re, z.im)));
        let [alpha, after, before] = [alpha, after, before].map(|(re, im)| Complex64::new(re, im));
        Self { alpha, after, before, cos, tan }
    }
}

struct Slot {
    layer: usize,
    elements: Elements,
}

struct Builder<'a> {
    qubits: usize,
    rotations: &'a [Rotation],
    merge: bool,
    schedule: Schedule,
    layers: Vec<Layer>,
    slots: Vec<Vec<Slot>>,
    /// Per qubit: the layer of the last diagonal operator that it shares with another qubit.
    shared: Vec<Option<usize>>,
    /// Per qubit: the first layer behind its last map.
    floor: Vec<usize>,
}

/// Schedules the steps of a program. Without `merge` a one-qubit rotation is not multiplied out with another gate: each has a layer of its
/// own. `units` gives their order, and maps for some of them.
pub(super) fn schedule(
    qubits: usize,
    steps: &[Step],
    rotations: &[Rotation],
    merge: bool,
    units: Option<&[Unit]>,
) -> Schedule {
    let schedule = Schedule { segments: Vec::new(), products: Vec::new(), phase: ONE, global_turns: Vec::new() };
    let mut builder = Builder {
        qubits,
        rotations,
        merge,
        schedule,
        layers: Vec::new(),
        slots: Vec::new(),
        shared: Vec::new(),
        floor: Vec::new(),
    };
    builder.open();
    // A slot per layer and qubit: rarely more than every second step.
    builder.slots.iter_mut().for_each(|slots| slots.reserve(steps.len() / (2 * qubits)));
    match units {
        None => (0..steps.len()).for_each(|index| builder.take(steps, index)),
        Some(units) => units.iter().for_each(|unit| match unit {
            Unit::Step(index) => builder.take(steps, *index),
            Unit::Map(map) => builder.map(map),
        }),
    }
    builder.close();
    builder.schedule
}

impl Builder<'_> {
    fn open(&mut self) {
        self.layers = Vec::new();
        self.slots = (0..self.qubits).map(|_| Vec::new()).collect();
        self.shared = vec![None; self.qubits];
        self.floor = vec![0; self.qubits];
    }

    fn take(&mut self, steps: &[Step], index: usize) {
        if !self.step(&steps[index]) {
            self.close();
            self.schedule.segments.push(Segment::Step(index));
        }
    }

    fn layer(&mut self, index: usize) -> &mut Layer {
        while self.layers.len() <= index {
            let (turns, terms) = (Vec::with_capacity(self.qubits), Vec::with_capacity(self.qubits));
            self.layers.push(Layer { turns, terms, ..Layer::of(self.qubits) });
        }
        &mut self.layers[index]
    }

    /// Puts a step into layers; false if it must stay a step.
    fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Rotate(index) => match self.rotations[*index].generator() {
                RotationGenerator::HalfPauli { string, controls } => {
                    self.half_pauli(*index, string.x_mask(), string.z_mask(), controls);
                    true
                }
                RotationGenerator::Phase { mask: 0 } => {
                    self.schedule.global_turns.push((*index, 1.0));
                    true
                }
                RotationGenerator::Phase { mask } => {
                    self.term(mask, Factor::Phase(*index));
                    true
                }
            },
            Step::Exchange { x, controls } => {
                if *controls == 0 {
                    for qubit in bits(*x) {
                        self.single(qubit, Element::Fixed(X));
                    }
                } else if x.count_ones() == 1 {
                    let target = x.trailing_zeros() as usize;
                    self.single(target, Element::Fixed(HADAMARD));
                    self.term(controls | x, Factor::Constant(MINUS_ONE));
                    self.single(target, Element::Fixed(HADAMARD));
                } else {
                    return false;
                }
                true
            }
            Step::Phase { mask, factor } => {
                if *mask == 0 {
                    self.schedule.phase *= factor;
                } else {
                    self.term(*mask, Factor::Constant(*factor));
                }
                true
            }
            Step::Matrix(matrices) => self.matrix(&matrices[0]),
        }
    }

    fn half_pauli(&mut self, rotation: usize, x: u64, z: u64, controls: u64) {
        let support = x | z;
        if support == 0 {
            if controls == 0 {
                self.schedule.global_turns.push((rotation, -0.5));
            } else {
                self.term(controls, Factor::HalfConj(rotation));
            }
            return;
        }
        if support.count_ones() == 1 && controls == 0 {
            let qubit = support.trailing_zeros() as usize;
            match (x != 0, z != 0) {
                (true, false) => self.single(qubit, Element::RotateX(rotation)),
                (true, true) => self.single(qubit, Element::RotateY(rotation)),
                _ => {
                    self.schedule.global_turns.push((rotation, -0.5));
                    self.single(qubit, Element::Diagonal(Factor::Phase(rotation)));
                }
            }
            return;
        }
        // V P V^-1 = Z for V = H on X and V = H S^-1 on Y.
        for qubit in bits(x) {
            if z >> qubit & 1 == 1 {
                self.single(qubit, Element::Diagonal(Factor::Constant(-I)));
            }
            self.single(qubit, Element::Fixed(HADAMARD));
        }
        if support.count_ones() == 1 {
            self.term(controls, Factor::HalfConj(rotation));
            self.term(controls | support, Factor::Phase(rotation));
        } else if support.count_ones() == 2 && controls == 0 {
            // a xor b = a + b - 2 a b
            self.schedule.global_turns.push((rotation, -0.5));
            for qubit in bits(support) {
                self.single(qubit, Element::Diagonal(Factor::Phase(rotation)));
            }
            self.term(support, Factor::PhaseConjSquare(rotation));
        } else {
            let layer = self.shared_layer(support | controls);
            self.layer(layer).parities.push(ParityRotation { z: support, controls, rotation });
        }
        for qubit in bits(x) {
            self.single(qubit, Element::Fixed(HADAMARD));
            if z >> qubit & 1 == 1 {
                self.single(qubit, Element::Diagonal(Factor::Constant(I)));
            }
        }
    }

    fn matrix(&mut self, matrix: &Matrix) -> bool {
        let Some((target, controls, m)) = matrix.one_qubit() else { return false };
        if controls == 0 {
            self.single(target, Element::Fixed(m));
            return true;
        }
        // Eigenvectors turn a controlled matrix into a controlled phase.
        let (vectors, values) = eigen(&m);
        let [a, b, c, d] = vectors;
        self.single(target, Element::Fixed([a.conj(), c.conj(), b.conj(), d.conj()]));
        self.term(controls, Factor::Constant(values[0]));
        self.term(controls | 1 << target, Factor::Constant(values[1] / values[0]));
        self.single(target, Element::Fixed(vectors));
        true
    }

    fn single(&mut self, qubit: usize, element: Element) {
        // What stands before the last map is closed.
        let floor = self.floor[qubit];
        let shared = self.shared[qubit].filter(|&shared| shared >= floor);
        let open = match (self.slots[qubit].last().filter(|slot| slot.layer >= floor), shared) {
            (Some(slot), Some(shared)) => slot.layer > shared,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if !open {
            if let (Element::Diagonal(factor), Some(shared)) = (element, shared) {
                self.layer(shared).phases[qubit].push(factor);
                return;
            }
            let layer = shared.map_or(floor, |shared| shared + 1);
            self.slots[qubit].push(Slot { layer, elements: Elements::new() });
            self.layer(layer);
        }
        let slot = self.slots[qubit].last_mut().expect("one is open");
        let fixed = |element: &Element| matches!(element, Element::Fixed(_) | Element::Diagonal(Factor::Constant(_)));
        if !self.merge
            && !matches!(element, Element::Diagonal(_))
            && slot.elements.iter().any(|element| !matches!(element, Element::Diagonal(_)))
            && (!fixed(&element) || !slot.elements.iter().all(fixed))
        {
            let layer = slot.layer + 1;
            let mut elements = Elements::new();
            elements.push(element);
            self.slots[qubit].push(Slot { layer, elements });
            self.layer(layer);
            return;
        }
        slot.elements.push(element);
    }

    /// A factor where all qubits of `mask` are 1.
    fn term(&mut self, mask: u64, factor: Factor) {
        if mask.count_ones() == 1 {
            self.single(mask.trailing_zeros() as usize, Element::Diagonal(factor));
        } else {
            let layer = self.shared_layer(mask);
            self.layer(layer).terms.push((mask, factor));
        }
    }

    /// The first layer in which a diagonal operator on these qubits may stand.
    fn shared_layer(&mut self, mask: u64) -> usize {
        let earliest = |q: usize| self.slots[q].last().map_or(0, |slot| slot.layer).max(self.floor[q]);
        let layer = bits(mask).map(earliest).max().unwrap_or(0);
        for qubit in bits(mask) {
            self.shared[qubit] = Some(self.shared[qubit].map_or(layer, |shared| shared.max(layer)));
        }
        layer
    }

    /// Puts a map behind the first layer that it may follow.
    fn map(&mut self, map: &LinearMap) {
        let support = map.support();
        let before = self.shared.clone();
        let layer = self.shared_layer(support);
        let layer = bits(support).filter_map(|q| self.shared[q]).max().unwrap_or(layer);
        // Rotations that nothing follows before the map wait for the layer in front of it.
        for qubit in bits(support) {
            let (floor, shared) = (self.floor[qubit], before[qubit]);
            if let Some(slot) = self.slots[qubit].last_mut()
                && slot.layer >= floor
                && shared.is_none_or(|shared| slot.layer > shared)
            {
                slot.layer = layer;
            }
        }
        bits(support).for_each(|qubit| self.floor[qubit] = layer + 1);
        let place = &mut self.layer(layer).map;
        *place = Some(place.as_ref().map_or_else(|| map.clone(), |other| other.then(map)));
    }

    /// Ends a run of layers.
    fn close(&mut self) {
        // A diagonal before the first layer does nothing to |0...0>, but it does to other states.
        let first = self.schedule.segments.is_empty();
        let mut leading = Layer::of(self.qubits);
        // Diagonals between the map of a layer and the rotations of the next one.
        let mut between: Vec<Option<Layer>> = self.layers.iter().map(|_| None).collect();
        for (qubit, slots) in std::mem::take(&mut self.slots).into_iter().enumerate() {
            for slot in slots {
                let (mut before, mut turn, mut after) = self.decompose(slot.elements);
                let moved = slot.layer > 0 && self.layers[slot.layer - 1].moves(qubit);
                if moved {
                    mirror(&mut before, &mut turn, &mut after);
                }
                if let Some(turn) = turn {
                    self.layers[slot.layer].turns.push((qubit, turn));
                }
                match slot.layer.checked_sub(1) {
                    Some(previous) if moved && !before.is_empty() => {
                        let layer = between[previous].get_or_insert_with(|| Layer::of(self.qubits));
                        layer.phases[qubit].extend_from_slice(&before);
                    }
                    Some(previous) => self.layers[previous].phases[qubit].extend_from_slice(&before),
                    None => leading.phases[qubit].extend_from_slice(&before),
                }
                self.layers[slot.layer].phases[qubit].extend_from_slice(&after);
            }
        }
        let mut layers = std::mem::take(&mut self.layers);
        if between.iter().any(Option::is_some) {
            layers = layers.into_iter().zip(between).flat_map(|(layer, next)| [Some(layer), next]).flatten().collect();
        }
        if !first && leading.phases.iter().any(|factors| !factors.is_empty()) {
            layers.insert(0, leading);
        }
        if !layers.is_empty() || first {
            self.schedule.segments.push(Segment::Layers(layers));
        }
        self.open();
    }

    /// With `RX(theta) = H RZ(theta) H` beside fixed gates that are `H` times a diagonal: the targets of CX. Then nothing is left to
    /// multiply out for every binding.
    fn straightened(&mut self, elements: Elements) -> Elements {
        let found = |index: usize| {
            let fixed = |index: Option<usize>| match index.and_then(|index| elements.get(index)) {
                Some(Element::Fixed(m)) => Some(m),
                _ => None,
            };
            matches!(elements[index], Element::RotateX(_))
                && (fixed(index.checked_sub(1)).is_some_and(|m| is_diagonal(&product(&HADAMARD, m)))
                    || fixed(index.checked_add(1)).is_some_and(|m| is_diagonal(&product(m, &HADAMARD))))
        };
        if elements.len() < 2 || !(0..elements.len()).any(found) {
            return elements;
        }
        let mut straight = Elements::new();
        for (index, element) in elements.iter().enumerate() {
            match *element {
                Element::RotateX(rotation) if found(index) => {
                    self.schedule.global_turns.push((rotation, -0.5));
                    let turn = Element::Diagonal(Factor::Phase(rotation));
                    straight.extend([Element::Fixed(HADAMARD), turn, Element::Fixed(HADAMARD)]);
                }
                other => straight.push(other),
            }
        }
        fused(straight)
    }

    /// A product of one-qubit gates as diagonal, real rotation, diagonal.
    fn decompose(&mut self, elements: Elements) -> (Factors, Option<Turn>, Factors) {
        match *elements.as_slice() {
            [Element::RotateY(rotation)] => return (Factors::new(), Some(Turn::Rotation(rotation)), Factors::new()),
            [Element::RotateX(rotation)] => return turned_x(rotation),
            [Element::Diagonal(factor)] => return (Factors::new(), None, smallvec![factor]),
            _ => {}
        }
        let mut fused = self.straightened(fused(elements));
        let mut diagonal = |element: &Element| match element {
            Element::Diagonal(factor) => Some(*factor),
            Element::Fixed(m) if is_diagonal(m) => {
                // Two Hadamard gates are not the identity to the last digit.
                self.schedule.phase *= m[0] / m[0].norm();
                Some(Factor::Constant(m[3] / m[0]))
            }
            _ => None,
        };
        let mut before = Factors::new();
        let mut start = 0;
        while let Some(factor) = fused.get(start).and_then(&mut diagonal) {
            before.push(factor);
            start += 1;
        }
        if start == fused.len() {
            return (Factors::new(), None, before);
        }
        let mut after = Factors::new();
        while let Some(factor) = fused.last().and_then(&mut diagonal) {
            after.push(factor);
            fused.pop();
        }
        fused.drain(..start);
        let turn = match fused.as_slice() {
            [Element::RotateY(rotation)] => Turn::Rotation(*rotation),
            [Element::RotateX(rotation)] => {
                // RX = D(-i) RY D(i)
                before.push(Factor::Constant(I));
                after.push(Factor::Constant(-I));
                Turn::Rotation(*rotation)
            }
            [Element::Fixed(m)] => {
                let euler = Euler::new(m);
                self.schedule.phase *= euler.alpha;
                before.push(Factor::Constant(euler.before));
                after.push(Factor::Constant(euler.after));
                Turn::Fixed { tan: euler.tan, cos: euler.cos }
            }
            _ => {
                let index = self.schedule.products.len();
                self.schedule.products.push(fused.into_vec());
                before.push(Factor::Before(index));
                after.push(Factor::After(index));
                Turn::Product(index)
            }
        };
        (before, Some(turn), after)
    }
}

/// Takes away what need not stand before a rotation: a sign of fixed gates goes to its other side.
fn mirror(before: &mut Factors, turn: &mut Option<Turn>, after: &mut Factors) {
    let constant = |factor: &Factor| match factor {
        Factor::Constant(value) => Some(*value),
        _ => None,
    };
    let Some(product) = before.iter().map(constant).try_fold(ONE, |product, value| Some(product * value?)) else {
        return;
    };
    if (product - ONE).norm() < 1e-15 {
        before.clear();
    } else if let Some(Turn::Fixed { tan, .. }) = turn
        && (product + ONE).norm() < 1e-15
    {
        // RY(t) Z = Z RY(-t)
        *tan = -*tan;
        before.clear();
        after.push(Factor::Constant(MINUS_ONE));
    }
}

/// `RX = D(-i) RY D(i)`.
fn turned_x(rotation: usize) -> (Factors, Option<Turn>, Factors) {
    (smallvec![Factor::Constant(I)], Some(Turn::Rotation(rotation)), smallvec![Factor::Constant(-I)])
}

/// With one fixed gate for those that follow each other.
fn fused(elements: Elements) -> Elements {
    let mut fused = Elements::new();
    for element in elements {
        let element = match element {
            Element::Diagonal(Factor::Constant(c)) => Element::Fixed([ONE, ZERO, ZERO, c]),
            other => other,
        };
        match (fused.last_mut(), element) {
            (Some(Element::Fixed(last)), Element::Fixed(m)) => *last = product(&m, last),
            _ => fused.push(element),
        }
    }
    fused
}

/// Orthonormal eigenvectors (as columns) and eigenvalues of a unitary 2x2 matrix.
fn eigen(m: &[Complex64; 4]) -> ([Complex64; 4], [Complex64; 2]) {
    let [a, b, c, d] = *m;
    let (mean, half) = ((a + d) / 2.0, (a - d) / 2.0);
    let root = (half * half + b * c).sqrt();
    let values = [mean + root, mean - root];
    // The eigenvector of the first value, from the row in which it is better determined.
    let rows = [(b, values[0] - a), (values[0] - d, c)];
    let (x, y) =
        if rows[0].0.norm() + rows[0].1.norm() > rows[1].0.norm() + rows[1].1.norm() { rows[0] } else { rows[1] };
    let norm = (x.norm_sqr() + y.norm_sqr()).sqrt();
    let (x, y) = if norm > 1e-14 { (x / norm, y / norm) } else { (ONE, ZERO) };
    ([x, -y.conj(), y, x.conj()], values)
}

/// The positions of the bits of a mask, ascending.
pub(super) fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros() as usize);
        mask &= mask.wrapping_sub(1);
        bit
    })
}
