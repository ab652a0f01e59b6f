//! Derivatives on small registers: one call forward, which keeps every layer, and one back, which reads all that is asked for.

use super::derivative::{Contribution, Probe, Reads, Weight};
use super::execute::at_least;
use super::reverse::Tape;
use super::small::Small;
use super::{Part, Plan, Shape, Stage, Sweep};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{
    self, Block, LANE_QUBITS, SMALL_SUMS, SmallAsked, SmallDiagonal, SmallLayer, SmallRead, SmallSum, SmallTape,
    SmallValues,
};

/// At most so many blocks of states are kept, and as many of tables; 64 bytes each. Few in tests, which go both ways.
const KEPT_BLOCKS: usize = if cfg!(test) { 1 << 6 } else { 1 << 17 };

/// What [`Reads`] are on a small register.
#[derive(Clone, Debug)]
pub(super) struct SmallReads {
    layers: Vec<SmallRead>,
    /// The first layer that is read.
    from: usize,
    /// What strings of Z other than single letters multiply the amplitudes with.
    strings: Vec<[f64; 4]>,
    /// How many sums there are.
    sums: usize,
    /// `derivatives[output] += weight * sums[at]`.
    numbers: Vec<Number>,
    /// Those with the weights of products, those of a product one after the other; slots are places among the sums.
    frames: Vec<Contribution>,
}

#[derive(Clone, Copy, Debug)]
struct Number {
    output: u32,
    at: u32,
    weight: f64,
}

/// A plan of one sweep over a small register that has a first layer.
pub(super) struct Steps<'a> {
    sweep: &'a Sweep,
    small: &'a Small,
    pub(super) first: &'a SmallLayer,
}

impl<'a> Steps<'a> {
    pub(super) fn rest(&self) -> &'a [SmallLayer] {
        &self.small.layers[1..]
    }

    fn len(&self) -> usize {
        self.small.layers.len()
    }

    /// Writes the tables that are made beforehand to their places among those of all layers.
    pub(super) fn write_tables(&self, level: Level, bound: &Bound, tables: &mut [Block]) {
        let blocks = tables.len() / self.len();
        for (layer, part) in self.tables() {
            part.write(level, &mut tables[layer * blocks..(layer + 1) * blocks], bound, 0);
        }
    }

    /// The layers whose diagonal operators need tables that are made beforehand.
    fn tables(&self) -> impl Iterator<Item = (usize, &Part)> {
        let first = matches!(self.first.diagonal, SmallDiagonal::Table(_)).then_some(0);
        let back = self.sweep.start.as_ref().and_then(|start| start.back.first());
        first.into_iter().chain(self.small.tables.iter().copied().filter(|&layer| layer > 0)).filter_map(move |layer| {
            let part = layer.checked_sub(1).map_or(back, |part| self.sweep.parts.get(part));
            part.map(|part| (layer, part))
        })
    }
}

impl SmallReads {
    /// `None` if the plan is not one for small registers, or so deep that its states would not fit. `probes` has the matrix element of
    /// each slot, and `start` and `rest` the slots of each layer.
    pub(super) fn new(plan: &Plan, probes: &[Probe], reads: &Reads, contributions: &[Contribution]) -> Option<Self> {
        let steps = plan.small_steps()?;
        let span = steps.sweep.start.as_ref()?.diagonal.doublings.len() + LANE_QUBITS;
        let (blocks, count) = (1 << (span - LANE_QUBITS), steps.len());
        let [first] = reads.of_start() else { return None };
        let parts = std::iter::once(first).chain(reads.of_stage(0));
        if count * blocks > KEPT_BLOCKS {
            return None;
        }
        let mut places = vec![0; probes.len()];
        let (mut layers, mut strings) = (Vec::with_capacity(count), Vec::new());
        for (index, part) in parts.enumerate() {
            let before = strings.len() / blocks;
            let mut read = SmallRead { any: !part.is_empty(), flips: false, strings: before..before };
            for slot in part.slots() {
                let at = match probes[slot] {
                    Probe::X(qubit) => {
                        read.flips = true;
                        SmallSum::X(qubit).place()
                    }
                    Probe::Y(qubit) => SmallSum::Y(qubit).place(),
                    Probe::Z { local, controls: 0, .. } if local.is_power_of_two() => {
                        SmallSum::Z(local.trailing_zeros() as usize).place()
                    }
                    Probe::Z { local, controls, .. } => {
                        let factor = |amplitude: usize| match amplitude & controls == controls {
                            true if (amplitude & local).count_ones() % 2 == 1 => -1.0,
                            true => 1.0,
                            false => 0.0,
                        };
                        let block = |block: usize| std::array::from_fn(|lane| factor(block << LANE_QUBITS | lane));
                        strings.extend((0..blocks).map(block));
                        read.strings.end += 1;
                        places[slot] = count * SMALL_SUMS + read.strings.end - 1;
                        continue;
                    }
                };
                places[slot] = index * SMALL_SUMS + at;
            }
            layers.push(read);
        }
        let (mut numbers, mut frames) = (Vec::new(), Vec::new());
        for contribution in contributions {
            let &Contribution { output, slot, weight } = contribution;
            match weight {
                Weight::Number(weight) => {
                    numbers.push(Number { output: output as u32, at: places[slot] as u32, weight });
                }
                Weight::Frame { .. } => frames.push(Contribution { slot: places[slot], ..*contribution }),
            }
        }
        frames.sort_by_key(|frame| frame.weight.frame().map(|(product, element, _)| (product, element)));
        let from = layers.iter().position(|read| read.any).unwrap_or(count);
        let sums = count * SMALL_SUMS + strings.len() / blocks;
        Some(Self { layers, from, strings, sums, numbers, frames })
    }

