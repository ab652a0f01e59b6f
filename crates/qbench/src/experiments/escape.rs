//! Trials on true plateaus and on the tasks of the field: who escapes, at what cost.

use std::sync::OnceLock;

use super::trials::{TrialExperiment, conditions_of};
use super::{ESCAPE, ESCAPE_TUNING, PLATEAU_ESCAPE};
use crate::Error;
use crate::applicability::Omission;
use crate::chemistry::Molecule;
use crate::experiment::{
    Axis, Cell, Curve, CurvePoint, CurveStyle, Experiment, Figure, Row, Scale, Section, Table, Task,
};
use crate::graph::Graph;
use crate::methods::Methods;
use crate::stats;
use crate::summary::{Condition, MethodSummary};
use crate::tasks::{self, Classification, GroundState, ProductPlateau, Readout};
use crate::trial::Trials;

/// Iterations of plain descent that every budget pays for.
const ITERATIONS: u64 = 150;

/// The methods that stand side by side where time is short: plain rules, negative rates with their controls, restarts, screening, and
/// methods that choose their own points or shots.
const METHODS: [&str; 21] = [
    "sgd",
    "momentum",
    "adam",
    "natural-gradient",
    "nlr-probe-sgd",
    "nlr-probe-adam",
    "kick-probe-adam",
    "stay-probe-adam",
    "nlr-periodic-adam",
    "nlr-stall-adam",
    "kick-stall-adam",
    "adaptive-step-adam",
    "restart-adam",
    "annealed-adam",
    "screened-adam",
    "spsa",
    "random-coordinate",
    "icans",
    "gcans",
    "rotosolve",
    "rotoselect",
];

/// The trials by name: methods x tasks x exact, 1000 and 100 shots, and behind them every method on plateaus of growing width.
pub(super) struct EscapeTrials {
    tasks: TrialExperiment,
    plateaus: TrialExperiment,
}

impl EscapeTrials {
    pub(super) fn new() -> Self {
        let trial = |trials| TrialExperiment {
            name: ESCAPE,
            title: "Every method on every task, exact and from shots",
            trials,
            made: Default::default(),
            by_name_only: true,
        };
        Self { tasks: trial(all_tasks), plateaus: trial(plateaus_for_all) }
    }
}

impl Experiment for EscapeTrials {
    fn name(&self) -> &'static str {
        self.tasks.name()
    }

    fn title(&self) -> &'static str {
        self.tasks.title()
    }

    fn is_by_name_only(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [&'static str] {
        self.tasks.columns()
    }

    fn tasks(&self, scale: Scale, seed: u64) -> Result<Vec<Task>, Error> {
        let both = [self.tasks.tasks(scale, seed)?, self.plateaus.tasks(scale, seed)?].concat();
        Ok(both.into_iter().enumerate().map(|(index, task)| Task { index, ..task }).collect())
    }

    fn configuration(&self, scale: Scale) -> Result<Vec<(String, String)>, Error> {
        let plateaus = self.plateaus.configuration(scale)?;
        let plateaus = plateaus.into_iter().map(|(name, value)| (format!("plateaus: {name}"), value));
        Ok(self.tasks.configuration(scale)?.into_iter().chain(plateaus).collect())
    }

    fn run(&self, task: &Task, seed: u64) -> Result<Vec<Vec<Cell>>, Error> {
        for scale in [Scale::Full, Scale::Quick] {
            let before = self.tasks.trials(scale)?.cells().len();
            let (trial, index) = match task.index.checked_sub(before) {
                None => (&self.tasks, task.index),
                Some(index) => (&self.plateaus, index),
            };
            let task = Task { index, ..task.clone() };
            if trial.has(&task, scale)? {
                return trial.run(&task, seed);
            }
        }
        Err(Error::UnknownTask { text: task.text.clone() })
    }

    fn report(&self, rows: &[Row]) -> Result<Section, Error> {
        let (of_tasks, of_plateaus) = rows.split_at(self.rows_of_tasks(rows)?);
        let mut section = self.tasks.report(of_tasks)?;
        let plateaus = plateau_section(&self.plateaus, of_plateaus)?;
        section.paragraphs.extend(plateaus.paragraphs);
        section.tables.extend(plateaus.tables);
        section.figures.extend(plateaus.figures);
        Ok(section)
    }
}

