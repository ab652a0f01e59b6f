//! What an experiment is: a list of tasks with strong identifiers, rows that come out of them, and a report made from rows
//! alone.
//!
//! Nothing here knows about files, threads or progress bars: whoever runs experiments (`cargo xtask reproduce`, or a user's
//! own program) owns those. [`Experiment::run`] is a pure function of the task and the seed, so rows can be computed in any
//! order, on any number of threads, and by several processes one after the other.

use std::fmt;

use crate::Error;

/// Raised whenever a change of the code moves the numbers of some experiment between releases; part of every task identifier,
/// so that rows of different epochs never mix.
pub const RESULTS_EPOCH: u32 = 1;

/// How much of an experiment is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// A slice that only shows that everything works; no conclusion is drawn from it.
    Quick,
    /// What the report is made from.
    Full,
}

/// One unit of work: everything that affects its rows is in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Position in the experiment; rows are written in this order.
    pub index: usize,
    /// Canonical description: `key=value` pairs separated by single spaces, floats in shortest round-trip form.
    pub text: String,
    /// First 16 hexadecimal digits of the BLAKE3 hash of epoch, experiment, seed and text.
    pub id: String,
}

impl Task {
    /// Makes the task with its identifier.
    #[must_use]
    pub fn new(experiment: &str, seed: u64, index: usize, text: String) -> Self {
        let digest = blake3::hash(format!("{RESULTS_EPOCH}\n{experiment}\n{seed}\n{text}").as_bytes());
        Self { index, text, id: digest.to_hex()[..16].to_owned() }
    }
}

/// One value of a result row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A label.
    Text(String),
    /// A count.
    Integer(u64),
    /// A number; printed in its shortest form that reads back to the same bits.
    Number(f64),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(count) => write!(f, "{count}"),
            Self::Number(number) => write!(f, "{number:?}"),
        }
    }
}

/// A result row, with one field per column of [`Experiment::columns`], as text.
///
/// Reports are made from rows as they stand in the file, so that a report of a resumed run cannot differ from that of an
/// uninterrupted one.
pub type Row = Vec<String>;

/// A key for the streams of what `text` describes: the first 128 bits of its BLAKE3 hash.
#[must_use]
pub fn stream_key(text: &str) -> u128 {
    let digest = blake3::hash(text.as_bytes());
    let first: [u8; 16] = std::array::from_fn(|k| digest.as_bytes()[k]);
    u128::from_le_bytes(first)
}

/// The fields of a row by the names of its columns.
pub(crate) struct Fields<'a> {
    at: usize,
    columns: &'static [&'static str],
    row: &'a [String],
}

impl<'a> Fields<'a> {
    /// `row` has the task identifier before the columns.
    pub(crate) fn new(at: usize, columns: &'static [&'static str], row: &'a [String]) -> Result<Self, Error> {
        if row.len() == columns.len() + 1 {
            Ok(Self { at, columns, row })
        } else {
            let text = row.join(",");
            Err(Error::Row { row: at, column: "task_id", text, expected: "a row with one field per column" })
        }
    }

    pub(crate) fn text(&self, column: &'static str) -> Result<&'a str, Error> {
        match self.columns.iter().position(|&name| name == column) {
            Some(index) => Ok(&self.row[index + 1]),
            None => Err(self.error(column, "", "a column of this experiment")),
        }
    }

    fn error(&self, column: &'static str, text: &str, expected: &'static str) -> Error {
        Error::Row { row: self.at, column, text: text.to_owned(), expected }
    }

    pub(crate) fn number(&self, column: &'static str) -> Result<f64, Error> {
        let text = self.text(column)?;
        text.parse().map_err(|_| self.error(column, text, "a number"))
    }

    pub(crate) fn integer(&self, column: &'static str) -> Result<u64, Error> {
        let text = self.text(column)?;
        text.parse().map_err(|_| self.error(column, text, "a count"))
    }

    pub(crate) fn optional(&self, column: &'static str) -> Result<Option<f64>, Error> {
        if self.text(column)?.is_empty() { Ok(None) } else { self.number(column).map(Some) }
    }
}

