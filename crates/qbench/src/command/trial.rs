//! `qbench trial`: methods beside each other on tasks, at equal budgets.

mod angles;

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;

use super::device::DeviceFlags;
use super::error::{CommandError, Source};
use super::input::{CircuitFlags, OptionalObservableFlags, read_text};
use super::output::print;
use super::{Common, Terminal};
use crate::chemistry::Molecule;
use crate::data::{DataError, Dataset};
use crate::graph::Graph;
use crate::summary::{Change, Condition, MethodSummary, of_trials, table};
use crate::tasks::{Assessment, Classification, GroundState, ProductPlateau, Readout, Task};
use crate::{Methods, Omission, TrialResult, Trials, stats};

/// The tasks of `--suite`.
const SUITE_TASKS: [&str; 6] = ["iris", "breast-cancer", "tfim-6", "h2", "maxcut-8", "product-10"];

/// The methods of `--suite`: the baseline, negative rates with their controls, restarts, the escape policy, and what needs fewer
/// circuits. Not iCANS and gCANS: many circuits of few shots would take as long as all others together.
const SUITE_METHODS: [&str; 12] = [
    "sgd",
    "adam",
    "nlr-probe-adam",
    "kick-probe-adam",
    "nlr-stall-adam",
    "kick-stall-adam",
    "restart-adam",
    "annealed-adam",
    "screened-adam",
    "spsa",
    "random-coordinate",
    "rotosolve",
];

/// The methods of other trials.
const METHODS: [&str; 4] = ["sgd", "adam", "nlr-probe-adam", "kick-probe-adam"];

/// Largest data set that is read.
const MAX_DATA_BYTES: u64 = 64 << 20;

/// Qubits of a data set of one's own, if it has as many features.
const DATA_QUBITS: usize = 4;

/// Training samples of a data set of one's own at most.
const MAX_TRAINING: usize = 64;

/// Classes that a message about too many names.
const NAMED_CLASSES: usize = 8;

/// Samples of a step where values come from shots.
const BATCH: usize = 8;

/// How values are read: exactly or from so many shots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Exact,
    Shots(u64),
}

impl std::str::FromStr for Reading {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "exact" => Ok(Self::Exact),
            _ => match text.parse() {
                Ok(shots @ 1..=0x20_0000_0000_0000) => Ok(Self::Shots(shots)),
                _ => Err("allowed are exact, and 1 to 2^53 shots".to_owned()),
            },
        }
    }
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").args(["task", "circuit_file", "data", "suite"]).required(true).multiple(true))]
pub(super) struct Flags {
    /// Task: iris, breast-cancer, moons, seattle-weather, each also with -parity; h2, lih; tfim-N, maxcut-N, and the global cost on N
    /// qubits of one RY each, product-N, or of hardware-efficient layers, hea-N; several by commas
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    task: Vec<String>,
    /// Six tasks, twelve methods, exact values, 1000 and 100 shots, 20 seeds, 150 steps; other options take their places
    #[arg(long)]
    suite: bool,
    /// A circuit of one's own as a task, with --observable
    #[arg(long = "circuit", value_name = "FILE", id = "circuit_file")]
    circuit: Option<PathBuf>,
    #[command(flatten)]
    observable: OptionalObservableFlags,
    /// Data of one's own as a task: CSV with a header, numbers in all columns but one, which names two classes
    #[arg(long, value_name = "FILE.csv")]
    data: Option<PathBuf>,
    /// The column of --data with the classes [default: the last]
    #[arg(long, value_name = "NAME", requires = "data")]
    label: Option<String>,
    /// Qubits for --data, which see as many principal components [default: the number of features, at most 4]
    #[arg(long, value_name = "N", requires = "data", value_parser = clap::value_parser!(u64).range(2..=16))]
    qubits: Option<u64>,
    /// Layers of the circuit for --data
    #[arg(long, value_name = "N", requires = "data", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=64))]
    layers: u64,
    /// Methods, separated by commas, or `all` [default: sgd, adam, nlr-probe-adam, kick-probe-adam]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    methods: Vec<String>,
    /// Learning rates for every method that has one [default: each method's own grid]
    #[arg(long, value_name = "RATE,...", value_delimiter = ',')]
    rates: Vec<f64>,
    /// Paired seeds: starts and splits of the data [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=100_000))]
    seeds: Option<u64>,
    /// Shots of each circuit, or exact; several by commas [default: exact]
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    shots: Vec<Reading>,
    /// The budget is that of so many plain gradient steps; on a device it is the device's [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    steps: Option<u64>,
    /// Shipped device, such as sensor-node, or a profile in TOML, whose limits are the budget; needs --shots
    #[arg(long, value_name = "NAME|FILE", requires = "shots")]
    device: Option<String>,
    /// Write the trained angles of every method: one .json file for all, or a folder with a file for each, and with the circuit
    /// where there is one
    #[arg(long, value_name = "FILE.json|DIR")]
    write_angles: Option<PathBuf>,
    /// Root seed
    #[arg(long, value_name = "U64", default_value_t = 0)]
    seed: u64,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    #[command(flatten)]
    common: Common,
}

