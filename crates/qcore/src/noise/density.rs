//! Density matrices.

use std::ops::Range;

use num_complex::Complex64;

use super::lower::digits;
use super::{Channel, NoisyBinding, NoisyProgram, Readout};
use crate::kernel::Block;
use crate::{Error, Level, PauliString, PauliSum, StateVector, memory};

/// Coefficients of fewer qubits are filled up with zeros: the kernels work on three at least.
pub(super) const MIN_WIDTH: usize = 3;

/// Distance from a Hermitian matrix of trace 1 that is taken for rounding.
const TOLERANCE: f64 = 1e-10;

/// The state of a register of qubits with noise, exactly: `rho = 2^-n sum_P c_P P` with the `4^n` real coefficients
/// `c_P = tr(rho P)` of the Pauli strings.
///
/// In this basis gates and channels are real matrices, Pauli channels diagonal ones, and an expectation value is one
/// coefficient (the Pauli transfer matrix; see D. Greenbaum, arXiv 1509.02921). Memory: `8 * 4^n` bytes, 128 MiB for 12
/// qubits. Qubit 0 is the lowest bit of a basis-state index.
///
/// ```
/// use qcore::{Channel, DensityMatrix};
/// let mut rho = DensityMatrix::zero(2)?;
/// rho.apply_channel(&Channel::bit_flip(0.25)?, &[1])?;
/// assert_eq!(rho.probabilities(), [0.75, 0.0, 0.25, 0.0]);
/// assert!((rho.purity() - 0.625).abs() < 1e-15);
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DensityMatrix {
    qubits: usize,
    /// Eight coefficients per block, in the order of the digits of their strings.
    blocks: Vec<Block>,
    level: Level,
}

impl DensityMatrix {
    /// The widest register of a density matrix.
    pub const MAX_QUBITS: usize = 12;

    /// `|0...0><0...0|`.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] unless `1 <= qubits <= MAX_QUBITS`, [`Error::Memory`] if it does not fit.
    pub fn zero(qubits: usize) -> Result<Self, Error> {
        if qubits == 0 || qubits > Self::MAX_QUBITS {
            return Err(Error::Width { qubits, max: Self::MAX_QUBITS });
        }
        // A block of a state vector holds four complex numbers, here eight real ones.
        let blocks = memory::allocate(2 * qubits.max(MIN_WIDTH) - 1).map_err(|error| match error {
            Error::Memory { needed_bytes, available_bytes, .. } => {
                Error::Memory { qubits, needed_bytes, available_bytes }
            }
            other => other,
        })?;
        let mut rho = Self { qubits, blocks, level: Level::best() };
        rho.reset();
        Ok(rho)
    }

    /// `|psi><psi|`. Cost: `n 4^n`.
    ///
    /// # Errors
    ///
    /// As [`DensityMatrix::zero`].
    pub fn from_state(state: &StateVector) -> Result<Self, Error> {
        let mut rho = Self::zero(state.num_qubits())?;
        rho.set_entries(|row, column| state.amplitude(row) * state.amplitude(column).conj());
        Ok(rho)
    }

    /// From all entries, row-major; that it has no negative eigenvalue is not checked. Cost: `n 4^n`.
    ///
    /// # Errors
    ///
    /// [`Error::MatrixSize`] unless it has `4^n` entries, [`Error::NotDensity`] if it is not Hermitian or its trace is not 1
    /// within 1e-10, and as [`DensityMatrix::zero`].
    pub fn from_matrix(qubits: usize, matrix: &[Complex64]) -> Result<Self, Error> {
        let mut rho = Self::zero(qubits)?;
        let dimension = 1 << qubits;
        if matrix.len() != dimension * dimension {
            return Err(Error::MatrixSize { qubits, expected: dimension * dimension, got: matrix.len() });
        }
        let trace: Complex64 = (0..dimension).map(|k| matrix[k * (dimension + 1)]).sum();
        let asymmetry = (0..matrix.len())
            .map(|at| (matrix[at] - matrix[at % dimension * dimension + at / dimension].conj()).norm())
            .fold(0.0, |worst, distance| if distance.is_nan() { f64::INFINITY } else { distance.max(worst) });
        // Written so that a trace that is not a number is refused too.
        let normalized = (trace - 1.0).norm() <= TOLERANCE;
        if !normalized || asymmetry > TOLERANCE {
            return Err(Error::NotDensity { trace: trace.re, asymmetry });
        }
        rho.set_entries(|row, column| matrix[row * dimension + column]);
        Ok(rho)
    }