/// One point of a curve with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Abscissa.
    pub x: f64,
    /// Ordinate.
    pub y: f64,
    /// Lower and upper end of the interval, where there is one.
    pub interval: Option<(f64, f64)>,
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurveStyle {
    /// Markers with error bars, joined by a line: measured values.
    Measured,
    /// A dashed line without markers: theory or a reference value.
    Reference,
}

/// One curve of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Legend entry.
    pub label: String,
    /// Points in order of `x`.
    pub points: Vec<CurvePoint>,
    /// How it is drawn.
    pub style: CurveStyle,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Label with unit.
    pub label: String,
    /// Logarithmic (base 10) instead of linear.
    pub logarithmic: bool,
    /// If not empty: the abscissa is categorical, category `i` sits at `x = i`.
    pub categories: Vec<String>,
}

/// A figure, as data: whoever renders it decides about pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// File name without extension, unique over all experiments.
    pub name: String,
    /// One line above the figure.
    pub title: String,
    /// What is shown, from how many samples, and what the bars are.
    pub caption: String,
    /// Abscissa.
    pub x: Axis,
    /// Ordinate.
    pub y: Axis,
    /// Curves.
    pub curves: Vec<Curve>,
}

/// A table of a report, ready to print.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// One line above the table.
    pub title: String,
    /// What the columns are and how the intervals were made.
    pub caption: String,
    /// Column heads.
    pub columns: Vec<String>,
    /// Cells, one vector per row, as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

impl fmt::Display for Table {
    /// Plain text, columns aligned, for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = || std::iter::once(&self.columns).chain(&self.rows);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|k| lines().filter_map(|line| line.get(k)).map(|cell| cell.chars().count()).max().unwrap_or(0))
            .collect();
        writeln!(f, "{}", self.title)?;
        for line in lines() {
            let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        write!(f, "{}", self.caption)
    }
}

/// The part of the report that one experiment writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Paragraphs of plain text: what was done, and what came out.
    pub paragraphs: Vec<String>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Figures.
    pub figures: Vec<Figure>,
}

/// A named experiment.
pub trait Experiment: Send + Sync {
    /// The name by which it is chosen and by which its files are called; lower case with hyphens.
    fn name(&self) -> &'static str;

    /// One line: what it measures.
    fn title(&self) -> &'static str;

    /// Whether it takes so long that it runs only when it is asked for by name.
    fn is_by_name_only(&self) -> bool {
        false
    }

    /// The columns of its rows, without the leading `task_id` that whoever stores rows puts before them.
    fn columns(&self) -> &'static [&'static str];

    /// The tasks at a scale under a root seed, in the order of their rows.
    ///
    /// # Errors
    ///
    /// What the data sets or devices behind it refuse.
    fn tasks(&self, scale: Scale, seed: u64) -> Result<Vec<Task>, Error>;

    /// What is fixed at a scale besides the seed, as pairs of a name and a value: grids, budgets, sizes, hyperparameters.
    ///
    /// # Errors
    ///
    /// As [`Experiment::tasks`].
    fn configuration(&self, scale: Scale) -> Result<Vec<(String, String)>, Error>;

    /// Runs one task and returns its rows: a pure function of the task and the seed.
    ///
    /// # Errors
    ///
    /// What the simulation refuses; a run that meets its budget is not an error.
    fn run(&self, task: &Task, seed: u64) -> Result<Vec<Vec<Cell>>, Error>;

    /// Makes the experiment's part of the report from all its rows (with `task_id` first), in task order.
    ///
    /// # Errors
    ///
    /// [`Error::Row`] if a row cannot be read back.
    fn report(&self, rows: &[Row]) -> Result<Section, Error>;
}

/// The measured answer to one claim.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimAnswer {
    /// `C1` to `C6`.
    pub id: &'static str,
    /// The claim, in one sentence.
    pub claim: &'static str,
    /// The rule, fixed before the run, by which rows decide about it.
    pub rule: &'static str,
    /// What was measured, with number, interval and experiment; `None`: not measured yet.
    pub answer: Option<String>,
}

/// Rows of one experiment by its name.
pub type Results<'a> = [(&'a str, &'a [Row])];
