//! Tables of diagonal operators, built by doubling.

use super::rows::Rows;
use super::{Block, Indices, kernel_rows, parity_sign};

/// A diagonal operator on a tile: a product of one factor per local qubit and of factors for products of bits.
///
/// Values are named by their index into the arrays of a [`Values`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Diagonal {
    /// Terms without a bit in the tile.
    pub(crate) outer_terms: Vec<Term>,
    /// The factors where lane qubit 0 or 1 is set; unused in a batch.
    pub(crate) lane_factors: [u32; 2],
    /// Terms whose bits in the tile are lane qubits only.
    pub(crate) lane_terms: Vec<Term>,
    /// One step per bit of the block index, ascending.
    pub(crate) doublings: Vec<Doubling>,
    pub(crate) parities: Vec<Parity>,
}

/// A factor where all bits of a mask are set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Term {
    /// The bits outside of the tile.
    pub(crate) outer: u64,
    /// The bits of the block index, without the highest one in a [`Doubling`].
    pub(crate) blocks: usize,
    pub(crate) lanes: usize,
    pub(crate) value: u32,
}

impl Diagonal {
    /// The bits of the block index that it depends on; `one` is the index of the value 1.
    pub(crate) fn used(&self, one: u32) -> usize {
        let mut used = 0;
        for (bit, doubling) in self.doublings.iter().enumerate() {
            let trivial = doubling.factor == one && doubling.signs == [1.0; 4] && doubling.terms.is_empty();
            let others = doubling.partner.iter().chain(&doubling.rest);
            let reach = others.fold(0, |all, term| all | term.blocks | 1 << bit);
            used |= if trivial { reach } else { reach | 1 << bit };
        }
        for parity in &self.parities {
            used |= parity.blocks | parity.block_controls;
        }
        used
    }
}

/// What multiplies the half of a table in which one more bit is set.
#[derive(Clone, Debug)]
pub(crate) struct Doubling {
    pub(crate) factor: u32,
    /// Constant signs per lane: the CZ gates between this bit and the lanes.
    pub(crate) signs: [f64; 4],
    /// Terms of this bit with lanes or outer bits.
    pub(crate) terms: Vec<Term>,
    /// A term with one lower bit of the block index.
    pub(crate) partner: Option<Term>,
    pub(crate) rest: Vec<Term>,
}

/// `exp(-i theta / 2 Z...Z)` on the bits of a mask, where controls are set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parity {
    pub(crate) outer: u64,
    pub(crate) outer_controls: u64,
    /// Tile-local masks over lane bits and block bits; lane bits come first.
    pub(crate) lanes: usize,
    pub(crate) blocks: usize,
    pub(crate) lane_controls: usize,
    pub(crate) block_controls: usize,
    /// Index of the conjugate phase `exp(-i theta / 2)`.
    pub(crate) value: u32,
}

/// Complex values: one per index, or four in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) re: &'a [f64],
    pub(crate) im: &'a [f64],
}

/// A complex number per lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quad {
    pub(crate) re: [f64; 4],
    pub(crate) im: [f64; 4],
}

impl Quad {
    pub(crate) const ONE: Self = Self { re: [1.0; 4], im: [0.0; 4] };

    /// The products of the lanes.
    #[inline(always)]
    pub(crate) fn times(self, o: Self) -> Self {
        let mut out = self;
        for l in 0..4 {
            out.re[l] = self.re[l] * o.re[l] - self.im[l] * o.im[l];
            out.im[l] = self.re[l] * o.im[l] + self.im[l] * o.re[l];
        }
        out
    }

    /// Itself in the lanes whose bits include `mask`, one elsewhere.
    #[inline(always)]
    fn on(self, mask: usize) -> Self {
        let mut out = Self::ONE;
        for l in 0..4 {
            if l & mask == mask {
                (out.re[l], out.im[l]) = (self.re[l], self.im[l]);
            }
        }
        out
    }
}

impl Doubling {
    /// All its terms but the constant signs.
    pub(super) fn all_terms(&self) -> impl Iterator<Item = &Term> {
        self.terms.iter().chain(&self.partner).chain(&self.rest)
    }
}

impl Values<'_> {
    /// The value with this index, outside of batches.
    #[inline(always)]
    pub(crate) fn single(&self, index: u32) -> (f64, f64) {
        (self.re[index as usize], self.im[index as usize])
    }

    #[inline(always)]
    fn get<const BATCH: bool>(&self, index: u32) -> Quad {
        let k = index as usize;
        if BATCH {
            Quad { re: self.re.as_chunks::<4>().0[k], im: self.im.as_chunks::<4>().0[k] }
        } else {
            Quad { re: [self.re[k]; 4], im: [self.im[k]; 4] }
        }
    }
}

