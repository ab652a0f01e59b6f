//! Threads that work on the pieces of a state together, phase after phase.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::ahead::Ahead;
use super::columns::{COLUMN_BLOCKS, Columns};
use super::{Block, LANE_QUBITS};

/// How a phase divides a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Runs of so many blocks.
    Rows(usize),
    /// Columns of rows of so many blocks.
    Columns(usize),
}

/// A piece of a state, with the lines of the piece that the same thread will take next.
pub(crate) enum Piece<'a> {
    /// With the basis state of its first amplitude.
    Row(&'a mut [Block], u64, Ahead),
    /// With its index, and that of the next column, if there is one.
    Column(Columns<'a>, usize, Option<usize>),
}

/// How a phase divides the state, how many pieces of it are taken, and how many are done.
#[derive(Debug)]
struct Count {
    cut: Cut,
    taken: AtomicUsize,
    done: AtomicUsize,
}

/// What is counted of all phases; kept from one run to the next.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    phases: Vec<Count>,
}

/// A state on which several threads work in phases. Each takes pieces of a phase until none is left, fewer and fewer at a time (guided
/// self-scheduling: C. Polychronopoulos and D. Kuck, IEEE Transactions on Computers C-36, 1425 (1987)), and goes on to the next
/// phase when all are done. So nobody waits for a thread that has not come yet, and one that is late has less to do.
pub(crate) struct Team<'a> {
    start: *mut Block,
    blocks: usize,
    counts: &'a [Count],
    /// Of the pieces that are left, one of so many is taken at a time, but one piece at least.
    share: usize,
    /// Whether the lines of the next piece are asked for.
    far: bool,
    failed: AtomicBool,
    state: PhantomData<&'a mut [Block]>,
}

// SAFETY: it stands for an exclusive borrow of the state. Threads that share it get pieces of it from `Team::work` alone: every index of a
// phase is given out once, the pieces of a phase are disjoint, and no piece of a phase is given out before all pieces of the phase before
// are done, which `Count::done` makes visible to the other threads.
unsafe impl Sync for Team<'_> {}

/// How often a thread looks whether the others are done before it lets other threads of the machine run.
const SPINS: usize = 1 << 12;

/// A thread takes its part of the pieces that are left in so many steps.
const SHARES: usize = 4;

/// Tells the others when a thread panics, so that they do not wait for its piece.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Release);
        }
    }
}

impl<'a> Team<'a> {
    /// Begins with phases that divide a state in these ways, for about so many threads; with `far`, they say which piece they will take next.
    pub(crate) fn new(
        state: &'a mut [Block],
        cuts: impl Iterator<Item = Cut>,
        threads: usize,
        far: bool,
        counts: &'a mut Counts,
    ) -> Self {
        counts.phases.clear();
        counts.phases.extend(cuts.map(|cut| Count { cut, taken: AtomicUsize::new(0), done: AtomicUsize::new(0) }));
        let counts = counts.phases.as_slice();
        Self {
            start: state.as_mut_ptr(),
            blocks: state.len(),
            counts,
            share: if threads == 1 { 1 } else { SHARES * threads },
            far,
            failed: AtomicBool::new(false),
            state: PhantomData,
        }
    }

    /// What one thread does: for every phase, `begin` once if there is a piece to take, and `each` with every piece that it takes.
    pub(crate) fn work<T>(
        &self,
        own: &mut T,
        mut begin: impl FnMut(&mut T, usize),
        mut each: impl FnMut(&mut T, usize, Piece<'_>),
    ) {
        let _alarm = Alarm(&self.failed);
        for (phase, count) in self.counts.iter().enumerate() {
            let cut = count.cut;
            let pieces = match cut {
                Cut::Rows(row) => self.blocks / row,
                Cut::Columns(row) => row / COLUMN_BLOCKS,
            };
            // Locked instructions wait for all writes before them, so there is one per range and not one per piece.
            let take = || {
                let many = (pieces.saturating_sub(count.taken.load(Ordering::Relaxed)) / self.share).max(1);
                let first = count.taken.fetch_add(many, Ordering::Relaxed);
                Some(first..(first + many).min(pieces)).filter(|range| !range.is_empty())
            };
            let mut taken = take();
            if taken.is_some() {
                begin(own, phase);
            }
            while let Some(range) = taken {
                taken = None;
                for index in range.clone() {
                    let mut next = Some(index + 1);
                    if index + 1 == range.end {
                        taken = take();
                        next = taken.as_ref().map(|range| range.start);
                    }
                    each(own, phase, self.piece(cut, index, next.filter(|_| self.far)));
                }
                count.done.fetch_add(range.len(), Ordering::AcqRel);
            }
            let mut waited = 0;
            while count.done.load(Ordering::Acquire) < pieces {
                if self.failed.load(Ordering::Acquire) {
                    return;
                }
                // A thread that has lost its processor needs one to finish its piece.
                waited += 1;
                if waited > SPINS { std::thread::yield_now() } else { std::hint::spin_loop() }
            }
        }
    }

    fn piece(&self, cut: Cut, index: usize, next: Option<usize>) -> Piece<'_> {
        match cut {
            Cut::Rows(row) => {
                assert!(self.blocks.is_multiple_of(row) && index < self.blocks / row, "a state is whole rows");
                // SAFETY: the row lies within the state, and this index is given out once (see `Sync`).
                let tile = unsafe { std::slice::from_raw_parts_mut(self.start.add(index * row), row) };
                let ahead = next
                    .map_or(Ahead::nothing(), |next| Ahead::strided(self.start.wrapping_add(next * row), row, 0, row));
                Piece::Row(tile, ((index * row) << LANE_QUBITS) as u64, ahead)
            }
            Cut::Columns(row) => {
                // SAFETY: `start` and `blocks` are those of a borrowed state, and this column is given out once (see `Sync`).
                let column = unsafe { Columns::one(self.start, self.blocks, row, index) };
                Piece::Column(column, index, next)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every amplitude is counted up once per phase, whoever comes when.
    #[test]
    fn every_piece_is_taken_once_per_phase() {
        let mut state = vec![Block::default(); 1 << 10];
        let mut counts = Counts::default();
        let cuts = [Cut::Rows(16), Cut::Columns(32), Cut::Rows(64), Cut::Columns(256)];
        for threads in [1, 2, 5] {
            state.fill(Block::default());
            let team = Team::new(&mut state, (0..40).map(|phase| cuts[phase % 4]), threads, threads > 1, &mut counts);
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        let begin = |buffer: &mut Vec<Block>, phase: usize| match cuts[phase % 4] {
                            Cut::Rows(_) => buffer.clear(),
                            Cut::Columns(row) => buffer.resize((1 << 10) / row * COLUMN_BLOCKS, Block::default()),
                        };
                        let up = |blocks: &mut [Block], phase: usize| {
                            for block in blocks {
                                assert_eq!(block.re, [phase as f64; 4]);
                                block.re = [phase as f64 + 1.0; 4];
                            }
                        };
                        team.work(&mut Vec::new(), begin, |buffer, phase, piece| match piece {
                            Piece::Row(tile, _, _) => up(tile, phase),
                            Piece::Column(mut column, index, _) => {
                                column.gather(index, buffer);
                                up(buffer, phase);
                                column.scatter(index, buffer);
                            }
                        });
                    });
                }
            });
            assert!(state.iter().all(|block| block.re == [40.0; 4]), "{threads} threads");
        }
    }
}
