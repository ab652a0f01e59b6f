//! Plans carried out.

use super::opening::{Opening, Paths};
use super::walks::Walk;
use super::{CLASS_QUBITS, Part, Plan, Shape, Stage, Start, Sweep, class_of, classes};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{
    Ahead, Block, COLUMN_BLOCKS, Counts, Cut, LANE_QUBITS, Piece, Quad, Team, apply_batch_passes, apply_walk,
    build_batch_table, build_table, gather_tiles, scatter_tiles,
};

/// Memory that an execution needs besides the state; kept from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One per thread.
    own: Vec<Own>,
    counts: Counts,
    paths: Paths,
}

/// What a thread has for itself.
#[derive(Debug, Default)]
struct Own {
    /// The tables that all tiles of a sweep share; every thread makes them for itself, which takes less than handing them around.
    tables: Vec<Block>,
    /// A table of a tile, room to move its amplitudes where a map does, and the tiles of a column.
    buffers: Vec<Block>,
}

impl Clone for Scratch {
    /// What is in it does not matter, so a clone begins empty.
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// The first `len` blocks of a vector, which grows where it is too short.
pub(super) fn at_least(blocks: &mut Vec<Block>, len: usize) -> &mut [Block] {
    if blocks.len() < len {
        blocks.resize(len, Block::default());
    }
    &mut blocks[..len]
}

impl Plan {
    /// Runs the plan from `|0...0>`; `step` applies those steps that are not part of any sweep.
    pub(crate) fn run(
        &self,
        level: Level,
        state: &mut [Block],
        bound: &Bound,
        scratch: &mut Scratch,
        mut step: impl FnMut(&mut [Block], usize),
    ) {
        // Every sweep exchanges half of the state between the threads, which costs as much as they gain below.
        let threads = if state.len() < SHARED_BLOCKS { 1 } else { threads() };
        if scratch.own.len() < threads {
            scratch.own.resize_with(threads, Own::default);
        }
        let mut opening = self.opening.as_ref();
        let mut stages = &self.stages[opening.map_or(0, |opening| opening.stages)..];
        if let Some(opening) = opening {
            opening.expand(level, bound, &mut scratch.paths, threads);
        }
        loop {
            match stages {
                [] if opening.is_none() => break,
                [Stage::Step(index), rest @ ..] if opening.is_none() => {
                    step(state, *index);
                    stages = rest;
                }
                [Stage::Sweep(sweep), rest @ ..] if sweep.shape == Shape::Whole => {
                    sweep.run_whole(level, state, bound, scratch);
                    stages = rest;
                }
                _ => {
                    let sweeps = stages.iter().take_while(|stage| matches!(stage, Stage::Sweep(_))).count();
                    let (run, behind) = stages.split_at(sweeps);
                    Sweeps { opening: opening.take(), stages: run, level, bound }.run(state, scratch, threads);
                    stages = behind;
                }
            }
        }
    }
}

impl Start {
    /// Writes the whole state behind the first layer.
    pub(super) fn write_all(&self, level: Level, state: &mut [Block], bound: &Bound, shape: Shape) {
        let tile = match shape {
            Shape::Rows { qubits } => 1 << (qubits - LANE_QUBITS),
            _ => state.len(),
        };
        for (index, tile_of_state) in state.chunks_exact_mut(tile).enumerate() {
            self.write(level, tile_of_state, bound, ((index * tile) << LANE_QUBITS) as u64);
        }
    }

    pub(super) fn write(&self, level: Level, tile: &mut [Block], bound: &Bound, outer: u64) {
        let start = bound.start(self.scale);
        if bound.stride == 1 {
            build_table(level, tile, &self.diagonal, bound.values(), start, outer);
        } else {
            build_batch_table(level, tile, &self.diagonal, bound.values(), start, outer);
        }
    }
}

impl Part {
    /// Writes the table of the diagonal operator for the tiles at these outer bits.
    pub(super) fn write(&self, level: Level, table: &mut [Block], bound: &Bound, outer: u64) {
        let Some(diagonal) = &self.diagonal else { return };
        let scale: Quad = bound.scale(self.scale);
        if bound.stride == 1 {
            build_table(level, table, diagonal, bound.values(), scale, outer);
        } else {
            build_batch_table(level, table, diagonal, bound.values(), scale, outer);
        }
    }

