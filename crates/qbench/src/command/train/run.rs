//! One training on a device, step by step.

use std::f64::consts::PI;
use std::path::Path;

use qiot_profile::Ledger;
use qiot_profile::fit::{FitReport, Limit};
use qopt::{
    BestPoint, Bill, Budget, Method, Request, Resource, RunError, RunState, Runner, StopReason, Streams, reevaluate,
};

use super::answer::{PauseAnswer, TrainAnswer};
use super::problem::Problem;
use super::saved::{Saved, Settings};
use crate::command::error::{CommandError, Source};
use crate::methods::max_shots;
use crate::tasks::{KeptDevice, Readout, Trainable};
use crate::{MethodEntry, Methods, Need, Setup};

/// Iterations of a device that limits nothing.
const DEFAULT_STEPS: u64 = 100;

/// Bytes of a number.
const NUMBER_BYTES: u64 = 8;

/// Vectors of a method that the report on a device counts already: point, candidate, two moments.
const COUNTED_VECTORS: usize = 4;

/// One training, ready to make steps.
pub(super) struct Training<'a> {
    problem: &'a Problem,
    settings: Settings,
    device: KeptDevice,
    objective: Box<dyn Trainable>,
    method: Box<dyn Method>,
    best: BestPoint,
    pub(super) run: Option<RunState>,
    budget: Budget,
    reserve: Bill,
    evaluations: u32,
    streams: Streams,
}

impl<'a> Training<'a> {
    pub(super) fn new(
        steps: Option<u64>,
        methods: &Methods,
        problem: &'a Problem,
        settings: Settings,
        streams: Streams,
        saved: Option<(&Path, Saved)>,
    ) -> Result<Self, CommandError> {
        let entry = method_on_devices(methods, &settings.method, problem.is_data())?;
        let report = problem.fit(&settings.device, settings.shots)?;
        check_fit(&report)?;
        let ledger = saved.as_ref().map_or_else(Ledger::default, |(_, saved)| saved.ledger);
        let limits = settings.device.limits;
        let device =
            KeptDevice::resume(settings.device.clone(), settings.noise, ledger, settings.seed).map_err(|error| {
                match &saved {
                    Some((path, _)) => {
                        CommandError::Resume { path: Source::File(path.to_path_buf()), reason: error.to_string() }
                    }
                    None => error.into(),
                }
            })?;
        let readout = Readout::Kept { device: device.clone(), shots: settings.shots };
        let mut objective = problem.objective(&readout)?;
        // Two evaluations after training, of the last and of the best point.
        objective.use_all_data(true);
        let last = objective.price(&Request::VALUE);
        let reserve = last + last;
        objective.use_all_data(false);
        let (one, iteration) = (objective.price(&Request::VALUE), objective.price(&Request::VALUE_AND_GRADIENT));
        let unlimited = limits.shots_total.is_none() && limits.seconds_total.is_none() && limits.jobs_total.is_none();
        let budget = Budget {
            iterations: steps.or(unlimited.then_some(DEFAULT_STEPS)),
            shots: limits.shots_total,
            seconds: limits.seconds_total,
            jobs: limits.jobs_total,
            ..Budget::UNLIMITED
        };
        let fitting = [
            budget.iterations,
            budget.shots.map(|all| all.saturating_sub(reserve.shots) / iteration.shots.max(1)),
            budget.jobs.map(|all| all.saturating_sub(reserve.jobs) / iteration.jobs.max(1)),
            budget.seconds.map(|all| ((all - reserve.seconds) / iteration.seconds) as u64),
        ];
        let planned_iterations = fitting.into_iter().flatten().min().unwrap_or(DEFAULT_STEPS).max(1);
        let setup = Setup {
            start: settings.start.clone(),
            rate: settings.rate,
            planned_iterations,
            iteration_in_losses: iteration.circuits as f64 / one.circuits.max(1) as f64,
            noisy: true,
            loss_scale: objective.loss_scale(),
            start_interval: (0.0, 2.0 * PI),
            axes: Vec::new(),
            max_shots: max_shots(settings.shots, planned_iterations, limits.shots_per_circuit),
        };
        let mut method =
            entry.build(&setup).map_err(|source| crate::Error::Method { method: settings.method.clone(), source })?;
        check_memory(&*method, &settings, &report)?;
        let mut best = BestPoint::new(setup.start.len());
        let (mut run, mut evaluations) = (None, 0);
        if let Some((path, saved)) = saved {
            let other = |reason: qopt::StateError| CommandError::Resume {
                path: Source::File(path.to_owned()),
                reason: reason.to_string(),
            };
            best.restore(&saved.best).map_err(other)?;
            method.restore(&saved.run.method).map_err(other)?;
            (run, evaluations) = (Some(saved.run), saved.evaluations);
        }
        Ok(Self { problem, settings, device, objective, method, best, run, budget, reserve, evaluations, streams })
    }

