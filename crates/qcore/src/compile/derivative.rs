//! How derivatives are read off a plan.
//!
//! With `psi` the state and `lambda` the observable's `H psi` pulled back to the same place, the derivative of `<psi|H|psi>` by the
//! angle of a rotation is the sum of `2 Im <lambda|G|psi>` over the places of the plan where the angle occurs, `G` being what
//! generates it there (T. Jones and J. Gacon, arXiv 2009.02823). In a layer these places are its real rotations (`Y / 2`), its
//! diagonal operator (products of `Z`, projectors), and products of one-qubit gates that were multiplied out, whose generator
//! is `n . sigma / 2` with a unit vector `n` that depends on the binding. All of them are sums of matrix elements
//! `Im <lambda|P|psi>` between the rotations and the diagonal operator of the layer: [`Probe`]s.

use super::early::Early;
use super::schedule::{Element, Factor, Layer, Turn, bits};
use super::small_reverse::SmallReads;
use super::tiles::Span;
use super::values::Bound;
use super::{Part, Plan, Stage};

/// A matrix element `Im <lambda|P|psi>` behind the rotations and before the diagonal operator of a layer. Qubits are positions in
/// the register of a tile, lanes first; those beyond the tile are outer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Probe {
    X(usize),
    Y(usize),
    /// `Z` on the qubits of `local` and `outer`, where the controls are 1.
    Z {
        local: usize,
        outer: u64,
        controls: usize,
        outer_controls: u64,
    },
}

/// What a matrix element is multiplied with in a derivative.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weight {
    Number(f64),
    /// Component `axis` of the vector of an element of a product.
    Frame {
        product: u32,
        element: u32,
        axis: u8,
    },
}

/// A place where the angle of a rotation occurs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) rotation: u32,
    pub(crate) probe: Probe,
    pub(crate) weight: Weight,
}

/// A [`Source`] in terms of the qubits of the register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occurrence {
    rotation: u32,
    letter: Letter,
    weight: Weight,
    /// The qubits of the factor that it belongs to.
    reach: u64,
}

#[derive(Clone, Copy, Debug)]
enum Letter {
    X(usize),
    Y(usize),
    Z { z: u64, controls: u64 },
}

impl Occurrence {
    /// The qubits of the rotation or factor that it belongs to.
    pub(super) fn reach(&self) -> u64 {
        self.reach
    }

    pub(super) fn on(&self, span: &Span) -> Source {
        let at = |qubit| span.position(qubit).expect("a tile reads rotations of its own qubits");
        let probe = match self.letter {
            Letter::X(qubit) => Probe::X(at(qubit)),
            Letter::Y(qubit) => Probe::Y(at(qubit)),
            Letter::Z { z, controls } => {
                let ((outer, local), (outer_controls, controls)) = (span.local(z), span.local(controls));
                Probe::Z { local, outer, controls, outer_controls }
            }
        };
        Source { rotation: self.rotation, probe, weight: self.weight }
    }
}