    /// Tables that are made before a sweep, for all classes of tiles; 0 if every tile makes its own.
    pub(super) fn tables(&self) -> usize {
        match &self.diagonal {
            Some(_) if self.outer.count_ones() <= CLASS_QUBITS => 1 << self.outer.count_ones(),
            _ => 0,
        }
    }
}

/// A state of so many blocks is taken to stay in the second-level cache: 1 MiB.
const CACHED_BLOCKS: usize = 1 << 14;

/// From so many blocks on, a state is divided among threads: 16 qubits.
const SHARED_BLOCKS: usize = 1 << 14;

/// What all tiles of a sweep share.
struct Shared<'a> {
    sweep: &'a Sweep,
    level: Level,
    bound: &'a Bound,
    tables: &'a [Block],
    tile: usize,
}

impl Shared<'_> {
    /// Applies the parts to a tile; `spare` has room for one if there are maps. True if the result is there.
    fn work(
        &self,
        tile: &mut [Block],
        own_table: &mut [Block],
        spare: &mut [Block],
        outer: u64,
        mut ahead: Ahead,
    ) -> bool {
        let (mut tile, mut spare, mut moved) = (tile, spare, false);
        if let Some(start) = &self.sweep.start {
            start.write(self.level, tile, self.bound, outer);
        }
        let Sweep { walks, parts, .. } = self.sweep;
        let mut left = walks.all();
        while let [walk, ..] = left {
            let count = if self.tables.is_empty() { 1 } else { walks.together(left, parts) };
            let (now, rest) = left.split_at(count);
            if count > 1 {
                for chunk in tile.chunks_exact_mut(1 << walk.run) {
                    now.iter().for_each(|walk| self.walk(walk, chunk, own_table, outer, &mut ahead));
                }
            } else {
                self.walk(walk, tile, own_table, outer, &mut ahead);
            }
            if let Some(map) = now.last().and_then(|walk| parts[walk.map?].map.as_ref()) {
                map.apply(self.level, tile, spare, outer);
                std::mem::swap(&mut tile, &mut spare);
                moved = !moved;
            }
            left = rest;
        }
        moved
    }

    /// Takes a tile, or an aligned part of one that is whole runs of the walk, along one walk.
    fn walk(&self, walk: &Walk, tile: &mut [Block], own_table: &mut [Block], outer: u64, ahead: &mut Ahead) {
        let (before, after) = self.sweep.walks.passes(walk);
        let table = walk.part.map(|index| {
            let part = &self.sweep.parts[index];
            let size = part.table_len();
            if !self.tables.is_empty() && part.tables() > 0 {
                &self.tables[walk.tables + class_of(outer, part.outer) * size..][..size]
            } else {
                part.write(self.level, &mut own_table[..size], self.bound, outer);
                &own_table[..size]
            }
        });
        let tans = &self.bound.tan;
        for run in tile.chunks_exact_mut(1 << walk.run) {
            if !walk.chunks {
                apply_walk(self.level, run, before, tans, table, after, ahead);
                continue;
            }
            let chunk = self.sweep.walks.chunk();
            let size = table.map(|table| table.len() * chunk / run.len());
            for (k, chunk) in run.chunks_exact_mut(chunk).enumerate() {
                let table = table.zip(size).map(|(table, size)| &table[k * size..(k + 1) * size]);
                apply_walk(self.level, chunk, before, tans, table, after, ahead);
            }
        }
    }

    /// As [`Shared::work`], with the result in the tile.
    fn work_in(&self, tile: &mut [Block], own_table: &mut [Block], spare: &mut [Block], outer: u64, ahead: Ahead) {
        if self.work(tile, own_table, spare, outer, ahead) {
            tile.copy_from_slice(spare);
        }
    }

    fn piece(&self, piece: Piece<'_>, buffers: &mut [Block]) {
        let (own_table, rest) = buffers.split_at_mut(self.tile);
        let moves = self.sweep.moves();
        match piece {
            Piece::Row(tile, outer, ahead) => {
                let spare = &mut rest[..if moves { self.tile } else { 0 }];
                self.work_in(tile, own_table, spare, outer, ahead);
            }
            Piece::Column(mut column, index, next) => {
                let width = self.tile / column.rows();
                let count = COLUMN_BLOCKS / width;
                let (tiles, rest) = rest.split_at_mut(count * self.tile);
                let spare = &mut rest[..if moves { count * self.tile } else { 0 }];
                let mut moved = false;
                gather_tiles(self.level, &column, index, tiles, width);
                for (k, tile) in tiles.chunks_exact_mut(self.tile).enumerate() {
                    let ahead = next.map_or(Ahead::nothing(), |next| column.ahead(next, k, count));
                    let outer = (index * COLUMN_BLOCKS + k * width) << LANE_QUBITS;
                    let spare = if moves { &mut spare[k * self.tile..(k + 1) * self.tile] } else { &mut [] };
                    // They all have the same maps.
                    moved = self.work(tile, own_table, spare, outer as u64, ahead);
                }
                let tiles = if moved { spare } else { tiles };
                let past = column.past();
                scatter_tiles(self.level, &mut column, index, tiles, width, past);
            }
        }
    }
}

