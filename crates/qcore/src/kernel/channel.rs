//! Maps on real coefficients of Pauli strings: density matrices in the Pauli basis.
//!
//! A string is a number with two bits per qubit, its digits I, X, Z, Y = 0, 1, 2, 3; the product of two strings is the
//! exclusive or of their numbers. A block holds eight coefficients: the lanes are the digit of qubit 0. All maps preserve the
//! trace, so the coefficient of the identity on the qubits of a map is never touched.

use super::lanes::{Lanes, Portable};
use super::rows::Rows;
use super::{Block, Indices, kernel, per_lane};

/// A map on the 16 strings of two qubits with at most two entries per row, of which one is on the diagonal: gates of the
/// Clifford group, rotations by a string, and mixtures of Pauli operators after them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sparse {
    source: [u8; 16],
    other: [f64; 16],
    own: [f64; 16],
    /// Whether some row has two entries.
    mixed: bool,
}

impl Sparse {
    /// From the diagonal entries and one more entry of each row, in column `source`.
    pub(crate) fn new(own: [f64; 16], source: [u8; 16], other: [f64; 16]) -> Self {
        let mut map = Self { source, other, own, mixed: false };
        for row in 0..16 {
            if other[row] == 0.0 {
                map.source[row] = row as u8;
                (map.own[row], map.other[row]) = (0.0, own[row]);
            }
            map.mixed |= map.own[row] != 0.0;
        }
        map
    }

    /// The diagonal, if nothing else is there.
    pub(crate) fn diagonal(&self) -> Option<[f64; 16]> {
        let alone = !self.mixed && self.source.iter().enumerate().all(|(row, &source)| usize::from(source) == row);
        alone.then_some(self.other)
    }

    /// All entries, row-major.
    pub(crate) fn matrix(&self) -> [f64; 256] {
        let mut matrix = [0.0; 256];
        for row in 0..16 {
            matrix[17 * row] += self.own[row];
            matrix[16 * row + usize::from(self.source[row])] += self.other[row];
        }
        matrix
    }

    /// Multiplies the rows.
    pub(crate) fn scale(&mut self, factor: impl Fn(usize) -> f64) {
        for row in 0..16 {
            self.own[row] *= factor(row);
            self.other[row] *= factor(row);
        }
    }
}

