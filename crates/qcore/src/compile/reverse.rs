//! Backward passes: plans undone, derivatives read on the way.
//!
//! A state that is one tile has been stored behind the rotations of every layer by the forward pass, so only `bra` is undone, and
//! the cosines that the rotations leave out cancel. Larger states, and those between steps that no layer holds, are undone
//! together with `bra`, tile by tile; where both carry the cosines of a layer, matrix elements are divided by their square. Small
//! registers have a way of their own: see [`small_reverse`](super::small_reverse).

use super::derivative::{Fold, PartReads, Probe, Reads};
use super::execute::{at_least, join, threads};
use super::{Part, Plan, Shape, Stage, Start, Sweep, tile_width};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{self, Block, COLUMN_BLOCKS, Columns, LANE_QUBITS, Pass, Undo};

/// Sums over the tiles of a sweep are made in so many parts, whatever the number of threads.
const GROUPS: usize = 32;

/// At most so many blocks of states are stored; 64 bytes each.
const STORED_BLOCKS: usize = 1 << 20;

/// Up to so many blocks of tables are kept from the forward to the backward pass; more are made twice.
const TABLE_BLOCKS: usize = 1 << 14;

/// Memory that backward passes need besides the states; kept from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    /// The states behind the rotations of every layer, one after the other.
    pub(super) stored: Vec<Block>,
    /// The tables of the layers, or room for one.
    pub(super) tables: Vec<Block>,
    buffers: Vec<Block>,
    /// Room to move the amplitudes of a state.
    spare: Vec<Block>,
    /// The tangents of the inverse rotations.
    tangents: Vec<f64>,
    /// One value per matrix element that is read.
    pub(super) values: Vec<f64>,
    partial: Vec<f64>,
}

impl Clone for Tape {
    /// What is in it does not matter, so a clone begins empty.
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// The layers of a plan that is a single sweep over one tile.
#[derive(Clone, Copy)]
pub(super) struct Layers<'a> {
    pub(super) start: &'a Start,
    first: &'a Part,
    rest: &'a [Part],
    of_start: &'a PartReads,
    of_rest: &'a [PartReads],
}

impl<'a> Layers<'a> {
    /// How many are read, so that a state is stored for them.
    fn stored(&self) -> usize {
        (0..self.len()).filter(|&index| !self.reads(index).is_empty()).count()
    }

    pub(super) fn reads(&self, index: usize) -> &'a PartReads {
        index.checked_sub(1).map_or(self.of_start, |rest| &self.of_rest[rest])
    }

    pub(super) fn len(&self) -> usize {
        1 + self.rest.len()
    }

    /// Whether any of them has a map.
    fn move_any(&self) -> bool {
        self.rest.iter().any(|part| part.map.is_some())
    }

    pub(super) fn get(&self, index: usize) -> &'a Part {
        index.checked_sub(1).map_or(self.first, |rest| &self.rest[rest])
    }
}

impl Tape {
    fn begin(&mut self, bound: &Bound, reads: &Reads) {
        self.tangents.clear();
        self.tangents.extend(bound.tan.iter().map(|tan| -tan));
        self.values.clear();
        self.values.resize(reads.slots(), 0.0);
    }
}

impl Plan {
    /// Its layers, if it is executed in one tile and there is room for a state for each of those that are read.
    pub(super) fn layers<'a>(&'a self, blocks: usize, reads: &'a Reads) -> Option<Layers<'a>> {
        let [Stage::Sweep(Sweep { shape: Shape::Whole, start: Some(start), parts, .. })] = self.stages.as_slice()
        else {
            return None;
        };
        let [first] = start.back.as_slice() else { return None };
        let layers = Layers { start, first, rest: parts, of_start: &reads.of_start()[0], of_rest: reads.of_stage(0) };
        (layers.stored() * blocks <= STORED_BLOCKS).then_some(layers)
    }

