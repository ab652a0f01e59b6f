//! Circuits compiled for execution: every operation a kernel call, every angle a slot that is bound many times.

use std::sync::{Arc, OnceLock};

use num_complex::Complex64;

use crate::affine::{Affine, AffineAngles};
use crate::batch_rows::RowPlan;
use crate::circuit::{Circuit, Instruction, Operation};
use crate::compile::{Bound, Places, Plan};
use crate::gate::{Action, Gate, Generator};
use crate::identity::{Identity, ProgramId};
use crate::kernel::{self, Block};
use crate::matrices::{Matrices, Prepared};
use crate::{Angle, BatchBinding, Error, Level, PauliString};

const ZERO: Complex64 = Complex64::new(0.0, 0.0);

/// What generates a rotation on the register: the rotation is `exp(-i theta G)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationGenerator {
    /// `G = Pi P / 2`, where `Pi` projects on all qubits of the mask `controls` being 1.
    HalfPauli {
        /// `P`, on the targets.
        string: PauliString,
        /// Bit mask of the controls; 0 for none.
        controls: u64,
    },
    /// `G = -Pi`, where `Pi` projects on all qubits of `mask` being 1.
    Phase {
        /// Bit mask of controls and target; 0 for a global phase.
        mask: u64,
    },
}

/// A rotation of a compiled circuit: one occurrence of one angle.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    generator: RotationGenerator,
    frequencies: &'static [f64],
    angle: Angle,
    operation: usize,
}

impl Rotation {
    /// What generates it.
    #[must_use]
    pub fn generator(&self) -> RotationGenerator {
        self.generator
    }

    /// The frequencies with which an expectation value depends on its angle, ascending: `{1}` allows the two-term shift rule,
    /// `{1/2, 1}` needs four terms.
    #[must_use]
    pub fn frequencies(&self) -> &'static [f64] {
        self.frequencies
    }

    /// Its angle.
    #[must_use]
    pub fn angle(&self) -> &Angle {
        &self.angle
    }

    /// What its angle is multiplied with to get the argument of sine and cosine.
    pub(crate) fn argument(&self) -> f64 {
        match self.generator {
            RotationGenerator::HalfPauli { .. } => 0.5,
            RotationGenerator::Phase { .. } => 1.0,
        }
    }

    /// Index of the operation of the circuit that it comes from.
    #[must_use]
    pub fn operation(&self) -> usize {
        self.operation
    }
}

/// One kernel call.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Rotate(usize),
    Exchange {
        x: u64,
        controls: u64,
    },
    Phase {
        mask: u64,
        factor: Complex64,
    },
    /// A matrix and its inverse.
    Matrix(Prepared),
}

impl Step {
    /// The same step where qubit `q` is called `place[q]`; its rotation is changed too.
    fn moved(&self, place: &[usize], rotations: &mut [Rotation], matrices: &mut Matrices) -> Self {
        let mask =
            |mask: u64| place.iter().enumerate().fold(0, |new, (qubit, &place)| new | (mask >> qubit & 1) << place);
        match self {
            Self::Rotate(index) => {
                let generator = &mut rotations[*index].generator;
                *generator = match *generator {
                    RotationGenerator::HalfPauli { string, controls } => {
                        let string = PauliString::from_masks(mask(string.x_mask()), mask(string.z_mask()));
                        RotationGenerator::HalfPauli { string, controls: mask(controls) }
                    }
                    RotationGenerator::Phase { mask: on } => RotationGenerator::Phase { mask: mask(on) },
                };
                Self::Rotate(*index)
            }
            Self::Exchange { x, controls } => Self::Exchange { x: mask(*x), controls: mask(*controls) },
            Self::Phase { mask: on, factor } => Self::Phase { mask: mask(*on), factor: *factor },
            Self::Matrix(prepared) => Self::Matrix(matrices.moved(prepared, |qubit| place[qubit], mask)),
        }
    }

    /// Whether a plan can put it into layers.
    pub(crate) fn has_layers(&self) -> bool {
        match self {
            Self::Rotate(_) | Self::Phase { .. } => true,
            Self::Exchange { x, controls } => *controls == 0 || x.count_ones() == 1,
            Self::Matrix(matrices) => matrices[0].one_qubit().is_some(),
        }
    }

