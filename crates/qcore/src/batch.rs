//! Batches: many small states that take the same circuit at different angles.

use num_complex::Complex64;

use crate::compile::{Bound, Scratch};
use crate::identity::Identity;
use crate::kernel::{self, Block, LANE_QUBITS, Level};
use crate::{Error, PauliSum, Program, StateVector, memory};

/// Members that share a group: one per lane.
const GROUP: usize = 1 << LANE_QUBITS;

/// Wider registers gain nothing from a batch.
const MAX_BATCH_QUBITS: usize = 16;

/// Angles of a program for every member of a batch; made once, bound many times.
#[derive(Clone, Debug)]
pub struct BatchBinding {
    members: usize,
    pub(crate) groups: Vec<Bound>,
    pub(crate) of: Identity,
}

impl BatchBinding {
    /// A binding of this program for `members` members, with all angles 0.
    #[must_use]
    pub fn new(program: &Program, members: usize) -> Self {
        let recipes = &program.batch_plan().recipes;
        let group = Bound::new(program.rotations().len(), Some(recipes), GROUP);
        Self { members, groups: vec![group; members.div_ceil(GROUP)], of: program.identity().clone() }
    }

    /// How many members it has angles for.
    #[must_use]
    pub fn num_members(&self) -> usize {
        self.members
    }
}

/// States of equally many registers of the same width.
///
/// Four members lie side by side, one per SIMD lane: every member takes the same gates, so no lane is ever shuffled and tables and
/// loops are shared. Measured, this is twice as fast as one by one at 4 qubits, a fifth faster at 8, and slower from 10 on. Memory: 16
/// bytes per amplitude, for the members rounded up to a multiple of four.
///
/// ```
/// use qcore::{BatchBinding, Circuit, Program, StateBatch};
/// let mut circuit = Circuit::new(2)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?.cx(0, 1)?;
/// let program = Program::compile(&circuit);
/// let mut binding = BatchBinding::new(&program, 3);
/// let angles = [[0.1], [0.2], [0.3]];
/// program.bind_batch(angles.iter().map(|theta| (theta.as_slice(), None)), &mut binding)?;
/// let mut states = StateBatch::zero(2, 3)?;
/// states.run(&program, &binding)?;
/// let mut values = Vec::new();
/// states.expectations_into(&"Z1".parse()?, &mut values)?;
/// assert!(values.iter().zip(angles).all(|(value, [theta])| (value - theta.cos()).abs() < 1e-15));
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StateBatch {
    qubits: usize,
    members: usize,
    /// Group after group; within one, block `k` holds amplitude `k` of its members.
    blocks: Vec<Block>,
    level: Level,
    scratch: Scratch,
    table: Vec<f64>,
    sums: Vec<Block>,
}

impl StateBatch {
    /// `members` times `|0...0>`.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] unless `1 <= qubits <= 16`, [`Error::Memory`] if the states do not fit.
    pub fn zero(qubits: usize, members: usize) -> Result<Self, Error> {
        if qubits == 0 || qubits > MAX_BATCH_QUBITS {
            return Err(Error::Width { qubits, max: MAX_BATCH_QUBITS });
        }
        let groups = members.div_ceil(GROUP);
        let mut blocks = memory::allocate_groups(qubits, groups)?;
        for group in blocks.chunks_exact_mut(1 << qubits) {
            group[0].re = [1.0; 4];
        }
        Ok(Self {
            qubits,
            members,
            blocks,
            level: Level::best(),
            scratch: Scratch::default(),
            table: Vec::new(),
            sums: Vec::new(),
        })
    }

    /// The same states, worked on at another kernel level from now on.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Width of the registers.
    #[must_use]
    pub fn num_qubits(&self) -> usize {
        self.qubits
    }

    /// Number of states.
    #[must_use]
    pub fn num_members(&self) -> usize {
        self.members
    }

    /// The amplitude of basis state `index` of a member.
    ///
    /// # Panics
    ///
    /// If `member` or `index` is out of range.
    #[must_use]
    pub fn amplitude(&self, member: usize, index: usize) -> Complex64 {
        assert!(member < self.members && index < 1 << self.qubits, "basis state {index} of member {member}");
        let block = &self.blocks[((member / GROUP) << self.qubits) + index];
        Complex64::new(block.re[member % GROUP], block.im[member % GROUP])
    }

