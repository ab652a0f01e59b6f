//! State vectors.

use num_complex::Complex64;

use crate::compile::Scratch;
use crate::kernel::{self, Block, Level};
use crate::program::{Binding, Program, RotationGenerator, Step};
use crate::{Circuit, Error, Gate, MAX_QUBITS, PauliString, PauliSum, energy, memory};

/// The state of a register of qubits: `2^n` complex amplitudes.
///
/// Qubit 0 is the lowest bit of a basis-state index. Memory: 16 bytes per amplitude. The kernels run at the level that the
/// state was made with ([`StateVector::with_level`]), by default the best one of the processor.
#[derive(Clone, Debug)]
pub struct StateVector {
    qubits: usize,
    blocks: Vec<Block>,
    level: Level,
    scratch: Scratch,
}

impl StateVector {
    /// `|0...0>`.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] unless `1 <= qubits <= MAX_QUBITS`, [`Error::Memory`] if the state does not fit.
    pub fn zero(qubits: usize) -> Result<Self, Error> {
        if qubits == 0 || qubits > MAX_QUBITS {
            return Err(Error::Width { qubits, max: MAX_QUBITS });
        }
        let mut blocks = memory::allocate(qubits)?;
        blocks[0].re[0] = 1.0;
        Ok(Self { qubits, blocks, level: Level::best(), scratch: Scratch::default() })
    }

    /// A state with these amplitudes.
    ///
    /// # Errors
    ///
    /// [`Error::AmplitudeCount`] unless their number is a power of two from 2 on, [`Error::Norm`] if their norm is not 1 within
    /// 1e-10, [`Error::Width`] and [`Error::Memory`] as [`StateVector::zero`].
    pub fn from_amplitudes(amplitudes: &[Complex64]) -> Result<Self, Error> {
        if !amplitudes.len().is_power_of_two() || amplitudes.len() < 2 {
            return Err(Error::AmplitudeCount { got: amplitudes.len() });
        }
        let mut state = Self::zero(amplitudes.len().ilog2() as usize)?;
        for (index, amplitude) in amplitudes.iter().enumerate() {
            state.blocks[index / 4].re[index % 4] = amplitude.re;
            state.blocks[index / 4].im[index % 4] = amplitude.im;
        }
        let norm_squared = state.norm_squared();
        if norm_squared.is_nan() || (norm_squared - 1.0).abs() > 1e-10 {
            return Err(Error::Norm { norm_squared });
        }
        Ok(state)
    }

    /// The same state, worked on at another kernel level from now on.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
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

    /// The amplitude of basis state `index`.
    ///
    /// # Panics
    ///
    /// If `index >= 2^n`.
    #[must_use]
    pub fn amplitude(&self, index: usize) -> Complex64 {
        assert!(index < 1 << self.qubits, "basis state {index} of a register of {} qubits", self.qubits);
        let block = &self.blocks[index / 4];
        Complex64::new(block.re[index % 4], block.im[index % 4])
    }

    /// All amplitudes, in the order of basis-state indices.
    #[must_use]
    pub fn amplitudes(&self) -> Vec<Complex64> {
        (0..1 << self.qubits).map(|index| self.amplitude(index)).collect()
    }

    /// Sets it to `|0...0>`.
    pub fn reset(&mut self) {
        self.blocks.fill(Block::default());
        self.blocks[0].re[0] = 1.0;
    }

    /// Sets all amplitudes to 0: not a state, but where a sum of vectors begins.
    pub fn clear(&mut self) {
        self.blocks.fill(Block::default());
    }

    /// Overwrites it with another state of the same width, without allocation.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`].
    pub fn copy_from(&mut self, other: &Self) -> Result<(), Error> {
        self.same_width("state", other.qubits)?;
        self.blocks.copy_from_slice(&other.blocks);
        Ok(())
    }