    /// The qubits that it exchanges, if it is a swap.
    pub(crate) fn swapped(&self) -> Option<[usize; 2]> {
        match self {
            Self::Matrix(matrices) => matrices[0].swapped(),
            _ => None,
        }
    }

    /// Applies a step that no plan has put into layers to a group of a batch, whose qubits follow the lane qubits.
    pub(crate) fn apply_to_group(&self, level: Level, group: &mut [Block]) {
        match self {
            Self::Exchange { x, controls } => {
                kernel::exchange(level, group, x << kernel::LANE_QUBITS, controls << kernel::LANE_QUBITS);
            }
            Self::Matrix(matrices) => kernel::apply_matrix(level, group, &matrices[0].of_group()),
            Self::Rotate(_) | Self::Phase { .. } => {
                unreachable!("every rotation and every phase has its place in a layer")
            }
        }
    }
}

/// Steps and rotations that do the same to `|0...0>` without swaps: whatever stands before a swap acts on the exchanged qubits
/// instead, and the initial state does not care. `None` if there is no swap, or a step that no layer holds and that keeps its
/// place.
pub(crate) fn without_swaps(
    qubits: usize,
    steps: &[Step],
    rotations: &[Rotation],
) -> Option<(Vec<Step>, Vec<Rotation>)> {
    let swaps = steps.iter().filter(|step| step.swapped().is_some()).count();
    if swaps == 0 || steps.iter().any(|step| step.swapped().is_none() && !step.has_layers()) {
        return None;
    }
    let mut place: Vec<usize> = (0..qubits).collect();
    let (mut moved, mut rotations) = (Vec::with_capacity(steps.len() - swaps), rotations.to_vec());
    let mut matrices = Matrices::default();
    for step in steps.iter().rev() {
        match step.swapped() {
            Some([a, b]) => place.swap(a, b),
            None => moved.push(step.moved(&place, &mut rotations, &mut matrices)),
        }
    }
    moved.reverse();
    Some((moved, rotations))
}

/// A circuit compiled for execution.
///
/// Compiling decomposes gates with several angles, chooses a kernel for each part and gives every rotation a slot for its
/// angle. A program is bound to parameter values as often as wanted, without allocation.
///
/// ```
/// use qcore::{Binding, Circuit, Program, StateVector};
/// let mut circuit = Circuit::new(2)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?.cx(0, 1)?;
/// let program = Program::compile(&circuit);
/// let mut binding = Binding::new(&program);
/// let mut state = StateVector::zero(2)?;
/// for theta in [0.1, 0.2] {
///     program.bind(&[theta], &mut binding)?;
///     state.run(&program, &binding)?;
///     let z: f64 = state.expectation(&"Z1".parse()?)?;
///     assert!((z - theta.cos()).abs() < 1e-15);
/// }
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Program {
    qubits: usize,
    parameters: usize,
    steps: Vec<Step>,
    rotations: Vec<Rotation>,
    affine: AffineAngles,
    /// The rotations that are not in `affine`.
    others: Vec<usize>,
    /// The largest constant and the largest factor of those that are.
    most: [f64; 2],
    plan: OnceLock<Plan>,
    batch_plan: OnceLock<Plan>,
    places: OnceLock<Places>,
    row_plan: OnceLock<Option<Arc<RowPlan>>>,
    identity: Identity,
}

impl Program {
    /// Compiles a circuit. Cost: linear in its operations times their qubits; the plan of its execution is made with the first
    /// [`Binding`].
    #[must_use]
    pub fn compile(circuit: &Circuit) -> Self {
        let mut program = Self::empty(circuit.num_qubits(), circuit.parameters().len(), circuit.operations().len());
        let mut matrices = Matrices::default();
        for (index, operation) in circuit.operations().iter().enumerate() {
            program.operation(operation, index, &mut matrices);
        }
        program.sort_angles();
        program
    }

    fn empty(qubits: usize, parameters: usize, steps: usize) -> Self {
        Self {
            qubits,
            parameters,
            steps: Vec::with_capacity(steps),
            rotations: Vec::with_capacity(steps),
            affine: AffineAngles::default(),
            others: Vec::new(),
            most: [0.0; 2],
            plan: OnceLock::new(),
            batch_plan: OnceLock::new(),
            places: OnceLock::new(),
            row_plan: OnceLock::new(),
            identity: Identity::default(),
        }
    }

