//! What a run may spend, and tasks that do not fit a device.

use qiot_profile::Limits;
use qopt::{Answer, Bill, Budget, ObjectiveError, Request, Streams};

use super::{Cell, Trials, not_applicable};
use crate::applicability::{NotApplicable, Omission};
use crate::tasks::{Readout, Task, Trainable};
use crate::{Error, experiment};

/// Why there is no run where the budget is too small.
pub(super) const NO_STEP: &str = "the budget does not suffice for one plain gradient step";

/// What one run may spend.
pub(super) struct Plan {
    pub(super) budget: Budget,
    /// Kept for two evaluations after training, of the last and of the best point; where values are exact they are not part of the budget.
    pub(super) reserve: Bill,
    /// The price of one value and one gradient.
    pub(super) iteration: Bill,
    /// Plain gradient steps that the budget pays for.
    pub(super) iterations: u64,
}

impl Trials {
    pub(super) fn plan(&self, readout: &Readout, objective: &mut dyn Trainable) -> Plan {
        objective.use_all_data(true);
        let one = objective.price(&Request::VALUE);
        let reserve = if readout.is_noisy() { one + one } else { Bill::ZERO };
        objective.use_all_data(false);
        let iteration = objective.price(&Request::VALUE_AND_GRADIENT);
        let budget = match readout.limits() {
            Some(&Limits { shots_total: shots, seconds_total: seconds, jobs_total: jobs, .. })
                if shots.is_some() || seconds.is_some() || jobs.is_some() =>
            {
                Budget { shots, seconds, jobs, ..Budget::UNLIMITED }
            }
            _ if readout.is_noisy() => {
                Budget { shots: Some(self.budget_of(iteration.shots, reserve.shots)), ..Budget::UNLIMITED }
            }
            _ => Budget { circuits: Some(self.budget_of(iteration.circuits, reserve.circuits)), ..Budget::UNLIMITED },
        };
        let fitting = [
            budget.circuits.map(|all| all.saturating_sub(reserve.circuits) / iteration.circuits.max(1)),
            budget.shots.map(|all| all.saturating_sub(reserve.shots) / iteration.shots.max(1)),
            budget.jobs.map(|all| all.saturating_sub(reserve.jobs) / iteration.jobs.max(1)),
            budget.seconds.map(|all| ((all - reserve.seconds) / iteration.seconds) as u64),
        ];
        let iterations = fitting.into_iter().flatten().min().unwrap_or(self.exact_iterations);
        Plan { budget, reserve, iteration, iterations }
    }

    /// So many plain gradient steps with what is kept for the end. The largest count stands for as many or more and is never a budget:
    /// what is spent ends there, and would fit for ever.
    fn budget_of(&self, iteration: u64, reserve: u64) -> u64 {
        iteration.saturating_mul(self.exact_iterations).saturating_add(reserve).min(u64::MAX - 1)
    }

    /// The methods that have no runs on a task because it does not fit the device that it is read out on, and why: the device refuses to
    /// measure the loss at the start, or its budget does not pay for one plain gradient step. [`Trials::cells`] has cells of them, see
    /// [`Trials::without`]. Cost: one loss from shots for each task and device.
    ///
    /// # Errors
    ///
    /// What the task or the simulation refuse.
    pub fn misfits(&self, root_seed: u64) -> Result<Vec<Omission>, Error> {
        let mut misfits = Vec::new();
        for task in &self.tasks {
            for readout in self.readouts.iter().filter(|readout| matches!(readout, Readout::Device { .. })) {
                let Some(reason) = self.misfit(&**task, readout, root_seed)? else { continue };
                let applicable =
                    self.methods.entries().iter().filter(|entry| not_applicable(&**task, readout, entry).is_none());
                misfits.extend(applicable.map(|entry| Omission {
                    task: task.name().to_owned(),
                    readout: readout.to_string(),
                    method: entry.name().to_owned(),
                    reason: NotApplicable::DoesNotFit { reason: reason.clone() },
                }));
            }
        }
        Ok(misfits)
    }

    fn misfit(&self, task: &dyn Task, readout: &Readout, root_seed: u64) -> Result<Option<String>, Error> {
        let streams = streams(task, readout, 0, root_seed);
        let instance = task.instance(&streams)?;
        let mut objective = instance.objective(readout)?;
        let plan = self.plan(readout, &mut *objective);
        let evaluated = objective.evaluate(instance.start(), &Request::VALUE, &streams.at(0), &mut Answer::default());
        match evaluated {
            Err(ObjectiveError::Exhausted { what }) => Ok(Some(what)),
            Err(other) => Err(other.into()),
            Ok(()) => Ok((plan.iterations == 0).then(|| NO_STEP.to_owned())),
        }
    }

    /// The [cells](Trials::cells) but those of methods that are left out.
    #[must_use]
    pub fn without(&self, omissions: &[Omission]) -> Vec<Cell> {
        let is_left_out = |cell: &Cell| {
            let (task, readout) = (self.tasks[cell.task].name(), self.readouts[cell.readout].to_string());
            let method = self.methods.entries()[cell.method].name();
            omissions.iter().any(|o| o.task == task && o.readout == readout && o.method == method)
        };
        let mut cells = self.cells();
        // Cells differ from those before them in their seed for the most part.
        let mut before: Option<(Cell, bool)> = None;
        cells.retain(|&cell| {
            let out = match before {
                Some((other, out)) if (Cell { seed: 0, ..other }) == (Cell { seed: 0, ..cell }) => out,
                _ => is_left_out(&cell),
            };
            before = Some((cell, out));
            !out
        });
        cells
    }
}

/// The streams of one seed: equal for all methods and rates.
pub(super) fn streams(task: &dyn Task, readout: &Readout, seed: u64, root_seed: u64) -> Streams {
    Streams::new(root_seed, experiment::stream_key(&format!("{} {readout} {seed}", task.name())))
}