    /// Runs a bound program from `|0...0>`.
    ///
    /// Gates are fused: a state of up to 13 qubits stays in the cache and is walked over once for three rotated qubits, a larger
    /// one about once per layer of gates. With the feature `rayon`, large states are divided among the threads of the current
    /// pool; the amplitudes do not depend on their number. Nothing is allocated but working memory on the first run.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the program is for another register, [`Error::AnotherProgram`] if the binding is for another program.
    pub fn run(&mut self, program: &Program, binding: &Binding) -> Result<(), Error> {
        self.check(program, binding)?;
        let bound = &binding.bound;
        match bound.planned && bound.in_range() {
            true => {
                let plan = program.plan();
                let Self { blocks, scratch, level, .. } = self;
                let step = |blocks: &mut [Block], index: usize| {
                    apply_step(*level, blocks, program, &program.steps()[index], binding, false);
                };
                plan.run(*level, blocks, bound, scratch, step);
            }
            false => {
                self.reset();
                for step in program.steps() {
                    self.apply_step(program, step, binding, false);
                }
            }
        }
        Ok(())
    }

    /// Applies some steps of a bound program, in order.
    ///
    /// # Errors
    ///
    /// As [`StateVector::run`].
    ///
    /// # Panics
    ///
    /// If the range reaches beyond [`Program::num_steps`].
    pub fn apply_steps(
        &mut self,
        program: &Program,
        binding: &Binding,
        steps: std::ops::Range<usize>,
    ) -> Result<(), Error> {
        self.check(program, binding)?;
        for step in &program.steps()[steps] {
            self.apply_step(program, step, binding, false);
        }
        Ok(())
    }

    /// Applies the inverse of one step of a bound program.
    ///
    /// # Errors
    ///
    /// As [`StateVector::run`].
    ///
    /// # Panics
    ///
    /// If `step >= program.num_steps()`.
    pub fn undo_step(&mut self, program: &Program, binding: &Binding, step: usize) -> Result<(), Error> {
        self.check(program, binding)?;
        self.apply_step(program, &program.steps()[step], binding, true);
        Ok(())
    }

