//! Paired trials: every method at the same budget, from the same start, on the same data, judged by exact values.

use qopt::{BestPoint, Budget, History, Request, Resource, Runner, StopReason, Streams, reevaluate};
use rayon::prelude::*;

use crate::methods::{MethodEntry, Methods, Setup};
use crate::tasks::{Assessment, Instance, Readout, Task};
use crate::{Error, experiment};

/// Methods x tasks x readouts x seeds, with a grid of learning rates for every method.
pub struct Trials {
    /// What is trained.
    pub tasks: Vec<Box<dyn Task>>,
    /// How it is read out.
    pub readouts: Vec<Readout>,
    /// With which methods.
    pub methods: Methods,
    /// The learning rates, the same grid for every method.
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
    /// Mean norm of the measured gradient in the second half of the run.
    pub late_gradient_norm: f64,
    /// What was spent before the first point whose exact loss is at or below the task's threshold, in shots, or in circuits where
    /// values are exact; `None` if the run ended without one (censored at its budget).
    pub spent_to_threshold: Option<u64>,
    /// Exact loss at the start.
    pub start_loss: f64,
    /// The loss of the last point as it was measured again after training, from shots reserved for it.
    pub last_measured: f64,
    /// Exact figures of the last point.
    pub last: Assessment,
    /// Exact loss of the point with the smallest measured loss.
    pub best_loss: f64,
    /// Exact loss of that of the two that measured better when both were measured again, from shots reserved for it.
    pub chosen_loss: f64,
}