/// The places of a layer where angles of rotations occur.
pub(super) fn occurrences(layer: &Layer, products: &[Vec<Element>]) -> Vec<Occurrence> {
    let mut all = Vec::with_capacity(layer.turns.len() + layer.phases.len());
    let mut add = |rotation: usize, letter: Letter, weight, reach| {
        all.push(Occurrence { rotation: rotation as u32, letter, weight, reach });
    };
    let z_on = |qubit: usize| Letter::Z { z: 1 << qubit, controls: 0 };
    for &(qubit, turn) in &layer.turns {
        match turn {
            Turn::Fixed { .. } => {}
            Turn::Rotation(rotation) => add(rotation, Letter::Y(qubit), Weight::Number(1.0), 1 << qubit),
            Turn::Product(product) => {
                for (element, part) in products[product].iter().enumerate() {
                    let Some(rotation) = part.rotation() else { continue };
                    for (axis, letter) in [Letter::X(qubit), Letter::Y(qubit), z_on(qubit)].into_iter().enumerate() {
                        let frame =
                            Weight::Frame { product: product as u32, element: element as u32, axis: axis as u8 };
                        add(rotation, letter, frame, 1 << qubit);
                    }
                }
            }
        }
    }
    for (qubit, factors) in layer.phases.iter().enumerate() {
        for factor in factors {
            if let Some((rotation, rate)) = factor.rate() {
                // e^{i rate theta n} with n = (1 - Z) / 2: G = rate Z / 2 up to a number.
                add(rotation, z_on(qubit), Weight::Number(rate), 1 << qubit);
            }
        }
    }
    for &(mask, factor) in &layer.terms {
        let Some((rotation, rate)) = factor.rate() else { continue };
        if mask.count_ones() == 2 {
            // n_a n_b = (1 - Z_a - Z_b + Z_a Z_b) / 4
            for qubit in bits(mask) {
                add(rotation, z_on(qubit), Weight::Number(0.5 * rate), mask);
            }
            add(rotation, Letter::Z { z: mask, controls: 0 }, Weight::Number(-0.5 * rate), mask);
        } else {
            add(rotation, Letter::Z { z: 0, controls: mask }, Weight::Number(-2.0 * rate), mask);
        }
    }
    for parity in &layer.parities {
        let letter = Letter::Z { z: parity.z, controls: parity.controls };
        add(parity.rotation, letter, Weight::Number(1.0), parity.z | parity.controls);
    }
    all
}

impl Factor {
    /// The rotation and the `r` of a factor `e^{i r theta}`, if it has an angle of its own.
    pub(super) fn rate(&self) -> Option<(usize, f64)> {
        match *self {
            Self::Phase(rotation) => Some((rotation, 1.0)),
            Self::PhaseConjSquare(rotation) => Some((rotation, -2.0)),
            Self::HalfConj(rotation) => Some((rotation, -0.5)),
            // Those of a product are read by its frame.
            Self::Constant(_) | Self::Before(_) | Self::After(_) => None,
        }
    }
}

impl Element {
    /// The rotation that it is, if it is one.
    pub(super) fn rotation(&self) -> Option<usize> {
        match self {
            Self::RotateX(rotation) | Self::RotateY(rotation) => Some(*rotation),
            Self::Diagonal(factor) => factor.rate().map(|(rotation, _)| rotation),
            Self::Fixed(_) => None,
        }
    }

    /// The axis of its generator `w sigma / 2`, and `w`.
    pub(super) fn axis(&self) -> (usize, f64) {
        match self {
            Self::RotateX(_) => (0, 1.0),
            Self::RotateY(_) => (1, 1.0),
            Self::Diagonal(factor) => (2, factor.rate().map_or(0.0, |(_, rate)| rate)),
            Self::Fixed(_) => (2, 0.0),
        }
    }
}

/// A matrix element that is wanted, and where its value goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) probe: Probe,
    pub(crate) slot: usize,
}

/// Where the passes of a part leave the sum for a `Z` on one qubit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fold {
    /// Among the rows of the first pass.
    Row(usize),
    /// Among the other bits of the block index.
    Rest(usize),
    Lane(usize),
    /// An outer qubit: the sum over the tile.
    Whole,
}

/// What is read in a part.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartReads {
    /// `Y`: the pass, the place among its sums, the slot; sorted.
    pub(crate) turns: Vec<(usize, usize, usize)>,
    /// `Z` on one qubit: the place, the outer qubits that decide the sign, the slot.
    pub(crate) folds: Vec<(Fold, u64, usize)>,
    /// Everything else, one by one.
    pub(crate) others: Vec<Read>,
}

