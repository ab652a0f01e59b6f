//! `qbench train`: a circuit on a metered device, with the ledger beside the loss; stopped and resumed at any step.

use std::f64::consts::PI;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use clap::Args;
use qcore::{PauliSum, StateVector, qasm};
use qgrad::objective::ExpectationObjective;
use qgrad::{Expectation, ParameterShift, Shots, StateVectorBackend};
use qiot_profile::{DeviceProfile, Ledger, Metered};
use qopt::{
    BestPoint, Bill, Budget, Method, Objective, Request, Resource, Role, RunState, Runner, State, StopReason, Streams,
    reevaluate,
};
use serde::{Deserialize, Serialize};

use super::device::DeviceFlags;
use super::error::{CommandError, Source};
use super::input::{CircuitFile, CircuitFlags, ObservableFlags, ParameterFlags, read_text};
use super::output::{WithError, print, write_whole};
use super::{Common, Terminal};
use crate::methods::max_shots;
use crate::plateau::AngleLaw;
use crate::{Methods, Need, Setup};

/// The task of the random streams.
const TASK: u128 = u128::from_le_bytes(*b"qbench::training");

/// Shots of each circuit where neither the command line nor the device says otherwise.
const DEFAULT_SHOTS: u64 = 1000;

/// Iterations of a device that limits nothing.
const DEFAULT_STEPS: u64 = 100;

/// Largest file of a run that is read.
const MAX_BYTES: u64 = 256 << 20;

/// Widest circuit whose exact loss is worked out at the end.
const MAX_EXACT_QUBITS: usize = 20;

#[derive(Args, Debug)]
pub(super) struct Flags {
    #[command(flatten)]
    pub(super) circuit: CircuitFlags,
    #[command(flatten)]
    observable: ObservableFlags,
    #[command(flatten)]
    device: DeviceFlags,
    /// Optimizer, by its name in the list of methods
    #[arg(long, value_name = "NAME", default_value = "adam")]
    method: String,
    /// Learning rate
    #[arg(long, value_name = "RATE", default_value_t = 0.1)]
    rate: f64,
    /// Shots of each circuit [default: 1000, or as many as the device gives]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    shots: Option<u64>,
    /// Steps at most, those before a resume included [default: what the device's budgets allow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Seed of the start and of all shots
    #[arg(long, value_name = "U64", default_value_t = 0)]
    seed: u64,
    /// The start [default: random angles in [0, 2 pi)]
    #[command(flatten)]
    start: ParameterFlags,
    /// Write the run to this JSON file after every step, and the circuit with its trained angles beside it as .trained.qasm
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Go on from the file of an earlier run with the same settings; --out is this file if it is not given
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// What a run must have in common with the run that it goes on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    circuit: String,
    observable: String,
    device: DeviceProfile,
    method: String,
    rate: f64,
    shots: u64,
    seed: u64,
    start: Vec<f64>,
}

impl Settings {
    /// The first setting that differs, in both runs.
    fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let texts = |settings: &Self| {
            [
                ("circuit", format!("{:.40?}", settings.circuit)),
                ("observable", settings.observable.clone()),
                ("device", settings.device.name.clone()),
                ("method", settings.method.clone()),
                ("learning rate", settings.rate.to_string()),
                ("number of shots", settings.shots.to_string()),
                ("seed", settings.seed.to_string()),
                ("start", format!("{:?}", settings.start)),
            ]
        };
        let equal = [
            self.circuit == other.circuit,
            self.observable == other.observable,
            self.device == other.device,
            self.method == other.method,
            self.rate == other.rate,
            self.shots == other.shots,
            self.seed == other.seed,
            self.start == other.start,
        ];
        let (ours, theirs) = (texts(self), texts(other));
        let at = equal.iter().position(|&equal| !equal)?;
        Some((ours[at].0, theirs[at].1.clone(), ours[at].1.clone()))
    }
}

