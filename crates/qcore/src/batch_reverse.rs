//! Derivatives of expectation values for many rows of parameters, four rows at a time.

use crate::compile::{BatchGroup, BatchPlan, BatchReads, BatchShared, Bound, WHOLE_QUBITS};
use crate::identity::Identity;
use crate::kernel::{self, Block};
use crate::reverse::assert_once;
use crate::{Error, Level, PauliSum, Program};

/// Rows that share a group: one per lane.
const GROUP: usize = 4;

/// The rotations of a program whose angles are differentiated at many rows of parameters. Made once per program and choice of
/// rotations.
///
/// Rows that agree in most of their parameters, such as data points under the same weights, share all layers that do not depend on
/// the others: their tables are made once.
///
/// ```
/// use qcore::{BatchDerivatives, BatchReverse, Circuit, Level, Program};
/// let mut circuit = Circuit::new(2)?;
/// let (x, w) = (circuit.parameter("x")?, circuit.parameter("w")?);
/// circuit.rx(0, x)?.ry(0, w)?.cx(0, 1)?;
/// let program = Program::compile(&circuit);
/// let derivatives = BatchDerivatives::new(&program, &[1]).expect("layers all the way");
/// let rows: [&[f64]; 3] = [&[0.1, 0.5], &[0.2, 0.5], &[0.3, 0.5]];
/// let shared = derivatives.share(&program, &rows, &["Z1".parse()?], Level::best())?;
/// let mut reverse = BatchReverse::new(&derivatives);
/// let (mut values, mut by_angle) = (vec![[0.0; 4]], vec![[0.0; 4]]);
/// reverse.forward(&program, &derivatives, &shared, &rows, &mut values)?;
/// reverse.backward(&derivatives, &shared, &[[1.0; 4]], &mut by_angle)?;
/// for (lane, row) in rows.iter().enumerate() {
///     assert!((values[0][lane] - row[0].cos() * row[1].cos()).abs() < 1e-15);
///     assert!((by_angle[0][lane] + row[0].cos() * row[1].sin()).abs() < 1e-15);
/// }
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchDerivatives {
    pub(crate) plan: BatchPlan,
    qubits: usize,
    parameters: usize,
    wanted: usize,
    angles: Vec<AngleOf>,
    of: Identity,
    /// What it and its clones are known by.
    identity: Identity,
}

/// Some of the rotations of a program, for backward passes that go no further than they need.
#[derive(Clone, Debug)]
pub struct BatchSelection {
    reads: BatchReads,
    wanted: usize,
    /// What it was made from.
    of: Identity,
}

/// How the angle of a rotation follows from a row.
#[derive(Clone, Debug)]
struct AngleOf {
    parameters: Vec<usize>,
    /// `constant + factor * parameter`, if it is that.
    affine: Option<(f64, usize, f64)>,
}

impl AngleOf {
    fn value(&self, program: &Program, rotation: usize, row: &[f64]) -> f64 {
        match self.affine {
            Some((constant, parameter, factor)) => constant + factor * row[parameter],
            None => program.rotations()[rotation].angle().value(row),
        }
    }
}

/// What the rows of one batch share: angles, tables, and the observables in the form in which groups read them.
#[derive(Clone, Debug)]
pub struct SharedRows {
    shared: BatchShared,
    observables: Vec<Tabulated>,
    level: Level,
    /// What they were made for.
    of: Identity,
    /// `None` if they could not be shared again.
    identity: Option<Identity>,
}

/// An observable as a table of its strings of Z, and the others.
#[derive(Clone, Debug)]
struct Tabulated {
    diagonal: Option<Vec<f64>>,
    others: Vec<(f64, usize, usize)>,
}

impl Tabulated {
    fn new(observable: &PauliSum, qubits: usize) -> Self {
        let (mut diagonal, mut others) = (None, Vec::new());
        for &(coefficient, string) in observable.terms() {
            let (x, z) = (string.x_mask() as usize, string.z_mask() as usize);
            if x == 0 {
                kernel::add_parity(diagonal.get_or_insert_with(|| vec![0.0; 1 << qubits]), coefficient, z);
            } else {
                others.push((coefficient, x, z));
            }
        }
        Self { diagonal, others }
    }

    fn values(&self, level: Level, state: &[Block]) -> [f64; 4] {
        let mut sums = self.diagonal.as_ref().map_or([0.0; 4], |table| kernel::batch_weighted(level, state, table));
        for &(coefficient, x, z) in &self.others {
            let values = kernel::batch_pauli(level, state, x, z);
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += coefficient * value);
        }
        sums
    }

    /// Adds `w H psi` of every member to `out`.
    fn accumulate(&self, level: Level, out: &mut [Block], state: &[Block], weights: &[f64; 4]) {
        if let Some(table) = &self.diagonal {
            kernel::batch_accumulate_diagonal(level, out, state, table, weights);
        }
        for &(coefficient, x, z) in &self.others {
            kernel::batch_accumulate(level, out, state, &weights.map(|weight| coefficient * weight), x, z);
        }
    }
}

