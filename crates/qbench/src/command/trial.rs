//! `qbench trial`: methods beside each other on tasks, at equal budgets.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;

use super::device::DeviceFlags;
use super::error::{CommandError, Source};
use super::input::{CircuitFlags, OptionalObservableFlags};
use super::output::print;
use super::{Common, Terminal};
use crate::chemistry::Molecule;
use crate::graph::Graph;
use crate::summary::{Change, Condition, conditions, table};
use crate::tasks::{Classification, GroundState, ProductPlateau, Readout, Task};
use crate::{Methods, Trials};

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").args(["task", "circuit_file"]).required(true).multiple(true))]
pub(super) struct Flags {
    /// Task: iris, breast-cancer, moons, seattle-weather, h2, or tfim-N, maxcut-N, product-N for N qubits; several by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    task: Vec<String>,
    /// A circuit of one's own as a task, with --observable
    #[arg(long = "circuit", value_name = "FILE", id = "circuit_file")]
    circuit: Option<PathBuf>,
    #[command(flatten)]
    observable: OptionalObservableFlags,
    /// Methods, separated by commas
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        default_value = "sgd,adam,nlr-probe-adam,kick-probe-adam"
    )]
    methods: Vec<String>,
    /// Learning rates, the same grid for every method
    #[arg(long, value_name = "RATE,...", value_delimiter = ',', default_value = "0.03,0.1,0.3")]
    rates: Vec<f64>,
    /// Paired seeds: starts and splits of the data
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=100_000))]
    seeds: u64,
    /// Shots of each circuit; several by commas [default: exact values]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    shots: Vec<u64>,
    /// The budget is that of so many plain gradient steps; on a device it is the device's
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    steps: u64,
    /// Shipped device, such as sensor-node, or a profile in TOML, whose limits are the budget; needs --shots
    #[arg(long, value_name = "NAME|FILE", requires = "shots")]
    device: Option<String>,
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
    change_against_adam: Option<Interval>,
    change_against_base: Option<Interval>,
    p_value: Option<f64>,
    solved: f64,
    iterations: f64,
    shots: f64,
    circuits: f64,
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
    seed: u64,
    #[serde(skip)]
    conditions: &'a [Condition],
}

impl Display for TrialAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.conditions.iter().try_for_each(|condition| {
            writeln!(f, "{}", table(condition))?;
            writeln!(f, "rates chosen by {}\n", condition.tuning)
        })
    }
}

pub(super) fn trial(flags: &Flags, methods: &Methods, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let methods = chosen(methods, &flags.methods)?;
    let mut tasks = flags.task.iter().map(|name| named_task(name)).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &flags.circuit {
        tasks.push(own_task(path, &flags.observable, terminal)?);
    }
    let readouts = if let Some(device) = &flags.device {
        let profile = DeviceFlags::named(device).read(terminal)?;
        let device = |&shots| Readout::Device { profile: Box::new(profile.clone()), shots };
        flags.shots.iter().map(device).collect()
    } else if flags.shots.is_empty() {
        vec![Readout::Exact]
    } else {
        flags.shots.iter().map(|&shots| Readout::Shots { shots }).collect()
    };
    let trials = Trials {
        tasks,
        readouts,
        methods: methods.clone(),
        rates: flags.rates.clone(),
        seeds: flags.seeds,
        exact_iterations: flags.steps,
    };
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
    let conditions = conditions(&results, &methods)?;
    let answer = TrialAnswer { results: rows(&conditions), seed: flags.seed, conditions: &conditions };
    print(&answer, flags.common.json, terminal)
}

fn rows<'a>(conditions: &'a [Condition]) -> Vec<Row<'a>> {
    let of_condition = |condition: &'a Condition| {
        let Condition { task, readout, methods, .. } = condition;
        methods.iter().map(move |method| Row {
            task,
            readout,
            method: &method.name,
            rates: method.rates,
            seeds: method.runs.len(),
            loss: method.mean(|run| run.last.loss),
            best_loss: method.mean(|run| run.best_loss),
            chosen_loss: method.mean(|run| run.chosen_loss),
            change_against_adam: method.against_adam.as_ref().map(Interval::from),
            change_against_base: method.against_base.as_ref().map(Interval::from),
            p_value: method.p_value,
            solved: method.solved(),
            iterations: method.mean(|run| run.iterations as f64),
            shots: method.mean(|run| run.spent.shots as f64),
            circuits: method.mean(|run| run.spent.circuits as f64),
        })
    };
    conditions.iter().flat_map(of_condition).collect()
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
    Ok(match name {
        "iris" => Box::new(Classification::iris()?),
        "breast-cancer" => Box::new(Classification::breast_cancer()?),
        "moons" => Box::new(Classification::moons()?),
        "seattle-weather" => Box::new(Classification::seattle_weather()?),
        "h2" => {
            let molecule = Molecule::shipped("H2_0.735").expect("a shipped molecule");
            Box::new(GroundState::molecule(&molecule, 2)?)
        }
        _ => {
            if let Some(qubits) = sized("tfim-") {
                Box::new(GroundState::ising(qubits, 1.0, 0.8, 3)?)
            } else if let Some(nodes) = sized("maxcut-") {
                Box::new(GroundState::max_cut(name, &Graph::moebius_ladder(nodes)?, 3)?)
            } else if let Some(qubits) = sized("product-") {
                Box::new(ProductPlateau::new(qubits)?)
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