/// A map on two qubits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PairMap<'a> {
    Identity,
    Sparse(&'a Sparse),
    /// Row-major, like all matrices here; the first qubit is the lowest digit of an index.
    Dense(&'a [f64; 256]),
}

/// Maps on each of two qubits, then one on both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairPass<'a> {
    pub(crate) qubits: [usize; 2],
    pub(crate) before: [Option<&'a [f64; 16]>; 2],
    pub(crate) map: PairMap<'a>,
}

/// Applies a pass to the coefficients of at least three qubits.
pub(crate) fn apply_pair(level: crate::Level, state: &mut [Block], pass: &PairPass<'_>) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,popcnt")]
    fn avx2(state: &mut [Block], pass: &PairPass<'_>) {
        pair_generic::<super::lanes::Avx2, super::lanes::Avx2>(state, pass);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma,popcnt")]
    fn avx512(state: &mut [Block], pass: &PairPass<'_>) {
        pair_generic::<super::rows::Avx512, super::lanes::Avx2>(state, pass);
    }

    #[cfg(target_arch = "x86_64")]
    if level.is_avx512() {
        // SAFETY: a level with AVX-512 is made only by run-time detection of all the features above.
        return unsafe { avx512(state, pass) };
    }
    #[cfg(target_arch = "x86_64")]
    if level.is_avx2() {
        // SAFETY: a level with AVX2 is made only by run-time detection of AVX2, FMA and POPCNT.
        return unsafe { avx2(state, pass) };
    }
    let _ = level;
    pair_generic::<Portable, Portable>(state, pass);
}

kernel! {
    /// `rho -> exp(-i t P / 2) rho exp(i t P / 2)` for the cosine and sine of `t` and a string `P` other than the identity.
    turn_string(state: &mut [Block], string: u64, cos: f64, sin: f64) = turn_generic
}

/// The coefficients by quadruples of the digit of qubit 0.
#[inline(always)]
fn quads(state: &mut [Block]) -> &mut [[f64; 4]] {
    // SAFETY: a block is eight doubles without padding (`repr(C)`), twice four of them, and no less aligned.
    unsafe { std::slice::from_raw_parts_mut(state.as_mut_ptr().cast(), 2 * state.len()) }
}

/// As [`quads`], to read.
#[inline(always)]
fn quads_of(state: &[Block]) -> &[[f64; 4]] {
    // SAFETY: as in `quads`.
    unsafe { std::slice::from_raw_parts(state.as_ptr().cast(), 2 * state.len()) }
}

#[inline(always)]
fn transpose<V: Lanes>(rows: [V; 4]) -> [V; 4] {
    let mut entries = [[0.0; 4]; 4];
    for (row, entries) in rows.iter().zip(&mut entries) {
        row.store(entries);
    }
    std::array::from_fn(|column| V::load(&per_lane(|row| entries[row][column])))
}

#[inline(always)]
fn pair_generic<W: Rows, V: Lanes + Rows>(state: &mut [Block], pass: &PairPass<'_>) {
    let [first, second] = pass.qubits;
    assert!(first != second, "a pass acts on two qubits");
    let unital = pass.before.map(|matrix| matrix.is_some_and(|m| m[4] == 0.0 && m[8] == 0.0 && m[12] == 0.0));
    match first.min(second) {
        0 => with_lanes::<V>(quads(state), pass, unital),
        1 => between_quads::<V>(quads(state), pass, unital),
        _ => between_blocks::<W>(state, pass, unital),
    }
}

/// The offsets of the 16 strings of a group, for the place of the digit of each qubit.
#[inline(always)]
fn offsets(first: usize, second: usize) -> [usize; 16] {
    std::array::from_fn(|k| (k & 3) << first | (k >> 2) << second)
}

/// Both qubits select blocks.
#[inline(always)]
fn between_blocks<W: Rows>(state: &mut [Block], pass: &PairPass<'_>, unital: [bool; 2]) {
    // Two bits of the digit of qubit 0 and one of qubit 1 are within a block.
    let offsets = offsets(2 * pass.qubits[0] - 3, 2 * pass.qubits[1] - 3);
    for index in Indices::new(state.len(), 0, offsets[15]) {
        // All parts of the 16 lines are taken before any is written: on high qubits the lines compete for one place in the
        // cache.
        let mut groups = [[W::zero(); 16]; 2];
        for (k, offset) in offsets.into_iter().enumerate() {
            // SAFETY: `Indices` yields indices below `state.len()` with the bits of `offsets[15]` 0, of which all offsets are
            // made.
            let block = unsafe { state.get_unchecked(index | offset) };
            for (part, group) in groups.iter_mut().enumerate().take(W::PARTS) {
                group[k] = W::load(block, part);
            }
        }
        for group in groups.iter_mut().take(W::PARTS) {
            work(group, pass, unital);
        }
        for (k, offset) in offsets.into_iter().enumerate() {
            // SAFETY: as above.
            let block = unsafe { state.get_unchecked_mut(index | offset) };
            for (part, group) in groups.iter().enumerate().take(W::PARTS) {
                group[k].store(block, part);
            }
        }
    }
}

/// Qubit 1 is one of the two: a digit of it is two blocks.
#[inline(always)]
fn between_quads<V: Lanes + Rows>(quads: &mut [[f64; 4]], pass: &PairPass<'_>, unital: [bool; 2]) {
    let offsets = offsets(2 * pass.qubits[0] - 2, 2 * pass.qubits[1] - 2);
    for index in Indices::new(quads.len(), 0, offsets[15]) {
        let mut group = [V::zero(); 16];
        for (vector, offset) in group.iter_mut().zip(offsets) {
            // SAFETY: `Indices` yields indices below `quads.len()` with the bits of `offsets[15]` 0, of which all offsets are
            // made.
            *vector = <V as Lanes>::load(unsafe { quads.get_unchecked(index | offset) });
        }
        work(&mut group, pass, unital);
        for (vector, offset) in group.iter().zip(offsets) {
            // SAFETY: as above.
            <V as Lanes>::store(*vector, unsafe { quads.get_unchecked_mut(index | offset) });
        }
    }
}

/// Qubit 0 is one of the two, within the lanes: four groups at a time, which differ in the digit of a third qubit, change
/// places with it.
#[inline(always)]
fn with_lanes<V: Lanes + Rows>(quads: &mut [[f64; 4]], pass: &PairPass<'_>, unital: [bool; 2]) {
    let [first, second] = pass.qubits;
    let outer = first.max(second);
    let third = if outer == 1 { 2 } else { 1 };
    let offsets = offsets(2 * third - 2, 2 * outer - 2);
    // Position in the group for the digit of the outer qubit and the lane.
    let at = |digit: usize, lane: usize| if first == 0 { lane | digit << 2 } else { digit | lane << 2 };
    for index in Indices::new(quads.len(), 0, offsets[15]) {
        let mut group = [V::zero(); 16];
        for digit in 0..4 {
            let mut rows = [V::zero(); 4];
            for (row, offset) in rows.iter_mut().zip(&offsets[4 * digit..]) {
                // SAFETY: as in `between_quads`.
                *row = <V as Lanes>::load(unsafe { quads.get_unchecked(index | offset) });
            }
            for (lane, vector) in transpose::<V>(rows).into_iter().enumerate() {
                group[at(digit, lane)] = vector;
            }
        }
        work(&mut group, pass, unital);
        for digit in 0..4 {
            let rows = transpose::<V>(std::array::from_fn(|lane| group[at(digit, lane)]));
            for (k, row) in rows.into_iter().enumerate() {
                // SAFETY: as above.
                <V as Lanes>::store(row, unsafe { quads.get_unchecked_mut(index | offsets[digit << 2 | k]) });
            }
        }
    }
}

/// A pass on the 16 strings of its qubits.
#[inline(always)]
fn work<V: Rows>(group: &mut [V; 16], pass: &PairPass<'_>, unital: [bool; 2]) {
    match (pass.before[0], unital[0]) {
        (Some(matrix), true) => one_qubit::<V, true, 1, 4>(group, matrix),
        (Some(matrix), false) => one_qubit::<V, false, 1, 4>(group, matrix),
        (None, _) => {}
    }
    match (pass.before[1], unital[1]) {
        (Some(matrix), true) => one_qubit::<V, true, 4, 1>(group, matrix),
        (Some(matrix), false) => one_qubit::<V, false, 4, 1>(group, matrix),
        (None, _) => {}
    }
    match pass.map {
        PairMap::Identity => {}
        PairMap::Sparse(sparse) => {
            let old = *group;
            // The mask shows that the index is in range.
            let source = |row: usize| old[usize::from(sparse.source[row] & 15)];
            if sparse.mixed {
                for (row, new) in group.iter_mut().enumerate().skip(1) {
                    let (own, other) = (V::splat(sparse.own[row]), V::splat(sparse.other[row]));
                    *new = source(row).mul_add(other, old[row].mul_add(own, V::zero()));
                }
            } else {
                for (row, new) in group.iter_mut().enumerate().skip(1) {
                    *new = source(row).mul_add(V::splat(sparse.other[row]), V::zero());
                }
            }
        }
        PairMap::Dense(matrix) => {
            let old = *group;
            for (row, new) in group.iter_mut().enumerate().skip(1) {
                let mut sum = V::zero();
                for (column, old) in old.iter().enumerate() {
                    sum = old.mul_add(V::splat(matrix[16 * row + column]), sum);
                }
                *new = sum;
            }
        }
    }
}

/// A map on one of the two qubits, whose digits are `STEP` apart; those of the other one are `STRIDE` apart.
#[inline(always)]
fn one_qubit<V: Rows, const UNITAL: bool, const STEP: usize, const STRIDE: usize>(group: &mut [V; 16], m: &[f64; 16]) {
    for other in 0..4 {
        let at = other * STRIDE;
        let old = [group[at], group[at + STEP], group[at + 2 * STEP], group[at + 3 * STEP]];
        for row in 1..4 {
            let mut sum = if UNITAL { V::zero() } else { old[0].mul_add(V::splat(m[4 * row]), V::zero()) };
            sum = old[1].mul_add(V::splat(m[4 * row + 1]), sum);
            sum = old[2].mul_add(V::splat(m[4 * row + 2]), sum);
            group[at + row * STEP] = old[3].mul_add(V::splat(m[4 * row + 3]), sum);
        }
    }
}

/// `e` in `P Q = i^e R`, from the digits of two strings: 0 or 2 where they commute, 1 or 3 where they do not.
#[inline(always)]
pub(crate) fn phase_of_product(p: u64, q: u64) -> usize {
    const X: u64 = 0x5555_5555_5555_5555;
    let (p_x, p_z, q_x, q_z) = (p & X, p >> 1 & X, q & X, q >> 1 & X);
    let anticommuting = (p_x & q_z) ^ (p_z & q_x);
    // XY, YZ and ZX have a factor i; the pairs of the other orientation have -i.
    let minus = (p_x & !p_z & !q_x) | (p_x & p_z & !q_z) | (!p_x & p_z & q_x & q_z);
    ((anticommuting.count_ones() + 2 * (anticommuting & minus).count_ones()) & 3) as usize
}

#[inline(always)]
fn turn_generic<V: Lanes>(state: &mut [Block], string: u64, cos: f64, sin: f64) {
    let quads = quads(state);
    let (lanes, string_high) = (string & 3, string >> 2);
    let exponent = |high: usize, lane: usize| (high + phase_of_product(lanes, lane as u64)) & 3;
    // For each exponent of the other qubits: what a coefficient keeps, and what it gets from its partner with that exponent.
    let keep: [[f64; 4]; 4] =
        std::array::from_fn(|high| per_lane(|lane| if exponent(high, lane) & 1 == 0 { 1.0 } else { cos }));
    let get: [[f64; 4]; 4] = std::array::from_fn(|high| {
        per_lane(|lane| match exponent(high, lane ^ lanes as usize) {
            1 => sin,
            3 => -sin,
            _ => 0.0,
        })
    });
    let turned = |own: V, own_exponent: usize, partner: V, exponent: usize| {
        let moved = partner.flip(lanes as usize).mul(V::load(&get[exponent]));
        own.mul_add(V::load(&keep[own_exponent]), moved)
    };
    if string_high == 0 {
        for quad in quads {
            let old = V::load(quad);
            turned(old, 0, old, 0).store(quad);
        }
        return;
    }
    let offset = string_high as usize;
    for index in Indices::new(quads.len(), 0, 1 << offset.ilog2()) {
        let partner = index ^ offset;
        let exponents = [index, partner].map(|index| phase_of_product(string_high, index as u64));
        let (left, right) = (V::load(&quads[index]), V::load(&quads[partner]));
        turned(left, exponents[0], right, exponents[1]).store(&mut quads[index]);
        turned(right, exponents[1], left, exponents[0]).store(&mut quads[partner]);
    }
}

kernel! {
    /// `sum left_{i,r} right_{j,r}` over the strings `r` of the other qubits, for all pairs of strings `(i, j)` of two qubits,
    /// row-major: with it the inner product of `left` with any map of these qubits on `right` is one with 256 entries.
    environment(left: &[Block], right: &[Block], qubits: [usize; 2]) -> [f64; 256] = environment_generic
}

#[inline(always)]
fn environment_generic<V: Lanes>(left: &[Block], right: &[Block], qubits: [usize; 2]) -> [f64; 256] {
    assert_eq!(left.len(), right.len(), "both have the same width");
    let [first, second] = qubits;
    let (left, right) = (quads_of(left), quads_of(right));
    let mut sums = [[V::splat(0.0); 4]; 16];
    if first.min(second) == 0 {
        // Qubit 0 is the lanes: it takes the lower digit.
        let offsets: [usize; 4] = std::array::from_fn(|digit| digit << (2 * first.max(second) - 2));
        for index in Indices::new(left.len(), 0, offsets[3]) {
            let columns: [V; 4] = std::array::from_fn(|digit| V::load(&right[index | offsets[digit]]));
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = V::splat(left[index | offsets[row >> 2]][row & 3]);
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = column.mul_add(factor, *sum);
                }
            }
        }
    } else {
        let offsets = offsets(2 * first - 2, 2 * second - 2);
        for index in Indices::new(left.len(), 0, offsets[15]) {
            for lane in 0..4 {
                let columns: [V; 4] =
                    std::array::from_fn(|k| V::load(&per_lane(|t| right[index | offsets[4 * k + t]][lane])));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let factor = V::splat(left[index | offsets[row]][lane]);
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = column.mul_add(factor, *sum);
                    }
                }
            }
        }
    }
    let mut out = [0.0; 256];
    for (row, sums) in out.chunks_exact_mut(16).zip(sums) {
        for (entries, sum) in row.chunks_exact_mut(4).zip(sums) {
            let mut lanes = [0.0; 4];
            sum.store(&mut lanes);
            entries.copy_from_slice(&lanes);
        }
    }
    if second == 0 {
        let swapped = |k: usize| k >> 2 | (k & 3) << 2;
        return std::array::from_fn(|at| out[16 * swapped(at >> 4) + swapped(at & 15)]);
    }
    out
}

