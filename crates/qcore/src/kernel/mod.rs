//! The kernels: free functions over the blocks of a state, one copy of each per instruction-set level.
//!
//! A state of `n` qubits is a slice of [`Block`]s. Bits 0 and 1 of a basis-state index select the lane within a block, the
//! others select the block, so a gate on a high qubit is plain lane-wise arithmetic between blocks and a gate on qubit 0 or 1
//! is one lane permutation. Masks of low qubits (`mask & 3`) become vectors of per-lane coefficients, masks of high qubits
//! become block indices; every kernel works for every combination of both.
//!
//! This is the only module with `unsafe`. Its reasons: block indices that are in range by construction (see [`Indices`]), intrinsics behind
//! run-time detection (see [`lanes`]), blocks seen as the numbers in them and the other way round ([`channel`], [`small`]), parts of a state that
//! threads have to themselves ([`columns`], [`team`]), and advice to the system about pages ([`pages`]).

mod adjoint;
mod ahead;
mod batch;
mod batch_adjoint;
mod channel;
mod columns;
mod compose;
mod diagonal;
mod energy;
mod euler;
mod group;
mod insert;
mod lanes;
mod level;
mod matrix;
mod moves;
mod observable;
mod pages;
mod passes;
mod pauli;
mod permutation;
mod reduce;
mod rotation;
mod rows;
mod small;
mod small_reverse;
mod small_tangent;
#[cfg(test)]
mod small_tests;
mod tangent;
mod team;
mod trig;
#[cfg(test)]
mod walk_tests;

pub(crate) use adjoint::{Undo, adjoint_pass, apply_first_pass, fold_all, multiply_into, signed_lanes, undo_passes};
pub(crate) use ahead::Ahead;
pub(crate) use batch::{add_parity, batch_pauli, batch_weighted};
pub(crate) use batch_adjoint::{
    batch_accumulate, batch_accumulate_diagonal, batch_adjoint_pass, batch_inner, shared_adjoint_pass,
    shared_conjugate, shared_first_pass,
};
pub(crate) use channel::{
    PairMap, PairPass, Sparse, add_to_identities, add_to_identity, apply_pair, environment, inner_product,
    phase_of_product, turn_string,
};
pub(crate) use columns::{COLUMN_BLOCKS, Columns, gather_tiles, scatter_tiles};
pub(crate) use compose::{COMPOSED_ROWS, RUN_BLOCKS, compose, multiply_where};
pub(crate) use diagonal::{Diagonal, Doubling, Parity, Quad, Term, Values, build_batch_table, build_table};
pub(crate) use energy::{Flips, flip_energy, small_energy, weighted_probability, z_table};
pub(crate) use euler::{EulerAngles, euler, euler_angles};
pub(crate) use group::{class_overlaps, class_squares, hadamards, shared_diagonal, spread};
pub(crate) use insert::{Insertion, class_overlaps_of_lanes, insert};
pub use level::Level;
pub(crate) use matrix::{Matrix, apply_matrix};
pub(crate) use moves::{Moves, move_tile};
pub(crate) use observable::{add_flips, add_strings, apply_small, strings_energy, weigh};
pub(crate) use pages::prefer_small_pages;
pub(crate) use passes::{Pass, apply_batch_passes, apply_conjugate, apply_passes, apply_walk};
pub(crate) use pauli::{pauli_accumulate, pauli_inner};
pub(crate) use permutation::{apply_phase, exchange};
pub(crate) use reduce::{combine, norm_squared, probabilities, scale};
pub(crate) use rotation::rotate;
pub(crate) use small::{SMALL_QUBITS, SmallDiagonal, SmallLayer, SmallValues, run_small};
pub(crate) use small_reverse::{SMALL_SUMS, SmallAsked, SmallRead, SmallSum, SmallTape, small_backward, small_forward};
pub(crate) use small_tangent::{LayerRates, SmallKept, SmallMotion, small_tangent_backward, small_tangent_forward};
pub(crate) use tangent::{add_phases, add_turns, multiply_tangent, third_of_phases};
pub(crate) use team::{Counts, Cut, Piece, Team};
pub(crate) use trig::{AngleLine, angles, double_angles, sin_cos, turns};

