//! Paired trials: every method at the same budget, from the same start, on the same data, judged by exact values.

mod plan;
mod row;

use qopt::{
    Axis, BestPoint, Budget, Event, History, Record, Request, Resource, RunError, Runner, StopReason, Streams,
    reevaluate_with_axes,
};
use rayon::prelude::*;

use crate::applicability::{NotApplicable, Omission};
use crate::methods::{self, KnownGradient, MethodEntry, Methods, Setup};
use crate::tasks::{Assessment, Instance, Readout, Task};
use crate::{Error, experiment};

use plan::Plan;
pub(crate) use row::COLUMNS;

/// Methods x tasks x readouts x seeds, with a grid of learning rates for every method.
pub struct Trials {
    /// What is trained.
    pub tasks: Vec<Box<dyn Task>>,
    /// How it is read out.
    pub readouts: Vec<Readout>,
    /// With which methods.
    pub methods: Methods,
    /// Learning rates for every method that has one; none: each method's own grid, see [`MethodEntry::default_rates`].
    pub rates: Vec<f64>,
    /// How many seeds: independent starting points and splits of the data.
    pub seeds: u64,
    /// Where values are exact, the budget in circuits is that of so many iterations of one value and one gradient each; from
    /// shots without a device, the budget in shots. On a device the budget is the device's.
    pub exact_iterations: u64,
}

/// One cell of a trial: a method on a task at one seed, with all rates of its grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    task: usize,
    readout: usize,
    method: usize,
    seed: u64,
}

/// What one run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialResult {
    /// Name of the task.
    pub task: String,
    /// How it was read out.
    pub readout: String,
    /// Name of the method, or of a classical baseline.
    pub method: String,
    /// Learning rate; 0 for a baseline.
    pub rate: f64,
    /// Index of the seed.
    pub seed: u64,
    /// Why the run ended.
    pub reason: String,
    /// Finished iterations.
    pub iterations: u64,
    /// What was spent, the evaluations after training included.
    pub spent: qopt::Bill,
    /// Triggered displacements.
    pub ascents: u64,
    /// Mean norm of the gradient in the second half of the run, as far as the method knows it ([`MethodEntry::gradient`]); `None` if it
    /// knows none.
    pub late_gradient_norm: Option<f64>,
    /// What was spent before the first point whose exact loss is at or below the task's threshold, in shots, or in circuits where
    /// values are exact, as far as points are looked at: the first and the last one, and from each to the next at least a 300th of
    /// the budget is spent; `None` if the run ended without one (censored at its budget).
    pub spent_to_threshold: Option<u64>,
    /// Exact loss at the start.
    pub start_loss: f64,
    /// The loss of the last point as it was measured again after training, from shots reserved for it.
    pub last_measured: f64,
    /// Exact figures of the last point.
    pub last: Assessment,
    /// Exact loss of the point with the smallest measured loss.
    pub best_loss: f64,
    /// Exact figures of that of the two that measured better when both were measured again, from shots reserved for it; only the loss in
    /// a result that was read back from a row.
    pub chosen: Assessment,
    /// The point that measured better of the two, P angles; none in a result that was read back from a row.
    pub angles: Vec<f64>,
    /// The axes of the rotations there, where the method chose them.
    pub axes: Vec<Axis>,
}