/// One method in one condition.
#[derive(Serialize)]
struct Row<'a> {
    task: &'a str,
    readout: &'a str,
    method: &'a str,
    rates: [f64; 2],
    seeds: usize,
    loss: f64,
    best_loss: f64,
    chosen_loss: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_accuracy: Option<f64>,
    change_against_adam: Option<Interval>,
    change_against_base: Option<Interval>,
    change_against_kick: Option<Interval>,
    /// Seeds in which it ends below, level with and above Adam.
    wins_ties_losses: [usize; 3],
    p_value: Option<f64>,
    /// Share of the seeds, with its 95 % Wilson interval.
    solved: Interval,
    /// The median over the seeds; none if that is a run that was not solved within its budget.
    cost_to_solve: Option<u64>,
    late_gradient_norm: f64,
    ascents: f64,
    iterations: f64,
    shots: f64,
    circuits: f64,
    device_seconds: f64,
    device_joules: f64,
    tuning_runs: u64,
    tuning_shots: u64,
    tuning_circuits: u64,
    runs: Vec<Run>,
}

/// One seed of a method, at the rate that was chosen for it.
#[derive(Serialize)]
struct Run {
    seed: u64,
    rate: f64,
    loss: f64,
    best_loss: f64,
    chosen_loss: f64,
    cost_to_solve: Option<u64>,
    iterations: u64,
    shots: u64,
    circuits: u64,
}

impl From<&TrialResult> for Run {
    fn from(run: &TrialResult) -> Self {
        Self {
            seed: run.seed,
            rate: run.rate,
            loss: run.last.loss,
            best_loss: run.best_loss,
            chosen_loss: run.chosen_loss,
            cost_to_solve: run.spent_to_threshold,
            iterations: run.iterations,
            shots: run.spent.shots,
            circuits: run.spent.circuits,
        }
    }
}

/// A method that has no runs in a condition.
#[derive(Serialize)]
struct LeftOut<'a> {
    task: &'a str,
    readout: &'a str,
    method: &'a str,
    reason: String,
}

#[derive(Serialize)]
struct Interval {
    value: f64,
    lower: f64,
    upper: f64,
}

impl From<&Change> for Interval {
    fn from(change: &Change) -> Self {
        Self { value: change.value, lower: change.lower, upper: change.upper }
    }
}

#[derive(Serialize)]
struct TrialAnswer<'a> {
    results: Vec<Row<'a>>,
    not_applicable: Vec<LeftOut<'a>>,
    seed: u64,
    #[serde(skip)]
    conditions: &'a [Condition],
}

impl Display for TrialAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.conditions.iter().try_for_each(|condition| {
            writeln!(f, "{}", table(condition))?;
            writeln!(f, "rates chosen by {} besides\n", condition.tuning)
        })
    }
}

pub(super) fn trial(flags: &Flags, methods: &Methods, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let trials = flags.trials(methods, terminal)?;
    if let Some(path) = &flags.write_angles {
        angles::check(path)?;
    }
    let cells = trials.cells();
    let bar = if terminal.progress { ProgressBar::new(cells.len() as u64) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {elapsed}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    let run = || {
        let of_cell = |&cell: &_| {
            let results = trials.run_cell(cell, flags.seed);
            bar.inc(1);
            results
        };
        // Collected in the order of the cells, whatever the number of threads.
        cells.par_iter().map(of_cell).collect::<Vec<_>>()
    };
    let results = match flags.jobs {
        None => run(),
        Some(jobs) => rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(jobs))
            .build()
            .map_err(CommandError::Threads)?
            .install(run),
    };
    bar.finish_and_clear();
    let results = results.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    let conditions = of_trials(&results, &trials)?;
    if let Some(path) = &flags.write_angles {
        angles::write(path, &conditions, &trials)?;
    }
    let left_out = conditions.iter().flat_map(|condition| &condition.omitted).map(|omission| {
        let Omission { task, readout, method, reason } = omission;
        LeftOut { task, readout, method, reason: reason.to_string() }
    });
    let not_applicable = left_out.collect();
    let answer = TrialAnswer { results: rows(&conditions), not_applicable, seed: flags.seed, conditions: &conditions };
    print(&answer, flags.common.json, terminal)
}

