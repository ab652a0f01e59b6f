//! Walks over tiles, and columns cut into tiles, against their definition amplitude by amplitude, at every level.

use num_complex::Complex64;

use super::{Block, COLUMN_BLOCKS, Columns, Level, Pass, RUN_BLOCKS, apply_walk, compose, gather_tiles, scatter_tiles};
use crate::kernel::ahead::Ahead;

/// Numbers between -1 and 1 without a pattern.
pub(super) fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

pub(super) fn blocks(count: usize, seed: u64) -> Vec<Block> {
    let mut next = numbers(seed);
    (0..count).map(|_| Block { re: std::array::from_fn(|_| next()), im: std::array::from_fn(|_| next()) }).collect()
}

pub(super) fn amplitudes(blocks: &[Block]) -> Vec<Complex64> {
    blocks.iter().flat_map(|block| (0..4).map(|lane| Complex64::new(block.re[lane], block.im[lane]))).collect()
}

/// `a - t b, b + t a` on the qubits of a pass; lanes are the qubits 0 and 1.
pub(super) fn rotate(state: &mut [Complex64], pass: &Pass, tans: &[f64]) {
    let rows = pass.bits.iter().zip(&pass.row_tans).take(pass.rows).map(|(&bit, &tan)| (bit as usize + 2, tan));
    let lanes = pass.lane_tans.iter().enumerate().map(|(lane, &tan)| (lane, tan));
    for (qubit, tan) in rows.chain(lanes.filter(|_| pass.lanes)) {
        let t = tans[tan as usize];
        for k in (0..state.len()).filter(|k| k >> qubit & 1 == 0) {
            let (a, b) = (state[k], state[k | 1 << qubit]);
            (state[k], state[k | 1 << qubit]) = (a - b * t, b + a * t);
        }
    }
}

/// All passes with up to three rows of a tile of `2^bits` blocks, with and without lanes; tangents are numbered by qubit.
fn passes(bits: u32) -> Vec<Pass> {
    let mut all = Vec::new();
    for set in 0..1_u32 << bits {
        let rows: Vec<u32> = (0..bits).filter(|bit| set >> bit & 1 == 1).collect();
        if rows.len() > 3 {
            continue;
        }
        for lanes in [false, true] {
            let mut pass = Pass { rows: rows.len(), bits: [0; 3], lanes, row_tans: [0; 3], lane_tans: [1, 2] };
            for (k, &bit) in rows.iter().enumerate() {
                (pass.bits[k], pass.row_tans[k]) = (bit, 3 + bit);
            }
            if !rows.is_empty() || lanes {
                all.push(pass);
            }
        }
    }
    all
}

pub(super) fn distance(got: &[Block], expected: &[Complex64]) -> f64 {
    amplitudes(got).iter().zip(expected).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
}

/// Every pass before a table of every size, followed by the same pass, by another one, or by none; and with no table at all.
#[test]
fn walks_are_their_rotations_and_tables() {
    let mut next = numbers(5);
    for bits in 0..=4_u32 {
        let tans: Vec<f64> = (0..3 + bits).map(|_| next()).collect();
        // The same qubits by other tangents.
        let others: Vec<f64> = tans.iter().map(|tan| 0.7 - tan).collect();
        let tans: Vec<f64> = tans.into_iter().chain(others).collect();
        let shifted = |pass: &Pass| {
            let by = 3 + bits;
            Pass { row_tans: pass.row_tans.map(|tan| tan + by), lane_tans: pass.lane_tans.map(|tan| tan + by), ..*pass }
        };
        let all = passes(bits);
        let start = blocks(1 << bits, 7);
        for (index, &pass) in all.iter().enumerate() {
            let other = all[(3 * index + 1) % all.len()];
            let befores: [&[Pass]; 3] = [&[], &[pass], &[other, pass]];
            let afters: [&[Pass]; 4] = [&[], &[shifted(&pass)], &[shifted(&pass), other], &[shifted(&other)]];
            for (before, after) in befores.iter().flat_map(|before| afters.iter().map(move |after| (before, after))) {
                for spread in (0..=bits).map(Some).chain([None]) {
                    let table = spread.map(|spread| blocks(1 << (bits - spread), 11));
                    let mut expected = amplitudes(&start);
                    before.iter().for_each(|pass| rotate(&mut expected, pass, &tans));
                    if let (Some(table), Some(spread)) = (&table, spread) {
                        let table = amplitudes(table);
                        for (k, amplitude) in expected.iter_mut().enumerate() {
                            *amplitude *= table[(k >> 2 >> spread) << 2 | (k & 3)];
                        }
                    }
                    after.iter().for_each(|pass| rotate(&mut expected, pass, &tans));
                    for level in Level::available() {
                        let mut tile = start.clone();
                        apply_walk(level, &mut tile, before, &tans, table.as_deref(), after, &mut Ahead::nothing());
                        let error = distance(&tile, &expected);
                        assert!(error < 1e-13, "{before:?}, table {spread:?}, {after:?} at {level}: {error:e}");
                    }
                }
            }
        }
    }
}