impl Trials {
    /// All cells, in the order of tasks, readouts, methods and seeds. A method has cells only where it gets what it
    /// [needs](MethodEntry::needs); where it does not is told by [`Trials::omissions`].
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (task, spec) in self.tasks.iter().enumerate() {
            for (readout, how) in self.readouts.iter().enumerate() {
                for (method, entry) in self.methods.entries().iter().enumerate() {
                    if not_applicable(&**spec, how, entry).is_some() {
                        continue;
                    }
                    cells.extend((0..self.seeds).map(|seed| Cell { task, readout, method, seed }));
                }
            }
        }
        cells
    }

    /// The methods that have no cells on a task with a readout, and why.
    #[must_use]
    pub fn omissions(&self) -> Vec<Omission> {
        let mut omissions = Vec::new();
        for task in &self.tasks {
            for readout in &self.readouts {
                let left_out = self.methods.entries().iter().filter_map(|entry| {
                    let reason = not_applicable(&**task, readout, entry)?;
                    let (task, readout, method) =
                        (task.name().to_owned(), readout.to_string(), entry.name().to_owned());
                    Some(Omission { task, readout, method, reason })
                });
                omissions.extend(left_out);
            }
        }
        omissions
    }

    /// The learning rates that are tried with a method.
    #[must_use]
    pub fn rates_of<'a>(&'a self, entry: &'a MethodEntry) -> &'a [f64] {
        // A method without a rate has one run, whatever the grid of the others.
        if self.rates.is_empty() || !entry.has_rate() { entry.default_rates() } else { &self.rates }
    }

    /// What is fixed, as pairs of a name and a value.
    #[must_use]
    pub fn configuration(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> =
            self.tasks.iter().map(|task| (format!("task {}", task.name()), task.description())).collect();
        pairs.extend(self.readouts.iter().map(|readout| {
            let budget = match readout.limits() {
                None if readout.is_noisy() => {
                    format!("parameter shift; budget: the shots of {} plain gradient steps", self.exact_iterations)
                }
                None => format!("exact values; budget: the circuits of {} plain gradient steps", self.exact_iterations),
                Some(limits) => format!("parameter shift; budget and limits of the device: {limits:?}"),
            };
            (format!("readout {readout}"), budget)
        }));
        let names: Vec<&str> = self.methods.entries().iter().map(MethodEntry::name).collect();
        pairs.push(("methods".to_owned(), names.join(", ")));
        // Methods of one grid stand together.
        let mut grids: Vec<(&[f64], Vec<&str>)> = Vec::new();
        for entry in self.methods.entries().iter().filter(|entry| entry.has_rate()) {
            let rates = self.rates_of(entry);
            match grids.iter_mut().find(|(grid, _)| *grid == rates) {
                Some((_, names)) => names.push(entry.name()),
                None => grids.push((rates, vec![entry.name()])),
            }
        }
        pairs.extend(grids.into_iter().map(|(grid, names)| {
            let rates: Vec<String> = grid.iter().map(f64::to_string).collect();
            (format!("learning rates of {}", names.join(", ")), rates.join(", "))
        }));
        pairs.extend(self.omissions().into_iter().map(|Omission { task, readout, method, reason }| {
            (format!("{method} on {task}, {readout}"), format!("not applicable: {reason}"))
        }));
        pairs.extend([
            ("seeds".to_owned(), self.seeds.to_string()),
            (
                "hyperparameters".to_owned(),
                "the defaults of qopt: probe rho = 0.25, z = 0 exact and 2 from shots; periodic 10 descents, 2 ascents, rho = 1 falling to \
                 0; stall window 20, delta 1e-3 of the loss scale and 2 standard errors, 2 steps of 0.3 sqrt(P) rad together, revert, \
                 growth 1.5, cap 8; natural gradient regularization 0.01; iCANS and gCANS at least 30 shots"
                    .to_owned(),
            ),
        ]);
        pairs
    }

    /// The canonical text of a cell: everything that its results depend on besides the root seed and the code. The keys are
    /// hashes of the task's description and of the device's whole profile.
    #[must_use]
    pub fn text(&self, cell: Cell) -> String {
        let entry = &self.methods.entries()[cell.method];
        let rates: Vec<String> = self.rates_of(entry).iter().map(|rate| format!("{rate:?}")).collect();
        format!(
            "task={} task_key={} readout={} readout_key={} method={} rates={} exact_iterations={} seed={}",
            self.tasks[cell.task].name(),
            key_of(&self.tasks[cell.task].description()),
            self.readouts[cell.readout],
            key_of(&self.readouts[cell.readout].key()),
            entry.name(),
            rates.join(","),
            self.exact_iterations,
            cell.seed
        )
    }

    /// Runs one cell: one result per rate, and for the first method of a task also those of the classical baselines.
    ///
    /// The starting point, the split of the data, and the streams of shots and minibatches depend on the root seed, the task,
    /// the readout and the seed index, not on the method or rate: runs are paired.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateName`] if two tasks, or two readouts, share a name, or a learning rate is given twice; [`Error::NoIteration`] if
    /// a run finishes no iteration, or reports no loss; [`Error::InTrial`] if it fails otherwise; and what the task refuses.
    ///
    /// # Panics
    ///
    /// If the cell is not one of these trials.
    pub fn run_cell(&self, cell: Cell, root_seed: u64) -> Result<Vec<TrialResult>, Error> {
        duplicate(self.tasks.iter().map(|task| task.name().to_owned()))?;
        duplicate(self.readouts.iter().map(ToString::to_string))?;
        let (task, readout) = (&self.tasks[cell.task], &self.readouts[cell.readout]);
        let streams = plan::streams(&**task, readout, cell.seed, root_seed);
        let instance = task.instance(&streams)?;
        let entry = &self.methods.entries()[cell.method];
        duplicate(self.rates_of(entry).iter().map(|rate| format!("learning rate {rate}")))?;
        let mut results = Vec::new();
        if self.stands_first(cell) {
            for (name, assessment) in instance.baselines()? {
                results.push(baseline(task.name(), readout, name, cell.seed, assessment));
            }
        }
        for &rate in self.rates_of(entry) {
            let result = self.run(&**task, readout, &*instance, entry, rate, cell.seed, &streams);
            results.push(result.map_err(|error| match error {
                named @ Error::NoIteration { .. } => named,
                source => Error::InTrial {
                    problem: task.name().to_owned(),
                    readout: readout.to_string(),
                    method: entry.name().to_owned(),
                    rate,
                    seed: cell.seed,
                    source: Box::new(source),
                },
            })?);
        }
        Ok(results)
    }

    /// Whether the method of the cell is the first with cells on its task and readout.
    fn stands_first(&self, cell: Cell) -> bool {
        let (task, readout) = (&*self.tasks[cell.task], &self.readouts[cell.readout]);
        let before = &self.methods.entries()[..cell.method];
        before.iter().all(|entry| not_applicable(task, readout, entry).is_some())
    }

    /// Runs all cells on rayon's current thread pool; the results are in the order of [`Trials::cells`] whatever its size.
    ///
    /// # Errors
    ///
    /// As [`Trials::run_cell`]; the first in the order of cells.
    pub fn run_all(&self, root_seed: u64) -> Result<Vec<TrialResult>, Error> {
        let results: Vec<Result<Vec<TrialResult>, Error>> =
            self.cells().into_par_iter().map(|cell| self.run_cell(cell, root_seed)).collect();
        Ok(results.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    #[allow(clippy::too_many_arguments, reason = "the coordinates of one run")]
    fn run(
        &self,
        task: &dyn Task,
        readout: &Readout,
        instance: &dyn Instance,
        entry: &MethodEntry,
        rate: f64,
        seed: u64,
        streams: &Streams,
    ) -> Result<TrialResult, Error> {
        let mut objective = instance.objective(readout)?;
        let Plan { budget, reserve, iteration, iterations: planned_iterations } = self.plan(readout, &mut *objective);
        let no_iteration = |reason: &str| Error::NoIteration {
            problem: task.name().to_owned(),
            readout: readout.to_string(),
            method: entry.name().to_owned(),
            rate,
            seed,
            reason: reason.to_owned(),
        };
        if planned_iterations == 0 {
            return Err(no_iteration(plan::NO_STEP));
        }
        let setup = Setup {
            start: instance.start().to_vec(),
            rate,
            planned_iterations,
            iteration_in_losses: iteration.circuits as f64 / objective.price(&Request::VALUE).circuits.max(1) as f64,
            noisy: readout.is_noisy(),
            loss_scale: objective.loss_scale(),
            start_interval: instance.start_interval(),
            axes: instance.axes().to_vec(),
            max_shots: methods::max_shots(
                readout.shots().unwrap_or(0),
                planned_iterations,
                readout.limits().and_then(|limits| limits.shots_per_circuit),
            ),
        };
        let mut method =
            entry.build(&setup).map_err(|source| Error::Method { method: entry.name().to_owned(), source })?;
        let mut best = BestPoint::new(setup.start.len());
        let mut history = History::new();
        let mut ascents = 0;
        let mut count_ascents = |observation: &qopt::Observation<'_>| {
            ascents = observation.report.ascents;
            std::ops::ControlFlow::Continue(())
        };
        let mut solved = Solved::new(task.threshold(), readout.is_noisy(), &budget, instance);
        let outcome = Runner::new(&mut *method, &mut *objective, *streams)
            .budget(budget)
            .reserve(reserve)
            .observe(&mut best)
            .observe(&mut history)
            .observe(&mut count_ascents)
            .observe(&mut solved)
            .run()?;
        let without_loss = || match outcome.iterations {
            0 => no_iteration(&reason(&outcome.reason)),
            _ => no_iteration("its reports have none"),
        };
        let (best_theta, best_axes) = (best.theta().ok_or_else(without_loss)?, best.axes());
        objective.use_all_data(true);
        let mut spent = outcome.spent;
        let measured = [(&outcome.last[..], &outcome.last_axes[..]), (best_theta, best_axes)]
            .into_iter()
            .zip(0..)
            .map(|((theta, axes), query)| {
                match reevaluate_with_axes(&mut *objective, theta, axes, streams, query) {
                    // Of a device that has to wait for a time window nothing may be left: then what was measured on the way counts.
                    Err(RunError::Exhausted { .. }) => Ok(None),
                    measured => measured.map(Some),
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        if readout.is_noisy() {
            measured.iter().flatten().for_each(|evaluation| spent += evaluation.bill);
        }
        let last = with_axes(instance, &outcome.last_axes, |instance| instance.assess(&outcome.last))?;
        let best = with_axes(instance, best_axes, |instance| instance.assess(best_theta))?;
        let value = |point: usize| measured[point].map(|evaluation| evaluation.loss.value);
        let better = match (value(0), value(1)) {
            (Some(last), Some(best)) => best < last,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let chosen = if better { best } else { last };
        let (angles, axes) = if better { (best_theta, best_axes) } else { (&outcome.last[..], &outcome.last_axes[..]) };
        let spent_to_threshold = solved.finish(last.loss)?;
        let late_gradient_norm = late_gradient_norm(entry.gradient(), history.records());
        Ok(TrialResult {
            task: task.name().to_owned(),
            readout: readout.to_string(),
            method: entry.name().to_owned(),
            rate,
            seed,
            reason: reason(&outcome.reason),
            iterations: outcome.iterations,
            spent,
            ascents,
            late_gradient_norm,
            spent_to_threshold,
            start_loss: instance.loss(instance.start())?,
            last_measured: value(0).or(outcome.last_loss.map(|loss| loss.value)).ok_or_else(without_loss)?,
            last,
            best_loss: best.loss,
            chosen,
            angles: angles.to_vec(),
            axes: axes.to_vec(),
        })
    }
}

/// What a figure is at the axes that a method chose, or at those of the task if it chose none.
fn with_axes<T>(
    instance: &dyn Instance,
    axes: &[Axis],
    figure: impl FnOnce(&dyn Instance) -> Result<T, Error>,
) -> Result<T, Error> {
    if axes.is_empty() || axes == instance.axes() { figure(instance) } else { figure(&*instance.with_axes(axes)?) }
}

/// The mean norm of the gradient in the second half of a run; `None` where nothing is known of it.
fn late_gradient_norm(known: KnownGradient, records: &[Record]) -> Option<f64> {
    // Screening comes first, and measures losses alone.
    let is_screening = |record: &Record| record.event == Event::Restart && record.gradient_norm == 0.0;
    let screened = records.iter().take_while(|record| is_screening(record)).count();
    let late = &records[screened.max(records.len() / 2)..];
    if known == KnownGradient::Nothing || late.is_empty() {
        return None;
    }
    Some(late.iter().map(|record| record.gradient_norm).sum::<f64>() / late.len() as f64)
}

/// Why a method has no runs on a task with a readout.
fn not_applicable(task: &dyn Task, readout: &Readout, entry: &MethodEntry) -> Option<NotApplicable> {
    entry.needs().iter().find_map(|need| need.unmet(task, readout))
}

/// How often a run is looked at, at most, to see whether it has solved its task: an exact loss of all data after each of thousands
/// of cheap steps would take longer than the steps.
const LOOKS: u64 = 300;

/// When a run is looked at.
struct Looks {
    /// What is spent at least from one look to the next.
    pause: u64,
    next: u64,
}

impl Looks {
    fn of_budget(limit: Option<u64>) -> Self {
        Self { pause: limit.map_or(0, |limit| limit / LOOKS), next: 0 }
    }

    /// Whether it is time to look, so much being spent; if so the next look is a pause later.
    fn is_due(&mut self, spent: u64) -> bool {
        let due = spent >= self.next;
        if due {
            self.next = spent.saturating_add(self.pause);
        }
        due
    }
}

/// Watches for the first point that solves the task, by its exact loss, which is outside the budget.
struct Solved<'a> {
    threshold: f64,
    shots: bool,
    looks: Looks,
    instance: &'a dyn Instance,
    spent: u64,
    at: Option<u64>,
    error: Option<Error>,
}

impl<'a> Solved<'a> {
    fn new(threshold: f64, shots: bool, budget: &Budget, instance: &'a dyn Instance) -> Self {
        let looks = Looks::of_budget(if shots { budget.shots } else { budget.circuits });
        Self { threshold, shots, looks, instance, spent: 0, at: None, error: None }
    }

    /// What was spent before the first such point, the last one of the run included.
    fn finish(self, last_loss: f64) -> Result<Option<u64>, Error> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.at.or((last_loss <= self.threshold).then_some(self.spent))),
        }
    }
}