    /// Some steps of the program on fewer qubits, and the indices of their rotations here; `mask` gives the new mask for a mask of
    /// qubits.
    pub(crate) fn part(&self, kept: &[bool], qubits: &[usize], mask: impl Fn(u64) -> u64) -> (Self, Vec<usize>) {
        let mut program = Self::empty(qubits.len(), self.parameters, self.steps.len());
        let mut rotations = Vec::with_capacity(self.rotations.len());
        let mut matrices = Matrices::default();
        for (step, _) in self.steps.iter().zip(kept).filter(|(_, kept)| **kept) {
            let step = match step {
                Step::Rotate(index) => {
                    let rotation = &self.rotations[*index];
                    let generator = match rotation.generator {
                        RotationGenerator::HalfPauli { string, controls } => {
                            let string = PauliString::from_masks(mask(string.x_mask()), mask(string.z_mask()));
                            RotationGenerator::HalfPauli { string, controls: mask(controls) }
                        }
                        RotationGenerator::Phase { mask: on } => RotationGenerator::Phase { mask: mask(on) },
                    };
                    rotations.push(*index);
                    program.rotations.push(Rotation { generator, ..rotation.clone() });
                    Step::Rotate(program.rotations.len() - 1)
                }
                Step::Exchange { x, controls } => Step::Exchange { x: mask(*x), controls: mask(*controls) },
                Step::Phase { mask: on, factor } => Step::Phase { mask: mask(*on), factor: *factor },
                Step::Matrix(prepared) => {
                    let number =
                        |qubit| qubits.iter().position(|&q| q == qubit).expect("a kept step is on kept qubits");
                    Step::Matrix(matrices.moved(prepared, number, &mask))
                }
            };
            program.steps.push(step);
        }
        program.sort_angles();
        (program, rotations)
    }

    /// Lists the rotations with simple angles.
    fn sort_angles(&mut self) {
        let program = self;
        let mut all = Vec::new();
        for (index, rotation) in program.rotations.iter().enumerate() {
            match rotation.angle.as_affine() {
                Some((constant, &[(parameter, factor)])) => all.push(Affine {
                    rotation: index,
                    parameter: parameter.index(),
                    factor,
                    constant,
                    argument: rotation.argument(),
                }),
                _ => program.others.push(index),
            }
        }
        let most = |of: fn(&Affine) -> f64| {
            all.iter()
                .map(of)
                .fold(0.0, |most: f64, value| if value.is_finite() { most.max(value.abs()) } else { f64::INFINITY })
        };
        program.most = [most(|angle| angle.constant), most(|angle| angle.factor)];
        program.affine = AffineAngles::new(all);
    }

    /// What it is known by.
    #[must_use]
    pub fn id(&self) -> ProgramId {
        ProgramId(self.identity.clone())
    }

    /// Width of the register.
    #[must_use]
    pub fn num_qubits(&self) -> usize {
        self.qubits
    }

    /// Parameters that a binding needs values for.
    #[must_use]
    pub fn num_parameters(&self) -> usize {
        self.parameters
    }

    /// The rotations in the order of application.
    #[must_use]
    pub fn rotations(&self) -> &[Rotation] {
        &self.rotations
    }

    /// Number of steps: kernel calls of one execution.
    #[must_use]
    pub fn num_steps(&self) -> usize {
        self.steps.len()
    }

