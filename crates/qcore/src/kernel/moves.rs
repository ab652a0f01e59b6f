//! Amplitudes of a tile moved to where a linear map over GF(2) says.

use super::rows::{Picked, Rows};
use super::{Block, kernel_rows};

/// Where the amplitude at each place of a tile comes from. Places are numbered by `8 block + lane`; the number of the source is the exclusive
/// or of what the bits of the block index, the lane and the outer bits contribute.
#[derive(Clone, Debug)]
pub(crate) struct Moves {
    /// By the lower and the higher bits of the block index.
    low: Vec<u32>,
    high: Vec<u32>,
    /// By outer bits: each with its contribution.
    outer: Vec<(u32, u32)>,
    constant: u32,
    lanes: Lanes,
}

/// How the lanes of a block are put together.
#[derive(Clone, Debug)]
enum Lanes {
    /// They stay together and in their order.
    Kept,
    /// They come from the block that the number of a source is in and from one at a distance, by the lane in this number.
    Two(usize, [Picked; 4]),
    /// The same with three other blocks, the last one at both distances.
    Four([usize; 2], [Picked; 4]),
}

impl Lanes {
    /// With the contribution of each lane.
    fn new(by: [u32; 4], in_lanes: bool) -> Self {
        if by == [0, 1, 2, 3] && !in_lanes {
            return Self::Kept;
        }
        let blocks = by.map(|by| by as usize >> 3);
        let picked = |number: fn(usize, usize) -> usize| {
            std::array::from_fn(|own| {
                Picked::new(std::array::from_fn(|lane| (number(lane, blocks[lane]), by[lane] as usize & 7 ^ own)))
            })
        };
        match [blocks[1], blocks[2]] {
            [a, b] if a == 0 || b == 0 || a == b => Self::Two(a | b, picked(|_, block| usize::from(block != 0))),
            both => Self::Four(both, picked(|lane, _| lane)),
        }
    }
}

/// Bits of the block index whose contributions are in the first of the two tables, at most.
const LOW_BITS: usize = 6;

impl Moves {
    /// With the contributions of each bit of the block index, of the lanes, and of outer bits.
    pub(crate) fn new(bits: &[u32], lanes: [u32; 4], outer: Vec<(u32, u32)>, constant: u32) -> Self {
        let (low, high) = bits.split_at(bits.len().min(LOW_BITS));
        let sums = |bits: &[u32]| {
            let mut sums = vec![0];
            for bit in bits {
                sums.extend_from_within(..);
                let half = sums.len() / 2;
                sums[half..].iter_mut().for_each(|sum| *sum ^= bit);
            }
            sums
        };
        let in_lanes = bits.iter().chain(outer.iter().map(|(_, by)| by)).fold(constant, |all, by| all | by);
        Self { low: sums(low), high: sums(high), lanes: Lanes::new(lanes, in_lanes & 7 != 0), outer, constant }
    }

    /// What the outer bits contribute.
    fn offset(&self, outer: u64) -> u32 {
        let set = self.outer.iter().filter(|(bit, _)| outer >> bit & 1 == 1);
        set.fold(self.constant, |sum, (_, by)| sum ^ by)
    }
}

/// Writes the moved amplitudes of the tile `from` at these outer bits to `to`.
pub(crate) fn move_tile(level: crate::Level, from: &[Block], to: &mut [Block], moves: &Moves, outer: u64) {
    move_from(level, from, to, moves, moves.offset(outer));
}

kernel_rows! {
    move_from(from: &[Block], to: &mut [Block], moves: &Moves, offset: u32) = move_generic
}

#[inline(always)]
fn move_generic<V: Rows>(from: &[Block], to: &mut [Block], moves: &Moves, offset: u32) {
    let blocks = from.len();
    assert!(blocks.is_power_of_two() && to.len() == blocks, "tiles are of the same size, a power of two");
    assert!(moves.low.len() * moves.high.len() == blocks, "the map is one of tiles of this size");
    let inside = blocks - 1;
    // SAFETY: whatever the number, the index is below `blocks`, a power of two.
    let block = |number: usize| unsafe { from.get_unchecked(number & inside) };
    for (to, high) in to.chunks_exact_mut(moves.low.len()).zip(&moves.high) {
        let sources = moves.low.iter().map(|low| (high ^ low ^ offset) as usize);
        let each = to.iter_mut().zip(sources);
        match &moves.lanes {
            Lanes::Kept => each.for_each(|(to, at)| {
                for part in 0..V::PARTS {
                    V::load(block(at >> 3), part).store(to, part);
                }
            }),
            Lanes::Two(other, picked) => each.for_each(|(to, at)| {
                let from = [block(at >> 3), block(at >> 3 ^ other)];
                V::pick::<false>([from[0], from[1], from[0], from[1]], &picked[at & 3], to);
            }),
            Lanes::Four([a, b], picked) => each.for_each(|(to, at)| {
                let at_first = at >> 3;
                let from = [at_first, at_first ^ a, at_first ^ b, at_first ^ a ^ b];
                V::pick::<true>(from.map(block), &picked[at & 3], to);
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    /// All kinds of lanes, at every level.
    #[test]
    fn amplitudes_come_from_where_the_map_says() {
        for bits in [0, 1, 3, 8] {
            let blocks = 1 << bits;
            let number = |at: usize| at as f64;
            let from: Vec<Block> = (0..blocks)
                .map(|block| Block {
                    re: std::array::from_fn(|lane| number(8 * block + lane)),
                    im: std::array::from_fn(|lane| -number(8 * block + lane)),
                })
                .collect();
            // Contributions of lanes: kept, mixed, from another block, from four blocks.
            for lanes in
                [[0, 1, 2, 3], [0, 3, 2, 1], [0, 8, 2, 10], [0, 1 + 8, 8, 1], [0, 1 + 8, 2 + 8, 3], [0, 8, 16, 24]]
            {
                if lanes.iter().any(|by| by >> 3 >= blocks as u32) {
                    continue;
                }
                for in_lanes in [0, 1, 2, 3] {
                    let by_bit: Vec<u32> =
                        (0..bits).map(|bit| (8 << (bits - 1 - bit)) | (in_lanes * bit % 4)).collect();
                    let constant = ((blocks as u32 - 1) * 8) | (in_lanes & 2);
                    let moves =
                        Moves::new(&by_bit, lanes, vec![(9, in_lanes), (11, 8 % (8 * blocks as u32))], constant);
                    for outer in [0, 1 << 9, 1 << 9 | 1 << 11, 1 << 11 | 1 << 4] {
                        for level in Level::available() {
                            let mut to = vec![Block::default(); blocks];
                            move_tile(level, &from, &mut to, &moves, outer);
                            for (block, to) in to.iter().enumerate() {
                                for (lane, &of_lane) in lanes.iter().enumerate() {
                                    let set = (0..bits).filter(|bit| block >> bit & 1 == 1);
                                    let mut at = set.fold(constant ^ of_lane, |at, bit| at ^ by_bit[bit as usize]);
                                    at ^= if outer >> 9 & 1 == 1 { in_lanes } else { 0 };
                                    at ^= if outer >> 11 & 1 == 1 { 8 % (8 * blocks as u32) } else { 0 };
                                    assert_eq!(
                                        to.re[lane],
                                        number(at as usize),
                                        "block {block}, lane {lane} at {level}"
                                    );
                                    assert_eq!(to.im[lane], -number(at as usize));
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