fn rows(conditions: &[Condition]) -> Vec<Row<'_>> {
    let all = conditions.iter().flat_map(|condition| condition.methods.iter().map(move |method| (condition, method)));
    all.map(|(condition, method)| row(condition, method)).collect()
}

fn row<'a>(condition: &'a Condition, method: &'a MethodSummary) -> Row<'a> {
    let (lower, upper) = stats::wilson(method.solved(), method.runs.len() as f64, 0.95);
    let mean_of = |figure: fn(&Assessment) -> Option<f64>| {
        let known = method.runs.iter().all(|run| figure(&run.last).is_some());
        known.then(|| method.mean(|run| figure(&run.last).unwrap_or(f64::NAN)))
    };
    Row {
        task: &condition.task,
        readout: &condition.readout,
        method: &method.name,
        rates: method.rates,
        seeds: method.runs.len(),
        loss: method.mean(|run| run.last.loss),
        best_loss: method.mean(|run| run.best_loss),
        chosen_loss: method.mean(|run| run.chosen_loss),
        test_loss: mean_of(|last| last.test_loss),
        test_accuracy: mean_of(|last| last.test_accuracy),
        change_against_adam: method.against_adam.as_ref().map(Interval::from),
        change_against_base: method.against_base.as_ref().map(Interval::from),
        change_against_kick: method.against_kick.as_ref().map(Interval::from),
        wins_ties_losses: method.record,
        p_value: method.p_value,
        solved: Interval { value: method.solved(), lower, upper },
        cost_to_solve: method.median_spent_to_threshold(),
        late_gradient_norm: method.mean(|run| run.late_gradient_norm),
        ascents: method.mean(|run| run.ascents as f64),
        iterations: method.mean(|run| run.iterations as f64),
        shots: method.mean(|run| run.spent.shots as f64),
        circuits: method.mean(|run| run.spent.circuits as f64),
        device_seconds: method.mean(|run| run.spent.seconds),
        device_joules: method.mean(|run| run.spent.joules),
        tuning_runs: method.tuning.runs,
        tuning_shots: method.tuning.shots,
        tuning_circuits: method.tuning.circuits,
        runs: method.runs.iter().map(Run::from).collect(),
    }
}

impl Flags {
    fn trials(&self, methods: &Methods, terminal: &mut Terminal<'_>) -> Result<Trials, CommandError> {
        let owned = |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
        let names = match &self.methods[..] {
            [] if self.suite => owned(&SUITE_METHODS),
            [] => owned(&METHODS),
            [all] if all == "all" => methods.entries().iter().map(|entry| entry.name().to_owned()).collect(),
            names => names.to_vec(),
        };
        let own = self.circuit.is_some() || self.data.is_some();
        let of_suite = self.suite && self.task.is_empty() && !own;
        let tasks = if of_suite { owned(&SUITE_TASKS) } else { self.task.clone() };
        let mut tasks = tasks.iter().map(|name| named_task(name)).collect::<Result<Vec<_>, _>>()?;
        if self.circuit.is_none() && self.observable.is_given() {
            return Err(CommandError::Refused { what: "--observable", reason: "it goes with --circuit" });
        }
        if let Some(path) = &self.circuit {
            tasks.push(own_task(path, &self.observable, terminal)?);
        }
        if let Some(path) = &self.data {
            tasks.push(Box::new(self.own_data(path, terminal)?));
        }
        if let Some(rate) = self.rates.iter().find(|rate| !(**rate > 0.0 && rate.is_finite())) {
            let what = format!("learning rate {rate:?}");
            return Err(CommandError::NotPositive { option: "--rates", what });
        }
        let readings = match &self.shots[..] {
            [] if self.suite => vec![Reading::Exact, Reading::Shots(1000), Reading::Shots(100)],
            [] => vec![Reading::Exact],
            readings => readings.to_vec(),
        };
        let profile = match &self.device {
            None => None,
            Some(device) => Some(DeviceFlags::named(device).read(terminal)?),
        };
        let readout = |&reading: &Reading| match (reading, &profile) {
            (Reading::Exact, None) => Ok(Readout::Exact),
            (Reading::Shots(shots), None) => Ok(Readout::Shots { shots }),
            (Reading::Shots(shots), Some(profile)) => {
                Ok(Readout::Device { profile: Box::new(profile.clone()), shots, noise: false })
            }
            (Reading::Exact, Some(_)) => {
                Err(CommandError::Refused { what: "--shots", reason: "a device gives no exact values" })
            }
        };
        Ok(Trials {
            tasks,
            readouts: readings.iter().map(readout).collect::<Result<_, _>>()?,
            methods: chosen(methods, &names)?,
            rates: self.rates.clone(),
            seeds: self.seeds.unwrap_or(if self.suite { 20 } else { 10 }),
            exact_iterations: self.steps.unwrap_or(if self.suite { 150 } else { 50 }),
        })
    }