/// Four amplitudes: their real parts, then their imaginary parts; one cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Block {
    pub(crate) re: [f64; 4],
    pub(crate) im: [f64; 4],
}

/// Qubits within a block.
pub(crate) const LANE_QUBITS: usize = 2;

const LANE_MASK: u64 = 0b11;

/// The part of a qubit mask that selects lanes.
#[inline(always)]
fn low(mask: u64) -> usize {
    (mask & LANE_MASK) as usize
}

/// The part of a qubit mask that selects blocks.
#[inline(always)]
fn high(mask: u64) -> usize {
    (mask >> LANE_QUBITS) as usize
}

/// All block indices below `blocks` (a power of two) in which the bits `ones` are 1 and the bits `zeros` are 0, ascending.
///
/// Every index it yields is below `blocks`, provided that `ones` and `zeros` are: the kernels check that once per call, in
/// [`Indices::new`], and index without checks inside their loops.
struct Indices {
    next: usize,
    left: usize,
    fixed: usize,
    ones: usize,
}

impl Indices {
    #[inline(always)]
    fn new(blocks: usize, ones: usize, zeros: usize) -> Self {
        let fixed = ones | zeros;
        assert!(blocks.is_power_of_two() && fixed < blocks && ones & zeros == 0, "operands lie within the register");
        Self { next: ones, left: blocks >> fixed.count_ones(), fixed, ones }
    }
}

impl Iterator for Indices {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let index = self.next;
        self.left -= 1;
        // The carry of the increment runs through the fixed bits as if they were not there.
        self.next = (((index | self.fixed) + 1) & !self.fixed) | self.ones;
        Some(index)
    }
}

/// `(-1)` to the number of bits set.
#[inline(always)]
fn parity_sign(bits: usize) -> f64 {
    f64::from_bits(1.0_f64.to_bits() | (u64::from(bits.count_ones() & 1) << 63))
}

/// A value per lane.
#[inline(always)]
fn per_lane(mut value: impl FnMut(usize) -> f64) -> [f64; 4] {
    [value(0), value(1), value(2), value(3)]
}

/// Defines a kernel: one instance per level behind one match.
macro_rules! kernel {
    ($(#[$meta:meta])* $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $generic:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "one call, flat scalars: the kernels are the inner interface")]
        pub(crate) fn $name(level: $crate::Level, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,popcnt")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                $generic::<$crate::kernel::lanes::Avx2>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            if level.is_avx2() {
                // SAFETY: a level with AVX2 is made only by run-time detection of AVX2, FMA and POPCNT.
                return unsafe { avx2($($arg),*) };
            }
            let _ = level;
            $generic::<$crate::kernel::lanes::Portable>($($arg),*)
        }
    };
}
use kernel;

/// As `kernel!`, for kernels that are generic over [`rows::Rows`], which have an instance for 512-bit vectors as well.
macro_rules! kernel_rows {
    ($(#[$meta:meta])* $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $generic:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "one call, flat scalars: the kernels are the inner interface")]
        pub(crate) fn $name(level: $crate::Level, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,popcnt")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                $generic::<$crate::kernel::lanes::Avx2>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma,popcnt")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                $generic::<$crate::kernel::rows::Avx512>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            if level.is_avx512() {
                // SAFETY: a level with AVX-512 is made only by run-time detection of all the features above.
                return unsafe { avx512($($arg),*) };
            }
            #[cfg(target_arch = "x86_64")]
            if level.is_avx2() {
                // SAFETY: a level with AVX2 is made only by run-time detection of AVX2, FMA and POPCNT.
                return unsafe { avx2($($arg),*) };
            }
            let _ = level;
            $generic::<$crate::kernel::lanes::Portable>($($arg),*)
        }
    };
}
use kernel_rows;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_enumerate_exactly_the_matching_blocks() {
        for blocks in [1_usize, 2, 8, 32] {
            for ones in 0..blocks {
                for zeros in (0..blocks).filter(|zeros| zeros & ones == 0) {
                    let got: Vec<usize> = Indices::new(blocks, ones, zeros).collect();
                    let expected: Vec<usize> = (0..blocks).filter(|i| i & ones == ones && i & zeros == 0).collect();
                    assert_eq!(got, expected, "blocks {blocks}, ones {ones:b}, zeros {zeros:b}");
                }
            }
        }
    }
}