    /// What is kept for the measurements at the end. On a device with time windows they, and what a step measures late, may have to
    /// wait for shots that earlier jobs of the step have used, which its price does not know: that time is kept, too.
    fn kept(&mut self) -> Bill {
        if self.settings.device.limits.shots_per_window.is_none() {
            return self.reserve;
        }
        let Self { device, objective, method, .. } = self;
        let step = |objective: &dyn Trainable| {
            let mut sum = Bill::ZERO;
            method.plan(&mut |query| sum += objective.price_query(query).unwrap_or(Bill::ZERO));
            sum
        };
        let stated = step(&**objective);
        let in_turn = device.in_turn(|| {
            let mut sum = step(&**objective);
            objective.use_all_data(true);
            (0..2).for_each(|_| sum += objective.price(&Request::VALUE));
            objective.use_all_data(false);
            sum
        });
        Bill { seconds: (in_turn.seconds - stated.seconds).max(0.0), ..self.reserve }
    }

    /// One step; the reason if there is none any more.
    pub(super) fn advance(&mut self) -> Result<Result<qopt::Step, StopReason>, CommandError> {
        let reserve = self.kept();
        let mut runner = Runner::new(&mut *self.method, &mut *self.objective, self.streams)
            .budget(self.budget)
            .reserve(reserve)
            .observe(&mut self.best);
        if let Some(run) = &self.run {
            runner = runner.resume(run)?;
        }
        let step = runner.next().transpose()?;
        let stopped = runner.stop_reason().cloned();
        self.run = Some(runner.state());
        Ok(step.ok_or(stopped.unwrap_or(StopReason::Failed)))
    }

    pub(super) fn ledger(&self) -> Ledger {
        self.device.ledger()
    }

    /// What to change so that a step fits.
    pub(super) fn advice(&self) -> Result<Vec<String>, CommandError> {
        let report = self.problem.fit(&self.settings.device, self.settings.shots)?;
        Ok(report.advice.iter().map(ToString::to_string).collect())
    }

    pub(super) fn paused(&self) -> PauseAnswer {
        let ledger = self.ledger();
        let iterations = self.run.as_ref().map_or(0, |run| run.step);
        PauseAnswer { paused: true, iterations, ledger: ledger.bill.into(), refused_jobs: ledger.refused_jobs }
    }

    pub(super) fn saved(&self, answer: Option<TrainAnswer>) -> Option<Saved> {
        let run = self.run.clone()?;
        let parameters = match &answer {
            Some(answer) => &answer.parameters,
            None => self.best.theta().unwrap_or(&self.settings.start),
        };
        Some(Saved {
            parameters: parameters.to_vec(),
            settings: self.settings.clone(),
            run,
            best: self.best.state(),
            ledger: self.ledger(),
            evaluations: self.evaluations,
            answer,
        })
    }

