//! The beginning of a run on a large state: a sum of products of two halves, instead of one sweep per layer.
//!
//! As long as `k` controlled phases have met the cut between low and high qubits, the state is a sum of `2^k` products of a state
//! of the low and one of the high qubits: every such gate is the identity where its qubits in one half are not all 1, and a phase
//! on the other half where they are. These are the paths of a Schrödinger-Feynman simulation (S. Aaronson and L. Chen,
//! arXiv:1612.05903, section 4; I. L. Markov et al., arXiv:1807.10749), all of which are kept. The halves are small, so layer after layer of
//! them costs next to nothing, and the sum is written once, `2^(k+1)` multiply-adds per block of four amplitudes.

use super::execute::{at_least, join};
use super::tiles::Span;
use super::walks::Walks;
use super::{Numbered, Part, Planner, Scaled, Shape, Sweep};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{self, Block, Diagonal, LANE_QUBITS, RUN_BLOCKS};

/// At most so many gates across the cut: low states of 16 rows still come from the caches as fast as they are added up.
const CUT_GATES: u32 = 4;

/// Rows that are written at once take so many blocks at most: 1 MiB, which stays in the second-level cache.
const GROUP_BLOCKS: usize = 1 << 14;

/// What replaces the first sweeps of a run.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    /// How many stages it stands for.
    pub(super) stages: usize,
    /// Of the low and of the high qubits.
    halves: [Half; 2],
    /// The gates across the cut behind the first layer, the second, and so on.
    splits: Vec<Vec<Split>>,
    rank: usize,
    /// What is left to do with the rows: the gates across the cut behind the last layer, and what the next layer does with low qubits.
    pub(super) sweep: Sweep,
}

/// The layers on one half of the qubits.
#[derive(Clone, Debug)]
struct Half {
    blocks: usize,
    start: Diagonal,
    scale: Option<usize>,
    /// Those behind the first one.
    layers: Vec<Option<Part>>,
}

/// Controlled phases that share their qubits in one half.
#[derive(Clone, Debug)]
struct Split {
    /// That half, and the qubits.
    control: usize,
    mask: usize,
    /// Qubits of the other half, and the phase where they are 1.
    factors: Vec<(usize, u32)>,
}

/// What an opening needs besides the state; kept from one run to the next.
#[derive(Debug, Default)]
pub(super) struct Paths {
    states: [Vec<Block>; 2],
    table: Vec<Block>,
    /// Block after block of the low states, and row after row of the high ones.
    low: Vec<Block>,
    factors: Vec<(f64, f64)>,
}

impl Planner {
    /// The opening that saves most, with the number of layers behind the first one that it contains.
    pub(super) fn opening(
        &mut self,
        (start, factors): (&Numbered, &[u32]),
        layers: &[Numbered],
        rows: &Span,
    ) -> Option<(Opening, usize)> {
        let high = Span::new(rows.qubits.len()..self.qubits, LANE_QUBITS);
        let spans = [rows, &high];
        let mut splits = Vec::new();
        let mut best = None;
        let mut most = 0.0;
        let (mut gates, mut halves) = (0, 0.0);
        // What a layer takes per block, in multiply-adds: its rotations, and two tables.
        let of_layer = |qubits: usize| (qubits + 10) as f64;
        let share = 1.0 / (1_u64 << high.qubits.len()) as f64;
        // Whether it is the turn of the columns, and whether layers wait for one: see `Halves`.
        let (mut columns, mut waiting) = (false, false);
        for (index, layer) in std::iter::once(start).chain(layers).enumerate() {
            if layer.map.is_some() {
                break;
            }
            if index > 0 {
                halves += f64::from(1 << gates) * of_layer(rows.qubits.len()) * share;
                waiting = !layer.crosses(rows.mask());
                columns ^= !waiting;
            }
            if index > 0 && !columns && !waiting {
                let saved = index as f64 * of_layer(self.qubits) - f64::from(2 << gates) - halves;
                if saved > most {
                    (most, best) = (saved, Some((index, gates)));
                }
            }
            let Some(of_this) = across(layer, spans) else { break };
            gates += of_this.len() as u32;
            if gates > CUT_GATES {
                break;
            }
            splits.push(of_this);
        }
        let (count, gates) = best?;
        splits.truncate(count);
        let halves = [0, 1].map(|half| self.half((start, factors), &layers[..count], spans[half]));
        let sweep = Sweep {
            parts: Vec::new(),
            ..Sweep::new(Shape::Rows { qubits: rows.qubits.len() }, None, Vec::new(), rows)
        };
        Some((Opening { stages: 0, halves, splits, rank: 1 << gates, sweep }, count))
    }

