//! The order in which a tile takes its parts: few walks over what does not fit into the first-level cache.
//!
//! A tile is walked over in chunks for the rotations within a chunk, and as a whole for those between chunks. Rotations of
//! distinct qubits commute, so a walk ends one part, with its diagonal operator, and begins the next one.

use std::ops::Range;

use super::tiles::Span;
use super::{Part, Shape, Start, Sweep};
use crate::Level;
use crate::kernel::{self, Block, Pass};

/// Bits of the block index within a chunk, at most: 32 KiB.
pub(super) const CHUNK_BITS: usize = 9;

/// Bits of the block index within a chunk, of those of a tile: no single bit is left over.
pub(super) fn chunk_bits(bits: usize) -> usize {
    if bits == CHUNK_BITS + 1 { CHUNK_BITS - 1 } else { bits.min(CHUNK_BITS) }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Walks {
    walks: Vec<Walk>,
    passes: Vec<Pass>,
}

/// Passes, the diagonal operator of a part, and passes of the next part.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// Whether all of it happens within chunks.
    pub(super) chunks: bool,
    before: Range<usize>,
    /// The part whose table is multiplied with.
    pub(super) part: Option<usize>,
    after: Range<usize>,
    /// The part whose map follows.
    pub(super) map: Option<usize>,
}

impl Sweep {
    /// A walk over tiles of this span.
    pub(super) fn new(shape: Shape, start: Option<Start>, parts: Vec<Part>, span: &Span) -> Self {
        let walks = if span.lanes == 0 { Walks::default() } else { Walks::new(&parts, span.block_bits()) };
        Self { shape, start, parts, walks, small: None }
    }
}

impl Part {
    /// How many of its passes stay within chunks.
    fn inner(&self, chunk: usize) -> usize {
        self.passes.partition_point(|pass| pass.within(chunk))
    }

    /// Whether it is a map alone.
    pub(super) fn is_map(&self) -> bool {
        self.passes.is_empty() && self.diagonal.is_none()
    }

    /// Applies its rotations and its diagonal operator to a tile, with the table of its diagonal operator: what stays within chunks chunk by chunk.
    pub(super) fn apply(&self, level: Level, tile: &mut [Block], tans: &[f64], table: &[Block]) {
        if self.is_map() {
            return;
        }
        let bits = chunk_bits(tile.len().ilog2() as usize);
        let (inner, outer) = self.passes.split_at(self.inner(bits));
        let chunks = tile.chunks_exact_mut(1 << bits);
        if outer.is_empty() {
            for (chunk, table) in chunks.zip(table.chunks_exact(1 << bits)) {
                kernel::apply_passes(level, chunk, inner, tans, Some(table));
            }
            return;
        }
        chunks.for_each(|chunk| kernel::apply_passes(level, chunk, inner, tans, None));
        kernel::apply_passes(level, tile, outer, tans, Some(table));
    }

    /// Undoes [`Part::apply`]; `tans` are the tangents of the inverse rotations.
    pub(super) fn undo(&self, level: Level, tile: &mut [Block], tans: &[f64], table: &[Block]) {
        if self.is_map() {
            return;
        }
        let bits = chunk_bits(tile.len().ilog2() as usize);
        let (inner, outer) = self.passes.split_at(self.inner(bits));
        if outer.is_empty() {
            for (chunk, table) in tile.chunks_exact_mut(1 << bits).zip(table.chunks_exact(1 << bits)) {
                kernel::undo_passes(level, chunk, inner, tans, Some(table));
            }
            return;
        }
        kernel::undo_passes(level, tile, outer, tans, Some(table));
        tile.chunks_exact_mut(1 << bits).for_each(|chunk| kernel::undo_passes(level, chunk, inner, tans, None));
    }
}

impl Walks {
    pub(super) fn new(parts: &[Part], bits: usize) -> Self {
        let mut walks = Self::default();
        let chunk = chunk_bits(bits);
        if bits == chunk {
            walks.in_one(parts)
        } else {
            walks.in_chunks(parts, chunk)
        }
        walks
    }

    fn push(&mut self, chunks: bool, before: &[Pass], part: Option<usize>, after: impl Iterator<Item = Pass>) {
        let start = self.passes.len();
        self.passes.extend_from_slice(before);
        let middle = self.passes.len();
        self.passes.extend(after);
        let end = self.passes.len();
        if start < end || part.is_some() {
            self.walks.push(Walk { chunks, before: start..middle, part, after: middle..end, map: None });
        }
    }

    /// Puts the map of a part behind the walks so far.
    fn push_map(&mut self, part: usize) {
        match self.walks.last_mut().filter(|walk| walk.map.is_none()) {
            Some(walk) => walk.map = Some(part),
            None => {
                let end = self.passes.len();
                let walk = Walk { chunks: false, before: end..end, part: None, after: end..end, map: Some(part) };
                self.walks.push(walk);
            }
        }
    }

    /// The tile is one chunk.
    fn in_one(&mut self, parts: &[Part]) {
        for (index, part) in parts.iter().enumerate() {
            self.push(false, &part.passes, part.diagonal.is_some().then_some(index), std::iter::empty());
            if part.map.is_some() {
                self.push_map(index);
            }
        }
    }

    fn in_chunks(&mut self, parts: &[Part], chunk: usize) {
        let split = |part: &Part| part.inner(chunk);
        // Which side of the present part is done.
        let mut done: Option<bool> = None;
        for (index, part) in parts.iter().enumerate() {
            let (inner, outer) = part.passes.split_at(split(part));
            let chunks = match done {
                None if !outer.is_empty() => {
                    self.push(true, inner, None, std::iter::empty());
                    false
                }
                None => true,
                Some(chunks) if chunks => outer.is_empty(),
                Some(_) => true,
            };
            let rest = match (done, chunks) {
                (Some(true), true) => &[],
                (_, true) => inner,
                (_, false) => outer,
            };
            let next = parts.get(index + 1).filter(|_| part.map.is_none());
            let after = next.map_or(&[][..], |next| {
                let (inner, outer) = next.passes.split_at(split(next));
                if chunks { inner } else { outer }
            });
            self.push(chunks, rest, part.diagonal.is_some().then_some(index), after.iter().rev().copied());
            done = Some(chunks).filter(|_| part.map.is_none());
            if part.map.is_some() {
                self.push_map(index);
            }
        }
    }

    /// The walks, each with the passes before and after its table.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Walk, &[Pass], &[Pass])> {
        self.walks.iter().map(|walk| (walk, &self.passes[walk.before.clone()], &self.passes[walk.after.clone()]))
    }
}
