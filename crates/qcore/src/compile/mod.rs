//! Plans: a program as few sweeps over the state instead of one per gate.
//!
//! [`schedule`] turns the steps of a program into layers of real one-qubit rotations and diagonal operators. A state that fits
//! into the cache is one tile and takes all layers one after the other. A larger one is cut twice: into runs of its low qubits,
//! and into columns of its high qubits (gathered into a buffer), and each sweep over these tiles ends one layer and begins the
//! next. In a tile, rotations are done three qubits at a time and every diagonal operator is a table.

mod batch;
mod derivative;
mod execute;
mod reverse;
mod schedule;
mod shared;
mod tiles;
mod values;

use num_complex::Complex64;

pub(crate) use batch::{BatchGroup, BatchPlan, BatchShared};
pub(crate) use derivative::Reads;
pub(crate) use execute::{Scratch, join, threads};
pub(crate) use reverse::Tape;
pub(crate) use shared::{Members, Places, Tables};
pub(crate) use values::{Bound, Recipes};

use crate::kernel::{Diagonal, LANE_QUBITS, Pass};
use crate::program::{Rotation, RotationGenerator, Step, without_swaps};
use derivative::{Occurrence, Source};
use schedule::{Factor, Layer, Segment, bits};
use tiles::Span;

/// States of more qubits are cut into tiles.
pub(crate) const WHOLE_QUBITS: usize = 13;

/// At most so many outer qubits have their tables made once for all tiles.
const CLASS_QUBITS: u32 = 3;

/// The qubits that a column holds besides the high ones: four blocks of a row.
const COLUMN_QUBITS: usize = 6;

/// A compiled program.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Lanes of a block that are qubits: 2, or 0 in a batch.
    lanes: usize,
    stages: Vec<Stage>,
    pub(crate) recipes: Recipes,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly every stage is a sweep")]
enum Stage {
    Sweep(Sweep),
    /// A step of the program that no layer can hold.
    Step(usize),
}

/// How a state is cut into tiles.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Whole,
    /// Runs of `2^qubits` amplitudes.
    Rows {
        qubits: usize,
    },
    /// All rows of `2^qubits` amplitudes, four blocks of each.
    Columns {
        qubits: usize,
    },
}

/// One walk over all tiles.
#[derive(Clone, Debug)]
struct Sweep {
    shape: Shape,
    /// The product state that the first layer makes of `|0...0>`, if this sweep begins with it.
    start: Option<Start>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Start {
    diagonal: Diagonal,
    scale: Option<usize>,
    /// The state before the diagonal operator of the layer, over the tangents and without the scale.
    bare: Diagonal,
    /// The rest of the layer, for backward passes: in one part, or those of the rows and of the columns.
    back: Vec<Part>,
}

/// Rotations, then a diagonal operator.
#[derive(Clone, Debug, Default)]
struct Part {
    passes: Vec<Pass>,
    diagonal: Option<Diagonal>,
    scale: Option<usize>,
    /// The outer qubits that the diagonal operator depends on.
    outer: u64,
    /// The scale that both states of a backward pass have once the diagonal operator is undone.
    pair: Option<usize>,
    /// Which derivatives are read here.
    sources: Vec<Source>,
}

impl Plan {
    pub(crate) fn new(qubits: usize, steps: &[Step], rotations: &[Rotation], lanes: usize) -> Self {
        Self::scheduled(qubits, steps, rotations, lanes, true)
    }

    /// As [`Plan::new`], with a layer for every one-qubit rotation: none is multiplied out with other gates.
    pub(crate) fn unmerged(qubits: usize, steps: &[Step], rotations: &[Rotation], lanes: usize) -> Self {
        Self::scheduled(qubits, steps, rotations, lanes, false)
    }

