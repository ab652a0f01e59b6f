//! The result files: rows of an experiment in task order, as CSV.

use std::fs;
use std::path::Path;

use qbench::experiment::{Experiment, Row, Task};

use crate::Error;
use crate::files::write_atomically;

/// Name of the column that stands before the columns of the experiment.
pub const TASK_ID: &str = "task_id";

/// The rows of all tasks as CSV text: a head with [`TASK_ID`] and the experiment's columns, then the rows in task order; lines
/// end with a line feed on every platform.
///
/// # Errors
///
/// [`Error::Csv`], if a row has another length than the head.
pub fn to_csv<'a>(columns: &[&str], tasks: impl IntoIterator<Item = (&'a Task, &'a [Row])>) -> Result<Vec<u8>, Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    writer.write_record(std::iter::once(TASK_ID).chain(columns.iter().copied()))?;
    for (task, rows) in tasks {
        for row in rows {
            let cells = row.iter().map(String::as_str);
            writer.write_record(std::iter::once(task.id.as_str()).chain(cells))?;
        }
    }
    Ok(writer.into_inner().expect("a vector takes every byte that is flushed to it"))
}

/// Writes the result file of an experiment in one step.
///
/// # Errors
///
/// [`Error::Csv`], [`Error::File`].
pub fn write<'a>(
    path: &Path,
    columns: &[&str],
    tasks: impl IntoIterator<Item = (&'a Task, &'a [Row])>,
) -> Result<(), Error> {
    write_atomically(path, &to_csv(columns, tasks)?)
}

/// The rows (with [`TASK_ID`] first) and the bytes of a result file.
#[derive(Debug)]
pub struct Stored {
    /// Rows in the order of the file.
    pub rows: Vec<Row>,
    /// The file as it is.
    pub bytes: Vec<u8>,
}

/// Reads a result file, if it holds exactly these tasks of this experiment.
///
/// `None` if there is no such file, if it is not CSV with the experiment's columns, or if its task ids are not those of
/// `tasks` in their order: it then belongs to another seed, scale or epoch, or is not complete.
#[must_use]
pub fn read(path: &Path, experiment: &dyn Experiment, tasks: &[Task]) -> Option<Stored> {
    let bytes = fs::read(path).ok()?;
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes.as_slice());
    let head = reader.headers().ok()?;
    if !head.iter().eq(std::iter::once(TASK_ID).chain(experiment.columns().iter().copied())) {
        return None;
    }
    let rows: Vec<Row> =
        reader.records().map(|record| Some(record.ok()?.iter().map(str::to_owned).collect())).collect::<Option<_>>()?;
    let mut ids: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    ids.dedup();
    if !ids.into_iter().eq(tasks.iter().map(|task| task.id.as_str())) {
        return None;
    }
    Some(Stored { rows, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(index: usize, id: &str) -> Task {
        Task { index, text: String::new(), id: id.to_owned() }
    }

    #[test]
    fn the_text_is_fixed() {
        let rows = [vec!["1".to_owned(), "a,b".to_owned()], vec![String::new(), "say \"x\"\nthen".to_owned()]];
        let (first, second) = (task(0, "aa"), task(1, "bb"));
        let text = to_csv(&["n", "label"], [(&first, &rows[..1]), (&second, &rows[1..])]).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "task_id,n,label\naa,1,\"a,b\"\nbb,,\"say \"\"x\"\"\nthen\"\n");
    }

    #[test]
    fn a_row_of_another_length_is_an_error() {
        let rows = [vec!["1".to_owned()]];
        let first = task(0, "aa");
        assert!(to_csv(&["n", "label"], [(&first, &rows[..])]).is_err());
    }
}