impl Trials {
    /// All cells, in the order of tasks, readouts, methods and seeds. Methods that need a metric tensor have cells only where
    /// values are exact and the task is not one of data.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (task, spec) in self.tasks.iter().enumerate() {
            for (readout, how) in self.readouts.iter().enumerate() {
                for (method, entry) in self.methods.entries().iter().enumerate() {
                    if entry.needs_query() || entry.needs_metric() && (how.is_noisy() || !spec.has_metric()) {
                        continue;
                    }
                    cells.extend((0..self.seeds).map(|seed| Cell { task, readout, method, seed }));
                }
            }
        }
        cells
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
        let rates: Vec<String> = self.rates.iter().map(f64::to_string).collect();
        pairs.extend([
            ("methods".to_owned(), names.join(", ")),
            ("learning rates of every method".to_owned(), rates.join(", ")),
            ("seeds".to_owned(), self.seeds.to_string()),
            (
                "hyperparameters".to_owned(),
                "the defaults of qopt: probe rho = 0.25, z = 0 exact and 2 from shots; periodic 10 descents, 2 ascents, rho = 1 falling to \
                 0; stall window 20, delta 1e-3 of the loss scale and 2 standard errors, 2 steps of 0.3 sqrt(P) rad together, revert, \
                 growth 1.5, cap 8; natural gradient regularization 0.01"
                    .to_owned(),
            ),
        ]);
        pairs
    }

    /// The canonical text of a cell: everything that its results depend on besides the root seed and the code. The keys are
    /// hashes of the task's description and of the device's whole profile.
    #[must_use]
    pub fn text(&self, cell: Cell) -> String {
        let rates: Vec<String> = self.rates.iter().map(|rate| format!("{rate:?}")).collect();
        format!(
            "task={} task_key={} readout={} readout_key={} method={} rates={} exact_iterations={} seed={}",
            self.tasks[cell.task].name(),
            key_of(&self.tasks[cell.task].description()),
            self.readouts[cell.readout],
            key_of(&self.readouts[cell.readout].key()),
            self.methods.entries()[cell.method].name(),
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
    /// [`Error::DuplicateName`] if two tasks, or two readouts, share a name; [`Error::NoIteration`] if the budget does not suffice
    /// for one iteration; and what the task, the method or the run refuse.
    ///
    /// # Panics
    ///
    /// If the cell is not one of these trials.
    pub fn run_cell(&self, cell: Cell, root_seed: u64) -> Result<Vec<TrialResult>, Error> {
        duplicate(self.tasks.iter().map(|task| task.name().to_owned()))?;
        duplicate(self.readouts.iter().map(ToString::to_string))?;
        let (task, readout) = (&self.tasks[cell.task], &self.readouts[cell.readout]);
        let key = format!("{} {} {}", task.name(), readout, cell.seed);
        let streams = Streams::new(root_seed, experiment::stream_key(&key));
        let instance = task.instance(&streams)?;
        let entry = &self.methods.entries()[cell.method];
        let mut results = Vec::new();
        if cell.method == 0 {
            for (name, assessment) in instance.baselines()? {
                results.push(baseline(task.name(), readout, name, cell.seed, assessment));
            }
        }
        for &rate in &self.rates {
            results.push(self.run(&**task, readout, &*instance, entry, rate, cell.seed, &streams)?);
        }
        Ok(results)
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
        objective.use_all_data(true);
        // Two evaluations after training, of the last and of the best point; where values are exact they are not part of it.
        let one = objective.price(&Request::VALUE);
        let reserve = if readout.is_noisy() { one + one } else { qopt::Bill::ZERO };
        objective.use_all_data(false);
        let iteration = objective.price(&Request::VALUE_AND_GRADIENT);
        let budget = match readout.limits() {
            Some(limits) if limits.shots_total.is_some() || limits.seconds_total.is_some() => {
                Budget { shots: limits.shots_total, seconds: limits.seconds_total, ..Budget::UNLIMITED }
            }
            _ if readout.is_noisy() => {
                let shots = iteration.shots.saturating_mul(self.exact_iterations) + reserve.shots;
                Budget { shots: Some(shots), ..Budget::UNLIMITED }
            }
            _ => {
                let circuits = iteration.circuits.saturating_mul(self.exact_iterations) + reserve.circuits;
                Budget { circuits: Some(circuits), ..Budget::UNLIMITED }
            }
        };
        let fitting = [
            budget.circuits.map(|all| all.saturating_sub(reserve.circuits) / iteration.circuits.max(1)),
            budget.shots.map(|all| all.saturating_sub(reserve.shots) / iteration.shots.max(1)),
            budget.seconds.map(|all| ((all - reserve.seconds) / iteration.seconds) as u64),
        ];
        let planned_iterations = fitting.into_iter().flatten().min().unwrap_or(self.exact_iterations);
        let no_iteration = || Error::NoIteration {
            problem: task.name().to_owned(),
            readout: readout.to_string(),
            method: entry.name().to_owned(),
        };
        if planned_iterations == 0 {
            return Err(no_iteration());
        }
        let setup = Setup {
            start: instance.start().to_vec(),
            rate,
            planned_iterations,
            iteration_in_losses: iteration.circuits as f64 / objective.price(&Request::VALUE).circuits.max(1) as f64,
            noisy: readout.is_noisy(),
            loss_scale: objective.loss_scale(),
            start_interval: instance.start_interval(),
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
        let mut solved = Solved::new(task.threshold(), readout.is_noisy(), instance);
        let outcome = Runner::new(&mut *method, &mut *objective, *streams)
            .budget(budget)
            .reserve(reserve)
            .observe(&mut best)
            .observe(&mut history)
            .observe(&mut count_ascents)
            .observe(&mut solved)
            .run()?;
        let best = best.theta().ok_or_else(no_iteration)?;
        objective.use_all_data(true);
        let mut spent = outcome.spent;
        let measured = [&outcome.last[..], best]
            .into_iter()
            .zip(0..)
            .map(|(theta, query)| reevaluate(&mut *objective, theta, streams, query))
            .collect::<Result<Vec<_>, _>>()?;
        if readout.is_noisy() {
            measured.iter().for_each(|evaluation| spent += evaluation.bill);
        }
        let (last, best) = (instance.assess(&outcome.last)?, instance.assess(best)?);
        let chosen = if measured[1].loss.value < measured[0].loss.value { best.loss } else { last.loss };
        let spent_to_threshold = solved.finish(last.loss)?;
        let late = &history.records()[history.records().len() / 2..];
        let late_gradient_norm = late.iter().map(|record| record.gradient_norm).sum::<f64>() / late.len().max(1) as f64;
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
            last_measured: measured[0].loss.value,
            last,
            best_loss: best.loss,
            chosen_loss: chosen,
        })
    }
}

/// Watches for the first point that solves the task, by its exact loss, which is outside the budget.
struct Solved<'a> {
    threshold: f64,
    shots: bool,
    instance: &'a dyn Instance,
    spent: u64,
    at: Option<u64>,
    error: Option<Error>,
}

impl<'a> Solved<'a> {
    fn new(threshold: f64, shots: bool, instance: &'a dyn Instance) -> Self {
        Self { threshold, shots, instance, spent: 0, at: None, error: None }
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
        if self.at.is_none() && self.error.is_none() {
            match self.instance.loss(observation.theta) {
                Ok(loss) if loss <= self.threshold => self.at = Some(self.spent),
                Ok(_) => {}
                Err(error) => self.error = Some(error),
            }
        }
        self.spent = if self.shots { observation.spent.shots } else { observation.spent.circuits };
        std::ops::ControlFlow::Continue(())
    }
}

/// Names are what results are told apart by.
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
        late_gradient_norm: 0.0,
        spent_to_threshold: None,
        start_loss: assessment.loss,
        last_measured: assessment.loss,
        last: assessment,
        best_loss: assessment.loss,
        chosen_loss: assessment.loss,
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