    fn scheduled(qubits: usize, steps: &[Step], rotations: &[Rotation], lanes: usize, merge: bool) -> Self {
        let moved = without_swaps(qubits, steps, rotations);
        let (steps, rotations) = moved.as_ref().map_or((steps, rotations), |(steps, rotations)| (steps, rotations));
        let schedule = schedule::schedule(qubits, steps, rotations, merge);
        let whole_angles = (0..rotations.len())
            .filter(|&k| matches!(rotations[k].generator(), RotationGenerator::Phase { .. }))
            .collect();
        let mut planner = Planner {
            qubits,
            lanes,
            one: 0,
            minus_one: 0,
            zero: 0,
            stages: Vec::new(),
            recipes: Recipes::new(rotations.len(), whole_angles, &schedule),
        };
        planner.one = planner.recipes.constant(Complex64::new(1.0, 0.0));
        planner.minus_one = planner.recipes.constant(Complex64::new(-1.0, 0.0));
        planner.zero = planner.recipes.constant(Complex64::new(0.0, 0.0));
        for (index, segment) in schedule.segments.iter().enumerate() {
            match segment {
                Segment::Step(step) => planner.stages.push(Stage::Step(*step)),
                Segment::Layers(layers) => planner.segment(layers, &schedule.products, index == 0),
            }
        }
        Self { lanes, stages: planner.stages, recipes: planner.recipes }
    }
}

/// A layer with its values numbered.
struct Numbered {
    turns: Vec<(usize, u32)>,
    phases: Vec<u32>,
    terms: Vec<(u64, u32)>,
    parities: Vec<(schedule::ParityRotation, u32)>,
    scale: Option<usize>,
    occurrences: Vec<Occurrence>,
}

struct Planner {
    qubits: usize,
    lanes: usize,
    one: u32,
    minus_one: u32,
    zero: u32,
    stages: Vec<Stage>,
    recipes: Recipes,
}

impl Planner {
    fn number(&mut self, layer: &Layer, products: &[Vec<schedule::Element>]) -> Numbered {
        let turns: Vec<(usize, u32)> =
            layer.turns.iter().map(|&(qubit, turn)| (qubit, self.recipes.turn(turn))).collect();
        let scale = (!turns.is_empty()).then(|| self.recipes.scale(turns.iter().map(|&(_, turn)| turn).collect()));
        Numbered {
            turns,
            phases: layer.phases.iter().map(|factors| self.recipes.value(factors)).collect(),
            terms: layer.terms.iter().map(|&(mask, factor)| (mask, self.recipes.value(&[factor]))).collect(),
            parities: layer
                .parities
                .iter()
                .map(|&parity| (parity, self.recipes.value(&[Factor::HalfConj(parity.rotation)])))
                .collect(),
            scale,
            occurrences: derivative::occurrences(layer, products),
        }
    }

    fn segment(&mut self, layers: &[Layer], products: &[Vec<schedule::Element>], first: bool) {
        let mut layers: Vec<Numbered> = layers.iter().map(|layer| self.number(layer, products)).collect();
        let start = first.then(|| {
            if layers.is_empty() {
                layers.push(Numbered {
                    turns: Vec::new(),
                    phases: vec![self.one; self.qubits],
                    terms: Vec::new(),
                    parities: Vec::new(),
                    scale: None,
                    occurrences: Vec::new(),
                });
            }
            layers.remove(0)
        });
        if self.qubits <= WHOLE_QUBITS || self.lanes == 0 {
            let span = Span { qubits: (0..self.qubits).collect(), lanes: self.lanes };
            let all = |_: u64| true;
            let start = start.map(|layer| {
                let back = self.part(&span, &layer, all, true);
                self.start(&span, &layer, back.into_iter().collect())
            });
            let parts = layers.iter().filter_map(|layer| self.part(&span, layer, all, true)).collect();
            self.stages.push(Stage::Sweep(Sweep { shape: Shape::Whole, start, parts }));
            return;
        }
        let low_qubits = (self.qubits + COLUMN_QUBITS).div_ceil(2);
        let low_mask = (1_u64 << low_qubits) - 1;
        let high_mask = ((1_u64 << self.qubits) - 1) & !low_mask;
        let rows = Span { qubits: (0..low_qubits).collect(), lanes: LANE_QUBITS };
        let columns = Span { qubits: (0..COLUMN_QUBITS).chain(low_qubits..self.qubits).collect(), lanes: LANE_QUBITS };
        let mut sweep = Sweep { shape: Shape::Rows { qubits: low_qubits }, start: None, parts: Vec::new() };
        sweep.start = start.map(|layer| {
            // Nothing is left to undo behind them, so both halves see the state without a scale.
            let halves = [
                self.part(&rows, &layer, |mask| mask & low_mask != 0, false),
                self.part(&columns, &layer, |mask| mask & low_mask == 0, false),
            ];
            let back = halves.map(|half| Part { pair: None, ..half.unwrap_or_default() });
            self.start(&rows, &layer, back.into())
        });
        for (index, layer) in layers.iter().enumerate() {
            let low_first = index % 2 == 0;
            let (own, other) = if low_first { (low_mask, high_mask) } else { (high_mask, low_mask) };
            let (span, other_span) = if low_first { (&rows, &columns) } else { (&columns, &rows) };
            sweep.parts.extend(self.part(span, layer, |mask| mask & !own == 0, false));
            let shape =
                if low_first { Shape::Columns { qubits: low_qubits } } else { Shape::Rows { qubits: low_qubits } };
            let done = std::mem::replace(&mut sweep, Sweep { shape, start: None, parts: Vec::new() });
            self.push(done);
            // The second half has everything that the first one could not do.
            let _ = other;
            sweep.parts.extend(self.part(other_span, layer, |mask| mask & !own != 0, true));
        }
        self.push(sweep);
    }