    /// Runs the plan from `|0...0>` and stores the state behind the rotations of every layer that is read; false if it is not
    /// such a plan.
    pub(crate) fn forward_stored(
        &self,
        level: Level,
        state: &mut [Block],
        bound: &Bound,
        reads: &Reads,
        tape: &mut Tape,
    ) -> bool {
        if reads.small().is_some() {
            self.forward_small(level, state, bound, tape);
            return true;
        }
        let blocks = state.len();
        let Some(layers) = self.layers(blocks, reads) else { return false };
        if let Some(early) = reads.early() {
            self.forward_early(level, state, bound, (layers, early), tape);
            return true;
        }
        let Tape { stored, tables, spare, .. } = tape;
        let spare = at_least(spare, if layers.move_any() { blocks } else { 0 });
        let keep = layers.len() * blocks <= TABLE_BLOCKS;
        let mut rest = at_least(stored, layers.stored() * blocks);
        let tables = at_least(tables, if keep { layers.len() * blocks } else { blocks });
        let of = |index: usize| if keep { index * blocks..(index + 1) * blocks } else { 0..blocks };
        // What was stored for the layer before, whose diagonal operator and map are still to be applied; else the state is in `state`.
        let mut last: Option<&[Block]> = None;
        for index in 0..layers.len() {
            let part = layers.get(index);
            if layers.reads(index).is_empty() {
                if let Some(stored) = last.take() {
                    layers.get(index - 1).leave(level, state, stored, &tables[of(index - 1)], spare);
                }
                if index == 0 {
                    layers.start.write(level, state, bound, 0);
                } else {
                    part.write(level, &mut tables[of(index)], bound, 0);
                    part.apply(level, state, &bound.tan, &tables[of(index)]);
                }
                if let Some(map) = &part.map {
                    map.apply_in(level, state, spare, 0);
                }
                continue;
            }
            let (own, left) = rest.split_at_mut(blocks);
            rest = left;
            match (last, part.passes.split_first()) {
                _ if index == 0 => {
                    kernel::build_table(level, own, &layers.start.bare, bound.tangents(), bound.phase(), 0);
                }
                (Some(stored), _) if layers.get(index - 1).map.is_some() => {
                    layers.get(index - 1).leave(level, own, stored, &tables[of(index - 1)], spare);
                    kernel::apply_passes(level, own, &part.passes, &bound.tan, None);
                }
                (None, _) => {
                    own.copy_from_slice(state);
                    kernel::apply_passes(level, own, &part.passes, &bound.tan, None);
                }
                (Some(stored), None) => kernel::multiply_into(level, own, stored, &tables[of(index - 1)]),
                (Some(stored), Some((pass, others))) => {
                    kernel::apply_first_pass(level, own, stored, &tables[of(index - 1)], pass, &bound.tan);
                    kernel::apply_passes(level, own, others, &bound.tan, None);
                }
            }
            part.write(level, &mut tables[of(index)], bound, 0);
            last = Some(own);
        }
        if let Some(stored) = last {
            let index = layers.len() - 1;
            layers.get(index).leave(level, state, stored, &tables[of(index)], spare);
        }
        true
    }

    /// The backward pass after [`Plan::forward_stored`]: undoes the plan on `bra` alone and adds the derivatives to `out`.
    pub(crate) fn backward_stored(
        &self,
        level: Level,
        bra: &mut [Block],
        bound: &Bound,
        reads: &Reads,
        tape: &mut Tape,
        out: &mut [f64],
    ) {
        if let Some(small) = reads.small() {
            return self.backward_small(level, bra, bound, small, tape, out);
        }
        if reads.early().is_some() {
            out[0] += Self::derivative_early(level, bra, tape);
            return;
        }
        let blocks = bra.len();
        let Some(layers) = self.layers(blocks, reads) else { return };
        let Some(first) = (0..layers.len()).find(|&index| !layers.reads(index).is_empty()) else { return };
        tape.begin(bound, reads);
        let Tape { stored, tables, buffers, spare, tangents, values, .. } = tape;
        let (mut bra, mut spare) = (bra, at_least(spare, if layers.move_any() { blocks } else { 0 }));
        let keep = layers.len() * blocks <= TABLE_BLOCKS;
        let back = Backward { level, bound, tangents, none: self.recipes.no_turn(), ket: Ket::Stored };
        let folds = at_least(buffers, blocks);
        let mut left = layers.stored();
        for index in (first..layers.len()).rev() {
            let (part, reads) = (layers.get(index), layers.reads(index));
            if let Some(map) = &part.map {
                // Nobody asks for what is left of this state in the end.
                map.undo(level, bra, spare, 0);
                std::mem::swap(&mut bra, &mut spare);
            }
            let at = if keep { index * blocks } else { 0 };
            let table = &mut tables[at..at + blocks];
            if !keep {
                part.write(level, table, bound, 0);
            }
            if reads.is_empty() {
                part.undo(level, bra, tangents, table);
                continue;
            }
            left -= 1;
            let ket = &mut stored[left * blocks..(left + 1) * blocks];
            back.part(part, reads, Pair { ket, bra, table: Some(table), outer: 0 }, index > first, folds, values, 0);
        }
        reads.derivatives(self, bound, 0, values, out);
    }