    /// Layers on the qubits of a span alone.
    fn half(&mut self, (start, factors): (&Numbered, &[u32]), layers: &[Numbered], span: &Span) -> Half {
        let own = |mask: u64| mask & !span.mask() == 0;
        let layers = layers
            .iter()
            .map(|layer| {
                let mut part = self.part(span, layer, own, Scaled::Own)?;
                part.sources = Vec::new();
                part.diagonal.get_or_insert_with(|| span.diagonal(|_| self.one, &[], &[], self.one, self.minus_one));
                Some(part)
            })
            .collect();
        let turns = start.turns.iter().filter(|&&(qubit, _)| own(1 << qubit)).map(|&(_, turn)| turn).collect();
        let terms: Vec<_> = start.terms.iter().copied().filter(|&(mask, _)| own(mask)).collect();
        let parities: Vec<_> =
            start.parities.iter().copied().filter(|(parity, _)| own(parity.z | parity.controls)).collect();
        Half {
            blocks: 1 << span.block_bits(),
            start: span.diagonal(|qubit| factors[qubit], &terms, &parities, self.zero, self.minus_one),
            scale: Some(self.recipes.scale(turns)),
            layers,
        }
    }
}

/// The gates of a layer that meet the cut, if they are all controlled phases.
fn across(layer: &Numbered, spans: [&Span; 2]) -> Option<Vec<Split>> {
    let meets = |mask: u64| spans.iter().all(|span| mask & span.mask() != 0);
    if layer.parities.iter().any(|(parity, _)| meets(parity.z | parity.controls)) {
        return None;
    }
    let by = |control: usize| {
        let mut splits: Vec<Split> = Vec::new();
        for &(mask, value) in layer.terms.iter().filter(|&&(mask, _)| meets(mask)) {
            let [own, other] = [control, 1 - control].map(|half| spans[half].local(mask).1);
            match splits.iter_mut().find(|split| split.mask == own) {
                Some(split) => split.factors.push((other, value)),
                None => splits.push(Split { control, mask: own, factors: vec![(other, value)] }),
            }
        }
        splits
    };
    let [low, high] = [by(0), by(1)];
    Some(if low.len() < high.len() { low } else { high })
}

impl Half {
    /// Applies a layer to some of its states, with so many threads.
    fn apply(&self, level: Level, part: &Part, states: &mut [Block], bound: &Bound, table: &[Block], threads: usize) {
        if threads > 1 && states.len() > self.blocks {
            let (left, right) = states.split_at_mut(states.len() / 2);
            let with = |states: &mut [Block]| self.apply(level, part, states, bound, table, threads / 2);
            join(|| with(left), || with(right));
            return;
        }
        states.chunks_exact_mut(self.blocks).for_each(|state| part.apply(level, state, &bound.tan, table));
    }
}

impl Opening {
    /// Stands for so many stages, now that it has all parts of its sweep over the rows.
    pub(super) fn finish(&mut self, stages: usize, rows: &Span) {
        self.stages = stages;
        self.sweep.walks = Walks::new(&self.sweep.parts, rows.block_bits());
    }

    /// How many products it adds up.
    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    /// How many rows of a state are written at once.
    pub(super) fn group(&self) -> usize {
        let [low, high] = [0, 1].map(|half| self.halves[half].blocks);
        (GROUP_BLOCKS / low).clamp(1, 8).min(high << LANE_QUBITS)
    }

