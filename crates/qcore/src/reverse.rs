//! Derivatives of expectation values by all angles of a program in one backward pass.

use std::sync::OnceLock;

use crate::compile::{Reads, Tape};
use crate::identity::Identity;
use crate::state::apply_step;
use crate::{Binding, Error, Level, PauliSum, Program, StateVector};

/// The rotations of a program whose angles are differentiated, and how their derivatives are read off the compiled program. Made
/// once per program and choice of rotations.
#[derive(Clone, Debug)]
pub struct Derivatives {
    rotations: Vec<usize>,
    of: Identity,
    /// What these and their clones are known by.
    identity: Identity,
    /// Rotations of the program.
    count: usize,
    /// Made when they are first needed.
    reads: OnceLock<Reads>,
}

impl Derivatives {
    /// The derivatives by the angles of these rotations, given as indices into [`Program::rotations`], in this order.
    ///
    /// Cost: linear in the program.
    ///
    /// # Panics
    ///
    /// If an index is out of range or occurs twice.
    #[must_use]
    pub fn new(program: &Program, rotations: &[usize]) -> Self {
        let count = program.rotations().len();
        assert_once(count, rotations);
        let (of, identity) = (program.identity().clone(), Identity::default());
        Self { rotations: rotations.to_vec(), of, identity, count, reads: OnceLock::new() }
    }

    fn reads(&self, program: &Program) -> &Reads {
        self.reads.get_or_init(|| Reads::new(program.plan(), self.count, &self.rotations))
    }

    /// The rotations, in the order of the derivatives.
    #[must_use]
    pub fn rotations(&self) -> &[usize] {
        &self.rotations
    }
}

/// Panics if a rotation is none of `count` or is given twice.
pub(crate) fn assert_once(count: usize, rotations: &[usize]) {
    let mut seen = vec![false; count];
    for &rotation in rotations {
        assert!(!std::mem::replace(&mut seen[rotation], true), "rotation {rotation} is given twice");
    }
}

/// The two states of adjoint differentiation, and working memory; kept from one evaluation to the next.
///
/// The first pass runs a program, the second one starts from observables on its final state and goes back through the program,
/// so that all derivatives together cost as much as a few runs (T. Jones and J. Gacon, arXiv 2009.02823).
///
/// ```
/// use qcore::{Binding, Circuit, Derivatives, Program, Reverse};
/// let mut circuit = Circuit::new(2)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?.cx(0, 1)?;
/// let program = Program::compile(&circuit);
/// let mut binding = Binding::new(&program);
/// program.bind(&[0.3], &mut binding)?;
/// let derivatives = Derivatives::new(&program, &[0]);
/// let mut reverse = Reverse::new(2)?;
/// reverse.forward(&program, &binding, &derivatives)?;
/// let z = "Z1".parse()?;
/// assert!((reverse.state().expectation(&z)? - 0.3_f64.cos()).abs() < 1e-15);
/// let mut by_angle = [0.0];
/// reverse.backward(&program, &binding, &derivatives, &[(1.0, &z)], &mut by_angle)?;
/// assert!((by_angle[0] + 0.3_f64.sin()).abs() < 1e-15);
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Debug)]
pub struct Reverse {
    ket: StateVector,
    bra: StateVector,
    tape: Tape,
    /// The forward pass that there is to go back from.
    ran: Option<Ran>,
}

/// A forward pass.
#[derive(Debug)]
struct Ran {
    /// The derivatives that it was made for.
    of: Identity,
    /// Whether it has stored states for the backward pass.
    stored: bool,
}

impl Clone for Reverse {
    /// What a forward pass has kept stays behind: a clone begins with one.
    fn clone(&self) -> Self {
        Self { ket: self.ket.clone(), bra: self.bra.clone(), tape: Tape::default(), ran: None }
    }
}

impl Reverse {
    /// Two states of a register.
    ///
    /// # Errors
    ///
    /// As [`StateVector::zero`].
    pub fn new(qubits: usize) -> Result<Self, Error> {
        let ket = StateVector::zero(qubits)?;
        Ok(Self { bra: ket.clone(), ket, tape: Tape::default(), ran: None })
    }

