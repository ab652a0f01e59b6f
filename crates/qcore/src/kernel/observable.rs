//! Pauli sums applied to states, in few walks.

use super::energy::Flips;
use super::lanes::Lanes;
use super::rows::Rows;
use super::{Block, Indices, high, kernel, kernel_rows, low, parity_sign, per_lane};

kernel_rows! {
    /// `out = factor (table + shift) state`, entry by entry, or with `add` adds that to `out`.
    weigh(out: &mut [Block], state: &[Block], table: &[f64], shift: f64, factor: f64, add: bool) = weigh_generic
}

kernel_rows! {
    /// Adds `sum_q w_q X_q state` to `out`.
    add_flips(out: &mut [Block], state: &[Block], flips: &Flips) = flips_generic
}

kernel_rows! {
    /// Both for a small register, in one call: `out = factor (table + shift + sum_q w_q X_q) state`, or with `add` that is added to `out`.
    apply_small(out: &mut [Block], state: &[Block], table: &[f64], shift: f64, flips: &Flips, factor: f64, add: bool) = small_generic
}

kernel! {
    /// Adds `factor sum_j c_j P_j state` to `out`, for strings with the same mask `x` and masks `z_j`, given as `(c_j, z_j)`.
    add_strings(out: &mut [Block], state: &[Block], x: u64, factor: f64, terms: &[(f64, u64)]) = strings_generic
}

kernel! {
    /// `sum_j c_j <state|P_j|state>` over the blocks `range` of `state`, for strings as in [`add_strings`]; the range consists of
    /// whole runs of [`RUN`] blocks, or is everything.
    strings_energy(state: &[Block], range: std::ops::Range<usize>, x: u64, terms: &[(f64, u64)]) -> f64 = energy_generic
}

