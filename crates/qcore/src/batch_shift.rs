//! Families of circuits that differ from one bound circuit in one or two angles, as parameter-shift rules need them.

use num_complex::Complex64;

use crate::compile::{Bound, Members, Tables, WHOLE_QUBITS};
use crate::identity::Identity;
use crate::kernel::{Block, Quad};
use crate::state::apply_step;
use crate::{Binding, Error, Level, Program, StateBatch, StateVector, memory};

/// Members of a group: one per lane.
const GROUP: usize = 4;

/// Families whose tables and states take more are not kept.
const MOST_BYTES: usize = 1 << 28;

/// A bound program with what all its shifted runs share: the state before each layer, and the tables of the diagonal operators.
///
/// A run in which one angle is shifted by pi is a tangent: with `G = P / 2` the generator of a rotation, `R(theta + pi) = -i P R(theta)`, so
/// `psi(theta + s) = cos(s / 2) psi(theta) + sin(s / 2) psi(theta + pi)`; for a phase gate on a projector
/// `psi(theta + s) = ((1 + e^{is}) psi(theta) + (1 - e^{is}) psi(theta + pi)) / 2`.
///
/// Memory: 32 bytes per amplitude and layer.
///
/// ```
/// use num_complex::Complex64;
/// use qcore::{Binding, Circuit, Program, ShiftFamily, ShiftGroup, ShiftedMember};
/// let mut circuit = Circuit::new(2)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?.cx(0, 1)?;
/// let program = Program::compile(&circuit);
/// let mut binding = Binding::new(&program);
/// program.bind(&[0.3], &mut binding)?;
///
/// let mut family = ShiftFamily::new(2)?;
/// family.bind(&program, &binding)?;
/// let mut group = ShiftGroup::new(2)?;
/// let shifts = [[(0, 0.5)], [(0, -0.5)]];
/// let members = shifts.each_ref().map(|shifts| ShiftedMember { shifts, factor: Complex64::ONE });
/// let states = group.run(&program, &family, &members)?;
/// let mut values = Vec::new();
/// states.expectations_into(&"Z1".parse()?, &mut values)?;
/// assert!((values[0] - 0.8_f64.cos()).abs() < 1e-15 && (values[1] - 0.2_f64.cos()).abs() < 1e-15);
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ShiftFamily {
    /// The program that it is bound to.
    of: Option<Identity>,
    bound: Bound,
    tables: Tables,
    end: StateVector,
}

/// One run of a family.
#[derive(Clone, Copy, Debug)]
pub struct ShiftedMember<'a> {
    /// Indices into [`Program::rotations`] and the radians that are added to the angles of these rotations.
    pub shifts: &'a [(usize, f64)],
    /// What the amplitudes are multiplied with.
    pub factor: Complex64,
}

impl ShiftFamily {
    /// Whether families of this program are worth a group: up to 13 qubits, and 256 MiB of tables and states.
    #[must_use]
    pub fn fits(program: &Program) -> bool {
        let qubits = program.num_qubits();
        qubits <= WHOLE_QUBITS && program.places().num_items().saturating_mul(32 << qubits.max(2)) <= MOST_BYTES
    }

    /// Room for families of programs of this width.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] unless `1 <= qubits <= 13`, [`Error::Memory`] if the states do not fit.
    pub fn new(qubits: usize) -> Result<Self, Error> {
        if qubits > WHOLE_QUBITS {
            return Err(Error::Width { qubits, max: WHOLE_QUBITS });
        }
        let end = StateVector::zero(qubits)?;
        Ok(Self { of: None, bound: Bound::new(0, None, 1), tables: Tables::default(), end })
    }