kernel_rows! {
    /// Writes the table of `diagonal` times `start` for the tile at the outer bits `outer`. A table that is shorter than the tile by `2^s`
    /// leaves out the lowest `s` bits of the block index, which the operator must not depend on. One that is longer repeats it.
    build_table(table: &mut [Block], diagonal: &Diagonal, values: Values<'_>, start: Quad, outer: u64) = single_generic
}

kernel_rows! {
    /// As [`build_table`], for a batch.
    build_batch_table(table: &mut [Block], diagonal: &Diagonal, values: Values<'_>, start: Quad, outer: u64) = batch_generic
}

#[inline(always)]
fn single_generic<V: Rows>(table: &mut [Block], diagonal: &Diagonal, values: Values<'_>, start: Quad, outer: u64) {
    build::<V, false>(table, diagonal, values, start, outer);
}

#[inline(always)]
fn batch_generic<V: Rows>(table: &mut [Block], diagonal: &Diagonal, values: Values<'_>, start: Quad, outer: u64) {
    build::<V, true>(table, diagonal, values, start, outer);
}

/// The entries of a table for the lanes of the first block: `start` times the factors of the two lane qubits.
#[inline(always)]
fn first_entry(start: Quad, factors: [u32; 2], values: Values<'_>) -> Quad {
    let [a, b] = factors.map(|index| values.single(index));
    let both = (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0);
    start.times(Quad { re: [1.0, a.0, b.0, both.0], im: [0.0, a.1, b.1, both.1] })
}

#[inline(always)]
fn build<V: Rows, const BATCH: bool>(table: &mut [Block], d: &Diagonal, values: Values<'_>, start: Quad, outer: u64) {
    let spread = d.doublings.len().saturating_sub(table.len().ilog2() as usize);
    let (table, repeats) = table.split_at_mut(1 << (d.doublings.len() - spread));
    let mut first = start;
    for term in d.outer_terms.iter().filter(|term| outer & term.outer == term.outer) {
        first = first.times(values.get::<BATCH>(term.value));
    }
    if !BATCH {
        first = first_entry(first, d.lane_factors, values);
        for term in d.lane_terms.iter().filter(|term| outer & term.outer == term.outer) {
            first = first.times(values.get::<BATCH>(term.value).on(term.lanes));
        }
    }
    table[0] = Block { re: first.re, im: first.im };
    for (bit, doubling) in d.doublings[spread..].iter().enumerate() {
        let (done, rest) = table.split_at_mut(1 << bit);
        let new = &mut rest[..1 << bit];
        let mut factor = values.get::<BATCH>(doubling.factor);
        if !BATCH {
            for l in 0..4 {
                factor.re[l] *= doubling.signs[l];
                factor.im[l] *= doubling.signs[l];
            }
        }
        for term in doubling.terms.iter().filter(|term| outer & term.outer == term.outer) {
            factor = factor.times(values.get::<BATCH>(term.value).on(term.lanes));
        }
        match doubling.partner.filter(|term| outer & term.outer == term.outer) {
            None => scaled::<V>(done, &factor, new),
            Some(term) => {
                let other = factor.times(values.get::<BATCH>(term.value).on(term.lanes));
                let run = term.blocks >> spread;
                for (done, new) in done.chunks_exact(2 * run).zip(new.chunks_exact_mut(2 * run)) {
                    scaled::<V>(&done[..run], &factor, &mut new[..run]);
                    scaled::<V>(&done[run..], &other, &mut new[run..]);
                }
            }
        }
        for term in doubling.rest.iter().filter(|term| outer & term.outer == term.outer) {
            let factor = values.get::<BATCH>(term.value).on(term.lanes);
            for index in Indices::new(new.len(), term.blocks >> spread, 0) {
                let old = new[index];
                V::product(&old, &factor.re, &factor.im, &mut new[index]);
            }
        }
    }
    for parity in &d.parities {
        if outer & parity.outer_controls != parity.outer_controls {
            continue;
        }
        let value = values.get::<BATCH>(parity.value);
        let outer_sign = if (outer & parity.outer).count_ones() % 2 == 1 { -1.0 } else { 1.0 };
        let mut signed = value;
        for l in 0..4 {
            signed.im[l] *= outer_sign * if BATCH { 1.0 } else { parity_sign(parity.lanes & l) };
        }
        let even = if BATCH { signed } else { signed.on(parity.lane_controls) };
        let mut odd = even;
        for l in 0..4 {
            odd.im[l] = -odd.im[l];
        }
        for index in Indices::new(table.len(), parity.block_controls >> spread, 0) {
            let factor = if (index & parity.blocks >> spread).count_ones() % 2 == 1 { &odd } else { &even };
            let old = table[index];
            V::product(&old, &factor.re, &factor.im, &mut table[index]);
        }
    }
    repeats.chunks_exact_mut(table.len()).for_each(|repeat| repeat.copy_from_slice(table));
}

#[inline(always)]
fn scaled<V: Rows>(from: &[Block], factor: &Quad, to: &mut [Block]) {
    for (from, to) in from.iter().zip(to) {
        V::product(from, &factor.re, &factor.im, to);
    }
}