    /// The rotation that a step applies, as an index into [`Program::rotations`]; `None` for a fixed gate.
    ///
    /// # Panics
    ///
    /// If `step >= self.num_steps()`.
    #[must_use]
    pub fn rotation_of_step(&self, step: usize) -> Option<usize> {
        match self.steps[step] {
            Step::Rotate(rotation) => Some(rotation),
            _ => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn matrices(&self) -> impl Iterator<Item = &Prepared> {
        self.steps.iter().filter_map(|step| if let Step::Matrix(prepared) = step { Some(prepared) } else { None })
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Computes all angles, sines and cosines for these parameter values. Does not allocate for affine angles.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`], [`Error::AnotherProgram`] for the binding of another program, [`Error::Angle`] if an angle is
    /// not finite.
    pub fn bind(&self, parameters: &[f64], binding: &mut Binding) -> Result<(), Error> {
        if parameters.len() != self.parameters {
            return Err(Error::ParameterCount { expected: self.parameters, got: parameters.len() });
        }
        binding.of.check(&self.identity, "binding")?;
        let bound = &mut binding.bound;
        let level = Level::best();
        let mut finite = self.affine.bind(level, parameters, &mut bound.angles, &mut bound.arguments);
        for &index in &self.others {
            let rotation = &self.rotations[index];
            let angle = rotation.angle.value(parameters);
            finite &= angle.is_finite();
            bound.angles[index] = angle;
            bound.arguments[index] = rotation.argument() * angle;
        }
        if !finite && let Some(rotation) = bound.angles.iter().position(|angle| !angle.is_finite()) {
            let value = bound.angles[rotation];
            return Err(Error::Angle { operation: self.rotations[rotation].operation, value });
        }
        if bound.planned {
            bound.turn(&self.plan().recipes, level);
        } else {
            let cos = &mut bound.cos[..self.rotations.len()];
            kernel::sin_cos(level, &bound.arguments, &mut bound.sin, cos);
        }
        Ok(())
    }

    /// Checks that all angles are finite at these values, also those that the values of some observables do not depend on. Cost: linear in the
    /// parameters, and in the angles that are not `constant + factor * parameter`, of which most circuits have none.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`], [`Error::Angle`].
    pub fn check_angles(&self, parameters: &[f64]) -> Result<(), Error> {
        if parameters.len() != self.parameters {
            return Err(Error::ParameterCount { expected: self.parameters, got: parameters.len() });
        }
        let check = |rotation: &Rotation| {
            let value = rotation.angle.value(parameters);
            if value.is_finite() { Ok(()) } else { Err(Error::Angle { operation: rotation.operation, value }) }
        };
        let largest = parameters.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let [constant, factor] = self.most;
        let affine_are_finite =
            (constant + factor * largest).is_finite() && parameters.iter().all(|value| value.is_finite());
        if affine_are_finite {
            self.others.iter().try_for_each(|&index| check(&self.rotations[index]))
        } else {
            self.rotations.iter().try_for_each(check)
        }
    }

    /// Adds `shift` radians to the angle of one rotation of a bound program. Cost: linear in the rotations.
    ///
    /// # Panics
    ///
    /// If `rotation` is not an index of [`Program::rotations`] or the binding is another program's.
    pub fn shift(&self, rotation: usize, shift: f64, binding: &mut Binding) {
        assert!(binding.of.is(&self.identity), "a binding of this program");
        let bound = &mut binding.bound;
        bound.angles[rotation] += shift;
        let argument = self.rotations[rotation].argument() * bound.angles[rotation];
        bound.arguments[rotation] = argument;
        let at = rotation..rotation + 1;
        kernel::sin_cos(Level::best(), &[argument], &mut bound.sin[at.clone()], &mut bound.cos[at]);
        if bound.planned {
            bound.follow(&self.plan().recipes, Level::best());
        }
    }

    /// Binds every member of a batch: each has its parameter values and, if given, the index of a rotation
    /// ([`Program::rotations`]) and radians that are added to its angle, as a shift rule wants it.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if there are more or fewer members than the binding has room for, [`Error::AnotherProgram`] if it is another
    /// program's, [`Error::ParameterCount`] and [`Error::Angle`] as [`Program::bind`].
    ///
    /// # Panics
    ///
    /// If a shifted rotation is not an index of [`Program::rotations`].
    pub fn bind_batch<'a>(
        &self,
        members: impl IntoIterator<Item = (&'a [f64], Option<(usize, f64)>)>,
        binding: &mut BatchBinding,
    ) -> Result<(), Error> {
        binding.of.check(&self.identity, "binding")?;
        let mut count = 0;
        let mismatch = |what, got, expected| Err(Error::WidthMismatch { what, got, expected });
        for (parameters, shift) in members {
            let (group, lane) = (count / 4, count % 4);
            count += 1;
            if parameters.len() != self.parameters {
                return Err(Error::ParameterCount { expected: self.parameters, got: parameters.len() });
            }
            if count > binding.num_members() {
                return mismatch("batch", count, binding.num_members());
            }
            let bound = &mut binding.groups[group];
            for affine in self.affine.iter() {
                let (at, angle) = (4 * affine.rotation + lane, affine.angle(parameters));
                (bound.angles[at], bound.arguments[at]) = (angle, affine.argument * angle);
            }
            for &index in &self.others {
                let (at, rotation) = (4 * index + lane, &self.rotations[index]);
                let angle = rotation.angle.value(parameters);
                (bound.angles[at], bound.arguments[at]) = (angle, rotation.argument() * angle);
            }
            if let Some((index, by)) = shift {
                let (at, rotation) = (4 * index + lane, &self.rotations[index]);
                bound.angles[at] += by;
                bound.arguments[at] = rotation.argument() * bound.angles[at];
            }
        }
        if count != binding.num_members() {
            return mismatch("batch", count, binding.num_members());
        }
        for bound in &mut binding.groups {
            // The lanes beyond the last member keep angle 0.
            if !bound.angles.iter().fold(true, |finite, angle| finite & angle.is_finite())
                && let Some(at) = bound.angles.iter().position(|angle| !angle.is_finite())
            {
                return Err(Error::Angle { operation: self.rotations[at / 4].operation, value: bound.angles[at] });
            }
            bound.turn(&self.batch_plan().recipes, Level::best());
        }
        Ok(())
    }

    /// How a group of a batch is executed; made when it is first asked for.
    pub(crate) fn batch_plan(&self) -> &Plan {
        self.batch_plan.get_or_init(|| Plan::new(self.qubits, &self.steps, &self.rotations, 0))
    }

    /// Where each rotation acts in the plan for groups.
    pub(crate) fn places(&self) -> &Places {
        self.places.get_or_init(|| self.batch_plan().places())
    }

    /// How it is run at several rows, if it can be; made when it is first asked for.
    pub(crate) fn row_plan(&self) -> Option<&Arc<RowPlan>> {
        self.row_plan.get_or_init(|| RowPlan::new(self).map(Arc::new)).as_ref()
    }

    /// The error of a rotation whose angle is not finite.
    pub(crate) fn bad_angle(&self, rotation: usize, value: f64) -> Error {
        Error::Angle { operation: self.rotations[rotation].operation, value }
    }

    /// Shifts one member of a group that is bound to this program: adds radians to the angles of some rotations.
    pub(crate) fn shift_member(&self, bound: &mut Bound, lane: usize, shifts: &[(usize, f64)]) {
        for &(rotation, shift) in shifts {
            let at = 4 * rotation + lane;
            bound.angles[at] += shift;
            bound.arguments[at] = self.rotations[rotation].argument() * bound.angles[at];
            let at = at..at + 1;
            kernel::sin_cos(
                Level::best(),
                &bound.arguments[at.clone()],
                &mut bound.sin[at.clone()],
                &mut bound.cos[at],
            );
        }
    }

    /// The same program, planned for a state that is cut into rows of so many qubits.
    #[cfg(test)]
    pub(crate) fn in_rows(self, row: usize) -> Self {
        let plan = Plan::in_rows(self.qubits, &self.steps, &self.rotations, row, None);
        Self { plan: plan.into(), ..self }
    }

    /// As [`Program::in_rows`], with maps of basis states in one of the orders that there are.
    #[cfg(test)]
    pub(crate) fn moved_in_rows(self, row: usize, order: usize) -> Self {
        let plan = Plan::in_rows(self.qubits, &self.steps, &self.rotations, row, Some(order));
        Self { plan: plan.into(), ..self }
    }

    /// What everything that is made for it is known by.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How it is executed in one go; made when it is first asked for.
    pub(crate) fn plan(&self) -> &Plan {
        self.plan.get_or_init(|| Plan::new(self.qubits, &self.steps, &self.rotations, kernel::LANE_QUBITS))
    }

    fn operation(&mut self, operation: &Operation, index: usize, matrices: &mut Matrices) {
        let (mut controls, mut off) = (0_u64, 0_u64);
        for control in operation.controls() {
            controls |= 1 << control.qubit;
            off |= u64::from(!control.value) << control.qubit;
        }
        // A control on 0 is a control on 1 between two X.
        self.flip(off);
        let (operands, angles) = (operation.operands(), operation.angles());
        match operation.instruction() {
            Instruction::Gate(gate) => self.gate(*gate, controls, operands, (angles, index), matrices),
            Instruction::Unitary(matrix) => {
                self.steps.push(Step::Matrix(matrices.get(operands, controls, matrix)));
            }
            Instruction::PauliRotation(string) => {
                let frequencies: &[f64] = match (string.support(), controls) {
                    // exp(-i theta I / 2) is a global phase: no expectation value depends on it.
                    (0, 0) => &[],
                    // The same with controls is a phase of -theta / 2 on them.
                    (0, _) => &[0.5],
                    (_, 0) => &[1.0],
                    _ => &[0.5, 1.0],
                };
                let generator = RotationGenerator::HalfPauli { string: *string, controls };
                self.rotation(generator, frequencies, &angles[0], index);
            }
        }
        self.flip(off);
    }

    fn flip(&mut self, mut qubits: u64) {
        while qubits != 0 {
            self.steps.push(Step::Exchange { x: qubits & qubits.wrapping_neg(), controls: 0 });
            qubits &= qubits - 1;
        }
    }

    /// Lowers a gate that acts where all qubits of the mask `added` are 1.
    fn gate(
        &mut self,
        gate: Gate,
        added: u64,
        qubits: &[usize],
        (angles, operation): (&[Angle], usize),
        matrices: &mut Matrices,
    ) {
        let spec = gate.spec();
        let (controls, targets) = qubits.split_at(spec.controls);
        let controls = controls.iter().fold(added, |mask, &q| mask | 1 << q);
        match spec.action {
            Action::Decomposition(parts) => {
                for part in parts {
                    let operands: Vec<usize> = part.operands.iter().map(|&k| qubits[k]).collect();
                    let part_angles: Vec<Angle> = part.angles.iter().map(|angle| angle.of(angles)).collect();
                    self.gate(part.gate, added, &operands, (&part_angles, operation), matrices);
                }
            }
            Action::Rotation { generator, .. } => {
                let frequencies = generator
                    .frequencies(controls.count_ones() as usize, controls.count_ones() as usize + targets.len());
                let generator = match generator {
                    Generator::HalfPauli(letters) => {
                        let (mut x, mut z) = (0, 0);
                        for (&qubit, letter) in targets.iter().zip(letters.bytes()) {
                            x |= u64::from(letter != b'Z') << qubit;
                            z |= u64::from(letter != b'X') << qubit;
                        }
                        let string = PauliString::from_masks(x, z);
                        RotationGenerator::HalfPauli { string, controls }
                    }
                    Generator::Phase => {
                        RotationGenerator::Phase { mask: targets.iter().fold(controls, |mask, &q| mask | 1 << q) }
                    }
                };
                self.rotation(generator, frequencies, &angles[0], operation);
            }
            Action::Fixed(matrix) => match matrix {
                [a, b, c, d] if a.re == 1.0 && *b == ZERO && *c == ZERO => {
                    if *d != *a {
                        self.steps.push(Step::Phase { mask: controls | 1 << targets[0], factor: *d });
                    }
                }
                [a, b, c, d] if *a == ZERO && *d == ZERO && b.re == 1.0 && c.re == 1.0 => {
                    self.steps.push(Step::Exchange { x: 1 << targets[0], controls });
                }
                _ => self.steps.push(Step::Matrix(matrices.get(targets, controls, matrix))),
            },
        }
    }

    fn rotation(&mut self, generator: RotationGenerator, frequencies: &'static [f64], angle: &Angle, operation: usize) {
        self.steps.push(Step::Rotate(self.rotations.len()));
        self.rotations.push(Rotation { generator, frequencies, angle: angle.clone(), operation });
    }
}

/// The angles of a program at some parameter values; made once, bound many times.
#[derive(Clone, Debug)]
pub struct Binding {
    pub(crate) bound: Bound,
    pub(crate) of: Identity,
}

impl Binding {
    /// A binding for this program with all angles 0.
    #[must_use]
    pub fn new(program: &Program) -> Self {
        Self {
            bound: Bound::new(program.rotations.len(), Some(&program.plan().recipes), 1),
            of: program.identity.clone(),
        }
    }

    /// As [`Binding::new`], for a program that is run only a few times: [`StateVector::run`](crate::StateVector::run) and
    /// [`Reverse`](crate::Reverse) go step by step with it, which is slower but saves to plan how they are executed in one go.
    #[must_use]
    pub fn stepwise(program: &Program) -> Self {
        Self { bound: Bound::new(program.rotations.len(), None, 1), of: program.identity.clone() }
    }

    /// The bound angles, one per rotation, in radians.
    pub fn angles(&self) -> impl ExactSizeIterator<Item = f64> {
        self.bound.angles.iter().copied()
    }
}