    /// Undoes the plan on `ket`, the state that it ends in, and on `bra`, and adds the derivatives to `out`; `undo` undoes those
    /// steps that are not part of any sweep. Nothing before the first place that is read is undone.
    #[allow(clippy::too_many_arguments, reason = "two states, what is done to them, and where the results go")]
    pub(crate) fn backward(
        &self,
        level: Level,
        (ket, bra): (&mut [Block], &mut [Block]),
        bound: &Bound,
        reads: &Reads,
        tape: &mut Tape,
        mut undo: impl FnMut(&mut [Block], usize),
        out: &mut [f64],
    ) {
        tape.begin(bound, reads);
        let Tape { buffers, tangents, values, partial, .. } = tape;
        let (first, first_part) = match reads.first() {
            _ if reads.reach_start() => (0, 0),
            Some(first) => first,
            None => return,
        };
        // What is behind the first layer alone is a product state: nothing has to be undone to get there.
        let only_start = reads.first().is_none();
        let undone = Backward { level, bound, tangents, none: self.recipes.no_turn(), ket: Ket::Undone };
        let back = Backward { ket: if only_start { Ket::Absent } else { Ket::Undone }, ..undone };
        for (index, stage) in self.stages.iter().enumerate().skip(first).rev() {
            match stage {
                Stage::Step(step) => {
                    if !only_start {
                        undo(ket, *step);
                    }
                    undo(bra, *step);
                }
                Stage::Sweep(sweep) => {
                    let from = if index == first { first_part } else { 0 };
                    let parts = Parts {
                        parts: &sweep.parts[from..],
                        reads: &reads.of_stage(index)[from..],
                        undo_first: index > first || reads.reach_start(),
                    };
                    back.sweep(sweep.shape, parts, (ket, bra), buffers, partial, values);
                    if let Some(start) = sweep.start.as_ref().filter(|_| reads.reach_start()) {
                        if only_start {
                            start.write_all(level, ket, bound, sweep.shape);
                        }
                        let shapes = [sweep.shape, sweep.columns(bra.len())];
                        for ((part, reads), shape) in start.back.iter().zip(reads.of_start()).zip(shapes) {
                            let (parts, reads) = (std::slice::from_ref(part), std::slice::from_ref(reads));
                            let parts = Parts { parts, reads, undo_first: false };
                            undone.sweep(shape, parts, (ket, bra), buffers, partial, values);
                        }
                    }
                }
            }
        }
        reads.derivatives(self, bound, 0, values, out);
    }
}

impl Sweep {
    /// The columns that belong to the rows of this sweep over a state.
    fn columns(&self, blocks: usize) -> Shape {
        match self.shape {
            Shape::Rows { qubits } => Shape::Columns { qubits, width: tile_width(blocks >> (qubits - LANE_QUBITS)) },
            other => other,
        }
    }
}

/// Where the `ket` of a layer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ket {
    Stored,
    Undone,
    /// Nothing is read: only `bra` is undone.
    Absent,
}

/// What all tiles of a backward pass share.
#[derive(Clone, Copy)]
pub(super) struct Backward<'a> {
    pub(super) level: Level,
    pub(super) bound: &'a Bound,
    pub(super) tangents: &'a [f64],
    /// Index of the tangent 0.
    pub(super) none: u32,
    pub(super) ket: Ket,
}

/// Parts, and what is read in each of them.
#[derive(Clone, Copy)]
struct Parts<'a> {
    parts: &'a [Part],
    reads: &'a [PartReads],
    /// Whether the rotations of the first part are undone: something is left to do behind them.
    undo_first: bool,
}

/// A tile of both states, and the table of a diagonal operator.
pub(super) struct Pair<'a> {
    pub(super) ket: &'a mut [Block],
    pub(super) bra: &'a mut [Block],
    pub(super) table: Option<&'a [Block]>,
    pub(super) outer: u64,
}

