//! Plans: a program as few sweeps over the state instead of one per gate.
//!
//! [`schedule`] turns the steps of a program into layers of real one-qubit rotations and diagonal operators. A state that fits
//! into the cache is one tile and takes all layers one after the other. A larger one is cut twice: into runs of its low qubits,
//! and into columns of its high qubits (gathered into a buffer), and each sweep over these tiles ends one layer and begins the
//! next. In a tile, rotations are done three qubits at a time and every diagonal operator is a table. Where few gates meet the cut
//! between low and high qubits, the first sweeps are replaced by a sum of products: see [`opening`]. [`runs`] finds gates that move basis
//! states and would be many layers: they become one map behind a layer.

mod batch;
mod derivative;
mod early;
mod execute;
mod linear;
mod moves;
mod opening;
mod recipes;
mod reverse;
mod runs;
mod schedule;
mod shared;
mod small;
mod small_reverse;
mod small_tangent;
mod sweeps;
mod tangent;
#[cfg(test)]
mod tests;
mod tiles;
mod values;
mod walks;

use num_complex::Complex64;

pub(crate) use batch::{BatchGroup, BatchPlan, BatchReads, BatchShared, Place};
pub(crate) use derivative::Reads;
pub(crate) use execute::{Scratch, join, threads};
pub(crate) use recipes::Recipes;
pub(crate) use reverse::Tape;
pub(crate) use shared::{Members, Places, Tables};
pub(crate) use tangent::{TangentMemory, TangentPlan};
pub(crate) use values::Bound;

use crate::kernel::{COLUMN_BLOCKS, Diagonal, LANE_QUBITS, Pass};
use crate::program::{Rotation, RotationGenerator, Step, without_swaps};
use derivative::{Occurrence, Source};
use linear::LinearMap;
use moves::TileMap;
use opening::Opening;
use schedule::{Factor, Layer, Schedule, Segment, bits};
use small::Small;
use sweeps::{Course, Halves};
use tiles::Span;
use walks::{CHUNK_BITS, Walks};

/// States of more qubits are cut into tiles.
pub(crate) const WHOLE_QUBITS: usize = 13;

/// At most so many outer qubits have their tables made once for all tiles.
const CLASS_QUBITS: u32 = 3;

/// A compiled program.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Lanes of a block that are qubits: 2, or 0 in a batch.
    lanes: usize,
    stages: Vec<Stage>,
    /// What runs take instead of the first stages.
    opening: Option<Opening>,
    pub(crate) recipes: Recipes,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly every stage is a sweep")]
enum Stage {
    Sweep(Sweep),
    /// A step of the program that no layer can hold.
    Step(usize),
}

/// The qubits of the rows into which a state is cut, if it is: a row and its tables stay in the second-level cache.
fn rows(qubits: usize) -> Option<usize> {
    let rows = match qubits {
        ..=17 => (qubits + 6).div_ceil(2),
        18..=20 => 13,
        _ => 14.max(qubits / 2),
    };
    (qubits > WHOLE_QUBITS).then_some(rows)
}

/// How a state is cut into tiles.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Whole,
    /// Runs of `2^qubits` amplitudes.
    Rows {
        qubits: usize,
    },
    /// All rows of `2^qubits` amplitudes, `width` blocks of each.
    Columns {
        qubits: usize,
        width: usize,
    },
}

/// Blocks of a row in a tile of so many rows: the tile fits into the first-level cache, if that is possible at all.
fn tile_width(rows: usize) -> usize {
    ((1 << CHUNK_BITS) / rows).clamp(4, COLUMN_BLOCKS)
}

/// One walk over all tiles.
#[derive(Clone, Debug)]
struct Sweep {
    shape: Shape,
    /// The product state that the first layer makes of `|0...0>`, if this sweep begins with it.
    start: Option<Start>,
    parts: Vec<Part>,
    /// How a single state takes them.
    walks: Walks,
    /// How a small state takes them.
    small: Option<Small>,
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

/// Rotations, then a diagonal operator, then a map of basis states.
#[derive(Clone, Debug, Default)]
struct Part {
    passes: Vec<Pass>,
    diagonal: Option<Diagonal>,
    scale: Option<usize>,
    /// The outer qubits that the diagonal operator depends on.
    outer: u64,
    /// How many of the lowest bits of the block index it does not depend on.
    spread: u32,
    /// How many of the lowest bits of the block index it depends on at most; its table may end there.
    reach: u32,
    /// The scale that both states of a backward pass have once the diagonal operator is undone.
    pair: Option<usize>,
    /// Which derivatives are read here.
    sources: Vec<Source>,
    /// What moves the amplitudes of a tile behind the diagonal operator.
    map: Option<Box<TileMap>>,
}

/// What a plan may do.
#[derive(Clone, Copy, Debug)]
struct Options {
    /// Multiply one-qubit rotations out with other gates.
    merge: bool,
    /// Move basis states.
    maps: Maps,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maps {
    None,
    /// Where that is less work.
    Chosen,
    /// In this order of the units, whatever the work.
    #[cfg(test)]
    Order(usize),
}

impl Plan {
    pub(crate) fn new(qubits: usize, steps: &[Step], rotations: &[Rotation], lanes: usize) -> Self {
        let options = Options { merge: true, maps: Maps::Chosen };
        Self::scheduled(qubits, steps, rotations, lanes, options, rows(qubits))
    }