    /// Whether any `X` is read.
    pub(super) fn has_flips(&self) -> bool {
        self.layers.iter().any(|read| read.flips)
    }

    /// How many sums there are.
    pub(super) fn sums(&self) -> usize {
        self.sums
    }

    pub(super) fn asked(&self) -> SmallAsked<'_> {
        SmallAsked { layers: &self.layers, from: self.from, strings: &self.strings }
    }

    /// Adds what the sums make of each derivative.
    pub(super) fn derivatives(&self, plan: &Plan, bound: &Bound, sums: &[f64], out: &mut [f64]) {
        for &Number { output, at, weight } in &self.numbers {
            out[output as usize] += weight * sums[at as usize];
        }
        let (mut known, mut frame) = (None, [0.0; 3]);
        for contribution in &self.frames {
            let Some((product, element, axis)) = contribution.weight.frame() else { continue };
            if known != Some((product, element)) {
                frame = bound.frame(&plan.recipes, product, element, 0);
                known = Some((product, element));
            }
            out[contribution.output] += frame[axis] * sums[contribution.slot];
        }
    }
}

impl Weight {
    /// Product, element and axis.
    fn frame(&self) -> Option<(usize, usize, usize)> {
        match *self {
            Self::Number(_) => None,
            Self::Frame { product, element, axis } => Some((product as usize, element as usize, usize::from(axis))),
        }
    }
}

impl Plan {
    pub(super) fn small_steps(&self) -> Option<Steps<'_>> {
        let [Stage::Sweep(sweep @ Sweep { shape: Shape::Whole, small: Some(small), .. })] = self.stages.as_slice()
        else {
            return None;
        };
        Some(Steps { sweep, small, first: small.first.as_ref()? })
    }

    /// As [`Plan::forward_stored`] on a small register.
    pub(super) fn forward_small(&self, level: Level, state: &mut [Block], bound: &Bound, tape: &mut Tape) {
        let Some(steps) = self.small_steps() else { return };
        let blocks = state.len();
        let stored = at_least(&mut tape.stored, steps.len() * blocks);
        let tables = at_least(&mut tape.tables, steps.len() * blocks);
        steps.write_tables(level, bound, tables);
        let (tans, scales) = (bound.tan.as_slice(), bound.scales());
        let values = SmallValues { tans, values: bound.values(), scales, start: bound.phase(), tables: &[] };
        kernel::small_forward(level, state, steps.first, steps.rest(), values, stored, tables);
    }

    /// As [`Plan::backward_stored`] after [`Plan::forward_small`].
    pub(super) fn backward_small(
        &self,
        level: Level,
        bra: &[Block],
        bound: &Bound,
        reads: &SmallReads,
        tape: &mut Tape,
        out: &mut [f64],
    ) {
        let Some(steps) = self.small_steps() else { return };
        let Tape { stored, tables, values, .. } = tape;
        if values.len() < reads.sums {
            values.resize(reads.sums, 0.0);
        }
        let sums = &mut values[..reads.sums];
        let tape = SmallTape { first: steps.first, rest: steps.rest(), stored, tables, tans: &bound.tan };
        kernel::small_backward(level, bra, tape, reads.asked(), sums);
        reads.derivatives(self, bound, sums, out);
    }
}