/// A run as it stands in a file: after a step, or at its end. `parameters` are the best angles so far, so that the file can be
/// given to `--params-file`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Saved {
    parameters: Vec<f64>,
    settings: Settings,
    run: RunState,
    best: State,
    ledger: Ledger,
    /// Points that were measured again after the last step, in this and earlier parts of the run.
    evaluations: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<TrainAnswer>,
}

/// What a run came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TrainAnswer {
    parameters: Vec<f64>,
    parameter_names: Vec<String>,
    loss: f64,
    std_error: f64,
    /// From the simulator, outside the device and its bill.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact_loss: Option<f64>,
    reason: String,
    iterations: u64,
    ledger: Bill,
    refused_jobs: u64,
    method: String,
    device: String,
    seed: u64,
}

impl Display for TrainAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} after {} steps of {}: {}", self.device, self.iterations, self.method, self.reason)?;
        writeln!(f, "loss    {}", WithError { value: self.loss, std_error: self.std_error })?;
        if let Some(exact) = self.exact_loss {
            writeln!(f, "exact   {exact} (by the simulator, not billed)")?;
        }
        writeln!(f, "ledger  {}", Spent(&self.ledger))?;
        for (name, value) in self.parameter_names.iter().zip(&self.parameters) {
            writeln!(f, "{name} = {value}")?;
        }
        Ok(())
    }
}

struct Spent<'a>(&'a Bill);

impl Display for Spent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bill { jobs, circuits, shots, seconds, joules } = self.0;
        write!(f, "{jobs} jobs, {circuits} circuits, {shots} shots, {seconds:.1} s, {joules:.1} J")
    }
}

type DeviceObjective = ExpectationObjective<ParameterShift, Metered<StateVectorBackend>>;

/// One training, ready to make steps.
struct Training<'a> {
    file: &'a CircuitFile,
    observable: PauliSum,
    settings: Settings,
    objective: DeviceObjective,
    method: Box<dyn Method>,
    best: BestPoint,
    run: Option<RunState>,
    budget: Budget,
    reserve: Bill,
    evaluations: u32,
    streams: Streams,
}

impl Flags {
    fn settings(
        &self,
        file: &CircuitFile,
        observable: &PauliSum,
        terminal: &mut Terminal<'_>,
    ) -> Result<Settings, CommandError> {
        let device = self.device.read(terminal)?;
        let most = device.limits.shots_per_circuit.unwrap_or(DEFAULT_SHOTS);
        let start = if self.start.is_given() {
            self.start.values(&file.circuit, terminal)?
        } else {
            let mut rng = Streams::new(self.seed, TASK).at(0).rng(Role::Start);
            AngleLaw::CIRCLE.draw(file.circuit.parameters().len(), &mut rng)?
        };
        Ok(Settings {
            circuit: qasm::to_string(&file.circuit)?,
            observable: observable.to_string(),
            device,
            method: self.method.clone(),
            rate: self.rate,
            shots: self.shots.unwrap_or(DEFAULT_SHOTS.min(most)),
            seed: self.seed,
            start,
        })
    }
}