    /// Writes the probabilities of the basis states of a member, in the order of their indices, into a buffer that is resized to
    /// `2^n`.
    ///
    /// # Panics
    ///
    /// If `member >= self.num_members()`.
    pub fn probabilities_into(&self, member: usize, out: &mut Vec<f64>) {
        assert!(member < self.members, "member {member} of {}", self.members);
        let (group, lane) = (member / GROUP, member % GROUP);
        out.clear();
        let blocks = &self.blocks[group << self.qubits..(group + 1) << self.qubits];
        out.extend(blocks.iter().map(|block| block.re[lane] * block.re[lane] + block.im[lane] * block.im[lane]));
    }

    /// Runs a bound program from `|0...0>` on every member, each with its own angles. Groups of members are not divided among
    /// threads: whoever has many batches runs one per thread. Nothing is allocated but working memory on the first run.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the program is for another register or the binding for other members, [`Error::AnotherProgram`] if it is for another
    /// program.
    pub fn run(&mut self, program: &Program, binding: &BatchBinding) -> Result<(), Error> {
        let mismatch = |what, got, expected| Err(Error::WidthMismatch { what, got, expected });
        if program.num_qubits() != self.qubits {
            return mismatch("program", program.num_qubits(), self.qubits);
        }
        if binding.members != self.members {
            return mismatch("batch", binding.members, self.members);
        }
        binding.of.check(program.identity(), "binding")?;
        let plan = program.batch_plan();
        for (group, bound) in self.blocks.chunks_exact_mut(1 << self.qubits).zip(&binding.groups) {
            let step = |blocks: &mut [Block], index: usize| program.steps()[index].apply_to_group(self.level, blocks);
            plan.run(self.level, group, bound, &mut self.scratch, step);
        }
        Ok(())
    }