impl Part {
    /// Blocks of its table for a tile.
    fn table_len(&self) -> usize {
        self.diagonal.as_ref().map_or(0, |diagonal| 1 << (diagonal.doublings.len() - self.spread as usize))
    }

    /// Blocks of all its tables that are made before a sweep.
    pub(super) fn table_blocks(&self) -> usize {
        self.tables() * self.table_len()
    }
}

/// Sweeps over a state in tiles, without a step between them.
#[derive(Clone, Copy)]
struct Sweeps<'a> {
    /// What comes before the stages, if the run begins here.
    opening: Option<&'a Opening>,
    stages: &'a [Stage],
    level: Level,
    bound: &'a Bound,
}

impl<'a> Sweeps<'a> {
    fn len(&self) -> usize {
        usize::from(self.opening.is_some()) + self.stages.len()
    }

    fn get(&self, index: usize) -> &'a Sweep {
        let index = match self.opening {
            Some(opening) if index == 0 => return &opening.sweep,
            Some(_) => index - 1,
            None => index,
        };
        let Stage::Sweep(sweep) = &self.stages[index] else { unreachable!("they are all sweeps") };
        sweep
    }

    /// The opening, if it is this sweep.
    fn opening(&self, index: usize) -> Option<&'a Opening> {
        self.opening.filter(|_| index == 0)
    }

    fn run(&self, state: &mut [Block], scratch: &mut Scratch, threads: usize) {
        let blocks = state.len();
        let most = |of: &dyn Fn(&Sweep) -> usize| (0..self.len()).map(|index| of(self.get(index))).max();
        let tables = most(&Sweep::table_blocks).unwrap_or(0);
        let buffers = most(&|sweep| sweep.buffers(blocks)).unwrap_or(0);
        let own = &mut scratch.own[..threads];
        for own in &mut *own {
            at_least(&mut own.tables, tables);
            at_least(&mut own.buffers, buffers);
        }
        let cuts = (0..self.len()).map(|index| match self.get(index).shape {
            Shape::Whole => Cut::Rows(blocks),
            Shape::Rows { qubits } => {
                let row = 1 << (qubits - LANE_QUBITS);
                Cut::Rows(self.opening(index).map_or(1, |opening| opening.group(row)) * row)
            }
            Shape::Columns { qubits, .. } => Cut::Columns(1 << (qubits - LANE_QUBITS)),
        });
        let team = Team::new(state, cuts, threads, blocks > CACHED_BLOCKS, &mut scratch.counts);
        self.together(&team, blocks, own, &scratch.paths);
    }

    /// All threads at once.
    fn together(&self, team: &Team<'_>, blocks: usize, own: &mut [Own], paths: &Paths) {
        match own {
            [] => {}
            [own] => self.alone(team, blocks, own, paths),
            _ => {
                let (left, right) = own.split_at_mut(own.len() / 2);
                join(|| self.together(team, blocks, left, paths), || self.together(team, blocks, right, paths));
            }
        }
    }

    /// One thread.
    fn alone(&self, team: &Team<'_>, blocks: usize, own: &mut Own, paths: &Paths) {
        let begin = |own: &mut Own, phase: usize| {
            let sweep = self.get(phase);
            sweep.write_tables(self.level, self.bound, &mut own.tables);
        };
        team.work(own, begin, |own, phase, piece| {
            let sweep = self.get(phase);
            let tables = &own.tables[..sweep.table_blocks()];
            let shared = Shared { sweep, level: self.level, bound: self.bound, tables, tile: sweep.tile(blocks) };
            match (self.opening(phase), piece) {
                (Some(opening), Piece::Row(rows, outer, _)) => {
                    opening.write(self.level, rows, outer, paths);
                    for (row, tile) in rows.chunks_exact_mut(shared.tile).enumerate() {
                        let outer = outer + ((row * shared.tile) << LANE_QUBITS) as u64;
                        shared.piece(Piece::Row(tile, outer, Ahead::nothing()), &mut own.buffers);
                    }
                }
                (_, piece) => shared.piece(piece, &mut own.buffers),
            }
        });
    }
}

