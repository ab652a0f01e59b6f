//! Maps of basis states as moves within tiles.

use super::linear::LinearMap;
use super::tiles::Span;
use super::{Part, Sweep};
use crate::Level;
use crate::kernel::{self, Block, LANE_QUBITS, Moves};

/// A map that changes no bit outside of a tile.
#[derive(Clone, Debug)]
pub(super) struct TileMap {
    forward: Moves,
    back: Moves,
}

impl TileMap {
    fn new(span: &Span, map: &LinearMap) -> Self {
        let inverse = map.inverse().expect("gates can be undone");
        Self { forward: moves(span, &inverse), back: moves(span, map) }
    }

    /// Writes the moved amplitudes of `from` at these outer bits to `to`.
    pub(super) fn apply(&self, level: Level, from: &[Block], to: &mut [Block], outer: u64) {
        kernel::move_tile(level, from, to, &self.forward, outer);
    }

    /// Undoes [`TileMap::apply`].
    pub(super) fn undo(&self, level: Level, from: &[Block], to: &mut [Block], outer: u64) {
        kernel::move_tile(level, from, to, &self.back, outer);
    }

    /// As [`TileMap::apply`], with the result in the same place.
    pub(super) fn apply_in(&self, level: Level, tile: &mut [Block], spare: &mut [Block], outer: u64) {
        self.apply(level, tile, spare, outer);
        tile.copy_from_slice(spare);
    }

    /// As [`TileMap::undo`], with the result in the same place.
    pub(super) fn undo_in(&self, level: Level, tile: &mut [Block], spare: &mut [Block], outer: u64) {
        self.undo(level, tile, spare, outer);
        tile.copy_from_slice(spare);
    }
}

/// Where amplitudes come from, by the map from places to sources.
fn moves(span: &Span, source: &LinearMap) -> Moves {
    // A bit of the index as it is numbered in moves: lanes, a bit that is free, then blocks.
    let number = |mask: u64| {
        let (_, local) = span.local(mask);
        let lanes = local & ((1 << span.lanes) - 1);
        ((local >> span.lanes << 3) | lanes) as u32
    };
    let of = |qubit: usize| number(source.columns()[qubit]);
    let mut lanes = [0, 1, 2, 3];
    if span.lanes == LANE_QUBITS {
        let [a, b] = [of(span.qubits[0]), of(span.qubits[1])];
        lanes = [0, a, b, a ^ b];
    }
    let blocks: Vec<u32> = span.qubits[span.lanes..].iter().map(|&qubit| of(qubit)).collect();
    let outside = (0..source.columns().len()).filter(|&qubit| span.position(qubit).is_none());
    debug_assert!(outside.clone().all(|qubit| {
        let others = source.columns().iter().enumerate().filter(|&(bit, _)| bit != qubit);
        others.fold(source.constant(), |all, (_, &column)| all | column) >> qubit & 1 == 0
    }));
    let outer = outside.map(|qubit| (qubit as u32, of(qubit))).filter(|&(_, by)| by != 0).collect();
    Moves::new(&blocks, lanes, outer, number(source.constant()))
}

/// Adds a map behind the parts of a tile.
pub(super) fn append(parts: &mut Vec<Part>, span: &Span, map: &LinearMap) {
    if map.is_identity() {
        return;
    }
    let map = Some(Box::new(TileMap::new(span, map)));
    match parts.last_mut().filter(|last| last.map.is_none()) {
        Some(last) => last.map = map,
        None => parts.push(Part { map, ..Part::default() }),
    }
}

impl Sweep {
    /// Whether tiles need room for moved amplitudes.
    pub(super) fn moves(&self) -> bool {
        self.parts.iter().any(|part| part.map.is_some())
    }
}
