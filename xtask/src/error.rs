//! Errors of running, storing and reporting.

use std::path::PathBuf;

use qbench::experiment::Task;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// An experiment was asked for that does not exist.
    #[error("no experiment is called {name:?}; there are: {}", known.join(", "))]
    UnknownExperiment {
        /// What was asked for.
        name: String,
        /// All names.
        known: Vec<String>,
    },
    /// Another process runs experiments in the same folder.
    #[error("another run is using {}; wait for it or choose another folder with --out", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// An experiment cannot say what its tasks are.
    #[error("{experiment}: its tasks cannot be listed: {source}")]
    Planning {
        /// The experiment.
        experiment: &'static str,
        /// The reason.
        source: Box<qbench::Error>,
    },
    /// A task failed.
    #[error("{experiment}: task {} ({}) failed: {source}", task.id, task.text)]
    Task {
        /// The experiment.
        experiment: &'static str,
        /// The task.
        task: Box<Task>,
        /// The reason.
        source: Box<qbench::Error>,
    },
    /// The claims could not be answered from the rows.
    #[error("the claims cannot be answered: {source}")]
    Claims {
        /// The reason.
        source: Box<qbench::Error>,
    },
    /// A task panicked, which is a bug of the experiment.
    #[error("{experiment}: task {} ({}) panicked: {message}", task.id, task.text)]
    TaskPanicked {
        /// The experiment.
        experiment: &'static str,
        /// The task.
        task: Box<Task>,
        /// What the panic said.
        message: String,
    },
    /// A task's rows do not fit the experiment's columns, which is a bug of the experiment.
    #[error("{experiment}: task {id} gave {found}, expected {expected}")]
    Shape {
        /// The experiment.
        experiment: &'static str,
        /// The task's identifier.
        id: String,
        /// What it gave.
        found: String,
        /// What fits.
        expected: String,
    },
    /// Two tasks share an identifier, which is a bug of the experiment.
    #[error("{experiment}: tasks {first} and {second} have the same identifier {id}")]
    DuplicateTask {
        /// The experiment.
        experiment: &'static str,
        /// The identifier.
        id: String,
        /// Position of the first.
        first: usize,
        /// Position of the second.
        second: usize,
    },
    /// A result file does not hold what was just written to it.
    #[error("{} does not hold the rows of the tasks of {experiment}; run again", path.display())]
    Results {
        /// The experiment.
        experiment: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Rows could not be written as CSV.
    #[error("cannot write rows as csv: {source}")]
    Csv {
        /// The reason.
        #[from]
        source: csv::Error,
    },
    /// A record could not be written as JSON.
    #[error("cannot write json: {source}")]
    Json {
        /// The reason.
        #[from]
        source: serde_json::Error,
    },
    /// An experiment could not make its part of the report.
    #[error("{experiment}: no report: {source}")]
    Report {
        /// The experiment.
        experiment: &'static str,
        /// The reason.
        source: Box<qbench::Error>,
    },
    /// A figure has a name that cannot be a file name, or one that another figure has, which is a bug of the experiment.
    #[error("{experiment}: {name:?} cannot name a figure: {reason}")]
    FigureName {
        /// The experiment.
        experiment: &'static str,
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A figure could not be drawn.
    #[error("figure {name} cannot be drawn: {message}")]
    Figure {
        /// The figure.
        name: String,
        /// What the drawing said.
        message: String,
    },
    /// The threads could not be started.
    #[error("cannot start {jobs} threads: {source}")]
    Threads {
        /// How many were asked for.
        jobs: usize,
        /// The reason.
        source: rayon::ThreadPoolBuildError,
    },
}

impl Error {
    pub(crate) fn planning(experiment: &dyn qbench::experiment::Experiment, source: qbench::Error) -> Self {
        Self::Planning { experiment: experiment.name(), source: Box::new(source) }
    }

    /// The exit code of a program that ends with this error: 2 where the command line is at fault, otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::UnknownExperiment { .. } => 2,
            _ => 1,
        }
    }
}