/// What a tile needs besides itself.
struct Room<'a> {
    table: &'a mut [Block],
    folds: &'a mut [Block],
    /// For moved amplitudes.
    spare: &'a mut [Block],
}

impl<'a> Room<'a> {
    fn new(buffers: &'a mut [Block], tile: usize) -> Self {
        let (table, rest) = buffers.split_at_mut(tile);
        let (folds, spare) = rest.split_at_mut(tile);
        Self { table, folds, spare: &mut spare[..tile] }
    }
}

/// Some tiles of both states.
enum Tiles<'a> {
    Rows { ket: &'a mut [Block], bra: &'a mut [Block], first: usize },
    Columns { ket: Columns<'a>, bra: Columns<'a> },
}

/// Tiles that a thread needs for itself: a table, sums, moved amplitudes, and a column of each state, which is four tiles at most.
const BUFFERS: usize = 3 + 2 * 4;

impl Backward<'_> {
    fn sweep(
        &self,
        shape: Shape,
        parts: Parts<'_>,
        (ket, bra): (&mut [Block], &mut [Block]),
        buffers: &mut Vec<Block>,
        partial: &mut Vec<f64>,
        values: &mut [f64],
    ) {
        let (tiles, tile) = match shape {
            Shape::Whole => {
                let tile = ket.len();
                let room = Room::new(at_least(buffers, 3 * tile), tile);
                self.tile(parts, ket, bra, room, 0, values, 0);
                return;
            }
            Shape::Rows { qubits } => (Tiles::Rows { ket, bra, first: 0 }, 1 << (qubits - LANE_QUBITS)),
            Shape::Columns { qubits, width } => {
                let row = 1 << (qubits - LANE_QUBITS);
                let tile = ket.len() / row * width;
                (Tiles::Columns { ket: Columns::new(ket, row), bra: Columns::new(bra, row) }, tile)
            }
        };
        // The slots of a sweep are consecutive numbers.
        let slots = parts.reads.iter().flat_map(PartReads::slots);
        let (low, high) = slots.fold((values.len(), 0), |(low, high), slot| (low.min(slot), high.max(slot + 1)));
        let width = high.saturating_sub(low);
        let groups = GROUPS.min(tiles.len(tile));
        partial.clear();
        partial.resize(groups * width, 0.0);
        let buffers = at_least(buffers, BUFFERS * tile * threads());
        self.groups(parts, tiles, tile, groups, partial, low, buffers);
        for group in partial.chunks_exact(width.max(1)) {
            values[low..].iter_mut().zip(group).for_each(|(value, part)| *value += part);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what a thread takes along")]
    fn groups(
        &self,
        parts: Parts<'_>,
        tiles: Tiles<'_>,
        tile: usize,
        groups: usize,
        partial: &mut [f64],
        low: usize,
        buffers: &mut [Block],
    ) {
        if groups > 1 {
            let (left, right) = tiles.split(tile);
            let (left_sums, right_sums) = partial.split_at_mut(partial.len() / 2);
            let threads = buffers.len() / (BUFFERS * tile);
            if threads > 1 {
                let (a, b) = buffers.split_at_mut(threads / 2 * BUFFERS * tile);
                join(
                    || self.groups(parts, left, tile, groups / 2, left_sums, low, a),
                    || self.groups(parts, right, tile, groups / 2, right_sums, low, b),
                );
            } else {
                self.groups(parts, left, tile, groups / 2, left_sums, low, buffers);
                self.groups(parts, right, tile, groups / 2, right_sums, low, buffers);
            }
            return;
        }
        let (own, columns) = buffers[..BUFFERS * tile].split_at_mut(3 * tile);
        match tiles {
            Tiles::Rows { ket, bra, first } => {
                for (k, (ket, bra)) in ket.chunks_exact_mut(tile).zip(bra.chunks_exact_mut(tile)).enumerate() {
                    let outer = ((first + k) * tile) << LANE_QUBITS;
                    self.tile(parts, ket, bra, Room::new(own, tile), outer as u64, partial, low);
                }
            }
            Tiles::Columns { mut ket, mut bra } => {
                let width = tile / bra.rows();
                let columns = &mut columns[..2 * COLUMN_BLOCKS / width * tile];
                let (own_ket, own_bra) = columns.split_at_mut(columns.len() / 2);
                let (absent, past) = (self.ket == Ket::Absent, bra.past());
                for column in bra.range() {
                    if !absent {
                        kernel::gather_tiles(self.level, &ket, column, own_ket, width);
                    }
                    kernel::gather_tiles(self.level, &bra, column, own_bra, width);
                    let tiles = own_ket.chunks_exact_mut(tile).zip(own_bra.chunks_exact_mut(tile));
                    for (k, (ket, bra)) in tiles.enumerate() {
                        let outer = ((column * COLUMN_BLOCKS + k * width) as u64) << LANE_QUBITS;
                        self.tile(parts, ket, bra, Room::new(own, tile), outer, partial, low);
                    }
                    if !absent {
                        kernel::scatter_tiles(self.level, &mut ket, column, own_ket, width, past);
                    }
                    kernel::scatter_tiles(self.level, &mut bra, column, own_bra, width, past);
                }
            }
        }
    }

    /// Undoes the parts on a tile of each state and adds what is read to the sums, the first of which is that of slot `low`.
    #[allow(clippy::too_many_arguments, reason = "what a tile needs")]
    fn tile(
        &self,
        parts: Parts<'_>,
        ket: &mut [Block],
        bra: &mut [Block],
        room: Room<'_>,
        outer: u64,
        sums: &mut [f64],
        low: usize,
    ) {
        let Room { table, folds, spare } = room;
        for (index, (part, reads)) in parts.parts.iter().zip(parts.reads).enumerate().rev() {
            if let Some(map) = &part.map {
                map.undo_in(self.level, bra, spare, outer);
                if self.ket == Ket::Undone {
                    map.undo_in(self.level, ket, spare, outer);
                }
            }
            part.write(self.level, table, self.bound, outer);
            let table = part.diagonal.is_some().then_some(&*table);
            let rotate = index > 0 || parts.undo_first;
            if rotate && reads.is_empty() {
                kernel::undo_passes(self.level, bra, &part.passes, self.tangents, table);
                if self.ket == Ket::Undone {
                    kernel::undo_passes(self.level, ket, &part.passes, self.tangents, table);
                }
                continue;
            }
            self.part(part, reads, Pair { ket, bra, table, outer }, rotate, folds, sums, low);
        }
    }

    /// Undoes a diagonal operator, reads matrix elements, and undoes the rotations too if `rotate` says so.
    #[allow(clippy::too_many_arguments, reason = "what a tile needs")]
    pub(super) fn part(
        &self,
        part: &Part,
        reads: &PartReads,
        pair: Pair<'_>,
        rotate: bool,
        folds: &mut [Block],
        sums: &mut [f64],
        low: usize,
    ) {
        let Pair { ket, bra, mut table, outer } = pair;
        let undone = self.ket == Ket::Undone;
        let mut factor = if undone { part.pair_factor(self.bound) } else { 1.0 };
        if let Some(own) = table
            && (!reads.others.is_empty() || (undone && !rotate))
        {
            kernel::apply_conjugate(self.level, bra, own);
            if undone {
                kernel::apply_conjugate(self.level, ket, own);
            }
            table = None;
        }
        for read in &reads.others {
            sums[read.slot - low] += factor * read.probe.value(self.level, bra, ket, outer);
        }
        let empty = [Pass { rows: 0, bits: [0; 3], lanes: false, row_tans: [self.none; 3], lane_tans: [self.none; 2] }];
        let passes = if part.passes.is_empty() { &empty } else { part.passes.as_slice() };
        // With a stored state everything is read before anything is rotated.
        let last_read = reads.turns.last().map_or(0, |turn| turn.0);
        let mut turns = reads.turns.as_slice();
        for (index, pass) in passes.iter().enumerate() {
            let wanted = turns.iter().take_while(|turn| turn.0 == index).count();
            let (own, later) = turns.split_at(wanted);
            turns = later;
            let fold = index == 0 && !reads.folds.is_empty();
            let table = table.take_if(|_| index == 0);
            let undo = match rotate {
                false => Undo::Nothing,
                true if undone => Undo::Both,
                true if index == last_read => Undo::Bra,
                true => Undo::Nothing,
            };
            // Rotations that both states have undone leave their cosines out on both.
            let next = if undo == Undo::Both { factor * self.bound.squared_cosines(pass) } else { factor };
            let factor = std::mem::replace(&mut factor, next);
            if wanted == 0 && !fold && table.is_none() {
                if undo != Undo::Nothing && !part.passes.is_empty() {
                    kernel::apply_passes(self.level, bra, std::slice::from_ref(pass), self.tangents, None);
                    if undone {
                        kernel::apply_passes(self.level, ket, std::slice::from_ref(pass), self.tangents, None);
                    }
                }
                continue;
            }
            let used = if fold { bra.len() >> pass.rows } else { 0 };
            let mut rows = [[0.0; 4]; 3];
            let (folds, tangents) = (&mut folds[..used], self.tangents);
            let turned = kernel::adjoint_pass(self.level, bra, ket, pass, tangents, table, undo, folds, &mut rows);
            for &(_, place, slot) in own {
                sums[slot - low] += factor * turned[place];
            }
            if fold {
                let mut rest = [[0.0; 4]; crate::MAX_QUBITS];
                let whole = kernel::fold_all(self.level, folds, &mut rest);
                for &(place, signs, slot) in &reads.folds {
                    let sum = |lanes: [f64; 4]| (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
                    let value = match place {
                        Fold::Row(row) => sum(rows[row]),
                        Fold::Rest(bit) => sum(rest[bit]),
                        Fold::Lane(lane) => kernel::signed_lanes(whole, 1 << lane),
                        Fold::Whole => sum(whole),
                    };
                    let negative = (outer & signs).count_ones() % 2 == 1;
                    sums[slot - low] += if negative { -factor * value } else { factor * value };
                }
            }
        }
        if rotate && !undone {
            let (before, behind) = part.passes.split_at(last_read.min(part.passes.len()));
            kernel::apply_passes(self.level, bra, before, self.tangents, None);
            kernel::apply_passes(self.level, bra, behind.get(1..).unwrap_or_default(), self.tangents, None);
        }
    }
}

impl Part {
    /// What its diagonal operator and its map make of a stored state.
    fn leave(&self, level: Level, to: &mut [Block], stored: &[Block], table: &[Block], spare: &mut [Block]) {
        let Some(map) = &self.map else { return kernel::multiply_into(level, to, stored, table) };
        kernel::multiply_into(level, spare, stored, table);
        map.apply(level, spare, to, 0);
    }

    /// What matrix elements are multiplied with where both states carry the cosines of this part.
    fn pair_factor(&self, bound: &Bound) -> f64 {
        let scale = bound.scale(self.pair).re[0];
        1.0 / (scale * scale)
    }
}

impl Probe {
    /// Its value for a tile of two states at these outer bits.
    fn value(&self, level: Level, bra: &[Block], ket: &[Block], outer: u64) -> f64 {
        let element = |x: usize, z: usize, controls: usize| {
            kernel::pauli_inner(level, bra, ket, x as u64, z as u64, controls as u64).im
        };
        match *self {
            Self::X(position) => element(1 << position, 0, 0),
            Self::Y(position) => element(1 << position, 1 << position, 0),
            Self::Z { local, outer: signs, controls, outer_controls } => {
                if outer & outer_controls != outer_controls {
                    return 0.0;
                }
                let value = element(0, local, controls);
                if (outer & signs).count_ones() % 2 == 1 { -value } else { value }
            }
        }
    }
}

impl Tiles<'_> {
    /// How many tiles there are.
    fn len(&self, tile: usize) -> usize {
        match self {
            Tiles::Rows { ket, .. } => ket.len() / tile,
            Tiles::Columns { ket, .. } => ket.range().len(),
        }
    }

    fn split(self, tile: usize) -> (Self, Self) {
        let half = self.len(tile) / 2;
        match self {
            Tiles::Rows { ket, bra, first } => {
                let (left_ket, right_ket) = ket.split_at_mut(half * tile);
                let (left_bra, right_bra) = bra.split_at_mut(half * tile);
                (
                    Tiles::Rows { ket: left_ket, bra: left_bra, first },
                    Tiles::Rows { ket: right_ket, bra: right_bra, first: first + half },
                )
            }
            Tiles::Columns { ket, bra } => {
                let middle = ket.range().start + half;
                let ((left_ket, right_ket), (left_bra, right_bra)) = (ket.split(middle), bra.split(middle));
                (Tiles::Columns { ket: left_ket, bra: left_bra }, Tiles::Columns { ket: right_ket, bra: right_bra })
            }
        }
    }
}