    /// Computes the states of both halves.
    pub(super) fn expand(&self, level: Level, bound: &Bound, paths: &mut Paths, threads: usize) {
        let Paths { states, table, low, factors } = paths;
        for (half, states) in self.halves.iter().zip(states.iter_mut()) {
            let state = &mut at_least(states, self.rank * half.blocks)[..half.blocks];
            kernel::build_table(level, state, &half.start, bound.values(), bound.scale(half.scale), 0);
        }
        let mut count = 1;
        for index in 0..=self.splits.len() {
            for (half, states) in self.halves.iter().zip(states.iter_mut()) {
                let Some(part) = index.checked_sub(1).and_then(|before| half.layers[before].as_ref()) else { continue };
                let table = at_least(table, half.blocks);
                part.write(level, table, bound, 0);
                half.apply(level, part, &mut states[..count * half.blocks], bound, table, threads);
            }
            for split in self.splits.get(index).into_iter().flatten() {
                for (half, states) in states.iter_mut().enumerate() {
                    let len = count * self.halves[half].blocks;
                    split.double(level, half, &mut states[..2 * len], bound);
                }
                count *= 2;
            }
        }
        let [of_low, of_high] = [0, 1].map(|half| self.halves[half].blocks);
        let low = at_least(low, self.rank * of_low);
        for (k, state) in states[0][..self.rank * of_low].chunks_exact(of_low).enumerate() {
            for (to, run) in low.chunks_exact_mut(self.rank * RUN_BLOCKS).zip(state.chunks_exact(RUN_BLOCKS)) {
                to[k * RUN_BLOCKS..(k + 1) * RUN_BLOCKS].copy_from_slice(run);
            }
        }
        let rows = of_high << LANE_QUBITS;
        factors.resize(rows * self.rank, (0.0, 0.0));
        let phase = bound.phase();
        for (k, state) in states[1][..self.rank * of_high].chunks_exact(of_high).enumerate() {
            for (row, to) in factors.chunks_exact_mut(self.rank).enumerate() {
                let (block, lane) = (&state[row >> LANE_QUBITS], row & 3);
                let (re, im) = (block.re[lane], block.im[lane]);
                to[k] = (re * phase.re[0] - im * phase.im[0], re * phase.im[0] + im * phase.re[0]);
            }
        }
    }

    /// Writes the rows of a state that begin with this basis state.
    pub(super) fn write(&self, level: Level, rows: &mut [Block], outer: u64, paths: &Paths) {
        let row = self.halves[0].blocks;
        let low = &paths.low[..self.rank * row];
        let (first, count) = ((outer as usize >> LANE_QUBITS) / row, rows.len() / row);
        let factors = &paths.factors[first * self.rank..(first + count) * self.rank];
        kernel::compose(level, rows, low, factors, self.rank);
    }
}

impl Split {
    /// Makes two states of each in the first half of `states`: where the shared qubits are not all 1, and where they are.
    fn double(&self, level: Level, half: usize, states: &mut [Block], bound: &Bound) {
        let (off, on) = states.split_at_mut(states.len() / 2);
        on.copy_from_slice(off);
        if half == self.control {
            clear(off, self.mask, true);
            clear(on, self.mask, false);
            return;
        }
        for &(mask, value) in &self.factors {
            let (re, im) = bound.values().single(value);
            let on_lane = |lane: usize| lane & mask & 3 == mask & 3;
            let re = [0, 1, 2, 3].map(|lane| if on_lane(lane) { re } else { 1.0 });
            let im = [0, 1, 2, 3].map(|lane| if on_lane(lane) { im } else { 0.0 });
            kernel::multiply_where(level, on, mask >> LANE_QUBITS, &re, &im);
        }
    }
}

/// Clears every amplitude where all bits of a mask are 1, or every other one.
fn clear(states: &mut [Block], mask: usize, ones: bool) {
    let (blocks, lanes) = (mask >> LANE_QUBITS, mask & 3);
    for (index, block) in states.iter_mut().enumerate() {
        let inside = index & blocks == blocks;
        for lane in (0..4).filter(|lane| (inside && lane & lanes == lanes) == ones) {
            (block.re[lane], block.im[lane]) = (0.0, 0.0);
        }
    }
}
