//! Arbitrary matrices on one or two qubits, with any number of controls.

use num_complex::Complex64;

use super::lanes::Lanes;
use super::{Block, Indices, LANE_QUBITS, high, kernel, low, per_lane};

/// A matrix on one or two targets in the shape in which the kernel applies it.
///
/// A target among the lane qubits turns into lane permutations, one among the others into blocks. With `R` blocks and `X`
/// permutations, `new[r] = sum_{c,x} coefficient[r][c][x] * flip_x(old[c])`, where `R X` is the dimension of the matrix and each
/// coefficient is a vector over the lanes (lanes without the controls have the identity).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix {
    /// `[r][c][x]`: real and imaginary parts per lane.
    coefficients: [[[Block; 4]; 4]; 4],
    /// Blocks that take part, as offsets to the first.
    offsets: [usize; 4],
    rows: usize,
    /// Lane permutations.
    flips: [usize; 4],
    permutations: usize,
    /// Whether all entries are real.
    real: bool,
    controls: usize,
    target_blocks: usize,
}

impl Matrix {
    /// Prepares a row-major `matrix` on one or two distinct `targets` (the first is the lowest bit of its index), applied where
    /// all qubits of `controls` are 1.
    pub(crate) fn new(targets: &[usize], controls: u64, matrix: &[Complex64]) -> Self {
        let dimension = 1 << targets.len();
        debug_assert!(matrix.len() == dimension * dimension && (1..=2).contains(&targets.len()));
        // For each index of the matrix: the block offset and the lane bits that it stands for.
        let block_of = |index: usize| -> usize {
            targets
                .iter()
                .enumerate()
                .filter(|&(bit, &target)| target >= LANE_QUBITS && index >> bit & 1 == 1)
                .map(|(_, &target)| 1 << (target - LANE_QUBITS))
                .sum()
        };
        let lanes_of = |index: usize| -> usize {
            targets
                .iter()
                .enumerate()
                .filter(|&(bit, &target)| target < LANE_QUBITS && index >> bit & 1 == 1)
                .map(|(_, &target)| 1 << target)
                .sum()
        };
        let distinct = |of: &dyn Fn(usize) -> usize| {
            let mut values: Vec<usize> = (0..dimension).map(of).collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        let (blocks, lanes) = (distinct(&block_of), distinct(&lanes_of));
        let index_of = |block: usize, lane_bits: usize| {
            (0..dimension)
                .find(|&index| block_of(index) == block && lanes_of(index) == lane_bits)
                .expect("every combination of block and lane bits of the targets is an index of the matrix")
        };
        let lane_mask = lanes_of(dimension - 1);
        let mut coefficients = [[[Block::default(); 4]; 4]; 4];
        for (r, &row_block) in blocks.iter().enumerate() {
            for (c, &column_block) in blocks.iter().enumerate() {
                for (x, &flip) in lanes.iter().enumerate() {
                    let entry = |lane: usize| {
                        if lane & low(controls) != low(controls) {
                            let identity = if r == c && flip == 0 { 1.0 } else { 0.0 };
                            return Complex64::new(identity, 0.0);
                        }
                        let row = index_of(row_block, lane & lane_mask);
                        let column = index_of(column_block, (lane ^ flip) & lane_mask);
                        matrix[row * dimension + column]
                    };
                    coefficients[r][c][x] =
                        Block { re: per_lane(|lane| entry(lane).re), im: per_lane(|lane| entry(lane).im) };
                }
            }
        }
        let padded = |values: &[usize]| std::array::from_fn(|k| values.get(k).copied().unwrap_or(0));
        Self {
            coefficients,
            offsets: padded(&blocks),
            rows: blocks.len(),
            flips: padded(&lanes),
            permutations: lanes.len(),
            real: matrix.iter().all(|entry| entry.im == 0.0),
            controls: high(controls),
            target_blocks: block_of(dimension - 1),
        }
    }
}

kernel! {
    /// Applies a prepared matrix.
    apply_matrix(state: &mut [Block], matrix: &Matrix) = matrix_generic
}

#[inline(always)]
fn matrix_generic<V: Lanes>(state: &mut [Block], matrix: &Matrix) {
    match (matrix.rows, matrix.permutations, matrix.real) {
        (2, 1, true) => apply::<V, 2, 1, true>(state, matrix),
        (1, 2, true) => apply::<V, 1, 2, true>(state, matrix),
        (2, 1, false) => apply::<V, 2, 1, false>(state, matrix),
        (1, 2, false) => apply::<V, 1, 2, false>(state, matrix),
        (4, 1, _) => apply::<V, 4, 1, false>(state, matrix),
        (2, 2, _) => apply::<V, 2, 2, false>(state, matrix),
        (1, 4, _) => apply::<V, 1, 4, false>(state, matrix),
        _ => unreachable!("a matrix acts on one or two qubits"),
    }
}

#[inline(always)]
fn apply<V: Lanes, const ROWS: usize, const FLIPS: usize, const REAL: bool>(state: &mut [Block], matrix: &Matrix) {
    let zero = V::splat(0.0);
    for index in Indices::new(state.len(), matrix.controls, matrix.target_blocks) {
        let mut new = [(zero, zero); ROWS];
        for c in 0..ROWS {
            // SAFETY: `Indices` yields indices below `state.len()` with the target bits 0, and the offsets consist of target
            // bits, which `Indices::new` has checked.
            let old = unsafe { state.get_unchecked(index | matrix.offsets[c]) };
            let (re, im) = (V::load(&old.re), V::load(&old.im));
            for x in 0..FLIPS {
                let (re, im) = (re.flip(matrix.flips[x]), im.flip(matrix.flips[x]));
                for (r, new) in new.iter_mut().enumerate() {
                    let coefficient = &matrix.coefficients[r][c][x];
                    let m_re = V::load(&coefficient.re);
                    new.0 = re.mul_add(m_re, new.0);
                    new.1 = im.mul_add(m_re, new.1);
                    if !REAL {
                        let m_im = V::load(&coefficient.im);
                        new.0 = im.neg_mul_add(m_im, new.0);
                        new.1 = re.mul_add(m_im, new.1);
                    }
                }
            }
        }
        for (r, new) in new.iter().enumerate() {
            // SAFETY: as above.
            let block = unsafe { state.get_unchecked_mut(index | matrix.offsets[r]) };
            new.0.store(&mut block.re);
            new.1.store(&mut block.im);
        }
    }
}