    /// Applies the operations of a circuit at these parameter values, starting from the present state.
    ///
    /// Compiles the circuit anew; whoever runs a circuit often compiles it once and calls [`StateVector::run`].
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`], [`Error::ParameterCount`], [`Error::Angle`].
    pub fn apply_circuit(&mut self, circuit: &Circuit, parameters: &[f64]) -> Result<(), Error> {
        let program = Program::compile(circuit);
        let mut binding = Binding::stepwise(&program);
        program.bind(parameters, &mut binding)?;
        self.apply_steps(&program, &binding, 0..program.num_steps())
    }

    /// Applies one gate of the table with bound angles, in radians.
    ///
    /// # Errors
    ///
    /// The operand errors of [`Circuit::gate`], [`Error::Angle`].
    pub fn apply_gate(&mut self, gate: Gate, qubits: &[usize], angles: &[f64]) -> Result<(), Error> {
        let mut circuit = Circuit::new(self.qubits)?;
        circuit.gate(gate, qubits, &angles.iter().map(|&angle| angle.into()).collect::<Vec<_>>())?;
        self.apply_circuit(&circuit, &[])
    }

    /// `<self|other>`.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`].
    pub fn inner(&self, other: &Self) -> Result<Complex64, Error> {
        self.same_width("state", other.qubits)?;
        Ok(kernel::pauli_inner(self.level, &self.blocks, &other.blocks, 0, 0, 0))
    }

    /// Sum of the squared magnitudes of the amplitudes.
    #[must_use]
    pub fn norm_squared(&self) -> f64 {
        kernel::norm_squared(self.level, &self.blocks)
    }

    /// `<psi|P|psi>`. Cost: one pass.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the string reaches beyond the register.
    pub fn pauli_expectation(&self, string: PauliString) -> Result<f64, Error> {
        self.holds("Pauli string", string.width())?;
        Ok(kernel::pauli_inner(self.level, &self.blocks, &self.blocks, string.x_mask(), string.z_mask(), 0).re)
    }

    /// `<psi|H|psi>`. Cost: one pass for all strings of Z, one pass for each three single X, one pass for all others that flip the same qubits;
    /// divided among threads as [`StateVector::run`], with the same sum whatever their number.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the observable reaches beyond the register.
    pub fn expectation(&self, observable: &PauliSum) -> Result<f64, Error> {
        self.holds("observable", observable.width())?;
        Ok(energy::expectation(self.level, &self.blocks, self.qubits, observable.grouped()))
    }

    /// Writes `H |self>` into `out` (not normalized). Cost: as [`StateVector::expectation`].
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`].
    pub fn apply_observable(&self, observable: &PauliSum, out: &mut Self) -> Result<(), Error> {
        out.clear();
        self.add_observable(1.0, observable, out)
    }

    /// Adds `factor H |self>` to `out`. Cost: as [`StateVector::expectation`].
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`].
    pub fn add_observable(&self, factor: f64, observable: &PauliSum, out: &mut Self) -> Result<(), Error> {
        self.same_width("state", out.qubits)?;
        self.holds("observable", observable.width())?;
        energy::apply(self.level, &mut out.blocks, &self.blocks, self.qubits, observable.grouped(), factor, true);
        Ok(())
    }

    /// Writes `sum_o w_o H_o |self>` to `out`.
    pub(crate) fn set_observables(&self, observables: &[(f64, &PauliSum)], out: &mut Self) -> Result<(), Error> {
        for (index, (factor, observable)) in observables.iter().enumerate() {
            self.holds("observable", observable.width())?;
            let (grouped, add) = (observable.grouped(), index > 0);
            energy::apply(self.level, &mut out.blocks, &self.blocks, self.qubits, grouped, *factor, add);
        }
        if observables.is_empty() {
            out.clear();
        }
        Ok(())
    }

    /// `2 Im <bra|G|self>` for the generator `G` of a rotation: the derivative of `<psi|H|psi>` with respect to the angle of
    /// that rotation, where `self` is the state after it and `bra` is `H |psi>` pulled back to the same place (adjoint
    /// differentiation: T. Jones and J. Gacon, arXiv 2009.02823). Cost: one pass.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`].
    pub fn generator_overlap(&self, bra: &Self, generator: RotationGenerator) -> Result<f64, Error> {
        self.same_width("state", bra.qubits)?;
        let (x, z, controls, factor) = match generator {
            RotationGenerator::HalfPauli { string, controls } => (string.x_mask(), string.z_mask(), controls, 1.0),
            RotationGenerator::Phase { mask } => (0, 0, mask, -2.0),
        };
        self.holds("generator", (u64::BITS - (x | z | controls).leading_zeros()) as usize)?;
        Ok(factor * kernel::pauli_inner(self.level, &bra.blocks, &self.blocks, x, z, controls).im)
    }

    /// Applies `-i G` to the state (not unitary): the tangent vector of a rotation at the present place of a circuit.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the generator reaches beyond the register.
    pub fn apply_generator(&mut self, generator: RotationGenerator) -> Result<(), Error> {
        let (string, controls, factor) = match generator {
            RotationGenerator::HalfPauli { string, controls } => (string, controls, Complex64::new(0.0, -0.5)),
            RotationGenerator::Phase { mask } => (PauliString::IDENTITY, mask, Complex64::new(0.0, 1.0)),
        };
        let reach = string.support() | controls;
        self.holds("generator", (u64::BITS - reach.leading_zeros()) as usize)?;
        for (index, block) in self.blocks.iter_mut().enumerate() {
            for lane in 0..4 {
                if (index as u64 * 4 + lane as u64) & controls != controls {
                    (block.re[lane], block.im[lane]) = (0.0, 0.0);
                }
            }
        }
        let (x, z) = (string.x_mask(), string.z_mask());
        if x | z != 0 {
            // exp(-i pi P / 2) = -i P: a rotation by pi is the string itself up to its phase.
            kernel::rotate(self.level, &mut self.blocks, x, z, 0, 0.0, 1.0);
            kernel::scale(self.level, &mut self.blocks, 0.5);
        } else {
            kernel::apply_phase(self.level, &mut self.blocks, 0, factor.re, factor.im);
        }
        Ok(())
    }

    /// `a * left + b * right`, written over `self`.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`].
    pub fn set_combination(&mut self, a: Complex64, left: &Self, b: Complex64, right: &Self) -> Result<(), Error> {
        self.same_width("state", left.qubits)?;
        self.same_width("state", right.qubits)?;
        let (a, b) = ((a.re, a.im), (b.re, b.im));
        kernel::combine(self.level, &mut self.blocks, a, &left.blocks, b, &right.blocks);
        Ok(())
    }

    /// The probabilities of all basis states, in the order of their indices.
    #[must_use]
    pub fn probabilities(&self) -> Vec<f64> {
        let mut out = Vec::new();
        self.probabilities_into(&mut out);
        out
    }

    /// As [`StateVector::probabilities`], into a buffer that is resized to `2^n`.
    pub fn probabilities_into(&self, out: &mut Vec<f64>) {
        out.resize(4 * self.blocks.len(), 0.0);
        kernel::probabilities(self.level, &self.blocks, out);
        out.truncate(1 << self.qubits);
    }

    /// The blocks of amplitudes.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The level and the blocks, for kernels that are no gates.
    pub(crate) fn kernel_parts(&mut self) -> (Level, &mut [Block]) {
        (self.level, &mut self.blocks)
    }

    fn apply_step(&mut self, program: &Program, step: &Step, binding: &Binding, inverse: bool) {
        apply_step(self.level, &mut self.blocks, program, step, binding, inverse);
    }

    pub(crate) fn check(&self, program: &Program, binding: &Binding) -> Result<(), Error> {
        self.same_width("program", program.num_qubits())?;
        binding.of.check(program.identity(), "binding")
    }

    fn same_width(&self, what: &'static str, got: usize) -> Result<(), Error> {
        if got == self.qubits { Ok(()) } else { Err(Error::WidthMismatch { what, got, expected: self.qubits }) }
    }

    fn holds(&self, what: &'static str, width: usize) -> Result<(), Error> {
        if width <= self.qubits {
            Ok(())
        } else {
            Err(Error::WidthMismatch { what, got: width, expected: self.qubits })
        }
    }
}

/// Applies one step of a bound program, or its inverse.
pub(crate) fn apply_step(
    level: Level,
    blocks: &mut [Block],
    program: &Program,
    step: &Step,
    binding: &Binding,
    inverse: bool,
) {
    let sign = if inverse { -1.0 } else { 1.0 };
    match step {
        Step::Rotate(rotation) => {
            let cos = binding.bound.cos[*rotation];
            let sin = sign * binding.bound.sin[*rotation];
            match program.rotations()[*rotation].generator() {
                RotationGenerator::HalfPauli { string, controls } => {
                    let (x, z) = (string.x_mask(), string.z_mask());
                    kernel::rotate(level, blocks, x, z, controls, cos, sin);
                }
                RotationGenerator::Phase { mask } => {
                    kernel::apply_phase(level, blocks, mask, cos, sin);
                }
            }
        }
        Step::Exchange { x, controls } => kernel::exchange(level, blocks, *x, *controls),
        Step::Phase { mask, factor } => {
            kernel::apply_phase(level, blocks, *mask, factor.re, sign * factor.im);
        }
        Step::Matrix(matrices) => {
            kernel::apply_matrix(level, blocks, &matrices[usize::from(inverse)]);
        }
    }
}
