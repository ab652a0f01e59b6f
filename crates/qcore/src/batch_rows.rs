//! Final states of a program at many rows of parameters and their tangents by single rotations, four at a time.

use std::sync::Arc;

use crate::compile::{BatchGroup, BatchShared, Place, WHOLE_QUBITS};
use crate::kernel::{Block, Insertion};
use crate::{BatchDerivatives, Error, Level, Program, StateBatch};

/// States of a group: one per lane.
const GROUP: usize = 4;

/// Programs whose groups take more memory are not taken: they should stay in the second-level cache.
const MOST_BYTES: usize = 1 << 20;

/// How a program is run at several rows, and where its rotations act.
#[derive(Clone, Debug)]
pub(crate) struct RowPlan {
    derivatives: BatchDerivatives,
    places: Vec<Place>,
}

impl RowPlan {
    /// `None` where [`RowStates`] are not for a program.
    pub(crate) fn new(program: &Program) -> Option<Self> {
        if program.num_qubits() > WHOLE_QUBITS {
            return None;
        }
        let all: Vec<usize> = (0..program.rotations().len()).collect();
        let derivatives = BatchDerivatives::new(program, &all).filter(|it| it.bytes_per_group() <= MOST_BYTES)?;
        let places = derivatives.plan.generators(all.len());
        Some(Self { derivatives, places })
    }
}

/// How the state of a program depends on the angle of one of its rotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turning {
    /// Not at all, but for a global phase.
    Still,
    /// As `psi(s) = cos(s/2) psi + sin(s/2) tau`, up to a global phase, when `s` is added to the angle; the tangent `tau` is one of
    /// [`RowStates::tangents`].
    Tangent {
        /// Tangents of the same layer can share a group.
        layer: usize,
    },
    /// In another way.
    Other,
}

/// The final states of a program at up to four rows of parameters at a time, and their tangents by single rotations.
///
/// Rows that agree in most of their parameters, such as data points under the same weights, share all layers that do not depend on
/// the others. A tangent begins with the kept states of its layer, takes the generator of its rotation there, and shares all tables:
/// nothing is bound for it.
///
/// Memory: 64 bytes per amplitude and layer.
///
/// ```
/// use qcore::{Circuit, Program, RowStates};
/// let mut circuit = Circuit::new(2)?;
/// let (x, w) = (circuit.parameter("x")?, circuit.parameter("w")?);
/// circuit.rx(0, x)?.ry(0, w)?.cx(0, 1)?;
/// let program = Program::compile(&circuit);
/// let rows: [&[f64]; 3] = [&[0.1, 0.5], &[0.2, 0.5], &[0.3, 0.5]];
/// let mut states = RowStates::new(&program)?.expect("a small circuit of rotations");
/// states.share(&program, &rows)?;
/// let mut values = Vec::new();
/// states.run(&program, &rows)?.expectations_into(&"Z1".parse()?, &mut values)?;
/// assert!(values.iter().zip(rows).all(|(value, row)| (value - row[0].cos() * row[1].cos()).abs() < 1e-15));
/// // At an angle larger by pi the state is its tangent.
/// states.tangents(&[1; 4])?.expectations_into(&"Z1".parse()?, &mut values)?;
/// assert!(values.iter().zip(rows).all(|(value, row)| (value + row[0].cos() * row[1].cos()).abs() < 1e-15));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RowStates {
    plan: Arc<RowPlan>,
    level: Level,
    shared: BatchShared,
    group: BatchGroup,
    ends: StateBatch,
    tangents: StateBatch,
    spare: Vec<Block>,
    stage: Stage,
}

/// What has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Nothing,
    Shared,
    Run,
}

impl RowStates {
    /// Room for a group; `None` for more than 13 qubits, programs with matrices between their layers, without a rotation that any value depends on, or
    /// with groups of more than 1 MiB.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if the states do not fit.
    pub fn new(program: &Program) -> Result<Option<Self>, Error> {
        let Some(plan) = program.row_plan() else { return Ok(None) };
        let (shared, group) = plan.derivatives.room();
        let states = StateBatch::zero(program.num_qubits(), GROUP)?;
        let (plan, level) = (Arc::clone(plan), Level::best());
        let (ends, stage) = (states.clone(), Stage::Nothing);
        Ok(Some(Self { plan, level, shared, group, ends, tangents: states, spare: Vec::new(), stage }))
    }