/// Columns of a trial's rows.
pub(crate) const COLUMNS: &[&str] = &[
    "task",
    "readout",
    "method",
    "rate",
    "seed",
    "reason",
    "iterations",
    "jobs",
    "circuits",
    "shots",
    "device_seconds",
    "device_joules",
    "ascents",
    "late_gradient_norm",
    "spent_to_threshold",
    "start_loss",
    "last_measured",
    "last_loss",
    "best_loss",
    "chosen_loss",
    "test_loss",
    "train_accuracy",
    "test_accuracy",
];

impl TrialResult {
    /// Its row, in the order of the trial's columns; empty cells where a figure does not exist.
    pub(crate) fn row(&self) -> Vec<experiment::Cell> {
        use experiment::Cell::{Integer, Number, Text};
        let optional = |value: Option<f64>| value.map_or_else(|| Text(String::new()), Number);
        vec![
            Text(self.task.clone()),
            Text(self.readout.clone()),
            Text(self.method.clone()),
            Number(self.rate),
            Integer(self.seed),
            Text(self.reason.clone()),
            Integer(self.iterations),
            Integer(self.spent.jobs),
            Integer(self.spent.circuits),
            Integer(self.spent.shots),
            Number(self.spent.seconds),
            Number(self.spent.joules),
            Integer(self.ascents),
            Number(self.late_gradient_norm),
            self.spent_to_threshold.map_or_else(|| Text(String::new()), Integer),
            Number(self.start_loss),
            Number(self.last_measured),
            Number(self.last.loss),
            Number(self.best_loss),
            Number(self.chosen_loss),
            optional(self.last.test_loss),
            optional(self.last.accuracy),
            optional(self.last.test_accuracy),
        ]
    }

