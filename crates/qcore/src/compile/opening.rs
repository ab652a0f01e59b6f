//! The beginning of a run on a large state: a sum of products of two halves, instead of one sweep per layer.
//!
//! As long as `k` controlled phases have met the cut between low and high qubits, the state is a sum of `2^k` products of a state
//! of the low and one of the high qubits: every such gate is the identity where its qubits in one half are not all 1, and a phase
//! on the other half where they are. These are the paths of a Schrödinger-Feynman simulation (S. Aaronson and L. Chen,
//! arXiv:1612.05903, section 4; I. L. Markov et al., arXiv:1807.10749), all of which are kept. The halves are small, so layer after layer of
//! them costs next to nothing, and the sum is written once, `2^(k+1)` multiply-adds per block of four amplitudes.

use super::execute::{at_least, join};
use super::sweeps::Course;
use super::tiles::Span;
use super::{Numbered, Part, Planner, Scaled, Shape, Sweep};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{self, Block, COMPOSED_ROWS, Diagonal, LANE_QUBITS, RUN_BLOCKS};

/// At most so many gates across the cut: low states of 16 rows still come from the caches as fast as they are added up.
const CUT_GATES: u32 = 4;

/// Rows that are written at once take so many blocks at most: 1 MiB, which stays in the second-level cache.
const GROUP_BLOCKS: usize = 1 << 14;

/// The low half has so many qubits at least: a run of blocks.
const LEAST_CUT: usize = LANE_QUBITS + RUN_BLOCKS.ilog2() as usize;

/// What replaces the first sweeps of a run.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    /// How many stages it stands for.
    pub(super) stages: usize,
    /// The low qubits, as a mask.
    pub(super) low: u64,
    /// Of the low and of the high qubits.
    halves: [Half; 2],
    /// In order.
    events: Vec<Event>,
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

/// What an opening can be.
struct Found {
    /// Low and high qubits.
    spans: [Span; 2],
    /// The gates across the cut behind the first layer, the second, and so on.
    splits: Vec<Vec<Split>>,
    /// Layers behind the first one, and gates across the cut before the last of them.
    layers: usize,
    gates: u32,
    /// What it saves, in multiply-adds per block.
    saved: f64,
}

/// What happens to the states of the halves.
#[derive(Clone, Debug)]
enum Event {
    /// They become two each.
    Split(Split),
    /// They get the layer behind the first one that has this index.
    Layer(usize),
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
    /// One per thread.
    tables: Vec<Vec<Block>>,
    /// Block after block of the low states, and row after row of the high ones.
    low: Vec<Block>,
    factors: Vec<(f64, f64)>,
}

impl Planner {
    /// The opening that saves most, with the number of layers behind the first one that it contains. The halves are cut where that is best, which
    /// need not be where rows end.
    pub(super) fn opening(
        &mut self,
        (start, factors): (&Numbered, &[u32]),
        layers: &[Numbered],
        rows: &Span,
    ) -> Option<(Opening, usize)> {
        let mut best: Option<Found> = None;
        for cut in LEAST_CUT..=rows.qubits.len() {
            let found = self.find(start, layers, rows, cut);
            if found.as_ref().map_or(0.0, |found| found.saved) > best.as_ref().map_or(0.0, |best| best.saved) {
                best = found;
            }
        }
        let Found { spans, mut splits, layers: count, gates, .. } = best?;
        splits.truncate(count);
        let behind =
            |(index, splits): (usize, Vec<Split>)| splits.into_iter().map(Event::Split).chain([Event::Layer(index)]);
        let events = splits.into_iter().enumerate().flat_map(behind).collect();
        let low = spans[0].mask();
        let halves = spans.map(|span| self.half((start, factors), &layers[..count], &span));
        let sweep = Sweep {
            parts: Vec::new(),
            ..Sweep::new(Shape::Rows { qubits: rows.qubits.len() }, None, Vec::new(), rows)
        };
        Some((Opening { stages: 0, low, halves, events, rank: 1 << gates, sweep }, count))
    }