    /// The same states, worked on at another kernel level from now on.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ends: self.ends.with_level(level), tangents: self.tangents.with_level(level), ..self }
    }

    /// Whether they were made for this program, or for one that it is a clone of.
    #[must_use]
    pub fn are_for(&self, program: &Program) -> bool {
        program.row_plan().is_some_and(|plan| Arc::ptr_eq(plan, &self.plan))
    }

    /// How the states depend on the angle of a rotation; [`Turning::Other`] if there is no such rotation.
    #[must_use]
    pub fn turning(&self, rotation: usize) -> Turning {
        match self.plan.places.get(rotation) {
            Some(Place::Nowhere) => Turning::Still,
            Some(&Place::At(layer, _)) => Turning::Tangent { layer },
            Some(Place::Many) | None => Turning::Other,
        }
    }

    /// Finds out which parameters differ between the rows that are to be run, and makes what they have in common.
    ///
    /// # Errors
    ///
    /// [`Error::AnotherProgram`], [`Error::ParameterCount`] for no row or rows of another length, [`Error::Angle`] if an angle
    /// is not finite.
    pub fn share(&mut self, program: &Program, rows: &[&[f64]]) -> Result<(), Error> {
        self.stage = Stage::Nothing;
        self.check(program)?;
        self.plan.derivatives.share_into(program, rows, self.level, &mut self.shared)?;
        self.group.begin(&self.shared);
        self.stage = Stage::Shared;
        Ok(())
    }

    fn check(&self, program: &Program) -> Result<(), Error> {
        if self.are_for(program) { Ok(()) } else { Err(Error::AnotherProgram { what: "states" }) }
    }

    /// The final states at up to four of the rows that were shared, each up to a global phase; lanes that are left over repeat the last one. The
    /// states may be changed: nothing else depends on them. Nothing is allocated.
    ///
    /// # Errors
    ///
    /// [`Error::Order`] before [`RowStates::share`]; [`Error::AnotherProgram`]; [`Error::WidthMismatch`] for more than four rows or none; [`Error::NotShared`] for
    /// a row that is none of those that were shared, where that shows; [`Error::ParameterCount`], [`Error::Angle`].
    pub fn run(&mut self, program: &Program, rows: &[&[f64]]) -> Result<&mut StateBatch, Error> {
        if self.stage < Stage::Shared {
            return Err(Error::Order { what: "a run", before: "sharing its rows" });
        }
        self.stage = Stage::Shared;
        self.check(program)?;
        let RowPlan { derivatives, .. } = &*self.plan;
        derivatives.set_arguments(program, &self.shared, rows, &mut self.group.bound)?;
        self.group.forward(self.level, &derivatives.plan, &self.shared);
        self.stage = Stage::Run;
        std::mem::swap(self.ends.blocks_mut(), &mut self.group.end);
        Ok(&mut self.ends)
    }

    /// The tangents of the states of the last run: that of lane `k` by the rotation `rotations[k]`, of those with [`Turning::Tangent`] in one layer.
    /// The states may be changed. Nothing is allocated but on the first call.
    ///
    /// # Errors
    ///
    /// [`Error::Order`] before [`RowStates::run`], [`Error::WidthMismatch`] for a rotation without a tangent, and for rotations of several layers.
    pub fn tangents(&mut self, rotations: &[usize; 4]) -> Result<&mut StateBatch, Error> {
        let mismatch = |what, got, expected| Err(Error::WidthMismatch { what, got, expected });
        if self.stage < Stage::Run {
            return Err(Error::Order { what: "a tangent", before: "a run" });
        }
        let mut found = [(0, Insertion::z(0, 1.0)); GROUP];
        for (found, &rotation) in found.iter_mut().zip(rotations) {
            match self.plan.places.get(rotation) {
                Some(&Place::At(layer, insertion)) => *found = (layer, insertion),
                _ => return mismatch("rotation", rotation, self.plan.places.len()),
            }
        }
        let layer = found[0].0;
        if let Some(&(other, _)) = found.iter().find(|found| found.0 != layer) {
            return mismatch("layer", other, layer);
        }
        let insertions = found.map(|found| found.1);
        let to = [self.tangents.blocks_mut(), &mut self.spare];
        let plan = &self.plan.derivatives.plan;
        self.group.tangents(self.level, plan, &self.shared, layer, &insertions, to);
        Ok(&mut self.tangents)
    }
}