    /// The same, worked on at another kernel level from now on.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { ket: self.ket.with_level(level), bra: self.bra.with_level(level), ..self }
    }

    /// Width of the register.
    #[must_use]
    pub fn num_qubits(&self) -> usize {
        self.ket.num_qubits()
    }

    /// The state that the last forward pass ended in; not a state of the program any more once a backward pass has begun.
    #[must_use]
    pub fn state(&self) -> &StateVector {
        &self.ket
    }

    /// Runs a bound program from `|0...0>`, and keeps what the backward pass for these derivatives will need.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] for a program on another register, [`Error::AnotherProgram`] if binding or derivatives are of another one.
    pub fn forward(&mut self, program: &Program, binding: &Binding, derivatives: &Derivatives) -> Result<(), Error> {
        self.check(program, binding, derivatives)?;
        self.ran = None;
        let bound = &binding.bound;
        let stored = bound.planned && bound.in_range() && {
            let (level, ket) = self.ket.kernel_parts();
            program.plan().forward_stored(level, ket, bound, derivatives.reads(program), &mut self.tape)
        };
        if !stored {
            self.ket.run(program, binding)?;
        }
        self.ran = Some(Ran { of: derivatives.identity.clone(), stored });
        Ok(())
    }

    fn check(&self, program: &Program, binding: &Binding, derivatives: &Derivatives) -> Result<(), Error> {
        self.ket.check(program, binding)?;
        derivatives.of.check(program.identity(), "derivatives")
    }

    /// Goes back through the program of the forward pass, and writes the derivatives of `sum_o w_o <psi|H_o|psi>` by the angles of
    /// the rotations of `derivatives`, in their order. Consumes the state: every backward pass needs a forward pass before it.
    ///
    /// Nothing before the first of these rotations is undone, and only what these derivatives need is read. Nothing is
    /// allocated but working memory in the first pass. Derivatives are the same bytes whatever the number of threads.
    ///
    /// # Errors
    ///
    /// As [`Reverse::forward`]; [`Error::Order`] without a forward pass for the same derivatives before it; [`Error::WidthMismatch`] if the number of
    /// derivatives or an observable does not fit.
    pub fn backward(
        &mut self,
        program: &Program,
        binding: &Binding,
        derivatives: &Derivatives,
        observables: &[(f64, &PauliSum)],
        out: &mut [f64],
    ) -> Result<(), Error> {
        let mismatch = |what, got, expected| Err(Error::WidthMismatch { what, got, expected });
        self.check(program, binding, derivatives)?;
        if out.len() != derivatives.rotations.len() {
            return mismatch("gradient", out.len(), derivatives.rotations.len());
        }
        out.fill(0.0);
        self.ket.set_observables(observables, &mut self.bra)?;
        let Some(Ran { stored, .. }) = self.ran.take_if(|ran| ran.of.is(&derivatives.identity)) else {
            return Err(Error::Order { what: "a backward pass", before: "a forward pass for the same derivatives" });
        };
        let bound = &binding.bound;
        let by_plan = bound.planned && (stored || bound.squares_in_range());
        if !by_plan {
            return self.step_by_step(program, binding, derivatives, out);
        }
        let (plan, reads) = (program.plan(), derivatives.reads(program));
        let (level, ket) = self.ket.kernel_parts();
        let (_, bra) = self.bra.kernel_parts();
        if stored {
            plan.backward_stored(level, bra, bound, reads, &mut self.tape, out);
        } else {
            let undo = |blocks: &mut [crate::kernel::Block], index: usize| {
                apply_step(level, blocks, program, &program.steps()[index], binding, true);
            };
            plan.backward(level, (ket, bra), bound, reads, &mut self.tape, undo, out);
        }
        Ok(())
    }

    /// The backward pass one step at a time.
    fn step_by_step(
        &mut self,
        program: &Program,
        binding: &Binding,
        derivatives: &Derivatives,
        out: &mut [f64],
    ) -> Result<(), Error> {
        let steps = program.num_steps();
        let wanted = |step: usize| {
            let rotation = program.rotation_of_step(step)?;
            let at = derivatives.rotations.iter().position(|&wanted| wanted == rotation)?;
            Some((at, program.rotations()[rotation].generator()))
        };
        // The state behind the last rotation that is wanted, from whichever end is nearer.
        let Some(last) = (0..steps).rev().find(|&step| wanted(step).is_some()) else { return Ok(()) };
        for step in (last + 1..steps).rev() {
            self.bra.undo_step(program, binding, step)?;
        }
        if last < steps / 2 {
            self.ket.reset();
            self.ket.apply_steps(program, binding, 0..last + 1)?;
        } else {
            for step in (last + 1..steps).rev() {
                self.ket.undo_step(program, binding, step)?;
            }
        }
        let mut left = derivatives.rotations.len();
        for step in (0..=last).rev() {
            if let Some((at, generator)) = wanted(step) {
                out[at] = self.ket.generator_overlap(&self.bra, generator)?;
                left -= 1;
            }
            if left == 0 {
                break;
            }
            self.ket.undo_step(program, binding, step)?;
            self.bra.undo_step(program, binding, step)?;
        }
        Ok(())
    }
}
