//! Small experiments that the tests run.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use qbench::Error;
use qbench::experiment::{
    Axis, Cell, ClaimAnswer, Curve, CurvePoint, CurveStyle, Experiment, Figure, Results, Row, Scale, Section, Table,
    Task,
};
use xtask::progress::Progress;
use xtask::reproduce::{Options, Outcome, Project, reproduce};

/// What a task of [`Counting`] does besides counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The task with this index returns an error.
    Error(usize),
    /// The task with this index panics.
    Panic(usize),
    /// The task with this index gives no row.
    NoRow(usize),
    /// The task with this index gives a short row.
    ShortRow(usize),
    /// All tasks have the same text.
    SameText,
    /// The figure's name is a path.
    FigureName,
}

/// Rows from an arithmetic generator; later tasks are quicker, so that they end out of order.
pub(crate) struct Counting {
    pub(crate) name: &'static str,
    pub(crate) tasks: usize,
    pub(crate) pause: Duration,
    pub(crate) fault: Fault,
    pub(crate) runs: Arc<AtomicUsize>,
}

impl Counting {
    pub(crate) fn new(name: &'static str, tasks: usize) -> Self {
        Self { name, tasks, pause: Duration::ZERO, fault: Fault::None, runs: Arc::default() }
    }
}

impl Experiment for Counting {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        "Counting <with> & without"
    }

    fn columns(&self) -> &'static [&'static str] {
        &["index", "label", "value"]
    }

    fn tasks(&self, scale: Scale, seed: u64) -> Result<Vec<Task>, qbench::Error> {
        let count = if scale == Scale::Quick { self.tasks.div_ceil(2) } else { self.tasks };
        let text = |index| if self.fault == Fault::SameText { "same".to_owned() } else { format!("index={index}") };
        Ok((0..count).map(|index| Task::new(self.name, seed, index, text(index))).collect())
    }

    fn configuration(&self, scale: Scale) -> Result<Vec<(String, String)>, qbench::Error> {
        Ok(vec![("scale".to_owned(), format!("{scale:?} <for {} tasks>", self.tasks))])
    }

    fn run(&self, task: &Task, seed: u64) -> Result<Vec<Vec<Cell>>, Error> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(self.pause * (2 - (task.index % 2) as u32));
        match self.fault {
            Fault::Error(index) if index == task.index => return Err(Error::UnknownTask { text: task.text.clone() }),
            Fault::Panic(index) if index == task.index => panic!("out of luck"),
            Fault::NoRow(index) if index == task.index => return Ok(Vec::new()),
            Fault::ShortRow(index) if index == task.index => return Ok(vec![vec![Cell::Integer(1)]]),
            _ => {}
        }
        let mut state = seed ^ u64::from_str_radix(&task.id, 16).expect("an id is hexadecimal");
        let rows = (0..=task.index % 3).map(|part| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = (state >> 11) as f64 / (1_u64 << 53) as f64;
            let label = format!("part {part}, \"{}\"\nof <three>", task.index);
            vec![Cell::Integer(task.index as u64), Cell::Text(label), Cell::Number(value)]
        });
        Ok(rows.collect())
    }

    fn report(&self, rows: &[Row]) -> Result<Section, Error> {
        let number = |row: &Row, index: usize| row[index].parse().unwrap_or(f64::NAN);
        let points = rows.iter().map(|row| CurvePoint {
            x: number(row, 1),
            y: number(row, 3),
            interval: Some((number(row, 3) - 0.5, number(row, 3) + 0.5)),
        });
        let axis = |label: &str| Axis { label: label.to_owned(), logarithmic: false, categories: Vec::new() };
        let name = if self.fault == Fault::FigureName { "../up".to_owned() } else { format!("{}-values", self.name) };
        Ok(Section {
            paragraphs: vec![format!("There are {} rows <b>.", rows.len())],
            tables: vec![Table {
                title: "First row".to_owned(),
                caption: "As it <is>.".to_owned(),
                columns: ["task", "index", "label", "value"].map(str::to_owned).to_vec(),
                rows: rows.first().cloned().into_iter().collect(),
            }],
            figures: vec![Figure {
                name,
                title: "Values & intervals".to_owned(),
                caption: "All rows <here>.".to_owned(),
                x: axis("index"),
                y: axis("value"),
                curves: vec![Curve {
                    label: "value <1>".to_owned(),
                    points: points.collect(),
                    style: CurveStyle::Measured,
                }],
            }],
        })
    }
}

fn claims(results: &Results<'_>) -> Result<Vec<ClaimAnswer>, qbench::Error> {
    let rows = |name: &str| results.iter().find(|(known, _)| *known == name).map(|(_, rows)| rows.len());
    let claim = |id, name| ClaimAnswer {
        id,
        claim: "There are <many> rows.",
        rule: "More than none & so on.",
        answer: rows(name).map(|count| format!("{count} rows < 99 in {name}")),
    };
    Ok(vec![claim("C1", "one"), claim("C2", "two")])
}

pub(crate) fn project(experiments: Vec<Counting>) -> Project {
    Project {
        experiments: experiments.into_iter().map(|experiment| Arc::new(experiment) as Arc<dyn Experiment>).collect(),
        claims,
        kernel_level: "none".to_owned(),
    }
}

pub(crate) fn options(out: &Path) -> Options {
    Options {
        only: Vec::new(),
        seed: 2511,
        scale: Scale::Full,
        jobs: 2,
        out: out.to_owned(),
        fresh: false,
        command: "cargo xtask reproduce".to_owned(),
    }
}

/// Runs to the end and returns the claims' answers.
pub(crate) fn finish(project: &Project, options: &Options) -> Vec<Option<String>> {
    match reproduce(project, options, &AtomicBool::new(false), &mut Progress::silent()).expect("nothing fails") {
        Outcome::Finished { claims, .. } => claims.into_iter().map(|claim| claim.answer).collect(),
        Outcome::Interrupted => panic!("nobody stopped it"),
    }
}

pub(crate) fn read(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}
