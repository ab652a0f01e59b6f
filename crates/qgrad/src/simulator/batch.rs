//! Exact values and gradients over many rows: groups of four rows, some groups to a unit of work, units divided among threads.

use std::sync::Arc;

use qcore::{BatchDerivatives, BatchReverse, Level, Program, SharedRows};

use super::gradient::{AdjointPlan, Component};
use crate::estimator::check_row;
use crate::{Cotangents, Error, Estimate, Expectation};

/// A unit keeps so many bytes of states between its two passes: they should stay in the cache.
const UNIT_BYTES: usize = 1 << 18;

/// Groups of a unit at most.
const MOST_GROUPS: usize = 8;

/// Batches with fewer bytes of states are not worth a second thread.
const PARALLEL_BYTES: usize = 1 << 19;

/// Rows of a group.
const GROUP: usize = 4;

/// Working memory, kept between calls for the same expectation.
#[derive(Clone, Debug)]
pub(super) struct Batches {
    plan: Arc<AdjointPlan>,
    shared: Option<SharedRows>,
    units: Vec<Unit>,
}

/// Some groups, which one thread takes forward and backward.
#[derive(Clone, Debug)]
struct Unit {
    groups: Vec<Group>,
    by_angle: Vec<[f64; 4]>,
    /// Per parameter, lane by lane.
    sums: Vec<[f64; 4]>,
}

#[derive(Clone, Debug)]
struct Group {
    reverse: BatchReverse,
    values: Vec<[f64; 4]>,
    weights: Vec<[f64; 4]>,
}

/// Which components of a gradient are wanted.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    All,
    /// One of them, which is 0 everywhere if there is nothing to do for it.
    One(Option<&'a Component>),
}

/// What all units of a call see.
struct Call<'a> {
    program: &'a Program,
    plan: &'a AdjointPlan,
    batch: &'a BatchDerivatives,
    shared: &'a SharedRows,
    rows_of_unit: usize,
}

impl Batches {
    /// What all units see, and the units that work at the same time.
    fn begin<'a>(
        kept: &'a mut Option<Self>,
        level: Level,
        expectation: &'a Expectation,
        batch: &'a BatchDerivatives,
        rows: &[&[f64]],
    ) -> Result<(Call<'a>, &'a mut [Unit]), Error> {
        let plan = expectation.adjoint_plan();
        let (program, observables) = (plan.program(expectation), plan.observables(expectation));
        let batches = match kept.take() {
            Some(same) if Arc::ptr_eq(&same.plan, plan) => same,
            _ => Self { plan: plan.clone(), shared: None, units: Vec::new() },
        };
        let Self { units, shared, .. } = kept.insert(batches);
        let shared = match shared {
            Some(shared) => {
                batch.share_again(program, rows, shared)?;
                shared
            }
            None => shared.insert(batch.share(program, rows, observables, level)?),
        };
        let bytes = batch.bytes_per_group();
        let groups = (UNIT_BYTES / bytes).clamp(1, MOST_GROUPS);
        let threads = if rows.len() / GROUP * bytes < PARALLEL_BYTES { 1 } else { threads() };
        let needed = threads.min(rows.len().div_ceil(GROUP * groups));
        let empty = || Unit { groups: Vec::new(), by_angle: Vec::new(), sums: Vec::new() };
        units.resize_with(needed.max(units.len()), empty);
        let units = &mut units[..needed];
        let parameters = expectation.wrt().len();
        for unit in &mut *units {
            unit.prepare(groups.min(rows.len().div_ceil(GROUP)), observables.len(), batch, plan, parameters);
        }
        Ok((Call { program, plan, batch, shared, rows_of_unit: GROUP * groups }, units))
    }

    /// Adds the values of all observables at every row, the observable varying fastest.
    pub(super) fn values(
        kept: &mut Option<Self>,
        level: Level,
        expectation: &Expectation,
        batch: &BatchDerivatives,
        rows: &[&[f64]],
        values: &mut Vec<Estimate>,
    ) -> Result<(), Error> {
        let (call, units) = Self::begin(kept, level, expectation, batch, rows)?;
        for rows in rows.chunks(call.rows_of_unit * units.len()) {
            call.forward(units, rows)?;
            for at in 0..rows.len() {
                let (group, lane) = call.place(units, at);
                values.extend(group.values.iter().map(|value| Estimate::exact(value[lane])));
            }
        }
        Ok(())
    }

    /// Values (if the cotangents are made from them) and the vector-Jacobian product, or the one component of it that is wanted. The result does not depend on the number of
    /// threads: units are the same whatever it is, and are added in their order.
    pub(super) fn vjp(
        kept: &mut Option<Self>,
        level: Level,
        expectation: &Expectation,
        batch: &BatchDerivatives,
        rows: &[&[f64]],
        mut cotangents: Cotangents<'_>,
        wanted: Wanted<'_>,
    ) -> Result<(Vec<Estimate>, Vec<f64>), Error> {
        let observables = expectation.num_observables();
        let (call, units) = Self::begin(kept, level, expectation, batch, rows)?;
        let mut values = Vec::new();
        let components = if matches!(wanted, Wanted::All) { expectation.wrt().len() } else { 1 };
        let mut gradient = vec![0.0; components];
        let mut row_values = vec![Estimate::default(); observables];
        let mut row_weights = vec![Estimate::default(); observables];
        let mut row = 0;
        for rows in rows.chunks(call.rows_of_unit * units.len()) {
            call.forward(units, rows)?;
            for at in 0..rows.len() {
                let (group, lane) = call.place(units, at);
                match &mut cotangents {
                    Cotangents::Fixed(given) => {
                        let given = &given[row * observables..][..observables];
                        group.weights.iter_mut().zip(given).for_each(|(to, &weight)| to[lane] = weight);
                    }
                    Cotangents::OfValues(weigh) => {
                        for (value, of_group) in row_values.iter_mut().zip(&group.values) {
                            *value = Estimate::exact(of_group[lane]);
                        }
                        weigh(row, &row_values, &mut row_weights);
                        check_row(row, &row_weights)?;
                        values.extend_from_slice(&row_values);
                        group.weights.iter_mut().zip(&row_weights).for_each(|(to, weight)| to[lane] = weight.value);
                    }
                }
                row += 1;
            }
            let busy = call.units_of(rows);
            each(&mut units[..busy], |index, unit| unit.backward(&call, call.rows_of(index, rows), wanted))?;
            for sums in units[..busy].iter().map(|unit| &unit.sums) {
                for (component, [a, b, c, d]) in gradient.iter_mut().zip(sums) {
                    *component += (a + b) + (c + d);
                }
            }
        }
        Ok((values, gradient))
    }
}

