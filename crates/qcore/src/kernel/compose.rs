//! States that are sums of products of a state of the low qubits and one of the high qubits.

use super::rows::Rows;
use super::{Block, Indices, kernel_rows};

/// So many blocks of a low state follow each other in the layout that [`compose`] reads.
pub(crate) const RUN_BLOCKS: usize = 8;

/// So many rows are composed at once at most; fewer take longer.
pub(crate) const COMPOSED_ROWS: usize = 8;

kernel_rows! {
    /// Writes rows of a state: row `r` is the sum over `k` of `factors[r * rank + k]` times the low state `k`. Of the low states, runs of
    /// [`RUN_BLOCKS`] blocks follow each other: the first run of all of them, the second one, and so on.
    compose(rows: &mut [Block], low: &[Block], factors: &[(f64, f64)], rank: usize) = compose_generic
}

kernel_rows! {
    /// Multiplies the blocks whose index has all bits of `mask` by one factor per lane.
    multiply_where(blocks: &mut [Block], mask: usize, re: &[f64; 4], im: &[f64; 4]) = multiply_where_generic
}

#[inline(always)]
fn multiply_where_generic<V: Rows>(blocks: &mut [Block], mask: usize, re: &[f64; 4], im: &[f64; 4]) {
    for index in Indices::new(blocks.len(), mask, 0) {
        let block = blocks[index];
        V::product(&block, re, im, &mut blocks[index]);
    }
}

#[inline(always)]
fn compose_generic<V: Rows>(rows: &mut [Block], low: &[Block], factors: &[(f64, f64)], rank: usize) {
    let count = factors.len() / rank;
    let row = low.len() / rank;
    assert!(factors.len() == count * rank && low.len() == row * rank, "a factor per row and low state");
    assert!(rows.len() == count * row && row.is_multiple_of(RUN_BLOCKS), "rows of as many blocks as the low states");
    let mut left = rows;
    for factors in factors.chunks(if V::PARTS == 1 { COMPOSED_ROWS * rank } else { 2 * rank }) {
        let (rows, others) = left.split_at_mut(factors.len() / rank * row);
        left = others;
        match factors.len() / rank {
            COMPOSED_ROWS => group::<V, COMPOSED_ROWS, 1>(rows, low, factors, rank),
            4 => group::<V, 4, 2>(rows, low, factors, rank),
            2 => group::<V, 2, 1>(rows, low, factors, rank),
            _ => {
                for (row, factors) in rows.chunks_exact_mut(row).zip(factors.chunks_exact(rank)) {
                    group::<V, 1, 1>(row, low, factors, rank);
                }
            }
        }
    }
}

/// `R` rows, `J` blocks of each at a time: all sums stay in registers.
#[inline(always)]
fn group<V: Rows, const R: usize, const J: usize>(
    rows: &mut [Block],
    low: &[Block],
    factors: &[(f64, f64)],
    rank: usize,
) {
    let row = rows.len() / R;
    for step in 0..row / J {
        let (run, inside) = (step * J / RUN_BLOCKS, step * J % RUN_BLOCKS);
        let low = &low[run * RUN_BLOCKS * rank..(run + 1) * RUN_BLOCKS * rank];
        // Times the real and times the imaginary parts of the factors.
        let mut sums = [[[[V::zero(); 2]; 2]; J]; R];
        for k in 0..rank {
            let mut blocks = [[V::zero(); 2]; J];
            for (j, block) in blocks.iter_mut().enumerate() {
                for (part, v) in block.iter_mut().enumerate().take(V::PARTS) {
                    *v = V::load(&low[k * RUN_BLOCKS + inside + j], part);
                }
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let (re, im) = factors[r * rank + k];
                let (re, im) = (V::splat(re), V::splat(im));
                for ([plain, turned], block) in sums.iter_mut().zip(&blocks) {
                    for part in 0..V::PARTS {
                        plain[part] = block[part].mul_add(re, plain[part]);
                        turned[part] = block[part].mul_add(im, turned[part]);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (j, [plain, turned]) in sums.iter().enumerate() {
                let turned = V::times_scalar(*turned, (0.0, 1.0));
                let block = &mut rows[r * row + step * J + j];
                for part in 0..V::PARTS {
                    plain[part].add(turned[part]).store(block, part);
                }
            }
        }
    }
}