    /// The same family, worked on at another kernel level from now on.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.end = self.end.with_level(level);
        self
    }

    /// Runs the program without a shift and keeps its states and tables. Nothing is allocated but for another program than
    /// the last time.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the program is for another register, [`Error::AnotherProgram`] if the binding is for another program,
    /// [`Error::Order`] for a binding from [`Binding::stepwise`].
    pub fn bind(&mut self, program: &Program, binding: &Binding) -> Result<(), Error> {
        let (what, got) = ("program", program.num_qubits());
        if got != self.end.num_qubits() {
            return Err(Error::WidthMismatch { what, got, expected: self.end.num_qubits() });
        }
        binding.of.check(program.identity(), "binding")?;
        if !binding.bound.planned {
            return Err(Error::Order { what: "a family", before: "a binding for whole runs" });
        }
        self.of = Some(binding.of.clone());
        if self.bound.has_room_for(&binding.bound) {
            self.bound.copy_from(&binding.bound);
        } else {
            self.bound = binding.bound.clone();
        }
        let plan = program.plan();
        let (level, state) = self.end.kernel_parts();
        self.tables.run(level, plan, &self.bound, state, |state, step| {
            apply_step(level, state, program, &program.steps()[step], binding, false);
        });
        Ok(())
    }

    /// The state at the end of the program without a shift.
    #[must_use]
    pub fn unshifted(&self) -> &StateVector {
        &self.end
    }
}

/// Up to four runs of a family at a time, side by side in the lanes of a vector.
///
/// Members begin with the kept state before the first layer that any of them changes. Only the layers that a shift changes have tables of their
/// own; behind them all members take the tables of the family. So a group is cheapest when its members shift rotations of the same layer.
#[derive(Clone, Debug)]
pub struct ShiftGroup {
    states: StateBatch,
    bound: Bound,
    table: Vec<Block>,
}

impl ShiftGroup {
    /// Room for four runs of programs of this width.
    ///
    /// # Errors
    ///
    /// As [`ShiftFamily::new`].
    pub fn new(qubits: usize) -> Result<Self, Error> {
        if qubits > WHOLE_QUBITS {
            return Err(Error::Width { qubits, max: WHOLE_QUBITS });
        }
        let states = StateBatch::zero(qubits, GROUP)?;
        Ok(Self { states, bound: Bound::new(0, None, GROUP), table: memory::allocate_groups(qubits, 1)? })
    }

    /// The same group, worked on at another kernel level from now on.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.states = self.states.with_level(level);
        self
    }

    /// The final states of some members of a family, in their order; lanes that are left over are not to be read. The states may be changed:
    /// the next run does not begin with them. Nothing is allocated but for another program than the last time.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if there are more than four members, or the group is of another width; [`Error::AnotherProgram`] if the family is not
    /// bound to the program.
    ///
    /// # Panics
    ///
    /// If a shifted rotation is not an index of [`Program::rotations`].
    pub fn run(
        &mut self,
        program: &Program,
        family: &ShiftFamily,
        members: &[ShiftedMember<'_>],
    ) -> Result<&mut StateBatch, Error> {
        let mismatch = |what, got, expected| Err(Error::WidthMismatch { what, got, expected });
        if members.len() > GROUP {
            return mismatch("group", members.len(), GROUP);
        }
        if !family.of.as_ref().is_some_and(|of| of.is(program.identity())) {
            return Err(Error::AnotherProgram { what: "family" });
        }
        let (rotations, qubits) = (program.rotations().len(), program.num_qubits());
        if self.states.num_qubits() != qubits {
            return mismatch("group", self.states.num_qubits(), qubits);
        }
        let plan = program.batch_plan();
        let shifts = members.iter().flat_map(|member| member.shifts);
        let changed = program.places().of(shifts.map(|&(rotation, _)| rotation));
        if !self.bound.has_room_for(&family.bound) {
            self.bound = Bound::new(rotations, Some(&plan.recipes), GROUP);
        }
        self.bound.spread_from(&family.bound);
        for (lane, member) in members.iter().enumerate() {
            program.shift_member(&mut self.bound, lane, member.shifts);
            let rotations = member.shifts.iter().map(|&(rotation, _)| rotation);
            self.bound.follow_member(&plan.recipes, program.places().followers(), rotations, lane);
        }
        let (level, group) = self.states.kernel_parts();
        let mut factor = Quad::ONE;
        for (lane, member) in members.iter().enumerate() {
            (factor.re[lane], factor.im[lane]) = (member.factor.re, member.factor.im);
        }
        let members = Members { own: &self.bound, changed, factor, table: &mut self.table };
        family.tables.run_group(level, plan, &family.bound, family.end.blocks(), members, group, |group, step| {
            program.steps()[step].apply_to_group(level, group);
        });
        Ok(&mut self.states)
    }
}
