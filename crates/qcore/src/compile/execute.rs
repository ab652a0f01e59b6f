//! Plans carried out.

use super::{CLASS_QUBITS, Part, Plan, Shape, Stage, Start, Sweep, class_of, classes};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{
    Block, Columns, LANE_QUBITS, Quad, apply_batch_passes, apply_passes, build_batch_table, build_table,
};

/// Memory that an execution needs besides the state; kept from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    tables: Vec<Block>,
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
        for stage in &self.stages {
            match stage {
                Stage::Step(index) => step(state, *index),
                Stage::Sweep(sweep) => sweep.run(level, state, bound, scratch),
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

    fn apply(&self, level: Level, tile: &mut [Block], bound: &Bound, table: &[Block]) {
        let table = self.diagonal.as_ref().map(|_| table);
        if bound.stride == 1 {
            apply_passes(level, tile, &self.passes, &bound.tan, table);
        } else {
            apply_batch_passes(level, tile, &self.passes, &bound.tan, table);
        }
    }

    /// Tables that are made before a sweep, for all classes of tiles; 0 if every tile makes its own.
    fn tables(&self) -> usize {
        match &self.diagonal {
            Some(_) if self.outer.count_ones() <= CLASS_QUBITS => 1 << self.outer.count_ones(),
            _ => 0,
        }
    }
}

/// What all tiles of a sweep share.
struct Shared<'a> {
    sweep: &'a Sweep,
    level: Level,
    bound: &'a Bound,
    tables: &'a [Block],
    tile: usize,
}

impl Shared<'_> {
    fn work(&self, tile: &mut [Block], own_table: &mut [Block], outer: u64) {
        if let Some(start) = &self.sweep.start {
            start.write(self.level, tile, self.bound, outer);
        }
        let mut tables = self.tables;
        for part in &self.sweep.parts {
            let count = part.tables();
            let table: &[Block] = if count > 0 {
                let (own, rest) = tables.split_at(count * self.tile);
                tables = rest;
                let class = class_of(outer, part.outer);
                &own[class * self.tile..(class + 1) * self.tile]
            } else {
                part.write(self.level, own_table, self.bound, outer);
                own_table
            };
            part.apply(self.level, tile, self.bound, table);
        }
    }

    fn rows(&self, rows: &mut [Block], first: usize, buffers: &mut [Block]) {
        let threads = buffers.len() / (2 * self.tile);
        if threads > 1 {
            let tiles = rows.len() / self.tile;
            let middle = tiles / threads * (threads / 2);
            let (left, right) = rows.split_at_mut(middle * self.tile);
            let (a, b) = buffers.split_at_mut(threads / 2 * 2 * self.tile);
            join(|| self.rows(left, first, a), || self.rows(right, first + middle, b));
            return;
        }
        for (k, tile) in rows.chunks_exact_mut(self.tile).enumerate() {
            let outer = ((first + k) * self.tile) << LANE_QUBITS;
            self.work(tile, &mut buffers[..self.tile], outer as u64);
        }
    }

    fn columns(&self, mut columns: Columns<'_>, buffers: &mut [Block]) {
        let threads = buffers.len() / (2 * self.tile);
        if threads > 1 {
            let range = columns.range();
            let middle = range.start + range.len() / threads * (threads / 2);
            let (left, right) = columns.split(middle);
            let (a, b) = buffers.split_at_mut(threads / 2 * 2 * self.tile);
            join(|| self.columns(left, a), || self.columns(right, b));
            return;
        }
        let (own_table, tile) = buffers.split_at_mut(self.tile);
        for column in columns.range() {
            columns.gather(column, tile);
            self.work(tile, own_table, (column as u64) << super::COLUMN_QUBITS);
            columns.scatter(column, tile);
        }
    }
}

impl Sweep {
    fn run(&self, level: Level, state: &mut [Block], bound: &Bound, scratch: &mut Scratch) {
        let (tile, row) = match self.shape {
            Shape::Whole => {
                if let Some(start) = &self.start {
                    start.write(level, state, bound, 0);
                }
                let table = at_least(&mut scratch.tables, state.len());
                for part in &self.parts {
                    part.write(level, table, bound, 0);
                    part.apply(level, state, bound, table);
                }
                return;
            }
            Shape::Rows { qubits } => (1 << (qubits - LANE_QUBITS), 0),
            Shape::Columns { qubits } => {
                let row = 1 << (qubits - LANE_QUBITS);
                (state.len() / row * (1 << (super::COLUMN_QUBITS - LANE_QUBITS)), row)
            }
        };
        let count: usize = self.parts.iter().map(Part::tables).sum();
        let tables = at_least(&mut scratch.tables, count * tile);
        let mut rest = &mut *tables;
        for part in self.parts.iter().filter(|part| part.tables() > 0) {
            for outer in classes(part.outer) {
                let (table, left) = rest.split_at_mut(tile);
                part.write(level, table, bound, outer);
                rest = left;
            }
        }
        let shared = Shared { sweep: self, level, bound, tables, tile };
        let buffers = at_least(&mut scratch.buffers, 2 * tile * threads());
        if row == 0 {
            shared.rows(state, 0, buffers);
        } else {
            shared.columns(Columns::new(state, row), buffers);
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