impl qopt::Observer for Solved<'_> {
    fn observe(&mut self, observation: &qopt::Observation<'_>) -> std::ops::ControlFlow<()> {
        if self.at.is_none() && self.error.is_none() && self.looks.is_due(self.spent) {
            match with_axes(self.instance, observation.axes, |instance| instance.loss(observation.theta)) {
                Ok(loss) if loss <= self.threshold => self.at = Some(self.spent),
                Ok(_) => {}
                Err(error) => self.error = Some(error),
            }
        }
        self.spent = if self.shots { observation.spent.shots } else { observation.spent.circuits };
        std::ops::ControlFlow::Continue(())
    }
}

/// Names, and learning rates, are what results are told apart by.
fn duplicate(names: impl Iterator<Item = String>) -> Result<(), Error> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name.clone()) {
            return Err(Error::DuplicateName { name });
        }
    }
    Ok(())
}

fn baseline(task: &str, readout: &Readout, name: &str, seed: u64, assessment: Assessment) -> TrialResult {
    TrialResult {
        task: task.to_owned(),
        readout: readout.to_string(),
        method: name.to_owned(),
        rate: 0.0,
        seed,
        reason: "fitted".to_owned(),
        iterations: 0,
        spent: qopt::Bill::ZERO,
        ascents: 0,
        late_gradient_norm: None,
        spent_to_threshold: None,
        start_loss: assessment.loss,
        last_measured: assessment.loss,
        last: assessment,
        best_loss: assessment.loss,
        chosen: assessment,
        angles: Vec::new(),
        axes: Vec::new(),
    }
}

fn reason(reason: &StopReason) -> String {
    match reason {
        StopReason::Budget { resource: Resource::Shots } => "shot budget".to_owned(),
        StopReason::Budget { resource: Resource::Seconds } => "time budget".to_owned(),
        StopReason::Budget { resource } => format!("budget: {resource}"),
        StopReason::Refused { what } => format!("refused: {what}"),
        StopReason::Observer => "observer".to_owned(),
        other => format!("{other:?}"),
    }
}

/// A short hash of a description.
fn key_of(text: &str) -> String {
    format!("{:08x}", experiment::stream_key(text) as u32)
}

#[cfg(test)]
mod tests;