impl PartReads {
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.folds.is_empty() && self.others.is_empty()
    }

    /// The slots, which are consecutive numbers: first and count.
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> {
        let turns = self.turns.iter().map(|turn| turn.2);
        turns.chain(self.folds.iter().map(|fold| fold.2)).chain(self.others.iter().map(|read| read.slot))
    }

    fn add(&mut self, part: &Part, lanes: usize, read: Read) {
        match read.probe {
            Probe::Y(position) => match part.place(position, lanes) {
                Some((pass, place)) => self.turns.push((pass, place, read.slot)),
                None => self.others.push(read),
            },
            Probe::Z { local, outer, controls: 0, outer_controls: 0 } if local.count_ones() <= 1 => {
                let fold = match (local != 0).then(|| local.trailing_zeros() as usize) {
                    None => Fold::Whole,
                    Some(lane) if lane < lanes => Fold::Lane(lane),
                    Some(position) => {
                        let (bit, rows) = (position - lanes, part.first_rows());
                        let before = rows.iter().filter(|&&row| (row as usize) < bit).count();
                        rows.iter().position(|&row| row as usize == bit).map_or(Fold::Rest(bit - before), Fold::Row)
                    }
                };
                self.folds.push((fold, outer, read.slot));
            }
            _ => self.others.push(read),
        }
    }
}

impl Part {
    /// The bits of the block index that the first pass rotates.
    pub(crate) fn first_rows(&self) -> &[u32] {
        self.passes.first().map_or(&[], |pass| &pass.bits[..pass.rows])
    }

    /// The pass that rotates a position, and the place of its qubit there: rows, then lanes.
    fn place(&self, position: usize, lanes: usize) -> Option<(usize, usize)> {
        if position < lanes {
            return self.passes.iter().position(|pass| pass.lanes).map(|pass| (pass, 3 + position));
        }
        let bit = (position - lanes) as u32;
        self.passes.iter().enumerate().find_map(|(index, pass)| {
            pass.bits[..pass.rows].iter().position(|&row| row == bit).map(|place| (index, place))
        })
    }
}

/// `derivatives[output] += weight * values[slot]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contribution {
    pub(super) output: usize,
    pub(super) slot: usize,
    pub(super) weight: Weight,
}

/// The matrix elements from which the derivatives by some rotations follow.
#[derive(Clone, Debug)]
pub(crate) struct Reads {
    /// Per stage of the plan and part of its sweep.
    stages: Vec<Vec<PartReads>>,
    /// Per part of the first layer.
    start: Vec<PartReads>,
    /// Number of values.
    slots: usize,
    contributions: Vec<Contribution>,
    /// The first stage and part where something is read; nothing before it has to be undone.
    first: Option<(usize, usize)>,
    /// The same on a small register.
    small: Option<SmallReads>,
    /// The same for one derivative by an angle of the first layer, if the state is one tile.
    early: Option<Early>,
}

impl Reads {
    /// What has to be read for the derivatives by `rotations`, in this order; a rotation may occur once.
    pub(crate) fn new(plan: &Plan, count: usize, rotations: &[usize]) -> Self {
        let mut outputs = vec![None; count];
        for (output, &rotation) in rotations.iter().enumerate() {
            outputs[rotation] = Some(output);
        }
        let mut reads = Self {
            stages: Vec::new(),
            start: Vec::new(),
            slots: 0,
            contributions: Vec::new(),
            first: None,
            small: None,
            early: None,
        };
        let mut probes = Vec::new();
        for stage in &plan.stages {
            let parts = match stage {
                Stage::Step(_) => Vec::new(),
                Stage::Sweep(sweep) => {
                    if let Some(start) = &sweep.start {
                        reads.start =
                            start.back.iter().map(|part| reads.part(part, plan.lanes, &outputs, &mut probes)).collect();
                    }
                    sweep.parts.iter().map(|part| reads.part(part, plan.lanes, &outputs, &mut probes)).collect()
                }
            };
            reads.stages.push(parts);
        }
        reads.first = reads
            .stages
            .iter()
            .enumerate()
            .find_map(|(stage, parts)| parts.iter().position(|reads| !reads.is_empty()).map(|part| (stage, part)));
        reads.small = SmallReads::new(plan, &probes, &reads, &reads.contributions);
        if rotations.len() == 1 && reads.first.is_none() && reads.start.len() == 1 && reads.small.is_none() {
            reads.early = Early::new(&probes, &reads.contributions);
        }
        reads
    }

