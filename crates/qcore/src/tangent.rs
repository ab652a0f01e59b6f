//! Second derivatives along a direction: how all derivatives by angles change when the angles change at given rates.

use std::sync::Arc;

use crate::compile::{TangentMemory, TangentPlan};
use crate::identity::Identity;
use crate::reverse::assert_once;
use crate::{Binding, Error, Level, PauliSum, Program, StateVector};

/// The rotations of a program whose angles are differentiated twice, and how that is read off the compiled program. Made once per program
/// and choice of rotations.
#[derive(Clone, Debug)]
pub struct TangentDerivatives {
    plan: Arc<TangentPlan>,
    qubits: usize,
    of: Identity,
    /// Rotations that are differentiated.
    wanted: usize,
}

impl TangentDerivatives {
    /// Derivatives by the angles of these rotations, given as indices into [`Program::rotations`], in this order. `None` for more than
    /// 13 qubits, for programs with matrices between their layers or with more than 2^20 amplitudes in all layers together, and if none
    /// of the derivatives can be other than 0.
    ///
    /// # Panics
    ///
    /// If an index is out of range or occurs twice.
    #[must_use]
    pub fn new(program: &Program, rotations: &[usize]) -> Option<Self> {
        assert_once(program.rotations().len(), rotations);
        let qubits = program.num_qubits();
        let plan = TangentPlan::new(qubits, program.steps(), program.rotations(), rotations)?;
        Some(Self { plan: plan.into(), qubits, of: program.identity().clone(), wanted: rotations.len() })
    }
}

/// The states of second derivatives along a direction, and working memory; kept from one evaluation to the next.
///
/// Adjoint differentiation of the compiled program in which the state and the adjoint state are carried together with their tangents
/// (B. Pearlmutter, Neural Computation 6, 147 (1994)). **Cost**: two and a half to four passes of [`Reverse`](crate::Reverse), whatever the number of
/// rotations; memory for two states and a table for every layer.
///
/// ```
/// use qcore::{Binding, Circuit, Program, TangentDerivatives, TangentReverse};
/// let mut circuit = Circuit::new(1)?;
/// let t = circuit.parameters_named("t", 2)?;
/// circuit.ry(0, t[0])?.ry(0, t[1])?;
/// let program = Program::compile(&circuit);
/// let mut binding = Binding::stepwise(&program);
/// program.bind(&[0.3, 0.4], &mut binding)?;
/// let derivatives = TangentDerivatives::new(&program, &[0, 1]).expect("layers all the way");
/// let mut reverse = TangentReverse::new(&derivatives)?;
/// // <Z> = cos(a + b), and only b moves.
/// reverse.forward(&program, &binding, &[0.0, 1.0])?;
/// let (z, mut by_angle, mut change) = ("Z0".parse()?, [0.0; 2], [0.0; 2]);
/// let value = reverse.backward(&[(1.0, &z)], &mut by_angle, &mut change)?;
/// assert!((value - 0.7_f64.cos()).abs() < 1e-15);
/// assert!(by_angle.iter().all(|d| (d + 0.7_f64.sin()).abs() < 1e-15));
/// assert!(change.iter().all(|d| (d + 0.7_f64.cos()).abs() < 1e-15));
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TangentReverse {
    derivatives: TangentDerivatives,
    /// The state, its tangent, `H psi` of the one and of the other.
    ket: StateVector,
    ket_rate: StateVector,
    bra: StateVector,
    bra_rate: StateVector,
    memory: TangentMemory,
    /// Whether there is a forward pass to go back from.
    ran: bool,
}

impl TangentReverse {
    /// Room for these derivatives.
    ///
    /// # Errors
    ///
    /// As [`StateVector::zero`].
    pub fn new(derivatives: &TangentDerivatives) -> Result<Self, Error> {
        let zero = StateVector::zero(derivatives.qubits)?;
        let [ket, ket_rate, bra, bra_rate] = std::array::from_fn(|_| zero.clone());
        let (memory, derivatives) = (derivatives.plan.memory(), derivatives.clone());
        Ok(Self { derivatives, ket, ket_rate, bra, bra_rate, memory, ran: false })
    }

    /// The same, worked on at another kernel level from now on.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        let Self { ket, ket_rate, bra, bra_rate, .. } = self;
        let [ket, ket_rate, bra, bra_rate] = [ket, ket_rate, bra, bra_rate].map(|state| state.with_level(level));
        Self { ket, ket_rate, bra, bra_rate, ..self }
    }

    /// Runs a bound program from `|0...0>` while the angles of the rotations that are differentiated change at these rates.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the number of rates does not fit, [`Error::AnotherProgram`] for another program or a binding of one.
    pub fn forward(&mut self, program: &Program, binding: &Binding, rates: &[f64]) -> Result<(), Error> {
        self.ket.check(program, binding)?;
        let mismatch = |what, got, expected| Err(Error::WidthMismatch { what, got, expected });
        let derivatives = &self.derivatives;
        derivatives.of.check(program.identity(), "derivatives")?;
        if rates.len() != derivatives.wanted {
            return mismatch("rates", rates.len(), derivatives.wanted);
        }
        let (level, ket) = self.ket.kernel_parts();
        let (_, ket_rate) = self.ket_rate.kernel_parts();
        self.memory.forward(level, &derivatives.plan, &binding.bound, rates, (ket, ket_rate));
        self.ran = true;
        Ok(())
    }

    /// Goes back from the last forward pass: returns `sum_o w_o <psi|H_o|psi>`, and writes its derivatives by the angles of the rotations
    /// and the rates at which these derivatives change.
    ///
    /// # Errors
    ///
    /// [`Error::Order`] without a forward pass before it, [`Error::WidthMismatch`] if the number of derivatives or an observable does not fit.
    pub fn backward(
        &mut self,
        observables: &[(f64, &PauliSum)],
        by_angle: &mut [f64],
        change: &mut [f64],
    ) -> Result<f64, Error> {
        Ok(self.go_back(observables, false, by_angle, change)?.0)
    }

    /// As [`TangentReverse::backward`]; the second number is the third derivative of the value along the line on which all angles change at their
    /// rates. Costs about a third more.
    ///
    /// # Errors
    ///
    /// As [`TangentReverse::backward`].
    pub fn backward_with_third(
        &mut self,
        observables: &[(f64, &PauliSum)],
        by_angle: &mut [f64],
        change: &mut [f64],
    ) -> Result<(f64, f64), Error> {
        self.go_back(observables, true, by_angle, change)
    }

    fn go_back(
        &mut self,
        observables: &[(f64, &PauliSum)],
        third: bool,
        by_angle: &mut [f64],
        change: &mut [f64],
    ) -> Result<(f64, f64), Error> {
        if !self.ran {
            return Err(Error::Order { what: "a backward pass", before: "a forward pass" });
        }
        for got in [by_angle.len(), change.len()] {
            if got != self.derivatives.wanted {
                let (what, expected) = ("gradient", self.derivatives.wanted);
                return Err(Error::WidthMismatch { what, got, expected });
            }
        }
        by_angle.fill(0.0);
        change.fill(0.0);
        self.ket.set_observables(observables, &mut self.bra)?;
        self.ket_rate.set_observables(observables, &mut self.bra_rate)?;
        let value = self.ket.inner(&self.bra)?.re;
        let (level, bra) = self.bra.kernel_parts();
        let (_, rate) = self.bra_rate.kernel_parts();
        let third = self.memory.backward(level, &self.derivatives.plan, bra, rate, third, (by_angle, change));
        Ok((value, third))
    }
}
