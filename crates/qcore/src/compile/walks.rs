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
    /// The bits of the block index within a chunk.
    chunk: usize,
    walks: Vec<Walk>,
    passes: Vec<Pass>,
}

/// Passes, the diagonal operator of a part, and passes of the next part.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// Whether all of it happens within chunks.
    pub(super) chunks: bool,
    /// The bits of the block index within aligned runs that are all treated alike, and by themselves.
    pub(super) run: usize,
    before: Range<usize>,
    /// The part whose table is multiplied with.
    pub(super) part: Option<usize>,
    /// Where its tables begin among those that all tiles of a sweep share.
    pub(super) tables: usize,
    after: Range<usize>,
    /// The part whose map follows.
    pub(super) map: Option<usize>,
}

impl Sweep {
    /// A walk over tiles of this span.
    pub(super) fn new(shape: Shape, start: Option<Start>, parts: Vec<Part>, span: &Span) -> Self {
        let mut sweep = Self { shape, start, parts, walks: Walks::default(), small: None };
        if span.lanes > 0 {
            sweep.find_walks(span.block_bits());
        }
        sweep
    }

    /// Finds how tiles of so many bits take its parts, and cuts their tables down to what that takes.
    pub(super) fn find_walks(&mut self, bits: usize) {
        self.walks = Walks::new(&self.parts, bits);
        for walk in &self.walks.walks {
            if let Some(diagonal) = walk.part.and_then(|part| self.parts[part].diagonal.as_mut()) {
                diagonal.doublings.truncate(walk.run);
            }
        }
        for walk in &mut self.walks.walks {
            walk.tables = self.parts[..walk.part.unwrap_or(0)].iter().map(Part::table_blocks).sum();
        }
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
        let chunk = chunk_bits(bits);
        let mut walks = Self { chunk, ..Self::default() };
        if bits == chunk {
            walks.in_one(parts)
        } else {
            walks.in_chunks(parts)
        }
        walks
    }

    /// Adds a walk with the table of a part, whose number comes with it.
    fn push(&mut self, chunks: bool, before: &[Pass], part: Option<(usize, &Part)>, after: impl Iterator<Item = Pass>) {
        let start = self.passes.len();
        self.passes.extend_from_slice(before);
        let middle = self.passes.len();
        self.passes.extend(after);
        let end = self.passes.len();
        let part = part.filter(|(_, part)| part.diagonal.is_some());
        if start < end || part.is_some() {
            let reach = part.map_or(0, |(_, part)| part.reach as usize);
            let run = self.passes[start..].iter().map(Pass::reach).fold(reach.max(self.chunk), usize::max);
            let part = part.map(|(index, _)| index);
            let walk = Walk { chunks, run, before: start..middle, part, tables: 0, after: middle..end, map: None };
            self.walks.push(walk);
        }
    }

    /// Puts the map of a part behind the walks so far.
    fn push_map(&mut self, part: usize) {
        match self.walks.last_mut().filter(|walk| walk.map.is_none()) {
            Some(walk) => walk.map = Some(part),
            None => {
                let end = self.passes.len();
                let nothing = end..end;
                let walk = Walk {
                    chunks: false,
                    run: self.chunk,
                    before: nothing.clone(),
                    part: None,
                    tables: 0,
                    after: nothing,
                    map: Some(part),
                };
                self.walks.push(walk);
            }
        }
    }

    /// The tile is one chunk.
    fn in_one(&mut self, parts: &[Part]) {
        for (index, part) in parts.iter().enumerate() {
            self.push(false, &part.passes, Some((index, part)), std::iter::empty());
            if part.map.is_some() {
                self.push_map(index);
            }
        }
    }

    fn in_chunks(&mut self, parts: &[Part]) {
        let chunk = self.chunk;
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
            self.push(chunks, rest, Some((index, part)), after.iter().rev().copied());
            done = Some(chunks).filter(|_| part.map.is_none());
            if part.map.is_some() {
                self.push_map(index);
            }
        }
    }

    /// Blocks of a chunk.
    pub(super) fn chunk(&self) -> usize {
        1 << self.chunk
    }

    pub(super) fn all(&self) -> &[Walk] {
        &self.walks
    }

    /// The passes of a walk before and after its table.
    pub(super) fn passes(&self, walk: &Walk) -> (&[Pass], &[Pass]) {
        (&self.passes[walk.before.clone()], &self.passes[walk.after.clone()])
    }

    /// How many of these walks every chunk can take before the next chunk begins, if all tables are made beforehand: one at least.
    pub(super) fn together(&self, walks: &[Walk], parts: &[Part]) -> usize {
        let alone = |walk: &&Walk| {
            walk.chunks && walk.run == self.chunk && walk.part.is_none_or(|part| parts[part].tables() > 0)
        };
        let count = walks.iter().take_while(alone).count();
        let moved = walks[..count].iter().position(|walk| walk.map.is_some());
        moved.map_or(count, |last| last + 1).max(1)
    }
}