impl EscapeTrials {
    /// Rows stand in the order of their cells, and the number of cells tells the scale.
    pub(super) fn rows_of_tasks(&self, rows: &[Row]) -> Result<usize, Error> {
        let cells: Vec<&[Row]> = rows.chunk_by(|a, b| a.first() == b.first()).collect();
        for scale in [Scale::Full, Scale::Quick] {
            let of_tasks = self.tasks.trials(scale)?.cells().len();
            if of_tasks + self.plateaus.trials(scale)?.cells().len() == cells.len() {
                return Ok(cells[..of_tasks].iter().map(|rows| rows.len()).sum());
            }
        }
        let text = format!("{} cells", cells.len());
        Err(Error::Row { row: rows.len(), column: "task_id", text, expected: "the rows of all cells" })
    }
}

fn seeds(scale: Scale) -> u64 {
    match scale {
        Scale::Quick => 2,
        Scale::Full => 20,
    }
}

fn all_tasks(scale: Scale) -> Result<Trials, Error> {
    let h2 = Molecule::shipped("H2_0.735").expect("a shipped molecule");
    let ladder = Graph::moebius_ladder(8)?;
    let tasks: Vec<Box<dyn tasks::Task>> = vec![
        Box::new(Classification::iris()?),
        Box::new(Classification::breast_cancer()?),
        Box::new(GroundState::ising(6, 1.0, 0.8, 3)?),
        Box::new(GroundState::molecule(&h2, 2)?),
        Box::new(GroundState::max_cut("maxcut-8", &ladder, 3)?),
        Box::new(ProductPlateau::new(10)?),
    ];
    Ok(Trials {
        tasks,
        readouts: vec![Readout::Exact, Readout::Shots { shots: 1000 }, Readout::Shots { shots: 100 }],
        methods: Methods::shipped(),
        rates: Vec::new(),
        seeds: seeds(scale),
        exact_iterations: ITERATIONS,
    })
}

/// The tasks on which the escape policy was chosen, none of which is in the large trial.
pub(super) fn escape_tuning() -> TrialExperiment {
    TrialExperiment {
        name: ESCAPE_TUNING,
        title: "The tasks on which the escape policy was chosen",
        trials: tuning_tasks,
        made: Default::default(),
        by_name_only: true,
    }
}

fn tuning_tasks(scale: Scale) -> Result<Trials, Error> {
    let hehp = Molecule::shipped("HeHplus_0.772").expect("a shipped molecule");
    let petersen = {
        let ring = (0..5).map(|a| (a, (a + 1) % 5, 1.0));
        let star = (0..5).map(|a| (5 + a, 5 + (a + 2) % 5, 1.0));
        Graph::new(10, ring.chain(star).chain((0..5).map(|a| (a, a + 5, 1.0))).collect())?
    };
    let tasks: Vec<Box<dyn tasks::Task>> = vec![
        Box::new(Classification::moons()?),
        Box::new(Classification::seattle_weather()?),
        Box::new(GroundState::ising(4, 1.0, 0.8, 3)?),
        Box::new(GroundState::molecule(&hehp, 2)?),
        Box::new(GroundState::max_cut("maxcut-petersen", &petersen, 2)?),
        Box::new(ProductPlateau::new(8)?),
    ];
    let names = ["adam", "annealed-adam", "screened-only-adam", "screened-adam"];
    Ok(Trials { tasks, methods: Methods::shipped().only(|name| names.contains(&name)), ..all_tasks(scale)? })
}

/// The share of runs that leave the plateau of the product ansatz, against the number of qubits.
pub(super) struct PlateauEscape {
    trial: TrialExperiment,
}