impl<'a> Training<'a> {
    fn new(
        flags: &Flags,
        methods: &Methods,
        file: &'a CircuitFile,
        observable: PauliSum,
        settings: Settings,
        saved: Option<(&Path, Saved)>,
    ) -> Result<Self, CommandError> {
        let ledger = saved.as_ref().map_or_else(Ledger::default, |(_, saved)| saved.ledger);
        let device = settings.device.clone();
        let limits = device.limits;
        let metered = Metered::resume(device, StateVectorBackend::new(), ledger)
            .map_err(|error| CommandError::Bench(error.into()))?
            .with_seed(settings.seed);
        let expectation = Expectation::of_all_parameters(&file.circuit, vec![observable.clone()])?;
        let estimator = ParameterShift { shots: Shots::PerCircuit(settings.shots) };
        let objective = ExpectationObjective::new(expectation, estimator, metered)?;
        // Two evaluations after training, of the last and of the best point.
        let one = objective.price(&Request::VALUE);
        let reserve = one + one;
        let iteration = objective.price(&Request::VALUE_AND_GRADIENT);
        let unlimited = limits.shots_total.is_none() && limits.seconds_total.is_none() && limits.jobs_total.is_none();
        let budget = Budget {
            iterations: flags.steps.or(unlimited.then_some(DEFAULT_STEPS)),
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
        let entry = methods.get(&settings.method).ok_or_else(|| CommandError::UnknownMethod {
            name: settings.method.clone(),
            known: methods.entries().iter().map(|entry| entry.name().to_owned()).collect(),
        })?;
        if entry.needs().contains(&Need::Axes) {
            let reason =
                "it chooses rotation axes besides angles, which `trial` compares and this command does not write down";
            return Err(CommandError::Refused { what: "--method", reason });
        }
        let method =
            entry.build(&setup).map_err(|source| crate::Error::Method { method: settings.method.clone(), source })?;
        let mut best = BestPoint::new(setup.start.len());
        let (mut run, mut evaluations) = (None, 0);
        if let Some((path, saved)) = saved {
            let other = |reason: qopt::StateError| CommandError::Resume {
                path: Source::File(path.to_owned()),
                reason: reason.to_string(),
            };
            best.restore(&saved.best).map_err(other)?;
            (run, evaluations) = (Some(saved.run), saved.evaluations);
        }
        let streams = Streams::new(settings.seed, TASK);
        Ok(Self { file, observable, settings, objective, method, best, run, budget, reserve, evaluations, streams })
    }

    /// One step; the reason if there is none any more.
    fn advance(&mut self) -> Result<Result<qopt::Step, StopReason>, CommandError> {
        let mut runner = Runner::new(&mut *self.method, &mut self.objective, self.streams)
            .budget(self.budget)
            .reserve(self.reserve)
            .observe(&mut self.best);
        if let Some(run) = &self.run {
            runner = runner.resume(run)?;
        }
        let step = runner.next().transpose()?;
        let stopped = runner.stop_reason().cloned();
        self.run = Some(runner.state());
        Ok(step.ok_or(stopped.unwrap_or(StopReason::Failed)))
    }

    fn saved(&self, answer: Option<TrainAnswer>) -> Option<Saved> {
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
            ledger: self.objective.backend().ledger(),
            evaluations: self.evaluations,
            answer,
        })
    }

    /// Measures the last and the best point again with the shots that were kept for it, and takes the better one.
    fn finish(&mut self, reason: &StopReason) -> Result<TrainAnswer, CommandError> {
        let last = self.method.theta().to_vec();
        let best = self.best.theta().unwrap_or(&last).to_vec();
        let mut chosen: Option<(qopt::Estimate, Vec<f64>)> = None;
        for theta in [last, best] {
            let evaluation = reevaluate(&mut self.objective, &theta, &self.streams, self.evaluations)?;
            self.evaluations += 1;
            if let Some(run) = &mut self.run {
                run.spent += evaluation.bill;
            }
            if chosen.as_ref().is_none_or(|(loss, _)| evaluation.loss.value < loss.value) {
                chosen = Some((evaluation.loss, theta));
            }
        }
        let (loss, parameters) = chosen.expect("two points were measured");
        let exact_loss = if self.file.num_qubits() <= MAX_EXACT_QUBITS {
            let mut state = StateVector::zero(self.file.num_qubits())?;
            state.apply_circuit(&self.file.circuit, &parameters).map_err(|error| self.file.locate(error))?;
            Some(state.expectation(&self.observable)?)
        } else {
            None
        };
        let ledger = self.objective.backend().ledger();
        Ok(TrainAnswer {
            parameters,
            parameter_names: self.file.circuit.parameters().to_vec(),
            loss: loss.value,
            std_error: loss.std_error,
            exact_loss,
            reason: match reason {
                StopReason::Budget { resource: Resource::Iterations } => "the steps are used up".to_owned(),
                StopReason::Budget { resource } => format!("the next step does not fit into the budget of {resource}"),
                StopReason::Refused { what } => format!("the device refused: {what}"),
                other => format!("{other:?}"),
            },
            iterations: self.run.as_ref().map_or(0, |run| run.step),
            ledger: ledger.bill.into(),
            refused_jobs: ledger.refused_jobs,
            method: self.settings.method.clone(),
            device: self.settings.device.name.clone(),
            seed: self.settings.seed,
        })
    }
}

