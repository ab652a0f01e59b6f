//! From layers to passes over tiles.

use super::schedule::{ParityRotation, bits};
use super::walks::chunk_bits;
use crate::kernel::{Diagonal, Doubling, LANE_QUBITS, Parity, Pass, Term};

/// Which qubits a tile spans.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// The qubit at each position of the tile's own register, ascending.
    pub(super) qubits: Vec<usize>,
    /// How many positions are lanes: 2, or 0 in a batch.
    pub(super) lanes: usize,
    mask: u64,
}

impl Span {
    /// Of qubits in ascending order.
    pub(super) fn new(qubits: impl Iterator<Item = usize>, lanes: usize) -> Self {
        let qubits: Vec<usize> = qubits.collect();
        debug_assert!(qubits.is_sorted());
        Self { mask: qubits.iter().fold(0, |mask, &q| mask | 1 << q), qubits, lanes }
    }

    pub(super) fn mask(&self) -> u64 {
        self.mask
    }

    pub(super) fn position(&self, qubit: usize) -> Option<usize> {
        let bit = 1_u64 << qubit;
        (self.mask & bit != 0).then(|| (self.mask & (bit - 1)).count_ones() as usize)
    }

    /// A mask of qubits as outer bits and positions in the tile.
    pub(super) fn local(&self, mask: u64) -> (u64, usize) {
        let mut outer = 0;
        let mut local = 0_usize;
        for qubit in bits(mask) {
            match self.position(qubit) {
                Some(position) => local |= 1 << position,
                None => outer |= 1 << qubit,
            }
        }
        (outer, local)
    }

    /// A mask of qubits as outer bits, block bits and lane bits.
    fn split(&self, mask: u64) -> (u64, usize, usize) {
        let (outer, local) = self.local(mask);
        (outer, local >> self.lanes, local & ((1 << self.lanes) - 1))
    }

    pub(super) fn block_bits(&self) -> usize {
        self.qubits.len().saturating_sub(self.lanes)
    }

    /// Groups rotations, given as (qubit, index of the tangent), into passes. `none` is the index of the tangent 0.
    pub(super) fn passes(&self, turns: &[(usize, u32)], none: u32) -> Vec<Pass> {
        let mut lane_tans = [none; 2];
        let mut rows: Vec<(u32, u32)> = Vec::with_capacity(turns.len());
        let mut lanes = false;
        for &(qubit, tan) in turns {
            let position = self.position(qubit).expect("a tile applies rotations of its own qubits");
            if position < self.lanes {
                lane_tans[position] = tan;
                lanes = true;
            } else {
                rows.push(((position - self.lanes) as u32, tan));
            }
        }
        rows.sort_unstable();
        // Two rotations at least, but for the last pass of a chunk and of all.
        let mut passes = Vec::with_capacity(rows.len() / 2 + 2);
        let chunk = if self.lanes == 0 { self.block_bits() } else { chunk_bits(self.block_bits()) };
        let mut rest = rows.as_slice();
        while !rest.is_empty() || lanes {
            // Passes that stay within a chunk, then the others.
            let inner = rest.partition_point(|&(bit, _)| (bit as usize) < chunk);
            let side = if inner > 0 { inner } else { rest.len() };
            // Four are two and two: three and one would be one sweep as well, but with less to do per load.
            let take = if matches!(side, 2 | 4) { 2 } else { side.min(3) };
            let (group, left) = rest.split_at(take);
            let lane_tans = if lanes { lane_tans } else { [none; 2] };
            let mut pass = Pass { rows: take, bits: [0; 3], lanes, row_tans: [none; 3], lane_tans };
            for (k, &(bit, tan)) in group.iter().enumerate() {
                (pass.bits[k], pass.row_tans[k]) = (bit, tan);
            }
            passes.push(pass);
            rest = left;
            lanes = false;
        }
        passes
    }

    /// The diagonal operator with these values: `phases` per qubit of the tile, then terms and parities on any qubits.
    /// `missing` is the value of lanes beyond the register, `minus_one` the index of -1.
    pub(super) fn diagonal(
        &self,
        phase: impl Fn(usize) -> u32,
        terms: &[(u64, u32)],
        parities: &[(ParityRotation, u32)],
        missing: u32,
        minus_one: u32,
    ) -> Diagonal {
        let at = |position: usize| self.qubits.get(position).map_or(missing, |&qubit| phase(qubit));
        let mut diagonal = Diagonal {
            lane_factors: if self.lanes == LANE_QUBITS { [at(0), at(1)] } else { [missing; 2] },
            doublings: (0..self.block_bits())
                .map(|bit| Doubling {
                    factor: at(bit + self.lanes),
                    signs: [1.0; 4],
                    terms: Vec::new(),
                    partner: None,
                    rest: Vec::new(),
                })
                .collect(),
            ..Diagonal::default()
        };
        for &(mask, value) in terms {
            let (outer, blocks, lanes) = self.split(mask);
            let mut term = Term { outer, blocks, lanes, value };
            if blocks == 0 {
                if lanes == 0 { &mut diagonal.outer_terms } else { &mut diagonal.lane_terms }.push(term);
                continue;
            }
            let top = blocks.ilog2() as usize;
            term.blocks &= !(1 << top);
            let doubling = &mut diagonal.doublings[top];
            if term.blocks == 0 && outer == 0 && value == minus_one {
                for (lane, sign) in doubling.signs.iter_mut().enumerate() {
                    if lane & lanes == lanes {
                        *sign = -*sign;
                    }
                }
            } else if term.blocks == 0 {
                doubling.terms.push(term);
            } else if term.blocks.count_ones() == 1 && doubling.partner.is_none() {
                doubling.partner = Some(term);
            } else {
                doubling.rest.push(term);
            }
        }
        for &(parity, value) in parities {
            let (outer, blocks, lanes) = self.split(parity.z);
            let (outer_controls, block_controls, lane_controls) = self.split(parity.controls);
            diagonal.parities.push(Parity {
                outer,
                outer_controls,
                lanes,
                blocks,
                lane_controls,
                block_controls,
                value,
            });
        }
        diagonal
    }
}