impl PlateauEscape {
    pub(super) fn new() -> Self {
        let trial = TrialExperiment {
            name: PLATEAU_ESCAPE,
            title: "Which methods leave a true plateau, and up to which width?",
            trials: plateaus,
            made: [const { OnceLock::new() }; 2],
            by_name_only: false,
        };
        Self { trial }
    }
}

fn plateaus(scale: Scale) -> Result<Trials, Error> {
    let widths: &[usize] = match scale {
        Scale::Quick => &[4, 8],
        Scale::Full => &[4, 8, 10, 12, 14, 16, 20],
    };
    let tasks = widths.iter().map(|&qubits| Ok(Box::new(ProductPlateau::new(qubits)?) as Box<dyn tasks::Task>));
    Ok(Trials {
        tasks: tasks.collect::<Result<_, Error>>()?,
        readouts: vec![Readout::Shots { shots: 100 }],
        methods: Methods::shipped().only(|name| METHODS.contains(&name)),
        rates: Vec::new(),
        seeds: seeds(scale),
        exact_iterations: 400,
    })
}

fn plateaus_for_all(scale: Scale) -> Result<Trials, Error> {
    Ok(Trials { methods: Methods::shipped(), ..plateaus(scale)? })
}

impl Experiment for PlateauEscape {
    fn name(&self) -> &'static str {
        self.trial.name()
    }

    fn title(&self) -> &'static str {
        self.trial.title()
    }

    fn columns(&self) -> &'static [&'static str] {
        self.trial.columns()
    }

    fn tasks(&self, scale: Scale, seed: u64) -> Result<Vec<Task>, Error> {
        self.trial.tasks(scale, seed)
    }

    fn configuration(&self, scale: Scale) -> Result<Vec<(String, String)>, Error> {
        self.trial.configuration(scale)
    }

    fn run(&self, task: &Task, seed: u64) -> Result<Vec<Vec<Cell>>, Error> {
        self.trial.run(task, seed)
    }

    fn report(&self, rows: &[Row]) -> Result<Section, Error> {
        let mut section = plateau_section(&self.trial, rows)?;
        let shipped = Methods::shipped();
        let names = shipped.entries().iter().map(|method| method.name());
        let only_there: Vec<&str> = names.filter(|name| !METHODS.contains(name)).collect();
        section.paragraphs.push(format!("In the large trial only ({ESCAPE}), for time: {}.", only_there.join(", ")));
        Ok(section)
    }
}

/// What became of the runs on plateaus of growing width.
fn plateau_section(trial: &TrialExperiment, rows: &[Row]) -> Result<Section, Error> {
    let mut conditions = conditions_of(rows)?;
    let omissions = trial.trials(Scale::Full)?.omissions();
    conditions.iter_mut().for_each(|condition| condition.leave_out(&omissions));
    Ok(Section {
        paragraphs: vec![
            "The global cost 1 - |<0|U|0>|^2 of one RY per qubit from uniformly random angles: the variance of a derivative falls as \
             (3/8)^n, and with 100 shots most gradients are exactly zero. A run has escaped once the exact cost is at most 0.5. Every \
             run has the shots of 400 plain gradient steps; learning rates are chosen by cross-fitting on the cost of the last point. \
             Rotoselect may turn a qubit about Z, which leaves it where the cost wants it: here it solves another task. Shares with \
             95 % Wilson intervals over the seeds."
                .to_owned(),
        ],
        tables: vec![table(&conditions)],
        figures: figures(trial.name, &conditions),
    })
}

/// The number of qubits, which the name of the task ends with.
fn width(condition: &Condition) -> f64 {
    condition.task.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(f64::NAN)
}

/// The share of the runs of a method that escape, with its interval.
fn share(method: &MethodSummary) -> String {
    let (low, high) = interval(method);
    format!("{:.2} [{low:.2}, {high:.2}]", method.solved())
}

