//! Plans undone on two states at once, reading derivatives on the way.

use super::derivative::{Probe, Read, Reads};
use super::execute::{at_least, join, threads};
use super::{COLUMN_QUBITS, Part, Plan, Shape, Stage, Sweep};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{self, Block, COLUMN_BLOCKS, Columns, LANE_QUBITS};

/// Sums over the tiles of a sweep are made in so many parts, whatever the number of threads.
const GROUPS: usize = 32;

/// Memory that backward passes need besides the states; kept from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    buffers: Vec<Block>,
    /// The tangents of the inverse rotations.
    tangents: Vec<f64>,
    /// One value per matrix element that is read.
    values: Vec<f64>,
    partial: Vec<f64>,
}

impl Clone for Tape {
    /// What is in it does not matter, so a clone begins empty.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Plan {
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
        let Tape { buffers, tangents, values, partial } = tape;
        tangents.clear();
        tangents.extend(bound.tan.iter().map(|tan| -tan));
        values.clear();
        values.resize(reads.slots(), 0.0);
        let (first, first_part) = match reads.first() {
            _ if reads.reach_start() => (0, 0),
            Some(first) => first,
            None => return,
        };
        for (index, stage) in self.stages.iter().enumerate().skip(first).rev() {
            match stage {
                Stage::Step(step) => {
                    undo(ket, *step);
                    undo(bra, *step);
                }
                Stage::Sweep(sweep) => {
                    let from = if index == first { first_part } else { 0 };
                    let back = Backward {
                        level,
                        bound,
                        tangents,
                        shape: sweep.shape,
                        undo_last: index > first || reads.reach_start(),
                    };
                    let parts = (&sweep.parts[from..], &reads.of_stage(index)[from..]);
                    back.sweep(parts, ket, bra, buffers, partial, values);
                    if let Some(start) = sweep.start.as_ref().filter(|_| reads.reach_start()) {
                        let shapes = [sweep.shape, sweep.columns()];
                        let back = Backward { undo_last: false, ..back };
                        for ((part, reads), shape) in start.back.iter().zip(reads.of_start()).zip(shapes) {
                            let back = Backward { shape, ..back };
                            let (part, reads) = (std::slice::from_ref(part), std::slice::from_ref(reads));
                            back.sweep((part, reads), ket, bra, buffers, partial, values);
                        }
                    }
                }
            }
        }
        reads.derivatives(self, bound, 0, values, out);
    }
}

impl Sweep {
    /// The columns that belong to the rows of this sweep.
    fn columns(&self) -> Shape {
        match self.shape {
            Shape::Rows { qubits } => Shape::Columns { qubits },
            other => other,
        }
    }
}

/// What all tiles of a backward sweep share.
#[derive(Clone, Copy)]
struct Backward<'a> {
    level: Level,
    bound: &'a Bound,
    tangents: &'a [f64],
    shape: Shape,
    /// Whether the rotations of the first part are undone: something is left to do behind them.
    undo_last: bool,
}

/// Parts, and what is read in each of them.
type Parts<'a> = (&'a [Part], &'a [Vec<Read>]);

/// Some tiles of two states.
enum Tiles<'a> {
    Rows { ket: &'a mut [Block], bra: &'a mut [Block], first: usize },
    Columns { ket: Columns<'a>, bra: Columns<'a> },
}

impl Backward<'_> {
    fn sweep(
        &self,
        parts: Parts<'_>,
        ket: &mut [Block],
        bra: &mut [Block],
        buffers: &mut Vec<Block>,
        partial: &mut Vec<f64>,
        values: &mut [f64],
    ) {
        let (tiles, tile) = match self.shape {
            Shape::Whole => {
                let table = at_least(buffers, ket.len());
                self.tile(parts, ket, bra, table, 0, values, 0);
                return;
            }
            Shape::Rows { qubits } => {
                let tile = 1 << (qubits - LANE_QUBITS);
                (Tiles::Rows { ket, bra, first: 0 }, tile)
            }
            Shape::Columns { qubits } => {
                let row = 1 << (qubits - LANE_QUBITS);
                let tile = ket.len() / row * COLUMN_BLOCKS;
                (Tiles::Columns { ket: Columns::new(ket, row), bra: Columns::new(bra, row) }, tile)
            }
        };
        // The slots of a sweep are consecutive numbers.
        let slots = parts.1.iter().flatten().map(|read| read.slot);
        let (low, high) = slots.fold((values.len(), 0), |(low, high), slot| (low.min(slot), high.max(slot + 1)));
        let width = high.saturating_sub(low);
        let groups = GROUPS.min(tiles.len(tile));
        partial.clear();
        partial.resize(groups * width, 0.0);
        let buffers = at_least(buffers, 3 * tile * threads());
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
            let threads = buffers.len() / (3 * tile);
            if threads > 1 {
                let (a, b) = buffers.split_at_mut(threads / 2 * 3 * tile);
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
        let (table, buffers) = buffers[..3 * tile].split_at_mut(tile);
        match tiles {
            Tiles::Rows { ket, bra, first } => {
                for (k, (ket, bra)) in ket.chunks_exact_mut(tile).zip(bra.chunks_exact_mut(tile)).enumerate() {
                    let outer = ((first + k) * tile) << LANE_QUBITS;
                    self.tile(parts, ket, bra, table, outer as u64, partial, low);
                }
            }
            Tiles::Columns { mut ket, mut bra } => {
                let (own_ket, own_bra) = buffers.split_at_mut(tile);
                for column in ket.range() {
                    ket.gather(column, own_ket);
                    bra.gather(column, own_bra);
                    self.tile(parts, own_ket, own_bra, table, (column as u64) << COLUMN_QUBITS, partial, low);
                    ket.scatter(column, own_ket);
                    bra.scatter(column, own_bra);
                }
            }
        }
    }

    /// Undoes the parts on a tile of each state and adds what is read to the sums, the first of which is that of slot `low`.
    #[allow(clippy::too_many_arguments, reason = "what a tile needs")]
    fn tile(
        &self,
        (parts, reads): Parts<'_>,
        ket: &mut [Block],
        bra: &mut [Block],
        table: &mut [Block],
        outer: u64,
        sums: &mut [f64],
        low: usize,
    ) {
        for (index, (part, reads)) in parts.iter().zip(reads).enumerate().rev() {
            if part.diagonal.is_some() {
                part.write(self.level, table, self.bound, outer);
                kernel::apply_conjugate(self.level, ket, table);
                kernel::apply_conjugate(self.level, bra, table);
            }
            let factor = part.pair_factor(self.bound);
            for read in reads {
                sums[read.slot - low] += factor * read.probe.value(self.level, bra, ket, outer);
            }
            if index > 0 || self.undo_last {
                kernel::apply_passes(self.level, ket, &part.passes, self.tangents, None);
                kernel::apply_passes(self.level, bra, &part.passes, self.tangents, None);
            }
        }
    }
}

impl Part {
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