impl BatchDerivatives {
    /// The derivatives by the angles of these rotations, given as indices into [`Program::rotations`], in this order. `None` for
    /// more than 13 qubits, where groups gain nothing, for programs with matrices between their layers, and if none of the derivatives can
    /// be other than 0.
    ///
    /// # Panics
    ///
    /// If an index is out of range or occurs twice.
    #[must_use]
    pub fn new(program: &Program, rotations: &[usize]) -> Option<Self> {
        assert_once(program.rotations().len(), rotations);
        let qubits = program.num_qubits();
        if qubits > WHOLE_QUBITS {
            return None;
        }
        let plan = BatchPlan::new(qubits, program.steps(), program.rotations(), rotations)?;
        let angles = program.rotations().iter().map(|rotation| {
            let affine = rotation.angle().as_affine().and_then(|(constant, terms)| match terms {
                [(parameter, factor)] => Some((constant, parameter.index(), *factor)),
                _ => None,
            });
            let parameters = rotation.angle().parameters().into_iter().map(|parameter| parameter.index()).collect();
            AngleOf { parameters, affine }
        });
        let (angles, parameters) = (angles.collect(), program.num_parameters());
        Some(Self {
            plan,
            qubits,
            parameters,
            wanted: rotations.len(),
            angles,
            of: program.identity().clone(),
            identity: Identity::default(),
        })
    }

    /// For [`BatchReverse::backward_to`]: the derivatives by the angles of these rotations alone, in this order. `None` if they are all 0, whatever
    /// the angles are.
    ///
    /// # Panics
    ///
    /// If an index is out of range or occurs twice.
    #[must_use]
    pub fn select(&self, rotations: &[usize]) -> Option<BatchSelection> {
        assert_once(self.angles.len(), rotations);
        let reads = self.plan.reads_of(self.angles.len(), rotations)?;
        Some(BatchSelection { reads, wanted: rotations.len(), of: self.identity.clone() })
    }

    /// Bytes of the states of one group, which are kept from its forward to its backward pass.
    #[must_use]
    pub fn bytes_per_group(&self) -> usize {
        (self.plan.num_layers() * size_of::<Block>()) << self.qubits
    }

    /// Finds out which parameters differ between the rows, and makes what the rows have in common.
    ///
    /// # Errors
    ///
    /// [`Error::AnotherProgram`], [`Error::WidthMismatch`] for an observable that reaches beyond the register, [`Error::ParameterCount`] for no row or rows of
    /// another length, [`Error::Angle`] if an angle is not finite.
    pub fn share(
        &self,
        program: &Program,
        rows: &[&[f64]],
        observables: &[PauliSum],
        level: Level,
    ) -> Result<SharedRows, Error> {
        if let Some(observable) = observables.iter().find(|observable| observable.width() > self.qubits) {
            let (what, got) = ("observable", observable.width());
            return Err(Error::WidthMismatch { what, got, expected: self.qubits });
        }
        let mut shared = self.plan.shared(self.qubits, self.angles.len());
        self.share_into(program, rows, level, &mut shared)?;
        let observables = observables.iter().map(|observable| Tabulated::new(observable, self.qubits)).collect();
        Ok(SharedRows { shared, observables, level, of: self.identity.clone(), identity: Some(Identity::default()) })
    }

    /// As [`BatchDerivatives::share`] for other rows of the same program, with the observables and the kernel level that were given there. Allocates little.
    ///
    /// # Errors
    ///
    /// As [`BatchDerivatives::share`]; [`Error::Order`] if `shared` is from other derivatives. After an error no pass takes what is shared until this
    /// has succeeded.
    pub fn share_again(&self, program: &Program, rows: &[&[f64]], shared: &mut SharedRows) -> Result<(), Error> {
        if !self.identity.is(&shared.of) {
            return Err(Error::Order { what: "sharing again", before: "sharing with the same derivatives" });
        }
        shared.identity = None;
        self.share_into(program, rows, shared.level, &mut shared.shared)?;
        shared.identity = Some(Identity::default());
        Ok(())
    }

