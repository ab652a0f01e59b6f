//! Results of a trial as rows of a file, and back.

use super::TrialResult;
use crate::tasks::Assessment;
use crate::{Error, experiment};

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
            optional(self.late_gradient_norm),
            self.spent_to_threshold.map_or_else(|| Text(String::new()), Integer),
            Number(self.start_loss),
            Number(self.last_measured),
            Number(self.last.loss),
            Number(self.best_loss),
            Number(self.chosen.loss),
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
            late_gradient_norm: fields.optional("late_gradient_norm")?,
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
            chosen: Assessment {
                loss: fields.number("chosen_loss")?,
                test_loss: None,
                accuracy: None,
                test_accuracy: None,
            },
            angles: Vec::new(),
            axes: Vec::new(),
        })
    }
}