pub(super) fn train(flags: &Flags, methods: &Methods, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let file = flags.circuit.read(terminal)?;
    let observable = flags.observable.read(file.num_qubits(), terminal)?;
    let settings = flags.settings(&file, &observable, terminal)?;
    let saved = match &flags.resume {
        None => None,
        Some(path) => Some((path.as_path(), read_saved(path, &settings, terminal)?)),
    };
    let before = saved.as_ref().and_then(|(_, saved)| saved.answer.clone());
    let out = flags.out.as_deref().or(flags.resume.as_deref());
    let mut training = Training::new(flags, methods, &file, observable, settings, saved)?;
    let mut steps = 0;
    let reason = loop {
        match training.advance()? {
            Err(reason) => break reason,
            Ok(step) => {
                steps += 1;
                if !flags.common.json {
                    tell(&step, &training.objective.backend().ledger(), terminal)?;
                }
                if let Some((path, saved)) = out.zip(training.saved(None)) {
                    write_whole(path, &to_json(&saved))?;
                }
            }
        }
    };
    // A run that had ended and has nothing left to spend keeps its answer.
    if let (0, Some(answer)) = (steps, before) {
        return print(&answer, flags.common.json, terminal);
    }
    if training.run.as_ref().is_none_or(|run| run.step == 0) {
        let reason = match reason {
            StopReason::Budget { resource } => format!("it does not fit into the budget of {resource}"),
            StopReason::Refused { what } => what,
            other => format!("{other:?}"),
        };
        return Err(CommandError::NoStep { reason });
    }
    let answer = training.finish(&reason)?;
    if let Some((path, saved)) = out.zip(training.saved(Some(answer.clone()))) {
        write_whole(path, &to_json(&saved))?;
        let bound = file.circuit.bound(&answer.parameters).map_err(|error| file.locate(error))?;
        write_whole(&path.with_extension("trained.qasm"), &qasm::to_string(&bound)?)?;
    }
    print(&answer, flags.common.json, terminal)
}

/// One line for a step.
fn tell(step: &qopt::Step, ledger: &Ledger, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let loss = step
        .report
        .loss
        .map_or_else(|| "-".to_owned(), |loss| WithError { value: loss.value, std_error: loss.std_error }.to_string());
    writeln!(terminal.stdout, "step {:>5}  loss {loss:<20}  {}", step.step, Spent(&ledger.bill.into()))
        .map_err(CommandError::Output)
}

fn read_saved(path: &Path, settings: &Settings, terminal: &mut Terminal<'_>) -> Result<Saved, CommandError> {
    let source = Source::File(path.to_owned());
    let text = read_text(&source, MAX_BYTES, terminal)?;
    let saved: Saved = serde_json::from_str(&text)
        .map_err(|error| CommandError::Resume { path: source.clone(), reason: error.to_string() })?;
    match settings.difference(&saved.settings) {
        None => Ok(saved),
        Some((what, found, expected)) => Err(CommandError::OtherRun { path: source, what, found, expected }),
    }
}

fn to_json(saved: &Saved) -> String {
    let mut text = serde_json::to_string(saved).expect("numbers, texts and lists have a JSON form");
    text.push('\n');
    text
}