    /// Measures the last and the best point again with the shots that were kept for it, and takes the better one. A point that the
    /// device refuses to measure again is not chosen, unless it refuses both: then it is the best one, with the loss measured there.
    pub(super) fn finish(&mut self, reason: &StopReason) -> Result<TrainAnswer, CommandError> {
        let last = self.method.theta().to_vec();
        let best = self.best.theta().unwrap_or(&last).to_vec();
        let (mut chosen, mut refused): (Option<(qopt::Estimate, Vec<f64>)>, _) = (None, None);
        self.objective.use_all_data(true);
        for theta in [last, best] {
            let measured = reevaluate(&mut *self.objective, &theta, &self.streams, self.evaluations);
            self.evaluations += 1;
            let evaluation = match measured {
                Err(RunError::Exhausted { what }) => {
                    refused = Some(what);
                    continue;
                }
                measured => measured?,
            };
            if let Some(run) = &mut self.run {
                run.spent += evaluation.bill;
            }
            if chosen.as_ref().is_none_or(|(loss, _)| evaluation.loss.value < loss.value) {
                chosen = Some((evaluation.loss, theta));
            }
        }
        self.objective.use_all_data(false);
        let on_the_way = || Some((self.best.loss()?, self.best.theta()?.to_vec()));
        let (loss, parameters) = match (chosen.or_else(on_the_way), &refused) {
            (Some(chosen), _) => chosen,
            (None, refused) => return Err(RunError::Exhausted { what: refused.clone().unwrap_or_default() }.into()),
        };
        let exact = self.problem.assess(&parameters)?;
        let noisy_loss =
            if self.settings.noise { self.problem.noisy_loss(&self.settings.device, &parameters)? } else { None };
        let ledger = self.ledger();
        Ok(TrainAnswer {
            parameters,
            parameter_names: self.problem.names(),
            loss: loss.value,
            std_error: loss.std_error,
            noisy_loss,
            exact_loss: exact.map(|exact| exact.loss),
            accuracy: exact.and_then(|exact| exact.accuracy),
            test_accuracy: exact.and_then(|exact| exact.test_accuracy),
            reason: match reason {
                StopReason::Budget { resource: Resource::Iterations } => "the steps are used up".to_owned(),
                StopReason::Budget { resource } => format!("the next step does not fit into the budget of {resource}"),
                StopReason::Refused { what } => format!("the device refused: {what}"),
                other => format!("{other:?}"),
            } + &refused
                .map_or_else(String::new, |what| format!("; a measurement at the end was refused: {what}")),
            iterations: self.run.as_ref().map_or(0, |run| run.step),
            ledger: ledger.bill.into(),
            refused_jobs: ledger.refused_jobs,
            method: self.settings.method.clone(),
            device: self.settings.device.name.clone(),
            noise: self.settings.noise,
            seed: self.settings.seed,
        })
    }
}

/// A method of the list that can work with what a device measures.
fn method_on_devices<'a>(methods: &'a Methods, name: &str, is_data: bool) -> Result<&'a MethodEntry, CommandError> {
    let names = |keep: fn(&MethodEntry) -> bool| -> Vec<String> {
        methods.entries().iter().filter(|&entry| keep(entry)).map(|entry| entry.name().to_owned()).collect()
    };
    let unknown = || CommandError::UnknownMethod { name: name.to_owned(), known: names(|_| true) };
    let entry = methods.get(name).ok_or_else(unknown)?;
    if entry.needs().contains(&Need::Metric) {
        let (method, others) = (name.to_owned(), names(|entry| !entry.needs().contains(&Need::Metric)));
        return Err(CommandError::MethodNeeds { method, what: "the metric tensor", others });
    }
    if entry.needs().contains(&Need::Axes) {
        let reason =
            "it chooses rotation axes besides angles, which `trial` compares and this command does not write down";
        return Err(CommandError::Refused { what: "--method", reason });
    }
    if is_data && entry.needs().contains(&Need::SineWaves) {
        let reason = "it takes the loss for a sine wave in each parameter, which that of data is not";
        return Err(CommandError::Refused { what: "--method", reason });
    }
    Ok(entry)
}

/// Refuses what no number of steps would make fit; budgets are the runner's.
fn check_fit(report: &FitReport) -> Result<(), CommandError> {
    let is_budget = |limit: Limit| matches!(limit, Limit::Shots | Limit::Time | Limit::Jobs);
    let Some(reason) = report.reasons.iter().find(|reason| !is_budget(reason.limit())) else { return Ok(()) };
    let helps = |advice: &&qiot_profile::fit::Advice| advice.limit.is_none_or(|limit| limit == reason.limit());
    let advice = report.advice.iter().filter(helps).map(ToString::to_string).collect();
    Err(CommandError::DoesNotFit { device: report.device.clone(), reason: reason.to_string(), advice })
}

/// Refuses a method that remembers more than the classical side of the device holds beside the circuit.
fn check_memory(method: &dyn Method, settings: &Settings, report: &FitReport) -> Result<(), CommandError> {
    let Some(allowed) = settings.device.limits.memory_bytes else { return Ok(()) };
    let more = method.state().numbers().saturating_sub(COUNTED_VECTORS * settings.start.len()) as u64;
    let needed = report.memory_bytes.saturating_add(more.saturating_mul(NUMBER_BYTES));
    if needed <= allowed {
        return Ok(());
    }
    let (method, device) = (settings.method.clone(), settings.device.name.clone());
    Err(CommandError::MethodMemory { method, device, needed, allowed })
}