impl Sweep {
    /// Blocks of a tile of a state.
    fn tile(&self, blocks: usize) -> usize {
        match self.shape {
            Shape::Whole => blocks,
            Shape::Rows { qubits } => 1 << (qubits - LANE_QUBITS),
            Shape::Columns { qubits, width } => (blocks >> (qubits - LANE_QUBITS)) * width,
        }
    }

    /// Blocks that a thread needs for a table of its own, for moved amplitudes and for a column.
    fn buffers(&self, blocks: usize) -> usize {
        let moved = usize::from(self.moves());
        let tiles = match self.shape {
            Shape::Columns { width, .. } => COLUMN_BLOCKS / width * (1 + moved),
            _ => moved,
        };
        (1 + tiles) * self.tile(blocks)
    }

    /// Blocks of the tables that its tiles share.
    fn table_blocks(&self) -> usize {
        self.parts.iter().map(Part::table_blocks).sum()
    }

    /// Writes the tables that its tiles share.
    fn write_tables(&self, level: Level, bound: &Bound, tables: &mut [Block]) {
        let mut rest = tables;
        for part in self.parts.iter().filter(|part| part.tables() > 0) {
            for outer in classes(part.outer) {
                let (table, left) = rest.split_at_mut(part.table_len());
                part.write(level, table, bound, outer);
                rest = left;
            }
        }
    }

    /// Applies the parts to a state, or to a group of a batch, that is one tile.
    fn run_whole(&self, level: Level, state: &mut [Block], bound: &Bound, scratch: &mut Scratch) {
        if let Some(small) = &self.small {
            return small.run(self, level, state, bound, &mut scratch.own[0].tables);
        }
        let own = &mut scratch.own[0];
        let table = at_least(&mut own.tables, state.len());
        let spare = at_least(&mut own.buffers, if self.moves() { state.len() } else { 0 });
        if bound.stride == 1 {
            let shared = Shared { sweep: self, level, bound, tables: &[], tile: state.len() };
            shared.work_in(state, table, spare, 0, Ahead::nothing());
            return;
        }
        if let Some(start) = &self.start {
            start.write(level, state, bound, 0);
        }
        for part in &self.parts {
            part.write(level, table, bound, 0);
            let table = part.diagonal.as_ref().map(|_| &*table);
            apply_batch_passes(level, state, &part.passes, &bound.tan, table);
            if let Some(map) = &part.map {
                map.apply_in(level, state, spare, 0);
            }
        }
    }
}

/// Threads that a walk over a large state is split among.
pub(crate) fn threads() -> usize {
    #[cfg(feature = "rayon")]
    return rayon::current_num_threads().min(64);
    #[cfg(not(feature = "rayon"))]
    1
}

/// Both results, computed at the same time where there are threads.
pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    #[cfg(feature = "rayon")]
    return rayon::join(a, b);
    #[cfg(not(feature = "rayon"))]
    (a(), b())
}