/// The 95 % Wilson interval of the share of the runs of a method that escape.
fn interval(method: &MethodSummary) -> (f64, f64) {
    stats::wilson(method.solved(), method.runs.len() as f64, 0.95)
}

fn table(conditions: &[Condition]) -> Table {
    let mut columns = vec!["method".to_owned()];
    columns.extend(conditions.iter().map(|condition| format!("n = {}", width(condition))));
    let first = conditions.first();
    let left_out: Vec<&Omission> = first.iter().flat_map(|condition| &condition.omitted).collect();
    let run = first.iter().flat_map(|condition| &condition.methods).map(|method| method.name.clone());
    let names: Vec<String> = run.chain(left_out.iter().map(|omission| omission.method.clone())).collect();
    let row = |name: &String| {
        let cells = conditions.iter().map(|condition| {
            let found = condition.methods.iter().find(|method| method.name == *name);
            found.map_or_else(|| "n/a".to_owned(), share)
        });
        std::iter::once(name.clone()).chain(cells).collect()
    };
    let reasons: String =
        left_out.iter().map(|omission| format!(" {}, not applicable: {}.", omission.method, omission.reason)).collect();
    Table {
        title: "Share of runs that escape".to_owned(),
        caption: format!("Over {} paired seeds.{reasons}", first.map_or(0, Condition::seeds)),
        columns,
        rows: names.iter().map(row).collect(),
    }
}

/// Which figure a method stands in.
fn kind_of(name: &str) -> &'static str {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    match name {
        "sgd" | "momentum" | "nesterov" | "sign-descent" | "normalized-gradient" | "natural-gradient" => "rules",
        "adagrad" | "rmsprop" | "adam" | "adamw" | "amsgrad" | "nadam" | "lion" => "scaled-rules",
        _ if begins(&["nlr-"]) => "nlr",
        _ if begins(&["kick-"]) => "kicks",
        _ if begins(&["stay-", "flip-", "adaptive-step-"]) => "controls",
        _ if begins(&["restart-", "annealed-", "screened-"]) => "escapes",
        _ => "other",
    }
}

/// Figures by kind with plain Adam in each: so many curves in one could not be told apart.
fn figures(name: &str, conditions: &[Condition]) -> Vec<Figure> {
    let titles = [
        ("rules", "rules that follow the gradient"),
        ("scaled-rules", "rules that scale every component"),
        ("escapes", "restarts, screening and annealing"),
        ("nlr", "negative rates"),
        ("kicks", "steps in random directions instead of negative rates"),
        ("controls", "stays, flips and adaptive steps instead of negative rates"),
        ("other", "methods that choose their own points, axes or shots"),
    ];
    let figure = |(kind, title): (&str, &str)| {
        let first = conditions.first().into_iter().flat_map(|condition| &condition.methods);
        let names = first.map(|method| &*method.name).filter(|&name| name == "adam" || kind_of(name) == kind);
        Figure {
            name: format!("{name}-share-{kind}"),
            title: format!("Share of runs that escape the plateau of the product ansatz: {title}"),
            caption:
                "100 shots per circuit, the shots of 400 plain gradient steps; bars: 95 % Wilson intervals over seeds."
                    .to_owned(),
            x: Axis { label: "qubits".to_owned(), logarithmic: false, categories: Vec::new() },
            y: Axis { label: "share of runs".to_owned(), logarithmic: false, categories: Vec::new() },
            curves: names.map(|name| curve(name, conditions)).collect(),
        }
    };
    // Only Adam: a kind of which nothing was run.
    titles.into_iter().map(figure).filter(|figure| figure.curves.len() > 1).collect()
}

/// The share of the runs of a method that escape, against the width.
fn curve(name: &str, conditions: &[Condition]) -> Curve {
    let points = conditions.iter().filter_map(|condition| {
        let method = condition.methods.iter().find(|method| method.name == name)?;
        Some(CurvePoint { x: width(condition), y: method.solved(), interval: Some(interval(method)) })
    });
    Curve { label: name.to_owned(), points: points.collect(), style: CurveStyle::Measured }
}