    /// A table of one's own with the circuit of the shipped classification tasks: six of ten samples are for training, at most 64.
    fn own_data(&self, path: &Path, terminal: &mut Terminal<'_>) -> Result<Classification, CommandError> {
        let source = Source::of_path(path);
        let text = read_text(&source, MAX_DATA_BYTES, terminal)?;
        let in_file = |error: DataError| CommandError::Data { place: source.clone(), source: error };
        let stem = path.file_stem().map_or_else(|| "data".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let data = Dataset::from_table(&stem, &text, self.label.as_deref()).map_err(in_file)?;
        let names = data.label_names();
        if names.len() != 2 {
            let more = if names.len() > NAMED_CLASSES { ", ..." } else { "" };
            let classes = format!("{}{more}", names[..names.len().min(NAMED_CLASSES)].join(", "));
            return Err(in_file(DataError::NotTwoClasses { count: names.len(), classes }));
        }
        if let Some((class, &samples)) = data.class_sizes().iter().enumerate().find(|&(_, &size)| size < 2) {
            return Err(in_file(DataError::SmallClass { class, samples }));
        }
        let qubits = self.qubits.map_or(data.feature_count().clamp(2, DATA_QUBITS), |qubits| qubits as usize);
        let training = (data.len() * 6 / 10).clamp(2, MAX_TRAINING);
        Ok(Classification::new(stem, data, qubits, self.layers as usize, training, BATCH.min(training))?)
    }
}

/// The methods of these names, in the order of the list.
fn chosen(methods: &Methods, names: &[String]) -> Result<Methods, CommandError> {
    if let Some(name) = names.iter().find(|name| methods.get(name).is_none()) {
        let known = methods.entries().iter().map(|entry| entry.name().to_owned()).collect();
        return Err(CommandError::UnknownMethod { name: name.clone(), known });
    }
    Ok(methods.clone().only(|name| names.iter().any(|wanted| wanted == name)))
}

/// A shipped task. Sizes are those of the project's own trials.
fn named_task(name: &str) -> Result<Box<dyn Task>, CommandError> {
    let sized = |prefix: &str| name.strip_prefix(prefix).and_then(|size| size.parse::<usize>().ok());
    let (of_data, parity) = name.strip_suffix("-parity").map_or((name, false), |name| (name, true));
    let classification = match of_data {
        "iris" => Some(Classification::iris()?),
        "breast-cancer" => Some(Classification::breast_cancer()?),
        "moons" => Some(Classification::moons()?),
        "seattle-weather" => Some(Classification::seattle_weather()?),
        _ => None,
    };
    if let Some(task) = classification {
        return Ok(Box::new(if parity { task.with_parity() } else { task }));
    }
    let molecule = |of: &str| Molecule::shipped(of).expect("a shipped molecule");
    Ok(match name {
        "h2" => Box::new(GroundState::molecule(&molecule("H2_0.735"), 2)?),
        "lih" => Box::new(GroundState::molecule(&molecule("LiH_1.595_cas2_3"), 2)?),
        _ => {
            if let Some(qubits) = sized("tfim-") {
                Box::new(GroundState::ising(qubits, 1.0, 0.8, 3)?)
            } else if let Some(nodes) = sized("maxcut-") {
                Box::new(GroundState::max_cut(name, &Graph::moebius_ladder(nodes)?, 3)?)
            } else if let Some(qubits) = sized("product-") {
                Box::new(ProductPlateau::new(qubits)?)
            } else if let Some(qubits) = sized("hea-") {
                Box::new(GroundState::global_cost(qubits, 3)?)
            } else {
                return Err(CommandError::UnknownTask { name: name.to_owned() });
            }
        }
    })
}

fn own_task(
    path: &std::path::Path,
    observable: &OptionalObservableFlags,
    terminal: &mut Terminal<'_>,
) -> Result<Box<dyn Task>, CommandError> {
    let file = CircuitFlags::named(path).read(terminal)?;
    let Some(observable) = observable.read(file.num_qubits(), terminal)? else {
        return Err(CommandError::Refused { what: "--circuit", reason: "say what is minimized by --observable" });
    };
    let name = Source::of_path(path).to_string();
    Ok(Box::new(GroundState::custom(name, file.circuit, observable)?))
}