impl Call<'_> {
    /// How many units these rows keep busy.
    fn units_of(&self, rows: &[&[f64]]) -> usize {
        rows.len().div_ceil(self.rows_of_unit)
    }

    /// The rows of a unit.
    fn rows_of<'r>(&self, unit: usize, rows: &'r [&'r [f64]]) -> &'r [&'r [f64]] {
        let rows = &rows[unit * self.rows_of_unit..];
        &rows[..self.rows_of_unit.min(rows.len())]
    }

    /// The group and the lane of a row.
    fn place<'u>(&self, units: &'u mut [Unit], row: usize) -> (&'u mut Group, usize) {
        (&mut units[row / self.rows_of_unit].groups[row % self.rows_of_unit / GROUP], row % GROUP)
    }

    fn forward(&self, units: &mut [Unit], rows: &[&[f64]]) -> Result<(), Error> {
        each(&mut units[..self.units_of(rows)], |index, unit| unit.forward(self, self.rows_of(index, rows)))
    }
}

impl Unit {
    fn prepare(
        &mut self,
        groups: usize,
        observables: usize,
        batch: &BatchDerivatives,
        plan: &AdjointPlan,
        parameters: usize,
    ) {
        let group = || Group { reverse: BatchReverse::new(batch), values: Vec::new(), weights: Vec::new() };
        self.groups.resize_with(groups.max(self.groups.len()), group);
        for group in &mut self.groups {
            group.values.resize(observables, [0.0; 4]);
            group.weights.resize(observables, [0.0; 4]);
        }
        self.by_angle.resize(plan.num_derivatives(), [0.0; 4]);
        self.sums.resize(parameters, [0.0; 4]);
    }

    fn forward(&mut self, call: &Call<'_>, rows: &[&[f64]]) -> Result<(), Error> {
        for (group, rows) in self.groups.iter_mut().zip(rows.chunks(GROUP)) {
            group.reverse.forward(call.program, call.batch, call.shared, rows, &mut group.values)?;
            // Lanes beyond the last row have weight 0.
            group.weights.fill([0.0; 4]);
        }
        Ok(())
    }

    fn backward(&mut self, call: &Call<'_>, rows: &[&[f64]], wanted: Wanted<'_>) -> Result<(), Error> {
        let Self { groups, by_angle, sums } = self;
        sums.fill([0.0; 4]);
        let (batch, shared) = (call.batch, call.shared);
        for (group, rows) in groups.iter_mut().zip(rows.chunks(GROUP)) {
            match wanted {
                Wanted::All => {
                    group.reverse.backward(batch, shared, &group.weights, by_angle)?;
                    call.plan.chain_lanes(call.program, rows, by_angle, sums);
                }
                Wanted::One(Some(component)) => {
                    let by_angle = &mut by_angle[..component.num_derivatives()];
                    group.reverse.backward_to(batch, &component.selection, shared, &group.weights, by_angle)?;
                    component.chain_lanes(call.program, rows, by_angle, sums);
                }
                Wanted::One(None) => {}
            }
        }
        Ok(())
    }
}

/// Threads that units are divided among.
fn threads() -> usize {
    #[cfg(feature = "rayon")]
    return rayon::current_num_threads().min(64);
    #[cfg(not(feature = "rayon"))]
    1
}

/// Does something with every unit, at the same time where there are several and threads for them.
fn each(units: &mut [Unit], of: impl Fn(usize, &mut Unit) -> Result<(), Error> + Sync) -> Result<(), Error> {
    #[cfg(feature = "rayon")]
    if units.len() > 1 {
        use rayon::prelude::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
        return units.par_iter_mut().enumerate().try_for_each(|(index, unit)| of(index, unit));
    }
    units.iter_mut().enumerate().try_for_each(|(index, unit)| of(index, unit))
}