    /// Writes `<psi|H|psi>` of every member, in their order. Cost: one pass for all strings of Z, one for each other term.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the observable reaches beyond the register.
    pub fn expectations_into(&mut self, observable: &PauliSum, out: &mut Vec<f64>) -> Result<(), Error> {
        if observable.width() > self.qubits {
            return Err(Error::WidthMismatch { what: "observable", got: observable.width(), expected: self.qubits });
        }
        let masks = |string: &crate::PauliString| (string.x_mask() as usize, string.z_mask() as usize);
        let dimension = 1 << self.qubits;
        self.table.clear();
        self.table.resize(dimension, 0.0);
        let mut diagonal = false;
        for (coefficient, string) in observable.terms().iter().filter(|(_, string)| string.x_mask() == 0) {
            diagonal = true;
            kernel::add_parity(&mut self.table, *coefficient, masks(string).1);
        }
        out.clear();
        for group in self.blocks.chunks_exact(dimension) {
            let mut sums = [0.0; GROUP];
            if diagonal {
                sums = kernel::batch_weighted(self.level, group, &self.table);
            }
            for (coefficient, string) in observable.terms().iter().filter(|(_, string)| string.x_mask() != 0) {
                let (x, z) = masks(string);
                let values = kernel::batch_pauli(self.level, group, x, z);
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += coefficient * value;
                }
            }
            let left = self.members - out.len();
            out.extend_from_slice(&sums[..left.min(GROUP)]);
        }
        Ok(())
    }

    /// Overwrites it with a batch of as many states of the same width, without allocation.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`].
    pub fn copy_from(&mut self, other: &Self) -> Result<(), Error> {
        let mismatch = |what, got, expected| Err(Error::WidthMismatch { what, got, expected });
        if other.qubits != self.qubits {
            return mismatch("state", other.qubits, self.qubits);
        }
        if other.members != self.members {
            return mismatch("batch", other.members, self.members);
        }
        self.blocks.copy_from_slice(&other.blocks);
        Ok(())
    }

    /// Applies H to the qubits of the mask `x`, and H after S-dagger to those of `y`, in every member: what is measured afterwards is X or Y.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if a mask reaches beyond the register.
    pub fn change_basis(&mut self, x: u64, y: u64) -> Result<(), Error> {
        let width = (u64::BITS - (x | y).leading_zeros()) as usize;
        if width > self.qubits {
            return Err(Error::WidthMismatch { what: "measured qubits", got: width, expected: self.qubits });
        }
        let mut bits = [0; MAX_BATCH_QUBITS];
        let mut count = 0;
        for bit in (0..self.qubits as u32).filter(|bit| (x | y) >> bit & 1 == 1) {
            bits[count] = bit;
            count += 1;
        }
        for group in self.blocks.chunks_exact_mut(1 << self.qubits) {
            let mut left = y;
            while left != 0 {
                let qubit = left & left.wrapping_neg();
                kernel::apply_phase(self.level, group, qubit << LANE_QUBITS, 0.0, -1.0);
                left ^= qubit;
            }
            for bits in bits[..count].chunks(3) {
                kernel::hadamards(self.level, group, bits, 0.5_f64.powf(0.5 * bits.len() as f64));
            }
        }
        Ok(())
    }

    /// Writes the probability of every class of outcomes, for classes numbered below `classes`: class after class, four members each, and so
    /// on with the next four members. `class_of` names the class of every basis state.
    ///
    /// # Panics
    ///
    /// If `class_of` has no entry for every basis state, or one that is not below `classes`.
    pub fn class_probabilities_into(&mut self, class_of: &[u32], classes: usize, out: &mut Vec<[f64; 4]>) {
        out.clear();
        for group in self.blocks.chunks_exact(1 << self.qubits) {
            self.sums.clear();
            self.sums.resize(classes, Block::default());
            kernel::class_squares(self.level, group, class_of, &mut self.sums);
            out.extend(self.sums.iter().map(|sum| sum.re));
        }
    }

    /// As [`StateBatch::class_probabilities_into`], with `sum_k Re(conj(reference_k) psi_k)` over the basis states of each class beside it, in `overlaps`.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the reference has another width.
    ///
    /// # Panics
    ///
    /// As [`StateBatch::class_probabilities_into`].
    pub fn class_overlaps_into(
        &mut self,
        reference: &StateVector,
        class_of: &[u32],
        classes: usize,
        probabilities: &mut Vec<[f64; 4]>,
        overlaps: &mut Vec<[f64; 4]>,
    ) -> Result<(), Error> {
        if reference.num_qubits() != self.qubits {
            return Err(Error::WidthMismatch { what: "state", got: reference.num_qubits(), expected: self.qubits });
        }
        probabilities.clear();
        overlaps.clear();
        for group in self.blocks.chunks_exact(1 << self.qubits) {
            self.sums.clear();
            self.sums.resize(classes, Block::default());
            kernel::class_overlaps(self.level, group, reference.blocks(), class_of, &mut self.sums);
            probabilities.extend(self.sums.iter().map(|sum| sum.re));
            overlaps.extend(self.sums.iter().map(|sum| sum.im));
        }
        Ok(())
    }

    /// As [`StateBatch::class_overlaps_into`], with the amplitudes of another batch as reference: each member has its own.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the reference has another width or other members.
    ///
    /// # Panics
    ///
    /// As [`StateBatch::class_probabilities_into`].
    pub fn class_overlaps_of_members_into(
        &mut self,
        reference: &Self,
        class_of: &[u32],
        classes: usize,
        probabilities: &mut Vec<[f64; 4]>,
        overlaps: &mut Vec<[f64; 4]>,
    ) -> Result<(), Error> {
        let mismatch = |what, got, expected| Err(Error::WidthMismatch { what, got, expected });
        if reference.qubits != self.qubits {
            return mismatch("state", reference.qubits, self.qubits);
        }
        if reference.members != self.members {
            return mismatch("batch", reference.members, self.members);
        }
        probabilities.clear();
        overlaps.clear();
        let size = 1 << self.qubits;
        for (group, of_reference) in self.blocks.chunks_exact(size).zip(reference.blocks.chunks_exact(size)) {
            self.sums.clear();
            self.sums.resize(classes, Block::default());
            kernel::class_overlaps_of_lanes(self.level, group, of_reference, class_of, &mut self.sums);
            probabilities.extend(self.sums.iter().map(|sum| sum.re));
            overlaps.extend(self.sums.iter().map(|sum| sum.im));
        }
        Ok(())
    }

    /// The level and the blocks.
    pub(crate) fn kernel_parts(&mut self) -> (Level, &mut [Block]) {
        (self.level, &mut self.blocks)
    }

    /// The blocks, to be exchanged for as many others.
    pub(crate) fn blocks_mut(&mut self) -> &mut Vec<Block> {
        &mut self.blocks
    }
}