#[inline(always)]
fn weigh_generic<V: Rows>(out: &mut [Block], state: &[Block], table: &[f64], shift: f64, factor: f64, add: bool) {
    let table = table.as_chunks::<4>().0;
    assert!(out.len() == state.len() && table.len() == state.len(), "one weight per amplitude");
    let (shift, factor) = (V::splat(shift), V::splat(factor));
    for ((out, block), weights) in out.iter_mut().zip(state).zip(table) {
        let weights = V::quad(weights).add(shift).mul(factor);
        for part in 0..V::PARTS {
            let v = V::load(block, part);
            if add { v.mul_add(weights, V::load(out, part)) } else { v.mul(weights) }.store(out, part);
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "as its instances")]
fn small_generic<V: Rows>(
    out: &mut [Block],
    state: &[Block],
    table: &[f64],
    shift: f64,
    flips: &Flips,
    factor: f64,
    add: bool,
) {
    let table = table.as_chunks::<4>().0;
    assert!(out.len() == state.len() && table.len() == state.len(), "one weight per amplitude");
    let (shift, scale) = (V::splat(shift), V::splat(factor));
    let ([lane0, lane1], [row0, row1, row2]) = (flips.lane_weights, flips.row_weights);
    let lanes = [V::splat(factor * lane0), V::splat(factor * lane1)];
    let rows = [V::splat(factor * row0), V::splat(factor * row1), V::splat(factor * row2)];
    for (k, (out, weights)) in out.iter_mut().zip(table).enumerate() {
        let weights = V::quad(weights).add(shift).mul(scale);
        for part in 0..V::PARTS {
            let v = V::load(&state[k], part);
            let mut sum = if add { v.mul_add(weights, V::load(out, part)) } else { v.mul(weights) };
            sum = v.flip1().mul_add(lanes[0], sum);
            sum = v.flip2().mul_add(lanes[1], sum);
            for (&bit, &weight) in flips.bits.iter().zip(&rows).take(flips.rows) {
                sum = V::load(&state[k ^ 1 << bit], part).mul_add(weight, sum);
            }
            sum.store(out, part);
        }
    }
}

#[inline(always)]
fn flips_generic<V: Rows>(out: &mut [Block], state: &[Block], flips: &Flips) {
    match (flips.rows, flips.lanes) {
        (0, _) => flips_added::<V, 0, 1, true>(out, state, flips),
        (1, false) => flips_added::<V, 1, 2, false>(out, state, flips),
        (2, false) => flips_added::<V, 2, 4, false>(out, state, flips),
        (_, false) => flips_added::<V, 3, 8, false>(out, state, flips),
        (1, true) => flips_added::<V, 1, 2, true>(out, state, flips),
        (2, true) => flips_added::<V, 2, 4, true>(out, state, flips),
        (_, true) => flips_added::<V, 3, 8, true>(out, state, flips),
    }
}

/// `SIZE` is `2^ROWS`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant ranges over several arrays at once, which unroll")]
fn flips_added<V: Rows, const ROWS: usize, const SIZE: usize, const LANES: bool>(
    out: &mut [Block],
    state: &[Block],
    flips: &Flips,
) {
    let mut offsets = [0; SIZE];
    for (row, offset) in offsets.iter_mut().enumerate() {
        for (k, bit) in flips.bits.iter().enumerate().take(ROWS) {
            *offset |= (row >> k & 1) << bit;
        }
    }
    assert!(out.len() == state.len(), "both states have the width of the register");
    let weights: [V; ROWS] = std::array::from_fn(|k| V::splat(flips.row_weights[k]));
    let lanes = flips.lane_weights.map(V::splat);
    for base in Indices::new(state.len(), 0, offsets[SIZE - 1]) {
        for part in 0..V::PARTS {
            let (mut r, mut sums) = ([V::zero(); SIZE], [V::zero(); SIZE]);
            for k in 0..SIZE {
                // SAFETY: `Indices` yields indices below the common length with all bits of the last offset 0, and has checked that this
                // offset, which contains all the others, is below that length too.
                unsafe {
                    r[k] = V::load(state.get_unchecked(base | offsets[k]), part);
                    sums[k] = V::load(out.get_unchecked(base | offsets[k]), part);
                }
                if LANES {
                    sums[k] = r[k].flip1().mul_add(lanes[0], sums[k]);
                    sums[k] = r[k].flip2().mul_add(lanes[1], sums[k]);
                }
            }
            for (bit, &weight) in weights.iter().enumerate() {
                for k in 0..SIZE {
                    sums[k] = r[k ^ 1 << bit].mul_add(weight, sums[k]);
                }
            }
            for k in 0..SIZE {
                // SAFETY: as above.
                sums[k].store(unsafe { out.get_unchecked_mut(base | offsets[k]) }, part);
            }
        }
    }
}

/// Blocks whose weights are made at once.
pub(crate) const RUN: usize = 16;

/// The diagonal factor of some strings in a run of blocks, and the factor `i` of those with an odd number of Y apart.
struct Weights {
    real: [[f64; 4]; RUN],
    imaginary: [[f64; 4]; RUN],
    any_real: bool,
    any_imaginary: bool,
}

impl Weights {
    /// For the blocks from `first` on, a multiple of `RUN` (or 0): `factor sum_j c_j i^{#Y} (-1)^{|z_j & k|}`, by a Walsh-Hadamard
    /// transform over the bits within the run.
    #[inline(always)]
    fn new<V: Lanes>(first: usize, x: u64, factor: f64, terms: &[(f64, u64)]) -> Self {
        let mut weights =
            Self { real: [[0.0; 4]; RUN], imaginary: [[0.0; 4]; RUN], any_real: false, any_imaginary: false };
        for &(coefficient, z) in terms {
            let (letters_y, coefficient) = ((x & z).count_ones() % 4, factor * coefficient);
            let sign = parity_sign(high(z) & first) * if letters_y >= 2 { -coefficient } else { coefficient };
            let imaginary = letters_y % 2 == 1;
            let table = if imaginary { &mut weights.imaginary } else { &mut weights.real };
            table[high(z) % RUN][low(z)] += sign;
            weights.any_imaginary |= imaginary;
            weights.any_real |= !imaginary;
        }
        if weights.any_real {
            transform::<V>(&mut weights.real);
        }
        if weights.any_imaginary {
            transform::<V>(&mut weights.imaginary);
        }
        weights
    }
}

/// `t_k = sum_z (-1)^{|z & k|} t_z`.
#[inline(always)]
fn transform<V: Lanes>(table: &mut [[f64; 4]; RUN]) {
    let (one, two) = (V::load(&[1.0, -1.0, 1.0, -1.0]), V::load(&[1.0, 1.0, -1.0, -1.0]));
    for entry in table.iter_mut() {
        let v = V::load(entry);
        let v = v.mul_add(one, v.flip1());
        v.mul_add(two, v.flip2()).store(entry);
    }
    for bit in 0..RUN.ilog2() {
        for k in 0..RUN {
            let partner = k | 1 << bit;
            if partner != k {
                let (a, b) = (V::load(&table[k]), V::load(&table[partner]));
                a.add(b).store(&mut table[k]);
                a.sub(b).store(&mut table[partner]);
            }
        }
    }
}

#[inline(always)]
fn strings_generic<V: Lanes>(out: &mut [Block], state: &[Block], x: u64, factor: f64, terms: &[(f64, u64)]) {
    assert!(out.len() == state.len() && high(x) < state.len(), "both states have the width of the register");
    for (index, run) in state.chunks(RUN).enumerate() {
        let weights = Weights::new::<V>(index * RUN, x, factor, terms);
        for (k, block) in run.iter().enumerate() {
            let to = &mut out[(index * RUN + k) ^ high(x)];
            let (re, im) = weighted::<V>(block, &weights, k);
            let (re, im) = (re.flip(low(x)), im.flip(low(x)));
            V::load(&to.re).add(re).store(&mut to.re);
            V::load(&to.im).add(im).store(&mut to.im);
        }
    }
}

/// The weights at place `k` of a run times a block.
#[inline(always)]
fn weighted<V: Lanes>(block: &Block, weights: &Weights, k: usize) -> (V, V) {
    let (re, im) = (V::load(&block.re), V::load(&block.im));
    let w = V::load(&weights.real[k]);
    let (mut a, mut b) = (re.mul(w), im.mul(w));
    if weights.any_imaginary {
        let w = V::load(&weights.imaginary[k]);
        a = im.neg_mul_add(w, a);
        b = re.mul_add(w, b);
    }
    (a, b)
}

#[inline(always)]
fn energy_generic<V: Lanes>(state: &[Block], range: std::ops::Range<usize>, x: u64, terms: &[(f64, u64)]) -> f64 {
    assert!(high(x) < state.len(), "the strings have the width of the register");
    let zero = V::load(&per_lane(|_| 0.0));
    let (mut real, mut imaginary) = (zero, zero);
    for first in range.clone().step_by(RUN) {
        let weights = Weights::new::<V>(first, x, 1.0, terms);
        for (k, block) in state[first..range.end.min(first + RUN)].iter().enumerate() {
            let to = &state[(first + k) ^ high(x)];
            let (re, im) = weighted::<V>(block, &weights, k);
            real = re.flip(low(x)).mul_add(V::load(&to.re), real);
            imaginary = im.flip(low(x)).mul_add(V::load(&to.im), imaginary);
        }
    }
    real.add(imaginary).sum()
}