    /// What to read in a part; adds the matrix element of each slot to `probes`.
    fn part(&mut self, part: &Part, lanes: usize, outputs: &[Option<usize>], probes: &mut Vec<Probe>) -> PartReads {
        let mut wanted: Vec<(Probe, usize, Weight)> = part
            .sources
            .iter()
            .filter_map(|source| outputs[source.rotation as usize].map(|output| (source.probe, output, source.weight)))
            .collect();
        wanted.sort_by_key(|&(probe, output, _)| (probe, output));
        let mut reads = PartReads::default();
        for of_probe in wanted.chunk_by(|a, b| a.0 == b.0) {
            let before = self.contributions.len();
            for of_output in of_probe.chunk_by(|a, b| a.1 == b.1) {
                let (mut sum, output) = (0.0, of_output[0].1);
                for &(_, _, weight) in of_output {
                    match weight {
                        Weight::Number(number) => sum += number,
                        frame @ Weight::Frame { .. } => {
                            self.contributions.push(Contribution { output, slot: self.slots, weight: frame });
                        }
                    }
                }
                // The qubits of a rotation about ZZ cancel.
                if sum != 0.0 {
                    self.contributions.push(Contribution { output, slot: self.slots, weight: Weight::Number(sum) });
                }
            }
            if self.contributions.len() > before {
                reads.add(part, lanes, Read { probe: of_probe[0].0, slot: self.slots });
                probes.push(of_probe[0].0);
                self.slots += 1;
            }
        }
        reads.turns.sort_unstable();
        reads
    }

    /// Whether the first layer is read.
    pub(crate) fn reach_start(&self) -> bool {
        self.start.iter().any(|reads| !reads.is_empty())
    }

    /// The first stage and part behind the first layer that is read.
    pub(crate) fn first(&self) -> Option<(usize, usize)> {
        self.first
    }

    /// What to read in the parts of a sweep.
    pub(crate) fn of_stage(&self, stage: usize) -> &[PartReads] {
        &self.stages[stage]
    }

    /// What to read in the parts of the first layer.
    pub(crate) fn of_start(&self) -> &[PartReads] {
        &self.start
    }

    /// The same on a small register.
    pub(super) fn small(&self) -> Option<&SmallReads> {
        self.small.as_ref()
    }

    /// The generator, if there is one derivative by an angle of the first layer.
    pub(super) fn early(&self) -> Option<&Early> {
        self.early.as_ref()
    }

    /// How many matrix elements there are.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Adds what the values of the matrix elements of member `member` of a binding make of each derivative.
    pub(crate) fn derivatives(&self, plan: &Plan, bound: &Bound, member: usize, values: &[f64], out: &mut [f64]) {
        let (mut known, mut frame) = (None, [0.0; 3]);
        for contribution in &self.contributions {
            let weight = match contribution.weight {
                Weight::Number(number) => number,
                Weight::Frame { product, element, axis } => {
                    if known != Some((product, element)) {
                        frame = bound.frame(&plan.recipes, product as usize, element as usize, member);
                        known = Some((product, element));
                    }
                    frame[usize::from(axis)]
                }
            };
            out[contribution.output] += weight * values[contribution.slot];
        }
    }

    /// As [`Reads::derivatives`] for four members at once, of a plan without products.
    pub(crate) fn derivatives_of_lanes(&self, values: &[[f64; 4]], out: &mut [[f64; 4]]) {
        for contribution in &self.contributions {
            let Weight::Number(weight) = contribution.weight else {
                unreachable!("a plan without products has no frames")
            };
            let value = &values[contribution.slot];
            out[contribution.output].iter_mut().zip(value).for_each(|(out, value)| *out += weight * value);
        }
    }
}
