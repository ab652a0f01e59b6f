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
    /// As it was given: targets, how many, controls, row-major entries.
    targets: [usize; 2],
    count: usize,
    control_mask: u64,
    entries: [Complex64; 16],
    /// Whether it exchanges its two targets.
    swap: bool,
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
            targets: [targets[0], targets[targets.len() - 1]],
            count: targets.len(),
            swap: controls == 0
                && targets.len() == 2
                && matrix.iter().enumerate().all(|(k, entry)| {
                    *entry == Complex64::new(if matches!(k, 0 | 6 | 9 | 15) { 1.0 } else { 0.0 }, 0.0)
                }),
            control_mask: controls,
            entries: std::array::from_fn(|k| matrix.get(k).copied().unwrap_or_default()),
        }
    }

    /// Masks of its targets and of its controls.
    pub(crate) fn masks(&self) -> (u64, u64) {
        (self.targets[..self.count].iter().fold(0, |mask, target| mask | 1 << target), self.control_mask)
    }

    /// Its targets, if it exchanges them.
    pub(crate) fn swapped(&self) -> Option<[usize; 2]> {
        self.swap.then_some(self.targets)
    }

    /// The qubits that it acts on, controls included.
    pub(crate) fn qubits(&self) -> u64 {
        self.targets[..self.count].iter().fold(self.control_mask, |mask, &target| mask | 1 << target)
    }

    /// Targets, controls and row-major entries, as they were given.
    pub(crate) fn definition(&self) -> (&[usize], u64, &[Complex64]) {
        (&self.targets[..self.count], self.control_mask, &self.entries[..1 << (2 * self.count)])
    }

    /// Target, controls and row-major entries, if it is a matrix on one qubit.
    pub(crate) fn one_qubit(&self) -> Option<(usize, u64, [Complex64; 4])> {
        let [a, b, c, d, ..] = self.entries;
        (self.count == 1).then_some((self.targets[0], self.control_mask, [a, b, c, d]))
    }

    /// The same matrix on a group of a batch, where the lane qubits count the members and those of the register follow.
    pub(crate) fn of_group(&self) -> Self {
        let targets = self.targets.map(|target| target + LANE_QUBITS);
        let entries = &self.entries[..1 << (2 * self.count)];
        Self::new(&targets[..self.count], self.control_mask << LANE_QUBITS, entries)
    }
}

kernel! {
    /// Applies a prepared matrix.
    apply_matrix(state: &mut [Block], matrix: &Matrix) = matrix_generic
}

#[inline(always)]
fn matrix_generic<V: Lanes>(state: &mut [Block], matrix: &Matrix) {
    if matrix.swap {
        return swap::<V>(state, matrix.targets);
    }
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

/// Exchanges two qubits: only the amplitudes in which they differ move.
#[inline(always)]
fn swap<V: Lanes>(state: &mut [Block], targets: [usize; 2]) {
    let (a, b) = (targets[0].min(targets[1]), targets[0].max(targets[1]));
    if a >= LANE_QUBITS {
        let (a, b) = (1 << (a - LANE_QUBITS), 1 << (b - LANE_QUBITS));
        for index in Indices::new(state.len(), a, b) {
            state.swap(index, index ^ (a | b));
        }
    } else if b >= LANE_QUBITS {
        let b = 1 << (b - LANE_QUBITS);
        let zero = V::load(&per_lane(|lane| if lane >> a & 1 == 0 { 1.0 } else { 0.0 }));
        let one = V::load(&per_lane(|lane| if lane >> a & 1 == 1 { 1.0 } else { 0.0 }));
        for index in Indices::new(state.len(), 0, b) {
            let (lower, upper) = (state[index], state[index | b]);
            for part in 0..2 {
                let of = |block: &Block| V::load(if part == 0 { &block.re } else { &block.im });
                let (v, w) = (of(&lower), of(&upper));
                let new_v = w.flip(1 << a).mul_add(one, v.mul(zero));
                let new_w = v.flip(1 << a).mul_add(zero, w.mul(one));
                let store = |v: V, block: &mut Block| v.store(if part == 0 { &mut block.re } else { &mut block.im });
                store(new_v, &mut state[index]);
                store(new_w, &mut state[index | b]);
            }
        }
    } else {
        for block in state {
            block.re.swap(1, 2);
            block.im.swap(1, 2);
        }
    }
}