    /// How far an opening should go whose halves are cut behind so many qubits.
    fn find(&self, start: &Numbered, layers: &[Numbered], rows: &Span, cut: usize) -> Option<Found> {
        let spans = [Span::new(0..cut, LANE_QUBITS), Span::new(cut..self.qubits, LANE_QUBITS)];
        let mut splits = Vec::new();
        let mut best = None;
        let mut most = 0.0;
        let (mut gates, mut halves) = (0, 0.0);
        // What a layer takes per block, in multiply-adds: its rotations, and two tables. Then what it takes to copy a path.
        let of_layer = |qubits: usize| (qubits + 10) as f64;
        let share = |half: usize| (spans[half].qubits.len() as f64 - self.qubits as f64).exp2();
        let of_halves = of_layer(cut) * share(0) + of_layer(self.qubits - cut) * share(1);
        let of_copies = 8.0 * share(0) + 16.0 * share(1);
        let mut course = Course::new(rows.mask(), self.qubits);
        for (index, layer) in std::iter::once(start).chain(layers).enumerate() {
            if layer.map.is_some() {
                break;
            }
            let paths = f64::from(1 << gates);
            if index > 0 {
                halves += paths * of_halves;
                course.pass(layer, self.one);
            }
            if index > 0 && course.rows_have_all() {
                let saved = index as f64 * of_layer(self.qubits) - paths * (2.0 + of_copies) - halves;
                if saved > most {
                    (most, best) = (saved, Some((index, gates)));
                }
            }
            let Some(of_this) = across(layer, [&spans[0], &spans[1]]) else { break };
            gates += of_this.len() as u32;
            if gates > CUT_GATES {
                break;
            }
            splits.push(of_this);
        }
        best.map(|(layers, gates)| Found { spans, splits, layers, gates, saved: most })
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

impl Opening {
    /// Stands for so many stages, now that it has all parts of its sweep over the rows.
    pub(super) fn finish(&mut self, stages: usize, rows: &Span) {
        self.stages = stages;
        self.sweep.find_walks(rows.block_bits());
    }

    /// How many products it adds up.
    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    /// How many rows of a state, of so many blocks each, are written at once.
    pub(super) fn group(&self, row: usize) -> usize {
        let [low, high] = [0, 1].map(|half| self.halves[half].blocks);
        let all = (low * high) << LANE_QUBITS;
        (GROUP_BLOCKS / row).min(COMPOSED_ROWS * low / row).min(all / row).max(1)
    }

    /// Computes the states of both halves.
    pub(super) fn expand(&self, level: Level, bound: &Bound, paths: &mut Paths, threads: usize) {
        let Paths { states: [low_states, high_states], tables, low, factors } = paths;
        let [of_low, of_high] = [0, 1].map(|half| self.halves[half].blocks);
        let states = [at_least(low_states, self.rank * of_low), at_least(high_states, self.rank * of_high)];
        for (half, states) in self.halves.iter().zip(states) {
            let state = &mut states[..half.blocks];
            kernel::build_table(level, state, &half.start, bound.values(), bound.scale(half.scale), 0);
        }
        tables.resize_with(threads.max(tables.len()), Vec::new);
        for table in &mut tables[..threads] {
            at_least(table, of_low.max(of_high));
        }
        let states = [&mut low_states[..self.rank * of_low], &mut high_states[..self.rank * of_high]];
        self.grow(level, bound, states, &self.events, &mut tables[..threads]);
        let states = &low_states[..self.rank * of_low];
        self.interleave(at_least(low, states.len()), states, 0, threads);
        let rows = of_high << LANE_QUBITS;
        factors.resize(rows * self.rank, (0.0, 0.0));
        let phase = bound.phase();
        for (k, state) in high_states[..self.rank * of_high].chunks_exact(of_high).enumerate() {
            for (row, to) in factors.chunks_exact_mut(self.rank).enumerate() {
                let (block, lane) = (&state[row >> LANE_QUBITS], row & 3);
                let (re, im) = (block.re[lane], block.im[lane]);
                to[k] = (re * phase.re[0] - im * phase.im[0], re * phase.im[0] + im * phase.re[0]);
            }
        }
    }

    /// Lets events happen to a state of each half, which is where its memory begins; what it becomes fills that. There is a table per
    /// thread.
    fn grow(
        &self,
        level: Level,
        bound: &Bound,
        mut states: [&mut [Block]; 2],
        events: &[Event],
        tables: &mut [Vec<Block>],
    ) {
        let mut count = 1;
        for (index, event) in events.iter().enumerate() {
            if count > 1 && tables.len() > 1 {
                let [low, high] = states.map(|states| states.split_at_mut(states.len() / 2));
                let tables = tables.split_at_mut(tables.len() / 2);
                let rest = &events[index..];
                join(
                    || self.grow(level, bound, [low.0, high.0], rest, tables.0),
                    || self.grow(level, bound, [low.1, high.1], rest, tables.1),
                );
                return;
            }
            for (half, states) in states.iter_mut().enumerate() {
                let Half { blocks, layers, .. } = &self.halves[half];
                let each = states.chunks_exact_mut(states.len() / count);
                match event {
                    Event::Split(split) => each.for_each(|room| {
                        let (off, on) = room.split_at_mut(room.len() / 2);
                        split.double(level, half, [&mut off[..*blocks], &mut on[..*blocks]], bound);
                    }),
                    Event::Layer(layer) => {
                        let Some(part) = &layers[*layer] else { continue };
                        let table = &mut tables[0][..*blocks];
                        part.write(level, table, bound, 0);
                        each.for_each(|room| part.apply(level, &mut room[..*blocks], &bound.tan, table));
                    }
                }
            }
            if let Event::Split(_) = event {
                count *= 2;
            }
        }
    }

    /// Writes the low states as [`kernel::compose`] reads them, from this block of each on.
    fn interleave(&self, low: &mut [Block], states: &[Block], first: usize, threads: usize) {
        let of_run = self.rank * RUN_BLOCKS;
        let runs = low.len() / of_run;
        if threads > 1 && runs > 1 {
            let (left, right) = low.split_at_mut(runs / 2 * of_run);
            let middle = first + runs / 2 * RUN_BLOCKS;
            join(
                || self.interleave(left, states, first, threads / 2),
                || self.interleave(right, states, middle, threads / 2),
            );
            return;
        }
        for (k, state) in states.chunks_exact(self.halves[0].blocks).enumerate() {
            for (to, run) in low.chunks_exact_mut(of_run).zip(state[first..].chunks_exact(RUN_BLOCKS)) {
                to[k * RUN_BLOCKS..(k + 1) * RUN_BLOCKS].copy_from_slice(run);
            }
        }
    }

    /// Writes a piece of a state that begins with this basis state.
    pub(super) fn write(&self, level: Level, rows: &mut [Block], outer: u64, paths: &Paths) {
        let row = self.halves[0].blocks;
        let low = &paths.low[..self.rank * row];
        let (first, count) = ((outer as usize >> LANE_QUBITS) / row, rows.len() / row);
        let factors = &paths.factors[first * self.rank..(first + count) * self.rank];
        kernel::compose(level, rows, low, factors, self.rank);
    }
}

impl Split {
    /// Makes two states of the first one: where the shared qubits are not all 1, and where they are.
    fn double(&self, level: Level, half: usize, [off, on]: [&mut [Block]; 2], bound: &Bound) {
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