/// Adds to the coefficients with the identity on a qubit those with X, Z and Y there, with the factors `column`: the row of the
/// transpose of a map that no pass does.
pub(crate) fn add_to_identity(state: &mut [Block], qubit: usize, column: [f64; 3]) {
    let coefficients = quads(state).as_flattened_mut();
    for index in Indices::new(coefficients.len(), 0, 3 << (2 * qubit)) {
        let terms = (1..4).zip(column).map(|(k, factor)| factor * coefficients[index | k << (2 * qubit)]);
        coefficients[index] = terms.fold(coefficients[index], |sum, term| sum + term);
    }
}

/// As [`add_to_identity`] for the identity on two qubits and the 15 other strings.
pub(crate) fn add_to_identities(state: &mut [Block], qubits: [usize; 2], column: [f64; 15]) {
    let coefficients = quads(state).as_flattened_mut();
    let offsets = offsets(2 * qubits[0], 2 * qubits[1]);
    for index in Indices::new(coefficients.len(), 0, offsets[15]) {
        let terms = offsets[1..].iter().zip(column).map(|(offset, factor)| factor * coefficients[index | offset]);
        coefficients[index] = terms.fold(coefficients[index], |sum, term| sum + term);
    }
}

/// The sum of the products of all coefficients, in a fixed order.
pub(crate) fn inner_product(left: &[Block], right: &[Block]) -> f64 {
    let mut sums = [0.0; 4];
    for (left, right) in quads_of(left).iter().zip(quads_of(right)) {
        for (sum, (l, r)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum += l * r;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}
