//! The random numbers of each circuit of a job.

use std::convert::Infallible;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng, TryRng};

/// Bytes of a ChaCha block: what a circuit begins with.
const BLOCK: usize = 64;

/// Of so many circuits at most the first blocks are made at once: 4 MiB.
const AT_ONCE: u64 = 1 << 16;

/// The streams of the circuits of a job, all of one key.
///
/// Circuit `c` reads block `c` of ChaCha stream 0, and behind it stream `c + 1` from its start. Most circuits need no more than the one block, and
/// those of all circuits are made in one go: a stream of its own costs four blocks and its setup. What a circuit reads never
/// depends on other circuits, or on when they are run.
#[derive(Debug)]
pub(super) struct Streams<'a> {
    key: [u8; 32],
    blocks: &'a [u8],
}

impl<'a> Streams<'a> {
    /// Takes a key from `rng`, and makes the first blocks of so many circuits in `room`.
    pub(super) fn new(rng: &mut dyn Rng, circuits: u64, room: &'a mut Vec<u8>) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        let made = if circuits > AT_ONCE { 0 } else { circuits as usize * BLOCK };
        if room.len() < made {
            room.resize(made, 0);
        }
        let blocks = &mut room[..made];
        if !blocks.is_empty() {
            ChaCha8Rng::from_seed(key).fill_bytes(blocks);
        }
        Self { key, blocks }
    }

    /// The stream of a circuit.
    pub(super) fn of(&self, circuit: usize) -> Stream {
        let mut first = [0; BLOCK];
        match self.blocks.get(circuit * BLOCK..(circuit + 1) * BLOCK) {
            Some(made) => first.copy_from_slice(made),
            None => {
                let mut stream = ChaCha8Rng::from_seed(self.key);
                stream.set_block_pos(circuit as u64);
                stream.fill_bytes(&mut first);
            }
        }
        Stream { first, read: 0, key: self.key, circuit: circuit as u64, more: None }
    }
}

/// The stream of one circuit.
pub(super) struct Stream {
    first: [u8; BLOCK],
    /// Bytes of the first block that have been read.
    read: usize,
    key: [u8; 32],
    circuit: u64,
    more: Option<ChaCha8Rng>,
}

impl Stream {
    #[inline]
    fn next<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        match self.first.get(self.read..self.read + N) {
            Some(word) => {
                bytes.copy_from_slice(word);
                self.read += N;
            }
            None => self.fill(&mut bytes),
        }
        bytes
    }

    #[cold]
    fn fill(&mut self, mut bytes: &mut [u8]) {
        let left = &self.first[self.read..];
        let (of_first, others) = bytes.split_at_mut(left.len().min(bytes.len()));
        of_first.copy_from_slice(&left[..of_first.len()]);
        self.read += of_first.len();
        bytes = others;
        if bytes.is_empty() {
            return;
        }
        let (key, circuit) = (self.key, self.circuit);
        let more = self.more.get_or_insert_with(|| {
            let mut stream = ChaCha8Rng::from_seed(key);
            stream.set_stream(circuit + 1);
            stream
        });
        more.fill_bytes(bytes);
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.next()))
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.next()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_reads_its_block_and_then_its_own_stream() {
        let mut room = vec![7; 3];
        // Beyond what is made at once, the same bytes.
        for circuits in [1, 5, 400, AT_ONCE, AT_ONCE + 1] {
            let streams = Streams::new(&mut ChaCha8Rng::seed_from_u64(3), circuits, &mut room);
            let mut key = [0; 32];
            ChaCha8Rng::seed_from_u64(3).fill_bytes(&mut key);
            assert_eq!(streams.blocks.is_empty(), circuits > AT_ONCE);
            for circuit in [0, 1, 4, 399, circuits - 1].into_iter().filter(|&circuit| circuit < circuits) {
                let mut expected = [0; 600];
                let mut all = ChaCha8Rng::from_seed(key);
                all.set_word_pos(u128::from(circuit) * 16);
                all.fill_bytes(&mut expected[..BLOCK]);
                all.set_stream(circuit + 1);
                all.fill_bytes(&mut expected[BLOCK..]);
                let mut stream = streams.of(circuit as usize);
                let mut words = Vec::new();
                while words.len() < 600 {
                    words.extend(stream.next_u64().to_le_bytes());
                }
                assert_eq!(words[..], expected, "circuit {circuit} of {circuits}");
                let (mut stream, mut bytes) = (streams.of(circuit as usize), [0; 600]);
                bytes[..4].copy_from_slice(&stream.next_u32().to_le_bytes());
                stream.fill_bytes(&mut bytes[4..61]);
                // ChaCha gives whole words of 4 bytes.
                stream.fill_bytes(&mut bytes[61..68]);
                stream.fill_bytes(&mut bytes[68..]);
                assert_eq!(bytes, expected, "circuit {circuit} of {circuits}");
            }
        }
    }
}
