//! `qbench trial`: methods beside each other on tasks, at equal budgets.

mod angles;

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;

use super::data::DataFlags;
use super::device::DeviceFlags;
use super::error::{CommandError, Source};
use super::input::{CircuitFlags, OptionalObservableFlags};
use super::output::print;
use super::{Common, Terminal};
use crate::chemistry::Molecule;
use crate::graph::Graph;
use crate::summary::{Change, Condition, MethodSummary, leave_out, of_trials, table};
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

/// Most seeds: intervals resample all of them thousands of times, and leave each one out in turn.
const MOST_SEEDS: u64 = 10_000;

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
    /// Task: iris, breast-cancer, moons, seattle-weather, each also with -parity; h2, lih; tfim-N (1 to 48 qubits), maxcut-N (even, 4 to
    /// 24), and the global cost on N qubits of one RY each, product-N (1 to 48), or of hardware-efficient layers, hea-N (1 to 12);
    /// several by commas
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
    #[command(flatten)]
    data: DataFlags,
    /// Methods, separated by commas, or `all` [default: sgd, adam, nlr-probe-adam, kick-probe-adam]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    methods: Vec<String>,
    /// Learning rates for every method that has one [default: each method's own grid]
    #[arg(long, value_name = "RATE,...", value_delimiter = ',')]
    rates: Vec<f64>,
    /// Paired seeds: starts and splits of the data, 2 to 10000 [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=MOST_SEEDS))]
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
    /// None where the method knows no gradient, and for a baseline.
    late_gradient_norm: Option<f64>,
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
            chosen_loss: run.chosen.loss,
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
    let misfits = trials.misfits(flags.seed)?;
    let cells = trials.without(&misfits);
    if let Some(Omission { task, readout, reason, .. }) = misfits.first().filter(|_| cells.is_empty()) {
        let (task, readout, reason) = (task.clone(), readout.clone(), reason.to_string());
        return Err(CommandError::NothingFits { task, readout, reason });
    }
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
        // In the order of the cells, whatever the number of threads; a run that fails ends all.
        cells.par_iter().map(of_cell).collect::<Result<Vec<_>, _>>()
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
    let results = results?.concat();
    let mut conditions = of_trials(&results, &trials)?;
    leave_out(&mut conditions, &misfits);
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
        chosen_loss: method.mean(|run| run.chosen.loss),
        test_loss: mean_of(|last| last.test_loss),
        test_accuracy: mean_of(|last| last.test_accuracy),
        change_against_adam: method.against_adam.as_ref().map(Interval::from),
        change_against_base: method.against_base.as_ref().map(Interval::from),
        change_against_kick: method.against_kick.as_ref().map(Interval::from),
        wins_ties_losses: method.record,
        p_value: method.p_value,
        solved: Interval { value: method.solved(), lower, upper },
        cost_to_solve: method.median_spent_to_threshold(),
        late_gradient_norm: method.late_gradient_norm,
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
        let data = self.data.read(terminal)?;
        let own = self.circuit.is_some() || data.is_some();
        let of_suite = self.suite && self.task.is_empty() && !own;
        let tasks = if of_suite { owned(&SUITE_TASKS) } else { self.task.clone() };
        let mut tasks = tasks.iter().map(|name| named_task(name)).collect::<Result<Vec<_>, _>>()?;
        if self.circuit.is_none() && self.observable.is_given() {
            return Err(CommandError::Refused { what: "--observable", reason: "it goes with --circuit" });
        }
        if let Some(path) = &self.circuit {
            tasks.push(own_task(path, &self.observable, terminal)?);
        }
        if let Some((task, _)) = data {
            tasks.push(Box::new(task));
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
    if let Some(task) = Classification::shipped(of_data)? {
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