    /// As [`Plan::new`], with a layer for every one-qubit rotation: none is multiplied out with other gates; with maps of basis states only
    /// if `maps` says so.
    pub(crate) fn unmerged(qubits: usize, steps: &[Step], rotations: &[Rotation], lanes: usize, maps: bool) -> Self {
        Self::scheduled(
            qubits,
            steps,
            rotations,
            lanes,
            Options { merge: false, maps: if maps { Maps::Chosen } else { Maps::None } },
            rows(qubits),
        )
    }

    /// As [`Plan::new`], for a state that is cut into rows of so many qubits whatever its size, and moved in one of the orders that there are.
    #[cfg(test)]
    pub(crate) fn in_rows(
        qubits: usize,
        steps: &[Step],
        rotations: &[Rotation],
        row: usize,
        order: Option<usize>,
    ) -> Self {
        let options = Options { merge: true, maps: order.map_or(Maps::Chosen, Maps::Order) };
        Self::scheduled(qubits, steps, rotations, LANE_QUBITS, options, Some(row))
    }

    fn scheduled(
        qubits: usize,
        steps: &[Step],
        rotations: &[Rotation],
        lanes: usize,
        Options { merge, maps }: Options,
        rows: Option<usize>,
    ) -> Self {
        let moved = without_swaps(qubits, steps, rotations);
        let (steps, rotations) = moved.as_ref().map_or((steps, rotations), |(steps, rotations)| (steps, rotations));
        let rows = rows.filter(|_| lanes > 0);
        let orders = if maps == Maps::None { Vec::new() } else { runs::found(qubits, steps, rotations, rows) };
        let schedules = std::iter::once(None).chain(orders.iter().map(|units| Some(units.as_slice())));
        let mut schedules = schedules.map(|units| schedule::schedule(qubits, steps, rotations, merge, units));
        let planned = |schedule: &Schedule| Self::of_schedule(qubits, rotations, lanes, rows, schedule);
        // Lines of gates overlap where layers follow each other, so what is less work is seen behind the schedule only; for states that are
        // cut behind the plan, while groups and single states of one tile must have the same one.
        #[cfg(test)]
        if let Maps::Order(order) = maps {
            let known: Vec<Schedule> = schedules.collect();
            return planned(&known[(1 + order).min(known.len() - 1)]);
        }
        let best = match rows {
            _ if orders.is_empty() => schedules.next().as_ref().map(planned),
            None => schedules.min_by_key(Schedule::work).as_ref().map(planned),
            Some(_) => schedules.map(|schedule| planned(&schedule)).min_by_key(|plan| plan.work(qubits)),
        };
        best.expect("there is one schedule at least")
    }