    /// As [`BatchDerivatives::share`] without observables, into room that the plan has made.
    pub(crate) fn share_into(
        &self,
        program: &Program,
        rows: &[&[f64]],
        level: Level,
        shared: &mut BatchShared,
    ) -> Result<(), Error> {
        self.of.check(program.identity(), "derivatives")?;
        let Some(first) = rows.first() else { return Err(Error::ParameterCount { expected: self.parameters, got: 0 }) };
        if let Some(row) = rows.iter().find(|row| row.len() != self.parameters) {
            return Err(Error::ParameterCount { expected: self.parameters, got: row.len() });
        }
        let BatchShared { row: kept, agreed, .. } = shared;
        kept.clear();
        kept.extend_from_slice(first);
        agreed.clear();
        agreed.resize(self.parameters, 0);
        for row in rows {
            for ((changes, value), first) in agreed.iter_mut().zip(*row).zip(*first) {
                *changes |= value.to_bits() ^ first.to_bits();
            }
        }
        agreed.iter_mut().for_each(|changes| *changes = if *changes == 0 { u64::MAX } else { 0 });
        let differs: Vec<bool> =
            self.angles.iter().map(|angle| angle.parameters.iter().any(|&parameter| agreed[parameter] == 0)).collect();
        let angles: Vec<f64> =
            (self.angles.iter().enumerate()).map(|(rotation, angle)| angle.value(program, rotation, first)).collect();
        if let Some(rotation) = angles.iter().position(|angle| !angle.is_finite()) {
            return Err(program.bad_angle(rotation, angles[rotation]));
        }
        let bind = |bound: &mut Bound| {
            for (rotation, &angle) in angles.iter().enumerate() {
                bound.angles[rotation] = angle;
                bound.arguments[rotation] = program.rotations()[rotation].argument() * angle;
            }
            kernel::sin_cos(level, &bound.arguments, &mut bound.sin, &mut bound.cos[..angles.len()]);
        };
        self.plan.share(level, &differs, bind, shared);
        Ok(())
    }

    /// Room for what rows share, and for a group of them.
    pub(crate) fn room(&self) -> (BatchShared, BatchGroup) {
        (self.plan.shared(self.qubits, self.angles.len()), self.plan.group(self.qubits, self.angles.len()))
    }

    /// Sets the arguments of those angles of a group that differ between rows; lanes beyond the last row repeat it. The other angles are those of
    /// the shared rows, so a row must agree with them wherever they all do.
    pub(crate) fn set_arguments(
        &self,
        program: &Program,
        shared: &BatchShared,
        rows: &[&[f64]],
        bound: &mut Bound,
    ) -> Result<(), Error> {
        self.of.check(program.identity(), "derivatives")?;
        if rows.is_empty() || rows.len() > GROUP {
            return Err(Error::WidthMismatch { what: "group", got: rows.len(), expected: GROUP });
        }
        if let Some(row) = rows.iter().find(|row| row.len() != self.parameters) {
            return Err(Error::ParameterCount { expected: self.parameters, got: row.len() });
        }
        let strange = |((value, shared), agreed): ((&f64, &f64), &u64)| (value.to_bits() ^ shared.to_bits()) & agreed;
        for (index, row) in rows.iter().enumerate() {
            let entries = || row.iter().zip(&shared.row).zip(&shared.agreed).map(strange);
            if entries().fold(0, |any, entry| any | entry) != 0 {
                let parameter = entries().position(|entry| entry != 0).unwrap_or_default();
                return Err(Error::NotShared { row: index, parameter });
            }
        }
        let lanes: [&[f64]; GROUP] = std::array::from_fn(|lane| rows[lane.min(rows.len() - 1)]);
        for rotation in shared.rotations.iter().cloned().flatten() {
            let of = &self.angles[rotation];
            let angles = match of.affine {
                Some((constant, parameter, factor)) => lanes.map(|row| constant + factor * row[parameter]),
                None => lanes.map(|row| of.value(program, rotation, row)),
            };
            if let Some(&angle) = angles.iter().find(|angle| !angle.is_finite()) {
                return Err(program.bad_angle(rotation, angle));
            }
            let argument = program.rotations()[rotation].argument();
            let range = GROUP * rotation..GROUP * (rotation + 1);
            bound.angles[range.clone()].copy_from_slice(&angles);
            bound.arguments[range].copy_from_slice(&angles.map(|angle| argument * angle));
        }
        Ok(())
    }
}

/// Forward and backward passes for four rows at a time, and their working memory.
#[derive(Clone, Debug)]
pub struct BatchReverse {
    group: BatchGroup,
    /// What it was made for.
    of: Identity,
    /// The batch whose numbers it has taken over.
    begun: Option<Identity>,
    /// Whether there is a forward pass to go back from.
    ran: bool,
}

impl BatchReverse {
    /// Room for a group.
    #[must_use]
    pub fn new(derivatives: &BatchDerivatives) -> Self {
        let group = derivatives.plan.group(derivatives.qubits, derivatives.angles.len());
        Self { group, of: derivatives.identity.clone(), begun: None, ran: false }
    }