    /// The same density matrix, worked on at another kernel level from now on.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    pub(super) fn set_level(&mut self, level: Level) {
        self.level = level;
    }

    /// The kernel level it is worked on with.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Width of the register.
    #[must_use]
    pub fn num_qubits(&self) -> usize {
        self.qubits
    }

    /// Sets it to `|0...0><0...0|`.
    pub fn reset(&mut self) {
        self.blocks.fill(Block::default());
        for z in 0..1 << self.qubits {
            self.set(0, z, 1.0);
        }
    }

    /// Runs a bound program from `|0...0>`. Nothing is allocated. Cost: `4^n` per pass, less for the first passes of a circuit
    /// that reaches its qubits in ascending order: only those up to the highest one so far are worked on.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the program is for another register, [`Error::AnotherProgram`] if the binding is for another program.
    pub fn run(&mut self, program: &NoisyProgram, binding: &NoisyBinding) -> Result<(), Error> {
        self.check(program, binding)?;
        // A qubit that no gate has touched is in |0>: its digits are I and Z with equal coefficients. The state grows with the
        // qubits that are reached.
        let mut width = self.qubits.min(MIN_WIDTH);
        let start = &mut self.blocks[..blocks_of(MIN_WIDTH)];
        start.fill(Block::default());
        for z in 0..1 << width {
            self.set(0, z, 1.0);
        }
        width = MIN_WIDTH;
        for step in 0..program.num_passes() {
            self.grow(&mut width, program.reach(step));
            program.apply(self.level, &mut self.blocks[..blocks_of(width)], binding, step..step + 1);
        }
        self.grow(&mut width, self.qubits);
        Ok(())
    }

    /// Adds qubits in `|0>` until the first coefficients are those of `reach` qubits.
    fn grow(&mut self, width: &mut usize, reach: usize) {
        while *width < reach {
            let length = blocks_of(*width);
            let (known, new) = self.blocks[..4 * length].split_at_mut(length);
            new.fill(Block::default());
            new[length..2 * length].copy_from_slice(known);
            *width += 1;
        }
    }

    /// Applies a bound program to the present state.
    ///
    /// # Errors
    ///
    /// As [`DensityMatrix::run`].
    pub fn apply(&mut self, program: &NoisyProgram, binding: &NoisyBinding) -> Result<(), Error> {
        self.check(program, binding)?;
        program.apply(self.level, &mut self.blocks, binding, 0..program.num_passes());
        Ok(())
    }

    /// Applies some passes of a bound program to the present state, as [`StateVector::apply_steps`] does with steps.
    ///
    /// # Errors
    ///
    /// As [`DensityMatrix::run`].
    ///
    /// # Panics
    ///
    /// If `passes` reaches beyond [`NoisyProgram::num_passes`].
    pub fn apply_passes(
        &mut self,
        program: &NoisyProgram,
        binding: &NoisyBinding,
        passes: Range<usize>,
    ) -> Result<(), Error> {
        self.check(program, binding)?;
        program.apply(self.level, &mut self.blocks, binding, passes);
        Ok(())
    }

    /// Copies the state of another density matrix of the same width. Nothing is allocated.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`].
    pub fn copy_from(&mut self, other: &Self) -> Result<(), Error> {
        if other.qubits != self.qubits {
            let (got, expected) = (other.qubits, self.qubits);
            return Err(Error::WidthMismatch { what: "density matrix", got, expected });
        }
        self.blocks.copy_from_slice(&other.blocks);
        Ok(())
    }

    /// Applies a channel once.
    ///
    /// # Errors
    ///
    /// [`Error::QubitCount`], [`Error::Qubit`] or [`Error::DuplicateQubit`].
    pub fn apply_channel(&mut self, channel: &Channel, qubits: &[usize]) -> Result<(), Error> {
        if qubits.len() != channel.qubits() {
            let (expected, got) = (channel.qubits(), qubits.len());
            return Err(Error::QubitCount { operation: channel.name(), expected, got });
        }
        if let Some(&qubit) = qubits.iter().find(|&&qubit| qubit >= self.qubits) {
            return Err(Error::Qubit { qubit, qubits: self.qubits });
        }
        if let [a, b] = *qubits
            && a == b
        {
            return Err(Error::DuplicateQubit { qubit: a, operation: channel.name() });
        }
        let program = NoisyProgram::of_transfer(self.qubits, &channel.transfer(), qubits);
        program.apply(self.level, &mut self.blocks, &NoisyBinding::new(&program), 0..program.num_passes());
        Ok(())
    }

    /// `tr(rho P)`. Cost: constant.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the string reaches beyond the register.
    pub fn pauli_expectation(&self, string: PauliString) -> Result<f64, Error> {
        self.holds("Pauli string", string.width())?;
        Ok(self.coefficient(string.x_mask(), string.z_mask()))
    }

    /// `tr(rho H)`, without readout errors. Cost: constant per term.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the observable reaches beyond the register.
    pub fn expectation(&self, observable: &PauliSum) -> Result<f64, Error> {
        self.holds("observable", observable.width())?;
        Ok(observable
            .terms()
            .iter()
            .map(|&(weight, string)| weight * self.coefficient(string.x_mask(), string.z_mask()))
            .sum())
    }

    /// The mean of `H` as it is read with readout errors. Each string is measured on its own, its qubits in their bases (the
    /// change of basis without noise); a mean `z` of a qubit is read as `(p0_given_1 - p1_given_0) + (1 - p1_given_0 -
    /// p0_given_1) z`. Cost: `2^w` per string on `w` misread qubits.
    ///
    /// # Errors
    ///
    /// As [`DensityMatrix::expectation`].
    pub fn read_expectation(&self, observable: &PauliSum, readout: &Readout) -> Result<f64, Error> {
        self.holds("observable", observable.width())?;
        Ok(observable
            .terms()
            .iter()
            .map(|&(weight, string)| {
                let mean = |kept: u64| self.coefficient(string.x_mask() & kept, string.z_mask() & kept);
                weight * readout.read_mean(string.support(), mean)
            })
            .sum())
    }

    /// The probabilities of all basis states, in the order of their indices, without readout errors. Cost: `n 2^n`.
    #[must_use]
    pub fn probabilities(&self) -> Vec<f64> {
        let mut out = Vec::new();
        self.probabilities_into(&mut out);
        out
    }

    /// As [`DensityMatrix::probabilities`], into a buffer that is resized to `2^n`. What is negative by rounding is 0.
    pub fn probabilities_into(&self, out: &mut Vec<f64>) {
        self.probabilities_in_basis(0, 0, out);
    }

    /// The probabilities of all outcomes, without readout errors, where the qubits of the mask `x_basis` are measured in the X
    /// basis, those of `y_basis` in the Y basis and the others in the Z basis, the changes of basis without noise. A qubit in
    /// both masks is measured in the Y basis, bits beyond the register are ignored. The eigenvalue 1 is read as 0. Cost:
    /// `n 2^n`; into a buffer that is resized to `2^n`.
    pub fn probabilities_in_basis(&self, x_basis: u64, y_basis: u64, out: &mut Vec<f64>) {
        let dimension = 1 << self.qubits;
        let (x, z) = (x_basis | y_basis, !x_basis | y_basis);
        out.clear();
        out.extend((0..dimension).map(|mask| self.coefficient(mask & x, mask & z)));
        walsh_hadamard(out, |a, b| (a + b, a - b));
        let scale = 1.0 / dimension as f64;
        out.iter_mut().for_each(|p| *p = (*p * scale).max(0.0));
    }

    /// The probabilities of the bit strings that are read, with readout errors.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if there are readout errors for more qubits than there are.
    pub fn read_probabilities(&self, readout: &Readout) -> Result<Vec<f64>, Error> {
        let mut probabilities = self.probabilities();
        readout.confuse(&mut probabilities)?;
        Ok(probabilities)
    }

    /// All entries, row-major. Cost: `n 4^n`.
    #[must_use]
    pub fn matrix(&self) -> Vec<Complex64> {
        let dimension = 1 << self.qubits;
        let zero = Complex64::new(0.0, 0.0);
        let mut matrix = vec![zero; dimension * dimension];
        let mut buffer = vec![zero; dimension];
        for x in 0..dimension {
            // tr(rho X^x Z^z) = (-i)^|x & z| c, and the sum over z with signs gives the entries at (b, b ^ x).
            for (z, value) in buffer.iter_mut().enumerate() {
                *value = quarter_turns(4 - (x & z).count_ones() % 4) * self.coefficient(x as u64, z as u64);
            }
            walsh_hadamard(&mut buffer, |a, b| (a + b, a - b));
            for (b, value) in buffer.iter().enumerate() {
                matrix[b * dimension + (b ^ x)] = value / dimension as f64;
            }
        }
        matrix
    }

    /// `tr(rho)`: 1, as gates and channels preserve it.
    #[must_use]
    pub fn trace(&self) -> f64 {
        self.coefficient(0, 0)
    }

    /// `tr(rho^2)`: 1 for a pure state, `2^-n` for the maximally mixed one. Cost: one pass.
    #[must_use]
    pub fn purity(&self) -> f64 {
        crate::kernel::norm_squared(self.level, &self.blocks) / (1_u64 << self.qubits) as f64
    }

    pub(super) fn blocks_mut(&mut self) -> &mut [Block] {
        &mut self.blocks
    }

    /// All coefficients 0: no state, but the start of a sum of observables.
    pub(super) fn clear(&mut self) {
        self.blocks.fill(Block::default());
    }

    /// Adds `weight` times an observable as it is read with readout errors: coefficients such that their inner product with
    /// those of a state is the mean of [`DensityMatrix::read_expectation`].
    pub(super) fn add_read_observable(
        &mut self,
        weight: f64,
        observable: &PauliSum,
        readout: &Readout,
    ) -> Result<(), Error> {
        self.holds("observable", observable.width())?;
        for &(coefficient, string) in observable.terms() {
            readout.read_weights(string.support(), |kept, factor| {
                let (x, z) = (string.x_mask() & kept, string.z_mask() & kept);
                self.set(x, z, self.coefficient(x, z) + weight * coefficient * factor);
            });
        }
        Ok(())
    }

    /// Sets the coefficients to those of a matrix: for each pattern `x` of flips a Walsh-Hadamard transform of the entries
    /// `(b, b ^ x)` over `b`.
    fn set_entries(&mut self, entry: impl Fn(usize, usize) -> Complex64) {
        let dimension = 1 << self.qubits;
        let mut buffer = vec![Complex64::new(0.0, 0.0); dimension];
        for x in 0..dimension {
            for (b, value) in buffer.iter_mut().enumerate() {
                *value = entry(b, b ^ x);
            }
            walsh_hadamard(&mut buffer, |a, b| (a + b, a - b));
            for (z, value) in buffer.iter().enumerate() {
                let coefficient = (quarter_turns((x & z).count_ones() % 4) * value).re;
                self.set(x as u64, z as u64, coefficient);
            }
        }
    }

    fn coefficient(&self, x: u64, z: u64) -> f64 {
        let index = digits(x, z) as usize;
        let block = &self.blocks[index / 8];
        (if index & 4 == 0 { block.re } else { block.im })[index & 3]
    }

    fn set(&mut self, x: u64, z: u64, value: f64) {
        let index = digits(x, z) as usize;
        let block = &mut self.blocks[index / 8];
        (if index & 4 == 0 { &mut block.re } else { &mut block.im })[index & 3] = value;
    }

    fn check(&self, program: &NoisyProgram, binding: &NoisyBinding) -> Result<(), Error> {
        if program.num_qubits() != self.qubits {
            let (got, expected) = (program.num_qubits(), self.qubits);
            return Err(Error::WidthMismatch { what: "program", got, expected });
        }
        program.check(binding)
    }

    fn holds(&self, what: &'static str, width: usize) -> Result<(), Error> {
        if width <= self.qubits {
            Ok(())
        } else {
            Err(Error::WidthMismatch { what, got: width, expected: self.qubits })
        }
    }
}

/// Blocks with the coefficients of some qubits, at least [`MIN_WIDTH`].
fn blocks_of(qubits: usize) -> usize {
    1 << (2 * qubits - 3)
}

/// `i` to a power from 0 to 4.
fn quarter_turns(power: u32) -> Complex64 {
    match power % 4 {
        0 => Complex64::new(1.0, 0.0),
        1 => Complex64::new(0.0, 1.0),
        2 => Complex64::new(-1.0, 0.0),
        _ => Complex64::new(0.0, -1.0),
    }
}

/// `sum_b (-1)^|z & b| v_b` for all `z`, in place.
fn walsh_hadamard<T: Copy>(values: &mut [T], butterfly: impl Fn(T, T) -> (T, T)) {
    let mut half = 1;
    while half < values.len() {
        for group in values.chunks_exact_mut(2 * half) {
            let (left, right) = group.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = butterfly(*a, *b);
            }
        }
        half *= 2;
    }
}