/// A column is gathered tile after tile, rows within a tile one after the other, and nothing else is written back.
#[test]
fn columns_come_and_go_in_tiles() {
    for (rows, row) in [(2, 16), (8, 32), (4, 64), (16, 16)] {
        let state = blocks(rows * row, 3);
        for width in [4, COLUMN_BLOCKS] {
            for column in 0..row / COLUMN_BLOCKS {
                let place = |k: usize| {
                    let (tile, within) = (k / (rows * width), k % (rows * width));
                    within / width * row + column * COLUMN_BLOCKS + tile * width + within % width
                };
                let new = blocks(rows * COLUMN_BLOCKS, 9);
                let mut expected = state.clone();
                new.iter().enumerate().for_each(|(k, block)| expected[place(k)] = *block);
                for (level, past) in Level::available().into_iter().flat_map(|level| [(level, false), (level, true)]) {
                    let case = format!("{rows} rows of {row}, column {column}, width {width}, {level}, past {past}");
                    let mut changed = state.clone();
                    let mut columns = Columns::new(&mut changed, row);
                    let mut tiles = vec![Block::default(); rows * COLUMN_BLOCKS];
                    gather_tiles(level, &columns, column, &mut tiles, width);
                    for (k, block) in tiles.iter().enumerate() {
                        assert_eq!(*block, state[place(k)], "{case}");
                    }
                    scatter_tiles(level, &mut columns, column, &new, width, past);
                    assert_eq!(changed, expected, "{case}");
                }
            }
        }
    }
}

/// One, two, four and eight rows at a time, and numbers that are none of these.
#[test]
fn rows_are_sums_of_products() {
    for (rank, row) in [(1, 8), (4, 16), (16, 8)] {
        let states: Vec<Vec<Block>> = (0..rank).map(|k| blocks(row, 5 + k as u64)).collect();
        let mut low = Vec::new();
        for first in (0..row).step_by(RUN_BLOCKS) {
            states.iter().for_each(|state| low.extend_from_slice(&state[first..first + RUN_BLOCKS]));
        }
        for rows in [1, 2, 3, 4, 8, 12, 16] {
            let factors: Vec<(f64, f64)> =
                (0..rows * rank).map(|k| (0.3 - 0.1 * k as f64, 0.7 * k as f64 - 2.0)).collect();
            let mut expected = Vec::new();
            for factors in factors.chunks(rank) {
                let mut sum = vec![Complex64::new(0.0, 0.0); 4 * row];
                for (state, &(re, im)) in states.iter().zip(factors) {
                    let products = amplitudes(state).into_iter().map(|amplitude| amplitude * Complex64::new(re, im));
                    sum.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
                }
                expected.extend(sum);
            }
            let size = expected.iter().map(|amplitude| amplitude.norm()).fold(0.0, f64::max);
            for level in Level::available() {
                let mut got = vec![Block::default(); rows * row];
                compose(level, &mut got, &low, &factors, rank);
                let error = distance(&got, &expected) / size;
                assert!(error < 1e-14, "{rank} states of {row} blocks, {rows} rows, at {level}: {error:e}");
            }
        }
    }
}