    /// Whether what rows share, these derivatives and this are for one another.
    fn check(&self, derivatives: &BatchDerivatives, shared: &SharedRows) -> Result<(), Error> {
        let own = |it: &Identity| it.is(&self.of);
        if own(&derivatives.identity) && own(&shared.of) && shared.identity.is_some() {
            Ok(())
        } else {
            Err(Error::Order { what: "a pass", before: "rows that were shared with the same derivatives" })
        }
    }

    fn has_begun(&self, shared: &SharedRows) -> bool {
        let both = self.begun.as_ref().zip(shared.identity.as_ref());
        both.is_some_and(|(begun, identity)| begun.is(identity))
    }

    /// Runs the program at up to four of the rows that were shared, and writes the expectation value of every observable at each of
    /// them. Lanes that are left over repeat the last row. Nothing is allocated but for the first group of a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Order`] for other derivatives, or rows that were shared for others; [`Error::AnotherProgram`]; [`Error::WidthMismatch`] for more than four
    /// rows or none, or another number of values; [`Error::NotShared`] for a row that is none of those that were shared, where that shows;
    /// [`Error::ParameterCount`], [`Error::Angle`].
    pub fn forward(
        &mut self,
        program: &Program,
        derivatives: &BatchDerivatives,
        shared: &SharedRows,
        rows: &[&[f64]],
        values: &mut [[f64; 4]],
    ) -> Result<(), Error> {
        let (got, expected) = (values.len(), shared.observables.len());
        if got != expected {
            return Err(Error::WidthMismatch { what: "values", got, expected });
        }
        self.check(derivatives, shared)?;
        self.ran = false;
        if !self.has_begun(shared) {
            self.group.begin(&shared.shared);
            self.begun.clone_from(&shared.identity);
        }
        derivatives.set_arguments(program, &shared.shared, rows, &mut self.group.bound)?;
        self.group.forward(shared.level, &derivatives.plan, &shared.shared);
        self.ran = true;
        for (values, observable) in values.iter_mut().zip(&shared.observables) {
            *values = observable.values(shared.level, &self.group.end);
        }
        Ok(())
    }

    /// Goes back from the last forward pass, and writes for every row the derivative of `sum_o w_o <psi|H_o|psi>` by each angle; there is
    /// one weight per observable and row.
    ///
    /// # Errors
    ///
    /// [`Error::Order`] without a [`BatchReverse::forward`] with the same derivatives and shared rows before it, [`Error::WidthMismatch`] for another number
    /// of weights or derivatives.
    pub fn backward(
        &mut self,
        derivatives: &BatchDerivatives,
        shared: &SharedRows,
        weights: &[[f64; 4]],
        by_angle: &mut [[f64; 4]],
    ) -> Result<(), Error> {
        let all = (derivatives.plan.reads(), derivatives.wanted);
        self.back(derivatives, all, shared, weights, by_angle)
    }

    /// As [`BatchReverse::backward`] for some of the rotations: nothing before the first of them is undone, and the derivatives by others are not read.
    ///
    /// # Errors
    ///
    /// As [`BatchReverse::backward`]; [`Error::Order`] for a selection from other derivatives.
    pub fn backward_to(
        &mut self,
        derivatives: &BatchDerivatives,
        selection: &BatchSelection,
        shared: &SharedRows,
        weights: &[[f64; 4]],
        by_angle: &mut [[f64; 4]],
    ) -> Result<(), Error> {
        if !selection.of.is(&derivatives.identity) {
            return Err(Error::Order { what: "a backward pass", before: "a selection from the same derivatives" });
        }
        self.back(derivatives, (&selection.reads, selection.wanted), shared, weights, by_angle)
    }

    fn back(
        &mut self,
        derivatives: &BatchDerivatives,
        (reads, wanted): (&BatchReads, usize),
        shared: &SharedRows,
        weights: &[[f64; 4]],
        by_angle: &mut [[f64; 4]],
    ) -> Result<(), Error> {
        let mismatch = |what, got, expected| Err(Error::WidthMismatch { what, got, expected });
        self.check(derivatives, shared)?;
        if !self.ran || !self.has_begun(shared) {
            return Err(Error::Order { what: "a backward pass", before: "a forward pass over the same shared rows" });
        }
        if weights.len() != shared.observables.len() {
            return mismatch("weights", weights.len(), shared.observables.len());
        }
        if by_angle.len() != wanted {
            return mismatch("gradient", by_angle.len(), wanted);
        }
        by_angle.fill([0.0; 4]);
        self.group.bra.fill(Block::default());
        for (observable, weights) in shared.observables.iter().zip(weights) {
            observable.accumulate(shared.level, &mut self.group.bra, &self.group.end, weights);
        }
        self.group.backward(shared.level, &derivatives.plan, reads, &shared.shared, by_angle);
        Ok(())
    }
}