    fn of_schedule(
        qubits: usize,
        rotations: &[Rotation],
        lanes: usize,
        rows: Option<usize>,
        schedule: &Schedule,
    ) -> Self {
        let whole_angles = (0..rotations.len())
            .filter(|&k| matches!(rotations[k].generator(), RotationGenerator::Phase { .. }))
            .collect();
        let mut planner = Planner {
            qubits,
            lanes,
            rows,
            one: 0,
            minus_one: 0,
            zero: 0,
            stages: Vec::new(),
            opening: None,
            recipes: Recipes::new(rotations.len(), whole_angles, schedule),
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
        Self { lanes, stages: planner.stages, opening: planner.opening, recipes: planner.recipes }
    }

    /// What it takes to run it on a state that is cut, about: in passes over the state within the cache.
    fn work(&self, qubits: usize) -> usize {
        let far = if qubits < 22 { 1 } else { 2 };
        let of_part = |part: &Part| {
            let walks = part.passes.len().max(usize::from(part.diagonal.is_some()));
            walks + usize::from(part.map.is_some())
        };
        let of_sweep = |sweep: &Sweep| {
            let memory = if matches!(sweep.shape, Shape::Columns { .. }) { 3 } else { 1 };
            far * memory + sweep.parts.iter().map(of_part).sum::<usize>()
        };
        let of_stage = |stage: &Stage| match stage {
            Stage::Step(_) => 4 * far,
            Stage::Sweep(sweep) => of_sweep(sweep),
        };
        // Every product of an opening takes about half of a pass.
        let of_opening = |opening: &Opening| opening.rank() / 2 + of_sweep(&opening.sweep);
        let opened = self.opening.as_ref().map_or(0, |opening| opening.stages);
        self.opening.as_ref().map_or(0, of_opening) + self.stages.iter().skip(opened).map(of_stage).sum::<usize>()
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
    map: Option<LinearMap>,
}

impl Numbered {
    /// The qubits outside of `mask` that its diagonal operator has factors on which they share with qubits of `mask`.
    fn across(&self, mask: u64) -> u64 {
        let reach = self.terms.iter().map(|term| term.0).chain(self.parities.iter().map(|(p, _)| p.z | p.controls));
        reach.filter(|on| on & mask != 0).fold(0, |all, on| all | on) & !mask
    }

    /// The qubits that it rotates.
    fn turned(&self) -> u64 {
        self.turns.iter().fold(0, |all, &(qubit, _)| all | 1 << qubit)
    }

    /// Whether it does anything to qubits of `mask` alone; `one` is the index of the value 1.
    fn acts_on(&self, mask: u64, one: u32) -> bool {
        let within = |on: u64| on & !mask == 0;
        self.turned() & mask != 0
            || bits(mask).any(|qubit| self.phases[qubit] != one)
            || self.terms.iter().any(|&(on, _)| within(on))
            || self.parities.iter().any(|(parity, _)| within(parity.z | parity.controls))
    }
}

/// Which cosines the diagonal operator of a part brings along.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scaled {
    Nothing,
    /// Those of the rotations of the part.
    Own,
    /// Those of the whole layer.
    Layer,
}

struct Planner {
    qubits: usize,
    lanes: usize,
    /// The qubits of a row, if the state is cut.
    rows: Option<usize>,
    one: u32,
    minus_one: u32,
    zero: u32,
    stages: Vec<Stage>,
    opening: Option<Opening>,
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
            map: layer.map.clone(),
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
                    map: None,
                });
            }
            let layer = layers.remove(0);
            let factors = self.start_factors(&layer);
            (layer, factors)
        });
        let Some(low_qubits) = self.rows else {
            let span = Span::new(0..self.qubits, self.lanes);
            let all = |_: u64| true;
            let mut parts = Vec::with_capacity(layers.len());
            let start = start.map(|(layer, factors)| {
                let back = self.part(&span, &layer, all, Scaled::Layer);
                layer.map.iter().for_each(|map| moves::append(&mut parts, &span, map));
                self.start(&span, (&layer, &factors), back.into_iter().collect())
            });
            for layer in &layers {
                parts.extend(self.part(&span, layer, all, Scaled::Layer));
                layer.map.iter().for_each(|map| moves::append(&mut parts, &span, map));
            }
            let mut sweep = Sweep::new(Shape::Whole, start, parts, &span);
            sweep.small = Small::new(&sweep, &span, self.recipes.no_turn(), self.minus_one);
            self.stages.push(Stage::Sweep(sweep));
            return;
        };
        let width = tile_width(1 << (self.qubits - low_qubits));
        let low_mask = (1_u64 << low_qubits) - 1;
        let rows = Span::new(0..low_qubits, LANE_QUBITS);
        let of_columns = (0..LANE_QUBITS + width.ilog2() as usize).chain(low_qubits..self.qubits);
        let columns = Span::new(of_columns, LANE_QUBITS);
        let map_of_start = start.as_ref().and_then(|(layer, _)| layer.map.clone());
        let mut opening = start.as_ref().and_then(|(layer, factors)| self.opening((layer, factors), &layers, &rows));
        let start = start.map(|(layer, factors)| {
            // Nothing is left to undo behind them, so both halves see the state without a scale.
            let halves = [
                self.part(&rows, &layer, |mask| mask & low_mask != 0, Scaled::Nothing),
                self.part(&columns, &layer, |mask| mask & low_mask == 0, Scaled::Nothing),
            ];
            let back = halves.map(|half| Part { pair: None, ..half.unwrap_or_default() });
            self.start(&rows, (&layer, &factors), back.into())
        });
        let shapes =
            [(Shape::Rows { qubits: low_qubits }, &rows), (Shape::Columns { qubits: low_qubits, width }, &columns)];
        let mut halves = Halves::new(shapes, Course::new(low_mask, self.qubits), start);
        if let Some(map) = map_of_start {
            halves.map(self, &map);
        }
        for (index, layer) in layers.iter().enumerate() {
            if let Some((opening, _)) = opening.take_if(|(_, covered)| *covered == index) {
                halves.open(self, opening, &layers[index - 1]);
            }
            halves.layer(self, layer);
        }
        if let (Some((opening, _)), Some(last)) = (opening, layers.last()) {
            halves.open(self, opening, last);
        }
        halves.finish(self);
    }

    /// The product state after a first layer: every amplitude is a product of tangents and phases.
    fn start(&mut self, span: &Span, (layer, factors): (&Numbered, &[u32]), back: Vec<Part>) -> Start {
        let no_turn = self.recipes.no_turn();
        let mut tangents = vec![no_turn; self.qubits];
        layer.turns.iter().for_each(|&(qubit, tan)| tangents[qubit] = tan);
        let inside = span.mask();
        let outside = (0..self.qubits).filter(|&q| inside >> q & 1 == 0).map(|q| (1_u64 << q, factors[q]));
        let terms: Vec<(u64, u32)> = outside.chain(layer.terms.iter().copied()).collect();
        let diagonal = span.diagonal(|qubit| factors[qubit], &terms, &layer.parities, self.zero, self.minus_one);
        let bare = span.diagonal(|qubit| tangents[qubit], &[], &[], no_turn, self.minus_one);
        Start { diagonal, scale: layer.scale, bare, back }
    }

    /// The factor of an amplitude behind a first layer for every qubit that is 1.
    fn start_factors(&mut self, layer: &Numbered) -> Vec<u32> {
        let mut factors = vec![self.zero; self.qubits];
        for &(qubit, tan) in &layer.turns {
            factors[qubit] = self.recipes.start(tan, layer.phases[qubit]);
        }
        factors
    }

    /// The rotations and factors of a layer whose qubits `take` accepts.
    fn part(&mut self, span: &Span, layer: &Numbered, take: impl Fn(u64) -> bool, scaled: Scaled) -> Option<Part> {
        let turns = chosen(&layer.turns, |&(qubit, _)| take(1 << qubit));
        let terms = chosen(&layer.terms, |&(mask, _)| take(mask));
        let parities = chosen(&layer.parities, |(parity, _)| take(parity.z | parity.controls));
        let phase = |qubit: usize| if take(1 << qubit) { layer.phases[qubit] } else { self.one };
        let pair = match scaled {
            Scaled::Layer => layer.scale,
            _ => (!turns.is_empty()).then(|| self.recipes.scale(turns.iter().map(|&(_, turn)| turn).collect())),
        };
        let scale = pair.filter(|_| scaled != Scaled::Nothing);
        let trivial = span.qubits.iter().all(|&qubit| phase(qubit) == self.one)
            && terms.is_empty()
            && parities.is_empty()
            && scale.is_none();
        if trivial && turns.is_empty() {
            return None;
        }
        let inside = span.mask();
        let reach = terms.iter().map(|&(mask, _)| mask).chain(parities.iter().map(|(p, _)| p.z | p.controls));
        let diagonal = (!trivial).then(|| span.diagonal(phase, &terms, &parities, self.one, self.minus_one));
        let mut sources = Vec::with_capacity(layer.occurrences.len());
        sources.extend(layer.occurrences.iter().filter(|o| take(o.reach())).map(|o| o.on(span)));
        let used = diagonal.as_ref().map_or(0, |diagonal| diagonal.used(self.one));
        Some(Part {
            pair,
            sources,
            passes: span.passes(&turns, self.recipes.no_turn()),
            spread: used.trailing_zeros().min(walks::chunk_bits(span.block_bits()) as u32),
            reach: usize::BITS - used.leading_zeros(),
            diagonal,
            scale,
            outer: reach.fold(0, |all, mask| all | mask) & !inside,
            map: None,
        })
    }
}

/// Those that are taken; there is room for all from the beginning.
fn chosen<T: Copy>(all: &[T], take: impl Fn(&T) -> bool) -> Vec<T> {
    let mut chosen = Vec::with_capacity(all.len());
    chosen.extend(all.iter().filter(|one| take(one)));
    chosen
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
