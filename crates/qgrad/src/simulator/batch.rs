//! Exact gradients over many rows: groups of four rows, some groups to a unit of work, units divided among threads.

use std::sync::Arc;

use qcore::{BatchDerivatives, BatchReverse, Level, Program, SharedRows};

use super::gradient::AdjointPlan;
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

/// What all units of a call see.
struct Call<'a> {
    program: &'a Program,
    plan: &'a AdjointPlan,
    batch: &'a BatchDerivatives,
    shared: &'a SharedRows,
}

impl Batches {
    /// Values (if the cotangents are made from them) and the vector-Jacobian product. The result does not depend on the number of
    /// threads: units are the same whatever it is, and are added in their order.
    pub(super) fn vjp(
        kept: &mut Option<Self>,
        level: Level,
        expectation: &Expectation,
        batch: &BatchDerivatives,
        rows: &[&[f64]],
        mut cotangents: Cotangents<'_>,
    ) -> Result<(Vec<Estimate>, Vec<f64>), Error> {
        let plan = expectation.adjoint_plan();
        let (program, observables) = (plan.program(expectation), plan.observables(expectation));
        let shared = &batch.share(program, rows, observables, level)?;
        let batches = match kept.take() {
            Some(same) if Arc::ptr_eq(&same.plan, plan) => same,
            _ => Self { plan: plan.clone(), units: Vec::new() },
        };
        let Self { units, .. } = kept.insert(batches);
        let bytes = batch.bytes_per_group();
        let groups = (UNIT_BYTES / bytes).clamp(1, MOST_GROUPS);
        let threads = if rows.len() / GROUP * bytes < PARALLEL_BYTES { 1 } else { threads() };
        let parameters = expectation.wrt().len();
        let needed = threads.min(rows.len().div_ceil(GROUP * groups));
        let empty = || Unit { groups: Vec::new(), by_angle: Vec::new(), sums: Vec::new() };
        units.resize_with(needed.max(units.len()), empty);
        for unit in &mut units[..needed] {
            unit.prepare(groups.min(rows.len().div_ceil(GROUP)), observables.len(), batch, plan, parameters);
            unit.groups.iter_mut().for_each(|group| group.reverse.begin(shared));
        }
        let call = Call { program, plan, batch, shared };
        let mut values = Vec::new();
        let mut gradient = vec![0.0; parameters];
        let mut row_values = vec![Estimate::default(); observables.len()];
        let mut row_weights = vec![Estimate::default(); observables.len()];
        let rows_of_unit = GROUP * groups;
        let mut row = 0;
        for rows_of_wave in rows.chunks(rows_of_unit * needed) {
            let rows_of_units: Vec<&[&[f64]]> = rows_of_wave.chunks(rows_of_unit).collect();
            let units = &mut units[..rows_of_units.len()];
            each(units, |index, unit| unit.forward(&call, rows_of_units[index]))?;
            for at in 0..rows_of_wave.len() {
                let group = &mut units[at / rows_of_unit].groups[at % rows_of_unit / GROUP];
                let lane = at % GROUP;
                match &mut cotangents {
                    Cotangents::Fixed(given) => {
                        let given = &given[row * observables.len()..][..observables.len()];
                        group.weights.iter_mut().zip(given).for_each(|(to, &weight)| to[lane] = weight);
                    }
                    Cotangents::OfValues(weigh) => {
                        for (value, of_group) in row_values.iter_mut().zip(&group.values) {
                            *value = Estimate::exact(of_group[lane]);
                        }
                        weigh(row, &row_values, &mut row_weights);
                        values.extend_from_slice(&row_values);
                        group.weights.iter_mut().zip(&row_weights).for_each(|(to, weight)| to[lane] = weight.value);
                    }
                }
                row += 1;
            }
            each(units, |index, unit| unit.backward(&call, rows_of_units[index]))?;
            for sums in units.iter().map(|unit| &unit.sums) {
                for (component, [a, b, c, d]) in gradient.iter_mut().zip(sums) {
                    *component += (a + b) + (c + d);
                }
            }
        }
        Ok((values, gradient))
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

    fn backward(&mut self, call: &Call<'_>, rows: &[&[f64]]) -> Result<(), Error> {
        self.sums.fill([0.0; 4]);
        for (group, rows) in self.groups.iter_mut().zip(rows.chunks(GROUP)) {
            group.reverse.backward(call.batch, call.shared, &group.weights, &mut self.by_angle)?;
            call.plan.chain_lanes(call.program, rows, &self.by_angle, &mut self.sums);
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