    fn push(&mut self, sweep: Sweep) {
        if sweep.start.is_some() || !sweep.parts.is_empty() {
            self.stages.push(Stage::Sweep(sweep));
        }
    }

    /// The product state after a first layer: every amplitude is a product of tangents and phases.
    fn start(&mut self, span: &Span, layer: &Numbered, back: Vec<Part>) -> Start {
        let mut factors = vec![self.zero; self.qubits];
        let no_turn = self.recipes.no_turn();
        let mut tangents = vec![no_turn; self.qubits];
        for &(qubit, tan) in &layer.turns {
            factors[qubit] = self.recipes.start(tan, layer.phases[qubit]);
            tangents[qubit] = tan;
        }
        let inside = span.mask();
        let outside = (0..self.qubits).filter(|&q| inside >> q & 1 == 0).map(|q| (1_u64 << q, factors[q]));
        let terms: Vec<(u64, u32)> = outside.chain(layer.terms.iter().copied()).collect();
        let diagonal = span.diagonal(|qubit| factors[qubit], &terms, &layer.parities, self.zero, self.minus_one);
        let bare = span.diagonal(|qubit| tangents[qubit], &[], &[], no_turn, self.minus_one);
        Start { diagonal, scale: layer.scale, bare, back }
    }

    /// The rotations and factors of a layer whose qubits `take` accepts.
    fn part(&mut self, span: &Span, layer: &Numbered, take: impl Fn(u64) -> bool, scaled: bool) -> Option<Part> {
        let turns: Vec<(usize, u32)> = layer.turns.iter().copied().filter(|&(qubit, _)| take(1 << qubit)).collect();
        let terms: Vec<(u64, u32)> = layer.terms.iter().copied().filter(|&(mask, _)| take(mask)).collect();
        let parities: Vec<_> =
            layer.parities.iter().copied().filter(|(parity, _)| take(parity.z | parity.controls)).collect();
        let phase = |qubit: usize| if take(1 << qubit) { layer.phases[qubit] } else { self.one };
        let scale = layer.scale.filter(|_| scaled);
        let trivial = span.qubits.iter().all(|&qubit| phase(qubit) == self.one)
            && terms.is_empty()
            && parities.is_empty()
            && scale.is_none();
        if trivial && turns.is_empty() {
            return None;
        }
        let inside = span.mask();
        let reach = terms.iter().map(|&(mask, _)| mask).chain(parities.iter().map(|(p, _)| p.z | p.controls));
        let pair = if scaled {
            layer.scale
        } else {
            (!turns.is_empty()).then(|| self.recipes.scale(turns.iter().map(|&(_, turn)| turn).collect()))
        };
        Some(Part {
            pair,
            sources: layer.occurrences.iter().filter(|o| take(o.reach())).map(|o| o.on(span)).collect(),
            passes: span.passes(&turns, self.recipes.no_turn()),
            diagonal: (!trivial).then(|| span.diagonal(phase, &terms, &parities, self.one, self.minus_one)),
            scale,
            outer: reach.fold(0, |all, mask| all | mask) & !inside,
        })
    }
}

/// The outer indices that differ in the bits of `mask` only, in ascending order of these bits.
fn classes(mask: u64) -> impl Iterator<Item = u64> {
    let count = 1_usize << mask.count_ones();
    (0..count).map(move |class| bits(mask).enumerate().map(|(k, bit)| (class as u64 >> k & 1) << bit).sum())
}

/// The class of an outer index.
fn class_of(outer: u64, mask: u64) -> usize {
    bits(mask).enumerate().map(|(k, bit)| ((outer >> bit & 1) as usize) << k).sum()
}