    /// Reads a row back; `row` has the task identifier before the columns, `at` is its index for messages.
    pub(crate) fn from_row(at: usize, row: &[String]) -> Result<Self, Error> {
        let fields = experiment::Fields::new(at, COLUMNS, row)?;
        Ok(Self {
            task: fields.text("task")?.to_owned(),
            readout: fields.text("readout")?.to_owned(),
            method: fields.text("method")?.to_owned(),
            rate: fields.number("rate")?,
            seed: fields.integer("seed")?,
            reason: fields.text("reason")?.to_owned(),
            iterations: fields.integer("iterations")?,
            spent: qopt::Bill {
                jobs: fields.integer("jobs")?,
                circuits: fields.integer("circuits")?,
                shots: fields.integer("shots")?,
                seconds: fields.number("device_seconds")?,
                joules: fields.number("device_joules")?,
            },
            ascents: fields.integer("ascents")?,
            late_gradient_norm: fields.number("late_gradient_norm")?,
            spent_to_threshold: fields.optional("spent_to_threshold")?.map(|spent| spent as u64),
            start_loss: fields.number("start_loss")?,
            last_measured: fields.number("last_measured")?,
            last: Assessment {
                loss: fields.number("last_loss")?,
                test_loss: fields.optional("test_loss")?,
                accuracy: fields.optional("train_accuracy")?,
                test_accuracy: fields.optional("test_accuracy")?,
            },
            best_loss: fields.number("best_loss")?,
            chosen_loss: fields.number("chosen_loss")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{Classification, GroundState};

    fn trials(readout: Readout) -> Trials {
        Trials {
            tasks: vec![
                Box::new(GroundState::ising(3, 1.0, 0.8, 1).expect("valid")),
                Box::new(Classification::iris().expect("shipped data")),
            ],
            readouts: vec![readout],
            methods: Methods::shipped().only(|name| ["adam", "nlr-probe-adam", "natural-gradient"].contains(&name)),
            rates: vec![0.1, 0.3],
            seeds: 2,
            exact_iterations: 12,
        }
    }

    #[test]
    fn runs_of_one_seed_are_paired_and_none_exceeds_its_budget() {
        let readout = Readout::device("sensor-node", 20).expect("shipped");
        let limit = readout.limits().and_then(|limits| limits.shots_total).expect("this device has one");
        let results = trials(readout).run_all(5).expect("runs");
        for result in results.iter().filter(|r| r.rate > 0.0) {
            assert_eq!(result.reason, "shot budget");
            assert!(result.spent.shots <= limit, "{} of {limit}", result.spent.shots);
            // One more iteration of the dearest method would not have fitted.
            let per_iteration = result.spent.shots / result.iterations;
            assert!(result.spent.shots + 3 * per_iteration > limit, "{} stopped early", result.method);
            assert!(result.spent.seconds > 0.0 && result.spent.joules > 0.0);
            let twin = |r: &&TrialResult| r.task == result.task && r.seed == result.seed && r.rate > 0.0;
            assert!(results.iter().filter(twin).all(|r| r.start_loss == result.start_loss));
        }
        let starts: Vec<f64> = results.iter().filter(|r| r.rate > 0.0).map(|r| r.start_loss).collect();
        assert!(starts.iter().any(|&loss| loss != starts[0]), "seeds and tasks differ");
        // The natural gradient needs a metric tensor, which a device does not give.
        assert!(results.iter().all(|r| r.method != "natural-gradient"));
    }

    #[test]
    fn exact_runs_have_equal_circuits_and_descend() {
        let results = trials(Readout::Exact).run_all(5).expect("runs");
        assert!(results.iter().any(|r| r.method == "natural-gradient" && r.task == "tfim-3"));
        assert!(results.iter().all(|r| r.method != "natural-gradient" || r.task == "tfim-3"));
        for task in ["tfim-3", "iris"] {
            let of_task: Vec<_> = results.iter().filter(|r| r.task == task && r.rate > 0.0).collect();
            let adam = of_task.iter().find(|r| r.method == "adam").expect("there");
            assert_eq!(adam.iterations, 12);
            assert_eq!(adam.reason, "budget: circuits");
            for result in &of_task {
                assert!(result.spent.circuits <= adam.spent.circuits);
                assert!(result.last.loss.is_finite() && result.best_loss <= result.start_loss);
            }
        }
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("small");
            let readout = Readout::device("sensor-node", 50).expect("shipped");
            pool.install(|| trials(readout).run_all(9)).expect("runs")
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn rows_read_back() {
        let results = trials(Readout::Exact).run_all(1).expect("runs");
        for (at, result) in results.iter().enumerate() {
            let cells: Vec<String> = result.row().iter().map(ToString::to_string).collect();
            assert_eq!(cells.len(), COLUMNS.len());
            let row: Vec<String> = std::iter::once("id".to_owned()).chain(cells).collect();
            assert_eq!(&TrialResult::from_row(at, &row).expect("own row"), result);
        }
        assert!(matches!(TrialResult::from_row(0, &[]), Err(Error::Row { .. })));
    }

    /// Without a device the budget from shots is that of so many plain steps, and what solves a task is found by exact losses.
    #[test]
    fn shots_without_a_device_have_a_budget_and_a_threshold() {
        let methods = Methods::shipped().only(|name| ["adam", "nlr-probe-adam"].contains(&name));
        let task = crate::tasks::ProductPlateau::new(4).expect("valid");
        let trials = Trials { tasks: vec![Box::new(task)], methods, ..trials(Readout::Shots { shots: 100 }) };
        let trials = Trials { exact_iterations: 40, seeds: 6, rates: vec![0.3], ..trials };
        let results = trials.run_all(2).expect("runs");
        // A step of Adam: one value and two circuits per angle; two evaluations after training.
        let (step, evaluation) = (9 * 100, 100);
        for result in &results {
            assert!(result.spent.shots <= 40 * step + 2 * evaluation);
            if result.method == "adam" {
                assert_eq!((result.iterations, result.spent.shots), (40, 40 * step + 2 * evaluation));
                if let Some(spent) = result.spent_to_threshold {
                    assert!(spent % step == 0 && spent <= 40 * step);
                }
            }
            assert!(result.last.loss > 0.5 || result.spent_to_threshold.is_some());
        }
        let solved = results.iter().filter(|r| r.spent_to_threshold.is_some()).count();
        assert!((1..=results.len()).contains(&solved), "{solved}");
    }

    /// A device that runs out of time ends a run as normally as one that runs out of shots.
    #[test]
    fn a_time_budget_ends_a_run_normally() {
        let mut profile = qiot_profile::DeviceProfile::shipped("sensor-node").expect("shipped");
        profile.limits.seconds_total = Some(600.0);
        let readout = Readout::Device { profile: Box::new(profile), shots: 20 };
        let trials =
            Trials { tasks: vec![Box::new(GroundState::ising(3, 1.0, 0.8, 1).expect("valid"))], ..trials(readout) };
        for result in trials.run_all(3).expect("runs") {
            assert_eq!(result.reason, "time budget");
            assert!(result.spent.seconds <= 600.0 && result.iterations >= 1);
        }
    }

    #[test]
    fn two_tasks_of_one_name_are_refused() {
        let mut trials = trials(Readout::Exact);
        trials.tasks = vec![
            Box::new(GroundState::ising(3, 1.0, 0.8, 1).expect("valid")),
            Box::new(GroundState::ising(3, 1.0, 0.5, 1).expect("valid")),
        ];
        assert!(matches!(trials.run_all(1), Err(Error::DuplicateName { name }) if name == "tfim-3"));
    }

    #[test]
    fn a_budget_below_one_iteration_is_a_typed_error() {
        let readout = Readout::device("sensor-node", 4096).expect("shipped");
        let result = trials(readout).run_all(1);
        assert!(matches!(result, Err(Error::NoIteration { .. })), "{result:?}");
    }
}
