//! Plans for small registers: their layers go through one kernel, which keeps the state in registers.

use super::execute::at_least;
use super::tiles::Span;
use super::{Part, Sweep};
use crate::Level;
use crate::compile::Bound;
use crate::kernel::{self, Block, LANE_QUBITS, Pass, SMALL_QUBITS, SmallDiagonal, SmallLayer, SmallValues};

#[derive(Clone, Debug)]
pub(super) struct Small {
    /// Those of the sweep: that of its start, then those of its parts.
    pub(super) layers: Vec<SmallLayer>,
    /// The first layer as rotations and a diagonal operator, as all others; `None` if there is nothing in it.
    pub(super) first: Option<SmallLayer>,
    /// The layers whose diagonal operators need tables.
    pub(super) tables: Vec<usize>,
}

impl Small {
    /// For a sweep that begins with a product state on a small register; `none` is the index of the tangent 0, `minus_one` that of
    /// the value -1.
    pub(super) fn new(sweep: &Sweep, span: &Span, none: u32, minus_one: u32) -> Option<Self> {
        if sweep.moves() {
            return None;
        }
        let start = sweep.start.as_ref().filter(|_| span.lanes == LANE_QUBITS && span.qubits.len() <= SMALL_QUBITS)?;
        let rows = span.block_bits();
        let no_turns = Pass { rows, bits: [0, 1, 2], lanes: true, row_tans: [none; 3], lane_tans: [none; 2] };
        let layer_of = |part: &Part| {
            let mut pass = no_turns;
            for one in &part.passes {
                for (&bit, &tan) in one.bits.iter().zip(&one.row_tans).take(one.rows) {
                    pass.row_tans[bit as usize] = tan;
                }
                if one.lanes {
                    pass.lane_tans = one.lane_tans;
                }
            }
            let diagonal = SmallDiagonal::new(part.diagonal.as_ref()?, minus_one);
            Some(SmallLayer { pass, diagonal: diagonal.unwrap_or(LATER), scale: part.scale })
        };
        let first = match start.back.as_slice() {
            [back] => layer_of(back),
            _ => None,
        };
        let mut small = Self { layers: Vec::with_capacity(1 + sweep.parts.len()), first, tables: Vec::new() };
        let diagonal = SmallDiagonal::new(&start.diagonal, minus_one);
        small.push(SmallLayer { pass: no_turns, diagonal: diagonal.unwrap_or(LATER), scale: start.scale });
        for part in &sweep.parts {
            small.push(layer_of(part)?);
        }
        Some(small)
    }

    fn push(&mut self, mut layer: SmallLayer) {
        if let SmallDiagonal::Table(table) = &mut layer.diagonal {
            *table = self.tables.len();
            self.tables.push(self.layers.len());
        }
        self.layers.push(layer);
    }

    /// Runs the sweep that it was made for, on the whole state.
    pub(super) fn run(&self, sweep: &Sweep, level: Level, state: &mut [Block], bound: &Bound, tables: &mut Vec<Block>) {
        let blocks = state.len();
        let tables = at_least(tables, self.tables.len() * blocks);
        for (&layer, table) in self.tables.iter().zip(tables.chunks_exact_mut(blocks)) {
            match (layer.checked_sub(1), &sweep.start) {
                (Some(part), _) => Part::write(&sweep.parts[part], level, table, bound, 0),
                (None, Some(start)) => start.write(level, table, bound, 0),
                (None, None) => {}
            }
        }
        let start = bound.start(self.layers[0].scale);
        let values = SmallValues { tans: &bound.tan, values: bound.values(), scales: bound.scales(), start, tables };
        kernel::run_small(level, state, &self.layers, values);
    }
}

/// A table whose number is not yet known.
const LATER: SmallDiagonal = SmallDiagonal::Table(0);
